"""How discordant a sheet stays with its siblings once the best one slip of the pen is undone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from veedor.checks.siblings import Discord, Sheets
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
    return np.asarray(np.maximum(p.max(axis=1), found.p[at]))
