"""Printed forms: what is printed where, in millimetres, and the page as the printer gives it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from veedor.images.template import Template

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

BLACK: Colour = (30, 30, 32)
GREY: Colour = (150, 150, 152)


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle: left, top, right, bottom; every straight line is one."""

    place: tuple[float, float, float, float]
    colour: Colour


@dataclass(frozen=True, slots=True)
class Words:
    """A line of printed text: its middle height, its size, and which end `x` is."""

    x: float
    y: float
    size: float
    text: str
    colour: Colour = BLACK
    anchor: Literal["l", "m", "r"] = "l"
    upright: bool = True


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle, filled or (with a width) not."""

    x: float
    y: float
    radius: float
    colour: Colour
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A bar code or square code with the station in its text.

    Attributes
    ----------
    text : with `{station}`, the official code
    place : left, top, width, height in millimetres, quiet zone included
    """

    kind: Literal["Code128", "QRCode"]
    text: str
    place: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A form: its template, what is printed on it, and where people write other things.

    Attributes
    ----------
    name : of the layout; with the number of options, the template's id
    held_out : never used for training or for choosing thresholds
    bitonal : its scans are usually of two tones
    paper : colour of the paper
    symbols : codes of the station
    station : place of the printed station code
    words : field id -> place in which its number is written in words
    bubbles : field id -> (digits, 10, 2) middles of the bubbles; empty where there are none
    bubble : radius of a bubble
    """

    name: str
    template: Template
    printed: tuple[Bar | Words | Disc, ...]
    paper: Colour
    symbols: tuple[Symbol, ...]
    station: Words
    held_out: bool = False
    bitonal: bool = False
    words: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    bubbles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    bubble: float = 1.4


class Printer:
    """Collects what is printed on a form; all places in millimetres."""

    def __init__(self) -> None:
        self.items: list[Bar | Words | Disc] = []

    def bar(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.items.append(Bar((x, y, x + width, y + height), colour))

    def across(self, x: float, y: float, length: float, pen: float, colour: Colour) -> None:
        """A horizontal line about `y`."""
        self.items.append(Bar((x, y - pen / 2, x + length, y + pen / 2), colour))

    def down(self, x: float, y: float, length: float, pen: float, colour: Colour) -> None:
        """A vertical line about `x`."""
        self.items.append(Bar((x - pen / 2, y, x + pen / 2, y + length), colour))

    def frame(
        self, x: float, y: float, width: float, height: float, pen: float, colour: Colour
    ) -> None:
        """The four sides of a rectangle."""
        for at in (y, y + height):
            self.across(x - pen / 2, at, width + pen, pen, colour)
        for at in (x, x + width):
            self.down(at, y, height, pen, colour)

    def text(self, x: float, y: float, size: float, text: str, **other: Any) -> None:
        """A line of text about the height `y`."""
        self.items.append(Words(x, y, size, text, **other))

    def disc(
        self, x: float, y: float, radius: float, colour: Colour, width: float | None = None
    ) -> None:
        """A circle."""
        self.items.append(Disc(x, y, radius, colour, width))


@functools.lru_cache(maxsize=24)
def _blank(layout: Layout, dpi: float) -> Pixels:
    scale = dpi / 25.4
    page = layout.template.page
    shape = (round(page.height * scale), round(page.width * scale), 3)
    pixels = np.empty(shape, dtype=np.uint8)
    pixels[:] = layout.paper
    draw(pixels, layout.printed, scale)
    pixels.setflags(write=False)
    return pixels


def blank(layout: Layout, dpi: float = 200) -> Pixels:
    """The empty form as printed: (height, width, 3), without code and station."""
    return _blank(layout, dpi).copy()


def draw(pixels: Pixels, items: Sequence[Bar | Words | Disc], scale: float) -> None:
    """Print on a page of `scale` pixels a millimetre, in place."""
    for item in items:
        if isinstance(item, Bar):
            _bar(pixels, item, scale)
        elif isinstance(item, Disc):
            _disc(pixels, item, scale)
        else:
            _words(pixels, item, scale)


def stamp_code(pixels: Pixels, symbol: Symbol, station: str, scale: float) -> None:
    """Print a code with the text of a station over its place, paper and all."""
    kind = getattr(zxingcpp.BarcodeFormat, symbol.kind)
    code = zxingcpp.create_barcode(symbol.text.format(station=station), kind)
    modules = np.array(code.to_image(scale=1, add_quiet_zones=True))
    left, top, width, height = (round(v * scale) for v in symbol.place)
    if symbol.kind == "Code128":
        modules = np.repeat(modules[:1], 2, axis=0)
        each = max(int(width / modules.shape[1]), 1)
        size = (modules.shape[1] * each, height)
    else:
        each = max(int(min(width, height) / modules.shape[0]), 1)
        size = (modules.shape[1] * each, modules.shape[0] * each)
    picture = cv2.resize(modules, size, interpolation=cv2.INTER_NEAREST)
    picture = np.where(picture > 127, 255, 25).astype(np.uint8)
    pixels[top : top + height, left : left + width] = 255
    room = pixels[top : top + size[1], left : left + size[0]]
    room[:] = picture[: room.shape[0], : room.shape[1], None]


def _bar(pixels: Pixels, item: Bar, scale: float) -> None:
    left, top, right, bottom = (v * scale for v in item.place)
    rows, across = _cover(top, bottom, pixels.shape[0]), _cover(left, right, pixels.shape[1])
    if rows is None or across is None:
        return
    alpha = rows[1][:, None, None] * across[1][None, :, None]
    room = pixels[rows[0], across[0]]
    room[:] = np.round(room + alpha * (np.array(item.colour) - room.astype(np.float64)))


def _cover(low: float, high: float, size: int) -> tuple[slice, NDArray[np.float64]] | None:
    """The pixels between two places, and how much of each lies between them."""
    first, last = max(int(np.floor(low)), 0), min(int(np.ceil(high)), size)
    if last <= first:
        return None
    at = np.arange(first, last)
    return slice(first, last), np.minimum(at + 1, high) - np.maximum(at, low)


def _disc(pixels: Pixels, item: Disc, scale: float) -> None:
    reach = item.radius + (item.width or 0) + 2 / scale
    x0, y0 = max(int((item.x - reach) * scale), 0), max(int((item.y - reach) * scale), 0)
    x1, y1 = int((item.x + reach) * scale) + 1, int((item.y + reach) * scale) + 1
    room = pixels[y0:y1, x0:x1]
    y, x = np.mgrid[: room.shape[0], : room.shape[1]]
    away = np.hypot(x + x0 + 0.5 - item.x * scale, y + y0 + 0.5 - item.y * scale)
    if item.width is None:
        cover = np.clip(item.radius * scale - away + 0.5, 0, 1)
    else:
        cover = np.clip(item.width * scale / 2 - abs(away - item.radius * scale) + 0.5, 0, 1)
    room[:] = np.round(room + cover[..., None] * (np.array(item.colour) - room.astype(np.float64)))


def _words(pixels: Pixels, item: Words, scale: float) -> None:
    font = ImageFont.load_default(max(item.size * scale, 4))
    left, top, right, bottom = (int(v) for v in font.getbbox(item.text, anchor="ls"))
    image = Image.new("L", (right - left + 4, bottom - top + 4), 0)
    ImageDraw.Draw(image).text((2 - left, 2 - top), item.text, fill=255, font=font, anchor="ls")
    cover = np.asarray(image, dtype=np.float64) / 255
    if not item.upright:
        cover = np.rot90(cover)
    height, width = cover.shape
    shift = {"l": 0.0, "m": width / 2, "r": float(width)}[item.anchor]
    x, y = round(item.x * scale - shift), round(item.y * scale - height / 2)
    x, y = max(x, 0), max(y, 0)
    room = pixels[y : y + height, x : x + width]
    cover = cover[: room.shape[0], : room.shape[1], None]
    room[:] = np.round(room + cover * (np.array(item.colour) - room.astype(np.float64)))
