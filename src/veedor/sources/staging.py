"""Unpack and decode: any delimited file becomes a plain UTF-8 file that the engine can scan."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

from veedor.errors import SourceError

CHUNK = 1 << 20

MOST_UNPACKED = 200
"""Published counts unpack to ten or twenty times their packed size; an archive made to fill a disk
unpacks to a thousand."""

SMALL = 64 << 20
"""Bytes that any file may unpack to."""

_ENCODING_HINT = (
    "Set `encoding` in the case file: utf-8, utf-8-sig, utf-16, latin-1, cp1252, cp1251 ..."
)


@contextmanager
def open_bytes(path: Path, member: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file, the only (or the named) member of a zip archive, or a gzip file, as bytes.

    Raises
    ------
    SourceError
        Where the file cannot be read, is damaged or cut short, or the member is not in it.
    """
    try:
        if zipfile.is_zipfile(path) and path.suffix.lower() != ".xlsx":
            with (
                zipfile.ZipFile(path) as archive,
                archive.open(_member(archive, path, member)) as stream,
            ):
                yield stream
        elif path.suffix.lower() == ".zip":
            raise zipfile.BadZipFile("no end of the archive")
        elif path.suffix.lower() == ".gz":
            with gzip.open(path) as unzipped:
                yield unzipped  # type: ignore[misc]
        else:
            with path.open("rb") as plain:
                yield plain
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(
            f"the archive is damaged or cut short ({error})",
            place=str(path),
            remedy="Fetch the file again and compare its size and hash with the publisher's.",
        ) from error
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", place=str(path)) from error


def _member(archive: zipfile.ZipFile, path: Path, member: str | None) -> str:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if member is None and len(names) == 1:
        return names[0]
    if member in names:
        return member
    wanted = f"has no member {member!r}" if member else "holds several files"
    raise SourceError(
        f"the archive {wanted}; it holds {', '.join(names[:8]) or 'nothing'}",
        place=str(path),
        remedy="Name one of them as `member` in the case file.",
    )


class _Limited(io.RawIOBase):
    """A packed file that may not unpack to more than published files do."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path = stream, path
        self._room = MOST_UNPACKED * path.stat().st_size + SMALL

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        # One byte more than there is room for tells that there is too much.
        data = self._stream.read(size if 0 <= size <= self._room else self._room + 1)
        self._room -= len(data)
        if self._room < 0:
            raise SourceError(
                f"unpacks to more than {MOST_UNPACKED} times its size",
                place=str(self._path),
                remedy="Unpack it by hand, look at what it holds, and name the plain file.",
            )
        return data


def limited(stream: IO[bytes], path: Path) -> IO[bytes]:
    """An opened file; reading on is an error where it unpacks to more than published files do."""
    unpacks = isinstance(stream, (gzip.GzipFile, zipfile.ZipExtFile))
    return _Limited(stream, path) if unpacks else stream  # type: ignore[return-value]


def chunks(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    """The bytes of an opened file, block by block.

    Raises
    ------
    SourceError
        Where it unpacks to more than published files do.
    """
    left = limited(stream, path)
    while chunk := left.read(CHUNK):
        yield chunk


def stage(path: Path, folder: Path, name: str, *, encoding: str, member: str | None) -> Path:
    """Write the file's text as UTF-8 without a byte order mark to `folder`, and say where.

    Raises
    ------
    SourceError
        Where the bytes are not text in that encoding: the row of the first wrong byte is named.
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    except LookupError as error:
        raise SourceError(
            f"unknown encoding {encoding!r}", place=str(path), remedy=_ENCODING_HINT
        ) from error
    target = folder / f"{name}.csv"
    row = 1
    with open_bytes(path, member) as stream, target.open("w", encoding="utf-8", newline="") as out:
        first = True
        for chunk in chain(chunks(stream, path), [b""]):
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                row += error.object[: error.start].count(b"\n")
                raise SourceError(
                    f"not {encoding} text: byte 0x{error.object[error.start]:02x}",
                    place=f"{path}, row {row}",
                    remedy=_ENCODING_HINT,
                ) from error
            if first:
                text = text.removeprefix("\ufeff")
                first = False
            if "\x00" in text:
                raise SourceError(
                    "holds null bytes: not text in this encoding",
                    place=f"{path}, row {row + text[: text.index(chr(0))].count(chr(10))}",
                    remedy=_ENCODING_HINT,
                )
            row += text.count("\n")
            out.write(text)
    return target


def head(path: Path, *, encoding: str, member: str | None, lines: int) -> list[str]:
    """The first lines of a packed or plain text file, decoded, for looking at its shape."""
    with open_bytes(path, member) as stream:
        reader = io.TextIOWrapper(io.BufferedReader(stream), encoding=encoding, newline="")  # type: ignore[type-var]
        try:
            return [line for _, line in zip(range(lines), reader, strict=False)]
        except UnicodeDecodeError as error:
            raise SourceError(
                f"not {encoding} text", place=str(path), remedy=_ENCODING_HINT
            ) from error
