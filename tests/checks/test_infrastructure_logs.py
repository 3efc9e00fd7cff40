"""Logs of machines: what is missing in them, changes without an event, clocks, and sessions."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.checks.test_infrastructure_hosts import (
    DECLARED,
    DESKS,
    HOSTILE,
    OTHER,
    fact,
    info,
    line,
    night,
    stamp,
)
from veedor.checks.infrastructure.clock_skew import _median_interval
from veedor.checks.sessions import sessions

LOGS = ("log-gap", "clock-skew", "direct-write", "access")


def clock(second: float, hour: int = 19) -> str:
    """A wall clock so many seconds after an hour."""
    minutes, rest = divmod(second, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hour + hours:02d}:{minutes:02d}:{rest:09.6f}"


# Changes of a database


def told(sid, second, **more):
    return line(clock(second), "app", "application-write", sid=sid, address=DESKS[0], **more)


def changed(sid, second, **more):
    return line(clock(second), "db", "database-write", sid=sid, actor="count", **more)


EACH = range(0, 6000, 60)
APPLICATION = [told(i, s) for i, s in enumerate(EACH)]
WRITES = [changed(i, s + 0.25) for i, s in enumerate(EACH)]


def direct(*lines, **plan):
    return fact("direct-write", night(lines=lines, **plan))


def test_a_change_that_no_event_explains_is_told_with_what_it_changed():
    by_hand = changed(5, 3000, before="7,3", after="9,3", address="10.0.0.99", object="acta") | {
        "actor": "dba"
    }
    said = direct(*APPLICATION, *WRITES, by_hand)
    assert said.status == "observed"
    assert said.questioned.tolist() == [5]
    statistic = said.statistic
    assert (statistic["writes"], statistic["stations"], statistic["paired"]) == (101, 100, 100)
    assert statistic["usual_seconds"] == 0.25
    assert statistic["unpaired"] == [{
        "at": stamp(clock(3000)), "station": "005", "source": "lines", "row": 201, "actor": "dba",
        "address": "10.0.0.99", "host": "db", "object": "acta", "before": "7,3", "after": "9,3",
        "nearest_seconds": 2700.0, "silent": False, "official_holds": "neither",
    }]  # fmt: skip
    assert statistic["unpaired_clear"] == 1


def test_a_clock_that_differs_for_all_changes_alike_makes_none_of_them_stand_alone():
    said = direct(*APPLICATION, *(changed(i, s + 900) for i, s in enumerate(EACH)))
    assert (said.status, said.statistic["usual_seconds"]) == ("not-observed", 900.0)
    assert said.statistic["paired"] == 100


@pytest.mark.parametrize(("after", "status"), [(120.1, "not-observed"), (120.3, "observed")])
def test_a_change_is_paired_within_two_minutes_of_the_usual_distance(after, status):
    usual = [changed(i, s + 0.2) for i, s in enumerate(EACH) if i != 9]
    assert direct(*APPLICATION, *usual, changed(9, 540 + after)).status == status


def test_an_event_explains_one_change_so_that_others_near_it_stand_alone():
    """Forty changes follow the application's own by fifty seconds, within the two minutes."""
    said = direct(*APPLICATION, *WRITES, *(changed(i, 60 * i + 50) for i in range(40)))
    assert said.status == "observed"
    statistic = said.statistic
    assert (statistic["paired"], statistic["unpaired_clear"]) == (100, 40)
    assert statistic["usual_seconds"] == 0.25
    assert said.questioned.tolist() == list(range(40))
    assert {u["nearest_seconds"] for u in statistic["unpaired"]} == {50.0}


def test_one_kind_of_teller_is_used_so_that_a_sheet_told_of_twice_is_told_of_once():
    requests = [line(clock(60 * i), "web", "request", sid=i, message="POST /acta", status="200")
                for i in range(100)]  # fmt: skip
    by_hand = changed(5, 330)
    assert direct(*APPLICATION, *requests, *WRITES, by_hand).questioned.tolist() == [5]
    assert direct(*requests, *WRITES, by_hand).questioned.tolist() == [5]
    assert direct(*requests, *WRITES).status == "not-observed"
    looks = [r | {"message": "GET /acta"} for r in requests]
    assert direct(*APPLICATION, *WRITES, *looks).status == "not-observed"
    assert direct(*looks, *WRITES).status == "not-determinable"


def test_a_change_in_a_silence_of_the_applications_log_questions_its_sheet_and_no_more():
    """The change itself is a line of the same file, and tells of the database alone."""
    quiet = [a for i, a in enumerate(APPLICATION) if not 40 <= i < 51]
    by_hand = changed(5, 2700)
    writes = [w for i, w in enumerate(WRITES) if not 40 <= i < 51]
    said = direct(*quiet, *writes, by_hand)
    assert (said.status, said.questioned.tolist()) == ("not-determinable", [5])
    assert [u["silent"] for u in said.statistic["unpaired"]] == [True]
    assert (said.statistic["unpaired_clear"], said.statistic["unpaired_silent"]) == (0, 1)
    of_others = line(clock(2701), "db", "heartbeat")
    assert direct(*quiet, of_others, *writes, by_hand).status == "not-determinable"
    of_its_own = line(clock(2701), "app", "heartbeat")
    assert direct(*quiet, of_its_own, *writes, by_hand).status == "observed"


