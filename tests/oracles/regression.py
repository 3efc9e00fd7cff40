"""Numbers of the published `pyfixest` package on data made here; not run by the tests.

    python tests/oracles/regression.py > tests/stats/regression.json

in an environment that has pyfixest. The data are made by `sample`, which the tests import.
"""

from __future__ import annotations

import json
from importlib import metadata

import numpy as np

CALLS = {
    "plain": ((), ""),
    "plain, clusters": ((), "g"),
    "effects": (("g",), ""),
    "effects nested in clusters": (("g",), "g"),
    "effects across clusters": (("g",), "c"),
    "two effects": (("g", "o"), ""),
    "two effects across clusters": (("g", "o"), "c"),
}
"""Fixed effects and clusters of each regression."""


def sample(n: int = 240) -> dict[str, np.ndarray]:
    """y, two columns x1 and x2, weights w, and the factors g, o and c of few levels."""
    rng = np.random.default_rng(9)
    g, o, c = (rng.integers(0, levels, n) for levels in (12, 9, 20))
    x1, x2 = rng.normal(size=n) + 0.1 * g, rng.normal(size=n) - 0.2 * o
    y = (
        1.5 * x1
        - 2 * x2
        + g
        + 0.5 * o
        + rng.normal(size=20)[c]
        + rng.normal(size=n) * (1 + 0.05 * g)
    )
    return {"y": y, "x1": x1, "x2": x2, "w": rng.uniform(0.5, 2.0, n), "g": g, "o": o, "c": c}


def main() -> None:
    """Print the numbers as JSON."""
    import pandas as pd
    import pyfixest as pf

    frame = pd.DataFrame(sample())
    found: dict[str, object] = {"pyfixest": metadata.version("pyfixest")}
    for name, (factors, clusters) in CALLS.items():
        formula = "y ~ x1 + x2" + (" | " + " + ".join(factors) if factors else "")
        vcov = {"CRV1": clusters} if clusters else "HC1"
        fit = pf.feols(formula, frame, weights="w", vcov=vcov, fixef_tol=1e-12)
        found[name] = {
            "factors": factors,
            "clusters": clusters,
            "coefficients": [float(fit.coef()[v]) for v in ("x1", "x2")],
            "errors": [float(fit.se()[v]) for v in ("x1", "x2")],
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
