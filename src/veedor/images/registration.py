"""Laying a template on a scan, or refusing to.

First the whole form: by its fiducials, or by features of a picture of the empty form. Then each
field is moved onto its printed lines, which also says whether this is the form at all: a scan on
which most lines are missing, or lie where no plane could put them, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images import fiducials
from veedor.images.lines import Edges, Snapped, edges_of, measure, snap
from veedor.images.paper import darkness, grey_of
from veedor.images.plane import bent, fit_plane, moves_of, neighbours
from veedor.images.sheet import Registration
from veedor.images.template import Template

__all__ = ["LEAST_SCORE", "MOST_RESIDUAL", "Registrar"]

LEAST_SCORE = 0.5
"""Share of a field's printed lines below which the field, and of all lines the form, is refused."""
LEAST_FIELDS = 0.6
"""Share of the fields with lines that must be found."""
MOST_RESIDUAL = 0.35
"""Millimetres, median, between the lines and their places: half the stroke of a pen."""
MOST_BEND = 0.8
"""Millimetres by which a field may be moved otherwise than its neighbours are."""
REACH = (2.5, 1.3)
"""Millimetres around a line's place that are searched, first and after the plane was refined."""
SHARPEST = 10.5
"""Pixels per millimetre above which a scan is shrunk for the search: 267 dots per inch."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A template with what is computed of it once."""

    template: Template
    folder: Path | None
    edges: Edges


@dataclass(frozen=True, slots=True)
class _Laid:
    """A template on a scan: the plane, and each field on its lines."""

    form: _Form
    matrix: NDArray[np.float64]
    snapped: Snapped
    method: str
    score: float


class Registrar:
    """Finds which of some templates a scan is of, and where its boxes lie.

    Parameters
    ----------
    templates : each with the folder in which its `blank` lies (None: it has none)
    """

    def __init__(self, templates: Sequence[tuple[Template, Path | None]]) -> None:
        self._forms = {t.id: _Form(t, folder, edges_of(t)) for t, folder in templates}

    def template(self, name: str) -> Template:
        """The template of that id; KeyError where there is none."""
        return self._forms[name].template

    def register(self, pixels: NDArray[np.uint8]) -> Registration | None:
        """The template that fits a scan best, laid on it.

        Parameters
        ----------
        pixels : (height, width, 3) uint8, red green blue

        Returns
        -------
        None where no template fits.
        """
        grey = grey_of(pixels)
        tallest = max(
            max(f.template.page.width, f.template.page.height) for f in self._forms.values()
        )
        factor = max(1.0, max(grey.shape) / tallest / SHARPEST)
        dark = darkness(_shrunk(grey, factor))
        laid = [
            _lay(dark, form, matrix, "fiducials")
            for form in self._forms.values()
            for matrix in _by_fiducials(dark, form.template)
        ]
        if not laid:
            return None
        return _settle(dark, max(laid, key=lambda one: one.score), factor)


