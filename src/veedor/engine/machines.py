"""What machines recorded as tables: flows and log lines of all sources, with their instants."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.source import TABULAR
from veedor.case.tables import FLOWS, LOG_LINES
from veedor.engine.accounts import OF_ACCOUNTS, commands_labelled, labelled
from veedor.engine.parse import table_name
from veedor.sources.machine import Read

QUARTER = 900_000_000
"""Microseconds of a quarter of an hour: zones change at quarters."""
STEP_BACK = 1_000_000
"""Microseconds by which a stamp may precede the line before it without being called a step back."""
STAMPED_AT_START = ("access-log", "iis")
"""Formats whose lines are written when a request ends and stamped when it began: the order of their
lines says nothing about a clock."""
BELOW = 2
"""Lines after a fall, in an hour that a clock shows twice, that lie before the line ahead of it:
one alone may be late."""
ENOUGH = 30
"""Stamps below which a clock's hours say nothing about the kind of clock."""

TYPES = {"text": "string", "int64": "int64"}


@dataclass(frozen=True, slots=True)
class LogInfo:
    """One file of flows or log lines, and how well it could be read.

    Attributes
    ----------
    source, kind, format : str
    of_host : str or None
        The host whose log it is, where the case says so.
    lines, broken : int
        Lines of the file, and those that could not be read.
    first_broken : (row, text) or None
    basis : str
        What its stamps are, in words.
    zone : str
        The zone in which stamps without an offset were read; empty where all carry one.
    zone_given : bool
        The case states that zone for this source; otherwise it is the zone of the case.
    undated : int
        Lines without an instant that could be read.
    first_us, last_us : int or None
        Microseconds of UTC of the earliest and the latest line.
    back, back_most : int
        Log lines whose stamp is more than a second before the line before; the largest such step,
        in microseconds.
    refused : str or None
        Why its clock is not used, where it is not.
    ambiguous : int
        Wall clocks in an hour that was shown twice, when clocks were put back, of which nothing
        tells which time it was; the first is taken.
    spanning : int
        Records of several lines.
    """

    source: str
    kind: str
    format: str
    of_host: str | None
    lines: int
    broken: int
    first_broken: tuple[int, str] | None
    basis: str
    zone: str
    zone_given: bool
    undated: int
    first_us: int | None
    last_us: int | None
    back: int
    back_most: int
    refused: str | None
    ambiguous: int = 0
    spanning: int = 0


def make_machines(
    con: ibis.BaseBackend, case: Case, reads: Mapping[str, Read], folder: Path
) -> dict[str, LogInfo]:
    """`written_flows` and `written_lines`: addresses and accounts as the files write them.

    What a reader wrote to disk stays there, and only wall clocks, which are placed by a zone, are
    written anew: no source is in memory whole.

    Returns
    -------
    What each source is, by its id.
    """
    infos: dict[str, LogInfo] = {}
    parts: dict[str, list[ir.Table]] = {"flows": [], "log-lines": []}
    for source in case.sources:
        if source.id not in reads:
            continue
        path = folder / f"machine_{table_name(source)}.parquet"
        infos[source.id], placed = _placed(con, case, source, reads[source.id], path)
        parts[source.kind].append(placed)
    for name, kind, columns in (
        ("written_flows", "flows", FLOWS),
        ("written_lines", "log-lines", {k: v for k, v in LOG_LINES.items() if k != "sid"}),
    ):
        schema = ibis.schema({n: TYPES[a.split(":")[0]] for n, a in columns.items()})
        if parts[kind]:
            con.create_view(name, ibis.union(*parts[kind]))
        else:
            con.create_table(name, schema=schema)
    return infos


def make_log_lines(con: ibis.BaseBackend) -> None:
    """`log_lines`: accounts by their labels, stations by their numbers."""
    lines = commands_labelled(con, con.table("unlabelled_lines"))
    accounts = lines.kind.isin(OF_ACCOUNTS)
    named = lines.mutate(account=accounts.ifelse(lines.object, ibis.null("string")))
    lines = labelled(con, named, "actor", "account")
    lines = lines.mutate(object=lines.kind.isin(OF_ACCOUNTS).ifelse(lines.account, lines.object))
    stations = con.table("stations").select("sid", station_known="station")
    joined = lines.left_join(stations, [("station", "station_known")])
    con.create_table("log_lines", joined.select(*LOG_LINES))


