"""Cells that hold no whole number, each of them known."""

import numpy as np

from tests.building import evidence, facts, stations
from veedor.audit.run import context
from veedor.checks.base import registry
from veedor.engine.verbs import collect

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
    assert by["official"].fact == "Every filled cell of 4 sheets is a whole number."


def test_a_state_that_the_case_gives_no_word_for_is_not_explained(tmp_path):
    """A cell such as 1.000 may be a thousand or one: nothing in the case says which."""
    words = {"official": {"words": {"?": "no-data"}, "title": "The count"}}
    found = evidence(tmp_path, {"official": COUNT}, sources=words)
    check = registry()["sheets.cells"]
    measured = {name: collect(query) for name, query in check.measure(found).items()}
    cells = measured["cells"]
    states = np.where(cells["state"] == "negative", "separated", cells["state"]).astype(object)
    raw = np.where(cells["state"] == "negative", "1.000", cells["raw"]).astype(object)
    measured["cells"] = {**cells, "state": states, "raw": raw}
    (fact,) = check.assess(measured, context(found, "sheets.cells", 0))
    assert fact.status == "observed"
    assert fact.title == "Cells that are not whole numbers: The count"
    assert (fact.statistic["cells"], fact.statistic["explained"]) == (3, 1)
    assert "1.000" in fact.rows["raw"].tolist()
    assert "written with a separator" in fact.fact


def test_only_votes_make_a_sheet_unreadable(tmp_path):
    count = COUNT | {"A": [5, 3, 1, 5], "B": [1, 2, 3, 4], "C": [0, 1, 1, 2]}
    fact = facts("sheets.cells", evidence(tmp_path, {"official": count}))["official"]
    assert fact.status == "observed"
    assert fact.statistic["unreadable"] == 0
    assert fact.questioned is None
