"""Codes are read in any direction and small; the station is theirs by the pattern, or nobody's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp

from tests.images import forms
from veedor.images.codes import find_codes, fitting, read_at, read_codes, station_of
from veedor.images.registration import Registrar

SCALE = 200 / 25.4


def stamped(form, text: str, kind=zxingcpp.BarcodeFormat.Code128, width: float = 40.0):
    page = forms.blank(form)
    code = np.array(zxingcpp.create_barcode(text, kind).to_image(scale=4, add_quiet_zones=True))
    size = round(width * SCALE), round(10 * SCALE)
    small = cv2.resize(code, size, interpolation=cv2.INTER_AREA)
    y, x = round(19 * SCALE), round(142 * SCALE)
    page[y : y + size[1], x : x + size[0]] = small[..., None]
    return page


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_code_is_read_in_every_direction(quarters) -> None:
    page = stamped(forms.template(), "T000123")
    assert find_codes(np.ascontiguousarray(np.rot90(page, quarters))) == ("T000123",)


def test_a_code_that_the_page_is_too_coarse_for_is_read_at_its_place() -> None:
    form = forms.template()
    page = stamped(form, "T000123", width=26)
    page = cv2.resize(page, None, fx=0.72, fy=0.72, interpolation=cv2.INTER_AREA)
    page = cv2.GaussianBlur(page, (0, 0), 0.6)
    found = Registrar([(form, None)]).register(page)
    texts = read_codes(page, found, form)
    assert station_of(texts, form) == "000123"


def test_a_code_elsewhere_on_the_page_is_read_where_none_is_in_its_place() -> None:
    form = forms.template(
        codes=[{"x": 20, "y": 250, "width": 40, "height": 10, "pattern": r"T(?P<station>\d{6})"}]
    )
    page = stamped(form, "T000777")
    found = Registrar([(form, None)]).register(page)
    assert station_of(read_codes(page, found, form), form) == "000777"
    assert read_at(page, found, form) == ()


def test_a_pattern_that_fits_any_text_tells_no_code_of_a_form() -> None:
    texts = ("T000123", "ID 4711, Ana")
    narrow, wide = (
        forms.template(codes=[{"x": 20, "y": 250, "width": 40, "height": 10, "pattern": pattern}])
        for pattern in (r"T(?P<station>\d{6})", r"(?P<station>.+)")
    )
    assert fitting(texts, [narrow, wide]) == ("T000123",)
    assert fitting(texts, [wide]) == ()


def test_stripes_without_a_check_digit_are_no_code() -> None:
    page = stamped(forms.template(), "12345678", zxingcpp.BarcodeFormat.ITF)
    assert find_codes(page) == ()


@pytest.mark.parametrize(
    ("texts", "station"),
    [
        (["T000123"], "000123"),
        (["X1", "T000123", "T000123"], "000123"),
        (["T000123", "T000124"], None),
        (["T0001234"], None),
        (["aT000123"], None),
        ([], None),
    ],
)
def test_the_station_is_what_fits_the_pattern_whole_and_alone(texts, station) -> None:
    assert station_of(texts, forms.template()) == station
