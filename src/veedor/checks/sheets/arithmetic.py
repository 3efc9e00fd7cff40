"""Whether the totals that a sheet states are the sums of its own lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Interval, Promise
from veedor.checks.recorded import (
    by_winner,
    known,
    unreadable,
    votes,
    whole,
    winner_names,
    winners,
)
from veedor.stats.binomial import sign_test
from veedor.stats.exact import proportion_interval

TOTALS = {"cast": "votes cast", "valid": "valid votes"}
SHOWN = 20


class Arithmetic(Check):
    """Compare a sheet's own totals with the sum of its lines, and ask which way they differ.

    One finding for each stated total: `cast` (options + blank + null against the number of votes
    or voters that the sheet states) and `valid` (sum of the options), of the official count and,
    as `COUNT.cast` and `COUNT.valid`, of every other count that states them. Sheets with a line
    that cannot be read, or with no stated total, are counted apart.

    Statistic
    ---------
    stations : int
        Sheets compared.
    differing, over, under : int
        Sheets whose lines do not sum to the stated total; whose sum is more, or less, than it.
    net, gross : int
        Sum of (lines - stated), signed and without sign, in votes.
    undeclared, unreadable : int
        Counted sheets without a stated total; with a line that is neither number nor empty.
    by_winner : array of {option, stations, differing, over, under, net, gross, p}
        By who won the sheet (null: nobody); `p` is the exact sign test of over against under.
    left_out : array of {field, stations}
        Sheets whose sum exceeds the stated total by exactly the votes of that line.
    sizes : array of {at_least, stations}
        Sheets by the size of the difference, in votes.

    Uncertainty
    -----------
    Every sheet is compared, so the counts have none. Exact sign test (two-sided) that a difference
    is as likely over as under; exact (Clopper-Pearson) interval of the share that is over.

    Source
    ------
    The identity that the form prescribes; W. J. Conover, Practical Nonparametric Statistics (1999),
    section 3.4.
    """

    title = "Sums of the sheets' lines against their stated totals"
    asks = "Do the lines of each sheet sum to the totals that it states, and if not, which way?"
    rule = "Votes for options, blank and null votes sum to the votes cast that the sheet states."
    kind = "irregularity"
    p_value_of = (
        "the direction of the differences (as many over as under), not of how many sheets differ"
    )
    needs = ("declared",)
    heading = "Sheets whose lines do not sum to their stated {total} ({count})"
    sentences = {
        "observed": (
            "On {differing} of {stations} sheets the lines do not sum to the stated {total}:"
            " {over} sum to more and {under} to less. The lines hold {signed} than stated, and the"
            " differences add up to {gross:vote|votes} without their signs."
        ),
        "not-observed": "On all {stations} sheets the lines sum to the stated {total}.",
        "void": (
            "The stated {total} equals the sum of the lines on every one of {stations} sheets; a"
            " total that is computed from the lines cannot differ from them, and nothing is tested."
        ),
        "not-determinable": (
            "No sheet states {total} together with lines that can be summed to it:"
            " {undeclared} sheets state none, {unreadable} have a line that cannot be read."
        ),
    }
    benign = (
        Benign(
            "slip",
            "A slip of addition or one digit miswritten: most differences are of a vote or two, or"
            " of exactly ten or a hundred.",
            "{one} of the {differing} differ by one vote, {tens} by exactly ten or a hundred and"
            " {larger} by more than ten votes.",
        ),
        Benign(
            "left-out",
            "A line of the sheet was left out of its own total.",
            "On {sheets} of the {differing} the sum exceeds the total by exactly one line.",
        ),
        Benign(
            "voters",
            "The stated total counts voters rather than ballots, and some did not cast the ballot.",
            "The stated total is more than the sum of the lines on {under} sheets, and less on"
            " {over}.",
        ),
        Benign("transcription", "The sheet adds up, and its total was transcribed wrongly."),
    )

    promise = Promise(
        alarm="p-value",
        honest=("plain", "blocs", "clerks", "tiny-stations", "correlated-turnout", "rural-late"),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The lines and the stated totals of every counted sheet, for each count that has them."""
        queries = {}
        for name, info in evidence.counts.items():
            if not {"declared_cast", "declared_valid"} & info.fields:
                continue
            sheets = evidence.sheets(name)
            joined = sheets.filter(sheets.counted).left_join(
                unreadable(evidence, name), [("sid", "sid_bad")]
            )
            queries[name] = joined.select(
                "sid",
                *evidence.votes_columns,
                "blank",
                "null",
                "registered",
                "declared_valid",
                "declared_cast",
                unreadable=joined.unreadable.fill_null(0),
            )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each stated total of each count."""
        for name, rows in measured.items():
            fields = context.counts[name].fields
            matrix = votes(rows, len(context.options))
            for total in TOTALS:
                if f"declared_{total}" in fields:
                    yield self._total(name, total, rows, matrix, context)

    def _total(
        self, name: str, total: str, rows: Columns, matrix: NDArray[np.int64], context: Context
    ) -> Fact:
        official = name == context.case.official
        lines = [(o, matrix[:, i]) for i, o in enumerate(context.options)]
        extra = [f for f in ("blank", "null") if f in context.counts[name].fields]
        if total == "cast":
            lines += [(f, whole(rows[f])) for f in extra]
        stated = known(rows[f"declared_{total}"])
        readable = whole(rows["unreadable"]) == 0
        usable = readable & ~np.isnan(stated) & (bool(extra) or total == "valid")
        summed = np.stack([v for _, v in lines]).sum(axis=0)
        error = np.where(usable, summed - np.nan_to_num(stated).astype(np.int64), 0)
        won = winners(matrix)
        statistic = {
            "stations": int(usable.sum()),
            **_errors(error),
            "undeclared": int(np.isnan(stated).sum()),
            "unreadable": int((~readable).sum()),
            "by_winner": [
                {
                    "option": option,
                    "stations": int((mask & usable).sum()),
                    **_errors(error[mask]),
                    "p": _p(error[mask]),
                }
                for option, mask in by_winner(won, context.options)
            ],
            "left_out": [
                {"field": f, "stations": int(((error == v) & (v > 0)).sum())} for f, v in lines
            ],
            "sizes": [
                {"at_least": k, "stations": int((np.abs(error) >= k).sum())}
                for k in (1, 2, 5, 10, 50, 100)
            ],
        }
        differing = np.flatnonzero(error)
        differing = differing[np.lexsort((rows["sid"][differing], -np.abs(error[differing])))]
        observed = len(differing) > 0
        return self.fact(
            "observed" if observed else "void" if usable.any() else "not-determinable",
            statistic,
            subject=total if official else f"{name}.{total}",
            words={"total": TOTALS[total], "count": name, "signed": _signed(int(error.sum()))},
            p_value=_p(error),
            interval=_interval(error),
            explanations=self._explained(error, total, lines) if observed else (),
            questioned=np.sort(rows["sid"][differing]) if official and observed else None,
            rows={
                "sid": rows["sid"][differing],
                "registered": known(rows["registered"])[differing],
                "sum": summed[differing],
                "stated": stated[differing],
                "difference": error[differing],
                "won_by": winner_names(won[differing], context.options),
            },
            figures=(_figure(self.id, name, total, statistic),) if observed and official else (),
        )

    def _explained(
        self, error: NDArray[np.int64], total: str, lines: list[tuple[str, NDArray[np.int64]]]
    ) -> Any:
        size = np.abs(error)
        differing = int((error != 0).sum())
        left_out = np.any([(error == v) & (v > 0) for _, v in lines], axis=0)
        tested: dict[str, Mapping[str, Any]] = {
            "slip": {
                "differing": differing,
                "one": int((size == 1).sum()),
                "tens": int(np.isin(size, (10, 100)).sum()),
                "larger": int((size > 10).sum()),
            },
            "left_out": {"differing": differing, "sheets": int(left_out.sum())},
        }
        if total == "cast":
            tested["voters"] = {"over": int((error > 0).sum()), "under": int((error < 0).sum())}
        return self.explain(**tested)


def _errors(error: NDArray[np.int64]) -> dict[str, int]:
    return {
        "differing": int((error != 0).sum()),
        "over": int((error > 0).sum()),
        "under": int((error < 0).sum()),
        "net": int(error.sum()),
        "gross": int(np.abs(error).sum()),
    }


def _signed(net: int) -> str:
    """The votes that the lines hold beyond the stated totals, in words."""
    if not net:
        return "in all neither more nor fewer votes"
    votes = f"{abs(net):,} {'vote' if abs(net) == 1 else 'votes'}"
    return f"in all {votes} {'more' if net > 0 else 'fewer'}"


def _p(error: NDArray[np.int64]) -> float | None:
    over, under = int((error > 0).sum()), int((error < 0).sum())
    return float(sign_test(over, under)) if over + under else None


def _interval(error: NDArray[np.int64]) -> Interval | None:
    over, differing = int((error > 0).sum()), int((error != 0).sum())
    if not differing:
        return None
    low, high = proportion_interval(np.array([over]), np.array([differing]))
    return Interval(
        of="over / differing",
        level=0.95,
        low=float(low[0]),
        high=float(high[0]),
        method="Clopper-Pearson",
    )


def _figure(check: str, count: str, total: str, statistic: Mapping[str, Any]) -> Figure:
    kept = [e for e in statistic["by_winner"] if e["stations"]][:SHOWN]
    rates = [100 * e["differing"] / e["stations"] for e in kept]
    names = [e["option"] or "level" for e in kept]
    return Figure(
        id=f"{check}.{total}",
        chart="bars",
        rows={
            "label": np.array(names, dtype=object),
            "value": np.array(rates),
        },
        alt=f"Share of the sheets of {count} whose lines do not sum to the stated"
        f" {TOTALS[total]}, by who won the sheet: "
        + ", ".join(f"{n} {r:.2f} %" for n, r in zip(names[:4], rates, strict=False)),
        labels={
            "title": f"Lines that do not sum to the stated {TOTALS[total]}",
            "x": "per cent of the sheets won",
            "y": "",
        },
    )
