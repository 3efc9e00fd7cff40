"""Tails of a member given the others of its group, where groups are not equally even.

One correlation for all groups makes honest members of uneven groups look impossible. Here each
group has its own, drawn from a distribution over `GRID` that is fitted to all groups; what the
others of a group say of it is taken in, and no less than one group in as many as were seen may be
of any unevenness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from veedor.stats.betabinomial import mid_p, tails
from veedor.stats.leaveoneout import Dispersion, updated

__all__ = ["GRID", "Mixed", "Unevenness", "fit", "members_of", "predict_mixed", "spaced"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRID: Floats = np.array([1e-7, *(0.0005 * 2.0 ** np.arange(11))])
"""Correlations that a group may have, (G,): none, then a factor of two apart."""
GROUPS = 4_000
"""Groups fitted to, evenly spaced, where there are more: the weights' error is then below 0.01."""
REACH = 30
"""Members of a group, evenly spaced, that say how even it is."""
CROWD = 60
"""In a group of more members, no single one sways the prediction of another."""
STEPS = 100


@dataclass(frozen=True, slots=True)
class Unevenness:
    """How unevenly groups are uneven.

    Attributes
    ----------
    weights : float64 (G)
        Share of the groups with each correlation of `GRID`.
    groups, members : int
        What they rest on.
    """

    weights: Floats
    groups: int
    members: int

    @property
    def resolution(self) -> float:
        """The least p-value that so many members can bear out."""
        return 1.0 / (self.members + 1.0)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Predictions of m members, each a mixture of beta-binomials.

    Attributes
    ----------
    a, b, weights : float64 (m, G)
    """

    a: Floats
    b: Floats
    weights: Floats

    def p(self, x: Floats, n: Floats) -> Floats:
        """Two-sided mid-p of counts with trials, float64 (m)."""
        total = np.zeros(len(x))
        for k in range(len(GRID)):
            total += self.weights[:, k] * mid_p(tails(x, n, self.a[:, k], self.b[:, k]))
        return np.minimum(total, 1.0)

    def of(self, at: Ints | NDArray[np.bool_]) -> Mixed:
        """Some of the members."""
        return Mixed(self.a[at], self.b[at], self.weights[at])


def fit(x: Floats, n: Floats, group: Ints, given: Dispersion) -> Unevenness:
    """Fit the weights by expectation-maximisation from equal ones.

    A group's likelihood is the product of the chances of its members, each given those before it.
    One group of every correlation alike is added to those seen, so that none is impossible.
    Source: N. Laird, Nonparametric maximum likelihood estimation of a mixing distribution, JASA 73
    (1978).
    """
    size = np.bincount(group, n > 0) if len(group) else np.empty(0, dtype=np.int64)
    codes = np.flatnonzero(size >= 2)
    flat = np.full(len(GRID), 1.0 / len(GRID))
    if not len(codes):
        return Unevenness(flat, 0, 0)
    codes = codes[spaced(len(codes), GROUPS)]
    row, member = members_of(group, n > 0, codes, REACH)
    likely = _likelihood(x[member], n[member], row, len(codes), given)
    likely = np.exp(likely - likely.max(axis=1, keepdims=True))
    weights, seen = flat, len(codes)
    for _ in range(STEPS):
        weights = weights * (likely.T @ (1.0 / (likely @ weights)))
        weights = (weights + flat) / (seen + 1.0)
    return Unevenness(weights, seen, int(size[size >= 2].sum()))


def predict_mixed(
    x: Floats, n: Floats, group: Ints, at: Ints, given: Dispersion, uneven: Unevenness
) -> tuple[Mixed, Floats]:
    """Predictions of some members, and the greatest two-sided mid-p with any one other left out.

    Parameters
    ----------
    x, n : float64 (members); group : int64 (members)
    at : int64 (m)
        Positions of the members asked about, with trials and others.

    In a group of more than `CROWD` members no single one sways the prediction, and none is left
    out.
    """
    codes = np.unique(group[at])
    row, member = members_of(group, n > 0, codes, None)
    start = np.searchsorted(row, np.searchsorted(codes, group[at]))
    length = np.bincount(row, minlength=len(codes))[np.searchsorted(codes, group[at])]
    weights = _weights(x, n, member, start, length, at, given, uneven)
    a, b = np.empty((len(at), len(GRID))), np.empty((len(at), len(GRID)))
    pair, other = _others(member, start, np.where((length > 2) & (length <= CROWD), length, 0), at)
    lone = np.zeros(len(pair))
    p = np.zeros(len(at))
    for k, rho in enumerate(GRID):
        worth = n[member] / (1.0 + np.maximum(n[member] - 1.0, 0.0) * rho)
        found = worth * x[member] / n[member]
        effect = 1.0 + (n - 1.0) * rho
        all_worth = np.bincount(row, worth)[row[start]] - n[at] / effect[at]
        all_found = np.bincount(row, found)[row[start]] - x[at] / effect[at]
        a[:, k], b[:, k] = _update(all_found, all_worth, given, rho)
        p += weights[:, k] * mid_p(tails(x[at], n[at], a[:, k], b[:, k]))
        if len(pair):
            left = all_worth[pair] - n[other] / effect[other]
            have = all_found[pair] - x[other] / effect[other]
            mine = at[pair]
            one = tails(x[mine], n[mine], *_update(have, left, given, rho))
            lone += weights[pair, k] * mid_p(one)
    np.maximum.at(p, pair, lone)
    return Mixed(a, b, weights), np.minimum(p, 1.0)


def _update(found: Floats, worth: Floats, given: Dispersion, rho: float) -> tuple[Floats, Floats]:
    left = np.maximum(worth, 0.0)
    one = Dispersion(rho, given.mean, given.precision, given.groups, given.members)
    return updated(np.clip(found, 0.0, left), left, one)


def _weights(
    x: Floats,
    n: Floats,
    member: Ints,
    start: Ints,
    length: Ints,
    at: Ints,
    given: Dispersion,
    uneven: Unevenness,
) -> Floats:
    """(m, G) chances of each correlation, given the others of the group."""
    some = np.minimum(length, REACH)
    pair, other = _others(member, start, some, at, length)
    log = np.log(uneven.weights) + _likelihood(x[other], n[other], pair, len(at), given)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _others(
    member: Ints, start: Ints, count: Ints, at: Ints, length: Ints | None = None
) -> tuple[Ints, Ints]:
    """(row, member) of up to `count` members of each group, evenly spaced, but for `at` itself."""
    row = np.repeat(np.arange(len(at)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    if length is not None:
        step = step * length[row] // np.maximum(count[row], 1)
    other = member[start[row] + step]
    kept = other != at[row]
    return row[kept].astype(np.int64), other[kept].astype(np.int64)


def _likelihood(x: Floats, n: Floats, row: Ints, rows: int, given: Dispersion) -> Floats:
    """(rows, G) log-likelihood of each correlation; members stand row by row."""
    result = np.zeros((rows, len(GRID)))
    first = np.searchsorted(row, row)
    for k, rho in enumerate(GRID):
        effect = 1.0 + np.maximum(n - 1.0, 0.0) * rho
        a, b = _update(_before(x / effect, first), _before(n / effect, first), given, float(rho))
        log = special.betaln(x + a, n - x + b) - special.betaln(a, b)
        result[:, k] = np.bincount(row, log, rows)
    return result


def _before(values: Floats, first: Ints) -> Floats:
    """Sum of the values of the same row that stand before each."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(np.maximum(total[:-1] - total[first], 0.0), dtype=np.float64)


def spaced(count: int, most: int) -> Ints:
    """Positions of at most `most` of `count` things, evenly spaced: no draw decides which."""
    number = min(count, most)
    return np.arange(number, dtype=np.int64) * count // max(number, 1)


def members_of(
    group: Ints, able: NDArray[np.bool_], codes: Ints, most: int | None
) -> tuple[Ints, Ints]:
    """(row in `codes`, member) of those groups, group by group; up to `most` of each."""
    place = np.full(int(group.max()) + 1, -1, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    member = np.flatnonzero((place[group] >= 0) & able)
    row = place[group[member]]
    order = np.argsort(row, kind="stable")
    row, member = row[order], member[order]
    if most is not None:
        length = np.bincount(row, minlength=len(codes))[row]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        count = np.minimum(length, most)
        kept = (rank * count) // length != ((rank - 1) * count) // length
        row, member = row[kept], member[kept]
    return row.astype(np.int64), member.astype(np.int64)
