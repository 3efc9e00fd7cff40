"""Exact statements about counts: limits of proportions, sums of unequal chances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, norm

__all__ = ["proportion_interval", "unequal_chances_tail"]

LARGE = 400.0
"""Variance of a sum from which its normal limit is used: skewness is then below 0.05."""


def proportion_interval(
    hits: NDArray[Any], trials: NDArray[Any], level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact (Clopper-Pearson) limits of proportions.

    Parameters
    ----------
    hits, trials : whole numbers (n), hits <= trials
        Without any trial the limits are 0 and 1.

    Source: C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits illustrated
    in the case of the binomial, Biometrika 26 (1934).
    """
    k, n = np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    tail = (1 - level) / 2
    low, high = np.zeros(k.shape), np.ones(k.shape)
    some, short = k > 0, k < n
    low[some] = beta.ppf(tail, k[some], (n - k + 1)[some])
    high[short] = beta.ppf(1 - tail, (k + 1)[short], (n - k)[short])
    return low, high


def unequal_chances_tail(hits: int, chances: NDArray[np.float64]) -> float:
    """P(at least `hits`) where independent events have unequal chances (Poisson-binomial).

    Parameters
    ----------
    hits : int
    chances : float64 (n), in [0, 1]
        Exact by convolving one binomial for each distinct chance; the normal limit with a
        continuity correction where the variance exceeds `LARGE`.

    Source: W. Hoeffding, On the distribution of the number of successes in independent trials,
    Annals of Mathematical Statistics 27 (1956), for the distribution.
    """
    if hits <= 0:
        return 1.0
    mean, variance = float(chances.sum()), float((chances * (1 - chances)).sum())
    if variance > LARGE:
        return float(norm.sf((hits - 0.5 - mean) / np.sqrt(variance)))
    values, counts = np.unique(chances, return_counts=True)
    density = np.ones(1)
    for chance, n in zip(values, counts, strict=True):
        low, high = (int(v) for v in binom.interval(1 - 1e-15, n, chance))
        low, high = max(low, 0), min(high, int(n))
        part = np.zeros(high + 1)
        part[low:] = binom.pmf(np.arange(low, high + 1), n, chance)
        density = np.convolve(density, part)
    return float(min(max(density[hits:].sum(), 0.0), 1.0))
