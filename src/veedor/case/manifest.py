"""The case file: `case.toml` read into a `Case`.

A case is data, never code: the contest and its rule, the options, the levels of geography, the
events, and for every file the mapping from its columns to the canonical tables. A mistake in it
is named with its key and, where it can be found, its line.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import re
import tomllib
import zoneinfo
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from veedor.case.plan import (
    TABLES,
    AllowedPath,
    ClientGroup,
    Contingency,
    Delivered,
    Entry,
    Expectation,
    Freeze,
    Host,
    Identifier,
    Plan,
    PlannedStop,
    Statement,
    User,
    Withheld,
    is_address,
    mistakes,
)
from veedor.case.source import Filter, Lookup, Source, Split, Step, known_zone
from veedor.contest import Rule, rule_from
from veedor.errors import CaseError

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
    "load_case",
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


def load_case(path: Path | str) -> Case:
    """Read and validate a case file.

    Parameters
    ----------
    path : path
        `case.toml`, or the folder that holds it.

    Raises
    ------
    CaseError
        Where the file cannot be read, is not TOML, or does not describe a case: the message
        names the key, its line where it can be found, and what was expected.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "case.toml"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CaseError(
            f"the case file cannot be read ({error.strerror})",
            place=str(path),
            remedy="Give the path of a case.toml, or a name that `veedor data list` shows.",
        ) from error
    try:
        text = raw.decode("utf-8")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise CaseError(
            f"not UTF-8 (byte {error.start})", place=str(path), remedy="Save the file as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"not TOML: {error}", place=str(path)) from error
    plans = _add_plans(data, path)
    try:
        case = Case.model_validate(data)
    except ValidationError as error:
        raise _explain(error, text, path) from error
    case._path = path
    case._sha256 = hashlib.sha256(raw).hexdigest()
    case._plan_files = plans
    parameters = {k: v for k, v in case.rule.items() if k != "kind"}
    kind = case.rule.get("kind")
    if not isinstance(kind, str):
        raise CaseError(
            "the rule has no kind",
            place=_place(path, text, "rule", []),
            remedy='Add, say, kind = "plurality".',
        )
    try:
        case._rule = rule_from(kind, parameters, case.option_ids)
    except CaseError as error:
        place = error.place or _place(path, text, "rule", [])
        raise CaseError(error.message, place=place, remedy=error.remedy) from error
    return case


def _add_plans(data: dict[str, Any], path: Path) -> dict[str, tuple[str, int]]:
    """Add the entries of the plan files to those of the case; the hash and size of each file."""
    names = data.get("plans", ())
    found: dict[str, tuple[str, int]] = {}
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return found
    for name in names:
        place = path.parent / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise CaseError(
                f"`plans` names {name!r}, which does not lie beside the case file",
                place=str(path),
                remedy="Copy it into the folder of the case file.",
            )
        try:
            raw = place.read_bytes()
            text = raw.decode("utf-8")
            more = tomllib.loads(text)
        except OSError as error:
            raise CaseError(
                f"this file of `plans` cannot be read ({error.strerror})",
                place=str(place),
                remedy="Plan files lie beside the case file; mend the name.",
            ) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CaseError(f"not TOML in UTF-8: {error}", place=str(place)) from error
        try:
            Plan.model_validate(more)
        except ValidationError as error:
            raise _explain(error, text, place) from error
        for table in TABLES:
            if table in more:
                data[table] = [*data.get(table, ()), *more[table]]
        if "custody" in more:
            if "custody" in data:
                raise CaseError(
                    "the order of custody is given twice",
                    place=str(place),
                    remedy="Keep one `custody`, in the case file or in one plan file.",
                )
            data["custody"] = more["custody"]
        found[name] = (hashlib.sha256(raw).hexdigest(), len(raw))
    return found


def _explain(error: ValidationError, text: str, path: Path) -> CaseError:
    lines = []
    place = str(path)
    details = error.errors(include_url=False)
    inner = {str(d["loc"][0]) for d in details if len(d["loc"]) > 1}
    details = [d for d in details if len(d["loc"]) != 1 or str(d["loc"][0]) not in inner]
    for number, detail in enumerate(details):
        keys = [str(part) for part in detail["loc"]]
        where = ".".join(keys)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"this key is not known{_did_you_mean(keys[-1])}"
        if number == 0:
            place = _place(path, text, keys[0] if keys else "", keys)
        lines.append(f"{where}: {message}" if where else message)
    more = f" (and {len(lines) - 6} more)" if len(lines) > 6 else ""
    return CaseError("; ".join(lines[:6]) + more, place=place, remedy="Mend the case file.")


def _did_you_mean(key: str) -> str:
    entries = (
        *(Case, Source, Option, Event, Announced, Lookup, Filter, Split, ListUnion, ScopeText),
        *(Step, Host, ClientGroup, AllowedPath, Contingency, Freeze, User, PlannedStop),
        *(Delivered, Withheld, Statement, Expectation),
    )
    known = sorted({name for entry in entries for name in entry.model_fields})
    near = difflib.get_close_matches(key, known, n=2)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _place(path: Path, text: str, first: str, keys: list[str]) -> str:
    """`path:line` of the key, as well as a reading of the text can tell."""
    lines = text.splitlines()
    number = 0
    index = next((int(k) for k in keys if k.isdigit()), None)
    table = re.compile(rf"^\s*\[\[?{re.escape(first)}\b")
    heads = [n for n, line in enumerate(lines) if table.match(line)]
    arrays = [n for n in heads if lines[n].strip().startswith(f"[[{first}]]")]
    if index is not None and index < len(arrays):
        number = arrays[index]
    elif heads:
        number = heads[0]
    last = next((k for k in reversed(keys) if not k.isdigit()), first)
    pattern = re.compile(rf"^\s*\"?{re.escape(last)}\"?\s*=")
    for n in range(number, len(lines)):
        if pattern.match(lines[n]):
            return f"{path}:{n + 1}"
    return f"{path}:{number + 1}" if heads else str(path)
