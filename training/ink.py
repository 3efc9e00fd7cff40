"""Ink of one box as a scan shows it: digits of known writers drawn anew, and what befalls them.

A digit is drawn on a canvas about as finely as boxes are cut from scans, by any pen, and then
suffers what paper, printing, scanning and the removal of printed lines do to it. What comes out
goes through `veedor.images.glyph.normalise`, as the ink of a real box does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veedor.images.glyph import LEAST, normalise

__all__ = [
    "CANVAS",
    "GOOD",
    "USABLE",
    "Pen",
    "Wear",
    "any_pen",
    "brush",
    "drawn",
    "frame",
    "plain",
    "worn",
]

CANVAS = 96
"""Pixels of the canvas's side; a digit is 40 to 64 high on it, as 5 to 8 mm at 8 pixels/mm."""
KEPT = 0.75
"""Share of the strokes that wear must leave: a digit of which less is left is none any more."""
_ENLARGED = 3
_NEXT = np.ones((3, 3), np.uint8)
_GRID = np.stack(np.meshgrid(np.arange(CANVAS), np.arange(CANVAS)), axis=-1).astype(np.float32)
_CENTRED = _GRID - (CANVAS - 1) / 2
Ink = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pen:
    """Half the width of its stroke and the softness of its edge, in pixels; its blackness."""

    half: float
    edge: float
    black: float


@dataclass(frozen=True, slots=True)
class Wear:
    """How much happens to ink: factors on the chance of each kind of wear, and on its extent."""

    chance: float = 1.0
    extent: float = 1.0


GOOD, USABLE = Wear(0.6, 0.5), Wear(1.2, 1.0)
"""What ink suffers on a scan of that grade."""


def any_pen(rng: Generator) -> Pen:
    """A pen, from fine ballpoint to felt tip."""
    half = float(np.exp(rng.normal(np.log(2.2), 0.4)))
    return Pen(min(max(half, 0.9), 5.5), float(rng.uniform(0.8, 2.4)), float(rng.uniform(0.6, 1.0)))


def plain(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The glyph of a digit as NIST gives it, enlarged and nothing else.

    Parameters
    ----------
    image : (28, 28) uint8

    Returns
    -------
    (40, 40) uint8
    """
    side = image.shape[0] * _ENLARGED
    large = cv2.resize(image.astype(np.float32) / 255, (side, side), interpolation=cv2.INTER_CUBIC)
    glyph = normalise(np.clip(large, 0, 1))
    if glyph is None:
        raise ValueError("an image without ink is no digit")
    return glyph


def brush(distance: NDArray[np.float32], pen: Pen) -> Ink:
    """Ink where the signed distance from the stroke's middle or edge (outside positive) allows."""
    return np.clip(0.5 - distance / pen.edge, 0, 1) * np.float32(pen.black)


def _elastic(rng: Generator, extent: float) -> NDArray[np.float32]:
    """Smooth displacements: (CANVAS, CANVAS, 2), in pixels of NIST's image."""
    coarse = rng.normal(0, extent, (5, 5, 2)).astype(np.float32)
    return cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)


def drawn(image: NDArray[np.uint8], rng: Generator, pen: Pen, size: float | None = None) -> Ink:
    """A digit drawn anew: moved, turned, sheared, bent a little, and with the stroke of `pen`.

    Parameters
    ----------
    image : (28, 28) uint8, 0 paper to 255 ink
    size : pixels of the canvas to one of the image

    Returns
    -------
    (CANVAS, CANVAS) float32, 0 paper to 1 black
    """
    size = size or float(rng.uniform(2.0, 3.2))
    angle, shear = np.deg2rad(rng.normal(0, 5.0)), rng.normal(0, 0.11)
    wide, high = size * np.exp(rng.normal(0, 0.07)), size * np.exp(rng.normal(0, 0.05))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    forth = turn @ np.array([[wide, shear * high], [0, high]])
    back = np.linalg.inv(forth).astype(np.float32)
    place = _CENTRED - rng.normal(0, 2.0, 2).astype(np.float32)
    at = place @ back.T + np.float32((image.shape[0] - 1) / 2)
    at += _elastic(rng, 0.42)
    shape = cv2.remap(
        image.astype(np.float32), at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderValue=0.0
    )
    inside = (shape > 115).astype(np.uint8)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    signed = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) - within
    signed = cv2.GaussianBlur(signed, (0, 0), 0.8)
    ridge = within[(within >= cv2.dilate(within, _NEXT)) & (within > 0.9)]
    usual, finest = np.quantile(ridge, (0.5, 0.15)) if len(ridge) else (2.0, 2.0)
    # Even the finest strokes keep some ink.
    grow = max(pen.half - float(usual), -0.6 * float(finest))
    return brush(signed - np.float32(grow), pen)


