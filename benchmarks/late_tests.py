"""What the checks of late sheets say of a count, and what common shortcuts say of the same."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from benchmarks.late_data import CHECKS, Count
from veedor.checks.base import registry
from veedor.checks.instants import seconds
from veedor.checks.lateness import Stream
from veedor.stats.discontinuity import jump
from veedor.stats.regression import ols

BAND = 5.0
"""Per cent of the stamped sheets on either side of the cut, for the local constant."""
LAST = 0.05
"""The share of the sheets, the last ones, that is set against all others."""
SUBJECTS = {
    "composition": ("trend.composition", ""),
    "cut": ("trend.exchangeability", "cut"),
    "stream": ("trend.exchangeability", "stream"),
    "discontinuity": ("trend.discontinuity", ""),
}
"""Short name -> check and subject of its finding."""
SHORTCUTS = ("constant", "last", "regression")


def p_values(count: Count, seed: int, checks: Iterable[str] = CHECKS) -> dict[str, float]:
    """The p-value of each finding of some checks; NaN where it has none."""
    found = {}
    for check in checks:
        for fact in registry()[check].assess(count.measured, count.context(check, seed)):
            found[check, fact.subject] = math.nan if fact.p_value is None else fact.p_value
    return {
        name: found.get(finding, math.nan)
        for name, finding in SUBJECTS.items()
        if finding[0] in checks
    }


def shortcuts(count: Count) -> dict[str, float]:
    """The p-values of three tests that take sheets for independent draws from one country.

    `constant`: means on both sides of the cut, weighted by a triangle over 5 % of the sheets in
    order of processing, with the textbook error. `last`: the last 5 % of the sheets against the
    others, two-sample z. `regression`: the margin on being late, without effects of places.
    """
    stream = count.stream()
    y = 100.0 * stream.lead / stream.valid
    late = stream.late.astype(np.float64)
    fit = ols(y, np.column_stack([late, np.ones(len(late))]))
    return {
        "constant": _constant(stream, y, seconds(count.words.case.cut)),
        "last": _last(stream, y),
        "regression": _normal(float(fit.coefficients[0]), float(fit.errors[0])),
    }


def _constant(stream: Stream, y: np.ndarray, cut: int | None) -> float:
    assert cut is not None
    stamped = np.flatnonzero(~np.isnan(stream.t))
    row = stamped[np.lexsort((stream.sid[stamped], stream.t[stamped]))]
    passed = int((stream.t[row] <= cut).sum())
    rank = 100.0 * (np.arange(len(row)) + 0.5 - passed) / len(row)
    found = jump(y[row], rank, BAND, order=0)
    return _normal(found.value, found.error)


def _last(stream: Stream, y: np.ndarray) -> float:
    """Sheets without a stamp stand behind all others."""
    order = np.lexsort((stream.sid, np.nan_to_num(stream.t, nan=np.inf)))
    split = round((1 - LAST) * len(order))
    first, last = y[order[:split]], y[order[split:]]
    error = math.sqrt(first.var(ddof=1) / len(first) + last.var(ddof=1) / len(last))
    return _normal(float(last.mean() - first.mean()), error)


def _normal(value: float, error: float) -> float:
    return math.erfc(abs(value) / error / math.sqrt(2)) if error > 0 else math.nan


def gaps(count: Count) -> dict[str, float]:
    """What late sheets differ by from early ones, in points of the lead.

    `gap`: as counted. `between`: with each sheet given the margin of its whole centre, so that only
    where the sheets come from remains. `judged`: the share of the late sheets, in per cent, whose
    centre has early ones.
    """
    stream = count.stream()
    late, valid = stream.late, stream.valid
    centre = np.unique(stream.centre, return_inverse=True)[1]
    whole = (np.bincount(centre, stream.lead) / np.bincount(centre, valid))[centre]
    early = (np.bincount(centre, ~late) > 0)[centre]
    gap = (stream.margin(late) or 0.0) - (stream.margin(~late) or 0.0)
    between = 100.0 * (
        np.average(whole[late], weights=valid[late])
        - np.average(whole[~late], weights=valid[~late])
    )
    return {"gap": gap, "between": float(between), "judged": 100.0 * float(early[late].mean())}
