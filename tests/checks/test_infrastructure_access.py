"""Access: what could not be told of sessions, logins outside their validity, shared addresses."""

from __future__ import annotations

import pytest

from tests.checks.test_infrastructure_hosts import DECLARED, DESKS, OTHER, fact, line, night, stamp
from tests.checks.test_infrastructure_logs import CLOSED, change, clock, session

NAT = "198.51.100.11"


def access(*lines, incidents=None, **plan):
    return fact("access", night(lines=lines, incidents=incidents, **DECLARED | plan))


def kinds(said):
    return [] if said.rows is None else said.rows["what"].tolist()


@pytest.mark.parametrize(("limits", "sessions"), [
    ({}, 0), ({"valid_from": "2020-01-31T19:00:00Z"}, 0),
    ({"valid_from": "2020-01-31T19:00:01Z"}, 1), ({"valid_to": "2020-01-31T20:00:01Z"}, 0),
    ({"valid_to": "2020-01-31T20:00:00Z"}, 1), ({"valid_to": "2020-01-31T19:00:00Z"}, 2),
])  # fmt: skip
def test_sessions_of_a_login_outside_its_validity_are_told(limits, sessions):
    lines = [*session("19:00:00", "19:05:00"), *session("20:00:00", "20:05:00", number="2"),
             *session("12:00:00", "12:05:00", actor="eva")]  # fmt: skip
    said = access(*lines, users=[{"id": "ana", **limits}])
    found = said.statistic["outside_validity"]
    assert sum(r["sessions"] for r in found) == sessions
    assert (said.status == "observed") == bool(sessions)
    assert kinds(said) == ["session outside the validity of its login"] * sessions
    if sessions == 2:
        assert found == [{
            "host": "app", "account": "ana", "sessions": 2, "first": stamp("19:00:00"),
            "last": stamp("20:00:00"),
        }]  # fmt: skip
        words = "2 sessions were outside the time for which the plan declares the login (ana on app"
        assert words in said.fact


def test_of_sessions_without_any_origin_nothing_is_said_to_be_declared():
    lines = [line(clock(i), "app", "login", actor="ana", session=str(i)) for i in range(3)]
    said = access(*lines)
    assert (said.status, said.statistic["without_address"]) == ("not-determinable", 3)
    assert "On record: 3 sessions of 1 account, 0 with an origin." in said.fact
    assert "3 sessions tell no address: from where is not known." in said.fact
    said = access(*lines, *session("19:10:00", "19:20:00"))
    assert said.status == "not-observed"
    assert "4 sessions of 1 account, 1 with an origin that the plan declares." in said.fact
    assert "3 sessions tell no address" in said.fact


def test_logins_without_an_instant_are_sessions_that_the_logs_tell_of():
    lines = [line(None, "app", "login", actor="ana", address=DESKS[0]) for _ in range(2)]
    said = access(*lines)
    assert (said.status, said.statistic["undated"]) == ("not-determinable", 2)
    assert "No log tells of a session" not in said.fact
    assert "2 logins have no instant that could be read" in said.fact


def test_a_workstations_name_is_no_address_outside_the_plan():
    lines = session("19:00:00", "19:15:00", address="WS-07")
    said = access(*lines)
    assert (said.status, said.statistic["outside"]) == ("not-determinable", [])
    assert said.statistic["named"] == [{
        "host": "app", "account": "ana", "name": "WS-07", "sessions": 1,
        "first": stamp("19:00:00"), "last": stamp("19:00:00"),
    }]  # fmt: skip
    assert "1 session names an origin that is no address and that the plan does not" in said.fact
    assert kinds(said) == ["session from a name and no address"]
    declared = access(*session("19:00:00", "19:15:00", address="page"))
    assert (declared.status, declared.statistic["named"]) == ("not-observed", [])


def refused(number, who, address):
    return [line(clock(i), "app", "login-failed", actor=who(i), address=address)
            for i in range(number)]  # fmt: skip


@pytest.mark.parametrize(("plan", "address", "told"), [
    ({}, NAT, False), ({}, DESKS[0], True), ({}, OTHER, True),
    ({"groups": [{"id": "office", "addresses": DESKS[0], "members": 40, "uses": ["perimeter"]}]},
     DESKS[0], False),
])  # fmt: skip
def test_refusals_of_several_people_behind_one_address_are_nobodys(plan, address, told):
    """Twelve people mistype once each behind the address of their office, then another gets in."""
    lines = refused(12, lambda i: f"u{i}", address)
    opened = session("20:00:00", "20:10:00", address=address, actor="u99")
    said = access(*lines, *opened, **plan)
    assert [g["refusals"] for g in said.statistic["got_in"]] == ([12] if told else [])
    assert said.statistic["failed"]["attempts"] == 12


def test_refusals_of_one_account_behind_a_shared_address_are_told():
    opened = session("20:00:00", "20:10:00", address=NAT, actor="ana")
    other = session("19:30:00", "19:40:00", address=NAT, actor="eva", number="2")
    said = access(*refused(10, lambda i: "ana", NAT), *other, *opened)
    (found,) = said.statistic["got_in"]
    assert (found["account"], found["refusals"], found["at"]) == ("ana", 10, stamp("20:00:00"))


def test_rows_say_whose_account_was_changed_and_when_a_session_ended():
    said = access(*session("19:00:00", "19:15:00", address=OTHER), *session("19:30:00", number="2",
                  address=OTHER), change("19:20:00"), incidents=CLOSED)  # fmt: skip
    rows = zip(*(said.rows[n].tolist() for n in ("what", "from", "to", "object", "source", "row")),
               strict=True)  # fmt: skip
    outside = "session from outside the plan"
    assert sorted(rows, key=str) == [
        ("credential", stamp("19:20:00"), stamp("19:20:00"), "ana", "lines", 4),
        (outside, stamp("19:00:00"), stamp("19:15:00"), None, "lines", 1),
        (outside, stamp("19:30:00"), None, None, "lines", 3),
    ]


def test_the_sentence_begins_with_what_was_observed():
    said = access(*session("19:00:00", "19:15:00", address=OTHER), change("19:20:00"),
                  incidents=CLOSED)  # fmt: skip
    assert said.fact == (
        f"1 session came from addresses that the plan does not declare ({OTHER}). Since 2020-01-31"
        " 18:00:00 the logs tell of 1 change (credential), the first at 2020-01-31 19:20:00. On"
        " record: 1 session of 1 account, 1 with an origin."
    )
