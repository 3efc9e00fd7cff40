"""Boxes are cut with all the ink that is theirs, and with nothing that is printed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.images import forms
from veedor.images.cells import MARGIN_MM, PIXELS_PER_MM, cut_cells
from veedor.images.registration import Registrar

SCALE = 200 / 25.4


@pytest.fixture(scope="module")
def form():
    return forms.template()


def cut(form, pixels):
    found = Registrar([(form, None)]).register(pixels)
    assert found is not None
    return cut_cells(pixels, found, form)


def grained(pixels, seed: int = 0):
    noise = np.random.default_rng(seed).normal(0, 8, pixels.shape)
    soft = cv2.GaussianBlur(pixels, (0, 0), 0.8)
    return np.clip(soft * 0.85 + noise, 0, 255).astype(np.uint8)


def alone(form, box, digit, **how) -> np.ndarray:
    """The ink of one digit on a page without print, cut as its box is."""
    page = np.full((round(297 * SCALE), round(210 * SCALE), 3), 255, np.uint8)
    forms.write(page, box, digit, **how)
    x, y, width, height = box
    left, top = x - MARGIN_MM + 0.5 / PIXELS_PER_MM, y - MARGIN_MM + 0.5 / PIXELS_PER_MM
    to = np.array([[1 / PIXELS_PER_MM, 0, left], [0, 1 / PIXELS_PER_MM, top], [0, 0, 1]])
    pixels = np.array([[SCALE, 0, -0.5], [0, SCALE, -0.5], [0, 0, 1]])
    size = [round((v + 2 * MARGIN_MM) * PIXELS_PER_MM) for v in (width, height)]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(page, pixels @ to, size, flags=flags).min(axis=2) < 140


def overlap(cell, true) -> float:
    ink = cell.ink > 0.5
    return (ink & true).sum() / (ink | true).sum()


def test_cells_come_in_the_order_of_the_template_with_their_margin(form) -> None:
    cells = cut(form, forms.blank(form))
    assert [(c.field, c.box) for c in cells] == [
        (f.id, k) for f in form.fields for k in range(f.digits)
    ]
    for cell, (_, _, width, height) in zip(cells, form.cells, strict=True):
        wanted = (height + 2 * MARGIN_MM) * PIXELS_PER_MM, (width + 2 * MARGIN_MM) * PIXELS_PER_MM
        assert np.abs(np.array(cell.ink.shape) - wanted).max() <= 1
        assert cell.patch.shape == (*cell.ink.shape, 3)


@pytest.mark.parametrize("line", [0.2, 0.3, 0.5])
def test_empty_boxes_have_no_ink_whatever_their_lines(form, line) -> None:
    for cell in cut(form, grained(forms.blank(form, line=line))):
        assert cell.glyph is None
        assert not cell.ink.any()


def test_frames_with_guides_are_taken_out_as_others_are(form) -> None:
    """Left in, they were part of every glyph, and hands could not be told apart."""
    fields = [f.model_copy(update={"printed": "guides"}) for f in form.fields]
    framed = form.model_copy(update={"fields": tuple(fields)})
    pixels = forms.blank(framed)
    boxes = np.arange(len(framed.cells)) % 3 == 1
    for box in framed.cells[boxes]:
        forms.write(pixels, box, 8, size=0.75)
    for cell, box, there in zip(cut(framed, grained(pixels)), framed.cells, boxes, strict=True):
        assert (cell.glyph is not None) == there
        if there:
            assert overlap(cell, alone(framed, box, 8, size=0.75)) > 0.6


@pytest.mark.parametrize("colour", [(25, 30, 120), (30, 30, 30), (150, 40, 40)])
@pytest.mark.parametrize("size", [0.75, 1.3])
def test_digits_are_cut_whole_also_where_they_cross_the_lines(form, colour, size) -> None:
    pixels, rng = forms.blank(form), np.random.default_rng(1)
    digits = rng.integers(0, 10, len(form.cells))
    boxes = np.arange(len(form.cells)) % 3 == 1  # so that none reaches into a neighbour's digit
    for box, digit in zip(form.cells[boxes], digits[boxes], strict=True):
        forms.write(pixels, box, int(digit), size=size, colour=colour)
    cells = cut(form, grained(pixels))
    shared = [
        overlap(cell, alone(form, box, int(digit), size=size, colour=colour))
        for cell, box, digit, there in zip(cells, form.cells, digits, boxes, strict=True)
        if there
    ]
    assert min(shared) > 0.55  # the bar of a 3 lies on a line
    assert np.mean(shared) > 0.8
    assert all((c.glyph is not None) == there for c, there in zip(cells, boxes, strict=True))


def test_a_stroke_that_leaves_its_box_stays_its_own(form) -> None:
    pixels = forms.blank(form)
    box = form.cells[0]
    forms.write(pixels, box, 7, move=(2.4, 0))
    first, second = cut(form, pixels)[:2]
    assert second.glyph is None
    right = MARGIN_MM * PIXELS_PER_MM + box[2] * PIXELS_PER_MM
    assert (first.ink[:, round(right) + 3 :] > 0.5).any()


def test_two_digits_that_touch_are_two(form) -> None:
    pixels = forms.blank(form)
    forms.write(pixels, form.cells[0], 4, move=(1.2, 0), size=1.0)
    forms.write(pixels, form.cells[1], 2, move=(-1.4, 0), size=1.0)
    x, y = (form.cells[1][:2] * SCALE).astype(int)
    cv2.line(pixels, (x - 8, y + 40), (x + 12, y + 40), (25, 30, 120), 4)
    first, second = cut(form, pixels)[:2]
    assert first.glyph is not None
    assert second.glyph is not None


def test_dust_is_no_ink_and_a_dot_of_a_pen_is(form) -> None:
    pixels = forms.blank(form)
    middles = [(form.cells[k][:2] + form.cells[k][2:] / 2) * SCALE for k in (0, 3)]
    cv2.circle(pixels, middles[0].astype(int).tolist(), 1, (30, 30, 30), -1)
    cv2.circle(pixels, middles[1].astype(int).tolist(), 3, (30, 30, 30), -1)
    cells = cut(form, pixels)
    assert cells[0].glyph is None
    assert cells[3].glyph is not None


def test_a_pencil_gives_the_ink_of_a_pen(form) -> None:
    dark, pale = forms.blank(form), forms.blank(form)
    forms.write(dark, form.cells[4], 3, colour=(20, 20, 20))
    forms.write(pale, form.cells[4], 3, colour=(140, 140, 140))
    one, other = cut(form, dark)[4], cut(form, pale)[4]
    assert ((one.ink > 0.5) == (other.ink > 0.5)).mean() > 0.97
    assert other.ink.max() > 0.9


def test_a_shadow_over_half_a_field_leaves_its_digits(form) -> None:
    pixels, rng = forms.blank(form), np.random.default_rng(2)
    for box in form.cells:
        forms.write(pixels, box, int(rng.integers(10)))
    shade = np.ones(pixels.shape[1])
    shade[: round(42 * SCALE)] = 0.45
    shade = np.convolve(np.pad(shade, 20, mode="edge"), np.ones(41) / 41, "valid")
    cells = cut(form, grained((pixels * shade[None, :, None]).astype(np.uint8)))
    clear = cut(form, pixels)
    for one, other in zip(cells, clear, strict=True):
        a, b = one.ink > 0.5, other.ink > 0.5
        assert (a & b).sum() / (a | b).sum() > 0.6


def test_a_field_that_was_not_found_has_no_ink(form) -> None:
    pixels = forms.blank(form)
    for box in form.cells:
        forms.write(pixels, box, 5)
    x, y = round(28 * SCALE), round(54 * SCALE)
    pixels[y : y + round(12 * SCALE), x : x + round(28 * SCALE)] = (60, 60, 160)
    cells = cut(form, pixels)
    assert all(c.glyph is None for c in cells if c.field == "f10")
    assert all(c.glyph is not None for c in cells if c.field != "f10")
