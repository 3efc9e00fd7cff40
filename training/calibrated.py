"""What scores of hands are worth: measured on writers from whom nothing else was learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import pens
from training.scanned import scanned
from training.trials import Sheets, Trials, nist, of_scans, trials
from veedor.handwriting.calibration import design
from veedor.handwriting.digits import Digits
from veedor.images.reader import Reader
from veedor.stats.likelihood import fit_logistic, performance, rates_at

__all__ = ["DIGITS", "LAYOUTS", "calibrate", "crossed"]

Floats = NDArray[np.float64]

DIGITS = (8, 10, 15, 20, 30, 40, 50)
LAYOUTS = ("column", "pair", "strip", "table")
"""Forms on which digits for calibration are written; none of those kept for tests."""
QUANTILES = np.concatenate([[0.001, 0.01], np.linspace(0.05, 0.95, 19), [0.99, 0.999]])
TURNS = {"scans": 1, "mixed": 2}
FEWEST = 30
"""Writers with which a number of digits is measured at all."""
FOLDS = 5


FAMILIES = {"scans": ("scan",), "mixed": ("scan", "photo")}


def _sheets(
    digits: Digits, seed: int, cache: Path, say: Callable[[str], None]
) -> tuple[list[Sheets], list[Sheets], list[Sheets]]:
    """Sheets as NIST's forms have them, as they are scanned, and worn without a form."""
    plain = [nist(digits, lambda side, rng: pens.plain(), seed + k, far=k == 0) for k in (0, 1)]
    worn = [nist(digits, _worn, seed + k, far=k == 0) for k in (0, 1)]
    scans = [
        of_scans(
            scanned(digits, LAYOUTS, families, TURNS[name], seed + k,
                    file=cache / f"calibration-{name}.npz", say=say)
        )
        for k, (name, families) in enumerate(FAMILIES.items())
    ]  # fmt: skip
    return plain, scans, worn


def _worn(side: int, rng: np.random.Generator) -> pens.Condition:
    """Another pen and scan on each side, of which the second is worse."""
    return (pens.draw_condition, pens.draw_worn)[side](rng)


def _trials(sheets: list[Sheets], seed: int, *, good: bool) -> dict[int, Trials]:
    """Trials by number of digits, of all pairs or of those of good scans alone."""
    found = {}
    for number in DIGITS:
        parts = [trials(one, number, seed + number, draws=2) for one in sheets if len(one.owner)]
        both = Trials.joined(parts)
        both = both.of(poor=False) if good else both
        if len(np.unique(both.writer)) >= FEWEST:
            found[number] = both
    return found


def calibrate(
    digits: Digits, seed: int, cache: Path, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """The entry `calibration` of the manifest: for each condition what scores are worth.

    What a poorer scan is worth is measured on good ones too, and on digits worn without a form:
    the poor ones among the scans are mostly of one form, and tell hands apart better than others
    may. `read_by` is the hash of the reader's graph by which digits of scans were read.
    """
    plain, scans, worn = _sheets(digits, seed, cache, say)
    found: dict[str, Any] = {}
    for condition, sheets, good in (
        ("matched", plain, True),
        ("good", scans, True),
        ("usable", [*scans, *worn], False),
    ):
        found[condition] = _entry(_trials(sheets, seed, good=good))
        if sheets is not plain:
            found[condition] |= {"read_by": Reader.load().manifest["graph_sha256"]}
        rows = "; ".join(f"{r['digits']}: EER {r['eer']:.3f} Cllr {r['cllr']:.3f}"
                         for r in found[condition]["table"])  # fmt: skip
        say(f"{condition}: {rows}")
    return found


def crossed(trials: Trials) -> tuple[Floats, Floats]:
    """Ratios of all trials, each calibrated on trials of other writers than its own.

    Returns
    -------
    float64, of the pairs of one writer and of two, natural logarithms.
    """
    people = np.unique(np.concatenate([trials.writer, trials.writers.ravel()]))
    order = np.random.default_rng(0).permutation(len(people))
    fold = np.empty(len(people), dtype=np.int64)
    fold[order] = np.arange(len(people)) % FOLDS
    one = fold[np.searchsorted(people, trials.writer)]
    two = np.sort(fold[np.searchsorted(people, trials.writers)], axis=1)
    same, different = np.empty(len(one)), np.empty(len(two))
    left, right = (
        design(trials.same, trials.same_digits),
        design(trials.different, trials.different_digits),
    )
    for f in range(FOLDS):
        for g in range(f, FOLDS):
            out = np.isin(two, (f, g)).any(axis=1)
            fitted = fit_logistic(left[~np.isin(one, (f, g))], right[~out])
            mine = (two == (f, g)).all(axis=1)
            different[mine] = fitted(right[mine])
            if f == g:
                same[one == f] = fitted(left[one == f])
    return same, different


def _entry(by_number: dict[int, Trials]) -> dict[str, Any]:
    together = Trials.joined(list(by_number.values()))
    fitted = fit_logistic(
        design(together.same, together.same_digits),
        design(together.different, together.different_digits),
    )
    ratios = crossed(together)
    ends = (
        np.cumsum([len(t.same) for t in by_number.values()])[:-1],
        np.cumsum([len(t.different) for t in by_number.values()])[:-1],
    )
    parts = (np.split(r, e) for r, e in zip(ratios, ends, strict=True))
    table = []
    for (number, one), same, different in zip(by_number.items(), *parts, strict=True):
        got = performance(same, different)
        table.append(
            {
                "digits": number,
                "writers": len(np.unique(one.writer)),
                "eer": round(got.eer, 5),
                "cllr": round(got.cllr, 5),
                "cllr_min": round(got.cllr_min, 5),
                "misleading": [
                    [r.threshold, round(r.different_above, 6), round(r.same_below, 6)]
                    for r in rates_at(same, different)
                ],
                "same": np.quantile(same, QUANTILES).round(3).tolist(),
                "different": np.quantile(different, QUANTILES).round(3).tolist(),
            }
        )
    return {
        "coefficients": [round(float(c), 6) for c in fitted.coefficients],
        "writers": len(np.unique(together.writer)),
        "digits": [min(by_number), max(by_number)],
        "table_from": "each pair calibrated on trials of other writers",
        "quantiles": QUANTILES.round(4).tolist(),
        "table": table,
    }
