"""Sheets for measuring the search for re-used images, what is done to copies, and pieces pasted."""

from __future__ import annotations

import functools
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import SourceError
from veedor.handwriting.digits import Digits, load_digits
from veedor.images.cells import cut_cells
from veedor.images.inkprint import Inkprint, inkprint
from veedor.images.registration import Registrar
from veedor.images.template import Template
from veedor.simulate.sheets.content import (
    Convention,
    draw_convention,
    draw_times,
    need,
    write_all,
)
from veedor.simulate.sheets.devices import Family, degrade
from veedor.simulate.sheets.drawn import drawn_hands
from veedor.simulate.sheets.forms import Layout, blank
from veedor.simulate.sheets.hands import Hand, Pool
from veedor.simulate.sheets.layouts import layout
from veedor.simulate.sheets.pens import draw_ease, draw_pen
from veedor.simulate.sheets.render import make_sheet

Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]
OPTIONS = 4
KINDS = ("ordinary", "mostly zeros", "few strokes")
PER_HAND = 9
"""Sheets of one drawn hand."""
PER_ROUND = 20
"""Pieces pasted among the same sheets at once."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Which sheets: `seed` sets them apart from those of another setting.

    Attributes
    ----------
    families : what they went through; of two, the first in seven cases of ten
    """

    form: str
    families: tuple[Family, ...]
    seed: int

    @property
    def layout(self) -> Layout:
        """The form as it is printed."""
        return layout(self.form, OPTIONS)

    @property
    def template(self) -> Template:
        """The form as it is known."""
        return self.layout.template

    def rng(self, *about: int | str) -> np.random.Generator:
        """Chance of its own for each thing that is made."""
        return np.random.default_rng([self.seed, zlib.crc32(repr(about).encode())])


