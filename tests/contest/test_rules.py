"""Who wins."""

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veedor.contest import (
    AbsoluteMajority,
    DHondt,
    MajorityOrLead,
    Plurality,
    Referendum,
    SainteLague,
    fraction,
    rule_from,
)
from veedor.errors import CaseError, VeedorError

from .strategies import contests, rules

ABC = ("a", "b", "c")
BOLIVIA = MajorityOrLead(ABC)
ARGENTINA = MajorityOrLead(ABC, F(9, 20), F(2, 5), F(1, 10), lead_strict=True)


@pytest.mark.parametrize(
    ("votes", "winner", "by"),
    [
        ((51, 49, 0), "a", "majority"),
        ((50, 41, 9), None, "run-off"),
        ((50, 40, 10), "a", "lead"),
        ((40, 40, 40), None, "tie"),
        ((40, 30, 29), "a", "lead"),
        ((40, 31, 29), None, "run-off"),
        ((399, 200, 401), None, "run-off"),
        ((0, 0, 0), None, "no votes"),
    ],
)
def test_bolivias_law_at_its_edges(votes: tuple[int, ...], winner: str | None, by: str) -> None:
    outcome = BOLIVIA.decide(votes)
    assert (outcome.winner, outcome.decided_by) == (winner, by)


def test_argentina_needs_more_than_45_or_a_lead_of_more_than_10() -> None:
    assert ARGENTINA.decide((45, 40, 15)).decided_by == "run-off"
    assert ARGENTINA.decide((451, 440, 109)).decided_by == "majority"
    assert ARGENTINA.decide((42, 32, 26)).decided_by == "run-off"
    assert ARGENTINA.decide((420, 319, 261)).decided_by == "lead"


def test_costa_rica_is_a_threshold_without_a_lead() -> None:
    rule = MajorityOrLead(ABC, lead=None)
    assert rule.decide((40, 39, 21)).decided_by == "threshold"
    assert rule.decide((40, 40, 20)).decided_by == "tie"
    assert rule.decide((39, 38, 23)).decided_by == "run-off"


def test_the_basis_decides_what_a_share_is_of() -> None:
    votes = (51, 40, 9)
    assert AbsoluteMajority(ABC).decide(votes, 2, 3).winner == "a"
    assert AbsoluteMajority(ABC, basis="valid+blank").decide(votes, 2, 3).decided_by == "run-off"
    assert AbsoluteMajority(ABC, basis="valid+blank").decide(votes, 1, 99).winner == "a"
    assert AbsoluteMajority(ABC, basis="cast").decide(votes, 1, 1).decided_by == "run-off"
    assert AbsoluteMajority(ABC, basis="cast").decide(votes, 0, 1).shares[0] == F(51, 101)


def test_ties_are_reported_not_broken() -> None:
    assert Plurality(ABC).decide((5, 5, 1)).tied == ("a", "b")
    assert Plurality(ABC).decide((5, 5, 1)).runner_up is None
    run_off = AbsoluteMajority(ABC).decide((4, 3, 3))
    assert (run_off.decided_by, run_off.tied, run_off.through) == ("tie", ("b", "c"), ("a",))
    assert AbsoluteMajority(ABC).decide((4, 4, 3)).through == ("a", "b")


def test_a_run_off_is_the_same_whoever_of_the_pair_leads() -> None:
    rule = AbsoluteMajority(ABC)
    assert rule.decide((4, 5, 3)).identity == rule.decide((5, 4, 3)).identity
    assert rule.decide((4, 5, 3)).identity != rule.decide((5, 3, 4)).identity


def test_referendum_with_a_quorum() -> None:
    rule = Referendum(("yes", "no"), quorum=F(1, 2))
    assert rule.decide((30, 20), registered=100).winner == "yes"
    assert rule.decide((30, 19), registered=100).decided_by == "quorum failed"
    assert rule.decide((30, 18), 1, 1, registered=100).winner == "yes"
    assert rule.decide((30, 20)).decided_by == "quorum unknown"
    level = rule.decide((25, 25), registered=100)
    assert (level.winner, level.tied) == ("no", ("yes", "no"))


@given(contests())
def test_the_outcome_does_not_depend_on_the_order_of_options(contest) -> None:
    rule, votes, blank, null, registered = contest
    turned = type(rule)(
        **{f: getattr(rule, f) for f in rule.__dataclass_fields__ if f != "options"},
        options=rule.options[::-1],
    )
    one = rule.decide(votes, blank, null, registered)
    two = turned.decide(votes[::-1], blank, null, registered)
    assert (one.winner, one.decided_by, set(one.tied)) == (
        two.winner,
        two.decided_by,
        set(two.tied),
    )
    assert one.seats == (two.seats and two.seats[::-1])


