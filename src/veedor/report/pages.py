"""What each page of the report shows: a document's findings, gathered by check."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

from markupsafe import Markup

from veedor.audit.findings import Document, Finding, Kind, Materiality, PictureFile
from veedor.errors import VeedorError
from veedor.report import svg
from veedor.report.plain import clean, cleaned, stem
from veedor.report.statement import (
    SHARE,
    Matrix,
    Statement,
    Together,
    applied,
    matrix,
    statement,
    together,
)
from veedor.report.strips import Strip, needed_margin, strips
from veedor.report.tables import Statistic, Table, Terms, cell, evidence, statistic
from veedor.report.wording import Wording

STATUSES = ("observed", "not-determinable", "void", "not-observed", "not-applicable")
_LISTS = "outcome.slack"
"""The check whose subjects are lists that others named, not findings from the records."""
_CLAIM = "claim"
"""The key of a statistic with what others say of such a list: their words, not a number."""
_STATEMENTS = "statements"
"""The key of a statistic with what others stated, each with the records' word on it."""
_EXPECTED = 0.05
"""A corrected p above this is a number that the null model expects."""
_MOST_LINES = 2
_SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}
_BRIEF = 200
"""Characters of a fact in the table of all checks, up to the end of a sentence."""
_LONGEST_TWO = 340
"""Characters of two sentences that are shown all the same: the first of a fact may only count what
there is, and the second says what was observed.
"""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\Wa-z])")

_FAMILIES: dict[str, tuple[Kind, ...]] = {
    "votes": ("discrepancy", "irregularity"),
    "control": ("control", "vulnerability"),
    "unusual": ("anomaly",),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure in the page: the safe SVG, how to read it, its alternative text, files and spec."""

    id: str
    markup: Markup
    note: str
    alt: str
    svg: str
    vl: str
    spec: Any
    width: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a scan in the page: the picture itself as a data address, and what it is of."""

    data: str
    width: int
    height: int
    alt: str
    caption: str
    station: str | None
    file: str


@dataclass(frozen=True, slots=True)
class Item:
    """A finding with everything that its section shows.

    `named` is a list of stations that others named, with their `claim` where the case tells it;
    `expected` is set where the number is one that the check's null model expects.
    """

    anchor: str
    finding: Finding
    title: str
    fact: str
    rule: str
    brief: str
    explanations: list[tuple[str, bool, str | None]]
    interval_of: str
    statistic: Statistic
    parameters: Statistic
    treatments: list[tuple[Materiality, Strip]]
    named: bool
    claim: str
    stated: list[Mapping[str, Any]]
    p_value_of: str
    expected: bool
    shares: list[Materiality]
    evidence: Table | None
    figures: list[Drawing]
    pictures: list[Part]


@dataclass(frozen=True, slots=True)
class Check:
    """A page: one check with its findings; `named` where they have headings of their own."""

    id: str
    anchor: str
    group: str
    heading: str
    named: bool
    asks: str
    items: list[Item]
    statuses: list[tuple[str, int]]
    kinds: list[str]
    lines: list[Item]
    changing: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the first page needs beyond the document itself."""

    names: dict[str, str]
    needed: float | None
    slack_points: float | None
    families: dict[str, list[Item]]
    statuses: list[tuple[str, int]]
    statement: Statement
    matrix: Matrix
    together: Together | None


def checks(document: Document, directory: Path, words: Wording) -> list[Check]:
    """The checks with their findings, group by group, in the order of the document."""
    by_check: dict[str, list[Finding]] = {}
    for finding in document.findings:
        by_check.setdefault(finding.check, []).append(finding)
    groups = list(dict.fromkeys(_group(check) for check in by_check))
    taken: set[str] = set()
    made = []
    for check in sorted(by_check, key=lambda check: groups.index(_group(check))):
        findings = by_check[check]
        items = [_item(finding, document, directory, words, taken) for finding in findings]
        whole = [item for item in items if not item.finding.subject]
        asks = words.finding(findings[0], "asks")
        named = len(items) > 1 or bool(findings[0].subject)
        several = words.finding(findings[0], "check_title") or asks
        made.append(
            Check(
                id=check,
                anchor=f"check-{stem(check)}",
                group=_group(check),
                heading=several if named else items[0].title,
                named=named,
                asks=asks,
                items=items,
                statuses=_counted([item.finding.status for item in items]),
                kinds=list(dict.fromkeys(finding.kind for finding in findings)),
                lines=(whole or items)[:_MOST_LINES],
                changing=[i for i in items if any(t.outcome_changes for t, _ in i.treatments)],
            )
        )
    return made


def summary(document: Document, pages: Sequence[Check], words: Wording) -> Summary:
    """What the first page says beyond the document's own numbers."""
    outcome = document.outcome
    items = {item.finding.id: item for page in pages for item in page.items}
    observed = [item for item in items.values() if item.finding.status == "observed"]
    families = {
        name: [item for item in observed if item.finding.kind in kinds]
        for name, kinds in _FAMILIES.items()
    }
    families["unavailable"] = [item for item in not_determined(pages) if not item.named]
    share = outcome.slack_votes is not None and outcome.valid
    return Summary(
        names={option.id: option.name for option in document.options},
        needed=needed_margin(outcome),
        slack_points=100 * outcome.slack_votes / outcome.valid if share else None,  # type: ignore[operator]
        families=families,
        statuses=_counted([i.finding.status for i in items.values()]),
        statement=statement(document, words),
        matrix=matrix(list(items.values())),
        together=together(document, items, words),
    )


def not_determined(pages: Sequence[Check]) -> list[Item]:
    """The findings that the evidence does not decide, or could not have decided."""
    undecided = ("not-determinable", "void")
    return [item for page in pages for item in page.items if item.finding.status in undecided]


def _group(check: str) -> str:
    return check.partition(".")[0]


def _counted(statuses: Sequence[str]) -> list[tuple[str, int]]:
    counts = Counter(statuses)
    return [(status, counts[status]) for status in STATUSES if counts[status]]


def _item(
    finding: Finding, document: Document, directory: Path, words: Wording, taken: set[str]
) -> Item:
    anchor = _unique(stem(finding.id), taken)
    title = words.finding(finding, "title")
    treatments = applied(finding)
    numbers = {
        key: value for key, value in finding.statistic.items() if key not in (_CLAIM, _STATEMENTS)
    }
    claim = finding.statistic.get(_CLAIM)
    terms = Terms(words, finding.check, {option.id: option.name for option in document.options})
    fact = words.finding(finding, "fact")
    rows = None
    if finding.evidence is not None:
        _inside(directory, finding.evidence.path, "evidence", finding.id)
        rows = evidence(directory, finding.evidence, title, terms)
    return Item(
        anchor=anchor,
        finding=finding,
        title=title,
        fact=fact,
        brief=_brief(fact),
        rule=words.finding(finding, "rule"),
        explanations=[
            (
                words.explanation(finding, i, "text") or "",
                given.tested,
                words.explanation(finding, i, "result"),
            )
            for i, given in enumerate(finding.explanations)
        ],
        interval_of=terms.heading(finding.interval.of.rpartition(".")[2])
        if finding.interval
        else "",
        statistic=statistic(numbers, terms),
        parameters=statistic(finding.parameters, terms),
        treatments=list(zip(treatments, strips(treatments, document.outcome), strict=True)),
        named=finding.check == _LISTS and bool(finding.subject),
        claim=cell(_CLAIM, claim, terms) if claim else "",
        stated=_stated(finding),
        p_value_of=words.finding(finding, "p_value_of") if finding.p_value_of else "",
        expected=finding.p_adjusted is not None and finding.p_adjusted > _EXPECTED,
        shares=[m for m in finding.materiality if m.treatment.startswith(SHARE)],
        evidence=rows,
        figures=[
            _drawing(directory, path, alt, finding.id, words)
            for path, alt in zip(finding.figures, _alts(finding), strict=True)
        ],
        pictures=[_part(directory, one, finding.id, words) for one in finding.pictures],
    )


def _part(directory: Path, one: PictureFile, finding: str, words: Wording) -> Part:
    data = _inside(directory, one.path, "pictures", finding).read_bytes()
    kind = next((k for k, begin in _SIGNATURES.items() if data.startswith(begin)), None)
    if kind is None:
        raise VeedorError(
            f"the file {one.path!r} is neither a PNG nor a JPEG file", place=f"finding {finding}"
        )
    caption = clean(one.caption)
    station = one.station or words.text("numbers.none")
    return Part(
        data=f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}",
        width=one.width,
        height=one.height,
        alt=words.text("finding.picture_alt", station=clean(station), caption=caption),
        caption=caption,
        station=one.station,
        file=one.file,
    )


