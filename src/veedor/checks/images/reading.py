"""What counts record against what can be read on the scans of the sheets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Interval
from veedor.case.tables import DOUBT
from veedor.checks import differences, paired, read_fields, transcripts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.paired import Pair, Standing
from veedor.checks.recorded import known
from veedor.checks.scan_pairs import NOWHERE
from veedor.checks.transcripts import (
    AGREE,
    ALTERED,
    BORNE_OUT_MOST,
    MISREAD,
    MISREAD_MOST,
    SURE,
    Fields,
)
from veedor.stats.exact import proportion_interval
from veedor.stats.slips import classify

UNLIKELY = 0.025
"""As many sheets that disagree by reading alone are less probable than this where they are
`observed`; of two such probabilities, one is enough."""

SLIPS = ("changed", "slips", "one_line", "same_total", "by_region")


class Reading(Check):
    """Compare the numbers that each count records with those read on the scans of the sheets.

    A first finding (no subject) says which scans could be read, and which could not; one more for
    each count compares. A field *agrees* where the recorded number has on the scan a probability of
    at least 0.99 (by its boxes, or where these leave it open by the sums of the form), or where it
    is zero and the field is empty or filled out. It *disagrees* where another number was read with
    at least 0.9, the recorded one has at most 0.001, and no box was written over or struck. All
    else reading cannot tell. A reading replaces no record: it says where a person must look.

    Scans whose printed code names another station are left out; a station with several scans takes
    part in the fields, and not in the votes that move.

    Statistic
    ---------
    scans, read, unreadable, unregistered, missing : int
        Scans that the case names; those that were read; refused by the quality gate or not to be
        opened; on which no form was found; of which there is no picture.
    unknown_station, other_code, several : int
        Scans of no station of the case, by the file that names them; whose code names another
        station; stations of several scans. The rows tell which station the file names (`named`).
    with_code, consistent, inconsistent : int
        Scans read whose code was read; on which the sums of the form hold and do not.
    sheets, without_scan, without_reading, without_reading_valid : int
        Counted official sheets; those without a scan; those of which none was read, and their
        votes.
    grades, reasons : arrays of {grade or reason, scans}
        A reason is what several scans have in common; the rows have the numbers of each.
    states : array of {field, number, empty, filler, struck, overwritten, unreadable}
    fields, agree, disagree, unsure : int
        Of one count: fields that it records and that were found on a scan; how they compare.
    agree_points, disagree_points, unsure_points : float
    agree_by_sums : int
        Agreeing fields that agree by the sums of the form alone: their own boxes leave them open.
    empty_as_zero, altered, doubtful : int
        Agreeing fields that are empty where zero is recorded; unsure ones with a box written over
        or struck; the other unsure ones.
    expected : float
        Disagreements that errors of reading alone would lead one to expect, were all records
        right.
    confirmed, balanced, sheets_confirmed : int
        Disagreements that are borne out: the form's sums hold with the number read, or the
        differences of the sheet cancel out, so that the record's own total is that of the numbers
        read; the latter alone; stations with such a one. Where a total of the sheet is a slip, or a
        number in it was struck, its sums bear nothing out.
    sheets_disagree, sheets_expected, p_reading, p_confirmed : int, float, float, float
        Stations with a disagreement on their sheet, each once; as many as errors of reading alone
        would lead one to expect; probability of so many by reading alone, and of so many with a
        disagreement that is borne out. `observed` needs one of these to be at most 0.025 (so that
        reading alone brings a count to it in at most one case of 20); where it is only the latter,
        only sheets with such a disagreement are questioned.
    expected_agreeing : float
        Agreements that reading alone would lead one to expect to be wrong, at most.
    by_field : array of {field, fields, agree, disagree, unsure, up, down, net}
        Up, down and net are of the record less the scan, where they disagree.
    sheets_compared, changed, lead, lead_votes, lead_points, slips, one_line, same_total, by_region
        On sheets with one scan, as in `reconcile.counts`, record less scan; fields that reading
        cannot tell take no part.
    sample : int
        Agreeing fields drawn for a person to look at; they are in the evidence.

    Uncertainty
    -----------
    The probabilities are the reader's, calibrated on other writers. `expected` adds up, field by
    field, the probability of all numbers that would count as a disagreement, times `misread`: on
    simulated sheets whose numbers are known, 1.8 times as many came out as the boxes' own
    probabilities say (1.3 to 2.5, at 95 %), and 3.1 with networks before these (1.9 to 4.7). Errors
    cluster by writer and by scan; so `p_reading` is of stations, each of which counts once, with
    `misread_most` times the boxes' probabilities, and holds however the errors of one station hang
    together. Both probabilities take stations as independent: where one hand wrote many sheets, or
    one machine that is worse than those of the simulation scanned them, they are too small.
    Whoever writes a digit oddly may do so in a row and in the total: of 41 misread fields of the
    simulated sheets two were borne out, and `p_confirmed` takes these to be as frequent as they may
    be. A person must look at each.
    The p-value is not that: it is the exact sign test of the lead, for errors of reading know no
    option. There is none, nor a word on the lead, where reading alone explains as many
    disagreements.
    Their interval is exact (Clopper-Pearson) where each field stands alone; those of one sheet do
    not.

    Source
    ------
    C. Guo and others, On calibration of modern neural networks, ICML 2017, for the probabilities;
    W. Hoeffding, Annals of Mathematical Statistics 27 (1956), for the sum of unequal chances;
    Q. McNemar, Psychometrika 12 (1947), in the exact form, for the p-value.
    """

    title = "Counts against the scans of the sheets"
    asks = "Do the scans of the sheets hold the numbers that the counts record?"
    rule = "A count records what is written on the sheet."
    kind = "discrepancy"
    p_value_of = (
        "the direction of the lead (on as many sheets larger as smaller), not of how many "
        "sheets differ"
    )
    needs = ("scans",)
    heading = "{heading}"
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "reading",
            "The reader took a digit for another.",
            "By errors of reading, {expected:.1f} of {able} fields, on"
            " {sheets_expected:.1f} sheets, would come out as disagreeing though the record is"
            " right; {disagree} did, on {sheets}. {confirmed:is|are} borne out by the sums of the"
            " form or by the record's own total.",
        ),
        Benign(
            "slips",
            "A slip of whoever typed the record.",
            "One slip explains {explained} of the {changed} sheets that differ: {parts}. It does"
            " not explain the other {other}.",
        ),
        Benign(
            "direction",
            "Slips and errors of reading favour neither of the two leading options.",
            "The recorded lead of {winner} over {runner_up} is larger than the scan's on"
            " {up:sheet|sheets} and smaller on {down}: a split at least so uneven has the"
            " probability {p} where both are equally likely.",
        ),
        Benign(
            "wrong-scan",
            "The scan is of another sheet.",
            "The code was read on {codes} of the {sheets} scans that differ, and names the station"
            " on each of them.",
        ),
        Benign("correction", "The numbers were corrected, in the open, after the scan was made."),
        Benign(
            "form",
            "What people write in a box for zero or for nothing has another meaning than the form"
            " says.",
        ),
    )
    references = (
        "C. Guo, G. Pleiss, Y. Sun and K. Weinberger, On calibration of modern neural networks,"
        " ICML 2017.",
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Scans by what became of them, states of fields, and each count field by field."""
        scans, readings = evidence.scans(), evidence.readings()
        about = scans.select(
            "scan", "sid", "station", "status", "grade", "reasons",
            other=transcripts.named_otherwise(scans).cast("int64"),
            coded=scans.code.notnull().cast("int64"),
            consistent=scans.consistent.cast("int64").fill_null(-1),
        )  # fmt: skip
        counted = readings.filter(readings.kind == "count")
        queries = {
            "scans": about,
            "coverage": transcripts.coverage(evidence),
            "states": transcripts.tally(counted, "field", "state"),
            "totals": paired.totals(evidence),
            "places": paired.places(evidence),
        }
        for count in evidence.counts:
            queries[f"count:{count}"] = transcripts.compared(evidence, count)
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """What was read; then one fact for each count."""
        yield self._scans(measured)
        standing = Standing.of(measured["totals"], context)
        for key, rows in measured.items():
            kind, _, count = key.partition(":")
            if kind == "count":
                yield self._count(count, Fields.of(rows), measured, standing, context)

    def _scans(self, measured: Mapping[str, Columns]) -> Fact:
        s = _statistic_of_scans(measured)
        lost = s["scans"] - s["read"]
        open_ = lost or s["other_code"] or s["unknown_station"] or s["without_scan"]
        rows, sid = measured["scans"], known(measured["scans"]["sid"])
        strange = np.isnan(sid)
        sid = np.where(strange, NOWHERE, sid).astype(np.int64)
        at = np.flatnonzero((rows["status"] != "read") | (rows["other"] == 1) | strange)
        # Those of no station first, by the name that they give; then by station.
        names = np.array([str(n or "") for n in rows["station"][at]], dtype=str)
        at = at[np.lexsort((rows["scan"][at], names, sid[at]))]
        return self.fact(
            "observed" if open_ else "not-observed",
            s,
            kind="descriptive",
            words={"heading": "Scans of the sheets, and what could be read", "sentence": _told(s)},
            rows={
                "sid": sid[at],
                "named": rows["station"][at],
                "unknown_station": strange[at].astype(np.int64),
                "scan": rows["scan"][at],
                "status": rows["status"][at],
                "other_code": rows["other"][at],
                "reasons": rows["reasons"][at],
            },
        )

    def _count(
        self,
        count: str,
        fields: Fields,
        measured: Mapping[str, Columns],
        standing: Standing | None,
        context: Context,
    ) -> Fact:
        name = context.counts[count].source.title or count
        s = read_fields.statistic(fields)
        pair = _pair(fields, count, context)
        lead = None
        if standing is not None:
            lead = standing.lead(pair.change, context)
            s |= _effects(pair, standing, lead, measured["places"], context)
        drawn = read_fields.drawn_of(fields, context)
        s["sample"] = len(drawn)
        decided = s["agree"] + s["disagree"]
        many, firm = s["p_reading"] <= UNLIKELY, s["p_confirmed"] <= UNLIKELY
        status = "not-determinable"
        if decided and (many or firm or not s["disagree"]):
            status = "observed" if s["disagree"] else "not-observed"
        differ = status == "observed" and many and lead is not None
        if lead is not None and not differ:
            s["lead"] = {k: v for k, v in s["lead"].items() if k != "p"}
        low, high = proportion_interval(np.array([s["disagree"]]), np.array([max(s["fields"], 1)]))
        official = count == context.case.official
        # Of few disagreements, reading alone may have made those that nothing bears out.
        questioned = np.unique(fields.sid[fields.disagree if many else fields.confirmed])
        return self.fact(
            status,  # type: ignore[arg-type]
            s,
            subject=count,
            words={
                "heading": f"{name} against the scans",
                "sentence": read_fields.told(
                    name, s, context, lead=differ, many=many, rest=_rest(s, status, official)
                ),
            },
            p_value=s["lead"]["p"] if differ else None,
            interval=Interval(
                of="disagree_points",
                level=0.95,
                low=round(100.0 * float(low[0]), 6),
                high=round(100.0 * float(high[0]), 6),
                method="exact (Clopper-Pearson), of all fields, as if each stood alone",
            )
            if decided
            else None,
            explanations=self._explained(fields, pair, s, measured, context, lead=differ)
            if status == "observed"
            else (),
            parameters={
                "agree": AGREE,
                "doubt": DOUBT,
                "sure": SURE,
                "altered": ALTERED,
                "unlikely": UNLIKELY,
                "misread": MISREAD,
                "misread_most": MISREAD_MOST,
                "borne_out_most": BORNE_OUT_MOST,
            },
            questioned=questioned if official and status == "observed" else None,
            rows=read_fields.rows(fields, drawn) if len(fields.sid) else None,
            figures=read_fields.figures(count, name, s),
            pictures=read_fields.pictures(fields, drawn, name),
        )

    def _explained(
        self,
        fields: Fields,
        pair: Pair,
        s: Mapping[str, Any],
        measured: Mapping[str, Columns],
        context: Context,
        *,
        lead: bool,
    ) -> Any:
        scans = measured["scans"]
        differing = np.unique(fields.scan[fields.disagree])
        coded = np.isin(scans["scan"], differing) & (scans["coded"] == 1)
        of_all: dict[str, Mapping[str, Any]] = {}
        if lead:
            of_all["slips"] = differences.slip_words(pair)
            of_all["direction"] = differences.lead_words(s, context)
        return self.explain(
            reading={
                "expected": s["expected"],
                "able": len(fields.could_mislead),
                "disagree": s["disagree"],
                "sheets": s["sheets_disagree"],
                "sheets_expected": s["sheets_expected"],
                "confirmed": s["confirmed"],
            },
            wrong_scan={"codes": int(coded.sum()), "sheets": len(differing)},
            **of_all,
        )


