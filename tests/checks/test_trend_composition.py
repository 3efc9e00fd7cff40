"""Late sheets and where they come from, on a count small enough to work out by hand."""

import pytest

from tests.building import evidence, facts

# Two centres with both kinds, one with early sheets only, one with late ones only.
OFFICIAL = {
    "station": [str(i) for i in range(1, 9)],
    "region": ["N", "N", "N", "N", "S", "S", "S", "S"],
    "municipality": ["M"] * 8,
    "centre": ["a", "a", "b", "b", "c", "c", "d", "d"],
    "A": [60, 70, 20, 30, 50, 50, 90, 90],
    "B": [40, 30, 80, 70, 50, 50, 10, 10],
    "C": [0] * 8,
}
EARLY = [0, 2, 4, 5]
SNAPSHOT = {k: [OFFICIAL[k][i] for i in EARLY] for k in ("station", "A", "B", "C")}


def found(tmp_path, official=OFFICIAL, snapshot=SNAPSHOT, **keys):
    return evidence(
        tmp_path,
        {"official": official, "early": snapshot},
        at={"early": "2020-01-31T20:00:00Z"},
        events={"stop": "2020-01-31T20:00:00Z"},
        **keys,
    )


def test_groups_and_prediction_by_hand(tmp_path):
    said = facts("trend.composition", found(tmp_path))[""].statistic
    groups = {g["group"]: (g["sheets"], g["margin_points"]) for g in said["groups"]}
    assert groups == {
        "early-only": (2, 0.0),
        "split-early": (2, -20.0),
        "split-late": (2, 0.0),
        "late-only": (2, 80.0),
    }
    assert said["gap_points"] == 40.0 - -10.0
    centre = said["grains"][-1]
    assert centre["grain"] == "centre"
    # a: early margin 20, late 40; b: early -60, late -40: 20 points more in both.
    assert centre["unexplained_points"] == pytest.approx(20.0)
    assert centre["votes"] == 40.0
    assert centre["national_points"] == pytest.approx(5.0)
    assert centre["overlap_late"] == 0.5


def test_every_level_is_shown_and_coarse_ones_leave_more(tmp_path):
    said = facts("trend.composition", found(tmp_path))[""].statistic
    assert [g["grain"] for g in said["grains"]] == ["region", "municipality", "centre"]
    assert said["grains"][1]["unexplained_points"] == said["gap_points"]


def test_what_the_rest_had_to_give(tmp_path):
    """Plurality: A has 460 of 800 against 340; at the snapshot A had 180 of 400 against 220."""
    said = facts("trend.composition", found(tmp_path))[""].statistic
    assert said["needed"]["published_points"] == -10.0
    assert said["needed"]["remainder_valid"] == 400
    # With the rule's lead of nothing, 40 votes of lead in 400 were needed; the rest gave 160.
    assert said["needed"]["needed_points"] == 10.0
    assert said["needed"]["actual_points"] == 40.0


def test_without_a_centre_of_both_kinds_it_is_not_determinable(tmp_path):
    snapshot = {k: [OFFICIAL[k][i] for i in (4, 5)] for k in ("station", "A", "B", "C")}
    fact = facts("trend.composition", found(tmp_path, snapshot=snapshot))[""]
    assert fact.status == "not-determinable"
    assert fact.p_value is None


def test_two_centres_that_agree_to_the_last_digit_prove_nothing(tmp_path):
    fact = facts("trend.composition", found(tmp_path))[""]
    assert fact.statistic["grains"][-1]["p_value"] is None
    assert (fact.status, fact.p_value, fact.interval) == ("not-determinable", None, None)


def test_a_run_off_has_no_lead_that_the_rest_had_to_give(tmp_path):
    """A has 43 %, B 32 % and C 25 %: the run-off rests on B being ahead of C, not on A's lead."""
    keys = {"rule": {"kind": "majority-runoff"}}
    thirds = {**OFFICIAL, "C": [150, 0, 0, 0, 0, 0, 0, 120]}
    said = facts("trend.composition", found(tmp_path, official=thirds, **keys))[""]
    assert said.statistic["needed"] is None
    assert said.statistic["late_only"]["needed_points"] is None
    assert "slack" not in said.fact


def test_it_questions_no_sheet_and_says_so_of_lone_ones(tmp_path):
    fact = facts("trend.composition", found(tmp_path))[""]
    assert fact.questioned is None
    assert "2 late sheets lie in centres without an early one" in fact.fact
    assert fact.statistic["late_only"]["sheets"] == 2
