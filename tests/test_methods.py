"""The page on methods: every mark is well formed, and what an audit lacks is named."""

import tomllib
from pathlib import Path

import pytest
from benchmarks import methods

TEXT = tomllib.loads((Path(methods.__file__).parent / "methods.toml").read_text(encoding="utf-8"))
TARGETS = {"targets": [{"id": "T", "values": [{"expect": 3, "finding": "a.b.c", "at": "n"}]}]}


def numbers(document):
    return methods.Numbers({"some": 12.345}, document, TARGETS)


def test_marks_become_numbers_with_the_digits_asked_for():
    document = {"findings": [{"check": "a.b", "subject": "c", "n": 4000}]}
    found = numbers(document)
    text = "{data:some|1} {published:x} {audit:a.b.c:n} {target:T=3|2}"
    assert methods.filled(text, found, {"x": -1.5}) == "12.3 \u22121.5 4,000 4,000.00"
    assert found.missing == []


def test_what_is_missing_is_named():
    found = numbers({"findings": []})
    assert methods.filled("{audit:a.b.c:n} {target:T=4} {data:other}", found, {}) == "? ? ?"
    assert found.missing == ["audit:a.b.c:n", "target:T=4", "data:other"]


@pytest.mark.parametrize("entry", TEXT["entries"], ids=lambda entry: entry["title"])
def test_every_claim_has_both_sides_of_it(entry):
    for key in ("who", "said", "made", "veedor", "open"):
        assert entry[key]
        assert methods.MARK.sub("", entry[key]).count("{") == 0
    assert entry["references"]
    for value in entry.get("values", []):
        assert methods.MARK.fullmatch(value["value"]), value
    for kind, name, _ in methods.MARK.findall(str(entry)):
        if kind == "published":
            assert name in entry["published"], name
