"""Would the outcome stand if a set of questioned sheets were treated otherwise: removed,
replaced, worst and best case.

A set of sheets is a boolean mask over the rows of ``matrix`` (sheets x options, int64 votes).
Sets are united, never summed. Every treatment returns a Treatment, with the margin of the
*original* first over the *original* second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from veedor.contest.margins import Moves, margin_points
from veedor.contest.outcome import Outcome
from veedor.contest.rules import Rule
from veedor.contest.sheets import check_sheets
from veedor.errors import VeedorError

__all__ = [
    "ShareFalse",
    "Treatment",
    "best",
    "remove",
    "share_false",
    "statement",
    "unite",
    "worst",
]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the contest would be under one treatment of the questioned sheets.

    ``margin_points``: original first less original second, in percentage points of the basis, for
    display; ``low`` and ``high`` its simulated 95 % interval (replace only). ``outcome_changes``:
    the outcome is another one than with all sheets; see each treatment for how it is judged.
    ``details``: numbers particular to the treatment.
    """

    treatment: str
    margin_points: float
    winner: str | None
    outcome_changes: bool
    low: float | None = None
    high: float | None = None
    replicates: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contest:
    """The sheets of a contest with the questioned ones marked, their totals and the outcome of
    them all.
    """

    rule: Rule
    matrix: Ints
    mask: Mask
    blank: Ints
    null: Ints
    registered: int | None
    votes: tuple[int, ...]
    outcome: Outcome

    @classmethod
    def of(
        cls,
        rule: Rule,
        matrix: Ints,
        mask: Mask,
        blank: Ints | None,
        null: Ints | None,
        registered: int | None,
    ) -> Contest:
        """Checked arrays and their totals; VeedorError where the shapes do not fit."""
        counts, (blanks, nulls) = check_sheets(rule, matrix, blank, null)
        chosen = np.asarray(mask)
        if chosen.dtype != np.bool_ or chosen.shape != (len(counts),):
            raise VeedorError(
                f"the mask is {chosen.dtype} {chosen.shape} for {len(counts)} sheets",
                remedy="give one boolean per sheet",
            )
        votes = column_sums(counts)
        outcome = rule.decide(votes, int(blanks.sum()), int(nulls.sum()), registered)
        return cls(rule, counts, chosen, blanks, nulls, registered, votes, outcome)

    @property
    def spoilt(self) -> tuple[int, int]:
        """All blank and all null votes."""
        return int(self.blank.sum()), int(self.null.sum())

    @property
    def questioned(self) -> tuple[int, ...]:
        """Votes per option on the questioned sheets."""
        return column_sums(self.matrix[self.mask])

    @property
    def pair(self) -> tuple[str, str] | None:
        """Original winner and runner-up, else first and second by votes; None with one option."""
        ranking = self.outcome.ranking
        if self.outcome.winner is not None and self.outcome.runner_up is not None:
            return self.outcome.winner, self.outcome.runner_up
        return (ranking[0], ranking[1]) if len(ranking) > 1 else None

    def decide(self, votes: Sequence[int], spoilt: tuple[int, int] | None = None) -> Outcome:
        """The outcome of other totals, by default with the same blank and null votes."""
        blank, null = self.spoilt if spoilt is None else spoilt
        return self.rule.decide(votes, blank, null, self.registered)

    def points(self, votes: Sequence[int], spoilt: tuple[int, int] | None = None) -> float:
        """The margin of the original pair in points."""
        blank, null = self.spoilt if spoilt is None else spoilt
        return margin_points(self.rule, votes, blank, null, self.pair)

    def given(self, option: str) -> tuple[int, ...]:
        """Totals with every questioned valid vote given to one option."""
        questioned = self.questioned
        to = self.rule.options.index(option)
        kept = [v - q for v, q in zip(self.votes, questioned, strict=True)]
        kept[to] += sum(questioned)
        return tuple(kept)


def column_sums(counts: Ints) -> tuple[int, ...]:
    """Totals per option as Python integers."""
    return tuple(int(v) for v in counts.sum(axis=0, dtype=np.int64))


def unite(masks: Sequence[Mask], sheets: int | None = None) -> Mask:
    """The sheets that are in any of the sets. ``sheets``: how many there are, needed only if no
    set is given.
    """
    if not masks and sheets is None:
        raise VeedorError("no sets to unite", remedy="give a mask, or the number of sheets")
    size = len(masks[0]) if masks else (sheets or 0)
    united = np.zeros(size, dtype=np.bool_)
    for mask in masks:
        part = np.asarray(mask)
        if part.dtype != np.bool_ or part.shape != (size,):
            raise VeedorError(
                f"a mask is {part.dtype} {part.shape} for {size} sheets",
                remedy="give one boolean per sheet",
            )
        united |= part
    return united


