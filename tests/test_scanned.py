"""Alarms on simulated elections with scans: what is counted of findings, and the page."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest
from benchmarks.scanned import page
from benchmarks.scanned_counts import (
    CHECKS,
    CODE,
    DELEGATE,
    DISAGREES,
    EMPTY,
    INK,
    ONE_HAND,
    OTHER_CODE,
    PATCH,
    SOUGHT,
    WRITTEN_OVER,
    Audited,
    Told,
    alarms,
    found_of,
    names,
    told,
)

from veedor.audit.findings import Fact
from veedor.simulate.sheets.plants import KINDS

STATION = {i: f"s{i}" for i in range(10)}
WAYS = dict.fromkeys(way for ways in SOUGHT.values() for way in ways)


def fact(subject="", status="observed", questioned=None, kind=None, **rows) -> Fact:
    columns = {name: np.array(column) for name, column in rows.items()}
    some = None if questioned is None else np.array(questioned, np.int64)
    return Fact(subject, status, {}, "", "", kind=kind, rows=columns or None, questioned=some)


def election(*planted, tampering=(), wrong=(), altered=(), **facts) -> Audited:
    """Ten stations of an election; the findings that are not given say nothing."""
    every = {check: [] for check in CHECKS}
    for way in WAYS:
        if all(f.subject != way.subject for f in every[way.check]):
            every[way.check].append(Told(way.subject, "not-observed"))
    for name, some in facts.items():
        check = name.replace("__", ".").replace("_", "-")
        said = {f.subject: f for f in every[check]} | {
            f.subject: told(check, f, STATION) for f in some
        }
        every[check] = list(said.values())
    sheets = [
        {
            "station": station,
            "altered": [{"field": f, "label": label} for s, f, label in altered if s == station],
        }
        for station in STATION.values()
    ]
    truth = {
        "options": ["A", "B", "C"],
        "tampering": list(tampering),
        "sheets": {
            "planted": [{"kind": k, "stations": s, "values": v} for k, s, v in planted],
            "transcription": [{"station": s, "field": f} for s, f in wrong],
            "sheets": sheets,
        },
    }
    return Audited(every, truth)


def seen(named) -> tuple[int, int, int, int]:
    return named.listed.seen, named.listed.of, named.questioned.seen, named.questioned.of


READING = fact(
    "official",
    questioned=[1, 4],
    sid=[1, 2, 3, 4, 5, 6, 6],
    what=["disagrees"] * 4 + ["written over or struck"] * 2 + ["agrees, drawn to be looked at"],
    field=["A", "B", "A", "declared_valid", "C", "B", "A"],
)


def test_a_number_is_found_by_the_field_that_was_changed():
    one = election(
        ("mistyped", ["s1"], {"field": "votes-1"}),
        ("mistyped", ["s2"], {"field": "votes-3"}),
        ("altered", ["s5"], {"field": "votes-3"}),
        ("altered", ["s6"], {"field": "votes-1"}),
        tampering=[{"kind": "alter_between_counts", "stations": ["s3"]}],
        wrong=[("s1", "votes-1"), ("s2", "votes-3"), ("s3", "votes-1"), ("s3", "votes-2")],
        images__reading=[READING],
    )
    found = found_of([one])
    assert seen(found.planted["mistyped", DISAGREES]) == (1, 2, 1, 2)
    assert seen(found.planted["alter_between_counts", DISAGREES]) == (1, 1, 0, 1)
    assert seen(found.planted["altered", WRITTEN_OVER]) == (1, 2, 0, 2)
    # What was planted for the check is no other station of any of its rows; what is questioned
    # is of the whole finding.
    assert seen(found.others[DISAGREES]) == (1, 5, 1, 5)
    assert seen(found.others[WRITTEN_OVER]) == (0, 5, 1, 5)
    assert seen(found.others[PATCH]) == (0, 10, 0, 10)


def test_a_difference_that_nobody_planted_is_a_slip():
    wrong = [("s1", "votes-1"), ("s1", "votes-2"), ("s2", "votes-1"), ("s3", "votes-1")]
    tampering = [{"kind": "alter_between_counts", "stations": ["s3", "s8"]}]
    one = election(tampering=tampering, wrong=wrong, images__reading=[READING])
    found = found_of([one])
    assert seen(found.planted["slip", DISAGREES]) == (1, 2, 1, 2)
    # Of s8 the count says again what the sheet says.
    assert seen(found.planted["alter_between_counts", DISAGREES]) == (1, 1, 0, 1)
    assert seen(found.others[DISAGREES]) == (1, 7, 1, 7)


def test_others_listed_as_written_over_are_held_against_the_sheets():
    one = election(
        altered=[("s5", "votes-3", "struck"), ("s6", "votes-2", "7")], images__reading=[READING]
    )
    found = found_of([one])
    assert seen(found.others[WRITTEN_OVER]) == (2, 10, 2, 10)
    assert (found.corrected.seen, found.corrected.of) == (1, 2)


def test_hands_are_counted_by_stations_and_by_centres():
    one = election(
        ("one-hand", ["s0", "s1"], {}),
        ("one-odd", ["s2", "s3", "s4"], {"odd": "s4"}),
        ("same-pen", ["s7", "s8"], {}),
        handwriting__same_writer=[fact(questioned=[0, 1, 2], sid=[0, 1, 2, 3, 4])],
    )
    found = found_of([one])
    assert seen(found.planted["one-hand", ONE_HAND]) == (2, 2, 2, 2)
    assert seen(found.planted["one-odd", ONE_HAND]) == (2, 2, 1, 2)
    assert seen(found.planted["same-pen", ONE_HAND]) == (0, 2, 0, 2)
    assert seen(found.centres["one-odd"]) == (1, 1, 0, 1)
    # The odd sheet, and those of innocent kinds, are others.
    assert seen(found.others[ONE_HAND]) == (1, 6, 0, 6)


def test_copies_are_found_at_either_station_and_by_field():
    shared = [
        "boxes 1, 2 of votes-1 = boxes 1, 2 of votes-1; 5e-06",
        "box 1 of votes-2 = box 3 of votes-3; 5e-06",
    ]
    one = election(
        ("copied-field", ["s1"], {"field": "votes-1", "source": "s0"}),
        ("copied-digit", ["s2"], {"field": "votes-1"}),
        ("reused-image", ["s4"], {"source": "s3"}),
        ("swapped-images", ["s5", "s6"], {}),
        images__duplicate=[
            fact("patch", questioned=[0, 1], sid=[0, 2], other=["s1", "s2"], shared=shared),
            fact("ink", questioned=[3, 4, 7], sid=[3, 7], other=["s4", "s3"]),
            fact("code", questioned=[5], sid=[5, -1], other=["s6", "x"]),
        ],
        images__reading=[fact(kind="descriptive", sid=[5, 7, -1], other_code=[1, 0, 1])],
    )
    found = found_of([one])
    assert seen(found.planted["copied-field", PATCH]) == (1, 1, 1, 1)
    assert seen(found.planted["copied-digit", PATCH]) == (0, 1, 0, 1)
    assert seen(found.planted["reused-image", INK]) == (1, 1, 1, 1)
    assert seen(found.planted["swapped-images", CODE]) == (2, 2, 1, 2)
    assert seen(found.planted["swapped-images", OTHER_CODE]) == (1, 2, 0, 0)
    assert seen(found.others[INK]) == (1, 3, 1, 3)
    assert seen(found.others[OTHER_CODE]) == (0, 8, 0, 0)


def test_delegates_are_listed_from_ten_times_and_question_nothing():
    rows = {"sid": [1, 2, 3], "log10_ratio": [1.0, 0.9, 1.0]}
    some = [fact("own-sheet", "not-observed", **rows)]
    one = election(("delegate-writes", ["s1"], {}), handwriting__delegate=some)
    found = found_of([one])
    assert seen(found.planted["delegate-writes", DELEGATE]) == (1, 1, 0, 0)
    assert found.others[DELEGATE].cells().endswith("| – | –")
    assert seen(found.others[DELEGATE]) == (1, 9, 0, 0)
    with pytest.raises(ValueError, match="question none"):
        found_of([election(handwriting__delegate=[fact("own-sheet", questioned=[1])])])


def test_empty_rivals_are_questioned_by_the_finding_on_an_option():
    one = election(
        ("empty-rivals", ["s1"], {"option": "A"}),
        ("empty-rivals", ["s2"], {"option": "A"}),
        sheets__blank_not_zero=[
            fact("scans", kind="descriptive", sid=[1, 2, 3], empty_options=["B, C", "A", "C"]),
            fact("scans.A", questioned=[1], sid=[1]),
        ],
    )
    found = found_of([one])
    assert seen(found.planted["empty-rivals", EMPTY]) == (1, 2, 1, 2)
    assert seen(found.others[EMPTY]) == (1, 8, 0, 8)


def test_nothing_is_passed_over_in_silence():
    assert {*KINDS, "alter_between_counts", "slip"} == set(SOUGHT)
    with pytest.raises(ValueError, match="forged-seal"):
        found_of([election(("forged-seal", ["s1"], {}))])
    with pytest.raises(ValueError, match="inflate_invalid"):
        found_of([election(tampering=[{"kind": "inflate_invalid", "stations": ["s1"]}])])
    one = election()
    one.facts["images.duplicate"][:] = []
    with pytest.raises(ValueError, match="no finding"):
        found_of([one])


def test_an_alarm_is_observed_of_what_is_not_so():
    right = election(images__reading=[READING], images__duplicate=[fact("ink")])
    told_ = [("s1", "votes-1"), ("s4", "votes-2")]
    wrong = election(wrong=told_, images__reading=[READING, fact("preliminary-1")])
    found = alarms([right, wrong])
    reading = found[f"`{DISAGREES.check}` (official)"]
    assert (reading.alarms.seen, reading.alarms.of) == (1, 2)
    assert reading.statuses == {"observed": 2}
    assert found["`images.reading` (preliminary-1)"].alarms.of == 0
    ink = found[str(INK)]
    assert (ink.alarms.seen, ink.alarms.of) == (1, 2)


def test_names_of_a_field():
    assert names("votes-2", ["A", "B"]) == {"votes-2", "B"}
    assert names("valid", ["A", "B"]) == {"valid", "declared_valid"}
    assert names("null", ["A", "B"]) == {"null"}


def test_the_page_has_every_finding_and_kind():
    void = fact("scans", "void", kind="descriptive")
    drill = election(
        ("mistyped", ["s1"], {"field": "votes-1"}),
        wrong=[("s1", "votes-1")],
        images__reading=[READING],
    )
    args = Namespace(honest=1, drills=1, seed=0, split="train")
    honest = alarms([election(sheets__blank_not_zero=[void])])
    text = page(honest, found_of([drill]), args, (10, 10))
    assert "| `sheets.blank-not-zero` (scans) | void 1 | – | – |" in text
    assert "| `mistyped` | `images.reading` (official): disagrees | 1 of 1 |" in text
    assert "* of `images.reading`: `swapped-images`, `mistyped`, `alter_between_counts`," in text
    assert "is too good.**" in text
    assert all(f"`{check}`" in text for check in CHECKS)
