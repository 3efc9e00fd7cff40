"""Empty fields against written zeros, on sheets whose writers are known."""

import pytest

from tests.building import evidence, facts, stations
from tests.scans import put_rows

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


def scanned(folder, *sheets, states=None):
    """A count that keeps no empty fields apart, and scans that do: None is an empty field."""
    whole = [[v or 0 for v in row] for row in sheets]
    sources = {"official": {"blank_cell": "zero"}}
    found = evidence(folder, {"official": count(*whole)}, options=OPTIONS, sources=sources)
    tables = {"scans": [], "readings": []}
    for sid, row in enumerate(sheets):
        about = {"scan": sid, "sid": sid, "station": str(sid)}
        tables["scans"].append(about | {"status": "read"})
        for option, value in zip(OPTIONS, row, strict=True):
            state = "empty" if value is None else "number"
            field = {"scan": sid, "sid": sid, "field": option, "kind": "count", "altered": 0.0}
            field |= {"state": state, "value": value, "p": 0.999}
            tables["readings"].append(field | (states or {}).get((sid, option), {}))
    return facts("sheets.blank-not-zero", put_rows(found, tables))


def test_scans_tell_empty_from_zero_where_the_count_does_not(tmp_path):
    habit = [(90, 60, 0, None, 0)] * 6
    by = scanned(tmp_path, *habit, (90, None, 0, None, 0))
    assert set(by) == {"scans", "scans.A", "scans.B", "scans.C", "scans.D", "scans.E"}
    assert by["scans"].rows["sid"].tolist() == [6, 0, 1, 2, 3, 4, 5]
    assert by["scans"].rows["empty_options"].tolist() == ["B, D", *["D"] * 6]
    assert by["scans"].rows["written_zeros"].tolist() == [2] * 7
    s = by["scans"].statistic
    assert (s["stations"], s["with_empty"]) == (7, 7)
    assert {f["option"]: f["empty"] for f in s["fields"]}["D"] == 7


def test_on_scans_a_filled_out_field_and_one_in_doubt_are_neither_empty_nor_zero(tmp_path):
    states = {
        (0, "C"): {"state": "filler", "value": None},
        (1, "D"): {"p": 0.6},
        (2, "D"): {"state": "overwritten", "value": 0},
    }
    by = scanned(tmp_path, *[(90, 60, 0, None, 0)] * 3, states=states)
    fields = {f["option"]: (f["empty"], f["zero"]) for f in by["scans"].statistic["fields"]}
    assert fields["C"] == (0, 2)
    assert fields["D"] == (1, 0)


def test_what_scans_show_questions_the_official_sheets(tmp_path):
    at_stake = [(90, None, 0, 0, 0)] * 30 + [(5, 90, 0, 0, None)] * 30
    by = scanned(tmp_path, *at_stake)
    fact = by["scans.A"]
    assert (fact.status, fact.statistic["rival"]) == ("observed", "B")
    assert fact.questioned is not None
    assert len(fact.questioned) == 30


def test_who_won_a_sheet_does_not_hang_on_the_fields_that_could_be_read(tmp_path):
    # A won all sheets; on half of them its own number cannot be read.
    states = {(sid, "A"): {"state": "unreadable", "value": None, "p": 0.99} for sid in range(15)}
    by = scanned(tmp_path, *[(90, 60, 0, None, 0)] * 30, states=states)
    assert by["scans.A"].statistic["stations"] == 30
    assert by["scans.B"].statistic["stations"] == 0
