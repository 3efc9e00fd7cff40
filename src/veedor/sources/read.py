"""Open a source of a case: the right reader, the columns that the case maps, the rows it wants."""

from __future__ import annotations

import difflib
import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Lookup, Source
from veedor.errors import SourceError
from veedor.sources import delimited, excel, parquet, staging


@dataclass(frozen=True, slots=True)
class Opened:
    """A source's rows, cells as written.

    `table` has the file's mapped columns and `_row`; `rows` is how many the file has, of which
    `out_of_scope` belong to something else (the source's `only`).
    """

    table: ir.Table
    rows: int
    out_of_scope: int


MAY_BE_EMPTY = ("showings",)
"""Kinds of which a file without rows says something: that nothing was shown."""


def open_source(
    con: ibis.BaseBackend, source: Source, path: Path, lookups: dict[str, Path], folder: Path
) -> Opened:
    """Open a source's file, join its lookups and keep its rows.

    Parameters
    ----------
    con : Ibis backend
    source : Source
    path : path
        Where its file lies.
    lookups : mapping
        Where the files of its lookups lie.
    folder : path
        A folder for files unpacked on the way; removed by the caller.

    Raises
    ------
    SourceError
        Where a file cannot be read, lacks a mapped column, has a column that the case neither maps
        nor ignores, or has no rows though its kind always has some.
    """
    shown = f"{path.name} ({source.id})"
    names = _names(source, path, shown, folder)
    added = {
        column: lookup
        for lookup in source.lookup
        for column in _lookup_names(lookup, lookups[lookup.file])
        if column not in lookup.on.values()
    }
    made = {name for part in source.split for name in part.names}
    check_columns(source, names, {*added, *made}, shown)
    table = _table(con, source, path, shown, names, folder)
    rows = _rows(table)
    if rows == 0 and source.kind not in MAY_BE_EMPTY:
        raise SourceError(
            "has column names and no rows", place=shown, remedy="Fetch the file again."
        )
    for part in source.split:
        cells = _cell(table[part.column])
        group = re.compile(part.pattern).groupindex
        pattern = re.sub(r"\(\?P<[^>]+>", "(", part.pattern)
        table = table.mutate(
            **{
                name: cells.re_search(pattern).ifelse(
                    cells.re_extract(pattern, number), ibis.null("string")
                )
                for name, number in group.items()
            }
        )
    for position, lookup in enumerate(source.lookup):
        stem = f"lookup_{_stem(source.id)}_{position}"
        table = _join(con, table, lookup, lookups[lookup.file], folder, stem)
    for entry in source.only:
        table = table.filter(_cell(table[entry.column]).isin(entry.values))
    kept = _rows(table) if source.only else rows
    return Opened(table, rows, rows - kept)


def read_columns(
    path: Path,
    *,
    encoding: str = "utf-8",
    separator: str = ",",
    quote: str = '"',
    header: int = 1,
    member: str | None = None,
    sheet: str | None = None,
) -> list[str]:
    """The column names of a file of any format that veedor reads, told by its suffix."""
    shown = path.name
    if path.suffix.lower() in (".xlsx", ".xls", ".xlsm", ".ods"):
        return excel.header_names(path, shown=shown, sheet=sheet, header=header)
    if path.suffix.lower() == ".parquet":
        return parquet.header_names(path, shown=shown)
    import csv

    lines = staging.head(path, encoding=encoding, member=member, lines=header)
    if len(lines) < header:
        raise SourceError("the file is empty", place=shown, remedy="Fetch the file again.")
    row = next(csv.reader([lines[-1].removeprefix("\ufeff")], delimiter=separator, quotechar=quote))
    return delimited.check_names([n.strip() for n in row], shown=shown, header=header)


def _names(source: Source, path: Path, shown: str, folder: Path) -> list[str]:
    if source.format == "excel":
        return excel.header_names(path, shown=shown, sheet=source.sheet, header=source.header)
    if source.format == "parquet":
        return parquet.header_names(path, shown=shown)
    staged = staging.stage(
        path, folder, _stem(source.id), encoding=source.encoding, member=source.member
    )
    return delimited.header_names(
        staged,
        shown=shown,
        separator=source.separator,
        quote=source.quote,
        header=source.header,
    )


