"""Captures of packets (pcap, pcapng) as flows, by the `dpkt` package.

A flow is what passes between two ends (address and port) by one protocol until both are silent for
a minute; whoever sends its first packet opened it. Bytes are those of IP, headers included, as the
packets state them, so that a capture that cut packets short counts them whole. Sources of the
formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import ibis
import numpy as np
import pyarrow as pa

from veedor.case.source import Source
from veedor.errors import SourceError
from veedor.sources.lines import Sink, opened, sink
from veedor.sources.machine import Read

IDLE = 60_000_000
"""Microseconds of silence after which a flow is another one."""
SWEEP = 50_000
"""Packets after which flows that fell silent are written."""
LARGEST = 1 << 20
"""Bytes of the largest block of a capture that is read."""

MAGICS = (
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
)
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 58: "icmp6", 132: "sctp"}

Ends = tuple[bytes, int, bytes, int, int]


@dataclass(slots=True)
class Flow:
    """One flow while it lasts; instants in microseconds since 1970."""

    row: int
    first: int
    last: int
    ends: Ends
    out: int = 0
    back: int = 0
    packets: int = 0


@dataclass(slots=True)
class Table:
    """Flows that last, by their ends, and those to be written."""

    lasting: dict[Ends, Flow] = field(default_factory=dict)
    done: list[Flow] = field(default_factory=list)

    def add(self, row: int, us: int, ends: Ends, size: int) -> None:
        """Count a packet."""
        turned = (ends[2], ends[3], ends[0], ends[1], ends[4])
        flow = self.lasting.get(ends) or self.lasting.get(turned)
        if flow is not None and abs(us - flow.last) > IDLE:
            self.done.append(self.lasting.pop(flow.ends))
            flow = None
        if flow is None:
            flow = self.lasting[ends] = Flow(row, us, us, ends)
        if ends == flow.ends:
            flow.out += size
        else:
            flow.back += size
        flow.packets += 1
        flow.last = max(flow.last, us)

    def sweep(self, us: int | None) -> None:
        """End the flows that are silent by this instant, or all."""
        silent = [f for f in self.lasting.values() if us is None or us - f.last > IDLE]
        for flow in silent:
            del self.lasting[flow.ends]
        self.done += silent


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Flows of a capture. `lines` are its packets of IP; others hold no flow.

    Raises
    ------
    SourceError
        Where the file is no capture, or the package `dpkt` is not installed.
    """
    try:
        import dpkt
    except ImportError as error:
        raise SourceError(
            "captures of packets need the package dpkt",
            place=path.name,
            remedy="pip install 'veedor[logs]'",
        ) from error
    with sink(source, path, folder) as out:
        with opened(source, path) as stream:
            start = stream.read(4)
            if start not in MAGICS:
                raise SourceError(
                    "is no capture of packets (pcap or pcapng)",
                    place=out.shown,
                    remedy=f"Mend `format` of sources.{source.id} in the case file.",
                )
            _flows(dpkt, _Stream(stream, start), out)
        return out.read(con, "microseconds since 1970 in UTC, by the capturing machine")


def _flows(dpkt: Any, stream: Any, out: Sink) -> None:
    table, packets = Table(), 0
    for row, packet in enumerate(_packets(dpkt, stream, out.shown), 1):
        if isinstance(packet, str):
            out.reject(row, packet)
            break
        us, linktype, data = packet
        try:
            found = _ends(dpkt, linktype, data)
        except (dpkt.Error, struct.error, ValueError, IndexError, KeyError, TypeError) as error:
            out.reject(row, f"a packet of {len(data)} bytes: {type(error).__name__}")
            continue
        if found is None:
            continue
        packets += 1
        table.add(row, us, *found)
        if packets % SWEEP == 0:
            table.sweep(us)
            _write(out, table)
    table.sweep(None)
    _write(out, table)
    # A row is a flow, a line is a packet.
    out.lines = out.broken + packets


