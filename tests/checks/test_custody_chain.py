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


@pytest.mark.parametrize(("first", "second", "found"), [
    (1, 61, [1]), (0, 61, []), (1, 60, []), (0, 60, []),
])  # fmt: skip
def test_two_steps_at_one_instant_depart_where_both_are_stamped_with_seconds(first, second, found):
    minutes = [trail(i, 60 * i, 60 * i + 60, 60 * i + 120) for i in range(10, 20)]
    said = chain(trail(1, 0, 0, 60), *minutes, trail(2, first, second, 121))
    fine = {s["step"]: s["to_the_second"] for s in said.statistic["steps"]}
    assert fine == {"in": bool(first % 60), "one": bool(second % 60), "two": True}
    assert departed(said) == found
    pair = said.statistic["order"][0]
    assert (pair["same"], pair["at_once"]) == (1, len(found))
    assert ("at one instant, to the second: one with in 1." in said.fact) == bool(found)


def test_stamps_to_the_second_in_one_record_make_none_of_another_so():
    level = [row | {"source": "minutes"} for row in trail(1, 0, 0, 60)]
    seconds = trail(2, 1, 62, 200), trail(3, 5, 66, 250)
    assert departed(chain(level, *seconds)) == []
    assert departed(chain(trail(1, 0, 0, 60), *seconds)) == [1]


def test_a_prescribed_step_is_missed_where_others_have_it():
    lacks, unread = trail(1, 0, None, 200), trail(2, 0, float("nan"), 200)
    said = chain(*GOOD, lacks, unread, trail(3, 0, 100, steps=("in", "one")))
    assert departed(said) == [1, 3]
    assert "A prescribed step is missing: one 1; two 1." in said.fact
    by = {s["step"]: (s["stamped"], s["missing"], s["unread"]) for s in said.statistic["steps"]}
    assert by == {"in": (13, 0, 0), "one": (11, 1, 1), "two": (12, 1, 0)}


def test_a_step_that_no_trail_has_is_told_and_held_against_none():
    said = chain(*(trail(i, 0, 61, None) for i in range(4)))
    assert (said.status, departed(said)) == ("not-determinable", [])
    assert said.statistic["steps"][2]["missing"] == 4
    assert said.statistic["absent"] == [{"step": "two", "recorded": True, "near": None}]
    assert "No trail has a stamp of two, which the case prescribes." in said.fact


def test_a_prescribed_step_that_no_record_names_is_told_with_the_nearest_name():
    said = chain(*GOOD, custody={"order": [["in", "one"], ["one", "twwo"]]})
    assert (said.status, departed(said)) == ("not-determinable", [])
    assert said.statistic["absent"] == [{"step": "twwo", "recorded": False, "near": "two"}]
    assert said.statistic["unjudged"] == [{"earlier": "one", "later": "twwo"}]
    steps = {s["step"]: s["missing"] for s in said.statistic["steps"]}
    assert steps == {"in": 0, "one": 0, "two": 0, "twwo": 10}
    assert "No trail has a step twwo that the case prescribes (a step two is recorded)" in said.fact
    assert "prescribes no order" not in said.fact
    assert "No trail reverses 1 of 2 prescribed pairs of steps (at least 10 trails" in said.fact


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_pairs_that_no_trail_has_with_two_readable_stamps_are_not_judged(gap):
    said = chain(*(trail(i, gap, gap, gap) for i in range(4)))
    assert (said.status, departed(said)) == ("not-determinable", [])
    assert said.statistic["unjudged"] == [
        {"earlier": "in", "later": "one"}, {"earlier": "one", "later": "two"},
    ]  # fmt: skip
    assert "reverses" not in said.fact
    assert "Not judged, as no trail has a readable stamp of both: in before one; one" in said.fact
    unread = 0 if gap is None else 12
    assert (said.statistic["stamps"], said.statistic["unread"]) == (unread, unread)
    assert ("12 of 12 stamps cannot be read as instants" in said.fact) == bool(unread)


def test_one_pair_that_no_trail_can_be_judged_on_keeps_from_saying_that_none_departs():
    said = chain(*(trail(i, 0, 61, float("nan")) for i in range(4)))
    assert said.status == "not-determinable"
    assert "4 of 12 stamps cannot be read as instants" in said.fact
    assert chain(*GOOD, trail(1, 0, 61, float("nan"))).status == "not-observed"


