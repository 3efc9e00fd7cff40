"""Gaps against a series' own cadence."""

import numpy as np

from veedor.stats.gaps import find_gaps


def test_the_longest_step_comes_first_and_the_median_is_not_moved_by_it():
    found = find_gaps(np.array([0, 180, 360, 540, 10_000, 10_180]))
    assert (found.start[0], found.end[0], found.seconds[0]) == (540, 10_000, 9460)
    assert found.median == 180
    assert len(found.over(5)) == 1
    assert len(found.over(50)) == 1
    assert len(found.over(60)) == 0


def test_order_and_repeats_do_not_matter():
    one = find_gaps(np.array([5, 0, 20, 20, 5]))
    assert one.seconds.tolist() == [15, 5]


def test_a_short_series_has_no_cadence():
    assert np.isnan(find_gaps(np.array([1, 100])).median)
    assert len(find_gaps(np.array([1, 100])).over(5)) == 0
    assert len(find_gaps(np.array([], dtype=np.int64)).seconds) == 0


def test_a_least_length_is_asked_for_too():
    found = find_gaps(np.array([0, 1, 2, 3, 400, 401, 1401]))
    assert found.over(5, 600).tolist() == [0]
