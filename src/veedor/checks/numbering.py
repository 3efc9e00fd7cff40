"""Record numbers that a log left out, where it numbers its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.checks import hosts
from veedor.checks.base import Columns, Context
from veedor.checks.recorded import known, whole

__all__ = ["NUMBERED", "left_out", "numbers_left_out", "ranges", "repeated"]

NUMBERED = (("source",), ("source", "host"), ("source", "host", "session"))
"""By what a log may number its records: its file, its machines, or their sessions."""

BY_FORMAT = {"postgresql": 2, "evtx": 1}
"""Formats that say it: csvlog numbers the lines of a session, Windows the records of a machine."""


def left_out(lines: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Records whose number does not follow on the one before, where numbers run by these keys."""
    numbered = lines.filter(lines.sequence.notnull())
    window = ibis.window(group_by=list(keys), order_by=[numbered.sequence, numbered.row])
    steps = numbered.select(
        "source",
        "host",
        "session",
        "row",
        number="sequence",
        us="us",
        **{
            f"{name}_before": numbered[column].lag().over(window)
            for name, column in (
                ("number", "sequence"), ("us", "us"), ("row", "row"), ("host", "host"),
                ("session", "session"),
            )
        },
    )  # fmt: skip
    return steps.filter(steps.number - steps.number_before > 1)


def repeated(lines: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Logs in which some number stands twice, where numbers run by these keys."""
    numbered = lines.filter(lines.sequence.notnull())
    counted = numbered.group_by(*keys, "sequence").agg(n=numbered.count())
    return counted.filter(counted.n > 1).select("source").distinct()


def ranges(lines: ir.Table, keys: Sequence[str]) -> ir.Table:
    """The lowest and the highest number of each machine or session of a file."""
    numbered = lines.filter(lines.sequence.notnull())
    return numbered.group_by(*keys).agg(least=numbered.sequence.min(), most=numbered.sequence.max())


def numbers_left_out(
    measured: Mapping[str, Columns], context: Context
) -> tuple[list[dict[str, Any]], int]:
    """Numbers left out of each log, and how many steps between numbers could not be judged."""
    ways = [measured[f"numbers:{i}"] for i in range(len(NUMBERED))]
    twice = [
        set(hosts.text_column(measured[f"repeated:{i}"], "source")) for i in range(len(NUMBERED))
    ]
    apart = [set[str](), *(_apart(measured[f"ranges:{i}"]) for i in range(1, len(NUMBERED)))]
    sources = [np.array(hosts.text_column(way, "source"), dtype=object) for way in ways]
    last = len(NUMBERED) - 1
    found: list[dict[str, Any]] = []
    not_judged = 0
    for source in sorted(set().union(*(s.tolist() for s in sources))):
        info = context.machines[source]
        free = next((i for i in range(last) if source not in twice[i]), last)
        best = BY_FORMAT.get(info.format, free)
        rows, broken = ways[best], info.broken
        for i in np.flatnonzero(sources[best] == source).tolist():
            finer = [n for n, level in (("host", 1), ("session", 2)) if best < level]
            crosses = any(
                rows[n][i] != rows[f"{n}_before"][i] and source in apart[1 if n == "host" else 2]
                for n in finer
            )
            if crosses and info.format not in BY_FORMAT:
                not_judged += 1
                continue
            before, number = int(rows["number_before"][i]), int(rows["number"][i])
            between = max(int(rows["row"][i]) - int(rows["row_before"][i]) - 1, 0)
            there = min(number - before - 1, between, broken)
            broken -= there
            if number - before - 1 > there:
                found.append(
                    {
                        "source": source,
                        "host": rows["host"][i],
                        "session": rows["session"][i] if best == last else None,
                        "after": before,
                        "before": number,
                        "missing": number - before - 1 - there,
                        "from": hosts.stamp(rows["us_before"][i], context),
                        "to": hosts.stamp(rows["us"][i], context),
                    }
                )
    return found, not_judged


def _apart(rows: Columns) -> set[str]:
    """Files in which the numbers of no two machines, or sessions, overlap, nor mostly follow on."""
    sources = np.array(hosts.text_column(rows, "source"), dtype=object)
    least, most = whole(rows["least"]), known(rows["most"])
    found = set()
    for source in sorted(set(sources.tolist())):
        mine = np.flatnonzero(sources == source)
        order = mine[np.argsort(least[mine], kind="stable")]
        top = np.maximum.accumulate(most[order])
        step = least[order][1:] - top[:-1]
        if len(step) and (step > 0).all() and (step == 1).mean() < 0.5:
            found.add(source)
    return found
