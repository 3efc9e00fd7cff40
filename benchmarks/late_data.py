"""Counts in memory with the columns that the checks of late sheets measure in a written case."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit import plan
from veedor.audit.judge import generator
from veedor.audit.run import context as audit_context
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case
from veedor.case.manifest import Case
from veedor.case.tables import cell
from veedor.checks.base import Columns, Context, registry
from veedor.checks.lateness import Stream
from veedor.engine.verbs import collect
from veedor.simulate import honest_election, write_case
from veedor.simulate.clock import STATES, clock_of
from veedor.simulate.election import Election, Places
from veedor.simulate.parameters import Parameters
from veedor.simulate.write import GEOGRAPHY, POLLS_CLOSED

CHECKS = ("trend.composition", "trend.discontinuity", "trend.exchangeability")
REAL = "bolivia-2019"
SMALL = 60

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Count:
    """What the checks are given: measured columns by query, and the case's words."""

    measured: Mapping[str, Columns]
    words: Context

    def context(self, check: str, seed: int) -> Context:
        """The context of a check, with the random numbers that an audit would give it."""
        rng = generator(seed, check, self.words.case.contest)
        return dataclasses.replace(self.words, rng=rng)

    def stream(self) -> Stream:
        """Early and late sheets as arrays."""
        found = Stream.of(self.measured, self.words)
        assert found is not None
        return found

    def with_sheets(self, **columns: NDArray[Any]) -> Count:
        """The same count with other columns of its sheets, and the totals that go with them."""
        timed = {**self.measured["timed"], **columns}
        sums = {n: np.array([v.sum()]) for n, v in timed.items() if n[0] == "v" and n[1:].isdigit()}
        totals = {**self.measured["totals"], **sums}
        return Count({**self.measured, "timed": timed, "totals": totals}, self.words)


_CASES: dict[str, Case] = {}


def _case_of(parameters: Parameters) -> Case:
    """The case as which an election of these parameters, of any size, is written; made once."""
    few = parameters.scaled(max(SMALL, parameters.regions))
    if (key := repr(few)) not in _CASES:
        with tempfile.TemporaryDirectory(prefix="veedor-late-") as name:
            path = write_case(honest_election(few, 0), name, title="late", id="late", seed=0)
            _CASES[key] = load_case(path)
    return _CASES[key]


def simulated(election: Election) -> Count:
    """A simulated election with a preliminary count, as the checks would measure it."""
    cut = POLLS_CLOSED + dt.timedelta(seconds=clock_of(election).instant(election, 0))
    case = _case_of(election.parameters)
    events = tuple(
        event.model_copy(update={"at": cut}) if event.kind == "stop" else event
        for event in case.events
    )
    words = Context(
        case=case.model_copy(update={"events": events}),
        rng=np.random.default_rng(0),
        counts={},
        lists={},
        stages=("received", "verified"),
    )
    measured = {
        "timed": _timed(election),
        "totals": _totals(election),
        "snapshot": _snapshot(election),
        "places": _regions(election.places),
    }
    return Count(measured, words)


def _timed(election: Election) -> Columns:
    places, official, clock = election.places, election.official, clock_of(election)
    states = np.array([*STATES, None], dtype=object)
    instants = POLLS_CLOSED.timestamp() + clock.processed
    earlier = election.history.sum(axis=1)
    with np.errstate(invalid="ignore"):
        shares = (election.history / earlier[:, None])[places.centre]
    options = range(len(election.options))
    return {
        "sid": np.arange(election.stations),
        **{cell(level): codes for level, codes in _cells(places).items()},
        **{f"v{i}": official.votes[:, i] for i in options},
        "valid": official.valid,
        "registered": places.registered,
        "place_class": np.where(places.rural, "rural", "urban").astype(object),
        "latitude": places.latitude,
        "longitude": places.longitude,
        "early": election.published(0),
        "t": np.where(clock.finished, instants, np.nan),
        "state": states[clock.state],
        **{f"h{i}": shares[:, i] for i in options},
        "h_valid": earlier[places.centre],
    }


