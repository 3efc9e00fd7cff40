"""Votes beyond the list, on sheets whose excess is known."""

from tests.building import evidence, facts, stations

COUNT = {
    "station": ["1", "2", "3", "4"],
    "registered": [60, 60, 0, 40],
    "A": [50, 30, 3, 5],
    "B": [10, 40, 0, 15],
    "C": [0, 1, 0, 3],
    "blank": [3, 1, 0, 1],
    "null": [0, 0, 0, 16],
}
"""Station 1 is 3 over, station 2 is 12 over, 3 has no list, 4 is exactly full."""


def test_stations_and_votes_beyond_the_list(tmp_path):
    found = evidence(tmp_path, {"official": COUNT})
    fact = facts("sheets.over-registered", found)[""]
    assert fact.status == "observed"
    s = fact.statistic
    assert (s["stations"], s["excess"], s["largest"], s["exactly"]) == (3, 18, 12, 1)
    assert (s["no_list"], s["no_list_votes"]) == (1, 3)
    assert stations(found, fact) == ["2", "1", "3"]
    assert fact.questioned.tolist() == [0, 1, 2]
    won = {e["option"]: (e["stations"], e["excess"]) for e in s["by_winner"]}
    assert won == {"A": (2, 6), "B": (1, 12), "C": (0, 0), None: (0, 0)}
    assert [(e["from"], e["stations"]) for e in s["sizes"] if e["stations"]] == [(0, 1), (50, 2)]


def test_within_the_lists_nothing_is_observed(tmp_path):
    count = COUNT | {"registered": [63, 80, 3, 40]}
    fact = facts("sheets.over-registered", evidence(tmp_path, {"official": count}))[""]
    assert fact.status == "not-observed"
    assert fact.statistic["exactly"] == 3
    assert fact.questioned is None


def test_a_list_made_from_the_votes_is_void(tmp_path):
    count = COUNT | {"registered": [63, 72, 3, 40]}
    assert facts("sheets.over-registered", evidence(tmp_path, {"official": count}))[""].status == (
        "void"
    )


def test_no_list_at_all_cannot_be_determined(tmp_path):
    count = COUNT | {"registered": [None, None, None, None]}
    fact = facts("sheets.over-registered", evidence(tmp_path, {"official": count}))[""]
    assert fact.status == "not-determinable"
    assert fact.statistic["unknown"] == 4


def test_the_register_of_another_count_is_tried(tmp_path):
    other = COUNT | {"registered": [70, 70, 0, 40]}
    fact = facts(
        "sheets.over-registered",
        evidence(tmp_path, {"official": COUNT, "early": other}, extra_voters=True),
    )[""]
    by = {e.id: e for e in fact.explanations}
    assert by["register-changes"].values == {"stations": 3, "explained": 1}
    assert by["extra-voters"].values == {"law": True, "stations": 3, "few": 2, "tenth": 1}


def test_the_stated_total_has_its_own_fact(tmp_path):
    count = COUNT | {"declared_cast": [60, 61, 0, 40]}
    fact = facts("sheets.over-registered", evidence(tmp_path, {"official": count}))["declared"]
    assert (fact.status, fact.statistic["stations"], fact.statistic["excess"]) == ("observed", 1, 1)


def test_sheets_not_counted_are_left_out(tmp_path):
    count = COUNT | {"state": ["in", "out", "in", "in"], "registered": [63, 60, 9, 50]}
    source = {"official": {"counted": {"column": "state", "values": ["in"]}}}
    fact = facts("sheets.over-registered", evidence(tmp_path, {"official": count}, sources=source))
    assert fact[""].status == "not-observed"
    assert fact[""].statistic["compared"] == 3
