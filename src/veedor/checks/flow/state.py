"""Where the process left the sheets that it did not finish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.tables import cell
from veedor.checks import lateness, paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.lateness import Stream, points, span
from veedor.checks.recorded import whole

MOST_PLACES = 30


class State(Check):
    """Partition the sheets that the process did not finish by the state in which it left them.

    Every sheet is expected, received, processed, and published, once. The states are the
    authority's own words. Margins are official. No sheet is questioned for its state.

    Statistic
    ---------
    unfinished : int
        Official sheets that a state names.
    expected : int
        Official sheets of the count.
    states : array of {state, stations, remarks, sheets, valid, margin_points, compared,
        actual_points, predicted_points, unexplained_points, low, high, unexplained_votes,
        history_points, classes}
        `stations` and `remarks` count lines; the rest is of their official sheets with votes,
        beside what the finished sheets of their centres predict.
    all : the same for all of them together
    by_region : array of {place, stations, unfinished, share_points}
        Most unfinished first, 30 at most.
    also_published, also_processed, several_states : int
        Stations in a state that the publication at the cut, or the log of the last stage, holds all
        the same; and stations under more than one state.
    unknown : int
        Lines whose station no other source knows.
    neither : int
        Official sheets that the log of the last stage does not hold and no state names.

    Uncertainty
    -----------
    None for the partition; the prediction has the interval of a ratio over polling centres.

    Source
    ------
    A partition of the authority's own record; direct standardisation as in `trend.composition`.
    """

    title = "Sheets that the process did not finish"
    asks = "Did every sheet pass every step, and if not, where was it left?"
    rule = "Every sheet is received, processed and published once, or its state says why not."
    kind = "control"
    needs = ("states",)
    sentences = {
        "observed": (
            "Of {expected} official sheets, {unfinished} were left unfinished: {parts}. Their"
            " margin is {margin}; where their centres have finished sheets, these predict"
            " {predicted} and they have {actual} ({span} unexplained).{odd}{neither_too}"
        ),
        "not-observed": "No state names an official sheet.{neither_too}",
    }
    benign = (
        Benign(
            "remarks",
            "Sheets were kept back because something was observed on them, so that observations"
            " among them follow from how they were selected.",
            "{remarks} of {lines:line carries|lines carry} a remark of its own.",
        ),
        Benign(
            "place",
            "Sheets could not be sent from where networks are few.",
            "{classes}.",
        ),
        Benign("closed", "The process was ended before its queue was empty."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The lines of all states, the official sheets, and the names of the regions."""
        states = evidence.states()
        return {
            "states": states.select("sid", "station", "state", "remark", "source", "row"),
            "region": evidence.timed().select("sid", region=cell(evidence.case.region_level)),
            "places": paired.places(evidence),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all states."""
        lines = measured["states"]
        timed = measured["timed"]
        sids = np.array([-1 if s is None or s != s else int(s) for s in lines["sid"].tolist()])
        official = timed["sid"].astype(np.int64)
        named = np.isin(official, sids)
        stream = Stream.of(measured, context)
        statistic = {
            "unfinished": int(named.sum()),
            "expected": len(official),
            **_states(lines, sids, stream),
            "by_region": _regions(measured, named),
            **_contradictions(lines, sids, timed, context),
            "unknown": int((sids < 0).sum()),
            "neither": int((~named & _never(timed)).sum()) if context.stages else None,
        }
        observed = bool(named.any())
        yield self.fact(
            "observed" if observed else "not-observed",
            statistic,
            words={**(_words(statistic) if observed else {}), **_neither(statistic)},
            explanations=self.explain(**_tested(statistic, stream)) if observed else (),
            rows={
                "station": lines["station"],
                "state": lines["state"],
                "remark": lines["remark"].astype(bool),
                **_held(sids, timed),
                "source": lines["source"],
                "row": lines["row"],
            },
            key="station",
        )


def _never(timed: Columns) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(timed["t"].astype(np.float64)))


def _states(lines: Columns, sids: NDArray[np.int64], stream: Stream | None) -> dict[str, Any]:
    states = sorted({str(s) for s in lines["state"].tolist()})
    named = np.array([str(s) for s in lines["state"].tolist()], dtype=object)
    remarks = lines["remark"].astype(bool)
    every = np.ones(len(sids), dtype=bool)

    def part(some: NDArray[np.bool_]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "stations": int(some.sum()),
            "remarks": int((some & remarks).sum()),
        }
        if stream is not None:
            inside = np.isin(stream.sid, sids[some])
            unfinished = np.isin(stream.sid, sids)
            found |= lateness.described(stream, inside, ~unfinished)
        return found

    return {
        "states": [{"state": s, **part(named == s)} for s in states],
        "all": part(every),
    }


def _regions(measured: Mapping[str, Columns], named: NDArray[np.bool_]) -> list[dict[str, Any]]:
    names = dict(zip(whole(measured["places"]["region"]), measured["places"]["place"], strict=True))
    codes, inverse = np.unique(whole(measured["region"]["region"]), return_inverse=True)
    size = np.bincount(inverse, minlength=len(codes))
    left = np.bincount(inverse, weights=named, minlength=len(codes)).astype(np.int64)
    order = np.lexsort((codes, -left))[:MOST_PLACES]
    return [
        {
            "place": names.get(int(codes[i])),
            "stations": int(size[i]),
            "unfinished": int(left[i]),
            "share_points": round(100.0 * float(left[i]) / float(size[i]), 4),
        }
        for i in order
        if left[i]
    ]


def _contradictions(
    lines: Columns, sids: NDArray[np.int64], timed: Columns, context: Context
) -> dict[str, int]:
    official = timed["sid"].astype(np.int64)
    named = np.isin(official, sids)
    early = np.array([value is not None and bool(value) for value in timed["early"].tolist()])
    pairs = {(s, str(w)) for s, w in zip(sids.tolist(), lines["state"].tolist(), strict=True)}
    counts = np.unique([s for s, _ in pairs if s >= 0], return_counts=True)[1]
    return {
        "also_published": int((named & early).sum()),
        "also_processed": int((named & ~_never(timed)).sum()) if context.stages else 0,
        "several_states": int((counts > 1).sum()),
    }


def _held(sids: NDArray[np.int64], timed: Columns) -> dict[str, NDArray[np.bool_]]:
    """Of each line: do the publication at the cut, and the log, hold its sheet all the same?"""
    official = timed["sid"].astype(np.int64)
    early = np.array([value is not None and bool(value) for value in timed["early"].tolist()])
    logged = ~_never(timed)
    return {
        "published": np.isin(sids, official[early.astype(bool)]),
        "processed": np.isin(sids, official[logged]),
    }


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    every = statistic["all"]
    odd = statistic["also_published"] + statistic["also_processed"] + statistic["several_states"]
    return {
        "parts": ", ".join(
            f"{s['stations']:,} {s['state']}"
            for s in sorted(statistic["states"], key=lambda s: (-s["stations"], s["state"]))
        ),
        "margin": points(every.get("margin_points")),
        "predicted": points(every.get("predicted_points")),
        "actual": points(every.get("actual_points")),
        "span": span(every.get("low"), every.get("high")),
        "odd": ""
        if not odd
        else (
            f" {statistic['also_published']:,} of them are in the publication at the cut,"
            f" {statistic['also_processed']:,} in the log, and {statistic['several_states']:,}"
            " stations stand under several states: the records do not say the same there."
        ),
    }


def _neither(statistic: Mapping[str, Any]) -> dict[str, str]:
    """The sheets of which neither a log nor a state tells, for the sentence."""
    count = statistic["neither"]
    return {
        "neither_too": ""
        if not count
        else f" Of {count:,} official sheets neither the log of the last stage nor a state tells."
    }


def _tested(statistic: Mapping[str, Any], stream: Stream | None) -> dict[str, Mapping[str, Any]]:
    every = statistic["all"]
    found: dict[str, Mapping[str, Any]] = {
        "remarks": {"remarks": every["remarks"], "lines": every["stations"]}
    }
    classes = [c for c in every.get("classes", []) if c["class"]]
    if classes and stream is not None:
        anywhere = np.ones(len(stream.sid), dtype=bool)
        total = {c["class"]: c["sheets"] for c in lateness.by_class(stream, anywhere)}
        said = ", ".join(
            f"{c['class']} {c['sheets']:,} of {total[c['class']]:,}"
            f" ({100.0 * c['sheets'] / total[c['class']]:.1f} %)"
            for c in classes
        )
        found["place"] = {"classes": f"Unfinished by class of place: {said}"}
    return found
