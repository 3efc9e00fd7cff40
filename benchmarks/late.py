"""Late sheets: how often the checks raise an alarm on honest counts, and how little they still see.

`docs/late.md` is made from simulated counts whose rural sheets come late, from the same counts with
late sheets altered, and from one real count with its labels dealt anew within polling centres.

Usage: python -m benchmarks.late [--elections N] [--stations N] [--power N] [--shape N] [--seed N]
       [--processes N] [--results FILE] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.late_data import CHECKS, REAL, Count, moved, permuted, real, simulated
from benchmarks.late_page import figures, machine, page
from benchmarks.late_tests import SUBJECTS, gaps, p_values, shortcuts
from veedor.errors import VeedorError
from veedor.report.figures import write as write_figures
from veedor.simulate import KINDS, load
from veedor.simulate.election import generator

SCENARIO = "rural-late-strong"
ALTERED: dict[str, tuple[str, str, tuple[float, ...]]] = {
    "added": ("stuff", "size", (0.2, 0.4, 0.8)),
    "moved": ("move", "size", (0.1, 0.2, 0.4)),
    "replaced": ("fabricate_unanimous", "turnout", (0.5, 0.75, 1.0)),
}
"""What is done to late sheets -> kind of alteration, its argument, and the sizes of that."""
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares of the late sheets that are altered."""
MOVED = 0.3
"""Share of the runner-up's votes that is moved on an altered sheet of the large counts."""
RISING = (0.0, 0.02, 0.04, 0.06, 0.12, 0.24, 0.48)
"""Shares of the late sheets on which votes are moved in the large counts."""
LARGER = 10
"""Every tenth honest count is also drawn with ten times the stations."""
BURSTS = 2
"""Every second one also with processing that is held up, bursts, and stops."""
LEVEL = 0.05

Rows = list[dict[str, Any]]


def honest(seed: int, stations: int, scenario: str = SCENARIO) -> dict[str, Any]:
    """One honest count: its gaps, and the p-values of the checks and of the shortcuts."""
    count = simulated(load(scenario).make(seed, stations)[0])
    return {"seed": seed, **gaps(count), **p_values(count, seed), **shortcuts(count)}


def altered(seed: int, stations: int) -> Rows:
    """One count with late sheets altered in every way, and the p-values of the checks."""
    election, _ = load(SCENARIO).make(seed, stations)
    first, second = election.option("first"), election.option("second")
    found = []
    for name, (kind, argument, sizes) in ALTERED.items():
        for size in sizes:
            for share in SHARES:
                rng = generator(seed, "late", name, repr(size), repr(share))
                sheets = max(round(share * int(election.late.sum())), 1)
                changed, truth = KINDS[kind](
                    election, rng, where="late", sheets=sheets, **{argument: size}
                )
                lead = int(truth.change[:, first].sum() - truth.change[:, second].sum())
                found.append({
                    "what": name, "size": size, "share": share, "seed": seed,
                    "sheets": len(truth.index), "votes": int(truth.votes.sum()), "lead": lead,
                    "national": 100.0 * lead / int(changed.official.valid.sum()),
                    **p_values(simulated(changed), seed),
                })  # fmt: skip
    return found


@functools.lru_cache(maxsize=16)
def _twin(seed: int) -> Count:
    return simulated(load("twin").make(seed)[0])


def large(source: str, seed: int, share: float, checks: Sequence[str]) -> dict[str, Any]:
    """A large count with votes moved on a share of its late sheets.

    `real`: the real count with its labels dealt anew; `twin`: a simulated one.
    """
    rng = generator(seed, "large", source)
    count = permuted(real(), rng) if source == "real" else _twin(seed)
    changed, sheets, votes = moved(count, share, MOVED, rng)
    return {
        "source": source, "share": share, "seed": seed, "sheets": sheets, "votes": votes,
        "lead": 2 * votes, **p_values(changed, seed, checks),
    }  # fmt: skip


def about(source: str) -> dict[str, Any]:
    """A large count as it is: sheets, late ones, those that can be judged, slack."""
    count = real() if source == "real" else _twin(0)
    stream = count.stream()
    return {
        "sheets": len(stream.sid),
        "late": int(stream.late.sum()),
        "judged": gaps(count)["judged"],
        "valid": stream.total,
        "slack": stream.slack,
        "clause": stream.clause,
    }


