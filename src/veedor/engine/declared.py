"""The declared hosts as a table, and each address that was seen told apart by the plan."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir
from pydantic import ValidationError

from veedor.case.manifest import Case, Source
from veedor.case.plan import Host, Plan
from veedor.case.tables import ADDRESSES, HOSTS
from veedor.engine.parse import text
from veedor.engine.spelling import parsed
from veedor.errors import SourceError
from veedor.sources import Opened

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LISTS = ("addresses", "names", "keys")


def plan_of(case: Case, opened: Mapping[str, Opened]) -> Plan:
    """The declared side of a case, with the hosts of its inventories.

    Raises
    ------
    SourceError
        Where a row of an inventory is no host, or its id stands twice.
    """
    hosts = list(case.hosts)
    for source in case.sources:
        if source.kind == "inventory" and source.id in opened:
            hosts += _inventory(case, source, opened[source.id].table)
    seen: set[str] = set()
    for host in hosts:
        if host.id in seen:
            raise SourceError(
                f"the host {host.id!r} is declared twice",
                place=str(case.path),
                remedy="Keep one of them, or tell them apart by their ids.",
            )
        seen.add(host.id)
    kept = {name: getattr(case, name) for name in Plan.model_fields if name != "hosts"}
    return Plan.model_construct(hosts=tuple(hosts), **kept)


def _inventory(case: Case, source: Source, table: ir.Table) -> list[Host]:
    cells = {name: text(table[column], source.strip) for name, column in source.fields.items()}
    rows = table.select(_row=table["_row"].cast("int64"), **cells).order_by("_row").to_pyarrow()
    found = []
    for row in rows.to_pylist():
        number = row.pop("_row")
        entry: dict[str, Any] = {k: v for k, v in row.items() if v}
        for name in LISTS:
            if name in entry:
                entry[name] = tuple(filter(None, (p.strip() for p in entry[name].split(";"))))
        for name in ("valid_from", "valid_to"):
            if name in entry:
                entry[name] = _instant(case, source, number, name, entry[name])
        try:
            found.append(Host.model_validate({"role": "host", **entry}))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            raise SourceError(
                f"is no host: {'.'.join(map(str, detail['loc']))}: {detail['msg']}",
                place=f"{source.file}, row {number}",
                remedy="Mend the row in a copy of the inventory. Several addresses, names or keys"
                " in one cell are parted by semicolons.",
            ) from error
    return found


def _instant(case: Case, source: Source, row: int, column: str, written: str) -> dt.datetime:
    try:
        form = source.instant_format
        found = (
            dt.datetime.fromisoformat(written)
            if form == "iso"
            else dt.datetime.strptime(written, form)
        )
    except ValueError as error:
        raise SourceError(
            f"{written!r} is no instant by {source.instant_format!r}",
            place=f"{source.file}, row {row}, column {source.fields[column]!r}",
            remedy="Set `instant_format` of the source.",
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=case.zone)


def micros(at: dt.datetime | None) -> int | None:
    """An instant as microseconds of UTC since 1970."""
    if at is None:
        return None
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def make_hosts(con: ibis.BaseBackend, plan: Plan) -> None:
    """`hosts`: the declared hosts and groups of clients."""
    rows: list[dict[str, Any]] = [
        {
            "host": h.id,
            "kind": "host",
            "role": h.role,
            "place": h.place or None,
            "overseer": h.overseer or None,
            "monitor": h.monitor or None,
            "contingency": h.contingency,
            "shared": h.shared,
            "from_us": micros(h.valid_from),
            "to_us": micros(h.valid_to),
        }
        for h in plan.hosts
    ]
    rows += [
        {
            **dict.fromkeys(("place", "overseer", "monitor")),
            "host": g.id,
            "kind": "group",
            "role": g.id,
            "contingency": False,
            "shared": False,
            "from_us": micros(g.valid_from),
            "to_us": micros(g.valid_to),
        }
        for g in plan.groups
    ]
    _create(con, "hosts", HOSTS, rows)


def make_addresses(
    con: ibis.BaseBackend, plan: Plan, seen: Iterable[str], presented: Mapping[str, set[str]]
) -> None:
    """`addresses`: what each address (or name) that was seen is, by the plan.

    Parameters
    ----------
    seen : texts that stand for machines in flows, log lines and events
    presented : address -> fingerprints of keys that the machine there presented
    """
    book = Book(plan)
    rows: list[dict[str, Any]] = []
    for text_ in sorted(set(seen)):
        keys = presented.get(text_, set())
        matches = book.matches(text_, keys)
        key = next((k for k in sorted(keys) if k in book.keys), None)
        common = {"address": text_, "scope": scope(text_), "key": key}
        nothing = dict.fromkeys(("host", "kind", "role", "by", "from_us", "to_us"))
        rows += [common | match for match in apart(matches)] or [common | nothing]
    _create(con, "addresses", ADDRESSES, rows)


def apart(matches: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What an address is declared to be, with at most one host and one group at a time.

    Where the plan gives one address to several hosts at once, the first by id is taken.
    """
    found: list[dict[str, Any]] = []
    for kind in ("host", "group"):
        some = sorted((m for m in matches if m["kind"] == kind), key=lambda m: str(m["host"]))
        bounds = sorted({b for m in some for b in _ends(m)})
        for start, end in pairwise(bounds):
            first = next((m for m in some if _ends(m)[0] <= start and end <= _ends(m)[1]), None)
            if first is None:
                continue
            span = {"from_us": _finite(start), "to_us": _finite(end)}
            last = found[-1] if found else None
            if last and last["host"] == first["host"] and last["to_us"] == span["from_us"]:
                last["to_us"] = span["to_us"]
            else:
                found.append({**first, **span})
    return found


