"""How often intervals of a projected end hold it: on published counts and on simulated ones.

At each cut the sheets that came before it are projected as `trend.projection` does. The published
package elex-model stands beside it where VEEDOR_ELEX_PYTHON names a Python that has it.

Usage: python -m benchmarks.projection [--elections N] [--stations N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import stats

from benchmarks import late_data
from veedor.audit import plan
from veedor.audit.run import context as audit_context
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case
from veedor.checks.base import registry
from veedor.checks.lateness import Stream
from veedor.engine.verbs import collect
from veedor.errors import VeedorError
from veedor.simulate import Election, honest_election, load, shape
from veedor.stats.forecast import backtest, drift_of, drifted, fit, project

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CHECK = "trend.projection"
DRAWS, FEW = 1000, 200
TESTS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""As in the check: draws, draws of a test, and where the tests stand."""
SHARES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SIMULATED = (0.2, 0.35, 0.5, 0.7, 0.84)
SCENARIOS = ("plain", "rural-late", "bolivia-like")
LEAST = 200


@dataclass(frozen=True, slots=True)
class Count:
    """n sheets; `order` is their rank of arrival, `t` what the tests order them by."""

    cells: tuple[NDArray[np.int64], ...]
    lead: NDArray[np.int64]
    valid: NDArray[np.int64]
    registered: Floats
    history: Floats | None
    order: NDArray[np.int64]
    t: Floats

    @classmethod
    def of(cls, stream: Stream, t: Floats) -> Count:
        """A stream whose sheets came at `t`, those without an instant last."""
        known = ~np.isnan(stream.history)
        order = np.empty(len(t), dtype=np.int64)
        order[np.lexsort((stream.sid, np.where(np.isnan(t), np.inf, t)))] = np.arange(len(t))
        return cls(
            cells=tuple(stream.cells.values()),
            lead=stream.lead,
            valid=stream.valid,
            registered=stream.registered,
            history=stream.history / 100.0 if known.any() else None,
            order=order,
            t=t,
        )

    def first(self, number: int) -> Count:
        """The sheets that came first, as if they were all."""
        some = self.order < number
        return Count(
            tuple(c[some] for c in self.cells),
            self.lead[some],
            self.valid[some],
            self.registered[some],
            None if self.history is None else self.history[some],
            self.order[some],
            self.t[some],
        )

    @property
    def margin(self) -> float:
        """Points of all its valid votes."""
        return 100.0 * float(self.lead.sum()) / float(self.valid.sum())


@dataclass(frozen=True, slots=True)
class Row:
    """One projection: mean and 90 % intervals, plain and calibrated, and what came, in points."""

    sheets: int
    mean: float
    plain: tuple[float, float]
    calibrated: tuple[float, float]
    actual: float

    def holds(self, which: str) -> bool:
        """Whether an interval holds what came."""
        low, high = getattr(self, which)
        return bool(low <= self.actual <= high)

    def width(self, which: str) -> float:
        """Its width."""
        low, high = getattr(self, which)
        return float(high - low)


def ahead(count: Count, counted: Mask, seed: int) -> Row | None:
    """Project a count from some of its sheets; None where these are too few."""
    if counted.sum() < LEAST or counted.all():
        return None
    rng = np.random.default_rng(seed)
    tree = fit(count.cells, counted, count.lead, count.valid, count.history)
    if tree is None:
        return None
    rows = (count.lead, count.valid, count.registered)
    plain = project(tree, counted, *rows, draws=DRAWS, rng=rng)
    tests = backtest(
        count.cells, counted, count.t, *rows, count.history, shares=TESTS, draws=FEW, rng=rng
    )
    drift = drift_of(tests, DRAWS, rng)
    wide = plain
    if drift is not None:
        held = (int(count.lead[counted].sum()), int(count.valid[counted].sum()))
        wide = drifted(plain, *held, drift)
    low, high = ([float(v) for v in np.percentile(d.margin, [5, 95])] for d in (plain, wide))
    return Row(
        int(counted.sum()),
        float(plain.margin.mean()),
        (low[0], low[1]),
        (high[0], high[1]),
        count.margin,
    )


def read(name: str) -> Stream:
    """The sheets of a bundled case. VeedorError where its data cannot be had."""
    with tempfile.TemporaryDirectory(prefix="veedor-projection-") as folder:
        evidence, _ = plan.read(load_case(find_case(name)), Path(folder))
        measured = {k: collect(q) for k, q in registry()[CHECK].measure(evidence).items()}
        found = Stream.of(measured, audit_context(evidence, CHECK, 0))
        evidence.con.disconnect()
    assert found is not None
    return found


def at_the_stop(stream: Stream) -> tuple[Count, int]:
    """The count in order of processing, what was published at the stop before all else, and how
    many sheets that is.
    """
    last = np.nanmax(stream.t[~stream.late])
    t = np.where(stream.late, np.where(np.isnan(stream.t), np.inf, last + 1), stream.t)
    t = np.where(~stream.late & np.isnan(t), last, t)
    return Count.of(stream, t), int((~stream.late).sum())


