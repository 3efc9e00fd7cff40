"""Digits and fields of one sheet that stand, as the same piece of picture, in another place.

Two digits of one person are never the same picture, and yet some are close: a plain stroke, a
round zero. So no fixed likeness tells a copy. What tells it is that the two lie far nearer to each
other than either lies to all its other neighbours, and than digits of such a shape lie to each
other when one hand repeats them: `expected` is how many pairs of boxes chance would bring as near
anywhere among all sheets. Boxes that follow one another within a field on both sheets are taken
together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.inkprint import HEIGHT, WIDTH, Inkprint
from veedor.images.neighbours import (
    FAR,
    Law,
    law,
    law_of_own,
    nearest_of_group,
    neighbours,
)

__all__ = ["Glyphs", "Reused", "glyphs_of", "likeness", "reused"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

DIMENSIONS = 64
"""Main directions of the glyphs that are kept: 93 % of what tells them apart."""
LEARN = 20_000
"""Glyphs from which these directions are learnt."""
STRICT, LEAD = 1e-5, 1e-3
"""Pairs expected by chance among all sheets, up to which a find is told as one, or as a lead: far
below one, for hands that repeat themselves closely depart from the law that tells it."""
ALIKE = {"strict": 0.97, "lead": 0.95}
"""Least correlation of the two pictures of each box, moved to where they fit best."""
PART = 0.1
"""Neighbours expected by chance, up to which one box of a field supports another."""
BESIDE = 0.01
"""Least chance that figures of a field stand to each other as on another sheet: one hand may place
them alike."""
STEADY = 0.3
"""Pixels by which the place of the same ink differs from one scan to another."""
FLAT = 8
"""Pixels of height, 2 mm, below which ink is no figure: the fold, line or streak that crosses the
boxes of a field looks alike in each, and so do dashes."""
DARK = 64
"""Ink, of 255, that counts for the height."""
FEWEST = 10 * FAR
"""Glyphs from which the law of neighbours can be told."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The written boxes of all sheets.

    Attributes
    ----------
    sheet : (n,) place among the sheets
    box : (n,) place among the template's boxes
    field : (n,) the box's field, by a number that no two templates share
    row : (n,) place of the box among those of its inkprint
    place : (n, 2) float64, the ink's centre of mass in its box, in pixels down and to the right
    prints : the sheets' inkprints
    """

    sheet: Ints
    box: Ints
    field: Ints
    row: Ints
    place: NDArray[np.float64]
    prints: tuple[Inkprint | None, ...]

    def picture(self, at: int) -> Bytes:
        """(HEIGHT, WIDTH) of one box, moved so that its centre of mass lies in the middle."""
        one = self.prints[self.sheet[at]]
        assert one is not None
        y, x = self.place[at]
        matrix = np.array([[1, 0, (WIDTH - 1) / 2 - x], [0, 1, (HEIGHT - 1) / 2 - y]])
        moved = cv2.warpAffine(one.ink[self.row[at]], matrix, (WIDTH, HEIGHT))
        return np.asarray(moved, dtype=np.uint8)

    def pictures(self, at: Ints) -> Floats:
        """(len(at), HEIGHT, WIDTH) float32 of several boxes."""
        found = np.empty((len(at), HEIGHT, WIDTH), dtype=np.float32)
        for k, i in enumerate(at):
            found[k] = self.picture(i)
        return found


@dataclass(frozen=True, slots=True)
class Reused:
    """One or more boxes of a sheet whose picture stands in another place too.

    Attributes
    ----------
    a, b : places of the two sheets among the sheets; the same for two places on one sheet
    boxes_a, boxes_b : the boxes, one for one
    score : least correlation of the pictures of a box
    expected : pairs like it that chance would give among all sheets
    level : strict or lead
    """

    a: int
    b: int
    boxes_a: tuple[int, ...]
    boxes_b: tuple[int, ...]
    score: float
    expected: float
    level: Literal["strict", "lead"]


def glyphs_of(prints: Sequence[Inkprint | None], owners: Sequence[Ints]) -> Glyphs:
    """The boxes of sheets in which there may be a figure.

    Parameters
    ----------
    prints : None for a sheet that is left out
    owners : for each sheet, the field of each box of its template
    """
    kept = [(at, one, _tall(one.ink)) for at, one in enumerate(prints) if one is not None]
    none = np.zeros(0, dtype=np.int64)
    places = [np.array([_middle(one.ink[k]) for k in row]).reshape(-1, 2) for _, one, row in kept]
    return Glyphs(
        sheet=np.concatenate([none, *(np.full(len(row), at) for at, _, row in kept)]),
        box=np.concatenate([none, *(one.boxes[row] for _, one, row in kept)]).astype(np.int64),
        field=np.concatenate([none, *(owners[at][one.boxes[row]] for at, one, row in kept)]),
        row=np.concatenate([none, *(row for _, _, row in kept)]),
        place=np.concatenate([np.zeros((0, 2)), *places]),
        prints=tuple(prints),
    )


def _tall(ink: Bytes) -> Ints:
    """Places of the boxes whose ink is at least `FLAT` high."""
    dark = ink.max(axis=2, initial=0) >= DARK
    height = HEIGHT - dark.argmax(axis=1) - dark[:, ::-1].argmax(axis=1)
    return np.flatnonzero(dark.any(axis=1) & (height >= FLAT))


def _middle(ink: Bytes) -> tuple[float, float]:
    """The centre of mass, down and to the right."""
    moments = cv2.moments(ink)
    mass = moments["m00"] or 1.0
    return moments["m01"] / mass, moments["m10"] / mass


def likeness(one: Bytes, other: Bytes) -> float:
    """The correlation of two pictures of ink, moved to where they fit best, between pixels too."""
    a, b = (_standard(ink.astype(np.float32)[None])[0] for ink in (one, other))
    size = (HEIGHT, WIDTH)
    a, b = a.reshape(size), b.reshape(size)
    best = float((a * b).sum())
    step, at = 0.5, (0.0, 0.0)
    while step > 0.1:
        tried = {at: best}
        for y in (-step, 0.0, step):
            for x in (-step, 0.0, step):
                move = (at[0] + y, at[1] + x)
                if move not in tried:
                    tried[move] = _at(a, other, move)
        at = max(tried, key=lambda move: tried[move])
        best, step = tried[at], step / 2
    return best


def _at(one: Floats, other: Bytes, move: tuple[float, float]) -> float:
    matrix = np.array([[1, 0, move[1]], [0, 1, move[0]]])
    moved = cv2.warpAffine(other.astype(np.float32), matrix, (WIDTH, HEIGHT))
    return float(one.ravel() @ _standard(np.asarray(moved, dtype=np.float32)[None])[0])


def _standard(ink: Floats) -> Floats:
    """Pictures as vectors of mean 0 and length 1: (n, HEIGHT * WIDTH)."""
    flat = ink.reshape(len(ink), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("nd,nd->n", flat, flat))[:, None]
    flat /= np.maximum(length, 1e-6)
    return np.asarray(flat, dtype=np.float32)


def descriptors(glyphs: Glyphs, rng: np.random.Generator) -> Floats:
    """(n, DIMENSIONS): each glyph along the directions in which glyphs differ most."""
    n = len(glyphs.sheet)
    some = _standard(glyphs.pictures(np.sort(rng.permutation(n)[:LEARN])))
    middle = some.mean(axis=0)
    some -= middle
    _, axes = np.linalg.eigh((some.T @ some).astype(np.float64))
    main = axes[:, -DIMENSIONS:].astype(np.float32)
    found = np.empty((n, main.shape[1]), dtype=np.float32)
    for at in range(0, n, 8192):
        part = _standard(glyphs.pictures(np.arange(at, min(at + 8192, n))))
        found[at : at + 8192] = (part - middle) @ main
    return found


def reused(glyphs: Glyphs, rng: np.random.Generator) -> list[Reused]:
    """Boxes whose picture stands in two places, by sheets.

    Returns
    -------
    The strongest first; empty where there are too few glyphs to tell.
    """
    if len(glyphs.sheet) < FEWEST:
        return []
    a, b, chance = _near(descriptors(glyphs, rng), glyphs.sheet, rng)
    spread = _spread(glyphs)
    finds = [
        one
        for group in _groups(glyphs, a, b)
        if (one := _judge(glyphs, a[group], b[group], chance[group], spread)) is not None
    ]
    finds = _without_parts(finds)
    return sorted(finds, key=lambda one: (one.expected, one.a, one.b, one.boxes_a))


def _near(
    described: Floats, sheet: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Pairs nearer than others are, each once, and the neighbours that chance would bring so near.

    Of the numbers by both laws and for both glyphs the largest one counts.
    """
    own = nearest_of_group(described, sheet)
    laws: tuple[list[tuple[Ints, Law]], ...] = ([], [])
    kept = []
    for at, found in neighbours(described, rng):
        here = np.arange(len(at))[:, None]
        distance = found.distance.astype(np.float64)
        near = found.place >= 0
        for parts, rule in zip(laws, (law(found), law_of_own(found, own)), strict=True):
            parts.append((at, rule))
            near &= rule.expected(here, distance) <= PART
        row, rank = np.nonzero(near)
        ends = np.column_stack([at[row], found.place[row, rank]])
        kept.append((ends, distance[row, rank]))
    ends, distance = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    chance = np.zeros(len(ends))
    for rule in map(Law.joined, laws):
        for end in ends.T:
            chance = np.maximum(chance, rule.expected(end, distance))
    ends, chance = np.sort(ends[chance <= PART], axis=1), chance[chance <= PART]
    pairs, first = np.unique(ends, axis=0, return_index=True)
    return pairs[:, 0], pairs[:, 1], chance[first]


