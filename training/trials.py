"""Trials of hands: pairs of sheets of one writer and of two, with so many digits on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import pens
from training.scanned import Scanned
from veedor.handwriting.calibration import digits_of
from veedor.handwriting.digits import Digits
from veedor.handwriting.embedding import Embedder
from veedor.handwriting.scorer import Writing, centred, load_sources, pair_scores, pooled

__all__ = ["Sheets", "Trials", "nist", "of_scans", "tally", "trials"]

Ints = NDArray[np.int64]
Choice = Callable[[Ints, int, np.random.Generator], Ints]
"""Positions that are chosen: from digits of a sheet, how many, by chance."""
SHARES = np.array([0.30, 0.16, 0.10, 0.08, 0.07, 0.07, 0.06, 0.06, 0.05, 0.05])
"""How often each digit stands on tally sheets, about: many zeros and ones."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """Sheets of known writers, two of each `owner`, with no digit in common.

    Attributes
    ----------
    embedding : (n, DIM); digit, sheet : (n,) int64
    owner, writer, series : (sheets,) int64; an owner is a writer, or one draw of a writer's digits
    condition : (sheets,) int64, within which class means are taken
    form : (sheets,) int64, the printed form
    poor : (sheets,) bool, the scan is of no better grade than usable
    """

    embedding: NDArray[np.float32]
    digit: Ints
    sheet: Ints
    owner: Ints
    writer: Ints
    series: Ints
    condition: Ints
    form: Ints
    poor: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trials:
    """Scores of pairs of sheets.

    Attributes
    ----------
    same, different : float64 (n), (m), natural logarithms, not calibrated
    same_digits, different_digits : float64 (n), (m), of each pair
    writer : int64 (n), of the pairs of one writer
    writers : int64 (m, 2), of the others
    same_poor, different_poor : bool (n), (m), one of the scans is of no better grade than usable
    """

    same: NDArray[np.float64]
    different: NDArray[np.float64]
    same_digits: NDArray[np.float64]
    different_digits: NDArray[np.float64]
    writer: Ints
    writers: Ints
    same_poor: NDArray[np.bool_]
    different_poor: NDArray[np.bool_]

    def of(self, *, poor: bool) -> Trials:
        """Those with such a scan, or those without."""
        return self._at(self.same_poor == poor, self.different_poor == poor)

    def _at(self, own: NDArray[np.bool_], other: NDArray[np.bool_]) -> Trials:
        return Trials(
            same=self.same[own],
            different=self.different[other],
            same_digits=self.same_digits[own],
            different_digits=self.different_digits[other],
            writer=self.writer[own],
            writers=self.writers[other],
            same_poor=self.same_poor[own],
            different_poor=self.different_poor[other],
        )

    def without(self, people: Ints) -> Trials:
        """Those in which none of these writers is."""
        return self._at(~np.isin(self.writer, people), ~np.isin(self.writers, people).any(axis=1))

    @staticmethod
    def joined(parts: list[Trials]) -> Trials:
        """Several together."""
        names = Trials.__slots__
        return Trials(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def any_of(digit: Ints, number: int, rng: np.random.Generator) -> Ints:
    """So many digits at random."""
    return rng.permutation(len(digit))[:number]


def tally(digit: Ints, number: int, rng: np.random.Generator) -> Ints:
    """So many digits, each class about as often as on tally sheets, and differently on each."""
    wanted = SHARES * np.exp(rng.normal(0, 0.4, 10))
    chance = wanted[digit] / np.bincount(digit, minlength=10)[digit]
    return rng.choice(len(digit), min(number, len(digit)), replace=False, p=chance / chance.sum())


def nist(
    digits: Digits,
    conditions: Callable[[int, np.random.Generator], pens.Condition],
    seed: int,
    *,
    far: bool = True,
    render: Callable[..., NDArray[np.uint8]] = pens.render_all,
) -> Sheets:
    """Each writer's form as two sheets: its first and its second half, or two random ones.

    Parameters
    ----------
    conditions : gives the condition of a writer's sheet, 0 or 1
    render : draws glyphs from depths, each in its condition
    """
    rng = np.random.default_rng(seed)
    writers, at = np.unique(digits.writer, return_inverse=True)
    half = np.zeros(len(at), dtype=np.int64)
    for k in range(len(writers)):
        mine = np.flatnonzero(at == k)
        mine = mine[np.argsort(digits.order[mine])] if far else rng.permutation(mine)
        half[mine[len(mine) // 2 :]] = 1
    each = [[conditions(side, rng) for side in (0, 1)] for _ in writers]
    embedder = Embedder.load()
    found = []
    for start in range(0, len(at), 2000):
        part = np.arange(start, min(start + 2000, len(at)))
        depth = pens.depths(digits.image[part])
        found.append(embedder.embed(render(depth, [each[at[i]][half[i]] for i in part], rng)))
    first = np.array([np.flatnonzero(at == k)[0] for k in range(len(writers))])
    return Sheets(
        embedding=np.concatenate(found),
        digit=digits.digit,
        sheet=2 * at + half,
        owner=np.repeat(np.arange(len(writers)), 2),
        writer=np.repeat(writers, 2),
        series=np.repeat(digits.series[first], 2),
        condition=np.zeros(2 * len(writers), dtype=np.int64),
        form=np.zeros(2 * len(writers), dtype=np.int64),
        poor=np.zeros(2 * len(writers), dtype=bool),
    )


def of_scans(found: Scanned) -> Sheets:
    """Pairs of scanned sheets as a check compares them: draws are left out that lack a sheet or
    have one with broken strokes.
    """
    looks = np.char.add(np.char.add(found.form, " "), found.grade)
    owners = found.writer * 1000 + found.turn
    keep, owner = [], []
    for one in np.unique(owners):
        pair = np.flatnonzero(owners == one)
        if len(pair) == 2 and found.whole[pair].all():
            keep += pair.tolist()
            owner += [len(owner) // 2] * 2
    at = np.array(keep, dtype=np.int64)
    inside = np.isin(found.sheet, at)
    number = np.full(len(found.writer), -1)
    number[at] = np.arange(len(at))
    return Sheets(
        embedding=Embedder.load().place(found.features[inside].astype(np.float32)),
        digit=found.digit[inside],
        sheet=number[found.sheet[inside]],
        owner=np.array(owner, dtype=np.int64),
        writer=found.writer[at],
        series=found.series[at],
        condition=np.unique(looks[at], return_inverse=True)[1],
        form=np.unique(found.form[at], return_inverse=True)[1],
        poor=found.grade[at] != "good",
    )


def chosen(sheets: Sheets, number: int, choose: Choice, rng: np.random.Generator) -> Writing:
    """So many digits of each sheet, about the election's class means; fewer where there are."""
    order = np.argsort(sheets.sheet, kind="stable")
    ends = np.cumsum(np.bincount(sheets.sheet, minlength=len(sheets.owner)))
    kept = [part[choose(sheets.digit[part], number, rng)] for part in np.split(order, ends[:-1])]
    at = np.concatenate(kept)
    digits = pooled(sheets.sheet[at], sheets.digit[at], sheets.embedding[at], len(sheets.owner))
    return centred(digits, sheets.condition, load_sources())


