"""Ink on paper: strokes of a pen laid over a printed page, which shows through."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.simulate.sheets.hands import DigitImage
from veedor.simulate.sheets.pens import Pen

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
FAR = 1e4


def lay(page: Pixels, cover: Floats, left: int, top: int, pen: Pen) -> None:
    """Lay ink over a page, in place; what falls off the page is lost.

    Parameters
    ----------
    cover : (height, width), 0 none to 1 full
    left, top : pixel of its upper left corner
    """
    height, width = cover.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, page.shape[1]), min(top + height, page.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = cover[y0 - top : y1 - top, x0 - left : x1 - left, None] * np.float32(pen.opacity)
    through = 1 - part * (1 - np.array(pen.colour, dtype=np.float32) / 255)
    room = page[y0:y1, x0:x1]
    room[:] = np.round(room * through)


def digit_cover(
    image: DigitImage,
    pen: Pen,
    scale: float,
    *,
    height: float,
    middle: tuple[float, float],
    turn: float,
    rng: np.random.Generator,
) -> tuple[Floats, int, int]:
    """The ink of one digit on the page, and the pixel of its upper left corner.

    Parameters
    ----------
    scale : pixels a millimetre
    height : of the digit, in millimetres (the longer side of its strokes' middles)
    middle : of the digit, in millimetres from the page's corner
    turn : degrees, clockwise
    """
    left, top, right, bottom = image.box
    factor = height * scale / max(right - left, bottom - top, 1.0)
    width = pen.width * scale
    reach = int(np.hypot(right - left, bottom - top) * factor / 2 + width + 3)
    x, y = middle[0] * scale - 0.5, middle[1] * scale - 0.5
    corner_x, corner_y = int(np.floor(x)) - reach, int(np.floor(y)) - reach
    cos, sin = factor * np.cos(np.radians(turn)), factor * np.sin(np.radians(turn))
    cx, cy = (left + right) / 2, (top + bottom) / 2
    matrix = np.array([
        [cos, -sin, x - corner_x - cos * cx + sin * cy],
        [sin, cos, y - corner_y - sin * cx - cos * cy],
    ])  # fmt: skip
    side = 2 * reach + 2
    distance = cv2.warpAffine(
        image.distance, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=FAR
    )
    return flow(distance * np.float32(factor), pen, scale, rng), corner_x, corner_y


def strokes_cover(
    strokes: list[NDArray[np.float64]], pen: Pen, scale: float, rng: np.random.Generator
) -> tuple[Floats, int, int]:
    """The ink of lines through points (in millimetres), and the pixel of its corner."""
    points = [s * scale - 0.5 for s in strokes]
    everything = np.concatenate(points)
    margin = pen.width * scale + 3
    low = np.floor(everything.min(axis=0) - margin).astype(int)
    size = np.ceil(everything.max(axis=0) + margin).astype(int) - low + 1
    canvas = np.full((size[1], size[0]), 255, dtype=np.uint8)
    for line in points:
        shifted = np.round((line - low) * 16).astype(np.int32)
        cv2.polylines(canvas, [shifted], False, 0, 1, cv2.LINE_8, 4)
    distance = cv2.distanceTransform(canvas, cv2.DIST_L2, 5)
    return flow(np.asarray(distance, dtype=np.float32), pen, scale, rng), int(low[0]), int(low[1])


def flow(distance: Floats, pen: Pen, scale: float, rng: np.random.Generator) -> Floats:
    """Ink by the distance in pixels from the middle of the stroke: edges, uneven flow, spread."""
    height, width = distance.shape
    coarse = rng.standard_normal((max(height // 24, 2), max(width // 24, 2))).astype(np.float32)
    uneven = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    half = pen.width * scale / 2 * (1 + 0.35 * pen.grain * uneven)
    soft = 1 + 2 * pen.soft * scale
    cover = np.clip((half - distance) / soft + 0.5, 0, 1)
    return np.asarray(cover * np.clip(1 - 0.12 * pen.grain * (1 + uneven), 0, 1), dtype=np.float32)
