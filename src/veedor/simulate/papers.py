"""What offices of a simulated night kept: the plan, custody, hashes, the replica's list."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.simulate.clock import POLLS_CLOSED
from veedor.simulate.document import toml
from veedor.simulate.election import Floats
from veedor.simulate.hosts import MACHINES, OFFICES, declared, groups, paths, shared
from veedor.simulate.machines import Source, stamps, write_table
from veedor.simulate.night import ADMINISTRATORS, CREWS, ITEMS, STEPS, Night, frozen

PLAN = "plan.toml"
Entries = list[dict[str, Any]]


def write_papers(night: Night, options: tuple[str, ...], directory: Path) -> list[Source]:
    """Write `plan.toml`, custody, hashes and the replica's list; the sources of the last three."""
    (directory / PLAN).write_text(toml(_plan(night)), encoding="utf-8", newline="\n")
    write_table(directory / "custody.csv", _custody(night))
    write_table(directory / "hashes.csv", _hashes(night))
    write_table(directory / "replica.csv", _replica(night, options))
    form = {"format": "delimited"}
    steps = [_step(step) for step in STEPS]
    return [
        {"id": "custody", "kind": "custody", **form, "file": "custody.csv", "key": "station",
         "steps": steps},
        {"id": "hashes", "kind": "hashes", **form, "file": "hashes.csv", "instant": "taken_at",
         "fields": {"item": "item", "sha256": "sha256", "host": "host"}},
        {"id": "replicated", "kind": "log", **form, "file": "replica.csv", "key": "station",
         "stage": "replicated", "instant": "committed_at",
         "options": {option: option for option in options}},
    ]  # fmt: skip


def instant(seconds: float) -> dt.datetime:
    """Seconds from the close of the polls as an instant, to the second."""
    return POLLS_CLOSED + dt.timedelta(seconds=int(seconds))


def _step(step: str) -> dict[str, Any]:
    found = {"id": step, "instant": f"{step}_at", "actor": f"{step}_by"}
    if step in ("reception", "storage"):
        found["place"] = f"{step}_place"
    if step in ("reception", "opening"):
        found["seal"] = f"{step}_seal"
    if step.endswith("transcription") or step == "approval":
        found["host"] = "entry_host"
    return found


def _custody(night: Night) -> dict[str, Any]:
    """A row a sheet; an empty instant, and nobody, where a step is missing."""
    stations = len(night.station)
    columns: dict[str, Any] = {"station": pa.array(night.station, pa.string())}
    for number, step in enumerate(STEPS):
        at, missing = night.steps[:, number], pa.array(night.steps[:, number] < 0)
        columns[f"{step}_at"] = pc.if_else(missing, None, _walls(at.astype(np.float64)))
        columns[f"{step}_by"] = pc.if_else(
            missing, None, pa.array(night.actors[:, number], pa.string())
        )
    offices = [f"office {1 + i * OFFICES // stations}" for i in range(stations)]
    seals = [f"S{700000 + i}" for i in range(stations)]
    columns |= {
        "reception_place": offices,
        "storage_place": offices,
        "reception_seal": seals,
        "opening_seal": seals,
        "entry_host": ["primary"] * stations,
    }
    return columns


def _walls(at: Floats) -> pa.Array:
    return pc.strftime(stamps(at, 0.0, "s"), "%Y-%m-%dT%H:%M:%S")


def _hashes(night: Night) -> dict[str, Any]:
    return {
        "item": [h.item for h in night.hashes],
        "host": [h.host for h in night.hashes],
        "taken_at": _walls(np.array([h.at for h in night.hashes])),
        "sha256": [h.sha256 for h in night.hashes],
    }


def _replica(night: Night, options: tuple[str, ...]) -> dict[str, Any]:
    """The sheets that the replica holds, with the instants at which the database took them."""
    kept = ~np.isin(night.row, np.array(night.lacking, dtype=np.int64))
    votes = night.votes.copy()
    for change in night.changes:
        votes[night.row == change.row] = change.after
    return {
        "station": pa.array(night.station[night.row[kept]], pa.string()),
        "committed_at": _walls(np.ceil(night.at[kept])),
        **{o: votes[kept, i] for i, o in enumerate(options)},
    }


