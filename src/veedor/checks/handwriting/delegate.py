"""The digits in a delegate's row against those of the sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from veedor.audit.findings import Interval
from veedor.checks import writers
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.writers import Sheets
from veedor.handwriting.calibration import (
    Calibration,
    calibrations,
    condition_of,
    digits_of,
)
from veedor.handwriting.scorer import Digits, Writing, load_sources, pair_scores
from veedor.stats.exact import proportion_interval
from veedor.stats.plda import Sources

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TEN = float(np.log(10))
ALARM = 0.01
CHANCE = 20_000
"""Pairs of different centres that are compared, to see what chance gives."""
FEWEST = 200
"""Such pairs below which nothing tells what chance gives."""
SUBJECTS = {
    "own-sheet": "the digits of the same sheet",
    "other-sheets": "the digits of other sheets of the centre",
    "rows": "the delegates' rows of other sheets of the centre",
}
SIGNATURE = (
    "No form of the case has digits in a delegate's row that could be compared: a signature shares"
    " no shapes with digits."
)


class Delegate(Check):
    """Compare the digits in a delegate's row with digits of the sheet, and of others.

    Some forms have a row of digits that a party's delegate fills in: a number of an identity card,
    say. Three findings hold it against the digits of the same sheet (`own-sheet`), of the other
    sheets of the centre (`other-sheets`), and the delegates' rows of these (`rows`). A row has few
    digits: about one comparison in ten is on the wrong side, so that no single one is a finding;
    counts of them, against those of rows and sheets of different centres, may be. On one sheet
    *the delegate wrote both* and *the clerk wrote both* cannot be told apart.

    Statistic
    ---------
    rows, few_digits, not_validated : int
        Rows with digits; left out for too few of them; on scans of a condition not validated.
    compared : int
        Pairs of a row and what it is held against.
    digits : float
        Digits of a pair: the median of the harmonic means.
    above : int
        Pairs that one hand explains at least ten times better than two.
    share, low, high : float
        Per cent of the pairs, with limits at 95 %.
    background, expected, p : float
        Per cent of pairs of different centres that are; pairs that chance would give; probability
        of at least as many.
    chance_pairs : int
        Pairs of different centres that were compared.
    condition : {condition, writers, digits, eer, cllr, cllr_min}
        What was measured at the nearest number of digits.

    Uncertainty
    -----------
    Exact (Clopper-Pearson) limits of the share; the p-value is binomial, with the share among pairs
    of different centres taken as known. Pairs of one sheet share a pen and a scan, which those of
    different centres do not; shapes are measured without the pen, yet some of an excess may be
    that. Ratios are capped at 10.

    Source
    ------
    As in handwriting.same-writer; ENFSI, Guideline for evaluative reporting in forensic science
    (2015), for the words.
    """

    title = "The delegates' rows against the sheets"
    asks = (
        "Do digits in the delegates' rows look like those of the sheets more often than by chance?"
    )
    rule = "A delegate writes in the delegate's row, and the table's officials in the rest."
    kind = "control"
    needs = ("glyphs",)
    coverage = ("few_digits", "not_validated")
    heading = "The delegates' rows against {against}"
    sentences = {
        "observed": (
            "In {above} of {compared:comparison|comparisons} of a delegate's row with {against} the"
            " digits are at least ten times more probable if one hand wrote both than if two did;"
            " rows and sheets of different centres lead one to expect {expected:.1f}. Whether"
            " a delegate wrote both or an official did, the digits do not say."
        ),
        "not-observed": (
            "In {above} of {compared:comparison|comparisons} of a delegate's row with {against} the"
            " digits are at least ten times more probable if one hand wrote both than if two did;"
            " rows and sheets of different centres lead one to expect {expected:.1f}. As many by"
            " chance have the probability {p:.2g}."
        ),
        "not-determinable": "{why}",
    }
    benign = (
        Benign(
            "clerk-fills",
            "Whoever completes the sheet writes the delegate's number too, and the delegate signs.",
        ),
        Benign("one-delegate", "One delegate is accredited at several tables of the centre."),
        Benign("same-pen", "Row and sheet share a pen, a table and a scan."),
        Benign(
            "few-digits",
            "A row has few digits, and few digits look alike by chance.",
            "Half of the pairs have at most {digits:.0f} digits, at which {eer:.1f} % of all"
            " comparisons were on the wrong side.",
        ),
    )
    references = ("ENFSI, Guideline for evaluative reporting in forensic science (2015)",)

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Sums of the shapes of digits, by sheet and by who should have written them; sheets."""
        found = writers.measured_digits(evidence)
        return {name: found[name] for name in ("digits", "sheets")}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """Rows against their own sheets, against other sheets, and against other rows."""
        known = calibrations()
        every = writers.read_sheets(measured)
        rows = every.delegate.total > 0
        graded = condition_of(every.grade, every.grade) != ""
        # Below half of what was validated no partner, however long, makes a validated pair.
        least = min(c.least for c in known.values()) // 2 + 1
        enough = every.delegate.total >= least
        counts = {
            "rows": int(rows.sum()),
            "few_digits": int((rows & ~enough).sum()),
            "not_validated": int((rows & enough & ~graded).sum()),
        }
        sheets = every.at(graded)
        both = _Both.of(sheets, load_sources())
        row = np.flatnonzero(sheets.delegate.total >= least)
        for subject, against in SUBJECTS.items():
            yield self._subject(subject, against, counts, both, row, known, context.rng)

    def _subject(
        self,
        subject: str,
        against: str,
        counts: Mapping[str, int],
        both: _Both,
        row: Ints,
        known: Mapping[str, Calibration],
        rng: np.random.Generator,
    ) -> Fact:
        pairs = _pairs(subject, both, row)
        found = both.compared(pairs, known)
        chance = both.compared(_chance(subject, both, row, rng), known)
        statistic = {**counts, **_statistic(found, chance, known)}
        why = _too_little(statistic)
        status: Any = "not-determinable" if why else "not-observed"
        if not why and statistic["above"] and statistic["p"] <= ALARM:
            status = "observed"
        told = not why
        condition = statistic["condition"]
        return self.fact(
            status,
            statistic,
            subject=subject,
            words={"against": against, "why": why},
            p_value=statistic["p"] if told else None,
            interval=Interval(
                of="share",
                level=0.95,
                low=statistic["low"],
                high=statistic["high"],
                method="Clopper-Pearson",
            )
            if told
            else None,
            explanations=self.explain(
                few_digits={"digits": statistic["digits"], "eer": 100 * condition["eer"]}
            )
            if status == "observed"
            else (),
            parameters={"ratio": 10, "alarm": ALARM},
            rows=both.rows(found) if told else None,
        )


