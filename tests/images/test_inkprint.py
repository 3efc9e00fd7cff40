"""An inkprint holds the writing, not the form, and of private parts nothing that can be read."""

from __future__ import annotations

import numpy as np
import pytest

from tests.images import copies
from veedor.errors import VeedorError
from veedor.images.inkprint import BESIDE_MM, HEIGHT, TONES, WIDTH, Inkprint, inkprint, page_map
from veedor.images.sheet import Cell
from veedor.simulate.sheets import blank, drawn_hands

TEMPLATE = copies.FORM.template


@pytest.fixture(scope="module")
def made() -> copies.Made:
    return copies.scan(drawn_hands(1)[0], np.random.default_rng(0))


def cell(ink: np.ndarray) -> Cell:
    return Cell("f", 0, np.zeros((*ink.shape, 3), np.uint8), ink.astype(np.float32), None)


def test_it_is_the_same_after_a_cache(made):
    again = Inkprint.unpack(made.print.pack())
    for name in Inkprint.__slots__:
        kept, found = getattr(made.print, name), getattr(again, name)
        assert kept.dtype == found.dtype
        assert (kept == found).all()
    assert len(made.print.pack()) < 30_000, "35,000 sheets must fit a gigabyte"


def test_bytes_of_something_else_are_refused():
    with pytest.raises(VeedorError, match="no inkprint"):
        Inkprint.unpack(np.arange(50, dtype=np.uint8))
    whole = inkprint([cell(np.ones((80, 64)))]).pack()
    with pytest.raises(VeedorError, match="no inkprint"):
        Inkprint.unpack(whole[: len(whole) // 2])


def test_an_empty_form_has_no_ink():
    assert len(copies.printed(blank(copies.FORM)).boxes) == 0


def test_private_parts_are_a_few_tones_of_large_squares(made):
    page = TEMPLATE.page
    assert made.print.beside.shape == (page.height // BESIDE_MM, page.width // BESIDE_MM)
    assert BESIDE_MM >= 4, "letters are 2 to 4 mm high"
    assert 0 < made.print.beside.max() < TONES <= 16
    outside = np.ones(made.print.beside.shape, bool)
    for area in TEMPLATE.private:
        top, left = int(area.y // BESIDE_MM), int(area.x // BESIDE_MM)
        bottom = int(-(-(area.y + area.height) // BESIDE_MM))
        right = int(-(-(area.x + area.width) // BESIDE_MM))
        outside[top:bottom, left:right] = False
    assert not made.print.beside[outside].any()


def test_a_box_larger_than_the_picture_is_reduced_to_fit():
    ink = np.zeros((20 * 8, 24 * 8))
    ink[16:-16, 16:24] = 1  # a stroke along the left side, inside the margin of 1 mm
    ink[16:-16, -24:-16] = 1
    found = inkprint([cell(ink)]).ink[0]
    assert found.shape == (HEIGHT, WIDTH)
    columns = found.max(axis=0)
    assert columns[:4].max() > 150
    assert columns[-4:].max() > 150
    assert columns[8:-8].max() == 0


def test_dust_is_no_writing():
    ink = np.zeros((80, 64))
    ink[40, 30] = 1
    faint = np.full((80, 64), 0.1)
    assert len(inkprint([cell(ink), cell(faint)]).boxes) == 0


def test_a_small_turn_moves_the_map_of_a_page_little(made):
    def alike(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1])

    upright = page_map(made.pixels)
    assert alike(upright, page_map(copies.turned(made.pixels))) > 0.9
    assert page_map(np.full((200, 150, 3), 255, np.uint8)).max() == 0
