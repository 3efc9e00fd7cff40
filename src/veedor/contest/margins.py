"""How many votes an outcome rests on: the margin, the slack of the binding clause, and the
break-even counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from veedor.contest.outcome import Assertion, Outcome
from veedor.contest.rules import Rule

__all__ = ["BreakEven", "Slack", "break_even", "margin_of", "margin_points", "slack"]

DOUBLINGS = 60
"""Added votes are searched for up to 2**60 times one: beyond any electorate, and beyond any
threshold below 1 - 1e-9.
"""


def margin_of(
    rule: Rule,
    votes: Sequence[int],
    blank: int = 0,
    null: int = 0,
    pair: tuple[str, str] | None = None,
) -> Fraction:
    """Share of the first less share of the second option of ``pair`` (the two with most votes by
    default), of the basis.

    Negative where the second has more. 0 without votes, or without a second option.
    """
    outcome = rule.decide(votes, blank, null)
    if pair is None:
        return outcome.margin
    share = dict(zip(rule.options, outcome.shares, strict=True))
    return share[pair[0]] - share[pair[1]]


def margin_points(
    rule: Rule,
    votes: Sequence[int],
    blank: int = 0,
    null: int = 0,
    pair: tuple[str, str] | None = None,
) -> float:
    """``margin_of`` in percentage points, for display."""
    return float(100 * margin_of(rule, votes, blank, null, pair))


@dataclass(frozen=True, slots=True)
class Slack:
    """By how many votes the clause holds on which the outcome rests: for a lead of d, ``lead - d
    * basis``.

    ``value`` is exact, in votes; at 0 a strict clause fails and another (at least) still holds.
    ``clause`` and ``text`` name the clause; ``clauses`` has (text, value, whether it holds) for
    every clause of the outcome. In a seat allocation a vote counts as votes per divisor. A tie
    has slack 0.
    """

    value: Fraction
    clause: str
    text: str
    clauses: tuple[tuple[str, Fraction, bool], ...] = ()


def slack(
    rule: Rule, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
) -> Slack:
    """The slack of the binding clause.

    Clauses are compared by the votes that would have to be switched for them to fail (value over
    the most that one switched vote can take from it), since a switched vote takes 2 from a lead
    and 1 from a share. Of alternatives (a majority or a lead) the last to fail counts; of clauses
    that must all hold, the first.
    """
    groups = rule.assertions(votes, blank, null, registered)
    if groups is None:
        outcome = rule.decide(votes, blank, null, registered)
        return Slack(Fraction(0), outcome.decided_by, outcome.decided_by)
    values = {a: a.value(votes, blank, null) for group in groups for a in group}

    def distance(assertion: Assertion) -> Fraction:
        each = assertion.coefficients
        most = max(max(each) - min(each), max(abs(c) for c in each))
        return values[assertion] / most

    last = [max((a for a in g if a.holds(values[a])), key=distance) for g in groups]
    binding = min(last, key=distance)
    clauses = tuple((a.text, value, a.holds(value)) for a, value in values.items())
    return Slack(values[binding], binding.clause, binding.text, clauses)


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The fewest votes that change the outcome: switched between two options, removed from one,
    added to one.

    None where no number does. The options are named: with a winner, votes are taken from the
    winner and given to the cheapest rival (the runner-up where several cost the same); without
    one (run-off, seats, tie, failed quorum) every option and every pair is tried and the cheapest
    named.
    """

    switched: int | None
    removed: int | None
    added: int | None
    switched_from: str | None = None
    switched_to: str | None = None
    removed_from: str | None = None
    added_to: str | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """Votes taken from one option and given to another, and whether the outcome is then another
    one.
    """

    rule: Rule
    votes: tuple[int, ...]
    blank: int
    null: int
    registered: int | None
    outcome: Outcome

    @classmethod
    def of(
        cls, rule: Rule, votes: Sequence[int], blank: int, null: int, registered: int | None
    ) -> Moves:
        """The moves from these votes."""
        counts = tuple(int(v) for v in votes)
        return cls(
            rule, counts, blank, null, registered, rule.decide(counts, blank, null, registered)
        )

    def sources(self) -> tuple[str, ...]:
        """Options to take votes from: the winner, or all."""
        winner = self.outcome.winner
        return self.outcome.ranking if winner is None else (winner,)

    def targets(self) -> tuple[str, ...]:
        """Options to give votes to: the rivals of the winner, the runner-up first; or all."""
        return tuple(o for o in self.outcome.ranking if o != self.outcome.winner)

    def changes(self, take: str | None, give: str | None, count: int) -> bool:
        """Whether moving ``count`` votes changes the outcome; None for the option means nowhere."""
        moved = list(self.votes)
        if take is not None:
            moved[self.rule.options.index(take)] -= count
        if give is not None:
            moved[self.rule.options.index(give)] += count
        after = self.rule.decide(moved, self.blank, self.null, self.registered)
        return after.identity != self.outcome.identity

    def fewest(self, take: str | None, give: str | None, below: int | None = None) -> int | None:
        """The fewest votes that this move needs, if under ``below``; by bisection.

        An outcome once left is not reached again by more of the same move, so that the first
        change is bracketed by a count that does not and one that does; the tests hold it against
        a scan of every count.
        """
        most = None if below is None else below - 1
        if take is not None:
            has = self.votes[self.rule.options.index(take)]
            most = has if most is None else min(has, most)
        low, high = 0, most
        if high is None:
            high = 1
            while not self.changes(take, give, high):
                low, high = high, 2 * high
                if high > 2**DOUBLINGS:
                    return None
        elif high < 1 or not self.changes(take, give, high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self.changes(take, give, middle):
                high = middle
            else:
                low = middle
        return high

    def cheapest(
        self, pairs: Iterable[tuple[str | None, str | None]]
    ) -> tuple[int | None, str | None, str | None]:
        """The cheapest of several moves, with its options; the first of equals."""
        best: tuple[int | None, str | None, str | None] = (None, None, None)
        for take, give in pairs:
            count = self.fewest(take, give, best[0])
            if count is not None:
                best = (count, take, give)
        return best


def break_even(
    rule: Rule, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
) -> BreakEven:
    """The fewest votes switched, removed or added that change the outcome; see BreakEven."""
    moves = Moves.of(rule, votes, blank, null, registered)
    sources, targets = moves.sources(), moves.targets()
    switch = moves.cheapest((a, b) for a in sources for b in targets if a != b)
    remove = moves.cheapest((a, None) for a in sources)
    add = moves.cheapest((None, b) for b in targets)
    return BreakEven(switch[0], remove[0], add[0], switch[1], switch[2], remove[1], add[2])
