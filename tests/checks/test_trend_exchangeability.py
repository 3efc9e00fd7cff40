"""The order of sheets within centres: what is found, what explains it, and what cannot be asked."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.building import evidence, facts, stations
from veedor.audit import plan
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case

NAME = "trend.exchangeability"
DATA = Path(os.environ.get("VEEDOR_DATA") or "no-data")


def sheets(centres=60, members=6, shift=0.0, seed=2):
    """Centres of very different lead; the last two of each come late and are moved by `shift`."""
    rng = np.random.default_rng(seed)
    n = centres * members
    centre = np.repeat(np.arange(centres), members)
    late = np.tile(np.arange(members) >= members - 2, centres)
    share = rng.beta(4, 4, centres)[centre] + rng.normal(0, 0.03, n) + shift * late
    valid = rng.integers(150, 200, n)
    first = np.round(valid * np.clip(share, 0, 1)).astype(int)
    official = {
        # Codes say nothing of the order in which the stations of a centre come.
        "station": [f"S{c:03d}{k}" for c in range(centres) for k in rng.permutation(members)],
        "region": [f"R{c % 3}" for c in centre],
        "municipality": [f"M{c % 9}" for c in centre],
        "centre": [f"C{c}" for c in centre],
        "registered": [220] * n,
        "A": first.tolist(),
        "B": (valid - first).tolist(),
        "C": [0] * n,
    }
    return official, late


def case(tmp_path, official, late, *, log=True, snapshot=True, stop=True, **keys):
    """The official count, the snapshot at the cut, and a log of one stage."""
    rng = np.random.default_rng(9)
    kept = np.flatnonzero(~late)
    early = {k: [official[k][i] for i in kept] for k in ("station", "A", "B", "C")}
    minute = np.where(late, rng.integers(130, 170, len(late)), rng.integers(5, 115, len(late)))
    stamps = [f"2020-01-31T{18 + m // 60:02d}:{m % 60:02d}:00" for m in minute]
    entry = {"kind": "log", "stage": "verified", "instant": "at", "key": "station"}
    files = {"verified": (entry, {"station": official["station"], "at": stamps})}
    return evidence(
        tmp_path,
        {"official": official, **({"early": early} if snapshot else {})},
        files=files if log else {},
        events={"stop": "2020-01-31T20:00:00Z"} if stop else {},
        at={"early": "2020-01-31T20:00:00Z"},
        **keys,
    )


def explanation(fact, name):
    return next(e for e in fact.explanations if e.id == name)


def test_late_sheets_that_are_moved_are_seen_by_the_stream_and_at_the_cut(tmp_path):
    official, late = sheets(shift=0.03)
    found = facts(NAME, case(tmp_path, official, late))
    assert set(found) == {"stream", "cut"}
    for fact in found.values():
        assert fact.status == "observed"
        assert fact.questioned is None
    stream, cut = found["stream"].statistic, found["cut"].statistic
    assert stream["sheets"] == 360
    assert stream["informing"] == 300
    assert stream["peak_per_cent"] > 66
    assert stream["since_cut"]["greatest"] > 20
    bets = {(c["group"], c["bet"]): c["p_value"] for c in stream["capital"]}
    assert bets["centre", "up"] < 0.05 < bets["centre", "down"]
    assert found["stream"].p_value == pytest.approx(bets["centre", "any"], rel=1e-5)
    assert cut["low"] < 6.0 < cut["high"]  # 3 % of the votes moved is 6 points of lead
    valid = (np.array(official["A"]) + np.array(official["B"]))[late].sum()
    assert cut["votes"] == pytest.approx(cut["effect_points"] * valid / 100, abs=0.1)
    assert (cut["centres"], cut["early"], cut["late"]) == (60, 240, 120)
    assert cut["late_only"] == {"centres": 0, "sheets": 0, "valid": 0}


def test_centres_that_differ_and_report_late_are_no_departure(tmp_path):
    """Centres from 12 on are wholly late, and give the winner far more."""
    official, late = sheets()
    centre = np.arange(len(late)) // 6
    for i in np.flatnonzero(centre >= 40):
        moved = official["B"][i] // 2
        official["A"][i] += moved
        official["B"][i] -= moved
    late = late | (centre >= 40)
    found = facts(NAME, case(tmp_path, official, late))
    assert [f.status for f in found.values()] == ["not-observed", "not-observed"]
    cut = found["cut"].statistic
    assert cut["late_only"]["centres"] == 20
    assert cut["centres"] == 40
    assert "wholly late and cannot be judged" in found["cut"].fact


def test_small_last_stations_of_other_voters_are_told_by_size(tmp_path):
    """The last station of each centre is small and votes otherwise; it comes late, too."""
    official, late = sheets()
    last = np.arange(len(late)) % 6 == 5
    for i in np.flatnonzero(last):
        official["registered"][i] = 60
        official["A"][i], official["B"][i] = official["A"][i] // 4, official["B"][i] // 4
        moved = official["B"][i] // 2
        official["A"][i] += moved
        official["B"][i] -= moved
    cut = facts(NAME, case(tmp_path, official, late))["cut"]
    by = {g["group"]: g for g in cut.statistic["groups"]}
    assert cut.status == "observed"
    assert by["centre"]["low"] > 0
    assert by["centre-and-size"]["low"] < 0 < by["centre-and-size"]["high"]
    assert "lists of voters of like length" in explanation(cut, "size").result


def test_stations_in_order_of_their_voters_are_told_by_their_place(tmp_path):
    """Along the stations of every centre the lead rises, and the last of them come late."""
    official, late = sheets()
    place = np.arange(len(late)) % 6
    official["station"] = [f"S{i:04d}" for i in range(len(late))]
    official["A"] = [a + 2 * k for a, k in zip(official["A"], place.tolist(), strict=True)]
    late[: 6 * 30] = False
    cut = facts(NAME, case(tmp_path, official, late))["cut"]
    order = cut.statistic["order"]
    assert order["low"] > 0
    assert order["late_place"] > 0.8 > order["early_place"]
    effect = cut.statistic
    assert effect["low"] < order["implied_points"] < effect["high"]
    assert explanation(cut, "number").tested


def test_the_effect_by_hand(tmp_path):
    official = {
        "station": ["1", "2", "3", "4", "5"],
        "centre": ["X", "X", "Y", "Y", "Z"],
        "registered": [200] * 5,
        "A": [60, 70, 20, 30, 90],
        "B": [40, 30, 80, 70, 10],
        "C": [0] * 5,
    }
    late = np.array([False, True, False, True, True])
    found = case(tmp_path, official, late, log=False)
    fact = facts(NAME, found)["cut"]
    said = fact.statistic
    # X: 40 against 20 predicted; Y: -40 against -60: 20 points of 200 votes.
    assert said["effect_points"] == pytest.approx(20.0)
    assert said["votes"] == pytest.approx(40.0)
    assert said["national_points"] == pytest.approx(8.0)
    assert said["late_only"] == {"centres": 1, "sheets": 1, "valid": 100}
    assert said["slack_votes"] == 40.0  # A 270 to B 230
    assert stations(found, facts(NAME, case(tmp_path / "log", official, late))["stream"]) != []


def test_only_what_there_is_evidence_of_is_asked(tmp_path):
    official, late = sheets(centres=12)

    def asked(folder, **keys):
        found = facts(NAME, case(tmp_path / folder, official, late, **keys))
        return {subject: fact.status for subject, fact in found.items()}

    assert set(asked("no-log", log=False)) == {"cut"}
    assert set(asked("no-cut", snapshot=False, stop=False)) == {"stream"}
    # Without a published count at the cut, the log tells what was early.
    assert set(asked("log-at-cut", snapshot=False)) == {"stream", "cut"}
    nothing = case(tmp_path / "nothing", official, late, log=False, snapshot=False, stop=False)
    assert not nothing.has("order")


def test_centres_of_one_station_decide_nothing(tmp_path):
    official, late = sheets(centres=10)
    official["centre"] = [f"C{i}" for i in range(len(late))]
    found = facts(NAME, case(tmp_path, official, late))
    assert {f.status for f in found.values()} == {"not-determinable"}
    assert found["stream"].statistic["alone"] == len(late)


def test_sheets_that_are_all_alike_could_show_no_order(tmp_path):
    official, late = sheets(centres=10)
    official["A"], official["B"] = [60] * len(late), [40] * len(late)
    found = facts(NAME, case(tmp_path, official, late))
    assert {f.status for f in found.values()} == {"void"}


def test_sheets_that_the_process_did_not_finish_are_left_out_once(tmp_path):
    official, late = sheets()
    entry = {"kind": "states", "key": "station", "state_column": "state"}
    kept = np.flatnonzero(late)[::2]
    table = {"station": [official["station"][i] for i in kept], "state": ["awaiting"] * len(kept)}
    rng = np.random.default_rng(0)
    stamps = [f"2020-01-31T18:{m:02d}:00" for m in rng.integers(0, 59, len(late))]
    log = ({"kind": "log", "stage": "verified", "instant": "at", "key": "station"},
           {"station": official["station"], "at": stamps})  # fmt: skip
    keep = np.flatnonzero(~late)
    found = evidence(
        tmp_path,
        {"official": official,
         "early": {k: [official[k][i] for i in keep] for k in ("station", "A", "B", "C")}},
        files={"left": (entry, table), "log": log},
        events={"stop": "2020-01-31T20:00:00Z"},
        at={"early": "2020-01-31T20:00:00Z"},
    )  # fmt: skip
    cut = facts(NAME, found)["cut"]
    assert cut.statistic["finished"]["left_out"] == len(kept)
    assert cut.statistic["finished"]["late"] == cut.statistic["late"] - len(kept)
    assert explanation(cut, "held-back").tested


@pytest.mark.real
@pytest.mark.skipif(
    not (DATA / "bolivia-2019").exists(), reason="VEEDOR_DATA names no folder with these files"
)
def test_bolivia_2019(tmp_path):
    found, _ = plan.read(load_case(find_case("bolivia-2019")), tmp_path)
    said = facts(NAME, found)
    cut, stream = said["cut"].statistic, said["stream"].statistic
    # Target F14: points of the split late part, votes, national points.
    assert cut["effect_points"] == pytest.approx(0.553, abs=0.002)
    assert cut["votes"] == pytest.approx(4577, abs=2)
    assert cut["national_points"] == pytest.approx(0.0746, abs=0.0005)
    # Target F10: the sheets of split centres and of those wholly late.
    assert (cut["early"], cut["late"], cut["late_only"]["sheets"]) == (16_511, 4_460, 1_118)
    assert said["cut"].p_value < 0.02
    # The published bootstrap interval is about 0.149 to 0.959.
    assert cut["low"] == pytest.approx(0.149, abs=0.03)
    assert cut["high"] == pytest.approx(0.959, abs=0.03)
    assert stream["sheets"] + stream["unstamped"] == 34_551
    assert said["stream"].p_value > 0.05
