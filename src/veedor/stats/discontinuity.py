"""The jump of a regression at a cut-off, by local polynomials with robust bias correction.

Notation of S. Calonico, M. Cattaneo and R. Titiunik, Robust Nonparametric Confidence Intervals for
Regression-Discontinuity Designs, Econometrica 82 (2014): order p, bias of order q, bandwidths h
(main) and b (bias).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from veedor.stats.regression import ols

__all__ = ["Jump", "RobustJump", "bandwidths", "jump", "robust_jump"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
FEWEST = 10
"""Degrees of freedom that a window must leave, lest an error be one of rounding."""

Kernel = Literal["triangular", "uniform", "epanechnikov"]


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump with its standard error; NaN where a side has too few points.

    `n_left` and `n_right` count the points with weight, `clusters` the independent units.
    """

    value: float
    error: float
    n_left: int
    n_right: int
    clusters: int

    @property
    def ratio(self) -> float:
        """The jump by its error."""
        return self.value / self.error if self.error > 0 else float("nan")


def weights_of(x: Floats, h: float, kernel: Kernel) -> Floats:
    """float64 (n): kernel weights at distances x from the cut-off, 0 from h on."""
    u = np.abs(x) / h
    shape = {"triangular": 1.0 - u, "uniform": np.full_like(u, 0.5),
             "epanechnikov": 0.75 * (1.0 - u * u)}[kernel]  # fmt: skip
    return np.where(u < 1.0, shape, 0.0)


def jump(
    y: Floats,
    x: Floats,
    h: float,
    *,
    order: int = 1,
    kernel: Kernel = "triangular",
    clusters: Ints | None = None,
    factors: tuple[Ints, ...] = (),
    weights: Floats | None = None,
) -> Jump:
    """The jump at x = 0 by one polynomial of that order on each side.

    Parameters
    ----------
    y, x : float64 (n)
        `x` is the distance from the cut-off; a point at 0 is on the left, as what happened up to
        the instant of the cut.
    h : float
        Bandwidth, in units of x, on both sides.
    order : int
        0 (local constant) is biased at a boundary by any trend and is there to be shown as such;
        order p + 1 at the same h is the bias-corrected estimate of order p with b = h, and its
        error the robust one (Calonico, Cattaneo and Titiunik 2014, remark 7).
    clusters : int64 (n), optional
    factors : tuple of int64 (n)
        Fixed effects, absorbed within the window with the kernel's weights.
    weights : float64 (n), optional
        Multiply those of the kernel.
    """
    kernel_weights = weights_of(x, h, kernel)
    if weights is not None:
        kernel_weights = kernel_weights * weights
    inside = np.flatnonzero(kernel_weights > 0)
    u, right = x[inside] / h, x[inside] > 0
    sides = (int((~right).sum()), int(right.sum()))
    if min(len(np.unique(u[~right])), len(np.unique(u[right]))) <= order:
        return Jump(np.nan, np.nan, *sides, 0)
    powers = [u**k for k in range(1, order + 1)]
    columns = [right.astype(np.float64), *powers, *(right * power for power in powers)]
    if not factors:
        columns.append(np.ones(len(u)))
    fit = ols(
        y[inside],
        np.column_stack(columns),
        weights=kernel_weights[inside],
        factors=tuple(f[inside] for f in factors),
        clusters=None if clusters is None else clusters[inside],
    )
    if fit.n - fit.absorbed - len(columns) < FEWEST:
        return Jump(np.nan, np.nan, *sides, fit.clusters)
    return Jump(float(fit.coefficients[0]), float(fit.errors[0]), *sides, fit.clusters)


@dataclass(frozen=True, slots=True)
class RobustJump:
    """Conventional and bias-corrected estimates.

    `error` belongs to `conventional`; `robust_error` to `corrected`, and counts what the correction
    itself does not know.
    """

    conventional: float
    error: float
    corrected: float
    robust_error: float
    h: float
    b: float
    n_left: int
    n_right: int

    @property
    def low(self) -> float:
        """Lower end of the robust 95 % interval."""
        return self.corrected - 1.959963984540054 * self.robust_error

    @property
    def high(self) -> float:
        """Its upper end."""
        return self.corrected + 1.959963984540054 * self.robust_error


