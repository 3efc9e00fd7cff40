"""Joint readings: what the passes over partial sums give is what listing all readings gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veedor.images import sums
from veedor.images.sums import EMPTY, UNKNOWN, Candidates, cost_of_sums, jointly

# Votes of three options, valid, blank, cast: two sums that share a field; and two that share two.
FORMS = {
    "one": [(3, (0, 1, 2))],
    "chain": [(3, (0, 1, 2)), (5, (3, 4))],
    "crossed": [(3, (0, 1)), (5, (0, 1, 4))],
}


def by_listing(fields, terms) -> dict[int, np.ndarray]:
    """The model said again, reading by reading."""
    hold = sums.CONSISTENT ** (1 / len(terms))
    used = sorted({f for total, parts in terms for f in (total, *parts)})
    mass = {f: np.zeros(len(fields[f].value)) for f in used}
    for choice in itertools.product(*(range(len(fields[f].value)) for f in used)):
        value = {f: int(fields[f].value[c]) for f, c in zip(used, choice, strict=True)}
        weight = math.prod(float(fields[f].p[c]) for f, c in zip(used, choice, strict=True))
        for total, parts in terms:
            lost = value[total] < 0 or any(value[f] == UNKNOWN for f in parts)
            right = sum(max(value[f], 0) for f in parts) == value[total]
            weight *= sums.VACUOUS if lost else hold if right else (1 - hold) / sums.SLIPS
        for f, c in zip(used, choice, strict=True):
            mass[f][c] += weight
    return {f: m / m.sum() for f, m in mass.items()}


def cheapest(fields, terms) -> float | None:
    own = [int(c.value[c.p.argmax()]) for c in fields]
    told = [t for t in terms if own[t[0]] >= 0 and all(own[f] != UNKNOWN for f in t[1])]
    if not told:
        return None
    used = sorted({f for total, parts in told for f in (total, *parts)})
    allowed = {}
    for f in used:
        total = any(f == t for t, _ in told)
        allowed[f] = [
            (int(v), float(p))
            for v, p in zip(fields[f].value, fields[f].p, strict=True)
            if v >= 0 or (v == EMPTY and not total)
        ]
    best = 0.0
    for choice in itertools.product(*allowed.values()):
        value = {f: v for f, (v, _) in zip(used, choice, strict=True)}
        if all(sum(max(value[f], 0) for f in parts) == value[t] for t, parts in told):
            best = max(best, math.prod(p for _, p in choice))
    alone = math.prod(max(p for _, p in allowed[f]) for f in used)
    return min(math.log(alone / best), sums.COST_CAP) if best else sums.COST_CAP


@st.composite
def field(draw) -> Candidates:
    values = draw(
        st.lists(st.sampled_from([EMPTY, *range(7)]), min_size=1, max_size=4, unique=True)
    )
    values.append(UNKNOWN)
    shares = np.array([draw(st.integers(1, 1000)) for _ in values], dtype=float)
    return Candidates(np.array(values, np.int64), shares / shares.sum())


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(fields=st.lists(field(), min_size=6, max_size=6))
def test_marginals_and_cost_are_those_of_listing_all_readings(form, fields) -> None:
    terms = FORMS[form]
    wanted = by_listing(fields, terms)
    got = jointly(fields, terms)
    assert got.keys() == wanted.keys()
    for f, p in wanted.items():
        np.testing.assert_allclose(got[f], p, rtol=1e-9, atol=1e-12)
    assert cost_of_sums(fields, terms) == pytest.approx(cheapest(fields, terms))


def sure(value: int) -> Candidates:
    return Candidates(np.array([value]), np.ones(1))


def test_a_sum_settles_a_doubtful_part() -> None:
    doubtful = Candidates(np.array([17, 11, UNKNOWN]), np.array([0.6, 0.39, 0.01]))
    p = jointly([sure(20), doubtful, sure(31)], [(2, (0, 1))])[1]
    # Odds of 11 against 17: 0.39 x 0.6 against 0.6 x 0.4 / 100.
    assert p[1] / p[0] == pytest.approx(0.39 * 0.6 / (0.6 * 0.4 / 100))


def test_an_empty_part_counts_for_nothing_and_an_empty_total_says_nothing() -> None:
    doubtful = Candidates(np.array([EMPTY, 1]), np.array([0.5, 0.5]))
    assert jointly([sure(20), doubtful, sure(20)], [(2, (0, 1))])[1][0] > 0.98
    assert jointly([sure(20), doubtful, sure(EMPTY)], [(2, (0, 1))])[1][0] == pytest.approx(0.5)


def test_many_doubtful_fields_stay_within_bounds(monkeypatch) -> None:
    monkeypatch.setattr(sums, "WIDTH", 200)
    rng = np.random.default_rng(0)
    fields = []
    for _ in range(20):
        values = rng.choice(1000, 12, replace=False)
        p = rng.random(12)
        fields.append(Candidates(values.astype(np.int64), p / p.sum()))
    total = Candidates(np.array([5000, 5001, UNKNOWN]), np.array([0.5, 0.4, 0.1]))
    p = jointly([*fields, total], [(20, tuple(range(20)))])
    assert len(p) == 21
    assert all(v.sum() == pytest.approx(1) for v in p.values())
