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

from veedor.images import features, fiducials
from veedor.images.blank import Blank, load_blank
from veedor.images.labels import Label, label_scores, labels_of, lost_rows, unknown_rows
from veedor.images.lines import Edges, Snapped, edges_of, measure, snap
from veedor.images.paper import darkness, grey_of
from veedor.images.plane import bent, fit_plane, moves_of, neighbours
from veedor.images.sheet import Registration
from veedor.images.template import Template

__all__ = ["LEAST_SCORE", "MOST_RESIDUAL", "Attempt", "Registrar"]

COARSE_SCORE = 0.35
"""Share of the form's lines from which a coarse place is worth refining."""
LEAST_SCORE = 0.6
"""Share of the lines on the worst of a field's sides below which the field is refused."""
LEAST_FORM = 0.75
"""The same of all fields, on average, for the form: on simulated sheets the right form has more
than 0.9; another of the same layout has up to 0.83 ..."""
LEAST_FIELDS = 0.75
"""... and up to half of its fields, the right form 0.85 or more: share that must be found."""
MOST_RESIDUAL = 0.35
"""Millimetres, median, between the lines and their places: half the stroke of a pen."""
MOST_BEND = 0.6
"""Millimetres by which a field may be moved otherwise than its neighbours are."""
REACH = (2.5, 1.3)
"""Millimetres around a line's place that are searched, first and after the plane was refined."""
ALIKE = 0.06
"""Shares of lines within which two forms fit alike."""
MOST_TRIES = 6
"""Forms, or directions of one, that are looked at closely."""
GLANCE = 5
"""Fields whose lines tell at a glance which of several ways are worth a longer look ..."""
UNLIKE = 0.3
"""... those within such a share of lines of the best."""
SURE = 0.5
"""Share of pieces of print that agree from which no other direction is tried."""
LEAST_LABEL = 0.55
"""Correlation of a field's printed name with the empty form's from which it is that name."""
MOST_UNNAMED = 2
"""Fields, of a form with ten names or more, that may have another name: a stamp hides as many."""
SHARPEST = 10.5
"""Pixels per millimetre above which a scan is shrunk for the search: 267 dots per inch."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A template with what is computed of it once."""

    template: Template
    edges: Edges
    blank: Blank | None
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class _Laid:
    """A template on a scan: the plane, and each field on its lines."""

    form: _Form
    matrix: NDArray[np.float64]
    snapped: Snapped
    method: str
    score: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """A registration, or in words why there is none."""

    registration: Registration | None
    why: str = ""


class Registrar:
    """Finds which of some templates a scan is of, and where its boxes lie.

    Parameters
    ----------
    templates : each with the folder in which its `blank` lies (None: it has none)

    Raises
    ------
    VeedorError
        A template's picture of the empty form is not there, or does not have the page's shape.
    """

    def __init__(self, templates: Sequence[tuple[Template, Path | None]]) -> None:
        self._forms = {template.id: _form(template, folder) for template, folder in templates}

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
        return self.attempt(pixels).registration

    def attempt(self, pixels: NDArray[np.uint8]) -> Attempt:
        """As `register`, with the reason where no template fits."""
        grey = grey_of(pixels)
        pages = [form.template.page for form in self._forms.values()]
        tallest = max(max(page.width, page.height) for page in pages)
        factor = max(1.0, max(grey.shape) / tallest / SHARPEST)
        grey = _shrunk(grey, factor)
        dark = darkness(grey)
        laid = [
            _lay(dark, form, matrix, method)
            for form in self._forms.values()
            for matrix, method in _likely(dark, form, _coarse(grey, dark, form))
        ]
        if not laid:
            return Attempt(None, "nothing on it looks like a form that a template describes")
        best = max(one.score for one in laid)
        # Of forms that fit alike, one may be a part of the other: the longer one first.
        close = [one for one in laid if one.score >= best - ALIKE]
        close.sort(key=lambda one: (-len(one.form.edges.field), -one.score))
        refused = []
        for one in close[:MOST_TRIES]:
            tried = _settle(dark, one, factor)
            if tried.registration is not None:
                return tried
            refused.append((one.score, tried.why))
        return Attempt(None, max(refused)[1])


