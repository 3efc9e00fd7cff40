"""Samples: what is told of the sheets examined, and of which others it is told."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.building import evidence, facts, small_case, stations
from veedor.case.announcement import Announcement
from veedor.case.loading import load_case
from veedor.case.tables import RECORD_BEGINS
from veedor.checks.sampled import Frame, frame_query
from veedor.engine.duck import connect
from veedor.engine.load import load
from veedor.engine.verbs import collect
from veedor.sample import plan_risk
from veedor.stats import draws
from veedor.stats.survey import hypergeometric_interval

SHEETS = 80
CODES = [f"S{i:03d}" for i in range(SHEETS)]
OFFICIAL = {
    "station": CODES,
    "region": [f"R{i // 40}" for i in range(SHEETS)],
    "municipality": [f"M{i // 8}" for i in range(SHEETS)],
    "centre": [f"C{i // 4}" for i in range(SHEETS)],
    "registered": [120] * SHEETS,
    "A": [60] * SHEETS,
    "B": [30] * SHEETS,
    "C": [5] * SHEETS,
    "blank": [3] * SHEETS,
    "null": [2] * SHEETS,
}
QUESTION = {"id": "one-hand", "text": "One hand filled the sheet", "questions_votes": True}
SEED = draws.seed_of("dice 1 2 3")


def sample(**more):
    about = {
        "id": "s", "title": "The sample", "frame": "official", "selection": "simple", "size": 20,
        "ceremony": "dice 1 2 3", "questions": [QUESTION],
    }  # fmt: skip
    return {k: v for k, v in (about | more).items() if v is not None}


def examined(tmp_path, one, answers, **keys):
    """The fact on `one` sample of which `answers` (station, examiner, answer) are on file."""
    columns = dict(zip(("station", "who", "hand"), zip(*answers, strict=True), strict=True))
    entry = {"kind": "examined", "key": "station", "sample": one["id"], "actor": "who",
             "answers": {"one-hand": "hand"}}  # fmt: skip
    found = evidence(
        tmp_path, {"official": OFFICIAL}, samples=[one], files={"form": (entry, columns)}, **keys
    )
    return found, facts("sampling.examined", found)[f"{one['id']}-one-hand"]


def drawn(size=20):
    return [CODES[i] for i in draws.simple(CODES, size, SEED).tolist()]


def test_a_simple_sample_has_the_exact_limits_of_its_frame(tmp_path):
    answers = [(s, "e", "yes" if i < 3 else "no") for i, s in enumerate(drawn())]
    found, fact = examined(tmp_path, sample(), answers)
    said = fact.statistic
    assert fact.status == "observed"
    assert (said["examined"], said["decided"], said["found"], said["drawn"]) == (20, 20, 3, 20)
    low, high = hypergeometric_interval(3, 20, SHEETS)
    assert (said["frame_low"], said["frame_high"]) == (low, high)
    assert said["rate"] == pytest.approx(15.0)
    assert fact.interval is not None
    assert (fact.interval.low, fact.interval.high) == (said["low"], said["high"])
    assert sorted(found.describe(fact.questioned)["station"]) == sorted(drawn()[:3])
    assert said["repeatable"]
    assert said["refused"] == ""
    assert "the draw was repeated: 15.00 % of the 80 sheets" in fact.fact


def test_no_rate_follows_from_picked_sheets(tmp_path):
    picked = sample(selection="targeted", size=None, ceremony=None, criterion="they looked alike")
    answers = [(s, "e", "yes" if i < 3 else "no") for i, s in enumerate(CODES[:12])]
    _, fact = examined(tmp_path, picked, answers)
    said = fact.statistic
    assert fact.status == "observed"
    assert fact.interval is None
    assert {said[n] for n in ("rate", "low", "high", "frame_low", "frame_high")} == {None}
    assert said["share"] == pytest.approx(25.0)
    # Clopper and Pearson, 3 of 12: a number that says nothing of the other sheets.
    assert (said["as_if_low"], said["as_if_high"]) == pytest.approx((5.486, 57.186), abs=1e-3)
    assert "No rate of other sheets follows" in fact.fact
    assert "(they looked alike)" in fact.fact


def test_published_totals_of_picked_sheets_are_told_and_not_projected(tmp_path):
    picked = sample(
        selection="targeted", size=None, ceremony=None, criterion="consecutive sheets",
        totals=[{"question": "one-hand", "found": 78, "examined": 333, "source": "A report"}],
    )  # fmt: skip
    found = evidence(tmp_path, {"official": OFFICIAL}, samples=[picked])
    fact = facts("sampling.examined", found)["s-one-hand"]
    (published,) = fact.statistic["published"]
    # Exact limits as printed in the targets of the audit of 2019 (78 of 333).
    assert (published["as_if_low"], published["as_if_high"]) == pytest.approx((19.0, 28.3), abs=0.1)
    assert fact.status == "not-determinable", "a claim that nothing at hand can trace"
    assert fact.statistic["rate"] is None
    assert "The answers themselves are not at hand" in fact.fact
    assert "78 of 333 examined sheets (23.4 %; A report)" in fact.fact


def test_sheets_not_drawn_are_left_out_and_those_not_examined_widen_the_limits(tmp_path):
    mine = drawn()
    other = next(c for c in CODES if c not in mine)
    answers = [(s, "e", "yes" if i < 3 else "no") for i, s in enumerate(mine[:16])]
    answers += [(mine[16], "e", "cannot tell"), (other, "e", "yes"), ("nowhere", "e", "yes")]
    _, fact = examined(tmp_path, sample(), answers)
    said = fact.statistic
    assert (said["unexamined"], said["undecided"], said["outside"], said["unknown"]) == (3, 1, 1, 1)
    assert (said["found"], said["decided"]) == (3, 16)
    assert said["frame_low"] == hypergeometric_interval(3, 20, SHEETS)[0]
    assert said["frame_high"] == hypergeometric_interval(7, 20, SHEETS)[1]
    by = {e.id: e for e in fact.explanations}
    assert by["draw"].tested
    assert "Not examined of these: 3. Examined though not of these: 1." in by["draw"].result
    assert fact.fact.startswith("Not examined: 3 of 20 drawn sheets (15.0 %).")
    assert "Not drawn: 1 of 18 examined sheets, left out of what follows." in fact.fact
    assert (
        "“One hand filled the sheet” (one-hand): found on 3 of 20 sheets drawn, and not found on"
        " 13. Open: 3 sheets were not examined, 1 sheet could not be told. As these are taken, it"
        " is on 3 to 7 of 20 sheets drawn (15.00 to 35.00 %)." in fact.fact
    )


def test_where_examiners_differ_the_sheet_is_neither(tmp_path):
    mine = drawn()
    answers = [(s, w, "no") for s in mine[2:] for w in ("e1", "e2")]
    answers += [(mine[0], "e1", "yes"), (mine[0], "e2", "yes")]
    answers += [(mine[1], "e1", "yes"), (mine[1], "e2", "no")]
    found, fact = examined(tmp_path, sample(), answers)
    said = fact.statistic
    assert (said["found"], said["found_by_some"], said["judged_twice"]) == (1, 1, 20)
    assert stations(found, fact).count(mine[0]) == 1
    assert sorted(found.describe(fact.questioned)["station"]) == [mine[0]]
    assert (said["rate"], said["rate_least"], said["rate_most"]) == (None, 5.0, 10.0)
    assert "Open: on 1 sheet examiners differ." in fact.fact
    assert "5.00 to 10.00 % of the 80 sheets of the frame" in fact.fact
    assert said["agreement"]["equal"] == pytest.approx(95.0)
    assert said["agreement"]["ac1"] > said["agreement"]["alpha"]
    assert said["frame_high"] == hypergeometric_interval(2, 20, SHEETS)[1]


LOOKED = {"kind": "examined", "key": "station", "sample": "s", "actor": "who",
          "answers": {"one-hand": "hand"}, "votes_shown": "votes"}  # fmt: skip


def entered(tmp_path, rows, **keys):
    """The fact on entries of station, examiner, answer and whether the votes had been shown."""
    columns = dict(zip(("station", "who", "hand", "votes"), zip(*rows, strict=True), strict=True))
    files = {"form": (LOOKED | keys, columns)}
    found = evidence(tmp_path, {"official": OFFICIAL}, samples=[sample()], files=files)
    return facts("sampling.examined", found)["s-one-hand"]


def test_answers_given_after_the_votes_were_shown_are_told_apart(tmp_path):
    mine = drawn()
    rows = [(s, w, "no", "no") for s in mine for w in ("e1", "e2")]
    rows += [
        (mine[0], "e1", "yes", "no"),  # a correction that is blind too
        (mine[1], "e1", "yes", "yes"),
        (mine[1], "e2", "yes", "yes"),
        (mine[2], "e2", "no", "yes"),
        (mine[2], "e2", "yes", "no"),  # the examiner has seen them
    ]
    fact = entered(tmp_path, rows)
    assert fact.statistic["entries"] == {
        "given": 45, "corrections": 5, "changed": 4, "votes_not_said": 0, "after_votes": 3,
        "after_votes_by": 2, "after_votes_corrected": 3, "after_votes_changed": 2,
    }  # fmt: skip
    assert (fact.statistic["found"], fact.statistic["found_by_some"]) == (1, 2)
    assert fact.statistic["blind"] == {
        "examined": 20, "found": 0, "not_found": 19, "found_by_some": 1, "undecided": 0,
    }  # fmt: skip
    assert "5 entries follow another of the same examiner on the sheet, and 4 change" in fact.fact
    assert "by 2 examiners: 3 correct a blind one, and 2 change it. By blind entries" in fact.fact
    fact = entered(tmp_path / "blind", rows[:40])
    assert "No answer is said to be given after the votes" in fact.fact
    assert fact.statistic["blind"]["not_found"] == 20
    fact = entered(tmp_path / "odd", [(*row[:3], "perhaps") for row in rows])
    assert fact.statistic["blind"] is None
    assert "Whether votes were shown before an answer is not on file." in fact.fact


def test_who_could_not_tell_is_told_beside_the_agreement(tmp_path):
    mine = drawn()
    rows = [(s, w, "no", "no") for s in mine for w in ("e1", "e2")]
    for i in (0, 2, 4, 5):
        rows[i] = (*rows[i][:2], "cannot tell", "no")
    fact = entered(tmp_path, rows)
    assert fact.statistic["together"] == {
        "sheets": 20, "agreed": 17, "differ": 0, "some_could_not": 2, "none_could": 1,
    }  # fmt: skip
    by = {e.id: e for e in fact.explanations}
    assert "on 17 all could tell and agreed, on 0 they differ, on 2 some" in by["examiner"].result
    assert {fact.statistic["agreement"][n] for n in ("ac1_low", "ac1_high")} == {None}


def test_examiners_are_numbers_in_what_is_told(tmp_path):
    answers = [(s, w, "no") for s in drawn() for w in ("Ana Perez", "Juan")]
    _, fact = examined(tmp_path, sample(), answers)
    assert "Ana" not in repr(fact)


SHOWN = {"kind": "showings", "key": "station", "sample": "s", "actor": "who", "instant": "at"}


def showings(tmp_path, *records, who=("Ana",), at="2020-02-03T09:00:00Z", lost=0):
    """The fact on a sample that `who` examined, with these records of showings: station, examiner
    and instant; the first `lost` of them are not at hand.
    """
    answers = {"kind": "examined", "key": "station", "sample": "s", "actor": "who", "instant": "at",
               "answers": {"one-hand": "hand"}}  # fmt: skip
    looked = {"station": [s for s in drawn() for _ in who], "who": [*who] * 20,
              "at": [at] * 20 * len(who), "hand": ["no"] * 20 * len(who)}  # fmt: skip
    files = {"form": (answers, looked)}
    for k, rows in enumerate(records):
        shown = {n: [row[i] for row in rows] for i, n in enumerate(("station", "who", "at"))}
        files[f"unveiled-{k}"] = (SHOWN | {"optional": True}, shown)
    path = small_case(tmp_path, {"official": OFFICIAL}, samples=[sample()], files=files)
    one = load_case(path)
    gone = {f"unveiled-{k}": "it is not there" for k in range(lost)}
    paths = {f: tmp_path / f for s in one.sources if s.id not in gone for f in s.paths()}
    (work := tmp_path / "work").mkdir()
    found = load(one, connect(work), paths, work, missing=gone)[0]
    return facts("sampling.examined", found)["s-one-hand"]


def begun(name, at="2020-02-03T08:00:00Z"):
    return (RECORD_BEGINS, name, at)


def test_to_whom_and_when_private_parts_were_shown_is_told(tmp_path):
    sheet, other = drawn()[:2]
    fact = showings(tmp_path, [
        (sheet, "Ana", "2020-02-03T10:00:00+00:00"),
        (sheet, "Ana", "2020-02-03T10:05:00+00:00"),
        (other, "Luis", "2020-02-02T06:00:00-04:00"),
    ])  # fmt: skip
    found = fact.statistic["unveiled"]
    assert (found["showings"], found["sheets"]) == (3, 2)
    assert found["first"] == "2020-02-02T10:00:00+00:00"
    ana, luis = found["by"]
    assert (ana["showings"], ana["sheets"], luis["showings"]) == (2, 1, 1)
    assert (ana["first"], ana["last"]) == ("2020-02-03T10:00:00+00:00", "2020-02-03T10:05:00+00:00")
    assert f"to {ana['examiner']}, 2 times (1 sheet, from 2020-02-03T10:00:00+00:00" in fact.fact
    assert f"to {luis['examiner']}, once" in fact.fact
    assert "Ana" not in str(fact), "examiners are numbers"
    assert fact.statistic["examined"] == 20, "a showing is no answer"


def test_that_none_was_shown_and_that_none_is_recorded_are_told_apart(tmp_path):
    fact = showings(tmp_path / "none", [])
    assert fact.statistic["unveiled"] == {
        "showings": 0, "sheets": 0, "first": None, "last": None, "by": [],
        "missing": [], "unrecorded": [], "late": [],
    }  # fmt: skip
    assert "By the record no picture was shown with names" in fact.fact
    assert "not known" not in fact.fact
    _, fact = examined(tmp_path / "not", sample(), [(drawn()[0], "e", "no")])
    assert fact.statistic["unveiled"] is None
    assert "No record is at hand of pictures that were shown with names" in fact.fact


NONE = "By the record no picture was shown"
LESS = "What is at hand of the record names no picture"


def test_that_none_was_shown_is_not_said_where_a_record_is_not_at_hand(tmp_path):
    two = [begun("Ana")], [begun("Ana")]
    fact = showings(tmp_path / "one", *two, lost=1)
    assert fact.statistic["unveiled"]["missing"] == ["unveiled-0"]
    assert NONE not in fact.fact
    assert LESS in fact.fact
    assert "Not at hand: unveiled-0; what stands there is not known." in fact.fact
    assert NONE in showings(tmp_path / "both", *two).fact
    assert showings(tmp_path / "neither", *two, lost=2).statistic["unveiled"] is None


def test_that_none_was_shown_is_not_said_of_examiners_without_a_record(tmp_path):
    who = ("Ana", "Eva", "Luis")
    every = [[begun(name)] for name in who]
    fact = showings(tmp_path / "one", every[1], who=who)
    assert len(fact.statistic["unveiled"]["unrecorded"]) == 2
    assert LESS in fact.fact
    assert (
        "No record is at hand of examiner 1 and examiner 3: it is not known for them." in fact.fact
    )
    shown = showings(tmp_path / "shown", [(drawn()[0], "Eva", "2020-02-03T10:00:00Z")], who=who)
    assert "to examiner 2, once" in shown.fact
    assert "No record is at hand of examiner 1 and examiner 3:" in shown.fact
    fact = showings(tmp_path / "all", *every, who=who)
    assert fact.statistic["unveiled"]["showings"] == 0, "that a record begins is no showing"
    assert NONE in fact.fact
    assert "not known" not in fact.fact
    fact = showings(tmp_path / "empty", [], [], [], who=who)
    assert len(fact.statistic["unveiled"]["unrecorded"]) == 3, "empty records say not whose"


@pytest.mark.parametrize(
    ("at", "began", "words"),
    [
        ("2020-02-03T09:00:00Z", "2020-02-03T09:00:00Z", None),
        ("2020-02-03T08:59:59Z", "2020-02-03T09:00:00Z", "2020-02-03T09:00:00+00:00"),
        ("", "2020-02-03T09:00:00Z", "2020-02-03T09:00:00+00:00"),
        ("2020-02-03T09:00:00Z", "", "an instant that could not be read"),
    ],
)
def test_answers_from_before_the_record_began_are_told(tmp_path, at, began, words):
    fact = showings(tmp_path, [begun("Ana", began)], at=at)
    assert (NONE in fact.fact) == (words is None)
    assert len(fact.statistic["unveiled"]["late"]) == (words is not None)
    if words:
        assert LESS in fact.fact
        assert f"For examiner 1 it was not recorded before {words}." in fact.fact


def test_whole_centres_are_not_as_many_as_their_sheets(tmp_path):
    clustered = sample(selection="clustered", clusters="centre", size=8)
    names = [f"R{i // 40} / M{i // 8} / C{i // 4}" for i in range(SHEETS)]
    at = draws.clustered(CODES, names, 8, SEED).tolist()
    hit = {names[at[0]], names[at[-1]]}
    answers = [(CODES[i], "e", "yes" if names[i] in hit else "no") for i in at]
    _, fact = examined(tmp_path, clustered, answers)
    said = fact.statistic
    assert (said["examined"], said["found"], said["rate"]) == (32, 8, pytest.approx(25.0))
    simple = hypergeometric_interval(8, 32, SHEETS)
    assert said["frame_high"] - said["frame_low"] > simple[1] - simple[0]
    assert said["effective"] < 10


def test_a_draw_that_nothing_can_repeat_is_said_to_be_so(tmp_path):
    answers = [(s, "e", "yes" if i < 3 else "no") for i, s in enumerate(drawn())]
    _, fact = examined(tmp_path, sample(ceremony=None), answers)
    assert not fact.statistic["repeatable"]
    assert "If the sheets were drawn as it is said" in fact.fact
    _, fact = examined(
        tmp_path / "w",
        sample(ceremony=None, selection="proportional", weights="registered"),
        answers,
    )
    assert fact.statistic["rate"] is None
    assert "more than once is not known" in fact.statistic["refused"]


def test_sheets_missing_from_a_draw_that_nothing_can_repeat_widen_the_limits(tmp_path):
    answers = [(s, "e", "yes" if i < 3 else "no") for i, s in enumerate(drawn()[:12])]
    _, fact = examined(tmp_path, sample(ceremony=None), answers)
    said = fact.statistic
    assert (said["drawn"], said["examined"], said["unexamined"]) == (20, 12, 8)
    assert said["frame_low"] == hypergeometric_interval(3, 20, SHEETS)[0]
    assert said["frame_high"] == hypergeometric_interval(11, 20, SHEETS)[1]


@pytest.mark.parametrize(
    ("more", "examined_sheets", "words"),
    [
        ({"size": 10}, drawn(), "more sheets were examined than the 10"),
        ({"size": 81}, drawn(), "fewer sheets were examined than the 81"),
        ({"selection": "stratified", "strata": "region"}, drawn()[:12], "fewer sheets were"),
        ({"selection": "clustered", "clusters": "centre", "size": 3}, CODES[:8], "fewer places"),
        ({"selection": "clustered", "clusters": "centre", "size": 1}, CODES[:8], "more places"),
        (
            {"selection": "clustered", "clusters": "centre", "size": 2, "within": 3},
            CODES[:6],
            "not as many sheets were examined in each place",
        ),
    ],
)
def test_no_rate_follows_where_a_draw_that_nothing_can_repeat_is_not_accounted_for(
    tmp_path, more, examined_sheets, words
):
    answers = [(s, "e", "no") for s in examined_sheets]
    _, fact = examined(tmp_path, sample(ceremony=None, **more), answers)
    assert fact.statistic["rate"] is None
    assert fact.interval is None
    assert words in fact.fact


def test_a_sheet_missing_from_a_whole_centre_is_one_that_was_drawn(tmp_path):
    one = sample(ceremony=None, selection="clustered", clusters="centre", size=2)
    _, fact = examined(tmp_path, one, [(s, "e", "no") for s in CODES[:7]])
    assert (fact.statistic["unexamined"], fact.statistic["drawn"]) == (1, 8)
    assert (fact.statistic["rate"], fact.statistic["rate_least"]) == (None, 0.0)
    assert fact.statistic["rate_most"] == pytest.approx(12.5)
    _, whole = examined(tmp_path / "whole", one, [(s, "e", "no") for s in CODES[:8]])
    assert fact.statistic["high"] > whole.statistic["high"]


def test_an_answer_that_the_form_does_not_have_is_no_answer(tmp_path):
    words = ["yes", "no", "si", "No", None]
    answers = [(s, "e", words[i % 5]) for i, s in enumerate(drawn())]
    _, fact = examined(tmp_path, sample(), answers)
    said = fact.statistic
    assert (said["found"], said["decided"], said["undecided"], said["strange"]) == (4, 8, 12, 8)
    assert "8 entries have an answer that is none of the form" in fact.fact


def test_files_that_name_nobody_are_of_one_examiner_each(tmp_path):
    mine = drawn()
    entry = {"kind": "examined", "key": "station", "sample": "s", "answers": {"one-hand": "hand"}}
    files = {
        name: (entry, {"station": mine, "hand": ["no" if name == "a" else said] * 20})
        for name, said in (("a", "no"), ("b", "yes"))
    }
    found = evidence(tmp_path, {"official": OFFICIAL}, samples=[sample()], files=files)
    said = facts("sampling.examined", found)["s-one-hand"].statistic
    assert (said["examiners"], said["judged_twice"], said["found_by_some"]) == (2, 20, 20)


def test_of_all_sheets_no_limits_are_left(tmp_path):
    census = sample(selection="census", size=None, ceremony=None)
    answers = [(s, "e", "yes" if i < 8 else "no") for i, s in enumerate(CODES)]
    _, fact = examined(tmp_path, census, answers)
    said = fact.statistic
    assert (said["rate"], said["frame_low"], said["frame_high"]) == (pytest.approx(10.0), 8, 8)


def test_a_draw_larger_than_its_frame_is_told_and_stops_nothing(tmp_path):
    _, fact = examined(tmp_path, sample(size=81), [(CODES[0], "e", "no")])
    assert fact.statistic["rate"] is None
    assert "81 of 80 units cannot be drawn" in fact.fact


# Risk-limiting audits

LEAD = {"kind": "majority-or-lead", "majority": "1/2", "threshold": "2/5", "lead": "1/10"}


WORDS_LIKE = "dice # # #"


def announced(tmp_path, **more):
    """Announce the sample beside the case file, and give the SHA-256 of what was announced."""
    frame = "".join(f"{line}\n" for line in ("station", *CODES))
    about = {
        "id": "s", "title": "As it was first called", "count": "official", "sheets": SHEETS,
        "frame_sha256": hashlib.sha256(frame.encode()).hexdigest(), "selection": "simple",
        "size": 20, "words_like": WORDS_LIKE,
    } | more  # fmt: skip
    tmp_path.mkdir(parents=True, exist_ok=True)
    text = Announcement.model_validate(about).text()
    (tmp_path / "announced.toml").write_text(text, encoding="utf-8", newline="\n")
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("no", "split", "status"),
    [(20, 0, "not-observed"), (11, 0, "not-observed"), (10, 0, "not-determinable"),
     (19, 1, "not-determinable")],
)  # fmt: skip
def test_what_is_mostly_open_or_in_dispute_is_not_said_to_be_not_observed(
    tmp_path, no, split, status
):
    answers = [(s, "a", "no") for s in drawn()[: no + split]]
    answers += [(s, "b", "yes") for s in drawn()[:split]]
    _, fact = examined(tmp_path, sample(), answers)
    assert (fact.status, fact.statistic["found"]) == (status, 0)


def test_the_draw_can_be_repeated_from_what_is_told(tmp_path):
    mine = drawn()
    answers = [(mine[0], "a", "yes"), (mine[0], "b", "no"), (mine[0], "b", "cannot tell")]
    found, fact = examined(tmp_path, sample(), answers)
    draw = fact.statistic["draw"]
    frame = "".join(f"{line}\n" for line in ("station", *CODES))
    assert draw == {
        "words": "dice 1 2 3", "seed": SEED, "frame": "official", "selection": "simple", "size": 20,
        "frame_sha256": hashlib.sha256(frame.encode()).hexdigest(),
    }  # fmt: skip
    assert all(str(draw[n]) in fact.fact for n in ("words", "seed", "frame_sha256", "size"))
    rows = dict(zip(stations(found, fact), fact.rows["answers"].tolist(), strict=True))
    assert rows.pop(mine[0]) == "examiner 1: yes; examiner 2: cannot tell"
    assert sorted(rows) == sorted(mine[1:]), "drawn sheets that nobody examined are rows too"
    assert fact.rows["state"].tolist().count("not examined") == 19
    assert fact.rows["of_the_draw"].all()


@pytest.mark.parametrize(
    ("more", "state", "differs", "words"),
    [
        ({}, "this-draw", [], "file have the form announced: that they are the words said"),
        ({"words_like": None}, "this-draw", [], "could choose among spellings"),
        ({"size": 19}, "another-draw", ["size"], "another one than the named announcement tells"),
        ({"count": "preliminary", "id": "t"}, "another-draw", ["id", "count"], "(id, count)"),
        ({"frame_sha256": "0" * 64}, "another-draw", ["frame_sha256"], "(frame_sha256)"),
        ({"words_like": "dice ###"}, "another-draw", ["words_like"], "(words_like)"),
    ],
)
def test_whether_the_draw_is_the_one_announced_is_told(tmp_path, more, state, differs, words):
    one = sample(announced=announced(tmp_path, **more))
    _, fact = examined(tmp_path, one, [(s, "e", "no") for s in drawn()])
    said = fact.statistic["announcement"]
    assert (said["state"], said["differs"], said["sha256"]) == (state, differs, one["announced"])
    assert words in fact.fact
    assert fact.fact.count("only who kept that copy can vouch for") == 1
    # What is told of the sheets does not hang on it.
    assert fact.statistic["rate"] == 0.0


def test_an_announcement_that_is_not_named_or_not_there_is_told(tmp_path):
    answers = [(s, "e", "no") for s in drawn()]

    def told(name, *, beside=True, named=None, text=None):
        folder = tmp_path / name
        sha256 = announced(folder)
        if text is not None:
            (folder / "announced.toml").write_text(text, encoding="utf-8")
            sha256 = hashlib.sha256(text.encode()).hexdigest()
        if not beside:
            (folder / "announced.toml").unlink()
        _, fact = examined(folder, sample(announced=named or sha256), answers)
        return fact.statistic["announcement"]["state"], fact.fact

    assert told("gone", beside=False)[0] == "not-at-hand"
    state, fact = told("other", named="a" * 64)
    assert state == "another-file"
    assert "is not the one that the sample names" in fact
    assert told("broken", text="size = ")[0] == "no-announcement"
    _, fact = examined(tmp_path / "none", sample(), answers)
    assert fact.statistic["announcement"]["state"] == "not-named"
    assert "No announcement of the draw is named" in fact.fact
    assert "vouch" not in fact.fact
    announced(tmp_path / "quiet")
    _, fact = examined(tmp_path / "quiet", sample(), answers)
    assert fact.statistic["announcement"]["state"] == "only-beside"


def test_other_words_than_those_of_the_draw_are_told_first_and_leave_no_single_rate(tmp_path):
    at = draws.simple(CODES, 20, draws.seed_of("dice 1 2 4")).tolist()
    answers = [(CODES[i], "e", "yes" if i % 5 else "no") for i in at]
    _, fact = examined(tmp_path, sample(announced=announced(tmp_path)), answers)
    said = fact.statistic
    assert said["unexamined"] == said["outside"] > 10
    assert said["rate"] is None
    assert said["rate_most"] - said["rate_least"] == pytest.approx(5.0 * said["unexamined"])
    n = said["outside"]
    assert fact.fact.startswith(f"Not examined: {n} of 20 drawn sheets ({5 * n:.1f} %). Not drawn:")
    assert "the words in the sample's file are not those of the draw" in fact.fact
    assert "By the draw that the words in the sample's file give: " in fact.fact
    assert "drawn at random" not in fact.fact
    assert "The draw has the frame, the size and the kind" in fact.fact
    assert "that they are the words said, nothing here tells" in fact.fact


def test_of_whom_private_parts_were_shown_to_is_told_once_for_a_sample(tmp_path):
    more = {"id": "over", "text": "Written over"}
    found, first = examined(
        tmp_path, sample(questions=[QUESTION, more]), [(s, "e", "no") for s in drawn()]
    )
    second = facts("sampling.examined", found)["s-over"]
    both = first.fact + second.fact
    assert both.count("No record is at hand of pictures") == 1


def test_of_sheets_that_were_picked_no_announcement_is_missed(tmp_path):
    picked = sample(selection="targeted", size=None, ceremony=None, criterion="they looked alike")
    _, fact = examined(tmp_path, picked, [(CODES[0], "e", "no")])
    assert fact.statistic["announcement"] is None
    assert "announce" not in fact.fact


def test_a_risk_limiting_audit_says_whether_it_was_announced(tmp_path):
    one = recount(size=40, announced=announced(tmp_path / "a", size=40))
    _, fact = recounted(tmp_path / "a", one)
    assert fact.statistic["announcement"]["state"] == "this-draw"
    assert fact.fact.endswith("only who kept that copy can vouch for.")
    _, fact = recounted(tmp_path / "b", recount(size=40))
    assert fact.fact.endswith("were fixed before the ceremony.")


def test_the_announcement_is_an_input_of_the_audit(tmp_path):
    sha256 = announced(tmp_path)
    found = load_case(small_case(tmp_path, {"official": OFFICIAL}, samples=[sample()]))
    size = (tmp_path / "announced.toml").stat().st_size
    assert found.plan_files == {"announced.toml": (sha256, size)}
    assert found.without_scans().announcements["s"].sha256 == sha256


def recounted(tmp_path, one, change=lambda table: None, official=None, rule=None, **keys):
    table = official or OFFICIAL
    mine = sorted(set(drawn_of(one)))
    hand = {n: [table[n][CODES.index(s)] for s in mine]
            for n in ("station", "A", "B", "C", "blank", "null")}  # fmt: skip
    change(hand)
    found = evidence(
        tmp_path, {"official": table, "hand": hand}, roles={"hand": "copy"}, samples=[one],
        rule=rule or LEAD, **keys,
    )  # fmt: skip
    return found, facts("sampling.risk-limit", found)["s"]


def drawn_of(one):
    if one["selection"] == "simple":
        return drawn(one["size"])
    weights = [120] * SHEETS
    return [CODES[i] for i in draws.proportional(CODES, weights, one["size"], SEED)]


def recount(**more):
    return sample(hand_count="hand", questions=None, **more)


def test_a_wide_lead_is_confirmed_by_few_sheets(tmp_path):
    for n, one in enumerate(
        (recount(size=40), recount(size=60, selection="proportional", weights="registered"))
    ):
        _, fact = recounted(tmp_path / str(n), one)
        assert fact.status == "not-observed"
        said = fact.statistic
        assert said["met_after"] <= said["drawn"]
        assert said["risk"] <= 0.05
        assert (said["differing"], said["missing"]) == (0, 0)
        texts = [a["text"] for a in said["assertions"]]
        assert "A leads B by at least 10 points" in texts
        risks = [r["risk"] for r in said["running"]]
        assert risks == sorted(risks, reverse=True)


def test_the_plan_is_what_the_audit_then_takes(tmp_path):
    # Reported by the lead and not by the majority: a bet on the majority would double the sample.
    close = OFFICIAL | {"A": [46] * SHEETS, "B": [31] * SHEETS, "C": [23] * SHEETS}
    found, fact = recounted(tmp_path, recount(size=SHEETS), official=close)
    frame = Frame.of(collect(frame_query(found, "official")), found.case)
    rows = {(r.draw, r.hand): r.plan for r in plan_risk(found.case, frame, 0.05, 0.01, 5, 0)}
    assert fact.statistic["met_after"] == rows["simple", "as reported"].quantile(0.5)
    assert fact.statistic["met_after"] < SHEETS
    assert all(a["margin"] > 0 for a in fact.statistic["assertions"])


def test_a_narrow_lead_over_the_rules_margin_is_not_confirmed_by_a_few(tmp_path):
    # 45 % against 34.9 %: ahead by far, and over the ten points by a tenth of one.
    narrow = OFFICIAL | {"A": [45] * SHEETS, "B": [34] * 79 + [35], "C": [21] * SHEETS,
                         "blank": [0] * SHEETS, "null": [0] * SHEETS}  # fmt: skip
    _, fact = recounted(tmp_path, recount(size=40), official=narrow)
    assert fact.status == "not-determinable"
    assert fact.statistic["risk"] > 0.05
    plain, other = {"kind": "plurality"}, tmp_path / "plain"
    _, fact = recounted(other, recount(size=40), official=narrow, rule=plain)
    assert fact.status == "not-observed"


def test_a_referendum_with_a_quorum_is_confirmed_and_a_tie_is_not(tmp_path):
    rule = {"kind": "referendum", "yes": "A", "no": "B", "quorum": "1/2"}
    _, fact = recounted(tmp_path, recount(size=40), rule=rule)
    assert fact.status == "not-observed"
    assert "turnout reaches the quorum" in [a["text"] for a in fact.statistic["assertions"]]
    level = OFFICIAL | {"B": [60] * SHEETS}
    _, fact = recounted(
        tmp_path / "tie", recount(size=40), official=level, rule={"kind": "plurality"}
    )
    assert (fact.status, fact.statistic["risk"]) == ("not-determinable", 1.0)
    assert "decide nothing" in fact.fact


def test_sheets_that_are_missing_count_as_the_worst(tmp_path):
    def lose(hand):
        for column in hand.values():
            del column[:10]

    _, fact = recounted(tmp_path, recount(size=40), lose)
    _, whole = recounted(tmp_path / "whole", recount(size=40))
    assert fact.statistic["missing"] == 10
    assert fact.statistic["risk"] > whole.statistic["risk"]
    assert (
        "10 drawn sheets have no hand count, or none that could be read, and are taken" in fact.fact
    )


@pytest.mark.parametrize("cell", [None, "illegible", -30])
def test_a_number_that_was_not_read_is_not_a_zero(tmp_path, cell):
    def blot(hand):
        hand["B"][0] = cell

    _, fact = recounted(tmp_path, recount(size=40), blot)
    _, whole = recounted(tmp_path / "whole", recount(size=40))
    assert (fact.statistic["counted"], fact.statistic["missing"]) == (39, 1)
    assert fact.statistic["risk"] > whole.statistic["risk"]
    assert fact.statistic["differing"] == 0


def test_blank_votes_matter_where_the_rule_counts_them(tmp_path):
    def without(hand):
        del hand["blank"], hand["null"]

    _, fact = recounted(tmp_path, recount(size=40), without)
    assert (fact.statistic["counted"], fact.statistic["differing"]) == (40, 0)
    rule = LEAD | {"basis": "valid+blank"}
    _, fact = recounted(tmp_path / "cast", recount(size=40), without, rule=rule)
    assert (fact.statistic["counted"], fact.statistic["missing"]) == (0, 40)


def test_ballots_outside_the_totals_and_the_frame_are_said_to_be_outside(tmp_path):
    mine = drawn(40)
    hand = {n: [OFFICIAL[n][CODES.index(s)] for s in mine] for n in ("station", "A", "B", "C")}
    more = {n: [*hand[n], v] for n, v in (("station", "S999"), ("A", 1), ("B", 90), ("C", 0))}
    found = evidence(
        tmp_path, {"official": OFFICIAL, "hand": more}, roles={"hand": "copy"},
        samples=[recount(size=40)], rule=LEAD,
    )  # fmt: skip
    fact = facts("sampling.risk-limit", found)["s"]
    assert (fact.status, fact.statistic["beyond"]) == ("not-observed", 1)
    assert "Nothing is told of 1 station of other records outside the frame." in fact.fact
    _, whole = recounted(tmp_path / "whole", recount(size=40))
    assert (whole.statistic["beyond"], whole.statistic["left_out"]) == (0, 0)
    assert "Nothing is told" not in whole.fact


def test_votes_that_the_hand_count_moves_are_told(tmp_path):
    def move(hand):
        hand["A"][0] -= 7
        hand["B"][0] += 7

    _, fact = recounted(tmp_path, recount(size=40), move)
    said = fact.statistic
    assert (said["differing"], said["net"]["A"], said["net"]["B"]) == (1, -7, 7)
    assert "the lead of A over B changes by -14 votes" in fact.fact
    moved = fact.rows["differs"]
    assert int(np.sum(moved)) == 1
    assert fact.rows["hand_less_reported_A"][moved].tolist() == [-7]


def test_a_hand_count_of_all_sheets_that_gives_another_outcome_is_observed(tmp_path):
    def swap(hand):
        hand["A"], hand["B"] = hand["B"], hand["A"]

    _, fact = recounted(tmp_path, recount(size=SHEETS), swap)
    assert (fact.status, fact.statistic["risk"]) == ("observed", 1.0)


def test_more_ballots_than_voters_leave_no_bound(tmp_path):
    def stuff(hand):
        hand["A"][0] = 500

    _, fact = recounted(tmp_path, recount(size=40), stuff)
    assert fact.status == "not-determinable"
    assert "On 1 drawn sheets the hand count has more ballots" in fact.fact


def test_where_others_may_vote_the_ballots_need_a_bound_of_their_own(tmp_path):
    _, fact = recounted(tmp_path / "a", recount(size=40), extra_voters=True)
    assert (fact.status, fact.statistic["risk"]) == ("not-determinable", 1.0)
    assert "the most ballots that a station can have had" in fact.fact
    _, fact = recounted(tmp_path / "b", recount(size=40, most_ballots=200), extra_voters=True)
    _, plain = recounted(tmp_path / "c", recount(size=40))
    assert fact.statistic["risk"] > plain.statistic["risk"]

    def crowd(hand):
        hand["A"][0] = 150

    _, fact = recounted(
        tmp_path / "d", recount(size=40, most_ballots=200), crowd, extra_voters=True
    )
    assert (fact.statistic["differing"], fact.statistic["net"]["A"]) == (1, 90)


def test_without_the_words_of_the_ceremony_no_risk_is_told(tmp_path):
    hand = {n: OFFICIAL[n][:20] for n in ("station", "A", "B", "C", "blank", "null")}
    found = evidence(
        tmp_path, {"official": OFFICIAL, "hand": hand}, roles={"hand": "copy"},
        samples=[recount(ceremony=None)],
    )  # fmt: skip
    fact = facts("sampling.risk-limit", found)["s"]
    assert (fact.status, fact.statistic["risk"]) == ("not-determinable", 1.0)
    assert "which sheets chance chose" in fact.fact
