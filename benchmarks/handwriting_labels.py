"""What digits that were misread do to ratios: each is held against another class than its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from training.trials import Sheets, Trials, trials

from benchmarks.handwriting_rates import CONDITIONS, sheets_of
from veedor.handwriting.calibration import calibrations
from veedor.handwriting.digits import Digits
from veedor.handwriting.scorer import CLASSES

__all__ = ["Misread", "label_table", "misread"]

CONDITION = "pens and scans differ, as taught"
SHARES = (0.01, 0.03)
DIGITS = (15, 30)


@dataclass(frozen=True, slots=True)
class Misread:
    """Sheets of so many digits, of which a share has another label.

    `different` and `same` are by how much the log10 of the ratio moves for pairs of two writers and
    of one: the mean, and the 2.5th and the 97.5th per cent. `above` is the share of pairs of two
    writers with a ratio of 10 at least, and `below` that of pairs of one writer with less than 1,
    with the true labels and with those.
    """

    digits: int
    share: float
    different: tuple[float, float, float]
    same: tuple[float, float, float]
    above: tuple[float, float]
    below: tuple[float, float]


def misread(digits: Digits, seed: int) -> Iterator[Misread]:
    """Pairs of sheets with true labels, and the same pairs with some labels that are wrong."""
    sheets = sheets_of(digits, CONDITION, "rand", seed, None)
    known = calibrations()[str(CONDITIONS[CONDITION])]
    for number in DIGITS:
        for share in SHARES:
            rng = np.random.default_rng(seed)
            wrong = [replace(one, digit=_wrong(one.digit, share, rng)) for one in sheets]
            true, false = (_pairs(each, number, seed) for each in (sheets, wrong))
            apart, apart_ = (known(t.different, t.different_digits) for t in (true, false))
            own, own_ = (known(t.same, t.same_digits) for t in (true, false))
            yield Misread(
                number,
                share,
                _moved(apart, apart_),
                _moved(own, own_),
                (float((apart >= np.log(10)).mean()), float((apart_ >= np.log(10)).mean())),
                (float((own < 0).mean()), float((own_ < 0).mean())),
            )


def _pairs(sheets: Sequence[Sheets], number: int, seed: int) -> Trials:
    return Trials.joined([trials(one, number, seed + number) for one in sheets])


def _wrong(digit: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Labels of which a share is another class, any of the others alike."""
    chosen = rng.random(len(digit)) < share
    return np.where(chosen, (digit + rng.integers(1, CLASSES, len(digit))) % CLASSES, digit)


def _moved(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float, float]:
    moved = (after - before) / np.log(10)
    low, high = np.quantile(moved, (0.025, 0.975)).tolist()
    return float(moved.mean()), low, high


def label_table(found: Sequence[Misread]) -> list[str]:
    """Rows of a table."""
    lines = [
        "| digits | misread | two writers: log10 moves by | one writer: log10 moves by |"
        " two writers above 10 | one writer below 1 |",
        "|---|---|---|---|---|---|",
    ]
    for m in found:
        moved = [f"{a:+.2f} ({b:+.2f} to {c:+.2f})" for a, b, c in (m.different, m.same)]
        shares = [f"{100 * a:.2f} % → {100 * b:.2f} %" for a, b in (m.above, m.below)]
        lines.append(f"| {m.digits} | {m.share:.0%} | {' | '.join(moved + shares)} |")
    return lines
