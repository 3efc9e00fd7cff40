"""Replacing questioned sheets by what comparable sheets say: draws of donors within the finest
cell that has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.contest.materiality import Contest, Treatment
from veedor.contest.rules import Rule
from veedor.errors import VeedorError

__all__ = ["replace"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CHUNK = 16384
TAIL = 0.025


@dataclass(frozen=True, slots=True, eq=False)
class Donors:
    """For each matched sheet, a run of donors: ``order[start : start + count]`` are rows of the
    matrix.

    ``valid`` (float64): the valid votes that the matched sheet keeps. One Donors per level of
    geography.
    """

    order: Ints
    start: Ints
    count: Ints
    valid: Floats

    def draw(self, matrix: Ints, sizes: Floats, rng: np.random.Generator) -> Floats:
        """Votes per option of the matched sheets, each with the shares of a donor drawn at
        random; float64.

        In chunks, so that memory does not grow with the number of sheets.
        """
        total = np.zeros(matrix.shape[1])
        for at in range(0, len(self.start), CHUNK):
            part = slice(at, at + CHUNK)
            picks = rng.integers(0, self.count[part])
            rows = self.order[self.start[part] + picks]
            total += (self.valid[part] / sizes[rows]) @ matrix[rows]
        return total


def replace(
    rule: Rule,
    matrix: Ints,
    mask: NDArray[np.bool_],
    cells: Sequence[Ints],
    rng: np.random.Generator,
    blank: Ints | None = None,
    null: Ints | None = None,
    registered: int | None = None,
    history: Floats | None = None,
    replicates: int = 200,
) -> Treatment:
    """Each questioned sheet keeps its number of valid votes and takes the shares of a comparable
    sheet.

    ``cells``: one array of nonnegative codes per level, finest first (centre, locality ...); -1
    is unknown. A donor is drawn at random, with replacement, among the unquestioned sheets with
    valid votes of the finest cell that has any. Where no level has one, ``history`` (sheets x
    options, shares of an earlier election, a row with nan is none) is used, and where that has
    none the sheet is left as it is and counted as unmatched. Blank and null votes stay.

    ``margin_points`` and ``winner`` are those of the mean total, ``low`` and ``high`` the 2.5 and
    97.5 percentiles over the replicates. The outcome changes if the mean's does or if more than
    2.5 % of the replicates' do. Totals are rounded to whole votes by largest remainders before
    the rule decides. Draws follow the order of the rows: sort them by key for a result that does
    not depend on it. Hot-deck imputation: Little and Rubin, Statistical Analysis with Missing
    Data, 2nd ed. 2002, section 4.3. VeedorError where shapes do not fit.
    """
    contest = Contest.of(rule, matrix, mask, blank, null, registered)
    if replicates < 1:
        raise VeedorError("no replicates", remedy="ask for at least 1")
    sizes = contest.matrix.sum(axis=1)
    waiting = np.flatnonzero(contest.mask & (sizes > 0))
    empty = int(contest.mask.sum()) - len(waiting)
    giving = np.flatnonzero(~contest.mask & (sizes > 0) & (contest.matrix >= 0).all(axis=1))
    levels: list[Donors] = []
    for codes in cells:
        donors, waiting = _match(_codes(codes, len(sizes)), giving, waiting, sizes)
        levels.append(donors)
    fixed = np.array(column_totals(contest), dtype=np.float64)
    past, waiting = _past(history, contest.matrix, waiting, sizes)
    fixed += past.votes + contest.matrix[waiting].sum(axis=0)
    sizes_float = sizes.astype(np.float64)
    totals = np.tile(fixed, (replicates, 1))
    for row in totals:
        for donors in levels:
            row += donors.draw(contest.matrix, sizes_float, rng)
    details: dict[str, object] = {
        "sheets": int(contest.mask.sum()) - empty,
        "empty": empty,
        "matched": [len(d.start) for d in levels],
        "history": past.sheets,
        "unmatched": len(waiting),
    }
    return _summary(contest, totals, details)


def _match(codes: Ints, giving: Ints, waiting: Ints, sizes: Ints) -> tuple[Donors, Ints]:
    """The waiting sheets whose cell has donors, and those that still wait."""
    giving = giving[codes[giving] >= 0]
    order = giving[np.argsort(codes[giving], kind="stable")]
    known = codes[order]
    start = np.searchsorted(known, codes[waiting], side="left")
    count = np.searchsorted(known, codes[waiting], side="right") - start
    found = count > 0
    valid = sizes[waiting[found]].astype(np.float64)
    return Donors(order, start[found], count[found], valid), waiting[~found]


def _codes(codes: Ints, sheets: int) -> Ints:
    array = np.asarray(codes)
    if array.shape != (sheets,) or array.dtype.kind not in "iu":
        raise VeedorError(
            f"a level of cells has shape {array.shape} and type {array.dtype} for {sheets} sheets",
            remedy="give one integer code per sheet",
        )
    return array.astype(np.int64, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Votes per option that an earlier election's shares give, and for how many sheets."""

    votes: Floats
    sheets: int


def _past(history: Floats | None, matrix: Ints, waiting: Ints, sizes: Ints) -> tuple[Past, Ints]:
    if history is None:
        return Past(np.zeros(matrix.shape[1]), 0), waiting
    shares = np.asarray(history, dtype=np.float64)
    if shares.shape != matrix.shape:
        raise VeedorError(
            f"history has shape {shares.shape}, the matrix {matrix.shape}",
            remedy="give one row of shares per sheet, nan where there are none",
        )
    mine = shares[waiting]
    whole = mine.sum(axis=1)
    known = np.isfinite(whole) & (whole > 0) & (mine >= 0).all(axis=1)
    weight = sizes[waiting[known]] / whole[known]
    return Past(weight @ mine[known], int(known.sum())), waiting[~known]


def column_totals(contest: Contest) -> tuple[int, ...]:
    """Votes per option on the sheets that are not questioned, and on questioned ones without
    positive valid votes.
    """
    kept = ~contest.mask | (contest.matrix.sum(axis=1) <= 0)
    return tuple(int(v) for v in contest.matrix[kept].sum(axis=0))


def _summary(contest: Contest, totals: Floats, details: dict[str, object]) -> Treatment:
    valid = sum(contest.votes)
    now = contest.outcome.identity
    changed = sum(contest.decide(_whole(row, valid)).identity != now for row in totals)
    points = np.array([contest.points(_whole(row, valid)) for row in totals])
    mean = _whole(totals.mean(axis=0), valid)
    after = contest.decide(mean)
    low, high = np.percentile(points, [100 * TAIL, 100 * (1 - TAIL)])
    share = changed / len(totals)
    details |= {"votes": mean, "changed": changed, "share_changed": share}
    return Treatment(
        "replace",
        contest.points(mean),
        after.winner,
        after.identity != now or share > TAIL,
        float(low),
        float(high),
        len(totals),
        details,
    )


def _whole(votes: Floats, valid: int) -> tuple[int, ...]:
    """Whole votes that sum to ``valid``, by largest remainders; equal remainders in the order of
    the options.
    """
    floor = np.floor(votes + 1e-9)
    rest = valid - int(floor.sum())
    whole = [int(v) for v in floor]
    for i in np.argsort(floor - votes, kind="stable")[: max(rest, 0)]:
        whole[int(i)] += 1
    return tuple(whole)
