"""Stages of a measurement: what is there is not made again, unless what made it has changed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from benchmarks import stages
from benchmarks.stages import Stages, code_of


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A package of two modules, of which one imports the other only when it is called."""
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "making.py").write_text("def make():\n    from planted import used\n")
    (folder / "used.py").write_text("SIZE = 1\n")
    (folder / "other.py").write_text("SIZE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(stages, "OWN", ("planted",))
    code_of.cache_clear()
    yield "planted.making"
    code_of.cache_clear()
    for name in [name for name in sys.modules if name.startswith("planted")]:
        del sys.modules[name]


def never():
    raise AssertionError("made again")


def quiet(folder, wanted=None):
    return Stages(folder, wanted, tell=lambda line: None)


def test_a_result_is_made_once_for_each_of_its_arguments(tmp_path, module):
    held = quiet(tmp_path / "out")
    first = held.result("one", module, lambda: {"n": (1, 2)}, size=3)
    assert first["result"] == {"n": [1, 2]}
    assert held.result("one", module, never, size=3) == first
    assert held.result("one", module, lambda: 5, size=4)["result"] == 5
    assert held.result("other", module, lambda: 6, size=3)["result"] == 6
    assert held.result("one", module, never, size=3) == first


def test_arrays_are_kept_as_they_were(tmp_path, module):
    held = quiet(tmp_path / "out")
    made = {"words": np.array(["a", "bc"]), "numbers": np.zeros((0, 3), np.int16)}
    held.arrays("one", module, lambda: made, size=3)
    found = held.arrays("one", module, never, size=3)
    assert found["words"].tolist() == ["a", "bc"]
    assert (found["numbers"].shape, found["numbers"].dtype) == ((0, 3), np.int16)


@pytest.mark.parametrize(("name", "again"), [("making", True), ("used", True), ("other", False)])
def test_it_is_made_again_where_the_code_has_changed(tmp_path, module, name, again):
    held = quiet(tmp_path / "out")
    held.result("one", module, lambda: 1)
    with (tmp_path / "planted" / f"{name}.py").open("a") as file:
        file.write("# changed\n")
    code_of.cache_clear()
    assert held.result("one", module, lambda: 2)["result"] == (2 if again else 1)


def test_only_wanted_stages_are_made_but_all_that_is_there_is_read(tmp_path, module):
    assert quiet(tmp_path / "out", ["other"]).result("one", module, never) is None
    assert quiet(tmp_path / "out", ["other"]).arrays("one", module, never) is None
    quiet(tmp_path / "out", ["one"]).result("one", module, lambda: 1)
    assert quiet(tmp_path / "out", ["other"]).result("one", module, never)["result"] == 1


def test_of_what_was_cut_nothing_is_left(tmp_path, module):
    held = quiet(tmp_path / "out")
    for kept in (held.result, held.arrays):
        with pytest.raises(AssertionError, match="made again"):
            kept("one", module, never)
    assert not (tmp_path / "out").exists()
    assert held.result("one", module, lambda: 1)["result"] == 1
