"""The machines of a simulated count, and the plan that declares them.

Public addresses are of the ranges kept for documentation, names end in .example.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLOUD, SITE = "cloud account 1", "data centre 1"
CARRIER = "198.51.100.128/26"
"""Addresses behind which the phones of a mobile carrier stand."""
CONTENT = "198.51.100.200/29"
OFFICES = 6
"""Regional offices, each behind one address."""
SITES = ("10.20.0.0/23", "10.21.0.0/23")
"""Workstations of the headquarters and of its annex."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that the plan declares."""

    id: str
    role: str
    title: str
    addresses: tuple[str, ...]
    """The private one first."""
    place: str
    overseer: str
    name: str = ""
    """The name that clients ask for; such a machine has a key."""
    monitored: bool = True
    """An agent runs on it and sends a sign of life every minute; else a sensor sees its flows."""
    contingency: bool = False
    shared: bool = False

    @property
    def address(self) -> str:
        """The address by which machines of the same network reach it."""
        return self.addresses[0]

    @property
    def public(self) -> str:
        """The address by which others reach it."""
        return self.addresses[min(1, len(self.addresses) - 1)]


def office(number: int) -> str:
    """The address behind which a regional office stands, counted from 0."""
    return f"198.51.100.{11 + number}"


def _cloud(id: str, role: str, title: str, *addresses: str, **more: Any) -> Machine:
    return Machine(id, role, title, addresses, CLOUD, "oversight firm", **more)


def _site(id: str, role: str, title: str, address: str) -> Machine:
    return Machine(id, role, title, (address,), SITE, "election authority")


MACHINES = (
    _cloud("perimeter", "perimeter", "Proxy in front of the application",
           "10.10.0.10", "203.0.113.10", name="entry.count.example"),
    _cloud("contingency", "contingency", "Takes over from the perimeter",
           "10.10.0.30", "203.0.113.30", name="entry-b.count.example", contingency=True),
    _cloud("primary", "application", "Takes in the sheets",
           "10.10.0.20", "203.0.113.20", name="app.count.example"),
    _cloud("database", "database", "Holds the sheets", "10.10.0.40"),
    _cloud("replica", "replica", "Copy of the database", "10.10.0.41"),
    _cloud("publisher", "publication", "Writes the public page",
           "10.10.0.50", "203.0.113.50", "2001:db8:0:50::1", name="results.count.example"),
    _cloud("monitor", "monitoring", "Takes signs of life", "10.10.0.60"),
    _site("jump", "administration", "Administrators enter through it", "10.20.4.30"),
    _site("backup", "backup", "Copies of the database", "10.20.4.20"),
    _site("resolver", "names", "Resolves names", "10.20.4.53"),
    _site("timekeeper", "time", "Tells the time", "10.20.4.123"),
)  # fmt: skip
BY_ID: Mapping[str, Machine] = {machine.id: machine for machine in MACHINES}


def shared(offices: int) -> tuple[Machine, ...]:
    """Addresses behind which many machines stand: offices, and the content network."""
    found = [
        Machine(f"nat-{number + 1}", "translation", f"Regional office {number + 1}",
                (office(number),), f"office {number + 1}", "election authority",
                monitored=False, shared=True)
        for number in range(offices)
    ]  # fmt: skip
    content = Machine("content-network", "content", "Content network of the public page",
                      (CONTENT,), "content network", "oversight firm",
                      monitored=False, shared=True)  # fmt: skip
    return (*found, content)


def fingerprint(seed: int, host: str) -> str:
    """The fingerprint of the certificate that a host presents: 64 hexadecimal digits."""
    return hashlib.sha256(f"{seed}/certificate/{host}".encode()).hexdigest()


def declared(machine: Machine, seed: int) -> dict[str, Any]:
    """The plan's entry of a machine."""
    entry: dict[str, Any] = {
        "id": machine.id,
        "role": machine.role,
        "title": machine.title,
        "addresses": list(machine.addresses),
        "place": machine.place,
        "overseer": machine.overseer,
    }
    if machine.name:
        entry |= {"names": [machine.name], "keys": [fingerprint(seed, machine.id)]}
    entry["monitor"] = "agent" if machine.monitored else "flow sensor"
    entry |= {"contingency": True} if machine.contingency else {}
    return entry | ({"shared": True} if machine.shared else {})


def groups(members: tuple[int, int, int], stations: int) -> list[dict[str, Any]]:
    """The plan's groups of clients: workstations by site (headquarters, annex, offices), phones."""
    addresses = ([SITES[0]], [SITES[1]], [office(number) for number in range(OFFICES)])
    names = ("headquarters", "annex", "offices")
    found = [
        {"id": name, "title": f"Workstations of the {name}", "addresses": where,
         "members": count, "uses": ["perimeter"]}
        for name, where, count in zip(names, addresses, members, strict=True)
        if count
    ]  # fmt: skip
    phones = {"id": "phones", "title": "Phones that send images of sheets",
              "addresses": [CARRIER], "members": stations, "uses": ["perimeter"]}  # fmt: skip
    return [*found, phones]


def paths(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who may open connections to whom, by the plan."""
    found = [(g["id"], host, 443) for g in groups for host in ("perimeter", "contingency")]
    found += [
        ("perimeter", "primary", 8443),
        ("contingency", "primary", 8443),
        ("primary", "database", 5432),
        ("replica", "database", 5432),
        ("publisher", "replica", 5432),
        ("backup", "replica", 5432),
        ("content-network", "publisher", 443),
        *(("monitor", host, port) for host, port in WATCHED),
    ]
    for machine in MACHINES:
        found += [(machine.id, host, port) for host, port in SERVICES if machine.id != host]
        found += [("jump", machine.id, 22)] if machine.id != "jump" else []
    found += [(g["id"], host, port) for g in groups if g["id"] in ("headquarters", "annex")
              for host, port in SERVICES[1:]]  # fmt: skip
    return [{"from": source, "to": target, "ports": [port]} for source, target, port in found]


SERVICES = (("monitor", 1514), ("resolver", 53), ("timekeeper", 123))
"""What every host may call."""
WATCHED = (("primary", 8443), ("perimeter", 443), ("contingency", 443))
"""Hosts, and their ports, that the monitor calls every minute."""
