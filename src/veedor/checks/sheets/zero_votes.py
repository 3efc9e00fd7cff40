"""Sheets on which a main contender has no vote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.expected import (
    edge_rows,
    expectation,
    expected_figure,
    from_around,
    surprise_order,
    unjudged,
    whole_centres,
)
from veedor.checks.siblings import Edge, Sheets, edge, read_sheets, sheets_query


class ZeroVotes(Check):
    """Count the sheets with no vote for a main contender, and how many their siblings predict.

    A finding for each main contender; the finding without a subject has all options.

    Statistic
    ---------
    stations, valid : int
        Sheets with at least one valid vote and none for the option; their valid votes.
    expected, expected_low, expected_high, predicted, stations_predicted
        As in `sheets.unanimous`.
    siblings_zero, siblings_some, without_siblings : int
        Those whose siblings have no vote for the option either; have one; those without siblings.
    not_judged : int
        Those in centres where no sheet has a vote for it, which predict themselves, or without
        siblings.
    centres : int
        Those centres.
    expected_around, p_around : float or null
        As in `sheets.unanimous`, of `centres`.
    compared : array of {level, stations}
    rho : float
    winners : object by option
        On how many of them each option has most votes.
    stations_without_valid : int, in the finding without a subject
        Sheets with no valid vote at all; they are in no other number here.
    options : array of {option, stations, valid}, in the finding without a subject.

    Uncertainty
    -----------
    p_value is the chance of at least so many under the sibling model of `sheets.unanimous`, with
    the same caution; of the sheets `not_judged` it says nothing. A p_value of 1e-12 means at most
    that.

    Source
    ------
    As `sheets.unanimous`; here for the votes of all others together.
    """

    title = "Sheets on which a main contender has no vote"
    asks = "How many sheets have no vote for a main contender, and do their siblings explain it?"
    rule = "No rule forbids it; the other sheets of the place say how many to expect."
    kind = "anomaly"
    p_value_of = "so many such sheets, by what the other sheets of their places predict"
    heading = "{heading}"
    sentences = {
        "observed": (
            "On {stations:sheet|sheets} none of the {valid} valid votes is for {name}"
            "{against}{unjudged}."
        ),
        "not-observed": "Every sheet with valid votes has one for {name}{against}.",
        "void": "No sheet can be told apart here: {name} has no vote in the whole count.",
        "not-determinable": "No sheet has a valid vote.",
    }
    benign = (
        Benign(
            "weak-there",
            "The option has next to no following in such places.",
            "Of {with_siblings} such sheets with siblings, {weak} have siblings with at most 5 %"
            " for the option.",
        ),
        Benign(
            "previous-election",
            "The place voted so before.",
            "The earlier election is {election}; what was voted on then stands for the options by"
            " the case's choice. It is known for the places of {known} of these sheets; in those of"
            " {then_10} what stands for the option had at most 10 %.",
        ),
        Benign(
            "small-stations",
            "Where few vote, an option is easily left without a vote.",
            "The median of valid votes is {median_valid} on these sheets and {all_valid} on all.",
        ),
        Benign("unread-line", "The option's line was left empty, or not read, on entry."),
    )
    references = (
        "N. Laird, Nonparametric maximum likelihood estimation of a mixing distribution, JASA 73"
        " (1978)",
    )
    promise = Promise(
        alarm="p-value",
        honest=(
            "plain",
            "blocs",
            "clerks",
            "tiny-stations",
            "correlated-turnout",
            "rural-late",
            "uneven",
        ),
        tampered={"zeroed": 0.9},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The counted sheets, with the earlier election of their place."""
        return sheets_query(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """All options together, then each main contender."""
        sheets = read_sheets(measured["sheets"], context)
        some = sheets.valid > 0
        zero = (sheets.votes == 0) & some[:, None]
        overall = {
            "stations_with_valid": int(some.sum()),
            "stations_without_valid": int((~some).sum()),
            "options": [
                {
                    "option": o,
                    "stations": int(zero[:, k].sum()),
                    "valid": int(sheets.valid[zero[:, k]].sum()),
                }
                for k, o in enumerate(context.options)
            ],
        }
        if not some.any():
            yield self.fact("not-determinable", overall, words={"heading": self.title})
            return
        main = [k for k, o in enumerate(context.options) if o in context.main_options]
        facts = [self._option(k, sheets, zero[:, k], context) for k in main]
        missing = zero[:, main].any(axis=1)
        yield self.fact(
            "observed" if missing.any() else "not-observed",
            {"stations": int(missing.sum()), "valid": int(sheets.valid[missing].sum()), **overall},
            words={
                "heading": self.title,
                "against": "",
                "unjudged": "",
                "name": "some main contender" if missing.any() else "every main contender",
            },
            kind="descriptive",
            figures=expected_figure(
                "sheets.zero-votes",
                self.title,
                [f for f in facts if f.status != "void"],
                context,
                "Sheets with no vote for a main contender, and those expected",
            ),
        )
        yield from facts

    def _option(self, k: int, sheets: Sheets, mask: np.ndarray, context: Context) -> Fact:
        option = context.case.options[k]
        n = sheets.valid
        x = sheets.votes[:, k]
        words = {"heading": f"Sheets with no vote for {option.name}", "name": option.name}
        counts: dict[str, Any] = {"stations": int(mask.sum()), "valid": int(n[mask].sum())}
        if not x.any():
            return self.fact("void", counts, subject=option.id, words=words)
        found = edge(n - x, n, sheets.cells)
        expected, against, rest = expectation(found, mask, n)
        near = mask & (found.others > 0)
        whole = whole_centres(sheets.cells[0], mask, n)
        best = sheets.votes[mask].max(axis=1) if mask.any() else np.empty(0)
        leads = (sheets.votes[mask] == best[:, None]).sum(axis=0)
        statistic = {
            **counts,
            **expected,
            "siblings_zero": int((near & (found.share == 1.0)).sum()),
            "siblings_some": int((near & (found.share < 1.0)).sum()),
            "without_siblings": int((mask & (found.others <= 0)).sum()),
            "centres": len(np.unique(sheets.cells[0][whole])),
            "not_judged": int(whole.sum()),
            **from_around(found, n, sheets.cells, whole, seen_first=False),
            "compared": found.compared(sheets.levels, n > 0),
            "rho": found.given.rho,
            "winners": {o: int(c) for o, c in zip(context.options, leads, strict=True)},
        }
        order = surprise_order(mask, found, sheets)
        return self.fact(
            "observed" if mask.any() else "not-observed",
            statistic,
            subject=option.id,
            words=words | {"against": against, "unjudged": unjudged(int(whole.sum()))},
            explanations=self._explain(k, sheets, mask, found, context) if mask.any() else (),
            questioned=sheets.sid[order] if mask.any() else None,
            rows=edge_rows(sheets, found, order, k) if mask.any() else None,
            parameters={"minimum_valid": 1},
            **rest,
        )

    def _explain(
        self, k: int, sheets: Sheets, mask: np.ndarray, found: Edge, context: Context
    ) -> Any:
        near = mask & (found.others > 0)
        tested: dict[str, Mapping[str, Any]] = {
            "weak_there": {
                "with_siblings": int(near.sum()),
                "weak": int((near & (found.share >= 0.95)).sum()),
            },
            "small_stations": {
                "median_valid": float(np.median(sheets.valid[mask])),
                "all_valid": float(np.median(sheets.valid[sheets.valid > 0])),
            },
        }
        if sheets.history is not None:
            then = sheets.history[mask, k]
            known = ~np.isnan(then)
            if known.any():
                tested["previous_election"] = {
                    "known": int(known.sum()),
                    "then_10": int((then[known] <= 0.1).sum()),
                    "election": context.history or "not named by the case",
                }
        return self.explain(**tested)
