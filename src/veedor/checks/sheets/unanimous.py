"""Sheets on which every valid vote is for one option, for every option in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.expected import (
    around,
    edge_rows,
    expectation,
    expected_figure,
    from_around,
    in_words,
    surprise_order,
    unjudged,
    whole_centres,
)
from veedor.checks.siblings import Edge, Sheets, edge, read_sheets, sheets_query


class Unanimous(Check):
    """Count the sheets with all valid votes for an option, and how many their siblings predict.

    A finding for each main contender and for every option with such a sheet; the finding without a
    subject has all options.

    Statistic
    ---------
    stations, valid : int
        Sheets with at least one valid vote and none for another option; their valid votes.
    centres, centres_of_several : int
        Cells of siblings all of whose sheets with valid votes are such sheets; those of at least
        two sheets.
    not_judged : int
        Stations of those centres, which predict themselves, or have no sibling.
    expected_around, p_around : float or null
        How many such centres the centres around them predict, each centre as a whole left out, and
        the chance of at least so many; null where there is none.
    full_turnout_stations, full_turnout_valid : int or null
        Those with as many votes cast as voters registered.
    at_least : array of {share, stations, valid}
        Sheets with at least so many per cent of their valid votes for the option.
    expected, expected_low, expected_high : float, int, int
        How many such sheets the other sheets of the places predict, and a 95 % interval; among the
        `predicted` sheets, of which `stations_predicted` are unanimous.
    with_unanimous_siblings, without, without_siblings : int
        Those whose siblings are unanimous too; have a sibling with a vote for another; have none.
    compared : array of {level, stations}
        At which level of geography all sheets with valid votes were compared.
    around : array of {level, compared, at_95, at_80}
        The stations of wholly unanimous centres, which siblings cannot judge, against the nearest
        other centres: how many were compared in which cell, and in how many of those cells the
        other centres gave the option at least 95 and 80 %.
    rho : float
        Intra-class correlation of votes for the option within centres.
    options : array of {option, stations, valid}, in the finding without a subject.

    Uncertainty
    -----------
    p_value is the chance of at least so many under the sibling model, each sheet given the others
    (Poisson-binomial, taken as independent: siblings' chances are correlated, which makes it
    cautious); for an option that is no main contender, given that there is one, since else it
    would have no finding. The siblings may themselves be wrong: where a whole centre was filled in
    by one hand, they predict what they should reveal, and p_value says nothing of it; hence
    `not_judged` and `around`. p_around is weak too: wholly unanimous centres scattered over the
    country are part of what centres are taken to be like, and only `around` shows that they are
    unlike their neighbours; where communities cluster it leans low (3 of 36 simulated at 5 %). A
    p_value of 1e-12 means at most that. The expectation has no sampling error of its own in it.

    Source
    ------
    Leave-one-out prediction by a beta-binomial whose centre shares have a distribution fitted by
    maximum likelihood (Laird 1978); dispersion by moments (Kleinman 1973). The comparison with
    siblings and neighbours follows the EU expert mission on Bolivia 2019.
    """

    title = "Sheets on which every valid vote is for one option"
    asks = "How many sheets have every valid vote for one option, and do their siblings explain it?"
    rule = "No rule forbids it; the other sheets of the place say how many to expect."
    kind = "anomaly"
    p_value_of = "so many such sheets, by what the other sheets of their places predict"
    heading = "{heading}"
    sentences = {
        "observed": (
            "On {stations:sheet|sheets} every one of the {valid} valid votes is for {name}"
            "{against}{unjudged}."
        ),
        "not-observed": "No sheet has every valid vote for {name}{against}.",
        "void": "No sheet can be told apart here: {why}.",
        "not-determinable": "No sheet has a valid vote.",
    }
    benign = (
        Benign(
            "community-voting",
            "Communities decide together how to vote; then all sheets of a place are alike.",
            "Of {with_siblings} such sheets with siblings, {alike} have siblings with at least"
            " 95 % for the option; {centres_of_several:centre of two sheets or more is|centres of"
            " two sheets or more are} unanimous as a whole. {around_compared:sheet|sheets} of"
            " wholly unanimous centres can be compared with the other centres around: those gave"
            " the option at least 95 % for {around_at_95} of them, at least 80 % for"
            " {around_at_80}.",
        ),
        Benign(
            "previous-election",
            "The place voted so before.",
            "The earlier election is {election}; what was voted on then stands for the options by"
            " the case's choice. It is known for the places of {known} of these sheets; in those of"
            " {then_90} what stands for the option had at least 90 %.",
        ),
        Benign(
            "small-stations",
            "Few voters agree more easily than many.",
            "The median of valid votes is {median_valid} on these sheets and {all_valid} on all.",
        ),
        Benign("unread-lines", "Lines for other options were left empty, or not read, on entry."),
    )
    references = (
        "N. Laird, Nonparametric maximum likelihood estimation of a mixing distribution, JASA 73"
        " (1978)",
        "European Union election expert mission, Bolivia 2019, final report",
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
        tampered={"fabricated": 0.95},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The counted sheets, with the earlier election of their place."""
        return sheets_query(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """All options together, then each main contender and each option with such a sheet."""
        sheets = read_sheets(measured["sheets"], context)
        x = sheets.votes.astype(np.float64)
        n = sheets.valid
        unanimous = (sheets.votes == n[:, None]) & (n > 0)[:, None]
        counts = unanimous.sum(axis=0)
        void = self._void(sheets)
        if void is not None:
            yield void
            return
        chosen = [
            k
            for k, option in enumerate(context.options)
            if option in context.main_options or counts[k]
        ]
        found = {k: edge(x[:, k], n, sheets.cells) for k in chosen}
        facts = [self._option(k, sheets, unanimous[:, k], found[k], context) for k in chosen]
        yield self._all(sheets, unanimous, facts, context)
        yield from facts

    def _void(self, sheets: Sheets) -> Fact | None:
        options = int((sheets.votes.sum(axis=0) > 0).sum())
        statistic = {"stations_with_valid": int((sheets.valid > 0).sum()), "options": []}
        if options == 0:
            return self.fact("not-determinable", statistic, words={"heading": self.title})
        if options == 1:
            words = {"heading": self.title, "why": "one option has every valid vote of the count"}
            return self.fact("void", statistic, words=words)
        return None

    def _all(
        self, sheets: Sheets, unanimous: np.ndarray, facts: list[Fact], context: Context
    ) -> Fact:
        valid = sheets.valid[:, None] * unanimous
        statistic = {
            "stations": int(unanimous.sum()),
            "valid": int(valid.sum()),
            "stations_with_valid": int((sheets.valid > 0).sum()),
            "options": [
                {
                    "option": o,
                    "stations": int(unanimous[:, k].sum()),
                    "valid": int(valid[:, k].sum()),
                }
                for k, o in enumerate(context.options)
            ],
        }
        return self.fact(
            "observed" if unanimous.any() else "not-observed",
            statistic,
            words={"heading": self.title, "name": "one option", "against": "", "unjudged": ""},
            kind="descriptive",
            figures=expected_figure(
                "sheets.unanimous",
                self.title,
                facts,
                context,
                "Sheets with every valid vote for one option, and those expected",
            ),
        )

    def _option(
        self, k: int, sheets: Sheets, mask: np.ndarray, found: Edge, context: Context
    ) -> Fact:
        option = context.case.options[k]
        x, n = sheets.votes[:, k], sheets.valid
        expected, against, rest = expectation(
            found, mask, n, seen_first=option.id not in context.main_options
        )
        whole = whole_centres(sheets.cells[0], mask, n)
        size = np.bincount(sheets.cells[0], n > 0)[sheets.cells[0]] if len(n) else n
        near = mask & (found.others > 0)
        full = mask & (sheets.cast == sheets.registered)
        registered = not np.isnan(sheets.registered).all()
        statistic = {
            "stations": int(mask.sum()),
            "valid": int(n[mask].sum()),
            "centres": len(np.unique(sheets.cells[0][whole])),
            "centres_of_several": len(np.unique(sheets.cells[0][whole & (size >= 2)])),
            "not_judged": int(whole.sum()),
            "full_turnout_stations": int(full.sum()) if registered else None,
            "full_turnout_valid": int(n[full].sum()) if registered else None,
            "at_least": [_at_least(x, n, share) for share in (99.5, 99.0)],
            **expected,
            "with_unanimous_siblings": int((near & (found.share == 1.0)).sum()),
            "without": int((near & (found.share < 1.0)).sum()),
            "without_siblings": int((mask & (found.others <= 0)).sum()),
            "compared": found.compared(sheets.levels, n > 0),
            "around": around(x.astype(np.float64), whole, sheets),
            **from_around(
                found, n, sheets.cells, whole, seen_first=option.id not in context.main_options
            ),
            "rho": found.given.rho,
        }
        order = surprise_order(mask, found, sheets)
        return self.fact(
            "observed" if mask.any() else "not-observed",
            statistic,
            subject=option.id,
            words={
                "heading": f"Sheets on which every valid vote is for {option.name}",
                "name": option.name,
                "against": against,
                "unjudged": unjudged(int(whole.sum())),
            },
            explanations=self._explain(k, sheets, mask, found, statistic, context)
            if mask.any()
            else (),
            questioned=sheets.sid[order] if mask.any() else None,
            rows=edge_rows(sheets, found, order, k) if mask.any() else None,
            parameters={"minimum_valid": 1},
            **rest,
        )

    def _explain(
        self,
        k: int,
        sheets: Sheets,
        mask: np.ndarray,
        found: Edge,
        statistic: Mapping[str, Any],
        context: Context,
    ) -> Any:
        near = mask & (found.others > 0)
        tested: dict[str, Mapping[str, Any]] = {
            "community_voting": {
                "with_siblings": int(near.sum()),
                "alike": int((near & (found.share >= 0.95)).sum()),
                "centres_of_several": statistic["centres_of_several"],
                **in_words(statistic["around"]),
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
                    "then_90": int((then[known] >= 0.9).sum()),
                    "election": context.history or "not named by the case",
                }
        return self.explain(**tested)


def _at_least(x: np.ndarray, n: np.ndarray, share: float) -> dict[str, Any]:
    reached = (n > 0) & (1000 * x >= round(10 * share) * n)
    return {"share": share, "stations": int(reached.sum()), "valid": int(n[reached].sum())}
