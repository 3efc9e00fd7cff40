"""Machines in the traffic: undeclared ones, unused ones, where clients went, who watches."""

from __future__ import annotations

import pytest

from tests.checks.test_infrastructure_hosts import (
    DECLARED,
    DESKS,
    HOSTILE,
    OTHER,
    declared,
    fact,
    flow,
    line,
    night,
    one_host,
    stamp,
)
from veedor.checks.infrastructure import unused_host

PERIMETER, APP, PAGE, NAT = "10.0.0.10", "10.0.0.20", "10.0.0.50", "198.51.100.11"
USUAL = [flow("19:00:00", DESKS[0], PERIMETER), flow("19:00:01", PERIMETER, APP)]
FIVE = tuple(f"10.0.1.{i}" for i in range(1, 6))
"""As many clients as must call an address for it to take part by that alone."""
EVERYTHING = ("undeclared-host", "redirect", "oversight", "undocumented", "unused-host")
PAPER = {"documents": [{"id": "inventory", "title": "Inventory"}]}


@pytest.fixture
def few(monkeypatch):
    """A few flows are enough to say that a host is absent from them."""
    monkeypatch.setattr(unused_host, "FEWEST", 1)


def ways(known=100, **about):
    """Lines that tell that so many of the hundred sheets came by the perimeter."""
    return [line("20:00:00", "app", "application-write", address=PERIMETER, sid=i, **about)
            for i in range(known)]  # fmt: skip


def called(address=OTHER, clients=FIVE, at="20:00:00", **about):
    """Flows of some clients to an address."""
    return [flow(at, client, address, **about) for client in clients]


def hosts_of(found, check="undeclared-host", column="address"):
    rows = fact(check, found).rows
    return [] if rows is None else rows[column].tolist()


# Undeclared machines


def test_an_undeclared_machine_that_declared_ones_called_is_counted_call_by_call():
    flows = [
        *USUAL,
        *called(clients=FIVE[2:]),
        flow("20:00:00", DESKS[0], OTHER, 1000),
        flow("20:30:00", DESKS[0], OTHER, 500),
        flow("21:00:00", DESKS[1], OTHER, None),
    ]
    lines = [line("20:00:00", OTHER, "handshake", address=DESKS[0])]
    said = fact("undeclared-host", night(flows=flows, lines=lines, **DECLARED))
    assert said.status == "observed"
    (row,) = said.statistic["hosts"]
    assert row == {
        "address": OTHER, "scope": "public", "key_of": None, "at_host": None, "called_by": 5,
        "connections": 6, "lines": 1, "bytes_out": 1800, "bytes_in": 60, "from_undeclared": 0,
        "to_undeclared": 0, "first": stamp("20:00:00"), "last": stamp("21:00:00"), "sent_bytes": 0,
        "acts": 0, "stored": 0, "stations": 0, "valid": 0,
    }  # fmt: skip
    # No record tells by which way any sheet came: that none came by it is not known.
    assert (said.statistic["carrying"], said.statistic["called_only_total"]) == (None, 0)
    assert (said.statistic["entered"], said.statistic["sheets"]) == (0, 100)
    assert said.questioned is None


def test_only_calls_outside_the_time_for_which_an_address_is_declared_count():
    plan = one_host(addresses=OTHER, valid_from="2020-01-31T20:00:00Z",
                    valid_to="2020-01-31T22:00:00Z")  # fmt: skip
    inside = [*called(), *called(at="21:59:59")]
    within = fact("undeclared-host", night(flows=inside, lines=ways(), **plan))
    assert (within.status, within.statistic["hosts"]) == ("not-observed", [])
    outside = [*inside, *called(at="22:00:00"), flow("22:00:09", DESKS[0], OTHER)]
    said = fact("undeclared-host", night(flows=outside, **plan))
    (row,) = said.statistic["hosts"]
    assert (row["connections"], row["called_by"]) == (6, 5)
    assert (row["first"], row["last"]) == (stamp("22:00:00"), stamp("22:00:09"))


@pytest.mark.parametrize(("callers", "of", "taking"), [
    (2, 2, False), (4, 4, False), (5, 5, True), (5, 9, True), (5, 10, False), (6, 10, True),
])  # fmt: skip
def test_what_most_of_the_clients_of_a_group_called_takes_part_where_they_are_five(
    callers, of, taking
):
    """Below five clients, most of them are nobody in particular; half is not most."""
    desks = [f"10.0.1.{i}" for i in range(1, of + 1)]
    calls = called(clients=desks[:callers])
    said = fact("undeclared-host",
                night(flows=[*called(PERIMETER, desks), *calls, *calls], **DECLARED))  # fmt: skip
    assert [h["address"] for h in said.statistic["hosts"]] == [OTHER] * taking
    assert said.status == ("observed" if taking else "not-determinable")
    apart = {"address": OTHER, "called_by": callers, "connections": 2 * callers, "lines": 0,
             "first": stamp("20:00:00"), "last": stamp("20:00:00")}  # fmt: skip
    assert said.statistic["called_only"] == ([] if taking else [apart])


