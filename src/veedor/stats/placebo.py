"""The jump at a cut-off among the jumps at cut-offs at which nothing happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.stats.discontinuity import Jump

__all__ = ["Placebos", "place_cuts", "placebos"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placebos:
    """Jumps at placebo cut-offs.

    Attributes
    ----------
    at : float64 (placebos)
        The cut-offs.
    jumps, ratios : float64 (placebos)
        Jumps, and jumps by their errors; NaN ones are left out.
    p_value : float
        Share of the cut-offs, the real one among them, whose ratio is at least as far from zero as
        that of the real one: (1 + beyond) / (1 + placebos). NaN without placebos.
    """

    at: Floats
    jumps: Floats
    ratios: Floats
    p_value: float


def place_cuts(low: float, high: float, cut: float, reach: float, most: int) -> Floats:
    """Placebo cut-offs, evenly spaced, whose windows neither leave the data nor hold the real cut.

    Parameters
    ----------
    low, high : float
        Ends of the data.
    cut : float
        The real cut-off.
    reach : float
        The bandwidth.
    most : int
    """
    spans = [(low + reach, min(cut, high) - reach), (max(cut, low) + reach, high - reach)]
    spans = [(a, b) for a, b in spans if b > a]
    total = sum(b - a for a, b in spans)
    if total <= 0 or most < 1:
        return np.empty(0)
    steps = (np.arange(most) + 0.5) / most * total
    found = []
    for a, b in spans:
        inside = (steps >= 0) & (steps < b - a)
        found.append(a + steps[inside])
        steps = steps - (b - a)
    return np.concatenate(found)


def placebos(estimate: Callable[[float], Jump], cuts: Floats, real: Jump) -> Placebos:
    """The jump at each cut-off, and the place of the real one among them.

    Parameters
    ----------
    estimate : callable
        The jump at a cut-off, by the same rule as the real one.
    cuts : float64
    real : Jump

    A jump by its error is compared, since errors differ along the count. The p-value is that of a
    randomisation test under a count that is alike at all its cut-offs; cut-offs whose windows
    overlap carry less information than their number.

    Source: P. Ganong and S. Jaeger, A Permutation Test for the Regression Kink Design, Journal of
    the American Statistical Association 113 (2018).
    """
    found = [estimate(float(cut)) for cut in cuts]
    jumps = np.array([j.value for j in found], dtype=np.float64)
    ratios = np.array([j.ratio for j in found], dtype=np.float64)
    known = ~np.isnan(ratios)
    at, jumps, ratios = cuts[known], jumps[known], ratios[known]
    p_value = float("nan")
    if len(ratios) and np.isfinite(real.ratio):
        beyond = int((np.abs(ratios) >= abs(real.ratio) - 1e-12).sum())
        p_value = (1 + beyond) / (1 + len(ratios))
    return Placebos(at, jumps, ratios, p_value)
