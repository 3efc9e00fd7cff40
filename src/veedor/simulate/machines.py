"""What the machines of a simulated night wrote down, as files in the formats of life.

Each log is in the clock of the host that wrote it. `write_machines` gives, for every file, the
entry by which the case names it as a source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from veedor.simulate import syslog, zeek
from veedor.simulate.election import Floats, generator
from veedor.simulate.hosts import BY_ID, MACHINES
from veedor.simulate.network import flows_of
from veedor.simulate.night import ROUTES, Night, microseconds, regular, within

Source = dict[str, Any]

STATION = r"acta/(?P<station>[0-9A-Z-]+)"
ROWS = (
    r"acta (?P<station>[0-9A-Z-]+)"
    r"(?: before=\((?P<before>[0-9,]*)\) after=\((?P<after>[0-9,]*)\))?"
)
"""What takes the station, and values before and after a change, out of a line."""


def write_machines(night: Night, directory: Path) -> list[Source]:
    """Write every log of the night; the sources, in the order of the case."""
    found = [*_sensors(night, directory)]
    found += [_access(night, directory, host) for host in ("primary", "perimeter", "contingency")
              if host != "contingency" or night.contingency]  # fmt: skip
    found += [
        _application(night, directory),
        _publisher(night, directory),
        _heartbeats(night, directory),
        _database(night, directory),
        _replica(night, directory),
    ]
    for machine in MACHINES:
        name = f"syslog-{machine.id}.log"
        _write_lines(directory / name, syslog.lines(night, machine.id))
        found.append({"id": f"syslog-{machine.id}", "kind": "log-lines", "format": "syslog",
                      "file": name, "of_host": machine.id, "year": 2031})  # fmt: skip
    return found


def stamps(at: Floats, skew: float, unit: str = "ms") -> pa.Array:
    """Instants by a clock that is ahead, as timestamps of UTC without a zone."""
    return pa.array(microseconds(at + skew), pa.timestamp("us")).cast(
        pa.timestamp(unit), safe=False
    )


def iso(at: Floats, skew: float) -> pa.Array:
    """The same as texts, such as 2031-05-04T17:00:00.000Z."""
    return joined(pc.strftime(stamps(at, skew), "%Y-%m-%dT%H:%M:%S"), "Z")


def joined(*parts: Any) -> pa.Array:
    """Texts put together, element by element; a single text stands in all."""
    return pc.binary_join_element_wise(*parts, "")


def _sensors(night: Night, directory: Path) -> Iterator[Source]:
    for number, (sensor, table) in enumerate(flows_of(night).items()):
        name = f"zeek-{sensor}-conn.log"
        zeek.write_conn(directory / name, table, number * 10**9)
        yield {"id": f"flows-{sensor}", "kind": "flows", "format": "zeek", "file": name}
        name = f"zeek-{sensor}-ssl.log"
        zeek.write_ssl(directory / name, table, number * 10**9)
        yield {"id": f"tls-{sensor}", "kind": "log-lines", "format": "zeek", "file": name}


def _access(night: Night, directory: Path, host: str) -> Source:
    """Web requests: of the application behind (by its last hop), or of a proxy (by its client)."""
    skew = night.skew[host]
    calls = [_calls(night, host), _images(night, host), _health(night)]
    at = np.concatenate([c[0] for c in calls])
    remote, user, request = (pa.concat_arrays([c[i] for c in calls]) for i in (1, 2, 3))
    order = pa.array(np.argsort(at, kind="stable"))
    size = generator(night.seed, "network", "access", host).integers(180, 900, len(at))
    when = pc.strftime(stamps(np.sort(at), skew, "s"), "%d/%b/%Y:%H:%M:%S")
    request = request.take(order)
    status = pc.if_else(pc.starts_with(request, "POST"), "201", "200")
    lines = joined(remote.take(order), " - ", user.take(order), " [", when, ' +0000] "', request,
                   ' HTTP/1.1" ', status, " ", pa.array(size).cast(pa.string()),
                   ' "-" "capture/3.1"')  # fmt: skip
    name = f"access-{host}.log"
    _write_lines(directory / name, lines)
    return {"id": f"access-{host}", "kind": "log-lines", "format": "access-log", "file": name,
            "of_host": host, "pattern": STATION}  # fmt: skip


TAGS = {"": "", "psql": "UPDATE"}
"""Program -> the tag of its commands, where it is not INSERT."""
Calls = tuple[Floats, pa.Array, pa.Array, pa.Array]
"""When, from which address, by which account, and what was asked."""


def _calls(night: Night, host: str) -> Calls:
    """Sheets and calls for work that a host answered."""
    at = np.concatenate([night.at, night.poll_at])
    client = np.concatenate([night.client, night.poll_client])
    route = np.concatenate([night.route, night.poll_route])
    stations = joined("POST /acta/", pa.array(night.station[night.row], pa.string()))
    request = pa.concat_arrays([stations, pa.repeat("GET /work", len(night.poll_at))])
    hops = night.hop
    remote = hops[route] if host == "primary" else night.address[client]
    mine = np.ones(len(at), dtype=bool)
    if host != "primary":
        mine = route == [way.id for way in ROUTES].index(host)
    chosen = pa.array(np.flatnonzero(mine))
    user = pa.array(night.operator[client], pa.string())
    texts = (pa.array(remote, pa.string()), user, request)
    early = 0.0 if host == "primary" else 0.02
    return (at[mine] - early, *(text.take(chosen) for text in texts))


def _images(night: Night, host: str) -> Calls:
    switched = within(night.image_at, night.contingency)
    hops = night.hop
    remote = hops[switched.astype(int)] if host == "primary" else night.phone
    mine = np.ones(len(switched), dtype=bool)
    if host != "primary":
        mine = switched == (host == "contingency")
    codes = pa.array(night.station[night.image_row[mine]], pa.string())
    n = int(mine.sum())
    early = 0.0 if host == "primary" else 0.05
    return (night.image_at[mine] - early, pa.array(remote[mine], pa.string()),
            pa.repeat("-", n), joined("POST /image/", codes))  # fmt: skip


def _health(night: Night) -> Calls:
    at = regular(night, 60.0) + 7.0
    texts = (BY_ID["monitor"].address, "-", "GET /health")
    return (at, *(pa.repeat(text, len(at)) for text in texts))


def _votes(rows: Sequence[Any]) -> list[str]:
    return [",".join(map(str, row)) for row in rows]


def _application(night: Night, directory: Path) -> Source:
    """The application's own log: each sheet that it stored, and every minute how many it holds."""
    n, minutes = len(night.at), regular(night, 60.0)
    m = len(minutes)
    order = np.argsort(np.concatenate([minutes, night.at + 0.05]), kind="stable")
    stored = order >= m

    def column(service: Any, sheet: Any) -> Any:
        return np.concatenate([np.array(service, object), np.array(sheet, object)])[order]

    held = np.searchsorted(night.at, minutes).tolist()
    at = np.concatenate([minutes, night.at + 0.05])[order]
    columns = {
        "time": iso(at, night.skew["primary"]),
        "host": ["primary"] * (n + m),
        "kind": np.where(stored, "application-write", "service").astype(object),
        "account": column(["system"] * m, night.operator[night.client]),
        "address": column([None] * m, night.hop[night.route]),
        "station": column([None] * m, night.station[night.row]),
        "after": column([None] * m, _votes(night.votes.tolist())),
        "sequence": np.arange(1, n + m + 1),
        "status": ["ok"] * (n + m),
        "message": column([f"running, {h} sheets held" for h in held], ["sheet stored"] * n),
    }
    write_table(directory / "application-primary.csv", columns)
    return _lines_source("application", "application-primary.csv", columns, actor="account")


