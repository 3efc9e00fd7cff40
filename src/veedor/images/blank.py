"""A picture of the empty form: what is printed where, for forms without marks or without boxes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.intake import take_in
from veedor.images.paper import darkness, grey_of
from veedor.images.template import Template

__all__ = ["COARSE", "FINE", "Blank", "Line", "load_blank", "printed_lines", "softened"]

COARSE = 2.0
"""Pixels per millimetre at which whole pages are compared: print, but no grain of it."""
FINE = 8.0
"""Pixels per millimetre at which lines are looked for."""
LONG = 6.0
"""Millimetres from which a straight stroke of print is a line: longer than any letter."""
THICK = 1.2
"""Millimetres from which it is a bar."""
OTHER_SHAPE = 0.03
"""Share by which the picture's sides may differ from the page's."""


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line, in millimetres: 1 level or 0 upright, its place, from where to where."""

    across: int
    place: float
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Blank:
    """An empty form.

    Attributes
    ----------
    print : (height, width) float32 at `COARSE`, 0 paper to 1 black, softened
    dark : (height, width) uint8 at `FINE`, 0 paper to 255 black
    lines : straight lines longer than `LONG`
    """

    print: NDArray[np.float32]
    dark: NDArray[np.uint8]
    lines: tuple[Line, ...]


def load_blank(template: Template, folder: Path | None) -> Blank:
    """The template's picture of the empty form, which must show the page from edge to edge.

    Raises
    ------
    VeedorError
        The template names none, it is not there, or it has not the shape of the page.
    """
    if template.blank is None or folder is None:
        raise VeedorError(
            f"the form {template.id!r} has no picture of it empty",
            remedy="Name one as `blank` in its template, and keep it beside the template.",
        )
    path = folder / template.blank
    pixels = take_in(path).pixels
    page = template.page
    shape = pixels.shape[1] / pixels.shape[0] / (page.width / page.height)
    if abs(shape - 1) > OTHER_SHAPE:
        raise VeedorError(
            f"has {pixels.shape[1]} x {pixels.shape[0]} pixels, which is not the shape of the page"
            f" of {template.id!r} ({page.width:g} x {page.height:g} mm)",
            place=str(path),
            remedy="Cut the picture of the empty form to the edges of the page.",
        )
    grey = grey_of(pixels)
    fine = _resized(grey, page.width, page.height, FINE)
    dark = darkness(fine)
    coarse = softened(_resized(dark, page.width, page.height, COARSE))
    return Blank(coarse, dark, printed_lines(dark, FINE))


def softened(dark: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Print at `COARSE`, spread by half a millimetre so that near misses still match."""
    return np.asarray(
        cv2.GaussianBlur(dark.astype(np.float32) / 255, (0, 0), 0.5 * COARSE), dtype=np.float32
    )


def _resized(
    grey: NDArray[np.uint8], width: float, height: float, scale: float
) -> NDArray[np.uint8]:
    size = round(width * scale), round(height * scale)
    smaller = size[0] < grey.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8)


def printed_lines(dark: NDArray[np.uint8], scale: float) -> tuple[Line, ...]:
    """Straight level and upright lines, no bars.

    Parameters
    ----------
    dark : (height, width) uint8, 0 paper to 255 black
    scale : pixels per millimetre
    """
    black = cv2.threshold(dark, 50, 255, cv2.THRESH_BINARY)[1]
    found: list[Line] = []
    for across in (0, 1):
        view = np.ascontiguousarray(black if across == 1 else black.T)
        kernel = np.ones((1, round(LONG * scale)), np.uint8)
        runs = cv2.morphologyEx(view, cv2.MORPH_OPEN, kernel)
        count, _, stats, middle = cv2.connectedComponentsWithStats(runs, connectivity=8)
        for k in range(1, count):
            left, _, width, height, _ = (int(v) for v in stats[k])
            if height <= THICK * scale:
                place = (float(middle[k, 1]) + 0.5) / scale
                found.append(Line(across, place, left / scale, (left + width) / scale))
    return tuple(found)