def remove(
    rule: Rule,
    matrix: Ints,
    mask: Mask,
    blank: Ints | None = None,
    null: Ints | None = None,
    registered: int | None = None,
) -> Treatment:
    """The questioned sheets do not count, nor do their blank and null votes; ``registered``
    stays.
    """
    contest = Contest.of(rule, matrix, mask, blank, null, registered)
    votes = column_sums(contest.matrix[~contest.mask])
    spoilt = (int(contest.blank[~contest.mask].sum()), int(contest.null[~contest.mask].sum()))
    after = contest.decide(votes, spoilt)
    return Treatment(
        "remove",
        contest.points(votes, spoilt),
        after.winner,
        after.identity != contest.outcome.identity,
        details={"sheets": int(contest.mask.sum()), "votes": votes},
    )


def worst(
    rule: Rule,
    matrix: Ints,
    mask: Mask,
    blank: Ints | None = None,
    null: Ints | None = None,
    registered: int | None = None,
) -> Treatment:
    """Every questioned valid vote goes to the second.

    Without a winner (run-off, seats, tie) that need not be the worst: ``outcome_changes`` is then
    true if giving all of them to any one option changes the outcome, and
    ``details["changes_with"]`` names those options.
    """
    contest = Contest.of(rule, matrix, mask, blank, null, registered)
    second = contest.pair[1] if contest.pair else rule.options[0]
    return _all_to(contest, "worst", second, contest.outcome.winner is None)


def best(
    rule: Rule,
    matrix: Ints,
    mask: Mask,
    blank: Ints | None = None,
    null: Ints | None = None,
    registered: int | None = None,
) -> Treatment:
    """Every questioned valid vote goes to the first (which may change the outcome where there was
    a run-off).
    """
    contest = Contest.of(rule, matrix, mask, blank, null, registered)
    first = contest.pair[0] if contest.pair else rule.options[0]
    return _all_to(contest, "best", first, False)


def _all_to(contest: Contest, name: str, option: str, any_option: bool) -> Treatment:
    votes = contest.given(option)
    after = contest.decide(votes)
    tried = contest.rule.options if any_option else (option,)
    now = contest.outcome.identity
    changing = [o for o in tried if contest.decide(contest.given(o)).identity != now]
    details: dict[str, object] = {"to": option, "votes": votes, "changes_with": changing}
    return Treatment(name, contest.points(votes), after.winner, bool(changing), details=details)


@dataclass(frozen=True, slots=True)
class ShareFalse:
    """The smallest share of one option's questioned votes that, removed or switched, changes the
    outcome.

    None where even all of them would not. With a winner, votes are taken from the winner and
    switched to the runner-up; without one, the cheapest option or pair is named.
    """

    removed: Fraction | None
    switched: Fraction | None
    removed_from: str | None = None
    switched_from: str | None = None
    switched_to: str | None = None


def share_false(
    rule: Rule,
    matrix: Ints,
    mask: Mask,
    blank: Ints | None = None,
    null: Ints | None = None,
    registered: int | None = None,
) -> ShareFalse:
    """See ShareFalse; exact."""
    contest = Contest.of(rule, matrix, mask, blank, null, registered)
    moves = Moves.of(rule, contest.votes, *contest.spoilt, registered)
    held = dict(zip(rule.options, contest.questioned, strict=True))
    removed: tuple[Fraction | None, str | None] = (None, None)
    switched: tuple[Fraction | None, str | None, str | None] = (None, None, None)
    targets = moves.targets()[:1] if contest.outcome.winner is not None else moves.targets()
    for source in moves.sources():
        share = _share(moves, source, None, held[source])
        if share is not None and (removed[0] is None or share < removed[0]):
            removed = (share, source)
        for target in targets:
            share = _share(moves, source, target, held[source]) if target != source else None
            if share is not None and (switched[0] is None or share < switched[0]):
                switched = (share, source, target)
    return ShareFalse(removed[0], switched[0], removed[1], switched[1], switched[2])


def _share(moves: Moves, source: str, target: str | None, held: int) -> Fraction | None:
    needed = moves.fewest(source, target, held + 1)
    return None if needed is None else Fraction(needed, held)


def statement(treatments: Sequence[Treatment]) -> str:
    """``robust``: no treatment changes the outcome; ``fragile``: some do; ``not-determinable``:
    nothing tells.

    Nothing tells if there are no treatments, or if the worst or best case alone changes the
    outcome while no questioned sheet could be compared with anything (a ``replace`` with every
    sheet unmatched).
    """
    if not treatments:
        return "not-determinable"
    changing = {t.treatment for t in treatments if t.outcome_changes}
    if not changing:
        return "robust"
    replaced = [t for t in treatments if t.treatment == "replace"]
    blind = bool(replaced) and all(
        t.details.get("sheets", 0) == t.details.get("unmatched") for t in replaced
    )
    return "not-determinable" if blind and changing <= {"worst", "best"} else "fragile"
