"""How often chance alone makes a centre look like one hand: centres made of others' sheets.

Sheets of different centres are written by different people. Put together as if they were of one
centre, they say what to expect of honest centres, in this election and with these scans; what they
cannot say is what sheets of one centre share besides the hand: a pen, a scanner, a school.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

__all__ = [
    "ALARM",
    "Expected",
    "Rarity",
    "beyond",
    "expected",
    "meeting",
    "mixed_centres",
    "rarity",
    "threshold",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ALARM = 0.01
"""Hits that chance would make more rarely than this are told from it."""
MOST = 1000
"""Hits up to which it is looked for how many would be."""
TRIES = 40
"""Times that sheets are drawn anew for a made-up centre which has two sheets of one centre."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Hits that chance makes among centres.

    Attributes
    ----------
    mean, low, high : expected number, and the middle 95 % of what may be seen
    p : probability of at least as many as were seen
    """

    mean: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare the hits of an election are.

    Attributes
    ----------
    expected : hits to expect
    beyond : centres above every made-up one
    again : pairs so alike that would meet in a centre, were all sheets dealt anew
    p : probability of so many hits or of so many beyond, for both were looked at; never below
        `least`
    least : the least probability that so many made-up centres can show
    fewest : centres, each in one hand and above every made-up one, of which so many would be told
        from chance; None where not even all of them would be
    """

    expected: Expected
    beyond: int
    again: float
    p: float
    least: float
    fewest: int | None


def mixed_centres(
    centre: Ints,
    look: Ints,
    members: Sequence[Ints],
    rounds: int,
    rng: np.random.Generator,
) -> tuple[tuple[Ints, ...], Ints]:
    """Made-up centres, each like a real one, of sheets of as many different centres.

    Parameters
    ----------
    centre : int64 (sheets)
    look : int64 (sheets), what each sheet has in common with the one that it stands for: the form
        and the grade of its scan
    members : positions of the sheets of each real centre
    rounds : made-up centres that are wanted for each real one

    Returns
    -------
    Positions of the sheets of each made-up centre, and int64, the real one that it is like. Where
    few centres have sheets of these looks, those that could be drawn for a real one stand several
    times, so that each has as many; a real one for which none could be drawn has none.
    """
    order = np.argsort(look, kind="stable")
    looks, first, number = np.unique(look[order], return_index=True, return_counts=True)
    made: list[Ints] = []
    like: list[Ints] = []
    sizes = np.array([len(m) for m in members], dtype=np.int64)
    for size in np.unique(sizes).tolist() if rounds > 0 else ():
        real = np.flatnonzero(sizes == size)
        slots = np.searchsorted(looks, look[np.stack([members[i] for i in real.tolist()])])
        left = np.repeat(np.arange(len(real)), rounds)
        for _ in range(TRIES):
            wanted = slots[left]
            drawn = order[first[wanted] + rng.integers(number[wanted])]
            fine = (np.diff(np.sort(centre[drawn], axis=1), axis=1) > 0).all(axis=1)
            made += list(drawn[fine])
            like.append(real[left[fine]])
            left = left[~fine]
            if not len(left):
                break
    found = np.concatenate(like) if like else np.empty(0, dtype=np.int64)
    order = np.argsort(found, kind="stable")
    first, count = np.unique(found[order], return_index=True, return_counts=True)[1:]
    turn = np.arange(rounds)[None, :] % count[:, None] if len(count) else np.empty((0, 0), int)
    kept = order[(first[:, None] + turn).ravel()]
    return tuple(made[i] for i in kept.tolist()), found[kept]


def threshold(background: Floats, centres: int, *, most: float, least: float) -> float:
    """The ratio from which a centre is a hit: the lowest that lets chance make few hits.

    Parameters
    ----------
    background : float64 (n), log likelihood ratios of made-up centres
    centres : real centres that are judged
    most : hits by chance that are admitted on average
    least : the threshold is never lower
    """
    admitted = int(most * len(background) / max(centres, 1))
    ordered = np.sort(background)[::-1]
    if admitted >= len(ordered):
        return least
    return float(max(np.nextafter(ordered[admitted], np.inf), least))


def meeting(centre: Ints, look: Ints, pairs: Ints) -> Floats:
    """float64 (n): the chance of two sheets to meet in one centre, were all sheets dealt anew.

    Parameters
    ----------
    centre, look : int64 (sheets); a sheet is dealt to a place of its own look
    pairs : int64 (n, 2), positions of sheets
    """
    looks, at = np.unique(look, return_inverse=True)
    places = np.unique(centre, return_inverse=True)[1]
    held = np.zeros((int(places.max(initial=-1)) + 1, len(looks)))
    np.add.at(held, (places, at), 1)
    number = held.sum(axis=0)
    both = held.T @ held - np.diag(number)
    room = np.outer(number, number) - np.diag(number)
    a, b = at[pairs].T
    return np.asarray(both[a, b] / np.maximum(room[a, b], 1), dtype=np.float64)


