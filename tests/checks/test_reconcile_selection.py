"""Sheets that the other count lacks: how they differ, and how much of it is their centres."""

import pytest

from tests.building import evidence, facts, stations

# Centre X: a common and a missing sheet; Y: a common sheet; Z: a missing sheet alone.
OFFICIAL = {
    "station": ["1", "2", "3", "4"],
    "region": ["N", "N", "S", "S"],
    "municipality": ["M", "M", "M", "M"],
    "centre": ["X", "X", "Y", "Z"],
    "registered": [120, 120, 120, 120],
    "A": [60, 70, 20, 90],
    "B": [40, 30, 80, 10],
    "C": [0, 0, 0, 0],
    "reason": ["", "ILLEGIBLE", "", "ILLEGIBLE"],
}
EARLY = {"station": ["1", "3", "9"], "A": [60, 20, 5], "B": [40, 80, 6], "C": [0, 0, 0]}


def select(tmp_path, other=EARLY, **keys):
    found = evidence(tmp_path, {"official": OFFICIAL, "early": other}, **keys)
    return found, facts("reconcile.selection", found)["early"]


def test_both_sides_and_their_margins(tmp_path):
    found, fact = select(tmp_path)
    said = fact.statistic
    assert fact.status == "observed"
    assert fact.questioned is None
    assert stations(found, fact) == ["2", "4"]
    assert said["common"] == {
        "stations": 2,
        "registered": 240,
        "valid": 200,
        "votes": {"A": 80, "B": 120, "C": 0},
        "margin_points": -20.0,
    }
    assert said["only_official"]["margin_points"] == 60.0
    assert said["only_other"] == {"stations": 1, "valid": 11, "votes": {"A": 5, "B": 6, "C": 0}}
    assert said["gap_points"] == 80.0


def test_the_gap_is_standardised_to_the_same_centre(tmp_path):
    _, fact = select(tmp_path)
    shared, absent = fact.statistic["shared_centres"], fact.statistic["absent_centres"]
    assert (shared["stations"], shared["margin_points"]) == (1, 40.0)
    assert shared["expected_points"] == pytest.approx(20.0)  # X's common sheet: 60 to 40
    assert shared["within_points"] == pytest.approx(20.0)
    assert shared["low"] is None  # one centre
    assert absent == {
        "stations": 1,
        "valid": 100,
        "margin_points": 80.0,
        "gap_points": 100.0,  # 80 less the common -20
        "part_points": 50.0,  # half of the missing votes
        "centres": 1,
    }
    assert (shared["gap_points"], shared["part_points"]) == (60.0, 30.0)
    assert shared["part_points"] + absent["part_points"] == fact.statistic["gap_points"]


def test_what_remains_within_centres_is_set_against_its_own_part_of_the_gap(tmp_path):
    _, fact = select(tmp_path)
    place = next(e for e in fact.explanations if e.id == "place")
    assert place.result == (
        "The missing sheets in centres that also have common ones (1) differ from all common sheets"
        " by 60.00 points, of which 20.00 points (no interval from so few centres) remain within"
        " the centres, beyond what their own common sheets predict; those in centres without any"
        " common one (1) differ by 100.00 points, and 50.00 points (62 %) of the whole gap of 80.00"
        " points cannot be tested this way."
    )


def test_groups_and_reasons(tmp_path):
    _, fact = select(
        tmp_path,
        place_class={"station": ["1", "2", "3"], "place_class": ["urban", "rural", "urban"]},
    )
    regions = {
        r["place"]: (r["stations"], r["only_official"], r["margin_common"], r["margin_only"])
        for r in fact.statistic["by_region"]
    }
    assert regions == {"N": (2, 1, 20.0, 40.0), "S": (2, 1, -60.0, 80.0)}
    classes = {r["place_class"]: r["only_official"] for r in fact.statistic["by_class"]}
    assert classes == {"urban": 0, "rural": 1, None: 1}
    assert fact.statistic["reasons"] == [
        {"reason": "ILLEGIBLE", "count": "official", "stations": 2, "only_official": 2}
    ]
    held = next(e for e in fact.explanations if e.id == "held-back")
    assert held.result.startswith("2 of the 2 missing sheets carry a remark")
    assert "many observations" in fact.fact


def test_without_remarks_nothing_is_said_of_them(tmp_path):
    silent = {k: v for k, v in OFFICIAL.items() if k != "reason"}
    found = evidence(tmp_path, {"official": silent, "early": EARLY})
    fact = facts("reconcile.selection", found)["early"]
    assert "observations" not in fact.fact
    held = next(e for e in fact.explanations if e.id == "held-back")
    assert not held.tested


def test_remarks_on_common_sheets_alone_keep_nothing_back(tmp_path):
    noted = {**OFFICIAL, "reason": ["ILLEGIBLE", "", "", ""]}
    found = evidence(tmp_path, {"official": noted, "early": EARLY})
    fact = facts("reconcile.selection", found)["early"]
    assert "observations" not in fact.fact
    held = next(e for e in fact.explanations if e.id == "held-back")
    assert held.result.startswith("0 of the 2 missing sheets carry a remark")


def test_the_same_sheets_are_not_observed(tmp_path):
    same = {k: OFFICIAL[k] for k in ("station", "A", "B", "C")}
    _, fact = select(tmp_path, same)
    assert fact.status == "not-observed"
    assert fact.statistic["gap_points"] is None


def test_a_count_without_sheets_is_not_determinable(tmp_path):
    _, fact = select(tmp_path, {"station": ["1"], "A": [None], "B": [None], "C": [None]})
    assert fact.status == "not-determinable"