def _groups(glyphs: Glyphs, a: Ints, b: Ints) -> Iterable[Ints]:
    """Pairs of boxes that follow one another alike within a field on both sheets."""
    by_place: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for k, (i, j) in enumerate(zip(a, b, strict=True)):
        offset = glyphs.box[j] - glyphs.box[i]
        key = (glyphs.sheet[i], glyphs.field[i], glyphs.sheet[j], glyphs.field[j], offset)
        by_place[tuple(int(v) for v in key)].append(k)
    for members in by_place.values():
        yield np.array(members, dtype=np.int64)


def _judge(
    glyphs: Glyphs, a: Ints, b: Ints, chance: NDArray[np.float64], spread: float
) -> Reused | None:
    """Boxes of a field together: None where chance would bring them as near.

    For the first box any glyph of the case could have been as near; for each other one only those
    that stand beside it: as many as would be near anywhere, for they are mostly of one hand, times
    the chance that they stand to each other in the same way.
    """
    order = np.lexsort((glyphs.box[a], chance))
    a, b, chance = a[order], b[order], chance[order]
    chance = chance * _beside(glyphs, a, b, spread)
    if len(glyphs.sheet) * float(chance.prod()) > LEAD:
        return None
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    scores = np.array([likeness(glyphs.picture(i), glyphs.picture(j)) for i, j in pairs])
    fit = scores >= ALIKE["lead"]
    expected = len(glyphs.sheet) * float(chance[fit].prod())
    if not fit.any() or expected > LEAD:
        return None
    strict = expected <= STRICT and scores[fit].min() >= ALIKE["strict"]
    places = np.argsort(glyphs.box[a[fit]])
    return Reused(
        int(glyphs.sheet[a[0]]),
        int(glyphs.sheet[b[0]]),
        tuple(int(v) for v in glyphs.box[a[fit]][places]),
        tuple(int(v) for v in glyphs.box[b[fit]][places]),
        float(scores[fit].min()),
        expected,
        "strict" if strict else "lead",
    )


