"""Bets on order: against online-cp and slow definitions (see tests/oracles), fairness by
enumeration and simulation, and what a change of level does."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from veedor.stats.sequential import BETS, conformal_ranks, late_contrast, stream

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "sequential.json").read_text())


def _rng():
    return np.random.default_rng(0)


def _honest(rng, members=400, groups=60, noise=1.0):
    """Groups of very different level and spread that report in clumps: order within is chance."""
    group = np.sort(rng.integers(0, groups, members))
    level, spread = rng.normal(0, 10, groups), rng.gamma(2, 1, groups)
    values = level[group] + noise * spread[group] * rng.standard_t(2, members)
    # High groups report late, and single members by chance.
    time = 0.3 * level[group] + rng.exponential(1, members)
    order = np.argsort(time)
    return np.round(values[order], 1), group[order]


def test_capital_agrees_with_online_cp_and_numerical_integration():
    wanted = ORACLE["stream"]
    found = stream(np.array(wanted["values"]), np.array(wanted["group"]), _rng())
    assert found.ranks.at.tolist() == wanted["at"]
    for bet, path in wanted["log10"].items():
        np.testing.assert_allclose(found.log10[bet], path, atol=2e-8, err_msg=bet)


def test_contrast_agrees_with_every_order_listed():
    wanted = ORACLE["contrast"]
    arrays = [np.array(wanted[k]) for k in ("top", "bottom", "group", "late")]
    found = late_contrast(
        arrays[0].astype(float), arrays[1].astype(float), arrays[2], arrays[3],
        np.random.default_rng(0), 20_000,
    )  # fmt: skip
    assert found.ratio.value == pytest.approx(wanted["ratio"], abs=1e-9)
    assert found.z == pytest.approx(wanted["z"], abs=1e-8)
    assert found.p == pytest.approx(wanted["p"], abs=4 * np.sqrt(0.25 / 20_000))


def test_ranks_count_predecessors_of_the_same_group():
    ranks = conformal_ranks(np.array([5.0, 1.0, 7.0, 6.0, 0.0]), np.array([0, 1, 0, 0, 1]), _rng())
    assert ranks.at.tolist() == [2, 3, 4]
    np.testing.assert_allclose(ranks.low, [0, 1 / 3, 1 / 2])
    np.testing.assert_allclose(ranks.high, [1 / 2, 2 / 3, 1])


def test_capital_is_fair_over_every_order_of_two_groups():
    """The mean over all orders within groups is the start, whatever the order of the groups."""
    values = {0: [3.0, 1.0, 1.5, 8.0], 1: [2.0, 2.5, 5.0]}
    for pattern in ([0, 0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0, 0]):
        ends = {bet: [] for bet in (*BETS, "any")}
        for first in itertools.permutations(values[0]):
            for second in itertools.permutations(values[1]):
                left = {0: list(first), 1: list(second)}
                order = np.array([left[g].pop() for g in pattern])
                found = stream(order, np.array(pattern), _rng())
                for bet, path in found.log10.items():
                    ends[bet].append(10 ** path[-1])
        for bet, capitals in ends.items():
            assert np.mean(capitals) == pytest.approx(1.0, abs=1e-12), bet


def test_ranks_stay_independent_and_uniform_where_values_are_equal():
    """A tie seen tells of values to come, so that ties are broken and not spread."""
    rng = np.random.default_rng(1)
    values, runs = np.array([1.0, 1.0, 2.0]), 6000
    counts = np.zeros((2, 3))
    for _ in range(runs):
        low = conformal_ranks(rng.permutation(values), np.zeros(3, np.int64), rng).low
        counts[round(2 * low[0]), round(3 * low[1])] += 1
    expected = runs / 6
    assert ((counts - expected) ** 2 / expected).sum() < 20.5  # chi-square, 5 freedoms, 0.1 %


def test_capital_rarely_reaches_twenty_by_chance():
    """Ville: at most one run in twenty, over levels, spreads and orders of groups that differ."""
    rng = np.random.default_rng(2)
    runs = 400
    reached = np.zeros(len(BETS) + 1)
    for _ in range(runs):
        found = stream(*_honest(rng), rng)
        reached += [found.p(bet) <= 0.05 for bet in (*BETS, "any")]
    assert (reached <= 0.05 * runs + 3 * np.sqrt(0.05 * 0.95 * runs)).all()


def test_a_change_of_level_within_groups_is_found_where_it_happens():
    rng = np.random.default_rng(3)
    group = rng.integers(0, 100, 2000)
    values = rng.normal(0, 3, 100)[group] + rng.normal(0, 1, 2000)
    values[1500:] += 0.7
    up = stream(values, group, _rng())
    assert up.p() < 1e-4
    assert up.p("down") > 0.05
    assert up.ranks.at[up.peak()[0]] > 1500
    down = stream(-values, group, _rng())
    assert down.p("down") == pytest.approx(up.p("up"))
    assert down.p("any") == pytest.approx(up.p("any"))


def test_a_change_of_spread_is_a_matter_of_shape():
    rng = np.random.default_rng(4)
    group = rng.integers(0, 40, 2000)
    values = rng.normal(0, 1, 2000) * np.where(np.arange(2000) < 1200, 1.0, 3.0)
    found = stream(values, group, _rng())
    assert found.p("shape") < 0.01
    assert found.p("shape") < min(found.p("up"), found.p("down"))


def test_nothing_to_compare_is_no_evidence():
    for n in (0, 1, 3):
        found = stream(np.arange(n, dtype=float), np.arange(n), _rng())
        assert found.p() == 1.0
        assert found.peak() == (-1, 0.0)
    same = stream(np.zeros(500), np.zeros(500, np.int64), _rng())
    assert same.p() > 0.05
    none = late_contrast(
        np.ones(4), np.ones(4), np.array([0, 0, 1, 1]), np.array([True, True, False, False]),
        np.random.default_rng(0),
    )  # fmt: skip
    assert (none.groups, none.p) == (0, None)
    assert np.isnan(none.ratio.value)


def test_only_ranks_matter():
    rng = np.random.default_rng(5)
    values, group = _honest(rng)
    stretched = stream(np.exp(values / 20), group, _rng())
    plain = stream(values, group, _rng())
    np.testing.assert_allclose(plain.log10["any"], stretched.log10["any"])


def test_the_permutation_test_keeps_its_level_where_late_groups_differ():
    """Groups that report late are high, sizes and spreads vary: only order within is chance."""
    rng = np.random.default_rng(6)
    runs, exact, normal = 400, [], []
    for _ in range(runs):
        values, group = _honest(rng, noise=0.1)
        bottom = rng.integers(20, 240, len(values)).astype(float)
        late = np.arange(len(values)) >= 280
        found = late_contrast(values * bottom, bottom, group, late, rng, 199)
        exact.append(found.p)
        normal.append(found.p_normal)
    for level in (0.05, 0.2, 0.5):
        margin = 3 * np.sqrt(level * (1 - level) * runs) / runs
        assert np.mean(np.array(exact) <= level) == pytest.approx(level, abs=margin)
    assert np.mean(np.array(normal) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_the_normal_limit_agrees_with_random_orders():
    rng = np.random.default_rng(7)
    group = rng.integers(0, 300, 1500)
    bottom = rng.integers(150, 240, 1500).astype(float)
    late = rng.random(1500) < 0.25
    top = bottom * (rng.normal(0, 0.3, 300)[group] + rng.normal(0, 0.05, 1500) + 0.012 * late)
    found = late_contrast(top, bottom, group, late, rng, 4000)
    assert 0.001 < found.p < 0.2
    assert found.p_normal == pytest.approx(found.p, abs=0.03)


def test_a_shift_of_late_members_is_recovered_in_its_unit():
    rng = np.random.default_rng(8)
    group = np.repeat(np.arange(400), 5)
    bottom = rng.integers(100, 240, 2000).astype(float)
    late = np.tile([False, False, False, True, True], 400)
    share = rng.normal(0, 20, 400)[group] + rng.normal(0, 3, 2000) + np.where(late, 2.0, 0.0)
    found = late_contrast(share * bottom, bottom, group, late, rng, 999)
    assert found.ratio.low < 2.0 < found.ratio.high
    assert found.p == pytest.approx(0.001)
    assert found.top == pytest.approx(found.ratio.value * bottom[late].sum())
    assert (found.groups, found.early, found.late) == (400, 1200, 800)
    some = group != 7
    rest = late_contrast((share * bottom)[some], bottom[some], group[some], late[some])
    assert found.without[0] <= rest.ratio.value <= found.without[1]
    assert (rest.p, rest.replicates) == (None, 0)
