"""Tables of the report: a statistic's nested lists and the first rows of the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from veedor.audit.findings import EvidenceFile
from veedor.errors import VeedorError
from veedor.report.plain import clean, cleaned
from veedor.report.wording import Wording

INLINED = 200
"""Rows of evidence in the page; the parquet holds all."""

_MOST_CHOICES = 40
_OPTIONS = frozenset({"option", "winner", "runner_up", "won_by", "rival", "not_tested", "field"})
"""Keys whose values are options."""
_BY_WINNER = frozenset({"option", "won_by"})
"""Keys whose null is a sheet that nobody won."""
_WORDED = frozenset(
    "cell decided_by field level option role slip state what why".split()  # noqa: SIM905
)
"""Keys whose values are of a closed vocabulary, with a plain word for each."""
_IDENTIFIERS = frozenset({"sid", "station", "code", "id", "year", "row", "line", "table", "page"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key, its heading, whether it holds numbers, and the choices to filter by."""

    key: str
    heading: str
    number: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Cells ready to show, row by row; `total` counts the rows that there are in all."""

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: list[list[str]]
    total: int


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic apart: single values as (name, text), and its lists as tables."""

    values: list[tuple[str, str]]
    tables: list[Table]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the keys and values of one check are called: terms, names of options, plain values.

    `table` is the key of the list or object of the statistic whose headings are asked for.
    """

    words: Wording
    check: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    table: str = ""

    def heading(self, key: str) -> str:
        """The label of a key; an option's key is its name, alone or before a count's."""
        option, _, rest = key.partition(" (")
        if key in self.names:
            return self.names[key]
        if rest and (option in self.names or self.words.has_term(option, self.check, self.table)):
            return f"{self.heading(option)} ({rest}"
        return self.words.term(key, self.check, self.table)

    def value(self, key: str, value: str) -> str:
        """A text of the statistic: the option's name or the plain word for a value, else itself."""
        if key in _OPTIONS and value in self.names:
            return self.names[value]
        return self.words.known("values", value, value) if key in _WORDED else value


