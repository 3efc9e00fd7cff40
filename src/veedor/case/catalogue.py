"""Named public cases, and the files that a case needs: which are here, and are they as pinned."""

from __future__ import annotations

import datetime as dt
import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from veedor.case.locate import Located, UnavailableError, cases_folder, listed, locate
from veedor.case.manifest import Case
from veedor.errors import CaseError, SourceError

__all__ = [
    "Bundled",
    "Located",
    "Missing",
    "Needed",
    "UnavailableError",
    "Verified",
    "available",
    "bundled",
    "find_case",
    "locate",
    "needed",
    "verify",
]


@dataclass(frozen=True, slots=True)
class Bundled:
    """A public case that comes with veedor."""

    name: str
    title: str
    date: dt.date
    path: Path


@dataclass(frozen=True, slots=True)
class Needed:
    """A file that a case reads; `optional` where the audit can go on without it."""

    path: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A needed file that is not on this machine, and whether a public origin of it is known."""

    path: str
    optional: bool
    downloadable: bool
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of one needed file: the place and hash, or what is wrong with it."""

    path: str
    optional: bool
    state: Literal["ok", "missing", "damaged"]
    located: Located | None
    message: str


def bundled() -> list[Bundled]:
    """The public cases that come with veedor, by name."""
    cases = []
    for path in sorted(cases_folder().glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        cases.append(Bundled(path.stem, data["title"], data["date"], path))
    return cases


def find_case(name: str | Path) -> Path:
    """The case file that a name or a path means.

    Parameters
    ----------
    name : str or path
        The name of a bundled case, a case file, or a folder that holds a `case.toml`. A bundled
        name goes before a folder of that name; `./name` means the folder.

    Raises
    ------
    CaseError
        Where there is no such case; the message lists the bundled ones and those of a similar name.
    """
    if isinstance(name, str) and name == Path(name).name:
        path = cases_folder() / f"{name}.toml"
        if path.is_file():
            return path
    path = Path(name)
    if path.is_dir():
        if (path / "case.toml").is_file():
            return path / "case.toml"
        raise CaseError("the folder holds no case.toml", place=str(path), remedy=_propose("FILES"))
    if path.is_file():
        if path.suffix == ".toml":
            return path
        raise CaseError("this is not a case file", place=str(path), remedy=_propose(str(path)))
    names = [path.stem for path in sorted(cases_folder().glob("*.toml"))]
    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    raise CaseError(
        f"there is no case {str(name)!r}, neither a file nor a bundled one",
        remedy=f"{hint}The bundled cases are: {', '.join(names) or 'none'}.",
    )


def needed(case: Case) -> list[Needed]:
    """Every file that the case's sources and their lookups read, once, in the case's order."""
    optional: dict[str, bool] = {}
    for source in case.sources:
        for path in source.paths():
            optional[path] = optional.get(path, True) and source.optional
    return [Needed(path, may_lack) for path, may_lack in optional.items()]


def available(case: Case) -> list[Missing]:
    """The needed files that are not on this machine. Nothing is fetched.

    Raises
    ------
    SourceError
        Where a file is there and is not the one that is listed.
    """
    missing = []
    for entry in needed(case):
        try:
            locate(case, entry.path, download=False)
        except UnavailableError as error:
            file = listed(case, entry.path)
            downloadable = file is not None and file.origin is not None
            missing.append(Missing(entry.path, entry.optional, downloadable, error.message))
    return missing


def verify(case: Case) -> list[Verified]:
    """Hash every needed file that is on this machine. Nothing is fetched, and nothing raised."""
    found = []
    for entry in needed(case):
        try:
            located = locate(case, entry.path, download=False)
            found.append(Verified(entry.path, entry.optional, "ok", located, located.how))
        except UnavailableError as error:
            found.append(Verified(entry.path, entry.optional, "missing", None, error.message))
        except SourceError as error:
            found.append(Verified(entry.path, entry.optional, "damaged", None, str(error)))
    return found


def _propose(files: str) -> str:
    return f"`veedor case new {files}` proposes a case file for data files."
