"""Segmentations by the published `ruptures` package on data made here; not run by the tests.

    python tests/oracles/changepoint.py > tests/stats/changepoint.json

in an environment that has ruptures (BSD-2; an oracle, not a dependency). It is given the costs as
log probabilities of SciPy's distributions. The data are made by `sample`, which the tests import.
"""

from __future__ import annotations

import json
from importlib import metadata

import numpy as np

PENALTY = {"poisson": 12.0, "negative-binomial": 12.0, "shortest": 12.0}
SIZE = 8.0
SHORTEST = 7


def sample() -> np.ndarray:
    """Counts of 240 intervals: two short bursts, a drought with zeros, a slope."""
    rng = np.random.default_rng(11)
    rate = np.concatenate(
        [np.repeat([12.0, 40.0, 12.0, 70.0, 20.0, 0.3], [40, 4, 50, 3, 43, 20]),
         np.linspace(5, 45, 80)]
    )  # fmt: skip
    return rng.poisson(rate * rng.gamma(25.0, 1 / 25.0, len(rate)))


def main() -> None:
    """Print the changes as JSON."""
    import ruptures
    from ruptures.base import BaseCost
    from scipy import stats

    class Cost(BaseCost):
        model, min_size = "counts", 1

        def __init__(self, size: float) -> None:
            self.size = size

        def fit(self, signal: np.ndarray) -> Cost:
            self.signal = signal.ravel()
            return self

        def error(self, start: int, end: int) -> float:
            part = self.signal[start:end]
            mean = part.mean()
            if mean == 0:
                return 0.0
            if np.isinf(self.size):
                return float(-2 * stats.poisson.logpmf(part, mean).sum())
            chance = self.size / (self.size + mean)
            return float(-2 * stats.nbinom.logpmf(part, self.size, chance).sum())

    counts = sample()
    found: dict[str, object] = {"ruptures": metadata.version("ruptures")}
    for name, size, shortest in (
        ("poisson", np.inf, 1),
        ("negative-binomial", SIZE, 1),
        ("shortest", np.inf, SHORTEST),
    ):
        search = ruptures.Pelt(custom_cost=Cost(size), min_size=shortest, jump=1).fit(counts)
        changes = search.predict(pen=PENALTY[name])[:-1]
        # Without pruning: the best with as many changes.
        exact = ruptures.Dynp(custom_cost=Cost(size), min_size=shortest, jump=1).fit(counts)
        found[name] = {
            "pelt": [int(c) for c in changes],
            "dynp": [int(c) for c in exact.predict(n_bkps=len(changes))[:-1]],
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
