"""`veedor images read`: what is read on the scans of a case, as tables for other programs."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from veedor.cli import terminal

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from veedor.engine.evidence import Evidence

__all__ = ["read"]


@click.command(
    epilog="""\b
Examples:
  veedor images read case.toml --out readings
  veedor images read case.toml --out readings --csv --jobs 4
"""
)
@click.argument("case")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write.",
)
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="CSV in place of parquet. Text that a spreadsheet would run as a formula (with '=', '+',"
    " '-' or '@' at its beginning) gets an apostrophe before it.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that read.  [default: one for each core]",
)
def read(case: str, out: Path, as_csv: bool, jobs: int | None) -> None:
    """Read the scans of CASE and write what stands on them as tables.

    `scans` has a row for each scan, `readings` one for each field, `compared` one for each field
    and count, `twins` one for each pair of scans that share what two sheets do not. An audit
    afterwards reads no scan again. What serves for comparing hands is not written.
    """
    from veedor.audit.plan import read as read_case
    from veedor.case.catalogue import find_case
    from veedor.case.loading import load_case
    from veedor.errors import VeedorError

    manifest = load_case(find_case(case))
    if not any(source.kind == "scans" for source in manifest.sources):
        raise VeedorError(
            "the case has no scans",
            place=str(manifest.path),
            remedy="Add a source of kind 'scans'; docs/case.md says how.",
        )
    with tempfile.TemporaryDirectory(prefix="veedor-") as folder, terminal.steps() as say:
        evidence, _ = read_case(manifest, Path(folder), say, jobs)
        rows = _write(evidence, out, as_csv)
        status = Counter(evidence.scans().select("status").to_pyarrow()["status"].to_pylist())
        evidence.con.disconnect()
    terminal.out(", ".join(f"{number:,} {name}" for name, number in status.most_common()))
    terminal.out(*(f"{path}: {number:,} rows" for path, number in rows.items()))


def _write(evidence: Evidence, out: Path, as_csv: bool) -> dict[Path, int]:
    """Each table as a file; how many rows it has."""
    import pyarrow.csv
    import pyarrow.parquet

    from veedor.export.spreadsheet import safe

    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, table in _tables(evidence).items():
        rows = table.to_pyarrow()
        path = out / f"{name}.{'csv' if as_csv else 'parquet'}"
        if as_csv:
            pyarrow.csv.write_csv(safe(rows), path)
        else:
            pyarrow.parquet.write_table(rows, path, compression="zstd")
        written[path] = rows.num_rows
    return written


def _tables(evidence: Evidence) -> dict[str, ir.Table]:
    """The tables, those of fields with the station and the picture."""
    scans = evidence.scans()
    about = scans.select("station", "file", scan_of="scan")

    def placed(table: ir.Table) -> ir.Table:
        joined = table.join(about, [("scan", "scan_of")]).drop("scan_of")
        rest = [n for n in joined.columns if n not in ("scan", "station", "file")]
        return joined.select("scan", "station", "file", *rest).order_by("scan", *rest)

    return {
        "scans": scans.order_by("scan"),
        "readings": placed(evidence.readings()),
        "compared": placed(evidence.compared()),
        "twins": evidence.twins().order_by("scan_a", "scan_b", "how"),
    }
