"""Named scenarios: what is promised on one must mean the same tomorrow."""

from __future__ import annotations

import time

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.simulate import KINDS, load, names


def test_every_kind_of_tampering_has_a_scenario():
    kinds = {entry["kind"] for name in names(honest=False) for entry in load(name).tampering}
    assert kinds == set(KINDS)
    expected = {"plain", "blocs", "clerks", "tiny-stations", "correlated-turnout", "rural-late"}
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
