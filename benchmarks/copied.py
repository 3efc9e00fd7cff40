"""Digits as copiers and telephones give them: a family of conditions that no model was taught."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training import pens
from veedor.images.glyph import SIDE, normalise

__all__ = ["Copier", "draw_copier", "render"]

DOTS = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 + 1 / 32
"""Thresholds of an ordered dither (Bayer 1973)."""


@dataclass(frozen=True, slots=True)
class Copier:
    """What all digits of one sheet go through.

    Attributes
    ----------
    pen : half the change of stroke width, in pixels of the 28 x 28 digit
    size : height of the digit in dots
    tilt : perspective, as change of width from top to bottom
    bend : pixels of the digit by which paper that does not lie flat moves lines
    dither : printed in dots
    quality : of JPEG
    """

    pen: float
    size: float
    tilt: float
    bend: float
    dither: bool
    quality: int


def draw_copier(rng: np.random.Generator) -> Copier:
    """A copier at random."""
    return Copier(
        pen=float(rng.uniform(-0.3, 0.9)),
        size=float(rng.uniform(20, 40)),
        tilt=float(rng.normal(0, 0.05)),
        bend=float(rng.uniform(0, 0.5)),
        dither=bool(rng.random() < 0.4),
        quality=int(rng.integers(20, 60)),
    )


def render(
    depth: NDArray[np.float32], copiers: list[Copier], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Glyphs of digits, each through its copier: (n, SIDE, SIDE) uint8."""
    found = np.zeros((len(depth), SIDE, SIDE), dtype=np.uint8)
    for i, (one, copier) in enumerate(zip(depth, copiers, strict=True)):
        glyph = _copied(one, copier, rng)
        if glyph is None:
            glyph = pens.render(one, pens.plain(), rng)
        if glyph is not None:
            found[i] = glyph
    return found


def _copied(
    depth: NDArray[np.float32], copier: Copier, rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    side = round(28 * copier.size / 20)
    y, x = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    wave = copier.bend / 14 * np.sin(np.pi * y + rng.uniform(0, 6))
    half = depth.shape[0] / 2
    at = [(half * (1 + v)).astype(np.float32) for v in (x * (1 + copier.tilt * y) + wave, y)]
    placed = cv2.remap(depth, at[0], at[1], cv2.INTER_LINEAR, borderValue=-8.0)
    ink = np.clip((placed + copier.pen) * copier.size / 20 + 0.5, 0, 1)
    if copier.dither:
        tiled = np.tile(DOTS, (side // 4 + 1, side // 4 + 1))[:side, :side]
        ink = cv2.GaussianBlur((0.85 * ink > tiled).astype(np.float32), (0, 0), 0.9)
    grey = np.round(235 - 190 * ink).astype(np.uint8)
    data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, copier.quality])[1]
    back = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.float32)
    return normalise(np.clip((215 - back) / 150, 0, 1).astype(np.float32))
