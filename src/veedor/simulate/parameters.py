"""What a simulated election is made of: every number that is not a draw."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from veedor.errors import VeedorError

LEVELS = ("region", "municipality", "locality", "centre")
"""Levels of the random effects, outermost first; every tuple of four numbers is in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Parameters of an honest election.

    Preferences of a centre are, before they are made to sum to one,
    ``log share + rural_tilt x (rural - mean) + loading x f + g``, where ``f`` (one number per
    place: the main divide of the country) and ``g`` (one per place and option) are sums over the
    levels of normal effects with standard deviations `spread` and `own`. They are then shifted so
    that the expected national shares are `shares`. Turnout, blank and null votes are logit-normal
    over the same places. Sheets of one centre differ by sampling and by the `within` correlations.
    """

    stations: int = 2000
    options: tuple[str, ...] = ("A", "B", "C", "D")
    shares: tuple[float, ...] = (0.43, 0.36, 0.15, 0.06)
    """Expected national shares of the valid votes."""
    rule: Mapping[str, Any] = field(default_factory=lambda: {"kind": "plurality"})
    compulsory: bool = False

    regions: int = 6
    region_weights: tuple[float, ...] = ()
    """Relative numbers of municipalities; all alike when left out."""
    centres_per_municipality: float = 11.0
    rural_centres_per_locality: float = 1.05
    urban_municipalities: float = 0.6
    """Share of the municipalities that have a town."""
    rural: float = 0.3
    """Share of the stations that are rural."""
    rural_stations: float = 2.7
    """Mean number of stations of a rural centre (geometric)."""
    urban_stations: float = 14.0
    """Mean number of stations of an urban centre (gamma, rounded up)."""
    station_size: int = 240
    """The most voters registered at a station."""
    station_missing: float = 14.0
    """Mean number by which a full station falls short of it."""
    smallest: int = 5
    """The fewest voters registered at a station."""

    rural_tilt: tuple[float, ...] = ()
    """Rural less urban preference, log scale, per option."""
    loading: tuple[float, ...] = ()
    """How much the country's main divide moves each option, log scale."""
    spread: tuple[float, float, float, float] = (0.4, 0.5, 0.35, 0.3)
    """Standard deviations of the main divide by level."""
    own: tuple[float, float, float, float] = (0.25, 0.25, 0.2, 0.2)
    """Standard deviations of each option's own effects by level, log scale."""
    within: float = 0.008
    """Intra-class correlation of votes on one sheet beyond its centre (Dirichlet-multinomial)."""
    within_spread: float = 0.0
    """Standard deviation, log scale, by which the `within` correlations differ between centres."""

    blocs: float = 0.0
    """Share of the rural centres where the community decides together."""
    bloc_dissent: float = 0.03
    """Mean share of such a centre that votes otherwise (exponential)."""

    turnout: float = 0.75
    turnout_rural: float = 0.0
    """Rural less urban turnout, logit scale."""
    turnout_spread: tuple[float, float, float, float] = (0.15, 0.15, 0.15, 0.15)
    turnout_link: float = 0.0
    """Correlation of a centre's turnout effect with the main divide, -1 to 1."""
    turnout_within: float = 0.0025
    """Intra-class correlation of turnout on one sheet beyond its centre (beta-binomial)."""
    tiny: float = 0.0
    """How much higher turnout is, logit scale, at the smallest stations; gone at 60 voters."""

    blank: float = 0.015
    blank_rural: float = 0.5
    """Rural less urban rate, logit scale; likewise for null votes."""
    blank_spread: tuple[float, float, float, float] = (0.2, 0.2, 0.2, 0.2)
    blank_within: float = 0.015
    null: float = 0.035
    null_rural: float = 0.2
    null_spread: tuple[float, float, float, float] = (0.15, 0.15, 0.15, 0.15)
    null_within: float = 0.004

    late_remote: float = 0.5
    """Weight of remoteness in the time of arrival; likewise, in what follows, of other causes."""
    late_link: float = 0.0
    """Weight of the main divide: poor places report late, and vote as poor places do."""
    late_place: float = 0.6
    """Weight of the place's own delay: the centre's, and half of it the municipality's."""
    late_sheet: float = 0.5
    """Weight of the sheet's own delay, independent of all else."""
    snapshots: tuple[float, ...] = (0.84,)
    """Shares of the sheets published by each snapshot; empty: there is no preliminary count."""

    capacity: float = 0.0
    """Sheets that are processed in an hour at most, as a share of all; 0: as many as arrive."""
    holds: int = 0
    """How often processing is held up; what arrives meanwhile comes out in a burst."""
    hold: int = 600
    """Seconds for which each of them lasts."""
    grace: int = 1560
    """Seconds for which processing goes on after publication stopped."""
    pause: int = 0
    """Seconds for which processing then pauses."""
    unfinished: float = 0.03
    """Share of the sheets, the last to arrive, that the preliminary count never finishes; at most
    those that no snapshot holds."""

    slip_digits: float = 0.008
    """Sheets of which a count transposes two digits of one line, for each count alike."""
    slip_line: float = 0.002
    """Sheets of which a count swaps two neighbouring lines, for each count alike."""
    misread: float = 0.0
    """Sheets of which the preliminary count alone loses or misreads a digit of one line."""
    slip_total: float = 0.01
    """Sheets with an arithmetic slip in a declared total."""

    history_correlation: float = 0.9
    """Correlation of a centre's preferences with those of the earlier election."""

    def __post_init__(self) -> None:
        _check(self)

    def scaled(self, stations: int | None) -> Parameters:
        """The same country with another number of stations."""
        return self if stations is None else dataclasses.replace(self, stations=stations)


