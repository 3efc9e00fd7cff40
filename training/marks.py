"""What stands in a box besides a clean digit: fillers, digits struck out or written over, ruins.

All marks are drawn here by rules; no one's writing was traced. Where a shape could be either of two
things (a slanted line or a 1, a stroke through a 7 or a 7 with its bar), the ambiguous middle is
left out rather than labelled by fiat.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.ink import CANVAS, Ink, Pen, any_pen, brush, drawn, frame

__all__ = ["barred", "filler", "flagged", "overwritten", "residue", "ruined", "slashed", "struck"]

MIDDLE = CANVAS / 2
Image = NDArray[np.uint8]
Draw = Callable[[Generator, Pen], Ink]


def lines(paths: list[NDArray[np.float64]], pen: Pen) -> Ink:
    """Ink of paths of points (n, 2) of x and y."""
    empty = np.full((CANVAS, CANVAS), 255, np.uint8)
    points = [np.round(path * 8).astype(np.int32) for path in paths]
    cv2.polylines(empty, points, False, 0, 1, cv2.LINE_8, 3)
    return brush(cv2.distanceTransform(empty, cv2.DIST_L2, 3) - np.float32(pen.half), pen)


def path(start: tuple[float, float], end: tuple[float, float], rng: Generator, bend: float):
    """A hand's line between two points: nearly straight."""
    way = np.linspace(0, 1, 9)[:, None]
    straight = np.array(start) * (1 - way) + np.array(end) * way
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    bow = np.sin(np.pi * way) * rng.normal(0, bend * length, 2)
    wave = np.sin(2 * np.pi * way + rng.uniform(0, 6)) * rng.normal(0, 0.3 * bend * length, 2)
    return straight + bow + wave


def through(centre, angle: float, length: float, rng: Generator, bend: float = 0.03):
    """A line through a point; `angle` in degrees from the horizontal."""
    turn = np.deg2rad(angle)
    step = np.array([np.cos(turn), -np.sin(turn)]) * length / 2
    return path(tuple(np.array(centre) - step), tuple(np.array(centre) + step), rng, bend)


def about(rng: Generator, spread: float = 4.0) -> NDArray[np.float64]:
    """A point near the middle of the box."""
    return MIDDLE + rng.normal(0, spread, 2)


def extent(ink: Ink) -> tuple[float, float, float, float]:
    """Middle (x, y), width and height of the ink's bounding box."""
    rows, columns = (np.flatnonzero((ink > 0.25).any(axis=a)) for a in (1, 0))
    if not len(rows):
        return MIDDLE, MIDDLE, 20.0, 40.0
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return (left + right) / 2, (top + bottom) / 2, float(right - left), float(bottom - top)


def _dash(rng: Generator, pen: Pen) -> Ink:
    made = [through(about(rng), rng.normal(0, 8), rng.uniform(14, 84), rng)]
    kind = rng.random()
    if kind < 0.12:
        made.append(made[0] + np.array([rng.normal(0, 3), rng.uniform(7, 16)]))
    elif kind < 0.3:
        way = np.linspace(0, 1, 17)
        wave = np.sin(way * np.pi * 2 * rng.uniform(0.8, 3.5)) * rng.uniform(2, 7)
        x = MIDDLE + (way - 0.5) * rng.uniform(30, 84)
        made = [np.stack([x, MIDDLE + wave + rng.normal(0, 1.0, 17)], axis=1)]
    return lines(made, pen)


def _dot(rng: Generator, pen: Pen) -> Ink:
    centre = about(rng, 8)
    near = through(centre, rng.uniform(0, 180), rng.uniform(0, 5), rng)
    return lines([near], Pen(pen.half * float(rng.uniform(0.8, 2.0)), pen.edge, pen.black))


def _cross(rng: Generator, pen: Pen) -> Ink:
    centre, first = about(rng), rng.uniform(35, 60)
    size = rng.uniform(24, 76)
    angles = (first, -first + rng.normal(0, 8))
    return lines(
        [
            through(centre + rng.normal(0, 2, 2), a, size * rng.uniform(0.8, 1.2), rng)
            for a in angles
        ],
        pen,
    )


