"""What the shape of a written digit is, measured without the width of the pen.

A pen and a scanner look like a writer, and in one polling centre many share them. Therefore the
shape is taken from the stroke's middle line, drawn again with one pen for all, and from directions
of its contour; ink, contrast and stroke width are measured nowhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.glyph import SIDE, normalise

__all__ = ["NAMES", "describe", "skeleton"]

Floats = NDArray[np.float32]

DIRECTIONS = 8
ZONES = 4
"""Zones a side in which directions are counted."""
COARSE = 10
"""Points a side at which the drawn-again stroke is sampled."""
LEG = 7
"""Points of the contour, at twice the glyph's size, from a hinge to the end of a leg."""
LEVEL = 0.45
"""Ink from this share of the darkest on is stroke."""
SPECK = 0.1
"""Pieces with less than this share of the ink are no part of the digit."""
HOLE = 3
"""Least pixels of a hole."""
AT_ONCE = 2048
"""Glyphs measured together."""
RIM = 8
"""Empty rows between glyphs that are filtered as one tall picture."""

_SHAPE = (
    *("slant", "aspect", "elongation", "tilt", "off_x", "off_y", "above", "below", "left", "right"),
    *("holes", "hole_area", "hole_x", "hole_y", "ends", "forks", "length"),
    *("end_top_x", "end_top_y", "end_bottom_x", "end_bottom_y", "turns"),
)
NAMES: tuple[str, ...] = (
    *_SHAPE,
    *(f"row_{i}" for i in range(COARSE)),
    *(f"column_{i}" for i in range(COARSE)),
    *(f"crossings_{i}" for i in range(COARSE)),
    *(
        f"direction_{i}_{j}_{k}"
        for i in range(ZONES)
        for j in range(ZONES)
        for k in range(DIRECTIONS)
    ),
    *(f"hinge_{i}_{j}" for i in range(DIRECTIONS) for j in range(DIRECTIONS)),
    *(f"stroke_{i}_{j}" for i in range(COARSE) for j in range(COARSE)),
)
"""The features, in the order of the columns of `describe`."""


