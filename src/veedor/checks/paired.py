"""Two records of the same sheets, cell by cell: what the checks that reconcile counts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.case.tables import cell, votes_columns
from veedor.checks.base import Context, Evidence
from veedor.engine.evidence import CountInfo
from veedor.stats.slips import KINDS, Slips, classify

UNREAD = -1
"""Stands in a measured cell that is no whole number of votes."""

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


def lines(counts: Mapping[str, CountInfo], options: int, first: str, second: str) -> list[str]:
    """The columns that both counts record: votes in ballot order, then blank and null."""
    both = counts[first].fields & counts[second].fields
    return [*votes_columns(options), *(n for n in ("blank", "null") if n in both)]


def recorded(evidence: Evidence, count: str) -> ir.Table:
    """The counted sheets of a count on which at least one option has a number."""
    sheets = evidence.sheets(count)
    read = reduce(lambda a, b: a | b, [sheets[v].notnull() for v in evidence.votes_columns])
    return sheets.filter(sheets.counted & read)


def pairs(evidence: Evidence, first: str, second: str) -> ir.Table:
    """The sheets recorded by both counts: `sid`, `region`, and each line as `a_` and `b_`."""
    names = lines(evidence.counts, evidence.options, first, second)
    left, right = recorded(evidence, first), recorded(evidence, second)
    region = cell(evidence.case.region_level)
    other = right.select("sid", **{f"b_{n}": right[n].fill_null(UNREAD) for n in names})
    joined = left.join(other, "sid")
    return joined.select(
        "sid",
        region=joined[region],
        **{f"a_{n}": joined[n].fill_null(UNREAD) for n in names},
        **{f"b_{n}": joined[f"b_{n}"] for n in names},
    )


def places(evidence: Evidence) -> ir.Table:
    """The name of each region."""
    stations = evidence.stations()
    level = evidence.case.region_level
    return stations.group_by(region=stations[cell(level)]).agg(place=stations[level].min())


def totals(evidence: Evidence) -> ir.Table:
    """Sums of the official count, over the sheets that the authority counted."""
    sheets = evidence.sheets()
    counted = sheets.filter(sheets.counted)
    names = [*evidence.votes_columns, "blank", "null", "registered"]
    return counted.agg(
        sheets=counted.count(), **{n: counted[n].fill_null(0).sum().fill_null(0) for n in names}
    )


def same_source(counts: Mapping[str, CountInfo], first: str, second: str) -> bool:
    """Whether two counts are read from the same cells of the same file, so that they cannot
    differ.
    """
    one, two = counts[first].source, counts[second].source
    places_of = [
        (s.file, s.member, s.sheet, s.header, s.only, tuple(s.options.items())) for s in (one, two)
    ]
    return places_of[0] == places_of[1]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records of n sheets.

    Attributes
    ----------
    sid, region : int64 (n)
    first, second : int64 (n, lines)
        Votes of each option in ballot order, then blank and null where both counts have them;
        negative where not read.
    names : tuple of str (lines)
        Option ids, then `blank` and `null`.
    options : int
    slips : Slips
        What differs, and by which slip.
    """

    sid: Ints
    region: Ints
    first: Ints
    second: Ints
    names: tuple[str, ...]
    options: int
    slips: Slips

    @classmethod
    def of(cls, columns: Columns, context: Context) -> Pair:
        """The pair in the rows that `pairs` measured."""
        ids = dict(zip(votes_columns(len(context.options)), context.options, strict=True))
        measured = [name[2:] for name in columns if name.startswith("a_")]
        first, second = (
            np.stack([columns[f"{side}_{n}"].astype(np.int64) for n in measured], axis=1)
            for side in ("a", "b")
        )
        return cls(
            sid=columns["sid"].astype(np.int64),
            region=columns["region"].astype(np.int64),
            first=first,
            second=second,
            names=tuple(ids.get(n, n) for n in measured),
            options=len(context.options),
            slips=classify(first, second),
        )

    @property
    def change(self) -> Ints:
        """int64 (n, lines): first less second, 0 where one of them is not read."""
        known = (self.first >= 0) & (self.second >= 0)
        return np.where(known, self.first - self.second, 0)

    @property
    def changed(self) -> Mask:
        """bool (n): some line differs."""
        return np.asarray(self.slips.kind != KINDS.index("same"))

    @property
    def one_sided(self) -> Mask:
        """bool (n): some line has votes in one record and no number in the other."""
        lone = (self.first > 0) & (self.second < 0) | (self.first < 0) & (self.second > 0)
        return np.asarray(lone.any(axis=1))


@dataclass(frozen=True, slots=True)
class Standing:
    """The official totals and the two options between which the lead is taken."""

    totals: Mapping[str, int]
    winner: str
    runner_up: str
    basis: int

    @classmethod
    def of(cls, columns: Columns, context: Context) -> Standing | None:
        """None where the official count has no votes or only one option."""
        sums = {k: int(v[0]) for k, v in columns.items()}
        votes = [sums[v] for v in votes_columns(len(context.options))]
        outcome = context.case.contest_rule.decide(
            votes, sums["blank"], sums["null"], sums["registered"] or None
        )
        if outcome.basis <= 0 or len(outcome.ranking) < 2:
            return None
        winner = outcome.winner or outcome.ranking[0]
        rest = [o for o in outcome.ranking if o != winner]
        return cls(sums, winner, outcome.runner_up or rest[0], outcome.basis)

    def lead(self, change: Ints, context: Context) -> Ints:
        """int64 (n): the winner's less the runner-up's."""
        order = context.options
        return change[:, order.index(self.winner)] - change[:, order.index(self.runner_up)]