def expected(
    background: Floats, centres: int, limit: float, seen: int, again: float = 0.0
) -> Expected:
    """Hits to expect among real centres, by the made-up ones, and how rare `seen` would be.

    Were real and made-up centres exchangeable, as many real ones as a negative binomial number
    would lie above the (hits + 1)-th of the made-up ones: each centre met on the way down is a
    made-up one with the chance made / (made + centres). With none made up, anything may be chance.
    Made-up centres share sheets, and have none of the pairs that meet in a real centre, which might
    have met by chance: as often as `again` says, they do, and that number is added as a Poisson one
    for the probability.
    Source: S. Wilks, Statistical prediction with special reference to the problem of tolerance
    limits, Annals of Mathematical Statistics 13 (1942).

    Parameters
    ----------
    again : hits that the pairs of real centres would make, were all sheets dealt anew
    """
    hits = int((background >= limit).sum())
    made = len(background)
    if not made:
        return Expected(mean=0.0, low=0.0, high=float(centres), p=1.0)
    chance = made / (made + centres)
    law = nbinom(hits + 1, chance)
    low, high = law.ppf((0.025, 0.975))
    met = np.arange(seen + 1)
    # The last of these stands for as many as were seen and more.
    share = np.append(poisson.pmf(met[:-1], again), poisson.sf(seen - 1, again))
    return Expected(
        mean=centres * hits / made,
        low=float(low),
        high=float(high),
        p=float(min(share @ law.sf(seen - met - 1), 1.0)) if seen else 1.0,
    )


def beyond(background: Floats, ratios: Floats, least: float) -> int:
    """Real centres above every made-up one and above `least`.

    Parameters
    ----------
    background, ratios : float64, log likelihood ratios of made-up and of real centres
    """
    most = max(float(background.max(initial=-np.inf)), least)
    return int((ratios > most).sum())


def rarity(
    some: Floats,
    mixed: Floats,
    llr: Floats,
    of: Ints,
    size: Ints,
    meets: Floats,
    limit: float,
    least: float,
) -> Rarity:
    """How rare the centres at or above `limit` are, and those above every made-up one.

    Parameters
    ----------
    some, mixed : float64, log likelihood ratios of real and of made-up centres
    llr, of, meets : (pairs), the ratio of each pair within a real centre, that centre's position,
        and the chance of the pair to meet by `meeting`
    size : int64 (centres), their sheets
    limit : natural logarithm, by `threshold`
    least : natural logarithm below which nothing is called alike
    """
    hits = np.flatnonzero(some >= limit)
    met = _again(meets, llr, of, size, least, hits)
    chance = expected(mixed, len(some), limit, len(hits), met)
    farther = beyond(mixed, some, least)
    # As many as high as the last of these, which only sheets that alike would reach again.
    level = float(np.sort(some)[-farther]) if farther else np.inf
    rarely = _again(meets, llr, of, size, level, np.flatnonzero(some >= level))
    rare = expected(mixed, len(some), np.inf, farther, rarely).p
    # Of n made-up centres none need be so for a share of 1 in n + 1; both questions are asked.
    smallest = min(1.0, 2 / (len(mixed) + 1))
    p = min(1.0, max(2 * min(chance.p, rare), smallest))
    fewest = _fewest(mixed, limit, _wholly(meets, of, size), smallest)
    return Rarity(chance, farther, met, p, smallest, fewest)


def _wholly(meets: Floats, of: Ints, size: Ints) -> Floats:
    """float64 (centres): what each would add to `_again`, were it in one hand and none of its pairs
    as high by itself.
    """
    pairs = np.maximum(np.bincount(of, minlength=len(size)), 1)
    first, second = (np.bincount(of, meets**k, minlength=len(size)) / pairs for k in (1, 2))
    three = size * (size - 1) * (size - 2) / 6 * second * (size - 2) / np.maximum(size - 1, 1)
    return np.where(size > 2, three, first)


def _fewest(mixed: Floats, limit: float, again: Floats, least: float) -> int | None:
    """How many centres in one hand it takes, their likeness met `again` as in half of all."""
    if not len(again) or least > ALARM:
        return None
    each = float(np.median(again))
    for k in range(1, min(len(again), MOST) + 1):
        laws = (expected(mixed, len(again), at, k, k * each) for at in (limit, np.inf))
        if 2 * min(law.p for law in laws) <= ALARM:
            return k
    return None


def _again(meets: Floats, llr: Floats, of: Ints, size: Ints, level: float, high: Ints) -> float:
    """Centres as high as `level` to expect from sheets that meet again, were all dealt anew.

    A pair of sheets within a centre that reaches the level by itself does so wherever it meets; of
    the centres that are that `high`, so might three of their sheets. A pair that is a whole centre
    counts in any case.
    """
    alike, more = llr >= level, 0.0
    for i in high.tolist():
        own = np.flatnonzero(of == i)
        many = int(size[i])
        if many > 2:
            more += comb(many, 3) * float((meets[own] ** 2).mean()) * (many - 2) / (many - 1)
        else:
            alike[own] = True
    return float(meets[alike].sum()) + more
