"""What an address is by the plan: by address, network, name or key, and when."""

from __future__ import annotations

import datetime as dt
import ipaddress
from types import SimpleNamespace

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.building import small_case
from veedor.case.loading import load_case
from veedor.case.plan import Plan
from veedor.engine.declared import (
    Book,
    apart,
    key_kind,
    make_addresses,
    make_hosts,
    micros,
    parsed,
    plain_key,
    plan_of,
    scope,
)
from veedor.engine.duck import connect
from veedor.errors import SourceError

PLAN = Plan.model_validate({
    "hosts": [
        {"id": "app", "role": "application", "addresses": ["10.0.0.20", "2001:db8::20"],
         "names": ["App.Count.example"], "keys": ["AB:CD"]},
        {"id": "pool", "role": "web", "addresses": ["10.0.0.0/24"]},
        {"id": "old", "role": "web", "addresses": ["10.0.9.9"], "overseer": "firm",
         "valid_to": "2020-01-31T20:00:00Z", "shared": True},
        {"id": "new", "role": "proxy", "addresses": ["10.0.9.9"], "keys": ["ab:cd"],
         "valid_from": "2020-01-31T20:00:00Z", "contingency": True, "place": "centre"},
    ],
    "groups": [{"id": "desks", "addresses": ["10.0.0.0/16", "2001:db8:1::/48"], "uses": ["app"]}],
})  # fmt: skip


def hosts_of(seen, *keys):
    return [(m["host"], m["by"]) for m in Book(PLAN).matches(seen, set(keys))]


@pytest.mark.parametrize(("seen", "expected"), [
    ("10.0.0.20", [("app", "address")]),
    ("2001:DB8:0:0::20", [("app", "address")]),
    ("[2001:db8::20]", [("app", "address")]),
    ("::ffff:10.0.0.20", [("app", "address")]),
    (" 10.0.0.20 ", [("app", "address")]),
    ("10.0.0.20:443", [("app", "address")]),
    ("[2001:db8::20]:443", [("app", "address")]),
    ("10.0.0.21", [("pool", "network")]),
    ("10.0.1.1", [("desks", "network")]),
    ("2001:db8:1:5::7", [("desks", "network")]),
    ("10.0.9.9", [("old", "address"), ("new", "address")]),
    ("10.1.0.1", []),
    ("2001:db8:2::1", []),
    ("app", [("app", "name")]),
    ("APP.count.EXAMPLE", [("app", "name")]),
    ("app.count.example.", [("app", "name")]),
    ("app.attacker.example", []),
    ("app.count.example.attacker.example", []),
    ("app.local", []),
    ("pool.count.example", []),
    ("count.example", []),
    ("", []),
])  # fmt: skip
def test_the_narrowest_declaration_tells_what_an_address_is(seen, expected):
    assert hosts_of(seen) == expected


def test_a_short_name_is_the_first_label_of_a_declared_name_and_an_id_before_that():
    plan = Plan.model_validate({"hosts": [
        {"id": "one", "role": "web", "names": ["entry.count.example"]},
        {"id": "two", "role": "web", "names": ["one.count.example", "count"]},
    ]})  # fmt: skip
    names = ("entry", "ENTRY", "one", "count", "example", "entry.other.example")
    named = {n: [m["host"] for m in Book(plan).matches(n, set())] for n in names}
    assert named == {"entry": ["one"], "ENTRY": ["one"], "one": ["one"], "count": ["two"],
                     "example": [], "entry.other.example": []}  # fmt: skip


def spans(plan, seen, *keys):
    found = Book(Plan.model_validate(plan)).matches(seen, set(keys))
    return [(m["host"], m["by"], m["from_us"], m["to_us"]) for m in found]


def test_a_narrower_declaration_tells_only_of_its_own_time():
    start, end = "2020-01-31T20:00:00Z", "2020-01-31T21:00:00Z"
    first, last = (micros(dt.datetime.fromisoformat(t)) for t in (start, end))
    plan = {
        "hosts": [{"id": "aid", "role": "support", "addresses": "10.0.1.2", "valid_from": start,
                   "valid_to": end}],
        "groups": [{"id": "desks", "addresses": "10.0.1.0/24", "uses": ["aid"]},
                   {"id": "all", "addresses": "10.0.0.0/16", "uses": ["aid"]}],
    }  # fmt: skip
    assert spans(plan, "10.0.1.2") == [
        ("aid", "address", first, last), ("desks", "network", None, first),
        ("desks", "network", last, None),
    ]  # fmt: skip
    assert spans(plan, "10.0.1.3") == [("desks", "network", None, None)]


