"""The shape of a data file that nobody has described: encoding, separator, header, first rows."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from veedor.errors import SourceError

ROWS = 20_000
"""Rows that are looked at; more would tell little else about a column."""
LOOKED = 64 << 20
"""Bytes that are looked at for the encoding."""
HEADER_LINES = 30
"""Lines within which the column names are looked for."""
SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file's shape, and its first rows as text."""

    path: Path
    format: Literal["delimited", "excel", "parquet"]
    names: list[str]
    rows: list[list[str]]
    encoding: str = "utf-8"
    separator: str = ","
    header: int = 1
    member: str | None = None
    sheet: str | None = None
    doubts: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        """The cells of a column, stripped."""
        index = self.names.index(name)
        return [row[index].strip() if index < len(row) else "" for row in self.rows]


def take(path: Path) -> Sample:
    """Look at a csv, tsv, xlsx, xls, ods or parquet file, plain or in a zip or gz.

    Raises
    ------
    SourceError
        Where it cannot be read, or no line of it looks like column names.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet(path)
    if suffix in (".xlsx", ".xlsm", ".xls", ".ods"):
        return _excel(path)
    return _delimited(path)


def _delimited(path: Path) -> Sample:
    from veedor.sources import staging

    member, doubts = _member(path)
    with staging.open_bytes(path, member) as stream:
        raw = stream.read(LOOKED)
    encoding = guess_encoding(raw)
    text = raw.decode(encoding, errors="ignore").removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)[: ROWS + HEADER_LINES]
    separator = guess_separator(lines)
    rows = list(csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator))
    header = guess_header(rows[:HEADER_LINES], str(path))
    # Rows and lines part where a quoted cell above the header holds a line break; none was met.
    names = [name.strip() for name in rows[header - 1]]
    body = [row for row in rows[header:] if any(cell.strip() for cell in row)][:ROWS]
    return Sample(path, "delimited", names, body, encoding, separator, header, member, None, doubts)


def _member(path: Path) -> tuple[str | None, list[str]]:
    """The largest text file of an archive of several; None for an archive of one, or no archive."""
    if not zipfile.is_zipfile(path):
        return None, []
    with zipfile.ZipFile(path) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) < 2:
        return None, []
    texts = [f for f in files if f.filename.lower().endswith((".csv", ".tsv", ".txt"))]
    chosen = max(texts or files, key=lambda info: (info.file_size, info.filename)).filename
    return chosen, [f"the archive holds {len(files)} files; this one is the largest"]


def _parquet(path: Path) -> Sample:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            batch = next(file.iter_batches(batch_size=ROWS), None)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"cannot be read as parquet ({error})", place=str(path)) from error
    columns = [] if batch is None else [column.to_pylist() for column in batch.columns]
    rows = [["" if v is None else _number(v) for v in row] for row in zip(*columns, strict=True)]
    return Sample(path, "parquet", names, rows)


def _excel(path: Path) -> Sample:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as book:
            sheets = {
                name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                for name in book.sheet_names
            }
    except (CalamineError, OSError) as error:
        raise SourceError(f"cannot be read as a workbook ({error})", place=str(path)) from error
    if not sheets:
        raise SourceError("the workbook has no worksheet", place=str(path))
    sheet = max(sheets, key=lambda name: len(sheets[name]))
    cells = [[_number(cell) for cell in row] for row in sheets[sheet][: ROWS + HEADER_LINES]]
    header = guess_header(cells[:HEADER_LINES], str(path))
    body = [row for row in cells[header:] if any(cell.strip() for cell in row)][:ROWS]
    doubts = [f"of {len(sheets)} worksheets, the longest"] if len(sheets) > 1 else []
    names = [name.strip() for name in cells[header - 1]]
    only = sheet if len(sheets) > 1 else None
    return Sample(path, "excel", names, body, header=header, sheet=only, doubts=doubts)


def _number(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def guess_encoding(raw: bytes) -> str:
    """The encoding of the text, among those that election files come in."""
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = raw[:4096]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return _one_byte(raw)
    return "utf-8"


def _one_byte(raw: bytes) -> str:
    """Cyrillic words are runs of high bytes; in Western ones an accented letter stands alone."""
    high = [byte >= 0x80 for byte in raw[: 4 << 20]]
    pairs = sum(1 for a, b in itertools.pairwise(high) if a and b)
    if pairs > sum(high) / 2:
        return "cp1251"
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def guess_separator(lines: Sequence[str]) -> str:
    """The separator that cuts most lines into the same number of fields, and into most."""

    def score(separator: str) -> tuple[float, int]:
        counts = Counter(len(row) for row in csv.reader(lines[:200], delimiter=separator) if row)
        fields, times = max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        return (0.0, 0) if fields < 2 else (times / counts.total() * min(fields, 4), fields)

    if not any(line.strip() for line in lines):
        raise SourceError("the file is empty")
    return max(SEPARATORS, key=score)


def guess_header(rows: Sequence[Sequence[str]], place: str) -> int:
    """The row, from 1, that holds the column names: as wide as the data, distinct words."""
    width = Counter(len(row) for row in rows if len(row) > 1).most_common(1)
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        filled = [cell for cell in cells if cell]
        if not width or len(cells) < width[0][0] or len(filled) < max(2, 0.9 * len(cells)):
            continue
        words = sum(any(c.isalpha() for c in cell) for cell in filled)
        if words >= 0.6 * len(filled) and len(set(filled)) == len(filled):
            return number
    raise SourceError(
        f"none of the first {HEADER_LINES} lines looks like column names",
        place=place,
        remedy="Give the file a line of column names, or write the case file by hand.",
    )
