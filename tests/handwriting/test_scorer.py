"""Scores of sheets: what they depend on, and what re-centring on the election does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.handwriting.writing import counts_of, written
from veedor.handwriting.calibration import calibrations, condition_of, digits_of, verbal
from veedor.handwriting.centre import hands_of, judge_centres
from veedor.handwriting.scorer import PRIOR, Digits, centred, load_sources, pair_scores, pooled
from veedor.stats import likelihood as lr

MODEL = load_sources()


def pairs_of(hands, rng, **more):
    """Scores of sheets of one hand and of two."""
    digits = written(hands, rng, **more)
    writing = centred(digits, np.zeros(len(hands), int), MODEL)
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


@pytest.mark.parametrize("each", [2, 3])
def test_sheets_of_a_centre_look_no_more_alike_than_others_for_being_of_one_centre(each):
    rng, shifts = np.random.default_rng(3), []
    for _ in range(12):
        sheets = 20 * each
        writing = centred(written(np.arange(sheets), rng), np.zeros(sheets, int), MODEL)
        i, j = np.triu_indices(sheets, 1)
        score = pair_scores(writing, np.column_stack([i, j]), MODEL)
        within = i // each == j // each
        shifts.append(score[within].mean() - score[~within].mean())
    error = np.std(shifts, ddof=1) / np.sqrt(len(shifts))
    assert error < 4
    assert abs(np.mean(shifts)) < 2.5 * error


def test_conditions_have_means_of_their_own():
    rng = np.random.default_rng(3)
    digits = written(np.arange(12), rng)
    condition = np.arange(12) // 6
    before = centred(digits, condition, MODEL)
    other = Digits(digits.counts, digits.sums.copy())
    other.sums[:6] += 100.0 * digits.counts[:6, :, None]
    after = centred(other, condition, MODEL)
    seen = digits.counts > 0
    # What a condition adds to all of its sheets is nearly gone, but for what leans on the others.
    assert np.abs(after.means[:6] - before.means[:6])[seen[:6]].max() < 50
    assert np.abs(after.means[6:] - before.means[6:])[seen[6:]].max() < 50


def test_a_single_sheet_is_held_against_itself_and_the_models_own_means():
    digits = written(np.arange(1), np.random.default_rng(4))
    found = centred(digits, np.zeros(1, int), MODEL)
    seen = digits.counts[0] > 0
    means = digits.sums[0] / np.maximum(digits.counts[0], 1)[:, None]
    # Means of one sheet and of the model's writers, by PRIOR and by how many digits weigh.
    weight = (digits.counts[0] / (digits.counts[0] + 1.0))[seen, None]
    general = (weight * means[seen] + PRIOR * MODEL.mean[seen]) / (weight + PRIOR)
    about = (weight * means[seen] + PRIOR * general) / (weight + PRIOR)
    assert found.means[0][seen] == pytest.approx(means[seen] - about)


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
    writing = centred(digits, np.zeros(44, int), MODEL).at(np.arange(4))
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
    writing = centred(digits, np.zeros(40, int), MODEL).at(np.arange(10))
    found = hands_of(writing, MODEL, calibrations()["good"])
    assert not found.exact
    assert found.groups == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))


def test_a_pair_says_as_a_centre_what_it_says_as_a_pair():
    hands = np.arange(30)
    digits = written(hands, np.random.default_rng(8))
    writing = centred(digits, np.zeros(30, int), MODEL)
    known = calibrations()["good"]
    found = judge_centres(writing, [np.array([2, 3])], MODEL, known)
    assert found.one[0] == pytest.approx(found.llr[0])
    assert found.some[0] == pytest.approx(found.llr[0])
    assert np.isnan(found.odd[0])


def test_one_hand_and_one_odd_sheet_are_told_apart():
    rng = np.random.default_rng(9)
    hands = np.array([0, 0, 0, 0, 1, 1, 1, 2, *range(10, 60)])
    writing = centred(written(hands, rng), np.zeros(58, int), MODEL)
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