class Work:
    """Tasks on some processes, each of one thread."""

    def __init__(self, processes: int) -> None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = "1"
        self.processes = processes
        self.pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))

    def map(self, what: str, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        """The results in order; says how far it has come."""
        begin, found = time.monotonic(), []
        tasks = [list(values) for values in arguments]
        for result in self.pool.map(function, *tasks):
            found.append(result)
            if len(found) % 20 == 0 or len(found) == len(tasks[0]):
                spent = time.monotonic() - begin
                print(f"{what}: {len(found)} of {len(tasks[0])}, {spent:.0f} s", flush=True)
        return found


def climb(work: Work, source: str, seeds: Sequence[int], shares: Sequence[float]) -> Rows:
    """Large counts at rising shares; a check that saw all of them at one is left out above it."""
    rows: Rows = []
    checks = list(CHECKS)
    for share in shares:
        if not checks:
            break
        n = len(seeds)
        found = work.map(
            f"{source} {share:g}", large, [source] * n, seeds, [share] * n, [tuple(checks)] * n
        )
        rows += found
        checks = [c for c in checks if not _seen_by(found, c)]
    return rows


def _seen_by(rows: Rows, check: str) -> bool:
    """Whether all findings of a check were alarms on all counts."""
    names = [name for name, (one, _) in SUBJECTS.items() if one == check]
    return all(row[name] <= LEVEL for row in rows for name in names)


def run(options: argparse.Namespace, results: dict[str, Any]) -> Iterable[str]:
    """Do what is not in `results` yet, and name each part when it is done."""
    work = Work(options.processes)
    seeds = np.arange(options.seed, options.seed + options.elections).tolist()
    n = options.power
    others = [options.seed + 1_000_000 + i for i in range(max(n, options.shape, 2))]
    few = {"real": others[: options.shape], "twin": others[: max(options.shape // 4, 2)]}
    parts: dict[str, Callable[[], Any]] = {
        "honest": lambda: work.map("honest", honest, seeds, [options.stations] * len(seeds)),
        "power": lambda: [
            row
            for rows in work.map("power", altered, others[:n], [options.stations] * n)
            for row in rows
        ],
        "real": lambda: {"about": about("real"), "rows": climb(work, "real", few["real"], RISING)},
        "twin": lambda: {
            "about": about("twin"),
            "rows": climb(work, "twin", few["twin"], RISING),
        },
        "larger": lambda: work.map(
            "larger", honest, seeds[::LARGER], [LARGER * options.stations] * len(seeds[::LARGER])
        ),
        "bursts": lambda: work.map(
            "bursts",
            functools.partial(honest, scenario="late-bursts"),
            seeds[::BURSTS],
            [options.stations] * len(seeds[::BURSTS]),
        ),
    }
    for name, part in parts.items():
        if name in results["parts"]:
            continue
        begin = time.monotonic()
        try:
            results["parts"][name] = part()
        except VeedorError as error:
            if name != "real":
                raise
            print(f"{REAL}: {error}", file=sys.stderr)
            continue
        results["seconds"][name] = time.monotonic() - begin
        yield name


def draw(results: dict[str, Any], folder: Path) -> None:
    """Write the figures as SVG, and nothing else, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="veedor-late-") as name:
        for path in write_figures(figures(results), Path(name)):
            shutil.copy(Path(name) / path, folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute, and write the page and its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--elections", type=int, default=1000)
    parser.add_argument("--stations", type=int, default=1200)
    parser.add_argument("--power", type=int, default=60, help="counts altered in every way")
    parser.add_argument("--shape", type=int, default=40, help="real count: times dealt anew")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, help="kept numbers: parts in it are not redone")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    results: dict[str, Any] = {"parts": {}, "seconds": {}}
    settings = ("elections", "stations", "power", "shape", "seed", "processes")
    results |= {"options": {n: getattr(options, n) for n in settings}, "machine": machine()}
    if options.results and options.results.exists():
        kept = json.loads(options.results.read_text(encoding="utf-8"))
        if kept["options"] != results["options"]:
            raise SystemExit(f"{options.results} holds a run with other options: {kept['options']}")
        results = kept
    for name in run(options, results):
        print(f"{name} took {results['seconds'][name]:.0f} s", flush=True)
        if options.results:
            options.results.write_text(json.dumps(results), encoding="utf-8")
    text = page(results)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
        draw(results, options.markdown.parent / "_static")
    else:
        print(text)


if __name__ == "__main__":
    main()
