"""Late against early sheets by cells: identities, exact arithmetic, and the size of the test."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from veedor.stats.composition import bootstrap, decompose, predict, resample


def sheets(seed=0, size=400, cells=25, shift=0.0):
    """Sheets whose cells differ and report at different times; `shift` moves late ones within."""
    rng = np.random.default_rng(seed)
    cell = np.sort(rng.integers(0, cells, size))
    support = rng.beta(4, 4, cells)
    late = rng.random(size) < support[cell] * 0.8
    valid = rng.integers(20, 240, size)
    chance = np.clip(support[cell] + shift * late + rng.normal(0, 0.03, size), 0, 1)
    first = rng.binomial(valid, chance)
    return cell, late, 2 * first - valid, valid


def exact(cell, late, lead, valid):
    """Kitagawa's parts and the prediction by loops over exact fractions, straight from the text."""
    total = {k: Fraction(int(valid[late == k].sum())) for k in (False, True)}
    composition = rate = lone = predicted = Fraction(0)
    base = 0
    for c in sorted(set(cell.tolist())):
        w, m, v = {}, {}, {}
        for k in (False, True):
            inside = (cell == c) & (late == k)
            v[k] = int(valid[inside].sum())
            w[k] = Fraction(v[k]) / total[k]
            m[k] = Fraction(int(lead[inside].sum()), v[k]) if v[k] else None
        if m[False] is None or m[True] is None:
            lone += w[True] * (m[True] or 0) - w[False] * (m[False] or 0)
            continue
        composition += (w[True] - w[False]) * (m[True] + m[False]) / 2
        rate += (w[True] + w[False]) * (m[True] - m[False]) / 2
        predicted += v[True] * m[False]
        base += v[True]
    parts = {"composition": composition + lone, "rate": rate, "one_sided": lone}
    parts["predicted"] = predicted / base if base else Fraction(0)
    return {name: 100 * float(value) for name, value in parts.items()}


@pytest.mark.parametrize("seed", range(6))
def test_the_parts_are_those_of_exact_arithmetic(seed):
    data = sheets(seed, size=120, cells=30)
    found, wanted = decompose(*data), exact(*data)
    ahead = predict(*data, data[0])
    assert found.composition == pytest.approx(wanted["composition"], abs=1e-9)
    assert found.rate == pytest.approx(wanted["rate"], abs=1e-9)
    assert found.one_sided == pytest.approx(wanted["one_sided"], abs=1e-9)
    assert ahead.predicted == pytest.approx(wanted["predicted"], abs=1e-9)


def test_the_parts_add_up_to_the_gap():
    cell, late, lead, valid = sheets(3)
    found = decompose(cell, late, lead, valid)
    margins = [100 * lead[k].sum() / valid[k].sum() for k in (late, ~late)]
    assert found.gap == pytest.approx(margins[0] - margins[1])
    assert found.composition + found.rate == pytest.approx(found.gap)


def test_one_cell_for_all_leaves_the_whole_gap():
    cell, late, lead, valid = sheets(4)
    one = np.zeros_like(cell)
    assert decompose(one, late, lead, valid).composition == pytest.approx(0)
    assert predict(one, late, lead, valid, cell).unexplained == pytest.approx(
        decompose(one, late, lead, valid).gap
    )


def test_cells_of_one_kind_are_composition_and_are_not_predicted():
    cell = np.array([0, 0, 1, 1])
    late = np.array([False, False, True, True])
    lead, valid = np.array([10, 0, 50, 30]), np.array([100, 100, 100, 100])
    found = decompose(cell, late, lead, valid)
    assert (found.composition, found.rate, found.overlap_late) == (35.0, 0.0, 0.0)
    assert predict(cell, late, lead, valid, cell) is None


def test_nothing_late_or_no_votes_has_no_gap():
    cell = np.array([0, 0])
    none = np.zeros(2, dtype=bool)
    assert decompose(cell, none, np.array([1, 1]), np.array([2, 2])) is None
    assert predict(cell, ~none, np.array([0, 0]), np.array([0, 0]), cell) is None


def test_the_order_of_sheets_does_not_matter():
    data = sheets(5)
    order = np.random.default_rng(1).permutation(len(data[0]))
    again = [column[order] for column in data]
    one, two = predict(*data, data[0]), predict(*again, again[0])
    assert one.unexplained == pytest.approx(two.unexplained, abs=1e-10)
    assert one.error == pytest.approx(two.error, abs=1e-10)


def test_weights_of_one_give_the_estimate_and_resamples_its_error():
    data = sheets(6, size=2000, cells=150)
    found = predict(*data, data[0])
    ones = np.ones((1, 150), dtype=np.uint16)
    assert bootstrap(*data, data[0], ones)[0] == pytest.approx(found.unexplained, abs=1e-9)
    drawn = bootstrap(*data, data[0], resample(150, 2000, np.random.default_rng(2)))
    assert drawn.std(ddof=1) == pytest.approx(found.error, rel=0.12)


def test_clusters_inside_a_coarser_cell_are_drawn_whole():
    """By hand: two cells, each of two clusters; drawing the second cluster of each twice."""
    cell = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    cluster = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    late = np.array([False, True] * 4)
    lead = np.array([10, 20, 30, 60, 5, 5, 20, 60])
    valid = np.full(8, 100)
    weights = np.array([[0, 2, 0, 2]], dtype=np.uint16)
    found = bootstrap(cell, late, lead, valid, cluster, weights)[0]
    assert found == pytest.approx(100 * ((60 - 30) + (60 - 20)) / 200)


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_size_and_power(shift):
    """500 draws: with no difference within cells the p-value is at most 0.05 in one of twenty."""
    alarms = 0
    for seed in range(500):
        data = sheets(seed + 1000, size=600, cells=120, shift=shift)
        alarms += predict(*data, data[0]).p_value <= 0.05
    if shift:
        assert alarms > 400
    else:
        low, high = stats.binom.interval(0.999, 500, 0.05)
        assert low <= alarms <= high
