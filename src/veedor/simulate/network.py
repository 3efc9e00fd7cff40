"""The connections of a simulated night, by the sensor that saw each.

Three sensors: `access` at the lines of the authority's offices, `edge` at the public addresses of
the cloud, `core` inside it. No connection is seen by two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from veedor.simulate.election import Bools, Floats, Ints, generator
from veedor.simulate.hosts import BY_ID, MACHINES, SERVICES, WATCHED, fingerprint
from veedor.simulate.night import (
    EPOCH,
    MARGIN,
    ROUTES,
    Network,
    Night,
    Objects,
    microseconds,
    regular,
    within,
)
from veedor.simulate.volume import write_rows

__all__ = ["SENSORS", "Network", "flows_of", "regular", "write_flows"]

SENSORS = ("access", "edge", "core")
SCHEMA = {
    "us": pa.int64(),
    "src": pa.string(),
    "sport": pa.int64(),
    "dst": pa.string(),
    "dport": pa.int64(),
    "proto": pa.string(),
    "service": pa.string(),
    "duration": pa.int64(),
    "bytes_out": pa.int64(),
    "bytes_in": pa.int64(),
    "packets_out": pa.int64(),
    "packets_in": pa.int64(),
    "state": pa.string(),
    "name": pa.string(),
    "key": pa.string(),
}
"""What a connection is here; `duration` in microseconds, `name` and `key` null where not seen."""


def flows_of(night: Night) -> dict[str, pa.Table]:
    """Sensor -> its connections, by time, with the columns of `SCHEMA`."""
    rng = generator(night.seed, "network", "flows")
    seen: dict[str, list[pa.Table]] = {sensor: [] for sensor in SENSORS}
    _entries(rng, night, seen)
    _images(rng, night, seen)
    _database(rng, night, seen)
    _office_services(rng, night, seen)
    _host_services(rng, night, seen)
    _sessions(rng, night, seen)
    _public(rng, night, seen)
    return {sensor: _observed(night, pa.concat_tables(parts)) for sensor, parts in seen.items()}


def _flows(
    rng: np.random.Generator,
    at: Floats,
    src: str | Objects,
    dst: str | Objects,
    dport: int | Ints,
    *,
    service: str | None = "ssl",
    proto: str = "tcp",
    out: float = 1200.0,
    back: float = 2400.0,
    seconds: float | Floats = 0.3,
    name: str | Objects | None = None,
    key: str | Objects | None = None,
) -> pa.Table:
    """Answered connections; `out` and `back` are medians in bytes, a number `seconds` a median."""
    n = len(at)
    lasted = seconds * rng.lognormal(0, 0.4, n) if isinstance(seconds, float) else seconds
    sent = (out * rng.lognormal(0, 0.3, n)).astype(np.int64)
    got = (back * rng.lognormal(0, 0.3, n)).astype(np.int64)
    values: dict[str, Any] = {
        "us": microseconds(at),
        "src": src,
        "sport": rng.integers(32768, 61000, n),
        "dst": dst,
        "dport": dport,
        "proto": proto,
        "service": service,
        "duration": np.round(lasted * 1e6).astype(np.int64),
        "bytes_out": sent,
        "bytes_in": got,
        "packets_out": 3 + sent // 1400,
        "packets_in": 3 + got // 1400,
        "state": "SF",
        "name": name,
        "key": key,
    }
    return _table(values, n)


def _table(values: Mapping[str, Any], n: int) -> pa.Table:
    columns = {}
    for column, kind in SCHEMA.items():
        value = values[column]
        single = value is None or isinstance(value, (str, int))
        columns[column] = pa.repeat(pa.scalar(value, kind), n) if single else pa.array(value, kind)
    return pa.table(columns)


def _entries(rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]) -> None:
    """Sheets, and calls for work: from the workstation to its entry, and on to the application."""
    at = np.concatenate([night.at, night.poll_at])
    client = np.concatenate([night.client, night.poll_client])
    route = np.concatenate([night.route, night.poll_route])
    size = np.repeat([3000.0, 700.0], [len(night.at), len(night.poll_at)])
    primary = fingerprint(night.seed, "primary")
    for number, way in enumerate(ROUTES):
        mine = route == number
        first = _flows(
            rng, at[mine] - 0.02, night.address[client[mine]], way.entry, 443,
            name=way.name, key=fingerprint(night.seed, way.id), seconds=0.4,
        )  # fmt: skip
        second = _flows(rng, at[mine], way.hop, way.target, way.port,
                        name=BY_ID["primary"].name, key=primary)  # fmt: skip
        seen["access"].append(_sized(first, size[mine]))
        seen["core" if way.near else "edge"].append(_sized(second, size[mine]))


def _sized(table: pa.Table, median: Floats) -> pa.Table:
    """The same connections with bytes sent about another median."""
    sent = np.asarray(table["bytes_out"]) * median / 1200
    number = table.schema.get_field_index("bytes_out")
    return table.set_column(number, "bytes_out", pa.array(sent.astype(np.int64)))


def _images(rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]) -> None:
    """Images of sheets, sent by phones from behind the addresses of a carrier."""
    at, src = night.image_at, night.phone
    switched = within(at, night.contingency)
    for mine, way in ((~switched, ROUTES[0]), (switched, ROUTES[1])):
        key = fingerprint(night.seed, way.id)
        seen["edge"].append(_flows(rng, at[mine] - 0.05, src[mine], way.entry, 443, out=2.5e5,
                                   seconds=6.0, name=way.name, key=key))  # fmt: skip
        seen["core"].append(_flows(rng, at[mine], way.hop, way.target, way.port, out=2.5e5,
                                   name=BY_ID["primary"].name,
                                   key=fingerprint(night.seed, "primary")))  # fmt: skip


def _database(rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]) -> None:
    base = {host: BY_ID[host].address for host in ("primary", "database", "replica", "publisher")}
    at = np.arange(night.start - MARGIN, night.end + MARGIN, 600.0)
    for source, target in (("primary", "database"), ("replica", "database")):
        seen["core"].append(_flows(rng, at, base[source], base[target], 5432, out=9e4, back=6e4,
                                   service="postgresql", seconds=590.0))  # fmt: skip
    minutes = regular(night, 60.0)
    seen["core"].append(_flows(rng, minutes, base["publisher"], base["replica"], 5432, back=2e4,
                               service="postgresql"))  # fmt: skip
    nightly = np.arange(night.start, night.end, 3600.0)
    seen["access"].append(_flows(rng, nightly, BY_ID["backup"].address, base["replica"], 5432,
                                 back=4e7, service="postgresql", seconds=120.0))  # fmt: skip


def _office_services(
    rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]
) -> None:
    """Names and time for workstations that no office's address hides."""
    near = np.flatnonzero(night.site < 2)
    for host, port, every, service in (("resolver", 53, 1200.0, "dns"),
                                       ("timekeeper", 123, 3600.0, "ntp")):  # fmt: skip
        times = regular(night, every)
        at = np.tile(times, len(near)) + rng.uniform(0, every, len(times) * len(near))
        src = night.address[np.repeat(near, len(times))]
        dst = BY_ID[host].address
        seen["access"].append(_flows(rng, at, src, dst, port, proto="udp", service=service,
                                     out=60.0, back=140.0, seconds=0.01))  # fmt: skip


