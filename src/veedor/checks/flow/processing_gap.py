"""Gaps in processing, which is another clock than publication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import Drawn, duration, seconds, shown, stamp, stamped, times
from veedor.checks.lateness import Stream, points, rounded
from veedor.checks.recorded import known
from veedor.stats.gaps import Gaps, find_gaps

LEAST = 600.0
"""Seconds that a pause in processing lasts at least before it is called a gap: shorter ones come
with any change of shift."""
SESSION = 3600.0
"""Seconds without a line that end a session of work."""
FACTORS = (5, 10, 20, 50)


class ProcessingGap(Check):
    """Look for gaps in processing, and at what was processed while nothing was published.

    Processing and publication have separate clocks: sheets may have been processed and not
    released. One finding for each stage of the process that a log records. A session of work ends
    where an hour passes without a line. The votes are the log's own where it carries them.

    Statistic
    ---------
    lines, stations : int
        Lines with a readable stamp; different stations on them.
    median_seconds : float
        Between lines at different seconds.
    over : array of {times, gaps}
        Gaps longer than so many medians and than ten minutes.
    gaps : array of {from, to, seconds, lines_before, lines_after}
        Those over 5 medians, longest first, 20 at most.
    at_cut, at_session_end : {at, lines, valid, margin_points} or null
        What the log had processed by the cut, and by the end of the session in which it lies, with
        the margin by the log's own votes.
    after_cut : {session, later, never}
        Lines after the cut in the same session, lines later than that, and official sheets with
        votes that have no line.
    unpublished_at_cut : int
        Sheets processed by the cut that the publication at the cut does not hold.
    groups : array of {group, sheets, valid, margin_points, compared, actual_points,
        predicted_points, unexplained_points, low, high, unexplained_votes, history_points, classes}
        Late sheets by when they were processed: by the cut, in the same session, later, never;
        beside what the early sheets of their centres predict, and the earlier election there.

    Uncertainty
    -----------
    None for the log; the prediction has the interval of a ratio over polling centres.

    Source
    ------
    The order of the instants alone; for the groups, direct standardisation as in
    `trend.composition`.
    """

    title = "Gaps in processing"
    asks = "Did processing stop, and was something processed while nothing was published?"
    rule = "Sheets are processed as they come, and published as they are processed."
    kind = "control"
    needs = ("log",)
    heading = "Gaps in processing: stage {subject}"
    sentences = {
        "observed": (
            "{cut}Of all pauses among {lines} lines, the longest lasted {gap}, from {start} to"
            " {end}."
        ),
        "not-observed": "No pause among {lines} lines is longer than ten minutes and five medians.",
        "not-determinable": "Fewer than three lines of this stage have a readable stamp.",
    }
    benign = (
        Benign(
            "night",
            "People went home: the pause is a night.",
            "The longest pause runs from {start} to {end}; {night}.",
        ),
        Benign(
            "queue",
            "What was processed and not published waited for the next publication.",
            "{unpublished} sheets were processed by the cut and not in the publication at the cut;"
            " the last of them {last} before it.",
        ),
        Benign("order", "A stop of processing was ordered and announced."),
        Benign("failure", "A link, a server or the power failed."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every line with a stamp, and the official sheets."""
        events = evidence.events()
        columns = ["sid", "station", "stage", "t", "valid", "source", "row"]
        lines = events.filter(events.t.notnull())
        return {
            "lines": lines.select(*columns, *evidence.votes_columns),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each stage."""
        stream = Stream.of(measured, context)
        lines = measured["lines"]
        for stage in context.stages:
            inside = np.flatnonzero(lines["stage"] == stage)
            part = {name: values[inside] for name, values in lines.items()}
            main = stage == context.stages[-1]
            yield self._of(stage, part, stream if main else None, context)

    def _of(self, stage: str, lines: Columns, stream: Stream | None, context: Context) -> Fact:
        t = times(lines).astype(np.int64)
        gaps = find_gaps(t)
        if np.isnan(gaps.median):
            return self.fact(
                "not-determinable", {"lines": len(t)}, subject=stage, words={"cut": ""}
            )
        cut = seconds(context.case.cut)
        end = None if cut is None else session_end(t, cut)
        margins = _Log.of(lines, stream, context)
        groups = [] if stream is None or cut is None or end is None else _groups(stream, cut, end)
        statistic: dict[str, Any] = {
            "lines": len(t),
            "stations": len(set(lines["station"].tolist()) - {None}),
            "median_seconds": gaps.median,
            "over": [{"times": k, "gaps": len(gaps.over(k, LEAST))} for k in FACTORS],
            "gaps": [_gap(gaps, int(i), t, context) for i in gaps.over(FACTORS[0], LEAST)[:20]],
            "at_cut": margins.until(cut, context),
            "at_session_end": margins.until(end, context),
            "after_cut": _after(t, cut, end, stream),
            "unpublished_at_cut": _unpublished(stream, cut),
            "groups": groups,
        }
        observed = bool(statistic["gaps"])
        return self.fact(
            "observed" if observed else "not-observed",
            statistic,
            subject=stage,
            words=_words(statistic),
            explanations=self.explain(**_tested(statistic, stream, cut)) if observed else (),
            rows=_rows(lines, t, context),
            key="row",
            figures=_figure(stage, t, gaps, context),
        )


def session_end(t: NDArray[np.int64], at: int) -> int:
    """The last line before the first hour without one that begins at or after an instant."""
    later = np.unique(t[t >= at])
    if not len(later) or later[0] - at > SESSION:
        return at
    pause = np.flatnonzero(np.diff(later) > SESSION)
    return int(later[pause[0]] if len(pause) else later[-1])


def _gap(gaps: Gaps, i: int, t: NDArray[np.int64], context: Context) -> dict[str, Any]:
    return {
        "from": stamp(gaps.start[i], context),
        "to": stamp(gaps.end[i], context),
        "seconds": int(gaps.seconds[i]),
        "lines_before": int((t <= gaps.start[i]).sum()),
        "lines_after": int((t >= gaps.end[i]).sum()),
    }


class _Log:
    """Cumulative totals of a log by its own votes."""

    def __init__(self, t: NDArray[np.int64], lead: Any, valid: Any) -> None:
        self._t, self._lead, self._valid = t, lead, valid

    @classmethod
    def of(cls, lines: Columns, stream: Stream | None, context: Context) -> _Log:
        valid = known(lines["valid"])
        lead = np.full(len(valid), np.nan)
        if stream is not None:
            first, second = (
                known(lines[f"v{context.options.index(o)}"])
                for o in (stream.standing.winner, stream.standing.runner_up)
            )
            lead = first - second
        return cls(times(lines).astype(np.int64), lead, valid)

    def until(self, at: int | None, context: Context) -> dict[str, Any] | None:
        """What had been processed by an instant."""
        if at is None:
            return None
        inside = self._t <= at
        both = inside & ~np.isnan(self._lead) & ~np.isnan(self._valid)
        base = float(self._valid[both].sum())
        return {
            "at": stamp(at, context),
            "lines": int(inside.sum()),
            "valid": int(base),
            "margin_points": rounded(100.0 * float(self._lead[both].sum()) / base)
            if base > 0
            else None,
        }


def _after(
    t: NDArray[np.int64], cut: int | None, end: int | None, stream: Stream | None
) -> dict[str, Any] | None:
    if cut is None or end is None:
        return None
    return {
        "session": int(((t > cut) & (t <= end)).sum()),
        "later": int((t > end).sum()),
        "never": None if stream is None else int(np.isnan(stream.t).sum()),
    }


def _unpublished(stream: Stream | None, cut: int | None) -> int | None:
    if stream is None or cut is None or not stream.known:
        return None
    return int((stream.late & (stream.t <= cut)).sum())


def _groups(stream: Stream, cut: int, end: int) -> list[dict[str, Any]]:
    if not stream.known:
        return []
    t, late = stream.t, stream.late
    masks = {
        "processed by the cut, unpublished": late & (t <= cut),
        "processed after the cut, same session": late & (t > cut) & (t <= end),
        "processed later": late & (t > end),
        "never processed": late & np.isnan(t),
    }
    return [
        {"group": name, **lateness.described(stream, mask, ~late)} for name, mask in masks.items()
    ]


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    longest = statistic["gaps"][0] if statistic["gaps"] else None
    words: dict[str, Any] = {"cut": ""}
    if longest:
        words |= {
            "gap": duration(longest["seconds"]),
            "start": shown(longest["from"]),
            "end": shown(longest["to"]),
        }
    after, end = statistic["after_cut"], statistic["at_session_end"]
    if after and end and after["session"]:
        words["cut"] = (
            f"After the cut, {after['session']:,} more were processed until {shown(end['at'])}"
            f"{_pause(statistic, end['at'])}; all that was processed by then came to"
            f" {end['lines']:,} lines"
        )
        if end["margin_points"] is not None:
            words["cut"] += f" and a margin of {points(end['margin_points'])}"
        words["cut"] += ". "
    if statistic["unpublished_at_cut"]:
        words["cut"] += (
            f"{statistic['unpublished_at_cut']:,} sheets had been processed by the cut and were"
            " not in the publication at the cut. "
        )
    return words


def _pause(statistic: Mapping[str, Any], at: str) -> str:
    """The pause that followed the session of the cut, for the sentence."""
    found = next((g for g in statistic["gaps"] if g["from"] == at), None)
    return "" if found is None else f", followed by a pause of {duration(found['seconds'])}"


def _tested(
    statistic: Mapping[str, Any], stream: Stream | None, cut: int | None
) -> dict[str, Mapping[str, Any]]:
    longest = statistic["gaps"][0]
    hour = int(longest["from"][11:13])
    found: dict[str, Mapping[str, Any]] = {
        "night": {
            "start": shown(longest["from"]),
            "end": shown(longest["to"]),
            "night": "it begins in the evening or at night"
            if hour >= 18 or hour < 5
            else "it begins in the daytime",
        }
    }
    if statistic["unpublished_at_cut"] and stream is not None and cut is not None:
        waiting = stream.t[stream.late & (stream.t <= cut)]
        found["queue"] = {
            "unpublished": statistic["unpublished_at_cut"],
            "last": duration(cut - float(waiting.max())),
        }
    return found


def _rows(lines: Columns, t: NDArray[np.int64], context: Context) -> dict[str, NDArray[Any]]:
    order = np.lexsort((lines["row"], lines["source"], t))
    return {
        "source": lines["source"][order],
        "row": lines["row"][order],
        "station": lines["station"][order],
        "at": stamped(t[order], context),
    }


def _figure(stage: str, t: NDArray[np.int64], gaps: Gaps, context: Context) -> tuple[Figure, ...]:
    """Processed lines by time, every ten minutes, with the gaps to scale."""
    order = np.sort(t)
    step = max(600, int(order[-1] - order[0]) // 1200)
    edges = np.unique(
        np.concatenate([order[:1], order[-1:], (np.unique(order // step) + 1) * step])
    )
    long = gaps.over(FACTORS[0], LEAST)[:10]
    counts = np.searchsorted(order, edges, side="right")
    drawn = Drawn(context)
    drawn.line(edges.tolist(), counts.astype(float).tolist())
    for k, i in enumerate(long):
        drawn.stretch(gaps.start[i], gaps.end[i], "no line" if k == 0 else "")
    drawn.mark(context.case.cut, "the cut")
    figure = Figure(
        id=f"flow.processing-gap.{stage}",
        chart="lines",
        rows=drawn.rows(),
        labels={
            "title": f"Lines of the log by time, stage {stage}, pauses to scale",
            "x": "wall clock of the case",
            "y": "lines so far",
        },
        alt=(
            f"{len(t):,} lines of the stage {stage} by time; "
            + (
                f"the longest pause, shaded, lasts {duration(float(gaps.seconds[0]))}."
                if len(long)
                else "there is no pause of ten minutes."
            )
        ),
    )
    return (figure,)