@pytest.mark.parametrize(("about", "taking"), [
    ({}, True), ({"dport": 443}, True), ({"bytes_in": 0}, False),
    ({"bytes_in": None, "out": 180}, False), ({"bytes_in": None, "out": 1024}, True),
    ({"dport": 53}, False), ({"dport": 123}, False), ({"dport": 53, "service": "ssl"}, True),
    ({"service": "dns"}, False), ({"service": "NTP"}, False), ({"service": "dhcp"}, False),
])  # fmt: skip
def test_an_attempt_without_an_answer_and_services_of_names_and_time_tie_nobody_to_the_count(
    about, taking
):
    said = fact("undeclared-host", night(flows=called(**about), **DECLARED))
    assert [h["address"] for h in said.statistic["hosts"]] == [OTHER] * taking
    assert said.statistic["called_only_total"] == (not taking)


UPDATES, SITE = "198.51.100.200", "198.51.100.201"


@pytest.mark.parametrize(("known", "status"), [
    (0, "not-determinable"), (50, "not-determinable"), (94, "not-determinable"),
    (95, "not-observed"), (100, "not-observed"),
])  # fmt: skip
def test_updates_and_a_site_that_somebody_browsed_are_no_part_of_the_count(known, status):
    """Whether another machine carried sheets is open where too many ways are not known."""
    flows = [
        *(flow("19:00:00", desk, PERIMETER) for desk in DESKS),
        *(flow(f"19:3{i}:00", APP, UPDATES, 900_000) for i in range(5)),
        flow("19:40:00", PERIMETER, UPDATES),
        flow("19:50:00", DESKS[0], SITE, 900_000),
    ]
    said = fact("undeclared-host", night(flows=flows, lines=ways(known), **DECLARED))
    assert (said.status, said.statistic["hosts"]) == (status, [])
    assert said.statistic["carrying"] == (0 if status == "not-observed" else None)
    assert f"{known or 'any'} of 100 official sheets" in said.fact
    apart = [(r["address"], r["called_by"], r["connections"])
             for r in said.statistic["called_only"]]  # fmt: skip
    assert apart == [(UPDATES, 2, 6), (SITE, 1, 1)]
    assert (said.statistic["called_only_total"], said.statistic["entered"]) == (2, known)


def test_names_that_are_no_address_are_not_said_to_be_called():
    flows = [*USUAL, flow("20:00:00", APP, "db-1.internal")]
    said = fact("undeclared-host", night(flows=flows, lines=ways(), **DECLARED))
    assert (said.status, said.statistic["called_only_total"]) == ("not-observed", 0)


@pytest.mark.parametrize(("kind", "status", "host", "acts"), [
    ("login", None, "app", 1), ("database-write", None, "app", 1),
    ("application-write", None, "app", 1), ("login", "failed", "app", 0),
    ("database-write", "500", "app", 0), ("request", None, "app", 0), ("login", None, "page", 1),
    ("database-write", None, "page", 1), ("application-write", None, "page", 1),
    ("request", None, "page", 0), ("login-failed", None, "app", 0),
])  # fmt: skip
def test_who_did_something_on_a_host_takes_part_whatever_its_role(kind, status, host, acts):
    lines = [*ways(), line("20:00:00", host, kind, address=OTHER, status=status)]
    said = fact("undeclared-host", night(flows=USUAL, lines=lines, **DECLARED))
    assert [(h["address"], h["acts"]) for h in said.statistic["hosts"]] == [(OTHER, 1)] * acts
    assert said.status == ("observed" if acts else "not-observed")


@pytest.mark.parametrize(("message", "status", "host", "enters"), [
    ("POST /acta/001", "200", "app", True),
    ("PUT /acta/001", "303", "app", True),
    ("POST /acta/001", None, "app", True),
    ("GET /acta/001", "200", "app", False),
    ("POSTING /acta/001", "200", "app", False),
    (None, "200", "app", False),
    ("POST /acta/001", "403", "app", False),
    ("POST /acta/001", "502", "app", False),
    ("POST /acta/001", "failed", "app", False),
    ("POST /acta/001", "200", "page", False),
])  # fmt: skip
def test_a_visitors_look_at_a_sheet_or_a_refused_request_brings_no_sheet_in(
    message, status, host, enters
):
    lines = [line("20:00:00", host, "request", address=OTHER, sid=99, message=message,
                  status=status)]  # fmt: skip
    said = fact("undeclared-host", night(flows=USUAL, lines=[*ways(99), *lines], **DECLARED))
    assert said.status == ("observed" if enters else "not-observed")
    assert (said.statistic["stations"], said.statistic["entered"]) == (
        (1, 100) if enters else (0, 99)
    )
    assert said.statistic["other_callers"] == (0 if enters else 1)


@pytest.mark.parametrize(("sent", "target", "counted"), [
    (65_536, APP, True), (65_535, APP, False), (10_000_000, PAGE, False),
])  # fmt: skip
def test_who_only_knocks_or_reads_the_public_page_is_a_visitor(sent, target, counted):
    flows = [*USUAL, flow("20:00:00", OTHER, target, sent - 1), flow("20:01:00", OTHER, target, 1)]
    said = fact("undeclared-host", night(flows=flows, **DECLARED))
    assert (said.status == "observed") == counted
    assert said.statistic["other_callers"] == (0 if counted else 1)
    assert [h["sent_bytes"] for h in said.statistic["hosts"]] == [65_536] * counted


def test_scans_from_many_addresses_are_counted_and_not_accused():
    scans = [flow("20:00:00", f"203.0.113.{i}", APP, 60) for i in range(1, 41)]
    said = fact("undeclared-host", night(flows=[*USUAL, *scans], lines=ways(), **DECLARED))
    assert (said.status, said.statistic["other_callers"]) == ("not-observed", 40)


