"""Whether a scan can be read, by what reading needs: enough pixels, sharp and dark enough strokes.

`unreadable` is not read at all; `usable` is read with the caution of poor scans (see
`veedor.images.reader`); the reasons say in words what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.paper import coarse_background, grey_of
from veedor.images.sheet import Quality, Registration
from veedor.images.template import Template

__all__ = ["judge"]

FEW_PIXELS = (3.4, 5.5)
"""Pixels per millimetre below which a scan is unreadable, and below which it is usable: a pen's
stroke of half a millimetre then has less than two pixels, or less than three (86 and 140 dots an
inch)."""
BLUR = (0.95, 0.5)
"""Millimetres in which print turns from paper to black: beyond the first the loops of a digit in a
box of 6 mm close, beyond the second its corners are round. A good scan at 200 dpi has 0.25."""
PALE = (55, 105)
"""Darkness of the print, of 255, below which faint strokes drown in grain."""
UNEVEN = (0.25, 0.5)
"""Light in the darkest over that in the brightest part of the page: a camera's grey levels and its
noise reduction leave little in a shadow."""
DIM = (35, 80)
"""Brightness of the paper, of 255."""
TWO_TONES = 0.985
"""Share of pixels that are black or white, of a scan in two tones."""
DOTS = 0.05
"""Share of black pixels that are dots, of a scan in halftone: greys are made of dots that look like
strokes, and readers err on them with confidence (43 of 56 digits right on real ones)."""
LARGEST_DOT = 8
"""Pixels of a dot of halftone."""
TILE = 192
"""Pixels of the side of the pieces of a scan that are looked at."""
LONG_SIDE = 297.0
"""Millimetres that the longer side of a picture is taken for, before its form is known."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A measure with the values below which a scan is unreadable and usable, and the words."""

    measure: str
    unreadable: float
    usable: float
    words: str
    above: bool = False

    def grade(self, value: float) -> int:
        """0 good, 1 usable, 2 unreadable; what could not be measured is no reason."""
        sign = -1 if self.above else 1
        if not np.isfinite(value) or sign * value >= sign * self.usable:
            return 0
        return 1 if sign * value >= sign * self.unreadable else 2


_RULES = (
    _Rule("pixels_per_mm", *FEW_PIXELS, "has few pixels ({0:.1f} per millimetre)"),
    _Rule("edge_mm", *BLUR, "is blurred (print fades over {0:.2f} mm)", above=True),
    _Rule("print", *PALE, "is pale (print of darkness {0:.0f} of 255)"),
    _Rule("light", *UNEVEN, "is lit unevenly (the darkest part has {0:.0%} of the light)"),
    _Rule("paper", *DIM, "is dark (paper of brightness {0:.0f} of 255)"),
    _Rule("two_tones", 2.0, 0.5, "has two tones, no greys", above=True),
    _Rule("dots", 2.0, DOTS, "is halftone ({0:.0%} of its black are dots)", above=True),
    _Rule(
        "cut_off", 0.5, 1e-9, "is cut off ({0:.0%} of its fields are beyond the edge)", above=True
    ),
)


def judge(
    pixels: NDArray[np.uint8],
    *,
    registration: Registration | None = None,
    template: Template | None = None,
) -> Quality:
    """Grade a scan; by its form, where that was found, else as if a page filled the picture.

    Parameters
    ----------
    pixels : (height, width, 3) uint8, red green blue
    registration, template : both or neither

    Returns
    -------
    The worst grade of all measures, with the reasons of those that are not good.
    """
    grey = grey_of(pixels)
    if registration is not None and template is not None:
        measures, tiles = _of_form(grey, registration, template)
    else:
        measures = {"pixels_per_mm": max(grey.shape) / LONG_SIDE}
        tiles = _spread(grey)
    paper = coarse_background(grey)
    measures |= _of_light(paper, grey.shape, registration, template)
    measures |= _of_print(grey, paper, tiles, measures["pixels_per_mm"])
    grades = [rule.grade(measures.get(rule.measure, np.nan)) for rule in _RULES]
    reasons = tuple(
        rule.words.format(measures[rule.measure])
        for rule, grade in zip(_RULES, grades, strict=True)
        if grade
    )
    worst = ("good", "usable", "unreadable")[max(grades)]
    return Quality(worst, measures, reasons)  # type: ignore[arg-type]


