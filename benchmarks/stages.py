"""Stages of a long measurement: what is there already is not made again.

Each result lies in a file of its own, named by what it was made of: the arguments, the versions of
Python and of the packages that compute, and the source of the code. Of the code counts every module
of the project that the one which makes the result names in an import, directly or through others;
this one, which changes no result, does not.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stages", "code_of", "key_of"]

Arrays = dict[str, NDArray[Any]]
OWN = ("veedor", "benchmarks", "training")
PACKAGES = ("numpy", "scipy", "opencv-python-headless")


@functools.cache
def code_of(module: str) -> str:
    """Hash of the source of a module and of all modules of the project that it imports."""
    seen = {__name__: ""}
    left = [module]
    while left:
        name = left.pop()
        if name in seen or name.partition(".")[0] not in OWN:
            continue
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            seen[name] = ""
            continue
        seen[name] = Path(found.origin).read_text(encoding="utf-8")
        left += _imported(seen[name])
    text = json.dumps(sorted((name, source) for name, source in seen.items() if source))
    return hashlib.sha256(text.encode()).hexdigest()


def _imported(source: str) -> list[str]:
    """Names of modules, and what may be modules, that a source imports anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [m for a in node.names if _is_module(m := f"{node.module}.{a.name}")]
    return names


def _is_module(name: str) -> bool:
    if name.partition(".")[0] not in OWN:
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def key_of(module: str, given: dict[str, Any]) -> str:
    """Names a result by the code that makes it, the versions, and its arguments."""
    versions = [platform.python_version(), *(version(name) for name in PACKAGES)]
    text = json.dumps([code_of(module), versions, given], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Stages:
    """The results of a measurement, below a folder.

    Attributes
    ----------
    wanted : stages of which what is lacking is made; of others it stays lacking. None: all
    tell : is given a line as each result was made
    """

    folder: Path
    wanted: Collection[str] | None = None
    tell: Callable[[str], None] = print

    def result(
        self, stage: str, module: str, make: Callable[[], Any], **given: Any
    ) -> dict[str, Any] | None:
        """A result as its file holds it: `result`, the processor `seconds` it took, and what it was
        made of. None where it is lacking and not wanted.

        Parameters
        ----------
        module : where the code lies that makes the result
        make : makes what JSON can hold
        given : the arguments that the result depends on, of which JSON holds each
        """
        file = self._file(stage, module, given, "json")
        if file.exists():
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return found
        if not self._made_here(stage):
            return None
        start = time.process_time()
        result = make()
        seconds = round(time.process_time() - start, 1)
        about = {"stage": stage, "given": given, "code": code_of(module), "seconds": seconds}
        text = json.dumps(about | {"result": result}, indent=1)
        self._put(file, text.encode())
        self.tell(f"{seconds:8.1f} s  {file.name}")
        # As the file gives it back: tuples are lists by then.
        return dict(json.loads(text))

    def arrays(
        self, stage: str, module: str, make: Callable[[], Arrays], **given: Any
    ) -> Arrays | None:
        """The same of arrays, of which nothing else is told."""
        file = self._file(stage, module, given, "npz")
        if not file.exists():
            if not self._made_here(stage):
                return None
            start = time.process_time()
            made = make()
            part = file.with_suffix(f".{os.getpid()}.npz")
            self.folder.mkdir(parents=True, exist_ok=True)
            np.savez(part, **made)  # type: ignore[arg-type]
            part.replace(file)
            self.tell(f"{time.process_time() - start:8.1f} s  {file.name}")
            return made
        with np.load(file, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}

    def _made_here(self, stage: str) -> bool:
        return self.wanted is None or stage in self.wanted

    def _file(self, stage: str, module: str, given: dict[str, Any], suffix: str) -> Path:
        return self.folder / f"{stage}-{key_of(module, given)}.{suffix}"

    def _put(self, file: Path, data: bytes) -> None:
        """Whole or not at all: a run that is cut leaves no half of a result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(data)
        part.replace(file)