def test_sheets_that_entered_through_an_undeclared_machine_are_named():
    lines = [
        line(f"20:00:{i:02d}", "app", "application-write", address=OTHER if i < 3 else PERIMETER,
             sid=i)
        for i in range(10)
    ]  # fmt: skip
    found = night(flows=USUAL, lines=[*lines, lines[0]], **DECLARED)
    said = fact("undeclared-host", found)
    assert said.status == "observed"
    assert (said.statistic["stations"], said.statistic["valid"]) == (3, 300)
    assert said.statistic["entered"] == 10
    assert said.questioned.tolist() == [0, 1, 2]
    one = fact("undeclared-host", found, OTHER)
    assert one.questioned.tolist() == [0, 1, 2]
    assert one.rows["entered_at"].tolist() == [stamp(f"20:00:0{i}") for i in range(3)]
    # Every station has 60 of 100 votes for A: of a centre of five, two came by the perimeter.
    assert one.statistic["group"]["compared"] == 3
    assert one.statistic["group"]["unexplained_points"] == pytest.approx(0)


@pytest.mark.parametrize("address", [NAT, DESKS[0], "page"])
def test_sheets_through_a_shared_a_clients_or_a_named_address_of_the_plan_are_not(address):
    lines = [line("20:00:00", "app", "application-write", address=address, sid=99)]
    said = fact("undeclared-host", night(lines=[*ways(99), *lines], **DECLARED))
    assert (said.status, said.statistic["stations"]) == ("not-observed", 0)


@pytest.mark.parametrize(("key", "of"), [("ab:01", "more"), ("ab:02", None)])
def test_an_address_with_a_declared_key_is_outside_the_plan_and_shown_with_it(key, of):
    """It may be the host, or a relay that passes its traffic on."""
    calls = [*USUAL, *called(key=key)]
    said = fact("undeclared-host", night(flows=calls, **one_host(keys=["AB:01"])))
    assert said.status == "observed"
    assert [(h["address"], h["key_of"]) for h in said.statistic["hosts"]] == [(OTHER, of)]
    values = next(e.values for e in said.explanations if e.id == "key")
    listed = f"{OTHER}: more" if of else "none"
    assert values == {"addresses": 1, "keyed": 1 if of else 0, "listed": listed, "shown": 1}


def test_a_declared_address_that_presents_another_key_beside_its_own_is_observed():
    plan = one_host(addresses="10.0.0.60", keys=["AB:01"])
    flows = [
        flow("20:00:00", DESKS[0], "10.0.0.60", key="ab:01"),
        flow("20:01:00", DESKS[0], "10.0.0.60", key="ff:ff"),
        flow("20:01:00", DESKS[0], APP, key="ff:fe"),
    ]
    said = fact("undeclared-host", night(flows=flows, **plan))
    assert said.statistic["other_keys"] == [
        {"address": "10.0.0.60", "host": "more", "key": "ff:ff", "declared_key": True,
         "stations": 0}
    ]  # fmt: skip
    assert (said.status, said.statistic["hosts"]) == ("observed", [])
    assert "another key" in said.fact
    quiet = night(flows=flows[:1], lines=ways(), **plan)
    assert fact("undeclared-host", quiet).status == "not-observed"


def test_a_machine_behind_the_one_through_which_sheets_entered_is_one_of_the_count():
    lines = [line("20:00:00", "app", "application-write", address=OTHER, sid=1)]
    flows = [flow("20:00:01", OTHER, "203.0.113.77"), flow("20:00:02", "192.0.2.1", "192.0.2.2")]
    found = night(lines=lines, flows=flows, **DECLARED)
    assert hosts_of(found) == [OTHER, "203.0.113.77"]


def test_what_two_carriers_did_with_a_machine_behind_them_is_told_from_first_to_last():
    carriers = (OTHER, "203.0.113.10")
    lines = [line("20:00:00", "app", "application-write", address=c, sid=i)
             for i, c in enumerate(carriers)]  # fmt: skip
    calls = (("19:00:00", 0), ("22:00:00", 0), ("21:00:00", 1), ("23:00:00", 1))
    flows = [flow(at, carriers[i], "192.0.2.7") for at, i in calls]
    said = fact("undeclared-host", night(lines=lines, flows=flows, **DECLARED))
    row = next(h for h in said.statistic["hosts"] if h["address"] == "192.0.2.7")
    assert (row["first"], row["last"]) == (stamp("19:00:00"), stamp("23:00:00"))


def test_a_sheet_that_a_host_took_from_itself_entered_through_no_other_machine():
    lines = [*ways(99), line("20:00:00", "app", "application-write", address="127.0.0.1", sid=99)]
    assert fact("undeclared-host", night(flows=USUAL, lines=lines, **DECLARED)).status == (
        "not-observed"
    )


def test_calls_from_an_address_that_is_shared_and_of_clients_count_once():
    groups = [{"id": "offices", "addresses": NAT, "uses": ["perimeter"]}]
    lines = [line("20:00:00", "app", "login", address=OTHER)]
    calls = [flow("20:00:00", NAT, OTHER, 500)]
    found = night(flows=calls, lines=lines, **declared(groups=groups))
    (row,) = fact("undeclared-host", found).statistic["hosts"]
    assert (row["called_by"], row["connections"], row["bytes_out"]) == (1, 1, 500)


