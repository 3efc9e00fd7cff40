"""Sheets against the other sheets of their centre."""

import pytest

from tests.building import facts, stations
from tests.checks.centres import ordinary, read, write

CHECK = "sheets.sibling-outlier"


def test_honest_sheets_do_not_stand_out(tmp_path):
    by = facts(CHECK, read(tmp_path, ordinary()))
    assert {f.status for f in by.values()} == {"not-observed"}
    assert min(f.p_value for f in by.values() if f.p_value is not None) > 0.05
    assert by["A"].statistic["tested"] == 200


@pytest.mark.parametrize(("gains", "loses"), [("A", "C"), ("C", "A")])
def test_votes_moved_on_one_sheet_are_seen_on_both_sides_and_there_alone(tmp_path, gains, loses):
    count = ordinary()
    for row in (5, 6, 8, 9):
        write(count, row, A=60, B=60, C=30)
    write(count, 7, **({"A": 5, "C": 85} if gains == "C" else {"A": 90, "C": 0}))
    found = read(tmp_path, count)
    by = facts(CHECK, found)
    assert stations(found, by[gains]) == ["7"]
    assert by[gains].statistic["flagged_high"] == 1
    assert by[loses].statistic["flagged_low"] == 1
    assert by[""].statistic["stations"] == 1


def test_exchanged_lines_are_observed_and_explained(tmp_path):
    count = ordinary()
    for row in range(5, 10):
        write(count, row, A=110, B=20, C=20)
    write(count, 7, A=20, B=110)
    found = read(tmp_path, count)
    fact = facts(CHECK, found)["A"]
    assert stations(found, fact) == ["7"]
    assert (fact.statistic["one_slip"], fact.statistic["beyond_slip"]) == (1, 0)
    assert fact.p_value > 0.05


def test_two_sheets_alone_cannot_be_told_from_a_centre_of_unlike_sheets(tmp_path):
    count = ordinary(sheets=2)
    write(count, 6, A=110, B=20, C=20)
    write(count, 7, A=20, B=110, C=20)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert fact.statistic["flagged"] == 0
    assert fact.p_value > 0.05


def test_what_the_explanations_count(tmp_path):
    count = ordinary()
    for row in range(5, 10):
        write(count, row, A=110, B=20, C=20)
    write(count, 7, A=20, B=110)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    values = {e.id: e.values for e in fact.explanations if e.tested}
    assert values["wrong-siblings"] == {"few": 0, "flagged": 1}
    assert values["allocation"] == {"centres": 1, "several": 0}
    assert "a single slip of the pen would explain 1 of them" in fact.fact


def test_transposed_digits_are_explained(tmp_path):
    count = ordinary()
    for row in range(5, 10):
        write(count, row, A=19, B=70, C=61)
    write(count, 7, A=91)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert (fact.statistic["flagged"], fact.statistic["one_slip"]) == (1, 1)


def test_single_sheets_of_a_centre_are_not_compared(tmp_path):
    count = ordinary(sheets=1)
    fact = facts(CHECK, read(tmp_path, count))["A"]
    assert fact.status == "not-determinable"
    assert (fact.statistic["tested"], fact.statistic["not_compared"]) == (0, 40)


def test_small_options_are_named_as_not_tested(tmp_path):
    count = ordinary()
    count["C"] = [1] * 200
    found = read(tmp_path, count)
    object.__setattr__(
        found.case,
        "options",
        tuple(o.model_copy(update={"main": o.id != "C"}) for o in found.case.options),
    )
    by = facts(CHECK, found)
    assert set(by) == {"", "A", "B"}
    assert by[""].statistic["not_tested"] == ["C"]


def test_an_option_without_votes_is_void(tmp_path):
    count = ordinary()
    count["C"] = [0] * 200
    assert facts(CHECK, read(tmp_path, count))["C"].status == "void"
