"""Early and late sheets as plain arrays: what the checks of flow and trend share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.tables import cell
from veedor.checks import paired
from veedor.checks.base import Columns, Context, Evidence
from veedor.checks.paired import Ints, Mask, Standing
from veedor.checks.recorded import known, whole
from veedor.contest.margins import slack
from veedor.stats.composition import predict

Floats = NDArray[np.float64]
HUGE = 1 << 40
"""More votes than people: such a sheet is left out, lest its number drown all others."""


def measure(evidence: Evidence) -> dict[str, ir.Table]:
    """The counted official sheets with their time and place, and the official totals."""
    return {"timed": evidence.timed(), "totals": paired.totals(evidence)}


@dataclass(frozen=True, slots=True)
class Stream:
    """n official sheets with at least one valid vote, ordered by station number.

    Attributes
    ----------
    options : tuple of str
    votes : int64 (n, options)
    sid, lead, valid : int64 (n)
        `lead` is the winner's votes less the runner-up's.
    late : bool (n)
        Not published before the cut; all False where nothing tells.
    known : bool
        Whether something tells.
    t : float64 (n)
        UTC seconds of the main stage, NaN where never stamped.
    registered : float64 (n), NaN where not known
    cells : mapping of level to int64 (n)
    place_class, state : object (n), None where not known
    history : float64 (n)
        Points of the same lead in the earlier election at the sheet's place, NaN where not known.
    history_valid : float64 (n)
        Valid votes there then, NaN where not known.
    without_votes, too_large : int
        Sheets left out: without a valid vote, or with more votes than there are people.
    standing : Standing
    slack, clause : float, str
        Votes by which the outcome's binding clause holds, and that clause.
    elected : bool
        Whether the outcome elects `standing.winner`; False for a run-off, seats or a tie, where it
        is only the option with most votes.
    """

    sid: Ints
    options: tuple[str, ...]
    votes: Ints
    lead: Ints
    valid: Ints
    late: Mask
    known: bool
    t: Floats
    registered: Floats
    cells: Mapping[str, Ints]
    place_class: NDArray[Any]
    state: NDArray[Any]
    latitude: Floats
    longitude: Floats
    history: Floats
    history_valid: Floats
    without_votes: int
    too_large: int
    standing: Standing
    slack: float
    clause: str
    elected: bool

    @classmethod
    def of(cls, measured: Mapping[str, Columns], context: Context) -> Stream | None:
        """The stream in the rows that `measure` collected; None where nobody leads."""
        rows = measured["timed"]
        standing = Standing.of(measured["totals"], context)
        if standing is None:
            return None
        options = context.options
        first, second = options.index(standing.winner), options.index(standing.runner_up)
        valid = whole(rows["valid"])
        keep = (valid > 0) & (valid < HUGE)
        votes = np.stack([whole(rows[f"v{i}"]) for i in range(len(options))], axis=1)[keep]
        early = rows["early"][keep]
        tells = np.array([value is not None for value in early.tolist()], dtype=bool)
        return cls(
            sid=rows["sid"][keep].astype(np.int64),
            options=options,
            votes=votes,
            lead=votes[:, first] - votes[:, second],
            valid=valid[keep],
            late=np.array([value is not None and not value for value in early.tolist()], bool),
            known=bool(tells.all()) and len(tells) > 0,
            t=known(rows["t"])[keep],
            registered=known(rows["registered"])[keep],
            cells={n: whole(rows[cell(n)])[keep] for n in context.case.geography},
            place_class=rows["place_class"][keep],
            state=rows["state"][keep],
            latitude=known(rows["latitude"])[keep],
            longitude=known(rows["longitude"])[keep],
            history=_earlier(rows, first, second)[keep],
            history_valid=known(rows["h_valid"])[keep],
            without_votes=int((valid <= 0).sum()),
            too_large=int((valid >= HUGE).sum()),
            standing=standing,
            **_slack(measured["totals"], context),
        )

    @property
    def centre(self) -> Ints:
        """int64 (n): the innermost level."""
        return self.cells[list(self.cells)[-1]]

    @property
    def needed_lead(self) -> float | None:
        """Votes of lead over the runner-up that the winner needs; None where nobody is elected, or
        where the outcome rests on something else, such as a majority.
        """
        # Of a run-off, too, a clause is called `first`: that the second is ahead of the third.
        if not self.elected or self.clause not in ("lead", "first"):
            return None
        return float(self.lead.sum()) - self.slack

    @property
    def total(self) -> int:
        """Valid votes of all sheets that are kept."""
        return int(self.valid.sum())

    def of_option(self, option: str) -> Ints:
        """int64 (n): votes of an option."""
        return self.votes[:, self.options.index(option)]

    def margin(self, some: Mask | slice = slice(None)) -> float | None:
        """Lead of some sheets in points of their valid votes."""
        base = int(self.valid[some].sum())
        return 100.0 * int(self.lead[some].sum()) / base if base else None

    def group(self, some: Mask) -> dict[str, Any]:
        """How many sheets, valid votes and points a set has."""
        return {
            "sheets": int(some.sum()),
            "valid": int(self.valid[some].sum()),
            "margin_points": self.margin(some),
        }

    def history_margin(self, some: Mask) -> float | None:
        """Points of the lead in the earlier election at these sheets' places, each place with the
        valid votes that the sheets have now; None where no place is known.
        """
        there = some & ~np.isnan(self.history)
        base = float(self.valid[there].sum())
        return float((self.history * self.valid)[there].sum()) / base if base else None

    def class_codes(self) -> Ints | None:
        """int64 (n): the class of the place; None where no sheet has one."""
        words = np.array(["" if w is None else str(w) for w in self.place_class.tolist()])
        found = np.unique(words, return_inverse=True)[1].astype(np.int64)
        return found if (words != "").any() else None


def _earlier(rows: Columns, first: int, second: int) -> Floats:
    return np.asarray(100.0 * (known(rows[f"h{first}"]) - known(rows[f"h{second}"])))


def _slack(totals: Columns, context: Context) -> dict[str, Any]:
    sums = {name: int(values[0]) for name, values in totals.items()}
    votes = [sums[f"v{i}"] for i in range(len(context.options))]
    rule = context.case.contest_rule
    counts = (votes, sums["blank"], sums["null"], sums["registered"] or None)
    found = slack(rule, *counts)
    return {
        "slack": float(found.value),
        "clause": found.clause,
        "elected": rule.decide(*counts).winner is not None,
    }


def points(value: float | None, digits: int = 2) -> str:
    """Points for a sentence."""
    return "not known" if value is None else f"{value:.{digits}f} points".replace("-", "\u2212")


def span(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval for a sentence."""
    if low is None or high is None or not np.isfinite(low + high):
        return "no interval from so few centres"
    return f"95 % from {low:.{digits}f} to {high:.{digits}f}".replace("-", "\u2212")


