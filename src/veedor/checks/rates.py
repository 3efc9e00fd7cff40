"""The rate of processing in each stretch of work: its changes, bursts and droughts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from veedor.checks.base import Context
from veedor.checks.instants import stamp
from veedor.checks.lateness import rounded
from veedor.checks.paired import Ints
from veedor.stats.changepoint import Segmentation, dispersion, segment
from veedor.stats.scan import Window, baseline, scan

MINUTE = 60
PAUSE = 1800
"""Seconds without a line that part one stretch of work from the next."""
FEWEST = 100
"""Lines of a stretch, below which no rate is looked at."""
MOST = 1500
"""Intervals of a stretch; where it has more minutes, the intervals are longer than one."""
LONGEST = 15
"""Intervals of the longest burst."""
HALVES = (10, 15, 30)
"""Half of the neighbourhoods in which a burst is seen, in intervals."""
HALF = 15
"""That by which bursts are sought: the longest burst fills less than half of its window."""
REPLICATES = 199
PENALTIES = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Charges for a change, in units of log n."""
USUAL = 3.0
NAMED = 2.0
"""The least charge of a change that is named, in the same units."""


def stretches_of(t: Ints) -> list[Ints]:
    """The stamps of each stretch of work, in order, those with enough lines."""
    if not len(t):
        return []
    order = np.sort(t)
    parts = np.split(order, np.flatnonzero(np.diff(order) > PAUSE) + 1)
    return [part for part in parts if len(part) >= FEWEST]


class Stretch:
    """One stretch of work by intervals of whole minutes, most often of one."""

    def __init__(self, t: Ints, context: Context) -> None:
        self.start = int(t[0] - t[0] % MINUTE)
        self.width = 1 + (int(t[-1]) - self.start) // (MINUTE * MOST)
        self.counts = np.bincount((t - self.start) // (MINUTE * self.width)).astype(np.int64)
        self.size = dispersion(self.counts)
        self.segments: Segmentation = segment(
            self.counts, penalty=USUAL * self._log_n, size=self.size
        )
        self.expected = baseline(self.counts, HALF)
        self._rng = context.rng

    @property
    def _log_n(self) -> float:
        return float(np.log(max(len(self.counts), 2)))

    def at(self, interval: int) -> int:
        """UTC seconds at which an interval begins."""
        return self.start + MINUTE * self.width * interval

    def windows(self, droughts: bool) -> list[tuple[Window, float]]:
        """Windows beyond chance under both models, with the p-value of the overdispersed one."""
        poisson = self._scan(droughts, np.inf)
        other = poisson if np.isinf(self.size) else self._scan(droughts, self.size)
        return [
            (one, two.p_value)
            for one, two in zip(poisson, other, strict=True)
            if max(one.p_value, two.p_value) <= 0.05
        ]

    def _scan(self, droughts: bool, size: float) -> list[Window]:
        return scan(
            self.counts,
            self.expected,
            longest=LONGEST,
            replicates=REPLICATES,
            rng=self._rng,
            droughts=droughts,
            size=size,
            refit=lambda drawn: baseline(drawn, HALF),
        )

    def neighbourhoods(self, window: Window) -> list[dict[str, Any]]:
        """What narrower and wider neighbourhoods lead to expect of a window."""
        found = []
        for half in HALVES:
            expected = baseline(self.counts, half)
            mean = self.counts.sum() * expected[window.start : window.end].sum() / expected.sum()
            found.append(
                {
                    "minutes": (2 * half + 1) * self.width,
                    "expected": rounded(mean, 1),
                    "ratio": rounded(window.count / mean, 3),
                }
            )
        return found

    def statistic(self, context: Context) -> dict[str, Any]:
        """The stretch, its segments, and the changes at every charge."""
        models = {"poisson": np.inf, "negative_binomial": self.size}
        changes = {
            charge: {
                name: segment(self.counts, penalty=charge * self._log_n, size=size).changes.tolist()
                for name, size in models.items()
            }
            for charge in PENALTIES
        }
        return {
            "from": stamp(self.at(0), context),
            "to": stamp(self.at(len(self.counts)), context),
            "minutes": len(self.counts) * self.width,
            "lines": int(self.counts.sum()),
            "interval_minutes": self.width,
            "dispersion": rounded(self.size, 2),
            "segments": [
                {
                    "start": stamp(self.at(s.start), context),
                    "end": stamp(self.at(s.end), context),
                    "minutes": (s.end - s.start) * self.width,
                    **{
                        name: rounded(value / self.width, 3)
                        for name, value in (
                            ("per_minute", s.rate),
                            ("low", s.low),
                            ("high", s.high),
                        )
                    },
                }
                for s in self.segments.segments
            ],
            "changes": [
                {"at": stamp(self.at(at), context), **largest}
                for at, largest in _largest(changes).items()
            ],
            "by_penalty": [
                {"log_n": charge, **{name: len(found) for name, found in by_model.items()}}
                for charge, by_model in changes.items()
            ],
        }


def _largest(
    changes: Mapping[float, Mapping[str, list[int]]],
) -> dict[int, dict[str, float | None]]:
    """Of each change, the largest charge at which each model finds it in the same interval."""
    named = {charge: models for charge, models in changes.items() if charge >= NAMED}
    every = {at for models in named.values() for found in models.values() for at in found}
    return {
        at: {
            name: max((c for c, models in named.items() if at in models[name]), default=None)
            for name in ("poisson", "negative_binomial")
        }
        for at in sorted(every)
    }
