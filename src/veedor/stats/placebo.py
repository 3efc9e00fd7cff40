"""The jump at a cut-off among the jumps at cut-offs at which nothing happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from veedor.stats.discontinuity import Jump

__all__ = ["Placebos", "apart", "place_cuts", "placebos"]

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
        that of the real one: (1 + beyond) / (1 + placebos). NaN without placebos. Windows that
        overlap are counted as if they did not, so that small values promise too much.
    apart : int
        Windows that fit side by side: about as many of the placebos are independent.
    p_apart : float
        Student's t, two-sided, with `apart` degrees of freedom, of the real ratio by the root mean
        square of the placebos' ratios. NaN without placebos, or where no window fits.
    """

    at: Floats
    jumps: Floats
    ratios: Floats
    p_value: float
    apart: int
    p_apart: float


def _spans(low: float, high: float, cut: float, reach: float) -> list[tuple[float, float]]:
    """Where cut-offs can lie whose windows neither leave the data nor hold the real cut."""
    spans = [(low + reach, min(cut, high) - reach), (max(cut, low) + reach, high - reach)]
    return [(a, b) for a, b in spans if b > a]


def apart(low: float, high: float, cut: float, reach: float) -> int:
    """How many placebo windows fit side by side; parameters as in `place_cuts`."""
    # A touch more than whole, lest 9.999999 windows be nine.
    return sum(int((b - a) / (2.0 * reach) + 1.0 + 1e-9) for a, b in _spans(low, high, cut, reach))


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
    spans = _spans(low, high, cut, reach)
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


def placebos(
    estimate: Callable[[float], Jump], cuts: Floats, real: Jump, separate: int = 0
) -> Placebos:
    """The jump at each cut-off, and the place of the real one among them.

    Parameters
    ----------
    estimate : callable
        The jump at a cut-off, by the same rule as the real one.
    cuts : float64
    real : Jump
    separate : int
        Windows that fit side by side, from `apart`.

    A jump by its error is compared, since errors differ along the count. `p_value` is that of a
    randomisation test under a count that is alike at all its cut-offs. Since windows overlap, and
    those that overlap the real one are left out, it comes out at or below 0.05 somewhat too often;
    `p_apart` has as many degrees of freedom as there are separate windows.

    Source: P. Ganong and S. Jaeger, A Permutation Test for the Regression Kink Design, Journal of
    the American Statistical Association 113 (2018).
    """
    found = [estimate(float(cut)) for cut in cuts]
    jumps = np.array([j.value for j in found], dtype=np.float64)
    ratios = np.array([j.ratio for j in found], dtype=np.float64)
    known = ~np.isnan(ratios)
    at, jumps, ratios = cuts[known], jumps[known], ratios[known]
    p_value = p_apart = float("nan")
    if len(ratios) and np.isfinite(real.ratio):
        beyond = int((np.abs(ratios) >= abs(real.ratio) - 1e-12).sum())
        p_value = (1 + beyond) / (1 + len(ratios))
        spread = float(np.sqrt((ratios**2).mean()))
        if separate > 0 and spread > 0:
            p_apart = float(2.0 * special.stdtr(separate, -abs(real.ratio) / spread))
    return Placebos(at, jumps, ratios, p_value, separate, p_apart)
