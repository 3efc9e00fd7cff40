"""`veedor checks`: the list of checks, and one of them explained."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from veedor.cli import terminal

if TYPE_CHECKING:
    from veedor.checks.base import Check


@click.command(
    epilog="""\b
Examples:
  veedor checks
  veedor checks sheets.unanimous
"""
)
@click.argument("check", required=False)
def command(check: str | None) -> None:
    """List the checks, or explain one of them.

    CHECK is an id such as sheets.unanimous, or a group such as sheets.
    """
    from veedor.checks.base import registry

    found = registry()
    if check in found:
        terminal.out(*explain(found[check]))
        return
    chosen = {i: c for i, c in found.items() if check is None or i.startswith(f"{check}.")}
    if not chosen:
        import difflib

        close = difflib.get_close_matches(str(check), found, n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise click.UsageError(f"There is no check {check!r}.{hint} `veedor checks` lists them.")
    terminal.table(
        ("check", "kind", "what it asks"), [(i, c.kind, c.asks) for i, c in chosen.items()]
    )


def explain(check: Check) -> list[str]:
    """A check in words: its question, its evidence, how it works, what else may explain it."""
    lines = [f"{check.id}: {check.title}", "", check.asks, ""]
    if rule := getattr(check, "rule", ""):
        lines += [f"Rule or expectation: {rule}"]
    lines += [f"Kind: {check.kind}"]
    lines += [f"Needs: {', '.join(check.needs) or 'the official count only'}", ""]
    lines += [inspect.cleandoc(check.__doc__ or ""), ""]
    if check.benign:
        lines += ["What else may explain it:"]
        for benign in check.benign:
            tested = "tested" if benign.result is not None else "not tested"
            lines += [f"  - {benign.text} ({tested})"]
        lines += [""]
    if check.references:
        lines += ["References:", *(f"  - {reference}" for reference in check.references)]
    return lines
