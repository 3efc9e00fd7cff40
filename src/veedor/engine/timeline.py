"""The count in time as tables: log lines, publications, states, arrivals, successive exports.

Lines are kept whatever they hold: one without a known station has no `sid`, one whose stamp is not
read has no instant. What is refused or unread is told by the `ClockInfo` of its source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import PurePosixPath

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from veedor.case.manifest import Case, Source
from veedor.case.tables import ARRIVALS, EVENTS, EXPORTS, PUBLICATIONS, STATES, cell, votes_columns
from veedor.engine.accounts import labelled
from veedor.engine.evidence import CountInfo, snapshot_at_cut
from veedor.engine.instants import UNKNOWN, ClockInfo, read_instants
from veedor.engine.parse import number, station_code, table_name, text, words
from veedor.engine.places import normalised
from veedor.engine.verbs import total
from veedor.errors import SourceError
from veedor.sources import Opened


def make_timeline(
    con: ibis.BaseBackend,
    case: Case,
    opened: Mapping[str, Opened],
    counts: Mapping[str, CountInfo],
) -> dict[str, ClockInfo]:
    """`written_events`, `publications`, `states`, `arrivals` and `exports`.

    Returns
    -------
    The clock of each source with instants.
    """
    clocks: dict[str, ClockInfo] = {}
    sources = [s for s in case.sources if s.id in opened or s.parts()[0].id in opened]
    logs = [_log(con, case, s, opened[s.id].table, clocks) for s in sources if s.kind == "log"]
    make_union(con, "written_events", logs, types_of(EVENTS, case))
    states = [_states(con, case, s, opened[s.id].table) for s in sources if s.kind == "states"]
    make_union(con, "states", states, types_of(STATES, case))
    arrivals = [
        _arrivals(con, case, s, opened[s.id].table) for s in sources if s.kind == "arrivals"
    ]
    make_union(con, "arrivals", arrivals, types_of(ARRIVALS, case))
    runs = [_exports(con, case, s, opened) for s in sources if s.kind == "exports"]
    make_union(con, "exports", [run for run, _ in runs], types_of(EXPORTS, case))
    published = [
        _publications(con, case, s, opened[s.id].table, clocks)
        for s in sources
        if s.kind == "publications"
    ]
    published += [_count_published(con, case, info, i) for i, info in enumerate(counts.values())]
    published += [table for _, table in runs]
    make_union(
        con, "publications", [p for p in published if p is not None], types_of(PUBLICATIONS, case)
    )
    return clocks


def make_events(con: ibis.BaseBackend) -> None:
    """`events`: log lines of the count, operators by their labels."""
    con.create_table(
        "events",
        labelled(con, con.table("unlabelled_events"), "actor").select(
            *con.table("unlabelled_events").columns
        ),
    )


def stages_of(case: Case, clocks: Mapping[str, ClockInfo]) -> tuple[str, ...]:
    """The stages of the process that a usable log records, in the case's order."""
    usable = [s for s in case.sources if s.kind == "log" and s.id in clocks]
    return tuple(dict.fromkeys(str(s.stage) for s in usable if not clocks[s.id].refused))


def make_timed(
    con: ibis.BaseBackend,
    case: Case,
    counts: Mapping[str, CountInfo],
    stages: tuple[str, ...],
    history_level: str | None,
) -> bool:
    """`timed`: the counted official sheets with what is known of their time and of their place.

    Returns
    -------
    Whether something tells which sheets were published before the cut.
    """
    official = con.table(f"sheets_{list(counts).index(case.official)}")
    sheets = official.filter(official.counted)
    stations = con.table("stations")
    table = sheets.join(stations.select("sid", "place_class", "latitude", "longitude"), "sid")
    stamps = _stamps(con, stages)
    table = table.left_join(stamps.rename(sid_t="sid"), [("sid", "sid_t")])
    states = con.table("states")
    lasting = states.group_by(sid_s=states.sid).agg(state=states.state.max())
    table = table.left_join(lasting, [("sid", "sid_s")])
    early, known = _early(con, case, counts, table, stages)
    votes = {v: table[v].fill_null(0) for v in votes_columns(len(case.options))}
    table = table.mutate(early=early, **votes)
    parts = [f"h{i}" for i in range(len(case.options))]
    if history_level is None:
        gone = {p: ibis.null("float64") for p in parts}
        table = table.mutate(h_valid=ibis.null("int64"), **gone)
    else:
        history = con.table("history").rename(h_cell="cell", h_valid="valid")
        table = table.left_join(history, [(cell(history_level), "h_cell")])
    con.create_table("timed", table.select(*_types_of_timed(case)).order_by("sid"))
    return known


