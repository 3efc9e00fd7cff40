"""Machines, stops and incidents that no delivered document mentions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.recorded import known


class Undocumented(Check):
    """Look up every machine, stop and incident of the case in the documents that were delivered.

    Asked are: machines that took part and that the plan does not declare; declared hosts in use;
    stops of the count, and events of the case of no other kind, which are incidents; and evidence
    that was destroyed or lost. A document mentions what the case says it mentions.

    Statistic
    ---------
    things : array of {thing, kind, at, documents}
        `kind` is undeclared machine, declared host, stop, incident or withheld evidence;
        `documents` those that mention it.
    unmentioned : int
        Things that no document mentions; a declared host is mentioned by the inventory itself.
    stops_planned : int
        Stops that lie within a planned stop of the case.
    delivered : int
        Documents delivered.

    Uncertainty
    -----------
    None. That a document does not mention a thing is a fact of the document.

    Source
    ------
    ISSAI 100 on documentation; audit of the Organization of American States, 2019, on a stop
    without a formal record.
    """

    title = "What no document mentions"
    asks = "Is there a machine, a stop or an incident that no delivered document mentions?"
    rule = "Incidents, stops and the machines of the count are in the documents handed over."
    kind = "control"
    needs = ("documents",)
    sentences = {
        "observed": (
            "{unmentioned} of {total} machines, stops and incidents are in none of the"
            " {delivered:document|documents} delivered: {listed}."
        ),
        "not-observed": (
            "Each of the {total} machines, stops and incidents of the case is mentioned in one of"
            " the {delivered:document|documents} delivered."
        ),
        "not-determinable": "The case has no machine, stop or incident to look up.",
    }
    benign = (
        Benign(
            "planned",
            "The stop was planned.",
            "{stops_planned} of {stops} stops lie within a planned stop of the case.",
        ),
        Benign("later", "A document that mentions it exists and was not handed over."),
        Benign("name", "A document mentions it under another name."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Machines in use: declared ones, and undeclared ones that took part."""
        addresses, reached = evidence.addresses(), hosts.contacts(evidence)
        entered = hosts.entries(evidence)
        unknown = hosts.seen(evidence, reached, entered)
        ends = [reached.select(address=reached[end], us="us") for end in ("src", "dst")]
        used = hosts.with_host(ends[0].union(ends[1]), "address", addresses, "of", kind="host")
        return {
            "unknown": unknown.group_by(machine=unknown.address).agg(first=unknown.us.min()),
            "used": used.group_by(machine=used.of_host).agg(first=used.us.min()),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on everything that a document could mention."""
        things = list(_things(measured, context))
        missing = [t for t in things if not t["documents"] and t["kind"] != "declared host"]
        stops = [e for e in context.case.events if e.kind == "stop"]
        planned = sum(
            any(s.start <= e.at <= s.end for s in context.plan.stops if s.of != "host")
            for e in stops
        )
        statistic = {
            "things": things,
            "unmentioned": len(missing),
            "stops_planned": planned,
            "delivered": len(context.plan.documents),
        }
        status: Status = "observed" if missing else "not-observed"
        if not things:
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={
                "total": len(things),
                "listed": hosts.names(f"{t['thing']} ({t['kind']})" for t in missing),
            },
            explanations=self.explain(planned={"stops_planned": planned, "stops": len(stops)}),
            rows={
                n: np.array([_flat(t[n]) for t in things], dtype=object)
                for n in ("thing", "kind", "at", "documents")
            }
            if things
            else None,
            key="thing",
        )


def _things(measured: Mapping[str, Columns], context: Context) -> Iterable[dict[str, Any]]:
    plan = context.plan
    by_host = {h.id: set(h.addresses) | {h.id} | set(h.names) for h in plan.hosts}

    def row(thing: str, kind: str, at: str | None, names: set[str]) -> dict[str, Any]:
        own = {hosts.spelt(name) for name in names}
        found = [d.id for d in plan.documents if own & {*map(hosts.spelt, d.hosts), *d.events}]
        return {"thing": thing, "kind": kind, "at": at, "documents": found}

    for table, kind in (("unknown", "undeclared machine"), ("used", "declared host")):
        rows = measured[table]
        for i, name in enumerate(hosts.text_column(rows, "machine")):
            at = hosts.stamp(known(rows["first"])[i], context)
            yield row(name, kind, at, by_host.get(name, {name}))
    for event in context.case.events:
        if event.kind in ("stop", None):
            kind = "stop" if event.kind else "incident"
            yield row(event.id, kind, event.at.isoformat(), {event.id})
    for gone in plan.withheld:
        if gone.why in ("destroyed", "lost"):
            at = gone.start.isoformat() if gone.start else None
            yield row(gone.id, "withheld evidence", at, {gone.id})


def _flat(value: Any) -> Any:
    return ", ".join(value) or None if isinstance(value, list) else value
