"""Pictures shown with names, signatures and fingerprints unveiled: to whom, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.case.sampling import Sample
from veedor.case.tables import RECORD_BEGINS
from veedor.checks.base import Columns, Context

PARTS = "names, signatures and fingerprints unveiled"
NOBODY = "not said"


def unveiled(
    rows: Columns, answers: Columns, sample: Sample, context: Context
) -> dict[str, Any] | None:
    """What the record of a sample's showings tells, and of whom it does not; None where no record
    is at hand.

    Parameters
    ----------
    rows : `showings` with sample, station, examiner, t and source
    answers : `examined` with sample, examiner and t
    """
    kept = [s.id for s in context.case.sources if s.kind == "showings" and s.sample == sample.id]
    missing = [name for name in kept if name not in context.trails]
    if len(missing) == len(kept):
        return None
    who, at, mine = _who(rows, sample)
    station, source = rows["station"][mine].astype(str), rows["source"][mine]
    judge, judged, _ = _who(answers, sample)
    judges = sorted(set(judge.tolist()))
    recorded = set(who.tolist())
    unnamed = set(kept) - set(missing) - set(source[who != NOBODY].tolist())
    # A record that names nobody can only be told to be somebody's where one alone answered.
    owner = who
    if len(judges) == 1 and unnamed:
        recorded |= {*judges}
        owner = np.where(np.isin(source, list(unnamed)), judges[0], who)
    begins = station == RECORD_BEGINS
    since = {name: at[begins & (owner == name)] for name in judges}
    late = [
        {"examiner": name, "before": _first(since[name])}
        for name in judges
        # Answers without an instant may be older than the record: of these no `>=` holds.
        if len(since[name])
        and not (judged[judge == name] >= np.nanmin([*since[name], np.inf])).all()
    ]
    who, station, at = who[~begins], station[~begins], at[~begins]
    people = [
        {"examiner": name, **_of(station[who == name], at[who == name])}
        for name in sorted(set(who.tolist()))
    ]
    return {
        **_of(station, at),
        "by": people,
        "missing": missing,
        "unrecorded": [name for name in judges if name not in recorded],
        "late": late,
    }


def _who(rows: Columns, sample: Sample) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any]]:
    """Of a sample's rows: by whom, the seconds of UTC (NaN where not read), and which they are."""
    mine = rows["sample"] == sample.id
    who = np.array([name or NOBODY for name in rows["examiner"][mine].tolist()], dtype=object)
    return who, rows["t"][mine].astype(np.float64), mine


def _of(station: NDArray[Any], at: NDArray[np.float64]) -> dict[str, Any]:
    known = at[~np.isnan(at)]
    return {
        "showings": len(station),
        "sheets": len(np.unique(station)),
        "first": _first(at),
        "last": _instant(known.max()) if len(known) else None,
    }


def _first(at: NDArray[np.float64]) -> str | None:
    known = at[~np.isnan(at)]
    return _instant(known.min()) if len(known) else None


def _instant(seconds: float) -> str:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat()


def sentence(found: Mapping[str, Any] | None) -> str:
    """The same in words."""
    if found is None:
        return f"No record is at hand of pictures that were shown with {PARTS}."
    gaps = _gaps(found)
    if found["showings"]:
        told = f"By the record pictures were shown with {PARTS}: {_lines(found['by'])}."
    elif gaps:
        told = f"What is at hand of the record names no picture that was shown with {PARTS}."
    else:
        told = f"By the record no picture was shown with {PARTS}."
    return " ".join([told, *gaps])


def _gaps(found: Mapping[str, Any]) -> list[str]:
    """Of whom, and of which time, the record does not tell."""
    gaps = []
    if missing := found["missing"]:
        gaps.append(f"Not at hand: {_and(missing)}; what stands there is not known.")
    if unrecorded := [_person(name) for name in found["unrecorded"]]:
        gaps.append(f"No record is at hand of {_and(unrecorded)}: it is not known for them.")
    for one in found["late"]:
        before = one["before"] or "an instant that could not be read"
        gaps.append(f"For {_person(one['examiner'])} it was not recorded before {before}.")
    return gaps


def _person(name: str) -> str:
    return "those who are not named" if name == NOBODY else name


def _and(names: Sequence[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} and {last}" if some else last


def _lines(people: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(map(_line, people))


def _line(one: Mapping[str, Any]) -> str:
    span = f", from {one['first']} to {one['last']}" if one["first"] else ""
    times = "once" if one["showings"] == 1 else f"{one['showings']:,} times"
    sheets = "1 sheet" if one["sheets"] == 1 else f"{one['sheets']:,} sheets"
    return f"to {one['examiner']}, {times} ({sheets}{span})"