def _form(template: Template, folder: Path | None) -> _Form:
    if template.blank is None:
        return _Form(template, edges_of(template), None, ())
    blank = load_blank(template, folder)
    labels = labels_of(template, blank.dark)
    return _Form(template, edges_of(template, blank.lines), blank, labels)


def _shrunk(grey: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor <= 1:
        return grey
    size = round(grey.shape[1] / factor), round(grey.shape[0] / factor)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _coarse(
    grey: NDArray[np.uint8], dark: NDArray[np.uint8], form: _Form
) -> list[tuple[NDArray[np.float64], str]]:
    """Ways in which the form may lie on the scan, and how each was found."""
    template, found = form.template, []
    if len(template.fiducials) >= 4:
        length = max(dark.shape) / max(template.page.width, template.page.height)
        sizes = [f.size for f in template.fiducials]
        low, high = fiducials.SHARE
        marks = fiducials.find_marks(dark, min(sizes) * length * low, max(sizes) * length * high)
        found = [(m, "fiducials") for m in fiducials.hypotheses(marks, template, dark.shape)]
    if found or form.blank is None:
        return found
    starts = features.outlines(grey, template.page)
    # Points serve a page that leans more than blocks bear; they are slow, so in few directions.
    for search, enough, tried in (
        (features.by_blocks, 0.2, starts),
        (features.by_points, 0.0, starts[:2]),
    ):
        for start in tried:
            matrix, agree = search(dark, form.blank, start)
            if agree > enough and fiducials.upright(matrix, _rim(template)):
                found.append((matrix, "features"))
                if agree > SURE:
                    return found
    return found


def _likely(
    dark: NDArray[np.uint8], form: _Form, ways: list[tuple[NDArray[np.float64], str]]
) -> list[tuple[NDArray[np.float64], str]]:
    """Of several ways in which a form may lie, those with as many lines at a glance as any."""
    if len(ways) < 2 or len(form.template.fields) <= GLANCE:
        return ways
    lined = np.unique(form.edges.field)
    some = lined[np.linspace(0, len(lined) - 1, GLANCE).round().astype(int)]
    at = np.isin(form.edges.field, some)
    edges = form.edges.of(at)
    seen = []
    for matrix, _ in ways:
        measured = measure(dark, matrix, edges, reach=REACH[0])
        score = snap(edges, measured, len(form.template.fields), slack=2.0).score[some]
        seen.append(float(np.nanmean(score)))
    return [way for way, score in zip(ways, seen, strict=True) if score >= max(seen) - UNLIKE]


def _rim(template: Template) -> NDArray[np.float64]:
    width, height = template.page.width, template.page.height
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)


def _lay(dark: NDArray[np.uint8], form: _Form, matrix: NDArray[np.float64], method: str) -> _Laid:
    """Measure the lines about a coarse place; the score is the share of lines that are there."""
    measured = measure(dark, matrix, form.edges, reach=REACH[0])
    snapped = snap(form.edges, measured, len(form.template.fields), slack=2.0)
    return _Laid(form, matrix, snapped, method, _score(snapped))


def _score(snapped: Snapped) -> float:
    known = np.isfinite(snapped.score)
    return float(snapped.score[known].mean()) if known.any() else 0.0


def _settle(dark: NDArray[np.uint8], laid: _Laid, factor: float) -> Attempt:
    """Refine the plane by all lines, move each field onto its own, and judge the whole."""
    template, edges = laid.form.template, laid.form.edges
    page = (template.page.width, template.page.height)
    if laid.score < COARSE_SCORE:
        return Attempt(None, _too_few("lines", repr(template.id), laid.score))
    known = _known(edges, len(template.fields))
    good = _found(laid.snapped, _centres(template), known, 2 * MOST_BEND, COARSE_SCORE)
    matrix = laid.matrix @ fit_plane(edges, laid.snapped.offset, good[edges.field], page)
    if not fiducials.upright(matrix, _rim(template)):
        return Attempt(None, f"the lines of {template.id!r} lie on it as on no page")
    measured = measure(dark, matrix, edges, reach=REACH[1])
    snapped = snap(edges, measured, len(template.fields), slack=1.0)
    laid = _Laid(laid.form, matrix, snapped, laid.method, _score(snapped))
    found = _found(snapped, _centres(template), known, MOST_BEND, LEAST_SCORE)
    moved, left = moves_of(edges, snapped, _corners(template), template.owner)
    left = np.abs(left[found[edges.field] & np.isfinite(left)])
    residual = float(np.median(left)) if len(left) else np.inf
    unnamed = _unnamed(dark, laid, found)
    if why := _refusal(dark, laid, found, unnamed, residual):
        return Attempt(None, why)
    found &= ~unnamed
    return Attempt(_registration(laid, found, moved, residual, factor, dark.shape))


