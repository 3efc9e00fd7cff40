"""A simulated election: where the stations are, what was in the boxes, what each count recorded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.simulate.parameters import Parameters

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def generator(seed: int, *labels: str | int) -> np.random.Generator:
    """A generator for one step of one simulation.

    Steps have streams of their own, so that a parameter of one step leaves the others' draws alone.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise VeedorError(f"seed = {seed!r} is not a whole number from 0 up", remedy="Give seed=1.")
    text = "/".join(str(label) for label in labels)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([seed, *(int(word) for word in words)]))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the stations are. S stations in C centres; codes are dense, from 0, and nested.

    Stations of one centre stand together, and so do the centres of one locality, and so on.
    """

    station: Ints
    """(S,) official code of the station."""
    region: Ints
    """(S,) region."""
    municipality: Ints
    """(S,) municipality."""
    locality: Ints
    """(S,) locality."""
    centre: Ints
    """(S,) polling centre."""
    rural: Bools
    """(S,) whether the centre is rural."""
    remoteness: Floats
    """(S,) 0 (a capital) to 1 (days away), the same for a whole centre."""
    latitude: Floats
    """(S,) degrees north."""
    longitude: Floats
    """(S,) degrees east."""
    registered: Ints
    """(S,) registered voters."""

    @property
    def centres(self) -> int:
        """The number of polling centres, C."""
        return int(self.centre[-1]) + 1

    @property
    def first(self) -> Ints:
        """(C,) index of the first station of each centre."""
        return np.flatnonzero(np.diff(self.centre, prepend=-1)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Sheets:
    """What one count recorded of every sheet."""

    votes: Ints
    """(S, K) votes for each option, in ballot order."""
    blank: Ints
    """(S,) blank votes."""
    null: Ints
    """(S,) null votes."""

    @property
    def valid(self) -> Ints:
        """(S,) votes for options."""
        total: Ints = self.votes.sum(axis=1)
        return total

    @property
    def cast(self) -> Ints:
        """(S,) valid, blank and null votes."""
        return self.valid + self.blank + self.null


@dataclass(frozen=True, slots=True)
class Election:
    """One simulated contest. S stations, C centres, K options."""

    parameters: Parameters
    seed: int
    places: Places
    box: Sheets
    """What the voters put in: no count records it, no file holds it."""
    official: Sheets
    preliminary: Sheets | None
    """The fast count of every sheet; only the rows of a snapshot were published."""
    declared_valid: Ints
    """(S,) the total of valid votes that the sheet states."""
    declared_cast: Ints
    """(S,) the number of votes that the sheet states."""
    order: Ints
    """(S,) rank of arrival at the preliminary count, from 0."""
    arrival: Floats
    """(S,) seconds from the close of the polls to that arrival."""
    history: Ints
    """(C, K) votes of an earlier election, by centre."""

    @property
    def options(self) -> tuple[str, ...]:
        """Ids of the options, in ballot order."""
        return self.parameters.options

    @property
    def stations(self) -> int:
        """The number of stations, S."""
        return len(self.order)

    def published(self, snapshot: int = 0) -> Bools:
        """(S,) whether the sheet had been published when that snapshot was taken."""
        if self.preliminary is None:
            return np.zeros(self.stations, dtype=bool)
        return self.order < round(self.parameters.snapshots[snapshot] * self.stations)

    @property
    def late(self) -> Bools:
        """(S,) whether the sheet came after the first snapshot; none where there is none."""
        if self.preliminary is None:
            return np.zeros(self.stations, dtype=bool)
        return ~self.published(0)

    def option(self, name: str | int) -> int:
        """Index of an option: by id, by index, or `first`, `second` by the votes in the boxes."""
        if isinstance(name, int):
            if 0 <= name < len(self.options):
                return name
        elif name in self.options:
            return self.options.index(name)
        elif name in ("first", "second"):
            ranked = np.argsort(-self.box.votes.sum(axis=0), kind="stable")
            return int(ranked[0 if name == "first" else 1])
        raise VeedorError(
            f"{name!r} is not an option", remedy=f"Use one of {', '.join(self.options)}."
        )
