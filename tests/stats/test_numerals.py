"""Numbers in boxes: against all ways to fill the boxes, counted one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from veedor.stats.numerals import numbers


def by_hand(digit, nothing):
    """Every way to fill the boxes; those with nothing between digits are no number."""
    found: dict[int, float] = {}
    for marks in itertools.product([*range(10), None], repeat=len(digit)):
        text = "".join("_" if m is None else str(m) for m in marks)
        inner = text.strip("_")
        if not inner or "_" in inner:
            continue
        p = np.prod([nothing[i] if m is None else digit[i][m] for i, m in enumerate(marks)])
        found[int(inner)] = found.get(int(inner), 0.0) + p
    return found


@pytest.mark.parametrize("boxes", [1, 2, 3])
def test_numbers_are_those_of_all_ways_to_fill_the_boxes(boxes):
    rng = np.random.default_rng(boxes)
    p = rng.dirichlet(np.full(12, 0.3), size=boxes)
    digit, nothing = p[:, :10], p[:, 10]
    found, expected = numbers(digit, nothing), by_hand(digit, nothing)
    assert found.total == pytest.approx(sum(expected.values()))
    assert {int(v): p for v, p in zip(found.value, found.p, strict=True)} == pytest.approx(
        {v: p for v, p in expected.items() if v in set(found.value.tolist())}, abs=1e-6
    )
    assert sum(expected[v] for v in expected if v not in set(found.value.tolist())) < 1e-4
    beyond = sum(p for p in expected.values() if p <= 0.01)
    assert found.beyond(0.01) == pytest.approx(beyond, abs=1e-6)


def test_zeros_in_front_and_digits_at_either_side_count_for_the_same():
    def sure(text):
        digit, nothing = np.zeros((len(text), 10)), np.zeros(len(text))
        for i, letter in enumerate(text):
            if letter == "_":
                nothing[i] = 1
            else:
                digit[i, int(letter)] = 1
        return numbers(digit, nothing)

    for text in ("007", "__7", "7__", "07_"):
        assert sure(text).of(7) == 1
    for text in ("___", "1_2"):
        assert (sure(text).total, sure(text).of(0)) == (0, 0)
