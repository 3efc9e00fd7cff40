"""Bursts and droughts: found where they are, and rarely where they are not."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.changepoint import dispersion
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


@pytest.mark.parametrize("droughts", [False, True])
def test_windows_are_those_of_trying_every_one(droughts):
    rng = np.random.default_rng(7)
    counts, expected = rng.poisson(8, 30), rng.uniform(4, 12, 30)
    mean = expected / expected.sum() * counts.sum()
    free = [True] * 30
    best = []
    while len(best) < 4:
        tried = []
        for a in range(30):
            for b in range(a + 1, min(a + 5, 30) + 1):
                got, due, total = counts[a:b].sum(), mean[a:b].sum(), counts.sum()
                if all(free[a:b]) and (got < due) == droughts and got > 0:
                    score = got * np.log(got / due)
                    score += (total - got) * np.log((total - got) / (total - due))
                    tried.append((-score, a, b))
        _, a, b = min(tried)
        best.append((a, b))
        free[a:b] = [False] * (b - a)
    found = scan(counts, expected, longest=5, replicates=1, rng=rng, droughts=droughts, most=4)
    assert [(w.start, w.end) for w in found] == best


def test_a_long_burst_hides_no_other():
    counts = np.full(300, 20)
    counts[50:65] = 400
    counts[200:204] = 60
    found = scan(
        counts, np.full(300, 20.0), longest=15, replicates=1, rng=np.random.default_rng(0), most=2
    )
    assert [(w.start, w.end) for w in found] == [(50, 65), (200, 204)]


def test_the_baseline_follows_slopes_and_not_bursts():
    slope = np.arange(10, 110)
    inside = slice(8, -8)
    assert np.abs(baseline(slope)[inside] - slope[inside]).max() < 1e-9
    steady = np.full(100, 30)
    steady[40:50] = 500
    assert baseline(steady).tolist() == [30.0] * 100
    both = np.stack([slope, steady])
    assert (baseline(both) == np.stack([baseline(slope), baseline(steady)])).all()


@pytest.mark.parametrize(("size", "peak"), [(np.inf, 20), (10.0, 20), (10.0, 150)])
@pytest.mark.parametrize("droughts", [False, True])
def test_size_where_baseline_and_dispersion_are_estimated(size, peak, droughts):
    """A rate that rises and falls; about 5 % of series may alarm, and the bound is 0.1 % of luck
    above 10 %, since the estimates are not perfect.
    """
    rng = np.random.default_rng(8)
    rate = 0.3 * peak + peak * np.exp(-(np.linspace(-2.5, 2.5, 200) ** 2))
    alarms = 0
    for _ in range(80):
        noise = rng.gamma(size, 1 / size, 200) if np.isfinite(size) else 1.0
        counts = rng.poisson(rate * noise)
        found = scan(
            counts,
            baseline(counts),
            longest=15,
            replicates=39,
            rng=rng,
            size=dispersion(counts),
            droughts=droughts,
            refit=baseline,
        )
        alarms += bool(found) and found[0].p_value <= 0.05
    assert alarms <= stats.binom.isf(0.001, 80, 0.1)


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