def test_a_key_tells_what_an_address_is_in_the_time_in_which_it_is_not_declared():
    end = "2020-01-31T21:00:00Z"
    last = micros(dt.datetime.fromisoformat(end))
    plan = {"hosts": [
        {"id": "app", "role": "web", "keys": ["ab"], "addresses": "10.0.1.2", "valid_to": end},
        {"id": "spare", "role": "web", "keys": ["cd"]},
    ]}  # fmt: skip
    assert spans(plan, "10.0.1.2", "ab") == [("app", "address", None, last)]
    plan["hosts"][1]["keys"] = ["ab"]
    assert spans(plan, "10.0.1.2", "ab") == [
        ("app", "address", None, last), ("spare", "key", last, None)
    ]  # fmt: skip


KEYED = {"hosts": [
    {"id": "app", "role": "web", "keys": ["ab:cd", "SHA256:Own"], "addresses": "10.0.0.1"},
    {"id": "other", "role": "web", "keys": ["ee:ee"], "addresses": "10.0.0.2"},
    {"id": "nat", "role": "nat", "keys": ["ff:ff"], "addresses": "10.0.0.3", "shared": True},
    {"id": "bare", "role": "web", "addresses": "10.0.0.4"},
]}  # fmt: skip


@pytest.mark.parametrize(("seen", "keys", "expected"), [
    ("10.0.0.1", [], ["app"]),
    ("10.0.0.1", ["AB-CD"], ["app"]),
    ("10.0.0.1", ["abce"], []),
    ("10.0.0.1", ["abce", "abcd"], ["app"]),
    ("10.0.0.1", ["ee:ee"], ["other"]),
    ("10.0.0.1", ["ab:cd:ef"], ["app"]),
    ("10.0.0.1", ["SHA256:Another"], []),
    ("10.0.0.1", ["SHA256:Own="], ["app"]),
    ("10.0.0.3", ["abcd"], ["nat"]),
    ("10.0.0.4", ["abce"], ["bare"]),
])  # fmt: skip
def test_a_declared_address_with_another_key_of_the_same_kind_is_not_the_declared_host(
    seen, keys, expected
):
    book = Book(Plan.model_validate(KEYED))
    assert [m["host"] for m in book.matches(seen, set(keys))] == expected
    own = [m["host"] for m in book.declared(seen)]
    refuted = [m["host"] for m in book.refuted(seen, set(keys))]
    assert refuted == (own if own != expected else [])


def test_an_address_that_passed_from_one_host_to_another_is_each_of_them_in_its_time():
    """A key that the later one declares does not tell against the earlier one."""
    at = "2020-01-31T20:00:00Z"
    plan = {"hosts": [
        {"id": "old", "role": "web", "keys": ["aa"], "addresses": "10.0.0.1", "valid_to": at},
        {"id": "new", "role": "web", "keys": ["bb"], "addresses": "10.0.0.1", "valid_from": at},
    ]}  # fmt: skip
    assert [m[0] for m in spans(plan, "10.0.0.1", "bb")] == ["old", "new"]
    assert spans(plan, "10.0.0.1", "cc") == []


@pytest.mark.parametrize(("written", "plain", "kind"), [
    ("AB:CD", "abcd", "hexadecimal-4"), ("ab cd", "abcd", "hexadecimal-4"),
    ("sha256:AB:CD", "abcd", "hexadecimal-4"), ("MD5:ab:cd", "abcd", "hexadecimal-4"),
    ("SHA256:aB+x/y=", "SHA256:aB+x/y", "ssh"), (" Rock ", "rock", "text"), ("", "", "text"),
])  # fmt: skip
def test_fingerprints_are_compared_in_one_spelling_and_within_one_kind(written, plain, kind):
    assert (plain_key(written), key_kind(written)) == (plain, kind)


