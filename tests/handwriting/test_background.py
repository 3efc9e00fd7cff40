"""Hits that chance makes: made-up centres, thresholds, and numbers that hold what they say."""

import numpy as np
import pytest

from veedor.handwriting.background import (
    ALARM,
    beyond,
    expected,
    meeting,
    mixed_centres,
    rarity,
    threshold,
)


def test_made_up_centres_have_sheets_of_different_centres_and_the_looks_of_a_real_one():
    rng = np.random.default_rng(0)
    centre, look = np.repeat(np.arange(30), 4), np.tile([0, 0, 1, 2], 30)
    members = [np.arange(4), np.arange(8, 11), np.arange(4, 8)]
    made, like = mixed_centres(centre, look, members, 25, rng)
    assert np.bincount(like).tolist() == [25, 25, 25]
    for sheets, real in zip(made, like, strict=True):
        assert look[sheets].tolist() == look[members[real]].tolist()
        assert len(set(centre[sheets])) == len(sheets)


def test_every_sheet_of_a_look_is_drawn_as_often():
    rng = np.random.default_rng(4)
    look = np.repeat([0, 1], [30, 10])
    made, _ = mixed_centres(np.arange(40), look, [np.array([0, 35])], 30_000, rng)
    first, second = np.array(made).T
    assert np.bincount(first, minlength=40)[:30] == pytest.approx(1000, abs=160)
    assert np.bincount(second, minlength=40)[30:] == pytest.approx(3000, abs=300)


def test_too_few_centres_to_mix_give_fewer_or_none():
    rng = np.random.default_rng(1)
    none = np.zeros(9, int)
    assert mixed_centres(none, none, [np.arange(3)], 50, rng)[0] == ()
    assert mixed_centres(none[:0], none[:0], [], 50, rng)[0] == ()
    assert mixed_centres(np.arange(9), none, [np.arange(3)], 0, rng)[0] == ()
    # A look that no other centre has: its own centre alone is left without made-up ones.
    centre, look = np.repeat(np.arange(5), 2), np.array([7, 7, *[0] * 8])
    _, like = mixed_centres(centre, look, [np.array([0, 1]), np.array([2, 3])], 50, rng)
    assert set(like.tolist()) == {1}


def test_the_threshold_admits_as_many_by_chance_as_it_should():
    background = np.arange(1000.0)
    limit = threshold(background, 100, most=1.0, least=0.0)
    assert (background >= limit).sum() == 10
    assert threshold(background, 100, most=1.0, least=995.0) == 995.0
    assert threshold(background, 10_000, most=1.0, least=0.0) > background.max()


def test_expected_hits_hold_the_true_number_as_often_as_they_say():
    rng = np.random.default_rng(2)
    inside, alarms = [], []
    for _ in range(600):
        background, real = rng.normal(size=4000), rng.normal(size=200)
        limit = threshold(background, 200, most=1.0, least=-9.0)
        seen = int((real >= limit).sum())
        found = expected(background, 200, limit, seen)
        inside.append(found.low <= seen <= found.high)
        above = beyond(background, real, -9.0)
        alarms.append(min(found.p, expected(background, 200, np.inf, above).p) <= 0.025)
        assert found.mean == pytest.approx(1.0)
    assert np.mean(inside) >= 0.94
    assert np.mean(alarms) <= 0.05 + 0.02


def test_one_centre_beyond_all_made_up_ones_is_as_rare_as_the_ranks_say():
    background = np.arange(1000.0)
    assert beyond(background, np.array([5.0, 1001.0, 7.0]), 0.0) == 1
    assert beyond(background, np.array([5.0, 1001.0, 7.0]), 1002.0) == 0
    # Of 1003 exchangeable numbers the greatest is one of the three with that probability.
    assert expected(background, 3, np.inf, 1).p == pytest.approx(3 / 1003)


def test_nothing_made_up_makes_nothing_rare():
    assert expected(np.empty(0), 10, 4.0, 3).p == 1.0


