"""What a case file holds: `Case`, read by `veedor.case.loading`.

A case is data, never code: the contest and its rule, the options, the levels of geography, the
events, and for every file the mapping from its columns to the canonical tables.
"""

from __future__ import annotations

import datetime as dt
import difflib
import zoneinfo
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from veedor.case.plan import (
    Entry,
    Identifier,
    Plan,
    is_address,
    mistakes,
)
from veedor.case.source import Filter, Lookup, Source, Split, known_zone
from veedor.contest import Rule

__all__ = [
    "FORMAT",
    "Announced",
    "Case",
    "DataFile",
    "Event",
    "Filter",
    "ListUnion",
    "Lookup",
    "Option",
    "Origin",
    "ScopeText",
    "Source",
    "Split",
]

FORMAT = 1


class Option(Entry):
    """An option on the ballot: a party, a candidate, an answer."""

    id: Identifier
    name: str
    colour: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    main: bool = True
    """Whether it is a main contender, of whom zero votes on a sheet are worth a question."""


class Event(Entry):
    """Something that happened at an instant: the polls closed, the publication stopped."""

    id: Identifier
    at: dt.datetime
    text: str
    kind: Literal["polls-closed", "stop", "return", "cut", "end"] | None = None
    """What a check may take it for: the polls closed; the publication stopped, returned, ended; or
    another cut between early and late sheets that was fixed before the data were looked at."""
    source: str | None = None

    @field_validator("at")
    @classmethod
    def _has_offset(cls, value: dt.datetime) -> dt.datetime:
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset, such as 2019-10-20T19:40:57-04:00")
        return value


class Origin(Entry):
    """Where a file was published, pinned: a commit and the hash of the bytes."""

    url: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int
    packed: Literal["gzip"] | None = None
    """Our copy is the published file packed so; `sha256` is of what was published."""
    licence: str | None = None


class DataFile(Entry):
    """A file of the case: where it lies in the data folder, its form, and its origin."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file as it lies in the data folder."""
    bytes: int
    origin: Origin | None = None


class Announced(Entry):
    """Totals that the authority announced, nationally or for one place.

    `path` is the place, from the outermost level inwards; empty for the whole.
    """

    count: Identifier
    path: tuple[str, ...] = ()
    totals: dict[str, int]
    """Option id, or valid, blank, null, cast, registered, sheets -> the announced number."""
    source: str


class ListUnion(Entry):
    """Lists of stations to be questioned together; a station on two of them is one station."""

    id: Identifier
    title: str
    lists: tuple[Identifier, ...] = Field(min_length=1)


class ScopeText(Entry):
    """What nobody could examine, in words, for the report."""

    not_examined: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    destroyed: tuple[str, ...] = ()


