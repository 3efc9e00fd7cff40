"""A first template of a form from a picture of it empty: boxes, rows of boxes, marks.

It finds what can be seen. What a field means, which sums the form states, and where people write
names and sign, is for a person to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.fiducials import find_marks
from veedor.images.paper import darkness, grey_of
from veedor.images.sheet import Intake
from veedor.images.template import Code, Fiducial, FormField, Page, Template

__all__ = ["PAGES", "Proposal", "page_of", "propose_template"]

PAGES = {
    "a3": (297.0, 420.0),
    "a4": (210.0, 297.0),
    "a5": (148.0, 210.0),
    "letter": (215.9, 279.4),
    "legal": (215.9, 355.6),
    "folio": (215.9, 330.2),
}
"""Sizes of paper by name, upright, in millimetres."""
SCALE = 8.0
"""Pixels per millimetre at which a form is looked at."""
SIDES = (3.5, 17.0)
"""Millimetres of the sides of a box for a digit."""
FULL = 0.93
"""Share of its rectangle that a box is: paper between four lines, and nothing else."""
LINE = 45
"""Darkness of a printed line, of 255."""
APART = 3.0
"""Millimetres between boxes of one field; the boxes of others are farther away."""
ALIKE = 0.12
"""Share by which the sides of one field's boxes may differ."""
MARK = (2.5, 12.0)
"""Millimetres of the side of a mark."""
RIM = 25.0
"""Millimetres from the nearest edge of the page within which marks lie."""
DISC = 0.88
"""Share of its rectangle from which a mark is a square; a disc fills pi / 4 = 0.785."""
MOST_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Proposal:
    """A template, and how many single boxes were left out of it."""

    template: Template
    singles: int


def page_of(words: str | None, intake: Intake) -> Page:
    """The size of the page, by name (`A4`), by millimetres (`210x297`), or from the picture's dpi.

    Raises
    ------
    VeedorError
        The words are no size, the picture states no resolution, or has another shape.
    """
    height, width = intake.pixels.shape[:2]
    if words is None:
        if intake.dpi is None:
            raise VeedorError(
                "the picture does not say how many dots an inch it has",
                place=intake.file,
                remedy="Give the size of the page: --page A4, or --page 216x330 in millimetres.",
            )
        return Page(width=round(width / intake.dpi * 25.4, 1),
                    height=round(height / intake.dpi * 25.4, 1))  # fmt: skip
    sides = PAGES.get(words.lower()) or _sides(words)
    if (width > height) != (sides[0] > sides[1]) and words.lower() in PAGES:
        sides = sides[1], sides[0]
    if abs(width / height / (sides[0] / sides[1]) - 1) > 0.03:
        raise VeedorError(
            f"the picture has {width} x {height} pixels, which is not the shape of a page of"
            f" {sides[0]:g} x {sides[1]:g} mm",
            place=intake.file,
            remedy="Cut the picture to the edges of the page, or give its true size.",
        )
    return Page(width=sides[0], height=sides[1])


def _sides(words: str) -> tuple[float, float]:
    try:
        width, height = (float(part) for part in words.lower().split("x"))
    except ValueError:
        width = height = 0.0
    if not (20 <= width <= 2000 and 20 <= height <= 2000):
        raise VeedorError(
            f"{words!r} is no size of a page",
            remedy=f"Give one of {', '.join(PAGES)}, or millimetres as WIDTHxHEIGHT.",
        )
    return width, height


def propose_template(pixels: NDArray[np.uint8], page: Page, *, id: str, blank: str) -> Proposal:
    """What can be seen of a form on a picture of it empty.

    Parameters
    ----------
    pixels : (height, width, 3) uint8, the page from edge to edge
    id : of the template
    blank : name of the picture, beside the template

    Raises
    ------
    VeedorError
        There is no row of boxes on it.
    """
    size = round(page.width * SCALE), round(page.height * SCALE)
    grey = grey_of(pixels)
    how = cv2.INTER_AREA if size[0] < grey.shape[1] else cv2.INTER_LINEAR
    dark = darkness(np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8))
    rows = _rows(_boxes(dark))
    fields = [_field(number, row) for number, row in enumerate([r for r in rows if len(r) > 1], 1)]
    if not fields:
        raise VeedorError(
            "no row of boxes for digits was found on it",
            remedy="Is this the empty form, sharp and upright? Forms without boxes are described"
            " by hand: see docs/images.md.",
        )
    template = Template(
        id=id,
        blank=blank,
        page=page,
        fiducials=_marks(dark, page),
        codes=_codes(grey, page),
        fields=tuple(fields),
    )
    return Proposal(template, sum(len(row) == 1 for row in rows))


