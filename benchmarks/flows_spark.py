"""Run the queries of checks on Apache Spark beside DuckDB, and compare digests of their rows.

DuckDB writes the tables as parquet and Ibis writes the queries for Spark, which runs in a process
of its own, by a Python with pyspark (`make peers`) and a Java runtime.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veedor.engine.verbs import digest

PEERS = Path(".peers/bin/python")

PEER = """
import json, sys, time
from pyspark.sql import SparkSession
from pyspark.sql.functions import col
with open(sys.argv[1]) as file:
    job = json.load(file)
builder = SparkSession.builder.master("local[*]")
for name, value in job["settings"].items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
for name, path in job["tables"].items():
    spark.read.parquet(path).createOrReplaceTempView(name)
found = {}
for name, query in job["queries"].items():
    start = time.perf_counter()
    try:
        frame = spark.sql(query)
        ordered = frame.orderBy(*[col(c).asc_nulls_last() for c in job["orders"][name]])
        rows = [list(row) for row in ordered.collect()]
        found[name] = {"seconds": time.perf_counter() - start, "rows": rows}
    except Exception as error:
        found[name] = {"error": str(error)[:500]}
java = spark.sparkContext._jvm.java.lang.System.getProperty("java.version")
with open(sys.argv[2], "w") as file:
    json.dump({"spark": spark.version, "java": java, "queries": found}, file, default=str)
spark.stop()
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One query on both engines; `theirs` is empty and `error` says why where Spark failed."""

    name: str
    ours: str
    theirs: str
    rows: int
    seconds: float
    error: str = ""

    @property
    def same(self) -> bool:
        """Whether both engines gave the same rows in the same order."""
        return self.ours == self.theirs


def lacking(python: Path = PEERS) -> str:
    """What Spark lacks here, in words; empty where it can run."""
    if not shutil.which("java"):
        return "a Java runtime is missing (17 or later, such as openjdk-17-jre-headless)"
    try:
        subprocess.run([str(python), "-c", "import pyspark"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "pyspark is missing (`make peers`)"
    return ""


def order(expression: ir.Table) -> list[str]:
    """By what rows are ordered: all columns, the station's number first, so that no tie is left."""
    return sorted(expression.columns, key=lambda name: name != "sid")


def rows_of(expression: ir.Table) -> dict[str, NDArray[Any]]:
    """The rows of a query by its own engine, in that order."""
    return _columns(expression.order_by(order(expression)).to_pyarrow())


def _columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    """As `verbs.collect` gives them: whole numbers as int64, or float64 where some are null."""
    found = {}
    for name in table.column_names:
        column = table[name].to_numpy()
        whole = column.dtype.kind in "iu" and column.dtype != np.int64
        found[name] = column.astype(np.int64) if whole else column
    return found


def for_spark(expression: ir.Table) -> str:
    """The query in Spark's SQL.

    It is ordered by Spark's own interface: Ibis 12 writes `SELECT DISTINCT *` for the inner query
    of `t.select(...).distinct().order_by(...)` in this dialect, which gives other rows.
    """
    module = importlib.import_module("ibis.backends.sql.compilers.pyspark")
    had = module.options
    # Ibis asks an option that only its Spark backend defines, which is not needed to compile.
    module.options = SimpleNamespace(pyspark=SimpleNamespace(treat_nan_as_null=False))
    try:
        return str(ibis.to_sql(expression, dialect="pyspark"))
    finally:
        module.options = had


def write_job(
    queries: Mapping[str, ir.Table],
    con: ibis.BaseBackend,
    folder: Path,
    settings: Mapping[str, str] | None = None,
) -> Path:
    """Write the tables that the queries need, and the queries, for `run`."""
    needed = {t.name for q in queries.values() for t in q.op().find(ops.DatabaseTable)}
    tables = {name: str(folder / f"{name}.parquet") for name in sorted(needed)}
    for name, path in tables.items():
        con.table(name).to_parquet(path)
    job = {
        "settings": {
            "spark.driver.memory": "3g",
            "spark.local.dir": str(folder),
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "4",
            "spark.ui.enabled": "false",
            **(settings or {}),
        },
        "tables": tables,
        "queries": {name: for_spark(query) for name, query in queries.items()},
        "orders": {name: order(query) for name, query in queries.items()},
        "schemas": {
            name: {n: str(t) for n, t in query.schema().items()} for name, query in queries.items()
        },
    }
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return path


def run(job: Path, python: Path = PEERS) -> dict[str, Any]:
    """What Spark found: `spark`, `java` (versions), `queries` (seconds, digest, size or error)."""
    out = job.with_name("found.json")
    subprocess.run(
        [str(python), "-W", "ignore", "-c", PEER, str(job), str(out)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    schemas = json.loads(job.read_text(encoding="utf-8"))["schemas"]
    for name, about in found["queries"].items():
        if "error" not in about:
            rows, schema = about.pop("rows"), ibis.schema(schemas[name]).to_pyarrow()
            arrays = [pa.array([r[i] for r in rows], f.type) for i, f in enumerate(schema)]
            table = pa.table(arrays, names=schema.names)
            about |= {"digest": digest(_columns(table)), "size": len(rows)}
    return found


def compare(
    queries: Mapping[str, ir.Table], con: ibis.BaseBackend, folder: Path, python: Path = PEERS
) -> list[Compared]:
    """Each query on both engines."""
    found = run(write_job(queries, con, folder), python)["queries"]
    return [
        Compared(
            name=name,
            ours=digest(rows_of(query)),
            theirs=found[name].get("digest", ""),
            rows=found[name].get("size", 0),
            seconds=found[name].get("seconds", 0.0),
            error=found[name].get("error", ""),
        )
        for name, query in queries.items()
    ]
