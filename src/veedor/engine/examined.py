"""Answers of examiners who looked at a sample of sheets, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.tables import EXAMINED
from veedor.engine.accounts import labelled
from veedor.engine.instants import ClockInfo
from veedor.engine.parse import station_code, words
from veedor.engine.timeline import make_union, stamped, types_of, with_sid
from veedor.sources import Opened


def make_examined(
    con: ibis.BaseBackend, case: Case, opened: Mapping[str, Opened]
) -> dict[str, ClockInfo]:
    """`written_examined`: a row for each answer, examiners not yet labelled.

    Returns
    -------
    The clock of each source with instants.
    """
    clocks: dict[str, ClockInfo] = {}
    sources = [s for s in case.sources if s.kind == "examined" and s.id in opened]
    tables = [t for s in sources for t in _answers(con, case, s, opened[s.id].table, clocks)]
    make_union(con, "written_examined", tables, types_of(EXAMINED, case))
    return clocks


def label_examined(con: ibis.BaseBackend) -> None:
    """`examined`: the answers, examiners by their labels."""
    table = labelled(con, con.table("written_examined"), "examiner")
    con.create_table("examined", table.select(*EXAMINED))


def _answers(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> Iterator[ir.Table]:
    """One table for each question of a source."""

    columns = {
        f"answer_{i}": words(table, source, column)
        for i, column in enumerate(source.answers.values())
    }
    columns |= {"station": station_code(table, source)}
    columns |= {"examiner": words(table, source, source.actor)}
    rows = with_sid(con, stamped(con, case, source, table, clocks, columns))
    for i, question in enumerate(source.answers):
        yield rows.mutate(
            sample=ibis.literal(source.sample),
            question=ibis.literal(question),
            answer=rows[f"answer_{i}"],
            source=ibis.literal(source.id),
        )
