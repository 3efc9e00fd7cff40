"""Windows event logs (EVTX), by the `evtx` package.

Sources: Microsoft's "Appendix L: Events to Monitor" and the pages of each event. Stamps are UTC,
to 100 ns, by the format. A record's own number (EventRecordID) is `sequence`: a gap in it is a
record that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from veedor.case.source import Source
from veedor.errors import SourceError
from veedor.sources.lines import opened, sink, unpacked
from veedor.sources.machine import Read
from veedor.sources.stamps import iso

MAGIC = b"ElfFile\x00"
BATCH = 20_000

KINDS = {
    "4624": "login",
    "4625": "login-failed",
    "4771": "login-failed",
    "4776": "login",
    "4768": "login",
    "4648": "login",
    "4778": "login",
    "21": "login",
    "4634": "logout",
    "4647": "logout",
    "4779": "logout",
    "4672": "privilege",
    "4673": "privilege",
    "4674": "privilege",
    "4688": "other",
    "4719": "configuration",
    "4739": "configuration",
    "4946": "configuration",
    "4947": "configuration",
    "4948": "configuration",
    "4950": "configuration",
    "5025": "configuration",
    "4657": "configuration",
    "4720": "account",
    "4722": "account",
    "4725": "account",
    "4726": "account",
    "4727": "account",
    "4728": "account",
    "4729": "account",
    "4731": "account",
    "4732": "account",
    "4733": "account",
    "4738": "account",
    "4740": "account",
    "4756": "account",
    "4767": "account",
    "4781": "account",
    "4723": "credential",
    "4724": "credential",
    "1102": "log-cleared",
    "104": "log-cleared",
    "1100": "log-cleared",
    "4616": "clock",
    "1": "clock",
    "35": "clock",
    "37": "clock",
    "7036": "service",
    "7034": "service",
    "7035": "service",
    "7040": "configuration",
    "7045": "service",
    "4697": "service",
    "6005": "service",
    "6006": "service",
    "6008": "service",
    "6009": "service",
    "1074": "service",
    "12": "service",
    "13": "service",
    "41": "service",
    "4608": "service",
    "4609": "service",
    "6013": "heartbeat",
}
"""Event -> what it tells of."""

PROVIDERS = {
    **dict.fromkeys(("7034", "7035", "7036", "7040", "7045"), "Service Control Manager"),
    **dict.fromkeys(("6005", "6006", "6008", "6009", "6013"), "EventLog"),
    **dict.fromkeys(("12", "13", "1"), "Microsoft-Windows-Kernel-General"),
    **dict.fromkeys(("35", "37"), "Microsoft-Windows-Time-Service"),
    **dict.fromkeys(("104", "1100", "1102"), "Microsoft-Windows-Eventlog"),
    "41": "Microsoft-Windows-Kernel-Power",
    "1074": "User32",
    "21": "Microsoft-Windows-TerminalServices-LocalSessionManager",
}
"""Events whose number another provider gives another meaning -> the provider that is meant."""

SECURITY = "Microsoft-Windows-Security-Auditing"
"""The provider of events from 4608 on."""

FAILED = ("4625", "4771")
CHECKED = ("4768", "4776")
"""Events of both outcomes, which their status tells."""
OK = ("4624", "4648", "4768", "4776")


def kind_of(event: str, provider: str) -> str:
    """What an event tells of, by its number and its provider."""
    meant = PROVIDERS.get(event, SECURITY)
    return KINDS.get(event, "other") if provider == meant else "other"


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Records of an event log: the values of an event, as `Name=value`, are its message.

    Raises
    ------
    SourceError
        Where the file is no event log, or the package `evtx` is not installed.
    """
    try:
        from evtx import PyEvtxParser
    except ImportError as error:
        raise SourceError(
            "Windows event logs need the package evtx",
            place=path.name,
            remedy="pip install 'veedor[logs]'",
        ) from error
    plain = _plain(source, path, folder)
    with sink(source, path, folder) as out:
        rows: list[dict[str, Any]] = []
        numbers: list[int] = []
        for number, record in enumerate(_records(PyEvtxParser, plain, out.shown), 1):
            found = record if isinstance(record, str) else _row(record)
            if isinstance(found, str):
                out.reject(number, found)
                continue
            rows.append(found)
            numbers.append(number)
            if len(rows) >= BATCH:
                out.write(np.array(numbers), _columns(rows))
                rows, numbers = [], []
        if rows:
            out.write(np.array(numbers), _columns(rows))
        return out.read(con, "UTC, as the format has it")


