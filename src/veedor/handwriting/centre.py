"""What the sheets of one centre say together: as many hands as sheets, one hand, one odd sheet.

Every way to share the sheets of a centre out among hands has a probability under the model of
hands. Differences of their logarithms are as over-confident as scores of pairs are, and are
calibrated by the same slope and offset: an offset for each hand fewer than sheets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from veedor.handwriting.calibration import Calibration, digits_of
from veedor.handwriting.scorer import Writing
from veedor.stats.plda import Sources, evidence, partitions

__all__ = ["EXACT", "Centres", "Hands", "hands_of", "judge_centres"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EXACT = 8
"""Sheets up to which every way to share them out among hands is looked at."""
LARGEST = 12
"""Sheets of a centre that are judged as a whole; of a larger one, its pairs alone."""


@dataclass(frozen=True, slots=True)
class Centres:
    """What each centre's sheets say; natural logarithms, calibrated, without a cap.

    Attributes
    ----------
    pairs : int64 (pairs, 2), positions of two sheets of one centre
    centre : int64 (pairs), the centre's position
    score, llr, digits : float64 (pairs): the score, the log likelihood ratio, digits of the pair
    one : float64 (centres), one hand against as many hands as sheets; NaN for more than LARGEST
    odd : float64 (centres), one hand against one hand with one odd sheet, whichever it is; NaN
        below three sheets and above LARGEST
    some : float64 (centres), one hand on several sheets (two of them, all but one, or all, equally
        likely beforehand) against as many hands as sheets
    """

    pairs: Ints
    centre: Ints
    score: Floats
    llr: Floats
    digits: Floats
    one: Floats
    odd: Floats
    some: Floats


@dataclass(frozen=True, slots=True)
class Hands:
    """The likeliest way to share sheets out among hands.

    Attributes
    ----------
    groups : positions of the sheets of each hand, the largest group first
    llr : natural logarithm of its likelihood over that of as many hands as sheets, calibrated
    exact : every way was looked at
    """

    groups: tuple[tuple[int, ...], ...]
    llr: float
    exact: bool


def judge_centres(
    writing: Writing, members: Sequence[Ints], model: Sources, calibration: Calibration
) -> Centres:
    """Judge centres, each by its sheets.

    Parameters
    ----------
    members : positions of the sheets of each centre, two at least
    calibration : of the condition that holds for all of these sheets
    """
    pairs = np.array(
        [p for sheets in members for p in combinations(sheets.tolist(), 2)], dtype=np.int64
    ).reshape(-1, 2)
    sizes = np.array([len(sheets) for sheets in members], dtype=np.int64)
    centre = np.repeat(np.arange(len(members)), sizes * (sizes - 1) // 2)
    alone = evidence(model, writing.counts[:, None], writing.means[:, None])
    score = _scores(writing, pairs, alone, model)
    total = writing.counts.sum(axis=1)
    digits = digits_of(total[pairs[:, 0]], total[pairs[:, 1]])
    llr = calibration(score, digits)
    of_pairs = _mean_over(llr, centre, len(members))
    one, but_one = _wholes(writing, members, alone, model, calibration)
    some = logsumexp(
        np.stack([of_pairs, np.where(np.isnan(one), of_pairs, one),
                  np.where(np.isnan(but_one), of_pairs, but_one)]),
        axis=0,
    ) - np.log(3)  # fmt: skip
    return Centres(pairs, centre, score, llr, digits, one, one - but_one, some)


def _mean_over(llr: Floats, centre: Ints, centres: int) -> Floats:
    """Logarithm of the mean ratio of each centre's pairs."""
    found = np.full(centres, -np.inf)
    number = np.bincount(centre, minlength=centres)
    np.maximum.at(found, centre, llr)
    total = np.zeros(centres)
    np.add.at(total, centre, np.exp(llr - found[centre]))
    with np.errstate(divide="ignore"):
        return found + np.log(total / np.maximum(number, 1))


def _scores(writing: Writing, groups: Ints, alone: Floats, model: Sources) -> Floats:
    """Score of one hand for each group of as many sheets, (n, sheets)."""
    found = np.empty(len(groups))
    step = max(1, (1 << 16) // max(groups.shape[1], 1))
    for start in range(0, len(groups), step):
        part = groups[start : start + step]
        joint = evidence(model, writing.counts[part], writing.means[part])
        found[start : start + step] = joint - alone[part].sum(axis=1)
    return found


def _calibrated(
    score: Floats, merged: int, groups: Ints, total: Ints, calibration: Calibration
) -> Floats:
    """Log likelihood ratios of one hand for groups of sheets against a hand for each."""
    digits = 1 / (1 / np.maximum(total[groups], 1)).mean(axis=1)
    return calibration.slope(digits) * score + merged * calibration.offset(digits)


def _wholes(
    writing: Writing,
    members: Sequence[Ints],
    alone: Floats,
    model: Sources,
    calibration: Calibration,
) -> tuple[Floats, Floats]:
    """For each centre: all sheets by one hand; the mean over all but one."""
    one, but_one = np.full(len(members), np.nan), np.full(len(members), np.nan)
    sizes = np.array([len(sheets) for sheets in members], dtype=np.int64)
    total = writing.counts.sum(axis=1)
    for size in np.unique(sizes[(sizes >= 2) & (sizes <= LARGEST)]).tolist():
        at = np.flatnonzero(sizes == size)
        groups = np.stack([members[i] for i in at.tolist()])
        score = _scores(writing, groups, alone, model)
        one[at] = _calibrated(score, size - 1, groups, total, calibration)
        if size < 3:
            continue
        rest = np.concatenate([np.delete(groups, j, axis=1) for j in range(size)])
        score = _scores(writing, rest, alone, model)
        ratio = _calibrated(score, size - 2, rest, total, calibration).reshape(size, -1)
        but_one[at] = logsumexp(ratio, axis=0) - np.log(size)
    return one, but_one


def hands_of(writing: Writing, model: Sources, calibration: Calibration) -> Hands:
    """The likeliest way to share the sheets of one centre out among hands.

    Every way is looked at up to EXACT sheets; beyond, the two groups whose union gains most are
    joined as long as one gains.
    """
    size = len(writing.counts)
    alone = evidence(model, writing.counts[:, None], writing.means[:, None])
    total = writing.counts.sum(axis=1)

    def gain(group: tuple[int, ...]) -> float:
        if len(group) < 2:
            return 0.0
        at = np.array([group])
        score = _scores(writing, at, alone, model)
        return float(_calibrated(score, len(group) - 1, at, total, calibration)[0])

    gains: dict[tuple[int, ...], float] = {(i,): 0.0 for i in range(size)}
    if size <= EXACT:
        for k in range(2, size + 1):
            gains |= {group: gain(group) for group in combinations(range(size), k)}
        best = max(partitions(size), key=lambda way: (sum(gains[g] for g in way), -len(way)))
        return Hands(_ordered(best), sum(gains[g] for g in best), exact=True)
    while len(gains) > 1:
        joined = {(a, b): tuple(sorted(a + b)) for a, b in combinations(gains, 2)}
        more = {k: gain(group) - gains[k[0]] - gains[k[1]] for k, group in joined.items()}
        (a, b), most = max(more.items(), key=lambda item: item[1])
        if most <= 0:
            break
        gains[joined[a, b]] = most + gains.pop(a) + gains.pop(b)
    return Hands(_ordered(tuple(gains)), sum(gains.values()), exact=False)


def _ordered(groups: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))
