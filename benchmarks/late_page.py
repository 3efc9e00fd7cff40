"""The page and the figures that `benchmarks.late` writes from its numbers."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.late_tests import SHORTCUTS, SUBJECTS
from veedor.audit.findings import Figure

LEVEL = 0.05
ENOUGH = 0.8
COMPOSITION = (5.0, 20.0)
"""Points by which where the sheets come from is to move the margin."""
NAMES = {
    "composition": "`trend.composition`, centre grain",
    "cut": "`trend.exchangeability`, cut",
    "stream": "`trend.exchangeability`, stream",
    "discontinuity": "`trend.discontinuity`",
    "constant": "local constant at the cut, 5 % of the sheets on either side, textbook error",
    "last": "last 5 % of the sheets against the first 95 %, two-sample z",
    "regression": "margin on being late, no effects of places, robust error",
}
SHORT = {
    "composition": "composition",
    "cut": "exchangeability, cut",
    "stream": "exchangeability, stream",
    "discontinuity": "discontinuity",
}
WHAT = {
    "added": ("Votes added", "share of the unused ballots of a sheet"),
    "moved": ("Votes moved", "share of the runner-up's votes on a sheet"),
    "replaced": ("Sheets replaced, every vote for one option", "turnout on the sheet"),
}
SIZES = {"honest": 1, "larger": 10, "bursts": 1}
"""Parts with honest counts -> how many times the stations asked for."""
TITLES = {"bursts": "`late-bursts`, "}
"""Parts whose counts are of another scenario -> what their table begins with."""
SOURCES = {
    "real": "Bolivia 2019, official count, labels dealt anew within centres",
    "twin": "`twin`, simulated in the shape of Bolivia 2019",
}

Rows = Sequence[Mapping[str, Any]]


def rate(rows: Rows, name: str) -> tuple[int, int]:
    """Alarms, and counts on which the test ran; no p-value is no alarm."""
    values = [row[name] for row in rows if name in row]
    return sum(value <= LEVEL for value in values), len(values)


def interval(alarms: int, counts: int) -> tuple[float, float]:
    """The exact (Clopper-Pearson) 95 % interval of a rate."""
    found = stats.binomtest(alarms, counts).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def by(rows: Rows, *names: str) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    """Rows by the values of some columns, in their order."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def mean(rows: Rows, name: str) -> float:
    """The mean of a column."""
    return float(np.mean([row[name] for row in rows]))


def smallest(rows: Rows, name: str) -> tuple[float | None, float]:
    """Votes of lead from which a finding is an alarm with a chance of 80 %, and the most tried.

    Linear between the shares at which it was tried; None where the chance stayed below.
    """
    tried = [cell for cell in by(rows, "share").values() if name in cell[0]]
    leads = [mean(cell, "lead") for cell in tried]
    powers = [alarms / counts for alarms, counts in (rate(cell, name) for cell in tried)]
    for i, power in enumerate(powers):
        if power >= ENOUGH:
            if i == 0:
                return leads[0], leads[-1]
            part = (ENOUGH - powers[i - 1]) / (power - powers[i - 1])
            return leads[i - 1] + part * (leads[i] - leads[i - 1]), leads[-1]
    return None, leads[-1]


def machine() -> str:
    """The machine and the versions, in a line."""
    packages = ("veedor", "numpy", "scipy", "duckdb")
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in packages)
    cores = os.cpu_count()
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {versions}"


def _count(value: float) -> str:
    return f"{value:,.0f}".replace("-", "\u2212")


def _points(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}".replace("-", "\u2212")


def page(results: Mapping[str, Any]) -> str:
    """The whole page, as Markdown."""
    parts, options = results["parts"], results["options"]
    lines = [*_head(results), *_honest(parts["honest"], options), *_rates(parts, options)]
    lines += _power(parts["power"])
    lines += ["## The smallest effect that is seen in a large count", "", *_large_note()]
    for source in ("real", "twin"):
        if source in parts:
            lines += _large(source, parts[source])
    if "real" not in parts:
        lines += ["Bolivia 2019 is left out: its data could not be had.", ""]
    return "\n".join([*lines, *_limits()])


def _head(results: Mapping[str, Any]) -> list[str]:
    options = results["options"]
    command = " ".join(f"--{n} {v}" for n, v in options.items())
    spent = ", ".join(f"{name} {_count(s)}" for name, s in results["seconds"].items())
    return [
        "# Late sheets: false alarms and power", "",
        f"Made by `python -m benchmarks.late {command} --markdown docs/late.md`.",
        f"Machine: {results['machine']}. Seconds: {spent}.", "",
        "An alarm is a p-value of at most 0.05. Each check's own code gives the p-values, from the"
        " columns that it would measure in a written case; `tests/test_late.py` holds the two"
        " equal. Intervals are exact (Clopper-Pearson), 95 %.", "",
    ]  # fmt: skip