def test_a_key_tells_what_an_address_outside_the_plan_is_and_no_other():
    assert hosts_of("192.0.2.1", "ab:CD") == [("app", "key"), ("new", "key")]
    assert hosts_of("192.0.2.1", "ff:ff") == []
    assert hosts_of("10.0.0.21", "ab:cd") == [("pool", "network")]
    # A name is none of the plan's, whatever it presented: what has no address is not looked up.
    assert hosts_of("elsewhere", "ab:cd") == []


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 32), min_size=1, max_size=6, unique=True))
def test_of_nested_networks_the_narrowest_wins(number, prefixes):
    address = ipaddress.IPv4Address(number)
    nets = {p: str(ipaddress.ip_network((number, p), strict=False)) for p in prefixes}
    hosts = [{"id": f"h{p}", "role": "web", "addresses": net} for p, net in nets.items()]
    found = Book(Plan.model_validate({"hosts": hosts})).matches(str(address), set())
    assert [m["host"] for m in found] == [f"h{max(prefixes)}"]


@pytest.mark.parametrize(("written", "expected"), [
    ("127.0.0.1", "loopback"), ("::1", "loopback"), ("169.254.3.4", "link-local"),
    ("fe80::1", "link-local"), ("224.0.0.1", "multicast"), ("ff02::1", "multicast"),
    ("10.1.2.3", "private"), ("172.16.0.1", "private"), ("172.32.0.1", "public"),
    ("192.168.1.1", "private"), ("100.64.0.1", "private"), ("100.128.0.1", "public"),
    ("fd00::1", "private"), ("::ffff:192.168.0.1", "private"), ("203.0.113.9", "public"),
    ("2001:db8::1", "public"), ("app", "name"), ("10.0.0.1:443", "private"), ("10.0.0", "name"),
    ("<b>10.0.0.1</b>", "name"), ("", "name"), ("localhost", "loopback"),
    ("LOCALHOST.localdomain", "loopback"), ("localhost.attacker.example", "name"),
    ("localhost6", "name"),
])  # fmt: skip
def test_the_scope_of_an_address(written, expected):
    assert scope(written) == expected
    assert (parsed(written) is None) == (expected == "name" or "local" in written.lower())


def test_instants_are_exact_microseconds_of_utc():
    at = dt.datetime(2020, 1, 31, 16, 0, 0, 123457, dt.timezone(dt.timedelta(hours=-4)))
    assert micros(at) == 1580500800_123457
    assert micros(None) is None


def match(host, start=None, end=None, kind="host"):
    return {"host": host, "kind": kind, "from_us": start, "to_us": end}


@pytest.mark.parametrize(("given", "expected"), [
    ([("b", None, None), ("a", None, None)], [("a", None, None)]),
    ([("a", None, 5), ("b", 5, None)], [("a", None, 5), ("b", 5, None)]),
    ([("a", 3, 7), ("b", None, None)], [("b", None, 3), ("a", 3, 7), ("b", 7, None)]),
    ([("a", None, 5), ("b", 2, 9)], [("a", None, 5), ("b", 5, 9)]),
    ([("a", 1, 2), ("b", 4, None)], [("a", 1, 2), ("b", 4, None)]),
    ([("a", 1, 4), ("a", 4, 9)], [("a", 1, 9)]),
    ([("a", 1, 4), ("a", 5, 9)], [("a", 1, 4), ("a", 5, 9)]),
    ([], []),
])  # fmt: skip
def test_an_address_is_one_host_at_a_time_the_first_by_id_where_there_are_several(given, expected):
    found = apart([match(*one) for one in given])
    assert [(m["host"], m["from_us"], m["to_us"]) for m in found] == expected


def test_an_address_may_be_a_host_and_a_group_at_once():
    given = [match("z", kind="group"), match("y", 3, 7), match("x", 3, 7), match("w", kind="group")]
    found = [(m["kind"], m["host"], m["from_us"], m["to_us"]) for m in apart(given)]
    assert found == [("host", "x", 3, 7), ("group", "w", None, None)]


def test_tables_hold_each_declaration_of_each_address_that_was_seen(tmp_path):
    con = connect(tmp_path)
    make_hosts(con, PLAN)
    make_addresses(con, PLAN, ["10.0.9.9", "192.0.2.1", "192.0.2.2", "10.0.9.9"],
                   {"192.0.2.1": {"ab:cd", "zz"}})  # fmt: skip
    at = 1580500800_000000
    rows = con.table("addresses").order_by("address", "host").to_pyarrow().to_pylist()
    about = ("address", "host", "kind", "by", "from_us", "to_us", "scope", "key")
    assert [tuple(r[n] for n in about) for r in rows] == [
        ("10.0.9.9", "new", "host", "address", at, None, "private", None),
        ("10.0.9.9", "old", "host", "address", None, at, "private", None),
        ("192.0.2.1", "app", "host", "key", None, None, "public", "ab:cd"),
        ("192.0.2.2", None, None, None, None, None, "public", None),
    ]
    hosts = {r["host"]: r for r in con.table("hosts").to_pyarrow().to_pylist()}
    assert hosts["old"] == {
        "host": "old", "kind": "host", "role": "web", "place": None, "overseer": "firm",
        "monitor": None, "contingency": False, "shared": True, "from_us": None, "to_us": at,
    }  # fmt: skip
    assert (hosts["desks"]["kind"], hosts["desks"]["role"]) == ("group", "desks")
    assert hosts["new"]["contingency"] is True
    con.disconnect()


