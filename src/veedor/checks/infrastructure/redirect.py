"""Clients whose destination changed, or was none of those that the plan gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Status
from veedor.case.plan import ClientGroup
from veedor.checks import commands, hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known, whole

LEAST = 0.5
"""Share of the expected addresses of a group, below which too few of its clients were seen."""
SLACK = 60
"""Seconds by which two destinations of a client may overlap and still be one after the other."""


class Redirect(Check):
    """For each client of a group, compare where it connected with the hosts that it must use.

    A destination is within the plan where it is a host that the group uses, one that an allowed
    path gives it, or one of a contingency that replaces such a host, while that is declared to be
    in force. A client *moved* where it began to call a destination outside the plan when it had
    called for the last time all that it called before, services aside. A machine of the group
    itself is a destination by its address. Ports are not compared. Clients behind one
    translated address count as one. Nothing is said not to be there where of some group fewer than
    half of the addresses were seen that the plan lets expect: as many as it counts machines, or as
    its networks hold addresses, where these are fewer; one address, where it counts none.

    Statistic
    ---------
    destinations : array of {group, destination, declared, clients, moved, from, connections,
        lines, first, last, first_moved, median_moved, last_moved}
        Destinations outside the plan, `declared` where they are a host of the plan; clients that
        called them; how many of these had moved there, and `from` what most of them came.
        Instants of the first calls of the clients that moved.
    clients : int
        Clients of all groups that were seen.
    outside, moved : int
        Clients with a destination outside the plan; those that moved to one.
    planned : array of {group, destination, clients, first, last}
        Moves to hosts of a contingency in force.
    members : array of {group, declared, seen, expected}
        Machines that the plan counts in each group, addresses of it that were seen, and those that
        the plan lets expect.
    configuration : int
        Log lines on the clients or hosts that tell of a change of configuration.
    commands : array of {at, host, account, command, kind, names, port_of, seconds, source, row}, at
        most 50
        Commands with privilege, and changes of configuration, services, keys or accounts within
        half an hour of a move: those that name a destination outside the plan first (`names`), then
        those that name a port of one (`port_of`), changes, and other commands; of each those before
        the first move first. `seconds` after the first move to the destination that it names, or
        after the nearest first move to any; negative before it.
    commands_total : int
        How many there are. A line on a service that does not name it is none.

    Uncertainty
    -----------
    None for what was seen. A client's address is not its identity: addresses are given anew.

    Source
    ------
    Comparison of observed destinations with a declared plan by client and instant; audit of the
    Organization of American States, 2019, on the changed address of some 350 machines.
    """

    title = "Destinations of clients"
    asks = "Did clients connect to other hosts than the plan gives them, or change over to others?"
    rule = "Clients use the hosts that the plan gives them, and others only under a declared plan."
    kind = "control"
    needs = ("declared-groups", "machines")
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "Each of {clients:client|clients} that were seen called hosts of its plan alone"
            " ({coverage}). {planned_moves}"
        ),
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "contingency",
            "A contingency was declared, and the clients moved as it provides.",
            "{planned} moves to hosts of a contingency in force are counted apart. Of the"
            " destinations outside the plan, {later} belong to contingencies that were not declared"
            " to be in force then.",
        ),
        Benign(
            "translation",
            "Several clients stand behind one address, or one client has several.",
            "{groups}",
        ),
        Benign(
            "record",
            "The change was ordered and recorded.",
            "{configuration:log line tells|log lines tell} of a change of configuration. Within"
            " half an hour of the moves {commands:command or change|commands and changes} of"
            " configuration, services, keys or accounts are on record{listed}.",
        ),
        Benign("other", "The destination serves something else than the count, such as updates."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """First and last call of each client to each destination; lines on configuration."""
        addresses = evidence.addresses()
        reached = hosts.contacts(evidence)
        groups = hosts.with_host(reached, "src", addresses, "by", kind="group")
        placed = hosts.with_host(groups, "dst", addresses, "to", how="left", kind="host")
        ends = placed.mutate(
            end=placed.to_host.fill_null(placed.dst), known=placed.to_host.notnull()
        )
        lines = evidence.log_lines()
        changed = lines.filter(lines.kind == "configuration")
        given = lines.filter(
            lines.kind.isin(("privilege", *commands.CHANGES)),
            lines.us.notnull(),
            ~lines.program.fill_null("").lower().contains("cron"),
            (lines.kind != "service") | lines.object.notnull(),
        )
        return {
            "calls": ends.group_by(
                "src", group=ends.by_host, end=ends.end, declared=ends.known
            ).agg(
                first=ends.us.min(),
                last=ends.us.max(),
                connections=ends.connections.sum(),
                lines=ends.lines.sum(),
            ),
            "configuration": changed.agg(n=changed.count()),
            "commands": given.select(
                "us", "host", "actor", "object", "message", "kind", "source", "row"
            ),
            "ports": _ports(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all clients."""
        calls = measured["calls"]
        found = _Calls(calls, context)
        given = commands.near(
            measured["commands"], found.instants(), _called_at(measured["ports"]), context
        )
        destinations = found.destinations()
        planned = found.planned()
        clients = len(set(found.client))
        statistic: dict[str, Any] = {
            "destinations": destinations,
            "clients": clients,
            "outside": len({found.client[i] for i in found.outside()}),
            "moved": len({found.client[i] for i in found.outside() if found.came_from(i)}),
            "planned": planned,
            "members": found.members(),
            "configuration": int(measured["configuration"]["n"][0]),
            "commands": given[:50],
            "commands_total": len(given),
        }
        status: Status = "observed" if destinations else "not-observed"
        few = [m for m in statistic["members"] if m["seen"] < LEAST * m["expected"]]
        if not clients or (few and not destinations):
            status = "not-determinable"
        moves = sum(p["clients"] for p in planned)
        hosts_ = {h for c in context.plan.contingencies for h in c.hosts}
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": _sentence(statistic, few),
                "coverage": _coverage(statistic["members"]),
                "planned_moves": f"{moves:,} moved to hosts of a declared contingency in force."
                if moves
                else "",
            },
            explanations=self.explain(
                contingency={
                    "planned": moves,
                    "later": sum(d["destination"] in hosts_ for d in destinations),
                },
                translation={"groups": _translation(statistic["members"])},
                record={
                    "configuration": statistic["configuration"],
                    "commands": len(given),
                    "listed": f": {commands.listed(given)}" if given else "",
                },
            ),
            rows=found.rows(),
            key="client",
        )


