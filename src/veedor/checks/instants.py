"""Instants in findings: as text with their offset, and as the wall clock that figures show."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Event
from veedor.checks.base import Columns, Context
from veedor.checks.recorded import known

Ints = NDArray[np.int64]


def stamp(t: float | int | np.integer[Any] | None, context: Context) -> str | None:
    """UTC seconds as ISO 8601 with the offset of the case's zone; None where not known."""
    if t is None or not np.isfinite(float(t)):
        return None
    return dt.datetime.fromtimestamp(int(t), context.case.zone).isoformat()


def wall(t: float | int | np.integer[Any], context: Context) -> str:
    """UTC seconds as the wall clock of the case's zone, without an offset: for figures."""
    at = dt.datetime.fromtimestamp(int(t), context.case.zone)
    return at.replace(tzinfo=None).isoformat()


def seconds(event: Event | None) -> int | None:
    """An event's UTC seconds."""
    return None if event is None else int(event.at.timestamp())


def times(rows: Columns, name: str = "t") -> NDArray[np.float64]:
    """float64: UTC seconds, NaN where not known."""
    return known(rows[name])


def duration(span: float) -> str:
    """Seconds in hours, minutes and seconds, for a sentence."""
    whole = round(span)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{n:,} {unit}" for n, unit in parts if n) or "0 s"
