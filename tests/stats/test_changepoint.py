"""Segmentation against enumeration, and what it finds in series whose rates are known."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy import stats

from veedor.stats.changepoint import dispersion, segment


def enumerate_all(counts, penalty, size=np.inf):
    """The best segmentation of a short series by trying every one of them, by log likelihoods."""
    n = len(counts)

    def cost(part):
        mean = part.mean()
        if np.isinf(size):
            return -2 * stats.poisson.logpmf(part, mean).sum() if mean else 0.0
        chance = size / (size + mean)
        return -2 * stats.nbinom.logpmf(part, size, chance).sum()

    best = (np.inf, ())
    for k in range(n):
        for cuts in combinations(range(1, n), k):
            edges = [0, *cuts, n]
            value = sum(cost(counts[a:b]) for a, b in pairwise(edges))
            best = min(best, (value + penalty * k, cuts))
    return best[1]


@pytest.mark.parametrize("size", [np.inf, 4.0])
@pytest.mark.parametrize("seed", range(8))
def test_the_best_of_all_segmentations_is_found(seed, size):
    rng = np.random.default_rng(seed)
    counts = np.concatenate([rng.poisson(m, 4) for m in rng.choice([2, 9, 30], 3)])
    found = segment(counts, penalty=4.0, size=size)
    assert tuple(found.changes.tolist()) == enumerate_all(counts, 4.0, size)


def test_known_changes_are_found_and_rates_have_their_limits():
    rng = np.random.default_rng(1)
    counts = np.concatenate([rng.poisson(m, n) for m, n in ((10, 80), (40, 5), (10, 80))])
    found = segment(counts)
    assert found.changes.tolist() == [80, 85]
    middle = found.segments[1]
    total = int(counts[80:85].sum())
    low, high = stats.chi2.ppf([0.025, 0.975], [2 * total, 2 * total + 2]) / 10
    assert (middle.low, middle.high) == pytest.approx((low, high))


def test_a_constant_rate_has_no_change_and_overdispersion_is_not_taken_for_one():
    rng = np.random.default_rng(2)
    assert len(segment(rng.poisson(30, 1000)).changes) <= 1
    wild = rng.negative_binomial(5, 5 / 35, 1000)
    size = dispersion(wild)
    assert 3 < size < 8
    assert len(segment(wild, size=size).changes) <= 2 < len(segment(wild).changes)


def test_a_smaller_penalty_finds_no_fewer_changes():
    counts = np.random.default_rng(3).poisson(np.repeat([5, 8, 20, 4], 40))
    numbers = [len(segment(counts, penalty=p).changes) for p in (2.0, 6.0, 20.0, 200.0)]
    assert numbers == sorted(numbers, reverse=True)


def test_segments_are_no_shorter_than_asked():
    counts = np.random.default_rng(4).poisson(np.repeat([5, 60, 5], 7))
    found = segment(counts, penalty=1.0, shortest=5)
    assert all(s.end - s.start >= 5 for s in found.segments)
    assert sum(s.end - s.start for s in found.segments) == 21


def test_nothing_and_zeros():
    assert segment(np.array([], dtype=np.int64)).segments == ()
    only = segment(np.zeros(10, dtype=np.int64)).segments
    assert [(s.start, s.end, s.rate, s.low) for s in only] == [(0, 10, 0.0, 0.0)]
