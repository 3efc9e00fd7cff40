"""Changes of a database that no event of the application explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.lateness import rounded
from veedor.checks.recorded import known, whole
from veedor.checks.saves import Pairs, pairs_of, saves_of

CALL = "call"
"""The object of a call of a procedure that names no change."""
SILENCE = 600
"""Seconds without any line of the application, in which it may have told and the log not kept."""


class DirectWrite(Check):
    """Pair each change of a database that names a station with what the application tells of it.

    The application tells of a station by its own lines; without any, by web requests that write;
    without these, by the log of the count. A save may be several statements: changes of a station
    by one account in one session of a database, within two seconds of one another, are one. Each
    save is paired with one event of its station, and each event with one save: the nearest ones
    first, at most two minutes from the usual distance, which is the commonest one and holds what
    the clocks differ by. A change without an event, at a time when
    the logs of the application have other lines, was made by another way. Where they have none for
    ten minutes, the log may be missing, or nobody was at work: which, is not known, and such
    changes are counted apart.

    Statistic
    ---------
    writes, stations : int
        Changes that name a station, and the stations.
    usual_seconds : float or null
        The commonest distance of a change after the nearest event of its station.
    paired : int
        Changes with an event of their own.
    unpaired : array of {source, row, at, station, actor, address, host, object, before, after,
        nearest_seconds, silent, official_holds}, at most 200
        The others: `nearest_seconds` is the distance of the nearest event of the station (null
        where there is none), `silent` says that the application's logs have no line then, or tell
        of the station without an instant; `official_holds` which of the two values the official
        sheet has: before, after or neither, null where they are no votes of all options.
    saves : int
        The saves that the changes are of.
    without_station : int
        Changes that name no station and could not be paired.
    of_sheets : int
        Those of them to a table that other changes name a station of, or to one that is not known:
        they may have changed any sheet.
    calls : int
        Calls of procedures that name neither a station nor what they do: they may have changed any.
    unpaired_clear, unpaired_silent : int
        Unpaired changes at a time when the application's logs have lines, and when they have none.
    Where there are both, those of the second kind have a finding of their own, `untold`:
        {unpaired_silent, stations}.

    Uncertainty
    -----------
    None: a pair is there or not. A change made within two minutes of an event of its station is
    paired with it, whoever made it, and one made in the session and the seconds of a save is of it.

    Source
    ------
    Reconciliation of database logs with application logs in the audit of information systems
    (ISACA, ITAF 2207, on evidence).
    """

    title = "Changes of a database without an event"
    asks = "Was a database changed with no event of the application for the same station?"
    rule = "Every change of a sheet's data is made by the application, which records it."
    kind = "irregularity"
    needs = ("log-lines",)
    heading = "{heading}"
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "Each of the {saves:save|saves} that changed a station in a database"
            " ({writes:change|changes}) has an event of the application of its own.{rest}"
        ),
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "clock",
            "The clocks of the two hosts differ.",
            "The commonest distance between a change and an event of its station is {usual}"
            " seconds; {near} of {unpaired:unpaired change has|unpaired changes have} an event of"
            " the station within an hour, taken by another change or too far off.",
        ),
        Benign(
            "silence",
            "The application did record it, and its log of that time is missing.",
            "{silent} of {unpaired:unpaired change falls|unpaired changes fall} into a silence of"
            " the application's log of ten minutes or more.",
        ),
        Benign(
            "maintenance",
            "A correction under the procedure, by an administrator, with a record elsewhere.",
            "{declared} of {actors:account|accounts} that made them {declared:is|are} declared in"
            " the case.",
        ),
        Benign("job", "A scheduled task of the application wrote without a user's request."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Changes, each with the nearest event of its station; minutes of the application's log."""
        lines, events = evidence.log_lines(), evidence.events()
        writes = lines.filter(lines.kind == "database-write")
        named = writes.filter(writes.sid.notnull())
        told = hosts.told(evidence)
        logged = events.filter(events.sid.notnull(), events.t.notnull())
        every = told.filter(told.us.notnull()).select(sid="sid", told="us", by="kind")
        every = every.union(
            logged.select(sid="sid", told=logged.t * MICRO, by=ibis.literal("log"))
        ).distinct()
        tellers = told.select(of=told.source, machine=told.host.fill_null("")).distinct().view()
        own = lines.semi_join(
            tellers, [lines.source == tellers.of, lines.host.fill_null("") == tellers.machine]
        )
        # A change tells of the database, whatever file it stands in.
        awake = own.filter(own.us.notnull(), (own.kind != "database-write").fill_null(True))
        return {
            "writes": named.select(
                "source", "row", "sid", "us", "station", "actor", "address", "host", "object",
                "before", "after", "session",
            ),
            "events": every.semi_join(named.select("sid").distinct().view(), "sid"),
            "undated": told.filter(told.us.isnull()).select("sid").distinct(),
            "official": evidence.sheets()
            .select("sid", *evidence.votes_columns)
            .semi_join(named.select("sid").distinct().view(), "sid"),
            "unnamed": writes.filter(writes.sid.isnull())
            .group_by("object")
            .agg(n=ibis._.count()),
            "calls": lines.filter(
                lines.kind == "other", lines.object == CALL, lines.sid.isnull()
            ).agg(n=ibis._.count()),
            "minutes": awake.select(minute=awake.us // (60 * MICRO)).distinct(),
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all changes, and one on those in a silence where others are clear."""
        rows = measured["writes"]
        at = known(rows["us"])
        saves = saves_of(rows, at)
        pairs = pairs_of(rows, at, saves, measured["events"])
        silent = _silent(at, known(measured["minutes"]["minute"]))
        # An event whose instant is not read may be the one that goes with the change.
        silent |= np.isin(rows["sid"].astype(np.int64), measured["undated"]["sid"].astype(np.int64))
        alone = np.flatnonzero(~pairs.paired)
        alone = alone[np.lexsort((rows["row"][alone], at[alone]))]
        clear, hidden = (rows["sid"][alone[silent[alone] == s]] for s in (False, True))
        statistic = _statistic(measured, pairs, silent, alone, context)
        statistic["saves"] = int(saves.max(initial=-1)) + 1
        status: Status = "not-observed"
        if len(hidden) or not len(at) or statistic["of_sheets"] or statistic["calls"]:
            status = "not-determinable"
        if len(clear):
            status = "observed"
        questioned = np.unique((clear if len(clear) else hidden).astype(np.int64))
        yield self.fact(
            status,
            statistic,
            words={
                "heading": self.title,
                "sentence": _sentence(statistic),
                "rest": _rest(statistic),
            },
            explanations=self.explain(
                **_clock(pairs, len(alone)),
                silence={"silent": len(hidden), "unpaired": len(alone)},
                maintenance=_makers(rows, alone, context),
            ),
            rows={
                "sid": rows["sid"][alone].astype(np.int64),
                "at": hosts.stamps(at[alone], context),
                **{n: rows[n][alone] for n in EVIDENCE},
                "nearest_seconds": pairs.nearest[alone],
                "silent": silent[alone],
                "clear": ~silent[alone],
            }
            if len(alone)
            else None,
            questioned=questioned if len(questioned) else None,
        )
        if len(clear) and len(hidden):
            yield self._untold(np.unique(hidden.astype(np.int64)), statistic)

    def _untold(self, sids: NDArray[np.int64], statistic: Mapping[str, Any]) -> Fact:
        return self.fact(
            "not-determinable",
            {"unpaired_silent": statistic["unpaired_silent"], "stations": len(sids)},
            subject="untold",
            words={"heading": UNTOLD, "sentence": _silent_words(statistic)},
            rows={"sid": sids},
            questioned=sids,
        )


def _statistic(
    measured: Mapping[str, Columns],
    pairs: Pairs,
    silent: NDArray[np.bool_],
    alone: NDArray[np.int64],
    context: Context,
) -> dict[str, Any]:
    rows = measured["writes"]
    holds = _holds(rows, measured["official"])
    return {
        "writes": len(rows["row"]),
        "stations": len(np.unique(rows["sid"].astype(str))),
        "usual_seconds": None if pairs.usual is None else rounded(pairs.usual, 3),
        "paired": int(pairs.paired.sum()),
        "unpaired": [
            {**_one(i, rows, pairs.nearest, silent, context), "official_holds": holds[i]}
            for i in alone.tolist()[:200]
        ],
        "without_station": int(whole(measured["unnamed"]["n"]).sum()),
        "of_sheets": _of_sheets(rows, measured["unnamed"]),
        "calls": int(measured["calls"]["n"][0]),
        "unpaired_clear": int((~silent[alone]).sum()),
        "unpaired_silent": int(silent[alone].sum()),
    }


def _makers(rows: Columns, alone: NDArray[np.int64], context: Context) -> dict[str, int]:
    """Accounts that made changes without an event, and how many the case declares."""
    actors = {str(a) for a in rows["actor"][alone].tolist() if a}
    declared = actors & {u.id for u in context.plan.users}
    return {"declared": len(declared), "actors": len(actors)}


UNTOLD = "Changes of a database while the application's logs are silent"


def _of_sheets(named: Columns, unnamed: Columns) -> int:
    """Changes without a station to tables in which others name one, or to no known table."""
    tables = set(hosts.text_column(named, "object"))
    objects = hosts.text_column(unnamed, "object")
    mine = [o == "" or o in tables for o in objects]
    return int(whole(unnamed["n"])[np.array(mine, dtype=np.bool_)].sum())


def _clock(pairs: Pairs, alone: int) -> dict[str, Mapping[str, Any]]:
    if pairs.usual is None:
        return {}
    near = int((~pairs.paired & (pairs.nearest <= 3600)).sum())
    return {"clock": {"usual": rounded(pairs.usual, 3), "near": near, "unpaired": alone}}


def _rest(statistic: Mapping[str, Any]) -> str:
    """A sentence on changes, and calls of procedures, that name no station."""
    without, sheets = statistic["without_station"], statistic["of_sheets"]
    calls = statistic["calls"]
    called = (
        f" {calls:,} {'call of a procedure names' if calls == 1 else 'calls of procedures name'}"
        " neither a station nor a change: what was done there is not known."
        if calls
        else ""
    )
    if not without:
        return called
    told = f" {without:,} other {'change names' if without == 1 else 'changes name'} no station"
    if not sheets:
        return f"{told}, all to other tables than those of the stations.{called}"
    return (
        f"{told}, {sheets:,} of them to tables that hold stations: which they changed is not known."
        f"{called}"
    )


EVIDENCE = ("source", "row", "actor", "address", "host", "object", "before", "after")


def _silent(at: Any, minutes: Any) -> Any:
    """bool (n): instants that lie in a silence of the application's log, or outside it."""
    if not len(minutes):
        return np.ones(len(at), dtype=np.bool_)
    marks = np.sort(minutes) * 60 * MICRO
    after = np.searchsorted(marks, at, side="right")
    before = np.where(after > 0, marks[np.maximum(after - 1, 0)], -np.inf)
    next_ = np.where(after < len(marks), marks[np.minimum(after, len(marks) - 1)], np.inf)
    return np.isnan(at) | ((next_ - before) > SILENCE * MICRO)


def _holds(rows: Columns, official: Columns) -> list[str | None]:
    """Which value of each change the official sheet has, where the values are votes in order."""
    names = [n for n in official if n != "sid"]
    votes = {
        int(sid): ",".join(str(int(official[n][i])) for n in names)
        for i, sid in enumerate(official["sid"].tolist())
        if all(official[n][i] is not None and official[n][i] == official[n][i] for n in names)
    }
    found: list[str | None] = []
    for sid, before, after in zip(
        *(rows[n].tolist() for n in ("sid", "before", "after")), strict=True
    ):
        ours = votes.get(int(sid))
        whole = ours is not None and str(after).count(",") == len(names) - 1
        if not whole:
            found.append(None)
        else:
            same = {str(before): "before", str(after): "after"}
            found.append(same.get(str(ours), "neither"))
    return found


def _one(i: int, rows: Columns, nearest: Any, silent: Any, context: Context) -> dict[str, Any]:
    return {
        "at": hosts.stamp(rows["us"][i], context),
        "station": rows["station"][i],
        **{n: rows[n][i] if n != "row" else int(rows[n][i]) for n in EVIDENCE},
        "nearest_seconds": float(nearest[i]) if np.isfinite(nearest[i]) else None,
        "silent": bool(silent[i]),
    }


def _silent_words(statistic: Mapping[str, Any]) -> str:
    return (
        f"{statistic['unpaired_silent']:,} of {statistic['writes']:,} changes of a database that"
        " name a station have no event of the application at a time when its logs have no line at"
        " all: whether it recorded them cannot be told."
    )


def _sentence(statistic: Mapping[str, Any]) -> str:
    clear, silent = statistic["unpaired_clear"], statistic["unpaired_silent"]
    if not clear and not silent:
        if not statistic["writes"]:
            return f"No change of a database that is on record names a station.{_rest(statistic)}"
        return (
            f"Each of the {statistic['saves']:,} saves that changed a station in a database has an"
            f" event of the application of its own.{_rest(statistic)}"
        )
    parts = []
    if clear:
        some = [u for u in statistic["unpaired"] if not u["silent"]][:4]
        listed = "; ".join(
            f"station {u['station']} at {hosts.shown(u['at'])}"
            + (f" from {u['before']} to {u['after']}" if u["before"] or u["after"] else "")
            + (f" by {u['actor']}" if u["actor"] else "")
            + (f" from {u['address']}" if u["address"] else "")
            + (
                f" (the official sheet has the value {u['official_holds']})"
                if u["official_holds"] in ("before", "after")
                else ""
            )
            for u in some
        )
        more = f" and {clear - 4:,} more" if clear > 4 else ""
        parts.append(
            f"{clear:,} of {statistic['writes']:,} changes of a database that name a station have"
            f" no event of the application to go with them: {listed}{more}."
        )
    if silent:
        parts.append(_silent_words(statistic))
    return " ".join(parts) + _rest(statistic)