def _publisher(night: Night, directory: Path) -> Source:
    """The publisher's own log: a numbered line each minute."""
    at = regular(night, 60.0) + 20
    silent = within(at, (night.stop + 60, night.again))
    sheets = np.searchsorted(night.at, np.where(silent, night.stop, at))
    sequence = np.arange(1, len(at) + 1)
    kept = np.ones(len(at), dtype=bool)
    for host, start, end in night.gaps:
        if host == "publisher":
            kept &= ~within(at, (start, end))
    words = [f"page written, {s} sheets" for s in sheets[kept].tolist()]
    columns = {
        "time": iso(at[kept], night.skew["publisher"]),
        "host": ["publisher"] * len(words),
        "kind": ["service"] * len(words),
        "sequence": sequence[kept],
        "message": words,
    }
    write_table(directory / "application-publisher.csv", columns)
    return _lines_source("publisher", "application-publisher.csv", columns)


def _heartbeats(night: Night, directory: Path) -> Source:
    """Signs of life as the monitor got them, by the clock of the host that sent each."""
    rng = generator(night.seed, "network", "heartbeats")
    times, hosts = [], []
    for machine in (m for m in MACHINES if m.monitored):
        at = regular(night, 60.0) + float(rng.uniform(0, 60))
        lost = within(at, night.outage) & machine.address.startswith("10.20.")
        lost |= within(at, night.maintenance) & (machine.id == "backup")
        kept = np.flatnonzero(~lost)
        times.append(at[kept] + night.skew[machine.id])
        hosts += [machine.id] * len(kept)
    at = np.concatenate(times)
    order = np.argsort(at, kind="stable")
    columns = {
        "time": iso(at[order], 0.0),
        "host": np.array(hosts, dtype=object)[order],
        "kind": ["heartbeat"] * len(at),
        "message": ["alive"] * len(at),
    }
    write_table(directory / "heartbeats.csv", columns)
    return _lines_source("heartbeats", "heartbeats.csv", columns)


