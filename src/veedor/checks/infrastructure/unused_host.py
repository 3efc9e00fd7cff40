"""Declared machines that no record shows in use when the plan says they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

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
    life, calls of other machines, and administrators' sessions on it, are no use.

    A host that is no contingency should be used at some time. The plan wants a contingency host
    used while its contingency is declared to be in force. Where none was declared, it is due when
    clients left a host that it replaces for more than ten minutes of their own further traffic, and
    when clients that must use a host that it replaces called an undeclared one: that is what the
    contingency is for.

    Statistic
    ---------
    hosts : array of {host, role, addresses, contingency, due, why, contacts, lines, taken,
        client_lines, entries, first, last}
        Declared hosts. `contacts` are flows with it at either end; `lines` log lines that it wrote,
        or that tell of a connection from it; `taken` flows from clients of a group to it, and
        `client_lines` log lines that tell of such calls; `entries` sheets that entered through it
        or of which its own lines tell. No flow, line or sheet is counted in two of `contacts`,
        `lines` and `entries`: one call that a sensor and a log saw is a flow and a line. `due`
        says that the host is due for use in the time that the records cover, and `why`: always,
        declared (its contingency was in force), left (clients left a host that it replaces) or
        bypassed (they called an undeclared one).
    unused, due : int
        Hosts that are due and show no use; hosts that are due.
    undeclared_need : int
        Contingency hosts without use that are due although no contingency was declared in force.
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
        "observed": "{sentence}",
        "not-observed": "{sentence}",
        "not-determinable": (
            "The records of traffic cover too little of the plan: that {unused} of {due:host|hosts}"
            " leave no trace in them says nothing."
        ),
    }
    benign = (
        Benign(
            "contingency",
            "It was held ready for a failure that did not happen.",
            "{idle:contingency host|contingency hosts} without use were not due: in the time that"
            " the records cover no contingency of theirs was declared to be in force, and no client"
            " left a host that they replace or called another in its place.",
        ),
        Benign(
            "name",
            "It was in use under another address or name.",
            "{keyed:address|addresses} outside the plan presented the key of a declared host, which"
            " counts as its use.",
        ),
        Benign("unseen", "No sensor covers the link on which it was used."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Use of each declared host; the last call of each group to each host, and of all."""
        addresses, reached = evidence.addresses(), hosts.contacts(evidence)
        entered = hosts.entries(evidence)
        calls = hosts.with_host(
            hosts.with_host(reached, "src", addresses, "by", kind="group"),
            "dst",
            addresses,
            "to",
            how="left",
            kind="host",
        )
        lines = evidence.log_lines()
        caller = lines.kind.isin(hosts.CONTACTS).ifelse(lines.address, ibis.null("string"))
        sheets = hosts.with_host(entered, "address", addresses, "of", kind="host")
        to_host = calls.filter(calls.to_host.notnull())
        return {
            "flows": _between(evidence.flows(), "src", "dst", addresses),
            "lines": _between(lines.mutate(caller=caller), "host", "caller", addresses),
            "entries": sheets.group_by(host=sheets.of_host).agg(
                n=sheets.sid.nunique(), first=sheets.us.min(), last=sheets.us.max()
            ),
            "taken": to_host.group_by(host=to_host.to_host).agg(
                flows=to_host.connections.sum(), lines=to_host.lines.sum()
            ),
            "calls": calls.group_by(group=calls.by_host, host=calls.to_host).agg(
                first=calls.us.min(), last=calls.us.max(), contacts=calls.count()
            ),
            "span": evidence.flows().agg(
                first=ibis._.us.min(), last=ibis._.us.max(), n=ibis._.count()
            ),
            "keyed": addresses.filter(addresses.by == "key").agg(n=ibis._.address.nunique()),
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all declared hosts."""
        span = measured["span"]
        rows: list[dict[str, Any]] = []
        for host in context.plan.hosts:
            why = _due(host.id, measured, context)
            first, last = _when(host.id, measured)
            rows.append(
                {
                    "host": host.id,
                    "role": host.role,
                    "addresses": list(host.addresses),
                    "contingency": host.contingency,
                    "due": why is not None,
                    "why": why,
                    "contacts": _count(host.id, measured["flows"]),
                    "lines": _count(host.id, measured["lines"]),
                    "taken": _count(host.id, measured["taken"], "flows"),
                    "client_lines": _count(host.id, measured["taken"], "lines"),
                    "entries": _count(host.id, measured["entries"]),
                    "first": hosts.stamp(first, context),
                    "last": hosts.stamp(last, context),
                }
            )
        unused = [r for r in rows if r["due"] and not _used(r)]
        idle = [r for r in rows if r["contingency"] and not r["due"] and not _used(r)]
        statistic = {
            "hosts": rows,
            "unused": len(unused),
            "due": sum(r["due"] for r in rows),
            "undeclared_need": sum(r["why"] in CALLED_FOR for r in unused),
            "idle_contingency": len(idle),
        }
        status: Status = "observed" if unused else "not-observed"
        firm = [r for r in rows if not r["contingency"]]
        if whole(span["n"])[0] < FEWEST or 2 * sum(map(_used, firm)) < len(firm):
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={"sentence": _sentence(rows, unused, idle)},
            explanations=self.explain(
                contingency={"idle": len(idle)},
                name={"keyed": int(measured["keyed"]["n"][0])},
            ),
            rows={
                n: np.array([r[n] for r in rows], dtype=object) for n in rows[0] if n != "addresses"
            },
            key="host",
        )


def _between(table: ir.Table, one: str, other: str, addresses: ir.Table) -> ir.Table:
    """Rows by the declared hosts at both their ends, null where an end is none: `one`, `other`,
    `n`, `first`, `last`.
    """
    placed = hosts.with_host(table, one, addresses, "a", how="left", kind="host")
    placed = hosts.with_host(placed, other, addresses, "b", how="left", kind="host")
    return placed.group_by(one=placed.a_host, other=placed.b_host).agg(
        n=placed.count(), first=placed.us.min(), last=placed.us.max()
    )


def _at(host: str, table: Columns) -> NDArray[np.bool_]:
    """Which rows of a table have a host, at whatever end."""
    ends = [n for n in ("host", "one", "other") if n in table]
    found: NDArray[np.bool_] = np.zeros(len(table["n" if "n" in table else "flows"]), dtype=bool)
    for end in ends:
        found |= table[end].astype(object) == host
    return found


def _count(host: str, table: Columns, column: str = "n") -> int:
    return int(whole(table[column])[_at(host, table)].sum())


def _when(host: str, measured: Mapping[str, Columns]) -> tuple[float | None, float | None]:
    """When records of a host begin and end."""
    tables = [measured[name] for name in ("flows", "lines", "entries")]
    first, last = (
        np.concatenate([known(t[bound])[_at(host, t)] for t in tables])
        for bound in ("first", "last")
    )
    return (
        min(first[np.isfinite(first)], default=None),
        max(last[np.isfinite(last)], default=None),
    )


CALLED_FOR = ("left", "bypassed")
"""Why a contingency host is due although nobody declared its contingency."""


def _sentence(
    rows: list[dict[str, Any]], unused: list[dict[str, Any]], idle: list[dict[str, Any]]
) -> str:
    wanted = [r for r in rows if r["due"] and r["why"] not in CALLED_FOR]
    lacking = [r for r in unused if r["why"] not in CALLED_FOR]
    number = f"{len(wanted):,} {'host' if len(wanted) == 1 else 'hosts'} that the plan wants in use"
    parts = []
    if lacking:
        listed = "; ".join(f"{r['host']} ({_words(r['why'])})" for r in lacking)
        verb = "shows" if len(lacking) == 1 else "show"
        parts.append(f"{len(lacking):,} of {number} then {verb} no trace of it: {listed}.")
    else:
        parts.append(f"Each of the {number} shows some trace of it.")
    parts += [
        f"No client called the contingency host {r['host']} and no sheet entered through it,"
        f" although {_words(r['why'])}; no contingency was declared to be in force for it. Its"
        f" {r['contacts']:,} flows and {r['lines']:,} log lines are of other machines and its own."
        for r in unused
        if r["why"] in CALLED_FOR
    ]
    if idle:
        parts.append(
            f"{hosts.names(r['host'] for r in idle)}: held ready for a contingency, without use,"
            " and not due."
        )
    used = [r for r in rows if r["contingency"] and _used(r)]
    parts += [
        f"The contingency host {r['host']} was used"
        f"{', while its contingency was declared' if r['why'] == 'declared' else ''}."
        for r in used
    ]
    return " ".join(parts)


def _used(row: Mapping[str, Any]) -> bool:
    if row["contingency"]:
        return bool(row["taken"] or row["client_lines"] or row["entries"])
    return bool(row["contacts"] or row["lines"] or row["entries"])


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
