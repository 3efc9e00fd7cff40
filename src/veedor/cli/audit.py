"""`veedor audit`: audit a case and write a folder with the report."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from veedor.cli import terminal

if TYPE_CHECKING:
    from veedor.audit.findings import Document, Finding, OutcomeSummary

MATCHED = 3
"""Exit code where a finding is of a kind named by `--fail-on`."""


@click.command(
    epilog="""\b
Examples:
  veedor audit bolivia-2019
  veedor audit path/to/case.toml --out out/mine --seed 7
  veedor audit bolivia-2019 --only sheets.unanimous --only reconcile
  veedor audit case.toml --fail-on observed:reconcile --fail-on void:sheets.universe
Exit codes: 0 the audit ran, whatever it found; 1 it could not run, and nothing was written;
2 wrong usage; 3 a finding is of a kind named by --fail-on.
"""
)
@click.argument("case")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder to write.  [default: out/ and the id of the case]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@click.option("--only", multiple=True, metavar="ID", help="Run this check, or this group, only.")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="STATUS:ID",
    help="Exit with 3 where a check, or one of a group, has a finding of this status.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that read scans.  [default: one for each core]",
)
@click.option(
    "--show-private",
    is_flag=True,
    help="Leave names, signatures and fingerprints in the parts of scans that the report shows.",
)
def command(
    case: str,
    out: Path | None,
    seed: int,
    only: tuple[str, ...],
    fail_on: tuple[str, ...],
    jobs: int | None,
    show_private: bool,
) -> None:
    """Audit a case and write a folder with the report.

    The folder also holds the findings for machines and the rows behind each of them.

    CASE is the name of a public case (`veedor data list`), a case file, or its folder. Data that
    are not on this machine are fetched where their public origin is known.
    """
    conditions = parse_conditions(fail_on)
    from veedor.audit.run import audit

    with terminal.steps() as progress:
        result = audit(
            case,
            out,
            seed=seed,
            only=only,
            progress=progress,
            command=_command(sys.argv),
            jobs=jobs,
            show_private=show_private,
        )
    terminal.out(*summary(result.document, result.directory))
    matched = [f for f in result.document.findings if _matches(f, conditions)]
    if matched:
        terminal.note(f"--fail-on: {', '.join(f'{f.status}:{f.id}' for f in matched)}")
        raise click.exceptions.Exit(MATCHED)


def parse_conditions(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Status and check (or group) of each `--fail-on`; a usage error where there is none such."""
    if not texts:
        return []
    from veedor.audit.findings import Status
    from veedor.checks.base import registry

    known = set(registry())
    known |= {check.split(".")[0] for check in known}
    conditions = []
    for text in texts:
        status, _, what = text.partition(":")
        if status not in get_args(Status):
            choice = ", ".join(get_args(Status))
            raise click.BadParameter(
                f"{text!r}: the status is one of {choice}", param_hint="--fail-on"
            )
        if what not in known:
            raise click.BadParameter(
                f"{text!r}: {what!r} is neither a check nor a group", param_hint="--fail-on"
            )
        conditions.append((status, what))
    return conditions


def _matches(finding: Finding, conditions: Sequence[tuple[str, str]]) -> bool:
    return any(
        finding.status == status and what in (finding.check, finding.check.split(".")[0])
        for status, what in conditions
    )


def summary(document: Document, directory: Path) -> list[str]:
    """The audit in a few lines: the outcome, how many findings of each status, where to read on."""
    counted = Counter(finding.status for finding in document.findings)
    counted.update(entry.status for entry in document.not_run)
    changes = sorted({change.finding for change in document.outcome.changes_under})
    lines = [document.case.title + ("  [SIMULATED]" if document.case.simulated else ""), ""]
    lines += [_sentence(document), *_open_votes(document.outcome)]
    if changes:
        lines += [f"  {line}" for line in _by_part(document)]
    lines += ["", "Findings by status:"]
    lines += [f"  {number:>5}  {status}" for status, number in sorted(counted.items())]
    report = directory / "index.html"
    lines += ["", f"Report: {report if report.is_file() else directory}"]
    return lines


def _sentence(document: Document) -> str:
    outcome = document.outcome
    if outcome.winner is None:
        won = "The sheets give no winner"
    else:
        won = f"The sheets give {outcome.winner} as the winner"
    lead = ""
    if outcome.margin_points is not None and outcome.runner_up is not None:
        lead = f", {outcome.margin_points:.2f} points ahead of {outcome.runner_up}"
    statement = outcome.statement.replace("-", " ")
    if statement == "robust" and not any(f.materiality for f in document.findings):
        statement = "not tested, for no finding and no list names sheets"
    if outcome.statement == "robust" and document.open_samples:
        statement = (
            "not decided by the sample, though the sheets that a finding or a list names would not"
            " change it: by its limits votes may be in question on as many sheets as it rests on"
        )
    return f"{won}{lead} ({outcome.sheets:,} sheets; {outcome.rule}). Outcome: {statement}."


def _by_part(document: Document) -> list[str]:
    """Under what the outcome would change: by whose sheets, and by which treatments."""
    sources = {
        "records": "sheets that the records question",
        "lists": "lists that others named",
        "controls": "sheets exposed where a control failed or evidence is gone",
    }
    ways = {
        "what-if": "removed or replaced",
        "bound": "with every questioned vote on one side (a bound, not an estimate)",
    }
    named = [f for f in document.findings if f.subject]
    exposed = [f for f in document.findings if f.materiality]
    return [
        f"{sources[part.source]}, {ways[part.treatments]}: "
        + (_number(len(part.findings), part.source) if part.findings else "none changes it")
        for part in document.outcome.statement_by
        if part.source == "records"
        or (part.source == "lists" and any(f.check == "outcome.slack" for f in named))
        or (part.source == "controls" and any(f.origin == "controls" for f in exposed))
    ]


def _number(findings: int, source: str) -> str:
    """How many findings or lists would change the outcome, each by all its sheets."""
    of = {"records": "finding", "lists": "list", "controls": "finding"}[source]
    return f"the sheets of {findings} {of}{'' if findings == 1 else 's'} would change it"


def _open_votes(outcome: OutcomeSummary) -> list[str]:
    """What the files leave open, where they do."""
    found = outcome.unresolved
    if found is None:
        return []
    parts = {
        "set aside": found.set_aside,
        "with votes that cannot be read": found.unreadable,
        "not counted by the authority": found.not_counted,
    }
    told = ", ".join(f"{number:,} {what}" for what, number in parts.items() if number)
    return [f"  Not settled by the files: stations {told}; at most {found.votes:,} votes."]


def _command(argv: Sequence[str]) -> list[str]:
    """How the audit was called, without the folder that the program happens to lie in."""
    return ["veedor", *argv[1:]]