def _of_form(
    grey: NDArray[np.uint8], registration: Registration, template: Template
) -> tuple[dict[str, float], list[tuple[slice, slice]]]:
    """Resolution and completeness, and the pieces of the scan around the fields."""
    boxes, cells = registration.boxes, template.cells
    across = np.hypot(*(boxes[:, 1] - boxes[:, 0]).T) / cells[:, 2]
    low, high = boxes.min(axis=1), boxes.max(axis=1)
    outside = (low < -1).any(axis=1) | (high > np.array(grey.shape[::-1])).any(axis=1)
    fields = np.unique(template.owner[outside])
    measures = {
        "pixels_per_mm": float(np.median(across)),
        "cut_off": len(fields) / len(template.fields),
    }
    middles = boxes.mean(axis=1)[:: max(1, len(boxes) // 16)]
    return measures, _tiles(middles, grey)


def _spread(grey: NDArray[np.uint8]) -> list[tuple[slice, slice]]:
    """Pieces all over the picture."""
    height, width = grey.shape
    x, y = np.meshgrid(np.linspace(0.14, 0.86, 4) * width, np.linspace(0.1, 0.9, 5) * height)
    return _tiles(np.column_stack([x.ravel(), y.ravel()]), grey)


def _tiles(middles: NDArray[np.float64], grey: NDArray[np.uint8]) -> list[tuple[slice, slice]]:
    found = []
    for x, y in np.round(middles - TILE / 2).astype(int):
        top = int(np.clip(y, 0, max(grey.shape[0] - TILE, 0)))
        left = int(np.clip(x, 0, max(grey.shape[1] - TILE, 0)))
        found.append((slice(top, top + TILE), slice(left, left + TILE)))
    return found


def _of_light(
    paper: NDArray[np.uint8],
    shape: tuple[int, ...],
    registration: Registration | None,
    template: Template | None,
) -> dict[str, float]:
    """How bright the paper is, and how evenly."""
    small = cv2.resize(paper, (64, 64), interpolation=cv2.INTER_NEAREST)
    if registration is not None and template is not None:
        page = template.page
        inner = np.array([[5, 5], [page.width - 5, 5], [page.width - 5, page.height - 5],
                          [5, page.height - 5]], dtype=np.float64)  # fmt: skip
        placed = cv2.perspectiveTransform(inner[None], registration.matrix)[0]
        mask = np.zeros((64, 64), np.uint8)
        corners = placed * 64 / np.array(shape[::-1])
        cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
        small = small[mask > 0] if mask.any() else small
    low, middle, high = np.percentile(small, [3, 50, 97])
    if registration is None:
        # A table around the page is no shadow on it.
        return {"paper": float(high)}
    return {"paper": float(middle), "light": float(low / max(high, 1))}


def _of_print(
    grey: NDArray[np.uint8],
    paper: NDArray[np.uint8],
    tiles: list[tuple[slice, slice]],
    scale: float,
) -> dict[str, float]:
    """How dark and how sharp print is, and whether greys are there, over some pieces."""
    seen = [grey[tile] for tile in tiles]
    tones = np.bincount(np.concatenate([piece.ravel() for piece in seen]), minlength=256)
    extreme = float((tones[:24].sum() + tones[232:].sum()) / tones.sum())
    dark = [
        255 - np.minimum(piece * (255 / _paper_at(paper, tile, grey.shape)), 255).astype(np.uint8)
        for piece, tile in zip(seen, tiles, strict=True)
    ]
    shades = np.bincount(np.concatenate([piece.ravel() for piece in dark]), minlength=256)
    black = float(np.searchsorted(shades.cumsum(), 0.995 * shades.sum()))
    found = {"print": black, "two_tones": float(extreme >= TWO_TONES), "edge_mm": np.nan}
    if found["two_tones"]:
        found["dots"] = _dots(seen)
    elif black > 20:
        slopes = np.concatenate([_slope(piece)[::3] for piece in dark])
        steep = float(np.percentile(slopes, 99.5))
        found["edge_mm"] = black / max(steep, 1e-6) / scale
    return found


def _paper_at(paper: NDArray[np.uint8], tile: tuple[slice, slice], shape: tuple[int, ...]) -> float:
    """Brightness of the paper in the middle of a piece: light changes little on so short a way."""
    y = int((tile[0].start + TILE // 2) * paper.shape[0] / shape[0])
    x = int((tile[1].start + TILE // 2) * paper.shape[1] / shape[1])
    return float(paper[min(y, paper.shape[0] - 1), min(x, paper.shape[1] - 1)])


def _slope(dark: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Change of darkness per pixel along the steeper axis, with grain smoothed along the other."""
    across = cv2.Sobel(dark, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(dark, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(np.maximum(np.abs(across), np.abs(down)).ravel(), dtype=np.float32)


def _dots(pieces: list[NDArray[np.uint8]]) -> float:
    """Share of black pixels in dots no larger than `LARGEST_DOT`."""
    small = total = 0
    for piece in pieces:
        black = (piece < 128).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(black, connectivity=8)
        area = stats[1:, cv2.CC_STAT_AREA]
        small += int(area[area <= LARGEST_DOT].sum())
        total += int(area.sum())
    return small / max(total, 1)
