"""Which stations each source has, on a handful whose differences are known."""

from tests.building import evidence, facts, stations

COUNT = {
    "station": ["1", "2", "3", "4"],
    "registered": [100, 100, 0, None],
    "A": [50, 30, 10, 5],
    "B": [10, 20, 40, 15],
    "C": [0, 1, 2, 3],
}


def other(**change):
    return {k: list(v) for k, v in COUNT.items()} | change


def test_one_universe(tmp_path):
    by = facts("sheets.universe", evidence(tmp_path, {"official": COUNT, "copy": COUNT}))
    assert {k: f.status for k, f in by.items()} == {"": "not-observed", "copy": "not-observed"}
    assert by[""].statistic["stations"] == 4
    assert (by[""].statistic["registered_zero"], by[""].statistic["registered_unknown"]) == (1, 1)
    assert by["copy"].statistic["common"] == 4
    assert by["copy"].statistic["registered_compared"] == 3


def test_two_files_that_disagree_are_plain_to_see(tmp_path):
    early = other(station=["1", "2", "3", "9"], registered=[100, 90, 0, 5])
    named = {"early": {"title": "the fast count"}}
    found = evidence(tmp_path, {"official": COUNT, "early": early}, sources=named)
    by = facts("sheets.universe", found)
    fact = by["early"]
    results = [e.result for e in fact.explanations if e.tested]
    assert results
    assert all(not r[0].islower() and r.endswith(".") for r in results)
    assert fact.status == "observed"
    assert fact.title == "The stations of the fast count against the official count"
    assert fact.fact.startswith(
        "The count has 3 of the official stations; 1 (25.00 %) are not in it, with 23 official"
        " votes, and 1 of its stations are not in the official count."
    )
    s = fact.statistic
    assert (s["missing"], s["missing_valid"], s["extra"], s["extra_valid"]) == (1, 23, 1, 23)
    assert (s["registered_differ"], s["registered_net"], s["registered_gross"]) == (1, 10, 10)
    assert stations(found, fact) == ["2", "9", "4"]
    assert fact.rows["what"].tolist() == [
        "registered differs",
        "not in the official count",
        "not in this count",
    ]
    assert by[""].status == "observed"
    assert by[""].statistic["counts_only"] == 1


def test_a_preliminary_count_may_lack_stations_and_a_copy_may_not(tmp_path):
    part = {k: v[:3] for k, v in COUNT.items()}
    found = evidence(
        tmp_path, {"official": COUNT, "early": part, "copy": part}, roles={"copy": "copy"}
    )
    by = facts("sheets.universe", found)
    assert by["early"].status == "not-observed"
    assert by["copy"].status == "observed"
    assert by["early"].statistic["missing_share"] == 25.0
    assert by["early"].statistic["missing_valid"] == 23


def test_rows_set_aside_with_the_votes_at_stake(tmp_path):
    count = other(
        station=["1", "1", "2", "2", None, "4"],
        registered=[9] * 6,
        A=[5, 5, 7, 2, 1, 6],
        B=[0] * 6,
        C=[0] * 6,
    )
    fact = facts("sheets.universe", evidence(tmp_path, {"official": count}))[""]
    assert fact.status == "observed"
    assert fact.statistic["set_aside"] == [
        {"why": "no-code", "rows": 1, "stations": 1, "least": 1, "most": 1},
        {"why": "repeated", "rows": 1, "stations": 1, "least": 5, "most": 5},
        {"why": "conflicting", "rows": 2, "stations": 1, "least": 2, "most": 7},
    ]
    assert fact.statistic["stations"] == 2
    assert (
        "set aside are 1 row without a code (1 valid vote), 1 row repeated (5 valid votes), 2 rows"
        " conflicting (2 to 7 valid votes)." in fact.fact
    )
    assert fact.rows["why"].tolist() == ["conflicting", "repeated", "conflicting", "no-code"]


def test_rows_without_votes_are_told_without_votes(tmp_path):
    count = other(station=["1", None, None, "4"], A=[5, 0, 0, 6], B=[0] * 4, C=[0] * 4)
    fact = facts("sheets.universe", evidence(tmp_path, {"official": count}))[""]
    assert "set aside are 2 rows without a code." in fact.fact


def test_stations_that_only_a_register_or_a_list_knows(tmp_path):
    found = evidence(
        tmp_path,
        {"official": COUNT},
        place_class={"station": ["1", "2", "3", "4", "5"], "place_class": ["urban"] * 5},
        lists={"named": ["1", "77"]},
    )
    fact = facts("sheets.universe", found)[""]
    assert fact.status == "observed"
    assert fact.statistic["registers_only"] == 1
    assert fact.statistic["lists"] == [{"list": "named", "unmatched": 1}]


def test_a_station_placed_elsewhere(tmp_path):
    official = other(region=["R"] * 4, municipality=["M"] * 4, centre=["X", "X", "Y", "Y"])
    early = other(region=["R"] * 4, municipality=["M"] * 4, centre=["X", "Y", "Y", "Y"])
    fact = facts("sheets.universe", evidence(tmp_path, {"official": official, "early": early}))
    assert fact["early"].status == "observed"
    assert fact["early"].statistic["place_differs"] == 1


def test_places_without_an_earlier_election(tmp_path):
    official = other(centre=["X", "X", "Y", "Y"])
    found = evidence(
        tmp_path,
        {"official": official},
        history={
            "region": ["region-1"],
            "municipality": ["municipality-1"],
            "centre": ["X"],
            "A": [6],
            "B": [4],
            "C": [0],
        },
    )
    assert facts("sheets.universe", found)[""].statistic["no_history"] == 2


def test_two_counts_in_one_file_cannot_differ(tmp_path):
    columns = COUNT | {"A2": [1, 2, 3, 4]}
    places = ["region", "municipality", "centre"]
    early = {
        "file": "official.csv",
        "options": {"A": "A2", "B": "B", "C": "C"},
        "ignore": ["A", *places],
    }
    source = {"official": {"ignore": ["A2"]}, "early": early}
    found = evidence(tmp_path, {"official": columns, "early": columns}, sources=source)
    assert facts("sheets.universe", found)["early"].status == "void"
