"""The truth about one fact of a simulated night that departs from its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from veedor.simulate.election import Election
from veedor.simulate.night import Night
from veedor.simulate.papers import instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One fact that departs from the plan."""

    check: str
    """The check meant to see it."""
    what: str
    start: float
    """Seconds from the close of the polls, by the true clock."""
    end: float
    hosts: tuple[str, ...] = ()
    """Declared hosts by id; undeclared ones are told by their addresses."""
    addresses: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    """Addresses by which workstations are seen."""
    stations: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it stands in `truth.json`."""
        return {
            "check": self.check,
            "what": self.what,
            "hosts": list(self.hosts),
            "addresses": list(self.addresses),
            "clients": list(self.clients),
            "from": instant(self.start).isoformat(),
            "to": instant(self.end).isoformat(),
            "stations": list(self.stations),
            "values": dict(self.values),
        }


Departed = tuple[Night, list[Planted]]
Departure = Callable[[Night, Election, np.random.Generator], Departed]
"""A night changed, and what was planted in it."""
