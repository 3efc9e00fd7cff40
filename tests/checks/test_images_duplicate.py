"""Scans that are one picture: what is told of pairs, of stations, and of what speaks for them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.building import evidence, facts, stations
from tests.scans import put_rows
from veedor.checks.images.duplicate import OTHER_CODE, SINGLE, Duplicate

OFFICIAL = {
    "station": ["s0", "s1", "s2", "s3", "s4"],
    "A": [10, 10, 30, 40, 50],
    "B": [5, 5, 7, 8, 9],
    "C": [1, 1, 1, 1, 1],
}
STATIONS = (0, 1, 2, 3, 4, 0)
"""Of each scan: the first station has two."""


def scan(number: int, **more: Any) -> dict[str, Any]:
    sid = STATIONS[number]
    given = {
        "scan": number,
        "sid": sid,
        "station": f"s{sid}",
        "file": f"{number}.png",
        "sha256": f"{number:064x}",
        "code": f"s{sid}",
        "code_sid": sid,
        "status": "read",
        "comparable": True,
    }
    return given | more


def pair(a: int, b: int, how: str, score: float = 1.0, detail: str = "") -> dict[str, Any]:
    shared = {"scan_a": a, "scan_b": b, "how": how, "score": score}
    return shared | {"detail": detail or f"the same {how}"}


def told(tmp_path, pairs, **changes):
    """Facts by kind; `changes` gives other values to scans: `s3={...}`."""
    found = evidence(tmp_path, {"official": OFFICIAL})
    rows = [scan(i, **changes.get(f"s{i}", {})) for i in range(len(STATIONS))]
    put_rows(found, {"scans": rows, "twins": pairs})
    return found, facts("images.duplicate", found)


def test_scans_that_share_nothing(tmp_path):
    _, by = told(tmp_path, [])
    assert {k: f.status for k, f in by.items()} == dict.fromkeys(
        ("file", "ink", "patch", "code"), "not-observed"
    )
    assert all(f.questioned is None for f in by.values())


def test_one_file_for_three_stations_is_one_group(tmp_path):
    found, by = told(tmp_path, [pair(1, 2, "file"), pair(1, 4, "file")])
    s = by["file"].statistic
    assert by["file"].status == "observed"
    assert (s["pairs"], s["stations"], s["groups"], s["largest"]) == (2, 3, 1, 3)
    assert s["valid"] == 16 + 38 + 60
    assert by["file"].questioned.tolist() == [1, 2, 4]
    assert stations(found, by["file"]) == ["s1", "s1"]
    assert by["file"].rows["other"].tolist() == ["s2", "s4"]
    assert [p.scan for p in by["file"].pictures] == [1, 2, 1, 4]
    assert by["ink"].status == "not-observed"


def test_two_scans_of_one_station_observe_nothing(tmp_path):
    _, by = told(tmp_path, [pair(0, 5, "ink", 0.99)])
    assert by["ink"].status == "not-observed"
    assert by["ink"].statistic["same_station"] == 1
    assert "two scans of one station" in by["ink"].fact


def test_the_counts_tell_whether_a_picture_was_only_filed_twice(tmp_path):
    """Stations 0 and 1 have the same votes in the count, 2 and 3 others."""
    _, by = told(tmp_path, [pair(0, 1, "ink", 0.99), pair(2, 3, "ink", 0.97)])
    tested = {e.id: e.values for e in by["ink"].explanations if e.tested}
    assert tested["filed"] == {"pairs": 2, "same_votes": 1, "other_votes": 1}
    assert (by["ink"].statistic["score_low"], by["ink"].statistic["score_high"]) == (0.97, 0.99)


def test_leads_question_no_sheet(tmp_path):
    lead = "lead: box 1 of votes-1 = box 2 of blank; 0.0008 expected"
    _, by = told(tmp_path, [pair(1, 2, "patch", 0.98, lead)])
    assert by["patch"].status == "not-observed"
    assert by["patch"].questioned is None
    assert by["patch"].statistic["leads"] == 1
    assert by["patch"].rows["lead"].tolist() == [True]


def test_a_piece_of_picture_shows_the_fields(tmp_path):
    strict = "strict: boxes 1, 2 of votes-1 = boxes 1, 2 of blank; 1e-07 expected"
    _, by = told(tmp_path, [pair(1, 2, "patch", 0.98, strict)])
    assert by["patch"].questioned.tolist() == [1, 2]
    assert [(p.scan, p.fields) for p in by["patch"].pictures] == [
        (1, ("votes-1",)),
        (2, ("blank",)),
    ]


def test_a_figure_twice_on_one_sheet_is_observed(tmp_path):
    strict = "strict: boxes 1, 2 of votes-1 = boxes 1, 2 of blank; 1e-07 expected"
    _, by = told(tmp_path, [pair(3, 3, "patch", 0.99, strict)])
    assert by["patch"].status == "observed"
    assert by["patch"].questioned.tolist() == [3]
    (one,) = by["patch"].pictures
    assert (one.scan, one.fields) == (3, ("votes-1", "blank"))
    assert one.caption.startswith("Twice on this scan: boxes 1, 2 of votes-1 = boxes 1, 2 of blank")
    assert by["patch"].rows["shared"][0].startswith("boxes 1, 2")


def test_codes_that_name_each_other_are_crossed(tmp_path):
    swapped = {"s2": {"code": "s3", "code_sid": 3}, "s3": {"code": "s2", "code_sid": 2}}
    found, by = told(tmp_path, [], **swapped)
    s = by["code"].statistic
    assert (by["code"].status, s["other_code"], s["crossed"], s["stations"]) == (
        "observed",
        2,
        1,
        2,
    )
    assert stations(found, by["code"]) == ["s2", "s3"]
    assert by["code"].rows["other"].tolist() == ["s3", "s2"]
    assert by["code"].rows["other_file"].tolist() == [None, None]
    assert [p.caption for p in by["code"].pictures] == [OTHER_CODE] * 2
    tested = {e.id: e.values for e in by["code"].explanations if e.tested}
    assert tested["printed"] == {"scans": 2, "own": 0, "other": 2, "none": 0}


def test_a_code_of_no_station_of_the_case_is_told(tmp_path):
    _, by = told(tmp_path, [], s2={"code": "elsewhere", "code_sid": None})
    assert by["code"].status == "observed"
    assert (by["code"].statistic["other_code"], by["code"].statistic["pairs"]) == (1, 0)
    assert by["code"].questioned.tolist() == [2]


def test_what_could_not_be_compared_is_told(tmp_path):
    none = {f"s{i}": {"comparable": False, "code": None, "code_sid": None} for i in range(6)}
    _, by = told(tmp_path, [], **none)
    assert {k: f.status for k, f in by.items()} == {
        "file": "not-observed",
        "ink": "not-determinable",
        "patch": "not-determinable",
        "code": "not-determinable",
    }
    _, by = told(tmp_path / "b", [], s1={"comparable": False})
    assert by["ink"].statistic["not_comparable"] == 1


def test_a_search_for_pieces_says_that_single_figures_are_mostly_missed(tmp_path):
    strict = "strict: boxes 1, 2 of votes-1 = boxes 1, 2 of blank; 1e-07 expected"
    check = Duplicate()
    for folder, pairs in (("a", []), ("b", [pair(1, 2, "patch", 0.98, strict)])):
        _, by = told(tmp_path / folder, pairs, s1={"comparable": False})
        assert by["patch"].fact.endswith(SINGLE)
        assert check.unseen(by["patch"].statistic).endswith(f"in this respect.{SINGLE}")
        assert "single figure" not in by["ink"].fact + check.unseen(by["ink"].statistic)
    assert check.unseen({"not_comparable": 0, "scans": 2, "leads": 0}) == SINGLE.strip()


def test_stations_that_are_not_known_are_not_questioned(tmp_path):
    _, by = told(tmp_path, [pair(1, 2, "file")], s1={"sid": None})
    assert by["file"].status == "not-observed"
    assert by["file"].statistic["unknown_station"] == 1
    assert by["file"].rows["sid"].tolist() == [2]


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pictures_are_void(tmp_path, count):
    gone = {f"s{i}": {"sha256": None} for i in range(count, 6)}
    _, by = told(tmp_path, [], **gone)
    assert {f.status for f in by.values()} == {"void"}
