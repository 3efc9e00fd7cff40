"""Whether two sheets bear the same ink: all pairs by a coarse descriptor, few of them in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from veedor.images.inkprint import HEIGHT, WIDTH, Inkprint

__all__ = ["Alike", "Found", "Pair", "candidates", "coarse", "compare", "same_ink"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

BLOCK = 4
"""Pixels of the inkprint to one number of the coarse descriptor: 1 mm."""
BLUR = 0.8
"""Numbers over which it is smoothed, for a field may still lie a little off its printed lines."""
DIMENSIONS = 256
"""Main directions of the sheets' descriptors that are kept for comparing all with all."""
LEARN = 4096
"""Sheets from which these directions are learnt."""
CENTRED = 20
"""Sheets from which what they have in common is taken out."""
SHIFT = 3
"""Pixels by which a field may still lie elsewhere, each way: three quarters of a millimetre."""
ROWS = 2048
"""Sheets that are described at once, and sheets of which few strokes have their like."""
AT_ONCE = 2**23
"""Pairs of sheets that are multiplied at once: with their order, 100 megabytes."""
PER_SHEET = 24
"""Candidates of one sheet that are compared in full, the most alike first."""
LOOK = 0.75
"""Correlation of coarse descriptors from which a pair is compared in full; the same sheet in a
poor copy has 0.95."""
SAME = 0.8
"""Correlation of the ink of the boxes of two sheets from which they may bear the same: of a sheet
and its copies 0.9 and more, of two sheets 0.75 at most where many boxes are written."""
CLOSE = 0.95
"""The same where few boxes are written: two sheets of eight zeros were seen to have 0.88."""
COPY = 0.03
"""How far from 1 the correlation of a sheet and its copy, compressed and reduced, mostly is."""
EXPECTED = 0.01
"""Pairs that chance may bring as near among all sheets of a form, for one to be told."""
SPARSE = 0.06
"""How near to 1 the correlation of two sheets of few strokes by one hand comes by chance: of
300,000 pairs with four or six strokes in the same boxes, at most a fifth of the nearer ones."""
PRIVATE = 0.85
"""Correlation of the maps of private parts from which they bear the same writing: of a sheet and
its copies 0.92 and more, of two sheets 0.55 at most."""
SQUARES = 40
"""Squares of private parts with writing, from which their maps are compared."""
WRITTEN = 1
"""Tones by which such a square is darker than the form's mean."""
MANY = 12
"""Written boxes from which no two sheets come nearer than `SPARSE` by chance, be many alike."""
PER_BOX = 2.0
"""Directions in which the writing of one box varies, set low: single digits have 5 to 8."""
BOX = 0.85
"""Correlation of one box, its field in place, from which it counts as alike."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two sheets, box by box.

    Attributes
    ----------
    score : normalised correlation of the ink of all boxes, each field moved to where it fits best
    inked : boxes with ink on either sheet
    alike : those of them whose own correlation is at least `BOX`
    """

    score: float
    inked: int
    alike: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sheets that bear the same ink: their places, the boxes, and the private parts.

    `chance` is the number of pairs that chance would bring as near by their boxes; `private` the
    correlation of the maps of private parts, NaN where they cannot be compared. One of them tells.
    """

    a: int
    b: int
    boxes: Alike
    chance: float
    private: float

    @property
    def by_boxes(self) -> bool:
        """The boxes alone tell. Of few of them only a close likeness does, and only where nothing
        is known of the private parts.
        """
        few = self.boxes.inked < MANY
        if few and not np.isnan(self.private):
            return False
        return self.boxes.score >= (CLOSE if few else SAME) and self.chance <= EXPECTED


@dataclass(frozen=True, slots=True)
class Found:
    """Sheets of one form compared with each other.

    Attributes
    ----------
    pairs : in order of places
    comparable : (sheets,) bool, a copy of the sheet would be told
    compared : pairs that were compared in full
    """

    pairs: tuple[Pair, ...]
    comparable: NDArray[np.bool_]
    compared: int


def same_ink(prints: Sequence[Inkprint], owner: Ints) -> Found:
    """Pairs of sheets of one form that bear the same ink, in the boxes or in private parts.

    What few strokes say depends on what others wrote: a sheet of six plain ones may have its like.
    So beside the correlation itself it counts how much nearer the two are than each is to its
    other neighbours: with `b` written boxes as many directions as `PER_BOX * b` in which they
    could differ.

    Parameters
    ----------
    owner : (boxes,) the field of each box of the template
    """
    n = len(prints)
    inked = np.array([len(one.boxes) for one in prints], dtype=np.int64)
    maps = _maps(prints)
    mapped = np.asarray(maps.any(axis=1), dtype=np.bool_).reshape(n)
    first, second = _union(candidates(coarse(prints, len(owner))), candidates(maps, PRIVATE))
    alike = [compare(prints[a], prints[b], owner) for a, b in zip(first, second, strict=True)]
    far = np.array([1 - one.score for one in alike])
    scale = _scales(inked, first, second, far)
    chance = _expected(n, far, np.minimum(scale[first], scale[second]),
                       np.minimum(inked[first], inked[second]))  # fmt: skip
    private = np.einsum("nd,nd->n", maps[first], maps[second]).astype(np.float64)
    private[~(mapped[first] & mapped[second])] = np.nan
    pairs = (
        Pair(int(a), int(b), one, float(c), float(p))
        for a, b, one, c, p in zip(first, second, alike, chance, private, strict=True)
    )
    limit = _expected(n, COPY, scale, inked)
    told = np.array((limit <= EXPECTED) & (inked > 0), dtype=np.bool_)
    kept = tuple(pair for pair in pairs if pair.by_boxes or pair.private >= PRIVATE)
    return Found(kept, told | mapped, len(first))


def _union(*pairs: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    whole = np.unique(np.concatenate([np.column_stack(p) for p in pairs]), axis=0)
    return whole[:, 0], whole[:, 1]


def _maps(prints: Sequence[Inkprint]) -> Floats:
    """(sheets, d) of length 1: private parts without the form's mean; 0 where too little is known.

    The mean over the sheets of a form is its print, and where people mostly write; what is the
    same in all squares of a sheet is its paper and light.
    """
    shape = max((one.beside.shape for one in prints), default=(0, 0))
    fit = np.array([one.beside.shape == shape and one.beside.size > 0 for one in prints], bool)
    if fit.sum() < CENTRED:
        return np.zeros((len(prints), 1), dtype=np.float32)
    tones = np.zeros((len(prints), shape[0] * shape[1]), dtype=np.uint8)
    for i in np.flatnonzero(fit).tolist():
        tones[i] = prints[i].beside.ravel()
    beyond = tones[:, tones.any(axis=0)].astype(np.float32)
    beyond -= (beyond.sum(axis=0, dtype=np.float64) / fit.sum()).astype(np.float32)
    fit &= (beyond >= WRITTEN).sum(axis=1) >= SQUARES
    beyond -= beyond.mean(axis=1, keepdims=True)
    beyond[~fit] = 0
    return _unit(beyond)


def _scales(
    inked: Ints, first: Ints, second: Ints, far: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,): how far from 1 the correlation with a sheet's neighbour of rank `PER_SHEET` is.

    Where a sheet has fewer that are worth comparing, its others are farther than any of them; but
    with few written boxes nothing is known of them unless there are many sheets.
    """
    n = len(inked)
    apart = 1 - LOOK
    scale = np.where(inked >= MANY, apart, SPARSE if n < ROWS else apart)
    sheet, distance = np.concatenate([first, second]), np.concatenate([far, far])
    order = np.lexsort((distance, sheet))
    sheet, distance = sheet[order], distance[order]
    start = np.searchsorted(sheet, np.arange(n))
    many = np.searchsorted(sheet, np.arange(n), side="right") - start >= PER_SHEET
    scale[many] = np.minimum(distance[start[many] + PER_SHEET - 1], apart)
    return np.where(inked >= MANY, np.maximum(scale, SPARSE), scale)


