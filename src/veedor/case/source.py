"""A source of a case: one file and how its columns map to the canonical tables."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Iterator
from typing import Literal, get_args

from pydantic import Field, PrivateAttr, field_validator, model_validator

from veedor.case.entry import Entry, Identifier, Names
from veedor.case.mistake import near
from veedor.case.tables import KINDS_OF_LINES

Kind = Literal[
    "count",
    "stations",
    "list",
    "history",
    "log",
    "publications",
    "states",
    "arrivals",
    "exports",
    "flows",
    "log-lines",
    "custody",
    "inventory",
    "hashes",
    "examined",
    "showings",
    "scans",
]

TABULAR = ("delimited", "parquet", "excel")
"""Formats in which a file is a table, whose columns the case maps."""

Format = Literal[
    "delimited",
    "parquet",
    "excel",
    "zeek",
    "nfdump",
    "pcap",
    "access-log",
    "iis",
    "syslog",
    "evtx",
    "postgresql",
    "mysql",
    "timesketch",
]

MACHINES = ("flows", "log-lines")
"""Kinds that machines recorded: they are streamed, and a broken line is counted."""

_FLOWS_ONLY = ("nfdump", "pcap")
FORMATS: dict[str, tuple[str, ...]] = {
    "flows": ("zeek", *_FLOWS_ONLY, *TABULAR),
    "log-lines": tuple(name for name in get_args(Format) if name not in _FLOWS_ONLY),
}
"""Formats of the kinds that machines recorded; every other kind is a table."""

FIELDS: dict[str, tuple[str, ...]] = {
    "flows": (
        *("duration", "src", "sport", "dst", "dport", "proto", "service"),
        *("bytes_out", "bytes_in", "packets", "name", "key", "sensor", "uid"),
    ),
    "log-lines": (
        *("host", "kind", "actor", "address", "object", "station", "before", "after"),
        *("session", "sequence", "status", "key", "program", "message"),
    ),
    "custody": ("step", "actor", "taker", "host", "place", "seal", "bundle"),
    "inventory": (
        *("id", "role", "title", "addresses", "names", "keys", "place", "overseer", "monitor"),
        *("valid_from", "valid_to"),
    ),
    "hashes": ("item", "sha256", "host"),
    "scans": ("file", "sha256", "page"),
}
"""Kind -> what `fields` may map; see `veedor.case.tables` for what each is."""

PARTS = ("station", "before", "after", "session", "sequence", "actor", "object", "address", "host")
"""What a `pattern` may take out of a line."""


class Step(Entry):
    """A step of a custody trail in a file with one row a sheet: the columns that tell of it."""

    id: Identifier
    instant: Names = ()
    actor: str | None = None
    """Column with who took the step. It is kept as a code, never as it is written."""
    host: str | None = None
    place: str | None = None
    seal: str | None = None


class Lookup(Entry):
    """Columns added from another file, where the columns named by `on` agree."""

    file: str
    on: dict[str, str]
    """Column of the source -> column of this file."""
    encoding: str = "utf-8"
    separator: str = ","
    escape: str = '"'


class Filter(Entry):
    """Rows of a file that belong to the source: those with one of these values in the column."""

    column: str
    values: tuple[str, ...]


class Split(Entry):
    """Columns taken out of one by a pattern: each named group becomes a column of that name."""

    column: str
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, value: str) -> str:
        try:
            groups = re.compile(value).groupindex
        except re.error as error:
            raise ValueError(f"no regular expression ({error})") from error
        if not groups:
            raise ValueError("name the parts, as in ^(?P<place>.+)(?P<number>[0-9]{2})$")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it makes."""
        return tuple(re.compile(self.pattern).groupindex)


