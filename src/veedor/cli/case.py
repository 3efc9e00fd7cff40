"""`veedor case`: a case file for one's own data."""

from __future__ import annotations

from pathlib import Path

import click

from veedor.cli import terminal
from veedor.errors import CaseError

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_out = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("case.toml"),
    show_default=True,
    help="The case file to write.",
)
_force = click.option("--force", is_flag=True, help="Overwrite a case file that is there.")


@click.group(
    epilog="""\b
Examples:
  veedor case new official.csv preliminary.zip --out case.toml
  veedor case copy bolivia-2019 --out mine/case.toml
  veedor case check case.toml
"""
)
def command() -> None:
    """Propose a case file for your data, or check one."""


@command.command(
    epilog="""\b
Examples:
  veedor case new results.csv
  veedor case new official.xlsx preliminary.csv.gz --out mine/case.toml
"""
)
@click.argument("files", nargs=-1, required=True, type=_File)
@_out
@_force
def new(files: tuple[Path, ...], out: Path, force: bool) -> None:
    """Read FILES and propose a case file that maps their columns.

    FILES are csv, tsv, xlsx, xls, ods or parquet, plain or in a zip or gz; the first is taken for
    the official count. Columns are recognised by their names in several languages and by what is
    in them. Every guess is marked in the file: read it and correct it.
    """
    from veedor.case.propose import propose

    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already; --force overwrites it")
    proposal = propose(files, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(proposal.text, encoding="utf-8")
    terminal.out(f"Written: {out}", "", *(f"  {line}" for line in proposal.summary), "")
    terminal.out("Read it and correct the guesses, then:", f"  veedor case check {out}")


@command.command(
    epilog="""\b
Examples:
  veedor case copy bolivia-2019
  veedor case copy bolivia-2019 --out mine/case.toml
"""
)
@click.argument("name")
@_out
@_force
def copy(name: str, out: Path, force: bool) -> None:
    """Write the case file of a bundled case, to add a sample, say, or sources of your own.

    Its files are found as those of the bundled case are.
    """
    from veedor.case.catalogue import find_case

    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already; --force overwrites it")
    if name != Path(name).name:
        raise click.UsageError(f"{name} is no name of a bundled case; `veedor data list` has them")
    text = find_case(name).read_text(encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")
    terminal.out(f"Written: {out}")


@command.command(
    epilog="""\b
Examples:
  veedor case check path/to/case.toml
  veedor case check bolivia-2019
"""
)
@click.argument("path")
def check(path: str) -> None:
    """Check the case file at PATH, and its mappings against the columns of its files.

    Nothing is fetched. A file that is not on this machine is named and passed over: the exit code
    is then 1, but where the source is optional or its file has a public origin.
    """
    from veedor.audit.plan import check_expectations
    from veedor.case import catalogue
    from veedor.case.loading import load_case
    from veedor.case.proof import examine

    case = load_case(catalogue.find_case(path))
    terminal.out(f"{case.path}: {case.title}", f"rule: {case.contest_rule.describe()}")
    check_expectations(case)
    found = examine(case, terminal.note)
    wrong = [str(error) for error in found.wrong]
    if found.absent:
        wrong += [
            f"{_not_examined(found.absent)}\nPut each file where the case file names it, or set"
            " `optional = true` where an audit may go on without it."
        ]
    if wrong:
        raise CaseError("\n".join(wrong))
    said = []
    if found.unread:
        said += ["What could not be read of its files is told above."]
    if found.spared:
        said += [f"{_not_examined(found.spared)}."]
    if guesses := case.path.read_text(encoding="utf-8").count("GUESS"):
        waits = "1 guess in it waits" if guesses == 1 else f"{guesses} guesses in it wait"
        said += [f"{waits} to be looked at."]
    terminal.out(
        " ".join(["The case file can be used.", *said]) if said else "The case file is in order."
    )


def _not_examined(sources: list[str]) -> str:
    """Sources that were not looked at, in words."""
    names = ", ".join(sources)
    if len(sources) == 1:
        return f"1 source was not examined, because its file is not here: {names}"
    return f"{len(sources)} sources were not examined, because their files are not here: {names}"
