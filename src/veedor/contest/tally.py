"""A vector of votes with its totals and order, and the outcomes that follow from order alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from veedor.contest.outcome import Outcome
from veedor.errors import VeedorError

__all__ = ["Tally", "reaches"]


def reaches(count: int, share: Fraction, basis: int, strict: bool) -> bool:
    """Whether ``count / basis`` is above (or at least) ``share``, in integers."""
    left, right = count * share.denominator, share.numerator * basis
    return left > right if strict else left >= right


@dataclass(frozen=True, slots=True)
class Tally:
    """A vector of votes with its totals and its order; what every rule reads."""

    options: tuple[str, ...]
    votes: tuple[int, ...]
    blank: int
    null: int
    registered: int | None
    valid: int
    basis: int
    order: tuple[int, ...]

    @classmethod
    def of(
        cls,
        options: tuple[str, ...],
        weights: tuple[int, int],
        votes: Sequence[int],
        blank: int,
        null: int,
        registered: int | None,
    ) -> Tally:
        """Totals, with what a blank and a null vote weigh in the basis.

        VeedorError if the vector is not as long as the options.
        """
        counts = tuple(int(v) for v in votes)
        if len(counts) != len(options):
            raise VeedorError(
                f"{len(counts)} vote totals for {len(options)} options",
                remedy="give one total per option, in the case's order",
            )
        of_blank, of_null = weights
        valid = sum(counts)
        basis = valid + of_blank * int(blank) + of_null * int(null)
        order = tuple(sorted(range(len(counts)), key=lambda i: -counts[i]))
        total = None if registered is None else int(registered)
        return cls(options, counts, int(blank), int(null), total, valid, basis, order)

    def rank(self, place: int) -> int:
        """Votes of the option at this place (0 is first); 0 beyond the last."""
        return self.votes[self.order[place]] if place < len(self.order) else 0

    def level(self, count: int) -> tuple[str, ...]:
        """The options with exactly this many votes, in the case's order."""
        return tuple(o for o, v in zip(self.options, self.votes, strict=True) if v == count)

    def outcome(
        self,
        decided_by: str,
        identity: tuple[object, ...],
        *,
        winner: str | None = None,
        runner_up: str | Literal[True] | None = True,
        seats: tuple[int, ...] | None = None,
        through: tuple[str, ...] = (),
        tied: tuple[str, ...] = (),
    ) -> Outcome:
        """An Outcome with what depends on the votes alone filled in; True: the second in rank."""
        ranking = tuple(self.options[i] for i in self.order)
        level = len(ranking) > 1 and self.rank(0) == self.rank(1)
        if runner_up is True:
            runner_up = ranking[1] if len(ranking) > 1 and not level else None
        whole = self.basis if self.basis > 0 else 1
        some = self.basis > 0
        shares = tuple(Fraction(v if some else 0, whole) for v in self.votes)
        margin = Fraction(self.rank(0) - self.rank(1) if some else 0, whole)
        return Outcome(
            winner, decided_by, runner_up, ranking, self.valid, self.basis, shares, margin,
            identity, seats, through, tied,
        )  # fmt: skip

    def elect(self, decided_by: str) -> Outcome:
        """First place is elected, unless it is shared: then a tie."""
        first = self.level(self.rank(0))
        if len(first) > 1:
            return self.outcome("tie", ("tie", frozenset(first)), tied=first)
        return self.outcome(decided_by, ("winner", first[0]), winner=first[0])

    def run_off(self) -> Outcome:
        """The first two go through, unless more than two claim those places: then a tie."""
        if len(self.order) > 2 and self.rank(1) == self.rank(2):
            claim = self.level(self.rank(1))
            sure = () if self.rank(0) == self.rank(1) else (self.options[self.order[0]],)
            identity = ("tie for the run-off", frozenset(sure), frozenset(claim))
            return self.outcome("tie", identity, through=sure, tied=claim)
        pair = tuple(self.options[i] for i in self.order[:2])
        second = pair[1] if len(pair) > 1 else None
        return self.outcome("run-off", ("run-off", frozenset(pair)), through=pair, runner_up=second)
