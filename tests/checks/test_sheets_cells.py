"""Cells that hold no whole number, each of them known."""

from tests.building import evidence, facts, stations

COUNT = {
    "station": ["1", "2", "3", "4"],
    "registered": [100, 90, 80, "many"],
    "A": [50, -3, 10, 5],
    "B": [10, 20, "4.5", 15],
    "C": [0, "?", None, 3],
    "null": [1, 1, 1, 1],
}


def test_cells_by_field_and_state(tmp_path):
    found = evidence(tmp_path, {"official": COUNT})
    fact = facts("sheets.cells", found)["official"]
    assert fact.status == "observed"
    s = fact.statistic
    assert (s["stations"], s["cells"], s["sheets"], s["explained"]) == (4, 4, 3, 0)
    assert s["by_field"] == [
        {"field": "A", "state": "negative", "cells": 1, "sheets": 1},
        {"field": "B", "state": "fractional", "cells": 1, "sheets": 1},
        {"field": "C", "state": "word", "cells": 1, "sheets": 1},
        {"field": "registered", "state": "word", "cells": 1, "sheets": 1},
    ]
    assert (s["unreadable"], s["unreadable_valid"], s["unreadable_registered"]) == (2, 30, 170)
    assert fact.questioned.tolist() == [1, 2]
    assert stations(found, fact) == ["2", "2", "3", "4"]
    assert fact.rows["raw"].tolist() == ["-3", "other", "4.5", "other"]


def test_words_that_the_case_explains_are_apart(tmp_path):
    words = {"official": {"words": {"ILEGIBLE": "illegible", "?": "no-data"}}}
    count = COUNT | {"A": [50, "ILEGIBLE", 10, 5], "B": [10, 20, 4, 15], "registered": [100] * 4}
    fact = facts("sheets.cells", evidence(tmp_path, {"official": count}, sources=words))["official"]
    assert fact.status == "not-determinable"
    s = fact.statistic
    assert (s["cells"], s["explained"], s["explained_sheets"], s["unreadable"]) == (0, 2, 1, 1)
    assert {e["state"] for e in s["by_field"]} == {"illegible", "no-data"}


def test_whole_numbers_and_empty_cells_are_not_observed(tmp_path):
    count = COUNT | {
        "A": [50, 3, 10, 5],
        "B": [1, 2, 3, 4],
        "C": [0, 1, None, 2],
        "registered": [9] * 4,
    }
    by = facts("sheets.cells", evidence(tmp_path, {"official": count, "early": count}))
    assert {f.status for f in by.values()} == {"not-observed"}
    assert set(by) == {"official", "early"}
    assert by["official"].questioned is None


def test_only_votes_make_a_sheet_unreadable(tmp_path):
    count = COUNT | {"A": [5, 3, 1, 5], "B": [1, 2, 3, 4], "C": [0, 1, 1, 2]}
    fact = facts("sheets.cells", evidence(tmp_path, {"official": count}))["official"]
    assert fact.status == "observed"
    assert fact.statistic["unreadable"] == 0
    assert fact.questioned is None
