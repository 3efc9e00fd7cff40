"""Who wins: the rule of a contest, applied to a vector of votes in exact arithmetic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from veedor.contest.outcome import Assertion, Assertions, Outcome
from veedor.contest.tally import Tally, reaches
from veedor.errors import CaseError

__all__ = ["BASES", "AbsoluteMajority", "MajorityOrLead", "Plurality", "Rule"]

BASES = ("valid", "valid+blank", "cast")
HALF = Fraction(1, 2)
BASIS_WORDS = {
    "valid": "",
    "valid+blank": ", of valid and blank votes",
    "cast": ", of all votes cast (valid, blank and null)",
}


def percent(share: Fraction) -> str:
    """A share as ``40 %``, in the fewest digits that are exact, or as a fraction if it never
    ends.
    """
    points = share * 100
    rest = points.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return f"{float(points):.12g} %" if rest == 1 else f"{share} of the votes"


def above(share: Fraction, strict: bool) -> str:
    """``more than 40 %`` or ``at least 40 %``; half, strictly, is an absolute majority."""
    if strict and share == HALF:
        return "absolute majority"
    return f"{'more than' if strict else 'at least'} {percent(share)}"


def check_share(name: str, value: object) -> None:
    """Raise CaseError unless the value is an exact fraction between 0 and 1."""
    if not isinstance(value, Fraction) or not 0 <= value <= 1:
        raise CaseError(
            f"{name} = {value!r} is not an exact fraction between 0 and 1",
            remedy=f'give {name} as a fraction, such as "2/5", "0.4" or "40 %"',
        )


@dataclass(frozen=True, slots=True)
class Rule(ABC):
    """The rule of a contest over ``options`` (ids, in the case's order).

    ``basis`` is what a share is a share of: ``valid`` (the sum of the options), ``valid+blank``
    or ``cast`` (valid, blank and null). CaseError where the parameters make no rule.
    """

    options: tuple[str, ...]
    basis: str = field(default="valid", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options or len(set(self.options)) != len(self.options):
            raise CaseError(
                "the options of a contest must be distinct and at least one",
                remedy="list each option once",
            )
        if self.basis not in BASES:
            raise CaseError(
                f"basis = {self.basis!r} is unknown", remedy=f"use one of {', '.join(BASES)}"
            )
        self._check()

    def _check(self) -> None:  # noqa: B027 - most rules have nothing more to check
        """Check the parameters of the concrete rule."""

    @abstractmethod
    def describe(self) -> str:
        """The rule as an English phrase, made from its parameters."""

    @abstractmethod
    def _decide(self, tally: Tally) -> Outcome:
        """The outcome of a tally with at least one valid vote."""

    @abstractmethod
    def assertions(
        self, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
    ) -> Assertions | None:
        """The linear assertions on which the present outcome rests; None where it does not rest
        on such (a tie).
        """

    def decide(
        self, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
    ) -> Outcome:
        """The outcome of ``votes``: integers in the order of ``options``. VeedorError if their
        number differs.
        """
        tally = Tally.of(self.options, self.weights(), votes, blank, null, registered)
        if tally.valid <= 0 or tally.basis <= 0:
            return tally.outcome("no votes", ("no votes",), runner_up=None)
        return self._decide(tally)

    def weights(self) -> tuple[int, int]:
        """How much a blank and a null vote add to the basis (0 or 1 each)."""
        return int(self.basis != "valid"), int(self.basis == "cast")

    def assertion(
        self,
        clause: str,
        text: str,
        plus: str | None = None,
        minus: str | None = None,
        share: Fraction = Fraction(0),
        strict: bool = True,
    ) -> Assertion:
        """``votes of plus - votes of minus - share * basis`` above (or at least) zero."""
        coefficients = [-share] * len(self.options)
        if plus is not None:
            coefficients[self.options.index(plus)] += 1
        if minus is not None:
            coefficients[self.options.index(minus)] -= 1
        blank, null = self.weights()
        return Assertion(clause, text, tuple(coefficients), -share * blank, -share * null, strict)

    def some_votes(self) -> Assertion:
        """That there is a valid vote at all."""
        ones = tuple(Fraction(1) for _ in self.options)
        return Assertion("votes", "there are valid votes", ones, Fraction(0), Fraction(0), True)


@dataclass(frozen=True, slots=True)
class OneWinner(Rule):
    """A rule that elects the first-placed option if it satisfies one of ``_ways``, else holds a
    run-off.

    Subclasses give ``_clause`` (fast, on totals) and ``_ways`` (the same as linear assertions).
    """

    @abstractmethod
    def _clause(self, first: int, second: int, basis: int) -> str | None:
        """The clause by which ``first`` votes against ``second`` elect outright; None for a
        run-off.
        """

    @abstractmethod
    def _ways(self, option: str) -> Assertions:
        """Alternatives, each a conjunction of assertions, by which the option is elected
        outright.
        """

    def _decide(self, tally: Tally) -> Outcome:
        clause = self._clause(tally.rank(0), tally.rank(1), tally.basis)
        return tally.run_off() if clause is None else tally.elect(clause)

    def _ahead(self, option: str, rivals: Sequence[str]) -> list[Assertion]:
        return [
            self.assertion("first", f"{option} has more votes than {rival}", option, rival)
            for rival in rivals
            if rival != option
        ]

    def assertions(
        self, votes: Sequence[int], blank: int = 0, null: int = 0, registered: int | None = None
    ) -> Assertions | None:
        """See Rule.assertions. A win: first, and one of the ways. A run-off: the pair ahead, and
        no way for either.

        An option that is not first cannot satisfy a way that the first does not, as no lead is
        negative.
        """
        outcome = self.decide(votes, blank, null, registered)
        groups: list[tuple[Assertion, ...]] = [(self.some_votes(),)]
        if outcome.winner is not None:
            groups += [tuple(choice) for choice in product(*self._ways(outcome.winner)) if choice]
            groups += [(a,) for a in self._ahead(outcome.winner, self.options)]
        elif outcome.decided_by == "run-off":
            others = [o for o in self.options if o not in outcome.through]
            for option in outcome.through:
                groups += [(a,) for a in self._ahead(option, others)]
                groups += [tuple(a.negated() for a in way) for way in self._ways(option)]
        else:
            return None
        return tuple(groups)


@dataclass(frozen=True, slots=True)
class Plurality(OneWinner):
    """The option with the most votes is elected."""

    def describe(self) -> str:
        """The rule in words."""
        return "most votes" + BASIS_WORDS[self.basis]

    def _clause(self, first: int, second: int, basis: int) -> str | None:
        return "plurality"

    def _ways(self, option: str) -> Assertions:
        return ()


@dataclass(frozen=True, slots=True)
class AbsoluteMajority(OneWinner):
    """An option with more than ``majority`` of the basis (or at least, if not ``strict``) is
    elected, else run-off.
    """

    majority: Fraction = HALF
    strict: bool = True

    def _check(self) -> None:
        check_share("majority", self.majority)

    def describe(self) -> str:
        """The rule in words."""
        words = above(self.majority, self.strict) + BASIS_WORDS[self.basis]
        return words + "; otherwise a run-off between the first two"

    def _clause(self, first: int, second: int, basis: int) -> str | None:
        return "majority" if reaches(first, self.majority, basis, self.strict) else None

    def _ways(self, option: str) -> Assertions:
        return ((majority(self, option, self.majority, self.strict),),)


@dataclass(frozen=True, slots=True)
class MajorityOrLead(OneWinner):
    """Elected with ``majority``, or with ``threshold`` and a ``lead`` over the second; else a
    run-off.

    Each comparison is strict (more than) or not (at least). Without a lead the threshold alone
    elects. Defaults are Bolivia's (Constitution of 2009, article 166).
    """

    majority: Fraction = HALF
    threshold: Fraction = Fraction(2, 5)
    lead: Fraction | None = Fraction(1, 10)
    majority_strict: bool = True
    threshold_strict: bool = False
    lead_strict: bool = False

    def _check(self) -> None:
        check_share("majority", self.majority)
        check_share("threshold", self.threshold)
        if self.lead is not None:
            check_share("lead", self.lead)

    def describe(self) -> str:
        """The rule in words: "absolute majority, or at least 40 % and a lead of 10 points" in
        Bolivia.
        """
        words = f"{above(self.majority, self.majority_strict)}, or "
        words += above(self.threshold, self.threshold_strict)
        if self.lead is not None:
            more = "more than " if self.lead_strict else ""
            words += f" and a lead of {more}{percent(self.lead).replace(' %', ' points')}"
        return words + BASIS_WORDS[self.basis]

    def _clause(self, first: int, second: int, basis: int) -> str | None:
        if reaches(first, self.majority, basis, self.majority_strict):
            return "majority"
        if not reaches(first, self.threshold, basis, self.threshold_strict):
            return None
        if self.lead is None:
            return "threshold"
        return "lead" if reaches(first - second, self.lead, basis, self.lead_strict) else None

    def _ways(self, option: str) -> Assertions:
        strict = self.threshold_strict
        words = f"{option} has {above(self.threshold, strict)}"
        threshold = self.assertion("threshold", words, option, None, self.threshold, strict)
        outright = majority(self, option, self.majority, self.majority_strict)
        return ((outright,), (threshold, *self._leads(option)))

    def _leads(self, option: str) -> list[Assertion]:
        if self.lead is None:
            return []
        words = "by more than" if self.lead_strict else "by at least"
        points = percent(self.lead).replace(" %", " points")
        rivals: list[str | None] = [rival for rival in self.options if rival != option]
        return [
            self.assertion(
                "lead",
                f"{option} leads {rival or 'nobody'} {words} {points}",
                option,
                rival,
                self.lead,
                self.lead_strict,
            )
            for rival in rivals or [None]
        ]


def majority(rule: Rule, option: str, share: Fraction, strict: bool) -> Assertion:
    """That the option has the majority."""
    return rule.assertion(
        "majority", f"{option} has {above(share, strict)}", option, None, share, strict
    )
