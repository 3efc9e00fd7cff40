"""Time the estimators of the count in time beside others, and write `docs/estimators.md`.

The discontinuity is set beside the published package (in an environment of its own, `make peers`),
the cluster bootstrap beside a plain loop. Ratios come from one run, on data made here from a seed.

Usage: python -m benchmarks.estimators [--peers PYTHON] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from veedor.stats.composition import bootstrap, predict, resample
from veedor.stats.discontinuity import jump, robust_jump
from veedor.stats.placebo import place_cuts, placebos

ROWS = 34_000
CENTRES = 5_300
REPLICATES = 1_000

PEER = """
import json, sys, time
import numpy as np
from rdrobust import rdrobust
z = np.load(sys.argv[1])
rdrobust(z["y"][:2000], z["x"][:2000], vce="hc0", masspoints="off")
seconds = []
for _ in range(7):
    start = time.perf_counter()
    r = rdrobust(z["y"], z["x"], vce="hc0", masspoints="off")
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds)[3]
print(json.dumps({"seconds": seconds, "h": float(r.bws.iloc[0, 0]),
  "estimates": [float(v) for v in r.coef.iloc[:, 0]],
  "errors": [float(v) for v in r.se.iloc[:, 0]]}))
"""


def clock(work: Callable[[], Any], times: int = 1) -> tuple[Any, float]:
    """What the work gives, and the median of its seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - start)
    return found, statistics.median(seconds)


def sample() -> dict[str, np.ndarray]:
    """A stream of sheets as large as Bolivia's: centres, lateness, lead, valid votes, minutes."""
    rng = np.random.default_rng(11)
    centre = np.sort(rng.integers(0, CENTRES, ROWS))
    support = rng.beta(3, 3, CENTRES)[centre]
    minute = rng.normal(0, 60, ROWS) + 30 * support
    valid = rng.integers(60, 220, ROWS)
    first = rng.binomial(valid, np.clip(support + rng.normal(0, 0.02, ROWS), 0, 1))
    lead = 2 * first - valid
    return {
        "centre": centre,
        "late": minute > 60,
        "lead": lead,
        "valid": valid,
        "x": minute,
        "y": 100.0 * lead / valid,
    }


def plain_bootstrap(data: dict[str, np.ndarray], replicates: int) -> np.ndarray:
    """The same bootstrap as anybody would first write it: draw centres, and add up their rows."""
    rng = np.random.default_rng(1)
    groups = np.split(np.arange(ROWS), np.flatnonzero(np.diff(data["centre"])) + 1)
    found = []
    for _ in range(replicates):
        drawn = rng.integers(0, len(groups), len(groups))
        top = bottom = 0.0
        for g in drawn:
            rows = groups[g]
            late = data["late"][rows]
            early_valid, late_valid = (
                data["valid"][rows][~late].sum(),
                data["valid"][rows][late].sum(),
            )
            if early_valid and late_valid:
                margin = data["lead"][rows][~late].sum() / early_valid
                top += data["lead"][rows][late].sum() - margin * late_valid
                bottom += late_valid
        found.append(100.0 * top / bottom)
    return np.array(found)


def peer(python: str, data: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """The published package's answer and seconds; None where it cannot be had."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "data.npz"
        np.savez(path, x=data["x"], y=data["y"])
        try:
            done = subprocess.run(
                [python, "-W", "ignore", "-c", PEER, str(path)], capture_output=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(python: str) -> list[str]:
    """The lines of the page."""
    data = sample()
    centre, late, lead, valid = (data[n] for n in ("centre", "late", "lead", "valid"))
    weights, drawing = clock(lambda: resample(CENTRES, REPLICATES, np.random.default_rng(1)))
    ours, seconds = clock(lambda: bootstrap(centre, late, lead, valid, centre, weights))
    few = 20
    loop, loop_seconds = clock(lambda: plain_bootstrap(data, few))
    loop_seconds *= REPLICATES / few
    error = predict(centre, late, lead, valid, centre)
    robust, robust_seconds = clock(lambda: robust_jump(data["y"], data["x"]), 7)
    other = peer(python, data)
    rank = 100.0 * (np.argsort(np.argsort(data["x"])) + 0.5) / ROWS

    def at(cut: float) -> Any:
        return jump(data["y"], rank - cut, 5, clusters=centre, factors=(centre,))

    cuts = place_cuts(0, 100, 84, 5, 200)
    _, placebo_seconds = clock(lambda: placebos(at, cuts, at(84.0)))
    total = seconds + drawing
    lines = [
        "# Estimators beside others",
        "",
        "Made by `make estimators`, on data made from a seed: "
        f"{ROWS:,} sheets of {CENTRES:,} centres.",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, numpy {np.__version__}.",
        "",
        "| work | seconds | beside | seconds | ratio |",
        "|---|---:|---|---:|---:|",
        f"| {REPLICATES:,} cluster-bootstrap replicates at one grain | {total:.2f} | plain loop"
        f" ({few} replicates, scaled) | {loop_seconds:.0f} | {loop_seconds / total:.0f} |",
    ]
    if other is None:
        lines.append(
            f"| robust discontinuity, optimal h (median of 7) | {robust_seconds:.2f} | rdrobust:"
            " not installed here (`make peers`) | | |"
        )
    else:
        lines.append(
            f"| robust discontinuity, optimal h (median of 7) | {robust_seconds:.3f} | rdrobust"
            f" (Python) | {other['seconds']:.2f} | {other['seconds'] / robust_seconds:.1f} |"
        )
    lines += [
        f"| 200 placebo jumps with effects of {CENTRES:,} centres | {placebo_seconds:.2f} | | | |",
        "",
        f"The replicates' standard deviation is {ours.std(ddof=1):.4f} points, the plain loop's"
        f" {loop.std(ddof=1):.4f} (of {few}), the linearised error {error.error:.4f}."
        if error
        else "",
    ]
    if other is not None:
        pairs = (
            ("bandwidth", robust.h, other["h"]),
            ("conventional estimate", robust.conventional, other["estimates"][0]),
            ("bias-corrected estimate", robust.corrected, other["estimates"][1]),
            ("robust error", robust.robust_error, other["errors"][2]),
        )
        lines += ["", "| | veedor | rdrobust | difference |", "|---|---:|---:|---:|"]
        lines += [f"| {n} | {a:.8f} | {b:.8f} | {a - b:.1e} |" for n, a, b in pairs]
    return lines


def main() -> None:
    """Print the page, and write it where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", default=".peers/bin/python")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    text = "\n".join(measure(arguments.peers)) + "\n"
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
