"""Cells of a CSV that are safe to open in a spreadsheet."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from veedor.report.plain import clean

__all__ = ["cell", "safe"]

_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""A cell that begins so is a formula to a spreadsheet."""


def cell(value: Any) -> str:
    """A value as a cell of text that nothing takes for a formula or an order to a terminal.

    Control characters, escapes of a terminal and direction overrides are written as escapes. Text
    that begins with `=`, `+`, `-` or `@` gets an apostrophe before it. A whole number is written as
    it is.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = clean(str(value)).replace("\n", "\\n").replace("\t", "\\t")
    return f"'{text}" if text.startswith(_FORMULA) else text


def safe(table: pa.Table) -> pa.Table:
    """The same rows with `cell` of every text; other columns, and cells without a value, stay."""
    columns = [_safe(column) if _is_text(column.type) else column for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _safe(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each text once, however often it stands there."""
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices, pa.array([cell(v) for v in chunk.dictionary.to_pylist()], column.type)
        ).cast(column.type)
        for chunk in column.dictionary_encode().chunks
    ]
    return pa.chunked_array(chunks, column.type)
