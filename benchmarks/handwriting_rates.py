"""How well hands are told apart, sheet by sheet and centre by centre, on writers kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from training.calibrated import LAYOUTS
from training.scanned import Scanned, scanned
from training.trials import Sheets, Trials, any_of, nist, of_scans, tally, trials

from benchmarks import copied
from training import pens
from veedor.handwriting.calibration import Calibration, Condition, calibrations
from veedor.handwriting.digits import Digits
from veedor.handwriting.embedding import Embedder
from veedor.handwriting.halves import Look, looks_of
from veedor.handwriting.scorer import load_sources, pooled
from veedor.stats.likelihood import Limits, Performance, Rates, over_sources, performance, rates_at

__all__ = ["CONDITIONS", "DIGITS", "NONE_OUT", "Row", "Seen", "looks", "rows", "seen", "sheets_of"]

Floats = NDArray[np.float64]

DIGITS = (10, 20, 30, 40, 50)
FAMILIES: dict[str, tuple[str, str]] = {
    "scans": ("scan", "scan"),
    "scan and photograph": ("scan", "photo"),
    "scan and fax": ("scan", "fax"),
}
FEWEST = 20
"""Writers below whom nothing is said."""


@dataclass(frozen=True, slots=True)
class Row:
    """One condition, mode and number of digits: what was measured.

    `said` is the cost (Cllr) of the ratios as a check says them, no farther from 1 than the cap;
    all else is of the ratios before it.
    """

    condition: str
    mode: str
    digits: int
    writers: int
    same: int
    different: int
    all: Performance
    limits: Limits
    misleading: tuple[Rates, ...]
    said: float


CONDITIONS: dict[str, Condition | None] = {
    "one pen, one scan": "matched",
    "pens and scans differ, as taught": "usable",
    "pens and copiers differ, not taught": "usable",
    "scans, forms of calibration": None,
    "scans, form ledger": None,
    "scans, form bubbles": None,
    "scan and photograph, form ledger": None,
    "scan and fax, form ledger": None,
}
"""What differs between two sheets -> the calibration that an audit would use; None where that
follows from the grade of each scan."""
NONE_OUT = ", in pieces too"
"""Of a condition in which sheets in pieces are compared like all others."""
RATED = {**CONDITIONS, f"scan and fax, form ledger{NONE_OUT}": None}


def _copies(sides: tuple[Any, Any]) -> Any:
    return lambda side, rng: sides[side](rng)


def sheets_of(
    digits: Digits, condition: str, mode: str, seed: int, cache: Path | None
) -> list[Sheets]:
    """Sheets of each writer in a condition, some of them several times over."""
    far = mode != "rand"
    plain = lambda rng: pens.plain()  # noqa: E731
    if condition == "one pen, one scan":
        return [nist(digits, _copies((plain, plain)), seed, far=far)]
    if condition.startswith("pens and scans"):
        return [
            nist(digits, _copies((pens.draw_condition, worse)), seed + k, far=far)
            for k, worse in enumerate((pens.draw_condition, pens.draw_worn))
        ]
    if condition.startswith("pens and copiers"):
        both = _copies((copied.draw_copier, copied.draw_copier))
        return [nist(digits, both, seed, far=far, render=copied.render)]
    if mode == "far":  # digits of a writer are dealt out to forms at random
        return []
    found = _on_forms(digits, condition.removesuffix(NONE_OUT), seed, cache)
    if condition.endswith(NONE_OUT):
        found = replace(found, unbroken=np.ones_like(found.unbroken))
    return [of_scans(found)]


def _on_forms(digits: Digits, condition: str, seed: int, cache: Path | None) -> Scanned:
    """The sheets of a condition that is of forms, as they are written and read."""
    kind, _, form = condition.partition(", ")
    families = FAMILIES[kind]
    forms = (form.removeprefix("form "),) if form.startswith("form ") else LAYOUTS
    name = f"{'-'.join(families)}-{'-'.join(forms)}-{digits.split[0]}.npz"
    file = cache / name if cache else None
    return scanned(digits, forms, families, 1, seed, paired=True, file=file)


def looks(digits: Digits, seed: int, cache: Path | None) -> Iterator[tuple[str, Look]]:
    """The test that the check makes of every form and grade: two halves of each sheet."""
    model, known, embedder = load_sources(), calibrations(), Embedder.load()
    for condition in CONDITIONS:
        if "form" not in condition:
            continue
        found = _on_forms(digits, condition, seed, cache)
        shapes = embedder.place(found.features.astype(np.float32))
        second, sheets = np.arange(len(found.sheet)) % 2 == 1, len(found.writer)
        even, odd = (
            pooled(found.sheet[at], found.digit[at], shapes[at], sheets).at(found.whole)
            for at in (~second, second)
        )
        form, grade, writer = (a[found.whole] for a in (found.form, found.grade, found.writer))
        rng = np.random.default_rng(seed)
        for look in looks_of((even, odd), form, grade, writer, model, known, rng):
            yield condition, look


def rows(digits: Digits, seed: int, cache: Path | None) -> Iterator[Row]:
    """Every condition, mode and number of digits for which there are writers enough."""
    known = calibrations()
    for condition, name in RATED.items():
        for mode in ("far", "rand", "tally"):
            sheets = sheets_of(digits, condition, mode, seed, cache)
            for number in DIGITS if sheets else ():
                choose = tally if mode == "tally" else any_of
                both = Trials.joined(
                    [trials(s, number, seed + number, draws=2, choose=choose) for s in sheets]
                )
                if len(np.unique(both.writer)) < FEWEST:
                    continue
                good, poor = (known[name or one] for one in ("good", "usable"))
                same = _ratios(both.same, both.same_digits, both.same_poor, good, poor)
                different = _ratios(
                    both.different, both.different_digits, both.different_poor, good, poor
                )
                yield _row(condition, mode, number, both, same, different, seed)


def _ratios(
    score: Floats,
    digits: Floats,
    mask: NDArray[np.bool_],
    good: Calibration,
    poor: Calibration,
) -> tuple[Floats, Floats]:
    """Log likelihood ratios of pairs by the calibration that their scans ask for: before the cap,
    and as a check says them.
    """
    both = [(one(score, digits), one) for one in (good, poor)]
    before = np.where(mask, both[1][0], both[0][0])
    capped = [one.capped(llr, digits) for llr, one in both]
    return before, np.where(mask, capped[1], capped[0])


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of the sheets of a condition that came through one kind of device.

    Attributes
    ----------
    condition, family : text
    written, lost, broken : sheets; of which not read; left out since their strokes are in pieces
    good : scans of grade good, of those that were read
    sure, wrong : of the digits on sheets that count, those read without doubt; of these, wrongly
    """

    condition: str
    family: str
    written: int
    lost: int
    broken: int
    good: int
    sure: float
    wrong: float

    @property
    def kept(self) -> float:
        """Share of the sheets that are compared."""
        return 1 - (self.lost + self.broken) / self.written


