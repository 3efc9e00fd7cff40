"""What a check is, and how the checks are found.

A check is a module `checks/GROUP/NAME.py` with one subclass of `Check`. Nothing else needs to be
edited: its page in the docs, its help on the command line and its words in the report come from
its attributes and docstring; the conformance tests run on it by themselves.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import re
import string
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Columns, Explanation, Fact, Interval, Kind, Status
from veedor.case.manifest import Case
from veedor.case.plan import Plan
from veedor.engine.evidence import CountInfo, Evidence, ListInfo
from veedor.engine.instants import ClockInfo
from veedor.engine.machines import LogInfo

__all__ = [
    "NEEDS",
    "Benign",
    "Check",
    "Columns",
    "Context",
    "Evidence",
    "Explanation",
    "Fact",
    "Interval",
    "Promise",
    "registry",
    "say",
    "subject",
]

GROUPS = ("outcome", "sheets", "reconcile", "flow", "trend")
"""Groups that come first in a report, in this order."""

NEEDS = {
    "registered": "the official count has no registered voters",
    "blank": "the official count has no blank votes",
    "null": "the official count has no null votes",
    "invalid": "the official count has neither blank nor null votes",
    "declared": "the sheets' own totals are not in the official count; sums agree by construction",
    "reason": "the official count carries no remarks or reason codes",
    "reason-any": "no count carries remarks or reason codes",
    "coordinates": "no source gives coordinates",
    "preliminary": "the case has no preliminary count",
    "copy": "the case has no independent copy or reading of the sheets",
    "snapshots": "the case has fewer than two publications of one running count",
    "second-count": "the case has one count only",
    "history": "the case has no earlier election",
    "lists": "the case names no list of stations",
    "lost": "the case names no lost or destroyed sheets",
    "announced": "the case has no announced totals",
    "cut": "the case names no stop or other cut of the count",
    "early": "nothing in the case tells which sheets were published before the cut",
    "log": "the case has no processing log with usable instants",
    "instants": "no source of the case carries instants",
    "publications": "the case has no publications with instants",
    "states": "the case does not say in which state sheets were left",
    "arrivals": "the case does not say between which publications sheets arrived",
    "exports": "the case has no successive exports of a running count",
    "order": "nothing in the case tells when sheets were processed, or which were early",
    "declared-hosts": "the case declares no hosts",
    "declared-groups": "the case declares no groups of clients",
    "flows": "the case has no records of network flows",
    "log-lines": "the case has no logs of machines",
    "machines": "the case has neither records of network flows nor logs of machines",
    "log-evidence": "the case has no logs of machines, and names none that was withheld",
    "seen-hosts": "no record of the case names a machine",
    "custody": "the case has no custody trail",
    "freezes": "the case declares no frozen hashes",
    "documents": "the case lists no delivered documents",
    "statements": "the case has no statements",
    "examined": "the case has no sample of sheets that somebody examined",
    "hand-counts": "no sample of the case has a count by hand of its sheets",
    "operators": "no record of the case tells who handled a sheet",
    "empty-kept": "no count keeps an empty cell and a written zero apart, and no scan was read",
    "scans": "the case has no scans of sheets",
    "readings": "no field of a scan was read",
    "glyphs": "no digit of a scan was read without doubt",
    "twins": "the case has fewer than two scans of sheets",
}
"""What a check may need of a case, and what to say where it is not there."""


@dataclass(frozen=True, slots=True)
class Benign:
    """A benign explanation that an honest audit must rule out.

    `result` is the sentence for a test of it, with the names of the values in braces; None where
    the evidence of a count cannot test it.
    """

    id: str
    text: str
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """How a check behaves on simulated elections: what the conformance tests hold it to.

    Attributes
    ----------
    alarm : 'p-value', 'status' or 'none'
        What counts as an alarm: a p-value at most 0.05; the status `observed`; or nothing, for a
        description that accuses no sheet.
    honest : names of honest scenarios
        On each, the share of elections with an alarm is at most `false_alarms` (up to the
        interval of the simulation).
    tampered : mapping from a tampered scenario to the least power promised on it
    """

    alarm: Literal["p-value", "status", "none"] = "none"
    honest: tuple[str, ...] = ()
    false_alarms: float = 0.05
    tampered: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What `assess` may know besides the measured rows: the case's words, no tables.

    `rng` is derived from the seed, the check and the contest. `counts` and `lists` describe what
    the evidence holds, `history` names the earlier election where there is one, `clocks` describes
    the clock of each source with instants, and `stages` are the steps of the process of which a
    usable log exists, in order. `plan` is the declared side, `machines` describes each source of
    flows and log lines, `trails` the clock of each source of custody or hashes. `findings` are the
    statuses and statistics of the checks before this one, for a check that comes `last`.
    """

    case: Case
    rng: np.random.Generator
    counts: Mapping[str, CountInfo]
    lists: Mapping[str, ListInfo]
    history: str | None = None
    clocks: Mapping[str, ClockInfo] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    plan: Plan = field(default_factory=Plan)
    machines: Mapping[str, LogInfo] = field(default_factory=dict)
    trails: Mapping[str, ClockInfo] = field(default_factory=dict)
    findings: Mapping[str, tuple[Status, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """Option ids in ballot order."""
        return self.case.option_ids

    @property
    def main_options(self) -> tuple[str, ...]:
        """Ids of the options that the case calls main contenders."""
        return tuple(o.id for o in self.case.options if o.main)

    @property
    def siblings(self) -> str:
        """The measured column with the cell in which sheets are siblings."""
        return f"cell_{self.case.sibling_level}"


class Check(ABC):
    """One question of an audit.

    `measure` states it as portable queries, each giving at most one row per sheet, centre, host or
    minute; `assess` turns the collected rows into facts with NumPy alone, seeded. Neither judges.
    """

    id: ClassVar[str] = ""
    title: ClassVar[str]
    """The check in a few words."""
    asks: ClassVar[str]
    """The question, as a sentence."""
    rule: ClassVar[str]
    """The rule or the expectation that an observed fact departs from."""
    kind: ClassVar[Kind]
    needs: ClassVar[tuple[str, ...]] = ()
    last: ClassVar[bool] = False
    """It is assessed after all others, and sees what they found."""
    benign: ClassVar[tuple[Benign, ...]] = ()
    references: ClassVar[tuple[str, ...]] = ()
    promise: ClassVar[Promise] = Promise()
    heading: ClassVar[str] = ""
    """Template of a finding's title; `{option}` and the like are filled by `fact`."""
    p_value_of: ClassVar[str] = ""
    """What the p-value of its findings is of, after "The p-value is of": often not of the number
    that a finding is headed by. A fact may say otherwise; where there is a p-value one must say.
    """
    sentences: ClassVar[Mapping[str, str]] = {}
    """Status -> template of the fact in plain words, filled with the statistic."""
    coverage: ClassVar[tuple[str, ...]] = ()
    """Numbers of the statistic that tell what could be looked at, and what could not."""

    @abstractmethod
    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The queries, by name."""

    @abstractmethod
    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """The facts in the collected rows: columns by query, ordered by `sid`."""

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """What a finding could not look at, in words; empty where it looked at all there is.

        Its numbers, but those of `coverage`, may then be higher than it says.
        """
        return ""

    def fact(
        self,
        status: Status,
        statistic: Mapping[str, Any],
        *,
        subject: str = "",
        words: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> Fact:
        """A fact whose title and sentence are made from the templates.

        `words` adds values to those of the statistic for filling the templates.
        """
        values = {**_flat(statistic), **(words or {}), "subject": subject}
        sentence = self.sentences.get(status) or self.sentences.get("any", self.asks)
        rest["p_value_of"] = (
            "" if rest.get("p_value") is None else (rest.get("p_value_of") or self.p_value_of)
        )
        return Fact(
            subject=subject,
            status=status,
            statistic=statistic,
            title=_fill(self.heading or self.title, values),
            fact=_fill(sentence, values),
            **rest,
        )

    def explain(self, **tested: Mapping[str, Any]) -> tuple[Explanation, ...]:
        """All benign explanations; those named by keyword (with '_' for '-') are tested.

        Parameters
        ----------
        tested : mapping of values
            Fill the explanation's `result` sentence and are kept beside it.
        """
        results = {name.replace("_", "-"): values for name, values in tested.items()}
        unknown = set(results) - {b.id for b in self.benign if b.result is not None}
        if unknown:
            raise KeyError(f"{self.id}: no testable explanation {sorted(unknown)[0]!r}")
        return tuple(
            Explanation(
                id=benign.id,
                text=benign.text,
                tested=True,
                result=_fill(benign.result or "", results[benign.id]),
                values=dict(results[benign.id]),
            )
            if benign.id in results
            else Explanation(id=benign.id, text=benign.text, tested=False)
            for benign in self.benign
        )


class _Plain(string.Formatter):
    """Numbers as people write them: thousands apart, no float noise, and `{n:sheet|sheets}`."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        if "|" in format_spec:
            one, several = format_spec.split("|")
            return f"{self.format_field(value, '')} {one if value == 1 else several}"
        if not format_spec and isinstance(value, bool | np.bool_):
            return "yes" if value else "no"
        if not format_spec and isinstance(value, int | np.integer):
            return f"{int(value):,}".replace("-", "\u2212")
        if not format_spec and isinstance(value, float | np.floating):
            number = float(value)
            text = f"{number:,.4g}" if abs(number) < 1000 else f"{number:,.0f}"
            return text.replace("-", "\u2212")
        return super().format_field(value, format_spec)


def subject(text: str) -> str:
    """A text of the data as part of a finding's id: as it is where it is plain and short, else a
    readable part of it with a hash, so that no two texts share an id or the name of a file, and
    none is a path. A text that looks like such an id has a hash too.
    """
    plain = "-".join(re.findall(r"[A-Za-z0-9.:+-]+", text))
    if plain == text and 0 < len(text) <= 60 and not re.search(r"-[0-9a-f]{16}$", text):
        return text
    code = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{plain[:40].strip('-.:') or 'text'}-{code}"


def say(template: str, /, **values: Any) -> str:
    """A sentence from a template, filled as those of a check: with `{n:sheet|sheets}`."""
    return _fill(template, values)


def _fill(template: str, values: Mapping[str, Any]) -> str:
    return _Plain().vformat(template, (), values)


def _flat(statistic: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in statistic.items() if not isinstance(v, list | dict | tuple)}


@cache
def registry() -> dict[str, Check]:
    """Every check, by id, in the order of the catalogue's groups and then by name."""
    import veedor.checks as package

    found: dict[str, Check] = {}
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        parts = info.name.split(".")
        if info.ispkg or len(parts) != 4:
            continue
        module = importlib.import_module(info.name)
        kinds = [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Check)
            and value.__module__ == info.name
        ]
        if len(kinds) != 1:
            raise TypeError(f"{info.name} must hold one check, and holds {len(kinds)}")
        kinds[0].id = f"{parts[2]}.{parts[3].replace('_', '-')}"
        found[kinds[0].id] = kinds[0]()
    return dict(sorted(found.items(), key=lambda item: (_place_of(item[0]), item[0])))


def _place_of(name: str) -> int:
    group = name.split(".")[0]
    return GROUPS.index(group) if group in GROUPS else len(GROUPS)
