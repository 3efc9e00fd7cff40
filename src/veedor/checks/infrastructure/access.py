"""Sessions on the machines of the count: from where, by which accounts, and what they changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known, whole

OPEN = 12 * 3600
"""Seconds after which a session without an end is taken to have ended."""
CHANGES = ("credential", "account", "log-cleared", "clock")


class Access(Check):
    """Follow the sessions on the machines of the count, and the changes made to accounts.

    Sessions are logins that succeeded on declared hosts, until the logout of the same session.
    Asked are: sessions from addresses that the plan does not
    declare; sessions on hosts that the plan does not give the account; one account in two sessions
    at once from two addresses, where it is not declared as shared; and changes of passwords, keys,
    accounts, clocks or logs from the close of the polls on, or from the first freeze.

    Statistic
    ---------
    sessions, accounts : int
    outside : array of {host, account, address, sessions, first, last}
        Sessions from addresses that the plan does not declare.
    not_given : array of {host, account, sessions, first, last}
        Sessions of declared logins on hosts that the case does not give them.
    shared : array of {account, host, addresses, from, to}
        An account in two sessions at once from two addresses: the longest overlap of each account.
    changes : array of {host, kind, account, object, at, address, source, row}
        Changes of accounts, keys, clocks or logs since then.
    failed : {attempts, accounts, addresses, succeeded_after}
        Refused logins on declared hosts; addresses with at least ten of them that got in later.
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
            " addresses, no account in two places at once, no change of accounts, keys, clocks or"
            " logs since {since_words}. {attempts} logins were refused."
        ),
        "not-determinable": "No log tells of a session on a declared host.",
    }
    benign = (
        Benign(
            "scan",
            "Anybody may try to log in at a public address.",
            "{attempts} logins were refused, from {addresses} addresses; {later} of those with ten"
            " refusals or more got in afterwards.",
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
            "sessions": mine.filter(mine.kind.isin(("login", "logout"))).select(
                "source", "row", "us", "kind", "actor", "address", "session", host="on_host"
            ),
            "outside": outside.group_by("actor", "address", host=outside.on_host).agg(
                sessions=outside.count(), first=outside.us.min(), last=outside.us.max()
            ),
            "changes": mine.filter(mine.kind.isin(CHANGES)).select(
                "source", "row", "us", "kind", "actor", "address", "object", host="on_host"
            ),
            "refused": refused.group_by("address", "actor", host=refused.on_host).agg(
                n=refused.count(), first=refused.us.min()
            ),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all sessions."""
        found = list(_sessions(measured["sessions"]))
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
        overlaps = [o for o in _overlaps(found) if not _shared(o["account"], users)]
        since = _since(context)
        changes = list(_changes(measured["changes"], since, context))
        statistic: dict[str, Any] = {
            "sessions": len(found),
            "accounts": len({s["actor"] for s in found}),
            "outside": sorted(outside, key=lambda r: (str(r["host"]), str(r["address"]))),
            "not_given": list(_not_given(found, users, context)),
            "shared": [_overlap(o, context) for o in overlaps],
            "changes": changes,
            "failed": _failed(measured["refused"], found),
            "since": hosts.stamp(since, context),
        }
        status: Status = "not-observed" if found else "not-determinable"
        if outside or overlaps or changes or statistic["not_given"]:
            status = "observed"
        rows = _rows(statistic)
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": _sentence(statistic),
                "since_words": hosts.shown(statistic["since"]),
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


def _sessions(rows: Columns) -> Iterator[dict[str, Any]]:
    """Logins with the instants of their ends."""
    us = known(rows["us"])
    order = np.lexsort((rows["row"], us))
    ends: dict[tuple[Any, Any, Any, Any], list[float]] = {}
    entries = hosts.records(rows, list(rows))
    for i in order.tolist():
        e = entries[i]
        if e["kind"] == "logout":
            ends.setdefault((e["source"], e["host"], e["session"], e["actor"]), []).append(us[i])
    for i in order.tolist():
        e = entries[i]
        if e["kind"] != "login" or np.isnan(us[i]):
            continue
        closed = ends.get((e["source"], e["host"], e["session"], e["actor"]), [])
        if e["session"] is None:
            closed = []
        later = [c for c in closed if c >= us[i]]
        end = min(later, default=us[i] + OPEN * MICRO)
        yield {**e, "start": us[i], "end": end, "ended": bool(later)}


def _overlaps(sessions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The longest time at which each account was in sessions from two addresses at once.

    A session of which no end is on record is counted at its start alone.
    """
    by: dict[Any, list[dict[str, Any]]] = {}
    for s in sessions:
        if s["actor"] is not None and s["address"] is not None:
            by.setdefault(s["actor"], []).append(s)
    for account, mine in sorted(by.items()):
        best: dict[str, Any] | None = None
        active: list[dict[str, Any]] = []
        for s in sorted(mine, key=lambda s: s["start"]):
            active = [a for a in active if a["ended"] and a["end"] > s["start"]]
            for a in active:
                end = min(a["end"], s["end"]) if s["ended"] else s["start"]
                if a["address"] != s["address"] and (
                    best is None or end - s["start"] > best["end"] - best["start"]
                ):
                    best = {
                        "account": account,
                        "host": s["host"],
                        "addresses": sorted((a["address"], s["address"])),
                        "start": s["start"],
                        "end": end,
                    }
            active.append(s)
        if best is not None:
            yield best


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


def _failed(rows: Columns, sessions: list[dict[str, Any]]) -> dict[str, int]:
    """Refused logins, and addresses with at least ten that got in later."""
    counts: dict[str, int] = {}
    first: dict[str, float] = {}
    n, since = whole(rows["n"]), known(rows["first"])
    for i, address in enumerate(hosts.text_column(rows, "address")):
        counts[address] = counts.get(address, 0) + int(n[i])
        first[address] = min(first.get(address, np.inf), since[i])
    later = {
        s["address"]
        for s in sessions
        if counts.get(s["address"], 0) >= 10 and s["start"] > first[s["address"]]
    }
    return {
        "attempts": int(n.sum()),
        "accounts": len(set(hosts.text_column(rows, "actor"))),
        "addresses": len({a for a in counts if a}),
        "succeeded_after": len(later),
    }


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
        f"The account {one['account']} was in sessions from {' and '.join(one['addresses'])} at"
        f" once ({hosts.shown(one['from'])})."
        for one in statistic["shared"][:2]
    ]
    if statistic["changes"]:
        kinds = sorted({str(c["kind"]) for c in statistic["changes"]})
        parts.append(
            f"Since {hosts.shown(statistic['since'])} the logs tell of"
            f" {len(statistic['changes'])} changes ({', '.join(kinds)}), the first at"
            f" {hosts.shown(statistic['changes'][0]['at'])}."
        )
    return " ".join(parts)
