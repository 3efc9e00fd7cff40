"""Frozen hashes against those taken, and duties of people against the steps they took."""

from __future__ import annotations

import pytest

from tests.checks.test_infrastructure_hosts import HOSTILE, fact, night, stamp, us
from veedor.checks.hosts import MICRO

A, B, C = "a" * 64, "b" * 64, "c" * 64


def frozen(item, sha256, at="09:00:00", **more):
    return {"item": item, "sha256": sha256, "at": f"2020-01-31T{at}Z", **more}


def taken(item, sha256, at, host=None):
    seconds = None if at is None else us(at) // MICRO
    return {"item": item, "sha256": sha256, "t": seconds, "host": host}


def freeze(freezes, hashes, **plan):
    return fact("freeze", night(hashes=hashes, freezes=freezes, **plan))


def test_a_hash_other_than_the_frozen_one_is_told_with_when_it_was_first_seen():
    said = freeze(
        [frozen("software", A, milestone="release"), frozen("image", B)],
        [taken("software", A, "10:00:00"), taken("software", C, "22:00:00"),
         taken("software", B, "21:00:00"), taken("image", B, "22:00:00"),
         taken("other", A, "22:00:00")],
    )  # fmt: skip
    assert said.status == "observed"
    image, software = said.statistic["items"]
    assert software == {
        "item": "software", "milestone": "release", "at": stamp("09:00:00"), "host": None,
        "taken": 3, "equal": 1, "different": 2, "first_different": stamp("21:00:00"),
        "last_equal": stamp("10:00:00"),
    }  # fmt: skip
    assert (image["taken"], image["different"]) == (1, 0)
    assert [said.statistic[n] for n in ("different", "unchecked", "unfrozen")] == [1, 0, 1]
    assert sorted(said.rows["sha256"][said.rows["differs"]].tolist()) == [B, C]


def test_a_freeze_holds_from_its_instant_until_the_next_freeze_of_its_item():
    freezes = [frozen("software", A), frozen("software", B, "20:00:00")]
    good = [taken("software", C, "08:59:59"), taken("software", A, "09:00:00"),
            taken("software", A, "19:59:59"), taken("software", B, "20:00:00")]  # fmt: skip
    said = freeze(freezes, good)
    assert (said.status, [i["taken"] for i in said.statistic["items"]]) == ("not-observed", [2, 1])
    early = freeze(freezes, [*good, taken("software", B, "19:00:00")])
    assert early.status == "observed"
    change = next(e for e in early.explanations if e.id == "change")
    assert change.values == {"refrozen": 1, "later": 1}


@pytest.mark.parametrize(("host", "status"), [
    ("db", "not-determinable"), ("app", "observed"), (None, "observed"),
])  # fmt: skip
def test_a_freeze_on_a_host_is_compared_with_hashes_of_that_host_or_of_none(host, status):
    hosts = [{"id": "app", "role": "application"}]
    said = freeze([frozen("software", A, host="app")], [taken("software", B, "20:00:00", host)],
                  hosts=hosts)  # fmt: skip
    assert said.status == status


@pytest.mark.parametrize("hashes", [
    [], [taken("other", A, "20:00:00")], [taken("software", B, None)],
    [taken("software", B, "08:00:00")],
])  # fmt: skip
def test_what_was_never_hashed_while_frozen_is_not_determinable(hashes):
    said = freeze([frozen("software", A)], hashes)
    assert (said.status, said.statistic["unchecked"]) == ("not-determinable", 1)


def test_hashes_without_an_instant_are_counted_and_never_said_not_to_have_been_taken():
    undated = taken("software", B, None)
    said = freeze([frozen("software", A)], [undated, taken("other", A, None)])
    assert (said.status, said.statistic["undated"]) == ("not-determinable", 1)
    assert "No hash was taken" not in said.fact
    assert "1 hash of a frozen item states no instant" in said.fact
    assert "cannot be placed in time" in said.fact
    said = freeze([frozen("software", A)], [undated, taken("software", A, "20:00:00"), undated])
    assert (said.status, said.statistic["undated"]) == ("not-observed", 2)
    assert "2 hashes of frozen items state no instant" in said.fact
    assert "instant" not in freeze([frozen("software", A)], []).fact


ON_APP = [frozen("software", A), frozen("software", B, "20:00:00", host="app")]


@pytest.mark.parametrize(("at", "host", "sha256", "equal"), [
    ("19:59:59", "app", A, True), ("20:00:00", "app", A, False), ("20:00:00", "app", B, True),
    ("21:00:00", "db", A, True), ("21:00:00", "db", B, False),
    ("21:00:00", None, A, True), ("21:00:00", None, B, True), ("21:00:00", None, C, False),
])  # fmt: skip
def test_a_later_freeze_of_one_host_takes_the_place_of_the_general_one_there(
    at, host, sha256, equal
):
    hosts = [{"id": "app", "role": "application"}, {"id": "db", "role": "database"}]
    for freezes in (ON_APP, ON_APP[::-1]):
        said = freeze(freezes, [taken("software", sha256, at, host)], hosts=hosts)
        assert said.status == ("not-determinable" if equal else "observed")
        assert said.statistic["different"] == (0 if equal else 1)
        assert sum(i["taken"] for i in said.statistic["items"]) == 1


