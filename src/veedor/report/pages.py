"""What each page of the report shows: a document's findings, gathered by check."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from markupsafe import Markup

from veedor.audit.findings import Document, Finding, Kind, Materiality
from veedor.errors import VeedorError
from veedor.report import svg
from veedor.report.plain import cleaned, stem
from veedor.report.strips import Strip, needed_margin, strips
from veedor.report.tables import Statistic, Table, Terms, evidence, statistic
from veedor.report.wording import Wording

STATUSES = ("observed", "not-determinable", "void", "not-observed", "not-applicable")
_TREATMENTS = ("remove", "replace", "worst", "best")
_BOUNDS = frozenset({"worst", "best"})
"""Treatments that bound what the sheets could do; the others ask what if."""
_LISTS = "outcome.slack"
"""The check whose subjects are lists that others named, not findings from the records."""
_MOST_LINES = 2
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\Wa-z])")
_SHARE = "share-false"
"""Treatments of this name say what share of votes would change the outcome; none is applied."""

_FAMILIES: dict[str, tuple[Kind, ...]] = {
    "votes": ("discrepancy", "irregularity"),
    "control": ("control", "vulnerability"),
    "unusual": ("anomaly",),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure in the page: the safe SVG, its alternative text, its files and its spec."""

    id: str
    markup: Markup
    alt: str
    svg: str
    vl: str
    spec: Any
    width: int


@dataclass(frozen=True, slots=True)
class Item:
    """A finding with everything that its section shows.

    `counted` is false where treatments change the outcome and the statement does not rest on them.
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
    counted: bool
    shares: list[Materiality]
    evidence: Table | None
    figures: list[Drawing]


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
class Row:
    """A finding in the matrix: what each treatment of its sheets gives, None where not applied."""

    anchor: str
    title: str
    cells: list[Materiality | None]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The findings that question sheets against the treatments of their sheets.

    Rows are those under which the outcome changes: findings from the records, lists that others
    named, and findings that the statement on the outcome leaves out because their number is the
    expected one; `others` change nothing. `what_if` and `bound` count, of the first two, those that
    change the outcome by a treatment of that sort.
    """

    treatments: list[str]
    bounds: frozenset[str]
    groups: list[tuple[str, list[Row]]]
    others: list[Item]
    what_if: dict[str, int]
    bound: dict[str, int]


@dataclass(frozen=True, slots=True)
class Together:
    """Every sheet that a finding from the records questions, once."""

    items: list[Item]
    treatments: list[Materiality]
    shares: dict[str, str]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the first page needs beyond the document itself."""

    names: dict[str, str]
    needed: float | None
    slack_points: float | None
    families: dict[str, list[Item]]
    statuses: list[tuple[str, int]]
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
    families["unavailable"] = not_determined(pages)
    share = outcome.slack_votes is not None and outcome.valid
    return Summary(
        names={option.id: option.name for option in document.options},
        needed=needed_margin(outcome),
        slack_points=100 * outcome.slack_votes / outcome.valid if share else None,  # type: ignore[operator]
        families=families,
        statuses=_counted([i.finding.status for i in items.values()]),
        matrix=_matrix(list(items.values())),
        together=_together(document, items, words),
    )


def _matrix(items: Sequence[Item]) -> Matrix:
    asked = [item for item in items if item.treatments]
    changing = [item for item in asked if _changing(item)]
    treatments = _ordered(
        [
            m.treatment
            for item in changing
            for m, _ in item.treatments
            if m.treatment != "best" or m.outcome_changes
        ]
    )
    groups: dict[str, list[Row]] = {"records": [], "lists": [], "expected": []}
    for item in changing:
        given = {m.treatment: m for m, _ in item.treatments}
        row = Row(item.anchor, item.title, [given.get(name) for name in treatments])
        groups[_origin(item) if item.counted else "expected"].append(row)
    counted = [item for item in changing if item.counted]
    what_if = Counter(_origin(item) for item in counted if _changing(item) - _BOUNDS)
    bound = Counter(_origin(item) for item in counted if _changing(item) & _BOUNDS)
    return Matrix(
        treatments=treatments,
        bounds=_BOUNDS,
        groups=[(name, rows) for name, rows in groups.items() if rows],
        others=[item for item in asked if not _changing(item)],
        what_if={name: what_if[name] for name in ("records", "lists")},
        bound={name: bound[name] for name in ("records", "lists")},
    )


def _origin(item: Item) -> str:
    """Whether a finding is from the records, or a list that others named."""
    return "lists" if item.finding.check == _LISTS and item.finding.subject else "records"


def _changing(item: Item) -> set[str]:
    """The treatments of a finding's sheets under which the outcome changes."""
    return {m.treatment for m, _ in item.treatments if m.outcome_changes}


def _together(document: Document, items: Mapping[str, Item], words: Wording) -> Together | None:
    united = document.outcome.united
    if united is None:
        return None
    return Together(
        items=[items[name] for name in united.findings if name in items],
        treatments=[m for m in united.materiality if not m.treatment.startswith(_SHARE)],
        shares={
            m.treatment.removeprefix(f"{_SHARE}-"): words.number(100 * m.share, 1)
            for m in united.materiality
            if m.treatment.startswith(_SHARE) and m.share is not None
        },
    )


def not_determined(pages: Sequence[Check]) -> list[Item]:
    """The findings that the evidence does not decide, or could not have decided."""
    undecided = ("not-determinable", "void")
    return [item for page in pages for item in page.items if item.finding.status in undecided]


def _ordered(treatments: Sequence[str]) -> list[str]:
    """Each treatment once, those of the catalogue in its order."""
    order = {name: i for i, name in enumerate(_TREATMENTS)}
    return sorted(set(treatments), key=lambda name: (order.get(name, len(order)), name))


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
    applied = [m for m in finding.materiality if not m.treatment.startswith(_SHARE)]
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
        brief=_SENTENCE.split(fact, maxsplit=1)[0],
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
        statistic=statistic(finding.statistic, terms),
        parameters=statistic(finding.parameters, terms),
        treatments=list(zip(applied, strips(applied, document.outcome), strict=True)),
        counted=not any(m.outcome_changes for m in applied)
        or any(change.finding == finding.id for change in document.outcome.changes_under),
        shares=[m for m in finding.materiality if m.treatment.startswith(_SHARE)],
        evidence=rows,
        figures=[
            _drawing(directory, path, alt, finding.id)
            for path, alt in zip(finding.figures, _alts(finding), strict=True)
        ],
    )


def _alts(finding: Finding) -> list[str]:
    """One alternative text a figure; the title where the document gives none."""
    missing = len(finding.figures) - len(finding.alt)
    return [*finding.alt, *[finding.title] * missing][: len(finding.figures)]


def _drawing(directory: Path, path: str, alt: str, finding: str) -> Drawing:
    file = _inside(directory, path, "figures", finding)
    vl = PurePosixPath(path).with_suffix(".vl.json").as_posix()
    source = _inside(directory, vl, "figures", finding)
    name = f"f-{stem(file.stem)}"
    spec = cleaned(json.loads(source.read_bytes()))
    markup = svg.inline(file.read_text("utf-8"), f"{name}-", path)
    width = int(float(markup.partition(' width="')[2].partition('"')[0] or 600))
    return Drawing(name, Markup(markup), alt, path, vl, spec, width)  # noqa: S704  (svg.inline)


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
