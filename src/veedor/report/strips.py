"""The small interval charts beside a materiality table: where dots and lines fall on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veedor.audit.findings import Materiality, OutcomeSummary

WIDTH = 200.0
_PAD = 8.0
_BY_MARGIN = ("lead", "plurality")


@dataclass(frozen=True, slots=True)
class Strip:
    """Positions in the strip's own units, 0 to `WIDTH`; None where there is nothing to draw."""

    dot: float | None
    low: float | None
    high: float | None
    needed: float | None
    official: float | None


def needed_margin(outcome: OutcomeSummary) -> float | None:
    """The margin in points below which the outcome changes, where the rule is about a margin."""
    if outcome.decided_by not in _BY_MARGIN or not outcome.valid:
        return None
    if outcome.margin_points is None or outcome.slack_votes is None:
        return None
    needed = outcome.margin_points - 100 * outcome.slack_votes / outcome.valid
    return round(needed, 4) + 0.0


def strips(rows: Sequence[Materiality], outcome: OutcomeSummary) -> list[Strip]:
    """One strip a treatment, all on one scale with the official and the needed margin."""
    needed = needed_margin(outcome)
    official = outcome.margin_points
    values = [needed, official]
    for row in rows:
        values += [row.margin_points, row.low, row.high]
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    span = (high - low) or 1.0

    def at(value: float | None) -> float | None:
        if value is None:
            return None
        return round(_PAD + (WIDTH - 2 * _PAD) * (value - low) / span, 1)

    return [
        Strip(at(row.margin_points), at(row.low), at(row.high), at(needed), at(official))
        for row in rows
    ]
