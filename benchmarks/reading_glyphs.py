"""How digits of unseen writers are read one by one, as NIST gives them and drawn anew and worn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from training.ink import GOOD, USABLE, plain
from training.measures import Rate, calibration_error, error_at_coverage, over_writers
from training.samples import Samples, sampled

from veedor.handwriting.digits import Digits
from veedor.images.reader import Reader, Reads
from veedor.images.sheet import CLASSES

__all__ = ["COVERAGES", "altered", "confusion", "plain_samples", "reading", "spread"]

COVERAGES = (0.995, 0.99, 0.98, 0.95, 0.90)
FIELDS = 40
"""Three-digit fields drawn for each writer."""
Positions = NDArray[np.int64]


def plain_samples(digits: Digits) -> Samples:
    """Digits as NIST gives them."""
    glyph = np.stack([plain(image) for image in digits.image])
    none = np.zeros(len(glyph), np.bool_)
    return Samples(glyph, digits.digit, none, digits.digit, digits.writer)


def _fields(right: NDArray[np.bool_], writer: NDArray[np.int64], rng: Generator) -> Any:
    """Fields of three digits of one writer: (fields,) all right, and whose they are."""
    all_right, whose = [], []
    for one in np.unique(writer):
        at = np.flatnonzero(writer == one)
        some = rng.choice(at, (FIELDS, 3))
        all_right.append(right[some].all(axis=1))
        whose.append(np.full(FIELDS, one))
    return np.concatenate(all_right), np.concatenate(whose)


def reading(samples: Samples, reads: Reads, rng: Generator) -> Iterator[tuple[str, Rate]]:
    """Rates of clean digits, with intervals over writers."""
    p, right = reads.p.max(axis=1), reads.p.argmax(axis=1) == samples.label

    def rate(statistic: Callable[[Positions], float]) -> Rate:
        return over_writers(samples.writer, statistic, rng)

    yield "right", rate(lambda i: float(right[i].mean()))
    yield "calibration error (ECE, 15 bins)", rate(lambda i: calibration_error(p[i], right[i]))
    for coverage in COVERAGES:
        name = f"wrong among the surest {coverage:.1%}"
        yield name, rate(lambda i, c=coverage: error_at_coverage(p[i], right[i], c))  # type: ignore[misc]
    all_right, whose = _fields(right, samples.writer, rng)
    yield (
        "fields of three digits wrong",
        over_writers(whose, lambda i: float(1 - all_right[i].mean()), rng),
    )
    yield (
        "taken for struck or written over",
        rate(lambda i: float((reads.altered[i] >= 0.5).mean())),
    )


def spread(samples: Samples, reads: Reads) -> dict[str, float]:
    """How errors lie among writers."""
    wrong = reads.p.argmax(axis=1) != samples.label
    _, whose = np.unique(samples.writer, return_inverse=True)
    rates = np.bincount(whose, wrong) / np.bincount(whose)
    return {
        "writers": len(rates),
        "without": float((rates == 0).mean()),
        "p90": float(np.quantile(rates, 0.9)),
        "worst": float(rates.max()),
    }


def worn_samples(digits: Digits, grade: str, rng: Generator) -> Samples:
    """Digits and marks drawn anew and worn as on scans of a grade."""
    return sampled(digits, rng, (GOOD if grade == "good" else USABLE,), plain_share=0.0)


def confusion(samples: Samples, reads: Reads) -> dict[str, dict[str, float]]:
    """For each kind of mark, the shares of what it is taken for."""
    kind = np.maximum(samples.label, 9)
    said = reads.p.argmax(axis=1)
    table = {}
    for label in range(9, len(CLASSES)):
        here = kind == label
        got, truth = said[here], samples.label[here]
        shares = {name: float((got == k).mean()) for k, name in enumerate(CLASSES) if k > 9}
        same = got == truth
        shares["right digit"] = float((same & (got < 10)).mean())
        shares["other digit"] = float((~same & (got < 10)).mean())
        shares["count"] = int(here.sum())
        table["digit" if label == 9 else CLASSES[label]] = shares
    return table


def altered(samples: Samples, reads: Reads, rng: Generator) -> dict[str, Rate]:
    """What the head for alterations finds, and how often it is wrong, by the shipped threshold."""
    alarm = reads.altered >= 0.5
    clean = samples.label < 10
    silent = reads.p.argmax(axis=1) < 10

    def rate(of: NDArray[np.bool_], what: NDArray[np.bool_]) -> Rate:
        at = np.flatnonzero(of)
        whose = samples.writer[at]
        return over_writers(whose, lambda i: float(what[at[i]].mean()), rng)

    limit = float(np.quantile(reads.altered[clean], 0.99))
    return {
        "found": rate(samples.altered, alarm),
        "found, struck": rate(samples.label == CLASSES.index("struck"), alarm),
        "found, written over": rate(samples.label == CLASSES.index("overwritten"), alarm),
        "false alarms": rate(clean, alarm),
        "found at 1 % of false alarms here": rate(samples.altered, reads.altered > limit),
        "read as a digit without alarm": rate(samples.altered, silent & ~alarm),
        "right digit, written over": rate(
            samples.label == CLASSES.index("overwritten"),
            reads.candidates.argmax(axis=1) == samples.digit,
        ),
    }


def nothing_or_zero(samples: Samples, reads: Reads) -> dict[str, float]:
    """How often an empty box or a filler is read as 0, and a 0 as one of them."""
    said = reads.p.argmax(axis=1)
    nothing = np.isin(samples.label, (10, 11))
    return {
        "nothing read as 0": float((said[nothing] == 0).mean()),
        "0 read as nothing": float(np.isin(said[samples.label == 0], (10, 11)).mean()),
    }


def all_of(digits: Digits, reader: Reader, rng: Generator) -> dict[str, Any]:
    """Everything about single glyphs."""
    clean = plain_samples(digits)
    reads = reader.read(clean.glyph)
    found: dict[str, Any] = {
        "NIST": dict(reading(clean, reads, rng)),
        "spread": spread(clean, reads),
    }
    for grade in ("good", "usable"):
        samples = worn_samples(digits, grade, rng)
        reads = reader.read(samples.glyph, grade)  # type: ignore[arg-type]
        only = np.flatnonzero(samples.label < 10)
        some = Reads(reads.p[only], reads.altered[only], reads.candidates[only])
        found[grade] = {
            "reading": dict(reading(samples.at(only), some, rng)),
            "confusion": confusion(samples, reads),
            "altered": altered(samples, reads, rng),
            "zero": nothing_or_zero(samples, reads),
        }
    return found
