"""Hands on the sheets of a centre: what is a hit, what chance makes, and what cannot be told."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.building import evidence, facts
from tests.handwriting import writing
from tests.scans import put_rows
from veedor.checks import base, hand_rates, writers
from veedor.checks.handwriting import delegate, same_writer
from veedor.engine.verbs import collect
from veedor.handwriting.calibration import calibrations, load_manifest

CENTRES, EACH = 32, 3


@pytest.fixture(autouse=True)
def _fewer_made_up_centres(monkeypatch):
    monkeypatch.setattr(delegate, "TIMES", (2, 9))


class Scanned:
    """Sheets of centres, each by a hand of its own until told otherwise."""

    def __init__(self, folder, seed=1, centres=CENTRES):
        self.rng = np.random.default_rng(seed)
        self.n = centres * EACH
        centre = np.arange(self.n) // EACH
        first = np.where(centre % 2, 60, 40)
        self.found = evidence(
            folder,
            {
                "official": {
                    "station": [f"{i:04d}" for i in range(self.n)],
                    "centre": [f"C{c}" for c in centre],
                    "municipality": [f"M{c // 8}" for c in centre],
                    "region": [f"R{c // 16}" for c in centre],
                    "A": first.tolist(),
                    "B": (100 - first).tolist(),
                    "C": [0] * self.n,
                }
            },
        )
        self.hands = np.arange(self.n)
        self.delegates = np.arange(self.n) + self.n
        self.grade = ["good"] * self.n
        self.forms = ["form"] * self.n
        self.digits = 30
        self.row = 0
        self.twins = []
        self.unbroken = ()

    def judged(self):
        """The sheets as a check reads them."""
        check = base.registry()["handwriting.same-writer"]
        measured = {name: collect(q) for name, q in check.measure(self.evidence()).items()}
        return writers.read_sheets(measured)

    def facts(self, check="handwriting.same-writer", seed=0):
        return facts(check, self.evidence(), seed)

    def evidence(self):
        scans = [
            {"scan": i, "sid": i, "station": f"{i:04d}", "status": "read", "grade": grade}
            | {"template": self.forms[i]}
            for i, grade in enumerate(self.grade)
        ]
        more = {"delegates": self.delegates, "row": self.row} if self.row else {}
        more |= {"unbroken": self.unbroken}
        glyphs = writing.rows(self.hands, self.rng, digits=self.digits, **more)
        tables = {"scans": scans, "glyphs": glyphs, "twins": self.twins}
        return put_rows(self.found, tables)


def test_hands_of_their_own_are_not_observed_to_be_one(tmp_path):
    found = Scanned(tmp_path).facts()
    main = found[""]
    assert main.status == "not-observed"
    s = main.statistic
    assert (s["sheets"], s["centres"], s["compared"], s["pairs"]) == (96, 32, 96, 96)
    assert s["expected_low"] <= s["hits"] <= s["expected_high"]
    assert s["digits"] == 30
    assert main.questioned is None
    assert len(main.figures) == 2
    assert s["fewest"] == 1
    assert main.fact.endswith("One centre all in one hand would have been told from chance.")


def test_of_many_centres_it_takes_several_and_of_two_sheets_more(tmp_path, monkeypatch):
    monkeypatch.setattr(same_writer, "MADE", 200 * CENTRES)
    main = Scanned(tmp_path).facts()[""]
    assert main.statistic["fewest"] == 2
    assert "It would have taken 2 centres, each all in one hand, to tell them" in main.fact
    monkeypatch.setattr(same_writer, "MADE", 150)
    main = Scanned(tmp_path / "few").facts()[""]
    assert (main.status, main.statistic["fewest"]) == ("not-determinable", None)
    assert "No number of such centres could be told from chance here." in main.fact


def test_sheets_stand_for_others_with_about_as_many_digits_where_centres_have_them(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.digits = np.where(np.arange(sheets.n) // EACH % 2, 12, 45)
    both = sheets.judged()
    assert len(set(writers.alike(both).tolist())) == 1  # 16 centres of each are too few
    sheets = Scanned(tmp_path / "more", centres=48)
    sheets.digits = np.where(np.arange(sheets.n) // EACH % 2, 12, 45)
    both = sheets.judged()
    alike = writers.alike(both)
    assert len(set(alike.tolist())) == 2
    assert all(len(set(alike[both.clerk.total == n])) == 1 for n in (12, 45))


def test_a_centre_in_one_hand_is_the_first_hit_and_its_sheets_are_named(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[21:24] = 21
    main = sheets.facts()[""]
    assert main.status == "observed"
    assert main.p_value <= 0.01
    assert main.statistic["one_hand"] >= 1
    assert main.statistic["beyond"] == 1
    assert main.rows["sid"][:3].tolist() == [21, 22, 23]
    assert main.rows["hand"][:3].tolist() == [1, 1, 1]
    assert set(main.questioned) >= {21, 22, 23}
    assert {p.scan for p in main.pictures} >= {21, 22, 23}


def test_an_odd_sheet_has_a_hand_of_its_own(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[30:32], sheets.hands[60:62] = 30, 60
    main = sheets.facts()[""]
    assert main.status == "observed"
    for first in (30, 60):
        mine = np.isin(main.rows["sid"], np.arange(first, first + 3))
        assert main.rows["sid"][mine].tolist() == [first, first + 1, first + 2]
        assert main.rows["hand"][mine].tolist() == [1, 1, 2]
        joining = main.rows["log10_joining"][mine]
        assert (joining[:2] >= 1).all()
        assert np.isnan(joining[2])
    assert main.statistic["one_hand"] == 0
    assert set(main.questioned) == {30, 31, 60, 61}


def test_one_pair_alone_may_lie_in_one_centre_by_chance(tmp_path):
    """The likest of all pairs of 96 sheets does so once in 48 elections of honest sheets."""
    sheets = Scanned(tmp_path)
    sheets.hands[30:32] = 30
    main = sheets.facts()[""]
    assert (main.status, main.p_value, main.questioned) == ("not-determinable", None, None)
    assert (main.statistic["hits"], main.statistic["beyond"]) == (1, 1)
    assert main.statistic["again"] == pytest.approx(2 / 95, abs=0.001)
    assert 2 * 2 / 95 < main.statistic["p"] < 0.06
    assert "1 of these centres lies above every made-up one, and cannot be told" in main.fact
    assert main.rows["sid"].tolist() == [30, 31, 32]


def test_no_ratio_is_reported_beyond_the_writers_on_whom_it_was_measured(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[:3] = 0
    found = sheets.facts()
    cap = found[""].statistic["cap"]
    assert cap == pytest.approx(np.log10(calibrations()["good"].writers))
    for fact in found.values():
        assert np.abs(fact.rows["log10_ratio"]).max() <= cap + 1e-9
    pairs = found["pairs"].rows
    first = pairs["hit"] == 1
    assert pairs["sid"][first].tolist() == [0, 0, 1]
    assert pairs["other"][first].tolist() == ["0001", "0002", "0002"]
    assert "strong" not in " ".join(pairs["support"])
    assert f"at least {10**cap:,.0f} times more probable" in found[""].fact
    curves = found[""].figures[0].rows
    assert np.abs(curves["x"]).max() <= cap + 1e-9


def test_of_sheets_with_few_digits_no_more_is_said_than_ten(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.digits = 18
    sheets.hands[:3] = 0
    found = sheets.facts()
    for fact in found.values():
        assert len(fact.rows["sid"])
        assert np.abs(fact.rows["log10_ratio"]).max() <= 1 + 1e-9
    assert "at least 10 times more probable" in found[""].fact


def test_the_words_say_for_which_side_a_ratio_is(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[30:32] = 30
    pairs = sheets.facts()["pairs"].rows
    words = dict(zip(pairs["other"][:3].tolist(), pairs["support"][:3].tolist(), strict=True))
    assert words["0031"].endswith("for one hand")
    assert words["0032"].endswith("against one hand")


def test_many_clerks_in_centres_of_one_option_are_shown_by_who_won(tmp_path):
    sheets = Scanned(tmp_path)
    for c in range(0, CENTRES, 4):  # all of them won by B
        sheets.hands[c * EACH : (c + 1) * EACH] = c * EACH
    main = sheets.facts()[""]
    assert main.status == "observed"
    by = {w["option"]: w for w in main.statistic["winners"]}
    assert by["B"]["hits"] >= 7
    assert by["A"]["hits"] <= 2
    assert main.statistic["winners_p"] < 0.01
    told = {e.id: e for e in main.explanations}
    assert told["everywhere"].tested
    assert not told["lawful-clerk"].tested


def test_a_copy_of_a_sheet_is_no_second_sheet_of_its_hand(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[6:9] = 6
    assert sheets.facts()[""].status == "observed"
    sheets.twins = [{"scan_a": 6, "scan_b": 7, "how": "ink", "score": 0.99, "detail": "ink"}]
    main = sheets.facts()[""]
    assert main.status == "not-determinable"  # a pair is left of three
    s = main.statistic
    assert (s["copies"], s["sheets"], s["compared"]) == (1, sheets.n, sheets.n - 1)


def test_sheets_with_a_piece_of_a_picture_in_common_are_counted_apart(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[6:9] = 6
    sheets.twins = [{"scan_a": 6, "scan_b": 7, "how": "patch", "score": 0.99, "detail": "a box"}]
    main = sheets.facts()[""]
    told = {e.id: e for e in main.explanations}
    assert told["one-picture"].values["twins"] == 1
    assert main.statistic["copies"] == 0


def test_scans_that_were_not_paired_are_compared_all_the_same(tmp_path, monkeypatch):
    sheets = Scanned(tmp_path)
    sheets.hands[6:9] = 6
    has = type(sheets.found).has
    monkeypatch.setattr(type(sheets.found), "has", lambda e, need: need != "twins" and has(e, need))
    main = sheets.facts()[""]
    assert main.statistic["copies"] == 0
    assert not {e.id: e for e in main.explanations}["one-picture"].tested


def test_where_no_made_up_centre_is_so_fewer_than_one_in_so_many_is_said(tmp_path):
    sheets = Scanned(tmp_path)
    for c in range(0, CENTRES, 2):
        sheets.hands[c * EACH : (c + 1) * EACH] = c * EACH
    main = sheets.facts()[""]
    made = main.statistic["made"]
    assert main.statistic["background"] == 0
    assert main.p_value == pytest.approx(2 / (made + 1))
    assert f"fewer than 1 such centre in {made:,}" in main.fact
    assert f"at most {main.p_value:.1g}, the least that {made:,} made-up centres" in main.fact


def test_no_text_for_readers_speaks_of_hits(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.hands[21:24] = 21
    for fact in sheets.facts().values():
        texts = [fact.title, fact.fact, *(e.result or "" for e in fact.explanations)]
        texts += [f.alt + "".join(f.labels.values()) for f in fact.figures]
        assert not re.search(r"\bhits?\b", " ".join(texts), re.IGNORECASE)


def test_rates_are_told_with_the_writers_on_whom_they_were_measured(tmp_path):
    entry = Scanned(tmp_path).facts()[""].statistic["conditions"][0]
    of = load_manifest()["calibration"]["good"]
    assert entry["on"] == of.get("table_from", hand_rates.FITTED)


def test_few_digits_determine_nothing(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.digits = 10
    main = sheets.facts()[""]
    assert main.status == "not-determinable"
    assert "fewer than 15 digits" in main.fact


def test_scans_of_a_condition_not_validated_are_left_out(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.grade = ["unreadable"] * sheets.n
    main = sheets.facts()[""]
    assert main.status == "not-determinable"
    assert main.statistic["not_validated"] == sheets.n


@pytest.mark.parametrize(("share", "left"), [(801, 0), (799, 2)])
def test_sheets_with_strokes_in_pieces_are_left_out_and_counted(tmp_path, share, left):
    sheets = Scanned(tmp_path)
    sheets.hands[:3] = 0
    sheets.unbroken = [share] * 2 + [990] * (sheets.n - 2)
    main = sheets.facts()[""]
    assert main.statistic["broken"] == left
    assert main.statistic["compared"] + main.statistic["alone"] == sheets.n - left
    assert main.statistic["hits"] == (0 if left else 1)


def test_where_all_strokes_are_in_pieces_nothing_is_determined(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.unbroken = [500] * sheets.n
    main = sheets.facts()[""]
    assert main.status == "not-determinable"
    assert f"on {sheets.n} the strokes are in pieces" in main.fact


def test_delegates_rows_on_sheets_with_strokes_in_pieces_are_left_out(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    sheets.unbroken = [990] * (sheets.n - 4) + [700] * 4
    found = sheets.facts("handwriting.delegate")["own-sheet"].statistic
    assert (found["rows"], found["broken"]) == (sheets.n, 4)
    assert found["compared"] + found["unmatched"] == sheets.n - 4


def test_few_centres_determine_nothing_but_pairs_are_shown(tmp_path):
    sheets = Scanned(tmp_path, centres=5)
    sheets.hands[:3] = 0
    found = sheets.facts()
    assert found[""].status == "not-determinable"
    assert len(found["pairs"].rows["sid"]) >= 3


def test_poor_scans_are_judged_by_what_was_measured_on_such(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.grade = ["usable" if i % 9 == 0 else "good" for i in range(sheets.n)]
    conditions = {c["condition"]: c for c in sheets.facts()[""].statistic["conditions"]}
    assert conditions["usable"]["centres"] == 11
    assert conditions["good"]["centres"] == 21


def test_without_digits_in_the_row_a_delegate_cannot_be_told(tmp_path):
    found = Scanned(tmp_path).facts("handwriting.delegate")
    assert {f.status for f in found.values()} == {"not-determinable"}
    assert all("signature" in f.fact for f in found.values())


def test_delegates_of_their_own_hand_are_not_observed(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    found = sheets.facts("handwriting.delegate")
    assert found["own-sheet"].statistic["compared"] == sheets.n
    assert found["other-sheets"].statistic["compared"] == sheets.n * (EACH - 1)
    assert found["rows"].statistic["compared"] == sheets.n
    assert {f.status for f in found.values()} == {"not-observed"}


def test_rows_in_the_clerks_hand_are_observed_on_their_own_sheets_alone(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    sheets.delegates = sheets.hands.copy()
    found = sheets.facts("handwriting.delegate")
    own = found["own-sheet"]
    assert own.status == "observed"
    assert own.statistic["above"] > 10 * own.statistic["expected"]
    assert own.statistic["centres_above"] == CENTRES
    assert own.p_value == pytest.approx(1e-4)
    assert "at most 0.0001, the least that so many draws can show" in own.fact
    told = {e.id: e for e in own.explanations}["few-digits"]
    assert f"({hand_rates.where(own.statistic['condition']['on'])})" in told.result
    assert np.abs(own.rows["log10_ratio"]).max() <= 1 + 1e-9
    assert found["other-sheets"].status == "not-observed"
    assert "do not say" in own.fact


def test_delegates_who_write_other_sheets_of_the_centre_are_observed_there(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    sheets.delegates = np.arange(sheets.n) // EACH * EACH
    # One delegate for all tables of a centre, who also completes its first sheet.
    found = sheets.facts("handwriting.delegate")
    assert found["rows"].status == "observed"
    assert found["other-sheets"].status == "observed"


def test_forms_and_grades_have_a_chance_of_their_own(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    sheets.grade = ["usable" if i % 2 else "good" for i in range(sheets.n)]
    sheets.forms = ["old" if i % 3 else "new" for i in range(sheets.n)]
    s = sheets.facts("handwriting.delegate")["own-sheet"].statistic
    looks = {(look["form"], look["grade"]): look for look in s["looks"]}
    assert len(looks) == 4
    for key in ("compared", "above", "chance_pairs"):
        assert sum(look[key] for look in looks.values()) == s[key]
    for (form, _), look in looks.items():
        assert look["compared"] == (16 if form == "new" else 32)
        assert look["chance_pairs"] > 8 * look["compared"]


def test_forms_of_one_centre_alone_are_not_judged_by_those_of_others(tmp_path):
    sheets = Scanned(tmp_path, centres=43)
    sheets.row = 8
    own = 40 * EACH
    sheets.delegates[own:] = sheets.hands[own:]
    sheets.forms[own:] = [f"of centre {i // EACH}" for i in range(own, sheets.n)]
    found = sheets.facts("handwriting.delegate")["own-sheet"]
    s = found.statistic
    assert found.status == "not-observed"
    assert (s["compared"], s["unmatched"], s["centres"]) == (own, 3 * EACH, 40)
    assert len(found.rows["sid"]) == own
    looks = {look["form"]: look for look in s["looks"]}
    assert looks["form"]["unmatched"] == 0
    alone = looks["of centre 41"]
    assert (alone["compared"], alone["unmatched"], alone["background"]) == (0, EACH, None)
    # As forms that others have too, they are observed.
    sheets.forms = ["form"] * sheets.n
    assert sheets.facts("handwriting.delegate")["own-sheet"].status == "observed"


def test_where_every_centre_has_a_form_of_its_own_nothing_tells_chance(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    sheets.forms = [f"of centre {i // EACH}" for i in range(sheets.n)]
    found = sheets.facts("handwriting.delegate")["own-sheet"]
    assert (found.status, found.p_value) == ("not-determinable", None)
    assert found.statistic["unmatched"] == sheets.n
    assert "No two centres have scans of one form and grade" in found.fact


def test_a_p_value_is_of_what_was_made_up_for_the_subject(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    found = sheets.facts("handwriting.delegate")
    assert found["own-sheet"].p_value_of.endswith("held against another centre's sheets")
    assert found["rows"].p_value_of.endswith("were each row of a centre one of a different centre")


def test_a_delegate_of_few_centres_is_not_told_from_chance(tmp_path):
    sheets = Scanned(tmp_path, centres=9)
    sheets.row = 8
    sheets.delegates = sheets.hands.copy()
    found = sheets.facts("handwriting.delegate")["own-sheet"]
    assert found.status == "not-determinable"
    assert "in 9 centres" in found.fact


def test_rows_of_copies_are_compared_once(tmp_path):
    sheets = Scanned(tmp_path)
    sheets.row = 8
    sheets.twins = [{"scan_a": 6, "scan_b": 7, "how": "ink", "score": 0.99, "detail": "ink"}]
    s = sheets.facts("handwriting.delegate")["own-sheet"].statistic
    assert (s["copies"], s["rows"], s["compared"]) == (1, sheets.n - 1, sheets.n - 1)


def test_scans_on_which_halves_of_a_sheet_are_not_alike_are_refused(tmp_path, monkeypatch):
    sheets = Scanned(tmp_path)
    rows = writing.rows

    def mixed(hands, rng, **more):
        """On the first half of the sheets, each box is of another sheet's hand."""
        made = rows(hands, rng, **more)
        poor = [row for row in made if row["sid"] < sheets.n // 2]
        for row, scan in zip(poor, rng.permutation([r["scan"] for r in poor]), strict=True):
            row["scan"] = row["sid"] = int(scan)
        return made

    monkeypatch.setattr(writing, "rows", mixed)
    forms = ["old"] * (sheets.n // 2) + ["new"] * (sheets.n - sheets.n // 2)
    sheets.forms = forms
    found = sheets.facts()[""]
    looks = {look["form"]: look for look in found.statistic["looks"]}
    assert looks["old"]["refused"]
    assert not looks["new"]["refused"]
    assert found.statistic["not_validated"] == sheets.n // 2
