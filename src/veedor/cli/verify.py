"""`veedor verify`: an audit folder is what it says it is."""

from __future__ import annotations

from pathlib import Path

import click

from veedor.cli import terminal


@click.command(
    epilog="""\b
Examples:
  veedor verify out/bolivia-2019
  veedor verify out/bolivia-2019 --hashes
  veedor verify out/mine --case mine/case.toml
Exit codes: 0 everything that could be checked agrees (what could not is named), 1 something does
not (it is named on stderr).
"""
)
@click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR"
)
@click.option("--hashes", is_flag=True, help="Check the hashes alone; compute no finding anew.")
@click.option(
    "--case",
    metavar="CASE",
    help="The case file that was audited; found by itself where it is a public one.",
)
def command(directory: Path, hashes: bool, case: str | None) -> None:
    """Check that an audit folder is what it says it is.

    Every hash in DIR is computed anew and, where the inputs can be had, every finding too.
    """
    from veedor.audit.verify import verify
    from veedor.errors import InputsMissingError

    unchecked = ""
    try:
        agreed = verify(directory, recompute=not hashes, case=case)
    except InputsMissingError as error:
        unchecked = f"{error.place}: {error.message}" if error.place else error.message
        agreed = verify(directory, recompute=False)
    for line in agreed:
        terminal.out(f"ok  {terminal.cell(line)}")
    terminal.out("The manifest is not signed: the folder is whole; who made it, it cannot say.")
    if unchecked:
        terminal.out("not checked: the findings were not computed anew, for want of the inputs:")
        terminal.out(f"    {terminal.cell(unchecked)}")
