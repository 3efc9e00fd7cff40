"""Machines as the plan sees them: who was declared when, and what connected to what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Columns, Context, Evidence
from veedor.checks.instants import shown
from veedor.checks.recorded import known
from veedor.engine.declared import OTHER_KEY, micros
from veedor.engine.spelling import spelt

__all__ = [
    "ACTS",
    "CONTACTS",
    "FEWEST_CLIENTS",
    "LEAST_BYTES",
    "MICRO",
    "NO_MACHINE",
    "PUBLIC",
    "called_by_most",
    "certain",
    "contacts",
    "during",
    "entries",
    "failed",
    "flat",
    "micros",
    "names",
    "only_undeclared",
    "part_takers",
    "records",
    "seen",
    "shown",
    "spelt",
    "stamp",
    "stamps",
    "text_column",
    "told",
    "took_in",
    "with_host",
]

MICRO = 1_000_000
PUBLIC = ("publication", "public", "web", "content", "dns", "ntp")
"""Roles of hosts that anybody may call: a call or a web request there tells nothing of the count. A
session that somebody opened there, or what somebody stored there, does.
"""
CONTACTS = ("request", "login", "handshake", "application-write", "database-write")
"""Kinds of log lines that show one machine reaching another."""
LEAST_BYTES = 65_536
"""Bytes sent to hosts of the count, from which a caller is more than a knock at the door."""
NO_MACHINE = ("loopback", "link-local", "multicast", "unspecified")
"""Scopes of addresses that are no other machine's."""
ACTS = ("login", "application-write", "database-write")
"""Kinds of log lines that show one machine doing something on another."""
WRITES = r"^(POST|PUT|PATCH)\b"
"""Web requests that can bring a sheet in."""
FEWEST_CLIENTS = 5
"""Clients of a group, below which that most of them called an address says nothing."""
ANSWERED = 1024
"""Bytes sent, from which a call whose answer the record does not count was more than an attempt."""
BACKGROUND = ("dns", "ntp", "dhcp")
BACKGROUND_PORTS = (53, 67, 68, 123, 546, 547)
"""Services of names, of time and of addresses, which every client calls."""
LOW_PORTS, EPHEMERAL = 1024, 32_768
"""Ports below the first are those of services; those from the second on, of callers."""


def during(us: ir.IntegerValue, start: ir.IntegerValue, end: ir.IntegerValue) -> ir.BooleanValue:
    """Whether an instant lies in a span; where one of the three is not known, it does."""
    return (us >= start).fill_null(True) & (us < end).fill_null(True)


def only_undeclared(table: ir.Table, column: str, addresses: ir.Table) -> ir.Table:
    """The rows whose machine the plan does not declare at that time.

    An address that presented a declared key, and that the plan does not name, is not declared. A
    machine's own loopback, and addresses of nobody in particular, are no other machine.
    """
    spans = _spans(addresses)
    return table.anti_join(
        spans,
        [table[column] == spans.d_address, during(table.us, spans.d_from, spans.d_to)],
    )


def certain(table: ir.Table, column: str, addresses: ir.Table) -> ir.Table:
    """The rows whose machine the plan is known to declare at that time, or that is no other one.

    A row without an instant is none of these where the plan declares the machine for a time only.
    """
    spans = _spans(addresses)
    always = spans.d_from.isnull() & spans.d_to.isnull()
    inside = during(table.us, spans.d_from, spans.d_to)
    return table.semi_join(
        spans, [table[column] == spans.d_address, always | (table.us.notnull() & inside)]
    )


