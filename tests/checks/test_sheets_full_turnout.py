"""Turnout of exactly 100 %, given the size of the station."""

import numpy as np

from tests.building import facts, stations
from tests.checks.centres import ordinary, read, total, write

CHECK = "sheets.full-turnout"

COUNT = {
    "station": ["1", "2", "3", "4", "5", "6"],
    "registered": [10, 20, 200, 200, None, 100],
    "A": [10, 9, 190, 199, 5, 110],
    "B": [0, 9, 4, 0, 0, 0],
    "C": [0, 0, 0, 0, 0, 0],
    "blank": [0, 0, 2, 0, 0, 0],
    "null": [0, 0, 4, 0, 0, 0],
}


def test_what_is_counted(tmp_path):
    found = read(tmp_path, COUNT)
    fact = facts(CHECK, found)[""]
    s = fact.statistic
    assert (s["stations"], s["valid"], s["median_registered"]) == (2, 204, 105.0)
    assert s["at_least_99"] == 3
    assert s["votes"] == {"A": 200, "B": 4, "C": 0}
    assert s["unanimous"] == 1
    assert [(r["at_least"], r["below"], r["stations"], r["full"]) for r in s["by_size"]] == [
        (0, 25, 2, 1),
        (100, 200, 1, 0),
        (200, 400, 2, 1),
    ]
    assert sorted(stations(found, fact)) == ["1", "3"]


def test_small_stations_of_a_place_where_all_come_are_expected_to_be_full(tmp_path):
    count = ordinary()
    rng = np.random.default_rng(0)
    for row in range(100, 200):
        n = int(rng.integers(6, 20))
        write(count, row, registered=n, A=n - (row % 4 == 0), B=0, C=0, blank=0, null=0)
    fact = facts(CHECK, read(tmp_path, count))[""]
    assert fact.statistic["stations"] == 75
    assert fact.p_value > 0.1


def test_large_full_stations_among_siblings_that_are_not(tmp_path):
    count = ordinary()
    for row in range(0, 40, 5):
        spare = 200 - total(count, row) - count["blank"][row] - count["null"][row]
        write(count, row, A=count["A"][row] + spare)
    fact = facts(CHECK, read(tmp_path, count))[""]
    assert fact.statistic["stations"] == 8
    assert fact.p_value < 1e-6
    assert fact.interval.high < 3
    values = {e.id: e.values for e in fact.explanations if e.tested}
    assert values["high-turnout-there"] == {"with_siblings": 8, "high": 0}


def test_none_is_not_observed(tmp_path):
    fact = facts(CHECK, read(tmp_path, ordinary()))[""]
    assert (fact.status, fact.p_value) == ("not-observed", 1.0)


def test_registered_copied_from_the_votes_is_void(tmp_path):
    count = COUNT | {"registered": [10, 18, 200, 199, 5, 110]}
    assert facts(CHECK, read(tmp_path, count))[""].status == "void"


def test_nothing_cast_is_not_determinable(tmp_path):
    count = {"station": ["1"], "registered": [10], "A": [0], "B": [0], "C": [0]}
    assert facts(CHECK, read(tmp_path, count))[""].status == "not-determinable"


def test_blank_and_null_votes_that_may_be_absentees_are_counted(tmp_path):
    count = ordinary()
    for row in range(0, 40, 5):
        spare = 200 - total(count, row) - count["blank"][row] - count["null"][row]
        if row < 20:
            write(count, row, null=count["null"][row] + spare)
        else:
            write(count, row, A=count["A"][row] + spare, blank=0, null=0)
            write(count, row, A=count["A"][row] + 200 - total(count, row))
    fact = facts(CHECK, read(tmp_path, count))[""]
    values = {e.id: e.values for e in fact.explanations if e.tested}["absent-as-invalid"]
    assert (values["with_rate"], values["stop"], values["large_from"]) == (8, 4, 200)
    assert values["points"] > 2 * values["points_others"]
    assert 100 < values["ballots"] < 240
    assert fact.fact.startswith("At 8 stations, with ")


def test_without_blank_and_null_votes_the_explanation_is_not_tested(tmp_path):
    count = ordinary()
    del count["blank"], count["null"]
    write(count, 3, A=count["A"][3] + 200 - total(count, 3))
    fact = facts(CHECK, read(tmp_path, count))[""]
    assert "absent-as-invalid" not in {e.id for e in fact.explanations if e.tested}
