"""The number of successes among unequal chances, against convolution and scipy."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.poissonbinomial import successes


def convolved(chances):
    mass = np.array([1.0])
    for p in chances:
        mass = np.convolve(mass, [1 - p, p])
    return mass


@pytest.mark.parametrize("observed", [0, 3, 17, 40])
def test_against_convolution(observed):
    chances = np.random.default_rng(1).beta(0.4, 2.0, 60)
    mass = convolved(chances)
    found = successes(chances, observed)
    assert found.expected == pytest.approx(chances.sum())
    assert found.at_least == pytest.approx(mass[observed:].sum(), abs=1e-12)
    assert found.any == pytest.approx(1 - mass[0])
    below = np.cumsum(mass)
    assert found.low == np.flatnonzero(below > 0.025)[0]
    assert found.high == np.flatnonzero(below >= 0.975)[0]


def test_equal_chances_are_binomial():
    found = successes(np.full(500, 0.3), 180)
    assert found.at_least == pytest.approx(stats.binom(500, 0.3).sf(179), rel=1e-8)


def test_many_small_chances_are_poisson():
    found = successes(np.full(20_000, 1e-4), 6)
    assert found.at_least == pytest.approx(stats.poisson(2).sf(5), rel=1e-3)


def test_long_work_is_approximated_closely():
    chances = np.random.default_rng(2).beta(1.0, 9.0, 50_000)
    spread = np.sqrt((chances * (1 - chances)).sum())
    k = int(chances.sum() + 2 * spread)
    found = successes(chances, k)
    normal = stats.norm.sf((k - 0.5 - chances.sum()) / spread)
    assert found.at_least == pytest.approx(normal, rel=0.02)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.02)


@pytest.mark.parametrize(
    ("chances", "observed", "p"),
    [
        ([], 0, 1.0),
        ([0.0, 0.0], 0, 1.0),
        ([0.0], 1, 0.0),
        ([1.0, 1.0], 2, 1.0),
    ],
)
def test_certain_and_impossible(chances, observed, p):
    found = successes(np.array(chances, dtype=float), observed)
    assert found.at_least == pytest.approx(p, abs=1e-12)
    assert found.low == found.high == round(sum(chances))
