"""Offsets between the clocks of machines, from events that two of them recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from veedor.audit.findings import Status
from veedor.checks import hosts
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.hosts import MICRO
from veedor.checks.lateness import rounded
from veedor.checks.recorded import known

FEWEST = 8
"""Events that two machines share, below which no offset is told."""
TOLERANCE = 60
"""Seconds of offset that a usual night shows: small drifts, and the time that a step takes."""
TIGHT = 30
"""Seconds of the middle half of the offsets, above which they are the work's and not a clock's."""


class ClockSkew(Check):
    """For each pair of machines, the offset of their clocks by events that both recorded.

    An event is the first line that names a station on each machine. Their offset holds the time
    that the work takes from one to the other as well as the difference of the clocks: work varies,
    a clock does not. Only offsets of which the middle half lies within thirty seconds are taken
    for a clock's. Where the interval of an offset holds zero, or reaches it together with the
    resolution of the stamps, the order of events across the two machines is not evaluable.

    Statistic
    ---------
    pairs : array of {first, second, events, median_seconds, low, high, least, most, middle_half,
        tight, beyond, evaluable}
        Offset of the second clock to the first: its median with an exact 95 % interval by order
        statistics, the range, and the width of its middle half. `tight` says that this is a clock's
        offset at all; `beyond` says that the whole interval lies beyond a minute;
        `evaluable` that an order of events across the two can be told at all.
    skewed : int
        Pairs beyond a minute.
    machine : str or null
        A machine that is in every such pair, where there is one: its clock explains them.
    stepped_back : array of {source, host, steps, most_seconds}
        Logs whose stamps go back by more than a second from one line to the next.

    Uncertainty
    -----------
    Exact intervals of the median by the binomial law; events of one batch are not independent, so
    that intervals may be too short.

    Source
    ------
    Paired events for the offset of clocks: Schatz, Mohay and Clark, Digital Investigation 3S, 2006;
    intervals of a median by order statistics: Thompson, Annals of Mathematical Statistics 7, 1936.
    """

    title = "Clocks of machines"
    asks = "Do the clocks of two machines differ by more than a minute, or go back?"
    rule = "The clocks of machines that record one count agree to within seconds."
    kind = "control"
    needs = ("log-lines",)
    sentences = {
        "observed": "{sentence}",
        "not-observed": (
            "The clocks of {pairs_told} pairs of machines agree to within a minute, by events that"
            " both recorded; no log goes back by more."
        ),
        "not-determinable": (
            "No two machines of the case recorded {fewest} events of the same stations."
        ),
    }
    benign = (
        Benign(
            "step",
            "The second machine records the event when a later step is done.",
            "In {positive} of {pairs} pairs the second machine is later on every event.",
        ),
        Benign(
            "zone",
            "One log was read in another time zone than it was written in.",
            "{whole} of {skewed} offsets are within a minute of a whole number of hours.",
        ),
        Benign("correction", "A clock was set right while the log was written."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The first line of each station on each machine."""
        lines = evidence.log_lines()
        told = lines.filter(lines.sid.notnull(), lines.us.notnull(), lines.host.notnull())
        return {"first": told.group_by("sid", "host").agg(us=ibis._.us.min())}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all pairs of machines."""
        rows = measured["first"]
        pairs = list(_pairs(rows))
        skewed = [p for p in pairs if p["beyond"]]
        common = set.intersection(*({p["first"], p["second"]} for p in skewed)) if skewed else set()
        machine = _odd_one(common, pairs) if skewed else None
        back: list[dict[str, Any]] = [
            {
                "source": info.source,
                "host": info.of_host,
                "steps": info.back,
                "most_seconds": info.back_most / MICRO,
            }
            for info in context.machines.values()
            if info.back
        ]
        statistic = {
            "pairs": pairs,
            "skewed": len(skewed),
            "machine": machine,
            "stepped_back": back,
        }
        far = [b for b in back if b["most_seconds"] > TOLERANCE]
        status: Status = "observed" if skewed or far else "not-observed"
        if not any(p["tight"] for p in pairs) and not far:
            status = "not-determinable"
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": _sentence(skewed, machine, far),
                "pairs_told": sum(bool(p["tight"]) for p in pairs),
                "fewest": FEWEST,
            },
            explanations=self.explain(
                step={"positive": sum(float(p["least"]) >= 0 for p in pairs), "pairs": len(pairs)},
                zone={
                    "whole": sum(
                        abs(p["median_seconds"] - 3600 * round(p["median_seconds"] / 3600)) <= 60
                        and abs(p["median_seconds"]) > 1800
                        for p in skewed
                    ),
                    "skewed": len(skewed),
                },
            ),
            rows={n: np.array([p[n] for p in pairs], dtype=object) for n in pairs[0]}
            if pairs
            else None,
            key="first",
        )


def _pairs(rows: Columns) -> Iterator[dict[str, Any]]:
    """Each pair of machines with enough shared stations."""
    host = np.array(hosts.text_column(rows, "host"), dtype=object)
    sid, us = rows["sid"].astype(np.int64), known(rows["us"])
    for a, b in combinations(sorted(set(host.tolist())), 2):
        left, right = host == a, host == b
        shared, i, j = np.intersect1d(sid[left], sid[right], return_indices=True)
        if len(shared) < FEWEST:
            continue
        offset = np.sort((us[right][j] - us[left][i]) / MICRO)
        low, high = _median_interval(offset)
        middle = float(np.median(offset))
        half = float(np.subtract(*np.quantile(offset, [0.75, 0.25])))
        tight = half <= TIGHT
        yield {
            "first": a,
            "second": b,
            "events": len(shared),
            "median_seconds": rounded(middle, 3),
            "low": rounded(low, 3),
            "high": rounded(high, 3),
            "least": rounded(float(offset[0]), 3),
            "most": rounded(float(offset[-1]), 3),
            "middle_half": rounded(half, 3),
            "tight": tight,
            "beyond": tight and bool(min(abs(low), abs(high)) > TOLERANCE and low * high > 0),
            "evaluable": tight and bool(low - 1 > 0 or high + 1 < 0),
        }


def _median_interval(ordered: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Order statistics that hold the median with at least that probability."""
    n = len(ordered)
    k = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    k = max(k - 1, 0) if stats.binom.cdf(k, n, 0.5) > (1 - level) / 2 else k
    return float(ordered[k]), float(ordered[n - 1 - k])


def _odd_one(common: set[str], pairs: list[dict[str, Any]]) -> str | None:
    """The machine in every skewed pair, where the others agree among themselves."""
    alone = [
        m
        for m in sorted(common)
        if any(p["tight"] and not p["beyond"] and m not in (p["first"], p["second"]) for p in pairs)
    ]
    return alone[0] if len(alone) == 1 else None


def _sentence(skewed: list[dict[str, Any]], machine: str | None, far: list[dict[str, Any]]) -> str:
    parts = []
    if skewed:
        worst = max(skewed, key=lambda p: abs(p["median_seconds"]))
        listed = (
            f"the clock of {worst['second']} less that of {worst['first']} is"
            f" {worst['median_seconds']:,.0f} seconds (95 % from {worst['low']:,.0f} to"
            f" {worst['high']:,.0f}, {worst['events']:,} events)"
        ).replace("-", "\u2212")
        parts.append(f"{len(skewed)} pairs of machines differ by more than a minute: {listed}.")
        if machine:
            parts.append(f"{machine} is in each of them, and the others agree among themselves.")
    if far:
        parts.append(
            f"{len(far)} logs go back by more than a minute:"
            f" {hosts.names(b['source'] for b in far)}."
        )
    return " ".join(parts)
