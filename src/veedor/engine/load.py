"""Make the canonical tables of a case from its files.

Every cell is read by one rule for all formats. What breaks a contract (a cell that is no whole
number, a station that stands twice, a row without a code) becomes a row to report, never an
exception and never a silent drop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.source import MACHINES
from veedor.case.tables import cell, votes_columns
from veedor.engine.accounts import (
    OF_ACCOUNTS,
    label_accounts,
    named_by_commands,
    names_in,
)
from veedor.engine.custody import label_custody, make_custody
from veedor.engine.declared import make_addresses, make_hosts, plan_of
from veedor.engine.evidence import CountInfo, Evidence, ListInfo
from veedor.engine.examined import label_examined, make_examined
from veedor.engine.machines import make_log_lines, make_machines
from veedor.engine.parse import CELL_FIELDS, fields_of, parse, station_code, table_name
from veedor.engine.places import make_history, make_stations
from veedor.engine.scans import make_scans
from veedor.engine.spelling import respell
from veedor.engine.timeline import make_events, make_timed, make_timeline, stages_of
from veedor.engine.verbs import rows, total
from veedor.sources import Opened, open_source
from veedor.sources.machine import Read, open_machine

Progress = Callable[[str], None]


def load(
    case: Case,
    con: ibis.BaseBackend,
    paths: Mapping[str, Path],
    folder: Path,
    *,
    missing: Mapping[str, str] | None = None,
    progress: Progress = lambda message: None,
    jobs: int | None = None,
) -> tuple[Evidence, dict[str, Opened]]:
    """Read all files of a case into canonical tables.

    Parameters
    ----------
    case : Case
    con : Ibis backend
    paths : mapping from file (as in the case) to where it lies
        Sources whose file is not here are left out; they must be optional.
    folder : path
        For unpacked files.
    missing : mapping
        Optional source -> why its file is not in `paths`.
    jobs : int, optional
        Processes that read scans; as many as there are cores when left out.

    Returns
    -------
    Evidence, and what was opened for each source.
    """
    opened: dict[str, Opened] = {}
    wanted = [s for s in case.sources if s.id not in (missing or {})]
    reads: dict[str, Read] = {}
    for source in (part for whole in wanted for part in whole.parts()):
        progress(f"reading {paths[source.file].name} ({source.id})")
        if source.kind in MACHINES:
            dated = source.near(case.date)
            reads[source.id] = open_machine(con, dated, paths[source.file], folder)
        else:
            opened[source.id] = open_source(con, source, paths[source.file], dict(paths), folder)
    parsed = {s.id: parse(con, case, s, opened[s.id].table) for s in case.count_sources()}
    progress("matching stations across sources")
    make_stations(con, case, parsed, {k: v.table for k, v in opened.items()})
    counts = _sheets(con, case, parsed)
    lists = _lists(con, case, {k: v.table for k, v in opened.items()})
    evidence = Evidence(case, con, counts, lists, missing=dict(missing or {}))
    for source in case.sources:
        if source.kind == "history" and source.id in opened:
            make_history(con, case, source, opened[source.id].table)
            evidence.history_level = source.level or case.geography[-1]
            evidence.history_election = source.election
    progress("ordering the count in time")
    evidence.plan = plan_of(case, opened)
    evidence.clocks = make_timeline(con, case, opened, counts)
    evidence.trails = make_custody(con, case, opened) | make_examined(con, case, opened)
    evidence.shelf = make_scans(
        con, case, opened, counts, paths, folder, missing=evidence.missing, say=progress, jobs=jobs
    )
    if reads:
        progress("placing what machines recorded in time")
    evidence.machines = make_machines(con, case, reads, folder)
    _label(con, evidence)
    evidence.stages = stages_of(case, evidence.clocks)
    evidence.early_known = make_timed(con, case, counts, evidence.stages, evidence.history_level)
    return evidence, opened


def _label(con: ibis.BaseBackend, evidence: Evidence) -> None:
    """Addresses in one spelling, accounts by labels that name nobody, and machines by what the plan
    says of them.
    """
    respell(con)
    lines, events, custody = (con.table(f"unlabelled_{n}") for n in ("lines", "events", "custody"))
    operators = names_in(events, "actor") + names_in(custody, "actor") + names_in(custody, "taker")
    examiners = [
        name
        for table in ("written_examined", "written_showings")
        for name in names_in(con.table(table), "examiner")
    ]
    objects = names_in(lines.filter(lines.kind.isin(OF_ACCOUNTS)), "object")
    others = names_in(lines, "actor") + objects + named_by_commands(lines)
    label_accounts(con, evidence.plan, operators, others, examiners)
    make_events(con)
    label_custody(con)
    label_examined(con)
    make_log_lines(con)
    flows = con.table("flows")
    seen = [
        name
        for table, column in (
            (flows, "src"),
            (flows, "dst"),
            (lines, "address"),
            (lines, "host"),
            (events, "host"),
            (custody, "host"),
        )
        for name in names_in(table, column)
    ]
    make_hosts(con, evidence.plan)
    sensors = [name for name, info in evidence.machines.items() if info.format == "zeek"]
    make_addresses(con, evidence.plan, seen, _presented(flows, lines, sensors))


def _presented(flows: ir.Table, lines: ir.Table, sensors: Sequence[str]) -> dict[str, set[str]]:
    """Address -> fingerprints of keys that the machine there presented.

    A login names the key of who logged in, unless a sensor tells of it.
    """
    keys: dict[str, set[str]] = {}
    shown = (
        flows.filter(flows.key.notnull()).select(address="dst", key="key"),
        lines.filter(
            lines.key.notnull(),
            lines.host.notnull(),
            lines.kind.isin(("handshake", "certificate")) | lines.source.isin(sensors),
        ).select(address="host", key="key"),
    )
    for table in shown:
        for row in table.distinct().to_pyarrow().to_pylist():
            keys.setdefault(str(row["address"]), set()).add(str(row["key"]))
    return keys


def _sheets(
    con: ibis.BaseBackend, case: Case, parsed: Mapping[str, ir.Table]
) -> dict[str, CountInfo]:
    """`sheets_N` for each count, and the rows that could not be part of one."""
    counts: dict[str, CountInfo] = {}
    cells, asides = [], []
    for number, source in enumerate(case.count_sources()):
        table = parsed[source.id]
        fields = fields_of(case, source)
        good, aside = _split(con, case, source, table, fields)
        sheets = con.create_table(
            f"sheets_{number}", _sheet_columns(con, case, source, good, fields)
        )
        count = source.count or source.id
        asides.append(aside)
        cells.append(_cells(con, case, source, good, fields, count))
        present = set(fields) - set(votes_columns(len(case.options)))
        if source.reason:
            present.add("reason")
        if source.latitude:
            present.add("latitude")
        counts[count] = CountInfo(
            id=count,
            role="official" if count == case.official else source.role,
            source=source,
            fields=frozenset(present),
            stations=rows(sheets),
            set_aside=rows(aside),
            empty_kept=source.blank_cell == "empty",
        )
    con.create_table("cells", ibis.union(*cells) if len(cells) > 1 else cells[0])
    con.create_table("set_aside", ibis.union(*asides) if len(asides) > 1 else asides[0])
    return counts


def _split(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    fields: Mapping[str, tuple[str, ...]],
) -> tuple[ir.Table, ir.Table]:
    """Rows whose station stands once (or again with the same content), and the rest."""
    words = [c for c in table.columns if c.startswith("t_")]
    places = [level for level in case.geography if level in table.columns]
    content = reduce(
        lambda a, b: a + "\x1f" + b,
        [
            table[c].cast("string").fill_null("\x1e")
            for c in (*fields, *words, *places, "counted", "reason")
        ],
    )
    codes = table.filter(table.station.notnull())
    several = codes.group_by("station").having(codes.count() > 1).agg(n=codes.count())
    marked = table.mutate(content=content)
    inside = marked.semi_join(several, "station")
    numbers = inside.group_by("station").agg(
        versions=inside.content.nunique(), first=inside.row.min()
    )
    numbers = con.create_table(f"repeated_{table_name(source)}", numbers)
    labelled = table.left_join(numbers, "station").drop("station_right")
    why = ibis.cases(
        (labelled.station.isnull(), "no-code"),
        (labelled.versions.isnull(), ibis.null("string")),
        (labelled.versions > 1, "conflicting"),
        (labelled.row > labelled.first, "repeated"),
        else_=ibis.null("string"),
    )
    labelled = con.create_table(
        f"labelled_{table_name(source)}",
        labelled.mutate(why=why).drop("versions", "first"),
    )
    rest = labelled.filter(labelled.why.notnull())
    aside = rest.select(
        count=ibis.literal(source.count or source.id),
        station="station",
        row="row",
        why="why",
        valid=total([rest[v] for v in votes_columns(len(case.options))]),
        registered=rest["registered"] if "registered" in fields else ibis.null("int64"),
        unreadable=reduce(
            lambda a, b: a | b,
            [
                rest[f"x_{v}_{i}"].notnull() & (rest[f"x_{v}_{i}"] != "empty")
                for v in votes_columns(len(case.options))
                for i in range(len(fields[v]))
            ],
        ).fill_null(False),
    )
    return labelled.filter(labelled.why.isnull()), aside


def _sheet_columns(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    good: ir.Table,
    fields: Mapping[str, tuple[str, ...]],
) -> ir.Table:
    places = [c for c in case.geography if c in good.columns]
    stations = con.table("stations")
    keep = stations.select(
        "sid",
        "station",
        *(cell(level) for level in case.geography),
        **{f"official_{level}": level for level in places},
    )
    joined = good.join(keep, "station")
    votes = [joined[v] for v in votes_columns(len(case.options))]
    none = ibis.null("int64")
    value = {n: joined[n] if n in fields else none for n in CELL_FIELDS}
    valid = total(votes)
    differs = (
        reduce(lambda a, b: a | b, [joined[p] != joined[f"official_{p}"] for p in places])
        if places and source.count != case.official
        else ibis.literal(False)
    )
    return joined.select(
        "sid",
        *(cell(level) for level in case.geography),
        *votes_columns(len(case.options)),
        **value,
        valid=valid,
        cast=total([valid, value["blank"], value["null"]]),
        reason="reason",
        counted="counted",
        place_differs=differs,
        row="row",
    ).order_by("sid")


def _cells(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    good: ir.Table,
    fields: Mapping[str, tuple[str, ...]],
    count: str,
) -> ir.Table:
    """The cells of good rows that are not whole numbers, one row each."""
    options = dict(zip(votes_columns(len(case.options)), case.option_ids, strict=True))
    stations = con.table("stations").select("sid", "station")
    parts = []
    for field, names in fields.items():
        for i, name in enumerate(names):
            state = good[f"x_{field}_{i}"]
            parts.append(
                good.filter(state.notnull()).select(
                    "station",
                    "row",
                    field=ibis.literal(options.get(field, field)),
                    column=ibis.literal(name),
                    raw=f"t_{field}_{i}",
                    state=f"x_{field}_{i}",
                )
            )
    union = ibis.union(*parts) if len(parts) > 1 else parts[0]
    joined = union.join(stations, "station")
    return con.create_table(
        f"cells_{table_name(source)}",
        joined.select(
            count=ibis.literal(count),
            sid="sid",
            row="row",
            field="field",
            column="column",
            raw="raw",
            state="state",
        ),
    )


def _lists(
    con: ibis.BaseBackend, case: Case, opened: Mapping[str, ir.Table]
) -> dict[str, ListInfo]:
    infos: dict[str, ListInfo] = {}
    parts = []
    stations = con.table("stations").select("sid", "station")
    for source in case.lists():
        if source.id not in opened:
            continue
        name = source.list_id or source.id
        table = opened[source.id]
        codes = table.select(station=station_code(table, source)).distinct()
        matched = codes.join(stations, "station").select(list_id=ibis.literal(name), sid="sid")
        parts.append(matched)
        lost = codes.anti_join(stations, "station").order_by("station").to_pyarrow()
        infos[name] = ListInfo(
            id=name,
            title=source.title or name,
            claim=source.claim,
            reference=source.reference,
            lost=source.lost,
            unmatched=tuple(str(v) for v in lost.column("station").to_pylist()),
        )
    empty = ibis.memtable({"list_id": [""], "sid": [-1]}).limit(0)
    con.create_table("lists", ibis.union(*parts) if len(parts) > 1 else (parts or [empty])[0])
    for union in case.unions:
        if all(member in infos for member in union.lists):
            infos[union.id] = ListInfo(
                id=union.id,
                title=union.title,
                claim=None,
                reference=None,
                lost=False,
                members=union.lists,
            )
    return infos
