"""Veiling what nobody may see of a sheet: names, numbers of identity, signatures, fingerprints.

The veil cannot be lifted: each block of at least `BLOCK` millimetres keeps its mean colour and no
more, and those means are blurred again; what lies around the page is replaced by one tone. A light
blur or small blocks could be undone by trying out what gives the same picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.sheet import Registration
from veedor.images.template import Template

__all__ = ["BLOCK", "GROWN", "veil"]

BLOCK = 4.0
"""Millimetres of the side of a block: two lines of handwriting, or half a finger's print."""
GROWN = 2.0
"""Millimetres by which each private area is grown, for what leaves it."""
AROUND = 128
"""Tone of what lies beyond the page."""


def veil(
    pixels: NDArray[np.uint8], registration: Registration | None, template: Template
) -> NDArray[np.uint8]:
    """The scan with its private parts made unrecognisable, as a copy.

    Parameters
    ----------
    pixels : (height, width, 3) uint8, those that were registered
    registration : where the form lies

    Raises
    ------
    VeedorError
        The scan was not registered, or as another form: then nobody knows where personal data lie.
    """
    if registration is None or registration.template != template.id:
        raise VeedorError(
            "a scan on which no form was found is not shown, for personal data may be anywhere",
            remedy="Look at the original, under the rules that protect those data.",
        )
    matrix = registration.matrix
    hidden = np.zeros(pixels.shape[:2], np.uint8)
    for area in template.private:
        x, y, width, height = area.rectangle
        _fill(hidden, matrix, x - GROWN, y - GROWN, width + 2 * GROWN, height + 2 * GROWN)
    page = np.zeros(pixels.shape[:2], np.uint8)
    _fill(page, matrix, 0, 0, template.page.width, template.page.height)
    out = np.where(hidden[..., None] > 0, _blocks(pixels, matrix, template), pixels)
    out[page == 0] = AROUND
    return np.asarray(out, dtype=np.uint8)


def _fill(
    mask: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    x: float,
    y: float,
    width: float,
    height: float,
) -> None:
    """Set a rectangle of millimetres, and each pixel that it touches, in place."""
    corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    placed = cv2.perspectiveTransform(np.array([corners], dtype=np.float64), matrix)[0]
    # A sixteenth of a pixel, so that nothing is lost by rounding.
    points = np.round(placed * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 1, cv2.LINE_8, 4)
    cv2.polylines(mask, [points], True, 1, 1, cv2.LINE_8, 4)


def _blocks(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], template: Template
) -> NDArray[np.uint8]:
    """The whole scan in blurred blocks of `BLOCK` where it is largest, and more elsewhere."""
    page = template.page
    at = np.array([[[0, 0], [page.width, 0], [page.width, page.height], [0, page.height]]])
    steps = np.array([[1.0, 0], [0, 1.0]])
    scale = 0.0
    for step in steps:
        here = cv2.perspectiveTransform(at.astype(np.float64), matrix)
        there = cv2.perspectiveTransform(at + step, matrix)
        scale = max(scale, float(np.hypot(*(there - here)[0].T).max()))
    side = max(8, int(np.ceil(BLOCK * scale)))
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % side, 0, -width % side, cv2.BORDER_REPLICATE)
    size = padded.shape[1] // side, padded.shape[0] // side
    means = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    means = cv2.GaussianBlur(means, (0, 0), 0.7)
    large = cv2.resize(means, padded.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(large[:height, :width], dtype=np.uint8)
