"""Answers of examiners who looked at a sample of sheets, and what was shown to them, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.tables import EXAMINED, SHOWINGS
from veedor.engine.accounts import labelled
from veedor.engine.instants import ClockInfo
from veedor.engine.parse import station_code, words
from veedor.engine.timeline import make_union, stamped, types_of, with_sid
from veedor.sources import Opened


def make_examined(
    con: ibis.BaseBackend, case: Case, opened: Mapping[str, Opened]
) -> dict[str, ClockInfo]:
    """`written_examined` and `written_showings`: a row for each answer and for each showing,
    examiners not yet labelled.

    Returns
    -------
    The clock of each source with instants.
    """
    clocks: dict[str, ClockInfo] = {}
    sources = [s for s in case.sources if s.id in opened]
    answers = [t for s in sources if s.kind == "examined"
               for t in _answers(con, case, s, opened[s.id].table, clocks)]  # fmt: skip
    make_union(con, "written_examined", answers, types_of(EXAMINED, case))
    showings = [_rows(con, case, s, opened[s.id].table, clocks, {}) for s in sources
                if s.kind == "showings"]  # fmt: skip
    make_union(con, "written_showings", showings, types_of(SHOWINGS, case))
    return clocks


def label_examined(con: ibis.BaseBackend) -> None:
    """`examined` and `showings`: the rows, examiners by their labels."""
    for name, columns in (("examined", EXAMINED), ("showings", SHOWINGS)):
        table = labelled(con, con.table(f"written_{name}"), "examiner")
        con.create_table(name, table.select(*columns))


def _answers(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> Iterator[ir.Table]:
    """One table for each question of a source."""
    columns: dict[str, ir.Value] = {
        f"answer_{i}": words(table, source, column)
        for i, column in enumerate(source.answers.values())
    }
    said = words(table, source, source.votes_shown).lower()
    columns["votes_shown"] = ibis.cases((said == "yes", True), (said == "no", False))
    rows = _rows(con, case, source, table, clocks, columns)
    for i, question in enumerate(source.answers):
        yield rows.mutate(question=ibis.literal(question), answer=rows[f"answer_{i}"])


def _rows(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
    columns: Mapping[str, ir.Value],
) -> ir.Table:
    """The rows of a source with those columns, and who, on which sheet, and when."""
    about = {
        "station": station_code(table, source),
        "examiner": words(table, source, source.actor),
    }
    rows = with_sid(con, stamped(con, case, source, table, clocks, {**columns, **about}))
    return rows.mutate(sample=ibis.literal(source.sample), source=ibis.literal(source.id))
