"""Risk-limiting audits: how much a random sample of units says against "the total is not above 0".

Each unit (a sheet) has a number that only an examination by hand can tell, of which a lower bound
is known beforehand. The hypothesis is that the outcome is wrong: that the sum of the numbers is
not above 0. A player who bets against it at fair odds on each examined unit multiplies the stake
by no more than chance allows; one over the greatest capital is the risk of having stopped there,
however often one looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "STAKES",
    "Plan",
    "Terms",
    "capital",
    "expected_size",
    "joint",
    "risk",
    "weighted",
    "without_replacement",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

STAKES = np.array(sorted({*(2.0**-k for k in range(1, 8)), *(1 - 2.0**-k for k in range(1, 13))}))
"""Shares of the greatest stake that are bet at once, a same part of the capital on each."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What each draw pays, and what it pays at most on the mean if the outcome is wrong.

    Attributes
    ----------
    paid : float64 (m), not negative, in the order of the draws
    fair : float64 (m)
        Upper bound of the expectation of each payment, given the draws before it.
    out : bool (m)
        The units up to and with this one rule the hypothesis out, whatever the others hold.
    """

    paid: Floats
    fair: Floats
    out: Mask


def weighted(value: Ints, least: Ints, chance: Floats, total: int, constant: int) -> Terms:
    """Draws with replacement, with unequal chances.

    Parameters
    ----------
    value : int64 (m), the examined number of each drawn unit
    least : int64 (m), its lower bound
    chance : float64 (m), with which each draw takes that unit
    total : sum of the lower bounds over all units of the frame
    constant : what is added to the sum of the numbers

    (value - least) / chance has the expectation "sum of numbers less sum of bounds", which is at
    most -constant - total where the outcome is wrong. Chances proportional to what was reported
    above the bound make this a comparison audit: each draw that agrees pays the same.
    Source: P. Stark, ALPHA: audit that learns from previously hand-audited ballots, Annals of
    Applied Statistics 17 (2023), section 4.
    """
    paid = (value - least) / chance
    fair = float(-constant - total)
    return Terms(paid, np.full(len(value), fair), (fair < 0) | ((fair == 0) & (paid > 0)))


def without_replacement(value: Ints, least: Ints, units: int, total: int, constant: int) -> Terms:
    """Simple draws without replacement from `units` units; parameters as in `weighted`.

    What is left for the units not yet seen is a whole number, so that its sign is exact. Bounds
    of "what was reported less the greatest overstatement that any unit can have" make this a
    comparison audit: each draw that agrees pays the same.
    Source: Stark (2023), section 2.2: the mean that is left after the units already seen.
    """
    paid = value - least
    rest = -constant - total - (np.cumsum(paid) - paid)
    fair = rest / (units - np.arange(len(paid)))
    return Terms(paid.astype(np.float64), fair, rest - paid < 0)


def capital(terms: Terms) -> Floats:
    """float64 (m): natural logarithm of the capital after each draw, starting from 0.

    The stake is spread over bets that risk a fixed share of the greatest possible stake, the mean
    of which is again a fair game; nothing is tuned to the data. +inf where the units seen rule the
    hypothesis out.
    Source: I. Waudby-Smith, P. Stark, A. Ramdas, RiLACS: risk limiting audits via confidence
    sequences, E-Vote-ID (2021), section 3; Stark (2023), theorem 1, for the equivalence of bets
    and ALPHA.
    """
    if not len(terms.paid):
        return np.zeros(0)
    open_ = terms.fair > 0.0
    gain = np.where(open_, terms.paid / np.where(open_, terms.fair, 1.0) - 1.0, 0.0)
    paths = np.cumsum(np.log1p(STAKES[:, None] * gain), axis=1)
    top = paths.max(axis=0)
    found: Floats = top + np.log(np.exp(paths - top).mean(axis=0))
    found[np.logical_or.accumulate(terms.out)] = np.inf
    return found


def joint(logs: Sequence[Floats]) -> Floats:
    """float64 (m): logarithm of the mean of several capitals, a fair game where all are.

    It bounds the risk that several hypotheses hold at once: that all of some alternatives fail.
    """
    found: Floats = np.logaddexp.reduce(np.stack(logs), axis=0) - np.log(len(logs))
    return found


def risk(log_capital: Floats) -> Floats:
    """float64 (m): the risk after each draw, one over the greatest capital so far, at most 1."""
    peak = np.maximum.accumulate(np.maximum(log_capital, 0.0)) if len(log_capital) else log_capital
    found: Floats = np.exp(-peak)
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """How many draws an audit takes, over simulated samples.

    Attributes
    ----------
    draws : int64 (replicates), draws until the risk limit is met; one more than `most` where not
    most : int
    """

    draws: Ints
    most: int

    def quantile(self, share: float) -> int | None:
        """Draws that suffice for that share of the samples; None where more than `most`."""
        found = int(np.quantile(self.draws, share, method="higher"))
        return None if found > self.most else found


def expected_size(samples: Iterator[Sequence[Terms]], limit: float, most: int) -> Plan:
    """Draws until the risk is at most `limit`, for simulated samples of up to `most` draws.

    Parameters
    ----------
    samples : for each sample the terms of the alternatives, one of which is to be confirmed
    """
    draws = []
    for terms in samples:
        done = np.flatnonzero(risk(joint([capital(one) for one in terms])) <= limit)
        draws.append(int(done[0]) + 1 if len(done) else most + 1)
    return Plan(np.array(draws, np.int64), most)
