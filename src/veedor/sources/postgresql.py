"""Logs of PostgreSQL in its csvlog format.

Source: https://www.postgresql.org/docs/current/runtime-config-logging.html, "Using CSV-Format Log
Output": 23 columns until version 12, 24 in 13, 26 since 14. A stamp names its zone; only UTC, GMT
and offsets fix the instant, since other abbreviations mean several zones.
"""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.sources.columns import (
    Columns,
    Mask,
    Rule,
    classified,
    constant,
    filled,
    matches,
    parts,
    take,
    whole_numbers,
)
from veedor.sources.lines import Batch, Parsed, read_lines
from veedor.sources.machine import Read
from veedor.sources.records import Dialect, delimited_cells, quoted
from veedor.sources.stamps import iso
from veedor.sources.statements import what_is_done

STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
CERTAIN = rf'^{STAMP} \S+,(?:"[^"]|,,[0-9]+,[^"]*"[^"])'
"""Begins a record wherever it stands: within quotes, every quote would be doubled. Processes of the
server have no account."""

COLUMNS = {
    "raw": 0,
    "actor": 1,
    "process": 3,
    "from": 4,
    "session": 5,
    "sequence": 6,
    "severity": 11,
    "message": 13,
    "detail": 14,
    "program": 22,
}
"""What is used -> its place in a record."""
USED = tuple(str(place) for place in COLUMNS.values())
WIDTHS = (26, 24, 23)
"""Columns of a record by version; of one file, the width of most is read."""

_SAID = (
    Rule(
        "login-failed",
        r'^\S+(?: \S+)? authentication failed for user "(?P<object>[^"]*)"|^no pg_hba\.conf entry'
        r'|^role "[^"]*" (?:does not exist|is not permitted to log in)',
        status="failed",
    ),
    Rule("login", r"^connection authorized: user=(?P<object>\S+)", status="ok"),
    Rule("logout", r"^disconnection: session time"),
    Rule(
        "service",
        r"^database system is (?:ready|shut|shutting)|^database system was (?:shut|interrupted)"
        r"|^received (?:fast|smart|immediate) shutdown|^starting PostgreSQL"
        r"|^terminating .*process",
    ),
    Rule("configuration", r'^parameter "(?P<object>[^"]+)" (?:changed|removed)|SIGHUP, reloading'),
)

_STATEMENT = r"(?s)^(?:duration: [0-9.]+ ms +)?(?:statement|execute [^:]*): (?P<sql>.*)$"
_PREPARED = r"(?is)^prepare: prepare\s+.*?\bas\b(?P<sql>.*)$"
_AUDIT = (
    r"(?s)^AUDIT: [A-Z]+,[0-9]+,[0-9]+,(?P<class>[A-Z]+),[^,]*,[^,]*,(?P<object>[^,]*),(?P<sql>.*)$"
)
_CLASSES = {"WRITE": "database-write", "READ": "database-read", "ROLE": "account"}


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Records of a csvlog: `session` is the session's id, `sequence` its line number.

    Raises
    ------
    SourceError
        Where no record has the columns of a csvlog.
    """
    join = quoted('"', '"', lambda lines: matches(lines, CERTAIN)).join
    return read_lines(con, source, path, folder, Records(), join=join)


class Records:
    """Parser of csvlog records."""

    def __init__(self) -> None:
        self.widths = list(WIDTHS)

    def parse(self, batch: Batch) -> Parsed:
        """Records of a batch."""
        kept, found = _cells(batch.text, self.widths)
        if kept.any():
            columns = {name: filled(found[str(place)]) for name, place in COLUMNS.items()}
            good = matches(columns["raw"], f"^{STAMP} ")
            kept[kept] = good
            found = _columns(take(columns, good))
        return Parsed(kept, matches(batch.text, r"^\s*$"), found)

    def basis(self) -> str:
        """What the stamps are."""
        return "wall clock with the zone of the server; UTC, GMT and offsets fix the instant"


def _cells(text: pa.StringArray, widths: list[int]) -> tuple[Mask, Columns]:
    """Cells of records by their place. The width that is met is put first for the next time."""
    for width in [*widths]:
        names = [str(place) for place in range(width)]
        kept, found = delimited_cells(text, names, Dialect(), USED)
        if kept.any():
            widths.remove(width)
            widths.insert(0, width)
            return kept, found
    return np.zeros(len(text), dtype=bool), {}


def _columns(found: Columns) -> Columns:
    message = found["message"]
    told = statements(message, found["detail"])
    failed = pc.is_in(found["severity"], value_set=pa.array(["ERROR", "FATAL", "PANIC"]))
    address = parts(found["from"], r"^(?P<address>.*?)(?::[0-9]+)?$")[1]["address"]
    login = pc.is_in(told["kind"], value_set=pa.array(["login", "login-failed"]))
    # Before a connection is authorised, the account stands in the message only.
    named = pc.if_else(login, told["object"], None)
    return {
        **_instants(found["raw"]),
        **told,
        "raw": found["raw"],
        "object": pc.if_else(login, None, told["object"]),
        "actor": pc.coalesce(found["actor"], named),
        "address": filled(address, "[local]"),
        "session": pc.coalesce(found["session"], found["process"]),
        "sequence": whole_numbers(found["sequence"]),
        "status": pc.coalesce(told["status"], pc.if_else(failed, "failed", None)),
        "program": found["program"],
        "message": message,
    }


def _instants(raw: pa.StringArray) -> Columns:
    fixed = iso(raw)
    named = iso(pc.replace_substring_regex(raw, r" [A-Z]{3,5}$", ""))
    wall = pc.if_else(fixed.us.is_valid(), None, named.wall)
    return {"us": fixed.us, "wall": wall}


def statements(message: pa.StringArray, detail: pa.StringArray) -> Columns:
    """Kind, object and status of what a server says, of statements and of pgaudit's records.

    `detail` names the statement that an EXECUTE runs.
    """
    number = len(message)
    hit, found = parts(message, _STATEMENT)
    audited, audit = parts(message, _AUDIT)
    said = classified(message, None, _SAID)
    columns = {
        name: said.get(name, constant(None, number)) for name in ("kind", "object", "status")
    }
    if hit.any():
        ran = parts(detail.filter(pa.array(hit)), _PREPARED)[1]["sql"]
        done = what_is_done(pc.coalesce(ran, take(found, hit)["sql"]))
        for name in ("kind", "object"):
            columns[name] = pc.replace_with_mask(columns[name], pa.array(hit), done[name])
    if audited.any():
        classes = pc.index_in(audit["class"], value_set=pa.array(list(_CLASSES)))
        kinds = pc.fill_null(pa.array(list(_CLASSES.values())).take(classes), "other")
        columns["kind"] = pc.if_else(pa.array(audited), kinds, columns["kind"])
        columns["object"] = pc.coalesce(audit["object"], columns["object"])
    return columns
