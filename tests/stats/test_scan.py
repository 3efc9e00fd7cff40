"""Bursts and droughts: found where they are, and rarely where they are not."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.scan import baseline, scan


def test_a_burst_is_found_where_it_is():
    counts = np.random.default_rng(0).poisson(20, 200)
    counts[90:94] += 60
    top = scan(counts, baseline(counts), longest=10, replicates=99, rng=np.random.default_rng(1))[0]
    assert (top.start, top.end) == (90, 94)
    assert top.count == counts[90:94].sum()
    assert top.p_value == 0.01


def test_a_drought_is_found_and_is_no_burst():
    counts = np.random.default_rng(2).poisson(40, 200)
    counts[50:55] = 2
    rng = np.random.default_rng(3)
    top = scan(counts, np.full(200, 40.0), longest=10, replicates=99, rng=rng, droughts=True)[0]
    assert (top.start, top.end) == (50, 55)
    assert top.ratio < 0.2


def test_windows_do_not_overlap():
    counts = np.random.default_rng(4).poisson(np.tile([5, 5, 30], 40))
    found = scan(counts, np.full(120, 15.0), longest=4, replicates=9, rng=np.random.default_rng(5))
    taken = np.concatenate([np.arange(w.start, w.end) for w in found])
    assert len(taken) == len(set(taken.tolist()))


def test_the_score_is_the_likelihood_ratio():
    """By hand: 30 of 40 in one of four equal intervals."""
    counts = np.array([5, 30, 3, 2])
    top = scan(counts, np.ones(4), longest=1, replicates=9, rng=np.random.default_rng(0))[0]
    assert top.score == pytest.approx(30 * np.log(30 / 10) + 10 * np.log(10 / 30))


@pytest.mark.parametrize("size", [np.inf, 6.0])
def test_size_under_the_null_that_is_asked_for(size):
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(120):
        chance = np.full(100, 20.0)
        if np.isfinite(size):
            chance = chance * rng.gamma(size, 1 / size, 100)
        counts = rng.poisson(chance)
        found = scan(counts, np.full(100, 20.0), longest=6, replicates=39, rng=rng, size=size)
        alarms += bool(found) and found[0].p_value <= 0.05
    assert alarms <= stats.binom.isf(0.001, 120, 0.05)


def test_nothing_to_scan():
    rng = np.random.default_rng(0)
    assert scan(np.zeros(5, np.int64), np.ones(5), longest=2, replicates=9, rng=rng) == []
    assert len(baseline(np.array([], dtype=np.int64))) == 0
