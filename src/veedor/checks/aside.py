"""Rows of a file that could not be one sheet of one station, and the votes at stake on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from veedor.audit.findings import Columns
from veedor.checks.recorded import whole

__all__ = ["by_reason", "rows_of", "told"]

REASONS = ("no-code", "repeated", "conflicting")
WORDS = {
    "no-code": "without a code",
    "repeated": "repeated",
    "conflicting": "conflicting",
}


def by_reason(rows: Columns, count: str) -> list[dict[str, Any]]:
    """Rows of a count that are not sheets, by reason, with the votes on them."""
    mine = rows["count"] == count
    found = []
    for why in REASONS:
        at = np.flatnonzero(mine & (rows["why"] == why)) if len(mine) else np.empty(0, dtype=int)
        if not len(at):
            continue
        valid = whole(rows["valid"][at])
        codes = rows["station"][at]
        if why == "no-code":
            least = most = int(valid.sum())
            stations = len(at)
        else:
            _, group = np.unique(codes.astype(str), return_inverse=True)
            stations = int(group.max()) + 1
            low, high = np.full(stations, np.iinfo(np.int64).max), np.zeros(stations, dtype=int)
            np.minimum.at(low, group, valid)
            np.maximum.at(high, group, valid)
            least, most = int(low.sum()), int(high.sum())
        found.append(
            {"why": why, "rows": len(at), "stations": stations, "least": least, "most": most}
        )
    return found


def told(aside: list[dict[str, Any]]) -> str:
    """The rows set aside, in words."""
    if not aside:
        return "no row is set aside."
    return f"set aside are {', '.join(map(_part, aside))}."


def _part(entry: dict[str, Any]) -> str:
    """Rows of one reason and, where any hang on them, their votes."""
    least, most = entry["least"], entry["most"]
    rows = f"{entry['rows']:,} {'row' if entry['rows'] == 1 else 'rows'} {WORDS[entry['why']]}"
    if not most:
        return rows
    votes = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    return f"{rows} ({votes} valid {'vote' if most == 1 else 'votes'})"


def rows_of(aside: Columns, count: str) -> Columns:
    """The rows of a count that are not sheets, most votes first."""
    mine = np.flatnonzero(aside["count"] == count) if len(aside["count"]) else np.empty(0, int)
    mine = mine[np.argsort(-whole(aside["valid"][mine]), kind="stable")]
    return {k: aside[k][mine] for k in ("station", "row", "why", "valid")}
