"""What scores of hands are worth: measured on writers from whom nothing else was learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from training import pens
from training.scanned import scanned
from training.trials import Sheets, Trials, nist, of_scans, trials
from veedor.handwriting.calibration import design, load_manifest
from veedor.handwriting.digits import Digits
from veedor.handwriting.strokes import UNBROKEN
from veedor.images.reader import Reader
from veedor.images.reading import ALTERED, SURE
from veedor.stats.likelihood import Logistic as Fitted
from veedor.stats.likelihood import cllr, fit_logistic, performance, rates_at

__all__ = ["DIGITS", "LAYOUTS", "calibrate", "crossed"]

Ints = NDArray[np.int64]
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


def _trials(sheets: list[Sheets], seed: int, poor: bool | None = None) -> dict[int, Trials]:
    """Trials by number of digits; of pairs with a poorer scan or without one, or of all."""
    found = {}
    for number in DIGITS:
        parts = [trials(one, number, seed + number, draws=2) for one in sheets if len(one.owner)]
        both = Trials.joined(parts)
        both = both if poor is None else both.of(poor=poor)
        if len(np.unique(both.writer)) >= FEWEST:
            found[number] = both
    return found


def calibrate(
    digits: Digits, seed: int, cache: Path, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """The entry `calibration` of the manifest: for each condition what scores are worth.

    A score of a poorer scan (`usable`) is worth what it is on good ones, or less: the logarithm of
    the ratio is multiplied by `shrunk`, which makes the ratios of pairs with a poorer scan, or of
    digits worn without a form, cost least, whichever is smaller; it is 1 at the most. `read_by` is
    the hash of the reader's graph by which digits of scans were read, `described_by` that of the
    network of hands.
    """
    plain, scans, worn = _sheets(digits, seed, cache, say)
    good, poor = _trials(scans, seed, False), _trials(scans, seed, True)
    parts = {"scans": Trials.joined(list(poor.values())),
             "worn": Trials.joined(list(_trials(worn, seed).values()))}  # fmt: skip
    of_good = Trials.joined(list(good.values()))

    def shares(fitted: Fitted, out: Ints) -> dict[str, float]:
        return {name: _share(fitted, part.without(out)) for name, part in parts.items()}

    def shrunk(out: Ints) -> Fitted:
        fitted = _fit(of_good.without(out))
        least = min(1.0, *shares(fitted, out).values())
        return replace(fitted, coefficients=least * fitted.coefficients)

    plainly = _trials(plain, seed)
    joined = Trials.joined(list(plainly.values()))
    found = {
        "matched": _entry(plainly, lambda out: _fit(joined.without(out))),
        "good": _entry(good, lambda out: _fit(of_good.without(out))),
        "usable": _entry(poor, shrunk),
    }
    everybody = shares(_fit(of_good), np.empty(0, dtype=np.int64))
    found["usable"] |= {"shrunk": {n: round(c, 4) for n, c in everybody.items()}}
    # Its coefficients are those of good scans, shrunk.
    found["usable"] |= {"digits": found["good"]["digits"]}
    found["usable"]["table_from"] = (
        "pairs with a scan no better than usable, each calibrated on trials of other writers"
    )
    for name in ("good", "usable"):
        found[name] |= {"read_by": Reader.load().manifest["graph_sha256"]}
        found[name] |= {"described_by": load_manifest()["graph_sha256"]}
        found[name] |= {"read_as": {"sure": SURE, "altered": ALTERED, "unbroken": UNBROKEN}}
    for name, entry in found.items():
        rows = "; ".join(f"{r['digits']}: EER {r['eer']:.3f} Cllr {r['cllr']:.3f}"
                         for r in entry["table"])  # fmt: skip
        say(f"{name}: {entry['coefficients']} {entry.get('shrunk', '')} {rows}")
    return found


def _fit(tried: Trials) -> Fitted:
    return fit_logistic(
        design(tried.same, tried.same_digits), design(tried.different, tried.different_digits)
    )


def _share(fitted: Fitted, tried: Trials) -> float:
    """By what the logarithms of ratios must be multiplied to cost least."""
    same = fitted(design(tried.same, tried.same_digits))
    different = fitted(design(tried.different, tried.different_digits))
    least = minimize_scalar(lambda c: cllr(c * same, c * different), bounds=(0.01, 3.0))
    return float(least.x)


def crossed(tried: Trials, fit: Callable[[Ints], Fitted]) -> tuple[Floats, Floats]:
    """Ratios of all trials, each calibrated on trials of other writers than its own.

    Parameters
    ----------
    fit : what scores are worth, learnt without some writers

    Returns
    -------
    float64, of the pairs of one writer and of two, natural logarithms.
    """
    people = np.unique(np.concatenate([tried.writer, tried.writers.ravel()]))
    order = np.random.default_rng(0).permutation(len(people))
    fold = np.empty(len(people), dtype=np.int64)
    fold[order] = np.arange(len(people)) % FOLDS
    one = fold[np.searchsorted(people, tried.writer)]
    two = np.sort(fold[np.searchsorted(people, tried.writers)], axis=1)
    same, different = np.empty(len(one)), np.empty(len(two))
    left, right = (
        design(tried.same, tried.same_digits),
        design(tried.different, tried.different_digits),
    )
    for f in range(FOLDS):
        for g in range(f, FOLDS):
            fitted = fit(people[np.isin(fold, (f, g))])
            mine = (two == (f, g)).all(axis=1)
            different[mine] = fitted(right[mine])
            if f == g:
                same[one == f] = fitted(left[one == f])
    return same, different


def _entry(by_number: dict[int, Trials], fit: Callable[[Ints], Fitted]) -> dict[str, Any]:
    together = Trials.joined(list(by_number.values()))
    ratios = crossed(together, fit)
    fitted = fit(np.empty(0, dtype=np.int64))
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
