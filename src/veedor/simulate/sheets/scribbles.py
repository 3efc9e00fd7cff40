"""Writing that says nothing: names, signatures, fingerprints, numbers in words, stamps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Place = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Style:
    """How somebody writes words: height and width of letters, as shares, and slant."""

    body: float
    step: float
    slant: float


def draw_style(rng: np.random.Generator) -> Style:
    """Somebody's way of writing words."""
    return Style(
        body=float(rng.uniform(0.22, 0.34)),
        step=float(rng.uniform(0.55, 0.85)),
        slant=float(rng.normal(0.25, 0.2)),
    )


def words(place: Place, rng: np.random.Generator, style: Style) -> list[Points]:
    """Loops and downstrokes in the rhythm of joined letters, as strokes in millimetres.

    Parameters
    ----------
    place : left, top, width, height
    """
    left, top, width, height = place
    body = min(height * style.body, 2.2)
    step = body * style.step
    count = max(min(int(rng.integers(9, 22)), int(0.92 * width / step) - 1), 2)
    base = top + height * float(rng.uniform(0.62, 0.72))
    x = left + 0.04 * width
    found: list[Points] = []
    word: list[tuple[float, float]] = []
    for _ in range(count):
        tall = body * float(rng.choice([1, 2.0, -1.7], p=[0.75, 0.17, 0.08]))
        wide = step * float(rng.uniform(0.7, 1.25))
        up = -tall * float(rng.uniform(0.85, 1.1))
        lean = style.slant * up
        word += [
            (x, base),
            (x + 0.35 * wide - 0.5 * lean, base + up * 0.55),
            (x + 0.75 * wide - lean, base + up),
            (x + 0.5 * wide - 0.6 * lean, base + up * 0.5),
            (x + 0.7 * wide, base - 0.03 * body),
        ]
        x += wide
        if rng.random() < 0.14:
            found.append(_curve(np.array(word)))
            word, x = [], x + step
    if len(word) > 2:
        found.append(_curve(np.array(word)))
    return found


def signature(place: Place, rng: np.random.Generator) -> list[Points]:
    """A flourish, as strokes in millimetres."""
    left, top, width, height = place
    count = int(rng.integers(9, 18))
    t = np.linspace(0, 1, count)
    x = left + width * (0.12 + 0.7 * t + rng.normal(0, 0.06, count))
    y = top + height * (0.5 + rng.normal(0, 0.26, count) * (1.1 - 0.6 * t))
    found = [_curve(np.column_stack([x, y]))]
    if rng.random() < 0.6:
        ends = np.array([[0.1, 0.75], [0.5, 0.68], [0.95, 0.6]]) + rng.normal(0, 0.06, (3, 2))
        found.append(_curve(np.array([left, top]) + ends * [width, height]))
    return found


def _curve(points: Points, steps: int = 6) -> Points:
    p = np.vstack([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    pieces = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                    + (3 * b - a - 3 * c + d) * t**3)  # fmt: skip
    found: Points = np.vstack([pieces.reshape(-1, 2), points[-1:]])
    return found


def fingerprint(width: int, height: int, rng: np.random.Generator) -> Floats:
    """(height, width) of ink, 0 to 1: ridges in an oval."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cx, cy = width * rng.uniform(0.42, 0.58), height * rng.uniform(0.42, 0.6)
    u, v = (x - cx) / (0.42 * width), (y - cy) / (0.45 * height)
    coarse = rng.standard_normal((5, 5)).astype(np.float32)
    warp = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    away = np.hypot(u * 1.2, v + 0.25 * u * u)
    ridges: Floats = 0.5 + 0.5 * np.sin(2 * np.pi * (away * rng.uniform(7, 10) + 0.45 * warp))
    inside = np.clip((1 - np.hypot(u, v)) * 6, 0, 1)
    found: Floats = (inside * ridges * np.clip(0.75 + 0.35 * warp, 0.15, 1)).astype(np.float32)
    return found


def stamp(size: int, rng: np.random.Generator) -> Floats:
    """(size, size) of ink, 0 to 1: a round seal with rings and illegible letters."""
    canvas = np.zeros((size, size), dtype=np.uint8)
    middle, radius = size // 2, int(size * 0.46)
    pen = max(size // 60, 1)
    for share in (1.0, 0.93, 0.6):
        cv2.circle(canvas, (middle, middle), int(radius * share), 255, pen, cv2.LINE_AA)
    for angle in np.arange(0, 2 * np.pi, 0.2):
        if rng.random() < 0.85:
            direction = np.array([np.cos(angle), np.sin(angle)])
            side = np.array([-direction[1], direction[0]])
            inner = middle + direction * radius * 0.68 + side * rng.normal(0, size * 0.012)
            outer = middle + direction * radius * 0.85 + side * rng.normal(0, size * 0.012)
            ends = [tuple(int(v) for v in np.round(end)) for end in (inner, outer)]
            cv2.line(canvas, ends[0], ends[1], 255, pen, cv2.LINE_AA)
    for row in (-0.16, 0.0, 0.16):
        y = int(middle + row * size)
        half = int(size * 0.2)
        cv2.line(canvas, (middle - half, y), (middle + half, y), 255, pen, cv2.LINE_AA)
    worn = cv2.resize(rng.random((9, 9)).astype(np.float32), (size, size))
    ink = canvas.astype(np.float32) / 255 * np.clip(0.2 + 1.2 * worn, 0, 1)
    return np.asarray(ink, dtype=np.float32)