def _line(rng: Generator, pen: Pen) -> Ink:
    angle = rng.uniform(15, 38) * rng.choice((-1, 1))
    return lines([through(about(rng), angle, rng.uniform(50, 110), rng, 0.05)], pen)


def _asterisk(rng: Generator, pen: Pen) -> Ink:
    centre, arms, first = about(rng), int(rng.integers(3, 5)), rng.uniform(0, 180)
    size = rng.uniform(16, 60)
    return lines(
        [
            through(centre + rng.normal(0, 1.5, 2), first + 180 * k / arms, size, rng)
            for k in range(arms)
        ],
        pen,
    )


def _blob(rng: Generator, pen: Pen) -> Ink:
    centre, turns = about(rng), rng.uniform(0, 2 * np.pi, 14)
    reach = rng.uniform(0.2, 1, (14, 1)) * rng.uniform(5, 18)
    inside = centre + reach * np.stack([np.cos(turns), np.sin(turns) * rng.uniform(0.6, 1)], axis=1)
    return lines([inside], Pen(pen.half * 1.6, pen.edge, pen.black))


def filler(rng: Generator) -> Ink:
    """A mark that stands for no digit: dash, dot, cross, slanted line, asterisk or blob."""
    kinds = (_dash, _dot, _cross, _line, _asterisk, _blob)
    draw = kinds[int(rng.choice(len(kinds), p=(0.35, 0.15, 0.18, 0.1, 0.1, 0.12)))]
    return draw(rng, any_pen(rng))


def _zigzag(rng: Generator, box, dense: bool) -> NDArray[np.float64]:
    """A scribble to and fro over a box of middle, width and height."""
    x, y, width, height = box
    turns = int(rng.integers(8, 18)) if dense else int(rng.integers(4, 9))
    way = np.linspace(-0.5, 0.5, turns)
    sides = np.where(np.arange(turns) % 2, 0.5, -0.5) * rng.uniform(0.7, 1.3, turns)
    along, across = way * rng.uniform(0.6, 1.2), sides * rng.uniform(0.8, 1.3)
    if rng.random() < 0.5:
        points = np.stack([across * width, along * height], axis=1)
    else:
        points = np.stack([along * width, across * height], axis=1)
    slant = np.deg2rad(rng.normal(0, 25))
    turn = np.array([[np.cos(slant), -np.sin(slant)], [np.sin(slant), np.cos(slant)]])
    return points @ turn.T + np.array([x, y]) + rng.normal(0, 1.2, (turns, 2))


def _strikes(rng: Generator, box, digit: int) -> list[NDArray[np.float64]]:
    """Lines that strike a digit out, well beyond it on both sides."""
    x, y, width, height = box
    centre = np.array([x, y]) + rng.normal(0, 0.06 * height, 2)
    wide = max(width, 0.55 * height)
    long = wide * rng.uniform(1.3, 1.9)
    kind = rng.choice(5, p=(0.3, 0.2, 0.2, 0.2, 0.1))
    if kind == 0:
        # A slanted line through a 1 would be no other glyph than a cross.
        level = digit == 1 or rng.random() < 0.5
        angle = rng.normal(0, 9) if level else rng.uniform(20, 50) * rng.choice((-1, 1))
        return [through(centre, angle, max(long, 0.9 * height if abs(angle) > 20 else 0), rng)]
    if kind <= 1:
        angle, apart = rng.normal(0, 15), height * rng.uniform(0.15, 0.35)
        count = 3 if rng.random() < 0.3 else 2
        first = through(centre - np.array([0, apart / 2]), angle, long, rng)
        step = np.array([0, apart / (count - 1)])
        return [first + k * step + rng.normal(0, (k > 0) * 2.0, 2) for k in range(count)]
    if kind == 2:
        angle = rng.uniform(30, 60)
        return [through(centre, a, height * rng.uniform(1.0, 1.4), rng) for a in (angle, -angle)]
    return [_zigzag(rng, (x, y, wide * rng.uniform(0.9, 1.3), height), dense=bool(kind == 4))]


def _second(rng: Generator, pen: Pen) -> Pen:
    """The pen of a change: half the time the same."""
    if rng.random() < 0.5:
        return Pen(pen.half * float(rng.uniform(0.9, 1.25)), pen.edge, pen.black)
    return any_pen(rng)


