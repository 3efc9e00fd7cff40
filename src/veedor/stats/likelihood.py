"""How good likelihood ratios are, and making them so: costs, calibration, curves.

Ratios are given as natural logarithms. Trials of `same` come from one source, those of `different`
from two; each may carry a weight, so that a bootstrap over sources needs no copying of trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = [
    "Limits",
    "Logistic",
    "Performance",
    "Rates",
    "cllr",
    "equal_error",
    "exceeding",
    "fit_logistic",
    "isotonic",
    "min_cllr",
    "over_sources",
    "performance",
    "rates_at",
    "tippett",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FARTHEST = 60.0
"""Log odds beyond which a perfectly separated trial is not moved."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Misleading evidence at a threshold: different sources above it, same source below 1 / it."""

    threshold: float
    different_above: float
    same_below: float


@dataclass(frozen=True, slots=True)
class Performance:
    """How well ratios tell same from different.

    Attributes
    ----------
    cllr, cllr_min : cost in bits of the ratios, and of the best that keeps their order; 1 is the
        cost of no evidence
    eer : error rate where both kinds of error are equally frequent
    """

    cllr: float
    cllr_min: float
    eer: float


def performance(
    same: Floats,
    different: Floats,
    same_weight: Floats | None = None,
    different_weight: Floats | None = None,
) -> Performance:
    """Costs and error rate of log likelihood ratios.

    Parameters
    ----------
    same, different : float64 (n), (m), natural logarithms
    same_weight, different_weight : float64 (n), (m), how often each trial counts

    Source: N. Brummer and J. du Preez, Application-independent evaluation of speaker detection,
    Computer Speech and Language 20 (2006).
    """
    weights = (same_weight, different_weight)
    return Performance(
        cllr=cllr(same, different, *weights),
        cllr_min=min_cllr(same, different, *weights),
        eer=equal_error(same, different, *weights),
    )


def _weights(values: Floats, weight: Floats | None) -> Floats:
    found = np.ones(len(values)) if weight is None else weight.astype(np.float64)
    total = found.sum()
    normal: Floats = found / total if total > 0 else found
    return normal


def cllr(
    same: Floats,
    different: Floats,
    same_weight: Floats | None = None,
    different_weight: Floats | None = None,
) -> float:
    """Mean cost in bits of log likelihood ratios, both kinds of trial weighing the same."""
    of_same = _weights(same, same_weight) @ np.logaddexp(0, -same)
    of_different = _weights(different, different_weight) @ np.logaddexp(0, different)
    return float((of_same + of_different) / 2 / np.log(2))


def isotonic(values: Floats, weight: Floats) -> Floats:
    """The non-decreasing numbers nearest to `values` by weighted squares (pool adjacent violators).

    Source: M. Ayer and others, An empirical distribution function for sampling with incomplete
    information, Annals of Mathematical Statistics 26 (1955).
    """
    level: list[float] = []
    mass: list[float] = []
    size: list[int] = []
    for value, w in zip(values.tolist(), weight.tolist(), strict=True):
        level.append(value)
        mass.append(w)
        size.append(1)
        while len(level) > 1 and level[-2] >= level[-1]:
            v, m, s = level.pop(), mass.pop(), size.pop()
            total = mass[-1] + m
            if total > 0:
                level[-1] = (level[-1] * mass[-1] + v * m) / total
            mass[-1] = total
            size[-1] += s
    return np.repeat(np.array(level), np.array(size, dtype=np.int64))


