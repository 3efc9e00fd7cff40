"""What the checks of machines share: who is declared when, and small nights to ask it of.

A night is a case of a hundred stations 000 to 099, with 60 votes for A and 40 for B each, whose
tables of machines are written row by row. What readers make of files is tested with the readers.
"""

from __future__ import annotations

import atexit
import dataclasses
import datetime as dt
import functools
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ibis
import pytest

from tests.building import evidence, facts
from veedor.case.manifest import Event
from veedor.case.plan import Plan, mistakes
from veedor.case.tables import CUSTODY, EVENTS, FLOWS, HASHES, LOG_LINES
from veedor.checks import hosts
from veedor.engine.declared import make_addresses, make_hosts
from veedor.engine.evidence import Evidence
from veedor.engine.machines import LogInfo
from veedor.engine.timeline import types_of
from veedor.engine.verbs import collect

STATIONS = 100
DAY = "2020-01-31T"
TABLES = {
    "flows": FLOWS, "log_lines": LOG_LINES, "events": EVENTS, "custody": CUSTODY, "hashes": HASHES,
}  # fmt: skip


def us(clock: str | None) -> int | None:
    """Microseconds of UTC of a wall clock of the day of the count; 24:30:00 is of the next day."""
    if clock is None:
        return None
    hours, minutes, seconds = clock.split(":")
    start = dt.datetime(2020, 1, 31, tzinfo=dt.UTC).timestamp()
    whole = start + 3600 * int(hours) + 60 * int(minutes)
    return round((whole + float(seconds)) * hosts.MICRO)