def test_changes_at_night_from_an_undeclared_address_are_seen_by_two_checks():
    """The application's last line is of 20:39; an address writes to thirty sheets from 23:00 on."""
    database = {"id": "db", "role": "database", "addresses": "10.0.0.30"}
    plan = DECLARED | {"hosts": [*DECLARED["hosts"], database]}
    at_night = [changed(i, 4 * 3600 + i, address=OTHER) for i in range(30)]
    found = night(lines=[*APPLICATION, *WRITES, *at_night], **plan)
    said = fact("direct-write", found)
    assert (said.status, said.questioned.tolist()) == ("not-determinable", list(range(30)))
    assert (said.statistic["unpaired_clear"], said.statistic["unpaired_silent"]) == (0, 30)
    strange = fact("undeclared-host", found)
    (row,) = strange.statistic["hosts"]
    assert (strange.status, row["address"], row["acts"]) == ("observed", OTHER, 30)
    assert (row["first"], row["last"]) == (stamp("23:00:00"), stamp("23:00:29"))
    awake = [line(clock(60 * i), "app", "heartbeat") for i in range(300)]
    said = fact("direct-write", night(lines=[*APPLICATION, *WRITES, *at_night, *awake], **plan))
    assert (said.status, said.questioned.tolist()) == ("observed", list(range(30)))


def test_the_log_of_the_count_tells_of_a_change_as_well():
    second = 19 * 3600 + 1580428800
    events = [{"sid": i, "t": second + s} for i, s in enumerate(EACH)]
    said = fact("direct-write", night(lines=WRITES, events=events))
    assert (said.status, said.statistic["paired"]) == ("not-observed", 100)
    # Without a log of the application, that it told of none of them is not known.
    said = fact("direct-write", night(lines=WRITES, events=events[:60]))
    assert (said.status, said.statistic["paired"]) == ("not-determinable", 60)
    assert said.questioned.tolist() == list(range(60, 100))
    # Of a station that the application tells of by itself, the log of the count is not asked.
    said = fact("direct-write", night(lines=[*WRITES, told(0, 900)], events=events))
    assert (said.statistic["paired"], said.questioned.tolist()) == (99, [0])


def test_a_second_server_that_keeps_requests_only_tells_of_its_own_stations():
    requests = [line(clock(60 * i), "web", "request", sid=i, message="POST /acta", status="200")
                for i in range(50, 100)]  # fmt: skip
    said = direct(*APPLICATION[:50], *requests, *WRITES)
    assert (said.status, said.statistic["paired"]) == ("not-observed", 100)
    by_hand = changed(70, 900)
    assert direct(*APPLICATION[:50], *requests, *WRITES, by_hand).questioned.tolist() == [70]


def test_a_save_of_several_statements_is_one_change_of_its_session():
    more = [changed(i, s + 0.27, object="audit") for i, s in enumerate(EACH)]
    said = direct(*APPLICATION, *WRITES, *more)
    assert (said.status, said.statistic["writes"], said.statistic["saves"]) == (
        "not-observed",
        200,
        100,
    )
    assert said.fact.startswith("Each of the 100 saves that changed a station in a database (200")
    # One by another account, or in another session, or later, is not of the save.
    for other in (
        changed(5, 301) | {"actor": "admin"},
        changed(5, 301, session="9"),
        changed(5, 303),
    ):
        said = direct(*APPLICATION, *WRITES, *more, other)
        assert said.questioned.tolist() == [5]
        assert said.statistic["unpaired_clear"] == 1


def test_changes_that_name_no_station_may_have_changed_any():
    writes = [changed(i, s + 0.25, object="votes") for i, s in enumerate(EACH)]
    bulk = [changed(None, 100, object="votes")] * 500
    said = direct(*APPLICATION, *writes, *bulk)
    assert (said.status, said.statistic["of_sheets"]) == ("not-determinable", 500)
    assert (
        "500 other changes name no station, 500 of them to tables that hold stations" in said.fact
    )
    said = direct(*APPLICATION, *writes, *[changed(None, 100, object="sessions")] * 3)
    assert (said.status, said.statistic["of_sheets"]) == ("not-observed", 0)
    assert "3 other changes name no station, all to other tables" in said.fact


def test_changes_in_a_silence_are_apart_from_those_that_are_clear():
    quiet = [a for i, a in enumerate(APPLICATION) if not 40 <= i < 51]
    writes = [w for i, w in enumerate(WRITES) if not 40 <= i < 51]
    found = night(lines=[*quiet, *writes, changed(5, 2700), changed(7, 900)])
    clear, apart = fact("direct-write", found), fact("direct-write", found, "untold")
    assert (clear.status, clear.questioned.tolist()) == ("observed", [7])
    assert (apart.status, apart.questioned.tolist()) == ("not-determinable", [5])


def test_a_call_of_a_procedure_may_have_changed_any_station():
    calls = [line(clock(100), "db", "other", object="call")] * 2
    said = direct(*APPLICATION, *WRITES, *calls)
    assert (said.status, said.statistic["calls"]) == ("not-determinable", 2)
    assert "2 calls of procedures name neither a station nor a change" in said.fact


def test_very_many_changes_of_one_station_are_paired_in_time_that_grows_with_them():
    events = [told(1, 0.02 * i) for i in range(2000)]
    writes = [changed(1, 0.02 * i + 0.01, session=str(i)) for i in range(2000)]
    said = direct(*events, *writes)
    assert (said.statistic["saves"], said.statistic["paired"]) == (2000, 2000)


def test_a_station_of_which_the_application_never_told_has_no_nearest_event():
    said = direct(*APPLICATION[:-1], *WRITES[:-1], changed(99, 3000), changed(None, 3000))
    assert said.questioned.tolist() == [99]
    assert said.statistic["unpaired"][0]["nearest_seconds"] is None
    assert said.statistic["without_station"] == 1


