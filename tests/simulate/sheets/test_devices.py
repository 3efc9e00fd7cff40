"""Pictures of sheets: the true map from the page is kept, files are the same again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.simulate.sheets import (
    FAMILIES,
    HELD_OUT_FAMILIES,
    blank,
    degrade,
    draw_device,
    layout,
    stamp_over,
)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_the_true_map_leads_to_where_the_marks_are(family, seed):
    form = layout("column", 4)
    scan = degrade(blank(form, 150), family, np.random.default_rng(seed), dpi=150)
    grey = scan.pixels.min(axis=2)
    for mark in form.template.fiducials:
        x, y, w = scan.matrix @ [mark.x, mark.y, 1]
        x, y = x / w, y / w
        reach = 28
        left, top = round(x) - reach, round(y) - reach
        window = grey[max(top, 0) : top + 2 * reach, max(left, 0) : left + 2 * reach]
        dark = (cv2.GaussianBlur(window, (0, 0), 1.5) < window.max() * 0.45).astype(np.uint8)
        _, _, stats, middles = cv2.connectedComponentsWithStats(dark)
        best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        found = middles[best] + [max(left, 0), max(top, 0)]
        assert np.hypot(*(found - [x, y])) < 1.5, (family, mark)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_file_and_pixels_are_those_of_the_file(family):
    page = blank(layout("strip", 4), 100)
    one, same, other = (
        degrade(page, family, np.random.default_rng(seed), dpi=100) for seed in (1, 1, 2)
    )
    assert one.encoded() == same.encoded()
    assert family == "clean" or one.encoded() != other.encoded()
    decoded = cv2.imdecode(np.frombuffer(one.encoded(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert (decoded == one.pixels).all()
    assert one.suffix == (".jpg" if family in ("scan", "photo") else ".png")


def test_what_a_fax_or_a_scanner_of_two_tones_gives_has_two_tones():
    page = blank(layout("strip", 4), 100)
    for scan in (
        degrade(page, "fax", np.random.default_rng(0), dpi=100),
        degrade(page, "scan", np.random.default_rng(0), dpi=100, two_tones=True),
    ):
        assert len(np.unique(scan.raw)) <= 3
    assert HELD_OUT_FAMILIES == ("fax",)


def test_the_page_given_is_left_as_it_is():
    page = blank(layout("strip", 4), 100)
    before = page.copy()
    for family in FAMILIES:
        degrade(page, family, np.random.default_rng(0), dpi=100)
        degrade(page, family, np.random.default_rng(0), dpi=100, two_tones=True)
    assert (page == before).all()


def test_one_device_has_one_quality_for_all_its_sheets():
    device = draw_device("scan", np.random.default_rng(0))
    page = blank(layout("strip", 4), 100)
    found = {
        degrade(page, "scan", np.random.default_rng(i), dpi=100, device=device).quality
        for i in range(3)
    }
    assert found == {device.quality}


def test_a_stamp_darkens_a_part_of_the_page():
    page = blank(layout("column", 4), 100)
    before = page.copy()
    stamp_over(page, np.random.default_rng(0), 100)
    changed = (page != before).any(axis=2)
    assert 0.001 < changed.mean() < 0.05
    assert (page <= before).all()


def test_a_family_that_is_not_there_is_told():
    with pytest.raises(VeedorError, match="no family of pictures 'xerox'"):
        degrade(blank(layout("strip", 4), 100), "xerox", np.random.default_rng(0))
