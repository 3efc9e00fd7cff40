"""`veedor sample`: sizes, draws that anybody can repeat, plans, and a report."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
import unicodedata

import pytest

from tests.building import small_case
from veedor.case.loading import load_case
from veedor.cli import main
from veedor.sample.examination import Answers, Examination
from veedor.stats.survey import size_for_detection, size_for_precision

SHEETS = 60
CODES = [f"S{i:03d}" for i in range(SHEETS)]


@pytest.fixture
def case(tmp_path):
    return small_case(
        tmp_path / "case",
        {
            "official": {
                "station": CODES,
                "centre": [f"=C{i // 4}" for i in range(SHEETS)],
                "registered": [100 + i for i in range(SHEETS)],
                "A": [50] * SHEETS,
                "B": [30] * SHEETS,
                "C": [5] * SHEETS,
            }
        },
    )


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_sizes_are_told_for_a_precision_and_for_a_detection(capsys):
    arguments = ["sample", "size", "--frame", "500"]
    assert main([*arguments, "--rate", "0.1", "--within", "0.05", "--detect", "20"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{size_for_precision(500, 0.1, 0.05)} of 500 sheets")
    assert second.startswith(f"{size_for_detection(500, 20, 0.95)} of 500 sheets")
    assert main([*arguments, "--detect", "20", "--members", "5", "--alike", "0.5"]) == 0
    assert "whole centres of 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say --rate and --within, or --detect"),
        (["--rate", "0.1"], "--rate and --within belong together"),
        (["--detect", "3", "--members", "5"], "--members and --alike belong together"),
        (["--detect", "501"], "more than the --frame of 500"),
        (["--rate", "2", "--within", "0.1"], "0<=x<=1"),
    ],
)
def test_sizes_that_cannot_be_told_are_wrong_usage(arguments, words, capsys):
    assert main(["sample", "size", "--frame", "500", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_draw_can_be_repeated_with_sha256_alone(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    words = "dice 3 1 4; caf\u00e9"
    arguments = ["sample", "draw", str(case), "--size", "9", "--ceremony", words, "--out", str(out)]
    assert main(arguments) == 0
    seed = hashlib.sha256(words.encode()).hexdigest()
    ticket = {s: hashlib.sha256(f"{seed},{s}".encode()).hexdigest() for s in CODES}
    expected = sorted(CODES, key=ticket.get)[:9]
    assert [r["station"] for r in rows(out / "drawn.csv")] == expected
    assert {r["chance"] for r in rows(out / "drawn.csv")} == {"0.15"}
    assert [r["station"] for r in rows(out / "frame.csv")] == CODES
    told = capsys.readouterr().out
    assert f"seed {seed}" in told
    for name in ("frame.csv", "drawn.csv", "sample.toml"):
        assert f"written: {out / name}" in told
    assert "nothing was announced in this folder; the report will say so" in told
    assert f"frame {hashlib.sha256((out / 'frame.csv').read_bytes()).hexdigest()}" in told
    # The names of places are safe in a spreadsheet.
    assert all(r["centre"].startswith("'=") for r in rows(out / "drawn.csv"))
    assert main(arguments) == 2
    assert "--force draws it again" in capsys.readouterr().err


def test_the_frame_is_published_before_the_ceremony_and_the_draw_is_from_it(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    frame = ["sample", "draw", str(case), "--size", "9", "--out", str(out)]
    assert main(frame) == 0
    told = capsys.readouterr()
    published = (out / "frame.csv").read_bytes()
    sha256 = hashlib.sha256(published).hexdigest()
    assert f"frame {sha256}" in told.out
    assert "choose among spellings" in told.err
    assert "--words-like" in told.err
    assert sorted(p.name for p in out.iterdir()) == ["announced.toml", "frame.csv"]
    announced = (out / "announced.toml").read_bytes()
    assert f"announced {hashlib.sha256(announced).hexdigest()}" in told.out
    assert "choose among spellings" in announced.decode()
    said = tomllib.loads(announced.decode())
    assert (said["size"], said["count"], said["sheets"]) == (9, "official", SHEETS)
    assert said["frame_sha256"] == sha256
    assert "samples" not in said
    for more, words in (
        (["--size", "10"], "size is 9 there, and 10 here"),
        (["--size", "10", "--ceremony", "x"], "size is 9 there"),
        (["--words-like", "dice #"], "words_like is not given there, and 'dice #' here"),
        (["--most-ballots", "500"], "most_ballots is not given there, and 500 here"),
        (["--selection", "stratified", "--strata", "centre", "--ceremony", "x"],
         "another draw was announced here"),
    ):  # fmt: skip
        assert main([*frame, *more]) == 1
        assert words in capsys.readouterr().err
    assert (out / "announced.toml").read_bytes() == announced
    assert main([*frame, "--ceremony", "x"]) == 0
    assert (out / "frame.csv").read_bytes() == published
    assert len(rows(out / "drawn.csv")) == 9
    (out / "frame.csv").write_bytes(published + b"S999\n")
    assert main([*frame, "--ceremony", "x", "--force"]) == 1
    assert "another frame is there" in capsys.readouterr().err
    assert (out / "frame.csv").read_bytes() == published + b"S999\n"


def test_the_words_have_the_form_that_was_announced(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    frame = ["sample", "draw", str(case), "--size", "9", "--out", str(out)]
    assert main([*frame, "--words-like", "cafe\u0301 (noon): # # # # # #"]) == 0
    assert capsys.readouterr().err.count("words") == 0
    announced = (out / "announced.toml").read_bytes()
    assert "spellings" not in announced.decode()
    for words in ("Caf\u00e9 (noon): 3 1 4 1 5 2", "caf\u00e9 (noon): 314152",
                  "caf\u00e9 (noon): 3 1 4 1 5 2 ", "caf\u00e9 (noon): 3 1 4 1 5 \u0662",
                  "caf\u00e9 (noon): # # # # # #", "3 1 4 1 5 2"):  # fmt: skip
        assert main([*frame, "--ceremony", words]) == 1
        assert "do not have the form that was announced" in capsys.readouterr().err
        assert not (out / "drawn.csv").exists()
    words = ["--ceremony", "caf\u00e9 (noon): 3 1 4 1 5 2"]
    assert main([*frame, *words, "--words-like", "dice # # # # # #"]) == 1
    assert "words_like is" in capsys.readouterr().err
    assert main([*frame, *words, "--title", "A title that was corrected"]) == 0
    (entry,) = tomllib.loads((out / "sample.toml").read_text("utf-8"))["samples"]
    assert entry["announced"] == hashlib.sha256(announced).hexdigest()
    assert (out / "announced.toml").read_bytes() == announced


@pytest.mark.parametrize(("more", "words"), [("dice ###", "leaves 1,000 words"), ("#######", "")])
def test_a_form_that_leaves_few_words_is_told(case, tmp_path, capsys, more, words):
    out = tmp_path / "drawn"
    assert main(["sample", "draw", str(case), "--size", "9", "--words-like", more,
                 "--out", str(out)]) == 0  # fmt: skip
    told = capsys.readouterr().err
    assert (words or "reading") in told
    assert ("the most" in told) == bool(words)


def test_a_form_that_leaves_nothing_open_or_was_not_announced_is_refused(case, tmp_path, capsys):
    out = tmp_path / "none"
    draw = ["sample", "draw", str(case), "--size", "9", "--out", str(out), "--words-like"]
    assert main([*draw, "dice 3 1 4"]) == 2
    assert "nothing is left to chance" in capsys.readouterr().err
    assert main([*draw, "dice #", "--ceremony", "dice 3"]) == 1
    assert "no draw was announced here" in capsys.readouterr().err
    assert not out.exists()


def test_a_draw_that_was_announced_is_made_with_one_set_of_words(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    frame = ["sample", "draw", str(case), "--size", "9", "--out", str(out)]
    assert main([*frame, "--words-like", "dice ######"]) == 0
    first = [*frame, "--ceremony", "dice 314152"]
    assert main(first) == 0
    before = (out / "drawn.csv").read_bytes()
    assert main([*frame, "--ceremony", "dice 314153", "--force"]) == 1
    told = capsys.readouterr().err
    assert "the draw that was announced here was made, with the words 'dice 314152'" in told
    # Questions that were added are no other draw; nor is the same draw once more.
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    assert main([*frame, "--ceremony", "dice 314153", "--force"]) == 1
    assert main([*first, "--force"]) == 0
    assert (out / "drawn.csv").read_bytes() == before
    assert "One hand" in (out / "sample.toml").read_text("utf-8")
    # The words are known by either file.
    (out / "drawn.csv").unlink()
    assert main([*frame, "--ceremony", "dice 314153"]) == 1
    assert "with the words 'dice 314152'" in capsys.readouterr().err
    assert main(first) == 0
    assert (out / "drawn.csv").read_bytes() == before
    (out / "sample.toml").unlink()
    assert main([*first, "--force"]) == 1
    assert "with words that sample.toml does not tell" in capsys.readouterr().err


def test_a_draw_made_again_keeps_its_entry_and_overwrites_no_other(case, tmp_path, capsys):
    out, entry = tmp_path / "drawn", tmp_path / "drawn" / "sample.toml"
    draw = ["sample", "draw", str(case), "--out", str(out), "--force"]
    assert main([*draw, "--size", "9", "--ceremony", "x"]) == 0
    # What nobody added to is written anew for another size, and never for other words.
    assert main([*draw, "--size", "8", "--ceremony", "x"]) == 0
    assert tomllib.loads(entry.read_text("utf-8"))["samples"][0]["size"] == 8
    assert main([*draw, "--size", "8", "--ceremony", "y"]) == 1
    assert "this draw was made, with the words 'x'" in capsys.readouterr().err
    with entry.open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert main([*draw, "--size", "7", "--ceremony", "x"]) == 1
    assert "was added to: size is 8 there, and 7 here" in capsys.readouterr().err
    (out / "drawn.csv").unlink()
    assert main([*draw[:-1], "--size", "8", "--ceremony", "x"]) == 0
    told = capsys.readouterr().out
    assert f"written: {out / 'drawn.csv'}" in told
    assert f"kept as it is: {entry}" in told
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    (out / "drawn.csv").unlink()
    assert main([*draw, "--size", "8"]) == 1
    assert "nothing can be announced of that draw any more" in capsys.readouterr().err
    entry.write_text("[[samples]]\n[[samples]]\n", encoding="utf-8")
    assert main([*draw, "--size", "8", "--ceremony", "x"]) == 1
    assert "not one entry of [[samples]]" in capsys.readouterr().err


def test_an_announcement_is_named_after_the_draw_and_is_the_same_when_it_is_repeated(
    case, tmp_path, capsys
):
    out = tmp_path / "drawn"
    draw = ["sample", "draw", str(case), "--size", "9", "--out", str(out), "--force"]
    assert main(draw) == 0
    announced = out / "announced.toml"
    sha256 = hashlib.sha256(announced.read_bytes()).hexdigest()
    assert main([*draw, "--ceremony", "x"]) == 0
    assert f"announced {sha256}: compare it with the published one" in capsys.readouterr().out
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    text = announced.read_text("utf-8").replace("size = 9", "size = 8")
    announced.write_text(text, encoding="utf-8")
    assert main([*draw, "--size", "8", "--ceremony", "x"]) == 1
    assert "size is 9 there, and 8 here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "words"),
    [(" dice ###", "with a blank"), ("dice ### ", "with a blank"), ("dice\n###", "a line break"),
     ("dice ###\n", "a line break")],
)  # fmt: skip
def test_a_form_has_nothing_that_nobody_sees(case, tmp_path, capsys, form, words):
    out = tmp_path / "none"
    assert main(["sample", "draw", str(case), "--size", "9", "--words-like", form,
                 "--out", str(out)]) == 2  # fmt: skip
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_nothing_is_announced_of_a_draw_that_was_made(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    frame = ["sample", "draw", str(case), "--size", "9", "--out", str(out)]
    assert main([*frame, "--ceremony", "x"]) == 0
    assert "announced" not in (out / "sample.toml").read_text("utf-8")
    assert main([*frame, "--force"]) == 1
    assert "nothing can be announced of that draw any more" in capsys.readouterr().err
    assert not (out / "announced.toml").exists()


def test_a_draw_that_cannot_be_made_is_not_announced(case, tmp_path, capsys):
    out = tmp_path / "none"
    assert main(["sample", "draw", str(case), "--size", "9", "--selection", "stratified",
                 "--strata", "centre", "--out", str(out)]) == 1  # fmt: skip
    assert "cannot be spread over 15 strata" in capsys.readouterr().err
    assert not out.exists()


def test_an_announcement_that_cannot_be_read_stops_the_draw(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    frame = ["sample", "draw", str(case), "--size", "9", "--out", str(out)]
    assert main(frame) == 0
    with (out / "announced.toml").open("a", encoding="utf-8") as file:
        file.write("more = 1\n")
    assert main([*frame, "--ceremony", "x"]) == 1
    told = capsys.readouterr().err
    assert "announced.toml: not an announcement of a draw (more: Extra inputs" in told
    assert "Restore the file" in told


def test_more_sheets_than_there_are_are_refused_before_anything_is_announced(
    case, tmp_path, capsys
):
    out = tmp_path / "drawn"
    size = str(len(CODES) + 1)
    assert main(["sample", "draw", str(case), "--size", size, "--out", str(out)]) == 2
    assert f"--size {size} is more than the {len(CODES)} sheets" in capsys.readouterr().err
    assert not out.exists()


def test_a_report_on_no_sample_is_none(case, tmp_path, capsys):
    assert main(["sample", "report", str(case), "--out", str(tmp_path / "report")]) == 1
    told = capsys.readouterr().err
    assert "names no sample" in told
    assert "sample/sample.toml" in told
    assert not (tmp_path / "report").exists()


def test_a_draw_that_was_examined_is_not_overwritten(case, tmp_path, capsys):
    out = tmp_path / "drawn"
    arguments = ["sample", "draw", str(case), "--size", "9", "--ceremony", "x", "--out", str(out)]
    assert main(arguments) == 0
    before = (out / "drawn.csv").read_bytes()
    (out / "answers-e1.csv").write_text("entry\n", encoding="utf-8")
    assert main([*arguments, "--size", "12", "--force"]) == 2
    assert "answers-e1.csv: draw into another folder" in capsys.readouterr().err
    assert (out / "drawn.csv").read_bytes() == before


def test_a_code_is_drawn_as_it_looks(tmp_path, capsys):
    # Composed in one file and not in another: the ticket, and the order of weights, are the same.
    codes = [f"e\u0301-{i:02d}" for i in range(SHEETS)]
    drawn = []
    for name, form in (("nfd", codes), ("nfc", [unicodedata.normalize("NFC", c) for c in codes])):
        case = small_case(
            tmp_path / name,
            {"official": {"station": form, "registered": list(range(1, SHEETS + 1)),
                          "A": [5] * SHEETS, "B": [3] * SHEETS, "C": [0] * SHEETS}},
        )  # fmt: skip
        for more in ([], ["--selection", "proportional", "--weights", "registered"]):
            out = tmp_path / name / f"out{len(more)}"
            assert main(["sample", "draw", str(case), "--ceremony", "x", "--size", "5", *more,
                         "--out", str(out)]) == 0  # fmt: skip
            named = [unicodedata.normalize("NFC", r["station"]) for r in rows(out / "drawn.csv")]
            drawn.append(((out / "frame.csv").read_bytes(), named))
    assert drawn[:2] == drawn[2:]
    capsys.readouterr()


def test_what_was_drawn_is_the_entry_of_the_case_file(case, tmp_path, capsys):
    out = case.parent / "drawn"
    assert main(["sample", "draw", str(case), "--selection", "clustered", "--clusters", "centre",
                 "--size", "5", "--ceremony", 'words "quoted"', "--id", "recheck",
                 "--out", str(out)]) == 0  # fmt: skip
    (entry,) = tomllib.loads((out / "sample.toml").read_text("utf-8"))["samples"]
    assert (entry["id"], entry["ceremony"], entry["size"]) == ("recheck", 'words "quoted"', 5)
    text = case.read_text("utf-8").replace(
        "format = 1", 'format = 1\nplans = ["drawn/sample.toml"]'
    )
    case.write_text(text, encoding="utf-8")
    (sample,) = load_case(case).samples
    assert (sample.selection, sample.clusters) == ("clustered", "centre")
    assert len(rows(out / "drawn.csv")) == 20
    capsys.readouterr()


def test_an_announced_draw_is_known_by_its_folder(case, capsys):
    out = case.parent / "drawn"
    draw = ["sample", "draw", str(case), "--size", "9", "--out", str(out)]
    assert main([*draw, "--words-like", "dice ######"]) == 0
    assert main([*draw, "--ceremony", "dice 314152"]) == 0
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    text = case.read_text("utf-8").replace(
        "format = 1", 'format = 1\nplans = ["drawn/sample.toml"]'
    )
    source = (
        '[[sources]]\nid = "e"\nkind = "examined"\nfile = "e.csv"\nformat = "delimited"\n'
        'key = "station"\nsample = "sample"\nanswers = { hand = "hand" }\n'
    )
    case.write_text(f"{text}\n{source}", encoding="utf-8")
    stations = [r["station"] for r in rows(out / "drawn.csv")]
    lines = ["station,hand", *(f"{s},no" for s in stations), ""]
    (case.parent / "e.csv").write_text("\n".join(lines), encoding="utf-8")
    capsys.readouterr()
    report = case.parent / "report"
    assert main(["sample", "report", str(case), "--out", str(report)]) == 0
    told = capsys.readouterr().out
    assert "The draw has the frame, the size and the kind that the named announcement" in told
    manifest = json.loads((report / "manifest.json").read_text("utf-8"))
    assert "drawn/announced.toml" in {one["path"] for one in manifest["inputs"]}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--size", "61"], 2, "--size 61 is more than the 60 sheets"),
        (["--size", "5", "--selection", "stratified"], 2, "needs --strata"),
        (["--size", "5", "--selection", "stratified", "--strata", "planet"], 2, "no level"),
        (["--size", "5", "--strata", "centre"], 2, "--strata is for a sample"),
        (["--size", "5", "--ceremony", ""], 2, "--ceremony has no words"),
        (["--size", "5", "--id", "a b"], 2, "--id 'a b' is no id: letters a to z"),
        (
            ["--size", "16", "--selection", "clustered", "--clusters", "centre"],
            2,
            "--size 16 is more than the 15 places of 'centre'",
        ),
        (["--size", "5", "--count", "nobody"], 2, "is no count; they are official"),
    ],
)
def test_a_draw_that_cannot_be_made_is_told(case, tmp_path, arguments, code, words, capsys):
    out = tmp_path / "none"
    base = ["sample", "draw", str(case), "--ceremony", "x", "--out", str(out)]
    assert main([*base, *arguments]) == code
    told = capsys.readouterr().err
    assert words in told
    # Wrong options are told at once, before files are read; a size cannot be.
    assert ("read" in told) == (words.startswith("--size"))
    assert not out.exists()


def test_a_code_that_a_spreadsheet_would_change_is_refused(tmp_path, capsys):
    codes = ["=1+1", *CODES[1:]]
    case = small_case(
        tmp_path / "case",
        {"official": {"station": codes, "A": [5] * SHEETS, "B": [3] * SHEETS, "C": [0] * SHEETS}},
    )
    out = tmp_path / "none"
    assert main(["sample", "draw", str(case), "--ceremony", "x", "--size", "5",
                 "--out", str(out)]) == 1  # fmt: skip
    assert "the station's code '=1+1'" in capsys.readouterr().err
    assert not out.exists()


def test_a_plan_says_how_many_sheets_by_kind_of_draw(case, capsys):
    assert main(["sample", "plan", str(case), "--samples", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line.split("\t") for line in lines if "\t" in line]
    assert [r[0] for r in table[1:]] == ["proportional to risk", "simple"] * 2
    assert all(0 < int(r[2]) <= SHEETS for r in table[1:])
    assert main(["sample", "plan", str(case), "--samples", "5"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_a_report_has_the_samples_and_the_outcome_alone(tmp_path, capsys):
    case = small_case(
        tmp_path / "case",
        {"official": {"station": CODES, "A": [5] * SHEETS, "B": [3] * SHEETS, "C": [0] * SHEETS}},
        samples=[
            {"id": "picked", "title": "Picked", "frame": "official", "selection": "targeted",
             "criterion": "they looked alike",
             "questions": [{"id": "q", "text": "One hand"}],
             "totals": [{"question": "q", "found": 2, "examined": 9, "source": "A report"}]},
        ],
    )  # fmt: skip
    assert main(["sample", "report", str(case), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "Picked: One hand" in told
    assert "No rate of other sheets follows" in told
    assert (tmp_path / "out" / "index.html").is_file()


def test_the_entries_for_examiners_are_told_ready_to_paste(case, capsys):
    out = case.parent / "drawn"
    draw = ["sample", "draw", str(case), "--size", "9", "--out", str(out), "--id", "recheck",
            "--examiners", "e1, e.2"]  # fmt: skip
    assert main(draw) == 2
    assert "--examiners belongs with --ceremony" in capsys.readouterr().err
    draw += ["--ceremony", "x"]
    assert main([*draw, "--examiners", "e1,../e2"]) == 2
    assert "'../e2' is no name for a file" in capsys.readouterr().err
    assert main(draw) == 0
    assert "sample.toml asks nothing yet" in capsys.readouterr().out
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        for name in ("one.hand", "blank"):
            file.write(f'[[samples.questions]]\nid = "{name}"\ntext = "{name}"\n')
    assert main([*draw, "--force"]) == 0
    _, _, told = capsys.readouterr().out.partition("[[sources]]")
    text = case.read_text("utf-8").replace(
        "format = 1", 'format = 1\nplans = ["drawn/sample.toml"]'
    )
    case.write_text(f"{text}\n[[sources]]{told}", encoding="utf-8")
    for name in ("e1", "e.2"):
        examination = Examination.open(out, name)
        answers = Answers(out, examination)
        for station in examination.stations:
            answers.add(station, {"one.hand": "no", "blank": "yes"}, "")
    report = case.parent / "report"
    assert main(["sample", "report", str(case), "--out", str(report)]) == 0
    shown = capsys.readouterr().out
    assert "one.hand" in shown
    read = {one["path"] for one in json.loads((report / "manifest.json").read_text())["inputs"]}
    assert {f"drawn/{kind}-{name}.csv" for kind in ("answers", "unveiled")
            for name in ("e1", "e.2")} <= read  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        ["--size", "8"],
        ["--size", "32", "--selection", "stratified", "--strata", "centre"],
        ["--size", "3", "--selection", "clustered", "--clusters", "centre", "--within", "3"],
        ["--size", "8", "--selection", "proportional", "--weights", "registered"],
    ],
)
def test_sheets_that_the_words_do_not_draw_are_not_examined(tmp_path, monkeypatch, capsys, more):
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    case = small_case(
        tmp_path / "case",
        {
            "official": {
                "station": CODES,
                "centre": [f"C{i // 4}" for i in range(SHEETS)],
                "registered": [100 + i for i in range(SHEETS)],
                "A": [5] * SHEETS,
                "B": [3] * SHEETS,
                "C": [0] * SHEETS,
            }
        },
    )
    out = tmp_path / "drawn"
    draw = ["sample", "draw", str(case), "--out", str(out), *more]
    examine = ["sample", "examine", str(out), "--as", "e1"]
    assert main(draw) == 0
    assert main(examine) == 1
    assert "a draw is announced here and not made yet" in capsys.readouterr().err
    assert main([*draw, "--ceremony", "x"]) == 0
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    capsys.readouterr()
    assert main(examine) == 0
    assert "drawn.csv is what the words of sample.toml draw" in capsys.readouterr().out
    drawn, text = out / "drawn.csv", (out / "drawn.csv").read_text("utf-8")
    taken = [r["station"] for r in rows(drawn)]
    other = next(code for code in CODES if code not in taken)
    drawn.write_text(text.replace(f"\n3,{taken[2]},", f"\n3,{other},"), encoding="utf-8")
    assert main(examine) == 1
    told = capsys.readouterr().err
    assert f"row 3 (line 4) has the sheet '{other}', and the draw the sheet '{taken[2]}'" in told
    drawn.write_text(text.rstrip("\n").rpartition("\n")[0] + "\n", encoding="utf-8")
    assert main(examine) == 1
    assert f"has no sheet, and the draw the sheet '{taken[-1]}'" in capsys.readouterr().err
    drawn.write_text(text, encoding="utf-8")
    with (out / "frame.csv").open("a", encoding="utf-8") as file:
        file.write("S999\n")
    assert main(examine) == 1
    assert "not the frame that was announced" in capsys.readouterr().err
    (out / "frame.csv").unlink()
    assert main(examine) == 0
    assert "was not compared with the draw: no frame.csv" in capsys.readouterr().err


def test_names_that_the_frame_writes_otherwise_are_not_compared(
    case, tmp_path, monkeypatch, capsys
):
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    path = case.parent / "official.csv"
    text = path.read_text("utf-8").replace("region-1", "=region-1")
    path.write_text(text, encoding="utf-8")
    out = tmp_path / "drawn"
    assert main(["sample", "draw", str(case), "--size", "3", "--ceremony", "x", "--out", str(out),
                 "--selection", "clustered", "--clusters", "centre"]) == 0  # fmt: skip
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    assert main(["sample", "examine", str(out), "--as", "e1"]) == 0
    assert "does not write all names of `centre` as they are" in capsys.readouterr().err


def test_pictures_that_cannot_be_veiled_are_shown_where_that_is_asked_for_alone(
    case, tmp_path, monkeypatch, capsys
):
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    out, images = tmp_path / "drawn", tmp_path / "images"
    images.mkdir()
    assert main(["sample", "draw", str(case), "--size", "3", "--ceremony", "x", "--out",
                 str(out)]) == 0  # fmt: skip
    with (out / "sample.toml").open("a", encoding="utf-8") as file:
        file.write('[[samples.questions]]\nid = "hand"\ntext = "One hand"\n')
    arguments = ["sample", "examine", str(out), "--as", "e1", "--images", str(images)]
    capsys.readouterr()
    for more in ([], ["--case", str(case)]):
        assert main([*arguments, *more]) == 2
        assert "or show them as they are with --show-private" in capsys.readouterr().err
    assert not (out / "unveiled-e1.csv").exists()
    assert main([*arguments, "--show-private"]) == 0
    assert "as they are" not in capsys.readouterr().err
    (images / f"{rows(out / 'drawn.csv')[0]['station']}.png").write_bytes(b"a picture")
    assert main([*arguments, "--show-private"]) == 0
    assert "names, signatures and fingerprints are not veiled" in capsys.readouterr().err
