"""The sign test of paired changes, exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["sign_test"]


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
