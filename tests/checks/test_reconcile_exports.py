"""Stations through the successive exports of a running count."""

from tests.building import facts, read_case, small_case, write_csv

OFFICIAL = {"station": ["1", "2", "3"], "A": [50, 30, 10], "B": [10, 20, 40], "C": [0, 0, 0]}


def follow(tmp_path, *exports):
    names = []
    for hour, (stations, first) in enumerate(exports, 18):
        name = f"20200131_{hour}0000.csv"
        zeros = [0] * len(stations)
        write_csv(tmp_path / name, {"station": stations, "A": first, "B": zeros, "C": zeros})
        names.append(name)
    path = small_case(tmp_path, {"official": OFFICIAL})
    listed = ", ".join(f'"{n}"' for n in names)
    path.write_text(
        path.read_text() + '[[sources]]\nid = "run"\nkind = "exports"\ncount = "official"\n'
        'format = "delimited"\nkey = "station"\nname_instant = "%Y%m%d_%H%M%S"\n'
        f'files = [{listed}]\n[sources.options]\nA = "A"\nB = "B"\nC = "C"\n'
    )
    return facts("reconcile.exports", read_case(path))[""]


def test_stations_that_stay_as_they_were_are_not_observed(tmp_path):
    fact = follow(tmp_path, (["1"], [5]), (["1", "2"], [5, 6]))
    assert fact.status == "not-observed"
    assert (fact.statistic["exports"], fact.statistic["stations"]) == (2, 2)
    assert fact.statistic["by_export"][0] == {"at": "2020-01-31T18:00:00", "sheets": 1, "valid": 5}


def test_changes_withdrawals_and_interruptions_are_told_apart(tmp_path):
    fact = follow(
        tmp_path,
        (["1", "2", "3", "9"], [5, 6, 7, 1]),
        (["1", "3"], [5, 8]),
        (["1", "2", "3"], [5, 6, 8]),
    )
    said = fact.statistic
    assert fact.status == "observed"
    assert (said["changed"], said["withdrawn"], said["interrupted"]) == (1, 1, 1)
    assert (said["withdrawn_in_official"], said["backward"]) == (0, 1)
    rows = {s: i for i, s in enumerate(fact.rows["station"])}
    assert set(rows) == {"2", "3", "9"}, "station 9 is in no other source, and is not lost"
    assert fact.rows["withdrawn"][rows["9"]]
    assert fact.rows["interrupted"][rows["2"]]
    assert fact.rows["changed"][rows["3"]]
    assert fact.questioned is None


def test_one_export_cannot_be_compared(tmp_path):
    assert follow(tmp_path, (["1"], [5])).status == "void"