@dataclass(frozen=True, slots=True)
class Made:
    """A scan; its file is kept of some alone."""

    kind: str
    hand: str
    family: str
    file: bytes | None
    matrix: NDArray[np.float64]
    print: Inkprint | None

    @property
    def pixels(self) -> Pixels:
        """The picture in the file."""
        assert self.file is not None
        found = cv2.imdecode(np.frombuffer(self.file, dtype=np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(found[..., ::-1])


@functools.cache
def nist_digits() -> Digits | None:
    """Those of NIST's test writers; None where the data are not there."""
    try:
        return load_digits().of("test")
    except SourceError:
        return None


def _values(template: Template, kind: str, rng: np.random.Generator) -> dict[str, int | str]:
    if kind == "ordinary":
        votes = rng.multinomial(rng.integers(120, 240), rng.dirichlet([3, 3, 2, 2]))
        empty, null = rng.integers(0, 9, 2)
        digits = template.field("delegate").digits
        more: dict[str, int | str] = {
            "delegate": "".join(str(d) for d in rng.integers(0, 10, digits))
        }
        more |= draw_times(rng)
        more["registered"] = int(rng.integers(240, 420))
    else:
        votes = rng.integers(0, 3, 4) * (rng.random(4) < (0.3 if kind == "mostly zeros" else 1))
        empty, null, more = 0, 0, {}
    found = more | {f"votes-{i + 1}": int(v) for i, v in enumerate(votes)}
    if kind == "few strokes":
        return {k: v for k, v in found.items() if v}
    found |= {"valid": int(votes.sum()), "blank": int(empty), "null": int(null)}
    found |= {"cast": int(votes.sum() + empty + null)}
    return {k: v for k, v in found.items() if k in template.ids}


def of_nist(
    setting: Setting, digits: Digits, most: int, keep: int, rng: np.random.Generator
) -> Iterator[Made]:
    """Ordinary sheets without the delegate's number, until no writer has digits enough.

    No image of a digit stands twice.

    Parameters
    ----------
    keep : so many of the first pictures are kept
    """
    pool = Pool.of_nist(digits)
    for number in range(most):
        values = _values(setting.template, "ordinary", rng)
        del values["delegate"]
        marks = write_all(setting.template, values, Convention())
        hand = pool.choose(need(marks, setting.template.ids), rng)
        if hand is None:
            return
        yield _scan(setting, "ordinary", hand, values, Convention(), rng, number < keep)


def of_drawn(setting: Setting, count: int, keep: int, rng: np.random.Generator) -> Iterator[Made]:
    """Sheets in drawn hands, `PER_HAND` in each."""
    hands = drawn_hands(-(-count // PER_HAND), seed=int(rng.integers(10**9)))
    for number in range(count):
        kind = KINDS[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
        convention = draw_convention(rng, setting.template.fillers)
        values = _values(setting.template, kind, rng)
        hand = hands[number // PER_HAND]
        yield _scan(setting, kind, hand, values, convention, rng, number < keep)


def _scan(
    setting: Setting,
    kind: str,
    hand: Hand,
    values: dict[str, int | str],
    convention: Convention,
    rng: np.random.Generator,
    keep: bool,
) -> Made:
    sheet = make_sheet(
        setting.layout, write_all(setting.template, values, convention), hand, rng,
        station="100001", delegate=hand, pen=draw_pen(rng), ease=draw_ease(rng),
    )  # fmt: skip
    family = setting.families[0 if rng.random() < 0.7 else -1]
    found = degrade(sheet.page, family, rng, two_tones=setting.layout.bitonal)
    file = found.encoded() if keep else None
    print_ = printed(found.pixels, setting.form)
    return Made(kind, hand.id, family, file, found.matrix, print_)


@functools.cache
def _registrar(form: str) -> Registrar:
    made = layout(form, OPTIONS)
    with tempfile.TemporaryDirectory(prefix="veedor-twins-") as folder:
        if made.template.blank:
            cv2.imwrite(str(Path(folder) / made.template.blank), blank(made)[..., ::-1])
        return Registrar([(made.template, Path(folder))])


def printed(pixels: Pixels, form: str) -> Inkprint | None:
    """The inkprint of a picture; None where the form is not found on it."""
    at = _registrar(form).register(pixels)
    if at is None:
        return None
    template = layout(form, OPTIONS).template
    cells = cut_cells(pixels, at, template)
    return inkprint(cells, pixels=pixels, registration=at, template=template)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def smaller(pixels: Pixels) -> Pixels:
    return np.asarray(
        cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def turned(pixels: Pixels, angle: float) -> Pixels:
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    found = cv2.warpAffine(pixels, matrix, (width, height), borderValue=(250, 250, 250))
    return np.asarray(found, dtype=np.uint8)


def cropped(pixels: Pixels) -> Pixels:
    margin = round(0.012 * pixels.shape[1])
    return np.ascontiguousarray(pixels[margin:-margin, margin:-margin])


Change = Callable[[Pixels, float], Pixels]
CHANGES: dict[str, Change] = {
    "JPEG of quality 40": lambda p, angle: jpeg(p, 40),
    "0.6 of its size": lambda p, angle: jpeg(smaller(p), 85),
    "turned by 2 degrees": lambda p, angle: jpeg(turned(p, angle), 85),
    "1.2 % cropped on each side": lambda p, angle: jpeg(cropped(p), 85),
    "all of these": lambda p, angle: jpeg(smaller(cropped(turned(p, angle))), 40),
}
THEN: dict[str, Callable[[Pixels], Pixels]] = {
    "nothing": lambda p: p,
    "JPEG of quality 85": lambda p: jpeg(p, 85),
    "0.6 of its size, quality 40": lambda p: jpeg(smaller(jpeg(p, 85)), 40),
}
"""What is done to a sheet once a piece was pasted onto it."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A sheet with a piece of another one: places of both among the base, the written boxes of the
    piece, which round it belongs to, and the inkprint of the sheet that then is.
    """

    source: int
    target: int
    boxes: int
    round: int
    print: Inkprint | None


def paste(
    setting: Setting, base: list[Made], what: str, then: str, rounds: int, rng: np.random.Generator
) -> Iterator[Pasted]:
    """Fields of votes, or the last box of one, from sheets of the base onto others of it.

    Parameters
    ----------
    base : scans of which there is the file and a print
    what : `field` or `box`
    """
    template = setting.template
    votes = [f for f, name in enumerate(template.ids) if name.startswith("votes") or name == "cast"]
    for number in range(rounds):
        order = rng.permutation(len(base))[: 2 * PER_ROUND]
        for source, target in zip(order[::2].tolist(), order[1::2].tolist(), strict=False):
            one, other = (np.flatnonzero(template.owner == f) for f in rng.choice(votes, 2))
            if what == "box":
                one, other = one[-1:], other[-1:]
            print_ = base[source].print
            assert print_ is not None
            written = int(np.isin(one, print_.boxes).sum())
            if not written:
                continue
            pixels = THEN[then](pasted(template, base[source], base[target], one, other))
            yield Pasted(source, target, written, number, printed(pixels, setting.form))


def pasted(template: Template, source: Made, target: Made, boxes: Ints, onto: Ints) -> Pixels:
    """The target's picture with boxes of the source's over some of its own, by whole pixels."""
    margin = 0.8 if len(boxes) > 1 else 0.2
    corners = []
    for made, places in ((source, boxes), (target, onto)):
        cells = template.cells[places]
        low = cells[:, :2].min(axis=0) - margin
        high = (cells[:, :2] + cells[:, 2:]).max(axis=0) + margin
        box = np.array([[low, [high[0], low[1]], high, [low[0], high[1]]]])
        corners.append(np.asarray(cv2.perspectiveTransform(box, made.matrix))[0])
    left, top = np.ceil(corners[0].min(axis=0)).astype(int)
    right, bottom = np.floor(corners[0].max(axis=0)).astype(int)
    span = corners[0].max(axis=0) - corners[0].min(axis=0)
    x, y = np.round(corners[1].mean(axis=0) - span / 2).astype(int)
    result = target.pixels
    piece = source.pixels[top:bottom, left:right]
    result[y : y + bottom - top, x : x + right - left] = piece
    return result