def _ends(match: Mapping[str, Any]) -> tuple[float, float]:
    start, end = match["from_us"], match["to_us"]
    return (-math.inf if start is None else start, math.inf if end is None else end)


def _finite(bound: float) -> int | None:
    return int(bound) if math.isfinite(bound) else None


class Book:
    """The plan's addresses, networks, names and keys, for telling what a machine is."""

    def __init__(self, plan: Plan) -> None:
        self.keys: dict[str, list[Host]] = {}
        self._names: dict[str, list[dict[str, Any]]] = {}
        self._networks: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
        for host in plan.hosts:
            about = self._about(host.id, "host", host.role, host.valid_from, host.valid_to)
            for name in (host.id, *host.names):
                self._names.setdefault(name.lower(), []).append(about | {"by": "name"})
            for key in host.keys:
                self.keys.setdefault(key.lower(), []).append(host)
            self._add(host.addresses, about)
        for group in plan.groups:
            about = self._about(group.id, "group", group.id, group.valid_from, group.valid_to)
            self._add(group.addresses, about)
        self._prefixes = sorted({(v, p) for v, p, _ in self._networks}, reverse=True)

    @staticmethod
    def _about(
        id_: str, kind: str, role: str, start: dt.datetime | None, end: dt.datetime | None
    ) -> dict[str, Any]:
        limits = {"from_us": micros(start), "to_us": micros(end)}
        return {"host": id_, "kind": kind, "role": role, **limits}

    def _add(self, addresses: tuple[str, ...], about: dict[str, Any]) -> None:
        for written in addresses:
            net = ipaddress.ip_network(written)
            by = "address" if net.num_addresses == 1 else "network"
            key = (net.version, net.prefixlen, int(net.network_address))
            self._networks.setdefault(key, []).append(about | {"by": by})

    def matches(self, seen: str, keys: set[str]) -> list[dict[str, Any]]:
        """The declared hosts or groups that an address could be: those of the narrowest network."""
        address = parsed(seen)
        if address is None:
            name = seen.lower()
            return self._names.get(name) or self._names.get(name.partition(".")[0], [])
        bits = address.max_prefixlen
        for version, prefix in self._prefixes:
            if version != address.version:
                continue
            base = int(address) >> (bits - prefix) << (bits - prefix)
            if found := self._networks.get((version, prefix, base)):
                return found
        hosts = {h.id: h for key in sorted(keys) for h in self.keys.get(key.lower(), ())}
        return [
            self._about(h.id, "host", h.role, h.valid_from, h.valid_to) | {"by": "key"}
            for h in hosts.values()
        ]


def scope(written: str) -> str:
    """What kind of address a text is."""
    address = parsed(written)
    if address is None:
        return "loopback" if written.lower().partition(".")[0] == "localhost" else "name"
    if str(address) == "255.255.255.255":
        return "multicast"
    for name in ("loopback", "link_local", "multicast", "unspecified"):
        if getattr(address, f"is_{name}"):
            return name.replace("_", "-")
    if isinstance(address, ipaddress.IPv4Address) and any(address in n for n in _PRIVATE):
        return "private"
    return "private" if address in _UNIQUE_LOCAL else "public"


_PRIVATE = tuple(
    ipaddress.IPv4Network(n)
    for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")


def _create(
    con: ibis.BaseBackend, name: str, columns: Mapping[str, str], rows: list[dict[str, Any]]
) -> None:
    types = {"text": "string", "int64": "int64", "bool": "boolean"}
    schema = ibis.schema({n: types[about.split(":")[0]] for n, about in columns.items()})
    if not rows:
        con.create_table(name, schema=schema)
        return
    table = {n: [row[n] for row in rows] for n in columns}
    con.create_table(name, ibis.memtable(table, schema=schema))
