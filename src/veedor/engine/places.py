"""Places: every station with its number and its full path, and the earlier election by place."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.tables import cell
from veedor.engine.parse import number, station_code, text
from veedor.engine.verbs import rows, total
from veedor.errors import SourceError


def make_stations(
    con: ibis.BaseBackend,
    case: Case,
    parsed: Mapping[str, ir.Table],
    opened: Mapping[str, ir.Table],
) -> None:
    """`stations`: every code seen, its number, its place (the official count's word first)."""
    registers = {s.id: s for s in case.sources if s.kind == "stations" and s.id in opened}
    frames = []
    for order, (_, table) in enumerate(parsed.items()):
        frames.append(_place_frame(case, table.filter(table.station.notnull()), order))
    for order, (name, source) in enumerate(registers.items(), len(parsed)):
        table = opened[name]
        columns: dict[str, ir.Value] = {"station": station_code(table, source)}
        for level, column in source.geography.items():
            columns[level] = text(table[column], source.strip).fill_null("")
        for part in ("latitude", "longitude"):
            if column := getattr(source, part):
                columns[part] = text(table[column]).replace(",", ".").try_cast("float64")
        if source.place_class:
            columns["place_class"] = text(table[source.place_class], source.strip).nullif("")
        frame = table.select(**columns)
        frames.append(_place_frame(case, frame.filter(frame.station.notnull()), order))
    names = [*case.geography, "latitude", "longitude", "place_class"]
    if len(frames) == 1:
        merged = frames[0].group_by("station").agg(**{n: frames[0][n].min() for n in names})
    else:
        merged = _first_known(con, frames, names)
    merged = con.create_table("stations_merged", merged)
    places = merged.select(*case.geography).distinct()
    window = [places[level] for level in case.geography]
    ranks = {
        cell(level): ibis.dense_rank().over(order_by=window[: i + 1]).cast("int64")
        for i, level in enumerate(case.geography)
    }
    places = con.create_table("places", places.mutate(**ranks))
    numbered = merged.mutate(sid=ibis.row_number().over(order_by=merged.station).cast("int64"))
    joined = numbered.join(places, list(case.geography))
    con.create_table("stations", joined.order_by("sid"))


def _place_frame(case: Case, table: ir.Table, order: int) -> ir.Table:
    columns: dict[str, ir.Value] = {"station": table.station}
    for level in case.geography:
        columns[level] = table[level] if level in table.columns else ibis.null("string")
    for name, kind in (
        ("latitude", "float64"),
        ("longitude", "float64"),
        ("place_class", "string"),
    ):
        columns[name] = table[name] if name in table.columns else ibis.null(kind)
    return table.select(**columns, order=ibis.literal(order, type="int64"))


def _first_known(con: ibis.BaseBackend, frames: list[ir.Table], names: list[str]) -> ir.Table:
    """For each station and column, the word of the first source that has one."""
    singles = []
    for i, frame in enumerate(frames):
        single = frame.group_by("station").agg(**{n: frame[n].min() for n in names})
        singles.append(con.create_table(f"places_{i}", single))
    keys = ibis.union(*[s.select("station") for s in singles], distinct=True)
    joined = keys
    for i, single in enumerate(singles):
        joined = joined.left_join(
            single.rename({f"{n}__{i}": n for n in names} | {f"k{i}": "station"}),
            [("station", f"k{i}")],
        )
    known = {n: ibis.coalesce(*[joined[f"{n}__{i}"] for i in range(len(singles))]) for n in names}
    for level in set(names) - {"latitude", "longitude", "place_class"}:
        known[level] = known[level].fill_null("")
    return joined.select("station", **known)


def normalised(column: ir.StringValue) -> ir.StringValue:
    """A place's name without accents, case, punctuation and double blanks, for matching only."""
    plain = column.fill_null("").lower()
    pairs = {
        "á": "a",
        "é": "e",
        "í": "i",
        "ó": "o",
        "ú": "u",
        "ü": "u",
        "ñ": "n",
        "ç": "c",
        "à": "a",
        "è": "e",
        "ì": "i",
        "ò": "o",
        "ù": "u",
        "â": "a",
        "ê": "e",
        "ô": "o",
        "ã": "a",
        "õ": "o",
    }
    for accented, letter in pairs.items():
        plain = plain.replace(accented, letter)
    return plain.re_replace(r"[^\p{L}0-9]+", "")


def make_history(con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table) -> None:
    """`history`: shares of the earlier election, for each cell of the level it is joined at."""
    level = source.level or case.geography[-1]
    code = cell(level)
    columns: dict[str, ir.Value] = {}
    for position, option in enumerate(case.options):
        names = source.options.get(option.id, ())
        columns[f"h{position}"] = (
            total([number(table[n], source)[0] for n in names]) if names else ibis.null("int64")
        )
    distinct = {name for names in source.options.values() for name in names}
    columns["valid"] = total([number(table[n], source)[0] for n in sorted(distinct)])
    stations = con.table("stations")
    if source.match == "key":
        frame = table.select(station=station_code(table, source), **columns)
        joined = frame.join(stations.select("station", code), "station")
    else:
        levels = [n for n in case.geography if n in source.geography]
        keys = {f"n_{n}": normalised(text(table[source.geography[n]])) for n in levels}
        frame = table.select(**keys, **columns)
        places = con.table("places")
        paths = places.select(code, **{f"n_{n}": normalised(places[n]) for n in levels}).distinct()
        once = paths.group_by([f"n_{n}" for n in levels]).agg(
            **{code: paths[code].min()}, n=paths[code].nunique()
        )
        once = once.filter(once.n == 1).drop("n")
        joined = frame.join(once, [f"n_{n}" for n in levels])
    parts = [f"h{i}" for i in range(len(case.options))]
    grouped = joined.group_by(cell=joined[code]).agg(
        valid=joined.valid.sum(), **{n: joined[n].sum() for n in parts}
    )
    grouped = grouped.filter(grouped.valid > 0)
    shares = {n: grouped[n].cast("float64") / grouped.valid for n in parts}
    made = grouped.select("cell", "valid", **shares)
    if rows(made) == 0:
        raise SourceError(
            "no place of the earlier election matches a place of this one",
            place=source.file,
            remedy=f"Check `key`, `geography`, `match` and `level` of sources.{source.id}.",
        )
    con.create_table("history", made)
