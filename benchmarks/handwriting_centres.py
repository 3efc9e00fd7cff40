"""How well one hand in a centre is told from several, and hits from chance."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from training.trials import Sheets

from training import pens
from veedor.handwriting.background import expected, meeting, mixed_centres, rarity, threshold
from veedor.handwriting.calibration import calibrations
from veedor.handwriting.centre import Centres, judge_centres
from veedor.handwriting.digits import Digits
from veedor.handwriting.embedding import Embedder
from veedor.handwriting.scorer import CLASSES, Writing, centred, load_sources, pooled
from veedor.handwriting.scorer import Digits as Pooled
from veedor.stats.likelihood import Performance, equal_error, performance
from veedor.stats.plda import draw

__all__ = [
    "FEW",
    "LEVELS",
    "SEVERAL",
    "Alone",
    "Centre",
    "Planted",
    "Small",
    "centre_rates",
    "planted",
    "seconds",
    "sheets_of_four",
    "small",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SHEETS, DIGITS = 4, 25
PLACES = 200
"""Honest centres of a simulated election."""
MADE = 50_000
SEVERAL = 5.0
FEW, EACH = 20, 250
"""Centres of a small election, and made-up ones for each of them."""
LEVELS = (0.05, 0.01)


@dataclass(frozen=True, slots=True)
class Centre:
    """Two propositions about centres: how well they are told apart; limits over writers."""

    propositions: str
    centres: int
    all: Performance
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Alone:
    """One simulated election with one centre in one hand among honest ones.

    `several` are the hits at a threshold that admits SEVERAL by chance, for there is little to see
    at the check's own; `several_inside` says that they are within the interval.
    """

    rank: int
    hits: int
    false: int
    expected: float
    low: float
    high: float
    found: bool
    p: float
    several: int
    several_inside: bool


@dataclass(frozen=True, slots=True)
class Planted:
    """All of them."""

    runs: tuple[Alone, ...]
    honest: tuple[Alone, ...]


@dataclass(frozen=True, slots=True)
class Small:
    """Honest elections of few centres.

    Attributes
    ----------
    each : sheets of a centre
    runs : elections
    shift, low, high : log10 by which the median pair within centres lies above that of made-up
        ones: mean over the elections, and 95 % limits
    alarms : elections with p at most each of LEVELS
    """

    each: int
    runs: int
    shift: float
    low: float
    high: float
    alarms: tuple[int, ...]


def sheets_of_four(digits: Digits, seed: int) -> Sheets:
    """Each writer's digits on four sheets, pens and scans by turns of two conditions."""
    rng = np.random.default_rng(seed)
    writers, at = np.unique(digits.writer, return_inverse=True)
    quarter = np.zeros(len(at), dtype=np.int64)
    for k in range(len(writers)):
        mine = rng.permutation(np.flatnonzero(at == k))
        quarter[mine] = np.arange(len(mine)) % SHEETS
    each = [[pens.draw_condition(rng), pens.draw_worn(rng)] for _ in writers]
    embedder, found = Embedder.load(), []
    for start in range(0, len(at), 2000):
        part = np.arange(start, min(start + 2000, len(at)))
        conditions = [each[at[i]][quarter[i] % 2] for i in part]
        depth = pens.depths(digits.image[part])
        found.append(embedder.embed(pens.render_all(depth, conditions, rng)))
    first = np.array([np.flatnonzero(at == k)[0] for k in range(len(writers))])
    return Sheets(
        embedding=np.concatenate(found),
        digit=digits.digit,
        sheet=SHEETS * at + quarter,
        owner=np.repeat(np.arange(len(writers)), SHEETS),
        writer=np.repeat(writers, SHEETS),
        series=np.repeat(digits.series[first], SHEETS),
        condition=np.zeros(SHEETS * len(writers), dtype=np.int64),
        form=np.zeros(SHEETS * len(writers), dtype=np.int64),
        poor=np.ones(SHEETS * len(writers), dtype=bool),
    )


