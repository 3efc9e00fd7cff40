"""Empty fields against written zeros, on sheets whose writers are known."""

import pytest

from tests.building import evidence, facts, stations

OPTIONS = ("A", "B", "C", "D", "E")


def count(*sheets):
    """Each sheet: votes of A to E, None where the field is left empty."""
    return {
        "station": [f"{i:03d}" for i in range(len(sheets))],
        **{o: [s[i] for s in sheets] for i, o in enumerate(OPTIONS)},
    }


def read(tmp_path, *sheets, **more):
    found = evidence(tmp_path, {"official": count(*sheets), **more}, options=OPTIONS)
    return found, facts("sheets.blank-not-zero", found)


ALIKE = [(90, 0, None, 0, 5), (90, None, 0, 0, 5), (90, 0, 0, None, 5)]
"""A won; one of B, C, D is empty, each in turn: the writer's habit, no one's field."""
OTHERS = [(0, 90, None, 0, 5), (None, 90, 0, 0, 5), (0, 90, 0, None, 5)]
RIVAL = [(90, None, 0, 0, 5)] * 8


def test_a_rivals_field_that_alone_is_empty(tmp_path):
    found, by = read(tmp_path, *RIVAL, *OTHERS * 4)
    fact = by["A"]
    assert fact.statistic["rival"] == "B"
    s = fact.statistic
    assert (s["telling"], s["observed"], s["expected"]) == (8, 8, pytest.approx(8 / 3))
    assert s["p"] == pytest.approx((1 / 3) ** 8)
    assert s["p_control"] is None, "B has votes on every other sheet: there is no second control"
    assert fact.status == "observed"
    assert fact.questioned.tolist() == list(range(8))
    assert stations(found, fact)[0] == "000"
    assert by["B"].status == "not-observed"


def test_empties_for_many_options_are_a_habit(tmp_path):
    _, by = read(tmp_path, *ALIKE * 10, *OTHERS * 10)
    assert by["A"].status == "not-observed"
    assert by["A"].statistic["observed"] == 10
    assert by["A"].statistic["expected"] == pytest.approx(10)
    assert by["A"].questioned is None


def test_a_line_that_is_empty_whoever_wins_is_not_laid_on_the_winner(tmp_path):
    """D's line is mostly left empty on sheets of A and of E alike; D is no rival of its own."""
    habit = [(90, 60, 0, None, 0)] * 10 + [(60, 90, 0, None, 0)] * 10
    _, by = read(tmp_path, *habit, (90, 60, None, 0, 0), (60, 90, None, 0, 0))
    line = {f["option"]: f for f in by["A"].statistic["fields"]}["D"]
    assert line["p"] < 0.001
    assert line["p_control"] > 0.4
    assert by["A"].status == "not-determinable", "B has votes on every sheet"


def test_both_controls_must_agree(tmp_path):
    """The rival B is empty where A won, and just as often where C won."""
    both = [(90, None, 5, 0, 0)] * 8 + [(5, None, 90, 0, 0)] * 8
    _, by = read(tmp_path, *both, (90, 0, 5, None, 0), (5, 0, 90, None, 0), (5, 300, 5, 5, 5))
    s = by["A"].statistic
    assert s["rival"] == "C" or s["p"] < 0.001
    line = {f["option"]: f for f in s["fields"]}["B"]
    assert line["p"] < 0.001
    assert line["p_control"] > 0.4


def test_without_empties_or_without_zeros_it_is_void(tmp_path):
    _, by = read(tmp_path / "a", (5, 0, 1, 1, 1), (1, 2, 0, 1, 1))
    assert {k: f.status for k, f in by.items()} == {"": "void"}
    _, by = read(tmp_path / "b", (5, None, 1, 1, 1), (1, 2, None, 1, 1))
    assert {k: f.status for k, f in by.items()} == {"": "void"}


def test_sheets_that_are_empty_throughout_tell_nothing(tmp_path):
    none = (None,) * 5
    _, by = read(tmp_path, (5, 0, 1, 1, 1), none, none)
    assert {k: f.status for k, f in by.items()} == {"": "void"}
    assert by[""].statistic["all_empty"] == 2


def test_what_is_empty_is_counted(tmp_path):
    _, by = read(tmp_path, *ALIKE, (None, None, None, None, None), (1, 2, "x", 3, 4))
    s = by[""].statistic
    assert (by[""].status, s["stations"], s["with_empty"], s["all_empty"]) == ("observed", 5, 4, 1)
    fields = {f["option"]: (f["empty"], f["zero"]) for f in s["fields"]}
    assert fields == {"A": (1, 0), "B": (2, 2), "C": (2, 2), "D": (2, 2), "E": (1, 0)}


def test_every_count_is_asked_and_zero_kept_counts_are_not(tmp_path):
    sources = {"early": {"blank_cell": "zero"}}
    found = evidence(
        tmp_path,
        {"official": count(*ALIKE), "early": count(*ALIKE), "late": count(*ALIKE)},
        options=OPTIONS,
        sources=sources,
    )
    by = facts("sheets.blank-not-zero", found)
    assert "late" in by
    assert "late.A" in by
    assert by["late.A"].questioned is None
    assert not any(k.startswith("early") for k in by)