def test_without_any_traffic_on_record_absence_says_nothing():
    found = night(
        lines=[line("20:00:00", "app", "service")],
        withheld=[{"id": "gone", "why": "lost", "what": "Flows of the core"}],
        **DECLARED,
    )
    said = fact("undeclared-host", found)
    assert said.status == "not-determinable"
    assert "Flows of the core" in said.fact


# Where clients went


def seen_only(plan, *clients):
    """The plan, where each group counts as many machines as these clients."""
    groups = [g | {"members": len(set(clients))} for g in plan["groups"]]
    return plan | {"groups": groups}


def moved(*rows, **plan):
    """What is said of clients of which each was seen, who called what when."""
    plan = seen_only(plan, *(i for _, i, _ in rows))
    return fact("redirect", night(flows=[flow(at, DESKS[i], to) for at, i, to in rows], **plan))


def test_clients_that_went_over_to_another_host_are_counted_with_when():
    said = moved(
        ("19:00:00", 0, PERIMETER), ("20:00:00", 0, PERIMETER), ("20:10:00", 0, OTHER),
        ("20:00:30", 1, PERIMETER), ("20:20:00", 1, OTHER), ("21:00:00", 1, OTHER),
        ("19:00:00", 2, PERIMETER), ("22:00:00", 2, PERIMETER),
        **DECLARED,
    )  # fmt: skip
    assert said.status == "observed"
    assert said.statistic["destinations"] == [{
        "group": "desks", "destination": OTHER, "declared": False, "clients": 2, "moved": 2,
        "from": "perimeter", "connections": 3, "lines": 0, "first": stamp("20:10:00"),
        "last": stamp("21:00:00"), "first_moved": stamp("20:10:00"),
        "median_moved": stamp("20:10:00"), "last_moved": stamp("20:20:00"),
    }]  # fmt: skip
    assert (said.statistic["clients"], said.statistic["outside"]) == (3, 2)
    assert said.rows["client"].tolist() == list(DESKS[:2])
    assert said.rows["before"].tolist() == ["perimeter", "perimeter"]
    assert said.statistic["members"] == [
        {"group": "desks", "declared": 3, "seen": 3, "expected": 3}
    ]


def test_a_client_that_goes_on_calling_its_host_is_outside_and_has_not_moved():
    said = moved(("19:00:00", 0, PERIMETER), ("20:00:00", 0, OTHER), ("20:01:01", 0, PERIMETER),
                 **DECLARED)  # fmt: skip
    assert (said.statistic["outside"], said.statistic["moved"]) == (1, 0)
    assert said.statistic["destinations"][0]["from"] is None
    said = moved(("19:00:00", 0, PERIMETER), ("20:00:00", 0, OTHER), ("20:01:00", 0, PERIMETER),
                 **DECLARED)  # fmt: skip
    assert (said.statistic["outside"], said.statistic["moved"]) == (1, 1)


def test_flows_and_log_lines_of_a_call_are_counted_apart():
    flows = [flow("19:00:00", DESKS[0], PERIMETER), flow("20:00:00", DESKS[0], OTHER)]
    lines = [line("20:00:00", OTHER, "request", address=DESKS[0])] * 2
    said = fact("redirect", night(flows=flows, lines=lines, **DECLARED))
    (row,) = said.statistic["destinations"]
    assert (row["connections"], row["lines"], row["moved"]) == (1, 2, 1)
    assert (said.rows["connections"].tolist(), said.rows["lines"].tolist()) == ([1], [2])


def test_a_client_has_moved_only_when_all_that_it_called_before_was_over():
    """A goes on when B begins, and is over when C begins; services that paths give go on."""
    path = declared(paths=[{"from": "desks", "to": "app"}])
    a, b, c = "203.0.113.1", "203.0.113.2", "203.0.113.3"
    calls = (("19:00:00", 0, APP), ("19:00:00", 0, a), ("20:00:00", 0, b), ("20:05:00", 0, b),
             ("20:30:00", 0, a), ("21:00:00", 0, c), ("22:00:00", 0, APP))  # fmt: skip
    said = moved(*calls, **path)
    came = {d["destination"]: d["from"] for d in said.statistic["destinations"]}
    assert came == {a: None, b: None, c: a}
    assert (said.statistic["outside"], said.statistic["moved"]) == (1, 1)


@pytest.mark.parametrize("target", ["app", "application"])
def test_a_path_allows_a_host_by_its_id_or_by_its_role(target):
    calls = (("19:00:00", 0, PERIMETER), ("20:00:00", 0, APP))
    assert moved(*calls, **DECLARED).statistic["outside"] == 1
    plan = declared(paths=[{"from": "desks", "to": target}])
    assert moved(*calls, **plan).status == "not-observed"


def test_another_machine_of_the_group_is_a_destination_by_its_address():
    said = moved(("19:00:00", 0, PERIMETER), ("21:00:00", 0, DESKS[1]), **DECLARED)
    found = [(d["destination"], d["declared"]) for d in said.statistic["destinations"]]
    assert found == [(DESKS[1], False)]


