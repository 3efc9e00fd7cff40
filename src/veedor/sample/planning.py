"""How many sheets a risk-limiting audit takes, by simulated samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Case
from veedor.checks.sampled import Draw, Frame
from veedor.checks.sampling.risk_limit import terms
from veedor.contest.assorter import Assorter, groups_of, risk_weights
from veedor.errors import VeedorError
from veedor.stats.risk import Plan, Terms, expected_size

__all__ = ["Row", "plan_risk"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the plan: the kind of draw, what the hand count was taken to be, and the draws
    needed.
    """

    draw: str
    hand: str
    plan: Plan

    def words(self, share: float) -> str:
        """The draws that suffice for that share of the samples."""
        found = self.plan.quantile(share)
        return f"more than {self.plan.most:,}" if found is None else f"{found:,}"


def plan_risk(
    case: Case,
    frame: Frame,
    limit: float,
    errors: float,
    samples: int,
    seed: int,
    most_ballots: int | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> list[Row]:
    """Draws until the risk of what is hardest to confirm is at most the limit.

    Parameters
    ----------
    errors : share of sheets on which one vote is moved from one option to another, at random
    most_ballots : what any station can have had, where its registered voters are no bound

    VeedorError where the reported votes decide nothing, or that bound is not known.
    """
    if case.extra_voters and most_ballots is None:
        raise VeedorError(
            "the law lets others vote at a station than its registered voters, so that these do not"
            " bound its ballots",
            remedy="Say with --most-ballots how many any station can have had.",
        )
    groups = groups_of(case.contest_rule, frame.votes, frame.voters())
    if groups is None:
        raise VeedorError(
            "the reported votes decide nothing: there is no margin to confirm",
            remedy="A tie can only be counted anew, whole; a quorum needs the registered voters.",
        )
    ballots = frame.ballots(most_ballots)
    hardest = _hardest(groups, frame.votes, ballots)
    weights = risk_weights(groups, frame.votes, ballots)
    rng = np.random.default_rng(seed)
    rows = []
    for hand, share in (("as reported", 0.0), (f"slips on {100 * errors:g} % of sheets", errors)):
        for name, chance in (("proportional to risk", weights / weights.sum()), ("simple", None)):
            say(f"simulating {name} draws, {hand}")
            most = len(frame.sid)
            reps = 1 if share == 0.0 and name != "simple" else samples
            drawn = _samples(hardest, frame, ballots, chance, share, reps, most, rng)
            found = expected_size(drawn, limit, most)
            rows.append(Row(name, hand, found))
    return rows


def _hardest(
    groups: Sequence[Sequence[Assorter]], votes: Ints, ballots: Ints
) -> Sequence[Assorter]:
    """The alternatives whose widest margin for its bound is the narrowest of all groups."""

    def ease(one: Assorter) -> float:
        values = one.values(votes)
        above = int((values - one.least(ballots)).sum())
        return (int(values.sum()) + one.constant) / above if above else 0.0

    return min(groups, key=lambda group: max(ease(one) for one in group))


def _samples(
    alternatives: Sequence[Assorter],
    frame: Frame,
    ballots: Ints,
    chance: NDArray[np.float64] | None,
    share: float,
    samples: int,
    most: int,
    rng: np.random.Generator,
) -> Iterator[list[Terms]]:
    n = len(frame.sid)
    known = np.ones(n, np.bool_)
    for _ in range(samples):
        at = rng.permutation(n) if chance is None else rng.choice(n, most, p=chance)
        drawn = Draw(
            at=at.astype(np.int64),
            chance=np.full(n, most / n) if chance is None else chance[at],
            stratum=np.zeros(len(at), np.int64),
            cluster=at.astype(np.int64),
            left=np.zeros(len(at)),
            replaced=chance is not None,
        )
        hand = _slips(frame.votes, share, rng)
        yield [
            terms(one, one.values(frame.votes), ballots, hand, known, drawn) for one in alternatives
        ]


def _slips(votes: Ints, share: float, rng: np.random.Generator) -> Ints:
    """The votes with one vote moved between two options on some sheets."""
    if share == 0.0:
        return votes
    moved, options = votes.copy(), votes.shape[1] - 2
    sheets = np.flatnonzero(rng.random(len(votes)) < share)
    take, give = rng.integers(0, options, (2, len(sheets)))
    able = moved[sheets, take] > 0
    moved[sheets[able], take[able]] -= 1
    moved[sheets[able], give[able]] += 1
    return moved
