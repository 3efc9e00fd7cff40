"""Stations at which everybody on the list voted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.expected import edge_rows, expectation, surprise_order
from veedor.checks.siblings import Edge, Sheets, edge, read_sheets, sheets_query

SMALLEST = 25
"""Upper edge of the first class of size; each next is twice as wide."""
LARGE = 200
"""Registered voters from which full turnout is nothing that a few voters bring about."""


class FullTurnout(Check):
    """Count the stations with turnout of exactly 100 %, and how many their size and place predict.

    Stations are compared only with stations of their own class of size (below 25 voters, 25 to 49,
    50 to 99, 100 to 199 ...). More votes than voters is `sheets.over-registered`, not counted here.

    Statistic
    ---------
    stations, valid : int
        Stations with as many votes cast as voters registered; their valid votes.
    median_registered, median_registered_all : float
    at_least_99 : int
        Stations with turnout of 99 to 100 %.
    expected, expected_low, expected_high, predicted, stations_predicted
        How many other stations of the same size and place predict; see `sheets.unanimous`.
    by_size : array of {at_least, below, stations, full, expected}
        By registered voters.
    compared : array of {level, stations}
    votes : object by option
        Votes on the stations at 100 %.
    unanimous : int
        Those on which every valid vote is for one option.

    Uncertainty
    -----------
    p_value is the chance of at least so many when each station's turnout is predicted by the other
    stations of its size in its centre, or else in the places around it. Small stations are mostly
    alone in their centre: as a class they predict about what was seen, and an excess shows only
    among those that have others of their size beside them. A p_value of 1e-12 means at most that.

    Source
    ------
    As `sheets.unanimous`, with voters as trials, fitted within each class of size.
    """

    title = "Stations with turnout of exactly 100 %"
    asks = "At how many stations did everybody on the list vote, given their size and place?"
    rule = "No rule forbids it; some voters are usually absent, ill or dead."
    kind = "anomaly"
    p_value_of = "so many such stations, by what the stations of their size predict"
    needs = ("registered",)
    sentences = {
        "observed": (
            "At {stations:station|stations}, with {valid} valid votes, as many voted as are"
            " registered{against}."
        ),
        "not-observed": "No station has turnout of exactly 100 %{against}.",
        "void": (
            "Votes cast equal registered voters on every sheet; one seems to be copied from the"
            " other, so that turnout says nothing."
        ),
        "not-determinable": "No sheet has both registered voters and votes.",
    }
    benign = (
        Benign(
            "small-stations",
            "At very small stations all may well come.",
            "The median of registered voters is {median_registered} at these stations and"
            " {median_registered_all} at all.",
        ),
        Benign(
            "high-turnout-there",
            "Turnout is high in the place, as where voting is compulsory or done together.",
            "Of {with_siblings} of these stations with others of their size in the centre,"
            " {high} have a turnout of at least 95 % at those.",
        ),
        Benign(
            "absent-as-invalid",
            "Unused ballots, or voters who did not come, were entered as blank or null votes.",
            "Blank and null votes are {points} % of the votes at those of {large_from} voters or"
            " more and {points_others} % at other stations of that size. At the rate of the other"
            " stations of their centre, {stop} of {with_rate} would hold at least one blank or"
            " null vote less than they do and not be full, {ballots} votes in all; of the stations"
            " that are not full, {points_above} % hold at least one more than at that rate.",
        ),
        Benign(
            "extra-voters", "Officials or others not on the list voted, as many as were absent."
        ),
        Benign("current-list", "The list was corrected for the absent shortly before the vote."),
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
        tampered={"fabricated": 0.95},
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The counted sheets."""
        return {"sheets": sheets_query(evidence)["sheets"]}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact."""
        sheets = read_sheets(measured["sheets"], context)
        known = np.nan_to_num(sheets.registered) > 0
        registered = np.where(known, np.nan_to_num(sheets.registered), 0.0)
        cast = sheets.cast
        full = known & (cast == registered)
        base: dict[str, Any] = {"stations": int(full.sum()), "valid": int(sheets.valid[full].sum())}
        if not known.any() or not cast[known].any():
            yield self.fact("not-determinable", base)
            return
        if full.sum() == known.sum() > 1:
            yield self.fact("void", base)
            return
        size = _classes(registered)
        found = _by_size(np.minimum(cast, registered), registered, size, sheets)
        expected, against, rest = expectation(found, full, registered)
        table = list(_table(full, found, size, known))
        statistic = base | {
            "median_registered": float(np.median(registered[full])) if full.any() else None,
            "median_registered_all": float(np.median(registered[known])),
            "at_least_99": int(
                (known & (100 * cast >= 99 * registered) & (cast <= registered)).sum()
            ),
            **expected,
            "by_size": table,
            "compared": found.compared(sheets.levels, known),
            "votes": {o: int(sheets.votes[full, k].sum()) for k, o in enumerate(context.options)},
            "unanimous": int(
                (full & (sheets.valid > 0) & (sheets.votes.max(axis=1) == sheets.valid)).sum()
            ),
        }
        order = surprise_order(full, found, sheets)
        yield self.fact(
            "observed" if full.any() else "not-observed",
            statistic,
            words={"against": against},
            explanations=self._explain(full, found, sheets, statistic) if full.any() else (),
            questioned=sheets.sid[order] if full.any() else None,
            rows=edge_rows(sheets, found, order) if full.any() else None,
            figures=(_figure(table),) if table else (),
            **rest,
        )

    def _explain(
        self, full: np.ndarray, found: Edge, sheets: Sheets, statistic: Mapping[str, Any]
    ) -> Any:
        near = full & (found.others > 0)
        medians = ("median_registered", "median_registered_all")
        absent = _absent_as_invalid(full, sheets)
        return self.explain(
            **({"absent_as_invalid": absent} if absent else {}),
            small_stations={name: statistic[name] for name in medians},
            high_turnout_there={
                "with_siblings": int(near.sum()),
                "high": int((near & (found.share >= 0.95)).sum()),
            },
        )


def _absent_as_invalid(full: NDArray[np.bool_], sheets: Sheets) -> dict[str, Any] | None:
    """What the full stations would hold at the blank and null rates of their centre's others."""
    known = ~np.isnan(sheets.blank + sheets.null) & (sheets.cast > 0)
    cast = np.where(known, sheets.cast, 0.0)
    invalid = np.where(known, cast - sheets.valid, 0.0)
    ordinary = known & ~full
    large = np.nan_to_num(sheets.registered) >= LARGE
    sums = [
        (float(invalid[mask].sum()), float(cast[mask].sum()))
        for mask in (full & large & known, ordinary & large)
    ]
    if not sums[0][1] or sums[1][0] >= sums[1][1]:
        return None
    centre = sheets.cells[0]
    votes = np.bincount(centre, np.where(ordinary, cast, 0.0))[centre]
    spoilt = np.bincount(centre, np.where(ordinary, invalid, 0.0))[centre]
    able = known & (votes > spoilt)
    rate = np.where(able, spoilt / np.where(able, votes, 1.0), 0.0)
    above = invalid - np.round(sheets.valid * rate / (1.0 - rate))
    excess = above[full & able]
    return {
        "large_from": LARGE,
        "points": round(100 * sums[0][0] / sums[0][1], 2),
        "points_others": round(100 * sums[1][0] / sums[1][1], 2),
        "with_rate": len(excess),
        "points_above": round(100 * float((above[ordinary & able] >= 1).mean()), 1),
        "stop": int((excess >= 1).sum()),
        "ballots": int(excess[excess >= 1].sum()),
    }