class Source(Entry):
    """One file (or one part of one) and how its columns map to the canonical tables.

    Columns of the file that are neither mapped nor named by a pattern in `ignore` are an error:
    nothing is lost by oversight.
    """

    id: Identifier
    kind: Kind
    file: str = ""
    files: tuple[str, ...] = ()
    """Exports: the successive files of one running count, in place of `file`."""
    format: Format
    member: str | None = None
    """The member of a zip archive; may be left out where there is only one."""
    sheet: str | None = None
    """The worksheet of an excel file; the first when left out."""
    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    escape: str = '"'
    """What stands before a quote inside a quoted cell: another quote, or a backslash."""
    header: int = Field(default=1, ge=1)
    """The line (or the row of the worksheet) that holds the column names, counted from 1."""
    key: Names = ()
    """The columns that make up the station's official code."""
    strip: str = ""
    """Characters taken off both ends of every cell, such as the apostrophe of spreadsheets."""
    only: tuple[Filter, ...] = ()
    """Rows to read; others belong to another contest, say, and are counted as out of scope."""
    split: tuple[Split, ...] = ()
    lookup: tuple[Lookup, ...] = ()
    ignore: tuple[str, ...] = ()
    """Patterns (`*` and `?`) of columns that are deliberately not used."""

    optional: bool = False
    """The audit goes on without it where its file cannot be had, and says so."""

    count: Identifier | None = None
    """The count that this source records (kind count)."""
    role: Literal["official", "preliminary", "copy"] = "preliminary"
    """Count: the binding one, a preliminary publication, or an independent copy or reading."""
    at: dt.datetime | None = None
    """The instant of the publication, where the count is one of several snapshots."""
    geography: dict[str, str] = Field(default_factory=dict)
    """Level of geography -> column."""
    options: dict[str, Names] = Field(default_factory=dict)
    """Option id -> the column with its votes, or several that are summed."""
    registered: Names = ()
    blank: Names = ()
    null: Names = ()
    declared_valid: str | None = None
    """The total of valid votes that the sheet itself states."""
    declared_cast: str | None = None
    """The number of votes (or voters) that the sheet itself states."""
    reason: str | None = None
    """Column with the authority's remark or reason code."""
    reasons_clear: tuple[str, ...] = ("", "-")
    """Values of that column that mean: nothing to remark."""
    counted: Filter | None = None
    """Sheets that the authority counted; others are kept and reported, and not in the totals."""
    thousands: str = Field(default="", max_length=1)
    """The separator of thousands in the file's numbers, if it has one. Without it, a cell such as
    1.000 could be one or a thousand, and is reported as not read."""
    words: dict[str, str] = Field(default_factory=dict)
    """Word found in a numeric cell -> what it means (illegible, no-data, no-sheet, ...)."""
    blank_cell: Literal["empty", "zero"] = "empty"
    """What an empty numeric cell means here: left empty (kept apart from 0), or zero."""
    latitude: str | None = None
    longitude: str | None = None
    place_class: str | None = None
    """Column with a class of the place: urban, rural, external, ..."""

    match: Literal["key", "geography"] = "key"
    """How rows are joined to stations: by official code, or by normalised names of the path (an
    earlier election by its places; arrivals by place and `ordinal`)."""
    election: str | None = None
    """History: which earlier election, in words."""
    level: str | None = None
    """History: the level of geography at which it is joined; the centre when left out."""

    list_id: Identifier | None = None
    title: str | None = None
    """List: what these stations have in common, in words."""
    claim: str | None = None
    """List: who named them and why."""
    reference: str | None = None
    lost: bool = False
    """List: the originals of these sheets were destroyed or are missing."""

    stage: Identifier | None = None
    """Log: the step of the process that each line records, such as received or verified."""
    instant: Names = ()
    """Log, publications, showings: the column with the instant, or several (a date and a time)
    joined."""
    instant_format: str = "iso"
    """How instants are written: iso, or a pattern of strptime such as %d/%m/%Y %H:%M:%S."""
    zone: str | None = None
    """The time zone of instants written without an offset; the case's when left out."""
    actor: str | None = None
    """Log, examined, showings: the column with the operator or examiner, kept as a code, never as
    it is written."""
    host: str | None = None
    """Log: the column with the machine."""
    sheets: str | None = None
    """Publications: the column with how many sheets the published totals hold."""
    received: str | None = None
    """Publications: the column with how many sheets had been received."""
    state: str | None = None
    """States: the state in which these sheets were left, where the file has no column of it."""
    state_column: str | None = None
    """States: the column with the state of each sheet."""
    remark: str | None = None
    """States: a column of free text. Whether it is filled is kept, its words are not."""
    low: str | None = None
    """Arrivals: the column with the lower end of the bracket, in per cent of publication."""
    high: str | None = None
    """Arrivals: the column with its upper end."""
    ordinal: str | None = None
    """Arrivals matched by geography: the column with the station's number within its centre."""
    name_instant: str | None = None
    """Exports: the pattern of strptime by which a file's name, without its suffix, tells when it
    was exported."""

    fields: dict[str, str] = Field(default_factory=dict)
    """Flows, log lines, custody, inventory, hashes, scans: canonical column -> column of a
    table."""
    steps: tuple[Step, ...] = ()
    """Custody: the steps, where a row holds the whole trail of a sheet."""
    of_host: str | None = None
    """Log lines: the host whose log it is, by its id or as it calls itself, where the lines do not
    say."""
    year: int | None = Field(default=None, ge=1970, le=2200)
    """Log lines: the year of the first line, where stamps have none; when left out, the year that
    puts the log nearest to the day of the election."""
    pattern: str | None = None
    """Log lines: a regular expression that takes named parts out of a line's message, such as
    acta/(?P<station>[0-9]+); named groups are canonical columns."""
    sample: Identifier | None = None
    """Examined, showings: the sample whose sheets were examined."""
    answers: dict[str, str] = Field(default_factory=dict)
    """Examined: question of the sample -> the column with the answers."""
    votes_shown: str | None = None
    """Examined: the column that says, by yes or no, whether the sheet's votes had been shown to the
    examiner before the entry."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """Log lines: what a line is -> a regular expression on its message, before the reader's own."""
    images: str = ""
    """Scans: the zip archive, or the folder, with the pictures that the file names row by row. The
    keys `options`, `registered`, `blank`, `null`, `declared_valid` and `declared_cast` then name
    fields of the templates in place of columns."""
    templates: Names = ()
    """Scans: the files that describe the printed forms."""

    _around: dt.date | None = PrivateAttr(default=None)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return value if value is None else known_zone(value)

    @field_validator("instant_format", "name_instant")
    @classmethod
    def _whole_clock(cls, value: str | None) -> str | None:
        if value is not None and "%I" in value and "%p" not in value:
            raise ValueError(
                "%I is a clock of twelve hours, and without %p it does not say which half of the"
                " day: the order of such stamps is not known"
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Source:
        need = {
            "count": ("count", "key", "options"),
            "stations": ("key",),
            "list": ("key", "title"),
            "history": ("options", "election"),
            "log": ("key", "stage", "instant"),
            "publications": ("instant", "sheets"),
            "states": ("key",),
            "arrivals": ("count", "low", "high"),
            "exports": ("count", "key", "options", "files", "name_instant"),
            "flows": (),
            "log-lines": (),
            "custody": ("key",),
            "inventory": ("fields",),
            "hashes": ("fields", "instant"),
            "examined": ("key", "sample", "answers"),
            "showings": ("key", "sample", "instant"),
            "scans": ("key", "fields", "images", "templates"),
        }[self.kind]
        if self.kind != "exports" and not self.file:
            need = ("file", *need)
        if self.kind == "states" and not (self.state or self.state_column):
            raise ValueError("a source of kind 'states' needs `state` or `state_column`")
        if self.kind == "arrivals" and not (self.key or (self.geography and self.ordinal)):
            raise ValueError(
                "a source of kind 'arrivals' needs `key`, or `geography` and `ordinal`"
            )
        for name in need:
            if not getattr(self, name):
                raise ValueError(f"a source of kind {self.kind!r} needs `{name}`")
        self._scans()
        self._machines()
        if self.kind == "history" and self.match == "key" and not self.key:
            raise ValueError("a history source matched by key needs `key`")
        return self

    def _machines(self) -> None:
        """What holds for flows, log lines and the other records of machines and custody."""
        allowed = FORMATS.get(self.kind, TABULAR)
        if self.format not in allowed:
            raise ValueError(
                f"a source of kind {self.kind!r} is not of format {self.format!r};"
                f" it can be {', '.join(allowed)}"
            )
        known = FIELDS.get(self.kind, ())
        if unknown := sorted(set(self.fields) - set(known)):
            raise ValueError(
                f"`fields` of a source of kind {self.kind!r} has no {unknown[0]!r};"
                f" it has {', '.join(known) or 'none'}"
            )
        if self.kind in MACHINES and self.format in TABULAR and not self.instant:
            raise ValueError("a table of flows or log lines needs `instant`")
        if self.kind == "flows" and self.format in TABULAR and not {"src", "dst"} <= {*self.fields}:
            raise ValueError("a table of flows needs `fields` with src and dst")
        if self.kind == "custody" and bool(self.steps) == ("step" in self.fields):
            raise ValueError(
                "a custody trail needs `steps` (a row a sheet), or `fields` with step and"
                " `instant` (a row a handover)"
            )
        if odd := sorted(set(self.kinds) - set(KINDS_OF_LINES)):
            raise ValueError(f"`kinds` has no class {odd[0]!r}{near(odd[0], KINDS_OF_LINES)}")
        patterns: list[tuple[str, str | None]] = [("pattern", self.pattern), *self.kinds.items()]
        for name, expression in patterns:
            if expression is None:
                continue
            try:
                groups = re.compile(expression).groupindex
            except re.error as error:
                raise ValueError(f"{name}: no regular expression ({error})") from error
            if name == "pattern" and (not groups or set(groups) - set(PARTS)):
                raise ValueError(f"pattern: name its parts, from {', '.join(PARTS)}")

    def _scans(self) -> None:
        """What holds for scans, and for them alone."""
        if self.kind != "scans":
            if self.images or self.templates:
                raise ValueError("`images` and `templates` are for sources of kind 'scans'")
            return
        if "file" not in self.fields:
            raise ValueError("`fields` of scans needs file, the column with each picture's name")
        if len(set(self.templates)) < len(self.templates):
            raise ValueError("`templates` names one file twice")
        used: dict[str, str] = {}
        for name, ids in self.on_form().items():
            for one in ids:
                if used.setdefault(one, name) != name:
                    raise ValueError(
                        f"the field {one!r} of the form is named for {used[one]} and for {name}"
                    )

    def on_form(self) -> dict[str, tuple[str, ...]]:
        """Scans: option id, or registered, blank, null, declared_valid, declared_cast -> fields of
        the templates that hold it. Forms may call it by different names, each by one.
        """
        single = {n: getattr(self, n) for n in ("declared_valid", "declared_cast")}
        named = {
            **self.options,
            **{n: getattr(self, n) for n in ("registered", "blank", "null")},
            **{n: (field,) for n, field in single.items() if field},
        }
        return {name: tuple(ids) for name, ids in named.items() if ids}

    def near(self, day: dt.date) -> Source:
        """The source with a day near which the stamps lie, where they have no year and the case
        states none.
        """
        made = self.model_copy()
        made._around = day if self.year is None else None
        return made

    @property
    def around(self) -> dt.date | None:
        """The day near which stamps without a year lie; None where a year is stated."""
        return self._around

    def paths(self) -> tuple[str, ...]:
        """Every file that it reads: its own, those of its lookups, pictures and templates."""
        own = self.files if self.kind == "exports" else (self.file,)
        pictures = (self.images, *self.templates) if self.kind == "scans" else ()
        return (*own, *pictures, *(lookup.file for lookup in self.lookup))

    def parts(self) -> tuple[Source, ...]:
        """One source for each file: successive exports apart, any other source as it is."""
        if self.kind != "exports":
            return (self,)
        return tuple(
            self.model_copy(update={"id": f"{self.id}-{number}", "file": path, "files": ()})
            for number, path in enumerate(self.files, 1)
        )

    def mapped(self) -> Iterator[tuple[str, str]]:
        """Each pair of key in the case file and column of the data file that it names."""
        for column in self.key:
            yield "key", column
        for level, column in self.geography.items():
            yield f"geography.{level}", column
        form = self.kind == "scans"
        for option, columns in () if form else self.options.items():
            for column in columns:
                yield f"options.{option}", column
        for name in () if form else ("registered", "blank", "null"):
            for column in getattr(self, name):
                yield name, column
        for column in self.instant:
            yield "instant", column
        for part in self.split:
            yield "split", part.column
        for name, column in self.fields.items():
            yield f"fields.{name}", column
        for name, column in self.answers.items():
            yield f"answers.{name}", column
        for step in self.steps:
            for used in (*step.instant, step.actor, step.host, step.place, step.seal):
                if used:
                    yield f"steps.{step.id}", used
        single = (
            "actor",
            "host",
            "sheets",
            "received",
            "state_column",
            "remark",
            "low",
            "high",
            "ordinal",
            "declared_valid",
            "declared_cast",
            "reason",
            "latitude",
            "longitude",
            "place_class",
            "votes_shown",
        )
        for name in single:
            if (column := getattr(self, name)) and not (form and name.startswith("declared")):
                yield name, column
        for entry in self.only:
            yield "only", entry.column
        if self.counted:
            yield "counted", self.counted.column


def known_zone(value: str) -> str:
    """The name of a time zone; an error that names the nearest ones where there is none."""
    if value not in zoneinfo.available_timezones():
        raise ValueError(f"{value!r} is no time zone{near(value, zoneinfo.available_timezones())}")
    return value
