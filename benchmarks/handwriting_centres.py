"""How well one hand in a centre is told from several, and hits from chance."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import combinations

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
    "EACH",
    "ELECTIONS",
    "FEW",
    "LEVELS",
    "MANY",
    "SEVERAL",
    "Alone",
    "Centre",
    "Drawn",
    "Honest",
    "Planted",
    "Small",
    "centre_rates",
    "drawn",
    "honest",
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
"""Made-up centres, at most, however many the check would make."""
EACH = 250
"""Made-up centres for each real one, up to MADE."""
SEVERAL = 5.0
FEW, FEWER = 20, 25
"""Centres of a small election of real writers, and made-up ones for each of them."""
MANY = 100
"""Centres of an honest election of drawn hands: with one above every made-up one, p is 0.008."""
ELECTIONS = (60, 200, 500, 2000)
"""Honest centres of elections of drawn hands."""
LEVELS = (0.05, 0.01)


@dataclass(frozen=True, slots=True)
class Centre:
    """Two propositions about centres: how well they are told apart.

    Attributes
    ----------
    same, other : centres of either kind
    writers : of those in one hand
    low, high : limits of the equal error rate, over all writers of a centre
    """

    propositions: str
    same: int
    other: int
    writers: int
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
    """All of them, and of how many writers they are."""

    runs: tuple[Alone, ...]
    honest: tuple[Alone, ...]
    writers: int


@dataclass(frozen=True, slots=True)
class Small:
    """Honest elections of few centres, always of the same writers.

    Attributes
    ----------
    each : sheets of a centre
    runs : elections
    writers : of whom some fill the sheets of each
    shift, low, high : log10 by which the median pair within centres lies above that of made-up
        ones: mean over the elections, and 95 % limits over them
    """

    each: int
    runs: int
    writers: int
    shift: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Honest:
    """Honest elections of MANY centres, every hand of each drawn anew from the model.

    Attributes
    ----------
    each : sheets of a centre
    runs : elections
    beyond : elections with a centre above every made-up one
    alarms : elections with p at most each of LEVELS
    """

    each: int
    runs: int
    beyond: int
    alarms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One centre among honest ones, all hands drawn from the model.

    Attributes
    ----------
    centres, each : honest centres, and sheets of a centre
    alike : sheets of the planted centre in one hand; the others have a hand each
    made : made-up centres
    runs : one for each planted centre
    """

    centres: int
    each: int
    alike: int
    made: int
    runs: tuple[Alone, ...]


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
    odd, apart = [], []
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
    judged = [
        judge_centres(writing, m, load_sources(), calibrations()["usable"])
        for m in (one, odd, apart)
    ]
    mixed, several = np.array(odd)[:, -2:] // SHEETS, np.array(apart) // SHEETS
    return [
        _compared("one hand against one odd sheet", judged[0].odd, judged[1].odd, able, mixed, rng),
        _compared("one hand against as many as sheets", judged[0].one, judged[2].one, able, several,
                  rng),
    ]  # fmt: skip


def _compared(
    name: str, same: Floats, other: Floats, able: Ints, writers: Ints, rng: np.random.Generator
) -> Centre:
    """Both kinds compared, with limits over writers.

    Parameters
    ----------
    able : int64 (same), the writer of each centre in one hand
    writers : int64 (other, hands), those of each other centre, which counts as often as all of
        them were drawn, times each other
    """
    errors = []
    for _ in range(500):
        times = np.bincount(rng.choice(able, len(able)), minlength=int(able.max()) + 1)
        weight = times[able].astype(float), times[writers].prod(axis=1).astype(float)
        if weight[1].any():
            errors.append(equal_error(same, other, *weight))
    low, high = np.quantile(errors, (0.025, 0.975)).tolist()
    found = performance(same, other)
    return Centre(name, len(same), len(other), len(able), found, low, high)


def planted(sheets: Sheets, seed: int, *, runs: int = 40) -> Planted:
    """Elections of honest centres, each sheet by another writer, with and without one in one hand.

    There are fewer writers than sheets: a writer fills sheets of several centres, always another
    quarter of the form or another centre's. Centres made up for the background are of different
    writers, as sheets of different centres of an election are. The election without the planted
    centre is held against those that have none of its sheets.
    """
    rng = np.random.default_rng(seed)
    digits, able = _digits(sheets, rng)
    found: list[list[Alone]] = [[], []]
    for _ in range(runs):
        several = np.stack([_hands(able, SHEETS, rng) for _ in range(PLACES)])
        one = SHEETS * int(rng.choice(able)) + np.arange(SHEETS)
        pool = np.vstack([several, one]).ravel()
        writing = _held(digits.at(pool))
        real, background, _, made = _judged(writing, sheets.owner[pool], SHEETS, MADE, rng)
        apart = (made < several.size).all(axis=1)
        llr = real.llr.reshape(PLACES + 1, -1)
        found[0].append(_run(real.some, llr, background, SHEETS, planted=True))
        less = real.some[:-1], llr[:-1], background[apart]
        found[1].append(_run(*less, SHEETS, planted=False))
    return Planted(tuple(found[0]), tuple(found[1]), len(able))


def small(sheets: Sheets, each: int, seed: int, *, runs: int = 200) -> Small:
    """Honest elections of FEW centres, every sheet by another writer."""
    rng = np.random.default_rng(seed)
    digits, able = _digits(sheets, rng)
    shifts = []
    for _ in range(runs):
        pool = _hands(able, FEW * each, rng)
        writing = _held(digits.at(pool))
        real, _, pairs, _ = _judged(writing, sheets.owner[pool], each, FEWER * FEW, rng)
        shifts.append(float(np.median(real.llr) - np.median(pairs)) / float(np.log(10)))
    half = 1.96 * float(np.std(shifts, ddof=1)) / np.sqrt(runs)
    middle = float(np.mean(shifts))
    return Small(each, runs, len(able), middle, middle - half, middle + half)


