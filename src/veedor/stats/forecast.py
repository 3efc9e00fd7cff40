"""Projection of a partial count: uncounted sheets by the counted ones of their places.

A Gaussian tree: the margin of a polling centre varies about that of its locality, a locality's
about its municipality's, and so on up to the country. Counted sheets inform their centre and,
through it, all the places above and beside it. Variances are estimated from the counted sheets by
moments, and everything uncounted is drawn from the tree given what was counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Backtest", "Projection", "Tree", "backtest", "drift_of", "drifted", "fit", "project"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Level:
    """The nodes of one level of the tree.

    `parent` is the node above (0 for all where the root is above); `variance` is that of a node
    about its parent; `mean` and `precision` are what the counted sheets below say of the node.
    """

    parent: Ints
    variance: float
    mean: Floats
    precision: Floats


@dataclass(frozen=True, slots=True)
class Tree:
    """A fitted tree: margins as shares, -1 to 1, after the earlier election is taken off.

    Attributes
    ----------
    levels : outermost first
    root_mean, root_variance : float
        Of the whole, by its counted sheets.
    noise : float
        Variance of a sheet's margin about its centre, times its valid votes.
    offset : float64 (centres)
        What the earlier election leads to expect of each centre, over the root.
    centre : int64 (sheets)
        The node of each sheet at the innermost level.
    """

    levels: tuple[Level, ...]
    root_mean: float
    root_variance: float
    noise: float
    offset: Floats
    centre: Ints


@dataclass(frozen=True, slots=True)
class Projection:
    """Draws of what the whole count will be.

    Attributes
    ----------
    margin : float64 (draws), points of the valid votes
    lead, valid : float64 (draws)
    rest : float64 (draws)
        Margin of the uncounted sheets, points.
    """

    margin: Floats
    lead: Floats
    valid: Floats
    rest: Floats


@dataclass(frozen=True, slots=True)
class Backtest:
    """A projection made at an earlier point of the count, of what was counted between it and now.

    `error` is the margin of those sheets less the projected one, and `spread` the projection's
    standard deviation, in points.
    """

    share: float
    error: float
    spread: float


def fit(
    cells: tuple[Ints, ...], counted: Mask, lead: Ints, valid: Ints, history: Floats | None = None
) -> Tree | None:
    """Estimate the tree from the counted sheets.

    Parameters
    ----------
    cells : tuple of int64 (sheets)
        Place of every sheet at each level, outermost first; nested.
    counted : bool (sheets)
    lead, valid : int64 (sheets)
        Of the counted sheets; those of the others are not looked at.
    history : float64 (sheets), optional
        The same margin in an earlier election, as a share; NaN where not known.

    Source: variance components by moments, R. DerSimonian and N. Laird, Controlled Clinical Trials
    7 (1986); posterior of a Gaussian tree, upward and downward, K. Chou, A. Willsky, A. Benveniste,
    IEEE Transactions on Automatic Control 39 (1994).

    Returns
    -------
    None where no counted sheet has a valid vote.
    """
    use = counted & (valid > 0)
    if not use.any():
        return None
    codes = [np.unique(c, return_inverse=True)[1] for c in cells]
    sizes = [int(c.max()) + 1 for c in codes]
    centre, n = codes[-1], sizes[-1]
    votes = np.bincount(centre[use], weights=valid[use], minlength=n).astype(np.float64)
    won = np.bincount(centre[use], weights=lead[use], minlength=n).astype(np.float64)
    seen = votes > 0
    mean = np.divide(won, votes, out=np.zeros(n), where=seen)
    noise = _noise(mean[centre[use]], centre[use], lead[use], valid[use], n)
    offset = _offset(mean, votes, seen, _centre_history(history, centre, n), noise)
    precision = np.where(seen, votes / noise, 0.0)
    levels: list[Level] = []
    below, weight = mean - offset, precision
    for i in range(len(codes) - 1, -1, -1):
        parent = _parents(codes, sizes, i)
        above = sizes[i - 1] if i else 1
        variance = _between(below, weight, parent, above)
        levels.append(Level(parent, variance, below, weight))
        passed = np.where(weight > 0, 1.0 / (variance + 1.0 / np.maximum(weight, TINY)), 0.0)
        total = np.bincount(parent, weights=passed, minlength=above)
        top = np.bincount(parent, weights=passed * below, minlength=above)
        below = np.divide(top, total, out=np.zeros(above), where=total > 0)
        weight = total
    return Tree(
        tuple(reversed(levels)), float(below[0]), 1.0 / float(weight[0]), noise, offset, centre
    )


def _noise(mean: Floats, centre: Ints, lead: Ints, valid: Ints, n: int) -> float:
    """Noise of sheets about their centre, overdispersed or not, times their valid votes."""
    held = np.bincount(centre, minlength=n)
    free = int((held - 1)[held > 0].sum())
    if free < 5:
        return 1.0
    squares = float((valid * (lead / valid - mean) ** 2).sum())
    return max(squares / free, 1e-3)


def _centre_history(history: Floats | None, centre: Ints, n: int) -> Floats:
    """The earlier margin of each centre, NaN where not known; its sheets count alike."""
    if history is None:
        return np.full(n, np.nan)
    there = ~np.isnan(history)
    held = np.bincount(centre[there], minlength=n)
    total = np.bincount(centre[there], weights=history[there], minlength=n)
    found = np.divide(total, held, out=np.full(n, np.nan), where=held > 0)
    return np.asarray(found, dtype=np.float64)


def _offset(mean: Floats, votes: Floats, seen: Mask, history: Floats, noise: float) -> Floats:
    """What the earlier margin leads to expect: a straight line over the counted centres, weighted
    by what is known of each; nothing where too few are known.
    """
    both = seen & ~np.isnan(history)
    if both.sum() < 10 or np.ptp(history[both]) < 1e-9:
        return np.zeros(len(mean))
    spread = float(np.var(mean[both]))
    weight = 1.0 / (max(spread, TINY) + noise / votes[both])
    design = np.column_stack([np.ones(int(both.sum())), history[both]])
    scaled = design * weight[:, None]
    line = np.linalg.solve(scaled.T @ design, scaled.T @ mean[both])
    level = float(np.average(mean[both], weights=weight))
    expected = line[0] + line[1] * np.nan_to_num(history) - level
    return np.asarray(np.where(np.isnan(history), 0.0, expected), dtype=np.float64)


def _parents(codes: list[Ints], sizes: list[int], level: int) -> Ints:
    """The node above each node of a level."""
    if level == 0:
        return np.zeros(sizes[0], dtype=np.int64)
    found = np.zeros(sizes[level], dtype=np.int64)
    found[codes[level]] = codes[level - 1]
    return found


def _between(mean: Floats, precision: Floats, parent: Ints, above: int) -> float:
    """Variance of nodes about their parents beyond what their own uncertainty explains."""
    known = precision > 0
    if not known.any():
        return TINY
    w, y, p = precision[known], mean[known], parent[known]
    total = np.bincount(p, weights=w, minlength=above)
    centre = np.divide(
        np.bincount(p, weights=w * y, minlength=above), total, out=np.zeros(above), where=total > 0
    )
    held = np.bincount(p, minlength=above)
    free = int((held - 1)[held > 0].sum())
    squares = np.bincount(p, weights=w * w, minlength=above)
    scale = float(w.sum() - np.divide(squares, total, out=np.zeros(above), where=total > 0).sum())
    if free < 1 or scale <= 0:
        return TINY
    q = float((w * (y - centre[p]) ** 2).sum())
    return max((q - free) / scale, TINY)


def project(
    tree: Tree,
    counted: Mask,
    lead: Ints,
    valid: Ints,
    registered: Floats,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Projection:
    """Draw the whole count.

    Parameters
    ----------
    tree : Tree
    counted, lead, valid : as in `fit`
    registered : float64 (sheets), NaN where not known
        Valid votes of an uncounted sheet are its registered voters times the share of these that
        voted validly on the counted sheets of its centre, or of the nearest place above that has
        counted ones; without registered voters, the mean of those sheets.
    draws : int
    rng : Generator
    """
    n = len(tree.offset)
    rest = ~counted
    size, spread = _votes(tree, counted, valid, registered)
    votes = np.bincount(tree.centre[rest], weights=size[rest], minlength=n)
    squares = np.bincount(tree.centre[rest], weights=(spread * size[rest]) ** 2, minlength=n)
    there = np.flatnonzero(votes > 0)
    drawn = votes[there] + np.sqrt(squares[there]) * rng.standard_normal((draws, len(there)))
    drawn = np.maximum(drawn, 0.0)
    own = drawn * _draw(tree, there, draws, rng)
    own += np.sqrt(tree.noise * drawn) * rng.standard_normal((draws, len(there)))
    own = np.clip(own, -drawn, drawn)
    return _whole(
        own.sum(axis=1), drawn.sum(axis=1), float(lead[counted].sum()), float(valid[counted].sum())
    )


def _whole(more: Floats, extra: Floats, lead: float, valid: float) -> Projection:
    total_lead, total_valid = lead + more, valid + extra
    margin = 100.0 * total_lead / np.maximum(total_valid, TINY)
    return Projection(margin, total_lead, total_valid, 100.0 * more / np.maximum(extra, TINY))


def drifted(plain: Projection, lead: int, valid: int, drift: Floats) -> Projection:
    """The same draws with an error that all uncounted sheets share.

    Parameters
    ----------
    plain : Projection
    lead, valid : int
        Of the counted sheets.
    drift : float64 (draws), as a share; see `drift_of`
    """
    extra = plain.valid - valid
    more = np.clip(plain.lead - lead + extra * drift, -extra, extra)
    return _whole(more, extra, float(lead), float(valid))


def _draw(tree: Tree, wanted: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """float64 (draws, wanted): margins of some centres, from the top of the tree downwards, given
    the counted; of the nodes above, only those that lead to them are drawn.
    """
    nodes = [wanted]
    for level in reversed(tree.levels[1:]):
        nodes.append(np.unique(level.parent[nodes[-1]]))
    above = tree.root_mean + np.sqrt(tree.root_variance) * rng.standard_normal((draws, 1))
    over = np.zeros(1, dtype=np.int64)
    for level, own in zip(tree.levels, reversed(nodes), strict=True):
        precision = level.precision[own] + 1.0 / level.variance
        weight = level.precision[own] / precision
        at = np.searchsorted(over, level.parent[own])
        centre = above[:, at] * (1.0 - weight) + weight * level.mean[own]
        above = centre + rng.standard_normal(centre.shape) / np.sqrt(precision)
        over = own
    return np.asarray(above + tree.offset[wanted], dtype=np.float64)


def _votes(tree: Tree, counted: Mask, valid: Ints, registered: Floats) -> tuple[Floats, float]:
    """Valid votes that each sheet is expected to hold, and their relative spread."""
    known = ~np.isnan(registered) & (registered > 0)
    base = np.where(known, registered, 1.0)
    size = np.zeros(len(valid))
    open_ = np.ones(len(valid), dtype=bool)
    parents = tree.centre
    for depth in range(len(tree.levels), -1, -1):
        # Sheets with and without registered voters are predicted by their own kind.
        key = 2 * parents + known
        top = np.bincount(key, weights=np.where(counted, valid, 0))
        low = np.bincount(key, weights=np.where(counted, base, 0.0))
        ready = open_ & (low[key] > 0)
        size[ready] = base[ready] * top[key[ready]] / low[key[ready]]
        open_ &= ~ready
        if depth:
            parents = tree.levels[depth - 1].parent[parents]
    size[open_] = float(valid[counted].mean()) if counted.any() else 0.0
    there = counted & (size > 0)
    spread = float(np.std(valid[there] / size[there])) if there.sum() > 1 else 0.0
    return size, spread


def backtest(
    cells: tuple[Ints, ...],
    counted: Mask,
    order: Floats,
    lead: Ints,
    valid: Ints,
    registered: Floats,
    history: Floats | None,
    *,
    shares: tuple[float, ...],
    draws: int,
    rng: np.random.Generator,
) -> list[Backtest]:
    """How far projections from earlier in the count were off what was then counted up to now.

    Parameters
    ----------
    cells, counted, lead, valid, registered, history : as in `fit` and `project`
    order : float64 (sheets)
        Time of counting; only that of counted sheets is looked at, NaN comes last.
    shares : shares of the counted sheets at which to stand

    Only what had been counted by now is used: late sheets are no random draw, and what that did to
    the projections so far is the best word on what it will do.
    """
    now = np.flatnonzero(counted & (valid > 0))
    at = np.where(np.isnan(order[now]), np.inf, order[now])
    now = now[np.lexsort((now, at))]
    inside = tuple(c[now] for c in cells)
    then = None if history is None else history[now]
    found = []
    for share in shares:
        size = round(share * len(now))
        if size < 20 or len(now) - size < 20:
            continue
        part = np.arange(len(now)) < size
        tree = fit(inside, part, lead[now], valid[now], then)
        if tree is None:
            continue
        drawn = project(
            tree, part, lead[now], valid[now], registered[now], draws=draws, rng=rng
        ).rest
        late = now[size:]
        actual = 100.0 * float(lead[late].sum()) / float(valid[late].sum())
        found.append(Backtest(share, actual - float(drawn.mean()), float(drawn.std())))
    return found


def drift_of(tests: list[Backtest], draws: int, rng: np.random.Generator) -> Floats | None:
    """An error that all uncounted sheets share, as large as the backtests' own errors.

    Parameters
    ----------
    tests : list of Backtest
    draws : int
    rng : Generator

    Its scale is the root mean square of the errors beyond what the projections allowed for, and
    its shape Student's t with a degree of freedom for each backtest. It is centred on zero: a drift
    in one direction widens the interval on both sides.

    Returns
    -------
    float64 (draws), as a share; None without backtests.
    """
    if not tests:
        return None
    squares = [max(t.error**2 - t.spread**2, 0.0) for t in tests]
    scale = float(np.sqrt(np.mean(squares))) / 100.0
    return np.asarray(scale * rng.standard_t(len(tests), draws), dtype=np.float64)
