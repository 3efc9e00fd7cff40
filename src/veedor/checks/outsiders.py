"""Undeclared machines of a count as rows: what each did, and the sheets that entered through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.checks import hosts
from veedor.checks.base import Columns, Context
from veedor.checks.lateness import Stream
from veedor.checks.recorded import known, whole
from veedor.engine.declared import OTHER_KEY, Book, plain_key


def sheets_of(measured: Mapping[str, Columns], addresses: NDArray[Any]) -> NDArray[np.int64]:
    """int64: stations of the sheets that entered through some addresses, rising."""
    carried = measured["carried"]
    some = np.isin(carried["address"].astype(str), addresses.astype(str))
    return np.unique(carried["sid"][some].astype(np.int64))


@dataclass(frozen=True, slots=True)
class Ways:
    """By which machines sheets came, as far as records tell.

    Attributes
    ----------
    known : int64, rising
        Stations of which some record tells through which machine the sheet entered.
    declared : int64, rising
        Those of which all records name machines that the plan declares then.
    """

    known: NDArray[np.int64]
    declared: NDArray[np.int64]

    @classmethod
    def of(cls, measured: Mapping[str, Columns]) -> Ways:
        """What the entries that `measure` counted tell."""
        rows = measured["entered"]
        sid = rows["sid"].astype(np.int64)
        every, sure, strange = (whole(rows[n]) for n in ("n", "sure", "strange"))
        return cls(known=np.unique(sid[sure + strange > 0]), declared=np.unique(sid[sure == every]))


def outsiders(
    measured: Mapping[str, Columns], stream: Stream | None, context: Context
) -> dict[str, NDArray[Any]]:
    """One row for each undeclared address that takes part, those with most sheets first."""
    called, calling, carried = (measured[n] for n in ("called", "calling", "carried"))
    links, told, stored = (measured[n] for n in ("linked", "addresses", "stored"))
    places = {
        name: _places(hosts.text_column(measured[of], column))
        for name, of, column in (
            ("called", "called", "address"), ("calling", "calling", "address"),
            ("carried", "carried", "address"), ("stored", "stored", "address"),
            ("linked", "linked", "dst"), ("linking", "linked", "src"),
        )
    }  # fmt: skip
    scope = dict(zip(*(hosts.text_column(told, n) for n in ("address", "scope")), strict=True))
    key_of, at_host = _key_of(measured), _at_host(measured, context)
    spans = {"called": called, "calling": calling, "linked": links, "linking": links}
    at = {n: [known(t["first"]), known(t["last"])] for n, t in spans.items()}
    entered_at, calls = known(carried["us"]), whole(links["connections"])
    rows: list[dict[str, Any]] = []
    for address in sorted(hosts.text_column(measured["taking"], "address")):
        mine = places["carried"].get(address, [])
        ends = entered_at[mine].tolist()
        ends += known(stored["us"])[places["stored"].get(address, [])].tolist()
        ends += [bound[i] for n in spans for i in places[n].get(address, ()) for bound in at[n]]
        dated = [v for v in ends if np.isfinite(v)]
        i, j = (next(iter(places[n].get(address, ())), None) for n in ("called", "calling"))
        rows.append(
            {
                "address": address,
                "scope": scope.get(address, ""),
                "key_of": key_of.get(address),
                "at_host": at_host.get(address),
                **{n: 0 if i is None else int(called[n][i])
                   for n in ("called_by", "connections", "lines", "bytes_out", "bytes_in")},
                "from_undeclared": int(calls[places["linked"].get(address, [])].sum()),
                "to_undeclared": int(calls[places["linking"].get(address, [])].sum()),
                "first": min(dated, default=np.nan),
                "last": max(dated, default=np.nan),
                **{n: 0 if j is None else int(calling[n][j]) for n in ("sent_bytes", "acts")},
                "stored": len(places["stored"].get(address, [])),
                **_held(np.unique(carried["sid"][mine].astype(np.int64)), stream),
            }
        )  # fmt: skip
    rows.sort(
        key=lambda r: (
            -r["stations"], -r["connections"] - r["lines"] - r["from_undeclared"], r["address"]
        )
    )  # fmt: skip
    words = ("address", "scope", "key_of", "at_host")
    return {
        n: np.array([r[n] for r in rows], dtype=object if n in words else None) for n in COLUMNS
    }


COLUMNS = (
    *("address", "scope", "key_of", "at_host", "called_by", "connections", "lines", "bytes_out"),
    *("bytes_in", "from_undeclared", "to_undeclared", "first", "last", "sent_bytes", "acts"),
    *("stored", "stations", "valid"),
)


def _places(names: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        found.setdefault(name, []).append(i)
    return found


def _key_of(measured: Mapping[str, Columns]) -> dict[str, str]:
    """Address outside the plan -> the declared host whose key it presented."""
    told = measured["addresses"]
    return {
        str(a): str(h)
        for a, h, by in zip(*(told[n] for n in ("address", "host", "by")), strict=True)
        if by == "key"
    }


def _at_host(measured: Mapping[str, Columns], context: Context) -> dict[str, str]:
    """Address -> the declared host whose address it is, and whose key it has not."""
    told, book = measured["addresses"], Book(context.plan)
    some = {str(a) for a, by in zip(told["address"], told["by"], strict=True) if by == OTHER_KEY}
    declared = {a: {m["host"] for m in book.declared(a) if m["kind"] == "host"} for a in some}
    return {a: ", ".join(sorted(found)) for a, found in declared.items()}


def clients(callers: Columns, rows: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The declared machines that called each address, as text."""
    by: dict[str, list[str]] = {}
    for address, client in zip(
        *(hosts.text_column(callers, n) for n in ("address", "client")), strict=True
    ):
        by.setdefault(address, []).append(client)
    return np.array([", ".join(sorted(by.get(str(a), ()))) for a in rows["address"]], dtype=object)