def _types_of_timed(case: Case) -> list[str]:
    options = range(len(case.options))
    return [
        "sid",
        *(cell(level) for level in case.geography),
        *votes_columns(len(case.options)),
        *("valid", "registered", "place_class", "latitude", "longitude", "early", "t", "state"),
        *(f"h{i}" for i in options),
        "h_valid",
    ]


def _stamps(con: ibis.BaseBackend, stages: tuple[str, ...]) -> ir.Table:
    """The first stamp of each station at the last stage; else the first export that holds it."""
    events = con.table("events")
    if stages:
        main = events.filter(events.stage == stages[-1], events.t.notnull(), events.sid.notnull())
        return main.group_by("sid").agg(t=main.t.min())
    exports = con.table("exports")
    return exports.group_by("sid").agg(t=exports.t.min())


def _early(
    con: ibis.BaseBackend,
    case: Case,
    counts: Mapping[str, CountInfo],
    table: ir.Table,
    stages: tuple[str, ...],
) -> tuple[ir.BooleanValue, bool]:
    if case.cut is None:
        return ibis.null("boolean"), False
    if snapshot := snapshot_at_cut(case, counts):
        there = con.table(f"sheets_{list(counts).index(snapshot)}").select("sid")
        return table.sid.isin(there.sid), True
    exports = any(s.kind == "exports" for s in case.sources)
    if stages or exports:
        return (table.t <= int(case.cut.at.timestamp())).fill_null(False), True
    return ibis.null("boolean"), False


def types_of(columns: Mapping[str, str], case: Case) -> dict[str, str]:
    """Column of a canonical table -> its type, `v0, v1, ...` spelt out."""
    found: dict[str, str] = {}
    for name, about in columns.items():
        kind = {"text": "string", "float": "float64", "bool": "boolean"}
        of = about.split(":")[0]
        names = votes_columns(len(case.options)) if name.startswith("v0") else [name]
        found |= {n: kind.get(of, of) for n in names}
    return found


def make_union(
    con: ibis.BaseBackend, name: str, tables: Iterable[ir.Table], types: Mapping[str, str]
) -> None:
    """A table of the rows of several, with those columns and types; empty where there are none."""
    cast = [t.select(**{n: t[n].cast(kind) for n, kind in types.items()}) for t in tables]
    if not cast:
        con.create_table(name, schema=ibis.schema(dict(types)))
        return
    con.create_table(name, ibis.union(*cast) if len(cast) > 1 else cast[0])


def stamp_text(table: ir.Table, source: Source) -> ir.StringValue:
    """The stamp as written: its columns joined by a blank, null where one is empty or holds a word
    to which the case gives a meaning.
    """
    parts = [text(table[column], source.strip).nullif("") for column in source.instant]
    for word in source.words:
        parts = [part.nullif(word) for part in parts]
    return reduce(lambda left, right: left + " " + right, parts)


def _values(table: ir.Table, case: Case, source: Source) -> dict[str, ir.Value]:
    """Votes of each option, and the file's own total of valid votes."""
    found: dict[str, ir.Value] = {}
    for v, option in zip(votes_columns(len(case.options)), case.options, strict=True):
        names = source.options.get(option.id, ())
        values = [number(table[n], source)[0] for n in names]
        known = [value.notnull() for value in values]
        found[v] = (
            reduce(lambda a, b: a | b, known).ifelse(total(values), ibis.null("int64"))
            if values
            else ibis.null("int64")
        )
    if source.declared_valid:
        found["valid"] = number(table[source.declared_valid], source)[0]
    elif set(case.option_ids) <= set(source.options):
        found["valid"] = total(found.values())
    else:
        found["valid"] = ibis.null("int64")
    return found