def test_a_host_at_the_address_of_a_group_is_a_destination_as_a_host():
    groups = [*DECLARED["groups"], {"id": "office", "addresses": APP, "uses": ["page"]}]
    groups[0] = groups[0] | {"uses": ["app"]}
    plan = seen_only(declared(groups=groups), 0)
    calls = [flow("19:00:00", DESKS[0], APP), flow("20:00:00", APP, PAGE)]
    assert fact("redirect", night(flows=calls, **plan)).status == "not-observed"


SPARE = {"id": "spare", "role": "contingency", "addresses": "10.0.0.40", "contingency": True}
PLAN_B = {"id": "b", "text": "Plan B.", "hosts": ["spare"], "replaces": ["perimeter"]}
OVER = (("19:00:00", 0, PERIMETER), ("20:00:00", 0, "10.0.0.40"), ("21:00:00", 0, "10.0.0.40"))


def contingency(**when):
    return declared(hosts=[*DECLARED["hosts"], SPARE], contingencies=[PLAN_B | when])


@pytest.mark.parametrize(("when", "status"), [
    ({"declared_from": "2020-01-31T20:00:00Z"}, "not-observed"),
    ({"declared_from": "2020-01-31T20:01:00Z"}, "not-observed"),
    ({"declared_from": "2020-01-31T20:01:01Z"}, "observed"),
    ({"declared_from": "2020-01-31T19:00:00Z", "declared_to": "2020-01-31T21:00:00Z"},
     "not-observed"),
    ({"declared_from": "2020-01-31T19:00:00Z", "declared_to": "2020-01-31T20:58:00Z"}, "observed"),
    ({}, "observed"),
])  # fmt: skip
def test_a_move_to_a_contingency_host_is_within_the_plan_while_it_is_in_force(when, status):
    said = moved(*OVER, **contingency(**when))
    assert said.status == status
    planned = [(p["destination"], p["clients"]) for p in said.statistic["planned"]]
    assert planned == ([("spare", 1)] if status == "not-observed" else [])
    if status == "observed":
        assert said.statistic["destinations"][0]["declared"] is True
        assert said.statistic["destinations"][0]["destination"] == "spare"


def test_a_contingency_in_force_excuses_no_other_host():
    said = moved(*OVER, ("22:00:00", 0, OTHER), **contingency(declared_from="2020-01-31T19:30:00Z"))
    assert [d["destination"] for d in said.statistic["destinations"]] == [OTHER]


def test_a_path_allows_nothing_after_its_time():
    path = {"from": "desks", "to": "app", "valid_to": "2020-01-31T20:00:00Z"}
    assert moved(("21:00:00", 0, APP), **declared(paths=[path])).status == "observed"
    assert moved(("19:59:59", 0, APP), **declared(paths=[path])).status == "not-observed"


@pytest.mark.parametrize(("replaces", "status"), [
    ([], "not-observed"), (["perimeter"], "not-observed"), (["app"], "observed"),
])  # fmt: skip
def test_a_contingency_counts_for_groups_that_use_a_host_that_it_replaces(replaces, status):
    plan = contingency(declared_from="2020-01-31T19:30:00Z", replaces=replaces)
    assert moved(*OVER, **plan).status == status


@pytest.mark.parametrize(("members", "seen", "status"), [
    (200, 1, "not-determinable"), (6, 2, "not-determinable"), (6, 3, "not-observed"),
    (3, 3, "not-observed"), (None, 1, "not-observed"),
])  # fmt: skip
def test_few_clients_of_a_group_do_not_speak_for_the_others(members, seen, status):
    groups = [DECLARED["groups"][0] | {"members": members}]
    calls = [flow("19:00:00", desk, PERIMETER) for desk in DESKS[:seen]]
    said = fact("redirect", night(flows=calls, **declared(groups=groups)))
    assert said.status == status
    assert f"desks: {seen} of {members or 1}" in said.fact


def test_no_more_addresses_of_a_group_are_expected_than_its_networks_hold():
    groups = [{"id": "phones", "addresses": [NAT, "198.51.100.64/30"], "members": 900,
               "uses": ["perimeter"]}]  # fmt: skip
    said = fact("redirect", night(flows=[flow("19:00:00", NAT, PERIMETER)],
                                  **declared(groups=groups)))  # fmt: skip
    assert said.statistic["members"] == [
        {"group": "phones", "declared": 900, "seen": 1, "expected": 5}
    ]
    assert said.status == "not-determinable"


def test_a_group_that_was_not_seen_at_all_is_not_said_to_have_stayed():
    groups = [*DECLARED["groups"], {"id": "annex", "addresses": "10.0.2.0/24",
                                    "uses": ["perimeter"]}]  # fmt: skip
    calls = [flow("19:00:00", desk, PERIMETER) for desk in DESKS]
    said = fact("redirect", night(flows=calls, **declared(groups=groups)))
    assert said.status == "not-determinable"
    assert "of annex fewer than half" in said.fact


def command(at, text, kind="privilege", **more):
    return line(at, "jump", kind, actor="admin1", object=text, **more)


