"""Logs of the Zeek network monitor: tab-separated with a header, or one JSON object a line.

Source: https://docs.zeek.org/en/master/log-formats.html and the pages of each log. Connections
(conn) are flows; http, dns, ssl, ssh and x509 are log lines. Stamps are seconds since 1970 in UTC.
"""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.errors import SourceError
from veedor.sources.columns import (
    Columns,
    Mask,
    constant,
    filled,
    matches,
    spaced,
    take,
    whole_numbers,
)
from veedor.sources.flows import dated, sound
from veedor.sources.lines import Batch, Parsed, by_layout, first_lines, in_order, read_lines
from veedor.sources.machine import Read
from veedor.sources.records import cells
from veedor.sources.stamps import epoch, iso, spans

FLOWS = ("conn",)
LINES = ("http", "dns", "ssl", "ssh", "x509")

TOLD_BY = {
    "conn": ("conn_state", "orig_ip_bytes", "orig_bytes", "orig_pkts"),
    "http": ("trans_depth", "method"),
    "dns": ("trans_id", "qtype_name", "rcode_name"),
    "ssh": ("auth_attempts", "auth_success", "kex_alg"),
    "ssl": ("cipher", "ssl_history", "established"),
    "x509": ("certificate.serial", "certificate.subject"),
}
"""Log -> keys of which a JSON line of it has one; JSON lines do not always name their log."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the header of a tab-separated log says."""

    path: str = ""
    fields: tuple[str, ...] = ()
    separator: str = "\t"
    unset: str = "-"
    empty: str = "(empty)"


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Flows of conn.log, or log lines of http, dns, ssl, ssh and x509.

    Raises
    ------
    SourceError
        Where the log is another one, or of the other kind of source.
    """
    start = [line for line in first_lines(source, path) if line.strip()]
    shown = f"{path.name} ({source.id})"
    if start and start[0].lstrip().startswith("{"):
        parser: _Parser = _Json(source, shown, _told_by_keys(start, path))
    else:
        parser = _Tabs(source, shown)
    return read_lines(con, source, path, folder, parser, may_be_empty=True)


class _Parser(ABC):
    """What both ways of writing share."""

    def __init__(self, source: Source, shown: str) -> None:
        self.source, self.shown = source, shown

    @abstractmethod
    def parse(self, batch: Batch) -> Parsed:
        """Columns of a batch."""

    def basis(self) -> str:
        return "seconds since 1970 in UTC"

    def check(self, path: str) -> None:
        """Whether the source's kind can be read from this log."""
        able = FLOWS if self.source.kind == "flows" else LINES
        if path in able:
            return
        other = " as log-lines" if path in LINES else " as flows" if path in FLOWS else ""
        raise SourceError(
            f"is Zeek's log {path!r}, which cannot be read as {self.source.kind}",
            place=self.shown,
            remedy=(
                f"It can be read{other}: set `kind`."
                if other
                else f"Zeek's {', '.join(FLOWS)} can be read as flows, {', '.join(LINES)} as"
                " log-lines; leave this log out of the case."
            ),
        )

    def columns(self, path: str, found: Columns, number: int) -> tuple[Mask, Columns]:
        """Rows that can be taken, and their columns; `found` holds null where unset."""

        def cell(name: str) -> pa.StringArray:
            return found.get(name, constant(None, number))

        us = pc.coalesce(epoch(cell("ts")), iso(cell("ts")).us)
        good = dated(us)
        columns = READ[path](cell) | {"us": us}
        if self.source.kind == "log-lines":
            columns["raw"] = cell("ts")
        else:
            counts = (("orig_bytes", "bytes_out"), ("resp_bytes", "bytes_in"))
            fair = sound(
                (columns["src"], columns["dst"]), [(cell(a), columns[b]) for a, b in counts]
            )
            good = good if fair is None else good & fair
        return good, take(columns, good)


class _Tabs(_Parser):
    layout = Layout()

    def parse(self, batch: Batch) -> Parsed:
        comment = matches(batch.text, "^#")
        passed = comment | matches(batch.text, r"^\s*$")
        groups, self.layout = by_layout(batch, comment, passed, self.layout, self._changed)
        return in_order(batch, passed, groups, self._rows)

    def _changed(self, layout: Layout, line: str) -> Layout:
        if line.startswith("#separator "):
            return Layout(separator=_unescaped(line.removeprefix("#separator ")))
        name, _, value = line.partition(layout.separator)
        if name == "#path":
            self.check(value)
            return replace(layout, path=value)
        if name == "#fields":
            return replace(layout, fields=tuple(value.split(layout.separator)))
        if name == "#unset_field":
            return replace(layout, unset=value)
        if name == "#empty_field":
            return replace(layout, empty=value)
        return layout

    def _rows(self, text: pa.StringArray, layout: Layout) -> tuple[Mask, Columns]:
        if not layout.path or not layout.separator or len(set(layout.fields)) < len(layout.fields):
            return np.zeros(len(text), dtype=bool), {}
        right, found = cells(text, layout.separator, layout.fields, fields_of(layout.path))
        wanted = {n: filled(a, layout.unset, layout.empty) for n, a in found.items()}
        good, columns = self.columns(layout.path, wanted, int(right.sum()))
        right[right] = good
        return right, columns


def _unescaped(separator: str) -> str:
    r"""A separator as the header writes it: \x09 is a tab."""
    found = re.fullmatch(r"\\x([0-9a-fA-F]{2})", separator.strip())
    return chr(int(found[1], 16)) if found else separator or "\t"


