"""An inkprint: what was written on one sheet, reduced to what comparing it with others needs.

It holds the ink of the boxes at a quarter of a millimetre, and of the form's private parts a map so
coarse that nobody can read, recognise or restore a name, a signature or a finger in it: sixteen
tones of squares of 4 mm, in which a signature is a handful of numbers. The printed form is in
neither: of the boxes it is taken out before, of the map by what the sheets of one form have in
common.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.paper import darkness, grey_of
from veedor.images.sheet import Cell, Registration
from veedor.images.template import Template

__all__ = ["BESIDE_MM", "HEIGHT", "WIDTH", "Inkprint", "beside", "inkprint", "page_map"]

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

CELL_PIXELS_PER_MM = 8
"""Resolution of `Cell.ink`."""
HEIGHT, WIDTH = 40, 32
"""Pixels of a box of 10 x 8 mm; a larger one is reduced to fit."""
STEP = 2
"""Pixels of a cell to one of the inkprint: four to a millimetre."""
PAPER = 0.12
"""Ink weaker than this share of black is the paper's grain or what compressing left around it."""
LEAST = 0.004
"""Share of a box that must be ink for it to be written in: a stroke of 1 mm in one of 6 x 8 mm."""
BESIDE_MM = 4.0
"""Side of a square of the coarse map: letters of handwriting are 2 to 4 mm high."""
TONES = 16
"""Of the coarse map."""
PAGE = (40, 32)
"""Rows and columns of the map of a page that was not registered."""


@dataclass(frozen=True, slots=True)
class Inkprint:
    """The writing of one sheet.

    Attributes
    ----------
    boxes : (inked,) int16, places among the template's boxes of those with ink, rising
    ink : (inked, HEIGHT, WIDTH) uint8, 0 paper to 255 black, each box about its middle
    beside : (rows, columns) uint8, the ink of private parts, one of `TONES` for 4 x 4 mm; (0, 0)
        where the page was not given. Their print is still in it, until `inklayers` takes it out.
    page : (40, 32) uint8, the ink of the page as it lies, for scans that are not registered;
        (0, 0) where not given
    """

    boxes: NDArray[np.int16]
    ink: Bytes
    beside: Bytes
    page: Bytes

    def pack(self) -> Bytes:
        """All of it as bytes: (n,) uint8, for a cache; `unpack` gives it back."""
        sizes = np.array([len(self.boxes), *self.beside.shape, *self.page.shape], dtype="<i4")
        parts = (sizes, self.boxes.astype("<i2"), self.ink, self.beside, self.page)
        whole = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
        return np.frombuffer(zlib.compress(whole, 6), dtype=np.uint8)

    @classmethod
    def unpack(cls, packed: Bytes) -> Inkprint:
        """The inkprint that `pack` made into bytes.

        Raises
        ------
        VeedorError
            The bytes are of something else.
        """
        try:
            whole = zlib.decompress(packed.tobytes())
            inked, *sides = np.frombuffer(whole, dtype="<i4", count=5).tolist()
            shapes = ((inked,), (inked, HEIGHT, WIDTH), (sides[0], sides[1]), (sides[2], sides[3]))
            parts, at = [], 20
            for shape, kind in zip(shapes, ("<i2", "u1", "u1", "u1"), strict=True):
                size = int(np.prod(shape))
                parts.append(np.frombuffer(whole, kind, count=size, offset=at).reshape(shape))
                at += size * np.dtype(kind).itemsize
        except (zlib.error, ValueError) as error:
            raise VeedorError(
                f"these bytes are no inkprint ({error})", remedy="Delete the cache of readings."
            ) from error
        return cls(parts[0].astype(np.int16), *parts[1:])


def inkprint(
    cells: Sequence[Cell],
    *,
    pixels: Bytes | None = None,
    registration: Registration | None = None,
    template: Template | None = None,
) -> Inkprint:
    """The writing of one sheet.

    Parameters
    ----------
    cells : the boxes in the order of the template; empty where the scan was not registered
    pixels : (height, width, 3) uint8, the scan
    registration, template : where given too, the ink beside the boxes is mapped
    """
    reduced = [_reduce(cell.ink) for cell in cells]
    inked = [i for i, ink in enumerate(reduced) if float(ink.mean()) >= LEAST]
    ink = np.zeros((len(inked), HEIGHT, WIDTH), dtype=np.uint8)
    for k, i in enumerate(inked):
        ink[k] = np.round(255 * reduced[i])
    none = np.zeros((0, 0), dtype=np.uint8)
    registered = pixels is not None and registration is not None and template is not None
    return Inkprint(
        boxes=np.array(inked, dtype=np.int16),
        ink=ink,
        beside=beside(pixels, registration, template) if registered else none,  # type: ignore[arg-type]
        page=page_map(pixels) if pixels is not None else none,
    )