def _unnamed(dark: NDArray[np.uint8], laid: _Laid, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(fields,) whether something else is printed beside a field than its name."""
    labels = laid.form.labels
    shift = np.where(found[:, None], laid.snapped.shift, 0.0)
    scores = label_scores(dark, laid.matrix, labels, shift)
    unnamed = np.zeros(len(found), dtype=bool)
    unnamed[[label.field for label in labels]] = scores < LEAST_LABEL
    return unnamed


def _on_picture(dark: NDArray[np.uint8], laid: _Laid) -> NDArray[np.bool_]:
    """(fields,) whether the picture reaches as far as a field."""
    centres = np.asarray(cv2.perspectiveTransform(_centres(laid.form.template)[None], laid.matrix))
    x, y = centres[0].T
    return np.asarray((x > 0) & (y > 0) & (x < dark.shape[1]) & (y < dark.shape[0]))


def _refusal(
    dark: NDArray[np.uint8],
    laid: _Laid,
    found: NDArray[np.bool_],
    unnamed: NDArray[np.bool_],
    residual: float,
) -> str:
    """Why the scan is not taken for this form; empty where it is."""
    template, snapped = laid.form.template, laid.snapped
    name, lined = repr(template.id), np.isfinite(snapped.score)
    if laid.score < LEAST_FORM:
        return _too_few("lines", name, laid.score)
    if (share := found[lined].mean()) < LEAST_FIELDS:
        return _too_few("fields", name, share)
    if residual > MOST_RESIDUAL:
        return f"the lines of {name} lie elsewhere on it (missed by {residual:.2f} mm)"
    allowed = min(MOST_UNNAMED, round(0.2 * len(laid.form.labels)))
    if (others := int(unnamed.sum())) > allowed:
        return f"fields of {name} have another printed name on it ({others} of them)"
    seen = np.where(_on_picture(dark, laid), snapped.score, np.nan)
    if rows := lost_rows(template, seen):
        return f"it lacks rows of boxes of {name} ({rows} of them)"
    if rows := unknown_rows(dark, laid.matrix, template):
        return f"it has more rows of boxes than {name} (by {rows})"
    return ""


def _too_few(what: str, name: str, share: float) -> str:
    return f"too few {what} of {name} are on it ({share:.0%})"


def _registration(
    laid: _Laid,
    found: NDArray[np.bool_],
    moved: NDArray[np.float64],
    residual: float,
    factor: float,
    shape: tuple[int, ...],
) -> Registration:
    template, snapped = laid.form.template, laid.snapped
    known = _known(laid.form.edges, len(template.fields)) & found[:, None]
    others = neighbours(_centres(template), np.where(known, snapped.shift, 0.0), known)
    # What no line of a field's own says, its neighbours do.
    moved = np.where(known[template.owner][:, None], moved, others[template.owner][:, None])
    matrix = _enlarged(factor) @ laid.matrix
    corners = (_corners(template) + moved).reshape(1, -1, 2)
    boxes = np.asarray(cv2.perspectiveTransform(corners, matrix), dtype=np.float64)
    boxes = boxes.reshape(-1, 4, 2)
    whole = np.ones(len(template.fields), dtype=bool)
    inside = _inside(boxes, shape[0] * factor, shape[1] * factor)
    np.logical_and.at(whole, template.owner, inside)
    return Registration(
        template.id,
        matrix,
        boxes,
        residual,
        laid.score,
        np.where(known, snapped.shift, others),
        found & whole,
        laid.method,
    )


def _found(
    snapped: Snapped,
    centre: NDArray[np.float64],
    known: NDArray[np.bool_],
    most: float,
    least: float,
) -> NDArray[np.bool_]:
    """(fields,) whose lines are there, and moved as those of the fields around."""
    # Fields without lines of their own are where their neighbours are.
    there = np.nan_to_num(snapped.score, nan=1.0) >= least
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
