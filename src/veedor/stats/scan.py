"""Bursts and droughts: windows whose count is far from what their neighbourhood leads to expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

__all__ = ["Window", "baseline", "scan"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NARROWEST = 5
"""Half of the narrowest window of a baseline, at the ends of a series."""
AT_ONCE = 1 << 18
"""Counts that are drawn at once, so that many replicates of a long series fit into memory."""


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


def baseline(counts: Ints, half: int = 15) -> Floats:
    """What each interval would hold by its neighbourhood: the running median of 2 half + 1,
    smoothed by a running mean of five, and not less than a half.

    Parameters
    ----------
    counts : int64 (..., n)
    half : int

    A median follows slopes and is not moved by a burst shorter than half of its window. Towards
    the ends the window narrows, to 11 intervals, lest the rate of a beginning or an end be taken
    from the middle; there a burst of more than five intervals counts as a slope.
    Source: J. Tukey, Exploratory Data Analysis (1977), running medians and their ends.
    """
    n = counts.shape[-1]
    if n == 0:
        return np.empty(counts.shape)
    rows = counts.reshape(-1, n).astype(np.float64)
    half = min(half, (n - 1) // 2)
    middle = ndimage.median_filter(rows.ravel(), size=2 * half + 1).reshape(rows.shape)
    narrowest = min(NARROWEST, half)
    for reach in range(narrowest, half):
        for at in (reach, n - 1 - reach):
            middle[:, at] = np.median(rows[:, at - reach : at + reach + 1], axis=1)
    middle[:, :narrowest] = middle[:, narrowest : narrowest + 1]
    middle[:, n - narrowest :] = middle[:, n - 1 - narrowest : n - narrowest]
    smooth = ndimage.uniform_filter1d(middle, min(5, n), axis=1, mode="nearest")
    return np.asarray(np.maximum(smooth, 0.5).reshape(counts.shape))


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
    refit: Callable[[Ints], Floats] | None = None,
) -> list[Window]:
    """The windows with the largest likelihood ratios that do not overlap, largest first.

    Parameters
    ----------
    counts, expected : (n)
        Counts, and what the baseline leads to expect of each interval, up to a factor.
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
    refit : function from counts (draws, n) to expected (draws, n), optional
        How `expected` was estimated from the counts: it is estimated again from every series
        drawn, so that the p-values know of its error. Where left out, `expected` was known.

    Each further window is held against the largest score of a whole drawn series, which makes its
    p-value conservative.
    Source: M. Kulldorff, Communications in Statistics 26 (1997), conditional on the total, for a
    known baseline; its estimation in the replicates is the parametric bootstrap.
    """
    total = int(counts.sum())
    if len(counts) == 0 or total == 0:
        return []
    weight = expected / expected.sum()
    scores = _scores(counts[None], weight[None], longest, droughts)[:, 0]
    null = _null(weight, total, size, replicates, rng, longest, droughts, refit)
    found: list[Window] = []
    while len(found) < most:
        length, start = np.unravel_index(int(scores.argmax()), scores.shape)
        score = float(scores[length, start])
        if score <= 0:
            break
        end = int(start + length) + 1
        for other in range(len(scores)):
            scores[other, max(0, int(start) - other) : end] = 0.0
        count, mean = int(counts[start:end].sum()), float(total * weight[start:end].sum())
        p_value = (1 + int((null >= score - 1e-9).sum())) / (1 + replicates)
        found.append(Window(int(start), end, count, mean, count / mean, score, p_value))
    return found


def _null(
    weight: Floats,
    total: int,
    size: float,
    replicates: int,
    rng: np.random.Generator,
    longest: int,
    droughts: bool,
    refit: Callable[[Ints], Floats] | None,
) -> Floats:
    """float64 (replicates): the largest score of each series drawn."""
    largest = []
    batch = max(1, AT_ONCE // len(weight))
    for first in range(0, replicates, batch):
        draws = min(batch, replicates - first)
        chance = np.broadcast_to(weight, (draws, len(weight)))
        if np.isfinite(size):
            chance = chance * rng.gamma(size, 1.0 / size, chance.shape)
            chance = chance / chance.sum(axis=1, keepdims=True)
        drawn = rng.multinomial(total, chance).astype(np.int64)
        fitted = np.broadcast_to(weight, drawn.shape) if refit is None else refit(drawn)
        fitted = fitted / fitted.sum(axis=1, keepdims=True)
        largest.append(_scores(drawn, fitted, longest, droughts).max(axis=(0, 2)))
    return np.concatenate(largest) if largest else np.empty(0)


def _scores(counts: Ints, weight: Floats, longest: int, droughts: bool) -> Floats:
    """float64 (lengths, series, n): log likelihood ratio of the window of each length that begins
    at each interval, 0 where it leaves the series or lies on the other side of its expectation.

    Parameters
    ----------
    counts, weight : (series, n)
        All series have one total; weights sum to one.
    """
    series, n = counts.shape
    longest = min(longest, n)
    zero = np.zeros((series, 1))
    sums = np.concatenate([zero, counts.cumsum(axis=1)], axis=1)
    total = float(sums[0, -1])
    means = total * np.concatenate([zero, weight.cumsum(axis=1)], axis=1)
    found = np.zeros((longest, series, n))
    for length in range(1, longest + 1):
        inside = sums[:, length:] - sums[:, :-length]
        mean = np.minimum(means[:, length:] - means[:, :-length], total)
        outside, rest = total - inside, np.maximum(total - mean, 1e-12)
        ratio = special.xlogy(inside, inside / np.maximum(mean, 1e-12))
        ratio += special.xlogy(outside, outside / rest)
        side = inside < mean if droughts else inside > mean
        found[length - 1, :, : n - length + 1] = np.where(side, ratio, 0.0)
    return found
