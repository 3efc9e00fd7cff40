"""An examination: blind, in an order of its own, and no entry is ever changed or lost."""

from __future__ import annotations

import csv

import pytest

from veedor.errors import SourceError
from veedor.sample.examination import Answers, Examination, images_of

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
    answers.add(first, given(), "  a\nnote ", votes_shown=False)
    answers.add(first, given(hand="yes"), "", votes_shown=True)
    with (folder / "answers-ana.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["hand"] for r in rows] == ["no", "yes"]
    assert [r["entry"] for r in rows] == ["1", "2"]
    assert [r["votes_shown"] for r in rows] == ["no", "yes"]
    assert rows[0]["note"] == "a note"
    later = Answers(folder, one)
    assert later.judged()[first]["hand"] == "yes"
    assert later.next() == one.stations[1]


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
        kept.add(station, answers, "", votes_shown=False)
    assert not kept.path.exists()


def test_answers_to_other_questions_are_not_added_to(folder):
    one = Examination.open(folder, "ana")
    Answers(folder, one).add("S-01", given(), "", votes_shown=False)
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


def test_pictures_are_those_named_by_the_stations_code(tmp_path):
    for name in ("S-01.png", "S-01-2.JPG", "S-010.png", "S-02.txt", "S-03.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "S-04.png").mkdir()
    found = images_of(tmp_path, CODES)
    assert {s: [p.name for p in ps] for s, ps in found.items()} == {
        "S-01": ["S-01-2.JPG", "S-01.png"],
        "S-03": ["S-03.pdf"],
    }
