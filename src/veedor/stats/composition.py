"""How late sheets differ from early ones, and how much of that is where they come from.

Two ways to take the difference apart by the cells of a grain (regions, municipalities, polling
centres ...): Kitagawa's decomposition of the gap between the two margins, and the prediction of
each late sheet by the early sheets of its own cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from veedor.stats.ratio import cluster_ratio

__all__ = ["Decomposition", "Prediction", "bootstrap", "decompose", "predict", "resample"]

CHUNK = 1_000_000
"""Numbers that one step of the bootstrap holds at a time, lest memory grow with the replicates."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The gap between the margins of late and early sheets, in points, by cells.

    Attributes
    ----------
    gap : float
        Margin of the late sheets less that of the early ones.
    composition : float
        Part that comes of where the sheets are: `shared_composition` and `one_sided`.
    rate : float
        Part that remains within cells that have sheets of both kinds.
    shared_composition : float
        Composition over the cells with both kinds.
    one_sided : float
        What cells with one kind only contribute; nothing within them can be compared, so that it
        is counted as composition.
    overlap_late, overlap_early : float
        Share (0 to 1) of the late valid votes in cells that have early ones, and the reverse.
    cells, shared_cells : int
    """

    gap: float
    composition: float
    rate: float
    shared_composition: float
    one_sided: float
    overlap_late: float
    overlap_early: float
    cells: int
    shared_cells: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """Late sheets of shared cells beside what the early sheets of their own cells predict.

    Attributes
    ----------
    actual, predicted, unexplained : float
        Points of the valid votes of those late sheets; `unexplained` is actual less predicted.
    votes : float
        The same in votes: of the lead.
    sheets, valid : int
        Late sheets in shared cells, and their valid votes.
    error, low, high, p_value : float
        Linearised over clusters; the p-value is two-sided, by Student's t with a degree of freedom
        for each cluster but one. The p-value is NaN with fewer than two clusters, and where these
        differ from their cells by the very same points, so that they tell of no error.
    clusters : int
    """

    actual: float
    predicted: float
    unexplained: float
    votes: float
    sheets: int
    valid: int
    error: float
    low: float
    high: float
    p_value: float
    clusters: int


@dataclass(frozen=True, slots=True)
class _Cells:
    """Sums of early and late sheets in each cell, float64 (cells)."""

    lead: tuple[Floats, Floats]
    valid: tuple[Floats, Floats]
    inverse: Ints

    @classmethod
    def of(cls, cell: Ints, late: Mask, lead: Ints, valid: Ints) -> _Cells:
        _, inverse = np.unique(cell, return_inverse=True)
        size = int(inverse.max(initial=-1)) + 1

        def sums(values: Ints) -> tuple[Floats, Floats]:
            early, after = (
                np.bincount(inverse[some], weights=values[some], minlength=size).astype(np.float64)
                for some in (~late, late)
            )
            return early, after

        return cls(sums(lead), sums(valid), inverse)

    @property
    def shared(self) -> Mask:
        return np.asarray((self.valid[0] > 0) & (self.valid[1] > 0))


def decompose(cell: Ints, late: Mask, lead: Ints, valid: Ints) -> Decomposition | None:
    """Kitagawa's decomposition of the gap between late and early margins.

    Parameters
    ----------
    cell : int64 (sheets)
        The cell of the grain.
    late : bool (sheets)
    lead, valid : int64 (sheets)
        Winner's votes less the runner-up's, and valid votes; both of these weight themselves.

    With w the share of a kind's valid votes in a cell and m its margin there, composition is
    sum (w_late - w_early)(m_late + m_early)/2 and rate sum (w_late + w_early)/2 (m_late - m_early)
    over the cells that have both.

    Source: E. Kitagawa, Components of a difference between two rates, Journal of the American
    Statistical Association 50 (1955), 1168-1194.

    Returns
    -------
    None where one of the two kinds has no valid vote.
    """
    sums = _Cells.of(cell, late, lead, valid)
    totals = [float(v.sum()) for v in sums.valid]
    if min(totals, default=0.0) <= 0.0:
        return None
    shared = sums.shared
    weight = [100.0 * v / total for v, total in zip(sums.valid, totals, strict=True)]
    lone = [
        100.0 * float(lead_[~shared].sum()) / total
        for lead_, total in zip(sums.lead, totals, strict=True)
    ]
    margin = [n[shared] / v[shared] for n, v in zip(sums.lead, sums.valid, strict=True)]
    early, after = weight[0][shared], weight[1][shared]
    moved = float(((after - early) * (margin[1] + margin[0])).sum()) / 2.0
    rate = float(((after + early) * (margin[1] - margin[0])).sum()) / 2.0
    one_sided = lone[1] - lone[0]
    return Decomposition(
        gap=moved + rate + one_sided,
        composition=moved + one_sided,
        rate=rate,
        shared_composition=moved,
        one_sided=one_sided,
        overlap_late=float(sums.valid[1][shared].sum()) / totals[1],
        overlap_early=float(sums.valid[0][shared].sum()) / totals[0],
        cells=len(shared),
        shared_cells=int(shared.sum()),
    )


def predict(
    cell: Ints, late: Mask, lead: Ints, valid: Ints, cluster: Ints, level: float = 0.95
) -> Prediction | None:
    """Late sheets against the margin of the early sheets of their own cell (direct
    standardisation).

    Parameters
    ----------
    cell, late, lead, valid : as in `decompose`
    cluster : int64 (sheets)
        The independent units, such as polling centres.

    The unexplained part is a ratio of totals: sum (lead - valid * m_early of the cell) over the
    late sheets, by their valid votes. Its influence counts what a cluster adds to the prediction
    of its cell: an early sheet of a cell with late votes V_late and early votes V_early enters
    with -(lead - valid * m_early) * V_late / V_early.

    Source: Kitagawa (1955), direct standardisation; W. Cochran, Sampling Techniques (1977), 6.3,
    for the variance of a ratio over clusters.

    Returns
    -------
    None where no cell has sheets of both kinds.
    """
    sums = _Cells.of(cell, late, lead, valid)
    shared = sums.shared
    inside = shared[sums.inverse]
    after = inside & late
    base = float(valid[after].sum())
    if base <= 0.0:
        return None
    safe = np.where(shared, sums.valid[0], 1.0)
    margin = np.where(shared, sums.lead[0] / safe, 0.0)
    leverage = np.where(shared, sums.valid[1] / safe, 0.0)
    residual = lead - valid * margin[sums.inverse]
    influence = np.where(late, residual, -residual * leverage[sums.inverse])[inside]
    _, group = np.unique(cluster[inside], return_inverse=True)
    top = (100.0 * np.bincount(group, weights=influence)).astype(np.float64)
    bottom = np.bincount(group, weights=(valid * late)[inside]).astype(np.float64)
    found = cluster_ratio(top, bottom, level)
    reach = float(special.stdtrit(max(found.clusters - 1, 1), 0.5 + level / 2.0)) * found.error
    predicted = 100.0 * float((valid * margin[sums.inverse])[after].sum()) / base
    return Prediction(
        actual=100.0 * float(lead[after].sum()) / base,
        predicted=predicted,
        unexplained=found.value,
        votes=float(residual[after].sum()),
        sheets=int((after & (valid > 0)).sum()),
        valid=int(base),
        error=found.error,
        low=found.value - reach,
        high=found.value + reach,
        p_value=_two_sided(found.value, found.error, found.clusters),
        clusters=found.clusters,
    )


def _two_sided(value: float, error: float, clusters: int) -> float:
    if clusters < 2 or not np.isfinite(error):
        return float("nan")
    if error <= 1e-9 * max(abs(value), 1.0):
        # Clusters that agree to the last digit are too few or too tidy to say how far they vary.
        return 1.0 if abs(value) <= 1e-9 else float("nan")
    return float(2.0 * special.stdtr(clusters - 1, -abs(value) / error))


def resample(clusters: int, replicates: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """How often each cluster is drawn in each replicate: uint16 (replicates, clusters)."""
    if clusters == 0:
        return np.zeros((replicates, 0), dtype=np.uint16)
    chance = np.full(clusters, 1.0 / clusters)
    return rng.multinomial(clusters, chance, size=replicates).astype(np.uint16)


def bootstrap(
    cell: Ints,
    late: Mask,
    lead: Ints,
    valid: Ints,
    cluster: Ints,
    weights: NDArray[np.uint16],
) -> Floats:
    """The unexplained part in resampled elections: clusters are drawn with replacement.

    Parameters
    ----------
    cell, late, lead, valid, cluster : as in `predict`
    weights : uint16 (replicates, clusters)
        From `resample`, for the sorted different clusters; the same for every grain, so that the
        grains of one replicate belong together.

    All sheets of a cluster come and go together, early and late; a cell of a draw has the sums of
    the clusters drawn into it. A draw in which no cell has both kinds gives NaN.

    Source: A. Davison and D. Hinkley, Bootstrap Methods and their Application (1997), section 3.8.

    Returns
    -------
    float64 (replicates), points of the valid votes of the late sheets in shared cells.
    """
    _, group = np.unique(cluster, return_inverse=True)
    cells, inverse = np.unique(cell, return_inverse=True)
    shape = (weights.shape[1], len(cells))

    def sums(values: Ints, some: Mask) -> sparse.csr_array:
        return sparse.csr_array(
            (values[some].astype(np.float64), (group[some], inverse[some])), shape=shape
        )

    parts = [sums(v, some) for some in (~late, late) for v in (lead, valid)]
    replicates = len(weights)
    found = np.full(replicates, np.nan)
    step = max(1, CHUNK // max(1, *shape))
    for start in range(0, replicates, step):
        drawn = weights[start : start + step].astype(np.float64)
        early_lead, early, late_lead, after = (drawn @ part for part in parts)
        both = (early > 0) & (after > 0)
        margin = np.divide(early_lead, early, out=np.zeros_like(early), where=both)
        top = np.where(both, late_lead - margin * after, 0.0).sum(axis=1)
        bottom = np.where(both, after, 0.0).sum(axis=1)
        share = np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
        found[start : start + step] = 100.0 * share
    return found