def rounded(value: float | None, digits: int = 6) -> float | None:
    """A number for a statistic; None where it is not known."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


def expected(stream: Stream, some: Mask, others: Mask) -> dict[str, Any]:
    """A set of sheets beside what other sheets of the same centres predict for them.

    Parameters
    ----------
    some, others : bool (n)
        The set, and the sheets that predict it; no sheet is in both.

    Returns
    -------
    `compared`: sheets of the set in centres that have some of the others; their `actual_points`,
    `predicted_points`, `unexplained_points` with `low` and `high`, and `unexplained_votes`.
    """
    keep = some | others
    centre = stream.centre[keep]
    found = predict(centre, some[keep], stream.lead[keep], stream.valid[keep], centre)
    if found is None:
        empty = ("actual", "predicted", "unexplained")
        return {"compared": 0, **{f"{name}_points": None for name in empty}}
    return {
        "compared": found.sheets,
        "actual_points": rounded(found.actual),
        "predicted_points": rounded(found.predicted),
        "unexplained_points": rounded(found.unexplained),
        "low": rounded(found.low),
        "high": rounded(found.high),
        "unexplained_votes": rounded(found.votes, 1),
    }


def by_class(stream: Stream, some: Mask) -> list[dict[str, Any]]:
    """The sheets of a set in each class of place, most first."""
    words = np.array(["" if w is None else str(w) for w in stream.place_class[some].tolist()])
    names, counts = np.unique(words, return_counts=True)
    order = np.lexsort((names, -counts))
    return [{"class": str(names[i]) or None, "sheets": int(counts[i])} for i in order if len(names)]


def described(stream: Stream, some: Mask, others: Mask) -> dict[str, Any]:
    """A set of sheets: its size and margin, the prediction of its centres, the earlier election
    at its places, and the classes of these.
    """
    return {
        **stream.group(some),
        **expected(stream, some, others & ~some),
        "history_points": rounded(stream.history_margin(some)),
        "classes": by_class(stream, some),
    }
