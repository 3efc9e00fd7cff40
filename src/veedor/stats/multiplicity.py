"""Many tests at once: p-values adjusted so that a false alarm stays rare over all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's adjusted p-values: family-wise error, whatever the dependence.

    Parameters
    ----------
    p : float64 (n), in [0, 1]

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty_like(p, dtype=np.float64)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_yekutieli(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values under false-discovery control that holds under any dependence.

    Parameters
    ----------
    p : float64 (n), in [0, 1]

    Source: Y. Benjamini and D. Yekutieli, The control of the false discovery rate in multiple
    testing under dependency, Annals of Statistics 29 (2001), theorem 1.3.
    """
    n = len(p)
    if n == 0:
        return np.empty(0, dtype=np.float64)
    harmonic = float(np.sum(1.0 / np.arange(1, n + 1)))
    order = np.argsort(p, kind="stable")[::-1]
    steps = p[order] * n * harmonic / np.arange(n, 0, -1)
    adjusted = np.empty(n, dtype=np.float64)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted
