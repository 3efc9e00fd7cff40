"""The words of a fact are made from its numbers."""

import subprocess
import sys

import pytest

from veedor.audit.files import slug
from veedor.checks.base import _fill, registry, subject


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


def test_checks_and_commands_need_no_package_of_an_extra():
    extras = ("cv2", "onnxruntime", "PIL", "pypdfium2", "zxingcpp", "dpkt", "evtx", "starlette",
              "uvicorn")  # fmt: skip
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({extras}))\n"
        "from veedor.checks.base import registry\n"
        "from veedor.cli import main\n"
        "assert 'handwriting.same-writer' in registry()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_a_testable_explanation_can_be_tested():
    check = registry()["sheets.unanimous"]
    with pytest.raises(KeyError, match="no testable explanation"):
        check.explain(nothing={})


def test_a_subject_of_plain_and_short_text_is_the_text():
    for text in ("203.0.113.9", "2001:db8::9", "db-1.internal", "a" * 60):
        assert subject(text) == text


def test_no_two_texts_share_a_subject_or_the_file_name_of_one():
    hostile = ["a:b", "a_b", "a-b", "a b", "a/b", "a!b", "a!!b", "../a", "", " ", "..", "é",
               "\ud800", "x" * 300, "x" * 301, "<p>", "2001:db8::9", "2001_db8__9"]  # fmt: skip
    hostile += [subject(text) for text in hostile if subject(text) != text]
    names = [slug(subject(text)) for text in hostile]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 60
    assert not any("/" in name for name in names)
