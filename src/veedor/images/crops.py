"""Parts of a scan cut out upright, to be shown: personal data in them are veiled."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.private import veil
from veedor.images.sheet import Registration
from veedor.images.template import Area, Template

__all__ = ["jpeg", "png", "rows", "whole"]

Pixels = NDArray[np.uint8]

ROW_PIXELS_PER_MM = 6
PAGE_PIXELS_PER_MM = 5
LEFT, RIGHT, AROUND = 55.0, 12.0, 4.0
"""Millimetres shown to the left of a field, where forms print whose it is, to its right, and above
and below it."""
FRAME = (0, 110, 190)
"""Red, green and blue of the frame around a field that is shown."""
GAP = 8
"""Pixels between rows."""


def rows(
    pixels: Pixels,
    matrix: NDArray[np.float64],
    template: Template,
    fields: Sequence[str],
    *,
    show_private: bool = False,
) -> Pixels:
    """The rows of some fields, one below the other, each with a frame around its boxes.

    Parameters
    ----------
    pixels : (height, width, 3) uint8, the scan
    matrix : (3, 3), from millimetres of the page to its pixels
    fields : ids; those of one height on the page share a row

    Returns
    -------
    (height, width, 3) uint8
    """
    seen = pixels if show_private else _veiled(pixels, matrix, template)
    strips = [_strip(seen, matrix, template, names) for names in _by_row(template, fields)]
    width = max(strip.shape[1] for strip in strips)
    padded = [
        np.pad(s, ((0, GAP), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips
    ]
    return np.asarray(np.concatenate(padded)[:-GAP], dtype=np.uint8)


def whole(
    pixels: Pixels,
    matrix: NDArray[np.float64],
    template: Template,
    *,
    show_private: bool = False,
) -> Pixels:
    """The page, upright; nothing of what lies around it."""
    seen = pixels if show_private else _veiled(pixels, matrix, template)
    page = Area(x=0, y=0, width=template.page.width, height=template.page.height)
    return _upright(seen, matrix, page, PAGE_PIXELS_PER_MM)


def png(pixels: Pixels) -> bytes:
    """A picture as the bytes of a PNG file."""
    made, data = cv2.imencode(
        ".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    if not made:
        raise ValueError("the picture could not be made into a PNG file")
    return bytes(data.tobytes())


def jpeg(pixels: Pixels) -> bytes:
    """A picture as the bytes of a JPEG file: for whole pages, a seventh of their PNG."""
    made, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80]
    )
    if not made:
        raise ValueError("the picture could not be made into a JPEG file")
    return bytes(data.tobytes())


def _veiled(pixels: Pixels, matrix: NDArray[np.float64], template: Template) -> Pixels:
    return veil(pixels, laid(matrix, template), template)


def laid(matrix: NDArray[np.float64], template: Template) -> Registration:
    """A form as it lies by its matrix alone, no field moved onto its own lines."""
    left, top, width, height = template.cells.T
    xs = np.stack([left, left + width, left + width, left], axis=1)
    ys = np.stack([top, top, top + height, top + height], axis=1)
    corners = np.stack([xs, ys], axis=2).reshape(-1, 1, 2)
    boxes = cv2.perspectiveTransform(corners, matrix).reshape(-1, 4, 2)
    n = len(template.fields)
    return Registration(
        template=template.id,
        matrix=matrix,
        boxes=np.asarray(boxes, dtype=np.float64),
        residual=0.0,
        score=1.0,
        shifts=np.zeros((n, 2)),
        found=np.ones(n, dtype=np.bool_),
        method="matrix",
    )


def _by_row(template: Template, fields: Sequence[str]) -> list[list[str]]:
    """Fields side by side together, rows from the top."""
    placed = sorted((template.field(name) for name in dict.fromkeys(fields)), key=lambda f: f.y)
    found: list[list[str]] = []
    last = None
    for field in placed:
        if last is not None and field.y < last.y + last.height / 2:
            found[-1].append(field.id)
        else:
            found.append([field.id])
            last = field
    return found


def _strip(
    pixels: Pixels, matrix: NDArray[np.float64], template: Template, names: Sequence[str]
) -> Pixels:
    """One row of the form: the fields with what stands beside them, within the page."""
    fields = [template.field(name) for name in names]
    left = max(min(f.x for f in fields) - LEFT, 0.0)
    top = max(min(f.y for f in fields) - AROUND, 0.0)
    right = min(max(f.x + f.width for f in fields) + RIGHT, template.page.width)
    bottom = min(max(f.y + f.height for f in fields) + AROUND, template.page.height)
    area = Area(x=left, y=top, width=right - left, height=bottom - top)
    strip = _upright(pixels, matrix, area, ROW_PIXELS_PER_MM)
    for f in fields:
        ends = (f.x - 1, f.y - 1, f.x + f.width + 1, f.y + f.height + 1)
        box = np.array(ends) - (left, top, left, top)
        x0, y0, x1, y1 = np.round(box * ROW_PIXELS_PER_MM).astype(int).tolist()
        cv2.rectangle(strip, (x0, y0), (x1, y1), FRAME, 2)
    return strip


def _upright(pixels: Pixels, matrix: NDArray[np.float64], area: Area, pixels_per_mm: int) -> Pixels:
    """An area of the page, upright."""
    to_area = np.array(
        [[1 / pixels_per_mm, 0, area.x], [0, 1 / pixels_per_mm, area.y], [0, 0, 1]], dtype=float
    )
    size = (round(area.width * pixels_per_mm), round(area.height * pixels_per_mm))
    shown = cv2.warpPerspective(
        pixels,
        matrix @ to_area,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=(255, 255, 255),
    )
    return np.ascontiguousarray(shown, dtype=np.uint8)