class _Json(_Parser):
    def __init__(self, source: Source, shown: str, path: str) -> None:
        super().__init__(source, shown)
        self.check(path)
        self.path = path

    def parse(self, batch: Batch) -> Parsed:
        passed = matches(batch.text, r"^\s*$")
        kept, found = objects(batch.text, fields_of(self.path))
        good, columns = self.columns(self.path, found, int(kept.sum()))
        kept[kept] = good
        return Parsed(kept, passed, columns)


def objects(text: pa.StringArray, names: tuple[str, ...]) -> tuple[Mask, Columns]:
    """Lines that are JSON objects, and of these the values of some keys, null where not there."""
    paths = ", ".join("'$.\"" + name + "\"'" for name in names)
    lines = pa.table({"line": text})
    with duckdb.connect() as con:
        con.register("lines", lines)
        values = con.sql(
            "SELECT CASE WHEN json_valid(line) AND starts_with(ltrim(line), '{') THEN"
            f" json_extract_string(line, [{paths}]) END AS v FROM lines"
        ).to_arrow_table()
    found = values["v"].combine_chunks()
    flat = found.drop_null().flatten().cast(pa.string())
    places = np.arange(0, len(flat), len(names))
    columns = {n: filled(flat.take(pa.array(places + i))) for i, n in enumerate(names)}
    return np.array(found.is_valid()), columns


def _told_by_keys(start: list[str], path: Path) -> str:
    for line in start:
        for log, keys in TOLD_BY.items():
            if f'"_path":"{log}"' in line.replace(" ", "") or any(f'"{k}"' in line for k in keys):
                return log
    return path.name.split(".")[0]


Cell = Callable[[str], pa.StringArray]


def _conn(cell: Cell) -> Columns:
    out, back = whole_numbers(cell("orig_pkts")), whole_numbers(cell("resp_pkts"))
    proto = pc.ascii_lower(cell("proto"))
    # Zeek keeps the type and the code of an ICMP message where ports stand.
    ported = pc.fill_null(pc.not_equal(proto, "icmp"), True)
    return {
        "duration": spans(cell("duration")),
        "src": cell("id.orig_h"),
        "sport": pc.if_else(ported, whole_numbers(cell("id.orig_p")), None),
        "dst": cell("id.resp_h"),
        "dport": pc.if_else(ported, whole_numbers(cell("id.resp_p")), None),
        "proto": proto,
        "service": cell("service"),
        "bytes_out": whole_numbers(cell("orig_bytes")),
        "bytes_in": whole_numbers(cell("resp_bytes")),
        "packets": pc.add(
            pc.coalesce(out, back), pc.if_else(out.is_valid(), pc.fill_null(back, 0), 0)
        ),
        "sensor": cell("_system_name"),
        "uid": cell("uid"),
    }


def _line(cell: Cell, kind: str) -> Columns:
    """What the log lines of a connection share: who called whom."""
    return {
        "kind": constant(kind, len(cell("ts"))),
        "host": cell("id.resp_h"),
        "address": cell("id.orig_h"),
        "session": cell("uid"),
        "program": constant("zeek", len(cell("ts"))),
    }


def _http(cell: Cell) -> Columns:
    return _line(cell, "request") | {
        "actor": cell("username"),
        "object": cell("uri"),
        "status": cell("status_code"),
        "message": spaced(cell("method"), cell("uri")),
    }


def _dns(cell: Cell) -> Columns:
    return _line(cell, "lookup") | {
        "object": cell("query"),
        "status": cell("rcode_name"),
        "message": spaced(cell("qtype_name"), cell("query"), cell("answers")),
    }


def _ssl(cell: Cell) -> Columns:
    return _line(cell, "handshake") | {
        "object": cell("server_name"),
        "status": cell("validation_status"),
        "key": pc.coalesce(_first(cell("cert_chain_fps")), cell("cert_hash")),
        "message": spaced(cell("version"), cell("cipher"), cell("subject")),
    }


def _ssh(cell: Cell) -> Columns:
    outcome = cell("auth_success")
    told = pa.array(["T", "true", "F", "false"])
    where = pc.index_in(outcome, value_set=told)
    kinds = pa.array(["login", "login", "login-failed", "login-failed"])
    status = pa.array(["ok", "ok", "failed", "failed"])
    return _line(cell, "other") | {
        "kind": pc.fill_null(kinds.take(where), "other"),
        "status": status.take(where),
        "key": cell("host_key"),
        "message": spaced(cell("client"), cell("server")),
    }


def _x509(cell: Cell) -> Columns:
    return {
        "kind": constant("certificate", len(cell("ts"))),
        "object": cell("certificate.subject"),
        "key": cell("fingerprint"),
        "session": cell("id"),
        "program": constant("zeek", len(cell("ts"))),
        "message": spaced(cell("certificate.subject"), cell("certificate.issuer"), cell("san.dns")),
    }


def _first(text: pa.StringArray) -> pa.StringArray:
    """The first of several, as tabs or JSON write them."""
    return filled(pc.replace_substring_regex(text, r'^\["?|[,"\]].*$', ""))


READ: dict[str, Callable[[Cell], Columns]] = {
    "conn": _conn,
    "http": _http,
    "dns": _dns,
    "ssl": _ssl,
    "ssh": _ssh,
    "x509": _x509,
}


@functools.cache
def fields_of(log: str) -> tuple[str, ...]:
    """The fields of a log that its columns are made of."""
    asked = ["ts"]

    def cell(name: str) -> pa.StringArray:
        asked.append(name)
        return constant(None, 0)

    READ[log](cell)
    return tuple(dict.fromkeys(asked))