def test_commands_that_name_the_destination_come_first_and_then_changes():
    """Moves from 20:00:00 to 20:10:00; the nearest record to one of them only looks."""
    flows = [*called(PERIMETER, at="19:00:00"),
             *(flow(f"20:{2 * i:02d}:00", desk, OTHER, dport=9443)
               for i, desk in enumerate(FIVE))]  # fmt: skip
    lines = [
        command("20:02:00", "/usr/sbin/ss -tn"),
        command("20:04:47", f"set-entry --all {OTHER}:443"),
        command("20:20:00", "fw allow port 9443"),
        command("19:50:00", "entry.conf", "configuration"),
        command("20:01:00", "proxy", "service"),
        command("20:00:00", None, "service"),
        command("20:00:01", f"ping {OTHER}7"),
        command("21:00:00", f"set-entry {OTHER}"),
    ]
    said = fact("redirect", night(flows=flows, lines=lines, **DECLARED))
    assert [(c["command"], c["names"], c["port_of"], c["seconds"])
            for c in said.statistic["commands"]] == [
        (f"set-entry --all {OTHER}:443", OTHER, None, 287),
        ("fw allow port 9443", None, OTHER, 1200),
        ("entry.conf", None, None, -600),
        ("proxy", None, None, 60),
        (f"ping {OTHER}7", None, None, 1),
        ("/usr/sbin/ss -tn", None, None, 120),
    ]  # fmt: skip
    assert said.statistic["commands_total"] == 6
    told = next(e.result for e in said.explanations if e.id == "record")
    assert f"(287 s after the first move to {OTHER}, which it names)" in told
    assert "(600 s before the first move)" in told
    assert "ss -tn" not in told


def test_where_no_client_was_seen_nothing_is_said_of_them():
    said = fact("redirect", night(flows=[flow("20:00:00", PERIMETER, APP)], **DECLARED))
    assert said.status == "not-determinable"


# Declared and unused


def unused(*flows, lines=(), **plan):
    """Due hosts without use, and why they are due."""
    said = fact("unused-host", night(flows=flows, lines=lines, **plan))
    rows = [r for r in said.statistic["hosts"] if r["due"]]
    idle = {r["host"]: r["why"] for r in rows
            if not (r["taken"] if r["contingency"] else r["contacts"] + r["lines"])}  # fmt: skip
    called_for = [why for why in idle.values() if why in ("left", "bypassed")]
    assert said.statistic["undeclared_need"] == len(called_for)
    assert len(idle) == said.statistic["unused"]
    return said, idle


PAIR = {"hosts": DECLARED["hosts"][:2]}


@pytest.mark.usefixtures("few")
def test_a_host_without_any_trace_is_named_and_one_with_a_line_of_its_own_is_not():
    calls = [flow("19:00:00", DESKS[0], PERIMETER)]
    said, idle = unused(*calls, **declared(**PAIR))
    assert (said.status, idle) == ("observed", {"app": "always"})
    said, idle = unused(*calls, lines=[line("19:00:00", "app", "service")], **declared(**PAIR))
    assert (said.status, idle) == ("not-observed", {})


def test_few_flows_or_a_plan_of_which_little_is_seen_say_nothing_of_an_idle_host():
    calls = [flow("19:00:00", DESKS[0], PERIMETER)] * 100
    assert unused(*calls, **declared(**PAIR))[0].status == "observed"
    assert unused(*calls[1:], **declared(**PAIR))[0].status == "not-determinable"
    # One of four hosts is seen in use, and then two of them.
    said, idle = unused(*calls, **DECLARED)
    assert said.status == "not-determinable"
    assert idle == {"app": "always", "page": "always", "nat": "always"}
    assert unused(*calls, flow("19:00:00", PERIMETER, APP), **DECLARED)[0].status == "observed"


def test_a_host_declared_for_another_time_is_not_due():
    calls = [flow("19:00:00", DESKS[0], PERIMETER), flow("20:00:00", PERIMETER, APP)]
    more = {"id": "more", "role": "web", "addresses": "10.0.0.60"}
    later = declared(hosts=[*PAIR["hosts"], more | {"valid_from": "2020-01-31T20:00:01Z"}])
    assert unused(*calls, **later)[1] == {}
    in_time = declared(hosts=[*PAIR["hosts"], more | {"valid_from": "2020-01-31T20:00:00Z"}])
    assert unused(*calls, **in_time)[1] == {"more": "always"}


@pytest.mark.usefixtures("few")
def test_a_contingency_host_held_ready_is_no_departure():
    said, idle = unused(*USUAL, **contingency() | {"hosts": [*PAIR["hosts"], SPARE]})
    assert (said.status, idle) == ("not-observed", {})
    assert said.statistic["idle_contingency"] == 1


def ready(**when):
    return contingency(**when) | {"hosts": [*PAIR["hosts"], SPARE]}


@pytest.mark.usefixtures("few")
def test_a_declared_contingency_is_due_and_its_own_signs_of_life_are_no_use():
    plan = ready(declared_from="2020-01-31T18:00:00Z")
    alive = [line("19:00:00", "spare", "heartbeat")]
    said, idle = unused(*USUAL, lines=alive, **plan)
    assert (said.status, idle) == ("observed", {"spare": "declared"})
    assert unused(*USUAL, flow("19:30:00", DESKS[0], "10.0.0.40"), **plan)[1] == {}


def test_a_contingency_declared_after_the_records_end_is_not_due():
    assert unused(*USUAL, **ready(declared_from="2020-02-01T12:00:00Z"))[1] == {}
    before = {"declared_from": "2020-01-30T12:00:00Z", "declared_to": "2020-01-30T18:00:00Z"}
    assert unused(*USUAL, **ready(**before))[1] == {}