def test_without_both_sides_no_change_can_be_paired():
    said = direct(*APPLICATION)
    assert (said.status, said.questioned) == ("not-determinable", None)
    assert said.statistic["usual_seconds"] is None
    assert not any(e.tested for e in said.explanations if e.id == "clock")
    said = direct(*WRITES)
    assert (said.status, said.questioned.tolist()) == ("not-determinable", list(range(100)))


# Missing parts of logs


def beats(host="app", *, quiet=(0, 0), minutes=180, source=None):
    """A sign of life a minute from 19:00, but not from one minute until before another."""
    return [
        line(clock(60 * m), host, "heartbeat", source=source or host)
        for m in range(minutes)
        if not quiet[0] <= m < quiet[1]
    ]


def gaps(*lines, **keys):
    said = fact("log-gap", night(lines=lines, **keys))
    told_ = [(s["host"], s["from"], s["to"], s["planned"]) for s in said.statistic["silences"]]
    return said, told_


def test_signs_of_life_that_stop_for_twenty_minutes_are_a_silence():
    said, found = gaps(*beats(quiet=(60, 80)), *beats("db"))
    assert said.status == "observed"
    assert found == [("app", stamp("19:59:00"), stamp("20:20:00"), False)]
    assert said.statistic["silences"][0]["seconds"] == 1260
    assert (said.statistic["unplanned"], said.statistic["missing_records"]) == (1, 0)


def test_a_silence_is_measured_from_line_to_line():
    late = [b | {"us": b["us"] + 3_000_000} for b in beats(quiet=(60, 70))]
    said, found = gaps(*late, *beats("db"))
    assert found == [("app", stamp("19:59:03"), stamp("20:10:03"), False)]
    assert said.statistic["silences"][0]["seconds"] == 660


@pytest.mark.parametrize(("until", "seen"), [(68, False), (69, False), (70, True)])
def test_a_silence_is_over_ten_of_the_logs_own_cadences(until, seen):
    assert bool(gaps(*beats(quiet=(60, until)))[1]) == seen


def test_few_lines_have_no_cadence_and_lines_at_any_time_are_no_signs_of_life():
    assert gaps(*beats(minutes=59, quiet=(20, 50)))[1] == []
    other = [{**b, "kind": "other"} for b in beats(quiet=(60, 120))]
    assert gaps(*other)[1] == []


STOP = {"id": "pause", "of": "host", "host": "app", "from": "2020-01-31T20:00:00Z",
        "to": "2020-01-31T20:20:00Z"}  # fmt: skip


@pytest.mark.parametrize(("change", "planned"), [
    ({}, True),
    ({"to": "2020-01-31T20:15:00Z"}, False),
    ({"host": "perimeter"}, False),
    ({"of": "processing", "host": None}, False),
    ({"of": "publication", "host": None}, False),
])  # fmt: skip
def test_a_silence_within_a_planned_stop_of_the_host_is_counted_apart(change, planned):
    said, found = gaps(*beats(quiet=(60, 80)), stops=[STOP | change], **DECLARED)
    assert [f[3] for f in found] == [planned]
    assert said.status == ("not-observed" if planned else "observed")


@pytest.mark.parametrize(("at", "mentioned", "planned"), [
    ("20:10:00", True, True), ("20:10:00", False, False), ("21:10:00", True, False),
])  # fmt: skip
def test_an_incident_excuses_a_silence_only_where_a_document_mentions_it(at, mentioned, planned):
    paper = {"id": "record", "title": "Record", "events": ["outage"] if mentioned else []}
    said, _ = gaps(*beats(quiet=(60, 80)), incidents={"outage": (None, at)}, documents=[paper])
    assert said.statistic["unplanned"] == (0 if planned else 1)


def test_an_incident_explains_an_hour_about_it_and_not_a_night():
    paper = {"id": "record", "title": "Record", "events": ["speech"]}
    said, found = gaps(
        *beats(quiet=(60, 300), minutes=400), *beats("db", minutes=400),
        incidents={"speech": (None, "20:30:00")}, documents=[paper],
    )  # fmt: skip
    assert [f[3] for f in found] == [False]
    assert said.status == "observed"


def naming(host, stations, offset=0.0, source=None):
    return [line(clock(60 * i + offset), host, "request", sid=i, source=source or host)
            for i in stations]  # fmt: skip


def test_a_log_misses_stations_that_another_log_names_within_seconds_of_it():
    whole, part = range(100), [i for i in range(100) if not 40 <= i < 70]
    said, found = gaps(*naming("db", whole), *naming("app", part, 1.0))
    assert found == [("app", stamp("19:39:01"), stamp("20:10:01"), False)]
    # At other times the log names each of the others' stations, so thirty were to be expected.
    assert said.statistic["silences"][0]["expected"] == 30.0


def test_a_log_that_begins_late_or_ends_early_while_others_go_on_is_silent_there():
    late, early = range(30, 100), range(70)
    said, found = gaps(*naming("db", range(100)), *naming("app", late, 1.0))
    assert found == [("app", stamp("19:00:00"), stamp("19:30:01"), False)]
    assert said.statistic["silences"][0]["expected"] == 30.0
    # The other log's last line is of 20:39:00.
    said, found = gaps(*naming("db", range(100)), *naming("app", early, 1.0))
    assert found == [("app", stamp("20:09:01"), stamp("20:39:01"), False)]
    assert said.statistic["silences"][0]["expected"] == 30.0
    both = gaps(*naming("db", early), *naming("app", early, 1.0))
    assert both[1] == []


def test_signs_of_life_that_begin_late_or_end_early_are_a_silence():
    _, found = gaps(*beats(quiet=(0, 30)), *beats("db"))
    assert found == [("app", stamp("19:00:00"), stamp("19:30:00"), False)]
    _, found = gaps(*beats(quiet=(150, 180)), *beats("db"))
    assert found == [("app", stamp("21:29:00"), stamp("21:59:00"), False)]
    assert gaps(*beats(quiet=(0, 10)), *beats("db"))[1] == []


