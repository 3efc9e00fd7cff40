"""What `veedor case check` tells of scans, the file that names them and their templates."""

from __future__ import annotations

import hashlib

import pytest

from tests.scans import scans_case, template
from veedor.case.loading import load_case
from veedor.case.proof import examine
from veedor.cli import main
from veedor.errors import CaseError

COUNTS = {"official": {"station": ["1", "2"], "A": [6, 1], "B": [3, 1], "C": [1, 1]}}
GOOD = hashlib.sha256(b"one").hexdigest()


def told(path):
    lines: list[str] = []
    found = examine(load_case(path), lines.append)
    (line,) = [line for line in lines if line.startswith("scans: ")] or [""]
    return line, found


def test_whole_scans_are_in_order(tmp_path, capsys):
    rows = [("1", "a.png", GOOD.upper()), ("2", "b.png", None)]
    path = scans_case(tmp_path, COUNTS, rows, {"a.png": b"one", "b.png": b"two"})
    line, found = told(path)
    assert line == "scans: 2 rows in scans.csv. 2 pictures in scans.zip"
    assert (found.wrong, found.unread) == ([], False)
    assert main(["case", "check", str(path)]) == 0
    assert "The case file is in order." in capsys.readouterr().out


def test_rows_and_pictures_that_do_not_meet_are_told_with_their_rows(tmp_path):
    rows = [
        ("1", "a.png", GOOD),
        ("1", "b.png", GOOD),
        ("2", "lost.png", None),
        ("2", "../up.png", None),
        (None, None, None),
    ]
    path = scans_case(tmp_path, COUNTS, rows, {"a.png": b"one", "b.png": b"two", "c.png": b"3"})
    line, found = told(path)
    assert found.unread
    assert found.wrong == []
    for words in (
        "1 row has no station's code, in row 6",
        "1 row names no picture, in row 6",
        "1 row names a picture by a path that leads out of the folder, in row 5: '../up.png'",
        "1 row names a picture that is not in scans.zip, in row 4: 'lost.png'",
        "1 picture is named by no row, 'c.png'",
        "1 picture has another SHA-256 than the row states, in row 3: 'b.png'",
        "2 stations have several scans, all of which are kept, the first '1' in row 2",
    ):
        assert words in line.split(". "), line


def test_a_picture_whose_name_differs_in_capitals_alone_is_pointed_to(tmp_path):
    rows = [("1", "A.PNG", None), ("2", "b.png", None)]
    path = scans_case(tmp_path, COUNTS, rows, {"x/a.png": b"one", "b.png": b"two"})
    line, _ = told(path)
    assert "not in scans.zip, in row 2: 'A.PNG' (there is 'x/a.png')" in line


def test_scans_of_stations_that_no_count_has_are_told_with_the_code_that_is_like_theirs(tmp_path):
    rows = [("1", "a.png", GOOD), ("9", "b.png", None), ("02", "c.png", None)]
    pictures = {"a.png": b"one", "b.png": b"two", "c.png": b"3"}
    line, found = told(scans_case(tmp_path, COUNTS, rows, pictures))
    words = (
        "2 rows name a station of no count, the first in row 3: '9' (there is '2', where row 4 has"
        " '02'); their scans stand beside no record: write the codes in 'station' as the counts do"
    )
    assert words in line.split(". "), line
    assert found.unread


@pytest.mark.parametrize("first", [True, False])
def test_stations_of_a_register_are_known_wherever_the_scans_stand_in_the_case(tmp_path, first):
    rows = [("1", "a.png", GOOD), ("3", "a.png", GOOD)]
    path = scans_case(tmp_path, COUNTS, rows, {"a.png": b"one"})
    (tmp_path / "register.csv").write_text("station\n1\n2\n3\n", "utf-8")
    register = (
        '[[sources]]\nid = "register"\nkind = "stations"\nformat = "delimited"\n'
        'file = "register.csv"\nkey = "station"\n'
    )
    text = path.read_text("utf-8")
    at = text.index("[[sources]]") if first else len(text)
    path.write_text(f"{text[:at]}\n{register}\n{text[at:]}", "utf-8")
    line, found = told(path)
    assert "of no count" not in line
    assert (found.wrong, found.unread) == ([], False)


