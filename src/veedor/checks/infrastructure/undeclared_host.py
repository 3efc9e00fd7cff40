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
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, subject
from veedor.checks.hosts import PUBLIC
from veedor.checks.lateness import Stream, points, span
from veedor.checks.outsiders import COLUMNS, called_only, clients, other_keys, outsiders, sheets_of
from veedor.checks.recorded import known
from veedor.checks.topology import drawn, edges

MOST = 20
"""Addresses through which sheets entered that get a finding of their own."""


class UndeclaredHost(Check):
    """Look for addresses that take part in the count and that the plan does not declare then.

    An undeclared address takes part where sheets entered through it; where one through which sheets
    entered called it; where it sent at least 64 KiB to a declared host that is not open to the
    public, or logged in, wrote or stored something there; or where at least half of the clients of
    a group called it. Undeclared addresses that declared machines called and that nothing ties to
    the count, such as those of updates, and other callers, such as visitors and scans, are counted
    apart.

    An address is not an identity. One that presented the key of a declared host may be that host,
    or a relay that passes its traffic on, and is shown with it; a declared address that presented
    another key than the declared one is observed. Which sheets entered through an address is told
    by logs of the count that name a machine, and by lines that tell of a sheet coming in.

    Statistic
    ---------
    hosts : array of {address, scope, key_of, called_by, connections, lines, bytes_out, bytes_in,
        first, last, sent_bytes, acts, stations, valid}
        Undeclared addresses that take part. `connections` and `lines` are flows and log lines in
        which declared machines called it, `called_by` how many of these, bytes those of the same
        flows; `sent_bytes` what it sent to hosts not open to the public, `acts` lines of what it
        did there; `stations` and `valid` the counted official sheets that entered through it;
        `key_of` the declared host whose key it presented.
    carrying : int or null
        How many of them carried sheets; null where none is seen to, and the way of fewer than half
        of the sheets is on record.
    called_only : array of {address, called_by, connections, lines, first, last}, at most 50
    called_only_total : int
        Undeclared addresses that declared machines called and that nothing ties to the count.
    other_callers : int
        Undeclared addresses that called declared hosts and did nothing else.
    other_keys : array of {address, host, key}
        Declared addresses of hosts with declared keys that presented another key.
    by_network : int
        Addresses seen that the plan declares only as part of a network: a machine that nobody named
        could be one of them.
    stations, valid : int
        Counted official sheets that entered through any of them.
    entered, sheets : int
        Counted official sheets of which some record tells through which machine they entered, and
        all of them.
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
        "not-observed": "{sentence}",
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "key",
            "The machine is a declared one at another address.",
            "{keyed} of these addresses presented the key of a declared host ({listed}): it may be"
            " that host, or a relay that passes its traffic on. {shown} of them were seen"
            " presenting some key.",
        ),
        Benign(
            "contingency",
            "A contingency plan, or an entry of the plan for another time, brought the machine in.",
            "The plan declares {otherwise} of these addresses at another time, {contingency} of"
            " them as hosts of a contingency.",
        ),
        Benign(
            "translation",
            "Address translation, a proxy or a content network shows another address than the"
            " machine's own.",
            "{private} of these addresses are private ones, which say nothing beyond their own"
            " network. The plan declares {shared} addresses behind which many machines stand.",
        ),
        Benign(
            "visitors",
            "Anybody may call a public address: visitors, search engines, scans of the internet.",
            "{other_callers} undeclared addresses only called declared hosts, sent little and did"
            " nothing there; they are not counted.",
        ),
        Benign(
            "updates",
            "Machines call others for their own ends: updates, names, time, a browser.",
            "{called_only} undeclared addresses were called by declared machines, and nothing ties"
            " them to the count; they are not counted.",
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
        taking = hosts.part_takers(evidence, reached, entered)
        lines = evidence.log_lines()
        keys = lines.filter(
            lines.key.notnull(), lines.host.notnull(), lines.kind.isin(("handshake", "certificate"))
        ).select(address="host", key="key")
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
            "taking": taking,
            "callers": to_unknown.select(address="dst", client="src").distinct(),
            "calling": from_unknown.group_by(address=from_unknown.src).agg(
                connections=from_unknown.connections.sum(),
                lines=from_unknown.lines.sum(),
                sent_bytes=hidden.ifelse(from_unknown.bytes_out, 0).sum(),
                acts=hidden.ifelse(from_unknown.acts, 0).sum(),
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
            "entered": entered.filter(entered.remote).group_by("sid").agg(n=ibis._.count()),
            "keys": shown.distinct(),
            "addresses": addresses,
            "edges": edges(evidence, taking),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all addresses, and one for each of those through which sheets entered."""
        stream = Stream.of(measured, context)
        rows = outsiders(measured, stream)
        rows = {name: _stamped(name, values, context) for name, values in rows.items()}
        statistic = _statistic(rows, measured, context, stream)
        size = len(rows["address"])
        status: Status = "observed" if size or statistic["other_keys"] else _silence(statistic)
        yield self.fact(
            status,
            statistic,
            words={"heading": self.title, "sentence": _sentence(status, statistic, context)},
            explanations=self.explain(**_tested(statistic, rows, measured, context)),
            rows={**rows, "clients": clients(measured["callers"], rows)} if size else None,
            key="address",
            questioned=sheets_of(measured, rows["address"]) if statistic["stations"] else None,
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
            subject=subject(address),
            words={
                "heading": f"Sheets that entered through {address}",
                "sentence": _one_sentence(statistic, group),
            },
            explanations=self.explain(),
            rows={"sid": sids[order], "entered_at": hosts.stamps(us[order], context)},
            questioned=sids[order],
        )


