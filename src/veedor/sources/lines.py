"""Lines of text, by blocks: what the readers of logs and of flows share.

A file is read in blocks of a few megabytes, each split into an Arrow array of lines, which a
parser turns into columns by regular expressions over the whole array; nothing loops over lines in
Python, and the file is never in memory whole. What is read goes to a parquet file.
"""

from __future__ import annotations

import codecs
import re
import shutil
import unicodedata
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from veedor.case.mistake import near
from veedor.case.source import Source
from veedor.case.tables import KINDS_OF_LINES
from veedor.errors import SourceError
from veedor.sources.columns import Columns, Mask, matches, parts, whole_numbers
from veedor.sources.machine import Read, columns_of
from veedor.sources.staging import limited, open_bytes

CHUNK = 8 << 20
"""Bytes of a block."""
MOST_LINES = 1 << 18
"""Lines of a block; more than a block of ordinary lines has, so that a block of empty ones is not
so many times larger in memory."""
LONGEST = 1 << 20
"""Bytes of the longest line (and of the longest record of several lines) that is read."""
MOST_LAYOUTS = 500
"""Different layouts of a block of lines; a log that was joined end to end repeats its own."""
SHOWN = 200
"""Characters of a broken line that are shown."""

TYPES = {"int64": pa.int64(), "string": pa.string()}

L = TypeVar("L", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive lines (or records) of a file.

    Attributes
    ----------
    rows : int64 (n)
        Their line numbers, from 1; of a record of several lines, the first one.
    text : strings (n)
        Without the line's end; null where the line is too long or holds a null character.
    whole : strings (n)
        The same, never null, to show what a broken line looks like.
    several : bool (n), or None where every record is one line
        Records of several lines.
    """

    rows: NDArray[np.int64]
    text: pa.StringArray
    whole: pa.StringArray
    several: Mask | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser made of a batch of n lines.

    Attributes
    ----------
    kept : bool (n)
        Lines that hold a row.
    passed : bool (n)
        Lines that are not meant to hold one: comments, headers, blank lines.
    columns : mapping of arrays of `kept.sum()` values
        Those that it fills, of `machine.columns_of`.
    """

    kept: Mask
    passed: Mask
    columns: Columns


class Parser(Protocol):
    """Turns batches of lines, in the order of the file, into columns."""

    def parse(self, batch: Batch) -> Parsed:
        """Columns of a batch."""

    def basis(self) -> str:
        """What the stamps are, in words, once the file is read."""


@dataclass(slots=True)
class Sink:
    """Writes batches of columns to a parquet file and counts what was read.

    Parameters
    ----------
    source : Source
    shown : str
        The file's name for messages.
    target : path
        The parquet file; made when the first batch is written.
    """

    source: Source
    shown: str
    target: Path
    lines: int = 0
    broken: int = 0
    first_broken: tuple[int, str] | None = None
    spanning: int = 0
    unknown: int = 0
    first_unknown: tuple[int, str] | None = None
    _writer: pq.ParquetWriter | None = field(default=None)

    def add(self, batch: Batch, parsed: Parsed) -> None:
        """Write the rows of a batch, and count its broken lines."""
        wrong = np.flatnonzero(~parsed.kept & ~parsed.passed)
        if len(wrong):
            self.reject(int(batch.rows[wrong[0]]), batch.whole[int(wrong[0])].as_py(), len(wrong))
        if batch.several is not None:
            self.spanning += int((batch.several & parsed.kept).sum())
        self.write(batch.rows[parsed.kept], parsed.columns)

    def reject(self, row: int, text: str, number: int = 1) -> None:
        """Count broken lines, of which the first is shown."""
        self.lines += number
        self.broken += number
        if self.first_broken is None:
            self.first_broken = (row, sample(text))

    def write(self, rows: NDArray[np.int64], columns: Columns) -> None:
        """Write rows: the columns of the source's kind, and what the case says of them."""
        self.lines += len(rows)
        columns = {**columns, "row": pa.array(rows, pa.int64())}
        if self.source.kind == "log-lines":
            columns = as_the_case_says(self.source, columns, len(rows), self.shown)
            if "kind" in self.source.fields:
                columns["kind"] = self._known(columns["kind"], rows)
        types = {name: TYPES[kind] for name, kind in columns_of(self.source).items()}
        schema = pa.schema(list(types.items()))
        arrays = [
            columns[name].cast(kind) if name in columns else pa.nulls(len(rows), kind)
            for name, kind in types.items()
        ]
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.target, schema)
        if len(rows):
            self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

    def _known(self, kind: pa.StringArray, rows: NDArray[np.int64]) -> pa.StringArray:
        """Classes of lines as veedor has them; any other is counted, and is `other`."""
        known = pc.is_in(kind, value_set=pa.array(KINDS_OF_LINES))
        odd = np.flatnonzero(~np.array(known))
        if len(odd) and self.first_unknown is None:
            first = int(odd[0])
            self.first_unknown = (int(rows[first]), sample(kind[first].as_py()))
        self.unknown += len(odd)
        return pc.if_else(known, kind, "other")

    def _notes(self) -> str:
        """What else there is to say of the reading, in words."""
        if self.first_unknown is None:
            return ""
        row, name = self.first_unknown
        one = self.unknown == 1
        lines = "1 line is of a class" if one else f"{self.unknown:,} lines are of classes"
        return (
            f"{lines} that veedor does not have and"
            f" {'counts' if one else 'count'} as other,"
            f" {'' if one else 'the first '}in row {row}: {name!r}{near(name, KINDS_OF_LINES)}"
        )

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()

    def read(self, con: ibis.BaseBackend, basis: str, *, may_be_empty: bool = False) -> Read:
        """What was read.

        Raises
        ------
        SourceError
            Where no line could be read as the format has it, or there is none.
        """
        if self._writer is None:
            self.write(np.empty(0, dtype=np.int64), {})
        self.close()
        if self.lines == 0 and not may_be_empty:
            raise SourceError("holds no lines", place=self.shown, remedy="Fetch the file again.")
        if self.lines == self.broken and self.first_broken is not None:
            row, text = self.first_broken
            raise SourceError(
                f"no line of it is of the format {self.source.format!r}; the first reads: {text}",
                place=f"{self.shown}, row {row}",
                remedy=f"Mend `format` or `encoding` of sources.{self.source.id} in the case file.",
            )
        table = con.read_parquet(str(self.target), hive_partitioning=False)
        notes = self._notes()
        return Read(
            table,
            self.lines,
            self.broken,
            self.first_broken,
            f"{basis}. {notes}" if notes else basis,
            self.spanning,
            notes,
        )


