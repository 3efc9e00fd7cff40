"""The plane of a page from many lines of it, and what each field is moved besides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from veedor.images.lines import Edges, Snapped

__all__ = ["bent", "fit_plane", "moves_of", "neighbours"]

ANCHOR = 0.05
"""Weight of the coarse place, at a grid over the page, against one line: it decides nothing where
lines are seen, and keeps the plane from running away where none are."""
ROUNDS = 4
"""Rounds of reweighting; robust to a quarter of the lines being another's."""
TIGHT = 0.15
"""Millimetres from which an edge counts less (Huber's weight)."""
NEIGHBOUR = 45.0
"""Millimetres, standard deviation, over which fields are moved alike."""


def fit_plane(
    edges: Edges,
    offset: NDArray[np.float64],
    used: NDArray[np.bool_],
    page: tuple[float, float],
) -> NDArray[np.float64]:
    """The homography of the page's plane that puts lines where they were seen.

    An edge says where it is across itself only: one equation each, linear in the matrix (with its
    last element 1), by least squares with Huber's weights.

    Parameters
    ----------
    offset : (n,) millimetres of each edge across itself, NaN where not seen
    used : (n,) which to use
    page : width and height, in millimetres

    Returns
    -------
    (3, 3) from the template's millimetres to those of the frame in which lines were measured.
    """
    at = np.flatnonzero(used & np.isfinite(offset))
    point, level = edges.middle[at], edges.across[at] == 1
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 5)), axis=-1)
    anchor = np.repeat(grid.reshape(-1, 2) * page, 2, axis=0)
    points = np.concatenate([point, anchor])
    levels = np.concatenate([level, np.tile([False, True], len(anchor) // 2)])
    moved = np.concatenate([offset[at], np.zeros(len(anchor))])
    base = np.concatenate([np.ones(len(at)), np.full(len(anchor), ANCHOR)])
    size = max(page)
    x, y = (points / size).T
    goal = np.where(levels, y, x) + moved / size
    zero, one = np.zeros_like(x), np.ones_like(x)
    across = np.column_stack([x, y, one, zero, zero, zero, -goal * x, -goal * y])
    down = np.column_stack([zero, zero, zero, x, y, one, -goal * x, -goal * y])
    system = np.where(levels[:, None], down, across)
    weight = base.copy()
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        h, *_ = np.linalg.lstsq(system * root, goal * root[:, 0], rcond=None)
        miss = np.abs(system @ h - goal) * size
        weight = base * np.minimum(1.0, TIGHT / np.maximum(miss, 1e-9))
    unit = np.diag([1 / size, 1 / size, 1.0])
    matrix = np.linalg.inv(unit) @ np.append(h, 1.0).reshape(3, 3) @ unit
    return np.asarray(matrix / matrix[2, 2], dtype=np.float64)


def neighbours(
    centre: NDArray[np.float64], shift: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(fields, 2) what each field's neighbours say it is moved: a weighted median of those known.

    Parameters
    ----------
    centre, shift : (fields, 2) millimetres
    known : (fields, 2) along which of x and y a field's own lines say it
    """
    apart = np.hypot(*(centre[:, None] - centre[None]).transpose(2, 0, 1))
    weight = np.exp(-0.5 * (apart / NEIGHBOUR) ** 2) + 1e-6
    np.fill_diagonal(weight, 0)
    out = np.zeros_like(shift)
    for axis in (0, 1):
        at = np.flatnonzero(known[:, axis])
        if not len(at):
            continue
        order = at[np.argsort(shift[at, axis], kind="stable")]
        share = np.cumsum(weight[:, order], axis=1)
        total = share[:, -1:]
        middle = (share >= total / 2).argmax(axis=1)
        out[:, axis] = np.where(total[:, 0] > 0, shift[order, axis][middle], 0.0)
    return out


def bent(
    centre: NDArray[np.float64],
    snapped: Snapped,
    known: NDArray[np.bool_],
    most: float,
) -> NDArray[np.bool_]:
    """(fields,) whether a field was moved otherwise than its neighbours, by more than `most` mm."""
    if known.any(axis=1).sum() < 3:
        return np.zeros(len(centre), dtype=bool)
    away = np.abs(snapped.shift - neighbours(centre, snapped.shift, known))
    return np.asarray((np.where(known, away, 0.0) > most).any(axis=1))


def moves_of(
    edges: Edges, snapped: Snapped, corners: NDArray[np.float64], owner: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each corner of each box is moved by its own field's lines, and what is left.

    Along x: shift + stretch x; along y: shift + stretch y + turn x. The lines of one field say no
    more than this.

    Parameters
    ----------
    corners : (boxes, 4, 2) millimetres
    owner : (boxes,) field of each box

    Returns
    -------
    (boxes, 4, 2) millimetres, and (n,) what each edge then misses (NaN where it was not seen).
    """
    moved = np.zeros_like(corners)
    left = np.full(len(edges.field), np.nan)
    middle = edges.middle
    for field in np.unique(edges.field):
        boxes = owner == field
        origin = corners[boxes].reshape(-1, 2).mean(axis=0)
        for axis in (0, 1):
            at = np.flatnonzero(
                (edges.field == field) & (edges.across == axis) & np.isfinite(snapped.offset)
            )
            start = np.array([snapped.shift[field, axis], snapped.stretch[field, axis], 0.0])
            terms = _terms(middle[at] - origin, axis)
            fitted = _ridge(terms, snapped.offset[at], start)
            left[at] = snapped.offset[at] - terms @ fitted
            inner = _terms((corners[boxes] - origin).reshape(-1, 2), axis) @ fitted
            moved[boxes, :, axis] = inner.reshape(-1, 4)
    return moved, left


def _terms(point: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    other = point[:, 0] if axis == 1 else np.zeros(len(point))
    return np.column_stack([np.ones(len(point)), point[:, axis], other])


def _ridge(
    terms: NDArray[np.float64], goal: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares from a start that costs nothing, with one robust repetition.

    The penalties are those of an edge measured to 0.1 mm against a shift known to 0.15 mm, and a
    stretch and a turn known to 1 %.
    """
    penalty = np.diag([(0.1 / 0.15) ** 2, (0.1 / 0.01) ** 2, (0.1 / 0.01) ** 2])
    weight = np.ones(len(goal))
    fitted: NDArray[np.float64] = start
    for _ in range(3):
        normal = terms.T @ (terms * weight[:, None]) + penalty
        right = terms.T @ (weight * goal) + penalty @ start
        fitted = np.asarray(np.linalg.solve(normal, right), dtype=np.float64)
        miss = np.abs(goal - terms @ fitted)
        weight = np.minimum(1.0, 0.08 / np.maximum(miss, 1e-9))
    return fitted
