"""A form filled in: digits of a hand, with the pen of the sheet, and all that is not digits.

Two streams of chance: what the hand gives, and how the sheet is written. The second knows nothing
of the first, so that pen, size, place and turn tell nothing of the writer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from veedor.images.template import FormField
from veedor.simulate.sheets import scribbles
from veedor.simulate.sheets.content import Mark, number
from veedor.simulate.sheets.forms import Layout, Words, blank, draw, stamp_code
from veedor.simulate.sheets.hands import DigitImage, Hand
from veedor.simulate.sheets.ink import digit_cover, lay, strokes_cover
from veedor.simulate.sheets.pens import Ease, Pen
from veedor.simulate.sheets.truth import BoxTruth, FieldTruth, Sheet, SheetTruth

Pixels = NDArray[np.uint8]
PADS = ((70, 60, 140), (40, 40, 46), (150, 50, 90), (50, 70, 150))
"""Colours of ink pads."""
SMALL = 0.45
"""Size of a digit that is written beside a struck one."""


@dataclass(frozen=True, slots=True)
class Other:
    """Who writes in a box in place of the clerk or the delegate, and with what.

    Attributes
    ----------
    pen : the sheet's where None
    all : writes everything in it; else what lies below an altered digit is the clerk's
    """

    hand: Hand
    pen: Pen | None = None
    all: bool = True


Others = Mapping[tuple[str, int], Other]


@dataclass(slots=True)
class Writer:
    """Everything that writing one sheet needs."""

    page: Pixels
    scale: float
    pen: Pen
    ease: Ease
    hands: np.random.Generator
    sheet: np.random.Generator
    loose: float = 1.0
    keys: list[str] = field(default_factory=list)

    def digit(self, image: DigitImage, box: NDArray[np.float64], pen: Pen, size: float = 1) -> None:
        """Write one digit into a box of left, top, width and height in millimetres."""
        left, top, width, height = box.tolist()
        rng, ease = self.sheet, self.ease
        tall = min(height, 1.5 * width) * ease.size * size
        tall *= float(np.exp(ease.vary * rng.standard_normal()))
        room = width * float(rng.uniform(0.8, 1.05))
        tall *= min(1.0, room / (tall * image.breadth))
        dx, dy = rng.standard_normal(2) * ease.place * np.array([width, height])
        middle = (left + width / 2 + dx * self.loose, top + height / 2 + dy)
        turn = ease.turn * float(rng.standard_normal())
        cover, x, y = digit_cover(
            image, pen, self.scale, height=tall, middle=middle, turn=turn, rng=rng
        )
        lay(self.page, cover, x, y, pen)
        self.keys.append(image.key)

    def lines(self, strokes: list[NDArray[np.float64]], pen: Pen | None = None) -> None:
        """Draw lines through points in millimetres."""
        pen = pen or self.pen
        cover, x, y = strokes_cover(strokes, pen, self.scale, self.sheet)
        lay(self.page, cover, x, y, pen)


def fill_boxes(
    w: Writer, field: FormField, row: tuple[Mark, ...], hand: Hand, others: Others
) -> tuple[BoxTruth, ...]:
    """Write one field."""
    found = []
    for at, (box, mark) in enumerate(zip(field.cells, row, strict=True)):
        w.keys = []
        other = others.get((field.id, at))
        top, pen = (other.hand, other.pen or w.pen) if other else (hand, w.pen)
        below = (hand, w.pen) if other and not other.all else (top, pen)
        _write(w, box, mark, (top, pen), below)
        label = str(mark.digit) if mark.kind == "digit" else mark.kind
        who = None if mark.kind == "empty" else top.id
        found.append(BoxTruth(label, mark.digit, mark.under, who, tuple(w.keys)))
    if len(row) > 1 and all(m.filler == "line" for m in row):
        _through(w, field.cells)
    else:
        for run in _lined(row):
            # By a chance of its own: whatever else stands on the sheet stays as it is.
            _through(replace(w, sheet=w.sheet.spawn(1)[0]), field.cells[run])
    return tuple(found)


def _lined(row: tuple[Mark, ...]) -> list[slice]:
    """The boxes that one line goes through, as often as there is one."""
    edges = np.diff([False, *(m.filler == "line" for m in row), False])
    at = np.flatnonzero(edges).tolist()
    return [slice(*ends) for ends in zip(at[::2], at[1::2], strict=True)]


def _write(
    w: Writer,
    box: NDArray[np.float64],
    mark: Mark,
    top: tuple[Hand, Pen],
    below: tuple[Hand, Pen],
) -> None:
    left, above, width, height = box.tolist()
    hand, pen = top
    if mark.under is not None:
        w.digit(below[0].take(mark.under, w.hands), box, below[1])
    if mark.kind == "filler":
        _filler(w, box, mark, pen)
    elif mark.kind in ("digit", "overwritten") and mark.digit is not None:
        w.digit(hand.take(mark.digit, w.hands), box, pen)
    elif mark.kind == "struck":
        w.lines(_strike(box, w.sheet), pen)
        if mark.beside and mark.digit is not None:
            place = np.array([left + 0.5 * width, above - 0.3 * height, width * 0.8, height])
            w.digit(hand.take(mark.digit, w.hands), place, pen, SMALL)
    elif mark.kind == "unreadable":
        both = [d for d in (mark.digit, mark.second) if d is not None]
        for i, d in enumerate(both):
            part = np.array([left + (0.04 + 0.46 * i) * width, above, 0.5 * width, height])
            w.digit(hand.take(d, w.hands), part, pen, 1.05)


def _filler(w: Writer, box: NDArray[np.float64], mark: Mark, pen: Pen) -> None:
    left, top, width, height = box.tolist()
    rng = w.sheet
    x, y = left + width / 2, top + height / 2
    dx, dy = rng.normal(0, 0.05, 2) * [width, height]
    half = width * float(rng.uniform(0.2, 0.34))
    tilt = float(rng.normal(0, 0.08)) * half
    if mark.filler == "dash":
        ends = [[x + dx - half, y + dy + tilt], [x + dx + half, y + dy - tilt]]
        w.lines([_shaky(np.array(ends), rng)], pen)
    elif mark.filler == "dot":
        turns = np.linspace(0, 4 * np.pi, 14)
        radius = float(rng.uniform(0.12, 0.4))
        ring = np.column_stack([np.cos(turns), np.sin(turns)]) * radius
        w.lines([ring * rng.uniform(0.2, 1, (14, 1)) + np.array([x + dx, y + dy])], pen)
    elif mark.filler == "cross":
        tall = height * float(rng.uniform(0.18, 0.32))
        for sign in (1, -1):
            ends = [[x + dx - half, y + dy - sign * tall], [x + dx + half, y + dy + sign * tall]]
            w.lines([_shaky(np.array(ends), rng)], pen)


def _through(w: Writer, boxes: NDArray[np.float64]) -> None:
    """One line through boxes beside each other."""
    rng = w.sheet
    height = float(boxes[0, 3])
    y = float(boxes[0, 1]) + height / 2
    left, right = float(boxes[0, 0]), float(boxes[-1, 0] + boxes[-1, 2])
    inset = 0.04 * (right - left)
    dy = rng.normal(0, 0.12, 2) * height
    w.lines([_shaky(np.array([[left + inset, y + dy[0]], [right - inset, y + dy[1]]]), rng)])


def _strike(box: NDArray[np.float64], rng: np.random.Generator) -> list[NDArray[np.float64]]:
    left, top, width, height = box.tolist()
    count = int(rng.integers(1, 4))
    found = []
    for i in range(count):
        y = top + height * (0.5 + 0.13 * (i - (count - 1) / 2))
        tilt = height * float(rng.normal(0.12, 0.1))
        ends = [[left + 0.06 * width, y + tilt], [left + 0.94 * width, y - tilt]]
        found.append(_shaky(np.array(ends), rng))
    return found


def _shaky(ends: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.linspace(0, 1, 7)[:, None]
    bend = rng.normal(0, 0.04, 2) * np.linalg.norm(ends[1] - ends[0])
    found: NDArray[np.float64] = ends[0] + t * (ends[1] - ends[0]) + np.sin(np.pi * t) * bend
    return found


def make_sheet(
    layout: Layout,
    marks: Mapping[str, tuple[Mark, ...]],
    hand: Hand,
    rng: np.random.Generator,
    *,
    station: str,
    delegate: Hand,
    pen: Pen,
    ease: Ease,
    others: Others | None = None,
    one_scribe: bool = False,
    dpi: float = 200,
) -> Sheet:
    """Fill in a form.

    Parameters
    ----------
    marks : field id -> what each box holds (`veedor.simulate.sheets.content.write_all`)
    hand : writes the clerk's fields
    station : official code
    delegate : writes the delegate's fields; may be the same hand
    pen, ease : of the sheet or the centre
    others : field and box -> who else writes there
    one_scribe : one person writes all the names
    """
    streams = rng.spawn(3)
    page = blank(layout, dpi)
    scale = dpi / 25.4
    for symbol in layout.symbols:
        stamp_code(page, symbol, station, scale)
    draw(page, [station_text(layout, station)], scale)
    loose = {"none": 1.6, "line": 1.2}
    w = Writer(page, scale, pen, ease, hands=streams[0], sheet=streams[1])
    fields = []
    for f in layout.template.fields:
        who = delegate if f.by == "delegate" else hand
        w.loose = loose.get(f.printed, 1.0)
        boxes = fill_boxes(w, f, marks[f.id], who, others or {})
        text = "".join(m.letter for m in marks[f.id])
        fields.append(FieldTruth(f.id, number(marks[f.id]), text, boxes))
    _rest(w, layout, fields, streams[2], one_scribe)
    truth = SheetTruth(station, layout.template.id, hand.id, delegate.id, pen, tuple(fields))
    return Sheet(page, truth, layout, dpi)


def station_text(layout: Layout, station: str) -> Words:
    """The printed code of the station."""
    at = layout.station
    return Words(at.x, at.y, at.size, station, anchor=at.anchor)


def recode(page: Pixels, layout: Layout, station: str, dpi: float) -> None:
    """Print the code of another station over a page, in place."""
    scale = dpi / 25.4
    at = layout.station
    half, long = at.size * 0.75, at.size * 5
    left = at.x - (long / 2 if at.anchor == "m" else 0.5)
    window = [round(v * scale) for v in (at.y - half, at.y + half, left, left + long)]
    page[window[0] : window[1], window[2] : window[3]] = layout.paper
    for symbol in layout.symbols:
        stamp_code(page, symbol, station, scale)
    draw(page, [station_text(layout, station)], scale)


def _rest(
    w: Writer,
    layout: Layout,
    fields: list[FieldTruth],
    rng: np.random.Generator,
    one_scribe: bool,
) -> None:
    """Words, bubbles, and the scribbles of private parts."""
    clerk = scribbles.draw_style(rng)
    for f in fields:
        if f.field in layout.words and f.value is not None:
            w.lines(scribbles.words(layout.words[f.field], rng, clerk))
        if f.field in layout.bubbles and f.value is not None:
            _bubbles(w, layout, f)
    pad = replace(w.pen, colour=PADS[int(rng.integers(len(PADS)))])
    for part in layout.template.private:
        x, y, width, height = part.rectangle
        if part.what == "fingerprint":
            size = (round(width * w.scale * 0.9), round(height * w.scale * 0.9))
            ink = scribbles.fingerprint(*size, rng)
            lay(w.page, ink, round((x + 0.05 * width) * w.scale), round(y * w.scale), pad)
        elif part.what == "signature":
            w.lines(scribbles.signature(part.rectangle, rng))
        else:
            style = clerk if one_scribe else scribbles.draw_style(rng)
            w.lines(scribbles.words(part.rectangle, rng, style))


def stamp_over(page: Pixels, rng: np.random.Generator, dpi: float) -> None:
    """Put an office's round stamp somewhere on a page, in place."""
    scale = dpi / 25.4
    ink = scribbles.stamp(round(float(rng.uniform(24, 38)) * scale), rng)
    ink = np.asarray(ink * rng.uniform(0.35, 0.85), dtype=np.float32)
    height, width = page.shape[:2]
    left, top = int(rng.integers(0, width - len(ink))), int(rng.integers(0, height - len(ink)))
    pad = Pen("stamp", "pad", 0.5, PADS[int(rng.integers(len(PADS)))], 1.0, 0.0, 0.1)
    lay(page, ink, left, top, pad)


def _bubbles(w: Writer, layout: Layout, f: FieldTruth) -> None:
    middles = layout.bubbles[f.field]
    radius = layout.bubble
    for line, c in zip(middles, str(f.value).rjust(len(middles)), strict=True):
        if c == " ":
            continue
        turns = np.linspace(0, 8 * np.pi, 40)
        reach = np.linspace(0.15, 0.9, 40) * radius
        spiral = np.column_stack([np.cos(turns) * reach, np.sin(turns) * reach])
        w.lines([spiral + line[int(c)] + w.sheet.normal(0, 0.15, 2)])
