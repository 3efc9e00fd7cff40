"""Machines in use that nobody oversees or that no monitoring watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import PUBLIC
from veedor.checks.recorded import known
from veedor.engine.declared import plain_key

FEWEST = 10
"""Signs of life of some monitored host, below which their absence on another says nothing."""


class Oversight(Check):
    """For each machine of the count that was in use, ask who oversees it and what watches it.

    A declared host lacks an overseer, or monitoring, where the plan names none, or where its
    monitoring gave no sign of life although that of other hosts did. A machine that the plan does
    not declare, and that takes part in the count, has neither. Machines are counted by the keys
    that they presented: an address with the key of a declared host is that host, and addresses with
    one key are one machine; where no key was seen an address is counted as a machine, although one
    machine may have several. An address from which sessions were opened and that did nothing else
    is that of a client, and is counted apart. Hosts that anybody may call by their role are left
    out, and so are addresses that many machines share: they are no machine.

    Statistic
    ---------
    hosts : array of {host, declared, role, addresses, overseer, monitor, signs, first, last,
        stations}
        Machines in use with one of the two lacking; `addresses` those by which an undeclared one
        was seen; `signs` are signs of life of its monitoring; `stations` are sheets that entered
        through it (of a declared host, also those of which its own lines tell).
    in_use, unseen_overseer, unmonitored : int
        Machines in use; of them those without an overseer, and those without monitoring.
    stations : int
        Official sheets that entered through one that lacks monitoring.
    overseers : array of {overseer, hosts}
        Declared hosts in use by who oversees them.
    clients : array of text
        Undeclared addresses from which sessions were opened on declared hosts, and that did nothing
        else.

    Uncertainty
    -----------
    None. Whether somebody did watch is not in these records; whether somebody was to, is.

    Source
    ------
    NIST SP 800-53, CA-7 (continuous monitoring) and AU-6 (review of records).
    """

    title = "Machines without oversight"
    asks = "Did a machine take part in the count that nobody oversaw or that no monitoring watched?"
    rule = "Every machine that carries the count has somebody who oversees it and is monitored."
    kind = "control"
    needs = ("declared-hosts", "seen-hosts")
    sentences = {
        "observed": (
            "Of {in_use:machine|machines} of the count in use, {unseen_overseer:has|have} nobody"
            " who oversees them by the plan and {unmonitored} no monitoring: {listed}. {stations}"
            " official sheets entered through machines without monitoring.{by_address}{callers}"
        ),
        "not-observed": (
            "Each of the {in_use:machine|machines} of the count in use has an overseer and is"
            " monitored by the plan.{callers}"
        ),
        "not-determinable": "No record shows a machine of the count in use.",
    }
    benign = (
        Benign(
            "elsewhere",
            "The machine is overseen under a document that the case does not have.",
            "{documented} of these machines are mentioned in a delivered document.",
        ),
        Benign(
            "agent",
            "The monitoring ran, and its signs of life are in a log that was not handed over.",
            "{signs} signs of life of {monitored} hosts are in the case.",
        ),
        Benign("passive", "It carries traffic unchanged, and the plan sees no need to watch it."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Declared hosts in use, undeclared ones, signs of life, sheets by machine."""
        addresses, reached = evidence.addresses(), hosts.contacts(evidence)
        lines, entered = evidence.log_lines(), hosts.entries(evidence)
        ends = [reached.select(address=reached[end], us="us") for end in ("src", "dst")]
        spoken = lines.filter(lines.host.notnull()).select(address="host", us="us")
        used = hosts.with_host(
            ends[0].union(ends[1], spoken, entered.select("address", "us")),
            "address", addresses, "of", kind="host",
        )  # fmt: skip
        unknown = hosts.seen(evidence, reached, entered, clients=False)
        everybody = hosts.part_takers(evidence, reached, entered)
        machines = hosts.part_takers(evidence, reached, entered, clients=False)
        beats = hosts.with_host(lines.filter(lines.kind == "heartbeat"), "host", addresses, "of",
                                kind="host")  # fmt: skip
        sheets = hosts.with_host(entered, "address", addresses, "of", how="left", kind="host")
        sheets = sheets.filter(sheets.remote | sheets.of_host.notnull())
        return {
            "used": used.group_by(host=used.of_host).agg(
                first=ibis._.us.min(), last=ibis._.us.max()
            ),
            "unknown": unknown.group_by("address").agg(
                first=ibis._.us.min(), last=ibis._.us.max()
            ),
            "clients": everybody.anti_join(machines.view(), "address"),
            "keys": evidence.presented(),
            "beats": beats.group_by(host=beats.of_host).agg(n=ibis._.count()),
            "sheets": sheets.select(
                sid="sid", machine=sheets.of_host.fill_null(sheets.address)
            ).distinct(),
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all machines in use."""
        beats = dict(zip(hosts.text_column(measured["beats"], "host"),
                         known(measured["beats"]["n"]), strict=True))  # fmt: skip
        machines = [*_declared(measured, beats, context), *_unknown(measured)]
        clients = sorted(hosts.text_column(measured["clients"], "address"))
        lacking = [m for m in machines if not m["overseer"] or not m["monitor"]]
        sheets = measured["sheets"]
        through = sheets["machine"].astype(str)
        for machine in lacking:
            mine = np.isin(through, machine["addresses"] or [machine["host"]])
            machine["stations"] = len(np.unique(sheets["sid"][mine].astype(np.int64)))
        bare = [a for m in lacking if not m["monitor"] for a in m["addresses"] or [m["host"]]]
        sids = np.unique(sheets["sid"][np.isin(through, bare)].astype(np.int64))
        lacking.sort(key=lambda m: (-m["stations"], m["declared"], m["host"]))
        for machine in lacking:
            for end in ("first", "last"):
                machine[end] = hosts.stamp(machine[end], context)
        overseers = sorted({m["overseer"] for m in machines if m["overseer"]})
        statistic = {
            "hosts": lacking,
            "in_use": len(machines),
            "unseen_overseer": sum(not m["overseer"] for m in lacking),
            "unmonitored": sum(not m["monitor"] for m in lacking),
            "stations": len(sids),
            "overseers": [
                {"overseer": o, "hosts": sum(m["overseer"] == o for m in machines)}
                for o in overseers
            ],
            "clients": clients,
        }
        status: Status = "observed" if lacking else "not-observed"
        if not machines:
            status = "not-determinable"
        mentioned = {h for d in context.plan.documents for h in d.hosts}
        yield self.fact(
            status,
            statistic,
            words={
                "listed": hosts.names(m["host"] for m in lacking),
                "by_address": _BY_ADDRESS if any(not m["declared"] for m in lacking) else "",
                "callers": f" Sessions were also opened from {hosts.names(clients)}, which the plan"
                " does not declare."
                if clients
                else "",
            },
            explanations=self.explain(
                elsewhere={"documented": sum(m["host"] in mentioned for m in lacking)},
                agent={
                    "signs": int(sum(beats.values())),
                    "monitored": sum(n > 0 for n in beats.values()),
                },
            ),
            rows={
                n: np.array([hosts.flat(m[n]) for m in lacking], dtype=object) for n in lacking[0]
            }
            if lacking
            else None,
            key="host",
        )


def _declared(
    measured: Mapping[str, Columns], beats: Mapping[str, float], context: Context
) -> Iterable[dict[str, Any]]:
    """Declared hosts in use, not those that anybody may call."""
    used = measured["used"]
    at = {h: i for i, h in enumerate(hosts.text_column(used, "host"))}
    watched = sum(beats.values()) >= FEWEST
    for host in context.plan.hosts:
        i = at.get(host.id)
        if i is None or host.role in PUBLIC or host.shared:
            continue
        silent = watched and host.monitor and not beats.get(host.id)
        yield {
            "host": host.id,
            "declared": True,
            "role": host.role,
            "addresses": [],
            "overseer": host.overseer or None,
            "monitor": None if silent else host.monitor or None,
            "signs": int(beats.get(host.id, 0)),
            "first": known(used["first"])[i],
            "last": known(used["last"])[i],
            "stations": 0,
        }


_BY_ADDRESS = (
    " Machines that the plan does not declare are counted by key where one was seen, else by"
    " address: one machine may have several."
)


def _unknown(measured: Mapping[str, Columns]) -> Iterable[dict[str, Any]]:
    """Machines of the count that the plan does not declare: addresses with one key are one."""
    rows = measured["unknown"]
    at = {a: i for i, a in enumerate(hosts.text_column(rows, "address"))}
    first, last = known(rows["first"]), known(rows["last"])
    for addresses in _machines(sorted(at), measured["keys"]):
        mine = [at[a] for a in addresses]
        yield {
            "host": ", ".join(addresses),
            "declared": False,
            "role": None,
            "addresses": addresses,
            "overseer": None,
            "monitor": None,
            "signs": 0,
            "first": min((v for v in first[mine] if np.isfinite(v)), default=np.nan),
            "last": max((v for v in last[mine] if np.isfinite(v)), default=np.nan),
            "stations": 0,
        }


def _machines(addresses: list[str], keys: Columns) -> list[list[str]]:
    """Addresses that presented one key, together; each of the others alone."""
    shown: dict[str, set[str]] = {}
    for address, key in zip(*(hosts.text_column(keys, n) for n in ("address", "key")), strict=True):
        shown.setdefault(address, set()).add(plain_key(key))
    found: list[tuple[list[str], set[str]]] = []
    for address in addresses:
        own = shown.get(address, set())
        same = [one for one in found if one[1] & own]
        merged = sorted([address, *(a for one in same for a in one[0])])
        found = [one for one in found if one not in same]
        found.append((merged, own.union(*(one[1] for one in same))))
    return sorted(one[0] for one in found)
