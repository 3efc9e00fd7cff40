"""The operations a measure may use, so that it says the same on every engine.

Counts, sums, joins, exact medians, windows with row numbers and ranks are portable as they are.
What is not, goes through the verbs here. `unportable` names what a query holds that is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

FORBIDDEN = (
    ops.Hash,
    ops.HashBytes,
    ops.ArgMax,
    ops.ArgMin,
    ops.ApproxCountDistinct,
    ops.ApproxMedian,
    ops.ApproxQuantile,
    ops.Kurtosis,
    ops.Mode,
    ops.RandomScalar,
    ops.RandomUUID,
    ops.Sample,
    ops.ScalarUDF,
    ops.AggUDF,
    ops.Arbitrary,
    ops.First,
    ops.Last,
    ops.Divide,
)


def divide(numerator: ir.NumericValue, denominator: ir.NumericValue) -> ir.FloatingValue:
    """The quotient as a float; null where the denominator is zero, on every engine."""
    top = numerator.cast("float64")
    bottom = denominator.cast("float64")
    return _quotient(top, bottom.nullif(0.0))


def _quotient(top: ir.NumericValue, bottom: ir.NumericValue) -> ir.FloatingValue:
    return top * bottom.power(-1.0)


def total(columns: Iterable[ir.NumericValue]) -> ir.NumericValue:
    """The sum of several columns of one row, a null adding nothing."""
    result: ir.NumericValue = ibis.literal(0, type="int64")
    for column in columns:
        result = result + column.fill_null(0)
    return result


def rows(table: ir.Table) -> int:
    """How many rows a table has."""
    return int(table.count().to_pyarrow().as_py())


def unportable(expression: ir.Expr) -> list[str]:
    """The names of the operations in a query that give other results on other engines."""
    found = set()
    for node in expression.op().find((*FORBIDDEN, ops.Node)):
        # Ibis derives the whole-number quotient, which engines agree on, from the other one.
        if isinstance(node, FORBIDDEN) and not isinstance(node, ops.FloorDivide):
            found.add(type(node).__name__)
    return sorted(found)


def digest(columns: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of measured rows over canonical types (int64, float64, UTF-8), in their order."""
    state = hashlib.sha256()
    for name in sorted(columns):
        values = columns[name]
        state.update(name.encode())
        if values.dtype.kind in "iub":
            state.update(values.astype("<i8").tobytes())
        elif values.dtype.kind == "f":
            state.update((values.astype("<f8") + 0.0).tobytes())
        else:
            for value in values:
                state.update(b"\x00" if value is None else b"\x01" + str(value).encode() + b"\x00")
    return state.hexdigest()


def collect(expression: ir.Table, *, limit: int | None = None) -> dict[str, NDArray[Any]]:
    """The measured rows as columns, ordered by `sid` where there is one, then by every column.

    Whole numbers come as int64 (float64 with NaN where some are null), text as object.
    """
    by = sorted(expression.columns, key=lambda name: name != "sid")
    ordered = expression.order_by(by)
    if limit is not None:
        ordered = ordered.limit(limit)
    table = ordered.to_pyarrow()
    result: dict[str, NDArray[Any]] = {}
    for name in table.column_names:
        values = table.column(name).to_numpy(zero_copy_only=False)
        if values.dtype.kind in "iu" and values.dtype != np.int64:
            values = values.astype(np.int64)
        result[name] = values
    return result
