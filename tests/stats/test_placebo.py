"""Placebo cut-offs: where they lie, and the size of the test that they make."""

import numpy as np
from scipy import stats

from veedor.stats.discontinuity import Jump, jump
from veedor.stats.placebo import place_cuts, placebos


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