def stamp(clock: str) -> str:
    """The same as a finding writes it."""
    at = us(clock)
    assert at is not None
    return dt.datetime.fromtimestamp(at // hosts.MICRO, dt.UTC).isoformat()


def flow(at: str | None, src: str, dst: str, out: int | None = 100, **more: Any) -> dict[str, Any]:
    return {"us": us(at), "src": src, "dst": dst, "bytes_out": out, "bytes_in": 10, **more}


def line(at: str | None, host: str | None, kind: str, **more: Any) -> dict[str, Any]:
    return {"us": us(at), "host": host, "kind": kind, "source": "lines", **more}


@functools.cache
def _base() -> Evidence:
    folder = Path(tempfile.mkdtemp(prefix="veedor-night-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    columns = {
        "station": [f"{i:03d}" for i in range(STATIONS)],
        "centre": [f"C{i // 5}" for i in range(STATIONS)],
        "A": [60] * STATIONS,
        "B": [40] * STATIONS,
    }
    return evidence(folder, {"official": columns}, options=("A", "B"))


def night(
    *,
    flows: Iterable[Mapping[str, Any]] = (),
    lines: Iterable[Mapping[str, Any]] = (),
    events: Iterable[Mapping[str, Any]] = (),
    trails: Iterable[Mapping[str, Any]] = (),
    hashes: Iterable[Mapping[str, Any]] = (),
    incidents: Mapping[str, tuple[str | None, str]] | None = None,
    machines: Iterable[LogInfo] = (),
    **plan: Any,
) -> Evidence:
    """A night with these rows; a station of a row is given by its number, as `sid`.

    Parameters
    ----------
    trails : rows of `custody`; the plan's order of them is `custody`
    incidents : id of an event of the case -> its kind and its clock
    plan : tables of the plan
    """
    base = _base()
    rows = dict(zip(TABLES, (flows, lines, events, trails, hashes), strict=True))
    made = {name: [_row(n, r) for n, r in enumerate(of, 1)] for name, of in rows.items()}
    for name, about in TABLES.items():
        types = types_of(about, base.case)
        table = {c: [r.get(c) for r in made[name]] for c in types}
        _replace(base.con, name, ibis.memtable(table, schema=ibis.schema(types)))
    declared = Plan.model_validate(plan)
    assert not mistakes(declared, set(incidents or ()))
    presented: dict[str, set[str]] = {}
    for row in made["flows"]:
        if row.get("key"):
            presented.setdefault(row["dst"], set()).add(row["key"])
    for row in made["log_lines"]:
        if row.get("key") and row.get("host") and row["kind"] in ("handshake", "certificate"):
            presented.setdefault(row["host"], set()).add(row["key"])
    seen = {
        row[column]
        for of in made.values()
        for row in of
        for column in ("src", "dst", "address", "host")
        if row.get(column)
    }
    for name in ("hosts", "addresses", "presented"):
        _drop(base.con, name)
    make_hosts(base.con, declared)
    make_addresses(base.con, declared, seen, presented)
    logs = {r["source"] for r in made["log_lines"]}
    infos = {name: info(name) for name in sorted(logs)} | {i.source: i for i in machines}
    case = base.case.model_copy(update={"events": _events(incidents or {})})
    return dataclasses.replace(base, case=case, plan=declared, machines=infos)


def _row(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    sid = row.get("sid")
    station = None if sid is None else f"{sid:03d}"
    return {"row": number, "source": "given", "station": station, **row}


def _events(incidents: Mapping[str, tuple[str | None, str]]) -> tuple[Event, ...]:
    return tuple(
        Event(id=name, kind=kind, at=dt.datetime.fromisoformat(stamp(clock)), text="Something.")
        for name, (kind, clock) in incidents.items()
    )


def _drop(con: Any, name: str) -> None:
    views = con.raw_sql("select view_name from duckdb_views()").fetchall()
    con.raw_sql(f"drop {'view' if (name,) in views else 'table'} {name}")


def _replace(con: Any, name: str, table: Any) -> None:
    _drop(con, name)
    con.create_table(name, table)


def info(source: str, **more: Any) -> LogInfo:
    """How a log was read: wholly."""
    about: dict[str, Any] = {
        "kind": "log-lines", "format": "syslog", "of_host": None, "lines": 1, "broken": 0,
        "first_broken": None, "basis": "a clock", "zone": "", "zone_given": False, "undated": 0,
        "first_us": None, "last_us": None, "back": 0, "back_most": 0, "refused": None,
    }  # fmt: skip
    return LogInfo(source=source, **about | more)


def fact(check: str, found: Evidence, subject: str = "") -> Any:
    """What a check of infrastructure says."""
    return facts(check if "." in check else f"infrastructure.{check}", found)[subject]


DECLARED: dict[str, Any] = {
    "hosts": [
        {"id": "perimeter", "role": "perimeter", "addresses": "10.0.0.10", "overseer": "firm",
         "monitor": "agent"},
        {"id": "app", "role": "application", "addresses": "10.0.0.20", "overseer": "firm",
         "monitor": "agent"},
        {"id": "page", "role": "publication", "addresses": "10.0.0.50"},
        {"id": "nat", "role": "translation", "addresses": "198.51.100.11", "shared": True},
    ],
    "groups": [{"id": "desks", "addresses": "10.0.1.0/24", "members": 3, "uses": ["perimeter"]}],
}  # fmt: skip
DESKS = ("10.0.1.1", "10.0.1.2", "10.0.1.3")
OTHER = "203.0.113.9"
HOSTILE = (
    "'; drop table flows; --",
    '"quoted" \\ back',
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "a\tb\r\nc\x1b[31m",
    "{braces} {0} %s %(x)s",
    "x" * 3000,
    "\U0001f600 ñ 漢字",
)
"""Texts with which somebody who writes into a log could try to break what reads it."""


def declared(**change: Any) -> dict[str, Any]:
    """The plan of small nights, with other tables."""
    return DECLARED | change


def one_host(**about: Any) -> dict[str, Any]:
    """The plan of small nights with one host more."""
    return declared(hosts=[*DECLARED["hosts"], {"id": "more", "role": "application", **about}])


SPAN = {
    "id": "more", "role": "application", "addresses": OTHER,
    "valid_from": "2020-01-31T20:00:00Z", "valid_to": "2020-01-31T22:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "inside"),
    [
        ("19:59:59.999999", False),
        ("20:00:00", True),
        ("21:59:59.999999", True),
        ("22:00:00", False),
        (None, True),
    ],
)
def test_an_address_is_declared_from_its_first_instant_until_before_its_last(clock, inside):
    found = night(flows=[flow(clock, DESKS[0], OTHER)], **one_host(**SPAN))
    flows, addresses = found.flows(), found.addresses()
    rest = collect(hosts.only_undeclared(flows, "dst", addresses))
    placed = collect(hosts.with_host(flows, "dst", addresses, "to"))
    assert len(rest["dst"]) == (0 if inside else 1)
    assert placed["to_host"].tolist() == (["more"] if inside else [])


def test_an_address_that_two_hosts_had_one_after_the_other_belongs_to_each_in_its_time():
    first = SPAN | {"id": "first", "valid_from": None, "valid_to": "2020-01-31T20:00:00Z"}
    plan = declared(hosts=[*DECLARED["hosts"], first, SPAN])
    calls = [flow(c, DESKS[0], OTHER) for c in ("19:00:00", "20:00:00", "23:00:00")]
    placed = night(flows=calls, **plan)
    table = hosts.with_host(placed.flows(), "dst", placed.addresses(), "to", how="left")
    rows = collect(table.select("us", "to_host"))
    assert rows["to_host"].tolist() == ["first", "more", None]


def test_an_address_that_two_entries_declare_at_once_does_not_double_what_it_did():
    nat = "198.51.100.11"
    groups = [{"id": name, "addresses": nat, "uses": ["perimeter"]} for name in ("east", "west")]
    found = night(flows=[flow("20:00:00", nat, OTHER)], **declared(groups=groups))
    assert len(collect(hosts.with_host(found.flows(), "src", found.addresses(), "by"))["src"]) == 1


def test_lines_reach_a_machine_only_where_they_tell_of_a_connection():
    kinds = ("request", "login", "handshake", "application-write", "database-write",
             "login-failed", "heartbeat", "service", "lookup", "other")  # fmt: skip
    lines = [line("20:00:00", "app", k, address=OTHER) for k in kinds]
    lines += [line("20:00:00", None, "request", address=OTHER), line("20:00:00", "app", "request")]
    found = night(flows=[flow("20:00:00", "a", "b", out=None)], lines=lines, **DECLARED)
    rows = collect(hosts.contacts(found))
    assert rows["lines"].sum() == 5
    assert rows["connections"].sum() == 1
    assert rows["bytes_out"].sum() == 0


def test_a_sheet_entered_through_both_ends_of_a_line_that_names_it_and_through_its_logged_host():
    found = night(
        lines=[
            line("20:00:00", "app", "application-write", address=OTHER, sid=1),
            line("20:00:01", "db", "database-write", address="10.0.0.20", sid=2),
            line("20:00:02", "app", "request", address=OTHER, message="POST /"),
            line("20:00:03", "app", "request", address=OTHER, sid=5, message="GET /acta/005"),
        ],
        events=[{"sid": 3, "host": "entry", "t": 10}, {"sid": 4, "host": None, "t": 10}],
    )
    rows = collect(hosts.entries(found))
    seen = zip(rows["sid"].tolist(), rows["address"].tolist(), rows["us"].tolist(), strict=True)
    at = us("20:00:00")
    assert sorted(seen) == [(1, OTHER, at), (1, "app", at), (3, "entry", 10 * hosts.MICRO)]


@pytest.mark.parametrize(("clock", "valid", "certain"), [
    ("20:00:00", {}, True), (None, {}, True),
    ("20:00:00", {"valid_from": "2020-01-31T19:00:00Z"}, True),
    ("18:00:00", {"valid_from": "2020-01-31T19:00:00Z"}, False),
    (None, {"valid_from": "2020-01-31T19:00:00Z"}, False),
    (None, {"valid_to": "2020-01-31T19:00:00Z"}, False),
])  # fmt: skip
def test_a_row_without_an_instant_is_certain_only_where_its_machine_is_always_declared(
    clock, valid, certain
):
    found = night(flows=[flow(clock, DESKS[0], OTHER)], **one_host(addresses=OTHER, **valid))
    rows = collect(hosts.certain(found.flows(), "dst", found.addresses()))
    assert len(rows["dst"]) == certain


@pytest.mark.parametrize(("sport", "dport", "answers"), [
    (443, 50_000, 1), (1023, 32_768, 1), (443, 32_767, 0), (1024, 50_000, 0), (50_000, 443, 0),
    (443, 8443, 0), (None, 50_000, 0), (443, None, 0),
])  # fmt: skip
def test_a_flow_from_a_port_of_a_service_to_one_of_a_caller_is_an_answer(sport, dport, answers):
    found = night(flows=[flow("20:00:00", OTHER, "app", sport=sport, dport=dport)], **DECLARED)
    assert collect(hosts.contacts(found))["answers"].tolist() == [answers]


@pytest.mark.parametrize("role", ["web", "content", "publication", "dns"])
def test_what_was_stored_on_a_host_tells_of_a_sheet_whatever_its_role(role):
    """Anybody may ask a public host for a page; nobody stores a sheet there in passing."""
    lines = [
        line("20:00:00", "more", "application-write", address=OTHER, sid=1),
        line("20:00:00", "more", "request", address=OTHER, sid=2, message="POST /acta/002"),
    ]
    plan = declared(hosts=[*DECLARED["hosts"], {"id": "more", "role": role}])
    assert collect(hosts.told(night(lines=lines, **plan)))["sid"].tolist() == [1]


def test_a_few_names_are_listed_and_the_rest_counted():
    assert hosts.names([]) == "none"
    assert hosts.names("abcd") == "a, b, c, d"
    assert hosts.names("abcdef") == "a, b, c, d and 2 more"