def _shrunk(grey: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor <= 1:
        return grey
    size = round(grey.shape[1] / factor), round(grey.shape[0] / factor)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _by_fiducials(dark: NDArray[np.uint8], template: Template) -> list[NDArray[np.float64]]:
    if len(template.fiducials) < 4:
        return []
    length = max(dark.shape) / max(template.page.width, template.page.height)
    sizes = [f.size for f in template.fiducials]
    marks = fiducials.find_marks(
        dark, min(sizes) * length * fiducials.SHARE[0], max(sizes) * length * fiducials.SHARE[1]
    )
    return fiducials.hypotheses(marks, template, dark.shape[:2])


def _lay(dark: NDArray[np.uint8], form: _Form, matrix: NDArray[np.float64], method: str) -> _Laid:
    """Measure the lines about a coarse place; the score is the share of lines that are there."""
    measured = measure(dark, matrix, form.template, form.edges, reach=REACH[0])
    snapped = snap(form.edges, measured, len(form.template.fields), slack=2.0)
    return _Laid(form, matrix, snapped, method, _score(snapped))


def _score(snapped: Snapped) -> float:
    known = np.isfinite(snapped.score)
    return float(snapped.score[known].mean()) if known.any() else 0.0


def _settle(dark: NDArray[np.uint8], laid: _Laid, factor: float) -> Registration | None:
    """Refine the plane by all lines, move each field onto its own, and judge the whole."""
    template, edges = laid.form.template, laid.form.edges
    page = (template.page.width, template.page.height)
    centre = _centres(template)
    if laid.score < LEAST_SCORE:
        return None
    good = _found(laid.snapped, centre, _known(edges, len(template.fields)), 2 * MOST_BEND)
    matrix = laid.matrix @ fit_plane(edges, laid.snapped.offset, good[edges.field], page)
    if not fiducials.upright(matrix, np.array([[0, 0], [page[0], 0], page, [0, page[1]]])):
        return None
    measured = measure(dark, matrix, template, edges, reach=REACH[1])
    snapped = snap(edges, measured, len(template.fields), slack=1.0)
    return _judge(dark, _Laid(laid.form, matrix, snapped, laid.method, _score(snapped)), factor)


def _judge(dark: NDArray[np.uint8], laid: _Laid, factor: float) -> Registration | None:
    template, edges = laid.form.template, laid.form.edges
    centre, known = _centres(template), _known(edges, len(template.fields))
    found = _found(laid.snapped, centre, known, MOST_BEND)
    lined = np.isfinite(laid.snapped.score)
    corners = _corners(template)
    moved, left = moves_of(edges, laid.snapped, corners, template.owner)
    left = np.abs(left[found[edges.field] & np.isfinite(left)])
    residual = float(np.median(left)) if len(left) else np.inf
    if laid.score < LEAST_SCORE or found[lined].mean() < LEAST_FIELDS or residual > MOST_RESIDUAL:
        return None
    shift = np.where(known & found[:, None], laid.snapped.shift, 0.0)
    others = neighbours(centre, shift, known & found[:, None])
    # What no line of a field's own says, its neighbours do.
    borrowed = np.where(known, 0.0, others)
    moved = moved + borrowed[template.owner][:, None]
    matrix = _enlarged(factor) @ laid.matrix
    boxes = cv2.perspectiveTransform((corners + moved).reshape(1, -1, 2), matrix)
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4, 2)
    inside = _inside(boxes, dark.shape[0] * factor, dark.shape[1] * factor)
    whole = np.ones(len(template.fields), dtype=bool)
    np.logical_and.at(whole, template.owner, inside)
    return Registration(
        template.id,
        matrix,
        boxes,
        residual,
        laid.score,
        np.where(known, laid.snapped.shift, others),
        np.where(lined, found, True) & whole,
        laid.method,
    )


def _found(
    snapped: Snapped,
    centre: NDArray[np.float64],
    known: NDArray[np.bool_],
    most: float,
) -> NDArray[np.bool_]:
    """(fields,) whose lines are there, and moved as those of the fields around."""
    there = np.nan_to_num(snapped.score, nan=0.0) >= LEAST_SCORE
    return there & ~bent(centre, snapped, known & there[:, None], most)


def _known(edges: Edges, fields: int) -> NDArray[np.bool_]:
    """(fields, 2) along which of x and y a field has lines that say where it is."""
    known = np.zeros((fields, 2), dtype=bool)
    known[edges.field, edges.across] = True
    return known


def _centres(template: Template) -> NDArray[np.float64]:
    return np.array([[f.x + f.width / 2, f.y + f.height / 2] for f in template.fields])


def _corners(template: Template) -> NDArray[np.float64]:
    """(boxes, 4, 2) millimetres, clockwise from upper left."""
    x, y, width, height = template.cells.T
    return np.stack(
        [
            np.column_stack([x, y]),
            np.column_stack([x + width, y]),
            np.column_stack([x + width, y + height]),
            np.column_stack([x, y + height]),
        ],
        axis=1,
    )


def _inside(boxes: NDArray[np.float64], height: float, width: float) -> NDArray[np.bool_]:
    low, high = boxes.min(axis=1), boxes.max(axis=1)
    return np.asarray((low > -1).all(axis=1) & (high[:, 0] < width + 1) & (high[:, 1] < height + 1))


def _enlarged(factor: float) -> NDArray[np.float64]:
    """From pixels of the shrunk scan to those of the scan: both count from pixels' middles."""
    move = (factor - 1) / 2
    return np.array([[factor, 0, move], [0, factor, move], [0, 0, 1.0]])