def test_logs_that_can_be_judged_are_counted_and_without_any_nothing_is_said():
    said, _ = gaps(*beats(), *beats("db", minutes=59))
    assert (said.status, said.statistic["judged"], said.statistic["not_judged"]) == (
        ("not-observed", 1, 1)
    )
    said, _ = gaps(*beats(minutes=59))
    assert (said.status, said.statistic["judged"], said.statistic["not_judged"]) == (
        ("not-determinable", 0, 1)
    )
    # A log without signs of life is judged beside another that names the same stations.
    one = naming("app", range(60))
    assert gaps(*one)[0].statistic["judged"] == 0
    assert gaps(*one, *naming("db", range(60), 1.0))[0].statistic["judged"] == 2


def test_stations_named_by_nobody_else_or_by_a_log_of_other_work_are_not_missed():
    part = [i for i in range(100) if not 40 <= i < 70]
    assert gaps(*naming("db", part), *naming("app", part, 1.0))[1] == []
    few = [i for i in range(100) if not 40 <= i < 59]
    assert gaps(*naming("db", range(100)), *naming("app", few, 1.0))[1] == []
    slow = [line(clock(60 * i + 37 * (i % 9)), "db", "request", sid=i, source="db")
            for i in range(100)]  # fmt: skip
    assert gaps(*slow, *naming("app", part, 1.0))[1] == []


def test_a_sensor_that_tells_of_a_machine_is_not_that_machines_log():
    sensor = info("sensor", format="zeek")
    assert gaps(*beats(quiet=(60, 80), source="sensor"), machines=[sensor])[1] == []


def numbered(numbers, host="app", session=None, source="lines"):
    return [line(clock(10 * i), host, "other", sequence=n, session=session, source=source)
            for i, n in enumerate(numbers)]  # fmt: skip


def test_numbers_left_out_are_counted_with_the_records_around_them():
    said, _ = gaps(*numbered([1, 2, 3, 7, 8, 10]))
    assert said.status == "observed"
    assert said.statistic["missing_records"] == 4
    first, second = said.statistic["numbers"]
    assert (first["after"], first["before"], first["missing"]) == (3, 7, 3)
    assert (first["from"], first["to"]) == (stamp(clock(20)), stamp(clock(30)))
    assert (second["after"], second["before"], second["missing"]) == (8, 10, 1)


def missing(*lines):
    return [(n["host"], n["session"], n["after"], n["before"])
            for n in gaps(*lines)[0].statistic["numbers"]]  # fmt: skip


def test_machines_and_sessions_that_number_their_own_records_leave_none_out():
    """The first of file, machine and session by which no number stands twice is what numbers."""
    assert missing(*numbered([1, 2, 3]), *numbered([2, 3, 4], host="db")) == []
    assert missing(*numbered([1, 2, 3], session="a"), *numbered([3, 4], session="b")) == []
    assert missing(*numbered([1, 3, 5]), *numbered([2, 4, 6], host="db")) == []


def test_numbers_left_out_of_one_machine_or_session_are_told_with_it():
    by_host = [*numbered([1, 2, 3]), *numbered([2, 6, 7], host="db")]
    assert missing(*by_host) == [("db", None, 2, 6)]
    by_session = [*numbered([1, 2, 3], session="a"), *numbered([3, 4, 9], session="b")]
    assert missing(*by_session) == [("app", "b", 4, 9)]


def test_numbered_records_with_a_session_each_are_missed_where_they_were_left_out():
    """Of twenty records of one file, each of another session, four are gone."""
    kept = [n for n in range(1, 21) if not 5 <= n < 9]
    lines = [r for n in kept for r in numbered([n], session=f"s{n}")]
    said, _ = gaps(*lines)
    assert (said.status, said.statistic["missing_records"]) == ("observed", 4)
    assert missing(*lines) == [("app", None, 4, 9)]


def test_numbers_out_of_order_or_twice_are_not_missing():
    assert missing(*numbered([3, 1, 2, 2, 4])) == []


def test_two_sessions_whose_numbers_lie_apart_may_number_their_own():
    apart = [*numbered(range(1, 31), session="a"), *numbered(range(5000, 5030), session="b")]
    said, _ = gaps(*apart)
    assert (said.statistic["missing_records"], said.statistic["numbers_not_judged"]) == (0, 1)
    assert said.status == "not-determinable"
    assert "1 steps between record numbers cannot be judged" in said.fact
    # Within either of them a number left out is left out whoever numbers.
    assert missing(*apart[:10], *apart[12:]) == [("app", None, 10, 13)]


def test_a_format_that_numbers_the_lines_of_a_session_is_read_so():
    lines = [*numbered([1, 2, 3], session="a"), *numbered([10, 11, 13], session="b")]
    said, _ = gaps(*lines, machines=[info("lines", format="postgresql")])
    assert [(n["session"], n["after"], n["before"]) for n in said.statistic["numbers"]] == [
        ("b", 11, 13)
    ]


def test_a_broken_line_between_two_records_is_the_one_that_is_missing():
    lines = [r | {"row": n} for n, r in enumerate(numbered(range(1, 100)), 1) if n != 50]
    assert missing(*lines) == [("app", None, 49, 51)]
    broken = info("lines", lines=99, broken=1)
    assert gaps(*lines, machines=[broken])[0].statistic["missing_records"] == 0