def _honest(rows: Rows, options: Mapping[str, Any]) -> list[str]:
    low, high = COMPOSITION
    between = np.array([row["between"] for row in rows])
    inside = int(((np.abs(between) >= low) & (np.abs(between) <= high)).sum())
    lines = [
        "## Honest counts whose rural sheets come late", "",
        f"{len(rows):,} simulated honest counts of {options['stations']:,} stations, scenario"
        " `rural-late-strong`, 16 % of the sheets late. Nothing is altered: late sheets differ from"
        " early ones by where they come from, and by chance. Where they come from moves the margin"
        f" by {low:.0f} to {high:.0f} points in {inside:,} of them.", "",
        "| late less early, points | 2.5 % | 10 % | median | 90 % | 97.5 % |",
        "|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    labels = {
        "between": "by where sheets come from (each with the margin of its whole centre)",
        "gap": "as counted",
    }
    for name, label in labels.items():
        found = np.quantile([row[name] for row in rows], [0.025, 0.1, 0.5, 0.9, 0.975])
        lines.append(f"| {label} | " + " | ".join(_points(q) for q in found) + " |")
    lines += [
        "", f"On average {mean(rows, 'judged'):.0f} % of the late sheets lie in centres that have"
        " early ones too.", "",
    ]  # fmt: skip
    return lines


