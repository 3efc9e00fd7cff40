"""Taking printed lines out of a strip of a form, and carrying strokes over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Rule", "take_out", "unlisted"]

HALF = 6
"""Pixels on either side of a rule's middle in which its print may lie (0.75 mm)."""
SEEK = 2
"""Pixels by which one rule may lie off the place that its field gives it."""
FAINT = 0.05
"""Darkness below which a rule is not printed, or not seen."""
GREY = 0.4
"""Darkness of a rule below which ink on it stands out."""
CORE = 0.2
"""Darkness of a rule from which what is under it is taken from its two sides."""
SHORTEST = 8
"""Pixels that a rule has at least."""
ALONG = 60
"""Percentile along a rule that is taken for its print: strokes cross less of it than the rest, and
the steps of a slightly turned rule in two tones move less of it than this."""
LINE = 0.15
"""Darkness along a strip from which there is a line that the template does not name ..."""
INSET = 4
"""... unless it lies so many pixels within the boxes: there people write."""
BARE = 30
"""The same for finding a rule by what of it no stroke runs along."""
ASIDE = 2
"""Pixels beside a rule in which what is left is taken for crumbs of it, if nothing else."""
SLANT = 5
"""Pixels along a rule by which a stroke may move while it crosses."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A printed line: 1 level or 0 upright, where it lies, and from where to where, in pixels."""

    across: int
    place: float
    start: float
    end: float