@pytest.mark.parametrize(("last", "idle"), [("19:10:00", {}), ("19:10:01", {"spare": "left"})])
def test_clients_that_left_a_host_for_more_than_ten_minutes_call_for_its_contingency(last, idle):
    other = {"id": "more", "role": "web", "addresses": "10.0.0.60"}
    plan = ready() | {"hosts": [*PAIR["hosts"], SPARE, other]}
    calls = [*USUAL, flow("19:05:00", DESKS[1], "10.0.0.60"), flow(last, DESKS[1], "10.0.0.60")]
    assert unused(*calls, **plan)[1] == idle


def test_clients_that_called_an_undeclared_host_in_place_of_theirs_call_for_its_contingency():
    both = [*USUAL, flow("19:00:05", DESKS[1], OTHER), flow("19:00:10", DESKS[1], PERIMETER)]
    assert unused(*both, **ready())[1] == {"spare": "bypassed"}
    phones = {"id": "phones", "addresses": "10.0.2.0/24", "uses": ["app"]}
    plan = ready() | {"groups": [*DECLARED["groups"], phones]}
    assert unused(*USUAL, flow("19:00:05", "10.0.2.1", OTHER), **plan)[1] == {}


def row_of(said, host):
    return next(r for r in said.statistic["hosts"] if r["host"] == host)


@pytest.mark.usefixtures("few")
def test_flows_lines_and_sheets_of_a_host_are_each_counted_once():
    """Both ends of a flow or line at one host are one flow or line; a sheet is no line."""
    flows = [flow("19:00:00", DESKS[0], PERIMETER), flow("19:00:00", PERIMETER, PERIMETER)]
    lines = [
        line("19:00:00", "perimeter", "request", address=DESKS[0]),
        line("19:00:00", PERIMETER, "request", address=PERIMETER),
        line("19:00:01", "app", "application-write", address=PERIMETER, sid=1),
        line("19:00:02", "app", "application-write", address=PERIMETER, sid=1),
        line("19:00:03", "app", "login-failed", address=PERIMETER),
    ]
    said, _ = unused(*flows, lines=lines, **declared(**PAIR))
    counted = ("contacts", "lines", "taken", "client_lines", "entries")
    assert [row_of(said, "perimeter")[n] for n in counted] == [2, 4, 1, 1, 1]
    assert [row_of(said, "app")[n] for n in counted] == [0, 3, 0, 0, 1]
    assert row_of(said, "perimeter")["last"] == stamp("19:00:02")


@pytest.mark.usefixtures("few")
def test_what_an_idle_contingency_host_lacks_is_said_and_whether_one_was_declared():
    beat = [line("19:00:00", "spare", "heartbeat")]
    both = [*USUAL, flow("19:00:05", DESKS[1], OTHER), flow("19:00:10", DESKS[1], PERIMETER)]
    said, _ = unused(*both, lines=beat, **ready())
    assert "Each of the 2 hosts that the plan wants in use shows some trace" in said.fact
    assert (
        "No client called the contingency host spare and no sheet entered through it" in said.fact
    )
    assert "no contingency was declared to be in force for it" in said.fact
    wanted, _ = unused(*USUAL, lines=beat, **ready(declared_from="2020-01-31T18:00:00Z"))
    assert "1 of 3 hosts that the plan wants in use" in wanted.fact
    assert "spare (its contingency was declared)" in wanted.fact


@pytest.mark.usefixtures("few")
def test_a_declared_contingency_host_that_was_used_is_said_to_be():
    plan = ready(declared_from="2020-01-31T18:00:00Z")
    said, _ = unused(*USUAL, flow("19:30:00", DESKS[0], "10.0.0.40"), **plan)
    assert "spare was used, while its contingency was declared" in said.fact
    assert "not due" not in said.fact
    idle, _ = unused(*USUAL, **ready())
    assert "spare: held ready for a contingency, without use, and not due" in idle.fact


def test_logs_alone_do_not_show_that_a_host_was_idle():
    said, _ = unused(lines=[line("19:00:00", "perimeter", "service")], **declared(**PAIR))
    assert (said.status, said.statistic["unused"]) == ("not-determinable", 1)


# Oversight


def watched(plan, *, beats=0, flows=USUAL, lines=()):
    signs = [line(f"19:{i:02d}:00", "perimeter", "heartbeat") for i in range(beats)]
    return fact("oversight", night(flows=flows, lines=[*signs, *lines], **plan))


def test_hosts_in_use_that_nobody_oversees_or_watches_are_named():
    bare = [{"id": "bare", "role": "database", "addresses": "10.0.0.60", "monitor": "agent"}]
    idle = [{"id": "idle", "role": "database", "addresses": "10.0.0.61"}]
    plan = declared(hosts=[*DECLARED["hosts"], *bare, *idle])
    calls = [flow("20:00:00", APP, "10.0.0.60"), flow("21:00:00", APP, PAGE),
             flow("21:00:00", NAT, PERIMETER), flow("22:00:00", OTHER, APP, 65_536),
             flow("22:00:00", APP, UPDATES)]  # fmt: skip
    said = watched(plan, flows=[*USUAL, *calls])
    rows = {h["host"]: (h["declared"], h["overseer"], h["monitor"])
            for h in said.statistic["hosts"]}  # fmt: skip
    assert said.status == "observed"
    assert rows == {"bare": (True, None, "agent"), OTHER: (False, None, None)}
    assert (said.statistic["in_use"], said.statistic["unseen_overseer"]) == (4, 2)
    assert said.statistic["unmonitored"] == 1
    assert said.statistic["overseers"] == [{"overseer": "firm", "hosts": 2}]


