"""What is read of whole scans, box by box and field by field, beside what stands on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import chi2
from training.measures import Rate, over_writers

from benchmarks.reading_sheets import Read
from veedor.case.tables import DOUBT
from veedor.checks.transcripts import Fields, chances_of_sheets
from veedor.engine.scans import TELLING, chance_of, held_by
from veedor.images.sheet import CLASSES, FieldReading
from veedor.simulate.sheets.truth import FieldTruth

__all__ = ["Boxes", "Compared", "Misread", "boxes_of", "compared", "misread", "rates", "together"]

SURE = 0.99


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of fields that were found, n of them.

    Attributes
    ----------
    writer, label, said : (n,) int64; `label` is what stands there and `said` what was read, by
        CLASSES
    p, altered : (n,) float64
    """

    writer: NDArray[np.int64]
    label: NDArray[np.int64]
    said: NDArray[np.int64]
    p: NDArray[np.float64]
    altered: NDArray[np.float64]


def boxes_of(reads: Iterable[Read]) -> Boxes:
    """All boxes that were read."""
    rows = []
    for sheet in reads:
        truth = {f.field: f for f in sheet.truth.fields}
        for one in sheet.reading.fields:
            for box, p, altered in zip(truth[one.field].boxes, one.boxes, one.altered, strict=True):
                label = CLASSES.index(box.label)
                rows.append((sheet.writer, label, int(p.argmax()), float(p.max()), float(altered)))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    kinds = (np.int64, np.int64, np.int64, np.float64, np.float64)
    return Boxes(*(np.array(c, kind) for c, kind in zip(columns, kinds, strict=True)))


