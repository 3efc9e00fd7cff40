"""Mantel and Haenszel's test against a published worked example and against Fisher's."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from veedor.stats.strata import mantel_haenszel

BERKELEY = [
    [[512, 313], [89, 19]],
    [[353, 207], [17, 8]],
    [[120, 205], [202, 391]],
    [[138, 279], [131, 244]],
    [[53, 138], [94, 299]],
    [[22, 351], [24, 317]],
]
"""Admissions to Berkeley by department: men admitted and not, women admitted and not."""


def units(tables):
    mark, exposed, stratum = [], [], []
    for number, table in enumerate(tables):
        for row, exposure in zip(table, (True, False), strict=True):
            for count, marked in zip(row, (True, False), strict=True):
                mark += [marked] * count
                exposed += [exposure] * count
                stratum += [number] * count
    return np.array(mark), np.array(exposed), np.array(stratum)


def test_the_berkeley_admissions_as_r_prints_them():
    """`mantelhaen.test(UCBAdmissions)` in the R manual."""
    found = mantel_haenszel(*units(BERKELEY), np.random.default_rng(0), correct=True)
    assert not found.exact
    assert found.strata == 6
    assert found.p == pytest.approx(0.2323, abs=5e-5)
    assert found.odds_ratio == pytest.approx(0.9046968, abs=1e-6)
    assert found.low == pytest.approx(0.7719074, abs=1e-5)
    assert found.high == pytest.approx(1.0603298, abs=1e-5)


def test_one_small_stratum_is_fishers_test():
    """The margins of Fisher's lady tasting tea: the distribution is symmetric, so both agree."""
    table = [[3, 1], [1, 3]]
    found = mantel_haenszel(*units([table]), np.random.default_rng(1), draws=40_000)
    assert found.exact
    assert found.p == pytest.approx(fisher_exact(table)[1], abs=0.01)


def test_a_stratum_in_which_nothing_varies_says_nothing():
    found = mantel_haenszel(*units([[[3, 0], [2, 0]], [[0, 2], [0, 5]]]), np.random.default_rng(1))
    assert found.strata == 0
    assert found.p is None


def test_no_units_at_all():
    none = np.zeros(0, dtype=bool)
    found = mantel_haenszel(none, none, np.zeros(0, dtype=np.int64), np.random.default_rng(1))
    assert found.p is None
    assert found.odds_ratio is None