def _rates(parts: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Alarms on honest counts: of the size asked for, ten times as large, and with bursts."""
    lines: list[str] = []
    for part, times in SIZES.items():
        if part not in parts:
            continue
        lines += [
            f"| {TITLES.get(part, '')}{times * options['stations']:,} stations | alarms | rate |"
            " interval |",
            "|---|---:|---:|---:|",
        ]
        for name in (*SUBJECTS, *SHORTCUTS):
            alarms, counts = rate(parts[part], name)
            ends = interval(alarms, counts)
            lines.append(
                f"| {NAMES[name]} | {alarms:,} of {counts:,} | {alarms / counts:.1%} |"
                f" {ends[0]:.1%} to {ends[1]:.1%} |"
            )
        lines.append("")
    above = [name for name in NAMES if any(_above(parts[p], name) for p in SIZES if p in parts)]
    return [
        *lines,
        *(_BURSTS if "bursts" in parts else ()),
        "Alarms beyond 5 % by more than chance (the interval lies above it):"
        f" {'; '.join(NAMES[name] for name in above) or 'none'}.", "",
        "The last three of each table take sheets for independent draws from one country, and a"
        " change of places along the count for something else; the more sheets there are, the"
        " smaller a change will do. The checks compare sheets of one centre with one another, or"
        " the cut with other cut-offs.", "",
    ]  # fmt: skip


_BURSTS = (
    "In `late-bursts` the same counts are processed otherwise: processing is held up eight times"
    " for a quarter of an hour, each queue comes out in a burst, and half an hour after the cut"
    " processing stops for four hours.", "",
)  # fmt: skip


def _above(rows: Rows, name: str) -> bool:
    return interval(*rate(rows, name))[0] > LEVEL


def _power(rows: Rows) -> list[str]:
    lines = [
        "## Late sheets altered", "",
        "The same scenario with other seeds; the first option gains on a random share of the late"
        " sheets, in whatever centres they lie. The lead is that of the first over the second"
        " option, in points of all valid votes; powers are per cent of"
        f" {len(by(rows, 'seed')):,} counts.", "",
    ]  # fmt: skip
    for what, some in by(rows, "what").items():
        title, argument = WHAT[what[0]]
        lines += [
            f"### {title}", "", f"![{_alt(what[0])}](_static/late-power-{what[0]}.svg)", "",
            f"| {argument} | late sheets | sheets | votes | lead, points | composition |"
            " exchangeability, cut | stream | discontinuity |",
            "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]  # fmt: skip
        lines += [_power_line(cell) for cell in by(some, "size", "share").values()]
        lines.append("")
    return lines


def _power_line(cell: Rows) -> str:
    numbers = [
        f"{cell[0]['size']:.0%}", f"{cell[0]['share']:.0%}", _count(mean(cell, "sheets")),
        _count(mean(cell, "votes")), _points(mean(cell, "national"), 2),
    ]  # fmt: skip
    powers = [f"{100 * alarms / n:.0f}" for alarms, n in (rate(cell, s) for s in SUBJECTS)]
    return f"| {' | '.join([*numbers, *powers])} |"


def _large_note() -> list[str]:
    return [
        "Votes are moved from the runner-up to the winner on a random share of the late sheets:"
        " 30 % of the runner-up's votes on each. Each vote moved is two votes of lead. In the real"
        " count the labels early and late, with the stamps and states that go with them, are first"
        " dealt anew among the sheets of each centre, so that nothing within a centre links them to"
        " the votes: the row with no sheet altered shows the false alarms of that. The twin is"
        " another simulated election each time. A check that saw all of the counts at one share is"
        " not run at larger ones (–).", "",
    ]  # fmt: skip


def _large(source: str, part: Mapping[str, Any]) -> list[str]:
    about, rows = part["about"], part["rows"]
    cells = by(rows, "share")
    counts = len(next(iter(cells.values())))
    lines = [
        f"### {SOURCES[source]}", "",
        f"{about['sheets']:,} sheets with votes, {about['late']:,} of them late,"
        f" {about['judged']:.1f} % of these in centres with early ones; {about['valid']:,} valid"
        f" votes. The outcome stands by {_count(about['slack'])} votes ({about['clause']}"
        f"{'' if source == 'real' else ', seed 0'}). {counts} counts at each share.", "",
        "| late sheets | sheets | votes of lead | composition | exchangeability, cut | stream |"
        " discontinuity |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for (share,), cell in cells.items():
        powers = [_per_cent(cell, name) for name in SUBJECTS]
        lines.append(
            f"| {100 * share:g} % | {_count(mean(cell, 'sheets'))} | {_count(mean(cell, 'lead'))} |"
            f" {' | '.join(powers)} |"
        )
    lines += [
        "", "| check | smallest effect seen with 80 % power, votes of lead | points of the whole"
        " | part of the slack |", "|---|---:|---:|---:|",
    ]  # fmt: skip
    lines += [_smallest_line(name, rows, about) for name in SUBJECTS]
    low, high = interval(round(ENOUGH * counts), counts)
    return [*lines, "", f"80 % of {counts} counts is 95 % from {low:.0%} to {high:.0%}.", ""]


def _per_cent(cell: Rows, name: str) -> str:
    alarms, counts = rate(cell, name)
    return f"{100 * alarms / counts:.0f}" if counts else "–"


def _smallest_line(name: str, rows: Rows, about: Mapping[str, Any]) -> str:
    found, most = smallest(rows, name)
    if found is None:
        return f"| {NAMES[name]} | none up to {_count(most)} | | |"
    points, part = 100.0 * found / about["valid"], found / about["slack"]
    return f"| {NAMES[name]} | {_count(found)} | {points:.3f} | {part:.0%} |"


def _limits() -> list[str]:
    return [
        "## What this does not show", "",
        "Power depends on the shape of a count: on how many late sheets share a centre with early"
        " ones, and on how alike the sheets of one centre are. Sheets altered in centres that were"
        " wholly late are in the effects above and are not seen by any of these checks; nor are"
        " sheets altered early and late alike. The jump at the cut is judged by the stamped sheets"
        " next to it alone.", "",
    ]  # fmt: skip


def _alt(what: str) -> str:
    return f"{WHAT[what][0]} on late sheets: power of each check by the share of them altered"


def figures(results: Mapping[str, Any]) -> list[Figure]:
    """The power of each check by the share of late sheets, at the middle size of each kind, and by
    votes of lead in each large count.
    """
    found = []
    for (what,), rows in by(results["parts"]["power"], "what").items():
        sizes = sorted({row["size"] for row in rows})
        size = sizes[len(sizes) // 2]
        cells = by([row for row in rows if row["size"] == size], "share")
        title = f"{WHAT[what][0]}: {WHAT[what][1]} {size:.0%}"
        x = {share: 100.0 * share for (share,) in cells}
        found.append(_figure(what, title, "late sheets altered, per cent", cells, x, _alt(what)))
    for source in SOURCES:
        if source not in results["parts"]:
            continue
        cells = by(results["parts"][source]["rows"], "share")
        x = {share: mean(cell, "lead") for (share,), cell in cells.items()}
        alt = f"Power of each check by votes of lead moved. {SOURCES[source]}"
        title = SOURCES[source].replace("`", "")
        found.append(_figure(source, title, "votes of lead moved on late sheets", cells, x, alt))
    return found


def _figure(
    name: str,
    title: str,
    label: str,
    cells: Mapping[tuple[Any, ...], Rows],
    x: Mapping[float, float],
    alt: str,
) -> Figure:
    rows = [
        (x[share], 100.0 * alarms / counts, SHORT[check])
        for check in SUBJECTS
        for (share,), cell in cells.items()
        for alarms, counts in [rate(cell, check)]
        if counts
    ]
    return Figure(
        id=f"late-power-{name}",
        chart="lines",
        rows={
            "x": np.array([row[0] for row in rows]),
            "y": np.array([row[1] for row in rows]),
            "series": np.array([row[2] for row in rows], dtype=object),
            "reference": np.full(len(rows), 100.0 * ENOUGH),
        },
        alt=alt,
        labels={
            "title": title,
            "x": label,
            "y": "alarms, per cent of the counts (dashed: 80)",
            "series": "check",
        },
    )