def _database(night: Night, directory: Path) -> Source:
    """The database's log: two lines for each sheet that the application saved, of its votes and of
    who entered them, and one for each change by hand.
    """
    by_hand = night.changes
    at = np.concatenate([night.at + 0.1, night.at + 0.12, [c.at for c in by_hand]])
    values = _votes(night.votes.tolist())
    words = [f"acta {s} before=() after=({v})"
             for s, v in zip(night.station[night.row], values, strict=True)]  # fmt: skip
    words += [f"acta {s} entered" for s in night.station[night.row]]
    words += [f"acta {night.station[c.row]} before=({','.join(map(str, c.before))})"
              f" after=({','.join(map(str, c.after))})" for c in by_hand]  # fmt: skip
    n, client = 2 * len(night.at), f"{BY_ID['primary'].address}:"
    pools = np.tile(np.arange(len(night.at)) % 8, 2)
    origin = [*(f"{client}{41000 + p}" for p in pools.tolist()),
              *(f"{c.address}:{52000 + i}" for i, c in enumerate(by_hand))]  # fmt: skip
    user = [*["count"] * n, *(c.account for c in by_hand)]
    process = np.concatenate([7000 + pools, 9000 + np.arange(len(by_hand))])
    program = [*["count"] * n, *["psql"] * len(by_hand)]
    name = "postgresql-database.csv"
    _write_csvlog(directory / name, night, "database", at, user, origin, process, words, program)
    return {"id": "database", "kind": "log-lines", "format": "postgresql", "file": name,
            "of_host": "database", "pattern": ROWS,
            "kinds": {"database-write": "^acta "}}  # fmt: skip


