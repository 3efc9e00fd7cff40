"""The official count against independent copies or readings of the same sheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Figure, Interval
from veedor.case.tables import cell, votes_columns
from veedor.checks import differences, paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.paired import Pair, Standing
from veedor.contest import margin_points
from veedor.stats.exact import proportion_interval


class Copies(Check):
    """Compare copies or readings made by others (parties, observers, volunteers) with the official
    count, and say which sheets they cover.

    One finding for each copy. Signs are official less copy.

    Statistic
    ---------
    official, common : int
        Sheets with numbers in the official count; those of them that the copy has too.
    coverage_points, coverage_valid_points : float
        Share of the official sheets, and of their valid votes, that the copy covers.
    agreed : int
        Common sheets without any difference.
    agreement_points : float
        Their share of the common sheets.
    margin_covered, margin_uncovered : float or null
        Official margin of the two leading options on the sheets that the copy has, and on the
        others.
    shares : array of {option, covered_points, uncovered_points}
        Official shares on both, for every option.
    coverage_by_region : array of {place, stations, covered, covered_points}
    changed, changed_votes, changed_by_option, lead, lead_votes, lead_points, lead_points_common,
    slips, one_line, same_total, zeros, one_sided, by_region, by_size
        As in `reconcile.counts`; `zeros.in_copy` counts the sheets of zeros in the copy.
    as_copy : {margin_points, winner, decided_by, outcome_changes}
        The contest, had the copy's numbers stood on all common sheets.

    Uncertainty
    -----------
    The differences are known, not estimated. The interval of the agreement is exact
    (Clopper-Pearson) and speaks of the sheets that the copy covers; it holds for the others only
    as far as the coverage is not selected. The p-value is that of `reconcile.counts`: the exact
    sign test of the lead, with the same limit. Nothing is tested of a single option: a reading by
    volunteers and an official entry are not made with the same care, and correcting the worse of
    two records raises large numbers and lowers small ones.

    Source
    ------
    C. Clopper and E. Pearson, Biometrika 26 (1934), for the interval; Q. McNemar, Psychometrika 12
    (1947), in the exact form, for the p-value.
    """

    title = "Official count against independent copies"
    asks = "Do independent copies or readings of the sheets hold the official numbers?"
    rule = "Every copy of a sheet holds the numbers of the original."
    kind = "discrepancy"
    p_value_of = (
        "the direction of the lead (on as many sheets larger as smaller), not of how many "
        "sheets differ"
    )
    needs = ("copy",)
    heading = "The official count against {name}"
    sentences = {
        "observed": (
            "The copy covers {common} of {official} official sheets ({coverage_points:.2f} %);"
            " {changed} of them differ in at least one number, {changed_votes} in the votes for an"
            " option. On them the official lead of {winner} over {runner_up} is {lead_words}"
            " ({lead_points} points) against the copy: it is larger on {lead_up:sheet|sheets} and"
            " smaller on {lead_down}."
        ),
        "not-observed": (
            "The copy covers {common} of {official} official sheets ({coverage_points:.2f} %) and"
            " agrees with all of them in every number."
        ),
        "not-determinable": ("No sheet with numbers is in both the official count and the copy."),
        "void": "{void}",
    }
    benign = (
        Benign(
            "slips",
            "Slips of whoever read or typed the copy, or of the official entry.",
            "One slip explains {explained} of the {changed} differing sheets: {parts}. It does not"
            " explain the other {other}.",
        ),
        Benign(
            "direction",
            "Slips favour neither of the two leading options.",
            "The official lead of {winner} over {runner_up} is larger than the copy's on"
            " {up:sheet|sheets} and smaller on {down}: a split at least so uneven has the"
            " probability {p} where both are equally likely.",
        ),
        Benign(
            "coverage",
            "The copy was made where its makers had people, so that agreement there says less of"
            " other places.",
            "The official margin is {covered:.2f} points on the covered sheets and {uncovered}"
            " on the others; coverage ranges from {lowest:.1f} % to {highest:.1f} % by region.",
        ),
        Benign(
            "correction",
            "The official sheet was corrected, in the open, after the copy was made.",
        ),
    )
    references = (
        "C. Clopper and E. Pearson, The use of confidence or fiducial limits illustrated in the"
        " case of the binomial, Biometrika 26 (1934).",
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Each copy beside the official count, and the official sums by region and coverage."""
        queries = {"totals": paired.totals(evidence), "places": paired.places(evidence)}
        official = paired.recorded(evidence, evidence.official)
        region = cell(evidence.case.region_level)
        for count in evidence.by_role("copy"):
            queries[f"pair:{count}"] = paired.pairs(evidence, evidence.official, count)
            other = paired.recorded(evidence, count).select(copy="sid")
            joined = official.left_join(other, official.sid == other["copy"])
            marked = joined.mutate(covered=joined["copy"].notnull().cast("int64"))
            queries[f"coverage:{count}"] = marked.group_by(
                region=marked[region], covered=marked.covered
            ).agg(
                stations=marked.count(),
                **{
                    n: marked[n].fill_null(0).sum()
                    for n in [*evidence.votes_columns, "blank", "null"]
                },
            )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each copy."""
        standing = Standing.of(measured["totals"], context)
        for key, columns in measured.items():
            kind, _, count = key.partition(":")
            if kind == "pair":
                yield self._copy(count, Pair.of(columns, context), measured, standing, context)

    def _copy(
        self,
        count: str,
        pair: Pair,
        measured: Mapping[str, Columns],
        standing: Standing | None,
        context: Context,
    ) -> Fact:
        name = context.counts[count].source.title or count
        official = int(measured[f"coverage:{count}"]["stations"].sum())
        void = differences.cannot_differ(pair, context, count)
        if void or not len(pair.sid) or standing is None:
            return self.fact(
                "void" if void else "not-determinable",
                {"official": official, "common": len(pair.sid)},
                subject=count,
                words={"name": name, "void": void},
            )
        lead = standing.lead(pair.change, context)
        statistic = _coverage(measured, count, standing, context)
        statistic |= differences.comparison(pair, standing, lead, measured["places"], context)
        statistic["zeros"]["in_copy"] = statistic["zeros"].pop("in_second")
        agreed = statistic["common"] - statistic["changed"]
        statistic |= {"agreed": agreed, "agreement_points": 100.0 * agreed / statistic["common"]}
        statistic["as_copy"] = differences.as_other(pair, standing, context)
        low, high = proportion_interval(np.array([agreed]), np.array([statistic["common"]]))
        changed = statistic["changed"] > 0
        return self.fact(
            "observed" if changed else "not-observed",
            statistic,
            subject=count,
            words={"name": name, **differences.words(statistic, context)},
            p_value=statistic["lead"]["p"],
            interval=Interval(
                of="agreement_points",
                level=0.95,
                low=round(100.0 * float(low[0]), 6),
                high=round(100.0 * float(high[0]), 6),
                method="exact (Clopper-Pearson), as if the covered sheets were drawn at random",
            ),
            explanations=self.explain(
                slips=differences.slip_words(pair),
                direction=differences.lead_words(statistic, context),
                coverage=_coverage_words(statistic),
            )
            if changed
            else (),
            rows=differences.changed_rows(pair, lead, count) if changed else None,
            questioned=pair.sid[pair.changed] if changed else None,
            figures=(_figure(count, name, statistic),),
        )


def _coverage(
    measured: Mapping[str, Columns], count: str, standing: Standing, context: Context
) -> dict[str, Any]:
    """How many official sheets the copy covers, and how the covered ones differ."""
    table = measured[f"coverage:{count}"]
    covered = table["covered"] == 1
    stations = table["stations"].astype(np.int64)
    names = votes_columns(len(context.options))
    votes = np.stack([table[v].astype(np.int64) for v in names], axis=1)
    part = votes[covered].sum(axis=0), votes[~covered].sum(axis=0)
    two = (standing.winner, standing.runner_up)
    rule = context.case.contest_rule
    margins: list[float | None] = []
    for side, sums in ((covered, part[0]), (~covered, part[1])):
        spoilt = [int(table[n][side].sum()) for n in ("blank", "null")]
        points = margin_points(rule, [int(v) for v in sums], spoilt[0], spoilt[1], two)
        margins.append(round(points, 6) if sums.sum() else None)
    valid = votes.sum()
    return {
        "official": int(stations.sum()),
        "coverage_points": 100.0 * float(stations[covered].sum() / stations.sum()),
        "coverage_valid_points": 100.0 * float(part[0].sum() / valid) if valid else None,
        "margin_covered": margins[0],
        "margin_uncovered": margins[1],
        "shares": [
            {
                "option": option,
                "covered_points": _share(part[0], i),
                "uncovered_points": _share(part[1], i),
            }
            for i, option in enumerate(context.options)
        ],
        "coverage_by_region": _by_region(table, measured["places"], stations, covered),
    }


def _by_region(
    table: Columns, names: Columns, stations: np.ndarray, covered: np.ndarray
) -> list[dict[str, Any]]:
    name = dict(zip(names["region"].tolist(), names["place"].tolist(), strict=True))
    codes, inverse = np.unique(table["region"], return_inverse=True)
    all_ = np.zeros(len(codes), dtype=np.int64)
    with_copy = all_.copy()
    np.add.at(all_, inverse, stations)
    np.add.at(with_copy, inverse[covered], stations[covered])
    return [
        {
            "place": name.get(int(codes[i])),
            "stations": int(all_[i]),
            "covered": int(with_copy[i]),
            "covered_points": 100.0 * float(with_copy[i] / all_[i]),
        }
        for i in np.lexsort((codes, -all_))
    ]


def _coverage_words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    regions = [row["covered_points"] for row in statistic["coverage_by_region"]]
    uncovered = statistic["margin_uncovered"]
    return {
        "covered": statistic["margin_covered"] or 0.0,
        "uncovered": "not known" if uncovered is None else f"{uncovered:.2f} points",
        "lowest": min(regions),
        "highest": max(regions),
    }


def _share(votes: np.ndarray, option: int) -> float | None:
    total = votes.sum()
    return 100.0 * float(votes[option] / total) if total else None


def _figure(count: str, name: str, statistic: Mapping[str, Any]) -> Figure:
    table = statistic["coverage_by_region"][:40]
    regions = [f"{row['place']}, {row['stations']:,} sheets" for row in table]
    shares = [row["covered_points"] for row in table]
    return Figure(
        id=f"reconcile.copies.{count}",
        chart="bars",
        rows={"label": np.array(regions, dtype=object), "value": np.array(shares)},
        alt="Share of the official sheets that the copy covers, by region: "
        + "; ".join(f"{r}: {s:.1f} %" for r, s in zip(regions, shares, strict=True)),
        labels={"title": f"Coverage of {name}", "x": "per cent of the sheets", "y": ""},
    )
