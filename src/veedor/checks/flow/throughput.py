"""The rate of processing: its changes, bursts and droughts, and who worked how fast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import Drawn, seconds, shown, stamp, times
from veedor.checks.lateness import Stream, points, rounded, span
from veedor.checks.paired import Ints
from veedor.checks.rates import MINUTE, Stretch, stretches_of
from veedor.checks.recorded import known
from veedor.stats.pace import fastest, resolution
from veedor.stats.scan import Window

LINES, RATE = "lines a minute", "rate between changes"
AROUND = 5
RUNS = (10, 20, 50)
RUN = 20
"""Consecutive lines over which an operator's pace is measured."""
PACES = (1, 2, 3, 5, 10)
FAST = 3
"""Seconds a sheet, below which a pace is named: nobody reads a sheet in less."""


class Throughput(Check):
    """Follow the rate of processing by the minute: where it changes, where it bursts or dries up,
    and whether the sheets of a burst differ from others of their polling centres.

    One finding for each stage that a log records. A stretch of work ends where half an hour passes
    without a line, so that a night is no drought. Honest counts have bursts: that a burst is
    observed says that it was there, and nothing more.

    Statistic
    ---------
    lines, lines_outside : int
        Lines with a stamp; those of them in stretches of work with fewer than a hundred.
    stretches : array of {from, to, minutes, lines, interval_minutes, dispersion, segments,
        changes, by_penalty}
        Of each stretch of work: `interval_minutes` is 1 but for very long ones; `dispersion` is
        the size of the negative binomial (null: Poisson); `segments` array of {start, end, minutes,
        per_minute, low, high} under it at a charge of 3 log n; `changes` array of {at, poisson,
        negative_binomial}: every change found at a charge of 2 log n or more, with the largest
        charge in units of log n at which either model still finds it there; `by_penalty` array of
        {log_n, poisson, negative_binomial}: how many changes are found at each charge.
    bursts, droughts : array of {from, to, minutes, lines, expected, ratio, p_value,
        p_value_overdispersed, neighbourhoods, sheets, valid, margin_points, compared,
        actual_points, predicted_points, unexplained_points, low, high, unexplained_votes}
        Windows of at most 15 minutes far from their neighbourhood of 31, with the chance of one as
        far anywhere in the stretch under either model (both at most 0.05); `neighbourhoods` array
        of {minutes, expected, ratio} by narrower and wider ones; their sheets beside what other
        sheets of their centres predict.
    minutes : array of {minute, sheets}
        Lines a minute around the bursts and droughts.
    operators : {known, operators, resolution_seconds, fastest_seconds, fast, by_run} or null
        Lines with an operator, and operators in the log; seconds to which stamps are written; the
        fewest seconds a sheet over 20 lines in a row; operators below 3 seconds. `by_run` array of
        {lines, operators, fastest_seconds, under_1, under_2, under_3, under_5, under_10}: over so
        many lines in a row, how many operators have as many, and how many of these were faster
        than so many seconds a sheet. Null where the log names none.

    Uncertainty
    -----------
    Rates have exact limits of the gamma (Poisson) or the beta (negative binomial), given their
    segment. The p-values of bursts are Monte Carlo with 199 series, in each of which the baseline
    is estimated again. Of 200 series without a burst, steady or rising and falling, 1.5 to 10 %
    have a window at 0.05 by the overdispersed model, whatever their dispersion; by the Poisson
    model 2 to 6 % where counts are Poisson, and nearly all where their size is 10. The comparison
    within centres is a ratio over clusters.

    Source
    ------
    R. Killick, P. Fearnhead, I. Eckley, Journal of the American Statistical Association 107 (2012);
    K. Haynes, I. Eckley, P. Fearnhead, Journal of Computational and Graphical Statistics 26 (2017),
    for looking at a range of charges; M. Kulldorff, Communications in Statistics 26 (1997).
    """

    title = "The rate of processing"
    asks = "Does the rate of processing burst, dry up, or go beyond what people can do?"
    rule = "Sheets are processed at a rate that the staff and the arrivals explain."
    kind = "descriptive"
    needs = ("log",)
    heading = "The rate of processing: stage {subject}"
    sentences = {
        "observed": (
            "{changes} changes of the rate in {stretches:stretch|stretches} of work, and"
            " {bursts:burst|bursts} beyond chance. In the largest, from {start} to {end}, {lines}"
            " lines came where about {expected} were to be expected; its sheets are {within} from"
            " what other sheets of their centres predict ({span}).{operators}"
        ),
        "not-observed": (
            "{changes} changes of the rate in {stretches:stretch|stretches} of work, and no burst"
            " beyond chance.{operators}"
        ),
        "not-determinable": "No stretch of work has a hundred lines with a stamp.",
    }
    benign = (
        Benign(
            "batch",
            "A queue was released at once, or sheets were saved in batches.",
            "In the largest burst the busiest second has {second} lines, and {own} of its {minutes}"
            " minutes are busier than any outside of a burst.",
        ),
        Benign(
            "places",
            "Sheets of one place were processed together.",
            "The largest burst has sheets of {centres} centres, of {regions} at the level by which"
            " the report is filtered.",
        ),
        Benign("staff", "More people, or a faster way of working, came in."),
        Benign("network", "A network came back, and what had waited arrived."),
        Benign("closing", "Polls closed at one time, and their sheets came in together."),
        Benign("contingency", "A contingency plan moved the work to another room or team."),
        Benign("shared", "Several people worked under one name, or one saved many sheets at once."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every line with a stamp, and the official sheets."""
        events = evidence.events()
        lines = events.filter(events.t.notnull())
        return {
            "lines": lines.select("sid", "stage", "t", "actor", "source", "row"),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each stage."""
        stream = Stream.of(measured, context)
        lines = measured["lines"]
        for stage in context.stages:
            inside = np.flatnonzero(lines["stage"] == stage)
            part = {name: values[inside] for name, values in lines.items()}
            yield self._of(stage, part, stream, context)

    def _of(self, stage: str, lines: Columns, stream: Stream | None, context: Context) -> Fact:
        t = times(lines).astype(np.int64)
        stretches = [Stretch(s, context) for s in stretches_of(t)]
        if not stretches:
            return self.fact("not-determinable", {"lines": len(t)}, subject=stage)
        place = _Place(t, known(lines["sid"]), stream)
        found = {
            name: [
                _window(w, p, s, place, context)
                for s in stretches
                for w, p in s.windows(name == "droughts")
            ]
            for name in ("bursts", "droughts")
        }
        for windows in found.values():
            windows.sort(key=lambda w: (-abs(w["lines"] - w["expected"]), w["from"]))
        statistic: dict[str, Any] = {
            "lines": len(t),
            "lines_outside": len(t) - sum(int(s.counts.sum()) for s in stretches),
            "stretches": [s.statistic(context) for s in stretches],
            **found,
            "minutes": _minutes(found, t, context),
            "operators": _operators(lines, t),
        }
        observed = bool(found["bursts"])
        return self.fact(
            "observed" if observed else "not-observed",
            statistic,
            subject=stage,
            words=_words(statistic),
            explanations=self.explain(**_tested(found["bursts"][0], t, place, stretches, context))
            if observed
            else (),
            figures=_figure(stage, stretches, context),
        )


class _Place:
    """Which sheets were processed in a window."""

    def __init__(self, t: Ints, sid: NDArray[np.float64], stream: Stream | None) -> None:
        self.t, self.sid, self.stream = t, sid, stream

    def inside(self, start: int, end: int) -> NDArray[np.bool_] | None:
        """bool: the official sheets with a line from start up to end; None where nobody leads."""
        if self.stream is None:
            return None
        wanted = self.sid[(self.t >= start) & (self.t < end)]
        return np.isin(self.stream.sid, wanted[~np.isnan(wanted)])


def _window(
    window: Window, p_value: float, stretch: Stretch, place: _Place, context: Context
) -> dict[str, Any]:
    start, end = stretch.at(window.start), stretch.at(window.end)
    some, stream = place.inside(start, end), place.stream
    entry: dict[str, Any] = {
        "from": stamp(start, context),
        "to": stamp(end, context),
        "minutes": (window.end - window.start) * stretch.width,
        "lines": window.count,
        "expected": rounded(window.expected, 1),
        "ratio": rounded(window.ratio, 3),
        "p_value": rounded(window.p_value),
        "p_value_overdispersed": rounded(p_value),
        "neighbourhoods": stretch.neighbourhoods(window),
    }
    if some is not None and stream is not None:
        entry |= {**stream.group(some), **lateness.expected(stream, some, ~some)}
    return entry


def _minutes(
    found: Mapping[str, list[dict[str, Any]]], t: Ints, context: Context
) -> list[dict[str, Any]]:
    """Lines a minute within five minutes of a window."""
    starts: set[int] = set()
    for windows in found.values():
        for window in windows:
            ends = [_seconds(window[name]) for name in ("from", "to")]
            starts |= set(range(ends[0] - AROUND * MINUTE, ends[1] + AROUND * MINUTE, MINUTE))
    names, counts = np.unique(t - t % MINUTE, return_counts=True)
    held = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return [{"minute": stamp(s, context), "sheets": int(held.get(s, 0))} for s in sorted(starts)]


def _seconds(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp())


def _operators(lines: Columns, t: Ints) -> dict[str, Any] | None:
    named = np.array([a is not None for a in lines["actor"].tolist()], dtype=bool)
    if not named.any():
        return None
    names, stamps = lines["actor"][named].astype(str), t[named]
    unit = resolution(stamps)
    paces = {run: fastest(stamps, names, run, unit) for run in RUNS}
    return {
        "known": int(named.sum()),
        "operators": len(np.unique(names)),
        "resolution_seconds": unit,
        "fastest_seconds": _least(paces[RUN]),
        "fast": int((paces[RUN] < FAST).sum()),
        "by_run": [
            {
                "lines": run,
                "operators": len(found),
                "fastest_seconds": _least(found),
                **{f"under_{pace}": int((found < pace).sum()) for pace in PACES},
            }
            for run, found in paces.items()
        ],
    }


def _least(paces: NDArray[np.float64]) -> float | None:
    return rounded(float(paces.min()), 3) if len(paces) else None


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    who = statistic["operators"]
    words: dict[str, Any] = {
        "changes": sum(len(s["segments"]) - 1 for s in statistic["stretches"]),
        "stretches": len(statistic["stretches"]),
        "bursts": len(statistic["bursts"]),
        "operators": " The log names no operators, so that nobody's pace can be told."
        if who is None
        else (
            f" {who['fast']:,} of {who['operators']:,} operators worked through {RUN} sheets in a"
            f" row at less than {FAST} seconds each."
        ),
    }
    if statistic["bursts"]:
        top = statistic["bursts"][0]
        words |= {
            "start": shown(top["from"]),
            "end": shown(top["to"]),
            "lines": top["lines"],
            "expected": round(top["expected"]),
            "within": points(top.get("unexplained_points")),
            "span": span(top.get("low"), top.get("high")),
        }
    return words


def _tested(
    burst: Mapping[str, Any], t: Ints, place: _Place, stretches: list[Stretch], context: Context
) -> dict[str, Mapping[str, Any]]:
    start, end = _seconds(burst["from"]), _seconds(burst["to"])
    inside = (t >= start) & (t < end)
    second = int(np.unique(t[inside], return_counts=True)[1].max(initial=0))
    minute = np.unique(t[inside] // MINUTE, return_counts=True)[1]
    outside = np.unique(t[~inside] // MINUTE, return_counts=True)[1].max(initial=0)
    found: dict[str, Mapping[str, Any]] = {
        "batch": {
            "second": second,
            "own": int((minute > outside).sum()),
            "minutes": burst["minutes"],
        }
    }
    some, stream = place.inside(start, end), place.stream
    if some is not None and stream is not None:
        region = stream.cells[context.case.region_level]
        found["places"] = {
            "centres": len(np.unique(stream.centre[some])),
            "regions": len(np.unique(region[some])),
        }
    return found


def _figure(stage: str, stretches: list[Stretch], context: Context) -> tuple[Figure, ...]:
    """The longest stretch by the minute, with its segments."""
    main = max(stretches, key=lambda s: int(s.counts.sum()))
    step = max(1, len(main.counts) // 1200)
    size = len(main.counts) - len(main.counts) % step
    counts = main.counts[:size].reshape(-1, step).mean(axis=1) / main.width
    drawn = Drawn(context)
    drawn.line([main.at(i) for i in range(0, size, step)], counts.round(3).tolist(), LINES)
    for part in main.segments.segments:
        ends = [main.at(part.start), main.at(part.end)]
        drawn.line(ends, [round(part.rate / main.width, 3)] * 2, RATE)
    for event, text in ((context.case.cut, "the cut"), (context.case.returned, "the return")):
        instant = seconds(event)
        if instant is not None and main.at(0) <= instant <= main.at(len(main.counts)):
            drawn.mark(event, text, LINES)
    figure = Figure(
        id=f"flow.throughput.{stage}",
        chart="lines",
        rows=drawn.rows(),
        labels={
            "title": f"Lines a minute, stage {stage}, with the changes of the rate",
            "x": "wall clock of the case",
            "y": "lines a minute",
        },
        alt=(
            f"Lines a minute over {len(main.counts) * main.width:,} minutes, at most"
            f" {main.counts.max() / main.width:,.4g};"
            f" {len(main.segments.changes):,} changes of the rate."
        ),
    )
    return (figure,)
