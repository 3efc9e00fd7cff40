"""Does the order in which the members of groups arrive tell anything about their values?

Two tests of one hypothesis: within every group, each order of its members was equally likely.
`stream` bets on every member's rank among those of its group that came before, and may be looked
at after each; `late_contrast` compares the late with the early members, once.

Nothing is asked of the order in which different groups report, of the groups' levels or spreads,
or of how values are distributed. What is asked is that a member's *group* be right: members that
differ in a way that is tied to both order and value (a small last one, say) belong in groups of
their own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from veedor.stats.ratio import Ratio, cluster_ratio

__all__ = ["Contrast", "Ranks", "Stream", "conformal_ranks", "late_contrast", "stream"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

BETS = ("up", "down", "shape")
"""Bets that later members are higher; that they are lower; that their ranks are odd otherwise."""

TILTS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0)
"""Slopes of linear bets, halved down from the steepest that is a density."""
POWERS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Exponents of bets on extreme ranks (the simple mixture of Vovk and others, on a grid)."""
BINS = (2, 4, 8, 16)
"""Bins of histograms that learn the density of the ranks (plug-in martingale)."""
JUMPS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Rates at which a bet is changed on the way (composite jumper)."""
STATES = np.array([0.0, 0.5, 1.0, 2.0])
"""Slopes between which it jumps."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of a stream's members among those of their group so far.

    Attributes
    ----------
    at : int64 (m)
        Positions in the stream of the members that had predecessors in their group.
    low, high : float64 (m)
        The conformal p-value lies between them: `low` is the share of the group so far with greater
        values, `high` that with the member itself.
    """

    at: Ints
    low: Floats
    high: Floats


def conformal_ranks(values: Floats, group: Ints, rng: np.random.Generator) -> Ranks:
    """The rank of each value among those of its group up to and with it.

    Parameters
    ----------
    values : float64 (n), in order of arrival, none NaN
    group : int64 (n)
    rng : breaks ties between equal values of a group

    A small p-value is a value above most of its predecessors. Where every order within each group
    is equally likely the ranks are independent and uniform, over all groups together. (Spreading a
    tie evenly over its ranks instead would be without luck but not fair: that two values were equal
    tells something of those to come.)
    Source: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (2005),
    section 2.2 and theorem 8.1; the values here are themselves the nonconformity scores.
    """
    seen: dict[int, list[tuple[float, float]]] = defaultdict(list)
    at: list[int] = []
    greater: list[int] = []
    size: list[int] = []
    keys = zip(values.tolist(), rng.random(len(values)).tolist(), strict=True)
    for i, (key, g) in enumerate(zip(keys, group.tolist(), strict=True)):
        before = seen[g]
        place = bisect_right(before, key)
        if before:
            at.append(i)
            greater.append(len(before) - place)
            size.append(len(before) + 1)
        before.insert(place, key)
    above, members = np.array(greater, np.float64), np.array(size, np.float64)
    return Ranks(np.array(at, np.int64), above / members, (above + 1) / members)


@dataclass(frozen=True, slots=True)
class Stream:
    """The capital of somebody who bets, at fair odds, that order tells something about values.

    Attributes
    ----------
    ranks : Ranks
        The m members that inform.
    log10 : mapping from bet to float64 (m)
        Logarithm of the capital after each of them, from 0 before the first; `any` is the mean of
        the capitals of all bets.
    """

    ranks: Ranks
    log10: dict[str, Floats]

    def peak(self, bet: str = "any") -> tuple[int, float]:
        """Index, from 0, of the member after which the capital was greatest, and log10 of it.

        (-1, 0.0) where it was never above its start.
        """
        path = self.log10[bet]
        if not len(path) or path.max() <= 0.0:
            return -1, 0.0
        return int(path.argmax()), float(path.max())

    def p(self, bet: str = "any") -> float:
        """One over the greatest capital: a p-value however often one looks (Ville 1939)."""
        return float(min(1.0, 10.0 ** -self.peak(bet)[1]))


def stream(values: Floats, group: Ints, rng: np.random.Generator) -> Stream:
    """Bet on the ranks of a stream, under the hypothesis that order within groups is chance.

    Parameters
    ----------
    values : float64 (n), in order of arrival, none NaN
    group : int64 (n)
    rng : breaks ties between equal values of a group, and does nothing else

    The stake is spread evenly over the bets `up`, `down` and `shape`, and within each over kinds of
    bets and their parameters, so that nothing is tuned: steady slopes, extreme ranks, slopes that
    change on the way; and for `shape` slopes towards both ends and histograms that learn. A bet is
    a density on the p-values; it is averaged over the interval in which a rank leaves the p-value,
    rather than taken at a random point of it: as fair a bet, and no luck in it.

    Source: V. Vovk, I. Nouretdinov, A. Gammerman, Testing exchangeability on-line, ICML (2003);
    V. Fedorova, A. Gammerman, I. Nouretdinov, V. Vovk, Plug-in martingales for testing
    exchangeability on-line, ICML (2012); V. Vovk, Testing randomness online, Statistical Science 36
    (2021); V. Vovk and others, Retrain or not retrain, COPA (2021), algorithms 1 and 2.
    """
    ranks = conformal_ranks(values, group, rng)
    low, high = ranks.low, ranks.high
    up = _mean([_steady(low, high), _extreme(low, high), _jumper(low, high)])
    down = _mean(
        [_steady(1 - high, 1 - low), _extreme(1 - high, 1 - low), _jumper(1 - high, 1 - low)]
    )
    shape = _mean([_ends(low, high), _learnt(low, high)])
    paths = {"up": up, "down": down, "shape": shape, "any": _mean([up, down, shape])}
    return Stream(ranks, {name: path / np.log(10.0) for name, path in paths.items()})


def _mean(paths: Iterable[Floats]) -> Floats:
    """Log of the mean of capitals given by their logs."""
    total: Floats | None = None
    count = 0
    for path in paths:
        total = path if total is None else np.logaddexp(total, path)
        count += 1
    assert total is not None
    return np.asarray(total - np.log(count))


def _path(low: Floats, high: Floats, cdf: Callable[[Floats], Floats]) -> Floats:
    """Log capital of one density, given by its distribution function, bet on every rank."""
    return np.asarray(np.cumsum(np.log((cdf(high) - cdf(low)) / (high - low))))


def _steady(low: Floats, high: Floats) -> Floats:
    """Densities 1 + t (1/2 - p)."""
    return _mean(_path(low, high, lambda p, t=t: p + t * (p - p * p) / 2) for t in TILTS)  # type: ignore[misc]


def _extreme(low: Floats, high: Floats) -> Floats:
    """Densities e p^(e - 1)."""
    return _mean(_path(low, high, lambda p, e=e: p**e) for e in POWERS)  # type: ignore[misc]


def _ends(low: Floats, high: Floats) -> Floats:
    """Densities 1 + t (4 |p - 1/2| - 1): ranks near the ends more often, or less often."""

    def cdf(p: Floats, t: float) -> Floats:
        u = p - 0.5
        return np.asarray(p + t * (2 * u * np.abs(u) - u))

    steps = [sign * t / 2 for t in TILTS for sign in (1, -1)]
    return _mean(_path(low, high, lambda p, t=t: cdf(p, t)) for t in steps)  # type: ignore[misc]


def _learnt(low: Floats, high: Floats) -> Floats:
    """Histograms of the ranks so far, with one rank's worth of weight on each bin."""
    return _mean(_histogram(low, high, bins) for bins in BINS)


