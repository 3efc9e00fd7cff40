"""Sums against stated totals, on sheets whose differences are known."""

import pytest

from tests.building import evidence, facts, stations

COUNT = {
    "station": ["1", "2", "3", "4", "5"],
    "registered": [100, 100, 100, 100, 100],
    "A": [50, 30, 10, 5, 20],
    "B": [10, 20, 40, 15, 20],
    "C": [0, 1, 2, 3, 4],
    "blank": [1, 1, 1, 1, 1],
    "null": [2, 0, 0, 0, 0],
    "declared_valid": [60, 51, 52, 23, 44],
    "declared_cast": [63, 53, 51, 24, 45],
}
"""Sheets 2 and 3 state one vote more, and two votes fewer, than their lines hold."""


def test_differences_are_signed_and_by_winner(tmp_path):
    found = evidence(tmp_path, {"official": COUNT})
    by = facts("sheets.arithmetic", found)
    cast = by["cast"]
    assert cast.status == "observed"
    assert {k: cast.statistic[k] for k in ("stations", "differing", "over", "under", "net")} == {
        "stations": 5,
        "differing": 2,
        "over": 1,
        "under": 1,
        "net": 1,
    }
    assert cast.statistic["gross"] == 3
    assert cast.fact == (
        "On 2 of 5 sheets the lines do not sum to the stated votes cast: 1 sum to more and 1 to"
        " less. The lines hold in all 1 vote more than stated, and the differences add up to 3"
        " votes without their signs."
    )
    assert all(not e.result[0].islower() for e in cast.explanations if e.tested)
    winners = {w["option"]: w for w in cast.statistic["by_winner"]}
    assert (winners["A"]["under"], winners["B"]["over"], winners[None]["stations"]) == (1, 1, 1)
    assert cast.p_value == 1.0
    assert stations(found, cast) == ["3", "2"]
    assert cast.questioned.tolist() == [1, 2]
    left = {e["field"]: e["stations"] for e in cast.statistic["left_out"]}
    assert left == {"A": 0, "B": 0, "C": 1, "blank": 0, "null": 0}


def test_a_total_equal_to_the_sum_everywhere_is_void(tmp_path):
    found = evidence(tmp_path, {"official": COUNT})
    fact = facts("sheets.arithmetic", found)["valid"]
    assert fact.status == "void"
    assert fact.statistic["stations"] == 5
    assert fact.questioned is None


def test_a_one_sided_difference_has_a_small_p(tmp_path):
    count = {k: v * 4 for k, v in COUNT.items()} | {"station": [str(i) for i in range(20)]}
    count["declared_valid"] = [v - (i < 10) for i, v in enumerate(count["declared_valid"])]
    fact = facts("sheets.arithmetic", evidence(tmp_path, {"official": count}))["valid"]
    assert (fact.statistic["over"], fact.statistic["under"]) == (10, 0)
    assert fact.p_value == pytest.approx(2 / 2**10)


def test_unreadable_lines_and_missing_totals_are_apart(tmp_path):
    count = COUNT | {
        "A": ["?", 30, 10, 5, 20],
        "declared_cast": [90, None, 53, 24, 45],
    }
    fact = facts("sheets.arithmetic", evidence(tmp_path, {"official": count}))["cast"]
    assert fact.status == "void"
    assert (fact.statistic["unreadable"], fact.statistic["undeclared"]) == (1, 1)
    assert fact.statistic["stations"] == 3


def test_without_blank_and_null_votes_the_cast_cannot_be_summed(tmp_path):
    count = {k: v for k, v in COUNT.items() if k not in ("blank", "null")}
    by = facts("sheets.arithmetic", evidence(tmp_path, {"official": count}))
    assert by["cast"].status == "not-determinable"


def test_other_counts_that_state_totals_have_their_own_facts(tmp_path):
    other = {k: v for k, v in COUNT.items() if k != "declared_valid"}
    by = facts("sheets.arithmetic", evidence(tmp_path, {"official": COUNT, "early": other}))
    assert set(by) == {"cast", "valid", "early.cast"}
    assert by["early.cast"].statistic["differing"] == 2
    assert by["early.cast"].questioned is None
