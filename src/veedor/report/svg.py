"""Figures' SVG: made compact for the disk, and made safe and theme-aware for the page.

Only elements and attributes of drawing survive in the page: no script, no link, no style, no
address, and no control character in a text. The greys of the templates become classes, so that
the page's own ink is used in light and in dark.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from veedor.errors import VeedorError
from veedor.report.plain import clean

_ELEMENTS = frozenset(
    "svg g path text tspan rect line circle defs clipPath linearGradient stop title".split()  # noqa: SIM905
)
_ATTRIBUTES = frozenset(
    """
    id width height viewBox transform d x y x1 x2 y1 y2 cx cy r rx ry dx dy fill fill-opacity
    stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset stroke-linecap
    stroke-linejoin stroke-miterlimit opacity clip-path text-anchor font-size font-weight
    offset stop-color stop-opacity gradientUnits
    """.split()  # noqa: SIM905
)
_INK = {"#6b7281": "ink", "#9aa1ac": "line"}
_SAFE_VALUE = re.compile(r"(?!.*url)[^<>&;:\\@]*|url\(#[A-Za-z0-9_-]+\)")
_LOCAL = re.compile(r"url\(#([A-Za-z0-9_-]+)\)")
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_DOT = re.compile(
    r'<path transform="translate\(([-\d.]+),([-\d.]+)\)"'
    r' d="M([\d.]+),0A\3,\3,0,1,1,-\3,0A\3,\3,0,1,1,\3,0"'
)
_ID = re.compile(r' id="([A-Za-z0-9_-]+)"')
_GEOMETRY = re.compile(r' (?:d|transform|[xy][12]?|c[xy]|r|width|height)="[^"<>]*"')
_LONG = re.compile(r'(?<=[ "(,MLHVCAhvlcaz])-?\d+\.\d{3,}')


def compact(drawn: str) -> str:
    """vl-convert's SVG without the background, and with short numbers and dots as circles.

    vl-convert numbers its clips and gradients over the life of the process; they are numbered
    from the start of the figure, so that a figure has the same bytes wherever it was drawn.
    """
    drawn = drawn.replace('<rect width="100%" height="100%" fill="white"/>', "", 1)
    drawn = _DOT.sub(r'<circle cx="\1" cy="\2" r="\3"', drawn)
    drawn = _numbered(drawn)
    return _GEOMETRY.sub(lambda match: _LONG.sub(_short, match[0]), drawn)


def _numbered(drawn: str) -> str:
    order = {name: f"i{i}" for i, name in enumerate(dict.fromkeys(_ID.findall(drawn)))}
    drawn = _ID.sub(lambda match: f' id="{order[match[1]]}"', drawn)
    return _LOCAL.sub(lambda match: f"url(#{order.get(match[1], match[1])})", drawn)


def _short(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def inline(text: str, prefix: str, place: str) -> str:
    """`text` as an SVG element for the page: drawing only, its ids made unique by `prefix`."""
    remedy = "Run the audit again."
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise VeedorError("the figure declares entities", place=place, remedy=remedy)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (entities are refused above)
    except ElementTree.ParseError as error:
        raise VeedorError(f"the figure is not SVG: {error}", place=place, remedy=remedy) from error
    drawing = _safe(root, prefix)
    if drawing is None or drawing.tag != "svg":
        raise VeedorError("the figure is not SVG", place=place, remedy=remedy)
    drawing.set("aria-hidden", "true")
    drawing.set("focusable", "false")
    return ElementTree.tostring(drawing, encoding="unicode")


def _safe(node: ElementTree.Element, prefix: str) -> ElementTree.Element | None:
    tag = node.tag.removeprefix(_NAMESPACE) if isinstance(node.tag, str) else ""
    if tag not in _ELEMENTS:
        return None
    made = ElementTree.Element(tag)
    classes = []
    for name, value in node.attrib.items():
        if name not in _ATTRIBUTES or not _SAFE_VALUE.fullmatch(value):
            continue
        ink = _INK.get(value) if name in ("fill", "stroke") else None
        if ink:
            classes.append(f"{name[0]}-{ink}")
        elif name == "id":
            made.set(name, prefix + value)
        else:
            made.set(name, _LOCAL.sub(rf"url(#{prefix}\1)", value))
    if classes:
        made.set("class", " ".join(classes))
    made.text = clean(node.text or "")
    for child in node:
        kept = _safe(child, prefix)
        if kept is not None:
            kept.tail = clean(child.tail or "")
            made.append(kept)
    return made
