"""How many votes and sheets the outcome rests on, and what rests on the sheets others named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis.expr.types as ir
import numpy as np

from veedor.case.tables import cell
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.contest import break_even, fewest_sheets, slack


class Slack(Check):
    """Votes and sheets on which the outcome rests, and each named list of stations against them.

    The finding without a subject is about the whole contest. One more finding follows for each
    list of stations (or union of lists) that the case names: its votes here, its materiality from
    the judge. A station on two lists of a union counts once.

    Statistic
    ---------
    slack_votes : float
        For a lead of d: lead less d times the basis, in votes; exact before it is written.
    clause : str
        The clause of the rule that the outcome rests on.
    switched, removed, added : int or null
        Fewest votes switched from winner to runner-up, removed from the winner, or missing of the
        runner-up, that change the outcome; null where no number does.
    fewest_sheets : int or null
        Fewest sheets whose removal changes the outcome, in adversarial order.
    fewest_sheets_exact : bool
        Proved to be the fewest.
    clauses : array of {clause, votes, holds}
    For a list, which is not determinable (what is said of its stations is not examined): claim :
    text, who named them and why; stations, valid : int; votes : object by option; places : array
    of {level, places}; unmatched : int, codes on the list that no source knows, and
    unmatched_codes : array, at most 50 of them; in_counts : array of {count, stations}.

    Uncertainty
    -----------
    None: exact arithmetic. That few sheets *could* suffice says nothing of whether any is wrong.

    Source
    ------
    The contest's rule; the proofs stand beside the functions in `veedor.contest`.
    """

    title = "What the outcome rests on"
    asks = "How few votes or sheets would change the outcome, and how many are on each named list?"
    rule = "The contest's own rule."
    kind = "descriptive"
    heading = "{heading}"
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "targeted",
            "The list was drawn up by looking for such sheets; no rate follows from it for others.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every sheet's votes; the members of each list."""
        t = evidence.sheets()
        columns = ["blank", "null", "registered", "counted"]
        queries: dict[str, ir.Table] = {
            "sheets": t.select(
                "sid",
                *evidence.votes_columns,
                *columns,
                *(cell(level) for level in evidence.case.geography),
            )
        }
        for name in evidence.lists:
            queries[f"list:{name}"] = evidence.list_members(name)
        for name in evidence.counts if evidence.lists else ():
            queries[f"count:{name}"] = evidence.sheets(name).select("sid")
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """The whole contest, then each list."""
        rows = measured["sheets"]
        counted = rows["counted"].astype(bool)
        votes = (
            np.stack([_zero(rows[f"v{i}"]) for i in range(len(context.options))], axis=1)
            * counted[:, None]
        )
        yield self._contest(rows, votes, counted, context)
        for name in context.lists:
            yield self._list(name, measured, votes, context)

    def _contest(
        self, rows: Columns, votes: np.ndarray, counted: np.ndarray, context: Context
    ) -> Fact:
        rule = context.case.contest_rule
        blank, null = (_zero(rows[n]) * counted for n in ("blank", "null"))
        registered = int(_zero(rows["registered"])[counted].sum()) or None
        totals = [int(v) for v in votes.sum(axis=0)]
        spoilt = (int(blank.sum()), int(null.sum()))
        found = slack(rule, totals, *spoilt, registered)
        even = break_even(rule, totals, *spoilt, registered)
        fewest = fewest_sheets(rule, votes, blank, null, registered)
        statistic = {
            "slack_votes": float(found.value),
            "clause": found.clause,
            "switched": even.switched,
            "removed": even.removed,
            "added": even.added,
            "fewest_sheets": fewest.sheets,
            "fewest_sheets_exact": fewest.exact,
            "sheets": int(counted.sum()),
            "clauses": [
                {"clause": text, "votes": float(value), "holds": holds}
                for text, value, holds in found.clauses
            ],
        }
        few = (
            f"removing {fewest.sheets:,} of {int(counted.sum()):,} sheets, picked for the purpose,"
            " would undo it"
            if fewest.sheets is not None
            else "removing sheets, however many, would not undo it"
        )
        sentence = (
            f"What the outcome rests on ({found.text}) holds by {float(found.value):,.1f} votes;"
            f" {few}."
        )
        return self.fact(
            "observed",
            statistic,
            words={"heading": "How much the outcome rests on", "sentence": sentence},
            rows={
                "sid": rows["sid"][fewest.indices],
                **{o: votes[fewest.indices, i] for i, o in enumerate(context.options)},
            }
            if len(fewest.indices)
            else None,
        )

    def _list(
        self, name: str, measured: Mapping[str, Columns], votes: np.ndarray, context: Context
    ) -> Fact:
        info = context.lists[name]
        rows = measured["sheets"]
        inside = np.isin(rows["sid"], measured[f"list:{name}"]["sid"])
        sids = rows["sid"][inside]
        sums = votes[inside].sum(axis=0)
        unmatched = sorted(
            {code for member in info.members or (name,) for code in context.lists[member].unmatched}
        )
        statistic = {
            "stations": int(inside.sum()),
            "valid": int(sums.sum()),
            "votes": {o: int(v) for o, v in zip(context.options, sums, strict=True)},
            "places": [
                {"level": level, "places": len(np.unique(rows[cell(level)][inside]))}
                for level in context.case.geography
            ],
            "in_counts": [
                {
                    "count": count,
                    "stations": int(np.isin(sids, measured[f"count:{count}"]["sid"]).sum()),
                }
                for count in context.counts
            ],
            "claim": info.claim,
            "unmatched": len(unmatched),
            "unmatched_codes": unmatched[:50],
        }
        sentence = (
            f"{len(sids):,} stations of this list are in the official count, with"
            f" {int(sums.sum()):,} valid votes. Whether what is said of them is right cannot be"
            " told from the counts; this measures only what rests on them."
        )
        return self.fact(
            "not-determinable",
            statistic,
            subject=name,
            words={"heading": info.title, "sentence": sentence},
            explanations=self.explain(),
            questioned=sids,
            rows={
                "sid": sids,
                **{o: votes[inside, i] for i, o in enumerate(context.options)},
            },
        )


def _zero(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float64), nan=0.0).astype(np.int64)
