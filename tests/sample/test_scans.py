"""Scans of a case for examiners: veiled, and those on which no form is found not at all."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from tests.sample.test_examination import folder  # noqa: F401 - a fixture
from tests.scans import drawn_case, png
from veedor.case.loading import load_case
from veedor.sample.examination import Answers, Examination
from veedor.sample.scans import files_veiled, scans_of

testclient = pytest.importorskip("starlette.testclient", reason="starlette is not installed")
NAMES = (slice(205 * 5, 240 * 5), slice(25 * 5, 185 * 5))
"""The part of a page at five pixels to a millimetre in which the names stand."""


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return load_case(drawn_case(tmp_path_factory.mktemp("drawn")))


def grey(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).astype(float)


def test_the_scans_of_a_case_are_shown_upright_and_veiled(case):
    found = scans_of(case, ["S1", "S3", "unknown"])
    assert set(found) == {"S1", "S3"}
    page = grey(found["S1"][0].png)
    assert page.shape == (297 * 5, 210 * 5)
    assert np.abs(np.diff(page[NAMES], axis=1)).max() < 40
    assert page.min() < 80  # the print of the form


def test_whoever_may_see_all_is_shown_the_picture_as_it_is(case):
    (scan,) = scans_of(case, ["S1"], show_private=True)["S1"]
    assert grey(scan.png).shape != (297 * 5, 210 * 5)


def test_a_folder_of_pictures_is_veiled_by_the_forms_of_the_case(case, tmp_path):
    from veedor.case.pictures import open_pictures

    with open_pictures(case.path.parent / "scans.zip") as pictures:
        (tmp_path / "S0.png").write_bytes(pictures.read("s0.png"))
    (tmp_path / "S1.png").write_bytes(png(np.full((400, 300, 3), 200, np.uint8)))
    images = {name: [tmp_path / f"{name}.png"] for name in ("S0", "S1")}
    found = files_veiled(case, images)
    assert found is not None
    assert np.abs(np.diff(grey(found["S0"][0].png)[NAMES], axis=1)).max() < 40
    assert found["S1"][0].png is None
    assert files_veiled(case.without_scans(), images) is None


def test_a_form_that_says_of_nothing_that_it_is_private_veils_nothing(tmp_path):
    path = drawn_case(tmp_path)
    form = tmp_path / "form-a.toml"
    text, private = form.read_text("utf-8"), r"\[\[private\]\]\n(?:\w+ = .*\n)+"
    assert re.search(private, text)
    form.write_text(re.sub(private, "", text), encoding="utf-8")
    case = load_case(path)
    assert scans_of(case, ["S0"])["S0"][0].png is None
    assert scans_of(case, ["S0"], show_private=True)["S0"][0].png is not None
    (tmp_path / "S0.png").write_bytes(b"a picture")
    assert files_veiled(case, {"S0": [tmp_path / "S0.png"]}) is None


def test_the_page_serves_a_veiled_scan_and_no_picture_without_a_form(case, folder):  # noqa: F811
    from veedor.sample.pages import pages

    class Lost:
        png, veiled = None, False

    one = Examination.open(folder, "ana")
    scans = scans_of(case, ["S0"])["S0"]
    bare = scans_of(case, ["S0"], show_private=True)["S0"]
    answers = Answers(folder, one)
    made = pages(one, answers, {one.stations[0]: [*scans, Lost(), *bare]}, {}, "secret")
    client = testclient.TestClient(made, base_url="http://127.0.0.1", follow_redirects=False)
    assert "In some pictures names, signatures" in client.get("/secret/sheet/1").text
    shown = client.get("/secret/sheet/1/picture/0")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.content == scans[0].png
    lost = client.get("/secret/sheet/1/picture/1")
    assert lost.status_code == 404
    assert "No form was found" in lost.text
    _, _, *kept = answers.unveiled_path.read_text("utf-8").splitlines()
    assert kept == [], "what is veiled, or not to be had, was not shown"
    assert client.get("/secret/sheet/1/picture/2").content == bare[0].png
    _, _, kept = answers.unveiled_path.read_text("utf-8").splitlines()
    assert kept.endswith(f",ana,{one.stations[0]},3")
    made = pages(one, answers, {one.stations[0]: scans}, {}, "secret")
    client = testclient.TestClient(made, base_url="http://127.0.0.1")
    assert "fingerprints are veiled in what is shown" in client.get("/secret/sheet/1").text
