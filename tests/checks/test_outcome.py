"""The outcome and what it rests on, from small counts whose answer can be worked out by hand."""

from tests.building import evidence, facts, stations

COUNT = {
    "station": ["1", "2", "3", "4"],
    "registered": [100, 100, 100, 100],
    "A": [50, 30, 10, 5],
    "B": [10, 20, 40, 15],
    "C": [0, 1, 2, 3],
    "blank": [1, 1, 1, 1],
    "null": [0, 0, 0, 0],
}


def test_totals_and_winner(tmp_path):
    found = evidence(tmp_path, {"official": COUNT})
    fact = facts("outcome.result", found)[""]
    assert fact.status == "not-determinable"
    assert fact.statistic["votes"] == {"A": 95, "B": 85, "C": 6}
    assert fact.statistic["winner"] == "A"
    assert fact.statistic["cast"] == 190
    assert fact.statistic["turnout_points"] == 47.5


def test_announced_totals_that_differ_are_observed(tmp_path):
    announced = [{"count": "official", "totals": {"A": 95, "B": 84, "valid": 186}, "source": "x"}]
    found = evidence(tmp_path, {"official": COUNT}, announced=announced)
    fact = facts("outcome.result", found)[""]
    assert fact.status == "observed"
    assert fact.statistic["differences"] == [
        {"what": "B", "announced": 84, "sheets": 85, "difference": 1}
    ]


def test_slack_and_fewest_sheets(tmp_path):
    found = evidence(tmp_path, {"official": COUNT})
    fact = facts("outcome.slack", found)[""]
    assert fact.statistic["slack_votes"] == 10
    assert fact.statistic["fewest_sheets"] == 1
    assert stations(found, fact) == ["1"]


def test_a_list_counts_each_station_once_and_names_what_it_lacks(tmp_path):
    found = evidence(
        tmp_path,
        {"official": COUNT},
        lists={"one": ["1", "9", "1"], "two": ["1", "2"]},
        unions=[{"id": "both", "title": "Both", "lists": ["one", "two"]}],
    )
    by = facts("outcome.slack", found)
    assert by["one"].statistic["stations"] == 1
    assert by["one"].statistic["unmatched_codes"] == ["9"]
    assert by["both"].statistic["stations"] == 2
    assert by["both"].statistic["votes"] == {"A": 80, "B": 30, "C": 1}
