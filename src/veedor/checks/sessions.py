"""Sessions on machines: from login to logout, of whom, from where, and several at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks import hosts
from veedor.checks.base import Columns, Context, Evidence
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known

OPEN = 12 * 3600
"""Seconds after which a session without an end is taken to have ended."""
MANY = 10
"""Refusals in a row from one address, from which its next session is told."""


def elsewhere(sessions: ir.Table, addresses: ir.Table) -> ir.Table:
    """The sessions, with whether a machine opened it from itself (`itself`): then no address."""
    own = addresses.filter(addresses.scope.isin(hosts.NO_MACHINE)).select(own="address").distinct()
    found = sessions.left_join(own, [("address", "own")])
    itself = found.own.notnull()
    return found.mutate(
        itself=itself, address=itself.ifelse(ibis.null("string"), found.address)
    ).drop("own")


def undeclared(logins: ir.Table, addresses: ir.Table) -> ir.Table:
    """Logins from an origin that the plan does not declare then: `source`, `row`, and whether the
    origin is a name and no address (`named`).
    """
    strange = hosts.only_undeclared(logins.filter(logins.address.notnull()), "address", addresses)
    names = addresses.filter(addresses.scope == "name").select(name="address").distinct()
    found = strange.left_join(names, [("address", "name")])
    return found.select("source", "row", named=found.name.notnull())


def got_in(lines: ir.Table, evidence: Evidence) -> ir.Table:
    """Logins, with how often the same address was refused since it last got in.

    Where the plan says that several machines stand behind an address, the same account there.
    """
    some = lines.filter(
        lines.kind.isin(("login", "login-failed")), lines.address.notnull(), lines.us.notnull()
    )
    several = _of_several(evidence)
    joined = some.left_join(several, [("address", "behind")])
    who = joined.behind.notnull().ifelse(joined.actor.fill_null(""), "")
    some = joined.mutate(who=who, entered=(joined.kind == "login").cast("int64"))
    before = ibis.window(
        group_by=("address", "who"),
        order_by=[some.us, some.entered, some.source, some.row],
        preceding=(None, 1),
    )
    turns = some.mutate(turn=some.entered.sum().over(before).fill_null(0))
    found = turns.group_by("address", "who", "turn").agg(
        refusals=(1 - turns.entered).sum(),
        host=turns.on_host.max(where=turns.entered == 1),
        actor=turns.actor.max(where=turns.entered == 1),
        us=turns.us.max(where=turns.entered == 1),
    )
    return found.filter(found.refusals >= MANY, found.us.notnull()).drop("who", "turn")


def _of_several(evidence: Evidence) -> ir.Table:
    """`behind`: addresses behind which the plan says that several machines stand."""
    addresses = evidence.addresses()
    many = [h.id for h in evidence.plan.hosts if h.shared]
    many += [g.id for g in evidence.plan.groups if (g.members or 1) > g.room]
    return addresses.filter(addresses.host.isin(many)).select(behind="address").distinct()


def after_refusals(rows: Columns, context: Context) -> Iterator[dict[str, Any]]:
    """Sessions after many refusals, in order of time."""
    names = [np.array(hosts.text_column(rows, n), dtype=object) for n in ("actor", "address")]
    for i in np.lexsort((*names, known(rows["us"]))).tolist():
        yield {
            "host": rows["host"][i],
            "account": rows["actor"][i],
            "address": rows["address"][i],
            "refusals": int(rows["refusals"][i]),
            "at": hosts.stamp(rows["us"][i], context),
        }


def sessions(rows: Columns) -> Iterator[dict[str, Any]]:
    """Logins with their instants and those of their ends; first those in order of time, then those
    without an instant.
    """
    us = known(rows["us"])
    order = np.lexsort((rows["row"], us)).tolist()
    ends: dict[tuple[Any, Any, Any, Any], list[float]] = {}
    entries = hosts.records(rows, list(rows))
    for i in order:
        e = entries[i]
        if us[i] == us[i] and e["kind"] == "logout" and e["session"] is not None:
            ends.setdefault((e["source"], e["host"], e["session"], e["actor"]), []).append(us[i])
    for i in order:
        e = entries[i]
        if e["kind"] != "login":
            continue
        closed = ends.get((e["source"], e["host"], e["session"], e["actor"]), [])
        later = closed[bisect_left(closed, us[i]) :][:1] if us[i] == us[i] else []
        end = later[0] if later else us[i] + OPEN * MICRO
        yield {**e, "start": us[i], "end": end, "ended": bool(later)}


def grouped(
    found: Sequence[Mapping[str, Any]], names: Mapping[str, str], context: Context
) -> list[dict[str, Any]]:
    """Sessions by some of their values: how many, the first and the last.

    Parameters
    ----------
    names : the name of each value in the result, and in the sessions
    """
    by: dict[tuple[Any, ...], list[float]] = {}
    for s in found:
        by.setdefault(tuple(s[n] for n in names.values()), []).append(s["start"])
    rows = []
    for key, starts in sorted(by.items(), key=lambda item: [str(v) for v in item[0]]):
        dated = [t for t in starts if t == t]
        rows.append(
            {
                **dict(zip(names, key, strict=True)),
                "sessions": len(starts),
                "first": hosts.stamp(min(dated, default=None), context),
                "last": hosts.stamp(max(dated, default=None), context),
            }
        )
    return rows


def of_declared(
    found: Iterable[Mapping[str, Any]],
    users: Mapping[str, Any],
    departs: Callable[[Any, Mapping[str, Any]], bool],
) -> list[Mapping[str, Any]]:
    """Sessions of declared logins that depart from what the plan says of the login."""
    return [s for s in found if s["actor"] in users and departs(users[s["actor"]], s)]


def not_given(user: Any, session: Mapping[str, Any]) -> bool:
    """Whether a session is on a host that the case does not give its login."""
    return bool(user.hosts) and session["host"] not in user.hosts


def outside_validity(user: Any, session: Mapping[str, Any]) -> bool:
    """Whether a session began before its login is valid, or after."""
    start, end = hosts.micros(user.valid_from), hosts.micros(user.valid_to)
    at = session["start"]
    return bool((start is not None and at < start) or (end is not None and at >= end))


def overlaps(found: list[dict[str, Any]], who: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """The longest time at which each account was in sessions from two addresses at once.

    Parameters
    ----------
    who : object (sessions)
        The account, or the person to whom the case says that it belongs.
    """
    by: dict[Any, list[dict[str, Any]]] = {}
    for s, name in zip(found, who.tolist(), strict=True):
        if name is not None and s["address"] is not None:
            by.setdefault(name, []).append(s)
    for _, mine in sorted(by.items()):
        best = max(_at_once(mine), key=lambda o: o["end"] - o["start"], default=None)
        if best is not None:
            yield best


def _at_once(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Overlaps of each session with the one that lasts longest of those open elsewhere.

    A session of which no end is on record is counted at its start alone.
    """
    open_: dict[str, dict[str, Any]] = {}
    for s in sorted(found, key=lambda s: s["start"]):
        open_ = {address: a for address, a in open_.items() if a["end"] > s["start"]}
        others = [a for address, a in open_.items() if address != s["address"]]
        if others:
            a = max(others, key=lambda a: a["end"])
            yield {
                "account": " and ".join(sorted({a["actor"], s["actor"]})),
                "host": s["host"],
                "addresses": sorted((a["address"], s["address"])),
                "start": s["start"],
                "end": min(a["end"], s["end"]) if s["ended"] else s["start"],
            }
        mine = open_.get(s["address"])
        if s["ended"] and (mine is None or s["end"] > mine["end"]):
            open_[s["address"]] = s
