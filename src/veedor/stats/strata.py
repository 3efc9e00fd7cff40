"""Association of two yes-or-no marks within strata: Mantel and Haenszel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

__all__ = ["Association", "mantel_haenszel"]

SMALL = 25.0
"""Variance below which the p-value is drawn from the exact permutation distribution."""


@dataclass(frozen=True, slots=True)
class Association:
    """Association of a mark with an exposure within strata.

    Attributes
    ----------
    strata : int
        Strata in which both marks vary: only these can say anything.
    marked : int
        Units that carry both marks, in those strata.
    expected : float
        How many would, were the two independent within strata.
    odds_ratio, low, high : float or None
        Common odds ratio with its 95 % interval; None where it is 0/0 or infinite.
    p : float or None
        Two-sided, of independence within every stratum; None without a stratum that can say.
    exact : bool
        The p-value is drawn from the permutation distribution, not from its normal limit.
    """

    strata: int
    marked: int
    expected: float
    odds_ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    exact: bool


def mantel_haenszel(
    mark: NDArray[np.bool_],
    exposed: NDArray[np.bool_],
    stratum: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    draws: int = 9_999,
    correct: bool = False,
) -> Association:
    """Test that a mark is independent of an exposure within strata, and their odds ratio.

    Parameters
    ----------
    mark, exposed : bool (n)
    stratum : int64 (n)
    rng : generator
        For the permutation distribution where the statistic's variance is below `SMALL`: with
        fixed margins the table of each stratum is hypergeometric.
    correct : bool
        Yates's continuity correction of the chi-square statistic.

    Source: N. Mantel and W. Haenszel, Statistical aspects of the analysis of data from
    retrospective studies of disease, JNCI 22 (1959); interval of J. Robins, N. Breslow and
    S. Greenland, Estimators of the Mantel-Haenszel variance consistent in both sparse data and
    large-strata limiting models, Biometrics 42 (1986).
    """
    a, b, c, d = _tables(mark, exposed, stratum)
    n = a + b + c + d
    ways = (a + b) * (c + d) * (a + c) * (b + d)
    keep = ways > 0
    if not keep.any():
        return Association(0, 0, 0.0, None, None, None, None, exact=False)
    a, b, c, d, n = a[keep], b[keep], c[keep], d[keep], n[keep]
    mean = (a + b) * (a + c) / n
    variance = float((ways[keep] / (n**2 * np.maximum(n - 1, 1))).sum())
    gap = abs(float((a - mean).sum()))
    exact = variance < SMALL
    if exact:
        p = _permuted(a, b, c, d, rng, draws)
    else:
        p = float(chi2.sf(max(gap - 0.5 * correct, 0.0) ** 2 / variance, 1))
    ratio = _odds_ratio(a, b, c, d, n)
    return Association(int(keep.sum()), int(a.sum()), float(mean.sum()), *ratio, p, exact)


def _tables(
    mark: NDArray[np.bool_], exposed: NDArray[np.bool_], stratum: NDArray[np.int64]
) -> tuple[NDArray[np.float64], ...]:
    """Exposed marked, exposed unmarked, unexposed marked, unexposed unmarked, by stratum."""
    size = int(stratum.max(initial=-1)) + 1
    kinds = (exposed & mark, exposed & ~mark, ~exposed & mark, ~exposed & ~mark)
    return tuple(np.bincount(stratum[k], minlength=size).astype(np.float64) for k in kinds)


def _permuted(
    a: NDArray[Any],
    b: NDArray[Any],
    c: NDArray[Any],
    d: NDArray[Any],
    rng: np.random.Generator,
    draws: int,
) -> float:
    """Share of permutations within strata at least as far from the mean as what was seen."""
    rows = np.stack([a + c, b + d, a + b], axis=1).astype(np.int64)
    kinds, repeats = np.unique(rows, axis=0, return_counts=True)
    total = np.zeros(draws, dtype=np.int64)
    for (good, bad, sample), times in zip(kinds, repeats, strict=True):
        total += rng.hypergeometric(good, bad, sample, size=(draws, times)).sum(axis=1)
    mean = float(((a + b) * (a + c) / (a + b + c + d)).sum())
    far = np.abs(total - mean) >= abs(float(a.sum()) - mean) - 1e-9
    return float((1 + far.sum()) / (1 + draws))


def _odds_ratio(
    a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], d: NDArray[Any], n: NDArray[Any]
) -> tuple[float | None, float | None, float | None]:
    p, q = (a + d) / n, (b + c) / n
    r, s = a * d / n, b * c / n
    top, bottom = float(r.sum()), float(s.sum())
    if top <= 0 or bottom <= 0:
        return (0.0 if bottom > 0 else None), None, None
    ratio = top / bottom
    variance = (
        float((p * r).sum()) / (2 * top**2)
        + float((p * s + q * r).sum()) / (2 * top * bottom)
        + float((q * s).sum()) / (2 * bottom**2)
    )
    reach = float(norm.ppf(0.975)) * np.sqrt(variance)
    return ratio, float(ratio * np.exp(-reach)), float(ratio * np.exp(reach))
