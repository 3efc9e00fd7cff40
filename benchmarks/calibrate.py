"""How often each check raises an alarm on simulated elections, honest and altered.

A check's `promise` says what counts as an alarm and on which scenarios it is held to what. The
conformance tests run this on a few elections; `make calibrate` runs it on many and writes
`docs/calibration.md`, with exact (Clopper-Pearson) 95 % intervals.

Usage: python -m benchmarks.calibrate [--elections N] [--stations N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from veedor.audit.findings import Fact
from veedor.audit.plan import applicable, read
from veedor.audit.run import run_checks
from veedor.case.loading import load_case
from veedor.checks.base import Check, registry
from veedor.simulate import load, write_case
from veedor.stats.multiplicity import holm

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Rate:
    """Alarms of one check on elections of one scenario."""

    check: str
    scenario: str
    alarms: int
    elections: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The exact interval of the rate."""
        found = stats.binomtest(self.alarms, self.elections).proportion_ci(level, "exact")
        return float(found.low), float(found.high)


def promised() -> dict[str, Check]:
    """The checks that promise something, by id."""
    return {n: c for n, c in registry().items() if c.promise.alarm != "none"}


def alarm(check: Check, facts: Sequence[Fact]) -> bool:
    """Whether the facts of a check are an alarm, in the sense of its promise."""
    if check.promise.alarm == "status":
        return any(fact.status == "observed" for fact in facts)
    known = [fact.p_value for fact in facts if fact.p_value is not None]
    return bool(known) and bool((holm(np.array(known)) <= LEVEL).any())


def scenarios() -> dict[str, list[str]]:
    """Scenario -> the checks that promise something on it."""
    wanted: dict[str, list[str]] = {}
    for name, check in promised().items():
        for scenario in (*check.promise.honest, *check.promise.tampered):
            wanted.setdefault(scenario, []).append(name)
    return wanted


def measure(elections: int, stations: int, only: Iterable[str] = ()) -> Iterator[Rate]:
    """Simulate, run the checks, and count alarms; scenario by scenario."""
    checks = promised()
    for scenario, names in scenarios().items():
        if only and scenario not in only:
            continue
        alarms = dict.fromkeys(names, 0)
        for seed in range(elections):
            found = _facts(scenario, seed, stations, {n: checks[n] for n in names})
            for name in names:
                alarms[name] += alarm(checks[name], found.get(name, []))
        for name, count in alarms.items():
            yield Rate(name, scenario, count, elections)


def _facts(
    scenario: str, seed: int, stations: int, checks: dict[str, Check]
) -> dict[str, list[Fact]]:
    election, truth = load(scenario).make(seed, stations)
    with tempfile.TemporaryDirectory(prefix="veedor-calibrate-") as name:
        folder = Path(name)
        path = write_case(
            election, folder / "case", title=scenario, id=scenario, seed=seed, truth=truth
        )
        evidence, _ = read(load_case(path), folder)
        runs, _ = applicable(evidence, checks)
        facts: dict[str, list[Fact]] = {}
        for found in run_checks(evidence, runs, seed):
            facts.setdefault(found.check.id, []).append(found.fact)
        evidence.con.disconnect()
    return facts


def page(rates: Sequence[Rate], stations: int) -> str:
    """The table as a page of the docs."""
    checks = registry()
    lines = [
        "# Alarms on simulated elections",
        "",
        f"Made by `make calibrate`: {rates[0].elections if rates else 0} simulated elections of"
        f" {stations:,} stations for each scenario. An alarm is a p-value of at most {LEVEL},"
        " corrected over the options of one check, or the status `observed` where the check has no"
        " p-value. Intervals are exact, 95 %.",
        "",
        "| check | scenario | | promise | alarms | interval |",
        "|---|---|---|---:|---:|---|",
    ]
    for rate in sorted(rates, key=lambda r: (r.check, r.scenario)):
        promise = checks[rate.check].promise
        honest = rate.scenario in promise.honest
        bound = promise.false_alarms if honest else promise.tampered[rate.scenario]
        low, high = rate.interval()
        lines.append(
            f"| `{rate.check}` | {rate.scenario} | {'honest' if honest else 'altered'} |"
            f" {'at most' if honest else 'at least'} {bound:.0%} |"
            f" {rate.alarms} of {rate.elections} | {low:.1%} to {high:.1%} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--elections", type=int, default=100)
    parser.add_argument("--stations", type=int, default=2000)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--markdown", type=Path)
    arguments: Any = parser.parse_args()
    rates = []
    for rate in measure(arguments.elections, arguments.stations, arguments.only):
        print(f"{rate.check:28} {rate.scenario:20} {rate.alarms:4} of {rate.elections}", flush=True)
        rates.append(rate)
    if arguments.markdown:
        arguments.markdown.write_text(page(rates, arguments.stations), encoding="utf-8")


if __name__ == "__main__":
    main()
