"""Saves that changed a database, each paired with what the application tells of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.checks import hosts
from veedor.checks.base import Columns
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known

WINDOW = 120
"""Seconds around the usual distance, in which the event of a change must lie."""
BURST = 2
"""Seconds between changes of a station by one session, up to which they are of one save."""
TELLERS = ("application-write", "request", "log")
"""What tells of a sheet, best first: of each station the best is used, so that a sheet is told of
once."""
FEW = 10
"""Distances of one kind of teller, below which it has no usual one of its own."""
MOST = 1_000_000
"""Pairs of changes and events of one station, above which they are paired in order of time."""


def saves_of(rows: Columns, at: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64 (n): the save that each change is of, numbered from 0."""
    size = len(at)
    words = ("source", "host", "session", "actor")
    keys = list(
        zip(rows["sid"].tolist(), *(hosts.text_column(rows, n) for n in words), strict=True)
    )
    places = {key: i for i, key in enumerate(sorted(set(keys)))}
    who = np.array([places[key] for key in keys], dtype=np.int64)
    order = np.lexsort((rows["row"].astype(np.int64), at, who)) if size else np.zeros(0, np.int64)
    seconds = at[order] / MICRO
    new = np.ones(size, dtype=np.bool_)
    new[1:] = (np.diff(who[order]) != 0) | ~(np.diff(seconds) <= BURST)
    found = np.empty(size, dtype=np.int64)
    found[order] = np.cumsum(new) - 1
    return found


@dataclass(frozen=True, slots=True)
class Pairs:
    """Of n changes: whether the save of each has an event of its own, and how far the nearest is.

    `nearest` is float64 (n) in seconds, NaN where its station has none; `usual` is the commonest
    distance of a save after the nearest event, None where there is none.
    """

    paired: NDArray[np.bool_]
    nearest: NDArray[np.float64]
    usual: float | None


def pairs_of(
    rows: Columns, at: NDArray[np.float64], saves: NDArray[np.int64], events: Columns
) -> Pairs:
    """Each save with one event of its station, and each event with one save."""
    told, teller = _told(events)
    sid = rows["sid"].astype(np.int64)
    # The first change of each save stands for it.
    order = np.lexsort((at, saves))
    first = order[np.flatnonzero(np.diff(saves[order], prepend=-1))]
    seconds = at[first] / MICRO
    after = np.array(
        [
            _nearest(told[s], t) if s in told and np.isfinite(t) else np.nan
            for s, t in zip(sid[first].tolist(), seconds.tolist(), strict=True)
        ],
        dtype=np.float64,
    )
    kinds = np.array([teller.get(s, "") for s in sid[first].tolist()], dtype=object)
    known_ = np.isfinite(after)
    pooled = _commonest(after[known_])
    usual = {
        k: _commonest(after[known_ & (kinds == k)])
        if (known_ & (kinds == k)).sum() >= FEW
        else pooled
        for k in TELLERS
    }
    paired = np.zeros(len(first), dtype=np.bool_)
    by_sid: dict[int, list[int]] = {}
    for i in np.flatnonzero(np.isfinite(after)).tolist():
        by_sid.setdefault(int(sid[first[i]]), []).append(i)
    for station, mine in by_sid.items():
        index = np.array(mine, dtype=np.int64)
        expected = seconds[index] - usual[teller[station]]
        paired[index] = _matched(expected, told[station])
    return Pairs(paired[saves], np.abs(after)[saves], pooled if known_.any() else None)


def _told(events: Columns) -> tuple[dict[int, NDArray[np.float64]], dict[int, str]]:
    """Station -> instants, rising, of events of the best kind that tells of it; and that kind."""
    by_sid: dict[int, dict[str, list[float]]] = {}
    for sid, us, kind in zip(
        events["sid"].tolist(),
        known(events["told"]).tolist(),
        hosts.text_column(events, "by"),
        strict=True,
    ):
        by_sid.setdefault(int(sid), {}).setdefault(kind, []).append(us / MICRO)
    teller = {sid: next((k for k in TELLERS if k in kinds), "") for sid, kinds in by_sid.items()}
    told = {
        sid: np.sort(np.array(kinds[teller[sid]], dtype=np.float64))
        for sid, kinds in by_sid.items()
        if teller[sid]
    }
    return told, teller


def _nearest(told: NDArray[np.float64], t: float) -> float:
    """Seconds from the nearest event to an instant; the earlier event where two are as near."""
    i = int(np.searchsorted(told, t))
    near = told[max(i - 1, 0) : i + 1]
    return float(t - near[np.argmin(np.abs(t - near))])


def _matched(expected: NDArray[np.float64], told: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (n): saves of one station that have an event of their own within the window.

    Parameters
    ----------
    expected : float64 (n), when the event of each save is expected
    told : float64 (m), rising

    The nearest ones first; where there are very many, one after the other in time, which pairs as
    many as can be paired.
    """
    paired = np.zeros(len(expected), dtype=np.bool_)
    low = np.searchsorted(told, expected - WINDOW, side="left")
    high = np.searchsorted(told, expected + WINDOW, side="right")
    if int((high - low).sum()) > MOST:
        k = 0
        for i in np.argsort(expected, kind="stable").tolist():
            k = max(k, int(low[i]))
            if k < high[i]:
                paired[i] = True
                k += 1
        return paired
    near = sorted(
        (abs(float(expected[i] - told[k])), i, k)
        for i in range(len(expected))
        for k in range(int(low[i]), int(high[i]))
    )
    taken: set[int] = set()
    for _, i, k in near:
        if not paired[i] and k not in taken:
            paired[i] = True
            taken.add(k)
    return paired


def _commonest(after: NDArray[np.float64]) -> float:
    """The middle of the narrowest half of the distances: a few far ones do not move it."""
    if not len(after):
        return 0.0
    ordered = np.sort(after)
    half = (len(ordered) + 1) // 2
    widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    start = int(np.argmin(widths))
    return float(np.median(ordered[start : start + half]))
