"""The rate of processing on logs whose rate is known, and on the Bolivian one."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.building import evidence, facts
from veedor.audit import plan
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case

DATA = Path(os.environ.get("VEEDOR_DATA") or "no-data")
ENTRY = {"kind": "log", "key": "station", "stage": "verified", "instant": "at"}
EVENTS = {"polls-closed": "2020-01-31T00:00:00Z"}


def log_of(tmp_path, minutes, seconds=True, who=None):
    """The fact of a log with a line at each of these minutes after midnight of 31 January."""
    size = len(minutes)
    official = {
        "station": [f"{i:05d}" for i in range(size)],
        "region": ["N"] * size,
        "municipality": ["M"] * size,
        "centre": [f"c{i % 50}" for i in range(size)],
        "A": [60] * size,
        "B": [40] * size,
        "C": [0] * size,
    }
    start = np.datetime64("2020-01-31T00:00:00")
    log = {
        "station": official["station"],
        "at": [
            str(start + np.timedelta64(60 * int(m) + (i * 17 % 60 if seconds else 0), "s"))
            for i, m in enumerate(minutes)
        ],
    }
    entry = dict(ENTRY)
    if who is not None:
        log["who"], entry["actor"] = who, "who"
    found = evidence(tmp_path, {"official": official}, files={"log": (entry, log)}, events=EVENTS)
    return facts("flow.throughput", found)["verified"]


def steady(first, minutes, rate, seed=0):
    """So many minutes with Poisson lines each."""
    counts = np.random.default_rng(seed).poisson(rate, minutes)
    return np.repeat(np.arange(first, first + minutes), counts).tolist()


def test_a_night_is_no_drought_and_a_pause_within_work_is_one(tmp_path):
    minutes = steady(600, 90, 12) + steady(702, 90, 12, 1) + steady(1500, 60, 12, 2)
    fact = log_of(tmp_path, minutes)
    said = fact.statistic
    assert [(s["from"][11:16], s["minutes"]) for s in said["stretches"]] == [
        ("10:00", 192),
        ("01:00", 60),
    ]
    assert [(d["from"][11:16], d["minutes"], d["lines"]) for d in said["droughts"]] == [
        ("11:30", 12, 0)
    ]
    assert said["bursts"] == []
    assert fact.status == "not-observed"
    at = {c["at"][11:16]: c for c in said["stretches"][0]["changes"]}
    assert {"11:30", "11:42"} <= set(at)
    assert at["11:30"]["poisson"] == 20.0
    held = {m["minute"][11:16]: m["sheets"] for m in said["minutes"]}
    assert held["11:35"] == 0
    assert said["lines_outside"] == 0


def test_a_burst_is_seen_in_every_neighbourhood_and_has_no_alarm(tmp_path):
    fact = log_of(tmp_path, steady(600, 200, 10) + steady(700, 4, 30, 1))
    top = fact.statistic["bursts"][0]
    assert (top["from"][11:16], top["minutes"]) == ("11:40", 4)
    assert [n["minutes"] for n in top["neighbourhoods"]] == [21, 31, 61]
    assert min(n["ratio"] for n in top["neighbourhoods"]) > 2
    assert fact.p_value is None
    assert fact.questioned is None


def test_where_the_log_names_nobody_no_pace_is_told(tmp_path):
    fact = log_of(tmp_path, steady(600, 60, 10))
    assert fact.statistic["operators"] is None
    assert "names no operators" in fact.fact


@pytest.mark.parametrize(("seconds", "fast"), [(True, 1), (False, 0)])
def test_operators_are_fast_only_where_stamps_can_show_it(tmp_path, seconds, fast):
    """Ana has 25 lines in one minute, of which twenty take fewer seconds than stamps are apart
    where these are whole minutes.
    """
    minutes = steady(600, 120, 5) + [650] * 25
    who = [f"P{i % 7}" for i in range(len(minutes) - 25)] + ["Ana"] * 25
    said = log_of(tmp_path, minutes, seconds, who).statistic["operators"]
    assert said["resolution_seconds"] == (1 if seconds else 60)
    assert said["fast"] == fast
    assert [r["lines"] for r in said["by_run"]] == [10, 20, 50]
    assert said["by_run"][1]["under_3"] == fast
    assert "Ana" not in str(said)


def test_a_log_of_weeks_has_longer_intervals(tmp_path):
    fact = log_of(tmp_path, list(range(0, 4000, 20)))
    stretch = fact.statistic["stretches"][0]
    assert (stretch["interval_minutes"], stretch["lines"]) == (3, 200)
    assert stretch["segments"][0]["per_minute"] == pytest.approx(0.05, abs=0.001)
    assert stretch["minutes"] == 3 * len(range(0, 3981, 3))


def test_too_few_lines_are_not_judged(tmp_path):
    assert log_of(tmp_path, list(range(50))).status == "not-determinable"


@pytest.mark.real
@pytest.mark.skipif(not DATA.exists(), reason="VEEDOR_DATA names no folder")
def test_the_burst_before_the_bolivian_stop(tmp_path):
    """Target F7: 322, 427, 350 and 366 verifications in the minutes from 19:28."""
    if not (DATA / "bolivia-2019").exists():
        pytest.skip("no data of this case")
    found, _ = plan.read(load_case(find_case("bolivia-2019")), tmp_path)
    fact = facts("flow.throughput", found)["verified"]
    held = {m["minute"][11:16]: m["sheets"] for m in fact.statistic["minutes"]}
    assert [held[f"19:{m}"] for m in (28, 29, 30, 31)] == [322, 427, 350, 366]
    top = fact.statistic["bursts"][0]
    assert (top["from"][11:16], top["minutes"], top["lines"]) == ("19:28", 4, 1465)
    assert top["low"] < 0 < top["high"]