def _boxes(dark: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, 4) of left, top, width, height in millimetres, between the middles of their lines."""
    black = cv2.threshold(dark, LINE, 255, cv2.THRESH_BINARY)[1]
    lines = np.asarray(
        cv2.morphologyEx(black, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), dtype=np.uint8
    )
    _, _, stats, _ = cv2.connectedComponentsWithStats(cv2.bitwise_not(lines), connectivity=4)
    found = []
    low, high = (side * SCALE for side in SIDES)
    for left, top, width, height, area in stats[1:].tolist():
        sides = low <= width <= high and low <= height <= high
        if sides and area >= FULL * width * height:
            found.append(_to_lines(lines, left, top, width, height))
    return np.array([box for box in found if box is not None], dtype=np.float64).reshape(-1, 4)


def _to_lines(
    lines: NDArray[np.uint8], left: int, top: int, width: int, height: int
) -> list[float] | None:
    """A box's inside grown by half of each of its lines; None where one is thick: a cut-out."""
    most = round(1.5 * SCALE)
    inner_y, inner_x = slice(top + 2, top + height - 2), slice(left + 2, left + width - 2)
    sides = (
        lines[inner_y, max(left - most, 0) : left][:, ::-1].T,
        lines[max(top - most, 0) : top, inner_x][::-1],
        lines[inner_y, left + width : left + width + most].T,
        lines[top + height : top + height + most, inner_x],
    )
    thick = []
    for side in sides:
        paper = np.flatnonzero((side > 0).mean(axis=1) < 0.5)
        if not len(paper):
            return None
        thick.append(int(paper[0]) / 2)
    x, y = left - thick[0], top - thick[1]
    return [v / SCALE for v in (x, y, left + width + thick[2] - x, top + height + thick[3] - y)]


def _rows(boxes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Boxes side by side, of one size: fields from the top of the page, then from the left."""
    left = sorted(boxes.tolist(), key=lambda box: box[0])
    rows: list[list[list[float]]] = []
    for box in left:
        for row in rows:
            last = row[-1]
            gap = box[0] - last[0] - last[2]
            same = (
                abs(box[2] - last[2]) <= ALIKE * last[2]
                and abs(box[3] - last[3]) <= ALIKE * last[3]
            )
            if (
                -0.5 <= gap <= APART
                and abs(box[1] - last[1]) <= 1.0
                and same
                and len(row) < MOST_DIGITS
            ):
                row.append(box)
                break
        else:
            rows.append([box])
    rows.sort(key=lambda row: (round(row[0][1] / 4), row[0][0]))
    return [np.array(row) for row in rows]


def _field(number: int, row: NDArray[np.float64]) -> FormField:
    """A field of boxes: of equal ones if they are so to a fifth of a millimetre."""
    x, y = row[0, 0], float(np.median(row[:, 1]))
    right, height = row[-1, 0] + row[-1, 2], float(np.median(row[:, 3]))
    gaps = row[1:, 0] - row[:-1, 0] - row[:-1, 2]
    gap = float(np.median(gaps))
    gap = 0.0 if gap < 0.25 else round(gap, 2)
    place = {"x": round(x, 2), "y": round(y, 2), "width": round(right - x, 2),
             "height": round(height, 2)}  # fmt: skip
    field = FormField(id=f"field-{number}", digits=len(row), gap=gap, **place)
    if np.abs(field.cells - row).max() <= 0.2:
        return field
    boxes = tuple(tuple(round(v, 2) for v in box) for box in row.tolist())
    return FormField(id=f"field-{number}", digits=len(row), boxes=boxes, **place)


def _marks(dark: NDArray[np.uint8], page: Page) -> tuple[Fiducial, ...]:
    """Four or more solid marks of one size near the rim that span the page; else none."""
    marks = find_marks(dark, MARK[0] * SCALE, MARK[1] * SCALE)
    at = (marks.middle + 0.5) / SCALE
    side = marks.side / SCALE
    edge = np.minimum(at, np.array([page.width, page.height]) - at).min(axis=1)
    at, side = at[edge < RIM], side[edge < RIM]
    best: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    for size in side:
        alike = np.flatnonzero(np.abs(side - size) < 0.12 * size)
        spread = np.ptp(at[alike], axis=0) / [page.width, page.height]
        if len(alike) >= 4 and (spread > 0.6).all() and len(alike) > len(best):
            best = alike
    found = []
    for k in best[np.lexsort((at[best, 0], at[best, 1].round(-1)))]:
        square = _solid(dark, at[k], side[k]) >= DISC
        size = side[k] if square else side[k] / np.sqrt(np.pi / 4)
        found.append(
            Fiducial(kind="square" if square else "disc", x=round(float(at[k, 0]), 2),
                     y=round(float(at[k, 1]), 2), size=round(float(size), 2))
        )  # fmt: skip
    return tuple(found)


def _solid(dark: NDArray[np.uint8], middle: NDArray[np.float64], side: float) -> float:
    """Share of black in the rectangle about a mark."""
    x, y = np.round(middle * SCALE).astype(int)
    reach = round(0.8 * side * SCALE)
    part = dark[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach] > 127
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    inner = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float(inner.mean())


def _codes(grey: NDArray[np.uint8], page: Page) -> tuple[Code, ...]:
    """Places of codes, where the picture has any, with a little room around."""
    import zxingcpp

    from veedor.images.codes import FORMATS

    scale = np.array([page.width / grey.shape[1], page.height / grey.shape[0]])
    found = []
    for code in zxingcpp.read_barcodes(grey, formats=FORMATS):
        at = code.position
        corners = np.array(
            [[p.x, p.y] for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)]
        )
        low = np.maximum(corners.min(axis=0) * scale - 2, 0)
        high = np.minimum(corners.max(axis=0) * scale + 2, [page.width, page.height])
        x, y, width, height = (round(float(v), 1) for v in (*low, *(high - low)))
        found.append(Code(x=x, y=y, width=max(width, 4.0), height=max(height, 4.0)))
    return tuple(found)
