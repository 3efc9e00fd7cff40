"""The beta-binomial distribution with tails exact to their relative precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Tails", "log_point", "mid_p", "tails"]

Floats = NDArray[np.float64]

EXACT = 20_000
"""Above so many trials a tail is that of the beta distribution with the same variance."""


@dataclass(frozen=True, slots=True)
class Tails:
    """P(X < k), P(X = k) and P(X > k), each float64 (members)."""

    below: Floats
    point: Floats
    above: Floats


def log_point(k: Floats, n: Floats, a: Floats, b: Floats) -> Floats:
    """Logarithm of P(X = k), X beta-binomial of n trials with parameters a and b; any one shape.

    C(n, k) B(k + a, n - k + b) / B(a, b): J. Skellam, A probability distribution derived from the
    binomial distribution, Journal of the Royal Statistical Society B 10 (1948).
    """
    choose = -special.betaln(n - k + 1.0, k + 1.0) - np.log(n + 1.0)
    value = choose + special.betaln(k + a, n - k + b) - special.betaln(a, b)
    return np.asarray(value, dtype=np.float64)


def tails(k: Floats, n: Floats, a: Floats, b: Floats) -> Tails:
    """Exact tails, summed away from the mean by the recurrence of neighbouring probabilities.

    All parameters float64 (members), n >= 1. The tail on the far side of the mean is one less the
    rest. Above `EXACT` trials: the beta distribution whose variance is that of X / n.
    """
    point = np.exp(np.minimum(log_point(k, n, a, b), 0.0))
    high = k >= n * a / (a + b)
    steps, trials = np.where(high, k, n - k), n
    first, second = np.where(high, a, b), np.where(high, b, a)
    outer = np.empty_like(point)
    large = n > EXACT
    outer[~large] = _beyond(
        steps[~large], trials[~large], first[~large], second[~large], point[~large]
    )
    outer[large] = _smooth(steps[large], trials[large], first[large], second[large])
    inner = np.clip(1.0 - outer - point, 0.0, 1.0)
    return Tails(np.where(high, inner, outer), point, np.where(high, outer, inner))


def _beyond(k: Floats, n: Floats, a: Floats, b: Floats, point: Floats) -> Floats:
    """P(X > k), adding terms until they add nothing."""
    total = np.zeros_like(point)
    live = np.flatnonzero((k < n) & (point > 0.0))
    term, at = point[live].copy(), k[live].copy()
    n, a, b = n[live], a[live], b[live]
    while len(live):
        term *= (n - at) * (a + at) / ((at + 1.0) * (b + n - at - 1.0))
        at += 1.0
        total[live] += term
        more = (at < n) & (term > 1e-15 * total[live])
        if not more.all():
            live, term, at = live[more], term[more], at[more]
            n, a, b = n[more], a[more], b[more]
    return total


def _smooth(k: Floats, n: Floats, a: Floats, b: Floats) -> Floats:
    total = a + b
    spread = (1.0 + (n - 1.0) / (total + 1.0)) / n
    scale = np.maximum(1.0 / spread - 1.0, 1e-9) / total
    return np.asarray(
        special.betaincc(a * scale, b * scale, np.clip((k + 0.5) / n, 0.0, 1.0)), dtype=np.float64
    )


def mid_p(found: Tails) -> Floats:
    """Two-sided mid-p: twice the smaller of the tails, each with half of the point; at most 1.

    Source: H. Lancaster, Significance tests in discrete distributions, JASA 56 (1961).
    """
    half = 0.5 * found.point
    return np.minimum(1.0, 2.0 * (np.minimum(found.below, found.above) + half))