GONE = {"id": "gone", "why": "destroyed", "what": "Logs of the relay", "host": OTHER,
        "from": "2020-01-31T20:00:00Z", "to": "2020-01-31T21:00:00Z"}  # fmt: skip


def entering(*clocks, address=OTHER):
    return [line(c, "app", "application-write", address=address, sid=i)
            for i, c in enumerate(clocks)]  # fmt: skip


def test_of_sheets_through_a_host_whose_logs_are_gone_nothing_can_be_determined():
    lines = entering("19:59:59", "20:00:00", "20:59:59", "21:00:00", None)
    found = night(lines=lines, withheld=[GONE], **DECLARED)
    said = fact("log-gap", found, "gone")
    assert said.status == "not-determinable"
    assert said.questioned.tolist() == [1, 2, 4]
    assert (said.statistic["stations"], said.statistic["valid"]) == (3, 300)
    # Five lines are too few to judge their own log.
    said = fact("log-gap", found)
    assert (said.status, said.statistic["judged"]) == ("not-determinable", 0)


def test_sheets_whose_way_no_record_tells_may_have_entered_where_logs_are_gone():
    lines = entering(*["20:00:00"] * 40, address="10.0.0.10")
    said = fact("log-gap", night(lines=lines, withheld=[GONE], **DECLARED), "gone")
    statistic = said.statistic
    assert (statistic["stations"], statistic["no_way_stations"]) == (0, 60)
    assert statistic["no_way_valid"] == 6000
    assert "No sheet is known to have entered" in said.fact
    assert "the way of 60 sheets with 6,000 valid votes" in said.fact
    undated = fact("log-gap", night(lines=entering(None), withheld=[GONE], **DECLARED), "gone")
    assert undated.statistic["undated_stations"] == 1
    assert "it is not known when" in undated.fact


def test_an_address_that_moved_or_is_a_groups_too_is_the_hosts_of_that_time():
    gone = {k: v for k, v in GONE.items() if k not in ("from", "to")} | {"host": "perimeter"}
    lines = entering("19:00:00", "20:30:00", address="10.0.0.10")
    both = DECLARED | {
        "groups": [{"id": "zone", "addresses": "10.0.0.10", "uses": ["app"]}, *DECLARED["groups"]]
    }
    said = fact("log-gap", night(lines=lines, withheld=[gone], **both), "gone")
    assert said.questioned.tolist() == [0, 1]
    moved = DECLARED | {
        "hosts": [
            h | {"valid_to": "2020-01-31T20:00:00Z"} if h["id"] == "perimeter" else h
            for h in DECLARED["hosts"]
        ]
        + [{"id": "aside", "role": "proxy", "addresses": "10.0.0.10",
            "valid_from": "2020-01-31T20:00:00Z"}],
    }  # fmt: skip
    said = fact("log-gap", night(lines=lines, withheld=[gone], **moved), "gone")
    assert said.questioned.tolist() == [0]


def test_a_declared_hosts_lost_logs_are_tied_to_sheets_by_any_of_its_addresses():
    lines = [*entering("20:00:00", address="10.0.0.10"), *entering(None, "20:30:00")]
    gone = {k: v for k, v in GONE.items() if k not in ("from", "to")} | {"host": "perimeter"}
    said = fact("log-gap", night(lines=lines, withheld=[gone], **DECLARED), "gone")
    assert said.questioned.tolist() == [0]


def test_lost_evidence_of_no_one_host_questions_no_sheet():
    gone = {"id": "gone", "why": "refused", "what": "Source code"}
    said = fact("log-gap", night(lines=entering("20:00:00"), withheld=[gone], **DECLARED), "gone")
    assert (said.status, said.questioned, said.rows) == ("not-determinable", None, None)


# Clocks


def shifted(host, offset, stations=range(8), spread=0.0):
    """The lines of a machine, each station a minute after the one before."""
    return [line(clock(60 * i + offset + spread * (i % 4)), host, "request", sid=i)
            for i in stations]  # fmt: skip


def clocks(*lines, **keys):
    return fact("clock-skew", night(lines=lines, **keys))


def test_a_clock_minutes_off_is_named_where_the_others_agree():
    said = clocks(*shifted("app", 0), *shifted("db", 247), *shifted("page", 2))
    assert (said.status, said.statistic["machine"]) == ("observed", "db")
    rows = {(p["first"], p["second"]): p for p in said.statistic["pairs"]}
    assert {k: p["median_seconds"] for k, p in rows.items()} == {
        ("app", "db"): 247.0, ("app", "page"): 2.0, ("db", "page"): -245.0,
    }  # fmt: skip
    assert {k: p["beyond"] for k, p in rows.items()} == {
        ("app", "db"): True, ("app", "page"): False, ("db", "page"): True,
    }  # fmt: skip
    assert rows["app", "db"]["events"] == 8
    assert said.statistic["skewed"] == 2


@pytest.mark.parametrize(("offset", "status"), [
    (2, "not-observed"), (60, "not-observed"), (61, "observed"), (-61, "observed"),
])  # fmt: skip
def test_clocks_off_by_up_to_a_minute_are_those_of_a_usual_night(offset, status):
    said = clocks(*shifted("app", 0), *shifted("db", offset))
    assert said.status == status
    assert said.statistic["machine"] is None


def test_the_order_of_events_is_not_evaluable_where_the_offset_may_be_none():
    near = clocks(*shifted("app", 0), *shifted("db", 0.5)).statistic["pairs"][0]
    far = clocks(*shifted("app", 0), *shifted("db", 5)).statistic["pairs"][0]
    assert (near["evaluable"], far["evaluable"]) == (False, True)


