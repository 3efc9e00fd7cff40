"""Machines, stops and incidents that no delivered document mentions."""

from __future__ import annotations

from collections import Counter
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
    that was destroyed or lost. A document mentions what the case says it mentions. An address with
    the key of a declared host is that host.

    Declared hosts are counted apart: the plan itself names them. That one of them is in no document
    delivered is observed where some document is an inventory, which lists at least half of those in
    use; an address behind which many machines stand is no machine, and is told without it.

    Statistic
    ---------
    things : array of {thing, kind, at, documents}
        `kind` is undeclared machine, declared host, stop, incident or withheld evidence;
        `documents` those that mention it.
    unmentioned : int
        Things that no document mentions; a declared host is mentioned by the inventory itself.
    unlisted, unlisted_shared : array of text
        Declared hosts in use that no document delivered mentions: machines, and addresses behind
        which many machines stand.
    inventory : bool
        Whether a document delivered lists at least half of the declared hosts in use.
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
        "observed": "{sentence}",
        "not-observed": "{sentence}",
        "not-determinable": "{sentence}",
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
        others = [t for t in things if t["kind"] != "declared host"]
        missing = [t for t in others if not t["documents"]]
        used = [t["thing"] for t in things if t["kind"] == "declared host"]
        shared = {h.id for h in context.plan.hosts if h.shared}
        unlisted = [
            t["thing"] for t in things if t["kind"] == "declared host" and not t["documents"]
        ]
        stops = [e for e in context.case.events if e.kind == "stop"]
        planned = sum(
            any(s.start <= e.at <= s.end for s in context.plan.stops if s.of != "host")
            for e in stops
        )
        statistic = {
            "things": things,
            "unmentioned": len(missing),
            "unlisted": [n for n in unlisted if n not in shared],
            "unlisted_shared": [n for n in unlisted if n in shared],
            "inventory": _inventory(things, len(used)),
            "stops_planned": planned,
            "delivered": len(context.plan.documents),
        }
        gap = statistic["inventory"] and statistic["unlisted"]
        status: Status = "observed" if missing or gap else "not-observed"
        if not others and not statistic["inventory"]:
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={"sentence": _sentence(others, missing, used, statistic)},
            explanations=self.explain(planned={"stops_planned": planned, "stops": len(stops)}),
            rows={
                n: np.array([hosts.flat(t[n]) for t in things], dtype=object)
                for n in ("thing", "kind", "at", "documents")
            }
            if things
            else None,
            key="thing",
        )


def _inventory(things: list[dict[str, Any]], used: int) -> bool:
    """Whether one document lists at least half of the declared hosts in use."""
    lists = Counter(d for t in things if t["kind"] == "declared host" for d in t["documents"])
    return used > 0 and 2 * max(lists.values(), default=0) >= used


def _sentence(
    others: list[dict[str, Any]],
    missing: list[dict[str, Any]],
    used: list[str],
    statistic: Mapping[str, Any],
) -> str:
    number = statistic["delivered"]
    one = "the document delivered"
    none = f"not in {one}" if number == 1 else f"in none of the {number:,} documents delivered"
    some = one if number == 1 else f"one of the {number:,} documents delivered"
    what = "machines outside the plan, stops, incidents and losses of evidence"
    if not others and not used:
        return "The case has no machine, stop or incident to look up."
    parts = []
    if missing:
        listed = hosts.names(f"{t['thing']} ({t['kind']})" for t in missing)
        parts.append(f"{len(missing):,} of {len(others):,} {what} are {none}: {listed}.")
    elif others:
        parts.append(f"Each of {len(others):,} {what} is mentioned in {some}.")
    else:
        parts.append(f"The case has no {what.replace('and', 'or')} to look up.")
    parts += [
        f"{len(hosts_):,} of {len(used):,} declared hosts in use{about} are in the plan of the case"
        f" and {none}: {hosts.names(hosts_)}."
        for hosts_, about in (
            (statistic["unlisted"], ""),
            (statistic["unlisted_shared"], ", behind which many machines stand,"),
        )
        if hosts_
    ]
    if statistic["unlisted"] and not statistic["inventory"]:
        parts.append("No document delivered is said to list as many as half of these hosts.")
    return " ".join(parts)


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
