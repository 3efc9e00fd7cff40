"""Pictures and figures of centres whose sheets look written by one hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Picture
from veedor.checks.one_hand import TEN, Hits
from veedor.checks.writers import Judged, Sheets
from veedor.handwriting.calibration import calibrations
from veedor.stats.likelihood import exceeding

__all__ = ["figures", "pictures"]

Floats = NDArray[np.float64]

SHOWN = 12
"""Sheets whose pictures are named."""
POINTS = np.linspace(-1, 1, 81)
"""Where curves are drawn, as shares of the greatest log10 of a ratio that is said."""


def pictures(sheets: Sheets, found: Hits) -> tuple[Picture, ...]:
    """The sheets that join a hand with another one, of the highest centres."""
    shown = [group for firm in found.firm for group in firm.groups]
    return tuple(
        Picture(
            scan=int(sheets.scan[i]),
            fields=(),
            caption=f"Station {sheets.station[i]}: one of {len(group)} sheets of a centre whose"
            " digits look alike.",
        )
        for group in shown
        for i in group
    )[:SHOWN]


def figures(check: str, judged: Judged, statistic: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Ratios of pairs as Tippett draws them, beside those measured; such centres by who won."""
    points = statistic["cap"] * POINTS
    series = [
        ("pairs within centres", exceeding(judged.llr / TEN, points)),
        ("pairs of different centres", exceeding(judged.mixed_pairs / TEN, points)),
        *_measured(judged, statistic["conditions"], points),
    ]
    above = 100 * float(exceeding(judged.llr, np.array([TEN]))[0])
    curves = Figure(
        id=check,
        chart="lines",
        rows={
            "x": np.tile(points, len(series)),
            "y": np.concatenate([100 * y for _, y in series]),
            "series": np.repeat(np.array([n for n, _ in series], dtype=object), len(POINTS)),
        },
        alt=f"Curves of the share of pairs of sheets with at least a given likelihood ratio:"
        f" {above:.2f} % of the pairs within centres reach 10.",
        labels={
            "title": "Share of pairs with at least this likelihood ratio (Tippett)",
            "x": "log10 of the ratio, one hand against two",
            "y": "% of pairs",
        },
    )
    return curves, *_won(check, statistic["winners"])


def _measured(
    judged: Judged, conditions: Sequence[Mapping[str, Any]], points: Floats
) -> list[tuple[str, Floats]]:
    """What was measured in the condition of most centres, on the writers of the calibration."""
    most = max(conditions, key=lambda c: c["centres"], default=None)
    if most is None:
        return []
    known = calibrations()[most["condition"]]
    entry = known.nearest(most["digits"])
    return [
        (f"calibration: {name}", np.interp(points * TEN, entry[key], 1 - known.quantiles, 1.0, 0.0))
        for name, key in (("one writer", "same"), ("two writers", "different"))
    ]


def _won(check: str, winners: Sequence[Mapping[str, Any]]) -> tuple[Figure, ...]:
    if len(winners) < 2:
        return ()
    columns = {k: np.array([w[k] for w in winners]) for k in ("share", "low", "high")}
    told = "; ".join(f"{w['option']} {w['share']:.2f} %" for w in winners)
    return (
        Figure(
            id=f"{check}.winners",
            chart="intervals",
            rows={
                "label": np.array([w["option"] for w in winners], dtype=object),
                "value": columns["share"],
                "low": columns["low"],
                "high": columns["high"],
            },
            alt=f"Share of centres that look so, by the option that won the centre: {told}.",
            labels={
                "title": "Such centres by who won them",
                "x": "% of the centres that it won",
            },
        ),
    )
