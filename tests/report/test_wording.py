"""Every sentence of the frame lives in the wording; none accuses, none is in a template."""

from __future__ import annotations

import json
import re
import tomllib
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from veedor.audit.findings import Finding
from veedor.errors import VeedorError
from veedor.report.wording import Wording, load

PACKAGE = resources.files("veedor.report")
FORBIDDEN = re.compile(
    r"\b(fraud\w*|clean|stol\w+|steal\w*|rigg\w*|cheat\w*|intent\w*|motiv\w*|deliberate\w*|guilt\w*"
    r"|crim\w*|suspicio\w*|manipulat\w*|purpose\w*|innocen\w*|pass|passed|fail|honest\w*)\b",
    re.IGNORECASE,
)
NUMBERS = {"thousands": ",", "decimal": "."}


def _texts(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    return [node] if isinstance(node, str) else []


def _wording(name: str) -> dict[str, object]:
    return tomllib.loads((PACKAGE / "wording" / name).read_text("utf-8"))


class _Sentences(HTMLParser):
    """The text nodes and spoken attributes of a template whose expressions are taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if re.search(r"[A-Za-z]{2,}", data):
            self.found.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("alt", "title", "aria-label", "placeholder") and value:
                self.handle_data(value)


def test_no_template_contains_a_sentence() -> None:
    for template in (PACKAGE / "templates").iterdir():
        text = re.sub(
            r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", template.read_text("utf-8"), flags=re.S
        )
        parser = _Sentences()
        parser.feed(text)
        assert parser.found == [], template.name


def test_the_script_contains_no_sentence() -> None:
    script = re.sub(r"//.*|/\*.*?\*/", "", (PACKAGE / "assets" / "report.js").read_text("utf-8"))
    literals = re.findall(r'"([^"\n]*)"', script)
    assert [text for text in literals if re.fullmatch(r"[A-Z][a-z]+( \w+)+.*", text)] == []


def test_every_text_that_a_template_asks_for_exists() -> None:
    words = _wording("en.toml")
    for template in (PACKAGE / "templates").iterdir():
        for key in re.findall(r"\bt\(\s*[\"']([\w.-]+)[\"']\s*[,)]", template.read_text("utf-8")):
            node: object = words
            for part in key.split("."):
                assert isinstance(node, dict), key
                assert part in node, key
                node = node[part]


def test_the_wording_accuses_nobody_and_clears_nobody() -> None:
    for text in _texts(_wording("en.toml")):
        # A void check is "never a pass": the one place where the word is denied.
        assert not FORBIDDEN.search(text.replace("never a pass", "")), text


def test_every_number_of_a_finding_has_a_label(audit: Path) -> None:
    words = load()
    document = json.loads((audit / "findings.json").read_text("utf-8"))
    options = {option["id"] for option in document["options"]}

    def unlabelled(node: object, check: str) -> set[str]:
        if isinstance(node, list):
            return {key for item in node for key in unlabelled(item, check)}
        if not isinstance(node, dict):
            return set()
        own = {key for key in node if key not in options and not words.has_term(key, check)}
        return own | unlabelled(list(node.values()), check)

    missing = {
        finding["check"]: unlabelled(
            [finding["statistic"], finding["parameters"]], finding["check"]
        )
        for finding in document["findings"]
    }
    assert {check: keys for check, keys in missing.items() if keys} == {}


def test_a_check_may_call_a_number_by_a_name_of_its_own() -> None:
    words = load()
    assert words.term("stations_predicted", "sheets.unanimous") == "of them unanimous"
    assert words.term("stations_predicted", "sheets.none") == "of them, as counted"
    assert words.term("not_in_the_file") == "not in the file"


def test_a_missing_text_is_an_error_that_names_it() -> None:
    with pytest.raises(VeedorError, match=r"no text 'page\.nothing'"):
        load().text("page.nothing")


def test_a_missing_value_is_an_error_that_names_it() -> None:
    with pytest.raises(VeedorError, match="'title'"):
        load().text("page.title")


def test_a_language_without_a_wording_names_those_there_are() -> None:
    with pytest.raises(VeedorError, match="Use one of: en"):
        load("xx")


def test_plurals_follow_the_number() -> None:
    words = load()
    assert words.text("families.more", n=1) == "and 1 more"
    assert words.text("figures.outside", n=1, total=3000).startswith("1 of 3,000 points lies")


def test_a_noun_follows_its_own_number() -> None:
    texts = {"language": "en", "numbers": NUMBERS, "told": "{a:sheet|sheets} of {b:place|places}"}
    words = Wording(texts, "en.toml")
    assert words.text("told", a=1, b=1200) == "1 sheet of 1,200 places"


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (34555, None, "34,555"),
        (10.564903, None, "10.56"),
        (-0.128, None, "−0.128"),
        (34671.9, None, "34,671.9"),
        (-0.0001, 2, "0.00"),
        (0.00051, None, "0.00051"),
        (100.0, None, "100"),
        (0.0, None, "0"),
        (float("nan"), None, "–"),
        (True, None, "yes"),
    ],
)
def test_numbers_are_written_as_a_reader_expects(
    value: float, decimals: int | None, written: str
) -> None:
    assert load().number(value, decimals) == written


def test_another_language_writes_numbers_and_findings_its_own_way() -> None:
    words = Wording(
        {
            "language": "es",
            "numbers": {"thousands": ".", "decimal": ","},
            "checks": {
                "sheets.unanimous": {
                    "title": "Actas unánimes de {subject}: {stations}",
                    "p_value_of": "tantas actas ({stations})",
                    "explanations": {"small": {"text": "Mesas de {size} votos"}},
                }
            },
        },
        "es.toml",
    )
    finding = Finding.model_validate(
        {
            "check": "sheets.unanimous",
            "subject": "MAS",
            "title": "t",
            "status": "observed",
            "kind": "anomaly",
            "asks": "a",
            "rule": "r",
            "fact": "f",
            "statistic": {"stations": 1081},
            "explanations": [{"id": "small", "text": "x", "tested": True, "values": {"size": 3}}],
        }
    )
    assert words.number(1234.5) == "1.234,5"
    assert words.finding(finding, "title") == "Actas unánimes de MAS: 1.081"
    assert words.finding(finding, "fact") == "f"
    assert words.finding(finding, "p_value_of") == "tantas actas (1.081)"
    assert words.explanation(finding, 0, "text") == "Mesas de 3 votos"