def test_offsets_that_vary_are_the_works_and_not_a_clocks():
    said = clocks(*shifted("app", 0), *shifted("db", 300, spread=100))
    assert (said.status, said.statistic["skewed"]) == ("not-determinable", 0)
    assert said.statistic["pairs"][0]["tight"] is False


def test_seven_shared_stations_say_nothing_of_two_clocks():
    said = clocks(*shifted("app", 0), *shifted("db", 247, range(7)))
    assert (said.status, said.statistic["pairs"]) == ("not-determinable", [])


def test_a_log_whose_stamps_go_back_by_more_than_a_minute_is_named():
    back = info("lines", back=3, back_most=61_000_000)
    said = clocks(*shifted("app", 0), machines=[back])
    assert said.status == "observed"
    assert said.statistic["stepped_back"] == [
        {"source": "lines", "host": None, "steps": 3, "most_seconds": 61.0}
    ]
    some = info("lines", back=3, back_most=60_000_000)
    two = (*shifted("app", 0), *shifted("db", 1))
    assert clocks(*two, machines=[some]).status == "not-observed"


def test_logs_of_one_host_are_told_apart_and_sensors_logs_are_left_out():
    lines = [
        *shifted("app", 0),
        *({**row, "source": "other"} for row in shifted("app", 90)),
        *({**row, "source": "sensor"} for row in shifted("db", 600)),
        *shifted("db", 1),
    ]
    said = clocks(*lines, machines=[info("sensor", format="zeek")])
    offsets = {(p["first"], p["second"]): p["median_seconds"] for p in said.statistic["pairs"]}
    assert offsets == {
        ("app (lines)", "app (other)"): 90.0, ("app (lines)", "db"): 1.0,
        ("app (other)", "db"): -89.0,
    }  # fmt: skip


def test_pairs_whose_offsets_vary_are_counted_where_others_are_told():
    said = clocks(*shifted("app", 0), *shifted("db", 1), *shifted("page", 300, spread=100))
    assert (said.status, said.statistic["untold"]) == ("not-observed", 2)
    assert "2 pairs more share events, but the time between their lines varies" in said.fact
    assert "1 pair of machines agree" in said.fact


def of_kind(rows, kind):
    return [{**row, "kind": kind} for row in rows]


@pytest.mark.parametrize(("kinds", "offset", "status"), [
    (("request", "database-write"), 120, "not-determinable"),
    (("request", "database-write"), -120, "observed"),
    (("database-write", "request"), -120, "not-determinable"),
    (("database-write", "request"), 120, "observed"),
    (("application-write", "database-write"), 120, "not-determinable"),
    (("request", "other"), 120, "not-determinable"),
    (("request", "other"), -120, "not-determinable"),
    (("other", "other"), 120, "observed"),
    (("request", "database-write"), 60, "not-observed"),
])  # fmt: skip
def test_a_constant_time_between_two_steps_may_be_the_works(kinds, offset, status):
    said = clocks(*of_kind(shifted("app", 200), kinds[0]),
                  *of_kind(shifted("db", 200 + offset), kinds[1]))  # fmt: skip
    assert said.status == status
    (pair,) = said.statistic["pairs"]
    assert (pair["first_kind"], pair["second_kind"]) == kinds
    assert pair["may_be_delay"] == (status == "not-determinable")
    words = "a clock and a constant delay of the work cannot be told apart"
    assert (words in said.fact) == pair["may_be_delay"]
    step = next(e for e in said.explanations if e.id == "step")
    assert step.values["delays"] == pair["may_be_delay"]


def test_one_machine_later_than_others_that_agree_is_observed_whatever_its_lines_tell():
    said = clocks(*shifted("app", 0), *shifted("page", 1),
                  *of_kind(shifted("db", 120), "database-write"))  # fmt: skip
    assert (said.status, said.statistic["machine"]) == ("observed", "db")
    step = next(e for e in said.explanations if e.id == "step")
    assert (step.values["delays"], step.values["kinds"]) == (2, "database-write and request")


@pytest.mark.parametrize(("before", "after", "by", "found"), [
    (8, 8, 90, True), (8, 8, -90, True), (60, 8, 3600, True), (8, 60, 3600, True),
    (8, 8, 60, False), (9, 7, 90, False),
])  # fmt: skip
def test_a_clock_that_jumps_midway_is_told_with_when_and_by_how_much(before, after, by, found):
    n = before + after
    late = [row for i in range(before, n) for row in shifted("db", 1 + by, [i])]
    said = clocks(*shifted("app", 0, range(n)), *shifted("db", 1, range(before)), *late)
    pair = said.statistic["pairs"][0]
    assert (pair["jump_seconds"] == by) == found
    assert (pair["jump_at"] == stamp(clock(60 * before))) == found
    assert said.statistic["jumped"] == found
    if found:
        assert said.status == "observed"
        assert f"by {by:+,} seconds".replace("-", "\u2212") in said.fact


def test_offsets_that_vary_or_stray_now_and_then_have_not_jumped():
    spread = clocks(*shifted("app", 0, range(40)), *shifted("db", 300, range(40), spread=100))
    assert spread.statistic["jumped"] == 0
    usual = [i for i in range(40) if i not in (5, 17, 30)]
    stray = clocks(*shifted("app", 0, range(40)), *shifted("db", 1, usual),
                   *shifted("db", 4000, (5, 17, 30)))  # fmt: skip
    assert (stray.status, stray.statistic["jumped"]) == ("not-observed", 0)


