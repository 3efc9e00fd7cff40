"""Samples of sheets that experts examined: how they were chosen, what was asked, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field, model_validator

from veedor.case.entry import Entry, Identifier
from veedor.case.mistake import Mistake, near

__all__ = ["Question", "Sample", "Selection", "Totals", "mistakes"]

Selection = Literal[
    "simple", "stratified", "clustered", "proportional", "census", "targeted", "not-stated"
]
WITHOUT_REPLACEMENT = ("simple", "stratified", "clustered")
RANDOM = (*WITHOUT_REPLACEMENT, "proportional")


class Question(Entry):
    """What examiners were asked of each sheet."""

    id: Identifier
    text: str
    answers: tuple[str, ...] = ("yes", "no", "cannot tell")
    """Answers that the form allows, as the files write them."""
    found: tuple[str, ...] = ("yes",)
    """Answers that mean that the thing asked about is there."""
    unknown: tuple[str, ...] = ("cannot tell",)
    """Answers by which the examiner could not tell."""
    questions_votes: bool = False
    """A sheet of which it is found is one whose votes are in question."""

    @model_validator(mode="after")
    def _known(self) -> Question:
        for name in ("found", "unknown"):
            if strange := [a for a in getattr(self, name) if a not in self.answers]:
                raise ValueError(f"`{name}` has {strange[0]!r}, which is not among `answers`")
        if not self.found:
            raise ValueError("`found` names no answer")
        if set(self.found) & set(self.unknown):
            raise ValueError("an answer is both in `found` and in `unknown`")
        return self


class Totals(Entry):
    """What was published of an examination whose rows are not at hand."""

    question: Identifier
    found: int = Field(ge=0)
    examined: int = Field(ge=1)
    source: str
    """Where it was published."""

    @model_validator(mode="after")
    def _fits(self) -> Totals:
        if self.found > self.examined:
            raise ValueError(f"{self.found} found among {self.examined} examined cannot be")
        return self


class Sample(Entry):
    """A sample of sheets, and how it was chosen."""

    id: Identifier
    title: str
    frame: Identifier
    """The count whose stations it was chosen from."""
    selection: Selection
    criterion: str = ""
    """Targeted: what the sheets were picked for. Otherwise: what else is known of the choice."""
    ceremony: str | None = None
    """The words said in public from which the seed is made; without them no draw can be repeated.
    """
    announced: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of `announced.toml`, which was published before the ceremony."""
    size: int | None = Field(default=None, ge=1)
    """Sheets drawn; clusters, where these were drawn; draws, where with replacement."""
    strata: str | None = None
    """Stratified: the level of geography."""
    clusters: str | None = None
    """Clustered: the level of geography whose places were drawn."""
    within: int | None = Field(default=None, ge=1)
    """Clustered: sheets drawn in each place; all when left out."""
    weights: Literal["registered", "risk"] | None = None
    """Proportional: to registered voters, or to what the rule's margin needs of each sheet."""
    hand_count: Identifier | None = None
    """The count that holds what examiners read on these sheets, for a risk-limiting audit."""
    risk_limit: float = Field(default=0.05, gt=0, lt=0.5)
    most_ballots: int | None = Field(default=None, ge=1)
    """The most ballots that any station can have had, such as those delivered to it; needed for a
    risk-limiting audit where others than a station's registered voters may vote there."""
    questions: tuple[Question, ...] = ()
    totals: tuple[Totals, ...] = ()
    source: str = ""
    """Who examined it, and where that is told."""

    @model_validator(mode="after")
    def _whole(self) -> Sample:
        needs = {
            "stratified": ("size", "strata"),
            "clustered": ("size", "clusters"),
            "proportional": ("size", "weights"),
            "simple": ("size",),
            "targeted": ("criterion",),
        }.get(self.selection, ())
        for name in needs:
            if not getattr(self, name):
                raise ValueError(f"a sample of selection {self.selection!r} needs `{name}`")
        for name, only in (("strata", "stratified"), ("clusters", "clustered"),
                           ("within", "clustered"), ("weights", "proportional")):  # fmt: skip
            if getattr(self, name) is not None and self.selection != only:
                raise ValueError(f"`{name}` is for a sample of selection {only!r}")
        if self.ceremony is not None and not self.ceremony.strip():
            raise ValueError("`ceremony` has no words")
        if self.ceremony is not None and self.selection not in RANDOM:
            raise ValueError(f"a sample of selection {self.selection!r} has no `ceremony`")
        if self.announced is not None and self.selection not in RANDOM:
            raise ValueError(f"a sample of selection {self.selection!r} is not `announced`")
        if self.hand_count is not None and self.selection not in ("simple", "proportional"):
            raise ValueError(
                "a risk-limiting audit is of a sample of selection 'simple' or 'proportional'"
            )
        if self.hand_count is not None and self.hand_count == self.frame:
            raise ValueError("`hand_count` is another count than `frame`")
        known = [q.id for q in self.questions]
        for entry in self.totals:
            if entry.question not in known:
                raise ValueError(f"`totals` names the question {entry.question!r}, unknown here")
        return self


def mistakes(
    samples: Sequence[Sample], counts: Sequence[str], levels: Sequence[str]
) -> Iterator[Mistake]:
    """Samples and questions that stand twice, and counts and levels that are none."""
    seen: set[str] = set()
    for number, sample in enumerate(samples):
        at, place = ("samples", number), f"samples ({sample.id})"
        if sample.id in seen:
            yield Mistake((*at, "id"), f"samples: {sample.id!r} stands twice")
        seen.add(sample.id)
        if len({q.id for q in sample.questions}) < len(sample.questions):
            yield Mistake((*at, "questions"), f"{place}: a question stands twice")
        for name, known, what in (
            ("frame", counts, "counts"),
            ("hand_count", counts, "counts"),
            ("strata", levels, "levels"),
            ("clusters", levels, "levels"),
        ):
            value = getattr(sample, name)
            if value is not None and value not in known:
                yield Mistake(
                    (*at, name),
                    f"{place}: `{name}` names {value!r}; the {what} are {', '.join(known)}"
                    f"{near(value, known)}",
                )
