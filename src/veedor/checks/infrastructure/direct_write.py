"""Changes of a database that no event of the application explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import ENTRIES, MICRO
from veedor.checks.lateness import rounded
from veedor.checks.recorded import known

WINDOW = 120
"""Seconds around the usual distance, in which the application must tell of the same station."""
SILENCE = 600
"""Seconds without any line of the application, in which it may have told and the log not kept."""


class DirectWrite(Check):
    """Pair each change of a database that names a station with what the application tells of it.

    The application tells by its own lines, by web requests that name the station, and by the log of
    the count. The distance of a change is the time to the nearest event of its station. A change
    whose distance is more than two minutes from the usual one (the median, which holds what the
    clocks differ by), at a time when the application's log was not silent, has no event.

    Statistic
    ---------
    writes, stations : int
        Changes that name a station, and the stations.
    usual_seconds : float or null
        The median distance.
    paired : int
        Changes whose distance is within two minutes of it.
    unpaired : array of {source, row, at, station, actor, address, host, object, before, after,
        nearest_seconds, silent}
        The others: `nearest_seconds` is the distance of the nearest event of the station (null
        where there is none), `silent` says that the application's log was silent then.
    without_station : int
        Changes that name no station and could not be paired.
    unpaired_clear : int
        Unpaired changes at a time when the application's log was not silent.

    Uncertainty
    -----------
    None: a pair is there or not. A change made within two minutes of an event of its station is
    paired with it, whoever made it.

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
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "Each of the {writes:change|changes} of a database that name a station has an event of"
            " the application, or the application's log was silent then ({unpaired_count})."
        ),
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "clock",
            "The clocks of the two hosts differ.",
            "Half of all changes lie within {usual} seconds of an event of their station, which"
            " bounds the difference; {near} of {unpaired} unpaired ones have one within an hour.",
        ),
        Benign(
            "silence",
            "The application did record it, and its log of that time is missing.",
            "{silent} of {unpaired} unpaired changes fall into a silence of the application's log"
            " of ten minutes or more.",
        ),
        Benign(
            "maintenance",
            "A correction under the procedure, by an administrator, with a record elsewhere.",
            "{declared} of the {actors} accounts that made them are declared in the case.",
        ),
        Benign("job", "A scheduled task of the application wrote without a user's request."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Changes, each with the nearest event of its station; minutes of the application's log."""
        lines, events = evidence.log_lines(), evidence.events()
        writes = lines.filter(lines.kind == "database-write")
        named = writes.filter(writes.sid.notnull())
        told = lines.filter(lines.kind.isin(ENTRIES), lines.us.notnull())
        logged = events.filter(events.sid.notnull(), events.t.notnull())
        every = told.filter(told.sid.notnull()).select(sid="sid", told="us")
        every = every.union(logged.select(sid="sid", told=logged.t * MICRO))
        keys = named.select("source", "row", "sid", "us")
        near = keys.join(every.rename(told_sid="sid"), [("sid", "told_sid")])
        distance = (near.us - near.told).abs()
        nearest = near.group_by("source", "row").agg(nearest=distance.min())
        joined = named.left_join(nearest, ["source", "row"])
        return {
            "writes": joined.select(
                "source", "row", "sid", "us", "station", "actor", "address", "host", "object",
                "before", "after", "nearest",
            ),
            "unnamed": writes.filter(writes.sid.isnull()).agg(n=ibis._.count()),
            "minutes": told.select(minute=told.us // (60 * MICRO)).distinct(),
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all changes."""
        rows = measured["writes"]
        size = len(rows["row"])
        nearest = known(rows["nearest"]) / MICRO
        at = known(rows["us"])
        found = nearest[np.isfinite(nearest)]
        usual = float(np.median(found)) if len(found) else 0.0
        paired = np.abs(nearest - usual) <= WINDOW
        silent = _silent(at, known(measured["minutes"]["minute"]))
        alone = np.flatnonzero(~paired)
        alone = alone[np.lexsort((rows["row"][alone], at[alone]))]
        clear = ~paired & ~silent
        statistic: dict[str, Any] = {
            "writes": size,
            "stations": len(np.unique(rows["sid"].astype(np.int64))) if size else 0,
            "usual_seconds": rounded(usual, 3) if len(found) else None,
            "paired": int(paired.sum()),
            "unpaired": [_one(i, rows, nearest, silent, context) for i in alone.tolist()[:200]],
            "without_station": int(measured["unnamed"]["n"][0]),
            "unpaired_clear": int(clear.sum()),
        }
        status: Status = "observed" if clear.any() else "not-observed"
        if not size or not len(measured["minutes"]["minute"]):
            status = "not-determinable"
        actors = {a for i, a in enumerate(hosts.text_column(rows, "actor")) if a and not paired[i]}
        yield self.fact(
            status,
            statistic,
            words={"sentence": _sentence(status, statistic), "unpaired_count": len(alone)},
            explanations=self.explain(
                clock={
                    "usual": rounded(usual, 3),
                    "near": int((~paired & (nearest <= 3600)).sum()),
                    "unpaired": len(alone),
                },
                silence={"silent": int((~paired & silent).sum()), "unpaired": len(alone)},
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
            questioned=np.unique(rows["sid"][clear].astype(np.int64))
            if status == "observed"
            else None,
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


def _one(i: int, rows: Columns, nearest: Any, silent: Any, context: Context) -> dict[str, Any]:
    return {
        "at": hosts.stamp(rows["us"][i], context),
        "station": rows["station"][i],
        **{n: rows[n][i] if n != "row" else int(rows[n][i]) for n in EVIDENCE},
        "nearest_seconds": float(nearest[i]) if np.isfinite(nearest[i]) else None,
        "silent": bool(silent[i]),
    }


def _sentence(status: str, statistic: Mapping[str, Any]) -> str:
    if status == "not-determinable":
        return (
            f"{statistic['writes']:,} changes of a database name a station; without a log of the"
            " application, or without such changes, nothing can be paired."
        )
    clear = [u for u in statistic["unpaired"] if not u["silent"]]
    listed = "; ".join(
        f"station {u['station']} at {(u['at'] or 'no instant')[:19].replace('T', ' ')}"
        + (f" from {u['before']} to {u['after']}" if u["before"] or u["after"] else "")
        for u in clear[:4]
    )
    more = (
        f" and {statistic['unpaired_clear'] - 4:,} more" if statistic["unpaired_clear"] > 4 else ""
    )
    return (
        f"{statistic['unpaired_clear']:,} of {statistic['writes']:,} changes of a database that"
        f" name a station have no event of the application to go with them: {listed}{more}."
    )
