"""Many connections of a night of a simulated count, for tests of volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from veedor.simulate import zeek
from veedor.simulate.election import Floats, Ints, generator
from veedor.simulate.hosts import BY_ID, MACHINES, SERVICES, fingerprint
from veedor.simulate.night import EPOCH, ROUTES

CLIENTS = 350
HOURS = 24
STOP = 0.7
"""Share of the time after which redirected clients call another host."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Who calls whom; `weight` says how often, beside the other pairs."""

    src: str
    dst: str
    dport: int
    weight: float
    proto: str = "tcp"
    service: str | None = "ssl"
    host: str = ""
    late: bool | None = None
    """Only after the stop, only before it, or at all times (None)."""


def write_rows(path: Path, rows: int, seed: int, *, chunk: int, redirect: bool) -> None:
    """Write the rows, by time, a chunk at a time; see `veedor.simulate.network.write_flows`."""
    pairs = _pairs(redirect)
    if path.suffix == ".parquet":
        writer: pq.ParquetWriter | None = None
        for first, table in _chunks(pairs, rows, seed, chunk):
            found = _flows_columns(table, first)
            writer = writer or pq.ParquetWriter(path, found.schema, compression="zstd")
            writer.write_table(found)
        if writer:
            writer.close()
        return
    with path.open("wb") as file:
        zeek.header(file, "conn", zeek.CONN)
        for first, table in _chunks(pairs, rows, seed, chunk):
            zeek.rows(file, zeek.conn(table, first))


def _pairs(redirect: bool) -> list[_Pair]:
    addresses = [f"10.20.{(i + 10) // 250}.{(i + 10) % 250 + 1}" for i in range(CLIENTS)]
    before, side = ROUTES[0], ROUTES[3]
    late = False if redirect else None
    found = []
    for address in addresses:
        found.append(_Pair(address, before.entry, 443, 1.0, host="perimeter", late=late))
        found.append(_Pair(address, BY_ID["resolver"].address, 53, 0.4, "udp", "dns"))
        if redirect:
            found.append(_Pair(address, side.entry, 443, 1.0, host="side", late=True))
    share = CLIENTS * 0.9
    found.append(_Pair(before.hop, before.target, before.port, share, host="primary", late=late))
    if redirect:
        found.append(_Pair(side.hop, side.target, side.port, share, host="primary", late=True))
    for machine in MACHINES:
        found += [
            _Pair(machine.address, BY_ID[host].address, port, 8.0, "udp" if port < 200 else "tcp",
                  None)
            for host, port in SERVICES if host != machine.id
        ]  # fmt: skip
    publisher = BY_ID["publisher"].public
    found += [_Pair(f"198.51.100.{200 + i}", publisher, 443, 10.0, host="publisher")
              for i in range(8)]  # fmt: skip
    found += [_Pair(f"192.0.2.{64 + i}", publisher, 22, 0.2, service=None) for i in range(128)]
    return found


def _chunks(pairs: list[_Pair], rows: int, seed: int, chunk: int) -> Iterator[tuple[int, pa.Table]]:
    """Tables with the columns of `network.SCHEMA`, each of a span of time after the one before."""
    columns = _columns(pairs, seed)
    early, late = (_cumulated(pairs, after) for after in (False, True))
    length = HOURS * 3600 * 1_000_000
    for first in range(0, rows, chunk):
        n = min(chunk, rows - first)
        rng = generator(seed, "volume", first)
        share = np.sort((first + rng.random(n) * n) / rows)
        split = int(np.searchsorted(share, STOP))
        drawn = rng.random(n)
        which = np.concatenate([np.searchsorted(early, drawn[:split]),
                                np.searchsorted(late, drawn[split:])])  # fmt: skip
        us = EPOCH * 1_000_000 + (share * length).astype(np.int64)
        yield first, _drawn(rng, columns, which, us)


def _cumulated(pairs: list[_Pair], late: bool) -> Floats:
    weight = np.array([p.weight if p.late in (None, late) else 0.0 for p in pairs])
    total: Floats = np.cumsum(weight) / weight.sum()
    return total


def _columns(pairs: list[_Pair], seed: int) -> dict[str, pa.Array]:
    keys = {p.host: fingerprint(seed, p.host) for p in pairs if p.host}
    names = {p.host: BY_ID[p.host].name for p in pairs if p.host in BY_ID}
    return {
        "src": pa.array([p.src for p in pairs]),
        "dst": pa.array([p.dst for p in pairs]),
        "dport": pa.array([p.dport for p in pairs]),
        "proto": pa.array([p.proto for p in pairs]),
        "service": pa.array([p.service for p in pairs], pa.string()),
        "state": pa.array(["S0" if p.dport == 22 else "SF" for p in pairs]),
        "name": pa.array([names.get(p.host) for p in pairs], pa.string()),
        "key": pa.array([keys.get(p.host) for p in pairs], pa.string()),
    }


def _drawn(
    rng: np.random.Generator, columns: dict[str, pa.Array], which: Ints, us: Ints
) -> pa.Table:
    n = len(us)
    index = pa.array(which)
    sent, got = rng.integers(60, 5000, n), rng.integers(60, 30_000, n)
    drawn: dict[str, Any] = {name: column.take(index) for name, column in columns.items()}
    drawn |= {
        "us": us,
        "sport": rng.integers(32768, 61000, n),
        "duration": rng.integers(1_000, 2_000_000, n),
        "bytes_out": sent,
        "bytes_in": got,
        "packets_out": 3 + sent // 1400,
        "packets_in": 3 + got // 1400,
    }
    return pa.table(drawn)


def _flows_columns(table: pa.Table, first: int) -> pa.Table:
    """The columns of `veedor.case.tables.FLOWS` that a file holds."""
    plain = ("us", "duration", "src", "sport", "dst", "dport", "proto", "service",
             "bytes_out", "bytes_in")  # fmt: skip
    found = {name: table[name] for name in plain}
    found |= {
        "packets": pc.add(table["packets_out"], table["packets_in"]),
        "name": table["name"],
        "key": table["key"],
        "sensor": pa.repeat("access", len(table)),
        "uid": zeek.uids(first, len(table)),
    }
    return pa.table(found)
