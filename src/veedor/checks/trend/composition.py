"""Late and early sheets: how much of their difference is where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Interval
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.lateness import Stream, points, rounded, span
from veedor.stats.composition import Prediction, bootstrap, decompose, predict, resample

REPLICATES = 1000
MOST_POINTS = 8000
"""Centres that the map shows at most; the largest ones, where there are more."""


class Composition(Check):
    """Take the gap between late and early sheets apart at every grain, from the outermost region
    to the polling centre.

    Late is what was not published at the cut that the case names. All margins are official: the
    winner's votes less the runner-up's, in points of the valid votes. The grain decides the answer:
    coarse ones leave what differs between the places within them, so that all are shown and none is
    chosen. Late sheets of centres that have no early one cannot be judged this way, and are
    reported apart. A sheet filled in falsely at the table, early and late alike, is not seen.

    Statistic
    ---------
    gap_points : float
        Margin of the late sheets less that of the early ones.
    early, late : {sheets, valid, margin_points}
    groups : array of {group, centres, sheets, valid, margin_points, history_points}
        early-only, split-early, split-late and late-only: by what their centre has.
        `history_points` is the same lead in the earlier election at their places.
    grains : array of {grain, cells, shared_cells, overlap_late, overlap_early, composition_points,
        one_sided_points, rate_points, actual_points, predicted_points, unexplained_points, low,
        high, bootstrap_low, bootstrap_high, votes, national_points, sheets, valid, p_value}
        Kitagawa's composition and rate parts of the gap; then the late sheets of cells with early
        ones against the margin of the early sheets of their cell, linearised and resampled.
        `overlap_late` is the share, from 0 to 1, of late valid votes in such cells.
    needed : {published_sheets, published_valid, published_points, remainder_valid, needed_points,
        actual_points} or null
        What the votes not yet published at the cut had to give for the outcome to stand.
    late_only : {sheets, valid, margin_points, history_points, needed_points, votes_over}
        The late sheets of centres without early ones, the margin that they needed for the outcome
        to stand had the other late sheets been as the early ones of their centres predict, and by
        how many votes of lead they exceed it.
    by_size, by_state : array of {..., sheets, valid, unexplained_points, low, high, votes}
        The unexplained part at centre grain, by registered voters of the station (below the median
        of its centre, and not below; stations without that number are in neither) and by the state
        in which the process left the sheet.
    without_votes, too_large : int
        Sheets left out: without a valid vote, or with more votes than there are people.

    Uncertainty
    -----------
    Centres are the independent units: Student's t on the linearised ratio, and percentiles of 1,000
    resampled elections. The p-value is that of the unexplained part at centre grain. It asks
    whether the difference is more than what varies from centre to centre, not what it comes from:
    any habit by which some stations of a centre report later, and have other voters, counts.

    Source
    ------
    E. Kitagawa, Components of a difference between two rates, Journal of the American Statistical
    Association 50 (1955); W. Cochran, Sampling Techniques (1977), 6.3; A. Davison and D. Hinkley,
    Bootstrap Methods and their Application (1997), 3.8. Prediction of late sheets from early ones
    of the same place: N. Idrobo, D. Kronick, F. Rodriguez, Do Shifts in Late-Counted Votes Signal
    Fraud? Evidence from Bolivia, The Journal of Politics 84(4), 2022.
    """

    title = "Late sheets and where they come from"
    asks = "Do late sheets differ from the early sheets of their own polling centre?"
    rule = (
        "Late sheets may differ from early ones as the places that report late differ; within one"
        " polling centre there is no reason in the rules why they should."
    )
    kind = "anomaly"
    p_value_of = "the difference that is left within polling centres, not of the whole gap"
    needs = ("early",)
    promise = Promise(alarm="p-value", honest=("plain", "rural-late"), tampered={"moved-late": 0.8})
    sentences = {
        "any": (
            "Late sheets of centres with early ones are {unexplained} from what these predict"
            " ({span}): {votes} votes of the lead, {national} of the whole count{slack}. Without"
            " regard to place, the late sheets' margin is {gap} from that of the early ones; where"
            " they come from, by polling centre, makes {composition} of it. {lone:late sheet"
            " lies|late sheets lie} in centres without an early one, with {lone_valid} valid votes,"
            " and cannot be judged this way."
        ),
        "not-determinable": (
            "Too few polling centres have both early and late sheets with valid votes to say what"
            " is usual within one; {lone:late sheet lies|late sheets lie} in centres without an"
            " early one, with {lone_valid} valid votes."
        ),
    }
    benign = (
        Benign(
            "place",
            "The places that report late vote otherwise: far, rural, or with slow networks.",
            "The early sheets of their own centres predict a margin of {predicted} for the late"
            " ones, which have {actual}. {coarse}",
        ),
        Benign(
            "size",
            "Late stations of a centre are the small ones, or the last of its list of voters, and"
            " such voters differ.",
            "Unexplained among the stations with fewer registered voters than the middle of their"
            " centre: {small}; among the others: {large}.",
        ),
        Benign(
            "held-back",
            "Sheets held back for an observation differ from others of their centre.",
            "Unexplained among late sheets that the process did not finish: {unfinished}; among"
            " those that it did: {finished}.",
        ),
        Benign("order", "Within a centre, sheets with something unusual are handled last."),
        Benign("corrected", "Late sheets were corrected more often than early ones."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The sheets, the official totals, and the sums of what was published at the cut."""
        queries = lateness.measure(evidence)
        if name := evidence.snapshot_at_cut:
            sheets = evidence.sheets(name)
            sums = {v: sheets[v].fill_null(0).sum() for v in evidence.votes_columns}
            queries["snapshot"] = sheets.agg(
                sheets=sheets.count(), valid=sheets.valid.sum().fill_null(0), **sums
            )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all grains."""
        stream = Stream.of(measured, context)
        if stream is None or not stream.known:
            words = {"lone": 0, "lone_valid": 0}
            yield self.fact("not-determinable", {"gap_points": None}, words=words)
            return
        centre = predict(stream.centre, stream.late, stream.lead, stream.valid, stream.centre)
        weights = resample(len(np.unique(stream.centre)), REPLICATES, context.rng)
        grains = [_grain(name, codes, stream, weights) for name, codes in _grains(stream)]
        statistic = _statistic(stream, grains, measured.get("snapshot"), context)
        if centre is None or np.isnan(centre.p_value):
            yield self.fact("not-determinable", statistic, words=_words(stream, statistic))
            return
        yield self.fact(
            "observed" if centre.p_value <= 0.05 else "not-observed",
            statistic,
            words=_words(stream, statistic),
            interval=Interval(
                of="grains[-1].unexplained_points",
                level=0.95,
                low=round(centre.low, 6),
                high=round(centre.high, 6),
                method="ratio over polling centres, linearised, Student's t",
            ),
            p_value=centre.p_value,
            explanations=self.explain(**_tested(stream, statistic)),
            parameters={"replicates": REPLICATES, "cut": _cut(context)},
            rows=_rows(stream),
            figures=_figures(stream, statistic, context),
        )


def _cut(context: Context) -> str | None:
    return context.case.cut.at.isoformat() if context.case.cut else None


def _grains(stream: Stream) -> list[tuple[str, NDArray[np.int64]]]:
    """The class of the place, the two outermost levels that have several cells together with the
    class, and each level from coarse to fine.
    """
    found = list(stream.cells.items())
    codes = stream.class_codes()
    if codes is None:
        return found
    several = [(name, c) for name, c in found if len(np.unique(c)) > 1]
    crossed = [
        (f"{name} x class", np.unique(np.stack([c, codes]), axis=1, return_inverse=True)[1])
        for name, c in several[:2]
    ]
    return [("class", codes), *crossed, *found]


def _grain(
    name: str, codes: NDArray[np.int64], stream: Stream, weights: NDArray[np.uint16]
) -> dict[str, Any]:
    parts = decompose(codes, stream.late, stream.lead, stream.valid)
    found = predict(codes, stream.late, stream.lead, stream.valid, stream.centre)
    entry: dict[str, Any] = {"grain": name}
    if parts is not None:
        entry |= {
            "cells": parts.cells,
            "shared_cells": parts.shared_cells,
            "overlap_late": rounded(parts.overlap_late),
            "overlap_early": rounded(parts.overlap_early),
            "composition_points": rounded(parts.composition),
            "one_sided_points": rounded(parts.one_sided),
            "rate_points": rounded(parts.rate),
        }
    if found is not None:
        drawn = bootstrap(codes, stream.late, stream.lead, stream.valid, stream.centre, weights)
        drawn = drawn[~np.isnan(drawn)]
        low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) > 1 else (np.nan, np.nan)
        entry |= {
            "actual_points": rounded(found.actual),
            "predicted_points": rounded(found.predicted),
            **_unexplained(found, stream),
            "bootstrap_low": rounded(low),
            "bootstrap_high": rounded(high),
        }
    return entry


def _unexplained(found: Prediction, stream: Stream) -> dict[str, Any]:
    return {
        "unexplained_points": rounded(found.unexplained),
        "low": rounded(found.low),
        "high": rounded(found.high),
        "votes": rounded(found.votes, 1),
        "national_points": rounded(100.0 * found.votes / stream.total),
        "sheets": found.sheets,
        "valid": found.valid,
        "p_value": None if np.isnan(found.p_value) else float(f"{found.p_value:.6g}"),
    }


def _statistic(
    stream: Stream, grains: list[dict[str, Any]], snapshot: Columns | None, context: Context
) -> dict[str, Any]:
    late = stream.late
    early_margin, late_margin = stream.margin(~late), stream.margin(late)
    gap = None if early_margin is None or late_margin is None else late_margin - early_margin
    masks = _groups(stream)
    lone = masks["late-only"]
    needed = _needed_of(stream, lone, grains[-1].get("votes") or 0.0)
    return {
        "gap_points": rounded(gap),
        "early": stream.group(~late),
        "late": stream.group(late),
        "groups": [
            {
                "group": name,
                "centres": len(np.unique(stream.centre[mask])),
                **stream.group(mask),
                "history_points": rounded(stream.history_margin(mask)),
            }
            for name, mask in masks.items()
        ],
        "grains": grains,
        "needed": _needed(stream, snapshot, context),
        "late_only": {
            **stream.group(lone),
            "history_points": rounded(stream.history_margin(lone)),
            "needed_points": rounded(needed),
            "votes_over": None
            if needed is None
            else rounded(
                float(stream.lead[lone].sum()) - needed * stream.valid[lone].sum() / 100, 1
            ),
        },
        "by_size": _by_size(stream),
        "by_state": _by_state(stream),
        "without_votes": stream.without_votes,
        "too_large": stream.too_large,
    }


def _groups(stream: Stream) -> dict[str, NDArray[np.bool_]]:
    """Sheets by whether their centre has early sheets, late ones, or both."""
    _, inverse = np.unique(stream.centre, return_inverse=True)
    any_late, any_early = (
        (np.bincount(inverse, weights=mask) > 0)[inverse] for mask in (stream.late, ~stream.late)
    )
    return {
        "early-only": ~stream.late & ~any_late,
        "split-early": ~stream.late & any_late,
        "split-late": stream.late & any_early,
        "late-only": stream.late & ~any_early,
    }


def _needed_of(stream: Stream, some: NDArray[np.bool_], unexplained: float) -> float | None:
    """The margin that some sheets needed for the outcome to stand, without the unexplained votes
    of the others.
    """
    base = int(stream.valid[some].sum())
    if stream.needed_lead is None or not base:
        return None
    others = float(stream.lead[~some].sum()) - unexplained
    return 100.0 * (stream.needed_lead - others) / base


def _needed(stream: Stream, snapshot: Columns | None, context: Context) -> dict[str, Any] | None:
    """What the votes that were not published at the cut had to give."""
    if snapshot is None or stream.needed_lead is None:
        return None
    first, second = (
        context.options.index(o) for o in (stream.standing.winner, stream.standing.runner_up)
    )
    valid = int(snapshot["valid"][0] or 0)
    lead = int(snapshot[f"v{first}"][0] or 0) - int(snapshot[f"v{second}"][0] or 0)
    rest = stream.total - valid
    if rest <= 0 or valid <= 0:
        return None
    return {
        "published_sheets": int(snapshot["sheets"][0]),
        "published_valid": valid,
        "published_points": rounded(100.0 * lead / valid),
        "remainder_valid": rest,
        "needed_points": rounded(100.0 * (stream.needed_lead - lead) / rest),
        "actual_points": rounded(100.0 * (float(stream.lead.sum()) - lead) / rest),
    }


def _part(stream: Stream, some: NDArray[np.bool_]) -> dict[str, Any]:
    """The unexplained part of some late sheets, all early sheets of their centres standing by."""
    keep = ~stream.late | some
    found = predict(
        stream.centre[keep],
        stream.late[keep],
        stream.lead[keep],
        stream.valid[keep],
        stream.centre[keep],
    )
    if found is None:
        return {"sheets": 0, "valid": 0, "unexplained_points": None}
    return _unexplained(found, stream)


def _by_size(stream: Stream) -> list[dict[str, Any]]:
    if np.isnan(stream.registered).all():
        return []
    order = np.argsort(stream.centre, kind="stable")
    starts = np.flatnonzero(np.diff(stream.centre[order], prepend=-1))
    small = np.zeros(len(order), dtype=bool)
    for group in np.split(order, starts[1:]):
        sizes = stream.registered[group]
        if not np.isnan(sizes).all():
            small[group] = sizes < np.nanmedian(sizes)
    stated = ~np.isnan(stream.registered)
    return [
        {"registered": name, **_part(stream, stream.late & stated & mask)}
        for name, mask in (("below", small), ("at or above", ~small))
    ]


def _by_state(stream: Stream) -> list[dict[str, Any]]:
    words = np.array(["" if s is None else str(s) for s in stream.state.tolist()], dtype=object)
    states = sorted(set(words[stream.late]) - {""})
    if not states:
        return []
    parts = [("finished", words == ""), ("unfinished", words != "")]
    parts += [(state, words == state) for state in states]
    return [{"state": name, **_part(stream, stream.late & mask)} for name, mask in parts]


def _words(stream: Stream, statistic: Mapping[str, Any]) -> dict[str, Any]:
    centre = statistic["grains"][-1]
    return {
        "gap": points(statistic["gap_points"]),
        "composition": points(centre.get("composition_points")),
        "unexplained": points(centre.get("unexplained_points")),
        "span": span(centre.get("low"), centre.get("high")),
        "votes": round(centre.get("votes") or 0),
        "national": points(centre.get("national_points"), 3),
        "slack": _slack(stream),
        "lone": statistic["late_only"]["sheets"],
        "lone_valid": statistic["late_only"]["valid"],
    }


def _slack(stream: Stream) -> str:
    """The slack beside which the votes are set, where both are of the same lead."""
    if stream.needed_lead is not None:
        return f", beside {round(stream.slack):,} votes of slack in the lead"
    if stream.elected:
        return f"; the outcome rests on the clause of {stream.clause}, not on this lead"
    return "; no option is elected by this lead"


def _tested(stream: Stream, statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    centre = statistic["grains"][-1]
    coarse = [g for g in statistic["grains"][:-1] if g.get("unexplained_points") is not None]
    found: dict[str, Mapping[str, Any]] = {
        "place": {
            "predicted": points(centre.get("predicted_points")),
            "actual": points(centre.get("actual_points")),
            "coarse": (
                "At coarser grains the early sheets leave: "
                + "; ".join(f"{g['grain']} {points(g['unexplained_points'])}" for g in coarse)
                + "."
                if coarse
                else "There is no coarser grain."
            ),
        }
    }
    if statistic["by_size"]:
        small, large = statistic["by_size"]
        found["size"] = {"small": _said(small), "large": _said(large)}
    if statistic["by_state"]:
        finished, unfinished = statistic["by_state"][:2]
        found["held_back"] = {"finished": _said(finished), "unfinished": _said(unfinished)}
    return found


def _said(part: Mapping[str, Any]) -> str:
    if part["unexplained_points"] is None:
        return "none of them can be compared"
    return f"{points(part['unexplained_points'])} ({span(part['low'], part['high'])})"


def _rows(stream: Stream) -> dict[str, NDArray[Any]]:
    """Every late sheet of a centre that has early ones too, with what these predict for it; the
    furthest from it first.
    """
    sums = {}
    _, inverse = np.unique(stream.centre, return_inverse=True)
    for name, values in (("lead", stream.lead), ("valid", stream.valid)):
        sums[name] = np.bincount(inverse, weights=values * ~stream.late)[inverse]
    split = stream.late & (sums["valid"] > 0)
    margin = sums["lead"][split] / sums["valid"][split]
    difference = stream.lead[split] - stream.valid[split] * margin
    order = np.lexsort((stream.sid[split], -np.abs(difference)))
    columns = {
        "sid": stream.sid[split],
        "valid": stream.valid[split],
        "lead": stream.lead[split],
        "lead_expected": np.round(stream.lead[split] - difference, 3),
        "difference": np.round(difference, 3),
    }
    return {name: values[order] for name, values in columns.items()}


def _figures(stream: Stream, statistic: Mapping[str, Any], context: Context) -> tuple[Figure, ...]:
    grains = [g for g in statistic["grains"] if g.get("unexplained_points") is not None]
    gap = statistic["gap_points"]
    names = ["all of the gap", *(str(g["grain"]) for g in grains)]
    values = [gap, *(g["unexplained_points"] for g in grains)]
    lows = [gap, *(g["low"] if g["low"] is not None else g["unexplained_points"] for g in grains)]
    highs = [
        gap,
        *(g["high"] if g["high"] is not None else g["unexplained_points"] for g in grains),
    ]
    funnel = Figure(
        id="trend.composition",
        chart="intervals",
        rows={
            "label": np.array(names, dtype=object),
            "value": np.array(values, dtype=float),
            "low": np.array(lows, dtype=float),
            "high": np.array(highs, dtype=float),
            "reference": np.zeros(len(names)),
        },
        labels={
            "title": "What remains of the late sheets' difference, by the grain of the comparison",
            "x": "points that the early sheets of the same cell do not predict",
            "y": "compared within",
        },
        alt=(
            f"The gap of {points(gap)} between late and early sheets, and what remains of it when"
            " late sheets are compared with early ones of the same cell: "
            + "; ".join(f"{n} {points(v)}" for n, v in zip(names[1:], values[1:], strict=True))
            + "."
        ),
    )
    return (funnel, *_map(stream))


def _map(stream: Stream) -> tuple[Figure, ...]:
    """One dot for each centre: the share of its valid votes that came late."""
    there = ~np.isnan(stream.latitude) & ~np.isnan(stream.longitude)
    if not there.any():
        return ()
    _, first, inverse = np.unique(stream.centre[there], return_index=True, return_inverse=True)
    valid = np.bincount(inverse, weights=stream.valid[there])
    late = np.bincount(inverse, weights=(stream.valid * stream.late)[there])
    keep = np.sort(np.argsort(-valid, kind="stable")[:MOST_POINTS])
    share = 100.0 * late[keep] / valid[keep]
    figure = Figure(
        id="trend.composition.map",
        chart="map",
        rows={
            "lon": np.round(stream.longitude[there][first][keep], 4),
            "lat": np.round(stream.latitude[there][first][keep], 4),
            "value": np.round(share, 1),
        },
        labels={"title": "What came late, by polling centre", "value": "late, % of valid votes"},
        alt=(
            f"A map of {len(keep):,} polling centres by the share of their valid votes that was"
            f" published after the cut: all of it in {int((share == 100).sum()):,} centres, none in"
            f" {int((share == 0).sum()):,}."
        ),
    )
    return (figure,)
