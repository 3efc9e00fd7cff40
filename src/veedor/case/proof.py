"""Whether a case file fits its data files: each is opened as an audit would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from veedor.case.locate import UnavailableError, locate
from veedor.case.manifest import Case
from veedor.errors import SourceError


def mistakes(case: Case, tell: Callable[[str], None]) -> list[SourceError]:
    """What is wrong with each source; nothing is fetched, and a file that is not here is told."""
    from veedor.engine.duck import connect
    from veedor.sources import open_source

    wrong: list[SourceError] = []
    with tempfile.TemporaryDirectory(prefix="veedor-") as name:
        folder = Path(name)
        con = connect(folder)
        for source in (part for whole in case.sources for part in whole.parts()):
            try:
                path = locate(case, source.file, download=False).path
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
