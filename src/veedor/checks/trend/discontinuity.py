"""A jump of the margin at the cut, beside the jumps at other points of the count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Figure
from veedor.checks import jumps, lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.instants import seconds
from veedor.checks.lateness import Stream, points
from veedor.stats.discontinuity import Jump
from veedor.stats.placebo import Placebos

RANKS = (1, 2, 5, 10, 15)
BAND = 5.0
"""Per cent of the stamped sheets on either side in which the placebos are compared that give the
p-value."""
OTHER_BANDS = (2.0, 10.0)
"""The same, shown beside it."""
SHIFTS = (-60, -50, -40, -30, -20, -10, 0, 10, 20)
"""Minutes from the cut of the placebo cut-offs in time."""


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
    p_value_of = "the size of the jump among those at other points of the count"
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
        order = None if stream is None or cut is None else jumps.Order.of(stream, cut)
        if stream is None or order is None:
            yield self.fact("not-determinable", {"sheets": None})
            return
        bands = ((True, BAND), (False, BAND), *((True, band) for band in OTHER_BANDS))
        found = [jumps.along(order, fixed, band) for fixed, band in bands]
        statistic = {
            "sheets": jumps.stamped(stream, order),
            "time": [jumps.in_time(order, float(h)) for h in jumps.MINUTES],
            "optimal": jumps.optimal(order),
            "rank": [jumps.in_rank(stream, order, float(h)) for h in RANKS],
            "late": jumps.by_lateness(stream),
            "placebo_minutes": [jumps.shifted(order, shift) for shift in SHIFTS],
            "placebos": [
                jumps.summary(placebo, fixed, band, real)
                for (placebo, real), (fixed, band) in zip(found, bands, strict=True)
            ],
            "earlier": jumps.earlier(stream, order),
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
                "placebos": jumps.PLACEBOS,
                "placebo_percent": BAND,
                "cut": context.case.cut.at.isoformat() if context.case.cut else None,
            },
            rows=order.rows(stream),
            figures=_figures(statistic, found[0][0], found[0][1]) if clear else (),
        )


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
    near = next((e for e in statistic["earlier"] if e["minutes"] == jumps.SHIFT_BAND), None)
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
