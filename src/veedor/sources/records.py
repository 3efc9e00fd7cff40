"""Records of several lines, and delimited text by blocks: what logs with quotes or with statements
of several lines share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from veedor.sources.columns import Columns, Mask, matches, parts
from veedor.sources.lines import LONGEST, Batch

Own = Callable[[pa.StringArray], Mask]
"""Tells which lines start like a record of their own, wherever they stand."""


@dataclass(frozen=True, slots=True)
class Joiner:
    """How lines are joined to records of several lines.

    Attributes
    ----------
    begins : function of a batch that starts with a record
        The lines that begin one.
    ended : function of the lines of one record
        Whether its end was seen.
    """

    begins: Callable[[Batch], Mask]
    ended: Callable[[Batch], bool] = lambda _: True

    def join(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Join lines to records.

        The lines of a record that would be longer than the longest line, or that does not end,
        stand for themselves: one lost quote breaks a line, and not the rest of the file.
        """
        held: Batch | None = None
        for batch in batches:
            lines = batch if held is None else _glued(held, batch)
            begins = _short(lines, self.begins(lines))
            last = int(np.flatnonzero(begins)[-1])
            if last:
                yield _records(_sliced(lines, 0, last), begins[:last])
            held = _sliced(lines, last, len(begins) - last)
        if held is not None:
            begins = np.zeros(len(held.rows), dtype=bool)
            begins[0] = True
            yield _records(held, begins if self.ended(held) else ~begins | begins)


def begun_by(pattern: str) -> Joiner:
    """Records that begin with a line like this. Lines before the first stand for themselves."""

    def begins(batch: Batch) -> Mask:
        found = matches(batch.text, pattern)
        found[: int(np.argmax(found)) if found.any() else len(found)] = True
        return found

    return Joiner(begins)


def quoted(quote: str, escape: str, own: Own) -> Joiner:
    """Records of delimited text, which end with a line's end outside quotes.

    Parameters
    ----------
    own : function of lines
        Those that begin a record even within quotes: after a quote that was lost, reading goes on
        there. A line within a quoted cell that starts so ends that cell: whoever can write line
        ends into a cell could otherwise hide the lines after it.
    """

    def begins(batch: Batch) -> Mask:
        each = _quotes(batch.whole, quote, escape)
        before = np.cumsum(each) - each
        outside: Mask = before % 2 == 0
        if outside.all():
            return outside
        sure = own(batch.text)
        last = np.maximum.accumulate(np.where(sure, np.arange(len(each)), 0))
        begun: Mask = sure | ((before - before[last]) % 2 == 0)
        return begun

    return Joiner(begins, lambda lines: int(_quotes(lines.whole, quote, escape).sum()) % 2 == 0)


def stamped(
    names: Sequence[str], stamps: Sequence[str], dialect: Dialect, read: Callable[..., Mask]
) -> Own:
    """Lines of delimited text with a stamp where it belongs, and as many cells as there are names.

    The cells of a line with an odd number of quotes cannot be counted: its stamp alone tells.

    Parameters
    ----------
    names, stamps : names of all columns, and of those that make up the stamp
    read : function of the cells of `stamps`
        Where they are an instant.
    """
    places = [names.index(name) for name in stamps]
    mark, escape = (re.escape(c) for c in (dialect.quote, dialect.escape))
    end = re.escape(dialect.separator)
    inner = rf"[^{mark}]|{mark}{mark}" if mark == escape else rf"[^{mark}{escape}]|{escape}."
    cell = rf"(?:{mark}(?:{inner})*{mark}|[^{end}{mark}]*)"

    def own(text: pa.StringArray) -> Mask:
        good = np.ones(len(text), dtype=bool)
        cells = []
        for place in places:
            # What stands in quotes and what stands outside are two groups, of which one is filled.
            pattern = (
                rf"(?s)^(?:{cell}{end}){{{place}}}"
                rf"(?:{mark}(?P<q>(?:{inner})*){mark}|(?P<u>[^{end}{mark}]*))(?:{end}|$)"
            )
            hit, found = parts(text, pattern)
            good &= hit
            cells.append(pc.fill_null(pc.coalesce(found["q"], found["u"]), ""))
        good &= read(*cells)
        where = np.flatnonzero(good)
        some = text.take(pa.array(where))
        even = _quotes(some, dialect.quote, dialect.escape) % 2 == 0
        bare = pc.replace_substring_regex(some, rf"(?s){mark}(?:{inner})*{mark}", "")
        ends = pc.count_substring(bare, dialect.separator).to_numpy(zero_copy_only=False)
        good[where] = ~even | (ends == len(names) - 1)
        return good

    return own


