"""A simulated election written as a case: files as an authority publishes them, and `case.toml`.

The truth about tampering lies in a file of its own, which the case does not name.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from veedor.case.loading import load_case
from veedor.case.manifest import FORMAT
from veedor.errors import VeedorError
from veedor.simulate.clock import POLLS_CLOSED, STATES, Clock, clock_of, publications
from veedor.simulate.departures import depart
from veedor.simulate.document import toml
from veedor.simulate.election import Bools, Election, Ints, Sheets
from veedor.simulate.honest_night import night_of
from veedor.simulate.machines import write_machines
from veedor.simulate.night import Network, Night
from veedor.simulate.papers import PLAN, instant, write_papers
from veedor.simulate.planted import Planted
from veedor.simulate.sheets.plan import SheetPlan
from veedor.simulate.truth import Truth

if TYPE_CHECKING:
    from veedor.simulate.sheets.files import Stack

GEOGRAPHY = ("region", "municipality", "locality", "centre")
COLOURS = ("#2b5c9e", "#c4641a", "#4d8a4d", "#8a5aa0", "#9a8f3c", "#3f8f95", "#a34d66", "#6b6b6b")


def write_case(
    election: Election,
    directory: Path | str,
    *,
    title: str,
    id: str,
    seed: int,
    truth: Sequence[Truth] = (),
    network: Network | None = None,
    sheets: SheetPlan | None = None,
) -> Path:
    """Write the counts, the class of the places, the earlier election, the truth and `case.toml`.

    With a network, also what its machines recorded, and `plan.toml`, what was declared of them.
    Same election and arguments, same bytes.

    Parameters
    ----------
    election : Election
    directory : path
        Made where need be.
    title, id : str
        Of the case.
    seed : int
        Stated in the notes and in `truth.json`, so that anybody can make the case again.
    truth : sequence of Truth
    network : Network, optional
        For elections with a preliminary count.
    sheets : SheetPlan, optional
        Pictures of the filled sheets, for which `veedor[images]` is needed.

    Returns
    -------
    Path
        The case file, validated.
    """
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VeedorError(
            f"this folder cannot be made ({error.strerror})",
            place=str(directory),
            remedy="Name another folder to write the case into.",
        ) from error
    stack = None if sheets is None else _stack(election, sheets, truth)
    election = election if stack is None else stack.election
    night, planted = (None, ()) if network is None else _night(election, network)
    names = []
    for name, table in _tables(election, night).items():
        options = pa.csv.WriteOptions(quoting_style="needed")
        pa.csv.write_csv(table, directory / name, write_options=options)
        names.append(name)
    machines: list[dict[str, Any]] = []
    if night is not None:
        machines = [*write_machines(night, directory),
                    *write_papers(night, election.options, directory)]  # fmt: skip
        names += [source["file"] for source in machines]
    true = _truth(election, seed, truth)
    scans: list[dict[str, Any]] = []
    if stack is not None:
        scans, true["sheets"] = _scans(stack, directory, names)
    written = [_described(directory, name) for name in names]
    if night is not None:
        true["planted"] = [fact.document() for fact in planted]
    answers = json.dumps(true, indent=1, sort_keys=True)
    (directory / "truth.json").write_text(answers + "\n", encoding="utf-8", newline="\n")
    path = directory / "case.toml"
    case = _case(election, title, id, seed, written)
    if night is not None:
        _add_machines(case, night, machines)
    case["sources"] += scans
    case["notes"] += [] if stack is None else stack.notes
    text = toml(case)
    path.write_text(text, encoding="utf-8", newline="\n")
    load_case(path)
    return path


def _stack(election: Election, plan: SheetPlan, truth: Sequence[Truth]) -> Stack:
    try:
        from veedor.simulate.sheets.files import prepare
    except ImportError as error:
        raise VeedorError(
            f"drawing sheets needs the package {error.name!r}",
            remedy="pip install 'veedor[images]'",
        ) from error
    return prepare(election, plan, truth)


def _scans(
    stack: Stack, directory: Path, names: list[str]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Write the sheets and add their files to `names`; the source, and what is true of them."""
    from veedor.simulate.sheets.files import write_sheets

    files, source, true = write_sheets(stack, directory)
    names += files
    return [source], true


def _night(election: Election, network: Network) -> tuple[Night, tuple[Planted, ...]]:
    return depart(night_of(election, network), election)


