"""The event log of NIST SP 1500-101: as its schema says, and each hash that of its line."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from veedor.export import Written, merged, nist, timesketch

from .rows import HOSTILE, START, line, log_lines

AT = dt.datetime(2026, 1, 5, 10, tzinfo=dt.UTC)
SCHEMA = Path("nist") / "election-event-logging-v1.schema.json"
ROWS = (
    line(1, START),
    line(2, START + 1, host="web", status="404", kind="request", zone="-04:00"),
    line(3, START + 2, kind="login-failed", actor="root"),
    line(4, START - 9, host=None, message=HOSTILE, status=HOSTILE, zone="nowhere/at all"),
    line(5, None),
)


def _written(*rows: dict[str, Any]) -> tuple[dict[str, Any], Written]:
    out = io.StringIO()
    written = nist.write(log_lines(*rows), out, election="small", generated=AT)
    assert out.getvalue().isascii()
    return json.loads(out.getvalue()), written


@pytest.mark.parametrize("rows", [ROWS, ()])
def test_the_log_is_as_the_schema_says(
    rows: tuple[dict[str, Any], ...], request: pytest.FixtureRequest
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    given = os.environ.get("VEEDOR_VECTORS")
    folder = Path(given) if given else request.config.rootpath.parent / "shared" / "vectors"
    if not (folder / SCHEMA).is_file():
        pytest.skip(f"the schema {SCHEMA} is not in VEEDOR_VECTORS or ../shared/vectors")
    schema = json.loads((folder / SCHEMA).read_text("utf-8"))
    document, _ = _written(*rows)
    jsonschema.Draft4Validator(schema).validate(document)
    document["Device"] = [{"Id": "no type"}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate(document)


def test_each_host_is_a_device_whose_events_are_numbered_by_time() -> None:
    document, written = _written(*ROWS)
    assert written == Written(entries=4, undated=1)
    assert [device["Id"] for device in document["Device"]] == ["db", "source syslog", "web"]
    events = document["Device"][0]["Event"]
    assert [(e["Sequence"], e["Id"]) for e in events] == [("1", "syslog:1"), ("2", "syslog:3")]
    assert document["Details"] == "Lines left out for want of an instant: 1"


def test_an_event_tells_the_line_in_its_own_zone() -> None:
    document, _ = _written(*ROWS)
    db, none, web = (device["Event"] for device in document["Device"])
    assert db[0]["TimeStamp"] == "2019-10-20T19:40:57.000001-04:00"
    assert web[0]["TimeStamp"] == "2019-10-20T19:40:57.000002-04:00"
    assert none[0]["TimeStamp"] == "2019-10-20T23:40:56.999992+00:00"
    assert none[0]["Description"] == none[0]["OtherDisposition"] == HOSTILE
    assert [db[0]["Disposition"], db[1]["Disposition"], web[0]["Disposition"]] == [
        "na",
        "failure",
        "failure",
    ]


def test_a_hash_is_that_of_the_line_for_timesketch() -> None:
    document, _ = _written(*ROWS)
    out = io.StringIO()
    timesketch.write_jsonl(merged(log_lines(*ROWS)), out)
    lines = {hashlib.sha256(text.encode()).hexdigest() for text in out.getvalue().splitlines()}
    assert {e["Hash"] for device in document["Device"] for e in device["Event"]} == lines


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("login", "ok", ("success", None)),
        ("request", "304", ("success", None)),
        ("request", "500", ("failure", None)),
        ("login", "failed", ("failure", None)),
        ("login-failed", None, ("failure", None)),
        ("service", None, ("na", None)),
        ("service", "degraded", ("other", "degraded")),
    ],
)
def test_dispositions(kind: str, status: str | None, outcome: tuple[str, str | None]) -> None:
    assert nist.disposition(kind, status) == outcome


def test_a_zone_with_an_offset_of_seconds_is_written_in_utc() -> None:
    """Local mean time of La Paz, 1880: four hours, thirty-two minutes and thirty-six seconds."""
    document, _ = _written(line(1, -2_840_000_000_000_000))
    assert document["Device"][0]["Event"][0]["TimeStamp"].endswith("+00:00")
