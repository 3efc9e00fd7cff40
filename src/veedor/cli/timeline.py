"""`veedor timeline`: the merged timeline of a case, for other tools."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from veedor.cli import terminal

if TYPE_CHECKING:
    from veedor.case.manifest import Case
    from veedor.engine.evidence import Evidence
    from veedor.export import Written

FORMATS = ("timesketch-jsonl", "timesketch-csv", "nist")


@click.command(
    epilog="""\b
Examples:
  veedor timeline path/to/case.toml --out night.jsonl
  veedor timeline path/to/case.toml --out night.csv --format timesketch-csv
  veedor timeline path/to/case.toml --out log.json --format nist
Exit codes: 0 written, 1 it could not be written, and no file was left; 2 wrong usage.
"""
)
@click.argument("case")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="The file to write.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="Lines of JSON or CSV for Timesketch, or an event log of NIST SP 1500-101.",
)
def command(case: str, out: Path, kind: str) -> None:
    """Write the merged timeline of a case as a file for other tools.

    For Timesketch: the log lines of machines, connections, steps of the count and the events of
    the case file, by time. For NIST: the log lines, by machine. What has no instant is left out,
    and counted.

    CASE is the name of a public case (`veedor data list`), a case file, or its folder.
    """
    from veedor.audit.plan import read
    from veedor.case.catalogue import find_case
    from veedor.case.loading import load_case
    from veedor.errors import VeedorError

    if not out.parent.is_dir():
        raise VeedorError(
            "there is no such folder", place=str(out.parent), remedy="Make it, or name another."
        )
    manifest = load_case(find_case(case))
    with tempfile.TemporaryDirectory(prefix="veedor-") as folder, terminal.steps() as say:
        evidence, _ = read(manifest.without_scans(), Path(folder), say)
        say("sorting by time")
        written = _replace(out, lambda stream: _write(stream, kind, manifest, evidence, say))
    terminal.out(f"{out}: {written.entries:,} entries")
    if written.undated:
        terminal.out(f"Left out, for want of an instant: {written.undated:,}")


def _replace(out: Path, write: Callable[[TextIO], Written]) -> Written:
    """Put in place of `out` what `write` writes, whole or not at all."""
    from veedor.errors import VeedorError

    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as stream:
            written = write(stream)
        if not written.entries:
            raise VeedorError(
                "the case has nothing with an instant for a timeline",
                remedy="Give it sources of machines' logs or of connections"
                " (docs/machines.md), or events.",
            )
        part.replace(out)
    except OSError as error:
        raise VeedorError(f"cannot be written: {error.strerror}", place=str(out)) from error
    finally:
        part.unlink(missing_ok=True)
    return written


def _write(
    stream: TextIO, kind: str, case: Case, evidence: Evidence, say: Callable[[str], None]
) -> Written:
    import datetime as dt

    from veedor.export import merged, nist, timesketch

    def progress(number: int) -> None:
        if number % 100_000 == 0:
            say(f"written {number:,} entries")

    if kind == "nist":
        now = dt.datetime.now(dt.UTC)
        return nist.write(
            evidence.log_lines(), stream, election=case.id, generated=now, progress=progress
        )
    write = timesketch.write_csv if kind == "timesketch-csv" else timesketch.write_jsonl
    timeline = merged(
        evidence.log_lines(),
        flows=evidence.flows(),
        events=evidence.events(),
        moments=case.events,
    )
    return write(timeline, stream, progress=progress)
