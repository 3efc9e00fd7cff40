"""The picture of what is on record of each machine over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks.base import Context
from veedor.checks.instants import wall
from veedor.checks.silences import Logs

JOIN = 300
"""Seconds up to which a lane of the picture is drawn without a break."""

LANES = 24


def lanes(logs: Logs, silences: Sequence[Mapping[str, Any]], context: Context) -> Sequence[Figure]:
    """A lane for each machine: stretches with lines, silences, logs that are gone, and events."""
    table: dict[str, list[Any]] = {n: [] for n in ("lane", "x", "until", "state", "event")}

    def add(lane: str, start: float, end: float | None, state: str, event: str = "") -> None:
        until = None if end is None else wall(end, context)
        for column, value in zip(
            table.values(), (lane, wall(start, context), until, state, event), strict=True
        ):
            column.append(value)

    series: dict[str, list[NDArray[np.int64]]] = {}
    for log in logs.all:
        series.setdefault(logs.host(log.machine), []).append(log.minute)
    # Machines that few lines name, such as visitors of a page, have no lane.
    busy = sorted(series, key=lambda m: (-sum(map(len, series[m])), m))[:LANES]
    if not busy:
        return ()
    ends = []
    for machine in sorted(busy):
        at = np.unique(np.concatenate(series[machine])) * 60
        parts = np.split(at, np.flatnonzero(np.diff(at) > JOIN) + 1)
        for part in parts:
            add(machine, float(part[0]), float(part[-1]) + 60, "recorded")
        ends += [float(at[0]), float(at[-1])]
        for silence in silences:
            if silence["host"] == machine:
                add(machine, silence["from"], silence["to"], "silent")
    for one in context.plan.withheld:
        if one.host is not None:
            start = one.start.timestamp() if one.start else min(ends)
            end = one.end.timestamp() if one.end else max(ends)
            add(one.host, start, end, "not kept")
    for event in context.case.events:
        if min(ends) <= event.at.timestamp() <= max(ends):
            add("", event.at.timestamp(), None, "", event.id)
    return (
        Figure(
            id="infrastructure.log-gap.lanes",
            chart="lanes",
            rows={n: np.array(v, dtype=object) for n, v in table.items()},
            alt=(
                f"When the logs of machines have lines, {len(busy)} in all. Marked are silences"
                f" ({len(silences)}) and logs that are gone ({len(context.plan.withheld)})."
            ),
            labels={"title": "What is on record of each machine", "x": "", "y": "", "state": ""},
        ),
    )
