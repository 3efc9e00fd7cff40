"""Ids of sources tell the tables apart that are named after them."""

from __future__ import annotations

import pytest

from tests.building import small_case
from veedor.case.loading import load_case
from veedor.errors import CaseError

COUNT = {"station": ["1"], "A": [6], "B": [3], "C": [1]}


@pytest.mark.parametrize("other", ["first-count", "First.Count", "first_count"])
def test_ids_that_differ_in_case_or_punctuation_only_are_refused(tmp_path, other):
    path = small_case(tmp_path, {"first.count": COUNT, other: COUNT})
    with pytest.raises(CaseError, match=rf"'first.count' and '{other}' differ in case or punct"):
        load_case(path)


def test_other_ids_are_apart(tmp_path):
    path = small_case(tmp_path, {"first.count": COUNT, "firstcount": COUNT})
    assert [s.id for s in load_case(path).sources] == ["first.count", "firstcount"]
