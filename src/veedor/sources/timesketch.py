"""Timelines in the form of Timesketch and plaso: CSV, or one JSON object a line, told by content.

Source: https://timesketch.org/guides/user/import-from-json-csv/. Every row has `message`,
`datetime` (ISO 8601) and `timestamp_desc`; what else is known by the names that plaso gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.errors import SourceError
from veedor.sources import evtx, syslog
from veedor.sources.columns import (
    Columns,
    Mask,
    classified,
    constant,
    filled,
    matches,
    take,
    whole_numbers,
)
from veedor.sources.lines import Batch, Parsed, first_lines, read_lines
from veedor.sources.machine import Read
from veedor.sources.mapped import dialect_of, header
from veedor.sources.records import Dialect, delimited_cells, quoted, stamped
from veedor.sources.stamps import Stamps, epoch, iso
from veedor.sources.zeek import objects

NEEDED = ("message", "datetime", "timestamp_desc")

NAMES = {
    "host": ("hostname", "computer_name", "host", "computer"),
    "actor": ("username", "user", "user_name", "account"),
    "address": ("src_ip", "source_ip", "ip_address", "remote_host", "client_ip", "ip"),
    "object": ("display_name", "filename", "path", "url", "http_request", "service"),
    "session": ("session_id", "pid", "process_identifier", "logon_id"),
    "sequence": ("record_number", "event_record_id"),
    "status": ("status_code", "http_response_code", "status", "result"),
    "key": ("sha256_hash", "fingerprint", "key_fingerprint"),
    "program": ("reporter", "source_name", "provider", "parser", "data_type"),
}
"""Canonical column -> names that hold it, the first that is filled."""

OTHERS = ("timestamp", "data_type", "event_identifier", "body", "kind")
USED = tuple(dict.fromkeys((*NEEDED, *OTHERS, *(n for names in NAMES.values() for n in names))))


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Rows of a timeline.

    Raises
    ------
    SourceError
        Where the columns that Timesketch asks for are not in it.
    """
    start = next((line for line in first_lines(source, path) if line.strip()), "")
    if start.lstrip().startswith("{"):
        return read_lines(con, source, path, folder, Objects())
    dialect = dialect_of(source, f"{path.name} ({source.id})")
    names = header(source, path, f"{path.name} ({source.id})")
    if missing := [name for name in NEEDED if name not in names]:
        raise SourceError(
            f"has no column {missing[0]!r}, which a timeline of Timesketch has",
            place=f"{path.name} ({source.id}), row {source.header}",
            remedy="Export it as CSV or JSONL for Timesketch, or map its columns as `delimited`.",
        )
    rows = Rows(names, dialect, source.header)
    own = stamped(names, ("datetime",), dialect, lambda cell: np.array(_dated(iso(cell))))
    join = quoted(source.quote, source.escape, own).join if source.quote else None
    return read_lines(con, source, path, folder, rows, join=join, may_be_empty=True)


def _dated(stamps: Stamps) -> pa.BooleanArray:
    return pc.or_(stamps.us.is_valid(), stamps.wall.is_valid())


class _Parser:
    def basis(self) -> str:
        """What the stamps are."""
        return "ISO 8601, or microseconds since 1970 in UTC where there is no such stamp"


class Objects(_Parser):
    """Parser of JSON lines."""

    def parse(self, batch: Batch) -> Parsed:
        """Rows of a batch of lines."""
        kept, found = objects(batch.text, USED)
        passed = matches(batch.text, r"^\s*$")
        return _parsed(kept, passed, found)


class Rows(_Parser):
    """Parser of CSV records."""

    def __init__(self, names: list[str], dialect: Dialect, head: int) -> None:
        self.names, self.dialect, self.head = names, dialect, head

    def parse(self, batch: Batch) -> Parsed:
        """Rows of a batch of records."""
        passed = matches(batch.text, r"^\s*$") | (batch.rows <= self.head)
        text = pc.if_else(pa.array(passed), None, batch.text)
        kept, found = delimited_cells(text, self.names, self.dialect, USED)
        return _parsed(kept, passed, {name: filled(array) for name, array in found.items()})


def _parsed(kept: Mask, passed: Mask, found: Columns) -> Parsed:
    """Rows that have a message and a stamp."""
    if not kept.any():
        return Parsed(kept, passed, {})
    nothing = constant(None, int(kept.sum()))
    stamped = pc.or_(
        found.get("datetime", nothing).is_valid(), found.get("timestamp", nothing).is_valid()
    )
    good = np.array(pc.and_(stamped, found.get("message", nothing).is_valid()))
    kept[kept] = good
    return Parsed(kept, passed, _columns(take(found, good), int(good.sum())))


def _columns(found: Columns, number: int) -> Columns:
    def cell(*names: str) -> pa.StringArray:
        there = [found[name] for name in names if name in found]
        return pc.coalesce(*there) if there else constant(None, number)

    stamps = iso(cell("datetime"))
    counted = epoch(cell("timestamp"), unit=1)
    us = pc.coalesce(stamps.us, pc.if_else(stamps.wall.is_valid(), None, counted))
    columns = {name: cell(*names) for name, names in NAMES.items()}
    told = classified(pc.fill_null(cell("body", "message"), ""), columns["program"], syslog.RULES)
    for name in ("actor", "address", "object", "status"):
        if name in told:
            columns[name] = pc.coalesce(columns[name], told[name])
    return columns | {
        "us": us,
        "wall": stamps.wall,
        "raw": cell("datetime", "timestamp"),
        "kind": _kinds(cell, told["kind"]),
        "sequence": whole_numbers(columns["sequence"]),
        "message": cell("message"),
    }


def _kinds(cell: Callable[..., pa.StringArray], told: pa.StringArray) -> pa.StringArray:
    """By the event of Windows, the request of a web server, or the words of a system log."""
    event = cell("event_identifier").dictionary_encode()
    known = [evtx.KINDS.get(v) if len(v) == 4 else None for v in event.dictionary.to_pylist()]
    windows = pa.array(known, pa.string()).take(event.indices)
    web = pc.fill_null(pc.match_substring_regex(cell("data_type"), "^(?:apache|iis|nginx)"), False)
    return pc.coalesce(pc.if_else(web, "request", None), windows, told)
