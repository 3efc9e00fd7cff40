"""What the other sheets of a place predict of a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.tables import cell
from veedor.checks.base import Columns, Context, Evidence
from veedor.checks.recorded import known, votes
from veedor.stats import mixing
from veedor.stats.betabinomial import log_point
from veedor.stats.leaveoneout import (
    Dispersion,
    discordance,
    dispersion,
    predict,
    trimmed_dispersion,
)
from veedor.stats.uneven import GRID, Mixed, Unevenness, fit, predict_mixed

__all__ = [
    "LEVEL",
    "Discord",
    "Edge",
    "Sheets",
    "discord",
    "edge",
    "read_sheets",
    "sheets_query",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

RARE = 1e-4
"""Below this the chance of the edge is the beta prior's; above, the fitted distribution's."""
SMALL = 3
"""Sheets of a cell up to which it is like those with one sheet: small places, not towns."""
LEVEL = 0.05
"""Family-wise level of what is told of single sheets."""
SLIGHT = 0.001
"""Above it no sheet among more than a thousand is told apart."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """The counted sheets: n of them, K options, levels from the siblings' one outwards.

    Attributes
    ----------
    sid : int64 (n)
    votes : int64 (n, K)
    valid, registered, blank, null : float64 (n), NaN where not recorded (`valid` never is)
    levels : names, the siblings' first
    cells : int64 (n) each, codes from 0
    history : float64 (n, K) or None
        Earlier share of the place that stands for the option, NaN where not known.
    """

    sid: Ints
    votes: Ints
    valid: Floats
    registered: Floats
    blank: Floats
    null: Floats
    levels: tuple[str, ...]
    cells: tuple[Ints, ...]
    history: Floats | None

    @property
    def cast(self) -> Floats:
        """Valid, blank and null votes, as far as recorded: float64 (n)."""
        return self.valid + np.nan_to_num(self.blank) + np.nan_to_num(self.null)


def sheets_query(evidence: Evidence) -> Mapping[str, ir.Table]:
    """The counted sheets, with the earlier election of their place where the case has one.

    A sheet with a cell of votes that is empty or no number is left out: its votes are not known, so
    that it can be neither unanimous nor without votes for somebody. `sheets.cells` has it.
    """
    t = evidence.sheets()
    t = t.filter(t.counted, *(t[v].notnull() for v in evidence.votes_columns))
    levels = [cell(level) for level in evidence.case.geography]
    kept = ["sid", *evidence.votes_columns, "registered", "blank", "null", *levels]
    if not evidence.has("history") or evidence.history_level is None:
        return {"sheets": t.select(*kept)}
    past = evidence.history()
    shares = [f"h{i}" for i in range(evidence.options)]
    past = past.select("cell", *shares)
    joined = t.left_join(past, t[cell(evidence.history_level)] == past.cell)
    return {"sheets": joined.select(*kept, *shares)}


def read_sheets(rows: Columns, context: Context) -> Sheets:
    """The measured sheets as arrays."""
    geography = context.case.geography
    start = geography.index(context.case.sibling_level)
    levels = tuple(reversed(geography[: start + 1]))
    count = len(context.options)
    matrix = votes(rows, count)
    history = None
    if "h0" in rows:
        history = np.stack([known(rows[f"h{i}"]) for i in range(count)], axis=1)
    return Sheets(
        sid=rows["sid"].astype(np.int64),
        votes=matrix,
        valid=matrix.sum(axis=1).astype(np.float64),
        registered=known(rows["registered"]),
        blank=known(rows["blank"]),
        null=known(rows["null"]),
        levels=levels,
        cells=tuple(_codes(rows[cell(level)]) for level in levels),
        history=history,
    )


def _codes(values: NDArray[np.generic]) -> Ints:
    """Codes from 0, kept as they are where they are small whole numbers already."""
    if values.dtype.kind in "iu" and (
        not len(values) or (values.min() >= 0 and values.max() < 4 * len(values) + 1000)
    ):
        return values.astype(np.int64)
    numbers = np.nan_to_num(known(values), nan=-1.0)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Edge:
    """The chance that every trial of a sheet succeeds, given the other sheets of its place.

    Attributes
    ----------
    chance : float64 (n)
        0 where nothing compares.
    level : int64 (n)
        Index of the level at which the sheet was compared, -1 where at none.
    others : int64 (n)
        Siblings with trials in the cell of the first level.
    share : float64 (n)
        Their pooled share, NaN where there are none.
    given : Dispersion
        Within and between the cells of the first level.
    mixing : Mixing
        What the cells of the first level are like.
    """

    chance: Floats
    level: Ints
    others: Ints
    share: Floats
    given: Dispersion
    mixing: mixing.Mixing | None = None

    @classmethod
    def empty(cls, n: int) -> Edge:
        """Nothing compared yet."""
        none = Dispersion(np.nan, np.nan, np.nan, 0, 0)
        return cls(
            np.zeros(n),
            np.full(n, -1, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            np.full(n, np.nan),
            none,
        )

    def put(self, at: Ints, part: Edge) -> None:
        """Fill in the sheets at some positions."""
        self.chance[at], self.level[at] = part.chance, part.level
        self.others[at], self.share[at] = part.others, part.share

    def compared(self, levels: tuple[str, ...], among: Mask) -> list[dict[str, object]]:
        """How many sheets were compared at which level."""
        return _by_level(self.level, levels, among)


def edge(x: Floats, n: Floats, cells: tuple[Ints, ...]) -> Edge:
    """P(x = n) of each sheet, from its siblings or else from the places around it."""
    group = cells[0]
    given = dispersion(x, n, group)
    found = predict(x, n, group, given)
    some = n > 0
    near = some & (found.others > 0)
    level = np.where(near, 0, -1)
    for i, wider in enumerate(cells[1:], start=1):
        if (some & (level < 0)).any():
            count = np.bincount(wider, some)[wider]
            level[some & (level < 0) & (count > 1)] = i
    chance = np.zeros(len(x))
    chance[near] = np.exp(
        np.minimum(log_point(n[near], n[near], found.a[near], found.b[near]), 0.0)
    )
    wanted = near & ((chance > RARE) | (x == n))
    fitted = mixing.fit(x, n, group, given.rho)
    if wanted.any():
        chance[wanted] = mixing.all_succeed(x, n, cells, wanted, fitted)
    alone = some & (level > 0)
    if alone.any():
        alike = np.where(found.others < SMALL, n, 0.0)
        small = mixing.fit(x, alike, group, given.rho)
        chance[alone] = mixing.all_succeed(x, n, cells, alone, small)
    return Edge(chance, level, found.others, found.share, given, fitted)


@dataclass(frozen=True, slots=True)
class Discord:
    """How far each sheet is from what the other sheets of its place predict.

    Attributes
    ----------
    p : float64 (n)
        Two-sided mid-p, NaN where not compared. Where small, that of a place whose unevenness is
        one of those that places have, the greatest with any one sibling left out; no less than
        under one unevenness for all.
    expected : float64 (n)
        Expected count; `distance` the deviation from it in standard deviations.
    level : int64 (n), -1 where not compared
    place : int64 (n)
        Row of the sheet in `mixed`, the predictions of those with a small p; -1 in none.
    first, uneven : of the first level
    """

    p: Floats
    expected: Floats
    distance: Floats
    level: Ints
    place: Ints
    mixed: Mixed
    first: Dispersion
    uneven: Unevenness

    def compared(self, levels: tuple[str, ...], among: Mask) -> list[dict[str, object]]:
        """How many sheets were compared at which level."""
        return _by_level(self.level, levels, among)

    def p_of(self, at: Ints, x: Floats, n: Floats) -> Floats:
        """Mid-p that these sheets, all in `mixed`, would have with other numbers; 1 with none."""
        result = np.ones(len(at))
        some = n > 0
        result[some] = self.mixed.of(self.place[at[some]]).p(x[some], n[some])
        return result

    def least(self, adjusted: Floats) -> float:
        """The least corrected p-value, no less than what the sheets compared can bear out."""
        return max(float(adjusted.min()), min(self.uneven.resolution, 1.0))


def discord(x: Floats, n: Floats, cells: tuple[Ints, ...]) -> Discord:
    """The two-sided discordance of each sheet, from the finest of the cells that compares."""
    level = np.full(len(x), -1, dtype=np.int64)
    p, expected = np.full(len(x), np.nan), np.full(len(x), np.nan)
    distance, place = np.zeros(len(x)), np.full(len(x), -1, dtype=np.int64)
    parts: list[Mixed] = []
    first: tuple[Dispersion, Unevenness] | None = None
    slight = SLIGHT if (n > 0).sum() > 1 / SLIGHT else LEVEL
    for i, group in enumerate(cells):
        open_ = (level < 0) & (n > 0)
        if first is not None and not open_.any():
            break
        given = trimmed_dispersion(x, n, group) if first is None else dispersion(x, n, group)
        found = predict(x, n, group, given)
        now = open_ & (found.others > 0)
        level[now] = i
        expected[now] = (n * found.a / (found.a + found.b))[now]
        distance[now] = found.standardised(x, n)[now]
        p[now] = discordance(x, n, found)[now]
        uneven = fit(x, n, group, given)
        first = first or (given, uneven)
        at = np.flatnonzero(now & (p <= slight))
        if len(at):
            mixed, wide = predict_mixed(x, n, group, at, given, uneven)
            place[at] = np.arange(len(at)) + sum(len(part.a) for part in parts)
            parts.append(mixed)
            p[at] = np.maximum(p[at], wide)
    assert first is not None
    none = np.empty((0, len(GRID)))
    mixed = Mixed(*(np.concatenate([none, *parts_of]) for parts_of in _columns(parts)))
    return Discord(p, expected, distance, level, place, mixed, *first)


def _columns(parts: list[Mixed]) -> tuple[list[Floats], list[Floats], list[Floats]]:
    return [m.a for m in parts], [m.b for m in parts], [m.weights for m in parts]


def _by_level(level: Ints, levels: tuple[str, ...], among: Mask) -> list[dict[str, object]]:
    return [
        {"level": name, "stations": int((among & (level == i)).sum())}
        for i, name in enumerate(levels)
    ]
