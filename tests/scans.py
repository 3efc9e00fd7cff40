"""A small case with scans: pictures by name and bytes, one template of three counts."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.building import small_case
from tests.images import forms
from veedor.case.tables import embedding_columns
from veedor.engine.evidence import Evidence
from veedor.engine.scans import embedding_size
from veedor.images.template import Template

TEMPLATE = """
format = 1
id = "{name}"
fiducials = [
  {{x = 8, y = 8, size = 5}}, {{x = 202, y = 8, size = 5}},
  {{x = 8, y = 289, size = 5}}, {{x = 202, y = 289, size = 5}},
]
[page]
width = 210
height = 297
[[codes]]
x = 150
y = 12
width = 40
height = 20
[[private]]
x = 20
y = 200
width = 170
height = 60
what = "names and signatures"
"""

FIELDS = ("votes-1", "votes-2", "votes-3", "blank", "null", "valid", "cast")


def template(name: str = "form-a", fields: Sequence[str] = FIELDS) -> str:
    """A form of A4 with rows of three digits."""
    rows = [
        f'[[fields]]\nid = "{field}"\ndigits = 3\nx = 120\ny = {40 + 14 * i}\nwidth = 33\n'
        "height = 10\n"
        for i, field in enumerate(fields)
    ]
    sums = '[[sums]]\ntotal = "valid"\nparts = ["votes-1", "votes-2", "votes-3"]\n'
    return TEMPLATE.format(name=name) + "\n".join(rows) + (sums if "valid" in fields else "")


SOURCE: dict[str, Any] = {
    "kind": "scans",
    "key": "station",
    "fields": {"file": "file", "sha256": "sha256"},
    "images": "scans.zip",
    "templates": ["form-a.toml"],
    "options": {"A": "votes-1", "B": "votes-2", "C": "votes-3"},
    "blank": "blank",
    "null": "null",
    "declared_valid": "valid",
    "declared_cast": "cast",
}


def scans_case(
    folder: Path,
    counts: Mapping[str, Mapping[str, Sequence[Any]]],
    rows: Sequence[tuple[str | None, str | None, str | None]],
    pictures: Mapping[str, bytes],
    *,
    templates: Mapping[str, str] | None = None,
    source: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Path:
    """Write a case with scans; `rows` are station, file and SHA-256 of the index."""
    names = ("station", "file", "sha256")
    columns = {n: [row[i] for row in rows] for i, n in enumerate(names)}
    files = {"scans": (SOURCE | dict(source or {}), columns)}
    path = small_case(folder, counts, files=files, **keys)
    with zipfile.ZipFile(folder / "scans.zip", "w") as archive:
        for name, data in pictures.items():
            archive.writestr(name, data)
    for name, text in (templates or {"form-a.toml": template()}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return path


def put_rows(found: Evidence, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Evidence:
    """Put rows into the tables of scans in place of those read from pictures."""
    for name, made in tables.items():
        schema = found.con.table(name).schema().to_pyarrow()
        for shape in embedding_columns(embedding_size()) if name == "glyphs" else ():
            schema = schema.append(pa.field(shape, pa.int64()))
        path = found.case.path.parent / f"given-{name}.parquet"
        pq.write_table(pa.Table.from_pylist([dict(row) for row in made], schema=schema), path)
        found.con.create_view(name, found.con.read_parquet(str(path)), overwrite=True)
    return found


def sheet(values: Mapping[str, str], *, dpi: float = 150, private: bool = True) -> np.ndarray:
    """A picture of the form of `template`, one letter a box: a digit, or '_' for nothing."""
    form = Template.model_validate(tomllib.loads(template()))
    scale = dpi / 25.4
    pixels = forms.blank(form, scale)
    for field in form.fields:
        for box, letter in zip(field.cells, values.get(field.id, "___"), strict=True):
            if letter != "_":
                forms.write(pixels, box, int(letter), scale=scale)
    if private:
        for i, x in enumerate(range(25, 180, 12)):
            forms.write(pixels, (x, 215, 8, 20), i % 10, scale=scale)
    return pixels


def png(pixels: np.ndarray) -> bytes:
    """A picture as the bytes of a PNG file."""
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def written(a: int, b: int, c: int, blank: int = 0, null: int = 0) -> dict[str, str]:
    """What stands on a sheet whose sums hold."""
    valid = a + b + c
    numbers = (a, b, c, blank, null, valid, valid + blank + null)
    return {name: f"{n:_>3}" for name, n in zip(FIELDS, numbers, strict=True)}


NUMBERS = [(120, 85, 7), (64, 90, 12), (31, 47, 0), (205, 13, 26)]
"""Votes of A, B and C on the sheets of `drawn_case`."""


def drawn_case(folder: Path, *, read: Mapping[int, tuple[int, int, int]] | None = None) -> Path:
    """A case of four stations with scans of their sheets; `read` gives other numbers on some."""
    numbers = [(read or {}).get(i, n) for i, n in enumerate(NUMBERS)]
    counts = {
        "official": {
            "station": [f"S{i}" for i in range(len(NUMBERS))],
            **{o: [row[i] for row in NUMBERS] for i, o in enumerate("ABC")},
            "blank": [3] * len(NUMBERS),
            "null": [4] * len(NUMBERS),
        }
    }
    pictures = {f"s{i}.png": png(sheet(written(*n, 3, 4))) for i, n in enumerate(numbers)}
    rows = [(f"S{i}", name, None) for i, name in enumerate(pictures)]
    return scans_case(folder, counts, rows, pictures | {"spare.png": b"of nobody"})
