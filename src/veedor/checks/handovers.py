"""Handovers of custody in order of time: who gave what to whom, and under which seal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.case.plan import Plan
from veedor.checks.base import Columns, Context
from veedor.checks.instants import times
from veedor.engine.accounts import impersonal, joined

Floats = NDArray[np.float64]

TOGETHER = 6
"""Handovers of one line at one instant, above which their order is not looked for."""


@dataclass(frozen=True, slots=True)
class Legs:
    """Every handover of every trail, in order of time, trail by trail.

    At one instant they stand in an order in which the fewest handovers break and then the fewest
    seals change. Those without an instant come last, by row.

    Attributes
    ----------
    trail, column, line : int64 (m)
        The trail, the step, and the line of handovers that this one continues: a bundle's, under
        whatever number.
    t : float64 (m)
    actor, taker, seal, bundle : object (m), None where not recorded
    crowded : bool (m)
        It shares line and instant with so many that no order of them is looked for.
    """

    trail: NDArray[np.int64]
    column: NDArray[np.int64]
    line: NDArray[np.int64]
    t: Floats
    actor: NDArray[Any]
    taker: NDArray[Any]
    seal: NDArray[Any]
    bundle: NDArray[Any]
    crowded: NDArray[np.bool_]

    @classmethod
    def of(
        cls, rows: Columns, trail: NDArray[np.int64], column: NDArray[np.int64], context: Context
    ) -> Legs:
        """The rows of `custody` as legs of those trails."""
        t = times(rows)
        order = np.lexsort((column, rows["row"].astype(np.int64), t, trail))
        names = {n: rows[n] for n in ("actor", "taker", "seal", "bundle")}
        for name in ("actor", "taker"):
            names[name] = _people(names[name], context.plan)
        line = _lines(trail[order].tolist(), names["bundle"][order].tolist())
        crowded = np.zeros(len(order), dtype=np.bool_)
        about = (column, names["actor"], names["taker"], names["seal"])
        legs = list(zip(*(v[order].tolist() for v in about), strict=True))
        for places, groups in _level(line, t[order]):
            crowded[[i for group in groups if len(group) > TOGETHER for i in group]] = True
            order[places] = order[_fitted(groups, legs)]
        found = {n: values[order] for n, values in names.items()}
        return cls(trail[order], column[order], line, t[order], **found, crowded=crowded)

    def several_bundles(self) -> int:
        """How many trails name more than one bundle."""
        return len(_several(self.trail.tolist(), self.bundle.tolist()))

    def links(self) -> Iterator[tuple[int, int, bool]]:
        """Successive handovers: the leg that took last, the next one that says who gave, and
        whether the giver is another than the taker.
        """
        held: dict[int, int] = {}
        legs = zip(*(v.tolist() for v in (self.line, self.t, self.crowded)), strict=True)
        for i, (line, t, crowded) in enumerate(legs):
            if t != t:
                continue
            if crowded:
                held.pop(line, None)
                continue
            before = held.get(line)
            if before is not None and self.actor[i] is not None:
                yield before, i, bool(self.actor[i] != self.taker[before])
            if self.taker[i] is not None:
                held[line] = i

    def seals(self) -> dict[tuple[int, int], list[tuple[int, int, bool]]]:
        """Pairs of steps that follow one another with a seal: both legs, and whether it differs."""
        last: dict[int, int] = {}
        found: dict[tuple[int, int], list[tuple[int, int, bool]]] = {}
        for i, (line, crowded) in enumerate(
            zip(self.line.tolist(), self.crowded.tolist(), strict=True)
        ):
            if crowded:
                last.pop(line, None)
            if crowded or self.seal[i] is None:
                continue
            if line in last:
                before = last[line]
                first, second = sorted((int(self.column[before]), int(self.column[i])))
                differs = bool(self.seal[i] != self.seal[before])
                found.setdefault((first, second), []).append((before, i, differs))
            last[line] = i
        return dict(sorted(found.items()))


def _people(logins: NDArray[Any], plan: Plan) -> NDArray[Any]:
    """Logins of one person as one name, but for those that are nobody's own, which stay."""
    nobodys = impersonal(plan, {*logins.tolist()} - {None})
    names = zip(logins.tolist(), joined(logins, plan).tolist(), strict=True)
    return np.array([a if a in nobodys else name for a, name in names], dtype=object)


