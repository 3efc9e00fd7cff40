"""The timeline as Timesketch imports it: JSON lines, or CSV.

Fields: https://timesketch.org/guides/user/import-from-json-csv/ (`message`, `datetime` and
`timestamp_desc` are required).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from typing import Any, TextIO

import ibis.expr.types as ir

from veedor.export import FIELDS, Progress, Written, counted, entries, instant, undated
from veedor.export.spreadsheet import cell

COLUMNS = ("message", "datetime", *(name for name in FIELDS if name not in ("us", "message")))
"""Columns of the CSV, and the order of the keys of each JSON line."""


def write_jsonl(timeline: ir.Table, out: TextIO, *, progress: Progress | None = None) -> Written:
    """One JSON object a line, by time, then source, then row; `timeline` is as `merged` makes it.

    Nothing of the text is changed: JSON writes every character outside of ASCII and every control
    character as an escape. A field without a value is left out.
    """
    return _write(timeline, lambda row: out.write(line(row) + "\n"), progress)


def write_csv(timeline: ir.Table, out: TextIO, *, progress: Progress | None = None) -> Written:
    """As `write_jsonl`, in a CSV that is safe to open in a spreadsheet (each cell is as `cell`
    makes it); open `out` with newline="".
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)

    def put(row: dict[str, Any]) -> None:
        fields = _fields(row)
        writer.writerow([cell(fields.get(name)) for name in COLUMNS])

    return _write(timeline, put, progress)


def _write(
    timeline: ir.Table, put: Callable[[dict[str, Any]], Any], progress: Progress | None
) -> Written:
    number = 0
    for row in counted(entries(timeline), progress):
        put(row)
        number += 1
    return Written(number, undated(timeline))


def line(row: dict[str, Any]) -> str:
    """A row of the timeline as its JSON line, without the end of line: its canonical form."""
    fields = {name: value for name, value in _fields(row).items() if value is not None}
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    at = instant(row["us"]).isoformat(timespec="microseconds")
    return {name: at if name == "datetime" else row[name] for name in COLUMNS}
