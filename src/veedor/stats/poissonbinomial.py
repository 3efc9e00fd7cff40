"""How many of many unequal chances come true: the Poisson-binomial distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Successes", "successes"]

WORK = 4_000_000
"""Chances times frequencies up to which the distribution is computed exactly."""
FLOOR = 1e-12
"""Below it a tail is rounding error, and is given as this."""
REACH = 12.0
"""Standard deviations kept on each side of the mean; the rest is below 1e-30."""


@dataclass(frozen=True, slots=True)
class Successes:
    """The number of successes: mean, central interval, P(at least the observed number), P(any)."""

    expected: float
    low: int
    high: int
    at_least: float
    any: float


def successes(chances: NDArray[np.float64], observed: int, level: float = 0.95) -> Successes:
    """The distribution of the number of successes of independent trials.

    Parameters
    ----------
    chances : float64 (trials), in [0, 1]
    observed : int

    Chances below 1e-3 are added up as one Poisson number when there are many (L. Le Cam, An
    approximation theorem for the Poisson binomial distribution, Pacific Journal of Mathematics 10
    (1960): the error is at most the sum of their squares). The rest is exact by the transform of
    the characteristic function, Y. Hong, On computing the distribution function for the Poisson
    binomial distribution, Computational Statistics and Data Analysis 59 (2013), section 2; where
    that is long work, his refined normal approximation (section 3.2).
    """
    mean = float(chances.sum())
    spread = float(np.sqrt((chances * (1.0 - chances)).sum()))
    small = chances < 1e-3 if len(chances) > 2000 else np.zeros(len(chances), dtype=np.bool_)
    rare, rest = float(chances[small].sum()), chances[~small]
    reach = REACH * spread + 60.0
    start = max(int(mean - reach), 0)
    width = int(min(mean + reach, len(chances) + 0.0)) - start + 2
    if len(rest) * width > WORK:
        upper = _refined(chances, mean, spread, np.arange(start, start + width + 1))
    else:
        mass = _exact(rest, rare, start, width)
        upper = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
    tail = (1.0 - level) / 2.0
    low = start + int(np.flatnonzero(1.0 - upper <= tail)[-1])
    high = start + int(np.flatnonzero(upper > tail)[-1])
    some = float(-np.expm1(np.log1p(-np.minimum(chances, 1.0 - 1e-16)).sum()))
    return Successes(mean, low, max(high, low), _at(upper, observed - start), some)


def _at(upper: NDArray[np.float64], index: int) -> float:
    if index <= 0:
        return 1.0
    return float(np.clip(upper[min(index, len(upper) - 1)], FLOOR, 1.0))


def _exact(
    chances: NDArray[np.float64], rare: float, start: int, width: int
) -> NDArray[np.float64]:
    """P(start + j), j below `width`, from the characteristic function at `width` frequencies."""
    angle = 2.0 * np.pi * np.arange(width) / width
    turn = np.exp(1j * angle)
    log = np.full(width, 0.0, dtype=np.complex128) + rare * (turn - 1.0)
    for part in np.array_split(chances, max(len(chances) * width // 500_000, 1)):
        factor = 1.0 + part[None, :] * (turn[:, None] - 1.0)
        size = np.abs(factor)
        log += np.log(np.maximum(size, 1e-300)).sum(axis=1) + 1j * np.angle(factor).sum(axis=1)
    transform = np.exp(log - 1j * angle * start)
    mass = np.real(np.fft.fft(transform)) / width
    return np.where(mass < 1e-14, 0.0, mass)


def _refined(
    chances: NDArray[np.float64], mean: float, spread: float, at: NDArray[np.int64]
) -> NDArray[np.float64]:
    """P(at least `at`): normal with a correction for skewness."""
    third = float((chances * (1.0 - chances) * (1.0 - 2.0 * chances)).sum())
    z = (at - 0.5 - mean) / spread
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    below = special.ndtr(z) + third / (6.0 * spread**3) * (1.0 - z * z) * density
    return np.asarray(np.clip(1.0 - below, 0.0, 1.0), dtype=np.float64)