def _table(
    con: ibis.BaseBackend, source: Source, path: Path, shown: str, names: list[str], folder: Path
) -> ir.Table:
    if source.format == "excel":
        return excel.read(
            con,
            path,
            shown=shown,
            sheet=source.sheet,
            header=source.header,
            name=_stem(source.id),
        )
    if source.format == "parquet":
        wanted = {column for _, column in source.mapped()}
        wanted |= {column for lookup in source.lookup for column in lookup.on}
        return parquet.read(
            con,
            path,
            shown=shown,
            columns=[n for n in names if n in wanted],
            folder=folder,
            name=_stem(source.id),
        )
    return delimited.read(
        con,
        folder / f"{_stem(source.id)}.csv",
        shown=shown,
        separator=source.separator,
        quote=source.quote,
        header=source.header,
        escape=source.escape,
    )


def check_columns(source: Source, names: list[str], added: set[str], shown: str) -> None:
    """Raise a SourceError where a mapped column is lacking, or one is not mapped nor ignored."""
    known = set(names) | added
    for key, column in source.mapped():
        if column not in known:
            near = difflib.get_close_matches(column, sorted(known), n=3, cutoff=0.5)
            has = f"nearest: {', '.join(map(repr, near))}" if near else f"it has {', '.join(names)}"
            raise SourceError(
                f"has no column {column!r}, which the case file names at"
                f" sources.{source.id}.{key}; {has}",
                place=f"{shown}, row {source.header}",
                remedy="Mend the name in the case file, or `separator`, `encoding`, `header`.",
            )
    mapped = {column for _, column in source.mapped()}
    mapped |= {column for lookup in source.lookup for column in lookup.on}
    rest = [
        n
        for n in names
        if n not in mapped
        and n != "_index"
        and not any(fnmatch.fnmatchcase(n, pattern) for pattern in source.ignore)
    ]
    if rest:
        raise SourceError(
            "has columns that the case file neither maps nor ignores: "
            + ", ".join(map(repr, rest)),
            place=f"{shown}, row {source.header}",
            remedy=(
                f"Map them under sources.{source.id} (an option that is left out is lost votes),"
                " or name them in its `ignore`."
            ),
        )


def _lookup_names(lookup: Lookup, path: Path) -> list[str]:
    return read_columns(path, encoding=lookup.encoding, separator=lookup.separator)


def _join(
    con: ibis.BaseBackend, table: ir.Table, lookup: Lookup, path: Path, folder: Path, stem: str
) -> ir.Table:
    shown = path.name
    staged = staging.stage(path, folder, stem, encoding=lookup.encoding, member=None)
    other = delimited.read(
        con,
        staged,
        shown=shown,
        separator=lookup.separator,
        quote='"',
        header=1,
        escape=lookup.escape,
    ).drop("_row")
    for column in lookup.on.values():
        if column not in other.columns:
            raise SourceError(f"has no column {column!r}", place=shown, remedy="Mend `lookup.on`.")
    keys = list(lookup.on.values())
    most = other.group_by(keys).agg(n=ibis._.count()).n.max().to_pyarrow().as_py()
    if most is not None and most > 1:
        raise SourceError(
            f"{' and '.join(keys)} stand {most} times together: rows would be multiplied",
            place=shown,
            remedy="Add the columns that tell these rows apart to `lookup.on`.",
        )
    other = other.rename({f"_on_{i}": column for i, column in enumerate(keys)})
    clash = [column for column in other.columns if column in table.columns]
    predicates = [
        _cell(table[left]) == _cell(other[f"_on_{i}"]) for i, left in enumerate(lookup.on)
    ]
    return table.left_join(other.drop(*clash), predicates)


def _rows(table: ir.Table) -> int:
    """How many rows a table has."""
    return int(table.count().to_pyarrow().as_py())


def _cell(column: ir.Value) -> ir.StringValue:
    return column.cast("string").strip()


def _stem(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)
