"""What was read of scans, kept for the next audit: for its user alone, and not for ever.

A file of records for each version of what a reading depends on. Whoever reads holds the folder; old
records are deleted only while nobody does, and none that this process used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LONGEST", "MOST", "Kept", "Store", "clear", "kept_in", "trim"]

LONGEST = 180 * 86_400
"""Seconds that a record is kept after its last use."""
MOST = 10 * 10**9
"""Bytes of all records together: of about 300,000 sheets."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS readings (key TEXT PRIMARY KEY, record BLOB)",
    "CREATE TABLE IF NOT EXISTS uses (key TEXT PRIMARY KEY, used INTEGER)",
)
_BESIDE = ("-journal", "-wal", "-shm")
"""Ends of files that a process which was killed leaves: pages of records, some without the rest."""
_began: int | None = None
"""When this process first opened a store: what it used since is of the audit that runs."""


class Store:
    """Records by key; without any where the cache cannot be written, or belongs to another user."""

    def __init__(self, folder: Path, con: sqlite3.Connection | None, held: int | None) -> None:
        self._folder, self._con, self._held = folder, con, held
        self._used: set[str] = set()

    @classmethod
    def open(cls, folder: Path, name: str) -> Store:
        """The records of one version, by its name."""
        global _began
        _began = _now() if _began is None else _began
        path = folder / f"{name[:24]}.sqlite"
        held = None
        try:
            _keep_to_oneself(folder)
            held = _hold(folder)
            _own(path)
            con = sqlite3.connect(path, timeout=60, isolation_level=None)
            for table in _TABLES:
                con.execute(table)
            # Of an audit that was cut off nothing says when it used what it read.
            con.execute("INSERT OR IGNORE INTO uses SELECT key, ? FROM readings", (_now(),))
        except (OSError, sqlite3.Error):
            _let_go(held)
            return cls(folder, None, None)
        return cls(folder, con, held)

    def get(self, key: str) -> bytes | None:
        """The record of a key, packed; None where there is none."""
        if self._con is None:
            return None
        try:
            row = self._con.execute("SELECT record FROM readings WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        if row is None:
            return None
        self._used.add(key)
        return bytes(row[0])

    def put(self, key: str, packed: bytes) -> None:
        """Keep a record; reading goes on where there is no more room for it."""
        if self._con is not None:
            with contextlib.suppress(sqlite3.Error):
                self._con.execute("INSERT OR REPLACE INTO readings VALUES (?, ?)", (key, packed))
                self._used.add(key)

    def close(self) -> None:
        """Keep what was used when, let go of the file, and delete what is too old or too much."""
        if self._con is None:
            return
        now = _now()
        with contextlib.suppress(sqlite3.Error), self._con:
            self._con.execute("BEGIN")
            rows = [(key, now) for key in self._used]
            self._con.executemany("INSERT OR REPLACE INTO uses VALUES (?, ?)", rows)
        self._con.close()
        self._con = None
        _let_go(self._held)
        trim(self._folder)


@dataclass(frozen=True, slots=True)
class Kept:
    """The file of one version.

    Attributes
    ----------
    records : how many; None where the file cannot be read
    bytes : of the file
    used : when one of them was last used, in seconds since 1970; None where that is not known
    """

    path: Path
    records: int | None
    bytes: int
    used: int | None


def kept_in(folder: Path) -> list[Kept]:
    """The files of a folder, by when they were last used; none where it is not there."""
    found = []
    for path in _files(folder):
        records, used = None, None
        with contextlib.suppress(sqlite3.Error), _reading(path) as con:
            rows = _entries(con, path)
            records, used = len(rows), max((at for at, _, _ in rows), default=None)
        found.append(Kept(path, records, path.stat().st_size, used))
    return sorted(found, key=lambda kept: (kept.used or 0, kept.path.name))


def trim(folder: Path, *, longest: int = LONGEST, most: int = MOST) -> int:
    """Delete records that were not used for so many seconds and, while all together have more than
    `most` bytes, those that were not used for longest; how many.

    Nothing is deleted while another process reads scans with this folder, nor ever what this
    process used.
    """
    with _alone(folder) as alone:
        if not alone:
            return 0
        now, entries = _now(), []
        for path in _files(folder):
            with contextlib.suppress(sqlite3.Error), _reading(path) as con:
                entries += [(*entry, path) for entry in _entries(con, path)]
        spared = now + 1 if _began is None else _began
        size = sum(length for _, length, _, _ in entries)
        gone: dict[Path, list[tuple[str]]] = {}
        for used, length, key, path in sorted(entries):
            if used >= spared or not (used < now - longest or size > most):
                continue
            size -= length
            gone.setdefault(path, []).append((key,))
        for path, keys in gone.items():
            _delete(path, keys)
        return sum(map(len, gone.values()))


def clear(folder: Path) -> int | None:
    """Delete every file of records, damaged ones too, and what SQLite left beside them; how many.
    None while scans are being read, or where the folder is another user's.
    """
    if not folder.is_dir():
        return 0
    with _alone(folder) as alone:
        if not alone:
            return None
        files = _files(folder, "", *_BESIDE)
        for path in files:
            path.unlink()
        return len(files)


def _now() -> int:
    return int(time.time())


def _files(folder: Path, *ends: str) -> list[Path]:
    """The files of records; with `ends`, those whose names have one of these after `.sqlite`."""
    if not folder.is_dir():
        return []
    found = [p for end in ends or ("",) for p in folder.glob(f"*.sqlite{end}")]
    return sorted(p for p in found if p.is_file() and not p.is_symlink())


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    con = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)
    with contextlib.closing(con):
        yield con


