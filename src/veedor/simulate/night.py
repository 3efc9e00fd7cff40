"""The night of a simulated count: which machine entered which sheet when, and by which way.

Instants are seconds from the close of the polls, by a true clock; each host's own clock is off by
`skew`. Nothing here is text: what the machines wrote down is made of it by `network` (connections)
and `machines` (logs).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.simulate.clock import POLLS_CLOSED
from veedor.simulate.election import Floats, Ints
from veedor.simulate.hosts import BY_ID

Objects = NDArray[np.object_]
Span = tuple[float, float]

STEPS = (
    *("reception", "opening", "first-transcription", "second-transcription"),
    *("approval", "storage"),
)
"""The steps of custody, in their prescribed order."""
ITEMS = (
    ("application", "primary"),
    ("database-schema", "database"),
    ("perimeter-configuration", "perimeter"),
    ("publication", "publisher"),
)
"""What is frozen, and the host on which it is."""
EPOCH = int(POLLS_CLOSED.timestamp())
MARGIN = 1800.0
"""Seconds before the first sheet and after the last for which hosts are watched."""
IDLE = 1800.0
"""Seconds without a sheet after which workstations no longer ask for work."""
ADMINISTRATORS = ("admin1", "admin2", "admin3", "support")
COMMANDS = (
    "/usr/bin/systemctl status count",
    "/usr/bin/journalctl -n 200",
    "/usr/bin/df -h",
    "/usr/sbin/ss -tn",
)


def _names(prefix: str, start: int, stop: int, step: int = 1) -> tuple[str, ...]:
    return tuple(f"{prefix}{i:02d}" for i in range(start, stop, step))


CREWS: Mapping[str, tuple[str, ...]] = {
    "reception": _names("rc", 1, 13),
    "opening": _names("ab", 1, 13),
    "first-transcription": _names("tr", 1, 61, 2),
    "second-transcription": _names("tr", 2, 61, 2),
    "approval": _names("ap", 1, 11),
    "storage": _names("al", 1, 13),
}
"""Step of custody -> the accounts that may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Parameters of the machines of a count, and what departs from the plan."""

    clients: int = 350
    """Workstations; fewer where there are few stations."""
    nat: float = 0.4
    """Share of the workstations that stand behind the address of an office."""
    contingency: float = 1500.0
    """Seconds for which the contingency is declared; 0 for never."""
    outage: float = 480.0
    """Seconds for which the headquarters have no network."""
    skew: float = 2.0
    """Seconds by which a host's clock is off, at most."""
    scans: int = 900
    """Connection attempts from the internet to public addresses."""
    departures: tuple[str, ...] = ()
    """Names of `veedor.simulate.departures.DEPARTURES`."""

    @property
    def honest(self) -> bool:
        """Whether nothing departs from the plan."""
        return not self.departures


def network_from(entry: Mapping[str, Any]) -> Network:
    """The parameters that a scenario states; an unknown one is an error."""
    known = {field.name for field in fields(Network)}
    if unknown := sorted(set(entry) - known):
        raise VeedorError(
            f"a network has no parameter {unknown[0]!r}",
            remedy=f"Use {', '.join(sorted(known))}.",
        )
    given = dict(entry)
    given["departures"] = tuple(given.get("departures", ()))
    return Network(**given)


@dataclass(frozen=True, slots=True)
class Route:
    """A way from a workstation to the application."""

    id: str
    entry: str
    """The address that the workstation calls, at port 443."""
    hop: str
    """The address from which the application is then called."""
    target: str
    """The address of the application."""
    port: int
    name: str | None = None
    """The name that the workstation asks for; None where it calls the bare address."""
    near: bool = True
    """The second connection stays inside the cloud."""


def _through(id: str) -> Route:
    host = BY_ID[id]
    return Route(id, host.public, host.address, BY_ID["primary"].address, 8443, host.name)


ROUTES = (
    _through("perimeter"),
    _through("contingency"),
    Route(
        "proxy",
        "198.51.100.77",
        "198.51.100.77",
        BY_ID["primary"].public,
        8443,
        BY_ID["perimeter"].name,
        near=False,
    ),
    Route("side", "192.0.2.20", "10.99.0.2", "10.99.0.20", 9443),
)
"""The first two are declared; the others are for departures."""


