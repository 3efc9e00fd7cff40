"""Bar codes and square codes of a sheet, and the station that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from veedor.images.sheet import Registration
from veedor.images.template import Code, Template

__all__ = ["find_codes", "fitting", "read_at", "read_codes", "station_of"]

FORMATS = zxingcpp.barcode_formats_from_str("Code128,Code93,QRCode,DataMatrix,Aztec,PDF417")
"""Kinds of codes that check themselves; the others (ITF, Codabar, Code 39) misread stripes."""
_SCALES = (1.0, 2.0)
"""Codes printed small are read at twice the size only (2 of 10 real scans)."""
AREA_PIXELS_PER_MM = (8.0, 16.0, 12.0)
"""Scales at which the place of a code is looked at once the form was found."""
AROUND = 3.0
"""Millimetres around that place, for the quiet zone and for what registration misses."""
_LARGE = 12e6
"""Pixels beyond which a whole page is not enlarged."""
_ANY = ("?", "a text, of anybody's")
"""Texts that no form prints: a pattern that they fit fits all."""


def find_codes(pixels: NDArray[np.uint8]) -> tuple[str, ...]:
    """Texts of all codes on a scan, in any of four directions, at one and two times its size.

    Parameters
    ----------
    pixels : (height, width, 3) uint8 red green blue, or (height, width) uint8

    Returns
    -------
    Each text once, in the order found; empty where there is none. Kinds of codes without a
    check digit are not looked for: a text is what was printed, or is not read.
    """
    grey = _grey(pixels)
    for scale in _SCALES:
        if scale > 1 and grey.size * scale**2 > _LARGE * 4:
            break
        seen = grey if scale == 1 else _enlarged(grey, scale)
        if texts := _decode(seen):
            return texts
    return ()


def read_codes(
    pixels: NDArray[np.uint8], registration: Registration, template: Template
) -> tuple[str, ...]:
    """Texts of the codes where the template has them; those of the whole page where none is there.

    Quicker than `find_codes`, and reads codes that it misses, for it looks closer.
    """
    texts = read_at(pixels, registration, template)
    if not texts or station_of(texts, template) is None:
        texts += find_codes(pixels)
    return tuple(dict.fromkeys(texts))


def read_at(
    pixels: NDArray[np.uint8], registration: Registration, template: Template
) -> tuple[str, ...]:
    """Texts of the codes where the template has them, and of no other place of the page."""
    grey = _grey(pixels)
    texts: list[str] = []
    for code in template.codes:
        texts += next(filter(None, map(_decode, _views(grey, registration.matrix, code))), ())
    return tuple(dict.fromkeys(texts))


def fitting(texts: Iterable[str], templates: Iterable[Template]) -> tuple[str, ...]:
    """The texts that fit a pattern of the forms whole.

    A pattern that fits any text tells a form's code from none, and is passed over: another code on
    the page may be that of somebody's identity card.
    """
    patterns = [code.pattern for template in templates for code in template.codes]
    telling = [p for p in patterns if not all(re.fullmatch(p, text) for text in _ANY)]
    return tuple(text for text in texts if any(re.fullmatch(p, text) for p in telling))


def station_of(texts: Iterable[str], template: Template) -> str | None:
    """The official code of the station that the texts name, by the template's patterns.

    None where no text fits a pattern whole, or where texts name different stations.
    """
    stations = set()
    for text in texts:
        for code in template.codes:
            if found := re.fullmatch(code.pattern, text):
                named = found.groupdict().get("station")
                stations.add(named if named is not None else found[0])
    return stations.pop() if len(stations) == 1 else None


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _enlarged(grey: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    large = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.uint8)


def _decode(grey: NDArray[np.uint8]) -> tuple[str, ...]:
    # The reader itself tries four directions, inverted print and smaller sizes.
    found = zxingcpp.read_barcodes(grey, formats=FORMATS, text_mode=zxingcpp.TextMode.Plain)
    return tuple(dict.fromkeys(c.text for c in found if c.valid and c.text))


def _views(
    grey: NDArray[np.uint8], matrix: NDArray[np.float64], code: Code
) -> Iterable[NDArray[np.uint8]]:
    """The place of a code, upright, at several scales, the coarser ones smoothed."""
    for scale in AREA_PIXELS_PER_MM:
        place = np.array(
            [[1 / scale, 0, code.x - AROUND], [0, 1 / scale, code.y - AROUND], [0, 0, 1]]
        )
        size = (
            round((code.width + 2 * AROUND) * scale),
            round((code.height + 2 * AROUND) * scale),
        )
        view = cv2.warpPerspective(
            grey,
            matrix @ place,
            size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        yield np.asarray(view, dtype=np.uint8)
