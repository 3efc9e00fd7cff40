"""A picture of what was found on a scan, with its private parts veiled."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.private import veil
from veedor.images.sheet import Registration
from veedor.images.template import Template

__all__ = ["overlay", "save"]

FOUND, LOST, MARK = (0, 140, 70), (210, 60, 30), (30, 90, 200)
"""Red, green, blue of boxes found, of boxes not found, and of marks and codes."""


def overlay(
    pixels: NDArray[np.uint8], registration: Registration, template: Template
) -> NDArray[np.uint8]:
    """The veiled scan with every box, mark and place of a code drawn on it.

    Parameters
    ----------
    pixels : (height, width, 3) uint8, those that were registered
    """
    seen = veil(pixels, registration, template)
    width = max(1, round(max(seen.shape) / 1500))
    for box, owner in zip(registration.boxes, template.owner, strict=True):
        colour = FOUND if registration.found[owner] else LOST
        _outline(seen, box, colour, width)
    areas = [(f.x - f.size / 2, f.y - f.size / 2, f.size, f.size) for f in template.fiducials]
    areas += [code.rectangle for code in template.codes]
    for x, y, wide, tall in areas:
        corners = np.array([[[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]]])
        placed = np.asarray(cv2.perspectiveTransform(corners, registration.matrix))[0]
        _outline(seen, placed, MARK, width)
    return seen


def _outline(
    seen: NDArray[np.uint8],
    corners: NDArray[np.float64],
    colour: tuple[int, int, int],
    width: int,
) -> None:
    points = np.round(corners * 16).astype(np.int32)
    cv2.polylines(seen, [points], True, colour, width, cv2.LINE_AA, 4)


def save(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a PNG.

    Raises
    ------
    VeedorError
        It cannot be written there.
    """
    _, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise VeedorError(f"cannot be written ({error.strerror})", place=str(path)) from error
