"""Whether a scan shows the form at all: the printed words beside its fields, and no rows besides.

Lines alone cannot tell: the form of another district, with one candidate more, has every line of
this one, and each count would be read under the wrong name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.blank import FINE as BLANK_SCALE
from veedor.images.lines import PIXELS_PER_MM, ridge
from veedor.images.template import FormField, Template

__all__ = ["Label", "label_scores", "labels_of", "lost_rows", "unknown_rows"]

SCALE = 4.0
"""Pixels per millimetre at which words are compared: all that a fax of 100 dots an inch has."""
ASIDE = 75.0
"""Millimetres to the left of a field in which its name is printed."""
SHORTEST = 3.0
"""Millimetres of print that make a name."""
SLACK = 1.0
"""Millimetres by which a name may lie off."""
MANY = 3
"""Fields of one shape, one below the other, from which they are a list that may have more rows."""
GONE = 0.5
"""Share of a field's lines below which it is not there: a rule alone gives a third."""
ROW = 0.75
"""Share of a row's lines that make an unknown row, and the least of any one of them 0.5."""


@dataclass(frozen=True, slots=True)
class Label:
    """The printed name of a field: which field, upper left corner in millimetres, darkness."""

    field: int
    x: float
    y: float
    print: NDArray[np.float32]


