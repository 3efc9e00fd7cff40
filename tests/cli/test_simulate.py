"""`veedor simulate`: a case that can be audited, and its truth beside it."""

from __future__ import annotations

import pytest

from veedor.case.loading import load_case
from veedor.cli import main
from veedor.simulate import names


def test_lists_the_scenarios(capsys):
    assert main(["simulate"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == list(names())


def test_writes_the_same_case_for_the_same_seed(tmp_path, capsys):
    for folder, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        arguments = ["--out", str(tmp_path / folder), "--seed", seed, "--stations", "200"]
        assert main(["simulate", "plain", *arguments]) == 0
    assert "SIMULATED" in capsys.readouterr().out
    assert load_case(tmp_path / "a").simulated
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    same = [(tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in files]
    assert all(same)
    assert (tmp_path / "a" / "truth.json").read_bytes() != (
        tmp_path / "c" / "truth.json"
    ).read_bytes()


@pytest.mark.parametrize("arguments", [["--stations", "0"], ["--seed", "-1"]])
def test_a_size_or_seed_that_is_none_is_wrong_usage(arguments):
    assert main(["simulate", "plain", *arguments]) == 2


def test_an_unknown_scenario_names_the_others(capsys, tmp_path):
    assert main(["simulate", "plane", "--out", str(tmp_path)]) == 1
    assert "plain" in capsys.readouterr().err


def test_a_folder_with_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.docx").write_text("years of work")
    assert main(["simulate", "plain", "--out", str(tmp_path), "--stations", "50"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]
