"""Parquet: columns keep their types, so that a number is not written out to be read again."""

from __future__ import annotations

import shutil
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from veedor.errors import SourceError


def read(
    con: ibis.BaseBackend, path: Path, *, shown: str, columns: list[str], folder: Path, name: str
) -> ir.Table:
    """Scan the named columns, and `_row`, the row in the file from 1.

    The file is scanned under a plain name in `folder`, since the engine takes `*`, `?` and `[` in
    a path for a pattern of several files, and `NAME=VALUE` for a column.

    Raises
    ------
    SourceError
        Where the file is damaged or has no rows.
    """
    if not header_names(path, shown=shown):
        raise SourceError("has no columns", place=shown)
    link = folder / f"{name}.parquet"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(path.resolve())
    except OSError:
        shutil.copyfile(path, link)
    table = con.read_parquet(str(link), hive_partitioning=False)
    present = [column for column in columns if column in table.columns]
    return table.select(*present, _row=ibis.row_number() + 1)


def header_names(path: Path, *, shown: str) -> list[str]:
    """The column names of the file's schema."""
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"cannot be read as parquet ({error})", place=shown, remedy="Fetch the file again."
        ) from error
