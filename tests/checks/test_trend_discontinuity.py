"""A jump at the cut: what it says of clocks that are coarse and of counts with one centre."""

import numpy as np
import pytest

from tests.building import evidence, facts

LOG = {"kind": "log", "key": "station", "stage": "verified", "instant": "at"}


def count(tmp_path, *, sheets=600, minutes=1, a_centre=6):
    """A count of two hours whose stamps are whole multiples of some minutes; the cut is at 80 %."""
    rng = np.random.default_rng(8)
    centre = np.arange(sheets) // a_centre
    first = rng.binomial(200, 0.55 + 0.1 * np.sin(centre))
    official = {
        "station": [f"{i:04d}" for i in range(sheets)],
        "region": ["R"] * sheets,
        "municipality": [f"M{c // 5}" for c in centre],
        "centre": [f"C{c}" for c in centre],
        "A": first.tolist(),
        "B": (200 - first).tolist(),
        "C": [0] * sheets,
    }
    after = 120 * (rng.permutation(sheets) + 0.5) / sheets
    start = np.datetime64("2020-01-31T19:00:00")
    stamps = [str(start + np.timedelta64(int(m // minutes * minutes), "m")) for m in after]
    cut = str(start + np.timedelta64(96, "m")) + "Z"
    early = np.flatnonzero(after <= 96)
    snapshot = {k: [official[k][i] for i in early] for k in ("station", "A", "B", "C")}
    return evidence(
        tmp_path,
        {"official": official, "early": snapshot},
        at={"early": cut},
        files={"log": (LOG, {"station": official["station"], "at": stamps})},
        events={"stop": cut},
    )


@pytest.mark.parametrize("minutes", [5, 10])
def test_a_coarse_clock_has_no_best_bandwidth(tmp_path, minutes):
    fact = facts("trend.discontinuity", count(tmp_path, minutes=minutes))[""]
    assert fact.statistic["optimal"] is None
    assert len(fact.statistic["time"]) == 4


def test_one_centre_has_no_errors(tmp_path):
    fact = facts("trend.discontinuity", count(tmp_path, a_centre=600))[""]
    assert fact.status == "not-determinable"
    assert fact.p_value is None
    assert fact.statistic["optimal"] is None


def test_the_best_bandwidth_is_shown_with_and_without_effects_of_centres(tmp_path):
    best = facts("trend.discontinuity", count(tmp_path))[""].statistic["optimal"]
    assert best["minutes"] > 0
    assert best["robust_low"] < best["robust_points"] < best["robust_high"]
    assert best["centre_error"] < best["error"]
