"""DuckDB through Ibis: one in-memory database per audit that spills to a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import ibis

MEMORY_LIMIT = "2GB"
"""For DuckDB's own buffers; NumPy arrays of measured rows come on top."""


def connect(folder: Path) -> ibis.BaseBackend:
    """Connect to a new database that never touches the network and spills to `folder`."""
    con = ibis.duckdb.connect(
        ":memory:",
        memory_limit=os.environ.get("VEEDOR_MEMORY", MEMORY_LIMIT),
        temp_directory=str(folder / "spill"),
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
        preserve_insertion_order=True,
    )
    return con
