"""Costs, error rates and calibration of likelihood ratios, against what is known of Gaussians."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm

from veedor.stats import likelihood as lr


def gaussian(mean, size, seed):
    """Calibrated ratios: log ratios of two Gaussians a distance sqrt(2 mean) apart."""
    rng = np.random.default_rng(seed)
    spread = np.sqrt(2 * mean)
    return rng.normal(mean, spread, size), rng.normal(-mean, spread, size)


@pytest.mark.parametrize("mean", [0.5, 2.0, 6.0])
def test_gaussian_ratios_cost_and_err_as_the_formulas_say(mean):
    same, different = gaussian(mean, 200_000, 1)
    spread = np.sqrt(2 * mean)
    exact = integrate.quad(
        lambda x: norm.pdf(x, mean, spread) * np.logaddexp(0, -x) / np.log(2), -40, 60
    )[0]
    found = lr.performance(same, different)
    assert found.eer == pytest.approx(norm.cdf(-spread / 2), abs=0.002)
    assert found.cllr == pytest.approx(exact, abs=0.004)
    assert found.cllr_min == pytest.approx(exact, abs=0.004)


def test_no_evidence_costs_one_bit_and_errs_half_the_time():
    nothing = np.zeros(50)
    found = lr.performance(nothing, nothing)
    assert (found.cllr, found.cllr_min, found.eer) == pytest.approx((1.0, 1.0, 0.5))


def test_order_alone_decides_what_the_best_ratios_cost():
    same, different = gaussian(1.0, 3000, 2)
    plain = lr.performance(same, different)
    bent = lr.performance(np.exp(same) * 9 + 5, np.exp(different) * 9 + 5)
    assert bent.cllr_min == pytest.approx(plain.cllr_min)
    assert bent.eer == pytest.approx(plain.eer)
    assert bent.cllr > plain.cllr > plain.cllr_min


def test_separated_trials_cost_nothing_at_best():
    assert lr.min_cllr(np.array([3.0, 4.0]), np.array([1.0, 2.0])) < 1e-20
    assert lr.equal_error(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 0


def test_equal_error_by_hand():
    # Above 2: three of four same, one of four different; above 3: two and one.
    same, different = np.array([1.0, 2.5, 4, 5]), np.array([0.0, 0.5, 1.5, 4.5])
    assert lr.equal_error(same, different) == pytest.approx(0.25)


def test_weights_count_as_copies():
    same, different = gaussian(1.0, 40, 3)
    weight, other = np.arange(40) % 3, np.arange(40) % 4
    copied = lr.performance(np.repeat(same, weight), np.repeat(different, other))
    weighed = lr.performance(same, different, weight.astype(float), other.astype(float))
    assert weighed.cllr == pytest.approx(copied.cllr)
    assert weighed.cllr_min == pytest.approx(copied.cllr_min)
    assert weighed.eer == pytest.approx(copied.eer)


def test_isotonic_pools_what_falls():
    found = lr.isotonic(np.array([1.0, 3, 2, 4, 0]), np.array([1.0, 1, 1, 1, 2]))
    assert found == pytest.approx([1, 9 / 5, 9 / 5, 9 / 5, 9 / 5])


def test_calibration_undoes_a_scale_and_a_shift():
    same, different = gaussian(2.0, 100_000, 4)
    sheet = [np.column_stack([np.ones_like(x), 3 * x - 7]) for x in (same, different)]
    found = lr.fit_logistic(*sheet, ridge=0.0)
    assert found.coefficients == pytest.approx([7 / 3, 1 / 3], abs=0.03)
    assert lr.cllr(found(sheet[0]), found(sheet[1])) == pytest.approx(
        lr.cllr(same, different), abs=0.002
    )


def test_separable_trials_keep_finite_coefficients():
    same, different = np.ones((5, 1)), -np.ones((5, 1))
    assert np.isfinite(lr.fit_logistic(same, different).coefficients).all()


def test_misleading_evidence_is_at_most_one_in_the_ratio():
    same, different = gaussian(1.5, 100_000, 5)
    for rate in lr.rates_at(same, different):
        assert rate.different_above <= 1 / rate.threshold
        assert rate.same_below <= 1 / rate.threshold
    assert lr.rates_at(same, different)[0].different_above == pytest.approx((different > 0).mean())


def test_tippett_curves_are_shares_at_or_above():
    same, different = lr.tippett(np.array([1.0, 2, 3]), np.array([0.0, 1]), np.array([0, 1, 2.5]))
    assert same.tolist() == pytest.approx([1, 1, 1 / 3])
    assert different.tolist() == pytest.approx([1, 1 / 2, 0])


def test_limits_over_sources_are_wider_than_trials_alone_would_make_them():
    rng = np.random.default_rng(6)
    people, each = 40, 25
    level = rng.normal(0, 1.5, people)
    source = np.repeat(np.arange(people), each)
    same = 2 + level[source] + rng.normal(size=len(source))
    sources = rng.integers(0, people, (2000, 2))
    different = -2 + level[sources].mean(axis=1) + rng.normal(size=2000)
    wide = lr.over_sources(same, different, source, sources, rng)
    alone = np.arange(len(same)), np.arange(4000).reshape(-1, 2) + len(same)
    narrow = lr.over_sources(same, different, *alone, rng)
    point = lr.performance(same, different)
    assert wide.eer[0] < point.eer < wide.eer[1]
    assert wide.cllr[0] < point.cllr < wide.cllr[1]
    assert wide.eer[1] - wide.eer[0] > 1.5 * (narrow.eer[1] - narrow.eer[0])
