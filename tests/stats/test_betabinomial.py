"""The beta-binomial distribution against scipy, and sums by hand."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.betabinomial import EXACT, log_point, mid_p, tails


@pytest.mark.parametrize(("n", "a", "b"), [(1, 0.5, 0.5), (17, 0.02, 3.0), (240, 40.0, 2.0)])
def test_points_and_tails_are_those_of_scipy(n, a, b):
    k = np.arange(n + 1.0)
    full = np.full(n + 1, float(n)), np.full(n + 1, a), np.full(n + 1, b)
    oracle = stats.betabinom(n, a, b)
    np.testing.assert_allclose(np.exp(log_point(k, *full)), oracle.pmf(k), rtol=1e-9)
    found = tails(k, *full)
    np.testing.assert_allclose(found.above, oracle.sf(k), rtol=1e-7, atol=1e-13)
    np.testing.assert_allclose(found.below, oracle.cdf(k - 1), rtol=1e-7, atol=1e-13)


def test_a_far_tail_keeps_its_relative_precision():
    n, a, b = 200.0, 60.0, 60.0
    k = 199.0
    terms = [
        np.exp(log_point(np.array([j]), np.array([n]), np.array([a]), np.array([b]))[0])
        for j in (199.0, 200.0)
    ]
    found = tails(np.array([k]), np.array([n]), np.array([a]), np.array([b]))
    assert terms[1] < 1e-18
    np.testing.assert_allclose(found.above[0], terms[1], rtol=1e-9)


def test_above_the_limit_the_tail_is_close_to_the_exact_one():
    n = EXACT + 1
    k = np.array([6500.0])
    found = tails(k, np.array([float(n)]), np.array([30.0]), np.array([70.0]))
    np.testing.assert_allclose(found.above, stats.betabinom(n, 30, 70).sf(k), rtol=2e-3)


def test_mid_p_of_the_middle_is_one_and_symmetric():
    k, n = np.array([2.0, 0.0, 4.0]), np.full(3, 4.0)
    p = mid_p(tails(k, n, np.full(3, 5.0), np.full(3, 5.0)))
    assert p[0] == pytest.approx(1.0)
    np.testing.assert_allclose(p[1], stats.betabinom(4, 5, 5).pmf(0))
    np.testing.assert_allclose(p[1], p[2])
