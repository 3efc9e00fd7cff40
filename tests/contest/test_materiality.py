"""What the outcome would be if questioned sheets were treated otherwise."""

import tracemalloc
from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from veedor.contest import (
    AbsoluteMajority,
    MajorityOrLead,
    Plurality,
    Referendum,
    Treatment,
    best,
    margin_points,
    remove,
    replace,
    share_false,
    statement,
    unite,
    worst,
)
from veedor.errors import VeedorError

from .strategies import counts_by_sheet

AB = Plurality(("a", "b"))
ABC = MajorityOrLead(("a", "b", "c"))
MASKS = st.integers(0, 12).flatmap(
    lambda n: st.lists(hnp.arrays(np.bool_, n), min_size=1, max_size=4)
)


def ints(rows) -> np.ndarray:
    return np.array(rows, dtype=np.int64)


def mask(*flags) -> np.ndarray:
    return np.array(flags, dtype=bool)


@given(MASKS)
def test_sets_are_united_once_in_any_order(masks) -> None:
    union = unite(masks)
    assert (union == np.any(masks, axis=0)).all()
    assert (unite([*masks, *masks]) == union).all()
    assert (unite(masks[::-1]) == union).all()
    assert (unite([union, union]) == union).all()


def test_uniting_nothing_and_unlike_sets() -> None:
    assert unite([], 3).tolist() == [False] * 3
    for wrong in ([], [mask(True), mask(True, False)], [ints([1, 0])]):
        with pytest.raises(VeedorError):
            unite(wrong)


@settings(max_examples=200, deadline=None)
@given(counts_by_sheet(), st.data())
def test_worst_actual_best_and_the_empty_set(sheets, data) -> None:
    rule, rows, registered = sheets
    table = ints(rows).reshape(len(rows), len(rule.options) + 2)
    matrix, blank, null = table[:, :-2], table[:, -2], table[:, -1]
    questioned = data.draw(hnp.arrays(np.bool_, len(rows)))
    rest = (blank, null, registered)
    votes = matrix.sum(axis=0)
    outcome = rule.decide(votes, blank.sum(), null.sum(), registered)
    pair = (
        (outcome.winner, outcome.runner_up)
        if outcome.winner and outcome.runner_up
        else outcome.ranking[:2]
    )
    if len(rule.options) > 1:
        actual = margin_points(rule, votes, blank.sum(), null.sum(), pair)
        low, high = (f(rule, matrix, questioned, *rest).margin_points for f in (worst, best))
        assert low <= actual + 1e-9
        assert actual <= high + 1e-9
    none = np.zeros(len(rows), dtype=bool)
    for treat in (remove, worst, best):
        same = treat(rule, matrix, none, *rest)
        assert not same.outcome_changes
        assert same.winner == outcome.winner
    rng = np.random.default_rng(1)
    cells = [np.zeros(len(rows), dtype=np.int64)]
    for chosen in (none, ~none):
        kept = replace(rule, matrix, chosen, cells, rng, *rest, replicates=2)
        assert not kept.outcome_changes
        assert kept.details["votes"] == tuple(votes)


def test_remove_takes_the_blank_and_null_votes_of_the_sheets_too() -> None:
    rule = Plurality(("a", "b"), basis="cast")
    after = remove(rule, ints([[6, 2], [4, 4]]), mask(True, False), ints([1, 2]), ints([5, 0]))
    assert (after.winner, after.margin_points, after.outcome_changes) == (None, 0.0, True)
    other = remove(rule, ints([[6, 2], [5, 3]]), mask(True, False), ints([1, 2]), ints([5, 0]))
    assert other.margin_points == pytest.approx(20.0)


def test_worst_and_best_go_to_the_original_pair() -> None:
    matrix = ints([[60, 30, 10], [5, 2, 13]])
    low, high = (f(ABC, matrix, mask(False, True)) for f in (worst, best))
    assert low.margin_points == pytest.approx(100 * (60 - 50) / 120)
    assert high.margin_points == pytest.approx(100 * (80 - 30) / 120)
    assert (low.winner, low.outcome_changes, high.outcome_changes) == (None, True, False)


