"""Parameters estimated from a drawn election are near those that it was drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.simulate import Parameters, honest_election, shape, shape_of
from veedor.simulate.moments import components

DRAWN = Parameters(
    stations=30_000,
    regions=30,
    shares=(0.42, 0.36, 0.14, 0.08),
    rural_tilt=(0.4, -0.4, 0.0, 0.0),
    loading=(0.8, -1.0, 0.0, 0.0),
    spread=(0.3, 0.3, 0.3, 0.4),
    own=(0.05, 0.05, 0.05, 0.05),
    turnout=0.7,
    turnout_spread=(0.2, 0.2, 0.2, 0.2),
    within=0.01,
    turnout_within=0.005,
)


def arrays(election):
    places = election.places
    return {
        "options": election.options, "region": places.region, "municipality": places.municipality,
        "locality": places.locality, "centre": places.centre, "rural": places.rural,
        "registered": places.registered, "votes": election.box.votes, "blank": election.box.blank,
        "null": election.box.null,
    }  # fmt: skip


def test_moments_recover_the_parameters():
    found = shape_of(**arrays(honest_election(DRAWN, 1)))
    assert found.stations == 30_000
    assert found.regions == 30
    assert found.shares == pytest.approx(DRAWN.shares, abs=0.005)
    assert found.turnout == pytest.approx(0.7, abs=0.005)
    assert found.within == pytest.approx(0.01, rel=0.15)
    assert found.turnout_within == pytest.approx(0.005, rel=0.2)
    assert found.rural == pytest.approx(0.3, abs=0.03)
    assert found.rural_stations == pytest.approx(2.7, rel=0.05)
    assert found.urban_stations == pytest.approx(14, rel=0.05)
    total = np.hypot.reduce(found.spread) * abs(found.loading[1])
    assert total == pytest.approx(np.hypot.reduce(DRAWN.spread), rel=0.25)
    assert found.loading[0] * found.loading[1] < -0.5
    assert np.hypot.reduce(found.turnout_spread) == pytest.approx(0.4, rel=0.15)
    assert found.rural_tilt[0] - found.rural_tilt[1] == pytest.approx(0.8, abs=0.3)
    assert honest_election(found, 1, stations=500).stations == 500


def test_components_of_a_balanced_design():
    rng = np.random.default_rng(1)
    tree = (np.repeat(np.arange(200), 100), np.repeat(np.arange(2000), 10))
    values = rng.normal(0, 2, 200)[tree[0]] + rng.normal(0, 1, 2000)[tree[1]]
    spread, left = components(tree, values + rng.normal(0, 0.5, 20_000))
    assert spread == pytest.approx([2, 1], rel=0.15)
    assert left == pytest.approx(0.5, rel=0.05)


def test_arrays_of_other_lengths_are_refused():
    given = arrays(honest_election(Parameters(stations=100), 1))
    with pytest.raises(VeedorError, match="one length"):
        shape_of(**(given | {"blank": np.zeros(3)}))


def test_the_shape_of_bolivia_comes_back_from_its_twin():
    twin = shape("bolivia-like")
    found = shape_of(**arrays(honest_election(twin, 1)))
    assert found.shares == pytest.approx(twin.shares, abs=0.002)
    assert found.within == pytest.approx(twin.within, rel=0.2)
    assert found.blank == pytest.approx(twin.blank, rel=0.05)
    assert found.null == pytest.approx(twin.null, rel=0.05)
