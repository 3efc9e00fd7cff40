"""The margin by the progress of the count, as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Figure
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import Drawn, duration, seconds, stamp
from veedor.checks.lateness import Stream, points, rounded
from veedor.checks.paired import Ints
from veedor.stats.gaps import find_gaps

PARTS = 10
DRAWN = 400
ALL, EACH = "all so far", "each hundredth of the sheets"
GAP = 1800
"""Seconds without a sheet that the figure shades."""


class Raw(Check):
    """Cumulative and marginal margin in the order in which sheets were processed. It describes: a
    count whose places report in no random order has a trend.

    Statistic
    ---------
    sheets : {stamped, unstamped, unstamped_valid, unstamped_points}
    parts : array of {part, from, to, sheets, valid, margin_points, cumulative_points}
        Tenths of the stamped sheets; the margin of each and of all up to it.
    at_cut_points : float or null
        Official margin of all sheets processed up to the cut; what had been published by then is
        another set, with the numbers of that publication.
    final_points : float or null
        Of all sheets, stamped or not.
    crossing : {at, sheets} or null
        When the cumulative margin first was, and from then on stayed, on the final outcome's side
        of what the outcome needs.

    Uncertainty
    -----------
    None: a description.

    Source
    ------
    The order of the stamps.
    """

    title = "The margin by progress"
    asks = "How did the margin move along the count?"
    rule = "No rule: a trend is what an order of places makes."
    kind = "descriptive"
    sentences = {
        "observed": (
            "By tenths of the processed sheets the margin goes from {first} to {last}; all sheets"
            " of the official count, with a stamp or without, give {final}.{cut}"
        ),
        "not-determinable": "No sheet has a stamp of processing.",
    }
    needs = ("order",)
    benign = (
        Benign("order", "Places report in an order of their own: near ones first, far ones last."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The official sheets with their stamps."""
        return lateness.measure(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact."""
        stream = Stream.of(measured, context)
        if stream is None or np.isnan(stream.t).all():
            yield self.fact("not-determinable", {"sheets": None})
            return
        stamped = np.flatnonzero(~np.isnan(stream.t))
        order = stamped[np.lexsort((stream.sid[stamped], stream.t[stamped]))]
        statistic = _statistic(stream, order, context)
        cut = statistic["at_cut_points"]
        yield self.fact(
            "observed",
            statistic,
            words={
                "first": points(statistic["parts"][0]["margin_points"]),
                "last": points(statistic["parts"][-1]["margin_points"]),
                "final": points(statistic["final_points"]),
                "cut": ""
                if cut is None
                else " By the official numbers, what had been processed by the cut gives"
                f" {points(cut)}.",
            },
            explanations=self.explain(),
            figures=_figure(stream, order, context),
        )


def _statistic(stream: Stream, order: Ints, context: Context) -> dict[str, Any]:
    unstamped = np.isnan(stream.t)
    lead, valid = stream.lead[order].cumsum(), stream.valid[order].cumsum()
    cut = seconds(context.case.cut)
    upto = 0 if cut is None else int(np.searchsorted(stream.t[order], cut, side="right"))
    parts, start = [], 0
    for number, part in enumerate(np.array_split(order, min(PARTS, len(order))), 1):
        stop = start + len(part) - 1
        parts.append(
            {
                "part": number,
                "from": stamp(stream.t[part[0]], context),
                "to": stamp(stream.t[part[-1]], context),
                "sheets": len(part),
                "valid": int(stream.valid[part].sum()),
                "margin_points": rounded(
                    100.0 * stream.lead[part].sum() / stream.valid[part].sum()
                ),
                "cumulative_points": rounded(100.0 * lead[stop] / valid[stop]),
            }
        )
        start = stop + 1
    return {
        "sheets": {
            "stamped": len(order),
            "unstamped": int(unstamped.sum()),
            "unstamped_valid": int(stream.valid[unstamped].sum()),
            "unstamped_points": rounded(stream.margin(unstamped)),
        },
        "parts": parts,
        "at_cut_points": rounded(100.0 * lead[upto - 1] / valid[upto - 1]) if upto else None,
        "final_points": rounded(stream.margin()),
        "crossing": _crossing(stream, order, context),
    }


def _crossing(stream: Stream, order: Ints, context: Context) -> dict[str, Any] | None:
    """From when on the sheets processed so far gave the lead that the outcome needs."""
    if stream.needed_lead is None:
        return None
    share = stream.needed_lead / stream.total
    over = stream.lead[order].cumsum() >= share * stream.valid[order].cumsum()
    if not over[-1]:
        return None
    below = np.flatnonzero(~over)
    first = int(below[-1]) + 1 if len(below) else 0
    return {"at": stamp(stream.t[order[first]], context), "sheets": first + 1}


def _figure(stream: Stream, order: Ints, context: Context) -> tuple[Figure, ...]:
    """Cumulative margin by time with the pauses to scale, and the margin of each hundredth."""
    t = stream.t[order].astype(np.int64)
    lead, valid = stream.lead[order].cumsum(), stream.valid[order].cumsum()
    at = np.unique(np.linspace(0, len(t) - 1, min(len(t), DRAWN)).astype(np.int64))
    drawn = Drawn(context)
    heights = (100.0 * lead[at] / valid[at]).round(4).tolist()
    drawn.line(t[at].tolist(), heights, ALL)
    middles, margins = _pieces(stream, order)
    drawn.line(t[middles].tolist(), margins, EACH)
    gaps = find_gaps(t)
    for k, i in enumerate(gaps.over(0, GAP)[:10]):
        # A row without a value breaks the line of its series at the pause.
        drawn.line([gaps.start[i] + 1], [None], EACH)
        drawn.stretch(gaps.start[i] + 1, gaps.end[i], "no sheet" if k == 0 else "", ALL)
    cut = seconds(context.case.cut)
    drawn.mark(context.case.cut, "the cut", ALL)
    figure = Figure(
        id="trend.raw",
        chart="lines",
        rows=drawn.rows(),
        labels={
            "title": "The margin along the count, pauses to scale",
            "x": "wall clock of the case",
            "y": "points of margin",
        },
        alt=(
            f"The margin of all sheets processed so far moves from {points(heights[0])}"
            f" to {points(heights[-1])} over {duration(float(t[-1] - t[0]))}."
        ),
    )
    return (figure, _in_order(stream, order, cut))


def _pieces(stream: Stream, order: Ints) -> tuple[Ints, list[float]]:
    """The middle of each hundredth of the sheets, and its margin."""
    pieces = np.array_split(np.arange(len(order)), min(100, len(order)))
    margins = [
        100.0 * float(stream.lead[order[p]].sum()) / float(stream.valid[order[p]].sum())
        for p in pieces
    ]
    middles = np.array([p[len(p) // 2] for p in pieces], dtype=np.int64)
    return middles, [round(m, 4) for m in margins]


def _in_order(stream: Stream, order: Ints, cut: int | None) -> Figure:
    """The same by the share of the sheets that had been processed, where no pause shows."""
    lead, valid = stream.lead[order].cumsum(), stream.valid[order].cumsum()
    at = np.unique(np.linspace(0, len(order) - 1, min(len(order), DRAWN)).astype(np.int64))
    percent = 100.0 / len(order)
    x = [round(float(i + 1) * percent, 3) for i in at]
    y: list[float | None] = [round(100.0 * lead[i] / valid[i], 4) for i in at]
    series, event = [ALL] * len(x), [""] * len(x)
    middles, margins = _pieces(stream, order)
    x += ((middles + 0.5) * percent).round(3).tolist()
    y += margins
    series += [EACH] * len(margins)
    event += [""] * len(margins)
    if cut is not None:
        before = int(np.searchsorted(stream.t[order], cut, side="right"))
        x.append(round(before * percent, 3))
        y.append(None)
        series.append(ALL)
        event.append("the cut")
    rows = {"x": x, "y": y, "series": series, "event": event}
    return Figure(
        id="trend.raw.order",
        chart="lines",
        rows={name: np.array(values, dtype=object) for name, values in rows.items()},
        labels={
            "title": "The margin along the count, by the share of the sheets",
            "x": "processed sheets, %",
            "y": "points of margin",
        },
        alt=(
            "The margin of all sheets so far, and of each hundredth, by the share of the sheets"
            f" that had been processed: from {points(y[0])} to {points(y[len(at) - 1])}."
        ),
    )
