"""Sessions on the machines of the count: from where, by which accounts, and what they changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks import hosts, sessions
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known, whole
from veedor.engine.accounts import joined

CHANGES = ("credential", "account", "log-cleared", "clock")


class Access(Check):
    """Follow the sessions on the machines of the count, and the changes made to accounts.

    Sessions are logins that succeeded on declared hosts, until the logout of the same session.
    Asked are: sessions from addresses that the plan does not declare; sessions on hosts that the
    plan does not give the account, or outside the time for which it declares it; one account, or
    accounts of one person, in two sessions at once from two addresses, where they are not declared
    as shared; an address that got in after at least ten refusals in a row; and changes of
    passwords, keys, accounts, clocks or logs from the close of the polls on, or from the first
    freeze. A session that a machine opened from itself is from nowhere else. An origin that is a
    name, such as a workstation's, and that the plan does not declare, is no address: whether it is
    a declared one is not known.

    Statistic
    ---------
    sessions, accounts : int
    outside : array of {host, account, address, sessions, first, last}
        Sessions from addresses that the plan does not declare.
    not_given : array of {host, account, sessions, first, last}
        Sessions of declared logins on hosts that the case does not give them.
    outside_validity : array of {host, account, sessions, first, last}
        Sessions of declared logins that began before the login is valid, or after.
    named : array of {host, account, name, sessions, first, last}
        Sessions whose origin on record is a name that the plan does not declare, and no address.
    without_address, undated : int
        Sessions of which no origin is on record, of those with an instant; logins without one.
    shared : array of {account, host, addresses, from, to}
        An account, or accounts of one person, in two sessions at once from two addresses: the
        longest overlap of each.
    got_in : array of {host, account, address, refusals, at}
        Sessions from an address that was refused at least ten times since it last got in, if ever;
        where the plan says that several machines stand behind an address, from which the same
        account was.
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
        "not-observed": "{sentence}",
        "not-determinable": "{sentence}",
    }
    coverage = ("without_address", "undated")
    benign = (
        Benign(
            "scan",
            "Anybody may try to log in at a public address.",
            "{attempts:login was|logins were} refused, from {addresses:address|addresses}; {later}"
            " of them got in after ten refusals in a row or more.",
        ),
        Benign(
            "shared",
            "The account is meant for several people or for a service.",
            "{declared:account is|accounts are} declared as shared and left out.",
        ),
        Benign(
            "translation",
            "One person's sessions come from two addresses, by a change of network.",
            "{brief} of {overlaps:overlap lasts|overlaps last} less than ten minutes.",
        ),
        Benign("emergency", "The change was made in an emergency, with a record elsewhere."),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Sessions of which it is not known from where, or when."""
        left = sum(statistic.get(n, 0) for n in self.coverage) + len(statistic.get("named", ()))
        return (
            say("of {left:session|sessions} the origin or the instant is not known", left=left)
            if left
            else ""
        )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Sessions, changes and refused logins on declared hosts."""
        lines, addresses = evidence.log_lines(), evidence.addresses()
        some = lines.filter(
            lines.host.notnull(), lines.kind.isin(("login", "logout", "login-failed", *CHANGES))
        )
        mine = hosts.with_host(some, "host", addresses, "on", kind="host")
        logins = mine.filter(mine.kind == "login")
        refused = mine.filter(mine.kind == "login-failed")
        return {
            "sessions": sessions.elsewhere(
                mine.filter(mine.kind.isin(("login", "logout"))), addresses
            ).select(
                *("source", "row", "us", "kind", "actor", "address", "session", "itself"),
                host="on_host",
            ),
            "got_in": sessions.got_in(mine, evidence),
            "undeclared": sessions.undeclared(logins, addresses),
            "changes": mine.filter(mine.kind.isin(CHANGES)).select(
                "source", "row", "us", "kind", "actor", "address", "object", host="on_host"
            ),
            "refused": refused.group_by("address", "actor", host=refused.on_host).agg(
                n=refused.count()
            ),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all sessions."""
        every = list(sessions.sessions(measured["sessions"]))
        found = [s for s in every if s["start"] == s["start"]]
        got_in = list(sessions.after_refusals(measured["got_in"], context))
        users = {u.id: u for u in context.plan.users}
        strange = _undeclared(measured["undeclared"])
        outside = [s for s in every if strange.get((s["source"], s["row"])) is False]
        named = [s for s in every if strange.get((s["source"], s["row"])) is True]
        not_given = sessions.of_declared(found, users, sessions.not_given)
        invalid = sessions.of_declared(found, users, sessions.outside_validity)
        own = [s for s in found if not _shared(s["actor"], users)]
        who = np.array([s["actor"] for s in own], dtype=object)
        overlaps = list(sessions.overlaps(own, joined(who, context.plan)))
        since = _since(context)
        changes = list(_changes(measured["changes"], since, context))
        statistic: dict[str, Any] = {
            "sessions": len(found),
            "accounts": len({s["actor"] for s in found}),
            "outside": sessions.grouped(outside, ADDRESSED, context),
            "not_given": sessions.grouped(not_given, ACCOUNT, context),
            "outside_validity": sessions.grouped(invalid, ACCOUNT, context),
            "named": sessions.grouped(named, NAMED, context),
            "without_address": sum(s["address"] is None and not s["itself"] for s in found),
            "undated": len(every) - len(found),
            "shared": [_overlap(o, context) for o in overlaps],
            "got_in": got_in,
            "changes": changes,
            "failed": _failed(measured["refused"], got_in),
            "since": hosts.stamp(since, context),
        }
        placed = [s for s in found if s["address"] is not None or s["itself"]]
        status: Status = "not-observed"
        if not any((s["source"], s["row"]) not in strange for s in placed):
            status = "not-determinable"
        if any(statistic[n] for n in OBSERVED):
            status = "observed"
        yield self.fact(
            status,
            statistic,
            words={"sentence": " ".join([*_observed(statistic), *_rest(statistic, status)])},
            explanations=self.explain(
                scan={
                    "attempts": statistic["failed"]["attempts"],
                    "addresses": statistic["failed"]["addresses"],
                    "later": statistic["failed"]["succeeded_after"],
                },
                shared={"declared": sum(u.shared for u in users.values())},
                **_brief(overlaps),
            ),
            rows=_rows(
                statistic,
                {
                    "session from outside the plan": outside,
                    "session from a name and no address": named,
                    "session on a host not given": not_given,
                    "session outside the validity of its login": invalid,
                },
                context,
            ),
            key="host",
        )


OBSERVED = ("outside", "not_given", "outside_validity", "shared", "got_in", "changes")
ACCOUNT = {"host": "host", "account": "actor"}
ADDRESSED = ACCOUNT | {"address": "address"}
NAMED = ACCOUNT | {"name": "address"}


def _undeclared(rows: Columns) -> dict[tuple[Any, Any], bool]:
    """Source and row of each login from an origin outside the plan: whether that is a name."""
    names = (rows[n].tolist() for n in ("source", "row", "named"))
    return {(source, row): bool(named) for source, row, named in zip(*names, strict=True)}


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


def _rows(
    statistic: Mapping[str, Any],
    by_kind: Mapping[str, Sequence[Mapping[str, Any]]],
    context: Context,
) -> dict[str, Any] | None:
    """What was observed, a row each, traced to the log where one line shows it.

    A session goes to its end, where that is on record.
    """
    found: list[dict[str, Any]] = [
        {
            "host": s["host"],
            "what": what,
            "account": s["actor"],
            "address": s["address"],
            "from": hosts.stamp(s["start"], context),
            "to": hosts.stamp(s["end"], context) if s["ended"] else None,
            "source": s["source"],
            "row": s["row"],
        }
        for what, some in by_kind.items()
        for s in some
    ]
    found += [
        {**r, "what": "two addresses at once", "address": ", ".join(r["addresses"])}
        for r in statistic["shared"]
    ]
    found += [
        {**r, "what": "in after refusals", "from": r["at"], "to": r["at"]}
        for r in statistic["got_in"]
    ]
    found += [
        {**r, "what": r["kind"], "from": r["at"], "to": r["at"]} for r in statistic["changes"]
    ]
    if not found:
        return None
    names = ("host", "what", "account", "address", "object", "from", "to", "source", "row")
    return {n: np.array([r.get(n) for r in found], dtype=object) for n in names}


def _observed(statistic: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on what departs from the plan."""
    if statistic["outside"]:
        yield say(
            "{n:session|sessions} came from addresses that the plan does not declare ({listed}).",
            n=sum(r["sessions"] for r in statistic["outside"]),
            listed=hosts.names(sorted({str(r["address"]) for r in statistic["outside"]})),
        )
    for name, text in (
        ("not_given", "on hosts that the case does not give the login"),
        ("outside_validity", "outside the time for which the plan declares the login"),
    ):
        if some := statistic[name]:
            yield say(
                "{n:session was|sessions were} {text} ({listed}).",
                n=sum(r["sessions"] for r in some),
                text=text,
                listed=hosts.names(f"{r['account']} on {r['host']}" for r in some),
            )
    for one in statistic["shared"][:2]:
        yield (
            f"Sessions of {one['account']} were open from {' and '.join(one['addresses'])} at once"
            f" ({hosts.shown(one['from'])})."
        )
    for one in statistic["got_in"][:2]:
        yield say(
            "The address {address} got in after {refusals:refusal|refusals}, as {account} on"
            " {host} ({when}).",
            when=hosts.shown(one["at"]),
            **one,
        )
    if len(statistic["got_in"]) > 2:
        yield say("So did {n:more session|more sessions}.", n=len(statistic["got_in"]) - 2)
    if statistic["changes"]:
        kinds = sorted({str(c["kind"]) for c in statistic["changes"]})
        yield say(
            "Since {since} the logs tell of {n:change|changes} ({kinds}), the first at {first}.",
            since=hosts.shown(statistic["since"]),
            n=len(statistic["changes"]),
            kinds=", ".join(kinds),
            first=hosts.shown(statistic["changes"][0]["at"]),
        )


def _rest(statistic: Mapping[str, Any], status: str) -> Iterator[str]:
    """Sentences on what was looked at, and on what could not be told."""
    named = sum(r["sessions"] for r in statistic["named"])
    told = statistic["sessions"] - statistic["without_address"] - named
    attempts = statistic["failed"]["attempts"]
    if not statistic["sessions"] + statistic["undated"]:
        yield "No log tells of a session on a declared host."
    if status == "not-observed":
        yield (
            "No session on a declared host is seen to depart from the plan, and no account was in"
            " two places at once."
        )
    if statistic["sessions"]:
        yield say(
            "On record: {sessions:session|sessions} of {accounts:account|accounts}, {told} with an"
            " origin{declared}.",
            told=told,
            declared="" if status == "observed" or not told else " that the plan declares",
            **statistic,
        )
    if statistic["without_address"]:
        yield say(
            "{n:session tells|sessions tell} no address: from where is not known.",
            n=statistic["without_address"],
        )
    if named:
        yield say(
            "{n:session names|sessions name} an origin that is no address and that the plan does"
            " not declare ({listed}): whether it is a declared machine is not known.",
            n=named,
            listed=hosts.names(sorted({str(r["name"]) for r in statistic["named"]})),
        )
    if statistic["undated"]:
        yield say(
            "{n:login has|logins have} no instant that could be read, and"
            " {verb} compared with no other.",
            n=statistic["undated"],
            verb="is" if statistic["undated"] == 1 else "are",
        )
    if not statistic["changes"] and status != "observed":
        yield _unchanged(statistic["since"])
        yield say("{n:login was|logins were} refused.", n=attempts)


def _unchanged(since: str | None) -> str:
    """A sentence on changes, where there is none."""
    if since is None:
        return (
            "The case has neither a freeze nor the close of the polls, so that changes of accounts"
            " are not asked."
        )
    return f"No log tells of a change of an account, key, clock or log since {hosts.shown(since)}."