def struck(image: Image, digit: int, beside: Image, rng: Generator) -> Ink:
    """A digit struck out by lines, a cross, or a scribble; at times a small one beside it."""
    pen = any_pen(rng)
    ink = drawn(image, rng, pen)
    box = extent(ink)
    ink = np.maximum(ink, lines(_strikes(rng, box, digit), _second(rng, pen)))
    if rng.random() < 0.3:
        small = drawn(beside, rng, pen, 2.6)
        scale, side = rng.uniform(0.35, 0.6), rng.uniform(-0.6, 1.0) * box[2]
        x, y = box[0] + side - scale * MIDDLE, box[1] - rng.uniform(0.4, 0.7) * box[3]
        matrix = np.array([[scale, 0, x], [0, scale, y - scale * MIDDLE]])
        small = cv2.warpAffine(small, matrix, (CANVAS, CANVAS), flags=cv2.INTER_AREA)
        ink = np.maximum(ink, small)
    return ink


def _fitted(ink: Ink, box, rng: Generator) -> Ink:
    """Ink moved and stretched to about the place and height of a box."""
    x, y, _, height = box
    x0, y0, _, height0 = extent(ink)
    scale = np.clip(height / max(height0, 1) * rng.uniform(0.92, 1.15), 0.6, 1.6)
    move = rng.normal(0, 0.05 * height, 2)
    matrix = np.array([[scale, 0, x - scale * x0 + move[0]], [0, scale, y - scale * y0 + move[1]]])
    return cv2.warpAffine(ink, matrix, (CANVAS, CANVAS), flags=cv2.INTER_LINEAR)


def overwritten(under: Image, over: Image, rng: Generator) -> Ink:
    """A digit with another one over it, by the same or another pen."""
    pen = any_pen(rng)
    first = drawn(under, rng, pen)
    if rng.random() < 0.15:
        # Rubbed out or whitened, and not quite.
        first = first * np.float32(rng.uniform(0.4, 0.8))
    second = _fitted(drawn(over, rng, _second(rng, pen)), extent(first), rng)
    return np.maximum(first, second)


def ruined(images: list[Image], rng: Generator) -> Ink:
    """What no one can read: a smear, several digits in one box, a tangle, a fragment, a blot."""
    kind = rng.choice(5, p=(0.2, 0.45, 0.17, 0.05, 0.13))
    pen = any_pen(rng)
    if kind == 1:
        return _squeezed(images[: int(rng.integers(2, 4))], rng, pen)
    if kind == 2:
        points = MIDDLE + np.cumsum(rng.normal(0, 9, (int(rng.integers(8, 20)), 2)), axis=0)
        centre = points.mean(axis=0) - MIDDLE
        return lines([np.clip(points - centre, 14, CANVAS - 14)], pen)
    ink = drawn(images[0], rng, pen)
    if kind == 0:
        size = int(rng.integers(19, 37))
        kernel = np.zeros((size, size), np.float32)
        turn = np.deg2rad(rng.uniform(0, 180))
        step = np.array([np.cos(turn), np.sin(turn)]) * size / 2
        ends = np.round(np.array([size / 2 - step, size / 2 + step])).astype(int)
        cv2.line(kernel, tuple(ends[0]), tuple(ends[1]), 1.0, int(rng.integers(1, 4)))
        smear = cv2.filter2D(ink, -1, kernel / max(float(kernel.sum()), 1))
        return np.clip(smear * np.float32(rng.uniform(1.2, 2.2)), 0, 1).astype(np.float32)
    x, y, _, height = extent(ink)
    if kind == 3:
        # Less than a third of a digit: one corner of it.
        keep = np.zeros_like(ink)
        far_x, far_y = rng.choice((0, 1), 2)
        cols = slice(int(x), CANVAS) if far_x else slice(0, int(x))
        cut = int(y + rng.uniform(0, 0.2) * height * (1 if far_y else -1))
        keep[slice(cut, CANVAS) if far_y else slice(0, cut), cols] = 1
        return ink * keep
    spot = Pen(float(rng.uniform(0.2, 0.4)) * height, 3.0, pen.black)
    place = through((x, y), rng.uniform(0, 180), 0.3 * height, rng)
    return np.maximum(ink, lines([place], spot))


