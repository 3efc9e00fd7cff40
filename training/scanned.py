"""Digits of known writers as they come off scans: written on forms, scanned, found and cut out.

Nothing is drawn for the comparison of hands alone: the forms, pens and pictures are those of
`veedor.simulate.sheets`, and everything after is what an audit does to a scan: of the boxes count
those that are read as a digit without doubt, under the digit that was read. Pen, haste and device
are drawn for each sheet, without regard to who writes it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.handwriting.digits import Digits
from veedor.handwriting.features import describe
from veedor.handwriting.strokes import UNBROKEN, unbroken
from veedor.images.cells import cut_cells
from veedor.images.quality import judge
from veedor.images.reader import Reader
from veedor.images.reading import ALTERED, SURE
from veedor.images.registration import Registrar
from veedor.simulate.sheets import Pool, blank, degrade, draw_ease, draw_pen, layout, make_sheet
from veedor.simulate.sheets.content import EMPTY, Mark

__all__ = ["Scanned", "scanned"]

OPTIONS = 8


@dataclass(frozen=True, slots=True)
class Scanned:
    """Digits on sheets of known writers, as they were read.

    Attributes
    ----------
    features : (n, features) float16
    digit : (n,) int64, that was read
    wrong : (n,) bool, another one stands there
    sheet : (n,) int64, from 0
    written : (sheets,) int64, digits on the sheet
    unbroken : (sheets,) float64, mean over its digits of `veedor.handwriting.strokes`
    writer, series, turn : (sheets,) int64; `turn` numbers the draws of a writer's digits, each of
        which gives two sheets with no digit in common
    family, form, grade : (sheets,) text; both sheets of a draw are of one form
    lost : sheets that were not read: refused, or the form was not found, or no digit was read
    """

    features: NDArray[np.float16]
    digit: NDArray[np.int64]
    wrong: NDArray[np.bool_]
    sheet: NDArray[np.int64]
    written: NDArray[np.int64]
    unbroken: NDArray[np.float64]
    writer: NDArray[np.int64]
    series: NDArray[np.int64]
    turn: NDArray[np.int64]
    family: NDArray[np.str_]
    form: NDArray[np.str_]
    grade: NDArray[np.str_]
    lost: int

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Sheets on whose strokes hands can be compared."""
        found: NDArray[np.bool_] = self.unbroken >= UNBROKEN
        return found


def _marks(template: Any, left: NDArray[np.int64], most: int, rng: np.random.Generator) -> dict:
    """Boxes filled with digits that the hand still has, as many of each as it has of them."""
    some = rng.permutation(np.repeat(np.arange(10), left))[:most].tolist()
    boxes = [Mark("digit", int(some.pop())) if some else EMPTY for _ in template.cells]
    ends = np.cumsum([f.digits for f in template.fields])
    rows = np.split(np.arange(len(boxes)), ends[:-1])
    return {
        f.id: tuple(boxes[i] for i in row) for f, row in zip(template.fields, rows, strict=True)
    }


def _sheets(
    digits: Digits,
    forms: list,
    families: tuple[str, ...],
    turns: int,
    rng: np.random.Generator,
    paired: bool,
) -> Iterator[tuple]:
    for turn in range(turns):
        for hand in Pool.of_nist(digits).hands:
            whole = int(hand.left().sum())
            form = forms[int(rng.integers(len(forms)))]
            for side in range(2):
                marks = _marks(form.template, hand.left(), whole // 2, rng)
                sheet = make_sheet(
                    form, marks, hand, rng, station="100001", delegate=hand, pen=draw_pen(rng),
                    ease=draw_ease(rng),
                )  # fmt: skip
                family = families[side] if paired else str(rng.choice(families))
                scan = degrade(sheet.page, family, rng, two_tones=form.bitonal)  # type: ignore[arg-type]
                yield turn, hand, family, sheet, scan


def scanned(
    digits: Digits,
    layouts: tuple[str, ...],
    families: tuple[str, ...],
    turns: int,
    seed: int,
    *,
    paired: bool = False,
    file: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Scanned:
    """Two sheets of each writer, `turns` times over, with all of the writer's digits on them.

    Parameters
    ----------
    paired : the first sheet of each draw is of the first family, the second of the second
    file : where the result is kept, and taken from if it is there
    """
    if file is not None and file.is_file():
        with np.load(file) as kept:
            return Scanned(
                **{k: kept[k] for k in kept.files if k != "lost"}, lost=int(kept["lost"])
            )
    found = _scanned(digits, layouts, families, turns, seed, say, paired)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **{name: getattr(found, name) for name in Scanned.__slots__})
    return found


def _scanned(
    digits: Digits,
    layouts: tuple[str, ...],
    families: tuple[str, ...],
    turns: int,
    seed: int,
    say: Callable[[str], None],
    paired: bool,
) -> Scanned:
    rng = np.random.default_rng(seed)
    forms = [layout(name, OPTIONS) for name in layouts]
    series = dict(zip(digits.writer.tolist(), digits.series.tolist(), strict=True))
    parts, about, lost = [], [], 0
    with tempfile.TemporaryDirectory(prefix="veedor-hands-") as folder:
        for form in forms:
            if form.template.blank:
                place = str(Path(folder) / form.template.blank)
                cv2.imwrite(place, blank(form)[..., ::-1])
        registrar = Registrar([(form.template, Path(folder)) for form in forms])
        reader = Reader.load()
        for turn, hand, family, sheet, scan in _sheets(digits, forms, families, turns, rng, paired):
            found = registrar.register(scan.pixels)
            if found is None or found.template != sheet.layout.template.id:
                lost += 1
                continue
            template = sheet.layout.template
            grade = judge(scan.pixels, registration=found, template=template).grade
            cells = cut_cells(scan.pixels, found, template)
            boxes = [box for field in sheet.truth.fields for box in field.boxes]
            there = [
                (c.glyph, b.label)
                for c, b in zip(cells, boxes, strict=True)
                if c.glyph is not None and b.label.isdigit()
            ]
            if grade == "unreadable" or not there:
                lost += 1
                continue
            glyphs = np.stack([glyph for glyph, _ in there])
            read = reader.read(glyphs, grade)
            sure = (read.p[:, :10].max(axis=1) >= SURE) & (read.altered < ALTERED)
            if not sure.any():
                lost += 1
                continue
            glyphs, digit = glyphs[sure], read.p[sure, :10].argmax(axis=1)
            truth = np.array([int(label) for _, label in there])
            features = describe(glyphs).astype(np.float16)
            parts.append((features, digit.astype(np.int64), digit != truth[sure]))
            writer = int(hand.id.removeprefix("nist-"))
            share = float(unbroken(glyphs).mean())
            about.append(
                (writer, series[writer], turn, family, found.template, grade, len(truth), share)
            )
            if len(about) % 100 == 0:
                say(f"{len(about)} sheets written and read")
    sizes = [len(digit) for _, digit, _ in parts]
    return Scanned(
        features=np.concatenate([f for f, _, _ in parts]),
        digit=np.concatenate([d for _, d, _ in parts]),
        wrong=np.concatenate([w for _, _, w in parts]),
        sheet=np.repeat(np.arange(len(sizes)), sizes),
        writer=np.array([a[0] for a in about]),
        series=np.array([a[1] for a in about]),
        turn=np.array([a[2] for a in about]),
        family=np.array([a[3] for a in about]),
        form=np.array([a[4] for a in about]),
        grade=np.array([a[5] for a in about]),
        written=np.array([a[6] for a in about], dtype=np.int64),
        unbroken=np.array([a[7] for a in about], dtype=np.float64),
        lost=lost,
    )
