"""The final margin as foreseen from before the cut, on counts made here."""

import pytest

from tests.building import facts
from tests.checks.test_trend import count


def test_a_count_whose_late_sheets_are_like_the_early_ones_of_their_places(tmp_path):
    fact = facts("trend.projection", count(tmp_path, sheets=1200))[""]
    said = fact.statistic
    assert fact.status == "not-observed"
    assert said["plain"]["low95"] < said["actual_points"] < said["plain"]["high95"]
    assert said["calibrated"]["sd"] >= said["plain"]["sd"] * 0.9
    assert said["counted"]["sheets"] + said["uncounted"]["sheets"] == 1200
    assert [c["share"] for c in said["cuts"]] == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert fact.questioned is None


def test_late_sheets_of_another_kind_are_observed(tmp_path):
    fact = facts("trend.projection", count(tmp_path, sheets=1200, within=0.15))[""]
    assert fact.status == "observed"
    assert fact.p_value < 0.05
    assert fact.statistic["rest"]["actual_points"] > fact.statistic["rest"]["mean_points"] + 10


def test_too_few_early_sheets_are_not_determinable(tmp_path):
    assert facts("trend.projection", count(tmp_path, sheets=120))[""].status == "not-determinable"


def test_groups_are_a_partition_of_the_uncounted(tmp_path):
    said = facts("trend.projection", count(tmp_path, sheets=1200))[""].statistic
    assert sum(g["sheets"] for g in said["groups"]) == said["uncounted"]["sheets"]
    total = sum(g["actual_points"] * g["valid"] for g in said["groups"])
    assert total / said["uncounted"]["valid"] == pytest.approx(
        said["rest"]["actual_points"], abs=1e-4
    )
