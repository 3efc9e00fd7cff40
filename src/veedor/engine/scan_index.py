"""The file that names scans row by row: which picture is of which station."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir

from veedor.case.manifest import Source
from veedor.engine.parse import station_code, words

__all__ = ["Named", "index_of"]


@dataclass(frozen=True, slots=True)
class Named:
    """One row of the file: the station's code, the picture, and what the file says of it.

    `sha256` is in small letters; `page` counts from 0, and is None where the row's is no number.
    """

    row: int
    station: str | None
    file: str | None
    sha256: str | None
    page: int | None


def index_of(source: Source, table: ir.Table) -> list[Named]:
    """The rows of a source of scans, in their order."""
    columns = {
        "row": table["_row"].cast("int64"),
        "station": station_code(table, source),
        **{n: words(table, source, source.fields.get(n)) for n in ("file", "sha256", "page")},
    }
    found = table.select(**columns).order_by("row").to_pyarrow().to_pylist()
    return [
        Named(
            row=entry["row"],
            station=entry["station"],
            file=entry["file"],
            sha256=entry["sha256"].lower() if entry["sha256"] else None,
            page=_page(entry["page"]),
        )
        for entry in found
    ]


def _page(text: str | None) -> int | None:
    """The number of a page written from 1, counted from 0; the first where none is written."""
    if text is None:
        return 0
    return int(text) - 1 if text.isascii() and text.isdigit() and 0 < int(text) < 100_000 else None
