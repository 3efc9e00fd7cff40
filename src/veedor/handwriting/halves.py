"""Whether hands can be told apart on scans of a kind at all: two halves of each sheet.

Digits of odd and of even boxes of one sheet are of one hand (but where several people fill one
sheet). If they are found alike no better than chance allows at their number, whatever was measured
on other forms and scans does not hold for these: printed lines that were left in the boxes, say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.handwriting.calibration import Calibration, condition_of, digits_of
from veedor.handwriting.scorer import Digits, centred, pair_scores
from veedor.stats.likelihood import equal_error
from veedor.stats.plda import Sources

__all__ = ["FEWEST", "Look", "looks_of"]

Ints = NDArray[np.int64]

FEWEST = 20
"""Sheets below which a kind of scan is not put to the test."""
MOST = 400
"""Sheets of a kind that are put to it."""
TIMES = 1.5
"""How much more often than measured elsewhere halves may be confused, besides chance."""


@dataclass(frozen=True, slots=True)
class Look:
    """Scans of one form and grade.

    Attributes
    ----------
    form, grade : text
    sheets : that were put to the test: with digits enough in both halves
    digits : of a pair of halves, by the median
    eer : equal error rate of halves of one sheet against halves of sheets of different centres;
        None where too few sheets could be put to the test
    measured : what was measured at so many digits on known writers; None likewise
    refused : hands cannot be told apart as was measured
    """

    form: str
    grade: str
    sheets: int
    digits: float
    eer: float | None
    measured: float | None
    refused: bool


def looks_of(
    halves: tuple[Digits, Digits],
    form: NDArray[np.str_],
    grade: NDArray[np.str_],
    centre: Ints,
    model: Sources,
    known: Mapping[str, Calibration],
    rng: np.random.Generator,
) -> tuple[Look, ...]:
    """Every form and grade of a validated condition, put to the test.

    Parameters
    ----------
    halves : digits of the sheets in even and in odd boxes
    form, grade : text (sheets)
    centre : int64 (sheets)
    """
    found = []
    for one, other in sorted({(str(f), str(g)) for f, g in zip(form, grade, strict=True)}):
        condition = str(condition_of(np.array([other]), np.array([other]))[0])
        if condition:
            at = np.flatnonzero((form == one) & (grade == other))
            pair = halves[0].at(at), halves[1].at(at)
            found.append(_look(one, other, pair, centre[at], model, known[condition], rng))
    return tuple(found)


def _look(
    form: str,
    grade: str,
    halves: tuple[Digits, Digits],
    centre: Ints,
    model: Sources,
    known: Calibration,
    rng: np.random.Generator,
) -> Look:
    able = np.minimum(halves[0].total, halves[1].total) >= known.least
    at = np.sort(rng.permutation(np.flatnonzero(able))[:MOST])
    if len(at) < FEWEST:
        return Look(form, grade, len(at), 0.0, None, None, False)
    n = len(at)
    digits = Digits(
        np.concatenate([h.counts[at] for h in halves]), np.concatenate([h.sums[at] for h in halves])
    )
    writing = centred(digits, np.zeros(2 * n, dtype=np.int64), model)
    own = np.arange(n)
    same = pair_scores(writing, np.column_stack([own, own + n]), model)
    i, j = rng.integers(n, size=(2, 20 * n))
    apart = centre[at][i] != centre[at][j]
    different = pair_scores(writing, np.column_stack([i[apart], j[apart] + n]), model)
    number = float(np.median(digits_of(digits.total[:n], digits.total[n:])))
    measured = float(known.nearest(number)["eer"])
    if not len(different):
        return Look(form, grade, n, number, None, measured, False)
    eer = equal_error(same, different)
    limit = TIMES * measured + 2 * np.sqrt(measured * (1 - measured) / n)
    return Look(form, grade, n, number, eer, measured, bool(eer > limit))