def _rest(s: Mapping[str, Any], status: str, official: bool) -> str:
    """What can be said of disagreements that reading alone may have made."""
    if status == "observed":
        which = "observed, and questioned, are" if official else "observed are"
        return (
            f"so many that are borne out seldom would: {which} only the sheets with a disagreement"
            " that is borne out."
        )
    first = "" if not s["confirmed"] else ", those that are borne out first"
    return f"a person must look at them, and they are listed{first}."


def _statistic_of_scans(measured: Mapping[str, Columns]) -> dict[str, Any]:
    rows, sheets = measured["scans"], measured["coverage"]
    status, read = rows["status"], rows["status"] == "read"
    sid = known(rows["sid"])
    _, times = np.unique(sid[~np.isnan(sid)], return_counts=True)
    grades = [g for g in rows["grade"] if g is not None]
    texts = [part for t in rows["reasons"] if t is not None for part in str(t).split("; ")]
    return {
        "scans": len(status),
        **{n: int((status == n).sum()) for n in ("read", "unreadable", "unregistered", "missing")},
        "unknown_station": int(np.isnan(sid).sum()),
        "other_code": int((rows["other"] == 1).sum()),
        "several": int((times > 1).sum()),
        "with_code": int((rows["coded"][read] == 1).sum()),
        "consistent": int((rows["consistent"][read] == 1).sum()),
        "inconsistent": int((rows["consistent"][read] == 0).sum()),
        "sheets": len(sheets["sid"]),
        "without_scan": int((sheets["scans"] == 0).sum()),
        "without_reading": int((sheets["read"] == 0).sum()),
        "without_reading_valid": int(known(sheets["valid"])[sheets["read"] == 0].sum()),
        "grades": [{"grade": g, "scans": grades.count(g)} for g in sorted(set(grades))],
        "reasons": _commonest(texts),
        "states": _states(measured["states"]),
    }