@pytest.mark.parametrize(("n", "rank"), [
    (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (50, 18), (100, 40),
])  # fmt: skip
def test_intervals_of_a_median_are_those_of_printed_tables(n, rank):
    """Ranks of the order statistics for at least 95 %, as in tables of the sign test."""
    assert _median_interval([float(i) for i in range(1, n + 1)]) == (rank, n + 1 - rank)


# Sessions


def session(start, end=None, address=DESKS[0], actor="ana", number="1", host="app"):
    about = {"actor": actor, "session": number}
    opened = [line(start, host, "login", address=address, **about)]
    return opened + ([line(end, host, "logout", **about)] if end else [])


def access(*lines, incidents=None, **plan):
    return fact("access", night(lines=lines, incidents=incidents, **DECLARED | plan))


def test_sessions_from_addresses_outside_the_plan_are_named():
    lines = [
        *session("19:00:00", address=OTHER),
        *session("21:00:00", address=OTHER, number="2"),
        *session("20:00:00", number="3"),
        *session("20:00:00", address=OTHER, host="alien"),
    ]
    said = access(*lines)
    assert said.status == "observed"
    assert said.statistic["outside"] == [{
        "host": "app", "account": "ana", "address": OTHER, "sessions": 2,
        "first": stamp("19:00:00"), "last": stamp("21:00:00"),
    }]  # fmt: skip
    assert (said.statistic["sessions"], said.statistic["accounts"]) == (3, 1)


def test_sessions_from_declared_and_from_shared_addresses_are_within_the_plan():
    lines = [*session("19:00:00", "19:30:00"),
             *session("20:00:00", "20:30:00", address="198.51.100.11"),
             *session("21:00:00", "21:30:00", address="page")]  # fmt: skip
    said = access(*lines)
    assert (said.status, said.statistic["sessions"]) == ("not-observed", 3)


def overlap(*lines, **plan):
    return [(s["account"], s["from"], s["to"]) for s in access(*lines, **plan).statistic["shared"]]


def test_one_account_in_two_places_at_once_is_told_with_its_longest_overlap():
    lines = [
        *session("19:00:00", "21:00:00"),
        *session("19:10:00", "19:15:00", DESKS[1], number="2"),
        *session("20:00:00", "20:45:00", DESKS[2], number="3"),
    ]
    assert overlap(*lines) == [("ana", stamp("20:00:00"), stamp("20:45:00"))]


def test_sessions_one_after_the_other_from_one_place_or_of_two_accounts_do_not_overlap():
    first = session("19:00:00", "20:00:00")
    assert overlap(*first, *session("20:00:00", "21:00:00", DESKS[1], number="2")) == []
    assert overlap(*first, *session("19:30:00", "21:00:00", number="2")) == []
    assert overlap(*first, *session("19:30:00", "21:00:00", DESKS[1], "eva", "2")) == []


def test_an_account_declared_as_shared_may_be_in_two_places():
    lines = [*session("19:00:00", "20:00:00"), *session("19:30:00", "21:00:00", DESKS[1],
                                                        number="2")]  # fmt: skip
    assert len(overlap(*lines)) == 1
    assert overlap(*lines, users=[{"id": "ana", "shared": True}]) == []


def test_a_session_of_which_no_end_is_on_record_counts_at_its_start_alone():
    assert overlap(*session("19:00:00"), *session("23:00:00", "23:30:00", DESKS[1],
                                                  number="2")) == []  # fmt: skip
    inside = overlap(*session("19:00:00", "20:00:00"), *session("19:30:00", None, DESKS[1],
                                                                number="2"))  # fmt: skip
    assert inside in ([], [("ana", stamp("19:30:00"), stamp("19:30:00"))])


def test_the_end_of_an_earlier_session_of_the_same_number_ends_no_later_one():
    lines = [*session("17:00:00", "18:00:00"), *session("19:00:00"),
             *session("23:00:00", "23:30:00", DESKS[1], number="2")]  # fmt: skip
    assert overlap(*lines) == []


def test_a_declared_login_on_a_host_that_is_not_its_own_is_named():
    users = [{"id": "ana", "hosts": ["perimeter"]}, {"id": "eva", "hosts": ["app"]}, {"id": "joe"}]
    lines = [*session("19:00:00", "19:05:00"), *session("20:00:00", "20:05:00"),
             *session("19:00:00", "19:05:00", actor="eva"),
             *session("19:00:00", "19:05:00", actor="joe")]  # fmt: skip
    said = access(*lines, users=users)
    assert said.statistic["not_given"] == [{
        "host": "app", "account": "ana", "sessions": 2, "first": stamp("19:00:00"),
        "last": stamp("20:00:00"),
    }]  # fmt: skip


FREEZE = {"freezes": [{"item": "software", "sha256": "a" * 64, "at": "2020-01-31T20:00:00Z"}]}
EARLY = {"freezes": [{"item": "software", "sha256": "a" * 64, "at": "2020-01-31T09:00:00Z"}]}
CLOSED = {"polls": ("polls-closed", "18:00:00")}


def change(at, kind="credential", host="app", **more):
    return line(at, host, kind, actor="root", object="ana", **more)


@pytest.mark.parametrize(("at", "status"), [("19:59:59", "not-observed"), ("20:00:00", "observed")])
def test_a_password_changed_before_the_freeze_is_no_departure(at, status):
    said = access(*session("19:00:00", "19:30:00"), change(at), incidents=CLOSED, **FREEZE)
    assert (said.status, said.statistic["since"]) == (status, stamp("20:00:00"))
    found = [(c["kind"], c["account"], c["object"], c["at"]) for c in said.statistic["changes"]]
    expected = [("credential", "root", "ana", stamp("20:00:00"))]
    assert found == (expected if status == "observed" else [])


def test_without_a_freeze_changes_are_asked_from_the_close_of_the_polls():
    kinds = ("credential", "account", "clock", "log-cleared", "configuration")
    lines = [change("18:30:00", k) for k in kinds]
    lines += [change("17:59:59"), change("18:30:00", host="alien")]
    said = access(*session("19:00:00", "19:30:00"), *lines, incidents=CLOSED)
    assert sorted(c["kind"] for c in said.statistic["changes"]) == sorted(kinds[:4])


@pytest.mark.parametrize(("refused", "later"), [(9, 0), (10, 1)])
def test_refused_logins_count_and_those_that_got_in_after_ten_are_told(refused, later):
    tries = [line(clock(i), "app", "login-failed", address=DESKS[0], actor=f"guess{i % 3}")
             for i in range(refused)]  # fmt: skip
    said = access(*tries, *session("20:00:00", "20:10:00"))
    assert said.statistic["failed"] == {
        "attempts": refused, "accounts": 3, "addresses": 1, "succeeded_after": later,
    }  # fmt: skip
    assert said.status == ("observed" if later else "not-observed")
    assert [g["refusals"] for g in said.statistic["got_in"]] == [refused] * later
    words = f"The address {DESKS[0]} got in after 10 refusals, as ana on app"
    assert (words in said.fact) == bool(later)


def refusals(number, start=0.0, address=DESKS[0]):
    return [line(clock(start + i), "app", "login-failed", address=address, actor="ana")
            for i in range(number)]  # fmt: skip


def test_refusals_after_an_address_got_in_or_of_another_address_are_not_before_it():
    opened = session(clock(9), "20:10:00")
    assert access(*refusals(9), *opened, *refusals(50, 100)).status == "not-observed"
    again = session("20:00:00", "20:10:00", number="2")
    assert access(*refusals(9), *opened, *refusals(9, 100), *again).status == "not-observed"
    late = access(*refusals(9), *opened, *refusals(50, 100), *again)
    assert [(g["refusals"], g["at"]) for g in late.statistic["got_in"]] == [(50, stamp("20:00:00"))]
    assert access(*refusals(50, address=OTHER), *again).status == "not-observed"


def test_a_refusal_of_the_second_of_the_session_is_before_it():
    tries = [line(clock(9), "app", "login-failed", address=DESKS[0], actor="ana")] * 10
    assert len(access(*session(clock(9), "20:10:00"), *tries).statistic["got_in"]) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "localhost.localdomain"])
