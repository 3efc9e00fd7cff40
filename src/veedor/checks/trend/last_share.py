"""The last k per cent of a count, for every k."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Figure
from veedor.checks import lateness
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.lateness import Stream, points, rounded
from veedor.checks.paired import Ints

SHARES = (1.0, 2.0, 3.0, 4.0, 4.4, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)


class LastShare(Check):
    """Set the last k per cent of the processed sheets beside the k per cent before them and beside
    all before them, for a grid of k.

    It is a naive comparison, shown because it is often made: under any trend the last sheets differ
    from all others. The sheets before them are a fairer yardstick, and their own centres a better
    one (`trend.composition`). Sheets without a stamp are in no part; those that a process never
    finished were selected by that, not by the end of the count. Stamps of one second are put in the
    order of station numbers.

    Statistic
    ---------
    sheets : {stamped, unstamped, unstamped_valid, unstamped_points, unstamped_share}
    shares : array of {percent, sheets, last_points, before_points, rest_points, jump_points,
        naive_points, within_points, low, high, history_points, history_before_points}
        `before` is as many sheets before the last ones, `rest` all of those; `jump` is last less
        before, `naive` last less rest; `within` what the last sheets differ by from the others of
        their centre, with its interval; `history` the earlier election at their places.
    with_tail : array of {percent, sheets, last_points, before_points}
        The same when the sheets without a stamp stand behind all others.

    Uncertainty
    -----------
    For `within`, Student's t over polling centres.

    Source
    ------
    The comparison was made in an annex of the audit of 2019 by the Organization of American States,
    at 95 %; criticised by N. Idrobo, D. Kronick, F. Rodriguez, The Journal of Politics 84(4), 2022.
    """

    title = "The last sheets"
    asks = "Do the last k per cent of the sheets differ from those before them, for every k?"
    rule = "No rule: the last places of a count are not a random draw of places."
    kind = "descriptive"
    needs = ("log",)
    sentences = {
        "observed": (
            "The last 5 % of the processed sheets stand at {last}, the 5 % before them at {before}"
            " and all before them at {rest}. They differ from other sheets of their own"
            " centres by {within} ({span}), where there are such.{tail}"
        ),
        "not-determinable": "Fewer than a hundred sheets have a stamp of processing.",
    }
    benign = (
        Benign(
            "places",
            "The last places to report are of another kind.",
            "In the earlier election the places of the last 5 % stood at {history}, those of the 5"
            " % before them at {history_before}.",
        ),
        Benign(
            "tail",
            "What is last depends on whether the sheets that were never finished count.",
            "With them behind all others, the last 5 % would stand at {with_tail}.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The official sheets with their stamps."""
        return lateness.measure(evidence)

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact."""
        stream = Stream.of(measured, context)
        order = np.empty(0, dtype=np.int64) if stream is None else _order(stream, tail=False)
        if stream is None or len(order) < 100:
            yield self.fact("not-determinable", {"sheets": None})
            return
        unstamped = np.isnan(stream.t)
        whole = _order(stream, tail=True)
        statistic = {
            "sheets": {
                "stamped": len(order),
                "unstamped": int(unstamped.sum()),
                "unstamped_valid": int(stream.valid[unstamped].sum()),
                "unstamped_points": rounded(stream.margin(unstamped)),
                "unstamped_share": rounded(100.0 * float(unstamped.mean())),
            },
            "shares": [_share(stream, order, k) for k in SHARES],
            "with_tail": [
                {k: v for k, v in _ends(stream, whole, k_).items() if k != "rest_points"}
                for k_ in SHARES
            ],
        }
        yield self.fact(
            "observed",
            statistic,
            words=_words(statistic),
            explanations=self.explain(**_tested(statistic)),
            figures=_figure(statistic),
        )


def _order(stream: Stream, *, tail: bool) -> Ints:
    at = np.where(np.isnan(stream.t), np.inf, stream.t)
    order = np.lexsort((stream.sid, at))
    return order if tail else order[np.isfinite(at[order])]


def _ends(stream: Stream, order: Ints, percent: float) -> dict[str, Any]:
    size = max(1, round(percent / 100.0 * len(order)))
    last, before = order[-size:], order[-2 * size : -size]
    return {
        "percent": percent,
        "sheets": size,
        "last_points": rounded(_margin(stream, last)),
        "before_points": rounded(_margin(stream, before)),
        "rest_points": rounded(_margin(stream, order[:-size])),
    }


def _share(stream: Stream, order: Ints, percent: float) -> dict[str, Any]:
    found = _ends(stream, order, percent)
    size = found["sheets"]
    last, rest = (np.zeros(len(stream.sid), dtype=bool) for _ in range(2))
    last[order[-size:]] = True
    rest[order[:-size]] = True
    before = np.zeros(len(stream.sid), dtype=bool)
    before[order[-2 * size : -size]] = True
    within = lateness.expected(stream, last, rest)
    a, b, c = (found[f"{name}_points"] for name in ("last", "before", "rest"))
    return {
        **found,
        "jump_points": None if a is None or b is None else rounded(a - b),
        "naive_points": None if a is None or c is None else rounded(a - c),
        "within_points": within["unexplained_points"],
        "low": within.get("low"),
        "high": within.get("high"),
        "history_points": rounded(stream.history_margin(last)),
        "history_before_points": rounded(stream.history_margin(before)),
    }


def _margin(stream: Stream, rows: Ints) -> float | None:
    base = int(stream.valid[rows].sum())
    return 100.0 * int(stream.lead[rows].sum()) / base if base else None


def _five(statistic: Mapping[str, Any], name: str = "shares") -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in statistic[name] if s["percent"] == 5.0)
    return found


def _words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    five, sheets = _five(statistic), statistic["sheets"]
    return {
        "last": points(five["last_points"]),
        "before": points(five["before_points"]),
        "rest": points(five["rest_points"]),
        "within": points(five["within_points"]),
        "span": lateness.span(five["low"], five["high"]),
        "tail": ""
        if not sheets["unstamped"]
        else (
            f" {sheets['unstamped']:,} sheets ({sheets['unstamped_share']:.2f} %) have no stamp and"
            " are in no part: what the process never finished was selected by that."
        ),
    }


def _tested(statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    five = _five(statistic)
    found: dict[str, Mapping[str, Any]] = {}
    if five["history_points"] is not None and five["history_before_points"] is not None:
        found["places"] = {
            "history": points(five["history_points"]),
            "history_before": points(five["history_before_points"]),
        }
    if statistic["sheets"]["unstamped"]:
        found["tail"] = {"with_tail": points(_five(statistic, "with_tail")["last_points"])}
    return found


def _figure(statistic: Mapping[str, Any]) -> tuple[Figure, ...]:
    names = (
        ("less all before", "naive_points"),
        ("less as many before", "jump_points"),
        ("less their own centres", "within_points"),
    )
    x, y, series = [], [], []
    for label, key in names:
        for share in statistic["shares"]:
            x.append(share["percent"])
            y.append(share[key])
            series.append(label)
    figure = Figure(
        id="trend.last-share",
        chart="lines",
        rows={
            "x": np.array(x, dtype=float),
            "y": np.array(y, dtype=object),
            "series": np.array(series, dtype=object),
            "reference": np.zeros(len(x)),
        },
        labels={
            "title": "The last k % of the sheets, by what they are set beside",
            "x": "k, % of the processed sheets",
            "y": "points of margin",
        },
        alt="The last sheets' margin by share: "
        + "; ".join(
            f"{s['percent']:g} % {points(s['naive_points'])} less all before,"
            f" {points(s['within_points'])} less their centres"
            for s in statistic["shares"]
        )
        + ".",
    )
    return (figure,)
