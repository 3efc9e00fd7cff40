"""Delegates' rows by whole centres: what is one centre's counts once, and copies count once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.handwriting.writing import counts_of, embeddings
from veedor.checks.copies import copies
from veedor.checks.delegates import Both, chance_of, held, lenders_of, made_up
from veedor.checks.writers import Sheets
from veedor.handwriting.background import expected
from veedor.handwriting.calibration import calibrations
from veedor.handwriting.scorer import CLASSES, DIM, Digits, load_sources, pooled

EACH, CENTRES, TIMES = 8, 20, 5


def sheets(clerks, delegates, rng, *, schools=None, forms=None):
    """Sheets and their rows, EACH a centre.

    Parameters
    ----------
    clerks, delegates : int64 (sheets), hands
    schools : int64 (hands), where each learnt to write: a shift that all of a school share, beside
        which its hands differ little; None for hands as the model has them
    """
    n = len(clerks)
    centre = np.arange(n) // EACH
    hands = np.concatenate([clerks, delegates])
    counts = counts_of(2 * n, np.repeat([30, 9], n), rng)
    x, sheet, digit = embeddings(counts, hands, rng, spread=1.0 if schools is None else 0.3)
    if schools is not None:
        shape = (schools.max() + 1, CLASSES, DIM)
        model = load_sources()
        shift = rng.normal(size=shape) * np.sqrt(model.source_class)
        shift += rng.normal(size=(len(shift), 1, DIM)) * np.sqrt(model.source)
        x += shift[schools[hands[sheet]], digit]
    both = pooled(sheet, digit, x, 2 * n)
    none = Digits(np.zeros((n, 10), dtype=np.int64), np.zeros((n, 10, DIM)))
    return Sheets(
        sid=np.arange(n),
        scan=np.arange(n),
        centre=centre,
        region=np.zeros(n, dtype=np.int64),
        station=np.arange(n).astype(str).astype(object),
        grade=np.full(n, "good"),
        form=np.full(n, "form") if forms is None else forms,
        clerk=both.at(np.arange(n)),
        delegate=both.at(np.arange(n, 2 * n)),
        even=none,
        odd=none,
        unbroken=np.ones(n),
    )


def held_against(subject, given, rng):
    """Pairs above by centre, and p by whole centres and by single pairs."""
    both = Both.of(given, load_sources(), calibrations())
    pairs = held(subject, both, np.arange(both.number))
    able, above = both.above(pairs)
    assert able.all()
    of = both.centre[pairs[:, 1]]
    made = []
    for _ in range(TIMES):
        other, fine = made_up(subject, both, pairs, rng)
        assert fine.all()
        made.append(np.bincount(of, weights=both.above(other)[1]))
    seen = np.bincount(of, weights=above)
    size, lenders = np.bincount(of), lenders_of(both, pairs, of)
    assert (lenders == CENTRES - 1).all()
    chance = chance_of(seen, np.column_stack(made), size, lenders, rng)
    share = (np.sum(made) + 1) / (TIMES * len(pairs) + 1)
    single = stats.binom.sf(above.sum() - 1, len(pairs), share)
    return seen, chance, single


def of_one_each(rng):
    """Hands of a clerk and a delegate a centre, who write all its sheets; schools of the hands."""
    centre = np.arange(CENTRES * EACH) // EACH
    return centre, centre + CENTRES, rng.integers(3, size=2 * CENTRES)


def test_pairs_of_one_delegate_and_one_clerk_are_one_piece_of_evidence():
    """If both learnt to write at one school, all comparisons of their centre are above."""
    by_centre, by_pair, inside = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        clerks, delegates, schools = of_one_each(rng)
        given = sheets(clerks, delegates, rng, schools=schools)
        seen, chance, single = held_against("own-sheet", given, rng)
        by_centre.append(chance.p)
        by_pair.append(single)
        inside.append(chance.low <= seen.sum() <= chance.high)
    # Counted by pairs such elections alarm some ten times as often as they ought to.
    assert np.mean(np.array(by_pair) <= 0.01) >= 0.05
    assert np.sum(np.array(by_centre) <= 0.01) <= 3
    assert np.mean(inside) >= 0.85


def test_delegates_who_write_the_sheets_are_found_among_dependent_pairs():
    rng = np.random.default_rng(1)
    clerks, delegates, schools = of_one_each(rng)
    delegates = np.where(clerks < 10, clerks, delegates)
    given = sheets(clerks, delegates, rng, schools=schools)
    _, chance, _ = held_against("own-sheet", given, rng)
    assert chance.p <= 0.01


@pytest.mark.parametrize("subject", ["own-sheet", "other-sheets", "rows"])
def test_one_hand_in_six_centres_of_twenty_is_found(subject):
    rng = np.random.default_rng(2)
    clerks = np.arange(CENTRES * EACH)
    delegates = clerks + len(clerks)
    some = clerks < 6 * EACH
    delegates[some] = delegates[some] // EACH * EACH
    if subject != "rows":
        clerks = np.where(some, delegates, clerks)
    seen, chance, _ = held_against(subject, sheets(clerks, delegates, rng), rng)
    assert chance.p <= 0.002
    assert seen[:6].sum() > 0.9 * seen.sum()


def both_of(given):
    return Both.of(given, load_sources(), calibrations())


def test_a_centre_is_lent_the_sheets_of_one_other_of_the_same_forms():
    rng = np.random.default_rng(3)
    hands = np.arange(CENTRES * EACH)
    forms = np.where(hands % EACH < 3, "old", "new")
    both = both_of(sheets(hands, hands + len(hands), rng, forms=forms))
    centre, pairs = both.sheets.centre, held("other-sheets", both, hands)
    other, fine = made_up("other-sheets", both, pairs, rng)
    assert fine.all()
    assert (other[:, 1] == pairs[:, 1]).all()
    assert (forms[other[:, 0]] == forms[pairs[:, 0]]).all()
    for one in range(CENTRES):
        lent = centre[other[centre[pairs[:, 0]] == one, 0]]
        assert len(set(lent)) == 1
        assert lent[0] != one


def test_made_up_rows_are_of_as_many_centres_as_there_are_rows():
    rng = np.random.default_rng(4)
    hands = np.arange(CENTRES * EACH)
    both = both_of(sheets(hands, hands + len(hands), rng))
    n, centre, pairs = both.number, both.sheets.centre, held("rows", both, hands)
    other, fine = made_up("rows", both, pairs, rng)
    assert fine.all()
    for one in range(CENTRES):
        rows = np.unique(other[centre[pairs[:, 0] - n] == one]) - n
        assert len(set(centre[rows])) == EACH
        assert one not in centre[rows]


def test_a_look_of_one_centre_alone_is_held_against_nothing():
    rng = np.random.default_rng(5)
    hands = np.arange(CENTRES * EACH)
    forms = np.where(hands < EACH, "alone", "form")
    both = both_of(sheets(hands, hands + len(hands), rng, forms=forms))
    pairs = held("own-sheet", both, hands)
    assert (made_up("own-sheet", both, pairs, rng)[1] == (hands >= EACH)).all()


def chance_among(seen, made, rng, lenders=99.0, size=9):
    n = len(made)
    return chance_of(np.asarray(seen), np.asarray(made), np.full(n, size), np.full(n, lenders), rng)


def test_the_probability_is_that_of_the_ranks_and_never_none():
    rng = np.random.default_rng(6)
    # One centre of which the real number is the greatest of five: one time in five it is.
    found = chance_among([9], [[1.0, 2.0, 3.0, 4.0]], rng)
    assert found.p == pytest.approx(1 / 5, abs=0.02)
    assert found.mean == pytest.approx(2.5)
    far = chance_among([9] * 40, np.zeros((40, 4)), rng)
    assert far.p == far.least == 1e-4
    assert chance_among([0] * 40, np.zeros((40, 4)), rng).p == 1.0


def test_where_none_made_up_is_above_there_may_yet_be_some():
    """Of 12 centres 11 can stand for each, however often they are drawn."""
    seen = [1, 1] + [0] * 10
    found = chance_among(seen, np.zeros((12, 24)), np.random.default_rng(7), lenders=11.0, size=3)
    law = expected(np.zeros(12 * 11), 12, 1.0, 2)
    assert law.p == pytest.approx(1 / 12**2)
    assert found.p == pytest.approx(law.p, abs=0.0025)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 3 * law.high)
    assert law.high == 1


def test_a_centre_has_as_many_lenders_as_others_have_its_forms():
    rng = np.random.default_rng(8)
    hands = np.arange(CENTRES * EACH)
    forms = np.where(hands < 3 * EACH, "few", "form")
    both = both_of(sheets(hands, hands + len(hands), rng, forms=forms))
    pairs = held("own-sheet", both, hands)
    lenders = lenders_of(both, pairs, both.centre[pairs[:, 1]])
    assert lenders.tolist() == [2] * 3 + [CENTRES - 4] * (CENTRES - 3)


TWINS = {
    "scan_a": np.array([0, 1, 7, 3, 5]),
    "scan_b": np.array([2, 7, 4, 6, 6]),
    "how": np.array(["file", "ink", "ink", "patch", "code"], dtype=object),
}


def test_of_sheets_with_one_picture_the_first_counts_through_scans_not_compared_too():
    scan = np.array([2, 4, 0, 1, 3, 6, 5])  # scan 7 is a second one of some station
    assert copies(scan, TWINS).tolist() == [False, False, True, True, False, False, False]


def test_where_scans_were_not_paired_none_is_a_copy():
    assert not copies(np.arange(9), None).any()
