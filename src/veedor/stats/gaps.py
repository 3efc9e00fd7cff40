"""Gaps in a series of instants, against its own cadence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gaps", "find_gaps"]


@dataclass(frozen=True, slots=True)
class Gaps:
    """The steps between successive different instants, longest first.

    Attributes
    ----------
    start, end : int64 (steps)
        The instants before and after, in seconds.
    seconds : int64 (steps)
    median : float
        The median step: the cadence. NaN with fewer than three instants, which have none.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    seconds: NDArray[np.int64]
    median: float

    def over(self, times: float, least: float = 0.0) -> NDArray[np.int64]:
        """int64: which steps are longer than so many medians and than `least` seconds."""
        if np.isnan(self.median):
            return np.empty(0, dtype=np.int64)
        long = (self.seconds > times * self.median) & (self.seconds > least)
        return np.flatnonzero(long).astype(np.int64)


def find_gaps(instants: NDArray[np.int64]) -> Gaps:
    """The steps between the different instants of a series, in any order.

    Parameters
    ----------
    instants : int64 (n), seconds

    The median of the steps is robust to the gaps themselves, as long as these are fewer than half.
    """
    known = np.unique(instants)
    steps = np.diff(known)
    order = np.lexsort((known[:-1], -steps))
    median = float(np.median(steps)) if len(known) > 2 else float("nan")
    return Gaps(known[:-1][order], known[1:][order], steps[order], median)
