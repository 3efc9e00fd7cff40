"""The end of a count projected from the sheets counted so far, with its uncertainty.

Of each sheet three numbers are modelled: the lead of the first option over the second and the sum
of both, as shares of the valid votes, and the valid votes as a share of the registered voters.
Each is a regression on what is known of every sheet beforehand (class of the place, an earlier
election), with normal effects of the cells at every level and an error of the sheet: chance of so
many votes, and what sheets of one cell differ by beyond it. Variances are moments of the counted
sheets; cells with few sheets are drawn towards the cell around them (empirical Bayes).

What was counted early is no random draw, not even within a place. Two things are done about it.
Where the order of arrival is known, its normal score is a covariate: were sheets to arrive by a
normal latent lateness, linked to the votes, the mean lateness of the uncounted sheets would follow
from how many they are (the reasoning of J. Heckman, Econometrica 47, 1979). And the count is
projected to its present state from what was there earlier, again and again; how far off those
projections were widens the interval. Nothing after the cut enters either.

Sources: R. Fay and R. Herriot, Journal of the American Statistical Association 74 (1979), for
shrinkage of small areas; G. Robinson, Statistical Science 6 (1991), for the predictions; S.
Searle, G. Casella, C. McCulloch, Variance Components (1992), for the variances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from veedor.stats.nested import Effects, Tree, levels_spread, regress, shrink, spread, tree_of

__all__ = [
    "Backtest",
    "Draws",
    "Expected",
    "Sheets",
    "backtest",
    "expect",
    "sheets_of",
    "simulate",
]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAD, TURNOUT, BOTH = range(3)
LEAST = 30
"""Counted sheets below which nothing is projected."""
BLOCK = 3_000_000
"""Numbers drawn at a time: some 25 megabytes."""
PRIOR = 4.0
"""Tests that the model's own variance is worth before any has been made."""
STEP, MOST = 0.8, 6
"""Each test ends at this share of the sheets of the one before; at most so many."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """n sheets of one count, counted or not.

    Attributes
    ----------
    tree : Tree
    lead, both, valid : float64 (n)
        First option less second, first and second, all valid votes; above zero where counted.
    size : float64 (n)
        Registered voters; where not known, those of the cell's other sheets, or of all; 1 where
        nothing is known of any.
    covariates : float64 (n, p)
        Ones, then what is known of each sheet beforehand.
    order : int64 (n) or None
        Rank of arrival from 0; of the uncounted any, if above all counted ones.
    """

    tree: Tree
    lead: Floats
    both: Floats
    valid: Floats
    size: Floats
    covariates: Floats
    order: Ints | None

    def first(self, number: int) -> Sheets:
        """The sheets that arrived first, as if they were all."""
        assert self.order is not None
        some = self.order < number
        return replace(
            self,
            tree=replace(self.tree, cell=tuple(c[some] for c in self.tree.cell)),
            lead=self.lead[some],
            both=self.both[some],
            valid=self.valid[some],
            size=self.size[some],
            covariates=self.covariates[some],
            order=self.order[some],
        )


def sheets_of(
    levels: Sequence[Ints],
    first: Ints,
    second: Ints,
    valid: Ints,
    registered: Floats,
    covariates: Sequence[Floats] = (),
    order: Ints | None = None,
) -> Sheets:
    """Sheets as the projection takes them.

    Parameters
    ----------
    levels : arrays of int64 (n), codes of the cells, outermost level first
    first, second, valid : int64 (n)
    registered : float64 (n), NaN where not known
    covariates : arrays of float64 (n), NaN where not known: that gets a level of its own
    order : int64 (n)
        Rank of arrival, where it is known.
    """
    tree = tree_of(levels)
    columns = [np.ones(len(valid))]
    for column in covariates:
        unknown = np.isnan(column)
        columns.append(np.where(unknown, 0.0, column))
        columns.append(unknown.astype(np.float64))
    kept = [columns[0], *(c for c in columns[1:] if len(c) and c.min() < c.max())]
    return Sheets(
        tree=tree,
        lead=first.astype(np.float64) - second,
        both=first.astype(np.float64) + second,
        valid=valid.astype(np.float64),
        size=_sizes(tree, registered),
        covariates=np.stack(kept, axis=1),
        order=order,
    )


def _sizes(tree: Tree, registered: Floats) -> Floats:
    known = registered > 0
    if not known.any():
        return np.ones(len(registered))
    cell = tree.leaf[known]
    count = np.bincount(cell, minlength=tree.leaves)
    total = np.bincount(cell, registered[known], tree.leaves)
    other = np.where(count > 0, total / np.maximum(count, 1), registered[known].mean())
    return np.where(known, registered, other[tree.leaf])


@dataclass(frozen=True, slots=True)
class _Response:
    """One of the three numbers: its effects (the last column is the number itself, those before
    are the covariates), coefficients (p) with covariance (p, p), and the error's two variances.
    """

    effects: Effects
    coefficients: Floats
    covariance: Floats
    within: float
    chance: float


@dataclass(frozen=True, slots=True)
class _Model:
    responses: tuple[_Response, ...]
    correlation: Floats
    design: Floats
    lead: float
    both: float
    valid: float


def _design(sheets: Sheets, counted: Bools) -> Floats:
    """The covariates, with the normal score of the order of arrival where it is known; that of
    the uncounted sheets is the mean of what is left.
    """
    if sheets.order is None or counted.all():
        return sheets.covariates
    score = ndtri((sheets.order + 0.5) / len(sheets.order))
    score = np.where(counted, score, score[~counted].mean())
    return np.column_stack([sheets.covariates, score])


def _fit(sheets: Sheets, counted: Bools, which: tuple[int, ...]) -> _Model:
    design = _design(sheets, counted)
    rows = np.flatnonzero(counted)
    lead, both, valid, size = (
        a[rows] for a in (sheets.lead, sheets.both, sheets.valid, sheets.size)
    )
    total = float(valid.sum())
    d, s, u = lead.sum() / total, both.sum() / total, total / float(size.sum())
    leaf = sheets.tree.leaf[rows]
    found = {
        LEAD: (lead / valid, valid, max(s - d * d, 1e-4)),
        TURNOUT: (valid / size, size, max(u * (1.0 - u), 0.01)),
        BOTH: (both / valid, valid, max(s * (1.0 - s), 1e-4)),
    }
    responses = tuple(
        _response(sheets.tree, leaf, design[rows], *found[which_one]) for which_one in which
    )
    return _Model(
        responses=responses,
        correlation=_correlation(sheets.tree, leaf, responses),
        design=design,
        lead=float(lead.sum()),
        both=float(both.sum()),
        valid=total,
    )


def _response(
    tree: Tree, leaf: Ints, design: Floats, y: Floats, base: Floats, chance: float
) -> _Response:
    """Variances by moments of the residuals, then coefficients and effects, twice over."""
    noise = chance / base
    within = spread(y, noise, leaf)
    weight = 1.0 / (within + noise)
    precision = np.bincount(leaf, weight, tree.leaves)
    rows = np.column_stack([design, y])
    cross = (rows * weight[:, None]).T @ rows
    safe = np.where(precision > 0, precision, 1.0)
    sums = [np.bincount(leaf, weight * column, tree.leaves) / safe for column in rows.T]
    means = np.stack(sums, axis=1)
    root = np.sqrt(base)[:, None]
    coefficients = np.linalg.lstsq(design * root, y * root[:, 0], rcond=1e-9)[0]
    for _ in range(2):
        rest = means[:, -1] - means[:, :-1] @ coefficients
        effects = shrink(tree, precision, means, levels_spread(tree, precision, rest))
        coefficients, covariance = regress(precision, cross, means, effects)
    return _Response(effects, coefficients, covariance, within, chance)


def _correlation(tree: Tree, leaf: Ints, responses: Sequence[_Response]) -> Floats:
    """Of the innermost cells' effects about those around them, between the responses."""
    size = len(responses)
    there = np.bincount(leaf, minlength=tree.leaves) > 0
    parent = tree.parent[-1]
    share = there / np.maximum(np.bincount(parent, there), 1.0)[parent]
    away = []
    for r in responses:
        effect = r.effects.mean[:, -1] - r.effects.mean[:, :-1] @ r.coefficients
        away.append((effect - np.bincount(parent, effect * share)[parent])[there])
    table = np.array(away)
    norm = np.sqrt((table**2).sum(axis=1))
    if there.sum() < LEAST or not (norm > 0).all():
        return np.eye(size)
    return np.asarray((table @ table.T) / np.outer(norm, norm))