def _placed(
    con: ibis.BaseBackend, case: Case, source: Source, read: Read, path: Path
) -> tuple[LogInfo, ir.Table]:
    """Fix the instants of a source, and say how well it could be read."""
    table, clock = _dated(con, case, source, read.table)
    zone = clock.zone
    columns = (
        FLOWS if source.kind == "flows" else {k: v for k, v in LOG_LINES.items() if k != "sid"}
    )
    table = table.mutate(source=ibis.literal(source.id))
    if source.kind == "log-lines":
        table = table.mutate(station=table.station.strip().nullif(""))
    placed = table.select(
        **{n: table[n].cast(TYPES[about.split(":")[0]]) for n, about in columns.items()}
    )
    if zone:
        placed.to_parquet(path)
        placed = con.read_parquet(str(path))
    found = placed.agg(
        undated=placed.us.isnull().sum(), first=placed.us.min(), last=placed.us.max()
    )
    ends = found.to_pyarrow().to_pylist()[0]
    back, most = _steps_back(placed) if ordered(source) else (0, 0)
    info = LogInfo(
        source=source.id,
        kind=source.kind,
        format=source.format,
        of_host=source.of_host,
        lines=read.lines,
        broken=read.broken,
        first_broken=read.first_broken,
        basis=read.basis + clock.words,
        zone=zone,
        zone_given=bool(zone) and source.zone is not None,
        undated=int(ends["undated"] or 0),
        first_us=ends["first"],
        last_us=ends["last"],
        back=back,
        back_most=most,
        refused=clock.refused,
        ambiguous=clock.ambiguous,
        spanning=read.spanning,
    )
    return info, placed


@dataclass(frozen=True, slots=True)
class _Clock:
    """How wall clocks were placed: by which zone, whether at all, and how many by no evidence."""

    zone: str = ""
    refused: str | None = None
    ambiguous: int = 0

    @property
    def words(self) -> str:
        """What is to be said of it beside what the stamps are."""
        if not self.ambiguous:
            return ""
        lie = "1 lies" if self.ambiguous == 1 else f"{self.ambiguous:,} lie"
        return (
            f"; {lie} in an hour that the clock showed twice, and nothing tells"
            " which time it was: the first is taken"
        )


