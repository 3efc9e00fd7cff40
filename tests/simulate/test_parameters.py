"""A parameter that makes no election is named, with what to give instead."""

from __future__ import annotations

import pytest

from veedor.errors import VeedorError
from veedor.simulate import Parameters, generator, honest_election, shape
from veedor.simulate.parameters import parameters_from


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"shares": (0.5, 0.4, 0.2, 0.1)}, "shares"),
        ({"shares": (1.1, -0.1, 0.0, 0.0)}, "shares"),
        ({"shares": (0.5, 0.5)}, "shares"),
        ({"options": ("A",), "shares": (1.0,)}, "options"),
        ({"options": ("A", "A", "B", "C")}, "options"),
        ({"loading": (1.0,)}, "loading"),
        ({"region_weights": (1.0, 2.0)}, "region_weights"),
        ({"region_weights": (0.0,) * 6}, "region_weights"),
        ({"spread": (1.0, 1.0)}, "spread"),
        ({"own": (1.0, 1.0, 1.0, -1.0)}, "own"),
        ({"turnout": 1.2}, "turnout"),
        ({"turnout": float("nan")}, "turnout"),
        ({"turnout": "high"}, "turnout"),
        ({"turnout_link": -1.5}, "turnout_link"),
        ({"stations": 0}, "stations"),
        ({"stations": 3}, "stations"),
        ({"stations": 10.5}, "stations"),
        ({"smallest": 300}, "smallest"),
        ({"blank": 0.5, "null": 0.5}, "blank"),
        ({"snapshots": (0.9, 0.8)}, "snapshots"),
        ({"snapshots": (1.2,)}, "snapshots"),
    ],
)
def test_what_makes_no_election_is_refused_by_name(wrong, name):
    with pytest.raises(VeedorError, match=rf"^parameters\.{name}: "):
        Parameters(**wrong)


def test_an_unknown_parameter_or_shape_is_refused_with_the_known_ones():
    with pytest.raises(VeedorError, match=r"turnuot(.|\n)*turnout_link"):
        parameters_from({"turnuot": 0.5})
    with pytest.raises(VeedorError, match="bolivia-like"):
        shape("atlantis")


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_a_seed_that_is_no_number_is_refused(seed):
    with pytest.raises(VeedorError, match="seed"):
        honest_election(Parameters(), seed)


def test_streams_differ_by_label_and_agree_for_one_label():
    first = generator(1, "a").random(4)
    assert (generator(1, "a").random(4) == first).all()
    assert (generator(1, "b").random(4) != first).all()
    assert (generator(2, "a").random(4) != first).all()