def _held(sids: NDArray[np.int64], stream: Stream | None) -> dict[str, int]:
    """The counted official sheets among some stations, and their valid votes."""
    if stream is None:
        return {"stations": len(sids), "valid": 0}
    inside = np.isin(stream.sid, sids)
    return {"stations": int(inside.sum()), "valid": int(stream.valid[inside].sum())}


def called_only(
    measured: Mapping[str, Columns], mine: set[str], context: Context
) -> list[dict[str, Any]]:
    """Undeclared addresses that were called and that nothing ties to the count, most called first.

    Names of which the plan knows nothing are left out: they may be a declared machine's own name
    for itself.
    """
    called, told = measured["called"], measured["addresses"]
    unknown = {
        str(a)
        for a, scope, host in zip(*(told[n] for n in ("address", "scope", "host")), strict=True)
        if scope == "name" and host is None
    }
    found = [
        {
            "address": r["address"],
            **{n: r[n] for n in ("called_by", "connections", "lines")},
            **{n: hosts.stamp(r[n], context) for n in ("first", "last")},
        }
        for r in hosts.records(called, list(called))
        if r["address"] not in mine and r["address"] not in unknown
    ]
    return sorted(found, key=lambda r: (-r["connections"] - r["lines"], r["address"]))


def other_keys(
    measured: Mapping[str, Columns], stream: Stream | None, context: Context
) -> list[dict[str, Any]]:
    """Addresses of hosts with declared keys that presented another key of the same kind, whether
    the declared one was seen there too, and the sheets that entered through the address.
    """
    book = Book(context.plan)
    shown: dict[str, set[str]] = {}
    for address, key in zip(*(measured["keys"][n] for n in ("address", "key")), strict=True):
        shown.setdefault(str(address), set()).add(str(key))
    through = measured["through"]
    places = _places(hosts.text_column(through, "address"))
    found = []
    for address, keys in shown.items():
        some = sorted({m["host"] for m in book.declared(address) if m["kind"] == "host"})
        own = {key for h in context.plan.hosts if h.id in some for key in map(plain_key, h.keys)}
        strange = {k for host in some for k in book.other_keys(host, keys)}
        held = _held(
            np.unique(through["sid"][places.get(address, [])].astype(np.int64)), stream
        )["stations"]  # fmt: skip
        found += [
            {
                "address": address,
                "host": ", ".join(some),
                "key": key,
                "declared_key": any(plain_key(k) in own for k in keys),
                "stations": held,
            }
            for key in strange
            if plain_key(key) not in own
        ]
    return sorted(found, key=lambda r: (r["address"], r["key"]))
