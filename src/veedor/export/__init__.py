"""The merged timeline of a case for other tools: log lines, connections, steps, events, by time.

Whatever has an instant becomes an entry; what has none is left out and counted. Rows are read from
the database in batches that it has sorted, so that memory does not grow with the logs.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from veedor.case.manifest import Event

FIELDS = {
    "us": "int64",
    "timestamp_desc": "string",
    "source": "string",
    "row": "int64",
    "host": "string",
    "kind": "string",
    "actor": "string",
    "address": "string",
    "object": "string",
    "station": "string",
    "status": "string",
    "raw": "string",
    "zone": "string",
    "message": "string",
}
"""Columns of a timeline; `us` is microseconds of UTC, the others are as in `LOG_LINES`."""

BATCH = 10_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST = -62_135_596_800_000_000
_LAST = 253_402_300_799_999_999
"""Microseconds of the years 1 to 9999, outside of which there is no date in ISO 8601."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """How many entries an export holds, and how many lines it lacks because they have no instant
    (or one outside the years 1 to 9999).
    """

    entries: int
    undated: int


def merged(
    log_lines: ir.Table,
    *,
    flows: ir.Table | None = None,
    events: ir.Table | None = None,
    moments: Iterable[Event] = (),
) -> ir.Table:
    """One table with the columns `FIELDS`, in no order.

    Parameters
    ----------
    log_lines : table as `veedor.case.tables.LOG_LINES`
    flows : table as `FLOWS`, optional
        The host is the one that opened the connection, the address the one that was called.
    events : table as `EVENTS`, optional
        Steps of the count; the object is the stage.
    moments : events of the case file
        Their source is `case`, and their rows are numbered from 1.
    """
    parts = [_lines(log_lines)]
    if flows is not None:
        parts.append(_flows(flows))
    if events is not None:
        parts.append(_steps(events))
    stated = list(moments)
    if stated:
        parts.append(_moments(stated))
    shaped = (p.select(**{n: p[n].cast(kind) for n, kind in FIELDS.items()}) for p in parts)
    return reduce(ibis.union, shaped)


def undated(timeline: ir.Table) -> int:
    """How many rows of a timeline have no instant that can be written."""
    return int(timeline.filter(~_dated(timeline)).count().to_pyarrow().as_py())


def entries(
    timeline: ir.Table, order: Sequence[str] = ("us", "source", "row")
) -> Iterator[dict[str, Any]]:
    """The dated rows of a timeline one by one, in that order; they pass through a file."""
    rows = timeline.filter(_dated(timeline)).order_by([timeline[name] for name in order])
    with tempfile.TemporaryDirectory(prefix="veedor-") as folder:
        path = Path(folder) / "sorted.parquet"
        rows.to_parquet(path)
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                yield from batch.to_pylist()


def counted(rows: Iterable[dict[str, Any]], progress: Progress | None) -> Iterator[dict[str, Any]]:
    """`rows` as they are; `progress` is told their number after each batch."""
    for number, row in enumerate(rows, 1):
        yield row
        if progress and number % BATCH == 0:
            progress(number)


def instant(us: int) -> dt.datetime:
    """Microseconds of UTC since 1970 as a datetime, exactly."""
    return _EPOCH + dt.timedelta(microseconds=us)


def _dated(timeline: ir.Table) -> ir.BooleanValue:
    return timeline.us.between(_FIRST, _LAST).fill_null(False)


def _time_of(kind: ir.StringValue) -> ir.StringValue:
    return ibis.literal("time of ") + kind


def _lines(table: ir.Table) -> ir.Table:
    kind = table.kind.fill_null("other")
    own = {name: table[name] for name in FIELDS if name in table.columns}
    said = table.message.nullif("").fill_null(kind)
    return table.select(**own | {"kind": kind, "timestamp_desc": _time_of(kind), "message": said})


def _flows(table: ir.Table) -> ir.Table:
    none = ibis.null("string")
    start, end = _end(table.src, table.sport), _end(table.dst, table.dport)
    said = table.proto.fill_null("connection") + " " + start + " > " + end
    for name, unit in (("bytes_out", " bytes out"), ("bytes_in", " bytes in")):
        amount = ibis.literal(", ") + table[name].cast("string") + unit
        said = said + amount.fill_null("")
    return table.select(
        "us",
        "source",
        "row",
        timestamp_desc=ibis.literal("start of connection"),
        host=table.src,
        kind=ibis.literal("connection"),
        actor=none,
        address=table.dst,
        object=table.name.fill_null(table.service),
        station=none,
        status=none,
        raw=none,
        zone=none,
        message=said,
    )


def _end(address: ir.StringValue, port: ir.IntegerValue) -> ir.StringValue:
    shown = ibis.literal(" port ") + port.cast("string")
    return address.fill_null("unknown") + shown.fill_null("")


def _steps(table: ir.Table) -> ir.Table:
    none = ibis.null("string")
    stage = table.stage.fill_null("step")
    of = ibis.literal(", station ") + table.station
    return table.select(
        "source",
        "row",
        "host",
        "actor",
        "station",
        "raw",
        us=table.t * 1_000_000,
        timestamp_desc=_time_of(stage),
        kind=ibis.literal("step of the count"),
        address=none,
        object=table.stage,
        status=none,
        zone=none,
        message=stage + of.fill_null(""),
    )


def _moments(stated: Sequence[Event]) -> ir.Table:
    micro = dt.timedelta(microseconds=1)
    none = [None] * len(stated)
    columns: dict[str, list[Any]] = {
        **dict.fromkeys(FIELDS, none),
        "us": [(event.at - _EPOCH) // micro for event in stated],
        "timestamp_desc": ["time of event"] * len(stated),
        "source": ["case"] * len(stated),
        "row": list(range(1, len(stated) + 1)),
        "kind": [event.kind or "event" for event in stated],
        "object": [event.id for event in stated],
        "raw": [event.at.isoformat() for event in stated],
        "zone": [f"{event.at:%z}" for event in stated],
        "message": [event.text for event in stated],
    }
    types = {"int64": pa.int64(), "string": pa.string()}
    return ibis.memtable(
        pa.table({name: pa.array(columns[name], types[kind]) for name, kind in FIELDS.items()})
    )
