"""The words of a fact are made from its numbers."""

import pytest

from veedor.checks.base import _fill, registry


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{n:sheet|sheets}", {"n": 1}, "1 sheet"),
        ("{n:sheet|sheets}", {"n": 34555}, "34,555 sheets"),
        ("{x}", {"x": -0.5}, "\u22120.5"),
        ("{x}", {"x": 12345.6}, "12,346"),
        ("{x:.2f}", {"x": 1.005}, "1.00"),
        ("{yes}", {"yes": True}, "yes"),
        ("{name}", {"name": "A"}, "A"),
    ],
)
def test_numbers_are_written_as_people_write_them(template, values, text):
    assert _fill(template, values) == text


def test_checks_are_found_by_walking_the_folder():
    assert {"outcome.result", "sheets.unanimous", "reconcile.counts"} <= set(registry())


def test_only_a_testable_explanation_can_be_tested():
    check = registry()["sheets.unanimous"]
    with pytest.raises(KeyError, match="no testable explanation"):
        check.explain(nothing={})