def _commonest(texts: Sequence[str], most: int = 20) -> list[dict[str, Any]]:
    """The reasons that are met most, without what stands in brackets: that is of one scan."""
    plain = [re.sub(r"\s*\(.*\)", "", text, flags=re.DOTALL) for text in texts]
    names, times = np.unique(np.array(plain, dtype=str), return_counts=True)
    order = np.lexsort((names, -times))[:most]
    return [{"reason": str(names[i]), "scans": int(times[i])} for i in order]


def _states(rows: Columns) -> list[dict[str, Any]]:
    """How many fields hold what, by field."""
    kinds = ("number", "empty", "filler", "struck", "overwritten", "unreadable")
    found: dict[str, dict[str, Any]] = {}
    for field, state, n in zip(rows["field"], rows["state"], rows["n"], strict=True):
        entry = found.setdefault(str(field), {"field": str(field), **dict.fromkeys(kinds, 0)})
        entry[str(state)] = int(n)
    return [found[name] for name in sorted(found)]


def _pair(fields: Fields, count: str, context: Context) -> Pair:
    """Record and scan of each sheet with one scan, line by line."""
    held = context.counts[count].fields
    spoilt = [n for n in ("blank", "null") if n in held and (fields.field == n).any()]
    names = (*context.options, *spoilt)
    sid, region, recorded, read = fields.matrix(names)
    options = len(context.options)
    return Pair(sid, region, recorded, read, names, options, classify(recorded, read))