def _quotes(text: pa.StringArray, quote: str, escape: str) -> NDArray[np.int64]:
    """How many quotes that begin or end something each text holds."""
    number = pc.count_substring(text, quote)
    if escape != quote:
        number = pc.subtract(number, pc.count_substring(text, escape + quote))
    return np.array(pc.fill_null(number, 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _short(lines: Batch, begins: Mask) -> Mask:
    """With the lines of records that are too long each for itself."""
    size = np.array(pc.binary_length(lines.whole).to_numpy(zero_copy_only=False)) + 1
    record = np.cumsum(begins) - 1
    total = np.bincount(record, weights=size)
    long: Mask = total[record] > LONGEST
    return begins | long


def _glued(first: Batch, second: Batch) -> Batch:
    return Batch(
        np.concatenate([first.rows, second.rows]),
        pa.concat_arrays([first.text, second.text]),
        pa.concat_arrays([first.whole, second.whole]),
    )


def _sliced(batch: Batch, start: int, number: int) -> Batch:
    stop = start + number
    return Batch(
        batch.rows[start:stop], batch.text.slice(start, number), batch.whole.slice(start, number)
    )


def _records(batch: Batch, begins: Mask) -> Batch:
    """Records of lines; one that holds a broken line is broken."""
    if begins.all():
        return batch
    places = np.append(np.flatnonzero(begins), len(begins))
    offsets = pa.array(places, pa.int32())
    whole, text = (
        pc.binary_join(pa.ListArray.from_arrays(offsets, part), "\n")
        for part in (batch.whole, batch.text)
    )
    return Batch(batch.rows[begins], text, whole, np.diff(places) > 1)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How delimited text is written: as `Source` has it, without quotes where `quote` is empty."""

    separator: str = ","
    quote: str = '"'
    escape: str = '"'


def delimited_cells(
    text: pa.StringArray,
    names: Sequence[str],
    dialect: Dialect,
    wanted: Collection[str],
) -> tuple[Mask, Columns]:
    """Cells of records of delimited text: where they are as many as names, and there the columns.

    Every record is given its number as a first cell, so that it is known which ones were read.
    """
    read = np.zeros(len(text), dtype=bool)
    filled = pc.fill_null(pc.greater(pc.binary_length(text), 0), False)
    if dialect.quote:
        even = _quotes(text, dialect.quote, dialect.escape) % 2 == 0
        filled = pc.and_(filled, pa.array(even))
    numbers = pa.array(np.arange(len(text)))
    tables = _tables(text.filter(filled), numbers.filter(filled), names, dialect, wanted)
    if not tables:
        return read, {}
    whole = pa.concat_tables(tables).combine_chunks()
    where = whole[_NUMBER].to_numpy()
    read[where] = True
    return read, {
        name: whole[name].combine_chunks() for name in whole.column_names if name != _NUMBER
    }


def cells(
    text: pa.StringArray,
    separator: str,
    names: Sequence[str],
    wanted: Collection[str] | None = None,
) -> tuple[Mask, Columns]:
    """Split lines without quotes: where they have as many cells as names, and there the (wanted)
    columns. Of names that stand twice, the last counts.
    """
    if not names or len(separator.encode()) != 1 or separator in "\r\n":
        return np.zeros(len(text), dtype=bool), {}
    places = {name: str(i) for i, name in enumerate(names) if wanted is None or name in wanted}
    every = [str(i) for i in range(len(names))]
    right, found = delimited_cells(text, every, Dialect(separator, "", ""), {*places.values()})
    nothing = pa.nulls(int(right.sum()), pa.string())
    return right, {name: found.get(place, nothing) for name, place in places.items()}


_NUMBER = "#"
MOST_TRIES = 200
"""Readings of a block of delimited text, of which parts cannot be read."""


def _tables(
    text: pa.StringArray,
    numbers: pa.Int64Array,
    names: Sequence[str],
    dialect: Dialect,
    wanted: Collection[str],
) -> list[pa.Table]:
    """Tables of what can be read.

    Where a block fails as a whole, records that would run into the next one are set aside, and of
    what still fails, the halves are tried: as often as a block of its size allows in short time.
    """
    if not len(text):
        return []
    try:
        return [_table(text, numbers, names, dialect, wanted)]
    except pa.ArrowInvalid:
        whole = pa.array(matches(text, _contained(dialect)))
    found: list[pa.Table] = []
    pieces = [(text.filter(whole), numbers.filter(whole))]
    for _ in range(MOST_TRIES):
        if not pieces:
            break
        some, their = pieces.pop()
        try:
            if len(some):
                found.append(_table(some, their, names, dialect, wanted))
        except pa.ArrowInvalid:
            half = len(some) // 2
            if half:
                pieces += [(some[half:], their[half:]), (some[:half], their[:half])]
    return found


def _contained(dialect: Dialect) -> str:
    """Records all of whose cells end within them. A quote within a cell is as any other letter."""
    end = re.escape(dialect.separator)
    if not dialect.quote:
        return r"^[^\r\n]*$"
    mark, escape = re.escape(dialect.quote), re.escape(dialect.escape)
    if mark == escape:
        bare = rf"[^{end}{mark}\r\n][^{end}\r\n]*"
        cell = rf"(?:{mark}(?:[^{mark}]|{mark}{mark})*{mark}(?:{bare})?|(?:{bare})?)"
        return rf"(?s)^{cell}(?:{end}{cell})*$"
    rest = rf"(?:[^{end}{escape}\r\n]|{escape}[^\r\n])*"
    first = rf"(?:[^{end}{escape}{mark}\r\n]|{escape}[^\r\n])"
    cell = rf"(?:{mark}(?:[^{mark}{escape}]|{escape}.)*{mark}{rest}|{first}{rest}|)"
    return rf"(?s)^{cell}(?:{end}{cell})*$"


def _table(
    text: pa.StringArray,
    numbers: pa.Int64Array,
    names: Sequence[str],
    dialect: Dialect,
    wanted: Collection[str],
) -> pa.Table:
    lines = pc.binary_join_element_wise(numbers.cast(pa.string()), text, dialect.separator)
    offsets = pa.array([0, len(lines)], pa.int32())
    data = pc.binary_join(pa.ListArray.from_arrays(offsets, lines), "\n")[0].as_buffer()
    kept = [name for name in names if name in wanted]
    skipped: list[object] = []

    def skip(row: object) -> str:
        skipped.append(row)
        return "skip"

    table = pacsv.read_csv(
        pa.BufferReader(data),
        pacsv.ReadOptions(
            use_threads=False, block_size=data.size + 1, column_names=[_NUMBER, *names]
        ),
        pacsv.ParseOptions(
            delimiter=dialect.separator,
            quote_char=dialect.quote or False,
            double_quote=dialect.escape == dialect.quote,
            escape_char=dialect.escape if dialect.escape != dialect.quote else False,
            newlines_in_values=bool(dialect.quote),
            invalid_row_handler=skip,
        ),
        pacsv.ConvertOptions(
            include_columns=[_NUMBER, *kept],
            column_types={_NUMBER: pa.int64(), **dict.fromkeys(kept, pa.string())},
            strings_can_be_null=False,
        ),
    )
    where = table[_NUMBER].to_numpy()
    if len(table) + len(skipped) != len(text) or (np.diff(where) <= 0).any():
        raise pa.ArrowInvalid("records run into each other")
    return table
