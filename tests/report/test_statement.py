"""No headline can be quoted for more than it says: whose sheets, which treatment, what is open."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from veedor.audit.findings import Document
from veedor.report.html import render
from veedor.report.statement import SOURCES, Statement, statement
from veedor.report.wording import load

STATES = ("what-if", "bound", "robust")
WAYS = {"what-if": ("what-if", "bound"), "bound": ("bound",), "robust": ()}
TREATMENTS = {"what-if": {"remove", "worst"}, "bound": {"worst"}, "robust": set()}


def _finding(check: str, changing: set[str]) -> dict[str, Any]:
    return {
        "check": check,
        "subject": "x",
        "title": "t",
        "status": "observed",
        "kind": "anomaly",
        "asks": "a",
        "rule": "r",
        "fact": "f",
        "statistic": {},
        "materiality": [
            {"treatment": t, "margin_points": 1.0, "winner": "A", "outcome_changes": t in changing}
            for t in ("remove", "replace", "worst", "best")
        ],
    }


CHECKS = dict(zip(SOURCES, ("sheets.made", "outcome.slack", "custody.made"), strict=True))


def _document(
    audit: Path, overall: str, records: str, lists: str, controls: str = "", **outcome: Any
) -> Document:
    """A document with a finding from each source that has a state; no control without one."""
    found = json.loads((audit / "findings.json").read_text("utf-8"))
    given = {"records": records, "lists": lists, "controls": controls}
    states = {source: state for source, state in given.items() if state}
    checks = CHECKS
    found["findings"] = [
        _finding(checks[s], outcome.pop("changing", TREATMENTS[states[s]]))
        | ({"kind": "control"} if s == "controls" else {})
        for s in states
    ]
    found["outcome"] |= {
        "statement": overall,
        "united": None,
        "statement_by": [
            {
                "source": source,
                "treatments": way,
                "statement": "fragile" if way in WAYS[states[source]] else "robust",
                "findings": [checks[source] + ".x"] if way in WAYS[states[source]] else [],
            }
            for source in states
            for way in ("what-if", "bound")
        ],
        **outcome,
    }
    return Document.model_validate(found)


def _said(audit: Path, overall: str, *states: str, **outcome: Any) -> Statement:
    return statement(_document(audit, overall, *states, **outcome), load())


@pytest.mark.parametrize("controls", ["what-if", "bound"])
def test_sheets_that_a_failed_control_exposed_are_told_apart(audit: Path, controls: str) -> None:
    said = _said(audit, "fragile", "robust", "robust", controls)
    assert said.headline.startswith("Fragile only if")
    assert "exposed where a control failed" in said.headline
    assert "No finding from the records of the sheets and no list changes" in said.headline
    assert [source for source, _ in said.parts] == list(SOURCES)
    alone = _said(audit, "fragile", "bound", "robust").headline
    both = _said(audit, "fragile", "bound", "robust", controls).headline
    assert both.startswith(alone)
    assert "would change it too" in both.removeprefix(alone)


@pytest.mark.parametrize(
    ("records", "lists"), [p for p in itertools.product(STATES, STATES) if p != ("robust",) * 2]
)
def test_each_combination_says_whose_sheets_and_which_treatment(
    audit: Path, records: str, lists: str
) -> None:
    said = _said(audit, "fragile", records, lists)
    first = re.split(r"[;.]", said.headline)[0]
    assert said.headline.startswith("Fragile")
    assert ("removed" in said.headline) == ("what-if" in (records, lists))
    assert ("to the runner-up" in said.headline) == ("bound" in (records, lists))
    assert "if " in first
    assert "record" in said.headline
    assert "list" in said.headline
    if "what-if" not in (records, lists):
        assert first.startswith("Fragile, but only")
    if records == "robust":
        assert "only by lists that others named, which are not examined here" in first
    rows = [[cell.statement for cell in cells] for _, cells in said.parts]
    assert rows == [
        ["fragile" if way in WAYS[state] else "robust" for way in ("what-if", "bound")]
        for state in (records, lists)
    ]


def test_all_headlines_of_a_fragile_outcome_differ(audit: Path) -> None:
    said = {_said(audit, "fragile", r, s).headline for r in STATES for s in STATES}
    assert len(said) == 9


def test_the_side_that_is_named_is_the_one_that_would_decide(audit: Path) -> None:
    assert (
        "went to the winner"
        in _said(audit, "fragile", "bound", "robust", changing={"best"}).headline
    )
    assert (
        "went to one side"
        in _said(audit, "fragile", "bound", "robust", changing={"best", "worst"}).headline
    )


def test_robust_says_how_far_anybody_looked(audit: Path) -> None:
    assert "does not show" in _said(audit, "robust", "robust", "robust").headline
    made = _document(audit, "robust", "robust", "robust").model_copy(update={"findings": []})
    assert "no test of the outcome" in statement(made, load()).headline
    made = _document(audit, "robust", "robust", "robust")
    for high, told in ((5, "Not decided by the sample"), (4, "Robust as far as")):
        one = {"check": "sampling.examined", "statistic": {"frame_high": high, "fewest_sheets": 5}}
        sampled = made.findings[0].model_copy(update=one)
        assert told in statement(made.model_copy(update={"findings": [sampled]}), load()).headline
    united = json.loads((audit / "findings.json").read_text("utf-8"))["outcome"]["united"]
    said = _said(audit, "robust", "robust", "robust", united=united)
    assert "taken together" in said.headline


def _open(changes: bool) -> dict[str, Any]:
    ways = {"best": "MAS", "worst": "CC"}
    return {
        "set_aside": 1,
        "unreadable": 0,
        "not_counted": 3,
        "votes": 501,
        "materiality": [
            {
                "treatment": treatment,
                "margin_points": 12.5 if treatment == "best" else -4.25,
                "winner": option,
                "outcome_changes": changes and treatment == "worst",
                "details": {"to": option, "votes": 501},
            }
            for treatment, option in ways.items()
        ],
    }


@pytest.mark.parametrize("changes", [True, False])
def test_votes_that_are_left_open_are_told_plainly(
    tmp_path: Path, audit: Path, changes: bool
) -> None:
    overall = "not-determinable" if changes else "robust"
    made = _document(audit, overall, "robust", "robust", unresolved=_open(changes))
    (tmp_path / "findings.json").write_text(made.model_dump_json(), "utf-8")
    (tmp_path / "manifest.json").write_bytes((audit / "manifest.json").read_bytes())
    page = render(tmp_path).read_text("utf-8")
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", page.partition('class="verdict')[2]))
    for part in (
        "1 station whose rows contradict one another or have no code; 3 stations that the",
        "At most 501 votes could hang on them.",
        "With all of them for Movimiento al Socialismo the margin is 12.500 points: the outcome s",
        "With all of them for Comunidad Ciudadana the margin is −4.250 points: the outcome "
        + ("changes" if changes else "stays"),
    ):
        assert part in text
    assert "cell of votes" not in text
    assert ("votes that the files leave open could change that" in page) == changes
    assert ("own rule, Movimiento al Socialismo wins" in page) != changes
    assert ("Not determinable: votes that the official files leave open" in text) == changes
    assert ("without the votes that the files leave open" in text) == changes