def _expected(
    n: int, far: NDArray[np.float64] | float, scale: NDArray[np.float64], boxes: Ints
) -> NDArray[np.float64]:
    """Pairs among n sheets that chance brings as near as `far`."""
    share = np.minimum(np.maximum(far, 1e-6) / scale, 1)
    return np.asarray(n * min(PER_SHEET, n - 1) * share ** (PER_BOX * boxes), dtype=np.float64)


def coarse(prints: Sequence[Inkprint], boxes: int) -> Floats:
    """The ink of each sheet in squares of 1 mm, without what the sheets have in common.

    Parameters
    ----------
    boxes : boxes of the template

    Returns
    -------
    (sheets, d) float32, of length 1; 0 throughout where a sheet has no ink
    """
    if len(prints) <= LEARN:
        found = _blocks(prints, boxes)
        middle = found.mean(axis=0) if len(prints) >= CENTRED else np.zeros(found.shape[1])
        return _unit(found - middle.astype(np.float32))
    some = _blocks(prints[:: -(-len(prints) // LEARN)], boxes)
    middle = some.mean(axis=0)
    some -= middle
    _, axes = np.linalg.eigh((some.T @ some).astype(np.float64))
    main = axes[:, -DIMENSIONS:].astype(np.float32)
    parts = [prints[at : at + ROWS] for at in range(0, len(prints), ROWS)]
    return _unit(np.concatenate([(_blocks(part, boxes) - middle) @ main for part in parts]))


def _blocks(prints: Sequence[Inkprint], boxes: int) -> Floats:
    """(sheets, boxes * 80) float32: the root of the mean ink of squares, smoothed."""
    rows, columns = HEIGHT // BLOCK, WIDTH // BLOCK
    found = np.zeros((len(prints), boxes, rows, columns), dtype=np.float32)
    for at, one in enumerate(prints):
        blocks = one.ink.reshape(-1, rows, BLOCK, columns, BLOCK)
        found[at, one.boxes] = blocks.mean(axis=(2, 4), dtype=np.float32)
    found = gaussian_filter(found, (0, 0, BLUR, BLUR), mode="constant")
    flat = found.reshape(len(prints), boxes * rows * columns)
    return np.asarray(np.sqrt(flat), dtype=np.float32)


def _unit(flat: Floats) -> Floats:
    """Each row made to have length 1, in its place; 0 throughout where it was too short."""
    length = np.sqrt(np.einsum("nd,nd->n", flat, flat))[:, None]
    flat /= np.where(length > 1e-6, length, np.inf)
    return flat


def candidates(
    descriptors: Floats, look: float = LOOK, per_sheet: int = PER_SHEET
) -> tuple[Ints, Ints]:
    """Pairs of sheets whose coarse descriptors are alike.

    Parameters
    ----------
    descriptors : (n, d) float32 of length 1

    Returns
    -------
    (pairs,), (pairs,) : the first one smaller, in order
    """
    n = len(descriptors)
    found: set[tuple[int, int]] = set()
    keep = min(per_sheet, n - 1)
    rows = max(AT_ONCE // max(n, 1), 1)
    for start in range(0, n if keep > 0 else 0, rows):
        part = descriptors[start : start + rows] @ descriptors.T
        here = np.arange(len(part))
        part[here, start + here] = -1
        np.negative(part, out=part)
        best = np.argpartition(part, keep - 1, axis=1)[:, :keep]
        row, column = np.nonzero(np.take_along_axis(part, best, axis=1) <= -look)
        one, other = start + row, best[row, column]
        found.update(
            zip(np.minimum(one, other).tolist(), np.maximum(one, other).tolist(), strict=True)
        )
    pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def compare(a: Inkprint, b: Inkprint, owner: Ints) -> Alike:
    """Two sheets of one form, each field moved within `SHIFT` to where the two fit best.

    Parameters
    ----------
    owner : (boxes,) the field of each box of the template
    """
    boxes = np.union1d(a.boxes, b.boxes).astype(np.int64)
    if not len(boxes):
        return Alike(0.0, 0, 0)
    one, other = (_spread(p, boxes) for p in (a, b))
    energy_a = np.einsum("nij,nij->n", one, one)
    energy_b = np.einsum("nij,nij->n", other, other)
    cross = _cross(one, other)
    _, field = np.unique(owner[boxes], return_inverse=True)
    by_field = np.zeros((field.max() + 1, *cross.shape[1:]), dtype=np.float64)
    np.add.at(by_field, field, cross)
    peak, place = _peaks(by_field)
    whole = float(np.sqrt(energy_a.sum() * energy_b.sum()))
    at = place[field]
    each = cross[np.arange(len(boxes)), at[:, 0], at[:, 1]]
    each = each / np.maximum(np.sqrt(energy_a * energy_b), 1e-9)
    score = float(peak.sum()) / whole if whole > 0 else 0.0
    return Alike(min(score, 1.0), len(boxes), int((each >= BOX).sum()))


def _spread(one: Inkprint, boxes: Ints) -> Floats:
    """The ink of some boxes, (boxes, HEIGHT, WIDTH), nothing where there is none."""
    full = np.zeros((len(boxes), HEIGHT, WIDTH), dtype=np.float32)
    full[np.searchsorted(boxes, one.boxes)] = one.ink.astype(np.float32) / 255
    return full


def _cross(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Products of two stacks of boxes at each shift: (boxes, 2 SHIFT + 1, 2 SHIFT + 1)."""
    side = 2 * SHIFT + 1
    padded = np.pad(other, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    cross = np.empty((len(one), side, side))
    for y, x in _shifts():
        moved = padded[:, y : y + HEIGHT, x : x + WIDTH]
        cross[:, y, x] = np.einsum("nij,nij->n", one, moved)
    return cross


def _shifts() -> Iterator[tuple[int, int]]:
    side = 2 * SHIFT + 1
    return ((y, x) for y in range(side) for x in range(side))


def _peaks(surface: NDArray[np.float64]) -> tuple[NDArray[np.float64], Ints]:
    """The highest value of each surface between its points, and the point nearest to it.

    A parabola through the peak and its neighbours, along each axis.
    """
    side = surface.shape[1]
    flat = surface.reshape(len(surface), -1).argmax(axis=1)
    y, x = np.divmod(flat, side)
    n = np.arange(len(surface))
    top = surface[n, y, x]
    gain = np.zeros(len(surface))
    for step_y, step_x, at in ((1, 0, y), (0, 1, x)):
        inner = (at > 0) & (at < side - 1)
        low = surface[n, np.maximum(y - step_y, 0), np.maximum(x - step_x, 0)]
        high = surface[n, np.minimum(y + step_y, side - 1), np.minimum(x + step_x, side - 1)]
        bend = 2 * top - low - high
        rise = np.divide((high - low) ** 2, 8 * bend, out=np.zeros_like(top), where=bend > 1e-12)
        gain += np.where(inner, rise, 0)
    return top + gain, np.column_stack([y, x])
