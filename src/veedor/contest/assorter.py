"""An assertion of the contest's rule as one number for each sheet, for a risk-limiting audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import NDArray

from veedor.contest.outcome import Assertion
from veedor.contest.rules import Rule

__all__ = ["Assorter", "ballots_of", "groups_of", "risk_weights"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Assorter:
    """An assertion in whole numbers: it holds while the sum over sheets plus `constant` is above 0.

    Attributes
    ----------
    coefficients : int64 (options + 2), of the options, of blank and of null votes
    constant : int
    scale : int
        Common denominator of the assertion's coefficients: numbers are votes times this.
    text : the assertion in words
    """

    coefficients: Ints
    constant: int
    scale: int
    text: str

    @classmethod
    def of(cls, assertion: Assertion) -> Assorter:
        """The assertion over its common denominator.

        An assertion that holds at 0 too is taken for the stricter one: that errs to the side of a
        larger sample.
        """
        parts = (*assertion.coefficients, assertion.of_blank, assertion.of_null)
        scale = lcm(*(p.denominator for p in parts), assertion.constant.denominator)
        *whole, constant = (
            p.numerator * (scale // p.denominator) for p in (*parts, assertion.constant)
        )
        return cls(np.array(whole, np.int64), constant, scale, assertion.text)

    def values(self, votes: Ints) -> Ints:
        """int64 (sheets) from votes by option, blank and null: int64 (sheets, options + 2)."""
        found: Ints = votes @ self.coefficients
        return found

    def least(self, ballots: Ints) -> Ints:
        """int64 (sheets): the lowest value of a sheet with at most so many ballots."""
        found: Ints = ballots * min(0, int(self.coefficients.min()))
        return found


WHOLE = 2**20
"""The greatest weight of a draw proportional to risk."""


def ballots_of(votes: Ints, registered: NDArray[np.float64]) -> Ints:
    """int64 (sheets): the most ballots that a sheet can hold.

    Its registered voters, or the ballots that it states where those are more; where registered
    voters are not known, the most of any sheet.

    Parameters
    ----------
    votes : int64 (sheets, options + 2), by option, then blank and null votes
    registered : float64 (sheets), NaN where not recorded
    """
    cast = votes.sum(axis=1)
    most = max(int(np.nanmax(registered, initial=0.0)), int(cast.max(initial=0)))
    room = np.where(np.isnan(registered), most, np.nan_to_num(registered)).astype(np.int64)
    found: Ints = np.maximum(room, cast)
    return found


def groups_of(
    rule: Rule, votes: Ints, registered: int | None = None
) -> tuple[tuple[Assorter, ...], ...] | None:
    """The assertions on which the reported outcome rests, as assorters; None where it rests on
    none: a tie, no votes, or a quorum of `registered` voters who are not known.

    The outcome is right while every group has one that holds. Of alternatives those stay that
    have a margin in the reported votes: one that the report itself denies cannot be confirmed, and
    betting on it would waste a part of the capital. What stays is known before the draw.
    """
    total = [int(v) for v in votes.sum(axis=0).tolist()]
    groups = rule.assertions(total[:-2], total[-2], total[-1], registered)
    if groups is None:
        return None
    return tuple(_with_margin([Assorter.of(a) for a in group], votes) for group in groups)


def _with_margin(group: Sequence[Assorter], votes: Ints) -> tuple[Assorter, ...]:
    """Those of the alternatives that the votes bear out; all where there is none."""
    kept = tuple(one for one in group if int(one.values(votes).sum()) + one.constant > 0)
    return kept or tuple(group)


def risk_weights(groups: Sequence[Sequence[Assorter]] | None, votes: Ints, ballots: Ints) -> Ints:
    """int64 (sheets): how much of the outcome's margin each sheet could overstate.

    For an assertion, what a sheet reports above the least that it could hold, over the margin of
    the whole; of alternatives the one that is easiest to confirm; the greatest over all that must
    hold. Scaled to whole numbers of at most 2^20, at least 1. ValueError where the reported votes
    decide nothing, so that there are no `groups_of` them.
    Source: P. Stark, Efficient post-election audits of multiple contests: 2009 California tests
    (2009), the maximum relative overstatement, for the idea of one weight for all margins.
    """
    if groups is None:
        raise ValueError("the reported votes decide nothing: no margin can be confirmed")
    found = np.zeros(len(votes))
    for group in groups:
        ways = []
        for one in group:
            values = one.values(votes)
            margin = int(values.sum()) + one.constant
            above = values - one.least(ballots)
            if margin > 0:
                ways.append((float(above.sum()) / margin, above / margin))
        if not ways:
            raise ValueError("the reported votes leave no margin that could be confirmed")
        found = np.maximum(found, min(ways, key=lambda w: w[0])[1])
    top = float(found.max())
    return np.maximum(np.ceil(found / top * WHOLE), 1.0).astype(np.int64)