def _spans(addresses: ir.Table) -> ir.Table:
    """When the plan names an address, or it is no other machine: `d_address`, `d_from`, `d_to`."""
    no_machine = addresses.scope.isin(NO_MACHINE)
    named = addresses.host.notnull() & (addresses.by != "key").fill_null(True)
    return (
        addresses.filter(named | no_machine)
        .select(d_address="address", d_from="from_us", d_to="to_us")
        .view()
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


def part_takers(
    evidence: Evidence, reached: ir.Table, entered: ir.Table, *, clients: bool = True
) -> ir.Table:
    """Undeclared machines that take part in the count: `address`, once each.

    Those through which sheets entered, or whose own lines tell of sheets that came in; those that
    one through which sheets entered called; those that sent at least `LEAST_BYTES` to a declared
    host that is not open to the public, or did something on a declared host; those at an address of
    a declared host with another key than its own; and those that most of the clients of a group
    called. Others that a declared machine called may serve something else, such as updates.

    Parameters
    ----------
    clients : whether an address that did no more than open sessions is one of them
    """
    addresses = evidence.addresses()
    remote = entered.filter(entered.remote)
    carried = only_undeclared(remote, "address", addresses).select("address").distinct()
    strange = only_undeclared(reached, "dst", addresses)
    both = only_undeclared(strange, "src", addresses)
    carriers = carried.view()
    linked = both.semi_join(carriers, [both.src == carriers.address])
    calling = with_host(
        only_undeclared(reached, "src", addresses), "dst", addresses, "to", kind="host"
    )
    hidden = ~calling.to_role.isin(PUBLIC) & (calling.answers == 0)
    done = calling.acts if clients else calling.acts - calling.logins
    did = calling.group_by(address=calling.src).agg(
        sent=hidden.ifelse(calling.bytes_out, 0).sum(), acts=done.sum()
    )
    loud = did.filter((did.sent >= LEAST_BYTES) | (did.acts > 0))
    takers = [
        took_in(evidence, entered).select("address"),
        linked.select(address="dst"),
        loud.select("address"),
        addresses.filter(addresses.by == OTHER_KEY).select("address"),
        called_by_most(evidence, reached),
    ]
    return carried.union(*takers).distinct()


def took_in(evidence: Evidence, entered: ir.Table) -> ir.Table:
    """Lines of undeclared machines that tell that a sheet came in there: `sid`, `address`, `us`.

    A name that the plan does not know may be a declared machine's own name for itself: left out.
    """
    addresses = evidence.addresses()
    placed = addresses.filter((addresses.scope != "name") | addresses.host.notnull()).view()
    own = only_undeclared(entered.filter(~entered.remote), "address", addresses)
    return own.semi_join(placed, [own.address == placed.address]).select("sid", "address", "us")


def called_by_most(evidence: Evidence, reached: ir.Table) -> ir.Table:
    """Undeclared addresses that more than half of the clients seen of a group called, and at least
    `FEWEST_CLIENTS`, and that answered them: `address`. Services of names and time are left out.
    """
    addresses = evidence.addresses()
    by_group = with_host(reached, "src", addresses, "by", kind="group")
    sizes = by_group.group_by(group=by_group.by_host).agg(size=by_group.src.nunique())
    spoken = by_group.filter((by_group.answered > 0) & (by_group.background == 0))
    strange = only_undeclared(spoken, "dst", addresses)
    callers = strange.group_by(address=strange.dst, group=strange.by_host).agg(
        callers=strange.src.nunique()
    )
    joined = callers.join(sizes, "group")
    return joined.filter(
        joined.callers >= FEWEST_CLIENTS, joined.callers * 2 > joined["size"]
    ).select("address")


def seen(
    evidence: Evidence, reached: ir.Table, entered: ir.Table, *, clients: bool = True
) -> ir.Table:
    """When undeclared machines of the count were seen, in whatever part: `address`, `us`.

    An address with the key of a declared host is that host, and none of these; `clients` as in
    `part_takers`.
    """
    addresses = evidence.addresses()
    ends = [
        only_undeclared(reached, end, addresses).select(address=end, us="us")
        for end in ("src", "dst")
    ]
    ends.append(only_undeclared(entered, "address", addresses).select("address", "us"))
    every = ends[0].union(*ends[1:])
    takers = part_takers(evidence, reached, entered, clients=clients).view()
    keyed = addresses.filter(addresses.by == "key").view()
    return every.semi_join(takers, "address").anti_join(keyed, "address")


def contacts(evidence: Evidence) -> ir.Table:
    """Who reached whom: one row for each flow, and for each log line that shows it.

    Columns `src`, `dst`, `us`, `bytes_out`, `bytes_in`, `connections`, `lines`; 1 or 0 in `acts`
    (a line shows one machine doing something on the other), `logins` (that is a session),
    `answered` (the one that was called answered), `background` (a service of names or time), and
    `answers` (the flow goes from a port of a service to one of a caller: it is an answer).
    """
    flows, lines = evidence.flows(), evidence.log_lines()
    one, none = ibis.literal(1, "int64"), ibis.literal(0, "int64")
    spoke = flows.bytes_in.isnull() & (flows.bytes_out >= ANSWERED)
    by_port = flows.service.isnull() & flows.dport.isin(BACKGROUND_PORTS)
    back = (flows.sport < LOW_PORTS) & (flows.dport >= EPHEMERAL)
    from_flows = flows.select(
        "src",
        "dst",
        "us",
        bytes_out=flows.bytes_out.fill_null(0),
        bytes_in=flows.bytes_in.fill_null(0),
        connections=one,
        lines=none,
        acts=none,
        logins=none,
        answered=_flag((flows.bytes_in > 0) | spoke),
        background=_flag(flows.service.lower().isin(BACKGROUND) | by_port),
        answers=_flag(back),
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
        acts=_flag(shown.kind.isin(ACTS) & ~failed(shown)),
        logins=_flag((shown.kind == "login") & ~failed(shown)),
        answered=one,
        background=none,
        answers=none,
    )
    return from_flows.union(from_lines)


def _flag(condition: ir.BooleanValue) -> ir.IntegerValue:
    return condition.fill_null(False).cast("int64")


def failed(lines: ir.Table) -> ir.BooleanValue:
    """Whether a line tells of something that was refused or did not work."""
    words = lines.status.fill_null("")
    return (words == "failed") | words.re_search("^[45][0-9][0-9]$")


def told(evidence: Evidence) -> ir.Table:
    """Lines of machines that tell of a sheet coming in: what the application stored, and web
    requests that write and were not refused on hosts that are not open to the public.
    """
    lines = evidence.log_lines()
    writes = (lines.kind == "request") & lines.message.fill_null("").re_search(WRITES)
    stored = lines.kind == "application-write"
    some = lines.filter(lines.sid.notnull(), stored | writes, ~failed(lines))
    placed = with_host(some, "host", evidence.addresses(), "on", how="left", kind="host")
    hidden = ~placed.on_role.isin(PUBLIC).fill_null(False)
    return placed.filter((placed.kind == "application-write") | hidden).drop(
        "on_host", "on_kind", "on_role"
    )


def entries(evidence: Evidence) -> ir.Table:
    """Through which machines each sheet entered: `sid`, `address`, `us` (null where not known),
    and `remote`.

    From logs of the count that name a machine, and from lines that tell of a sheet coming in:
    `remote` is False for the machine that wrote such a line, which is the end of the way and does
    not tell by which the sheet came.
    """
    events = evidence.events()
    logged = events.filter(events.sid.notnull(), events.host.notnull()).select(
        sid="sid", address="host", us=events.t * MICRO, remote=ibis.literal(True)
    )
    named = told(evidence)
    ends = [
        named.select(sid="sid", address=named[end], us="us", remote=ibis.literal(end == "address"))
        for end in ("address", "host")
    ]
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


def flat(value: Any) -> Any:
    """A list of texts as one text for a row, None where it is empty; any other value as it is."""
    return ", ".join(value) or None if isinstance(value, list) else value


def text_column(rows: Columns, name: str) -> list[str]:
    """A column of text as a list, an empty text where null."""
    return ["" if v is None else str(v) for v in rows[name].tolist()]