def trials(
    sheets: Sheets,
    number: int,
    seed: int,
    *,
    draws: int = 4,
    choose: Choice = any_of,
) -> Trials:
    """Every writer against itself, and every sheet against the second one of each other writer.

    Writers of different series are not compared, nor sheets of different forms: they differ by more
    than the hand. Sheets with fewer than `number` digits take no part.
    """
    rng = np.random.default_rng(seed)
    model = load_sources()
    parts = []
    for _ in range(draws):
        writing = chosen(sheets, number, choose, rng)
        full = writing.counts.sum(axis=1) >= number
        first = np.array([np.flatnonzero(sheets.owner == o)[0] for o in np.unique(sheets.owner)])
        second = np.array([np.flatnonzero(sheets.owner == o)[1] for o in np.unique(sheets.owner)])
        both = full[first] & full[second]
        first, second = first[both], second[both]
        i, j = (a.ravel() for a in np.meshgrid(first, second, indexing="ij"))
        own = sheets.owner[i] == sheets.owner[j]
        other = (sheets.writer[i] != sheets.writer[j]) & (sheets.series[i] == sheets.series[j])
        other &= sheets.form[i] == sheets.form[j]
        pairs = np.column_stack([i, j])[own | other]
        own = own[own | other]
        score = pair_scores(writing, pairs, model)
        total = writing.counts.sum(axis=1)
        digits = digits_of(total[pairs[:, 0]], total[pairs[:, 1]])
        whose, poor = sheets.writer[pairs], sheets.poor[pairs].any(axis=1)
        parts.append(
            Trials(
                score[own], score[~own], digits[own], digits[~own], whose[own, 0], whose[~own],
                poor[own], poor[~own],
            )
        )  # fmt: skip
    return Trials.joined(parts)
