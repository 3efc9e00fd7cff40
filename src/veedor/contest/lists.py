"""Seats for lists by highest averages: D'Hondt and Sainte-Laguë."""

from __future__ import annotations

import heapq
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from veedor.contest.outcome import Assertion, Assertions, Outcome
from veedor.contest.rules import BASIS_WORDS, Rule, above, check_share
from veedor.contest.tally import Tally, reaches
from veedor.errors import CaseError

__all__ = ["DHondt", "HighestAverages", "SainteLague"]


@dataclass(frozen=True, slots=True)
class HighestAverages(Rule):
    """``seats`` go one by one to the list with the highest votes / divisor(seats it has).

    Only lists with a vote and with ``threshold`` of the basis (at least; more than, if
    ``threshold_strict``) take part. Source: Balinski and Young, Fair Representation, 2nd ed.
    2001, ch. 8 and appendix A.
    """

    seats: int = 1
    threshold: Fraction = Fraction(0)
    threshold_strict: bool = False

    def _check(self) -> None:
        check_share("threshold", self.threshold)
        if isinstance(self.seats, bool) or not isinstance(self.seats, int) or self.seats < 1:
            raise CaseError(
                f"seats = {self.seats!r} is not a whole number of at least 1",
                remedy="give the number of seats of the district",
            )

    @abstractmethod
    def divisor(self, held: int) -> Fraction:
        """What a list's votes are divided by when it holds this many seats."""

    @abstractmethod
    def _method(self) -> str:
        """The name of the method in words."""

    def describe(self) -> str:
        """The rule in words."""
        seats = "1 seat" if self.seats == 1 else f"{self.seats} seats"
        words = f"{seats} by {self._method()}"
        if self.threshold > 0:
            words += f", for lists with {above(self.threshold, self.threshold_strict)}"
        return words + BASIS_WORDS[self.basis]

    def _admitted(self, votes: Sequence[int], basis: int) -> list[int]:
        return [
            i
            for i, count in enumerate(votes)
            if count > 0 and reaches(count, self.threshold, basis, self.threshold_strict)
        ]

    def _decide(self, tally: Tally) -> Outcome:
        admitted = self._admitted(tally.votes, tally.basis)
        held, tied = self._allocate(tally.votes, admitted)
        names = tuple(self.options[i] for i in tied)
        identity = ("seats", held, frozenset(names))
        decided_by = "tie" if tied else "seats" if admitted else "threshold"
        return tally.outcome(decided_by, identity, seats=held, tied=names)

    def _allocate(
        self, votes: Sequence[int], admitted: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Seats per option that are certain, and the options that tie for the last ones.

        Quotients are compared as integers: two unequal quotients v/d differ by at least 1/(d d'),
        so that floor(v * D^2 / d), with D the largest divisor, orders them exactly and is equal
        only if they are.
        """
        scale = self.divisor(0).denominator
        divisors = [int(self.divisor(s) * scale) for s in range(self.seats + 1)]
        unit = max(divisors) ** 2
        held = [0] * len(votes)
        heap = [(-(votes[i] * unit // divisors[0]), i) for i in admitted]
        heapq.heapify(heap)
        last, recent = 0, list[int]()
        for _ in range(self.seats if heap else 0):
            key, i = heapq.heappop(heap)
            recent = [*recent, i] if key == last else [i]
            last = key
            held[i] += 1
            heapq.heappush(heap, (-(votes[i] * unit // divisors[held[i]]), i))
        rivals = [i for key, i in heap if heap and key == last]
        if not rivals:
            return tuple(held), ()
        for i in recent:
            held[i] -= 1
        return tuple(held), tuple(sorted({*recent, *rivals}))

    def assertions(
        self, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
    ) -> Assertions | None:
        """See Rule.assertions: the last seat of every list beats the next of every other;
        thresholds that matter.

        A list without seats may also be kept out by the threshold, so that its assertions are
        alternatives.
        """
        outcome = self.decide(votes, blank, null, registered)
        if outcome.decided_by != "seats" or outcome.seats is None:
            return None
        held = dict(zip(self.options, outcome.seats, strict=True))
        groups: list[tuple[Assertion, ...]] = [(self.some_votes(),)]
        for a in self.options:
            if held[a] == 0:
                continue
            if self.threshold > 0:
                groups.append((self._admission(a),))
            for b in self.options:
                if b != a:
                    beats = self._beats(a, held[a], b, held[b])
                    out = self.threshold > 0 and held[b] == 0
                    groups.append((beats, self._admission(b).negated()) if out else (beats,))
        return tuple(groups)

    def _admission(self, option: str) -> Assertion:
        strict = self.threshold_strict
        words = f"{option} has {above(self.threshold, strict)}"
        return self.assertion("threshold", words, option, None, self.threshold, strict)

    def _beats(self, a: str, of_a: int, b: str, of_b: int) -> Assertion:
        coefficients = [Fraction(0)] * len(self.options)
        coefficients[self.options.index(a)] = 1 / self.divisor(of_a - 1)
        coefficients[self.options.index(b)] = -1 / self.divisor(of_b)
        words = f"seat {of_a} of {a} comes before seat {of_b + 1} of {b}"
        return Assertion("seat", words, tuple(coefficients), Fraction(0), Fraction(0), True)


@dataclass(frozen=True, slots=True)
class DHondt(HighestAverages):
    """Divisors 1, 2, 3 ... (Jefferson)."""

    def divisor(self, held: int) -> Fraction:
        """See HighestAverages."""
        return Fraction(held + 1)

    def _method(self) -> str:
        return "D'Hondt"


@dataclass(frozen=True, slots=True)
class SainteLague(HighestAverages):
    """Divisors 1, 3, 5 ... (Webster); ``first_divisor`` 7/5 is the modified method of the Nordic
    countries.
    """

    first_divisor: Fraction = Fraction(1)

    def _check(self) -> None:
        HighestAverages._check(self)
        first = self.first_divisor
        if not isinstance(first, Fraction) or not 0 < first < 3:
            raise CaseError(
                f"first_divisor = {first!r} is not an exact fraction between 0 and 3",
                remedy='give it as a fraction, such as "1.4"',
            )

    def divisor(self, held: int) -> Fraction:
        """See HighestAverages."""
        return self.first_divisor if held == 0 else Fraction(2 * held + 1)

    def _method(self) -> str:
        if self.first_divisor == 1:
            return "Sainte-Laguë"
        return f"modified Sainte-Laguë (first divisor {float(self.first_divisor):g})"
