"""Whether a scan kept the strokes of digits whole: it may break a fine pen up into dots.

What describes a hand is drawn from the middle of strokes. Of strokes in pieces it describes the
pieces, and two sheets of one hand look unlike if one of them came through such a machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNBROKEN", "unbroken"]

UNBROKEN = 0.8
"""Mean share over the digits of a sheet below which hands are not compared on it. Ratios were
calibrated without such sheets: one in a hundred of the photographs, and no scan."""
LEVEL = 0.3
"""Share of a glyph's darkest ink from which a pixel is of a stroke."""


def unbroken(glyphs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How much of a digit's ink is in its largest piece.

    Parameters
    ----------
    glyphs : (n, SIDE, SIDE) uint8, 0 paper to 255 black

    Returns
    -------
    float64 (n), 1 for a digit in one piece; pieces that touch at a corner are one. 1 without ink.
    """
    import cv2  # where no scan is read, checks know the limit without it

    found = np.ones(len(glyphs))
    for i, glyph in enumerate(glyphs):
        inked = (glyph > LEVEL * glyph.max()).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(inked, connectivity=8)
        if count > 2:
            area = stats[1:, cv2.CC_STAT_AREA]
            found[i] = area.max() / area.sum()
    return found
