"""Departures of a simulated night from its plan, by name, and the truth about each."""

from __future__ import annotations

from collections.abc import Mapping

from veedor.errors import VeedorError
from veedor.simulate.departures_of_hosts import (
    direct_writes,
    lost_logs,
    second_path,
    short_replica,
    silent_stop,
    undeclared_proxy,
)
from veedor.simulate.departures_of_people import (
    broken_custody,
    other_hash,
    shared_account,
    two_duties,
    unrecorded_restart,
    wrong_clock,
)
from veedor.simulate.election import Election, generator
from veedor.simulate.night import Night
from veedor.simulate.planted import Departure, Planted

DEPARTURES: Mapping[str, Departure] = {
    "undeclared-proxy": undeclared_proxy,
    "second-path": second_path,
    "silent-stop": silent_stop,
    "direct-writes": direct_writes,
    "lost-logs": lost_logs,
    "short-replica": short_replica,
    "other-hash": other_hash,
    "shared-account": shared_account,
    "two-duties": two_duties,
    "broken-custody": broken_custody,
    "wrong-clock": wrong_clock,
    "unrecorded-restart": unrecorded_restart,
}


def depart(night: Night, election: Election) -> tuple[Night, tuple[Planted, ...]]:
    """Apply the departures that the night's parameters name, in their order."""
    found: list[Planted] = []
    for name in night.network.departures:
        if name not in DEPARTURES:
            raise VeedorError(
                f"there is no departure {name!r}",
                remedy=f"Use {', '.join(DEPARTURES)}.",
            )
        rng = generator(night.seed, "departure", name)
        night, planted = DEPARTURES[name](night, election, rng)
        found += planted
    return night, tuple(found)
