"""The truth about a tampering is exactly the difference between the two elections."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.simulate import KINDS, Parameters, generator, honest_election

HONEST = honest_election(Parameters(snapshots=(0.84, 0.95)), 11)
MOVING = ("move", "zero_rivals", "alter_between_counts")


def fields(sheets):
    return np.column_stack([sheets.votes, sheets.blank, sheets.null])


def tamper(kind, seed=1, **arguments):
    return KINDS[kind](HONEST, generator(seed, kind), **arguments)


@pytest.mark.parametrize("where", ["random", "rural", "region", "late"])
@pytest.mark.parametrize("kind", KINDS)
def test_exactly_the_sheets_of_the_truth_change_and_by_the_stated_votes(kind, where):
    after, truth = tamper(kind, where=where, sheets=0.02)
    change = fields(after.official) - fields(HONEST.official)
    assert (np.flatnonzero(change.any(axis=1)) == truth.index).all()
    assert (change[truth.index] == truth.change).all()
    larger = np.maximum((change.clip(min=0)).sum(axis=1), (-change.clip(max=0)).sum(axis=1))
    assert (truth.votes == larger[truth.index]).all()
    assert truth.votes.min() > 0
    assert (truth.station == HONEST.places.station[truth.index]).all()
    assert 0 < len(truth.index) <= 40
    assert after.official.votes.min() >= 0
    assert after.box is HONEST.box
    assert after.history is HONEST.history


@pytest.mark.parametrize("kind", KINDS)
def test_the_preliminary_count_and_the_declared_totals_go_with_it(kind):
    after, truth = tamper(kind, sheets=0.05)
    fast = fields(after.preliminary) - fields(HONEST.preliminary)
    if kind == "alter_between_counts":
        assert not truth.both_counts
        assert not fast.any()
        assert HONEST.published(1)[truth.index].all()
    else:
        assert truth.both_counts
        clean = (fields(HONEST.preliminary) == fields(HONEST.official)).all(axis=1)[truth.index]
        assert clean.sum() > 0.9 * len(clean)
        assert (fast[truth.index][clean] == truth.change[clean]).all()
    honest_gap = HONEST.declared_cast - HONEST.official.cast
    gap = after.declared_cast - after.official.cast
    assert (gap == np.maximum(honest_gap, -after.official.cast)).all()


@pytest.mark.parametrize("kind", MOVING)
@pytest.mark.parametrize("option", range(4))
def test_votes_are_conserved_where_they_are_moved_to_any_option(kind, option):
    rival = (option + 1) % 4
    after, truth = tamper(kind, option=option, rival=rival)
    assert (after.official.valid == HONEST.official.valid).all()
    gain = after.official.votes.sum(axis=0) - HONEST.official.votes.sum(axis=0)
    expected = np.zeros(4, dtype=int)
    expected[option], expected[rival] = truth.votes.sum(), -truth.votes.sum()
    assert (gain == expected).all()
    assert (truth.option, truth.rival) == ("ABCD"[option], "ABCD"[rival])


@pytest.mark.parametrize("option", range(4))
def test_stuffing_fills_unused_ballots_and_never_more(option):
    after, truth = tamper("stuff", option=option, size=1.0)
    assert (after.official.cast <= HONEST.places.registered).all()
    full = after.official.cast[truth.index] == HONEST.places.registered[truth.index]
    assert full.all()
    assert (np.delete(truth.change, option, axis=1) == 0).all()


def test_fabricated_sheets_are_unanimous_at_the_stated_turnout():
    after, truth = tamper("fabricate_unanimous", option="C", turnout=0.9)
    votes, registered = after.official.votes[truth.index], HONEST.places.registered[truth.index]
    assert (votes[:, 2] == after.official.cast[truth.index]).all()
    assert (np.abs(votes[:, 2] - 0.9 * registered) <= 0.5).all()


def test_a_zeroed_rivals_votes_may_be_dropped():
    after, truth = tamper("zero_rivals", given=False)
    other = HONEST.option(truth.rival)
    assert (after.official.votes[truth.index, other] == 0).all()
    lost = HONEST.official.votes[truth.index, other]
    assert (truth.votes == lost).all()
    assert (after.official.cast == HONEST.official.cast - truth_column(truth)).all()


def truth_column(truth):
    column = np.zeros(HONEST.stations, dtype=int)
    column[truth.index] = truth.votes
    return column


def test_inflated_nulls_come_from_the_rival():
    after, truth = tamper("inflate_invalid", size=0.5)
    assert (after.official.null - HONEST.official.null == truth_column(truth)).all()
    assert (after.official.cast == HONEST.official.cast).all()


def test_over_registered_sheets_exceed_the_list_by_the_stated_share():
    after, truth = tamper("over_register", size=0.1)
    excess = after.official.cast - HONEST.places.registered
    assert (np.flatnonzero(excess > 0) == truth.index).all()
    assert (excess[truth.index] == np.ceil(0.1 * HONEST.places.registered[truth.index])).all()


def test_duplicated_vectors_stand_on_another_sheet_that_is_untouched():
    after, truth = tamper("duplicate_vectors", sheets=40, copies=4)
    vectors = fields(after.official)
    untouched = np.ones(HONEST.stations, dtype=bool)
    untouched[truth.index] = False
    originals = {row.tobytes() for row in vectors[untouched]}
    copies = [row.tobytes() for row in vectors[truth.index]]
    assert set(copies) <= originals
    assert len(set(copies)) == 10
    assert (after.official.cast <= HONEST.places.registered).all()


@pytest.mark.parametrize(
    ("where", "inside"),
    [("rural", HONEST.places.rural), ("late", HONEST.late)],
)
def test_targets_lie_where_they_are_said_to(where, inside):
    _, truth = tamper("move", where=where)
    assert inside[truth.index].all()


def test_a_region_is_one_region_and_a_number_is_a_number_of_sheets():
    _, truth = tamper("move", where="region", sheets=15)
    assert len(set(HONEST.places.region[truth.index].tolist())) == 1
    assert len(truth.index) == 15


def test_sheets_to_avoid_are_left_alone():
    avoid = np.zeros(HONEST.stations, dtype=bool)
    avoid[::2] = True
    _, truth = tamper("stuff", sheets=0.2, avoid=avoid)
    assert (truth.index % 2 == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_tampers_alike_and_another_elsewhere(kind):
    one, same, other = (tamper(kind, seed=seed)[1] for seed in (1, 1, 2))
    assert (one.index == same.index).all()
    assert (one.change == same.change).all()
    assert one.index.tolist() != other.index.tolist()


def test_impossible_tampering_is_refused_in_words():
    for arguments, words in (
        ({"where": "moon"}, "moon"),
        ({"option": "Z"}, "not an option"),
        ({"option": 9}, "not an option"),
        ({"option": "A", "rival": "A"}, "from itself"),
        ({"sheets": 0}, "above 0"),
        ({"size": 1.5}, "not a share"),
        ({"size": 0.0}, "not a share"),
        ({"avoid": np.ones(HONEST.stations, dtype=bool)}, "no sheet"),
    ):
        with pytest.raises(VeedorError, match=words):
            tamper("move", **arguments)
    alone = honest_election(Parameters(snapshots=()), 1)
    assert alone.preliminary is None
    with pytest.raises(VeedorError, match="no preliminary"):
        KINDS["alter_between_counts"](alone, generator(1))
    assert not KINDS["move"](alone, generator(1))[1].both_counts
