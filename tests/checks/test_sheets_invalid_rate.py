"""Unusual shares of blank and of null votes."""

import pytest

from tests.building import facts, stations
from tests.checks.centres import ordinary, read, write

CHECK = "sheets.invalid-rate"


@pytest.mark.parametrize("what", ["blank", "null"])
def test_a_sheet_far_above_its_siblings(tmp_path, what):
    count = ordinary()
    write(count, 7, **{what: 80})
    found = read(tmp_path, count)
    by = facts(CHECK, found)
    fact, other = by[what], by["null" if what == "blank" else "blank"]
    assert stations(found, fact) == ["7"]
    s = fact.statistic
    assert (s["stations"], s["flagged_high"], s["flagged_low"]) == (1, 1, 0)
    assert s["above_30"] == 1
    assert s["tested"] == 200
    assert 70 < s["excess"] < 80
    assert fact.rows["p_adjusted"][0] < 1e-3
    assert fact.p_value == 1 / 201
    assert other.status == "not-observed"
    assert other.p_value > 0.05


def test_exchanged_blank_and_null_would_be_in_line(tmp_path):
    count = ordinary()
    for row in range(200):
        write(count, row, blank=1, null=40)
    write(count, 7, blank=40, null=1)
    by = facts(CHECK, read(tmp_path, count))
    values = {e.id: e.values for e in by["blank"].explanations if e.tested}
    assert values["exchanged-lines"] == {"exchanged": 1, "stations": 1}
    assert by["null"].statistic["flagged_low"] == 1


def test_places_that_differ_are_not_flagged(tmp_path):
    count = ordinary()
    for row in range(100):
        write(count, row, null=count["null"][row] + 40)
    fact = facts(CHECK, read(tmp_path, count))["null"]
    assert fact.statistic["stations"] == 0


def test_a_field_that_is_not_there_or_always_zero(tmp_path):
    count = ordinary()
    del count["blank"]
    count["null"] = [0] * 200
    by = facts(CHECK, read(tmp_path, count))
    assert by["blank"].status == "not-applicable"
    assert by["null"].status == "void"


def test_one_sheet_has_nothing_to_be_compared_with(tmp_path):
    count = {"station": ["1"], "A": [5], "B": [3], "C": [0], "blank": [2], "null": [1]}
    assert facts(CHECK, read(tmp_path, count))["null"].status == "not-determinable"
