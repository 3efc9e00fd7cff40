"""Missing stretches and numbers in the logs of machines, and logs that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.case.plan import Withheld
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.hosts import MICRO
from veedor.checks.lanes import lanes
from veedor.checks.lateness import rounded
from veedor.checks.numbering import NUMBERED, left_out, numbers_left_out, ranges, repeated
from veedor.checks.recorded import known, whole
from veedor.checks.silences import Logs, silences_of


class LogGap(Check):
    """Look for what is missing in the logs: silences, numbers left out, logs that do not exist.

    A log is silent where it has no line for ten minutes or more and either it is a log of signs of
    life that are silent for over ten of their own cadences, or another machine's log, that names
    the same stations within seconds of it, names so many then that it would have named at least
    twenty of them, by its share of those that the other names at other times. Silences that lie in
    a planned stop of the host, or within an hour of an incident that a delivered document mentions,
    are counted apart; so are, in logs that are judged by stations, those in a planned stop of the
    processing. Numbers are missing where a log numbers its records and leaves some out. Whether it
    numbers them by file, by machine or by session is known of some formats and else read off the
    log: the first of these by which no number stands twice; where the machines or sessions of a
    file do not overlap in their numbers either could be, and numbers between them are not judged.
    Broken lines that stand between two records are taken for the records that are missing there.
    What is missing before the first number is not seen, nor whole sessions.
    A log of fewer than sixty minutes with lines has no cadence and is not judged for silences, nor
    is one without signs of life that has no sixty stations in common with another machine's log
    that names them within seconds of it.
    Logs that the case says were destroyed, lost or refused have a finding each, with the sheets
    that entered through their host then: of these nothing can be determined from it. Of sheets
    whose way no record tells any may have entered there; they are counted beside.

    Statistic
    ---------
    silences : array of {source, host, from, to, seconds, expected, planned}
        `expected` stations by the logs of other machines, null for signs of life.
    numbers : array of {source, host, session, after, before, missing, from, to}
        Record numbers left out: `missing` of them between two records.
    missing_records : int
    numbers_not_judged : int
        Steps between numbers of two machines or sessions of one file that cannot be judged.
    judged, not_judged : int
        Logs of machines that could be judged for silences, and those that could not.
    unplanned : int
        Silences that no plan or document explains.
    sources : array of {source, host, lines, broken, first_broken_row, undated, unknown_stations,
        steps_back, zone, zone_given, basis, refused}
        Each file as it was read: lines that are broken are in no table; `undated` have a stamp that
        is no instant; `unknown_stations` are lines that name a station which is in no count.
    For a log that is gone: {why, what, host, from, to, stations, valid, undated_stations,
        no_way_stations, no_way_valid}
        `stations` entered through the host within the span, `undated_stations` of them at an
        instant that is not known; `no_way_stations` are counted sheets whose way no record tells.

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
    coverage = ("judged", "not_judged")
    benign = (
        Benign(
            "planned",
            "The host stood still as planned, or an incident was recorded.",
            "{planned} of {silences:silence lies|silences lie} in a planned stop, or within an"
            " hour of an incident that a document mentions.",
        ),
        Benign(
            "outage",
            "The network of the place was down, for several hosts at once.",
            "{together} of {unplanned:silence|silences} without a planned stop or incident"
            " {together:overlaps|overlap} with one of another host.",
        ),
        Benign(
            "extract",
            "The log was handed over as an extract, so that numbers are left out.",
            "Numbers are left out in {runs:stretch|stretches}, holding {missing:record|records}.",
        ),
        Benign("rotation", "The log was rotated, and one of its files was not handed over."),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Logs that cannot be judged."""
        left = statistic.get("not_judged", 0)
        return say("{left:log|logs} cannot be judged", left=left) if left else ""

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Minutes with lines, numbers left out, stations named by each log, entries."""
        lines, addresses = evidence.log_lines(), evidence.addresses()
        dated = lines.filter(lines.us.notnull())
        minutes = dated.group_by(
            "source", "host", minute=dated.us // (60 * MICRO), beat=dated.kind == "heartbeat"
        ).agg(n=dated.count(), first=dated.us.min(), last=dated.us.max())
        named = dated.filter(dated.sid.notnull())
        return {
            "minutes": minutes,
            **{f"numbers:{i}": left_out(lines, keys) for i, keys in enumerate(NUMBERED)},
            **{f"repeated:{i}": repeated(lines, keys) for i, keys in enumerate(NUMBERED)},
            "stations": lines.filter(lines.station.notnull())
            .group_by("source")
            .agg(n=ibis._.count(), unknown=ibis._.sid.isnull().sum()),
            **{f"ranges:{i}": ranges(lines, keys) for i, keys in enumerate(NUMBERED) if i},
            "named": named.group_by("source", "host", "sid").agg(us=named.us.min()),
            "names": addresses.filter(addresses.kind == "host")
            .select("address", "host")
            .distinct(),
            "entered": hosts.with_host(
                hosts.entries(evidence).select("sid", "address", "us").distinct(),
                "address", addresses, "on", how="left", kind="host",
            ).select("sid", "address", "us", host="on_host"),
            "valid": evidence.timed().select("sid", "valid"),
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on the logs that are there, and one for each that is gone."""
        logs = Logs(measured, context)
        silences = list(silences_of(logs, context))
        numbers, not_judged = numbers_left_out(measured, context)
        unknown = dict(
            zip(hosts.text_column(measured["stations"], "source"),
                whole(measured["stations"]["unknown"]).tolist(), strict=True)
        )  # fmt: skip
        unplanned = [s for s in silences if not s["planned"]]
        statistic = {
            "silences": [_told(s, context) for s in silences],
            "numbers": numbers,
            "missing_records": sum(n["missing"] for n in numbers),
            "numbers_not_judged": not_judged,
            "judged": logs.judged,
            "not_judged": logs.not_judged,
            "unplanned": len(unplanned),
            "sources": [_source(context, name, unknown) for name in context.machines],
        }
        status: Status = "observed" if unplanned or numbers else "not-observed"
        undated = any(2 * i.undated > i.lines for i in context.machines.values())
        if status == "not-observed" and (undated or logs.judged < max(logs.not_judged, 1)):
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
            figures=lanes(logs, silences, context),
        )
        for one in context.plan.withheld:
            yield self._gone(one, measured, logs, context)

    def _gone(
        self, one: Withheld, measured: Mapping[str, Columns], logs: Logs, context: Context
    ) -> Fact:
        entered = measured["entered"]
        us = known(entered["us"])
        inside = np.zeros(len(us), dtype=np.bool_)
        if one.host is not None:
            start, end = hosts.micros(one.start), hosts.micros(one.end)
            inside = entered["host"] == one.host
            inside |= np.isin(entered["address"].astype(str), [hosts.spelt(one.host)])
            inside &= np.isnan(us) | (us >= (-np.inf if start is None else start))
            inside &= np.isnan(us) | (us < (np.inf if end is None else end))
        sid = entered["sid"].astype(np.int64)
        sids = np.unique(sid[inside])
        undated = np.setdiff1d(sids, sid[inside & ~np.isnan(us)])
        valid = measured["valid"]
        no_way = ~np.isin(valid["sid"], sid) if one.host is not None else np.zeros(0, np.bool_)
        statistic = {
            "why": one.why,
            "what": one.what,
            "host": one.host,
            "from": one.start.isoformat() if one.start else None,
            "to": one.end.isoformat() if one.end else None,
            "stations": len(sids),
            "valid": int(whole(valid["valid"])[np.isin(valid["sid"], sids)].sum()),
            "undated_stations": len(undated),
            "no_way_stations": int(no_way.sum()),
            "no_way_valid": int(whole(valid["valid"])[no_way].sum()) if len(no_way) else 0,
        }
        source = f" ({one.source})" if one.source else ""
        words = f"{GONE[one.why]}: {one.what.rstrip('.')}{source}."
        return self.fact(
            "not-determinable",
            statistic,
            subject=one.id,
            words={
                "heading": f"Evidence that is gone: {one.id}",
                "sentence": f"{words} What it would show cannot be determined. {_hangs(statistic)}",
            },
            rows={"sid": sids} if len(sids) else None,
            questioned=sids if len(sids) else None,
        )


GONE = {
    "destroyed": "Evidence that was destroyed",
    "refused": "Evidence that was asked for and refused",
    "lost": "Evidence that was lost",
    "not-kept": "Evidence that was not kept",
    "not-public": "Evidence that is not public",
}


def _hangs(s: Mapping[str, Any]) -> str:
    """What hangs on evidence that is gone, as far as records tell."""
    if s["host"] is None:
        return "It is not the record of one host, so that no sheet is tied to it."
    when = " in the time that it covered" if s["from"] or s["to"] else ""
    parts = []
    if s["stations"]:
        entered = "sheet is" if s["stations"] == 1 else "sheets are"
        parts.append(
            f"{s['stations']:,} official {entered} known to have entered through {s['host']}{when},"
            f" with {s['valid']:,} valid votes."
        )
        if s["undated_stations"]:
            parts.append(f"Of {s['undated_stations']:,} of them it is not known when.")
    else:
        parts.append(f"No sheet is known to have entered through {s['host']}{when}.")
    if s["no_way_stations"]:
        parts.append(
            f"No record tells the way of {s['no_way_stations']:,}"
            f"{' more' if s['stations'] else ''} sheets with {s['no_way_valid']:,} valid votes: any"
            " of them may have entered there."
        )
    return " ".join(parts)


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
        f"{logs:,} {'file' if logs == 1 else 'files'} of logs and flows were read, with {broken:,}"
        f" broken {'line' if broken == 1 else 'lines'}; {statistic['judged']:,} of {every:,} logs"
        " of machines can be judged for silences."
    )
    if statistic["not_judged"]:
        read += (
            " The others have no sixty minutes with signs of life, and no sixty stations in common"
            " with another machine's log."
        )
    if statistic["numbers_not_judged"]:
        read += (
            f" {statistic['numbers_not_judged']:,} steps between record numbers cannot be judged:"
            " machines or sessions of one file may number their own."
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
        return (
            "In the logs that can be judged no stretch and no numbered record is missing that a"
            f" plan or an incident does not explain. {read}"
        )
    parts = []
    if unplanned:
        listed = "; ".join(
            f"{s['host']} from {hosts.shown(_ends(s, context)['from'])} to"
            f" {hosts.shown(_ends(s, context)['to'])}"
            for s in unplanned[:3]
        )
        more = f" and {len(unplanned) - 3:,} more" if len(unplanned) > 3 else ""
        parts.append(
            f"{len(unplanned):,} {'silence' if len(unplanned) == 1 else 'silences'} that no planned"
            f" stop and no incident explains: {listed}{more}."
        )
    if statistic["numbers"]:
        parts.append(
            f"{statistic['missing_records']:,} numbered"
            f" {'record is' if statistic['missing_records'] == 1 else 'records are'} left out, in"
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