class Case(Plan):
    """One contest and the evidence about it; the declared side is in `veedor.case.plan`."""

    format: Literal[1]
    id: Identifier
    title: str
    contest: str
    date: dt.date
    timezone: str
    official: Identifier
    """The count that decides the outcome."""
    rule: dict[str, Any]
    rule_text: str = ""
    """The rule in law, with its article, in words."""
    remedy_text: str = ""
    """What the law provides for a sheet that is annulled; text only, no treatment is computed."""
    options: tuple[Option, ...] = Field(min_length=1)
    geography: tuple[str, ...] = Field(min_length=1)
    """Levels, from the outermost to the polling centre."""
    siblings: str | None = None
    """The level whose sheets are one another's siblings; the innermost when left out."""
    region: str | None = None
    """The level by which the report can be filtered; the outermost when left out."""
    events: tuple[Event, ...] = ()
    files: tuple[DataFile, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)
    unions: tuple[ListUnion, ...] = ()
    announced: tuple[Announced, ...] = ()
    plans: tuple[str, ...] = ()
    """Files beside the case, in TOML, that hold more of its declared side."""
    scope: ScopeText = ScopeText()
    notes: tuple[str, ...] = ()
    extra_voters: bool = False
    """The law lets people vote who are not on the station's list (officials, say)."""
    compulsory: bool = False
    """Voting is compulsory."""
    simulated: bool = False

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    _path: Path = PrivateAttr(default=Path("case.toml"))
    _sha256: str = PrivateAttr(default="")
    _rule: Rule = PrivateAttr()
    _plan_files: dict[str, tuple[str, int]] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path:
        """The case file."""
        return self._path

    @property
    def sha256(self) -> str:
        """The hash of the case file."""
        return self._sha256

    @property
    def plan_files(self) -> dict[str, tuple[str, int]]:
        """File of `plans` -> its SHA-256 and its size in bytes."""
        return dict(self._plan_files)

    @property
    def contest_rule(self) -> Rule:
        """The rule that decides the contest."""
        return self._rule

    @property
    def option_ids(self) -> tuple[str, ...]:
        """Ids of the options, in ballot order."""
        return tuple(option.id for option in self.options)

    @property
    def sibling_level(self) -> str:
        """The level whose sheets are one another's siblings."""
        return self.siblings or self.geography[-1]

    @property
    def region_level(self) -> str:
        """The level by which the report is filtered."""
        return self.region or self.geography[0]

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone of the case."""
        return zoneinfo.ZoneInfo(self.timezone)

    @property
    def cut(self) -> Event | None:
        """What parts early sheets from late ones: the stop, or else another cut of the case."""
        return self._first("stop") or self._first("cut")

    @property
    def returned(self) -> Event | None:
        """The publication's return after the stop."""
        return self._first("return")

    @property
    def polls_closed(self) -> Event | None:
        """The close of the polls."""
        return self._first("polls-closed")

    def _first(self, kind: str) -> Event | None:
        found = [event for event in self.events if event.kind == kind]
        return min(found, key=lambda event: event.at) if found else None

    def count_sources(self) -> tuple[Source, ...]:
        """The sources that record counts: the official one first, then in the case's order."""
        found = [s for s in self.sources if s.kind == "count"]
        return tuple(sorted(found, key=lambda s: s.count != self.official))

    def lists(self) -> tuple[Source, ...]:
        """The lists of stations that audits and critiques named."""
        return tuple(s for s in self.sources if s.kind == "list")

    @model_validator(mode="after")
    def _consistent(self) -> Case:
        _unique("options", [o.id for o in self.options])
        _unique("sources", [s.id for s in self.sources])
        _unlike("sources", [s.id for s in self.sources])
        _unique("geography", list(self.geography))
        options = {o.id for o in self.options}
        counts: dict[str, int] = {}
        for index, source in enumerate(self.sources):
            place = f"sources.{index} ({source.id})"
            if source.kind == "count" and source.count:
                counts[source.count] = counts.get(source.count, 0) + 1
            if source.options:
                unknown = set(source.options) - options
                if unknown:
                    raise ValueError(
                        f"{place}: maps the unknown option {sorted(unknown)[0]!r};"
                        f" the options are {', '.join(sorted(options))}"
                    )
            if source.kind == "count" and (missing := options - set(source.options)):
                raise ValueError(f"{place}: does not map the option {sorted(missing)[0]!r}")
            unknown = set(source.geography) - set(self.geography)
            if unknown:
                raise ValueError(
                    f"{place}: maps the unknown level {sorted(unknown)[0]!r};"
                    f" the levels are {', '.join(self.geography)}"
                )
            for column in {c for _, c in source.mapped()} if source.kind == "count" else set():
                uses = [k for k, c in source.mapped() if c == column and k.startswith("options.")]
                if len(uses) > 1:
                    raise ValueError(
                        f"{place}: column {column!r} is mapped to {' and '.join(uses)}"
                    )
        for event, uses_of in Counter(e.id for e in self.events).items():
            if uses_of > 1:
                raise ValueError(f"events: {event!r} stands twice")
        for source in self.sources:
            if source.kind in ("arrivals", "exports") and source.count not in counts:
                raise ValueError(
                    f"sources ({source.id}): no source records the count {source.count!r};"
                    f" the counts are {', '.join(counts) or 'none'}"
                )
        if self.official not in counts:
            raise ValueError(
                f"official: no source records the count {self.official!r};"
                f" the counts are {', '.join(counts) or 'none'}"
            )
        for count, uses_of in counts.items():
            if uses_of > 1:
                raise ValueError(f"sources: the count {count!r} is recorded by {uses_of} sources")
        official = next(s for s in self.count_sources() if s.count == self.official)
        if set(official.geography) != set(self.geography):
            missing_level = sorted(set(self.geography) - set(official.geography))[0]
            raise ValueError(
                f"sources ({official.id}): the official count maps no column to the level"
                f" {missing_level!r}"
            )
        for name in ("siblings", "region"):
            level = getattr(self, name)
            if level is not None and level not in self.geography:
                raise ValueError(f"{name}: {level!r} is not a level of geography")
        lists = {s.list_id or s.id for s in self.lists()}
        for union in self.unions:
            unknown = set(union.lists) - lists
            if unknown:
                raise ValueError(f"unions ({union.id}): unknown list {sorted(unknown)[0]!r}")
        _check_machines(self)
        if wrong := mistakes(self, {e.id for e in self.events}):
            raise ValueError("; ".join(wrong[:6]))
        fields = {"valid", "blank", "null", "cast", "registered", "sheets"}
        for entry in self.announced:
            unknown = set(entry.totals) - options - fields
            if unknown:
                raise ValueError(f"announced: unknown option {sorted(unknown)[0]!r}")
        return self


def _check_machines(case: Case) -> None:
    """Names in sources of logs and of custody that must lead somewhere."""
    trails = [s for s in case.sources if s.kind == "custody"]
    steps = {step.id for s in trails for step in s.steps}
    if trails and all(s.steps for s in trails):
        for step in (s for pair in case.custody.order for s in pair):
            if step not in steps:
                raise ValueError(
                    f"custody.order: no source has the step {step!r}{_near(step, steps)}"
                )
    if not case.hosts or any(s.kind == "inventory" for s in case.sources):
        return
    names = {n.lower() for h in case.hosts for n in (h.id, *h.names)}
    for source in case.sources:
        host = source.of_host
        if host and not is_address(host) and host.lower() not in names:
            raise ValueError(
                f"sources ({source.id}): of_host {host!r} is no declared host{_near(host, names)};"
                " the log of an undeclared one is named by its address"
            )


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _unique(key: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key}: {value!r} stands twice")


def _unlike(key: str, values: list[str]) -> None:
    """Refuse ids that differ in case or punctuation only: tables and files are named after them."""
    seen: dict[str, str] = {}
    for value in values:
        other = seen.setdefault("".join(c if c.isalnum() else "_" for c in value.lower()), value)
        if other != value:
            raise ValueError(
                f"{key}: {other!r} and {value!r} differ in case or punctuation only; rename one"
            )
