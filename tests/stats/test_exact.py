"""Exact tests against SciPy and against enumeration."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from veedor.stats.exact import proportion_interval, unequal_chances_tail


def test_limits_are_those_of_clopper_and_pearson():
    low, high = proportion_interval(np.array([226, 0, 4, 0]), np.array([4692, 9, 4, 0]))
    for i, (k, n) in enumerate([(226, 4692), (0, 9), (4, 4)]):
        expected = binomtest(k, n).proportion_ci(method="exact")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high))
    assert (low[3], high[3]) == (0.0, 1.0)


def test_the_published_interval_of_the_same_hand_sheets():
    """T12 of the targets: 226 of 4,692 is 4.22 to 5.47 per cent."""
    low, high = proportion_interval(np.array([226]), np.array([4692]))
    assert 100 * low[0] == pytest.approx(4.22, abs=0.1)
    assert 100 * high[0] == pytest.approx(5.47, abs=0.1)


@pytest.mark.parametrize("hits", range(6))
def test_unequal_chances_agree_with_enumeration(hits):
    chances = np.array([0.1, 0.5, 0.5, 0.8, 1.0])
    brute = sum(
        np.prod([c if x else 1 - c for x, c in zip(event, chances, strict=True)])
        for event in itertools.product([0, 1], repeat=5)
        if sum(event) >= hits
    )
    assert unequal_chances_tail(hits, chances) == pytest.approx(brute)


def test_the_normal_limit_joins_the_exact_tail():
    chances = np.full(1_700, 0.5)
    exact = binomtest(880, 1_700, alternative="greater").pvalue
    assert unequal_chances_tail(880, chances) == pytest.approx(exact, rel=0.01)


def test_no_chances_at_all():
    assert unequal_chances_tail(0, np.empty(0)) == 1.0
    assert unequal_chances_tail(1, np.empty(0)) == 0.0
