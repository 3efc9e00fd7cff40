"""Silences of logs: stretches without a line that ought to have some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.checks import hosts
from veedor.checks.base import Columns, Context
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known, whole
from veedor.stats.gaps import find_gaps

LEAST = 600
"""Seconds of the shortest gap that is told."""

NEAR = 3600
"""Seconds before and after an incident, of which it explains a silence."""

TIMES = 10.0
"""A regular log has a gap where it is silent for so many of its own cadences."""

ENOUGH = 60
"""Minutes with lines, below which a log has no cadence."""

EXPECTED = 20.0
"""Stations that others name in a silence and that the log would have named, from which it misses
them."""

TIGHT = 30
"""Seconds of the middle half of the offsets of two logs that go with one another."""


@dataclass(frozen=True, slots=True)
class Series:
    """One log by the minutes in which it has lines, in order.

    Attributes
    ----------
    source, machine : str
    minute : int64 (m), minutes of UTC since 1970
    first, last : float64 (m), seconds of UTC of the first and the last line of the minute
    lines, beats : float64 (m), lines and signs of life of the minute
    """

    source: str
    machine: str
    minute: NDArray[np.int64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    lines: NDArray[np.float64]
    beats: NDArray[np.float64]

    def beating(self) -> Series:
        """Its signs of life alone."""
        some = self.beats > 0
        return Series(
            self.source, self.machine, self.minute[some], self.first[some], self.last[some],
            self.lines[some], self.beats[some],
        )  # fmt: skip


def _series(measured: Mapping[str, Columns]) -> Iterator[Series]:
    """Each log, by source and host."""
    rows = measured["minutes"]
    keys = list(zip(*(hosts.text_column(rows, n) for n in ("source", "host")), strict=True))
    places = {key: i for i, key in enumerate(sorted(set(keys)))}
    which = np.array([places[key] for key in keys], dtype=np.int64)
    minute, n, beat = known(rows["minute"]), whole(rows["n"]), rows["beat"].astype(bool)
    begins, ends_ = known(rows["first"]) / MICRO, known(rows["last"]) / MICRO
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(places) + 1))
    for (source, machine), i in places.items():
        mine = order[ends[i] : ends[i + 1]]
        at, inverse = np.unique(minute[mine].astype(np.int64), return_inverse=True)
        lines = np.bincount(inverse, n[mine], len(at))
        beats = np.bincount(inverse, n[mine] * beat[mine], len(at))
        first, last = np.full(len(at), np.inf), np.full(len(at), -np.inf)
        np.minimum.at(first, inverse, begins[mine])
        np.maximum.at(last, inverse, ends_[mine])
        yield Series(
            source, machine, at, first, last, lines.astype(np.float64), beats.astype(np.float64)
        )


class Logs:
    """The logs of a case, minute by minute; those that machines wrote, and which can be judged.

    Attributes
    ----------
    all, own : lists of `Series`
        `own` leaves out sensors': their lines tell of a machine, and are not its own log.
    names : mapping of address to the declared host, None where there is none
    judged, not_judged : int
        Own logs that could be judged for silences, and those that could not.
    """

    def __init__(self, measured: Mapping[str, Columns], context: Context) -> None:
        self.all = list(_series(measured))
        self.own = [s for s in self.all if context.machines[s.source].format != "zeek"]
        self.names = {
            str(address): host
            for address, host in zip(
                *(measured["names"][n].tolist() for n in ("address", "host")), strict=True
            )
        }
        self.named = _Named(measured["named"])
        self.span = _span([s.beating() for s in self.own])
        fit = [
            len(s.minute) >= ENOUGH
            and (
                len(s.beating().minute) >= ENOUGH or bool(self.named.partners(s.source, s.machine))
            )
            for s in self.own
        ]
        self.judged, self.not_judged = sum(fit), len(fit) - sum(fit)

    def host(self, machine: str) -> str:
        """The declared host that a machine is, or its own name."""
        return self.names.get(machine) or machine


def silences_of(logs: Logs, context: Context) -> Iterator[dict[str, Any]]:
    """Stretches of a log without a line that ought to have some: `source`, `host`, `from` and `to`
    in seconds, `expected` stations (None for signs of life), `planned`.
    """
    named = logs.named
    for log in logs.own:
        alive = len(log.beating().minute) >= ENOUGH
        for start, end in _stretches(log, logs.span, named.span):
            expected = None if alive else named.expected(log.source, log.machine, start, end)
            if expected is None or expected >= EXPECTED:
                host = logs.host(log.machine)
                yield {
                    "source": log.source,
                    "host": host,
                    "from": start,
                    "to": end,
                    "expected": expected,
                    "planned": _planned(host, start, end, alive, context),
                }


def _span(beats: Sequence[Series]) -> tuple[int, int] | None:
    """The first and the last second of any sign of life, of logs that have enough of them."""
    some = [s for s in beats if len(s.minute) >= ENOUGH]
    if not some:
        return None
    return min(int(s.first[0]) for s in some), max(int(s.last[-1]) for s in some)


def _stretches(
    log: Series, span: tuple[int, int] | None, named: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Start and end, in seconds, of the stretches without a line that are worth a question.

    Signs of life are due from the first to the last of any machine; what comes before the first
    line of another log, or after its last, is a question where other logs go on.
    """
    if len(log.minute) < ENOUGH:
        return
    signs = log.beating()
    beating = len(signs.minute) >= ENOUGH
    some = signs if beating else log
    cadence = find_gaps(some.minute * 60).median if beating else 0.0
    first, last = some.first.astype(np.int64), some.last.astype(np.int64)
    stretches = list(zip(last[:-1].tolist(), first[1:].tolist(), strict=True))
    if beating and span is not None:
        stretches += [(span[0], int(first[0])), (int(last[-1]), span[1])]
    elif not beating:
        stretches += [(named[0], int(first[0])), (int(last[-1]), named[1])]
    yield from (
        (start, end)
        for start, end in stretches
        if end - start >= LEAST and end - start > TIMES * cadence
    )


