"""Difference in differences between two elections, with the trend before the cut beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from veedor.stats.regression import ols

__all__ = ["Difference", "difference_in_differences", "pre_trend"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more a difference changes with being late; errors are robust to clusters.

    `plain` assumes that early and late sheets would have changed alike; `with_trend` that the
    change goes on along the order as it did, in a straight line.
    """

    plain: float
    plain_error: float
    with_trend: float
    trend_error: float
    slope: float
    slope_error: float
    n: int
    clusters: int


def difference_in_differences(
    change: Floats, late: Mask, rank: Floats, clusters: Ints, weights: Floats | None = None
) -> Difference:
    """Regress the change since the earlier election on being late, without and with the order.

    Parameters
    ----------
    change : float64 (n)
        This election's margin less the earlier one's, in points.
    late : bool (n)
    rank : float64 (n)
        Place in the order of processing, 0 to 1.
    clusters : int64 (n)
    weights : float64 (n), optional

    The slope is that of the rank in the second regression, in points from first to last.

    Source: J. Angrist and J.-S. Pischke, Mostly Harmless Econometrics (2009), section 5.2.
    """
    ones, step = np.ones(len(change)), late.astype(np.float64)
    plain = ols(change, np.column_stack([step, ones]), weights=weights, clusters=clusters)
    both = ols(change, np.column_stack([step, rank, ones]), weights=weights, clusters=clusters)
    return Difference(
        float(plain.coefficients[0]),
        float(plain.errors[0]),
        float(both.coefficients[0]),
        float(both.errors[0]),
        float(both.coefficients[1]),
        float(both.errors[1]),
        plain.n,
        plain.clusters,
    )


def pre_trend(
    change: Floats, late: Mask, rank: Floats, clusters: Ints, weights: Floats | None = None
) -> tuple[float, float, float]:
    """The slope of the change along the order among early sheets alone: points from the first to
    the last of all sheets, its error, and a two-sided p-value by Student's t with a degree of
    freedom for each cluster but one; NaN where there is no error.

    A slope there says that sheets were not changing alike along the order before the cut. That it
    is not told apart from zero does not say that they were.
    """
    early = ~late
    fit = ols(
        change[early],
        np.column_stack([rank[early], np.ones(int(early.sum()))]),
        weights=None if weights is None else weights[early],
        clusters=clusters[early],
    )
    slope, error = float(fit.coefficients[0]), float(fit.errors[0])
    free = fit.clusters - 1
    p_value = float(2.0 * special.stdtr(free, -abs(slope) / error)) if error > 0 else float("nan")
    return slope, error, p_value