def labels_of(template: Template, dark: NDArray[np.uint8]) -> tuple[Label, ...]:
    """The words printed to the left of fields, in their rows, on the empty form.

    Parameters
    ----------
    dark : (height, width) uint8 of the empty form at `veedor.images.blank.FINE`
    """
    size = (
        round(dark.shape[1] * SCALE / BLANK_SCALE),
        round(dark.shape[0] * SCALE / BLANK_SCALE),
    )
    page = np.asarray(cv2.resize(dark, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = []
    for number, field in enumerate(template.fields):
        window = _beside(template, field)
        x0, y0, x1, y1 = (round(v * SCALE) for v in window)
        if x1 - x0 < SHORTEST * SCALE or y1 - y0 < 2:
            continue
        part = page[y0:y1, x0:x1]
        if (box := _words(part)) is not None:
            left, top, right, bottom = box
            piece = _soft(part[top:bottom, left:right])
            found.append(Label(number, (x0 + left) / SCALE, (y0 + top) / SCALE, piece))
    return tuple(found)


def _beside(template: Template, field: FormField) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the room for a field's name: up to the next field's boxes."""
    left = max(0.0, field.x - ASIDE)
    for other in (*template.fields, *template.codes, *template.private):
        same = other.y < field.y + field.height and field.y < other.y + other.height
        if same and other.x + other.width <= field.x + 0.1:
            left = max(left, other.x + other.width + 1.5)
    return left, field.y + 0.5, field.x - 1.0, field.y + field.height - 0.5


def _words(part: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """The rectangle of the longest run of words, without lines; None where there is none."""
    black: NDArray[Any] = (part > 90).astype(np.uint8)
    tall = np.ones((max(2, part.shape[0] - 1), 1), np.uint8)
    upright = cv2.morphologyEx(black, cv2.MORPH_OPEN, tall)
    level = cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((1, round(6 * SCALE)), np.uint8))
    black = cv2.subtract(cv2.subtract(black, upright), level)
    # Letters run together; a gap of three millimetres, or a line, parts one name from another.
    joined = cv2.morphologyEx(
        np.pad(black, 12), cv2.MORPH_CLOSE, np.ones((7, round(3 * SCALE)), np.uint8)
    )[12:-12, 12:-12]
    joined[:, upright.any(axis=0)] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    ink = np.bincount(labels[black > 0], minlength=count)
    ink[0] = 0
    best = int(ink.argmax())
    left, top, width, height = (int(v) for v in stats[best, :4])
    if ink[best] < 12 or width < SHORTEST * SCALE:
        return None
    return max(left - 2, 0), max(top - 2, 0), left + width + 2, top + height + 2


def _soft(dark: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Letters without the band in which they stand: any two lines of print have that alike."""
    soft = cv2.GaussianBlur(dark.astype(np.float32) / 255, (0, 0), 0.2 * SCALE)
    return np.asarray(soft - cv2.blur(soft, (round(2 * SCALE), 1)), dtype=np.float32)


def label_scores(
    dark: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    labels: tuple[Label, ...],
    shift: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(labels,) correlation of each name with what the scan has there; 1 alike, 0 another.

    Parameters
    ----------
    dark : (height, width) uint8 of the scan
    matrix : (3, 3) from millimetres to pixels
    shift : (fields, 2) millimetres that each field was moved
    """
    found = np.zeros(len(labels))
    for k, label in enumerate(labels):
        x, y = np.array([label.x, label.y]) + shift[label.field] - SLACK
        height, width = (v + round(2 * SLACK * SCALE) for v in label.print.shape)
        view = _view(dark, matrix, x, y, width, height)
        match = cv2.matchTemplate(_soft(view), label.print, cv2.TM_CCOEFF_NORMED)
        found[k] = float(np.nan_to_num(np.asarray(match)).max())
    return found


def _view(
    dark: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    x: float,
    y: float,
    width: int,
    height: int,
    scale: float = SCALE,
) -> NDArray[np.uint8]:
    to_page = np.array(
        [[1 / scale, 0, x + 0.5 / scale], [0, 1 / scale, y + 0.5 / scale], [0, 0, 1]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpPerspective(dark, matrix @ to_page, (width, height), flags=flags), dtype=np.uint8
    )


def unknown_rows(dark: NDArray[np.uint8], matrix: NDArray[np.float64], template: Template) -> int:
    """How many rows of boxes continue a list of the template that it does not know.

    A row of boxes of a list's shape, in line with it, where the template has no field, says that
    this is a longer form.
    """
    return sum(
        _besides(dark, matrix, template, [template.fields[k] for k in one])
        for one in _lists(template)
    )


def lost_rows(template: Template, score: NDArray[np.float64]) -> int:
    """How many rows at the ends of lists are not there at all, while the others are: this is a
    shorter form.

    Parameters
    ----------
    score : (fields,) share of each field's lines; NaN where it has none, or lies off the picture
    """
    lost = 0
    for one in _lists(template):
        seen = score[one]
        if np.nanmedian(seen) < 0.75:
            continue
        for ends in (seen, seen[::-1]):
            there = np.flatnonzero(~(ends < GONE))
            lost += int(there[0]) if len(there) else 0
    return lost


def _lists(template: Template) -> list[list[int]]:
    """Fields of one shape, one below the other, from the top: `MANY` at least."""
    lists: dict[tuple[float, ...], list[int]] = {}
    for number, field in enumerate(template.fields):
        if field.printed in ("boxes", "guides"):
            shape = (field.x, field.width, field.height, field.digits, field.gap)
            lists.setdefault(tuple(round(v, 1) for v in shape), []).append(number)
    found = [one for one in lists.values() if len(one) >= MANY]
    return [sorted(one, key=lambda k: template.fields[k].y) for one in found]


def _besides(
    dark: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    template: Template,
    fields: list[FormField],
) -> int:
    """Rows in line with those of a list where the template has no field."""
    first, scale = fields[0], PIXELS_PER_MM
    left, width, height = first.x - 2.5, first.width + 5.0, template.page.height
    view = _view(dark, matrix, left, 0, round(width * scale), round(height * scale), scale)
    cells = first.cells
    places = np.unique(np.round(np.concatenate([cells[:, 0], cells[:, 0] + cells[:, 2]]), 2))
    upright = _near(ridge(view), axis=1)[:, np.round((places - left) * scale - 0.5).astype(int)]
    level = _near(np.ascontiguousarray(ridge(np.ascontiguousarray(view.T)).T), axis=0)
    inner = slice(round(2.5 * scale) + 4, -round(2.5 * scale) - 4)
    level_mean = level[:, inner].mean(axis=1)
    tall = round(first.height * scale)
    sums = np.concatenate([np.zeros((1, upright.shape[1])), upright.cumsum(axis=0)])
    start = np.arange(len(upright) - tall)
    sides = (sums[start + tall - 4] - sums[start + 4]) / (tall - 8)
    lines = np.column_stack([sides, level_mean[start], level_mean[start + tall]])
    rows = np.flatnonzero((lines.mean(axis=1) >= ROW) & (lines.min(axis=1) >= 0.5)) / scale
    known = [
        f.y for f in template.fields if f.x < first.x + first.width and first.x < f.x + f.width
    ]
    apart = np.abs(rows[:, None] - np.array(known)).min(axis=1)
    # A fold across a row that is known must not make another row of its halves.
    strange = rows[apart > 0.9 * first.height]
    return int(len(strange) > 0) + int((np.diff(strange) > 0.5 * first.height).sum())


def _near(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The highest within 0.5 mm along an axis: fields are not all where the plane has them."""
    width = round(0.5 * PIXELS_PER_MM) * 2 + 1
    kernel = np.ones((1, width) if axis == 1 else (width, 1), np.uint8)
    return np.asarray(cv2.dilate(values, kernel), dtype=np.float32)
