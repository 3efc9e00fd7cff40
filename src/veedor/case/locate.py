"""Where a file that a case reads lies: beside the case, in a data folder, in the cache, or fetched.

A file that is listed (in the case itself, or in the bundled `files.toml`) is what its SHA-256 says,
wherever it came from. The identity of a file that our data folder keeps gzipped is the hash of what
was published, so that an audit's inputs read the same whichever way they came.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tomllib
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from veedor.case.cache import cache_folder, locked, pack, unpacked_sha256
from veedor.case.fetch import Fetcher, Progress
from veedor.case.manifest import Case, DataFile, Origin
from veedor.case.pictures import folder_digest
from veedor.errors import SourceError

How = Literal["local", "mirror", "cache", "download"]


class UnavailableError(SourceError):
    """A data file that lies nowhere on this machine and was not, or cannot be, fetched."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where a file of a case lies, and what it is.

    `sha256` and `bytes` are of the content as published: for a file that is kept gzipped though it
    was published plain, of what it unpacks to; for a folder of pictures, of the list of their
    hashes, and of all of them. `how` says where it was found: beside the case
    (`local`), in the folder named by VEEDOR_DATA (`mirror`), fetched earlier (`cache`) or now
    (`download`). `origin` is the address at which it was published, where that is pinned.
    """

    path: Path
    sha256: str
    bytes: int
    how: How
    origin: str | None


def locate(
    case: Case,
    path: str,
    *,
    download: bool = True,
    progress: Progress | None = None,
    fetcher: Fetcher | None = None,
) -> Located:
    """Find a file of the case, fetching it where need be.

    It is looked for beside the case file (a user's own case), in the folder named by the
    environment variable VEEDOR_DATA, in the cache (VEEDOR_CACHE, or the platform's), and at its
    pinned public origin, in this order.

    Parameters
    ----------
    case : Case
    path : str
        As the case names it.
    download : bool
        Whether it may be fetched from the network.
    progress : callable, optional
        Called with the path, the bytes fetched and the bytes to fetch.
    fetcher : Fetcher, optional
        How to fetch; over https with retries when left out.

    Raises
    ------
    SourceError
        Where a file is there and is not the one that is listed.
    UnavailableError
        Where it is nowhere to be had; the message says where it could be put.
    DownloadError
        Where its origin does not answer, or with something else.
    """
    own = {file.path: file for file in case.files}.get(path)
    pictures = any(source.images == path for source in case.sources)
    if not case.path.is_relative_to(cases_folder()):
        beside = case.path.parent / path
        if beside.is_file() or (pictures and beside.is_dir()):
            return _checked(beside, own, "local")
    clean = _is_clean(path)
    file = listed(case, path)
    mirror = _data_folder()
    if mirror and clean and ((mirror / path).is_file() or (pictures and (mirror / path).is_dir())):
        return _checked(mirror / path, file, "mirror")
    if file is None or file.origin is None:
        raise _nowhere(case, path, file, mirror)
    name = PurePosixPath(path).name
    folder = cache_folder() / "files" / file.origin.sha256
    if found := _cached(folder / name, file.origin):
        return found
    if not download:
        raise UnavailableError(
            "this file is not on this machine, and fetching it was not asked for",
            place=path,
            remedy="Run `veedor data get CASE`, or name the folder that holds it in VEEDOR_DATA.",
        )
    return _fetch(folder, name, file.origin, fetcher or Fetcher(), path, progress)


def listed(case: Case, path: str) -> DataFile | None:
    """What is known of a file: by the case itself, or else by the bundled register."""
    own = {file.path: file for file in case.files}.get(path)
    return own or (_register()[path][0] if path in _register() else None)


def cases_folder() -> Path:
    """The folder of the bundled case files."""
    return Path(str(resources("veedor.case") / "cases"))


@functools.cache
def _register() -> dict[str, tuple[DataFile, str | None]]:
    """Path in the data folder -> the file, and what it was derived from where it was."""
    text = (resources("veedor.case") / "files.toml").read_text(encoding="utf-8")
    found = {}
    for path, entry in tomllib.loads(text).items():
        derived = entry.pop("derived", None)
        found[path] = (DataFile(path=path, **entry), derived)
    return found


def _is_clean(path: str) -> bool:
    """Whether a path stays within the folder that it is put into, on every platform."""
    pure = PureWindowsPath(path)
    return bool(path) and "\\" not in path and not pure.anchor and ".." not in pure.parts


def _data_folder() -> Path | None:
    named = os.environ.get("VEEDOR_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise SourceError(
            "VEEDOR_DATA names a folder that is not there",
            place=str(folder),
            remedy="Correct it, or unset it to have public files fetched.",
        )
    return folder


def _checked(path: Path, file: DataFile | None, how: How) -> Located:
    """What lies at `path`, which must be the listed file where there is one."""
    try:
        if path.is_dir():
            found, size = folder_digest(path)
        else:
            with path.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
            size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", place=str(path)) from error
    if file is None:
        return Located(path, found, size, how, None)
    origin = file.origin
    packed = origin is not None and origin.packed is not None
    same = found == file.sha256
    if not same and origin is not None:
        same = found == origin.sha256 and not packed
        if packed:
            same = unpacked_sha256(path, origin.bytes) == origin.sha256
    if not same:
        raise SourceError(
            f"this is not the file that is listed: its SHA-256 is {found},"
            f" and {file.sha256} was expected",
            place=str(path),
            remedy="Fetch it again; an audit of altered data would carry the name of the original.",
        )
    if origin is not None and packed:
        return Located(path, origin.sha256, origin.bytes, how, origin.url)
    return Located(path, found, size, how, origin.url if origin else None)


def _cached(path: Path, origin: Origin) -> Located | None:
    """The fetched file, if it is there and whole."""
    if not path.is_file():
        return None
    if origin.packed:
        found = unpacked_sha256(path, origin.bytes)
    else:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != origin.sha256:
        return None
    return Located(path, origin.sha256, origin.bytes, "cache", origin.url)


def _fetch(
    folder: Path,
    name: str,
    origin: Origin,
    fetcher: Fetcher,
    label: str,
    progress: Progress | None,
) -> Located:
    with locked(folder):
        if found := _cached(folder / name, origin):  # by another process, meanwhile
            return found
        target = folder / (f"{name}.plain" if origin.packed else name)
        fetcher.fetch(
            origin.url,
            target,
            sha256=origin.sha256,
            size=origin.bytes,
            label=label,
            progress=progress,
        )
        if origin.packed:
            pack(target, folder / name)
            target.unlink()
    return Located(folder / name, origin.sha256, origin.bytes, "download", origin.url)


def _nowhere(case: Case, path: str, file: DataFile | None, mirror: Path | None) -> UnavailableError:
    derived = _register()[path][1] if path in _register() else None
    if derived:
        why = f"was not published in this form (made from {derived})"
    elif file is not None:
        why = "has no pinned public origin"
    else:
        why = "is not in the catalogue of public files"
    looked = [str(case.path.parent)] if not case.path.is_relative_to(cases_folder()) else []
    looked += [f"{mirror} (VEEDOR_DATA)"] if mirror else []
    return UnavailableError(
        f"this file is not on this machine and cannot be fetched: it {why}",
        place=path,
        remedy="Put it into a data folder and name that folder in VEEDOR_DATA."
        + (f" Looked in: {', '.join(looked)}." if looked else ""),
    )
