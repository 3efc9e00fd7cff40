"""Delegates' rows held against sheets, and what chance makes of them, by whole centres.

Comparisons that share a row, a sheet, a delegate, a clerk or a centre are not independent: if one
delegate's writing looks like one clerk's, it does so as often as the two meet. So chance is taken
from made-up centres in which the same meet as often: the rows of a centre, and the sheets of
another one, of the same forms and grades, in place of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from veedor.checks import writers
from veedor.checks.writers import Sheets
from veedor.handwriting.calibration import Calibration, condition_of, digits_of
from veedor.handwriting.scorer import Digits, Writing, pair_scores
from veedor.stats.plda import Sources

__all__ = ["Both", "Chance", "chance_of", "held", "lenders_of", "made_up"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TEN = float(np.log(10))
PARTNERS = 10
"""Centres among which the one that lends its sheets is drawn: those with as many sheets, or the
largest where fewer have; where it has too few, its sheets stand for several, as one clerk's do."""
TRIES = 20
"""Times that rows are drawn anew which are of one centre with another row of the made-up one."""
DRAWS = 9_999
"""Made-up elections: from each centre, its own number or that of one of its made-up ones."""
ROUNDS = 500
"""Made-up elections that are drawn at once."""


@dataclass(frozen=True, slots=True)
class Both:
    """Sheets twice: the clerk's digits at i, the delegate's row at i + number of sheets.

    Attributes
    ----------
    sheets : in order of the stations
    writing : float64, twice as many
    model : of hands
    known : calibration by condition
    """

    sheets: Sheets
    writing: Writing
    model: Sources
    known: Mapping[str, Calibration]

    @classmethod
    def of(cls, sheets: Sheets, model: Sources, known: Mapping[str, Calibration]) -> Both:
        """The sheets and the rows about the class means of the election."""
        digits = Digits(
            np.concatenate([sheets.clerk.counts, sheets.delegate.counts]),
            np.concatenate([sheets.clerk.sums, sheets.delegate.sums]),
        )
        twice = np.tile(np.arange(len(sheets.sid)), 2)
        return cls(sheets, writers.writing_of(digits, sheets.at(twice), model), model, known)

    @property
    def number(self) -> int:
        """How many sheets."""
        return len(self.sheets.sid)

    @property
    def centre(self) -> Ints:
        """int64 (2 x sheets)"""
        return np.tile(self.sheets.centre, 2)

    @property
    def look(self) -> Ints:
        """int64 (sheets), a number for each form and grade of scan."""
        return writers.looks(self.sheets)

    def digits(self, pairs: Ints) -> Floats:
        """float64 (n), of each pair, by the harmonic mean."""
        total = self.writing.counts.sum(axis=1)
        return digits_of(total[pairs[:, 0]], total[pairs[:, 1]])

    def condition(self, pairs: Ints) -> NDArray[np.str_]:
        """text (n), of each pair; empty where it was not validated."""
        grade = np.tile(self.sheets.grade, 2)
        return condition_of(grade[pairs[:, 0]], grade[pairs[:, 1]])

    def able(self, pairs: Ints) -> Mask:
        """Pairs with digits enough on scans of a validated condition."""
        digits, condition = self.digits(pairs), self.condition(pairs)
        found = np.zeros(len(pairs), dtype=np.bool_)
        for name, calibration in self.known.items():
            found |= (condition == name) & (digits >= calibration.least)
        return found

    def ratios(self, pairs: Ints) -> Floats:
        """float64 (n): log likelihood ratios of pairs that are `able`, capped."""
        digits, condition = self.digits(pairs), self.condition(pairs)
        score = pair_scores(self.writing, pairs, self.model)
        found = np.zeros(len(pairs))
        for name in np.unique(condition).tolist():
            at, own = condition == name, self.known[name]
            found[at] = own.capped(own(score[at], digits[at]), digits[at])
        return found

    def above(self, pairs: Ints) -> tuple[Mask, Mask]:
        """Pairs that can be compared, and those that one hand explains ten times better."""
        able = self.able(pairs)
        found = np.zeros(len(pairs), dtype=np.bool_)
        found[able] = self.ratios(pairs[able]) >= TEN - 1e-9
        return able, found


