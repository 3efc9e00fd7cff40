"""Machines in the traffic of the count that the plan does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Status
from veedor.checks import hosts, lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import LEAST_BYTES, PUBLIC
from veedor.checks.lateness import Stream, points, span
from veedor.checks.recorded import known, whole
from veedor.checks.topology import drawn, edges

MOST = 20
"""Addresses through which sheets entered that get a finding of their own."""


class UndeclaredHost(Check):
    """Look for addresses that take part in the count and that the plan does not declare then.

    Four things make an undeclared address one of the count: a declared machine (a host, or a client
    of a group) called it; it sent at least 64 KiB to a declared host that is not open to the
    public; sheets entered through it; or one through which sheets entered called it.
    Other callers, such as visitors and scans of a public address, are counted apart. An address is
    not an identity: one that presented the key of a declared host is taken for that host and
    counted apart, and a declared address that presented another key than the declared one is shown.
    Which sheets entered through an address is told by logs of the count that name a machine, and
    by lines of machines that name a station.

    Statistic
    ---------
    hosts : array of {address, scope, called, called_by, connections, lines, bytes_out, bytes_in,
        first, last, sent_bytes, stations, valid}
        Undeclared addresses of the count. `connections` and `lines` are flows and log lines in
        which declared machines called it, `called_by` how many of these, bytes those of the same
        flows; `sent_bytes` what it sent to hosts not open to the public; `stations` and `valid` the
        counted official sheets that entered through it.
    called, sending, carrying : int
        How many of them were called by declared machines, sent bytes, carried sheets.
    other_callers : int
        Undeclared addresses that called declared hosts and did none of these.
    with_declared_key : array of {address, host}
        Addresses outside the plan that presented the key of a declared host.
    other_keys : array of {address, host, key}
        Declared addresses of hosts with declared keys that presented another key.
    stations, valid : int
        Counted official sheets that entered through any of them.
    entered : int
        Counted official sheets of which some record tells through which machine they entered.
    Of one address: the same row, and `group`: {sheets, valid, margin_points, compared,
    actual_points, predicted_points, unexplained_points, low, high, history_points, classes}, its
    sheets beside what the other sheets of their centres predict.

    Uncertainty
    -----------
    None for what was seen, as far as the sensors and logs reach: a link that none of them covers is
    not seen. The margin against the same centres has a 95 % interval by clusters of centres.

    Source
    ------
    Comparison of observed endpoints with a declared inventory (asset management in NIST SP 800-53,
    CM-8); audit of the Organization of American States, 2019, on servers outside the agreed scheme.
    """

    title = "Machines outside the plan"
    asks = "Did machines take part in the count that the plan does not declare?"
    rule = "Every machine that carries the count is in the signed inventory while it does so."
    kind = "control"
    needs = ("declared-hosts", "seen-hosts")
    heading = "{heading}"
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "Every address that a declared machine called, that sent data to a host of the count or"
            " through which a sheet entered is declared at that time. {other_callers} other"
            " addresses called declared hosts."
        ),
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "key",
            "The machine is a declared one that moved: an address is not an identity, a key is.",
            "{with_declared_key} addresses outside the plan presented the key of a declared host"
            " and are not among those counted. Of those counted, {keys_seen} were seen presenting"
            " some key, and none the key of a declared host.",
        ),
        Benign(
            "contingency",
            "A contingency plan brought the machine in.",
            "The plan has {plans} contingency plans with {hosts} hosts; none has one of these"
            " addresses. {declared} of the plans were declared to be in force.",
        ),
        Benign(
            "translation",
            "Address translation, a proxy or a content network shows another address than the"
            " machine's own.",
            "The plan declares {shared} addresses behind which many machines stand; none of these"
            " addresses is among them. {private} of them are private addresses.",
        ),
        Benign(
            "visitors",
            "Anybody may call a public address: visitors, search engines, scans of the internet.",
            "{other_callers} undeclared addresses only called declared hosts and sent little; they"
            " are not counted.",
        ),
        Benign("inventory", "The inventory that was handed over is not the one in force."),
        Benign(
            "relay",
            "A relay that passes on encrypted traffic unchanged changes no sheet.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Undeclared addresses by what they did, keys presented, sheets by machine, and edges."""
        addresses = evidence.addresses()
        reached = hosts.contacts(evidence)
        to_unknown = hosts.with_host(
            hosts.only_undeclared(reached, "dst", addresses), "src", addresses, "by"
        )
        from_unknown = hosts.with_host(
            hosts.only_undeclared(reached, "src", addresses), "dst", addresses, "to", kind="host"
        )
        hidden = ~from_unknown.to_role.isin(PUBLIC)
        entered = hosts.entries(evidence)
        carried = hosts.only_undeclared(entered, "address", addresses)
        of_the_count = to_unknown.select(address="dst").union(carried.select("address"))
        lines = evidence.log_lines()
        keys = lines.filter(lines.key.notnull(), lines.host.notnull()).select(
            address="host", key="key"
        )
        flows = evidence.flows()
        shown = keys.union(flows.filter(flows.key.notnull()).select(address="dst", key="key"))
        return {
            "called": to_unknown.group_by(address=to_unknown.dst).agg(
                called_by=to_unknown.src.nunique(),
                connections=to_unknown.connections.sum(),
                lines=to_unknown.lines.sum(),
                bytes_out=to_unknown.bytes_out.sum(),
                bytes_in=to_unknown.bytes_in.sum(),
                first=to_unknown.us.min(),
                last=to_unknown.us.max(),
            ),
            "callers": to_unknown.select(address="dst", client="src").distinct(),
            "calling": from_unknown.group_by(address=from_unknown.src).agg(
                connections=from_unknown.connections.sum(),
                lines=from_unknown.lines.sum(),
                sent_bytes=hidden.ifelse(from_unknown.bytes_out, 0).sum(),
                first=from_unknown.us.min(),
                last=from_unknown.us.max(),
            ),
            "carried": carried.group_by("sid", "address").agg(us=carried.us.min()),
            "linked": hosts.only_undeclared(
                hosts.only_undeclared(reached, "dst", addresses), "src", addresses
            )
            .group_by("src", "dst")
            .agg(
                connections=ibis._.connections.sum(),
                first=ibis._.us.min(),
                last=ibis._.us.max(),
            ),
            "entered": entered.select("sid").distinct(),
            "keys": shown.distinct(),
            "addresses": addresses,
            "edges": edges(evidence, of_the_count.distinct()),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all addresses, and one for each of those through which sheets entered."""
        stream = Stream.of(measured, context)
        rows = _rows(measured, stream)
        rows = {name: _stamped(name, values, context) for name, values in rows.items()}
        statistic = _statistic(rows, measured, context, stream)
        size = len(rows["address"])
        status: Status = "observed" if size else _silence(measured)
        yield self.fact(
            status,
            statistic,
            words={"heading": self.title, "sentence": _sentence(status, statistic, context)},
            explanations=self.explain(**_tested(statistic, rows, measured, context)),
            rows={**rows, "clients": _clients(measured["callers"], rows)} if size else None,
            key="address",
            questioned=_sheets(measured, rows["address"]) if statistic["stations"] else None,
            figures=drawn("infrastructure.undeclared-host", measured["edges"], context),
        )
        carrying = np.flatnonzero(rows["stations"] > 0)[:MOST]
        for i in carrying.tolist():
            yield self._one(i, rows, measured, context, stream)

    def _one(
        self,
        i: int,
        rows: Mapping[str, NDArray[Any]],
        measured: Mapping[str, Columns],
        context: Context,
        stream: Stream | None,
    ) -> Fact:
        address = str(rows["address"][i])
        carried = measured["carried"]
        mine = carried["address"] == address
        sids, us = carried["sid"][mine].astype(np.int64), known(carried["us"])[mine]
        statistic = hosts.records(rows, list(rows))[i]
        group: dict[str, Any] = {}
        if stream is not None:
            through = np.isin(stream.sid, sids)
            group = lateness.described(stream, through, ~through)
        order = np.argsort(sids)
        return self.fact(
            "observed",
            {**statistic, "group": group},
            subject=address,
            words={
                "heading": f"Sheets that entered through {address}",
                "sentence": _one_sentence(statistic, group),
            },
            explanations=self.explain(),
            rows={"sid": sids[order], "entered_at": hosts.stamps(us[order], context)},
            questioned=sids[order],
        )


def _silence(measured: Mapping[str, Columns]) -> Status:
    """Whether seeing nothing means something: some record of traffic must be there."""
    seen = len(measured["edges"]["src"]) + len(measured["entered"]["sid"])
    return "not-observed" if seen else "not-determinable"


def _sheets(measured: Mapping[str, Columns], addresses: NDArray[Any]) -> NDArray[np.int64]:
    carried = measured["carried"]
    some = np.isin(carried["address"].astype(str), addresses.astype(str))
    return np.unique(carried["sid"][some].astype(np.int64))


def _rows(measured: Mapping[str, Columns], stream: Stream | None) -> dict[str, NDArray[Any]]:
    """One row for each undeclared address of the count, those with most sheets first."""
    called, calling, carried = (measured[n] for n in ("called", "calling", "carried"))
    sent = {a: i for i, a in enumerate(hosts.text_column(calling, "address"))}
    by_call = {a: i for i, a in enumerate(hosts.text_column(called, "address"))}
    sent_bytes = whole(calling["sent_bytes"])
    loud = {a for a, i in sent.items() if sent_bytes[i] >= LEAST_BYTES}
    sheets: dict[str, list[int]] = {}
    for row, address in enumerate(hosts.text_column(carried, "address")):
        sheets.setdefault(address, []).append(row)
    links = measured["linked"]
    carriers = set(sheets)
    inner: dict[str, list[int]] = {}
    ends_of_links = (hosts.text_column(links, end) for end in ("src", "dst"))
    for link, (src, dst) in enumerate(zip(*ends_of_links, strict=True)):
        if src in carriers:
            inner.setdefault(dst, []).append(link)
    every = sorted({*by_call, *loud, *carriers, *inner})
    spans = [[known(t[n]) for n in ("first", "last")] for t in (called, calling, links)]
    scope = dict(zip(*(hosts.text_column(measured["addresses"], n) for n in ("address", "scope")),
                     strict=True))  # fmt: skip
    entered_at = known(carried["us"])
    rows: list[dict[str, Any]] = []
    for address in every:
        i, j = by_call.get(address), sent.get(address)
        mine = sheets.get(address, [])
        sids = np.unique(carried["sid"][mine].astype(np.int64))
        places = [(0, i), (1, j), *((2, link) for link in inner.get(address, ()))]
        ends = [at[k] for table, k in places if k is not None for at in spans[table]]
        ends += entered_at[mine].tolist()
        dated = [v for v in ends if np.isfinite(v)]
        rows.append(
            {
                "address": address,
                "scope": scope.get(address, ""),
                "called": i is not None,
                **{n: 0 if i is None else int(called[n][i])
                   for n in ("called_by", "connections", "lines", "bytes_out", "bytes_in")},
                "first": min(dated, default=np.nan),
                "last": max(dated, default=np.nan),
                "sent_bytes": 0 if j is None else int(sent_bytes[j]),
                **_held(sids, stream),
            }
        )  # fmt: skip
    rows.sort(key=lambda r: (-r["stations"], -r["connections"] - r["lines"], r["address"]))
    columns = (
        *("address", "scope", "called", "called_by", "connections", "lines"),
        *("bytes_out", "bytes_in", "first", "last", "sent_bytes", "stations", "valid"),
    )
    return {
        n: np.array([r[n] for r in rows], dtype=object if n in ("address", "scope") else None)
        for n in columns
    }


def _clients(callers: Columns, rows: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
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


def _stamped(name: str, values: NDArray[Any], context: Context) -> NDArray[Any]:
    return hosts.stamps(values, context) if name in ("first", "last") else values


def _statistic(
    rows: Mapping[str, NDArray[Any]],
    measured: Mapping[str, Columns],
    context: Context,
    stream: Stream | None,
) -> dict[str, Any]:
    sids = _sheets(measured, rows["address"])
    inside = np.isin(stream.sid, sids) if stream is not None else np.zeros(0, bool)
    entered = measured["entered"]["sid"].astype(np.int64)
    told = measured["addresses"]
    moved = [
        {"address": str(a), "host": str(h)}
        for a, h, by in zip(*(told[n] for n in ("address", "host", "by")), strict=True)
        if by == "key"
    ]
    callers = set(hosts.text_column(measured["calling"], "address"))
    return {
        "hosts": hosts.records(rows, list(rows)),
        "called": int(rows["called"].sum()) if len(rows["called"]) else 0,
        "sending": int((rows["sent_bytes"] >= LEAST_BYTES).sum()),
        "carrying": int((rows["stations"] > 0).sum()),
        "other_callers": len(callers - set(rows["address"].tolist())),
        "with_declared_key": moved,
        "other_keys": _other_keys(measured, context),
        "stations": int(inside.sum()),
        "valid": int(stream.valid[inside].sum()) if stream is not None else 0,
        "entered": len(entered) if stream is None else int(np.isin(stream.sid, entered).sum()),
    }


def _other_keys(measured: Mapping[str, Columns], context: Context) -> list[dict[str, str]]:
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


def _sentence(status: str, statistic: Mapping[str, Any], context: Context) -> str:
    if status == "not-determinable":
        lost = "; ".join(w.what for w in hosts.gone(context))
        return "No record of traffic tells which machines took part." + (
            f" The case says that evidence was withheld: {lost}." if lost else ""
        )
    rows = statistic["hosts"]
    if not rows:
        return ""
    carried = (
        f" {statistic['stations']:,} official sheets with {statistic['valid']:,} valid votes"
        f" entered through {statistic['carrying']:,} of them."
        if statistic["carrying"]
        else f" No record ties a sheet to them ({statistic['entered']:,} sheets have a record of"
        " the machine through which they entered)."
    )
    return (
        f"{len(rows):,} {'address is' if len(rows) == 1 else 'addresses are'} part of the count's"
        f" traffic and not in the plan at that time: {hosts.names(r['address'] for r in rows)}."
        f" Declared machines called {statistic['called']:,} of them." + carried + _moved(statistic)
    )


def _moved(statistic: Mapping[str, Any]) -> str:
    """Addresses outside the plan that presented a declared key, in words."""
    moved = statistic["with_declared_key"]
    if not moved:
        return ""
    listed = hosts.names(f"{m['address']} ({m['host']})" for m in moved)
    return f" Not among them, for they presented the key of a declared host: {listed}."


def _one_sentence(row: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    text = (
        f"{row['stations']:,} official sheets with {row['valid']:,} valid votes entered through"
        f" {row['address']}, which the plan does not declare then"
        f" ({row['called_by']:,} declared machines called it)."
    )
    if group.get("compared"):
        text += (
            f" In the centres that have other sheets too, their margin is"
            f" {points(group['actual_points'])} where these predict"
            f" {points(group['predicted_points'])}: unexplained"
            f" {points(group['unexplained_points'])} ({span(group['low'], group['high'])})."
        )
    elif group:
        text += (
            f" Their margin is {points(group['margin_points'])}; no centre has other sheets with"
            " which to compare them."
        )
    return text


def _tested(
    statistic: Mapping[str, Any],
    rows: Mapping[str, NDArray[Any]],
    measured: Mapping[str, Columns],
    context: Context,
) -> dict[str, Mapping[str, Any]]:
    plans = context.plan.contingencies
    with_key = set(hosts.text_column(measured["keys"], "address"))
    mine = set(rows["address"].tolist())
    return {
        "key": {
            "with_declared_key": len(statistic["with_declared_key"]),
            "keys_seen": len(mine & with_key),
        },
        "contingency": {
            "plans": len(plans),
            "hosts": len({h for p in plans for h in p.hosts}),
            "declared": sum(p.declared_from is not None for p in plans),
        },
        "translation": {
            "shared": sum(len(h.addresses) for h in context.plan.hosts if h.shared),
            "private": int((rows["scope"] == "private").sum()),
        },
        "visitors": {"other_callers": statistic["other_callers"]},
    }
