"""The log lines as an election event log of NIST SP 1500-101, in JSON.

Source: NIST Special Publication 1500-101, Election Event Logging Common Data Format, version 1;
schema at https://github.com/usnistgov/ElectionEventLogging.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import ibis.expr.types as ir

from veedor.export import Progress, Written, counted, entries, instant, merged, undated
from veedor.export.timesketch import line

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_SUCCESS = re.compile(r"ok|success|succeeded|accepted|[123]\d\d")
_FAILURE = re.compile(r"failed|failure|error|refused|denied|[45]\d\d")


def write(
    log_lines: ir.Table,
    out: TextIO,
    *,
    election: str,
    generated: dt.datetime,
    progress: Progress | None = None,
) -> Written:
    """An `ElectionEventLog` with a device for each host and an event for each dated line.

    Parameters
    ----------
    log_lines : table as `veedor.case.tables.LOG_LINES`
        Lines without a host stand under a device named after their source.
    election : str
        `ElectionId`.
    generated : aware datetime
        `GeneratedTime`.

    An event's `Id` is its source and row, `Type` its kind, `Sequence` its number within the device
    by time, `TimeStamp` its instant in the zone in which its stamp was read, `Hash` the SHA-256 of
    its line in `veedor.export.timesketch.write_jsonl` without the end of line, where the stamp as
    written, the address and the object stand too.
    """
    timeline = merged(log_lines)
    missing = undated(timeline)
    timeline = timeline.mutate(device=timeline.host.fill_null("source " + timeline.source))
    rows = counted(entries(timeline, ("device", "us", "source", "row")), progress)
    head = {
        "@type": "EventLogging.ElectionEventLog",
        "Details": f"Lines left out for want of an instant: {missing}",
        "ElectionId": election,
        "GeneratedTime": generated.isoformat(timespec="seconds"),
    }
    out.write(_json(head)[:-1] + ',"Device":[')
    number = 0
    for i, (device, lines) in enumerate(groupby(rows, key=lambda row: str(row["device"]))):
        out.write((",\n" if i else "\n") + _device(device))
        for k, event in enumerate(_events(lines)):
            out.write((",\n" if k else "\n") + _json(event))
            number += 1
        out.write("]}")
    out.write("]}\n")
    return Written(number, missing)


def disposition(kind: str | None, status: str | None) -> tuple[str, str | None]:
    """The `Disposition` of a line, and the status as written where that is none of the known."""
    if kind == "login-failed":
        return "failure", None
    if not status:
        return "na", None
    small = status.strip().lower()
    if _SUCCESS.fullmatch(small):
        return "success", None
    if _FAILURE.fullmatch(small):
        return "failure", None
    return "other", status


def _device(device: str) -> str:
    """A device up to where its events begin."""
    about = {"@type": "EventLogging.Device", "Id": device, "HashType": "sha-256"}
    return _json(about)[:-1] + ',"Event":['


def _events(lines: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for sequence, row in enumerate(lines, 1):
        outcome, other = disposition(row["kind"], row["status"])
        event = {
            "@type": "EventLogging.Event",
            "Id": f"{row['source']}:{row['row']}",
            "Type": row["kind"],
            "Sequence": str(sequence),
            "TimeStamp": _stamp(row["us"], row["zone"]),
            "Disposition": outcome,
            "OtherDisposition": other,
            "UserId": row["actor"],
            "Description": row["message"],
            "Hash": hashlib.sha256(line(row).encode()).hexdigest(),
        }
        yield {name: value for name, value in event.items() if value is not None}


def _stamp(us: int, zone: str | None) -> str:
    """The instant in its zone; in UTC where the zone is not known or its offset is not of minutes,
    as before there were standard times, which RFC 3339 cannot write.
    """
    at = instant(us)
    with contextlib.suppress(OverflowError):
        there = at.astimezone(_zone(zone or ""))
        if not (there.utcoffset() or dt.timedelta()) % dt.timedelta(minutes=1):
            at = there
    return at.isoformat(timespec="microseconds")


@lru_cache(maxsize=256)
def _zone(zone: str) -> dt.tzinfo:
    """The zone of an offset or a name; UTC where it is neither."""
    offset = _OFFSET.fullmatch(zone)
    if offset and int(offset[2]) < 24 and int(offset[3]) < 60:
        sign = -1 if offset[1] == "-" else 1
        return dt.timezone(sign * dt.timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    try:
        return ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        return dt.UTC


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
