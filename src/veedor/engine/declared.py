"""The declared hosts as a table, and each address that was seen told apart by the plan."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir
from pydantic import ValidationError

from veedor.case.manifest import Case, Source
from veedor.case.plan import Host, Plan, same_addresses
from veedor.case.tables import ADDRESSES, HOSTS, PRESENTED
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
        Where a row of an inventory is no host, its id stands twice, or it has an address that
        another host has at the same time.
    """
    hosts = list(case.hosts)
    places = [case.place("hosts", number) for number in range(len(hosts))]
    for source in case.sources:
        if source.kind == "inventory" and source.id in opened:
            for row, host in _inventory(case, source, opened[source.id].table):
                hosts.append(host)
                places.append(_row(source, row))
    seen: set[str] = set()
    for host, place in zip(hosts, places, strict=True):
        if host.id in seen:
            raise SourceError(
                f"the host {host.id!r} is declared twice",
                place=place,
                remedy="Keep one of them, or tell them apart by their ids.",
            )
        seen.add(host.id)
    for mistake in same_addresses(hosts):
        raise SourceError(mistake.text, place=places[int(mistake.keys[1])], remedy=MEND)
    kept = {name: getattr(case, name) for name in Plan.model_fields if name != "hosts"}
    return Plan.model_construct(hosts=tuple(hosts), **kept)


MEND = (
    "Mend the row in a copy of the inventory. Several addresses, names or keys in one cell are"
    " parted by semicolons."
)


def _row(source: Source, row: int) -> str:
    return f"{source.file}, row {row}"


