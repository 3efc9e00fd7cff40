"""Chances of unanimity given the others of a group, where groups are of two kinds."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.mixing import GRID, Mixing, all_succeed, fit


def groups_of_two_kinds(groups=3000, seed=5, members=3):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), members)
    bloc = rng.random(groups) < 0.1
    share = np.where(bloc, 1 - 0.01 * rng.random(groups), rng.beta(5, 5, groups))[group]
    n = rng.integers(20, 200, len(group)).astype(float)
    own = rng.beta(share * 99, (1 - share) * 99)
    return rng.binomial(n.astype(int), own).astype(float), n, group


def test_expected_number_is_the_one_seen_by_how_near_the_others_are():
    x, n, group = groups_of_two_kinds()
    everyone = np.ones(len(x), dtype=bool)
    mixing = fit(x, n, group, 0.01)
    chance = all_succeed(x, n, [group], everyone, mixing)
    others = (np.bincount(group, x)[group] - x) / (np.bincount(group, n)[group] - n)
    for low, high in ((0.9, 0.99), (0.99, 0.9999), (0.9999, 1.1)):
        here = (others >= low) & (others < high)
        seen = (x == n)[here].sum()
        assert chance[here].sum() == pytest.approx(seen, abs=3 * np.sqrt(seen) + 2)


def test_a_group_by_hand():
    """Two members, weights on two shares only: Bayes' rule with scipy's beta-binomial."""
    weights = np.zeros(len(GRID))
    weights[[30, 50]] = 0.7, 0.3
    mixing = Mixing(weights, 0.02, np.empty(0, dtype=np.int64), np.empty((0, len(GRID))))
    x, n = np.array([38.0, 9.0]), np.array([40.0, 10.0])
    found = all_succeed(x, n, [np.array([0, 0])], np.array([False, True]), mixing)
    total = 1 / 0.02 - 1
    likely, edge = [
        np.array([stats.betabinom(m, p * total, (1 - p) * total).pmf(k) for p in GRID[[30, 50]]])
        for m, k in ((40, 38), (10, 10))
    ]
    posterior = likely * [0.7, 0.3]
    np.testing.assert_allclose(found, [(posterior / posterior.sum()) @ edge], rtol=1e-9)


def test_a_member_alone_is_like_the_groups_around_it():
    x, n, group = groups_of_two_kinds(groups=1200, members=1)
    near = (x / n > 0.95).astype(np.int64)
    mixing = fit(x, n, group, 0.01)
    wanted = np.ones(len(x), dtype=bool)
    apart = all_succeed(x, n, [group, near], wanted, mixing)
    mixed = all_succeed(x, n, [group, np.zeros_like(group)], wanted, mixing)
    assert apart[near == 1].mean() > 5 * apart[near == 0].mean()
    assert mixed.sum() == pytest.approx((x == n).sum(), rel=0.3)


def test_blocks_do_not_change_the_answer(monkeypatch):
    x, n, group = groups_of_two_kinds(groups=300)
    wanted = np.ones(len(x), dtype=bool)
    mixing = fit(x, n, group, 0.01)
    whole = all_succeed(x, n, [group], wanted, mixing)
    monkeypatch.setattr("veedor.stats.mixing.BLOCK", 50)
    np.testing.assert_allclose(all_succeed(x, n, [group], wanted, mixing), whole)
    again = fit(x, n, group, 0.01)
    np.testing.assert_allclose(again.weights, mixing.weights)