def _line_residue(ink: Ink, rng: Generator, extent: float) -> None:
    """Broken pieces of a printed line along one side."""
    at = int(rng.integers(3, 22))
    long = np.zeros(CANVAS, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(0, CANVAS - 6))
        long[start : start + int(rng.integers(3, 12 + 30 * extent))] = rng.uniform(0.3, 0.9)
    thick = int(rng.integers(1, 4))
    piece = np.tile(long, (thick, 1))
    side = int(rng.integers(4))
    at = at if side % 2 else CANVAS - at - thick
    where = ink[at : at + thick] if side < 2 else ink[:, at : at + thick].T
    np.maximum(where, piece, out=where)


def frame(ink: Ink, rng: Generator, sides: int | None = None) -> None:
    """Printed lines of the box that were not taken out: straight, thin, along most of a side."""
    black, thick = float(rng.uniform(0.25, 1.0)), int(rng.integers(1, 4))
    for side in rng.choice(4, sides or int(rng.integers(1, 4)), replace=False):
        at = int(rng.integers(3, 20))
        at = at if side % 2 else CANVAS - at - thick
        start, end = rng.integers(2, 30), CANVAS - rng.integers(2, 30)
        where = ink[at : at + thick] if side < 2 else ink[:, at : at + thick].T
        np.maximum(where[:, start:end], black, out=where[:, start:end])


def _neighbour(ink: Ink, rng: Generator, other: Ink) -> None:
    """The edge of a neighbouring digit that reaches into the box."""
    reach = int(rng.integers(2, 9))
    columns = np.flatnonzero((other > 0.3).any(axis=0))
    if not len(columns):
        return
    edge = int(rng.integers(4, 16))
    if rng.random() < 0.5:
        part, place = other[:, columns[-1] + 1 - reach : columns[-1] + 1], slice(edge, edge + reach)
    else:
        start = CANVAS - edge - reach
        part, place = other[:, columns[0] : columns[0] + reach], slice(start, start + reach)
    if part.shape[1] == reach:
        ink[:, place] = np.maximum(ink[:, place], part)


def _gap(ink: Ink, rng: Generator) -> None:
    """A band where taking out a printed line took ink with it."""
    at, thick = int(rng.integers(18, CANVAS - 20)), int(rng.integers(1, 4))
    where = ink[at : at + thick] if rng.random() < 0.6 else ink[:, at : at + thick]
    where *= np.float32(rng.uniform(0, 0.6))


def _cut(ink: Ink, rng: Generator, extent: float) -> None:
    """A side of the ink beyond the edge of what was cut out."""
    side = int(rng.choice(4, p=(0.35, 0.35, 0.15, 0.15)))
    axis = 1 if side < 2 else 0
    there = np.flatnonzero((ink > 0.3).any(axis=axis))
    if not len(there):
        return
    lost = round((there[-1] - there[0]) * rng.uniform(0.03, 0.04 + 0.14 * extent))
    first, last = int(there[0]), int(there[-1]) + 1
    rows = slice(0, first + lost) if side % 2 else slice(last - lost, CANVAS)
    if axis == 1:
        ink[rows] = 0
    else:
        ink[:, rows] = 0


