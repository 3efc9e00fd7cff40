"""The bound on chance coincidences: against enumeration, and against honest draws."""

import itertools
from math import comb, prod

import numpy as np
import pytest
from scipy.stats import multinomial

from veedor.stats.coincidence import coincidences, pair_chance


def brute(vectors, inner, outer, rare):
    """Pairs, groups and expectation by going through all pairs."""
    pairs, expected, groups = 0, 0.0, set()
    for i, j in itertools.combinations(range(len(vectors)), 2):
        if outer[i] != outer[j] or inner[i] == inner[j]:
            continue
        x, y = vectors[i], vectors[j]
        if x.sum() != y.sum() or ((x + y) % 2).any():
            continue
        s = x + y
        chance = prod(comb(int(v), int(v) // 2) for v in s) / comb(2 * int(x.sum()), int(x.sum()))
        if chance <= rare:
            expected += chance
            if (x == y).all():
                pairs += 1
                groups.add((outer[i], *x.tolist()))
    return pairs, len(groups), expected


@pytest.mark.parametrize("rare", [1.0, 0.2])
def test_pairs_groups_and_bound_agree_with_going_through_all_pairs(rare):
    rng = np.random.default_rng(5)
    vectors = rng.multinomial(7, [0.4, 0.4, 0.2], size=60)
    outer = rng.integers(0, 3, size=60)
    inner = outer * 10 + rng.integers(0, 4, size=60)
    ones = np.full(60, 7)
    found = coincidences(vectors, [outer, inner], ones, [1], rng, rare=rare)
    none, each = np.zeros(60), np.arange(60)
    scopes = ((each, inner), (inner, outer), (outer, none))
    for scope, (near, far) in zip(found, scopes, strict=True):
        pairs, groups, expected = brute(vectors, near, far, rare)
        assert (scope.counted[0].pairs, scope.counted[0].groups) == (pairs, groups)
        assert scope.counted[0].expected == pytest.approx(expected)


def test_the_drawn_bound_is_near_the_whole_one():
    rng = np.random.default_rng(6)
    vectors = rng.multinomial(20, [0.5, 0.3, 0.2], size=600)
    size = vectors.sum(axis=1)
    (whole,) = coincidences(vectors, [], size, [1], rng, rare=1.0, limit=10**7)
    (drawn,) = coincidences(vectors, [], size, [1], rng, rare=1.0, limit=10_000)
    assert drawn.sampled
    assert not whole.sampled
    assert drawn.counted[0].expected == pytest.approx(whole.counted[0].expected, rel=0.05)


def test_the_bound_holds_for_unequal_probabilities():
    """P(x = y | x + y = s) by enumeration, for two sheets that differ."""
    n, p, q = 6, [0.7, 0.2, 0.1], [0.3, 0.3, 0.4]
    states = [(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)]
    for half in states:
        both = multinomial.pmf(half, n, p) * multinomial.pmf(half, n, q)
        sums = sum(
            multinomial.pmf(x, n, p) * multinomial.pmf(np.subtract(np.multiply(half, 2), x), n, q)
            for x in states
            if all(v >= 0 for v in np.subtract(np.multiply(half, 2), x))
        )
        assert both / sums <= pair_chance(np.array([half]))[0] + 1e-12


def test_unanimous_sheets_are_alike_by_chance():
    assert pair_chance(np.array([[120, 0, 0]])) == pytest.approx([1.0])


def test_honest_sheets_raise_few_alarms_and_copies_do():
    rng = np.random.default_rng(7)
    alarms = caught = 0
    for _ in range(100):
        shares = rng.dirichlet([8, 8, 2, 1, 1], size=400)
        vectors = np.array([rng.multinomial(rng.integers(60, 90), p) for p in shares])
        cells = np.arange(400) // 8

        def p_value(sheets, cells=cells):
            size = sheets.sum(axis=1)
            found = coincidences(sheets, [cells], size, [30], rng, rare=0.01)
            return found[0].counted[0].p

        alarms += p_value(vectors) <= 0.01
        vectors[:5] = vectors[7]
        caught += p_value(vectors) <= 0.01
    assert alarms <= 3
    assert caught >= 60


def test_huge_numbers_are_compared_exactly():
    rows = np.full((4, 11), 10**12)
    rows[2:, 3] += 1
    rng = np.random.default_rng(8)
    (found,) = coincidences(rows, [], rows.sum(axis=1), [30], rng, rare=1.0)
    assert (found.counted[0].identical, found.counted[0].groups) == (2, 2)


def test_nothing_to_compare():
    none = np.zeros((0, 3), dtype=np.int64)
    cells = [none[:, 0]]
    for found in coincidences(none, cells, none[:, 0], [30], np.random.default_rng(0), rare=0.05):
        assert found.counted[0].p == 1.0
        assert found.examined == 0