def _plan(night: Night) -> dict[str, Any]:
    """The declared side of the case, by tables of `veedor.case.plan.Plan`."""
    offices = OFFICES if (night.site > 1).any() else 0
    members = [int(part.sum()) for part in (night.site == 0, night.site == 1, night.site > 1)]
    clients = groups((members[0], members[1], members[2]), len(night.station))
    order = [[a, b] for a, b in itertools.pairwise(STEPS)]
    tables: dict[str, Any] = {
        "hosts": [declared(m, night.seed) for m in (*MACHINES, *shared(offices))],
        "groups": clients,
        "paths": paths(clients),
        "contingencies": [_contingency(night)],
        "freezes": _freezes(night),
        "users": _users(night),
        "incompatible": _incompatible(),
        "stops": _stops(night),
        "documents": _documents(night),
        "withheld": [dict(entry) for entry in night.withheld],
        "statements": [_statement()],
        "custody": {"order": order, "reference": "Rules of custody, section 4"},
    }
    return {name: table for name, table in tables.items() if table}


def _contingency(night: Night) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": "entry-b",
        "text": "Where the perimeter fails, workstations enter by the contingency host.",
        "hosts": ["contingency"],
        "replaces": ["perimeter"],
    }
    if night.contingency:
        start, end = night.contingency
        entry |= {"declared_from": instant(start), "declared_to": instant(end)}
        entry["document"] = "record-of-incidents"
    return entry


def _freezes(night: Night) -> Entries:
    return [
        {"item": item, "sha256": frozen(night.seed, item), "at": instant(-86400),
         "milestone": "signed release", "host": host}
        for item, host in ITEMS
    ]  # fmt: skip


def _users(night: Night) -> Entries:
    """Every login: operators of workstations, the crews of custody, administrators, services."""
    duties: dict[str, list[str]] = {a: ["received", "verified"] for a in night.operator}
    for step, crew in CREWS.items():
        duties |= {account: [step] for account in crew}
    duties |= {account: ["administration"] for account in ADMINISTRATORS}
    duties["dba1"] = ["database-administration"]
    found: Entries = [
        {"id": account, "person": f"p{number:04d}", "duties": steps}
        for number, (account, steps) in enumerate(duties.items(), 1)
    ]
    services: Mapping[str, str] = {"count": "database", "replication": "replica"}
    return [*found, *({"id": account, "hosts": [host]} for account, host in services.items())]


def _incompatible() -> Entries:
    first, second, approval = STEPS[2:5]
    pairs = ((first, second), (first, approval), (second, approval))
    return [{"duties": list(pair), "reference": "Rules of the count, section 7"} for pair in pairs]


def _stops(night: Night) -> Entries:
    start, end = night.maintenance
    found: Entries = [
        {"id": "backup-maintenance", "from": instant(start - 5), "to": instant(end + 5),
         "of": "host", "host": "backup", "text": "New disks.", "document": "planned-stops"}
    ]  # fmt: skip
    if night.stop_documented and night.again < night.end:
        found.append({"id": "publication-pause", "from": instant(night.stop),
                      "to": instant(night.again), "text": "Publication pauses for the night.",
                      "document": "planned-stops"})  # fmt: skip
    return found


def _documents(night: Night) -> Entries:
    hosts = [machine.id for machine in MACHINES]
    planned = ["backup-maintenance"]
    if night.stop_documented:
        planned.append("cut")
        planned += ["publication-pause", "snapshot-2"] if night.again < night.end else []
    incidents = [incident.id for incident in night.incidents if incident.documented]
    incidents += [entry["id"] for entry in night.withheld]
    author = "election authority"
    return [
        {"id": "inventory", "title": "Signed inventory of hosts", "by": author,
         "at": instant(-86400), "hosts": hosts, "events": ["polls-closed"]},
        {"id": "planned-stops", "title": "Announcement of planned stops", "by": author,
         "at": instant(-86400), "hosts": ["backup"], "events": planned},
        {"id": "record-of-incidents", "title": "Record of the incidents of the night",
         "by": author, "at": instant(night.end + 7200),
         "hosts": ["contingency", "perimeter"] if night.contingency else [],
         "events": incidents},
    ]  # fmt: skip


def _statement() -> dict[str, Any]:
    return {
        "id": "declared-hosts",
        "by": "Election authority",
        "capacity": "authority",
        "text": "Sheets were entered by the declared hosts alone.",
        "topic": "infrastructure",
        "source": "Simulated statement",
        "expects": [{"finding": "infrastructure.undeclared-host", "status": ["not-observed"]}],
    }
