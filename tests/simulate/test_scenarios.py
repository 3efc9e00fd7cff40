"""Named scenarios: what is promised on one must mean the same tomorrow."""

from __future__ import annotations

import time

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.simulate import KINDS, Parameters, honest_election, load, names


def test_every_kind_of_tampering_has_a_scenario():
    kinds = {entry["kind"] for name in names(honest=False) for entry in load(name).tampering}
    assert kinds == set(KINDS)
    expected = {
        "plain",
        "blocs",
        "clerks",
        "tiny-stations",
        "correlated-turnout",
        "rural-late",
        "uneven",
    }
    assert expected <= set(names(honest=True))
    assert set(names()) == set(names(honest=True)) | set(names(honest=False))


@pytest.mark.parametrize("name", names())
def test_a_scenario_is_what_it_says_quickly_and_again(name):
    scenario = load(name)
    begin = time.process_time()
    election, truths = scenario.make(5, 2000)
    assert time.process_time() - begin < 0.5, "50 ms are promised; a loaded machine gets ten times"
    again, truths_again = scenario.make(5, 2000)
    assert election.official.votes.tobytes() == again.official.votes.tobytes()
    assert scenario.honest == (not truths)
    assert [t.index.tolist() for t in truths] == [t.index.tolist() for t in truths_again]


def test_no_sheet_is_tampered_with_twice():
    _, truths = load("drill").make(1)
    touched = np.concatenate([t.index for t in truths])
    assert len(touched) == 300 + 120 + 400 + 400 + 60 + 25
    assert len(touched) == len(np.unique(touched))


def test_numbers_of_sheets_keep_their_proportion_at_another_size():
    _, truths = load("drill").make(1, 3456)
    assert [len(t.index) for t in truths] == pytest.approx([30, 12, 40, 40, 6, 2], abs=1)


@pytest.mark.parametrize("name", names(honest=False))
def test_any_option_can_be_the_beneficiary(name):
    for option in ("first", "second"):
        election, truths = load(name).make(2, 2000, option=option)
        expected = election.options[election.option(option)]
        assert {t.option for t in truths} == {expected}
        assert expected not in {t.rival for t in truths}


def test_an_unknown_scenario_is_refused_with_the_known_ones():
    with pytest.raises(VeedorError, match="rural-late"):
        load("nowhere")


def test_unevenness_differs_between_centres_and_leaves_the_mean_alone():
    """Between centres alone: the sheets of one centre share its correlation."""
    flat = {"spread": (0.0,) * 4, "own": (0.0,) * 4, "within": 0.02}
    spread = {}
    for size in (0.0, 1.0):
        election = honest_election(Parameters(**flat, within_spread=size), 1, stations=20_000)
        n, p = election.box.valid, 0.43
        ratio = (election.box.votes[:, 0] - n * p) ** 2 / (n * p * (1 - p) * (1 + (n - 1) * 0.02))
        assert ratio[n > 30].mean() == pytest.approx(1, abs=0.12)
        centre = election.places.centre
        count = np.bincount(centre)
        spread[size] = (np.bincount(centre, ratio) / count)[count >= 10].std()
    assert spread[1.0] > 1.5 * spread[0.0]
