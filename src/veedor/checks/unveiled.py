"""Pictures shown with names, signatures and fingerprints unveiled: to whom, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.case.sampling import Sample
from veedor.checks.base import Columns, Context

PARTS = "names, signatures and fingerprints unveiled"


def unveiled(rows: Columns, sample: Sample, context: Context) -> dict[str, Any] | None:
    """What the record of a sample's showings tells; None where no record is at hand.

    Parameters
    ----------
    rows : `showings` with sample, station, examiner and t
    """
    kept = [s for s in context.case.sources if s.kind == "showings" and s.sample == sample.id]
    if not any(source.id in context.trails for source in kept):
        return None
    mine = rows["sample"] == sample.id
    who = np.array([name or "not said" for name in rows["examiner"][mine].tolist()], dtype=object)
    station = rows["station"][mine].astype(str)
    at = rows["t"][mine].astype(np.float64)
    people = [
        {"examiner": name, **_of(station[who == name], at[who == name])}
        for name in sorted(set(who.tolist()))
    ]
    return {**_of(station, at), "by": people}


def _of(station: NDArray[Any], at: NDArray[np.float64]) -> dict[str, Any]:
    known = at[~np.isnan(at)]
    return {
        "showings": len(station),
        "sheets": len(np.unique(station)),
        "first": _instant(known.min()) if len(known) else None,
        "last": _instant(known.max()) if len(known) else None,
    }


def _instant(seconds: float) -> str:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat()


def sentence(found: Mapping[str, Any] | None) -> str:
    """The same in words."""
    if found is None:
        return f"No record is at hand of pictures that were shown with {PARTS}."
    if not found["showings"]:
        return f"By the record no picture was shown with {PARTS}."
    return f"By the record pictures were shown with {PARTS}: {'; '.join(map(_line, found['by']))}."


def _line(one: Mapping[str, Any]) -> str:
    span = f", from {one['first']} to {one['last']}" if one["first"] else ""
    times = "once" if one["showings"] == 1 else f"{one['showings']:,} times"
    sheets = "1 sheet" if one["sheets"] == 1 else f"{one['sheets']:,} sheets"
    return f"to {one['examiner']} {times} ({sheets}{span})"
