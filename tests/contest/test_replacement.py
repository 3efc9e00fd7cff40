"""The interval of `replace` covers the true margin as often as it says, on elections whose
truth is known.
"""

import numpy as np
import pytest

from veedor.contest import Plurality, replace
from veedor.contest.margins import margin_points
from veedor.simulate import load

REPETITIONS = 60


def whole_centres(centre: np.ndarray, sheets: int, rng: np.random.Generator) -> np.ndarray:
    order = rng.permutation(centre.max() + 1)
    enough = np.searchsorted(np.cumsum(np.bincount(centre)[order]), sheets) + 1
    return np.isin(centre, order[:enough])


def scattered(centre: np.ndarray, sheets: int, rng: np.random.Generator) -> np.ndarray:
    return np.isin(np.arange(len(centre)), rng.choice(len(centre), sheets, replace=False))


@pytest.mark.parametrize(
    ("choose", "sheets"), [(whole_centres, 100), (whole_centres, 300), (scattered, 100)]
)
def test_the_interval_covers_the_true_margin(choose, sheets: int) -> None:
    """Sheets are questioned at random, so the truth is the count as it stands.

    95 % nominal; 80 % of 60 leaves four standard errors for chance. Sheets that draw their donors
    each alone, whatever their centre, cover 18 and 14 of the 60 with whole centres.
    """
    election = load("plain").make(1, stations=2000)[0]
    places, votes = election.places, election.official.votes
    cells = [places.centre, places.locality, places.municipality, places.region]
    cells.append(np.zeros_like(places.centre))
    rule = Plurality(election.options)
    truth = margin_points(rule, tuple(int(v) for v in votes.sum(axis=0)))
    hits = 0
    for repetition in range(REPETITIONS):
        rng = np.random.default_rng([11, repetition])
        questioned = choose(places.centre, sheets, rng)
        after = replace(rule, votes, questioned, cells, rng, replicates=100)
        hits += after.low <= truth <= after.high
    assert hits >= 0.8 * REPETITIONS


def test_the_sheets_of_a_centre_without_donors_take_one_centre_together() -> None:
    # 4 questioned sheets of 10 votes in one centre; two donor centres, all a and all b: the
    # centre goes to one or the other whole, never half and half
    matrix = np.array([[10, 0]] * 4 + [[10, 0]] * 3 + [[0, 10]] * 3, dtype=np.int64)
    centre = np.array([0] * 4 + [1] * 3 + [2] * 3)
    after = replace(
        Plurality(("a", "b")), matrix, centre == 0, [centre, np.zeros(10, dtype=np.int64)],
        np.random.default_rng(1), replicates=400,
    )  # fmt: skip
    assert (after.low, after.high) == (-40.0, 40.0)
    assert after.details["matched"] == [0, 4]
    assert after.details["share_changed"] == pytest.approx(0.5, abs=0.1)


def test_a_sheet_of_unknown_centre_draws_by_itself() -> None:
    matrix = np.array([[10, 0]] * 400 + [[10, 0]] * 3 + [[0, 10]] * 3, dtype=np.int64)
    centre = np.array([-1] * 400 + [1] * 3 + [-1] * 3)
    town = np.zeros(406, dtype=np.int64)
    after = replace(
        Plurality(("a", "b")), matrix, np.arange(406) < 400, [centre, town],
        np.random.default_rng(1), replicates=400,
    )  # fmt: skip
    assert after.details["matched"] == [0, 400]
    # of four donor centres drawn anew j are for a, a binomial of 4 and 1/4; the 400 sheets, each by
    # itself, then follow j closely: the percentiles fall on j = 0 and on j = 3
    assert after.low == pytest.approx(-100, abs=2)
    assert 0 < after.high < 75


def test_few_donors_of_a_centre_are_drawn_anew_for_each_replicate() -> None:
    # 1,000 questioned sheets and two donors, all a and all b. Drawn anew, both are the same one
    # in half the replicates, whatever the number of questioned sheets
    matrix = np.array([[10, 0]] * 1000 + [[10, 0], [0, 10]], dtype=np.int64)
    after = replace(
        Plurality(("a", "b")), matrix, np.arange(1002) < 1000, [np.zeros(1002, dtype=np.int64)],
        np.random.default_rng(1), replicates=400,
    )  # fmt: skip
    assert after.high == pytest.approx(100 * 10000 / 10020, abs=0.5)
    assert after.low == pytest.approx(-after.high, abs=0.5)