def _histogram(low: Floats, high: Floats, bins: int) -> Floats:
    edges = np.linspace(0.0, 1.0, bins + 1)
    inside = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    share = np.maximum(inside, 0.0) / (high - low)[:, None]
    before = np.cumsum(share, axis=0) - share + 1.0
    density = bins * before / before.sum(axis=1, keepdims=True)
    return np.asarray(np.cumsum(np.log((share * density).sum(axis=1))))


def _jumper(low: Floats, high: Floats) -> Floats:
    """Slopes between which part of the capital is moved after each bet."""
    tilt = (0.5 - (low + high) / 2).tolist()
    rate = np.array(JUMPS)[:, None]
    capital = np.full((len(JUMPS), len(STATES)), 1.0 / (len(JUMPS) * len(STATES)))
    path = np.empty(len(low))
    logged = 0.0
    for i, x in enumerate(tilt):
        capital = (1.0 - rate) * capital + rate * capital.mean(axis=1, keepdims=True)
        capital *= 1.0 + x * STATES
        total = float(capital.sum())
        capital /= total
        logged += float(np.log(total))
        path[i] = logged
    return path


@dataclass(frozen=True, slots=True)
class Contrast:
    """Late members of groups against the early ones of the same group.

    Attributes
    ----------
    ratio : Ratio
        Sum over late members of `top`, less what the early members of their group predict for
        their `bottom`, as a share of the sum of their `bottom`; groups are the clusters.
    top : float
        That sum itself.
    p : float or None
        Two-sided, over `replicates` random orders within every group; None without replicates or
        without a group that has both.
    z, p_normal : float
        The same from the exact mean and variance over all orders of a linear statistic; NaN where
        it does not vary.
    without : (float, float)
        The least and the greatest ratio with any one group left out.
    groups, early, late : int
        Groups with both, and their members.
    """

    ratio: Ratio
    top: float
    p: float | None
    z: float
    p_normal: float
    without: tuple[float, float]
    groups: int
    early: int
    late: int
    replicates: int