@settings(max_examples=400)
@given(contests(), st.data())
def test_the_assertions_hold_exactly_where_the_outcome_is_the_same(contest, data) -> None:
    rule, votes, blank, null, registered = contest
    groups = rule.assertions(votes, blank, null, registered)
    outcome = rule.decide(votes, blank, null, registered)
    if groups is None:
        assert outcome.winner is None
        return
    near = st.integers(-12, 12)
    other = [max(v + data.draw(near), 0) for v in votes]
    for case in (votes, other):
        stands = all(any(a.holds(a.value(case, blank, null)) for a in g) for g in groups)
        same = rule.decide(case, blank, null, registered).identity == outcome.identity
        assert stands == same


# Published worked examples: Wikipedia, "D'Hondt method" (100,000, 80,000, 30,000, 20,000 votes, 8
# Published worked examples, on Wikipedia: "D'Hondt method" (100,000, 80,000, 30,000 and 20,000
# votes, 8 seats: 4 3 1 0) and "Sainte-Laguë method" (53,000, 24,000 and 23,000, 7 seats: 3 2 2).
def test_dhondt_worked_example() -> None:
    rule = DHondt(("A", "B", "C", "D"), 8)
    assert rule.decide((100_000, 80_000, 30_000, 20_000)).seats == (4, 3, 1, 0)


def test_sainte_lague_worked_example() -> None:
    assert SainteLague(ABC, 7).decide((53_000, 24_000, 23_000)).seats == (3, 2, 2)


def test_dhondt_by_hand_gives_the_larger_list_more_and_modified_sainte_lague_the_smaller_less() -> (
    None
):
    # 340/1 280/1 170(340/2) 160/1 140(280/2) 113.3 93.3 80 60: seven seats 3 3 1
    votes = (340, 280, 160)
    assert DHondt(ABC, 7).decide(votes).seats == (3, 3, 1)
    # 340 68 (340/5) 113.3 | 60 against 340/7 = 48.6; with first divisor 1.4: 60/1.4 = 42.9
    assert SainteLague(("a", "b"), 4).decide((340, 60)).seats == (3, 1)
    assert SainteLague(("a", "b"), 4, first_divisor=F(7, 5)).decide((340, 60)).seats == (4, 0)


def test_a_tied_last_seat_is_left_open() -> None:
    outcome = DHondt(ABC, 3).decide((20, 10, 10))
    # quotients 20 10 10 10: the first seat is sure, three claim the other two
    assert (outcome.seats, outcome.tied, outcome.decided_by) == ((1, 0, 0), ABC, "tie")
    assert DHondt(ABC, 4).decide((20, 10, 10)).seats == (2, 1, 1)


def test_the_legal_threshold_keeps_lists_out() -> None:
    assert DHondt(ABC, 10, F(1, 10)).decide((60, 31, 9)).seats == (7, 3, 0)
    # the tenth quotient is 9 (c), then 60/7 = 8.57
    assert DHondt(ABC, 10, F(9, 100)).decide((60, 31, 9)).seats == (6, 3, 1)
    strict = DHondt(ABC, 10, F(9, 100), threshold_strict=True)
    assert strict.decide((60, 31, 9)).seats == (7, 3, 0)
    assert DHondt(ABC, 2, F(1, 2)).decide((40, 30, 30)).decided_by == "threshold"


@given(st.lists(st.integers(0, 500), min_size=1, max_size=6), st.integers(1, 15), st.booleans())
def test_house_monotonicity_and_all_seats_given(votes, seats, dhondt) -> None:
    options = tuple("abcdef"[: len(votes)])
    kind = DHondt if dhondt else SainteLague
    small, large = (kind(options, s).decide(votes) for s in (seats, seats + 1))
    if small.decided_by == "seats" and large.decided_by == "seats":
        assert sum(small.seats) == seats
        assert sum(large.seats) == seats + 1
        assert all(x <= y for x, y in zip(small.seats, large.seats, strict=True))


def naive_seats(votes, seats, divisors) -> tuple[int, ...] | None:
    quotients = sorted(
        ((F(v) / d, i) for i, v in enumerate(votes) if v for d in divisors[:seats]), reverse=True
    )
    if len(quotients) > seats and quotients[seats - 1][0] == quotients[seats][0]:
        return None
    return tuple(sum(i == j for _, i in quotients[:seats]) for j in range(len(votes)))


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(1, 9))
def test_seats_agree_with_sorting_every_quotient(votes, seats) -> None:
    options = tuple("abcde"[: len(votes)])
    modified = [F(7, 5), *map(F, range(3, 40, 2))]
    for rule, divisors in (
        (DHondt(options, seats), [F(s + 1) for s in range(20)]),
        (SainteLague(options, seats), [F(2 * s + 1) for s in range(20)]),
        (SainteLague(options, seats, first_divisor=F(7, 5)), modified),
    ):
        outcome = rule.decide(votes)
        if sum(votes) == 0:
            assert outcome.decided_by == "no votes"
            continue
        expected = naive_seats(votes, seats, divisors)
        if expected is None:
            assert outcome.decided_by == "tie"
            assert sum(outcome.seats) < seats < sum(outcome.seats) + len(outcome.tied)
        else:
            assert outcome.seats == expected


