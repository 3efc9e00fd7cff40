"""Machines as the plan sees them: who was declared when, and what connected to what."""

from __future__ import annotations

import datetime as dt
import ipaddress
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
    "LEAST_BYTES",
    "MICRO",
    "NO_MACHINE",
    "PUBLIC",
    "contacts",
    "during",
    "entries",
    "gone",
    "micros",
    "names",
    "only_undeclared",
    "part_takers",
    "plain",
    "records",
    "seen",
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
LEAST_BYTES = 65_536
"""Bytes sent to hosts of the count, from which a caller is more than a knock at the door."""
NO_MACHINE = ("loopback", "link-local", "multicast", "unspecified")
"""Scopes of addresses that are no other machine's."""
ENTRIES = ("request", "application-write")
"""Kinds of log lines that, where they name a station, show through which machine it entered."""


def during(us: ir.IntegerValue, start: ir.IntegerValue, end: ir.IntegerValue) -> ir.BooleanValue:
    """Whether an instant lies in a span; where one of the three is not known, it does."""
    return (us >= start).fill_null(True) & (us < end).fill_null(True)


def only_undeclared(table: ir.Table, column: str, addresses: ir.Table) -> ir.Table:
    """The rows whose machine the plan does not declare at that time.

    A machine's own loopback, and addresses of nobody in particular, are no other machine.
    """
    no_machine = addresses.scope.isin(NO_MACHINE)
    known_ = addresses.filter(addresses.host.notnull() | no_machine)
    spans = known_.select(d_address="address", d_from="from_us", d_to="to_us").view()
    return table.anti_join(
        spans,
        [table[column] == spans.d_address, during(table.us, spans.d_from, spans.d_to)],
    )


def with_host(
    table: ir.Table,
    column: str,
    addresses: ir.Table,
    prefix: str,
    how: str = "inner",
    kind: str | None = None,
) -> ir.Table:
    """The rows with the declared host (or group) of a machine: `PREFIX_host`, `_kind`, `_role`.

    An address may be a host's and a group's at once, such as that behind which an office's clients
    stand: `kind` says which is asked; without it, it is the group. Each row is kept once.
    """
    names = [f"{prefix}_{n}" for n in ("host", "kind", "role")]
    if kind is not None:
        return _joined(table, column, addresses, kind, names, how)
    inner = [f"{name}_of_host" for name in names]
    found = _joined(table, column, addresses, "group", names, "left")
    found = _joined(found, column, addresses, "host", inner, "left")
    found = found.mutate(
        **{
            name: found[name].fill_null(found[other])
            for name, other in zip(names, inner, strict=True)
        }
    ).drop(*inner)
    return found.filter(found[names[0]].notnull()) if how == "inner" else found


def _joined(
    table: ir.Table, column: str, addresses: ir.Table, kind: str, names: Sequence[str], how: str
) -> ir.Table:
    """The rows with host, kind and role of a kind of declared machine, under those names."""
    given = dict(zip(names, ("host", "kind", "role"), strict=True))
    limits = {"s_address": "address", "s_from": "from_us", "s_to": "to_us"}
    spans = addresses.filter(addresses.kind == kind).select(**given, **limits).view()
    joined = table.join(
        spans,
        [table[column] == spans.s_address, during(table.us, spans.s_from, spans.s_to)],
        how=how,
    )
    return joined.drop(*limits)


def part_takers(evidence: Evidence, reached: ir.Table, entered: ir.Table) -> ir.Table:
    """Undeclared machines that take part in the count: `address`, once each.

    Those that a declared machine called, those that sent at least `LEAST_BYTES` to a declared host
    that is not open to the public, and those through which sheets entered.
    """
    addresses = evidence.addresses()
    called = with_host(only_undeclared(reached, "dst", addresses), "src", addresses, "by")
    calling = with_host(
        only_undeclared(reached, "src", addresses), "dst", addresses, "to", kind="host"
    )
    hidden = calling.filter(~calling.to_role.isin(PUBLIC))
    sent = hidden.group_by(address=hidden.src).agg(sent=hidden.bytes_out.sum())
    loud = sent.filter(sent.sent >= LEAST_BYTES)
    carried = only_undeclared(entered, "address", addresses)
    return (
        called.select(address="dst")
        .union(loud.select("address"), carried.select("address"))
        .distinct()
    )


def seen(evidence: Evidence, reached: ir.Table, entered: ir.Table) -> ir.Table:
    """When undeclared machines of the count were seen, in whatever part: `address`, `us`."""
    addresses = evidence.addresses()
    ends = [
        only_undeclared(reached, end, addresses).select(address=end, us="us")
        for end in ("src", "dst")
    ]
    ends.append(only_undeclared(entered, "address", addresses).select("address", "us"))
    every = ends[0].union(*ends[1:])
    return every.semi_join(part_takers(evidence, reached, entered).view(), "address")


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


def plain(name: str) -> str:
    """An address in its usual spelling; any other name as it is."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


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
