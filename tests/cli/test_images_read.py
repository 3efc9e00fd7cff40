"""`veedor images read` writes what stands on the scans, and nothing that knows hands."""

from __future__ import annotations

import csv

import pyarrow.parquet as pq

from tests.building import small_case
from tests.scans import NUMBERS, drawn_case, scans_case
from veedor.cli import main


def test_tables_hold_the_station_and_what_was_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))
    path = drawn_case(tmp_path / "case")
    assert main(["images", "read", str(path), "--out", str(tmp_path / "a"), "--jobs", "1"]) == 0
    assert "4 read" in capsys.readouterr().out
    assert {f.name for f in (tmp_path / "a").iterdir()} == {
        f"{name}.parquet" for name in ("scans", "readings", "compared", "twins")
    }
    rows = pq.read_table(tmp_path / "a" / "readings.parquet").to_pylist()
    value = {(r["station"], r["field"]): r["value"] for r in rows}
    assert value["S3", "A"] == NUMBERS[3][0]
    out = ["--out", str(tmp_path / "b"), "--csv", "--jobs", "1"]
    assert main(["images", "read", str(path), *out]) == 0
    with (tmp_path / "b" / "scans.csv").open() as file:
        assert [row["station"] for row in csv.DictReader(file)] == ["S0", "S1", "S2", "S3"]


def test_a_csv_runs_nothing_in_a_spreadsheet(tmp_path, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))
    counts = {"official": {"station": ["=1+1", "-2"], "A": [1, 2], "B": [3, 4], "C": [5, 6]}}
    rows = [("=1+1", "@a.png", None), ("-2", "+b.png", None)]
    path = scans_case(tmp_path / "case", counts, rows, {"+b.png": b"no picture"})
    for out in (["a", "--csv"], ["b"]):
        assert main(["images", "read", str(path), "--out", str(tmp_path / out[0]), *out[1:]]) == 0
    with (tmp_path / "a" / "scans.csv").open() as file:
        found = [(row["station"], row["file"]) for row in csv.DictReader(file)]
    assert found == [("'=1+1", "'@a.png"), ("'-2", "'+b.png")]
    kept = pq.read_table(tmp_path / "b" / "scans.parquet").to_pylist()
    assert [(row["station"], row["file"]) for row in kept] == [row[:2] for row in rows]


def test_a_case_without_scans_is_told_so(tmp_path, capsys):
    path = small_case(tmp_path, {"official": {"station": ["1"], "A": [1]}}, options="A")
    assert main(["images", "read", str(path), "--out", str(tmp_path / "o")]) == 1
    assert "the case has no scans" in capsys.readouterr().err
