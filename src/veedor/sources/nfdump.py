"""Flows as nfdump prints them in its CSV outputs.

Source: https://github.com/phaag/nfdump, nfdump(1), output formats. The first line names the
columns; versions name them differently. The summary at the end is no flow. Times are wall clocks
of the machine on which nfdump was run, unless they are written as seconds since 1970. Records of
one direction are joined with those of their answers: see `veedor.sources.oneway`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.errors import SourceError
from veedor.sources import oneway
from veedor.sources.columns import Columns, Mask, distinct, filled, matches, take, whole_numbers
from veedor.sources.flows import dated, sound
from veedor.sources.lines import Batch, Parsed, by_layout, in_order, read_lines
from veedor.sources.machine import Read
from veedor.sources.records import cells
from veedor.sources.stamps import epoch, iso, spans

NAMES = {
    "start": ("ts", "firstseen", "first", "date first seen", "date flow start", "received"),
    "duration": ("td", "duration"),
    "src": ("sa", "srcaddr", "src ip addr"),
    "sport": ("sp", "srcport", "src pt", "src port"),
    "dst": ("da", "dstaddr", "dst ip addr"),
    "dport": ("dp", "dstport", "dst pt", "dst port"),
    "proto": ("pr", "proto"),
    "packets_out": ("ipkt", "packets", "in pkt", "inpackets"),
    "bytes_out": ("ibyt", "bytes", "in byte", "inbytes"),
    "packets_in": ("opkt", "out pkt", "outpackets"),
    "bytes_in": ("obyt", "out byte", "outbytes"),
    "sensor": ("ra", "router", "exporterip"),
}
"""What a column is -> what versions of nfdump call it, in small letters."""

CALLED = {name: column for column, names in NAMES.items() for name in names}
PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "58": "icmp6"}

NO_ROUTER = "0.0.0.0"  # noqa: S104 (an address in a file, not one to listen on)
"""What nfdump writes where a flow names no router."""

HEAD = r"(?i)^(?:summary\s*$|(?:" + "|".join(NAMES["start"]) + r")\s*,)"
ENDED = ("summary",)

Layout = tuple[str, ...]


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Flows, one a connection: `lines` are records, of which a connection may have two.

    Raises
    ------
    SourceError
        Where no line names the columns.
    """
    parser = Flows()
    found = read_lines(con, source, path, folder, parser, may_be_empty=True)
    if not parser.named:
        raise SourceError(
            "no line names the columns, as `nfdump -o csv` does",
            place=f"{path.name} ({source.id})",
            remedy="Export it anew with `nfdump -o csv`, or map its columns as `delimited`.",
        )
    both = oneway.joined(folder / f"{source.id}.machine.parquet", folder)
    if not both.pairs and not both.turned:
        return found
    table = con.read_parquet(str(both.folder / "*.parquet"), hive_partitioning=False)
    return replace(found, table=table, basis=f"{found.basis}; {both.words}")


class Flows:
    """Parser of nfdump's CSV."""

    def __init__(self) -> None:
        self.layout: Layout = ()
        self.named = False
        self.epoch = self.local = False

    def parse(self, batch: Batch) -> Parsed:
        """Flows of a batch of lines."""
        heads = matches(batch.text, HEAD)
        passed = heads | matches(batch.text, r"^\s*$|^No matched flows")
        groups, self.layout = by_layout(batch, heads, passed, self.layout, self._changed)
        for layout, lines in groups:
            if layout == ENDED:
                passed[lines] |= np.array(batch.text.take(pa.array(lines)).is_valid())
        left = [(layout, lines[~passed[lines]]) for layout, lines in groups]
        return in_order(batch, passed, left, self._flows)

    def basis(self) -> str:
        """What the stamps are."""
        if self.epoch and not self.local:
            return "seconds since 1970 in UTC"
        return "wall clock of the machine on which nfdump was run"

    def _changed(self, layout: Layout, line: str) -> Layout:
        if line.strip().lower() == "summary":
            return ENDED
        self.named = True
        return tuple(name.strip().lower() for name in line.split(","))

    def _flows(self, text: pa.StringArray, layout: Layout) -> tuple[Mask, Columns]:
        right, found = cells(text, ",", layout)
        named: Columns = {}
        for name, column in found.items():
            named.setdefault(CALLED.get(name, name), pc.ascii_trim_whitespace(column))
        if not {"start", "src", "dst"} <= set(named):
            return np.zeros(len(text), dtype=bool), {}
        stamps = distinct(named["start"], _instants)
        us, wall = stamps["us"], stamps["wall"]
        columns = _columns(named)
        good = dated(pc.coalesce(us, wall))
        written = filled(named["bytes_out"], "-") if "bytes_out" in named else columns["src"]
        counts = [(written, columns["bytes_out"])] if "bytes_out" in named else []
        fair = sound((columns["src"], columns["dst"]), counts)
        good = good if fair is None else good & fair
        right[right] = good
        self.epoch |= us.null_count < len(us)
        self.local |= wall.null_count < len(us)
        return right, take(columns | stamps, good)


def _instants(text: pa.StringArray) -> Columns:
    written = iso(text)
    return {"us": pc.coalesce(epoch(text), written.us), "wall": written.wall}


def _columns(named: Columns) -> Columns:
    number = len(named["src"])

    def count(name: str) -> pa.Int64Array:
        return whole_numbers(named[name]) if name in named else pa.nulls(number, pa.int64())

    packets_in, bytes_in = count("packets_in"), count("bytes_in")
    # A flow of one direction is written with zeros for the other: nothing is known of it.
    seen = pc.fill_null(pc.greater(packets_in, 0), True)
    proto = protocols(named["proto"]) if "proto" in named else pa.nulls(number, pa.string())
    ported = pc.fill_null(pc.invert(pc.starts_with(proto, "icmp")), True)
    columns = {
        "src": filled(named["src"]),
        "dst": filled(named["dst"]),
        "sport": pc.if_else(ported, count("sport"), None),
        "dport": pc.if_else(ported, count("dport"), None),
        "proto": proto,
        "bytes_out": count("bytes_out"),
        "bytes_in": pc.if_else(seen, bytes_in, None),
        "packets": pc.add(count("packets_out"), pc.fill_null(packets_in, 0)),
    }
    if "duration" in named:
        columns["duration"] = spans(named["duration"])
    if "sensor" in named:
        columns["sensor"] = filled(named["sensor"], NO_ROUTER)
    return columns


def protocols(text: pa.StringArray) -> pa.StringArray:
    """Protocols in small letters; the common ones by name where they are written as numbers."""
    small = pc.ascii_lower(text)
    code = pc.index_in(small, value_set=pa.array(list(PROTOCOLS)))
    return filled(pc.coalesce(pa.array(list(PROTOCOLS.values())).take(code), small))
