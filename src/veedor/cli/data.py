"""`veedor data`: the public cases and their files."""

from __future__ import annotations

import sys

import click

from veedor.cli import terminal

UNAVAILABLE = 4
"""Exit code where the data cannot be had: another matter than data that are there and wrong."""


@click.group(
    epilog="""\b
Examples:
  veedor data list
  veedor data get bolivia-2019
  VEEDOR_DATA=../shared/data veedor data verify bolivia-2019
"""
)
def command() -> None:
    """List, fetch and verify the data of public cases.

    Files are taken from beside the case, from the folder named by VEEDOR_DATA, from the cache
    (VEEDOR_CACHE, or the platform's), or from their pinned public origin, in this order; each is
    compared with its SHA-256, wherever it came from.
    """


@command.command("list", epilog="\b\nExample:\n  veedor data list\n")
def list_() -> None:
    """List the public cases, and whether their data are on this machine."""
    from veedor.case import catalogue
    from veedor.case.loading import load_case

    rows = []
    for bundled in catalogue.bundled():
        states = catalogue.verify(load_case(bundled.path))
        here = sum(v.state == "ok" for v in states)
        damaged = sum(v.state == "damaged" for v in states)
        files = f"{here} of {len(states)}" + (f", {damaged} damaged" if damaged else "")
        rows.append((bundled.name, bundled.date, files, bundled.title))
    terminal.table(("case", "date", "files here", "title"), rows)


@command.command(
    epilog="""\b
Examples:
  veedor data get bolivia-2019
  veedor data get path/to/case.toml
Exit codes: 0 all that the case cannot do without is here, 4 it cannot be had, 1 a file is damaged.
"""
)
@click.argument("case")
def get(case: str) -> None:
    """Fetch the files of CASE that are not on this machine."""
    from veedor.case import catalogue
    from veedor.case.loading import load_case
    from veedor.errors import DownloadError

    manifest = load_case(catalogue.find_case(case))
    lacking = []
    with terminal.transfers() as progress:
        for entry in catalogue.needed(manifest):
            try:
                found = catalogue.locate(manifest, entry.path, progress=progress)
            except (catalogue.UnavailableError, DownloadError) as error:
                lacking.append(entry)
                if entry.optional:
                    terminal.note(f"Not here, and can be done without: {entry.path}")
                else:
                    terminal.note(f"Error: {error}")
            else:
                if not sys.stderr.isatty() or found.how != "download":
                    terminal.out(f"{found.how:<8}  {found.path}")
    required = [entry.path for entry in lacking if not entry.optional]
    if required:
        terminal.note(f"The data of {manifest.id} cannot be had: {', '.join(required)}")
        raise click.exceptions.Exit(UNAVAILABLE)


@command.command(
    epilog="""\b
Examples:
  veedor data verify bolivia-2019
  veedor data verify path/to/case.toml
Exit codes: 0 every file that is here is the listed one and none is lacking, 1 otherwise.
"""
)
@click.argument("case")
def verify(case: str) -> None:
    """Compare the files of CASE with their SHA-256. Nothing is fetched."""
    from veedor.case import catalogue
    from veedor.case.loading import load_case

    manifest = load_case(catalogue.find_case(case))
    states = catalogue.verify(manifest)
    rows = [
        (v.state, v.path, v.located.how if v.located else "", v.located.sha256 if v.located else "")
        for v in states
    ]
    terminal.table(("state", "file", "from", "sha-256"), rows)
    for v in states:
        if v.state == "damaged":
            terminal.note(f"Error: {v.message}")
    if any(v.state == "damaged" or (v.state == "missing" and not v.optional) for v in states):
        raise click.exceptions.Exit(1)
