"""One-way records of flows as connections: each record with that of its answer.

Routers write a record for each direction of a connection, so that the record of a download names
the server as its source. Records between the same two ends (address and port) by one protocol, one
of which begins while the other lasts or at most `IDLE` later, belong together; who sent the first
of them opened the connection. Of these, the first record of one direction goes with the first of
the other, and so on, where they overlap in time: the two are one row, traced by the one that began
first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

IDLE = 15_000_000
"""Microseconds of silence after which routers end a record."""
SERVICE, CALLER = 1024, 32767
"""A record from a port below the first to one above the second has the shape of an answer."""
AT_ONCE = 2_000_000
"""Records that are joined at once: all those between the same ends are among them."""
MEMORY = "1GB"
"""For the buffers of the database that joins them."""

_ONE_WAY = "bytes_in IS NULL AND src IS NOT NULL AND dst IS NOT NULL"
_WAY = f"""
    SELECT *, us IS NULL AS bare, coalesce(us, wall) AS since,
        coalesce(us, wall) + coalesce(duration, 0) AS until,
        (src, coalesce(sport, -1)) <= (dst, coalesce(dport, -1)) AS forth,
        CASE WHEN forth THEN hash(src, sport, dst, dport, proto, bare)
             ELSE hash(dst, dport, src, sport, proto, bare) END AS ends
    FROM read_parquet(?) WHERE {_ONE_WAY} AND ends % ? = ?"""
"""Records of one direction; `forth` are those from the lower of the two ends."""
# On a tie the higher port comes first: it is the one that is made up for a call.
_ORDER = "ORDER BY since, port DESC, row"
_SPELLS = f"""
    SELECT *, count(*) FILTER (WHERE reach IS NULL OR since > reach + {IDLE}) OVER
        (PARTITION BY ends {_ORDER} ROWS UNBOUNDED PRECEDING) AS spell
    FROM (SELECT row, ends, since, until, forth, coalesce(sport, -1) AS port,
        max(until) OVER (PARTITION BY ends {_ORDER}
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach FROM way)"""
"""Records of the same two ends, by spells between which both are silent."""
_NUMBERED = f"""
    SELECT * EXCLUDE (reach), first_value(forth) OVER spells AS opened,
        CASE WHEN forth THEN count(*) FILTER (WHERE forth) OVER spells
             ELSE count(*) FILTER (WHERE NOT forth) OVER spells END AS number,
        min(forth) OVER whole = max(forth) OVER whole AS alone
    FROM spelt WINDOW spells AS (PARTITION BY ends, spell {_ORDER} ROWS UNBOUNDED PRECEDING),
        whole AS (PARTITION BY ends, spell)"""
"""With who opened the spell, and which record of its direction each is."""
_MATCHED = f"""
    SELECT a.row, b.row AS other, a.forth != a.opened AS answers, a.alone,
        coalesce(a.since <= b.until + {IDLE} AND b.since <= a.until + {IDLE}, false) AS paired,
        (a.since, -a.port, a.row) < (b.since, -b.port, b.row) AS first
    FROM numbered AS a LEFT JOIN numbered AS b ON a.ends = b.ends AND a.spell = b.spell
        AND a.number = b.number AND a.forth != b.forth"""
"""Beside each the record of the other direction."""
_TURNED = f"""
    SELECT way.*, paired, other.until AS other_until, other.duration AS other_duration,
        other.bytes_out AS other_bytes, other.packets AS other_packets,
        CASE WHEN paired OR NOT alone THEN answers
        ELSE coalesce(way.proto IN ('tcp', 'udp') AND way.sport < {SERVICE}
            AND way.dport > {CALLER}, false) END AS turned
    FROM matched JOIN way USING (row) LEFT JOIN way AS other ON paired AND other.row = matched.other
    WHERE first OR NOT paired"""
"""The rows that are made: of a pair, the first; turned where the other side is the caller."""
_MADE = {
    "duration": "CASE WHEN paired AND coalesce(duration, other_duration) IS NOT NULL"
    " THEN greatest(until, other_until) - since ELSE duration END",
    "src": "CASE WHEN turned THEN dst ELSE src END",
    "sport": "CASE WHEN turned THEN dport ELSE sport END",
    "dst": "CASE WHEN turned THEN src ELSE dst END",
    "dport": "CASE WHEN turned THEN sport ELSE dport END",
    "bytes_out": "CASE WHEN NOT turned THEN bytes_out WHEN paired THEN other_bytes END",
    "bytes_in": "CASE WHEN turned THEN bytes_out WHEN paired THEN other_bytes END",
    "packets": "CASE WHEN paired AND other_packets IS NOT NULL"
    " THEN coalesce(packets, 0) + other_packets ELSE packets END",
}
"""Columns of a row that is made; all others are those of its record."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What was made of one-way records.

    Attributes
    ----------
    folder : path
        The flows in files of parquet, with the columns of the file that was read.
    pairs : int
        Pairs of records that are one connection each.
    turned : int
        Answers whose call is in no record: connections of the other side.
    """

    folder: Path
    pairs: int
    turned: int

    @property
    def words(self) -> str:
        """What was made, in words."""
        said = []
        if self.pairs:
            one = "1 pair of records of one direction is one connection"
            several = f"{self.pairs:,} pairs of records of one direction are one connection each"
            said.append(f"{one if self.pairs == 1 else several}, of the side that began")
        if self.turned:
            one = "1 answer without a record of the call is given as a connection"
            several = "answers without a record of the call are given as connections"
            told = one if self.turned == 1 else f"{self.turned:,} {several}"
            said.append(f"{told} of the other side")
        return "; ".join(said)


def joined(path: Path, folder: Path) -> Joined:
    """Join the one-way records of a parquet file of flows.

    An answer without a record of its own call is given as a connection of the other side, of which
    `bytes_in` alone is known: where another record of the spell shows who opened it, or else where
    its ports have the shape of an answer.
    """
    target = folder / f"{path.stem}.joined"
    target.mkdir(exist_ok=True)
    pairs = turned = 0
    with duckdb.connect(config=_limits(folder)) as con:
        names = [
            row[0] for row in con.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()
        ]
        rows = con.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()[0][0]
        whole = f"SELECT * FROM read_parquet(?) WHERE NOT ({_ONE_WAY})"
        con.execute(f"COPY ({whole}) TO '{_quoted(target / 'whole.parquet')}'", [str(path)])
        parts = rows // AT_ONCE + 1
        for part in range(parts):
            con.execute(f"CREATE OR REPLACE TABLE way AS {_WAY}", [str(path), parts, part])
            con.execute(
                f"CREATE OR REPLACE TABLE numbered AS WITH spelt AS ({_SPELLS}) {_NUMBERED}"
            )
            con.execute(f"CREATE OR REPLACE TABLE turned AS WITH matched AS ({_MATCHED}) {_TURNED}")
            made = ", ".join(f"{_MADE.get(name, name)} AS {name}" for name in names)
            file = _quoted(target / f"part-{part}.parquet")
            con.execute(f"COPY (SELECT {made} FROM turned) TO '{file}'")
            of_answers = "count(*) FILTER (turned AND NOT paired)"
            counted = f"SELECT count(*) FILTER (paired), {of_answers} FROM turned"
            found = con.execute(counted).fetchall()[0]
            pairs, turned = pairs + int(found[0]), turned + int(found[1])
    return Joined(target, pairs, turned)


def _limits(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": os.environ.get("VEEDOR_MEMORY", MEMORY),
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",
    }


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
