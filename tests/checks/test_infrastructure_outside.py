"""What records can show of machines outside the plan, and what they leave open."""

from __future__ import annotations

import pytest

from tests.checks.test_infrastructure_hosts import (
    DECLARED,
    DESKS,
    OTHER,
    declared,
    fact,
    flow,
    line,
    night,
    one_host,
    stamp,
)
from tests.checks.test_infrastructure_traffic import (
    APP,
    FIVE,
    PERIMETER,
    USUAL,
    called,
    mentioned,
    ways,
)
from veedor.case.plan import Statement
from veedor.checks.statements.register import _row

HELD = 60
"""Sheets of a hundred that came by the way in question."""


def stored(address, host="app", at="20:00:00", sheets=range(HELD)):
    return [line(at, host, "application-write", address=address, sid=i) for i in sheets]


def outside(found):
    said = fact("undeclared-host", found)
    return said, {h["address"]: h for h in said.statistic["hosts"]}


# What is not on record


def test_one_flow_in_the_whole_case_does_not_show_that_no_machine_was_there():
    said, rows = outside(night(flows=USUAL[:1], **DECLARED))
    assert (said.status, rows, said.statistic["carrying"]) == ("not-determinable", {}, None)
    assert "No record tells by which machine any of 100 official sheets came" in said.fact


def test_a_statement_that_no_sheet_came_otherwise_is_not_borne_out_by_half_of_the_ways():
    found = {}
    for known in (50, 100):
        said = fact("undeclared-host", night(flows=USUAL, lines=ways(known), **DECLARED))
        expects = {"finding": "infrastructure.undeclared-host", "statistic": "carrying",
                   "at_most": 0}  # fmt: skip
        statement = Statement.model_validate({
            "id": "v", "by": "Vendor", "capacity": "vendor", "text": "None.", "topic": "t",
            "source": "s", "expects": [expects]})  # fmt: skip
        seen = {"infrastructure.undeclared-host": (said.status, said.statistic)}
        found[known] = _row(statement, seen, {"v": "Vendor"})["verdict"]
    assert found == {50: "untested", 100: "corroborated"}


@pytest.mark.parametrize(("valid", "entered"), [
    ({}, 100), ({"valid_from": "2020-02-10T00:00:00Z"}, 40),
    ({"valid_from": "2020-01-31T00:00:00Z"}, 40), ({"valid_to": "2020-02-10T00:00:00Z"}, 40),
])  # fmt: skip
def test_a_record_without_an_instant_tells_no_way_through_an_address_declared_for_a_time(
    valid, entered
):
    events = [{"sid": i, "host": OTHER, "t": None} for i in range(HELD)]
    lines = stored(PERIMETER, sheets=range(HELD, 100))
    said, rows = outside(night(events=events, lines=lines, **one_host(addresses=OTHER, **valid)))
    assert (rows, said.statistic["entered"]) == ({}, entered)
    assert said.status == ("not-observed" if entered == 100 else "not-determinable")


# Who is what


@pytest.mark.parametrize("name", [
    "perimeter.attacker.example", "localhost.attacker.example", "app.attacker.example",
])  # fmt: skip
def test_a_name_that_begins_like_a_declared_one_or_like_loopback_is_another_machine(name):
    said, rows = outside(night(lines=stored(name), **DECLARED))
    assert (said.status, list(rows), rows[name]["stations"]) == ("observed", [name], HELD)


@pytest.mark.parametrize("role", ["web", "content", "publication"])
def test_sheets_and_sessions_on_a_public_host_from_outside_the_plan_count(role):
    hosts = [DECLARED["hosts"][0], DECLARED["hosts"][1] | {"role": role}]
    lines = [*stored(OTHER), line("20:30:00", "app", "login", address=OTHER)]
    said, rows = outside(night(lines=lines, **declared(hosts=hosts)))
    assert said.status == "observed"
    assert (rows[OTHER]["stations"], rows[OTHER]["acts"]) == (HELD, HELD + 1)


def test_an_address_whose_narrower_declaration_has_ended_is_what_the_wider_one_says():
    more = {"addresses": DESKS[1], "valid_from": "2020-01-31T20:00:00Z",
            "valid_to": "2020-01-31T21:00:00Z"}  # fmt: skip
    lines = stored(DESKS[1], at="19:00:00", sheets=range(100))
    said, rows = outside(night(lines=lines, **one_host(**more)))
    assert (said.status, rows) == ("not-observed", {})


def test_sheets_did_not_enter_through_the_machine_that_wrote_that_it_took_them_in():
    """The plan declares the application until 19:30; the sheets of 20:00 came by the perimeter."""
    hosts = [DECLARED["hosts"][0], DECLARED["hosts"][1] | {"valid_to": "2020-01-31T19:30:00Z"}]
    said, rows = outside(night(lines=ways(), **declared(hosts=hosts)))
    assert said.status == "observed"
    assert (rows["app"]["stations"], rows["app"]["stored"]) == (0, 100)
    assert (said.statistic["carrying"], said.questioned) == (0, None)
    assert "Lines of app itself tell that 100 sheets came in there" in said.fact


