"""Nearest neighbours among millions of short descriptors, and how near chance would bring one.

Cells around centres found by k-means; each descriptor lies in its `MEMBER` nearest cells and looks
for neighbours in its nearest one (an inverted file; Jégou, Douze and Schmid 2011). How often
others would lie as near as one does is told from where its further neighbours lie: distances of
neighbours in a smooth density follow a power law whose exponent is estimated from them (Levina
and Bickel 2004, equation 8), here without the nearest ones, which may be copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAR", "Law", "Neighbours", "law", "law_of_own", "nearest_of_group", "neighbours"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NEAR, FAR = 9, 40
"""Neighbours of these ranks tell how near others lie; nearer ones may be copies of each other."""
OWN_NEAR, OWN_FAR = 4, 20
"""The same for the nearest ones of one's own group, of which `FAR` are looked at."""
STEEPEST = 6.0
"""Largest exponent: a rare shape has all its neighbours far away, and its writer's own near."""
FLATTEST = 3.0
"""Least exponent among those of one hand: neighbours of different hands vary differently, which
makes the exponent of all of them together lower than that of any."""
WHOLE = 4000
"""So many descriptors are compared all with all."""
CELL = 1000
"""Descriptors to a cell."""
MEMBER = 3
"""Cells in which a descriptor can be found."""
AT_ONCE = 2**22
"""Distances that are computed at once: with their order, 50 megabytes."""
LEARN = 60_000
"""Descriptors from which the centres of the cells are learnt."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The `FAR` nearest neighbours of some descriptors, the nearest first.

    Attributes
    ----------
    place : (n, FAR) int32; -1 where there are fewer
    distance : (n, FAR) float32, half the squared distance: 1 less the correlation, where the
        descriptors have length 1; inf where there are fewer
    """

    place: NDArray[np.int32]
    distance: Floats