def _squeezed(images: list[Image], rng: Generator, pen: Pen) -> Ink:
    """Two or three digits side by side in one box."""
    ink = np.zeros((CANVAS, CANVAS), np.float32)
    count = len(images)
    narrow = rng.uniform(0.5, 0.75) if count == 2 else rng.uniform(0.38, 0.5)
    high = narrow if rng.random() < 0.4 else rng.uniform(0.55, 0.95)
    step = CANVAS * narrow * rng.uniform(0.4, 0.62)
    for k, image in enumerate(images):
        one = drawn(image, rng, pen, 2.6)
        x = MIDDLE + (k - (count - 1) / 2) * step
        matrix = np.array([[narrow, 0, x - narrow * MIDDLE], [0, high, MIDDLE * (1 - high)]])
        one = cv2.warpAffine(one, matrix, (CANVAS, CANVAS), flags=cv2.INTER_AREA)
        ink = np.maximum(ink, one)
    return ink


def residue(rng: Generator) -> Ink:
    """An empty box: what little of lines and dust may be left is for `worn` to add."""
    ink = np.zeros((CANVAS, CANVAS), np.float32)
    if rng.random() < 0.4:
        frame(ink, rng, int(rng.integers(2, 4)))
        return ink
    pen = Pen(float(rng.uniform(0.5, 1.3)), 1.5, float(rng.uniform(0.3, 1)))
    pieces: list[NDArray[np.float64]] = []
    for k in range(int(rng.integers(2, 5))):
        # Pieces of a frame: short, straight, upright or level, at the edge. One alone would be no
        # other glyph than that of a 1 or a dash.
        far = rng.uniform(4, 16) if rng.random() < 0.5 else CANVAS - rng.uniform(4, 16)
        start, long = rng.uniform(5, 75), rng.uniform(1, 26)
        ends = np.array([[start, far], [min(start + long, 92), far]])
        pieces.append(ends if k % 2 else ends[:, ::-1])
    return np.maximum(ink, lines(pieces, pen))


def flagged(rng: Generator) -> Ink:
    """A 1 as many countries write it: a stroke up before the stem, at times a foot."""
    pen, height, slant = any_pen(rng), rng.uniform(38, 66), rng.normal(8, 8)
    foot = about(rng) + np.array([0, height / 2])
    lean = np.array([np.tan(np.deg2rad(slant)), -1.0]) * height
    top = foot + lean
    flag = np.deg2rad(rng.uniform(28, 62))
    long = height * rng.uniform(0.2, 0.5)
    start = top + np.array([-np.sin(flag), np.cos(flag)]) * long
    made = [path(tuple(start), tuple(top), rng, 0.04), path(tuple(top), tuple(foot), rng, 0.03)]
    if rng.random() < 0.3:
        made.append(through(foot, rng.normal(0, 5), height * rng.uniform(0.25, 0.55), rng))
    return lines(made, pen)


def barred(image: Image, rng: Generator) -> Ink:
    """A 7 with the short bar across its stem."""
    pen = any_pen(rng)
    ink = drawn(image, rng, pen)
    _, y, width, height = extent(ink)
    at = y + height * rng.uniform(-0.08, 0.14)
    row = ink[int(np.clip(at, 0, CANVAS - 1))]
    there = np.flatnonzero(row > 0.25)
    if not len(there):
        return ink
    bar = through((there[-1] - 1.0, at), rng.normal(3, 9), width * rng.uniform(0.35, 0.7), rng)
    return np.maximum(ink, lines([bar], pen))


def slashed(image: Image, rng: Generator) -> Ink:
    """A 0 with the stroke within that tells it from the letter."""
    pen = any_pen(rng)
    ink = drawn(image, rng, pen)
    x, y, width, height = extent(ink)
    slope = np.rad2deg(np.arctan2(height, max(width, 1)))
    long = float(np.hypot(width, height)) * rng.uniform(0.55, 0.85)
    return np.maximum(ink, lines([through((x, y), slope, long, rng)], pen))
