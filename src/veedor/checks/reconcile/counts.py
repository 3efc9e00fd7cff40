"""Every preliminary count against the official one, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Explanation, Figure
from veedor.checks import differences, paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.paired import Pair, Standing


class Counts(Check):
    """Compare each preliminary count with the official one on the sheets that both record.

    One finding for each preliminary count. A cell that holds no number in one of the two records
    takes no part. Signs are official less preliminary throughout.

    Statistic
    ---------
    common, changed, changed_votes : int
        Sheets in both counts; those on which votes for an option, blank or null votes differ;
        those on which votes for an option differ.
    changed_by_option : array of {option, stations, net, gross, up, down, p, unexplained_up, ...}
        For each option, and for `blank` and `null`: sheets that differ, votes net and gross,
        sheets on which the number rose and fell, how probable so uneven a split would be were
        both equally likely (p), and the same three without the sheets that one slip explains.
        These p describe, and test nothing: see below.
    lead : {winner, runner_up, up, down, p}
        The options between which the lead is taken; sheets on which it rose and fell (a sheet on
        which it is the same is neither), and the exact two-sided p-value that both are equally
        likely: the p-value of the finding.
    lead_votes, lead_points : int, float
        Change of the lead, in votes and in points of the official count's whole basis.
    lead_points_common : float
        Official margin less preliminary margin, both over the common sheets alone.
    slips : array of {slip, stations}
        Changed sheets by the one slip of the pen that explains them; `other` is none.
    one_line, same_total : int
        Changed sheets on which a single line differs; those on which votes moved between lines
        and their sum did not change.
    zeros : {stations, in_preliminary, votes, lead_votes}
        Sheets with only zeros in one of the two records, how many of them in the preliminary
        one; what they add to each line and to the lead.
    one_sided : int
        Sheets with votes in one record and no number in the other.
    as_preliminary : {margin_points, winner, decided_by, outcome_changes}
        The contest, had the preliminary numbers stood on all common sheets.
    by_region : array of {place, stations, changed, changed_points, lead_votes}
    by_size : array of {from, to, stations, changed, changed_points, lead_votes}
        Quarters by the number of votes on the sheet.

    Uncertainty
    -----------
    Both counts are complete: what changed is known, not estimated. The p-value is the exact sign
    test (McNemar) of the lead: that a correction is as likely to raise it as to lower it. Nothing
    of the kind is expected of a single option: where one count is typed in more haste, lost
    digits make its large numbers too small and misread ones its small numbers too large, so that
    an honest correction raises the large options and lowers the small ones. In the lead these
    cancel as far as the numbers of the two leading options are of about the same size; the
    further apart they are, the more the p-value says of that and the less of a direction.

    Source
    ------
    Q. McNemar, Psychometrika 12 (1947), in the exact form; S. Holm, Scandinavian Journal of
    Statistics 6 (1979).
    """

    title = "Preliminary count against official count"
    asks = "Do the official sheets hold the numbers that the preliminary count published?"
    rule = "Both counts record the same sheets; a difference needs a reason on record."
    kind = "discrepancy"
    p_value_of = (
        "the direction of the lead (on as many sheets larger as smaller), not of how many "
        "sheets differ"
    )
    needs = ("preliminary",)
    heading = "The official count against {name}"
    sentences = {
        "observed": (
            "{changed} of the {common} sheets in both counts differ in at least one number,"
            " {changed_votes} of them in the votes for an option. On them the official lead of"
            " {winner} over {runner_up} is {lead_words} ({lead_points} points): it rises on"
            " {lead_up:sheet|sheets} and falls on {lead_down}."
        ),
        "not-observed": "All {common} sheets in both counts agree in every number.",
        "not-determinable": "No sheet with numbers is in both counts, so nothing can be compared.",
        "void": "{void}",
    }
    benign = (
        Benign(
            "slips",
            "Slips of transcription: lines exchanged or shifted, digits transposed, a sheet"
            " published before it was typed.",
            "One slip explains {explained} of the {changed} changed sheets: {parts}. It does not"
            " explain the other {other}.",
        ),
        Benign(
            "symmetric",
            "Slips favour neither of the two leading options: their lead is corrected as often up"
            " as down.",
            "The lead of {winner} over {runner_up} rises on {up:sheet|sheets} and falls on {down}:"
            " a split at least so uneven has the probability {p} where both are equally likely.",
        ),
        Benign(
            "size",
            "A number misread is more often too low where the true one is large and too high where"
            " it is small, so that corrections raise every large option and lower the small ones.",
            "Of the {large:larger option|larger options}, {large_up} rise on more sheets than they"
            " fall on; of the {small:smaller one|smaller ones}, {small_down} fall on more than they"
            " rise on. {option} changes most one-sidedly: it rises on {up:sheet|sheets} and falls"
            " on {down}.",
        ),
        Benign(
            "moved",
            "Votes were written on a wrong line and put on the right one, without being more or"
            " fewer.",
            "The sum of the lines is the same in both counts on {same_total} of the {changed}"
            " changed sheets.",
        ),
        Benign(
            "other-contest",
            "The numbers of another contest on the same form were typed for this one.",
        ),
        Benign(
            "correction",
            "The official count is made from the originals, which may be easier to read than the"
            " photographs of the preliminary one, or rightly corrected after an objection.",
        ),
    )
    references = (
        "Q. McNemar, Note on the sampling error of the difference between correlated proportions"
        " or percentages, Psychometrika 12 (1947).",
    )
    promise = Promise(
        alarm="p-value",
        honest=(
            "plain",
            "blocs",
            "clerks",
            "worse-preliminary",
            "tiny-stations",
            "correlated-turnout",
            "rural-late",
        ),
        tampered={"altered": 0.95},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Each preliminary count beside the official one, and the official totals."""
        queries = {"totals": paired.totals(evidence), "places": paired.places(evidence)}
        for count in evidence.by_role("preliminary"):
            queries[f"pair:{count}"] = paired.pairs(evidence, evidence.official, count)
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each preliminary count."""
        standing = Standing.of(measured["totals"], context)
        for key, columns in measured.items():
            kind, _, count = key.partition(":")
            if kind == "pair":
                yield self._count(count, Pair.of(columns, context), measured, standing, context)

    def _count(
        self,
        count: str,
        pair: Pair,
        measured: Mapping[str, Columns],
        standing: Standing | None,
        context: Context,
    ) -> Fact:
        name = context.counts[count].source.title or count
        void = differences.cannot_differ(pair, context, count)
        if void or not len(pair.sid) or standing is None:
            return self.fact(
                "void" if void else "not-determinable",
                {"common": len(pair.sid)},
                subject=count,
                words={"name": name, "void": void},
            )
        lead = standing.lead(pair.change, context)
        statistic = differences.comparison(pair, standing, lead, measured["places"], context)
        statistic["zeros"]["in_preliminary"] = statistic["zeros"].pop("in_second")
        statistic["as_preliminary"] = differences.as_other(pair, standing, context)
        changed = bool(pair.changed.any())
        return self.fact(
            "observed" if changed else "not-observed",
            statistic,
            subject=count,
            words={"name": name, **differences.words(statistic, context)},
            p_value=statistic["lead"]["p"],
            explanations=self._explanations(pair, statistic, standing, context) if changed else (),
            rows=differences.changed_rows(pair, lead, count) if changed else None,
            questioned=pair.sid[pair.changed] if changed else None,
            figures=(_figure(count, name, statistic, context),) if changed else (),
        )

    def _explanations(
        self, pair: Pair, statistic: Mapping[str, Any], standing: Standing, context: Context
    ) -> tuple[Explanation, ...]:
        changed = statistic["changed"]
        return self.explain(
            slips=differences.slip_words(pair),
            symmetric=differences.lead_words(statistic, context),
            size=differences.size_words(statistic, standing, context),
            moved={"changed": changed, "same_total": statistic["same_total"]},
        )


def _figure(count: str, name: str, statistic: Mapping[str, Any], context: Context) -> Figure:
    names = {o.id: o.name for o in context.case.options}
    table = sorted(statistic["changed_by_option"], key=lambda row: -row["net"])
    return Figure(
        id=f"reconcile.counts.{count}",
        chart="bars",
        rows={
            "label": np.array([names.get(r["option"], r["option"]) for r in table], object),
            "value": np.array([float(r["net"]) for r in table]),
        },
        alt="Net change of votes, official less preliminary, on the sheets in both counts: "
        + ", ".join(f"{names.get(r['option'], r['option'])} {r['net']:+,}" for r in table),
        labels={"title": f"Net change against {name}", "x": "votes", "y": ""},
    )
