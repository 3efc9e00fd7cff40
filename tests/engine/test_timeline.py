"""The count in time as tables: lines are kept, joined to their stations, and never guessed."""

import pytest

from tests.building import read_case, small_case
from veedor.engine.verbs import collect
from veedor.errors import SourceError

STATIONS = ["1", "2", "3", "4", "10"]
OFFICIAL = {
    "station": STATIONS,
    "A": [50, 30, 10, 40, 7],
    "B": [10, 20, 40, 10, 3],
    "C": [0, 0, 0, 0, 0],
    "region": ["R"] * 5,
    "municipality": ["M"] * 5,
    "centre": ["São José", "São José", "Two", "Two", "Two"],
}
EARLY = {"station": ["1", "3"], "A": [50, 10], "B": [10, 40], "C": [0, 0]}
LOG = {"kind": "log", "key": "station", "stage": "verified", "instant": "at"}


def read(tmp_path, *, counts=None, **keys):
    return read_case(small_case(tmp_path, {"official": OFFICIAL, **(counts or {})}, **keys))


def test_lines_of_a_log_are_all_kept(tmp_path):
    found = read(
        tmp_path,
        files={
            "log": (
                LOG | {"actor": "who", "host": "pc", "options": {"A": "A"}},
                {
                    "station": ["2", "1", "", "99", "1"],
                    "at": [f"2020-01-31T20:0{i}:00" for i in range(4)] + ["no"],
                    "who": ["Zoe", "Ana", "Ana", "", "Zoe"],
                    "pc": ["a", "b", "", "a", "a"],
                    "A": [30, 50, 1, 2, "x"],
                },
            )
        },
    )
    rows = found.events().order_by("row").to_pyarrow().to_pylist()
    assert [r["station"] for r in rows] == ["2", "1", None, "99", "1"]
    assert [r["sid"] is None for r in rows] == [False, False, True, True, False]
    assert [r["v0"] for r in rows] == [30, 50, 1, 2, None]
    assert rows[4]["t"] is None
    assert rows[4]["raw"] == "no"
    assert {r["actor"] for r in rows} == {"operator 1", "operator 2", None}
    assert found.clocks["log"].unread == 1
    stamped = dict(
        zip(*[found.timed().to_pyarrow()[c].to_pylist() for c in ("sid", "t")], strict=True)
    )
    assert [t is not None for t in stamped.values()] == [True, False, True, False, False]


def test_early_is_what_the_snapshot_at_the_cut_held(tmp_path):
    found = read(
        tmp_path,
        counts={"early": EARLY, "later": OFFICIAL},
        at={"early": "2020-01-31T20:00:00Z", "later": "2020-01-31T23:00:00Z"},
        events={"stop": "2020-01-31T20:00:00Z"},
    )
    assert found.early_known
    assert collect(found.timed().select("sid", "early"))["early"].tolist() == [
        True, False, False, True, False,
    ]  # fmt: skip


def test_without_a_snapshot_early_is_what_was_stamped_by_the_cut(tmp_path):
    log = (LOG, {"station": ["1", "2"], "at": ["2020-01-31T19:00:00", "2020-01-31T21:00:00"]})
    found = read(tmp_path, files={"log": log}, events={"stop": "2020-01-31T20:00:00Z"})
    early = collect(found.timed().select("sid", "early"))["early"].tolist()
    assert early == [True, False, False, False, False]


def test_without_a_cut_nothing_is_early_or_late(tmp_path):
    found = read(tmp_path, counts={"early": EARLY}, at={"early": "2020-01-31T20:00:00Z"})
    assert not found.early_known
    assert not found.has("cut")
    assert set(collect(found.timed().select("sid", "early"))["early"].tolist()) == {None}


def test_a_refused_clock_gives_no_instants(tmp_path):
    stamps = [f"2020-01-31T{1 + i // 60:02d}:{i % 60:02d}:00" for i in range(0, 600, 10)]
    log = (LOG, {"station": [STATIONS[i % 5] for i in range(60)], "at": stamps})
    found = read(tmp_path, files={"log": log}, events={"stop": "2020-01-31T20:00:00Z"})
    assert found.clocks["log"].refused
    assert found.stages == ()
    assert not found.has("log")
    assert found.has("instants")


def test_arrivals_are_joined_by_place_and_number_in_the_centre(tmp_path):
    """Codes of digits rank as numbers: station 10 is the third of its centre."""
    entry = {
        "kind": "arrivals", "count": "official", "match": "geography", "ordinal": "number",
        "low": "p1", "high": "p2", "geography": {"centre": "name"},
        "split": [{"column": "code", "pattern": "^(?P<place>[0-9]+)(?P<number>[0-9]{2})$"}],
        "ignore": ["place"],
    }  # fmt: skip
    table = {
        "code": ["101", "0203", "0202", "0299", "bad"],
        "name": ["SAO JOSE", "two", "Two", "Two", "Two"],
        "p1": ["0", "5.5", "50", "1", "1"],
        "p2": ["5", "50", "100", "2", "2"],
    }
    found = read(tmp_path, files={"when": (entry, table)})
    rows = found.arrivals().to_pyarrow().to_pylist()
    names = found.station_names["station"]
    found_at = sorted((names[r["sid"]], r["low"], r["high"]) for r in rows)
    assert found_at == [("1", 0.0, 5.0), ("10", 5.5, 50.0), ("4", 50.0, 100.0)]


def exports(tmp_path, names=("20200131_200000", "20200131_210000"), pattern="%Y%m%d_%H%M%S"):
    from tests.building import write_csv

    tables = [EARLY, {"station": ["1", "2"], "A": [51, 30], "B": [10, 20], "C": [0, 0]}]
    for name, table in zip(names, tables, strict=True):
        write_csv(tmp_path / f"{name}.csv", table)
    path = small_case(tmp_path, {"official": OFFICIAL})
    entry = (
        '[[sources]]\nid = "run"\nkind = "exports"\ncount = "official"\nformat = "delimited"\n'
        f'key = "station"\nname_instant = "{pattern}"\n'
        f"files = [{', '.join(chr(34) + n + '.csv' + chr(34) for n in names)}]\n"
        '[sources.options]\nA = "A"\nB = "B"\nC = "C"\n'
    )
    path.write_text(path.read_text() + entry)
    return read_case(path)


def test_exports_tell_when_a_station_came_and_whether_it_stayed(tmp_path):
    found = exports(tmp_path)
    rows = {r["station"]: r for r in found.exports().to_pyarrow().to_pylist()}
    assert {s: (r["versions"], r["exports"]) for s, r in rows.items()} == {
        "1": (2, 2), "2": (1, 1), "3": (1, 1),
    }  # fmt: skip
    assert rows["3"]["last_t"] < rows["1"]["last_t"]
    lines = found.publications().order_by("t").to_pyarrow().to_pylist()
    assert [(r["sheets"], r["valid"], r["origin"]) for r in lines] == [
        (2, 110, "series"), (2, 111, "series"),
    ]  # fmt: skip
    assert collect(found.timed().select("sid", "t"))["t"].tolist()[0] == rows["1"]["t"]


def test_a_name_that_tells_no_instant_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(SourceError, match="does not tell an instant"):
        exports(tmp_path, names=("first", "second"))
