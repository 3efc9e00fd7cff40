"""A form is found where it is, in any direction; what is not that form is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.images import forms
from veedor.errors import VeedorError
from veedor.images.registration import Registrar

SCALE = 200 / 25.4
TO_PIXELS = np.array([[SCALE, 0, -0.5], [0, SCALE, -0.5], [0, 0, 1]])
TWO_PIXELS = 2 * 25.4 / 200


@pytest.fixture(scope="module")
def form():
    return forms.template()


@pytest.fixture(scope="module")
def sheet(form):
    """A filled one, at 200 dots an inch."""
    pixels, rng = forms.blank(form), np.random.default_rng(3)
    for box in form.cells:
        forms.write(pixels, box, int(rng.integers(10)))
    return pixels


def corners(form) -> np.ndarray:
    x, y, w, h = form.cells.T
    at = [np.stack(p, -1) for p in ((x, y), (x + w, y), (x + w, y + h), (x, y + h))]
    return np.stack(at, axis=1)


def misses(form, found, matrix) -> np.ndarray:
    """(boxes,) millimetres by which the worst corner of each box is missed."""
    whole = matrix @ TO_PIXELS
    true = cv2.perspectiveTransform(corners(form).reshape(1, -1, 2), whole).reshape(-1, 4, 2)
    scale = np.sqrt(abs(np.linalg.det(whole[:2, :2])))
    return np.hypot(*np.moveaxis(found.boxes - true, -1, 0)).max(axis=1) / scale


def turn(degrees: float, shape) -> np.ndarray:
    middle = shape[1] / 2, shape[0] / 2
    return np.vstack([cv2.getRotationMatrix2D(middle, degrees, 1.0), [0, 0, 1]])


def leaning(shape) -> np.ndarray:
    height, width = shape[:2]
    rim = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    to = np.float32([[200, 150], [width - 120, 90], [width - 40, height - 160], [90, height - 60]])
    return cv2.getPerspectiveTransform(rim, to)


WAYS = {
    "as printed": np.eye(3),
    "turned a little": None,
    "upside down": np.array([[-1, 0, 1653], [0, -1, 2338], [0, 0, 1.0]]),
    "on its side": np.array([[0, -1, 2338], [1, 0, 0], [0, 0, 1.0]]),
    "leaning, on a table": "leaning",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("poor", [False, True])
def test_every_box_is_found_to_two_pixels(form, sheet, way, poor) -> None:
    matrix = WAYS[way]
    if matrix is None:
        matrix = turn(2.0, sheet.shape)
    if isinstance(matrix, str):
        matrix = leaning(sheet.shape)
    size = sheet.shape[:2] if way == "on its side" else sheet.shape[1::-1]
    scan = forms.turned(sheet, matrix, size)
    if poor:
        grain = np.random.default_rng(0).normal(0, 12, scan.shape)
        scan = np.clip(cv2.GaussianBlur(scan, (0, 0), 1.2) * 0.8 + grain, 0, 255).astype(np.uint8)
    found = Registrar([(form, None)]).register(scan)
    assert found is not None
    assert found.found.all()
    assert (found.template, found.method) == ("small", "fiducials")
    assert misses(form, found, matrix).max() < TWO_PIXELS
    assert found.residual < 0.05


def test_a_mark_that_is_hidden_is_not_missed(form, sheet) -> None:
    scan = sheet.copy()
    scan[-150:, -200:] = 255
    found = Registrar([(form, None)]).register(scan)
    assert found is not None
    assert misses(form, found, np.eye(3)).max() < TWO_PIXELS


def test_each_field_is_moved_onto_its_lines_where_the_feed_was_uneven(form, sheet) -> None:
    height, width = sheet.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    wave = 0.3 * SCALE * np.sin(y / (90 * SCALE) * 2 * np.pi)
    scan = cv2.remap(sheet, x, y + wave.astype(np.float32), cv2.INTER_LINEAR)
    found = Registrar([(form, None)]).register(scan)
    assert found is not None
    assert found.found.all()
    true = corners(form)
    for _ in range(5):
        true[..., 1] = corners(form)[..., 1] - 0.3 * np.sin(true[..., 1] / 90 * 2 * np.pi)
    off = np.abs(found.boxes[..., 1] - (true[..., 1] * SCALE - 0.5)) / SCALE
    assert off.max() < TWO_PIXELS
    assert np.abs(found.shifts[:, 1]).max() > 0.15


def test_the_scale_of_the_scan_does_not_matter(form, sheet) -> None:
    registrar = Registrar([(form, None)])
    for scale in (0.55, 2.0):
        scan = cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5], [0, 0, 1]])
        found = registrar.register(scan)
        assert found is not None
        assert misses(form, found, matrix).max() < TWO_PIXELS


def other_rows(form, rows: int):
    """The same form with more or fewer rows, and the total where it was."""
    fields = [f for f in form.fields if f.id != "total"]
    given = [
        f.model_copy(update={"id": f"f{r}{c}", "y": 40.0 + 16 * r})
        for r in range(rows)
        for c, f in enumerate(fields[:2])
    ]
    return forms.template("other", fields=[*given, form.field("total")])


def test_a_longer_and_a_shorter_form_are_other_forms(form) -> None:
    longer, shorter = other_rows(form, 7), other_rows(form, 5)
    scan = forms.blank(form)
    assert "more rows of boxes" in Registrar([(shorter, None)]).attempt(scan).why
    assert (
        "lacks rows of boxes of 'other' (2 of them)"
        in Registrar([(longer, None)]).attempt(scan).why
    )
    for templates in ((longer, form), (form, longer)):
        assert Registrar([(t, None) for t in templates]).register(scan).template == "small"


def mirrored(form, sheet):
    return sheet[:, ::-1].copy()


def moved(form, sheet):
    fields = [f.model_copy(update={"x": f.x + 5.0, "y": f.y + 7.0}) for f in form.fields]
    return forms.blank(forms.template("moved", fields=fields))


def written(form, sheet):
    page = np.full_like(sheet, 255)
    for y in range(60, sheet.shape[0] - 20, 45):
        cv2.putText(
            page, "the quick brown fox jumps over the lazy dog", (60, y), 0, 1.6, (20,) * 3, 3
        )
    return page


def grain(form, sheet):
    return np.random.default_rng(0).integers(0, 255, sheet.shape).astype(np.uint8)


def denser(form, sheet):
    """The same columns at three quarters of the pitch: every fourth row is where one should be."""
    fields = [f.model_copy(update={"y": 40 + (f.y - 40) * 0.75}) for f in form.fields]
    return forms.blank(forms.template("denser", fields=fields))


def white(form, sheet):
    return np.full_like(sheet, 255)


def squared(form, sheet):
    """Paper of squares, with the form's marks: lines are everywhere."""
    page = forms.blank(forms.template("marks", fields=[form.fields[0]]))
    for at in range(100, sheet.shape[1], 32):
        page[:, at : at + 2] = 70
        page[at : at + 2] = 70
    return page


