"""Trails of custody: what departs from the prescribed order, and what only looks odd."""

from __future__ import annotations

import itertools

import pytest

from tests.building import evidence, facts, stations
from tests.checks.test_infrastructure_hosts import HOSTILE, fact, night

ORDER = {"custody": {"order": [["in", "one"], ["one", "two"]]}}
NAMES = {"in": "in", "one": "one", "two": "two"}
START = 1580500800


def trail(sid, *seconds, steps=("in", "one", "two"), **columns):
    """The steps of a trail at these seconds after the start; None has no stamp, NaN is unread."""
    return [
        {
            "sid": sid,
            "step": name,
            "t": None if t is None or t != t else START + t,
            "raw": None if t is None else f"stamp {t}",
            **{n: values[i] for n, values in columns.items()},
        }
        for i, (name, t) in enumerate(zip(steps, seconds, strict=True))
    ]


def chain(*trails, **plan):
    return fact(
        "custody.chain", night(trails=itertools.chain.from_iterable(trails), **ORDER | plan)
    )


def departed(said):
    return [] if said.questioned is None else said.questioned.tolist()


GOOD = [trail(i, 61 * i, 61 * i + 100, 61 * i + 200) for i in range(10, 20)]


def test_trails_in_the_prescribed_order_depart_in_nothing():
    said = chain(*GOOD)
    assert (said.status, said.statistic["departures"], said.questioned) == ("not-observed", 0, None)
    assert (said.statistic["trails"], said.statistic["stations"]) == (10, 10)
    assert [s["stamped"] for s in said.statistic["steps"]] == [10, 10, 10]
    first = said.statistic["order"][0]
    assert (first["least_seconds"], first["median_seconds"], first["both"]) == (100, 100, 10)


def test_a_reversed_pair_is_a_departure_only_where_the_case_prescribes_it():
    odd = trail(1, 100, 50, 200), trail(2, 0, 300, 200), trail(3, 500, 100, 200)
    said = chain(*GOOD, *odd)
    assert (said.status, departed(said)) == ("observed", [1, 2, 3])
    counts = {(p["earlier"], p["later"]): (p["reversed"], p["prescribed"])
              for p in said.statistic["order"]}  # fmt: skip
    assert counts == {("in", "one"): (2, True), ("one", "two"): (1, True),
                      ("in", "two"): (1, False)}  # fmt: skip
    free = chain(*GOOD, *odd, custody={"order": [["in", "two"]]})
    assert departed(free) == [3]
    none = chain(*GOOD, *odd, custody={})
    assert (none.status, departed(none)) == ("not-determinable", [])
    assert sum(p["reversed"] for p in none.statistic["order"]) == 4


@pytest.mark.parametrize(("second", "found"), [(61, [1]), (60, [])])
def test_two_steps_at_one_instant_depart_where_stamps_have_seconds(second, found):
    minutes = [trail(i, 60 * i, 60 * i + 60, 60 * i + 120) for i in range(10, 20)]
    said = chain(trail(1, 0, 0, 60), *minutes, trail(2, 0, second, 120))
    assert said.statistic["to_the_second"] == bool(found)
    assert departed(said) == found
    assert said.statistic["order"][0]["same"] == 1


def test_a_prescribed_step_is_missed_where_others_have_it():
    lacks, unread = trail(1, 0, None, 200), trail(2, 0, float("nan"), 200)
    said = chain(*GOOD, lacks, unread, trail(3, 0, 100, steps=("in", "one")))
    assert departed(said) == [1, 3]
    by = {s["step"]: (s["stamped"], s["missing"], s["unread"]) for s in said.statistic["steps"]}
    assert by == {"in": (13, 0, 0), "one": (11, 1, 1), "two": (12, 1, 0)}


def test_a_step_that_no_trail_has_is_told_and_held_against_none():
    said = chain(*(trail(i, 0, 61, None) for i in range(4)))
    assert (said.status, departed(said)) == ("not-observed", [])
    assert said.statistic["steps"][2]["missing"] == 4
    assert "No trail has a stamp of two" in said.fact


def test_a_step_that_is_not_prescribed_may_be_missing():
    said = chain(*GOOD, trail(1, 0, 61, None), custody={"order": [["in", "one"]]})
    assert departed(said) == []


def test_one_person_in_steps_kept_apart_departs_and_in_other_steps_does_not():
    people = [trail(i, 0, 61, 200, actor=("eva", "ana", "eva")) for i in range(3)]
    same = trail(5, 0, 61, 200, actor=("ana", "ana", "eva"))
    said = chain(*people, same, incompatible=[{"duties": ["in", "one"]}])
    assert departed(said) == [5]
    by = {(p["first"], p["second"]): (p["both"], p["same"], p["incompatible"])
          for p in said.statistic["people"]}  # fmt: skip
    assert by == {("in", "one"): (4, 1, True), ("in", "two"): (4, 3, False),
                  ("one", "two"): (4, 0, False)}  # fmt: skip
    assert departed(chain(*people, same)) == []


