"""Digits as other pens and scanners would have given them.

A digit of 28 x 28 pixels becomes a smooth picture of how far each point lies inside the stroke;
from it, any pen width can be drawn at any resolution. Two digits that differ in nothing but this
are of one writer for certain, which is what the embedding is to learn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.ink import CANVAS, GOOD, USABLE, Wear, worn
from veedor.images.glyph import SIDE, normalise

__all__ = ["Condition", "depths", "draw_condition", "draw_worn", "plain", "render", "render_all"]

FINE = 4
"""Fine pixels in one pixel of the digit."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A pen, a sheet and a scanner: what all digits of one sheet share.

    Attributes
    ----------
    turn : degrees
    loose : spread of turns from digit to digit, in degrees
    shear, stretch : of x by y, of x against y
    pen : half the change of stroke width, in pixels of the 28 x 28 digit
    size : height of the digit in pixels of the scan
    blur : sigma in pixels of the scan
    gain : darkness of full ink
    uneven : how much the ink varies along the stroke
    noise : sigma of the scanner's noise, 1 = black against white
    cut : threshold of a bitonal scan; 0 keeps greys
    wear : what else befalls each box by itself (`training.ink.worn`); None for nothing
    """

    turn: float = 0.0
    loose: float = 0.0
    shear: float = 0.0
    stretch: float = 1.0
    pen: float = 0.0
    size: float = 40.0
    blur: float = 0.5
    gain: float = 1.0
    uneven: float = 0.0
    noise: float = 0.0
    cut: float = 0.0
    wear: Wear | None = None


def plain() -> Condition:
    """The digit as it is."""
    return Condition()


def draw_condition(rng: np.random.Generator) -> Condition:
    """A condition at random."""
    return Condition(
        turn=float(rng.normal(0, 1.0)),
        loose=float(rng.choice([0.3, 1.0, 2.5])),
        shear=float(rng.normal(0, 0.03)),
        stretch=float(np.exp(rng.normal(0, 0.03))),
        pen=float(np.clip(rng.normal(0.15, 0.4), -0.45, 1.1)),
        size=float(np.exp(rng.uniform(np.log(22), np.log(64)))),
        blur=float(rng.uniform(0.35, 1.2)),
        gain=float(rng.uniform(0.45, 1.0)),
        uneven=float(rng.choice([0.0, 0.08, 0.16])),
        noise=float(rng.uniform(0, 0.06)),
        cut=float(rng.uniform(0.35, 0.6) if rng.random() < 0.3 else 0.0),
    )


def draw_worn(rng: np.random.Generator) -> Condition:
    """A condition in which boxes are scanned as finely as they are cut, and then suffer."""
    first = draw_condition(rng)
    wear = (GOOD, USABLE)[int(rng.random() < 0.5)]
    size = float(rng.uniform(38, 62))
    return replace(first, size=size, blur=0.6, noise=0.0, cut=0.0, wear=wear)


def depths(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How deep each fine point lies in the stroke, in pixels of the digit; negative outside.

    Parameters
    ----------
    images : (n, 28, 28) uint8, 0 paper to 255 ink

    Returns
    -------
    (n, 28 FINE, 28 FINE) float32
    """
    found = np.empty((len(images), 28 * FINE, 28 * FINE), dtype=np.float32)
    for i, image in enumerate(images):
        large = cv2.resize(
            image.astype(np.float32), (28 * FINE, 28 * FINE), interpolation=cv2.INTER_CUBIC
        )
        large = cv2.GaussianBlur(large, (0, 0), 0.45 * FINE)
        black = (large > 110).astype(np.uint8)
        inside = cv2.distanceTransform(black, cv2.DIST_L2, 5)
        outside = cv2.distanceTransform(1 - black, cv2.DIST_L2, 5)
        found[i] = cv2.GaussianBlur(inside - outside, (0, 0), 1.0) / FINE
    return found


def render(
    depth: NDArray[np.float32], condition: Condition, rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    """One glyph in a condition; None where no ink is left."""
    scale = condition.size / 20 / FINE
    side = int(np.ceil(28 * FINE * scale)) + 8
    side = max(side, CANVAS) if condition.wear else side
    angle = np.deg2rad(condition.turn + rng.normal(0, condition.loose))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[condition.stretch, condition.shear], [0, 1 / condition.stretch]])
    matrix = scale * turn @ shear
    middle = 14 * FINE - 0.5
    shift = side / 2 - 0.5 + rng.uniform(-0.5, 0.5, 2) - matrix @ [middle, middle]
    placed = cv2.warpAffine(
        depth, np.column_stack([matrix, shift]), (side, side),
        flags=cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA,
        borderMode=cv2.BORDER_CONSTANT, borderValue=-8.0,
    )  # fmt: skip
    pen = condition.pen + rng.normal(0, 0.05)
    ink = np.clip((placed + pen) * condition.size / 20 + 0.5, 0, 1)
    if condition.uneven:
        rough = cv2.resize(rng.normal(0, condition.uneven, (5, 5)), (side, side),
                           interpolation=cv2.INTER_CUBIC)  # fmt: skip
        ink = ink * np.clip(1 + rough, 0.3, 1.2)
    ink = cv2.GaussianBlur(ink, (0, 0), condition.blur) * condition.gain
    if condition.wear:
        return worn(ink.astype(np.float32), rng, condition.wear)
    ink = ink + rng.normal(0, condition.noise, ink.shape)
    return normalise(_taken(ink, condition).astype(np.float32))


def _taken(ink: NDArray[np.float64], condition: Condition) -> NDArray[np.float64]:
    """Ink as a reader takes it off the scan: bitonal, or stretched to black and freed of noise."""
    if condition.cut:
        return (ink > condition.cut * condition.gain).astype(np.float64)
    full = max(float(np.quantile(ink, 0.995)), 0.1)
    return np.clip((ink / full - 0.15) / 0.75, 0, 1)


def render_all(
    depth: NDArray[np.float32], conditions: list[Condition], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Glyphs of digits, each in its own condition; one that loses its ink is drawn plainly.

    Returns
    -------
    (n, SIDE, SIDE) uint8
    """
    found = np.zeros((len(depth), SIDE, SIDE), dtype=np.uint8)
    for i, (one, condition) in enumerate(zip(depth, conditions, strict=True)):
        glyph = render(one, condition, rng)
        if glyph is None:
            glyph = render(one, plain(), rng)
        if glyph is not None:
            found[i] = glyph
    return found
