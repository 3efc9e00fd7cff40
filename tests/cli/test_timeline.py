"""`veedor timeline` writes a case's timeline whole, or leaves no file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from veedor.cli import main

from ..building import small_case

COUNT = {"station": ["1", "2"], "A": [5, 6], "B": [1, 2], "C": [0, 0]}
LOG = (
    {"kind": "log", "key": "station", "stage": "received", "instant": ["at"]},
    {"station": ["1", "2"], "at": ["2020-01-31 18:00:00", "2020-01-31 17:00:00"]},
)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    events = {"stop": "2020-01-31T17:30:00Z"}
    return small_case(tmp_path / "case", {"official": COUNT}, files={"log": LOG}, events=events)


def test_the_timeline_of_a_case_is_written_by_time(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "night.jsonl"
    assert main(["timeline", str(case), "--out", str(out)]) == 0
    found = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [entry["message"] for entry in found] == [
        "received, station 2",
        "Event stop.",
        "received, station 1",
    ]
    assert "3 entries" in capsys.readouterr().out
    assert [path.name for path in tmp_path.glob("*night*")] == ["night.jsonl"]


def test_the_csv_has_a_heading(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "night.csv"
    assert main(["timeline", str(case), "--out", str(out), "--format", "timesketch-csv"]) == 0
    assert out.read_text("utf-8").startswith("message,datetime,timestamp_desc,source,row,")


def test_a_case_without_log_lines_has_no_log_for_nist_and_leaves_the_file_there(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "log.json"
    out.write_text("earlier", "utf-8")
    assert main(["timeline", str(case), "--out", str(out), "--format", "nist"]) == 1
    assert "nothing with an instant" in capsys.readouterr().err
    assert out.read_text("utf-8") == "earlier"
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--out", "OUT/none/x.json"], 1, "there is no such folder"),
        (["--out", "OUT"], 2, "is a directory"),
        (["--out", "OUT/x", "--format", "xml"], 2, "'xml' is not one of"),
        ([], 2, "Missing option '--out'"),
    ],
)
def test_wrong_input_is_told(
    case: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    given = [argument.replace("OUT", str(tmp_path)) for argument in arguments]
    assert main(["timeline", str(case), *given]) == code
    assert said in capsys.readouterr().err
