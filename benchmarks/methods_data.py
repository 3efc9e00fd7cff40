"""Numbers of the page on methods that are computed from the published data, each in one function.

What others published is recomputed by the way that gives their number as nearly as the data allow,
then by the other way. Nothing here is part of an audit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from veedor.engine.evidence import Evidence
from veedor.engine.verbs import collect

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

WINNER, RUNNER_UP = "MAS", "CC"


@dataclass(frozen=True, slots=True)
class Count:
    """The n official sheets with valid votes, ordered by station.

    `lead` and `valid` are votes; `t` seconds UTC of the preliminary count's verification, NaN where
    it never came; `late` not published at the stop; `before` points of yes less no in 2016 at the
    place, NaN where it is not matched; `cells` by level; `names` of places by level.
    """

    lead: Floats
    valid: Floats
    first: Floats
    second: Floats
    t: Floats
    late: Mask
    before: Floats
    state: NDArray[Any]
    cells: dict[str, Ints]
    names: dict[str, NDArray[Any]]
    stop: float

    @classmethod
    def of(cls, evidence: Evidence) -> Count:
        """The sheets in the evidence of the case."""
        case = evidence.case
        rows = collect(evidence.timed())
        some = rows["valid"] > 0
        rows = {name: values[some] for name, values in rows.items()}
        order = list(case.option_ids)
        votes = {o: rows[f"v{order.index(o)}"].astype(float) for o in (WINNER, RUNNER_UP)}
        past = {o: rows[f"h{order.index(o)}"].astype(float) for o in (WINNER, RUNNER_UP)}
        described = evidence.describe(rows["sid"])
        assert case.cut is not None
        return cls(
            lead=votes[WINNER] - votes[RUNNER_UP],
            valid=rows["valid"].astype(float),
            first=votes[WINNER],
            second=votes[RUNNER_UP],
            t=rows["t"].astype(float),
            late=~rows["early"].astype(bool),
            before=100.0 * (past[WINNER] - past[RUNNER_UP]),
            state=rows["state"],
            cells={level: rows[f"cell_{level}"] for level in case.geography},
            names={level: described[level] for level in case.geography},
            stop=case.cut.at.timestamp(),
        )

    def margin(self, some: Any) -> float:
        """Points of the valid votes of some sheets."""
        return float(100.0 * self.lead[some].sum() / self.valid[some].sum())

    @property
    def points(self) -> Floats:
        """Lead of each sheet in points."""
        return np.asarray(100.0 * self.lead / self.valid)

    def stamped(self) -> Ints:
        """Positions of the sheets that the preliminary count verified, in order of time."""
        at = np.flatnonzero(~np.isnan(self.t))
        return at[np.argsort(self.t[at], kind="stable")]


def recomputed(evidence: Evidence, published: Mapping[str, float]) -> dict[str, float]:
    """All numbers, by name; `published` are those that sources state, by entry and name."""
    count = Count.of(evidence)
    zone = evidence.case.zone
    parts = (
        whole(count),
        clock(count, zone),
        tail(count),
        baseline(count),
        smoothers(count),
        regressions(count),
        place_names(count),
        pre_trend(count),
        splits(count),
        projection(count),
        arithmetic(count, published),
    )
    return {name: float(value) for part in parts for name, value in part.items()}


def whole(count: Count) -> dict[str, float]:
    everything = np.ones(len(count.lead), dtype=bool)
    return {
        "whole.margin": count.margin(everything),
        "whole.late_margin": count.margin(count.late),
        "whole.early_margin": count.margin(~count.late),
        "whole.late": count.late.sum(),
    }


def clock(count: Count, zone: dt.tzinfo) -> dict[str, float]:
    """The last 5 % of valid votes in order of time, and in the order of a twelve-hour text."""
    at = count.stamped()
    texts = np.array(
        [dt.datetime.fromtimestamp(t, zone).strftime("%Y-%m-%d %I:%M:%S") for t in count.t[at]]
    )
    ways = {"by_time": at, "by_text": at[np.argsort(texts, kind="stable")]}
    found: dict[str, float] = {}
    for name, order in ways.items():
        done = np.cumsum(count.valid[order]) / count.valid[order].sum()
        last = order[done > 0.95]
        found[f"clock.last_{name}"] = count.margin(last)
    found["clock.backwards"] = (np.diff(count.t[ways["by_text"]]) < 0).sum()
    return found


def tail(count: Count) -> dict[str, float]:
    """The sheets that the preliminary count never finished, and the last 5 % with and without."""
    never = np.array([s is not None for s in count.state.tolist()])
    at = count.stamped()
    rest = np.flatnonzero(np.isnan(count.t))
    done = np.cumsum(count.valid[at]) / count.valid.sum()
    last = np.concatenate([at[done > 0.95], rest])
    own = predicted(count, count.cells["centre"], never)
    return {
        "tail.sheets": never.sum(),
        "tail.share": 100.0 * never.mean(),
        "tail.margin": count.margin(never),
        "tail.awaiting": (count.state == "awaiting-approval").sum(),
        "tail.comparable_margin": own["actual"],
        "tail.predicted_margin": own["predicted"],
        "tail.last_with": count.margin(last),
    }


def baseline(count: Count) -> dict[str, float]:
    at = count.stamped()
    done = np.cumsum(count.valid[at]) / count.valid[at].sum()
    return {
        "baseline.first_95": count.margin(at[done <= 0.95]),
        "baseline.before": count.margin(at[(done > 0.90) & (done <= 0.95)]),
        "baseline.last": count.margin(at[done > 0.95]),
    }


def smoothers(count: Count) -> dict[str, float]:
    """The jump at the stop over the ranks of sheets, weighted by valid votes, triangular kernel."""
    at = count.stamped()
    after = count.t[at] > count.stop
    rank = 100.0 * (np.arange(len(at)) + 0.5 - (~after).sum()) / len(at)
    y, found = count.points[at], {}
    for width in (1, 2, 5, 10, 15):
        weight = count.valid[at] * np.maximum(1.0 - np.abs(rank) / width, 0.0)
        for name, slope in (("constant", False), ("linear", True)):
            columns = [np.ones(len(at)), after.astype(float)]
            columns += [rank, rank * after] if slope else []
            found[f"smoother.{name}_{width}"] = _fit(np.column_stack(columns), y, weight)[1]
    return found


def _fit(x: Floats, y: Floats, weight: Floats) -> Floats:
    weighted = x * weight[:, None]
    return np.asarray(np.linalg.solve(weighted.T @ x, weighted.T @ y))


def regressions(count: Count) -> dict[str, float]:
    """On 'not published at the stop', sheets alike or weighted by votes, with fixed effects."""
    found: dict[str, float] = {"regression.sheets": len(count.lead)}
    shares = {
        "second": 100.0 * count.second / count.valid,
        "first": 100.0 * count.first / count.valid,
        "margin": count.points,
    }
    alike = np.ones(len(count.lead))
    for name, y in shares.items():
        found[f"regression.{name}"] = _difference(y, count.late, alike)
    found["regression.margin_weighted"] = _difference(count.points, count.late, count.valid)
    for level in ("municipality", "locality", "centre"):
        code = count.cells[level]
        for way, weight in (("", alike), ("_weighted", count.valid)):
            y, x = (_within(v, code, weight) for v in (count.points, count.late.astype(float)))
            found[f"regression.{level}{way}"] = float((weight * x) @ y / ((weight * x) @ x))
    return found


def _difference(y: Floats, late: Mask, weight: Floats) -> float:
    one, other = (float(np.average(y[m], weights=weight[m])) for m in (late, ~late))
    return one - other


def _within(values: Floats, code: Ints, weight: Floats) -> Floats:
    sums = np.bincount(code, weight)
    return np.asarray(
        values - (np.bincount(code, weight * values) / np.maximum(sums, 1e-300))[code]
    )


def place_names(count: Count) -> dict[str, float]:
    """How many places the full path tells apart, and how many a shorter name does."""
    names = {level: count.names[level].astype(str) for level in count.names}

    def distinct(*levels: str) -> int:
        return len(set(zip(*(names[level].tolist() for level in levels), strict=True)))

    return {
        "names.localities": len(np.unique(count.cells["locality"])),
        "names.localities_short": distinct("department", "locality"),
        "names.centres": len(np.unique(count.cells["centre"])),
        "names.centres_short": distinct("municipality", "centre"),
    }


def pre_trend(count: Count) -> dict[str, float]:
    """2019 less 2016 by tenth of the order before the stop, where the place is matched."""
    at = count.stamped()
    at = at[(count.t[at] <= count.stop) & ~np.isnan(count.before[at])]
    parts = np.array_split(at, 10)
    changes = [count.margin(p) - np.average(count.before[p], weights=count.valid[p]) for p in parts]
    return {"trend.first_tenth": changes[0], "trend.eighth_tenth": changes[7]}


def splits(count: Count) -> dict[str, float]:
    """Early against late margins of centres with both, by who won the early, the late part, or the
    mean of both.
    """
    code, late = count.cells["centre"], count.late
    lead, valid = (
        [np.bincount(code, v * m) for m in (~late, late)] for v in (count.lead, count.valid)
    )
    both = (valid[0] > 0) & (valid[1] > 0)
    early, after = (100.0 * a[both] / b[both] for a, b in zip(lead, valid, strict=True))
    found: dict[str, float] = {"split.centres": both.sum()}
    found["split.all_p"] = ks_2samp(early, after).pvalue
    for name, key in (("early", early), ("late", after), ("mean", (early + after) / 2)):
        for side, some in (("first", key > 0), ("second", key < 0)):
            found[f"split.{name}_{side}_p"] = ks_2samp(early[some], after[some]).pvalue
            found[f"split.{name}_{side}_change"] = (after[some] - early[some]).mean()
            found[f"split.{name}_{side}_centres"] = some.sum()
    return found


def predicted(count: Count, code: Ints, late: Mask) -> dict[str, float]:
    """The late sheets of cells with other ones: their margin, and what the others predict."""
    lead, valid = (np.bincount(code, v * ~late) for v in (count.lead, count.valid))
    some = late & (valid[code] > 0)
    rate = np.divide(lead, valid, out=np.zeros(len(lead)), where=valid > 0)
    expected = float((rate[code] * count.valid)[some].sum())
    return {
        "sheets": float(some.sum()),
        "actual": count.margin(some),
        "predicted": 100.0 * expected / float(count.valid[some].sum()),
    }


def projection(count: Count) -> dict[str, float]:
    """The final margin from the early sheets alone: each late sheet votes as the early ones of the
    smallest place that has any.
    """
    votes = np.where(count.late, np.nan, count.lead)
    for level in ("centre", "locality", "municipality", "province", "department", "country"):
        code = count.cells[level]
        lead, valid = (np.bincount(code, v * ~count.late) for v in (count.lead, count.valid))
        open_ = np.isnan(votes) & (valid[code] > 0)
        votes[open_] = (count.valid * lead[code] / np.maximum(valid[code], 1.0))[open_]
    total = float(count.valid.sum())
    found = {"projection.final": 100.0 * float(np.nansum(votes)) / total}
    for level in ("department", "municipality", "centre"):
        one = predicted(count, count.cells[level], count.late)
        found[f"projection.{level}_gap"] = one["actual"] - one["predicted"]
    lone = np.bincount(count.cells["centre"], ~count.late)[count.cells["centre"]] == 0
    found["projection.lone_sheets"] = lone.sum()
    found["projection.lone_margin"] = count.margin(lone)
    return found


def arithmetic(count: Count, published: Mapping[str, float]) -> dict[str, float]:
    """What published numbers are of the whole, and what is left of the lead without them."""
    first = published["sample.found"] / published["sample.examined"]
    final = published["sample.final"] / published["sample.final_examined"]
    lead = float(count.lead.sum()) - published["mebane.votes"]
    return {
        "sample.first_percent": 100.0 * first,
        "sample.final_percent": 100.0 * final,
        "sample.count_percent": 100.0 * published["sample.final"] / len(count.lead),
        "mebane.margin": 100.0 * lead / float(count.valid.sum()),
    }