def _host_services(rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]) -> None:
    """Signs of life, names and time of the hosts; calls of the monitor to those it watches."""
    every = {"monitor": (60.0, "tcp", None), "resolver": (600.0, "udp", "dns"),
             "timekeeper": (1024.0, "udp", "ntp")}  # fmt: skip
    for machine in MACHINES:
        sensor = "access" if machine.address.startswith("10.20.") else "core"
        for host, port in SERVICES:
            if host == machine.id:
                continue
            step, proto, service = every[host]
            at = regular(night, step) + float(rng.uniform(0, step))
            seen[sensor].append(_flows(rng, at, machine.address, BY_ID[host].address, port,
                                       proto=proto, service=service, out=300.0, back=120.0,
                                       seconds=0.02))  # fmt: skip
    at, source = regular(night, 60.0) + 7.0, BY_ID["monitor"].address
    for host, port in WATCHED:
        machine = BY_ID[host]
        seen["core"].append(_flows(rng, at, source, machine.address, port, out=200.0, back=300.0,
                                   name=machine.name,
                                   key=fingerprint(night.seed, host)))  # fmt: skip


def _sessions(rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]) -> None:
    """Remote sessions; those from outside call the public address."""
    for sensor, outside in (("access", False), ("edge", True)):
        mine = [s for s in night.sessions if s.address.startswith("10.") != outside]
        hosts = [BY_ID[s.host] for s in mine]
        dst = [h.public if outside else h.address for h in hosts]
        at = np.array([s.start - 1 for s in mine])
        lasted = np.array([s.end - s.start + 2 for s in mine])
        src = np.array([s.address for s in mine], dtype=object)
        seen[sensor].append(_flows(rng, at, src, np.array(dst, dtype=object), 22, service="ssh",
                                   out=9e3, back=3e4, seconds=lasted))  # fmt: skip


