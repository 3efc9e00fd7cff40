"""Changes of a database that no event of the application explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

WINDOW = 120
"""Seconds around the usual distance, in which the event of a change must lie."""
CALL = "call"
"""The object of a call of a procedure that names no change."""
BURST = 2
"""Seconds between changes of a station by one session, up to which they are of one save."""
TELLERS = ("application-write", "request", "log")
"""What tells of a sheet, best first: of each station the best is used, so that a sheet is told of
once."""
FEW = 10
"""Distances of one kind of teller, below which it has no usual one of its own."""
MOST = 1_000_000
"""Pairs of changes and events of one station, above which they are paired in order of time."""
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
        """One fact on all changes."""
        rows = measured["writes"]
        size = len(rows["row"])
        at = known(rows["us"])
        saves = _saves(rows, at)
        pairs = _pairs(rows, at, saves, measured["events"])
        silent = _silent(at, known(measured["minutes"]["minute"]))
        # An event whose instant is not read may be the one that goes with the change.
        silent |= np.isin(rows["sid"].astype(np.int64), measured["undated"]["sid"].astype(np.int64))
        holds = _holds(rows, measured["official"])
        alone = np.flatnonzero(~pairs.paired)
        alone = alone[np.lexsort((rows["row"][alone], at[alone]))]
        clear = ~pairs.paired & ~silent
        hidden = ~pairs.paired & silent
        nearest = pairs.nearest
        statistic: dict[str, Any] = {
            "writes": size,
            "stations": len(np.unique(rows["sid"].astype(np.int64))) if size else 0,
            "saves": int(saves.max(initial=-1)) + 1,
            "usual_seconds": None if pairs.usual is None else rounded(pairs.usual, 3),
            "paired": int(pairs.paired.sum()),
            "unpaired": [
                {**_one(i, rows, nearest, silent, context), "official_holds": holds[i]}
                for i in alone.tolist()[:200]
            ],
            "without_station": int(whole(measured["unnamed"]["n"]).sum()),
            "of_sheets": _of_sheets(rows, measured["unnamed"]),
            "calls": int(measured["calls"]["n"][0]),
            "unpaired_clear": int(clear.sum()),
            "unpaired_silent": int(hidden.sum()),
        }
        status: Status = "observed" if clear.any() else "not-observed"
        if not clear.any() and (
            hidden.any() or not size or statistic["of_sheets"] or statistic["calls"]
        ):
            status = "not-determinable"
        questioned = clear if clear.any() else hidden
        actors = {
            a for i, a in enumerate(hosts.text_column(rows, "actor")) if a and not pairs.paired[i]
        }
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
                silence={"silent": int(hidden.sum()), "unpaired": len(alone)},
                maintenance={
                    "declared": len(actors & {u.id for u in context.plan.users}),
                    "actors": len(actors),
                },
            ),
            rows={
                "sid": rows["sid"][alone].astype(np.int64),
                "at": hosts.stamps(at[alone], context),
                **{n: rows[n][alone] for n in EVIDENCE},
                "nearest_seconds": nearest[alone],
                "silent": silent[alone],
                "clear": clear[alone],
            }
            if len(alone)
            else None,
            questioned=np.unique(rows["sid"][questioned].astype(np.int64))
            if questioned.any()
            else None,
        )
        if clear.any() and hidden.any():
            sids = np.unique(rows["sid"][hidden].astype(np.int64))
            told = {"unpaired_silent": statistic["unpaired_silent"], "stations": len(sids)}
            words = {"heading": UNTOLD, "sentence": _silent_words(statistic)}
            yield self.fact(
                "not-determinable",
                told,
                subject="untold",
                words=words,
                rows={"sid": sids},
                questioned=sids,
            )


UNTOLD = "Changes of a database while the application's logs are silent"


def _saves(rows: Columns, at: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64 (n): the save that each change is of, numbered from 0."""
    size = len(at)
    words = ("source", "host", "session", "actor")
    keys = list(
        zip(rows["sid"].tolist(), *(hosts.text_column(rows, n) for n in words), strict=True)
    )
    places = {key: i for i, key in enumerate(sorted(set(keys)))}
    who = np.array([places[key] for key in keys], dtype=np.int64)
    order = np.lexsort((rows["row"].astype(np.int64), at, who)) if size else np.zeros(0, np.int64)
    seconds = at[order] / MICRO
    new = np.ones(size, dtype=np.bool_)
    new[1:] = (np.diff(who[order]) != 0) | ~(np.diff(seconds) <= BURST)
    found = np.empty(size, dtype=np.int64)
    found[order] = np.cumsum(new) - 1
    return found


