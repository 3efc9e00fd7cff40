"""Numbers of the published `rdrobust` package on data made here; not run by the tests.

    python tests/oracles/discontinuity.py > tests/stats/discontinuity.json

in an environment that has rdrobust (GPL-3; an oracle, not a dependency). The data are made by
`sample`, which the tests import.
"""

from __future__ import annotations

import json
from importlib import metadata

import numpy as np


def sample(n: int = 2000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y with a jump of 0.4 at 0 and unequal noise, and clusters on one side each."""
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, n)
    noise = rng.normal(0, 0.3 + 0.2 * np.abs(x), n)
    y = 0.5 * x + 2 * x**2 - 1.5 * x**3 + 0.4 * (x >= 0) + np.where(x > 0, 0.3 * x**2, 0) + noise
    clusters = rng.integers(0, 60, n) + 60 * (x >= 0)
    return x, y, clusters


def main() -> None:
    """Print the numbers as JSON."""
    from rdrobust import rdrobust

    x, y, clusters = sample()
    plain = {"vce": "hc0", "masspoints": "off"}
    calls = {
        "triangular": {"kernel": "triangular"},
        "uniform": {"kernel": "uniform"},
        "epanechnikov": {"kernel": "epanechnikov"},
        "fixed": {"h": 0.4, "b": 0.6},
        "same": {"h": 0.4, "b": 0.4},
        "quadratic": {"h": 0.4, "b": 0.6, "p": 2},
        "clusters": {"h": 0.4, "b": 0.6, "cluster": clusters, "vce": "cr1"},
        "clusters-triangular": {"cluster": clusters, "vce": "cr1"},
        "clusters-uniform": {"cluster": clusters, "vce": "cr1", "kernel": "uniform"},
    }
    found = {"rdrobust": metadata.version("rdrobust")}
    for name, keys in calls.items():
        result = rdrobust(y, x, **{**plain, **keys})
        found[name] = {
            "h": float(result.bws.iloc[0, 0]),
            "b": float(result.bws.iloc[1, 0]),
            "estimates": [float(v) for v in result.coef.iloc[:, 0]],
            "errors": [float(v) for v in result.se.iloc[:, 0]],
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
