"""Realistic geography: towns and hamlets, large schools and single rooms, full and half-full lists.

All draws are per municipality, locality or centre; stations inherit, except for their sizes.
"""

from __future__ import annotations

import numpy as np

from veedor.simulate.election import Bools, Floats, Ints, Places, generator
from veedor.simulate.parameters import Parameters

SOUTH, NORTH, WEST, EAST = -22.0, -10.0, -69.0, -58.0
"""The country's box, in degrees: anywhere will do."""

FIRST_CODE = 100_001
"""Station codes start here, so that text and number sort alike up to 899,999 stations."""


def make_places(parameters: Parameters, seed: int) -> Places:
    """Draw the geography of an election: `parameters.stations` stations exactly."""
    rng = generator(seed, "places")
    stations, rural = _centres(parameters, rng)
    home, town, village = _municipalities(parameters, len(stations), rng)
    municipality = np.where(
        rural, _pick(village, len(stations), rng), _pick(town, len(stations), rng)
    )
    number = _locality_numbers(parameters, municipality, rural)
    order = np.lexsort((number, municipality, home[municipality]))
    stations, rural, number = stations[order], rural[order], number[order]
    region = home[municipality[order]]
    municipality = _runs(municipality[order])
    locality = _runs(municipality * (int(number.max()) + 1) + number)
    remoteness = _remoteness(rng, locality, rural)
    latitude, longitude = _coordinates(rng, region, municipality, locality)
    each = np.repeat(np.arange(len(stations)), stations)
    return Places(
        station=np.arange(FIRST_CODE, FIRST_CODE + parameters.stations, dtype=np.int64),
        region=_runs(region)[each],
        municipality=municipality[each],
        locality=locality[each],
        centre=each.astype(np.int64),
        rural=rural[each],
        remoteness=remoteness[each],
        latitude=latitude[each],
        longitude=longitude[each],
        registered=_sizes(parameters, rng, stations),
    )


def _centres(parameters: Parameters, rng: np.random.Generator) -> tuple[Ints, Bools]:
    """(C,) stations of each centre, and whether it is rural; the last is cut to fit the total."""
    rural_mean, urban_mean = parameters.rural_stations, parameters.urban_stations
    villages = parameters.rural / rural_mean
    towns = (1 - parameters.rural) / urban_mean
    share = villages / (villages + towns)
    mean = share * rural_mean + (1 - share) * urban_mean
    found_sizes: list[Ints] = []
    found_rural: list[Bools] = []
    missing = parameters.stations
    while missing > 0:
        count = int(missing / mean * 1.1) + 20
        rural = rng.random(count) < share
        urban = np.ceil(rng.gamma(1.8, max(urban_mean - 0.5, 0.5) / 1.8, count))
        sizes = np.where(rural, rng.geometric(1 / rural_mean, count), urban).astype(np.int64)
        found_sizes.append(sizes)
        found_rural.append(rural)
        missing -= int(sizes.sum())
    sizes, rural = np.concatenate(found_sizes), np.concatenate(found_rural)
    last = int(np.searchsorted(np.cumsum(sizes), parameters.stations))
    sizes, rural = sizes[: last + 1], rural[: last + 1]
    sizes[last] -= int(sizes.sum()) - parameters.stations
    return sizes, rural


def _municipalities(
    parameters: Parameters, centres: int, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    """(M,) region of each municipality, and its weights among towns and among villages.

    The first municipality of each region is its capital, and holds most of its towns' schools.
    """
    regions = min(parameters.regions, centres)
    count = max(regions, round(centres / parameters.centres_per_municipality))
    weights = np.array(parameters.region_weights or (1.0,) * parameters.regions)[:regions]
    weights = weights / weights.sum()
    home = np.concatenate([np.arange(regions), rng.choice(regions, count - regions, p=weights)])
    town = np.exp(rng.normal(0, 1.0, count))
    town[rng.random(count) >= parameters.urban_municipalities] = 0.0
    town[:regions] = (count + regions) * weights * np.exp(rng.normal(0.6, 0.3, regions))
    return home.astype(np.int64), town, np.exp(rng.normal(0, 0.6, count))


def _pick(weights: Floats, count: int, rng: np.random.Generator) -> Ints:
    edges = np.cumsum(weights)
    drawn: Ints = np.searchsorted(edges, rng.random(count) * edges[-1], side="right")
    return np.minimum(drawn, len(weights) - 1).astype(np.int64)


def _locality_numbers(parameters: Parameters, municipality: Ints, rural: Bools) -> Ints:
    """(C,) the locality's number in its municipality: 0 the town, then villages."""
    key = np.where(rural, municipality, -1)
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    starts = np.searchsorted(ranked, ranked, side="left")
    rank = np.empty(len(key), dtype=np.int64)
    rank[order] = np.arange(len(key)) - starts
    village = 1 + np.floor(rank / parameters.rural_centres_per_locality).astype(np.int64)
    return village * rural


def _runs(codes: Ints) -> Ints:
    """Dense codes, from 0, of runs of equal values."""
    found: Ints = np.cumsum(np.diff(codes, prepend=codes[:1]) != 0).astype(np.int64)
    return found


def _remoteness(rng: np.random.Generator, locality: Ints, rural: Bools) -> Floats:
    """(C,) from 0 to 1; villages lie further out, and one town is one distance."""
    count = int(locality[-1]) + 1
    far, near = rng.beta(2.5, 2.0, count), rng.beta(1.2, 12.0, count)
    return np.where(rural, far[locality], near[locality])


def _coordinates(
    rng: np.random.Generator, region: Ints, municipality: Ints, locality: Ints
) -> tuple[Floats, Floats]:
    """(C,) degrees: regions in the box, places around the place that holds them."""
    found = []
    for low, high in ((SOUTH, NORTH), (WEST, EAST)):
        value = rng.uniform(low, high, int(region.max()) + 1)[region]
        value = value + rng.normal(0, 0.6, int(municipality[-1]) + 1)[municipality]
        value = value + rng.normal(0, 0.12, int(locality[-1]) + 1)[locality]
        found.append(np.round(value + rng.normal(0, 0.01, len(region)), 6))
    return found[0], found[1]


def _sizes(parameters: Parameters, rng: np.random.Generator, stations: Ints) -> Ints:
    """(S,) registered voters: full lists, and one remainder (the last) for each centre."""
    size, low = parameters.station_size, parameters.smallest
    total = int(stations.sum())
    short = rng.binomial(size, min(parameters.station_missing / size, 1.0), total)
    full = np.maximum(size - short, low)
    last = np.cumsum(stations) - 1
    full[last] = rng.integers(low, size + 1, len(stations))
    return full.astype(np.int64)