def _check(given: Parameters) -> None:
    count = len(given.options)
    if count < 2 or len(set(given.options)) != count:
        raise _wrong("options", given.options, "name at least two options, each once")
    for name in ("shares", "rural_tilt", "loading"):
        values = getattr(given, name)
        if len(values) != count and not (name != "shares" and not values):
            raise _wrong(name, values, f"give one number for each of the {count} options")
    if min(given.shares) <= 0 or abs(sum(given.shares) - 1) > 1e-3:
        raise _wrong("shares", given.shares, "give positive shares that sum to 1")
    if given.regions < 1 or len(given.region_weights) not in (0, given.regions):
        raise _wrong("region_weights", given.region_weights, "give one weight for each region")
    if given.region_weights and min(given.region_weights) <= 0:
        raise _wrong("region_weights", given.region_weights, "give positive weights")
    for name in ("spread", "own", "turnout_spread", "blank_spread", "null_spread"):
        values = getattr(given, name)
        if len(values) != len(LEVELS) or min(values) < 0:
            raise _wrong(name, values, f"give four numbers from 0 up: {', '.join(LEVELS)}")
    for name, (low, high) in _RANGES.items():
        value = getattr(given, name)
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise _wrong(name, value, f"give a number from {low:g} to {high:g}")
    for name in ("stations", "regions", "station_size", "smallest", *_WHOLE):
        if not isinstance(getattr(given, name), int):
            raise _wrong(name, getattr(given, name), "give a whole number")
    if given.stations < given.regions:
        raise _wrong("stations", given.stations, "give at least one station for each region")
    if given.smallest > given.station_size:
        raise _wrong("smallest", given.smallest, "give at most station_size")
    if given.blank + given.null >= 0.9:
        raise _wrong("blank", given.blank, "blank and null together leave no valid votes")
    last = 0.0
    for share in given.snapshots:
        if not last < share <= 1:
            raise _wrong("snapshots", given.snapshots, "give rising shares above 0, at most 1")
        last = share


_WHOLE = ("holds", "hold", "grace", "pause")

_RANGES = {
    "stations": (1, 5_000_000),
    "regions": (1, 1000),
    "centres_per_municipality": (1, 1000),
    "rural_centres_per_locality": (1, 100),
    "urban_municipalities": (0, 1),
    "rural": (0, 1),
    "rural_stations": (1, 100),
    "urban_stations": (1, 500),
    "station_size": (1, 10_000),
    "station_missing": (0, 5_000),
    "smallest": (1, 10_000),
    "within": (0, 0.5),
    "within_spread": (0, 3),
    "blocs": (0, 1),
    "bloc_dissent": (0, 0.5),
    "turnout": (0.01, 0.99),
    "turnout_rural": (-5, 5),
    "turnout_link": (-1, 1),
    "turnout_within": (0, 0.5),
    "tiny": (0, 20),
    "blank": (1e-6, 0.9),
    "blank_rural": (-5, 5),
    "blank_within": (0, 0.5),
    "null": (1e-6, 0.9),
    "null_rural": (-5, 5),
    "null_within": (0, 0.5),
    "late_remote": (0, 10),
    "late_link": (-10, 10),
    "late_place": (0, 10),
    "late_sheet": (0, 10),
    "capacity": (0, 1000),
    "holds": (0, 1000),
    "hold": (0, 1_000_000),
    "grace": (0, 1_000_000),
    "pause": (0, 1_000_000),
    "unfinished": (0, 1),
    "slip_digits": (0, 1),
    "slip_line": (0, 1),
    "misread": (0, 1),
    "slip_total": (0, 1),
    "history_correlation": (-1, 1),
}


def _wrong(name: str, value: object, remedy: str) -> VeedorError:
    return VeedorError(
        f"{name} = {value!r} makes no election", place=f"parameters.{name}", remedy=f"{remedy}."
    )


def parameters_from(entries: Mapping[str, Any], base: Parameters | None = None) -> Parameters:
    """Parameters from the entries of a TOML table, over those of `base`."""
    known = {f.name for f in dataclasses.fields(Parameters)}
    for name in entries:
        if name not in known:
            raise VeedorError(
                f"{name} is not a parameter of a simulated election",
                place=f"parameters.{name}",
                remedy=f"The parameters are {', '.join(sorted(known))}.",
            )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}
    return dataclasses.replace(base or Parameters(), **values)


@functools.cache
def _shapes() -> dict[str, dict[str, Any]]:
    text = (files("veedor.simulate") / "shapes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def shape(name: str) -> Parameters:
    """Named parameters from `shapes.toml`: rounded aggregates, no place and no sheet in them."""
    if name not in _shapes():
        raise VeedorError(
            f"there is no shape {name!r}", remedy=f"The shapes are {', '.join(sorted(_shapes()))}."
        )
    return parameters_from(_shapes()[name])
