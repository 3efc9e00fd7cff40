"""Sessions on the machines of the count: from where, by which accounts, and what they changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known, whole
from veedor.engine.accounts import joined

OPEN = 12 * 3600
"""Seconds after which a session without an end is taken to have ended."""
MANY = 10
"""Refusals in a row from one address, from which its next session is told."""
CHANGES = ("credential", "account", "log-cleared", "clock")


class Access(Check):
    """Follow the sessions on the machines of the count, and the changes made to accounts.

    Sessions are logins that succeeded on declared hosts, until the logout of the same session.
    Asked are: sessions from addresses that the plan does not declare; sessions on hosts that the
    plan does not give the account; one account, or accounts of one person, in two sessions at once
    from two addresses, where they are not declared as shared; an address that got in after at least
    ten refusals in a row; and changes of passwords, keys, accounts, clocks or logs from the close
    of the polls on, or from the first freeze. A session that a machine opened from itself is from
    nowhere else.

    Statistic
    ---------
    sessions, accounts : int
    outside : array of {host, account, address, sessions, first, last}
        Sessions from addresses that the plan does not declare.
    not_given : array of {host, account, sessions, first, last}
        Sessions of declared logins on hosts that the case does not give them.
    shared : array of {account, host, addresses, from, to}
        An account, or accounts of one person, in two sessions at once from two addresses: the
        longest overlap of each.
    got_in : array of {host, account, address, refusals, at}
        Sessions from an address that was refused at least ten times since it last got in, if ever.
    changes : array of {host, kind, account, object, at, address, source, row}
        Changes of accounts, keys, clocks or logs since then.
    failed : {attempts, accounts, addresses, succeeded_after}
        Refused logins on declared hosts, and the addresses of `got_in`.
    since : str or null
        From when changes are asked; where the case has neither a freeze nor the close of the polls,
        they are not.

    Uncertainty
    -----------
    None. An account is not a person, an address no place.

    Source
    ------
    NIST SP 800-53, AC-2, AC-17, IA-4 and IA-5.
    """

    title = "Access to machines"
    asks = (
        "Were machines of the count entered from outside the plan, by shared accounts, or changed"
        " in their accounts?"
    )
    rule = "Access is personal, from declared places, and accounts do not change during the count."
    kind = "vulnerability"
    needs = ("declared-hosts", "log-lines")
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "{sessions} sessions of {accounts} accounts on declared hosts: all from declared"
            " addresses, no account in two places at once. {since_words}. {attempts} logins were"
            " refused."
        ),
        "not-determinable": "No log tells of a session on a declared host.",
    }
    benign = (
        Benign(
            "scan",
            "Anybody may try to log in at a public address.",
            "{attempts} logins were refused, from {addresses} addresses; {later} of them got in"
            " after ten refusals in a row or more.",
        ),
        Benign(
            "shared",
            "The account is meant for several people or for a service.",
            "{declared} accounts are declared as shared and left out.",
        ),
        Benign(
            "translation",
            "One person's sessions come from two addresses, by a change of network.",
            "{brief} of {overlaps:overlap lasts|overlaps last} less than ten minutes.",
        ),
        Benign("emergency", "The change was made in an emergency, with a record elsewhere."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Sessions, changes and refused logins on declared hosts."""
        lines, addresses = evidence.log_lines(), evidence.addresses()
        some = lines.filter(
            lines.host.notnull(), lines.kind.isin(("login", "logout", "login-failed", *CHANGES))
        )
        mine = hosts.with_host(some, "host", addresses, "on", kind="host")
        logins = mine.filter(mine.kind == "login")
        outside = hosts.only_undeclared(
            logins.filter(logins.address.notnull()), "address", addresses
        )
        refused = mine.filter(mine.kind == "login-failed")
        return {
            "sessions": _elsewhere(
                mine.filter(mine.kind.isin(("login", "logout"))), addresses
            ).select("source", "row", "us", "kind", "actor", "address", "session", host="on_host"),
            "got_in": _got_in(mine),
            "outside": outside.group_by("actor", "address", host=outside.on_host).agg(
                sessions=outside.count(), first=outside.us.min(), last=outside.us.max()
            ),
            "changes": mine.filter(mine.kind.isin(CHANGES)).select(
                "source", "row", "us", "kind", "actor", "address", "object", host="on_host"
            ),
            "refused": refused.group_by("address", "actor", host=refused.on_host).agg(
                n=refused.count()
            ),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all sessions."""
        found = list(_sessions(measured["sessions"]))
        got_in = list(_after_refusals(measured["got_in"], context))
        users = {u.id: u for u in context.plan.users}
        outside = [
            {
                "host": row["host"],
                "account": row["actor"],
                "address": row["address"],
                "sessions": row["sessions"],
                "first": hosts.stamp(row["first"], context),
                "last": hosts.stamp(row["last"], context),
            }
            for row in hosts.records(measured["outside"], list(measured["outside"]))
        ]
        own = [s for s in found if not _shared(s["actor"], users)]
        overlaps = list(_overlaps(own, joined(_actors(own), context.plan)))
        since = _since(context)
        changes = list(_changes(measured["changes"], since, context))
        statistic: dict[str, Any] = {
            "sessions": len(found),
            "accounts": len({s["actor"] for s in found}),
            "outside": sorted(outside, key=lambda r: (str(r["host"]), str(r["address"]))),
            "not_given": list(_not_given(found, users, context)),
            "shared": [_overlap(o, context) for o in overlaps],
            "got_in": got_in,
            "changes": changes,
            "failed": _failed(measured["refused"], got_in),
            "since": hosts.stamp(since, context),
        }
        status: Status = "not-observed" if found else "not-determinable"
        if outside or overlaps or changes or got_in or statistic["not_given"]:
            status = "observed"
        rows = _rows(statistic)
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": _sentence(statistic),
                "since_words": _unchanged(statistic["since"]),
                "attempts": statistic["failed"]["attempts"],
            },
            explanations=self.explain(
                scan={
                    "attempts": statistic["failed"]["attempts"],
                    "addresses": statistic["failed"]["addresses"],
                    "later": statistic["failed"]["succeeded_after"],
                },
                shared={"declared": sum(u.shared for u in users.values())},
                **_brief(overlaps),
            ),
            rows=rows,
            key="host",
        )


def _elsewhere(sessions: ir.Table, addresses: ir.Table) -> ir.Table:
    """The sessions, without the address of those that a machine opened from itself."""
    itself = addresses.filter(addresses.scope.isin(hosts.NO_MACHINE))
    known_ = sessions.left_join(itself.select(itself="address").distinct(), [("address", "itself")])
    return known_.mutate(address=known_.itself.isnull().ifelse(known_.address, ibis.null("string")))


def _got_in(lines: ir.Table) -> ir.Table:
    """Logins, with how often the same address was refused since it last got in."""
    some = lines.filter(
        lines.kind.isin(("login", "login-failed")), lines.address.notnull(), lines.us.notnull()
    )
    entered = (some.kind == "login").cast("int64")
    before = ibis.window(
        group_by="address", order_by=[some.us, entered, some.source, some.row], preceding=(None, 1)
    )
    turns = some.mutate(entered=entered, turn=entered.sum().over(before).fill_null(0))
    found = turns.group_by("address", "turn").agg(
        refusals=(1 - turns.entered).sum(),
        host=turns.on_host.max(where=turns.entered == 1),
        actor=turns.actor.max(where=turns.entered == 1),
        us=turns.us.max(where=turns.entered == 1),
    )
    return found.filter(found.refusals >= MANY, found.us.notnull())


def _after_refusals(rows: Columns, context: Context) -> Iterator[dict[str, Any]]:
    """Sessions after many refusals, in order of time."""
    names = np.array(hosts.text_column(rows, "address"), dtype=object)
    for i in np.lexsort((names, known(rows["us"]))).tolist():
        yield {
            "host": rows["host"][i],
            "account": rows["actor"][i],
            "address": rows["address"][i],
            "refusals": int(rows["refusals"][i]),
            "at": hosts.stamp(rows["us"][i], context),
        }


def _sessions(rows: Columns) -> Iterator[dict[str, Any]]:
    """Logins with the instants of their ends."""
    us = known(rows["us"])
    order = np.lexsort((rows["row"], us))
    ends: dict[tuple[Any, Any, Any, Any], list[float]] = {}
    entries = hosts.records(rows, list(rows))
    for i in order[~np.isnan(us[order])].tolist():
        e = entries[i]
        if e["kind"] == "logout" and e["session"] is not None:
            ends.setdefault((e["source"], e["host"], e["session"], e["actor"]), []).append(us[i])
    for i in order[~np.isnan(us[order])].tolist():
        e = entries[i]
        if e["kind"] != "login":
            continue
        closed = ends.get((e["source"], e["host"], e["session"], e["actor"]), [])
        later = closed[bisect_left(closed, us[i]) :][:1]
        end = later[0] if later else us[i] + OPEN * MICRO
        yield {**e, "start": us[i], "end": end, "ended": bool(later)}


def _actors(sessions: list[dict[str, Any]]) -> NDArray[Any]:
    return np.array([s["actor"] for s in sessions], dtype=object)


def _overlaps(sessions: list[dict[str, Any]], who: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """The longest time at which each account was in sessions from two addresses at once.

    Parameters
    ----------
    who : object (sessions)
        The account, or the person to whom the case says that it belongs.
    """
    by: dict[Any, list[dict[str, Any]]] = {}
    for s, name in zip(sessions, who.tolist(), strict=True):
        if name is not None and s["address"] is not None:
            by.setdefault(name, []).append(s)
    for _, mine in sorted(by.items()):
        best = max(_at_once(mine), key=lambda o: o["end"] - o["start"], default=None)
        if best is not None:
            yield best


def _at_once(sessions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Overlaps of each session with the one that lasts longest of those open elsewhere.

    A session of which no end is on record is counted at its start alone.
    """
    open_: dict[str, dict[str, Any]] = {}
    for s in sorted(sessions, key=lambda s: s["start"]):
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


def _brief(overlaps: list[dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
    if not overlaps:
        return {}
    brief = sum(o["end"] - o["start"] < 600 * MICRO for o in overlaps)
    return {"translation": {"brief": brief, "overlaps": len(overlaps)}}


def _overlap(o: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {
        **{n: o[n] for n in ("account", "host", "addresses")},
        "from": hosts.stamp(o["start"], context),
        "to": hosts.stamp(o["end"], context),
    }


def _shared(account: str, users: Mapping[str, Any]) -> bool:
    return account in users and users[account].shared


def _not_given(
    sessions: list[dict[str, Any]], users: Mapping[str, Any], context: Context
) -> Iterator[dict[str, Any]]:
    """Sessions of declared logins on hosts that the case does not give them."""
    by: dict[tuple[str, str], list[float]] = {}
    for s in sessions:
        user = users.get(s["actor"])
        if user is not None and user.hosts and s["host"] not in user.hosts:
            by.setdefault((s["host"], s["actor"]), []).append(s["start"])
    for (host, actor), starts in sorted(by.items()):
        yield {
            "host": host,
            "account": actor,
            "sessions": len(starts),
            "first": hosts.stamp(min(starts), context),
            "last": hosts.stamp(max(starts), context),
        }


def _since(context: Context) -> int | None:
    """From when accounts must not change: the first freeze, or else the close of the polls."""
    frozen = [f.at for f in context.plan.freezes]
    closed = context.case.polls_closed
    found = frozen or ([closed.at] if closed is not None else [])
    return hosts.micros(min(found)) if found else None


def _changes(rows: Columns, since: int | None, context: Context) -> Iterator[dict[str, Any]]:
    us = known(rows["us"])
    for i in np.lexsort((rows["row"], us)).tolist():
        if since is not None and (np.isnan(us[i]) or us[i] >= since):
            yield {
                "host": rows["host"][i],
                "kind": rows["kind"][i],
                "account": rows["actor"][i],
                "object": rows["object"][i],
                "at": hosts.stamp(us[i], context),
                "address": rows["address"][i],
                "source": rows["source"][i],
                "row": int(rows["row"][i]),
            }


def _failed(rows: Columns, got_in: list[dict[str, Any]]) -> dict[str, int]:
    """Refused logins, and addresses that got in after many."""
    return {
        "attempts": int(whole(rows["n"]).sum()),
        "accounts": len(set(hosts.text_column(rows, "actor"))),
        "addresses": len(set(hosts.text_column(rows, "address")) - {""}),
        "succeeded_after": len({r["address"] for r in got_in}),
    }


def _unchanged(since: str | None) -> str:
    """A sentence on changes, where there is none."""
    if since is None:
        return (
            "The case has neither a freeze nor the close of the polls, so that changes of accounts"
            " are not asked"
        )
    return f"No account, key, clock or log was changed since {hosts.shown(since)}"


def _rows(statistic: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was observed, a row each, traced to the log where one line shows it."""
    found = [
        (
            r["host"],
            "session from outside the plan",
            r["account"],
            r["address"],
            r["first"],
            r["last"],
        )
        for r in statistic["outside"]
    ]
    found += [
        (r["host"], "session on a host not given", r["account"], None, r["first"], r["last"])
        for r in statistic["not_given"]
    ]
    found += [
        (
            r["host"],
            "two addresses at once",
            r["account"],
            ", ".join(r["addresses"]),
            r["from"],
            r["to"],
        )
        for r in statistic["shared"]
    ]
    found += [
        (r["host"], "in after refusals", r["account"], r["address"], r["at"], r["at"])
        for r in statistic["got_in"]
    ]
    found += [
        (r["host"], r["kind"], r["account"], r["address"], r["at"], r["at"])
        for r in statistic["changes"]
    ]
    if not found:
        return None
    names = ("host", "what", "account", "address", "from", "to")
    return {
        n: np.array(v, dtype=object) for n, v in zip(names, zip(*found, strict=True), strict=True)
    }


def _sentence(statistic: Mapping[str, Any]) -> str:
    parts = [
        f"{statistic['sessions']:,} sessions of {statistic['accounts']:,} accounts are on record."
    ]
    if statistic["outside"]:
        n = sum(r["sessions"] for r in statistic["outside"])
        parts.append(
            f"{n:,} came from addresses that the plan does not declare"
            f" ({hosts.names(sorted({str(r['address']) for r in statistic['outside']}))})."
        )
    if statistic["not_given"]:
        parts.append(
            f"{len(statistic['not_given'])} accounts were on hosts that the case does not give"
            " them."
        )
    parts += [
        f"Sessions of {one['account']} were open from {' and '.join(one['addresses'])} at once"
        f" ({hosts.shown(one['from'])})."
        for one in statistic["shared"][:2]
    ]
    parts += [
        f"The address {one['address']} got in after {one['refusals']:,} refusals, as"
        f" {one['account']} on {one['host']} ({hosts.shown(one['at'])})."
        for one in statistic["got_in"][:2]
    ]
    if len(statistic["got_in"]) > 2:
        parts.append(f"So did {len(statistic['got_in']) - 2:,} more sessions.")
    if statistic["changes"]:
        kinds = sorted({str(c["kind"]) for c in statistic["changes"]})
        parts.append(
            f"Since {hosts.shown(statistic['since'])} the logs tell of"
            f" {len(statistic['changes'])} changes ({', '.join(kinds)}), the first at"
            f" {hosts.shown(statistic['changes'][0]['at'])}."
        )
    return " ".join(parts)
