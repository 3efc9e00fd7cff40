"""Identical vectors of counts: how many pairs there are, and at most how many chance gives.

Two independent multinomial vectors x and y of one total n, whatever the probabilities of each,
satisfy

    P(x = y | x + y = s) <= prod_k C(s_k, s_k / 2) / C(2n, n)                               (1)

and the chance is nil where some s_k is odd. Proof: with odds w between the two, the chance given s
is W(s/2) / sum_x W(x), W(x) = prod_k C... w_k^{x_k}; exchanging the roles of x and s - x pairs each
term with another of the same coefficient, and w^x + w^{s-x} >= 2 w^{s/2} (means, arithmetic and
geometric): the sum is least, and the chance most, for equal probabilities, where it is the
multivariate hypergeometric one. Summed over any set of pairs that is chosen by (n, s) alone, (1)
bounds the expected number of identical pairs with nothing estimated. Sheets with few votes, or
nearly all of them for one option, have a bound near 1: they are told apart by s alone.

Source: the conditional argument is that of R. A. Fisher, The logic of inductive inference, JRSS 98
(1935); counting clumps rather than pairs, and the Poisson limit for rare dependent events, are of
R. Arratia, L. Goldstein and L. Gordon, Poisson approximation and the Chen-Stein method,
Statistical Science 5 (1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import poisson

__all__ = ["Coincidences", "Counted", "coincidences", "pair_chance"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
TABLE = 200_000
"""Counts up to here have their logarithm from a table."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Identical pairs among the sheets of at least `minimum`, in one scope.

    Attributes
    ----------
    sheets, telling : int
        Sheets; those whose repetition would count, as its chance (1) is at most the threshold.
    identical : int
        Pairs of one vector, however likely by chance.
    pairs, groups, repeats : int
        Pairs of one vector whose chance (1) is at most the threshold; groups of such sheets; and
        the sheets in them beyond the first of each group.
    expected : float
        The most such pairs that chance gives, on average.
    p : float
        Chance of at least so many repeats, Poisson about `expected`. A group of m sheets is m - 1
        repeats and m (m - 1) / 2 pairs, so that its mean is at most `expected`.
    detectable : int
        Repeats that would have to be added for p to reach 0.01.
    """

    minimum: int
    sheets: int
    telling: int
    identical: int
    pairs: int
    groups: int
    repeats: int
    expected: float
    p: float
    detectable: int


@dataclass(frozen=True, slots=True, eq=False)
class Coincidences:
    """Identical vectors in one scope.

    `counted`: one entry for each minimum. `members`: bool (n), sheets in a group that counts at the
    first minimum. `examined`: pairs of one total whose sums are all even. `sampled`: the bound is
    drawn from as many of them as the limit allows.
    """

    counted: tuple[Counted, ...]
    members: NDArray[np.bool_]
    examined: int
    sampled: bool


def coincidences(
    vectors: Ints,
    cells: Sequence[Ints],
    size: Ints,
    minima: Sequence[int],
    rng: np.random.Generator,
    *,
    rare: float,
    limit: int = 100_000,
) -> tuple[Coincidences, ...]:
    """Pairs of identical vectors, by the smallest cell that holds both.

    Parameters
    ----------
    vectors : int64 (n, k)
        Counts that are not negative.
    cells : int64 (n), each
        From the outermost level to the innermost; every cell lies within one of the level before.
    size : int64 (n)
        What the minima are of.
    minima : rising
    rare : float
        A pair counts where its chance (1) is at most this.
    limit : int
        Above so many pairs to be examined, that many are drawn.

    Returns
    -------
    One entry for pairs within a cell of the innermost level, then for pairs within one cell of each
    level further out but not of the level before, and last for pairs in different outermost cells.
    """
    use = np.flatnonzero(size >= minima[0])
    inside = [c[use] for c in cells]
    counts, large = vectors[use], size[use]
    same = _Nested.of([_packed(list(counts.T)), *inside])
    like = _Nested.of([_packed([counts.sum(axis=1), *(counts & 1).T]), *inside])
    twins = same.repeated()
    rarely = (pair_chance(counts) <= rare)[same.order]
    found = []
    for depth in range(len(cells), -1, -1):
        first, second, examined, weight = like.pairs(depth, limit, rng)
        odds = pair_chance((counts[first] + counts[second]) // 2)
        odds[odds > rare] = 0.0
        least = np.minimum(large[first], large[second])
        told = twins & rarely
        members = np.zeros(len(vectors), dtype=bool)
        members[use[same.order[same.groups(depth, told).members]]] = True
        counted = []
        for minimum in minima:
            big = large[same.order] >= minimum
            every, some = same.groups(depth, twins & big), same.groups(depth, told & big)
            mean = float(odds[least >= minimum].sum() * weight)
            tail = _tail(some.repeats, mean)
            counted.append(
                Counted(
                    minimum,
                    int(big.sum()),
                    int((big & rarely).sum()),
                    every.pairs,
                    some.pairs,
                    some.groups,
                    some.repeats,
                    mean,
                    *tail,
                )
            )
        found.append(Coincidences(tuple(counted), members, examined, weight != 1.0))
    return tuple(found)


def pair_chance(vectors: Ints) -> Floats:
    """The bound (1) on the chance that both sheets of a pair are this vector, given their sum."""
    chance: Floats = np.exp(_log_central(vectors).sum(axis=1) - _log_central(vectors.sum(axis=1)))
    return chance


def _packed(columns: Sequence[Ints]) -> Ints:
    """One number for each row, in the order of the rows' values; exact, no hash.

    Columns are packed side by side into 62 bits; where they do not fit, what is packed so far is
    replaced by its ranks.
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    if not len(key):
        return key
    room = 1
    for column in columns:
        low, high = int(column.min()), int(column.max())
        part, span = column - low, high - low + 1
        if room * span >= 2**62:
            key, room = _ranks(key)
        if room * span >= 2**62:
            part, span = _ranks(part)
        key = key * span + part
        room *= span
    return key


