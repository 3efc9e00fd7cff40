"""Scans of a case as tables: numbers, stations, counts beside them, and what is not to be had."""

from __future__ import annotations

import sys

import pytest

from tests.building import read_case, small_case
from tests.scans import NUMBERS, drawn_case, png, scans_case, sheet, written
from veedor.case.loading import load_case
from veedor.case.tables import COMPARED, READINGS, SCANS, TWINS
from veedor.engine.evidence import Evidence
from veedor.engine.scans import _Told
from veedor.errors import CaseError, ExtraMissingError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))


def rows(table) -> list[dict]:
    return table.to_pyarrow().to_pylist()


def names(found: Evidence, table: str) -> set[str]:
    return set(found.con.table(table).columns)


def test_a_case_without_scans_has_empty_tables_of_them(tmp_path):
    found = read_case(small_case(tmp_path, {"official": {"station": ["1"], "A": [1]}}, options="A"))
    for table, columns in (
        ("scans", SCANS), ("readings", READINGS), ("compared", COMPARED), ("twins", TWINS)
    ):  # fmt: skip
        assert names(found, table) == set(columns)
        assert rows(found.con.table(table)) == []
    assert not any(found.has(need) for need in ("scans", "readings", "glyphs", "twins"))


def test_fields_of_the_form_are_those_that_the_case_maps(tmp_path):
    found = read_case(drawn_case(tmp_path, read={2: (31, 74, 0)}))
    assert all(found.has(need) for need in ("scans", "readings", "glyphs", "twins"))
    scans = rows(found.scans())
    assert [(s["scan"], s["station"], s["status"]) for s in scans] == [
        (i, f"S{i}", "read") for i in range(4)
    ]
    assert [s["row"] for s in scans] == [2, 3, 4, 5]
    read = {(r["scan"], r["field"]): r for r in rows(found.readings())}
    assert {f for _, f in read} == {"A", "B", "C", "blank", "null", "declared_valid",
                                    "declared_cast"}  # fmt: skip
    right = [read[i, o]["value"] == n for i, row in enumerate(NUMBERS)
             for o, n in zip("AC", (row[0], row[2]), strict=True)]  # fmt: skip
    assert sum(right) >= 7  # of 8 numbers in strokes of a program
    beside = {(c["scan"], c["field"]): c for c in rows(found.compared())}
    assert beside[2, "B"]["transcribed"] == 47
    assert beside[2, "B"]["p"] < 0.01 < 0.5 < beside[0, "A"]["p"]
    assert (0, "declared_valid") not in beside  # the count records none
    shapes = {name for name in names(found, "glyphs") if name.startswith("f")}
    assert shapes >= {"f0", "f47"}


def test_a_number_in_a_private_part_is_told_only_where_the_case_maps_it(tmp_path):
    path = drawn_case(tmp_path)
    form = tmp_path / "form-a.toml"
    over = '[[private]]\nx = 118\ny = 109\nwidth = 40\nheight = 30\nwhat = "ids"\n'
    form.write_text(form.read_text("utf-8") + over, "utf-8")
    text = path.read_text("utf-8")
    assert 'declared_cast = "cast"' in text
    path.write_text(text.replace('declared_cast = "cast"', ""), "utf-8")
    read = [r for r in rows(read_case(path).readings()) if r["scan"] == 0]
    said = {r["field"]: (r["value"], r["text"], r["joint"]) for r in read}
    assert said["cast"] == (None, None, None)
    assert said["declared_valid"][1] is not None
    assert {r["field"] for r in read if r["text"] is None} == {"cast"}


def test_one_picture_under_two_stations_is_a_pair(tmp_path):
    data = png(sheet(written(120, 85, 7, 3, 4)))
    count = {"official": {"station": ["1", "2"], "A": [1, 2], "B": [1, 2], "C": [1, 2]}}
    index = [("1", "a.png", None), ("2", "b.png", None), ("1", "lost.png", None),
             ("9", "a.png", "0" * 64)]  # fmt: skip
    pictures = {"a.png": data, "b.png": data, "spare.png": b"never looked at"}
    found = read_case(scans_case(tmp_path, count, index, pictures))
    assert found.shelf.unnamed == {"scans": ("spare.png",)}
    scans = rows(found.scans())
    assert [s["status"] for s in scans] == ["read", "read", "missing", "unreadable"]
    assert [s["sid"] for s in scans] == [0, 1, 0, None]
    assert "SHA-256 differs" in scans[3]["reasons"]
    pairs = [(t["scan_a"], t["scan_b"], t["how"]) for t in rows(found.twins())]
    assert (0, 1, "file") in pairs
    assert found.shelf.scans[2].file is None
    assert found.shelf.pixels(0) is not None
    assert found.shelf.pixels(2) is None


def test_a_mapping_that_fits_no_template_stops_the_audit_with_its_line(tmp_path):
    count = {"official": {"station": ["1"], "A": [1], "B": [1], "C": [1]}}
    source = {"blank": "blanks"}
    path = scans_case(tmp_path, count, [("1", "a.png", None)], {"a.png": b""}, source=source)
    with pytest.raises(CaseError, match=r"case\.toml:\d+: sources \(scans\): blank is mapped"):
        read_case(path)


def test_scans_without_the_extra_name_it_and_optional_ones_are_missing(tmp_path, monkeypatch):
    count = {"official": {"station": ["1"], "A": [1], "B": [1], "C": [1]}}
    index, pictures = [("1", "a.png", None)], {"a.png": b""}
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraMissingError, match=r"veedor\[images\]"):
        read_case(scans_case(tmp_path / "needed", count, index, pictures))
    path = scans_case(tmp_path / "spared", count, index, pictures, source={"optional": True})
    found = read_case(path)
    assert "onnxruntime" in found.missing["scans"]
    assert not found.has("scans")


def test_a_case_without_its_scans_keeps_all_else(tmp_path):
    case = load_case(drawn_case(tmp_path)).without_scans()
    assert [s.id for s in case.sources] == ["official"]
    assert case.contest_rule.describe()


def test_progress_tells_the_pace_and_the_time_left():
    now, told = [0.0], []
    progress = _Told(told.append, lambda: now[0])
    for second in range(0, 8001, 4):
        now[0] = float(second)
        progress(1000 + second // 2, 36_000, second // 2)
    assert told[0] == "reading scans: 1,000 of 36,000"
    assert told[-1].endswith(" of 36,000 (0.5 a second, 17.2 h left)")
    assert len(told) < 450
    progress(36_000, 36_000, 35_000)
    assert told[-1].startswith("reading scans: 36,000 of 36,000 (")
