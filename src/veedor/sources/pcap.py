"""Captures of packets (pcap, pcapng) as flows; packets are taken apart by the `dpkt` package.

A flow is what passes between two ends (address and port) by one protocol until both are silent for
a minute; whoever sends its first packet opened it. Bytes are those of IP, headers included, as the
packets state them, so that a capture that cut packets short counts them whole. Sources of the
formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import ipaddress
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

PORTS = struct.Struct(">HH")

IDLE = 60_000_000
"""Microseconds of silence after which a flow is another one."""
SWEEP = 50_000
"""Packets after which flows that fell silent are written."""
LARGEST = 1 << 20
"""Bytes of the largest block of a capture that is read."""

PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1),
    b"\xd4\xc3\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1000),
}
"""First bytes of a pcap file -> its order of bytes, and parts of a stamp in a microsecond."""
SECTION = b"\x0a\x0d\x0d\x0a"
"""First bytes of a section of a pcapng file."""

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 58: "icmp6", 132: "sctp"}

Ends = tuple[bytes, int, bytes, int, int]


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: microseconds since 1970, kind of link, bytes of its frame."""

    us: int
    link: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of a pcapng file: kind of link, ticks of a second, offset in microseconds."""

    link: int
    unit: int
    offset: int


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
            if stream.read(4) not in (*PCAP, SECTION):
                raise SourceError(
                    "is no capture of packets (pcap or pcapng)",
                    place=out.shown,
                    remedy=f"Mend `format` of sources.{source.id} in the case file.",
                )
        with opened(source, path) as stream:
            _flows(dpkt, _packets(stream), out)
        return out.read(con, "microseconds since 1970 in UTC, by the capturing machine")


def _flows(dpkt: Any, packets: Iterator[Packet | str], out: Sink) -> None:
    table, number = Table(), 0
    for row, packet in enumerate(packets, 1):
        if isinstance(packet, str):
            out.reject(row, packet)
            continue
        try:
            found = _ends(dpkt, packet.link, packet.data)
        except (dpkt.Error, struct.error, ValueError, LookupError, TypeError, AttributeError) as e:
            out.reject(row, f"a packet of {len(packet.data)} bytes: {type(e).__name__}")
            continue
        if found is None:
            continue
        number += 1
        table.add(row, packet.us, *found)
        if number % SWEEP == 0:
            table.sweep(packet.us)
            _write(out, table)
    table.sweep(None)
    _write(out, table)
    # A row is a flow, a line is a packet.
    out.lines = out.broken + number


def _packets(stream: IO[bytes]) -> Iterator[Packet | str]:
    """Packets of a capture; a text where one cannot be read, or the capture breaks off."""
    start = stream.read(4)
    if start == SECTION:
        yield from _pcapng(stream)
        return
    order, unit = PCAP[start]
    head = stream.read(20)
    if len(head) < 20:
        yield "the head of the capture is cut short"
        return
    link = struct.unpack(f"{order}I", head[16:])[0] & 0xFFFF
    while record := stream.read(16):
        if len(record) < 16:
            yield "the capture is cut short"
            return
        seconds, part, size, _ = struct.unpack(f"{order}IIII", record)
        data = stream.read(size) if size <= LARGEST else b""
        if len(data) < size:
            yield f"the capture breaks off at a packet of {size} bytes"
            return
        yield Packet(seconds * 1_000_000 + part // unit, link, data)


def _pcapng(stream: IO[bytes]) -> Iterator[Packet | str]:
    """Packets of the blocks of a pcapng file, whose sections and interfaces have their own."""
    order, interfaces, kind = "<", list[Interface](), SECTION
    while True:
        head = stream.read(4)
        if kind == SECTION:
            mark = stream.read(4)
            order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
            head += mark
        if len(head) < (8 if kind == SECTION else 4):
            yield "the capture is cut short"
            return
        size = struct.unpack(f"{order}I", head[:4])[0] - 4 - len(head)
        body = stream.read(size) if 0 <= size <= LARGEST else b""
        if len(body) != size:
            yield f"the capture breaks off at a block of {size} bytes"
            return
        if kind != SECTION:
            try:
                yield from _block(struct.unpack(f"{order}I", kind)[0], order, body, interfaces)
            except (struct.error, LookupError, ValueError) as error:
                yield f"a block of {len(body)} bytes: {type(error).__name__}"
        kind = stream.read(4)
        if not kind:
            return


def _block(
    kind: int, order: str, body: bytes, interfaces: list[Interface]
) -> Iterator[Packet | str]:
    """The packet of a block; a description of an interface is added to `interfaces`."""
    if kind == 1:
        interfaces.append(_interface(order, body))
    elif kind in (2, 6):
        form = f"{order}IIIII" if kind == 6 else f"{order}HxxIIII"
        number, high, low, size, _ = struct.unpack(form, body[:20])
        interface = interfaces[number]
        if len(body) < 20 + size:
            yield f"a packet of {size} bytes in a block of {len(body)}"
            return
        us = ((high << 32) | low) * 1_000_000 // interface.unit + interface.offset
        if 0 <= us < 1 << 62:
            yield Packet(us, interface.link, body[20 : 20 + size])
        else:
            yield f"a packet with an impossible stamp, {us} microseconds since 1970"
    elif kind == 3:
        yield "a packet without a stamp"


def _interface(order: str, body: bytes) -> Interface:
    """Kind of link, ticks of a second and offset of the clock, which are options."""
    link, place, unit, offset = struct.unpack(f"{order}H", body[:2])[0], 8, 1_000_000, 0
    while place + 4 <= len(body) - 4:
        code, size = struct.unpack(f"{order}HH", body[place : place + 4])
        value = body[place + 4 : place + 4 + size]
        if code == 9 and size == 1:
            unit = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == 14 and size == 8:
            offset = struct.unpack(f"{order}q", value)[0] * 1_000_000
        place += 4 + size + -size % 4
    return Interface(link, unit, offset)


def _ends(dpkt: Any, linktype: int, data: bytes) -> tuple[Ends, int] | None:
    """Ends and size of a packet of IP; nothing where it is another."""
    # Most packets are of TCP or UDP in plain IPv4 in Ethernet, and whole: these are read here,
    # since dpkt takes eight times as long.
    if (
        linktype == 1
        and data[12:15] == b"\x08\x00\x45"
        and len(data) >= 38
        and data[23] in (6, 17)
        and not (data[20] & 0x3F or data[21])
    ):
        sport, dport = PORTS.unpack_from(data, 34)
        size = data[16] << 8 | data[17]
        return (data[26:30], sport, data[30:34], dport, data[23]), size
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
    return str(ipaddress.ip_address(octets))


def _port(value: int) -> int | None:
    return value if value >= 0 else None
