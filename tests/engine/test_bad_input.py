"""Bad input ends in a clear error that names the place, or in rows to report; never silently."""

import gzip
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from tests.building import evidence, facts, read_case, small_case, write_csv
from veedor.engine.verbs import collect
from veedor.errors import CaseError, SourceError

COUNT = {
    "station": ["1", "2", "3"],
    "registered": [100, 100, 100],
    "A": [50, 30, 10],
    "B": [10, 20, 40],
    "C": [0, 1, 2],
    "blank": [1, 1, 1],
}


def refused(path, *words):
    with pytest.raises((SourceError, CaseError)) as caught:
        read_case(path)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    return message


def test_missing_column_is_named_with_the_nearest(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    text = (tmp_path / "official.csv").read_text().replace("blank", "blanks", 1)
    (tmp_path / "official.csv").write_text(text)
    refused(path, "official.csv", "row 1", "'blank'", "sources.official.blank", "nearest: 'blanks'")


def test_unmapped_column_is_refused_so_that_no_option_is_lost(tmp_path):
    path = small_case(tmp_path, {"official": {**COUNT, "D": [7, 7, 7]}})
    refused(path, "'D'", "neither maps nor ignores", "lost votes")


def test_wrong_encoding_names_the_row(tmp_path):
    path = small_case(tmp_path, {"official": {**COUNT, "region": ["a", "b", "Ñuble"]}})
    raw = (tmp_path / "official.csv").read_text(encoding="utf-8")
    (tmp_path / "official.csv").write_bytes(raw.encode("latin-1"))
    refused(path, "official.csv", "row 4", "not utf-8 text", "Set `encoding`")


def test_utf16_read_as_utf8_is_refused(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    raw = (tmp_path / "official.csv").read_text(encoding="utf-8")
    (tmp_path / "official.csv").write_bytes(raw.encode("utf-16-le"))
    refused(path, "null bytes", "encoding")


def test_truncated_zip(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "official.csv", "official.csv")
    text = path.read_text().replace('"official.csv"', '"official.zip"')
    path.write_text(text)
    (tmp_path / "official.zip").write_bytes(whole.read_bytes()[:-40])
    refused(path, "official.zip", "damaged or cut short")


def test_truncated_gzip(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    raw = gzip.compress((tmp_path / "official.csv").read_bytes())
    (tmp_path / "official.csv.gz").write_bytes(raw[:-12])
    path.write_text(path.read_text().replace('"official.csv"', '"official.csv.gz"'))
    refused(path, "official.csv.gz", "damaged or cut short")


def test_zip_of_several_files_needs_the_member(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    with zipfile.ZipFile(tmp_path / "official.zip", "w") as archive:
        archive.write(tmp_path / "official.csv", "a.csv")
        archive.write(tmp_path / "official.csv", "b.csv")
    path.write_text(path.read_text().replace('"official.csv"', '"official.zip"'))
    refused(path, "several files", "a.csv, b.csv", "`member`")


def test_empty_file(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    (tmp_path / "official.csv").write_text("")
    refused(path, "official.csv", "empty")


def test_header_without_rows(tmp_path):
    path = small_case(tmp_path, {"official": {k: [] for k in COUNT}})
    refused(path, "official.csv", "no rows")


def test_row_with_too_few_cells_is_named(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    with (tmp_path / "official.csv").open("a") as stream:
        stream.write("4,100,1\n")
    refused(path, "official.csv", "row 5", "3 cells where the header has 9")


def _workbook(path, merged):
    book = Workbook()
    sheet = book.active
    if merged:
        sheet.append(["station", "votes", None, None, "registered", "blank", "place", None, None])
        sheet.merge_cells("B1:D1")
    names = ["station", "A", "B", "C", "registered", "blank", "region", "municipality", "centre"]
    sheet.append(names)
    for i in range(3):
        votes = [COUNT[option][i] for option in "ABC"]
        sheet.append([str(i + 1), *votes, 100, 1, "r", "m", "c"])
    book.save(path)


def test_workbook_with_merged_header_says_which_row_to_use(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    _workbook(tmp_path / "official.xlsx", merged=True)
    text = path.read_text().replace('"official.csv"', '"official.xlsx"')
    path.write_text(text.replace('"delimited"', '"excel"'))
    refused(path, "column 3 has no name", "merged", "`header`")
    path.write_text(path.read_text().replace('format = "excel"', 'format = "excel"\nheader = 2'))
    found = read_case(path)
    assert found.official_sheets.votes.sum(axis=0).tolist() == [90, 70, 3]


def test_damaged_workbook(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    (tmp_path / "official.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    text = path.read_text().replace('"official.csv"', '"official.xlsx"')
    path.write_text(text.replace('"delimited"', '"excel"'))
    refused(path, "official.xlsx", "cannot be read as a workbook")


def test_rule_naming_an_unknown_option(tmp_path):
    path = small_case(
        tmp_path,
        {"official": COUNT},
        rule={"kind": "referendum", "yes": "A", "no": "Z"},
    )
    refused(path, "case.toml", "'Z'")


def test_source_mapping_an_unknown_option(tmp_path):
    path = small_case(
        tmp_path,
        {"official": COUNT},
        sources={"official": {"options": {"A": "A", "B": "B", "C": "C", "D": "blank"}}},
    )
    refused(path, "case.toml", "unknown option 'D'")


def test_option_without_a_column(tmp_path):
    path = small_case(
        tmp_path, {"official": COUNT}, sources={"official": {"options": {"A": "A", "B": "B"}}}
    )
    refused(path, "does not map the option 'C'")


def test_a_key_that_is_not_known_is_named_with_its_line(tmp_path):
    path = small_case(tmp_path, {"official": COUNT}, colour="red")
    message = refused(path, "colour: this key is not known")
    line = int(message.split("case.toml:")[1].split(":")[0])
    assert path.read_text().splitlines()[line - 1].startswith("colour")


def test_a_case_that_is_not_toml(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text("format = \n")
    refused(path, "not TOML", "line 1")


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("-3", "negative"),
        ("3.5", "fractional"),
        ("3,5", "fractional"),
        ("three", "word"),
        ("nan", "word"),
        ("1e3", "word"),
        (None, "empty"),
        ("NO DATA", "no-data"),
    ],
)
def test_a_cell_that_is_no_whole_number_becomes_a_row_to_report(tmp_path, raw, state):
    found = evidence(
        tmp_path,
        {"official": {**COUNT, "A": [50, raw, 10]}},
        sources={"official": {"words": {"NO DATA": "no-data"}}},
    )
    cells = collect(found.cells())
    assert list(cells["state"]) == [state]
    assert list(cells["raw"]) == [raw]
    assert list(cells["row"]) == [3]
    assert list(cells["column"]) == ["A"]
    assert found.official_sheets.votes[:, 0].tolist() == [50, 0, 10]


def test_numbers_may_be_written_with_empty_decimals_and_blanks_around(tmp_path):
    found = evidence(tmp_path, {"official": {**COUNT, "A": [" 50 ", "30.0", "010"]}})
    assert found.official_sheets.votes[:, 0].tolist() == [50, 30, 10]
    assert len(collect(found.cells())["sid"]) == 0


def test_a_repeated_row_counts_once_and_conflicting_rows_not_at_all(tmp_path):
    table = {
        "station": ["1", "2", "2", "3", "3", None],
        "A": [50, 30, 30, 10, 11, 5],
        "B": [1, 2, 2, 4, 4, 5],
        "C": [0, 1, 1, 2, 2, 5],
    }
    found = evidence(tmp_path, {"official": table})
    aside = collect(found.set_aside().order_by("row"))
    assert dict(zip(aside["row"].tolist(), aside["why"], strict=True)) == {
        4: "repeated",
        5: "conflicting",
        6: "conflicting",
        7: "no-code",
    }
    assert found.official_sheets.votes.tolist() == [[50, 1, 0], [30, 2, 1]]
    assert found.counts["official"].set_aside == 4


def test_two_files_that_disagree_on_the_universe_are_plain_to_see(tmp_path):
    other = {"station": ["2", "3", "4"], "A": [30, 10, 7], "B": [20, 40, 7], "C": [1, 2, 7]}
    found = evidence(tmp_path, {"official": COUNT, "early": other})
    by = facts("sheets.universe", found)
    assert any(fact.status == "observed" for fact in by.values())
    assert "4" in {str(v) for v in collect(found.stations())["station"]}


def test_a_place_is_its_full_path(tmp_path):
    place = {"region": ["N", "S", "S"], "municipality": ["San Juan"] * 3, "centre": ["1"] * 3}
    table = {**COUNT, **place}
    found = evidence(tmp_path, {"official": table})
    assert len(set(found.official_sheets.cells["centre"].tolist())) == 2


def test_an_index_column_without_a_name_is_passed_over(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    write_csv(
        tmp_path / "official.csv",
        {"": [0, 1, 2], **COUNT, "region": "rrr", "municipality": "mmm", "centre": "ccc"},
    )
    assert read_case(path).official_sheets.votes.sum() == 163


@pytest.mark.parametrize("raw", ["1.000", "12,345", "1.234.567"])
def test_a_number_that_could_be_a_thousand_or_one_is_not_guessed(tmp_path, raw):
    found = evidence(tmp_path, {"official": {**COUNT, "A": [50, raw, 10]}})
    assert list(collect(found.cells())["state"]) == ["separated"]
    assert found.official_sheets.votes[:, 0].tolist() == [50, 0, 10]


def test_a_declared_separator_of_thousands_is_read(tmp_path):
    found = evidence(
        tmp_path,
        {"official": {**COUNT, "A": ["50", "1.000", "2.345.678"]}},
        sources={"official": {"thousands": "."}},
    )
    assert found.official_sheets.votes[:, 0].tolist() == [50, 1000, 2345678]


def test_a_file_name_is_never_a_pattern_of_several_files(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    place = {"region": ["r"] * 3, "municipality": ["m"] * 3, "centre": ["c"] * 3}
    for name, more in (("votes[1]", 0), ("votes1", 700), ("votes*", 0), ("votes-extra", 900)):
        votes = {**COUNT, **place, "A": [v + more for v in COUNT["A"]]}
        pq.write_table(pa.table(votes), tmp_path / f"{name}.parquet")
    text = path.read_text().replace("delimited", "parquet")
    for name in ("votes[1]", "votes*"):
        path.write_text(text.replace("official.csv", f"{name}.parquet"))
        assert read_case(path).official_sheets.votes[:, 0].tolist() == COUNT["A"]


def test_rows_that_differ_in_status_or_place_are_not_the_same_row(tmp_path):
    table = {
        "station": ["1", "2", "2", "3", "3"],
        "A": [1, 5, 5, 6, 6],
        "B": [1, 2, 2, 3, 3],
        "C": [0] * 5,
        "status": ["OK", "OK", "ANNULLED", "OK", "OK"],
        "centre": ["c", "c", "c", "c", "d"],
    }
    source = {"counted": {"column": "status", "values": ["OK"]}}
    found = evidence(tmp_path, {"official": table}, sources={"official": source})
    assert set(collect(found.set_aside())["why"]) == {"conflicting"}
    assert found.official_sheets.votes.tolist() == [[1, 1, 0]]


def test_parts_of_a_code_do_not_run_together(tmp_path):
    table = {
        "part1": ["x/y", "x"],
        "part2": ["z", "y/z"],
        "A": [1, 2],
        "B": [3, 4],
        "C": [0, 0],
        "station": ["unused", "unused"],
    }
    found = evidence(
        tmp_path,
        {"official": table},
        sources={"official": {"key": ["part1", "part2"], "ignore": ["station"]}},
    )
    assert found.counts["official"].stations == 2


def test_an_archive_made_to_fill_the_disk_is_refused(tmp_path):
    path = small_case(tmp_path, {"official": COUNT})
    with zipfile.ZipFile(tmp_path / "official.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("official.csv", "0" * (80 << 20))
    path.write_text(path.read_text().replace('"official.csv"', '"official.zip"'))
    refused(path, "official.zip", "unpacks to more than 200 times its size")


@pytest.mark.parametrize("raw", ["illegible", None])
def test_a_cell_that_cannot_be_read_is_not_a_zero(tmp_path, raw):
    found = evidence(tmp_path, {"official": {**COUNT, "A": [50, raw, 10]}})
    fact = facts("sheets.zero-votes", found)["A"]
    assert fact.status == "not-observed"
    assert fact.statistic["stations"] == 0
