"""Open what machines recorded: flows and log lines, of any format that veedor reads.

A reader streams: a file is never held in memory whole. It is tolerant of a broken line, which it
counts and shows, and strict about time: a stamp without an offset is given as a wall clock, and
the engine reads it in the zone that the case states.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir

from veedor.case.source import Source
from veedor.case.tables import FLOWS, LOG_LINES

READERS = {
    "zeek": "zeek",
    "nfdump": "nfdump",
    "pcap": "pcap",
    "access-log": "access_log",
    "iis": "iis",
    "syslog": "syslog",
    "evtx": "evtx",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "timesketch": "timesketch",
    "delimited": "mapped",
    "parquet": "mapped",
    "excel": "mapped",
}
"""Format -> the module of this package whose `read` reads it."""

GIVEN_LATER = ("source", "sid", "zone")
"""Columns of the canonical tables that the engine adds to what a reader gives."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader found in one file.

    Attributes
    ----------
    table : ibis table
        The columns of FLOWS or LOG_LINES without those of `GIVEN_LATER`, with their types, and
        `wall` (int64): microseconds since 1970 of a wall clock without an offset. `us` is set where
        the stamp itself fixes the instant, `wall` where it does not, neither where it is not read.
    lines : int
        Lines (records, packets) of the file that ought to hold a row; comments are none.
    broken : int
        Of them, those that could not be read as the format has it. They are not in `table`.
    first_broken : (row, text) or None
        The text is cut to 200 characters and holds no control characters.
    basis : str
        What the stamps are, in words, such as "seconds since 1970 in UTC" or "wall clock without a
        year; the first line is taken to be of 2019, and a month that falls back begins a new year".
    spanning : int
        Records of several lines.
    notes : str
        What else there is to say of the reading, in words; `basis` ends with it.
    """

    table: ir.Table
    lines: int
    broken: int
    first_broken: tuple[int, str] | None
    basis: str
    spanning: int = 0
    notes: str = ""


def open_machine(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Read a file of flows or log lines.

    Parameters
    ----------
    con : Ibis backend
    source : Source
        Of kind `flows` or `log-lines`.
    path : path
        Where its file lies: plain, gzipped, or in a zip archive.
    folder : path
        For files made on the way; removed by the caller.

    Raises
    ------
    SourceError
        Where the file cannot be opened, is empty, or is of another format than the case says.
    """
    module = importlib.import_module(f"veedor.sources.{READERS[source.format]}")
    found: Read = module.read(con, source, path, folder)
    return found


def columns_of(source: Source) -> dict[str, str]:
    """Column that a reader gives -> its type: int64 or string."""
    table = FLOWS if source.kind == "flows" else LOG_LINES
    kinds = {"int64": "int64", "text": "string"}
    given = {n: kinds[about.split(":")[0]] for n, about in table.items() if n not in GIVEN_LATER}
    return given | {"wall": "int64"}
