"""Rates from random samples against R's survey package, exact enumeration, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from veedor.stats.survey import (
    Sampled,
    clustered_size,
    estimate,
    hypergeometric_interval,
    size_for_detection,
    size_for_precision,
)

FOUND = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0], bool)
STRATUM = np.repeat([0, 1], 10)
CENTRE = np.repeat(np.arange(10), 2)
WEIGHT = np.repeat([5.0, 12.0], 10)
ALL = np.ones(20)


def test_limits_of_three_designs_are_those_of_the_survey_package():
    # R 4.2.2, survey 4.1-1, svyciprop(~y, design, method = "beta") and svymean.
    designs = {
        "strata and centres": (Sampled(FOUND, WEIGHT, STRATUM, CENTRE, ALL),
                               (0.051992069, 0.691062470, 0.145699601)),
        "strata, finite": (Sampled(FOUND, WEIGHT, STRATUM, np.arange(20), 1 - 1 / WEIGHT),
                           (0.106793045, 0.565585579, 0.110779976)),
        "centres": (Sampled(FOUND, WEIGHT, 0 * STRATUM, CENTRE, ALL),
                    (0.063170982, 0.661364137, 0.137366901)),
    }  # fmt: skip
    for name, (sampled, expected) in designs.items():
        rate = estimate(sampled)
        assert rate is not None
        assert rate.value == pytest.approx(0.3), name
        assert (rate.low, rate.high, rate.error) == pytest.approx(expected, abs=1e-8), name


def test_the_order_of_units_and_the_numbers_of_centres_do_not_matter():
    order = np.random.default_rng(1).permutation(20)
    mixed = Sampled(FOUND[order], 3 * WEIGHT[order], 7 - STRATUM[order], 90 - CENTRE[order], ALL)
    a, b = estimate(mixed), estimate(Sampled(FOUND, WEIGHT, STRATUM, CENTRE, ALL))
    assert a is not None
    assert b is not None
    assert (a.low, a.high) == pytest.approx((b.low, b.high))


def test_nothing_found_in_few_centres_is_not_nothing_found_in_many_sheets():
    none = np.zeros(40, bool)
    weight, stratum, every = np.ones(40), np.zeros(40, np.int64), np.ones(40)
    apart = estimate(Sampled(none, weight, stratum, np.arange(40), every))
    together = estimate(Sampled(none, weight, stratum, np.repeat(np.arange(4), 10), every))
    assert apart is not None
    assert together is not None
    assert apart.low == together.low == 0
    assert apart.high == pytest.approx(1 - 0.025 ** (1 / 40))  # Clopper and Pearson, 0 of 40
    assert together.high == pytest.approx(1 - 0.025 ** (1 / 4))  # 0 of 4


def test_a_single_centre_and_a_whole_frame():
    one = estimate(Sampled(FOUND, WEIGHT, 0 * STRATUM, 0 * CENTRE, ALL))
    assert one is not None
    assert (one.low, one.high) == (0.0, 1.0)
    whole = estimate(Sampled(FOUND, ALL, 0 * STRATUM, np.arange(20), 0 * ALL))
    assert whole is not None
    assert whole.low == whole.value == whole.high == pytest.approx(0.3)
    assert estimate(Sampled(FOUND[:0], ALL[:0], STRATUM[:0], CENTRE[:0], ALL[:0])) is None


def test_hypergeometric_limits_are_the_inversion_of_both_tests():
    for frame, sample, hits in ((100, 30, 3), (57, 20, 0), (57, 20, 20), (12, 12, 5), (41, 1, 1)):
        inside = [
            d
            for d in range(frame + 1)
            if hypergeom.sf(hits - 1, frame, d, sample) > 0.025
            and hypergeom.cdf(hits, frame, d, sample) > 0.025
        ]
        assert hypergeometric_interval(hits, sample, frame) == (inside[0], inside[-1])
    with pytest.raises(ValueError, match="31 hits in a sample of 30"):
        hypergeometric_interval(31, 30, 100)


def test_hypergeometric_limits_cover_whatever_the_truth():
    frame, sample = 60, 17
    for faulty in range(frame + 1):
        chance = hypergeom.pmf(np.arange(sample + 1), frame, faulty, sample)
        held = sum(
            float(chance[k])
            for k in range(sample + 1)
            if chance[k] > 0
            and hypergeometric_interval(k, sample, frame)[0] <= faulty
            <= hypergeometric_interval(k, sample, frame)[1]
        )  # fmt: skip
        assert held >= 0.95


def test_sizes_for_detection_are_the_fewest():
    for frame, faulty, chance in (
        (1000, 10, 0.95),
        (34555, 226, 0.99),
        (50, 50, 0.5),
        (50, 1, 0.87),
    ):
        size = size_for_detection(frame, faulty, chance)
        assert hypergeom.sf(0, frame, faulty, size) >= chance
        assert hypergeom.sf(0, frame, faulty, size - 1) < chance
    assert size_for_detection(1000, 10, 0.95) == 258  # by hand: C(990, n) / C(1000, n) <= 0.05


def test_sizes_for_precision_reach_it():
    for frame, rate, reach in ((34555, 0.05, 0.02), (500, 0.5, 0.1), (40, 0.1, 0.2)):
        size = size_for_precision(frame, rate, reach)
        low, high = hypergeometric_interval(round(rate * size), size, frame)
        assert max(rate - low / frame, high / frame - rate) <= reach + 1 / size
    # The textbook's normal size, 1,068 for a half at 3 points, is a little less than the exact one.
    assert 1068 <= size_for_precision(10_000_000, 0.5, 0.03) <= 1100
    assert clustered_size(1000, 6.5, 0.1) == 1550
    for wrong in ((100, 1.5, 0.1), (100, 0.5, 0.0)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            size_for_precision(*wrong)
