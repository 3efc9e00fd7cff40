"""Cutting the boxes of a form out of a scan, and the ink out of the boxes.

A field is warped upright once; what is printed around its boxes is taken out where the template
says it is, and strokes that cross a printed line are carried over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.glyph import normalise
from veedor.images.paper import background, grey_of
from veedor.images.rules import Rule, take_out, unlisted
from veedor.images.sheet import Cell, Registration
from veedor.images.strokes import owned
from veedor.images.template import Template

__all__ = ["MARGIN_MM", "PIXELS_PER_MM", "cut_cells"]

PIXELS_PER_MM = 8
"""Resolution of a cut box: 203 dots per inch."""
MARGIN_MM = 1.0
"""Millimetres around a box that are cut with it, for strokes that leave it."""
LOOK_MM = 3.0
"""Millimetres around a field that are looked at, to tell whose a stroke is."""
NOISE = 0.06
"""Darkness that paper reaches by itself."""
FAINTEST = 0.25
"""Least darkness of a pen's strokes for which the ink of a sheet is scaled."""
LEAST_INK = 0.3
"""Square millimetres of ink below which a box has none: dust has 0.2, a dot of a pen 0.4."""
FINE = 13.0
"""Pixels per millimetre of a scan above which it is shrunk first, lest strokes alias."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """One field upright: its picture, the darkness without printed lines, the boxes in pixels."""

    picture: NDArray[np.uint8]
    dark: NDArray[np.float32]
    printed: NDArray[np.bool_]
    boxes: NDArray[np.int64]


def cut_cells(
    pixels: NDArray[np.uint8], registration: Registration, template: Template
) -> tuple[Cell, ...]:
    """The boxes of a form, in the order of `template.cells`.

    Parameters
    ----------
    pixels : (height, width, 3) uint8, red green blue, those that were registered

    Returns
    -------
    One cell a box, also for fields that were not found: theirs have no ink and no glyph, and
    `registration.found` says that this means nothing. A glyph is None where a box has no ink.
    """
    boxes = registration.boxes
    pixels, boxes = _coarser(pixels, boxes, template)
    strips = [
        _strip(pixels, boxes, template, field) if registration.found[field] else None
        for field in range(len(template.fields))
    ]
    level = _level([s for s in strips if s is not None])
    cells: list[Cell] = []
    for field, strip in enumerate(strips):
        if strip is None:
            cells += _unread(pixels, boxes, template, field)
        else:
            cells += _cells(strip, level, template.fields[field].id)
    return tuple(cells)


def _coarser(
    pixels: NDArray[np.uint8], boxes: NDArray[np.float64], template: Template
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The scan shrunk to `FINE`, and the boxes on it."""
    side = np.hypot(*(boxes[:, 1] - boxes[:, 0]).T) / template.cells[:, 2]
    factor = float(np.median(side)) / FINE
    if factor <= 1:
        return pixels, boxes
    size = round(pixels.shape[1] / factor), round(pixels.shape[0] / factor)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), (boxes + 0.5) / factor - 0.5


def _strip(
    pixels: NDArray[np.uint8], boxes: NDArray[np.float64], template: Template, field: int
) -> _Strip:
    picture, inner, to_strip = _upright(pixels, boxes, template, field)
    grey = grey_of(picture)
    paper = background(grey, step=PIXELS_PER_MM)
    dark = (1 - np.minimum(grey.astype(np.float32) / paper, 1)).astype(np.float32)
    placed = np.asarray(cv2.perspectiveTransform(boxes.reshape(1, -1, 2), to_strip))
    dark, printed = take_out(dark, _rules(placed, template, dark))
    if more := unlisted(dark, inner):
        dark, besides = take_out(dark, more)
        printed |= besides
    return _Strip(picture, dark, printed, inner)


