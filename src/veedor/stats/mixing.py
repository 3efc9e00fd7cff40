"""Chances at the very edge: that all trials of a member succeed, given the others of its group.

A beta prior of the groups' shares is too smooth for this: where some groups are near unanimous
and the rest are not, it drags the first towards the second. Here the groups' shares have any
distribution on a grid, fitted by maximum likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["GRID", "Mixing", "all_of_groups_succeed", "all_succeed", "fit"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRID: Floats = special.expit(np.linspace(-9.0, 9.0, 61))
"""Shares that a group may have, (G,): three tenths of a logit apart."""
GROUPS = 20_000
"""Groups fitted to, evenly spaced where there are more: no draw, so the answer is one. Of more
groups than that, the expected number is uncertain by less than 1 % for having left some out."""
STEPS = 50
BLOCK = 20_000
PRIOR = 2.0
"""Groups of the wider place that count as much as one place's own."""


@dataclass(frozen=True, slots=True)
class Mixing:
    """Groups' shares over `GRID`.

    Attributes
    ----------
    weights : float64 (G)
    rho : float
        Intra-class correlation of members within a group.
    groups : int64 (m)
        The groups fitted to, rising.
    posterior : float64 (m, G)
        Of each group's share, given its members.
    """

    weights: Floats
    rho: float
    groups: Ints
    posterior: Floats