def test_a_referendum_lost_on_its_threshold_has_the_loser_ahead() -> None:
    rule = Referendum(("yes", "no"), threshold=F(3, 5))
    matrix = ints([[50, 45], [5, 0]])
    low = worst(rule, matrix, mask(True, False))
    assert (low.details["to"], low.winner, low.outcome_changes) == ("yes", "yes", True)
    assert not best(rule, matrix, mask(True, False)).outcome_changes


def test_without_a_winner_any_recipient_can_change_the_outcome() -> None:
    rule = AbsoluteMajority(("a", "b", "c"))
    # all five to c: 29 against b's 30; all four to c below: 29 against 26
    low = worst(rule, ints([[40, 30, 24], [0, 5, 0]]), mask(False, True))
    assert low.outcome_changes is False
    third = worst(rule, ints([[40, 26, 25], [0, 4, 0]]), mask(False, True))
    assert third.outcome_changes
    assert third.details["changes_with"] == ["c"]


def test_replacement_uses_the_finest_cell_with_donors_then_coarser_then_history() -> None:
    matrix = ints([[10, 0], [0, 20], [30, 10], [0, 0], [8, 0], [0, 40], [7, 0], [5, 0]])
    questioned = mask(True, False, False, False, True, False, True, True)
    centre = ints([0, 0, 1, 2, 2, 3, 4, -1])
    town = ints([0, 0, 1, 1, 1, 1, 5, -1])
    history = np.full((8, 2), np.nan)
    history[6] = [0.25, 0.75]
    rng = np.random.default_rng(7)
    after = replace(AB, matrix, questioned, [centre, town], rng, history=history, replicates=500)
    d = after.details
    # sheet 0: sheet 1 of its centre (all b); sheet 4: sheets 2 (3/4 a) or 5 (no a) of its town;
    # sheet 6: history; sheet 7: nothing comparable
    assert (d["matched"], d["history"], d["unmatched"], d["sheets"]) == ([1, 1], 1, 1, 4)
    fixed_a = 30 + 7 * 0.25 + 5
    assert d["votes"][0] == pytest.approx(fixed_a + 3, abs=1)
    assert sum(d["votes"]) == matrix.sum()
    # the margin is that of b, which had 70 of 130 votes
    points = [100 - 200 * (fixed_a + x) / 130 for x in (6, 0)]
    assert (after.low, after.high) == pytest.approx(points, abs=2)
    assert after.replicates == 500


def test_replacement_of_sheets_that_agree_with_their_centres_changes_nothing() -> None:
    matrix = np.tile(ints([[30, 20]]), (50, 1))
    questioned = np.arange(50) < 10
    cells = [np.arange(50) % 5]
    after = replace(AB, matrix, questioned, cells, np.random.default_rng(0))
    assert after.margin_points == after.low == after.high == pytest.approx(20.0)
    assert not after.outcome_changes


def test_replacement_counts_the_replicates_that_change_the_outcome() -> None:
    # one questioned sheet of 10 votes and two donors, all a or all b: b wins in half the draws
    matrix = ints([[10, 0], [9, 0], [0, 12]])
    after = replace(
        AB, matrix, mask(True, False, False), [ints([0, 0, 0])], np.random.default_rng(3),
        replicates=2000,
    )  # fmt: skip
    assert after.details["share_changed"] == pytest.approx(0.5, abs=0.04)
    assert after.outcome_changes
    again = replace(
        AB, matrix, mask(True, False, False), [ints([0, 0, 0])], np.random.default_rng(3),
        replicates=2000,
    )  # fmt: skip
    assert again == after