def _plain(source: Source, path: Path, folder: Path) -> Path:
    """The file unpacked, since the package reads files and not streams."""
    with opened(source, path) as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise SourceError(
                "is no Windows event log (EVTX)",
                place=f"{path.name} ({source.id})",
                remedy=f"Mend `format` of sources.{source.id}; the older .evt is not read.",
            )
    return unpacked(source, path, folder)


def _records(parser: Any, path: Path, shown: str) -> Iterator[dict[str, Any] | str]:
    """Records, or why one cannot be read."""
    try:
        records = parser(str(path)).records_json()
    except BaseException as error:
        raise _refused(error, shown) from error
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except (RuntimeError, ValueError, OSError) as error:
            record = str(error)
        except BaseException as error:
            raise _refused(error, shown) from error
        yield record


def _refused(error: BaseException, shown: str) -> BaseException:
    """A panic of the package is no exception of Python's; others, such as an interrupt, go on."""
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return SourceError(
            f"the event log is damaged ({error})",
            place=shown,
            remedy="Copy it again from the image, or export it anew as EVTX.",
        )
    return error


def _row(record: Mapping[str, Any]) -> dict[str, Any] | str:
    """What is kept of a record, or why it cannot be read."""
    try:
        event = json.loads(record["data"])["Event"]
        system = event["System"]
        provider = system["Provider"]["#attributes"]["Name"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return f"record {record.get('event_record_id')}: {type(error).__name__} {error}"
    number = _text(system.get("EventID")) or ""
    data = _values(event)
    failed = number in FAILED or (number in CHECKED and data.get("Status", "0x0") != "0x0")
    created = (system.get("TimeCreated") or {}).get("#attributes", {}).get("SystemTime")
    return {
        "raw": str(created or record.get("timestamp")),
        "host": _text(system.get("Computer")),
        "kind": "login-failed" if failed else kind_of(number, str(provider)),
        "status": "failed" if failed else "ok" if number in OK else None,
        "actor": _first(data, "TargetUserName", "SubjectUserName", "User")
        if number in (*OK, *FAILED, "4634", "4647")
        else _first(data, "SubjectUserName", "User", "TargetUserName"),
        "address": _first(data, "IpAddress", "WorkstationName", "Workstation", "Address"),
        "object": _first(data, "ServiceName", "NewProcessName", "TargetUserName", "param1"),
        "before": data.get("PreviousTime"),
        "after": data.get("NewTime"),
        "session": _first(data, "TargetLogonId", "SubjectLogonId"),
        "sequence": _number(system.get("EventRecordID", record.get("event_record_id"))),
        "program": str(provider),
        "message": " ".join([number, *(f"{name}={value}" for name, value in data.items())]),
    }


def _values(event: Mapping[str, Any]) -> dict[str, str]:
    """The values of an event by their names, those that are filled."""
    found: dict[str, str] = {}
    for part in ("EventData", "UserData"):
        _walk(event.get(part), found)
    return {name: value for name, value in found.items() if value not in ("", "-")}


def _walk(part: Any, found: dict[str, str]) -> None:
    if not isinstance(part, Mapping):
        return
    for name, value in part.items():
        if name == "#attributes":
            continue
        if isinstance(value, Mapping) and "#text" not in value:
            _walk(value, found)
        else:
            found[name] = _text(value) or ""


def _text(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("#text")
    if value is None or isinstance(value, Mapping):
        return None
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _first(data: Mapping[str, str], *names: str) -> str | None:
    return next((data[name] for name in names if name in data), None)


def _number(value: Any) -> int | None:
    text = _text(value) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _columns(rows: list[dict[str, Any]]) -> dict[str, pa.Array]:
    columns = {
        name: pa.array(
            [row[name] for row in rows], pa.int64() if name == "sequence" else pa.string()
        )
        for name in rows[0]
    }
    return columns | {"us": iso(columns["raw"]).us}