def held(subject: str, both: Both, row: Ints) -> Ints:
    """Positions of what each row is held against, and of the row: int64 (n, 2).

    Parameters
    ----------
    subject : 'own-sheet', 'other-sheets' or 'rows'
    row : int64, positions of the sheets whose rows have digits enough
    """
    n, centre = both.number, both.sheets.centre
    if subject == "own-sheet":
        return np.column_stack([row, row + n])
    found = []
    for one in np.unique(centre[row]).tolist():
        inside = np.flatnonzero(centre == one)
        mine = row[centre[row] == one]
        others = inside if subject == "other-sheets" else mine
        i, j = (a.ravel() for a in np.meshgrid(others, mine, indexing="ij"))
        apart = i != j if subject == "other-sheets" else i < j
        shift = 0 if subject == "other-sheets" else n
        found.append(np.column_stack([i[apart] + shift, j[apart] + n]))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def made_up(subject: str, both: Both, pairs: Ints, rng: np.random.Generator) -> tuple[Ints, Mask]:
    """The same pairs in centres that are made up, and those that could be.

    The sheets of a centre are another one's, of the same form and grade each, all of one centre as
    far as it has such; of `rows`, every row is of another centre, for if each row is of a hand of
    its own, then none of them share one.

    Parameters
    ----------
    pairs : int64 (n, 2), as `held` gives them
    """
    n, centre, look = both.number, both.sheets.centre, both.look
    if subject != "rows":
        sheet = np.unique(pairs[:, 0])
        lent = np.full(n, -1)
        lent[sheet] = sheet[_lent(centre[sheet], look[sheet], rng)]
        found = np.column_stack([lent[pairs[:, 0]], pairs[:, 1]])
        return found, centre[found[:, 0]] != centre[pairs[:, 1] - n]
    row = np.unique(pairs) - n
    stead = np.full(n, -1)
    stead[row] = row[_strangers(centre[row], look[row], rng)]
    first, second = stead[pairs[:, 0] - n], stead[pairs[:, 1] - n]
    own = centre[pairs[:, 1] - n]
    fine = (centre[first] != centre[second]) & (centre[first] != own) & (centre[second] != own)
    return np.column_stack([first + n, second + n]), fine


def _lent(centre: Ints, look: Ints, rng: np.random.Generator) -> Ints:
    """For each sheet the position of one of the centre that lends to its centre; else its own.

    A look that the lender has not is lent by another centre, which has it.
    """
    found = np.arange(len(centre))
    cell = np.unique(np.column_stack([centre, look]), axis=0, return_inverse=True)[1].ravel()
    mixed = np.lexsort((rng.random(len(centre)), cell))
    start = np.searchsorted(cell[mixed], np.arange(cell.max(initial=-1) + 1))
    size = np.bincount(cell)
    of, shown = centre[mixed[start]], look[mixed[start]]
    whose = {(c, k): b for b, (c, k) in enumerate(zip(of.tolist(), shown.tolist(), strict=True))}
    centres, sizes = np.unique(centre, return_counts=True)
    lender = dict(zip(centres.tolist(), centres[_partner(sizes, rng)].tolist(), strict=True))
    spare = np.arange(len(size))
    for one in np.unique(shown).tolist():
        at = np.flatnonzero(shown == one)
        spare[at] = at[_partner(size[at], rng)]
    for block, (c, k) in enumerate(zip(of.tolist(), shown.tolist(), strict=True)):
        by = whose.get((lender[c], k), int(spare[block]))
        mine = mixed[start[block] : start[block] + size[block]]
        found[mine] = mixed[start[by] + np.arange(size[block]) % size[by]]
    return found


def _partner(sizes: Ints, rng: np.random.Generator) -> Ints:
    """For each centre another one, as large at least where PARTNERS are; itself if it is alone."""
    if len(sizes) < 2:
        return np.arange(len(sizes))
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[order] = np.arange(len(sizes))
    large = np.searchsorted(-sizes[order], -sizes, side="right")
    among = np.minimum(np.maximum(large, PARTNERS + 1), len(sizes))
    drawn = rng.integers(among - 1)
    return order[drawn + (drawn >= rank)]


