"""The ratio of two totals over clusters, and its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Ratio", "cluster_ratio"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of totals with its linearised standard error and normal interval.

    Without at least two clusters, or with a denominator of zero, what is not known is NaN.
    """

    value: float
    error: float
    low: float
    high: float
    clusters: int


def cluster_ratio(
    top: NDArray[np.float64], bottom: NDArray[np.float64], level: float = 0.95
) -> Ratio:
    """Sum of `top` over sum of `bottom`, with clusters as the independent units.

    Parameters
    ----------
    top, bottom : float64 (clusters)
        Totals of each cluster; `bottom` is not negative.

    The variance is G / (G - 1) * sum((top - R bottom)^2) / sum(bottom)^2 for G clusters.
    Source: W. Cochran, Sampling Techniques, 3rd edition (1977), section 6.3, with no correction
    for a finite population.
    """
    clusters = len(top)
    total = float(bottom.sum())
    if total == 0.0:
        return Ratio(np.nan, np.nan, np.nan, np.nan, clusters)
    value = float(top.sum()) / total
    if clusters < 2:
        return Ratio(value, np.nan, np.nan, np.nan, clusters)
    spread = float(((top - value * bottom) ** 2).sum()) * clusters / (clusters - 1)
    error = float(np.sqrt(spread)) / total
    reach = float(special.ndtri(0.5 + level / 2.0)) * error
    return Ratio(value, error, value - reach, value + reach, clusters)
