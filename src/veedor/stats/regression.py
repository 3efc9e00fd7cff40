"""Least squares with absorbed fixed effects and errors that are robust to clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "absorb", "ols"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_SWEEPS = 10_000
CLOSE = 1e-12
"""Change of a sweep, relative to the spread of the column, at which the sweeps end."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A linear fit of n rows on k columns.

    Attributes
    ----------
    coefficients : float64 (k), NaN for a column that the others or the fixed effects explain
    covariance : float64 (k, k)
        Robust to clusters where these were given, else to unequal variances (HC1).
    n, clusters, absorbed : int
        Rows, clusters (rows, where none were given), and fixed effects taken out.
    """

    coefficients: Floats
    covariance: Floats
    n: int
    clusters: int
    absorbed: int

    @property
    def errors(self) -> Floats:
        """float64 (k): standard errors."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


def absorb(columns: Floats, factors: tuple[Ints, ...], weights: Floats) -> Floats:
    """Columns less their weighted means in the cells of each factor.

    Parameters
    ----------
    columns : float64 (n, k)
    factors : tuple of int64 (n)
    weights : float64 (n), positive

    One factor is exact in one sweep; several are swept in turn until nothing changes.
    Source: the method of alternating projections, I. Halperin, Acta Scientiarum Mathematicarum 23
    (1962); S. Gaure, Computational Statistics and Data Analysis 66 (2013).
    """
    groups = [np.unique(f, return_inverse=True)[1] for f in factors]
    totals = [np.bincount(g, weights=weights) for g in groups]
    found = columns.astype(np.float64)
    scale = np.maximum(np.abs(found).max(axis=0, initial=0.0), 1e-300)
    for _ in range(MOST_SWEEPS if len(groups) > 1 else 1):
        before = found.copy()
        for group, total in zip(groups, totals, strict=True):
            for j in range(found.shape[1]):
                mean = np.bincount(group, weights=weights * found[:, j]) / total
                found[:, j] -= mean[group]
        if float((np.abs(found - before) / scale).max(initial=0.0)) < CLOSE:
            break
    return found


def ols(
    y: Floats,
    x: Floats,
    *,
    weights: Floats | None = None,
    factors: tuple[Ints, ...] = (),
    clusters: Ints | None = None,
) -> Fit:
    """Weighted least squares of y on x and fixed effects.

    Parameters
    ----------
    y : float64 (n)
    x : float64 (n, k)
        A constant is not added; without `factors` give a column of ones.
    weights : float64 (n), optional
        Analytic weights; rows of weight 0 are left out.
    factors : tuple of int64 (n)
        Fixed effects to absorb.
    clusters : int64 (n), optional

    The correction is G / (G - 1) * (n - 1) / (n - k - a), without clusters n / (n - k - a). Fixed
    effects cost a = 1 for the constant and, of each factor that is not nested in the clusters, its
    levels less one; nested ones cost no more, as in reghdfe and fixest. Levels with one row count
    in n.

    Source: J. G. MacKinnon and H. White, Journal of Econometrics 29 (1985), HC1; K.-Y. Liang and
    S. Zeger, Biometrika 73 (1986), clusters; C. Cameron and D. Miller, Journal of Human Resources
    50 (2015), section II, for the correction.
    """
    weight = np.ones(len(y)) if weights is None else weights.astype(np.float64)
    keep = weight > 0
    y, x, weight = y[keep].astype(np.float64), x[keep].astype(np.float64), weight[keep]
    factors = tuple(f[keep] for f in factors)
    group = None if clusters is None else np.unique(clusters[keep], return_inverse=True)[1]
    n, k = x.shape
    if factors and n:
        swept = absorb(np.column_stack([y, x]), factors, weight)
        spread = np.abs(x).max(axis=0, initial=0.0)
        y, x = swept[:, 0], swept[:, 1:]
        x[:, np.abs(x).max(axis=0) <= 1e-9 * np.maximum(spread, 1e-300)] = 0.0
    size = n if group is None else int(group.max(initial=-1)) + 1
    taken = int(bool(factors)) + sum(_levels(f, group) for f in factors)
    absorbed = sum(len(np.unique(f)) for f in factors)
    used = _independent(x, weight)
    coefficients, covariance = np.full(k, np.nan), np.full((k, k), np.nan)
    free = n - len(used) - taken
    if len(used) and free > 0 and size > 1:
        xs = x[:, used]
        inverse = np.linalg.inv((xs * weight[:, None]).T @ xs)
        solved = inverse @ ((xs * weight[:, None]).T @ y)
        score = xs * (weight * (y - xs @ solved))[:, None]
        if group is not None:
            score = np.stack([np.bincount(group, weights=s) for s in score.T], axis=1)
            factor = size / (size - 1) * (n - 1) / free
        else:
            factor = n / free
        coefficients[used] = solved
        covariance[np.ix_(used, used)] = factor * (inverse @ (score.T @ score) @ inverse)
    return Fit(coefficients, covariance, n, size, absorbed)


def _levels(factor: Ints, group: Ints | None) -> int:
    """Degrees of freedom that a factor costs beside the constant: none where each of its cells is
    in one cluster.
    """
    names, inverse = np.unique(factor, return_inverse=True)
    if group is None:
        return len(names) - 1
    pairs = np.unique(np.stack([inverse, group]), axis=1).shape[1]
    return 0 if pairs == len(names) else len(names) - 1


def _independent(x: Floats, weight: Floats) -> Ints:
    """The columns that the ones before them do not explain."""
    used: list[int] = []
    basis = np.zeros((len(x), 0))
    root = np.sqrt(weight)[:, None]
    for j in range(x.shape[1]):
        column = (x[:, [j]] * root)[:, 0]
        norm = float(np.linalg.norm(column))
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        left = float(np.linalg.norm(rest))
        if norm > 0 and left > 1e-8 * norm:
            used.append(j)
            basis = np.column_stack([basis, rest / left])
    return np.array(used, dtype=np.int64)
