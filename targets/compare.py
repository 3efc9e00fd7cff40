"""Compare an audit with published and recomputed numbers: the table of `make targets`.

Every value comes out of the audit's `findings.json`. The targets, their sources and tolerances are
in the TOML file. A value that differs makes the command fail, unless the file says of its target
why it is not reached; then it is shown as such.

Usage: python targets/compare.py targets/bolivia-2019.toml out/bolivia-2019 [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

STEP = re.compile(r"([A-Za-z0-9_+-]+)|\[([a-z_]+)=([^\]]+)\]")


def look_up(document: dict[str, Any], finding: str, at: str) -> Any:
    """The value at a path in a finding: names, and `[key=value]` (several in a row) to choose from
    an array.
    """
    found = next((f for f in document["findings"] if _id(f) == finding), None)
    if found is None:
        return None
    value: Any = found
    for step in STEP.finditer(at):
        name, key, wanted = step.groups()
        if name is not None:
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(name) if isinstance(value, dict) else None
        else:
            value = [v for v in value or [] if str(v.get(key)) == wanted]
    return value


def _id(finding: dict[str, Any]) -> str:
    return f"{finding['check']}.{finding['subject']}" if finding["subject"] else finding["check"]


def rows(targets: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a value: the target, what was audited, and whether it is within tolerance."""
    result = []
    for target in targets["targets"]:
        for value in target["values"]:
            audited = look_up(document, value["finding"], value["at"])
            tolerance = value.get("tolerance", target.get("tolerance", 0))
            good = (
                isinstance(audited, int | float)
                and abs(audited - value["expect"]) <= tolerance + 1e-12
            )
            result.append(
                {
                    "id": target["id"],
                    "what": value["what"],
                    "expect": value["expect"],
                    "audited": audited,
                    "tolerance": tolerance,
                    "agrees": good,
                    "kind": target["kind"],
                    "finding": value["finding"],
                    "not_reached": target.get("not_reached", ""),
                }
            )
    return result


def as_text(number: Any) -> str:
    """A number with thousands apart; a dash where there is none."""
    if number is None:
        return "-"
    return f"{number:,}" if isinstance(number, int) else f"{number:,.8g}"


def markdown(targets: dict[str, Any], table: list[dict[str, Any]]) -> str:
    """The table as a page of the docs."""
    lines = [
        f"# Numbers reproduced: {targets['case']}",
        "",
        targets["note"],
        "",
        "Made by `make targets`; every audited value comes out of `findings.json`.",
        "",
        "| target | what | expected | audited | tolerance | source | |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    lines += [
        f"| {r['id']} | {r['what']} | {as_text(r['expect'])} | {as_text(r['audited'])} |"
        f" {as_text(r['tolerance'])} | {targets['kinds'][r['kind']]} |"
        f" {'agrees' if r['agrees'] else 'not reached' if r['not_reached'] else 'differs'} |"
        for r in table
    ]
    missed = [t for t in targets["targets"] if "not_reached" in t]
    if missed:
        lines += ["", "## Not reached", ""]
        lines += [f"* {t['id']}: {t['not_reached']}" for t in missed]
    published = [t for t in targets["targets"] if "published" in t]
    if published:
        lines += ["", "## Published numbers that the data do not give", ""]
        lines += [f"* {t['id']}: {t['published']}" for t in published]
    sources = targets.get("sources", [])
    lines += ["", "## Sources", "", *[f"* {s}" for s in sources], ""]
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 where a value differs that is not named as one that cannot be reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", type=Path)
    parser.add_argument("audit", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    targets = tomllib.loads(arguments.targets.read_text(encoding="utf-8"))
    document = json.loads((arguments.audit / "findings.json").read_text(encoding="utf-8"))
    table = rows(targets, document)
    width = max(len(r["what"]) for r in table)
    print(f"{'':5}{'what':{width}}  {'expected':>14}  {'audited':>14}  {'tolerance':>9}")
    for r in table:
        mark = "agrees" if r["agrees"] else "not reached" if r["not_reached"] else "DIFFERS"
        print(
            f"{r['id']:5}{r['what']:{width}}  {as_text(r['expect']):>14}"
            f"  {as_text(r['audited']):>14}  {as_text(r['tolerance']):>9}  {mark}"
        )
    agree = [r for r in table if r["agrees"]]
    missed = [r for r in table if not r["agrees"] and not r["not_reached"]]
    ids = {r["id"] for r in table}
    print(f"\n{len(agree)} of {len(table)} values of {len(ids)} targets agree.")
    for target in targets["targets"]:
        if "not_reached" in target:
            print(f"{target['id']} is not reached: {target['not_reached']}")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(targets, table), encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
