"""Slips of the pen: made by hand, and against a slow reading of the definitions."""

import numpy as np
import pytest

from veedor.stats.slips import KINDS, classify


def kind(first, second):
    one = classify(np.array([first]), np.array([second])).kind
    other = classify(np.array([second]), np.array([first])).kind
    assert one[0] == other[0], "the answer depends on which record is first"
    return KINDS[one[0]]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], "same"),
        ([50, 2, 30], [0, 0, 0], "all-zero"),
        ([50, 2, 30], [2, 50, 30], "neighbour-swap"),
        ([50, 2, 30], [30, 2, 50], "swap"),
        ([50, 2, 30, 7], [0, 50, 2, 30], "shift"),
        ([50, 2, 30, 7], [50, 2, 2, 30], "other"),
        ([50, 8, 30, 7], [50, 99, 8, 30], "shift"),
        ([45, 2, 30], [54, 2, 30], "transposed-digits"),
        ([145, 2, 30], [154, 2, 3], "transposed-digits"),
        ([145, 2, 36], [154, 2, 3], "lost-digit"),
        ([145, 2, 30], [154, 2, 38], "one-digit"),
        ([145, 2, 30], [15, 2, 30], "lost-digit"),
        ([7, 2, 30], [3, 2, 30], "other"),
        ([145, 2, 30], [541, 2, 30], "other"),
        ([60, 2, 30], [60, 13, 20], "other"),
        ([-1, 2, 30], [99, 2, 30], "same"),
    ],
)
def test_kinds(first, second, expected):
    assert kind(first, second) == expected


def test_same_total_is_over_the_lines_read_in_both():
    found = classify(np.array([[5, 5, -1], [5, 5, 0]]), np.array([[4, 6, 9], [4, 7, 0]]))
    assert found.same_total.tolist() == [True, False]


def test_records_exchanged_between_rows_are_seen():
    first = np.array([[108, 7, 51, 5], [16, 2, 10, 33], [90, 5, 5, 5]])
    second = np.array([[16, 2, 10, 33], [108, 7, 51, 5], [71, 9, 2, 44]])
    assert [KINDS[k] for k in classify(first, second).kind] == ["other-row", "other-row", "other"]


def test_digit_slips_agree_with_strings():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 400, 4000)
    second = np.where(rng.random(4000) < 0.5, rng.integers(0, 400, 4000), first // 10)
    found = classify(
        np.stack([first, np.full(4000, 999)], 1), np.stack([second, np.full(4000, 999)], 1)
    )
    for x, y, got in zip(first, second, found.kind, strict=True):
        assert KINDS[got] == spelt(str(x), str(y)), (x, y)


def spelt(x, y):
    if x == y:
        return "same"
    if int(y) in {int(x[:i] + x[i + 1] + x[i] + x[i + 2 :]) for i in range(len(x) - 1)}:
        return "transposed-digits"
    if int(x) in {int(y[:i] + y[i + 1] + y[i] + y[i + 2 :]) for i in range(len(y) - 1)}:
        return "transposed-digits"
    if len(x) == len(y) >= 2 and sum(a != b for a, b in zip(x, y, strict=True)) == 1:
        return "one-digit"
    long, short = (x, y) if len(x) > len(y) else (y, x)
    without = {long[:i] + long[i + 1 :] for i in range(len(long))}
    return "lost-digit" if short in without and int(short) > 0 else "other"
