"""The pictures of scans: a zip archive, read without unpacking it to disk, or a folder."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Protocol

from veedor.errors import SourceError

__all__ = ["LARGEST", "Pictures", "folder_digest", "is_safe", "is_sha256", "open_pictures"]

LARGEST = 256 << 20
"""Bytes that one picture may have: a colour scan of a large sheet at 600 dpi, uncompressed, has
about 200 million."""

_NOISE = ("__MACOSX", "Thumbs.db", "desktop.ini")


class Pictures(Protocol):
    """Pictures by name: the path within the archive or the folder, with `/` between its parts."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names, sorted."""

    def __contains__(self, name: object) -> bool: ...

    def read(self, name: str) -> bytes:
        """The bytes of one; SourceError where it is not there or cannot be read."""


def is_safe(name: str) -> bool:
    """Whether a name stays within the folder that it is looked for in, on every platform."""
    pure = PureWindowsPath(name)
    return (
        bool(name)
        and "\\" not in name
        and "\0" not in name
        and not (pure.anchor or ".." in pure.parts)
    )


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in hexadecimal, in small letters."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


@contextmanager
def open_pictures(path: Path) -> Iterator[Pictures]:
    """The pictures in an archive or a folder.

    Raises
    ------
    SourceError
        Where it is neither, is damaged, or holds names that are not safe to unpack or stand twice.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield _Archive(archive, path)
    except (zipfile.BadZipFile, EOFError) as error:
        raise SourceError(
            f"this is no zip archive, or it is damaged or cut short ({error})",
            place=str(path),
            remedy="`images` names a zip archive or a folder with the pictures.",
        ) from error
    except OSError as error:
        raise SourceError(
            f"the pictures cannot be read ({error.strerror or error})",
            place=str(path),
            remedy="`images` names a zip archive or a folder with the pictures.",
        ) from error


def folder_digest(path: Path) -> tuple[str, int]:
    """What stands for a folder of pictures among the inputs of an audit.

    Returns
    -------
    The SHA-256 of the lines `SHA256  NAME`, sorted by name (as `sha256sum` writes them), and the
    bytes of all files.
    """
    lines, size = hashlib.sha256(), 0
    for name in _Folder(path).names:
        file = path / name
        try:
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
            size += file.stat().st_size
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror})", place=str(file)) from error
        lines.update(f"{found}  {name}\n".encode(errors="surrogateescape"))
    return lines.hexdigest(), size


def _is_noise(name: str) -> bool:
    """Whether a file is one that systems put beside pictures."""
    return any(part in _NOISE or part.startswith(".") for part in name.split("/"))


class _Folder:
    """Pictures in a folder and its sub-folders; links that lead out of it are passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        inside = path.resolve()
        found = (
            file.relative_to(path).as_posix()
            for file in path.rglob("*")
            if file.is_file() and file.resolve().is_relative_to(inside)
        )
        self._names = tuple(sorted(name for name in found if not _is_noise(name)))
        self._known = frozenset(self._names)

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def read(self, name: str) -> bytes:
        if name not in self._known:
            raise SourceError(f"there is no picture {name!r}", place=str(self.path))
        file = self.path / name
        try:
            if file.stat().st_size > LARGEST:
                raise SourceError(f"has more than {LARGEST:,} bytes", place=str(file))
            return file.read_bytes()
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror})", place=str(file)) from error


class _Archive:
    """Pictures in a zip archive."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.path, self._archive = path, archive
        members = [info for info in archive.infolist() if not info.is_dir()]
        if unsafe := [info.filename for info in members if not is_safe(info.filename)]:
            raise SourceError(
                f"the archive holds {unsafe[0]!r}, a name that leads out of the folder that it is"
                f" unpacked to ({len(unsafe)} such {'name' if len(unsafe) == 1 else 'names'})",
                place=str(path),
                remedy="Ask who made it, and pack the pictures anew with plain names.",
            )
        self._members = {i.filename: i for i in members if not _is_noise(i.filename)}
        names = [info.filename for info in members]
        if len(set(names)) < len(names):
            times = Counter(names)
            twice = next(name for name in names if times[name] > 1)
            raise SourceError(
                f"the archive holds two files of the name {twice!r}",
                place=str(path),
                remedy="Which of them a row means cannot be told: give each its own name.",
            )
        self._names = tuple(sorted(self._members))

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        info = self._members.get(name)
        place = f"{self.path} ({name})"
        if info is None:
            raise SourceError(f"there is no picture {name!r}", place=str(self.path))
        if info.file_size > LARGEST:
            raise SourceError(f"has more than {LARGEST:,} bytes", place=place)
        try:
            with self._archive.open(info) as file:
                data = file.read(info.file_size + 1)
        except (zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
            raise SourceError(f"damaged within the archive ({error})", place=place) from error
        except (RuntimeError, NotImplementedError) as error:
            raise SourceError(f"packed in a way that is not read ({error})", place=place) from error
        if len(data) != info.file_size:
            raise SourceError("damaged within the archive: another size is stated", place=place)
        return data