def _ranks(key: Ints) -> tuple[Ints, int]:
    values, numbers = np.unique(key, return_inverse=True)
    return numbers.astype(np.int64), len(values)


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    pairs: int
    groups: int
    repeats: int
    members: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Nested:
    """Rows sorted by nested keys: `order`, and at each depth the number of each row's group."""

    order: Ints
    groups_at: tuple[Ints, ...]

    @classmethod
    def of(cls, columns: Sequence[Ints]) -> _Nested:
        order = np.argsort(_packed(columns), kind="stable")
        changed = np.zeros(len(order), dtype=bool)
        numbers = []
        for column in columns:
            ordered = column[order]
            changed[1:] |= ordered[1:] != ordered[:-1]
            numbers.append(np.cumsum(changed))
        return cls(order, tuple(numbers))

    def repeated(self) -> NDArray[np.bool_]:
        """Rows, in order, whose outermost key stands more than once."""
        numbers = self.groups_at[0]
        mask: NDArray[np.bool_] = (
            np.bincount(numbers)[numbers] > 1 if len(numbers) else (numbers.astype(bool))
        )
        return mask

    def _inner(self, depth: int) -> Ints | None:
        return self.groups_at[depth + 1] if depth + 1 < len(self.groups_at) else None

    def groups(self, depth: int, mask: NDArray[np.bool_]) -> _Groups:
        """Groups of one key down to `depth` among the rows of the mask, in different cells of the
        next depth.
        """
        at = np.flatnonzero(mask)
        outer = self.groups_at[depth][at]
        sizes = np.bincount(outer)
        pairs, places = _choose(sizes), sizes
        inner = self._inner(depth)
        if inner is not None and len(at):
            within = inner[at]
            pairs -= _choose(np.bincount(within))
            first = np.diff(within, prepend=-1) != 0
            places = np.bincount(outer[first])
        several = places > 1
        repeats = int((places[several] - 1).sum())
        members = at[several[outer]] if len(at) else at
        return _Groups(pairs, int(several.sum()), repeats, members)

    def pairs(
        self, depth: int, limit: int, rng: np.random.Generator
    ) -> tuple[Ints, Ints, int, float]:
        """Pairs of one key down to `depth` in different cells of the next depth.

        All of them, or `limit` drawn with replacement; how many there are before those of one cell
        are left out; and how many each of those given stands for.
        """
        numbers = self.groups_at[depth]
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        start = np.repeat(starts, np.diff(np.append(starts, len(numbers))))
        rank = np.arange(len(numbers)) - start
        ends = np.cumsum(rank)
        count = int(ends[-1]) if len(ends) else 0
        wanted = np.arange(count) if count <= limit else rng.integers(0, count, size=limit)
        second = np.searchsorted(ends, wanted, side="right")
        first = start[second] + wanted - (ends[second] - rank[second])
        inner = self._inner(depth)
        if inner is not None:
            apart = inner[first] != inner[second]
            first, second = first[apart], second[apart]
        weight = 1.0 if count <= limit else count / limit
        return self.order[first], self.order[second], count, weight


def _choose(sizes: Ints) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _log_central(values: Ints) -> Floats:
    """Logarithm of C(2a, a) of each entry."""
    top = int(values.max(initial=0))
    if top > TABLE:
        found: Floats = gammaln(2.0 * values + 1) - 2 * gammaln(values + 1.0)
        return found
    a = np.arange(top + 1, dtype=np.float64)
    table: Floats = gammaln(2 * a + 1) - 2 * gammaln(a + 1)
    return table[values]


def _tail(repeats: int, mean: float) -> tuple[float, int]:
    critical = int(poisson.isf(0.01, mean)) + 1 if mean > 0 else 1
    if repeats == 0:
        return 1.0, critical
    chance = float(poisson.sf(repeats - 1, mean)) if mean > 0 else 0.0
    return chance, max(critical - repeats, 0)
