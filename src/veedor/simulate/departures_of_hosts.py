"""Departures of hosts from the plan: undeclared ones, writes by hand, lost logs, a short copy."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from veedor.simulate.election import Bools, Election, Ints
from veedor.simulate.hosts import BY_ID
from veedor.simulate.night import ROUTES, Change, Night, Session, within
from veedor.simulate.papers import instant
from veedor.simulate.planted import Departed, Planted

PROXY, SIDE = 2, 3
"""Indices into ROUTES."""


def undeclared_proxy(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """Soon after the start, workstations go by an undeclared proxy, until publication stops."""
    start = night.start + 0.15 * (night.stop - night.start)
    span = (start, night.stop)
    before = _callers(night, night.poll_at < start, night.at < start)
    night = _rerouted(night, PROXY, within(night.at, span), within(night.poll_at, span))
    way = ROUTES[PROXY]
    common = _seen(night, PROXY)
    times = {"start": common["start"], "end": common["end"]}
    moved = sorted(set(common["clients"]) & set(night.address[before].tolist()))
    return night, [
        Planted(check="infrastructure.undeclared-host", addresses=(way.entry,), **common,
                what="A proxy that the plan does not declare carries the workstations' calls."),
        Planted(check="infrastructure.redirect", addresses=(way.entry,), **times,
                clients=tuple(moved),
                what="Workstations leave the perimeter for the proxy.",
                values={"workstations": len(night.site), "before": [ROUTES[0].entry],
                        "after": way.entry, "port": way.port}),
        Planted(check="infrastructure.oversight", addresses=(way.entry,), **times,
                what="No overseer, and no agent runs on the proxy."),
        Planted(check="infrastructure.undocumented", addresses=(way.entry,), **times,
                what="No document mentions the proxy."),
    ]  # fmt: skip


def second_path(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """After the stop every workstation calls a host that the plan does not declare.

    It reaches the application at an interface that the plan does not declare either. The declared
    contingency host is not used. An administrator had the address pushed to the workstations.
    """
    before = night.address[_callers(night, night.poll_at < night.stop, night.at < night.stop)]
    late, polled = night.at >= night.stop, night.poll_at >= night.stop
    night = _rerouted(night, SIDE, late, polled)
    way = ROUTES[SIDE]
    command = f"/usr/local/bin/set-entry --all {way.entry}:443"
    pushed = Session("resolver", "admin2", BY_ID["jump"].address, night.stop + 5,
                     night.stop + 65, (command,))  # fmt: skip
    night = dataclasses.replace(night, sessions=(*night.sessions, pushed))
    machine = (way.entry, way.hop)
    addresses = (*machine, way.target)
    common = _seen(night, SIDE)
    times = {"start": common["start"], "end": common["end"]}
    moved = sorted(set(common["clients"]) & set(before.tolist()))
    earlier = ROUTES[PROXY] if (night.route == PROXY).any() else ROUTES[0]
    planted = [
        Planted(check="infrastructure.undeclared-host", addresses=addresses, **common,
                what="A host that the plan does not declare takes the sheets after the stop, and"
                " reaches the application by another interface and port."),
        Planted(check="infrastructure.redirect", addresses=(way.entry,), **times,
                clients=tuple(moved),
                what="Workstations call another address after the stop.",
                values={"workstations": len(night.site), "before": [earlier.entry],
                        "after": way.entry, "port": way.port, "account": "admin2",
                        "command": command}),
        Planted(check="infrastructure.oversight", addresses=machine, **times,
                what="No overseer, and no agent runs on the host."),
        Planted(check="infrastructure.undocumented", addresses=machine, **times,
                what="No document mentions the host."),
    ]  # fmt: skip
    if night.contingency is None:
        planted.append(Planted(
            check="infrastructure.unused-host", hosts=("contingency",), **times,
            addresses=BY_ID["contingency"].addresses,
            what="The declared contingency host takes no sheet; no contingency was declared.",
        ))  # fmt: skip
    return night, planted


def _rerouted(night: Night, route: int, sheets: Bools, polls: Bools) -> Night:
    """Calls by another way than the perimeter; those of a declared contingency stay."""
    return dataclasses.replace(
        night,
        route=np.where(sheets & (night.route == 0), route, night.route),
        poll_route=np.where(polls & (night.poll_route == 0), route, night.poll_route),
    )


def _callers(night: Night, polls: Bools, sheets: Bools) -> Ints:
    found: Ints = np.union1d(night.poll_client[polls], night.client[sheets])
    return found


def _seen(night: Night, route: int) -> dict[str, Any]:
    """Clients, stations and times of a route, as arguments of `Planted`."""
    sheets, polls = night.route == route, night.poll_route == route
    times = np.concatenate([night.at[sheets], night.poll_at[polls]])
    clients = night.address[_callers(night, polls, sheets)]
    return {
        "clients": tuple(sorted(set(clients.tolist()))),
        "stations": tuple(night.codes(night.row[sheets])),
        "start": float(times.min()),
        "end": float(times.max()),
        "values": {"sheets": int(sheets.sum()), "calls": len(times)},
    }


def silent_stop(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """The stop of publication was not announced, and no document mentions it."""
    events = ["cut", "snapshot-2"] if night.again < night.end else ["cut"]
    planted = Planted(
        check="infrastructure.undocumented",
        what="No document mentions that publication stopped.",
        hosts=("publisher",),
        start=night.stop,
        end=night.again,
        values={"events": events},
    )
    return dataclasses.replace(night, stop_documented=False), [planted]


def direct_writes(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """Two sheets changed in the database by hand, with no event of the application.

    Of the first, the counts hold the value from before; of the second, the changed one: what the
    application had stored is in its own log alone.
    """
    official = election.official.votes[night.row]
    same = (official == night.votes).all(axis=1) & (night.votes.max(axis=1) > 20)
    able = np.flatnonzero(same & (night.at < night.stop - 5200))
    able = able if len(able) > 1 else np.flatnonzero(same)[:2]
    picked = np.sort(rng.choice(able, 2, replace=False))
    option = election.option("first")
    changes, planted, votes = [], [], night.votes.copy()
    for number, i in enumerate(picked.tolist()):
        held = tuple(night.votes[i].tolist())
        moved = int(rng.integers(11, 40))
        other = tuple(v + moved if k == option else v for k, v in enumerate(held))
        before, after = (other, held) if number else (held, other)
        votes[i] = before
        at = float(night.at[i] + rng.uniform(3900, 5100))
        address = BY_ID["jump"].address
        changes.append(Change(at, int(night.row[i]), before, after, "dba1", address))
        planted.append(Planted(
            check="infrastructure.direct-write", start=at, end=at, hosts=("database",),
            what="A sheet is changed in the database with no event of the application.",
            addresses=(address,), stations=(str(night.station[night.row[i]]),),
            values={"before": list(before), "after": list(after), "account": "dba1",
                    "counts_hold": "after" if number else "before"},
        ))  # fmt: skip
    return dataclasses.replace(night, votes=votes, changes=tuple(changes)), planted


def lost_logs(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """The logs of the second path are gone, and the publisher's own lack an interval."""
    start = night.start + 0.55 * (night.stop - night.start)
    gap = ("publisher", float(np.floor(start)), float(np.floor(start)) + 1500.0)
    way = ROUTES[SIDE]
    entry = {
        "id": "logs-of-the-second-path",
        "why": "destroyed",
        "what": f"Logs of the machine at {way.entry} ({way.hop}), which the plan does not declare",
        "host": way.hop,
        "from": instant(night.stop),
        "to": instant(night.end),
        "source": "Simulated record of delivery",
    }
    hidden = dataclasses.replace(night, withheld=(*night.withheld, entry), gaps=(*night.gaps, gap))
    return hidden, [
        Planted(check="infrastructure.log-gap", addresses=(way.entry, way.hop), start=night.stop,
                end=night.end, what="The logs of the undeclared host were destroyed.",
                values={"withheld": entry["id"]}),
        Planted(check="infrastructure.log-gap", hosts=("publisher",), start=gap[1], end=gap[2],
                what="Lines are missing from the publisher's log: their numbers are skipped.",
                values={"lines": 25, "source": "publisher"}),
    ]  # fmt: skip


def short_replica(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """The replica holds fewer sheets than the database."""
    n = max(len(night.row) // 100, 3)
    rows = np.sort(rng.choice(night.row, n, replace=False))
    planted = Planted(
        check="infrastructure.records",
        what="The replica lacks sheets that the database and the application hold.",
        hosts=("database", "replica"),
        stations=tuple(night.codes(rows)),
        start=night.start,
        end=night.end,
        values={"database": len(night.row), "replica": len(night.row) - n},
    )
    return dataclasses.replace(night, lacking=tuple(rows.tolist())), [planted]