def _pooled(
    same: Floats, different: Floats, same_weight: Floats, different_weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """By ascending value, equal ones together: weights of same and of different, share of same."""
    values = np.concatenate([same, different])
    _, at = np.unique(values, return_inverse=True)
    size = int(at.max(initial=-1)) + 1
    mine = np.bincount(at[: len(same)], same_weight, minlength=size).astype(np.float64)
    theirs = np.bincount(at[len(same) :], different_weight, minlength=size).astype(np.float64)
    weight = mine + theirs
    kept = weight > 0
    mine, theirs, weight = mine[kept], theirs[kept], weight[kept]
    return mine, theirs, isotonic(mine / weight, weight)


def min_cllr(
    same: Floats,
    different: Floats,
    same_weight: Floats | None = None,
    different_weight: Floats | None = None,
) -> float:
    """The cost of the best ratios that keep the order of these."""
    mine, theirs, share = _pooled(
        same, different, _weights(same, same_weight), _weights(different, different_weight)
    )
    with np.errstate(divide="ignore"):
        best = np.clip(np.log(share) - np.log1p(-share), -FARTHEST, FARTHEST)
    cost = mine @ np.logaddexp(0, -best) + theirs @ np.logaddexp(0, best)
    return float(cost / 2 / np.log(2))


def equal_error(
    same: Floats,
    different: Floats,
    same_weight: Floats | None = None,
    different_weight: Floats | None = None,
) -> float:
    """The error rate where as many of the same lie below a threshold as of the different above.

    Between two thresholds the rates are joined by a straight line.
    """
    values = np.concatenate([same, different])
    _, at = np.unique(values, return_inverse=True)
    size = int(at.max(initial=-1)) + 1
    mine = np.bincount(at[: len(same)], _weights(same, same_weight), minlength=size)
    theirs = np.bincount(at[len(same) :], _weights(different, different_weight), minlength=size)
    missed = np.concatenate([[0.0], np.cumsum(mine)])
    passed = np.concatenate([[1.0], 1 - np.cumsum(theirs)])
    k = int(np.argmax(missed >= passed))
    if k == 0:
        return float(missed[0])
    gap, before = missed[k] - passed[k], passed[k - 1] - missed[k - 1]
    part = before / (gap + before) if gap + before > 0 else 0.0
    return float(missed[k - 1] + part * (missed[k] - missed[k - 1]))


def rates_at(
    same: Floats,
    different: Floats,
    thresholds: Sequence[float] = (1, 10, 100),
    same_weight: Floats | None = None,
    different_weight: Floats | None = None,
) -> tuple[Rates, ...]:
    """Misleading evidence at thresholds of the ratio (not of its logarithm)."""
    mine, theirs = _weights(same, same_weight), _weights(different, different_weight)
    return tuple(
        Rates(
            threshold=float(t),
            different_above=float(theirs[different > np.log(t)].sum()),
            same_below=float(mine[same < -np.log(t)].sum()),
        )
        for t in thresholds
    )


def exceeding(values: Floats, at: Floats) -> Floats:
    """Share of values that are at least each of `at`."""
    ordered = np.sort(values)
    found: Floats = 1 - np.searchsorted(ordered, at, side="left") / max(len(ordered), 1)
    return found


def tippett(same: Floats, different: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Shares of trials of the same and of different sources with a ratio of at least each of `at`.

    Source: C. Tippett and others, The evidential value of the comparison of paint flakes from
    sources other than vehicles, Journal of the Forensic Science Society 8 (1968).
    """
    return exceeding(same, at), exceeding(different, at)


@dataclass(frozen=True, slots=True)
class Logistic:
    """Coefficients that turn a row of a design into a log likelihood ratio."""

    coefficients: Floats

    def __call__(self, design: Floats) -> Floats:
        """float64 (n): natural logarithms."""
        found: Floats = design @ self.coefficients
        return found


def fit_logistic(
    same: Floats, different: Floats, *, ridge: float = 1e-4, rounds: int = 100
) -> Logistic:
    """The log likelihood ratio linear in a design that costs least, both kinds weighing the same.

    Parameters
    ----------
    same, different : float64 (n, k), (m, k), rows of the design; a column of ones where a constant
        is wanted
    ridge : penalty on the coefficients' squares, which keeps separable trials finite

    Source: S. Pigeon, P. Druyts and P. Verlinde, Applying logistic regression to the fusion of the
    NIST'99 1-speaker submissions, Digital Signal Processing 10 (2000).
    """
    design = np.concatenate([same, different])
    target = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    weight = np.concatenate(
        [np.full(len(same), 0.5 / len(same)), np.full(len(different), 0.5 / len(different))]
    )
    beta = np.zeros(design.shape[1])
    penalty = ridge * np.eye(design.shape[1])

    def cost(b: Floats) -> float:
        logit = design @ b
        loss = np.logaddexp(0, np.where(target > 0, -logit, logit))
        return float(weight @ loss + b @ penalty @ b / 2)

    now = cost(beta)
    for _ in range(rounds):
        share = expit(design @ beta)
        slope = design.T @ (weight * (share - target)) + penalty @ beta
        bend = (design * (weight * share * (1 - share))[:, None]).T @ design + penalty
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while (then := cost(beta - size * step)) > now and size > 1e-6:
            size /= 2
        beta = beta - size * step
        if now - then < 1e-12:
            break
        now = then
    return Logistic(beta)


@dataclass(frozen=True, slots=True)
class Limits:
    """Percentile limits of cost and error rate."""

    cllr: tuple[float, float]
    eer: tuple[float, float]


def over_sources(
    same: Floats,
    different: Floats,
    source: Ints,
    sources: Ints,
    rng: np.random.Generator,
    *,
    draws: int = 200,
    level: float = 0.95,
) -> Limits:
    """Limits by drawing whole sources anew: trials that share one are not independent.

    Parameters
    ----------
    same, different : float64 (n), (m), log likelihood ratios
    source : int64 (n), of each trial of one source
    sources : int64 (m, 2), of the others; a trial of two counts as often as both were drawn, times
        each other

    Source: N. Poh and S. Bengio, Estimating the confidence interval of expected performance curve
    in biometric authentication using joint bootstrap, ICASSP 2007.
    """
    names, at = np.unique(np.concatenate([source, sources.ravel()]), return_inverse=True)
    own, others = at[: len(source)], at[len(source) :].reshape(-1, 2)
    found = np.empty((draws, 2))
    for k in range(draws):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = times[own].astype(np.float64), times[others].prod(axis=1).astype(np.float64)
        if weights[0].sum() and weights[1].sum():
            found[k] = (
                cllr(same, different, *weights),
                equal_error(same, different, *weights),
            )
        else:
            found[k] = np.nan
    tail = (1 - level) / 2
    low, high = np.nanquantile(found, (tail, 1 - tail), axis=0)
    return Limits((float(low[0]), float(high[0])), (float(low[1]), float(high[1])))