def test_rows_with_neither_a_station_nor_a_bundle_are_of_no_trail():
    """Two handovers of nobody knows what, which say nothing of one another."""
    lost = [
        {"sid": None, "step": "in", "t": START + t, "raw": "x", "actor": a, "taker": b}
        for t, a, b in ((100, "ana", "eva"), (200, "joe", "max"))
    ]
    said = chain(lost, custody={})
    assert (said.status, said.statistic["trails"]) == ("not-determinable", 0)
    assert (said.statistic["without_id"], said.statistic["handovers"]["links"]) == (2, 0)
    assert "2 rows name neither a station nor a bundle, and are of no trail." in said.fact
    said = chain(*GOOD, lost[:1])
    assert (said.status, said.statistic["trails"]) == ("not-observed", 10)
    assert "1 row names neither a station nor a bundle, and is of no trail." in said.fact
    bag = [row | {"bundle": "bag"} for row in lost]
    assert chain(bag, custody={}).statistic["handovers"] == {"links": 1, "broken": 1}


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


def test_one_login_is_in_incompatible_steps_of_as_many_trails_as_sheets_in_the_check_of_duties():
    users = [{"id": "desk", "shared": True}, {"id": "admin", "person": "p"},
             {"id": "a2", "person": "p"}, {"id": "a3", "person": "p"}]  # fmt: skip
    who = [("ana", "ana"), ("ana", "eva"), ("desk", "desk"), ("admin", "admin"), ("admin", "a2"),
           ("a2", "a3"), ("root", "root")]  # fmt: skip
    rows = [row for i, (a, b) in enumerate(who) for row in trail(i, 0, 61, 200, actor=(a, b, "z"))]
    found = night(trails=rows, incompatible=[{"duties": ["in", "one"]}], users=users, **ORDER)
    chained, duties = fact("custody.chain", found), fact("duties", found)
    names = ("both", "same", "shared_or_system")
    (pair,) = (p for p in chained.statistic["people"] if p["incompatible"])
    assert [pair[n] for n in names] == [7, 2, 3]
    assert [duties.statistic["incompatible"][0][n] for n in names] == [7, 2, 3]
    assert departed(chained) == duties.questioned.tolist() == [0, 5]


def test_steps_kept_apart_that_no_login_took_together_are_told_as_asked_and_not_found():
    """As on a trail with a login in each of two transcriptions, never the same."""
    rows = [trail(i, 0, 61, 200, actor=("ana", "eva", "joe")) for i in range(3)]
    said = chain(*rows, incompatible=[{"duties": ["in", "one"]}])
    assert said.status == "not-observed"
    assert "One login in steps that the case keeps apart" not in said.fact
    assert "No trail has one login in both of (trails with logins in both): in and one 3." in (
        said.fact
    )


def test_two_logins_of_one_person_are_one_person():
    users = [{"id": "a1", "person": "p"}, {"id": "a2", "person": "p"}]
    same = trail(5, 0, 61, 200, actor=("a1", "a2", "eva"))
    assert departed(chain(same, incompatible=[{"duties": ["in", "one"]}], users=users)) == [5]


def test_a_shared_login_or_a_systems_account_in_steps_kept_apart_is_counted_apart():
    users = [{"id": "desk", "shared": True}, {"id": "a1", "person": "p", "shared": True},
             {"id": "a2", "person": "p"}]  # fmt: skip
    rows = [trail(i, 0, 61, 200, actor=(*who, "eva"))
            for i, who in enumerate((("desk", "desk"), ("root", "root"), ("a1", "a2"),
                                     ("ana", "eva")))]  # fmt: skip
    said = chain(*rows, incompatible=[{"duties": ["in", "one"]}], users=users)
    assert (said.status, departed(said)) == ("not-observed", [])
    pair = said.statistic["people"][0]
    assert (pair["both"], pair["same"], pair["shared_or_system"]) == (4, 0, 2)
    assert "is in both 2 times, not counted there" in said.fact


def test_a_login_is_called_a_login_and_a_persons_logins_only_where_the_case_joins_them():
    rows, plan = (
        trail(5, 0, 61, 200, actor=("ana",) * 3),
        {"incompatible": [{"duties": ["in", "one"]}]},
    )
    assert "One login in steps that the case keeps apart: in and one 1." in chain(rows, **plan).fact
    users = [{"id": "a1", "person": "p"}, {"id": "a2", "person": "p"}]
    assert "One login or one person's logins in" in chain(rows, users=users, **plan).fact


