"""Instants in findings: as text with their offset, and as the wall clock that figures show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
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


def shown(text: str | None) -> str:
    """An instant of a statistic as a sentence shows it: date and wall clock, without the offset."""
    return "no instant" if text is None else text[:19].replace("T", " ")


def stamped(t: NDArray[Any], context: Context) -> NDArray[Any]:
    """UTC seconds as ISO 8601 text with the offset of the case's zone, for rows of evidence; None
    where not known.
    """
    return np.array([stamp(value, context) for value in np.asarray(t, dtype=float)], dtype=object)


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


class Drawn:
    """Rows of a figure over time: points of lines, shaded stretches, and events.

    A series whose name is empty has no colour of its own.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows: dict[str, list[Any]] = {n: [] for n in ("x", "y", "series", "until", "event")}

    def _add(self, t: float, y: float | None, series: str, until: str | None, event: str) -> None:
        values = (wall(t, self._context), y, series, until, event)
        for column, value in zip(self._rows.values(), values, strict=True):
            column.append(value)

    def line(self, t: Sequence[Any], y: Sequence[Any], series: str = "") -> None:
        """The points of a line; a height that is not known breaks it."""
        for at, height in zip(t, y, strict=True):
            self._add(at, height, series, None, "")

    def stretch(self, start: float, end: float, text: str = "", series: str = "") -> None:
        """A stretch that is shaded to scale."""
        self._add(start, None, series, wall(end, self._context), text)

    def mark(self, event: Event | None, text: str, series: str = "") -> None:
        """An event of the case, where it has it."""
        if event is not None:
            self._add(event.at.timestamp(), None, series, None, text)

    def rows(self) -> dict[str, NDArray[Any]]:
        """The columns, without those that nothing fills."""
        return {
            name: np.array(values, dtype=object)
            for name, values in self._rows.items()
            if name in ("x", "y") or any(values)
        }


def duration(span: float) -> str:
    """Seconds in hours, minutes and seconds, for a sentence."""
    whole = round(span)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{n:,} {unit}" for n, unit in parts if n) or "0 s"
