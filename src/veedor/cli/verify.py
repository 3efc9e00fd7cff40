"""`veedor verify`: an audit folder is what it says it is."""

from __future__ import annotations

from pathlib import Path

import click

from veedor.cli import terminal


@click.command(
    epilog="""\b
Examples:
  veedor verify out/bolivia-2019
  veedor verify out/bolivia-2019 --recompute
  veedor verify out/mine --recompute --case mine/case.toml
Exit codes: 0 everything agrees, 1 something does not (it is named on stderr).
"""
)
@click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR"
)
@click.option(
    "--recompute", is_flag=True, help="Run the audit again on the inputs and compare the findings."
)
@click.option(
    "--case",
    metavar="CASE",
    help="The case that was audited, for --recompute; found by itself where it is a public one.",
)
def command(directory: Path, recompute: bool, case: str | None) -> None:
    """Check that an audit folder is what it says it is.

    Every hash in DIR is computed anew; with --recompute, given the inputs, the findings too.
    """
    from veedor.audit.verify import verify

    for line in verify(directory, recompute=recompute, case=case):
        terminal.out(f"ok  {terminal.cell(line)}")
