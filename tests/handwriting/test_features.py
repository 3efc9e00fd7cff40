"""What is measured of a digit's shape: not its pen, and not how many are measured at once."""

import time

import cv2
import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.handwriting.features import NAMES, describe, skeleton
from veedor.images.glyph import normalise


def drawn(lines, width, *, blur=0.6, turn=0.0):
    """A glyph of lines between points in a square of 100, with a pen of that width."""
    ink = np.zeros((160, 160), np.uint8)
    c, s = np.cos(turn), np.sin(turn)
    for line in lines:
        points = (np.array(line, float) - 50) @ np.array([[c, s], [-s, c]]) + 80
        cv2.polylines(
            ink, [np.round(points * 8).astype(np.int32)], False, 255, width, cv2.LINE_AA, 3
        )
    soft = cv2.GaussianBlur(ink.astype(np.float32) / 255, (0, 0), blur)
    return normalise(soft)


def ring(k=60):
    t = np.linspace(0, 2 * np.pi, k)
    return np.column_stack([50 + 25 * np.sin(t), 50 - 40 * np.cos(t)]).tolist()


SEVEN = [[[25, 15], [75, 15], [40, 90]]]
FOUR = [[[60, 10], [25, 60], [80, 60]], [[60, 35], [60, 90]]]
ZERO = [ring()]
ONE = [[[50, 10], [50, 90]]]
SHAPES = {"seven": SEVEN, "four": FOUR, "zero": ZERO, "one": ONE}


def of(glyph):
    return dict(zip(NAMES, describe(glyph[None])[0].tolist(), strict=True))


@pytest.mark.parametrize("name", SHAPES)
def test_the_pen_changes_less_than_the_shape(name):
    fine, wide = (describe(drawn(SHAPES[name], w)[None])[0] for w in (6, 14))
    others = [describe(drawn(s, 6)[None])[0] for n, s in SHAPES.items() if n != name]
    nearest = min(np.linalg.norm(fine - other) for other in others)
    assert np.linalg.norm(fine - wide) < 0.6 * nearest


def test_faint_ink_is_measured_as_dark_ink():
    glyph = drawn(FOUR, 8)
    dark, faint = (describe((glyph * g).astype(np.uint8)[None])[0] for g in (1.0, 0.4))
    assert np.abs(dark - faint).max() < 0.2


def test_holes_ends_and_forks_are_counted():
    zero, one, four = of(drawn(ZERO, 8)), of(drawn(ONE, 8)), of(drawn(FOUR, 8))
    assert (zero["holes"], one["holes"], four["holes"]) == (1, 0, 0)
    assert (zero["ends"], one["ends"]) == (0, 2)
    assert four["forks"] > one["forks"] == 0


def test_slant_has_the_sign_of_the_lean():
    right, left = of(drawn(ONE, 8, turn=0.3)), of(drawn(ONE, 8, turn=-0.3))
    assert right["slant"] * left["slant"] < 0
    assert right["slant"] == pytest.approx(-left["slant"], abs=0.1)
    assert of(drawn(ONE, 8))["slant"] == pytest.approx(0, abs=0.03)


def test_specks_and_pieces_of_printed_lines_do_not_count():
    glyph = drawn(FOUR, 8)
    dirty = glyph.copy()
    dirty[2:4, 2:4] = 255
    dirty[37:39, 30:38] = 255
    assert np.abs(describe(glyph[None]) - describe(dirty[None])).max() < 0.5


def test_glyphs_are_measured_one_by_one():
    rng = np.random.default_rng(0)
    glyphs = np.stack([drawn(s, int(rng.integers(5, 12))) for s in SHAPES.values()] * 3)
    together = describe(glyphs)
    alone = np.concatenate([describe(g[None]) for g in glyphs])
    assert together == pytest.approx(alone, abs=1e-5)


def test_no_ink_gives_zeros_and_no_glyphs_give_none():
    assert not describe(np.zeros((2, 40, 40), np.uint8)).any()
    assert describe(np.zeros((0, 40, 40), np.uint8)).shape == (0, len(NAMES))


@pytest.mark.parametrize("fill", [255, 1])
def test_a_black_square_and_faint_noise_give_numbers(fill):
    rng = np.random.default_rng(1)
    glyphs = np.stack([np.full((40, 40), fill), rng.integers(0, fill + 1, (40, 40))])
    assert np.isfinite(describe(glyphs.astype(np.uint8))).all()


def test_another_size_is_refused_with_the_remedy():
    with pytest.raises(VeedorError, match="normalise"):
        describe(np.zeros((3, 28, 28), np.uint8))


def test_a_skeleton_is_thin_and_as_connected_as_the_stroke():
    black = drawn(ZERO, 10) > 100
    line = skeleton(black[None])[0]
    assert line.sum() < 0.5 * black.sum()
    assert not (line & ~black).any()
    pieces = [cv2.connectedComponents(x.astype(np.uint8), connectivity=8)[0] for x in (black, line)]
    assert pieces[0] == pieces[1] == 2
    full = line[1:, 1:] & line[1:, :-1] & line[:-1, 1:] & line[:-1, :-1]
    assert not full.any()


def test_a_thousand_glyphs_take_less_than_two_seconds():
    glyphs = np.stack([drawn(s, 8) for s in SHAPES.values()] * 250)
    describe(glyphs[:8])
    start = time.process_time()
    describe(glyphs)
    assert time.process_time() - start < 2.0