def take_out(
    dark: NDArray[np.float32], rules: Sequence[Rule]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Darkness without the rules' print.

    What lies beside a rule's middle is lessened by the print there; what lies under it is
    the darker of what the print leaves and what crosses it: ink on both sides, joined by a straight
    stroke. Upright rules first, so that level ones, carried over them, are taken out after.

    Parameters
    ----------
    dark : (height, width) float32, 0 paper to 1 black

    Returns
    -------
    The darkness, and (height, width) whether a rule was printed there or next to it.
    """
    out = dark.copy()
    printed = np.zeros(dark.shape, dtype=bool)
    for across in (0, 1):
        view = out if across == 1 else out.T
        marks = printed if across == 1 else printed.T
        mine = _once([rule for rule in rules if rule.across == across], view.shape[0])
        if not mine:
            continue
        shape = _profile([_rows(view, rule, 0) for rule in mine])
        if shape.max() >= FAINT:
            shifted = np.array([np.roll(shape, lag) for lag in range(-SEEK - 1, SEEK + 2)])
            for rule in mine:
                _remove(view, marks, rule, shifted)
    return out, printed


def unlisted(dark: NDArray[np.float32], boxes: NDArray[np.int64]) -> list[Rule]:
    """Lines across a whole strip, outside its boxes, that no template names: those of a table.

    Parameters
    ----------
    dark : (height, width) float32 without the rules that are known
    boxes : (boxes, 4) left, top, width, height in pixels
    """
    low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    found: list[Rule] = []
    for across in (0, 1):
        view = dark if across == 1 else dark.T
        # Along the boxes alone: beyond them other lines begin.
        part = view[:, low[1 - across] : high[1 - across]]
        print_ = _along(part, BARE)
        for place in range(HALF, len(print_) - HALF):
            inside = low[across] + INSET < place < high[across] - INSET
            near = print_[place - HALF : place + HALF + 1]
            if inside or print_[place] < LINE or print_[place] < near.max():
                continue
            if max(near[0], near[-1]) < 0.5 * print_[place]:
                found.append(Rule(across, float(place), 0.0, float(view.shape[1])))
    return found


def _once(rules: Sequence[Rule], height: int) -> list[Rule]:
    """Rules within the strip, those printed for two boxes once."""
    kept: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (r.place, r.start)):
        same = any(
            abs(rule.place - k.place) < 4
            and min(rule.end, k.end) - max(rule.start, k.start) > 0.5 * (rule.end - rule.start)
            for k in kept
        )
        if not same and HALF + SEEK < rule.place < height - HALF - SEEK - 1:
            kept.append(rule)
    return kept


def _rows(view: NDArray[np.float32], rule: Rule, shift: int) -> NDArray[np.float32]:
    """(2 HALF + 1, length) around a rule, without its ends, where others meet it."""
    middle = round(rule.place) + shift
    start, end = max(round(rule.start) + 4, 0), min(round(rule.end) - 3, view.shape[1])
    part: NDArray[np.float32] = view[middle - HALF : middle + HALF + 1, start : max(end, start)]
    return part


def _profile(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(2 HALF + 1,) darkness across the rules of a strip: their median, that no stroke counts."""
    aligned = []
    for part in parts:
        if part.shape[1] >= SHORTEST:
            low = _along(part, ALONG)
            lag = int(low[HALF - SEEK : HALF + SEEK + 1].argmax()) - SEEK
            aligned.append(np.roll(low, -lag))
    if not aligned:
        return np.zeros(2 * HALF + 1, np.float32)
    profile = np.median(aligned, axis=0)
    return np.asarray(np.clip(profile - _quarter(profile), 0, 1), dtype=np.float32)


def _along(part: NDArray[np.float32], percent: int) -> NDArray[np.float32]:
    """A percentile along each row, without interpolation."""
    k = part.shape[1] * percent // 100
    found: NDArray[np.float32] = np.partition(part, k, axis=1)[:, k]
    return found


def _quarter(values: NDArray[np.floating]) -> float:
    return float(np.sort(values)[len(values) // 4])


def _remove(
    view: NDArray[np.float32], marks: NDArray[np.bool_], rule: Rule, shifted: NDArray[np.float32]
) -> None:
    """Take one rule out of a strip, in place.

    Parameters
    ----------
    shifted : (2 SEEK + 3, 2 HALF + 1) the profile of the strip's rules, moved pixel by pixel
    """
    part = _rows(view, rule, 0)
    if part.shape[1] < SHORTEST:
        return
    bare, low = _along(part, BARE), _along(part, ALONG)
    best = 1 + int((shifted[1:-1] @ bare - 0.01 * abs(np.arange(-SEEK, SEEK + 1))).argmax())
    # Its own print, but no more of it than the strip's rules have: a stroke may run along it.
    most = shifted[best - 1 : best + 2].max(axis=0) * 1.2 + 0.05
    own = np.minimum(np.maximum(low - _quarter(bare), 0), most)
    middle = round(rule.place)
    start, end = max(round(rule.start) - 3, 0), min(round(rule.end) + 4, view.shape[1])
    rows = slice(middle - HALF, middle + HALF + 1)
    print_ = own.astype(np.float32)[:, None]
    seen = view[rows, start:end]
    left = np.clip((seen - print_) / np.maximum(1 - print_, 0.15), 0, 1)
    core = np.flatnonzero(own >= min(CORE, 0.5 * float(own.max())))
    if len(core) and own.max() >= FAINT:
        first, last = int(core[0]), int(core[-1])
        crossing = _carry(
            left[max(first - 2, 0) : first], left[last + 1 : last + 3], last - first + 1
        )
        if own.max() < GREY:
            # Grey print under dark ink leaves a difference that counts; black print leaves noise.
            np.maximum(crossing, left[first : last + 1], out=crossing)
        left[first : last + 1] = np.minimum(crossing, seen[first : last + 1])
        beside = slice(max(middle - HALF + first - ASIDE, 0), middle - HALF + last + 1 + ASIDE)
        marks[beside, max(start - ASIDE, 0) : end + ASIDE] = True
    view[rows, start:end] = left


def _carry(
    above: NDArray[np.float32], below: NDArray[np.float32], rows: int
) -> NDArray[np.float32]:
    """(rows, length) what crosses a rule, from what lies on both its sides.

    For each slant, a pixel is as dark as the lighter of the two ends of the straight line through
    it; over slants, as dark as the darkest.
    """
    if not len(above) or not len(below):
        return np.zeros((rows, above.shape[1]), np.float32)
    length = above.shape[1]
    ends = np.zeros((2, length + 2 * SLANT), np.float32)
    ends[0, SLANT:-SLANT], ends[1, SLANT:-SLANT] = above.max(axis=0), below.max(axis=0)
    slant = np.arange(-SLANT, SLANT + 1)[:, None]
    part = np.arange(1, rows + 1) / (rows + 1)
    up = np.round(SLANT - slant * part).astype(int)
    down = np.round(SLANT + slant * (1 - part)).astype(int)
    windows = sliding_window_view(ends, length, axis=1)
    return np.asarray(np.minimum(windows[0, up], windows[1, down]).max(axis=0), dtype=np.float32)
