"""Flows and log lines kept as a table, delimited, parquet or excel: the case maps its columns.

Lengths of time are seconds; a flow's protocol may be a name or its number. Cells of delimited text
are text until they are read, so that `007` stays as it is written.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from veedor.case.source import Source
from veedor.case.tables import FLOWS
from veedor.errors import SourceError
from veedor.sources import excel, parquet
from veedor.sources.columns import (
    Columns,
    Mask,
    filled,
    matches,
    take,
    whole_numbers,
)
from veedor.sources.delimited import check_names
from veedor.sources.flows import NUMERIC, sound
from veedor.sources.lines import Batch, Parsed, first_lines, read_lines, sink, unpacked
from veedor.sources.machine import Read
from veedor.sources.nfdump import protocols
from veedor.sources.read import check_columns
from veedor.sources.records import Dialect, delimited_cells, quoted, stamped
from veedor.sources.stamps import Stamps, by_format, iso, spans

NUMBERS = (*(n for n, about in FLOWS.items() if about.startswith("int64")), "sequence")


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Rows of a table; `Source.fields` and `Source.instant` say what its columns are.

    Raises
    ------
    SourceError
        Where a mapped column is not in it, or a column of it is neither mapped nor ignored.
    """
    shown = f"{path.name} ({source.id})"
    if source.split or source.lookup:
        raise SourceError(
            "`split` and `lookup` are not for flows and log lines",
            place=shown,
            remedy="Take parts of a message out by `pattern`.",
        )
    if source.format == "delimited":
        return _delimited(con, source, path, folder, shown)
    with sink(source, path, folder) as out:
        for rows, cells in _tabular(con, source, path, folder, shown):
            wanted = in_scope(source, cells, len(rows))
            rows, cells = rows[wanted], take(cells, wanted)
            columns = canonical(source, cells)
            fair = sound_rows(source, cells, columns)
            if len(wrong := np.flatnonzero(~fair)):
                first = int(wrong[0])
                text = ", ".join(str(cells[n][first].as_py() or "") for n in cells)
                out.reject(int(rows[first]), text, len(wrong))
            out.write(rows[fair], take(columns, fair))
        return out.read(con, basis(source), may_be_empty=True)


def _delimited(con: ibis.BaseBackend, source: Source, path: Path, folder: Path, shown: str) -> Read:
    dialect = dialect_of(source, shown)
    names = header(source, path, shown)
    check_columns(source, names, set(), shown)
    parser = Rows(source, names, dialect)
    join = None
    if source.quote:
        own = stamped(names, source.instant, dialect, lambda *cells: _dated(source, cells))
        join = quoted(source.quote, source.escape, own).join
    return read_lines(con, source, path, folder, parser, join=join, may_be_empty=True)


def _dated(source: Source, cells: Sequence[pa.StringArray]) -> Mask:
    """Where the cells of the columns of the stamp are an instant."""
    stamps = _stamps(source, [_clean(source, cell) for cell in cells])[1]
    return np.array(pc.or_(stamps.us.is_valid(), stamps.wall.is_valid()))


def _stamps(source: Source, cells: Sequence[pa.StringArray]) -> tuple[pa.StringArray, Stamps]:
    """The stamp as it is written, and what it is."""
    raw = pc.binary_join_element_wise(*cells, " ")
    form = source.instant_format
    return raw, iso(raw) if form == "iso" else by_format(raw, form)


def dialect_of(source: Source, shown: str) -> Dialect:
    """How the source is written; an error where large logs are not read so."""
    sizes = {name: len(getattr(source, name).encode()) for name in ("separator", "quote", "escape")}
    wrong = [name for name, size in sizes.items() if size > 1 or (name != "quote" and size == 0)]
    if wrong:
        raise SourceError(
            f"the {wrong[0]} {getattr(source, wrong[0])!r} is not one plain character",
            place=shown,
            remedy="Export the log with a comma, a semicolon or a tab between its cells.",
        )
    return Dialect(source.separator, source.quote, source.escape)


def header(source: Source, path: Path, shown: str) -> list[str]:
    """The column names of a delimited file, from its line `header`."""
    lines = first_lines(source, path, source.header)
    if len(lines) < source.header or not lines[-1].strip():
        raise SourceError(
            f"line {source.header} holds no column names",
            place=shown,
            remedy="Set `header` in the case file to the line of the column names.",
        )
    try:
        if source.quote:
            rows = csv.reader([lines[-1]], delimiter=source.separator, quotechar=source.quote)
        else:
            rows = csv.reader([lines[-1]], delimiter=source.separator, quoting=csv.QUOTE_NONE)
        names = next(rows)
    except csv.Error as error:
        raise SourceError(
            f"line {source.header} cannot be read as column names ({error})",
            place=shown,
            remedy="Check `separator`, `quote` and `header` in the case file.",
        ) from error
    return check_names([name.strip() for name in names], shown=shown, header=source.header)