def _entries(con: sqlite3.Connection, path: Path) -> list[tuple[int, int, str]]:
    """When each record was last used, its bytes and its key. One whose use was not kept was used
    when the file was last written.
    """
    (uses,) = con.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'uses'").fetchone()
    written = int(path.stat().st_mtime)
    used, join = ("COALESCE(used, ?)", "LEFT JOIN uses USING (key)") if uses else ("?", "")
    query = f"SELECT {used}, LENGTH(record), key FROM readings {join}"
    return con.execute(query, (written,)).fetchall()


def _delete(path: Path, keys: list[tuple[str]]) -> None:
    """Delete records, and give their room back; the file too where none are left."""
    with contextlib.suppress(OSError, sqlite3.Error):
        con = sqlite3.connect(path, timeout=60, isolation_level=None)
        with contextlib.closing(con):
            for table in _TABLES:
                con.execute(table)
            with con:
                con.execute("BEGIN")
                for table in ("readings", "uses"):
                    con.executemany(f"DELETE FROM {table} WHERE key = ?", keys)
            (left,) = con.execute("SELECT COUNT(*) FROM readings").fetchone()
            if left:
                con.execute("VACUUM")
        if not left:
            path.unlink()


def _keep_to_oneself(folder: Path) -> None:
    """Make the folder for this user alone.

    A record holds how people wrote their digits, and where on a scan the form lies: who may read it
    could tell hands apart, and who may write it could move the veil from what is private.

    Raises
    ------
    OSError
        It cannot be made, or belongs to another user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _protect(folder, 0o700)


def _own(path: Path) -> None:
    """Make the file for this user alone, and follow no link; OSError as above."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    _protect(path, 0o600)


def _protect(path: Path, mode: int) -> None:
    if not _mine(path):
        raise PermissionError(errno.EPERM, "belongs to another user", str(path))
    path.chmod(mode)


def _mine(path: Path) -> bool:
    return not hasattr(os, "geteuid") or path.stat().st_uid == os.geteuid()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody reads with this user's folder; nobody begins to, until this is left."""
    if not folder.is_dir() or not _mine(folder):
        yield False
        return
    held = _hold(folder, alone=True)
    try:
        yield held is not None
    finally:
        _let_go(held)


if sys.platform == "win32":

    def _hold(folder: Path, *, alone: bool = False) -> int | None:
        """There a file that is open cannot be deleted, and folders have no locks."""
        return -1

    def _let_go(held: int | None) -> None:
        pass

else:
    import fcntl

    def _hold(folder: Path, *, alone: bool = False) -> int | None:
        """Hold the folder together with others, or alone; None where others hold it."""
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            os.close(held)
            return None
        return held

    def _let_go(held: int | None) -> None:
        if held is not None:
            os.close(held)
