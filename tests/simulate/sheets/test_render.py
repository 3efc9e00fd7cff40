"""Filled sheets: ink where the truth says, nothing where it says nothing, and chance apart."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.images.sheet import CLASSES
from veedor.simulate.sheets import (
    LAYOUTS,
    Convention,
    Ease,
    Mark,
    Other,
    Pen,
    Slips,
    blank,
    correct,
    drawn_hands,
    layout,
    make_sheet,
    need,
    spell,
    values_for,
    write_all,
)
from veedor.simulate.sheets.content import Filler

PEN = Pen("test", "black", 0.55, (10, 10, 20), 0.95, 0.1, 0.03)
EASE = Ease(0.7, 0.05, 0.03, 1.0)


def sheet(name="column", votes=(83, 7, 0, 112), convention=None, seed=3, marks=None, **other):
    form = layout(name, len(votes))
    rng = np.random.default_rng(seed)
    values = values_for(form.template, votes, rng, blank=3, null=9)
    marks = marks or write_all(form.template, values, convention or Convention())
    first, second = drawn_hands(2)
    given = {"station": "100123", "delegate": second, "pen": PEN, "ease": EASE} | other
    return make_sheet(form, marks, given.pop("hand", first), rng, **given), values


def ink(found, box, inset=0.12):
    """Share of the inside of a box that is darker than the empty form."""
    scale = found.dpi / 25.4
    x, y, w, h = box
    rows = slice(round((y + inset * h) * scale), round((y + h - inset * h) * scale))
    columns = slice(round((x + inset * w) * scale), round((x + w - inset * w) * scale))
    before = blank(found.layout, found.dpi)[rows, columns].astype(int)
    return float(((before - found.page[rows, columns]).max(axis=2) > 60).mean())


@pytest.mark.parametrize("name", LAYOUTS)
def test_there_is_ink_where_the_truth_has_digits_and_none_where_it_has_none(name):
    found, values = sheet(name)
    truth = found.truth
    for field in found.layout.template.fields:
        for box, cell in zip(truth.field(field.id).boxes, field.cells, strict=True):
            assert box.label in CLASSES
            if box.label == "empty":
                assert ink(found, cell) < 0.03
            else:
                assert ink(found, cell) > 0.02
                assert len(box.keys) == 1
    assert truth.values()["votes-1"] == 83
    assert truth.field("votes-3").text in ("__0", "___0")
    assert int(values["valid"]) == 202
    keys = [key for f in truth.fields for b in f.boxes for key in b.keys]
    assert len(keys) == len(set(keys))


def test_the_delegate_writes_the_delegates_row_and_a_guest_his_box():
    guest = drawn_hands(4)[3]
    found, _ = sheet(others={("votes-1", 1): Other(guest)})
    truth = found.truth
    assert {b.hand for b in truth.field("delegate").boxes} == {"drawn-1"}
    assert [b.hand for b in truth.field("votes-1").boxes] == [None, "drawn-3", "drawn-0"]


@pytest.mark.parametrize(
    ("mark", "label", "images"),
    [
        (Mark("overwritten", 8, under=3), "overwritten", 2),
        (Mark("struck", 8, under=3, beside=True), "struck", 2),
        (Mark("unreadable", 8, second=3), "unreadable", 2),
        (Mark("filler", filler="dash"), "filler", 0),
        (Mark("filler", filler="cross"), "filler", 0),
        (Mark("filler", filler="dot"), "filler", 0),
    ],
)
def test_each_kind_of_mark_leaves_its_ink_and_its_truth(mark, label, images):
    form = layout("column", 4)
    rng = np.random.default_rng(0)
    marks = write_all(form.template, values_for(form.template, (1, 1, 1, 1), rng), Convention())
    marks["votes-1"] = (*marks["votes-1"][:2], mark)
    found, _ = sheet(marks=marks)
    box = found.truth.field("votes-1").boxes[2]
    assert (box.label, len(box.keys)) == (label, images)
    assert ink(found, form.template.field("votes-1").cells[2], 0.05) > 0.01


@pytest.mark.parametrize("filler", get_args(Filler))
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_filler_leaves_ink_in_every_box_it_is_said_to_be_in(name, filler):
    found, _ = sheet(name, votes=(83, 7, 0, 2), convention=Convention("filler", "filler", filler))
    truth = found.truth
    said = {"-83", "--7", "---", "--2"} | {"--83", "---7", "----", "---2"}
    assert {truth.field(f"votes-{i}").text for i in range(1, 5)} <= said
    for field in found.layout.template.fields:
        for box, cell in zip(truth.field(field.id).boxes, field.cells, strict=True):
            if box.label == "filler":
                assert ink(found, cell, 0.05) > 0.004, field.id


def test_a_line_goes_through_the_boxes_that_have_it_and_no_others():
    form = layout("table", 4)
    values = values_for(form.template, (83, 7, 0, 2), np.random.default_rng(0))
    lined = Mark("filler", filler="line")
    marks = write_all(form.template, values, Convention())
    found, _ = sheet("table", marks=marks | {"votes-2": (lined, Mark("empty"), lined)})
    cells = form.template.field("votes-2").cells
    assert [ink(found, cell, 0.05) > 0.004 for cell in cells] == [True, False, True]


def test_the_pen_and_the_place_of_a_digit_do_not_depend_on_who_writes():
    one, _ = sheet(hand=drawn_hands(9)[7])
    other, _ = sheet(hand=drawn_hands(9)[8])
    cells = layout("column", 4).template.field("votes-4").cells
    assert one.truth.pen == other.truth.pen
    for found in (one, other):
        assert {b.hand for b in found.truth.field("votes-4").boxes} <= {"drawn-7", "drawn-8"}
    # Everything but the digits is drawn the same: private parts, marks, places.
    scale = one.dpi / 25.4
    apart = slice(round(130 * scale), None)
    assert (one.page[:, apart] == other.page[:, apart]).all()
    assert (one.page != other.page).any()
    assert all(abs(ink(one, c) - ink(other, c)) < 0.2 for c in cells)


def test_the_same_seed_gives_the_same_page():
    assert (sheet("table")[0].page == sheet("table")[0].page).all()
    assert (sheet("table")[0].page != sheet("table", seed=4)[0].page).any()


@pytest.mark.parametrize(
    ("value", "convention", "text"),
    [
        (7, Convention(), "__7"),
        (7, Convention("zeros"), "007"),
        (7, Convention("filler"), "--7"),
        (0, Convention(), "__0"),
        (0, Convention(nought="filler"), "---"),
        (0, Convention(nought="empty"), "___"),
        (0, Convention(nought="zeros"), "000"),
        (123, Convention("zeros"), "123"),
        (None, Convention("zeros"), "___"),
    ],
)
def test_a_number_is_spelt_by_the_convention_of_the_sheet(value, convention, text):
    assert "".join(m.letter for m in spell(value, 3, convention)) == text


def test_a_number_too_long_or_a_field_that_is_not_there_is_told():
    with pytest.raises(VeedorError, match="1000 does not go into 3 boxes"):
        spell(1000, 3, Convention())
    with pytest.raises(VeedorError, match="no field 'vote-1'"):
        write_all(layout("column").template, {"vote-1": 3}, Convention())


def test_corrections_change_how_it_is_written_and_not_what_is_meant():
    form = layout("pair", 4)
    rng = np.random.default_rng(0)
    marks = write_all(form.template, values_for(form.template, (83, 7, 0, 112), rng), Convention())
    changed = correct(marks, rng, Slips(0.3, 0.2, 0.1))
    kinds = {m.kind for row in changed.values() for m in row}
    assert {"overwritten", "struck", "unreadable", "digit", "empty"} <= kinds
    meant = [[m.digit for m in row] for row in marks.values()]
    assert [[m.digit for m in row] for row in changed.values()] == meant
    assert all(m.under != m.digit for row in changed.values() for m in row if m.under is not None)
    assert need(changed, form.template.ids).sum() > need(marks, form.template.ids).sum()


def test_slips_are_in_the_totals_of_as_many_sheets_as_asked():
    template = layout("column").template
    rng = np.random.default_rng(0)
    wrong = [
        values_for(template, (10, 20, 30, 40), rng, slip=0.3)["valid"] != 100 for _ in range(600)
    ]
    assert 0.24 < np.mean(wrong) < 0.36
