"""Make the canonical tables of a case from its files.

Every cell is read by one rule for all formats. What breaks a contract (a cell that is no whole
number, a station that stands twice, a row without a code) becomes a row to report, never an
exception and never a silent drop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.tables import cell, votes_columns
from veedor.engine.evidence import CountInfo, Evidence, ListInfo
from veedor.engine.verbs import rows, total
from veedor.errors import SourceError
from veedor.sources import Opened, open_source

Progress = Callable[[str], None]

CELL_FIELDS = ("registered", "blank", "null", "declared_valid", "declared_cast")


def load(
    case: Case,
    con: ibis.BaseBackend,
    paths: Mapping[str, Path],
    folder: Path,
    *,
    missing: Mapping[str, str] | None = None,
    progress: Progress = lambda message: None,
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

    Returns
    -------
    Evidence, and what was opened for each source.
    """
    opened: dict[str, Opened] = {}
    for source in case.sources:
        if source.id in (missing or {}):
            continue
        progress(f"reading {paths[source.file].name} ({source.id})")
        opened[source.id] = open_source(con, source, paths[source.file], dict(paths), folder)
    parsed = {s.id: _parse(con, case, s, opened[s.id].table) for s in case.count_sources()}
    progress("matching stations across sources")
    _stations(con, case, parsed, {k: v.table for k, v in opened.items()})
    counts = _sheets(con, case, parsed)
    lists = _lists(con, case, {k: v.table for k, v in opened.items()})
    evidence = Evidence(case, con, counts, lists, missing=dict(missing or {}))
    for source in case.sources:
        if source.kind == "history" and source.id in opened:
            _history(con, case, source, opened[source.id].table)
            evidence.history_level = source.level or case.geography[-1]
            evidence.history_election = source.election
    return evidence, opened


def station_code(table: ir.Table, source: Source) -> ir.StringValue:
    """The official code: the key columns as trimmed text, joined by '/'; null where one is empty."""
    parts = [text(table[column], source.strip).nullif("") for column in source.key]
    return reduce(lambda left, right: left + "/" + right, parts)


def text(column: ir.Value, strip: str = "") -> ir.StringValue:
    """A cell as text without blanks around it; a whole number without its decimals."""
    if column.type().is_floating():
        whole = (column == column.floor()) & (column.abs() < 2**53)
        value = whole.ifelse(column.cast("int64").cast("string"), column.cast("string"))
    else:
        value = column.cast("string")
    value = value.strip()
    if strip:
        pattern = "[" + "".join("\\" + c for c in strip) + "]+"
        value = value.re_replace(f"^{pattern}|{pattern}$", "").strip()
    return value


def _number(column: ir.Value, source: Source) -> tuple[ir.IntegerValue, ir.StringValue]:
    """Value (null where no whole number) and state (null where it is one) of a cell."""
    if column.type().is_numeric():
        as_text = text(column)
        if column.type().is_integer():
            good = column >= 0
            fractional = ibis.literal(False)
        else:
            good = (column >= 0) & (column == column.floor()) & (column < 2.0**53)
            fractional = column != column.floor()
        value = good.ifelse(column.cast("int64"), ibis.null("int64"))
        negative = column < 0
        empty = column.isnull()
        if not source.words:
            as_text = None
    else:
        as_text = text(column, source.strip)
        good = as_text.re_search(r"^[0-9]{1,15}(\.0+)?$")
        digits = as_text.re_replace(r"\.0+$", "")
        value = good.ifelse(digits.nullif("").try_cast("int64"), ibis.null("int64"))
        negative = as_text.re_search("^[-\u2212][0-9]+([.,][0-9]+)?$")
        fractional = as_text.re_search(r"^[0-9]+[.,][0-9]+$")
        empty = column.isnull() | (as_text == "")
    branches: list[tuple[ir.BooleanValue, str | None]] = []
    if as_text is not None:
        branches = [(as_text == word, meaning) for word, meaning in source.words.items()]
    branches += [
        (good, None),
        (empty, "empty"),
        (negative, "negative"),
        (fractional, "fractional"),
    ]
    state = ibis.cases(
        *((c.fill_null(False), ibis.literal(s, type="string")) for c, s in branches), else_="word"
    )
    value = state.isnull().ifelse(value, ibis.null("int64"))
    if source.blank_cell == "zero":
        value = (state == "empty").fill_null(False).ifelse(ibis.literal(0, "int64"), value)
        state = state.nullif("empty")
    return value, state


def _fields(case: Case, source: Source) -> dict[str, tuple[str, ...]]:
    """Canonical field -> columns of the file that are summed for it."""
    fields: dict[str, tuple[str, ...]] = {
        v: source.options[o.id]
        for v, o in zip(votes_columns(len(case.options)), case.options, strict=True)
    }
    for name in CELL_FIELDS:
        columns = getattr(source, name)
        if columns:
            fields[name] = (columns,) if isinstance(columns, str) else columns
    return fields


def _parse(con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table) -> ir.Table:
    """Every cell of a count read: `station`, levels, fields, and `x_FIELD_i` states."""
    columns: dict[str, ir.Value] = {
        "row": table["_row"].cast("int64"),
        "station": station_code(table, source),
    }
    for level, column in source.geography.items():
        columns[level] = text(table[column], source.strip).fill_null("")
    for field, names in _fields(case, source).items():
        values = []
        for i, name in enumerate(names):
            value, state = _number(table[name], source)
            values.append(value)
            columns[f"x_{field}_{i}"] = state
            columns[f"t_{field}_{i}"] = state.notnull().ifelse(
                table[name].cast("string"), ibis.null("string")
            )
        if len(values) == 1:
            columns[field] = values[0]
        else:
            known = reduce(lambda a, b: a | b, [v.notnull() for v in values])
            columns[field] = known.ifelse(total(values), ibis.null("int64"))
    columns["reason"] = _reason(table, source)
    columns["counted"] = (
        text(table[source.counted.column], source.strip).isin(source.counted.values)
        if source.counted
        else ibis.literal(True)
    ).fill_null(False)
    for name in ("latitude", "longitude"):
        if column := getattr(source, name):
            columns[name] = text(table[column]).replace(",", ".").try_cast("float64")
    if source.place_class:
        columns["place_class"] = text(table[source.place_class], source.strip).nullif("")
    return con.create_table(f"parsed_{_name(source)}", table.select(**columns))


