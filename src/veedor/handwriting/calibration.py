"""From scores to likelihood ratios that mean what they say, and no further than was measured.

Scores of the model of hands are far too sure of themselves. What a score is worth was measured on
writers from whom nothing else was learnt, for each condition of the scans and number of digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError

__all__ = [
    "CONDITIONS",
    "Calibration",
    "Condition",
    "Verbal",
    "calibrations",
    "condition_of",
    "design",
    "digits_of",
    "fingerprint",
    "load_manifest",
    "verbal",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Condition = Literal["matched", "good", "usable"]
CONDITIONS: tuple[Condition, ...] = ("matched", "good", "usable")
"""One pen and one scan for both sheets, known to be; any pens, and two scans of grade good; any
pens, and at least one of the two scans no better than usable."""

FEW = 20
"""Digits below which a ratio is never said to be above 10 or below 1 / 10."""
Verbal = Literal["no support", "weak", "moderate", "moderately strong", "strong", "very strong"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What scores are worth in one condition.

    Attributes
    ----------
    condition : Condition
    coefficients : float64 (4), of `design`
    writers : independent writers on whom it was measured
    least, most : digits a sheet between which coefficients were estimated
    table : measured rates by number of digits; of poorer scans, of pairs with such a one
    quantiles : float64 (q), shares below the ratios that the table lists
    """

    condition: Condition
    coefficients: Floats
    writers: int
    least: int
    most: int
    table: tuple[Mapping[str, Any], ...] = ()
    quantiles: Floats = field(default_factory=lambda: np.empty(0))

    def slope(self, digits: Floats) -> Floats:
        """float64 (n): nats of evidence in one nat of score."""
        far = np.log(np.clip(digits, self.least, self.most))
        found: Floats = np.maximum(self.coefficients[2] + self.coefficients[3] * far, 0.0)
        return found

    def offset(self, digits: Floats) -> Floats:
        """float64 (n): nats that are added for each two that are taken for one."""
        far = np.log(np.clip(digits, self.least, self.most))
        found: Floats = self.coefficients[0] + self.coefficients[1] * far
        return found

    def __call__(self, score: Floats, digits: Floats) -> Floats:
        """Calibrated log likelihood ratios of pairs, natural logarithms, without a cap.

        Parameters
        ----------
        score : float64 (n), natural logarithms
        digits : float64 (n), of the pair, by `digits_of`; NaN is returned below `least`
        """
        found: Floats = self.offset(digits) + self.slope(digits) * score
        return np.where(digits < self.least, np.nan, found)

    def nearest(self, digits: float) -> Mapping[str, Any]:
        """What was measured at the number of digits nearest to `digits`."""
        return min(self.table, key=lambda row: abs(np.log(row["digits"] / max(digits, 1))))

    def cap(self, digits: Floats) -> Floats:
        """float64 (n): the greatest natural logarithm that may be said, either way.

        A ratio beyond the number of writers on whom it was measured is extrapolation.
        """
        found: Floats = np.full(len(digits), np.log(float(self.writers)))
        found[digits < FEW] = np.log(10.0)
        return found

    def capped(self, llr: Floats, digits: Floats) -> Floats:
        """Log likelihood ratios, no farther from 0 than can be said."""
        cap = self.cap(digits)
        found: Floats = np.clip(llr, -cap, cap)
        return found


def digits_of(first: Ints, second: Ints) -> Floats:
    """Digits of a pair of sheets: the harmonic mean of both numbers."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    found: Floats = 2 * a * b / np.maximum(a + b, 1)
    return found


def design(score: Floats, digits: Floats) -> Floats:
    """float64 (n, 4): what a calibrated ratio is linear in: 1, log digits, score, their product."""
    far = np.log(digits)
    return np.column_stack([np.ones_like(score), far, score, score * far])


def condition_of(first: NDArray[np.str_], second: NDArray[np.str_]) -> NDArray[np.str_]:
    """The condition of pairs of scans by their grades; empty where it was not validated."""
    known = np.isin(first, ("good", "usable")) & np.isin(second, ("good", "usable"))
    both = (first == "good") & (second == "good")
    return np.where(~known, "", np.where(both, "good", "usable"))


@cache
def load_manifest() -> Mapping[str, Any]:
    """What the model of hands was learnt and calibrated on, and what was measured.

    Raises
    ------
    VeedorError
        The installation lacks the file.
    """
    place = resources.files("veedor.handwriting") / "models" / "writer.json"
    try:
        found: Mapping[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise VeedorError(
            "the calibration of hands is missing from this installation",
            place=str(place),
            remedy="Install veedor anew, or make it with `make models`.",
        ) from error
    return found


def calibrations(manifest: Mapping[str, Any] | None = None) -> dict[str, Calibration]:
    """The validated conditions, by name."""
    entries = (manifest or load_manifest())["calibration"]
    return {
        name: Calibration(
            condition=name,
            coefficients=np.array(entry["coefficients"], dtype=np.float64),
            writers=int(entry["writers"]),
            least=int(entry["digits"][0]),
            most=int(entry["digits"][1]),
            table=tuple(entry["table"]),
            quantiles=np.array(entry["quantiles"], dtype=np.float64),
        )
        for name, entry in entries.items()
    }


def fingerprint(manifest: Mapping[str, Any] | None = None) -> str:
    """SHA-256 of all that says what scores are worth, in hexadecimal digits."""
    entries = (manifest or load_manifest())["calibration"]
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def verbal(llr: float) -> Verbal:
    """The words for a natural log likelihood ratio, for or against, by ENFSI's scale.

    Source: ENFSI, Guideline for evaluative reporting in forensic science (2015), table 1.
    """
    size = abs(llr) / np.log(10)
    words: tuple[tuple[float, Verbal], ...] = (
        (np.log10(2), "no support"),
        (1, "weak"),
        (2, "moderate"),
        (3, "moderately strong"),
        (4, "strong"),
    )
    return next((word for limit, word in words if size < limit), "very strong")