def _hands(able: Ints, number: int, rng: np.random.Generator) -> Ints:
    """One sheet each of so many writers."""
    found: Ints = SHEETS * rng.permutation(able)[:number] + rng.integers(SHEETS, size=number)
    return found


def honest(each: int, seed: int, *, runs: int = 200) -> Honest:
    """Elections of MANY centres, as the check would judge them; all hands are new in each."""
    rng = np.random.default_rng(seed)
    p, beyond = [], 0
    for _ in range(runs):
        writing = _written(np.arange(MANY * each), rng)
        apart = np.arange(MANY * each)
        real, background, _, _ = _judged(writing, apart // each, each, EACH * MANY, rng)
        one = _run(real.some, real.llr.reshape(MANY, -1), background, each, planted=False)
        p.append(one.p)
        beyond += bool(real.some.max() > background.max())
    alarms = tuple(int((np.array(p) <= level).sum()) for level in LEVELS)
    return Honest(each, runs, beyond, alarms)


def drawn(
    each: int, seed: int, *, runs: int = 20, elections: tuple[int, ...] = ELECTIONS
) -> list[Drawn]:
    """A centre in one hand, and one with two sheets in one hand, among so many honest centres.

    The largest election is drawn; the others have some of its centres, others in each run. No hand
    is there twice. Made-up centres are of the sheets of the largest one, as many as the check makes
    for each election; all runs share them, and each has another planted centre.
    """
    rng = np.random.default_rng(seed)
    most = max(elections)
    kinds = sorted({2, each})
    hands = [np.arange(most * each).reshape(most, each)]
    for kind in kinds:
        own = hands[-1].max() + 1 + np.arange(runs * each).reshape(runs, each)
        own[:, :kind] = own[:, :1]
        hands.append(own)
    # The model draws hands that stand on no sheet, too: they are numbered without gaps.
    whose = np.unique(np.concatenate(hands).ravel(), return_inverse=True)[1]
    writing = _written(whose, rng)
    members = list(np.arange(len(whose)).reshape(-1, each))
    real = judge_centres(writing, members, load_sources(), calibrations()["usable"])
    llr = real.llr.reshape(len(members), -1)
    kept = writing.at(np.arange(most * each))
    centre = np.arange(most * each) // each
    background = _made(kept, centre, each, min(EACH * most, MADE), rng)[0]
    found = []
    for centres in elections:
        made = min(EACH * (centres + 1), len(background))
        for k, kind in enumerate(kinds):
            alone = []
            for run in range(runs):
                at = np.append(rng.permutation(most)[:centres], most + k * runs + run)
                chance = rng.permutation(background)[:made]
                alone.append(_run(real.some[at], llr[at], chance, each, planted=True))
            found.append(Drawn(centres, each, kind, made, tuple(alone)))
    return found


def _written(whose: Ints, rng: np.random.Generator) -> Writing:
    """Sheets of DIGITS digits by hands drawn from the model, about their common class means."""
    model = load_sources()
    counts = rng.multinomial(DIGITS, np.full(CLASSES, 1 / CLASSES), size=len(whose))
    means = draw(model, counts, whose, rng) + model.mean
    return _held(Pooled(counts, counts[:, :, None] * means))


def _judged(
    writing: Writing, apart: Ints, each: int, made: int, rng: np.random.Generator
) -> tuple[Centres, Floats, Floats, Ints]:
    """The centres of an election, and made-up ones as `_made` has them.

    Parameters
    ----------
    writing : sheets of an election, centre by centre
    apart : int64 (sheets); a made-up centre has no two sheets with the same number
    each : sheets of a centre
    made : made-up centres
    """
    members = list(np.arange(len(apart)).reshape(-1, each))
    real = judge_centres(writing, members, load_sources(), calibrations()["usable"])
    return real, *_made(writing, apart, each, made, rng)


def _made(
    writing: Writing, apart: Ints, each: int, made: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Ints]:
    """What made-up centres say, the ratios of the pairs in any of them, and their sheets."""
    members = list(np.arange(len(apart)).reshape(-1, each))
    alike = np.zeros(len(apart), dtype=np.int64)
    mixed, _ = mixed_centres(apart, alike, members, -(-made // len(members)), rng)
    # In a small election the same sheets come together many times.
    groups, at = np.unique(np.sort(np.stack(mixed), axis=1), axis=0, return_inverse=True)
    found = judge_centres(writing, list(groups), load_sources(), calibrations()["usable"])
    return found.some[at], found.llr, groups[at]


def _run(some: Floats, llr: Floats, background: Floats, each: int, *, planted: bool) -> Alone:
    """As `handwriting.same-writer` judges an election.

    Parameters
    ----------
    some : float64 (centres), the planted one last
    llr : float64 (centres, pairs)
    each : sheets of a centre
    """
    least = float(np.log(100))
    limit = threshold(background, len(some), most=1.0, least=least)
    hits = int((some >= limit).sum())
    at = np.arange(len(some) * each)
    pairs = np.array(list(combinations(range(each), 2)))
    within = (each * np.arange(len(some))[:, None, None] + pairs).reshape(-1, 2)
    meets = meeting(at // each, np.zeros_like(at), within)
    of, size = np.repeat(np.arange(len(some)), len(pairs)), np.full(len(some), each)
    rare = rarity(some, background, llr.ravel(), of, size, meets, limit, least)
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