@pytest.mark.parametrize("make", [mirrored, moved, denser, written, grain, white, squared])
def test_what_is_not_the_form_is_refused(form, sheet, make) -> None:
    attempt = Registrar([(form, None)]).attempt(make(form, sheet))
    assert attempt.registration is None
    assert attempt.why


def test_a_field_under_a_stamp_is_not_found_and_the_others_are(form, sheet) -> None:
    scan = sheet.copy()
    x, y = round(28 * SCALE), round(54 * SCALE)
    scan[y : y + round(12 * SCALE), x : x + round(28 * SCALE)] = (60, 60, 160)
    found = Registrar([(form, None)]).register(scan)
    assert found is not None
    assert [i for i, there in zip(form.ids, found.found, strict=True) if not there] == ["f10"]


def test_fields_beyond_the_edge_are_not_found(form, sheet) -> None:
    found = Registrar([(form, None)]).register(sheet[: round(145 * SCALE)])
    if found is not None:
        assert not found.found[form.ids.index("total")]


def test_of_several_forms_the_one_that_fits_is_taken(form, sheet) -> None:
    fields = [f.model_copy(update={"y": f.y + 7.0}) for f in form.fields]
    near = forms.template("near", fields=fields)
    for templates in ((form, near), (near, form)):
        found = Registrar([(t, None) for t in templates]).register(sheet)
        assert found.template == "small"


@pytest.fixture
def unmarked(tmp_path):
    """The form without marks, with a picture of it empty."""
    form = forms.template(fiducials=[], blank="blank.png")
    cv2.imwrite(str(tmp_path / "blank.png"), forms.blank(form))
    return form, tmp_path


@pytest.mark.parametrize("way", ["turned a little", "upside down", "leaning, on a table"])
def test_a_form_without_marks_is_found_by_its_print(unmarked, way) -> None:
    form, folder = unmarked
    sheet, rng = forms.blank(form), np.random.default_rng(5)
    for box in form.cells:
        forms.write(sheet, box, int(rng.integers(10)))
    matrix = WAYS[way]
    if not isinstance(matrix, np.ndarray):
        matrix = turn(-1.5, sheet.shape) if matrix is None else leaning(sheet.shape)
    found = Registrar([(form, folder)]).register(forms.turned(sheet, matrix))
    assert found is not None
    assert found.method == "features"
    assert misses(form, found, matrix).max() < TWO_PIXELS


def test_a_form_with_other_names_beside_its_fields_is_refused(unmarked) -> None:
    form, folder = unmarked
    fields = [f.model_copy(update={"id": f"x{9 - k}q"}) for k, f in enumerate(form.fields)]
    renamed = forms.template("renamed", fiducials=[], blank="blank.png", fields=fields)
    why = Registrar([(form, folder)]).attempt(forms.blank(renamed)).why
    assert "another printed name" in why


def test_a_blank_that_is_lost_or_of_another_shape_is_named(unmarked) -> None:
    form, folder = unmarked
    with pytest.raises(VeedorError, match=r"lost\.png"):
        Registrar([(form.model_copy(update={"blank": "lost.png"}), folder)])
    cv2.imwrite(str(folder / "blank.png"), np.full((500, 500), 255, np.uint8))
    with pytest.raises(VeedorError, match="not the shape of the page"):
        Registrar([(form, folder)])
