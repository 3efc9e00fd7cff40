"""Numbers written with one digit in a box, from the probabilities of what each box holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numbers", "numbers"]

LEAST = 1e-7
"""Numbers less probable than this are not listed one by one."""

_BEFORE, _WITHIN, _AFTER = range(3)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a field may hold.

    Attributes
    ----------
    value : (k,) int64, the numbers of a probability of at least `LEAST`, most probable first
    p : (k,) float64, of each
    total : float, of any number at all, those that are not listed too
    """

    value: NDArray[np.int64]
    p: NDArray[np.float64]
    total: float

    def of(self, number: int) -> float:
        """The probability of one number; 0 where it is not listed."""
        at = np.flatnonzero(self.value == number)
        return float(self.p[at[0]]) if len(at) else 0.0

    def beyond(self, doubt: float) -> float:
        """All numbers together that have each a probability of at most `doubt`."""
        return max(0.0, self.total - float(self.p[self.p > doubt].sum()))


def numbers(digit: NDArray[np.float64], nothing: NDArray[np.float64]) -> Numbers:
    """The numbers that the boxes of one field may hold, each box by itself.

    Boxes may hold nothing before the first digit and after the last, and not between; zeros before
    the first other digit count for nothing.

    Parameters
    ----------
    digit : (boxes, 10), probability of each digit in each box
    nothing : (boxes,), that the box holds no digit and stands for none: empty or filled out
    """
    open_: dict[tuple[int, int], float] = {(_BEFORE, 0): 1.0}
    mass = np.array([1.0, 0.0, 0.0])
    for row, none in zip(np.asarray(digit, float), np.asarray(nothing, float), strict=True):
        some = float(row.sum())
        mass = np.array([mass[0] * none, (mass[0] + mass[1]) * some, (mass[1] + mass[2]) * none])
        likely = [(d, float(p)) for d, p in enumerate(row) if p >= LEAST]
        after: dict[tuple[int, int], float] = {}
        for (state, value), p in open_.items():
            if p * none >= LEAST:
                key = (state if state == _BEFORE else _AFTER, value)
                after[key] = after.get(key, 0.0) + p * float(none)
            if state == _AFTER:
                continue
            for d, q in likely:
                if p * q >= LEAST:
                    key = (_WITHIN, 10 * value + d)
                    after[key] = after.get(key, 0.0) + p * q
        open_ = after
    found: dict[int, float] = {}
    for (state, value), p in open_.items():
        if state != _BEFORE:
            found[value] = found.get(value, 0.0) + p
    order = sorted(found, key=lambda value: (-found[value], value))
    return Numbers(
        np.array(order, dtype=np.int64),
        np.array([found[value] for value in order], dtype=np.float64),
        float(mass[1] + mass[2]),
    )