def _packets(dpkt: Any, stream: Any, shown: str) -> Iterator[tuple[int, int, bytes] | str]:
    """Instant, kind of link and bytes of each packet; a text where the capture breaks off."""
    errors = (dpkt.Error, struct.error, ValueError, IndexError, KeyError, OverflowError, TypeError)
    try:
        capture = dpkt.pcap.UniversalReader(stream)
        linktype = capture.datalink()
    except (*errors, AttributeError) as error:
        raise SourceError(
            f"the head of the capture cannot be read ({type(error).__name__} {error})",
            place=shown,
            remedy="Fetch the file again.",
        ) from error
    packets = iter(capture)
    while True:
        try:
            stamp, data = next(packets)
            us = round(stamp * 1_000_000)
        except StopIteration:
            return
        except (*errors, AttributeError) as error:
            yield f"the capture breaks off: {type(error).__name__} {error}"
            return
        if not 0 <= us < 1 << 62:
            yield "the capture breaks off: an impossible instant"
            return
        yield us, linktype, data


class _Stream:
    """A stream that a damaged length cannot make to read the whole file at once."""

    name = ""

    def __init__(self, stream: IO[bytes], start: bytes) -> None:
        self.stream, self.start = stream, start

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST:
            raise ValueError(f"a block of {size} bytes")
        data = self.start[:size]
        self.start = self.start[size:]
        return data + self.stream.read(size - len(data)) if len(data) < size else data

    def seek(self, offset: int, _whence: int = 0) -> None:
        raise ValueError("not to be sought in")


def _ends(dpkt: Any, linktype: int, data: bytes) -> tuple[Ends, int] | None:
    """Ends and size of a packet of IP; nothing where it is another."""
    ip = _ip(dpkt, linktype, data)
    if ip is None:
        return None
    v6 = isinstance(ip, dpkt.ip6.IP6)
    size = ip.plen + 40 if v6 else ip.len
    inner = ip.data
    ported = isinstance(inner, (dpkt.tcp.TCP, dpkt.udp.UDP, dpkt.sctp.SCTP))
    sport, dport = (inner.sport, inner.dport) if ported else (-1, -1)
    return (ip.src, sport, ip.dst, dport, ip.p), size


def _ip(dpkt: Any, linktype: int, data: bytes) -> Any:
    """The packet of IP within a frame, or nothing where it holds none."""
    kinds = dpkt.pcap
    if linktype == kinds.DLT_EN10MB:
        inner: Any = dpkt.ethernet.Ethernet(data)
        while hasattr(inner, "data") and not isinstance(inner, (dpkt.ip.IP, dpkt.ip6.IP6, bytes)):
            inner = inner.data
    elif linktype == kinds.DLT_LINUX_SLL:
        inner = dpkt.sll.SLL(data).data
    elif linktype in (kinds.DLT_RAW, 101, 228, 229):
        inner = (dpkt.ip6.IP6 if data[0] >> 4 == 6 else dpkt.ip.IP)(data)
    elif linktype in (kinds.DLT_NULL, kinds.DLT_LOOP):
        inner = dpkt.loopback.Loopback(data).data
    else:
        raise ValueError(f"link type {linktype}")
    return inner if isinstance(inner, (dpkt.ip.IP, dpkt.ip6.IP6)) else None


def _write(out: Sink, table: Table) -> None:
    flows, table.done = table.done, []
    if not flows:
        return
    flows.sort(key=lambda flow: flow.row)

    def column(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind)

    number, text = pa.int64(), pa.string()
    lines = out.lines
    out.write(
        np.array([flow.row for flow in flows], dtype=np.int64),
        {
            "us": column([f.first for f in flows], number),
            "duration": column([f.last - f.first for f in flows], number),
            "src": column([_address(f.ends[0]) for f in flows], text),
            "sport": column([_port(f.ends[1]) for f in flows], number),
            "dst": column([_address(f.ends[2]) for f in flows], text),
            "dport": column([_port(f.ends[3]) for f in flows], number),
            "proto": column([PROTOCOLS.get(f.ends[4], str(f.ends[4])) for f in flows], text),
            "bytes_out": column([f.out for f in flows], number),
            "bytes_in": column([f.back for f in flows], number),
            "packets": column([f.packets for f in flows], number),
        },
    )
    out.lines = lines


def _address(octets: bytes) -> str:
    import ipaddress

    return str(ipaddress.ip_address(octets))


def _port(value: int) -> int | None:
    return value if value >= 0 else None
