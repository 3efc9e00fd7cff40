"""How dark the ink is against the paper around it, whatever the light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["background", "coarse_background", "darkness", "grey_of"]

COARSE = 300
"""Pixels of the longer side of the picture in which paper is looked for: about 1 mm of a sheet."""
SPREAD = 7
"""Of those pixels, the square in which some bare paper is expected."""


def grey_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width) of grey, from that or from (height, width, 3) of red, green, blue."""
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def background(channel: NDArray[np.uint8], step: int | None = None) -> NDArray[np.uint8]:
    """The paper without what is printed or written on it.

    Parameters
    ----------
    channel : (height, width) uint8
    step : pixels that are averaged to one; by default as of a whole page

    Returns
    -------
    (height, width) uint8: the brightest of the surroundings, smoothed; never 0.
    """
    height, width = channel.shape
    step = step or _step(height, width)
    paper = coarse_background(channel, step)
    size = paper.shape[1] * step, paper.shape[0] * step
    large = cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[:height, :width], dtype=np.uint8)


def coarse_background(channel: NDArray[np.uint8], step: int | None = None) -> NDArray[np.uint8]:
    """As `background`, one pixel for each square of `step`."""
    step = step or _step(*channel.shape)
    # Whole steps are averaged several times faster; the rim is padded to them.
    right, below = -channel.shape[1] % step, -channel.shape[0] % step
    padded = cv2.copyMakeBorder(channel, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = padded.shape[1] // step, padded.shape[0] // step
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    kernel = np.ones((SPREAD, SPREAD), np.uint8)
    paper = cv2.GaussianBlur(cv2.dilate(small, kernel), (0, 0), SPREAD / 2)
    return np.asarray(np.maximum(paper, 1), dtype=np.uint8)


def _step(height: int, width: int) -> int:
    return max(1, round(max(height, width) / COARSE))


def darkness(channel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width) uint8: 0 as bright as the paper around, 255 black."""
    lit = cv2.divide(channel, background(channel), scale=255)
    return np.asarray(cv2.bitwise_not(lit), dtype=np.uint8)
