"""Official sheets against copies: agreement, and which sheets the copy covers."""

import pytest
from scipy import stats

from tests.building import evidence, facts, stations

OFFICIAL = {
    "station": ["1", "2", "3", "4"],
    "region": ["N", "N", "S", "S"],
    "A": [50, 30, 10, 40],
    "B": [10, 20, 40, 10],
    "C": [0, 0, 0, 0],
}
COPY = {"station": ["1", "2", "3"], "A": [50, 30, 12], "B": [10, 20, 38], "C": [0, 0, 0]}


def compare(tmp_path, official=OFFICIAL, copy=COPY):
    found = evidence(tmp_path, {"official": official, "copy": copy}, roles={"copy": "copy"})
    return found, facts("reconcile.copies", found)["copy"]


def test_differences_and_agreement(tmp_path):
    found, fact = compare(tmp_path)
    said = fact.statistic
    assert fact.status == "observed"
    assert stations(found, fact) == ["3"]
    assert (said["common"], said["agreed"], said["changed"]) == (3, 2, 1)
    assert said["lead_votes"] == -4
    expected = stats.binomtest(2, 3).proportion_ci(0.95, "exact")
    assert fact.interval.low == pytest.approx(100 * expected.low, abs=1e-5)
    assert fact.interval.high == pytest.approx(100 * expected.high, abs=1e-5)
    assert fact.p_value == 1  # the lead differs on one sheet
    assert "larger on 0 sheets and smaller on 1" in fact.fact


def test_which_sheets_are_covered(tmp_path):
    _, fact = compare(tmp_path)
    said = fact.statistic
    assert said["coverage_points"] == 75
    assert said["coverage_valid_points"] == pytest.approx(100 * 160 / 210)
    assert said["margin_covered"] == pytest.approx(100 * 20 / 160)
    assert said["margin_uncovered"] == pytest.approx(100 * 30 / 50)
    assert said["coverage_by_region"] == [
        {"place": "N", "stations": 2, "covered": 2, "covered_points": 100.0},
        {"place": "S", "stations": 2, "covered": 1, "covered_points": 50.0},
    ]
    assert said["shares"][0] == {"option": "A", "covered_points": 56.25, "uncovered_points": 80.0}


def test_full_agreement_is_not_observed(tmp_path):
    _, fact = compare(tmp_path, copy={k: v[:3] for k, v in OFFICIAL.items() if k != "region"})
    assert fact.status == "not-observed"
    assert fact.questioned is None


def test_a_copy_of_nothing_is_not_determinable(tmp_path):
    empty = {"station": ["1", "2"], "A": [None, None], "B": [None, None], "C": [None, None]}
    _, fact = compare(tmp_path, copy=empty)
    assert fact.status == "not-determinable"
