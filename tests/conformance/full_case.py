"""A case that has every kind of evidence a check can need, made of random honest sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.building import read_case, small_case
from tests.conformance.scan_rows import fill
from veedor.engine.evidence import Evidence

Columns = dict[str, list[Any]]


def official_columns(stations: int, seed: int = 1) -> Columns:
    """An official count with all fields: three options, centres of four stations."""
    rng = np.random.default_rng(seed)
    centre = np.arange(stations) // 4
    support = rng.beta(6, 6, size=centre.max(initial=0) + 1)[centre] if stations else np.array([])
    registered = rng.integers(60, 240, size=stations)
    cast = rng.binomial(registered, 0.8)
    null = rng.binomial(cast, 0.03)
    blank = rng.binomial(cast - null, 0.02)
    valid = cast - null - blank
    first = rng.binomial(valid, support)
    second = rng.binomial(valid - first, 0.85)
    third = valid - first - second
    return {
        "station": [f"S{i:05d}" for i in range(stations)],
        "region": [f"R{c // 16}" for c in centre],
        "municipality": [f"M{c // 4}" for c in centre],
        "centre": [f"C{c}" for c in centre],
        "lat": [round(float(x), 4) for x in rng.uniform(-20, -10, size=stations)],
        "lon": [round(float(x), 4) for x in rng.uniform(-70, -60, size=stations)],
        "registered": registered.tolist(),
        "A": first.tolist(),
        "B": second.tolist(),
        "C": third.tolist(),
        "blank": blank.tolist(),
        "null": null.tolist(),
        "declared_valid": valid.tolist(),
        "declared_cast": cast.tolist(),
        "reason": [("ILLEGIBLE" if x < 0.05 else "") for x in rng.random(stations)],
    }


def time_tables(official: Columns, early: set[str], seed: int = 3) -> dict[str, Columns]:
    """A log of two stages by two operators, publications with a gap, states, arrivals, exports."""
    rng = np.random.default_rng(seed)
    stations = official["station"]
    first = np.array([s in early for s in stations])
    size = len(stations)
    minute = np.where(first, rng.integers(5, 59, size), rng.integers(260, 300, size))
    stamps = [f"2020-01-31T{19 + m // 60:02d}:{m % 60:02d}:{m * 7 % 60:02d}" for m in minute]
    unfinished = [i for i in range(len(stations)) if i % 11 == 5]
    kept = [i for i in range(len(stations)) if i not in unfinished]
    votes = ("A", "B", "C", "declared_valid")
    log = {
        "station": [stations[i] for i in kept],
        "received_at": [stamps[i][:-2] + "00" for i in kept],
        "verified_at": [stamps[i] for i in kept],
        "who": [f"person {i % 2}" for i in kept],
        **{v: [official[v][i] for i in kept] for v in votes},
    }
    order = sorted(kept, key=lambda i: stamps[i])
    published: Columns = {name: [] for name in ("at", "sheets", "received", *votes)}
    for clock in [*(f"2020-01-31T19:{m:02d}:30" for m in range(9, 60, 5)), "2020-01-31T20:00:00",
                  "2020-01-31T23:40:30", "2020-01-31T23:45:30"]:  # fmt: skip
        seen = [i for i in order if stamps[i] <= clock]
        for name, value in (("at", clock), ("sheets", len(seen)), ("received", len(seen))):
            published[name].append(value)
        for v in votes:
            published[v].append(sum(official[v][i] for i in seen))
    return {
        "log": log,
        "published": published,
        "left": {
            "station": [stations[i] for i in unfinished],
            "state": ["awaiting" if i % 2 else "not-received" for i in unfinished],
            "remark": ["illegible" if i % 2 else "" for i in unfinished],
        },
        "brackets": {
            "station": list(stations),
            "low": [float(m // 40 * 10) for m in minute],
            "high": [float(m // 40 * 10 + 10) for m in minute],
        },
    }


def machine_tables(official: Columns) -> dict[str, Columns]:
    """Flows, log lines, custody and hashes of a night in which most things depart from the plan."""
    stations = official["station"]
    clients = [f"10.0.1.{i % 20 + 1}" for i in range(len(stations))]
    clock = [f"2020-01-31T{19 + i % 4}:{i % 60:02d}:{i % 50:02d}Z" for i in range(len(stations))]
    via = ["10.0.0.10" if i % 3 else "203.0.113.9" for i in range(len(stations))]
    late = [c.replace("Z", ".500Z") for c in clock]
    size = len(stations)
    flows: Columns = {
        "at": [*clock, *clock],
        "src": [*clients, *via],
        "dst": [*via, *["10.0.0.20"] * size],
        "port": [443] * (2 * size),
        "out": [2000 + i for i in range(2 * size)],
        "in": [300] * (2 * size),
    }
    lines: Columns = {n: [] for n in LINE_COLUMNS}

    def add(at: str, host: str, kind: str, **more: Any) -> None:
        for name in LINE_COLUMNS:
            given = {"at": at, "host": host, "kind": kind, **more}
            lines[name].append(given.get(name))

    for i, station in enumerate(stations):
        add(clock[i], "app", "application-write", address=via[i], station=station, sequence=i + 1,
            actor=f"u{i % 3}")  # fmt: skip
        add(late[i], "db", "database-write", address="10.0.0.20", station=station, before="",
            after=str(official["A"][i]), actor="count")  # fmt: skip
    if stations:
        add("2020-02-01T03:00:00Z", "db", "database-write", address="10.0.0.20", after="1",
            station=stations[0], before="2", actor="dba", sequence=None)  # fmt: skip
        add("2020-02-01T03:00:10Z", "app", "application-write", address="10.0.0.10",
            station=stations[-1], sequence=size + 9, actor="u1")  # fmt: skip
        add(
            "2020-01-31T19:00:00Z", "app", "login", actor="dba", address="198.51.100.9", session="1"
        )
        add("2020-01-31T19:10:00Z", "app", "login", actor="dba", address="10.0.0.10", session="2")
        add("2020-01-31T21:00:00Z", "app", "logout", actor="dba", session="1")
        add("2020-01-31T22:00:00Z", "app", "credential", actor="dba", object="dba")
    people = [f"u{i % 3}" for i in range(size)]
    return {
        "flows": flows,
        "lines": lines,
        "trail": {
            "station": list(stations),
            "in_at": clock,
            "in_by": ["reception"] * size,
            "one_at": [c.replace("2020-01-31", "2020-02-01") for c in clock],
            "one_by": people,
            "two_at": [c.replace("2020-01-31", "2020-02-02" if i % 7 else "2020-01-30")
                       for i, c in enumerate(clock)],
            "two_by": [p if i % 5 == 0 else "u9" for i, p in enumerate(people)],
        },
        "hashes": {
            "item": ["software", "software"],
            "hash": ["a" * 64, "b" * 64],
            "at": ["2020-01-31T10:00:00Z", "2020-01-31T22:00:00Z"],
        },
        "looked": {
            "station": [s for s in stations for _ in range(2)],
            "who": ["e1", "e2"] * size,
            "hand": [("yes" if i % 9 == 0 else "cannot tell" if i % 13 == 5 else "no")
                     for i in range(size) for _ in range(2)],
        },
        "unveiled": {"station": list(stations[:3]), "who": ["e1"] * len(stations[:3]),
                     "at": ["2020-02-05T09:00:00Z"] * len(stations[:3])},
    }  # fmt: skip


LINE_COLUMNS = (
    *("at", "host", "kind", "actor", "address", "object", "station", "before", "after"),
    *("session", "sequence"),
)

MACHINE_SOURCES: dict[str, dict[str, Any]] = {
    "flows": {
        "kind": "flows",
        "instant": "at",
        "fields": {
            "src": "src", "dst": "dst", "dport": "port", "bytes_out": "out", "bytes_in": "in",
        },
    },
    "lines": {
        "kind": "log-lines",
        "instant": "at",
        "fields": {n: n for n in LINE_COLUMNS if n != "at"},
    },
    "trail": {
        "kind": "custody",
        "key": "station",
        "steps": [
            {"id": "reception", "instant": "in_at", "actor": "in_by"},
            {"id": "first", "instant": "one_at", "actor": "one_by"},
            {"id": "second", "instant": "two_at", "actor": "two_by"},
        ],
    },
    "hashes": {
        "kind": "hashes",
        "instant": "at",
        "fields": {"item": "item", "sha256": "hash"},
    },
    "looked": {
        "kind": "examined",
        "key": "station",
        "sample": "drawn",
        "actor": "who",
        "answers": {"one-hand": "hand"},
    },
    "unveiled": {
        "kind": "showings",
        "key": "station",
        "sample": "drawn",
        "actor": "who",
        "instant": "at",
    },
}  # fmt: skip

PLAN: dict[str, Any] = {
    "hosts": [
        {"id": "proxy", "role": "proxy", "addresses": "10.0.0.10", "overseer": "us",
         "monitor": "m"},
        {"id": "app", "role": "application", "addresses": "10.0.0.20", "overseer": "us"},
        {"id": "db", "role": "database", "addresses": "10.0.0.30", "monitor": "m"},
        {"id": "spare", "role": "contingency", "addresses": "10.0.0.40", "contingency": True},
    ],
    "groups": [
        {"id": "desks", "addresses": "10.0.1.0/24", "members": 20, "uses": ["proxy"]},
    ],
    "paths": [{"from": "proxy", "to": "app", "ports": [443]}],
    "contingencies": [{"id": "b", "text": "Plan B.", "hosts": ["spare"], "replaces": ["proxy"]}],
    "freezes": [{"item": "software", "sha256": "a" * 64, "at": "2020-01-31T09:00:00Z"}],
    "users": [{"id": "u1", "duties": ["first"]}, {"id": "u9", "duties": ["second"]}],
    "incompatible": [{"duties": ["first", "second"]}],
    "documents": [{"id": "manual", "title": "Manual", "hosts": ["proxy", "app"]}],
    "withheld": [
        {"id": "gone", "why": "destroyed", "what": "Logs of a machine", "host": "203.0.113.9"}
    ],
    "statements": [
        {
            "id": "one", "by": "Vendor", "capacity": "vendor", "topic": "the machines",
            "text": "Nothing was outside the plan.", "source": "A letter.",
            "expects": [{"finding": "infrastructure.undeclared-host", "status": "not-observed"}],
        },
        {
            "id": "two", "by": "Auditor", "capacity": "auditor", "topic": "the machines",
            "text": "Something was.", "source": "A report.", "disputes": ["one"],
            "needs": "the logs that were destroyed",
        },
    ],
    "custody": {"order": [["reception", "first"], ["first", "second"]]},
    "samples": [
        {
            "id": "drawn", "title": "A drawn sample", "frame": "official", "selection": "clustered",
            "clusters": "centre", "size": 5, "ceremony": "dice 1 2 3",
            "questions": [{"id": "one-hand", "text": "One hand filled the sheet",
                           "questions_votes": True}],
        },
        {
            "id": "picked", "title": "Picked sheets", "frame": "official", "selection": "targeted",
            "criterion": "they looked alike",
            "questions": [{"id": "one-hand", "text": "One hand filled the sheet"}],
            "totals": [{"question": "one-hand", "found": 78, "examined": 333, "source": "A."}],
        },
        {
            "id": "recount", "title": "A recount", "frame": "official", "selection": "simple",
            "size": 30, "ceremony": "dice 4 5 6", "hand_count": "copies",
        },
    ],
}  # fmt: skip


TIME_SOURCES: dict[str, dict[str, Any]] = {
    "received": {"kind": "log", "stage": "received", "instant": "received_at"},
    "verified": {"kind": "log", "stage": "verified", "instant": "verified_at"},
    "published": {
        "kind": "publications",
        "instant": "at",
        "sheets": "sheets",
        "received": "received",
    },
    "left": {"kind": "states", "key": "station", "state_column": "state", "remark": "remark"},
    "brackets": {
        "kind": "arrivals",
        "key": "station",
        "count": "official",
        "low": "low",
        "high": "high",
    },
}


def full_case(
    folder: Path,
    stations: int = 64,
    *,
    change: Callable[[Mapping[str, Columns]], None] = lambda tables: None,
    names: Mapping[str, str] | None = None,
) -> Path:
    """Write the case; `change` may edit its tables, `names` renames the options."""
    official = official_columns(stations)
    rng = np.random.default_rng(2)
    votes = ["station", "registered", "A", "B", "C", "blank", "null"]

    def part(share: float) -> Columns:
        chosen = rng.random(stations) < share
        chosen[0] = True
        keep = np.flatnonzero(chosen)
        return {k: [official[k][i] for i in keep] for k in votes}

    tables: dict[str, Columns] = {
        "official": official,
        "early": part(0.6),
        "later": part(0.9),
        "copies": part(0.5),
    }
    for name in ("early", "later", "copies"):
        table = tables[name]
        for i in range(0, len(table["station"]), 17):
            table["A"][i] += 1
    tables |= time_tables(official, set(tables["early"]["station"]))
    tables |= machine_tables(official)
    listed = official["station"][: max(1, stations // 10)]
    codes = list(official["station"])
    first = {level: official[level][::4] for level in ("region", "municipality", "centre")}
    count = len(first["centre"])
    total = sum(official["declared_valid"])
    change(tables)
    naming = dict(names or {})
    for table in tables.values():
        for old, new in naming.items():
            if old in table:
                table[new] = table.pop(old)
    options = [naming.get(o, o) for o in ("A", "B", "C")]
    log = tables.pop("log")
    held = {name: tables.pop(name) for name in ("published", "left", "brackets", *MACHINE_SOURCES)}
    files = {name: (entry, held[name]) for name, entry in MACHINE_SOURCES.items()}
    for name, entry in TIME_SOURCES.items():
        columns = log if entry["kind"] == "log" else held[name]
        about = dict(entry)
        if entry["kind"] in ("log", "publications"):
            about |= {"options": {o: o for o in options}, "declared_valid": "declared_valid"}
        if entry["kind"] == "log":
            about |= {"key": "station", "actor": "who", "ignore": ["*_at"]}
        files[name] = (about, columns)
    return small_case(
        folder,
        tables,
        options=options,
        roles={"copies": "copy"},
        files={name: found for name, found in files.items() if any(map(len, found[1].values()))},
        events={
            "polls-closed": "2020-01-31T18:00:00Z",
            "stop": "2020-01-31T20:00:00Z",
            "return": "2020-01-31T23:20:00Z",
        },
        at={"early": "2020-01-31T20:00:00Z", "later": "2020-01-31T23:00:00Z"},
        lists={"named": listed or ["S00000"], "burnt": listed[:3] or ["S00000"]},
        lost=("burnt",),
        history={
            **first,
            options[0]: [50] * count,
            options[1]: [45] * count,
            options[2]: [5] * count,
        }
        if count
        else None,
        place_class={
            "station": codes,
            "place_class": ["rural" if i % 3 else "urban" for i in range(stations)],
        }
        if stations
        else None,
        announced=[{"count": "official", "source": "the authority", "totals": {"valid": total}}],
        **PLAN,
    )


def read_full(path: Path) -> Evidence:
    """The case read, with a scan of each sheet as it might have been read."""
    return fill(read_case(path))