def _classes(registered: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 below `SMALLEST`, 1 below twice that, and so on; -1 where nobody is registered."""
    log = np.floor(np.log2(np.maximum(registered, 1.0) / SMALLEST)) + 1.0
    return np.where(registered > 0, np.maximum(log, 0.0), -1.0).astype(np.int64)


def _by_size(
    x: NDArray[np.float64],
    n: NDArray[np.float64],
    size: NDArray[np.int64],
    sheets: Sheets,
) -> Edge:
    """Each class of size predicted by itself alone."""
    parts = Edge.empty(len(n))
    for one in np.unique(size[size >= 0]):
        at = np.flatnonzero(size == one)
        cells = tuple(np.unique(c[at], return_inverse=True)[1] for c in sheets.cells)
        parts.put(at, edge(x[at], n[at], cells))
    return parts


def _table(
    full: np.ndarray, found: Edge, size: NDArray[np.int64], known: np.ndarray
) -> Iterable[dict[str, Any]]:
    for one in np.unique(size[size >= 0]):
        here = known & (size == one)
        yield {
            "at_least": 0 if one == 0 else SMALLEST * 2 ** (int(one) - 1),
            "below": SMALLEST * 2 ** int(one),
            "stations": int(here.sum()),
            "full": int((full & here).sum()),
            "expected": float(found.chance[here].sum()),
        }


def _figure(table: list[dict[str, Any]]) -> Figure:
    said = "; ".join(
        f"{row['at_least']} to {row['below'] - 1} voters: {row['full']} of {row['stations']},"
        f" expected {row['expected']:.1f}"
        for row in table
    )
    return Figure(
        id="sheets.full-turnout",
        chart="bars",
        rows={
            "label": np.array(
                [f"{row['at_least']} to {row['below'] - 1} voters" for row in table], dtype=object
            ),
            "value": np.array([float(row["full"]) for row in table]),
            "reference": np.array([row["expected"] for row in table]),
        },
        alt=f"Stations with turnout of exactly 100 % by registered voters. {said}.",
        labels={"title": "Stations at 100 % (bar) and expected (mark)", "x": "stations", "y": ""},
    )