def seen(digits: Digits, seed: int, cache: Path | None) -> Iterator[Seen]:
    """Every condition that is of forms, and family in it."""
    for condition, name in CONDITIONS.items():
        if name is None:
            found = _on_forms(digits, condition, seed, cache)
            families = sorted(set(FAMILIES[condition.partition(", ")[0]]), reverse=True)
            for family in families:
                yield _became(condition, family, found, len(families))


def _became(condition: str, family: str, found: Scanned, families: int) -> Seen:
    """One family of so many, each of which has as many sheets written."""
    mine = found.family == family
    counted = mine & found.whole
    inside = counted[found.sheet]
    written = (len(found.writer) + found.lost) // families
    return Seen(
        condition,
        family,
        written,
        written - int(mine.sum()),
        int((mine & ~found.whole).sum()),
        int((found.grade[mine] == "good").sum()),
        float(inside.sum() / found.written[counted].sum()),
        float(found.wrong[inside].mean()),
    )


def _row(
    condition: str,
    mode: str,
    number: int,
    both: Trials,
    same_ratios: tuple[Floats, Floats],
    different_ratios: tuple[Floats, Floats],
    seed: int,
) -> Row:
    rng = np.random.default_rng(seed)
    same, different = same_ratios[0], different_ratios[0]
    return Row(
        condition=condition,
        mode=mode,
        digits=number,
        writers=len(np.unique(both.writer)),
        same=len(same),
        different=len(different),
        all=performance(same, different),
        limits=over_sources(same, different, both.writer, both.writers, rng),
        misleading=rates_at(same, different),
        said=performance(same_ratios[1], different_ratios[1]).cllr,
    )
