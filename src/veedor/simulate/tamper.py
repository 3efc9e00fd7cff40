"""Tampering with the truth known: which sheets, whose votes, how many.

Each function takes an election and returns another one and the `Truth` about the difference. The
beneficiary may be any option. A tampering at the station is in the preliminary count as well as
in the official one, and the sheet's declared totals go with it; `alter_between_counts` touches
the official count alone. What the voters put in (`box`) and the earlier election never change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from veedor.errors import VeedorError
from veedor.simulate.election import Bools, Election
from veedor.simulate.truth import Truth, apply, choose, fields_of, no_change, nothing_to_do


def stuff(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    where: str = "random",
    sheets: float = 0.02,
    size: float = 0.6,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Add votes for an option: `size` of the ballots that nobody used, at least one."""
    _check_share("size", size)
    which = election.option(option)
    room = election.places.registered - election.official.cast
    index = choose(election, rng, where, sheets, (room > 0), avoid)
    change = no_change(election, index)
    change[:, which] = np.ceil(size * room[index]).astype(np.int64)
    return apply(election, "stuff", where, which, None, index, change)


def move(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    rival: str | int = "second",
    where: str = "random",
    sheets: float = 0.02,
    size: float = 0.3,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Give `size` of a rival's votes, at least one, to an option."""
    return _moved(election, rng, "move", option, rival, where, sheets, size, avoid, True)


def alter_between_counts(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    rival: str | int = "second",
    where: str = "random",
    sheets: float = 0.02,
    size: float = 0.3,
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
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    where: str = "random",
    sheets: float = 0.01,
    turnout: float = 1.0,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Replace sheets: `turnout` of the registered voters, and every vote for one option."""
    _check_share("turnout", turnout)
    which = election.option(option)
    wanted = np.maximum(np.round(turnout * election.places.registered), 1).astype(np.int64)
    before = fields_of(election.official)
    after = np.zeros_like(before)
    after[:, which] = wanted
    index = choose(election, rng, where, sheets, (before != after).any(axis=1), avoid)
    change = (after - before)[index]
    return apply(election, "fabricate_unanimous", where, which, None, index, change)


def zero_rivals(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    rival: str | int = "second",
    where: str = "random",
    sheets: float = 0.01,
    given: bool = True,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Set a rival's votes to zero; they go to the beneficiary, or (`given` false) are dropped."""
    which, other = _pair(election, option, rival)
    theirs = election.official.votes[:, other]
    index = choose(election, rng, where, sheets, theirs > 0, avoid)
    change = no_change(election, index)
    change[:, other] = -theirs[index]
    if given:
        change[:, which] = theirs[index]
    return apply(election, "zero_rivals", where, which, other, index, change)


def inflate_invalid(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    rival: str | int = "second",
    where: str = "random",
    sheets: float = 0.02,
    size: float = 0.4,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Make `size` of a rival's votes, at least one, null; `option` gains by it without a vote."""
    _check_share("size", size)
    which, other = _pair(election, option, rival)
    theirs = election.official.votes[:, other]
    index = choose(election, rng, where, sheets, theirs > 0, avoid)
    change = no_change(election, index)
    change[:, -1] = np.ceil(size * theirs[index]).astype(np.int64)
    change[:, other] = -change[:, -1]
    return apply(election, "inflate_invalid", where, which, other, index, change)


def over_register(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    where: str = "random",
    sheets: float = 0.005,
    size: float = 0.05,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Add votes for an option until `size` more are cast than are registered, at least one."""
    _check_share("size", size)
    which = election.option(option)
    excess = np.ceil(size * election.places.registered).astype(np.int64)
    added = election.places.registered + np.maximum(excess, 1) - election.official.cast
    index = choose(election, rng, where, sheets, added > 0, avoid)
    change = no_change(election, index)
    change[:, which] = added[index]
    return apply(election, "over_register", where, which, None, index, change)


def duplicate_vectors(
    election: Election,
    rng: np.random.Generator,
    *,
    option: str | int = "first",
    where: str = "random",
    sheets: float = 0.01,
    copies: int = 4,
    avoid: Bools | None = None,
) -> tuple[Election, Truth]:
    """Copy sheets that an option won, each to `copies` other sheets with lists long enough.

    The truth holds the copies; the sheets that they were copied from are as they were.
    """
    which = election.option(option)
    fields, registered = fields_of(election.official), election.places.registered
    won = fields[:, which] == election.official.votes.max(axis=1)
    typical = registered >= np.median(registered)
    fits = typical & (election.official.cast <= int(registered[typical].min()))
    index = choose(election, rng, where, sheets, typical, avoid)
    originals = np.flatnonzero(fits & won & ~np.isin(np.arange(len(won)), index))
    if copies < 1 or len(originals) == 0:
        raise nothing_to_do("duplicate_vectors", where)
    number = -(-len(index) // copies)
    picked = rng.choice(originals, number, replace=number > len(originals))
    source = np.repeat(picked, copies)[: len(index)][rng.permutation(len(index))]
    change = fields[source] - fields[index]
    some = (change != 0).any(axis=1)
    return apply(election, "duplicate_vectors", where, which, None, index[some], change[some])


KINDS: Mapping[str, Callable[..., tuple[Election, Truth]]] = {
    made.__name__: made
    for made in (
        stuff, move, fabricate_unanimous, zero_rivals, alter_between_counts, duplicate_vectors,
        inflate_invalid, over_register,
    )
}  # fmt: skip


def _moved(
    election: Election,
    rng: np.random.Generator,
    kind: str,
    option: str | int,
    rival: str | int,
    where: str,
    sheets: float,
    size: float,
    avoid: Bools | None,
    both: bool,
) -> tuple[Election, Truth]:
    _check_share("size", size)
    which, other = _pair(election, option, rival)
    theirs = election.official.votes[:, other]
    index = choose(election, rng, where, sheets, theirs > 0, avoid)
    change = no_change(election, index)
    change[:, which] = np.ceil(size * theirs[index]).astype(np.int64)
    change[:, other] = -change[:, which]
    return apply(election, kind, where, which, other, index, change, both=both)


def _check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise VeedorError(
            f"{name} = {value!r} is not a share", remedy="Give a number above 0, at most 1."
        )


def _pair(election: Election, option: str | int, rival: str | int) -> tuple[int, int]:
    which, other = election.option(option), election.option(rival)
    if which == other:
        raise VeedorError(
            f"{election.options[which]!r} cannot take votes from itself",
            remedy="Name another rival.",
        )
    return which, other