@contextmanager
def sink(source: Source, path: Path, folder: Path) -> Iterator[Sink]:
    """A sink for the file at `path`, ended whatever happens."""
    made = Sink(source, f"{path.name} ({source.id})", folder / f"{source.id}.machine.parquet")
    try:
        yield made
    finally:
        made.close()


@contextmanager
def opened(source: Source, path: Path) -> Iterator[IO[bytes]]:
    """The bytes of the source's file.

    Raises
    ------
    SourceError
        Where it cannot be opened, is empty, is an archive that cannot be unpacked, or unpacks to
        far more than logs do.
    """
    if path.exists() and path.stat().st_size == 0:
        raise SourceError("the file is empty", place=str(path), remedy="Fetch the file again.")
    try:
        with open_bytes(path, source.member) as stream:
            yield limited(stream, path)
    except (RuntimeError, NotImplementedError) as error:
        raise SourceError(
            f"the archive cannot be unpacked ({error})",
            place=str(path),
            remedy="Unpack it by hand and name the plain file.",
        ) from error


def unpacked(source: Source, path: Path, folder: Path) -> Path:
    """The file as it is, or unpacked to `folder`, for packages that read files and not streams.

    Raises
    ------
    SourceError
        As `opened`.
    """
    with opened(source, path) as stream:
        if path.suffix.lower() not in (".gz", ".zip"):
            return path
        target = folder / f"{source.id}.unpacked"
        with target.open("wb") as out:
            shutil.copyfileobj(stream, out, CHUNK)
    return target


