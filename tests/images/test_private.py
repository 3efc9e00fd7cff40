"""What is private is veiled so that nobody can lift the veil; what is not known is not shown."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.images import forms
from veedor.errors import VeedorError
from veedor.images.overlay import overlay
from veedor.images.private import AROUND, BLOCK, GROWN, veil
from veedor.images.registration import Registrar

SCALE = 200 / 25.4


@pytest.fixture(scope="module")
def form():
    return forms.template()


def signed(form, seed: int):
    """A sheet with scribbles all over its private part, on a table with a hand beside it."""
    rng = np.random.default_rng(seed)
    page = forms.blank(form)
    x, y, width, height = (v * SCALE for v in form.private[0].rectangle)
    for _ in range(25):
        points = rng.uniform([x, y], [x + width, y + height], (6, 2)).astype(np.int32)
        cv2.polylines(page, [points], False, (20, 20, 90), 3, cv2.LINE_AA)
    move = np.array([[0.8, 0.02, 120], [-0.02, 0.8, 150], [0, 0, 1.0]])
    scan = cv2.warpPerspective(page, move, page.shape[1::-1], borderValue=(70, 60, 50))
    cv2.circle(scan, (60, 1200), 40, (200, 160, 140), -1)
    return scan


def inner(form, found, by: float):
    """Pixels of the private part, grown by some millimetres."""
    x, y, width, height = form.private[0].rectangle
    low, high = (x - by, y - by), (x + width + by, y + height + by)
    corners = np.array([[low, (high[0], low[1]), high, (low[0], high[1])]])
    placed = cv2.perspectiveTransform(corners, found.matrix)
    mask = np.zeros((2339, 1654), np.uint8)
    cv2.fillConvexPoly(mask, np.round(placed[0]).astype(np.int32), 1)
    return mask > 0


def test_each_block_of_the_veil_has_one_tone(form) -> None:
    scan = signed(form, 1)
    found = Registrar([(form, None)]).register(scan)
    seen = veil(scan, found, form)
    side = int(np.ceil(BLOCK * np.hypot(*found.matrix[:2, 0])))
    hidden = inner(form, found, GROWN - 0.5)
    blocks = 0
    for y in range(0, 2339 - side, side):
        for x in range(0, 1654 - side, side):
            window = slice(y, y + side), slice(x, x + side)
            if hidden[window].all():
                assert (seen[window] == seen[y, x]).all()
                blocks += 1
    assert blocks > 200


def test_only_private_parts_and_what_is_around_the_page_change(form) -> None:
    scan = signed(form, 1)
    found = Registrar([(form, None)]).register(scan)
    seen = veil(scan, found, form)
    same = (seen == scan).all(axis=2)
    assert not same[inner(form, found, GROWN - 0.5)].all()
    x, y = np.round(found.boxes.reshape(-1, 2).mean(axis=0)).astype(int)
    assert same[y - 200 : y + 100, x - 200 : x + 200].all()
    assert (seen[1160:1240, 20:100] == AROUND).all()
    assert (scan[1200, 60] != AROUND).all()


def test_a_scan_whose_form_is_not_known_is_not_shown(form) -> None:
    scan = signed(form, 1)
    with pytest.raises(VeedorError, match="is not shown"):
        veil(scan, None, form)
    found = Registrar([(form, None)]).register(scan)
    with pytest.raises(VeedorError, match="is not shown"):
        veil(scan, found, forms.template("another"))


def test_the_picture_of_what_was_found_is_veiled(form) -> None:
    scan = signed(form, 2)
    found = Registrar([(form, None)]).register(scan)
    seen, bare = overlay(scan, found, form), veil(scan, found, form)
    hidden = inner(form, found, 0)
    assert (seen[hidden] == bare[hidden]).all()
    assert (seen != bare).any()
