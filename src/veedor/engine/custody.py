"""Custody trails and hashes as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from veedor.case.manifest import Case, Source
from veedor.case.source import Step
from veedor.case.tables import CUSTODY, HASHES
from veedor.engine.accounts import labelled
from veedor.engine.instants import UNKNOWN, ClockInfo, read_instants
from veedor.engine.parse import station_code, text
from veedor.engine.timeline import make_union, stamp_text, types_of, with_sid
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
    none = ibis.null("string")

    def words(column: str | None) -> ir.Value:
        return text(table[column], source.strip).nullif("") if column else none

    station = station_code(table, source)
    if not source.steps:
        columns = {n: words(source.fields.get(n)) for n in _WORDS}
        yield _stamped(con, case, source, table, source.id, station, columns, clocks)
        return
    for step in source.steps:
        columns = {n: words(getattr(step, n, None)) for n in _WORDS}
        columns |= {"bundle": words(source.fields.get("bundle")), "step": ibis.literal(step.id)}
        part = source.model_copy(update={"instant": step.instant, "stage": step.id})
        name = f"{source.id}.{step.id}"
        yield _stamped(con, case, part, table, name, station, columns, clocks)


_WORDS = ("bundle", "step", "actor", "taker", "host", "place", "seal")


def _stamped(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    name: str,
    station: ir.Value,
    columns: Mapping[str, ir.Value],
    clocks: dict[str, ClockInfo],
) -> ir.Table:
    raw = stamp_text(table, source) if source.instant else ibis.null("string")
    rows = (
        table.select(row=table["_row"].cast("int64"), raw=raw, station=station, **columns)
        .order_by("row")
        .to_pyarrow()
    )
    stamps = rows["raw"].combine_chunks().cast(pa.string())
    read = read_instants(case, source, stamps, rows["row"].to_numpy())
    if source.instant:
        clocks[name] = read.info
    for column, values in (("local", read.local), ("t", read.utc)):
        rows = rows.append_column(column, pa.array(values, pa.int64(), mask=values == UNKNOWN))
    made = con.create_table(
        "trail_" + "".join(c if c.isalnum() else "_" for c in name), ibis.memtable(rows)
    )
    return with_sid(con, made).mutate(source=ibis.literal(source.id))


def _hashes(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> ir.Table:
    cells = {n: text(table[c], source.strip).nullif("") for n, c in source.fields.items()}
    cells = {n: cells.get(n, ibis.null("string")) for n in ("item", "sha256", "host")}
    cells["sha256"] = cells["sha256"].lower()
    none = ibis.null("string")
    return _stamped(con, case, source, table, source.id, none, cells, clocks)


def steps_of(case: Case) -> tuple[str, ...]:
    """The steps of the custody trails, in the case's order, where rows hold whole trails."""
    found: list[Step] = [step for s in case.sources if s.kind == "custody" for step in s.steps]
    return tuple(dict.fromkeys(step.id for step in found))
