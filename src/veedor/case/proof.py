"""Whether a case file fits its data files: each is opened as an audit would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from veedor.case.locate import UnavailableError, locate
from veedor.case.manifest import Case
from veedor.case.source import MACHINES
from veedor.errors import SourceError

if TYPE_CHECKING:
    from veedor.sources.machine import Read


def mistakes(case: Case, tell: Callable[[str], None]) -> list[SourceError]:
    """What is wrong with each source; nothing is fetched, and a file that is not here is told."""
    from veedor.engine.duck import connect
    from veedor.sources import open_source
    from veedor.sources.machine import open_machine

    wrong: list[SourceError] = []
    with tempfile.TemporaryDirectory(prefix="veedor-") as name:
        folder = Path(name)
        con = connect(folder)
        for source in (part for whole in case.sources for part in whole.parts()):
            try:
                path = locate(case, source.file, download=False).path
                if source.kind in MACHINES:
                    dated = source.in_year(case.date.year)
                    tell(_lines(source.id, path.name, open_machine(con, dated, path, folder)))
                    continue
                lookups = {
                    lookup.file: locate(case, lookup.file, download=False).path
                    for lookup in source.lookup
                }
                opened = open_source(con, source, path, lookups, folder)
                tell(f"{source.id}: {opened.rows:,} rows in {path.name}")
            except UnavailableError as error:
                tell(f"{source.id}: not examined. {error}")
            except SourceError as error:
                wrong.append(error)
    return wrong


def _lines(source: str, file: str, read: Read) -> str:
    """What was read of a file of flows or log lines, in words."""
    told = f"{source}: {read.lines:,} lines in {file}; stamps: {read.basis}"
    bare = read.table.filter(read.table.us.isnull(), read.table.wall.isnull())
    if undated := int(bare.count().to_pyarrow().as_py()):
        told += f". {undated:,} lines have a stamp that is not read: see `instant_format`"
    if not read.broken or read.first_broken is None:
        return told
    row, text = read.first_broken
    return f"{told}. {read.broken:,} lines are broken, the first in row {row}: {text!r}"
