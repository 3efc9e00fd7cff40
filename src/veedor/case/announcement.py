"""What was announced of a draw before its ceremony: `announced.toml`, beside the sample's file."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from veedor.case.entry import Entry, Identifier
from veedor.case.sampling import Sample
from veedor.stats.draws import composed

__all__ = ["ANNOUNCED", "Announcement", "Beside", "beside", "form_of_words"]

ANNOUNCED = "announced.toml"
DIGIT = "#"
"""What stands for one digit in the form of the words."""
OPTIONS = ("id", "selection", "size", "strata", "clusters", "within", "weights", "most_ballots")
"""Keys of a sample on which its draw hangs, and by which it is known."""


def form_of_words(value: str) -> str:
    """A form of words; ValueError where it leaves nothing open, or more than can be seen."""
    if DIGIT not in value:
        raise ValueError("has no # for a digit: nothing is left to chance")
    if value.splitlines() != [value]:
        raise ValueError("has a line break: write the words on one line")
    if value.strip() != value:
        raise ValueError("begins or ends with a blank, which nobody sees")
    return value


class Announcement(Entry):
    """How many sheets are to be drawn, from which, and how."""

    id: Identifier
    title: str = ""
    """For readers; the draw does not hang on it."""
    count: Identifier
    """The count whose sheets are drawn."""
    sheets: int = Field(ge=1)
    """Sheets of the frame."""
    frame_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of `frame.csv`."""
    selection: Literal["simple", "stratified", "clustered", "proportional"]
    size: int = Field(ge=1)
    strata: str | None = None
    clusters: str | None = None
    within: int | None = Field(default=None, ge=1)
    weights: Literal["registered", "risk"] | None = None
    most_ballots: int | None = Field(default=None, ge=1)
    words_like: str | None = None
    """The form of the ceremony's words, in which `#` alone is open: one digit, 0 to 9."""

    @field_validator("words_like")
    @classmethod
    def _open(cls, value: str | None) -> str | None:
        return None if value is None else form_of_words(value)

    @classmethod
    def of(
        cls, sample: Sample, sheets: int, frame_sha256: str, words_like: str | None
    ) -> Announcement:
        """What there is to announce of a sample."""
        about = {name: getattr(sample, name) for name in OPTIONS}
        return cls.model_validate(
            about
            | {"title": sample.title, "count": sample.frame, "sheets": sheets}
            | {"frame_sha256": frame_sha256, "words_like": words_like}
        )

    @classmethod
    def parse(cls, raw: bytes) -> Announcement:
        """From the bytes of a file; ValueError where they are no announcement."""
        return cls.model_validate(tomllib.loads(raw.decode("utf-8")))

    def text(self) -> str:
        """As TOML, with what a reader has to know. JSON strings and numbers are TOML too."""
        lines = ["# To be drawn after a public ceremony; published before it, with frame.csv."]
        if self.words_like is None:
            lines += [
                "# No form of the words is announced (`words_like`): whoever writes them down can",
                "# choose among spellings, and with each among other sheets.",
            ]
        about = self.model_dump(exclude_none=True)
        lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in about.items()]
        return "\n".join([*lines, ""])

    def differing(self, other: Announcement) -> list[str]:
        """Keys in which another announcement is of another draw, in their order."""
        names = [name for name in type(self).model_fields if name != "title"]
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    def fits(self, words: str) -> bool:
        """Whether the words of a ceremony have the form that was announced, if any was."""
        if self.words_like is None:
            return True
        parts = map(re.escape, composed(self.words_like).split(DIGIT))
        return re.fullmatch("[0-9]".join(parts), composed(words)) is not None

    @property
    def possible(self) -> int | None:
        """How many words have the form, at the most; None where no form is announced."""
        return None if self.words_like is None else 10 ** self.words_like.count(DIGIT)


@dataclass(frozen=True, slots=True)
class Beside:
    """The announcement that lies beside the file of a sample.

    Attributes
    ----------
    sha256, bytes : of the file
    said : what it says; None where it is no announcement
    """

    sha256: str
    bytes: int
    said: Announcement | None


def beside(path: Path) -> Beside | None:
    """`announced.toml` beside a file of a case; None where none can be read there."""
    try:
        raw = path.with_name(ANNOUNCED).read_bytes()
    except OSError:
        return None
    try:
        said = Announcement.parse(raw)
    except ValueError:
        said = None
    return Beside(hashlib.sha256(raw).hexdigest(), len(raw), said)
