"""Public claims about the count of Bolivia 2019: what was computed, and what made the number.

`benchmarks/methods.toml` holds who said what, in other words than theirs, and the numbers that they
published; every other number on the page is computed here from the published data, or read from an
audit's `findings.json` by finding and path. A finding or a target that the audit does not have is
an error that names it.

Usage: python -m benchmarks.methods [--audit DIR] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.methods_data import recomputed
from veedor.audit import plan
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case

CASE = "bolivia-2019"
HERE = Path(__file__).parent
ROOT = HERE.parent
MARK = re.compile(r"\{(data|published|audit|target):([^{}|]+)(?:\|(\d+))?\}")
"""`{data:NAME|DIGITS}`, `{published:NAME}`, `{audit:FINDING:PATH}`, `{target:ID=EXPECTED}`."""


class Numbers:
    """The values that the page may name, and what was asked for and is not there."""

    def __init__(
        self, data: Mapping[str, float], document: dict[str, Any], targets: dict[str, Any]
    ) -> None:
        self.data = data
        self.document = document
        self.targets = {t["id"]: t for t in targets["targets"]}
        self.missing: list[str] = []
        self._compare = _compare_module()

    def of(self, kind: str, name: str, published: Mapping[str, Any]) -> Any:
        """The value of a mark `{kind:name}`; None, and noted, where there is none."""
        value: Any = None
        if kind == "data":
            value = self.data.get(name)
        elif kind == "published":
            value = published.get(name)
        elif kind == "audit":
            finding, _, at = name.partition(":")
            value = self._compare.look_up(self.document, finding, at)
        elif kind == "target":
            value = self._target(name)
        if not isinstance(value, int | float):
            self.missing.append(f"{kind}:{name}")
            return None
        return value

    def finding(self, kind: str, name: str) -> str:
        """The finding from which a value comes; empty where it is computed here."""
        if kind == "audit":
            return name.partition(":")[0]
        row = self._row(name) if kind == "target" else None
        return str(row["finding"]) if row else ""

    def _row(self, name: str) -> dict[str, Any] | None:
        """The row of a target, told by the number that it expects."""
        target, _, expected = name.partition("=")
        rows = self.targets.get(target, {}).get("values", [])
        return next((row for row in rows if row["expect"] == float(expected)), None)

    def _target(self, name: str) -> Any:
        row = self._row(name)
        return row and self._compare.look_up(self.document, row["finding"], row["at"])


def _compare_module() -> ModuleType:
    """The reader of findings that the targets use: it is a script, not a package."""
    spec = importlib.util.spec_from_file_location("compare", ROOT / "targets" / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_text(value: Any, digits: int | None) -> str:
    """A number for the page; whole numbers with thousands apart."""
    if value is None:
        return "?"
    text = f"{value:,.{digits}f}" if digits is not None else f"{value:,.6g}"
    if digits is None and float(value).is_integer():
        text = f"{int(value):,}"
    return text.replace("-", "\u2212")


def filled(text: str, numbers: Numbers, published: Mapping[str, Any]) -> str:
    """A text with its marks `{kind:name|digits}` replaced by numbers."""

    def number(found: re.Match[str]) -> str:
        kind, name, digits = found.groups()
        return as_text(numbers.of(kind, name, published), None if digits is None else int(digits))

    return MARK.sub(number, text)


def entry_lines(entry: Mapping[str, Any], numbers: Numbers) -> list[str]:
    """One claim as a section of the page."""
    published = entry.get("published", {})
    lines = [f"## {entry['title']}", "", f"*{entry['who']}*", ""]
    for key, label in (("said", "What was said"), ("made", "What makes the number")):
        lines += [f"**{label}.** {filled(entry[key], numbers, published)}", ""]
    if entry.get("values"):
        lines += ["| | value | from |", "|---|---:|---|"]
        lines += [value_line(value, numbers, published) for value in entry["values"]]
        lines.append("")
    for key, label in (("veedor", "What veedor gives instead"), ("open", "What remains open")):
        lines += [f"**{label}.** {filled(entry[key], numbers, published)}", ""]
    lines += ["Sources: " + " ".join(entry["references"]), ""]
    return lines


def value_line(value: Mapping[str, Any], numbers: Numbers, published: Mapping[str, Any]) -> str:
    """A row of an entry's table: what it is, the value, and where the value comes from."""
    mark = MARK.fullmatch(value["value"])
    if mark is None:
        raise SystemExit(f"{value['value']!r} is no mark such as {{data:clock.last_by_time|1}}")
    kind, name, _ = mark.groups()
    origin = {
        "data": "recomputed here",
        "published": "as published",
    }.get(kind, f"`{numbers.finding(kind, name)}`")
    return f"| {value['what']} | {filled(value['value'], numbers, published)} | {origin} |"


def page(text: Mapping[str, Any], numbers: Numbers) -> str:
    """The whole page."""
    lines = [f"# {text['title']}", "", text["note"].strip(), ""]
    for entry in text["entries"]:
        lines += entry_lines(entry, numbers)
    lines += ["## What none of these methods can see", "", text["limits"].strip(), ""]
    return "\n".join(lines)


def stated(text: Mapping[str, Any]) -> dict[str, float]:
    """The published numbers of the entries that have an id, by id and name."""
    return {
        f"{entry['id']}.{name}": float(value)
        for entry in text["entries"]
        if "id" in entry
        for name, value in entry["published"].items()
    }


def audited(folder: Path) -> dict[str, Any]:
    """The findings of an audit that was made before."""
    path = folder / "findings.json"
    if not path.exists():
        raise SystemExit(f"{path} is not there. Make it: veedor audit {CASE} --out {folder}")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if document["case"]["id"] != CASE:
        raise SystemExit(f"{path} is an audit of {document['case']['id']}, not of {CASE}")
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; 1, naming them, where findings are missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--audit", type=Path, default=ROOT / "out" / CASE)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    text = tomllib.loads((HERE / "methods.toml").read_text(encoding="utf-8"))
    targets = tomllib.loads((ROOT / "targets" / f"{CASE}.toml").read_text(encoding="utf-8"))
    document = audited(options.audit)
    with tempfile.TemporaryDirectory(prefix="veedor-methods-") as name:
        evidence, _ = plan.read(load_case(find_case(CASE)), Path(name))
        numbers = Numbers(recomputed(evidence, stated(text)), document, targets)
    written = page(text, numbers)
    if numbers.missing:
        wanted = "\n".join(f"  {name}" for name in dict.fromkeys(numbers.missing))
        print(f"The audit in {options.audit} or the data lack:\n{wanted}", file=sys.stderr)
        return 1
    if options.markdown:
        options.markdown.write_text(written, encoding="utf-8")
    else:
        print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