@dataclass(frozen=True, slots=True)
class Session:
    """A remote session on a host."""

    host: str
    account: str
    address: str
    start: float
    end: float
    commands: tuple[str, ...] = ()
    """With the rights of the administrator."""
    password: str = ""
    """The account whose password was changed in it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something out of the ordinary; documents mention it where `documented`."""

    id: str
    at: float
    text: str
    documented: bool = True


@dataclass(frozen=True, slots=True)
class Hash:
    """A hash taken of an item on a host."""

    item: str
    host: str
    at: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of the database changed by hand."""

    at: float
    row: int
    """Index of the station."""
    before: tuple[int, ...]
    after: tuple[int, ...]
    account: str
    address: str


@dataclass(frozen=True, slots=True)
class Night:
    """S stations, C workstations, n sheets entered (in the order of time), m other calls."""

    seed: int
    network: Network
    station: Objects
    """(S,) official codes."""
    start: float
    end: float
    stop: float
    """Publication stops."""
    again: float
    """It returns; `end` where it does not."""
    idle: tuple[Span, ...]
    """Processing pauses."""
    site: Ints
    """(C,) 0 headquarters, 1 annex, from 2 the offices."""
    address: Objects
    """(C,) the address by which each workstation is seen."""
    row: Ints
    """(n,) index of the station."""
    at: Floats
    """(n,) when the sheet was entered."""
    client: Ints
    """(n,) the workstation."""
    route: Ints
    """(n,) index into ROUTES."""
    votes: Ints
    """(n, K) as entered."""
    image_row: Ints
    """Index of the station of each image sent by phone."""
    image_at: Floats
    phone: Objects
    """The address from which each image came."""
    poll_at: Floats
    """(m,) when a workstation asked for work."""
    poll_client: Ints
    poll_route: Ints
    skew: Mapping[str, float]
    """Host -> seconds by which its clock is ahead."""
    outage: Span
    contingency: Span | None
    maintenance: Span
    """The backup host is stopped, as planned."""
    sessions: tuple[Session, ...]
    steps: Ints
    """(S, 6) instant of each step of custody, -1 where the step is missing."""
    actors: Objects
    """(S, 6) the account of each step."""
    hashes: tuple[Hash, ...]
    incidents: tuple[Incident, ...]
    stop_documented: bool = True
    changes: tuple[Change, ...] = ()
    lacking: tuple[int, ...] = ()
    """Stations whose sheet the replica lacks."""
    gaps: tuple[tuple[str, float, float], ...] = ()
    """Host whose own log lacks the lines of an interval."""
    withheld: tuple[Mapping[str, Any], ...] = ()

    @property
    def operator(self) -> Objects:
        """(C,) the account of each workstation."""
        return np.array([f"op{i + 1:03d}" for i in range(len(self.site))], dtype=object)

    @property
    def hop(self) -> Objects:
        """The address from which the application is called, by index of the route."""
        return np.array([way.hop for way in ROUTES], dtype=object)

    def codes(self, rows: Ints) -> list[str]:
        """Codes of stations by index, in order."""
        return [str(code) for code in self.station[np.sort(rows)]]


def within(at: Floats, span: Span | None) -> NDArray[np.bool_]:
    """Whether each instant lies in a span; in none where there is none."""
    if span is None:
        return np.zeros(len(at), dtype=bool)
    inside: NDArray[np.bool_] = (at >= span[0]) & (at < span[1])
    return inside


def frozen(seed: int, item: str) -> str:
    """The hash under which an item was frozen."""
    return hashlib.sha256(f"{seed}/item/{item}".encode()).hexdigest()


def microseconds(at: Floats) -> Ints:
    """Seconds from the close of the polls as microseconds of UTC since 1970."""
    return np.round((np.asarray(at) + EPOCH) * 1e6).astype(np.int64)


def regular(night: Night, seconds: float) -> Floats:
    """Instants every so many seconds, from before the first sheet to after the last."""
    return np.arange(night.start - MARGIN, night.end + MARGIN, seconds)