def test_sheets_meet_by_chance_as_often_as_dealing_makes_them():
    centre, look = np.repeat(np.arange(20), 3), np.zeros(60, int)
    chance = meeting(centre, look, np.array([[0, 1], [0, 59]]))
    assert chance == pytest.approx(2 / 59)
    # Of a look with one place in each of ten centres none meet; with the other look they may.
    look = np.where((np.arange(60) % 3 == 0) & (np.arange(60) < 30), 1, 0)
    assert meeting(centre, look, np.array([[0, 3]]))[0] == 0
    rng, seen = np.random.default_rng(0), 0
    for _ in range(4000):
        dealt = np.empty(60, int)
        for one in (0, 1):
            places = np.flatnonzero(look == one)
            dealt[rng.permutation(places)] = places
        seen += int(centre[dealt[0]] == centre[dealt[1]])
    assert meeting(centre, look, np.array([[0, 1]]))[0] == pytest.approx(seen / 4000, abs=0.01)


def dealt(rng, centres, each, top=0):
    """What `rarity` gets of an election of sheets whose pairs are as alike as chance makes them,
    and how rare its hits are: a centre is as alike as its likest pair. In the first `top` centres
    all pairs are more alike than any by chance.
    """
    sheets = centres * each
    centre, look = np.repeat(np.arange(centres), each), np.zeros(sheets, int)
    members = np.arange(sheets).reshape(centres, each)
    score = np.triu(rng.normal(size=(sheets, sheets)), 1)
    score += score.T
    i, j = np.triu_indices(each, 1)

    def of(group):
        return score[group[:, i], group[:, j]].max(axis=1)

    made, _ = mixed_centres(centre, look, list(members), 250, rng)
    background, real = of(np.array(made)), of(members)
    real[:top] = 99.0
    pairs = np.stack([members[:, i].ravel(), members[:, j].ravel()], axis=1)
    least = float(np.nextafter(score.max(), -np.inf))
    limit = threshold(background, centres, most=1.0, least=least)
    return rarity(
        real, background, score[pairs[:, 0], pairs[:, 1]], np.repeat(np.arange(centres), len(i)),
        np.full(centres, each), meeting(centre, look, pairs), limit, least,
    )  # fmt: skip


@pytest.mark.parametrize("each", [2, 3, 4])
def test_the_likest_pair_of_few_sheets_is_no_finding_for_lying_in_one_centre(each):
    """Made-up centres never have it, and so say too little of how often chance puts it there."""
    # Without the sheets that might meet again, a centre beyond all made-up ones would be rare.
    assert 2 * expected(np.zeros(5000), 20, np.inf, 1).p <= ALARM
    rng, runs, alarms, blind = np.random.default_rng(5), 400, 0, 0
    for _ in range(runs):
        found = dealt(rng, 20, each)
        alarms += found.p <= ALARM
        blind += found.beyond > 0
        assert found.p >= found.least
    assert alarms == 0
    assert blind > ALARM * runs


@pytest.mark.parametrize("each", [2, 3, 4])
def test_so_many_centres_in_one_hand_as_it_takes_are_told_from_chance_and_no_fewer(each):
    rng = np.random.default_rng(7)
    fewest = dealt(rng, 60, each).fewest
    assert 1 <= fewest <= 5
    assert dealt(rng, 60, each, top=fewest).p <= ALARM
    assert fewest == 1 or dealt(rng, 60, each, top=fewest - 1).p > ALARM


def test_without_made_up_centres_enough_no_number_is_told_from_chance():
    none, one = np.empty(0), np.zeros(1)
    few = rarity(one, np.zeros(50), one, np.zeros(1, int), np.full(1, 2), one, 4.0, 4.0)
    assert (few.fewest, few.p) == (None, 1.0)
    assert (
        rarity(none, none, none, np.empty(0, int), np.empty(0, int), none, 4.0, 4.0).fewest is None
    )


def test_centres_of_a_rare_look_have_as_many_made_up_ones_as_others():
    rng = np.random.default_rng(6)
    centre = np.concatenate([np.repeat(np.arange(50), 3), np.repeat(np.arange(50, 58), 7)])
    look = np.repeat([0, 1], [150, 56])
    members = [np.flatnonzero(centre == c) for c in range(58)]
    _, like = mixed_centres(centre, look, members, 30, rng)
    assert np.bincount(like).tolist() == [30] * 58
