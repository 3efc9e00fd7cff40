"""Centres whose sheets look written by one hand: which they are, and all that is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.checks import hand_rates, writers
from veedor.checks.base import Context
from veedor.checks.recorded import whole
from veedor.checks.writers import Judged, Sheets
from veedor.handwriting.background import Rarity, meeting, rarity, threshold
from veedor.handwriting.calibration import Calibration
from veedor.handwriting.centre import LARGEST, Hands, hands_of, judge_centres
from veedor.handwriting.scorer import Writing, load_sources
from veedor.stats.exact import proportion_interval
from veedor.stats.plda import Sources

__all__ = [
    "ADMITTED",
    "JOINS",
    "TEN",
    "Firm",
    "Hits",
    "by_winner",
    "find_hits",
    "firm",
    "numbers",
    "pair_rows",
    "said",
    "sheet_rows",
    "with_twins",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LEAST = float(np.log(100))
"""A centre is no hit below a likelihood ratio of 100, however rare such ratios are by chance."""
ADMITTED = 1.0
"""Hits by chance that the threshold admits on average, over all centres."""
TEN = float(np.log(10))
JOINS = TEN
"""A sheet is questioned if its digits are ten times more probable with it in the hand of others of
its centre than with a hand of its own. The likeliest sharing out among hands takes in any sheet
that gains a ratio above 1, as every other innocent sheet of a centre that is found may."""


@dataclass(frozen=True, slots=True)
class Firm:
    """Sheets of a centre that join a hand of others there by JOINS at least.

    Attributes
    ----------
    groups : positions of the sheets of each such hand
    joining : position of each sheet that the likeliest sharing out gives a hand with others ->
        natural logarithm of how much more probable its digits are with it in that hand
    """

    groups: tuple[tuple[int, ...], ...]
    joining: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Hits:
    """Centres at or above the threshold.

    Attributes
    ----------
    hits : int64 (hits), positions in `Judged`, the highest ratio first
    limit : natural logarithm of the threshold
    chance : hits to expect, by sheets of different centres, and how rare these are
    region : expected hits, by sheets of different centres of one region
    hands : the likeliest sharing out of each hit's sheets among hands, as positions of sheets
    firm : the sheets of each hit that join a hand by JOINS at least
    shift : by how much the median pair within centres lies above that of different centres
    left : hits that stay if pairs within centres are lowered by `shift`
    known : calibration by condition
    """

    hits: Ints
    limit: float
    chance: Rarity
    region: float
    hands: tuple[Hands, ...]
    firm: tuple[Firm, ...]
    shift: float
    left: int
    known: Mapping[str, Calibration]

    @property
    def alike(self) -> Ints:
        """Positions of the sheets that join a hand with another one by JOINS at least."""
        sheets = [i for one in self.firm for group in one.groups for i in group]
        return np.array(sorted(sheets), dtype=np.int64)


def find_hits(
    sheets: Sheets, writing: Writing, judged: Judged, known: Mapping[str, Calibration]
) -> Hits:
    """The centres that are hits, and how many chance makes."""
    centres = len(judged.centre)
    limit = threshold(judged.mixed, centres, most=ADMITTED, least=LEAST)
    hits = np.flatnonzero(judged.some >= limit)
    hits = hits[np.lexsort((judged.centre[hits], -judged.some[hits]))]
    both = len(judged.llr) and len(judged.mixed_pairs)
    shift = float(np.median(judged.llr) - np.median(judged.mixed_pairs)) if both else 0.0
    model, left = load_sources(), 0
    hands: list[Hands] = []
    sure: list[Firm] = []
    for i in hits.tolist():
        own, members = known[judged.condition[i]], judged.members[i]
        found = hands_of(writing.at(members), model, own)
        groups = tuple(tuple(members[list(g)].tolist()) for g in found.groups)
        hands.append(replace(found, groups=groups))
        sure.append(firm(groups, writing, model, own))
        lower = own.coefficients - np.array([max(shift, 0.0), 0, 0, 0])
        again = judge_centres(writing, [members], model, replace(own, coefficients=lower))
        left += int(again.some[0] >= limit)
    near = centres * float((judged.near >= limit).mean()) if len(judged.near) else 0.0
    size = np.array([len(m) for m in judged.members], dtype=np.int64)
    meets = meeting(sheets.centre, writers.alike(sheets), judged.pairs)
    rare = rarity(judged.some, judged.mixed, judged.llr, judged.of, size, meets, limit, LEAST)
    return Hits(hits, limit, rare, near, tuple(hands), tuple(sure), shift, left, known)


def firm(
    groups: Sequence[tuple[int, ...]], writing: Writing, model: Sources, calibration: Calibration
) -> Firm:
    """The sheets of each group that join the rest of it by JOINS at least.

    The sheet that joins least is left out, and the others are looked at again without it, until
    each of them joins by JOINS or none is left.

    Parameters
    ----------
    groups : positions of the sheets of each hand
    """
    kept: list[tuple[int, ...]] = []
    gained: dict[int, float] = {}
    for group in groups:
        rest = list(group)
        while len(rest) > 1:
            gains = _joining(rest, writing, model, calibration)
            gained.update(zip(rest, gains.tolist(), strict=True))
            if gains.min() >= JOINS:
                kept.append(tuple(rest))
                break
            rest.pop(int(gains.argmin()))
    return Firm(tuple(kept), gained)


def _joining(
    group: Sequence[int], writing: Writing, model: Sources, calibration: Calibration
) -> Floats:
    """How much each sheet gains by the hand of the others (LARGEST - 1 at most): natural logs."""
    others = [[j for j in group if j != i][: LARGEST - 1] for i in group]
    together = [np.array([i, *rest]) for i, rest in zip(group, others, strict=True)]
    gains = judge_centres(writing, together, model, calibration).one
    if len(group) > 2:
        apart = [np.array(rest) for rest in others]
        gains = gains - judge_centres(writing, apart, model, calibration).one
    return gains


def numbers(sheets: Sheets, judged: Judged, found: Hits) -> dict[str, Any]:
    """The statistic, but for what was left out and for who won."""
    at = np.concatenate(judged.members) if judged.members else np.empty(0, dtype=np.int64)
    digits = sheets.clerk.total[at]
    low, middle, high = np.quantile(digits, (0.1, 0.5, 0.9)).tolist() if len(at) else (0.0,) * 3
    made, mixed = judged.mixed_pairs >= LEAST, judged.mixed >= found.limit
    names = np.unique(judged.condition).tolist()
    return {
        "alone": len(sheets.sid) - len(at),
        "centres": len(judged.centre),
        "compared": len(at),
        "pairs": len(judged.pairs),
        "digits": middle,
        "digits_low": low,
        "digits_high": high,
        "threshold": found.limit / TEN,
        "hits": len(found.hits),
        "questioned": len(found.alike),
        "one_hand": sum(len(h.groups) == 1 for h in found.hands),
        "pairs_above": int((judged.llr >= LEAST).sum()),
        "expected": found.chance.expected.mean,
        "expected_low": found.chance.expected.low,
        "expected_high": found.chance.expected.high,
        "beyond": found.chance.beyond,
        "fewest": found.chance.fewest,
        "again": found.chance.again,
        "p": found.chance.p,
        "background": 100 * float(mixed.mean()) if len(mixed) else 0.0,
        "made": len(judged.mixed),
        "expected_pairs": len(judged.pairs) * float(made.mean()) if len(made) else 0.0,
        "expected_region": found.region,
        "hits_left": found.left,
        "shift": found.shift / TEN,
        "cap": float(np.log10(max((found.known[n].writers for n in names), default=1))),
        "conditions": [_condition(name, judged, digits, found.known) for name in names],
    }


def _condition(
    name: str, judged: Judged, digits: Ints, known: Mapping[str, Calibration]
) -> dict[str, Any]:
    return {
        "condition": name,
        "centres": int((judged.condition == name).sum()),
        **hand_rates.rates(known[name], float(np.median(digits))),
    }


def by_winner(
    judged: Judged, hits: Ints, measured: Mapping[str, Columns], context: Context
) -> dict[str, Any]:
    """Hits by who won the centre, and how probable so uneven shares are."""
    cells, won = writers.won_centres(measured, len(context.options))
    option = np.full(len(judged.centre), -1)
    if len(cells):
        at = np.minimum(np.searchsorted(cells, judged.centre), len(cells) - 1)
        option = np.where(cells[at] == judged.centre, won[at], -1)
    hit = np.zeros(len(option), dtype=bool)
    hit[hits] = True
    names = np.array(context.options)
    size = np.array([(option == k).sum() for k in range(len(names))], dtype=np.int64)
    mine = np.array([hit[option == k].sum() for k in range(len(names))], dtype=np.int64)
    low, high = proportion_interval(mine, size)
    entries = [
        {
            "option": str(names[k]),
            "centres": int(size[k]),
            "hits": int(mine[k]),
            "share": 100 * float(mine[k] / size[k]),
            "low": 100 * float(low[k]),
            "high": 100 * float(high[k]),
        }
        for k in np.flatnonzero(size).tolist()
    ]
    return {"winners": entries, "winners_p": _uneven(size[size > 0], mine[size > 0], context.rng)}


def _uneven(size: Ints, mine: Ints, rng: np.random.Generator, draws: int = 2000) -> float:
    """Share of random allocations of hits to centres that are at least as uneven by who won."""
    hits = int(mine.sum())
    if not hits or len(size) < 2:
        return 1.0
    mean = hits * size / size.sum()
    drawn = rng.multivariate_hypergeometric(size, hits, size=draws)
    spread = ((drawn - mean) ** 2 / mean).sum(axis=1)
    seen = float(((mine - mean) ** 2 / mean).sum())
    return float((1 + (spread >= seen - 1e-9).sum()) / (1 + draws))


def with_twins(sheets: Sheets, judged: Judged, found: Hits, twins: Columns) -> int:
    """Hits with two sheets whose scans share a piece of a picture or a code."""
    both = zip(whole(twins["scan_a"]).tolist(), whole(twins["scan_b"]).tolist(), strict=True)
    pairs = {frozenset(p) for p in both if p[0] != p[1]}
    count = 0
    for i in found.hits.tolist():
        scans = set(sheets.scan[judged.members[i]].tolist())
        count += any(pair <= scans for pair in pairs)
    return count


def _caps(sheets: Sheets, judged: Judged, found: Hits) -> Floats:
    """The greatest log ratio that may be said of each centre, by the digits of its sheets."""
    caps = np.empty(len(judged.centre))
    for i, members in enumerate(judged.members):
        each = 1 / (1 / np.maximum(sheets.clerk.total[members], 1)).mean(keepdims=True)
        caps[i] = found.known[str(judged.condition[i])].cap(each)[0]
    return caps


def said(sheets: Sheets, judged: Judged, found: Hits) -> float:
    """The ratio that can be said of every hit: the threshold, or the least of their caps."""
    caps = _caps(sheets, judged, found)
    caps = caps[found.hits] if len(found.hits) else caps
    return float(np.exp(min(found.limit, caps.min(initial=found.limit))))


def sheet_rows(sheets: Sheets, judged: Judged, found: Hits) -> Columns:
    """The sheets of the hits: the likeliest hand of each, and the ratios of its centre."""
    at, rank, hand = _flattened(found)
    place = found.hits[rank] if len(at) else np.empty(0, dtype=np.int64)
    cap = _caps(sheets, judged, found)[place]
    ratio = np.clip(judged.some[place], -cap, cap)
    odd = np.clip(judged.odd[place], -cap, cap)
    gained = {i: gain for one in found.firm for i, gain in one.joining.items()}
    joining = np.array([gained.get(i, np.nan) for i in at.tolist()])
    return {
        "sid": sheets.sid[at],
        "hit": rank + 1,
        "hand": hand,
        "digits": sheets.clerk.total[at],
        "grade": sheets.grade[at].astype(object),
        "log10_ratio": ratio / TEN,
        "support": writers.support(ratio),
        "log10_one_against_odd": odd / TEN,
        "log10_joining": np.clip(joining, -cap, cap) / TEN,
    }


def _flattened(found: Hits) -> tuple[Ints, Ints, Ints]:
    """Sheets of the hits, the hit of each, and its hand, from 1."""
    rows = [
        (sheet, rank, hand + 1)
        for rank, hands in enumerate(found.hands)
        for hand, group in enumerate(hands.groups)
        for sheet in group
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def pair_rows(sheets: Sheets, judged: Judged, found: Hits) -> Columns:
    """Each pair of sheets of the hits, with its likelihood ratio, capped."""
    at = np.flatnonzero(np.isin(judged.of, found.hits))
    a, b = judged.pairs[at].T
    llr = np.empty(len(at))
    for name, calibration in found.known.items():
        mine = judged.condition[judged.of[at]] == name
        llr[mine] = calibration.capped(judged.llr[at][mine], judged.digits[at][mine])
    rank = np.empty(len(judged.centre), dtype=np.int64)
    rank[found.hits] = np.arange(len(found.hits)) + 1
    return {
        "sid": sheets.sid[a],
        "other": sheets.station[b],
        "hit": rank[judged.of[at]],
        "digits": judged.digits[at],
        "log10_ratio": llr / TEN,
        "support": writers.support(llr),
    }
