"""Instants: stamps as written, read once, kept as wall clock and as UTC beside the raw text.

A stamp without an offset is a wall clock of the source's zone (the case's, unless the source has
one of its own). Nothing is guessed: what cannot be read is counted and null, and a clock of twelve
hours that does not say which half of the day it shows is refused whole, since the order of its
stamps is not known.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veedor.case.manifest import Case, Source
from veedor.sources.stamps import SECOND, by_strptime, offset_of

UNKNOWN = np.iinfo(np.int64).min
"""Stands in arrays for an instant that is not known."""

ENOUGH = 30
"""Stamps below which a clock's hours say nothing about the kind of clock."""
MOST_HOURS = 9
"""Distinct hours, all from 1 to 12, that no session of work fills by itself: from 1 to 12 one
would have to work nine hours of the half day, none of them after 13:00 or at midnight."""

_ISO = (
    r"^(\d{4}-\d{2}-\d{2})[T ](\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?$"
)


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """The clock of a source that carries instants.

    Attributes
    ----------
    source, stage : str
        `stage` is empty for publications.
    rows, empty, unread : int
        Lines; of them without a stamp; of them with one that is no instant in the case's format.
    first_unread : (row, text) or None
    offset : bool
        The stamps carry their own offset from UTC.
    zone : str
        The zone in which stamps without an offset were read.
    ambiguous : int
        Wall clocks that fell into an hour that was shown twice, or never, when clocks were moved;
        the first of the two is taken.
    hours : 24 counts
        Lines by hour of the wall clock.
    refused : str or None
        Why the whole clock is not used, where it is not.
    """

    source: str
    stage: str
    rows: int
    empty: int
    unread: int
    first_unread: tuple[int, str] | None
    offset: bool
    zone: str
    ambiguous: int
    hours: tuple[int, ...]
    refused: str | None


@dataclass(frozen=True, slots=True)
class Instants:
    """Stamps of n lines: seconds since 1970 of the wall clock and of UTC, `UNKNOWN` where null."""

    local: NDArray[np.int64]
    utc: NDArray[np.int64]
    info: ClockInfo


def read_instants(
    case: Case, source: Source, raw: pa.StringArray, row: NDArray[np.int64]
) -> Instants:
    """Read the stamps of a source.

    Parameters
    ----------
    case : Case
    source : Source
        Its `instant_format` and `zone` say how stamps are written.
    raw : strings (n), null where empty
    row : int64 (n)
        Rows of the file, for the place of the first that is not read.
    """
    local, offset = _parse(raw, source.instant_format)
    known = local != UNKNOWN
    zone = zoneinfo.ZoneInfo(source.zone or case.timezone)
    utc = np.full(len(local), UNKNOWN, dtype=np.int64)
    own = known & (offset != UNKNOWN)
    utc[own] = local[own] - offset[own]
    bare = known & ~own
    shift, ambiguous = _shifts(local[bare], zone)
    utc[bare] = local[bare] - shift
    if own.any():
        local[own] = utc[own] + _shifts_of_utc(utc[own], case.zone)
    if source.zone and bare.any():
        local[bare] = utc[bare] + _shifts_of_utc(utc[bare], case.zone)
    written = ~np.asarray(raw.is_null())
    unread = np.flatnonzero(written & ~known)
    hours = np.bincount((local[known] // 3600) % 24, minlength=24)
    refused = _refusal(case, local[known & ~own])
    info = ClockInfo(
        source=source.id,
        stage=source.stage or "",
        rows=len(local),
        empty=int((~written).sum()),
        unread=len(unread),
        first_unread=(int(row[unread[0]]), str(raw[int(unread[0])])) if len(unread) else None,
        offset=bool(own.any()),
        zone=zone.key,
        ambiguous=ambiguous,
        hours=tuple(int(n) for n in hours),
        refused=refused,
    )
    if refused:
        local, utc = np.full_like(local, UNKNOWN), np.full_like(utc, UNKNOWN)
    return Instants(local, utc, info)


def _parse(raw: pa.StringArray, form: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Wall clock and offset, both in seconds, `UNKNOWN` where not there."""
    if form != "iso":
        return _seconds(by_strptime(raw, form)), np.full(len(raw), UNKNOWN, dtype=np.int64)
    texts = raw.to_pylist()
    found = [None if text is None else re.match(_ISO, text) for text in texts]
    offsets = [offset_of(m[3]) if m and m[3] else None for m in found]
    # An offset that no zone has leaves the instant unknown.
    walls = [
        f"{m[1]} {m[2] if m[2].count(':') == 2 else m[2] + ':00'}"
        if m and (offset is not None or not m[3])
        else None
        for m, offset in zip(found, offsets, strict=True)
    ]
    stamps = by_strptime(pa.array(walls, pa.string()), "%Y-%m-%d %H:%M:%S")
    given = [UNKNOWN if offset is None else offset // SECOND for offset in offsets]
    return _seconds(stamps), np.array(given, dtype=np.int64)


def _seconds(stamps: pa.TimestampArray) -> NDArray[np.int64]:
    values = stamps.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    return np.array(pc.fill_null(values, UNKNOWN).to_numpy(zero_copy_only=False), dtype=np.int64)


def _shifts(local: NDArray[np.int64], zone: zoneinfo.ZoneInfo) -> tuple[NDArray[np.int64], int]:
    """Seconds that the zone's wall clock is ahead of UTC at each wall clock, and how many of them
    were shown twice or never. Zones change at quarters of an hour.
    """
    quarters, inverse = np.unique(local // 900, return_inverse=True)
    shifts = np.zeros(len(quarters), dtype=np.int64)
    odd = np.zeros(len(quarters), dtype=bool)
    for i, quarter in enumerate(quarters.tolist()):
        wall = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=900 * quarter)
        first, second = (
            wall.replace(tzinfo=zone, fold=fold).utcoffset() or dt.timedelta() for fold in (0, 1)
        )
        shifts[i] = int(first.total_seconds())
        odd[i] = first != second
    return shifts[inverse], int(odd[inverse].sum())


def _shifts_of_utc(utc: NDArray[np.int64], zone: zoneinfo.ZoneInfo) -> NDArray[np.int64]:
    quarters, inverse = np.unique(utc // 900, return_inverse=True)
    shifts = [
        (dt.datetime.fromtimestamp(900 * quarter, zone).utcoffset() or dt.timedelta())
        for quarter in quarters.tolist()
    ]
    return np.array([int(s.total_seconds()) for s in shifts], dtype=np.int64)[inverse]


def _refusal(case: Case, local: NDArray[np.int64]) -> str | None:
    """Why these wall clocks are of twelve hours without a half of the day, where they are."""
    if len(local) < ENOUGH:
        return None
    hours = np.unique((local // 3600) % 24)
    if hours.min() < 1 or hours.max() > 12:
        return None
    early = 0.0
    if case.polls_closed is not None:
        closed = case.polls_closed.at.astimezone(case.zone).replace(tzinfo=dt.UTC).timestamp()
        day = (local // 86400) == int(closed) // 86400
        early = float((day & (local < closed)).mean())
    if len(hours) < MOST_HOURS and early <= 0.5:
        return None
    return (
        f"a clock of twelve hours without a.m. or p.m.: all {len(local):,} stamps lie between 1 and"
        " 12 o'clock, so that their order in time is not known"
    )
