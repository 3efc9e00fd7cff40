"""The fewest sheets on which an outcome rests: an adversary's choice, to show how few can
suffice.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import NDArray

from veedor.contest.outcome import Assertion
from veedor.contest.rules import Rule
from veedor.errors import VeedorError

__all__ = ["FewestSheets", "check_sheets", "fewest_sheets"]

Ints = NDArray[np.int64]
SAFE = 2**62
ROUNDS = 16
WEIGHT = 2**12
TRIED = 4096


@dataclass(frozen=True, slots=True, eq=False)
class FewestSheets:
    """The fewest sheets whose removal changes the outcome.

    ``sheets`` is None where no removal was found that does; with ``exact`` there is none.
    ``indices``: the sheets, in rising order, int64. ``exact``: proved minimal; otherwise
    ``sheets`` suffice and fewer than ``lower_bound`` do not.
    """

    sheets: int | None
    indices: Ints
    exact: bool
    lower_bound: int | None
    method: str


def fewest_sheets(
    rule: Rule,
    matrix: Ints,
    blank: Ints | None = None,
    null: Ints | None = None,
    registered: int | None = None,
) -> FewestSheets:
    """Fewest rows of ``matrix`` (sheets x options) whose removal, with their blank and null
    votes, changes the outcome.

    Method. The outcome stands while each group of alternative linear assertions has one that holds
    (``Rule.assertions``), so that it changes exactly when all assertions of some group fail. An
    assertion with value V fails when the contributions x of the removed sheets sum to more than V
    (to V, if strict). For one assertion, k sheets can take away at most the sum of the k largest
    contributions; so sorting by contribution and stopping at the first k that suffices is
    optimal. For several that must fail together, any nonnegative weights give one assertion that
    must fail too, hence a lower bound by the same argument, and a prefix of that order that makes
    all fail is an upper bound; where they meet the answer is proved. ``registered`` stays as it
    is when sheets go.
    """
    counts, extra = check_sheets(rule, matrix, blank, null)
    totals = [int(t) for t in counts.sum(axis=0, dtype=np.int64)]
    blanks, nulls = (int(e.sum()) for e in extra)
    groups = rule.assertions(totals, blanks, nulls, registered)
    if groups is None:
        return _unasserted(rule, counts, extra, registered)
    linear = [[_linear(a, totals, blanks, nulls) for a in group] for group in groups]
    linear.sort(key=_votes_needed)
    sizes = np.abs(counts).sum(axis=1) + np.abs(extra[0]) + np.abs(extra[1])
    reach = np.concatenate(([0], np.cumsum(np.sort(sizes)[::-1])))
    best: Ints | None = None
    bound: int | None = None
    for group in linear:
        limit = len(counts) + 1 if best is None else len(best)
        if any(line.need > line.largest * int(reach[limit - 1]) for line in group):
            continue
        lower, chosen = _break(group, counts, extra)
        if lower is not None:
            bound = lower if bound is None else min(bound, lower)
        if chosen is not None and (best is None or len(chosen) < len(best)):
            best = chosen
    if best is None:
        return FewestSheets(None, _none(), bound is None, bound, "no removal makes a clause fail")
    exact = bound is not None and bound >= len(best)
    bound = len(best) if bound is None else min(bound, len(best))
    method = "sorted contributions" if exact else "sorted contributions, weighted clauses"
    return FewestSheets(len(best), np.sort(best), exact, bound, method)


@dataclass(frozen=True, slots=True)
class Line:
    """An assertion in integers: it fails when the contributions of removed sheets sum to ``need``
    or more.
    """

    coefficients: tuple[int, ...]
    of_blank: int
    of_null: int
    need: int

    @property
    def largest(self) -> int:
        """The largest coefficient in size."""
        return max(*map(abs, self.coefficients), abs(self.of_blank), abs(self.of_null))

    def contributions(self, counts: Ints, extra: tuple[Ints, Ints]) -> Ints:
        """What each sheet adds to the value; object dtype where int64 could overflow."""
        most = int(np.abs(counts).max(initial=0)) + sum(
            int(np.abs(e).max(initial=0)) for e in extra
        )
        wide = most * self.largest * (counts.shape[1] + 2) * max(len(counts), 1) * WEIGHT >= SAFE
        kind = object if wide else np.int64
        result = np.zeros(len(counts), dtype=kind)
        columns = [*counts.T, *extra]
        for column, c in zip(
            columns, (*self.coefficients, self.of_blank, self.of_null), strict=True
        ):
            if c:
                result += column.astype(kind) * c
        return result


def _linear(assertion: Assertion, totals: list[int], blank: int, null: int) -> Line:
    each = (*assertion.coefficients, assertion.of_blank, assertion.of_null)
    value = assertion.value(totals, blank, null)
    scale = lcm(*(c.denominator for c in each), value.denominator)
    whole = [int(c * scale) for c in each]
    need = int(value * scale) + (0 if assertion.strict else 1)
    return Line(tuple(whole[:-2]), whole[-2], whole[-1], need)


def _votes_needed(group: list[Line]) -> float:
    """Roughly how many votes must go: the group to try first."""
    return max(line.need / max(line.largest, 1) for line in group)


def _break(
    group: list[Line], counts: Ints, extra: tuple[Ints, Ints]
) -> tuple[int | None, Ints | None]:
    """A lower bound (None: cannot be done) and the best removal found that makes every line of
    the group fail.
    """
    parts = [line.contributions(counts, extra) for line in group]
    needs = [line.need for line in group]
    held = [j for j, need in enumerate(needs) if need > 0]
    size = [max(abs(need), 1) for need in needs]
    heat = np.array([0.0 if j in held else -30.0 for j in range(len(needs))])
    lower, best = 0, None
    for turn in range(ROUNDS):
        ratio = np.exp(heat) / np.array([float(s) for s in size])
        weights = [int(w) for w in np.rint(ratio / ratio.max() * WEIGHT / len(needs))]
        score = sum(
            (w * x for w, x in zip(weights, parts, strict=True)), start=np.zeros_like(parts[0])
        )
        target = sum(w * n for w, n in zip(weights, needs, strict=True))
        order, bound, done = _prefix(score, target, parts, needs, max(1024, 2 * lower))
        if bound is None:
            return None, best
        lower = max(lower, bound)
        if done is not None and (best is None or done < len(best)):
            best = order[:done]
        if (len(needs) == 1) or (best is not None and len(best) <= lower):
            break
        taken = [int(x[order[:bound]].sum()) for x in parts]
        lack = np.array([(n - t) / s for n, t, s in zip(needs, taken, size, strict=True)])
        push = 4.0 * 0.7**turn
        heat = np.where(lack > 0, np.maximum(heat, -8.0) + push, heat - push)
    return lower, best


def _prefix(
    score: Ints, target: int, parts: list[Ints], needs: list[int], first: int
) -> tuple[Ints, int | None, int | None]:
    """Sheets by falling score; the first length that reaches the target; the first that meets
    every need.

    Sorts only as many as it takes: ``first``, then 16 times more, up to 16 times the first length.
    """
    length = len(score)
    take = min(first, length)
    while True:
        some = np.arange(length)
        if take < length:
            largest = np.zeros(length, dtype=bool)
            largest[np.argpartition(-score, take - 1)[:take]] = True
            some = np.flatnonzero(largest)
        order = some[np.argsort(-score[some], kind="stable")]
        met = np.ones(take + 1, dtype=bool)
        for part, need in zip(parts, needs, strict=True):
            met &= _sums(part[order]) >= need
        bound = _first(_sums(score[order]) >= target)
        done = _first(met)
        spent = take == length or (take > 0 and score[order[-1]] <= 0)
        far = bound is not None and take >= max(8192, 16 * bound)
        if spent or far or (bound is not None and done is not None):
            return order, bound, done
        take = min(16 * take, length)


def _sums(values: Ints) -> Ints:
    start = np.zeros(1, dtype=values.dtype)
    return np.concatenate((start, np.cumsum(values)))


def _first(where: NDArray[np.bool_]) -> int | None:
    at = int(np.argmax(where))
    return at if where[at] else None


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


def _unasserted(
    rule: Rule, counts: Ints, extra: tuple[Ints, Ints], registered: int | None
) -> FewestSheets:
    """A tie, or no votes: try single sheets, each kind once."""
    columns = np.column_stack((counts, *extra))
    totals = columns.sum(axis=0)
    options = counts.shape[1]

    def identity(row: Ints) -> object:
        whole = [int(v) for v in row]
        return rule.decide(whole[:options], whole[-2], whole[-1], registered).identity

    now = identity(totals)
    kinds, first = np.unique(columns, axis=0, return_index=True)
    for row, index in zip(kinds[:TRIED], first, strict=False):
        if identity(totals - row) != now:
            return FewestSheets(1, np.array([index], dtype=np.int64), True, 1, "single sheets")
    settled = not columns.any() or (now == ("quorum unknown",))
    lower = None if settled else (2 if len(kinds) <= TRIED else 1)
    return FewestSheets(None, _none(), settled, lower, "single sheets")


def check_sheets(
    rule: Rule, matrix: Ints, blank: Ints | None, null: Ints | None
) -> tuple[Ints, tuple[Ints, Ints]]:
    """The matrix and the blank and null votes as int64; VeedorError where the shapes do not fit
    the rule.
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[1] != len(rule.options) or counts.dtype.kind not in "iu":
        raise VeedorError(
            f"the matrix is {counts.dtype} {counts.shape} for {len(rule.options)} options",
            remedy="give integers: a row per sheet, a column per option in the case's order",
        )
    extra = [
        np.zeros(len(counts), dtype=np.int64) if e is None else np.asarray(e) for e in (blank, null)
    ]
    for name, values in zip(("blank", "null"), extra, strict=True):
        if values.shape != (len(counts),) or values.dtype.kind not in "iu":
            raise VeedorError(
                f"{name} votes are {values.dtype} {values.shape} for {len(counts)} sheets",
                remedy=f"give one integer of {name} votes per sheet",
            )
    as_int = [e.astype(np.int64, copy=False) for e in extra]
    return counts.astype(np.int64, copy=False), (as_int[0], as_int[1])
