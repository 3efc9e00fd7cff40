"""Pens: width, colour and flow, drawn for a sheet or a centre and never for a writer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_KINDS = {
    # share, width in mm (mean, spread), opacity, unevenness, softness in mm
    "ballpoint": (0.55, 0.46, 0.07, 0.86, 0.30, 0.03),
    "gel": (0.2, 0.55, 0.08, 0.95, 0.10, 0.02),
    "fineliner": (0.15, 0.5, 0.08, 0.93, 0.08, 0.04),
    "felt": (0.1, 0.9, 0.12, 0.9, 0.12, 0.09),
}
_INKS = {"blue": (35, 50, 140), "black": (32, 32, 38), "dark blue": (30, 36, 90)}


@dataclass(frozen=True, slots=True)
class Pen:
    """A pen.

    Attributes
    ----------
    kind, ink : names
    width : of its line, in millimetres
    colour : red, green, blue
    opacity : of a line at full flow, 0 to 1
    grain : how uneven width and flow are
    soft : how far the ink spreads into the paper, in millimetres
    """

    kind: str
    ink: str
    width: float
    colour: tuple[int, int, int]
    opacity: float
    grain: float
    soft: float


def draw_pen(rng: np.random.Generator) -> Pen:
    """A pen as they lie on a table."""
    kind = str(rng.choice(list(_KINDS), p=[entry[0] for entry in _KINDS.values()]))
    _, width, spread, opacity, grain, soft = _KINDS[kind]
    ink = str(rng.choice(list(_INKS), p=[0.5, 0.35, 0.15]))
    shade = rng.normal(0, 8, 3)
    r, g, b = (int(np.clip(c + d, 5, 190)) for c, d in zip(_INKS[ink], shade, strict=True))
    return Pen(
        kind=kind,
        ink=ink,
        width=float(np.clip(rng.normal(width, spread), 0.28, 1.3)),
        colour=(r, g, b),
        opacity=float(np.clip(rng.normal(opacity, 0.04), 0.6, 1)),
        grain=grain * float(rng.uniform(0.6, 1.4)),
        soft=soft * float(rng.uniform(0.7, 1.5)),
    )


@dataclass(frozen=True, slots=True)
class Ease:
    """How evenly a sheet is filled: of the sheet, not of who writes.

    Attributes
    ----------
    size : height of a digit, as a share of the box
    vary : spread of sizes, as a share
    place : spread of places, as a share of the box
    turn : spread of turns, in degrees
    """

    size: float
    vary: float
    place: float
    turn: float


def draw_ease(rng: np.random.Generator) -> Ease:
    """Between careful and hasty."""
    haste = float(rng.beta(1.5, 3))
    return Ease(
        size=float(rng.uniform(0.6, 0.84)),
        vary=0.05 + 0.07 * haste,
        place=0.03 + 0.07 * haste,
        turn=1.0 + 3.0 * haste,
    )