def bolivia_2019() -> Iterator[tuple[str, Row]]:
    """Each cut before the stop, to the total at the stop and to the final one."""
    count, stop = at_the_stop(read("bolivia-2019"))
    published = count.first(stop)
    for share in SHARES:
        size = round(share * len(count.order))
        for end, one in (("stop", published), ("final", count)):
            if size < stop and (row := ahead(one, one.order < size, 1)):
                yield end, row
    if row := ahead(count, count.order < stop, 1):
        yield "final", row


def bolivia_2020() -> Iterator[tuple[str, Row]]:
    """From each export, the total over the sheets of the last one."""
    stream = read("bolivia-2020")
    count = Count.of(stream, stream.t)
    for at in np.unique(stream.t[~np.isnan(stream.t)])[:-1]:
        if row := ahead(count, stream.t <= at, 1):
            yield "last export", row


def election(job: tuple[str, int, int]) -> list[Row]:
    """One simulated election at every cut."""
    name, seed, stations = job
    made: Election = (
        honest_election(shape(name).scaled(stations), seed)
        if name == "bolivia-like"
        else load(name).make(seed, stations)[0]
    )
    stream = late_data.simulated(made).stream()
    count = Count.of(stream, made.arrival[stream.sid])
    sizes = [round(share * len(count.order)) for share in SIMULATED]
    found = [ahead(count, count.order < size, seed) for size in sizes]
    return [row for row in found if row]


def peer(python: str) -> dict[str, Any]:
    """elex-model from the sheets published at the stop of 2019; units are polling centres."""
    stream = read("bolivia-2019")
    centre = np.unique(stream.centre, return_inverse=True)[1]
    size = int(centre.max()) + 1
    first = np.empty(size, dtype=np.int64)
    first[centre[::-1]] = np.arange(len(centre))[::-1]
    levels = list(stream.cells.values())
    before, voters = _before(stream, first, levels)
    early = ~stream.late
    sums = {
        "lead": np.bincount(centre, stream.lead * early),
        "valid": np.bincount(centre, stream.valid * early),
        "percent": 100.0 * np.bincount(centre, early) / np.bincount(centre),
    }
    with tempfile.TemporaryDirectory(prefix="veedor-elex-") as name:
        source, target = Path(name) / "units.csv", Path(name) / "out.json"
        with source.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["unit", "group", "kind", "before_lead", "before_valid", *sums])
            for i in range(size):
                group = int(levels[1][first[i]])
                kind = stream.place_class[first[i]] or "unknown"
                known = (before[i] / 100.0 * voters[i], voters[i])
                writer.writerow(
                    [f"{group}_{i}", group, kind, *known, *(s[i] for s in sums.values())]
                )
        script = Path(__file__).with_name("elex.py")
        names = ("MODEL_S3_BUCKET", "MODEL_S3_PATH_ROOT", "DATA_ENV", "APP_ENV")
        environment = {**os.environ, **dict.fromkeys(names, "local")}
        command = [python, str(script), str(source), str(target)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=name)
        if ran.returncode:
            return {"error": ran.stderr.strip().splitlines()[-1]}
        found: dict[str, Any] = json.loads(target.read_text("utf-8"))
    whole = (sums["percent"] == 100.0).sum()
    return found | {"units": size, "whole": int(whole), "actual": stream.margin()}


def _before(
    stream: Stream, first: NDArray[np.int64], levels: Sequence[NDArray[np.int64]]
) -> tuple[Floats, Floats]:
    """Points of the lead in 2016 and valid votes then, by centre; where a centre is not matched,
    the mean of the nearest place that has some, and four fifths of its registered voters.
    """
    margin, voters = stream.history[first].copy(), stream.history_valid[first].copy()
    matched = ~np.isnan(margin) & (voters > 0)
    centre = np.unique(stream.centre, return_inverse=True)[1]
    registered = np.bincount(centre, np.nan_to_num(stream.registered))
    for codes in [*levels[::-1], np.zeros_like(levels[0])]:
        place = codes[first]
        weight = np.where(matched, voters, 0.0)
        total = np.bincount(place, weight)[place]
        won = np.bincount(place, weight * np.where(matched, margin, 0.0))[place]
        open_ = np.isnan(margin) & (total > 0)
        margin[open_] = won[open_] / total[open_]
    return margin, np.where(matched, voters, np.maximum(0.8 * registered, 1.0))


