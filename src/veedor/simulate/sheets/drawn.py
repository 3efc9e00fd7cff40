"""Hands drawn by the project: digits from lines of their own, so that no data are needed.

Each digit has one or more shapes of control points. A writer has a slant, a width, a warp of the
plane for all digits and one for each, and prefers one shape of each digit; every digit written is
warped a little again.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.simulate.election import generator
from veedor.simulate.sheets.hands import ENLARGED, DigitImage, Ints

Points = NDArray[np.float64]
Shape = tuple[tuple[tuple[float, float], ...], ...]

SIDE = 28 * ENLARGED
BODY = 18 * ENLARGED
"""Pixels of the picture's side, and of the longer side of the digit within."""

SHAPES: dict[int, tuple[Shape, ...]] = {
    0: (
        (((0.32, 0), (0.14, 0.09), (0.03, 0.3), (0, 0.55), (0.06, 0.8), (0.18, 0.96), (0.34, 1),
          (0.5, 0.93), (0.61, 0.74), (0.64, 0.5), (0.6, 0.24), (0.5, 0.07), (0.32, 0)),),
        (((0.48, 0.06), (0.34, 0), (0.14, 0.12), (0.02, 0.42), (0.04, 0.76), (0.2, 0.97),
          (0.4, 0.97), (0.57, 0.8), (0.65, 0.5), (0.61, 0.2), (0.46, 0.04), (0.3, 0.06)),),
        (((0.32, 0), (0.14, 0.09), (0.03, 0.3), (0, 0.55), (0.06, 0.8), (0.18, 0.96), (0.34, 1),
          (0.5, 0.93), (0.61, 0.74), (0.64, 0.5), (0.6, 0.24), (0.5, 0.07), (0.32, 0)),
         ((0.62, 0.08), (0.02, 0.94))),
    ),
    1: (
        (((0.1, 0), (0.1, 0.5), (0.1, 1)),),
        (((0, 0.22), (0.12, 0.12), (0.22, 0)), ((0.22, 0), (0.22, 0.5), (0.22, 1))),
        (((0, 0.24), (0.16, 0.14), (0.28, 0)), ((0.28, 0), (0.28, 0.5), (0.28, 1)),
         ((0.06, 1), (0.28, 0.99), (0.52, 1))),
    ),
    2: (
        (((0.02, 0.22), (0.14, 0.03), (0.4, 0), (0.58, 0.16), (0.54, 0.4), (0.3, 0.7), (0, 1)),
         ((0, 1), (0.3, 0.97), (0.66, 0.99))),
        (((0.02, 0.25), (0.16, 0.04), (0.42, 0.02), (0.56, 0.2), (0.46, 0.5), (0.2, 0.88),
          (0.05, 0.98), (0.0, 0.86), (0.14, 0.8), (0.36, 0.92), (0.68, 0.94)),),
    ),
    3: (
        (((0.02, 0.1), (0.24, 0), (0.5, 0.08), (0.52, 0.3), (0.22, 0.46)),
         ((0.22, 0.46), (0.54, 0.56), (0.58, 0.82), (0.3, 1), (0, 0.9))),
        (((0.04, 0.02), (0.3, 0.0), (0.56, 0.01)), ((0.56, 0.01), (0.4, 0.2), (0.24, 0.38)),
         ((0.24, 0.38), (0.54, 0.48), (0.58, 0.78), (0.3, 1), (0, 0.9))),
    ),
    4: (
        (((0.08, 0), (0.06, 0.26), (0, 0.56)), ((0, 0.56), (0.3, 0.54), (0.64, 0.52)),
         ((0.5, 0.08), (0.48, 0.5), (0.44, 1))),
        (((0.46, 0), (0.24, 0.3), (0, 0.64)), ((0, 0.64), (0.34, 0.64), (0.68, 0.62)),
         ((0.46, 0), (0.46, 0.5), (0.46, 1))),
    ),
    5: (
        (((0.1, 0.02), (0.08, 0.2), (0.04, 0.42)),
         ((0.04, 0.42), (0.3, 0.34), (0.54, 0.52), (0.54, 0.82), (0.28, 1), (0, 0.9)),
         ((0.1, 0.02), (0.34, 0.02), (0.58, 0))),
        (((0.56, 0), (0.34, 0.02), (0.14, 0.04)), ((0.14, 0.04), (0.1, 0.24), (0.08, 0.44)),
         ((0.08, 0.44), (0.36, 0.4), (0.56, 0.62), (0.46, 0.92), (0.2, 1), (0, 0.94))),
    ),
    6: (
        (((0.46, 0), (0.18, 0.2), (0.02, 0.56), (0.1, 0.9), (0.36, 1), (0.56, 0.82), (0.46, 0.58),
          (0.22, 0.56), (0.04, 0.74)),),
        (((0.2, 0), (0.06, 0.34), (0.02, 0.7), (0.18, 0.98), (0.44, 0.94), (0.52, 0.72),
          (0.36, 0.56), (0.12, 0.64), (0.03, 0.76)),),
    ),
    7: (
        (((0, 0.04), (0.3, 0.02), (0.58, 0)), ((0.58, 0), (0.36, 0.46), (0.22, 1))),
        (((0, 0.04), (0.3, 0.02), (0.58, 0)), ((0.58, 0), (0.36, 0.46), (0.22, 1)),
         ((0.16, 0.5), (0.36, 0.48), (0.56, 0.46))),
        (((0.02, 0.16), (0.02, 0.02)), ((0.02, 0.02), (0.3, 0.03), (0.58, 0)),
         ((0.58, 0), (0.42, 0.4), (0.32, 1))),
    ),
    8: (
        (((0.5, 0.14), (0.28, 0), (0.06, 0.16), (0.22, 0.42), (0.5, 0.66), (0.5, 0.9), (0.26, 1),
          (0.02, 0.86), (0.12, 0.6), (0.4, 0.4), (0.52, 0.16)),),
        (((0.28, 0.48), (0.06, 0.3), (0.1, 0.06), (0.32, 0), (0.5, 0.16), (0.42, 0.4), (0.28, 0.48),
          (0.04, 0.68), (0.06, 0.92), (0.3, 1), (0.54, 0.88), (0.5, 0.62), (0.28, 0.48)),),
    ),
    9: (
        (((0.5, 0.16), (0.3, 0), (0.06, 0.12), (0.06, 0.38), (0.28, 0.48), (0.48, 0.3),
          (0.5, 0.16)), ((0.5, 0.16), (0.5, 0.5), (0.46, 1))),
        (((0.52, 0.14), (0.28, 0), (0.04, 0.16), (0.1, 0.42), (0.36, 0.44), (0.52, 0.14)),
         ((0.52, 0.14), (0.54, 0.6), (0.42, 0.92), (0.2, 1), (0.04, 0.9))),
    ),
}  # fmt: skip
"""Lines of each digit, in units of its height, `y` down; curves run through their points."""


