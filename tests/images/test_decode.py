"""Boxes become fields: numbers or what stands for none, and what sums may and may not change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veedor.images.decode import decode, glyphs_of
from veedor.images.reader import Reads
from veedor.images.sheet import CLASSES, Cell
from veedor.images.template import Template

LETTERS = "0123456789_-x#?"
Box = str | dict[str, float]


def form(digits: Sequence[int], sums=(), fillers=()) -> Template:
    """Fields a, b, c ... of so many boxes."""
    fields = [
        {"id": "abcdefgh"[k], "x": 10, "y": 10 + 12 * k, "width": 8 * n, "height": 8, "digits": n}
        for k, n in enumerate(digits)
    ]
    return Template.model_validate(
        {"id": "form", "blank": "form.png", "page": {"width": 210, "height": 297},
         "fields": fields, "sums": sums, "fillers": fillers}
    )  # fmt: skip


def read(template: Template, boxes: Sequence[Sequence[Box]], altered=(), size: int = 50):
    """Decode boxes given as letters, or as probabilities of letters; a space has no ink.

    A field of no boxes was not found.
    """
    cells, rows, flags = [], [], []
    ink = np.zeros((80, 80), np.float32)
    ink[40 - size // 2 : 40 + (size + 1) // 2, 36:44] = 1
    for field, row in zip(template.fields, boxes, strict=True):
        for k, box in enumerate(row):
            none = box == " "
            glyph = None if none else np.zeros((40, 40), np.uint8)
            patch = np.zeros((80, 80, 3), np.uint8)
            cells.append(Cell(field.id, k, patch, ink * 0 if none else ink, glyph))
            if none:
                continue
            share = {box: 0.9999} if isinstance(box, str) else box
            p = np.full(len(CLASSES), (1 - sum(share.values())) / len(CLASSES))
            for letter, chance in share.items():
                p[LETTERS.index(letter)] += chance
            rows.append(p)
            flags.append((field.id, k) in altered or box in ("x", "#"))
    p = np.array(rows, np.float32).reshape(-1, len(CLASSES))
    reads = Reads(p, np.array(flags, np.float32))
    return decode(template, cells, reads)


@pytest.mark.parametrize(
    ("boxes", "state", "value", "text"),
    [
        ("127", "number", 127, "127"),
        (" 12", "number", 12, "_12"),
        ("012", "number", 12, "012"),
        ("  0", "number", 0, "__0"),
        ("-12", "number", 12, "-12"),
        ("12-", "number", 12, "12-"),
        ("---", "filler", 0, "---"),
        ("  -", "filler", 0, "__-"),
        ("   ", "empty", None, "___"),
        ("1 2", "unreadable", None, "1_2"),
        ("1-2", "unreadable", None, "1-2"),
        ("1?2", "unreadable", None, "1?2"),
        ("1x2", "struck", None, "1x2"),
        ("x#2", "struck", None, "x#2"),
        ("1#?", "overwritten", None, "1#?"),
    ],
)
def test_boxes_say_a_number_or_what_stands_instead(boxes, state, value, text) -> None:
    got = read(form([3], fillers=["dash"]), [list(boxes)]).fields[0]
    assert (got.state, got.value, got.text) == (state, value, text)
    assert got.p > 0.98


def test_fillers_that_the_rules_do_not_admit_are_no_number() -> None:
    got = read(form([3]), [list("---")]).fields[0]
    assert (got.state, got.value) == ("filler", None)


def test_a_zero_or_a_filler_before_a_number_is_all_the_same() -> None:
    got = read(form([3], fillers=["dot"]), [[{"0": 0.5, "-": 0.5}, "1", "2"]]).fields[0]
    assert (got.value, got.p > 0.99) == (12, True)


def test_a_number_on_the_left_may_have_lost_its_end() -> None:
    got = read(form([3]), [list("12 ")]).fields[0]
    assert (got.state, got.value) == ("number", 12)
    assert 0.8 < got.p < 0.91


def test_a_digit_over_another_keeps_its_value_and_says_so() -> None:
    box = {"#": 0.8, "7": 0.16, "1": 0.04}
    got = read(form([2]), [["4", box]], altered={("a", 1)}).fields[0]
    assert (got.state, got.value, got.text) == ("overwritten", 47, "4#")
    # The share of the class `overwritten` goes to digits as they share the rest.
    assert got.p == pytest.approx(0.16 + 0.8 * 0.16 / 0.2, abs=0.001)


def test_the_head_for_alterations_raises_the_alarm_whatever_the_classes_say() -> None:
    got = read(form([2]), [["4", "7"]], altered={("a", 0)}).fields[0]
    assert (got.state, got.value, got.text) == ("overwritten", 47, "#7")
    assert got.p > 0.99


def test_a_dot_is_too_small_for_a_digit() -> None:
    box = {"0": 0.6, "-": 0.39}
    small = read(form([2], fillers=["dot"]), [[box, "7"]], size=8).fields[0]
    large = read(form([2], fillers=["dot"]), [[box, "7"]], size=50).fields[0]
    assert (small.text, large.text) == ("-7", "07")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("0137_-x#?"), st.integers(1, 99), min_size=1, max_size=4),
        min_size=3, max_size=3,
    )
)  # fmt: skip
def test_the_value_has_the_probability_of_all_ways_to_write_it(boxes) -> None:
    shares = [{k: v / sum(box.values()) * 0.999 for k, v in box.items()} for box in boxes]
    got = read(form([3], fillers=["dash"]), [shares]).fields[0]
    total: dict[int, float] = {}
    for letters in itertools.product(range(15), repeat=3):
        text = "".join(LETTERS[k] for k in letters)
        chance = math.prod(float(p[k]) for p, k in zip(got.boxes, letters, strict=True))
        body = text.lstrip("_-")
        digits = body.rstrip("_-")
        if not body:
            key = 0 if "-" in text else -1
        elif digits.isdigit():
            key = int(digits)
            ended = body[len(digits) :]
            chance *= 0.9 if ended.startswith("_") else 1
        else:
            continue
        # An altered box holds digits as the digits themselves share it.
        total[key] = total.get(key, 0) + chance
    over = any(p[13] > 1e-3 for p in got.boxes)
    if got.value is not None and not over:
        assert got.p == pytest.approx(total[got.value], rel=1e-3, abs=1e-4)
        assert got.value == max((k for k in total if k >= 0), key=lambda k: total[k])


VOTES = [{"total": "c", "parts": ["a", "b"]}]


def test_sums_settle_what_was_unsure() -> None:
    doubt = {"7": 0.6, "1": 0.39}
    got = read(form([2, 2, 2], VOTES), [list("20"), ["1", doubt], list("31")])
    assert (got.fields[1].value, got.fields[1].joint) == (17, 11)
    assert got.fields[1].p_joint > 0.95
    assert got.consistent is False
    assert got.cost == pytest.approx(math.log(0.6 / 0.39), abs=0.02)


def test_sums_never_change_what_was_sure() -> None:
    near = {"7": 0.992, "1": 0.007}
    got = read(form([2, 2, 2], VOTES), [list("20"), ["1", near], list("31")])
    assert [f.joint for f in got.fields] == [20, 17, 31]
    assert got.fields[1].p_joint == got.fields[1].p
    assert got.consistent is False
    assert got.cost == pytest.approx(math.log(0.992 / 0.007), abs=0.1)


def test_a_form_that_adds_up_costs_nothing() -> None:
    got = read(form([2, 2, 2], VOTES), [list("20"), list("11"), list("31")])
    assert (got.consistent, got.cost) == (True, 0.0)


def test_an_empty_part_is_nothing_and_a_lost_one_tells_nothing() -> None:
    empty = read(form([2, 2, 2], VOTES), [list("20"), list("  "), list("20")])
    assert (empty.consistent, empty.fields[1].joint) == (True, None)
    for lost in ("1x", "1?"):
        got = read(form([2, 2, 2], VOTES), [list("20"), list(lost), list("31")])
        assert (got.consistent, got.cost) == (None, None)
    empty = read(form([2, 2, 2], VOTES), [list("20"), list("11"), list("  ")])
    assert empty.consistent is None


def test_each_field_knows_whether_its_own_sums_hold() -> None:
    sums = [*VOTES, {"total": "e", "parts": ["c", "d"]}]
    got = read(
        form([2, 2, 2, 2, 2], sums), [list("20"), list("  "), list("20"), list("1x"), list("31")]
    )
    assert [f.holds for f in got.fields] == [True, True, True, None, None]
    got = read(
        form([2, 2, 2, 2, 2], sums), [list("20"), list("11"), list("31"), list("10"), list("42")]
    )
    assert [f.holds for f in got.fields] == [True, True, False, False, False]
    assert read(form([2, 2, 2]), [list("20")] * 3).fields[0].holds is None


def test_a_field_that_was_not_found_says_nothing() -> None:
    template = form([2, 2, 2], VOTES)
    got = read(template, [list("20"), [], list("20")])
    assert (got.fields[1].state, got.fields[1].value, got.consistent) == ("unreadable", None, None)


def test_a_dark_box_of_which_no_ink_was_cut_out_is_not_empty() -> None:
    patch = np.full((80, 80, 3), 230, np.uint8)
    written = patch.copy()
    written[25:55, 38:42] = 60
    framed = patch.copy()
    framed[8:11] = framed[-11:-8] = framed[:, 8:11] = framed[:, -11:-8] = 60
    none = Reads(np.zeros((0, 15), np.float32), np.zeros(0, np.float32))
    states = []
    for one in (patch, framed, written):
        cell = Cell("a", 0, one, np.zeros((80, 80), np.float32), None)
        states.append(decode(form([1]), [cell], none).fields[0].state)
    assert states == ["empty", "empty", "unreadable"]


def test_readings_must_be_of_the_boxes_with_ink() -> None:
    cell = Cell("a", 0, np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.float32), None)
    none = Reads(np.zeros((1, 15), np.float32), np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="0 boxes have ink, and 1 readings"):
        decode(form([1]), [cell], none)
    assert glyphs_of([cell]).shape == (0, 40, 40)


@pytest.mark.parametrize("boxes", ["   ", "???", "xxx", "---", "###", "999"])
def test_forms_of_one_kind_of_boxes_are_decoded(boxes) -> None:
    got = read(form([3, 3, 3], VOTES), [list(boxes)] * 3)
    for field in got.fields:
        assert 0 <= field.p <= 1
        assert field.p_joint is None or 0 <= field.p_joint <= 1
