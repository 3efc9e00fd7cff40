"""The pace of the fastest run, by hand."""

import numpy as np
import pytest

from veedor.stats.pace import fastest, resolution


def test_each_has_the_pace_of_the_own_fastest_run():
    t = np.array([0, 10, 20, 22, 24, 100, 5, 300, 600, 7])
    who = np.array(["a"] * 6 + ["b"] * 3 + ["c"])
    # a: 20, 22, 24 take 4 seconds and at most one more; b: 5, 300, 600; c has one item.
    assert fastest(t, who, 3).tolist() == [2.5, 298.0]


@pytest.mark.parametrize("seed", range(5))
def test_order_does_not_matter_and_trying_every_run_gives_the_same(seed):
    rng = np.random.default_rng(seed)
    t, who = rng.integers(0, 500, 80), rng.integers(0, 4, 80).astype(str)
    tried = []
    for name in np.unique(who):
        own = sorted(t[who == name])
        tried.append(min((own[i + 4] - own[i] + 1) / 4 for i in range(len(own) - 4)))
    assert fastest(t, who, 5).tolist() == tried


def test_stamps_of_whole_minutes_make_nobody_fast():
    t = np.zeros(20, dtype=np.int64)
    assert resolution(t) == 60
    assert resolution(np.array([60, 61])) == 1
    assert fastest(t, np.full(20, "a"), 20, 60).tolist() == [pytest.approx(60 / 19)]


def test_too_few_items():
    assert len(fastest(np.array([1, 2]), np.array(["a", "a"]), 3)) == 0
    assert len(fastest(np.array([], dtype=np.int64), np.array([], dtype=str), 3)) == 0
