"""How often chance alone makes a centre look like one hand: centres made of others' sheets.

Sheets of different centres are written by different people. Put together as if they were of one
centre, they say what to expect of honest centres, in this election and with these scans; what they
cannot say is what sheets of one centre share besides the hand: a pen, a scanner, a school.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

__all__ = ["Expected", "beyond", "expected", "mixed_centres", "threshold"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

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
    Positions of the sheets of each made-up centre, and int64, the real one that it is like. Fewer
    than wanted where too few centres have sheets of these looks.
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
    return tuple(made), np.concatenate(like) if like else np.empty(0, dtype=np.int64)


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


def expected(background: Floats, centres: int, limit: float, seen: int) -> Expected:
    """Hits to expect among real centres, by the made-up ones, and how rare `seen` would be.

    Were real and made-up centres exchangeable, as many real ones as a negative binomial number
    would lie above the (hits + 1)-th of the made-up ones: each centre met on the way down is a
    made-up one with the chance made / (made + centres). Made-up centres share sheets; the law takes
    them for independent. With none made up, anything may be chance.
    Source: S. Wilks, Statistical prediction with special reference to the problem of tolerance
    limits, Annals of Mathematical Statistics 13 (1942).
    """
    hits = int((background >= limit).sum())
    made = len(background)
    if not made:
        return Expected(mean=0.0, low=0.0, high=float(centres), p=1.0)
    chance = made / (made + centres)
    law = nbinom(hits + 1, chance)
    low, high = law.ppf((0.025, 0.975))
    return Expected(
        mean=centres * hits / made,
        low=float(low),
        high=float(high),
        p=float(law.sf(seen - 1)) if seen else 1.0,
    )


def beyond(background: Floats, ratios: Floats, least: float) -> tuple[int, float]:
    """Real centres above every made-up one and above `least`, and the probability of so many.

    Parameters
    ----------
    background, ratios : float64, log likelihood ratios of made-up and of real centres
    """
    most = max(float(background.max(initial=-np.inf)), least)
    above = int((ratios > most).sum())
    return above, expected(background, len(ratios), np.inf, above).p
