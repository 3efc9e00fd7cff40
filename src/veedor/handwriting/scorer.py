"""How much better one hand explains the digits of several sheets than a hand for each.

What a sheet has of a digit enters by its number and its mean coordinates. The class means about
which coordinates are taken are those of the election itself: a population writes its digits in its
own way, and against another one's means everybody in it looks like one hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.stats.plda import Sources, evidence

__all__ = [
    "CLASSES",
    "DIM",
    "Digits",
    "Writing",
    "centred",
    "load_sources",
    "pair_scores",
    "pooled",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DIM = 48
"""Numbers that describe a digit."""
CLASSES = 10
PRIOR = 3.0
"""Sheets as much as which the general mean weighs beside those of a condition, and the means of the
writers from whom the model was learnt beside all sheets of the election."""


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits of sheets, by class: all that comparing hands needs of them.

    Attributes
    ----------
    counts : int64 (sheets, 10)
    sums : float64 (sheets, 10, DIM), of the embeddings
    """

    counts: Ints
    sums: Floats

    @property
    def total(self) -> Ints:
        """int64 (sheets): digits of each sheet."""
        found: Ints = self.counts.sum(axis=1)
        return found

    def at(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Digits:
        """Some of the sheets."""
        return Digits(self.counts[index], self.sums[index])


@dataclass(frozen=True, slots=True)
class Writing:
    """Sheets as the model sees them.

    Attributes
    ----------
    counts : int64 (sheets, 10)
    means : float64 (sheets, 10, DIM), mean coordinates less those of the class in the election
    """

    counts: Ints
    means: Floats

    def at(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Writing:
        """Some of the sheets, in any shape of index."""
        return Writing(self.counts[index], self.means[index])


def pooled(sheet: Ints, digit: Ints, embedding: NDArray[np.floating], sheets: int) -> Digits:
    """The digits of sheets from single ones.

    Parameters
    ----------
    sheet, digit : int64 (n), from 0
    embedding : (n, DIM)
    """
    cell = sheet * CLASSES + digit
    sums = np.zeros((sheets * CLASSES, embedding.shape[1]))
    np.add.at(sums, cell, embedding.astype(np.float64))
    counts = np.bincount(cell, minlength=sheets * CLASSES).astype(np.int64)
    return Digits(counts.reshape(sheets, CLASSES), sums.reshape(sheets, CLASSES, -1))


@cache
def load_sources() -> Sources:
    """The model of hands that comes with veedor.

    Raises
    ------
    VeedorError
        The installation lacks its file, or has one for another network.
    """
    place = resources.files("veedor.handwriting") / "models" / "writer.npz"
    try:
        with place.open("rb") as file, np.load(file) as data:
            model = Sources(
                basis=np.eye(DIM), **{k: data[k].astype(np.float64) for k in data.files}
            )
    except (OSError, TypeError) as error:
        raise VeedorError(
            "the model of hands is missing from this installation",
            place=str(place),
            remedy="Install veedor anew, or make it with `make models`.",
        ) from error
    if model.mean.shape != (CLASSES, DIM):
        raise VeedorError(
            f"the model of hands has {model.mean.shape[1]} coordinates, not {DIM}",
            place=str(place),
            remedy="Install veedor anew.",
        )
    return model


def centred(digits: Digits, condition: Ints, model: Sources) -> Writing:
    """Sheets about the class means of all sheets in the same condition.

    Parameters
    ----------
    condition : int64 (sheets), of the scan

    Every sheet of a condition is held against the same means, its own centre's among them: were
    these left out, the sheets of a centre would share means that no sheets of different centres
    do, and would look alike for that alone. A sheet weighs in a class by n / (n + 1), about as much
    as its mean tells of its writer. Means of conditions lean on the mean of all, and that on the
    model's own, by `PRIOR` sheets.
    """
    weight = digits.counts / (digits.counts + 1.0)
    means = digits.sums / np.maximum(digits.counts, 1)[:, :, None]
    kinds, at = np.unique(condition, return_inverse=True)
    held = np.zeros((len(kinds), CLASSES))
    whole = np.zeros((len(kinds), CLASSES, means.shape[2]))
    np.add.at(held, at, weight)
    np.add.at(whole, at, weight[:, :, None] * means)
    everything = whole.sum(axis=0) + PRIOR * model.mean
    general = everything / (held.sum(axis=0) + PRIOR)[:, None]
    found = (whole + PRIOR * general) / (held + PRIOR)[..., None]
    return Writing(digits.counts, means - found[at])


def pair_scores(writing: Writing, pairs: Ints, model: Sources) -> Floats:
    """Log likelihood ratio of one hand against two, not calibrated.

    Parameters
    ----------
    pairs : int64 (n, 2), positions of sheets

    Returns
    -------
    float64 (n), natural logarithms.
    """
    alone = evidence(model, writing.counts[:, None], writing.means[:, None])
    found = np.empty(len(pairs))
    step = 1 << 14
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        both = evidence(model, writing.counts[part], writing.means[part])
        found[start : start + step] = both - alone[part].sum(axis=1)
    return found
