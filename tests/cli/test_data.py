"""`veedor data`: what is here, what can be had, and the exit codes that a script can tell apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from veedor.case import catalogue
from veedor.cli import main

CONTENT = b"station,place,a,b\n1,x,2,3\n"
LOST = Path(__file__).with_name("lost.toml").read_text(encoding="utf-8")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("VEEDOR_DATA", str(folder))
    return folder


@pytest.fixture
def case(tmp_path):
    sha = hashlib.sha256(CONTENT).hexdigest()
    files = f'files = [{{ path = "lost.csv", sha256 = "{sha}", bytes = {len(CONTENT)} }}]\n'
    (tmp_path / "case.toml").write_text(files + LOST, encoding="utf-8")
    return str(tmp_path / "case.toml")


def test_list_names_every_bundled_case(capsys, mirror):
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == [c.name for c in catalogue.bundled()]
    assert all("\t0 of " in line for line in lines)


def test_get_is_0_where_all_is_here(capsys, mirror, case):
    (mirror / "lost.csv").write_bytes(CONTENT)
    assert main(["data", "get", case]) == 0
    assert str(mirror / "lost.csv") in capsys.readouterr().out


def test_get_is_4_where_data_cannot_be_had(capsys, mirror, case):
    assert main(["data", "get", case]) == 4
    assert "cannot be had: lost.csv" in capsys.readouterr().err


def test_get_is_0_where_what_lacks_is_optional(capsys, mirror, case, tmp_path):
    (mirror / "lost.csv").write_bytes(CONTENT)
    more = '[[sources]]\nid = "l"\nkind = "list"\nfile = "list.csv"\nformat = "delimited"\n'
    more += 'key = "k"\ntitle = "t"\noptional = true\n'
    path = tmp_path / "optional.toml"
    path.write_text(Path(case).read_text(encoding="utf-8") + more, encoding="utf-8")
    assert main(["data", "get", str(path)]) == 0
    assert "can be done without" in capsys.readouterr().err


def test_get_and_verify_are_1_where_data_are_altered(capsys, mirror, case):
    (mirror / "lost.csv").write_bytes(CONTENT.replace(b"3", b"4"))
    assert main(["data", "get", case]) == 1
    assert main(["data", "verify", case]) == 1
    assert capsys.readouterr().err.count("not the file that is listed") == 2


def test_verify_is_0_only_where_all_is_here_and_as_listed(capsys, mirror, case):
    assert main(["data", "verify", case]) == 1
    (mirror / "lost.csv").write_bytes(CONTENT)
    assert main(["data", "verify", case]) == 0
    assert hashlib.sha256(CONTENT).hexdigest() in capsys.readouterr().out
