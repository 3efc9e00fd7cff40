"""A template proposed from an empty form has its boxes, rows and marks where they are."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from tests.images import forms
from veedor.errors import VeedorError
from veedor.images.forms import page_of, propose_template
from veedor.images.sheet import Intake
from veedor.images.template import Template
from veedor.images.template_text import template_text


def proposed(form, pixels=None):
    pixels = forms.blank(form) if pixels is None else pixels
    return propose_template(pixels, form.page, id="new", blank="blank.png")


def test_rows_of_boxes_become_fields_in_reading_order() -> None:
    form = forms.template()
    found = proposed(form).template
    assert [f.digits for f in found.fields] == [f.digits for f in form.fields]
    assert found.fields[-1].gap == pytest.approx(1.0, abs=0.15)
    np.testing.assert_allclose(found.cells, form.cells, atol=0.15)


@pytest.mark.parametrize("kind", ["square", "disc"])
def test_marks_of_one_size_near_the_rim_become_fiducials(kind) -> None:
    form = forms.template()
    pixels = forms.blank(form)
    if kind == "disc":
        for mark in form.fiducials:
            x, y = (round(v * 200 / 25.4) for v in (mark.x, mark.y))
            pixels[y - 25 : y + 25, x - 25 : x + 25] = 255
            rows, columns = np.mgrid[-25:25, -25:25] + 0.5
            pixels[y - 25 : y + 25, x - 25 : x + 25][np.hypot(rows, columns) < 19.7] = 20
    found = proposed(form, pixels).template
    assert [f.kind for f in found.fiducials] == [kind] * 4
    wanted = [(12, 12), (198, 12), (12, 285), (198, 285)]
    np.testing.assert_allclose([(f.x, f.y) for f in found.fiducials], wanted, atol=0.2)
    assert all(f.size == pytest.approx(5, abs=0.3) for f in found.fiducials)


def test_a_form_without_marks_and_boxes_that_are_not_even() -> None:
    form = forms.template(
        fiducials=[],
        blank="blank.png",
        fields=[
            {"id": "a", "x": 30, "y": 40, "width": 30, "height": 8, "digits": 3,
             "boxes": [[30, 40, 8, 8], [38, 40, 8, 8], [48, 40, 8, 8]]},
        ],
    )  # fmt: skip
    found = proposed(form).template
    assert found.fiducials == ()
    assert len(found.fields[0].boxes) == 3
    np.testing.assert_allclose(found.cells, form.cells, atol=0.15)


def test_the_file_is_a_template_and_asks_for_what_cannot_be_seen() -> None:
    proposal = proposed(forms.template())
    text = template_text(proposal)
    read = Template.model_validate(tomllib.loads(text))
    assert read.cells.tolist() == proposal.template.cells.tolist()
    assert read.fiducials == proposal.template.fiducials
    for asked in ("private", "sums", "fields", "title"):
        assert any("TODO" in line for line in text.splitlines() if line), asked


def test_a_page_without_boxes_is_no_form() -> None:
    form = forms.template()
    with pytest.raises(VeedorError, match="no row of boxes"):
        proposed(form, np.full_like(forms.blank(form), 255))


def picture(width: int, height: int, dpi: float | None) -> Intake:
    return Intake("f.png", "", 0, "PNG", dpi, (), np.zeros((height, width, 3), np.uint8))


def test_the_size_of_the_page_is_told_by_name_by_sides_or_by_the_picture() -> None:
    page = page_of(None, picture(1654, 2339, 200))
    assert (page.width, page.height) == pytest.approx((210, 297), abs=0.15)
    assert page_of("A4", picture(2339, 1654, None)).width == 297
    assert page_of("216x330", picture(2160, 3300, None)).height == 330


@pytest.mark.parametrize(
    ("words", "dpi", "error"),
    [(None, None, "dots an inch"), ("letter", None, "not the shape"), ("big", 200, "no size")],
)
def test_a_size_that_cannot_be_is_refused(words, dpi, error) -> None:
    with pytest.raises(VeedorError, match=error):
        page_of(words, picture(1654, 2339, dpi))
