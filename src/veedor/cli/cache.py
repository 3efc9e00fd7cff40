"""`veedor cache`: what was read of scans and is kept, and how to be rid of it."""

from __future__ import annotations

import click

from veedor.cli import terminal


@click.group(
    epilog="""\b
Examples:
  veedor cache list
  veedor cache clear
"""
)
def command() -> None:
    """See and clear what was read of scans.

    It is kept for the next audit, in the folder `readings` of the cache (VEEDOR_CACHE, or the
    platform's), for its user alone. What no audit used for 180 days is deleted after the next one,
    and beyond 10 GB what was not used for longest; never what an audit that runs may need.
    """


@command.command("list", epilog="\b\nExample:\n  veedor cache list\n")
def list_() -> None:
    """List the files, each of one version of what a reading depends on: the forms and the code."""
    import datetime as dt

    from veedor.case.cache import cache_folder
    from veedor.case.kept import kept_in

    folder = cache_folder() / "readings"
    rows = []
    for kept in kept_in(folder):
        used = dt.datetime.fromtimestamp(kept.used, dt.UTC).date() if kept.used else ""
        number = "damaged" if kept.records is None else f"{kept.records:,}"
        rows.append((kept.path.name, number, terminal.megabytes(kept.bytes), used))
    terminal.note(f"What was read of scans, in {folder}")
    terminal.table(("file", "scans", "size", "last used"), rows, numbers=(1, 2))


@command.command(
    epilog="""\b
Example:
  veedor cache clear
Exit codes: 0 nothing is kept, 1 it could not be deleted.
"""
)
def clear() -> None:
    """Delete all that was read of scans; the next audit reads them again."""
    from veedor.case.cache import cache_folder
    from veedor.case.kept import clear as delete
    from veedor.errors import VeedorError

    folder = cache_folder() / "readings"
    try:
        number = delete(folder)
    except OSError as error:
        raise VeedorError(
            f"this cannot be deleted ({error.strerror})", place=str(error.filename or folder)
        ) from error
    if number is None:
        raise VeedorError(
            "scans are being read, and nothing was deleted",
            place=str(folder),
            remedy="Wait until the audit has ended.",
        )
    terminal.out(f"deleted: {number} {'file' if number == 1 else 'files'} in {folder}")
