"""The picture of who called whom: declared and observed, before, during and after the stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Figure
from veedor.checks import hosts
from veedor.checks.base import Columns, Context, Evidence
from veedor.checks.recorded import whole
from veedor.stats.layered import layered

OTHERS = "other addresses"
USED, UNUSED, UNDECLARED = "declared and used", "declared, not used", "observed, not declared"
MOST = 24
"""Machines that one picture shows; of the undeclared ones those with most connections."""
PANELS = ("before the stop", "between stop and return", "after the return")
SERVICES = ("monitoring", "names", "dns", "time", "ntp", "administration", "backup")
"""Roles of hosts that every other one calls, and that do not carry the count: not drawn, unless an
undeclared machine called them or was called by them."""
DEPTH = {
    **dict.fromkeys(("client", "clients", "workstation", "group"), 0),
    **dict.fromkeys(("proxy", "nat", "perimeter", "gateway", "firewall", "content"), 1),
    **dict.fromkeys(("application", "primary", "web", "contingency", "secondary"), 2),
    **dict.fromkeys(("database", "storage", "replica", "backup", "publication", "public"), 3),
}
"""Role -> the layer in which it is drawn; other roles stand in the middle."""
MIDDLE = 2


def edges(evidence: Evidence, shown: ir.Table) -> ir.Table:
    """Who called whom by panel: `src`, `dst`, `panel` (0, 1, 2), `contacts`.

    Ends are declared hosts and groups, and the undeclared addresses in `shown`; every other end is
    one: the other addresses. An end that is a host's address and a group's is the group; `src_host`
    and `dst_host` are the declared hosts at the two ends, null where none.
    """
    addresses = evidence.addresses()
    case = evidence.case
    table = hosts.contacts(evidence)
    for end in ("src", "dst"):
        table = hosts.with_host(table, end, addresses, end, how="left")
        table = hosts.with_host(table, end, addresses, f"{end}_own", how="left", kind="host")
        named = table[end].isin(shown.address)
        other = named.ifelse(table[end], ibis.literal(OTHERS))
        table = table.mutate(**{f"{end}_end": table[f"{end}_host"].fill_null(other)})
    panel: ir.IntegerValue = ibis.literal(0, "int64")
    for at in (case.cut, case.returned):
        if at is not None:
            after = (table.us >= hosts.micros(at.at)).fill_null(False)
            panel = panel + after.cast("int64")
    counted = table.mutate(panel=panel, contacts=table.connections + table.lines)
    return counted.group_by(
        src=counted.src_end,
        dst=counted.dst_end,
        src_host=counted.src_own_host,
        dst_host=counted.dst_own_host,
        panel=counted.panel,
    ).agg(contacts=counted.contacts.sum())


def drawn(name: str, columns: Columns, context: Context) -> Sequence[Figure]:
    """The picture, or none where nobody called anybody."""
    found = _Edges(columns, context)
    if not found.pairs:
        return ()
    rows = found.rows()
    panels = list(dict.fromkeys(rows["panel"].tolist()))
    return (
        Figure(
            id=f"{name}.topology",
            chart="topology",
            rows=rows,
            alt=(
                f"Who called whom, {', '.join(panels)}: {found.count(USED)} declared machines or"
                f" groups that were used, {found.count(UNUSED)} declared and not used, and"
                f" {found.count(UNDECLARED)} that were observed and not declared"
                f" ({hosts.names(found.named(UNDECLARED))}). Other callers are not drawn, nor are"
                f" services that every host calls ({hosts.names(sorted(found.left_out))})."
            ),
            labels={
                "title": "Who called whom, by the plan and by the records",
                "state": "",
                "weight": "connections and log lines",
            },
        ),
    )


class _Edges:
    """The machines and the calls between them, by panel."""

    def __init__(self, columns: Columns, context: Context) -> None:
        self._context = context
        hosts_ = {h.id: h.role for h in context.plan.hosts}
        self._roles = hosts_ | {g.id: "group" for g in context.plan.groups}
        self._plan = _planned(context)
        src, dst = (hosts.text_column(columns, end) for end in ("src", "dst"))
        panel, weight = whole(columns["panel"]), whole(columns["contacts"])
        every: dict[tuple[int, str, str], int] = {}
        for i in range(len(src)):
            if src[i] != dst[i] and OTHERS not in (src[i], dst[i]):
                edge = (int(panel[i]), src[i], dst[i])
                every[edge] = every.get(edge, 0) + int(weight[i])
        self._behind = {
            (int(panel[i]), str(host))
            for end in ("src_host", "dst_host")
            for i, host in enumerate(columns[end].tolist())
            if host is not None
        }
        self.left_out = self._services(every)
        self._roles = {n: r for n, r in self._roles.items() if n not in self.left_out}
        self._plan = {p for p in self._plan if not self.left_out & set(p)}
        self.pairs = {p: w for p, w in every.items() if not self.left_out & set(p[1:])}
        self._nodes = self._kept()

    def _services(self, pairs: Mapping[tuple[int, str, str], int]) -> set[str]:
        """Hosts of services that no undeclared machine had to do with."""
        touched = {
            end
            for _, src, dst in pairs
            for end in (src, dst)
            if src not in self._roles or dst not in self._roles
        }
        return {n for n, role in self._roles.items() if role in SERVICES and n not in touched}

    def _kept(self) -> list[str]:
        """Declared machines, then undeclared ones by their calls, as many as a picture shows."""
        calls: dict[str, int] = {}
        for (_, src, dst), weight in self.pairs.items():
            for end in (src, dst):
                calls[end] = calls.get(end, 0) + weight
        declared = [n for n in self._roles if n in calls or n in {e for p in self._plan for e in p}]
        declared += [n for n in self._roles if n not in declared]
        unknown = sorted(set(calls) - set(self._roles), key=lambda n: (-calls[n], n))
        return [*declared[:MOST], *unknown[: max(MOST - len(declared), 6)]]

    def _state(self, node: str) -> str:
        if node not in self._roles:
            return UNDECLARED
        drawn = any(node in (s, d) for _, s, d in self.pairs)
        return USED if drawn or node in {host for _, host in self._behind} else UNUSED

    def named(self, state: str) -> list[str]:
        """The machines in a state."""
        return [n for n in self._nodes if self._state(n) == state]

    def count(self, state: str) -> int:
        """How many machines are in a state."""
        return len(self.named(state))

    def rows(self) -> dict[str, Any]:
        """Nodes and pieces of edges in every panel, for the chart."""
        layer = np.array([self._layer(n) for n in self._nodes], dtype=np.int64)
        place = {n: i for i, n in enumerate(self._nodes)}
        observed = {(s, d) for _, s, d in self.pairs if s in place and d in place}
        planned = {(s, d) for s, d in self._plan if s in place and d in place}
        every = sorted(observed | planned)
        ends = np.array([(place[s], place[d]) for s, d in every], dtype=np.int64).reshape(-1, 2)
        made = layered(layer, ends)
        table: dict[str, list[Any]] = {
            n: [] for n in ("kind", "panel", "x", "y", "x2", "y2", "label", "state", "weight")
        }
        cut, back = self._context.case.cut, self._context.case.returned
        panels = (
            PANELS[: 1 + (cut is not None) + (back is not None)] if cut else ("the whole time",)
        )
        for number, panel in enumerate(panels):
            self._panel(table, made, every, number, panel)
        return {n: np.array(v, dtype=object) for n, v in table.items()}

    def _panel(
        self, table: dict[str, list[Any]], made: Any, every: list[tuple[str, str]], number: int,
        panel: str,
    ) -> None:  # fmt: skip
        used = {e for k, s, d in self.pairs if k == number for e in (s, d)}
        used |= {host for k, host in self._behind if k == number}

        def add(kind: str, box: Any, label: str, state: str, weight: float | None) -> None:
            values = (kind, panel, *(float(v) for v in box), label, state, weight)
            for column, value in zip(table.values(), values, strict=True):
                column.append(value)

        for piece, last, edge in zip(made.pieces, made.last, made.edge, strict=True):
            src, dst = every[int(edge)]
            weight = self.pairs.get((number, src, dst), 0)
            unknown = src not in self._roles or dst not in self._roles
            state = UNDECLARED if unknown else USED if weight else UNUSED
            if unknown and not weight:
                continue
            label = f"{src} to {dst}: {weight:,}" if weight else f"{src} to {dst}: declared"
            add("edge" if last else "part", piece, label, state, weight or None)
        for i, node in enumerate(self._nodes):
            state = self._state(node)
            if state == UNDECLARED and node not in used:
                continue
            state = UNUSED if state == USED and node not in used else state
            add("node", made.boxes[i], node, state, None)

    def _layer(self, node: str) -> int:
        role = self._roles.get(node)
        return 1 if role is None else DEPTH.get(role, MIDDLE)


def _planned(context: Context) -> set[tuple[str, str]]:
    """Pairs of machines that the plan lets talk: groups with their hosts, and allowed paths."""
    plan = context.plan
    by_role: dict[str, list[str]] = {}
    for host in plan.hosts:
        by_role.setdefault(host.role, []).append(host.id)
    own = {e: [e] for e in (*(h.id for h in plan.hosts), *(g.id for g in plan.groups))}
    ends = by_role | own
    found = {(g.id, host) for g in plan.groups for host in g.uses}
    for path in plan.paths:
        found |= {(s, d) for s in ends.get(path.source, ()) for d in ends.get(path.target, ())}
    return found
