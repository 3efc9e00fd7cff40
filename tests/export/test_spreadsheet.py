"""A table written as CSV runs nothing in a spreadsheet, and loses nothing but that."""

from __future__ import annotations

import pyarrow as pa
import pytest

from veedor.export.spreadsheet import cell, safe


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_that_would_be_run_is_no_formula_and_other_text_stays(kind) -> None:
    given = ["=1+1", "+1", "-12", "@A1", "\t=1", "\r=1", "_12", "", None, "a=1", "=1+1"]
    two = pa.chunked_array([pa.array(given[:4], kind), pa.array(given[4:], kind)])
    found = safe(pa.table({"text": two}))
    assert found["text"].to_pylist() == [
        "'=1+1", "'+1", "'-12", "'@A1", "\\t=1", "\\x0d=1", "_12", "", None, "a=1", "'=1+1",
    ]  # fmt: skip
    assert found["text"].type == kind


def test_numbers_are_no_text() -> None:
    table = pa.table({"n": [-1, None], "x": [-0.5, 2.0], "b": [True, None], "none": [None, None]})
    assert safe(table).equals(table)
    assert cell(-1) == "-1"


def test_a_table_without_rows_keeps_its_columns() -> None:
    table = pa.table({"text": pa.chunked_array([], pa.string())})
    assert safe(table).equals(table)