def _dated(
    con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table
) -> tuple[ir.Table, _Clock]:
    """Wall clocks turned into UTC by the source's zone, or the case's."""
    zone = source.zone or case.timezone
    bare = table.filter(table.us.isnull(), table.wall.notnull())
    quarters = bare.select(quarter=bare.wall // QUARTER).distinct().to_pyarrow()
    walls = [int(v) for v in quarters.column("quarter").to_pylist()]
    if not walls:
        if source.kind == "log-lines":
            table = table.mutate(zone=ibis.literal("offset in the stamp"))
        return table.drop("wall"), _Clock()
    shifts = con.create_table(
        f"shifts_{table_name(source)}",
        ibis.memtable(
            _shifts(walls, zoneinfo.ZoneInfo(zone)),
            schema={"quarter": "int64", "shift": "int64", "again": "int64"},
        ),
    )
    refused = _refusal(bare) if source.format in TABULAR else None
    marked = table.mutate(quarter=table.wall // QUARTER)
    joined = marked.left_join(shifts, "quarter")
    ambiguous = 0
    if not refused and _repeats(shifts):
        told = _falls(con, joined, f"falls_{table_name(source)}") if ordered(source) else None
        joined, ambiguous = _second_pass(joined, told)
    us = joined.us.fill_null(joined.wall - joined["shift"])
    if refused:
        us = joined.us
    given = {"us": us}
    if source.kind == "log-lines":
        offset = ibis.literal("offset in the stamp")
        given["zone"] = joined.us.notnull().ifelse(offset, ibis.literal(zone))
    dated = joined.mutate(**given).drop("wall", "quarter", "quarter_right", "shift", "again")
    return dated.order_by("row"), _Clock(zone, refused, ambiguous)


def _shifts(quarters: list[int], zone: zoneinfo.ZoneInfo) -> dict[str, list[int]]:
    """Each quarter of an hour of a wall clock, and how far it is ahead of UTC.

    `again` says how far it is when it is shown for the second time, where it is.
    """
    first = [_shift(q, zone, 0) for q in quarters]
    second = [_shift(q, zone, 1) for q in quarters]
    again = [min(a, b) for a, b in zip(first, second, strict=True)]
    return {"quarter": quarters, "shift": first, "again": again}


def _shift(quarter: int, zone: zoneinfo.ZoneInfo, fold: int) -> int:
    """Microseconds that the zone's wall clock is ahead of UTC in a quarter of an hour of it."""
    wall = dt.datetime(1970, 1, 1, fold=fold) + dt.timedelta(microseconds=quarter * QUARTER)
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset() or dt.timedelta()
    return int(offset.total_seconds()) * 1_000_000


def _repeats(shifts: ir.Table) -> bool:
    """Whether any quarter of an hour was shown twice."""
    twice = shifts.filter(shifts["shift"] != shifts.again)
    return bool(twice.count().to_pyarrow().as_py())


def ordered(source: Source) -> bool:
    """Whether a file's lines stand in the order in which they were stamped."""
    return source.kind == "log-lines" and source.format not in STAMPED_AT_START


def _falls(con: ibis.BaseBackend, table: ir.Table, name: str) -> ir.Table:
    """The machines whose lines tell when an hour began anew, each with the first row of that time.

    They fall back once, by at least half of what is shown twice, and stay below the line before:
    a line that is late does neither.
    """
    twice = table.filter(table["shift"] != table.again)
    twice = twice.mutate(machine=twice.host.fill_null(""), day=twice.wall // (96 * QUARTER))
    window = ibis.window(group_by=["machine", "day"], order_by="row")
    stepped = twice.mutate(before=twice.wall.lag().over(window))
    fell = (stepped.before - stepped.wall) * 2 >= stepped["shift"] - stepped.again
    falls = stepped.filter(fell).group_by("machine", "day")
    first = falls.agg(falls=ibis._.count(), at=ibis._.row.min(), level=ibis._.before.max())
    first = con.create_table(name, first.filter(first.falls == 1))
    after = twice.inner_join(first, ["machine", "day"])
    after = after.filter(after.row >= after["at"], after.wall < after.level)
    told = after.group_by("machine", "day").agg(at=after["at"].min(), below=after.count())
    told = told.filter(told.below >= BELOW)
    return con.create_table(f"{name}_told", told.select("machine", "day", "at"))


def _second_pass(table: ir.Table, told: ir.Table | None) -> tuple[ir.Table, int]:
    """The lines, with the `shift` of the second time where lines tell of it.

    Returns
    -------
    With the number of lines of which nothing tells which time it was: the first is taken.
    """
    twice = table["shift"] != table.again
    if told is None:
        return table, int(table.filter(twice).count().to_pyarrow().as_py())
    key = table.mutate(
        machine=table.host.fill_null(""), day=table.wall // (96 * QUARTER), twice=twice
    )
    told = told.rename(of="machine", on="day")
    joined = key.left_join(told, [key.machine == told.of, key.day == told.on])
    unknown = joined.filter(joined.twice, joined["at"].isnull()).count().to_pyarrow().as_py()
    later = (joined.twice & (joined.row >= joined["at"])).fill_null(False)
    shift = later.ifelse(joined.again, joined["shift"])
    return joined.mutate(shift=shift).drop("machine", "day", "twice", "of", "on", "at"), int(
        unknown
    )


def _refusal(bare: ir.Table) -> str | None:
    """Why wall clocks are of twelve hours without a half of the day, where they are.

    Stamps that rise row by row are in order whatever the clock: on a clock of twelve hours they
    would fall back from twelve to one.
    """
    hours = bare.select(hour=bare.wall // (4 * QUARTER) % 24)
    counted = hours.group_by("hour").agg(n=hours.count()).to_pyarrow().to_pydict()
    found, total = counted["hour"], sum(counted["n"])
    if total < ENOUGH or min(found) < 1 or max(found) > 12 or len(found) < 9:
        return None
    whose = ["host"] if "host" in bare.columns else []
    window = ibis.window(group_by=whose, order_by="row")
    step = bare.select(step=bare.wall.lag().over(window) - bare.wall)
    if not step.filter(step.step > 4 * QUARTER).count().to_pyarrow().as_py():
        return None
    return (
        f"a clock of twelve hours without a.m. or p.m.: all {total:,} stamps lie between 1 and 12"
        " o'clock, and they fall back, so that their order in time is not known"
    )


def _steps_back(table: ir.Table) -> tuple[int, int]:
    """How many lines of each machine go back in time from the line before, and the largest step."""
    known = table.filter(table.us.notnull())
    window = ibis.window(group_by="host", order_by="row")
    step = known.mutate(step=known.us.lag().over(window) - known.us)
    back = step.filter(step.step > STEP_BACK)
    found = back.agg(n=back.count(), most=back.step.max()).to_pyarrow().to_pylist()[0]
    return int(found["n"] or 0), int(found["most"] or 0)