def test_replacement_is_bounded_in_memory() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.multinomial(180, [0.5, 0.3, 0.2], size=120_000)
    questioned = np.arange(120_000) < 100_000
    cells = [rng.integers(0, 9000, 120_000), rng.integers(0, 300, 120_000)]
    tracemalloc.start()
    replace(ABC, matrix, questioned, cells, rng, replicates=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_share_false() -> None:
    matrix = ints([[40, 10], [20, 40], [10, 6]])
    # a leads 70 to 56: removing 14 or switching 7 makes a tie; the first sheet has 40 for a
    share = share_false(AB, matrix, mask(True, False, False))
    assert (share.removed, share.switched) == (F(14, 40), F(7, 40))
    few = share_false(AB, matrix, mask(False, False, True))
    assert (few.removed, few.switched) == (None, F(7, 10))
    assert share_false(AB, matrix, mask(False, False, False)).switched is None


@settings(max_examples=150, deadline=None)
@given(counts_by_sheet(), st.data())
def test_share_false_changes_the_outcome_and_one_vote_fewer_does_not(sheets, data) -> None:
    rule, rows, registered = sheets
    table = ints(rows).reshape(len(rows), len(rule.options) + 2)
    blank, null = int(table[:, -2].sum()), int(table[:, -1].sum())
    questioned = data.draw(hnp.arrays(np.bool_, len(rows)))
    matrix = table[:, :-2]
    share = share_false(rule, matrix, questioned, table[:, -2], table[:, -1], registered)
    votes, held = matrix.sum(axis=0), matrix[questioned].sum(axis=0)
    now = rule.decide(votes, blank, null, registered).identity
    for part, source, target in (
        (share.removed, share.removed_from, None),
        (share.switched, share.switched_from, share.switched_to),
    ):
        if part is None:
            continue
        i = rule.options.index(source)
        count = part * int(held[i])
        assert count.denominator == 1
        assert 0 < part <= 1
        for k, changes in ((int(count), True), (int(count) - 1, False)):
            moved = votes.copy()
            moved[i] -= k
            if target:
                moved[rule.options.index(target)] += k
            assert (rule.decide(moved, blank, null, registered).identity != now) == changes


def treatment(name: str, changes: bool, **details) -> Treatment:
    return Treatment(name, 1.0, "a", changes, details=details)


def test_the_statement() -> None:
    assert statement([]) == "not-determinable"
    assert statement([treatment("remove", False), treatment("worst", False)]) == "robust"
    assert statement([treatment("remove", False), treatment("worst", True)]) == "fragile"
    blind = treatment("replace", False, sheets=4, unmatched=4)
    assert statement([treatment("worst", True), blind]) == "not-determinable"
    assert statement([treatment("worst", True), treatment("remove", True), blind]) == "fragile"
    seen = treatment("replace", False, sheets=4, unmatched=3)
    assert statement([treatment("worst", True), seen]) == "fragile"
    assert statement([treatment("worst", False), blind]) == "robust"


@pytest.mark.parametrize(
    "wrong", [mask(True), ints([1, 0]), np.zeros((2, 2), dtype=bool)], ids=["short", "int", "2d"]
)
def test_a_mask_that_does_not_fit_is_refused(wrong) -> None:
    with pytest.raises(VeedorError):
        remove(AB, ints([[1, 2], [3, 4]]), wrong)


def test_cells_history_and_replicates_that_do_not_fit_are_refused() -> None:
    matrix, chosen, rng = ints([[1, 2], [3, 4]]), mask(True, False), np.random.default_rng(0)
    with pytest.raises(VeedorError):
        replace(AB, matrix, chosen, [ints([1])], rng)
    with pytest.raises(VeedorError):
        replace(AB, matrix, chosen, [np.zeros(2)], rng)
    with pytest.raises(VeedorError):
        replace(AB, matrix, chosen, [], rng, history=np.zeros((2, 3)))
    with pytest.raises(VeedorError):
        replace(AB, matrix, chosen, [], rng, replicates=0)
