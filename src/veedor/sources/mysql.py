"""The general query log of MySQL and MariaDB.

Source: https://dev.mysql.com/doc/refman/8.0/en/query-log.html. Since 5.7 every record starts with
a stamp in ISO 8601; before, only the first one of each second has a stamp, a wall clock. A
statement of several lines goes on until the next record; the log does not quote it, so a client
can write a line into it that looks like a record.
"""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.sources.columns import Columns, Rule, classified, constant, matches, parts, take
from veedor.sources.lines import Batch, Parsed, read_lines
from veedor.sources.machine import Read
from veedor.sources.records import begun_by
from veedor.sources.stamps import CLOCK, ISO, OFFSET, of_groups
from veedor.sources.statements import what_is_done

_ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:.]{{8,15}}{OFFSET}?"
_OLD = r"[0-9]{6} {1,2}[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
_COMMAND = (
    r"(?P<command>Connect|Query|Quit|Execute|Prepare|Init DB|Change user|Close stmt|Reset stmt"
    r"|Field List|Statistics|Ping|Processlist|Kill|Refresh|Shutdown|Binlog Dump(?: GTID)?"
    r"|Set option|Register Slave|Create DB|Drop DB|Debug|Fetch|Long Data|Daemon|Delayed insert"
    r"|Table Dump|Connect Out|Sleep|Time|Error)"
)
RECORD = (
    rf"(?s)^(?:(?P<raw>{_ISO.replace('(?P<offset>', '(?:')}|{_OLD})|\t\t?)\s*(?P<session>[0-9]+)"
    rf" {_COMMAND}(?:\s+(?P<message>.*))?$"
)
STARTED = r"started with:$"
HEADER = rf"{STARTED}|^Tcp port: |^Time +Id Command"

TOLD = (
    Rule(
        "login-failed",
        r"^Connect Access denied for user '(?P<actor>[^']*)'@'(?P<address>[^']*)'",
        status="failed",
    ),
    Rule(
        "login",
        r"^(?:Connect|Change user) (?P<actor>[^@\s]*)@(?P<address>\S+)(?: as \S*)? on\b",
        status="ok",
    ),
    Rule("logout", "^Quit"),
    Rule("service", "^Shutdown"),
    Rule("account", "^Kill"),
    Rule("database-write", r"^(?:Create|Drop) DB (?P<object>\S+)"),
)


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Records of a general query log: `session` is the connection's number.

    Raises
    ------
    SourceError
        Where no line begins a record.
    """
    join = begun_by(f"(?:{RECORD})|{HEADER}").join
    return read_lines(con, source, path, folder, Records(), join=join)


class Records:
    """Parser of records of the general query log."""

    def __init__(self) -> None:
        self.raw: str | None = None
        self.starts = 0
        self.accounts: dict[str, tuple[str | None, str | None]] = {}
        self.fixed = self.local = False

    def parse(self, batch: Batch) -> Parsed:
        """Records of a batch."""
        kept, found = parts(batch.text, RECORD)
        passed = (matches(batch.text, r"^\s*$") | matches(batch.text, HEADER)) & ~kept
        run = self.starts + np.cumsum(matches(batch.text, STARTED) & ~kept)
        self.starts = int(run[-1]) if len(run) else self.starts
        found = take(found, kept)
        if not kept.any():
            return Parsed(kept, passed, {})
        raw = pc.fill_null_forward(
            pa.concat_arrays([pa.array([self.raw], pa.string()), found["raw"]])
        )
        raw = raw.slice(1)
        self.raw = raw[-1].as_py()
        columns = self._told(found, run[kept])
        return Parsed(kept, passed, columns | self._instants(raw) | {"raw": raw})

    def basis(self) -> str:
        """What the stamps are."""
        said = ["ISO 8601, with the offset that it states"] if self.fixed else []
        if self.local:
            said.append("wall clock of the server; a record without a stamp is of the one before")
        return "; ".join(said)

    def _told(self, found: Columns, run: np.ndarray) -> Columns:
        number = len(run)
        words = pc.binary_join_element_wise(
            found["command"], pc.fill_null(found["message"], ""), " "
        )
        told = classified(words, None, TOLD)
        columns = {
            name: told.get(name, constant(None, number))
            for name in ("kind", "status", "actor", "address", "object")
        }
        asked = pc.is_in(found["command"], value_set=pa.array(["Query", "Execute"]))
        if pc.any(asked).as_py():
            done = what_is_done(found["message"].filter(asked), mysql=True)
            for name in ("kind", "object"):
                columns[name] = pc.replace_with_mask(columns[name], asked, done[name])
        runs = pa.array(run.astype(str))
        self._remember(columns, pc.binary_join_element_wise(runs, found["session"], " "))
        return columns | {"session": found["session"], "message": words}

    def _remember(self, columns: Columns, key: pa.StringArray) -> None:
        """Give each record the account and the address of its connection."""
        opened = pc.equal(columns["kind"], "login")
        rows = [a.filter(opened).to_pylist() for a in (key, columns["actor"], columns["address"])]
        self.accounts.update({k: (actor, at) for k, actor, at in zip(*rows, strict=True)})
        coded = key.dictionary_encode()
        known = [self.accounts.get(k, (None, None)) for k in coded.dictionary.to_pylist()]
        for place, name in enumerate(("actor", "address")):
            of_connection = pa.array([pair[place] for pair in known], pa.string())
            columns[name] = pc.coalesce(columns[name], of_connection.take(coded.indices))
        for closed in key.filter(pc.equal(columns["kind"], "logout")).to_pylist():
            self.accounts.pop(closed, None)

    def _instants(self, raw: pa.StringArray) -> Columns:
        new = of_groups(parts(raw, ISO + "$")[1])
        groups = parts(
            raw, rf"^(?P<year>[0-9]{{2}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}) +{CLOCK}$"
        )[1]
        groups["year"] = pc.binary_join_element_wise("20", groups["year"], "")
        old = of_groups(groups)
        wall = pc.coalesce(new.wall, old.wall)
        self.fixed |= new.us.null_count < len(raw)
        self.local |= wall.null_count < len(raw)
        return {"us": new.us, "wall": wall}