def stamped(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
    columns: Mapping[str, ir.Value],
    clock: str = "",
) -> ir.Table:
    """The rows with their instants read (`row`, `raw`, `local`, `t`), as a table.

    `clocks` takes what the clock is, under the name of the clock: the source's where none is given.
    """
    name = clock or source.id
    raw = stamp_text(table, source) if source.instant else ibis.null("string")
    rows = (
        table.select(row=table["_row"].cast("int64"), raw=raw, **columns)
        .order_by("row")
        .to_pyarrow()
    )
    stamps = rows["raw"].combine_chunks().cast(pa.string())
    read = read_instants(case, source, stamps, rows["row"].to_numpy())
    if source.instant:
        clocks[name] = read.info
    for column, values in (("local", read.local), ("t", read.utc)):
        rows = rows.append_column(column, pa.array(values, pa.int64(), mask=values == UNKNOWN))
    return con.create_table(ibis.util.gen_name("stamped"), ibis.memtable(rows))


def _log(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> ir.Table:
    columns = {
        "station": station_code(table, source),
        "actor": words(table, source, source.actor),
        "host": words(table, source, source.host),
        **_values(table, case, source),
    }
    rows = stamped(con, case, source, table, clocks, columns)
    return with_sid(con, rows).mutate(
        stage=ibis.literal(source.stage), source=ibis.literal(source.id)
    )


def with_sid(con: ibis.BaseBackend, table: ir.Table) -> ir.Table:
    """The table with the number of its `station`, null where that is not known."""
    stations = con.table("stations").select("sid", station_known="station")
    return table.left_join(stations, [("station", "station_known")])


def _publications(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    clocks: dict[str, ClockInfo],
) -> ir.Table:
    none = ibis.null("int64")
    columns = {
        "sheets": number(table[source.sheets], source)[0],
        "received": number(table[source.received], source)[0] if source.received else none,
        **_values(table, case, source),
    }
    rows = stamped(con, case, source, table, clocks, columns)
    return rows.mutate(source=ibis.literal(source.id), origin=ibis.literal("log"))


def _count_published(
    con: ibis.BaseBackend, case: Case, info: CountInfo, position: int
) -> ir.Table | None:
    """A published count as one line of publications; None where the case gives no instant."""
    if info.source.at is None:
        return None
    sheets = con.table(f"sheets_{position}")
    votes = {v: sheets[v].fill_null(0).sum() for v in votes_columns(len(case.options))}
    return sheets.agg(sheets=sheets.count(), valid=sheets.valid.sum(), **votes).mutate(
        **_instant_columns(case, info.source.at),
        source=ibis.literal(info.source.id),
        origin=ibis.literal("count"),
        received=ibis.null("int64"),
        row=ibis.literal(position + 1, "int64"),
    )


def _instant_columns(case: Case, at: dt.datetime) -> dict[str, ir.Value]:
    wall = at.astimezone(case.zone).replace(tzinfo=dt.UTC)
    return {
        "t": ibis.literal(int(at.timestamp()), "int64"),
        "local": ibis.literal(int(wall.timestamp()), "int64"),
        "raw": ibis.literal(at.isoformat()),
    }


def _states(con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table) -> ir.Table:
    state = (
        text(table[source.state_column], source.strip)
        if source.state_column
        else ibis.literal(source.state)
    )
    remark = (
        (text(table[source.remark], source.strip).fill_null("") != "")
        if source.remark
        else ibis.literal(False)
    )
    rows = table.select(
        row=table["_row"].cast("int64"),
        station=station_code(table, source),
        state=state,
        remark=remark,
    )
    return with_sid(con, con.create_table(f"left_{table_name(source)}", rows)).mutate(
        source=ibis.literal(source.id)
    )


def _arrivals(con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table) -> ir.Table:
    bracket = {
        name: text(table[column], source.strip).try_cast("float64")
        for name, column in (("low", source.low), ("high", source.high))
        if column
    }
    count = ibis.literal(source.count)
    if source.match == "key":
        rows = table.select(station=station_code(table, source), **bracket)
        made = con.create_table(f"arrived_{table_name(source)}", rows)
        return with_sid(con, made).mutate(count=count)
    levels = [n for n in case.geography if n in source.geography]
    inner = levels[-1]
    keys = {f"n_{n}": normalised(text(table[source.geography[n]])) for n in levels}
    rows = table.select(nth=text(table[source.ordinal]).try_cast("int64"), **bracket, **keys)
    made = con.create_table(f"arrived_{table_name(source)}", rows)
    stations = con.table("stations")
    # A station's number within its centre is its rank by code; codes of digits rank as numbers.
    code = stations.station.try_cast("int64")
    window = ibis.window(group_by=stations[cell(inner)], order_by=[code, stations.station])
    places = stations.select(
        "sid",
        nth=(ibis.row_number().over(window) + 1).cast("int64"),
        **{f"n_{n}": normalised(stations[n]) for n in levels},
    )
    places = con.create_table(f"numbered_{table_name(source)}", places)
    joined = made.join(places, [*keys, "nth"])
    once = joined.group_by("sid").agg(
        low=joined.low.min(), high=joined.high.max(), n=joined.count()
    )
    return once.filter(once.n == 1).mutate(count=count)


def _exports(
    con: ibis.BaseBackend, case: Case, source: Source, opened: Mapping[str, Opened]
) -> tuple[ir.Table, ir.Table]:
    """Successive exports: what stood in them station by station, and the totals of each."""
    parts, totals = [], []
    votes = votes_columns(len(case.options))
    for position, part in enumerate(source.parts(), 1):
        at = _named_instant(case, part)
        table = opened[part.id].table
        values = _values(table, case, source)
        invalid = [number(table[n], source)[0] for n in (*source.blank, *source.null)]
        words = [v.cast("string").fill_null("") for v in (*values.values(), *invalid)]
        stamp = _instant_columns(case, at)
        rows = con.create_table(
            f"export_{table_name(part)}",
            table.select(
                station=station_code(table, source),
                content=reduce(lambda a, b: a + "," + b, words),
                **stamp,
                **values,
            ),
        )
        parts.append(rows.select("station", "content", "t"))
        totals.append(
            rows.agg(
                sheets=rows.station.nunique(),
                t=rows.t.min(),
                local=rows.local.min(),
                raw=rows.raw.min(),
                valid=rows.valid.sum(),
                **{v: rows[v].sum() for v in votes},
            ).mutate(
                source=ibis.literal(part.id),
                origin=ibis.literal("series"),
                received=ibis.null("int64"),
                row=ibis.literal(position, "int64"),
            )
        )
    every = ibis.union(*parts) if len(parts) > 1 else parts[0]
    found = every.group_by("station").agg(
        t=every.t.min(),
        last_t=every.t.max(),
        versions=every.content.nunique(),
        exports=every.t.nunique(),
    )
    made = con.create_table(f"exports_{table_name(source)}", found)
    summed = ibis.union(*totals) if len(totals) > 1 else totals[0]
    summed = con.create_table(f"exported_{table_name(source)}", summed)
    return with_sid(con, made).mutate(count=ibis.literal(source.count)), summed


def _named_instant(case: Case, part: Source) -> dt.datetime:
    """When a file was exported, by its name."""
    name = PurePosixPath(part.file).name.split(".")[0]
    try:
        at = dt.datetime.strptime(name, str(part.name_instant))
    except ValueError as error:
        raise SourceError(
            f"its name does not tell an instant by {part.name_instant!r}",
            place=part.file,
            remedy=f"Mend `name_instant` of sources.{part.id.rsplit('-', 1)[0]}.",
        ) from error
    return at.replace(tzinfo=case.zone) if at.tzinfo is None else at
