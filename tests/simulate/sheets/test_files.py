"""A case with sheets: accepted, the same again, and what was planted is what is true."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile

import cv2
import numpy as np
import pytest
import zxingcpp

from veedor.case.loading import load_case
from veedor.cli import main
from veedor.errors import SourceError, VeedorError
from veedor.simulate import load, write_case
from veedor.simulate.sheets.files import prepare
from veedor.simulate.sheets.plan import FAMILIES, LAYOUTS, SheetPlan, plan_from
from veedor.simulate.sheets.plants import KINDS
from veedor.simulate.truth import fields_of

DPI = 110


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def made(folder, scenario="sheets-honest", stations=12, seed=1, **plan):
    election, truth = load(scenario).make(seed, stations)
    sheets = SheetPlan(hands="drawn", dpi=DPI, **plan)
    path = write_case(election, folder, title="t", id="t", seed=seed, truth=truth, sheets=sheets)
    return path, json.loads((folder / "truth.json").read_text("utf-8"))["sheets"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    plants = [
        {"kind": kind}
        for kind in ("reused-image", "copied-field", "swapped-images", "copied-digit", "altered")
    ]
    folder = tmp_path_factory.mktemp("sheets")
    path, truth = made(folder, stations=36, plants=tuple(plants), layouts=("column", "table"))
    return path, truth


def test_the_case_is_accepted_and_its_index_fits_its_pictures(small):
    path, truth = small
    case = load_case(path)
    source = next(s for s in case.sources if s.kind == "scans")
    assert set(source.templates) == {"column-4.toml", "table-4.toml"}
    assert (path.parent / "table-4.png").is_file()
    index = rows(path.parent / "scans.csv")
    with zipfile.ZipFile(path.parent / source.images) as archive:
        assert sorted(archive.namelist()) == sorted(r["file"] for r in index)
        for row in index:
            assert hashlib.sha256(archive.read(row["file"])).hexdigest() == row["sha256"]
    assert len(truth["sheets"]) == len(index) == 36


def test_what_is_no_transcription_error_is_counted_as_the_sheet_says(small):
    path, truth = small
    official = {r["station"]: r for r in rows(path.parent / "official.csv")}
    names = {"votes-1": "A", "votes-2": "B", "votes-3": "C", "votes-4": "D"}
    names |= {"blank": "blank", "null": "null"}
    wrong = {(t["station"], t["field"]): t for t in truth["transcription"]}
    for sheet in truth["sheets"]:
        for field, column in names.items():
            counted, says = int(official[sheet["station"]][column]), sheet["values"][field] or 0
            if (sheet["station"], field) in wrong:
                assert wrong[sheet["station"], field]["official"] == counted != says
            else:
                assert counted == says, (sheet["station"], field)


def test_codes_tell_swapped_pictures_and_are_new_on_a_picture_used_again(small):
    path, truth = small
    planted = {p["kind"]: p for p in truth["planted"]}
    files = {s["station"]: s["file"] for s in truth["sheets"]}
    shown = {r["file"]: r["station"] for r in rows(path.parent / "scans.csv")}
    with zipfile.ZipFile(path.parent / "scans.zip") as archive:

        def code(station):
            data = np.frombuffer(archive.read(files[station]), np.uint8)
            found = zxingcpp.read_barcodes(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
            return {text for c in found for text in (c.text.split("/")[1:2] or [c.text])}

        one, other = planted["swapped-images"]["stations"]
        assert shown[files[one]] == other
        assert shown[files[other]] == one
        assert code(one) == {one}
        again = planted["reused-image"]
        assert code(again["stations"][0]) == {again["stations"][0]}
        assert code(again["values"]["source"]) == {again["values"]["source"]}


def flat(path, document, field, box, scale=6.0):
    """One box of a written picture, straightened by the true map."""
    case = load_case(path)
    template = document["template"]
    form = next(t for t in _templates(case, path) if t.id == template)
    x, y, w, h = form.field(field).cells[box]
    with zipfile.ZipFile(path.parent / "scans.zip") as archive:
        data = np.frombuffer(archive.read(document["file"]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    place = np.array([[1 / scale, 0, x], [0, 1 / scale, y], [0, 0, 1]])
    size = (round(w * scale), round(h * scale))
    matrix = np.array(document["matrix"]) @ place
    return cv2.warpPerspective(picture, matrix, size, flags=cv2.WARP_INVERSE_MAP)


def _templates(case, path):
    from veedor.images.template import load_template

    source = next(s for s in case.sources if s.kind == "scans")
    return [load_template(path.parent / name) for name in source.templates]


def correlation(a, b):
    a, b = (v[4:-4, 4:-4].astype(float).ravel() for v in (a, b))
    return float(np.corrcoef(a, b)[0, 1])


def test_copied_boxes_look_alike_and_others_do_not(small):
    path, truth = small
    planted = {p["kind"]: p for p in truth["planted"]}
    documents = {s["station"]: s for s in truth["sheets"]}
    copied = planted["copied-digit"]
    values, sheet = copied["values"], documents[copied["stations"][0]]
    one = flat(path, sheet, values["field"], values["box"])
    source = flat(path, sheet, values["from_field"], values["from_box"])
    assert correlation(one, source) > 0.8
    assert sheet["values"][values["field"]] == values["after"] != values["before"]
    field = planted["copied-field"]
    name, sheet = field["values"]["field"], documents[field["stations"][0]]
    other = documents[field["values"]["source"]]
    assert sheet["text"][name] == other["text"][name]
    last = len(sheet["text"][name]) - 1
    assert correlation(flat(path, sheet, name, last), flat(path, other, name, last)) > 0.8
    honest = planted["swapped-images"]["stations"]
    pair = [flat(path, documents[s], "cast", 2) for s in honest]
    assert correlation(*pair) < 0.8


def test_an_altered_digit_is_by_another_hand(small):
    _, truth = small
    entry = next(p for p in truth["planted"] if p["kind"] == "altered")
    sheet = next(s for s in truth["sheets"] if s["station"] == entry["stations"][0])
    assert sheet["values"][entry["values"]["field"]] == entry["values"]["after"]
    box = next(b for b in sheet["altered"] if b["field"] == entry["values"]["field"])
    assert box["hand"] not in (sheet["hand"], sheet["delegate"])
    assert entry["values"]["after"] > entry["values"]["before"]


def stack(kind, seed=2, stations=60, number=1, **plan):
    election, truth = load("sheets-honest").make(seed, stations)
    plan = SheetPlan(hands="drawn", plants=({"kind": kind, "number": number},), **plan)
    return election, prepare(election, plan, truth)


def planted_drafts(found):
    stations = found.planted[0]["stations"]
    return [d for d in found.drafts if d.station in stations]


def hands(found, drafts):
    return [found.hands[d.writer].id for d in drafts]


def test_an_honest_centre_has_another_hand_on_every_sheet():
    election, truth = load("sheets-honest").make(3)
    found = prepare(election, SheetPlan(hands="drawn"), truth)
    for centre in range(election.places.centres):
        drafts = [d for d in found.drafts if d.centre == centre]
        labels = [label for d in drafts for label in (d.writer, d.delegate)]
        assert len({found.hands[label].id for label in labels}) == 2 * len(drafts)
    assert not found.planted
    assert (fields_of(found.election.official) == fields_of(election.official)).all()


def test_a_centre_of_one_hand_has_one_and_one_odd_sheet_where_that_is_planted():
    _, found = stack("one-hand")
    drafts = planted_drafts(found)
    assert len(drafts) >= 3
    assert len(set(hands(found, drafts))) == 1
    _, found = stack("one-odd")
    drafts = planted_drafts(found)
    written = hands(found, drafts)
    odd = [d.station for d, hand in zip(drafts, written, strict=True) if written.count(hand) == 1]
    assert odd == [found.planted[0]["values"]["odd"]]
    assert len(set(written)) == 2


def test_one_pen_with_other_hands_and_one_hand_with_other_pens():
    _, found = stack("same-pen", shared_pen=0.0)
    drafts = planted_drafts(found)
    assert len({d.pen for d in drafts}) == len({d.device for d in drafts}) == 1
    assert len(set(hands(found, drafts))) == len(drafts)
    _, found = stack("other-pen", shared_pen=1.0)
    drafts = planted_drafts(found)
    assert len({d.pen for d in drafts}) == len(drafts)
    assert {d.device.family for d in drafts} == {"scan", "photo"}
    assert len(set(hands(found, drafts))) == 1


def test_a_delegate_who_writes_the_votes_leaves_the_rest_to_the_clerk():
    _, found = stack("delegate-writes")
    (draft,) = planted_drafts(found)
    needs = draft.needs()
    assert set(needs) == {draft.writer, draft.delegate}
    assert {name for name, _ in draft.guests} == {
        *(f"votes-{i}" for i in (1, 2, 3, 4)), "blank", "null",
    }  # fmt: skip


def test_empty_rivals_have_no_votes_in_the_count_and_no_ink_on_the_sheet():
    election, found = stack("empty-rivals")
    (draft,) = planted_drafts(found)
    votes = found.election.official.votes[draft.row]
    assert np.count_nonzero(votes) == 1
    assert votes.sum() == election.official.votes[draft.row].sum()
    texts = ["".join(m.letter for m in draft.marks[f"votes-{i + 1}"]) for i in range(4)]
    assert sorted(t == "___" for t in texts) == [False, True, True, True]


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_planted_where_it_says_and_nowhere_else(kind):
    election, found = stack(kind, number=2, stations=80)
    assert [p["kind"] for p in found.planted] == [kind, kind]
    touched = {s for p in found.planted for s in p["stations"]}
    moved = (fields_of(found.election.official) != fields_of(election.official)).any(axis=1)
    changed = {str(s) for s in election.places.station[moved]}
    assert changed <= touched


def test_a_writer_gives_digits_to_a_sheet_with_zeros_only_where_there_are_enough(monkeypatch):
    from tests.simulate.sheets.test_hands import small_digits
    from veedor.simulate.sheets import files

    digits = small_digits(writers=12, each=7)
    monkeypatch.setattr(files, "load_digits", lambda: digits)
    election, truth = load("sheets-honest").make(4, 9)
    found = prepare(election, SheetPlan(hands="nist"), truth)
    taken = {}
    for draft in found.drafts:
        for label, need in draft.needs().items():
            hand = found.hands[label].id
            taken[hand] = taken.get(hand, 0) + need
    kinds = {hand.split("-")[0] for hand in taken}
    assert "nist" in kinds
    assert all((need <= 7).all() for hand, need in taken.items() if hand.startswith("nist"))


def test_digits_that_were_asked_for_and_are_not_there_are_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("VEEDOR_DATA", str(tmp_path))
    election, truth = load("sheets-honest").make(4, 9)
    with pytest.raises(SourceError, match="no digits of known writers"):
        prepare(election, SheetPlan(hands="nist"), truth)
    found = prepare(election, SheetPlan(), truth)
    assert "drawn by the project" in found.notes[0]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"layout": ["column"]}, "layout is not a parameter"),
        ({"layouts": []}, "layouts = "),
        ({"layouts": ["strip", "stripe"]}, "layouts = 'stripe'.*\n.*column, pair, strip"),
        ({"families": ["xray"]}, "families = 'xray'.*\n.*clean, scan, photo, fax"),
        ({"dpi": 20}, "dpi = 20"),
        ({"split": "all"}, "split = 'all'"),
    ],
)
def test_a_plan_that_makes_no_sheets_is_told(entries, message):
    with pytest.raises(VeedorError, match=message):
        plan_from(entries)


def test_more_plants_than_room_is_told():
    with pytest.raises(VeedorError, match="no 40 more centres"):
        stack("one-hand", number=40)
    with pytest.raises(VeedorError, match="'one-hnd' is nothing"):
        stack("one-hnd")


def test_the_command_writes_sheets_of_any_scenario_and_the_same_again(tmp_path, capsys):
    for name in ("a", "b"):
        arguments = ["--out", str(tmp_path / name), "--stations", "6", "--hands", "drawn"]
        arguments += ["--sheets", "--layout", "strip", "--degradation", "fax", "--dpi", "100"]
        assert main(["simulate", "stuffed", *arguments]) == 0
    assert "drawn by the project" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"scans.zip", "scans.csv", "strip-4.toml", "strip-4.png"} <= set(names)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("option", "value"), [("--dpi", "100"), ("--layout", "column"), ("--degradation", "fax")]
)
def test_options_of_sheets_without_sheets_are_wrong_usage(tmp_path, capsys, option, value):
    assert main(["simulate", "plain", "--out", str(tmp_path), option, value]) == 2
    assert f"{option} is about sheets: add --sheets" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--layout", "--degradation"])
def test_a_form_or_picture_that_there_is_not_is_refused_before_anything_is_drawn(
    tmp_path, capsys, option
):
    arguments = ["--sheets", "--out", str(tmp_path / "case"), "--stations", "9", option, "nothing"]
    assert main(["simulate", "plain", *arguments]) == 1
    told = capsys.readouterr()
    assert "'nothing' makes no sheets" in told.err
    assert "drawing" not in told.out + told.err
    assert not (tmp_path / "case").exists()


def test_the_help_names_every_form_and_kind_of_picture(capsys):
    assert main(["simulate", "--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in (*LAYOUTS, *FAMILIES))