class DrawnHand:
    """A writer who exists only here, and never runs out of digits.

    Parameters
    ----------
    number, seed : the same two give the same writer
    """

    kind = "drawn"

    def __init__(self, number: int, seed: int = 0) -> None:
        self.id = f"drawn-{number}"
        rng = generator(seed, "drawn hand", number)
        self._taken = 0
        self._slant = 0.12 + 0.16 * rng.standard_normal()
        self._width = float(np.exp(0.16 * rng.standard_normal()))
        self._loose = 0.012 * float(np.exp(0.3 * rng.standard_normal()))
        self._common = 0.035 * rng.standard_normal((2, len(_terms(np.zeros((1, 2)))[0])))
        self._own = 0.03 * rng.standard_normal((10, *self._common.shape))
        weights = rng.gamma(0.35, size=(10, 3)) * (1, 1, 0.5) + 1e-6
        weights[0, 2] *= 0.3
        self._prefers = [weights[d, : len(SHAPES[d])] / weights[d, : len(SHAPES[d])].sum()
                         for d in range(10)]  # fmt: skip

    def left(self) -> Ints:
        """(10,) of more than any sheet asks for."""
        return np.full(10, 1_000_000, dtype=np.int64)

    def take(self, digit: int, rng: np.random.Generator) -> DigitImage:
        """A digit as this writer writes it, a little different each time."""
        self._taken += 1
        shape = int(rng.choice(len(self._prefers[digit]), p=self._prefers[digit]))
        warp = self._common + self._own[digit]
        warp = warp + self._loose * rng.standard_normal(warp.shape)
        slant = self._slant + 0.03 * rng.standard_normal()
        curves = [self._placed(c, warp, slant) for c in _curves(digit, shape)]
        everything = np.concatenate(curves)
        low, high = everything.min(axis=0), everything.max(axis=0)
        scale = BODY / max(float((high - low).max()), 1e-6)
        middle = (low + high) / 2
        canvas = np.full((SIDE, SIDE), 255, dtype=np.uint8)
        for curve in curves:
            points = np.round(((curve - middle) * scale + SIDE / 2) * 16).astype(np.int32)
            cv2.polylines(canvas, [points], False, 0, 1, cv2.LINE_8, 4)
        distance = np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 5), dtype=np.float32)
        (left, top), (right, bottom) = ((low - middle) * scale, (high - middle) * scale)
        half = SIDE / 2
        key = f"{self.id}/{self._taken}"
        box = (left + half, top + half, right + half, bottom + half)
        return DigitImage(digit, key, distance, box)

    def _placed(self, curve: Points, warp: Points, slant: float) -> Points:
        moved = curve + _terms(curve) @ warp.T
        x = (moved[:, 0] - 0.3) * self._width - slant * (moved[:, 1] - 0.5)
        return np.column_stack([x, moved[:, 1]])


def drawn_hands(count: int, seed: int = 0) -> tuple[DrawnHand, ...]:
    """As many different writers."""
    return tuple(DrawnHand(number, seed) for number in range(count))


def _terms(points: Points) -> Points:
    """(n, 7) smooth functions of the place, each at most about one in size."""
    x, y = 3 * points[:, 0] - 1, 2 * points[:, 1] - 1
    return np.column_stack(
        [x * y, x**2 - 0.5, y**2 - 0.5, y**3 - y, np.sin(2 * y), np.sin(2 * x), x * y**2]
    )


@functools.cache
def _curves(digit: int, shape: int) -> tuple[Points, ...]:
    return tuple(_smooth(np.array(line, dtype=np.float64)) for line in SHAPES[digit][shape])


def _smooth(points: Points, steps: int = 10) -> Points:
    """A centripetal-like Catmull-Rom curve through points; ends are repeated."""
    if len(points) < 3:
        t = np.linspace(0, 1, steps + 1)[:, None]
        found: Points = points[0] + t * (points[-1] - points[0])
        return found
    closed = bool((points[0] == points[-1]).all())
    before, after = (points[-2], points[1]) if closed else (points[0], points[-1])
    p = np.vstack([before, points, after])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
               + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]  # fmt: skip
    return np.vstack([*pieces, points[-1:]])
