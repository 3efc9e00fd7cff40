"""Sheets with no vote for a main contender."""

import pytest

from tests.building import facts, stations
from tests.checks.centres import ordinary, read, write

CHECK = "sheets.zero-votes"

COUNT = {
    "station": ["1", "2", "3", "4", "5"],
    "centre": ["p", "p", "q", "q", "q"],
    "A": [0, 20, 25, 0, 7],
    "B": [9, 0, 0, 0, 3],
    "C": [1, 0, 3, 0, 0],
}


def test_what_is_counted(tmp_path):
    found = read(tmp_path, COUNT)
    by = facts(CHECK, found)
    assert by[""].statistic["stations_without_valid"] == 1
    assert by[""].statistic["stations"] == 4
    assert by[""].statistic["options"][1] == {"option": "B", "stations": 2, "valid": 48}
    assert (by["A"].statistic["stations"], by["A"].statistic["valid"]) == (1, 10)
    assert by["A"].statistic["winners"] == {"A": 0, "B": 1, "C": 0}
    assert stations(found, by["A"]) == ["1"]
    assert (by["B"].statistic["siblings_zero"], by["B"].statistic["siblings_some"]) == (0, 2)


def test_options_that_are_no_main_contender_are_in_the_table_only(tmp_path):
    found = read(tmp_path, COUNT)
    object.__setattr__(
        found.case,
        "options",
        tuple(o.model_copy(update={"main": o.id != "C"}) for o in found.case.options),
    )
    by = facts(CHECK, found)
    assert set(by) == {"", "A", "B"}
    assert [row["option"] for row in by[""].statistic["options"]] == ["A", "B", "C"]


@pytest.mark.parametrize(("rival", "gains"), [("A", "B"), ("B", "A")])
def test_a_rival_struck_out_among_siblings_that_have_it(tmp_path, rival, gains):
    count = ordinary()
    for row in range(0, 50, 5):
        write(count, row, **{gains: count[gains][row] + count[rival][row], rival: 0})
    by = facts(CHECK, read(tmp_path, count))
    assert by[rival].statistic["stations"] == 10
    assert by[rival].p_value < 1e-6
    assert by[gains].status == "not-observed"
    assert by[gains].p_value == 1.0


def test_where_siblings_have_none_either_it_is_expected(tmp_path):
    count = ordinary()
    for row in range(20):
        write(count, row, B=count["B"][row] + count["A"][row], A=0)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert fact.statistic["siblings_zero"] == 20
    assert fact.p_value > 0.2
    values = {e.id: e.values for e in fact.explanations if e.tested}
    assert values["weak-there"] == {"with_siblings": 20, "weak": 20}


def test_an_option_without_any_vote_is_void(tmp_path):
    count = COUNT | {"C": [0] * 5}
    assert facts(CHECK, read(tmp_path, count))["C"].status == "void"


def test_no_valid_vote_at_all_is_not_determinable(tmp_path):
    count = {"station": ["1"], "A": [0], "B": [0], "C": [0]}
    assert facts(CHECK, read(tmp_path, count))[""].status == "not-determinable"
