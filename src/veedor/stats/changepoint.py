"""Change-points in the rate of a series of counts, by exact segmentation with a penalty."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Segment", "Segmentation", "dispersion", "segment"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """Intervals from `start` up to but not including `end` with one rate a interval.

    `low` and `high` bound the rate at 95 %: exact for a Poisson count, and widened by the square
    root of the variance over the mean where counts are overdispersed.
    """

    start: int
    end: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The segments of one penalty.

    `cost` is the sum of the segments' costs (minus twice the log likelihood, up to a constant) and
    `size` the negative binomial's size; infinite for Poisson.
    """

    segments: tuple[Segment, ...]
    cost: float
    penalty: float
    size: float

    @property
    def changes(self) -> Ints:
        """int64: the first interval of every segment but the first."""
        return np.array([s.start for s in self.segments[1:]], dtype=np.int64)


def dispersion(counts: Ints, window: int = 5) -> float:
    """The size r of a negative binomial whose variance is m + m^2 / r, infinite where there is no
    overdispersion.

    Parameters
    ----------
    counts : int64 (n)
    window : int
        Neighbouring intervals whose rate is taken for the same.

    Within windows of neighbours, so that changes of the rate do not count as dispersion; the
    median over windows of the moment estimate is robust to bursts.
    Source: the method of moments, J. O. Lloyd-Smith, PLoS ONE 2 (2007), within blocks.
    """
    blocks = len(counts) // window
    if blocks < 3:
        return float("inf")
    grid = counts[: blocks * window].reshape(blocks, window).astype(np.float64)
    mean, variance = grid.mean(axis=1), grid.var(axis=1, ddof=1)
    busy = mean > 1.0
    if busy.sum() < 3:
        return float("inf")
    excess = float(np.median((variance[busy] - mean[busy]) / mean[busy] ** 2))
    return 1.0 / excess if excess > 1e-6 else float("inf")


def segment(
    counts: Ints, *, penalty: float | None = None, size: float = np.inf, shortest: int = 1
) -> Segmentation:
    """The segmentation that minimises cost plus penalty, exactly.

    Parameters
    ----------
    counts : int64 (n)
        One for each interval of equal length.
    penalty : float, optional
        For each change; 3 log n where left out (the modified BIC's rate for a change and its two
        neighbours).
    size : float
        Of the negative binomial; infinite for Poisson counts.
    shortest : int
        Fewest intervals of a segment.

    Optimal partitioning: the best segmentation up to t is the best up to some s plus one segment
    from s to t. Candidates s that can no longer be best are pruned.

    Source: B. Jackson and others, IEEE Signal Processing Letters 12 (2005); R. Killick,
    P. Fearnhead, I. Eckley, Journal of the American Statistical Association 107 (2012), for the
    pruning; N. Zhang and D. Siegmund, Biometrics 63 (2007), for the penalty.
    """
    n = len(counts)
    if n == 0:
        return Segmentation((), 0.0, 0.0, size)
    charge = 3.0 * float(np.log(max(n, 2))) if penalty is None else penalty
    total = np.concatenate([[0], counts.cumsum()]).astype(np.float64)
    best = np.full(n + 1, np.inf)
    best[0] = -charge
    previous = np.zeros(n + 1, dtype=np.int64)
    candidates = np.array([0], dtype=np.int64)
    for end in range(shortest, n + 1):
        cost = _cost(total[end] - total[candidates], end - candidates, size)
        value = best[candidates] + cost + charge
        at = int(value.argmin())
        best[end], previous[end] = value[at], candidates[at]
        keep = best[candidates] + cost <= best[end] + 1e-9
        fresh = end - shortest + 1
        candidates = candidates[keep]
        if fresh >= shortest and np.isfinite(best[fresh]):
            candidates = np.append(candidates, fresh)
    if not np.isfinite(best[n]):
        previous[n], best[n] = 0, _cost(total[n : n + 1], np.array([n]), size)[0]
    edges = [n]
    while edges[-1] > 0:
        edges.append(int(previous[edges[-1]]))
    edges = edges[::-1]
    parts = tuple(_describe(total, a, b, size) for a, b in pairwise(edges))
    sums = np.array([total[p.end] - total[p.start] for p in parts])
    lengths = np.array([p.end - p.start for p in parts])
    return Segmentation(parts, float(_cost(sums, lengths, size).sum()), charge, size)


def _cost(sums: Floats, lengths: Ints, size: float) -> Floats:
    """Minus twice the log likelihood at the segment's own mean, without what no segmentation
    changes.
    """
    mean = sums / lengths
    if np.isinf(size):
        return np.asarray(2.0 * (sums - special.xlogy(sums, mean)))
    # Of one count x: -x log(m / (m + r)) - r log(r / (m + r)).
    rest = lengths * size * np.log1p(mean / size)
    return np.asarray(2.0 * (rest - special.xlogy(sums, mean / (mean + size))))


def _describe(total: Floats, start: int, end: int, size: float) -> Segment:
    count, length = float(total[end] - total[start]), end - start
    rate = count / length
    low = special.gammaincinv(count, 0.025) if count > 0 else 0.0
    high = special.gammaincinv(count + 1, 0.975)
    wider = float(np.sqrt(1.0 + rate / size)) if np.isfinite(size) else 1.0
    return Segment(
        start,
        end,
        rate,
        max(0.0, rate - wider * (rate - float(low) / length)),
        rate + wider * (float(high) / length - rate),
    )