def _reason(table: ir.Table, source: Source) -> ir.StringValue:
    if not source.reason:
        return ibis.null("string")
    value = text(table[source.reason], source.strip)
    return value.isin([*source.reasons_clear, ""]).ifelse(ibis.null("string"), value)


def _stations(
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
    known = {
        n: ibis.coalesce(*[joined[f"{n}__{i}"] for i in range(len(singles))]) for n in names
    }
    for level in set(names) - {"latitude", "longitude", "place_class"}:
        known[level] = known[level].fill_null("")
    return joined.select("station", **known)


def _sheets(
    con: ibis.BaseBackend, case: Case, parsed: Mapping[str, ir.Table]
) -> dict[str, CountInfo]:
    """`sheets_N` for each count, and the rows that could not be part of one."""
    counts: dict[str, CountInfo] = {}
    cells, asides = [], []
    for number, source in enumerate(case.count_sources()):
        table = parsed[source.id]
        fields = _fields(case, source)
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
    con.create_table(
        "set_aside", ibis.union(*asides) if len(asides) > 1 else asides[0]
    )
    return counts


def _split(
    con: ibis.BaseBackend,
    case: Case,
    source: Source,
    table: ir.Table,
    fields: Mapping[str, tuple[str, ...]],
) -> tuple[ir.Table, ir.Table]:
    """Rows whose station stands once (or again with the same content), and the rest."""
    content = reduce(
        lambda a, b: a + "|" + b, [table[f].cast("string").fill_null("~") for f in fields]
    )
    codes = table.filter(table.station.notnull())
    several = codes.group_by("station").having(codes.count() > 1).agg(n=codes.count())
    marked = table.mutate(content=content)
    inside = marked.semi_join(several, "station")
    numbers = inside.group_by("station").agg(
        versions=inside.content.nunique(), first=inside.row.min()
    )
    numbers = con.create_table(f"repeated_{_name(source)}", numbers)
    labelled = table.left_join(numbers, "station").drop("station_right")
    why = ibis.cases(
        (labelled.station.isnull(), "no-code"),
        (labelled.versions.isnull(), ibis.null("string")),
        (labelled.versions > 1, "conflicting"),
        (labelled.row > labelled.first, "repeated"),
        else_=ibis.null("string"),
    )
    labelled = con.create_table(
        f"labelled_{_name(source)}", labelled.mutate(why=why).drop("versions", "first"),
       
    )
    rest = labelled.filter(labelled.why.notnull())
    aside = rest.select(
        count=ibis.literal(source.count or source.id),
        station="station",
        row="row",
        why="why",
        valid=total([rest[v] for v in votes_columns(len(case.options))]),
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
        "sid", "station", *(cell(level) for level in case.geography),
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
        f"cells_{_name(source)}",
        joined.select(
            count=ibis.literal(count), sid="sid", row="row", field="field", column="column",
            raw="raw", state="state",
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
        lost = codes.anti_join(stations, "station").order_by("station").limit(50).to_pyarrow()
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
                id=union.id, title=union.title, claim=None, reference=None, lost=False,
                members=union.lists,
            )
    return infos


def normalised(column: ir.StringValue) -> ir.StringValue:
    """A place's name without accents, case, punctuation and double blanks, for matching only."""
    plain = column.fill_null("").lower()
    pairs = {"á": "a", "é": "e", "í": "i", "ó": "o", "ú": "u", "ü": "u", "ñ": "n", "ç": "c",
             "à": "a", "è": "e", "ì": "i", "ò": "o", "ù": "u", "â": "a", "ê": "e", "ô": "o",
             "ã": "a", "õ": "o"}
    for accented, letter in pairs.items():
        plain = plain.replace(accented, letter)
    return plain.re_replace(r"[^\p{L}0-9]+", "")


def _history(con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table) -> None:
    """`history`: shares of the earlier election, for each cell of the level it is joined at."""
    level = source.level or case.geography[-1]
    code = cell(level)
    columns: dict[str, ir.Value] = {}
    for number, option in enumerate(case.options):
        names = source.options.get(option.id, ())
        columns[f"h{number}"] = (
            total([_number(table[n], source)[0] for n in names])
            if names
            else ibis.null("int64")
        )
    distinct = {name for names in source.options.values() for name in names}
    columns["valid"] = total([_number(table[n], source)[0] for n in sorted(distinct)])
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
    names = [f"h{i}" for i in range(len(case.options))]
    grouped = joined.group_by(cell=joined[code]).agg(
        valid=joined.valid.sum(), **{n: joined[n].sum() for n in names}
    )
    grouped = grouped.filter(grouped.valid > 0)
    shares = {n: grouped[n].cast("float64") / grouped.valid for n in names}
    made = grouped.select("cell", "valid", **shares)
    if rows(made) == 0:
        raise SourceError(
            "no place of the earlier election matches a place of this one",
            place=source.file,
            remedy=f"Check `key`, `geography`, `match` and `level` of sources.{source.id}.",
        )
    con.create_table("history", made)


def _name(source: Source) -> str:
    return "".join(c if c.isalnum() else "_" for c in source.id)