@dataclass(frozen=True, slots=True)
class _Compared:
    """Pairs that could be compared; `llr` is capped."""

    pairs: Ints
    llr: Floats
    digits: Floats
    condition: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class _Both:
    """Sheets twice: the clerk's digits at i, the delegate's row at i + number of sheets."""

    sheets: Sheets
    writing: Writing
    model: Sources

    @classmethod
    def of(cls, sheets: Sheets, model: Sources) -> _Both:
        digits = Digits(
            np.concatenate([sheets.clerk.counts, sheets.delegate.counts]),
            np.concatenate([sheets.clerk.sums, sheets.delegate.sums]),
        )
        twice = np.tile(np.arange(len(sheets.sid)), 2)
        return cls(sheets, writers.writing_of(digits, sheets.at(twice), model), model)

    @property
    def number(self) -> int:
        """How many sheets."""
        return len(self.sheets.sid)

    def compared(self, pairs: Ints, known: Mapping[str, Calibration]) -> _Compared:
        """The pairs with digits enough, calibrated by condition."""
        total = self.writing.counts.sum(axis=1)
        digits = digits_of(total[pairs[:, 0]], total[pairs[:, 1]])
        grade = np.tile(self.sheets.grade, 2)
        condition = condition_of(grade[pairs[:, 0]], grade[pairs[:, 1]])
        keep = np.zeros(len(pairs), dtype=bool)
        for name, calibration in known.items():
            keep |= (condition == name) & (digits >= calibration.least)
        pairs, digits, condition = pairs[keep], digits[keep], condition[keep]
        score = pair_scores(self.writing, pairs, self.model)
        llr = np.zeros(len(pairs))
        for name in np.unique(condition).tolist():
            at = condition == name
            ratio = known[name](score[at], digits[at])
            llr[at] = known[name].capped(ratio, digits[at])
        return _Compared(pairs, llr, digits, condition)

    def rows(self, found: _Compared) -> Columns:
        """The pairs: the row's station, what it was held against, and the ratio."""
        row, other = found.pairs[:, 1] % self.number, found.pairs[:, 0]
        return {
            "sid": self.sheets.sid[row],
            "other": self.sheets.station[other % self.number],
            "digits": found.digits,
            "log10_ratio": found.llr / TEN,
            "support": writers.support(found.llr),
        }


