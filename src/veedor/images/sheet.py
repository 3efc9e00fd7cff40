"""What the reading of one scan gives: plain records, from the file to the fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CLASSES",
    "Cell",
    "FieldReading",
    "Intake",
    "Quality",
    "Registration",
    "SheetReading",
    "State",
]

CLASSES = (*"0123456789", "empty", "filler", "struck", "overwritten", "unreadable")
"""What a box can hold, in the order of the reader's probabilities."""

State = Literal["number", "empty", "filler", "struck", "overwritten", "unreadable"]
Grade = Literal["good", "usable", "unreadable"]


@dataclass(frozen=True, slots=True)
class Intake:
    """A file as it was handed over: nothing of it is changed.

    Attributes
    ----------
    file : name as in the index
    sha256, bytes : of the original bytes
    format : PNG, JPEG, TIFF, PDF ...
    dpi : dots per inch that the file states, None where it states none
    metadata : short notes about the file (software, dates, quantisation), not about the sheet
    pixels : (height, width, 3) uint8, red green blue, upright as the file says
    """

    file: str
    sha256: str
    bytes: int
    format: str
    dpi: float | None
    metadata: tuple[str, ...]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a scan can be read: a grade, its measures, and the reasons for less than good."""

    grade: Grade
    measures: dict[str, float]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """A form found on a scan.

    Attributes
    ----------
    template : id
    matrix : (3, 3) float64, from millimetres of the page to pixels of the scan
    boxes : (boxes, 4, 2) float64, the corners of each box in pixels, clockwise from upper left,
        after each field was moved onto its printed lines
    residual : float, median distance in millimetres between where lines should lie and do
    score : float, 0 to 1
    shifts : (fields, 2) float64, how far each field was moved, in millimetres
    found : (fields,) bool, the field's printed lines were found; others are not read
    method : fiducials or features
    """

    template: str
    matrix: NDArray[np.float64]
    boxes: NDArray[np.float64]
    residual: float
    score: float
    shifts: NDArray[np.float64]
    found: NDArray[np.bool_]
    method: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of a form on one scan, upright, at `PIXELS_PER_MM` of `veedor.images.cells`.

    Attributes
    ----------
    field, box : id of the field, number of the box from the left
    patch : (height, width, 3) uint8, the box with a margin, as scanned
    ink : (height, width) float32, 0 paper to 1 black, printed lines taken out, strokes kept
    glyph : (40, 40) uint8, None where there is no ink
    """

    field: str
    box: int
    patch: NDArray[np.uint8]
    ink: NDArray[np.float32]
    glyph: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class FieldReading:
    """One field as read.

    Attributes
    ----------
    field : id
    state : number, or what stands there instead
    value : the number by its own digits, None where it is none
    text : one letter a box: a digit, '_' empty, '-' filler, 'x' struck, '#' overwritten, '?'
    p : probability of `value` (or of `state`), by the boxes alone
    joint, p_joint : the same with the form's sums, None where the form has none for it
    holds : the sums that it is part or total of hold with the values by themselves; None where none
        of these can be told
    boxes : (digits, classes) float32, calibrated probabilities
    altered : (digits,) float32, probability that the box was written over or struck
    """

    field: str
    state: State
    value: int | None
    text: str
    p: float
    joint: int | None
    p_joint: float | None
    boxes: NDArray[np.float32]
    altered: NDArray[np.float32]
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class SheetReading:
    """All that was read of one scan.

    Attributes
    ----------
    status : read; unreadable (by the quality gate); unregistered (no template fits)
    codes : texts of the codes found on it
    station : the official code in them by the template's pattern, None where none was read
    consistent : the values by themselves obey the form's sums; None where they cannot be told
    cost : nats of probability that the sums cost against the reading by itself
    cells : the boxes, in the order of the template; empty where not read
    """

    intake: Intake
    quality: Quality
    status: Literal["read", "unreadable", "unregistered"]
    codes: tuple[str, ...] = ()
    station: str | None = None
    registration: Registration | None = None
    fields: tuple[FieldReading, ...] = ()
    consistent: bool | None = None
    cost: float | None = None
    cells: tuple[Cell, ...] = ()