def _specks(ink: Ink, rng: Generator) -> None:
    """Dust and toner."""
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.integers(6, CANVAS - 6, 2)
        radius, black = rng.uniform(0.5, 2.2), float(rng.uniform(0.3, 1))
        near = ink[y - 4 : y + 5, x - 4 : x + 5]
        far = np.hypot(*(_GRID[:9, :9] - 4).transpose(2, 0, 1)) - radius
        np.maximum(near, np.clip(0.5 - far, 0, 1) * black, out=near)


def _compressed(ink: Ink, quality: int) -> Ink:
    """Through JPEG as dark ink on light paper."""
    paper = np.round(235 - 215 * np.clip(ink, 0, 1)).astype(np.uint8)
    _, code = cv2.imencode(".jpg", paper, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
    return (np.float32(235) - back.astype(np.float32)) / np.float32(215)


def _uneven(rng: Generator, low: float) -> Ink:
    """Smooth factors from `low` to 1, as of a dry pen."""
    coarse = rng.uniform(low, 1.0, (9, 9)).astype(np.float32)
    return cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_LINEAR)


def _coarse(ink: Ink, factor: float) -> Ink:
    """Scanned with fewer dots per inch."""
    few = max(int(CANVAS / factor), 16)
    small = cv2.resize(ink, (few, few), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)


def worn(
    ink: Ink, rng: Generator, wear: Wear, other: Ink | None = None
) -> NDArray[np.uint8] | None:
    """The glyph of ink after what paper, scanning and taking out printed lines did to it.

    Parameters
    ----------
    ink : (CANVAS, CANVAS) float32
    other : (CANVAS, CANVAS) float32, a digit that may stand in the neighbouring box

    Returns
    -------
    (40, 40) uint8, None where less than KEPT of the strokes is left
    """
    before = ink > 0.5 * ink.max()

    def happens(chance: float) -> bool:
        return rng.random() < chance * wear.chance

    extent = wear.extent
    ink = ink.copy()
    if happens(0.12):
        _cut(ink, rng, extent)
    if happens(0.30):
        for _ in range(int(rng.integers(1, 4))):
            _line_residue(ink, rng, extent)
    if happens(0.10):
        frame(ink, rng)
    if other is not None and happens(0.15):
        _neighbour(ink, rng, other)
    if happens(0.15):
        _gap(ink, rng)
    if happens(0.12):
        _specks(ink, rng)
    if happens(0.30):
        ink = ink * _uneven(rng, 1 - 0.6 * extent)
    if happens(0.60):
        ink = cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.4, 0.6 + 1.4 * extent)))
    if happens(0.35):
        ink = _coarse(ink, float(rng.uniform(1.2, 1.4 + 1.6 * extent)))
    if happens(0.45):
        ink = ink + rng.normal(0, rng.uniform(0.01, 0.02 + 0.06 * extent), ink.shape).astype("f4")
    if happens(0.30):
        ink = _compressed(ink, int(rng.integers(round(70 - 52 * extent), 90)))
    ink = np.clip(ink, 0, 1).astype(np.float32)
    if happens(0.15):
        level = float(rng.uniform(0.25, 0.6)) * max(float(ink.max()), 0.2)
        ink = (ink > level).astype(np.float32) * np.float32(rng.uniform(0.7, 1.0))
        if rng.random() < 0.7:
            ink = cv2.GaussianBlur(ink, (0, 0), 0.7)
    if happens(0.5):
        floor, full = rng.uniform(0, 0.15), rng.uniform(0.55, 1.0)
        ink = np.clip((ink - np.float32(floor)) / np.float32(full - floor), 0, 1)
    if happens(0.4):
        ink = ink * np.float32(rng.uniform(1 - 0.55 * extent, 1.0))
    ink[ink < 0.08] = 0
    if not before.any() or (ink[before] >= LEAST).mean() < KEPT:
        return None
    return normalise(ink.astype(np.float32))
