"""How clerks record sheets: the slips of honest people, which favour nobody.

Each count is recorded from the same sheets, independently. Slips with the same rates in both counts
leave a difference that is symmetric for every option, whatever they do to large and small numbers.
Digits that the preliminary count alone loses or misreads do not: a lost digit makes a number
smaller, so that the official count is more often above the preliminary one than below it.
"""

from __future__ import annotations

import numpy as np

from veedor.simulate.election import Ints, Sheets, generator
from veedor.simulate.parameters import Parameters

TOTAL_SLIPS = np.array([-100, -20, -10, -10, -5, -2, -1, -1, 1, 1, 2, 5, 10, 10, 20, 100])
"""What a wrong addition is wrong by: a unit, a carry, a line; as often up as down."""


def record(parameters: Parameters, seed: int, count: str, box: Sheets, registered: Ints) -> Sheets:
    """One count's record of every sheet.

    A record with more votes than registered voters is turned down on entry and typed again.
    """
    rng = generator(seed, "slips", count)
    votes = box.votes.copy()
    stations = len(votes)
    _swap_lines(rng, votes, np.flatnonzero(rng.random(stations) < parameters.slip_line))
    slipped = np.flatnonzero(rng.random(stations) < parameters.slip_digits)
    _transpose(rng, votes, slipped)
    if count == "preliminary":
        misread = np.flatnonzero(rng.random(stations) < parameters.misread)
        _misread(rng, votes, misread)
        slipped = np.union1d(slipped, misread)
    others = box.blank + box.null
    refused = slipped[votes[slipped].sum(axis=1) + others[slipped] > registered[slipped]]
    votes[refused] = box.votes[refused]
    return Sheets(votes, box.blank.copy(), box.null.copy())


def _swap_lines(rng: np.random.Generator, votes: Ints, sheets: Ints) -> None:
    line = rng.integers(0, votes.shape[1] - 1, len(sheets))
    upper, lower = votes[sheets, line].copy(), votes[sheets, line + 1].copy()
    votes[sheets, line], votes[sheets, line + 1] = lower, upper


def _transpose(rng: np.random.Generator, votes: Ints, sheets: Ints) -> None:
    """Swap two neighbouring digits of one line with at least two digits, where there is one."""
    long = votes[sheets] >= 10
    sheets, long = sheets[long.any(axis=1)], long[long.any(axis=1)]
    line = np.argmax(rng.random(long.shape) * long, axis=1)
    value = votes[sheets, line]
    places = np.where(value >= 100, 2, 1)
    unit = 10 ** rng.integers(0, places)
    right, left = value // unit % 10, value // (10 * unit) % 10
    votes[sheets, line] = value + (left - right) * unit - (left - right) * 10 * unit


def _misread(rng: np.random.Generator, votes: Ints, sheets: Ints) -> None:
    """Lose one digit of one line, or read another digit in its place; a lone digit is misread."""
    line = rng.integers(0, votes.shape[1], len(sheets))
    value = votes[sheets, line]
    unit = 10 ** rng.integers(0, 1 + (value >= 10) + (value >= 100))
    digit = value // unit % 10
    lost = value // (10 * unit) * unit + value % unit
    other = value + ((digit + rng.integers(1, 10, len(value))) % 10 - digit) * unit
    votes[sheets, line] = np.where((value >= 10) & (rng.random(len(value)) < 0.5), lost, other)


def declare(parameters: Parameters, seed: int, box: Sheets) -> tuple[Ints, Ints]:
    """(S,), (S,): the totals of valid votes and of votes cast that each sheet itself states."""
    rng = generator(seed, "totals")
    stations = len(box.blank)
    wrong = TOTAL_SLIPS[rng.integers(0, len(TOTAL_SLIPS), stations)]
    wrong = np.where(rng.random(stations) < parameters.slip_total, wrong, 0)
    which = rng.random(stations) < 0.5
    valid, cast = box.valid, box.cast
    declared_valid = valid + np.where(which & (valid + wrong >= 0), wrong, 0)
    declared_cast = cast + np.where(~which & (cast + wrong >= 0), wrong, 0)
    return declared_valid, declared_cast
