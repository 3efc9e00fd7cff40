"""Where the entries of a case were written: in which file, and in which line of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A case file or a plan file: its text, and how many entries each table of it has."""

    path: Path
    text: str
    entries: Mapping[str, int]

    @classmethod
    def of(cls, path: Path, text: str, data: Mapping[str, Any]) -> WrittenFile:
        """The file of that text, which holds `data`."""
        return cls(path, text, {k: len(v) for k, v in data.items() if isinstance(v, list)})


@dataclass(slots=True)
class Written:
    """The files of a case: `case.toml` first, then its plan files, whose entries come after."""

    files: list[WrittenFile] = field(default_factory=list)

    def place(self, keys: Sequence[str | int]) -> str | None:
        """`file:line` of a key, as well as a reading of the text can tell."""
        if not self.files:
            return None
        names = [str(key) for key in keys]
        number = next((i for i, name in enumerate(names) if name.isdigit()), None)
        if number != 1:
            several = [f for f in self.files if names and _heads(f.text.splitlines(), names[0])]
            return _line((several or self.files)[0], names, None)
        index = int(names[1])
        for file in self.files:
            own = file.entries.get(names[0], 0)
            if index < own:
                return _line(file, names, index)
            index -= own
        return _line(self.files[0], names, None)


def _line(file: WrittenFile, names: Sequence[str], index: int | None) -> str:
    """`file:line` of the innermost key that is found within the entry, or of the entry."""
    lines = file.text.splitlines()
    if not names:
        return str(file.path)
    heads = _heads(lines, names[0])
    arrays = [n for n in heads if re.match(rf"\s*\[\[\s*{re.escape(names[0])}\s*\]\]", lines[n])]
    start, end = 0, len(lines)
    if index is not None and index < len(arrays):
        start = arrays[index]
        end = next((n for n in _outside(lines, names[0]) if n > start), end)
        end = min([end, *arrays[index + 1 :]])
    elif heads:
        start = heads[0]
        end = next((n for n in _outside(lines, names[0]) if n > start), end)
    for name in [n for n in reversed(names[1:] if heads else names) if not n.isdigit()]:
        pattern = re.compile(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=")
        for n in range(start, end):
            if pattern.match(lines[n]):
                return f"{file.path}:{n + 1}"
    return f"{file.path}:{start + 1}" if heads else str(file.path)


def _heads(lines: Sequence[str], table: str) -> list[int]:
    """The lines that begin a table, an entry of it or a part of one."""
    head = re.compile(rf"\s*\[\[?\s*{re.escape(table)}\s*[\].]")
    return [n for n, line in enumerate(lines) if head.match(line)]


def _outside(lines: Sequence[str], table: str) -> list[int]:
    """The lines that begin another table. A line of an array of several lines is none."""
    own = set(_heads(lines, table))
    head = re.compile(r"\s*\[\[?\s*[\w\"'.-]+\s*\]\]?\s*(?:#.*)?$")
    return [n for n, line in enumerate(lines) if head.match(line) and n not in own]
