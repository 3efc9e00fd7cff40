"""The risk of stopping at a wrong outcome is held, and the capital is that of other programs."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from veedor.stats import risk
from veedor.stats.risk import Terms, capital, expected_size, weighted, without_replacement

FEW = np.array(
    [2, 2, 1, 3, 1, 3, 5, 4, 5, 2, 4, 3, 5, 0, 4, 2, 0, 1, 1, 3, 1, 1, 5, 4, 5, 3, 3, 4, 0, 2]
)


def plain(paid, fair):
    return Terms(np.asarray(paid, float), np.full(len(paid), fair), np.zeros(len(paid), bool))


def test_the_capital_is_that_of_a_published_program(monkeypatch):
    # SHANGRLA at 9d5db92, NonnegMean.betting_mart, the mean of the bets 0.25 / mu and 0.5 / mu.
    monkeypatch.setattr(risk, "STAKES", np.array([0.25, 0.5]))
    found = capital(plain([1, 1, 0.9, 1, 1.05, 1, 0.2, 1, 1, 1] * 30, 0.97))
    assert found[[0, 9, 49, -1]] == pytest.approx(
        [0.0115312, -0.27327958, -1.24294826, -5.64494437], abs=1e-7
    )
    found = capital(without_replacement(FEW, 0 * FEW, 400, 0, -880))
    assert found[[0, 9]] == pytest.approx([-0.03468556, 0.73483707], abs=1e-7)


def test_without_errors_the_capital_is_a_closed_form():
    found = capital(plain(np.ones(50), 0.99))
    expected = np.log(np.mean([(1 + s * (1 / 0.99 - 1)) ** 50 for s in risk.STAKES]))
    assert found[-1] == pytest.approx(expected)


def total_is_not_above_zero(rng, units):
    """Numbers of units that sum to exactly 0, with bounds below them: the hardest wrong outcome."""
    value = rng.integers(-40, 41, units)
    value[0] -= value.sum()
    return value, np.minimum(-60, value)


@pytest.mark.parametrize("kind", ["simple", "weighted", "few great ones"])
def test_the_risk_limit_holds_for_wrong_outcomes(kind):
    rng = np.random.default_rng(5)
    trials, stopped = 1500, 0
    for _ in range(trials):
        value, least = total_is_not_above_zero(rng, 300)
        if kind == "few great ones":
            value = np.ones(300, np.int64)
            least = np.full(300, -300)
            value[rng.integers(300)] = -299
        total = int(least.sum())
        assert value.sum() == 0
        assert (value >= least).all()
        if kind == "weighted":
            reported = value + rng.integers(0, 9, 300)
            chance = (reported - least) / (reported - least).sum()
            at = rng.choice(300, 300, p=chance)
            terms = weighted(value[at], least[at], chance[at], total, 0)
        else:
            at = rng.permutation(300)
            terms = without_replacement(value[at], least[at], 300, total, 0)
        stopped += bool((risk.risk(capital(terms)) <= 0.05).any())
    assert stopped <= 0.05 * trials + 3 * np.sqrt(0.05 * 0.95 * trials)


def hardest(rng, units):
    """Numbers that sum to 0 or less, a constant and bounds: wrong by nothing, or by a little."""
    value = rng.integers(-4, 5, units)
    if rng.random() < 0.3:
        value = np.array([1] * (units - 1) + [1 - units])
    least = np.minimum(value, value.min() - int(rng.integers(0, 4)))
    return value, least, -int(value.sum()) - int(rng.integers(0, 3))


def test_over_all_orders_of_a_wrong_outcome_the_capital_never_grows_on_the_mean():
    # Every order enumerated: no simulation, and the bound of Ville exactly.
    rng = np.random.default_rng(11)
    for _ in range(12):
        value, least, constant = hardest(rng, 5)
        total = int(least.sum())
        paths = np.exp([
            capital(without_replacement(value[list(o)], least[list(o)], 5, total, constant))
            for o in permutations(range(5))
        ])  # fmt: skip
        assert (paths.mean(axis=0) <= 1 + 1e-12).all()
        for limit in (0.05, 0.1, 0.2, 0.5):
            assert (paths.max(axis=1) >= 1 / limit).mean() <= limit


def test_over_all_draws_with_unequal_chances_the_capital_never_grows_on_the_mean():
    rng = np.random.default_rng(12)
    for _ in range(12):
        value, least, constant = hardest(rng, 4)
        chance = rng.integers(1, 6, 4) / 1.0
        chance /= chance.sum()
        total = int(least.sum())
        draws = [list(o) for o in product(range(4), repeat=5)]
        weight = np.array([chance[o].prod() for o in draws])
        paths = np.exp([
            capital(weighted(value[o], least[o], chance[o], total, constant)) for o in draws
        ])  # fmt: skip
        assert (weight @ paths <= 1 + 1e-12).all()
        for limit in (0.05, 0.1, 0.2, 0.5):
            assert weight[paths.max(axis=1) >= 1 / limit].sum() <= limit


def test_a_whole_count_tells_for_certain():
    value, least = np.array([3, -2, 0, 0]), np.full(4, -5)
    found = risk.risk(capital(without_replacement(value, least, 4, -20, 0)))
    assert found[-1] == 0.0
    assert found[0] > 0.05
    # A tie is a wrong outcome: all seen, it is not ruled out.
    value = np.array([3, -2, -1, 0])
    assert risk.risk(capital(without_replacement(value, least, 4, -20, 0)))[-1] > 0.05


def test_the_running_risk_never_rises_and_starts_at_most_at_one():
    found = risk.risk(capital(plain([1, 0, 1, 1, 0.5] * 40, 0.6)))
    assert found[0] <= 1
    assert (np.diff(found) <= 0).all()
    assert len(risk.risk(capital(plain([], 0.6)))) == 0


def test_a_larger_lead_needs_fewer_draws():
    few = expected_size(([plain(np.ones(400), 0.95)] for _ in range(3)), 0.05, 400)
    many = expected_size(([plain(np.ones(400), 0.99)] for _ in range(3)), 0.05, 400)
    assert few.quantile(0.5) < many.quantile(0.5) <= 400
    # Of two alternatives, one that never pays takes half of the stake and doubles what is needed.
    halved = expected_size(
        ([plain(np.ones(400), 0.95), plain(np.zeros(400), 0.95)] for _ in range(3)), 0.05, 400
    )
    twice = expected_size(([plain(np.ones(400), 0.95)] for _ in range(3)), 0.025, 400)
    assert halved.quantile(0.5) in (twice.quantile(0.5), twice.quantile(0.5) - 1)
    never = expected_size(([plain(np.ones(10), 0.999)] for _ in range(3)), 0.05, 10)
    assert never.quantile(0.9) is None
