"""What was read is kept for a time and up to a size; never is anything deleted that is in use."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from veedor.case import kept
from veedor.case.kept import Store, clear, kept_in, trim

DAY = 86_400
NOW = 2_000 * DAY
ALONE = pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks there")


class Clock:
    """The time, and when this process first opened a store."""

    def __init__(self, monkeypatch):
        self._monkeypatch = monkeypatch
        self.set(NOW)

    def set(self, now):
        """Another process begins at that time."""
        self._monkeypatch.setattr(kept, "_began", None)
        self._monkeypatch.setattr(kept, "_now", lambda: now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def use(folder, name, *keys, size=100):
    """Read scans: what is not kept is put there."""
    store = Store.open(folder, name)
    for key in keys:
        if store.get(key) is None:
            store.put(key, b"x" * size)
    store.close()


def keys(folder):
    found = set()
    for path in folder.glob("*.sqlite"):
        with sqlite3.connect(path) as con:
            found |= {key for (key,) in con.execute("SELECT key FROM readings")}
        con.close()
    return found


def test_what_was_not_used_for_long_is_deleted_with_its_file(tmp_path, clock):
    use(tmp_path, "one", "a", "b")
    use(tmp_path, "other", "c")
    clock.set(NOW + 100 * DAY)
    use(tmp_path, "one", "b")
    clock.set(NOW + 180 * DAY)
    assert trim(tmp_path) == 0
    clock.set(NOW + 180 * DAY + 1)
    use(tmp_path, "third", "d")
    assert keys(tmp_path) == {"b", "d"}
    assert not (tmp_path / "other.sqlite").exists()


def test_beyond_its_size_what_was_not_used_for_longest_goes_first(tmp_path, clock):
    for day, name in enumerate(("a", "b", "c", "d")):
        clock.set(NOW + day * DAY)
        use(tmp_path, "even" if day % 2 else "odd", name, size=100_000)
    clock.set(NOW + 9 * DAY)
    use(tmp_path, "odd", "a")
    before = (tmp_path / "even.sqlite").stat().st_size
    clock.set(NOW + 10 * DAY)
    assert trim(tmp_path, most=250_000) == 2
    assert keys(tmp_path) == {"a", "d"}
    assert (tmp_path / "even.sqlite").stat().st_size < before - 90_000, "its room is given back"


def test_what_this_process_used_is_kept_however_much_it_is(tmp_path, clock):
    use(tmp_path, "one", "old")
    clock.set(NOW + DAY)
    use(tmp_path, "one", "a")
    use(tmp_path, "two", "b")
    assert trim(tmp_path, longest=-1, most=0) == 1
    assert keys(tmp_path) == {"a", "b"}


@ALONE
def test_nothing_is_deleted_while_another_process_reads(tmp_path, clock):
    use(tmp_path, "one", "a")
    code = (
        "import sys; from pathlib import Path; from veedor.case.kept import Store\n"
        f"store = Store.open(Path({str(tmp_path)!r}), 'one')\n"
        "print(store.get('a') is not None, flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline() == "True\n"
        clock.set(NOW + 1_000 * DAY)
        assert trim(tmp_path, most=0) == 0
        assert clear(tmp_path) is None
        assert keys(tmp_path) == {"a"}
        other.stdin.close()
        other.wait()
        other.stdout.close()
    assert trim(tmp_path, most=0) == 1


def test_records_of_before_uses_were_kept_are_as_old_as_their_file(tmp_path, clock):
    path = tmp_path / "early.sqlite"
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE readings (key TEXT PRIMARY KEY, record BLOB)")
    con.execute("INSERT INTO readings VALUES ('a', x'78'), ('b', x'78')")
    con.commit()
    con.close()
    os.utime(path, (NOW, NOW))
    assert [(k.records, k.used) for k in kept_in(tmp_path)] == [(2, NOW)]
    clock.set(NOW + 200 * DAY)
    assert trim(tmp_path) == 2


def test_what_an_audit_that_was_cut_off_read_grows_old_too(tmp_path, clock):
    store = Store.open(tmp_path, "one")
    store.put("a", b"x")
    # As for a process that is killed: the system closes its files, and nothing else is done.
    store._con.close()
    kept._let_go(store._held)
    for day in (100, 200, 300):
        clock.set(NOW + day * DAY)
        use(tmp_path, "one", "b")
    assert keys(tmp_path) == {"b"}


def test_a_damaged_file_is_told_and_can_be_cleared(tmp_path, clock):
    use(tmp_path, "one", "a")
    (tmp_path / "bad.sqlite").write_bytes(b"damaged" * 1000)
    (tmp_path / "mine.txt").write_text("not ours")
    assert [k.records for k in kept_in(tmp_path)] == [None, 1]
    clock.set(NOW + 1_000 * DAY)
    assert trim(tmp_path) == 1
    assert clear(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_a_killed_process_left_beside_the_records_is_cleared_too(tmp_path, clock):
    use(tmp_path, "one", "a")
    for name in ("one.sqlite-journal", "one.sqlite-wal", "one.sqlite-shm", "gone.sqlite-wal"):
        (tmp_path / name).write_bytes(b"pages")
    (tmp_path / "mine.sqlite-notes").write_text("not ours")
    assert clear(tmp_path) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["mine.sqlite-notes"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have owners elsewhere")
def test_the_folder_stays_its_users_alone_and_anothers_is_left_as_it_is(
    tmp_path, clock, monkeypatch
):
    folder = tmp_path / "readings"
    use(folder, "one", "a")
    clock.set(NOW + 1_000 * DAY)
    folder.chmod(0o755)
    use(folder, "two", "b")
    assert keys(folder) == {"b"}
    modes = [path.stat().st_mode & 0o777 for path in (folder, folder / "two.sqlite")]
    assert modes == [0o700, 0o600]
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    clock.set(NOW + 9_000 * DAY)
    assert (trim(folder), clear(folder)) == (0, None)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert kept_in(tmp_path / "none") == []
    assert trim(tmp_path / "none") == 0