def _reduce(ink: Floats) -> Floats:
    """One box at four pixels to a millimetre about its middle, (HEIGHT, WIDTH)."""
    margin = 2 * CELL_PIXELS_PER_MM
    rows, columns = ink.shape[0] - margin, ink.shape[1] - margin
    scale = min(1 / STEP, HEIGHT / max(rows, 1), WIDTH / max(columns, 1))
    solid = np.where(ink < PAPER, 0, ink).astype(np.float32)
    solid = np.asarray(cv2.GaussianBlur(solid, (0, 0), 0.4 / scale), dtype=np.float32)
    middle_y, middle_x = (ink.shape[0] - 1) / 2, (ink.shape[1] - 1) / 2
    matrix = np.array(
        [
            [scale, 0, (WIDTH - 1) / 2 - scale * middle_x],
            [0, scale, (HEIGHT - 1) / 2 - scale * middle_y],
        ]
    )
    moved = cv2.warpAffine(solid, matrix, (WIDTH, HEIGHT))
    return np.asarray(np.clip(moved, 0, 1), dtype=np.float32)


def beside(pixels: Bytes, registration: Registration, template: Template) -> Bytes:
    """The ink of the private parts, one number for each square of `BESIDE_MM`.

    Parameters
    ----------
    pixels : (height, width, 3) uint8

    Returns
    -------
    (rows, columns) uint8 below `TONES`, of the whole page; 0 outside private parts.
    """
    per_mm = 2
    side = round(BESIDE_MM * per_mm)
    rows, columns = (int(length // BESIDE_MM) for length in (template.page.height,
                                                             template.page.width))  # fmt: skip
    scale = np.diag([float(per_mm), float(per_mm), 1.0])
    dark = cv2.blur(darkness(grey_of(pixels)), _half_millimetre(registration))
    size = (columns * side, rows * side)
    page = cv2.warpPerspective(dark, scale @ np.linalg.inv(registration.matrix), size)
    ink = np.asarray(page, dtype=np.float32) / 255
    private = np.zeros(ink.shape, dtype=np.bool_)
    for area in template.private:
        top, left = round(area.y * per_mm), round(area.x * per_mm)
        bottom = round((area.y + area.height) * per_mm)
        right = round((area.x + area.width) * per_mm)
        private[top:bottom, left:right] = True
    means = np.where(private, ink, 0).reshape(rows, side, columns, side).mean(axis=(1, 3))
    tones = np.round((TONES - 1) * np.clip(2 * means, 0, 1))
    return np.asarray(tones, dtype=np.uint8)


def _half_millimetre(registration: Registration) -> tuple[int, int]:
    """Pixels of the scan, each way, that one pixel of a reduced page covers."""
    matrix = registration.matrix / registration.matrix[2, 2]
    span = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2])))) / 2
    return (max(round(span), 1),) * 2


def page_map(pixels: Bytes) -> Bytes:
    """A map of the ink of a whole page as it lies: an index to scans that no template fits.

    The page is turned until its rows of ink are sharpest, and cut to its ink, so that a small turn
    or a crop of the margin moves little.

    Returns
    -------
    (40, 32) uint8
    """
    dark = darkness(grey_of(pixels))
    scale = 640 / max(dark.shape)
    small = cv2.resize(dark, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = _straight(np.asarray(small, dtype=np.float32) / 255)
    rows, columns = np.nonzero(ink > 0.3)
    if len(rows) < 50:
        return np.zeros(PAGE, dtype=np.uint8)
    low, high = np.percentile(np.column_stack([columns, rows]), [0.5, 99.5], axis=0)
    (left, top), (right, bottom) = np.floor(low).astype(int), np.ceil(high).astype(int)
    part = ink[top : bottom + 1, left : right + 1]
    reduced = cv2.resize(part, PAGE[::-1], interpolation=cv2.INTER_AREA)
    return np.round(255 * np.clip(2 * reduced, 0, 1)).astype(np.uint8)


def _straight(ink: NDArray[Any]) -> Floats:
    """The page turned by the angle, to 5 degrees, at which its rows differ most."""
    height, width = ink.shape
    turned = [
        np.asarray(cv2.warpAffine(ink, cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1),
                                  (width, height)))
        for angle in np.arange(-5, 5.1, 0.5)
    ]  # fmt: skip
    best = max(turned, key=lambda page: float(np.var(page.sum(axis=1))))
    return np.asarray(best, dtype=np.float32)
