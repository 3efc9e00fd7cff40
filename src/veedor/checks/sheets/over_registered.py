"""Whether more votes were cast at a station than it had registered voters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.recorded import by_winner, known, votes, winner_names, winners

SIZES = (0, 1, 50, 100, 200, 300, 500, 1000)
"""Lower ends of the classes of registered voters; a list of nobody is a class of its own."""


class OverRegistered(Check):
    """Count the sheets with more votes than registered voters, and the votes beyond the list.

    The finding without a subject is about the sum of the lines; `declared`, about the number of
    votes or voters that the sheet itself states, where the official count has it. A station whose
    list is zero is over it with its first vote: such stations are also given apart.

    Statistic
    ---------
    stations, excess : int
        Sheets with more votes than registered voters; the votes beyond, summed over them.
    compared : int
        Counted sheets with both numbers.
    exactly : int
        Sheets with exactly as many votes as registered voters.
    largest : int
        The most votes beyond the list on one sheet.
    no_list, no_list_votes : int
        Of `stations`, those whose list is zero; the votes cast there.
    unknown : int
        Counted sheets without a number of registered voters (or without a stated total).
    sizes : array of {from, to, compared, stations, excess}
        By registered voters (`to` is exclusive, null for no limit).
    by_winner : array of {option, compared, stations, excess}
        By who won the sheet (null: nobody).

    Uncertainty
    -----------
    None: every sheet is compared. What the law lets vote beyond the list is in the explanations.

    Source
    ------
    The identity cast <= registered, which holds where only those on the list may vote.
    """

    title = "More votes than registered voters"
    asks = "Are more votes recorded at a station than it has registered voters?"
    rule = "Only voters on the station's list vote there, once each."
    kind = "irregularity"
    needs = ("registered",)
    heading = "Sheets with more {total} than registered voters"
    sentences = {
        "observed": (
            "{stations} of {compared} sheets hold more {total} than registered voters, {excess}"
            " votes beyond their lists in all and {largest} on one sheet."
        ),
        "not-observed": (
            "None of {compared} sheets holds more {total} than registered voters; {exactly} hold"
            " exactly as many."
        ),
        "void": (
            "The number of registered voters equals the {total} on every one of {compared} sheets;"
            " a list made from the votes cannot be exceeded, and nothing is tested."
        ),
        "not-determinable": (
            "No counted sheet has both a number of registered voters and {total}: {unknown} lack"
            " one of them."
        ),
    }
    benign = (
        Benign(
            "extra-voters",
            "The law lets people vote who are not on the list: officials, delegates, voters in"
            " transit.",
            "The case says that the law lets such people vote: {law}; {few} of the {stations}"
            " stations are over by at most five votes, and {tenth} by at most a tenth of the list.",
        ),
        Benign(
            "no-list",
            "The station is of a kind that has no list of its own, and zero stands for it.",
            "{no_list} of the {stations} stations have a list of zero.",
        ),
        Benign(
            "register-changes",
            "The list was changed after the register in this file was made.",
            "{explained} of the {stations} stations are within the number of registered voters"
            " that another count of the case gives for them.",
        ),
        Benign("transcription", "A line of the sheet or the number on the list was miswritten."),
    )
    promise = Promise(alarm="status", tampered={"over-registered": 0.99})
    """Nothing on honest elections: one slip of the pen on a full station is enough to be seen."""

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Registered, cast and stated votes of every counted sheet; other counts' registers."""
        sheets = evidence.sheets()
        columns = ["sid", *evidence.votes_columns, "registered", "cast", "declared_cast"]
        queries = {"sheets": sheets.filter(sheets.counted).select(*columns)}
        for name, info in evidence.counts.items():
            if name != evidence.official and "registered" in info.fields:
                other = evidence.sheets(name)
                most = ibis.greatest(sheets["cast"], sheets.declared_cast.fill_null(0))
                over = sheets.filter(most > sheets.registered).select("sid")
                queries[f"count:{name}"] = other.semi_join(over, "sid").select("sid", "registered")
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for the votes on the lines, one for the stated total where there is one."""
        rows = measured["sheets"]
        others = [v for k, v in measured.items() if k.startswith("count:")]
        matrix = votes(rows, len(context.options))
        yield self._against(rows, matrix, known(rows["cast"]), "", others, context)
        if "declared_cast" in context.counts[context.case.official].fields:
            stated = known(rows["declared_cast"])
            yield self._against(rows, matrix, stated, "declared", others, context)

    def _against(
        self,
        rows: Columns,
        matrix: NDArray[np.int64],
        cast: NDArray[np.float64],
        subject: str,
        others: list[Columns],
        context: Context,
    ) -> Fact:
        registered = known(rows["registered"])
        both = ~np.isnan(registered) & ~np.isnan(cast)
        excess = np.where(both, cast - registered, 0.0)
        over = excess > 0
        beyond = np.where(over, excess, 0.0).astype(np.int64)
        won = winners(matrix)
        empty = over & (registered == 0)
        statistic = {
            "stations": int(over.sum()),
            "excess": int(beyond.sum()),
            "compared": int(both.sum()),
            "exactly": int((both & (excess == 0) & (cast > 0)).sum()),
            "largest": int(beyond.max(initial=0)),
            "no_list": int(empty.sum()),
            "no_list_votes": int(cast[empty].sum()),
            "unknown": int((~both).sum()),
            "sizes": list(_sizes(registered, both, over, beyond)),
            "by_winner": [
                {
                    "option": option,
                    "compared": int((mask & both).sum()),
                    "stations": int((mask & over).sum()),
                    "excess": int(beyond[mask].sum()),
                }
                for option, mask in by_winner(won, context.options)
            ],
        }
        which = np.flatnonzero(over)
        which = which[np.lexsort((rows["sid"][which], -beyond[which]))]
        found = len(which) > 0
        return self.fact(
            _status(both, excess, cast, found),
            statistic,
            subject=subject,
            words={"total": "votes by their own statement" if subject else "votes"},
            explanations=self._explained(rows, which, beyond, cast, others, context)
            if found
            else (),
            questioned=np.sort(rows["sid"][which]) if found else None,
            rows={
                "sid": rows["sid"][which],
                "registered": registered[which],
                "cast": cast[which],
                "excess": beyond[which],
                "won_by": winner_names(won[which], context.options),
                **{o: matrix[which, i] for i, o in enumerate(context.options)},
            },
            figures=(_figure(statistic),) if found and not subject else (),
        )

    def _explained(
        self,
        rows: Columns,
        which: NDArray[np.int64],
        beyond: NDArray[np.int64],
        cast: NDArray[np.float64],
        others: list[Columns],
        context: Context,
    ) -> Any:
        stations = len(which)
        registered = known(rows["registered"])[which]
        tested: dict[str, Mapping[str, Any]] = {
            "extra_voters": {
                "law": context.case.extra_voters,
                "stations": stations,
                "few": int((beyond[which] <= 5).sum()),
                "tenth": int((beyond[which] <= 0.1 * registered).sum()),
            },
            "no_list": {"stations": stations, "no_list": int((registered == 0).sum())},
        }
        if others:
            sids = rows["sid"][which]
            within = np.zeros(stations, dtype=bool)
            for other in others:
                inside = np.isin(other["sid"], sids)
                at = np.searchsorted(np.sort(sids), other["sid"][inside])
                ordered = np.argsort(sids)[at]
                enough = known(other["registered"])[inside] >= cast[which][ordered]
                within[ordered[enough]] = True
            tested["register_changes"] = {"stations": stations, "explained": int(within.sum())}
        return self.explain(**tested)


def _status(
    both: NDArray[np.bool_],
    excess: NDArray[np.float64],
    cast: NDArray[np.float64],
    found: bool,
) -> Any:
    if not both.any():
        return "not-determinable"
    if found:
        return "observed"
    return "void" if both.sum() > 1 and not excess[both].any() else "not-observed"


def _sizes(
    registered: NDArray[np.float64],
    both: NDArray[np.bool_],
    over: NDArray[np.bool_],
    beyond: NDArray[np.int64],
) -> Iterable[dict[str, int | None]]:
    ends: list[float] = [*SIZES[1:], np.inf]
    for low, high in zip(SIZES, ends, strict=True):
        inside = both & (np.nan_to_num(registered, nan=-1.0) >= low) & (registered < high)
        yield {
            "from": low,
            "to": None if np.isinf(high) else int(high),
            "compared": int(inside.sum()),
            "stations": int((over & inside).sum()),
            "excess": int(beyond[inside].sum()),
        }


def _figure(statistic: Mapping[str, Any]) -> Figure:
    kept = [s for s in statistic["sizes"] if s["compared"]]
    names = [f"{s['from']}+" if s["to"] is None else f"{s['from']} to {s['to'] - 1}" for s in kept]
    return Figure(
        id="sheets.over-registered",
        chart="bars",
        rows={
            "label": np.array(names, dtype=object),
            "value": np.array([float(s["stations"]) for s in kept]),
        },
        alt="Sheets with more votes than registered voters, by size of the list: "
        + ", ".join(f"{n}: {s['stations']}" for n, s in zip(names, kept, strict=True)),
        labels={
            "title": "More votes than registered voters, by size of the list",
            "x": "sheets",
            "y": "registered voters",
        },
    )
