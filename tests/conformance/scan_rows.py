"""Rows of scans, readings, glyphs and twins for a case, without pictures."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tests.scans import put_rows
from veedor.case.tables import embedding_columns
from veedor.engine.evidence import Evidence
from veedor.engine.scans import embedding_size
from veedor.engine.verbs import collect

STATES = ("number", "empty", "filler", "struck", "overwritten", "unreadable")


def fill(found: Evidence) -> Evidence:
    """Give each official sheet a scan, with what a reader might make of it.

    Scans are numbered by the rows of the official file; all else depends on the station alone.
    """
    sheets = found.sheets()
    stations = found.stations().select("sid", "station")
    columns = collect(sheets.join(stations, "sid"))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows.sort(key=lambda row: row["row"])
    tables: dict[str, list[dict[str, Any]]] = {
        n: [] for n in ("scans", "readings", "compared", "glyphs", "twins")
    }
    for scan, row in enumerate(rows):
        _add(found, tables, scan, row)
    extra = len(rows)
    if rows:  # a second scan of one station, and one of a station that nobody knows
        _add(found, tables, extra, min(rows, key=lambda row: row["station"]))
        tables["scans"].append(_scan(extra + 1, None, "unknown", "missing"))
    numbers = {int(row["sid"]): scan for scan, row in enumerate(rows)}
    for how, shift, score in (("file", 1, 1.0), ("ink", 5, 0.98), ("patch", 9, 0.97)):
        a, b = numbers.get(2), numbers.get(2 + shift)
        if a is not None and b is not None:
            pair = {"scan_a": min(a, b), "scan_b": max(a, b), "how": how}
            tables["twins"].append(pair | {"score": score, "detail": f"the same {how}"})
    return put_rows(found, tables)


def _scan(scan: int, sid: int | None, station: str, status: str, **more: Any) -> dict[str, Any]:
    read = status == "read"
    code = hashlib.sha256(f"picture {station} {more.get('again', '')}".encode()).hexdigest()
    given = {
        "scan": scan,
        "sid": sid,
        "station": station,
        "source": "scans",
        "row": scan + 2,
        "file": f"{station}.png",
        "sha256": code,
        "bytes": 1000,
        "format": "PNG",
        "width": 1000,
        "height": 1400,
        "dpi": 120.0,
        "grade": "good" if read else "unreadable",
        "reasons": None if read else "too dark",
        "code": station,
        "code_sid": sid,
        "template": "form" if status != "unregistered" else None,
        "status": status,
        "residual": 0.1,
        "consistent": read,
        "cost": 0.0,
        "comparable": read,
    }
    return given | {k: v for k, v in more.items() if k in given}


def _add(found: Evidence, tables: dict[str, list[Any]], scan: int, row: dict[str, Any]) -> None:
    """One scan: its fields are those of the sheet, but for some by the station's own chance."""
    sid, station = int(row["sid"]), str(row["station"])
    rng = np.random.default_rng(int(hashlib.sha256(station.encode()).hexdigest()[:12], 16))
    chance = rng.random()
    status = "unreadable" if chance < 0.04 else "unregistered" if chance < 0.08 else "read"
    other = {"code_sid": (sid + 1) % 3, "code": "another"} if 0.08 <= chance < 0.11 else {}
    tables["scans"].append(_scan(scan, sid, station, status, again=scan, **other))
    if status != "read":
        return
    columns = dict(zip(found.case.option_ids, found.votes_columns, strict=True))
    for line, (field, column) in enumerate({**columns, "blank": "blank", "null": "null"}.items()):
        recorded = _number(row[column])
        _field(tables, rng, (scan, sid, line, field), recorded)


def _number(value: Any) -> int | None:
    return None if value is None or value != value else int(value)


def _field(
    tables: dict[str, list[Any]],
    rng: np.random.Generator,
    where: tuple[int, int, int, str],
    recorded: int | None,
) -> None:
    scan, sid, line, field = where
    cell = f"line-{line}"
    luck, state = rng.random(), "number"
    value = None if recorded is None else recorded + int(luck < 0.05)
    if value in (None, 0) or luck > 0.97:
        state = STATES[1 + int(rng.integers(5))] if luck > 0.3 or value is None else "number"
    value = value if state in ("number", "overwritten") else None
    p = 0.8 if 0.1 < luck < 0.15 else 0.999
    tables["readings"].append(
        {
            "scan": scan,
            "sid": sid,
            "field": field,
            "cell_of": cell,
            "state": state,
            "value": value,
            "text": "_" * 3 if value is None else f"{value:_>3}",
            "p": p,
            "joint": value if line < 3 else None,
            "p_joint": p if line < 3 and value is not None else None,
            "holds": None if line == 4 else luck < 0.9,
            "rest": 0.0005,
            "altered": 0.9 if state in ("struck", "overwritten") else 0.01,
            "kind": "count",
        }
    )
    if recorded is not None:
        same = p if value == recorded else 0.5 if p < 0.9 else 1e-5
        row = {"scan": scan, "sid": sid, "count": "official", "field": field}
        tables["compared"].append(row | {"transcribed": recorded, "p": same})
    for box in range(3):
        shape = np.round(1000 * rng.normal(size=embedding_size())).astype(int).tolist()
        digit = int(rng.integers(10))
        about = {"scan": scan, "sid": sid, "cell_of": cell, "box": box, "kind": "count"}
        by = "delegate" if line == 4 else "clerk"
        glyph = about | {"by": by, "digit": digit, "p": 0.99, "unbroken": 980}
        names = embedding_columns(embedding_size())
        tables["glyphs"].append(glyph | dict(zip(names, shape, strict=True)))