@dataclass(frozen=True, slots=True)
class Pairs:
    """Of n changes: whether the save of each has an event of its own, and how far the nearest is.

    `nearest` is float64 (n) in seconds, NaN where its station has none; `usual` is the commonest
    distance of a save after the nearest event, None where there is none.
    """

    paired: NDArray[np.bool_]
    nearest: NDArray[np.float64]
    usual: float | None


def _pairs(
    rows: Columns, at: NDArray[np.float64], saves: NDArray[np.int64], events: Columns
) -> Pairs:
    """Each save with one event of its station, and each event with one save."""
    told, teller = _told(events)
    sid = rows["sid"].astype(np.int64)
    # The first change of each save stands for it.
    order = np.lexsort((at, saves))
    first = order[np.flatnonzero(np.diff(saves[order], prepend=-1))]
    seconds = at[first] / MICRO
    after = np.array(
        [
            _nearest(told[s], t) if s in told and np.isfinite(t) else np.nan
            for s, t in zip(sid[first].tolist(), seconds.tolist(), strict=True)
        ],
        dtype=np.float64,
    )
    kinds = np.array([teller.get(s, "") for s in sid[first].tolist()], dtype=object)
    known_ = np.isfinite(after)
    pooled = _commonest(after[known_])
    usual = {
        k: _commonest(after[known_ & (kinds == k)])
        if (known_ & (kinds == k)).sum() >= FEW
        else pooled
        for k in TELLERS
    }
    paired = np.zeros(len(first), dtype=np.bool_)
    by_sid: dict[int, list[int]] = {}
    for i in np.flatnonzero(np.isfinite(after)).tolist():
        by_sid.setdefault(int(sid[first[i]]), []).append(i)
    for station, mine in by_sid.items():
        index = np.array(mine, dtype=np.int64)
        expected = seconds[index] - usual[teller[station]]
        paired[index] = _matched(expected, told[station])
    return Pairs(paired[saves], np.abs(after)[saves], pooled if known_.any() else None)


def _told(events: Columns) -> tuple[dict[int, NDArray[np.float64]], dict[int, str]]:
    """Station -> instants, rising, of events of the best kind that tells of it; and that kind."""
    by_sid: dict[int, dict[str, list[float]]] = {}
    for sid, us, kind in zip(
        events["sid"].tolist(),
        known(events["told"]).tolist(),
        hosts.text_column(events, "by"),
        strict=True,
    ):
        by_sid.setdefault(int(sid), {}).setdefault(kind, []).append(us / MICRO)
    teller = {sid: next((k for k in TELLERS if k in kinds), "") for sid, kinds in by_sid.items()}
    told = {
        sid: np.sort(np.array(kinds[teller[sid]], dtype=np.float64))
        for sid, kinds in by_sid.items()
        if teller[sid]
    }
    return told, teller


def _nearest(told: NDArray[np.float64], t: float) -> float:
    """Seconds from the nearest event to an instant; the earlier event where two are as near."""
    i = int(np.searchsorted(told, t))
    near = told[max(i - 1, 0) : i + 1]
    return float(t - near[np.argmin(np.abs(t - near))])


def _matched(expected: NDArray[np.float64], told: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (n): saves of one station that have an event of their own within the window.

    Parameters
    ----------
    expected : float64 (n), when the event of each save is expected
    told : float64 (m), rising

    The nearest ones first; where there are very many, one after the other in time, which pairs as
    many as can be paired.
    """
    paired = np.zeros(len(expected), dtype=np.bool_)
    low = np.searchsorted(told, expected - WINDOW, side="left")
    high = np.searchsorted(told, expected + WINDOW, side="right")
    if int((high - low).sum()) > MOST:
        k = 0
        for i in np.argsort(expected, kind="stable").tolist():
            k = max(k, int(low[i]))
            if k < high[i]:
                paired[i] = True
                k += 1
        return paired
    near = sorted(
        (abs(float(expected[i] - told[k])), i, k)
        for i in range(len(expected))
        for k in range(int(low[i]), int(high[i]))
    )
    taken: set[int] = set()
    for _, i, k in near:
        if not paired[i] and k not in taken:
            paired[i] = True
            taken.add(k)
    return paired


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


def _commonest(after: NDArray[np.float64]) -> float:
    """The middle of the narrowest half of the distances: a few far ones do not move it."""
    if not len(after):
        return 0.0
    ordered = np.sort(after)
    half = (len(ordered) + 1) // 2
    widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    start = int(np.argmin(widths))
    return float(np.median(ordered[start : start + half]))


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
