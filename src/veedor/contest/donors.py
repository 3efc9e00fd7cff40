"""Whom a questioned sheet is compared with: pools of donors by level of geography, and draws from
them that carry the uncertainty of the pool itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Deck", "decks"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CHUNK = 16384
LEAST_CENTRES = 2
"""Donor centres that a coarser cell needs before it is preferred to a coarser one still: one centre
has no spread of centres to show."""


@dataclass(frozen=True, slots=True, eq=False)
class Deck:
    """The donors of the sheets that were matched at one level: D donors in U units, P pools of
    units, and C clusters of N matched sheets.

    A unit is what is drawn whole: a sheet at the finest level, a centre at the others. A cluster
    is what draws one unit: a matched sheet at the finest level, elsewhere the matched sheets of
    one centre.
    """

    level: int
    donors: Ints
    """(D,) rows of the matrix, those of one unit together, and so the units of one pool."""
    first: Ints
    """(U,) where a unit starts in ``donors``; likewise ``size``, how many it has."""
    size: Ints
    pool_first: Ints
    """(U,) the first unit of the unit's pool; likewise ``pool_size``, its units."""
    pool_size: Ints
    cluster_first: Ints
    """(C,) the first unit of the cluster's pool; likewise ``cluster_size``, its units."""
    cluster_size: Ints
    cluster: Ints
    """(N,) cluster of each matched sheet."""
    valid: Floats
    """(N,) valid votes that each matched sheet keeps."""

    def draws(
        self, matrix: Ints, sizes: Ints, rng: np.random.Generator, replicates: int
    ) -> Iterator[Floats]:
        """Per replicate, the votes per option of the matched sheets together; float64.

        Approximate Bayesian bootstrap: the units of every pool are drawn anew, as many as there
        are, with replacement; each cluster draws one of those; each sheet a donor of that unit.
        In chunks, so that memory does not grow with the number of sheets times options.
        """
        shares = matrix[self.donors] / sizes[self.donors][:, None]
        for _ in range(replicates):
            slots = self.cluster_first + _below(self.cluster_size, rng)
            again = rng.random(len(self.pool_size))[slots]
            units = self.pool_first[slots] + _floor(again, self.pool_size[slots])
            total = np.zeros(matrix.shape[1])
            for at in range(0, len(self.valid), CHUNK):
                part = slice(at, at + CHUNK)
                unit = units[self.cluster[part]]
                total += self.valid[part] @ shares[self.first[unit] + _below(self.size[unit], rng)]
            yield total


def decks(
    cells: Sequence[Ints], giving: Ints, waiting: Ints, sizes: Ints
) -> tuple[list[Deck], Ints]:
    """Decks for the waiting sheets, and the sheets that still wait.

    The finest cell with an unquestioned sheet; else the first coarser one with LEAST_CENTRES
    centres of them; else the first with any.
    """
    if not cells:
        return [], waiting
    centres = _known(cells[0])
    found: list[Deck] = []
    for least in (LEAST_CENTRES, 1):
        for level, codes in enumerate(cells):
            needed = least if level else 1
            deck, waiting = _match(level, codes, centres, giving, waiting, sizes, needed)
            if len(deck.valid):
                found.append(deck)
    return found, waiting


def _known(codes: Ints) -> Ints:
    """The codes, with one of its own for each unknown: such a sheet is a centre by itself."""
    unknown = codes < 0
    own = codes.max(initial=-1) + 1 + np.arange(int(unknown.sum()))
    filled = codes.copy()
    filled[unknown] = own
    return filled


def _match(
    level: int, codes: Ints, centres: Ints, giving: Ints, waiting: Ints, sizes: Ints, least: int
) -> tuple[Deck, Ints]:
    """The deck of the waiting sheets whose cell has enough units, and those that still wait."""
    wanted = np.unique(codes[waiting])
    giving = giving[(codes[giving] >= 0) & np.isin(codes[giving], wanted)]
    inner = giving if level == 0 else centres[giving]
    order = np.lexsort((inner, codes[giving]))
    donors, cell, inner = giving[order], codes[giving][order], inner[order]
    new = np.ones(len(donors), dtype=np.bool_)
    new[1:] = (cell[1:] != cell[:-1]) | (inner[1:] != inner[:-1])
    first = np.flatnonzero(new)
    pools = cell[first]
    start = np.searchsorted(pools, codes[waiting], side="left")
    count = np.searchsorted(pools, codes[waiting], side="right") - start
    ready = count >= least
    mine = waiting[ready]
    own = np.arange(len(mine))
    if level:
        # a centre whose sheets lie in two coarser cells is a cluster in each
        pairs = np.column_stack((start[ready], centres[mine]))
        _, at, own = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    else:
        at = own
    pool_first = np.searchsorted(pools, pools, side="left")
    deck = Deck(
        level=level,
        donors=donors,
        first=first,
        size=np.diff(first, append=len(donors)),
        pool_first=pool_first,
        pool_size=np.searchsorted(pools, pools, side="right") - pool_first,
        cluster_first=start[ready][at],
        cluster_size=count[ready][at],
        cluster=own.reshape(-1),
        valid=sizes[mine].astype(np.float64),
    )
    return deck, waiting[~ready]


def _below(sizes: Ints, rng: np.random.Generator) -> Ints:
    """A whole number from 0 to below each size, drawn at random."""
    return _floor(rng.random(len(sizes)), sizes)


def _floor(uniform: Floats, sizes: Ints) -> Ints:
    # the product can round up to the size itself
    return np.minimum((uniform * sizes).astype(np.int64), sizes - 1)
