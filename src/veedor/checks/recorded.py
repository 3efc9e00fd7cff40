"""What measured sheets recorded, as plain arrays: numbers, votes, and who won each sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.engine.evidence import Evidence

__all__ = [
    "by_winner",
    "known",
    "shared_words",
    "unreadable",
    "votes",
    "whole",
    "winner_names",
    "winners",
]

FEW = 5
"""A text seen on fewer sheets than this may name somebody, and is not repeated."""
OTHER = "other"


def unreadable(evidence: Evidence, count: str) -> ir.Table:
    """Sheets of a count with a vote, blank or null cell that is neither a number nor empty."""
    cells = evidence.cells()
    fields = [*evidence.case.option_ids, "blank", "null"]
    bad = cells.filter(cells["count"] == count, cells.state != "empty", cells.field.isin(fields))
    return bad.group_by(sid_bad=bad.sid).agg(unreadable=bad.count())


def known(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers as float64, NaN where the record has none."""
    if values.dtype == object:
        return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    return values.astype(np.float64)


def whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers as int64, zero where the record has none."""
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    return np.nan_to_num(known(values), nan=0.0).astype(np.int64)


def votes(rows: Columns, options: int) -> NDArray[np.int64]:
    """The votes of each sheet, int64 (sheets, options); a cell that is no number gives zero."""
    return np.stack([whole(rows[f"v{i}"]) for i in range(options)], axis=1)


def winners(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """The option with most votes on each sheet, -1 where two are level or nobody has a vote."""
    if not len(matrix):
        return np.empty(0, dtype=np.int64)
    best = matrix.max(axis=1)
    level = (matrix == best[:, None]).sum(axis=1) > 1
    return np.where((best <= 0) | level, -1, matrix.argmax(axis=1))


def by_winner(
    won: NDArray[np.int64], options: Sequence[str]
) -> Iterator[tuple[str | None, NDArray[np.bool_]]]:
    """Each option with the sheets it won, and None with those that nobody did; none are skipped."""
    for number, option in enumerate(options):
        yield option, won == number
    yield None, won < 0


def winner_names(won: NDArray[np.int64], options: Sequence[str]) -> NDArray[Any]:
    """The id of the option that won each sheet; None where nobody did."""
    names: NDArray[Any] = np.array([*options, None], dtype=object)[won]
    return names


def shared_words(texts: NDArray[Any]) -> NDArray[Any]:
    """Texts that stand on several sheets, and 'other' for the rest: free text may name people."""
    plain = np.array(["" if t is None else str(t) for t in texts], dtype=object)
    if not len(plain):
        return plain
    values, inverse, counts = np.unique(plain, return_inverse=True, return_counts=True)
    shown: NDArray[Any] = np.where(counts >= FEW, values, OTHER)[inverse]
    return shown