@pytest.mark.parametrize(("beats", "unmonitored"), [(9, []), (10, ["app"])])
def test_monitoring_without_a_sign_of_life_counts_only_where_that_of_others_is_on_record(
    beats, unmonitored
):
    said = watched(DECLARED, beats=beats)
    assert [h["host"] for h in said.statistic["hosts"]] == unmonitored
    assert said.status == ("observed" if unmonitored else "not-observed")
    assert said.statistic["in_use"] == 2


def test_sheets_through_machines_without_monitoring_are_counted_once():
    lines = [line("20:00:00", "app", "application-write", address=OTHER, sid=i % 4)
             for i in range(8)]  # fmt: skip
    said = watched(DECLARED, lines=lines)
    assert said.statistic["stations"] == 4
    assert [h["stations"] for h in said.statistic["hosts"]] == [4]


def test_where_no_machine_of_the_count_was_in_use_oversight_is_not_determinable():
    said = watched(DECLARED, flows=[flow("20:00:00", "192.0.2.1", PAGE)])
    assert said.status == "not-determinable"


# Documents


def mentioned(*documents, **keys):
    papers = [{"id": f"d{i}", "title": "A paper", **d} for i, d in enumerate(documents)]
    plan = declared(documents=papers or PAPER["documents"])
    found = fact("undocumented", night(**plan | keys))
    return found, {
        (t["thing"], t["kind"]) for t in found.statistic["things"]
        if not t["documents"] and t["kind"] != "declared host"
    }  # fmt: skip


HAPPENED = {"restart": (None, "21:00:00"), "stop": ("stop", "20:00:00"),
            "end": ("end", "23:00:00")}  # fmt: skip
LOST = [
    {"id": "burnt", "why": "destroyed", "what": "A log"},
    {"id": "kept-back", "why": "refused", "what": "A log"},
]


def test_machines_stops_incidents_and_lost_evidence_that_no_document_mentions_are_named():
    calls = [*USUAL, *called(), flow("20:00:00", APP, UPDATES)]
    said, missing = mentioned(flows=calls, incidents=HAPPENED, withheld=LOST)
    assert said.status == "observed"
    assert missing == {
        (OTHER, "undeclared machine"), ("restart", "incident"), ("stop", "stop"),
        ("burnt", "withheld evidence"),
    }  # fmt: skip
    assert said.statistic["unmentioned"] == 4
    at = {t["thing"]: t["at"] for t in said.statistic["things"]}
    assert (at[OTHER], at["stop"]) == (stamp("20:00:00"), stamp("20:00:00"))


def test_a_mention_in_any_delivered_document_is_enough():
    calls = [*USUAL, *called()]
    said, missing = mentioned(
        {"hosts": [OTHER]}, {"events": ["stop", "restart"]}, {"events": ["burnt"]},
        flows=calls, incidents=HAPPENED, withheld=LOST,
    )  # fmt: skip
    assert (said.status, missing) == ("not-observed", set())
    things = {t["thing"]: t["documents"] for t in said.statistic["things"]}
    assert things["restart"] == things["stop"] == ["d1"]
    assert things["perimeter"] == []
    assert said.statistic["unlisted"] == ["app", "perimeter"]
    assert not said.statistic["inventory"]
    assert said.statistic["delivered"] == 3


def test_a_planned_stop_is_told_apart_and_is_not_a_mention():
    stops = [{"id": "pause", "from": "2020-01-31T19:30:00Z", "to": "2020-01-31T20:30:00Z"}]
    said, missing = mentioned(flows=USUAL, incidents={"stop": HAPPENED["stop"]}, stops=stops)
    assert said.statistic["stops_planned"] == 1
    assert missing == {("stop", "stop")}
    hosts = [stops[0] | {"of": "host", "host": "app"}]
    said, _ = mentioned(flows=USUAL, incidents={"stop": HAPPENED["stop"]}, stops=hosts)
    assert said.statistic["stops_planned"] == 0


def test_with_nothing_to_look_up_the_documents_say_nothing():
    assert mentioned()[0].status == "not-determinable"


# Hostile text


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("check", EVERYTHING)
def test_hostile_texts_in_place_of_addresses_are_machines_like_any_other(check):
    calls = [flow("20:00:00", DESKS[0], text) for text in HOSTILE]
    calls += [flow("20:00:00", text, PERIMETER, 99_999) for text in HOSTILE]
    lines = [line("20:01:00", text, "request", address=text, sid=i, actor=text, object=text,
                  message=f"POST {text}") for i, text in enumerate(HOSTILE)]  # fmt: skip
    found = night(flows=[*USUAL, *calls], lines=lines, **DECLARED | PAPER)
    said = fact(check, found)
    if check == "undeclared-host":
        assert set(said.rows["address"].tolist()) == set(HOSTILE)
        assert said.statistic["stations"] == len(HOSTILE)
    if check == "redirect":
        assert set(said.rows["destination"].tolist()) == set(HOSTILE)
    if check == "oversight":
        assert set(said.rows["host"].tolist()) == set(HOSTILE)
    if check == "undocumented":
        assert set(said.rows["thing"].tolist()) >= set(HOSTILE)
    assert said.status == "observed"
