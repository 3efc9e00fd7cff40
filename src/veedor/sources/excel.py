"""Workbooks: xlsx, xls, ods, one worksheet at a time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from veedor.errors import SourceError
from veedor.sources.delimited import check_names


def read(
    con: ibis.BaseBackend, path: Path, *, shown: str, sheet: str | None, header: int, name: str
) -> ir.Table:
    """Read a worksheet: every column as text, and `_row`, the row of the worksheet.

    Whole numbers are written without a decimal point, instants in ISO 8601. Rows without a single
    filled cell are passed over. Filled columns to the right of the last named one are called by
    their number, such as `column 12`.

    Raises
    ------
    SourceError
        Where the workbook is damaged, the worksheet is not in it, or the header row leaves a
        column without a name (as merged cells do).
    """
    names, rows = _rows(path, shown=shown, sheet=sheet, header=header)
    numbers = [n for n, row in enumerate(rows, header + 1) if any(cell != "" for cell in row)]
    kept = [rows[n - header - 1] for n in numbers]
    columns: dict[str, pa.Array] = {
        column: pa.array([_text(row[i]) for row in kept], pa.string())
        for i, column in enumerate(names)
    }
    columns["_row"] = pa.array(numbers, pa.int64())
    return con.create_table(f"raw_{name}", ibis.memtable(pa.table(columns)))


def header_names(path: Path, *, shown: str, sheet: str | None, header: int) -> list[str]:
    """The column names, from the worksheet's row `header`."""
    return _rows(path, shown=shown, sheet=sheet, header=header)[0]


def _rows(
    path: Path, *, shown: str, sheet: str | None, header: int
) -> tuple[list[str], list[list[object]]]:
    try:
        with CalamineWorkbook.from_path(path) as book:
            if sheet is not None and sheet not in book.sheet_names:
                raise SourceError(
                    f"has no worksheet {sheet!r}; it has {', '.join(book.sheet_names)}",
                    place=shown,
                    remedy="Name one of them as `sheet` in the case file.",
                )
            wanted = sheet if sheet is not None else book.sheet_names[0]
            rows = book.get_sheet_by_name(wanted).to_python(skip_empty_area=False)
    except (CalamineError, OSError) as error:
        raise SourceError(
            f"cannot be read as a workbook ({error})",
            place=shown,
            remedy="Fetch the file again, or save it anew as xlsx.",
        ) from error
    if len(rows) < header:
        raise SourceError("the worksheet is empty", place=shown, remedy="Check `sheet`, `header`.")
    names = [_text(cell) or "" for cell in rows[header - 1]]
    while names and not names[-1] and not any(row[len(names) - 1] for row in rows[header:]):
        names.pop()
    named = max((i for i, name in enumerate(names) if name), default=-1)
    names = [name or (f"column {i + 1}" if i > named else "") for i, name in enumerate(names)]
    names = check_names([name.strip() for name in names], shown=shown, header=header)
    return names, rows[header:]  # type: ignore[return-value]


def _text(cell: object) -> str | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.date | dt.datetime | dt.time):
        return cell.isoformat()
    return str(cell)
