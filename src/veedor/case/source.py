"""A source of a case: one file and how its columns map to the canonical tables."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import zoneinfo
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]
"""One column name or several; several are summed (votes) or joined (keys)."""

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
]


class Entry(BaseModel):
    """An entry of the case file: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    format: Literal["delimited", "parquet", "excel"]
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
    """Log, publications: the column with the instant, or several (a date and a time) joined."""
    instant_format: str = "iso"
    """How instants are written: iso, or a pattern of strptime such as %d/%m/%Y %H:%M:%S."""
    zone: str | None = None
    """The time zone of instants written without an offset; the case's when left out."""
    actor: str | None = None
    """Log: the column with the operator. It is kept as a code, never as it is written."""
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
        if self.kind == "history" and self.match == "key" and not self.key:
            raise ValueError("a history source matched by key needs `key`")
        return self

    def paths(self) -> tuple[str, ...]:
        """Every file that it reads: its own, and those of its lookups."""
        own = self.files if self.kind == "exports" else (self.file,)
        return (*own, *(lookup.file for lookup in self.lookup))

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
        for option, columns in self.options.items():
            for column in columns:
                yield f"options.{option}", column
        for name in ("registered", "blank", "null"):
            for column in getattr(self, name):
                yield name, column
        for column in self.instant:
            yield "instant", column
        for part in self.split:
            yield "split", part.column
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
        )
        for name in single:
            if column := getattr(self, name):
                yield name, column
        for entry in self.only:
            yield "only", entry.column
        if self.counted:
            yield "counted", self.counted.column


def known_zone(value: str) -> str:
    """The name of a time zone; an error that names the nearest ones where there is none."""
    if value not in zoneinfo.available_timezones():
        near = difflib.get_close_matches(value, sorted(zoneinfo.available_timezones()), n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"{value!r} is no time zone{hint}")
    return value
