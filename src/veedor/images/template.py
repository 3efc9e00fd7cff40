"""A template: where on a printed form the fields lie, what must add up, and what nobody may see.

All places are in millimetres from the upper left corner of the page, `x` to the right and `y` down.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from veedor.case.entry import Entry, Identifier, Names
from veedor.errors import VeedorError

__all__ = [
    "Area",
    "Code",
    "Fiducial",
    "FormField",
    "Page",
    "Private",
    "Sum",
    "Template",
    "load_template",
]

FORMAT: Literal[1] = 1


class Area(Entry):
    """A rectangle on the page, in millimetres."""

    x: float = Field(ge=0)
    y: float = Field(ge=0)
    width: float = Field(gt=0)
    height: float = Field(gt=0)

    @property
    def rectangle(self) -> tuple[float, float, float, float]:
        """Left, top, width and height."""
        return self.x, self.y, self.width, self.height

    def meets(self, other: Area) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


class Page(Entry):
    """The size of the printed page, in millimetres."""

    width: float = Field(gt=0)
    height: float = Field(gt=0)


class Fiducial(Entry):
    """A solid mark printed for finding the page again: its centre and its size."""

    kind: Literal["square", "disc"] = "square"
    x: float = Field(ge=0)
    y: float = Field(ge=0)
    size: float = Field(gt=0)


class Code(Area):
    """Where a bar code or a square code is printed, and what in its text names the station."""

    pattern: str = r"(?P<station>.+)"
    """A regular expression; the group `station` is the official code."""


class FormField(Area):
    """A field of digits on the form: one box for each, of equal width, or their places one by one.

    `x`, `y`, `width` and `height` are those of the whole row of boxes.
    """

    id: Identifier
    digits: int = Field(ge=1, le=8)
    gap: float = Field(default=0, ge=0)
    """Space between neighbouring boxes."""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    """Left, top, width and height of each box, where they are not a plain row."""
    printed: Literal["boxes", "line", "guides", "none"] = "boxes"
    """What is printed around the digits: a frame for each, a line below, a frame with grey guides,
    nothing."""
    by: Literal["clerk", "delegate"] = "clerk"
    """Who is meant to write it: whoever fills the sheet, or a party's delegate."""
    kind: Literal["count", "time", "other"] = "count"
    """Counts of votes or voters; other writing in digits serves for comparing hands alone."""

    @model_validator(mode="after")
    def _as_many(self) -> FormField:
        if self.boxes and len(self.boxes) != self.digits:
            raise ValueError(f"`boxes` has {len(self.boxes)} and `digits` is {self.digits}")
        if self.gap * (self.digits - 1) >= self.width:
            raise ValueError("`gap` leaves the boxes no width")
        return self

    @property
    def cells(self) -> NDArray[np.float64]:
        """The boxes from the left: (digits, 4) of left, top, width, height, in millimetres."""
        if self.boxes:
            return np.array(self.boxes, dtype=np.float64)
        width = (self.width - self.gap * (self.digits - 1)) / self.digits
        lefts = self.x + np.arange(self.digits) * (width + self.gap)
        rest = np.tile([self.y, width, self.height], (self.digits, 1))
        return np.column_stack([lefts, rest])


class Sum(Entry):
    """Fields that the form itself says add up to another."""

    total: Identifier
    parts: Names = Field(min_length=1)


class Private(Area):
    """A part of the form with names, numbers of identity, signatures or fingerprints."""

    what: str = "personal data"


class Template(Entry):
    """One printed form.

    Attributes
    ----------
    blank : file name, beside the template
        A picture of the empty form; needed where the form has fewer than four fiducials.
    fillers : marks, of dash, dot, cross, line
        What the rules let people write in a box without a digit: a filler then stands for nothing
        before the first digit, and for zero where a field has no digit.
    """

    format: Literal[1] = FORMAT
    id: Identifier
    title: str = ""
    blank: str | None = None
    page: Page
    fiducials: tuple[Fiducial, ...] = ()
    codes: tuple[Code, ...] = ()
    fields: tuple[FormField, ...] = Field(min_length=1)
    sums: tuple[Sum, ...] = ()
    private: tuple[Private, ...] = ()
    fillers: tuple[Literal["dash", "dot", "cross", "line"], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Template:
        names = [f.id for f in self.fields]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"two fields are named {twice[0]!r}")
        for entry in self.sums:
            for name in (entry.total, *entry.parts):
                if name not in names:
                    raise ValueError(f"a sum names {name!r}, which is no field")
            if entry.total in entry.parts:
                raise ValueError(f"{entry.total!r} is a part of its own sum")
        for area in (*self.fields, *self.codes, *self.private):
            beyond = area.x + area.width > self.page.width + 0.01
            if beyond or area.y + area.height > self.page.height + 0.01:
                name = getattr(area, "id", "an area")
                raise ValueError(f"{name} ({area.rectangle}) reaches beyond the page")
        if len(self.fiducials) < 4 and self.blank is None:
            raise ValueError("a form without four fiducials needs `blank`, a picture of it empty")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the fields, in the form's order."""
        return tuple(f.id for f in self.fields)

    @property
    def cells(self) -> NDArray[np.float64]:
        """All boxes, field by field: (boxes, 4) of left, top, width, height, in millimetres."""
        return np.concatenate([f.cells for f in self.fields])

    @property
    def owner(self) -> NDArray[np.int64]:
        """For each box of `cells`, the position of its field."""
        return np.repeat(np.arange(len(self.fields)), [f.digits for f in self.fields])

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says, for telling readings by other templates apart."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def hidden(self) -> frozenset[str]:
        """Ids of the fields that lie, in part at least, where something is private."""
        return frozenset(f.id for f in self.fields if any(map(f.meets, self.private)))

    def field(self, name: str) -> FormField:
        """The field of that id; KeyError where there is none."""
        for one in self.fields:
            if one.id == name:
                return one
        raise KeyError(name)


def load_template(path: Path | str) -> Template:
    """A template from its TOML file.

    Raises
    ------
    VeedorError
        The file is not there, is no TOML, or describes no form; names the file and the key.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VeedorError(
            f"this template cannot be read ({error.strerror})",
            place=str(path),
            remedy="Name the TOML file that describes the form.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VeedorError(f"this template is no TOML ({error})", place=str(path)) from error
    try:
        return Template.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the template"
        what = first["msg"].removeprefix("Value error, ")
        raise VeedorError(
            f"{key} is missing: this describes no form"
            if first["type"] == "missing"
            else f"{key}: {what}",
            place=str(path),
            remedy="See docs/images.md for what a template holds.",
        ) from error
