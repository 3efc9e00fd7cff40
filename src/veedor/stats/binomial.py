"""Exact binomial statements: the sign test of paired changes, and the interval of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["ExactInterval", "exact_interval", "sign_test"]


def sign_test(up: ArrayLike, down: ArrayLike) -> NDArray[np.float64]:
    """Exact two-sided p-value that a change is as likely up as down.

    The exact form of McNemar's test: given `up + down` changes, the number of rises is binomial
    with probability one half. Twice the smaller tail, at most 1; 1 where nothing changed.

    Parameters
    ----------
    up, down : whole numbers, any one shape

    Source: Q. McNemar, Note on the sampling error of the difference between correlated proportions
    or percentages, Psychometrika 12 (1947), in the exact form.
    """
    rises = np.asarray(up, dtype=np.float64)
    falls = np.asarray(down, dtype=np.float64)
    few, many = np.minimum(rises, falls), np.maximum(rises, falls)
    tail = np.where(many > 0, special.betainc(np.maximum(many, 1.0), few + 1.0, 0.5), 1.0)
    return np.asarray(np.minimum(1.0, 2.0 * tail), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ExactInterval:
    """A share, in [0, 1], and its exact interval; NaN where there was no trial."""

    share: float
    low: float
    high: float


def exact_interval(successes: int, trials: int, level: float = 0.95) -> ExactInterval:
    """The Clopper-Pearson interval of a probability.

    Source: C. Clopper and E. Pearson, The use of confidence or fiducial limits illustrated in the
    case of the binomial, Biometrika 26 (1934).
    """
    if trials == 0:
        return ExactInterval(np.nan, np.nan, np.nan)
    tail = (1.0 - level) / 2.0
    misses = trials - successes
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, misses + 1, tail))
    high = 1.0 if misses == 0 else float(special.betaincinv(successes + 1, misses, 1.0 - tail))
    return ExactInterval(successes / trials, low, high)
