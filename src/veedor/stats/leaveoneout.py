"""Beta-binomial prediction of one member of a group by the others.

A group has a share p; a member's own share is beta about p with intra-class correlation rho; its
count x of n is binomial. rho is one number for all groups, estimated once: good for expected
numbers and for choosing what to look at; tails are those of `uneven`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from veedor.stats.betabinomial import mid_p, tails

__all__ = [
    "Dispersion",
    "Prediction",
    "discordance",
    "dispersion",
    "predict",
    "trimmed_dispersion",
    "updated",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 1e-7
"""A correlation of zero is taken as this, so that one formula serves."""
PRIOR = 1.0
"""Trials that the mean of all groups counts as, at most: a group may be unlike all others."""
SCREEN = 2.5
"""Standard deviations from which a tail is summed exactly."""
TRIM = 0.002
ROUNDS = 4
STEPS = 25
"""Fixed-point steps of the moment estimator; the correction shrinks by the size of the groups."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How members of a group differ, and groups from one another.

    Attributes
    ----------
    rho : float
        Intra-class correlation of the trials of one member, given the group's share.
    mean, precision : float
        Mean of the groups' shares (each group once) and the sum of the parameters of the beta
        distribution with their variance.
    groups, members : int
        Groups with at least two members with trials, and those members: what rho rests on.
    """

    rho: float
    mean: float
    precision: float
    groups: int
    members: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """Beta-binomial parameters of each member given the others of its group.

    Attributes
    ----------
    a, b : float64 (members)
    others : int64 (members)
        How many other members with trials the group has; with none, the prediction is the prior.
    share : float64 (members)
        The others' pooled share; NaN where there are none.
    """

    a: Floats
    b: Floats
    others: Ints
    share: Floats

    def standardised(self, x: Floats, n: Floats) -> Floats:
        """Distance of each count from its prediction in standard deviations; 0 with no trial."""
        total = self.a + self.b
        mean = self.a / total
        spread = n * mean * (1.0 - mean) * (1.0 + (n - 1.0) / (total + 1.0))
        return np.where(n > 0, (x - n * mean) / np.sqrt(np.where(n > 0, spread, 1.0)), 0.0)


def dispersion(x: Floats, n: Floats, group: Ints) -> Dispersion:
    """Estimate the correlation within groups by moments.

    Parameters
    ----------
    x, n : float64 (members)
        Counts and trials, 0 <= x <= n; members without trials take no part.
    group : int64 (members), from 0

    With p the pooled share of a group of N trials, S = sum n_i (p_i - p)^2 has the expectation
    v sum (1 + (n_i - 1) rho) (1 - n_i / N), where v = p(1 - p) of the group; p_hat (1 - p_hat) is
    unbiased for v (1 - sum n_i (1 + (n_i - 1) rho) / N^2). Summed over groups and solved for rho.
    Source: J. Kleinman, Proportions with extraneous variance, JASA 68 (1973), with trials as
    weights; M. Ridout, C. Demetrio, D. Firth, Estimating intraclass correlation for binary data,
    Biometrics 55 (1999), compares it with others.
    """
    size = int(group.max()) + 1 if len(group) else 0
    trials = np.bincount(group, n, size)
    members = np.bincount(group, (n > 0).astype(np.float64), size)
    some = np.where(trials > 0, trials, 1.0)
    pooled = np.bincount(group, x, size) / some
    own = x / np.where(n > 0, n, 1.0)
    square = np.bincount(group, n * (own - pooled[group]) ** 2, size)
    pairs: Floats = np.bincount(group, n * np.maximum(n - 1.0, 0.0), size).astype(np.float64)
    weight = np.bincount(group, np.where(n > 0, n - 1.0, 0.0) * (1.0 - n / some[group]), size)
    several = members >= 2
    spread = float(square[several].sum())
    binomial = pooled * (1.0 - pooled)
    rho = 0.0
    for _ in range(STEPS):
        bias = 1.0 - 1.0 / some - rho * pairs / some**2
        v = np.where(several, binomial / np.where(several, bias, 1.0), 0.0)
        slope = float((v * weight).sum())
        if slope <= 0.0:
            break
        last = rho
        rho = (spread - float((v * (members - 1.0)).sum())) / slope
        rho = min(max(rho, 0.0), 0.99)
        if abs(rho - last) <= 1e-9 * rho:
            break
    rho = max(rho, LEAST)
    mean, precision = _between(pooled, some, pairs, trials > 0.0, rho)
    return Dispersion(rho, mean, precision, int(several.sum()), int(members[several].sum()))


def _between(
    pooled: Floats, trials: Floats, pairs: Floats, known: NDArray[np.bool_], rho: float
) -> tuple[float, float]:
    """Mean and precision of the beta distribution of the groups' shares, by moments."""
    shares = pooled[known]
    if not len(shares):
        return 0.5, 1.0
    mean = float(shares.mean())
    noise = (1.0 / trials + rho * pairs / trials**2)[known]
    inside = shares * (1.0 - shares) / np.maximum(1.0 - noise, 1e-3)
    spread = float(((shares - mean) ** 2 - inside * noise).mean())
    whole = mean * (1.0 - mean)
    if spread <= 0.0 or len(shares) < 2:
        return mean, 1.0 if len(shares) < 2 else 1000.0
    return mean, min(max(whole / spread - 1.0, 0.2), 1000.0)