class _Named:
    """Which stations each log names, and when first."""

    def __init__(self, rows: Columns) -> None:
        keys = list(zip(*(hosts.text_column(rows, n) for n in ("source", "host")), strict=True))
        places = {key: i for i, key in enumerate(sorted(set(keys)))}
        at = np.array([places[key] for key in keys], dtype=np.int64)
        sid, t = rows["sid"].astype(np.int64), known(rows["us"]) / MICRO
        self._logs = {key: (sid[at == i], t[at == i]) for key, i in places.items()}
        dated = t[np.isfinite(t)]
        self.span = (int(dated.min()), int(dated.max()) + 1) if len(dated) else (0, 0)
        self._with: dict[tuple[str, str], list[tuple[NDArray[np.int64], NDArray[Any]]]] = {}

    def expected(self, source: str, machine: str, start: int, end: int) -> float:
        """Stations that a log would have named between two instants, by what one other log names
        that goes with it; the most that any of them says.
        """
        if (source, machine) not in self._logs:
            return 0.0
        sid, _ = self._logs[source, machine]
        found = [0.0]
        for theirs, t in self.partners(source, machine):
            during = (t >= start) & (t < end)
            elsewhere = theirs[~during]
            share = float(np.isin(elsewhere, sid).mean()) if len(elsewhere) else 0.0
            found.append(share * float((~np.isin(theirs[during], sid)).sum()))
        return max(found)

    def partners(self, source: str, machine: str) -> list[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Logs of other machines that name the same stations within seconds of this one."""
        if (source, machine) in self._with:
            return self._with[source, machine]
        if (source, machine) not in self._logs:
            return []
        sid, t = self._logs[source, machine]
        found = []
        for (_, host), (theirs, when) in self._logs.items():
            if host == machine:
                continue
            _, i, j = np.intersect1d(sid, theirs, return_indices=True)
            offset = t[i] - when[j]
            if len(offset) >= ENOUGH:
                half = float(np.subtract(*np.quantile(offset, [0.75, 0.25])))
                found += [(theirs, when)] if half <= TIGHT else []
        self._with[source, machine] = found
        return found


def _planned(host: str, start: int, end: int, alive: bool, context: Context) -> bool:
    """Whether a silence lies in a planned stop, or about an incident that a document mentions.

    Parameters
    ----------
    alive : the log is one of signs of life: processing may stop and the machine not
    """
    plan = context.plan
    for stop in plan.stops:
        inside = stop.start.timestamp() - 120 <= start and end <= stop.end.timestamp() + 120
        mine = stop.host == host if stop.of == "host" else stop.of == "processing" and not alive
        if inside and mine:
            return True
    mentioned = {e for d in plan.documents for e in d.events}
    return any(
        event.kind is None
        and event.id in mentioned
        and start - LEAST <= event.at.timestamp() <= end + LEAST
        and event.at.timestamp() - NEAR <= start
        and end <= event.at.timestamp() + NEAR
        for event in context.case.events
    )