def _pairs(subject: str, both: _Both, row: Ints) -> Ints:
    """Positions of what a row is held against, and of the row."""
    n, centre = both.number, both.sheets.centre
    if subject == "own-sheet":
        return np.column_stack([row, row + n])
    found = []
    for one in np.unique(centre[row]).tolist():
        inside = np.flatnonzero(centre == one)
        mine = row[centre[row] == one]
        others = inside if subject == "other-sheets" else mine
        i, j = (a.ravel() for a in np.meshgrid(others, mine, indexing="ij"))
        apart = i != j if subject == "other-sheets" else i < j
        shift = 0 if subject == "other-sheets" else n
        found.append(np.column_stack([i[apart] + shift, j[apart] + n]))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def _chance(subject: str, both: _Both, row: Ints, rng: np.random.Generator) -> Ints:
    """Pairs of the same kind from different centres, drawn at random."""
    n, centre = both.number, both.sheets.centre
    if not len(row):
        return np.empty((0, 2), dtype=np.int64)
    others = row if subject == "rows" else np.arange(n)
    i, j = rng.choice(others, CHANCE), rng.choice(row, CHANCE)
    apart = centre[i] != centre[j]
    shift = n if subject == "rows" else 0
    return np.unique(np.column_stack([i[apart] + shift, j[apart] + n]), axis=0)


def _statistic(
    found: _Compared, chance: _Compared, known: Mapping[str, Calibration]
) -> dict[str, Any]:
    compared, above = len(found.llr), int((found.llr >= TEN - 1e-9).sum())
    low, high = (float(v[0]) for v in proportion_interval(np.array([above]), np.array([compared])))
    share = float((chance.llr >= TEN - 1e-9).mean()) if len(chance.llr) else 0.0
    # One more than was seen in each, so that no share is taken for impossible.
    cautious = (share * len(chance.llr) + 1) / (len(chance.llr) + 1)
    digits = float(np.median(found.digits)) if compared else 0.0
    poor = float((found.condition == "usable").mean()) > 0.5 if compared else False
    name = "usable" if poor else "good"
    entry = known[name].nearest(digits)
    return {
        "compared": compared,
        "digits": digits,
        "above": above,
        "share": 100 * above / max(compared, 1),
        "low": 100 * low,
        "high": 100 * high,
        "background": 100 * share,
        "expected": compared * share,
        "p": float(binom.sf(above - 1, compared, cautious)) if compared else 1.0,
        "chance_pairs": len(chance.llr),
        "condition": {
            "condition": name,
            **{k: entry[k] for k in ("writers", "digits", "eer", "cllr", "cllr_min")},
        },
    }


def _too_little(statistic: Mapping[str, Any]) -> str:
    """Why nothing can be determined; empty where it can."""
    if not statistic["rows"]:
        return SIGNATURE
    if not statistic["compared"]:
        return (
            f"None of {statistic['rows']} delegates' rows has digits enough beside others to"
            " compare."
        )
    if statistic["chance_pairs"] < FEWEST:
        return (
            f"With {statistic['chance_pairs']} pairs of a row and a sheet of different centres,"
            " nothing tells how alike they look by chance."
        )
    return ""
