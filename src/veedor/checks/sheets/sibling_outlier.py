"""Sheets that disagree with the other sheets of their centre."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.reconciled import least_discordant
from veedor.checks.siblings import (
    LEVEL,
    Discord,
    Sheets,
    discord,
    read_sheets,
    sheets_query,
)
from veedor.stats.multiplicity import holm

LEAST_SHARE = 0.05
"""Options below it, unless main contenders, decide nothing here and are named as not tested."""


class SiblingOutlier(Check):
    """Compare each sheet with the other sheets of its centre, for each option in turn.

    A finding for each main contender and each option with at least 5 % of the votes; the finding
    without a subject has them together and names the options not tested.

    Statistic
    ---------
    tested, not_compared : int
        Sheets with valid votes that have a sibling with valid votes; that have none.
    flagged, flagged_high, flagged_low : int
        Sheets that disagree, whichever one sibling is left out, after correction for the number
        tested; with more, with fewer votes for the option than the siblings predict.
    one_slip : int
        Of the flagged, those that undoing one slip of the pen (two neighbouring lines exchanged,
        two digits of one line transposed) would explain.
    beyond_slip : int
        Of the flagged, those that stay flagged whichever one slip is undone.
    valid : int
        Valid votes on the flagged sheets.
    net : float
        Votes for the option on the flagged sheets less those expected.
    dispersion, precision_between : float
        Intra-class correlation within centres; precision of the shares of centres.
    flagged_centres, largest_centre : int
        Centres with a flagged sheet, and the most of them in one.
    In the finding without a subject: stations, valid, one_slip, options, not_tested.

    Uncertainty
    -----------
    Two-sided mid-p by sheet, the greatest with any one sibling left out (an odd sheet makes the
    rest of a small centre look odd), corrected by Holm's method: family-wise 5 %. Centres may
    differ in how alike their sheets are: the correlation within a centre has a distribution fitted
    to all centres, and is learnt for each from the siblings. Honest sheets hold slips, which
    disagree with siblings for good reason; p_value is therefore the corrected p-value of the most
    discordant sheet after the slip that fits best is undone, and is valid with one slip in each
    centre (a sheet meant with more votes than voters is no candidate). It is never below one in as
    many sheets as the fit rests on. The price is power: where half of a rival's votes are moved on
    one sheet in twenty, fewer than half of simulated elections give an alarm, and in a centre of
    two or three sheets next to none can be told from a centre whose sheets are unlike. Siblings
    altered alike stay unseen.

    Source
    ------
    Leave-one-out beta-binomial prediction, dispersion by moments (Kleinman 1973) and its mixture
    over centres by maximum likelihood (Laird 1978), as in the
    comparison of tables of one centre by Chumacero (2019) and the EU mission on Bolivia 2019; Holm
    (1979).
    """

    title = "Sheets that disagree with the others of their centre"
    asks = "Which sheets disagree with the other sheets of their centre, for any large option?"
    rule = "Sheets of one centre differ by chance, by about as much as those of other centres do."
    kind = "anomaly"
    p_value_of = (
        "the one sheet least like its siblings, a slip undone and corrected for the number of "
        "sheets, not of how many sheets disagree"
    )
    heading = "{heading}"
    sentences = {
        "observed": (
            "Of {tested} sheets with siblings, {flagged} disagree with them about {name}"
            "{direction}; a single slip of the pen would explain {one_slip} of them."
        ),
        "not-observed": ("None of {tested} sheets with siblings disagrees with them about {name}."),
        "void": "Nothing can disagree about {name}: it has none, or all, of the valid votes.",
        "not-determinable": "No sheet with valid votes has a sibling with valid votes.",
    }
    benign = (
        Benign(
            "slip",
            "A slip of the pen: two neighbouring lines exchanged, or two digits transposed.",
            "A single slip would explain {one_slip} of the {flagged:sheet|sheets}.",
        ),
        Benign(
            "allocation",
            "Voters are not spread over the tables of a centre at random: by surname, by age of the"
            " registration, or a table holds another community. Then several sheets of one centre"
            " stand out.",
            "The flagged sheets lie in {centres} centres; {several} of them lie in a centre with"
            " another flagged one.",
        ),
        Benign(
            "wrong-siblings",
            "The siblings are wrong, not the sheet, which is hard to tell where there are few.",
            "{few} of {flagged} have one or two siblings only.",
        ),
        Benign("special-table", "A table for a hospital or another place of its own."),
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
        tampered={"moved": 0.2, "zeroed": 0.9, "fabricated": 0.95},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The counted sheets."""
        return {"sheets": sheets_query(evidence)["sheets"]}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """All tested options together, then each."""
        sheets = read_sheets(measured["sheets"], context)
        totals = sheets.votes.sum(axis=0)
        shares = totals / max(int(totals.sum()), 1)
        chosen = [
            k
            for k, o in enumerate(context.options)
            if o in context.main_options or shares[k] >= LEAST_SHARE
        ]
        found = {
            k: discord(sheets.votes[:, k].astype(np.float64), sheets.valid, sheets.cells[:1])
            for k in chosen
        }
        made = [self._option(k, sheets, found[k], context) for k in chosen]
        yield self._all(sheets, made, found, context)
        yield from (fact for fact, _ in made)

    def _all(
        self,
        sheets: Sheets,
        made: list[tuple[Fact, NDArray[np.int64]]],
        found: Mapping[int, Discord],
        context: Context,
    ) -> Fact:
        facts = [fact for fact, _ in made]
        flagged = [f.questioned for f in facts if f.questioned is not None]
        union = np.unique(np.concatenate(flagged)) if flagged else np.empty(0, dtype=np.int64)
        tested = max((f.statistic["tested"] for f in facts), default=0)
        reconciled = len(np.unique(np.concatenate([sids for _, sids in made]))) if made else 0
        done = {f.subject for f in facts}
        statistic = {
            "stations": len(union),
            "valid": int(sheets.valid[np.isin(sheets.sid, union)].sum()),
            "tested": tested,
            "one_slip": reconciled,
            "options": [{"option": f.subject, "flagged": f.statistic["flagged"]} for f in facts],
            "not_tested": [o for o in context.options if o not in done],
        }
        status: Status = "not-observed" if tested else "not-determinable"
        return self.fact(
            "observed" if len(union) else status,
            statistic,
            words={
                "heading": self.title,
                "name": "some large option",
                "direction": "",
                "flagged": len(union),
                "one_slip": reconciled,
            },
            kind="descriptive",
            figures=_figure(found, context) if tested else (),
        )

    def _option(
        self, k: int, sheets: Sheets, found: Discord, context: Context
    ) -> tuple[Fact, NDArray[np.int64]]:
        """The fact, and the flagged stations that one slip would explain."""
        option = context.case.options[k]
        x, n = sheets.votes[:, k].astype(np.float64), sheets.valid
        tested = found.level >= 0
        none = np.empty(0, dtype=np.int64)
        base: dict[str, Any] = {
            "tested": int(tested.sum()),
            "not_compared": int(((n > 0) & ~tested).sum()),
            "flagged": 0,
        }
        words = {
            "heading": f"Sheets that disagree with the others of their centre: {option.name}",
            "name": option.name,
        }
        if not tested.any() or x.sum() in (0.0, n.sum()):
            status: Status = "void" if n.any() and tested.any() else "not-determinable"
            return self.fact(status, base, subject=option.id, words=words), none
        adjusted = np.ones(len(x))
        adjusted[tested] = holm(found.p[tested])
        at = np.flatnonzero(adjusted <= LEVEL)
        at = at[np.lexsort((sheets.sid[at], found.p[at]))]
        least = least_discordant(k, at, sheets, found)
        bound = np.minimum(least * tested.sum(), 1.0)
        statistic = base | _counts(x, at, least, bound, sheets, found)
        direction = f" ({statistic['flagged_high']:,} high, {statistic['flagged_low']:,} low)"
        fact = self.fact(
            "observed" if len(at) else "not-observed",
            statistic,
            subject=option.id,
            words=words | {"direction": direction},
            p_value=found.least(bound if len(at) else adjusted[tested]),
            explanations=self._explain(at, sheets, statistic) if len(at) else (),
            questioned=sheets.sid[at] if len(at) else None,
            rows=_rows(x, at, least, sheets, found, adjusted) if len(at) else None,
            parameters={"level": LEVEL, "correction": "Holm"},
        )
        return fact, sheets.sid[at[least > LEVEL]]

    def _explain(self, at: NDArray[np.int64], sheets: Sheets, statistic: Mapping[str, Any]) -> Any:
        centre = sheets.cells[0]
        among = np.bincount(centre[at])[centre[at]]
        members = np.bincount(centre, sheets.valid > 0)[centre[at]]
        flagged = len(at)
        return self.explain(
            slip={"one_slip": statistic["one_slip"], "flagged": flagged},
            allocation={"centres": statistic["flagged_centres"], "several": int((among > 1).sum())},
            wrong_siblings={"few": int((members <= 3).sum()), "flagged": flagged},
        )


