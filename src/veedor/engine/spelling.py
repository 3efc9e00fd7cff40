"""One spelling for each address, whatever the logs wrote."""

from __future__ import annotations

import ipaddress
import re

import ibis
import ibis.expr.types as ir

_WITH_PORT = re.compile(r"^(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+))(?::[0-9]{1,5})?$")


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(written: str) -> Address | None:
    """The address that a text is, without brackets and port; None where it is a name.

    An IPv6 address that maps an IPv4 one is that one.
    """
    text = written.strip()
    if found := _WITH_PORT.match(text):
        text = found["six"] or found["four"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def spelt(written: str) -> str:
    """An address in its usual spelling, without brackets and port; any other text as it is."""
    address = parsed(written)
    return written if address is None else str(address)


TABLES = {
    "flows": ("written_flows", ("src", "dst")),
    "unlabelled_lines": ("written_lines", ("address", "host")),
    "unlabelled_events": ("written_events", ("host",)),
    "unlabelled_custody": ("written_custody", ("host",)),
}
"""Table that is made -> the table of which it is made, and its columns with addresses."""


def respell(con: ibis.BaseBackend) -> None:
    """Each table of `TABLES`, with its addresses in one spelling."""
    for name, (base, columns) in TABLES.items():
        table = con.table(base)
        for column in columns:
            table = _respelt(con, table, column, f"spelt_{base}_{column}")
        con.create_view(name, table.select(*con.table(base).columns))


def _respelt(con: ibis.BaseBackend, table: ir.Table, column: str, name: str) -> ir.Table:
    names = table.select(name=table[column]).filter(ibis._.name.notnull()).distinct()
    seen = [str(v) for v in names.to_pyarrow().column("name").to_pylist()]
    other = {text: spelt(text) for text in seen if spelt(text) != text}
    if not other:
        return table
    schema = {"written": "string", "usual": "string"}
    rows = ibis.memtable({"written": list(other), "usual": list(other.values())}, schema=schema)
    book = con.create_table(name, rows)
    joined = table.left_join(book, [(column, "written")])
    return joined.mutate(**{column: joined.usual.fill_null(joined[column])}).drop(
        "written", "usual"
    )