def _public(rng: np.random.Generator, night: Night, seen: dict[str, list[pa.Table]]) -> None:
    """The content network fetches the page; strangers knock at the public addresses."""
    at = regular(night, 30.0)
    src = np.array([f"198.51.100.{200 + i}" for i in rng.integers(8, size=len(at)).tolist()],
                   dtype=object)  # fmt: skip
    publisher = BY_ID["publisher"]
    seen["edge"].append(_flows(rng, at, src, publisher.public, 443, out=600.0, back=3e4,
                               name=publisher.name,
                               key=fingerprint(night.seed, "publisher")))  # fmt: skip
    seen["edge"].append(_scans(rng, night))


def _scans(rng: np.random.Generator, night: Night) -> pa.Table:
    """Attempts from unknown addresses: few are answered, none carries a sheet."""
    n = night.network.scans
    at = np.sort(rng.uniform(night.start - MARGIN, night.end + MARGIN, n))
    public = [a for m in MACHINES for a in m.addresses[1:] if ":" not in a]
    six = rng.random(n) < 0.1
    origin = rng.integers(64, 255, n).tolist()
    src = [f"2001:db8:bad::{o:x}" if v else f"192.0.2.{o}"
           for o, v in zip(origin, six.tolist(), strict=True)]  # fmt: skip
    dst = np.where(six, BY_ID["publisher"].addresses[2], rng.choice(public, n)).astype(object)
    ports = rng.choice([22, 23, 80, 443, 445, 3389, 8080], n)
    found = _flows(rng, at, np.array(src, dtype=object), dst, ports, service=None, out=40.0,
                   back=30.0, seconds=0.05)  # fmt: skip
    refused = rng.random(n) < 0.8
    state = np.where(refused, rng.choice(["S0", "REJ"], n), "SF").astype(object)
    number = found.schema.get_field_index("state")
    found = found.set_column(number, "state", pa.array(state, pa.string()))
    for column in ("bytes_out", "bytes_in"):
        bare = np.where(refused, 0, np.asarray(found[column]))
        found = found.set_column(found.schema.get_field_index(column), column, pa.array(bare))
    return found


def _observed(night: Night, table: pa.Table) -> pa.Table:
    """What the sensor saw of it, by time: nothing of a place without network, or a stopped host."""
    at = np.asarray(table["us"]) / 1e6 - EPOCH
    ends = [table[c].to_numpy() for c in ("src", "dst")]
    cut = within(at, night.outage)
    headquarters = np.zeros(len(at), dtype=bool)
    headquarters[cut] = _any_starts(ends, cut, "10.20.")
    stopped = within(at, night.maintenance)
    backup: Bools = (ends[0] == BY_ID["backup"].address) | (ends[1] == BY_ID["backup"].address)
    kept = np.flatnonzero(~headquarters & ~(stopped & backup))
    return table.take(kept[np.argsort(at[kept], kind="stable")])


def _any_starts(ends: list[Objects], where: Bools, prefix: str) -> list[bool]:
    pairs = zip(*(end[where] for end in ends), strict=True)
    return [any(address.startswith(prefix) for address in pair) for pair in pairs]


def write_flows(
    path: Path | str, rows: int, seed: int, *, chunk: int = 1_000_000, redirect: bool = False
) -> None:
    """Write connections of 350 workstations and their hosts over a day, for tests of volume.

    Same arguments, same bytes; only one chunk is in memory.

    Parameters
    ----------
    path : path
        Parquet with the columns of `veedor.case.tables.FLOWS` (without source and row) where it
        ends in .parquet, a conn.log of Zeek otherwise.
    rows : int
    seed : int
    chunk : int
        Rows made at a time.
    redirect : bool
        After 0.7 of the time the workstations call an undeclared host, `ROUTES[3]`.
    """
    write_rows(Path(path), rows, seed, chunk=chunk, redirect=redirect)
