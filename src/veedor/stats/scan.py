"""Bursts and droughts: windows whose count is far from what their neighbourhood leads to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Window", "baseline", "scan"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """Intervals from `start` up to but not including `end`.

    `ratio` is count over expected; `score` the log likelihood ratio; `p_value` that of the largest
    score anywhere in a series drawn from the baseline.
    """

    start: int
    end: int
    count: int
    expected: float
    ratio: float
    score: float
    p_value: float


def baseline(counts: Ints, half: int = 10) -> Floats:
    """What each interval would hold by its neighbourhood: the running median of 2 half + 1, that
    of the nearest whole window at the ends, and not less than the mean of the series' quiet half.

    Parameters
    ----------
    counts : int64 (n)
    half : int

    A median is not moved by a burst shorter than half of its window.
    Source: J. Tukey, Exploratory Data Analysis (1977), running medians.
    """
    n = len(counts)
    width = min(2 * half + 1, n)
    if n == 0:
        return np.empty(0)
    views = np.lib.stride_tricks.sliding_window_view(counts.astype(np.float64), width)
    middle = np.median(views, axis=1)
    at = np.clip(np.arange(n) - width // 2, 0, len(middle) - 1)
    floor = max(float(np.sort(counts)[: max(1, n // 2)].mean()), 0.5)
    return np.maximum(middle[at], floor)


def scan(
    counts: Ints,
    expected: Floats,
    *,
    longest: int,
    replicates: int,
    rng: np.random.Generator,
    droughts: bool = False,
    size: float = np.inf,
    most: int = 10,
) -> list[Window]:
    """The windows with the largest likelihood ratios that do not overlap.

    Parameters
    ----------
    counts, expected : (n)
        Counts, and what the baseline leads to expect of each interval.
    longest : int
        Intervals of the longest window.
    replicates : int
        Series drawn for the p-value: counts with the same total, spread over the intervals in
        proportion to `expected` (Poisson), or to that times gamma noise of the given `size`
        (overdispersed counts).
    droughts : bool
        Windows below the baseline rather than above it.
    most : int
        Windows that are given.

    Source: M. Kulldorff, Communications in Statistics 26 (1997), conditional on the total.
    """
    total = int(counts.sum())
    if len(counts) == 0 or total == 0:
        return []
    weight = expected / expected.sum()
    scores = _scores(counts, weight, total, longest, droughts)
    null = np.array(
        [
            _scores(_draw(weight, total, size, rng), weight, total, longest, droughts).max()
            for _ in range(replicates)
        ]
    )
    found: list[Window] = []
    taken = np.zeros(len(counts), dtype=bool)
    for at in np.argsort(-scores, axis=None, kind="stable")[: 50 * most]:
        length, start = divmod(int(at), len(counts))
        end = start + length + 1
        score = float(scores[length, start])
        if score <= 0 or len(found) == most:
            break
        if taken[start:end].any():
            continue
        taken[start:end] = True
        count, mean = int(counts[start:end].sum()), float(total * weight[start:end].sum())
        beyond = int((null >= score - 1e-9).sum())
        p_value = (1 + beyond) / (1 + replicates)
        found.append(Window(start, end, count, mean, count / mean, score, p_value))
    return found


def _draw(weight: Floats, total: int, size: float, rng: np.random.Generator) -> Ints:
    chance = weight
    if np.isfinite(size):
        chance = weight * rng.gamma(size, 1.0 / size, len(weight))
        chance = chance / chance.sum()
    return rng.multinomial(total, chance).astype(np.int64)


def _scores(counts: Ints, weight: Floats, total: int, longest: int, droughts: bool) -> Floats:
    """float64 (lengths, n): log likelihood ratio of each window, 0 where it leaves the series or
    lies on the other side of its expectation.
    """
    n = len(counts)
    longest = min(longest, n)
    sums = np.concatenate([[0], counts.cumsum()]).astype(np.float64)
    means = total * np.concatenate([[0.0], weight.cumsum()])
    found = np.zeros((longest, n))
    for length in range(1, longest + 1):
        inside = sums[length:] - sums[:-length]
        mean = np.minimum(means[length:] - means[:-length], total)
        outside, rest = total - inside, np.maximum(total - mean, 1e-12)
        ratio = special.xlogy(inside, inside / np.maximum(mean, 1e-12))
        ratio += special.xlogy(outside, outside / rest)
        side = inside < mean if droughts else inside > mean
        found[length - 1, : n - length + 1] = np.where(side, ratio, 0.0)
    return found
