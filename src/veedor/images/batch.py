"""Reading many scans: on several cores, with a cache, so that an audit can be interrupted and
repeated; the records come in the order in which the scans were asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from veedor.case.cache import cache_folder
from veedor.case.kept import Store
from veedor.case.pictures import Pictures, is_safe, is_sha256, open_pictures
from veedor.errors import SourceError, VeedorError
from veedor.images.reading import SheetReader, version
from veedor.images.record import SheetRecord, pack, unpack
from veedor.images.template import Template

__all__ = ["Wanted", "cores", "read_scans"]

FEW = 8
"""Scans that one process reads sooner than others are started: each loads the models anew."""
AHEAD = 4
"""Scans handed to each process before the first of them must be done."""

Forms = Sequence[tuple[Template, Path | None]]
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A scan to be read: its name among the pictures, the page, and the hash that it should have.

    `file` and `page` are None where the case does not name them.
    """

    file: str | None
    page: int | None = 0
    sha256: str | None = None


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_scans(
    place: Path,
    wanted: Sequence[Wanted],
    forms: Forms,
    *,
    jobs: int | None = None,
    progress: Progress = lambda done, total, fresh: None,
    cache: Path | None = None,
) -> Iterator[SheetRecord]:
    """Read the scans of an archive or a folder.

    Parameters
    ----------
    place : the archive or folder with the pictures
    wanted : n scans
    forms : the templates, each with the folder of its `blank`
    jobs : processes; as many as there are cores when left out
    progress : is told how many scans are done, of how many, and how many of them were read now
    cache : folder for what was read; `readings` in the cache of veedor when left out

    Yields
    ------
    SheetRecord for each of `wanted`, in their order. One that is not there or cannot be opened is
    a record with the reason. Records are kept by the picture's hash and by all else on which a
    reading depends, as soon as each is read, for as long as `veedor.case.kept` says.
    """
    jobs = cores() if jobs is None else max(1, jobs)
    alone = jobs == 1 or len(wanted) <= FEW
    store = Store.open(cache or cache_folder() / "readings", version(forms))
    fresh = 0
    with (
        open_pictures(place) as pictures,
        contextlib.closing(store),
        _Pool(forms, jobs, alone) as pool,
    ):
        pending: deque[_Pending] = deque()
        for number, one in enumerate(_with_end(wanted)):
            if one is not None:
                pending.append(_begin(one, pictures, store, pool))
            while pending and (one is None or alone or len(pending) > AHEAD * jobs):
                record, new = _finish(pending.popleft(), store)
                fresh += new
                progress(min(number + 1, len(wanted)) - len(pending), len(wanted), fresh)
                yield record


def _with_end(wanted: Sequence[Wanted]) -> Iterator[Wanted | None]:
    yield from wanted
    yield None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A scan that is done, or is being read; then with the key under which it will be kept."""

    found: SheetRecord | Future[bytes]
    key: str = ""


def _begin(one: Wanted, pictures: Pictures, store: Store, pool: _Pool) -> _Pending:
    """Look a scan up, or have it read."""
    if lost := _lost(one, pictures):
        return _Pending(SheetRecord("missing", (lost,)))
    try:
        data = pictures.read(one.file or "")
    except SourceError as error:
        return _Pending(SheetRecord("unreadable", (error.message,)))
    digest = hashlib.sha256(data).hexdigest()
    if one.sha256 is not None and not is_sha256(one.sha256):
        why = "what is listed as its SHA-256 is none: whether it is this picture cannot be told"
        return _Pending(SheetRecord("unreadable", (why,), sha256=digest, bytes=len(data)))
    if one.sha256 is not None and one.sha256 != digest:
        why = "the picture is another than the one listed: its SHA-256 differs"
        return _Pending(SheetRecord("unreadable", (why,), sha256=digest, bytes=len(data)))
    key = f"{digest}/{one.page}"
    if (kept := store.get(key)) is not None:
        with contextlib.suppress(VeedorError):  # one that cannot be used: the scan is read anew
            return _Pending(unpack(kept))
    return _Pending(pool.read(data, one.file or "", one.page or 0), key)


def _lost(one: Wanted, pictures: Pictures) -> str:
    """Why there is no picture of a scan; empty where there is one."""
    if one.file is None:
        return "no picture is named"
    if one.page is None:
        return "the page is no number from 1"
    if not is_safe(one.file):
        return "its name leads out of the folder of the pictures"
    return "" if one.file in pictures else "there is no such picture"


def _finish(pending: _Pending, store: Store) -> tuple[SheetRecord, bool]:
    """The record, and whether it was read now."""
    if isinstance(pending.found, SheetRecord):
        return pending.found, False
    try:
        packed = pending.found.result()
    except BrokenProcessPool as error:
        raise VeedorError(
            "a process that reads scans ended early",
            remedy="Read with one process (--jobs 1). A script of your own must call veedor under"
            ' `if __name__ == "__main__":` to read with several.',
        ) from error
    store.put(pending.key, packed)
    return unpack(packed), True


class _Pool:
    """Processes that read; this one alone where there is little to read."""

    def __init__(self, forms: Forms, jobs: int, alone: bool) -> None:
        self._forms, self._jobs, self._alone = list(forms), jobs, alone
        self._own: SheetReader | None = None
        self._others: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        if self._others is not None:
            self._others.shutdown(wait=True, cancel_futures=True)

    def read(self, data: bytes, name: str, page: int) -> Future[bytes]:
        """Have one scan read."""
        if self._alone:
            if self._own is None:
                self._own = SheetReader(self._forms)
            done: Future[bytes] = Future()
            done.set_result(pack(self._own.record(data, name, page)))
            return done
        if self._others is None:
            # What keeps a reader from being made is told here; there it would only end the process.
            SheetReader(self._forms)
            # Started anew, not forked: the engine's threads do not survive a fork.
            self._others = ProcessPoolExecutor(
                self._jobs, get_context("spawn"), _start, (self._forms,)
            )
        return self._others.submit(_read, data, name, page)


_reader: SheetReader | None = None


def _start(forms: Forms) -> None:
    """Begin a process that reads: its models, one core, and no reply to the keyboard's break."""
    import signal

    import cv2

    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    _reader = SheetReader(forms)


def _read(data: bytes, name: str, page: int) -> bytes:
    if _reader is None:
        raise RuntimeError("the process was not started by `_start`")
    return pack(_reader.record(data, name, page))
