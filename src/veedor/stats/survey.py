"""The rate of a thing among all units, from a random sample of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from scipy.stats import hypergeom, t

__all__ = [
    "Rate",
    "Sampled",
    "clustered_size",
    "estimate",
    "hypergeometric_interval",
    "size_for_detection",
    "size_for_precision",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def hypergeometric_interval(
    hits: int, sample: int, frame: int, level: float = 0.95
) -> tuple[int, int]:
    """Exact limits of how many of `frame` units have a thing that `hits` of a simple random
    sample of `sample` units have.

    A number is within the limits unless a sample with so many hits or more (or so few or fewer)
    has a chance of at most half of 1 - level under it.
    Source: W. Cochran, Sampling Techniques, 3rd edition (1977), section 3.6; the inversion of both
    one-sided tests, as for Clopper and Pearson's limits.
    """
    if not 0 <= hits <= sample <= frame:
        raise ValueError(f"{hits} hits in a sample of {sample} of {frame} units cannot be")
    tail = (1 - level) / 2

    def low_is_at_most(count: int) -> bool:
        return bool(hypergeom.sf(hits - 1, frame, count, sample) > tail)

    def high_is_at_least(count: int) -> bool:
        return bool(hypergeom.cdf(hits, frame, count, sample) > tail)

    least, most = hits, frame - (sample - hits)
    below, low = least - 1, most
    while low - below > 1:
        middle = (below + low) // 2
        below, low = (below, middle) if low_is_at_most(middle) else (middle, low)
    high, above = least, most + 1
    while above - high > 1:
        middle = (high + above) // 2
        high, above = (middle, above) if high_is_at_least(middle) else (high, middle)
    return low, high


@dataclass(frozen=True, slots=True)
class Sampled:
    """Examined units of a random sample, and how they were drawn.

    Attributes
    ----------
    found : bool (n)
    weight : float64 (n), one over the chance of being drawn (or, drawn with replacement, over the
        expected number of draws)
    stratum : int64 (n)
    cluster : int64 (n), the units that were drawn: the unit itself, or its centre
    left : float64 (n), share of the clusters of its stratum that was not drawn (finite population);
        1 where drawn with replacement, or where the units of a cluster were drawn in their turn
    """

    found: NDArray[np.bool_]
    weight: Floats
    stratum: Ints
    cluster: Ints
    left: Floats


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its limits.

    Attributes
    ----------
    value, low, high : shares of the frame's units
    error : design-based standard error (linearised)
    effective : size of a simple random sample with replacement that would be as precise
    clusters, strata : how many were drawn from
    """

    value: float
    low: float
    high: float
    error: float
    effective: float
    clusters: int
    strata: int


def estimate(sampled: Sampled, level: float = 0.95) -> Rate | None:
    """The weighted rate with the limits of Korn and Graubard; None without a unit.

    The variance is that between the totals of clusters within strata, so that sheets of one centre
    are not taken for independent; Clopper and Pearson's limits are then those of the sample of
    that many effective units. Where nothing, or everything, is found the data show no spread:
    every cluster is then taken for a single unit, which errs to the wide side. A stratum with one
    cluster has no spread of its own and is compared with the mean of all.

    Source: E. Korn and B. Graubard, Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data, Survey Methodology 24 (1998).
    """
    n = len(sampled.found)
    if not n:
        return None
    y, w = sampled.found.astype(np.float64), sampled.weight
    total = float(w.sum())
    value = float((w * y).sum()) / total
    keys, place = np.unique(
        np.stack([sampled.stratum, sampled.cluster]), axis=1, return_inverse=True
    )
    place = place.reshape(-1)
    stratum = np.unique(keys[0], return_inverse=True)[1].reshape(-1).astype(np.int64)
    z: Floats = np.bincount(place, w * (y - value) / total).astype(np.float64)
    weight = np.bincount(place, w)
    left = np.ones(len(z))
    left[place] = sampled.left
    clusters, strata = len(z), int(stratum.max()) + 1
    variance = _variance(z, stratum, left)
    if not (left > 0).any():
        return Rate(value, value, value, 0.0, float("inf"), clusters, strata)
    if 0.0 < value < 1.0 and variance > 0.0:
        effective = value * (1.0 - value) / variance
    else:
        effective = total**2 / float((weight**2).sum())
    freedom = clusters - strata
    if freedom < 1:
        return Rate(value, 0.0, 1.0, float("nan"), 0.0, clusters, strata)
    tail = (1 - level) / 2
    if 0.0 < value < 1.0 and n > 1:
        effective *= float(t.ppf(tail, n - 1) / t.ppf(tail, freedom)) ** 2
    hits = effective * value
    low = float(betaincinv(hits, effective - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, effective - hits, 1 - tail)) if value < 1 else 1.0
    return Rate(value, low, high, float(np.sqrt(variance)), effective, clusters, strata)


def _variance(z: Floats, stratum: Ints, left: Floats) -> float:
    """Sum over strata of n / (n - 1) sum of squares of cluster totals about their mean."""
    total = 0.0
    for h in range(int(stratum.max()) + 1):
        mine = stratum == h
        m = int(mine.sum())
        if m > 1:
            spread = float(((z[mine] - z[mine].mean()) ** 2).sum()) * m / (m - 1)
        else:
            spread = float((z[mine] - z.mean())[0] ** 2)
        total += float(left[mine][0]) * spread
    return total


def size_for_detection(frame: int, faulty: int, chance: float) -> int:
    """Fewest units of a simple random sample with at least one of `faulty` with that chance.

    Exact, without replacement. Source: Cochran (1977), section 3.4.
    """
    if not 0 < faulty <= frame:
        raise ValueError(f"{faulty} faulty units of {frame} cannot be")
    if not 0 < chance < 1:
        raise ValueError("the chance lies between 0 and 1")
    low, high = 0, frame - faulty + 1
    while high - low > 1:
        middle = (low + high) // 2
        if hypergeom.sf(0, frame, faulty, middle) >= chance:
            high = middle
        else:
            low = middle
    return high


def size_for_precision(frame: int, rate: float, reach: float, level: float = 0.95) -> int:
    """Units of a simple random sample whose exact limits reach at most `reach` from the rate.

    The number found by bisection for a sample that finds just the expected rate: limits jump from
    one size to the next, so that a somewhat smaller size may happen to do as well.
    """
    if not 0 <= rate <= 1:
        raise ValueError("the rate lies between 0 and 1")
    if not 0 < reach < 1:
        raise ValueError("the precision lies between 0 and 1")

    def wide(sample: int) -> bool:
        hits = sorted({int(np.floor(rate * sample)), int(np.ceil(rate * sample))})
        for k in hits:
            low, high = hypergeometric_interval(k, sample, frame, level)
            if max(k / sample - low / frame, high / frame - k / sample) > reach:
                return True
        return False

    low, high = 0, frame
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high


def clustered_size(size: int, members: float, alike: float) -> int:
    """The sample of whole clusters that tells as much as `size` units drawn one by one.

    `size` times the design effect 1 + (members - 1) x alike, for clusters of `members` units on
    the mean and an intra-class correlation `alike`.
    Source: L. Kish, Survey Sampling (1965), section 5.4.
    """
    return int(np.ceil(size * (1 + (members - 1) * alike)))
