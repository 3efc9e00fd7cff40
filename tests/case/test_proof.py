"""What is told of the files of a case, and what is not in order about them."""

from __future__ import annotations

import pytest

from tests.building import small_case
from veedor.case.loading import load_case
from veedor.case.proof import counted, examine
from veedor.cli import main

COUNTS = {"official": {"station": ["1"], "A": [6], "B": [3], "C": [1]}}
LINE = '10.0.0.9 - - [{}:19:40:01 +0000] "GET / HTTP/1.1" 200 5\n'
ACCESS = 'format = "access-log"\nfile = "a.log"\n'
TABLE = 'format = "delimited"\nfile = "a.csv"\ninstant = "t"\n[sources.fields]\nkind = "class"\n'
TRAIL = (
    '\n[[sources]]\nid = "trail"\nkind = "custody"\nformat = "delimited"\nfile = "c.csv"\n'
    'key = "s"\ninstant = "t"\n[sources.fields]\nstep = "step"\n'
)


def case_with(folder, text, **files):
    path = small_case(folder, COUNTS)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return path


def log(entry, more=""):
    return f'\n[[sources]]\nid = "log"\nkind = "log-lines"\n{more}{entry}'


def told(path, source):
    """What is told of one source, and whether all of it could be read."""
    lines: list[str] = []
    found = examine(load_case(path), lines.append)
    assert found.wrong == []
    (line,) = [line for line in lines if line.startswith(f"{source}: ")]
    return line, found.unread


def test_what_is_whole_is_in_order(tmp_path, capsys):
    path = case_with(tmp_path, log(ACCESS), a_log=LINE.format("20/Oct/2019"))
    assert told(path, "log") == (
        "log: 1 line in a.log; stamps: wall clock with its offset from UTC, to the second", False,
    )  # fmt: skip
    assert main(["case", "check", str(path)]) == 0
    assert "The case file is in order." in capsys.readouterr().out


def test_the_first_stamp_that_is_not_read_is_told_with_its_row(tmp_path, capsys):
    good, bad = LINE.format("20/Oct/2019"), LINE.format("20/Mai/2019")
    path = case_with(tmp_path, log(ACCESS), a_log=good + bad)
    line, unread = told(path, "log")
    assert line.endswith(". 1 stamp is not read, in row 2: '20/Mai/2019:19:40:01 +0000'")
    assert unread
    (tmp_path / "a.log").write_text(good + bad + "\n".join(["x", "y", bad]))
    line, _ = told(path, "log")
    assert ". 2 stamps are not read, the first in row 2: '20/Mai" in line
    assert line.endswith(". 2 lines are broken, the first in row 3: 'x'")
    assert main(["case", "check", str(path)]) == 0
    assert "could not be read of its files is told above" in capsys.readouterr().out


def test_the_form_of_instants_is_named_where_the_case_states_it(tmp_path):
    path = case_with(tmp_path, log(TABLE), a_csv="t,class\nyesterday,login\n")
    assert told(path, "log")[0].endswith(
        ". 1 stamp is not read, in row 2: 'yesterday' (`instant_format` is 'iso')"
    )


def test_a_class_of_lines_that_there_is_none_of_is_told(tmp_path, capsys):
    rows = "t,class\n2020-01-31T20:00:00Z,login\n2020-01-31T20:00:01Z,app-write\n"
    path = case_with(tmp_path, log(TABLE), a_csv=rows)
    line, unread = told(path, "log")
    assert "1 line is of a class that veedor does not have and counts as other, in row 3:" in line
    assert "'app-write'; did you mean application-write or" in line
    assert unread
    assert main(["case", "check", str(path)]) == 0
    assert "in order" not in capsys.readouterr().out


@pytest.mark.parametrize(("cells", "words"), [
    (["2020-01-31T20:00:00Z", "2020-01-31T20:00:01Z"], ""),
    (["2020-01-31T20:00:00Z", "31/01/2020 20:01"],
     ". 1 of 2 stamps is not read, in row 3: '31/01/2020 20:01' (`instant_format` is 'iso')"),
    (["5 May", "6 May"],
     ". 2 of 2 stamps are not read, the first in row 2: '5 May' (`instant_format` is 'iso')"),
])  # fmt: skip
def test_stamps_of_a_custody_trail_that_are_not_read_are_told(tmp_path, cells, words):
    rows = "s,step,t\n" + "".join(f"1,in,{cell}\n" for cell in cells)
    line, unread = told(case_with(tmp_path, TRAIL, c_csv=rows), "trail")
    assert line == f"trail: 2 rows in c.csv{words}"
    assert unread is bool(words)


def test_stamps_of_each_step_of_a_trail_are_told(tmp_path):
    steps = TRAIL.partition("instant")[0] + (
        '[[sources.steps]]\nid = "in"\ninstant = "a"\n'
        '[[sources.steps]]\nid = "out"\ninstant = "b"\n'
    )
    path = case_with(tmp_path, steps, c_csv="s,a,b\n1,2020-01-31T20:00:00Z,late\n")
    assert ". out: 1 of 1 stamp is not read, in row 2: 'late'" in told(path, "trail")[0]


@pytest.mark.parametrize(("more", "code", "words"), [
    ("", 1, "1 source was not examined, because its file is not here: log"),
    ("optional = true\n", 0, "The case file can be used. 1 source was not examined"),
])  # fmt: skip
def test_a_file_that_is_not_here_is_not_in_order(tmp_path, capsys, more, code, words):
    path = case_with(tmp_path, log(ACCESS, more))
    assert main(["case", "check", str(path)]) == code
    shown = capsys.readouterr()
    assert words in shown.out + shown.err
    assert "in order" not in shown.out


def test_a_public_case_may_be_checked_before_its_data_are_fetched(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path))
    monkeypatch.delenv("VEEDOR_DATA", raising=False)
    assert main(["case", "check", "bolivia-2019"]) == 0
    assert "sources were not examined, because their files are not here" in capsys.readouterr().out


def test_an_inventory_that_gives_two_hosts_one_address_is_told(tmp_path, capsys):
    entry = (
        '\n[[sources]]\nid = "inv"\nkind = "inventory"\nformat = "delimited"\nfile = "i.csv"\n'
        '[sources.fields]\nid = "id"\naddresses = "ip"\n'
    )
    path = case_with(tmp_path, entry, i_csv="id,ip\nweb,10.0.0.1\napi,10.0.0.1\n")
    assert main(["case", "check", str(path)]) == 1
    assert "i.csv, row 3: hosts 'web' and 'api' have the same address" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["case", "check"], ["audit"]])
def test_a_finding_of_no_check_is_refused_before_anything_is_read(tmp_path, capsys, command):
    statement = (
        '\n[[statements]]\nid = "t"\nby = "X"\ncapacity = "party"\ntext = "x"\ntopic = "x"\n'
        'source = "x"\n'
        'expects = [{ finding = "infrastructure.undeclared-hos.x", status = "observed" }]\n'
    )
    path = case_with(tmp_path, statement)
    (tmp_path / "official.csv").unlink()
    assert main([*command, str(path)]) == 1
    shown = capsys.readouterr().err
    assert "there is no check 'infrastructure.undeclared-hos'" in shown
    assert "did you mean infrastructure.undeclared-host" in shown
    assert "case.toml:" in shown


def test_numbers_have_their_noun():
    assert [counted(n, "row") for n in (0, 1, 2, 1000)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "1,000 rows",
    ]
