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
    """Intervals from `start` up to but not including `end` with one rate.

    `low` and `high` bound the rate at 95 %, exactly for counts of the model at hand and a segment
    that was given; they do not know that the segment was looked for.
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
        Neighbouring intervals over which the rate is taken for a straight line; at least 4.

    The moment estimate of 1 / r in each window, about the window's own straight line, so that
    neither changes of the rate nor its slopes count as dispersion; and the median over windows,
    which bursts do not move. A variance on few degrees of freedom has a median below its mean;
    it is divided by the ratio of the two for normal counts, so that r comes out somewhat too
    large where there are few counts an interval.
    Source: the method of moments, J. O. Lloyd-Smith, PLoS ONE 2 (2007), within windows.
    """
    blocks = len(counts) // window
    if blocks < 3:
        return float("inf")
    grid = counts[: blocks * window].reshape(blocks, window).astype(np.float64)
    mean = grid.mean(axis=1)
    busy = mean > 1.0
    if busy.sum() < 3:
        return float("inf")
    line = np.linspace(-1.0, 1.0, window)
    rest = grid - mean[:, None]
    rest -= (rest @ line / (line @ line))[:, None] * line
    variance = (rest**2).sum(axis=1) / (2.0 * special.gammaincinv((window - 2) / 2.0, 0.5))
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
    edges = _edges(total, charge, size, shortest)
    parts = tuple(_describe(total, a, b, size) for a, b in pairwise(edges))
    sums = np.array([total[p.end] - total[p.start] for p in parts])
    lengths = np.array([p.end - p.start for p in parts])
    return Segmentation(parts, float(_cost(sums, lengths, size).sum()), charge, size)


def _edges(total: Floats, charge: float, size: float, shortest: int) -> list[int]:
    """0, the changes of the best segmentation, n."""
    n = len(total) - 1
    best = np.full(n + 1, np.inf)
    best[0] = -charge
    previous = np.zeros(n + 1, dtype=np.int64)
    candidates, last = np.array([0], dtype=np.int64), np.array([n + 1], dtype=np.int64)
    for end in range(shortest, n + 1):
        alive = last > end
        candidates, last = candidates[alive], last[alive]
        cost = best[candidates] + _cost(total[end] - total[candidates], end - candidates, size)
        at = int(cost.argmin())
        best[end], previous[end] = cost[at] + charge, candidates[at]
        # A change here beats the candidate only for ends that leave room for a segment from here.
        beaten = cost > best[end] + 1e-9
        last[beaten] = np.minimum(last[beaten], end + shortest)
        fresh = end - shortest + 1
        if fresh >= shortest:
            candidates, last = np.append(candidates, fresh), np.append(last, n + 1)
    edges = [n]
    while edges[-1] > 0:
        edges.append(int(previous[edges[-1]]))
    return edges[::-1]


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
    """With the limits that leave 2.5 % of the counts' distribution on either side: the sum of L
    counts is a gamma's tail for Poisson and a beta's for negative binomial counts, of size L r.
    """
    count, length = float(total[end] - total[start]), end - start
    low, high = 0.0, 0.0
    if np.isinf(size):
        low = float(special.gammaincinv(count, 0.025)) / length if count > 0 else 0.0
        high = float(special.gammaincinv(count + 1.0, 0.975)) / length
    else:
        shape = length * size
        chance = float(special.betaincinv(count, shape, 0.025)) if count > 0 else 0.0
        low = size * chance / (1.0 - chance)
        chance = float(special.betaincinv(count + 1.0, shape, 0.975))
        high = size * chance / (1.0 - chance) if chance < 1.0 else float("inf")
    return Segment(start, end, count / length, low, high)
