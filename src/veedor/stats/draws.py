"""Draws of a sample that anyone can repeat with nothing but SHA-256.

The words said at a public ceremony give the seed; the seed and a unit's name give its ticket, the
SHA-256 of `SEED,NAME` in hexadecimal. Units are taken in the order of their tickets. What is drawn
does not depend on the order in which the units are listed, and a smaller sample is the beginning
of a larger one.
"""

from __future__ import annotations

import hashlib
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "allocate",
    "clustered",
    "composed",
    "proportional",
    "seed_of",
    "simple",
    "stratified",
    "ticket",
]

Ints = NDArray[np.int64]


def seed_of(ceremony: str) -> str:
    """SHA-256, in hexadecimal, of the words of a ceremony: UTF-8 in form NFC, as they stand."""
    return hashlib.sha256(composed(ceremony).encode()).hexdigest()


def composed(text: str) -> str:
    """The text in form NFC: what looks the same is the same."""
    return unicodedata.normalize("NFC", text)


def ticket(seed: str, name: str) -> str:
    """The ticket of a unit: SHA-256 of `SEED,NAME` (UTF-8 in form NFC), in hexadecimal."""
    return hashlib.sha256(f"{seed},{composed(name)}".encode()).hexdigest()


def simple(names: Sequence[str], size: int, seed: str) -> Ints:
    """Simple random draw without replacement: the units with the lowest tickets.

    Parameters
    ----------
    names : distinct names of the units of the frame
    size : units to draw, at most all

    Returns
    -------
    int64 (size), positions in `names` in the order of the draw.

    Raises
    ------
    ValueError
        Where a name stands twice, or the frame has fewer units than are to be drawn.
    """
    _distinct(names)
    if not 0 <= size <= len(names):
        raise ValueError(f"{size:,} of {len(names):,} units cannot be drawn")
    tickets = [ticket(seed, name) for name in names]
    order = sorted(range(len(names)), key=tickets.__getitem__)
    return np.array(order[:size], np.int64)


def allocate(counts: Mapping[str, int], size: int, least: int = 2) -> dict[str, int]:
    """Sizes of the sample in each stratum, proportional to the strata's units.

    Each stratum gets at least `least` units, or all that it has (two, so that the spread within it
    can be estimated); the rest goes by largest remainders of the exact shares, ties to the stratum
    whose name comes first. ValueError where `size` is less than those minima, or more than all.
    """
    floor = {name: min(least, units) for name, units in counts.items()}
    if not sum(floor.values()) <= size <= sum(counts.values()):
        raise ValueError(
            f"{size:,} units cannot be spread over {len(counts):,} strata with {least} or all"
            f" units in each: between {sum(floor.values()):,} and {sum(counts.values()):,} can"
        )
    open_ = dict(counts)
    given: dict[str, int] = {}
    while True:
        left = size - sum(given.values())
        total = sum(open_.values())
        share = {n: Fraction(left * u, total) if total else Fraction(0) for n, u in open_.items()}
        short = [n for n in sorted(open_) if share[n] < floor[n]]
        if not short:
            break
        for name in short:
            given[name] = floor[name]
            del open_[name]
    sizes = {n: int(s) for n, s in share.items()}
    rest = size - sum(given.values()) - sum(sizes.values())
    for name in sorted(open_, key=lambda n: (sizes[n] - share[n], n))[:rest]:
        sizes[name] += 1
    return {n: given.get(n, sizes.get(n, 0)) for n in counts}


def stratified(
    names: Sequence[str], stratum: Sequence[str], sizes: Mapping[str, int], seed: str
) -> Ints:
    """`simple` within each stratum; strata by name, and within each in the order of the draw.

    ValueError where a stratum has fewer units than are to be drawn, or is not in the frame.
    """
    _distinct(names)
    members: dict[str, list[int]] = {}
    for i, one in enumerate(stratum):
        members.setdefault(one, []).append(i)
    if strange := sorted(set(sizes) - set(members)):
        raise ValueError(f"the frame has no stratum {strange[0]!r}")
    drawn = []
    for name in sorted(sizes):
        at = np.array(members[name], np.int64)
        drawn.append(at[simple([names[i] for i in at.tolist()], sizes[name], seed)])
    return np.concatenate(drawn) if drawn else np.zeros(0, np.int64)


def clustered(
    names: Sequence[str],
    cluster: Sequence[str],
    clusters: int,
    seed: str,
    within: int | None = None,
) -> Ints:
    """`simple` over clusters, and all units of each drawn one, or `within` of them drawn `simple`.

    Clusters stand in the order of their draw. ValueError as in `simple`.
    """
    _distinct(names)
    members: dict[str, list[int]] = {}
    for i, one in enumerate(cluster):
        members.setdefault(one, []).append(i)
    keys = sorted(members)
    drawn = []
    for position in simple(keys, clusters, seed).tolist():
        at = np.array(members[keys[position]], np.int64)
        size = len(at) if within is None else min(within, len(at))
        drawn.append(at[simple([names[i] for i in at.tolist()], size, seed)])
    return np.concatenate(drawn) if drawn else np.zeros(0, np.int64)


def proportional(names: Sequence[str], weights: Sequence[int], size: int, seed: str) -> Ints:
    """Draws with replacement, each unit with a chance proportional to its weight.

    Draw k (from 1) has the ticket of the name `draw K`; read as a number t below 2^256, it falls
    at floor(t x total / 2^256) of the weights laid end to end in the order of the units' names. A
    unit may be drawn more than once.

    Parameters
    ----------
    weights : whole numbers, none negative, one at least above 0

    Returns
    -------
    int64 (size), positions in `names` in the order of the draw.
    """
    _distinct(names)
    if any(w < 0 for w in weights) or not sum(weights):
        raise ValueError("weights are whole numbers, none below 0 and one at least above it")
    order = sorted(range(len(names)), key=[composed(name) for name in names].__getitem__)
    ends = list(accumulate(int(weights[i]) for i in order))
    places = ((int(ticket(seed, f"draw {k}"), 16) * ends[-1]) >> 256 for k in range(1, size + 1))
    return np.array([order[bisect_right(ends, place)] for place in places], np.int64)


def _distinct(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in map(composed, names):
        if name in seen:
            raise ValueError(f"unit {name!r} stands twice in the frame")
        seen.add(name)
