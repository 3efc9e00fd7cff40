"""Samples in the case file: what they need, and what they name that is not there."""

from __future__ import annotations

import pytest

from tests.building import small_case
from veedor.case.loading import load_case
from veedor.errors import CaseError

COUNT = {"station": ["1"], "A": [6], "B": [3], "C": [1]}
BASE = {"id": "s", "title": "A sample", "frame": "official", "selection": "simple", "size": 1}
QUESTION = {"id": "q", "text": "One hand"}


def case(tmp_path, *samples, files=None):
    return load_case(
        small_case(tmp_path, {"official": COUNT}, samples=list(samples), files=files or {})
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": None}, "needs `size`"),
        ({"selection": "stratified"}, "needs `strata`"),
        ({"selection": "clustered"}, "needs `clusters`"),
        ({"selection": "proportional"}, "needs `weights`"),
        ({"selection": "targeted"}, "needs `criterion`"),
        ({"strata": "centre"}, "`strata` is for a sample of selection 'stratified'"),
        ({"selection": "census", "ceremony": "x"}, "has no `ceremony`"),
        ({"ceremony": " "}, "`ceremony` has no words"),
        ({"announced": "A" * 64}, r"announced: String should match pattern"),
        (
            {"selection": "census", "announced": "a" * 64},
            "selection 'census' is not `announced`",
        ),
        ({"hand_count": "official"}, "another count than `frame`"),
        ({"selection": "census", "hand_count": "hand"}, "risk-limiting audit is of a sample"),
        ({"frame": "nobody"}, "`frame` names 'nobody'; the counts are official"),
        (
            {"selection": "stratified", "strata": "planet"},
            "the levels are region, municipality, centre",
        ),
        ({"questions": [QUESTION, QUESTION]}, "a question stands twice"),
        ({"questions": [QUESTION | {"found": ["maybe"]}]}, "not among `answers`"),
        ({"questions": [QUESTION | {"found": ["no"], "unknown": ["no"]}]}, "both in `found`"),
        (
            {"totals": [{"question": "q", "found": 1, "examined": 2, "source": "A"}]},
            "names the question 'q', unknown here",
        ),
        (
            {"questions": [QUESTION],
             "totals": [{"question": "q", "found": 3, "examined": 2, "source": "A"}]},
            "3 found among 2 examined cannot be",
        ),
    ],
)  # fmt: skip
def test_a_sample_that_cannot_be_is_a_mistake_of_the_case(tmp_path, change, words):
    sample = {k: v for k, v in (BASE | change).items() if v is not None}
    with pytest.raises(CaseError, match=words):
        case(tmp_path, sample)


def test_a_sample_stands_once(tmp_path):
    with pytest.raises(CaseError, match="'s' stands twice"):
        case(tmp_path, BASE, BASE)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"sample": "other", "answers": {"q": "hand"}}, "no sample 'other'; there are s"),
        ({"sample": "s", "answers": {"z": "hand"}}, "asks no 'z'; it asks q"),
        ({"sample": "s"}, "needs `answers`"),
    ],
)
def test_answers_are_to_questions_of_a_sample(tmp_path, about, words):
    entry = {"kind": "examined", "key": "station"} | about
    files = {"form": (entry, {"station": ["1"], "hand": ["yes"]})}
    with pytest.raises(CaseError, match=words):
        case(tmp_path, BASE | {"questions": [QUESTION]}, files=files)
