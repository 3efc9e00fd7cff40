"""Finding the solid marks of a form on a scan, in any direction, with some of them missing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.template import Template

__all__ = ["Marks", "find_marks", "hypotheses"]

MOST_MARKS = 60
"""Solid blobs that are tried, the largest and most solid first."""
SOLID = 0.82
"""Least share of its rectangle (square) or circle (disc) that a mark fills."""
BLACK = 100
"""Least darkness of a mark, of 255."""
SHARE = (0.35, 1.3)
"""Length of the page over that of the picture: a photo shows a table around the page."""
BEND = 0.10
"""How far perspective may move a mark, of the length between two others."""
SMALLER = 0.5
"""Cost of a page half as large as the picture, where a mark that is missing costs 1."""
MISPLACED = 1.5
"""Millimetres by which a mark may miss the place that the others give it."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Solid blobs of a picture: (n, 2) middles and (n,) lengths of their sides, in pixels."""

    middle: NDArray[np.float64]
    side: NDArray[np.float64]


def find_marks(dark: NDArray[np.uint8], least: float, most: float) -> Marks:
    """Solid squares and discs with sides from `least` to `most` pixels.

    Parameters
    ----------
    dark : (height, width) uint8, 0 paper to 255 black
    """
    shrink = max(1, int(least // 6))
    size = dark.shape[1] // shrink, dark.shape[0] // shrink
    small = cv2.resize(dark, size, interpolation=cv2.INTER_AREA) if shrink > 1 else dark
    least, most = least / shrink, most / shrink
    # Opening takes off what touches a mark: a pen's stroke, a rule, a fold.
    width = max(3, int(least * 0.6) | 1)
    small = cv2.blur(small, (3, 3))
    black = cv2.threshold(small, BLACK, 255, cv2.THRESH_BINARY)[1]
    black = cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    # Not the outermost alone: a dark table around the page is one outline, and the page its hole.
    outlines, tree = cv2.findContours(black, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    found = [
        seen
        for k, outline in enumerate(outlines)
        if tree[0, k, 3] < 0 and (seen := _mark(np.asarray(outline), least, most)) is not None
    ]
    # Large ones first: grain on a dark table makes many small ones.
    found.sort(key=lambda seen: -seen[2] * seen[3] ** 4)
    kept = np.array(found[:MOST_MARKS], dtype=np.float64).reshape(-1, 4)
    scale = np.array([dark.shape[1] / small.shape[1], dark.shape[0] / small.shape[0]])
    return Marks((kept[:, :2] + 0.5) * scale - 0.5, kept[:, 2] * scale.mean())


def _mark(
    outline: NDArray[np.int32], least: float, most: float
) -> tuple[float, float, float, float] | None:
    """Middle, side and solidity of an outline that may be a mark."""
    left, top, width, height = cv2.boundingRect(outline)
    if not (0.7 * least <= min(width, height) and max(width, height) <= 1.6 * most):
        return None
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, [outline], -1, 1, cv2.FILLED, offset=(-left, -top))
    moments = cv2.moments(filled, binaryImage=True)
    area = moments["m00"]
    _, (long, wide), _ = cv2.minAreaRect(outline)
    long, wide = max(long, wide) + 1, min(long, wide) + 1
    _, radius = cv2.minEnclosingCircle(outline)
    solid = max(area / (long * wide), area / (np.pi * (radius + 0.5) ** 2))
    if long > 1.5 * wide or solid < SOLID:
        return None
    middle = left + moments["m10"] / area, top + moments["m01"] / area
    return *middle, float(np.sqrt(area)), float(min(1.0, solid))


def hypotheses(
    marks: Marks, template: Template, shape: tuple[int, ...], most: int = 6
) -> list[NDArray[np.float64]]:
    """Ways in which the marks may be the template's fiducials.

    Two marks give a similarity, which foretells the others; those nearest to their places give a
    homography, or an affinity where only three are there. No mirror images.

    Parameters
    ----------
    shape : height and width of the picture

    Returns
    -------
    Matrices (3, 3) from millimetres to pixels, the likeliest first, at most `most`.
    """
    known = np.array([[f.x, f.y] for f in template.fiducials])
    sides = np.array([f.size * (1.0 if f.kind == "square" else 0.886) for f in template.fiducials])
    if len(known) < 4 or len(marks.side) < 3:
        return []
    length = max(shape) / max(template.page.width, template.page.height)
    tried: list[tuple[float, NDArray[np.int64]]] = []
    for first, second in _far_pairs(known):
        tried += _matches(marks, known, sides, (first, second), length)
    tried.sort(key=lambda one: one[0])
    found: list[NDArray[np.float64]] = []
    seen: set[tuple[int, ...]] = set()
    for _, match in tried:
        if (key := tuple(match.tolist())) not in seen:
            seen.add(key)
            if (matrix := _fit(known, marks.middle, match)) is not None:
                found.append(matrix)
        if len(found) == most or len(seen) == 4 * most:
            break
    return found


def _far_pairs(known: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of fiducials, the farthest apart first: both diagonals and two more."""
    first, second = np.triu_indices(len(known), 1)
    apart = np.hypot(*(known[first] - known[second]).T)
    order = np.argsort(-apart, kind="stable")[:4]
    return [(int(first[k]), int(second[k])) for k in order]


def _matches(
    marks: Marks,
    known: NDArray[np.float64],
    sides: NDArray[np.float64],
    pair: tuple[int, int],
    length: float,
) -> list[tuple[float, NDArray[np.int64]]]:
    """For each two marks taken for `pair`: a cost, and which mark is each fiducial (-1 none)."""
    at = marks.middle[:, 0] + 1j * marks.middle[:, 1]
    should = known[:, 0] + 1j * known[:, 1]
    a, b = pair
    i, j = np.nonzero(~np.eye(len(at), dtype=bool))
    turn = (at[j] - at[i]) / (should[b] - should[a])
    scale = np.abs(turn)
    fits = (scale > SHARE[0] * length) & (scale < SHARE[1] * length)
    i, j, turn, scale = i[fits], j[fits], turn[fits], scale[fits]
    fits = np.ones(len(i), dtype=bool)
    for mark, fiducial in ((i, a), (j, b)):
        ratio = marks.side[mark] / (scale * sides[fiducial])
        fits &= (ratio > 0.6) & (ratio < 1.55)
    i, j, turn, scale = i[fits], j[fits], turn[fits], scale[fits]
    if not len(i):
        return []
    foretold = at[i][:, None] + turn[:, None] * (should - should[a])
    away = np.abs(foretold[:, :, None] - at) / (scale[:, None, None] * abs(should[b] - should[a]))
    ratio = marks.side / (scale[:, None, None] * sides[:, None])
    away[(ratio < 0.6) | (ratio > 1.55) | (away > BEND)] = np.inf
    match = away.argmin(axis=2)
    cost = away.min(axis=2)
    match[np.isinf(cost)] = -1
    missing = np.isinf(cost).sum(axis=1)
    total = np.where(np.isinf(cost), 0, cost).sum(axis=1) + missing * 1.0
    # A page mostly fills its picture: filled bubbles or letters make small forms by chance.
    total += SMALLER * np.abs(np.log2(scale / length))
    good = np.flatnonzero(len(known) - missing >= 3)
    good = good[np.argsort(total[good], kind="stable")[:24]]
    return [(float(total[k]), match[k]) for k in good]


def _fit(
    known: NDArray[np.float64], middle: NDArray[np.float64], match: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """The matrix of a match; fiducials out of place are left out; None where it cannot be."""
    used = np.flatnonzero(match >= 0)
    if len(set(match[used].tolist())) < len(used):
        return None
    while True:
        if len(used) == 3:
            affine = cv2.getAffineTransform(
                known[used].astype(np.float32), middle[match[used]].astype(np.float32)
            )
            matrix = np.vstack([affine, [0, 0, 1]]).astype(np.float64)
            return matrix if upright(matrix, known) else None
        found = cv2.findHomography(known[used], middle[match[used]], 0)[0]
        matrix = np.asarray(np.eye(3) * 0 if found is None else found, dtype=np.float64)
        if not upright(matrix, known):
            return None
        placed = cv2.perspectiveTransform(known[used][None], matrix)[0]
        scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
        off = np.hypot(*(placed - middle[match[used]]).T) / max(scale, 1e-9)
        if off.max() <= MISPLACED or len(used) == 4:
            return matrix
        used = np.delete(used, int(off.argmax()))


def upright(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> bool:
    """Whether a homography keeps the plane's face up over the points, and no part far smaller."""
    if not np.isfinite(matrix).all():
        return False
    weight = points @ matrix[2, :2] + matrix[2, 2]
    determinant = np.linalg.det(matrix)
    if (weight <= 0).any() or determinant <= 0:
        return False
    # The area of a millimetre is the determinant over the weight cubed.
    return bool((weight.max() / weight.min()) ** 3 < 4)