def robust_jump(
    y: Floats,
    x: Floats,
    h: float | None = None,
    b: float | None = None,
    *,
    order: int = 1,
    kernel: Kernel = "triangular",
    clusters: Ints | None = None,
) -> RobustJump:
    """The jump at x = 0 with the bias of its polynomial estimated at b and taken off.

    Parameters
    ----------
    y, x : float64 (n), as in `jump`, but a point at 0 is on the right, as in the paper
    h, b : float, optional
        MSE-optimal where left out; b is h where only h is given.
    clusters : int64 (n), optional
        Else errors are robust to unequal variances (HC0), from the residuals of order p for the
        conventional and of order q for the corrected estimate.

    Raises numpy.linalg.LinAlgError where a side has too few different points, or where nothing
    varies, so that no bandwidth is the best.

    Source: Calonico, Cattaneo and Titiunik (2014), theorems 1 and A.1, sections S.2.4 and S.2.5.
    """
    if h is None:
        h, b = bandwidths(y, x, order=order, kernel=kernel, clusters=clusters)
    b = h if b is None else b
    parts = []
    for side in (x < 0, x >= 0):
        inside = side & (np.abs(x) < max(h, b))
        group = None if clusters is None else clusters[inside]
        parts.append(_side(y[inside], x[inside], h, b, order, kernel, group))
    (cl, vl, bl, rl, nl), (cr, vr, br, rr, nr) = parts
    if clusters is not None:
        # Clusters that lie on both sides add up before they are squared.
        vl, rl, vr, rr = _joint(y, x, h, b, order, kernel, clusters)
    return RobustJump(
        cr - cl, float(np.sqrt(vl + vr)), br - bl, float(np.sqrt(rl + rr)), h, b, nl, nr
    )


def _design(x: Floats, order: int) -> Floats:
    return x[:, None] ** np.arange(order + 1)


def _influence(x: Floats, h: float, b: float, order: int, kernel: Kernel) -> tuple[Floats, Floats]:
    """float64 (n) each: what one unit of y at a point adds to the estimate at 0 of one side,
    conventional and bias-corrected.
    """
    wh, wb = weights_of(x, h, kernel) / h, weights_of(x, b, kernel) / b
    rp, rq = _design(x, order), _design(x, order + 1)
    gp = np.linalg.inv((rp * wh[:, None]).T @ rp)
    gq = np.linalg.inv((rq * wb[:, None]).T @ rq)
    conventional = (gp @ (rp * wh[:, None]).T)[0]
    lead = (rp * wh[:, None]).T @ (x ** (order + 1))
    curvature = (gq @ (rq * wb[:, None]).T)[order + 1]
    corrected = conventional - (gp @ lead)[0] * curvature
    return conventional, corrected


def _residuals(y: Floats, x: Floats, h: float, order: int, kernel: Kernel) -> Floats:
    w = weights_of(x, h, kernel)
    r = _design(x, order)
    beta = np.linalg.solve((r * w[:, None]).T @ r, (r * w[:, None]).T @ y)
    return y - r @ beta


def _side(
    y: Floats, x: Floats, h: float, b: float, order: int, kernel: Kernel, clusters: Ints | None
) -> tuple[float, float, float, float, int]:
    conventional, corrected = _influence(x, h, b, order, kernel)
    ep = _residuals(y, x, h, order, kernel)
    eq = _residuals(y, x, b, order + 1, kernel)
    return (
        float(conventional @ y),
        float(((conventional * ep) ** 2).sum()),
        float(corrected @ y),
        float(((corrected * eq) ** 2).sum()),
        int((np.abs(x) < h).sum()),
    )


def _joint(
    y: Floats, x: Floats, h: float, b: float, order: int, kernel: Kernel, clusters: Ints
) -> tuple[float, float, float, float]:
    """Cluster variances of both estimates, in the form (conventional, robust, 0, 0)."""
    scores = [np.zeros(len(x)), np.zeros(len(x))]
    for side, sign in ((x < 0, -1.0), (x >= 0, 1.0)):
        inside = np.flatnonzero(side & (np.abs(x) < max(h, b)))
        conventional, corrected = _influence(x[inside], h, b, order, kernel)
        ep = _residuals(y[inside], x[inside], h, order, kernel)
        eq = _residuals(y[inside], x[inside], b, order + 1, kernel)
        scores[0][inside] = sign * conventional * ep
        scores[1][inside] = sign * corrected * eq
    inside = np.flatnonzero(np.abs(x) < max(h, b))
    _, group = np.unique(clusters[inside], return_inverse=True)
    factor = _correction(int(group.max()) + 1, len(inside), 2 * (order + 1))
    squares = [float((np.bincount(group, weights=s[inside]) ** 2).sum()) * factor for s in scores]
    return squares[0], squares[1], 0.0, 0.0


def _correction(clusters: int, n: int, k: int) -> float:
    """The factor for few clusters; raises where there are too few for an error."""
    if clusters < 2 or n <= k:
        raise np.linalg.LinAlgError("too few clusters or points for an error")
    return clusters / (clusters - 1) * (n - 1) / (n - k)


def _spread(score: Floats, clusters: Ints | None) -> Floats:
    """float64 (k, k): what scores (n, k) add to a variance, in clusters where given."""
    if clusters is None:
        return np.asarray(score.T @ score)
    names, group = np.unique(clusters, return_inverse=True)
    total = np.stack([np.bincount(group, weights=s) for s in score.T], axis=1)
    return np.asarray(total.T @ total) * _correction(len(names), *score.shape)


def _some(clusters: Ints | None, rows: Ints) -> Ints | None:
    return None if clusters is None else clusters[rows]


