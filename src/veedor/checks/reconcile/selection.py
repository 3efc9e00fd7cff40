"""Sheets that one count has and another lacks: what selected them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Explanation
from veedor.case.tables import cell, votes_columns
from veedor.checks import paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.missing import Mask, Missing, SheetSet, place_words, points
from veedor.checks.paired import Ints, Standing

KEPT_BACK = (
    " Sheets that are kept back because something was observed on them will have many observations:"
    " that is how they were selected."
)
"""Said only where a missing sheet carries a remark; elsewhere it is a reason nobody can test."""


class Selection(Check):
    """Compare the official sheets that another count lacks with those that it has.

    One finding for each other count. Margins are official: the winner's votes less the
    runner-up's, in points of the valid votes. The gap between the two sets of sheets is taken
    apart by direct standardisation: each sheet that is only official is expected to vote as the
    common sheets of its own polling centre did. No sheet is questioned by being in one count only.

    Statistic
    ---------
    common, only_official : {stations, registered, valid, votes, margin_points}
    only_other : {stations, valid, votes}
        Sheets that the other count has and the official one lacks, by the other count's numbers.
    gap_points : float or null
        Margin of the sheets that are only official less that of the common ones.
    shared_centres : {stations, valid, margin_points, gap_points, part_points, expected_points, ...}
        Of the sheets that are only official, those in centres that have common sheets too: their
        margin; that less the margin of all common sheets; what this is of the whole gap; what
        their centres' common sheets predict; `within_points`, their margin less that; its `low`
        and `high`.
    absent_centres : {stations, valid, margin_points, gap_points, part_points, centres}
        Those in centres without any common sheet: nothing there to compare them with, so that
        their part of the gap cannot be tested this way. Both parts add up to the gap.
    by_region, by_class, by_size : array of {..., stations, only_official, share_points,
        margin_common, margin_only}
        Official sheets and those of them that the other count lacks; by size in quarters.
    reasons : array of {reason, count, stations, only_official}
        Remarks of either count on the sheets, most frequent first; empty where none are recorded.

    Uncertainty
    -----------
    A description of sets of sheets, known without error. The interval of `within_points` treats
    the centres as a sample of centres: linearised variance of a ratio over clusters.

    Source
    ------
    Direct standardisation, as in E. Kitagawa, Components of a difference between two rates,
    Journal of the American Statistical Association 50 (1955); W. Cochran, Sampling Techniques
    (1977), section 6.3, for the interval.
    """

    title = "Sheets in one count only"
    asks = "Which sheets does one count have and another lack, and how do they differ?"
    rule = "Every sheet is in every count, or there is a recorded reason why it is not."
    kind = "descriptive"
    needs = ("second-count",)
    heading = "Sheets that {name} lacks"
    sentences = {
        "observed": (
            "{only} of {official} official sheets, with {valid} valid votes, are not in this count,"
            " and {only_other} of its sheets are not official. The official margin of {winner} over"
            " {runner_up} is {margins}.{kept_back}"
        ),
        "not-observed": "The two counts have the same {official} sheets.",
        "not-determinable": "One of the two counts has no sheet with numbers.",
    }
    benign = (
        Benign(
            "place",
            "Sheets are missing where roads, networks or people are few, and such places vote"
            " otherwise.",
            "The missing sheets in centres that also have common ones ({shared}) differ from all"
            " common sheets by {shared_gap}, of which {within} ({interval}) remain within the"
            " centres, beyond what their own common sheets predict; {rest}.",
        ),
        Benign(
            "absent-centres",
            "Whole centres reported late or never.",
            "{stations} of the {missing:missing sheet lies|missing sheets lie} in"
            " {centres:centre|centres} without any common sheet, with a margin of {margin}; nothing"
            " in these counts can say what to expect of them.",
        ),
        Benign(
            "held-back",
            "Sheets were held back for observations on them, so that observations among them follow"
            " from the selection.",
            "{with_reason} of the {missing} missing sheets carry a remark in one of the counts,"
            " and {common_with_reason} of the {common} common ones.",
        ),
        Benign("unfinished", "The other count was stopped or published before it was complete."),
    )
    references = (
        "E. Kitagawa, Components of a difference between two rates, Journal of the American"
        " Statistical Association 50 (1955).",
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every official sheet; the sheets and sums of each other count; remarks."""
        case = evidence.case
        places = evidence.stations().select("sid", "place_class")
        official = paired.recorded(evidence, evidence.official).join(places, "sid")
        queries = {
            "totals": paired.totals(evidence),
            "places": paired.places(evidence),
            "official": official.select(
                "sid",
                region=official[cell(case.region_level)],
                centre=official[cell(case.sibling_level)],
                place_class=official.place_class.fill_null(""),
                registered=official.registered.fill_null(0),
                valid=official.valid,
                cast=official["cast"],
                reason=official.reason.fill_null(""),
                **{v: official[v].fill_null(0) for v in evidence.votes_columns},
            ),
        }
        for count in evidence.counts:
            if count == evidence.official:
                continue
            other = paired.recorded(evidence, count)
            alone = other.anti_join(official.select("sid"), "sid")
            queries[f"in:{count}"] = other.select("sid")
            queries[f"alone:{count}"] = alone.agg(
                stations=alone.count(),
                valid=alone.valid.fill_null(0).sum().fill_null(0),
                **{v: alone[v].fill_null(0).sum().fill_null(0) for v in evidence.votes_columns},
            )
            sheets = evidence.sheets(count)
            noted = sheets.filter(sheets.reason.notnull())
            queries[f"noted:{count}"] = noted.select("sid", reason=ibis._.reason)
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each other count."""
        standing = Standing.of(measured["totals"], context)
        for key in measured:
            kind, _, count = key.partition(":")
            if kind == "in":
                yield self._count(count, measured, standing, context)

    def _count(
        self,
        count: str,
        measured: Mapping[str, Columns],
        standing: Standing | None,
        context: Context,
    ) -> Fact:
        name = context.counts[count].source.title or count
        table = measured["official"]
        present = np.isin(table["sid"], measured[f"in:{count}"]["sid"])
        alone = {k: int(v[0]) for k, v in measured[f"alone:{count}"].items()}
        if standing is None or not len(measured[f"in:{count}"]["sid"]) or not len(present):
            return self.fact(
                "not-determinable",
                {"official": len(present), "other": len(measured[f"in:{count}"]["sid"])},
                subject=count,
                words={"name": name},
            )
        sheets = SheetSet.of(table, standing, context)
        split = Missing.of(sheets, present)
        options = dict(zip(context.options, votes_columns(len(context.options)), strict=True))
        noted = measured[f"noted:{count}"]
        statistic: dict[str, Any] = {
            "common": sheets.summary(present),
            "only_official": sheets.summary(~present),
            "only_other": {
                "stations": alone["stations"],
                "valid": alone["valid"],
                "votes": {o: alone[v] for o, v in options.items()},
            },
            **split.statistic(),
            "by_region": sheets.split_by(table["region"], _names(measured["places"]), present),
            "by_class": sheets.split_by(*_classes(table["place_class"]), present, "place_class"),
            "by_size": sheets.by_size(present),
            "reasons": _reasons(table, noted, present, context.case.official, count),
        }
        missing = ~present
        observed = bool(missing.any()) or alone["stations"] > 0
        at = np.flatnonzero(missing)
        at = at[np.lexsort((table["sid"][at], -sheets.valid[at]))]
        return self.fact(
            "observed" if observed else "not-observed",
            statistic,
            subject=count,
            words={
                **self._words(name, statistic, alone, standing, context),
                "kept_back": KEPT_BACK if (missing & _with_reason(table, noted)).any() else "",
            },
            interval=split.interval(),
            explanations=self._explanations(statistic, _with_reason(table, noted), present)
            if observed
            else (),
            rows={
                "sid": table["sid"][at],
                "registered": table["registered"][at],
                "cast": table["cast"][at],
                "reason": table["reason"][at],
                **{o: table[v][at] for o, v in options.items()},
            }
            if len(at)
            else None,
        )

    def _words(
        self,
        name: str,
        statistic: Mapping[str, Any],
        alone: Mapping[str, int],
        standing: Standing,
        context: Context,
    ) -> dict[str, Any]:
        names = {o.id: o.name for o in context.case.options}
        margins = [
            (statistic[k]["margin_points"], words)
            for k, words in (("only_official", "on these"), ("common", "on the common sheets"))
        ]
        return {
            "name": name,
            "official": statistic["common"]["stations"] + statistic["only_official"]["stations"],
            "only": statistic["only_official"]["stations"],
            "valid": statistic["only_official"]["valid"],
            "only_other": alone["stations"],
            "winner": names[standing.winner],
            "runner_up": names[standing.runner_up],
            "margins": " and ".join(f"{points(margin)} {words}" for margin, words in margins),
        }

    def _explanations(
        self, statistic: Mapping[str, Any], noted: Mask, present: Mask
    ) -> tuple[Explanation, ...]:
        tested: dict[str, Any] = {}
        shared, absent = statistic["shared_centres"], statistic["absent_centres"]
        if shared["within_points"] is not None and statistic["gap_points"] is not None:
            tested["place"] = place_words(statistic)
        if len(present) and (~present).any():
            tested["absent_centres"] = {
                "stations": absent["stations"],
                "missing": int((~present).sum()),
                "centres": absent["centres"],
                "margin": points(absent["margin_points"]),
            }
        if noted.any():
            tested["held_back"] = {
                "with_reason": int((noted & ~present).sum()),
                "missing": int((~present).sum()),
                "common_with_reason": int((noted & present).sum()),
                "common": int(present.sum()),
            }
        return self.explain(**tested)


def _names(places: Columns) -> dict[int, str]:
    return dict(zip(places["region"].tolist(), places["place"].tolist(), strict=True))


def _classes(values: NDArray[Any]) -> tuple[Ints, dict[int, str | None]]:
    """Codes of the classes and their names; the empty one is not known."""
    names, codes = np.unique(values.astype(str), return_inverse=True)
    return codes, {i: name or None for i, name in enumerate(names.tolist())}


def _with_reason(table: Columns, noted: Columns) -> Mask:
    """bool (n): official sheets on which either count has a remark."""
    own = np.asarray(table["reason"] != "", dtype=np.bool_)
    return own | np.isin(table["sid"], noted["sid"])


def _reasons(
    table: Columns, noted: Columns, present: Mask, official: str, other: str
) -> list[dict[str, Any]]:
    """How often each remark stands, and on how many sheets that the other count lacks."""
    found: list[dict[str, Any]] = []
    sides = (
        (official, table["sid"], table["reason"]),
        (other, noted["sid"], noted["reason"]),
    )
    missing = table["sid"][~present]
    for count, sids, remarks in sides:
        some = np.asarray(remarks != "", dtype=np.bool_)
        words, inverse = np.unique(remarks[some].astype(str), return_inverse=True)
        stations = np.bincount(inverse, minlength=len(words))
        only = np.bincount(inverse[np.isin(sids[some], missing)], minlength=len(words))
        found += [
            {"reason": str(w), "count": count, "stations": int(n), "only_official": int(k)}
            for w, n, k in zip(words, stations, only, strict=True)
        ]
    return sorted(found, key=lambda r: (-r["stations"], r["count"], r["reason"]))[:50]
