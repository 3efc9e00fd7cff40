"""The statement on the outcome, taken apart: what the first page says and what it rests on.

A headline that stands alone is quoted alone. Each combination of where the outcome changes has a
sentence of its own in the wording, which names whose sheets and which treatment it speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from veedor.audit.findings import Document, Finding, Materiality, Unresolved
from veedor.report.wording import Wording

if TYPE_CHECKING:
    from veedor.report.pages import Item

SOURCES = ("records", "lists", "controls")
SHARE = "share-false"
"""Treatments of this name say what share of votes would change the outcome; none is applied."""

_TREATMENTS = ("remove", "replace", "worst", "best")
_BOUNDS = frozenset({"worst", "best"})
"""Treatments that bound what the sheets could do; the others ask what if."""


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
    named, and sheets exposed by controls; `others` change nothing.
    """

    treatments: list[str]
    bounds: frozenset[str]
    groups: list[tuple[str, list[Row]]]
    others: list[Item]


@dataclass(frozen=True, slots=True)
class Cell:
    """One part of the statement: for `n` of `total` findings or lists the outcome changes."""

    treatments: str
    statement: str
    n: int
    total: int


@dataclass(frozen=True, slots=True)
class Statement:
    """The headline; its parts by source; what the bound gives to whom; what is left open."""

    headline: str
    parts: list[tuple[str, list[Cell]]]
    side: str
    open: list[str]
    bounds: list[tuple[str, Materiality]]
    decisive: bool


@dataclass(frozen=True, slots=True)
class Together:
    """Every sheet that a finding from the records questions, once."""

    items: list[Item]
    treatments: list[Materiality]
    shares: dict[str, str]


def applied(finding: Finding) -> list[Materiality]:
    """The treatments that were applied to a finding's sheets."""
    return [m for m in finding.materiality if not m.treatment.startswith(SHARE)]


def statement(document: Document, words: Wording) -> Statement:
    """The statement on the outcome, in words and in parts."""
    outcome = document.outcome
    asked = [finding for finding in document.findings if applied(finding)]
    totals = {source: sum(f.origin == source for f in asked) for source in SOURCES}
    by_source: dict[str, list[Cell]] = {}
    for part in outcome.statement_by:
        cell = Cell(part.treatments, part.statement, len(part.findings), totals[part.source])
        by_source.setdefault(part.source, []).append(cell)
    open_votes = outcome.unresolved
    decisive = open_votes is not None and any(m.outcome_changes for m in open_votes.materiality)
    states = {source: _state(by_source.get(source, ())) for source in SOURCES}
    changing = {
        state: {
            m.treatment
            for f in asked
            if states[f.origin] == state
            for m in applied(f)
            if m.outcome_changes
        }
        for state in ("what-if", "bound")
    }
    treated = _one_of(changing["what-if"], "remove", "replace")
    key = _headline(document, states, any(totals.values()), decisive)
    bounding = changing["bound"] or changing["what-if"]
    too = states["controls"] if key.startswith(("fragile_what", "fragile_b", "fragile_r")) else ""
    side = words.text(f"outcome.side_{_one_of(bounding, 'worst', 'best')}")
    names = {option.id: option.name for option in document.options}
    return Statement(
        headline=words.text(
            f"outcome.statement_{key}", side=side, treated=words.text(f"outcome.treated_{treated}")
        )
        + (f" {words.text(f'outcome.controls_{too}')}" if too in ("what-if", "bound") else ""),
        parts=[
            (source, by_source[source])
            for source in SOURCES
            if source in by_source and (source != "controls" or totals[source])
        ],
        side=side,
        open=_open(open_votes, words),
        bounds=[
            (names.get(to, to), m)
            for m in (open_votes.materiality if open_votes else ())
            for to in [str(m.details.get("to", ""))]
        ],
        decisive=decisive,
    )


def _headline(document: Document, states: Mapping[str, str], asked: bool, decisive: bool) -> str:
    """The key of the sentence: `fragile_bound_robust` is fragile by the bound of the records."""
    outcome = document.outcome
    if outcome.statement == "not-determinable":
        return "not-determinable_open" if decisive else "not-determinable"
    if outcome.statement == "robust":
        united = outcome.united is not None and outcome.united.robustness == "fragile"
        if united or document.open_samples:
            return "robust_united" if united else "robust_sample"
        return "robust" if asked else "robust_untested"
    told = [states["records"], states["lists"]]
    if told != ["robust", "robust"]:
        return "_".join(["fragile", *told])
    alone = states["controls"]
    return "fragile" if alone == "robust" else f"fragile_controls_{alone}"


def _state(cells: Sequence[Cell]) -> str:
    """`what-if` where such a treatment changes the outcome, `bound` where only a bound does."""
    fragile = {cell.treatments for cell in cells if cell.statement == "fragile"}
    return next((name for name in ("what-if", "bound") if name in fragile), "robust")


def _one_of(changing: set[str], first: str, second: str) -> str:
    """Which of two treatments changes the outcome, or `both`; the first where neither does."""
    if second not in changing:
        return first
    return "both" if first in changing else second


def _open(open_votes: Unresolved | None, words: Wording) -> list[str]:
    """How many stations are left open, and why."""
    if open_votes is None:
        return []
    counts = {name: getattr(open_votes, name) for name in ("set_aside", "unreadable")}
    counts["not_counted"] = open_votes.not_counted
    return [words.text(f"outcome.open_{name}", n=n) for name, n in counts.items() if n]


def matrix(items: Sequence[Item]) -> Matrix:
    """The findings and lists against the treatments of their sheets."""
    asked = [item for item in items if item.treatments]
    changing = [item for item in asked if any(m.outcome_changes for m, _ in item.treatments)]
    treatments = _ordered(
        [
            m.treatment
            for item in changing
            for m, _ in item.treatments
            if m.treatment != "best" or m.outcome_changes
        ]
    )
    groups: dict[str, list[Row]] = {source: [] for source in SOURCES}
    for item in changing:
        given = {m.treatment: m for m, _ in item.treatments}
        cells = [given.get(name) for name in treatments]
        groups[item.finding.origin].append(Row(item.anchor, item.title, cells))
    return Matrix(
        treatments=treatments,
        bounds=_BOUNDS,
        groups=[(name, rows) for name, rows in groups.items() if rows],
        others=[item for item in asked if item not in changing],
    )


def _ordered(treatments: Sequence[str]) -> list[str]:
    """Each treatment once, those of the catalogue in its order."""
    order = {name: i for i, name in enumerate(_TREATMENTS)}
    return sorted(set(treatments), key=lambda name: (order.get(name, len(order)), name))


def together(document: Document, items: Mapping[str, Item], words: Wording) -> Together | None:
    """The sheets of all findings from the records, each once, and the treatments of them."""
    united = document.outcome.united
    if united is None:
        return None
    return Together(
        items=[items[name] for name in united.findings if name in items],
        treatments=[m for m in united.materiality if not m.treatment.startswith(SHARE)],
        shares={
            m.treatment.removeprefix(f"{SHARE}-"): words.number(100 * m.share, 1)
            for m in united.materiality
            if m.treatment.startswith(SHARE) and m.share is not None
        },
    )
