"""Whether two scans that no template fits show one sheet: laid on each other, part by part.

Two sheets of one form have its print in common, and that must not count. What is print is told by
a third scan of the same form: only parts in which the first sheet differs from every such control
are compared with the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.paper import darkness, grey_of

__all__ = ["Features", "Mutual", "features", "mutual"]

Bytes = NDArray[np.uint8]

LONG = 1100
"""Pixels of the longer side to which a scan is reduced: about four to a millimetre."""
POINTS = 2000
"""Features of a scan."""
TILE = 40
"""Pixels of a part's side: a centimetre."""
SHIFT = 5
"""Pixels by which a part may lie elsewhere once the scans lie on each other."""
INKED = 0.03
"""Mean darkness of a part from which there is something in it."""
PRINT = 0.8
"""Correlation with a control from which a part is print, or empty on both."""
MOST = 0.2
"""Share of the written parts that may be less alike than the score."""
LEAST_PARTS = 8
"""Written parts below which two scans are not compared."""
LEAST_MATCHES = 40
"""Features in one plane below which two scans do not lie on each other."""


@dataclass(frozen=True, slots=True)
class Features:
    """A scan reduced: its darkness, and the points by which others are laid on it."""

    dark: Bytes
    points: NDArray[np.float32]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mutual:
    """Two scans: `score` is the correlation that four in five of the `parts` reach that are written
    on the first; print that no control told would make half of them alike.
    """

    score: float
    parts: int


def features(pixels: Bytes) -> Features:
    """The points of a scan, found on the slightly blurred darkness (SIFT, Lowe 2004)."""
    dark = darkness(grey_of(pixels))
    scale = LONG / max(dark.shape)
    reduced = cv2.resize(dark, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small: Bytes = np.asarray(cv2.GaussianBlur(reduced, (0, 0), 1.0), dtype=np.uint8)
    keys, vectors = cv2.SIFT.create(POINTS).detectAndCompute(small, None)
    points = np.array([key.pt for key in keys], dtype=np.float32).reshape(-1, 2)
    if vectors is None:
        vectors = np.zeros((0, 128), dtype=np.float32)
    return Features(small, points, np.asarray(vectors, dtype=np.float32))


def mutual(one: Features, other: Features, controls: Sequence[Features]) -> Mutual | None:
    """How alike the writing of two scans is.

    Parameters
    ----------
    controls : other scans, of which at least one must be of the same form

    Returns
    -------
    None where the two do not lie on each other, no control does, or too little is written.
    """
    laid = _laid(other, one)
    beside = [found for c in controls if (found := _laid(c, one)) is not None]
    if laid is None or not beside:
        return None
    scores = []
    for y in range(SHIFT, one.dark.shape[0] - TILE - SHIFT, TILE):
        for x in range(SHIFT, one.dark.shape[1] - TILE - SHIFT, TILE):
            part = one.dark[y : y + TILE, x : x + TILE]
            if part.mean() < 255 * INKED or max(_fit(part, c, y, x) for c in beside) >= PRINT:
                continue
            scores.append(_fit(part, laid, y, x))
    if len(scores) < LEAST_PARTS:
        return None
    return Mutual(float(np.quantile(scores, MOST)), len(scores))


def _laid(moving: Features, fixed: Features) -> Bytes | None:
    """The darkness of a scan laid on another one; None where they do not fit."""
    if min(len(moving.points), len(fixed.points)) < LEAST_MATCHES:
        return None
    # Best against second best, both ways: a form repeats itself.
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    there = _best(matcher.knnMatch(moving.vectors, fixed.vectors, k=2))
    back = _best(matcher.knnMatch(fixed.vectors, moving.vectors, k=2))
    pairs = [(i, j) for i, j in there.items() if back.get(j) == i]
    if len(pairs) < LEAST_MATCHES:
        return None
    here, at = np.array(pairs).T
    matrix, inside = cv2.findHomography(
        moving.points[here], fixed.points[at], cv2.USAC_MAGSAC, 3.0, maxIters=5000, confidence=0.999
    )
    if matrix is None or int(inside.sum()) < LEAST_MATCHES:
        return None
    size = fixed.dark.shape[::-1]
    return np.asarray(cv2.warpPerspective(moving.dark, matrix, size), dtype=np.uint8)


def _best(matches: Sequence[Sequence[cv2.DMatch]]) -> dict[int, int]:
    return {
        m[0].queryIdx: m[0].trainIdx
        for m in matches
        if len(m) > 1 and m[0].distance < 0.85 * m[1].distance
    }


def _fit(part: Bytes, other: Bytes, y: int, x: int) -> float:
    """The correlation of a part with the same place of another scan, moved by `SHIFT` at most."""
    near = other[y - SHIFT : y + TILE + SHIFT, x - SHIFT : x + TILE + SHIFT]
    if float(near.std()) < 1:
        return 0.0
    return float(cv2.matchTemplate(near, part, cv2.TM_CCOEFF_NORMED).max())
