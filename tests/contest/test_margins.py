"""How many votes and sheets an outcome rests on."""

from fractions import Fraction as F
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from veedor.contest import (
    AbsoluteMajority,
    DHondt,
    MajorityOrLead,
    Plurality,
    Referendum,
    break_even,
    fewest_sheets,
    margin_of,
    margin_points,
    slack,
)
from veedor.errors import VeedorError

from .strategies import contests, counts_by_sheet

OPTIONS = ("MAS", "CC", "21F", "FPV", "MTS", "MNR", "PANBOL", "PDC", "UCS")
# Official count of 2019 (targets file): MAS, CC, and 1,007,392 for the other seven, whose split is
# made up.
VOTES = (2_889_359, 2_240_920, 260_000, 50_000, 76_000, 42_000, 40_000, 514_392, 25_000)
BOLIVIA = MajorityOrLead(OPTIONS)


def test_bolivia_2019() -> None:
    assert sum(VOTES) == 6_137_671
    assert margin_points(BOLIVIA, VOTES) == pytest.approx(10.564903, abs=5e-7)
    rest = slack(BOLIVIA, VOTES)
    assert (rest.value, rest.clause) == (F(346_719, 10), "lead")
    assert "CC" in rest.text
    needed = break_even(BOLIVIA, VOTES)
    assert (needed.switched, needed.removed, needed.added) == (17_336, 38_525, 31_520)
    assert (needed.switched_from, needed.switched_to) == ("MAS", "CC")


def test_slack_names_the_clause_that_binds() -> None:
    # 55 % and 12 points ahead: the majority fails after 5 switched votes, the lead after 1, and
    # 55 % and 12 points ahead: the majority fails after 5 switched votes, the lead after 2 (both
    # must fail for the outcome to change).
    rest = slack(MajorityOrLead(("a", "b", "c")), (55, 43, 2))
    assert (rest.clause, rest.value) == ("majority", 5)
    assert break_even(MajorityOrLead(("a", "b", "c")), (55, 43, 2)).switched == 5
    assert slack(Plurality(("a", "b")), (7, 4)).value == 3
    assert slack(Plurality(("a", "b")), (4, 4)).clause == "tie"
    # 401 of 1,000, 150 ahead: the threshold is nearer than the lead
    near = slack(MajorityOrLead(("a", "b", "c", "d")), (401, 251, 200, 148))
    assert (near.clause, near.value) == ("threshold", 1)


def moved(votes, options, take, give, k):
    result = list(votes)
    if take:
        result[options.index(take)] -= k
    if give:
        result[options.index(give)] += k
    return result


def scan(rule, votes, rest, take, give, most):
    now = rule.decide(votes, *rest).identity
    for k in range(1, most + 1):
        if rule.decide(moved(votes, rule.options, take, give, k), *rest).identity != now:
            return k
    return None


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contests(most=15))
def test_break_even_is_the_first_count_of_any_move_that_changes_the_outcome(contest) -> None:
    rule, votes, *rest = contest
    winner = rule.decide(votes, *rest).winner
    needed = break_even(rule, votes, *rest)
    sources = [winner] if winner else list(rule.options)
    targets = [o for o in rule.options if o != winner]
    held = dict(zip(rule.options, votes, strict=True))

    def least(moves):
        found = [scan(rule, votes, rest, a, b, held[a] if a else 400) for a, b in moves]
        return min((k for k in found if k is not None), default=None)

    assert needed.switched == least((a, b) for a in sources for b in targets if a != b)
    assert needed.removed == least((a, None) for a in sources)
    added = least((None, b) for b in targets)
    assert needed.added == added or (added is None and needed.added > 400)


@settings(max_examples=300, deadline=None)
@given(contests(most=100_000))
def test_break_even_changes_the_outcome_and_one_vote_fewer_does_not(contest) -> None:
    rule, votes, *rest = contest
    now = rule.decide(votes, *rest).identity
    b = break_even(rule, votes, *rest)
    for count, take, give in (
        (b.switched, b.switched_from, b.switched_to),
        (b.removed, b.removed_from, None),
        (b.added, None, b.added_to),
    ):
        if count is not None:
            change = moved(votes, rule.options, take, give, count)
            fewer = moved(votes, rule.options, take, give, count - 1)
            assert rule.decide(change, *rest).identity != now
            assert rule.decide(fewer, *rest).identity == now


def test_break_even_of_a_run_off_counts_the_third_who_could_get_in() -> None:
    needed = break_even(AbsoluteMajority(("a", "b", "c")), (45, 28, 27))
    assert needed.added == 1  # c draws level with b
    assert needed.added_to == "c"
    assert (needed.switched, needed.removed) == (1, 1)


def test_break_even_is_none_where_nothing_helps() -> None:
    failed = break_even(Referendum(("yes", "no"), quorum=F(1, 2)), (10, 5), registered=100)
    assert (failed.switched, failed.removed, failed.added) == (None, None, 35)
    alone = break_even(Plurality(("a",)), (7,))
    assert (alone.switched, alone.removed, alone.added) == (None, 7, None)