@pytest.mark.parametrize(("host", "status"), [("app01.local", "not-observed"), (OTHER, "observed")])
def test_a_machines_own_name_for_itself_is_no_machine_and_an_address_is(host, status):
    said, rows = outside(night(lines=stored(PERIMETER, host, sheets=range(100)), **DECLARED))
    assert (said.status, list(rows)) == (status, [OTHER] * (status == "observed"))


# Keys


PINNED = declared(hosts=[DECLARED["hosts"][0] | {"keys": ["AB:01"]}, *DECLARED["hosts"][1:]])


def shown(key, host=PERIMETER):
    return line("19:00:00", host, "handshake", address=DESKS[0], key=key)


def test_sheets_through_a_declared_address_with_another_key_came_by_another_machine():
    found = night(lines=[shown("ff02"), *stored(PERIMETER)], **PINNED)
    said, rows = outside(found)
    assert (rows[PERIMETER]["at_host"], rows[PERIMETER]["stations"]) == ("perimeter", HELD)
    assert said.statistic["other_keys"] == [
        {"address": PERIMETER, "host": "perimeter", "key": "ff02", "declared_key": False,
         "stations": HELD}
    ]  # fmt: skip
    assert said.questioned.tolist() == list(range(HELD))
    assert f"{PERIMETER} (at the address of perimeter, with another key)" in said.fact
    one = fact("undeclared-host", found, PERIMETER)
    assert "at the address of perimeter, with another key" in one.fact


def test_where_the_declared_key_was_seen_too_the_address_is_the_declared_host():
    lines = [shown("ff02"), shown("ab01"), *stored(PERIMETER)]
    said, rows = outside(night(lines=lines, **PINNED))
    assert (said.status, rows) == ("observed", {})
    (other,) = said.statistic["other_keys"]
    assert (other["declared_key"], other["stations"]) == (True, HELD)


@pytest.mark.parametrize("key", ["SHA256:tls", "ab01ff", "ab:01", "AB01"])
def test_a_key_of_another_kind_and_the_same_key_in_another_spelling_say_nothing(key):
    said, rows = outside(night(lines=[shown(key), *ways()], **PINNED))
    assert (said.status, rows, said.statistic["other_keys"]) == ("not-observed", {}, [])


# Sheets beside others of their centres


def test_sheets_are_compared_with_those_known_to_have_come_by_declared_machines():
    """A centre has five stations. Of the first, two came by the address, one by another such
    address, one by no known way, and one by the perimeter.
    """
    lines = [*stored(OTHER, sheets=(0, 1)), *stored("203.0.113.10", sheets=(2,)),
             *stored(PERIMETER, sheets=(4,))]  # fmt: skip
    one = fact("undeclared-host", night(lines=lines, **DECLARED), OTHER)
    assert one.statistic["group"]["compared"] == 2
    assert "2 of these 2 sheets are in centres that also have sheets known" in one.fact


def test_without_sheets_of_declared_ways_in_their_centres_nothing_is_compared():
    lines = [*stored(OTHER, sheets=(0, 1)), *stored("203.0.113.10", sheets=(2,)),
             *stored(PERIMETER, sheets=(5,))]  # fmt: skip
    one = fact("undeclared-host", night(lines=lines, **DECLARED), OTHER)
    group = one.statistic["group"]
    assert (group["compared"], group["unexplained_points"]) == (0, None)
    assert "none of their centres has sheets known to have come by declared machines" in one.fact


def test_an_address_has_the_tests_of_benign_explanations_that_hold_for_it():
    lines = [*stored(OTHER), *stored("10.9.9.9", sheets=(70,))]
    found = night(lines=[*lines, shown("ab01", OTHER)], **PINNED)
    tested = {
        e.id: e.values for e in fact("undeclared-host", found, OTHER).explanations if e.tested
    }
    assert set(tested) == {"key", "contingency", "translation", "visitors", "updates"}
    assert tested["key"] == {"addresses": 1, "keyed": 1, "listed": f"{OTHER}: perimeter",
                             "shown": 1}  # fmt: skip
    assert tested["translation"]["private"] == 0
    assert tested["visitors"] == {"stations": HELD}
    other = fact("undeclared-host", found, "10.9.9.9").explanations
    assert next(e.values for e in other if e.id == "translation")["private"] == 1


# Machines and addresses


def test_flows_between_undeclared_addresses_stand_in_the_row_of_each():
    flows = [flow(f"20:0{i}:00", OTHER, "10.99.0.20") for i in range(4)]
    _, rows = outside(night(flows=flows, lines=stored(OTHER), **DECLARED))
    assert (rows[OTHER]["to_undeclared"], rows[OTHER]["from_undeclared"]) == (4, 0)
    assert (rows["10.99.0.20"]["to_undeclared"], rows["10.99.0.20"]["from_undeclared"]) == (0, 4)


BEHIND = "10.99.0.20"


def behind(key, **plan):
    """An undeclared address took sheets in and called another, which presented a key."""
    flows = [*USUAL, flow("20:00:00", OTHER, BEHIND, key=key),
             *called("203.0.113.10", FIVE, key="dd:dd")]  # fmt: skip
    return night(flows=flows, lines=stored(OTHER), **PINNED | plan)


