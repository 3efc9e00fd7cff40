"""Delimited text: csv, tsv and their kin, plain, gzipped or in a zip archive."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir

from veedor.errors import SourceError


def read(
    con: ibis.BaseBackend,
    staged: Path,
    *,
    shown: str,
    separator: str,
    quote: str,
    header: int,
    escape: str = '"',
) -> ir.Table:
    """Scan a staged UTF-8 file: every column as text, and `_row`, the row in the file.

    Parameters
    ----------
    staged : path
        Plain UTF-8, as `staging.stage` writes it.
    shown : str
        The file's name for messages.
    header : int
        The line of column names, from 1. Rows are counted as records after it, so that `_row` is
        the line in the file where no cell holds a line break.

    Raises
    ------
    SourceError
        Where the file is empty, a column has no name or stands twice, or a row has a different
        number of cells.
    """
    names = header_names(staged, shown=shown, separator=separator, quote=quote, header=header)
    try:
        table = con.read_csv(
            str(staged),
            auto_detect=False,
            header=False,
            skip=header,
            delim=separator,
            quote=quote,
            escape=escape,
            columns=dict.fromkeys(names, "VARCHAR"),
            null_padding=False,
            ignore_errors=False,
            strict_mode=True,
        )
        numbered = table.mutate(_row=ibis.row_number() + (header + 1))
        return con.create_table(f"raw_{staged.stem}", numbered)
    except duckdb.Error as error:
        raise _explain(error, shown, header) from error


def header_names(staged: Path, *, shown: str, separator: str, quote: str, header: int) -> list[str]:
    """The column names, from line `header`."""
    with staged.open(encoding="utf-8", newline="") as stream:
        lines = [line for _, line in zip(range(header), stream, strict=False)]
    if not lines:
        raise SourceError("the file is empty", place=shown, remedy="Fetch the file again.")
    if len(lines) < header or not lines[-1].strip():
        raise SourceError(
            f"line {header} holds no column names",
            place=shown,
            remedy="Set `header` in the case file to the line of the column names.",
        )
    names = next(csv.reader([lines[-1]], delimiter=separator, quotechar=quote))
    return check_names([name.strip() for name in names], shown=shown, header=header)


def check_names(names: list[str], *, shown: str, header: int) -> list[str]:
    """The names, once each and none empty but the first (an index column gets `_index`)."""
    if names and not names[0]:
        names[0] = "_index"
    for position, name in enumerate(names, 1):
        if not name:
            raise SourceError(
                f"column {position} has no name: a merged or two-line header?",
                place=f"{shown}, row {header}",
                remedy="Set `header` to the row that names every column, or name it in the file.",
            )
        if len(alike := [n for n in names if n.lower() == name.lower()]) > 1:
            raise SourceError(
                f"two columns have one name (small and capital letters are not told apart):"
                f" {alike[0]!r}, {alike[1]!r}",
                place=f"{shown}, row {header}",
                remedy="Rename one of them in a copy of the file, or set `header` to another row.",
            )
    return names


def _explain(error: duckdb.Error, shown: str, header: int) -> SourceError:
    text = str(error)
    line = re.search(r"Line:? (\d+)", text)
    place = f"{shown}, row {line.group(1)}" if line else shown
    expected = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if expected:
        return SourceError(
            f"the row has {expected.group(2)} cells where the header has {expected.group(1)}",
            place=place,
            remedy="Check `separator` and `quote` in the case file, and the file itself.",
        )
    first = text.strip().splitlines()[0]
    return SourceError(
        f"cannot be read as delimited text: {first}",
        place=place,
        remedy=f"Check `separator`, `quote` and `header` (now {header}) in the case file.",
    )
