"""Neighbours are found as by brute force, and how many chance brings near is told."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.images import neighbours as module
from veedor.images.neighbours import (
    FAR,
    Law,
    Neighbours,
    law,
    law_of_own,
    nearest_of_group,
    neighbours,
)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(6000, 4)).astype(np.float32)


def whole(points: np.ndarray, seed: int = 1) -> Neighbours:
    """The neighbours of all, in order."""
    parts = list(neighbours(points, np.random.default_rng(seed)))
    at = np.concatenate([places for places, _ in parts])
    assert sorted(at.tolist()) == list(range(len(points)))
    order = np.argsort(at)
    return Neighbours(*(np.concatenate([getattr(found, name) for _, found in parts])[order]
                        for name in ("place", "distance")))  # fmt: skip


def brute(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    far = ((points[rows][:, None] - points[None]) ** 2).sum(axis=2) / 2
    far[np.arange(len(rows)), rows] = np.inf
    return np.sort(far, axis=1)[:, :FAR]


def test_all_are_found_where_all_are_compared(points):
    some = points[:1000]
    found = whole(some)
    rows = np.arange(0, 1000, 50)
    assert found.distance[rows] == pytest.approx(brute(some, rows), abs=1e-6)


def test_an_index_finds_nearly_all_of_the_nearest(points):
    found = whole(points)
    rows = np.arange(0, 6000, 20)
    same = np.abs(found.distance[rows, 0] - brute(points, rows)[:, 0]) < 1e-6
    assert same.mean() > 0.97


def test_as_many_neighbours_are_expected_as_there_are(points):
    """In a uniform cloud the j-th neighbour is where j are expected: an identity."""
    found = whole(points[:4000])
    rule = law(found)
    inner = ((points[:4000] > 0.25) & (points[:4000] < 0.75)).all(axis=1)
    at = np.flatnonzero(inner)
    expected = rule.expected(at, found.distance[at, 4].astype(float))
    # The exponent is half the dimension, for the distance is squared.
    assert np.median(rule.exponent[at]) == pytest.approx(2, abs=0.3)
    assert np.median(expected) == pytest.approx(5, rel=0.25)


def test_nothing_is_told_from_few():
    found = whole(np.random.default_rng(0).normal(size=(FAR, 3)).astype(np.float32))
    assert np.isinf(law(found).expected(np.arange(3), np.zeros(3))).all()


def test_the_law_of_ones_own_sees_that_a_group_lies_close():
    """Groups of three that lie a thousandth apart: as near a pair within one is no surprise."""
    rng = np.random.default_rng(3)
    middles = rng.uniform(size=(400, 6))
    points = (np.repeat(middles, 3, axis=0) + 0.001 * rng.normal(size=(1200, 6))).astype(np.float32)
    group = np.repeat(np.arange(400), 3)
    found = whole(points)
    own = nearest_of_group(points, group)
    at = np.arange(1200)
    nearest = found.distance[:, 0].astype(float)
    assert np.median(law(found).expected(at, nearest)) < 0.01
    assert np.median(law_of_own(found, own).expected(at, nearest)) > 0.1


def test_a_descriptor_alone_in_its_group_has_no_nearest():
    points = np.zeros((3, 2), np.float32)
    points[1] = 1
    assert nearest_of_group(points, np.array([0, 0, 1])).tolist() == [1, 1, np.inf]


@pytest.mark.parametrize("number", [3000, 6000])
def test_how_many_are_searched_at_once_changes_nothing(points, monkeypatch, number):
    wanted = whole(points[:number])
    monkeypatch.setattr(module, "AT_ONCE", 2**15)
    found = whole(points[:number])
    assert found.distance == pytest.approx(wanted.distance, abs=1e-6)
    assert (found.place[:, 0] == wanted.place[:, 0]).mean() > 0.999


def test_the_law_of_all_is_that_of_parts_in_their_places():
    parts = [(np.array([2, 0]), Law(np.array([3.0, 1.0]), np.array([30.0, 10.0]), 40.0)),
             (np.array([1]), Law(np.array([2.0]), np.array([20.0]), 40.0))]  # fmt: skip
    joined = Law.joined(parts)
    assert joined.scale.tolist() == [1, 2, 3]
    assert joined.exponent.tolist() == [10, 20, 30]
    assert joined.count == 40
