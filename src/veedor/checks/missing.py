"""The sheets that another count lacks beside those that it has: sums, groups, standardisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns, Interval
from veedor.case.tables import votes_columns
from veedor.checks.base import Context
from veedor.checks.paired import Standing
from veedor.stats.ratio import Ratio, cluster_ratio

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SheetSet:
    """Official sheets: n of them.

    `lead` and `valid` are int64 (n), `votes` int64 (n, options), `centre` int64 (n).
    """

    options: tuple[str, ...]
    votes: Ints
    valid: Ints
    lead: Ints
    registered: Ints
    cast: Ints
    centre: Ints

    @classmethod
    def of(cls, table: Columns, standing: Standing, context: Context) -> SheetSet:
        """The sheets in rows with votes, `registered`, `cast` and `centre`."""
        names = votes_columns(len(context.options))
        votes = np.stack([table[v].astype(np.int64) for v in names], axis=1)
        return cls(
            context.options,
            votes,
            table["valid"].astype(np.int64),
            standing.lead(votes, context),
            table["registered"].astype(np.int64),
            table["cast"].astype(np.int64),
            table["centre"].astype(np.int64),
        )

    def margin(self, inside: Mask) -> float | None:
        """Points of the valid votes; None without any."""
        valid = int(self.valid[inside].sum())
        return round(100.0 * int(self.lead[inside].sum()) / valid, 6) if valid else None

    def summary(self, inside: Mask) -> dict[str, Any]:
        """Sums over some sheets."""
        sums = self.votes[inside].sum(axis=0)
        return {
            "stations": int(inside.sum()),
            "registered": int(self.registered[inside].sum()),
            "valid": int(self.valid[inside].sum()),
            "votes": {o: int(v) for o, v in zip(self.options, sums, strict=True)},
            "margin_points": self.margin(inside),
        }

    def split_by(
        self, codes: Ints, names: Mapping[int, Any], present: Mask, key: str = "place"
    ) -> list[dict[str, Any]]:
        """Official sheets of each group and those of them that the other count lacks."""
        groups, inverse = np.unique(codes, return_inverse=True)
        size = len(groups)
        stations = np.bincount(inverse, minlength=size)
        only = np.bincount(inverse[~present], minlength=size)
        lead, valid = (
            [np.bincount(inverse[s], weights=v[s], minlength=size) for s in (present, ~present)]
            for v in (self.lead, self.valid)
        )
        margins = [
            [100.0 * float(x) / float(y) if y else None for x, y in zip(top, low, strict=True)]
            for top, low in zip(lead, valid, strict=True)
        ]
        return [
            {
                key: names.get(int(groups[i])),
                "stations": int(stations[i]),
                "only_official": int(only[i]),
                "share_points": 100.0 * float(only[i] / stations[i]),
                "margin_common": margins[0][i],
                "margin_only": margins[1][i],
            }
            for i in np.lexsort((groups, -stations))
        ]

    def by_size(self, present: Mask) -> list[dict[str, Any]]:
        """The same by quarter of votes cast, smallest first."""
        cuts = np.unique(np.quantile(self.cast, [0.25, 0.5, 0.75], method="lower"))
        quarter = np.searchsorted(cuts, self.cast, side="left")
        ends = {
            int(q): f"{self.cast[quarter == q].min():,} to {self.cast[quarter == q].max():,}"
            for q in np.unique(quarter)
        }
        rows = self.split_by(quarter, ends, present, "cast")
        return sorted(rows, key=lambda row: list(ends.values()).index(row["cast"]))


@dataclass(frozen=True, slots=True)
class Missing:
    """The missing sheets by whether their centre has common ones, and the standardisation."""

    sheets: SheetSet
    present: Mask
    shared: Mask
    expected: float | None
    within: Ratio

    @classmethod
    def of(cls, sheets: SheetSet, present: Mask) -> Missing:
        """Split by `present`: the sheets that the other count has."""
        centres, inverse = np.unique(sheets.centre, return_inverse=True)
        size = len(centres)
        lead, valid = (
            [np.bincount(inverse[s], weights=v[s], minlength=size) for s in (present, ~present)]
            for v in (sheets.lead, sheets.valid)
        )
        shared = (valid[0] > 0)[inverse] & ~present
        both = (valid[0] > 0) & (valid[1] > 0)
        weight = valid[1][both].astype(np.float64)
        predicted = weight * lead[0][both] / valid[0][both]
        total = float(weight.sum())
        return cls(
            sheets,
            present,
            shared,
            100.0 * float(predicted.sum()) / total if total else None,
            cluster_ratio(100.0 * (lead[1][both] - predicted), weight),
        )

    def statistic(self) -> dict[str, Any]:
        """The gap and its parts."""
        missing = ~self.present
        common, only = self.sheets.margin(self.present), self.sheets.margin(missing)
        absent = missing & ~self.shared
        return {
            "gap_points": None if common is None or only is None else round(only - common, 6),
            "shared_centres": {
                "stations": int(self.shared.sum()),
                "valid": int(self.sheets.valid[self.shared].sum()),
                "margin_points": self.sheets.margin(self.shared),
                **self._part(self.shared),
                "expected_points": self.expected,
                "within_points": _known(self.within.value),
                "low": _known(self.within.low),
                "high": _known(self.within.high),
            },
            "absent_centres": {
                "stations": int(absent.sum()),
                "valid": int(self.sheets.valid[absent].sum()),
                "margin_points": self.sheets.margin(absent),
                **self._part(absent),
                "centres": len(np.unique(self.sheets.centre[absent])),
            },
        }

    def _part(self, some: Mask) -> dict[str, float | None]:
        """The gap of some of the missing sheets to the common ones, and what it is of the gap of
        all: the parts of sets that make up the missing sheets add up to the whole gap.
        """
        own, common = self.sheets.margin(some), self.sheets.margin(self.present)
        if own is None or common is None:
            return {"gap_points": None, "part_points": None}
        weight = int(self.sheets.valid[some].sum()) / int(self.sheets.valid[~self.present].sum())
        gap = own - common
        return {"gap_points": round(gap, 6), "part_points": round(weight * gap, 6)}

    def interval(self) -> Interval | None:
        """Of the part within centres; None with fewer than two of them."""
        if np.isnan(self.within.low):
            return None
        return Interval(
            of="shared_centres.within_points",
            level=0.95,
            low=round(self.within.low, 6),
            high=round(self.within.high, 6),
            method="ratio over polling centres, linearised",
        )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def place_words(statistic: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the gap, each beside the gap that it is a part of, for a sentence."""
    shared, absent = statistic["shared_centres"], statistic["absent_centres"]
    low, high = shared["low"], shared["high"]
    rest = "all missing sheets are in such centres"
    if absent["part_points"] is not None:
        gap, part = statistic["gap_points"], absent["part_points"]
        share = 100.0 * part / gap if gap else -1.0
        rest = (
            f"those in centres without any common one ({absent['stations']:,}) differ by"
            f" {points(absent['gap_points'])}, and {points(part)}"
            + (f" ({share:.0f} %)" if 0.0 <= share <= 100.0 else "")
            + f" of the whole gap of {points(gap)} cannot be tested this way"
        )
    return {
        "shared": shared["stations"],
        "shared_gap": points(shared["gap_points"]),
        "within": points(shared["within_points"]),
        "interval": "no interval from so few centres"
        if low is None or high is None
        else f"95 % from {low:.2f} to {high:.2f}".replace("-", "\u2212"),
        "rest": rest,
    }


def points(value: float | None) -> str:
    """Points with two digits, for a sentence."""
    return "not known" if value is None else f"{value:.2f} points".replace("-", "\u2212")
