"""Segmentation against enumeration, and what it finds in series whose rates are known."""

import json
import time
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.oracles import changepoint as oracle
from veedor.stats.changepoint import dispersion, segment

RUPTURES = json.loads(Path(__file__).with_name("changepoint.json").read_text())


def enumerate_all(counts, penalty, size=np.inf, shortest=1):
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
            if min(b - a for a, b in pairwise(edges)) < shortest:
                continue
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


@pytest.mark.parametrize("seed", range(30))
def test_pruning_loses_no_segmentation_where_segments_have_a_least_length(seed):
    """A candidate that is beaten may still be needed until the one that beats it has room."""
    counts = np.random.default_rng(seed).poisson([3, 30, 3, 25, 4, 3, 30, 28, 2, 2, 20, 3])
    found = segment(counts, penalty=2.0, shortest=3)
    assert tuple(found.changes.tolist()) == enumerate_all(counts, 2.0, shortest=3)


@pytest.mark.parametrize(
    ("name", "size", "shortest"),
    [
        ("poisson", np.inf, 1),
        ("negative-binomial", oracle.SIZE, 1),
        ("shortest", np.inf, oracle.SHORTEST),
    ],
)
def test_changes_are_those_of_a_published_package(name, size, shortest):
    """ruptures 1.1.10, with pruning and by full dynamic programming: tests/oracles/changepoint."""
    found = segment(
        oracle.sample(), penalty=oracle.PENALTY[name], size=size, shortest=shortest
    ).changes.tolist()
    assert found == RUPTURES[name]["pelt"] == RUPTURES[name]["dynp"]


def test_limits_of_overdispersed_rates_leave_two_and_a_half_percent_on_either_side():
    counts = np.array([3, 9, 1, 7, 5])
    only = segment(counts, penalty=1e6, size=4.0).segments[0]
    total, shape = 25, 5 * 4.0
    upper, lower = (
        stats.nbinom.cdf(k, shape, 4.0 / (4.0 + rate))
        for k, rate in ((total, only.high), (total - 1, only.low))
    )
    assert (upper, 1 - lower) == pytest.approx((0.025, 0.025))
    assert only.low < only.rate == 5.0 < only.high


def test_three_thousand_minutes_with_a_pause_take_less_than_a_second():
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.repeat(rng.gamma(2, 20, 60), 50))
    counts[400:700] = 0
    start = time.perf_counter()
    found = segment(counts, size=20.0)
    assert time.perf_counter() - start < 1.0
    assert {400, 700} <= set(found.changes.tolist())


@pytest.mark.parametrize("mean", [10.0, 150.0])
@pytest.mark.parametrize("size", [3.0, 10.0, 50.0])
def test_dispersion_is_that_of_the_counts_whatever_the_rate_does(mean, size):
    rng = np.random.default_rng(5)
    slope = mean * (1 + np.abs(np.linspace(-3, 3, 3000)))
    counts = rng.poisson(slope * rng.gamma(size, 1 / size, 3000))
    counts[1000:1010] += 4000
    assert 1 / dispersion(counts) == pytest.approx(1 / size, rel=0.15)


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
