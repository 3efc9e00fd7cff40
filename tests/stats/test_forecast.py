"""Projection of a partial count: exact where it must be, and intervals that cover."""

import numpy as np
import pytest
from scipy import stats

from veedor.stats.forecast import backtest, drift_of, drifted, fit, project


def election(seed, *, regions=4, places=6, centres=5, sheets=4, drift=0.0):
    """Effects of regions, places and centres; a random half of the sheets is counted first."""
    rng = np.random.default_rng(seed)
    n = regions * places * centres * sheets
    centre = np.arange(n) // sheets
    place, region = centre // centres, centre // (centres * places)
    theta = 0.1 + rng.normal(0, 0.15, regions)[region] + rng.normal(0, 0.1, n)[place]
    theta = theta + rng.normal(0, 0.08, n)[centre]
    order = rng.permutation(n).astype(float)
    theta = np.clip(theta + drift * order / n, -0.95, 0.95)
    registered = rng.integers(150, 250, n).astype(float)
    valid = rng.binomial(registered.astype(int), 0.8)
    lead = 2 * rng.binomial(valid, (1 + theta) / 2) - valid
    return (region, place, centre), order, lead, valid, registered


def margin(lead, valid):
    return 100 * lead.sum() / valid.sum()


def drawn(data, counted, seed=0, draws=800, history=None):
    cells, _, lead, valid, registered = data
    tree = fit(cells, counted, lead, valid, history)
    rng = np.random.default_rng(seed)
    return project(tree, counted, lead, valid, registered, draws=draws, rng=rng)


def test_a_whole_count_is_exact():
    data = election(0)
    found = drawn(data, np.ones(len(data[2]), dtype=bool))
    assert found.margin == pytest.approx(np.full(800, margin(data[2], data[3])))
    assert found.margin.std() == pytest.approx(0, abs=1e-12)


def test_uncounted_votes_are_not_looked_at():
    data = election(1)
    counted = data[1] < 200
    one = drawn(data, counted)
    cells, order, lead, valid, registered = data
    other = drawn(
        (cells, order, np.where(counted, lead, 999), np.where(counted, valid, 7), registered),
        counted,
    )
    assert one.margin == pytest.approx(other.margin)


def posterior(cells, counted, lead, valid, tree):
    """The mean of every centre by the dense Gaussian formula, with the tree's own variances and a
    flat prior on the whole: an independent way to the same numbers.
    """
    codes = [np.unique(c, return_inverse=True)[1] for c in cells]
    centre = codes[-1]
    n = centre.max() + 1
    first = [np.flatnonzero(centre == i)[0] for i in range(n)]
    prior = np.full((n, n), 100.0)
    for level, code in zip(tree.levels, codes, strict=True):
        own = code[first]
        prior += level.variance * (own[:, None] == own[None, :])
    votes = np.bincount(centre[counted], weights=valid[counted], minlength=n)
    won = np.bincount(centre[counted], weights=lead[counted], minlength=n)
    seen = np.flatnonzero(votes > 0)
    y = won[seen] / votes[seen]
    noise = np.diag(tree.noise / votes[seen])
    gain = prior[:, seen] @ np.linalg.inv(prior[np.ix_(seen, seen)] + noise)
    mean = gain @ y
    return mean, np.sqrt(np.diag(prior - gain @ prior[seen, :]))


def test_draws_are_those_of_the_dense_gaussian_formula():
    from veedor.stats.forecast import _draw

    cells, order, lead, valid, _ = election(2, regions=3, places=3, centres=3, sheets=3)
    counted = order < 40
    tree = fit(cells, counted, lead, valid)
    wanted = np.array([1, 4, 5, 9, 17, 26])
    sample = _draw(tree, wanted, 40_000, np.random.default_rng(1))
    mean, spread = (v[wanted] for v in posterior(cells, counted, lead, valid, tree))
    assert sample.mean(axis=0) == pytest.approx(mean, abs=0.005)
    assert sample.std(axis=0) == pytest.approx(spread, abs=0.005)


def test_variances_of_the_levels_are_found():
    data = election(3, regions=30, places=20, centres=6, sheets=6)
    tree = fit(data[0], np.ones(len(data[2]), dtype=bool), data[2], data[3])
    spreads = [level.variance**0.5 for level in tree.levels]
    assert spreads == pytest.approx([0.15, 0.1, 0.08], rel=0.35)
    assert 0.8 < tree.noise < 1.2


def test_the_earlier_election_narrows_what_is_unknown():
    rng = np.random.default_rng(4)
    data = election(4, regions=6, places=10, centres=6, sheets=2)
    cells, _, lead, valid, _ = data
    truth = np.bincount(cells[2], weights=lead) / np.bincount(cells[2], weights=valid)
    history = (truth + rng.normal(0, 0.02, len(truth)))[cells[2]] - 0.1
    counted = cells[2] % 2 == 0
    assert drawn(data, counted, history=history).rest.std() < 0.7 * drawn(data, counted).rest.std()


@pytest.mark.slow
def test_intervals_cover_where_late_sheets_are_a_random_draw():
    """150 counts: the 90 % interval covers in about nine of ten."""
    hits = 0
    for seed in range(150):
        data = election(seed + 100)
        found = drawn(data, data[1] < 240, draws=400)
        low, high = np.percentile(found.margin, [5, 95])
        hits += low <= margin(data[2], data[3]) <= high
    low, high = stats.binom.interval(0.999, 150, 0.9)
    assert low <= hits <= high


def test_a_drift_along_the_count_is_seen_in_the_backtests_and_widens_the_interval():
    data = election(5, regions=6, places=12, centres=6, sheets=4, drift=0.3)
    cells, order, lead, valid, registered = data
    counted = order < 0.7 * len(order)
    rng = np.random.default_rng(6)
    tests = backtest(
        cells,
        counted,
        order,
        lead,
        valid,
        registered,
        None,
        shares=(0.5, 0.7, 0.9),
        draws=200,
        rng=rng,
    )
    assert all(t.error > 3 for t in tests)
    plain = drawn(data, counted)
    held = (int(lead[counted].sum()), int(valid[counted].sum()))
    wide = drifted(plain, *held, drift_of(tests, 800, rng))
    assert wide.margin.std() > 2 * plain.margin.std()
    low, high = np.percentile(wide.margin, [2.5, 97.5])
    assert low <= margin(lead, valid) <= high


def test_nothing_counted_is_no_tree():
    data = election(7)
    assert fit(data[0], np.zeros(len(data[2]), dtype=bool), data[2], data[3]) is None
    assert drift_of([], 10, np.random.default_rng(0)) is None
