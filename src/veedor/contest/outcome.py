"""What a contest's rule says about a vector of votes, and the linear assertions on which that
rests.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Assertion", "Assertions", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a contest. Shares and margin are exact fractions of ``basis`` votes (not
    percentages).

    * ``winner``: the option elected, or None (run-off, tie, seats, quorum failed, no votes).
    * ``decided_by``: ``plurality``, ``majority``, ``lead``, ``threshold``, ``run-off``,
      ``seats``, ``tie``,
      ``quorum failed``, ``quorum unknown`` (a quorum, and no number of registered voters) or ``no
      votes``.
    * ``runner_up``: second in ``ranking``; None if nobody is, or if first place is tied.
    * ``ranking``: options by votes, most first; equal votes stay in the case's order, which
      decides nothing.
    * ``through``: the options that go to the run-off, most votes first.
    * ``tied``: the options whose equality leaves the outcome open (a referendum level at its
      threshold is
      decided by the rule and still names them).
    * ``seats``: seats per option in the case's order; where the last seats are tied, only the
      certain ones.
    * ``margin``: share of the first less share of the second.
    * ``identity``: equal for two outcomes exactly if they are the same outcome.
    """

    winner: str | None
    decided_by: str
    runner_up: str | None
    ranking: tuple[str, ...]
    valid: int
    basis: int
    shares: tuple[Fraction, ...]
    margin: Fraction
    identity: Hashable
    seats: tuple[int, ...] | None = None
    through: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assertion:
    """A linear inequality in the votes: ``value > 0`` if ``strict``, else ``value >= 0``.

    ``value = coefficients . votes + of_blank * blank + of_null * null + constant``, in votes.
    ``clause`` is the part of the rule it stands for (``lead``, ``majority`` ...); ``text`` says
    it in words.
    """

    clause: str
    text: str
    coefficients: tuple[Fraction, ...]
    of_blank: Fraction
    of_null: Fraction
    strict: bool
    constant: Fraction = Fraction(0)

    def value(self, votes: Sequence[int], blank: int = 0, null: int = 0) -> Fraction:
        """The left-hand side in votes, exact."""
        total = self.of_blank * int(blank) + self.of_null * int(null) + self.constant
        for coefficient, count in zip(self.coefficients, votes, strict=True):
            total += coefficient * int(count)
        return total

    def holds(self, value: Fraction) -> bool:
        """Whether the inequality holds at this value."""
        return value > 0 if self.strict else value >= 0

    def negated(self) -> Assertion:
        """The assertion that holds exactly where this one does not."""
        return Assertion(
            f"not {self.clause}",
            f"not ({self.text})",
            tuple(-c for c in self.coefficients),
            -self.of_blank,
            -self.of_null,
            not self.strict,
            -self.constant,
        )


Assertions = tuple[tuple[Assertion, ...], ...]
"""Groups of alternatives: the outcome stands exactly while every group has at least one assertion
that holds.
"""
