"""The trend of a count made here: the margin by progress, the last sheets, an earlier election."""

import numpy as np
import pytest

from tests.building import evidence, facts

LOG = {"kind": "log", "key": "station", "stage": "verified", "instant": "at"}


def count(tmp_path, *, sheets=600, shift=0.0, within=0.0, unstamped=0, seed=4, **keys):
    """A count of six sheets a centre; places of the second half of the order lean to A by `shift`,
    and late sheets by `within` more than the early ones of their own centre.
    """
    rng = np.random.default_rng(seed)
    centre = np.arange(sheets) // 6
    when = np.sort(rng.permutation(sheets)) + 300 * rng.random(sheets)
    order = np.argsort(np.argsort(when))
    late = order >= 0.8 * sheets
    lean = 0.5 + 0.1 * np.sin(centre) + shift * (centre > sheets / 12)
    first = rng.binomial(200, np.clip(lean + within * late, 0, 1))
    official = {
        "station": [f"{i:04d}" for i in range(sheets)],
        "region": [f"R{c // 25}" for c in centre],
        "municipality": [f"M{c // 5}" for c in centre],
        "centre": [f"C{c}" for c in centre],
        "A": first.tolist(),
        "B": (200 - first).tolist(),
        "C": [0] * sheets,
    }
    early = np.flatnonzero(~late)
    snapshot = {k: [official[k][i] for i in early] for k in ("station", "A", "B", "C")}
    start = np.datetime64("2020-01-31T19:00:00")
    stamps = [str(start + np.timedelta64(int(10 * o), "s")) for o in order]
    kept = np.flatnonzero(order < sheets - unstamped)
    cut = str(start + np.timedelta64(int(10 * (len(early) - 1)), "s")) + "Z"
    lines = {"station": [official["station"][i] for i in kept], "at": [stamps[i] for i in kept]}
    return evidence(
        tmp_path,
        {"official": official, "early": snapshot},
        at={"early": cut},
        files={"log": (LOG, lines)},
        events={"stop": cut},
        **keys,
    )


def test_the_margin_by_tenths_adds_up(tmp_path):
    found = facts("trend.raw", count(tmp_path, shift=0.1, unstamped=20))[""].statistic
    assert found["sheets"]["unstamped"] == 20
    assert sum(p["sheets"] for p in found["parts"]) == 580
    last = found["parts"][-1]
    total = sum(p["margin_points"] * p["valid"] for p in found["parts"])
    assert last["cumulative_points"] == pytest.approx(
        total / sum(p["valid"] for p in found["parts"])
    )
    assert found["at_cut_points"] is not None


def test_the_last_sheets_differ_by_place_and_not_within(tmp_path):
    fact = facts("trend.last-share", count(tmp_path, shift=0.1, unstamped=30))[""]
    five = next(s for s in fact.statistic["shares"] if s["percent"] == 5.0)
    assert five["naive_points"] > 5
    assert five["low"] <= 0 <= five["high"]
    assert "30 sheets" in fact.fact


def test_no_stamps_are_not_determinable(tmp_path):
    found = count(tmp_path, unstamped=520)
    assert facts("trend.last-share", found)[""].status == "not-determinable"


def test_an_earlier_election_with_the_same_lean_explains_the_late_places(tmp_path):
    sheets = 600
    centres = np.arange(sheets // 6)
    then = 0.4 + 0.1 * np.sin(centres) + 0.1 * (centres > sheets / 12)
    history = {
        "region": [f"R{c // 25}" for c in centres],
        "municipality": [f"M{c // 5}" for c in centres],
        "centre": [f"C{c}" for c in centres],
        "A": np.round(1000 * then).astype(int).tolist(),
        "B": np.round(1000 * (1 - then)).astype(int).tolist(),
    }
    fact = facts("trend.history", count(tmp_path, shift=0.1, history=history))[""]
    said = fact.statistic
    assert said["matched"] == {"sheets": 600, "valid": 120000, "share": 1.0, "unmatched": 0}
    assert said["late_history_points"] > said["early_history_points"]
    plain = said["differences"][1]
    assert abs(plain["plain_points"]) < 4 * plain["plain_error"]
    assert len(said["parts"]) == 11
    assert said["late_points"] > said["early_points"]


def test_both_elections_are_compared_at_the_same_places(tmp_path):
    """Half of the places are not known in the earlier election: they are in neither margin."""
    known = np.arange(100)[::2]
    history = {
        "region": [f"R{c // 25}" for c in known],
        "municipality": [f"M{c // 5}" for c in known],
        "centre": [f"C{c}" for c in known],
        "A": [600] * len(known),
        "B": [400] * len(known),
    }
    fact = facts("trend.history", count(tmp_path, shift=0.1, history=history))[""]
    said = fact.statistic
    rows = fact.rows
    late = rows["late"]
    for name, some in (("late_points", late), ("early_points", ~late)):
        assert said[name] == pytest.approx(rows["margin_points"][some].mean())
    assert said["late_history_points"] == said["early_history_points"] == 20.0
    assert f"it is {said['late_points'] - said['early_points']:.2f} points" in fact.fact.replace(
        "\u2212", "-"
    )


@pytest.mark.parametrize(("within", "low"), [(0.0, 0.05), (0.12, 0.0)])
def test_a_jump_within_centres_stands_out_among_the_placebos(tmp_path, within, low):
    fact = facts("trend.discontinuity", count(tmp_path, sheets=1500, within=within))[""]
    centre = fact.statistic["placebos"][0]
    if within:
        assert fact.status == "observed"
        assert centre["points"] > 10
    else:
        assert fact.p_value > low
    assert fact.statistic["sheets"]["stamped"] == 1500
    assert [e["minutes"] for e in fact.statistic["time"]] == [10, 20, 30, 60]
    assert [e["effects"] for e in fact.statistic["late"]] == [
        "none", "none", "none", "region", "municipality", "centre",
    ]  # fmt: skip


def test_a_local_constant_is_shown_beside_the_line_and_decides_nothing(tmp_path):
    fact = facts("trend.discontinuity", count(tmp_path, sheets=1500, shift=0.15))[""]
    ten = next(r for r in fact.statistic["rank"] if r["percent"] == 10)
    assert ten["constant_points"] is not None
    assert "local constant" in " ".join(e.result or "" for e in fact.explanations)


def test_too_few_sheets_after_the_cut_give_no_jump(tmp_path):
    fact = facts("trend.discontinuity", count(tmp_path, sheets=300))[""]
    assert fact.status == "not-determinable"
