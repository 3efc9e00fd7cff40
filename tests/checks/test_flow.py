"""The flow of a small count: clocks, gaps, states and what each system held."""

import pytest

from tests.building import evidence, facts, stations

OFFICIAL = {
    "station": [str(i) for i in range(1, 9)],
    "region": ["N"] * 6 + ["S"] * 2,
    "municipality": ["M"] * 8,
    "centre": ["a", "a", "b", "b", "c", "c", "d", "d"],
    "A": [60, 70, 20, 30, 50, 50, 90, 90],
    "B": [40, 30, 80, 70, 50, 50, 10, 10],
    "C": [0] * 8,
}
SNAPSHOT = {
    "station": ["1", "3", "5", "6"], "A": [60, 20, 0, 50], "B": [40, 80, 0, 50], "C": [0] * 4,
}  # fmt: skip
LOG = {"kind": "log", "key": "station", "stage": "verified", "instant": "at",
       "options": {"A": "A", "B": "B"}, "declared_valid": "valid"}  # fmt: skip
LINES = {
    "station": ["1", "3", "6", "2", "5", "4", "7"],
    "at": [f"2020-01-31T{c}" for c in ("19:00:00", "19:10:00", "19:20:00", "19:59:00", "20:00:02",
                                       "20:30:00")] + ["2020-02-01T09:00:00"],
    "A": [60, 20, 50, 70, 50, 30, 90],
    "B": [40, 80, 50, 30, 50, 70, 10],
    "valid": [100] * 7,
}  # fmt: skip
PUBLICATIONS = {"kind": "publications", "instant": "at", "sheets": "n", "received": "in",
                "options": {"A": "A", "B": "B"}, "declared_valid": "valid"}  # fmt: skip
PUBLISHED = {
    "at": ["2020-01-31T19:50:00", "2020-01-31T19:55:00", "2020-01-31T20:00:00",
           "2020-02-01T09:00:00", "2020-02-01T09:05:00", "2020-02-01T09:10:00"],
    "n": [1, 2, 3, 7, 7, 7],
    "in": [4, 5, 6, 8, 8, 8],
    "A": [60, 80, 130, 370, 370, 370],
    "B": [40, 120, 170, 330, 330, 330],
    "valid": [100, 200, 300, 700, 700, 700],
}  # fmt: skip
EVENTS = {
    "polls-closed": "2020-01-31T18:00:00Z",
    "stop": "2020-01-31T20:00:00Z",
    "return": "2020-02-01T09:00:00Z",
}


@pytest.fixture
def found(tmp_path):
    left = {"station": ["8", "7", "99"], "state": ["waiting", "lost", "lost"],
            "note": ["Ana says so", "", ""]}  # fmt: skip
    states = {"kind": "states", "key": "station", "state_column": "state", "remark": "note"}
    return evidence(
        tmp_path,
        {"official": OFFICIAL, "early": SNAPSHOT},
        at={"early": "2020-01-31T20:00:00Z"},
        files={"log": (LOG, LINES), "published": (PUBLICATIONS, PUBLISHED), "left": (states, left)},
        events=EVENTS,
    )


def test_the_gap_in_publication_and_what_crossed_it(found):
    fact = facts("flow.publication-gap", found)["log"]
    said = fact.statistic
    assert fact.status == "observed"
    assert said["median_seconds"] == 300
    assert said["longest"] == {
        "from": "2020-01-31T20:00:00+00:00",
        "to": "2020-02-01T09:00:00+00:00",
        "seconds": 13 * 3600,
        "times_median": 156.0,
        "sheets_before": 3,
        "sheets_after": 7,
        "sheets": 4,
        "valid": 400,
        "margin_before": pytest.approx(-100 * 40 / 300, abs=1e-6),
        "margin_after": pytest.approx(100 * 40 / 700, abs=1e-6),
    }
    assert said["standstills"][0]["publications"] == 3
    assert (said["before_polls_closed"], said["sheets_before_polls_closed"]) == (0, None)
    tested = {e.id: e.values for e in fact.explanations if e.tested}
    assert tested["nothing-new"] == {"processed": 2, "night": 2}


def test_what_was_processed_in_a_gap_is_counted_to_the_second(tmp_path):
    """Lines of the minute in which the gap begins count from the second on; a station once."""
    lines = {k: [*v, v[1], v[4]] for k, v in LINES.items()}
    lines["at"][-2:] = ["2020-01-31T19:59:59", "2020-01-31T20:40:00"]
    found = evidence(
        tmp_path,
        {"official": OFFICIAL},
        files={"log": (LOG, lines), "published": (PUBLICATIONS, PUBLISHED)},
        events=EVENTS,
    )
    fact = facts("flow.publication-gap", found)["log"]
    tested = {e.id: e.values for e in fact.explanations if e.tested}
    assert tested["nothing-new"] == {"processed": 2, "night": 2}
    assert "1 step was longer than five times that" in fact.fact
    assert "holds 4 sheets and 400 valid votes more" in fact.fact


