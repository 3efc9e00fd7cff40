"""Filled sheets of known truth, as pictures, and what the reader makes of them.

Each sheet is written by one hand of a split, in a layout and through a kind of camera or scanner,
with corrections and slips of arithmetic at the rates of `SLIPS`; then everything happens to it that
happens to a scan.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from veedor.handwriting.digits import Digits
from veedor.images.intake import take_in
from veedor.images.reader import Reader
from veedor.images.reading import read_sheet
from veedor.images.registration import Registrar
from veedor.images.sheet import SheetReading
from veedor.images.template import Template
from veedor.simulate.sheets import (
    HELD_OUT,
    LAYOUTS,
    Layout,
    Pool,
    Scan,
    SheetTruth,
    Slips,
    blank,
    correct,
    degrade,
    draw_convention,
    draw_ease,
    draw_pen,
    draw_times,
    layout,
    make_sheet,
    need,
    write_all,
)

__all__ = ["HELD_OUT", "SLIPS", "TRAINED", "Read", "numbers", "sheets"]

OPTIONS = 4
SLIP = 0.2
"""Share of sheets with a slip of arithmetic."""
SLIPS = Slips(overwritten=0.02, struck=0.01, double=0.005)
"""Corrections by box: more than on real sheets, so that there are some to count."""
TRIES = 30
"""Sheets in a row for which no writer has digits enough, after which there are no more."""
TRAINED = tuple(name for name in LAYOUTS if name not in HELD_OUT)


@dataclass(frozen=True, slots=True)
class Read:
    """One sheet: what stands on it, and what was read."""

    form: Layout
    family: str
    truth: SheetTruth
    reading: SheetReading

    @property
    def writer(self) -> int:
        """Number of the one who wrote it."""
        return int(self.truth.hand.removeprefix("nist-"))


def numbers(template: Template, rng: Generator) -> dict[str, int | str | None]:
    """Counts of a station, and what else the form asks for; one slip on some sheets."""
    values: dict[str, int | str | None] = {}
    for field in template.fields:
        if field.kind != "count":
            values[field.id] = "".join(map(str, rng.integers(0, 10, field.digits)))
    times = draw_times(rng)
    values |= {name: text for name, text in times.items() if name in template.ids}
    for total in [s for s in template.sums if s.total.endswith("valid")]:
        registered = int(rng.integers(150, 420))
        cast = int(registered * rng.uniform(0.6, 0.92))
        share = rng.dirichlet((*np.full(len(total.parts), 0.8), 0.06, 0.1))
        drawn = rng.multinomial(cast, share)
        prefix = total.total.removesuffix("valid")
        votes = {n: int(v) for n, v in zip(total.parts, drawn, strict=False)}
        blank_, null = int(drawn[-2]), int(drawn[-1])
        valid = sum(votes.values())
        values |= votes | {
            f"{prefix}valid": valid, f"{prefix}blank": blank_, f"{prefix}null": null,
            f"{prefix}cast": valid + blank_ + null,
        }  # fmt: skip
        if "registered" in template.ids:
            values["registered"] = registered
    if rng.random() < SLIP:
        name = str(rng.choice([s.total for s in template.sums]))
        step = int(rng.choice([1, 2, 10, 100], p=[0.5, 0.2, 0.2, 0.1])) * int(rng.choice([-1, 1]))
        values[name] = max(int(values[name] or 0) + step, 0)
    return {name: values[name] for name in template.ids if name in values}


def registrar_of(forms: Sequence[Layout], folder: Path) -> Registrar:
    """Of forms, with the picture that some need of themselves empty."""
    for form in forms:
        if form.template.blank:
            cv2.imwrite(str(folder / form.template.blank), blank(form)[..., ::-1])
    return Registrar([(form.template, folder) for form in forms])


def sheets(
    digits: Digits,
    layouts: Sequence[str],
    families: Sequence[str],
    rng: Generator,
    reader: Reader,
    *,
    most: int,
) -> Iterator[Read]:
    """Sheets of each layout through each family, one by each of `most` writers.

    All digits can be had anew for each layout and family.
    """
    forms = [layout(name, OPTIONS) for name in layouts]
    with tempfile.TemporaryDirectory(prefix="veedor-reading-") as folder:
        registrar = registrar_of(forms, Path(folder))
        for form in forms:
            for family in families:
                pool = Pool.of_nist(digits)
                for scan, truth in islice(_scans(pool, form, family, rng), most):
                    intake = take_in(Path("scan"), name="scan", data=scan.encoded())
                    yield Read(form, family, truth, read_sheet(intake, registrar, reader))


def _scans(
    pool: Pool, form: Layout, family: str, rng: Generator
) -> Iterator[tuple[Scan, SheetTruth]]:
    template, used, failed = form.template, set[str](), 0
    while failed < TRIES:
        convention = draw_convention(rng, template.fillers)
        marks = correct(write_all(template, numbers(template, rng), convention), rng, SLIPS)
        hand = pool.choose(need(marks, template.ids), rng, avoid=used)
        if hand is None:
            failed += 1
            continue
        used.add(hand.id)
        sheet = make_sheet(
            form, marks, hand, rng, station=f"{int(rng.integers(1e5, 1e6))}", delegate=hand,
            pen=draw_pen(rng), ease=draw_ease(rng),
        )  # fmt: skip
        yield degrade(sheet.page, family, rng, two_tones=form.bitonal), sheet.truth  # type: ignore[arg-type]
