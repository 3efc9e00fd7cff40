"""A scan that cannot be read is told from one that can, with the reason in words."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.images import forms
from veedor.images.quality import judge
from veedor.images.registration import Registrar

SCALE = 200 / 25.4


@pytest.fixture(scope="module")
def form():
    return forms.template()


@pytest.fixture(scope="module")
def sheet(form):
    pixels, rng = forms.blank(form), np.random.default_rng(3)
    for box in form.cells:
        forms.write(pixels, box, int(rng.integers(10)))
    return cv2.GaussianBlur(pixels, (0, 0), 0.7)


def as_is(page):
    return page


def blurred(page):
    return cv2.GaussianBlur(page, (0, 0), 2.2)


def smeared(page):
    return cv2.GaussianBlur(page, (0, 0), 5)


def small(page):
    return cv2.resize(page, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)


def tiny(page):
    return cv2.resize(page, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)


def pale(page):
    return (255 - (255 - page.astype(float)) * 0.35).astype(np.uint8)


def blank_paper(page):
    return (255 - (255 - page.astype(float)) * 0.1).astype(np.uint8)


def shaded(page):
    return (page * np.linspace(0.35, 1, page.shape[1])[None, :, None]).astype(np.uint8)


def night(page):
    return (page * 0.1).astype(np.uint8)


def two_tones(page):
    return np.where(page > 150, 255, 0).astype(np.uint8)


def halftone(page):
    grey = cv2.resize(page, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)[..., 0] * 0.8
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    raster = 127 + 60 * (np.cos(2 * np.pi * x / 3.1) + np.cos(2 * np.pi * y / 3.1))
    return np.repeat(np.where(grey > raster, 255, 0).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize(
    ("make", "grade", "word"),
    [
        (as_is, "good", None),
        (blurred, "usable", "blurred"),
        (smeared, "unreadable", "blurred"),
        (small, "usable", "few pixels"),
        (tiny, "unreadable", "few pixels"),
        (pale, "usable", "pale"),
        (blank_paper, "unreadable", "pale"),
        (shaded, "usable", "unevenly"),
        (night, "unreadable", "dark"),
        (two_tones, "usable", "two tones"),
        (halftone, "usable", "halftone"),
    ],
)
def test_the_grade_and_its_reason(form, sheet, make, grade, word) -> None:
    scan = make(sheet)
    found = Registrar([(form, None)]).register(scan)
    quality = judge(scan, registration=found, template=form if found else None)
    assert quality.grade == grade
    assert (not quality.reasons) if word is None else any(word in r for r in quality.reasons)


def test_fields_beyond_the_edge_are_told(form, sheet) -> None:
    found = Registrar([(form, None)]).register(sheet)
    cut = sheet[: round(145 * SCALE)]
    quality = judge(cut, registration=found, template=form)
    assert quality.grade == "usable"
    assert "8% of its fields" in quality.reasons[-1]


def test_a_picture_without_a_form_is_judged_as_it_is(sheet) -> None:
    assert judge(sheet).grade == "good"
    assert judge(tiny(sheet)).grade == "unreadable"
