"""Which single slip of the pen would turn one record of a column of numbers into another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Slips", "classify"]

KINDS = (
    "same",
    "all-zero",
    "neighbour-swap",
    "swap",
    "shift",
    "transposed-digits",
    "one-digit",
    "lost-digit",
    "other-row",
    "other",
)
"""Kinds of difference, the first that fits a row counting; `other` is none of them.

same               no line differs
all-zero           one record holds zeros only
neighbour-swap     the numbers of two neighbouring lines are exchanged, and nothing else
swap               the numbers of two other lines are exchanged, and nothing else
shift              three or more lines differ and each (but the first) holds its neighbour's number
transposed-digits  in every line that differs, two neighbouring digits are exchanged
one-digit          in every line that differs, the digits are transposed, or just one digit of a
                   number of two or more digits differs
lost-digit         in every line that differs, one of the above, or a digit was left out or added
other-row          three or more lines differ, and a record is that of another row that differs
"""

PLACES = 9
"""Digits looked at; a line with a longer number is explained by no slip of a digit."""

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Slips:
    """The slip behind each row's difference.

    Attributes
    ----------
    kind : int8 (n)
        Position in `KINDS`.
    same_total : bool (n)
        The lines read in both records add up to the same number in both.
    """

    kind: NDArray[np.int8]
    same_total: Mask

    def count(self, kind: str) -> int:
        """How many rows are of a kind."""
        return int((self.kind == KINDS.index(kind)).sum())

    @property
    def explained(self) -> Mask:
        """bool (n): rows that differ by one slip."""
        return (self.kind > 0) & (self.kind < KINDS.index("other"))


def classify(first: Ints, second: Ints) -> Slips:
    """Name the slip that alone turns one record into the other, whichever of them holds it.

    The answer is the same with the two records exchanged. A line that one record does not read
    takes no part.

    Parameters
    ----------
    first, second : int64 (n, lines)
        Numbers in the order of the form; negative where not read.
    """
    known = (first >= 0) & (second >= 0)
    a, b = np.where(known, first, 0), np.where(known, second, 0)
    differ = a != b
    lines = differ.sum(axis=1)
    kind = np.full(len(a), KINDS.index("other"), dtype=np.int8)

    def give(name: str, rows: Mask) -> None:
        kind[rows & (kind == KINDS.index("other"))] = KINDS.index(name)

    give("same", lines == 0)
    give("all-zero", (a.sum(axis=1) == 0) | (b.sum(axis=1) == 0))
    swapped, near = _swaps(a, b, differ, lines)
    give("neighbour-swap", swapped & near)
    give("swap", swapped)
    give("shift", _shifts(a, b, differ, lines))
    for name, rows in _digits(a, b, differ, kind == KINDS.index("other")).items():
        give(name, rows)
    give("other-row", _other_rows(a, b, kind == KINDS.index("other"), lines))
    return Slips(kind, a.sum(axis=1) == b.sum(axis=1))


def _swaps(a: Ints, b: Ints, differ: Mask, lines: Ints) -> tuple[Mask, Mask]:
    """bool (n) twice: exactly two lines exchanged; they are neighbours."""
    swapped = np.zeros(len(a), dtype=np.bool_)
    near = swapped.copy()
    rows = np.flatnonzero(lines == 2)
    if len(rows):
        upper = differ[rows].argmax(axis=1)
        lower = differ.shape[1] - 1 - differ[rows][:, ::-1].argmax(axis=1)
        crossed = (a[rows, upper] == b[rows, lower]) & (a[rows, lower] == b[rows, upper])
        swapped[rows] = crossed
        near[rows] = lower - upper == 1
    return swapped, near


def _shifts(a: Ints, b: Ints, differ: Mask, lines: Ints) -> Mask:
    """bool (n): a run of three or more lines moved up or down by one line."""
    fits = np.zeros(len(a), dtype=np.bool_)
    if a.shape[1] < 3:
        return fits
    for x, y in ((a, b), (b, a)):
        moved = np.zeros_like(differ)
        moved[:, 1:] = differ[:, 1:] & (y[:, 1:] == x[:, :-1])
        fits |= moved.sum(axis=1) >= lines - 1
    return fits & (lines >= 3)


def _digits(a: Ints, b: Ints, differ: Mask, wanted: Mask) -> dict[str, Mask]:
    """Slips of digits -> bool (n): rows on which they explain every line that differs."""
    row, line = np.nonzero(differ & wanted[:, None])
    x, y = np.maximum(a[row, line], b[row, line]), np.minimum(a[row, line], b[row, line])
    short = x < 10**PLACES
    length_x, length_y = _length(x), _length(y)
    transposed = np.zeros(len(x), dtype=np.bool_)
    unlike = np.zeros(len(x), dtype=np.int64)
    dropped = np.zeros(len(x), dtype=np.bool_)
    for place in range(PLACES):
        unit = 10**place
        right, left = x // unit % 10, x // (10 * unit) % 10
        transposed |= y == x + (left - right) * unit - (left - right) * 10 * unit
        unlike += right != y // unit % 10
        dropped |= (x // (10 * unit)) * unit + x % unit == y
    transposed &= short & (x >= 10)
    one = transposed | (short & (length_x == length_y) & (length_x >= 2) & (unlike == 1))
    lost = one | (short & dropped & (length_x == length_y + 1) & (y > 0))
    return {
        name: wanted & (np.bincount(row[~good], minlength=len(a)) == 0)
        for name, good in (
            ("transposed-digits", transposed),
            ("one-digit", one),
            ("lost-digit", lost),
        )
    }


def _other_rows(a: Ints, b: Ints, wanted: Mask, lines: Ints) -> Mask:
    """bool (n): the second record of a row is the first of another wanted row, or the reverse."""
    found = np.zeros(len(a), dtype=np.bool_)
    at = np.flatnonzero(wanted & (lines >= 3))
    if len(at):
        _, same = np.unique(np.concatenate([a[at], b[at]]), axis=0, return_inverse=True)
        firsts, seconds = same[: len(at)], same[len(at) :]
        found[at] = np.isin(seconds, firsts) | np.isin(firsts, seconds)
    return found


def _length(values: Ints) -> Ints:
    """How many digits each number has; 1 for 0."""
    powers = 10 ** np.arange(1, PLACES + 1, dtype=np.int64)
    return np.asarray(1 + np.searchsorted(powers, values, side="right"), dtype=np.int64)
