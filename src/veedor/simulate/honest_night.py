"""Draw the honest night of a count: workstations, sheets, sessions, custody, hashes."""

from __future__ import annotations

import numpy as np

from veedor.errors import VeedorError
from veedor.simulate.clock import Clock, clock_of
from veedor.simulate.election import Election, Floats, Ints, generator
from veedor.simulate.hosts import BY_ID, MACHINES, OFFICES, office
from veedor.simulate.night import (
    ADMINISTRATORS,
    COMMANDS,
    CREWS,
    IDLE,
    ITEMS,
    Hash,
    Incident,
    Network,
    Night,
    Objects,
    Session,
    Span,
    frozen,
    within,
)


def night_of(election: Election, network: Network) -> Night:
    """Draw the honest night of an election with a preliminary count."""
    if election.preliminary is None:
        raise VeedorError(
            "this election has no preliminary count, of which machines would keep logs",
            remedy="Give it snapshots.",
        )
    clock = clock_of(election)
    rng = generator(election.seed, "network")
    clients = min(network.clients, max(election.stations // 5, 12))
    site, address = _workstations(rng, clients, network.nat)
    row = np.flatnonzero(clock.finished)
    row = row[np.argsort(clock.processed[row], kind="stable")]
    processed = clock.processed[row].astype(np.float64)
    at = np.sort(processed - rng.uniform(0.1, 0.9, len(row)))
    outage = _span(at, 0.6, network.outage)
    contingency = _span(at, 0.25, network.contingency) if network.contingency else None
    client = _workers(rng, site, at, outage)
    idle = _idle(at)
    poll_at, poll_client = _polls(rng, site, float(at[0]), float(at[-1]), idle, outage)
    sent = np.flatnonzero(clock.state != 0)
    sent = sent[np.argsort(clock.received[sent], kind="stable")]
    stop = float(clock.instant(election, 0))
    again = len(election.parameters.snapshots) > 1
    steps, actors = _custody(rng, clock)
    return Night(
        seed=election.seed,
        network=network,
        station=election.places.station.astype(str).astype(object),
        start=float(at[0]),
        end=float(at[-1]),
        stop=stop,
        again=float(clock.instant(election, 1)) if again else float(at[-1]),
        idle=idle,
        site=site,
        address=address,
        row=row,
        at=at,
        client=client,
        route=_declared_route(at, contingency),
        votes=election.preliminary.votes[row],
        image_row=sent,
        image_at=clock.received[sent] - rng.uniform(0.1, 0.9, len(sent)),
        phone=np.array([f"198.51.100.{p}" for p in 128 + rng.integers(64, size=len(sent))], object),
        poll_at=poll_at,
        poll_client=poll_client,
        poll_route=_declared_route(poll_at, contingency),
        skew={m.id: float(rng.uniform(-network.skew, network.skew)) for m in MACHINES},
        outage=outage,
        contingency=contingency,
        maintenance=_span(at, 0.4, 600.0),
        sessions=_sessions(rng, float(at[0]), float(at[-1]), outage),
        steps=steps,
        actors=actors,
        hashes=_hashes(election.seed, stop, float(at[-1])),
        incidents=(
            Incident("site-outage", outage[0], "The headquarters lose their network for minutes."),
        ),
    )


def _span(at: Floats, share: float, seconds: float) -> Span:
    """A span that starts, on a whole second, when a share of the sheets is in."""
    start = float(np.floor(at[int(share * (len(at) - 1))]))
    return start, start + seconds


def _workstations(rng: np.random.Generator, clients: int, nat: float) -> tuple[Ints, Objects]:
    behind = rng.permutation(clients) < round(nat * clients)
    direct = (rng.random(clients) < 0.3).astype(np.int64)
    site = np.where(behind, 2 + rng.integers(OFFICES, size=clients), direct)
    address = [
        office(int(s) - 2) if s > 1 else f"10.{20 + int(s)}.{(i + 10) // 250}.{(i + 10) % 250 + 1}"
        for i, s in enumerate(site)
    ]
    return site, np.array(address, dtype=object)


def _workers(rng: np.random.Generator, site: Ints, at: Floats, outage: Span) -> Ints:
    """(n,) who enters each sheet; during the outage, the workstations of other places."""
    client = rng.integers(len(site), size=len(at))
    others = np.flatnonzero(site != 0)
    held = within(at, outage) & (site[client] == 0)
    if len(others):
        client[held] = rng.choice(others, int(held.sum()))
    return client


def _idle(at: Floats) -> tuple[Span, ...]:
    gaps = np.flatnonzero(np.diff(at) > IDLE)
    return tuple((float(at[g]) + 300, float(at[g + 1]) - 300) for g in gaps)


def _polls(
    rng: np.random.Generator,
    site: Ints,
    start: float,
    end: float,
    idle: tuple[Span, ...],
    outage: Span,
) -> tuple[Floats, Ints]:
    """When workstations ask for work: each about every five minutes, while there is any."""
    times = np.arange(start - 600, end + 300, 300.0)
    clients = np.repeat(np.arange(len(site)), len(times))
    phase = np.repeat(rng.uniform(0, 280, len(site)), len(times))
    at = np.tile(times, len(site)) + phase + rng.uniform(0, 20, len(clients))
    kept = ~(within(at, outage) & (site[clients] == 0))
    for span in idle:
        kept &= ~within(at, span)
    at, clients = at[kept], clients[kept]
    order = np.argsort(at, kind="stable")
    return at[order], clients[order]


def _declared_route(at: Floats, contingency: Span | None) -> Ints:
    return within(at, contingency).astype(np.int64)


def _sessions(
    rng: np.random.Generator, start: float, end: float, outage: Span
) -> tuple[Session, ...]:
    """Administrators' sessions, each through the host kept for that, one at a time a person."""
    found = []
    targets = [m.id for m in MACHINES if m.id != "jump"]
    for account in ADMINISTRATORS:
        at = start - 1800 + float(rng.uniform(0, 900))
        while at < end:
            last = at + float(rng.uniform(120, 900))
            touched = at < outage[1] and last > outage[0]
            command = str(rng.choice(COMMANDS))
            host = str(rng.choice(targets))
            if not touched:
                found.append(Session(host, account, BY_ID["jump"].address, at, last, (command,)))
            at = last + float(rng.exponential(5400.0)) + 60
    return tuple(sorted(found, key=lambda s: s.start))


def _custody(rng: np.random.Generator, clock: Clock) -> tuple[Ints, Objects]:
    """Steps of custody of each sheet in the official count, minutes to hours apart."""
    stations = len(clock.received)
    hours = rng.gamma(2.0, 1.5, stations) + 1
    waits = [
        hours * 3600,
        *(rng.uniform(low * 60, high * 60, stations)
          for low, high in ((5, 60), (10, 240), (2, 60), (2, 90), (10, 600))),
    ]  # fmt: skip
    steps = clock.received[:, None] + np.cumsum(np.array(waits).T, axis=1).astype(np.int64)
    crews = tuple(np.array(crew, dtype=object) for crew in CREWS.values())
    drawn = [crew[rng.integers(len(crew), size=stations)] for crew in crews]
    return steps, np.array(drawn, dtype=object).T


def _hashes(seed: int, stop: float, end: float) -> tuple[Hash, ...]:
    """Hashes taken at the opening, when publication stops, and at the end."""
    instants = (-3600.0, stop + 900, end + 1800)
    return tuple(
        Hash(item, host, at, frozen(seed, item)) for at in instants for item, host in ITEMS
    )
