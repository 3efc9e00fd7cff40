"""The pace at which somebody works: the fastest run of so many items in a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fastest", "resolution"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def resolution(t: Ints) -> int:
    """Seconds to which stamps are written: 60 where every one is a whole minute, else 1."""
    return 60 if len(t) and not (t % 60).any() else 1


def fastest(t: Ints, who: NDArray[Any], run: int, unit: int = 1) -> Floats:
    """float64: seconds an item over the fastest `run` consecutive items of each who has as many.

    Parameters
    ----------
    t : int64 (n)
        Seconds at which items were done.
    who : (n)
        By whom.
    run : int
        Items in a row, at least 2.
    unit : int
        Seconds to which stamps are written. The time between the first and the last of a run may
        be longer by less than one unit than their stamps say, and is taken to be: a pace that is
        an effect of coarse stamps is never called fast.
    """
    order = np.lexsort((t, who))
    names, t = who[order], t[order].astype(np.float64)
    if len(t) < run:
        return np.empty(0)
    same = names[run - 1 :] == names[: len(names) - run + 1]
    pace = (t[run - 1 :] - t[: len(t) - run + 1] + unit) / (run - 1)
    owners, at = np.unique(names[run - 1 :][same], return_inverse=True)
    found = np.full(len(owners), np.inf)
    np.minimum.at(found, at, pace[same])
    return found
