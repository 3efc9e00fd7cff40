"""What a case file holds: `Case`, read by `veedor.case.loading`.

A case is data, never code: the contest and its rule, the options, the levels of geography, the
events, and for every file the mapping from its columns to the canonical tables.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from veedor.case import sampling
from veedor.case.announcement import Beside
from veedor.case.entry import Entry, Identifier
from veedor.case.mistake import Mistake, MistakenError, near
from veedor.case.plan import Plan, is_address, mistakes
from veedor.case.source import Filter, Lookup, Source, Split, known_zone
from veedor.case.written import Written
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
    _announcements: dict[str, Beside] = PrivateAttr(default_factory=dict)
    _written: Written = PrivateAttr(default_factory=Written)

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
        """File of `plans`, or announcement beside it -> its SHA-256 and its size in bytes."""
        return dict(self._plan_files)

    @property
    def announcements(self) -> dict[str, Beside]:
        """Sample -> `announced.toml` beside the file in which it stands, where there is one."""
        return dict(self._announcements)

    def place(self, *keys: str | int) -> str:
        """File and line of an entry: of ("hosts", 3), say, or of a key of it."""
        return self._written.place(keys) or str(self._path)

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

    def without_scans(self) -> Case:
        """The case without its scans, for what does not look at them: reading them takes long."""
        return self.model_copy(
            update={"sources": tuple(s for s in self.sources if s.kind != "scans")}
        )

    def lists(self) -> tuple[Source, ...]:
        """The lists of stations that audits and critiques named."""
        return tuple(s for s in self.sources if s.kind == "list")

    @model_validator(mode="after")
    def _consistent(self) -> Case:
        wrong = [
            *_own_ids(self),
            *_mapped_wrongly(self),
            *_counts(self),
            *_levels(self),
            *mistakes(self, {e.id for e in self.events}),
            *_machines(self),
            *_announced(self),
            *_sampled(self),
        ]
        if wrong:
            raise MistakenError(wrong)
        return self


def _own_ids(case: Case) -> Iterator[Mistake]:
    """Ids that stand twice, or that would give two tables one name."""
    for table in ("options", "sources", "events"):
        yield from _twice(table, [entry.id for entry in getattr(case, table)])
    yield from _twice("geography", list(case.geography))
    seen: dict[str, str] = {}
    for number, source in enumerate(case.sources):
        folded = "".join(c if c.isalnum() else "_" for c in source.id.lower())
        other = seen.setdefault(folded, source.id)
        if other != source.id:
            yield Mistake(
                ("sources", number, "id"),
                f"sources: {other!r} and {source.id!r} differ in case or punctuation only;"
                " rename one",
            )


def _twice(table: str, ids: list[str]) -> Iterator[Mistake]:
    for number, name in enumerate(ids):
        if ids[:number].count(name) == 1:
            keys = (table,) if table == "geography" else (table, number, "id")
            yield Mistake(keys, f"{table}: {name!r} stands twice")


def _mapped_wrongly(case: Case) -> Iterator[Mistake]:
    """Options and levels of geography that sources map and the case lacks, or the other way."""
    options = {o.id for o in case.options}
    for number, source in enumerate(case.sources):
        place = f"sources.{number} ({source.id})"
        if unknown := sorted(set(source.options) - options):
            yield Mistake(
                ("sources", number, "options", unknown[0]),
                f"{place}: maps the unknown option {unknown[0]!r};"
                f" the options are {', '.join(sorted(options))}",
            )
        elif source.kind == "count" and (missing := sorted(options - set(source.options))):
            yield Mistake(
                ("sources", number, "options"), f"{place}: does not map the option {missing[0]!r}"
            )
        if unknown := sorted(set(source.geography) - set(case.geography)):
            yield Mistake(
                ("sources", number, "geography", unknown[0]),
                f"{place}: maps the unknown level {unknown[0]!r};"
                f" the levels are {', '.join(case.geography)}",
            )
        for column in sorted({c for _, c in source.mapped()}) if source.kind == "count" else ():
            uses = [k for k, c in source.mapped() if c == column and k.startswith("options.")]
            if len(uses) > 1:
                yield Mistake(
                    ("sources", number, "options"),
                    f"{place}: column {column!r} is mapped to {' and '.join(uses)}",
                )


def _counts(case: Case) -> Iterator[Mistake]:
    """Counts that no source records, or several; an official one without its levels."""
    recorded = [(n, s) for n, s in enumerate(case.sources) if s.kind == "count"]
    counts = [s.count for _, s in recorded if s.count]
    known = f"the counts are {', '.join(dict.fromkeys(counts)) or 'none'}"
    for number, source in enumerate(case.sources):
        if source.kind in ("arrivals", "exports") and source.count not in counts:
            yield Mistake(
                ("sources", number, "count"),
                f"sources ({source.id}): no source records the count {source.count!r}; {known}",
            )
    if case.official not in counts:
        yield Mistake(
            ("official",), f"official: no source records the count {case.official!r}; {known}"
        )
    for index, (number, source) in enumerate(recorded):
        if counts[:index].count(str(source.count)) == 1:
            yield Mistake(
                ("sources", number, "count"),
                f"sources: the count {source.count!r} is recorded by"
                f" {counts.count(str(source.count))} sources",
            )
        lacking = sorted(set(case.geography) - set(source.geography))
        if source.count == case.official and lacking:
            yield Mistake(
                ("sources", number, "geography"),
                f"sources ({source.id}): the official count maps no column to the level"
                f" {lacking[0]!r}",
            )


def _levels(case: Case) -> Iterator[Mistake]:
    """Levels and lists that are named and are none."""
    for name in ("siblings", "region"):
        level = getattr(case, name)
        if level is not None and level not in case.geography:
            yield Mistake((name,), f"{name}: {level!r} is not a level of geography")
    lists = {s.list_id or s.id for s in case.lists()}
    for number, union in enumerate(case.unions):
        for unknown in sorted(set(union.lists) - lists)[:1]:
            yield Mistake(
                ("unions", number, "lists"),
                f"unions ({union.id}): unknown list {unknown!r}{near(unknown, lists)}",
            )


def _machines(case: Case) -> Iterator[Mistake]:
    """Names in sources of logs and of custody that must lead somewhere."""
    trails = [s for s in case.sources if s.kind == "custody"]
    steps = {step.id for s in trails for step in s.steps}
    if trails and all(s.steps for s in trails):
        for step in dict.fromkeys(s for pair in case.custody.order for s in pair):
            if step not in steps:
                yield Mistake(
                    ("custody", "order"),
                    f"custody.order: no source has the step {step!r}{near(step, steps)}",
                )
    if not case.hosts or any(s.kind == "inventory" for s in case.sources):
        return
    names = {n.lower() for h in case.hosts for n in (h.id, *h.names)}
    for number, source in enumerate(case.sources):
        host = source.of_host
        if host and not is_address(host) and host.lower() not in names:
            yield Mistake(
                ("sources", number, "of_host"),
                f"sources ({source.id}): of_host {host!r} is no declared host, and the log of an"
                f" undeclared one is named by its address{near(host, names)}",
            )


def _sampled(case: Case) -> Iterator[Mistake]:
    """Samples, and answers on their sheets, that name what is not there."""
    counts = [s.count for s in case.count_sources() if s.count]
    yield from sampling.mistakes(case.samples, counts, case.geography)
    asked = {sample.id: {q.id for q in sample.questions} for sample in case.samples}
    for number, source in enumerate(case.sources):
        if source.kind not in ("examined", "showings"):
            continue
        name = source.sample or ""
        if name not in asked:
            yield Mistake(
                ("sources", number, "sample"),
                f"sources ({source.id}): no sample {name!r}; there are {_list(asked)}"
                f"{near(name, asked)}",
            )
            continue
        for question in sorted(set(source.answers) - asked[name]):
            yield Mistake(
                ("sources", number, "answers"),
                f"sources ({source.id}): the sample {name!r} asks no {question!r};"
                f" it asks {_list(asked[name])}{near(question, asked[name])}",
            )


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _announced(case: Case) -> Iterator[Mistake]:
    """Totals that were announced of no option of the case."""
    fields = {"valid", "blank", "null", "cast", "registered", "sheets", *case.option_ids}
    for number, entry in enumerate(case.announced):
        for unknown in sorted(set(entry.totals) - fields)[:1]:
            yield Mistake(
                ("announced", number, unknown),
                f"announced: unknown option {unknown!r}{near(unknown, fields)}",
            )