def test_one_published_count_has_no_cadence(found):
    fact = facts("flow.publication-gap", found)["count"]
    assert fact.status == "not-determinable"
    assert fact.statistic["held"][0]["margin_points"] == pytest.approx(-100 * 40 / 300, abs=1e-6)


def test_what_was_processed_while_nothing_was_published(found):
    fact = facts("flow.processing-gap", found)["verified"]
    said = fact.statistic
    assert fact.status == "observed"
    assert said["gaps"][0]["seconds"] == 12 * 3600 + 1800
    assert said["after_cut"] == {"session": 2, "later": 1, "never": 1}
    assert said["unpublished_at_cut"] == 1
    assert (said["at_cut"]["lines"], said["at_session_end"]["lines"]) == (4, 6)
    assert said["at_session_end"]["margin_points"] == pytest.approx(100 * -40 / 600, abs=1e-6)
    groups = {g["group"]: g["sheets"] for g in said["groups"]}
    # Station 5 was published as zeros and stamped two seconds later: it is no late sheet.
    assert list(groups.values()) == [1, 1, 1, 1]


def test_states_are_a_partition_and_contradictions_are_named(found):
    fact = facts("flow.state", found)[""]
    said = fact.statistic
    assert (said["unfinished"], said["expected"], said["unknown"]) == (2, 8, 1)
    assert {s["state"]: s["stations"] for s in said["states"]} == {"lost": 2, "waiting": 1}
    assert said["also_processed"] == 1, "station 7 is in the log"
    assert said["all"]["remarks"] == 1
    assert "Ana" not in fact.fact + str(said)
    assert said["by_region"] == [
        {"place": "S", "stations": 2, "unfinished": 2, "share_points": 100.0}
    ]
    held = dict(zip(fact.rows["station"], fact.rows["processed"], strict=True))
    assert held == {"7": True, "8": False, "99": False}
    assert not fact.rows["published"].any()


def test_sheets_of_which_nothing_tells_are_not_called_finished(tmp_path):
    states = {"kind": "states", "key": "station", "state_column": "state"}
    left = {"station": ["99"], "state": ["lost"]}
    found = evidence(
        tmp_path,
        {"official": OFFICIAL},
        files={"log": (LOG, LINES), "left": (states, left)},
        events=EVENTS,
    )
    fact = facts("flow.state", found)[""]
    assert (fact.status, fact.statistic["neither"]) == ("not-observed", 1)
    assert "Of 1 official sheets neither the log of the last stage nor a state tells" in fact.fact


def test_each_system_says_what_it_held(found):
    fact = facts("infrastructure.records", found)[""]
    stop = fact.statistic["events"][0]
    assert {a["system"]: a["sheets"] for a in stop["answers"]} == {
        "log of publications": 3,
        "log of publications, received": 6,
        "published count": 4,
        "processing log, verified": 4,
    }
    assert (stop["least"], stop["most"], stop["spread"]) == (3, 4, 1)
    assert fact.statistic["bridge"] == {
        "published": 4, "log": 4, "log_only": 1, "published_only": 1, "later": 1, "never": 0,
        "without_votes": 1,
    }  # fmt: skip
    assert fact.statistic["closest_after"] == 2.0
    assert stations(found, fact) == ["2", "5"]
    assert fact.questioned is None


def test_stamps_before_the_polls_closed_and_unread_ones_are_named(tmp_path):
    lines = {k: list(v) for k, v in LINES.items()}
    lines["at"][0], lines["at"][1] = "2020-01-31T07:00:00", "31.1. 19:10"
    lines["station"][0] = "7"
    found = evidence(tmp_path, {"official": OFFICIAL}, files={"log": (LOG, lines)}, events=EVENTS)
    fact = facts("flow.clock", found)["log"]
    said = fact.statistic
    assert fact.status == "observed"
    assert (said["unread"], said["first_unread_row"]) == (1, 3)
    assert (said["before_polls_closed"], said["before_elsewhere"]) == (1, 1)
    assert said["hours"][7] == 1


