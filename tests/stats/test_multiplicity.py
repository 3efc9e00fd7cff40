"""Adjusted p-values against SciPy, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from veedor.stats.multiplicity import benjamini_yekutieli, holm

P = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


@given(P)
def test_benjamini_yekutieli_agrees_with_scipy(p):
    assert benjamini_yekutieli(p) == pytest.approx(false_discovery_control(p, method="by"))


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


@given(P)
def test_holm_lies_between_the_raw_value_and_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= p - 1e-15).all()
    assert (adjusted <= np.minimum(p * len(p), 1) + 1e-15).all()


def test_nothing_to_adjust():
    assert benjamini_yekutieli(np.array([])).size == 0