def _upright(
    pixels: NDArray[np.uint8], boxes: NDArray[np.float64], template: Template, field: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    """A field with `LOOK_MM` around it, its boxes there, and the matrix from pixels of the scan."""
    mine = np.flatnonzero(template.owner == field)
    cells = template.cells[mine]
    low = cells[:, :2].min(axis=0) - LOOK_MM
    high = (cells[:, :2] + cells[:, 2:]).max(axis=0) + LOOK_MM
    corners = np.stack(
        [
            cells[:, :2],
            cells[:, :2] + cells[:, 2:] * [1, 0],
            cells[:, :2] + cells[:, 2:],
            cells[:, :2] + cells[:, 2:] * [0, 1],
        ],
        axis=1,
    )
    # Pixel k has its middle (k + 0.5) / PIXELS_PER_MM from the strip's edge.
    place = ((corners - low) * PIXELS_PER_MM - 0.5).reshape(-1, 2)
    seen = boxes[mine].reshape(-1, 2)
    if len(mine) == 1:
        found = cv2.getPerspectiveTransform(seen.astype(np.float32), place.astype(np.float32))
    else:
        found = cv2.findHomography(seen, place, 0)[0]
    matrix = np.asarray(found, dtype=np.float64)
    width, height = np.round((high - low) * PIXELS_PER_MM).astype(int)
    picture = cv2.warpPerspective(
        pixels,
        matrix,
        (int(width), int(height)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    inner = np.hstack([cells[:, :2] - low, cells[:, 2:]]) * PIXELS_PER_MM
    return np.asarray(picture, dtype=np.uint8), np.round(inner).astype(np.int64), matrix


def _rules(placed: NDArray[Any], template: Template, dark: NDArray[np.float32]) -> list[Rule]:
    """The printed lines of all boxes in sight of a strip, each once."""
    height, width = dark.shape
    corners = placed.reshape(-1, 4, 2)
    rules: list[Rule] = []
    for box, (x0, y0, x1, y1) in enumerate(
        np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    ):
        printed = template.fields[template.owner[box]].printed
        if x1 < 0 or y1 < 0 or x0 > width or y0 > height:
            continue
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners[box]
        if printed in ("boxes", "guides", "line"):
            rules.append(Rule(1, (dy + cy) / 2, dx, cx))
        if printed in ("boxes", "guides"):
            rules += [
                Rule(1, (ay + by) / 2, ax, bx),
                Rule(0, (ax + dx) / 2, ay, dy),
                Rule(0, (bx + cx) / 2, by, cy),
            ]
    return rules


def _level(strips: list[_Strip]) -> float:
    """How dark the strokes of a sheet are: 1 for a marker, 0.4 for a hard pencil."""
    inside = [
        strip.dark[y : y + height, x : x + width]
        for strip in strips
        for x, y, width, height in strip.boxes
    ]
    if not inside:
        return 1.0
    values = np.concatenate([part.ravel() for part in inside])
    strokes = values[values > FAINTEST]
    if len(strokes) < 50:
        return 1.0
    return float(np.clip(np.percentile(strokes, 80), FAINTEST + 0.1, 1.0))


def _cells(strip: _Strip, level: float, field: str) -> list[Cell]:
    ink = np.clip((strip.dark - NOISE) / (level - NOISE), 0, 1).astype(np.float32)
    parts = owned(ink, strip.boxes, strip.printed, PIXELS_PER_MM)
    margin = round(MARGIN_MM * PIXELS_PER_MM)
    cells = []
    for box, (x, y, width, height) in enumerate(strip.boxes):
        window = (
            slice(max(y - margin, 0), y + height + margin),
            slice(max(x - margin, 0), x + width + margin),
        )
        own = np.where(parts[box][window], ink[window], np.float32(0))
        enough = float(own.sum()) / PIXELS_PER_MM**2 >= LEAST_INK
        own = own if enough else np.zeros_like(own)
        cells.append(
            Cell(field, box, strip.picture[window], own, normalise(own) if enough else None)
        )
    return cells


def _unread(
    pixels: NDArray[np.uint8], boxes: NDArray[np.float64], template: Template, field: int
) -> list[Cell]:
    """The boxes of a field that was not found: what lies there, and nothing read of it."""
    picture, inner, _ = _upright(pixels, boxes, template, field)
    margin = round(MARGIN_MM * PIXELS_PER_MM)
    cells = []
    for box, (x, y, width, height) in enumerate(inner):
        patch = picture[y - margin : y + height + margin, x - margin : x + width + margin]
        empty = np.zeros(patch.shape[:2], np.float32)
        cells.append(Cell(template.fields[field].id, box, patch, empty, None))
    return cells