def test_a_session_that_a_machine_opened_from_itself_is_from_nowhere_else(address):
    lines = [*session("19:00:00", "21:00:00"),
             *session("19:10:00", "19:15:00", address, number="2")]  # fmt: skip
    said = access(*lines)
    assert (said.status, said.statistic["sessions"]) == ("not-observed", 2)


def test_accounts_of_one_person_in_two_places_at_once_overlap():
    lines = [*session("19:00:00", "20:00:00", actor="a1"),
             *session("19:30:00", "21:00:00", DESKS[1], "a2", "2")]  # fmt: skip
    assert overlap(*lines) == []
    users = [{"id": "a1", "person": "p"}, {"id": "a2", "person": "p"}]
    assert overlap(*lines, users=users) == [("a1 and a2", stamp("19:30:00"), stamp("20:00:00"))]
    users[1]["shared"] = True
    assert overlap(*lines, users=users) == []


def test_without_a_freeze_and_a_close_of_the_polls_changes_are_not_asked():
    said = access(*session("19:00:00", "19:30:00"), change("20:00:00"))
    assert (said.status, said.statistic["changes"]) == ("not-observed", [])
    assert "changes of accounts are not asked" in said.fact


def test_many_sessions_of_one_number_are_followed_in_time_that_grows_with_them():
    """Each login looks up its own end: no list of all ends is made for each."""
    us = np.arange(40_000) * 1_000_000
    about = {n: np.full(len(us), v, dtype=object)
             for n, v in (("source", "log"), ("actor", "ana"), ("address", "a"), ("session", "1"),
                          ("host", "app"))}  # fmt: skip
    kinds = np.array(["login", "logout"] * (len(us) // 2), dtype=object)
    rows = {"us": us, "row": np.arange(len(us)), "kind": kinds, **about}
    before = time.process_time()
    found = list(sessions(rows))
    assert time.process_time() - before < 4
    assert len(found) == 20_000
    assert {s["end"] - s["start"] for s in found} == {1_000_000}


def test_where_no_log_tells_of_a_session_access_is_not_determinable():
    assert access(line("19:00:00", "app", "login-failed", address=OTHER)).status == (
        "not-determinable"
    )


@pytest.mark.parametrize("check", LOGS)
def test_hostile_texts_in_logs_are_texts(check):
    lines = []
    for i, text in enumerate(HOSTILE):
        about = {"actor": text, "object": text, "message": text, "session": text, "address": text}
        lines += [line(clock(60 * i), text, "login", source=text, sid=i, **about),
                  line(clock(60 * i), "app", "login", source=text, sid=i, **about),
                  line(clock(60 * i), "app", "database-write", sid=i, before=text, after=text,
                       **about),
                  line(clock(60 * i), "app", "credential", sequence=10 * i,
                       **about | {"session": None}),
                  line(clock(60 * i), "db", "application-write", sid=50 + i, **about)]  # fmt: skip
    said = fact(check, night(lines=lines, **DECLARED | EARLY))
    if check == "access":
        assert {r["name"] for r in said.statistic["named"]} == set(HOSTILE)
        assert len(said.statistic["changes"]) == len(HOSTILE)
    if check == "direct-write":
        assert {u["before"] for u in said.statistic["unpaired"]} == set(HOSTILE)
    if check == "log-gap":
        assert said.statistic["missing_records"] == 9 * (len(HOSTILE) - 1)