@dataclass(frozen=True, slots=True)
class Law:
    """How many neighbours of a descriptor are expected within a distance: a power law.

    Attributes
    ----------
    scale : (n,) float64, the distance within which `count` are expected; inf where unknown
    exponent : (n,) float64
    count : float
    """

    scale: NDArray[np.float64]
    exponent: NDArray[np.float64]
    count: float

    @classmethod
    def joined(cls, parts: Sequence[tuple[Ints, Law]]) -> Law:
        """The law of all descriptors, from those of some at a time and their places."""
        at = np.concatenate([places for places, _ in parts])
        scale, exponent = np.empty(len(at)), np.empty(len(at))
        scale[at] = np.concatenate([one.scale for _, one in parts])
        exponent[at] = np.concatenate([one.exponent for _, one in parts])
        return cls(scale, exponent, parts[0][1].count)

    def expected(self, at: Ints, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Neighbours of the descriptors `at` that chance brings as near as `distance`.

        Infinitely many where too few others are there to tell.
        """
        known = np.isfinite(self.scale[at])
        share = np.where(known, np.maximum(distance, 1e-9) / self.scale[at], 1)
        return np.where(known, self.count * np.minimum(share, 1) ** self.exponent[at], np.inf)


def law(found: Neighbours) -> Law:
    """The law of each descriptor's neighbours, from those of rank `NEAR` to `FAR`."""
    return _fit(found.distance, NEAR, float(FAR))


def law_of_own(found: Neighbours, own: Floats) -> Law:
    """The law of the nearest neighbour of one's own group, from the `FAR` most like descriptors.

    Shapes that are alike vary alike when one hand repeats them: how near the nearest of one hand
    lies is told by how near it lies for each of a descriptor's neighbours.

    Parameters
    ----------
    own : of every descriptor, float32, distance to the nearest one of the same group
    """
    near = np.sort(np.where(found.place >= 0, own[found.place], np.inf), axis=1)
    found_law = _fit(near[:, :OWN_FAR], OWN_NEAR, OWN_FAR / FAR)
    return replace(found_law, exponent=np.maximum(found_law.exponent, FLATTEST))


def _fit(distance: NDArray[Any], near: int, count: float) -> Law:
    """Maximum likelihood from rising distances, the first `near` known only to be the nearest."""
    n, size = distance.shape
    scale, exponent = np.full(n, np.inf), np.ones(n)
    whole = np.flatnonzero(np.isfinite(distance[:, -1]))
    part = np.maximum(distance[whole].astype(np.float64), 1e-9)
    logs = np.log(part[:, -1:] / part)
    total = logs[:, near:-1].sum(axis=1) + near * logs[:, near - 1]
    scale[whole] = part[:, -1]
    exponent[whole] = (size - 1 - near) / np.maximum(total, 1e-9)
    return Law(scale, np.minimum(exponent, STEEPEST), count)


def nearest_of_group(descriptors: Floats, group: Ints) -> Floats:
    """(n,): distance of each descriptor to the nearest one of its group; inf where it is alone."""
    order = np.argsort(group, kind="stable")
    own = np.full(len(group), np.inf, dtype=np.float32)
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(members) > 1:
            own[members] = _distances(descriptors, members, members).min(axis=1)
    return own


def neighbours(descriptors: Floats, rng: np.random.Generator) -> Iterator[tuple[Ints, Neighbours]]:
    """The nearest neighbours of each descriptor among all others, of some at a time.

    All at once they would take more room than the descriptors do.

    Parameters
    ----------
    descriptors : (n, d) float32

    Yields
    ------
    Places of some descriptors, and their neighbours; each place comes once.
    """
    n = len(descriptors)
    everyone = np.arange(n)
    if n <= WHOLE:
        yield from _searched(descriptors, everyone, everyone)
        return
    cells = _cells(descriptors, rng)
    by_member = np.argsort(cells.ravel(), kind="stable")
    ends = np.searchsorted(cells.ravel()[by_member], np.arange(cells.max() + 2))
    by_first = np.argsort(cells[:, 0], kind="stable")
    first = np.searchsorted(cells[by_first, 0], np.arange(cells.max() + 2))
    for cell in range(int(cells.max()) + 1):
        asking = by_first[first[cell] : first[cell + 1]]
        members = by_member[ends[cell] : ends[cell + 1]] // MEMBER
        yield from _searched(descriptors, asking, members)


def _searched(
    descriptors: Floats, asking: Ints, members: Ints
) -> Iterator[tuple[Ints, Neighbours]]:
    """The neighbours of those `asking` among the `members`."""
    rows = max(AT_ONCE // max(len(members), 1), 1)
    keep = min(FAR, len(members) - 1)
    for start in range(0, len(asking), rows):
        some = asking[start : start + rows]
        place = np.full((len(some), FAR), -1, dtype=np.int32)
        distance = np.full((len(some), FAR), np.inf, dtype=np.float32)
        if keep >= 1:
            far = _distances(descriptors, some, members)
            best = np.argpartition(far, keep - 1, axis=1)[:, :keep]
            near = np.take_along_axis(far, best, axis=1)
            order = np.argsort(near, axis=1, kind="stable")
            place[:, :keep] = members[np.take_along_axis(best, order, axis=1)]
            distance[:, :keep] = np.maximum(np.take_along_axis(near, order, axis=1), 0)
        yield some, Neighbours(place, distance)


def _distances(descriptors: Floats, asking: Ints, members: Ints) -> Floats:
    """(asking, members): half the squared distances; inf to itself."""
    ours, theirs = descriptors[asking], descriptors[members]
    far = ours @ theirs.T
    np.subtract(np.einsum("nd,nd->n", theirs, theirs) / 2, far, out=far)
    far += (np.einsum("nd,nd->n", ours, ours) / 2)[:, None]
    far[asking[:, None] == members[None, :]] = np.inf
    return far


def _cells(descriptors: Floats, rng: np.random.Generator) -> Ints:
    """(n, MEMBER): the cells nearest to each descriptor, the nearest first."""
    n = len(descriptors)
    count = max(MEMBER + 1, n // CELL)
    some = descriptors[rng.permutation(n)[: max(LEARN, 20 * count)]]
    centres = some[:count].copy()
    for _ in range(6):
        nearest = _nearest(some, centres, 1)[:, 0]
        size = np.bincount(nearest, minlength=count)
        order = np.argsort(nearest, kind="stable")
        starts = np.searchsorted(nearest[order], np.arange(count))
        filled = size > 0
        sums = np.add.reduceat(some[order], starts[filled], axis=0)
        centres[filled] = sums / size[filled, None]
    return _nearest(descriptors, centres, MEMBER)


def _nearest(points: Floats, centres: Floats, keep: int) -> Ints:
    """(n, keep): the nearest centres of each point, the nearest first."""
    squares = np.einsum("nd,nd->n", centres, centres) / 2
    found = np.empty((len(points), keep), dtype=np.int64)
    for at in range(0, len(points), 8192):
        far = squares - points[at : at + 8192] @ centres.T
        if keep == 1:
            found[at : at + 8192, 0] = far.argmin(axis=1)
            continue
        best = np.argpartition(far, keep - 1, axis=1)[:, :keep]
        order = np.argsort(np.take_along_axis(far, best, axis=1), axis=1)
        found[at : at + 8192] = np.take_along_axis(best, order, axis=1)
    return found
