"""The timeline for Timesketch: sorted, whole, and safe to open."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest

from veedor.case.manifest import Event
from veedor.export import BATCH, Written, merged, timesketch

from .rows import HOSTILE, START, flows, line, log_lines, steps

FLOW = {
    "source": "conn",
    "row": 1,
    "us": START - 1,
    "src": "10.0.0.1",
    "sport": 40000,
    "dst": "10.0.0.2",
    "dport": 443,
    "proto": "tcp",
    "service": "ssl",
    "bytes_out": 812,
}


def _jsonl(*args, progress=None, **kwargs) -> tuple[list[dict], Written]:
    out = io.StringIO()
    written = timesketch.write_jsonl(merged(*args, **kwargs), out, progress=progress)
    return [json.loads(text) for text in out.getvalue().splitlines()], written


def _csv(*args, **kwargs) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    timesketch.write_csv(merged(*args, **kwargs), out)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def test_entries_stand_by_time_then_source_then_row_and_the_undated_are_counted() -> None:
    table = log_lines(
        line(3, START),
        line(2, START, source="b"),
        line(2, START),
        line(1, START + 5),
        line(9, None),
    )
    found, written = _jsonl(table)
    assert [(e["source"], e["row"]) for e in found] == [
        ("b", 2),
        ("syslog", 2),
        ("syslog", 3),
        ("syslog", 1),
    ]
    assert written == Written(entries=4, undated=1)


def test_an_instant_is_utc_with_microseconds_and_nothing_else_is_made_up() -> None:
    found, _ = _jsonl(log_lines(line(1, START, address="10.0.0.9")))
    assert found == [
        {
            "message": "line 1",
            "datetime": "2019-10-20T23:40:57.000001+00:00",
            "timestamp_desc": "time of login",
            "source": "syslog",
            "row": 1,
            "host": "db",
            "kind": "login",
            "address": "10.0.0.9",
            "raw": "Oct 20 19:40:57",
            "zone": "America/La_Paz",
        }
    ]


def test_connections_steps_and_events_of_the_case_are_merged() -> None:
    step = {"source": "log", "row": 7, "t": START // 10**6, "stage": "received", "station": "12/3"}
    at = dt.datetime(2019, 10, 20, 19, 40, 58, tzinfo=dt.timezone(dt.timedelta(hours=-4)))
    moment = Event(id="halt", at=at, text="Publication stops.", kind="stop")
    found, written = _jsonl(
        log_lines(line(1, START)), flows=flows(FLOW), events=steps(step), moments=[moment]
    )
    assert written.entries == 4
    assert [entry["message"] for entry in found] == [
        "tcp 10.0.0.1 port 40000 > 10.0.0.2 port 443, 812 bytes out",
        "received, station 12/3",
        "line 1",
        "Publication stops.",
    ]
    assert found[0]["timestamp_desc"] == "start of connection"
    assert (found[3]["source"], found[3]["zone"]) == ("case", "-0400")


def test_a_line_without_words_or_kind_still_has_what_timesketch_asks_for() -> None:
    (entry,), _ = _jsonl(log_lines(line(1, START, message="", kind=None)))
    assert entry["message"] == "other"
    assert entry["timestamp_desc"] == "time of other"


def test_json_lines_keep_the_text_and_hold_no_control_character() -> None:
    out = io.StringIO()
    timesketch.write_jsonl(merged(log_lines(line(1, START, message=HOSTILE))), out)
    assert json.loads(out.getvalue())["message"] == HOSTILE
    assert out.getvalue().isascii()
    assert out.getvalue()[:-1].isprintable()


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_a_cell_of_the_csv_is_no_formula(start: str) -> None:
    (row,) = _csv(log_lines(line(1, START, message=start, object=start)))
    assert row["message"][0] in "'\\"
    assert row["object"] == row["message"]


def test_the_csv_shows_control_characters_and_overrides_as_escapes() -> None:
    (row,) = _csv(log_lines(line(1, START, message=HOSTILE, zone="-04:00")))
    assert row["message"] == ('\'=HYPERLINK("http://x")\\x1b[31m\\u202e</script>\\x0d\\nnext\\x00')
    assert row["zone"] == "'-04:00"
    assert row["actor"] == ""


def test_instants_that_no_calendar_has_are_counted_as_undated() -> None:
    _, written = _jsonl(log_lines(line(1, 2**62), line(2, -(2**62)), line(3, START)))
    assert written == Written(entries=1, undated=2)


def test_no_lines_are_no_entries() -> None:
    assert _jsonl(log_lines())[1] == Written(0, 0)
    assert _csv(log_lines()) == []


def test_progress_is_told_after_each_batch() -> None:
    told: list[int] = []
    _jsonl(log_lines(*(line(i, START + i) for i in range(BATCH + 5))), progress=told.append)
    assert told == [BATCH]