def test_break_even_of_seats_names_the_cheapest_pair() -> None:
    # quotients 100 80 50 40 33.3 | 30: the fifth seat is a's third; 33.3 against c's 30
    rule = DHondt(("a", "b", "c"), 5)
    needed = break_even(rule, (100, 80, 30))
    assert rule.decide((100, 80, 30)).seats == (3, 2, 0)
    assert (needed.switched, needed.switched_from, needed.switched_to) == (3, "a", "c")
    assert (needed.added, needed.added_to) == (4, "c")
    assert (needed.removed, needed.removed_from) == (10, "a")


def test_an_option_without_rivals_leads_by_its_own_share() -> None:
    rule = MajorityOrLead(
        ("a",),
        majority=F(1, 10),
        threshold=F(1, 20),
        lead=F(1, 10),
        majority_strict=False,
        basis="cast",
    )
    assert rule.decide([1], blank=1, null=9).decided_by == "run-off"
    found = fewest_sheets(rule, np.array([[1]]), np.array([1]), np.array([9]))
    assert (found.sheets, found.exact) == (1, True)


def columns(rule, rows):
    table = np.array(rows, dtype=np.int64).reshape(len(rows), len(rule.options) + 2)
    return table[:, :-2], table[:, -2], table[:, -1]


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(counts_by_sheet())
def test_fewest_sheets_against_every_subset(sheets) -> None:
    rule, rows, registered = sheets
    matrix, blank, null = columns(rule, rows)

    def identity(keep):
        whole = matrix[keep].sum(axis=0)
        return rule.decide(whole, blank[keep].sum(), null[keep].sum(), registered).identity

    now = identity(np.ones(len(rows), dtype=bool))
    true = None
    for size in range(1, len(rows) + 1):
        for gone in combinations(range(len(rows)), size):
            keep = np.ones(len(rows), dtype=bool)
            keep[list(gone)] = False
            if identity(keep) != now:
                true = size
                break
        if true:
            break
    found = fewest_sheets(rule, matrix, blank, null, registered)
    if found.exact:
        assert found.sheets == true
    if found.sheets is not None:
        assert true is not None
        assert true <= found.sheets
        keep = np.ones(len(rows), dtype=bool)
        keep[found.indices] = False
        assert len(found.indices) == found.sheets
        assert identity(keep) != now
    if found.lower_bound is not None and true is not None:
        assert found.lower_bound <= true


def test_fewest_sheets_is_proved_for_one_clause() -> None:
    rule = Plurality(("a", "b"))
    matrix = np.array([[9, 1], [5, 0], [5, 0], [0, 9]], dtype=np.int64)
    found = fewest_sheets(rule, matrix)
    # a leads 19 to 10; without the first sheet 10 to 9, without a 5 as well 5 to 9
    assert (found.sheets, found.exact, list(found.indices)) == (2, True, [0, 1])


def test_fewest_sheets_breaks_majority_and_lead_together() -> None:
    rule = MajorityOrLead(("a", "b", "c"))
    rng = np.random.default_rng(5)
    matrix = rng.multinomial(200, [0.51, 0.38, 0.11], size=3000)
    matrix[:300] = rng.multinomial(200, [0.9, 0.05, 0.05], size=300)
    found = fewest_sheets(rule, matrix)
    kept = np.delete(matrix, found.indices, axis=0).sum(axis=0)
    assert rule.decide(kept).decided_by == "run-off"
    assert found.lower_bound is not None
    assert found.lower_bound <= found.sheets <= found.lower_bound + 1


def test_zero_sheets_and_wrong_shapes() -> None:
    rule = Plurality(("a", "b"))
    assert fewest_sheets(rule, np.zeros((0, 2), dtype=np.int64)).sheets is None
    with pytest.raises(VeedorError):
        fewest_sheets(rule, np.zeros((3, 3), dtype=np.int64))
    with pytest.raises(VeedorError):
        fewest_sheets(rule, np.zeros((3, 2)))
    with pytest.raises(VeedorError):
        fewest_sheets(rule, np.zeros((3, 2), dtype=np.int64), np.zeros(2, dtype=np.int64))


def test_wide_numbers_do_not_overflow() -> None:
    rule = MajorityOrLead(("a", "b"), lead=F(1234567891, 10**11), majority=F(9, 10))
    matrix = np.full((5, 2), 10**9, dtype=np.int64)
    matrix[:, 0] += 4 * 10**7
    found = fewest_sheets(rule, matrix)
    brute = [k for k in range(1, 6) if rule.decide(matrix[k:].sum(axis=0)).winner != "a"]
    assert (found.sheets, found.exact) == (brute[0], True)


def test_margin_of_a_named_pair_can_be_negative() -> None:
    assert margin_of(Plurality(("a", "b")), (1, 3), pair=("a", "b")) == F(-1, 2)
    assert margin_of(Plurality(("a", "b"), basis="cast"), (1, 3), 2, 2) == F(1, 4)
