"""How discordant a sheet stays with its siblings once the best one slip of the pen is undone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from veedor.checks.siblings import Discord, Sheets
from veedor.stats.betabinomial import mid_p, tails
from veedor.stats.leaveoneout import updated
from veedor.stats.pen import without_one_slip

__all__ = ["least_discordant"]


def least_discordant(
    k: int, at: NDArray[np.int64], sheets: Sheets, found: Discord
) -> NDArray[np.float64]:
    """The greatest p-value of each of those sheets over what it may have been before one slip.

    What it may have been holds no more votes than there are voters.
    """
    number, total = without_one_slip(sheets.votes[at], k)
    room = sheets.registered[at] - (sheets.cast - sheets.valid)[at]
    room = np.maximum(np.where(np.isnan(room), np.inf, room), sheets.valid[at])
    p = np.zeros(number.shape)
    for j in range(number.shape[1]):
        possible = (number[:, j] <= total[:, j]) & (total[:, j] <= room)
        x = np.where(possible, number[:, j], 0).astype(np.float64)
        n = np.where(possible, total[:, j], 0).astype(np.float64)
        p[:, j] = np.where(possible, found.p_of(at, x, n), 0.0)
    if not len(at):
        return np.empty(0)
    best = np.maximum(p.max(axis=1), _sibling_slip(k, at, sheets, found))
    return np.asarray(np.maximum(best, found.p[at]))


def _sibling_slip(
    k: int, at: NDArray[np.int64], sheets: Sheets, found: Discord
) -> NDArray[np.float64]:
    """The greatest p-value of a sheet with one sibling over what that may have been; else 0."""
    centre, some = sheets.cells[0], sheets.valid > 0
    members = np.bincount(centre, some)
    sums = np.bincount(centre, np.where(some, np.arange(len(centre)), 0))
    result = np.zeros(len(at))
    for i in np.flatnonzero(members[centre[at]] == 2):
        other = int(sums[centre[at[i]]]) - int(at[i])
        number, total = without_one_slip(sheets.votes[[other]], k)
        possible = (number <= total) & (total > 0)
        x, n = number[possible].astype(np.float64), total[possible].astype(np.float64)
        effect = 1.0 + (n - 1.0) * found.first.rho
        a, b = updated(x / effect, n / effect, found.first)
        own = np.full(len(a), float(sheets.votes[at[i], k])), np.full(len(a), sheets.valid[at[i]])
        result[i] = mid_p(tails(*own, a, b)).max()
    return result
