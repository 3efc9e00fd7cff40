"""Preliminary against official: small counts whose differences can be worked out by hand."""

import pytest

from tests.building import evidence, facts, stations

OFFICIAL = {
    "station": ["1", "2", "3", "4", "5", "6"],
    "region": ["N", "N", "N", "S", "S", "S"],
    "A": [50, 30, 10, 45, 60, 70],
    "B": [10, 20, 40, 15, 20, 30],
    "C": [0, 1, 2, 3, 4, 5],
    "blank": [1, 1, 1, 1, 1, 1],
    "null": [0, 0, 0, 0, 0, 0],
}
PRELIMINARY = {
    "station": ["1", "2", "3", "4", "5"],
    "A": [50, 20, 0, 54, 60],  # 2: lines A and B exchanged; 3: only zeros; 4: digits transposed
    "B": [10, 30, 0, 15, 20],
    "C": [0, 1, 0, 3, 4],
    "blank": [1, 1, 0, 1, 3],  # 5: blank alone
    "null": [0, 0, 0, 0, 0],
}


def compare(tmp_path, official=OFFICIAL, preliminary=PRELIMINARY, **keys):
    found = evidence(tmp_path, {"official": official, "early": preliminary}, **keys)
    return found, facts("reconcile.counts", found)["early"]


def test_every_cell_is_compared(tmp_path):
    found, fact = compare(tmp_path)
    assert fact.status == "observed"
    said = fact.statistic
    assert (said["common"], said["changed"], said["changed_votes"]) == (5, 4, 3)
    net = {
        r["option"]: (r["stations"], r["net"], r["gross"], r["up"], r["down"])
        for r in said["changed_by_option"]
    }
    assert net == {
        "A": (3, 11, 29, 2, 1),
        "B": (2, 30, 50, 1, 1),
        "C": (1, 2, 2, 1, 0),
        "blank": (2, -1, 3, 1, 1),
        "null": (0, 0, 0, 0, 0),
    }
    assert said["lead_votes"] == 11 - 30
    assert said["lead_points"] == pytest.approx(100 * -19 / 415, abs=1e-6)
    assert sorted(fact.questioned) == sorted(fact.rows["sid"])
    assert stations(found, fact)[:2] == ["3", "2"]  # |lead| 30, then 20


def test_the_lead_on_the_common_sheets_and_the_contest_as_published_first(tmp_path):
    _, fact = compare(tmp_path)
    official, early = (195 - 105) / 310, (184 - 75) / 267
    assert fact.statistic["lead_points_common"] == pytest.approx(100 * (official - early), abs=1e-6)
    stood = fact.statistic["as_preliminary"]
    margin = 100 * ((265 - 11) - (135 - 30)) / (415 - 43)
    assert stood["margin_points"] == pytest.approx(margin, abs=1e-6)
    assert (stood["winner"], stood["outcome_changes"]) == ("A", False)


def test_slips_and_sheets_of_zeros_are_told_apart(tmp_path):
    _, fact = compare(tmp_path)
    slips = {r["slip"]: r["stations"] for r in fact.statistic["slips"] if r["stations"]}
    assert slips == {"all-zero": 1, "neighbour-swap": 1, "transposed-digits": 1, "other": 1}
    zeros = fact.statistic["zeros"]
    assert (zeros["stations"], zeros["in_preliminary"], zeros["lead_votes"]) == (1, 1, -30)
    assert zeros["votes"] == {"A": 10, "B": 40, "C": 2, "blank": 1, "null": 0}
    assert (fact.statistic["one_line"], fact.statistic["same_total"]) == (2, 1)
    regions = {
        r["place"]: (r["stations"], r["changed"], r["lead_votes"])
        for r in fact.statistic["by_region"]
    }
    assert regions == {"N": (3, 2, 20 - 30 - 0), "S": (2, 2, -9)}


def test_one_direction_gives_a_small_p_value(tmp_path):
    many = [str(i) for i in range(40)]
    official = {"station": many, "A": [61] * 40, "B": [31] * 40, "C": [5] * 40}
    early = {"station": many, "A": [48] * 20 + [61] * 20, "B": [44] * 20 + [31] * 20, "C": [5] * 40}
    _, fact = compare(tmp_path, official, early)
    assert fact.p_value == pytest.approx(2 * 0.5**20)
    assert fact.statistic["lead"]["up"] == 20
    assert "rises on 20 sheets and falls on 0" in fact.fact


def test_one_option_that_always_rises_is_told_and_not_tested(tmp_path):
    """Lost digits are made good for all large options alike: the lead goes up and down."""
    many = [str(i) for i in range(60)]
    official = {"station": many, "A": [61] * 60, "B": [52] * 60, "C": [5] * 60}
    early = {
        "station": many,
        "A": [6] * 10 + [61] * 50,
        "B": [52] * 10 + [5] * 10 + [52] * 40,
        "C": [5] * 20 + [8] * 30 + [5] * 10,
    }
    _, fact = compare(tmp_path, official, early)
    said = {r["option"]: (r["up"], r["down"]) for r in fact.statistic["changed_by_option"]}
    assert (said["A"], said["B"], said["C"]) == ((10, 0), (10, 0), (0, 30))
    assert fact.statistic["lead"] == {"winner": "A", "runner_up": "B", "up": 10, "down": 10, "p": 1}
    assert fact.p_value == 1
    size = next(e for e in fact.explanations if e.id == "size")
    assert size.result.startswith("Of the 2 larger options, 2 rise on more sheets than they fall")
    assert "of the 1 smaller one, 1 fall" in size.result
    assert "Option C changes most one-sidedly: it rises on 0 sheets and falls on 30." in size.result


def test_equal_counts_are_not_observed(tmp_path):
    same = {k: v[:5] for k, v in OFFICIAL.items() if k != "region"}
    _, fact = compare(tmp_path, OFFICIAL, same)
    assert fact.status == "not-observed"
    assert fact.questioned is None


def test_one_file_read_twice_is_void(tmp_path):
    same = {k: v for k, v in OFFICIAL.items() if k != "region"}
    _, fact = compare(
        tmp_path, OFFICIAL, same, sources={"early": {"file": "official.csv", "ignore": ["*"]}}
    )
    assert fact.status == "void"


def test_zeros_alone_are_void(tmp_path):
    nothing = {"station": ["1", "2"], "A": [0, 0], "B": [0, 0], "C": [0, 0]}
    _, fact = compare(tmp_path, {**nothing, "station": ["1", "2"]}, nothing)
    assert fact.status == "void"


def test_no_common_sheet_is_not_determinable(tmp_path):
    other = {**PRELIMINARY, "station": ["91", "92", "93", "94", "95"]}
    _, fact = compare(tmp_path, OFFICIAL, other)
    assert fact.status == "not-determinable"


def test_a_cell_without_a_number_takes_no_part(tmp_path):
    early = {
        **PRELIMINARY,
        "A": [None, 30, 10, 45, 60],
        "B": [10, 20, 40, 15, 20],
        "C": [0, 1, 2, 3, 4],
        "blank": [1] * 5,
    }
    _, fact = compare(tmp_path, OFFICIAL, early)
    assert fact.status == "not-observed"
    assert fact.statistic["one_sided"] == 1