def _lines(trail: Sequence[int], bundle: Sequence[Any]) -> NDArray[np.int64]:
    """int64 (m): the line of handovers of each leg.

    A bundle that begins where another ends for good is the same one under a new number. A leg that
    names none, on a trail of several, may be of any: no line goes on over it.
    """
    several = _several(trail, bundle)
    places: list[tuple[int, int, Any]] = []
    for n, (i, name) in enumerate(zip(trail, bundle, strict=True)):
        since = places[-1][1] if places and places[-1][0] == i else 0
        if i not in several:
            places.append((i, 0, None))
        else:
            places.append((i, n + 1 if name is None else since, name))
    last = {(i, name): n for n, (i, _, name) in enumerate(places)}
    line: dict[tuple[int, int, Any], int] = {}
    for n, place in enumerate(places):
        if place not in line:
            before = places[n - 1] if n else (-1, 0, None)
            named = before[:2] == place[:2] and before[2] is not None
            line[place] = line[before] if named and last[before[0], before[2]] < n else n
    return np.array([line[place] for place in places], dtype=np.int64)


def _several(trail: Sequence[int], bundle: Sequence[Any]) -> set[int]:
    """Trails that name more than one bundle."""
    named = {(i, b) for i, b in zip(trail, bundle, strict=True) if b is not None}
    return {i for i, n in Counter(i for i, _ in named).items() if n > 1}


def _level(line: NDArray[np.int64], t: Floats) -> Iterator[tuple[list[int], list[list[int]]]]:
    """Lines with several dated legs at one instant: their places, and the same instant by instant.

    A leg without an instant stands alone: what came before it is not known.
    """
    order = np.argsort(line, kind="stable")
    same = (np.diff(line[order]) == 0) & (np.diff(t[order]) == 0)
    some = set(line[order][1:][same].tolist())
    for name, mine in groupby(order.tolist(), key=line.__getitem__):
        if name in some:
            places = list(mine)
            yield (
                places,
                [
                    list(group)
                    for _, group in groupby(places, key=lambda i: -i - 1 if t[i] != t[i] else t[i])
                ],
            )


def _fitted(groups: Sequence[Sequence[int]], legs: Sequence[tuple[Any, ...]]) -> list[int]:
    """The places of one line's legs in the order that fits best, instant by instant.

    The fewest handovers by another than the taker before, then the fewest seals that change: a
    search that goes on from the best beginning, and where several are as good from the longest.

    Parameters
    ----------
    groups : places of the legs at each instant
    legs : (step, actor, taker, seal) of every place
    """
    ordered = [
        [[i] for i in group]
        if len(group) > TOGETHER
        else [sorted(group, key=lambda i: [str(v) for v in legs[i]])]
        for group in groups
    ]
    instants = [group for several in ordered for group in several]
    turn = count()
    heap: list[Any] = [((0, 0), 0, next(turn), (0, 0, None, None), None)]
    done: set[Any] = set()
    while True:
        cost, depth, _, state, path = heappop(heap)
        at, used, held, seal = state
        if at == len(instants):
            return _unwound(path)
        if state in done:
            continue
        done.add(state)
        group = instants[at]
        for place, i in enumerate(group):
            if used >> place & 1:
                continue
            _, giver, taker, own = legs[i]
            broken = None not in (held, giver) and giver != held
            changed = None not in (seal, own) and own != seal
            now = used | 1 << place
            full = now == (1 << len(group)) - 1
            following = (
                at + full,
                0 if full else now,
                held if taker is None else taker,
                seal if own is None else own,
            )
            spent = cost[0] + broken, cost[1] + changed
            heappush(heap, (spent, depth - 1, next(turn), following, (path, i)))


def _unwound(path: Any) -> list[int]:
    """The places of a path, from its beginning."""
    found = []
    while path is not None:
        path, i = path
        found.append(i)
    return found[::-1]