def coverage(rows: Sequence[Row], which: str) -> str:
    """Covered of all, and the exact interval of that share."""
    n, k = len(rows), sum(row.holds(which) for row in rows)
    low = float(stats.beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return f"{k} of {n} ({100 * k / n:.0f} %; {100 * low:.0f} to {100 * high:.0f})"


def summary(name: str, rows: Sequence[Row]) -> str:
    width = [np.mean([row.width(w) for row in rows]) for w in ("plain", "calibrated")]
    off = np.sqrt(np.mean([(row.mean - row.actual) ** 2 for row in rows]))
    return (
        f"| {name} | {coverage(rows, 'plain')} | {coverage(rows, 'calibrated')}"
        f" | {off:.2f} | {width[0]:.2f} | {width[1]:.2f} |"
    )


HEAD = [
    "| count | plain 90 % holds | calibrated 90 % holds | off by (root mean square)"
    " | plain width | calibrated width |",
    "|---|---|---|---|---|---|",
]


def published() -> list[str]:
    """The tables of the published counts; a line saying so where data cannot be had."""
    lines: list[str] = []
    for title, make in (("Bolivia 2019", bolivia_2019), ("Bolivia 2020", bolivia_2020)):
        lines += ["", f"## {title}", ""]
        try:
            rows = list(make())
        except VeedorError as error:
            lines.append(f"Not run: {error}")
            continue
        ends = list(dict.fromkeys(end for end, _ in rows))
        lines += HEAD
        lines += [summary(f"to the {e}", [r for end, r in rows if end == e]) for e in ends]
        if title == "Bolivia 2019":
            lines += ["", *cuts(rows)]
    return lines


def cuts(rows: Sequence[tuple[str, Row]]) -> list[str]:
    """Every cut of one count."""
    lines = [
        "| from sheets | to the | mean | plain 90 % | calibrated 90 % | came |",
        "|" + "---|" * 6,
    ]
    for end, row in rows:
        spans = [
            f"{low:.2f} to {high:.2f}{'' if row.holds(which) else ' (missed)'}"
            for which, (low, high) in (("plain", row.plain), ("calibrated", row.calibrated))
        ]
        lines.append(
            f"| {row.sheets:,} | {end} | {row.mean:.2f} | {' | '.join(spans)} | {row.actual:.2f} |"
        )
    return lines


def simulated(elections: int, stations: int) -> list[str]:
    """Coverage on honest simulated counts, by scenario and by cut."""
    lines = [
        "", "## Simulated counts", "",
        f"{elections} honest elections of {stations:,} stations of each kind, projected from"
        f" {', '.join(f'{100 * s:.0f}' for s in SIMULATED)} % of their sheets.", "", *HEAD,
    ]  # fmt: skip
    for name in SCENARIOS:
        jobs = [(name, seed, stations) for seed in range(elections)]
        with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            found = list(pool.map(election, jobs))
        for i, share in enumerate(SIMULATED):
            rows = [rows[i] for rows in found if len(rows) == len(SIMULATED)]
            lines.append(summary(f"{name}, {100 * share:.0f} %", rows))
    return lines


def beside() -> list[str]:
    """elex-model on the sheets that were published at the stop of 2019."""
    lines = ["", "## Beside elex-model", ""]
    python = os.environ.get("VEEDOR_ELEX_PYTHON")
    if not python:
        return [*lines, "Not run: VEEDOR_ELEX_PYTHON names no Python that has elex-model."]
    try:
        found = peer(python)
    except VeedorError as error:
        return [*lines, f"Not run: {error}"]
    if "error" in found:
        return [*lines, f"It was called and stopped: `{found['error']}`."]
    row = found["row"]
    low, high = 100 * row["lower_0.9_margin"], 100 * row["upper_0.9_margin"]
    return [
        *lines,
        f"elex-model {found['version']}, its bootstrap of the margin, on the sheets published at"
        f" the stop of 2019: units are the {found['units']:,} polling centres, of which"
        f" {found['whole']:,} were whole, with the referendum of 2016 as the result before, and"
        " half the valid votes more or less half the lead as its two parties. A unit that is"
        " counted in part is for it a unit that is not counted, with what it has as a bound.",
        "",
        "| mean | 90 % | came | seconds |",
        "|---|---|---|---|",
        f"| {100 * row['pred_margin']:.2f} | {low:.2f} to {high:.2f} | {found['actual']:.2f}"
        f" | {found['seconds']:.0f} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elections", type=int, default=40)
    parser.add_argument("--stations", type=int, default=3000)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    start = time.perf_counter()
    # The other package works in a process of its own meanwhile.
    with ThreadPoolExecutor(1) as waiting:
        other = waiting.submit(beside)
        tables = [*published(), *simulated(given.elections, given.stations), *other.result()]
    lines = [
        "# How often a projection holds the end", "",
        "The final margin is projected from the sheets before a cut, as `trend.projection` does it"
        " (1,000 draws). *Plain* takes the late sheets of a place for a random draw; *calibrated*"
        " adds what projections from earlier in the same count were off by, up to the cut. An"
        " interval of 90 % should hold what came nine times in ten. In brackets: the share, and its"
        " exact (Clopper-Pearson) interval of 95 %. The cuts of one published count share most of"
        " their sheets: they are no independent trials, and their interval is too narrow. All"
        " numbers are points of margin.",
        *tables, "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores;"
        f" Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__};"
        f" {time.perf_counter() - start:.0f} seconds. Made by `python -m benchmarks.projection`.",
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    if given.markdown:
        given.markdown.write_text(text, "utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
