"""One spelling for each address, by itself and in each table of a case."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.building import evidence, facts
from veedor.engine.spelling import spelt
from veedor.engine.verbs import collect


@pytest.mark.parametrize(("written", "usual"), [
    ("10.0.0.10", "10.0.0.10"),
    ("10.0.0.10:5533", "10.0.0.10"),
    (" 10.0.0.10 ", "10.0.0.10"),
    ("[10.0.0.10]", "[10.0.0.10]"),
    ("2001:DB8:0:0::9", "2001:db8::9"),
    ("[2001:db8::9]", "2001:db8::9"),
    ("[2001:db8:0::9]:443", "2001:db8::9"),
    ("::ffff:10.0.0.10", "10.0.0.10"),
    ("[::FFFF:a00:a]:443", "10.0.0.10"),
    ("::10.0.0.10", "::a00:a"),
    ("127.0.0.1", "127.0.0.1"),
    ("fe80::1%eth0", "fe80::1%eth0"),
])  # fmt: skip
def test_an_address_is_written_in_one_way(written, usual):
    # Brackets are written around IPv6 alone, and mean the same around any other address.
    assert spelt(written) == usual.strip("[]")


@pytest.mark.parametrize("name", [
    "app", "App.count.example", "app:5533", "10.0.0.300", "10.0.0.300:80", "10.0.0.10:123456",
    "10.0.0.10:", "10.0.0", "10.0.0.1/24", "[app]:80", "[", "[]", " app ", "", "2001:db8::9::1",
    "<b>10.0.0.10</b>", "x" * 300,
])  # fmt: skip
def test_a_name_is_left_as_it_is(name):
    assert spelt(name) == name


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_port_changes_nothing_and_spelling_twice_is_spelling_once(address, port):
    bare = spelt(str(address))
    with_port = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    assert spelt(with_port) == bare == spelt(bare)
    mapped = getattr(address, "ipv4_mapped", None)
    assert ipaddress.ip_address(bare) == (mapped or address)


COUNT = {"official": {"station": ["1", "2", "3"], "A": [6, 6, 6], "B": [3, 3, 3], "C": [1, 1, 1]}}
FIELDS = ("host", "kind", "address", "station", "message")
HOSTS = [
    {"id": "perimeter", "role": "perimeter", "addresses": "10.0.0.10"},
    {"id": "app", "role": "application", "addresses": ["10.0.0.20", "2001:db8::20"]},
]


def read(tmp_path, flows=(), lines=(), events=()):
    when = "2020-01-31T20:00:00Z"
    tables = {
        "flows": ({"kind": "flows", "fields": {"src": "src", "dst": "dst"}}, ("src", "dst"), flows),
        "lines": ({"kind": "log-lines", "fields": {n: n for n in FIELDS}}, FIELDS, lines),
        "log": ({"kind": "log", "key": "station", "stage": "received", "fields": {"host": "host"}},
                ("station", "host"), events),
    }  # fmt: skip
    files = {
        name: (about | {"instant": "at"},
               {"at": [when] * len(rows)} | {c: [r[i] for r in rows]
                                             for i, c in enumerate(columns)})
        for name, (about, columns, rows) in tables.items()
        if rows
    }  # fmt: skip
    return evidence(tmp_path, COUNT, files=files, hosts=HOSTS)


def test_every_table_of_a_case_has_the_usual_spelling_and_keeps_its_rows(tmp_path):
    found = read(
        tmp_path,
        flows=[("::ffff:10.0.0.10", "[2001:DB8::20]:443"), ("10.0.0.10:5533", "app:80"),
               ("10.0.0.10", "10.0.0.20")],
        lines=[("10.0.0.20:80", "request", "[::ffff:192.0.2.9]:1", "1", "POST /"),
               ("app", "request", "", "2", "POST /")],
    )  # fmt: skip
    flows = collect(found.flows().select("row", "src", "dst"))
    assert flows["src"].tolist() == ["10.0.0.10"] * 3
    assert flows["dst"].tolist() == ["2001:db8::20", "app:80", "10.0.0.20"]
    lines = collect(found.log_lines().select("row", "host", "address"))
    assert lines["host"].tolist() == ["10.0.0.20", "app"]
    assert lines["address"].tolist() == ["192.0.2.9", None]
    declared = collect(found.addresses().select("address", "host"))
    pairs = dict(zip(declared["address"].tolist(), declared["host"].tolist(), strict=True))
    assert pairs["10.0.0.10"] == "perimeter"
    assert pairs["2001:db8::20"] == pairs["10.0.0.20"] == "app"


def test_a_declared_address_with_its_port_is_the_declared_host(tmp_path):
    found = read(
        tmp_path,
        flows=[("10.0.0.10:5533", "10.0.0.20:80")],
        lines=[("10.0.0.20", "application-write", a, s, "") for s, a in
               (("1", "10.0.0.10:5533"), ("2", "127.0.0.1:40000"), ("3", "[::ffff:10.0.0.10]:9"))],
    )  # fmt: skip
    said = facts("infrastructure.undeclared-host", found)[""]
    assert (said.status, said.statistic["hosts"]) == ("not-observed", [])
    assert (said.statistic["entered"], said.statistic["sheets"]) == (3, 3)
    assert said.statistic["other_callers"] == 0


def test_one_undeclared_machine_in_three_spellings_is_one(tmp_path):
    spellings = ("192.0.2.9", "192.0.2.9:5533", "::ffff:192.0.2.9")
    found = read(tmp_path, lines=[("app", "application-write", a, str(i), "")
                                  for i, a in enumerate(spellings, 1)])  # fmt: skip
    said = facts("infrastructure.undeclared-host", found)
    (row,) = said[""].statistic["hosts"]
    assert (row["address"], row["stations"]) == ("192.0.2.9", 3)
    assert set(said) == {"", "192.0.2.9"}