@dataclass(frozen=True, slots=True)
class Expected:
    """The end as expected, to first order.

    Attributes
    ----------
    points, error : float
        Margin of first over second in points of all valid votes, and its standard error.
    lead, valid : float
        Votes of all sheets, counted and expected.
    share : float
        Share of the expected valid votes that is not counted.
    """

    points: float
    error: float
    lead: float
    valid: float
    share: float


def expect(sheets: Sheets, counted: Bools) -> Expected | None:
    """The end of the count from its counted sheets; None where these are too few.

    The variance of the margin is that of its first-order expansion in the cells' lead and
    turnout: exact for the lead given the turnout.
    """
    if int(counted.sum()) < LEAST:
        return None
    model = _fit(sheets, counted, (LEAD, TURNOUT))
    rest = np.flatnonzero(~counted)
    if not len(rest):
        return Expected(100.0 * model.lead / model.valid, 0.0, model.lead, model.valid, 0.0)
    tree, leaf, size = sheets.tree, sheets.tree.leaf[rest], sheets.size[rest]
    weight, gaps = _open(sheets, model, rest)
    lead, turnout = model.responses
    share, rate = (
        gap @ r.coefficients + r.effects.mean[:, -1]
        for gap, r in zip(gaps, model.responses, strict=True)
    )
    rate = np.maximum(rate, 0.0)
    rho = float(model.correlation[LEAD, TURNOUT])
    covariance = np.zeros(1)
    for k, parent in enumerate(tree.parent):
        keep = lead.effects.keep[k] * turnout.effects.keep[k]
        both = np.sqrt(lead.effects.variance[k] * turnout.effects.variance[k])
        covariance = keep * covariance[parent] + rho * both
    more = float((weight * rate).sum())
    valid = model.valid + more
    total = model.lead + float((weight * (rate * share + covariance)).sum())
    margin = total / valid
    slopes = [weight * rate / valid, weight * (share - margin) / valid]
    variance = sum(
        float((a @ gap) @ r.covariance @ (a @ gap))
        for a, gap, r in zip(slopes, gaps, model.responses, strict=True)
    )
    variance += _cells_variance(tree, model, slopes, rho)
    votes = size * rate[leaf]
    variance += float((votes**2 * lead.within + votes * lead.chance).sum()) / valid**2
    spoken = size**2 * turnout.within + size * turnout.chance
    variance += float((spoken * (share[leaf] - margin) ** 2).sum()) / valid**2
    error = float(np.sqrt(max(variance, 0.0)))
    return Expected(100.0 * margin, 100.0 * error, total, valid, more / valid)