def read_lines(
    con: ibis.BaseBackend,
    source: Source,
    path: Path,
    folder: Path,
    parser: Parser,
    *,
    join: Callable[[Iterator[Batch]], Iterator[Batch]] | None = None,
    may_be_empty: bool = False,
) -> Read:
    """Read a file of lines by a parser.

    Parameters
    ----------
    join : function, optional
        Joins lines to records, where a record may have several (`records.Joiner.join`).
    may_be_empty : bool
        A file that holds comments only is no error.
    """
    with sink(source, path, folder) as out:
        with opened(source, path) as stream:
            batches = batches_of(stream, source.encoding, str(path))
            for batch in join(batches) if join else map(_filled, batches):
                out.add(batch, parser.parse(batch))
        return out.read(con, parser.basis(), may_be_empty=may_be_empty)


def first_lines(source: Source, path: Path, number: int = 50) -> list[str]:
    """The first lines of a file, to tell its shape."""
    with opened(source, path) as stream:
        start = stream.read(1 << 16)
    text = start.decode(_known(source.encoding, str(path)), "replace").removeprefix("\ufeff")
    return text.splitlines()[:number]


def batches_of(stream: IO[bytes], encoding: str, shown: str) -> Iterator[Batch]:
    """Split a stream into lines, block by block. Bytes that are no text become U+FFFD."""
    decoder = codecs.getincrementaldecoder(_known(encoding, shown))(errors="replace")
    rest, row, first = b"", 1, True
    while True:
        chunk = stream.read(CHUNK)
        data = rest + decoder.decode(chunk, final=not chunk).encode("utf-8", "replace")
        if first:
            data = data.removeprefix(codecs.BOM_UTF8)
            first = False
        if not chunk and data and not data.endswith(b"\n"):
            data += b"\n"
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if len(rest) > LONGEST:
            # A line that is too long is not read: what goes beyond is not kept.
            rest = rest[: LONGEST + 8].decode("utf-8", "ignore").encode()
        if end:
            batch = _batch(data[:end], row)
            row += len(batch.rows)
            yield from _pieces(batch)
        if not chunk:
            return


def _pieces(batch: Batch) -> Iterator[Batch]:
    """The lines of a block, not too many at once."""
    for start in range(0, len(batch.rows), MOST_LINES):
        stop = start + MOST_LINES
        yield Batch(batch.rows[start:stop], batch.text[start:stop], batch.whole[start:stop])


def _filled(batch: Batch) -> Batch:
    """The lines that hold something: no format has a row in an empty one."""
    filled = pc.greater(pc.binary_length(batch.whole), 0)
    if pc.all(filled).as_py():
        return batch
    rows = batch.rows[filled.to_numpy(zero_copy_only=False)]
    return Batch(rows, batch.text.filter(filled), batch.whole.filter(filled))


def _known(encoding: str, shown: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise SourceError(
            f"unknown encoding {encoding!r}",
            place=shown,
            remedy="Set `encoding` in the case file: utf-8, latin-1, cp1252 ...",
        ) from error


def _batch(data: bytes, row: int) -> Batch:
    """Lines of a block that ends with a line's end. The array shares its bytes with the block."""
    octets = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(octets == ord("\n")) + 1
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    with_ends = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    whole = pc.ascii_rtrim(with_ends, characters="\r\n")
    bad = np.diff(offsets) > LONGEST
    nulls = np.flatnonzero(octets == 0)
    bad[np.searchsorted(ends, nulls, side="right")] = True
    text = pc.if_else(pa.array(bad), None, whole) if bad.any() else whole
    return Batch(np.arange(row, row + len(ends)), text, whole)


def sample(text: str) -> str:
    """The start of a broken line, without control characters."""
    start = text[: 4 * SHOWN]
    clean = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in start)
    return clean[:SHOWN]


