"""Whatever stands in the data, it is shown: it adds no element, runs nothing, moves nothing."""

from __future__ import annotations

import html
import json
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from veedor.audit.findings import Figure
from veedor.cli import terminal
from veedor.report import figures, svg
from veedor.report.html import render
from veedor.report.plain import clean

from .sample import folder
from .test_html import Page

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
ACTING = (
    "\x00\x07\x08\r\x1b\x7f\x85\x9b"
    "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\ufff9\U000e0041"
)
PAYLOADS = {
    "element": MARKUP,
    "attribute": "\" onmouseover=\"alert(1)\" x='y' onfocus='alert(2)'",
    "end of script": "</script><script>alert(1)</script><!--",
    "end of style": "</style></title></textarea><svg onload=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}{0.__class__}{n}%s$label:title",
    "link": 'javascript:alert(1) https://x.example/"onclick=alert(1) data:text/html,<b>',
    "entity": "&lt;script&gt;&#60;img&#62;",
    "terminal": "\x1b]0;owned\x07\x1b[2J\x9b31m\rover",
    "direction": "\u202eodroc\u202c \u2066x\u2069 \u200b\ufeff\U000e0041",
    "lines": "a\u2028b\u2029c\x85d",
}
FREE = frozenset(
    """
    title check_title asks rule fact text result method of name why contest date origin source
    not_examined refused destroyed notes alt references winner runner_up option command
    """.split()  # noqa: SIM905
)
"""Fields of the documents that take any text."""


def _replaced(value: Any, text: str, key: str = "") -> Any:
    """A document with `text` in every free field, for an option, and among its numbers."""
    if key in ("statistic", "parameters", "values", "details"):
        inner = {"label": text, "n": 3, text: text}
        return {**inner, "rows": [{**inner, "votes": {text: 1}}], "map": {text: {text: [text]}}}
    if isinstance(value, dict):
        return {text if k == "MAS" else k: _replaced(v, text, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(item, text, key) for item in value]
    free = isinstance(value, str) and key in FREE and value not in ("records", "lists")
    return text if free else value


def _attacked(source: Path, target: Path, text: str) -> Path:
    """A copy of an audit folder with `text` wherever text of the data may stand."""
    shutil.copytree(source, target)
    for name in ("findings.json", "manifest.json"):
        path = target / name
        path.write_text(json.dumps(_replaced(json.loads(path.read_bytes()), text)), "utf-8")
    for path in (target / "evidence").glob("*.parquet"):
        rows = {"station": [text, "1"], text: [text, None], "list": [[text], []]}
        pq.write_table(pa.table(rows), path)
    hostile = Figure(
        "bars",
        "bars",
        {"label": np.array([text, "b"], dtype=object), "value": np.array([1, 2])},
        text,
        {"title": text, "x": text, "y": text},
    )
    figures.write([hostile], target)
    return target


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("hostile") / "audit")


