"""`veedor simulate`: an election whose truth is known, as a case that can be audited."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from veedor.cli import terminal


@click.command(
    epilog="""\b
Examples:
  veedor simulate                                  list the scenarios
  veedor simulate plain --out out/plain-case
  veedor simulate stuffed --seed 7 --stations 5000 --audit
  veedor simulate sheets-drill --sheets --degradation scan --degradation photo
Exit codes: 0 written (and audited), 1 could not be done, 2 wrong usage.
"""
)
@click.argument("scenario", required=False)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder to write.  [default: out/simulated- and the scenario]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--stations",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many polling stations.  [default: the scenario's]",
)
@click.option("--sheets", "drawn", is_flag=True, help="Draw the filled sheets as scans too.")
@click.option(
    "--layout",
    "layouts",
    multiple=True,
    metavar="NAME",
    help="A form of the sheets: column, pair, strip, table, bubbles or ledger; may be given again."
    "  [default: the scenario's, or column]",
)
@click.option(
    "--degradation",
    "families",
    multiple=True,
    metavar="NAME",
    help="How they are pictured: clean, scan, photo or fax; may be given again.  [default: scan]",
)
@click.option(
    "--hands",
    type=click.Choice(["auto", "nist", "drawn"]),
    help="Whose digits: NIST's writers, drawn ones, or the former where they are to be had.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "calibration", "test", "reserve"]),
    help="Which of NIST's writers.  [default: test]",
)
@click.option("--dpi", type=click.FloatRange(72, 600), metavar="N", help="[default: 200]")
@click.option("--audit", "audited", is_flag=True, help="Audit it too, into DIR/audit.")
def command(
    scenario: str | None,
    out: Path | None,
    seed: int,
    stations: int | None,
    drawn: bool,
    audited: bool,
    **sheets: Any,
) -> None:
    """Make an election whose truth is known.

    Writes a case that `veedor audit` takes, and truth.json, which the case does not name: what was
    tampered with, sheet by sheet, and where machines keep logs, what in them departs from the plan.
    With --sheets, also pictures of the filled sheets, their index and the templates of the forms.
    Without SCENARIO, the scenarios are listed.
    """
    from veedor.simulate import load, names

    if scenario is None:
        terminal.table(("scenario", "what it is"), [(name, load(name).summary) for name in names()])
        return
    given = {name: value for name, value in sheets.items() if value}
    if given and not drawn:
        parameters = click.get_current_context().command.params
        option = next(p.opts[0] for p in parameters if p.name in given)
        raise click.UsageError(f"{option} is about sheets: add --sheets.")
    directory = out or Path("out") / f"simulated-{scenario}"
    case = _write(scenario, directory, seed, stations, given if drawn else None)
    terminal.out(
        f"SIMULATED election written: {case}", f"Its truth: {case.with_name('truth.json')}"
    )
    if drawn:
        for note in json.loads(case.with_name("truth.json").read_text("utf-8"))["sheets"]["hands"]:
            terminal.out(note)
    if not audited:
        terminal.out("", f"To audit it: veedor audit {case}")
        return
    from veedor.audit.run import audit
    from veedor.cli.audit import summary

    directory = case.parent / "audit"
    with terminal.steps() as progress:
        result = audit(
            case,
            directory,
            seed=seed,
            progress=progress,
            command=["veedor", "audit", str(case), "--out", str(directory), "--seed", str(seed)],
        )
    terminal.out("", *summary(result.document, result.directory))


def _write(
    scenario: str,
    directory: Path,
    seed: int,
    stations: int | None,
    sheets: dict[str, Any] | None,
) -> Path:
    """Draw and write the election; with `sheets`, parameters over the scenario's, also those."""
    from veedor.errors import VeedorError
    from veedor.simulate import load, write_case
    from veedor.simulate.sheets.plan import SheetPlan

    made = load(scenario)
    plan = None
    if sheets is not None:
        plan = dataclasses.replace(made.sheets or SheetPlan(), **sheets)
    if directory.is_dir() and any(directory.iterdir()) and not (directory / "truth.json").is_file():
        raise VeedorError(
            "this folder holds something other than a simulated election",
            place=str(directory),
            remedy="Name another folder with --out.",
        )
    with terminal.steps() as progress:
        progress(f"drawing {scenario}, seed {seed}")
        election, truth = made.make(seed, stations)
        progress(f"writing {election.stations:,} stations")
        if plan is not None:
            progress(f"drawing {election.stations:,} sheets")
        title = f"Simulated election: {scenario}, seed {seed}"
        return write_case(
            election,
            directory,
            title=title,
            id=f"simulated-{scenario}",
            seed=seed,
            truth=truth,
            network=made.network,
            sheets=plan,
        )
