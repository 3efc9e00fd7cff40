"""The benchmark of reading: what is expected of reading alone, beside what came of it."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.reading import misread_part
from benchmarks.reading_scans import Misread, misread, together

from veedor.checks.transcripts import Fields


def fields(sid, read, rest):
    """Fields with right transcriptions (7 throughout), some of them read as another number."""
    n = len(sid)
    value = np.array(read, dtype=float)
    return Fields.of(
        {
            **{k: np.zeros(n) for k in ("scan", "region", "altered", "p_joint")},
            **{k: np.full(n, "x", dtype=object) for k in ("field", "cell_of", "text")},
            "sid": np.array(sid),
            "transcribed": np.full(n, 7),
            "state": np.full(n, "number", dtype=object),
            "value": value,
            "p": np.full(n, 0.995),
            "p_recorded": np.where(value == 7, 0.995, 0.0001),
            "joint": value,
            "rest": np.array(rest, dtype=float),
            "alone": np.ones(n, dtype=bool),
            "holds": np.array([1, 0, -1, 0, 0])[:n],
        }
    )


def test_disagreements_are_counted_beside_those_that_the_boxes_expect():
    found = misread(fields([1, 2, 2, 3, 4], [9, 9, 4, 7, 7], [0.1, 0.2, 0.3, np.nan, 0.4]))
    assert (found.able, found.fields, found.sheets, found.confirmed) == (4, 3, 2, 1)
    assert found.fields_expected == pytest.approx(1.0)
    assert found.sheets_expected == pytest.approx(0.1 + (1 - 0.8 * 0.7) + 0.4)
    assert found.sheets_told == pytest.approx(0.1 + 0.2 + 0.4)


@pytest.mark.parametrize(
    ("seen", "low", "high"),
    # Garwood's limits of a Poisson mean.
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)],
)
def test_the_limits_of_the_ratio_are_those_of_a_count(seen, low, high):
    ratio = Misread(500, seen, 2.0, 0, seen, 2.0, 1.5).ratio
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (seen / 2, low / 2, high / 2), rel=1e-3
    )


def test_the_page_has_all_families_and_their_sum():
    scan, fax = Misread(1400, 7, 2.25, 1, 6, 2.0, 1.5), Misread(600, 4, 1.75, 0, 4, 1.0, 0.5)
    assert together([scan, fax]) == Misread(2000, 11, 4.0, 1, 10, 3.0, 2.0)
    lines = list(misread_part({"scan": scan, "photo, other forms": fax, "fax": fax}))
    assert "| | scan | photo, other forms | fax | not learnt from | together |" in lines
    assert "| disagree | 7 | 4 | 4 | 8 | 15 |" in lines
    assert "| such sheets expected | 2.00 | 1.00 | 1.00 | 2.00 | 4.00 |" in lines
    assert lines[-1].endswith("| 3.5 (1.9 to 5.9) |")