def _effects(
    pair: Pair, standing: Standing, lead: NDArray[np.int64], places: Columns, context: Context
) -> dict[str, Any]:
    if not len(pair.sid):
        split = {"winner": standing.winner, "runner_up": standing.runner_up}
        none = {"up": 0, "down": 0, "p": 1.0}
        return {"sheets_compared": 0, "lead": split | none, "lead_votes": 0, "lead_points": 0.0}
    whole = differences.comparison(pair, standing, lead, places, context)
    keys = ("lead", "lead_votes", "lead_points", *SLIPS)
    return {"sheets_compared": whole["common"], **{k: whole[k] for k in keys}}


def _told(s: Mapping[str, Any]) -> str:
    parts = [say("{read} of {scans:scan was|scans were} read", **s)]
    for number, words in (
        ("unreadable", "{unreadable} could not be opened or read"),
        ("unregistered", "on {unregistered} no form was found"),
        ("missing", "of {missing} there is no picture"),
        ("other_code", "on {other_code} the printed code names another station"),
        ("unknown_station", "{unknown_station:is|are} of a station that is not in the results"),
    ):
        if s[number]:
            parts.append(say(words, **s))
    text = ", ".join(parts) + ". "
    if not s["without_reading"]:
        return text + say("A reading stands for each of {sheets} counted sheets.", **s)
    return text + say(
        "No reading stands for {without_reading} of {sheets} counted sheets, with"
        " {without_reading_valid} votes: {without_scan} have no scan, and {not_read} none that was"
        " read under their own code.",
        not_read=s["without_reading"] - s["without_scan"],
        **s,
    )