def bandwidths(
    y: Floats,
    x: Floats,
    *,
    order: int = 1,
    kernel: Kernel = "triangular",
    clusters: Ints | None = None,
) -> tuple[float, float]:
    """MSE-optimal h and b, one for both sides.

    Three plug-in steps: a pilot bandwidth by a rule of thumb; the derivative of order q + 1 at it
    gives a bandwidth for the bias; the bias at b gives h. A term for the variance of the estimated
    bias keeps both finite where there is no curvature. Variances are those of the errors, in
    clusters where these are given. Raises as `robust_jump` does.

    Source: Calonico, Cattaneo and Titiunik (2014), section 2.6 and supplement S.2.6; G. Imbens and
    K. Kalyanaraman, Review of Economic Studies 79 (2012), for the regularisation.
    """
    spread = min(float(x.std(ddof=1)), float(np.subtract(*np.percentile(x, [75, 25]))) / 1.349)
    constant = {"triangular": 2.576, "uniform": 1.843, "epanechnikov": 2.34}[kernel]
    far = float(np.abs(x).max())
    pilot = min(constant * spread * len(x) ** -0.2, far)
    q = order + 1
    reach = [float(np.abs(x[side]).max()) + 1e-8 for side in (x < 0, x >= 0)]
    if not pilot > 0:
        raise np.linalg.LinAlgError("the points do not vary")
    d = _optimal(y, x, clusters, kernel, q + 1, q + 1, q + 2, pilot, reach, 0.0, far)
    b = _optimal(y, x, clusters, kernel, q, order + 1, q + 1, pilot, [d, d], 1.0, far)
    h = _optimal(y, x, clusters, kernel, order, 0, q, pilot, [b, b], 1.0, far)
    return h, b


def _optimal(
    y: Floats,
    x: Floats,
    clusters: Ints | None,
    kernel: Kernel,
    o: int,
    nu: int,
    bias_order: int,
    pilot: float,
    reach: list[float],
    regular: float,
    far: float,
) -> float:
    """The bandwidth that balances variance and squared bias of derivative nu at order o."""
    variance = bias = penalty = 0.0
    for side, sign, far_side in ((x < 0, -1.0, reach[0]), (x >= 0, 1.0, reach[1])):
        group = None if clusters is None else clusters[side]
        v, m, r = _plug_in(
            y[side], x[side], group, kernel, o, nu, bias_order, pilot, far_side, regular
        )
        variance += v
        bias += sign * m
        penalty += r
    rate, loss = 1.0 / (2 * o + 3), bias**2 + penalty
    # Written so that what is not a number does not pass either.
    if not (variance > 0 and loss > 0):
        raise np.linalg.LinAlgError("nothing varies, or too few points differ")
    return min(float((variance / loss) ** rate), far)


def _plug_in(
    y: Floats,
    x: Floats,
    clusters: Ints | None,
    kernel: Kernel,
    o: int,
    nu: int,
    bias_order: int,
    pilot: float,
    reach: float,
    regular: float,
) -> tuple[float, float, float]:
    """Variance constant, bias constant and penalty of one side; the factorials of the derivatives
    cancel between them.
    """
    w = weights_of(x, pilot, kernel) / pilot
    inside = np.flatnonzero(w > 0)
    xs, ys, ws = x[inside], y[inside], w[inside]
    wb = weights_of(x, reach, kernel) / reach
    near = np.flatnonzero(wb > 0)
    if len(np.unique(xs)) <= o + 1 or len(np.unique(x[near])) <= bias_order + 1:
        raise np.linalg.LinAlgError("too few points differ")
    r = _design(xs, o)
    inverse = np.linalg.inv((r * ws[:, None]).T @ r)
    residual = ys - r @ (inverse @ ((r * ws[:, None]).T @ ys))
    score = r * (ws * residual)[:, None]
    variance = (inverse @ _spread(score, _some(clusters, inside)) @ inverse)[nu, nu]
    shape = inverse @ ((r * ws[:, None]).T @ ((xs / pilot) ** (o + 1)))
    constant = float((pilot ** np.arange(o + 1) * shape)[nu])
    xb, yb, wn = x[near], y[near], wb[near]
    rb = _design(xb, bias_order)
    inverse_b = np.linalg.inv((rb * wn[:, None]).T @ rb)
    beta = inverse_b @ ((rb * wn[:, None]).T @ yb)
    penalty = 0.0
    if regular:
        rest = yb - rb @ beta
        score_b = rb * (wn * rest)[:, None]
        spread = (inverse_b @ _spread(score_b, _some(clusters, near)) @ inverse_b)[o + 1, o + 1]
        penalty = 3.0 * constant**2 * float(spread)
    times = 2 * (o + 1 - nu)
    return (
        (2 * nu + 1) * pilot ** (2 * nu + 1) * float(variance),
        float(np.sqrt(times)) * constant * float(beta[o + 1]),
        regular * times * penalty,
    )
