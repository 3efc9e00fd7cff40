"""From boxes to fields: which number each says, how surely, and what the form's sums add to that.

Two readings are given of each field, and never mixed. The first is by its own boxes. The second is
by all fields together, for a form says that some of them add up to others; it may settle a reading
that was unsure, and never changes one that was sure (SURE): a form on which the digits are plain
and the sums do not hold is a fact to be reported, and a reader that repaired it would hide just
what an audit looks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.cells import MARGIN_MM, PIXELS_PER_MM
from veedor.images.glyph import LEAST, SIDE
from veedor.images.reader import Reads
from veedor.images.sheet import CLASSES, Cell, FieldReading, State
from veedor.images.sums import EMPTY, UNKNOWN, Candidates, cost_of_sums, jointly
from veedor.images.template import FormField, Template

__all__ = ["ALTERED", "SURE", "Decoded", "box_probabilities", "decode", "glyphs_of"]

SURE = 0.99
"""A field read by its own boxes with at least this probability keeps its value."""
ALTERED = 0.5
"""At this much of `Reads.altered` a box counts as struck or written over."""
KEPT = 24
"""Values of a field that are weighed against the sums."""
NO_INK = 0.998
"""Probability that a box without ink was left empty: faint ink may have been lost."""
LOST = 0.9
"""Probability that a box was written in that is dark though no ink of its own was made out."""
INSIDE, DARKER, STROKE = 0.1, 0.28, 0.4
"""How far within a box, as a share of the cell, ink is looked for that was lost; how much darker
than paper it is; and how many square millimetres of it are a stroke."""
LINE, NEAR = 0.6, 0.7
"""Millimetres: the widest that a printed line is, and how far from its place it may be seen."""
SMALLEST = 0.14
"""No digit is smaller than this share of its cell's height; a dot is."""
SMALL, FAINT = 0.3, 0.55
"""Ink smaller than this share of the height is no filler where it is fainter than this share of the
sheet's pen: dust, or what shows through."""
UNDECLARED = 0.05
"""What is left of the probability of a filler where the rules admit none."""
TRAILING = 0.9
"""Boxes left empty after a number: it may stand on the left, or have lost its last digits."""
_BEAM, _FAINT = 64, 1e-6
_EMPTY, _FILLER, _STRUCK, _OVER, _UNREADABLE = range(10, 15)
_LETTERS = "0123456789_-x#?"
_States = dict[tuple[str, int], float]
"""What was written so far and the number so far, with the probability of each."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The fields of one form.

    Attributes
    ----------
    fields : in the template's order
    consistent : the values by themselves obey the form's sums; None where they cannot be told
    cost : nats that the sums cost against the reading by itself; None where no sum can be told
    """

    fields: tuple[FieldReading, ...]
    consistent: bool | None
    cost: float | None


def glyphs_of(cells: Sequence[Cell]) -> NDArray[np.uint8]:
    """The glyphs of the cells that have ink, in order, for the reader: (n, 40, 40)."""
    some = [cell.glyph for cell in cells if cell.glyph is not None]
    return np.stack(some) if some else np.zeros((0, SIDE, SIDE), np.uint8)


def _largest(ink: NDArray[np.float32]) -> tuple[float, float]:
    """The largest connected piece of ink: its longer side as a share of the cell's height, and how
    dark it is beside the sheet's own pen.

    Pieces as straight and thin as a printed line, and where one is, do not count.
    """
    _, labels, found, _ = cv2.connectedComponentsWithStats((ink >= LEAST).astype(np.uint8))
    start, size = found[1:, :2], found[1:, 2:4]
    middle, cell = start + size / 2, np.array(ink.shape[::-1])
    edge = MARGIN_MM * PIXELS_PER_MM
    away = np.minimum(abs(middle - edge), abs(cell - edge - middle))
    printed = (size <= LINE * PIXELS_PER_MM) & (away <= NEAR * PIXELS_PER_MM)
    area = np.where(printed.any(axis=1), 0, found[1:, cv2.CC_STAT_AREA])
    if not area.any():
        return 0.0, 0.0
    dark = np.quantile(ink[labels == 1 + area.argmax()], 0.9)
    return float(size[area.argmax()].max() / ink.shape[0]), float(dark)


def _above(by: float, width: float) -> float:
    """From 0 to 1 about zero."""
    return float(1 / (1 + np.exp(-np.clip(by / width, -30, 30))))


def box_probabilities(cell: Cell, p: NDArray[np.float32], fillers: bool) -> NDArray[np.float32]:
    """What one box with ink holds, given also how large its ink is and what the rules admit.

    A glyph has no size, so a dot looks to the reader like a blot, and a smear like a dot; here size
    and darkness come in again.

    Parameters
    ----------
    p : (classes,), the reader's
    fillers : the rules of this form let people write fillers

    Returns
    -------
    (classes,) float32
    """
    weight = np.ones(len(CLASSES))
    size, dark = _largest(cell.ink)
    weight[[*range(10), _STRUCK, _OVER, _UNREADABLE]] = _above(size - SMALLEST, 0.015)
    weight[_FILLER] = 1.0 if fillers else UNDECLARED
    if size < SMALL:
        weight[_FILLER] *= _above(dark - FAINT, 0.03)
    weighed = (p + 1e-7) * weight
    return np.asarray(weighed / weighed.sum(), np.float32)


