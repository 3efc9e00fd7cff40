"""Machines in the traffic of the count that the plan does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Explanation, Status
from veedor.checks import hosts, lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say, subject
from veedor.checks.hosts import PUBLIC
from veedor.checks.lateness import Stream
from veedor.checks.outside_words import one_sentence, sentence
from veedor.checks.outsiders import (
    COLUMNS,
    Ways,
    called_only,
    clients,
    other_keys,
    outsiders,
    sheets_of,
)
from veedor.checks.recorded import known
from veedor.checks.topology import drawn, edges

MOST = 20
"""Addresses through which sheets entered that get a finding of their own."""
UNKNOWN = 0.05
"""Share of the sheets of which no record tells the way, above which seeing nothing says nothing."""


class UndeclaredHost(Check):
    """Look for addresses that take part in the count and that the plan does not declare then.

    An undeclared address takes part where sheets entered through it, or lines of its own tell of
    sheets that came in there; where one through which sheets entered called it; where it sent at
    least 64 KiB to a declared host that is not open to the public; where it logged in, wrote or
    stored something on any declared host; where it is an address of a declared host and presented
    another key than that host's; or where more than half of the clients seen of a group, and at
    least five, called it and were answered, services of names and time aside. Undeclared addresses
    that declared machines called and that nothing ties to the count, such as those of updates, and
    other callers, such as visitors and scans, are counted apart. A flow from a port below 1024 to
    one above 32767 is taken for an answer, whoever opened it.

    An address is not an identity. One that presented the key of a declared host may be that host,
    or a relay that passes its traffic on, and is shown with it. A declared address that presented
    another key than the declared one is not that host, where it never presented the declared one;
    keys are compared with keys of the same form only. Which sheets entered through an address is
    told by logs of the count that name a machine, and by the other end of lines that tell of a
    sheet coming in: the machine that wrote such a line is where the way ends. A record without an
    instant does not tell the way where the plan declares its address for a time only.

    Nothing is said not to be there where the way of more than 5 % of the sheets is not on record.

    Statistic
    ---------
    hosts : array of {address, scope, key_of, at_host, called_by, connections, lines, bytes_out,
        bytes_in, from_undeclared, to_undeclared, first, last, sent_bytes, acts, stored, stations,
        valid}
        Undeclared addresses that take part. `connections` and `lines` are flows and log lines in
        which declared machines called it, `called_by` how many of these, bytes those of the same
        flows; `from_undeclared` and `to_undeclared` flows between it and other undeclared
        addresses; `sent_bytes` what it sent to hosts not open to the public, `acts` lines of what
        it did on declared hosts; `stored` sheets of which its own lines tell that they came in;
        `stations` and `valid` the counted official sheets that entered through it; `key_of` the
        declared host whose key it presented; `at_host` the declared host whose address it is, and
        whose key it did not present.
    carrying : int or null
        How many of them carried sheets; null where none is seen to, and the way of more than 5 % of
        the sheets is not on record.
    called_only : array of {address, called_by, connections, lines, first, last}, at most 50
    called_only_total : int
        Undeclared addresses that declared machines called and that nothing ties to the count.
    other_callers : int
        Undeclared addresses that called declared hosts and did nothing else.
    other_keys : array of {address, host, key, declared_key, stations}
        Addresses of hosts with declared keys that presented another key of the same form;
        `declared_key` says that the declared one was seen there too, `stations` are sheets that
        entered through the address at any time.
    by_network : int
        Addresses seen that the plan declares only as part of a network: a machine that nobody named
        could be one of them.
    stations, valid : int
        Counted official sheets that entered through any of them.
    entered, sheets : int
        Counted official sheets of which some record tells through which machine they entered, and
        all of them.
    traffic : bool
        Whether any record tells who called whom.
    Of one address: the same row, and `group`: {sheets, valid, margin_points, compared,
        actual_points, predicted_points, unexplained_points, low, high, history_points, classes},
        its sheets beside what those sheets of their centres predict that are known to have come by
        declared machines alone; `compared` of its sheets are in such centres, and the numbers that
        follow are null where none is.

    Uncertainty
    -----------
    None for what was seen, as far as the sensors and logs reach: a link that none of them covers is
    not seen. The margin against the same centres has a 95 % interval by clusters of centres.

    Source
    ------
    Comparison of observed endpoints with a declared inventory (asset management in NIST SP 800-53,
    CM-8); audit of the Organization of American States, 2019, on servers outside the agreed scheme.
    """

    title = "Machines outside the plan"
    asks = "Did machines take part in the count that the plan does not declare?"
    rule = "Every machine that carries the count is in the signed inventory while it does so."
    kind = "control"
    needs = ("declared-hosts", "seen-hosts")
    heading = "{heading}"
    sentences = {
        "observed": "{sentence}",
        "not-observed": "{sentence}",
        "not-determinable": "{sentence}",
    }
    coverage = ("entered", "sheets")
    benign = (
        Benign(
            "key",
            "The machine is a declared one at another address.",
            "Of {addresses:address|addresses} outside the plan, {keyed} presented the key of a"
            " declared host ({listed}), and may be that host or a relay that passes its traffic"
            " on; {shown} presented some key.",
        ),
        Benign(
            "contingency",
            "A contingency plan, or an entry of the plan for another time, brought the machine in.",
            "Of {addresses:address|addresses} outside the plan at that time, the plan declares"
            " {otherwise} at another time, {contingency} of them as hosts of a contingency.",
        ),
        Benign(
            "translation",
            "Address translation, a proxy or a content network shows another address than the"
            " machine's own.",
            "Of {addresses:address|addresses} outside the plan, {private} are private ones, which"
            " say nothing beyond their own network. The plan declares {shared:address|addresses}"
            " behind which many machines stand.",
        ),
        Benign(
            "visitors",
            "Anybody may call a public address: visitors, search engines, scans of the internet.",
            "{other_callers} undeclared addresses only called declared hosts, sent little and did"
            " nothing there; they are not counted.",
        ),
        Benign(
            "updates",
            "Machines call others for their own ends: updates, names, time, a browser.",
            "{called_only} undeclared addresses were called by declared machines, and nothing ties"
            " them to the count; they are not counted.",
        ),
        Benign("inventory", "The inventory that was handed over is not the one in force."),
        Benign(
            "relay",
            "A relay that passes on encrypted traffic unchanged changes no sheet.",
        ),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Sheets whose way is not on record."""
        left = statistic.get("sheets", 0) - statistic.get("entered", 0)
        return (
            say("through which machine {left:sheet|sheets} entered is not on record", left=left)
            if left
            else ""
        )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Undeclared addresses by what they did, keys presented, sheets by machine, and edges."""
        addresses = evidence.addresses()
        reached = hosts.contacts(evidence)
        to_unknown = hosts.with_host(
            hosts.only_undeclared(reached, "dst", addresses), "src", addresses, "by"
        )
        calling = hosts.only_undeclared(reached.filter(reached.answers == 0), "src", addresses)
        from_unknown = hosts.with_host(calling, "dst", addresses, "to", kind="host")
        hidden = ~from_unknown.to_role.isin(PUBLIC)
        entered = hosts.entries(evidence)
        remote = entered.filter(entered.remote)
        carried = hosts.only_undeclared(remote, "address", addresses)
        stored = hosts.took_in(evidence, entered)
        taking = hosts.part_takers(evidence, reached, entered)
        shown = evidence.presented()
        presenting = shown.view()
        return {
            "called": to_unknown.group_by(address=to_unknown.dst).agg(
                called_by=to_unknown.src.nunique(),
                connections=to_unknown.connections.sum(),
                lines=to_unknown.lines.sum(),
                bytes_out=to_unknown.bytes_out.sum(),
                bytes_in=to_unknown.bytes_in.sum(),
                first=to_unknown.us.min(),
                last=to_unknown.us.max(),
            ),
            "taking": taking,
            "callers": to_unknown.select(address="dst", client="src").distinct(),
            "calling": from_unknown.group_by(address=from_unknown.src).agg(
                connections=from_unknown.connections.sum(),
                lines=from_unknown.lines.sum(),
                sent_bytes=hidden.ifelse(from_unknown.bytes_out, 0).sum(),
                acts=from_unknown.acts.sum(),
                first=from_unknown.us.min(),
                last=from_unknown.us.max(),
            ),
            "carried": carried.group_by("sid", "address").agg(us=carried.us.min()),
            "linked": hosts.only_undeclared(
                hosts.only_undeclared(reached, "dst", addresses), "src", addresses
            )
            .group_by("src", "dst")
            .agg(
                connections=ibis._.connections.sum(),
                first=ibis._.us.min(),
                last=ibis._.us.max(),
            ),
            "stored": stored.group_by("sid", "address").agg(us=stored.us.min()),
            "entered": _ways(remote, carried, hosts.certain(remote, "address", addresses)),
            "through": remote.semi_join(presenting, [remote.address == presenting.address])
            .select("sid", "address")
            .distinct(),
            "keys": shown,
            "addresses": addresses,
            "edges": edges(evidence, taking),
            **lateness.measure(evidence),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all addresses, and one for each of those through which sheets entered."""
        stream = Stream.of(measured, context)
        rows = outsiders(measured, stream, context)
        rows = {name: _stamped(name, values, context) for name, values in rows.items()}
        statistic = _statistic(rows, measured, context, stream)
        size = len(rows["address"])
        status: Status = "observed" if size or statistic["other_keys"] else "not-observed"
        if status == "not-observed" and not _told(statistic):
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={"heading": self.title, "sentence": sentence(status, statistic, context)},
            explanations=self.explain(
                visitors={"other_callers": statistic["other_callers"]},
                updates={"called_only": statistic["called_only_total"]},
                **(_tested(statistic["hosts"], measured, context) if size else {}),
            ),
            rows={**rows, "clients": clients(measured["callers"], rows)} if size else None,
            key="address",
            questioned=sheets_of(measured, rows["address"]) if statistic["stations"] else None,
            figures=drawn("infrastructure.undeclared-host", measured["edges"], context),
        )
        carrying = np.flatnonzero(rows["stations"] > 0)[:MOST]
        for i in carrying.tolist():
            yield self._one(i, rows, measured, context, stream)

    def _one(
        self,
        i: int,
        rows: Mapping[str, NDArray[Any]],
        measured: Mapping[str, Columns],
        context: Context,
        stream: Stream | None,
    ) -> Fact:
        address = str(rows["address"][i])
        carried = measured["carried"]
        mine = carried["address"] == address
        sids, us = carried["sid"][mine].astype(np.int64), known(carried["us"])[mine]
        statistic = hosts.records(rows, list(rows))[i]
        group: dict[str, Any] = {}
        if stream is not None:
            through = np.isin(stream.sid, sids)
            by_plan = np.isin(stream.sid, Ways.of(measured).declared)
            group = lateness.described(stream, through, by_plan & ~through)
        order = np.argsort(sids)
        return self.fact(
            "observed",
            {**statistic, "group": group},
            subject=subject(address),
            words={
                "heading": f"Sheets that entered through {address}",
                "sentence": one_sentence(statistic, group),
            },
            explanations=self._ruled_out(statistic, measured, context),
            rows={"sid": sids[order], "entered_at": hosts.stamps(us[order], context)},
            questioned=sids[order],
        )

    def _ruled_out(
        self, row: Mapping[str, Any], measured: Mapping[str, Columns], context: Context
    ) -> tuple[Explanation, ...]:
        """The benign explanations with what holds for one address."""
        carried = f"{row['stations']:,} official sheets entered through this address."
        return tuple(
            one.model_copy(
                update={"result": carried, "values": {"stations": row["stations"]}, "tested": True}
            )
            if one.id in ("visitors", "updates")
            else one
            for one in self.explain(**_tested([row], measured, context))
        )


