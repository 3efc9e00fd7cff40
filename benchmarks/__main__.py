"""Time whole audits beside a floor, and write `docs/benchmarks.md`.

Each audit runs in a process of its own, as a user would run it. The floor reads the same counts
with pandas and adds up their votes: the least that any program has to do with these files.

Usage: python -m benchmarks [--runs N] [--markdown FILE] [CASE ...]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOORS = {
    "bolivia-2019": """
import pandas, sys
for name in ("computo-final", "trep-20191020T194057", "trep-20191021T182953"):
    t = pandas.read_csv(f"{sys.argv[1]}/bolivia-2019/{name}.zip", encoding="utf-8-sig")
    t.loc[:, "CC":"Nulos"].sum()
""",
    "indonesia-2019": """
import pandas, sys
t = pandas.read_parquet(f"{sys.argv[1]}/indonesia-2019/tps.parquet")
t.loc[:, "kpu_pas1":"kp_jum"].sum()
""",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: wall seconds, peak memory in bytes, and seconds by stage."""

    wall: float
    memory: int
    stages: dict[str, float]
    checks: dict[str, float]


def run(command: Sequence[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a command (of the child alone)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors.decode()}")
    scale = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_maxrss * scale


def audit(case: str, folder: Path) -> Measured:
    """One audit, report included."""
    out = folder / case
    wall, memory = run([sys.executable, "-m", "veedor", "audit", case, "--out", str(out)])
    manifest = json.loads((out / "manifest.json").read_text())
    findings = json.loads((out / "findings.json").read_text())["findings"]
    checks: dict[str, float] = {}
    for finding in findings:
        checks[finding["check"]] = checks.get(finding["check"], 0.0) + finding["seconds"]
    return Measured(wall, memory, manifest["seconds"], checks)


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def page(case: str, runs: list[Measured], floors: list[tuple[float, int]]) -> list[str]:
    """The section of the page about one case."""
    wall = median([r.wall for r in runs])
    memory = median([r.memory for r in runs])
    lines = [
        f"## {case}",
        "",
        f"{len(runs)} runs, medians. Wall {wall:.1f} s"
        f" ({min(r.wall for r in runs):.1f} to {max(r.wall for r in runs):.1f}),"
        f" peak memory {memory / 1e9:.2f} GB.",
        "",
    ]
    if floors:
        floor, held = median([f[0] for f in floors]), median([f[1] for f in floors])
        lines += [
            f"Floor (pandas reads the same counts and adds them up): {floor:.2f} s,"
            f" {held / 1e9:.2f} GB. The audit takes {wall / floor:.1f} times as long and"
            f" {memory / held:.1f} times the memory.",
            "",
        ]
    lines += ["| stage | seconds |", "|---|---:|"]
    lines += [f"| {s} | {median([r.stages[s] for r in runs]):.2f} |" for s in runs[0].stages]
    lines += ["", "| check | seconds |", "|---|---:|"]
    slowest = sorted(runs[0].checks, key=lambda c: -runs[0].checks[c])
    lines += [f"| `{c}` | {median([r.checks[c] for r in runs]):.2f} |" for c in slowest]
    return [*lines, ""]


def machine() -> str:
    """The machine and the versions, in a line."""
    from importlib import metadata

    packages = ("duckdb", "ibis-framework", "numpy", "pyarrow")
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in packages)
    cores = os.cpu_count()
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {versions}"


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", default=["bolivia-2019", "indonesia-2019"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--markdown", type=Path)
    arguments: Any = parser.parse_args()
    data = os.environ.get("VEEDOR_DATA", "")
    lines = ["# Benchmarks", "", "Made by `make bench`.", "", f"Machine: {machine()}.", ""]
    with tempfile.TemporaryDirectory() as name:
        for case in arguments.cases:
            runs, floors = [], []
            for _ in range(arguments.runs):
                if case in FLOORS and data:
                    floors.append(run([sys.executable, "-c", FLOORS[case], data]))
                runs.append(audit(case, Path(name)))
            lines += page(case, runs, floors)
    text = "\n".join(lines)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