def _digits(sheets: Sheets, rng: np.random.Generator) -> tuple[Pooled, Ints]:
    """DIGITS of each sheet at most, and the writers whose four sheets have nearly as many."""
    mixed = rng.permutation(len(sheets.sheet))
    order = mixed[np.argsort(sheets.sheet[mixed], kind="stable")]
    start = np.searchsorted(sheets.sheet[order], np.arange(len(sheets.owner)))
    at = order[(np.arange(len(order)) - start[sheets.sheet[order]]) < DIGITS]
    digits = pooled(sheets.sheet[at], sheets.digit[at], sheets.embedding[at], len(sheets.owner))
    full = (digits.total.reshape(-1, SHEETS) >= DIGITS - 5).all(axis=1)
    return digits, np.flatnonzero(full)


def _held(digits: Pooled) -> Writing:
    """Sheets of one election, about their common class means."""
    return centred(digits, np.zeros(len(digits.counts), dtype=np.int64), load_sources())


def centre_rates(sheets: Sheets, seed: int, *, draws: int = 6) -> list[Centre]:
    """All sheets in one hand, against a hand for each and against one odd sheet."""
    rng = np.random.default_rng(seed)
    digits, able = _digits(sheets, rng)
    writing = _held(digits)
    series = sheets.series[SHEETS * np.arange(len(sheets.owner) // SHEETS)]
    one = [SHEETS * w + np.arange(SHEETS) for w in able]
    odd, apart, owner = [], [], []
    for w in able.tolist():
        others = able[(series[able] == series[w]) & (able != w)]
        for _ in range(draws):
            mine = SHEETS * w + rng.permutation(SHEETS)
            more = rng.permutation(others)[:3]
            if len(more) < 3:
                continue
            other = SHEETS * more + rng.integers(SHEETS, size=3)
            odd.append(np.array([*mine[:3], other[0]]))
            apart.append(np.array([mine[0], *other]))
            owner.append(w)
    judged = [
        judge_centres(writing, m, load_sources(), calibrations()["usable"])
        for m in (one, odd, apart)
    ]
    whose = np.array(owner)
    return [
        _compared("one hand against one odd sheet", judged[0].odd, judged[1].odd, able, whose, rng),
        _compared("one hand against as many as sheets", judged[0].one, judged[2].one, able, whose,
                  rng),
    ]  # fmt: skip


def _compared(
    name: str,
    same: NDArray[np.float64],
    other: NDArray[np.float64],
    able: Ints,
    owner: Ints,
    rng: np.random.Generator,
) -> Centre:
    errors = []
    for _ in range(500):
        times = np.bincount(rng.choice(able, len(able)), minlength=int(able.max()) + 1)
        weight = times[able].astype(float), times[owner].astype(float)
        errors.append(equal_error(same, other, *weight))
    low, high = np.quantile(errors, (0.025, 0.975)).tolist()
    return Centre(name, len(same) + len(other), performance(same, other), low, high)


def planted(sheets: Sheets, seed: int, *, runs: int = 40) -> Planted:
    """Elections of honest centres, each sheet by another writer, with and without one in one hand.

    There are fewer writers than sheets: a writer fills sheets of several centres, always another
    quarter of the form or another centre's. Centres made up for the background are of different
    writers, as sheets of different centres of an election are.
    """
    rng = np.random.default_rng(seed)
    digits, able = _digits(sheets, rng)
    found: list[list[Alone]] = [[], []]
    for _ in range(runs):
        honest = np.stack([_hands(able, SHEETS, rng) for _ in range(PLACES)])
        one = SHEETS * int(rng.choice(able)) + np.arange(SHEETS)
        for which, drawn in enumerate((np.vstack([honest, one]), honest)):
            real, background, _ = _judged(digits, sheets.owner, drawn, MADE, rng)
            found[which].append(_run(real, background, drawn.shape, which == 0))
    return Planted(tuple(found[0]), tuple(found[1]))


def small(sheets: Sheets, each: int, seed: int, *, runs: int = 200) -> Small:
    """Honest elections of FEW centres, every sheet by another writer."""
    rng = np.random.default_rng(seed)
    digits, able = _digits(sheets, rng)
    shifts, p = [], []
    for _ in range(runs):
        drawn = _hands(able, FEW * each, rng).reshape(FEW, each)
        real, background, shift = _judged(digits, sheets.owner, drawn, EACH * FEW, rng)
        shifts.append(shift)
        p.append(_run(real, background, drawn.shape, False).p)
    half = 1.96 * float(np.std(shifts, ddof=1)) / np.sqrt(runs)
    middle = float(np.mean(shifts))
    alarms = tuple(int((np.array(p) <= level).sum()) for level in LEVELS)
    return Small(each, runs, middle, middle - half, middle + half, alarms)


def _hands(able: Ints, number: int, rng: np.random.Generator) -> Ints:
    """One sheet each of so many writers."""
    found: Ints = SHEETS * rng.permutation(able)[:number] + rng.integers(SHEETS, size=number)
    return found


def _judged(
    digits: Pooled, owner: Ints, drawn: Ints, made: int, rng: np.random.Generator
) -> tuple[Centres, Floats, float]:
    """The centres of an election, ratios of made-up ones, and log10 by which pairs differ.

    Parameters
    ----------
    drawn : int64 (centres, sheets), positions of sheets
    made : made-up centres
    """
    pool, known = drawn.ravel(), calibrations()["usable"]
    writing = _held(digits.at(pool))
    members = list(np.arange(len(pool)).reshape(drawn.shape))
    alike = np.zeros(len(pool), dtype=np.int64)
    mixed, _ = mixed_centres(owner[pool], alike, members, -(-made // len(members)), rng)
    real = judge_centres(writing, members, load_sources(), known)
    other = judge_centres(writing, mixed, load_sources(), known)
    shift = float(np.median(real.llr) - np.median(other.llr)) / float(np.log(10))
    return real, other.some, shift


def _run(real: Centres, background: Floats, shape: tuple[int, ...], planted: bool) -> Alone:
    """As `handwriting.same-writer` judges an election.

    Parameters
    ----------
    shape : centres, and sheets of each
    """
    some, least = real.some, float(np.log(100))
    limit = threshold(background, len(some), most=1.0, least=least)
    hits = int((some >= limit).sum())
    at = np.arange(shape[0] * shape[1])
    meets = meeting(at // shape[1], np.zeros_like(at), real.pairs)
    size = np.full(*shape)
    rare = rarity(some, background, real.llr, real.centre, size, meets, limit, least)
    chance = rare.expected
    low = threshold(background, len(some), most=SEVERAL, least=-np.inf)
    several = int((some >= low).sum())
    many = expected(background, len(some), low, several)
    found = bool(planted and some[-1] >= limit)
    return Alone(
        rank=1 + int((some[:-1] > some[-1]).sum()) if planted else 0,
        hits=hits,
        false=hits - found,
        expected=chance.mean,
        low=chance.low,
        high=chance.high,
        found=found,
        p=rare.p,
        several=several,
        several_inside=many.low <= several <= many.high,
    )


def seconds(centres: int = 5000, each: int = 7, digits: int = 30) -> tuple[float, int]:
    """Seconds to judge all centres and as many pairs, on sheets drawn from the model."""
    rng, model = np.random.default_rng(0), load_sources()
    n = centres * each
    counts = rng.multinomial(digits, np.full(CLASSES, 1 / CLASSES), size=n)
    means = np.concatenate(
        [draw(model, part, np.arange(len(part)), rng) for part in np.array_split(counts, 20)]
    )
    members = list(np.arange(n).reshape(centres, each))
    start = time.perf_counter()
    found = judge_centres(Writing(counts, means), members, model, calibrations()["good"])
    return time.perf_counter() - start, len(found.pairs)
