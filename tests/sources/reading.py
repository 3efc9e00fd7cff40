"""Read a machine's file as an audit does, for the tests of the readers."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest

from veedor.case.source import Source
from veedor.sources.machine import Read, columns_of, open_machine

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
LOGS = Path(os.environ.get("VEEDOR_DATA", BESIDE)) / "logs"

needs_logs = pytest.mark.skipif(
    not LOGS.is_dir(), reason="public logs are not on this machine (VEEDOR_DATA)"
)


@functools.cache
def connection() -> ibis.BaseBackend:
    """One for all tests: to make one takes longer than to read a small file."""
    return ibis.duckdb.connect()


def machine(path: Path, format: str, kind: str = "log-lines", **keys: Any) -> Read:
    """Read a file; its table has the columns that the contract names, with their types."""
    source = Source(id="m", kind=kind, file=path.name, format=format, **keys)
    folder = path.parent / f"{path.name}.folder"
    folder.mkdir(exist_ok=True)
    found = open_machine(connection(), source, path, folder)
    types = {name: str(kind) for name, kind in found.table.schema().items()}
    assert types == columns_of(source)
    return found


def rows(found: Read) -> list[dict[str, Any]]:
    """The rows in the order of the file."""
    return found.table.order_by("row").to_pyarrow().to_pylist()


def written(folder: Path, text: str | bytes, name: str = "a.log") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def us(text: str) -> int:
    """Microseconds since 1970 of an instant in ISO 8601; UTC where it has no offset."""
    instant = datetime.fromisoformat(text)
    whole = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def data_lines(path: Path) -> Iterator[str]:
    """Lines of a Zeek log that are no comments, counted without any of veedor's code."""
    with path.open(encoding="utf-8") as stream:
        yield from (line.rstrip("\n") for line in stream if not line.startswith("#"))
