"""Alarms of the checks of machines and custody on simulated nights.

Honest nights differ by their seed and by their scenario: offices behind one address, clocks off by
seconds, a declared contingency, an outage, scans of the internet. An alarm is the status
`observed`. On drills, every planted fact of the truth is looked up in what the check meant for it
says: its hosts, addresses, clients and stations.

Usage: python -m benchmarks.nights [--nights N] [--drills N] [--stations N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from veedor.audit import files
from veedor.audit.findings import Fact
from veedor.audit.plan import applicable, chosen, read
from veedor.audit.run import run_checks
from veedor.case.loading import load_case
from veedor.simulate import load, write_case

GROUPS = ("infrastructure", "custody")
HONEST = ("night", "night-nat", "night-adrift")
DRILL = "drill-2019"
TOLD = ("observed", "not-determinable")


@dataclass(frozen=True, slots=True)
class Night:
    """What the checks said of one night, and what was planted in it."""

    facts: Mapping[str, Sequence[Fact]]
    planted: Sequence[Mapping[str, Any]]
    stations: Mapping[str, frozenset[str]]
    """Check -> official codes of the stations in its rows and among its questioned sheets."""


def audited(scenario: str, seed: int, stations: int) -> Night:
    """Make a night, and run the checks on it."""
    made = load(scenario)
    election, truth = made.make(seed, stations)
    with tempfile.TemporaryDirectory(prefix="veedor-nights-") as name:
        folder = Path(name)
        path = write_case(
            election, folder / "case", title=scenario, id=scenario, seed=seed, truth=truth,
            network=made.network,
        )  # fmt: skip
        planted = json.loads(path.with_name("truth.json").read_text("utf-8"))["planted"]
        evidence, _ = read(load_case(path), folder)
        runs, _ = applicable(evidence, chosen(GROUPS))
        facts: dict[str, list[Fact]] = {}
        codes: dict[str, set[str]] = {}
        for one in run_checks(evidence, runs, seed):
            facts.setdefault(one.check.id, []).append(one.fact)
            sids = [one.fact.questioned, (one.fact.rows or {}).get("sid")]
            for some in sids:
                if some is not None and len(some):
                    found = evidence.describe(np.unique(np.asarray(some, dtype=np.int64)))
                    codes.setdefault(one.check.id, set()).update(map(str, found["station"]))
        evidence.con.disconnect()
    return Night(facts, planted, {check: frozenset(some) for check, some in codes.items()})


def honest(nights: int, stations: int) -> Iterator[tuple[str, int, Night]]:
    """Honest nights, the scenarios in turn."""
    for number in range(nights):
        scenario = HONEST[number % len(HONEST)]
        yield scenario, number, audited(scenario, number, stations)


def looked_up(planted: Mapping[str, Any], night: Night) -> dict[str, float | bool | None]:
    """Which part of a planted fact the check meant for it names; None where it has no such part."""
    facts = [f for f in night.facts.get(planted["check"], ()) if f.status in TOLD]
    said = json.dumps([files.plain(f.statistic) for f in facts])
    rows = {
        word
        for f in facts
        for column in (f.rows or {}).values()
        for value in np.asarray(column).tolist()
        for word in str(value).split(", ")
    }

    def share(names: Sequence[str]) -> float | None:
        if not names:
            return None
        return sum(json.dumps(n)[1:-1] in said or n in rows for n in names) / len(names)

    named = night.stations.get(planted["check"], frozenset())
    codes = planted["stations"]
    return {
        "told": bool(facts),
        "hosts": share([*planted["hosts"], *planted["addresses"]]),
        "clients": share(planted["clients"]),
        "stations": sum(c in named for c in codes) / len(codes) if codes else None,
    }


def interval(alarms: int, nights: int) -> tuple[float, float]:
    """The exact 95 % interval of a rate."""
    found = stats.binomtest(alarms, nights).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def rates(nights: int, stations: int) -> dict[str, tuple[int, int]]:
    """Check -> honest nights on which it observed something, and on which it could be asked."""
    seen: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for scenario, seed, night in honest(nights, stations):
        for check, facts in night.facts.items():
            if all(f.status == "not-applicable" for f in facts):
                continue
            asked[check] += 1
            if words := " ".join(f.fact for f in facts if f.status == "observed"):
                seen[check] += 1
                print(f"{scenario}, seed {seed}: {check}: {words[:300]}", flush=True)
    return {check: (seen[check], asked[check]) for check in sorted(asked)}


def drills(number: int, stations: int) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(check, planted fact) -> how much of it was named on each drill."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for seed in range(number):
        night = audited(DRILL, seed, stations)
        for planted in night.planted:
            key = planted["check"], planted["what"]
            found.setdefault(key, []).append(looked_up(planted, night))
    return found


def page(
    alarms: Mapping[str, tuple[int, int]],
    found: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]],
    arguments: argparse.Namespace,
) -> str:
    """The two tables as a page of the docs."""
    lines = [
        "# Alarms on simulated nights",
        "",
        f"Made by `make nights`: {arguments.nights} honest nights of {arguments.stations:,}"
        f" stations ({', '.join(HONEST)} in turn) and {arguments.drills} drills of the same size."
        " The nights have clients behind the addresses of offices, proxies, clocks off by seconds,"
        " a declared contingency, a network outage and scans of public addresses. An alarm is the"
        " status *observed*. Intervals are exact, 95 %, for nights drawn like these: a real night"
        " differs in more ways than the simulator knows.",
        "",
        "| check | alarms on honest nights | interval |",
        "|---|---:|---|",
    ]
    for check, (seen, asked) in alarms.items():
        low, high = interval(seen, asked)
        lines.append(f"| `{check}` | {seen} of {asked} | {low:.1%} to {high:.1%} |")
    lines += [
        "",
        "## What was planted, and what the check meant for it names",
        "",
        "The least share over the drills of the planted hosts and addresses, clients and stations"
        " that the findings of that check name; a dash where the planted fact has none.",
        "",
        "| check | planted | drills with a finding | hosts, addresses | clients | stations |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for (check, what), ones in found.items():
        told = sum(one["told"] for one in ones)
        parts = [_least([one[name] for one in ones]) for name in ("hosts", "clients", "stations")]
        lines.append(f"| `{check}` | {what} | {told} of {len(ones)} | {' | '.join(parts)} |")
    return "\n".join([*lines, ""])


def _least(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{min(known):.0%}" if known else "–"


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--drills", type=int, default=10)
    parser.add_argument("--stations", type=int, default=800)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    found = drills(arguments.drills, arguments.stations)
    text = page(rates(arguments.nights, arguments.stations), found, arguments)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