def _described(directory: Path, name: str) -> dict[str, Any]:
    data = (directory / name).read_bytes()
    return {"path": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _add_machines(case: dict[str, Any], night: Night, machines: list[dict[str, Any]]) -> None:
    """Name in a case what machines recorded: sources, incidents, the plan, who and where."""
    for source in case["sources"]:
        if source["file"] == "processing.csv":
            # A sheet enters when it is verified; when it is received it came by no machine yet.
            entered = source["stage"] == "verified"
            source |= {"actor": "who"}
            source |= {"host": "host"} if entered else {"ignore": [*source["ignore"], "host"]}
    case["sources"] += machines
    case["plans"] = [PLAN]
    case["events"] += [{"id": i.id, "at": instant(i.at), "text": i.text} for i in night.incidents]


def _tables(election: Election, night: Night | None) -> dict[str, pa.Table]:
    """File name -> its table, in the order in which the case lists them."""
    places = election.places
    everything = np.ones(election.stations, dtype=bool)
    found = {"official.csv": _count(election, election.official, everything)}
    if election.preliminary is not None:
        for number in range(len(election.parameters.snapshots)):
            seen = election.published(number)
            table = _count(election, election.preliminary, seen)
            found[f"preliminary-{number + 1}.csv"] = table
        found |= _time(election, election.preliminary, clock_of(election), night)
    classes = np.where(places.rural, "rural", "urban")
    found["classes.csv"] = pa.table(
        {"station": places.station, "class": pa.array(classes.astype(object), pa.string())}
    )
    first = places.first
    columns = {k: v for k, v in _names(election, first).items() if k in GEOGRAPHY}
    columns |= {o: pa.array(election.history[:, i]) for i, o in enumerate(election.options)}
    found["earlier.csv"] = pa.table(columns)
    return found


def _time(
    election: Election, sheets: Sheets, clock: Clock, night: Night | None
) -> dict[str, pa.Table]:
    """The logs of processing and of publication, and the sheets that were never finished."""
    station = election.places.station
    rows = np.flatnonzero(clock.finished)
    rows = rows[np.argsort(clock.processed[rows], kind="stable")]
    lines: dict[str, Any] = {
        "station": station[rows],
        "received_at": _walls(clock.received[rows]),
        "verified_at": _walls(clock.processed[rows]),
        **{o: sheets.votes[rows, i] for i, o in enumerate(election.options)},
        "valid": sheets.valid[rows],
    }
    if night is not None:
        lines |= {"host": night.hop[night.route], "who": night.operator[night.client]}
    published: dict[str, Any] = dict(publications(election, clock))
    published["published_at"] = _walls(published.pop("at"))
    left = np.flatnonzero(~clock.finished)
    states = {
        "station": station[left],
        "state": np.array(STATES, dtype=object)[clock.state[left]],
        "remark": np.where(clock.remark[left], "a remark", "").astype(object),
    }
    tables = {"processing.csv": lines, "publications.csv": published}
    if len(left):
        tables["unfinished.csv"] = states
    return {
        name: pa.table({k: pa.array(v) for k, v in columns.items()})
        for name, columns in tables.items()
    }


def _walls(seconds: Ints) -> pa.Array:
    """Seconds from the close of the polls as the wall clock of the case."""
    start = np.datetime64(POLLS_CLOSED.replace(tzinfo=None), "s")
    texts = np.datetime_as_string(start + seconds.astype("timedelta64[s]"), unit="s")
    return pa.array(texts.astype(object), pa.string())


def _names(election: Election, rows: Ints) -> dict[str, pa.Array]:
    """Names of the places of some stations. They are numbered within the place that holds them:

    as in life, only the full path is unique.
    """
    places = election.places
    levels = {level: getattr(places, level) for level in GEOGRAPHY}
    columns: dict[str, pa.Array] = {}
    above = np.zeros_like(places.region)
    for level, codes in levels.items():
        starts = np.flatnonzero(np.diff(above, prepend=-1))
        offset = codes[starts][np.searchsorted(starts, np.arange(len(codes)), side="right") - 1]
        numbers = np.char.add(f"{level.capitalize()} ", (codes - offset + 1)[rows].astype(str))
        columns[level] = pa.array(numbers.astype(object), pa.string())
        above = codes
    return columns


def _count(election: Election, sheets: Sheets, seen: Bools) -> pa.Table:
    """One count as published: a row for each sheet seen, votes of each option in a column."""
    places, rows = election.places, np.flatnonzero(seen)
    columns: dict[str, Any] = {"station": places.station[rows]}
    columns |= _names(election, rows)
    columns["lat"], columns["lon"] = places.latitude[rows], places.longitude[rows]
    columns["registered"] = places.registered[rows]
    columns |= {o: sheets.votes[rows, i] for i, o in enumerate(election.options)}
    columns |= {
        "blank": sheets.blank[rows],
        "null": sheets.null[rows],
        "declared_valid": election.declared_valid[rows],
        "declared_cast": election.declared_cast[rows],
    }
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def _truth(election: Election, seed: int, truths: Sequence[Truth]) -> dict[str, Any]:
    names = [*election.options, "blank", "null"]
    return {
        "format": 1,
        "seed": seed,
        "stations": election.stations,
        "options": list(election.options),
        "box": dict(zip(election.options, election.box.votes.sum(axis=0).tolist(), strict=True)),
        "tampering": [
            {
                "kind": truth.kind,
                "where": truth.where,
                "option": truth.option,
                "rival": truth.rival,
                "both_counts": truth.both_counts,
                "stations": [str(code) for code in truth.station.tolist()],
                "votes": truth.votes.tolist(),
                "change": dict(zip(names, truth.change.sum(axis=0).tolist(), strict=True)),
            }
            for truth in truths
        ],
    }


def _case(
    election: Election, title: str, id: str, seed: int, files: list[dict[str, Any]]
) -> dict[str, Any]:
    official = election.official
    totals = dict(zip(election.options, official.votes.sum(axis=0).tolist(), strict=True))
    totals |= {
        "valid": int(official.valid.sum()),
        "blank": int(official.blank.sum()),
        "null": int(official.null.sum()),
        "cast": int(official.cast.sum()),
        "registered": int(election.places.registered.sum()),
        "sheets": election.stations,
    }
    shares = election.parameters.shares
    return {
        "format": FORMAT,
        "id": id,
        "title": title,
        "contest": "president",
        "date": POLLS_CLOSED.date(),
        "timezone": "Etc/UTC",
        "official": "official",
        "geography": list(GEOGRAPHY),
        "region": "region",
        "compulsory": election.parameters.compulsory,
        "simulated": True,
        "notes": [f"Simulated by veedor with seed {seed}; no such election was ever held."],
        "rule": dict(election.parameters.rule),
        "options": [
            {"id": o, "name": f"Option {o}", "colour": COLOURS[i % len(COLOURS)],
             "main": shares[i] >= 0.1}
            for i, o in enumerate(election.options)
        ],
        "events": _events(election),
        "files": files,
        "sources": _sources(election),
        "announced": [{"count": "official", "source": "simulated announcement", "totals": totals}],
    }  # fmt: skip


def _instant(election: Election, snapshot: int) -> dt.datetime:
    """When a snapshot was taken."""
    seconds = clock_of(election).instant(election, snapshot)
    return POLLS_CLOSED + dt.timedelta(seconds=seconds)


def _events(election: Election) -> list[dict[str, Any]]:
    closed = {"id": "polls-closed", "kind": "polls-closed", "at": POLLS_CLOSED}
    found: list[dict[str, Any]] = [{**closed, "text": "Polling stations close."}]
    if election.preliminary is None:
        return found
    texts = ["Last publication of the preliminary count before its interruption."]
    texts += ["A later publication of the preliminary count."] * len(election.parameters.snapshots)
    for number in range(len(election.parameters.snapshots)):
        name = "cut" if number == 0 else f"snapshot-{number + 1}"
        entry = {"id": name, "at": _instant(election, number), "text": texts[number]}
        kind = ("stop", "return")[number] if number < 2 else None
        found.append(entry | ({"kind": kind} if kind else {}))
    return found


def _sources(election: Election) -> list[dict[str, Any]]:
    columns = {option: option for option in election.options}
    levels = {level: level for level in GEOGRAPHY}
    form: dict[str, Any] = {"format": "delimited"}
    count = {
        **form,
        "kind": "count",
        "key": "station",
        "registered": "registered",
        "blank": "blank",
        "null": "null",
        "declared_valid": "declared_valid",
        "declared_cast": "declared_cast",
        "latitude": "lat",
        "longitude": "lon",
        "geography": levels,
        "options": columns,
    }
    official = {"id": "official", "count": "official", "role": "official", "file": "official.csv"}
    found = [{**count, **official, "title": "Official count"}]
    snapshots = len(election.parameters.snapshots) if election.preliminary is not None else 0
    for number in range(snapshots):
        name = f"preliminary-{number + 1}"
        found.append({**count, "id": name, "count": name, "role": "preliminary",
                      "file": f"{name}.csv", "at": _instant(election, number),
                      "title": f"Preliminary count, snapshot {number + 1}"})  # fmt: skip
    found += _time_sources(election, form, columns) if snapshots else []
    found.append({**form, "id": "classes", "kind": "stations", "file": "classes.csv",
                  "key": "station", "place_class": "class"})  # fmt: skip
    found.append({**form, "id": "earlier", "kind": "history", "file": "earlier.csv",
                  "election": "the election before this one", "match": "geography",
                  "level": "centre", "geography": levels, "options": columns})  # fmt: skip
    return found


def _time_sources(
    election: Election, form: dict[str, Any], columns: dict[str, str]
) -> list[dict[str, Any]]:
    """The logs of processing and publication, and the states, as the case names them."""
    log = {**form, "kind": "log", "file": "processing.csv", "key": "station",
           "declared_valid": "valid", "options": columns}  # fmt: skip
    found = [
        {**log, "id": stage, "stage": stage, "instant": f"{stage}_at", "ignore": [f"{other}_at"]}
        for stage, other in (("received", "verified"), ("verified", "received"))
    ]
    found.append({**form, "id": "publications", "kind": "publications",
                  "file": "publications.csv", "instant": "published_at",
                  "sheets": "verified", "received": "received", "declared_valid": "valid",
                  "options": columns})  # fmt: skip
    if not clock_of(election).finished.all():
        found.append({**form, "id": "unfinished", "kind": "states", "file": "unfinished.csv",
                      "key": "station", "state_column": "state", "remark": "remark"})  # fmt: skip
    return found
