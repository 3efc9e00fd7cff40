"""The clock of a simulated count keeps its order, queues what it must, and is written as it is."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from veedor.audit.plan import read
from veedor.case.loading import load_case
from veedor.engine.verbs import collect
from veedor.simulate import Parameters, honest_election, load, write_case
from veedor.simulate.clock import CADENCE, MOST, STATES, clock_of, publications
from veedor.simulate.write import POLLS_CLOSED

STATIONS = 900


def bursty(**changes):
    election, _ = load("late-bursts").make(2, STATIONS)
    parameters = dataclasses.replace(election.parameters, **changes)
    return dataclasses.replace(election, parameters=parameters)


@pytest.mark.parametrize("name", ["plain", "rural-late-strong", "late-bursts"])
def test_sheets_are_processed_in_the_order_of_arrival_after_they_were_received(name):
    election, _ = load(name).make(1, STATIONS)
    clock = clock_of(election)
    assert (np.diff(clock.processed[np.argsort(election.order)]) >= 0).all()
    assert (clock.received < clock.processed).all()
    assert (clock.finished == (election.order < clock.finished.sum())).all()
    assert clock.finished[election.published(0)].all()
    assert ((clock.state == -1) == clock.finished).all()


def test_without_a_capacity_and_holds_sheets_are_processed_as_they_arrive():
    election = honest_election(Parameters(stations=STATIONS), 1)
    assert (clock_of(election).processed == np.ceil(election.arrival)).all()


def test_the_clock_changes_no_count_and_no_order():
    plain = dataclasses.replace(
        load("late-bursts").parameters, capacity=0.0, holds=0, pause=0, snapshots=(0.84,)
    )
    one, other = honest_election(plain, 2, stations=STATIONS), bursty()
    assert (one.official.votes == other.official.votes).all()
    assert (one.preliminary.votes == other.preliminary.votes).all()
    assert (one.order == other.order).all()
    assert (one.arrival == other.arrival).all()


def test_a_capacity_is_never_exceeded_and_binds_at_the_peak():
    capacity = 0.2
    processed = clock_of(bursty(capacity=capacity, holds=0, pause=0)).processed
    hour = np.bincount(processed // 3600)
    assert hour.max() <= capacity * STATIONS + 2
    assert hour.max() > 0.95 * capacity * STATIONS
    assert np.bincount(np.ceil(bursty().arrival).astype(int) // 3600).max() > 1.5 * hour.max()


def test_holds_are_silences_with_bursts_behind_them():
    long = 900
    election = bursty(holds=30, hold=long, pause=0)
    free = clock_of(bursty(holds=0, pause=0)).processed
    held = clock_of(election).processed
    wait = held - free
    assert wait.min() == 0
    assert wait.max() > 0.8 * long
    most = [int(np.bincount(t // 60).max()) for t in (free, held)]
    assert most[1] > 1.5 * most[0]


def test_processing_stops_for_as_long_as_is_said_after_the_cut():
    election, _ = load("late-bursts").make(2, STATIONS)
    p, clock = election.parameters, clock_of(election)
    stop = clock.instant(election, 0)
    processed = np.sort(clock.processed)
    end = stop + p.grace
    assert not ((processed > end) & (processed <= end + p.pause)).any()
    assert (processed > end + p.pause).any()


def test_publications_add_up_and_are_silent_from_the_stop_to_the_return():
    election, _ = load("late-bursts").make(3, STATIONS)
    clock = clock_of(election)
    table = publications(election, clock)
    at = table["at"]
    stop, again = (clock.instant(election, i) for i in (0, 1))
    assert stop in at
    assert again in at
    assert not ((at > stop) & (at < again)).any()
    steps = np.diff(at[at <= stop])
    assert (steps == CADENCE).all()
    for column in (*election.options, "valid", "verified", "received"):
        assert (np.diff(table[column]) >= 0).all()
    assert (table["received"] >= table["verified"]).all()
    for i, snapshot in ((stop, 0), (again, 1)):
        seen = clock.finished & (clock.processed <= i)
        assert (seen | ~election.published(snapshot)).all()
        row = int(np.flatnonzero(at == i)[0])
        assert table["verified"][row] == seen.sum()
        votes = election.preliminary.votes[seen].sum(axis=0)
        assert [table[o][row] for o in election.options] == votes.tolist()
    assert table["verified"][-1] == clock.finished.sum()


def test_a_long_count_is_published_less_often():
    election = bursty(pause=1_000_000)
    assert len(publications(election, clock_of(election))["at"]) <= MOST + 3


def test_the_written_case_gives_the_clock_back(tmp_path):
    election, _ = load("late-bursts").make(4, STATIONS)
    clock = clock_of(election)
    path = write_case(election, tmp_path / "case", title="t", id="t", seed=4)
    case = load_case(path)
    assert [e.kind for e in case.events] == ["polls-closed", "stop", "return"]
    evidence, _ = read(case, tmp_path)
    timed = collect(evidence.timed())
    events = collect(evidence.events())
    published = collect(evidence.publications())
    states = collect(evidence.states())
    evidence.con.disconnect()
    epoch = int(POLLS_CLOSED.timestamp())
    row = np.argsort(np.asarray(timed["sid"]))
    found = np.asarray(timed["t"], dtype=float)[row]
    expected = np.where(clock.finished, epoch + clock.processed, np.nan)
    np.testing.assert_array_equal(found, expected)
    assert (np.asarray(timed["early"], dtype=bool)[row] == election.published(0)).all()
    stages = np.asarray(events["stage"], dtype=object)
    assert {s: int((stages == s).sum()) for s in ("received", "verified")} == dict.fromkeys(
        ("received", "verified"), int(clock.finished.sum())
    )
    table = publications(election, clock)
    assert sorted(np.asarray(published["t"])[np.asarray(published["origin"]) == "log"]) == (
        (epoch + table["at"]).tolist()
    )
    assert len(states["sid"]) == (~clock.finished).sum()
    assert set(states["state"]) <= set(STATES)
    with (path.parent / "unfinished.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["station"]) for r in rows] == election.places.station[~clock.finished].tolist()