def _strangers(centre: Ints, look: Ints, rng: np.random.Generator) -> Ints:
    """For each row the position of one with the same look, of as many other centres as there are.

    Where TRIES do not do, two are of one centre; who asks leaves such pairs out.
    """
    order = np.argsort(look, kind="stable")
    start, end = (np.searchsorted(look[order], look, side=s) for s in ("left", "right"))
    found = np.arange(len(centre))
    again = np.ones(len(centre), dtype=np.bool_)
    for _ in range(TRIES):
        found[again] = order[rng.integers(start[again], end[again])]
        drawn = np.column_stack([centre, centre[found]])
        first = np.unique(drawn, axis=0, return_index=True)[1]
        again = np.ones(len(centre), dtype=np.bool_)
        again[first] = False
        again |= centre[found] == centre
        if not again.any():
            break
    return found


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance makes of comparisons, by whole centres.

    Attributes
    ----------
    mean, low, high : expected number of comparisons above, and the middle 95 % of what may be seen
    p : probability of at least as many as were seen, by drawing for each centre its own number or
        that of one of its made-up ones; never below `least`
    least : the least probability that so many draws show
    """

    mean: float
    low: float
    high: float
    p: float
    least: float = 1 / (DRAWS + 1)


def lenders_of(both: Both, pairs: Ints, of: Ints) -> Floats:
    """Other centres of which the sheets may stand for a centre's, on average over its pairs.

    Parameters
    ----------
    pairs : int64 (n, 2), as `held` gives them
    of : int64 (n), 0 and up, the centre of each

    Returns
    -------
    float64 (centres)
    """
    look = both.look[pairs[:, 0] % max(both.number, 1)]
    cells = np.unique(np.column_stack([of, look]), axis=0)
    others = np.bincount(cells[:, 1])[look] - 1.0
    return np.asarray(np.bincount(of, weights=others) / np.bincount(of), dtype=np.float64)


def chance_of(
    seen: Ints, made: Floats, size: Ints, lenders: Floats, rng: np.random.Generator
) -> Chance:
    """How many comparisons above chance makes, and how rare as many as were seen are.

    Were a centre's own sheets as any other centre's to its rows, its own number would be as likely
    to be any of the numbers that stand for it; centres are drawn independently of each other. Of
    its made-up ones only as many count as there are centres to lend: more are the same ones again.
    The middle 95 % allow for the spread of few made-up numbers, for their mean being one of few,
    and for one more made-up centre above than were seen: by the negative binomial law of
    `veedor.handwriting.background.expected`, times the comparisons above of such a centre, where
    the one more is above in all of its comparisons.
    Source: E. Pitman, Significance tests which may be applied to samples from any populations,
    Supplement to the Journal of the Royal Statistical Society 4 (1937).

    Parameters
    ----------
    seen : int64 (centres), comparisons above
    made : float64 (centres, times), the same in its made-up centres, two times at least
    size : int64 (centres), comparisons
    lenders : float64 (centres), other centres that may stand for it, one at least
    """
    centres, times = made.shape
    apart = np.minimum(lenders, times)
    own, chance = np.empty(DRAWS), np.empty(DRAWS)
    at = np.arange(centres)
    for start in range(0, DRAWS, ROUNDS):
        shape = (len(own[start : start + ROUNDS]), centres)
        itself = rng.random(shape) < 1 / (1 + apart)
        drawn = np.where(itself, seen, made[at, rng.integers(times, size=shape)])
        own[start : start + len(drawn)] = drawn.sum(axis=1)
        picked = rng.integers(times, size=shape)
        chance[start : start + len(drawn)] = made[at, picked].sum(axis=1)
    mean = float(made.mean(axis=1).sum())
    wider = np.sqrt((times + 1) / (times - 1))
    low, high = mean + wider * (np.quantile(chance, (0.025, 0.975)) - mean)
    high = max(float(high), _most(made, size, apart))
    p = (1 + int((own >= seen.sum() - 1e-9).sum())) / (DRAWS + 1)
    return Chance(mean, max(float(low), 0.0), high, p)


def _most(made: Floats, size: Ints, apart: Floats) -> float:
    """The upper limit of comparisons above, were one more of the made-up centres above."""
    hits = float(((made > 0).mean(axis=1) * apart).sum())
    above = float((made.mean(axis=1) * apart).sum())
    centres = nbinom.ppf(0.975, hits + 1, apart.sum() / (apart.sum() + len(apart)))
    return float(centres) * (above + float(size.mean())) / (hits + 1)
