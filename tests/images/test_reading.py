"""One scan from its bytes to its record: what is read, and what is kept where nothing is."""

from __future__ import annotations

import dataclasses
import tomllib
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest

from tests.scans import FIELDS, png, sheet, template, written
from veedor.errors import VeedorError
from veedor.images.reading import SheetReader, version
from veedor.images.record import SheetRecord, pack, unpack
from veedor.images.template import Template

FORM = Template.model_validate(tomllib.loads(template()))


@pytest.fixture(scope="module")
def reader():
    return SheetReader([(FORM, None)])


@pytest.fixture(scope="module")
def record(reader):
    return reader.record(png(sheet(written(120, 85, 7, 3, 4))), "a.png")


def same(one, other):
    """Whether two records say the same, arrays by their elements."""
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(a):
            assert same(a, b), field.name
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert np.array_equal(a, b), field.name
        elif isinstance(a, tuple) and a and dataclasses.is_dataclass(a[0]):
            assert len(a) == len(b)
            assert all(same(x, y) for x, y in zip(a, b, strict=True)), field.name
        else:
            assert a == b, field.name
    return True


def test_numbers_of_a_sheet_are_read(record):
    assert (record.status, record.template, record.format) == ("read", "form-a", "PNG")
    values = {one.field: one.value for one in record.fields}
    expected = dict(zip(FIELDS, (120, 85, 7, 3, 4, 212, 219), strict=True))
    wrong = {name for name in FIELDS if values[name] != expected[name]}
    assert len(wrong) <= 1, values  # strokes of a program are no writer's hand


def test_a_record_comes_back_from_its_bytes_as_it_was(record):
    assert record.glyphs is not None
    assert len(record.glyphs.cell) > 5
    assert record.matrix is not None
    assert record.inkprint is not None
    assert same(record, unpack(pack(record)))
    lost = SheetRecord("missing", ("no picture is named",))
    assert same(lost, unpack(pack(lost)))


def test_bytes_of_something_else_are_no_record(record):
    for data in (b"", b"not a record", pack(record)[:-200]):
        with pytest.raises(VeedorError, match="no reading of a scan"):
            unpack(data)


def test_what_cannot_be_opened_is_a_record_with_the_reason(reader):
    found = reader.record(b"no picture at all", "broken.jpg")
    assert found.status == "unreadable"
    assert (found.format, found.bytes, found.grade) == (None, 17, None)
    assert found.sha256 is not None
    assert found.reasons


def test_a_page_without_the_form_is_not_registered(reader):
    letter = np.full((1600, 1200, 3), 250, np.uint8)
    for row in range(20):
        cv2.putText(letter, "Dear Sir or Madam,", (80, 100 + 70 * row),
                    cv2.FONT_HERSHEY_SIMPLEX, 1.5, (30, 30, 30), 3)  # fmt: skip
    found = reader.record(png(letter), "letter.png")
    assert (found.status, found.template, found.fields) == ("unregistered", None, ())
    assert found.reasons[-1].startswith("no form found: ")
    assert found.inkprint is not None


def test_readings_by_another_template_are_told_apart():
    other = FORM.model_copy(update={"title": "Corrected"})
    assert version([(FORM, None)]) == version([(FORM, None)])
    assert version([(FORM, None)]) != version([(other, None)])


def test_codes_that_no_form_has_a_pattern_for_are_not_kept(monkeypatch):
    """A square code of somebody's identity card may lie on a scan."""
    from veedor.images import reading

    text = template().replace("[[codes]]", "[[codes]]\npattern = 'S[0-9]+'")
    form = Template.model_validate(tomllib.loads(text))
    for name in ("Registrar", "Reader", "Embedder"):
        monkeypatch.setattr(reading, name, MagicMock())
    read = SheetReader([(form, None)])
    assert read._ours(("S7", "ID 4711 JANE DOE", "S7 and more")) == ("S7",)