def _cells(places: Places) -> dict[str, Ints]:
    """Codes of the places, by the order of their names as text: that of the written case."""
    found: dict[str, Ints] = {}
    above = np.zeros_like(places.region)
    parent = above
    for level in GEOGRAPHY:
        codes = getattr(places, level)
        first = np.full(int(parent.max()) + 1, codes.max())
        np.minimum.at(first, parent, codes)
        number = np.char.add("/", (codes - first[parent] + 1).astype(str))
        path = np.char.add(np.char.zfill(above.astype(str), 9), number)
        above = np.unique(path, return_inverse=True)[1].astype(np.int64)
        found[level], parent = above, codes
    return found


def _totals(election: Election) -> Columns:
    official = election.official
    sums = {f"v{i}": official.votes[:, i].sum() for i in range(len(election.options))}
    sums |= {"blank": official.blank.sum(), "null": official.null.sum()}
    sums |= {"sheets": election.stations, "registered": election.places.registered.sum()}
    return {name: np.array([value], dtype=np.int64) for name, value in sums.items()}


def _snapshot(election: Election) -> Columns:
    assert election.preliminary is not None
    votes = election.preliminary.votes[election.published(0)]
    sums = {f"v{i}": votes[:, i].sum() for i in range(votes.shape[1])}
    sums |= {"sheets": len(votes), "valid": votes.sum()}
    return {name: np.array([value], dtype=np.int64) for name, value in sums.items()}


def _regions(places: Places) -> Columns:
    codes = np.unique(_cells(places)["region"])
    names = sorted(f"Region {i + 1}" for i in range(len(codes)))
    return {"region": codes, "place": np.array(names, dtype=object)}


@functools.cache
def real() -> Count:
    """The official count of Bolivia 2019 with its stamps, as an audit measures it.

    Raises
    ------
    VeedorError
        Where its data cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="veedor-late-") as name:
        evidence, _ = plan.read(load_case(find_case(REAL)), Path(name))
        queries = {k: t for c in CHECKS for k, t in registry()[c].measure(evidence).items()}
        measured = {k: collect(table) for k, table in queries.items()}
        words = audit_context(evidence, CHECKS[0], 0)
        evidence.con.disconnect()
    return Count(measured, words)


def permuted(count: Count, rng: np.random.Generator) -> Count:
    """The same count with the labels early and late, their stamps and their states dealt anew
    among the sheets of each centre, so that within centres nothing links them to the votes.
    """
    timed = count.measured["timed"]
    centre = timed[cell(count.words.case.geography[-1])]
    to = np.argsort(centre, kind="stable")
    dealt = np.lexsort((rng.random(len(centre)), centre))
    columns = {}
    for name in ("early", "t", "state"):
        values = timed[name].copy()
        values[to] = timed[name][dealt]
        columns[name] = values
    return count.with_sheets(**columns)


def moved(
    count: Count, share: float, size: float, rng: np.random.Generator
) -> tuple[Count, int, int]:
    """Votes moved from the runner-up to the winner on a share of the late sheets.

    Returns
    -------
    The count, the sheets touched, and the votes moved; each moves the lead by two.
    """
    stream = count.stream()
    winner, other = (
        f"v{stream.options.index(o)}" for o in (stream.standing.winner, stream.standing.runner_up)
    )
    timed = count.measured["timed"]
    late = np.flatnonzero(np.isin(timed["sid"], stream.sid[stream.late]))
    some = rng.choice(late, round(share * len(late)), replace=False)
    votes = np.ceil(size * timed[other][some]).astype(np.int64)
    gained, lost = timed[winner].copy(), timed[other].copy()
    gained[some] += votes
    lost[some] -= votes
    return count.with_sheets(**{winner: gained, other: lost}), len(some), int(votes.sum())
