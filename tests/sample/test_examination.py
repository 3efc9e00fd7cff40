"""An examination: blind, in an order of its own, and no entry is ever changed or lost."""

from __future__ import annotations

import csv

import pytest

from veedor.errors import SourceError
from veedor.sample import examination
from veedor.sample.examination import Answers, Examination, codes_of, images_of

CODES = [f"S-{i:02d}" for i in range(20)]
TOML = """
[[samples]]
id = "recheck"
title = "A recheck <b>"
frame = "official"
selection = "simple"
size = 20
ceremony = "dice 1 2 3"
[[samples.questions]]
id = "hand"
text = "One hand <i>?"
[[samples.questions]]
id = "blank"
text = "Fields left empty"
answers = ["yes", "no"]
unknown = []
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sample.toml").write_text(TOML, encoding="utf-8")
    rows = "".join(f"{k},{code},0.5\n" for k, code in enumerate(CODES, 1))
    (tmp_path / "drawn.csv").write_text("draw,station,chance\n" + rows, encoding="utf-8")
    return tmp_path


def given(**more):
    return {"hand": "no", "blank": "no"} | more


def test_each_examiner_has_an_order_of_their_own_that_is_the_same_each_time(folder):
    ana, luis = (Examination.open(folder, name).stations for name in ("ana", "luis"))
    assert sorted(ana) == sorted(luis) == CODES
    assert ana != luis
    assert list(ana) != CODES
    assert Examination.open(folder, "ana").stations == ana


def test_each_sheet_is_seen_by_two_of_several_examiners(folder):
    names = ["ana", "luis", "eva"]
    seen = [s for n in names for s in Examination.open(folder, n, names).stations]
    assert {seen.count(code) for code in CODES} == {2}
    shares = [len(Examination.open(folder, n, names).stations) for n in names]
    assert min(shares) >= 8
    again = [Examination.open(folder, n, ["eva", "luis", "ana"]).stations for n in names]
    assert [len(a) for a in again] == shares


def test_entries_are_on_the_disk_at_once_and_a_correction_keeps_the_first(folder):
    one = Examination.open(folder, "ana")
    answers = Answers(folder, one)
    first = one.stations[0]
    answers.add(first, given(), "  a\nnote ")
    answers.show(first)
    answers.add(first, given(hand="yes"), "")
    with (folder / "answers-ana.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["hand"] for r in rows] == ["no", "yes"]
    assert [r["entry"] for r in rows] == ["1", "2"]
    assert [r["votes_shown"] for r in rows] == ["no", "yes"]
    assert rows[0]["note"] == "a note"
    later = Answers(folder, one)
    assert later.shown == {first}, "that votes were shown outlasts the page"
    assert later.judged()[first]["hand"] == "yes"
    assert later.next() == one.stations[1]


def test_every_showing_without_a_veil_is_a_line_of_its_own_that_stays(folder):
    one = Examination.open(folder, "ana")
    path = folder / "unveiled-ana.csv"
    Answers(folder, one)
    head, begins = path.read_text("utf-8").splitlines()
    assert head == "at,examiner,station,picture"
    assert begins.endswith(",ana,record-begins,"), "a record of none says whose it is"
    Answers(folder, one).unveil("S-03", 1)
    first = path.read_text("utf-8")
    Answers(folder, one).unveil("S-03", 1)
    Answers(folder, one).unveil("S-01", 2)
    assert path.read_text("utf-8").startswith(first)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(r["examiner"], r["station"], r["picture"]) for r in csv.DictReader(file)]
    assert rows[0] == ("ana", "record-begins", "")
    assert rows[1:] == [("ana", "S-03", "1"), ("ana", "S-03", "1"), ("ana", "S-01", "2")]
    path.write_text(first + "2026,an", encoding="utf-8")
    with pytest.raises(SourceError, match="an entry is not whole"):
        Answers(folder, one)


@pytest.mark.parametrize("left", [None, "at,examiner,station,picture\n"])
def test_a_record_that_begins_after_answers_says_since_when_it_is_one(folder, monkeypatch, left):
    one, path = Examination.open(folder, "ana"), folder / "unveiled-ana.csv"
    monkeypatch.setattr(examination, "_now", lambda: "2026-01-01T10:00:00+00:00")
    Answers(folder, one).add("S-01", given(), "")
    path.unlink()
    if left:
        path.write_text(left, encoding="utf-8")
    monkeypatch.setattr(examination, "_now", lambda: "2026-01-02T10:00:00+00:00")
    Answers(folder, one)
    begins = "at,examiner,station,picture\n2026-01-02T10:00:00+00:00,ana,record-begins,\n"
    assert path.read_text("utf-8") == begins
    monkeypatch.setattr(examination, "_now", lambda: "2026-01-03T10:00:00+00:00")
    Answers(folder, one)
    assert path.read_text("utf-8") == begins, "a record begins once"


def test_two_pages_of_one_examiner_number_their_entries_together(folder):
    one = Examination.open(folder, "ana")
    here, there = Answers(folder, one), Answers(folder, one)
    for number, kept in enumerate((here, there, here)):
        kept.add("S-01", given(), f"note {number}")
    assert [e["entry"] for e in Answers(folder, one).entries] == ["1", "2", "3"]


def test_the_same_entry_once_more_is_not_added(folder):
    kept = Answers(folder, Examination.open(folder, "ana"))
    for note in ("a", " a ", "b", "a"):
        kept.add("S-01", given(), note)
    kept.add("S-02", given(), "a")
    assert [e["note"] for e in kept.entries] == ["a", "b", "a", "a"]
    kept.show("S-01")
    assert kept.add("S-01", given(), "a")["votes_shown"] == "yes"
    assert kept.add("S-01", given(), "a")["entry"] == "5"
    assert Answers(folder, Examination.open(folder, "ana")).entries == kept.entries
    kept.path.unlink()
    kept.add("S-01", given(), "a")
    assert kept.path.exists(), "an entry that is on no disk stands for none"


def test_a_note_of_any_length_is_not_kept(folder):
    kept = Answers(folder, Examination.open(folder, "ana"))
    with pytest.raises(ValueError, match="the note has 3,000 characters, and 2,000 at the most"):
        kept.add("S-01", given(), "x" * 3000)
    assert kept.add("S-01", given(), " \n" * 2000 + "x" * 2000)["note"] == "x" * 2000


def test_a_note_is_a_line_that_no_spreadsheet_runs(folder):
    kept = Answers(folder, Examination.open(folder, "ana"))
    assert kept.add("S-01", given(), "=1+1\x00\x1b[2J\n end")["note"] == r"'=1+1\x00\x1b[2J end"
    assert Answers(folder, Examination.open(folder, "ana")).entries == kept.entries


@pytest.mark.parametrize("cut", ["1,2026", '1,2026,ana,S-01,no,no,"half a'])
def test_an_entry_that_was_cut_off_is_told_and_not_written_over(folder, cut):
    one = Examination.open(folder, "ana")
    Answers(folder, one).add("S-01", given(), "")
    path = folder / "answers-ana.csv"
    before = path.read_text("utf-8") + cut
    path.write_text(before, encoding="utf-8")
    with pytest.raises(SourceError, match="an entry is not whole"):
        Answers(folder, one)
    assert path.read_text("utf-8") == before


def test_entries_on_sheets_that_are_another_examiners_now_stay(folder):
    Answers(folder, one := Examination.open(folder, "ana")).add(one.stations[0], given(), "")
    shared = Examination.open(folder, "ana", ["ana", "luis", "eva"], each=1)
    kept = Answers(folder, shared)
    assert len(kept.entries) == 1
    assert kept.done == (one.stations[0] in shared.stations)


@pytest.mark.parametrize(
    ("station", "answers", "words"),
    [
        ("S-99", given(), "is not a sheet"),
        ("S-01", {"hand": "no"}, "no answer to: Fields left empty"),
        ("S-01", given(hand="maybe"), "no answer to: One hand"),
    ],
)
def test_what_the_form_does_not_allow_is_not_kept(folder, station, answers, words):
    kept = Answers(folder, Examination.open(folder, "ana"))
    with pytest.raises(ValueError, match=words):
        kept.add(station, answers, "")
    assert not kept.path.exists()


def test_answers_to_other_questions_are_not_added_to(folder):
    one = Examination.open(folder, "ana")
    Answers(folder, one).add("S-01", given(), "")
    text = TOML.replace('id = "blank"', 'id = "empty"')
    (folder / "sample.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="other questions"):
        Answers(folder, Examination.open(folder, "ana"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "sample.toml").unlink(), "cannot be read"),
        (lambda f: (f / "drawn.csv").unlink(), "cannot be read"),
        (lambda f: (f / "sample.toml").write_text("x = ["), "not one entry"),
        (lambda f: (f / "sample.toml").write_text(TOML.partition("[[samples.q")[0]), "no question"),
        (lambda f: (f / "sample.toml").write_text(TOML.replace('"hand"', '"note"')), "is a column"),
        (lambda f: (f / "drawn.csv").write_text("a,b\n1,2\n"), "no column `station`"),
    ],
)
def test_a_folder_that_is_not_a_draw_is_told(folder, change, words):
    change(folder)
    with pytest.raises(SourceError, match=words):
        Examination.open(folder, "ana")


@pytest.mark.parametrize(("name", "among"), [("../ana", []), ("ana", ["luis", "eva"])])
def test_an_examiner_has_a_name_that_makes_a_file_and_is_among_them(folder, name, among):
    with pytest.raises(SourceError):
        Examination.open(folder, name, among)


def test_no_more_examiners_see_a_sheet_than_there_are(folder):
    with pytest.raises(SourceError, match="3 examiners cannot see a sheet: 2 are named"):
        Examination.open(folder, "ana", ["ana", "luis"], each=3)


def test_a_picture_of_a_sheet_that_was_not_drawn_is_not_anothers(tmp_path):
    for name in ("S-01.png", "S-01-2.png", "S-01-2-back.png", "S-01-3.png"):
        (tmp_path / name).write_bytes(b"x")
    found = images_of(tmp_path, ["S-01"], ["S-01", "S-01-2"])
    assert [p.name for p in found["S-01"]] == ["S-01-3.png", "S-01.png"]
    (tmp_path / "frame.csv").write_text("station\nS-01\nS-01-2\n", encoding="utf-8")
    assert codes_of(tmp_path) == ["S-01", "S-01-2"]


def test_pictures_are_those_named_by_the_stations_code(tmp_path):
    for name in ("S-01.png", "S-01-2.JPG", "S-010.png", "S-02.txt", "S-03.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "S-04.png").mkdir()
    found = images_of(tmp_path, CODES)
    assert {s: [p.name for p in ps] for s, ps in found.items()} == {
        "S-01": ["S-01-2.JPG", "S-01.png"],
        "S-03": ["S-03.pdf"],
    }