@pytest.mark.parametrize(("key", "machines"), [
    ("ab:01", [("203.0.113.10",), (OTHER,)]),
    ("dd:dd", [("10.99.0.20", "203.0.113.10"), (OTHER,)]),
    ("ee:ee", [("10.99.0.20",), ("203.0.113.10",), (OTHER,)]),
])  # fmt: skip
def test_oversight_counts_machines_by_their_keys(key, machines):
    """A declared key makes an address a declared host; one key makes two addresses one machine."""
    said = fact("oversight", behind(key))
    rows = [h for h in said.statistic["hosts"] if not h["declared"]]
    assert sorted(tuple(h["addresses"]) for h in rows) == machines
    assert said.statistic["unseen_overseer"] == said.statistic["unmonitored"] == len(machines)
    assert said.statistic["stations"] == HELD


def test_an_address_from_which_somebody_only_logged_in_is_no_machine_of_the_count():
    lines = [*ways(), line("20:30:00", "app", "login", address=OTHER)]
    said = fact("oversight", night(flows=USUAL, lines=lines, **DECLARED))
    assert (said.status, said.statistic["hosts"]) == ("not-observed", [])
    assert said.statistic["clients"] == [OTHER]
    assert f"Sessions were also opened from {OTHER}" in said.fact
    more = [*lines, line("20:31:00", "app", "database-write", address=OTHER)]
    said = fact("oversight", night(flows=USUAL, lines=more, **DECLARED))
    assert [h["host"] for h in said.statistic["hosts"]] == [OTHER]


@pytest.mark.parametrize(("key", "there"), [("ab:01", False), ("ee:ee", True)])
def test_an_address_with_a_declared_key_is_no_undeclared_machine_without_a_document(key, there):
    said = fact("undocumented", behind(key, documents=[{"id": "d", "title": "A paper"}]))
    things = {t["thing"] for t in said.statistic["things"] if t["kind"] == "undeclared machine"}
    assert (BEHIND in things) == there


# Declared hosts and documents


def test_a_declared_host_that_the_inventory_delivered_does_not_list_is_told():
    said, _ = mentioned({"hosts": ["perimeter"]}, flows=USUAL)
    assert (said.status, said.statistic["unlisted"]) == ("observed", ["app"])
    assert said.statistic["unmentioned"] == 0
    assert "1 of 2 declared hosts in use are in the plan of the case and not in the" in said.fact
    whole, _ = mentioned({"hosts": ["perimeter", APP]}, flows=USUAL)
    assert (whole.status, whole.statistic["unlisted"]) == ("not-observed", [])


def test_a_shared_address_that_no_document_lists_is_told_and_is_no_machine():
    calls = [*USUAL, flow("20:00:00", "198.51.100.11", PERIMETER)]
    said, _ = mentioned({"hosts": ["perimeter", "app"]}, flows=calls)
    assert (said.status, said.statistic["unlisted_shared"]) == ("not-observed", ["nat"])
    assert "behind which many machines stand" in said.fact


def test_documents_that_mention_nothing_do_not_mention_each_machine():
    said, _ = mentioned(flows=USUAL)
    assert said.status == "not-determinable"
    assert "mentioned" not in said.fact
    assert "2 of 2 declared hosts in use are in the plan of the case and not in" in said.fact


# Both sides of one answer


@pytest.mark.parametrize("own", [True, False])
def test_a_host_that_is_a_groups_address_too_is_used_where_its_address_was_seen(own):
    """The translation of an office: the picture and the check of unused hosts agree."""
    office = {"id": "office", "role": "translation", "addresses": "198.51.100.40"}
    regional = {"id": "regional", "addresses": "198.51.100.40", "uses": ["perimeter"]}
    plan = declared(hosts=[*DECLARED["hosts"], office], groups=[*DECLARED["groups"], regional])
    calls = [*USUAL, *[flow("20:00:00", "198.51.100.40", PERIMETER)] * own]
    found = night(flows=calls, **plan)
    (figure,) = fact("undeclared-host", found).figures
    nodes = {
        label: state
        for kind, label, state in zip(*(figure.rows[n] for n in ("kind", "label", "state")),
                                      strict=True)
        if kind == "node"
    }  # fmt: skip
    assert nodes["office"] == ("declared and used" if own else "declared, not used")
    row = next(h for h in fact("unused-host", found).statistic["hosts"] if h["host"] == "office")
    assert bool(row["contacts"]) == own
    assert row["first"] == (stamp("20:00:00") if own else None)


@pytest.mark.parametrize(("sport", "dport", "there"), [
    (443, 50_000, False), (443, 8443, True), (50_000, 443, True), (None, None, True),
])  # fmt: skip
def test_the_answer_to_a_download_is_no_call(sport, dport, there):
    """Half of a download: a record of the answer alone, from the port of the service."""
    half = flow("20:00:00", OTHER, APP, 900_000, sport=sport, dport=dport)
    said, rows = outside(night(flows=[*USUAL, half], lines=ways(), **DECLARED))
    assert (OTHER in rows, said.statistic["other_callers"]) == (there, 0)
