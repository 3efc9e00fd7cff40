"""Tampering with the truth known: which sheets, whose votes, how many.

Each function takes an election and returns another one and the `Truth` about the difference. The
beneficiary may be any option. A tampering at the station is in the preliminary count as well as
in the official one, and the sheet's declared totals go with it; `alter_between_counts` touches
the official count alone. What the voters put in (`box`) and the earlier election never change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from veedor.errors import VeedorError
from veedor.simulate.election import Bools, Election, Ints, Sheets

WHERE = ("random", "rural", "region", "late")


@dataclass(frozen=True, slots=True)
class Truth:
    """What one tampering did to n sheets of the official count."""

    kind: str
    where: str
    option: str | None
    """Who gained; None where nobody in particular did."""
    rival: str | None
    """Who lost; None where nobody in particular did."""
    index: Ints
    """(n,) indices of the sheets, rising."""
    station: Ints
    """(n,) their station codes."""
    votes: Ints
    """(n,) votes that are false: those added or those taken away, whichever is more; never zero."""
    change: Ints
    """(n, K + 2) tampered less honest: each option, blank, null."""
    both_counts: bool
    """Whether the preliminary count holds the same tampering."""


def stuff(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    where: str = "random", sheets: float = 0.02, size: float = 0.6, avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Add votes for an option: `size` of the ballots that nobody used, at least one."""
    which = election.option(option)
    room = election.places.registered - election.official.cast
    index = choose(election, rng, where, sheets, (room > 0), avoid)
    change = _blank_change(election, index)
    change[:, which] = np.ceil(size * room[index]).astype(np.int64)
    return _apply(election, "stuff", where, which, None, index, change)


