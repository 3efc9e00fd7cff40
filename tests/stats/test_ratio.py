"""The ratio over clusters against a jackknife, which agrees to first order."""

import numpy as np
import pytest

from veedor.stats.ratio import cluster_ratio


def test_error_agrees_with_the_jackknife():
    rng = np.random.default_rng(3)
    bottom = rng.integers(50, 400, 3000).astype(float)
    top = bottom * rng.normal(0.1, 0.2, 3000)
    found = cluster_ratio(top, bottom)
    left = (top.sum() - top) / (bottom.sum() - bottom)
    jackknife = np.sqrt(2999 / 3000 * ((left - left.mean()) ** 2).sum())
    assert found.value == pytest.approx(top.sum() / bottom.sum())
    assert found.error == pytest.approx(jackknife, rel=1e-3)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * found.error)


def test_equal_clusters_give_the_error_of_a_mean():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert cluster_ratio(values, np.ones(4)).error == pytest.approx(values.std(ddof=1) / 2)


def test_what_is_not_known_is_nan():
    assert np.isnan(cluster_ratio(np.array([]), np.array([])).value)
    one = cluster_ratio(np.array([3.0]), np.array([6.0]))
    assert one.value == 0.5
    assert np.isnan(one.low)
