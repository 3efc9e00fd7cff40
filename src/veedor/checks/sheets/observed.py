"""Which sheets carry the authority's remarks, where, and whether by who won them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.case.tables import cell
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Interval
from veedor.checks.recorded import (
    OTHER,
    by_winner,
    known,
    shared_words,
    unreadable,
    votes,
    whole,
    winner_names,
    winners,
)
from veedor.stats.exact import proportion_interval
from veedor.stats.strata import Association, mantel_haenszel


class Observed(Check):
    """Count the sheets with reason codes, and compare those that one option won with the others.

    One finding for each count that carries remarks, named after the count. Whether sheets won by
    one option carry remarks more often is asked at every grain of geography: remote places have
    both more remarks and other preferences, so that the grain decides the answer. The innermost
    grain, where sheets are one another's siblings, gives the p-value.

    Statistic
    ---------
    stations, remarked : int
        Sheets of the count; those with a remark.
    share : float
        Their share, in per cent.
    not_counted, not_counted_remarked, not_counted_valid : int
        Sheets that the authority left out of its totals; those with a remark; votes on them.
    reasons : array of {reason, stations, valid}
        Remarks that stand on at least five sheets; the others together as `other`.
    by_winner : array of {option, stations, remarked, share, low, high, p, grains}
        By who won the sheet (null: nobody); exact 95 % interval of the share; `p` at the innermost
        grain, times the number of options tested. `grains` : array of {level, strata, remarked,
        expected, odds_ratio, low, high, p}: sheets won by the option against all others within
        each place; the first level, empty, is the whole country.
    by_region : array of {place, stations, remarked, share, low, high}
        In order of the share.

    Uncertainty
    -----------
    Exact (Clopper-Pearson) intervals of the shares. Mantel-Haenszel test within places, with the
    permutation distribution where numbers are small; common odds ratio with the interval of Robins,
    Breslow and Greenland. p-values of the options are multiplied by their number (Bonferroni).

    Source
    ------
    N. Mantel and W. Haenszel, JNCI 22 (1959); J. Robins, N. Breslow and S. Greenland, Biometrics 42
    (1986).
    """

    title = "Sheets that carry a remark"
    asks = "Which sheets carry remarks, and do those that one option won carry them more often?"
    rule = "Within a place, remarks do not depend on who won the sheet."
    kind = "irregularity"
    p_value_of = (
        "the difference between sheets that one option won and the others (the least of all "
        "options, times their number), not of how many sheets carry a remark"
    )
    needs = ("reason-any",)
    heading = "Sheets of {count} that carry a remark"
    sentences = {
        "observed": (
            "{remarked} of {stations} sheets ({share} %) carry a remark, {not_counted_remarked} of"
            " them left out of the totals. {association}"
        ),
        "void": (
            "{remarked} of {stations} sheets carry a remark: a field that is the same on every"
            " sheet tells none from another."
        ),
        "not-determinable": "The count has no sheet.",
    }
    benign = (
        Benign(
            "place",
            "Remarks follow the place (distance, education, training), and so do preferences.",
            "The odds ratio that is plainest among all sheets ({option}) is {outer} there, and"
            " {inner} within the smallest places.",
        ),
        Benign(
            "selection",
            "Sheets were set aside because of the remark, so that a group of late or uncounted"
            " sheets is full of them by definition.",
            "{share:.1f} % of the sheets that were not counted carry a remark.",
        ),
        Benign(
            "unreadable",
            "A remark goes with votes that cannot be read, and so with who seems to have won.",
            "{unreadable} of the {remarked} sheets with a remark have such a cell of votes.",
        ),
        Benign("routine", "Some officials write a remark as a matter of routine."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Votes, remark and places of every sheet of the counts that carry remarks."""
        queries = {}
        places = [cell(level) for level in evidence.case.geography]
        for name, info in evidence.counts.items():
            if "reason" in info.fields:
                sheets = evidence.sheets(name)
                joined = sheets.left_join(unreadable(evidence, name), [("sid", "sid_bad")])
                queries[name] = joined.select(
                    "sid",
                    *evidence.votes_columns,
                    "registered",
                    "valid",
                    "reason",
                    "counted",
                    *places,
                    unreadable=joined.unreadable.fill_null(0),
                )
        level = evidence.case.region_level
        stations = evidence.stations()
        queries["places"] = stations.group_by(region=stations[cell(level)]).agg(
            name=stations[level].max(), stations=ibis._.count()
        )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each count with remarks."""
        for name, rows in measured.items():
            if name != "places":
                yield self._count(name, rows, measured["places"], context)

    def _count(self, name: str, rows: Columns, places: Columns, context: Context) -> Fact:
        mark = np.array([r is not None and r == r for r in rows["reason"]], dtype=bool)
        counted = rows["counted"].astype(bool)
        valid = whole(rows["valid"])
        won = winners(votes(rows, len(context.options)))
        winner_rows = _by_winner(won, mark, rows, context) if mark.any() else []
        outside = ~counted
        statistic = {
            "stations": len(mark),
            "remarked": int(mark.sum()),
            "share": 100 * float(mark.mean()) if len(mark) else None,
            "not_counted": int(outside.sum()),
            "not_counted_remarked": int((outside & mark).sum()),
            "not_counted_valid": int(valid[outside].sum()),
            "reasons": _reasons(rows["reason"][mark], valid[mark]),
            "by_winner": winner_rows,
            "by_region": _by_region(mark, rows[cell(context.case.region_level)], places),
        }
        tested = [w for w in winner_rows if w["p"] is not None]
        observed = bool(mark.any() and not mark.all())
        status: Any = "observed" if observed else "void" if len(mark) else "not-determinable"
        at = np.flatnonzero(mark)
        at = at[np.lexsort((rows["sid"][at], -valid[at]))]
        low, high = _limits(int(mark.sum()), len(mark))
        return self.fact(
            status,
            statistic,
            subject=name,
            words={"count": name, "association": _association(tested)},
            p_value=min((w["p"] for w in tested), default=None) if observed else None,
            interval=Interval(of="share", level=0.95, low=low, high=high, method="Clopper-Pearson"),
            explanations=self._explained(tested, outside, mark, whole(rows["unreadable"]) > 0)
            if observed
            else (),
            questioned=np.sort(rows["sid"][at])
            if observed and name == context.case.official
            else None,
            rows={
                "sid": rows["sid"][at],
                "reason": shared_words(rows["reason"][at]),
                "counted": counted[at],
                "registered": known(rows["registered"])[at],
                "valid": valid[at],
                "won_by": winner_names(won[at], context.options),
            },
            figures=tuple(_figure(name, statistic)) if observed else (),
        )

    def _explained(
        self,
        tested: list[dict[str, Any]],
        outside: NDArray[np.bool_],
        mark: NDArray[np.bool_],
        bad: NDArray[np.bool_],
    ) -> Any:
        words: dict[str, Mapping[str, Any]] = {
            "unreadable": {"unreadable": int((bad & mark).sum()), "remarked": int(mark.sum())}
        }
        ratios = [w for w in tested if all(w["grains"][i]["odds_ratio"] for i in (0, -1))]
        if ratios:
            far = min(ratios, key=lambda w: (w["grains"][0]["p"], -w["stations"]))
            words["place"] = {
                "option": far["option"],
                "outer": far["grains"][0]["odds_ratio"],
                "inner": far["grains"][-1]["odds_ratio"],
            }
        if outside.any():
            words["selection"] = {"share": 100 * float(mark[outside].mean())}
        return self.explain(**words)


def _by_winner(
    won: NDArray[np.int64], mark: NDArray[np.bool_], rows: Columns, context: Context
) -> list[dict[str, Any]]:
    """Each option's sheets against all others, at every grain down to the siblings."""
    levels = context.case.geography
    levels = levels[: levels.index(context.case.sibling_level) + 1]
    strata = {"": np.zeros(len(won), dtype=np.int64)}
    strata |= {level: whole(rows[cell(level)]) for level in levels}
    result: list[dict[str, Any]] = []
    for option, mask in by_winner(won, context.options):
        stations, remarked = int(mask.sum()), int((mask & mark).sum())
        low, high = _limits(remarked, stations)
        grains = []
        if option is not None and 0 < stations < len(won):
            grains = [
                _grain(level, mantel_haenszel(mark, mask, stratum, context.rng, draws=1_999))
                for level, stratum in strata.items()
            ]
        result.append(
            {
                "option": option,
                "stations": stations,
                "remarked": remarked,
                "share": 100 * remarked / stations if stations else None,
                "low": low,
                "high": high,
                "p": grains[-1]["p"] if grains else None,
                "grains": grains,
            }
        )
    tested = [r for r in result if r["p"] is not None]
    for entry in tested:
        entry["p"] = min(1.0, entry["p"] * len(tested))
    return result


