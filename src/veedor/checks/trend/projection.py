"""The final result as it could be foreseen from what was published before the cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Interval
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.lateness import Stream, points, rounded
from veedor.checks.paired import Mask
from veedor.stats.forecast import (
    Backtest,
    Projection,
    backtest,
    drift_of,
    drifted,
    fit,
    project,
)

DRAWS = 1000
FEW = 400
"""Draws of a projection that is one of a grid."""
TESTS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the sheets counted at a cut, at which its backtests stand."""
GRID_TESTS = (0.5, 0.7, 0.9)
CUTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the early sheets, at which the grid of cuts stands."""
LEAST = 200
"""Early sheets, below which nothing is projected."""


class ProjectionCheck(Check):
    """Project the final margin from the sheets that were published before the cut, and compare.

    A hierarchical model: an uncounted sheet by the counted ones of its centre, or of the nearest
    places that have some, with the earlier election where there is one. The plain interval takes
    the late sheets of a place for a random draw. They are not, and the calibrated interval adds
    what projections from earlier in the same count were off by when they met what was then counted
    up to the cut. Only what was known at the cut is used. A projection that meets the result says
    that late sheets are like early ones of their places; it says nothing of sheets that are wrong
    early and late alike.

    Statistic
    ---------
    counted, uncounted : {sheets, valid, margin_points}
    actual_points : float
    plain, calibrated : {mean_points, sd, low90, high90, low95, high95, winner_stands} or null
        Of the final margin; `winner_stands` is the share of draws in which the outcome's binding
        clause holds (null where it is no lead); calibrated is null without stamps.
    rest : {actual_points, mean_points, sd}
        Margin of the uncounted sheets, and its plain projection.
    drift_points, drifted_points : float or null
        Mean of the backtests' errors: how far later sheets were off their projection before the
        cut, in one direction; and the final margin, had they gone on to be.
    backtests : array of {share, error_points, spread_points}
    groups : array of {group, sheets, valid, actual_points, mean_points}
        Uncounted sheets by the nearest place with counted ones.
    cuts : array of {share, sheets, mean_points, plain_low90, plain_high90, low90, high90,
        plain_covers, covers}
        Projections of the final margin from earlier points of the count, and whether their 90 %
        intervals hold the actual one.
    coverage : {cuts, plain, calibrated} or null
        Of the cuts: how many, and on how many either interval held it. Successive cuts share most
        of their sheets, and are no independent trials.

    Uncertainty
    -----------
    Monte Carlo over the effects of every level, the votes of uncounted sheets and their noise; the
    calibrated draws add a shared error with Student's t. The p-value is two-sided, from these.

    Source
    ------
    Posterior of a Gaussian tree: K. Chou, A. Willsky, A. Benveniste, IEEE Transactions on Automatic
    Control 39 (1994). Projection of this count from before its stop: J. Williams and J. Curiel,
    Analysis of the Quick Count in the 2019 Bolivia Election, CEPR, 2020.
    """

    title = "A projection from before the cut"
    asks = "Could the final margin be foreseen from what was published before the cut?"
    rule = "Late sheets are like the early ones of their places, as far as these tell."
    kind = "anomaly"
    p_value_of = "the distance of the final margin from the projected one"
    needs = ("early",)
    sentences = {
        "any": (
            "From {sheets} sheets, with {before}, the final margin is projected at {mean} (95 %"
            " from {low} to {high}; without regard to how earlier projections did, from"
            " {plain_low} to {plain_high}). It became {actual}.{drift}"
        ),
        "not-determinable": "Too few sheets were published before the cut, or none after it.",
    }
    benign = (
        Benign(
            "drift",
            "Sheets that come later in the count are a little different from earlier ones of their"
            " own places, before any stop.",
            "At {tests} earlier moments of the count, projections of the sheets that were then to"
            " come were off by {errors}; those after the cut are off by {late}.",
        ),
        Benign(
            "places",
            "Places without any counted sheet are of another kind.",
            "Of the uncounted sheets, {lone} lie in centres without a counted one: projected at"
            " {lone_mean}, they stood at {lone_actual}.",
        ),
        Benign("turnout", "Late places had another turnout than early ones of their kind."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The official sheets with their time and place, and the official totals."""
        return lateness.measure(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact."""
        stream = Stream.of(measured, context)
        if stream is None or (~stream.late).sum() < LEAST or not stream.late.any():
            yield self.fact("not-determinable", {"counted": None})
            return
        model = _Model(stream, context.rng)
        plain, calibrated, tests = model.at(~stream.late, DRAWS)
        statistic = _statistic(stream, model, plain, calibrated, tests)
        judged = plain if calibrated is None else calibrated
        actual = statistic["actual_points"]
        beyond = min(
            float((judged.margin <= actual).mean()), float((judged.margin >= actual).mean())
        )
        p_value = min(1.0, max(2.0 * beyond, 1.0 / DRAWS))
        low, high = np.percentile(judged.margin, [2.5, 97.5])
        yield self.fact(
            "not-observed" if low <= actual <= high else "observed",
            statistic,
            words=_words(statistic),
            p_value=p_value,
            interval=Interval(
                of="calibrated.mean_points" if calibrated is not None else "plain.mean_points",
                level=0.95,
                low=round(float(low), 6),
                high=round(float(high), 6),
                method="Monte Carlo, calibrated on earlier points of the count"
                if calibrated is not None
                else "Monte Carlo",
            ),
            explanations=self.explain(**_tested(statistic)),
            parameters={"draws": DRAWS, "backtests": list(TESTS)},
            figures=_figure(statistic),
        )


class _Model:
    """What projections of a stream need, whatever the point of the count."""

    def __init__(self, stream: Stream, rng: np.random.Generator) -> None:
        self.stream, self.rng = stream, rng
        self.cells = tuple(stream.cells.values())
        known = ~np.isnan(stream.history)
        self.history = stream.history / 100.0 if known.any() else None

    def at(
        self, counted: Mask, draws: int, shares: tuple[float, ...] = TESTS
    ) -> tuple[Projection, Projection | None, list[Backtest]]:
        """Plain and calibrated draws, and the backtests behind the latter."""
        s = self.stream
        tree = fit(self.cells, counted, s.lead, s.valid, self.history)
        assert tree is not None
        tests: list[Backtest] = []
        if not np.isnan(s.t[counted]).all():
            tests = backtest(
                self.cells,
                counted,
                s.t,
                s.lead,
                s.valid,
                s.registered,
                self.history,
                shares=shares,
                draws=FEW // 2,
                rng=self.rng,
            )

        plain = project(tree, counted, s.lead, s.valid, s.registered, draws=draws, rng=self.rng)
        drift = drift_of(tests, draws, self.rng)
        if drift is None:
            return plain, None, tests
        held = (int(s.lead[counted].sum()), int(s.valid[counted].sum()))
        return plain, drifted(plain, *held, drift), tests

    def groups(self, counted: Mask) -> list[dict[str, Any]]:
        """Uncounted sheets by the nearest place with counted ones, beside their projection."""
        s = self.stream
        tree = fit(self.cells, counted, s.lead, s.valid, self.history)
        assert tree is not None
        open_ = ~counted
        found = []
        names = [*reversed(list(s.cells)), "none"]
        for name in names:
            some = open_
            if name != "none":
                codes = s.cells[name]
                some = open_ & np.isin(codes, np.unique(codes[counted]))
            open_ = open_ & ~some
            if not some.any():
                continue
            drawn = project(tree, ~some, s.lead, s.valid, s.registered, draws=FEW, rng=self.rng)
            found.append(
                {
                    "group": name,
                    "sheets": int(some.sum()),
                    "valid": int(s.valid[some].sum()),
                    "actual_points": rounded(s.margin(some)),
                    "mean_points": rounded(float(drawn.rest.mean())),
                }
            )
        return found


def _statistic(
    stream: Stream,
    model: _Model,
    plain: Projection,
    calibrated: Projection | None,
    tests: list[Backtest],
) -> dict[str, Any]:
    counted = ~stream.late
    cuts = _cuts(stream, model)
    covered = [c for c in cuts if c["covers"] is not None]
    drift = float(np.mean([t.error for t in tests])) if tests else None
    late_share = float(stream.valid[stream.late].sum()) / stream.total
    return {
        "counted": stream.group(counted),
        "uncounted": stream.group(stream.late),
        "actual_points": rounded(stream.margin()),
        "plain": _summary(plain, stream),
        "calibrated": None if calibrated is None else _summary(calibrated, stream),
        "rest": {
            "actual_points": rounded(stream.margin(stream.late)),
            "mean_points": rounded(float(plain.rest.mean())),
            "sd": rounded(float(plain.rest.std())),
        },
        "drift_points": rounded(drift),
        "drifted_points": None
        if drift is None
        else rounded(float(plain.margin.mean()) + drift * late_share),
        "backtests": [
            {
                "share": t.share,
                "error_points": rounded(t.error),
                "spread_points": rounded(t.spread),
            }
            for t in tests
        ],
        "groups": model.groups(counted),
        "cuts": cuts,
        "coverage": {
            "cuts": len(covered),
            "plain": sum(c["plain_covers"] for c in covered),
            "calibrated": sum(c["covers"] for c in covered),
        }
        if covered
        else None,
    }


def _summary(drawn: Projection, stream: Stream) -> dict[str, Any]:
    low90, high90 = np.percentile(drawn.margin, [5, 95])
    low95, high95 = np.percentile(drawn.margin, [2.5, 97.5])
    stands = None
    if stream.needed_lead is not None:
        # The lead that the outcome needs grows with the valid votes, as a share of them.
        share = stream.needed_lead / stream.total
        stands = float((drawn.lead >= share * drawn.valid).mean())
    return {
        "mean_points": rounded(float(drawn.margin.mean())),
        "sd": rounded(float(drawn.margin.std())),
        "low90": rounded(low90),
        "high90": rounded(high90),
        "low95": rounded(low95),
        "high95": rounded(high95),
        "winner_stands": stands,
    }


def _cuts(stream: Stream, model: _Model) -> list[dict[str, Any]]:
    """Projections from earlier points of the count; none where no sheet has a stamp."""
    early = np.flatnonzero(~stream.late & ~np.isnan(stream.t))
    order = early[np.lexsort((stream.sid[early], stream.t[early]))]
    actual = stream.margin()
    found = []
    for share in CUTS:
        size = round(share * len(order))
        if size < LEAST or actual is None:
            continue
        counted = np.zeros(len(stream.sid), dtype=bool)
        counted[order[:size]] = True
        plain, calibrated, _ = model.at(counted, FEW, GRID_TESTS)
        ends = np.percentile(plain.margin, [5, 95])
        own = None if calibrated is None else np.percentile(calibrated.margin, [5, 95])
        found.append(
            {
                "share": share,
                "sheets": size,
                "mean_points": rounded(float(plain.margin.mean())),
                "plain_low90": rounded(ends[0]),
                "plain_high90": rounded(ends[1]),
                "low90": None if own is None else rounded(own[0]),
                "high90": None if own is None else rounded(own[1]),
                "plain_covers": bool(ends[0] <= actual <= ends[1]),
                "covers": None if own is None else bool(own[0] <= actual <= own[1]),
            }
        )
    return found


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    plain = statistic["plain"]
    own = statistic["calibrated"] or plain
    drift = statistic["drift_points"]
    return {
        "sheets": statistic["counted"]["sheets"],
        "before": points(statistic["counted"]["margin_points"]),
        "mean": points(plain["mean_points"]),
        "low": points(own["low95"]),
        "high": points(own["high95"]),
        "plain_low": points(plain["low95"]),
        "plain_high": points(plain["high95"]),
        "actual": points(statistic["actual_points"]),
        "drift": ""
        if drift is None
        else (
            f" Before the cut, later sheets were {points(drift)} off what earlier ones of their"
            " places led to expect."
        ),
    }


def _tested(statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    rest, tests = statistic["rest"], statistic["backtests"]
    if tests and rest["actual_points"] is not None:
        found["drift"] = {
            "tests": len(tests),
            "errors": ", ".join(points(t["error_points"]) for t in tests),
            "late": points(rest["actual_points"] - rest["mean_points"]),
        }
    inner = statistic["groups"][0]["group"] if statistic["groups"] else None
    lone = [g for g in statistic["groups"] if g["group"] != inner]
    base = sum(g["valid"] for g in lone)
    if base and len(statistic["groups"]) > 1:
        mean, actual = (
            sum(g["valid"] * (g[key] or 0.0) for g in lone) / base
            for key in ("mean_points", "actual_points")
        )
        found["places"] = {
            "lone": sum(g["sheets"] for g in lone),
            "lone_mean": points(mean),
            "lone_actual": points(actual),
        }
    return found


def _figure(statistic: Mapping[str, Any]) -> tuple[Figure, ...]:
    rows: list[tuple[str, float, float, float]] = []
    for cut in statistic["cuts"]:
        low = cut["low90"] if cut["low90"] is not None else cut["plain_low90"]
        high = cut["high90"] if cut["high90"] is not None else cut["plain_high90"]
        rows.append(
            (f"{100 * cut['share']:.0f} % of the early sheets", cut["mean_points"], low, high)
        )
    plain = statistic["plain"]
    own = statistic["calibrated"]
    rows.append(("at the cut, plain", plain["mean_points"], plain["low90"], plain["high90"]))
    if own is not None:
        rows.append(("at the cut, calibrated", plain["mean_points"], own["low90"], own["high90"]))
    labels, values, lows, highs = zip(*rows, strict=True)
    columns: dict[str, NDArray[Any]] = {
        "label": np.array(labels, dtype=object),
        "value": np.array(values, dtype=float),
        "low": np.array(lows, dtype=float),
        "high": np.array(highs, dtype=float),
        "reference": np.full(len(rows), statistic["actual_points"]),
    }
    figure = Figure(
        id="trend.projection",
        chart="intervals",
        rows=columns,
        labels={
            "title": "The final margin as projected along the count (dashed: as it became)",
            "x": "points of margin, 90 % intervals",
            "y": "from",
        },
        alt="Projections of the final margin: "
        + "; ".join(f"{n} {points(v)}" for n, v, *_ in rows)
        + f". It became {points(statistic['actual_points'])}.",
    )
    return (figure,)
