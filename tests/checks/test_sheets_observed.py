"""Remarks on sheets: how many, which, and whether by who won within a place."""

import numpy as np
import pytest

from tests.building import evidence, facts, stations


def sheets(number, mark_a, mark_b, centres=10):
    """Half of each centre's sheets won by A, half by B; shares of them with a remark."""
    rng = np.random.default_rng(4)
    won = np.arange(number) % 2 == 0
    remark = rng.random(number) < np.where(won, mark_a, mark_b)
    return {
        "station": [f"{i:04d}" for i in range(number)],
        "region": [f"R{i % 2}" for i in (np.arange(number) // 2) % centres],
        "centre": [f"C{i}" for i in (np.arange(number) // 2) % centres],
        "A": np.where(won, 60, 40).tolist(),
        "B": np.where(won, 40, 60).tolist(),
        "C": [5] * number,
        "reason": ["ILLEGIBLE" if r else "-" for r in remark],
    }


def test_remarks_are_counted_and_rare_words_are_not_repeated(tmp_path):
    count = sheets(20, 0, 0)
    count["reason"] = ["ERASED"] * 6 + ["signed by Ana Pérez"] + ["-"] * 13
    found = evidence(tmp_path, {"official": count})
    fact = facts("sheets.observed", found)["official"]
    assert fact.status == "observed"
    assert fact.statistic["remarked"] == 7
    assert fact.statistic["share"] == 35.0
    assert fact.statistic["reasons"] == [
        {"reason": "ERASED", "stations": 6, "valid": 630},
        {"reason": "other", "stations": 1, "valid": 105},
    ]
    assert set(fact.rows["reason"]) == {"ERASED", "other"}
    assert stations(found, fact)[0] == "0000"
    assert len(fact.questioned) == 7


def test_remarks_by_who_won_within_places(tmp_path):
    fact = facts("sheets.observed", evidence(tmp_path, {"official": sheets(800, 0.3, 0.1)}))
    fact = fact["official"]
    by = {w["option"]: w for w in fact.statistic["by_winner"]}
    assert by["A"]["share"] > 2 * by["B"]["share"]
    assert by["A"]["grains"][-1]["level"] == "centre"
    assert by["A"]["grains"][-1]["odds_ratio"] > 2
    assert "p =" not in fact.fact
    place = next(e for e in fact.explanations if e.id == "place")
    assert place.result.startswith("The odds ratio")
    assert place.result.endswith(" within the smallest places.")
    assert fact.p_value < 1e-3
    assert by["C"]["p"] is None


def test_what_follows_the_place_is_not_laid_on_the_winner(tmp_path):
    """All of A's places have remarks and none of B's: nothing varies within a place."""
    count = sheets(80, 0, 0, centres=8)
    rural = [c in ("C0", "C1", "C2", "C3") for c in count["centre"]]
    count["A"] = [60 if r else 40 for r in rural]
    count["B"] = [40 if r else 60 for r in rural]
    count["reason"] = ["FAR" if r and i % 3 else "-" for i, r in enumerate(rural)]
    fact = facts("sheets.observed", evidence(tmp_path, {"official": count}))["official"]
    assert fact.status == "observed"
    assert fact.p_value is None
    by = {w["option"]: w for w in fact.statistic["by_winner"]}
    assert by["A"]["grains"][0]["p"] < 0.01


def test_independent_remarks_raise_few_alarms(tmp_path):
    fact = facts("sheets.observed", evidence(tmp_path, {"official": sheets(800, 0.2, 0.2)}))
    assert fact["official"].p_value > 0.05


@pytest.mark.parametrize("word", ["-", "SEEN"])
def test_the_same_field_everywhere_is_void(tmp_path, word):
    count = sheets(10, 0, 0) | {"reason": [word] * 10}
    fact = facts("sheets.observed", evidence(tmp_path, {"official": count}))["official"]
    assert fact.status == "void"
    assert fact.questioned is None


def test_sheets_left_out_by_the_authority(tmp_path):
    count = sheets(20, 0, 0) | {"state": ["out"] * 4 + ["in"] * 16}
    count["reason"] = ["TORN"] * 3 + ["-"] * 17
    source = {"official": {"counted": {"column": "state", "values": ["in"]}}}
    fact = facts("sheets.observed", evidence(tmp_path, {"official": count}, sources=source))
    s = fact["official"].statistic
    assert (s["not_counted"], s["not_counted_remarked"], s["not_counted_valid"]) == (4, 3, 420)
    tested = {e.id: e.values for e in fact["official"].explanations if e.tested}
    assert tested["selection"] == {"share": 75.0}


def test_a_count_other_than_the_official_one(tmp_path):
    plain = {k: v for k, v in sheets(40, 0, 0).items() if k != "reason"}
    early = sheets(40, 0.5, 0.5)
    by = facts("sheets.observed", evidence(tmp_path, {"official": plain, "early": early}))
    assert set(by) == {"early"}
    assert by["early"].status == "observed"
    assert by["early"].questioned is None
    assert {e["place"] for e in by["early"].statistic["by_region"]} == {"R0", "R1"}