def _silence(statistic: Mapping[str, Any]) -> Status:
    """Whether seeing nothing means something: the way of most sheets must be on record, or no
    undeclared machine have been called at all.
    """
    known_way = statistic["entered"] * 2 >= statistic["sheets"] > 0
    quiet = statistic["traffic"] and not statistic["called_only_total"]
    return "not-observed" if known_way or quiet else "not-determinable"


def _stamped(name: str, values: NDArray[Any], context: Context) -> NDArray[Any]:
    return hosts.stamps(values, context) if name in ("first", "last") else values


def _statistic(
    rows: Mapping[str, NDArray[Any]],
    measured: Mapping[str, Columns],
    context: Context,
    stream: Stream | None,
) -> dict[str, Any]:
    sids = sheets_of(measured, rows["address"])
    inside = np.isin(stream.sid, sids) if stream is not None else np.zeros(0, bool)
    entered = measured["entered"]["sid"].astype(np.int64)
    mine = set(rows["address"].tolist())
    apart = called_only(measured, mine, context)
    carrying = int((rows["stations"] > 0).sum()) if len(mine) else 0
    ways = len(entered) if stream is None else int(np.isin(stream.sid, entered).sum())
    sheets = 0 if stream is None else len(stream.sid)
    callers = set(hosts.text_column(measured["calling"], "address"))
    return {
        "hosts": hosts.records(rows, COLUMNS),
        "carrying": carrying if carrying or ways * 2 >= sheets > 0 else None,
        "called_only": apart[:50],
        "called_only_total": len(apart),
        "other_callers": len(callers - mine),
        "other_keys": other_keys(measured, context),
        "by_network": len(
            set(measured["addresses"]["address"][measured["addresses"]["by"] == "network"].tolist())
        ),
        "stations": int(inside.sum()),
        "valid": int(stream.valid[inside].sum()) if stream is not None else 0,
        "entered": ways,
        "sheets": sheets,
        "traffic": len(measured["edges"]["src"]) + len(entered) > 0,
    }


def _sentence(status: str, statistic: Mapping[str, Any], context: Context) -> str:
    rows = statistic["hosts"]
    parts = []
    if rows:
        verb = "address takes" if len(rows) == 1 else "addresses take"
        parts.append(
            f"{len(rows):,} {verb} part in the count and the plan does not declare"
            f" {'it' if len(rows) == 1 else 'them'} at that time:"
            f" {hosts.names(r['address'] for r in rows)}."
        )
        parts.append(
            f"{statistic['stations']:,} official sheets with {statistic['valid']:,} valid votes"
            f" entered through {statistic['carrying']:,} of them."
            if statistic["carrying"]
            else f"No record ties a sheet to them ({statistic['entered']:,} of"
            f" {statistic['sheets']:,} sheets have a record of the machine through which they"
            " entered)."
        )
    elif status != "not-determinable":
        parts.append("No undeclared address is seen to take part in the count.")
    else:
        parts.append("No record tells by which machines most of the sheets came.")
        lost = "; ".join(w.what.rstrip(".") for w in context.plan.withheld)
        parts += [f"The case says that evidence was withheld: {lost}."] if lost else []
    if keys := statistic["other_keys"]:
        listed = hosts.names(f"{k['address']} ({k['host']})" for k in keys)
        parts.append(f"Declared addresses presented another key than the declared one: {listed}.")
    if total := statistic["called_only_total"]:
        listed = hosts.names(r["address"] for r in statistic["called_only"])
        parts.append(
            f"Declared machines also called {total:,} undeclared addresses that nothing ties to the"
            f" count ({listed})."
        )
    if not rows and status == "not-observed":
        parts.append(f"{statistic['other_callers']:,} other addresses called declared hosts.")
    return " ".join(parts)


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
    tested: dict[str, Mapping[str, Any]] = {
        "visitors": {"other_callers": statistic["other_callers"]},
        "updates": {"called_only": statistic["called_only_total"]},
    }
    mine = set(rows["address"].tolist())
    if not mine:
        return tested
    keyed = [r for r in statistic["hosts"] if r["key_of"]]
    told = measured["addresses"]
    otherwise = {
        str(a): str(h)
        for a, h, by in zip(*(told[n] for n in ("address", "host", "by")), strict=True)
        if a in mine and h is not None and by != "key"
    }
    spare = {h for c in context.plan.contingencies for h in c.hosts}
    return tested | {
        "key": {
            "keyed": len(keyed),
            "listed": hosts.names(f"{r['address']}: {r['key_of']}" for r in keyed),
            "shown": len(mine & set(hosts.text_column(measured["keys"], "address"))),
        },
        "contingency": {
            "otherwise": len(otherwise),
            "contingency": sum(h in spare for h in otherwise.values()),
        },
        "translation": {
            "shared": sum(len(h.addresses) for h in context.plan.hosts if h.shared),
            "private": int((rows["scope"] == "private").sum()),
        },
    }