def predict(x: Floats, n: Floats, group: Ints, given: Dispersion) -> Prediction:
    """Predict each member from the others of its group, leaving itself out.

    The others weigh x_j / (1 + (n_j - 1) rho): a member's trials are worth so many independent
    ones. Their sum updates a weak beta prior about the mean of the groups' shares; the member's
    own spread about the group's share is added: 1 / (S + 1) = r + (1 - r) rho with r = 1 / (K + 1)
    for K effective trials, the law of total variance. Sums are those of the group less its own.

    Parameters
    ----------
    x, n, group : as for `dispersion`
    """
    size = int(group.max()) + 1 if len(group) else 0
    effect = np.where(n > 0, 1.0 + (n - 1.0) * given.rho, 1.0)
    count = np.bincount(group, n > 0, size)[group] - (n > 0)
    alone = count == 0
    worth = np.bincount(group, n / effect, size)[group] - n / effect
    found = np.bincount(group, x / effect, size)[group] - x / effect
    worth = np.where(alone, 0.0, np.maximum(worth, 0.0))
    found = np.where(alone, 0.0, np.clip(found, 0.0, worth))
    a, b = updated(found, worth, given)
    trials = np.bincount(group, n, size)[group] - n
    counts = np.bincount(group, x, size)[group] - x
    share = np.where(alone, np.nan, counts / np.where(trials > 0, trials, 1.0))
    return Prediction(a, b, count.astype(np.int64), share)


def updated(found: Floats, worth: Floats, given: Dispersion) -> tuple[Floats, Floats]:
    """Parameters (a, b) of a member's prediction from `found` of `worth` effective trials."""
    prior = min(given.precision, PRIOR)
    total = worth + prior
    mean = np.clip((found + given.mean * prior) / total, 1e-9, 1.0 - 1e-9)
    posterior = 1.0 / (total + 1.0)
    spread = 1.0 / (posterior + (1.0 - posterior) * given.rho) - 1.0
    return mean * spread, (1.0 - mean) * spread


def trimmed_dispersion(x: Floats, n: Floats, group: Ints) -> Dispersion:
    """`dispersion` without the members that do not belong to it.

    Members with a mid-p below `TRIM` under the estimate are left out and it is made again, up to
    `ROUNDS` times: without this a few altered members spread the rest so wide that they hide.
    Of members that all belong, two in a thousand go, and rho with them by a few per cent.
    """
    given = dispersion(x, n, group)
    for _ in range(ROUNDS if given.groups else 0):
        p = discordance(x, n, predict(x, n, group, given))
        kept = ~(p < TRIM)
        again = dispersion(np.where(kept, x, 0.0), np.where(kept, n, 0.0), group)
        done = abs(again.rho - given.rho) <= 0.02 * given.rho
        given = again if again.groups else given
        if done:
            break
    return given


def discordance(x: Floats, n: Floats, found: Prediction) -> Floats:
    """Two-sided mid-p of each member: exact beyond `SCREEN` deviations, else the normal one.

    NaN where a member has no trial or no other.
    """
    distance = np.abs(found.standardised(x, n))
    known = (n > 0) & (found.others > 0)
    p = np.full(len(x), np.nan)
    p[known] = 2.0 * special.ndtr(-distance[known])
    far = known & (distance > SCREEN)
    p[far] = mid_p(tails(x[far], n[far], found.a[far], found.b[far]))
    return p
