"""Read and measure many connections in little memory, and write `docs/flows.md`.

Connections of a simulated day, as Zeek's conn.log and as parquet, are read and joined with the
declared plan as an audit does it, in a process whose address space is limited. Beside it, from one
run: plain passes of grep, awk and (where it is) zeek-cut over the same file, and the same queries
on Apache Spark (where it can be run).

Usage: python -m benchmarks.flows [--rows N] [--gib N] [--markdown FILE] [--peers PYTHON]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import flows_spark
from veedor.case.loading import load_case
from veedor.case.manifest import Case
from veedor.case.source import Source
from veedor.case.tables import FLOWS
from veedor.checks.base import registry
from veedor.engine import load as loading
from veedor.engine.duck import connect
from veedor.engine.evidence import Evidence
from veedor.engine.verbs import digest
from veedor.simulate.network import Network, write_flows
from veedor.simulate.scenarios import load as scenario
from veedor.simulate.write import write_case

GIB = 4.0
SEED = 0
STATIONS = 300
FILES = {"zeek": "conn.log", "parquet": "flows.parquet"}
TITLES = {"zeek": "Zeek's conn.log", "parquet": "parquet"}
QUERIES = {
    "infrastructure.undeclared-host": ("called", "calling", "linked", "edges"),
    "infrastructure.redirect": ("calls",),
}
GROUPS = ("infrastructure", "custody", "statements")
AWK = '!/^#/ { n[$5]++ } END { for (k in n) print n[k] "\\t" k }'
"""Counts rows by destination, the fifth column."""


def make(folder: Path, rows: int) -> None:
    """A small simulated case with its plan, and the connections in both forms."""
    election, _ = scenario("night").make(SEED, STATIONS)
    write_case(election, folder / "case", title="Night", id="night", seed=SEED, network=Network())
    write_flows(folder / "case" / FILES["zeek"], rows, SEED, redirect=True)
    plain = folder / "plain.parquet"
    write_flows(plain, rows, SEED, redirect=True)
    with_stamps(plain, folder / "case" / FILES["parquet"])
    plain.unlink()


def with_stamps(plain: Path, target: Path) -> None:
    """The same with what a conn.log has: instants, lengths in seconds, no names and keys."""
    file = pq.ParquetFile(plain)
    writer: pq.ParquetWriter | None = None
    for number in range(file.num_row_groups):
        table = file.read_row_group(number)
        at = table["us"].cast(pa.timestamp("us", "UTC"))
        table = table.drop_columns(["us", "name", "key"]).add_column(0, "at", at)
        seconds = pc.divide(table["duration"].cast(pa.float64()), 1e6)
        place = table.schema.get_field_index("duration")
        table = table.set_column(place, "duration", seconds)
        writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def case_of(folder: Path, form: str) -> Case:
    """The case with all those connections in place of what its machines recorded."""
    case = load_case(folder / "case" / "case.toml")
    kept = [s for s in case.sources if s.kind not in ("flows", "log-lines")]
    about: dict[str, Any] = {"format": form, "file": FILES[form]}
    if form == "parquet":
        names = [n for n in FLOWS if n not in ("us", "source", "row", "name", "key")]
        about |= {"instant": "at", "fields": {n: n for n in names}}
    flows = Source(id="flows", kind="flows", **about)
    return case.model_copy(update={"sources": (*kept, flows)})


def queries(evidence: Evidence) -> dict[str, ir.Table]:
    """The queries that are timed, by the names of their check and their own."""
    return {
        f"{check.partition('.')[2]}: {name}": query
        for check, names in QUERIES.items()
        for name, query in registry()[check].measure(evidence).items()
        if name in names
    }


def measure(folder: Path, form: str) -> dict[str, Any]:
    """Read the case and run the queries; what each step took, and the most memory so far."""
    steps: dict[str, dict[str, float]] = {}

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any) -> Any:
            start, before = time.perf_counter(), time.process_time()
            found = work(*given)
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            seconds, cpu = time.perf_counter() - start, time.process_time() - before
            steps[name] = {"seconds": seconds, "cpu": cpu, "peak": most}
            return found

        return wrapped

    case, work = case_of(folder, form), folder / form
    work.mkdir()
    paths = {f: folder / "case" / f for source in case.sources for f in source.paths()}
    loading.open_machine = timed("read", loading.open_machine)
    loading.make_machines = timed("place", loading.make_machines)
    loading._label = timed("declare", loading._label)
    con = connect(work)
    evidence, _ = loading.load(case, con, paths, work)
    found = {}
    for name, query in queries(evidence).items():
        columns = timed(name, flows_spark.rows_of)(query)
        found[name] = {"digest": digest(columns), "size": len(next(iter(columns.values())))}
    flows = evidence.flows()
    by = flows.group_by("dst").agg(n=flows.count()).to_pyarrow().to_pylist()
    counts = {str(row["dst"]): int(row["n"]) for row in by}
    if form == "zeek":
        flows_spark.write_job(queries(evidence), con, work)
    return {"steps": steps, "queries": found, "counts": counts}


def limited(folder: Path, form: str, gib: float) -> dict[str, Any]:
    """`measure` in a process of its own, whose address space is limited."""

    def limit() -> None:
        size = int(gib * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.flows", "--measure", form, "--folder", str(folder)],
        preexec_fn=limit,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"seconds": time.perf_counter() - start}


def floor(path: Path) -> dict[str, dict[str, Any]]:
    """Plain passes over the log: their seconds, and what they count."""
    shown = str(path)
    commands = {"grep -vc '^#'": ["grep", "-vc", "^#", shown], "awk": ["awk", "-F\t", AWK, shown]}
    if shutil.which("zeek-cut"):
        line = f"zeek-cut id.resp_h < '{shown}' | awk '{{ n[$1]++ }} END {{ print length(n) }}'"
        commands["zeek-cut and awk"] = ["sh", "-c", line]
    found = {}
    for name, command in commands.items():
        start = time.perf_counter()
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found[name] = {"seconds": time.perf_counter() - start, "out": out}
    return found


def small_case(python: Path) -> list[flows_spark.Compared]:
    """Every query of the checks of machines, custody and statements, on both engines."""
    from tests.building import read_case
    from tests.conformance.full_case import full_case

    with tempfile.TemporaryDirectory() as name:
        evidence = read_case(full_case(Path(name) / "case"))
        every = {
            f"{check_id}: {key}": query
            for check_id, check in registry().items()
            if check_id.split(".")[0] in GROUPS
            for key, query in check.measure(evidence).items()
        }
        return flows_spark.compare(every, evidence.con, Path(name), python)


def everything(folder: Path, rows: int, gib: float, python: Path) -> list[str]:
    """Make the data, run all, and give the lines of the page."""
    load = os.getloadavg()[0]
    make(folder, rows)
    plain = floor(folder / "case" / FILES["zeek"])
    ours = {form: limited(folder, form, gib) for form in FILES}
    lack = flows_spark.lacking(python)
    spark = None if lack else flows_spark.run(folder / "zeek" / "job.json", python)
    small = [] if lack else small_case(python)
    lines = head(folder, rows, gib, load, spark)
    lines += reading(rows, ours, plain) + measuring(rows, ours, plain, spark)
    return lines + agreement(ours, plain, spark, small, lack)


def head(
    folder: Path, rows: int, gib: float, load: float, spark: Mapping[str, Any] | None
) -> list[str]:
    """What was run, where, and with what."""
    log, parquet = ((folder / "case" / n).stat().st_size / 2**30 for n in FILES.values())
    versions = ", ".join(f"{n} {metadata.version(n)}" for n in ("ibis-framework", "pyarrow"))
    versions += f", DuckDB {metadata.version('duckdb')}"
    if spark:
        versions += f", Spark {spark['spark']} on Java {spark['java']}"
    awk = Path(shutil.which("awk") or "awk").resolve().name
    return [
        "# Many connections in little memory",
        "",
        f"Made by `make flows`: {rows:,} connections of a simulated day (`write_flows`, seed"
        f" {SEED}): a conn.log of {log:.1f} GiB, and the same as parquet of {parquet:.1f} GiB. They"
        f" are read, and joined with the declared plan, as an audit does it, in a process whose"
        f" address space is limited to {gib:g} GiB (`RLIMIT_AS`, as `ulimit -v`), with"
        f" `VEEDOR_MEMORY={os.environ.get('VEEDOR_MEMORY', '2GB')}`.",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, {versions}, awk is {awk}. When the run began, the load of"
        f" the machine was {load:.1f}: "
        + (
            "other programs ran beside it, so the timings are of a shared machine; seconds of"
            " processor time stand beside them."
            if load > 0.5
            else "nothing else ran beside it."
        ),
        "",
    ]


def reading(rows: int, ours: Mapping[str, Any], plain: Mapping[str, Any]) -> list[str]:
    """The table of what reading took."""
    lines = [
        "## Reading",
        "",
        "| work | seconds | processor seconds | rows per second | times awk | peak memory, GiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    awk = plain["awk"]["seconds"]
    for name, about in plain.items():
        at = about["seconds"]
        lines.append(f"| {name}: conn.log | {at:.1f} | | {rows / at:,.0f} | {at / awk:.2f} | |")
    words = {
        "read": "read: {}, every column, to parquet",
        "place": "place in time: {}",
        "declare": "tell addresses apart by the plan: {}",
    }
    for form, found in ours.items():
        for step, text in words.items():
            at = found["steps"][step]
            lines.append(
                f"| {text.format(TITLES[form])} | {at['seconds']:.1f} | {at['cpu']:.1f} |"
                f" {rows / at['seconds']:,.0f} | {at['seconds'] / awk:.2f} |"
                f" {at['peak'] / 2**30:.2f} |"
            )
        lines.append(
            f"| the whole process: {TITLES[form]} | {found['seconds']:.1f} | |"
            f" {rows / found['seconds']:,.0f} | {found['seconds'] / awk:.2f} |"
            f" {_peak(found):.2f} |"
        )
    return [
        *lines,
        "",
        "grep counts lines, awk counts rows by destination. The whole process also reads the small"
        " case, runs the queries below and writes the tables that Spark reads"
        " (from conn.log only). Peak memory is the most that the process ever held (RSS).",
        "",
    ]


def _peak(found: Mapping[str, Any]) -> float:
    return max(step["peak"] for step in found["steps"].values()) / 2**30


def measuring(
    rows: int,
    ours: Mapping[str, Any],
    plain: Mapping[str, Any],
    spark: Mapping[str, Any] | None,
) -> list[str]:
    """The table of what the queries took."""
    awk = plain["awk"]["seconds"]
    lines = [
        "## Queries of `infrastructure.undeclared-host` and `infrastructure.redirect`",
        "",
        "| query | rows found | seconds | rows per second | times awk | Spark, seconds |"
        " Spark / DuckDB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    found = ours["zeek"]
    for name, about in found["queries"].items():
        seconds = found["steps"][name]["seconds"]
        theirs = (spark or {"queries": {}})["queries"].get(name, {}).get("seconds")
        beside = f"{theirs:.1f} | {theirs / seconds:.1f}" if theirs else " | "
        lines.append(
            f"| {name} | {about['size']:,} | {seconds:.1f} | {rows / seconds:,.0f} |"
            f" {seconds / awk:.2f} | {beside} |"
        )
    return [
        *lines,
        "",
        f"Peak memory after the queries: {_peak(found):.2f} GiB (DuckDB). Spark runs in local mode"
        " on all cores with a heap of 3 GiB; its start is not timed, its first query warms it up.",
        "",
    ]


def agreement(
    ours: Mapping[str, Any],
    plain: Mapping[str, Any],
    spark: Mapping[str, Any] | None,
    small: list[flows_spark.Compared],
    lack: str,
) -> list[str]:
    """What agrees, and what does not."""
    pairs = (line.split("\t") for line in plain["awk"]["out"].splitlines())
    awk = {address: int(n) for n, address in pairs}
    counts = "are those of awk" if ours["zeek"]["counts"] == awk else "DIFFER from those of awk"
    forms = [n for n, q in ours["zeek"]["queries"].items() if ours["parquet"]["queries"][n] != q]
    lines = [
        "## Agreement",
        "",
        f"* Rows by destination {counts} ({len(awk)} destinations).",
        f"* conn.log and parquet: {_told(len(ours['zeek']['queries']), forms)}",
    ]
    if spark is None:
        return [*lines, f"* Spark was not run: {lack}."]
    theirs = spark["queries"]
    mine = {n: q["digest"] for n, q in ours["zeek"]["queries"].items()}
    other = [n for n, value in mine.items() if theirs[n].get("digest") != value]
    bad = [f"{c.name} {c.error}".strip() for c in small if not c.same]
    return [
        *lines,
        f"* DuckDB and Spark, these connections: {_told(len(theirs), other)}",
        f"* DuckDB and Spark, every query of the checks of {', '.join(GROUPS)} on a small case"
        f" with all kinds of evidence: {_told(len(small), bad)}",
        "",
        "Digests are SHA-256 of the rows in the order of all their columns:",
        "",
        "| query | DuckDB | Spark |",
        "|---|---|---|",
        *(
            f"| {name} | `{value[:16]}` | `{theirs[name].get('digest', 'failed')[:16]}` |"
            for name, value in mine.items()
        ),
    ]


def _told(number: int, other: list[str]) -> str:
    if not other:
        return f"the digests of all {number} queries are the same."
    return f"of {number} queries these DIFFER: {'; '.join(other)}."


def main() -> None:
    """Print the page, and write it where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--gib", type=float, default=GIB)
    parser.add_argument("--peers", type=Path, default=flows_spark.PEERS)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--measure", choices=FILES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.folder, given.measure)))
        return
    with tempfile.TemporaryDirectory(prefix="flows-") as name:
        text = "\n".join(everything(Path(name), given.rows, given.gib, given.peers)) + "\n"
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