def _dark(patch: NDArray[np.uint8]) -> float:
    """Square millimetres within a box, away from its lines, that are darker than its paper."""
    grey = cv2.GaussianBlur(patch.mean(axis=2).astype(np.float32), (0, 0), 1.0)
    inset = round(MARGIN_MM * PIXELS_PER_MM) + np.round(INSIDE * np.array(grey.shape)).astype(int)
    inner = grey[inset[0] : -inset[0], inset[1] : -inset[1]]
    if not inner.size:
        return 0.0
    dark = inner < (1 - DARKER) * np.quantile(inner, 0.9)
    return float(dark.sum()) / PIXELS_PER_MM**2


def _without_ink(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A box of which no ink was cut out; where the scan is dark in it, some was lost."""
    likely, kind = (LOST, _UNREADABLE) if _dark(patch) >= STROKE else (NO_INK, _EMPTY)
    p = np.full(len(CLASSES), (1 - likely) / (len(CLASSES) - 1))
    p[kind] = likely
    return p.astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """The boxes of one field.

    Attributes
    ----------
    p : (digits, classes) float32
    altered : (digits,) float32
    digit : (digits, 10) float32, which digit stands there: by itself, or over another one
    """

    p: NDArray[np.float32]
    altered: NDArray[np.float32]
    digit: NDArray[np.float32]


def _boxes_of(template: Template, cells: Sequence[Cell], reads: Reads) -> list[_Boxes]:
    """The boxes of each field; one that was not cut out cannot be read."""
    inked = sum(cell.glyph is not None for cell in cells)
    if inked != len(reads.p):
        raise ValueError(f"{inked} boxes have ink, and {len(reads.p)} readings were given")
    place = {f.id: k for k, f in enumerate(template.fields)}
    made = []
    for field in template.fields:
        p = np.zeros((field.digits, len(CLASSES)), np.float32)
        p[:, _UNREADABLE] = 1
        made.append(_Boxes(p, np.zeros(field.digits, np.float32), p[:, :10].copy()))
    row = -1
    for cell in cells:
        boxes, box = made[place[cell.field]], cell.box
        if cell.glyph is None:
            boxes.p[box] = _without_ink(cell.patch)
        else:
            row += 1
            boxes.p[box] = box_probabilities(cell, reads.p[row], bool(template.fillers))
            size = float(boxes.p[box][:10].sum() + boxes.p[box][[_STRUCK, _OVER]].sum())
            boxes.altered[box] = reads.altered[row] if size > 0.01 else 0
            boxes.digit[box] = reads.candidates[row]
        boxes.digit[box] = boxes.p[box][:10] + boxes.p[box][_OVER] * boxes.digit[box]
    return made


def _values(boxes: _Boxes, fillers: bool) -> Candidates:
    """What a field may say, with the probability of each, over all ways to write it.

    Before the first digit come empty boxes or fillers; after the last, fillers, or empty boxes at a
    price. All else, and what fell out of the beam, is UNKNOWN.
    """
    # Parts: nothing yet, fillers only, digits, ended.
    states: _States = {("blank", 0): 1.0}
    for p, digit in zip(boxes.p, boxes.digit, strict=True):
        after = _after(states, p, digit, fillers)
        kept = sorted(after.items(), key=lambda entry: -entry[1])[:_BEAM]
        states = {key: chance for key, chance in kept if chance > _FAINT**2}
    found: dict[int, float] = {}
    for (part, value), chance in states.items():
        if part == "filled" and not fillers:
            continue
        value = EMPTY if part == "blank" else value
        found[value] = found.get(value, 0.0) + chance
    best = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))[:KEPT]
    chances = [chance for _, chance in best]
    return Candidates(
        np.array([*(value for value, _ in best), UNKNOWN], np.int64),
        np.array([*chances, max(1 - sum(chances), 0.0)]),
    )


def _after(
    states: _States, p: NDArray[np.float32], digit: NDArray[np.float32], fillers: bool
) -> _States:
    """Where one more box leads."""
    after: _States = defaultdict(float)
    for (part, value), chance in states.items():
        empty, filler = chance * float(p[_EMPTY]), chance * float(p[_FILLER])
        if part in ("blank", "filled"):
            after[part, 0] += empty
            after["filled", 0] += filler
        else:
            after["ended", value] += filler if fillers else 0.0
            after["ended", value] += empty * (TRAILING if part == "digits" else 1.0)
        if part != "ended":
            for d in range(10):
                after["digits", 10 * value + d] += chance * float(digit[d])
    return after


def _letters(boxes: _Boxes) -> str:
    """One letter a box."""
    letters = ""
    for p, altered in zip(boxes.p, boxes.altered, strict=True):
        if altered >= ALTERED:
            letters += _LETTERS[_STRUCK if p[_STRUCK] > p[_OVER] else _OVER]
        else:
            letters += _LETTERS[int(p.argmax())]
    return letters


def _any(p: NDArray[np.float32]) -> float:
    """Probability that at least one box holds it."""
    return float(1 - np.prod(1 - p.astype(np.float64)))


def _by_itself(field: FormField, boxes: _Boxes, some: Candidates, fillers: bool) -> FieldReading:
    """A field by its own boxes."""
    text = _letters(boxes)
    number = some.value >= 0
    filler = float(np.prod(boxes.p[:, [_EMPTY, _FILLER]].sum(axis=1, dtype=np.float64)))
    filler = max(filler - float(np.prod(boxes.p[:, _EMPTY].astype(np.float64))), 0.0)
    masses: dict[State, float] = {
        "number": float(some.p[number].sum()) - (filler if fillers else 0.0),
        "empty": float(some.p[some.value == EMPTY].sum()),
        "filler": filler,
        "unreadable": float(some.p[some.value == UNKNOWN].sum()) - (0.0 if fillers else filler),
    }
    state: State = max(masses, key=lambda name: masses[name])
    value, p = None, masses[state]
    if state == "number" or (state == "filler" and fillers):
        best = int(np.flatnonzero(number)[some.p[number].argmax()])
        value, p = int(some.value[best]), float(some.p[best])
        if state == "filler":
            value, p = 0, float(some.p[some.value == 0].sum())
    if "x" in text:
        state, value, p = "struck", None, _any(boxes.p[:, _STRUCK])
    elif "#" in text:
        state = "overwritten"
        p = p if value is not None else _any(boxes.p[:, _OVER])
    return FieldReading(
        field.id, state, value, text, min(p, 1.0), None, None, boxes.p, boxes.altered
    )


def _seen(reading: FieldReading, some: Candidates) -> Candidates:
    """The candidates of a field for its cost: none where its value was struck out or is unread."""
    if reading.state in ("empty", "number", "filler") or reading.value is not None:
        return some
    return Candidates(np.array([UNKNOWN]), np.ones(1))


def _settled(reading: FieldReading, some: Candidates) -> Candidates:
    """The candidates of a field for the joint reading: a sure one has no other."""
    if reading.state == "struck":
        return Candidates(np.array([UNKNOWN]), np.ones(1))
    value = EMPTY if reading.state == "empty" else reading.value
    if value is not None and reading.p >= SURE:
        return Candidates(np.array([value]), np.ones(1))
    return some


def _told(readings: Mapping[str, FieldReading], template: Template) -> list[bool | None]:
    """Whether the values by themselves obey each sum; an empty part counts for nothing."""
    told: list[bool | None] = []
    for entry in template.sums:
        total = readings[entry.total].value
        parts = [
            0 if readings[name].state == "empty" else readings[name].value for name in entry.parts
        ]
        known = [v for v in parts if v is not None]
        lost = total is None or len(known) < len(parts)
        told.append(None if lost else sum(known) == total)
    return told


def _holds(told: Sequence[bool | None]) -> bool | None:
    """Whether sums hold, as far as they can be told."""
    return False if False in told else True if True in told else None


def decode(template: Template, cells: Sequence[Cell], reads: Reads) -> Decoded:
    """The fields of a form, by their own boxes and with the form's sums.

    Where a box was struck out the field has no value, for what it said was withdrawn; where one was
    written over it has the value of the upper digits, and its state says so, for who wrote them and
    when is not to be seen.

    Parameters
    ----------
    cells : as `veedor.images.cells.cut_cells` gives them, of the fields that were found; nothing
        is said of a field without cells, and of no sum with it
    reads : of the glyphs of those cells that have one, in order (`glyphs_of`)

    Raises
    ------
    ValueError
        There are more or fewer readings than boxes with ink.
    """
    fillers = bool(template.fillers)
    boxes = _boxes_of(template, cells, reads)
    some = [_values(one, fillers) for one in boxes]
    readings = [
        _by_itself(field, one, values, fillers)
        for field, one, values in zip(template.fields, boxes, some, strict=True)
    ]
    place = {f.id: k for k, f in enumerate(template.fields)}
    terms = [(place[s.total], tuple(place[n] for n in s.parts)) for s in template.sums]
    settled = [_settled(*pair) for pair in zip(readings, some, strict=True)]
    for at, p in jointly(settled, terms).items():
        best = int(p.argmax())
        value, own = int(settled[at].value[best]), readings[at]
        if value >= 0:
            # A sure reading stays, and is as sure as it was.
            chance = own.p if len(p) == 1 else float(p[best])
            readings[at] = replace(own, joint=value, p_joint=chance)
    cost = cost_of_sums([_seen(*pair) for pair in zip(readings, some, strict=True)], terms)
    told = _told({r.field: r for r in readings}, template)
    of = [{total, *parts} for total, parts in terms]
    fields = tuple(
        replace(one, holds=_holds([t for t, own in zip(told, of, strict=True) if k in own]))
        for k, one in enumerate(readings)
    )
    consistent = None if None in told and False not in told else _holds(told)
    return Decoded(fields, consistent, cost)
