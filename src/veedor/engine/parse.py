"""Read the cells of a count: every cell by one rule, for all formats.

What is no whole number keeps its words and gets a state that says why it has no value.
"""

from __future__ import annotations

from functools import reduce

import ibis
import ibis.expr.types as ir

from veedor.case.manifest import Case, Source
from veedor.case.tables import votes_columns
from veedor.engine.verbs import total

CELL_FIELDS = ("registered", "blank", "null", "declared_valid", "declared_cast")


def words(table: ir.Table, source: Source, column: str | None) -> ir.StringValue:
    """A column of texts, null where a cell is empty or no column is named."""
    if column is None:
        return ibis.null("string")
    return text(table[column], source.strip).nullif("")


def station_code(table: ir.Table, source: Source) -> ir.StringValue:
    """The official code: key columns as trimmed text, joined by '/'; null where one is empty.

    A '/' inside a part of several is doubled, so that no two stations share a code.
    """
    parts = [text(table[column], source.strip).nullif("") for column in source.key]
    if len(parts) > 1:
        parts = [part.replace("/", "//") for part in parts]
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


def number(column: ir.Value, source: Source) -> tuple[ir.IntegerValue, ir.StringValue]:
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
        separated = ibis.literal(False)
        empty = column.isnull()
        if not source.words:
            as_text = None
    else:
        as_text = text(column, source.strip)
        if source.thousands:
            as_text = as_text.replace(source.thousands, "")
        good = as_text.re_search(r"^[0-9]{1,15}(\.0{1,2})?$")
        digits = as_text.re_replace(r"\.0{1,2}$", "")
        value = good.ifelse(digits.nullif("").try_cast("int64"), ibis.null("int64"))
        negative = as_text.re_search("^[-\u2212][0-9]+([.,][0-9]+)?$")
        separated = as_text.re_search(r"^[0-9]{1,3}([., '][0-9]{3})+$")
        fractional = as_text.re_search(r"^[0-9]+[.,][0-9]+$")
        empty = column.isnull() | (as_text == "")
    branches: list[tuple[ir.BooleanValue, str | None]] = []
    if as_text is not None:
        branches = [(as_text == word, meaning) for word, meaning in source.words.items()]
    branches += [
        (good, None),
        (empty, "empty"),
        (negative, "negative"),
        (separated, "separated"),
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


def fields_of(case: Case, source: Source) -> dict[str, tuple[str, ...]]:
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


def parse(con: ibis.BaseBackend, case: Case, source: Source, table: ir.Table) -> ir.Table:
    """Every cell of a count read: `station`, levels, fields, and `x_FIELD_i` states."""
    columns: dict[str, ir.Value] = {
        "row": table["_row"].cast("int64"),
        "station": station_code(table, source),
    }
    for level, column in source.geography.items():
        columns[level] = text(table[column], source.strip).fill_null("")
    for field, names in fields_of(case, source).items():
        values = []
        for i, name in enumerate(names):
            value, state = number(table[name], source)
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
    return con.create_table(f"parsed_{table_name(source)}", table.select(**columns))


def _reason(table: ir.Table, source: Source) -> ir.StringValue:
    if not source.reason:
        return ibis.null("string")
    value = text(table[source.reason], source.strip)
    return value.isin([*source.reasons_clear, ""]).ifelse(ibis.null("string"), value)


def table_name(source: Source) -> str:
    """The source's id as part of a table's name."""
    return "".join(c if c.isalnum() else "_" for c in source.id)