def statistic(given: Mapping[str, Any], terms: Terms) -> Statistic:
    """The statistic of a finding, its nested objects and lists of objects as tables."""
    values: list[tuple[str, str]] = []
    tables: list[Table] = []
    for key, value in cleaned(dict(given)).items():
        name = terms.heading(key)
        if _objects(value):
            flat, nested = _apart(value)
            tables.append(_of_objects(key, name, flat, terms))
            tables += [
                _of_objects(inner, f"{name}: {terms.heading(inner)}", rows, terms)
                for inner, rows in nested.items()
            ]
        elif isinstance(value, dict) and value:
            inner = {k: v for k, v in value.items() if isinstance(v, dict) and v}
            if len(inner) == len(value):
                inner = {}
            own = {k: v for k, v in value.items() if k not in inner}
            tables.append(_of_mapping(key, name, own, terms))
            tables += [
                _of_mapping(k, f"{name}: {terms.heading(k)}", v, terms) for k, v in inner.items()
            ]
        else:
            values.append((name, cell(key, value, terms)))
    return Statistic(values, tables)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _apart(
    rows: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Rows without the lists of objects in them, and those lists, each row under its row's name."""
    inner = list(dict.fromkeys(key for row in rows for key in row if _objects(row[key])))
    flat = [{key: value for key, value in row.items() if key not in inner} for row in rows]
    nested = {}
    for key in inner:
        nested[key] = [
            {first: row[first], **{k: v for k, v in one.items() if k != first}}
            for row in rows
            for first in [next(iter(row))]
            for one in row.get(key) or ()
        ]
    return flat, nested


def evidence(directory: Path, file: EvidenceFile, caption: str, terms: Terms) -> Table:
    """The first rows of an evidence file, in the file's order."""
    path = directory / file.path
    try:
        source = pq.ParquetFile(path)
        batch = next(source.iter_batches(batch_size=INLINED), None)
        total = source.metadata.num_rows
    except (OSError, pa.ArrowException) as error:
        raise VeedorError(
            f"the evidence cannot be read: {error}", place=str(path), remedy="Run the audit again."
        ) from error
    names = source.schema_arrow.names
    rows = [] if batch is None else batch.to_pylist()[:INLINED]
    names = _numbers_first(names, source.schema_arrow, file.key)
    listed = [[row[name] for name in names] for row in rows]
    short = replace(terms, names={}, table="evidence")
    return _table("evidence", caption, names, listed, total, short, {file.key})


def _numbers_first(names: Sequence[str], schema: pa.Schema, key: str) -> list[str]:
    """The columns with the names of the place, which come first in the file, put last.

    They are the run of texts after the key, in a file of stations. What the finding is about then
    stands beside the station, within the width of a screen.
    """
    if "station" not in names:
        return list(names)
    rest = [name for name in names if name != key]
    texts = (pa.types.is_string(schema.field(name).type) for name in rest)
    run = list(
        takewhile(
            bool, (text and name not in _WORDED for text, name in zip(texts, rest, strict=True))
        )
    )
    ahead = [key] if key in names else []
    return [*ahead, *rest[len(run) :], *rest[: len(run)]]


def cell(key: str, value: Any, terms: Terms, identifiers: frozenset[str] = _IDENTIFIERS) -> str:
    """One value as text: numbers with separators unless they identify something."""
    words = terms.words
    if value is None:
        return words.text("numbers.nobody" if key in _BY_WINNER else "numbers.none")
    if isinstance(value, float):
        return _real(key, value, words)
    if isinstance(value, bool):
        return words.number(value)
    if isinstance(value, Decimal):
        return words.number(float(value))
    if isinstance(value, int):
        return str(value) if key in identifiers else words.number(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | dict) and not value:
        return words.text("numbers.none")
    if isinstance(value, list | tuple):
        lists = any(isinstance(item, list | tuple) for item in value)
        between = words.text("numbers.join_lists" if lists else "numbers.join")
        return between.join(cell(key, item, terms) for item in value)
    if isinstance(value, dict):
        pairs = (f"{terms.heading(k)}: {cell(k, v, terms)}" for k, v in value.items())
        return words.text("numbers.join").join(pairs)
    if isinstance(value, bytes):
        return value.hex()
    return terms.value(key, clean(str(value)))


def _real(key: str, value: float, words: Wording) -> str:
    """Probabilities and percentage points have their own decimals, told by the statistic's key."""
    parts = key.split("_")
    if "p" in parts or "chance" in parts:
        return words.probability(value)
    if {"points", "share", "shares", "margin"} & set(parts):
        threshold = key == "share" and 2 * value == round(2 * value)
        return words.number(value, None if threshold else 3)
    return words.number(value)


def _of_objects(key: str, name: str, rows: list[dict[str, Any]], terms: Terms) -> Table:
    names = list(dict.fromkeys(column for row in rows for column in row))
    listed = [[row.get(column) for column in names] for row in rows]
    return _table(key, name, names, listed, len(rows), replace(terms, table=key))


def _of_mapping(key: str, name: str, given: dict[str, Any], terms: Terms) -> Table:
    if all(isinstance(value, dict) for value in given.values()):
        rows = [{"_of": label, **value} for label, value in given.items()]
        return _of_objects(key, name, rows, terms)
    numbers = all(isinstance(value, int | float) for value in given.values())
    terms = replace(terms, table=key)
    listed = [
        [terms.heading(label), value if numbers else cell(label, value, terms)]
        for label, value in given.items()
    ]
    return _table(key, name, ["_of", f"_value_{key}"], listed, len(listed), terms)


def _table(
    key: str,
    caption: str,
    names: Sequence[str],
    rows: list[list[Any]],
    total: int,
    terms: Terms,
    keys: set[str] | None = None,
) -> Table:
    identifiers = _IDENTIFIERS | (keys or set())
    columns = []
    for i, name in enumerate(names):
        column = [row[i] for row in rows if row[i] is not None]
        number = (
            bool(column)
            and name not in identifiers
            and all(
                isinstance(value, int | float | Decimal) and not isinstance(value, bool)
                for value in column
            )
        )
        heading = terms.heading("_value" if name.startswith("_value_") else clean(name))
        columns.append(Column(name, heading, number, _choices(column, len(rows))))
    written = [
        [cell(name, value, terms, identifiers) for name, value in zip(names, row, strict=True)]
        for row in rows
    ]
    return Table(key, caption, tuple(columns), written, total)


def _choices(column: list[Any], rows: int) -> tuple[str, ...]:
    """The values to filter by, where a column of text repeats a few of them."""
    if rows < 12 or not all(isinstance(value, str) for value in column):
        return ()
    distinct = sorted({clean(value) for value in column})
    return tuple(distinct) if 2 <= len(distinct) <= min(_MOST_CHOICES, rows // 3) else ()
