"""How far examiners who looked at the same sheets agree, beyond what chance gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Agreement", "ac1", "agreement", "alpha", "observed"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

REPLICATES = 2000
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement between examiners on one question.

    Attributes
    ----------
    units : sheets that at least two examiners judged
    judgements : on those sheets
    observed : share of pairs of judgements on one sheet that are equal
    alpha, ac1 : Krippendorff's alpha (nominal) and Gwet's AC1; NaN where they are not defined:
        alpha, where all judgements are the same
    alpha_low, alpha_high, ac1_low, ac1_high : limits by bootstrap over sheets; NaN below two, and
        where all replicates are the same: of no variation nothing can be learnt so
    """

    units: int
    judgements: int
    observed: float
    alpha: float
    alpha_low: float
    alpha_high: float
    ac1: float
    ac1_low: float
    ac1_high: float


def agreement(ratings: Ints, rng: np.random.Generator, level: float = 0.95) -> Agreement:
    """Agreement on one question, with percentile limits by bootstrap over sheets.

    Parameters
    ----------
    ratings : int64 (sheets, examiners), codes of answers from 0; -1 where not judged

    Alpha and AC1 are both shown since they fail apart: where nearly all answers are the same,
    alpha falls far though examiners agree on nearly every sheet, and AC1 does not.
    Source: K. Krippendorff, Computing Krippendorff's alpha-reliability (2011); K. Gwet, Computing
    inter-rater reliability and its variance in the presence of high agreement, British Journal of
    Mathematical and Statistical Psychology 61 (2008).
    """
    counts = _counts(ratings)
    units = int((counts.sum(axis=1) >= 2).sum())
    limits = np.full((2, 2), np.nan)
    if units >= 2:
        weight = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), REPLICATES)
        tail = 100 * (1 - level) / 2
        for row, values in enumerate((_alpha(counts, weight), _ac1(counts, weight))):
            known = values[np.isfinite(values)]
            if len(known) and np.ptp(known) > SAME:
                limits[row] = np.percentile(known, (tail, 100 - tail))
    (alpha_low, alpha_high), (ac1_low, ac1_high) = limits.tolist()
    return Agreement(
        units=units,
        judgements=int(counts[counts.sum(axis=1) >= 2].sum()),
        observed=observed(ratings),
        alpha=alpha(ratings),
        alpha_low=alpha_low,
        alpha_high=alpha_high,
        ac1=ac1(ratings),
        ac1_low=ac1_low,
        ac1_high=ac1_high,
    )


def observed(ratings: Ints) -> float:
    """Share of pairs of judgements on one sheet that are equal, each sheet weighing the same."""
    counts = _counts(ratings)
    counts = counts[counts.sum(axis=1) >= 2]
    return float(_equal(counts).mean()) if len(counts) else float("nan")


def alpha(ratings: Ints) -> float:
    """Krippendorff's alpha for nominal answers; NaN where no two answers differ."""
    counts = _counts(ratings)
    return float(_alpha(counts, np.ones((1, len(counts))))[0])


def ac1(ratings: Ints) -> float:
    """Gwet's AC1 for nominal answers.

    Chance is counted over all judged sheets and over the answers that occur (two at least: an
    answer that all gave is then one of two).
    """
    counts = _counts(ratings)
    return float(_ac1(counts, np.ones((1, len(counts))))[0])


def _counts(ratings: Ints) -> Floats:
    """float64 (units, answers): judgements by answer, of the sheets with one at least."""
    answers = int(ratings.max(initial=0)) + 1
    counts = np.stack([(ratings == k).sum(axis=1) for k in range(answers)], axis=1)
    judged: Floats = counts[counts.sum(axis=1) >= 1].astype(np.float64)
    return judged


def _equal(counts: Floats) -> Floats:
    """float64 (units): share of equal pairs; 0 where there is no pair."""
    m = counts.sum(axis=1)
    equal: Floats = (counts * (counts - 1)).sum(axis=1) / np.maximum(m * (m - 1), 1)
    return equal


def _alpha(counts: Floats, weight: NDArray[np.number[Any]]) -> Floats:
    """float64 (replicates): alpha with each unit taken `weight` (replicates, units) times."""
    paired = counts.sum(axis=1) >= 2
    counts, weight = counts[paired], weight[:, paired]
    m = counts.sum(axis=1)
    total = weight @ m
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = (weight @ (m * (1.0 - _equal(counts)))) / total
        by_chance = (total**2 - ((weight @ counts) ** 2).sum(axis=1)) / (total * (total - 1))
        found: Floats = 1.0 - seen / by_chance
    return found


def _ac1(counts: Floats, weight: NDArray[np.number[Any]]) -> Floats:
    """float64 (replicates): AC1, as `_alpha`."""
    m = counts.sum(axis=1)
    answers = max(2, counts.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (weight @ (counts / m[:, None])) / weight.sum(axis=1)[:, None]
        by_chance = (share * (1 - share)).sum(axis=1) / (answers - 1)
        seen = (weight @ _equal(counts)) / (weight @ (m >= 2))
        found: Floats = (seen - by_chance) / (1 - by_chance)
    return found
