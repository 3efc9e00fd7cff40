"""What stands on a simulated sheet, box by box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.simulate.sheets.forms import Layout
from veedor.simulate.sheets.pens import Pen

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BoxTruth:
    """One box.

    Attributes
    ----------
    label : one of `veedor.images.sheet.CLASSES`
    digit : the one meant, of boxes that hold or held one
    under : the one written first, of a box that was altered
    hand : who wrote it; None where nothing is written
    keys : the images of digits that were used
    """

    label: str
    digit: int | None
    under: int | None
    hand: str | None
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldTruth:
    """One field: the number meant, and its boxes."""

    field: str
    value: int | None
    text: str
    boxes: tuple[BoxTruth, ...]


@dataclass(frozen=True, slots=True)
class SheetTruth:
    """One sheet.

    Attributes
    ----------
    hand, delegate : who wrote the clerk's fields and the delegate's
    """

    station: str
    layout: str
    hand: str
    delegate: str
    pen: Pen
    fields: tuple[FieldTruth, ...]

    def field(self, name: str) -> FieldTruth:
        """The field of that id."""
        return next(f for f in self.fields if f.field == name)

    def values(self) -> dict[str, int | None]:
        """Field id -> number meant."""
        return {f.field: f.value for f in self.fields}

    def document(self) -> dict[str, Any]:
        """As it stands in `truth.json`."""
        altered = [
            {"field": f.field, "box": i, "label": b.label, "digit": b.digit, "under": b.under,
             "hand": b.hand}
            for f in self.fields for i, b in enumerate(f.boxes)
            if b.label in ("struck", "overwritten", "unreadable") or b.hand not in (
                None, self.hand, self.delegate)
        ]  # fmt: skip
        return {
            "station": self.station,
            "template": self.layout,
            "hand": self.hand,
            "delegate": self.delegate,
            "pen": f"{self.pen.kind}, {self.pen.ink}, {self.pen.width:.2f} mm",
            "text": {f.field: f.text for f in self.fields},
            "values": self.values(),
            "altered": altered,
        }


@dataclass(frozen=True, slots=True)
class Sheet:
    """A filled form, as it would look to a perfect scanner.

    Attributes
    ----------
    page : (height, width, 3) uint8, red, green, blue
    dpi : pixels an inch
    """

    page: Pixels
    truth: SheetTruth
    layout: Layout
    dpi: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) from millimetres to pixels; a pixel's middle has whole coordinates."""
        return millimetres_to_pixels(self.dpi)


def millimetres_to_pixels(dpi: float) -> NDArray[np.float64]:
    """(3, 3) from millimetres of a page to its pixels; a pixel's middle has whole coordinates."""
    scale = dpi / 25.4
    return np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1.0]])
