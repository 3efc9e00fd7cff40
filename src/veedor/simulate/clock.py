"""When each sheet of a simulated count was received and processed, and what was published when.

The order is the election's own: processing takes sheets as they arrive. What is added is a wall
clock: sheets are received some minutes before they are processed; where processing has a capacity
or is held up, they queue, and come out in a burst; publication stops at the first snapshot and
returns at the second; after a while processing pauses too, and goes on later.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from veedor.simulate.election import Bools, Election, Ints, generator

POLLS_CLOSED = dt.datetime(2031, 5, 4, 17, 0, tzinfo=dt.UTC)
"""A date to come, lest anybody take the election for one that was held."""
CADENCE = 180
"""Seconds between publications."""
MOST = 1500
"""Publications that are written at most: the cadence grows with the length of the count."""
STATES = ("not-received", "awaiting-approval")


@dataclass(frozen=True, slots=True)
class Clock:
    """Instants of S sheets, in whole seconds from the close of the polls.

    Attributes
    ----------
    received, processed : int64 (S)
    finished : bool (S)
        Processed before the count was closed; the others were left in a state.
    state : int64 (S)
        Index into `STATES` of those that were not finished, -1 of the others.
    remark : bool (S)
        The state carries a remark.
    """

    received: Ints
    processed: Ints
    finished: Bools
    state: Ints
    remark: Bools

    def instant(self, election: Election, snapshot: int) -> int:
        """When a snapshot was taken: the second in which its last sheet was processed."""
        return int(self.processed[election.published(snapshot)].max())


def clock_of(election: Election) -> Clock:
    """The clock of a simulated preliminary count.

    Parameters
    ----------
    election : Election
        With a preliminary count. Its parameters say how fast sheets are processed and how often
        that is held up, how long processing pauses after the stop, and which share of the sheets,
        the last by arrival, is never finished.
    """
    parameters = election.parameters
    rng = generator(election.seed, "clock")
    arrived = np.ceil(election.arrival).astype(np.int64)
    received = arrived - 30 - rng.gamma(2.0, 120.0, election.stations).astype(np.int64)
    processed = _queued(election)
    stop = int(processed[election.published(0)].max())
    held = processed > stop + parameters.grace
    processed = processed + np.where(held, parameters.pause, 0).astype(np.int64)
    last = max(parameters.snapshots[-1], 1.0 - parameters.unfinished)
    finished = election.order < round(last * election.stations)
    waiting = rng.random(election.stations) < 0.7
    state = np.where(finished, -1, waiting.astype(np.int64))
    remark = ~finished & waiting & (rng.random(election.stations) < 0.3)
    return Clock(received, processed, finished, state, remark)


def _queued(election: Election) -> Ints:
    """(S,) when each sheet is processed: as it arrives, or when those before it are done.

    Holds start at random moments of the count. A sheet that would be processed during one waits
    for its end, so that the queue is then worked off at full capacity.
    """
    parameters = election.parameters
    row = np.argsort(election.order)
    ready = election.arrival[row]
    starts = generator(election.seed, "holds").uniform(ready[0], ready[-1], parameters.holds)
    for start in np.sort(starts):
        ready = np.where((ready >= start) & (ready < start + parameters.hold),
                         start + parameters.hold, ready)  # fmt: skip
    if parameters.capacity > 0:
        each = 3600.0 / (parameters.capacity * election.stations)
        spent = each * np.arange(election.stations)
        ready = np.maximum.accumulate(ready - spent) + spent
    processed = np.empty(election.stations, dtype=np.int64)
    processed[row] = np.ceil(ready)
    return processed


def publications(election: Election, clock: Clock) -> dict[str, Ints]:
    """The log of publications: `at`, `verified`, `received`, votes by option, and `valid`.

    Publication is silent between the first snapshot and the second (or the end, without one).
    """
    preliminary = election.preliminary
    if preliminary is None:
        return {}
    stop = clock.instant(election, 0)
    end = int(clock.processed[clock.finished].max())
    again = clock.instant(election, 1) if len(election.parameters.snapshots) > 1 else end
    start = int(clock.processed.min())
    step = max(CADENCE, (stop - start + end - again) // MOST)
    before = np.arange(stop, start - 1, -step)[::-1]
    after = np.arange(again, end + step, step)
    at = np.unique(np.concatenate([before, after]))
    done = np.flatnonzero(clock.finished)
    order = done[np.argsort(clock.processed[done], kind="stable")]
    upto = np.searchsorted(clock.processed[order], at, side="right")
    sums: dict[str, Ints] = {
        "at": at,
        "verified": upto,
        "received": np.searchsorted(np.sort(clock.received), at, side="right"),
    }
    votes = np.vstack([np.zeros(len(election.options), np.int64), preliminary.votes[order]])
    totals = votes.cumsum(axis=0)[upto]
    sums |= {o: totals[:, i] for i, o in enumerate(election.options)}
    sums["valid"] = totals.sum(axis=1)
    return sums
