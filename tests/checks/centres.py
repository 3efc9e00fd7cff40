"""Counts of whole centres for the checks that compare a sheet with its siblings."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.building import evidence
from veedor.engine.evidence import Evidence

OPTIONS = ("A", "B", "C")


def ordinary(
    centres: int = 40, sheets: int = 5, size: int = 200, seed: int = 4
) -> dict[str, list[Any]]:
    """Centres of like sheets, near 45 : 40 : 15 with 2 % blank and 3 % null; none is extreme."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet([18, 16, 6], centres)
    centre = np.repeat(np.arange(centres), sheets)
    valid = rng.binomial(size, 0.75, len(centre))
    votes = np.array([rng.multinomial(n, share[c]) for n, c in zip(valid, centre, strict=True)])
    return {
        "station": [str(i) for i in range(len(centre))],
        "municipality": [f"m{c // 4}" for c in centre],
        "centre": [f"c{c}" for c in centre],
        "registered": [size] * len(centre),
        **{o: votes[:, k].tolist() for k, o in enumerate(OPTIONS)},
        "blank": rng.binomial(valid, 0.02).tolist(),
        "null": rng.binomial(valid, 0.03).tolist(),
    }


def write(count: dict[str, list[Any]], row: int, **cells: Any) -> None:
    """Other numbers on one sheet."""
    for name, value in cells.items():
        count[name][row] = value


def read(folder: Any, count: dict[str, list[Any]], **keys: Any) -> Evidence:
    """The case of one official count."""
    return evidence(folder, {"official": count}, **keys)


def total(count: dict[str, list[Any]], row: int) -> int:
    """Valid votes of a sheet."""
    return int(sum(count[o][row] for o in OPTIONS))
