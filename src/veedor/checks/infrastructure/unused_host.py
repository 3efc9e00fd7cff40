"""Declared machines that no record shows in use when the plan says they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.case.plan import Contingency
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known, whole

FEWEST = 100
"""Flows, below which that a host is absent from them says nothing."""
LEFT = 600
"""Seconds of a group's traffic after its last call to a host, from which it has left it."""


class UnusedHost(Check):
    """For each declared host, look for traces of use: traffic, log lines, sheets.

    A contingency host is in use where clients call it or sheets enter through it: its own signs of
    life, and administrators' sessions on it, are no use.

    A host that is no contingency should be used at some time. A contingency host should be used
    while its contingency is declared to be in force; when clients left a host that it replaces for
    more than ten minutes of their own further traffic; and when clients that must use a host that
    it replaces called an undeclared one: that is what the contingency is for.

    Statistic
    ---------
    hosts : array of {host, role, addresses, contingency, due, why, contacts, lines, taken, first,
        last}
        Declared hosts; `taken` are calls of clients and sheets that entered; `due` says that the
        plan wants it used in the time that the records cover, and `why`: always, declared (its
        contingency was in force), left (clients left a host that it replaces) or bypassed (they
        called an undeclared one).
    unused, due : int
        Hosts that are due and show no use; hosts that are due.
    idle_contingency : int
        Contingency hosts without use that were not due.

    Uncertainty
    -----------
    None. A host can be in use on links that no sensor covers and with logs that were not handed
    over.

    Source
    ------
    Comparison of a plan with observed traffic; ISO/IEC 27031, on readiness for continuity.
    """

    title = "Declared machines without use"
    asks = "Is a declared machine without any trace of use when the plan says it should be used?"
    rule = "The perimeter that the plan describes is the one that carries the count."
    kind = "control"
    needs = ("declared-hosts", "machines")
    sentences = {
        "observed": (
            "{unused} of {due:host|hosts} that the plan wants in use then show no trace of it:"
            " {listed}."
        ),
        "not-observed": (
            "Each of the {due:host|hosts} that the plan wants in use shows some trace of it."
            " {idle_contingency} contingency hosts were not used, and no contingency called for"
            " them."
        ),
        "not-determinable": (
            "The records of traffic cover too little of the plan: that {unused} of {due} hosts"
            " leave no trace in them says nothing."
        ),
    }
    benign = (
        Benign(
            "contingency",
            "It was held ready for a failure that did not happen.",
            "{idle} contingency hosts without use were not due: no contingency was declared, and no"
            " client left a host that they replace or called another in its place.",
        ),
        Benign(
            "name",
            "It was in use under another address or name.",
            "{keyed} addresses outside the plan presented the key of a declared host, which counts"
            " as its use.",
        ),
        Benign("unseen", "No sensor covers the link on which it was used."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Use of each declared host; the last call of each group to each host, and of all."""
        addresses, reached = evidence.addresses(), hosts.contacts(evidence)
        lines = evidence.log_lines()
        ends = [
            reached.select(
                address=reached[end], us="us", contacts=ibis.literal(1), lines=ibis.literal(0)
            )
            for end in ("src", "dst")
        ]
        written = lines.filter(lines.host.notnull()).select(
            address="host", us="us", contacts=ibis.literal(0), lines=ibis.literal(1)
        )
        entered = hosts.entries(evidence).select(
            "address", "us", contacts=ibis.literal(0), lines=ibis.literal(1)
        )
        every = ends[0].union(ends[1], written, entered)
        used = hosts.with_host(every, "address", addresses, "of", kind="host")
        calls = hosts.with_host(
            hosts.with_host(reached, "src", addresses, "by", kind="group"),
            "dst",
            addresses,
            "to",
            how="left",
            kind="host",
        )
        groups = calls
        asked = groups.select(address="dst", us="us").union(
            hosts.entries(evidence).select("address", "us")
        )
        taken = hosts.with_host(asked, "address", addresses, "of", kind="host")
        return {
            "used": used.group_by(host=used.of_host).agg(
                contacts=ibis._.contacts.sum(),
                lines=ibis._.lines.sum(),
                first=ibis._.us.min(),
                last=ibis._.us.max(),
            ),
            "taken": taken.group_by(host=taken.of_host).agg(n=taken.count()),
            "calls": groups.group_by(group=groups.by_host, host=groups.to_host).agg(
                first=groups.us.min(), last=groups.us.max(), contacts=groups.count()
            ),
            "span": evidence.flows().agg(
                first=ibis._.us.min(), last=ibis._.us.max(), n=ibis._.count()
            ),
            "keyed": addresses.filter(addresses.by == "key").agg(n=ibis._.address.nunique()),
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all declared hosts."""
        span = measured["span"]
        used = {h: i for i, h in enumerate(hosts.text_column(measured["used"], "host"))}
        taken = dict(zip(hosts.text_column(measured["taken"], "host"),
                         whole(measured["taken"]["n"]).tolist(), strict=True))  # fmt: skip
        rows: list[dict[str, Any]] = []
        for host in context.plan.hosts:
            why = _due(host.id, measured, context)
            i = used.get(host.id)
            of = measured["used"]
            rows.append(
                {
                    "host": host.id,
                    "role": host.role,
                    "addresses": list(host.addresses),
                    "contingency": host.contingency,
                    "due": why is not None,
                    "why": why,
                    "contacts": 0 if i is None else int(of["contacts"][i]),
                    "lines": 0 if i is None else int(of["lines"][i]),
                    "taken": taken.get(host.id, 0),
                    "first": None if i is None else hosts.stamp(of["first"][i], context),
                    "last": None if i is None else hosts.stamp(of["last"][i], context),
                }
            )
        unused = [r for r in rows if r["due"] and not _used(r)]
        idle = [r for r in rows if r["contingency"] and not r["due"] and not _used(r)]
        statistic = {
            "hosts": rows,
            "unused": len(unused),
            "due": sum(r["due"] for r in rows),
            "idle_contingency": len(idle),
        }
        status: Status = "observed" if unused else "not-observed"
        firm = [r for r in rows if not r["contingency"]]
        if whole(span["n"])[0] < FEWEST or 2 * sum(map(_used, firm)) < len(firm):
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={"listed": "; ".join(f"{r['host']} ({_words(r['why'])})" for r in unused)},
            explanations=self.explain(
                contingency={"idle": len(idle)},
                name={"keyed": int(measured["keyed"]["n"][0])},
            ),
            rows={
                n: np.array([r[n] for r in rows], dtype=object) for n in rows[0] if n != "addresses"
            },
            key="host",
        )


def _used(row: Mapping[str, Any]) -> bool:
    if row["contingency"]:
        return bool(row["taken"])
    return bool(row["contacts"] or row["lines"])


def _due(host: str, measured: Mapping[str, Columns], context: Context) -> str | None:
    """Why the plan wants a host used in the time that the records cover; None where it does not."""
    about = next(h for h in context.plan.hosts if h.id == host)
    span = measured["span"]
    first, last = known(span["first"])[0], known(span["last"])[0]
    start, end = hosts.micros(about.valid_from), hosts.micros(about.valid_to)
    if (start is not None and start > last) or (end is not None and end < first):
        return None
    if not about.contingency:
        return "always"
    plans = [c for c in context.plan.contingencies if host in c.hosts]
    if any(_in_force(c, first, last) for c in plans):
        return "declared"
    if any(_left(c, measured["calls"]) for c in plans):
        return "left"
    return "bypassed" if any(_bypassed(c, measured["calls"], context) for c in plans) else None


def _in_force(plan: Contingency, first: float, last: float) -> bool:
    """Whether a contingency was declared to be in force in the time that the records cover."""
    start, end = hosts.micros(plan.declared_from), hosts.micros(plan.declared_to)
    return start is not None and start <= last and (end is None or end >= first)


def _left(plan: Contingency, calls: Columns) -> bool:
    """Whether a group left a host that the plan's hosts replace, and went on calling others."""
    group, host = (hosts.text_column(calls, n) for n in ("group", "host"))
    last = known(calls["last"])
    for i, name in enumerate(host):
        if name in plan.replaces:
            others = [last[j] for j, g in enumerate(group) if g == group[i]]
            if max(others) > last[i] + LEFT * MICRO:
                return True
    return False


def _bypassed(plan: Contingency, calls: Columns, context: Context) -> bool:
    """Whether clients that must use a host that the plan's hosts replace called undeclared ones."""
    groups = {g.id for g in context.plan.groups if set(g.uses) & set(plan.replaces)}
    return any(
        group in groups and host is None
        for group, host in zip(calls["group"].tolist(), calls["host"].tolist(), strict=True)
    )


def _words(why: str | None) -> str:
    return {
        "always": "to be used at all times",
        "declared": "its contingency was declared",
        "left": "clients left a host that it replaces",
        "bypassed": "clients called an undeclared host in place of the one that it replaces",
    }.get(str(why), "not due")