def test_every_handover_of_a_step_that_a_trail_has_often_is_a_link():
    def carried(*people, sid=1, last="in"):
        steps = ["one"] * (len(people) - 2) + [last]
        return trail(sid, *range(1, 61 * len(steps), 61), steps=steps, actor=people[:-1],
                     taker=people[1:])  # fmt: skip

    said = chain(carried("ana", "eva", "joe", "max"), custody={"order": [["one", "in"]]})
    assert (said.status, said.statistic["handovers"]) == (
        "not-observed", {"links": 2, "broken": 0},
    )  # fmt: skip
    other = [row | {"actor": "zoe"} if n == 1 else row
             for n, row in enumerate(carried("ana", "eva", "joe", "max", sid=2))]  # fmt: skip
    said = chain(other, custody={"order": [["one", "in"]]})
    assert (departed(said), said.statistic["departing"]["links"]) == ([2], 1)
    words = "Of 2 successive handovers, 1 is by another than the taker before, on 1 trail."
    assert words in said.fact
    alone = chain(carried("ana", "eva", "joe", last="one"), custody={})
    assert (alone.status, alone.statistic["handovers"]["links"]) == ("not-observed", 1)
    broken = trail(3, 1, 62, steps=("one", "one"), actor=("ana", "joe"), taker=("eva", "max"))
    assert (chain(broken, custody={}).status) == "observed"


def at_once(sid, *people, at=60):
    """Handovers of one minute, each from one to the next of two people, written in this order."""
    return [
        trail(sid, at, steps=("one",), actor=(giver,), taker=(taker,))[0] | {"row": n}
        for n, (giver, taker) in enumerate(people, 1)
    ]


@pytest.mark.parametrize("written", [*itertools.permutations(("ab", "bc", "ca"))])
def test_handovers_at_one_instant_are_taken_in_the_order_that_fits(written):
    said = chain(at_once(1, *written), custody={})
    assert (said.status, said.statistic["handovers"]) == ("not-observed", {"links": 2, "broken": 0})
    # The one before the instant and the one after it decide in which order they stand.
    around = at_once(1, ("z", "b"), at=0) + at_once(1, ("b", "y"), at=120)
    whole = chain(at_once(1, *written), around, custody={})
    assert whole.statistic["handovers"] == {"links": 4, "broken": 0}


def test_handovers_at_one_instant_are_broken_where_they_are_in_every_order():
    for written in itertools.permutations((("a", "b"), ("b", "c"), ("d", "e"))):
        said = chain(at_once(1, *written), custody={})
        assert (said.status, said.statistic["handovers"]) == ("observed", {"links": 2, "broken": 1})
    seals = trail(2, 0, 60, 60, steps=("in", "two", "one"), seal=("x", "y", "x"))
    assert sum(s["changed"] for s in chain(seals, custody={}).statistic["seals"]) == 1


def test_handovers_too_many_at_one_instant_are_compared_with_none():
    people = [(str(i), str(i + 1)) for i in range(7)]
    assert chain(at_once(1, *people[:0:-1]), custody={}).statistic["handovers"]["broken"] == 0
    said = chain(at_once(1, *people[::-1]), custody={})
    assert (said.status, said.statistic["crowded"]) == ("not-determinable", 7)
    assert said.statistic["handovers"] == {"links": 0, "broken": 0}
    assert "7 handovers are at an instant of so many of the same trail" in said.fact


def test_a_departure_is_told_in_its_row_with_how_it_departs():
    people = {"actor": ("ana", "eva", "joe"), "taker": ("eva", "joe", "zoe"), "seal": ("x",) * 3}
    whole = [trail(i, 61 * i, 61 * i + 100, 61 * i + 200, **people) for i in range(10, 20)]
    said = chain(
        *whole,
        trail(1, 100, 50, 200),
        trail(2, 0, None, 200),
        trail(3, 1, 1, 200),
        trail(4, 0, 61, 200, **people | {"actor": ("ana", "max", "joe")}),
        trail(5, 0, 61, 200, **people | {"seal": ("x", "y", "y")}),
        trail(6, 0, 61, 200, actor=("ana", "ana", "eva")),
        incompatible=[{"duties": ["in", "one"]}],
    )
    told = ("reversed", "at_once", "missing", "same_login", "broken_handover", "changed_seal")
    rows = zip(said.rows["sid"].tolist(), said.rows["departs"].tolist(),
               *(said.rows[n].tolist() for n in told), strict=True)  # fmt: skip
    found = {sid: [w for w in words if w] for sid, _, *words in rows}
    assert found == {sid: [] for sid in range(10, 20)} | {
        1: ["one before in"],
        2: ["one"],
        3: ["one with in"],
        4: ["one by max, taken before by eva (in)"],
        5: ["in x, one y"],
        6: ["in and one: ana"],
    }
    departs = dict(zip(said.rows["sid"].tolist(), said.rows["departs"].tolist(), strict=True))
    assert departs == {sid: bool(words) for sid, words in found.items()}


