"""Forms: the template says where things are printed, and its file says the same."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp

from veedor.errors import VeedorError
from veedor.images.template import load_template
from veedor.simulate.document import toml
from veedor.simulate.sheets import HELD_OUT, LAYOUTS, blank, layout
from veedor.simulate.sheets.forms import stamp_code

DPI = 200
SCALE = DPI / 25.4


@pytest.mark.parametrize("name", LAYOUTS)
def test_boxes_are_printed_where_the_template_says(name):
    form = layout(name, 4)
    grey = blank(form, DPI).min(axis=2)
    framed = [f for f in form.template.fields if f.printed in ("boxes", "guides")]
    for field in framed:
        for x, y, width, height in field.cells:
            rows = grey[round((y + 0.2 * height) * SCALE) : round((y + 0.8 * height) * SCALE)]
            for side in (x, x + width):
                at = round(side * SCALE)
                assert rows[:, at - 1 : at + 2].min(axis=1).max() < 140, field.id
    assert framed or name == "table"


@pytest.mark.parametrize("name", LAYOUTS)
def test_fiducials_are_solid_and_forms_without_them_have_a_blank_picture(name):
    template = layout(name, 4).template
    grey = blank(layout(name, 4), DPI).max(axis=2)
    for mark in template.fiducials:
        half = 0.3 * mark.size
        low, high = (np.array([mark.y, mark.x]) + sign * half for sign in (-1, 1))
        (top, left), (bottom, right) = np.round(low * SCALE), np.round(high * SCALE)
        assert grey[int(top) : int(bottom), int(left) : int(right)].max() < 60
    assert len(template.fiducials) in (0, 4)
    assert (template.blank is None) == (len(template.fiducials) == 4)


def test_at_least_two_forms_have_no_fiducials_and_two_are_held_out():
    bare = [name for name in LAYOUTS if not layout(name).template.fiducials]
    assert len(LAYOUTS) >= 6
    assert len(bare) >= 2
    assert tuple(name for name in LAYOUTS if layout(name).held_out) == HELD_OUT == LAYOUTS[-2:]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("options", [2, 9, 12])
def test_any_number_of_options_has_fields_sums_and_private_parts(name, options):
    template = layout(name, options).template
    wanted = {f"votes-{i + 1}" for i in range(options)} | {"valid", "blank", "null", "cast"}
    assert wanted <= set(template.ids)
    assert {"valid", "cast"} <= {entry.total for entry in template.sums}
    assert {"name", "signature"} <= {part.what for part in template.private}
    delegate = template.field("delegate")
    assert (delegate.by, delegate.kind) == ("delegate", "other")
    cells = template.cells
    for i, (x, y, w, h) in enumerate(cells):
        inside = (
            (cells[:, 0] < x + w - 0.01)
            & (cells[:, 0] + cells[:, 2] > x + 0.01)
            & (cells[:, 1] < y + h - 0.01)
            & (cells[:, 1] + cells[:, 3] > y + 0.01)
        )
        assert np.flatnonzero(inside).tolist() == [i], template.owner[i]
    for part in (*template.private, *template.codes):
        apart = (
            (cells[:, 0] > part.x + part.width)
            | (cells[:, 0] + cells[:, 2] < part.x)
            | (cells[:, 1] > part.y + part.height)
            | (cells[:, 1] + cells[:, 3] < part.y)
        )
        assert apart.all(), part


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_file_of_a_template_says_what_the_template_says(name, tmp_path):
    template = layout(name, 7).template
    document = template.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    path = tmp_path / "form.toml"
    path.write_text(toml({"format": 1, **document}), encoding="utf-8")
    assert load_template(path) == template


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_code_on_the_page_is_read_as_the_station(name):
    form = layout(name, 4)
    page = blank(form, DPI)
    for symbol in form.symbols:
        stamp_code(page, symbol, "100123", SCALE)
    texts = {code.text for code in zxingcpp.read_barcodes(page)}
    assert texts == {symbol.text.format(station="100123") for symbol in form.symbols}


def test_a_layout_that_is_not_there_or_has_no_room_says_so():
    with pytest.raises(VeedorError, match="no layout 'colum'"):
        layout("colum")
    with pytest.raises(VeedorError, match="for 40 options"):
        layout("column", 40)
