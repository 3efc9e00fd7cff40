"""Whether several sheets hold the same numbers more often than chance gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from veedor.case.tables import cell
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Interval, Promise
from veedor.checks.recorded import known, votes, whole
from veedor.stats.coincidence import Coincidences, Counted, coincidences

MINIMA = (30, 50, 100)
"""Valid votes from which a sheet is compared; the first one decides, all are shown."""
RARE = 0.05
"""A pair counts where chance makes it alike at most this often, given the sum of the two sheets."""
ALARM = 0.01
"""The p-value from which repeats are beyond chance: three scopes are asked of one count."""
WEAK = 0.01
"""Where repeats on more than this share of the sheets would go unseen, nothing is determined."""

SCOPES = ("centre", "region", "elsewhere")
WHERE = {
    "centre": "within one polling centre",
    "region": "in different polling centres of one region",
    "elsewhere": "in different regions",
}


class Duplicate(Check):
    """Count pairs of sheets with the same votes for every option, blank and null votes.

    Three findings: `centre` (both sheets in one polling centre), `region` (in different centres of
    one region), `elsewhere` (in different regions). Small sheets, and sheets that are nearly all
    for one option, are alike by chance; given the sum of two sheets with equally many votes, the
    chance that they are alike is at most that of drawing one half of the pooled ballots, whatever
    the preferences at either. Pairs count where that bound is at most `rare`; its sum over all such
    pairs is the most that chance gives on average, with nothing estimated.

    Statistic
    ---------
    sheets : int
        Counted sheets with at least the first minimum of valid votes.
    telling : int
        Those among them whose repetition would count: not too small nor too one-sided.
    identical : int
        Pairs of sheets with the same numbers, however likely that is.
    pairs, groups, repeats : int
        Those that count; groups of such sheets; sheets in them beyond the first of each group.
    expected : float
        The most pairs that chance gives, on average.
    expected_low, expected_high : float
        The middle 95 % of a Poisson number with that mean.
    p : float
        Chance of at least as many repeats.
    undetected : int
        Repeats that could be added before the check would notice (0 where it notices already).
    examined : int
        Pairs with equally many votes whose sums are all even: only such pairs can be alike.
    drawn : bool
        The bound is estimated from 100,000 of those pairs, drawn at random.
    minima : array of {minimum, sheets, telling, identical, pairs, groups, repeats, expected, p}

    Uncertainty
    -----------
    Exact bound for ballots that are independent given the sheet; Poisson limit for the number of
    repeats, which are rare and nearly independent. The bound is loose where preferences differ
    between the sheets, so that p is too large rather than too small. Households or groups that vote
    as one make the ballots fewer than they seem, and p too small.

    Source
    ------
    Conditional argument of R. A. Fisher, The logic of inductive inference, JRSS 98 (1935); Poisson
    limit of R. Arratia, L. Goldstein and L. Gordon, Poisson approximation and the Chen-Stein
    method, Statistical Science 5 (1990). The proof stands in `veedor.stats.coincidence`.
    """

    title = "Sheets with the same numbers"
    asks = "Do more sheets hold exactly the same numbers than chance gives at their size?"
    rule = "Each sheet is counted on its own; sheets agree no more often than chance makes them."
    kind = "anomaly"
    p_value_of = "so many repeats by chance"
    heading = "Sheets with the same numbers {where}"
    sentences = {
        "observed": (
            "{repeats:sheet repeats|sheets repeat} the numbers of another {where}, in"
            " {groups:group|groups}; chance"
            " alone gives at most {expected:.2f} such pairs on average ({expected_low} to"
            " {expected_high})."
        ),
        "not-observed": (
            "{repeating} the numbers of another {where}; chance alone gives at most"
            " {expected:.2f} such pairs on average. Counting small and one-sided sheets too,"
            " {identical:pair is|pairs are} alike."
        ),
        "not-determinable": (
            "With {fields} numbers on a sheet, {telling} of {sheets} sheets would tell if repeated"
            " {where}, and chance alone makes up to {expected:.2f} pairs of them alike;"
            " {undetected} repeats would go unseen."
        ),
        "void": "No two of the {sheets} sheets that are large enough can be compared {where}.",
    }
    benign = (
        Benign(
            "small-sheets",
            "Small sheets agree by chance.",
            "Of the {repeats} sheets that repeat another, {fifty} have at least 50 valid votes and"
            " {hundred} at least 100.",
        ),
        Benign(
            "entered-twice",
            "One sheet was entered under two stations by mistake.",
            "Of the {sheets} sheets in such groups, {known} are in another count too; {kept} of"
            " them repeat a sheet of their group there as well.",
        ),
        Benign(
            "voting-together",
            "Households or communities vote as one, so that sheets vary less than ballots would.",
            "Were all ballots cast in twos, chance could give up to {twos} such pairs on sheets"
            " with votes on {lines} lines; there are {repeats} repeats.",
        ),
    )
    promise = Promise(
        alarm="p-value",
        honest=("plain", "blocs", "clerks", "tiny-stations", "correlated-turnout", "rural-late"),
        tampered={"duplicated": 0.9},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The numbers of every counted sheet, and those of the same stations in other counts."""
        lines = [*evidence.votes_columns, "blank", "null"]
        sheets = evidence.sheets()
        places = {
            "region": sheets[cell(evidence.case.region_level)],
            "centre": sheets[cell(evidence.case.sibling_level)],
        }
        queries = {"sheets": sheets.filter(sheets.counted).select("sid", *lines, **places)}
        for name in evidence.counts:
            if name != evidence.official:
                queries[f"count:{name}"] = evidence.sheets(name).select("sid", *lines)
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each scope."""
        rows = measured["sheets"]
        vectors = _vectors(rows, context)
        valid = vectors[:, : len(context.options)].sum(axis=1)
        cells = [whole(rows["region"]), whole(rows["centre"])]
        scopes = coincidences(vectors, cells, valid, MINIMA, context.rng, rare=RARE)
        possible = _possible(valid >= MINIMA[0], cells)
        others = [v for k, v in measured.items() if k.startswith("count:")]
        for number, (scope, found) in enumerate(zip(SCOPES, scopes, strict=True)):
            status = _status(found.counted[0], possible[number])
            shown = found.members & (status in ("observed", "not-observed"))
            at, group = _group(vectors, cells[: len(cells) - number], shown)
            yield self._scope(
                scope,
                status,
                found,
                rows={
                    "sid": rows["sid"][at],
                    "group": group,
                    "valid": valid[at],
                    **{o: vectors[at, i] for i, o in enumerate(context.options)},
                    "blank": vectors[at, -2],
                    "null": vectors[at, -1],
                },
                explanations=self._explained(
                    found.counted, vectors[at], _elsewhere(rows["sid"][at], group, others, context)
                )
                if status == "observed"
                else (),
                fields=vectors.shape[1],
            )

    def _scope(
        self,
        scope: str,
        status: Any,
        found: Coincidences,
        rows: Columns,
        explanations: Any,
        fields: int,
    ) -> Fact:
        first = found.counted[0]
        low, high = (float(v) for v in poisson.ppf((0.025, 0.975), max(first.expected, 1e-9)))
        return self.fact(
            status,
            {
                **{k: v for k, v in _entry(first).items() if k != "minimum"},
                "expected_low": low,
                "expected_high": high,
                "undetected": first.detectable,
                "examined": found.examined,
                "drawn": found.sampled,
                "minima": [_entry(c) for c in found.counted],
            },
            subject=scope,
            words={"where": WHERE[scope], "fields": fields, "repeating": _repeating(first.repeats)},
            p_value=first.p if status in ("observed", "not-observed") else None,
            interval=Interval(
                of="expected",
                level=0.95,
                low=low,
                high=high,
                method="Poisson about the conditional bound",
            ),
            explanations=explanations,
            parameters={"minima": list(MINIMA), "rare": RARE, "alarm": ALARM},
            questioned=np.sort(rows["sid"]) if status == "observed" else None,
            rows=rows,
        )

    def _explained(
        self, counted: Sequence[Counted], vectors: NDArray[np.int64], there: tuple[int, int, int]
    ) -> Any:
        larger = {c.minimum: c.repeats for c in counted}
        lines = float((vectors > 0).sum(axis=1).mean())
        first = counted[0]
        tested: dict[str, Mapping[str, Any]] = {
            "small_sheets": {"repeats": larger[30], "fifty": larger[50], "hundred": larger[100]},
            "voting_together": {
                "lines": lines,
                "twos": 2 ** ((lines - 1) / 2) * first.expected,
                "repeats": first.repeats,
            },
        }
        if there[1]:
            tested["entered_twice"] = dict(zip(("sheets", "known", "kept"), there, strict=True))
        return self.explain(**tested)


def _repeating(sheets: int) -> str:
    if sheets < 2:
        return "One sheet repeats" if sheets else "No sheet repeats"
    return f"{sheets:,} sheets repeat"


def _vectors(rows: Columns, context: Context) -> NDArray[np.int64]:
    """Votes, blank and null votes; a field that is not recorded is zero, and so never tells."""
    spoilt = [whole(rows["blank"]), whole(rows["null"])]
    return np.maximum(np.column_stack([votes(rows, len(context.options)), *spoilt]), 0)


def _entry(counted: Counted) -> dict[str, Any]:
    names = (
        "minimum",
        "sheets",
        "telling",
        "identical",
        "pairs",
        "groups",
        "repeats",
        "expected",
        "p",
    )
    return {name: getattr(counted, name) for name in names}


def _status(first: Counted, possible: bool) -> Any:
    if not possible:
        return "void"
    if first.repeats and first.p <= ALARM:
        return "observed"
    too_many = first.detectable > max(WEAK * first.sheets, 3)
    return "not-determinable" if too_many or 2 * first.telling < first.sheets else "not-observed"


def _possible(large: NDArray[np.bool_], cells: Sequence[NDArray[np.int64]]) -> tuple[bool, ...]:
    """Whether any two sheets lie so: in one centre, in one region, in different regions."""
    if not large.any():
        return False, False, False
    region, centre = (c[large] for c in cells)
    sizes = np.bincount(centre)
    home = np.zeros(len(sizes), dtype=np.int64)
    home[centre] = region
    centres = np.bincount(home[sizes > 0])
    return bool(sizes.max() > 1), bool(centres.max() > 1), bool((centres > 0).sum() > 1)


def _group(
    vectors: NDArray[np.int64],
    outer: Sequence[NDArray[np.int64]],
    members: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the sheets in groups, largest sheets first, and the number of their group."""
    at = np.flatnonzero(members)
    if not len(at):
        return at, at
    size = -vectors[at].sum(axis=1)
    keys = np.column_stack([size, vectors[at], *(c[at] for c in outer)])
    numbers = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((at, numbers))
    return at[order], numbers[order] + 1


def _elsewhere(
    sids: NDArray[np.int64],
    number: NDArray[np.int64],
    others: Sequence[Columns],
    context: Context,
) -> tuple[int, int, int]:
    """Sheets of the groups; those that another count has; and those alike there as well."""
    there, kept = np.zeros(len(sids), dtype=bool), np.zeros(len(sids), dtype=bool)
    for other in others:
        at = np.minimum(np.searchsorted(other["sid"], sids), max(len(other["sid"]) - 1, 0))
        if not len(other["sid"]):
            continue
        inside = other["sid"][at] == sids
        there |= inside
        lines = {k: known(v)[at[inside]] for k, v in other.items()}
        keys = np.column_stack([number[inside], _vectors(lines, context)])
        _, same, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        kept[np.flatnonzero(inside)[counts[same.reshape(-1)] > 1]] = True
    return len(sids), int(there.sum()), int(kept.sum())
