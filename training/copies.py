"""Features of known writers' digits, as NIST gives them and in many conditions, kept in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import pens
from veedor.handwriting.digits import Digits
from veedor.handwriting.features import NAMES, describe

__all__ = ["Copies", "described"]

AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Copies:
    """Digits by writer and order, described in several conditions.

    Attributes
    ----------
    features : (copies, n, features) float16; copy 0 as NIST gives them
    digit, writer, series, order : (n,) int64; writers from 0
    """

    features: NDArray[np.float16]
    digit: NDArray[np.int64]
    writer: NDArray[np.int64]
    series: NDArray[np.int64]
    order: NDArray[np.int64]


def _conditions(kind: str, writers: int, rng: np.random.Generator) -> list[pens.Condition]:
    draw = {"pens": pens.draw_condition, "worn": pens.draw_worn}.get(kind)
    return [draw(rng) if draw else pens.plain() for _ in range(writers)]


def described(
    digits: Digits,
    kinds: list[str],
    seed: int,
    file: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Copies:
    """Digits in a copy for each of `kinds` (`plain`, `pens`, `worn`).

    In each copy a writer has one condition, drawn without regard to the writer.

    Parameters
    ----------
    file : where the result is kept, and taken from if it is there
    """
    _, writer = np.unique(digits.writer, return_inverse=True)
    about = (digits.digit, writer, digits.series, digits.order)
    if file is not None and file.is_file():
        with np.load(file) as kept:
            if kept["kinds"].tolist() == kinds and len(kept["features"][0]) == len(writer):
                return Copies(kept["features"], *about)
    rng = np.random.default_rng(seed)
    found = np.empty((len(kinds), len(writer), len(NAMES)), dtype=np.float16)
    for copy, kind in enumerate(kinds):
        conditions = _conditions(kind, int(writer.max()) + 1, rng)
        for start in range(0, len(writer), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            depth = pens.depths(digits.image[part])
            each = [conditions[w] for w in writer[part]]
            found[copy, part] = describe(pens.render_all(depth, each, rng))
        say(f"copy {copy + 1} of {len(kinds)} ({kind}) described")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, features=found, kinds=np.array(kinds))
    return Copies(found, *about)
