"""Whether the stamps of a source are instants, and in which order they put the sheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.case.tables import cell
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import seconds, shown, stamp, times
from veedor.checks.lateness import Stream, points, rounded
from veedor.checks.recorded import known
from veedor.engine.instants import ClockInfo

LAST = 0.05
"""The part of the lines whose margin is compared under either order, as public claims did."""
ORDER = "order"


class Clock(Check):
    """Test that stamps are instants before anything is ordered by them.

    One finding for each source with stamps, and one, `order`, for the lines of the last stage
    together: what their order in time is, and what it would be for a reader who sorted a clock of
    twelve hours as text. A source whose clock is refused is used by no check.

    Statistic
    ---------
    Of a source:

    lines, empty, unread, ambiguous : int
        Lines; without a stamp; with one that is no instant; in an hour that was shown twice or
        never when clocks were moved.
    first_unread_row : int or null
    refused : str or null
        Why the clock is not used.
    zone, own_offset : str, bool
    first, last : instants
    hours : 24 counts, from midnight, by the wall clock
    before_polls_closed : int
    before_elsewhere : int
        Of these, lines of stations outside the outermost place that has most stations.
    after_end : int
        Lines after the event of kind `end`, where the case has one.
    on_the_minute : int
        Lines whose seconds are 00.
    most_in_a_second : int

    Of `order`:

    lines : int
    text_backward : int
        Steps back in time when the stamps, shown by a clock of twelve hours without a.m. and p.m.,
        are sorted as text.
    last_lines, last_differ : int
        The last 5 % of the lines by time, and how many of them are not among the last 5 % by text.
    last_points, last_points_text : float or null
        The official margin of either.
    last_votes_points, last_votes_points_text : float or null
        The same for the last 5 % of the official valid votes, as public claims counted.
    earlier_stages : array of {stage, before, lines}
        Sheets whose stamp at a stage comes before that of the stage before it.

    Uncertainty
    -----------
    None: stamps are read as they are.

    Source
    ------
    That stamps of a clock of twelve hours had been sorted as text in the data of a published annex
    on the count of Bolivia 2019 was reported by D. Rosnick (press release of the Center for
    Economic and Policy Research, August 2020); see also N. Idrobo, D. Kronick, F. Rodriguez, The
    Journal of Politics 84(4), 2022.
    """

    title = "Clocks"
    asks = "Are the stamps of this source instants, in an order that can be relied on?"
    rule = "A stamp says which instant it means: date, hour of 24, minute, second, and the zone."
    kind = "control"
    needs = ("instants",)
    heading = "Clock of {subject}"
    sentences = {
        "observed": "{lines} lines{range}: {odd}.",
        "not-observed": (
            "{lines} lines{range}, all of them instants, in the hours of the process."
        ),
        "not-determinable": "No line of this source has a stamp.",
        "void": "{lines} lines are in the order of time{note}.",
    }
    benign = (
        Benign(
            "elsewhere",
            "Lines before the polls closed are of stations where the day began earlier.",
            "{elsewhere} of the {before} lines before the polls closed are of stations outside the"
            " place with most stations.",
        ),
        Benign("early-close", "A station closes when all its voters have voted."),
        Benign("test", "Lines of a test were left in the log."),
        Benign("drift", "The clock of a machine was wrong."),
        Benign("batch", "Several sheets are stamped in one second because a batch was saved."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every line with its place, every publication, and the official sheets."""
        events, stations = evidence.events(), evidence.stations()
        outer = cell(evidence.case.geography[0])
        placed = events.left_join(
            stations.select(place_sid="sid", place=outer), [("sid", "place_sid")]
        )
        names = ["source", "row", "t", "local"]
        publications = evidence.publications()
        return {
            "lines": placed.select(*names, "sid", "stage", "place"),
            "published": publications.filter(publications.origin == "log").select(*names),
            "places": stations.group_by(place=stations[outer]).agg(stations=stations.count()),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each source, and one for the order of the last stage."""
        lines, published = measured["lines"], measured["published"]
        places = measured["places"]
        order = np.lexsort((places["place"], -places["stations"]))
        home = places["place"][order[0]] if len(order) else None
        for name, info in context.clocks.items():
            rows = lines if info.stage else published
            inside = np.flatnonzero(rows["source"] == name)
            part = {key: values[inside] for key, values in rows.items()}
            yield self._source(name, info, part, home, context)
        if context.stages:
            yield self._order(lines, Stream.of(measured, context), context)

    def _source(
        self, name: str, info: ClockInfo, rows: Columns, home: Any, context: Context
    ) -> Fact:
        statistic = _statistic(info, rows, home, context)
        odd = _odd(statistic)
        empty = info.rows == info.empty
        return self.fact(
            "not-determinable" if empty else "observed" if odd else "not-observed",
            statistic,
            subject=name,
            words={
                "range": _range(statistic["first"], statistic["last"]),
                "odd": "; ".join(odd),
            },
            explanations=self.explain(
                elsewhere={
                    "before": statistic["before_polls_closed"],
                    "elsewhere": statistic["before_elsewhere"],
                }
            )
            if odd and info.stage and statistic["before_polls_closed"]
            else self.explain()
            if odd
            else (),
            parameters={"zone": info.zone},
            figures=_figure(name, info),
        )

    def _order(self, lines: Columns, stream: Stream | None, context: Context) -> Fact:
        main = (lines["stage"] == context.stages[-1]) & ~np.isnan(times(lines))
        inside = np.flatnonzero(main)
        part = {key: values[inside] for key, values in lines.items()}
        statistic = {
            **_text_order(part, stream),
            "earlier_stages": _stages(lines, context.stages),
        }
        wrong = any(s["before"] for s in statistic["earlier_stages"])
        note = ""
        if statistic["text_backward"]:
            note = (
                "; sorted as text by a clock of twelve hours they would step back"
                f" {statistic['text_backward']:,} times, and the margin of the last 5 % of the"
                f" lines would be {points(statistic['last_points_text'])} rather than"
                f" {points(statistic['last_points'])}; of the valid votes,"
                f" {points(statistic['last_votes_points_text'])} rather than"
                f" {points(statistic['last_votes_points'])}"
            )
        turned = "; ".join(
            f"{s['before']:,} of {s['lines']:,} sheets are stamped {s['stage']} before the step"
            " that comes first"
            for s in statistic["earlier_stages"]
            if s["before"]
        )
        t = times(part)
        return self.fact(
            "observed" if wrong else "void" if len(context.stages) < 2 else "not-observed",
            statistic,
            subject=ORDER,
            words={
                "note": note,
                "odd": turned + note,
                "range": _range(*(stamp(e, context) for e in (t.min(), t.max()))) if len(t) else "",
            },
            explanations=self.explain() if wrong else (),
        )


def _range(first: str | None, last: str | None) -> str:
    """From when to when, for a sentence."""
    return f" from {shown(first)} to {shown(last)}" if first and last else ""


def _statistic(info: ClockInfo, rows: Columns, home: Any, context: Context) -> dict[str, Any]:
    t = times(rows)
    read = ~np.isnan(t)
    closed = seconds(context.case.polls_closed)
    end = next((e for e in context.case.events if e.kind == "end"), None)
    before = read & (t < closed) if closed is not None else np.zeros(len(t), dtype=bool)
    places = known(rows["place"]) if "place" in rows else np.full(len(t), np.nan)
    whole = t[read].astype(np.int64)
    return {
        "lines": info.rows,
        "empty": info.empty,
        "unread": info.unread,
        "ambiguous": info.ambiguous,
        "first_unread_row": info.first_unread[0] if info.first_unread else None,
        "refused": info.refused,
        "zone": info.zone,
        "own_offset": info.offset,
        "first": stamp(t[read].min(), context) if read.any() else None,
        "last": stamp(t[read].max(), context) if read.any() else None,
        "hours": list(info.hours),
        "before_polls_closed": int(before.sum()),
        "before_elsewhere": int((before & ~np.isnan(places) & (places != home)).sum())
        if home is not None
        else 0,
        "after_end": 0 if end is None else int((read & (t > end.at.timestamp())).sum()),
        "on_the_minute": int((whole % 60 == 0).sum()),
        "most_in_a_second": int(np.unique(whole, return_counts=True)[1].max()) if len(whole) else 0,
    }


def _odd(statistic: Mapping[str, Any]) -> list[str]:
    """What is out of order with a clock, in words."""
    found = []
    if statistic["refused"]:
        found.append(statistic["refused"] + "; it is used by no check")
    if statistic["unread"]:
        found.append(
            f"{statistic['unread']:,} stamps are no instant in the form of the others, the first"
            f" in row {statistic['first_unread_row']:,}"
        )
    if statistic["ambiguous"]:
        found.append(f"{statistic['ambiguous']:,} fall into an hour shown twice or never")
    if statistic["before_polls_closed"]:
        found.append(f"{statistic['before_polls_closed']:,} are from before the polls closed")
    if statistic["after_end"]:
        found.append(f"{statistic['after_end']:,} are from after the end of the process")
    return found


def _text_order(rows: Columns, stream: Stream | None) -> dict[str, Any]:
    """What the last stage's order would be, had its clock been one of twelve hours, as text."""
    local = known(rows["local"])
    sid = known(rows["sid"])
    hour = (local // 3600) % 24
    shown = np.where(hour % 12 == 0, 12, hour % 12)
    as_text = (local // 86400) * 86400 + shown * 3600 + local % 3600
    by_time = np.lexsort((sid, local))
    by_text = np.lexsort((sid, local, as_text))
    size = int(np.ceil(LAST * len(local)))
    last, last_text = (order[len(order) - size :] for order in (by_time, by_text))
    shared = len(np.intersect1d(last, last_text))
    margins: list[float | None] = [None] * 4
    if stream is not None:
        valid = _valid(sid, stream)
        of_votes = (_last_votes(order, valid) for order in (by_time, by_text))
        margins = [
            stream.margin(np.isin(stream.sid, sid[some][~np.isnan(sid[some])]))
            for some in (last, last_text, *of_votes)
        ]
    return {
        "lines": len(local),
        "text_backward": int((np.diff(local[by_text]) < 0).sum()),
        "last_lines": size,
        "last_differ": size - shared,
        "last_points": rounded(margins[0]),
        "last_points_text": rounded(margins[1]),
        "last_votes_points": rounded(margins[2]),
        "last_votes_points_text": rounded(margins[3]),
    }


def _valid(sid: NDArray[np.float64], stream: Stream) -> NDArray[np.int64]:
    """The official valid votes of each line's sheet; 0 where the stream has no such sheet."""
    place = np.searchsorted(stream.sid, sid)
    there = place < len(stream.sid)
    there[there] = stream.sid[place[there]] == sid[there]
    found = np.zeros(len(sid), dtype=np.int64)
    found[there] = stream.valid[place[there]]
    return found


def _last_votes(order: NDArray[np.int64], valid: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lines by which the count went beyond all but the last 5 % of the valid votes."""
    sums = np.cumsum(valid[order])
    return order[sums > (1.0 - LAST) * sums[-1]] if len(sums) else order


def _stages(lines: Columns, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Sheets whose first stamp at a stage comes before their first stamp at the stage before."""
    sid, t = known(lines["sid"]), times(lines)
    firsts: dict[str, dict[float, float]] = {}
    for stage in stages:
        some = np.flatnonzero((lines["stage"] == stage) & ~np.isnan(t) & ~np.isnan(sid))
        order = some[np.lexsort((t[some], sid[some]))]
        names, at = np.unique(sid[order], return_index=True)
        firsts[stage] = dict(zip(names.tolist(), t[order][at].tolist(), strict=True))
    found = []
    for one, two in pairwise(stages):
        both = firsts[one].keys() & firsts[two].keys()
        before = sum(firsts[two][s] < firsts[one][s] for s in both)
        found.append({"stage": two, "before": int(before), "lines": len(both)})
    return found


def _figure(name: str, info: ClockInfo) -> tuple[Figure, ...]:
    if not any(info.hours):
        return ()
    hours = np.arange(24)
    figure = Figure(
        id=f"flow.clock.{name}",
        chart="histogram",
        rows={"low": hours, "high": hours + 1, "count": np.array(info.hours)},
        labels={
            "title": f"Lines of {name} by hour of the day",
            "x": "hour of the wall clock",
            "y": "lines",
        },
        alt=(
            f"Lines of {name} by hour: "
            + ", ".join(f"{h} h {n:,}" for h, n in enumerate(info.hours) if n)
            + "."
        ),
    )
    return (figure,)
