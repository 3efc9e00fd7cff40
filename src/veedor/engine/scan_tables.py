"""Tables of scans as files: rows are written out by batches, for they do not fit the memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from veedor.case.manifest import Case
from veedor.case.tables import COMPARED, GLYPHS, READINGS, SCANS, TWINS, embedding_columns
from veedor.engine.timeline import types_of

if TYPE_CHECKING:
    from veedor.images.twins import Scanned

__all__ = ["ScanTables"]

BATCH = 256
"""Scans whose fields are kept in memory before they are written."""


class ScanTables:
    """The tables while they are filled.

    Attributes
    ----------
    scans, readings, compared, twins : rows
    prints : what each scan is compared with others by, in the order of `scans`
    """

    def __init__(self, case: Case, folder: Path, size: int) -> None:
        shapes = dict.fromkeys(embedding_columns(size), "int64")
        plain = {name: about for name, about in GLYPHS.items() if not name.startswith("f0")}
        types = {
            "scans": types_of(SCANS, case),
            "readings": types_of(READINGS, case),
            "compared": types_of(COMPARED, case),
            "glyphs": types_of(plain, case) | shapes,
            "twins": types_of(TWINS, case),
        }
        self._schemas = {name: ibis.schema(kinds).to_pyarrow() for name, kinds in types.items()}
        self._folder = folder
        self.scans: list[dict[str, Any]] = []
        self.prints: list[Scanned] = []
        self.readings: list[dict[str, Any]] = []
        self.compared: list[dict[str, Any]] = []
        self.twins: list[dict[str, Any]] = []
        self._shapes: list[pa.Table] = []
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> ScanTables:
        self._writers = {
            name: pq.ParquetWriter(self._path(name), schema, compression="zstd")
            for name, schema in self._schemas.items()
        }
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        for name in ("scans", "twins"):
            rows = pa.Table.from_pylist(getattr(self, name), self._schemas[name])
            self._writers[name].write_table(rows)
        for writer in self._writers.values():
            writer.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"scans-{name}.parquet"

    def add_glyphs(self, columns: Mapping[str, Any], shape: NDArray[np.int64]) -> None:
        """The digits of one scan, (n, dim) of their shapes beside the other columns."""
        names = embedding_columns(shape.shape[1])
        table = dict(columns) | {name: shape[:, i] for i, name in enumerate(names)}
        self._shapes.append(pa.table(table, schema=self._schemas["glyphs"]))

    def added(self) -> None:
        """A scan was added: write the rows of its fields, with those of others."""
        if len(self.scans) % BATCH == 0:
            self._flush()

    def _flush(self) -> None:
        for name in ("readings", "compared"):
            rows = getattr(self, name)
            if rows:
                self._writers[name].write_table(pa.Table.from_pylist(rows, self._schemas[name]))
                rows.clear()
        if self._shapes:
            self._writers["glyphs"].write_table(pa.concat_tables(self._shapes))
            self._shapes.clear()

    def create(self, con: ibis.BaseBackend) -> None:
        """The tables, in a database that reads them from their files."""
        for name in self._schemas:
            con.create_view(name, con.read_parquet(str(self._path(name))))
