"""Offsets between the clocks of machines, from events that two of them recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.hosts import MICRO
from veedor.checks.lateness import rounded
from veedor.checks.recorded import known, whole

FEWEST = 8
"""Events that two machines share, below which no offset is told."""
TOLERANCE = 60
"""Seconds of offset that a usual night shows: small drifts, and the time that a step takes."""
TIGHT = 30
"""Seconds of the middle half of the offsets, above which they are the work's and not a clock's."""
WORK = ("handshake", "request", "application-write", "database-write")
"""Kinds of lines in the order in which the work on a sheet makes them."""


class ClockSkew(Check):
    """For each pair of logs of machines, the offset of their clocks by events that both recorded.

    An event is the first line that names a station in each log; logs of sensors, which tell of
    other machines, are left out. Their offset holds the time that the work takes from one to the
    other as well as the difference of the clocks: work varies, a clock does not. Only offsets of
    which the middle half lies within thirty seconds are taken for a clock's. Where the interval of
    an offset holds zero, or reaches it together with the resolution of the stamps, the order of
    events across the two machines is not evaluable.

    Work may take a constant time too. An offset between lines of two kinds may be that, unless it
    is against the order of the work, or one machine differs from others that agree. The interval is
    that of clock and delay together. Where the kinds of lines say which comes first in the work,
    the delay has one sign, and the offset nearest to none of it bounds the clock alone.

    Statistic
    ---------
    pairs : array of {first, second, first_kind, second_kind, events, median_seconds, low, high,
        least, most, middle_half, tight, beyond, evaluable, may_be_delay, clock_at_least,
        clock_at_most, jump_at, jump_seconds}
        Machines by their hosts, with the source where a host has several logs, and what most of
        their lines tell of. Offset of the second clock to the first: its median with an exact 95 %
        interval by order statistics, the range, and the width of its middle half. `tight` says that
        this is a clock's offset at all; `beyond` says that the whole interval lies beyond a minute;
        `evaluable` that an order of events across the two can be told at all; `may_be_delay` that
        an offset beyond a minute may be a constant time of the work. `clock_at_least` and
        `clock_at_most` bound the second clock less the first alone, with the resolution of the
        stamps; null where the order of the work is not known. Where the offset changes once
        by more than a minute, with at least eight events before and after within thirty seconds of
        one another: when it did, and by how much.
    skewed, jumped, untold : int
        Pairs beyond a minute; pairs whose offset changed so; pairs that share events, but whose
        offsets are the work's.
    machine : str or null
        A host that is in every pair beyond a minute, where there is one: its clock explains them.
    stepped_back : array of {source, host, steps, most_seconds}
        Logs whose stamps go back by more than a second from one line to the next.

    Uncertainty
    -----------
    Exact intervals of the median by the binomial law; events of one batch are not independent, so
    that intervals may be too short.

    Source
    ------
    Paired events for the offset of clocks: Schatz, Mohay and Clark, Digital Investigation 3S, 2006;
    intervals of a median by order statistics: Thompson, Annals of Mathematical Statistics 7, 1936.
    """

    title = "Clocks of machines"
    asks = "Do the clocks of two machines differ by more than a minute, or go back?"
    rule = "The clocks of machines that record one count agree to within seconds."
    kind = "control"
    needs = ("log-lines",)
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "The clocks of {pairs_told:pair|pairs} of machines agree to within a minute, by events"
            " that both recorded; no log goes back by more.{varies}"
        ),
        "not-determinable": "{undetermined}",
    }
    coverage = ("untold",)
    benign = (
        Benign(
            "step",
            "The second machine records the event when a later step is done.",
            "In {positive} of {pairs:pair|pairs} the second machine is later on every event."
            " {delays:offset beyond a minute is|offsets beyond a minute are} between lines of"
            " different kinds ({kinds}), and may be a constant time of the work.",
        ),
        Benign(
            "zone",
            "One log was read in another time zone than it was written in.",
            "Of {skewed:offset|offsets} beyond a minute, {whole:is|are} within a minute of a whole"
            " number of hours.",
        ),
        Benign("correction", "A clock was set right while the log was written."),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Pairs of machines whose clocks nothing can be told of."""
        left = statistic.get("untold", 0)
        return say("{left:pair|pairs} of machines cannot be judged", left=left) if left else ""

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The first line of each station in each log of a machine, and of what its lines tell."""
        lines = evidence.log_lines()
        told = lines.filter(lines.sid.notnull(), lines.us.notnull(), lines.host.notnull())
        return {
            "first": told.group_by("sid", "source", "host").agg(us=ibis._.us.min()),
            "kinds": told.group_by("source", "host", "kind").agg(n=told.count()),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all pairs of machines."""
        logs = list(_logs(measured["first"], measured["kinds"], context))
        host = {log.label: log.host for log in logs}
        pairs = [p for a, b in combinations(logs, 2) if (p := _pair(a, b, context)) is not None]
        skewed = [p for p in pairs if p["beyond"]]
        jumped = [p for p in pairs if p["jump_at"] is not None]
        machine = _odd_one(skewed, pairs, host)
        certain = [p for p in skewed if machine is not None or not p["may_be_delay"]]
        delays = [p for p in skewed if p["may_be_delay"]]
        back = list(_back(context))
        statistic: dict[str, Any] = {
            "pairs": pairs,
            "skewed": len(skewed),
            "jumped": len(jumped),
            "untold": sum(not p["tight"] and p["jump_at"] is None for p in pairs),
            "machine": machine,
            "stepped_back": back,
        }
        far = [b for b in back if b["most_seconds"] > TOLERANCE]
        status: Status = "observed" if certain or jumped or far else "not-observed"
        if status != "observed" and (delays or not any(p["tight"] for p in pairs)):
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": " ".join([*_sentences(skewed, machine, far), *_jumps(jumped)]),
                "undetermined": _undetermined(pairs, delays),
                "pairs_told": sum(bool(p["tight"]) for p in pairs),
                "varies": _varies(statistic["untold"], " more"),
            },
            explanations=self.explain(**_tested(pairs)),
            rows={n: np.array([p[n] for p in pairs], dtype=object) for n in pairs[0]}
            if pairs
            else None,
            key="first",
        )