def _replica(night: Night, directory: Path) -> Source:
    """The replica's log: a line for each sheet that it took over."""
    kept = ~np.isin(night.row, np.array(night.lacking, dtype=np.int64))
    at = _replicated(night)[kept]
    words = [f"new acta {s}" for s in night.station[night.row[kept]]]
    n = len(words)
    origin = [f"{BY_ID['database'].address}:5432"] * n
    name = "postgresql-replica.csv"
    _write_csvlog(directory / name, night, "replica", at, ["replication"] * n, origin,
                  np.full(n, 6100), words, ["walreceiver"] * n)  # fmt: skip
    return {"id": "replica", "kind": "log-lines", "format": "postgresql", "file": name,
            "of_host": "replica", "pattern": STATION.replace("acta/", "acta "),
            "kinds": {"other": "^new acta "}}  # fmt: skip


def _replicated(night: Night) -> Floats:
    """(n,) when the replica took over each sheet, by the true clock."""
    rng = generator(night.seed, "network", "replica")
    found: Floats = night.at + 0.3 + rng.gamma(2.0, 0.3, len(night.at))
    return found


def _write_csvlog(
    path: Path,
    night: Night,
    host: str,
    at: Floats,
    user: list[str],
    origin: list[str],
    process: Any,
    words: list[str],
    program: list[str],
) -> None:
    """PostgreSQL's log in CSV: 26 columns, without a header; checkpoints among the lines."""
    points = regular(night, 300.0) + 11
    m = len(points)
    at = np.concatenate([at, points])
    user, origin = [*user, *[""] * m], [*origin, *[""] * m]
    process = np.concatenate([np.asarray(process), np.full(m, 5100)])
    words = [*words, *["checkpoint complete: wrote 1 buffers (0.0%)"] * m]
    program = [*program, *[""] * m]
    order = np.argsort(at, kind="stable")
    process = np.asarray(process)[order]
    session = [f"{1935676800 + int(p):x}.{int(p):x}" for p in process]
    number = np.zeros(len(order), dtype=np.int64)
    for one in np.unique(process):
        mine = process == one
        number[mine] = np.arange(1, mine.sum() + 1)
    when = joined(pc.strftime(stamps(at[order], night.skew[host]), "%Y-%m-%d %H:%M:%S"), " UTC")
    started = "2031-05-04 16:00:00 UTC"

    def picked(values: list[str]) -> list[str]:
        return [values[i] for i in order]

    columns: list[Any] = [None] * 26
    columns[0:7] = [when, picked(user), "count", process, picked(origin), session, number]
    tags = [TAGS.get(p, "INSERT") for p in picked(program)]
    kinds = ["client backend" if p else "checkpointer" for p in picked(program)]
    columns[7:9], columns[11:14] = [tags, started], ["LOG", "00000", picked(words)]
    columns[22:24] = [picked(program), kinds]
    table = {
        str(i): pa.repeat(pa.scalar(c, pa.string()), len(order))
        if c is None or isinstance(c, str)
        else c
        for i, c in enumerate(columns)
    }
    write_table(path, table, header=False)


def _lines_source(id: str, file: str, columns: dict[str, Any], **renamed: str) -> Source:
    """A table of log lines: its columns are named as the canonical ones, but for those given."""
    fields = {c: c for c in columns if c not in ("time", *renamed.values())}
    return {"id": id, "kind": "log-lines", "format": "delimited", "file": file,
            "instant": "time", "fields": fields | renamed}  # fmt: skip


def write_table(path: Path, columns: dict[str, Any], *, header: bool = True) -> None:
    """Write a table as CSV."""
    table = pa.table({k: pa.array(v) if not isinstance(v, pa.Array) else v
                      for k, v in columns.items()})  # fmt: skip
    options = pa.csv.WriteOptions(include_header=header, quoting_style="needed")
    pa.csv.write_csv(table, path, write_options=options)


def _write_lines(path: Path, lines: pa.Array | list[str]) -> None:
    texts = lines if isinstance(lines, list) else lines.to_pylist()
    path.write_text("\n".join(texts) + "\n", encoding="utf-8", newline="\n")