def as_the_case_says(source: Source, columns: Columns, number: int, shown: str) -> Columns:
    """The case's own kinds, named parts and host, where it states them.

    Raises
    ------
    SourceError
        Where an expression looks ahead or behind, or refers back: the engine has no such thing,
        and reads every line in time that grows with its length only.
    """
    made = dict(columns)
    message = made.get("message", pa.nulls(number, pa.string()))
    kind = made.get("kind", pa.nulls(number, pa.string()))
    try:
        for name, pattern in reversed(source.kinds.items()):
            kind = pc.if_else(pa.array(matches(message, pattern)), name, kind)
        if source.pattern:
            for name, found in parts(message, _only_named(source.pattern))[1].items():
                given: Any = whole_numbers(found) if name == "sequence" else found
                made[name] = pc.coalesce(given, made[name]) if name in made else given
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"an expression of `pattern` or `kinds` cannot be used ({error})",
            place=f"{shown}, sources.{source.id}",
            remedy="Write it without looking ahead or behind, and without reference back.",
        ) from error
    made["kind"] = pc.fill_null(kind, "other")
    if source.of_host:
        host = made.get("host", pa.nulls(number, pa.string()))
        made["host"] = pc.fill_null(host, source.of_host)
    return made


def _only_named(pattern: str) -> str:
    """The pattern with its groups without a name made groups that take nothing out."""
    piece = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?!\?)", re.DOTALL)
    return piece.sub(lambda m: "(?:" if m[0] == "(" else m[0], pattern)


Groups = list[tuple[L, NDArray[np.int64]]]
"""Each layout with the places of its lines in a batch."""


def by_layout(
    batch: Batch, heads: Mask, passed: Mask, layout: L, change: Callable[[L, str], L]
) -> tuple[Groups[L], L]:
    """Group the lines of a batch by the layout in force, which head lines change.

    Parameters
    ----------
    heads : bool (n)
        Lines that may change the layout.
    passed : bool (n)
        Lines that are in no group; head lines are in none either.
    layout : hashable
        The one in force before the batch.
    change : function
        The layout after a head line, from the one before and the line.

    Returns
    -------
    The layouts that have lines, with their places, and the last layout.

    Raises
    ------
    SourceError
        Where layouts change as no program that writes logs changes them.
    """
    known = {layout: 0}
    places = np.flatnonzero(heads)
    numbers = [0]
    for where, line in zip(places, batch.whole.take(pa.array(places)).to_pylist(), strict=True):
        layout = change(layout, line)
        numbers.append(known.setdefault(layout, len(known)))
        if len(known) > MOST_LAYOUTS:
            raise SourceError(
                f"names its columns anew more than {MOST_LAYOUTS} times, each time others",
                place=f"row {batch.rows[where]}",
                remedy="Look at what the file holds: no program writes a log so.",
            )
    left = np.flatnonzero(~heads & ~passed)
    if len(known) == 1:
        return [(layout, left)], layout
    each = np.array(numbers)[np.searchsorted(places, left)]
    # Sorted by layout, and within one in the order of the file: no layout costs a mask of its own.
    order = np.argsort(each, kind="stable")
    names = list(known)
    firsts = np.flatnonzero(np.diff(each[order], prepend=-1))
    spans = pairwise([*firsts.tolist(), len(order)])
    return [(names[each[order[a]]], left[order[a:b]]) for a, b in spans], layout


def in_order(
    batch: Batch,
    passed: Mask,
    groups: Groups[L],
    parse: Callable[[pa.StringArray, L], tuple[Mask, Columns]],
) -> Parsed:
    """Parse groups of lines by their layouts and put the rows back in the order of the file."""
    kept = np.zeros(len(batch.rows), dtype=bool)
    places, tables = [], []
    for layout, lines in groups:
        if not len(lines):
            continue
        good, columns = parse(batch.text.take(pa.array(lines)), layout)
        where = lines[good]
        kept[where] = True
        places.append(where)
        tables.append(pa.table(columns))
    if not tables or not kept.any():
        return Parsed(kept, passed, {})
    if len(tables) == 1:
        return Parsed(kept, passed, columns)
    order = np.argsort(np.concatenate(places))
    whole = pa.concat_tables(tables, promote_options="default").take(pa.array(order))
    return Parsed(kept, passed, {n: whole[n].combine_chunks() for n in whole.column_names})
