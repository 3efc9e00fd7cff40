"""What forms are made of: rows of boxes, codes, blocks for signatures."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from veedor.images.template import Code, Fiducial, FormField, Page, Private, Sum, Template
from veedor.simulate.sheets.forms import BLACK, GREY, Colour, Layout, Printer, Symbol, Words

Filler = Literal["dash", "dot", "cross", "line"]

SWATCHES: tuple[Colour, ...] = (
    (70, 110, 170), (200, 120, 60), (90, 150, 90), (150, 100, 160), (170, 160, 70),
    (80, 155, 160), (175, 90, 110), (120, 120, 120), (210, 175, 90), (100, 130, 60),
    (130, 80, 60), (60, 70, 110),
)  # fmt: skip
GUIDE: Colour = (205, 200, 200)


class Sketch:
    """A form while it is laid out: what is printed, and the template that says where."""

    def __init__(self, width: float, height: float, paper: Colour) -> None:
        self.page = Page(width=width, height=height)
        self.paper = paper
        self.print = Printer()
        self.fields: list[FormField] = []
        self.private: list[Private] = []
        self.sums: list[Sum] = []
        self.fiducials: list[Fiducial] = []
        self.symbols: list[Symbol] = []
        self.codes: list[Code] = []
        self.words: dict[str, tuple[float, float, float, float]] = {}
        self.bubbles: dict[str, NDArray[np.float64]] = {}

    def corners(self, kind: Literal["square", "disc"], size: float, inset: float) -> None:
        """Four marks, one near each corner."""
        page = self.page
        for y in (inset, page.height - inset):
            for x in (inset, page.width - inset):
                self.fiducials.append(Fiducial(kind=kind, x=x, y=y, size=size))
                if kind == "square":
                    self.print.bar(x - size / 2, y - size / 2, size, size, BLACK)
                else:
                    self.print.disc(x, y, size / 2, BLACK)

    def code(
        self, kind: Literal["Code128", "QRCode"], place: tuple[float, float, float, float]
    ) -> None:
        """A code of the station; where it lies nothing else is printed."""
        text, pattern = "{station}", r"^(?P<station>\d+)$"
        if kind == "QRCode":
            text, pattern = "form/{station}/1", r"^form/(?P<station>\d+)/\d+$"
        self.symbols.append(Symbol(kind, text, place))
        x, y, width, height = place
        self.codes.append(Code(x=x, y=y, width=width, height=height, pattern=pattern))

    def boxes(
        self,
        id: str,
        x: float,
        y: float,
        digits: int,
        cell: tuple[float, float],
        *,
        gap: float = 0,
        printed: Literal["boxes", "line", "guides", "none"] = "boxes",
        pen: float = 0.3,
        colour: Colour = BLACK,
        by: Literal["clerk", "delegate"] = "clerk",
        kind: Literal["count", "time", "other"] = "count",
    ) -> FormField:
        """A field of digits, and what is printed around them."""
        width = cell[0] * digits + gap * (digits - 1)
        field = FormField(id=id, x=x, y=y, width=width, height=cell[1], digits=digits, gap=gap,
                          printed=printed, by=by, kind=kind)  # fmt: skip
        self.fields.append(field)
        for left, top, w, h in field.cells.tolist():
            if printed in ("boxes", "guides"):
                self.print.frame(left, top, w, h, pen, colour)
            elif printed == "line":
                self.print.across(left + 0.08 * w, top + h, 0.84 * w, pen, colour)
            if printed == "guides":
                self._guide(left, top, w, h)
        return field

    def _guide(self, left: float, top: float, w: float, h: float) -> None:
        """The two squares of a digit on a pocket calculator, dotted."""
        x0, x1 = left + 0.22 * w, left + 0.78 * w
        for at in (0.14, 0.5, 0.86):
            for x in np.arange(x0, x1 - 0.3, 0.9):
                self.print.bar(float(x), top + at * h - 0.1, 0.45, 0.2, GUIDE)
        for y in np.arange(top + 0.14 * h, top + 0.86 * h - 0.3, 0.9):
            for x in (x0, x1):
                self.print.bar(x - 0.1, float(y), 0.2, 0.45, GUIDE)

    def secret(self, x: float, y: float, width: float, height: float, what: str) -> None:
        """A part that nobody may see."""
        self.private.append(Private(x=x, y=y, width=width, height=height, what=what))

    def signers(
        self, x: float, y: float, width: float, pitch: float, names: tuple[str, ...],
        *, finger: bool = False,
    ) -> None:  # fmt: skip
        """Lines for name and signature, one below the other."""
        p = self.print
        room = 13.0 if finger else 0.0
        line = (width - room) * 0.52
        for number, name in enumerate(names):
            top = y + number * pitch
            p.text(x, top + 1.2, 2.0, name, colour=GREY)
            p.across(x, top + pitch - 2, line, 0.2, GREY)
            p.across(x + line + 3, top + pitch - 2, width - room - line - 3, 0.2, GREY)
            self.secret(x, top + 2.6, line, pitch - 4.2, "name")
            self.secret(x + line + 3, top + 1, width - room - line - 3, pitch - 2.5, "signature")
            if finger:
                p.frame(x + width - 11, top + 0.5, 11, pitch - 2, 0.2, GREY)
                self.secret(x + width - 11, top + 0.5, 11, pitch - 2, "fingerprint")

    def swatch(self, x: float, y: float, size: float, number: int, name: str) -> None:
        """A coloured mark of an option with its name."""
        self.print.bar(x, y, size * 1.5, size, SWATCHES[number % len(SWATCHES)])
        self.print.text(x + 0.75 * size, y + size / 2, size * 0.6, name[:1],
                        colour=(250, 250, 250), anchor="m")  # fmt: skip
        self.print.text(x + size * 1.5 + 2, y + size / 2, min(3.0, size * 0.55), name)

    def totals(self, options: int, prefix: str = "") -> None:
        """Votes make the valid ones; valid, blank and null ones make those cast."""
        votes = tuple(f"{prefix}votes-{i + 1}" for i in range(options))
        self.sums.append(Sum(total=f"{prefix}valid", parts=votes))
        rest = tuple(f"{prefix}{name}" for name in ("valid", "blank", "null"))
        self.sums.append(Sum(total=f"{prefix}cast", parts=rest))

    def layout(
        self,
        name: str,
        options: int,
        title: str,
        station: Words,
        *,
        fillers: tuple[Filler, ...],
        held_out: bool = False,
        bitonal: bool = False,
        bubble: float = 1.4,
    ) -> Layout:
        """The form as it is now."""
        id = f"{name}-{options}"
        template = _rounded(
            Template(
                id=id,
                title=title,
                blank=None if len(self.fiducials) == 4 else f"{id}.png",
                page=self.page,
                fiducials=tuple(self.fiducials),
                codes=tuple(self.codes),
                fields=tuple(self.fields),
                sums=tuple(self.sums),
                private=tuple(self.private),
                fillers=fillers,
            )
        )
        return Layout(
            name, template, tuple(self.print.items), self.paper, tuple(self.symbols), station,
            held_out, bitonal, self.words, self.bubbles, bubble,
        )  # fmt: skip


def _rounded(template: Template) -> Template:
    """The same with every place to a tenth of a micrometre, so that its file says the same."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 4)
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value

    return Template.model_validate(plain(template.model_dump()))
