import cv2
import numpy as np
import pytest

from veedor.handwriting.strokes import unbroken

SIDE = 40


def stroke():
    glyph = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(glyph, (20, 4), (20, 35), 255, 3)
    return glyph


@pytest.mark.parametrize("pieces", [1, 2, 4, 8])
def test_of_equal_pieces_one_counts(pieces):
    glyph = np.zeros((SIDE, SIDE), np.uint8)
    for k in range(pieces):
        glyph[4 * k : 4 * k + 3, 10:13] = 255
    assert unbroken(glyph[None])[0] == pytest.approx(1 / pieces)


def test_a_speck_takes_little_and_ink_is_measured_by_its_own_darkness():
    glyph = stroke()
    glyph[10:12, 5:7] = 200
    pale = (glyph * 0.3).astype(np.uint8)
    assert 0.9 < unbroken(glyph[None])[0] < 1
    assert unbroken(pale[None])[0] == unbroken(glyph[None])[0]


def test_pieces_that_touch_at_a_corner_are_one_and_without_ink_there_is_none():
    glyph = np.zeros((SIDE, SIDE), np.uint8)
    glyph[5:15, 5:15] = glyph[15:25, 15:25] = 255
    assert unbroken(np.stack([glyph, np.zeros_like(glyph)])).tolist() == [1.0, 1.0]
