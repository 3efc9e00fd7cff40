"""Every slip made by hand is undone by one of the candidates."""

import numpy as np
import pytest

from veedor.stats.pen import without_one_slip


def candidates(lines, line):
    number, total = without_one_slip(np.array([lines]), line)
    return set(zip(number[0].tolist(), total[0].tolist(), strict=True))


def test_the_record_comes_first():
    number, total = without_one_slip(np.array([[12, 7, 30]]), 1)
    assert (number[0, 0], total[0, 0]) == (7, 49)


def test_neighbouring_lines_exchanged():
    assert {(12, 49), (30, 49)} <= candidates([12, 7, 30], 1)
    assert (30, 49) not in candidates([12, 7, 30], 0)


@pytest.mark.parametrize(
    ("written", "meant"), [(12, 21), (120, 210), (102, 120), (1, 10), (13, 103)]
)
def test_digits_transposed(written, meant):
    assert (meant, meant + 5) in candidates([written, 5], 0)
    assert (5, meant + 5) in candidates([written, 5], 1)
