"""Log lines, connections and steps as the tables that exports read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from veedor.case.tables import EVENTS, FLOWS, LOG_LINES

TYPES = {"text": pa.string(), "int64": pa.int64(), "bool": pa.bool_(), "float": pa.float64()}
HOSTILE = '=HYPERLINK("http://x")\x1b[31m\u202e</script>\r\nnext\x00'
START = 1_571_614_857_000_001
"""Microseconds of 2019-10-20T19:40:57.000001-04:00."""


def table(shape: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> ir.Table:
    """Rows in a shape of `veedor.case.tables`; what a row does not give is null."""
    columns = {}
    for name, about in shape.items():
        for one in ("v0", "v1") if name.startswith("v0") else (name,):
            kind = TYPES[about.split(":")[0]]
            columns[one] = pa.array([row.get(one) for row in rows], kind)
    return ibis.memtable(pa.table(columns))


def line(row: int, us: int | None, **more: Any) -> dict[str, Any]:
    return {
        "source": "syslog",
        "row": row,
        "us": us,
        "raw": "Oct 20 19:40:57",
        "zone": "America/La_Paz",
        "host": "db",
        "kind": "login",
        "message": f"line {row}",
        **more,
    }


def log_lines(*rows: Mapping[str, Any]) -> ir.Table:
    return table(LOG_LINES, rows)


def flows(*rows: Mapping[str, Any]) -> ir.Table:
    return table(FLOWS, rows)


def steps(*rows: Mapping[str, Any]) -> ir.Table:
    return table(EVENTS, rows)
