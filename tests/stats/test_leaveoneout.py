"""Prediction of a member by the others of its group: by hand and on simulated groups."""

import numpy as np
import pytest

from veedor.stats.betabinomial import mid_p, tails
from veedor.stats.leaveoneout import (
    Dispersion,
    discordance,
    dispersion,
    predict,
    trimmed_dispersion,
)


def simulated(rho, groups=3000, seed=3):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(1, 6, groups))
    share = rng.beta(2.0, 3.0, groups)[group]
    n = rng.integers(20, 240, len(group)).astype(float)
    own = rng.beta(share * (1 / rho - 1), (1 - share) * (1 / rho - 1))
    return rng.binomial(n.astype(int), own).astype(float), n, group


@pytest.mark.parametrize("rho", [0.003, 0.02, 0.2])
def test_dispersion_finds_the_correlation_that_was_put_in(rho):
    found = dispersion(*simulated(rho))
    assert found.rho == pytest.approx(rho, rel=0.1)
    assert found.mean == pytest.approx(0.4, abs=0.02)
    assert found.precision == pytest.approx(5.0, rel=0.15)


def test_dispersion_of_equal_groups_is_the_analysis_of_variance_estimator():
    """With groups of two members of equal trials, the classical estimator (Ridout 1999, eq. 2)."""
    rng = np.random.default_rng(8)
    groups, n = 4000, 50
    share = np.full(groups * 2, 0.5)
    group = np.repeat(np.arange(groups), 2)
    own = rng.beta(share * 49, share * 49)
    x = rng.binomial(n, own)
    p = x / n
    between = n * ((p[0::2] - p[1::2]) ** 2 / 2).sum() / groups
    within = (n * p * (1 - p)).sum() / (groups * 2 * (n - 1))
    anova = (between - within) / (between + (n - 1) * within)
    found = dispersion(x.astype(float), np.full(len(x), float(n)), group)
    assert found.rho == pytest.approx(anova, rel=0.02)


def test_no_group_with_two_members_gives_no_correlation():
    found = dispersion(np.array([3.0, 1.0]), np.array([5.0, 5.0]), np.array([0, 1]))
    assert (found.groups, found.members) == (0, 0)
    assert found.rho < 1e-6


def test_prediction_leaves_the_member_out():
    x, n = np.array([10.0, 30.0, 0.0, 7.0]), np.array([40.0, 60.0, 0.0, 9.0])
    group = np.array([0, 0, 0, 1])
    found = predict(x, n, group, Dispersion(0.01, 0.5, 4.0, 1, 2))
    np.testing.assert_array_equal(found.others, [1, 1, 2, 0])
    np.testing.assert_allclose(found.share, [0.5, 0.25, 0.4, np.nan])
    worth = 60 / (1 + 59 * 0.01)
    mean = (worth / 2 + 0.5) / (worth + 1)
    r = 1 / (worth + 2)
    spread = 1 / (r + (1 - r) * 0.01) - 1
    np.testing.assert_allclose([found.a[0], found.b[0]], [mean * spread, (1 - mean) * spread])


def test_predictions_hold_on_groups_like_those_assumed():
    x, n, group = simulated(0.01)
    found = predict(x, n, group, dispersion(x, n, group))
    known = found.others > 0
    p = mid_p(tails(x[known], n[known], found.a[known], found.b[known]))
    for level in (0.1, 0.01):
        assert np.mean(p <= level) == pytest.approx(level, rel=0.35)


def test_altered_members_do_not_widen_the_trimmed_dispersion():
    x, n, group = simulated(0.008)
    altered = np.random.default_rng(1).random(len(x)) < 0.05
    other = np.where(altered, np.floor(0.4 * x), x)
    assert dispersion(other, n, group).rho > 2 * 0.008
    assert trimmed_dispersion(other, n, group).rho == pytest.approx(0.008, rel=0.35)
    assert trimmed_dispersion(x, n, group).rho == pytest.approx(0.008, rel=0.1)


def test_discordance_is_exact_where_it_is_small():
    x, n, group = simulated(0.01, groups=500)
    found = predict(x, n, group, dispersion(x, n, group))
    p = discordance(x, n, found)
    known = found.others > 0
    exact = mid_p(tails(x[known], n[known], found.a[known], found.b[known]))
    small = p[known] < 0.005
    np.testing.assert_allclose(p[known][small], exact[small])
    assert np.isnan(p[~known]).all()
