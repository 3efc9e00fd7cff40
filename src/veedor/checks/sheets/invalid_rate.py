"""Sheets with an unusual share of blank or of null votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.siblings import (
    LEVEL,
    Discord,
    Sheets,
    discord,
    read_sheets,
    sheets_query,
)
from veedor.stats.multiplicity import holm


class InvalidRate(Check):
    """Compare each sheet's share of blank, and of null, votes with the other sheets of its place.

    Statistic
    ---------
    stations : int
        Sheets whose share is not what the others predict, corrected for their number: with
        many more (`flagged_high`) or many fewer (`flagged_low`) than expected.
    tested : int
        Sheets with votes cast that were compared with others.
    compared : array of {level, stations}
    valid : int
        Valid votes on the flagged sheets.
    excess : float
        Blank (null) votes on the flagged sheets less those expected.
    rate_points : float
        Of all votes cast, in percentage points.
    above_30 : int
        Sheets on which more than 30 % of the votes cast are blank (null).
    rho : float
        Intra-class correlation within centres.

    Uncertainty
    -----------
    Two-sided mid-p of each sheet under a mixture of beta-binomials, the greatest with any one
    sibling left out, by Holm's method over all sheets (family-wise 5 %); p_value is the least of
    the corrected ones, and never below one in as many sheets as the fit rests on. Places may differ
    in how alike their sheets are, as in `sheets.sibling-outlier`.

    Source
    ------
    Beta-binomial prediction of each sheet by the others of its place, dispersion by moments
    (Kleinman 1973); Holm (1979).
    """

    title = "Sheets with an unusual share of blank or null votes"
    asks = "On which sheets is the share of blank or null votes unlike that of the place's others?"
    rule = "Sheets of one place differ by chance, by about as much as sheets of other places do."
    kind = "anomaly"
    p_value_of = (
        "the one sheet least like the others of its place, corrected for the number of sheets, "
        "not of how many are unusual"
    )
    needs = ("invalid",)
    heading = "Sheets with an unusual share of {what} votes"
    sentences = {
        "observed": (
            "Of {tested} sheets compared with others of their place, {stations:has|have} a share of"
            " {what} votes other than those predict: {flagged_high} a larger one, {flagged_low} a"
            " smaller one."
        ),
        "not-observed": (
            "None of {tested} sheets compared with others of their place has a share of {what}"
            " votes other than those predict."
        ),
        "void": "Every sheet has zero {what} votes: the line seems not to have been recorded.",
        "not-applicable": "The official count has no {what} votes.",
        "not-determinable": "No sheet with {what} votes recorded can be compared with another.",
    }
    benign = (
        Benign(
            "exchanged-lines",
            "Blank and null votes were exchanged on the sheet or on entry.",
            "{exchanged} of {stations} would be in line with their place were the two exchanged.",
        ),
        Benign(
            "small-stations",
            "Some of these sheets hold few votes.",
            "The median of votes cast is {median_cast} on these sheets and {all_cast} on all.",
        ),
        Benign("protest", "A group of voters called for blank or null votes."),
        Benign("ballot", "A misprinted ballot or poor instruction at the station spoilt votes."),
    )
    references = (
        "J. Kleinman, Proportions with extraneous variance, JASA 68 (1973)",
        "S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of"
        " Statistics 6 (1979)",
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
        false_alarms=0.1,  # two findings, each at 5 %
        tampered={"invalidated": 0.9},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The counted sheets."""
        return {"sheets": sheets_query(evidence)["sheets"]}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for blank votes and one for null votes."""
        sheets = read_sheets(measured["sheets"], context)
        fields = context.counts[context.case.official].fields
        for what, own, other in (
            ("blank", sheets.blank, sheets.null),
            ("null", sheets.null, sheets.blank),
        ):
            if what not in fields:
                yield self.fact("not-applicable", {}, subject=what, words={"what": what})
            else:
                yield self._fact(what, own, other, sheets)

    def _fact(
        self, what: str, own: NDArray[np.float64], other: NDArray[np.float64], sheets: Sheets
    ) -> Fact:
        known = ~np.isnan(own)
        x = np.nan_to_num(own)
        cast = np.where(known, sheets.cast, 0.0)
        words = {"what": what}
        base: dict[str, Any] = {"stations": 0, "above_30": int((10 * x > 3 * cast).sum())}
        if known.any() and not x.any():
            return self.fact("void", base, subject=what, words=words)
        found = discord(x, cast, sheets.cells)
        tested = found.level >= 0
        if not tested.any() or x.sum() == cast.sum():
            return self.fact("not-determinable", base, subject=what, words=words)
        adjusted = np.ones(len(x))
        adjusted[tested] = holm(found.p[tested])
        flagged = adjusted <= LEVEL
        at = np.flatnonzero(flagged)
        at = at[np.lexsort((sheets.sid[at], found.p[at]))]
        statistic = base | {
            "stations": len(at),
            "flagged_high": int((found.distance[at] > 0).sum()),
            "flagged_low": int((found.distance[at] < 0).sum()),
            "tested": int(tested.sum()),
            "compared": found.compared(sheets.levels, cast > 0),
            "valid": int(sheets.valid[at].sum()),
            "excess": float((x - found.expected)[at].sum()),
            "rate_points": float(100 * x.sum() / cast.sum()),
            "rho": found.first.rho,
        }
        return self.fact(
            "observed" if len(at) else "not-observed",
            statistic,
            subject=what,
            words=words,
            p_value=found.least(adjusted[tested]),
            explanations=self._explain(at, other, cast, found) if len(at) else (),
            questioned=sheets.sid[at] if len(at) else None,
            rows=_rows(what, at, x, sheets, found, adjusted) if len(at) else None,
            parameters={"level": LEVEL, "correction": "Holm"},
        )

    def _explain(
        self,
        at: NDArray[np.int64],
        other: NDArray[np.float64],
        cast: NDArray[np.float64],
        found: Discord,
    ) -> Any:
        tested: dict[str, Mapping[str, Any]] = {
            "small_stations": {
                "median_cast": float(np.median(cast[at])),
                "all_cast": float(np.median(cast[cast > 0])),
            }
        }
        if not np.isnan(other[at]).any():
            exchanged = found.p_of(at, other[at], cast[at]) > LEVEL
            tested["exchanged_lines"] = {"exchanged": int(exchanged.sum()), "stations": len(at)}
        return self.explain(**tested)


def _rows(
    what: str,
    at: NDArray[np.int64],
    x: NDArray[np.float64],
    sheets: Sheets,
    found: Discord,
    adjusted: NDArray[np.float64],
) -> Columns:
    return {
        "sid": sheets.sid[at],
        "registered": sheets.registered[at],
        "cast": sheets.cast[at].astype(np.int64),
        "valid": sheets.valid[at].astype(np.int64),
        what: x[at].astype(np.int64),
        "expected": found.expected[at],
        "distance": found.distance[at],
        "p": found.p[at],
        "p_adjusted": adjusted[at],
    }