def _ways(remote: ir.Table, strange: ir.Table, sure: ir.Table) -> ir.Table:
    """By sheet, entries that name a machine: all, those of machines that the plan does not declare
    then, and those of machines that it does.
    """
    parts = [
        table.select(
            sid="sid",
            n=_one(name == "n"),
            strange=_one(name == "strange"),
            sure=_one(name == "sure"),
        )
        for name, table in (("n", remote), ("strange", strange), ("sure", sure))
    ]
    return (
        parts[0]
        .union(*parts[1:])
        .group_by("sid")
        .agg(**{name: ibis._[name].sum() for name in ("n", "strange", "sure")})
    )


def _one(counts: bool) -> ir.IntegerScalar:
    return ibis.literal(int(counts), "int64")


def _told(statistic: Mapping[str, Any]) -> bool:
    """Whether the way of so many sheets is on record that seeing nothing means something."""
    unknown = statistic["sheets"] - statistic["entered"]
    return bool(statistic["sheets"] > 0 and unknown <= UNKNOWN * statistic["sheets"])


def _stamped(name: str, values: NDArray[Any], context: Context) -> NDArray[Any]:
    return hosts.stamps(values, context) if name in ("first", "last") else values


def _statistic(
    rows: Mapping[str, NDArray[Any]],
    measured: Mapping[str, Columns],
    context: Context,
    stream: Stream | None,
) -> dict[str, Any]:
    sids = sheets_of(measured, rows["address"])
    inside = np.isin(stream.sid, sids) if stream is not None else np.zeros(0, bool)
    known_ways = Ways.of(measured).known
    mine = set(rows["address"].tolist())
    apart = called_only(measured, mine, context)
    carrying = int((rows["stations"] > 0).sum()) if len(mine) else 0
    ways = {
        "entered": int(np.isin(stream.sid, known_ways).sum()) if stream else len(known_ways),
        "sheets": len(stream.sid) if stream else 0,
    }
    callers = set(hosts.text_column(measured["calling"], "address"))
    return {
        "hosts": hosts.records(rows, COLUMNS),
        "carrying": carrying if carrying or _told(ways) else None,
        "called_only": apart[:50],
        "called_only_total": len(apart),
        "other_callers": len(callers - mine),
        "other_keys": other_keys(measured, stream, context),
        "by_network": len(
            set(measured["addresses"]["address"][measured["addresses"]["by"] == "network"].tolist())
        ),
        "stations": int(inside.sum()),
        "valid": int(stream.valid[inside].sum()) if stream is not None else 0,
        **ways,
        "traffic": len(measured["edges"]["src"]) + len(measured["entered"]["sid"]) > 0,
    }


def _tested(
    some: Sequence[Mapping[str, Any]], measured: Mapping[str, Columns], context: Context
) -> dict[str, Mapping[str, Any]]:
    """What the records say of benign explanations of some addresses."""
    mine = {str(r["address"]) for r in some}
    keyed = [r for r in some if r["key_of"]]
    told = measured["addresses"]
    otherwise = {
        str(a): str(h)
        for a, h, by in zip(*(told[n] for n in ("address", "host", "by")), strict=True)
        if a in mine and h is not None and by != "key"
    }
    spare = {h for c in context.plan.contingencies for h in c.hosts}
    return {
        "key": {
            "addresses": len(mine),
            "keyed": len(keyed),
            "listed": hosts.names(f"{r['address']}: {r['key_of']}" for r in keyed),
            "shown": len(mine & set(hosts.text_column(measured["keys"], "address"))),
        },
        "contingency": {
            "addresses": len(mine),
            "otherwise": len(otherwise),
            "contingency": sum(h in spare for h in otherwise.values()),
        },
        "translation": {
            "addresses": len(mine),
            "shared": sum(len(h.addresses) for h in context.plan.hosts if h.shared),
            "private": sum(r["scope"] == "private" for r in some),
        },
    }
