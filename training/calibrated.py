"""What scores of hands are worth: measured on writers from whom nothing else was learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from training import pens
from training.scanned import scanned
from training.trials import Sheets, Trials, nist, of_scans, trials
from veedor.handwriting.calibration import design
from veedor.handwriting.digits import Digits
from veedor.stats.likelihood import fit_logistic, performance, rates_at

__all__ = ["DIGITS", "LAYOUTS", "calibrate"]

DIGITS = (8, 10, 15, 20, 30, 40, 50)
LAYOUTS = ("column", "pair", "strip", "table")
"""Forms on which digits for calibration are written; none of those kept for tests."""
QUANTILES = np.concatenate([[0.001, 0.01], np.linspace(0.05, 0.95, 19), [0.99, 0.999]])
TURNS = {"scans": 1, "mixed": 2}
FEWEST = 30
"""Writers with which a number of digits is measured at all."""


def _sheets(
    digits: Digits, seed: int, cache: Path, say: Callable[[str], None]
) -> dict[str, list[Sheets]]:
    plain = [nist(digits, lambda side, rng: pens.plain(), seed + k, far=k == 0) for k in (0, 1)]
    families = {"scans": ("scan",), "mixed": ("scan", "photo")}
    scans, mixed = (
        scanned(digits, LAYOUTS, families[name], TURNS[name], seed + k,
                file=cache / f"calibration-{name}.npz", say=say)
        for k, name in enumerate(families)
    )  # fmt: skip
    return {
        "matched": plain,
        "good": [of_scans(scans, ("scan", "scan")), of_scans(mixed, ("scan", "scan"))],
        "usable": [of_scans(mixed, ("scan", "photo")), of_scans(mixed, ("photo", "photo"))],
    }


def calibrate(
    digits: Digits, seed: int, cache: Path, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """The entry `calibration` of the manifest: for each condition what scores are worth."""
    found: dict[str, Any] = {}
    for condition, sheets in _sheets(digits, seed, cache, say).items():
        by_number = {}
        for number in DIGITS:
            parts = [
                trials(one, number, seed + number, draws=2) for one in sheets if len(one.owner)
            ]
            both = Trials.joined(parts)
            if len(np.unique(both.writer)) >= FEWEST:
                by_number[number] = both
        found[condition] = _entry(by_number)
        rows = "; ".join(f"{r['digits']}: EER {r['eer']:.3f} Cllr {r['cllr']:.3f}"
                         for r in found[condition]["table"])  # fmt: skip
        say(f"{condition}: {rows}")
    return found


def _entry(by_number: dict[int, Trials]) -> dict[str, Any]:
    together = Trials.joined(list(by_number.values()))
    fitted = fit_logistic(
        design(together.same, together.same_digits),
        design(together.different, together.different_digits),
    )
    table = []
    for number, one in by_number.items():
        same = fitted(design(one.same, one.same_digits))
        different = fitted(design(one.different, one.different_digits))
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
        "quantiles": QUANTILES.round(4).tolist(),
        "table": table,
    }
