"""The truth about a tampering, the choice of its sheets, and the change made in every count."""

from __future__ import annotations

import dataclasses
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


def choose(
    election: Election,
    rng: np.random.Generator,
    where: str,
    sheets: float,
    able: Bools,
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
    able = able if avoid is None else able & ~avoid
    if not able.any():
        raise nothing_to_do("choose", where)
    if where == "rural":
        able = able & places.rural
    elif where == "late":
        able = able & election.late
    elif where == "region":
        able = able & (places.region == rng.choice(np.unique(places.region[able])))
    candidates = np.flatnonzero(able)
    if len(candidates) == 0:
        raise nothing_to_do("choose", where)
    wanted = max(round(sheets * election.stations), 1) if sheets < 1 else int(sheets)
    found = rng.choice(candidates, min(wanted, len(candidates)), replace=False)
    return np.sort(found).astype(np.int64)


def nothing_to_do(place: str, where: str) -> VeedorError:
    """The error where the election has no sheet for a tampering."""
    return VeedorError(
        f"no sheet can be tampered with in this way ({where})",
        place=place,
        remedy="Take a larger election, another place, or another option.",
    )


def fields_of(sheets: Sheets) -> Ints:
    """(S, K + 2): each option, blank, null."""
    return np.column_stack([sheets.votes, sheets.blank, sheets.null])


def no_change(election: Election, index: Ints) -> Ints:
    """(n, K + 2) zeros, to be filled in."""
    return np.zeros((len(index), len(election.options) + 2), dtype=np.int64)


def _changed(sheets: Sheets, index: Ints, change: Ints) -> Sheets:
    """The same change on a record that may hold slips of its own; no cell falls below zero."""
    fields = fields_of(sheets)
    fields[index] = np.maximum(fields[index] + change, 0)
    return Sheets(np.ascontiguousarray(fields[:, :-2]), fields[:, -2], fields[:, -1])


def apply(
    election: Election,
    kind: str,
    where: str,
    option: int | None,
    rival: int | None,
    index: Ints,
    change: Ints,
    *,
    both: bool = True,
) -> tuple[Election, Truth]:
    """Make a change (n, K + 2) on the sheets at `index`: official, declared totals, and if `both`
    the preliminary count.
    """
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
