"""What an audit says: the fact a check states, and the findings document written to disk.

A check returns `Fact`s. The judge turns each into a `Finding`: it adds the multiplicity
correction over all checks and the materiality under the contest's rule, and writes the rows
behind it as evidence. `Document` is `findings.json`; its JSON Schema is exported to the docs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1

Status = Literal["observed", "not-observed", "not-determinable", "void", "not-applicable"]
Kind = Literal["anomaly", "irregularity", "discrepancy", "vulnerability", "control", "descriptive"]
Robustness = Literal["robust", "fragile", "not-determinable"]
Columns = Mapping[str, NDArray[Any]]
"""Rows as columns: name -> array, all of one length, in the order of the key."""


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Interval(_Written):
    """An uncertainty interval of one number of the statistic."""

    of: str
    level: float
    low: float
    high: float
    method: str


class Explanation(_Written):
    """A benign explanation: tested, with the result in words and numbers, or named as untested."""

    id: str
    text: str
    tested: bool
    result: str | None = None
    values: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """Data for one picture; the report owns how it is drawn.

    `chart` names a Vega-Lite template of the report (`bars`, `histogram`, `scatter`, `intervals`,
    `heatmap`, `map`, `lines`, `topology`, `lanes`, `ledger`); `rows` are the columns it draws;
    `labels` gives the title and the axis titles; `alt` is the alternative text for a reader who
    cannot see it.
    """

    id: str
    chart: str
    rows: Columns
    alt: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A part of a scan to be shown beside a fact; areas with personal data are veiled in it.

    `scan` is its number; `fields` are ids of fields on its form, whose rows are cut out one below
    the other, or none for the whole sheet. `caption` says in a sentence what there is to see, and
    stands for the picture where it cannot be seen.
    """

    scan: int
    fields: tuple[str, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What one check observed about one subject; no judgement in it.

    Parameters
    ----------
    subject : str
        The option, pair of counts or list of stations it is about; empty when there is only one.
    status : Status
    statistic : mapping
        JSON values under the keys that the check's docstring documents.
    title, fact : str
        A heading, and the fact in one or two plain sentences, made from the statistic.
    rows : columns, optional
        The rows behind it. A column `sid` (station number) is replaced by the station's official
        code and its place when the evidence is written, by nothing where it is negative: a station
        that is in no count.
    key : str
        The name of the column of `rows` that identifies a row.
    p_value_of : str
        What the p-value is of, after "The p-value is of"; empty where there is none.
    questioned : array of int64, optional
        Station numbers whose sheets in the official count this fact calls into question. None
        means that the fact questions no sheet, and no materiality is computed.
    pictures : sequence of Picture
        Parts of scans to look at, those that matter most first; the first of them are written.
    """

    subject: str
    status: Status
    statistic: Mapping[str, Any]
    title: str
    fact: str
    kind: Kind | None = None
    interval: Interval | None = None
    p_value: float | None = None
    p_value_of: str = ""
    explanations: Sequence[Explanation] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rows: Columns | None = None
    key: str = "sid"
    questioned: NDArray[np.int64] | None = None
    figures: Sequence[Figure] = ()
    pictures: Sequence[Picture] = ()


class Questioned(_Written):
    """The sheets that a finding calls into question, in the official count."""

    stations: int
    valid: int
    votes: dict[str, int]


class Materiality(_Written):
    """What one treatment of the questioned sheets would do to the outcome.

    `margin_points` is the winner's share less the runner-up's, in points, after the treatment.
    `low` and `high` bound it where the treatment is simulated. For `share-false`, `share` is the
    part of the set's winning votes that would have to be false; None where not even all would do.
    """

    treatment: str
    margin_points: float | None
    winner: str | None
    outcome_changes: bool
    low: float | None = None
    high: float | None = None
    share: float | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class EvidenceFile(_Written):
    """The parquet file of the rows behind a finding."""

    path: str
    rows: int
    key: str
    sha256: str


class PictureFile(_Written):
    """A part of a scan, as a PNG file, or a whole page as JPEG: whose it is, and what it shows.

    `veiled` says that the places which the form's template lists as private were veiled; false too
    where it lists none.
    """

    path: str
    sha256: str
    width: int
    height: int
    scan: int
    file: str
    station: str | None
    fields: list[str]
    caption: str
    veiled: bool = True


class Finding(_Written):
    """One fact with its judgement, as written to `findings.json`."""

    check: str
    check_title: str = ""
    subject: str
    title: str
    status: Status
    kind: Kind
    asks: str
    rule: str
    fact: str
    statistic: dict[str, Any]
    interval: Interval | None = None
    p_value: float | None = None
    p_value_of: str | None = None
    """What the p-value is of, after "The p-value is of"; null where there is no p-value."""
    p_adjusted: float | None = None
    explanations: list[Explanation] = Field(default_factory=list)
    questioned: Questioned | None = None
    materiality: list[Materiality] = Field(default_factory=list)
    robustness: Robustness | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    evidence: EvidenceFile | None = None
    figures: list[str] = Field(default_factory=list)
    alt: list[str] = Field(default_factory=list)
    pictures: list[PictureFile] = Field(default_factory=list)
    pictures_not_shown: int = 0
    """Parts of scans that the fact names besides, and that were not written."""
    references: list[str] = Field(default_factory=list)
    seconds: float = 0.0

    @property
    def origin(self) -> Literal["records", "lists", "controls"]:
        """Whose word it is that its sheets are in question: see `Part`."""
        if self.check.startswith("outcome."):
            return "lists"
        return "controls" if self.kind in ("control", "vulnerability") else "records"

    @property
    def id(self) -> str:
        """`check` or `check.subject`: unique within a document, and the stem of its files."""
        return f"{self.check}.{self.subject}" if self.subject else self.check


class NotRun(_Written):
    """A check that could not be asked of this case, and why."""

    check: str
    title: str
    status: Status
    why: str


class CaseSummary(_Written):
    """Which contest was audited."""

    id: str
    title: str
    contest: str
    date: str
    simulated: bool = False
    notes: list[str] = Field(default_factory=list)


class Option(_Written):
    """An option (party, candidate, answer) on the ballot."""

    id: str
    name: str
    colour: str | None = None


class Input(_Written):
    """A file that the audit read."""

    source: str
    kind: str
    path: str
    sha256: str
    bytes: int
    rows: int | None
    set_aside: int = 0
    origin: str | None = None


class BreakEven(_Written):
    """Votes that would change the outcome, by how they would do it; None where none would."""

    switched: int | None
    removed: int | None
    added: int | None


class ChangesUnder(_Written):
    """A treatment of a finding's sheets under which the outcome would be another."""

    finding: str
    treatment: str
    margin_points: float | None


class United(_Written):
    """Every sheet that some finding from the records questions, once, and each treatment of them.

    Lists that audits and critiques named are not among them, nor sheets that were exposed by a
    control that failed: each has its own finding.
    """

    findings: list[str]
    questioned: Questioned
    materiality: list[Materiality]
    robustness: Robustness | None


class Part(_Written):
    """The statement on the outcome from one kind of finding under one kind of treatment.

    `source` is `records` (findings that the records of the sheets give), `lists` (stations that
    others named) or `controls` (sheets exposed where a control failed, or of which evidence is
    gone: that says nothing of what is on them);
    `treatments` is `what-if` (remove, replace) or `bound` (worst and best case). `findings` are
    those under which the outcome changes.
    """

    source: Literal["records", "lists", "controls"]
    treatments: Literal["what-if", "bound"]
    statement: Robustness
    findings: list[str]


class Unresolved(_Written):
    """Votes of the official count that its files do not settle, and what they could do.

    `set_aside` are stations whose rows have no code or contradict one another, `unreadable` those
    with a cell of votes that is no number, `not_counted` those that the authority left out of its
    totals. `votes` is the most that could hang on them: the highest version of a row, the
    registered voters of an unreadable sheet less what was read. The bounds give all of them to
    one side.
    """

    set_aside: int
    unreadable: int
    not_counted: int
    votes: int
    materiality: list[Materiality]


class OutcomeSummary(_Written):
    """The outcome that the official sheets give under the contest's own rule."""

    count: str
    rule: str
    winner: str | None
    decided_by: str
    runner_up: str | None
    sheets: int
    registered: int | None
    cast: int
    valid: int
    blank: int | None
    null: int | None
    votes: dict[str, int]
    shares: dict[str, float]
    seats: dict[str, int] | None = None
    margin_points: float | None
    slack_votes: float | None
    break_even: BreakEven | None
    fewest_sheets: int | None
    statement: Robustness
    changes_under: list[ChangesUnder] = Field(default_factory=list)
    statement_by: list[Part] = Field(default_factory=list)
    united: United | None = None
    unresolved: Unresolved | None = None


class Scope(_Written):
    """What the audit did not look at, and why."""

    not_examined: list[str] = Field(default_factory=list)
    refused: list[str] = Field(default_factory=list)
    destroyed: list[str] = Field(default_factory=list)


class Document(_Written):
    """`findings.json`: everything the report says, for machines."""

    format: int = FORMAT
    veedor: str
    case: CaseSummary
    options: list[Option]
    inputs: list[Input]
    outcome: OutcomeSummary
    findings: list[Finding]
    not_run: list[NotRun]
    scope: Scope
    seed: int

    @property
    def open_samples(self) -> list[Finding]:
        """Findings on drawn samples by whose limits votes may be in question on as many sheets as
        the outcome rests on: that the examined ones alone do not change it decides nothing.
        """
        found = []
        for finding in self.findings:
            high, fewest = (finding.statistic.get(k) for k in ("frame_high", "fewest_sheets"))
            if finding.check != "sampling.examined" or high is None or fewest is None:
                continue
            if high >= fewest:
                found.append(finding)
        return found


class Manifest(_Written):
    """`manifest.json`: how the audit was made, and the hash of every file it wrote."""

    format: int = FORMAT
    veedor: str
    case: str
    case_sha256: str
    command: list[str]
    seed: int
    started: str
    ended: str
    versions: dict[str, str]
    parameters: dict[str, Any]
    inputs: list[Input]
    outputs: dict[str, str]
    seconds: dict[str, float]