def test_a_later_general_freeze_takes_the_place_of_that_of_one_host():
    hosts = [{"id": "app", "role": "application"}]
    freezes = [frozen("software", A, host="app"), frozen("software", B, "20:00:00")]
    for sha256, status in ((A, "observed"), (B, "not-observed")):
        first = taken("software", A, "10:00:00", "app")
        said = freeze(freezes, [first, taken("software", sha256, "21:00:00", "app")], hosts=hosts)
        assert said.status == status


def test_where_a_freeze_was_compared_with_no_hash_nothing_is_said_not_to_differ():
    freezes = [frozen("software", A), *(frozen(f"item {i}", B) for i in range(9))]
    said = freeze(freezes, [taken("software", A, "20:00:00")])
    assert (said.status, said.statistic["unchecked"]) == ("not-determinable", 9)
    assert "1 of 10 freezes was compared with a hash, and none differs" in said.fact
    assert "9 were compared with none" in said.fact
    every = [taken(f.get("item"), f["sha256"], "20:00:00") for f in freezes]
    said = freeze(freezes, every)
    assert said.status == "not-observed"
    assert said.fact == (
        "No hash differs from the freeze in force: 10 freezes were compared, with 10 hashes."
    )


@pytest.mark.parametrize(("sha256", "other"), [(A, 0), (B, 1)])
def test_hashes_that_can_be_compared_with_no_freeze_are_counted_with_those_that_differ(
    sha256, other
):
    hosts = [{"id": "app", "role": "application"}, {"id": "db", "role": "database"}]
    freezes = [frozen("software", A, host="app")]
    good = taken("software", A, "20:00:00", "app")
    said = freeze(freezes, [good, taken("software", sha256, "20:00:00", "db")], hosts=hosts)
    assert (said.status, said.statistic["uncompared"]) == ("not-observed", 1)
    assert said.statistic["equal_to_none"] == other
    words = "1 hash of a frozen item was taken where no freeze of it holds, and is compared with"
    assert words in said.fact
    assert ("of them is equal to no freeze of the item" in said.fact) == bool(other)
    said = freeze(freezes, [good, taken("software", sha256, None)], hosts=hosts)
    assert (said.statistic["undated"], said.statistic["equal_to_none"]) == (1, other)
    assert ("of them is equal to no freeze of the item" in said.fact) == bool(other)
    early = freeze(freezes, [good, taken("software", B, "08:00:00", "app")], hosts=hosts)
    assert (early.statistic["uncompared"], early.statistic["equal_to_none"]) == (0, 0)


def test_hostile_names_of_frozen_items_are_names():
    said = freeze([frozen(t, A) for t in HOSTILE], [taken(t, B, "20:00:00") for t in HOSTILE])
    assert said.statistic["different"] == len(HOSTILE)


def event(sid, stage, actor):
    return {"sid": sid, "stage": stage, "actor": actor, "t": 1}


def step(sid, name, actor):
    return {"sid": sid, "step": name, "actor": actor}


APART = {"incompatible": [{"duties": ["first", "second"]}]}


def duties(events=(), trails=(), **plan):
    return fact("duties", night(events=events, trails=trails, **plan))


def test_one_login_in_two_incompatible_steps_is_told_sheet_by_sheet():
    said = duties(
        [event(1, "first", "ana"), event(1, "second", "ana"), event(2, "first", "ana"),
         event(2, "second", "eva"), event(3, "first", "ana"), event(4, "first", "ana")],
        [step(3, "second", "ana"), step(4, "storage", "ana"), step(None, "second", "ana")],
        **APART,
    )  # fmt: skip
    assert said.status == "observed"
    assert said.questioned.tolist() == [1, 3]
    assert said.statistic["incompatible"] == [
        {"duties": ["first", "second"], "sheets": 4, "both": 3, "same": 2, "people": 1,
         "shared_or_system": 0}
    ]  # fmt: skip
    assert "On 2 of 3 sheets one login took two of the steps first, second" in said.fact
    assert said.statistic["stations"] == 2


def test_one_person_with_two_logins_is_one_person_and_two_people_are_two():
    pair = [event(1, "first", "a1"), event(1, "second", "a2")]
    assert duties(pair, **APART).status == "not-observed"
    users = [{"id": "a1", "person": "p1"}, {"id": "a2", "person": "p1"}]
    said = duties(pair, users=users, **APART)
    assert (said.status, said.questioned.tolist()) == ("observed", [1])
    assert "one login or one person's logins took two" in said.fact
    other = [{"id": "a1", "person": "p1"}, {"id": "a2", "person": "p2"}]
    assert duties(pair, users=other, **APART).status == "not-observed"


