"""Unanimous sheets: counted exactly, expected by siblings, for every option alike."""

import pytest

from tests.building import facts, stations
from tests.checks.centres import ordinary, read, total, write

CHECK = "sheets.unanimous"

COUNT = {
    "station": ["1", "2", "3", "4", "5", "6", "7"],
    "centre": ["p", "p", "q", "q", "q", "r", "r"],
    "registered": [30, 40, 50, 60, 70, 80, 90],
    "A": [30, 20, 25, 398, 0, 10, 11],
    "B": [0, 0, 0, 2, 0, 12, 0],
    "C": [0, 0, 0, 0, 0, 0, 12],
    "blank": [0, 1, 0, 0, 9, 0, 0],
    "null": [0, 0, 0, 0, 0, 0, 0],
}


def test_what_is_counted(tmp_path):
    found = read(tmp_path, COUNT)
    by = facts(CHECK, found)
    one = by["A"].statistic
    assert (one["stations"], one["valid"]) == (3, 75)
    assert one["centres"] == 1
    assert (one["full_turnout_stations"], one["full_turnout_valid"]) == (1, 30)
    assert one["at_least"] == [
        {"share": 99.5, "stations": 4, "valid": 475},
        {"share": 99.0, "stations": 4, "valid": 475},
    ]
    assert (one["with_unanimous_siblings"], one["without"], one["without_siblings"]) == (2, 1, 0)
    assert sorted(stations(found, by["A"])) == ["1", "2", "3"]
    assert sorted(by["A"].questioned) == sorted(by["A"].rows["sid"])
    assert by["B"].status == by["C"].status == "not-observed"
    assert by[""].statistic["options"][0] == {"option": "A", "stations": 3, "valid": 75}


def test_a_share_of_exactly_99_per_cent_reaches_it(tmp_path):
    count = {"station": ["1", "2"], "A": [99, 989], "B": [1, 11], "C": [0, 0]}
    assert [
        r["stations"] for r in facts(CHECK, read(tmp_path, count))["A"].statistic["at_least"]
    ] == [0, 1]


def test_wholly_unanimous_centres_are_compared_with_those_around(tmp_path):
    count = COUNT | {"municipality": ["m"] * 5 + ["n"] * 2}
    around = facts(CHECK, read(tmp_path, count))["A"].statistic["around"]
    assert around == [{"level": "municipality", "compared": 2, "at_95": 2, "at_80": 2}]


def test_a_community_that_votes_together_is_expected_to(tmp_path):
    count = ordinary()
    for row in range(15):
        write(count, row, A=total(count, row), B=0, C=0)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert fact.statistic["stations"] == 15
    assert fact.statistic["centres"] == 3
    assert fact.statistic["expected"] > 12
    assert fact.p_value > 0.2


@pytest.mark.parametrize("option", ["A", "B", "C"])
def test_lone_unanimous_sheets_among_divided_siblings_are_not_expected(tmp_path, option):
    count = ordinary()
    for row in range(0, 60, 5):
        write(count, row, **{o: total(count, row) if o == option else 0 for o in "ABC"})
    fact = facts(CHECK, read(tmp_path, count))[option]
    assert fact.statistic["stations"] == 12
    assert fact.statistic["expected"] < 1
    assert fact.statistic["without"] == 12
    assert fact.p_value < 1e-6


def test_the_earlier_election_is_consulted(tmp_path):
    history = {
        "region": ["region-1"] * 2,
        "municipality": ["municipality-1"] * 2,
        "centre": ["p", "q"],
        "A": [95, 50],
        "B": [5, 50],
    }
    fact = facts(CHECK, read(tmp_path, COUNT, history=history))["A"]
    values = {e.id: e.values for e in fact.explanations if e.tested}
    past = "the election before"
    assert values["previous-election"] == {"known": 3, "then_90": 2, "election": past}
    results = {e.id: e.result for e in fact.explanations}
    assert f"The earlier election is {past}; " in results["previous-election"]
    assert "by the case's choice" in results["previous-election"]
    assert values["community-voting"] == {
        "with_siblings": 3,
        "alike": 3,
        "centres_of_several": 1,
        "around_compared": 2,
        "around_at_95": 0,
        "around_at_80": 2,
    }
    assert values["small-stations"] == {"median_valid": 25.0, "all_valid": 24.0}


def test_one_option_in_the_whole_count_is_void(tmp_path):
    count = {"station": ["1", "2"], "A": [10, 12], "B": [0, 0], "C": [0, 0]}
    assert facts(CHECK, read(tmp_path, count))[""].status == "void"


def test_no_valid_vote_at_all_is_not_determinable(tmp_path):
    count = {"station": ["1", "2"], "A": [0, 0], "B": [0, 0], "C": [0, 0]}
    assert facts(CHECK, read(tmp_path, count))[""].status == "not-determinable"


def test_sheets_that_the_authority_did_not_count_are_left_out(tmp_path):
    count = COUNT | {"state": ["ok", "ok", "annulled", "ok", "ok", "ok", "ok"]}
    found = read(
        tmp_path, count, sources={"official": {"counted": {"column": "state", "values": ["ok"]}}}
    )
    assert facts(CHECK, found)["A"].statistic["stations"] == 2


def test_centres_of_one_sheet_are_not_centres_that_vote_alike(tmp_path):
    count = ordinary(centres=20, sheets=1)
    for row in range(3):
        write(count, row, A=total(count, row), B=0, C=0)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert (fact.statistic["centres"], fact.statistic["centres_of_several"]) == (3, 0)
    assert fact.statistic["not_judged"] == 3
    result = {e.id: e.result for e in fact.explanations}["community-voting"]
    assert "0 centres of two sheets or more are unanimous as a whole" in result
    assert "at least 95 % for 0 of them, at least 80 % for" in result


def test_wholly_altered_centres_predict_themselves_and_the_fact_says_so(tmp_path):
    """Every tenth centre made unanimous: no prediction sees it, the comparison around does."""
    count = ordinary(centres=80)
    for row in range(400):
        if row // 5 % 10 == 0:
            write(count, row, A=total(count, row), B=0, C=0)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert fact.p_value > 0.05
    assert fact.statistic["p_around"] > 0.05
    assert fact.statistic["not_judged"] == 40
    assert "predict themselves: 40 sheets are in such centres or have no sibling" in fact.fact
    assert fact.fact.endswith("and are not judged by this.")
    assert fact.statistic["around"] == [
        {"level": "municipality", "compared": 40, "at_95": 0, "at_80": 0}
    ]


def test_the_seed_decides_nothing(tmp_path):
    count = ordinary(centres=60, sheets=2)
    for row in range(0, 20):
        write(count, row, A=total(count, row) - (row % 3 == 0), B=int(row % 3 == 0), C=0)
    found = read(tmp_path, count)
    one, other = (facts(CHECK, found, seed)["A"] for seed in (0, 7))
    assert one.statistic["expected"] == other.statistic["expected"]
    assert one.p_value == other.p_value