def test_what_is_no_hash_is_told_apart_from_another_hash(tmp_path):
    rows = [("1", "a.png", "n/a"), ("2", "b.png", "0" * 64)]
    line, _ = told(scans_case(tmp_path, COUNTS, rows, {"a.png": b"one", "b.png": b"two"}))
    assert "1 picture has another SHA-256 than the row states, in row 3: 'b.png'" in line
    assert (
        "1 row states as SHA-256 what is none (64 digits and letters a to f), in row 2: 'n/a'; such"
        " a scan is not read: correct it, or leave the cell empty" in line
    )


def test_a_form_of_which_nothing_will_be_veiled_is_told(tmp_path):
    bare = template().split("[[private]]")[0] + "[[fields]]" + template().split("[[fields]]", 1)[1]
    rows = [("1", "a.png", GOOD)]
    path = scans_case(tmp_path, COUNTS, rows, {"a.png": b"one"}, templates={"form-a.toml": bare})
    line, found = told(path)
    assert line.endswith("The template 'form-a' lists nothing as private: names, signatures and"
                         " fingerprints on its sheets will be shown")  # fmt: skip
    assert (found.wrong, found.unread) == ([], False)


def test_a_field_that_no_template_has_is_told_with_the_line(tmp_path, capsys):
    source = {"options": {"A": "votes-1", "B": "votes-2", "C": "votes-33"}, "blank": "blanks"}
    path = scans_case(tmp_path, COUNTS, [("1", "a.png", None)], {"a.png": b"one"}, source=source)
    text = path.read_text().splitlines()
    number = next(n for n, line in enumerate(text, 1) if "votes-33" in line)
    _, found = told(path)
    first, second = map(str, found.wrong)
    assert f"case.toml:{number}: sources (scans): C is mapped to the field 'votes-33'" in first
    assert "did you mean votes-3" in first
    assert "blank is mapped to the field 'blanks', which no template has" in second
    assert main(["case", "check", str(path)]) == 1
    assert "votes-33" in capsys.readouterr().err


def test_a_bad_template_is_told_with_its_file_and_key(tmp_path):
    bad = template().replace("width = 33", "width = -3", 1)
    path = scans_case(
        tmp_path, COUNTS, [("1", "a.png", None)], {"a.png": b""}, templates={"form-a.toml": bad}
    )
    _, found = told(path)
    (error,) = map(str, found.wrong)
    assert "form-a.toml: fields.0.width" in error


def test_a_missing_template_leaves_the_source_unexamined(tmp_path, capsys):
    path = scans_case(tmp_path, COUNTS, [("1", "a.png", None)], {"a.png": b""})
    (tmp_path / "form-a.toml").unlink()
    assert main(["case", "check", str(path)]) == 1
    assert "form-a.toml" in capsys.readouterr().err


def test_forms_of_one_id_and_fields_that_one_form_has_twice_are_told(tmp_path):
    source = {
        "templates": ["form-a.toml", "b.toml"],
        "options": {"A": "votes-1", "B": ["votes-2", "votes-3"], "C": "cast"},
        "declared_cast": "valid",
        "declared_valid": "blank",
        "blank": [],
    }
    path = scans_case(
        tmp_path,
        COUNTS,
        [("1", "a.png", None)],
        {"a.png": b""},
        source=source,
        templates={"form-a.toml": template(), "b.toml": template()},
    )
    _, found = told(path)
    words = " ".join(map(str, found.wrong))
    assert "two templates have the id 'form-a'" in words
    assert "B is mapped to votes-2 and votes-3, and the form 'form-a' has both" in words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"fields": {"sha256": "sha256"}}, "needs file"),
        ({"blank": "votes-1"}, "'votes-1' of the form is named for A and for blank"),
        ({"templates": ["a.toml", "a.toml"]}, "names one file twice"),
        ({"templates": []}, "needs `templates`"),
        ({"kind": "states", "state": "x"}, "are for sources of kind 'scans'"),
    ],
)
def test_mistakes_in_the_entry_of_the_case_are_told(tmp_path, source, words):
    path = scans_case(tmp_path, COUNTS, [("1", "a.png", None)], {}, source=source)
    with pytest.raises(CaseError, match=words):
        load_case(path)