def _brief(fact: str) -> str:
    """The first sentences of a fact: one at least, and two where they are not long."""
    sentences = _SENTENCE.split(fact)
    lengths = [length - 1 for length in accumulate(len(s) + 1 for s in sentences)]
    short = sum(length <= _BRIEF for length in lengths)
    two = 2 if len(lengths) > 1 and lengths[1] <= _LONGEST_TWO else 1
    return " ".join(sentences[: max(short, two)])


def _stated(finding: Finding) -> list[Mapping[str, Any]]:
    """What others stated, as text that cannot act."""
    given = finding.statistic.get(_STATEMENTS)
    if not isinstance(given, list):
        return []
    return [cleaned(one) for one in given if isinstance(one, Mapping) and one.get("text")]


def _alts(finding: Finding) -> list[str]:
    """One alternative text a figure; the title where the document gives none."""
    missing = len(finding.figures) - len(finding.alt)
    return [*finding.alt, *[finding.title] * missing][: len(finding.figures)]


def _drawing(directory: Path, path: str, alt: str, finding: str, words: Wording) -> Drawing:
    file = _inside(directory, path, "figures", finding)
    vl = PurePosixPath(path).with_suffix(".vl.json").as_posix()
    source = _inside(directory, vl, "figures", finding)
    name = f"f-{stem(file.stem)}"
    spec = cleaned(json.loads(source.read_bytes()))
    markup = svg.inline(file.read_text("utf-8"), f"{name}-", path)
    width = int(float(markup.partition(' width="')[2].partition('"')[0] or 600))
    note = words.known("figure_notes", _chart(spec), "")
    shown = Markup(markup)  # noqa: S704  (svg.inline)
    return Drawing(name, shown, note, alt, path, vl, spec, width)


def _chart(spec: Any) -> str:
    """The kind of chart that a spec is of, by its own note."""
    for key in ("usermeta", "veedor", "chart"):
        spec = spec.get(key) if isinstance(spec, Mapping) else None
    return str(spec)


def _inside(directory: Path, path: str, folder: str, finding: str) -> Path:
    """The file at `path`, which must lie in `folder` of the audit folder."""
    parts = PurePosixPath(path).parts
    plain = len(parts) == 2 and parts[0] == folder and parts[1] != ".." and "\\" not in path
    if not plain or not (directory / path).is_file():
        raise VeedorError(
            f"the file {path!r} is not in the audit folder",
            place=f"finding {finding}",
            remedy="Run the audit again.",
        )
    return directory / path


def _unique(name: str, taken: set[str]) -> str:
    candidate, again = name, 2
    while candidate in taken:
        candidate, again = f"{name}-{again}", again + 1
    taken.add(candidate)
    return candidate
