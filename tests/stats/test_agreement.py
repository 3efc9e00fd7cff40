"""Agreement between examiners against published examples."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.stats.agreement import ac1, agreement, alpha, observed

PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3],
        [-1, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, -1],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, -1],
    ]
).T
"""Krippendorff (2011), example C: 12 units, 4 observers, values missing."""
RATINGS = np.where(PUBLISHED > 0, PUBLISHED - 1, -1)


def test_krippendorffs_own_examples():
    assert alpha(RATINGS) == pytest.approx(0.743, abs=5e-4)
    # Example A of the same text: 10 units, two observers, yes or no.
    pair = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T
    assert alpha(pair) == pytest.approx(0.095, abs=5e-4)


def test_gwets_ac1_on_the_same_ratings():
    # K. Gwet, Handbook of Inter-Rater Reliability, on these ratings: AC1 0.77544, equal 0.81818.
    assert ac1(RATINGS) == pytest.approx(0.77544, abs=5e-6)
    assert observed(RATINGS) == pytest.approx(0.81818, abs=5e-6)


def test_where_nearly_all_say_no_alpha_falls_and_ac1_does_not():
    ratings = np.zeros((100, 2), np.int64)
    ratings[0, 0] = ratings[1, 1] = 1
    assert observed(ratings) == pytest.approx(0.98)
    assert alpha(ratings) < 0.05 < 0.95 < ac1(ratings)


def test_without_two_answers_alpha_is_not_defined():
    found = agreement(np.zeros((5, 2), np.int64), np.random.default_rng(0))
    assert np.isnan(found.alpha)
    assert np.isnan(found.alpha_low)
    assert found.ac1 == 1.0
    assert np.isnan([found.ac1_low, found.ac1_high]).all(), "nothing varies"


def test_the_codes_the_order_and_single_judgements_do_not_matter_to_alpha():
    renamed = np.where(RATINGS >= 0, 4 - RATINGS, -1)[::-1, ::-1]
    assert alpha(renamed) == pytest.approx(alpha(RATINGS))
    lone = np.vstack([RATINGS, [[2, -1, -1, -1]]])
    assert alpha(lone) == pytest.approx(alpha(RATINGS))


def test_limits_are_the_same_under_a_seed_and_hold_the_value():
    first = agreement(RATINGS, np.random.default_rng(4))
    assert first == agreement(RATINGS, np.random.default_rng(4))
    assert first.alpha_low < first.alpha < first.alpha_high <= 1
    assert first.ac1_low < first.ac1 < first.ac1_high <= 1
    assert (first.units, first.judgements) == (11, 40)


def test_without_any_pair_nothing_is_known():
    found = agreement(np.array([[0, -1], [-1, 1]]), np.random.default_rng(0))
    assert found.units == 0
    assert np.isnan([found.observed, found.alpha, found.ac1, found.ac1_low]).all()