def test_a_step_named_as_a_column_of_the_rows_has_one_of_its_own():
    odd = trail(1, 0, 61, steps=("row", "missing"))
    said = chain(odd, custody={"order": [["row", "missing"]]})
    assert said.rows["row"].tolist() == [1]
    assert said.rows["missing"].tolist() == [None]
    assert said.rows["step row"].tolist() == ["2020-01-31T20:00:00+00:00"]


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
    assert said.statistic["seals"] == [{
        "first": "in", "second": "one", "both": 10, "changed": changed, "usual": bool(found),
        "changes_on_most": not found,
    }]  # fmt: skip
    assert departed(said) == found
    words = "differs from the one before where most" if found else "changes on most trails, which"
    assert words in said.fact
    assert f": in to one {changed} of 10." in said.fact


def test_seals_are_compared_from_each_handover_to_the_next():
    kept = [trail(i, 1, 62, 123, steps=("one",) * 3, seal=("x", "x", "x")) for i in range(5)]
    odd = trail(7, 1, 62, 123, steps=("one",) * 3, seal=("x", "y", "x"))
    said = chain(*kept, odd, custody={})
    assert [
        (s["first"], s["second"], s["both"], s["changed"]) for s in said.statistic["seals"]
    ] == [("one", "one", 12, 2)]
    assert departed(said) == [7]


def test_a_step_recorded_twice_is_taken_at_its_first_stamp():
    again = [trail(1, 900, steps=("in",))[0] | {"row": 99}]
    assert departed(chain(trail(1, 0, 61, 200), again)) == []
    before = [trail(1, -5, steps=("two",))[0] | {"row": 99}]
    assert departed(chain(trail(1, 0, 61, 200), before)) == [1]


def test_a_new_number_of_a_bundle_begins_no_new_trail():
    rows = trail(1, 0, 61, 200, actor=("ana", "eva", "joe"), taker=("eva", "joe", "zoe"))
    said = chain(*GOOD, [row | {"bundle": b} for row, b in zip(rows, "aab", strict=True)])
    assert (said.statistic["trails"], said.statistic["several_bundles"]) == (11, 1)
    assert (said.status, said.statistic["handovers"]) == ("not-observed", {"links": 2, "broken": 0})
    assert "1 trail names more than one bundle" in said.fact
    rows[2]["actor"] = "max"
    said = chain(*GOOD, [row | {"bundle": b} for row, b in zip(rows, "aab", strict=True)])
    assert departed(said) == [1]


def test_bundles_of_one_station_that_travel_side_by_side_are_handed_over_each_by_itself():
    one = trail(1, 0, 61, 200, actor=("ana", "eva", "joe"), taker=("eva", "joe", "zoe"))
    two = trail(1, 10, 71, 210, actor=("ana", "max", "lea"), taker=("max", "lea", "zoe"))
    rows = [r | {"bundle": "a"} for r in one] + [r | {"bundle": "b"} for r in two]
    said = chain(rows)
    assert (said.statistic["trails"], said.statistic["stations"]) == (1, 1)
    assert (said.status, said.statistic["handovers"]) == ("not-observed", {"links": 4, "broken": 0})
    unnamed = [row | ({"bundle": None} if n == 1 else {}) for n, row in enumerate(rows)]
    assert chain(unnamed).status == "not-observed"
    rows[4]["actor"] = "joe"
    assert departed(chain(rows)) == [1]


def test_a_trail_of_an_unknown_station_is_counted_and_questions_nothing():
    said = chain(*GOOD, [row | {"station": "999"} for row in trail(None, 100, 61, 200)])
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