def _spread(glyphs: Glyphs) -> float:
    """Pixels, standard deviation each way, by which places in their boxes differ on a sheet."""
    order = np.argsort(glyphs.sheet, kind="stable")
    parts = np.split(glyphs.place[order], np.flatnonzero(np.diff(glyphs.sheet[order])) + 1)
    kept = [part.std(axis=0).mean() for part in parts if len(part) >= 5]
    return float(np.median(kept)) if kept else 0.0


def _beside(glyphs: Glyphs, a: Ints, b: Ints, spread: float) -> NDArray[np.float64]:
    """For each box, the chance that it stands to the first one so nearly as on the other sheet.

    The difference of four places, each normal with `spread`: its length has the law of Rayleigh.
    """
    moved = glyphs.place[b] - glyphs.place[a]
    far = np.maximum(np.linalg.norm(moved - moved[0], axis=1), STEADY)
    chance = 1 - np.exp(-(far**2) / (8 * max(spread, 1e-3) ** 2))
    chance = np.maximum(chance, BESIDE)
    chance[0] = 1
    return np.asarray(chance)


def _without_parts(finds: list[Reused]) -> list[Reused]:
    """Without finds whose boxes are all in a stronger find of the same two sheets."""
    kept: list[Reused] = []
    for one in sorted(finds, key=lambda f: f.expected):
        within = any(
            (k.a, k.b) == (one.a, one.b)
            and set(zip(one.boxes_a, one.boxes_b, strict=True))
            <= set(zip(k.boxes_a, k.boxes_b, strict=True))
            for k in kept
        )
        if not within:
            kept.append(one)
    return kept
