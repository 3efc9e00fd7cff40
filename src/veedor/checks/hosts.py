"""Machines as the plan sees them: who was declared when, and what connected to what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.plan import Withheld
from veedor.checks.base import Columns, Context, Evidence
from veedor.checks.instants import shown
from veedor.checks.recorded import known

__all__ = [
    "CONTACTS",
    "ENTRIES",
    "MICRO",
    "PUBLIC",
    "contacts",
    "during",
    "entries",
    "gone",
    "micros",
    "names",
    "only_undeclared",
    "records",
    "shown",
    "stamp",
    "stamps",
    "text_column",
    "with_host",
]

MICRO = 1_000_000
PUBLIC = ("publication", "public", "web", "content", "dns", "ntp")
"""Roles of hosts that anybody may call: callers of these tell nothing of the count."""
CONTACTS = ("request", "login", "handshake", "application-write", "database-write")
"""Kinds of log lines that show one machine reaching another."""
ENTRIES = ("request", "application-write")
"""Kinds of log lines that, where they name a station, show through which machine it entered."""


def during(us: ir.IntegerValue, start: ir.IntegerValue, end: ir.IntegerValue) -> ir.BooleanValue:
    """Whether an instant lies in a span; where one of the three is not known, it does."""
    return (us >= start).fill_null(True) & (us < end).fill_null(True)


def only_undeclared(table: ir.Table, column: str, addresses: ir.Table) -> ir.Table:
    """The rows whose machine the plan does not declare at that time."""
    known_ = addresses.filter(addresses.host.notnull())
    spans = known_.select(d_address="address", d_from="from_us", d_to="to_us").view()
    return table.anti_join(
        spans,
        [table[column] == spans.d_address, during(table.us, spans.d_from, spans.d_to)],
    )


def with_host(
    table: ir.Table, column: str, addresses: ir.Table, prefix: str, how: str = "inner"
) -> ir.Table:
    """The rows with the declared host (or group) of a machine: `PREFIX_host`, `_kind`, `_role`.

    Where the plan gives one address to several hosts at once, the first by id is taken.
    """
    names = {f"{prefix}_{n}": n for n in ("address", "host", "kind", "role", "from_us", "to_us")}
    spans = addresses.filter(addresses.host.notnull()).select(**names).view()
    joined = table.join(
        spans,
        [
            table[column] == spans[f"{prefix}_address"],
            during(table.us, spans[f"{prefix}_from_us"], spans[f"{prefix}_to_us"]),
        ],
        how=how,
    )
    return joined.drop(f"{prefix}_address", f"{prefix}_from_us", f"{prefix}_to_us")


def contacts(evidence: Evidence) -> ir.Table:
    """Who reached whom: `src`, `dst`, `us`, `bytes_out`, `bytes_in`, `connections`, `lines`.

    One row for each flow, and for each log line that shows one machine reaching another.
    """
    flows, lines = evidence.flows(), evidence.log_lines()
    one, none = ibis.literal(1, "int64"), ibis.literal(0, "int64")
    from_flows = flows.select(
        "src",
        "dst",
        "us",
        bytes_out=flows.bytes_out.fill_null(0),
        bytes_in=flows.bytes_in.fill_null(0),
        connections=one,
        lines=none,
    )
    shown = lines.filter(lines.kind.isin(CONTACTS), lines.address.notnull(), lines.host.notnull())
    from_lines = shown.select(
        src="address",
        dst="host",
        us="us",
        bytes_out=none,
        bytes_in=none,
        connections=none,
        lines=one,
    )
    return from_flows.union(from_lines)


def entries(evidence: Evidence) -> ir.Table:
    """Through which machines each sheet entered: `sid`, `address`, `us` (null where not known).

    From logs of the count that name a machine, and from lines of machines that name a station.
    """
    events, lines = evidence.events(), evidence.log_lines()
    logged = events.filter(events.sid.notnull(), events.host.notnull()).select(
        sid="sid", address="host", us=events.t * MICRO
    )
    named = lines.filter(lines.sid.notnull(), lines.kind.isin(ENTRIES))
    ends = [named.select(sid="sid", address=named[end], us="us") for end in ("address", "host")]
    every = logged.union(*ends)
    return every.filter(every.address.notnull())


def stamp(us: Any, context: Context) -> str | None:
    """Microseconds of UTC as ISO 8601 with the offset of the case's zone, to the second."""
    if us is None or not np.isfinite(float(us)):
        return None
    return dt.datetime.fromtimestamp(int(us) // MICRO, context.case.zone).isoformat()


def stamps(us: NDArray[Any], context: Context) -> NDArray[Any]:
    """The same for a column; None where not known."""
    return np.array([stamp(v, context) for v in known(us)], dtype=object)


def micros(at: dt.datetime | None) -> int | None:
    """An instant as microseconds of UTC since 1970."""
    return None if at is None else round(at.timestamp() * MICRO)


def names(values: Iterable[Any], most: int = 4) -> str:
    """A few names for a sentence."""
    every = [str(v) for v in values]
    if len(every) <= most:
        return ", ".join(every) or "none"
    return f"{', '.join(every[:most])} and {len(every) - most:,} more"


def records(rows: Mapping[str, NDArray[Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows as objects, for a statistic."""
    size = len(next(iter(rows.values()))) if rows else 0
    return [{name: _plain(rows[name][i]) for name in columns} for i in range(size)]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if not np.isfinite(value) else int(value) if value.is_integer() else value
    return value


def gone(context: Context, host: str | None = None) -> list[Withheld]:
    """Evidence that the case says was withheld: all of it, or that of one host."""
    return [w for w in context.plan.withheld if host is None or w.host == host]


def text_column(rows: Columns, name: str) -> list[str]:
    """A column of text as a list, an empty text where null."""
    return ["" if v is None else str(v) for v in rows[name].tolist()]
