"""A glyph: the ink of one box, in the size and place in which reader and comparer of hands see it.

The geometry is that of NIST's digits: the longer side of the ink's bounding box fits a square, its
centre of mass lies in the middle of a larger one (LeCun and others 1998, section III.A), here
enlarged from 20 in 28 pixels to 28 in 40.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["INNER", "SIDE", "normalise"]

SIDE = 40
"""Pixels of a glyph's side."""
INNER = 28
"""Pixels of the longer side of the ink's bounding box within it."""
LEAST = 0.25
"""Ink below this share of black does not widen the bounding box."""


def normalise(ink: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """The glyph of the ink in one box.

    Parameters
    ----------
    ink : (height, width), 0 paper to 1 black

    Returns
    -------
    (SIDE, SIDE) of 0 paper to 255 black, or None where there is no ink.
    """
    rows = np.flatnonzero((ink >= LEAST).any(axis=1))
    columns = np.flatnonzero((ink >= LEAST).any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    part = ink[top:bottom, left:right]
    scale = INNER / max(part.shape)
    mass = float(part.sum())
    middle_y = float((part.sum(axis=1) * (np.arange(part.shape[0]) + 0.5)).sum()) / mass
    middle_x = float((part.sum(axis=0) * (np.arange(part.shape[1]) + 0.5)).sum()) / mass
    # Averaging over areas when shrinking: blur first by what one pixel of the glyph covers.
    if scale < 0.75:
        part = np.pad(part, 4).astype(np.float32)
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.4 / scale), dtype=np.float32)
        middle_x, middle_y = middle_x + 4, middle_y + 4
    matrix = np.array(
        [
            [scale, 0, SIDE / 2 - 0.5 - scale * (middle_x - 0.5)],
            [0, scale, SIDE / 2 - 0.5 - scale * (middle_y - 0.5)],
        ],
        dtype=np.float64,
    )
    glyph = cv2.warpAffine(
        part.astype(np.float32), matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=0.0
    )
    return np.round(np.clip(glyph, 0, 1) * 255).astype(np.uint8)
