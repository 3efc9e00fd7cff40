"""Parameters shaped after a real count, by simple moments: aggregates out, no sheet kept.

Variances by level come from pairs of sheets that share a place at one level and none below: half
their mean squared difference is the sum of the variances below that level (nested analysis of
variance by differences, which needs neither balance nor several children in every place).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from veedor.errors import VeedorError
from veedor.simulate.election import Bools, Floats, Ints
from veedor.simulate.parameters import Parameters

Four = tuple[float, float, float, float]

FEWEST_VOTES = 20
"""Sheets with fewer votes say next to nothing about dispersion on a log scale."""

MAIN_SHARE = 0.03
"""Options below this national share have too many zeros for log ratios."""


@dataclass(frozen=True, slots=True)
class _Count:
    """Sheets of a real count: S sheets, K options; four (S,) codes of places, outermost first."""

    tree: tuple[Ints, Ints, Ints, Ints]
    rural: Bools
    registered: Floats
    votes: Floats
    blank: Floats
    null: Floats

    @property
    def cast(self) -> Floats:
        total: Floats = self.votes.sum(axis=1) + self.blank + self.null
        return total


def shape_of(
    *,
    options: tuple[str, ...],
    region: ArrayLike,
    municipality: ArrayLike,
    locality: ArrayLike,
    centre: ArrayLike,
    rural: ArrayLike,
    registered: ArrayLike,
    votes: ArrayLike,
    blank: ArrayLike,
    null: ArrayLike,
) -> Parameters:
    """Estimate parameters from a count.

    Parameters
    ----------
    options : tuple of str
        The K options in ballot order.
    region, municipality, locality, centre : (S,)
        Codes of the place of each station; codes of full paths, so that they nest.
    rural : (S,) of bool
    registered, blank, null : (S,)
    votes : (S, K)

    Returns
    -------
    Parameters
        Shares, dispersion, turnout, invalid votes and geography. The time of arrival, the slips,
        the blocs and the history are not in these arrays and keep their defaults.
    """
    codes = [np.unique(np.asarray(c), return_inverse=True)[1].astype(np.int64)
             for c in (region, municipality, locality, centre)]  # fmt: skip
    numbers = [np.asarray(a, dtype=float) for a in (registered, votes, blank, null)]
    count = _Count(
        (codes[0], codes[1], codes[2], codes[3]), np.asarray(rural, dtype=bool), *numbers
    )
    sizes = {len(a) for a in (*codes, count.rural, *numbers)}
    if len(sizes) != 1 or count.votes.shape != (len(count.rural), len(options)):
        raise VeedorError(
            "the arrays are not of one length, or votes is not stations x options",
            place="shape_of",
            remedy="Give one entry for each station, and one column of votes for each option.",
        )
    shares = count.votes.sum(axis=0) / count.votes.sum()
    tilt, loading, spread, own = _divide(count, shares)
    turnout = _rate(count, count.cast, count.registered)
    blank_rate = _rate(count, count.blank, count.cast)
    null_rate = _rate(count, count.null, count.cast)
    leader = count.votes[:, int(np.argmax(shares))]
    return Parameters(
        stations=len(count.rural),
        options=options,
        shares=tuple(float(s) for s in shares),
        rural_tilt=tilt,
        loading=loading,
        spread=spread,
        own=own,
        within=_within(count.tree[3], leader, count.votes.sum(axis=1)),
        turnout=turnout.level,
        turnout_rural=turnout.rural,
        turnout_spread=turnout.spread,
        turnout_within=turnout.within,
        blank=blank_rate.level,
        blank_rural=blank_rate.rural,
        blank_spread=blank_rate.spread,
        blank_within=blank_rate.within,
        null=null_rate.level,
        null_rural=null_rate.rural,
        null_spread=null_rate.spread,
        null_within=null_rate.within,
        **_geography(count),
    )


def components(tree: tuple[Ints, ...], values: Floats) -> tuple[Floats, float]:
    """Standard deviations of the effects at each level, and of what is left within a centre.

    Parameters
    ----------
    tree : (S,) codes by level, outermost first
    values : (S,)
    """
    whole = np.zeros_like(tree[0])
    chain = [whole, *tree]
    below = [_half_square(chain[i], chain[i + 1], values) for i in range(len(tree))] + [
        _half_square(chain[-1], np.arange(len(values)), values)
    ]
    found = np.array(below)
    return np.sqrt(np.maximum(found[:-1] - found[1:], 0.0)), float(np.sqrt(found[-1]))


def _half_square(parent: Ints, child: Ints, values: Floats) -> float:
    """Half the mean squared difference of two sheets of one parent and different children.

    Parents weigh by their sheets, not by their pairs, lest one city outweigh the country.
    """
    child = np.unique(child, return_inverse=True)[1]
    owner = np.zeros(int(child.max()) + 1, dtype=np.int64)
    owner[child] = parent
    size = int(parent.max()) + 1

    def pairs(codes: Ints, length: int) -> tuple[Floats, Floats]:
        n = np.bincount(codes, minlength=length).astype(float)
        total = np.bincount(codes, values, length).astype(float)
        return n * (n - 1) / 2, n * np.bincount(codes, values**2, length) - total**2

    number, squares = pairs(parent, size)
    inner_number, inner_squares = pairs(child, len(owner))
    number -= np.bincount(owner, inner_number, size)
    squares -= np.bincount(owner, inner_squares, size)
    some = number > 0
    if not some.any():
        return 0.0
    weight = np.bincount(parent, minlength=size)[some]
    return float((weight * squares[some] / number[some]).sum() / weight.sum() / 2)


def _divide(
    count: _Count, shares: Floats
) -> tuple[tuple[float, ...], tuple[float, ...], Four, Four]:
    """Rural tilt, the loadings of the main divide, and dispersion along it and across it."""
    main = np.flatnonzero(shares >= MAIN_SHARE)
    tilt = np.zeros(len(shares))
    country, town = count.votes[count.rural].sum(axis=0), count.votes[~count.rural].sum(axis=0)
    if count.rural.any() and not count.rural.all():
        tilt = np.log((country + 1) / country.sum()) - np.log((town + 1) / town.sum())
    enough = count.votes.sum(axis=1) >= FEWEST_VOTES
    logs, rural = np.log(count.votes[enough][:, main] + 0.5), count.rural[enough]
    weights = shares[main] / shares[main].sum()
    ratios = logs - (logs @ weights)[:, None]
    if rural.any() and not rural.all():  # sheets' mean: the ratio of totals understates a tilt
        mean = ratios[rural].mean(axis=0) - ratios[~rural].mean(axis=0)
        tilt[main] = mean + tilt[main] @ weights
        ratios = ratios - rural[:, None] * mean
    tree = tuple(codes[enough] for codes in count.tree)
    axis = np.linalg.eigh(np.cov(ratios * np.sqrt(weights), rowvar=False))[1][:, -1]
    score = ratios @ (np.sqrt(weights) * axis)
    score = score - score.mean()
    slope = (ratios - ratios.mean(axis=0)).T @ score / max(float(score @ score), 1e-12)
    scale = float(np.abs(slope).max()) or 1.0
    loading = np.zeros(len(shares))
    loading[main] = slope / scale * (np.sign(slope[np.argmax(shares[main])]) or 1.0)
    along = components(tree, score)[0] * scale
    across = ratios - np.outer(score, slope)
    free = max(len(main) - 2, 1) / len(main)
    squares = sum(weights[i] * components(tree, across[:, i])[0] ** 2 for i in range(len(main)))
    return (
        tuple(float(t) for t in tilt),
        tuple(float(v) for v in loading),
        _four(along),
        _four(np.sqrt(squares / free)),
    )


def _four(values: Floats) -> Four:
    return (float(values[0]), float(values[1]), float(values[2]), float(values[3]))


@dataclass(frozen=True, slots=True)
class _Rate:
    level: float
    rural: float
    spread: Four
    within: float


def _rate(count: _Count, part: Floats, whole: Floats) -> _Rate:
    """Level, rural difference and dispersion of a rate, on the logit scale."""
    enough = whole >= FEWEST_VOTES
    odds = np.log((part + 0.5) / (whole - part + 0.5))[enough]
    rural = count.rural[enough]
    mixed = rural.any() and not rural.all()
    difference = float(odds[rural].mean() - odds[~rural].mean()) if mixed else 0.0
    spread, _ = components(tuple(c[enough] for c in count.tree), odds - difference * rural)
    level = float(part.sum() / whole.sum())
    return _Rate(level, difference, _four(spread), _within(count.tree[3], part, whole))


def _within(centre: Ints, part: Floats, whole: Floats) -> float:
    """Intra-class correlation of a rate on a sheet beyond its centre, from Pearson's chi-square."""
    rate = np.bincount(centre, part) / np.maximum(np.bincount(centre, whole), 1)
    expected = whole * rate[centre]
    variance = expected * (1 - rate[centre])
    use = (np.bincount(centre)[centre] >= 3) & (variance > 4)
    freedom = int(use.sum()) - len(np.unique(centre[use]))
    if freedom < 1:
        return 0.0
    factor = float(((part - expected)[use] ** 2 / variance[use]).sum() / freedom)
    return float(np.clip((factor - 1) / (whole[use].mean() - 1), 0.0, 0.4))


def _geography(count: _Count) -> dict[str, Any]:
    first = np.unique(count.tree[3], return_index=True)[1]
    stations, rural = np.bincount(count.tree[3]), count.rural[first]
    region_of = np.unique(np.stack([count.tree[1], count.tree[0]]), axis=1)[1]
    villages = len(np.unique(count.tree[2][count.rural]))
    size = int(count.registered.max())
    found: dict[str, Any] = {
        "regions": int(count.tree[0].max()) + 1,
        "region_weights": tuple(float(n) for n in np.bincount(region_of)),
        "centres_per_municipality": len(first) / len(np.unique(count.tree[1])),
        "rural": float(count.rural.mean()),
        "station_size": size,
        "station_missing": float(size - np.median(count.registered)),
        "smallest": max(int(count.registered.min()), 1),
    }
    if rural.any():
        found["rural_stations"] = float(stations[rural].mean())
        found["rural_centres_per_locality"] = float(rural.sum() / villages)
    if not rural.all():
        found["urban_stations"] = float(stations[~rural].mean())
    return found