def test_the_table_has_no_host_for_a_declared_address_with_another_key(tmp_path):
    con = connect(tmp_path)
    make_addresses(con, Plan.model_validate(KEYED), ["10.0.0.1"], {"10.0.0.1": {"ee:ee"}})
    rows = con.table("addresses").order_by("by").to_pyarrow().to_pylist()
    assert [(r["host"], r["kind"], r["by"]) for r in rows] == [
        ("other", "host", "key"), (None, None, "other-key")
    ]  # fmt: skip
    con.disconnect()


def test_without_a_plan_the_tables_are_there_and_empty(tmp_path):
    con = connect(tmp_path)
    make_hosts(con, Plan())
    make_addresses(con, Plan(), [], {})
    assert con.table("hosts").count().to_pyarrow().as_py() == 0
    assert con.table("addresses").count().to_pyarrow().as_py() == 0
    con.disconnect()


OFFICIAL = {"official": {"station": ["1"], "A": [6], "B": [3], "C": [1]}}
FIELDS = ("id", "role", "addresses", "names", "keys", "valid_from", "valid_to")


def inventory(tmp_path, *rows, **keys):
    """The plan of a case with an inventory of these rows, the first on line 2 of its file."""
    columns = {n: [row.get(n, "") for row in rows] for n in FIELDS}
    about = {"kind": "inventory", "fields": {n: n for n in FIELDS}, **keys.pop("entry", {})}
    case = load_case(small_case(tmp_path, OFFICIAL, files={"machines": (about, columns)}, **keys))
    table = ibis.memtable(columns | {"_row": list(range(2, len(rows) + 2))})
    return plan_of(case, {"machines": SimpleNamespace(table=table)})


def test_an_inventory_adds_its_hosts_to_those_of_the_case(tmp_path):
    plan = inventory(
        tmp_path,
        {"id": "app", "role": "application", "addresses": "10.0.0.1; 10.0.0.2 ;", "names": "a;b",
         "keys": "AA", "valid_from": "31/01/2020 20:00"},
        {"id": "web", "addresses": "2001:db8::/64"},
        hosts=[{"id": "db", "role": "database"}],
        entry={"instant_format": "%d/%m/%Y %H:%M"},
    )  # fmt: skip
    assert [h.id for h in plan.hosts] == ["db", "app", "web"]
    app, web = plan.hosts[1:]
    assert (app.addresses, app.names, app.keys) == (("10.0.0.1", "10.0.0.2"), ("a", "b"), ("AA",))
    assert app.valid_from == dt.datetime(2020, 1, 31, 20, tzinfo=dt.UTC)
    assert (web.role, web.addresses, web.valid_to) == ("host", ("2001:db8::/64",), None)


@pytest.mark.parametrize(("row", "place", "words"), [
    ({"id": "a b"}, "row 3", "is no host: id"),
    ({"id": "app", "addresses": "10.0.0.1;10.0.0.999"}, "row 3", "neither an address"),
    ({"id": "app", "valid_from": "yesterday"}, "row 3", "is no instant"),
    ({"id": "app", "valid_from": "2020-01-31", "valid_to": "2020-01-30"}, "row 3", "not after"),
    ({"addresses": "10.0.0.1"}, "row 3", "is no host: id"),
    ({"id": "good"}, "row 3", "'good' is declared twice"),
    ({"id": "app", "addresses": "10.0.0.8;10.0.0.9/32"}, "row 3", "same address 10.0.0.9 at the"),
])  # fmt: skip
def test_a_row_of_an_inventory_that_is_no_host_is_named(tmp_path, row, place, words):
    with pytest.raises(SourceError, match=words) as raised:
        inventory(tmp_path, {"id": "good", "addresses": "10.0.0.9"}, row)
    assert place in str(raised.value.place)
