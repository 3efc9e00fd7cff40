"""Sheets at the edge (all votes for one, none for another, everybody voted): seen and expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns, Figure
from veedor.checks.base import Context, Fact, Interval
from veedor.checks.siblings import Edge, Sheets
from veedor.stats.mixing import all_of_groups_succeed
from veedor.stats.poissonbinomial import successes

__all__ = [
    "around",
    "edge_rows",
    "expectation",
    "expected_figure",
    "from_around",
    "in_words",
    "surprise_order",
    "unjudged",
    "whole_centres",
]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def expectation(
    found: Edge, mask: Mask, n: Floats, *, seen_first: bool = False
) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """How many sheets at the edge are to be expected: the statistic, a clause, and the fact's rest.

    Parameters
    ----------
    mask : bool (n)
        Sheets seen at the edge.
    n : float64 (n)
        Trials: sheets without are not predicted.
    seen_first : bool
        The question is asked only because there is such a sheet: p_value is given that.
    """
    predicted = (found.level >= 0) & (n > 0)
    seen = int((mask & predicted).sum())
    chances = successes(found.chance[predicted], seen)
    statistic = {
        "expected": chances.expected,
        "expected_low": chances.low,
        "expected_high": chances.high,
        "predicted": int(predicted.sum()),
        "stations_predicted": seen,
    }
    if not predicted.any():
        return statistic, "; no sheet can be compared with another", {}
    interval = Interval(
        of="expected",
        level=0.95,
        low=float(chances.low),
        high=float(chances.high),
        method="Poisson-binomial, each sheet given the other sheets of its place",
    )
    clause = (
        f"; the other sheets of these places predict {chances.expected:,.1f}"
        f" ({chances.low:,} to {chances.high:,})"
    )
    p = chances.at_least
    if seen_first:
        p = min(p / chances.any, 1.0) if seen and chances.any > 0 else 1.0
    return statistic, clause, {"interval": interval, "p_value": p}


def expected_figure(
    name: str, title: str, facts: Sequence[Fact], context: Context, alt: str
) -> tuple[Figure, ...]:
    """Sheets seen (the dot) against those expected (the interval), a row an option."""
    if not facts:
        return ()
    names = {o.id: o.name for o in context.case.options}
    label = [names[f.subject] for f in facts]
    seen = [f.statistic["stations"] for f in facts]
    low = [f.statistic["expected_low"] for f in facts]
    high = [f.statistic["expected_high"] for f in facts]
    said = "; ".join(
        f"{who}: {s} seen, {a} to {b} expected"
        for who, s, a, b in zip(label, seen, low, high, strict=True)
    )
    return (
        Figure(
            id=name,
            chart="intervals",
            rows={
                "label": np.array(label, dtype=object),
                "value": np.array(seen, dtype=np.float64),
                "low": np.array(low, dtype=np.float64),
                "high": np.array(high, dtype=np.float64),
            },
            alt=f"{alt}. {said}.",
            labels={"title": title, "x": "sheets seen (dot), expected (line)", "y": ""},
        ),
    )


def whole_centres(centre: NDArray[np.int64], mask: Mask, n: Floats) -> Mask:
    """bool (n): sheets of a mask in centres in which every sheet with trials is in it."""
    if not len(centre):
        return mask
    with_trials = np.bincount(centre, n > 0)
    return np.asarray(mask & (np.bincount(centre, mask)[centre] == with_trials[centre]))


def unjudged(count: int) -> str:
    """The clause on sheets of centres that predict themselves."""
    if not count:
        return ""
    are = "sheet is in such a centre or has" if count == 1 else "sheets are in such centres or have"
    return (
        f". Siblings that are themselves wholly so predict themselves: {count:,} {are} no sibling"
        f" and {'is' if count == 1 else 'are'} not judged by this"
    )


def from_around(
    found: Edge, n: Floats, cells: Sequence[NDArray[np.int64]], whole: Mask, *, seen_first: bool
) -> dict[str, float | None]:
    """How many centres at the edge as a whole those around them predict, each centre left out.

    Null where there is none at the edge. Centres of a place are taken as alike in the share of the
    option, as far as places are.
    """
    nothing: dict[str, float | None] = {"expected_around": None, "p_around": None}
    if found.mixing is None or not whole.any():
        return nothing
    centres = np.flatnonzero(np.bincount(cells[0], n > 0) > 0).astype(np.int64)
    chances = all_of_groups_succeed(n, cells, centres, found.mixing)
    found_ = successes(chances, len(np.unique(cells[0][whole])))
    p = found_.at_least
    if seen_first:
        p = min(p / found_.any, 1.0) if found_.any > 0 else 1.0
    return {"expected_around": found_.expected, "p_around": p}


def in_words(around: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The comparison with the centres around, all levels together, for a sentence."""
    return {
        f"around_{name}": sum(int(row[name]) for row in around)
        for name in ("compared", "at_95", "at_80")
    }


def surprise_order(mask: Mask, found: Edge, sheets: Sheets) -> NDArray[np.int64]:
    """Positions of the sheets of a mask, the least expected first."""
    at = np.flatnonzero(mask)
    return at[np.lexsort((sheets.sid[at], np.round(found.chance[at], 12)))].astype(np.int64)


def edge_rows(
    sheets: Sheets, found: Edge, at: NDArray[np.int64], option: int | None = None
) -> Columns:
    """The rows behind a fact about sheets at the edge."""
    rows = {
        "sid": sheets.sid[at],
        "registered": sheets.registered[at],
        "cast": sheets.cast[at].astype(np.int64),
        "valid": sheets.valid[at].astype(np.int64),
        "siblings": found.others[at],
        "siblings_share": 100 * found.share[at],
        "chance": found.chance[at],
    }
    if option is not None:
        rows["votes"] = sheets.votes[at, option]
        if sheets.history is not None:
            rows["earlier_share"] = 100 * sheets.history[at, option]
    return rows


def around(x: Floats, mask: Mask, sheets: Sheets) -> list[dict[str, Any]]:
    """The share of x in the nearest other centres, for sheets that siblings cannot judge.

    Each sheet is compared once: in the finest of the wider cells that holds another centre with
    votes.
    """
    n = sheets.valid
    centre = sheets.cells[0]
    left = mask.copy()
    result = []
    for level, wider in zip(sheets.levels[1:], sheets.cells[1:], strict=True):
        if not left.any():
            break
        trials = np.bincount(wider, n)[wider] - np.bincount(centre, n)[centre]
        votes = np.bincount(wider, x)[wider] - np.bincount(centre, x)[centre]
        known = left & (trials > 0)
        share = votes[known] / trials[known]
        left &= ~known
        if known.any():
            result.append(
                {
                    "level": level,
                    "compared": int(known.sum()),
                    "at_95": int((share >= 0.95).sum()),
                    "at_80": int((share >= 0.8).sum()),
                }
            )
    return result
