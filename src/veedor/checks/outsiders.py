"""Undeclared machines of a count as rows: what each did, and the sheets that entered through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.checks import hosts
from veedor.checks.base import Columns, Context
from veedor.checks.lateness import Stream
from veedor.checks.recorded import known


def sheets_of(measured: Mapping[str, Columns], addresses: NDArray[Any]) -> NDArray[np.int64]:
    """int64: stations of the sheets that entered through some addresses, rising."""
    carried = measured["carried"]
    some = np.isin(carried["address"].astype(str), addresses.astype(str))
    return np.unique(carried["sid"][some].astype(np.int64))


def outsiders(measured: Mapping[str, Columns], stream: Stream | None) -> dict[str, NDArray[Any]]:
    """One row for each undeclared address that takes part, those with most sheets first."""
    called, calling, carried = (measured[n] for n in ("called", "calling", "carried"))
    links, told = measured["linked"], measured["addresses"]
    places = {
        name: _places(hosts.text_column(measured[name], column))
        for name, column in (
            ("called", "address"), ("calling", "address"), ("carried", "address"),
            ("linked", "dst"),
        )
    }  # fmt: skip
    scope = dict(zip(*(hosts.text_column(told, n) for n in ("address", "scope")), strict=True))
    key_of = _key_of(measured)
    spans = {"called": called, "calling": calling, "linked": links}
    at = {n: [known(t["first"]), known(t["last"])] for n, t in spans.items()}
    entered_at = known(carried["us"])
    rows: list[dict[str, Any]] = []
    for address in sorted(hosts.text_column(measured["taking"], "address")):
        mine = places["carried"].get(address, [])
        ends = entered_at[mine].tolist()
        ends += [bound[i] for n in spans for i in places[n].get(address, ()) for bound in at[n]]
        dated = [v for v in ends if np.isfinite(v)]
        i, j = (next(iter(places[n].get(address, ())), None) for n in ("called", "calling"))
        rows.append(
            {
                "address": address,
                "scope": scope.get(address, ""),
                "key_of": key_of.get(address),
                **{n: 0 if i is None else int(called[n][i])
                   for n in ("called_by", "connections", "lines", "bytes_out", "bytes_in")},
                "first": min(dated, default=np.nan),
                "last": max(dated, default=np.nan),
                **{n: 0 if j is None else int(calling[n][j]) for n in ("sent_bytes", "acts")},
                **_held(np.unique(carried["sid"][mine].astype(np.int64)), stream),
            }
        )  # fmt: skip
    rows.sort(key=lambda r: (-r["stations"], -r["connections"] - r["lines"], r["address"]))
    words = ("address", "scope", "key_of")
    return {
        n: np.array([r[n] for r in rows], dtype=object if n in words else None) for n in COLUMNS
    }


COLUMNS = (
    *("address", "scope", "key_of", "called_by", "connections", "lines", "bytes_out", "bytes_in"),
    *("first", "last", "sent_bytes", "acts", "stations", "valid"),
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

    Names that are no address are left out: they may be a declared machine's own name for itself.
    """
    called, told = measured["called"], measured["addresses"]
    scope = dict(zip(*(hosts.text_column(told, n) for n in ("address", "scope")), strict=True))
    found = [
        {
            "address": r["address"],
            **{n: r[n] for n in ("called_by", "connections", "lines")},
            **{n: hosts.stamp(r[n], context) for n in ("first", "last")},
        }
        for r in hosts.records(called, list(called))
        if r["address"] not in mine and scope.get(str(r["address"])) != "name"
    ]
    return sorted(found, key=lambda r: (-r["connections"] - r["lines"], r["address"]))


def other_keys(measured: Mapping[str, Columns], context: Context) -> list[dict[str, str]]:
    """Declared addresses of hosts with declared keys that presented another key."""
    keys = {h.id: {k.lower() for k in h.keys} for h in context.plan.hosts if h.keys}
    places: dict[str, set[str]] = {}
    table = measured["addresses"]
    for address, host, by in zip(*(table[n] for n in ("address", "host", "by")), strict=True):
        if host in keys and by in ("address", "network", "name"):
            places.setdefault(str(address), set()).add(str(host))
    found = [
        {"address": str(address), "host": ", ".join(sorted(places[str(address)])), "key": str(key)}
        for address, key in zip(measured["keys"]["address"], measured["keys"]["key"], strict=True)
        if str(address) in places
        and not any(str(key).lower() in keys[host] for host in places[str(address)])
    ]
    return sorted(found, key=lambda r: (r["address"], r["key"]))