def _back(context: Context) -> Iterator[dict[str, Any]]:
    """Logs whose stamps go back."""
    for log in context.machines.values():
        if log.back:
            yield {
                "source": log.source,
                "host": log.of_host,
                "steps": log.back,
                "most_seconds": log.back_most / MICRO,
            }


def _tested(pairs: list[dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What the benign explanations came to."""
    skewed = [p for p in pairs if p["beyond"]]
    delays = [p for p in pairs if p["may_be_delay"]]
    kinds = {" and ".join(sorted((p["first_kind"], p["second_kind"]))) for p in delays}
    hours = [p["median_seconds"] / 3600 for p in skewed]
    return {
        "step": {
            "positive": sum(float(p["least"]) >= 0 for p in pairs),
            "pairs": len(pairs),
            "delays": len(delays),
            "kinds": hosts.names(sorted(kinds)),
        },
        "zone": {
            "whole": sum(abs(h - round(h)) <= 60 / 3600 and abs(h) > 0.5 for h in hours),
            "skewed": len(skewed),
        },
    }


@dataclass(frozen=True, slots=True)
class Log:
    """A log of a machine: its name, its host, what most of its lines tell of, and its events.

    `sid` and `us` are of the first line of each station, one each.
    """

    label: str
    host: str
    kind: str
    sid: NDArray[np.int64]
    us: NDArray[np.float64]


def _logs(first: Columns, kinds: Columns, context: Context) -> Iterator[Log]:
    """The logs of machines, but not those of sensors, by host and source."""
    sensors = {name for name, info in context.machines.items() if info.format == "zeek"}
    source, host = (np.array(hosts.text_column(first, n), dtype=object) for n in ("source", "host"))
    found = sorted({(h, s) for h, s in zip(host, source, strict=True) if s not in sensors})
    several = Counter(h for h, _ in found)
    most = _most_told(kinds)
    for h, s in found:
        mine = (host == h) & (source == s)
        yield Log(
            label=f"{h} ({s})" if several[h] > 1 else h,
            host=h,
            kind=most[s, h],
            sid=first["sid"][mine].astype(np.int64),
            us=known(first["us"][mine]),
        )


def _most_told(kinds: Columns) -> dict[tuple[str, str], str]:
    """What most lines of each log of each machine tell of, by source and host."""
    rows = zip(
        whole(kinds["n"]).tolist(),
        *(hosts.text_column(kinds, n) for n in ("kind", "source", "host")),
        strict=True,
    )
    return {(source, host): kind for _, kind, source, host in sorted(rows)}


def _pair(a: Log, b: Log, context: Context) -> dict[str, Any] | None:
    """The offset of the second log's clock to the first one's, where they share enough stations."""
    shared, i, j = np.intersect1d(a.sid, b.sid, return_indices=True)
    if len(shared) < FEWEST:
        return None
    order = np.lexsort((shared, a.us[i] + b.us[j]))
    at, in_time = a.us[i][order], (b.us[j] - a.us[i])[order] / MICRO
    offset = np.sort(in_time)
    bounds = _clock_bounds(a, b, float(offset[0]), float(offset[-1]))
    low, high = _median_interval(offset)
    tight = _middle_half(offset) <= TIGHT
    beyond = tight and bool(min(abs(low), abs(high)) > TOLERANCE and low * high > 0)
    jump = _jump(in_time)
    return {
        "first": a.label,
        "second": b.label,
        "first_kind": a.kind,
        "second_kind": b.kind,
        "events": len(shared),
        "median_seconds": rounded(float(np.median(offset)), 3),
        "low": rounded(low, 3),
        "high": rounded(high, 3),
        "least": rounded(float(offset[0]), 3),
        "most": rounded(float(offset[-1]), 3),
        "middle_half": rounded(_middle_half(offset), 3),
        "tight": tight,
        "beyond": beyond,
        "evaluable": tight and bool(low - 1 > 0 or high + 1 < 0),
        "may_be_delay": beyond and _may_be_delay(a.kind, b.kind, low),
        "clock_at_least": bounds[0],
        "clock_at_most": bounds[1],
        "jump_at": None if jump is None else hosts.stamp(at[jump[0]], context),
        "jump_seconds": None if jump is None else rounded(jump[1], 3),
    }


def _middle_half(offset: NDArray[np.float64]) -> float:
    return float(np.subtract(*np.quantile(offset, [0.75, 0.25])))


def _may_be_delay(first: str, second: str, offset: float) -> bool:
    """Whether an offset may be the time that the work takes from one kind of line to another."""
    if first == second:
        return False
    if first in WORK and second in WORK:
        return (WORK.index(first) < WORK.index(second)) == (offset > 0)
    return True


def _clock_bounds(a: Log, b: Log, least: float, most: float) -> tuple[float | None, float | None]:
    """The least and the most that the second clock less the first can be, if the work goes one way.

    A stamp of a log that is written to the second may be up to a second early.
    """
    if a.kind == b.kind or not {a.kind, b.kind} <= set(WORK):
        return None, None
    if WORK.index(a.kind) < WORK.index(b.kind):
        return None, rounded(least + _resolution(b.us), 3)
    return rounded(most - _resolution(a.us), 3), None


def _resolution(us: NDArray[np.float64]) -> int:
    """Seconds to which stamps are written: one where all are whole seconds, else none."""
    return int(not (us % MICRO).any())


def _jump(offset: NDArray[np.float64]) -> tuple[int, float] | None:
    """Where offsets in order of time change once by more than a minute, and by how much.

    The split is that which best parts their ranks; on both sides of it offsets must be a clock's,
    and the whole intervals of their medians more than a minute apart.
    """
    n = len(offset)
    if n < 2 * FEWEST:
        return None
    ranks = stats.rankdata(offset) - (n + 1) / 2
    size = np.arange(1, n)
    between = np.cumsum(ranks)[:-1] ** 2 * (1 / size + 1 / (n - size))
    split = FEWEST + int(np.argmax(between[FEWEST - 1 : n - FEWEST]))
    before, after = np.sort(offset[:split]), np.sort(offset[split:])
    if max(_middle_half(before), _middle_half(after)) > TIGHT:
        return None
    (low, high), (next_low, next_high) = _median_interval(before), _median_interval(after)
    if max(next_low - high, low - next_high) <= TOLERANCE:
        return None
    return split, float(np.median(after) - np.median(before))


def _median_interval(ordered: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Order statistics that hold the median with at least that probability."""
    n = len(ordered)
    k = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    k = max(k - 1, 0) if stats.binom.cdf(k, n, 0.5) > (1 - level) / 2 else k
    return float(ordered[k]), float(ordered[n - 1 - k])


def _odd_one(
    skewed: list[dict[str, Any]], pairs: list[dict[str, Any]], host: Mapping[str, str]
) -> str | None:
    """The host in every skewed pair, where others agree among themselves."""
    ends = [{host[p["first"]], host[p["second"]]} for p in skewed]
    common = set.intersection(*ends) if ends else set()
    agreed = [
        {host[p["first"]], host[p["second"]]} for p in pairs if p["tight"] and not p["beyond"]
    ]
    alone = [m for m in sorted(common) if any(len(e) > 1 and m not in e for e in agreed)]
    return alone[0] if len(alone) == 1 else None


def _number(value: float) -> str:
    return f"{value:,.1f}".replace("-", "\u2212")


def _offset(p: Mapping[str, Any]) -> str:
    return (
        f"{p['second']} less {p['first']}, clock and delay together,"
        f" {_number(p['median_seconds'])} seconds (95 % from {_number(p['low'])} to"
        f" {_number(p['high'])}, {p['events']:,} events)"
    )


def _worst(skewed: list[dict[str, Any]]) -> dict[str, Any]:
    """The pair furthest apart, of those that no delay of the work explains where there are some."""
    certain = [p for p in skewed if not p["may_be_delay"]]
    return max(certain or skewed, key=lambda p: abs(p["median_seconds"]))


def _bounded(skewed: list[dict[str, Any]]) -> Iterator[str]:
    """What is said of clocks alone, where the work goes one way."""
    words = {"clock_at_least": "at least", "clock_at_most": "at most"}
    found = [
        f"{p['second']} less {p['first']} {text} {_number(p[name])} seconds"
        for p in sorted(skewed, key=lambda p: -abs(p["median_seconds"]))
        for name, text in words.items()
        if p[name] is not None
    ]
    if found:
        yield f"Clock alone, by the order of the work: {'; '.join(found[:2])}."


def _sentences(
    skewed: list[dict[str, Any]], machine: str | None, far: list[dict[str, Any]]
) -> Iterator[str]:
    """What is said of offsets beyond a minute, and of logs that go back."""
    if skewed:
        yield say(
            "{n:pair of machines differs|pairs of machines differ} by more than a minute: {worst}.",
            n=len(skewed),
            worst=_offset(_worst(skewed)),
        )
    if machine:
        yield f"{machine} is in each of them, and the others agree among themselves."
    if skewed:
        yield from _bounded(skewed)
    if far:
        yield say(
            "{n:log goes|logs go} back by more than a minute: {listed}.",
            n=len(far),
            listed=hosts.names(b["source"] for b in far),
        )


def _varies(untold: int, more: str = "") -> str:
    """A sentence on pairs whose offsets are the work's."""
    if not untold:
        return ""
    return say(
        f" {{n:pair{more} shares|pairs{more} share}} events, but the time between their lines"
        " varies, so that nothing can be told of their clocks.",
        n=untold,
    )


def _jumps(jumped: list[dict[str, Any]]) -> Iterator[str]:
    """What is said of offsets that changed."""
    if jumped:
        worst = max(jumped, key=lambda p: abs(p["jump_seconds"]))
        change = f"{worst['jump_seconds']:+,.0f}".replace("-", "\u2212")
        yield say(
            "The offset of {n:pair|pairs} changed by more than a minute while they wrote: that of"
            " {second} to {first} by {change} seconds at {at}.",
            n=len(jumped),
            second=worst["second"],
            first=worst["first"],
            change=change,
            at=hosts.shown(worst["jump_at"]),
        )


def _undetermined(pairs: list[dict[str, Any]], delays: list[dict[str, Any]]) -> str:
    """Why nothing can be told of clocks."""
    if delays:
        parts = say(
            "{n:pair of machines differs|pairs of machines differ} by more than a minute: {worst}."
            " Their lines tell of different steps, so that a clock and a constant delay of the work"
            " cannot be told apart.",
            n=len(delays),
            worst=_offset(_worst(delays)),
        )
        return " ".join([parts, *_bounded(delays)])
    if pairs:
        return _varies(len(pairs)).strip()
    return f"No two machines of the case recorded {FEWEST} events of the same stations."
