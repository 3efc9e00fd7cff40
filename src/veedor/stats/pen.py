"""What a record would be without one slip of the pen: every candidate for the number meant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["without_one_slip"]

Ints = NDArray[np.int64]

UNITS = (1, 10, 100)
"""Places of the right one of two transposed digits; larger numbers stand on no one sheet."""


def without_one_slip(lines: Ints, line: int) -> tuple[Ints, Ints]:
    """Every (number on a line, total) that one slip could have turned into the record.

    Slips are the exchange of the numbers of two neighbouring lines, and the transposition of two
    neighbouring digits of any one line (a nought that came first is not written, and is put back).
    Each undoes itself, so the number meant is among the
    candidates of the number written; a test that takes the greatest p-value over the candidates
    is therefore valid for a record with at most one slip.

    Parameters
    ----------
    lines : int64 (n, lines)
    line : int
        The line asked about.

    Returns
    -------
    number, total : int64 (n, candidates)
        The first candidate is the record itself, which also stands in for a slip that the record
        cannot have.
    """
    here = lines[:, line]
    total = lines.sum(axis=1)
    numbers, totals = [here], [total]
    for other in (line - 1, line + 1):
        if 0 <= other < lines.shape[1]:
            numbers.append(lines[:, other])
            totals.append(total)
    for other in range(lines.shape[1]):
        value = lines[:, other]
        for unit in UNITS:
            right, left = value // unit % 10, value // (10 * unit) % 10
            change = np.where(value >= unit, -9 * unit * (left - right), 0)
            numbers.append(here + change if other == line else here)
            totals.append(total + change)
    return np.stack(numbers, axis=1), np.stack(totals, axis=1)
