"""A glyph has the geometry of NIST's digits, whatever the size of the ink."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.images.glyph import INNER, SIDE, normalise


def bar(height: int, width: int, around: int = 9) -> np.ndarray:
    return np.pad(np.ones((height, width), np.float32), around)


@pytest.mark.parametrize("size", [(6, 3), (28, 14), (90, 45), (45, 90)])
def test_the_longer_side_fits_and_the_mass_is_in_the_middle(size) -> None:
    glyph = normalise(bar(*size)).astype(float) / 255
    rows, columns = glyph.sum(axis=1), glyph.sum(axis=0)
    long, short = (rows, columns) if size[0] > size[1] else (columns, rows)
    # Its extent, by area: what it holds over what its middle holds.
    assert long.sum() / long.max() == pytest.approx(INNER, abs=1.5)
    assert short.sum() / short.max() == pytest.approx(INNER / 2, abs=1.5)
    for profile in (rows, columns):
        middle = (profile * (np.arange(SIDE) + 0.5)).sum() / profile.sum()
        assert middle == pytest.approx(SIDE / 2, abs=0.3)


def test_no_ink_is_no_glyph() -> None:
    assert normalise(np.full((20, 20), 0.1, np.float32)) is None
