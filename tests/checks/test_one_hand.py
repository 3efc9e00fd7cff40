"""Which sheets of a centre join a hand, how many centres chance makes, and what rates are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.handwriting.writing import written
from veedor.checks import hand_rates
from veedor.checks.one_hand import JOINS, firm
from veedor.handwriting.background import expected, mixed_centres, threshold
from veedor.handwriting.calibration import calibrations
from veedor.handwriting.centre import hands_of, judge_centres
from veedor.handwriting.scorer import centred, load_sources

MODEL, KNOWN = load_sources(), calibrations()["good"]


def writing_of(hands, seed, **more):
    """Sheets about the class means of all."""
    digits = written(np.array(hands), np.random.default_rng(seed), **more)
    return centred(digits, np.zeros(len(hands), int), MODEL)


def test_a_sheet_that_another_hand_wrote_does_not_join():
    writing = writing_of([0, 0, 1, *range(2, 40)], 0)
    found = firm(((0, 1, 2), (5,)), writing, MODEL, KNOWN)
    assert found.groups == ((0, 1),)
    assert found.joining[2] < JOINS <= min(found.joining[0], found.joining[1])
    assert 5 not in found.joining


def test_a_sheet_that_gains_less_than_ten_is_in_the_likeliest_hand_and_does_not_join():
    writing = writing_of(np.repeat(np.arange(60), 2), 1, digits=9)
    pairs = [np.array([i, i + 1]) for i in range(0, 120, 2)]
    llr = judge_centres(writing, pairs, MODEL, KNOWN).llr
    assert (llr < JOINS)[llr > 0].any()
    assert (llr >= JOINS).any()
    for pair, ratio in zip(pairs, llr, strict=True):
        group = tuple(pair.tolist())
        if ratio > 0:
            assert hands_of(writing.at(pair), MODEL, KNOWN).groups == ((0, 1),)
            joined = firm((group,), writing, MODEL, KNOWN).groups
            assert joined == ((group,) if ratio >= JOINS else ())


def test_of_a_pair_each_joins_by_what_the_pair_gains():
    writing = writing_of([0, 0, *range(1, 40)], 2)
    pair = judge_centres(writing, [np.array([0, 1])], MODEL, KNOWN).llr[0]
    found = firm(((0, 1),), writing, MODEL, KNOWN)
    assert found.joining == pytest.approx({0: pair, 1: pair})


def test_many_sheets_of_one_hand_join_it_all():
    writing = writing_of([0] * 14 + [*range(1, 30)], 3)
    assert firm((tuple(range(14)),), writing, MODEL, KNOWN).groups == (tuple(range(14)),)


def test_chance_makes_as_many_such_centres_as_is_said_if_hands_have_heavy_tails():
    """Writers and sheets by Student's law of 5 degrees, which the model of hands does not know."""
    centres, each, several, times = 60, 3, 5.0, 16
    sheets = np.arange(centres * each)
    number, inside = [], []
    for seed in range(times):
        rng = np.random.default_rng(seed)
        digits = written(sheets, rng, digits=25, freedom=5.0)
        alike = np.zeros(len(sheets), dtype=np.int64)
        writing = centred(digits, alike, MODEL)
        real = list(sheets.reshape(centres, each))
        made, _ = mixed_centres(sheets // each, alike, real, 7, rng)
        some, mixed = (judge_centres(writing, m, MODEL, KNOWN).some for m in (real, made))
        limit = threshold(mixed, centres, most=several, least=-np.inf)
        seen = int((some >= limit).sum())
        chance = expected(mixed, centres, limit, seen)
        assert chance.mean == pytest.approx(several)
        number.append(seen)
        inside.append(chance.low <= seen <= chance.high)
    # Each number has the mean 5 and about the variance 5 (1 + 60 / 420).
    limit = 3 * np.sqrt(several * (1 + 1 / 7) / times)
    assert np.mean(number) == pytest.approx(several, abs=limit)
    assert np.mean(inside) >= 0.85


def test_rates_are_told_as_those_on_the_calibrations_own_writers_unless_they_are_not(monkeypatch):
    made = {"calibration": {"good": {}, "usable": {"table_from": "other writers"}}}
    monkeypatch.setattr(hand_rates, "load_manifest", lambda: made)
    near = KNOWN.nearest(30)
    told = hand_rates.rates(KNOWN, 30)
    assert told == {k: near[k] for k in hand_rates.KEYS} | {"on": hand_rates.FITTED}
    assert "from whom the calibration was taken" in hand_rates.where(told["on"])
    assert "docs/handwriting.md" in hand_rates.where(told["on"])
    apart = hand_rates.rates(replace(KNOWN, condition="usable"), 30)["on"]
    assert hand_rates.where(apart) == "other writers"


def test_where_nothing_made_up_is_so_no_number_is_none():
    assert hand_rates.chance(0.0, 5000, "centre") == "fewer than 1 such centre in 5,000"
    assert hand_rates.chance(1.26, 5000, "pair") == "1.3 such pairs"
    assert "none could be made up" in hand_rates.chance(0.0, 0, "pair")
    assert hand_rates.rarity(1 / 501, 1 / 501, "500") == (
        "have a probability of at most 0.002, the least that 500 can show"
    )
    assert hand_rates.rarity(0.02, 1 / 501, "500") == "have the probability 0.02"
