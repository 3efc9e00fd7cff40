"""The same curve in an earlier election, and what the comparison assumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.lateness import Floats, Stream, points, rounded
from veedor.checks.paired import Mask
from veedor.stats.did import difference_in_differences, pre_trend

PARTS = 10
LEAST = 50


class History(Check):
    """Follow the earlier election's margin at the same places along the order of this count.

    Each sheet stands for the earlier margin at its place; all numbers are of the sheets whose place
    is known then. Difference in differences asks whether the change since then is greater at late
    sheets than at early ones; it assumes that both would have changed alike, which the change by
    tenths before the cut can contradict and cannot prove. With a straight line along the order it
    assumes that the change would have gone on along that line beyond the cut. It is weaker than
    comparing late sheets with early ones of their own centre.

    Statistic
    ---------
    matched : {sheets, valid, share, unmatched}
        Sheets whose place is known in the earlier election; `share` is of all valid votes.
    parts : array of {part, late, sheets, margin_points, history_points, change_points}
        Tenths of the early sheets in the order of processing, then the late ones.
    differences : array of {weights, plain_points, plain_error, trend_points, trend_error,
        slope_points, slope_error, sheets, clusters}
        Without weights and by valid votes; plain, and with a straight line along the order.
    pre_trend : {slope_points, error, p_value} or null
        Slope of the change along the order before the cut, by valid votes: not zero where early
        sheets were not changing alike.
    early_points, late_points, early_history_points, late_history_points : float or null
        Margins of the matched sheets, in this election and in the earlier one.

    Uncertainty
    -----------
    Errors are robust to clusters: polling centres.

    Source
    ------
    J. Angrist and J.-S. Pischke, Mostly Harmless Econometrics (2009), section 5.2. The comparison
    with the referendum of 2016 on the count of Bolivia 2019: D. Escobari and G. Hoover, SSRN
    3492928; N. Idrobo, D. Kronick, F. Rodriguez, The Journal of Politics 84(4), 2022.
    """

    title = "The same curve in an earlier election"
    asks = "Did late places differ from early ones in the earlier election as they do in this one?"
    rule = "Places that report late differ in each election; a new difference asks for a reason."
    kind = "descriptive"
    needs = ("early", "history")
    sentences = {
        "observed": (
            "In {election}, the places of the late sheets stood at {late} and those of the early"
            " ones at {early}, a difference of {gap}; in this one it is {now} at the same places."
            " The difference in differences, sheet by sheet and by valid votes, is {plain} (error"
            " {plain_error}) and, with a straight line along the order, {trend} (error"
            " {trend_error}).{parallel}"
        ),
        "not-determinable": "Too few places of early or late sheets are known in that election.",
    }
    benign = (
        Benign(
            "parallel",
            "Places were changing at different rates all along the count, before the cut too.",
            "Before the cut the change since that election moves by {slope} from the first sheet to"
            " the last (p {p}): {word}.",
        ),
        Benign("other-question", "The earlier election asked something else, of other options."),
        Benign("matching", "Places were matched by their names, and some are not found."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The official sheets with their time and their earlier election."""
        return lateness.measure(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact."""
        stream = Stream.of(measured, context)
        there = None if stream is None else ~np.isnan(stream.history)
        if (
            stream is None
            or there is None
            or min(int((there & stream.late).sum()), int((there & ~stream.late).sum())) < LEAST
        ):
            yield self.fact("not-determinable", {"matched": None})
            return
        rank = _rank(stream)
        change = 100.0 * stream.lead / stream.valid - stream.history
        statistic = _statistic(stream, there, rank, change)
        yield self.fact(
            "observed",
            statistic,
            words=_words(statistic, context),
            explanations=self.explain(**_tested(statistic)),
            figures=_figure(statistic, context),
            rows={
                "sid": stream.sid[there],
                "late": stream.late[there],
                "margin_points": np.round(100.0 * stream.lead[there] / stream.valid[there], 6),
                "history_points": np.round(stream.history[there], 6),
            },
        )


def _rank(stream: Stream) -> Floats:
    """Place in the order of processing, 0 to 1; sheets without a stamp share the last places."""
    order = np.lexsort((stream.sid, np.where(np.isnan(stream.t), np.inf, stream.t)))
    rank = np.empty(len(order))
    rank[order] = (np.arange(len(order)) + 0.5) / len(order)
    unstamped = np.isnan(stream.t)
    if unstamped.any() and not unstamped.all():
        rank[unstamped] = rank[unstamped].mean()
    return rank


def _statistic(stream: Stream, there: Mask, rank: Floats, change: Floats) -> dict[str, Any]:
    late, base = stream.late, int(stream.valid[there].sum())
    weights = stream.valid[there].astype(np.float64)
    found = []
    for name, w in (("none", None), ("valid votes", weights)):
        d = difference_in_differences(
            change[there], late[there], rank[there], stream.centre[there], w
        )
        found.append(
            {
                "weights": name,
                "plain_points": rounded(d.plain),
                "plain_error": rounded(d.plain_error),
                "trend_points": rounded(d.with_trend),
                "trend_error": rounded(d.trend_error),
                "slope_points": rounded(d.slope),
                "slope_error": rounded(d.slope_error),
                "sheets": d.n,
                "clusters": d.clusters,
            }
        )
    slope, error, p_value = pre_trend(
        change[there], late[there], rank[there], stream.centre[there], weights
    )
    return {
        "matched": {
            "sheets": int(there.sum()),
            "valid": base,
            "share": rounded(base / stream.total),
            "unmatched": int((~there).sum()),
        },
        "parts": _parts(stream, there, rank),
        "differences": found,
        "pre_trend": {
            "slope_points": rounded(slope),
            "error": rounded(error),
            "p_value": None if np.isnan(p_value) else float(f"{p_value:.6g}"),
        },
        "early_points": rounded(stream.margin(there & ~late)),
        "late_points": rounded(stream.margin(there & late)),
        "early_history_points": rounded(stream.history_margin(~late)),
        "late_history_points": rounded(stream.history_margin(late)),
    }


def _parts(stream: Stream, there: Mask, rank: Floats) -> list[dict[str, Any]]:
    """Tenths of the early sheets, and the late ones, by those whose place is known then."""
    early = np.flatnonzero(~stream.late)
    early = early[np.lexsort((stream.sid[early], rank[early]))]
    groups = [(f"{i} of {PARTS}", False, g) for i, g in enumerate(np.array_split(early, PARTS), 1)]
    groups.append(("late", True, np.flatnonzero(stream.late)))
    found = []
    for name, late, group in groups:
        some = np.zeros(len(there), dtype=bool)
        some[group] = True
        some &= there
        now, then = stream.margin(some), stream.history_margin(some)
        found.append(
            {
                "part": name,
                "late": late,
                "sheets": int(some.sum()),
                "margin_points": rounded(now),
                "history_points": rounded(then),
                "change_points": None if now is None or then is None else rounded(now - then),
            }
        )
    return found


def _words(statistic: Mapping[str, Any], context: Context) -> dict[str, Any]:
    late, early = statistic["late_history_points"], statistic["early_history_points"]
    now, before = statistic["late_points"], statistic["early_points"]
    weighted = statistic["differences"][1]
    slope = statistic["pre_trend"]
    uneven = slope["p_value"] is not None and slope["p_value"] <= 0.05
    return {
        "election": context.history or "the earlier election",
        "late": points(late),
        "early": points(early),
        "gap": points(None if late is None or early is None else late - early),
        "now": points(None if now is None or before is None else now - before),
        "plain": points(weighted["plain_points"]),
        "plain_error": points(weighted["plain_error"]),
        "trend": points(weighted["trend_points"]),
        "trend_error": points(weighted["trend_error"]),
        "parallel": " Early sheets were not changing alike along the order, which the first of the"
        " two assumes; the second assumes that a straight line goes on beyond the cut."
        if uneven
        else "",
    }


def _tested(statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    slope = statistic["pre_trend"]
    if slope["p_value"] is None:
        return {}
    return {
        "parallel": {
            "slope": points(slope["slope_points"]),
            "p": f"{slope['p_value']:.2g}",
            "word": "early sheets were not changing alike"
            if slope["p_value"] <= 0.05
            else "that is not told apart from none, which does not show that they changed alike",
        }
    }


def _figure(statistic: Mapping[str, Any], context: Context) -> tuple[Figure, ...]:
    parts = [p for p in statistic["parts"] if p["margin_points"] is not None]
    x = np.arange(1, len(parts) + 1)
    rows: dict[str, NDArray[Any]] = {
        "x": np.concatenate([x, x]),
        "y": np.array(
            [p["margin_points"] for p in parts] + [p["history_points"] for p in parts], dtype=object
        ),
        "series": np.array(["this election"] * len(x) + ["the earlier one"] * len(x), dtype=object),
    }
    figure = Figure(
        id="trend.history",
        chart="lines",
        rows=rows,
        labels={
            "title": "The margin along this count, now and in the earlier election",
            "x": "tenths of the early sheets in order of processing; last: the late sheets",
            "y": "points of margin at the same places",
        },
        alt="Margin now and then by tenth of the early sheets, and of the late ones: "
        + "; ".join(
            f"{p['part']} {points(p['margin_points'])} and {points(p['history_points'])}"
            for p in parts
        )
        + ".",
    )
    return (figure,)
