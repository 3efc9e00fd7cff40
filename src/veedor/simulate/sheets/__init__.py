"""Filled tally sheets whose truth is known, as scanners, telephones and fax machines give them.

    form = layout("column", options=4)
    values = values_for(form.template, [83, 61, 12, 0], rng, blank=3, null=9, slip=0.2)
    marks = correct(write_all(form.template, values, Convention()), rng)
    sheet = make_sheet(form, marks, hand, rng, station="100123", delegate=other,
                       pen=draw_pen(rng), ease=draw_ease(rng))
    scan = degrade(sheet.page, "scan", rng)     # scan.pixels, scan.matrix, scan.encoded()

Hands are writers of NIST's digits (`Pool.of_nist`) or drawn by the project (`drawn_hands`). Pen,
place and size belong to the sheet, never to the hand. Needs `veedor[images]`; names are imported
when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from veedor.simulate.sheets.content import (
        Convention,
        Mark,
        Slips,
        correct,
        draw_convention,
        draw_times,
        need,
        overwrite,
        spell,
        values_for,
        write_all,
    )
    from veedor.simulate.sheets.devices import (
        HELD_OUT_FAMILIES,
        Device,
        Scan,
        degrade,
        draw_device,
    )
    from veedor.simulate.sheets.drawn import DrawnHand, drawn_hands
    from veedor.simulate.sheets.forms import Layout, blank
    from veedor.simulate.sheets.hands import DigitImage, Hand, NistHand, Pool
    from veedor.simulate.sheets.layouts import HELD_OUT, layout
    from veedor.simulate.sheets.pens import Ease, Pen, draw_ease, draw_pen
    from veedor.simulate.sheets.plan import FAMILIES, LAYOUTS
    from veedor.simulate.sheets.render import Other, make_sheet, recode, stamp_over
    from veedor.simulate.sheets.truth import BoxTruth, FieldTruth, Sheet, SheetTruth

__all__ = [
    "FAMILIES",
    "HELD_OUT",
    "HELD_OUT_FAMILIES",
    "LAYOUTS",
    "BoxTruth",
    "Convention",
    "Device",
    "DigitImage",
    "DrawnHand",
    "Ease",
    "FieldTruth",
    "Hand",
    "Layout",
    "Mark",
    "NistHand",
    "Other",
    "Pen",
    "Pool",
    "Scan",
    "Sheet",
    "SheetTruth",
    "Slips",
    "blank",
    "correct",
    "degrade",
    "draw_convention",
    "draw_device",
    "draw_ease",
    "draw_pen",
    "draw_times",
    "drawn_hands",
    "layout",
    "make_sheet",
    "need",
    "overwrite",
    "recode",
    "spell",
    "stamp_over",
    "values_for",
    "write_all",
]

_HOMES = {
    "content": (
        "Convention Mark Slips correct draw_convention draw_times need overwrite spell values_for"
        " write_all"
    ),
    "devices": "HELD_OUT_FAMILIES Device Scan degrade draw_device",
    "drawn": "DrawnHand drawn_hands",
    "forms": "Layout blank",
    "hands": "DigitImage Hand NistHand Pool",
    "layouts": "HELD_OUT layout",
    "pens": "Ease Pen draw_ease draw_pen",
    "plan": "FAMILIES LAYOUTS",
    "render": "Other make_sheet recode stamp_over",
    "truth": "BoxTruth FieldTruth Sheet SheetTruth",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
