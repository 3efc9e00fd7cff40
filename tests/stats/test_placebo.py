"""Placebo cut-offs: where they lie, and the size of the test that they make."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.discontinuity import Jump, jump
from veedor.stats.placebo import apart, place_cuts, placebos


def test_windows_neither_leave_the_data_nor_hold_the_cut():
    cuts = place_cuts(0, 100, 80, 5, 200)
    assert len(cuts) == 200
    assert cuts.min() >= 5
    assert cuts.max() <= 95
    assert not ((cuts > 75) & (cuts < 85)).any()
    assert len(place_cuts(0, 10, 5, 5, 10)) == 0


def test_the_p_value_counts_the_real_cut_too():
    made = {float(c): Jump(v, 1.0, 9, 9, 9) for c, v in enumerate([0.5, -2.0, 3.0, 1.0])}
    found = placebos(lambda c: made[c], np.array(sorted(made)), Jump(2.0, 1.0, 9, 9, 9))
    assert found.p_value == (1 + 2) / (1 + 4)


def test_windows_side_by_side_are_counted_as_they_lie():
    assert apart(0, 100, 80, 5) == 8 + 2
    assert apart(0, 100, 88, 5) == 8 + 1
    assert apart(0, 10, 5, 5) == 0
    assert apart(0, 100, 100, 50) == 0


def test_many_windows_that_overlap_promise_no_more_than_those_that_do_not():
    """A jump beyond all of 200 placebos has rank 1/201; with nine windows that is not believed."""
    ratios = np.random.default_rng(3).normal(size=200)
    made = dict(enumerate(ratios))
    real = Jump(1.05 * float(np.abs(ratios).max()), 1.0, 9, 9, 9)
    cuts = np.arange(200.0)
    found = placebos(lambda c: Jump(made[int(c)], 1.0, 9, 9, 9), cuts, real, 9)
    assert found.p_value == 1 / 201
    assert found.apart == 9
    t = real.ratio / np.sqrt((ratios**2).mean())
    assert found.p_apart == pytest.approx(2 * stats.t.sf(t, 9))
    assert found.p_apart > found.p_value
    assert np.isnan(placebos(lambda c: real, cuts, real).p_apart)


def test_what_cannot_be_estimated_is_left_out():
    nothing = Jump(np.nan, np.nan, 0, 0, 0)
    found = placebos(lambda c: nothing, np.arange(3.0), Jump(1.0, 1.0, 9, 9, 9))
    assert len(found.jumps) == 0
    assert np.isnan(found.p_value)


def test_size_where_the_order_is_a_slow_drift_of_places():
    """A stream of places with a drifting mean: textbook errors reject far too often, the placebos
    at about their level.
    """
    naive = placebo = 0
    draws = 120
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        n = 1500
        drift = np.cumsum(rng.normal(0, 1.0, n // 10)).repeat(10)
        y = drift + rng.normal(0, 3, n)
        x = 100 * (np.arange(n) + 0.5) / n

        def at(cut, y=y, x=x):
            return jump(y, x - cut, 5)

        real = at(60.0)
        naive += abs(real.ratio) > 1.96
        placebo += placebos(at, place_cuts(0, 100, 60, 5, 60), real).p_value <= 0.05
    assert naive > 0.15 * draws
    assert placebo <= stats.binom.isf(0.001, draws, 0.05)