def late_contrast(
    top: Floats,
    bottom: Floats,
    group: Ints,
    late: Mask,
    rng: np.random.Generator | None = None,
    replicates: int = 1000,
) -> Contrast:
    """Compare late with early members of the same group, with random orders as the reference.

    Parameters
    ----------
    top, bottom : float64 (n)
        Such as the lead and the valid votes of sheets; members with `bottom` 0 are left out.
    group : int64 (n)
    late : bool (n)
    rng : without one, no random orders are drawn
    replicates : int

    With x = top - r bottom, r the ratio of the whole group, the difference of late top to what the
    early ones predict is sum(x over late) times bottom of the group over bottom of its early ones.
    Exact: the p-value is that of a permutation test with random permutations (E. Pitman,
    Significance tests which may be applied to samples from any populations, 1937; B. Phipson and
    G. Smyth 2010 for the one added to both counts). Linear: x summed over late members with weight
    members / early members, whose variance under sampling without replacement is exact.
    """
    members = _Members.of(top, bottom, group, late)
    if not members.groups:
        nothing = Ratio(np.nan, np.nan, np.nan, np.nan, 0)
        return Contrast(nothing, 0.0, None, np.nan, np.nan, (np.nan, np.nan), 0, 0, 0, 0)
    gain, weight = members.observed()
    z = members.z()
    p = None
    if rng is not None and replicates > 0:
        drawn = members.permuted(rng, replicates)
        value = abs(gain.sum() / weight.sum())
        # Equal statistics must count as equal whatever the order of summation.
        beyond = int((np.abs(drawn) >= value * (1 - 1e-9) - 1e-15).sum())
        p = (1 + beyond) / (1 + replicates)
    return Contrast(
        ratio=cluster_ratio(gain, weight),
        top=float(gain.sum()),
        p=p,
        z=z,
        p_normal=float(2 * ndtr(-abs(z))),
        without=_without_one(gain, weight),
        groups=members.groups,
        early=int(len(members.late) - members.late.sum()),
        late=int(members.late.sum()),
        replicates=replicates if p is not None else 0,
    )


def _without_one(gain: Floats, weight: Floats) -> tuple[float, float]:
    if len(gain) < 2:
        return np.nan, np.nan
    rest = (gain.sum() - gain) / (weight.sum() - weight)
    return float(rest.min()), float(rest.max())


@dataclass(frozen=True, slots=True)
class _Members:
    """Members of the groups with early and late ones, sorted by group; G groups, n members."""

    x: Floats
    bottom: Floats
    code: Ints
    late: Mask
    size: Ints
    first: Ints

    @classmethod
    def of(cls, top: Floats, bottom: Floats, group: Ints, late: Mask) -> _Members:
        some = bottom > 0
        code = np.unique(group[some], return_inverse=True)[1]
        of_late = np.bincount(code, late[some], minlength=int(code.max(initial=-1)) + 1)
        of_all = np.bincount(code)
        both = ((of_late > 0) & (of_late < of_all))[code]
        kept = np.flatnonzero(some)[both]
        kept = kept[np.argsort(group[kept], kind="stable")]
        code = np.unique(group[kept], return_inverse=True)[1].astype(np.int64)
        size = np.bincount(code).astype(np.int64)
        whole = np.bincount(code, bottom[kept])
        rate = np.bincount(code, top[kept]) / np.where(whole > 0, whole, 1.0)
        x = top[kept] - rate[code] * bottom[kept] if len(kept) else top[kept]
        return cls(x, bottom[kept], code, late[kept], size, np.cumsum(size) - size)

    @property
    def groups(self) -> int:
        return len(self.size)

    def observed(self) -> tuple[Floats, Floats]:
        """By group: late top less its prediction, and late bottom."""
        part = np.bincount(self.code, self.late * self.x)
        weight = np.bincount(self.code, self.late * self.bottom).astype(np.float64)
        whole = np.bincount(self.code, self.bottom)
        return np.asarray(part * whole / (whole - weight)), weight

    def z(self) -> float:
        """The linear statistic in its own standard deviations."""
        late = np.bincount(self.code, self.late)
        early = self.size - late
        weight = self.size / early
        squares = np.bincount(self.code, self.x**2)
        variance = weight**2 * late * early / (self.size * (self.size - 1)) * squares
        total = float((weight * np.bincount(self.code, self.late * self.x)).sum())
        spread = float(np.sqrt(variance.sum()))
        return total / spread if spread > 0 else np.nan

    def permuted(self, rng: np.random.Generator, replicates: int) -> Floats:
        """The ratio under random orders: float64 (replicates). Groups of one size at a time."""
        gain = np.zeros(replicates)
        weight = np.zeros(replicates)
        late = np.bincount(self.code, self.late).astype(np.int64)
        for size in np.unique(self.size).tolist():
            which = np.flatnonzero(self.size == size)
            step = max(1, 2_000_000 // (replicates * size))
            for start in range(0, len(which), step):
                some = which[start : start + step]
                rows = self.first[some][:, None] + np.arange(size)
                keys = rng.random((replicates, len(some), size))
                last = np.sort(keys, axis=2)[:, np.arange(len(some)), late[some] - 1]
                chosen = (keys <= last[:, :, None]).astype(np.float64)
                part = np.einsum("rgm,gm->rg", chosen, self.x[rows])
                bottom = np.einsum("rgm,gm->rg", chosen, self.bottom[rows])
                whole = self.bottom[rows].sum(axis=1)
                gain += (part * whole / (whole - bottom)).sum(axis=1)
                weight += bottom.sum(axis=1)
        return gain / weight
