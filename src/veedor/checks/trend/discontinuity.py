"""A jump of the margin at the cut, beside the jumps at other points of the count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.instants import seconds
from veedor.checks.lateness import Floats, Stream, points, rounded
from veedor.checks.paired import Ints
from veedor.stats.discontinuity import Jump, RobustJump, jump, robust_jump
from veedor.stats.placebo import Placebos, apart, place_cuts, placebos
from veedor.stats.regression import ols

MINUTES = (10, 20, 30, 60)
RANKS = (1, 2, 5, 10, 15)
BAND = 5.0
"""Per cent of the stamped sheets on either side in which the placebos are compared that give the
p-value."""
OTHER_BANDS = (2.0, 10.0)
"""The same, shown beside it."""
PLACEBOS = 200
SHIFTS = (-60, -50, -40, -30, -20, -10, 0, 10, 20)
"""Minutes from the cut of the placebo cut-offs in time."""
SHIFT_BAND = 20
LEAST = 100
"""Stamped sheets on either side, below which a jump is not estimated."""


class Discontinuity(Check):
    """Estimate the jump of the margin at the cut, in time and in the order of processing.

    The cut is an event of the case, fixed before its data are looked at. Local linear regressions
    on both sides, at every bandwidth of a grid and at the MSE-optimal one, with and without the
    fixed effects of polling centres; the same at other cut-offs along the count. A local constant
    is shown to say why it is no evidence: at a boundary it takes a trend for a jump. All bandwidths
    are shown. The status rests on one of them, the same for every case: within centres, 5 % of the
    stamped sheets on either side. Sheets without a stamp are in no window and are told apart.
    Stamps of one second are put in the order of station numbers, so that where stamps are coarse
    the order of processing is that much arbitrary. Sheets filled in falsely at the table, early and
    late alike, show no jump.

    Statistic
    ---------
    sheets : {stamped, before, after, unstamped, unstamped_valid, unstamped_points}
    time : array of {minutes, points, error, robust_points, robust_error, sheets, centre_points,
        centre_error, centre_robust_points, centre_robust_error}
        Jumps at the cut, unweighted, triangular kernel; `robust` ones are bias-corrected with the
        bias bandwidth equal to the main one; `centre` ones have fixed effects.
    optimal : {minutes, bias_minutes, points, error, robust_points, robust_low, robust_high,
        sheets, centre_points, centre_error} or null
        At the bandwidths that are MSE-optimal without fixed effects; `centre` with them, there.
    rank : array of {percent, constant_points, linear_points, linear_with_tail, centre_points,
        centre_error}
        In the order of processing, weighted by valid votes; `linear_with_tail` puts the sheets
        without a stamp behind all others.
    late : array of {outcome, effects, points, error, sheets, clusters}
        Regression of shares and of the margin on being late, unweighted, with no fixed effects or
        those of a level.
    placebo_minutes : array of {minutes, points, error, centre_points, centre_error}
        Jumps at cut-offs so many minutes from the cut, within 20 minutes of each.
    placebos : array of {effects, percent, cutoffs, apart, points, error, ratio, spread,
        ratio_spread, beyond, p_value, p_apart}
        Jumps, unweighted, at cut-offs along the order of processing whose windows do not hold the
        cut; `beyond` is the number of them whose jump by its error is at least that of the cut, and
        `p_value` the cut's rank among them. `apart` is how many windows fit side by side, and
        `p_apart` Student's t with so many degrees of freedom of the ratio by the placebos' own. A
        ratio's spread is 1 where textbook errors are right. With effects of centres within 5 %,
        without them within 5 %, then with them within 2 and 10 %.
    earlier : array of {minutes, points, error}
        The same jump in the earlier election's margin at the sheets' places: a placebo outcome.

    Uncertainty
    -----------
    Errors are robust to clusters: polling centres. The p-value is the larger of `p_value` and
    `p_apart` with effects of centres within 5 %, since the order of processing is not random, and
    since 200 windows that overlap are worth no more than those that do not. On 800 honest simulated
    counts of 4,000 stations the rank alone was at or below 0.05 on 5.9 % and at or below 0.01 on
    1.6 %; the larger of the two on 4.0 % and 0.5 %.

    Source
    ------
    S. Calonico, M. Cattaneo, R. Titiunik, Econometrica 82 (2014). P. Ganong and S. Jaeger, Journal
    of the American Statistical Association 113 (2018), for placebo cut-offs. N. Idrobo, D. Kronick,
    F. Rodriguez, The Journal of Politics 84(4), 2022, on this count. The regressions on being late
    are those of D. Escobari and G. Hoover, SSRN 3492928, with the sum of the options' votes as the
    denominator.
    """

    title = "A jump at the cut"
    asks = "Does the margin jump at the cut by more than it does at other points of the count?"
    rule = (
        "No rule makes the sheets of a polling centre that were processed just after the cut differ"
        " from those that were processed just before it."
    )
    kind = "anomaly"
    needs = ("cut", "log", "early")
    promise = Promise(alarm="p-value", honest=("plain", "rural-late"))
    sentences = {
        "any": (
            "Within polling centres, and within {percent} % of the sheets on either side, the"
            " margin moves by {centre} at the cut (error {error}); {beyond} of {cutoffs} other"
            " cut-offs along the count show as much by their own error. Within centres and by"
            " minutes the jump is between {centre_low} and {centre_high}, by bandwidth; without"
            " regard to the centre between {low} and {high}.{tail}"
        ),
        "not-determinable": (
            "There are too few stamped sheets on one side of the cut, or too few centres with"
            " sheets on both, to say what a jump is."
        ),
    }
    benign = (
        Benign(
            "trend",
            "The places that are processed change all the time, so that the margin jumps at many"
            " cut-offs.",
            "Without regard to the centre, jumps at {cutoffs} other cut-offs have a standard"
            " deviation of {spread}, {ratio} times what their errors say; the jump at the cut is"
            " {points}.",
        ),
        Benign(
            "history",
            "The places processed after the cut voted otherwise in the earlier election too.",
            "The earlier election's margin jumps by {earlier} within 20 minutes of the cut.",
        ),
        Benign(
            "boundary",
            "A local constant takes a trend for a jump.",
            "Within {percent} % of the sheets, a local constant gives {constant} where the local"
            " line gives {linear}.",
        ),
        Benign("pause", "After the pause other people or other places went on."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The official sheets with their stamps, and the official totals."""
        return lateness.measure(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all estimates."""
        stream = Stream.of(measured, context)
        cut = seconds(context.case.cut)
        order = None if stream is None or cut is None else _Order.of(stream, cut)
        if stream is None or order is None:
            yield self.fact("not-determinable", {"sheets": None})
            return
        bands = ((True, BAND), (False, BAND), *((True, band) for band in OTHER_BANDS))
        found = [_placebos(order, fixed, band) for fixed, band in bands]
        statistic = {
            "sheets": _sheets(stream, order),
            "time": [_in_time(order, float(h)) for h in MINUTES],
            "optimal": _optimal(order),
            "rank": [_in_rank(stream, order, float(h)) for h in RANKS],
            "late": _late(stream),
            "placebo_minutes": [_shifted(order, shift) for shift in SHIFTS],
            "placebos": [
                _summary(placebo, fixed, band, real)
                for (placebo, real), (fixed, band) in zip(found, bands, strict=True)
            ],
            "earlier": _earlier(stream, order),
        }
        # The larger one, and not a number where either is none.
        p_value = float(np.maximum(found[0][0].p_value, found[0][0].p_apart))
        clear = bool(np.isfinite(p_value))
        yield self.fact(
            "not-determinable" if not clear else "observed" if p_value <= 0.05 else "not-observed",
            statistic,
            words=_words(statistic),
            p_value=p_value if clear else None,
            explanations=self.explain(**_tested(statistic)) if clear else (),
            parameters={
                "kernel": "triangular",
                "placebos": PLACEBOS,
                "placebo_percent": BAND,
                "cut": context.case.cut.at.isoformat() if context.case.cut else None,
            },
            rows=order.rows(stream),
            figures=_figures(statistic, found[0][0], found[0][1]) if clear else (),
        )


@dataclass(frozen=True, slots=True)
class _Order:
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
    def of(cls, stream: Stream, cut: int) -> _Order | None:
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


def _sheets(stream: Stream, order: _Order) -> dict[str, Any]:
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


def _in_time(order: _Order, h: float) -> dict[str, Any]:
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


def _optimal(order: _Order) -> dict[str, Any] | None:
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


def _in_rank(stream: Stream, order: _Order, h: float) -> dict[str, Any]:
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


def _with_tail(stream: Stream, order: _Order, h: float) -> Jump:
    """The jump when the sheets without a stamp stand behind all others."""
    tail = np.flatnonzero(np.isnan(stream.t))
    row = np.concatenate([order.row, tail])
    before = int((order.minute <= 0).sum())
    rank = _ranks(len(row)) - 100.0 * before / len(row)
    y = 100.0 * stream.lead[row] / stream.valid[row]
    return jump(
        y, rank, h, clusters=stream.centre[row], weights=stream.valid[row].astype(np.float64)
    )


def _late(stream: Stream) -> list[dict[str, Any]]:
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


def _shifted(order: _Order, shift: int) -> dict[str, Any]:
    x = order.minute - shift
    plain, fixed = (
        jump(order.y, x, SHIFT_BAND, clusters=order.centre, factors=order.factors(f))
        for f in (False, True)
    )
    return {"minutes": shift, **_pair(plain), **_pair(fixed, "centre_")}


def _placebos(order: _Order, fixed: bool, band: float) -> tuple[Placebos, Jump]:
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


def _summary(found: Placebos, fixed: bool, band: float, real: Jump) -> dict[str, Any]:
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


def _earlier(stream: Stream, order: _Order) -> list[dict[str, Any]]:
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


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    centre = statistic["placebos"][0]
    plain, fixed = (
        [e[key] for e in statistic["time"] if e[key] is not None]
        for key in ("points", "centre_points")
    )
    sheets = statistic["sheets"]
    return {
        "percent": f"{centre['percent']:g}",
        "centre": points(centre["points"]),
        "error": points(centre["error"]),
        "beyond": centre["beyond"],
        "cutoffs": centre["cutoffs"],
        "centre_low": points(min(fixed, default=None)),
        "centre_high": points(max(fixed, default=None)),
        "low": points(min(plain, default=None)),
        "high": points(max(plain, default=None)),
        "tail": ""
        if not sheets["unstamped"]
        else (
            f" {sheets['unstamped']:,} sheets have no stamp and are in no window; their margin is"
            f" {points(sheets['unstamped_points'])}."
        ),
    }


def _tested(statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    plain = statistic["placebos"][1]
    rank = next((r for r in statistic["rank"] if r["percent"] == 10), statistic["rank"][-1])
    found: dict[str, Mapping[str, Any]] = {
        "trend": {
            "cutoffs": plain["cutoffs"],
            "spread": points(plain["spread"]),
            "ratio": plain["ratio_spread"] if plain["ratio_spread"] is not None else "?",
            "points": points(plain["points"]),
        },
        "boundary": {
            "percent": rank["percent"],
            "constant": points(rank["constant_points"]),
            "linear": points(rank["linear_points"]),
        },
    }
    near = next((e for e in statistic["earlier"] if e["minutes"] == SHIFT_BAND), None)
    if near is not None and near["points"] is not None:
        found["history"] = {"earlier": points(near["points"])}
    return found


def _figures(statistic: Mapping[str, Any], found: Placebos, real: Jump) -> tuple[Figure, ...]:
    counts, edges = np.histogram(found.jumps, bins=min(25, max(5, len(found.jumps) // 6)))
    placebo = Figure(
        id="trend.discontinuity",
        chart="histogram",
        rows={
            "low": edges[:-1],
            "high": edges[1:],
            "count": counts,
            "reference": np.full(len(counts), real.value),
        },
        labels={
            "title": "Jumps within centres along the count, and at the cut (dashed)",
            "x": "jump of the margin, points",
            "y": "cut-offs",
        },
        alt=(
            f"Jumps of the margin within centres at {len(found.jumps):,} other cut-offs along the"
            f" count: from {points(float(found.jumps.min()))} to"
            f" {points(float(found.jumps.max()))}. At the cut it is {points(real.value)}."
        ),
    )
    entries = [
        (f"{e['minutes']} minutes{name}", e[f"{key}points"], e[f"{key}error"])
        for name, key in (("", ""), (", within centres", "centre_"))
        for e in statistic["time"]
        if e[f"{key}points"] is not None and e[f"{key}error"] is not None
    ]
    if not entries:
        return (placebo,)
    names, values, errors = zip(*entries, strict=True)
    value, error = np.array(values), np.array(errors)
    bandwidth = Figure(
        id="trend.discontinuity.bandwidths",
        chart="intervals",
        rows={
            "label": np.array(names, dtype=object),
            "value": value,
            "low": value - 1.96 * error,
            "high": value + 1.96 * error,
            "reference": np.zeros(len(value)),
        },
        labels={
            "title": "The jump at the cut by bandwidth",
            "x": "points of margin, 95 % interval",
            "y": "within",
        },
        alt="The jump at the cut: "
        + "; ".join(f"{n} {points(v)}" for n, v in zip(names, values, strict=True))
        + ".",
    )
    return (placebo, bandwidth)
