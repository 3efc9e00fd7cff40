"""A question answered yes or no, with a threshold and, where the law has one, a quorum on
turnout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from veedor.contest.outcome import Assertion, Assertions, Outcome
from veedor.contest.rules import BASIS_WORDS, HALF, Rule, above, check_share, percent
from veedor.contest.tally import Tally, reaches
from veedor.errors import CaseError

__all__ = ["Referendum"]


@dataclass(frozen=True, slots=True)
class Referendum(Rule):
    """``yes`` wins with more than ``threshold`` of the basis (at least, if not ``strict``), else
    ``no`` does.

    With a ``quorum``, cast votes (valid, blank and null) must reach that share of the registered
    voters; a failed quorum has no winner and is another outcome than a win of ``no``. Without the
    number of registered voters the outcome is ``quorum unknown``.
    """

    yes: str = "yes"
    no: str = "no"
    threshold: Fraction = HALF
    strict: bool = True
    quorum: Fraction | None = None
    quorum_strict: bool = False

    def _check(self) -> None:
        check_share("threshold", self.threshold)
        if self.quorum is not None:
            check_share("quorum", self.quorum)
        for name, option in (("yes", self.yes), ("no", self.no)):
            if option not in self.options:
                raise CaseError(
                    f"{name} = {option!r} is not an option of the contest",
                    remedy=f"use one of {', '.join(self.options)}",
                )
        if self.yes == self.no:
            raise CaseError("yes and no are the same option", remedy="name two options")

    def describe(self) -> str:
        """The rule in words."""
        words = f"{self.yes} with {above(self.threshold, self.strict)}{BASIS_WORDS[self.basis]}"
        if self.quorum is not None:
            more = "more than" if self.quorum_strict else "at least"
            words += f", if turnout is {more} {percent(self.quorum)}"
        return words

    def _decide(self, tally: Tally) -> Outcome:
        if self.quorum is not None:
            if tally.registered is None:
                return tally.outcome("quorum unknown", ("quorum unknown",))
            cast = tally.valid + tally.blank + tally.null
            if not reaches(cast, self.quorum, tally.registered, self.quorum_strict):
                return tally.outcome("quorum failed", ("quorum failed",))
        yes, no = (tally.votes[self.options.index(o)] for o in (self.yes, self.no))
        adopted = reaches(yes, self.threshold, tally.basis, self.strict)
        winner, other = (self.yes, self.no) if adopted else (self.no, self.yes)
        tied = (self.yes, self.no) if yes == no else ()
        return tally.outcome(
            "threshold", ("winner", winner), winner=winner, runner_up=other, tied=tied
        )

    def assertions(
        self, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
    ) -> Assertions | None:
        """See Rule.assertions. The number of registered voters stays when sheets or votes go."""
        outcome = self.decide(votes, blank, null, registered)
        if outcome.decided_by in ("no votes", "quorum unknown"):
            return None
        groups: list[tuple[Assertion, ...]] = [(self.some_votes(),)]
        if self.quorum is not None and registered is not None:
            quorum = self._reached(registered)
            if outcome.decided_by == "quorum failed":
                return (*groups, (quorum.negated(),))
            groups.append((quorum,))
        words = f"{self.yes} has {above(self.threshold, self.strict)}"
        adopted = self.assertion("threshold", words, self.yes, None, self.threshold, self.strict)
        groups.append((adopted if outcome.winner == self.yes else adopted.negated(),))
        return tuple(groups)

    def _reached(self, registered: int) -> Assertion:
        share = self.quorum if self.quorum is not None else Fraction(0)
        ones = tuple(Fraction(1) for _ in self.options)
        one = Fraction(1)
        constant = -share * int(registered)
        return Assertion(
            "quorum", "turnout reaches the quorum", ones, one, one, self.quorum_strict, constant
        )