def _open(sheets: Sheets, model: _Model, rest: Ints) -> tuple[Floats, list[Floats]]:
    """Registered voters of the uncounted sheets of each innermost cell (leaves), and their mean
    covariates less the predictions of these by the counted sheets, (leaves, p) by response.
    """
    tree, size = sheets.tree, sheets.size[rest]
    leaf = tree.leaf[rest]
    weight = np.bincount(leaf, size, tree.leaves)
    safe = np.where(weight > 0, weight, 1.0)
    columns = [np.bincount(leaf, size * c, tree.leaves) / safe for c in model.design[rest].T]
    known = np.stack(columns, axis=1)
    return weight, [known - r.effects.mean[:, :-1] for r in model.responses]


def _cells_variance(tree: Tree, model: _Model, slopes: list[Floats], rho: float) -> float:
    """Variance of a sum over the innermost cells with these slopes in lead and turnout."""
    lead, turnout = (r.effects for r in model.responses)
    a, b = slopes
    found = 0.0
    for k in range(len(tree.parent) - 1, -1, -1):
        one, other = lead.variance[k], turnout.variance[k]
        crossed = 2.0 * rho * a * b * np.sqrt(one * other)
        found += float((a**2 * one + b**2 * other + crossed).sum())
        above = int(tree.parent[k].max(initial=0)) + 1
        a = np.bincount(tree.parent[k], a * lead.keep[k], above)
        b = np.bincount(tree.parent[k], b * turnout.keep[k], above)
    return found


