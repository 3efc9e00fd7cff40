"""`veedor cache`: what is kept is told and deleted, and nothing while scans are read."""

from __future__ import annotations

import sys

import pytest

from veedor.case import kept
from veedor.case.kept import Store
from veedor.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path))
    return tmp_path / "readings"


def test_what_is_kept_is_told_and_deleted(folder, capsys, monkeypatch):
    monkeypatch.setattr(kept, "_now", lambda: 1_900_000_000)
    store = Store.open(folder, "0123")
    for key in "abc":
        store.put(key, b"record")
    store.close()
    assert main(["cache", "list"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1].split("\t") == ["0123.sqlite", "3", "0.02 MB", "2030-03-17"]
    assert str(folder) in told.err
    assert main(["cache", "clear"]) == 0
    assert "deleted: 1 file" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("verb", ["list", "clear"])
def test_where_nothing_is_kept_nothing_is_made(folder, verb):
    assert main(["cache", verb]) == 0
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks there")
def test_nothing_is_deleted_while_scans_are_read(folder, capsys):
    store = Store.open(folder, "0123")
    assert main(["cache", "clear"]) == 1
    assert "scans are being read" in capsys.readouterr().err
    store.close()
    assert main(["cache", "clear"]) == 0