class Rows:
    """Parser of delimited rows."""

    def __init__(self, source: Source, names: list[str], dialect: Dialect) -> None:
        self.source, self.names, self.dialect = source, names, dialect
        self.wanted = {column for _, column in source.mapped()}

    def parse(self, batch: Batch) -> Parsed:
        """Rows of a batch of records."""
        passed = matches(batch.text, r"^\s*$") | (batch.rows <= self.source.header)
        text = pc.if_else(pa.array(passed), None, batch.text)
        kept, cells = delimited_cells(text, self.names, self.dialect, self.wanted)
        cells = {name: filled(array) for name, array in cells.items()}
        if kept.any():
            wanted = in_scope(self.source, cells, int(kept.sum()))
            passed[np.flatnonzero(kept)[~wanted]] = True
            kept[kept] = wanted
            cells = take(cells, wanted)
            columns = canonical(self.source, cells)
            fair = sound_rows(self.source, cells, columns)
            kept[kept] = fair
            cells = take(columns, fair)
        return Parsed(kept, passed, cells)

    def basis(self) -> str:
        """What the stamps are."""
        return basis(self.source)


def basis(source: Source) -> str:
    """What the stamps of a mapped table are."""
    form = "ISO 8601" if source.instant_format == "iso" else source.instant_format
    columns = " and ".join(source.instant)
    return f"{columns}, written as {form}; those without an offset are a wall clock"


def in_scope(source: Source, cells: Columns, number: int) -> Mask:
    """Rows that the source's `only` keeps."""
    wanted = np.ones(number, dtype=bool)
    for entry in source.only:
        within = pc.is_in(_clean(source, cells[entry.column]), value_set=pa.array(entry.values))
        wanted &= np.array(within.to_numpy(zero_copy_only=False), dtype=bool)
    return wanted


def canonical(source: Source, cells: Columns) -> Columns:
    """Columns of FLOWS or LOG_LINES from the cells of the columns that the case maps."""
    clean = {name: _clean(source, array) for name, array in cells.items()}
    raw, stamps = _stamps(source, [clean[name] for name in source.instant])
    columns = stamps.columns() | {name: clean[c] for name, c in source.fields.items()}
    for name in columns.keys() & set(NUMBERS) - {"us", "wall"}:
        columns[name] = (spans if name == "duration" else whole_numbers)(columns[name])
    if "proto" in columns:
        columns["proto"] = protocols(columns["proto"])
    if source.kind == "log-lines":
        columns["raw"] = raw
    return columns


def sound_rows(source: Source, cells: Columns, columns: Columns) -> Mask:
    """Rows of flows whose instant, ends and counts can be such, where they are written; all rows of
    another kind. An end may be a machine's name.
    """
    at = pc.coalesce(columns["us"], columns["wall"])
    if source.kind != "flows":
        return np.ones(len(at), dtype=bool)
    fair: Mask = np.array(pc.fill_null(pc.greater_equal(at, 0), True))
    ends = [pc.fill_null(columns[name], "-") for name in ("src", "dst")]
    counts = [
        (filled(_clean(source, cells[source.fields[name]]), "-"), columns[name])
        for name in ("bytes_out", "bytes_in", "packets")
        if name in source.fields
    ]
    found = sound(ends, counts, form=NUMERIC)
    return fair if found is None else fair & found


def _clean(source: Source, cell: pa.StringArray) -> pa.StringArray:
    return filled(pc.utf8_trim(cell, characters=source.strip)) if source.strip else cell


def _tabular(
    con: ibis.BaseBackend, source: Source, path: Path, folder: Path, shown: str
) -> Iterator[tuple[np.ndarray, Columns]]:
    """Row numbers and cells, as text, of a parquet or excel file, by batches."""
    plain = unpacked(source, path, folder)
    if source.format == "excel":
        names = excel.header_names(plain, shown=shown, sheet=source.sheet, header=source.header)
        check_columns(source, names, set(), shown)
        name = f"mapped_{source.id}".replace("-", "_")
        sheet, header = source.sheet, source.header
        table = excel.read(con, plain, shown=shown, sheet=sheet, header=header, name=name)
        found = table.to_pyarrow().combine_chunks()
        rows = found.column("_row").to_numpy()
        yield rows, {n: filled(found.column(n).combine_chunks()) for n in names}
        return
    names = parquet.header_names(plain, shown=shown)
    check_columns(source, names, set(), shown)
    wanted = {column for _, column in source.mapped()}
    yield from _parquet(plain, [n for n in names if n in wanted], shown)


def _parquet(path: Path, names: list[str], shown: str) -> Iterator[tuple[np.ndarray, Columns]]:
    row = 1
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=50_000, columns=names):
                cells = {name: filled(_as_text(batch.column(name))) for name in names}
                yield np.arange(row, row + batch.num_rows), cells
                row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"cannot be read as parquet from row {row} on ({error})",
            place=shown,
            remedy="Fetch the file again.",
        ) from error


def _as_text(cells: pa.Array) -> pa.StringArray:
    """Numbers without an exponent: a count is not written 1e+15."""
    if pa.types.is_floating(cells.type):
        whole = pc.and_(pc.equal(cells, pc.floor(cells)), pc.less(pc.abs(cells), 1e15))
        round_ones = pc.if_else(whole, cells, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(round_ones, cells.cast(pa.string()))
    return cells.cast(pa.string())
