"""Sphinx configuration; the pages of the checks are made from their metadata and docstrings."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import veedor
from veedor.checks.base import NEEDS, Check, registry

HERE = Path(__file__).parent

project = "veedor"
author = "The veedor authors"
copyright = "The veedor authors, Apache-2.0"
version = release = veedor.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "veedor"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
autodoc_typehints = "description"
napoleon_numpy_docstring = True
nitpicky = False


def check_page(check: Check) -> str:
    """One check as a Markdown page."""
    lines = [f"# `{check.id}`", "", f"**{check.title}.** {check.asks}", ""]
    lines += [f"*Rule or expectation:* {check.rule}", "", f"*Kind of finding:* {check.kind}", ""]
    needs = ", ".join(check.needs) or "the official count only"
    lines += [f"*Needs:* {needs}", ""]
    lines += [_sections(inspect.cleandoc(type(check).__doc__ or "")), ""]
    if check.benign:
        lines += ["## Benign explanations", ""]
        lines += [
            f"* {b.text} ({'tested where possible' if b.result else 'not testable here'})"
            for b in check.benign
        ]
    promise = check.promise
    if promise.honest or promise.tampered:
        lines += ["", "## Behaviour on simulated elections", ""]
        for name in promise.honest:
            lines.append(f"* honest `{name}`: alarms in at most {promise.false_alarms:.0%}")
        for name, power in promise.tampered.items():
            lines.append(f"* altered `{name}`: seen in at least {power:.0%}")
    if check.references:
        lines += ["", "## References", "", *(f"* {r}" for r in check.references)]
    return "\n".join([*lines, ""])


def _sections(doc: str) -> str:
    """Underlined sections of a docstring as Markdown headings, definitions as lists."""
    result: list[str] = []
    lines = doc.splitlines()
    skip = False
    for i, line in enumerate(lines):
        if skip:
            skip = False
            continue
        following = lines[i + 1] if i + 1 < len(lines) else ""
        if line and not line.startswith(" ") and set(following) == {"-"}:
            result += ["", f"## {line}", ""]
            skip = True
        elif line.startswith("    "):
            result.append(
                f": {line.strip()}"
                if result and result[-1] and not lines[i - 1].startswith("    ")
                else f"  {line.strip()}"
            )
        elif ":" in line and following.startswith("    "):
            result += ["", f"`{line.strip()}`"]
        else:
            result.append(line)
    return "\n".join(result)


def write_checks() -> None:
    """The pages under `checks/`, made anew."""
    folder = HERE / "checks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    every = registry()
    for name, check in every.items():
        (folder / f"{name}.md").write_text(check_page(check), encoding="utf-8")
    rows = [f"| [`{n}`]({n}.md) | {c.asks} |" for n, c in every.items()]
    needs = [f"`{need}`\n: without it: {why}\n" for need, why in NEEDS.items()]
    index = [
        "# The checks",
        "",
        "| check | what it asks |",
        "|---|---|",
        *rows,
        "",
        "## What a check may need",
        "",
        *needs,
        "```{toctree}",
        ":hidden:",
        "",
        *every,
        "```",
        "",
    ]
    (folder / "index.md").write_text("\n".join(index), encoding="utf-8")


write_checks()
