"""An assertion as whole numbers over sheets is the assertion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veedor.contest import rule_from
from veedor.contest.assorter import Assorter, groups_of

RULE = rule_from(
    "majority-or-lead", {"majority": "1/2", "threshold": "2/5", "lead": "1/10"}, ("A", "B", "C")
)
SHEETS = st.lists(
    st.tuples(*[st.integers(0, 300)] * 5), min_size=1, max_size=6
)  # A, B, C, blank, null


@given(SHEETS)
def test_the_sum_over_sheets_is_the_value_of_the_assertion(sheets):
    votes = np.array(sheets, np.int64)
    total = votes.sum(axis=0).tolist()
    for group in RULE.assertions(total[:3], total[3], total[4]) or ():
        for assertion in group:
            found = Assorter.of(assertion)
            value = assertion.value(total[:3], total[3], total[4])
            whole = int(found.values(votes).sum()) + found.constant
            assert Fraction(whole, found.scale) == value
            assert (found.values(votes) >= found.least(votes.sum(axis=1))).all()


TOTALS = st.tuples(*[st.integers(0, 13)] * 5)
RULES = [
    rule_from("plurality", {}, ("A", "B", "C")),
    rule_from("majority-runoff", {"majority": "1/2"}, ("A", "B", "C")),
    RULE,
    rule_from("majority-or-lead", {"majority": "1/2", "threshold": "2/5", "lead": "1/10",
                                   "basis": "valid+blank"}, ("A", "B", "C")),
    rule_from("majority-or-lead", {"majority": "1/2", "threshold": "9/20", "lead": "none"},
              ("A", "B", "C")),
    rule_from("referendum", {"yes": "A", "no": "B"}, ("A", "B", "C")),
    rule_from("dhondt", {"seats": 5}, ("A", "B", "C")),
]  # fmt: skip


@given(st.sampled_from(RULES), TOTALS, TOTALS)
def test_where_an_alternative_of_each_group_holds_the_outcome_is_the_reported_one(rule, said, true):
    groups = groups_of(rule, np.array([said]))
    if groups is None:
        return
    held = all(
        any(int(a.values(np.array([true])).sum()) + a.constant > 0 for a in group)
        for group in groups
    )
    outcomes = {rule.decide(t[:3], t[3], t[4]).identity for t in (said, true)}
    assert not held or len(outcomes) == 1


def test_a_lead_of_ten_points_by_hand():
    (lead,) = [
        a
        for group in RULE.assertions([45, 30, 25]) or ()
        for a in group
        if a.clause == "lead" and a.coefficients[1] < -1
    ]
    found = Assorter.of(lead)
    assert found.scale == 10
    assert found.coefficients.tolist() == [9, -11, -1, 0, 0]
    assert found.least(np.array([200])).tolist() == [-2200]


def test_an_alternative_that_the_report_denies_is_not_bet_on():
    def texts(a, b, c):
        groups = groups_of(RULE, np.array([[a, b, c, 0, 0]]))
        return [{one.text for one in group} for group in groups or ()]

    # 45 % against 30: the majority is no way to this outcome.
    assert not any("absolute majority" in t for group in texts(45, 30, 25) for t in group)
    assert {"A leads B by at least 10 points"} in texts(45, 30, 25)
    # 60 % against 25: both ways are open, and either may turn out to be false.
    assert {"A has absolute majority", "A leads B by at least 10 points"} in texts(60, 25, 15)
    # 50 % and 0 over it, 10 points exactly: true at the edge, where nothing can be confirmed.
    assert {"A leads B by at least 10 points"} <= set().union(*texts(50, 40, 10))
