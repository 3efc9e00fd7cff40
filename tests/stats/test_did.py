"""Difference in differences: what it finds, and what a trend before the cut does to it."""

import numpy as np
import pytest

from veedor.stats.did import difference_in_differences, pre_trend


def made(seed=0, step=0.0, slope=0.0, n=3000):
    rng = np.random.default_rng(seed)
    rank = (np.arange(n) + 0.5) / n
    late = rank > 0.8
    clusters = rng.integers(0, 400, n)
    change = (
        5.0 + step * late + slope * rank + rng.normal(0, 2, n) + rng.normal(0, 1, 400)[clusters]
    )
    return change, late, rank, clusters


def test_a_step_is_found_either_way():
    found = difference_in_differences(*made(step=3.0))
    assert found.plain == pytest.approx(3.0, abs=4 * found.plain_error)
    assert found.with_trend == pytest.approx(3.0, abs=4 * found.trend_error)


def test_a_trend_without_a_step_is_a_plain_difference_and_none_with_the_trend():
    found = difference_in_differences(*made(slope=10.0))
    assert found.plain == pytest.approx(10.0 * (0.9 - 0.4), abs=0.5)
    assert found.with_trend == pytest.approx(0.0, abs=4 * found.trend_error)
    slope, _, p_value = pre_trend(*made(slope=10.0))
    assert slope == pytest.approx(10.0, abs=1.0)
    assert p_value < 1e-6


def test_without_a_trend_the_pre_trend_has_its_level():
    p_values = [pre_trend(*made(seed))[2] for seed in range(200)]
    assert 1 <= sum(p <= 0.05 for p in p_values) <= 25


def test_the_plain_one_is_the_difference_of_two_means():
    change, late, rank, clusters = made(3, step=1.0)
    weights = np.random.default_rng(1).uniform(1, 2, len(change))
    found = difference_in_differences(change, late, rank, clusters, weights)
    means = [np.average(change[k], weights=weights[k]) for k in (late, ~late)]
    assert found.plain == pytest.approx(means[0] - means[1])