class _Calls:
    """Which client called which destination, first and last, and what the plan says of it."""

    def __init__(self, calls: Columns, context: Context) -> None:
        self._context = context
        self._groups = {g.id: g for g in context.plan.groups}
        self.client = hosts.text_column(calls, "src")
        self.group = hosts.text_column(calls, "group")
        self.end = hosts.text_column(calls, "end")
        self._declared = [bool(v) for v in calls["declared"].tolist()]
        self._first, self._last = known(calls["first"]), known(calls["last"])
        self._connections, self._lines = whole(calls["connections"]), whole(calls["lines"])
        self._kind = [self._judge(i) for i in range(len(self.client))]
        self._came = self._moves()

    def _moves(self) -> dict[int, str]:
        """Row -> what its client called last before it, where it then called none of that any more.

        Services that an allowed path gives are left out: a client goes on using them.
        """
        by_client: dict[str, list[int]] = {}
        for i, client in enumerate(self.client):
            if self._kind[i] != "service":
                by_client.setdefault(client, []).append(i)
        found: dict[int, str] = {}
        for rows in by_client.values():
            rows.sort(key=lambda i: (self._first[i], self.end[i]))
            latest: int | None = None
            for i in rows:
                if latest is not None and self._last[latest] <= self._first[i] + SLACK * MICRO:
                    found[i] = self.end[latest]
                if latest is None or self._last[i] > self._last[latest]:
                    latest = i
        return found

    def _judge(self, i: int) -> str:
        """`plan`, `service` (an allowed path gives it), `contingency` or `outside`."""
        group = self._groups[self.group[i]]
        if self.end[i] in group.uses:
            return "plan"
        if self._allowed(group, i):
            return "service"
        for plan in self._context.plan.contingencies:
            replaces = not plan.replaces or set(plan.replaces) & set(group.uses)
            if self.end[i] in plan.hosts and replaces and plan.declared_from is not None:
                start, end = hosts.micros(plan.declared_from), hosts.micros(plan.declared_to)
                early = start is not None and self._first[i] < start - SLACK * MICRO
                late = end is not None and self._last[i] > end + SLACK * MICRO
                if not early and not late:
                    return "contingency"
        return "outside"

    def _allowed(self, group: ClientGroup, i: int) -> bool:
        """Whether an allowed path gives the group the host at all times of the calls."""
        roles = {h.id: h.role for h in self._context.plan.hosts}
        for path in self._context.plan.paths:
            if path.source == group.id and path.target in (self.end[i], roles.get(self.end[i])):
                start, end = hosts.micros(path.valid_from), hosts.micros(path.valid_to)
                early = start is not None and self._first[i] < start
                if not early and not (end is not None and self._last[i] >= end):
                    return True
        return False

    def outside(self) -> list[int]:
        """Rows with a destination outside the plan."""
        return [i for i, kind in enumerate(self._kind) if kind == "outside"]

    def came_from(self, i: int) -> str | None:
        """What a client called before it moved to this; None where it did not move."""
        return self._came.get(i)

    def destinations(self) -> list[dict[str, Any]]:
        """Each destination outside the plan by group, those with most clients first."""
        by: dict[tuple[str, str], list[int]] = {}
        for i in self.outside():
            by.setdefault((self.group[i], self.end[i]), []).append(i)
        found = []
        for (group, end), rows in by.items():
            moved = [i for i in rows if self.came_from(i)]
            came = Counter(str(self.came_from(i)) for i in moved)
            at = np.sort(self._first[moved]) if moved else np.array([np.nan])
            found.append(
                {
                    "group": group,
                    "destination": end,
                    "declared": bool(self._declared[rows[0]]),
                    "clients": len(rows),
                    "moved": len(moved),
                    "from": min(came, key=lambda end: (-came[end], end)) if came else None,
                    "connections": int(self._connections[rows].sum()),
                    "lines": int(self._lines[rows].sum()),
                    "first": hosts.stamp(np.nanmin(self._first[rows]), self._context),
                    "last": hosts.stamp(np.nanmax(self._last[rows]), self._context),
                    "first_moved": hosts.stamp(at[0], self._context),
                    "median_moved": hosts.stamp(at[(len(at) - 1) // 2], self._context),
                    "last_moved": hosts.stamp(at[-1], self._context),
                }
            )
        return sorted(found, key=lambda d: (-d["clients"], d["group"], d["destination"]))

    def planned(self) -> list[dict[str, Any]]:
        """Moves to hosts of a contingency in force."""
        by: dict[tuple[str, str], list[int]] = {}
        for i, kind in enumerate(self._kind):
            if kind == "contingency":
                by.setdefault((self.group[i], self.end[i]), []).append(i)
        return [
            {
                "group": group,
                "destination": end,
                "clients": len(rows),
                "first": hosts.stamp(np.nanmin(self._first[rows]), self._context),
                "last": hosts.stamp(np.nanmax(self._last[rows]), self._context),
            }
            for (group, end), rows in sorted(by.items())
        ]

    def members(self) -> list[dict[str, Any]]:
        """Machines that the plan counts in each group, and addresses of it that were seen."""
        seen: dict[str, set[str]] = {}
        for client, group in zip(self.client, self.group, strict=True):
            seen.setdefault(group, set()).add(client)
        return [
            {
                "group": g.id,
                "declared": g.members,
                "seen": len(seen.get(g.id, ())),
                "expected": _expected(g),
            }
            for g in self._groups.values()
        ]

    def instants(self) -> dict[str, NDArray[np.float64]]:
        """When clients moved to each destination, in microseconds of UTC."""
        by: dict[str, list[int]] = {}
        for i in self.outside():
            if i in self._came:
                by.setdefault(self.end[i], []).append(i)
        found = {end: np.unique(self._first[rows]) for end, rows in sorted(by.items())}
        return {end: at[np.isfinite(at)] for end, at in found.items() if np.isfinite(at).any()}

    def rows(self) -> dict[str, Any] | None:
        """Every client with a destination outside the plan."""
        some = self.outside()
        if not some:
            return None
        some.sort(key=lambda i: (self.end[i], self._first[i], self.client[i]))
        return {
            "client": np.array([self.client[i] for i in some], dtype=object),
            "group": np.array([self.group[i] for i in some], dtype=object),
            "destination": np.array([self.end[i] for i in some], dtype=object),
            "before": np.array([self.came_from(i) for i in some], dtype=object),
            "first": hosts.stamps(self._first[some], self._context),
            "last": hosts.stamps(self._last[some], self._context),
            "connections": self._connections[some],
            "lines": self._lines[some],
        }


def _ports(evidence: Evidence) -> ir.Table:
    """Ports at which clients of a group called each destination: `end`, `dport`."""
    addresses, flows = evidence.addresses(), evidence.flows()
    calls = hosts.with_host(
        flows.filter(flows.dport.notnull()), "src", addresses, "by", kind="group"
    )
    placed = hosts.with_host(calls, "dst", addresses, "to", how="left", kind="host")
    return placed.select("dport", end=placed.to_host.fill_null(placed.dst)).distinct()


def _called_at(rows: Columns) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for end, port in zip(hosts.text_column(rows, "end"), whole(rows["dport"]), strict=True):
        found.setdefault(end, []).append(int(port))
    return {end: sorted(ports) for end, ports in found.items()}


def _expected(group: ClientGroup) -> int:
    """Addresses of a group that the plan lets expect in traffic."""
    return 1 if group.members is None else min(group.members, group.room)


def _coverage(members: list[dict[str, Any]]) -> str:
    parts = [f"{m['group']}: {m['seen']:,} of {m['expected']:,}" for m in members]
    return f"addresses seen of those to be expected: {', '.join(parts)}"


def _translation(members: list[dict[str, Any]]) -> str:
    parts = [
        f"{m['group']}: {m['seen']:,} addresses seen, {m['declared']:,} machines declared"
        for m in members
        if m["declared"] is not None
    ]
    return ("; ".join(parts) or "The plan counts the machines of no group") + "."


def _sentence(statistic: Mapping[str, Any], few: list[dict[str, Any]]) -> str:
    if not statistic["clients"]:
        return "No record shows a client of a declared group."
    if not statistic["destinations"]:
        groups = hosts.names(m["group"] for m in few)
        return (
            f"Each client that was seen ({statistic['clients']:,}) called hosts of its plan alone;"
            f" of {groups} fewer than half of the addresses to be expected were seen"
            f" ({_coverage(statistic['members'])}): where the others connected cannot be said."
        )
    first = statistic["destinations"][0]
    text = (
        f"{statistic['outside']:,} of {statistic['clients']:,} clients called hosts outside their"
        f" plan; {statistic['moved']:,} of them had moved there from another. Most"
        f" ({first['clients']:,} of the group {first['group']}) called {first['destination']},"
        f" from {hosts.shown(first['first'])} to {hosts.shown(first['last'])}"
    )
    if first["moved"]:
        text += (
            f"; {first['moved']:,} came from {first['from']}, between"
            f" {hosts.shown(first['first_moved'])} and {hosts.shown(first['last_moved'])}"
        )
    return text + "."
