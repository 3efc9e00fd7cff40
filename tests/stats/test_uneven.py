"""Tails where groups are not equally even: valid on such groups, sharp where a group is even."""

import numpy as np
import pytest

from veedor.stats.betabinomial import mid_p, tails
from veedor.stats.leaveoneout import Dispersion, predict, trimmed_dispersion
from veedor.stats.uneven import GRID, Unevenness, fit, predict_mixed


def simulated(spread, groups=1500, seed=3, members=(2, 12)):
    """Groups whose correlations are log-normal about 0.008."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(*members, groups))
    share = rng.beta(4.0, 5.0, groups)[group]
    rho = 0.008 * np.exp(spread * rng.standard_normal(groups) - spread**2 / 2)[group]
    n = rng.integers(60, 240, len(group)).astype(float)
    own = rng.beta(share * (1 / rho - 1), (1 - share) * (1 / rho - 1))
    return rng.binomial(n.astype(int), own).astype(float), n, group


def every_p(x, n, group):
    """p of all members under one correlation for all groups, and under one for each."""
    given = trimmed_dispersion(x, n, group)
    one = predict(x, n, group, given)
    at = np.arange(len(x))
    mixed, _ = predict_mixed(x, n, group, at, given, fit(x, n, group, given))
    return mid_p(tails(x, n, one.a, one.b)), mixed.p(x, n)


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_tails_hold_however_unevenly_groups_are_uneven(spread):
    _, p = every_p(*simulated(spread))
    for level in (0.1, 0.01, 0.001):
        expected = level * len(p)
        assert (p <= level).sum() < expected + 4 * np.sqrt(expected)
    assert p.min() > 1e-3 / len(p)


def test_one_correlation_for_all_groups_does_not_hold_on_uneven_ones():
    one, mixed = every_p(*simulated(1.0))
    assert one.min() * len(one) < 1e-3
    assert mixed.min() * len(one) > 0.01


def test_the_weights_are_those_of_the_groups():
    x, n, group = simulated(1.0, groups=4000)
    given = trimmed_dispersion(x, n, group)
    found = fit(x, n, group, given)
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.weights @ GRID == pytest.approx(0.008, rel=0.25)
    assert (found.groups, found.members) == (4000, len(x))
    assert found.resolution == 1 / (len(x) + 1)


def test_an_altered_member_of_an_even_group_still_stands_out():
    x, n, group = simulated(0.5)
    size = np.bincount(group)[group]
    at = np.flatnonzero((size >= 10) & (x / n > 0.4))[:1]
    x[at] = np.floor(0.1 * x[at])
    given = trimmed_dispersion(x, n, group)
    _, p = predict_mixed(x, n, group, at, given, fit(x, n, group, given))
    assert p[0] * len(x) < 0.01


def test_one_odd_member_does_not_make_the_others_odd():
    x = np.array([0.0, 100.0, 99.0, 98.0, 50.0, 52.0])
    n = np.full(6, 100.0)
    group = np.array([0, 0, 0, 0, 1, 1])
    weights = np.where(GRID[5] == GRID, 1.0, 1e-300)
    given = Dispersion(float(GRID[5]), 0.5, 2.0, 2, 6)
    mixed, p = predict_mixed(x, n, group, np.array([0, 1, 2, 4]), given, Unevenness(weights, 2, 6))
    raw = predict(x, n, group, given)
    np.testing.assert_allclose(mixed.a[0, 5], raw.a[0])
    assert mixed.p(x[[0, 1, 2, 4]], n[[0, 1, 2, 4]])[1] < 1e-3
    assert p[0] < 1e-5
    assert min(p[1], p[2]) > 0.2


def test_no_groups_of_several_members_say_nothing_of_unevenness():
    x, n, group = np.array([1.0, 2.0]), np.array([5.0, 5.0]), np.array([0, 1])
    found = fit(x, n, group, Dispersion(1e-7, 0.3, 1.0, 0, 0))
    assert (found.groups, found.resolution) == (0, 1.0)
    np.testing.assert_allclose(found.weights, 1 / len(GRID))