def test_two_logins_of_one_person_are_one_person():
    users = [{"id": "a1", "person": "p"}, {"id": "a2", "person": "p"}]
    same = trail(5, 0, 61, 200, actor=("a1", "a2", "eva"))
    assert departed(chain(same, incompatible=[{"duties": ["in", "one"]}], users=users)) == [5]


def test_a_handover_by_another_than_the_taker_before_breaks_the_chain():
    whole = trail(1, 0, 61, 200, actor=("ana", "eva", "joe"), taker=("eva", "joe", "zoe"))
    broken = trail(2, 0, 61, 200, actor=("ana", "eva", "max"), taker=("eva", "joe", "zoe"))
    silent = trail(3, 0, 61, 200, actor=("ana", None, "max"), taker=("eva", None, None))
    said = chain(whole, broken)
    assert departed(said) == [2]
    assert said.statistic["handovers"] == {"links": 4, "broken": 1}
    assert departed(chain(whole, silent)) == [3]
    early = trail(4, 300, 61, 400, actor=("eva", "ana", "joe"), taker=("joe", "eva", "zoe"))
    assert chain(early).statistic["handovers"]["broken"] == 0


@pytest.mark.parametrize(("changed", "found"), [(1, [0]), (4, [0, 1, 2, 3]), (5, []), (9, [])])
def test_a_seal_that_changes_departs_where_most_trails_keep_theirs(changed, found):
    trails = [trail(i, 0, 61, 200, seal=("x", "y" if i < changed else "x", None))
              for i in range(10)]  # fmt: skip
    said = chain(*trails)
    assert said.statistic["seals"] == [{"first": "in", "second": "one", "both": 10,
                                        "changed": changed, "usual": bool(found)}]  # fmt: skip
    assert departed(said) == found


def test_a_step_recorded_twice_is_taken_at_its_first_stamp():
    again = [trail(1, 900, steps=("in",))[0] | {"row": 99}]
    assert departed(chain(trail(1, 0, 61, 200), again)) == []
    before = [trail(1, -5, steps=("two",))[0] | {"row": 99}]
    assert departed(chain(trail(1, 0, 61, 200), before)) == [1]


def test_bundles_of_one_station_are_trails_of_their_own():
    one = [row | {"bundle": "a"} for row in trail(1, 0, 61, 200)]
    two = [row | {"bundle": "b"} for row in trail(1, 300, 361, 350)]
    said = chain(one, two)
    assert (said.statistic["trails"], said.statistic["stations"]) == (2, 1)
    assert (said.statistic["departures"], departed(said)) == (1, [1])


def test_a_trail_of_an_unknown_station_is_counted_and_questions_nothing():
    said = chain(*GOOD, trail(None, 100, 61, 200))
    assert said.status == "observed"
    assert (said.statistic["trails"], said.statistic["stations"]) == (11, 10)
    assert (said.statistic["departures"], departed(said)) == (1, [])


def test_hostile_texts_in_trails_are_texts():
    rows = [trail(i, 0, 61, 200, actor=(t, t, t), taker=(t, t, t), seal=(t, t, t))
            for i, t in enumerate(HOSTILE)]  # fmt: skip
    said = chain(*rows, [row | {"bundle": HOSTILE[0]} for row in trail(50, 0, 61, 200)])
    assert (said.status, said.statistic["trails"]) == ("not-observed", len(HOSTILE) + 1)
    odd = [trail(i, 0, 1, steps=("in", t)) for i, t in enumerate(HOSTILE)]
    assert (
        fact("custody.chain", night(trails=itertools.chain.from_iterable(odd))).status
        == "not-determinable"
    )


def test_a_file_with_a_row_a_sheet_is_read_step_by_step(tmp_path):
    official = {"station": ["1", "2", "3"], "A": [6, 6, 6], "B": [4, 4, 4]}
    trails = {
        "station": ["1", "2", "3", "3"],
        "in_at": ["2020-02-01T10:00:00", "2020-02-01T10:00:00", "soon", "2020-02-01T12:00:00"],
        "one_at": ["2020-02-01T11:00:07", "2020-02-01T09:59:59", "2020-02-01T11:00:00", ""],
        "by": ["Ana", "Ana", "Eva", " "],
    }
    entry = {
        "kind": "custody", "key": "station",
        "steps": [{"id": "one", "instant": "one_at"}, {"id": "in", "instant": "in_at",
                                                       "actor": "by"}],
    }  # fmt: skip
    found = evidence(
        tmp_path,
        {"official": official},
        options=("A", "B"),
        files={"trails": (entry, trails)},
        custody={"order": [["in", "one"]]},
    )
    said = facts("custody.chain", found)[""]
    assert (said.statistic["trails"], said.statistic["stations"]) == (4, 3)
    assert [s["step"] for s in said.statistic["steps"]] == ["one", "in"]
    by = {s["step"]: (s["stamped"], s["missing"], s["unread"], s["people"])
          for s in said.statistic["steps"]}  # fmt: skip
    assert by == {"one": (3, 1, 0, 0), "in": (3, 0, 1, 2)}
    assert said.statistic["departures"] == 2
    assert list(found.describe(said.questioned)["station"]) == ["2", "3"]
    assert stations(found, said) == ["2", "3", "1", "3"]
    assert said.rows["row"].tolist() == [3, 5, 2, 4]
