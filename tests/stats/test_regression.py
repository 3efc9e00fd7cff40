"""Least squares with absorbed effects and clustered errors, against the plain formulas."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.oracles.regression import sample
from veedor.stats.regression import absorb, ols

ORACLE = json.loads((Path(__file__).parent / "regression.json").read_text())


@pytest.mark.parametrize("name", [n for n in ORACLE if n != "pyfixest"])
def test_coefficients_and_errors_are_those_of_pyfixest(name):
    columns = sample()
    y, weights = columns["y"], columns["w"]
    x = np.column_stack([columns["x1"], columns["x2"], np.ones(len(y))])
    factors = tuple(columns[f] for f in ORACLE[name]["factors"])
    clusters = columns.get(ORACLE[name]["clusters"])
    x = x[:, :2] if factors else x
    found = ols(y, x, weights=weights, factors=factors, clusters=clusters)
    assert found.coefficients[:2] == pytest.approx(ORACLE[name]["coefficients"], abs=1e-8)
    assert found.errors[:2] == pytest.approx(ORACLE[name]["errors"], rel=1e-6)


def data(seed=0, n=200, groups=12):
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(0, groups, n))
    x = rng.normal(size=(n, 2)) + group[:, None] * 0.1
    y = x @ [1.5, -2.0] + group + rng.normal(size=n) + rng.normal(size=groups)[group]
    return y, x, group, rng.uniform(0.5, 2.0, n)


def sandwich(y, x, weights, clusters, taken=0):
    """The cluster-robust covariance straight from its definition, one cluster at a time."""
    n, k = x.shape
    a = sum(w * np.outer(r, r) for r, w in zip(x, weights, strict=True))
    b = np.linalg.solve(a, sum(w * v * r for r, v, w in zip(x, y, weights, strict=True)))
    meat = np.zeros((k, k))
    names = sorted(set(clusters.tolist()))
    for name in names:
        rows = np.flatnonzero(clusters == name)
        score = sum(weights[i] * (y[i] - x[i] @ b) * x[i] for i in rows)
        meat += np.outer(score, score)
    size = len(names)
    factor = size / (size - 1) * (n - 1) / (n - k - taken)
    return b, factor * np.linalg.inv(a) @ meat @ np.linalg.inv(a)


def test_weighted_least_squares_with_clusters():
    y, x, group, weights = data()
    full = np.column_stack([x, np.ones(len(y))])
    found = ols(y, full, weights=weights, clusters=group)
    b, v = sandwich(y, full, weights, group)
    assert found.coefficients == pytest.approx(b)
    assert found.covariance == pytest.approx(v)
    assert (found.n, found.clusters) == (200, 12)


def test_absorbed_effects_are_those_of_dummies():
    y, x, group, weights = data(1)
    dummies = (group[:, None] == np.arange(12)).astype(float)
    b, v = sandwich(y, np.column_stack([x, dummies]), weights, group, taken=-11)
    found = ols(y, x, weights=weights, factors=(group,), clusters=group)
    assert found.coefficients == pytest.approx(b[:2])
    assert found.covariance == pytest.approx(v[:2, :2]), "nested effects cost the constant only"


def test_two_factors_are_swept_until_nothing_changes():
    y, x, group, weights = data(2)
    other = np.random.default_rng(5).integers(0, 9, len(y))
    dummies = [(f[:, None] == np.unique(f)).astype(float) for f in (group, other)]
    design = np.column_stack([x, dummies[0], dummies[1][:, 1:]])
    root = np.sqrt(weights)
    wanted = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0][:2]
    found = ols(y, x, weights=weights, factors=(group, other))
    assert found.coefficients == pytest.approx(wanted, abs=1e-8)


def test_a_column_that_the_effects_explain_has_no_coefficient():
    y, x, group, _ = data(3)
    found = ols(y, np.column_stack([x[:, 0], group]), factors=(group,), clusters=group)
    assert np.isfinite(found.coefficients[0])
    assert np.isnan(found.coefficients[1])


def test_absorbing_leaves_weighted_means_of_zero():
    _, x, group, weights = data(4)
    swept = absorb(x, (group,), weights)
    for g in range(12):
        assert weights[group == g] @ swept[group == g] == pytest.approx(np.zeros(2), abs=1e-9)


def test_rows_without_weight_are_left_out():
    y, x, group, weights = data(5)
    weights[:50] = 0
    one = ols(y, x, weights=weights, clusters=group)
    two = ols(y[50:], x[50:], weights=weights[50:], clusters=group[50:])
    assert one.coefficients == pytest.approx(two.coefficients)
    assert one.n == two.n == 150
