"""Whether a case file fits its data files: each is opened as an audit would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from veedor.case.locate import UnavailableError, cases_folder, listed, locate
from veedor.case.manifest import Case
from veedor.case.source import MACHINES, TABULAR, Source
from veedor.errors import SourceError, VeedorError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from veedor.sources import Opened
    from veedor.sources.machine import Read

DATED = ("log", "publications", "custody", "hashes")
"""Kinds of tables whose rows have stamps."""


@dataclass(slots=True)
class Examined:
    """What came of opening the files of a case.

    Attributes
    ----------
    wrong : list of errors
        What is wrong with sources.
    absent : list of ids
        Sources whose file is not here, and that an audit cannot do without.
    spared : list of ids
        Sources whose file is not here, that are optional or can be fetched.
    unread : bool
        Lines or stamps of a file could not be read, which was told.
    """

    wrong: list[VeedorError] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    spared: list[str] = field(default_factory=list)
    unread: bool = False


def examine(case: Case, tell: Callable[[str], None]) -> Examined:
    """Open the files of each source and tell what is in them; nothing is fetched."""
    from veedor.case.proof_of_scans import of_scans
    from veedor.engine.declared import plan_of
    from veedor.engine.duck import connect
    from veedor.sources import open_source
    from veedor.sources.machine import open_machine

    found = Examined()
    opened: dict[str, Opened] = {}
    with tempfile.TemporaryDirectory(prefix="veedor-") as name:
        folder = Path(name)
        con = connect(folder)
        parts = [part for whole in case.sources for part in whole.parts()]
        # Scans last: their stations are looked up in the other sources.
        for source in sorted(parts, key=lambda part: part.kind == "scans"):
            read: Read | None = None
            try:
                path = locate(case, source.file, download=False).path
                if source.kind in MACHINES:
                    read = open_machine(con, source.near(case.date), path, folder)
                    lines = f"{counted(read.lines, 'line')} in {path.name}; stamps: {read.basis}"
                    told = [lines, *_of_lines(source, read)]
                else:
                    lookups = {
                        lookup.file: locate(case, lookup.file, download=False).path
                        for lookup in source.lookup
                    }
                    table = opened[source.id] = open_source(con, source, path, lookups, folder)
                    told = [f"{counted(table.rows, 'row')} in {path.name}"]
                    told += _of_stamps(case, source, table.table)
                found.unread |= len(told) > 1 or bool(read and read.notes)
                if source.kind == "scans":
                    stations = _stations(case, opened)
                    told += of_scans(case, source, opened[source.id].table, stations, found)
                tell(f"{source.id}: {'. '.join(told)}")
            except UnavailableError as error:
                tell(f"{source.id}: not examined. {error}")
                spared = source.optional or _can_be_fetched(case, source)
                (found.spared if spared else found.absent).append(source.id)
            except SourceError as error:
                found.wrong.append(error)
        try:
            plan_of(case, opened)
        except SourceError as error:
            found.wrong.append(error)
    return found


def _stations(case: Case, opened: Mapping[str, Opened]) -> set[str]:
    """The codes of stations in the counts and registers; none where one of these is not here."""
    from veedor.engine.parse import station_code

    sources = [s for s in case.sources if s.kind in ("count", "stations")]
    if any(source.id not in opened for source in sources):
        return set()
    codes: set[str] = set()
    for source in sources:
        table = opened[source.id].table
        found = table.select(code=station_code(table, source)).distinct().to_pyarrow()
        codes.update(code for code in found["code"].to_pylist() if code is not None)
    return codes


def counted(number: int, noun: str) -> str:
    """A number and its noun: 1 line, 2 lines."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _can_be_fetched(case: Case, source: Source) -> bool:
    """Whether the source is one of a public case, or its files have a public origin."""
    if case.path.is_relative_to(cases_folder()):
        return True
    files = [listed(case, path) for path in source.paths()]
    return all(file is not None and file.origin is not None for file in files)


def _of_lines(source: Source, read: Read) -> Iterator[str]:
    """Stamps and lines of a file of flows or log lines that were not read, in words."""
    bare = read.table.filter(read.table.us.isnull(), read.table.wall.isnull())
    if undated := int(bare.count().to_pyarrow().as_py()):
        first = bare.order_by("row").limit(1).to_pyarrow().to_pylist()[0]
        told = _some(
            undated, ("stamp is", "stamps are"), "not read", first["row"], first.get("raw")
        )
        yield told + (_by(source) if source.format in TABULAR else "")
    if read.broken and read.first_broken is not None:
        yield _some(read.broken, ("line is", "lines are"), "broken", *read.first_broken)


def _of_stamps(case: Case, source: Source, table: ir.Table) -> Iterator[str]:
    """Stamps of a table that were not read, in words."""
    from veedor.engine.instants import read_instants
    from veedor.engine.timeline import stamp_text

    if source.kind not in DATED:
        return
    steps = [
        (f"{step.id}: ", source.model_copy(update={"instant": step.instant, "stage": step.id}))
        for step in source.steps
    ]
    for name, part in steps or [("", source)]:
        if not part.instant:
            continue
        rows = table.select(row=table["_row"].cast("int64"), raw=stamp_text(table, part))
        rows = rows.order_by("row").to_pyarrow()
        raw = rows["raw"].combine_chunks().cast("string")
        info = read_instants(case, part, raw, rows["row"].to_numpy()).info
        if info.unread and info.first_unread:
            of = f"of {counted(info.rows - info.empty, 'stamp')} "
            words = (f"{of}is", f"{of}are")
            yield name + _some(info.unread, words, "not read", *info.first_unread) + _by(part)
        if info.refused:
            yield f"{name}its clock is not used: {info.refused}"


def _some(
    number: int, words: tuple[str, str], which: str, row: int | None, text: str | None
) -> str:
    """How many are not as they should be, and the first of them."""
    shown = "no text" if text is None else repr(text)
    where = f"in row {row}: {shown}" if number == 1 else f"the first in row {row}: {shown}"
    return f"{number:,} {words[number != 1]} {which}, {where}"


def _by(source: Source) -> str:
    return f" (`instant_format` is {source.instant_format!r})"