def _inventory(case: Case, source: Source, table: ir.Table) -> Iterator[tuple[int, Host]]:
    """The row of each host, and the host."""
    cells = {name: text(table[column], source.strip) for name, column in source.fields.items()}
    rows = table.select(_row=table["_row"].cast("int64"), **cells).order_by("_row").to_pyarrow()
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
            yield number, Host.model_validate({"role": "host", **entry})
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            raise SourceError(
                f"is no host: {'.'.join(map(str, detail['loc']))}: {detail['msg']}",
                place=_row(source, number),
                remedy=MEND,
            ) from error


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
            place=f"{_row(source, row)}, column {source.fields[column]!r}",
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
    """`addresses`: what each address (or name) that was seen is, by the plan; and `presented`.

    Where a declared address presented another key than its host's, it is not that host: such a row
    has no host, and `by` is other-key.

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
        key = next((k for k in sorted(keys) if plain_key(k) in book.keys), None)
        common = {"address": text_, "scope": scope(text_), "key": key}
        nothing = dict.fromkeys(("host", "kind", "role", "by", "from_us", "to_us"))
        found = apart(matches) + [
            nothing | {n: m[n] for n in ("from_us", "to_us")} | {"by": OTHER_KEY}
            for m in book.refuted(text_, keys)
        ]
        rows += [common | match for match in found] or [common | nothing]
    _create(con, "addresses", ADDRESSES, rows)
    shown = [{"address": a, "key": k} for a in sorted(presented) for k in sorted(presented[a])]
    _create(con, "presented", PRESENTED, shown)


def apart(matches: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What an address is declared to be, with at most one host and one group at a time.

    No plan gives one address to two hosts at once; of several groups (or of several hosts with one
    key), the first by id is taken.
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
        self._hosts = {host.id: host for host in plan.hosts}
        self._names: dict[str, list[dict[str, Any]]] = {}
        self._labels: dict[str, list[dict[str, Any]]] = {}
        self._networks: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
        for host in plan.hosts:
            about = self._about(host.id, "host", host.role, host.valid_from, host.valid_to)
            for name in dict.fromkeys(_name(n) for n in (host.id, *host.names)):
                self._names.setdefault(name, []).append(about | {"by": "name"})
            for label in dict.fromkeys(_name(n).partition(".")[0] for n in host.names if "." in n):
                self._labels.setdefault(label, []).append(about | {"by": "name"})
            for key in host.keys:
                self.keys.setdefault(plain_key(key), []).append(host)
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
        """The declared hosts or groups that an address could be: at each time those of the
        narrowest network then, less a host whose key is not the one that was seen there.

        A name is a declared one by the whole of it; one without a dot also by the first label of a
        declared name.
        """
        if parsed(seen) is None:
            name = _name(seen)
            return self._names.get(name) or self._labels.get(name, [])
        claimed, free = self._claimed(seen)
        gone = self._refuted(claimed, keys)
        free += [_ends(m) for m in claimed if m["host"] in gone]
        hosts = {h.id: h for key in sorted(keys) for h in self.keys.get(plain_key(key), ())}
        by_key = [
            self._about(h.id, "host", h.role, h.valid_from, h.valid_to) | {"by": "key"}
            for h in hosts.values()
        ]
        return [m for m in claimed if m["host"] not in gone] + [
            part for m in by_key for part in _within(m, free)
        ]

    def declared(self, seen: str) -> list[dict[str, Any]]:
        """The declared hosts or groups that an address is, whatever key was seen there."""
        return self._claimed(seen)[0] if parsed(seen) is not None else self.matches(seen, set())

    def refuted(self, seen: str, keys: set[str]) -> list[dict[str, Any]]:
        """The declared hosts of an address that it is not, by the keys that were seen there."""
        if not keys or parsed(seen) is None:
            return []
        claimed = self._claimed(seen)[0]
        gone = self._refuted(claimed, keys)
        return [m for m in claimed if m["host"] in gone]

    def other_keys(self, host: str, keys: Iterable[str]) -> list[str]:
        """Those of some keys that a host does not declare, although it declares one of the kind."""
        own = {plain_key(key) for key in self._hosts[host].keys} if host in self._hosts else set()
        kinds = {key_kind(key) for key in own}
        return sorted(k for k in keys if key_kind(k) in kinds and plain_key(k) not in own)

    def _claimed(self, seen: str) -> tuple[list[dict[str, Any]], list[tuple[float, float]]]:
        """What an address is declared to be, and the spans of time in which it is nothing."""
        address = parsed(seen)
        assert address is not None
        bits = address.max_prefixlen
        found: list[dict[str, Any]] = []
        free = [(-math.inf, math.inf)]
        for version, prefix in self._prefixes:
            if version != address.version:
                continue
            base = int(address) >> (bits - prefix) << (bits - prefix)
            some = self._networks.get((version, prefix, base), ())
            found += [part for m in some for part in _within(m, free)]
            for match in some:
                free = _less(free, _ends(match))
            if not free:
                break
        return found, free

    def _refuted(self, claimed: Sequence[Mapping[str, Any]], keys: set[str]) -> set[str]:
        """Hosts of an address at which another key of the kind of theirs was seen and none of
        those of any host there. Behind a shared address stand many machines, and many keys.
        """
        hosts = {m["host"] for m in claimed if m["kind"] == "host"}
        if not hosts or not keys:
            return set()
        own = {plain_key(key) for h in hosts for key in self._hosts[h].keys}
        if own & {plain_key(key) for key in keys}:
            return set()
        return {h for h in hosts if not self._hosts[h].shared and self.other_keys(h, keys)}


OTHER_KEY = "other-key"
"""How an address was told that is declared, and whose key is another one."""


def _name(written: str) -> str:
    """A name of a machine as it is compared."""
    return written.strip().lower().removesuffix(".")


def _within(
    match: Mapping[str, Any], spans: Sequence[tuple[float, float]]
) -> Iterator[dict[str, Any]]:
    """A match in each of some spans of time that it reaches into."""
    start, end = _ends(match)
    for first, last in spans:
        low, high = max(start, first), min(end, last)
        if low < high:
            yield {**match, "from_us": _finite(low), "to_us": _finite(high)}


def _less(
    spans: Sequence[tuple[float, float]], gone: tuple[float, float]
) -> list[tuple[float, float]]:
    """Spans of time without one of them."""
    parts = [
        part
        for low, high in spans
        for part in ((low, min(high, gone[0])), (max(low, gone[1]), high))
    ]
    return [(low, high) for low, high in parts if low < high]


_PREFIX = re.compile(r"^(?:sha-?1|sha-?256|md5):")
_HEX = re.compile(r"^[0-9a-f]+$")


def _digits(key: str) -> str | None:
    """The digits of a fingerprint that is written in hexadecimal ones, None of any other."""
    digits = re.sub(r"[:\s-]", "", _PREFIX.sub("", key.strip().lower()))
    return digits if _HEX.match(digits) else None


def plain_key(written: str) -> str:
    """A fingerprint as it is compared: hexadecimal digits without what parts them."""
    digits = _digits(written)
    if digits is not None:
        return digits
    text = written.strip()
    return text.rstrip("=") if key_kind(text) == "ssh" else text.lower()


def key_kind(written: str) -> str:
    """The kind of a fingerprint by its form: no two kinds can be compared with each other."""
    digits = _digits(written)
    if digits is not None:
        return f"hexadecimal-{len(digits)}"
    return "ssh" if written.strip().lower().startswith("sha256:") else "text"


def scope(written: str) -> str:
    """What kind of address a text is."""
    address = parsed(written)
    if address is None:
        own = _name(written) in ("localhost", "localhost.localdomain")
        return "loopback" if own else "name"
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