def _stated(field: FieldTruth) -> int | None:
    """The number a field says: what is filled out says zero, and what is struck out nothing."""
    if any(box.label in ("struck", "unreadable") for box in field.boxes):
        return None
    return (
        0 if field.value is None and any(b.label == "filler" for b in field.boxes) else field.value
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """Fields of counts, n of them, each with what stands there and with two transcriptions.

    Attributes
    ----------
    writer : (n,) int64
    clean : (n,) bool, no box is struck, written over or unreadable
    right, sure, joint : (n,) bool, read right by its boxes; with p of at least SURE; with the sums
    same, other : what reading says of the right transcription and of one with a wrong digit
    right_records : `same`, and fields left empty beside a transcription of 0
    """

    writer: NDArray[np.int64]
    clean: NDArray[np.bool_]
    right: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    joint: NDArray[np.bool_]
    same: Fields
    other: Fields
    right_records: Fields


def _wrong(number: int, rng: Generator) -> int:
    """A number with one digit mistyped."""
    text = list(str(number))
    at = int(rng.integers(len(text)))
    text[at] = str((int(text[at]) + int(rng.integers(1, 10))) % 10)
    return int("".join(text))


def _named(field: str) -> str:
    """A field of the project's own forms as a count calls it."""
    totals = [t for t in ("valid", "cast") if field.endswith(t)]
    return f"declared_{totals[0]}" if totals else field


def _row(sheet: Read, scan: int, one: FieldReading, number: int, fillers: bool) -> dict[str, Any]:
    """One field as the check against counts gets it."""
    held = held_by(one)
    return {
        "sid": scan, "scan": scan, "region": 0, "transcribed": number, "field": _named(one.field),
        "cell_of": one.field, "text": one.text, "state": one.state, "value": one.value, "p": one.p,
        "p_recorded": chance_of(one, held, number, fillers), "joint": one.joint,
        "p_joint": one.p_joint, "rest": held.beyond(DOUBT) if one.state in TELLING else None,
        "altered": float(one.altered.max(initial=0.0)),
        "alone": True, "holds": {True: 1, False: 0, None: -1}[one.holds],
    }  # fmt: skip


def _fields(rows: list[dict[str, Any]]) -> Fields:
    floats = ("value", "p", "p_recorded", "joint", "p_joint", "rest", "altered")
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in floats:
            columns[name] = np.array([np.nan if v is None else v for v in values], np.float64)
        else:
            texts = isinstance(values[0], str)
            columns[name] = np.array(values, dtype=object if texts else None)
    return Fields.of(columns)


def compared(reads: Iterable[Read], rng: Generator) -> Compared:
    """The counts of all sheets that were read, against a right and a wrong transcription.

    Fields that state no number (empty, struck, unreadable) take no part, for nobody could
    transcribe them right or wrong; an empty one is a 0 in `right_records`.
    """
    facts, same, other, empty = [], [], [], []
    for scan, sheet in enumerate(reads):
        truth = {f.field: f for f in sheet.truth.fields}
        fillers = bool(sheet.form.template.fillers)
        for one in sheet.reading.fields:
            if sheet.form.template.field(one.field).kind != "count":
                continue
            stated = _stated(truth[one.field])
            if all(b.label == "empty" for b in truth[one.field].boxes):
                empty.append(_row(sheet, scan, one, 0, fillers))
            if stated is None:
                continue
            clean = all(b.label not in ("overwritten",) for b in truth[one.field].boxes)
            joint = one.value if one.joint is None else one.joint
            facts.append((sheet.writer, clean, one.value == stated, one.p >= SURE, joint == stated))
            same.append(_row(sheet, scan, one, stated, fillers))
            other.append(_row(sheet, scan, one, _wrong(stated, rng), fillers))
    writer, *flags = (np.array(c) for c in zip(*facts, strict=True))
    return Compared(writer, *flags, _fields(same), _fields(other), _fields(same + empty))


@dataclass(frozen=True, slots=True)
class Misread:
    """Disagreements with right transcriptions, and as many as the boxes' probabilities expect.

    Attributes
    ----------
    able : fields that could have come out as disagreeing
    fields, fields_expected : those that did, and the sum of the probabilities (`rest`)
    confirmed : of them, those that are borne out, by the form's sums or by the record's own total
    sheets, sheets_expected : sheets on which some did
    sheets_told : such sheets expected of fields in sums that can be told
    """

    able: int
    fields: int
    fields_expected: float
    confirmed: int
    sheets: int
    sheets_expected: float
    sheets_told: float

    @property
    def ratio(self) -> Rate:
        """Sheets with a disagreement for each that is expected; limits are exact (Poisson).

        Sheets are what errors come by: each of a layout is written by another hand.

        Source: F. Garwood, Fiducial limits for the Poisson distribution, Biometrika 28 (1936).
        """
        k, expected = self.sheets, self.sheets_expected
        if not expected:
            return Rate(np.nan, np.nan, np.nan)
        low = float(chi2.ppf(0.025, 2 * k) / 2) if k else 0.0
        high = float(chi2.ppf(0.975, 2 * k + 2) / 2)
        return Rate(k / expected, low / expected, high / expected)


def misread(fields: Fields) -> Misread:
    """What reading alone made of right transcriptions."""
    chances = chances_of_sheets(fields.sid[fields.able], fields.could_mislead)
    told = fields.told[fields.able]
    of_sums = chances_of_sheets(fields.sid[fields.able][told], fields.could_mislead[told])
    return Misread(
        able=int(fields.able.sum()),
        fields=int(fields.disagree.sum()),
        fields_expected=float(fields.could_mislead.sum()),
        confirmed=int(fields.confirmed.sum()),
        sheets=len(np.unique(fields.sid[fields.disagree])),
        sheets_expected=float(chances.sum()),
        sheets_told=float(of_sums.sum()),
    )


def together(parts: Iterable[Misread]) -> Misread:
    """All families as one."""
    numbers = [astuple(part) for part in parts]
    return Misread(*(sum(column) for column in zip(*numbers, strict=True)))


def rates(reads: list[Read], rng: Generator) -> dict[str, Rate | float | int | Misread]:
    """All rates of one condition, with intervals over writers."""
    boxes, fields = boxes_of(reads), compared(reads, rng)

    def box(of: NDArray[np.bool_], what: NDArray[np.bool_]) -> Rate:
        at = np.flatnonzero(of)
        return over_writers(boxes.writer[at], lambda i: float(what[at[i]].mean()), rng)

    def field(of: NDArray[np.bool_], what: NDArray[np.bool_]) -> Rate:
        at = np.flatnonzero(of)
        return over_writers(fields.writer[at], lambda i: float(what[at[i]].mean()), rng)

    status = [sheet.reading.status for sheet in reads]
    found = sum(len(sheet.reading.fields) for sheet in reads)
    fields_there = sum(len(s.truth.fields) for s in reads if s.reading.status == "read")
    right, digit = boxes.said == boxes.label, boxes.label < 10
    nothing = (boxes.label == 10) | (boxes.label == 11)
    marked = (boxes.label == 12) | (boxes.label == 13)
    everything = np.ones(len(fields.clean), np.bool_)
    sure = digit & (boxes.p >= SURE)
    consistent = [
        (sheet.reading.consistent, sheet.reading.cost)
        for sheet in reads
        if sheet.reading.status == "read"
    ]
    return {
        "sheets": len(reads),
        "writers": len({sheet.writer for sheet in reads}),
        "read": status.count("read") / len(status),
        "unregistered": status.count("unregistered") / len(status),
        "unreadable": status.count("unreadable") / len(status),
        "found": found / max(fields_there, 1),
        "digits": int(digit.sum()),
        "digit right": box(digit, right),
        "digit sure": box(digit, boxes.p >= SURE),
        "sure wrong": box(sure, ~right),
        "nothing as 0": box(nothing, boxes.said == 0),
        "0 as nothing": box(boxes.label == 0, (boxes.said == 10) | (boxes.said == 11)),
        "altered": int(marked.sum()),
        "altered found": box(marked, boxes.altered >= 0.5),
        "altered false": box(digit, boxes.altered >= 0.5),
        "fields": len(fields.clean),
        "field right": field(fields.clean, fields.right),
        "field sure": field(fields.clean, fields.sure),
        "field sure wrong": field(fields.clean & fields.sure, ~fields.right),
        "field joint right": field(fields.clean, fields.joint),
        "right agrees": field(everything, fields.same.agree),
        "right flagged": field(everything, fields.same.disagree),
        "wrong accepted": field(everything, fields.other.agree),
        "wrong flagged": field(everything, fields.other.disagree),
        "misread": misread(fields.right_records),
        "adds up": float(np.mean([c is True for c, _ in consistent])) if consistent else 0.0,
        "untold": float(np.mean([c is None for c, _ in consistent])) if consistent else 0.0,
    }
