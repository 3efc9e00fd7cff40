"""How well glyphs are read: rates, and intervals that know that errors come by writers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Rate", "calibration_error", "error_at_coverage", "over_writers"]

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with its interval over writers."""

    value: float
    low: float
    high: float


def calibration_error(p: NDArray, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error with bins of equal width (Guo and others 2017, equation 3)."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(which, weights=p - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


def error_at_coverage(p: NDArray, right: NDArray[np.bool_], coverage: float) -> float:
    """Share of errors among the surest readings, as many as `coverage` says."""
    surest = np.argsort(-p, kind="stable")[: round(coverage * len(p))]
    return float(1 - right[surest].mean())


def over_writers(
    writer: NDArray[np.int64],
    statistic: Callable[[NDArray[np.int64]], float],
    rng: Generator,
    draws: int = DRAWS,
) -> Rate:
    """A statistic of samples, with a 95 % percentile interval from drawing whole writers anew.

    Parameters
    ----------
    writer : (n,)
    statistic : takes the positions of samples, some of them repeated
    """
    order = np.argsort(writer, kind="stable")
    _, starts = np.unique(writer[order], return_index=True)
    groups = np.split(order, starts[1:])
    values = np.empty(draws)
    for k in range(draws):
        some = rng.integers(len(groups), size=len(groups))
        values[k] = statistic(np.concatenate([groups[i] for i in some]))
    low, high = np.nanquantile(values, (0.025, 0.975))
    return Rate(statistic(np.arange(len(writer))), float(low), float(high))