def test_a_refused_clock_is_observed_and_used_by_nobody(tmp_path):
    stamps = [f"2020-01-31T{1 + i // 60:02d}:{i % 60:02d}:00" for i in range(0, 600, 10)]
    lines = {"station": [str(1 + i % 8) for i in range(60)], "at": stamps}
    lines |= {k: [1] * 60 for k in ("A", "B", "valid")}
    found = evidence(tmp_path, {"official": OFFICIAL}, files={"log": (LOG, lines)}, events=EVENTS)
    fact = facts("flow.clock", found)["log"]
    assert fact.status == "observed"
    assert "twelve hours" in fact.fact
    assert not found.has("log")


def test_order_as_text_against_order_in_time(tmp_path):
    """12:30 shown by a clock of twelve hours comes last as text, and 01:00 p.m. first."""
    lines = {k: v[:4] for k, v in LINES.items()}
    lines["at"] = [f"2020-01-31T{c}:00" for c in ("12:30", "13:00", "14:00", "18:30")]
    found = evidence(tmp_path, {"official": OFFICIAL}, files={"log": (LOG, lines)}, events=EVENTS)
    fact = facts("flow.clock", found)["order"]
    said = fact.statistic
    assert said["text_backward"] == 1
    assert (said["last_lines"], said["last_differ"]) == (1, 1)
    assert said["last_points"] == 40.0, "station 2, at 18:30"
    assert said["last_points_text"] == 20.0, "station 1, at 12:30"
    assert (said["last_votes_points"], said["last_votes_points_text"]) == (40.0, 20.0)


def test_publications_before_the_polls_closed_are_kept_and_named(tmp_path):
    published = {k: list(v) for k, v in PUBLISHED.items()}
    published["at"][:2] = ["2020-01-31T09:00:00", "2020-01-31T17:59:59"]
    found = evidence(
        tmp_path,
        {"official": OFFICIAL},
        files={"published": (PUBLICATIONS, published)},
        events=EVENTS,
    )
    said = facts("flow.publication-gap", found)["log"].statistic
    assert said["publications"] == 6
    assert (said["before_polls_closed"], said["sheets_before_polls_closed"]) == (2, 2)


def test_stages_out_of_order_are_observed(tmp_path):
    early = LOG | {"stage": "received"}
    before = {k: list(v) for k, v in LINES.items()}
    before["at"] = [a.replace("19:00:00", "19:05:00") for a in before["at"]]
    found = evidence(
        tmp_path,
        {"official": OFFICIAL},
        files={"received": (early, before), "log": (LOG, LINES)},
        events=EVENTS,
    )
    fact = facts("flow.clock", found)["order"]
    assert fact.status == "observed"
    assert fact.statistic["earlier_stages"] == [{"stage": "verified", "before": 1, "lines": 7}]


def test_a_burst_is_found_with_what_its_sheets_say(tmp_path):
    """Five lines a minute for two hours, and sixty more in one minute, all of places that lean to
    A no more than others of their centre do.
    """
    size = 660
    minute = [i // 5 for i in range(600)] + [70] * 60
    stations_ = [f"{i:04d}" for i in range(size)]
    official = {
        "station": stations_,
        "region": ["N"] * size,
        "municipality": ["M"] * size,
        "centre": [f"c{i % 60}" for i in range(size)],
        "A": [50 + i % 60 for i in range(size)],
        "B": [100 - i % 60 for i in range(size)],
        "C": [0] * size,
    }
    log = {
        "station": stations_,
        "at": [
            f"2020-01-31T{19 + m // 60:02d}:{m % 60:02d}:{i % 60:02d}" for i, m in enumerate(minute)
        ],
        "who": ["Ana" if m == 70 else f"P{i % 3}" for i, m in enumerate(minute)],
    }  # fmt: skip
    entry = {"kind": "log", "key": "station", "stage": "verified", "instant": "at", "actor": "who"}
    found = evidence(tmp_path, {"official": official}, files={"log": (entry, log)}, events=EVENTS)
    fact = facts("flow.throughput", found)["verified"]
    said = fact.statistic
    assert fact.status == "observed"
    top = said["bursts"][0]
    assert (top["from"], top["minutes"], top["lines"]) == ("2020-01-31T20:10:00+00:00", 1, 65)
    assert top["unexplained_points"] == pytest.approx(0.0, abs=1e-6)
    held = {m["minute"]: m["sheets"] for m in said["minutes"]}
    assert held["2020-01-31T20:10:00+00:00"] == 65
    assert held["2020-01-31T20:09:00+00:00"] == 5
    # 60 lines within 60 seconds by one of four operators.
    assert said["operators"]["operators"] == 4
    assert said["operators"]["fast"] == 1
    assert "Ana" not in str(said) + fact.fact
    assert fact.questioned is None