def test_descriptions_come_from_the_parameters() -> None:
    assert BOLIVIA.describe() == "absolute majority, or at least 40 % and a lead of 10 points"
    assert ARGENTINA.describe() == (
        "more than 45 %, or at least 40 % and a lead of more than 10 points"
    )
    assert MajorityOrLead(ABC, lead=None).describe() == "absolute majority, or at least 40 %"
    cast = "absolute majority, of all votes cast (valid, blank and null)"
    assert AbsoluteMajority(ABC, basis="cast").describe() == (
        f"{cast}; otherwise a run-off between the first two"
    )
    assert DHondt(ABC, 7, F(1, 20)).describe() == (
        "7 seats by D'Hondt, for lists with at least 5 %"
    )


@given(rules())
def test_every_rule_describes_itself_and_decides_nothing_without_votes(rule) -> None:
    assert rule.describe()
    outcome = rule.decide([0] * len(rule.options))
    assert (outcome.decided_by, outcome.winner, outcome.margin) == ("no votes", None, 0)


def test_one_option() -> None:
    assert Plurality(("a",)).decide((3,)).winner == "a"
    assert AbsoluteMajority(("a",), basis="cast").decide((3,), 5).through == ("a",)
    assert DHondt(("a",), 3).decide((1,)).seats == (3,)


def test_rules_from_a_case() -> None:
    words = {"majority": "50 %", "threshold": "2/5", "lead": "0.1"}
    assert rule_from("majority-or-lead", words, ABC) == BOLIVIA
    none = {"threshold": "40%", "lead": "none"}
    assert rule_from("majority-or-lead", none, ABC) == MajorityOrLead(ABC, lead=None)
    assert rule_from("plurality", {"basis": "cast"}, list(ABC)) == Plurality(ABC, basis="cast")
    first = rule_from("sainte-lague", {"seats": 9, "first_divisor": "1.4"}, ABC)
    assert first == SainteLague(ABC, 9, first_divisor=F(7, 5))
    vote = rule_from("referendum", {"yes": "a", "no": "b", "quorum": "40 %"}, ABC)
    assert vote == Referendum(ABC, "a", "b", quorum=F(2, 5))
    assert rule_from("majority-runoff", {"majority": "2/3", "strict": False}, ABC) == (
        AbsoluteMajority(ABC, F(2, 3), False)
    )


@pytest.mark.parametrize(
    ("kind", "parameters", "named"),
    [
        ("first-past-the-post", {}, "first-past-the-post"),
        ("plurality", {"treshold": "1/2"}, "treshold"),
        ("majority-runoff", {"majority": 0.5}, "majority"),
        ("majority-runoff", {"majority": "half"}, "majority"),
        ("majority-runoff", {"majority": "50"}, "majority"),
        ("majority-runoff", {"majority": "1/0"}, "majority"),
        ("majority-runoff", {"strict": "yes"}, "strict"),
        ("majority-or-lead", {"threshold": "2/5"}, "lead"),
        ("referendum", {"yes": "a", "no": "z"}, "'z'"),
        ("referendum", {"yes": "a", "no": "a"}, "same option"),
        ("referendum", {"yes": "a", "no": 3}, "no = 3"),
        ("dhondt", {}, "seats"),
        ("dhondt", {"seats": "7"}, "seats"),
        ("dhondt", {"seats": True}, "seats"),
        ("dhondt", {"seats": 0}, "seats"),
        ("sainte-lague", {"seats": 3, "first_divisor": "3"}, "first_divisor"),
        ("plurality", {"basis": "all"}, "'all'"),
    ],
)
def test_a_mistake_in_a_case_is_named_with_its_remedy(kind, parameters, named) -> None:
    with pytest.raises(CaseError) as caught:
        rule_from(kind, parameters, ABC)
    assert named in caught.value.message
    assert caught.value.remedy


def test_mistakes_in_options_and_votes() -> None:
    with pytest.raises(CaseError):
        Plurality(("a", "a"))
    with pytest.raises(CaseError):
        Plurality(())
    with pytest.raises(CaseError):
        AbsoluteMajority(ABC, 0.5)  # type: ignore[arg-type]
    with pytest.raises(VeedorError):
        Plurality(ABC).decide((1, 2))


def test_decimals_are_read_exactly() -> None:
    assert fraction("0.1") == F(1, 10) != F(0.1)
    assert fraction(" 12.5 % ") == F(1, 8)
