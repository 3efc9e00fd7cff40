"""Digits of known writers, and which writers serve for what.

The digits are those of NIST's Special Database 19 in the form of QMNIST (Yadav and Bottou 2019),
with the writer of each. They are no part of veedor: they lie in the folder of public data.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from veedor.errors import SourceError

__all__ = ["FILE", "SPLITS", "Digits", "Split", "load_digits", "split_of"]

FILE = "handwriting/nist-digits-train-writers.npz"
"""Where the digits lie in the folder that VEEDOR_DATA names."""

Split = Literal["train", "calibration", "test", "reserve"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SHARES = (0.60, 0.15, 0.14, 0.11)


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits with who wrote them.

    Attributes
    ----------
    image : (n, 28, 28) uint8, 0 paper to 255 ink
    digit : (n,) int64
    writer : (n,) int64
    series : (n,) int64, the collection: 0 employees of the Census Bureau, 4 students
    order : (n,) int64, place within the writer's form
    split : (n,) text, what the writer serves for
    """

    image: NDArray[np.uint8]
    digit: NDArray[np.int64]
    writer: NDArray[np.int64]
    series: NDArray[np.int64]
    order: NDArray[np.int64]
    split: NDArray[np.str_]

    def of(self, *splits: Split) -> Digits:
        """The digits of the writers of some splits, by writer and order."""
        at = np.flatnonzero(np.isin(self.split, splits))
        at = at[np.lexsort((self.order[at], self.writer[at]))]
        return Digits(*(getattr(self, name)[at] for name in self.__slots__))


def split_of(writer: NDArray[np.int64], series: NDArray[np.int64]) -> NDArray[np.str_]:
    """Which split each writer is in: frozen by a rule, for no writer may be in two.

    Writers of a series are ordered by the SHA-256 of `veedor writer N`; the first 60 % train, the
    next 15 % calibrate, the next 14 % test, the rest is kept for the last look before a release.

    Parameters
    ----------
    writer, series : (n,) of different writers, all there are

    Returns
    -------
    (n,) of text
    """
    split = np.empty(len(writer), dtype="U11")
    for one in np.unique(series):
        at = np.flatnonzero(series == one)
        keys = [hashlib.sha256(f"veedor writer {w}".encode()).hexdigest() for w in writer[at]]
        at = at[np.argsort(np.array(keys), kind="stable")]
        ends = np.round(np.cumsum(_SHARES) * len(at)).astype(int)
        for name, piece in zip(SPLITS, np.split(at, ends[:-1]), strict=True):
            split[piece] = name
    return split


def load_digits(path: Path | str | None = None) -> Digits:
    """All digits.

    Parameters
    ----------
    path : the .npz file; when left out, `FILE` in the folder that VEEDOR_DATA names

    Raises
    ------
    SourceError
        The file is not there or holds other arrays.
    """
    if path is None:
        folder = os.environ.get("VEEDOR_DATA")
        if not folder:
            raise SourceError(
                "the digits of known writers are looked for in the folder of public data",
                remedy=f"Set VEEDOR_DATA to the folder that holds {FILE}.",
            )
        path = Path(folder) / FILE
    path = Path(path)
    if not path.is_file():
        raise SourceError(
            "there are no digits of known writers here",
            place=str(path),
            remedy=f"Set VEEDOR_DATA to the folder that holds {FILE}.",
        )
    with np.load(path) as data:
        names = ("image", "digit", "writer", "partition", "order")
        if lost := [n for n in names if n not in data]:
            raise SourceError(f"the array {lost[0]!r} is missing", place=str(path))
        image, *rest = (data[n] for n in names)
    digit, writer, series, order = (a.astype(np.int64) for a in rest)
    writers, first, inverse = np.unique(writer, return_index=True, return_inverse=True)
    split = split_of(writers, series[first])[inverse]
    return Digits(image, digit, writer, series, order, split)
