"""The folder of fetched files: a sub-folder per content, named by its hash, locked for writing."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from veedor.errors import DownloadError

LONGEST_LOCK = 900.0
"""Seconds that one process waits for another that fetches the same file."""


def cache_folder(
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    home: Path | None = None,
) -> Path:
    """`VEEDOR_CACHE`, or `veedor` in the platform's folder for caches."""
    if chosen := environ.get("VEEDOR_CACHE"):
        return Path(chosen).expanduser()
    home = home or Path.home()
    if platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        stated = environ.get("XDG_CACHE_HOME", "")
        # The specification tells programs to disregard a relative one.
        base = Path(stated) if os.path.isabs(stated) else home / ".cache"
    return base / "veedor"


@contextlib.contextmanager
def locked(folder: Path, *, longest: float = LONGEST_LOCK) -> Iterator[None]:
    """Hold the folder's lock, waiting for a process that has it; it dies with its holder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("ab")
    except OSError as error:
        raise DownloadError(
            f"the cache cannot be written ({error.strerror})",
            place=str(folder),
            remedy="Name a folder that can be written in VEEDOR_CACHE.",
        ) from error
    with file:
        deadline = time.monotonic() + longest
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise DownloadError(
                    "another process has been fetching this file for too long",
                    place=str(folder / "lock"),
                    remedy="End it, and start again.",
                )
            time.sleep(0.1)
        try:
            yield
        finally:
            _unlock(file)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> bool:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


def pack(plain: Path, packed: Path) -> None:
    """Gzip a file so that the same content always gives the same bytes: no name, no time."""
    part = packed.with_name(packed.name + ".packing")
    with (
        plain.open("rb") as source,
        part.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file,
    ):
        shutil.copyfileobj(source, file, 1 << 20)
    os.replace(part, packed)


def unpacked_sha256(packed: Path, size: int) -> str | None:
    """The hash of what a gzip file holds; None where it is damaged or holds more than `size`."""
    digest = hashlib.sha256()
    left = size
    try:
        with gzip.open(packed, "rb") as file:
            while chunk := file.read(1 << 20):
                left -= len(chunk)
                if left < 0:
                    return None
                digest.update(chunk)
    except (OSError, EOFError, zlib.error):
        return None
    return digest.hexdigest()
