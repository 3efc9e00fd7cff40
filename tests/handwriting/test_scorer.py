"""Scores of sheets: what they depend on, and what re-centring on the election does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.handwriting.writing import counts_of, written
from veedor.handwriting.calibration import calibrations, condition_of, digits_of, verbal
from veedor.handwriting.centre import hands_of, judge_centres
from veedor.handwriting.scorer import Digits, centred, load_sources, pair_scores, pooled
from veedor.stats import likelihood as lr

MODEL = load_sources()


def pairs_of(hands, rng, **more):
    """Scores of sheets of one hand and of two; each sheet stands alone in its centre."""
    digits = written(hands, rng, **more)
    writing = centred(digits, np.asarray(hands), np.zeros(len(hands), int), MODEL)
    i, j = np.triu_indices(len(hands), 1)
    score = pair_scores(writing, np.column_stack([i, j]), MODEL)
    same = np.asarray(hands)[i] == np.asarray(hands)[j]
    return score[same], score[~same]


def test_digits_of_one_hand_score_above_those_of_two():
    same, different = pairs_of(np.repeat(np.arange(40), 2), np.random.default_rng(0))
    assert lr.equal_error(same, different) < 0.02


def test_more_digits_tell_hands_apart_better():
    errors = [
        lr.equal_error(*pairs_of(np.repeat(np.arange(60), 2), np.random.default_rng(1), digits=n))
        for n in (3, 6, 20)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_another_population_is_held_against_its_own_means():
    hands = np.repeat(np.arange(30), 2)
    rng = np.random.default_rng
    _, ours = pairs_of(hands, rng(2))
    _, theirs = pairs_of(hands, rng(2), shift=1.5)
    assert np.median(theirs) == pytest.approx(np.median(ours), abs=0.15 * abs(np.median(ours)))
    digits = written(hands, rng(2), shift=1.5)
    means = digits.sums / np.maximum(digits.counts, 1)[:, :, None] - MODEL.mean
    from veedor.handwriting.scorer import Writing

    i, j = np.triu_indices(len(hands), 1)
    raw = pair_scores(Writing(digits.counts, means), np.column_stack([i, j]), MODEL)
    assert np.median(raw[hands[i] != hands[j]]) > np.median(theirs) + 50


def test_a_centre_takes_no_part_in_the_means_it_is_held_against():
    rng = np.random.default_rng(3)
    digits = written(np.arange(12), rng)
    group = np.arange(12) // 3
    before = centred(digits, group, np.zeros(12, int), MODEL)
    other = Digits(digits.counts, digits.sums.copy())
    other.sums[:3] += 100.0 * digits.counts[:3, :, None]
    after = centred(other, group, np.zeros(12, int), MODEL)
    # Its own sheets move by what was added to them, and by nothing else.
    seen = digits.counts[:3] > 0
    assert (after.means[:3] - before.means[:3])[seen] == pytest.approx(100.0)
    assert np.abs(after.means[3:] - before.means[3:]).max() > 1


def test_a_single_sheet_is_held_against_the_models_own_means():
    digits = written(np.arange(1), np.random.default_rng(4))
    found = centred(digits, np.zeros(1, int), np.zeros(1, int), MODEL)
    seen = digits.counts[0] > 0
    means = digits.sums[0] / np.maximum(digits.counts[0], 1)[:, None]
    assert found.means[0][seen] == pytest.approx((means - MODEL.mean)[seen])


def test_pooling_adds_digits_up():
    x = np.arange(12.0).reshape(4, 3)
    found = pooled(np.array([0, 0, 1, 0]), np.array([5, 5, 0, 2]), x, 2)
    assert found.counts[0, 5] == 2
    assert found.sums[0, 5].tolist() == [3, 5, 7]
    assert found.total.tolist() == [3, 1]


def test_missing_classes_do_not_matter():
    rng = np.random.default_rng(5)
    counts = counts_of(2, 20, rng)
    counts[0, 5:], counts[1, :5] = 0, 0
    from veedor.handwriting.scorer import Writing
    from veedor.stats.plda import draw

    writing = Writing(counts, draw(MODEL, counts, [0, 0], rng))
    assert np.isfinite(pair_scores(writing, np.array([[0, 1]]), MODEL)).all()


CENTRES = {
    "one hand": [0, 0, 0, 0],
    "one odd sheet": [0, 0, 0, 1],
    "two and two": [0, 0, 1, 1],
    "as many as sheets": [0, 1, 2, 3],
}


@pytest.mark.parametrize("name", CENTRES)
def test_the_hands_of_a_centre_are_found(name):
    hands = np.array([*CENTRES[name], *range(10, 50)])
    digits = written(hands, np.random.default_rng(6))
    group = np.array([0] * 4 + list(range(1, 41)))
    writing = centred(digits, group, np.zeros(44, int), MODEL).at(np.arange(4))
    found = hands_of(writing, MODEL, calibrations()["good"])
    label = np.empty(4, int)
    for number, sheets in enumerate(found.groups):
        label[list(sheets)] = number
    assert found.exact
    truth = hands[:4]
    assert ((label[:, None] == label) == (truth[:, None] == truth)).all()


def test_many_sheets_are_shared_out_by_joining():
    hands = np.array([0] * 5 + [1] * 5 + list(range(10, 40)))
    digits = written(hands, np.random.default_rng(7))
    group = np.array([0] * 10 + list(range(1, 31)))
    writing = centred(digits, group, np.zeros(40, int), MODEL).at(np.arange(10))
    found = hands_of(writing, MODEL, calibrations()["good"])
    assert not found.exact
    assert found.groups == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))


def test_a_pair_says_as_a_centre_what_it_says_as_a_pair():
    hands = np.arange(30)
    digits = written(hands, np.random.default_rng(8))
    writing = centred(digits, hands // 2, np.zeros(30, int), MODEL)
    known = calibrations()["good"]
    found = judge_centres(writing, [np.array([2, 3])], MODEL, known)
    assert found.one[0] == pytest.approx(found.llr[0])
    assert found.some[0] == pytest.approx(found.llr[0])
    assert np.isnan(found.odd[0])


def test_one_hand_and_one_odd_sheet_are_told_apart():
    rng = np.random.default_rng(9)
    hands = np.array([0, 0, 0, 0, 1, 1, 1, 2, *range(10, 60)])
    group = np.array([0] * 4 + [1] * 4 + list(range(2, 52)))
    writing = centred(written(hands, rng), group, np.zeros(58, int), MODEL)
    members = [np.arange(4), np.arange(4, 8)]
    found = judge_centres(writing, members, MODEL, calibrations()["good"])
    assert found.odd[0] > 0 > found.odd[1]
    assert (found.some > np.log(100)).all()


def test_ratios_are_capped_by_the_writers_and_at_ten_with_few_digits():
    known = calibrations()["good"]
    llr, digits = np.array([50.0, -50.0, 50.0]), np.array([30.0, 30.0, 12.0])
    assert np.exp(known.capped(llr, digits)) == pytest.approx(
        [known.writers, 1 / known.writers, 10]
    )


def test_a_pair_with_fewer_digits_than_were_validated_gets_no_ratio():
    known = calibrations()["good"]
    assert np.isnan(known(np.array([3.0]), np.array([known.least - 0.5]))).all()


def test_a_higher_score_never_gives_a_lower_ratio():
    for known in calibrations().values():
        digits = np.linspace(known.least, 80, 40)
        assert (known.slope(digits) > 0).all()


def test_conditions_that_were_not_validated_are_refused():
    first, second = np.array(["good", "good", "unreadable"]), np.array(["good", "usable", "good"])
    assert condition_of(first, second).tolist() == ["good", "usable", ""]


def test_digits_of_a_pair_are_the_harmonic_mean():
    assert digits_of(np.array([30]), np.array([10])) == pytest.approx(15)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(1.5, "no support"), (5, "weak"), (1 / 50, "moderate"), (500, "moderately strong"),
     (5e3, "strong"), (5e5, "very strong")],
)  # fmt: skip
def test_words_are_those_of_the_scale(ratio, words):
    assert verbal(np.log(ratio)) == words