@pytest.fixture(scope="module")
def attacked(plain_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    pages: dict[str, str] = {}

    def page(text: str) -> str:
        if text not in pages:
            target = tmp_path_factory.mktemp("attacked") / "audit"
            pages[text] = render(_attacked(plain_folder, target, text)).read_text("utf-8")
        return pages[text]

    return page


@pytest.mark.parametrize("name", PAYLOADS)
def test_text_of_the_data_adds_no_element_and_no_attribute(
    attacked: Callable[..., str], name: str
) -> None:
    """The page with the payload has the elements that it has with a harmless word there."""
    harmless, hostile = Page(attacked("word")), Page(attacked(PAYLOADS[name]))

    def made(page: Page) -> Counter[tuple[str, tuple[str, ...]]]:
        # A reference may hold an address, which becomes a link.
        return Counter((tag, tuple(names)) for tag, names in page.elements if tag != "a")

    assert made(hostile) == made(harmless)
    for _, attributes in hostile.elements:
        assert not [one for one in attributes if one.startswith("on")]
        assert re.match(r"(#|https?://|[\w./%-]+$|$)", attributes.get("href", ""))


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_character_that_acts_reaches_the_page(attacked: Callable[..., str], name: str) -> None:
    page = attacked(PAYLOADS[name])
    body = page[: page.index('id="runtime"')] + page[page.rindex("<script>") :]
    assert not set(ACTING) & set(body)
    assert not set(ACTING) & set(html.unescape(body))


def test_the_text_itself_can_still_be_read(attacked: Callable[..., str]) -> None:
    shown = attacked(MARKUP)
    assert html.escape(MARKUP, quote=False).replace("'", "&#39;") in shown
    assert "\\x1b]0;owned\\x07" in attacked(PAYLOADS["terminal"])
    assert "\\u202eodroc" in attacked(PAYLOADS["direction"])
    assert "{{ 7 * 7 }}" in attacked(PAYLOADS["template"])
    assert "&amp;amp;" not in attacked(MARKUP)
    assert "&amp;lt;" not in attacked(MARKUP)


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_drawn_file_holds_text_and_no_markup_of_the_data(tmp_path: Path, name: str) -> None:
    text = PAYLOADS[name]
    rows = {
        "lane": np.array([text, text, None], dtype=object),
        "x": np.array(["2020-01-31T10:00:00Z"] * 3, dtype=object),
        "until": np.array(["2020-01-31T11:00:00Z", None, None], dtype=object),
        "state": np.array(["recorded", "", ""], dtype=object),
        "event": np.array(["", text, text], dtype=object),
    }
    labels = {"title": text, "x": text, "y": text, "state": text}
    (path,) = figures.write([Figure("one", "lanes", rows, text, labels)], tmp_path)
    drawn = (tmp_path / path).read_text("utf-8")
    assert not set(ACTING) & set(drawn)
    assert {node.tag.rpartition("}")[2] for node in ElementTree.fromstring(drawn).iter()} <= {
        *("svg", "g", "path", "text", "line", "rect", "defs", "clipPath", "circle", "tspan"),
    }
    spec = (tmp_path / path).with_suffix(".vl.json").read_text("utf-8")
    assert not set(ACTING) & set(spec)


def test_a_text_in_a_changed_figure_is_shown_too() -> None:
    drawn = '<svg xmlns="http://www.w3.org/2000/svg"><text>a\u202eb<tspan>\x85</tspan>\u200e</text></svg>'
    kept = svg.inline(drawn, "p-", "here")
    assert "a\\u202eb" in kept
    assert not set(ACTING) & set(kept)


@pytest.mark.parametrize("character", ACTING)
def test_characters_that_act_are_written_as_escapes_everywhere(character: str) -> None:
    for shown in (clean(f"a{character}b"), terminal.plain(f"a{character}b")):
        assert shown.isprintable()
        assert re.fullmatch(r"a\\(x..|u....|U.{8})b", shown)


def test_what_belongs_to_a_script_is_left_alone() -> None:
    for text in ("Potosí", "نی\u200cروز", "ක්\u200dෂ", "投票\tЧисло\n", "🗳"):
        assert clean(text) == terminal.plain(text) == text


def test_the_report_escapes_whatever_the_terminal_does() -> None:
    kinds = {"Cc", "Cf", "Zl", "Zp"}
    for code in (*range(0x3000), *range(0xFE00, 0x10000), *range(0xE0000, 0xE0100)):
        character = chr(code)
        if unicodedata.category(character) in kinds and clean(character) == character:
            assert character in "\t\n\u00ad\u200c\u200d", hex(code)


@pytest.mark.parametrize("name", PAYLOADS)
def test_the_terminal_shows_it_in_a_table_and_in_progress(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text = PAYLOADS[name] + "\nOutcome: robust"
    terminal.table(("head", "other"), [(text, 1)])
    with terminal.steps() as say:
        say(f"reading {text}")
    with terminal.transfers() as progress:
        progress(text, 5, 5)
    captured = capsys.readouterr()
    for stream, lines in ((captured.out, 2), (captured.err, 2)):
        assert not set(ACTING) & set(stream)
        assert len(stream.splitlines()) == lines
