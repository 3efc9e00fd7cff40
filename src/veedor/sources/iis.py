"""Web server logs in the W3C extended format, as IIS writes them.

Source: https://www.w3.org/TR/WD-logfile.html. A line `#Fields:` names the columns of the lines
after it and may come again; dates and times are UTC by that standard.
"""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.sources.columns import Columns, Mask, constant, distinct, filled, matches, spaced, take
from veedor.sources.lines import Batch, Parsed, by_layout, in_order, read_lines
from veedor.sources.machine import Read
from veedor.sources.records import cells
from veedor.sources.stamps import iso

Layout = tuple[tuple[str, ...], str | None]
"""Names of the columns, and the date of the last `#Date`."""


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Web requests: c-ip is `address`, s-ip `host`, cs-uri-stem `object`.

    Raises
    ------
    SourceError
        Where no line agrees with a `#Fields` before it.
    """
    return read_lines(con, source, path, folder, Requests(), may_be_empty=True)


class Requests:
    """Parser of the W3C extended format."""

    def __init__(self) -> None:
        self.layout: Layout = ((), None)

    def parse(self, batch: Batch) -> Parsed:
        """Requests of a batch of lines."""
        comment = matches(batch.text, "^#")
        passed = comment | matches(batch.text, r"^\s*$")
        groups, self.layout = by_layout(batch, comment, passed, self.layout, _changed)
        return in_order(batch, passed, groups, _requests)

    def basis(self) -> str:
        """What the stamps are."""
        return "date and time in UTC, as the W3C extended format has it, to the second"


def _changed(layout: Layout, line: str) -> Layout:
    names, date = layout
    if line.startswith("#Fields:"):
        return tuple(line.removeprefix("#Fields:").split()), date
    if line.startswith("#Date:"):
        return names, line.removeprefix("#Date:").strip().partition(" ")[0] or None
    return layout


def _requests(text: pa.StringArray, layout: Layout) -> tuple[Mask, Columns]:
    names, date = layout
    right, found = cells(text, " ", names)
    if "time" not in names or len(set(names)) < len(names):
        return np.zeros(len(text), dtype=bool), {}
    days = found.get("date", constant(date, int(right.sum())))
    raw = pc.binary_join_element_wise(days, found["time"], " ")
    dated = matches(raw, r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?$")
    right[right] = dated
    return right, _columns(take(found, dated), raw.filter(pa.array(dated)))


def _columns(found: Columns, raw: pa.StringArray) -> Columns:
    def cell(name: str) -> pa.StringArray:
        return filled(found[name], "-") if name in found else constant(None, len(raw))

    query = cell("cs-uri-query")
    path = pc.if_else(
        query.is_valid(),
        pc.binary_join_element_wise(cell("cs-uri-stem"), query, "?"),
        cell("cs-uri-stem"),
    )
    return {
        "kind": constant("request", len(raw)),
        "raw": raw,
        "us": distinct(raw, lambda text: {"us": iso(text).wall})["us"],
        "host": pc.coalesce(cell("s-ip"), cell("s-computername")),
        "address": cell("c-ip"),
        "actor": cell("cs-username"),
        "object": path,
        "status": cell("sc-status"),
        "message": spaced(cell("cs-method"), path),
    }
