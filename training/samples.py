"""Samples to learn and to calibrate from: glyphs of known digits and of drawn marks, labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training import marks
from training.bent import bent
from training.ink import Ink, Wear, any_pen, drawn, plain, worn
from veedor.handwriting.digits import Digits
from veedor.images.sheet import CLASSES

__all__ = ["SHARES", "Samples", "sampled"]

SHARES = {"empty": 0.05, "filler": 0.14, "struck": 0.16, "overwritten": 0.26, "unreadable": 0.14}
"""Marks that are no clean digit, as many as these shares of the digits."""
STYLES = {0: 0.03, 1: 0.08, 7: 0.10}
"""How often a 0 is slashed, a 1 gets a flag, and a 7 a bar."""
PLAIN = 0.35
"""Share of the digits shown in NIST's own stroke, all but UNBENT of these bent anew."""
UNBENT = 0.2


@dataclass(frozen=True, slots=True)
class Samples:
    """Labelled glyphs.

    Attributes
    ----------
    glyph : (n, 40, 40) uint8
    label : (n,) int64, position in CLASSES
    altered : (n,) bool, struck or overwritten
    digit : (n,) int64, the digit that stands there (the upper one where two do), -1 for none
    writer : (n,) int64, -1 where a rule drew it
    """

    glyph: NDArray[np.uint8]
    label: NDArray[np.int64]
    altered: NDArray[np.bool_]
    digit: NDArray[np.int64]
    writer: NDArray[np.int64]

    def at(self, index: NDArray[np.int64]) -> Samples:
        """Some of them."""
        return Samples(*(getattr(self, f.name)[index] for f in fields(self)))


class _Source:
    """Digits to draw from, by digit and by writer."""

    def __init__(self, digits: Digits) -> None:
        self.digits = digits
        self.by: dict[tuple[int, int], NDArray[np.int64]] = {}
        keys = digits.writer * 10 + digits.digit
        order = np.argsort(keys, kind="stable")
        values, starts = np.unique(keys[order], return_index=True)
        for value, part in zip(values, np.split(order, starts[1:]), strict=True):
            self.by[int(value) // 10, int(value) % 10] = part

    def any(self, rng: Generator) -> int:
        return int(rng.integers(len(self.digits.digit)))

    def second(self, first: int, rng: Generator) -> int:
        """A digit to write over another: mostly a different one, half the time by the same hand."""
        old = int(self.digits.digit[first])
        new = old if rng.random() < 0.1 else int((old + rng.integers(1, 10)) % 10)
        writer = int(self.digits.writer[first])
        if rng.random() < 0.5 and (writer, new) in self.by:
            return int(rng.choice(self.by[writer, new]))
        while True:
            other = self.any(rng)
            if self.digits.digit[other] == new:
                return other


def _clean(source: _Source, at: int, rng: Generator) -> Ink:
    """A digit drawn anew, at times in another country's style."""
    image, digit = source.digits.image[at], int(source.digits.digit[at])
    if rng.random() < STYLES.get(digit, 0):
        if digit == 1:
            return marks.flagged(rng)
        return (marks.slashed if digit == 0 else marks.barred)(image, rng)
    return drawn(image, rng, any_pen(rng))


def _drawn(kind: str, source: _Source, at: int, rng: Generator) -> tuple[Ink, int]:
    """The ink of a kind of mark, and the digit that stands there (-1 for none)."""
    digits = source.digits
    image, digit = digits.image[at], int(digits.digit[at])
    if kind == "empty":
        return marks.residue(rng), -1
    if kind == "filler":
        return marks.filler(rng), -1
    if kind == "struck":
        return marks.struck(image, digit, digits.image[source.any(rng)], rng), digit
    if kind == "overwritten":
        over = source.second(at, rng)
        return marks.overwritten(image, digits.image[over], rng), int(digits.digit[over])
    return marks.ruined([image, *(digits.image[source.any(rng)] for _ in range(2))], rng), -1


def sampled(
    digits: Digits,
    rng: Generator,
    wears: Sequence[Wear],
    *,
    shares: dict[str, float] | None = None,
    plain_share: float = PLAIN,
    unbent: float = UNBENT,
) -> Samples:
    """Every digit once, drawn anew and worn, with marks of the other classes among them.

    Parameters
    ----------
    wears : one of them befalls each sample
    shares : class -> how many of it, as a share of the digits
    plain_share, unbent : of the digits, in NIST's own stroke; of these, as NIST gives them
    """
    source = _Source(digits)
    count = len(digits.digit)
    kinds = ["digit"] * count
    at = list(range(count))
    for kind, share in (SHARES if shares is None else shares).items():
        kinds += [kind] * round(share * count)
        at += [source.any(rng) for _ in range(round(share * count))]
    rows = []
    for kind, one in zip(kinds, at, strict=True):
        glyph = None
        while glyph is None:
            if kind == "digit":
                digit = label = int(digits.digit[one])
                if rng.random() < plain_share:
                    image = digits.image[one]
                    glyph = plain(image) if rng.random() < unbent else bent(image, rng)
                    break
                ink = _clean(source, one, rng)
            else:
                ink, digit = _drawn(kind, source, one, rng)
                label = CLASSES.index(kind)
            beside = None
            if rng.random() < 0.2:
                beside = drawn(digits.image[source.any(rng)], rng, any_pen(rng))
            glyph = worn(ink, rng, wears[int(rng.integers(len(wears)))], beside)
        writer = -1 if kind in ("empty", "filler") else int(digits.writer[one])
        rows.append((glyph, label, kind in ("struck", "overwritten"), digit, writer))
    glyph, label, altered, digit, writer = zip(*rows, strict=True)
    return Samples(
        np.stack(glyph),
        np.array(label, np.int64),
        np.array(altered),
        np.array(digit, np.int64),
        np.array(writer, np.int64),
    )
