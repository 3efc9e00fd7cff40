"""Alarms of the checks of machines and custody on simulated nights.

Honest nights differ by their seed and by their scenario: offices behind one address, proxies,
clocks off by seconds, a declared contingency, an outage. An alarm is the status `observed`. On the
drill, each planted fact of the truth is looked up in the finding of the check meant for it.

Usage: python -m benchmarks.nights [--nights N] [--drills N] [--stations N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from veedor.audit.findings import Fact
from veedor.audit.plan import applicable, chosen, read
from veedor.audit.run import run_checks
from veedor.case.manifest import load_case
from veedor.simulate import load, write_case

GROUPS = ("infrastructure", "custody")
HONEST = ("night", "night-nat", "night-adrift")
DRILL = "drill-2019"


def facts_of(scenario: str, seed: int, stations: int) -> tuple[dict[str, list[Fact]], list[Any]]:
    """The facts of each check on one night, and the planted facts of its truth."""
    made = load(scenario)
    election, truth = made.make(seed, stations)
    with tempfile.TemporaryDirectory(prefix="veedor-nights-") as name:
        folder = Path(name)
        path = write_case(
            election, folder / "case", title=scenario, id=scenario, seed=seed, truth=truth,
            network=made.network,
        )  # fmt: skip
        planted = json.loads(path.with_name("truth.json").read_text("utf-8")).get("planted", [])
        evidence, _ = read(load_case(path), folder)
        runs, _ = applicable(evidence, chosen(GROUPS))
        found: dict[str, list[Fact]] = {}
        for one in run_checks(evidence, runs, seed):
            found.setdefault(one.check.id, []).append(one.fact)
        evidence.con.disconnect()
    return found, planted


def alarms(scenario: str, seed: int, stations: int) -> dict[str, str]:
    """Check -> what it observed on an honest night; an empty text where it observed nothing."""
    found, _ = facts_of(scenario, seed, stations)
    return {
        check: " ".join(f.fact for f in facts if f.status == "observed")
        for check, facts in found.items()
    }


def honest(nights: int, stations: int) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Alarms on so many honest nights, the scenarios in turn."""
    for number in range(nights):
        scenario = HONEST[number % len(HONEST)]
        yield scenario, number, alarms(scenario, number, stations)


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--stations", type=int, default=1200)
    arguments = parser.parse_args()
    seen: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for scenario, seed, found in honest(arguments.nights, arguments.stations):
        for check, words in found.items():
            total[check] += 1
            if words:
                seen[check] += 1
                print(scenario, seed, check, words[:400], flush=True)
    for check in sorted(total):
        low, high = interval(seen[check], total[check])
        print(f"{check:36} {seen[check]:4} of {total[check]:4}  {low:.1%} to {high:.1%}")


def interval(alarms_: int, nights: int) -> Sequence[float]:
    """The exact 95 % interval of a rate."""
    found = stats.binomtest(alarms_, nights).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


if __name__ == "__main__":
    main()
