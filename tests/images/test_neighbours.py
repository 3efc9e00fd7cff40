"""Neighbours are found as by brute force, and how many chance brings near is told."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.images import neighbours as module
from veedor.images.neighbours import FAR, law, law_of_own, nearest_of_group, neighbours


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(6000, 4)).astype(np.float32)


def brute(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    far = ((points[rows][:, None] - points[None]) ** 2).sum(axis=2) / 2
    far[np.arange(len(rows)), rows] = np.inf
    return np.sort(far, axis=1)[:, :FAR]


def test_all_are_found_where_all_are_compared(points):
    some = points[:1000]
    found = neighbours(some, np.random.default_rng(1))
    rows = np.arange(0, 1000, 50)
    assert found.distance[rows] == pytest.approx(brute(some, rows), abs=1e-6)


def test_an_index_finds_nearly_all_of_the_nearest(points):
    found = neighbours(points, np.random.default_rng(1))
    rows = np.arange(0, 6000, 20)
    same = np.abs(found.distance[rows, 0] - brute(points, rows)[:, 0]) < 1e-6
    assert same.mean() > 0.97


def test_as_many_neighbours_are_expected_as_there_are(points):
    """In a uniform cloud the j-th neighbour is where j are expected: an identity."""
    found = neighbours(points[:4000], np.random.default_rng(1))
    rule = law(found)
    inner = ((points[:4000] > 0.25) & (points[:4000] < 0.75)).all(axis=1)
    at = np.flatnonzero(inner)
    expected = rule.expected(at, found.distance[at, 4].astype(float))
    # The exponent is half the dimension, for the distance is squared.
    assert np.median(rule.exponent[at]) == pytest.approx(2, abs=0.3)
    assert np.median(expected) == pytest.approx(5, rel=0.25)


def test_nothing_is_told_from_few():
    found = neighbours(np.random.default_rng(0).normal(size=(FAR, 3)).astype(np.float32),
                       np.random.default_rng(1))  # fmt: skip
    assert np.isinf(law(found).expected(np.arange(3), np.zeros(3))).all()


def test_the_law_of_ones_own_sees_that_a_group_lies_close():
    """Groups of three that lie a thousandth apart: as near a pair within one is no surprise."""
    rng = np.random.default_rng(3)
    middles = rng.uniform(size=(400, 6))
    points = (np.repeat(middles, 3, axis=0) + 0.001 * rng.normal(size=(1200, 6))).astype(np.float32)
    group = np.repeat(np.arange(400), 3)
    found = neighbours(points, rng)
    own = nearest_of_group(points, group)
    at = np.arange(1200)
    nearest = found.distance[:, 0].astype(float)
    assert np.median(law(found).expected(at, nearest)) < 0.01
    assert np.median(law_of_own(found, own).expected(at, nearest)) > 0.1


def test_a_descriptor_alone_in_its_group_has_no_nearest():
    points = np.zeros((3, 2), np.float32)
    points[1] = 1
    assert nearest_of_group(points, np.array([0, 0, 1])).tolist() == [1, 1, np.inf]


def test_cells_are_searched_in_parts(points, monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 500)
    found = neighbours(points[:3000], np.random.default_rng(1))
    assert (found.place[:, 0] >= 0).all()
    assert (np.diff(found.distance, axis=1)[np.isfinite(found.distance[:, 1:])] >= 0).all()
