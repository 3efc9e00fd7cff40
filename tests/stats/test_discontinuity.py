"""Local polynomial jumps against the published package, and what a jump must not depend on."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.oracles.discontinuity import sample
from veedor.stats.discontinuity import bandwidths, jump, robust_jump

ORACLE = json.loads((Path(__file__).parent / "discontinuity.json").read_text())


@pytest.mark.parametrize("kernel", ["triangular", "uniform", "epanechnikov"])
def test_optimal_bandwidths_and_robust_estimates_are_those_of_rdrobust(kernel):
    x, y, _ = sample()
    found, wanted = robust_jump(y, x, kernel=kernel), ORACLE[kernel]
    assert (found.h, found.b) == pytest.approx((wanted["h"], wanted["b"]), rel=1e-8)
    assert found.conventional == pytest.approx(wanted["estimates"][0], abs=1e-8)
    assert found.corrected == pytest.approx(wanted["estimates"][1], abs=1e-8)
    assert found.error == pytest.approx(wanted["errors"][0], abs=1e-8)
    assert found.robust_error == pytest.approx(wanted["errors"][2], abs=1e-8)


@pytest.mark.parametrize(("name", "order"), [("fixed", 1), ("quadratic", 2)])
def test_given_bandwidths(name, order):
    x, y, _ = sample()
    found, wanted = robust_jump(y, x, 0.4, 0.6, order=order), ORACLE[name]
    estimates = (found.conventional, found.corrected)
    assert estimates == pytest.approx(wanted["estimates"][:2], abs=1e-10)
    assert (found.error, found.robust_error) == pytest.approx(wanted["errors"][::2], abs=1e-10)


def test_clusters_of_one_side_each_agree_up_to_the_small_sample_factor():
    """The package corrects each side by its own clusters; here both sides are corrected at once."""
    x, y, clusters = sample()
    found, wanted = robust_jump(y, x, 0.4, 0.6, clusters=clusters), ORACLE["clusters"]
    assert (found.error, found.robust_error) == pytest.approx(wanted["errors"][::2], rel=0.02)


@pytest.mark.parametrize("kernel", ["triangular", "uniform"])
def test_clusters_count_in_the_choice_of_bandwidths(kernel):
    x, y, clusters = sample()
    found = robust_jump(y, x, kernel=kernel, clusters=clusters)
    wanted = ORACLE[f"clusters-{kernel}"]
    assert (found.h, found.b) == pytest.approx((wanted["h"], wanted["b"]), rel=1e-8)
    estimates = (found.conventional, found.corrected)
    assert estimates == pytest.approx(wanted["estimates"][:2], abs=1e-8)
    assert (found.error, found.robust_error) == pytest.approx(wanted["errors"][::2], rel=0.02)


def test_data_that_give_no_best_bandwidth_are_said_to():
    """Stamps by the ten minutes, margins that are all alike, one point on a side, one cluster."""
    rng = np.random.default_rng(0)
    x, noise, place = rng.uniform(-60, 60, 1000), rng.normal(size=1000), rng.integers(0, 90, 1000)
    for y, at, clusters in (
        (noise, np.round(x / 10), place),
        (np.zeros(1000), x, place),
        (noise, np.where(x > 0, 1.0, x), place),
        (noise, np.where(x > 30, 2.0, np.where(x > 0, 1.0, x)), place),
        (noise, np.where(x > 0, 1.0, -1.0), None),
        (noise, x, np.zeros(1000, dtype=np.int64)),
    ):
        with pytest.raises(np.linalg.LinAlgError):
            robust_jump(y, at, clusters=clusters)


def test_the_next_order_at_the_same_bandwidth_is_the_bias_corrected_estimate():
    x, y, _ = sample()
    assert jump(y, x, 0.4, order=2).value == pytest.approx(
        ORACLE["same"]["estimates"][1], abs=1e-10
    )
    assert jump(y, x, 0.4).value == pytest.approx(ORACLE["same"]["estimates"][0], abs=1e-10)


def test_a_local_constant_takes_a_trend_for_a_jump_and_a_line_does_not():
    x = np.linspace(-1, 1, 2001)
    y = 10 * x
    assert jump(y, x, 0.5, order=0).value > 3
    assert jump(y, x, 0.5, order=1).value == pytest.approx(0, abs=1e-9)


def test_fixed_effects_take_out_what_is_of_the_place():
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(-1, 1, 4000))
    place = rng.integers(0, 300, 4000)
    order = np.argsort(place + 400 * x)  # places drift along the order
    place = np.sort(place)[np.argsort(order)]
    y = 20.0 * (place % 7) + rng.normal(0, 1, 4000)
    plain, within = (jump(y, x, 0.5, clusters=place, factors=f) for f in ((), (place,)))
    assert abs(within.value) < 4 * within.error
    assert within.error < plain.error / 3


def test_absorbed_effects_are_the_same_as_columns_of_dummies():
    rng = np.random.default_rng(4)
    x, place = rng.uniform(-1, 1, 300), rng.integers(0, 8, 300)
    y = 3.0 * place + 2 * x + 0.7 * (x > 0) + rng.normal(0, 0.2, 300)
    w = np.maximum(0, 1 - np.abs(x) / 0.8)
    dummies = (place[:, None] == np.arange(8)).astype(float)
    design = np.column_stack([(x > 0), x, x * (x > 0), dummies])
    root = np.sqrt(w)[:, None]
    wanted = np.linalg.lstsq(design * root, y * root[:, 0], rcond=None)[0][0]
    assert jump(y, x, 0.8, factors=(place,)).value == pytest.approx(wanted, abs=1e-9)


def test_too_few_points_give_no_jump():
    assert np.isnan(jump(np.array([1.0, 2.0]), np.array([-0.1, 0.1]), 1.0).value)
    assert np.isnan(jump(np.arange(5.0), np.linspace(0.1, 1, 5), 1.0).value)


def test_scale_of_the_clock_does_not_matter():
    x, y, _ = sample()
    h, b = bandwidths(y, x)
    assert bandwidths(y, 60 * x) == pytest.approx((60 * h, 60 * b))
    assert jump(y, 60 * x, 60 * 0.3).value == pytest.approx(jump(y, x, 0.3).value)
