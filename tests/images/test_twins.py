"""Copies are found whatever was done to the picture; sheets of one hand are not copies."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.images import copies
from veedor.images import inklayers, patches
from veedor.images.inklayers import same_ink
from veedor.images.inkprint import HEIGHT, WIDTH, Inkprint
from veedor.images.mutual import features, mutual
from veedor.images.patches import glyphs_of, reused
from veedor.images.twins import Scanned, Twin, find_twins
from veedor.simulate.sheets import drawn_hands

FORM = copies.FORM.template
TEMPLATES = {FORM.id: FORM}
SHEETS = 24


@pytest.fixture(scope="module")
def sheets() -> list[copies.Made]:
    """Sheets of different numbers, three in each hand."""
    rng = np.random.default_rng(8)
    hands = drawn_hands(SHEETS // 3, seed=2)
    return [copies.scan(hands[i // 3], rng) for i in range(SHEETS)]


def scanned(number: int, print_, **more) -> Scanned:
    given = {"sid": number, "sha256": f"{number:064x}", "code": None, "template": FORM.id}
    return Scanned(scan=number, print=print_, **(given | more))


def filed(sheets: list[copies.Made]) -> list[Scanned]:
    return [scanned(i, one.print) for i, one in enumerate(sheets)]


def ends(pairs: tuple[Twin, ...], how: str) -> list[tuple[int, int]]:
    return [(p.scan_a, p.scan_b) for p in pairs if p.how == how]


def test_different_sheets_are_no_twins(sheets):
    found = find_twins(filed(sheets), TEMPLATES)
    assert found.pairs == ()
    assert found.compared == tuple(range(SHEETS))


@pytest.mark.parametrize("change", copies.CHANGES)
def test_a_copy_is_found_whatever_was_done_to_it(sheets, change):
    again = copies.printed(copies.CHANGES[change](sheets[4].pixels))
    found = find_twins([*filed(sheets), scanned(SHEETS, again)], TEMPLATES)
    assert [(p.scan_a, p.scan_b, p.how) for p in found.pairs] == [(4, SHEETS, "ink")]
    assert found.pairs[0].score > 0.85
    assert "private parts" in found.pairs[0].detail


def test_the_order_of_scans_does_not_matter(sheets):
    again = copies.printed(copies.jpeg(sheets[4].pixels))
    scans = [*filed(sheets), scanned(SHEETS, again)]
    turned = find_twins(scans[::-1], TEMPLATES)
    assert ends(turned.pairs, "ink") in ([(4, SHEETS)], [(SHEETS, 4)])


def test_a_sheet_with_other_numbers_and_the_same_signatures_is_found(sheets):
    mixed = replace(sheets[5].print, beside=sheets[6].print.beside)
    found = find_twins([*filed(sheets), scanned(SHEETS, mixed)], TEMPLATES).pairs
    assert ends(found, "ink") == [(5, SHEETS), (6, SHEETS)]
    assert found[-1].detail.startswith("the writing of the private parts, and the ink of 0 of")


@pytest.mark.parametrize("at_once", [1, 700, 2**23])
def test_the_nearest_sheets_are_those_of_all_pairs(monkeypatch, at_once):
    points = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    monkeypatch.setattr(inklayers, "AT_ONCE", at_once)
    first, second = inklayers.candidates(points, look=0.8, per_sheet=5)
    alike = points @ points.T
    np.fill_diagonal(alike, -1)
    wanted = {(min(i, j), max(i, j)) for i in range(90) for j in np.argsort(-alike[i])[:5].tolist()
              if alike[i, j] >= 0.8}  # fmt: skip
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == sorted(wanted)
    assert 90 < len(wanted) < 450


def test_maps_of_private_parts_are_without_what_sheets_share():
    """By the definition, on made-up maps: one sheet has none, one nothing in it."""
    rng = np.random.default_rng(1)
    maps = rng.integers(0, 16, (30, 20, 12)).astype(np.uint8)
    maps[:, :2] = 0
    maps[4] = 0
    prints = [replace(_bare(), beside=one) for one in maps]
    prints.append(_bare())
    found = inklayers._maps(prints)
    flat = maps[:, 2:].reshape(30, -1).astype(float)
    flat -= flat.mean(axis=0)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    flat[4] = 0
    assert found[:30] == pytest.approx(flat, abs=1e-6)
    assert not found[30].any()


def test_sheets_with_few_strokes_are_not_compared():
    rng = np.random.default_rng(1)
    hand = drawn_hands(1, seed=4)[0]
    few = [copies.scan(hand, rng, numbers={"votes-1": 1, "cast": 1}) for _ in range(4)]
    bare = [replace(one.print, beside=np.zeros((0, 0), np.uint8)) for one in few]
    found = find_twins([scanned(i, one) for i, one in enumerate(bare)], TEMPLATES)
    assert found.pairs == ()
    assert found.sparse == (0, 1, 2, 3)
    # Not even with itself: two strokes may have their like.
    twice = find_twins([scanned(0, bare[0]), scanned(1, bare[0])], TEMPLATES)
    assert twice.sparse == (0, 1)


def test_no_sheets_and_empty_sheets_are_compared_without_a_find():
    assert same_ink([], FORM.owner).pairs == ()
    none = np.zeros((0, 40, 32), np.uint8)
    blank = replace(_bare(), boxes=np.zeros(0, np.int16), ink=none)
    assert find_twins([scanned(i, blank) for i in range(3)], TEMPLATES).sparse == (0, 1, 2)


def _bare():
    from veedor.images.inkprint import inkprint

    return inkprint([])


def test_one_file_under_several_stations():
    scans = [scanned(i, None, template=None, sha256="a" * 64 if i in (1, 3, 4) else f"{i:064x}")
             for i in range(5)]  # fmt: skip
    assert ends(find_twins(scans, TEMPLATES).pairs, "file") == [(1, 3), (1, 4)]


def test_missing_files_are_not_the_same_file():
    scans = [scanned(i, None, template=None, sha256=None) for i in range(3)]
    assert find_twins(scans, TEMPLATES).pairs == ()


def test_a_copy_of_a_compared_file_was_compared(sheets):
    scans = filed(sheets)
    found = find_twins([*scans, replace(scans[2], scan=SHEETS)], TEMPLATES)
    assert ends(found.pairs, "file") == [(2, SHEETS)]
    assert SHEETS in found.compared


def test_one_code_under_two_stations_and_not_twice_under_one():
    codes = [("x", 1), ("x", 1), ("x", 2), ("y", 3), (None, 4)]
    scans = [scanned(i, None, template=None, code=c, sid=s) for i, (c, s) in enumerate(codes)]
    pairs = find_twins(scans, TEMPLATES).pairs
    assert ends(pairs, "code") == [(0, 2)]
    assert pairs[0].detail == "both codes name station x"


def test_a_field_of_another_sheet_is_found(sheets):
    changed = copies.jpeg(copies.pasted(sheets[9], sheets[18], "cast", "valid"), 70)
    scans = filed(sheets)
    scans[18] = replace(scans[18], print=copies.printed(changed))
    found = find_twins(scans, TEMPLATES).pairs
    assert ends(found, "patch") == [(9, 18)]
    assert len(found) == 1
    assert re.match(r"strict: boxes ([\d, ]+) of cast = boxes \1 of valid; ", found[0].detail)
    assert found[0].score > 0.97


@pytest.fixture(scope="module")
def blots() -> list[Inkprint]:
    """Sheets of a dozen boxes with strokes of chance; of the last one a fold crosses a field."""
    rng = np.random.default_rng(3)
    ink = np.zeros((50, 12, HEIGHT, WIDTH), np.uint8)
    for sheet in ink[:-1]:
        for box in sheet:
            ends = rng.uniform((5, 4), (WIDTH - 5, HEIGHT - 4), (4, 2)).round().astype(np.int32)
            cv2.polylines(box, [ends], False, 255, 2, cv2.LINE_AA)
    for k, box in enumerate(ink[-1]):
        cv2.line(box, (4 + k // 6, 9), (WIDTH - 3, 9), 160, 2)
    none = np.zeros((0, 0), np.uint8)
    return [Inkprint(np.arange(12, dtype=np.int16), one, none, none) for one in ink]


def test_a_fold_through_the_boxes_of_a_field_is_no_piece_used_twice(blots, monkeypatch):
    owners = [np.repeat([0, 1], 6)] * len(blots)
    search = lambda: reused(glyphs_of(blots, owners), np.random.default_rng(0))  # noqa: E731
    assert search() == []
    monkeypatch.setattr(patches, "FLAT", 0)
    assert {(one.a, one.b) for one in search()} == {(49, 49)}


def test_boxes_keep_their_places_where_one_between_them_is_flat(blots):
    ink = blots[0].ink.copy()
    ink[3], ink[5] = blots[-1].ink[0], 0
    found = glyphs_of([replace(blots[0], ink=ink), None, blots[1]], [np.arange(12) // 4] * 3)
    assert found.box.tolist() == [0, 1, 2, 4, *range(6, 12), *range(12)]
    assert found.field.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, *(np.arange(12) // 4)]
    assert found.sheet.tolist() == [0] * 10 + [2] * 12
    at = found.box.tolist().index(4)
    y, x = found.place[at]
    rows, columns = np.indices(ink[4].shape)
    weight = ink[4] / ink[4].sum()
    assert (y, x) == pytest.approx(((rows * weight).sum(), (columns * weight).sum()))


def test_scans_without_a_form_are_laid_on_each_other(sheets):
    """The print of the form, which all share, makes no pair."""
    pictures = {i: one.pixels for i, one in enumerate(sheets[:5])}
    pictures[5] = copies.jpeg(copies.turned(sheets[3].pixels, 1.5))
    none = np.zeros((0, 40, 32), np.uint8)
    scans = []
    for i, pixels in pictures.items():
        made = copies.inkprint([], pixels=pixels)
        scans.append(scanned(i, replace(made, ink=none), template=None if i in (3, 5) else FORM.id))
    found = find_twins(scans, TEMPLATES, pixels=pictures.get)
    assert [(p.scan_a, p.scan_b, p.how) for p in found.pairs] == [(3, 5, "ink")]
    assert "no form was found" in found.pairs[0].detail


def test_without_a_third_scan_of_the_form_two_are_not_compared(sheets):
    one, other = (features(made.pixels) for made in sheets[:2])
    assert mutual(one, one, []) is None
    assert mutual(one, one, [other]).score > 0.99
