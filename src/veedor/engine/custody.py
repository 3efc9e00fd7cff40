"""Custody trails and hashes as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.tables import CUSTODY, HASHES
from veedor.engine.accounts import labelled
from veedor.engine.instants import ClockInfo
from veedor.engine.parse import station_code, words
from veedor.engine.timeline import make_union, stamped, types_of, with_sid
from veedor.sources import Opened


def make_custody(
    con: ibis.BaseBackend, case: Case, opened: Mapping[str, Opened]
) -> dict[str, ClockInfo]:
    """`written_custody` (people not yet labelled) and `hashes`.

    Returns
    -------
    The clock of each source and, where a row holds a whole trail, of each of its steps.
    """
    clocks: dict[str, ClockInfo] = {}
    trails, hashes = [], []
    for source in case.sources:
        if source.id not in opened:
            continue
        table = opened[source.id].table
        if source.kind == "custody":
            trails += list(_trail(con, case, source, table, clocks))
        elif source.kind == "hashes":
            hashes.append(_hashes(con, case, source, table, clocks))
    make_union(con, "written_custody", trails, types_of(CUSTODY, case))
    make_union(con, "hashes", hashes, types_of(HASHES, case))
    return clocks


def label_custody(con: ibis.BaseBackend) -> None:
    """`custody`: the steps, people by their labels."""
    table = labelled(con, con.table("unlabelled_custody"), "actor", "taker")
    con.create_table("custody", table.select(*CUSTODY))


def _trail(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> Iterator[ir.Table]:
    """The steps of a source: one table for each step of a row, or one for all its rows."""
    station = {"station": station_code(table, source)}
    bundle = {"bundle": words(table, source, source.fields.get("bundle"))}
    if not source.steps:
        columns = {n: words(table, source, source.fields.get(n)) for n in _WORDS} | station
        yield _placed(con, source, stamped(con, case, source, table, clocks, columns))
        return
    for step in source.steps:
        columns = {n: words(table, source, getattr(step, n, None)) for n in _WORDS}
        columns |= bundle | {"step": ibis.literal(step.id)} | station
        part = source.model_copy(update={"instant": step.instant, "stage": step.id})
        rows = stamped(con, case, part, table, clocks, columns, clock=f"{source.id}.{step.id}")
        yield _placed(con, source, rows)


_WORDS = ("bundle", "step", "actor", "taker", "host", "place", "seal")


def _placed(con: ibis.BaseBackend, source: Source, rows: ir.Table) -> ir.Table:
    return with_sid(con, rows).mutate(source=ibis.literal(source.id))


def _hashes(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> ir.Table:
    cells = {n: words(table, source, source.fields.get(n)) for n in ("item", "sha256", "host")}
    cells["sha256"] = cells["sha256"].lower()
    rows = stamped(con, case, source, table, clocks, cells)
    return rows.mutate(source=ibis.literal(source.id))
