"""Whose a stroke is: of the box that it fills, of its neighbour, or of nothing on the form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["owned"]

INK = 0.35
"""Share of the sheet's own ink from which a pixel is part of a stroke."""
BRIDGE = 7
"""Pixels of a gap, where a line was taken out, over which strokes are one."""
SPECK = 0.12
"""Square millimetres below which a stroke is dust."""
CRUMBS = 0.7
"""Share of a stroke on or beside printed lines from which it is what is left of them ..."""
CRUMB = 3.0
"""... if it has less than so many square millimetres: a digit 1 on a line has more."""
THIN = 0.7
"""Millimetres of its narrower side below which it is, however long."""
MOST = 0.6
"""Share of a stroke's ink in one box from which all of it is that box's."""
DIGIT = 1.5
"""Square millimetres of a stroke in each of two boxes ..."""
PART = 0.22
"""... and share of it in each, from which it is two digits that touch."""
PIECE = 0.6
"""Square millimetres, within a box, of a stroke that is no box's as a whole, from which they are a
piece of that box: two digits that touch, or a digit that touches a line of the form."""


def owned(
    ink: NDArray[np.float32],
    boxes: NDArray[np.int64],
    printed: NDArray[np.bool_],
    pixels_per_mm: int,
) -> NDArray[np.bool_]:
    """For each box of a strip, the pixels that are its own.

    A stroke that leaves its box is kept whole; one that touches only the margin is another's; one
    that fills a part of several boxes is cut where they meet.

    Parameters
    ----------
    ink : (height, width), 0 paper to 1 the sheet's ink
    boxes : (boxes, 4) left, top, width, height in pixels
    printed : (height, width) where lines were taken out; crumbs of them are nobody's

    Returns
    -------
    (boxes, height, width) bool
    """
    unit = pixels_per_mm**2
    mask: NDArray[Any] = (ink >= INK).astype(np.uint8)
    # A stroke that a printed line cut in two is one stroke.
    bridged = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((BRIDGE, BRIDGE), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.where(printed, bridged, mask), connectivity=8
    )
    area = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    crumbs = np.bincount(labels[printed], minlength=count) / np.maximum(area, 1)
    thin = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1) < THIN * pixels_per_mm
    left_over = (crumbs >= CRUMBS) & ((area < CRUMB * unit) | thin)
    alive = (area >= SPECK * unit) & ~left_over
    alive[0] = False
    inside = np.zeros((len(boxes), count))
    for box, (x, y, width, height) in enumerate(boxes):
        part = labels[y : y + height, x : x + width]
        inside[box] = np.bincount(part.ravel(), minlength=count)
    share = inside / np.maximum(area, 1)
    touching = ((inside >= DIGIT * unit) & (share >= PART)).sum(axis=0) > 1
    whole = alive & (share >= MOST) & ~touching
    # What is nobody's as a whole is never dropped where it fills a part of a box.
    pieces = alive & ~whole.any(axis=0) & (inside >= PIECE * unit)
    out = np.zeros((len(boxes), *ink.shape), dtype=bool)
    kernel = np.ones((3, 3), np.uint8)
    for box, (x, y, width, height) in enumerate(boxes):
        mine = whole[box][labels]
        if pieces[box].any():
            window = slice(y, y + height), slice(x, x + width)
            mine[window] |= pieces[box][labels[window]]
        # The soft rim of a stroke is its own, too.
        out[box] = cv2.dilate(mine.astype(np.uint8), kernel).astype(bool)
    return out