def _limits(hits: int, trials: int) -> tuple[float, float]:
    low, high = proportion_interval(np.array([hits]), np.array([trials]))
    return 100 * float(low[0]), 100 * float(high[0])


def _grain(level: str, found: Association) -> dict[str, Any]:
    return {
        "level": level,
        "strata": found.strata,
        "remarked": found.marked,
        "expected": found.expected,
        "odds_ratio": found.odds_ratio,
        "low": found.low,
        "high": found.high,
        "p": found.p,
    }


def _reasons(reasons: NDArray[Any], valid: NDArray[np.int64]) -> list[dict[str, Any]]:
    words = shared_words(reasons)
    kinds, inverse, counts = np.unique(words, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=valid).astype(np.int64)
    order = sorted(range(len(kinds)), key=lambda i: (kinds[i] == OTHER, -counts[i], kinds[i]))
    return [{"reason": kinds[i], "stations": int(counts[i]), "valid": int(sums[i])} for i in order]


def _by_region(
    mark: NDArray[np.bool_], region: NDArray[Any], places: Columns
) -> list[dict[str, Any]]:
    code = whole(region)
    size = int(max(code.max(initial=-1), whole(places["region"]).max(initial=-1))) + 1
    stations = np.bincount(code, minlength=size)
    marked = np.bincount(code[mark], minlength=size)
    low, high = proportion_interval(marked, stations)
    found = [
        {
            "place": str(name),
            "stations": int(stations[i]),
            "remarked": int(marked[i]),
            "share": 100 * float(marked[i]) / float(stations[i]),
            "low": 100 * float(low[i]),
            "high": 100 * float(high[i]),
        }
        for i, name in zip(whole(places["region"]), places["name"], strict=True)
        if stations[i]
    ]
    return sorted(found, key=lambda e: (-e["share"], e["place"]))


def _association(tested: list[dict[str, Any]]) -> str:
    """The strongest association within places, in words."""
    if not tested:
        return "Whether that depends on who won the sheet cannot be asked within one place."
    least = min(tested, key=lambda w: (w["p"], -w["stations"]))
    grain = least["grains"][-1]
    return (
        f"Within one {grain['level']}, where remarks and winners both vary,"
        f" {grain['remarked']:,} of the sheets that {least['option']} won carry one;"
        f" {grain['expected']:.1f} are expected."
    )


def _figure(name: str, statistic: Mapping[str, Any]) -> Iterable[Figure]:
    kept = statistic["by_region"][:20]
    yield Figure(
        id=f"sheets.observed.{name}",
        chart="bars",
        rows={
            "label": np.array([e["place"] for e in kept], dtype=object),
            "value": np.array([e["share"] for e in kept]),
            "low": np.array([e["low"] for e in kept]),
            "high": np.array([e["high"] for e in kept]),
        },
        alt=f"Share of the sheets of {name} that carry a remark, by place: "
        + ", ".join(f"{e['place']} {e['share']:.1f} %" for e in kept[:4]),
        labels={"title": "Sheets that carry a remark", "x": "per cent", "y": ""},
    )
