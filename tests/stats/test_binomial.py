"""The sign test against SciPy's binomial test."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.binomial import sign_test


def test_sign_test_is_the_exact_binomial_test():
    up = np.array([0, 1, 7, 10, 40, 300])
    down = np.array([0, 0, 2, 10, 70, 250])
    expected = [1.0] + [
        stats.binomtest(int(u), int(u + d)).pvalue for u, d in zip(up[1:], down[1:], strict=True)
    ]
    assert sign_test(up, down) == pytest.approx(expected)


def test_sign_test_does_not_know_up_from_down():
    assert sign_test(3, 19) == sign_test(19, 3)
