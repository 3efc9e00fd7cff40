"""Gaps in the publication of a running count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks import paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import Drawn, duration, seconds, shown, stamp, stamped, times
from veedor.checks.lateness import points, rounded
from veedor.checks.paired import Standing
from veedor.checks.recorded import known
from veedor.stats.gaps import Gaps, find_gaps

FACTORS = (5, 10, 20, 50)
MOST_DRAWN = 1500
STILL = 20
"""Publications that are drawn after the last one that added a sheet."""
NAMES = {
    "log": "in the log of publications",
    "count": "in the published counts",
    "series": "in the successive exports",
}


class PublicationGap(Check):
    """Look for gaps between successive publications, and for what crossed them.

    One finding for each kind of record: the log of publications, the published counts that the case
    holds, successive exports. The cadence is the median time between publications. Republishing the
    same numbers is no progress: stretches without a new sheet are told apart from gaps. A step of
    five medians is nothing rare: of publications at random instants, one step in 32 is longer, so
    that `observed` says that there are such steps, and their length says the rest. Margins are the
    winner's votes less the runner-up's, in points of the valid votes that the record states.

    Statistic
    ---------
    publications : int
    first, last : instants
    median_seconds : float or null
        The cadence; null with fewer than three publications.
    over : array of {times, gaps}
        How many gaps are longer than so many medians.
    longest : {from, to, seconds, times_median, sheets, valid, margin_before, margin_after,
        sheets_before, sheets_after} or null
        `sheets` and `valid` cross the gap: the first publication after it less the last before.
    gaps : array of the same
        All gaps longer than 5 medians, longest first.
    standstills : array of {from, to, seconds, publications, sheets}
        The longest stretches in which publication went on and no sheet was added.
    before_polls_closed : int or null
        Publications before the polls closed; null where the case does not say when that was.
    sheets_before_polls_closed : int or null
        What the last of them held.
    backward : int
        Publications with fewer sheets than the one before.
    unread : int
        Lines without a readable instant.
    held : array of {source, at, sheets, valid, votes, margin_points}
        For the published counts: each of them. For the others: those around the longest gap.

    Uncertainty
    -----------
    None: a record is read whole. What a gap means is not in the record of publications.

    Source
    ------
    The order of the instants alone. The median step is the yardstick, as gaps do not move it.
    """

    title = "Gaps in publication"
    asks = "Did publication of the running count stop for longer than its own cadence explains?"
    rule = "A running count is published at the announced cadence until it ends, or says why not."
    kind = "control"
    needs = ("publications",)
    heading = "Gaps {name}"
    sentences = {
        "observed": (
            "The longest gap lasted {gap}, from {start} to {end}. The first publication after it"
            " holds {sheets} sheets and {valid} valid votes more than the last one before it, and"
            " the margin went from {before} to {after}. The {publications} publications came about"
            " every {cadence}, the median of the steps between them; {long:step was|steps were}"
            " longer than five times that."
        ),
        "not-observed": (
            "{publications} publications came about every {cadence}, and none of the gaps is longer"
            " than five times that."
        ),
        "not-determinable": (
            "{publications:publication is|publications are} too few to tell a cadence."
        ),
    }
    benign = (
        Benign(
            "nothing-new",
            "There was nothing to publish: processing stood still as well.",
            "{processed:station was|stations were} first stamped by the last stage between the last"
            " publication before the gap and the first after it; {night} of them within the first"
            " hour.",
        ),
        Benign("planned", "A pause at this point had been announced beforehand."),
        Benign("failure", "A link, a server or the power failed."),
        Benign("archive", "The publications went on and were not archived."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The publications, the first stamp of each station at the main stage, and the official
        totals.
        """
        events = evidence.events()
        stages = evidence.stages
        main = events.filter(events.t.notnull(), events.stage == (stages[-1] if stages else ""))
        return {
            "publications": evidence.publications(),
            "processed": main.group_by("station").agg(t=main.t.min()),
            "totals": paired.totals(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each kind of record of publications."""
        rows = measured["publications"]
        standing = Standing.of(measured["totals"], context)
        found = False
        for origin, name in NAMES.items():
            inside = np.flatnonzero(rows["origin"] == origin)
            if len(inside):
                found = True
                part = {k: v[inside] for k, v in rows.items()}
                yield self._of(origin, name, part, measured["processed"], standing, context)
        if not found:
            yield self.fact(
                "not-determinable", {"publications": 0}, words={"name": "in publication"}
            )

    def _of(
        self,
        origin: str,
        name: str,
        rows: Columns,
        processed: Columns,
        standing: Standing | None,
        context: Context,
    ) -> Fact:
        record = _Record.of(rows, standing, context)
        gaps = find_gaps(record.t)
        long = [record.gap(gaps, int(i), context) for i in gaps.over(FACTORS[0])]
        steps = [record.gap(gaps, i, context) for i in range(min(len(gaps.seconds), 1))]
        clear = not np.isnan(gaps.median)
        statistic: dict[str, Any] = {
            "publications": len(record.t),
            "first": stamp(record.t[0], context) if len(record.t) else None,
            "last": stamp(record.t[-1], context) if len(record.t) else None,
            "median_seconds": gaps.median if clear else None,
            "over": [{"times": k, "gaps": len(gaps.over(k))} for k in FACTORS],
            "longest": steps[0] if steps else None,
            "gaps": long,
            "standstills": record.standstills(context),
            **record.before(seconds(context.case.polls_closed)),
            "backward": int((np.diff(record.sheets) < 0).sum()),
            "unread": record.unread,
            "held": record.held(gaps, origin, context),
        }
        observed = bool(long)
        status = "not-determinable" if not clear else "observed" if observed else "not-observed"
        return self.fact(
            status,  # type: ignore[arg-type]
            statistic,
            subject=origin,
            words={"name": name, **_words(statistic)},
            explanations=self.explain(nothing_new=_between(processed, gaps))
            if observed and context.stages
            else self.explain(),
            rows=record.rows(context),
            key="row",
            figures=record.figures(origin, gaps, context) if len(record.t) > 2 else (),
        )


@dataclass(frozen=True, slots=True)
class _Record:
    """The publications of one kind, in order of time; float64, NaN where not stated."""

    t: NDArray[np.int64]
    source: NDArray[Any]
    row: NDArray[np.int64]
    sheets: NDArray[np.float64]
    valid: NDArray[np.float64]
    votes: NDArray[np.float64]
    margin: NDArray[np.float64]
    unread: int
    options: tuple[str, ...]

    @classmethod
    def of(cls, rows: Columns, standing: Standing | None, context: Context) -> _Record:
        t = times(rows)
        read = np.flatnonzero(~np.isnan(t))
        order = read[np.lexsort((rows["row"][read], t[read]))]
        votes = np.stack([known(rows[f"v{i}"]) for i in range(len(context.options))], axis=1)
        valid = known(rows["valid"])
        margin = np.full(len(t), np.nan)
        if standing is not None:
            first, second = (
                context.options.index(o) for o in (standing.winner, standing.runner_up)
            )
            lead = 100.0 * (votes[:, first] - votes[:, second])
            margin = np.divide(lead, valid, out=margin, where=valid > 0)
        return cls(
            t=t[order].astype(np.int64),
            source=rows["source"][order],
            row=rows["row"][order].astype(np.int64),
            sheets=known(rows["sheets"])[order],
            valid=valid[order],
            votes=votes[order],
            margin=margin[order],
            unread=len(t) - len(order),
            options=context.options,
        )

    def at(self, instant: int) -> int:
        """The last publication up to an instant."""
        return int(np.searchsorted(self.t, instant, side="right")) - 1

    def gap(self, gaps: Gaps, i: int, context: Context) -> dict[str, Any]:
        """A gap and what crossed it."""
        before = self.at(int(gaps.start[i]))
        after = int(np.searchsorted(self.t, int(gaps.end[i])))
        return {
            "from": stamp(gaps.start[i], context),
            "to": stamp(gaps.end[i], context),
            "seconds": int(gaps.seconds[i]),
            "times_median": rounded(float(gaps.seconds[i]) / gaps.median, 1)
            if gaps.median
            else None,
            "sheets_before": _number(self.sheets[before]),
            "sheets_after": _number(self.sheets[after]),
            "sheets": _number(self.sheets[after] - self.sheets[before]),
            "valid": _number(self.valid[after] - self.valid[before]),
            "margin_before": rounded(self.margin[before]),
            "margin_after": rounded(self.margin[after]),
        }

    def before(self, closed: int | None) -> dict[str, int | None]:
        """The publications before the polls closed: they are kept, and named."""
        count = None if closed is None else int((self.t < closed).sum())
        return {
            "before_polls_closed": count,
            "sheets_before_polls_closed": _number(self.sheets[count - 1]) if count else None,
        }

    def standstills(self, context: Context) -> list[dict[str, Any]]:
        """The longest stretches of at least three publications with the same number of sheets."""
        changed = np.flatnonzero(np.diff(self.sheets, prepend=np.nan) != 0)
        ends = np.append(changed[1:], len(self.sheets)) - 1
        spans = self.t[ends] - self.t[changed] if len(changed) else np.empty(0)
        found = [i for i in np.argsort(-spans, kind="stable") if ends[i] - changed[i] >= 2]
        return [
            {
                "from": stamp(self.t[changed[i]], context),
                "to": stamp(self.t[ends[i]], context),
                "seconds": int(spans[i]),
                "publications": int(ends[i] - changed[i] + 1),
                "sheets": _number(self.sheets[changed[i]]),
            }
            for i in found[:5]
        ]

    def held(self, gaps: Gaps, origin: str, context: Context) -> list[dict[str, Any]]:
        """What the publications that matter held: all counts, or those around the longest gap."""
        chosen = list(range(len(self.t)))
        if origin != "count":
            ends = [gaps.start[0], gaps.end[0]] if len(gaps.start) else []
            chosen = [self.at(int(t)) for t in ends]
        return [
            {
                "source": str(self.source[i]),
                "at": stamp(self.t[i], context),
                "sheets": _number(self.sheets[i]),
                "valid": _number(self.valid[i]),
                "votes": {o: _number(v) for o, v in zip(self.options, self.votes[i], strict=True)},
                "margin_points": rounded(self.margin[i]),
            }
            for i in chosen
        ]

    def rows(self, context: Context) -> dict[str, NDArray[Any]]:
        """Every publication, as evidence."""
        return {
            "source": self.source,
            "row": self.row,
            "at": stamped(self.t, context),
            "sheets": self.sheets,
            "valid": self.valid,
            "margin_points": np.round(self.margin, 6),
        }

    def figures(self, origin: str, gaps: Gaps, context: Context) -> tuple[Figure, ...]:
        """Published sheets by time, with the gaps drawn to scale."""
        changed = np.flatnonzero(np.diff(self.sheets) != 0)
        size = min(len(self.t), int(changed[-1]) + 2 + STILL if len(changed) else len(self.t))
        thin = np.unique(np.linspace(0, size - 1, min(size, MOST_DRAWN)).astype(np.int64))
        around = [
            self.at(int(t))
            for i in gaps.over(FACTORS[0])[:20]
            for t in (gaps.start[i], gaps.end[i])
        ]
        chosen = np.unique(np.concatenate([thin, np.array(around, dtype=np.int64)]))
        long = gaps.over(FACTORS[0])[:20]
        drawn = Drawn(context)
        drawn.line(self.t[chosen].tolist(), self.sheets[chosen].tolist())
        for k, i in enumerate(long):
            drawn.stretch(gaps.start[i], gaps.end[i], "no publication" if k == 0 else "")
        stop = seconds(context.case.cut)
        figure = Figure(
            id=f"flow.publication-gap.{origin}",
            chart="lines",
            rows=drawn.rows(),
            labels={
                "title": "Published sheets by time, gaps to scale",
                "x": "wall clock of the case",
                "y": "sheets in the published totals",
            },
            alt=(
                f"Sheets in {len(self.t):,} publications by time. "
                + (
                    f"The longest gap, shaded, lasts {duration(float(gaps.seconds[0]))}."
                    if len(long)
                    else "There is no long gap."
                )
                + ("" if stop is None else f" The cut of the case is {stamp(stop, context)}.")
            ),
        )
        return (figure,)


def _number(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _between(processed: Columns, gaps: Gaps) -> dict[str, int]:
    """Stations first stamped during the longest gap, and in its first hour."""
    t = times(processed)
    start, end = int(gaps.start[0]), int(gaps.end[0])
    inside = (t > start) & (t < end)
    return {
        "processed": int(inside.sum()),
        "night": int((inside & (t <= start + 3600)).sum()),
    }


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    longest = statistic["longest"]
    cadence = statistic["median_seconds"]
    words: dict[str, Any] = {
        "cadence": "unknown" if cadence is None else duration(cadence),
        "long": statistic["over"][0]["gaps"],
    }
    if longest is not None:
        words |= {
            "gap": duration(longest["seconds"]),
            "start": shown(longest["from"]),
            "end": shown(longest["to"]),
            "sheets": "?" if longest["sheets"] is None else longest["sheets"],
            "valid": "?" if longest["valid"] is None else longest["valid"],
            "before": points(longest["margin_before"]),
            "after": points(longest["margin_after"]),
        }
    return words