def fit(x: Floats, n: Floats, group: Ints, rho: float) -> Mixing:
    """Fit the weights by expectation-maximisation, on all groups, or on `GROUPS` of them.

    Parameters
    ----------
    x, n : float64 (members); group : int64 (members), from 0
    rho : float, above 0

    Source: N. Laird, Nonparametric maximum likelihood estimation of a mixing distribution, JASA 73
    (1978). Stopped after `STEPS` steps from equal weights, which keeps a little smoothness.
    """
    weights = np.full(len(GRID), 1.0 / len(GRID))
    codes = np.flatnonzero(np.bincount(group, n > 0) > 0) if len(group) else group[:0]
    if len(codes) == 0:
        return Mixing(weights, rho, codes, np.empty((0, len(GRID))))
    number = min(len(codes), GROUPS)
    codes = codes[np.arange(number) * len(codes) // number]
    members, edges = _of_groups(group, n > 0, codes)
    likely = np.empty((len(codes), len(GRID)))
    done = 0
    for low, high in pairwise(edges):
        part = members[low:high]
        starts = np.flatnonzero(np.diff(group[part], prepend=-1))
        totals = np.add.reduceat(_support(x[part], n[part], rho), starts, axis=0)
        likely[done : done + len(totals)] = totals
        done += len(totals)
    likely = np.exp(likely - likely.max(axis=1, keepdims=True))
    for _ in range(STEPS):
        weights = weights * (likely.T @ (1.0 / (likely @ weights))) / len(likely)
    weights = weights / weights.sum()
    posterior = likely * weights
    posterior /= posterior.sum(axis=1, keepdims=True)
    return Mixing(weights, rho, codes.astype(np.int64), posterior)


def all_succeed(
    x: Floats, n: Floats, cells: Sequence[Ints], wanted: NDArray[np.bool_], mixing: Mixing
) -> Floats:
    """P(x = n) of each wanted member, given the others of its group; the member is left out.

    A member without others is expected to be like the groups of the finest of the wider cells: its
    group's share is drawn from theirs, each by its posterior, with `PRIOR` more from the next wider
    cell, and so on out to the fitted weights (nested Polya urns: D. Blackwell, J. MacQueen,
    Annals of Statistics 1 (1973)).

    Parameters
    ----------
    x, n : float64 (members)
    cells : int64 (members) each, from 0
        The group, then wider and wider cells.
    wanted : bool (members), with trials

    Returns
    -------
    float64 (number wanted), in their order
    """
    group = cells[0]
    result = np.zeros(len(x))
    others = np.bincount(group, n > 0)[group] - (n > 0) if len(group) else group
    near = wanted & (others > 0)
    if near.any():
        codes = np.unique(group[near])
        members, edges = _of_groups(group, n > 0, codes)
        for low, high in pairwise(edges):
            part = members[low:high]
            result[part] = _block(x[part], n[part], group[part], mixing)
    alone = np.flatnonzero(wanted & (others <= 0))
    for low in range(0, len(alone), BLOCK):
        part = alone[low : low + BLOCK]
        shares = _like_neighbours(part, cells, mixing)
        result[part] = (shares * _edge(n[part], mixing.rho)).sum(axis=1)
    return result[wanted]


def all_of_groups_succeed(n: Floats, cells: Sequence[Ints], wanted: Ints, mixing: Mixing) -> Floats:
    """P(every member succeeds throughout) of each wanted group, given the groups around it alone.

    Parameters
    ----------
    n, cells : as for `all_succeed`
    wanted : int64 (m), codes of groups with trials, rising

    Returns
    -------
    float64 (m)
    """
    result = np.empty(len(wanted))
    if not len(wanted):
        return result
    members, edges = _of_groups(cells[0], n > 0, wanted)
    done = 0
    for low, high in pairwise(edges):
        part = members[low:high]
        starts = np.flatnonzero(np.diff(cells[0][part], prepend=-1))
        log = np.log(np.maximum(_edge(n[part], mixing.rho), 1e-300))
        edge = np.exp(np.add.reduceat(log, starts, axis=0))
        shares = _like_neighbours(part[starts], cells, mixing)
        result[done : done + len(starts)] = (shares * edge).sum(axis=1)
        done += len(starts)
    return result


def _of_groups(group: Ints, able: NDArray[np.bool_], codes: Ints) -> tuple[Ints, Ints]:
    """Members of those groups, each group's together, and the edges of blocks of whole groups."""
    chosen = np.zeros(int(group.max()) + 1, dtype=np.bool_)
    chosen[codes] = True
    members = np.flatnonzero(chosen[group] & able)
    members = members[np.argsort(group[members], kind="stable")]
    starts = np.flatnonzero(np.diff(group[members], prepend=-1))
    at = np.searchsorted(starts, np.arange(0, len(members), BLOCK))
    edges = np.unique(np.append(starts[np.minimum(at, len(starts) - 1)], [0, len(members)]))
    return members.astype(np.int64), edges.astype(np.int64)


def _support(x: Floats, n: Floats, rho: float) -> Floats:
    """(members, G) log-likelihood of each count at each share, less what does not depend on it."""
    total = 1.0 / rho - 1.0
    result = np.zeros((len(x), len(GRID)))
    for counts, shape in ((x, GRID * total), (n - x, (1.0 - GRID) * total)):
        values, inverse = np.unique(counts, return_inverse=True)
        result += (special.gammaln(values[:, None] + shape) - special.gammaln(shape))[inverse]
    return result


def _edge(n: Floats, rho: float) -> Floats:
    """(members, G) P(x = n) at each share."""
    total = 1.0 / rho - 1.0
    values, inverse = np.unique(n, return_inverse=True)
    shape = GRID * total
    log = special.gammaln(values[:, None] + shape) - special.gammaln(shape)
    log -= (special.gammaln(values + total) - special.gammaln(total))[:, None]
    return np.asarray(np.exp(np.minimum(log, 0.0))[inverse], dtype=np.float64)


def _block(x: Floats, n: Floats, group: Ints, mixing: Mixing) -> Floats:
    """(members) chances, for whole groups that stand together."""
    own = _support(x, n, mixing.rho)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    lengths = np.diff(np.append(starts, len(group)))
    others = np.repeat(np.add.reduceat(own, starts, axis=0), lengths, axis=0) - own
    others += np.log(np.maximum(mixing.weights, 1e-300))
    posterior = np.exp(others - others.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    return np.asarray((posterior * _edge(n, mixing.rho)).sum(axis=1), dtype=np.float64)


def _like_neighbours(at: Ints, cells: Sequence[Ints], mixing: Mixing) -> Floats:
    """(members, G) distribution of the share of a group seen through the wider cells."""
    shares = np.repeat(mixing.weights[None, :], len(at), axis=0)
    if not len(mixing.groups):
        return shares
    group = cells[0]
    place = np.searchsorted(mixing.groups, group[at])
    place = np.minimum(place, len(mixing.groups) - 1)
    own = (mixing.groups[place] == group[at]).astype(np.float64)
    member = np.zeros(int(group.max()) + 1, dtype=np.int64)
    member[group] = np.arange(len(group))
    for cell in reversed(cells[1:]):
        code = cell[member[mixing.groups]]
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.diff(code[order], prepend=-1))
        held = code[order][starts]
        sums = np.add.reduceat(mixing.posterior[order], starts, axis=0)
        count = np.diff(np.append(starts, len(order))).astype(np.float64)
        found = np.minimum(np.searchsorted(held, cell[at]), len(held) - 1)
        here = (held[found] == cell[at]).astype(np.float64)
        theirs = here[:, None] * sums[found] - own[:, None] * mixing.posterior[place]
        number = np.maximum(here * count[found] - own, 0.0)
        shares = (PRIOR * shares + np.maximum(theirs, 0.0)) / (PRIOR + number)[:, None]
    return shares