@pytest.mark.parametrize("login", ["desk", "root", "Administrator"])
def test_logins_that_are_nobodys_own_are_counted_apart_and_question_no_sheet(login):
    users = [{"id": "desk", "shared": True}]
    rows = [event(s, step_, login) for s in (1, 2) for step_ in ("first", "second")]
    said = duties(rows, users=users, **APART)
    assert (said.status, said.questioned) == ("not-determinable", None)
    found = said.statistic["incompatible"][0]
    assert (found["same"], found["people"], found["shared_or_system"]) == (0, 0, 2)
    assert "On 2 sheets a shared login or an account of a system took two" in said.fact
    also = [event(2, step_, "ana") for step_ in ("first", "second")]
    said = duties([*rows, *also], users=users, **APART)
    assert (said.status, said.questioned.tolist()) == ("observed", [2])
    assert said.statistic["incompatible"][0]["shared_or_system"] == 1


def test_a_shared_login_is_not_joined_with_the_own_login_of_a_person():
    users = [{"id": "a1", "person": "p", "shared": True}, {"id": "a2", "person": "p"}]
    pair = [event(1, "first", "a1"), event(1, "second", "a2")]
    said = duties(pair, users=users, **APART)
    assert (said.status, said.statistic["stations"]) == ("not-determinable", 0)


def test_one_step_taken_twice_by_one_person_is_one_step():
    twice = [event(1, "first", "ana"), event(1, "first", "ana"), event(1, "second", "eva")]
    assert duties(twice, **APART).status == "not-observed"


def test_of_three_steps_kept_apart_any_two_by_one_person_count_once():
    plan = {"incompatible": [{"duties": ["first", "second", "approval"]}]}
    all_ = [event(1, s, "ana") for s in ("first", "second", "approval")]
    two = [event(2, "first", "eva"), event(2, "second", "joe"), event(2, "approval", "eva")]
    said = duties([*all_, *two], **plan)
    assert said.questioned.tolist() == [1, 2]
    assert (said.statistic["incompatible"][0]["same"],
            said.statistic["incompatible"][0]["people"]) == (2, 2)  # fmt: skip


def test_steps_outside_the_duties_of_a_declared_login_are_counted():
    users = [{"id": "ana", "duties": ["first"]}, {"id": "eva"}]
    said = duties([event(s, "second", "ana") for s in (1, 2)] + [event(1, "first", "ana"),
                  event(1, "third", "eva"), event(1, "third", "who")], users=users)  # fmt: skip
    assert said.status == "observed"
    assert said.statistic["outside"] == [
        {"login": "ana", "step": "second", "sheets": 2, "duties": ["first"]}
    ]
    assert said.statistic["unknown"] == 1
    assert said.questioned is None


def test_without_rules_on_duties_nothing_can_be_judged():
    said = duties([event(1, "first", "ana"), event(1, "second", "ana")], users=[{"id": "ana"}])
    assert (said.status, said.questioned) == ("not-determinable", None)


def test_steps_kept_apart_that_no_record_has_are_not_judged():
    """A set of which no sheet has two steps with logins; one step is written otherwise."""
    plan = {"incompatible": [{"duties": ["first", "secnd"]}]}
    said = duties([event(1, "first", "ana"), event(1, "second", "ana")], **plan)
    assert (said.status, said.statistic["unjudged"]) == ("not-determinable", [["first", "secnd"]])
    assert said.statistic["absent"] == [{"step": "secnd", "near": "second"}]
    assert "No record has a step secnd with a login (a step second is recorded)." in said.fact
    assert "No sheet has one login in steps" not in said.fact
    said = duties([event(1, "first", "ana"), event(2, "second", "ana")], **APART)
    assert (said.status, said.statistic["incompatible"][0]["both"]) == ("not-determinable", 0)
    both = {"incompatible": [*APART["incompatible"], {"duties": ["first", "third"]}]}
    said = duties([event(1, "first", "ana"), event(1, "second", "eva")], **both)
    assert (said.status, said.statistic["unjudged"]) == ("not-determinable", [["first", "third"]])
    assert "No sheet has one login in two of first, second." in said.fact


def test_duties_of_logins_that_took_no_step_are_not_judged():
    users = [{"id": "tr1", "duties": ["transcribe"]}]
    said = duties([event(s, "received", "op") for s in range(5)], users=users)
    assert (said.status, said.statistic["with_duties"]) == ("not-determinable", 0)
    assert "No login with declared duties took a step on record" in said.fact
    said = duties([event(1, "transcribe", "tr1")], users=users)
    assert (said.status, said.statistic["with_duties"]) == ("not-observed", 1)
    assert said.fact == "No step is outside the duties of the 1 declared login that took any."
    pair = [event(1, "first", "ana"), event(1, "second", "eva")]
    said = duties(pair, users=users, **APART)
    assert said.status == "not-observed"
    assert "No step is outside" not in said.fact
    assert "No login with declared duties took a step on record" in said.fact


def test_hostile_names_of_people_are_people():
    rows = [event(i, s, t) for i, t in enumerate(HOSTILE) for s in ("first", "second")]
    said = duties(rows, **APART)
    assert said.statistic["incompatible"][0]["people"] == len(HOSTILE)
