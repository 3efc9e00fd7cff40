"""The jump of the margin at the cut, and at other points of the count, by every estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.checks.lateness import Floats, Stream, rounded
from veedor.checks.paired import Ints
from veedor.stats.discontinuity import Jump, RobustJump, jump, robust_jump
from veedor.stats.placebo import Placebos, apart, place_cuts, placebos
from veedor.stats.regression import ols

MINUTES = (10, 20, 30, 60)
PLACEBOS = 200
SHIFT_BAND = 20
LEAST = 100
"""Stamped sheets on either side, below which a jump is not estimated."""


@dataclass(frozen=True, slots=True)
class Order:
    """n stamped sheets in the order of processing.

    `y` is the margin in points of each sheet; `minute` and `rank` (per cent) are distances from the
    cut; `row` is the sheet's place in the stream.
    """

    row: Ints
    y: Floats
    minute: Floats
    rank: Floats
    share: float
    weight: Floats
    centre: Ints

    @classmethod
    def of(cls, stream: Stream, cut: int) -> Order | None:
        """Those of a stream; None where a side of the cut, in seconds of UTC, has too few."""
        stamped = np.flatnonzero(~np.isnan(stream.t))
        row = stamped[np.lexsort((stream.sid[stamped], stream.t[stamped]))]
        minute = (stream.t[row] - cut) / 60.0
        before = int((minute <= 0).sum())
        if min(before, len(row) - before) < LEAST:
            return None
        return cls(
            row=row.astype(np.int64),
            y=100.0 * stream.lead[row] / stream.valid[row],
            minute=minute,
            rank=_ranks(len(row)) - 100.0 * before / len(row),
            share=100.0 * before / len(row),
            weight=stream.valid[row].astype(np.float64),
            centre=stream.centre[row],
        )

    def factors(self, fixed: bool) -> tuple[Ints, ...]:
        """The fixed effects of centres, or none."""
        return (self.centre,) if fixed else ()

    def rows(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """The stamped sheets as evidence."""
        return {
            "sid": stream.sid[self.row],
            "minutes_from_cut": np.round(self.minute, 4),
            "rank_percent": np.round(self.rank + self.share, 6),
            "margin_points": np.round(self.y, 6),
        }


def _ranks(n: int) -> Floats:
    return np.asarray(100.0 * (np.arange(n) + 0.5) / n)


def stamped(stream: Stream, order: Order) -> dict[str, Any]:
    """How many sheets have a stamp, on which side of the cut, and what the others are."""
    unstamped = np.isnan(stream.t)
    return {
        "stamped": len(order.row),
        "before": int((order.minute <= 0).sum()),
        "after": int((order.minute > 0).sum()),
        "unstamped": int(unstamped.sum()),
        "unstamped_valid": int(stream.valid[unstamped].sum()),
        "unstamped_points": rounded(stream.margin(unstamped)),
    }


def _pair(found: Jump, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}points": rounded(found.value), f"{prefix}error": rounded(found.error)}


def in_time(order: Order, h: float) -> dict[str, Any]:
    """The jump within `h` minutes of the cut, plain and bias-corrected, without centres and within
    them.
    """
    entry: dict[str, Any] = {"minutes": int(h)}
    for fixed, prefix in ((False, ""), (True, "centre_")):
        one, two = (
            jump(
                order.y,
                order.minute,
                h,
                order=degree,
                clusters=order.centre,
                factors=order.factors(fixed),
            )
            for degree in (1, 2)
        )
        entry |= {**_pair(one, prefix), **_pair(two, f"{prefix}robust_")}
        entry["sheets"] = one.n_left + one.n_right
    return entry


def optimal(order: Order) -> dict[str, Any] | None:
    """At the MSE-optimal bandwidths; null where a side is too thin for them."""
    try:
        # The method has a point at the cut-off on its right; here it lies on the left.
        found = robust_jump(-order.y, -order.minute, clusters=order.centre)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(found.conventional + found.corrected):
        return None
    within = jump(
        order.y, order.minute, found.h, clusters=order.centre, factors=order.factors(True)
    )
    return {**_robust(found), **_pair(within, "centre_")}


def _robust(found: RobustJump) -> dict[str, Any]:
    return {
        "minutes": rounded(found.h, 3),
        "bias_minutes": rounded(found.b, 3),
        "points": rounded(found.conventional),
        "error": rounded(found.error),
        "robust_points": rounded(found.corrected),
        "robust_low": rounded(found.low),
        "robust_high": rounded(found.high),
        "sheets": found.n_left + found.n_right,
    }


def in_rank(stream: Stream, order: Order, h: float) -> dict[str, Any]:
    """The jump within `h` per cent of the stamped sheets, by their order."""

    def at(degree: int, fixed: bool = False) -> Jump:
        return jump(
            order.y,
            order.rank,
            h,
            order=degree,
            clusters=order.centre,
            factors=order.factors(fixed),
            weights=order.weight,
        )

    return {
        "percent": int(h),
        "constant_points": rounded(at(0).value),
        "linear_points": rounded(at(1).value),
        "linear_with_tail": rounded(_with_tail(stream, order, h).value),
        **_pair(at(1, True), "centre_"),
    }


def _with_tail(stream: Stream, order: Order, h: float) -> Jump:
    """The jump when the sheets without a stamp stand behind all others."""
    tail = np.flatnonzero(np.isnan(stream.t))
    row = np.concatenate([order.row, tail])
    before = int((order.minute <= 0).sum())
    rank = _ranks(len(row)) - 100.0 * before / len(row)
    y = 100.0 * stream.lead[row] / stream.valid[row]
    return jump(
        y, rank, h, clusters=stream.centre[row], weights=stream.valid[row].astype(np.float64)
    )


def by_lateness(stream: Stream) -> list[dict[str, Any]]:
    """Regressions on being late: shares and margin alone, then the margin within the levels."""
    late = stream.late.astype(np.float64)
    ones = np.ones(len(late))
    margin = 100.0 * stream.lead / stream.valid
    pair = (stream.standing.runner_up, stream.standing.winner)
    shares = [(o, 100.0 * stream.of_option(o) / stream.valid) for o in pair]
    found = []
    for name, y in (*shares, ("margin", margin)):
        fit = ols(y, np.column_stack([late, ones]), clusters=stream.centre)
        found.append(_entry(name, "none", fit))
    for level, codes in list(stream.cells.items())[-3:]:
        fit = ols(margin, late[:, None], factors=(codes,), clusters=stream.centre)
        found.append(_entry("margin", level, fit))
    return found


def _entry(outcome: str, effects: str, fit: Any) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "effects": effects,
        "points": rounded(float(fit.coefficients[0])),
        "error": rounded(float(fit.errors[0])),
        "sheets": fit.n,
        "clusters": fit.clusters,
    }


def shifted(order: Order, shift: int) -> dict[str, Any]:
    """The jump at a cut-off `shift` minutes from the cut."""
    x = order.minute - shift
    plain, fixed = (
        jump(order.y, x, SHIFT_BAND, clusters=order.centre, factors=order.factors(f))
        for f in (False, True)
    )
    return {"minutes": shift, **_pair(plain), **_pair(fixed, "centre_")}


def along(order: Order, fixed: bool, band: float) -> tuple[Placebos, Jump]:
    """The jumps at cut-offs along the order of processing within `band` per cent on either side,
    and that at the cut; `fixed` within centres.
    """

    def estimate(at: float) -> Jump:
        return jump(
            order.y,
            order.rank - at,
            band,
            clusters=order.centre,
            factors=order.factors(fixed),
        )

    real = estimate(0.0)
    ends = (-order.share, 100.0 - order.share, 0.0, band)
    return placebos(estimate, place_cuts(*ends, PLACEBOS), real, apart(*ends)), real


def summary(found: Placebos, fixed: bool, band: float, real: Jump) -> dict[str, Any]:
    """What `along` found, as the statistic has it."""
    many = len(found.jumps) > 1
    return {
        "effects": "centre" if fixed else "none",
        "percent": band,
        "cutoffs": len(found.jumps),
        "apart": found.apart,
        **_pair(real),
        "ratio": rounded(real.ratio),
        "spread": rounded(float(found.jumps.std())) if many else None,
        "ratio_spread": rounded(float(found.ratios.std())) if many else None,
        "beyond": int((np.abs(found.ratios) >= abs(real.ratio) - 1e-12).sum())
        if np.isfinite(real.ratio)
        else None,
        "p_value": rounded(found.p_value),
        "p_apart": rounded(found.p_apart),
    }


def earlier(stream: Stream, order: Order) -> list[dict[str, Any]]:
    """The jump of the earlier election's margin at the sheets' places."""
    y = stream.history[order.row]
    there = ~np.isnan(y)
    if there.sum() < 2 * LEAST:
        return []
    return [
        {
            "minutes": h,
            **_pair(jump(y[there], order.minute[there], h, clusters=order.centre[there])),
        }
        for h in MINUTES
    ]
