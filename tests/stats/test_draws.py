"""A draw can be repeated by anybody, does not hang on the order of the frame, and is fair."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from veedor.stats import draws

SEED = draws.seed_of("dice 3 1 4 1 5 9, on the steps of the town hall")
NAMES = [f"S-{i:04d}" for i in range(200)]


def test_the_seed_and_the_tickets_are_those_of_any_sha256_program():
    # printf 'abc' | sha256sum (also the first vector of FIPS 180-2); printf 'SEED,S-1' | sha256sum
    seed = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert draws.seed_of("abc") == seed
    assert draws.ticket(seed, "S-1") == hashlib.sha256(f"{seed},S-1".encode()).hexdigest()
    assert draws.seed_of("cafe\u0301") == draws.seed_of("caf\u00e9")


@given(st.permutations(NAMES[:30]))
def test_the_order_of_the_frame_does_not_matter(names):
    base = [NAMES[i] for i in draws.simple(NAMES[:30], 7, SEED)]
    assert [names[i] for i in draws.simple(names, 7, SEED)] == base
    weight = dict(zip(NAMES[:30], range(1, 31), strict=True))
    ordered = draws.proportional(NAMES[:30], [weight[n] for n in NAMES[:30]], 9, SEED)
    other = draws.proportional(names, [weight[n] for n in names], 9, SEED)
    assert [names[i] for i in other] == [NAMES[i] for i in ordered]


def test_a_smaller_sample_is_the_beginning_of_a_larger_one():
    large = draws.simple(NAMES, 90, SEED)
    assert draws.simple(NAMES, 20, SEED).tolist() == large[:20].tolist()
    weights = list(range(1, 201))
    more = draws.proportional(NAMES, weights, 50, SEED)
    assert draws.proportional(NAMES, weights, 10, SEED).tolist() == more[:10].tolist()


def test_every_unit_is_drawn_as_often_as_its_chance_says():
    seeds = [draws.seed_of(str(i)) for i in range(4000)]
    drawn = np.concatenate([draws.simple(NAMES[:12], 3, s) for s in seeds])
    assert chisquare(np.bincount(drawn, minlength=12)).pvalue > 0.001
    weights = np.array([1, 0, 2, 3, 10, 4])
    drawn = np.concatenate([draws.proportional(NAMES[:6], weights.tolist(), 5, s) for s in seeds])
    hits = np.bincount(drawn, minlength=6)
    assert hits[1] == 0
    some = weights > 0
    assert chisquare(hits[some], hits.sum() * weights[some] / weights.sum()).pvalue > 0.001


def test_strata_get_their_sizes_and_clusters_come_whole():
    stratum = ["north" if i < 50 else "south" for i in range(200)]
    sizes = draws.allocate({"north": 50, "south": 150}, 20)
    assert sizes == {"north": 5, "south": 15}
    at = draws.stratified(NAMES, stratum, sizes, SEED)
    assert [stratum[i] for i in at] == ["north"] * 5 + ["south"] * 15
    centre = [f"C{i // 4}" for i in range(200)]
    whole = draws.clustered(NAMES, centre, 6, SEED)
    assert len(whole) == 24
    assert len({centre[i] for i in whole}) == 6
    some = draws.clustered(NAMES, centre, 6, SEED, within=2)
    assert {centre[i] for i in some} == {centre[i] for i in whole}
    assert len(some) == 12


def test_small_strata_are_not_left_without_two_units():
    sizes = draws.allocate({"a": 1000, "b": 3, "c": 1}, 20)
    assert sizes == {"a": 17, "b": 2, "c": 1}
    with pytest.raises(ValueError, match="between 5 and 1,004 can"):
        draws.allocate({"a": 1000, "b": 3, "c": 1}, 4)


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="'S-0000' stands twice"):
        draws.simple([*NAMES, "S-0000"], 3, SEED)
    with pytest.raises(ValueError, match="201 of 200 units"):
        draws.simple(NAMES, 201, SEED)
    with pytest.raises(ValueError, match="no stratum 'east'"):
        draws.stratified(NAMES, ["north"] * 200, {"east": 2}, SEED)
    with pytest.raises(ValueError, match="weights are whole numbers"):
        draws.proportional(NAMES, [0] * 200, 3, SEED)