def move(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    rival: str | int = "second", where: str = "random", sheets: float = 0.02, size: float = 0.3,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Give `size` of a rival's votes, at least one, to an option."""
    return _moved(election, rng, "move", option, rival, where, sheets, size, avoid, True)


def alter_between_counts(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    rival: str | int = "second", where: str = "random", sheets: float = 0.02, size: float = 0.3,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Move votes in the official count only, on sheets whose preliminary record was published."""
    if election.preliminary is None:
        raise VeedorError(
            "this election has no preliminary count to differ from",
            place="alter_between_counts",
            remedy="Give parameters.snapshots at least one share.",
        )
    last = len(election.parameters.snapshots) - 1
    hidden = ~election.published(last)
    avoid = hidden if avoid is None else avoid | hidden
    kind = "alter_between_counts"
    return _moved(election, rng, kind, option, rival, where, sheets, size, avoid, False)


def fabricate_unanimous(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    where: str = "random", sheets: float = 0.01, turnout: float = 1.0, avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Replace sheets: `turnout` of the registered voters, and every vote for one option."""
    which = election.option(option)
    wanted = np.maximum(np.round(turnout * election.places.registered), 1).astype(np.int64)
    before = _fields(election.official)
    after = np.zeros_like(before)
    after[:, which] = wanted
    index = choose(election, rng, where, sheets, (before != after).any(axis=1), avoid)
    change = (after - before)[index]
    return _apply(election, "fabricate_unanimous", where, which, None, index, change)


def zero_rivals(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    rival: str | int = "second", where: str = "random", sheets: float = 0.01, given: bool = True,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Set a rival's votes to zero; they go to the beneficiary, or (`given` false) are dropped."""
    which, other = _pair(election, option, rival)
    theirs = election.official.votes[:, other]
    index = choose(election, rng, where, sheets, theirs > 0, avoid)
    change = _blank_change(election, index)
    change[:, other] = -theirs[index]
    if given:
        change[:, which] = theirs[index]
    return _apply(election, "zero_rivals", where, which, other, index, change)


def inflate_invalid(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    rival: str | int = "second", where: str = "random", sheets: float = 0.02, size: float = 0.4,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Make `size` of a rival's votes, at least one, null; `option` gains by it without a vote."""
    which, other = _pair(election, option, rival)
    theirs = election.official.votes[:, other]
    index = choose(election, rng, where, sheets, theirs > 0, avoid)
    change = _blank_change(election, index)
    change[:, -1] = np.ceil(size * theirs[index]).astype(np.int64)
    change[:, other] = -change[:, -1]
    return _apply(election, "inflate_invalid", where, which, other, index, change)


def over_register(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    where: str = "random", sheets: float = 0.005, size: float = 0.05, avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Add votes for an option until `size` more are cast than are registered, at least one."""
    which = election.option(option)
    excess = np.ceil(size * election.places.registered).astype(np.int64)
    added = election.places.registered + np.maximum(excess, 1) - election.official.cast
    index = choose(election, rng, where, sheets, added > 0, avoid)
    change = _blank_change(election, index)
    change[:, which] = added[index]
    return _apply(election, "over_register", where, which, None, index, change)


def duplicate_vectors(
    election: Election, rng: np.random.Generator, *, option: str | int = "first",
    where: str = "random", sheets: float = 0.01, copies: int = 4, avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Copy sheets that an option won, each to `copies` other sheets with lists long enough.

    The truth holds the copies; the sheets that they were copied from are as they were.
    """
    which = election.option(option)
    fields, registered = _fields(election.official), election.places.registered
    won = fields[:, which] == election.official.votes.max(axis=1)
    typical = registered >= np.median(registered)
    fits = typical & (election.official.cast <= int(registered[typical].min()))
    index = choose(election, rng, where, sheets, typical, avoid)
    originals = np.flatnonzero(fits & won & ~np.isin(np.arange(len(won)), index))
    if copies < 1 or len(originals) == 0:
        raise _nothing("duplicate_vectors", where)
    number = -(-len(index) // copies)
    picked = rng.choice(originals, number, replace=number > len(originals))
    source = np.repeat(picked, copies)[: len(index)][rng.permutation(len(index))]
    change = fields[source] - fields[index]
    some = (change != 0).any(axis=1)
    return _apply(
        election, "duplicate_vectors", where, which, None, index[some], change[some]
    )


KINDS: Mapping[str, Callable[..., tuple[Election, Truth]]] = {
    made.__name__: made
    for made in (
        stuff, move, fabricate_unanimous, zero_rivals, alter_between_counts, duplicate_vectors,
        inflate_invalid, over_register,
    )
}  # fmt: skip


def choose(
    election: Election, rng: np.random.Generator, where: str, sheets: float, able: Bools,
    avoid: Bools | None = None,
) -> Ints:
    """(n,) indices, rising, of the sheets to tamper with.

    Parameters
    ----------
    where : {"random", "rural", "region", "late"}
        Among all sheets, the rural ones, those of one region, those after the first snapshot.
    sheets : float
        A share of all sheets of the election (below 1), or a number of sheets (1 and up).
    able : (S,) of bool
        Sheets on which this tampering can be done.
    avoid : (S,) of bool, optional
        Sheets to leave alone.
    """
    if where not in WHERE:
        raise VeedorError(
            f"where = {where!r} names no sheets", remedy=f"Use one of {', '.join(WHERE)}."
        )
    if not sheets > 0:
        raise VeedorError(f"sheets = {sheets!r} is not above 0", remedy="Give a share or a number.")
    places = election.places
    if where == "rural":
        able = able & places.rural
    elif where == "late":
        able = able & election.late
    elif where == "region":
        able = able & (places.region == rng.integers(0, int(places.region.max()) + 1))
    candidates = np.flatnonzero(able if avoid is None else able & ~avoid)
    if len(candidates) == 0:
        raise _nothing("choose", where)
    wanted = max(round(sheets * election.stations), 1) if sheets < 1 else int(sheets)
    found = rng.choice(candidates, min(wanted, len(candidates)), replace=False)
    return np.sort(found).astype(np.int64)


def _nothing(place: str, where: str) -> VeedorError:
    return VeedorError(
        f"no sheet can be tampered with in this way ({where})",
        place=place,
        remedy="Take a larger election, another place, or another option.",
    )


def _pair(election: Election, option: str | int, rival: str | int) -> tuple[int, int]:
    which, other = election.option(option), election.option(rival)
    if which == other:
        raise VeedorError(
            f"{election.options[which]!r} cannot take votes from itself",
            remedy="Name another rival.",
        )
    return which, other


def _moved(
    election: Election, rng: np.random.Generator, kind: str, option: str | int, rival: str | int,
    where: str, sheets: float, size: float, avoid: Bools | None, both: bool,
) -> tuple[Election, Truth]:
    which, other = _pair(election, option, rival)
    theirs = election.official.votes[:, other]
    index = choose(election, rng, where, sheets, theirs > 0, avoid)
    change = _blank_change(election, index)
    change[:, which] = np.ceil(size * theirs[index]).astype(np.int64)
    change[:, other] = -change[:, which]
    return _apply(election, kind, where, which, other, index, change, both=both)


def _fields(sheets: Sheets) -> Ints:
    """(S, K + 2): each option, blank, null."""
    return np.column_stack([sheets.votes, sheets.blank, sheets.null])


def _blank_change(election: Election, index: Ints) -> Ints:
    return np.zeros((len(index), len(election.options) + 2), dtype=np.int64)


def _changed(sheets: Sheets, index: Ints, change: Ints) -> Sheets:
    """The same change on a record that may hold slips of its own; no cell falls below zero."""
    fields = _fields(sheets)
    fields[index] = np.maximum(fields[index] + change, 0)
    return Sheets(np.ascontiguousarray(fields[:, :-2]), fields[:, -2], fields[:, -1])


def _apply(
    election: Election, kind: str, where: str, option: int | None, rival: int | None,
    index: Ints, change: Ints, *, both: bool = True,
) -> tuple[Election, Truth]:
    up, down = np.maximum(change, 0).sum(axis=1), np.maximum(-change, 0).sum(axis=1)
    truth = Truth(
        kind=kind,
        where=where,
        option=None if option is None else election.options[option],
        rival=None if rival is None else election.options[rival],
        index=index,
        station=election.places.station[index],
        votes=np.maximum(up, down),
        change=change,
        both_counts=both and election.preliminary is not None,
    )
    valid, cast = election.declared_valid.copy(), election.declared_cast.copy()
    valid[index] = np.maximum(valid[index] + change[:, :-2].sum(axis=1), 0)
    cast[index] = np.maximum(cast[index] + change.sum(axis=1), 0)
    fast = election.preliminary
    tampered = dataclasses.replace(
        election,
        official=_changed(election.official, index, change),
        preliminary=_changed(fast, index, change) if both and fast is not None else fast,
        declared_valid=valid,
        declared_cast=cast,
    )
    return tampered, truth
