"""Missing stretches and numbers in the logs of machines, and logs that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Status
from veedor.case.plan import Withheld
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.instants import wall
from veedor.checks.lateness import rounded
from veedor.checks.recorded import known, whole
from veedor.stats.gaps import find_gaps

LEAST = 600
"""Seconds of the shortest gap that is told."""
TIMES = 10.0
"""A regular log has a gap where it is silent for so many of its own cadences."""
ENOUGH = 60
"""Minutes with lines, below which a log has no cadence."""
EXPECTED = 20.0
"""Stations that others name in a silence and that the log would have named, from which it misses
them."""
TIGHT = 30
"""Seconds of the middle half of the offsets of two logs that go with one another."""
JOIN = 300
"""Seconds up to which a lane of the picture is drawn without a break."""
LANES = 24


Series = tuple[str, str, NDArray[np.int64], NDArray[Any], NDArray[Any]]


class LogGap(Check):
    """Look for what is missing in the logs: silences, numbers left out, logs that do not exist.

    A log is silent where it has no line for ten minutes or more and either it is a log of signs of
    life that are silent for over ten of their own cadences, or another machine's log, that names
    the same stations within seconds of it, names so many then that it would have named at least
    twenty of them, by its share of those that the other names at other times. Silences that lie in
    a planned stop of the host, or hold an incident that a delivered document mentions, are counted
    apart. Numbers are missing where a log numbers its records and leaves some out; whether it
    numbers them by file, by machine or by session is read off the log: the first of these by which
    no number stands twice. What is missing before its first number is not seen, nor whole sessions.
    A log of fewer than sixty minutes with lines has no cadence and is not judged for silences, nor
    is one that names no stations beside another that does.
    Logs that the case says were destroyed, lost or refused have a finding each, with the sheets
    that entered through their host then: of these nothing can be determined from it.

    Statistic
    ---------
    silences : array of {source, host, from, to, seconds, expected, planned}
        `expected` stations by the logs of other machines, null for signs of life.
    numbers : array of {source, host, session, after, before, missing, from, to}
        Record numbers left out: `missing` of them between two records.
    missing_records : int
    judged, not_judged : int
        Logs of machines that could be judged for silences, and those that could not.
    unplanned : int
        Silences that no plan or document explains.
    sources : array of {source, host, lines, broken, first_broken_row, undated, unknown_stations,
        steps_back, zone, zone_given, basis, refused}
        Each file as it was read: lines that are broken are in no table; `undated` have a stamp that
        is no instant; `unknown_stations` are lines that name a station which is in no count.
    For a log that is gone: {why, what, host, from, to, stations, valid}.

    Uncertainty
    -----------
    With twenty stations expected, a log that names each with its usual chance, one independent of
    another, names none with a chance below 1e-8. Stations are not independent where a part of the
    process stands still, which is what the benign explanations are about.

    Source
    ------
    NIST SP 800-92, Guide to Computer Security Log Management, on gaps and sequence numbers.
    """

    title = "Missing parts of logs"
    asks = "Are stretches or numbered records missing in the logs of machines?"
    rule = "Logs of the machines of the count are whole and kept until the outcome is final."
    kind = "control"
    needs = ("log-evidence",)
    heading = "{heading}"
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "planned",
            "The host stood still as planned, or an incident was recorded.",
            "{planned} of {silences} silences lie in a planned stop or hold an incident that a"
            " document mentions.",
        ),
        Benign(
            "outage",
            "The network of the place was down, for several hosts at once.",
            "{together} of {unplanned} unexplained silences overlap with one of another host.",
        ),
        Benign(
            "extract",
            "The log was handed over as an extract, so that numbers are left out.",
            "Numbers are left out in {runs:stretch|stretches}, holding {missing:record|records}.",
        ),
        Benign("rotation", "The log was rotated, and one of its files was not handed over."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Minutes with lines, numbers left out, stations named by each log, entries."""
        lines, addresses = evidence.log_lines(), evidence.addresses()
        dated = lines.filter(lines.us.notnull())
        minutes = dated.group_by(
            "source", "host", minute=dated.us // (60 * MICRO), beat=dated.kind == "heartbeat"
        ).agg(n=dated.count())
        named = dated.filter(dated.sid.notnull())
        return {
            "minutes": minutes,
            **{f"numbers:{i}": _left_out(lines, keys) for i, keys in enumerate(NUMBERED)},
            **{f"repeated:{i}": _repeated(lines, keys) for i, keys in enumerate(NUMBERED)},
            "stations": lines.filter(lines.station.notnull())
            .group_by("source")
            .agg(n=ibis._.count(), unknown=ibis._.sid.isnull().sum()),
            "named": named.group_by("source", "host", "sid").agg(us=named.us.min()),
            "names": addresses.select("address", "host").distinct(),
            "entered": hosts.entries(evidence).select("sid", "address", "us").distinct(),
            "valid": evidence.timed().select("sid", "valid"),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on the logs that are there, and one for each that is gone."""
        series = _Series(measured, context)
        silences = list(_silences(measured, series, context))
        numbers = list(_numbers(measured, context))
        unknown = dict(
            zip(hosts.text_column(measured["stations"], "source"),
                whole(measured["stations"]["unknown"]).tolist(), strict=True)
        )  # fmt: skip
        unplanned = [s for s in silences if not s["planned"]]
        statistic = {
            "silences": [_told(s, context) for s in silences],
            "numbers": numbers,
            "missing_records": sum(n["missing"] for n in numbers),
            "judged": series.judged,
            "not_judged": series.not_judged,
            "unplanned": len(unplanned),
            "sources": [_source(context, name, unknown) for name in context.machines],
        }
        status: Status = "observed" if unplanned or numbers else "not-observed"
        undated = any(2 * i.undated > i.lines for i in context.machines.values())
        if status == "not-observed" and (undated or not series.judged):
            status = "not-determinable"
        found = [
            {"host": s["host"], "source": s["source"], "what": "silence", **_ends(s, context)}
            for s in silences
        ] + [
            {"host": n["host"], "source": n["source"], "what": "numbers left out",
             "from": n["from"], "to": n["to"]}
            for n in numbers
        ]  # fmt: skip
        yield self.fact(
            status,
            statistic,
            words={"heading": self.title, "sentence": _sentence(statistic, unplanned, context)},
            explanations=self.explain(
                **_tested(silences, unplanned, numbers),
            ),
            rows={n: np.array([f[n] for f in found], dtype=object) for n in found[0]}
            if found
            else None,
            key="host",
            figures=_lanes(measured, silences, context),
        )
        for one in context.plan.withheld:
            yield self._gone(one, measured, context)

    def _gone(self, one: Withheld, measured: Mapping[str, Columns], context: Context) -> Fact:
        entered = measured["entered"]
        us = known(entered["us"])
        inside = np.zeros(len(us), dtype=np.bool_)
        if one.host is not None:
            mine = {hosts.plain(one.host)} | {
                a
                for a, h in zip(
                    *(hosts.text_column(measured["names"], n) for n in ("address", "host")),
                    strict=True,
                )
                if h == one.host
            }
            start, end = hosts.micros(one.start), hosts.micros(one.end)
            inside = np.isin(entered["address"].astype(str), sorted(mine))
            inside &= np.isnan(us) | (us >= (-np.inf if start is None else start))
            inside &= np.isnan(us) | (us < (np.inf if end is None else end))
        sids = np.unique(entered["sid"][inside].astype(np.int64))
        valid = measured["valid"]
        statistic = {
            "why": one.why,
            "what": one.what,
            "host": one.host,
            "from": one.start.isoformat() if one.start else None,
            "to": one.end.isoformat() if one.end else None,
            "stations": len(sids),
            "valid": int(whole(valid["valid"])[np.isin(valid["sid"], sids)].sum()),
        }
        hangs = (
            f"{statistic['stations']:,} official sheets with {statistic['valid']:,} valid votes"
            f" entered through {one.host} then."
            if one.host and len(us)
            else "No record of the case tells through which machine a sheet entered."
            if one.host
            else "It is not the record of one host, so that no sheet is tied to it."
        )
        words = f"{one.what.rstrip('.')}: {one.why.replace('-', ' ')}" + (
            f" ({one.source})." if one.source else "."
        )
        return self.fact(
            "not-determinable",
            statistic,
            subject=one.id,
            words={
                "heading": f"Evidence that is gone: {one.id}",
                "sentence": f"{words} What it would show cannot be determined. {hangs}",
            },
            rows={"sid": sids} if len(sids) else None,
            questioned=sids if len(sids) else None,
        )


def _series(measured: Mapping[str, Columns]) -> Iterator[Series]:
    """Each log: source, host, minutes with lines in order, lines of each, signs of life of each."""
    rows = measured["minutes"]
    keys = list(zip(*(hosts.text_column(rows, n) for n in ("source", "host")), strict=True))
    places = {key: i for i, key in enumerate(sorted(set(keys)))}
    which = np.array([places[key] for key in keys], dtype=np.int64)
    minute, n, beat = known(rows["minute"]), whole(rows["n"]), rows["beat"].astype(bool)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(places) + 1))
    for (source, machine), i in places.items():
        mine = order[ends[i] : ends[i + 1]]
        at, inverse = np.unique(minute[mine].astype(np.int64), return_inverse=True)
        lines = np.bincount(inverse, n[mine], len(at))
        beats = np.bincount(inverse, n[mine] * beat[mine], len(at))
        yield source, machine, at, lines, beats


class _Series:
    """The logs that machines wrote, those of sensors left out, and which can be judged."""

    def __init__(self, measured: Mapping[str, Columns], context: Context) -> None:
        # A sensor's lines tell of a machine; they are not its own log.
        self.all = [s for s in _series(measured) if context.machines[s[0]].format != "zeek"]
        self.named = _Named(measured["named"])
        self.span = _span([at[beats > 0] for _, _, at, _, beats in self.all])
        fit = [
            len(at) >= ENOUGH
            and ((beats > 0).sum() >= ENOUGH or bool(self.named.partners(source, machine)))
            for source, machine, at, _, beats in self.all
        ]
        self.judged, self.not_judged = sum(fit), len(fit) - sum(fit)


def _silences(
    measured: Mapping[str, Columns], series: _Series, context: Context
) -> Iterator[dict[str, Any]]:
    """Stretches of a log without a line that ought to have some."""
    names: dict[str, str] = dict(
        zip(*(hosts.text_column(measured["names"], n) for n in ("address", "host")), strict=True)
    )
    named = series.named
    for source, machine, at, _, beats in series.all:
        for start, end in _stretches(at, beats, series.span, named.span):
            expected = None if (beats > 0).sum() >= ENOUGH else named.expected(
                source, machine, start, end
            )  # fmt: skip
            if expected is None or expected >= EXPECTED:
                host = names.get(machine) or machine
                yield {
                    "source": source,
                    "host": host,
                    "from": start,
                    "to": end,
                    "expected": expected,
                    "planned": _planned(host, start, end, context),
                }


def _span(beats: Sequence[NDArray[np.int64]]) -> tuple[int, int] | None:
    """The first and the last minute of any sign of life, of logs that have enough of them."""
    some = [at for at in beats if len(at) >= ENOUGH]
    if not some:
        return None
    return min(int(at[0]) for at in some), max(int(at[-1]) for at in some)


def _stretches(
    at: NDArray[np.int64], beats: Any, span: tuple[int, int] | None, named: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Start and end, in seconds, of the stretches without a line that are worth a question.

    Signs of life are due from the first to the last of any machine; what comes before the first
    line of another log, or after its last, is a question where other logs go on.
    """
    if len(at) < ENOUGH:
        return
    signs = at[beats > 0]
    beating = len(signs) >= ENOUGH
    minutes = signs if beating else at
    gaps = find_gaps(minutes * 60)
    whole_ = [(int(gaps.start[i]) + 60, int(gaps.end[i])) for i in range(len(gaps.seconds))]
    first, last = int(minutes[0]) * 60, int(minutes[-1]) * 60 + 60
    if beating and span is not None:
        whole_ += [(span[0] * 60, first), (last, span[1] * 60 + 60)]
    elif not beating:
        whole_ += [(named[0], first), (last, named[1])]
    least = max(LEAST, TIMES * gaps.median) if beating else LEAST
    yield from ((start, end) for start, end in whole_ if end - start > least)


class _Named:
    """Which stations each log names, and when first."""

    def __init__(self, rows: Columns) -> None:
        keys = list(zip(*(hosts.text_column(rows, n) for n in ("source", "host")), strict=True))
        places = {key: i for i, key in enumerate(sorted(set(keys)))}
        at = np.array([places[key] for key in keys], dtype=np.int64)
        sid, t = rows["sid"].astype(np.int64), known(rows["us"]) / MICRO
        self._logs = {key: (sid[at == i], t[at == i]) for key, i in places.items()}
        dated = t[np.isfinite(t)]
        self.span = (int(dated.min()), int(dated.max()) + 1) if len(dated) else (0, 0)
        self._with: dict[tuple[str, str], list[tuple[NDArray[np.int64], NDArray[Any]]]] = {}

    def expected(self, source: str, machine: str, start: int, end: int) -> float:
        """Stations that a log would have named between two instants, by what one other log names
        that goes with it; the most that any of them says.
        """
        if (source, machine) not in self._logs:
            return 0.0
        sid, _ = self._logs[source, machine]
        found = [0.0]
        for theirs, t in self.partners(source, machine):
            during = (t >= start) & (t < end)
            elsewhere = theirs[~during]
            share = float(np.isin(elsewhere, sid).mean()) if len(elsewhere) else 0.0
            found.append(share * float((~np.isin(theirs[during], sid)).sum()))
        return max(found)

    def partners(self, source: str, machine: str) -> list[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Logs of other machines that name the same stations within seconds of this one."""
        if (source, machine) in self._with:
            return self._with[source, machine]
        if (source, machine) not in self._logs:
            return []
        sid, t = self._logs[source, machine]
        found = []
        for (_, host), (theirs, when) in self._logs.items():
            if host == machine:
                continue
            _, i, j = np.intersect1d(sid, theirs, return_indices=True)
            offset = t[i] - when[j]
            if len(offset) >= ENOUGH:
                half = float(np.subtract(*np.quantile(offset, [0.75, 0.25])))
                found += [(theirs, when)] if half <= TIGHT else []
        self._with[source, machine] = found
        return found


def _planned(host: str, start: int, end: int, context: Context) -> bool:
    """Whether a silence lies in a planned stop, or holds an incident that a document mentions."""
    plan = context.plan
    for stop in plan.stops:
        inside = stop.start.timestamp() - 120 <= start and end <= stop.end.timestamp() + 120
        if inside and stop.host in (None, host):
            return True
    mentioned = {e for d in plan.documents for e in d.events}
    return any(
        event.kind is None
        and event.id in mentioned
        and start - LEAST <= event.at.timestamp() <= end + LEAST
        for event in context.case.events
    )


NUMBERED = (("source",), ("source", "host"), ("source", "host", "session"))
"""By what a log may number its records: its file, its machines, or their sessions."""


def _left_out(lines: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Records whose number does not follow on the one before, where numbers run by these keys."""
    numbered = lines.filter(lines.sequence.notnull())
    window = ibis.window(group_by=list(keys), order_by=[numbered.sequence, numbered.row])
    steps = numbered.select(
        "source",
        "host",
        "session",
        "row",
        number="sequence",
        us="us",
        after=numbered.sequence.lag().over(window),
        us_after=numbered.us.lag().over(window),
    )
    return steps.filter(steps.number - steps.after > 1)


def _repeated(lines: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Logs in which some number stands twice, where numbers run by these keys."""
    numbered = lines.filter(lines.sequence.notnull())
    counted = numbered.group_by(*keys, "sequence").agg(n=numbered.count())
    return counted.filter(counted.n > 1).select("source").distinct()


def _numbers(measured: Mapping[str, Columns], context: Context) -> Iterator[dict[str, Any]]:
    """Numbers left out, for each log by the first keys by which no number stands twice."""
    ways = [measured[f"numbers:{i}"] for i in range(len(NUMBERED))]
    repeated = [
        set(hosts.text_column(measured[f"repeated:{i}"], "source")) for i in range(len(NUMBERED))
    ]
    sources = [np.array(hosts.text_column(way, "source"), dtype=object) for way in ways]
    last = len(NUMBERED) - 1
    for source in sorted(set().union(*(s.tolist() for s in sources))):
        best = next((i for i in range(last) if source not in repeated[i]), last)
        rows = ways[best]
        for i in np.flatnonzero(sources[best] == source).tolist():
            after, number = int(rows["after"][i]), int(rows["number"][i])
            yield {
                "source": source,
                "host": rows["host"][i],
                "session": rows["session"][i] if best == last else None,
                "after": after,
                "before": number,
                "missing": number - after - 1,
                "from": hosts.stamp(rows["us_after"][i], context),
                "to": hosts.stamp(rows["us"][i], context),
            }


def _ends(silence: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {n: hosts.stamp(silence[n] * MICRO, context) for n in ("from", "to")}


def _told(silence: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {
        "source": silence["source"],
        "host": silence["host"],
        **_ends(silence, context),
        "seconds": silence["to"] - silence["from"],
        "expected": rounded(silence["expected"], 1),
        "planned": silence["planned"],
    }


def _source(context: Context, name: str, unknown: Mapping[str, int]) -> dict[str, Any]:
    info = context.machines[name]
    return {
        "source": name,
        "host": info.of_host,
        "lines": info.lines,
        "broken": info.broken,
        "first_broken_row": info.first_broken[0] if info.first_broken else None,
        "undated": info.undated,
        "unknown_stations": int(unknown.get(name, 0)),
        "steps_back": info.back,
        "zone": info.zone or None,
        "zone_given": info.zone_given,
        "basis": info.basis,
        "refused": info.refused,
    }


def _sentence(
    statistic: Mapping[str, Any], unplanned: Sequence[Mapping[str, Any]], context: Context
) -> str:
    if not any(info.kind == "log-lines" for info in context.machines.values()):
        return (
            "The case has no logs of machines, so that nothing can be said to be missing in them."
        )
    logs, broken = len(statistic["sources"]), sum(s["broken"] for s in statistic["sources"])
    every = statistic["judged"] + statistic["not_judged"]
    read = (
        f"{logs} files of logs and flows were read, with {broken:,} broken lines;"
        f" {statistic['judged']:,} of {every:,} logs of machines can be judged for silences."
    )
    for key, words in (
        ("undated", "lines have a stamp that cannot be read as an instant"),
        ("unknown_stations", "lines name a station that is in no count"),
    ):
        if total := sum(s[key] for s in statistic["sources"]):
            where = hosts.names(s["source"] for s in statistic["sources"] if s[key])
            read += f" {total:,} {words} ({where})."
    if not unplanned and not statistic["numbers"]:
        if not statistic["judged"]:
            return f"{read} Nothing else tells whether a stretch is missing."
        return f"{read} No stretch and no numbered record is missing that a plan does not explain."
    parts = []
    if unplanned:
        listed = "; ".join(
            f"{s['host']} from {hosts.shown(_ends(s, context)['from'])} to"
            f" {hosts.shown(_ends(s, context)['to'])}"
            for s in unplanned[:3]
        )
        parts.append(f"{len(unplanned)} silences that nothing explains: {listed}.")
    if statistic["numbers"]:
        parts.append(
            f"{statistic['missing_records']:,} numbered records are left out, in"
            f" {hosts.names(sorted({str(n['source']) for n in statistic['numbers']}))}."
        )
    return " ".join([*parts, read])


def _tested(
    silences: Sequence[Mapping[str, Any]],
    unplanned: Sequence[Mapping[str, Any]],
    numbers: Sequence[Mapping[str, Any]],
) -> dict[str, Mapping[str, Any]]:
    """What the benign explanations came to, as far as there is something to explain."""
    tested: dict[str, Mapping[str, Any]] = {}
    if silences:
        planned = len(silences) - len(unplanned)
        tested["planned"] = {"planned": planned, "silences": len(silences)}
    if unplanned:
        together = sum(
            any(
                s["host"] != o["host"] and s["from"] < o["to"] and o["from"] < s["to"]
                for o in silences
            )
            for s in unplanned
        )
        tested["outage"] = {"together": together, "unplanned": len(unplanned)}
    if numbers:
        missing = sum(n["missing"] for n in numbers)
        tested["extract"] = {"runs": len(numbers), "missing": missing}
    return tested


def _lanes(
    measured: Mapping[str, Columns], silences: Sequence[Mapping[str, Any]], context: Context
) -> Sequence[Figure]:
    """A lane for each machine: stretches with lines, silences, logs that are gone, and events."""
    table: dict[str, list[Any]] = {n: [] for n in ("lane", "x", "until", "state", "event")}

    def add(lane: str, start: float, end: float | None, state: str, event: str = "") -> None:
        until = None if end is None else wall(end, context)
        for column, value in zip(
            table.values(), (lane, wall(start, context), until, state, event), strict=True
        ):
            column.append(value)

    series: dict[str, list[NDArray[np.int64]]] = {}
    names = dict(
        zip(*(hosts.text_column(measured["names"], n) for n in ("address", "host")), strict=True)
    )
    for _, machine, at, _, _ in _series(measured):
        series.setdefault(names.get(machine) or machine, []).append(at)
    # Machines that few lines name, such as visitors of a page, have no lane.
    busy = sorted(series, key=lambda m: (-sum(map(len, series[m])), m))[:LANES]
    if not busy:
        return ()
    ends = []
    for machine in sorted(busy):
        at = np.unique(np.concatenate(series[machine])) * 60
        parts = np.split(at, np.flatnonzero(np.diff(at) > JOIN) + 1)
        for part in parts:
            add(machine, float(part[0]), float(part[-1]) + 60, "recorded")
        ends += [float(at[0]), float(at[-1])]
        for silence in silences:
            if silence["host"] == machine:
                add(machine, silence["from"], silence["to"], "silent")
    for one in context.plan.withheld:
        if one.host is not None:
            start = one.start.timestamp() if one.start else min(ends)
            end = one.end.timestamp() if one.end else max(ends)
            add(one.host, start, end, "not kept")
    for event in context.case.events:
        if min(ends) <= event.at.timestamp() <= max(ends):
            add("", event.at.timestamp(), None, "", event.id)
    return (
        Figure(
            id="infrastructure.log-gap.lanes",
            chart="lanes",
            rows={n: np.array(v, dtype=object) for n, v in table.items()},
            alt=(
                f"When the logs of {len(busy)} machines have lines. {len(silences)} silences are"
                f" marked, and {len(context.plan.withheld)} logs that are gone."
            ),
            labels={"title": "What is on record of each machine", "x": "", "y": "", "state": ""},
        ),
    )
