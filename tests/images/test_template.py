"""A template says where the fields of a form lie, and refuses what cannot be a form."""

from __future__ import annotations

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.images.template import load_template

FORM = """
id = "form"
blank = "form.png"
page = { width = 210, height = 297 }
fields = [
  { id = "a", x = 10, y = 10, width = 32, height = 8, digits = 3, gap = 1 },
  { id = "b", x = 10, y = 30, width = 20, height = 8, digits = 2, BOXES },
]
sums = [{ total = "b", parts = ["a"] }]
""".replace("BOXES", "boxes = [[10, 30, 9, 8], [21, 30, 9, 8]]")


def written(tmp_path, text: str):
    path = tmp_path / "form.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_boxes_lie_side_by_side_or_where_they_are_named(tmp_path) -> None:
    form = load_template(written(tmp_path, FORM))
    wanted = [[10, 10, 10, 8], [21, 10, 10, 8], [32, 10, 10, 8], [10, 30, 9, 8], [21, 30, 9, 8]]
    np.testing.assert_allclose(form.cells, wanted)
    assert form.owner.tolist() == [0, 0, 0, 1, 1]
    assert form.ids == ("a", "b")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"b"', '"a"'), "two fields are named 'a'"),
        (('total = "b"', 'total = "c"'), "'c', which is no field"),
        (('parts = ["a"]', 'parts = ["b"]'), "part of its own sum"),
        (("x = 10, y = 10", "x = 190, y = 10"), "beyond the page"),
        (('blank = "form.png"', ""), "needs `blank`"),
        (("digits = 2", "digits = 3"), "`boxes` has 2"),
        (("gap = 1", "gap = 16"), "no width"),
        (("digits = 3", "digit = 3"), "fields.0.digits"),
        (("page = {", "page = "), "no TOML"),
    ],
)
def test_what_cannot_be_a_form_is_named_with_its_file(tmp_path, change, words) -> None:
    path = written(tmp_path, FORM.replace(*change))
    with pytest.raises(VeedorError, match=words.replace("`", ".")) as caught:
        load_template(path)
    assert str(path) in str(caught.value)


def test_a_template_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(VeedorError, match="cannot be read"):
        load_template(tmp_path / "none.toml")


def test_fields_that_share_more_than_an_edge_with_a_private_part_are_hidden(tmp_path) -> None:
    private = "private = [{ x = 10, y = 18, width = 60, height = HEIGHT }]\n"
    apart = load_template(written(tmp_path, FORM + private.replace("HEIGHT", "12")))
    assert apart.hidden == frozenset()
    over = load_template(written(tmp_path, FORM + private.replace("HEIGHT", "13")))
    assert over.hidden == {"b"}


def test_another_place_is_another_digest(tmp_path) -> None:
    one = load_template(written(tmp_path, FORM))
    other = load_template(written(tmp_path, FORM.replace("y = 30, width", "y = 31, width")))
    assert one.digest != other.digest