def describe(glyphs: NDArray[np.uint8]) -> Floats:
    """The features of glyphs.

    Parameters
    ----------
    glyphs : (n, SIDE, SIDE) uint8, 0 paper to 255 black, as `images.glyph.normalise` makes them

    Returns
    -------
    (n, len(NAMES)) float32, each about of size one. A glyph without ink is all zeros.

    Gradient directions in zones and the hinge of the contour are known means of telling writers
    apart; both are taken of the stroke drawn again.
    Source: M. Bulacu and L. Schomaker, Text-independent writer identification and verification
    using textural and allographic features, IEEE PAMI 29 (2007), section 4.2.
    """
    if glyphs.ndim != 3 or glyphs.shape[1:] != (SIDE, SIDE):
        raise VeedorError(
            f"glyphs have the shape {glyphs.shape}, not (n, {SIDE}, {SIDE})",
            remedy="Make them by veedor.images.glyph.normalise.",
        )
    found = np.zeros((len(glyphs), len(NAMES)), dtype=np.float32)
    for start in range(0, len(glyphs), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        found[part] = _describe(glyphs[part])
    return found


def _describe(glyphs: NDArray[np.uint8]) -> Floats:
    smooth = _blur(_freed(glyphs).astype(np.float32), 0.6)
    peak = np.maximum(smooth.max(axis=(1, 2)), 1e-6)
    smooth /= peak[:, None, None]
    black = smooth > LEVEL
    line = skeleton(black)
    drawn = _blur(line.astype(np.float32), 1.3)
    drawn /= np.maximum(drawn.max(axis=(1, 2)), 1e-6)[:, None, None]
    rows, columns = _profiles(line)
    parts = [
        _shape(black, line),
        rows,
        columns,
        _crossings(line),
        _directions(drawn),
        _hinges(smooth),
        _coarse(line),
    ]
    found = np.concatenate(parts, axis=1).astype(np.float32)
    found[peak <= 1e-6] = 0
    return found


def _freed(glyphs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without specks and remains of printed lines, and as large as if they had never been."""
    found = glyphs.copy()
    for i, glyph in enumerate(glyphs):
        inked = (glyph > 0.3 * glyph.max()).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(inked, connectivity=8)
        if count < 3:
            continue
        area = stats[:, cv2.CC_STAT_AREA]
        small = area < SPECK * area[1:].sum()
        if not small.any():
            continue
        gone = cv2.dilate(small[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        kept = np.where(gone & ~(~small[labels] & (labels > 0)), 0, glyph)
        full = max(float(kept.max()), 1.0)
        again = normalise((kept / full).astype(np.float32))
        found[i] = kept if again is None else again
    return found


def _blur(pictures: Floats, sigma: float) -> Floats:
    """A Gaussian blur of each, all at once: below each is paper, so that none meets the next."""
    tall = np.pad(pictures, ((0, 0), (0, RIM), (0, 0))).reshape(-1, pictures.shape[2])
    blurred = cv2.GaussianBlur(tall, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    found: Floats = np.asarray(blurred, dtype=np.float32).reshape(
        len(pictures), -1, pictures.shape[2]
    )[:, : pictures.shape[1]]
    return found


@cache
def _deletable() -> NDArray[np.bool_]:
    """(2, 256): whether a pixel goes in each half of a round, by its eight neighbours.

    Bit k of the index is neighbour k, clockwise from above.
    """
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    around = bits.sum(axis=1)
    rises = ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(axis=1)
    fits = (around >= 2) & (around <= 6) & (rises == 1)
    up, right, down, left = (bits[:, k] for k in (0, 2, 4, 6))
    first = fits & (up * right * down == 0) & (right * down * left == 0)
    second = fits & (up * right * left == 0) & (up * down * left == 0)
    return np.stack([first, second])


def _neighbours(black: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, h, w): for each pixel, bits of its eight neighbours, clockwise from above."""
    n, h, w = black.shape
    wide = np.zeros((n, h + 2, w + 2), dtype=np.uint8)
    wide[:, 1:-1, 1:-1] = black
    code = np.zeros((n, h, w), dtype=np.uint8)
    steps = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
    for bit, (y, x) in enumerate(steps):
        code |= wide[:, y : y + h, x : x + w] << bit
    return code


def skeleton(black: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The middle lines of strokes, one pixel wide.

    Parameters
    ----------
    black : (n, height, width) bool

    Source: T. Zhang and C. Suen, A fast parallel algorithm for thinning digital patterns,
    Communications of the ACM 27 (1984).
    """
    thin = black.astype(np.uint8)
    busy = np.arange(len(thin))
    while len(busy):
        work = thin[busy]
        before = work.sum(axis=(1, 2), dtype=np.int64)
        for half in _deletable():
            work &= ~half[_neighbours(work)]
        thin[busy] = work
        busy = busy[work.sum(axis=(1, 2), dtype=np.int64) < before]
    return thin.astype(bool)


def _moments(weight: Floats) -> tuple[Floats, ...]:
    """Of each picture: mass, means of x and y, variances of x and y, covariance."""
    at = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    along_x, along_y = weight.sum(axis=1), weight.sum(axis=2)
    mass = np.maximum(along_x.sum(axis=1), 1e-6)
    x, y = along_x @ at / mass, along_y @ at / mass
    xx = along_x @ at**2 / mass - x**2
    yy = along_y @ at**2 / mass - y**2
    xy = (weight @ at) @ at / mass - x * y
    return mass, x, y, xx, yy, xy


def _edges(marked: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last marked place of each row of (n, length)."""
    return marked.argmax(axis=1), marked.shape[1] - 1 - marked[:, ::-1].argmax(axis=1)


def _shape(black: NDArray[np.bool_], line: NDArray[np.bool_]) -> Floats:
    """Slant, aspect, elongation and the like; holes; ends and forks of the middle line."""
    mass, x, y, xx, yy, xy = _moments(line.astype(np.float32))
    top, bottom = _edges(np.asarray(line.any(axis=2)))
    left, right = _edges(np.asarray(line.any(axis=1)))
    width, height = right - left + 1.0, bottom - top + 1.0
    spread = np.sqrt(np.maximum((xx - yy) ** 2 / 4 + xy**2, 0))
    middle = (xx + yy) / 2
    centre = (SIDE - 1) / 2
    scalars = [
        xy / np.maximum(yy, 1),
        np.log(width / height),
        np.log((middle + spread + 1) / (np.maximum(middle - spread, 0) + 1)) / 2,
        0.5 * np.arctan2(2 * xy, yy - xx + 1e-6),
        *((x - (left + right) / 2 + centre) / 4, (y - (top + bottom) / 2 + centre) / 4),
        *((centre - top) / 14, (bottom - centre) / 14, (centre - left) / 14, (right - centre) / 14),
    ]
    return np.column_stack([*scalars, _holes(black), _ends(line, mass)]).astype(np.float32)


def _holes(black: NDArray[np.bool_]) -> Floats:
    """(n, 4): number of holes, their area's root and their middle."""
    return np.array([_holes_of(~picture) for picture in black], dtype=np.float32).reshape(-1, 4)


def _holes_of(paper: NDArray[np.bool_]) -> tuple[float, ...]:
    framed = np.pad(paper.view(np.uint8), 1, constant_values=1)
    count, _, stats, middle = cv2.connectedComponentsWithStats(framed, connectivity=4)
    area = stats[2:, cv2.CC_STAT_AREA].astype(np.float64)
    large = area >= HOLE
    if count < 3 or not large.any():
        return 0.0, 0.0, 0.0, 0.0
    area, middle = area[large], middle[2:][large] - 1 - (SIDE - 1) / 2
    total = float(area.sum())
    x, y = area @ middle / total / 6
    return float(len(area)), total**0.5 / 6, float(x), float(y)


def _ends(line: NDArray[np.bool_], mass: Floats) -> Floats:
    """(n, 8): ends, forks and length of the middle line; the highest and lowest end; turns."""
    code = _neighbours(line.astype(np.uint8))
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    rises = ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(axis=1).astype(np.uint8)
    runs = np.where(line, rises[code], 0)
    ends, forks = runs == 1, runs >= 3
    centre = (SIDE - 1) / 2
    flat = ends.reshape(len(line), -1)
    first = flat.argmax(axis=1)
    last = flat.shape[1] - 1 - flat[:, ::-1].argmax(axis=1)
    none = ~flat.any(axis=1)
    places = []
    for at in (first, last):
        x, y = at % SIDE - centre, at // SIDE - centre
        places += [np.where(none, 0, x) / 10, np.where(none, 0, y) / 10]
    diagonal = ((np.uint8(0b10101010) & code) > 0) & ((np.uint8(0b01010101) & code) == 0) & line
    return np.column_stack(
        [
            np.minimum(ends.sum(axis=(1, 2)), 6),
            np.minimum(forks.sum(axis=(1, 2)), 6),
            mass / 50,
            *places,
            diagonal.sum(axis=(1, 2)) / mass,
        ]
    ).astype(np.float32)


@cache
def _steps() -> Floats:
    """(SIDE, COARSE): smooth steps that share a line of pixels out over a few places."""
    places = (np.arange(COARSE) + 0.5) * SIDE / COARSE
    distance = np.abs(np.arange(SIDE)[:, None] + 0.5 - places) / (SIDE / COARSE)
    return np.maximum(0, 1 - distance).astype(np.float32)


def _profiles(line: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(n, COARSE) twice: the middle line's length by height, and from left to right."""
    weight = line.astype(np.float32)
    return weight.sum(axis=2) @ _steps() / 8, weight.sum(axis=1) @ _steps() / 8


def _crossings(line: NDArray[np.bool_]) -> Floats:
    """(n, COARSE): how often a row crosses the stroke, by height."""
    begins = line[:, :, 1:] & ~line[:, :, :-1]
    found: Floats = begins.sum(axis=2).astype(np.float32) @ _steps() / 4
    return found


def _coarse(line: NDArray[np.bool_]) -> Floats:
    """(n, COARSE x COARSE): the root of the middle line's length about places of a grid."""
    steps = _steps()
    grid = np.einsum("nyx,yi,xj->nij", line.astype(np.float32), steps, steps, optimize=True)
    found: Floats = np.sqrt(grid.reshape(len(line), -1)) / 2
    return found


def _directions(drawn: Floats) -> Floats:
    """(n, ZONES x ZONES x DIRECTIONS): gradients by place and direction, roots of their shares."""
    down = np.zeros_like(drawn)
    across = np.zeros_like(drawn)
    down[:, 1:-1] = drawn[:, 2:] - drawn[:, :-2]
    across[:, :, 1:-1] = drawn[:, :, 2:] - drawn[:, :, :-2]
    size = np.hypot(across, down)
    turn = np.arctan2(down, across) * (DIRECTIONS / (2 * np.pi)) % DIRECTIONS
    lower = np.floor(turn).astype(np.int64) % DIRECTIONS
    part = turn - np.floor(turn)
    edges = np.linspace(3, SIDE - 3, ZONES + 1)
    places = (edges[1:] + edges[:-1]) / 2
    away = np.abs(np.arange(SIDE)[:, None] + 0.5 - places) / (edges[1] - edges[0])
    zone = np.maximum(0, 1 - away).astype(np.float32)
    layers = np.empty((len(drawn), DIRECTIONS, ZONES, ZONES), dtype=np.float32)
    for k in range(DIRECTIONS):
        weight = size * np.where(lower == k, 1 - part, 0)
        weight += size * np.where(lower == (k - 1) % DIRECTIONS, part, 0)
        layers[:, k] = zone.T @ weight @ zone
    total = np.maximum(layers.sum(axis=(1, 2, 3)), 1e-6)
    share = layers / total[:, None, None, None]
    found: Floats = np.sqrt(share.transpose(0, 2, 3, 1).reshape(len(drawn), -1)) * 5
    return found


def _hinges(smooth: Floats) -> Floats:
    """(n, DIRECTIONS x DIRECTIONS): directions of the contour's two legs at each of its points."""
    points: list[Any] = []
    lengths: list[int] = []
    owner: list[int] = []
    for i, picture in enumerate(smooth):
        double = cv2.resize(picture, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_LINEAR)
        mask = (double > LEVEL).astype(np.uint8)
        for contour in cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]:
            if len(contour) > 2 * LEG:
                points.append(contour[:, 0])
                lengths.append(len(contour))
                owner.append(i)
    if not points:
        return np.zeros((len(smooth), DIRECTIONS**2), dtype=np.float32)
    return _joint(np.concatenate(points), np.array(lengths), np.array(owner), len(smooth))


def _joint(
    points: NDArray[np.int32],
    lengths: NDArray[np.int64],
    owner: NDArray[np.int64],
    glyphs: int,
) -> Floats:
    """(glyphs, DIRECTIONS^2): legs' directions together, shared out over neighbouring ones."""
    start = np.repeat(np.cumsum(lengths) - lengths, lengths)
    length = np.repeat(lengths, lengths)
    at = np.arange(len(points)) - start
    whose = np.repeat(owner, lengths)
    turns = []
    for step in (LEG, -LEG):
        leg = points[start + (at + step) % length] - points
        turns.append(np.arctan2(leg[:, 1], leg[:, 0]) * (DIRECTIONS / (2 * np.pi)) % DIRECTIONS)
    joint = np.zeros(glyphs * DIRECTIONS**2)
    low = [np.floor(t).astype(np.int64) for t in turns]
    part = [t - b for t, b in zip(turns, low, strict=True)]
    for one in (0, 1):
        for two in (0, 1):
            weight = np.abs(1 - one - part[0]) * np.abs(1 - two - part[1])
            first, second = (low[0] + one) % DIRECTIONS, (low[1] + two) % DIRECTIONS
            index = (whose * DIRECTIONS + first) * DIRECTIONS + second
            joint += np.bincount(index, weight, minlength=len(joint))
    counts = joint.reshape(glyphs, -1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-6)
    found: Floats = (np.sqrt(share) * 4).astype(np.float32)
    return found