@dataclass(frozen=True, slots=True)
class Draws:
    """m draws of the end.

    Attributes
    ----------
    lead, both, valid : float64 (m)
        Votes of all sheets.
    group_lead, group_valid : float64 (m, groups)
        Votes of the uncounted sheets by group.
    """

    lead: Floats
    both: Floats
    valid: Floats
    group_lead: Floats
    group_valid: Floats

    @property
    def points(self) -> Floats:
        """float64 (m): the margin in points."""
        return np.asarray(100.0 * self.lead / self.valid)


def simulate(
    sheets: Sheets,
    counted: Bools,
    rng: np.random.Generator,
    draws: int,
    group: Ints | None = None,
) -> Draws | None:
    """Draw the end: coefficients, the cells of every level, and the sheets; None with too few.

    Parameters
    ----------
    group : int64 (n)
        Of each sheet, from 0; uncounted sheets of one innermost cell are of one group.
    """
    if int(counted.sum()) < LEAST:
        return None
    model = _fit(sheets, counted, (LEAD, TURNOUT, BOTH))
    rest = np.flatnonzero(~counted)
    groups = 1 if group is None else int(group.max(initial=0)) + 1
    sums = np.zeros((3, draws, groups))
    if len(rest):
        size = max(1, BLOCK // (3 * len(np.unique(sheets.tree.leaf[rest]))))
        one = _Drawing.of(sheets, model, rest, group, groups)
        for start in range(0, draws, size):
            stop = min(start + size, draws)
            sums[:, start:stop] = one.draw(rng, stop - start)
    total = sums.sum(axis=2)
    return Draws(
        lead=model.lead + total[LEAD],
        both=model.both + total[BOTH],
        valid=model.valid + total[TURNOUT],
        group_lead=sums[LEAD],
        group_valid=sums[TURNOUT],
    )


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What a draw needs, of the cells with uncounted sheets alone: c innermost cells.

    `parent`, `keep`, `error`: by level, (cells) and (3, cells). `gaps` (3, c, p) and `base` (3, c)
    give the expected numbers, `weight` (c) the registered voters, `member` (c, groups) the group.
    `noise` (2, groups): variance of the valid votes, and of the lead given those; `tilt` (groups):
    lead that a valid vote more brings.
    """

    model: _Model
    parent: list[Ints]
    keep: list[Floats]
    error: list[Floats]
    gaps: list[Floats]
    base: list[Floats]
    weight: Floats
    member: Floats
    noise: Floats
    tilt: Floats

    @classmethod
    def of(
        cls, sheets: Sheets, model: _Model, rest: Ints, group: Ints | None, groups: int
    ) -> _Drawing:
        tree, leaf = sheets.tree, sheets.tree.leaf[rest]
        weight, gaps = _open(sheets, model, rest)
        used, place = np.unique(leaf, return_inverse=True)
        some, parents, keep, error = used, [], [], []
        for k in range(len(tree.parent) - 1, -1, -1):
            keep.append(np.stack([r.effects.keep[k][some] for r in model.responses]))
            variance = np.stack([r.effects.variance[k][some] for r in model.responses])
            error.append(np.sqrt(variance))
            some, parent = np.unique(tree.parent[k][some], return_inverse=True)
            parents.append(parent.astype(np.int64))
        base = [r.effects.mean[used, -1] for r in model.responses]
        gaps = [gap[used] for gap in gaps]
        number = np.zeros(len(rest), np.int64) if group is None else group[rest]
        member = np.zeros((len(used), groups))
        member[place, number] = 1.0
        share, rate = (
            (gaps[j] @ model.responses[j].coefficients + base[j])[place] for j in (LEAD, TURNOUT)
        )
        lead, turnout = model.responses[LEAD], model.responses[TURNOUT]
        size = sheets.size[rest]
        votes = size * np.maximum(rate, 0.0)
        spoken = size**2 * turnout.within + size * turnout.chance
        own = votes**2 * lead.within + votes * lead.chance
        of_valid, of_lead, tilted = (
            np.bincount(number, values, groups) for values in (spoken, own, spoken * share)
        )
        return cls(
            model=model,
            parent=parents[::-1],
            keep=keep[::-1],
            error=error[::-1],
            gaps=gaps,
            base=base,
            weight=weight[used],
            member=member,
            noise=np.stack([of_valid, of_lead]),
            tilt=tilted / np.where(of_valid > 0, of_valid, 1.0),
        )

    def draw(self, rng: np.random.Generator, draws: int) -> Floats:
        """float64 (3, draws, groups): votes by response and group, of `draws` draws."""
        values, vectors = np.linalg.eigh(self.model.correlation)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        effect = np.zeros((3, draws, 1))
        for parent, keep, error in zip(self.parent, self.keep, self.error, strict=True):
            plain = rng.standard_normal((3, draws * len(parent)))
            linked = (root @ plain).reshape(3, draws, len(parent))
            effect = keep[:, None] * effect[:, :, parent] + error[:, None] * linked
        for j, response in enumerate(self.model.responses):
            size = len(response.coefficients)
            values, vectors = np.linalg.eigh(response.covariance)
            spread_of = vectors * np.sqrt(np.maximum(values, 0.0))
            drawn = response.coefficients + rng.standard_normal((draws, size)) @ spread_of.T
            effect[j] += self.base[j] + drawn @ self.gaps[j].T
        votes = self.weight * np.maximum(effect[TURNOUT], 0.0)
        found = np.stack(
            [(votes * effect[LEAD]) @ self.member, votes @ self.member,
             (votes * effect[BOTH]) @ self.member]
        )  # fmt: skip
        noise = rng.standard_normal((2, draws, self.member.shape[1])) * np.sqrt(
            self.noise[:, None, :]
        )
        found[TURNOUT] += noise[0]
        found[LEAD] += self.tilt * noise[0] + noise[1]
        return found


@dataclass(frozen=True, slots=True)
class Backtest:
    """k projections of what is known by now, made from what was known before.

    Attributes
    ----------
    counted, ended : int64 (k)
        Sheets from which, and to which, it was projected.
    expected, error, actual : float64 (k)
        Margin in points: as expected, the plain standard error, and what came.
    scale : float
        By how much plain errors are to be multiplied, at least 1: the root mean square of
        (actual - expected) / error, with `PRIOR` tests of 1 added.
    freedom : float
        Degrees of freedom of Student's t: `PRIOR`, and the stretches that do not overlap.
    """

    counted: Ints
    ended: Ints
    expected: Floats
    error: Floats
    actual: Floats
    scale: float
    freedom: float

    def reach(self, level: float) -> float:
        """Half the width of the calibrated interval, in plain standard errors."""
        return self.scale * float(stdtrit(self.freedom, 0.5 + level / 2.0))


def backtest(sheets: Sheets, counted: int) -> Backtest:
    """Project the present state of the count from earlier ones.

    Each test stops at a point before the cut and projects it from as small a part of its sheets as
    the cut is of all: the same question as that of the end, asked where the answer is known.

    Parameters
    ----------
    counted : int
        Sheets that arrived before the cut, of `sheets` in their order.
    """
    share = counted / max(len(sheets.valid), 1)
    found: list[tuple[float, ...]] = []
    ended = counted
    while sheets.order is not None and len(found) < MOST:
        start = round(share * ended)
        if start < 4 * LEAST or start >= ended:
            break
        then = sheets.first(ended)
        assert then.order is not None
        if one := expect(then, then.order < start):
            actual = 100.0 * float(then.lead.sum()) / float(then.valid.sum())
            found.append((start, ended, one.points, one.error, actual))
        ended = round(STEP * ended)
    return _tested(np.array(found, dtype=np.float64).reshape(-1, 5), share)


def _tested(table: Floats, share: float) -> Backtest:
    start, ended, expected, error, actual = table.T
    squares = ((actual - expected) / np.where(error > 0, error, np.inf)) ** 2
    apart = 0.0
    if len(table):
        # Stretches of one ratio overlap where the step is smaller than the ratio.
        apart = min(len(table), 1.0 + float(np.log(ended[0] / ended[-1]) / -np.log(share)))
    mean = float(squares.mean()) if len(table) else 1.0
    scale = np.sqrt(max((PRIOR + apart * mean) / (PRIOR + apart), 1.0))
    return Backtest(
        counted=start.astype(np.int64),
        ended=ended.astype(np.int64),
        expected=expected,
        error=error,
        actual=actual,
        scale=float(scale),
        freedom=PRIOR + apart,
    )