def _counts(
    x: NDArray[np.float64],
    at: NDArray[np.int64],
    least: NDArray[np.float64],
    bound: NDArray[np.float64],
    sheets: Sheets,
    found: Discord,
) -> dict[str, Any]:
    centres = np.unique(sheets.cells[0][at], return_counts=True)[1]
    return {
        "flagged": len(at),
        "flagged_high": int((found.distance[at] > 0).sum()),
        "flagged_low": int((found.distance[at] < 0).sum()),
        "one_slip": int((least > LEVEL).sum()),
        "beyond_slip": int((bound <= LEVEL).sum()),
        "valid": int(sheets.valid[at].sum()),
        "net": float((x - found.expected)[at].sum()),
        "dispersion": found.first.rho,
        "precision_between": found.first.precision,
        "flagged_centres": len(centres),
        "largest_centre": int(centres.max()) if len(centres) else 0,
    }


def _rows(
    x: NDArray[np.float64],
    at: NDArray[np.int64],
    least: NDArray[np.float64],
    sheets: Sheets,
    found: Discord,
    adjusted: NDArray[np.float64],
) -> Columns:
    return {
        "sid": sheets.sid[at],
        "registered": sheets.registered[at],
        "valid": sheets.valid[at].astype(np.int64),
        "votes": x[at].astype(np.int64),
        "expected": found.expected[at],
        "distance": found.distance[at],
        "p": found.p[at],
        "p_adjusted": adjusted[at],
        "p_without_slip": least,
    }


def _figure(found: Mapping[int, Discord], context: Context) -> tuple[Figure, ...]:
    edges = np.arange(-8.0, 8.5, 0.5)
    names = [context.case.options[k].name for k in found]
    counts = [
        np.histogram(np.clip(d.distance[d.level >= 0], -7.99, 7.99), edges)[0]
        for d in found.values()
    ]
    far = "; ".join(
        f"{name}: {int(c[(edges[:-1] < -5) | (edges[1:] > 5)].sum())} beyond 5"
        for name, c in zip(names, counts, strict=True)
    )
    return (
        Figure(
            id="sheets.sibling-outlier",
            chart="histogram",
            rows={
                "low": np.tile(edges[:-1], len(counts)),
                "high": np.tile(edges[1:], len(counts)),
                "count": np.concatenate(counts).astype(np.float64),
                "series": np.repeat(np.array(names, dtype=object), len(edges) - 1),
            },
            alt="Sheets by distance from what their siblings predict, in standard"
            f" deviations, for each option tested. {far}.",
            labels={
                "title": "Distance of sheets from their siblings",
                "x": "standard deviations (ends: and beyond)",
                "y": "sheets",
                "series": "option",
            },
        ),
    )
