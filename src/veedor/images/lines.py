"""The printed lines of a form's fields: where they should lie, and where they do on a scan.

One homography leaves about five pixels of error on real scans (a sheet is not flat, a feeder does
not run evenly), so each field is moved onto its own lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.blank import Line
from veedor.images.template import FormField, Template

__all__ = ["PIXELS_PER_MM", "Edges", "Measured", "edges_of", "measure", "ridge", "snap"]

PIXELS_PER_MM = 8
"""Resolution at which lines are looked for: 203 dots per inch."""
FLANK = 0.9
"""Millimetres on either side of a line within which there must be paper."""
FULL = 60
"""Darkness above its flanks, of 255, from which a line counts in full; fainter ones in part."""
ENOUGH = 0.6
"""Share of a line of the sheet's usual strength from which a line is there."""
PALEST = 0.5
"""Share of a full line that the palest print has that is believed."""
STRETCH = (-0.01, -0.005, 0.0, 0.005, 0.01)
"""Scales that are tried for each field."""
BESIDE = 3.0
"""Millimetres around a field without boxes in which other printed lines say where it is."""
NEAR = 0.4
"""Millimetres around the place of a field's lines in which each is measured by itself."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Printed lines of a template's boxes, in millimetres; n in all, ordered by field.

    Attributes
    ----------
    field, box : (n,) int64, of which field, and of which box of the template
    across : (n,) int64, 0 for an upright line (its place is an x), 1 for a level one (a y)
    place : (n,) where it lies
    start, end : (n,) from where to where it runs
    """

    field: NDArray[np.int64]
    box: NDArray[np.int64]
    across: NDArray[np.int64]
    place: NDArray[np.float64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]

    def of(self, at: NDArray[np.bool_]) -> Edges:
        """Some of them."""
        return Edges(*(getattr(self, name)[at] for name in self.__slots__))

    @property
    def middle(self) -> NDArray[np.float64]:
        """(n, 2) the middle of each."""
        along = (self.start + self.end) / 2
        level = self.across == 1
        return np.column_stack(
            [np.where(level, along, self.place), np.where(level, self.place, along)]
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What a scan shows across each edge.

    Attributes
    ----------
    profile : (n, 2 * reach + 1) float32, share of a full line at each step of a pixel away
    reach : pixels to either side
    """

    profile: NDArray[np.float32]
    reach: int


@dataclass(frozen=True, slots=True)
class Snapped:
    """Fields moved onto their lines; lengths in millimetres, in the frame that was measured.

    Attributes
    ----------
    score : (fields,) share of the field's lines that are there, on the worst of its sides; NaN
        where the field has none
    shift, stretch : (fields, 2) along x and y, 0 where there are no lines of that direction
    offset : (n,) how far each edge lies from its place, NaN where it was not seen
    """

    score: NDArray[np.float64]
    shift: NDArray[np.float64]
    stretch: NDArray[np.float64]
    offset: NDArray[np.float64]


def edges_of(template: Template, lines: Sequence[Line] = ()) -> Edges:
    """The lines that the template says are printed around its boxes.

    Parameters
    ----------
    lines : of the empty form; those around a field serve where its boxes have no lines
    """
    cells, owner = template.cells, template.owner
    rows: list[tuple[float, ...]] = []
    for box, (x, y, width, height) in enumerate(cells):
        printed = template.fields[owner[box]].printed
        if printed in ("boxes", "guides"):
            rows += [
                (owner[box], box, 0, x, y, y + height),
                (owner[box], box, 0, x + width, y, y + height),
                (owner[box], box, 1, y, x, x + width),
            ]
        if printed in ("boxes", "guides", "line"):
            rows.append((owner[box], box, 1, y + height, x, x + width))
    for number, field in enumerate(template.fields):
        if field.printed in ("none", "line"):
            rows += _around_field(number, int(np.argmax(owner == number)), field, lines)
    rows.sort(key=lambda row: row[0])
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    whole = table[:, :3].astype(np.int64)
    return Edges(whole[:, 0], whole[:, 1], whole[:, 2], table[:, 3], table[:, 4], table[:, 5])


def _around_field(
    number: int, box: int, field: FormField, lines: Sequence[Line]
) -> list[tuple[float, ...]]:
    """Lines of the empty form that run past a field within `BESIDE`, cut to its length."""
    low, high = (field.x, field.y), (field.x + field.width, field.y + field.height)
    found: list[tuple[float, ...]] = []
    for line in lines:
        along = 0 if line.across == 1 else 1
        away = max(low[line.across] - line.place, line.place - high[line.across])
        start = max(line.start, low[along] - BESIDE)
        end = min(line.end, high[along] + BESIDE)
        own = field.printed == "line" and line.across == 1 and abs(away) < 0.5
        if away <= BESIDE and not own and end - start > 0.5 * (high[along] - low[along]):
            found.append((number, box, line.across, line.place, start, end))
    return found


def measure(
    dark: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    edges: Edges,
    *,
    reach: float,
) -> Measured:
    """Profiles across edges.

    Parameters
    ----------
    dark : (height, width) uint8 of the scan, 0 paper to 255 black
    matrix : (3, 3) from millimetres to pixels
    reach : millimetres to either side
    """
    steps = round(reach * PIXELS_PER_MM)
    profile = np.zeros((len(edges.field), 2 * steps + 1), np.float32)
    for field in np.unique(edges.field):
        at = np.flatnonzero(edges.field == field)
        profile[at] = _field(dark, matrix, edges, at, reach, steps)
    return Measured(profile, steps)


def _field(
    dark: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    edges: Edges,
    at: NDArray[np.int64],
    reach: float,
    steps: int,
) -> NDArray[np.float32]:
    """Profiles of one field's edges."""
    level = edges.across[at] == 1
    xs = np.concatenate([edges.place[at][~level], edges.start[at][level], edges.end[at][level]])
    ys = np.concatenate([edges.place[at][level], edges.start[at][~level], edges.end[at][~level]])
    around = reach + FLANK + 0.3
    left, top = xs.min() - around, ys.min() - around
    scale = PIXELS_PER_MM
    size = round((xs.max() - left + around) * scale), round((ys.max() - top + around) * scale)
    # Pixel k of the view has its middle at left + (k + 0.5) / scale.
    to_page = np.array(
        [[1 / scale, 0, left + 0.5 / scale], [0, 1 / scale, top + 0.5 / scale], [0, 0, 1]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpPerspective(dark, matrix @ to_page, size, flags=flags)
    found = np.empty((len(at), 2 * steps + 1), np.float32)
    for direction, origin, other in ((0, left, top), (1, top, left)):
        mine = np.flatnonzero(edges.across[at] == direction)
        if not len(mine):
            continue
        peaks = ridge(np.asarray(view if direction == 0 else view.T, dtype=np.uint8))
        some = at[mine]
        start = np.floor((edges.start[some] - other) * scale + 4).astype(int)
        end = np.ceil((edges.end[some] - other) * scale - 4).astype(int)
        row = np.arange(peaks.shape[0])
        along = (row >= start[:, None]) & (row < end[:, None])
        mean = (along / np.maximum(end - start, 1)[:, None]).astype(np.float32) @ peaks
        found[mine] = _around(mean, (edges.place[some] - origin) * scale - 0.5, steps)
    return found


def ridge(view: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far each pixel is a dark upright line between lighter flanks, 0 to 1.

    Parameters
    ----------
    view : (height, width) uint8 at `PIXELS_PER_MM`, 0 paper to 255 black
    """
    width = round(FLANK * PIXELS_PER_MM)
    inner = 2
    kernel = np.ones((1, width - inner + 1), np.uint8)
    # The lightest of the pixels `inner` to `width` away, on each side.
    before = cv2.erode(view, kernel, anchor=(width - inner, 0), borderType=cv2.BORDER_REPLICATE)
    after = cv2.erode(view, kernel, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    flank = np.full_like(view, 255)
    flank[:, inner:-inner] = np.maximum(before[:, : -2 * inner], after[:, 2 * inner :])
    return np.minimum(cv2.subtract(view, flank), FULL).astype(np.float32) / np.float32(FULL)


def _around(
    rows: NDArray[np.float32], place: NDArray[np.float64], steps: int
) -> NDArray[np.float32]:
    """(n, 2 * steps + 1) of each row around its place, between pixels by a straight line."""
    whole = np.floor(place).astype(int)
    part = (place - whole)[:, None]
    at = np.clip(whole[:, None] + np.arange(-steps, steps + 2), 0, rows.shape[1] - 1)
    seen = np.take_along_axis(rows, at, axis=1)
    between: NDArray[np.float32] = (1 - part) * seen[:, :-1] + part * seen[:, 1:]
    return between.astype(np.float32)


def snap(edges: Edges, measured: Measured, fields: int, *, slack: float) -> Snapped:
    """Move each field, and stretch it a little, to where its lines are.

    Parameters
    ----------
    fields : how many the template has
    slack : millimetres of a move that cost a tenth of the score: what the coarse place may miss
    """
    count = np.zeros((fields, 2))
    np.add.at(count, (edges.field, edges.across), 1)
    total = np.zeros((fields, 2))
    np.add.at(total, (edges.field, edges.across), edges.place)
    centre = total / np.maximum(count, 1)
    lever = edges.place - centre[edges.field, edges.across]
    moves, scales = _search(edges, measured, lever, count, slack)
    foretold = moves[edges.field, edges.across] + scales[edges.field, edges.across] * lever
    offset, there = _offsets(measured, foretold)
    # Pale or dotted print gives each line a part of a full one, another form's boxes give a part
    # of the lines in full: a part of a line above `ENOUGH` is a line.
    strength = float(np.clip(np.percentile(there, 75), PALEST, 1)) if len(there) else 1.0
    seen = np.minimum(there / (ENOUGH * strength), 1)
    return Snapped(_worst(edges, lever, seen, fields), moves, scales, offset)


def _worst(
    edges: Edges, lever: NDArray[np.float64], seen: NDArray[np.float64], fields: int
) -> NDArray[np.float64]:
    """(fields,) share of lines on the worst of a field's sides; NaN where it has no lines.

    By sides, for a field that is moved onto a rule of the form has one side and not the other.
    """
    side = (edges.field, edges.across, (lever > 0).astype(int))
    sums, count = np.zeros((fields, 2, 2)), np.zeros((fields, 2, 2))
    np.add.at(sums, side, seen)
    np.add.at(count, side, 1)
    share = np.where(count > 0, sums / np.maximum(count, 1), np.inf).min(axis=(1, 2))
    return np.where(np.isfinite(share), share, np.nan)


def _search(
    edges: Edges,
    measured: Measured,
    lever: NDArray[np.float64],
    count: NDArray[np.float64],
    slack: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and stretch, each (fields, 2), that fit the profiles best."""
    reach, steps = measured.reach, np.arange(-measured.reach, measured.reach + 1)
    smooth = cv2.blur(measured.profile, (3, 1), borderType=cv2.BORDER_CONSTANT)
    smooth = np.minimum(1.0, 1.5 * smooth)
    best = np.full((*count.shape,), -np.inf)
    moves, scales = np.zeros(count.shape), np.zeros(count.shape)
    cost = 0.1 * (steps / PIXELS_PER_MM / slack) ** 2
    for stretch in STRETCH:
        shift = np.round(stretch * lever * PIXELS_PER_MM).astype(int)
        at = steps[None] + reach + shift[:, None]
        inside = (at >= 0) & (at < len(steps))
        seen = np.where(inside, np.take_along_axis(smooth, np.clip(at, 0, len(steps) - 1), 1), 0)
        sums = np.zeros((*count.shape, len(steps)))
        np.add.at(sums, (edges.field, edges.across), seen)
        share = sums / np.maximum(count, 1)[:, :, None]
        worth = share - cost - 0.02 * abs(stretch) / 0.01
        k = worth.argmax(axis=2)
        top = np.take_along_axis(worth, k[:, :, None], 2)[:, :, 0]
        better = (top > best) & (count > 0)
        best[better] = top[better]
        moves[better] = steps[k][better] / PIXELS_PER_MM
        scales[better] = stretch
    return moves, scales


def _offsets(
    measured: Measured, foretold: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each edge is by itself, to a part of a pixel, and how much of a line is foretold right.

    (n,) millimetres, NaN where less than 0.3 of a line is seen near, and (n,) share of a full line
    within a pixel of the foretold place.
    """
    reach, near = measured.reach, round(NEAR * PIXELS_PER_MM)
    middle = np.round(foretold * PIXELS_PER_MM).astype(int) + reach
    padded = np.pad(measured.profile, ((0, 0), (near + 1, near + 1)))
    smooth = cv2.blur(padded, (3, 1))
    at = np.clip(middle, 0, 2 * reach)[:, None] + np.arange(2 * near + 3)
    seen = np.take_along_axis(smooth, at, axis=1).astype(np.float64)
    k = seen[:, 1:-1].argmax(axis=1) + 1
    rows = np.arange(len(k))
    low, top, high = seen[rows, k - 1], seen[rows, k], seen[rows, k + 1]
    bend = low - 2 * top + high
    part = np.where(bend < -1e-6, 0.5 * (low - high) / np.minimum(bend, -1e-6), 0.0)
    place = np.clip(middle, 0, 2 * reach) - reach + k - 1 - near + np.clip(part, -0.5, 0.5)
    there = np.minimum(1.5 * seen[:, near : near + 3].max(axis=1), 1.0)
    return np.where(top >= 0.3, place / PIXELS_PER_MM, np.nan), there
