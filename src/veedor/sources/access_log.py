"""Access logs of web servers: the common and the combined format, and nginx's own, told by line.

Sources: https://httpd.apache.org/docs/current/logs.html and
https://nginx.org/en/docs/http/ngx_http_log_module.html. A name of the virtual host before the
address, as Apache's `vhost_combined` has it, is read too. Where a list of addresses stands for the
client (X-Forwarded-For), the first one is taken, which proxies name as the client: the client
itself may have written it. Stamps carry their offset from UTC.
"""

from __future__ import annotations

from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.sources.columns import (
    Columns,
    constant,
    distinct,
    filled,
    first_of,
    matches,
    parts,
    spaced,
    take,
)
from veedor.sources.lines import Batch, Parsed, read_lines
from veedor.sources.machine import Read
from veedor.sources.stamps import CLOCK, OFFSET, of_groups

_STAMPED = r" \[(?P<raw>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[^\]]*)\] "
_ASKED = r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>[0-9]{3}|-) (?:[0-9]+|-)'
LINES = (
    r"^(?P<host>)(?P<address>[^\s,]+) \S+ (?P<actor>\S+)" + _STAMPED + _ASKED,
    r"^(?:(?P<host>[^\s:\[\]]+):[0-9]{1,5} )?(?P<address>[^\s,]+)(?:, *[^\s,]+)*"
    r" \S+ (?P<actor>\S.*?)" + _STAMPED + _ASKED,
)
STAMP = rf"^(?P<day>[0-9]{{2}})/(?P<month>[A-Z][a-z]{{2}})/(?P<year>[0-9]{{4}}):{CLOCK} {OFFSET}$"
REQUEST = r"^(?P<method>[A-Za-z_-]+) (?P<path>\S+)(?: HTTP/[0-9.]+)?$"


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Web requests: the client is `address`, the path is `object`, method and path the message.

    Raises
    ------
    SourceError
        Where no line is of such a format.
    """
    return read_lines(con, source, path, folder, Requests())


class Requests:
    """Parser of access logs."""

    def parse(self, batch: Batch) -> Parsed:
        """Requests of a batch of lines."""
        kept, found = first_of(batch.text, LINES)
        found = take(found, kept)
        clean, request = parts(found["request"], REQUEST)
        columns = {
            "kind": constant("request", len(clean)),
            "raw": found["raw"],
            **distinct(found["raw"], _instants),
            "host": found["host"],
            "address": found["address"],
            "actor": filled(found["actor"], "-"),
            "status": filled(found["status"], "-"),
            "object": request["path"],
            "message": pc.if_else(
                clean, spaced(request["method"], request["path"]), found["request"]
            ),
        }
        return Parsed(kept, matches(batch.text, r"^\s*$"), columns)

    def basis(self) -> str:
        """What the stamps are."""
        return "wall clock with its offset from UTC, to the second"


def _instants(raw: pa.StringArray) -> Columns:
    return of_groups(parts(raw, STAMP)[1]).columns()
