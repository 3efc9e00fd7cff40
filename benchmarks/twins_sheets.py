"""Sheets for measuring the search for re-used images, what is done to copies, and pieces pasted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import SourceError
from veedor.handwriting.digits import load_digits
from veedor.images.cells import cut_cells
from veedor.images.inkprint import Inkprint, inkprint
from veedor.images.registration import Registrar
from veedor.simulate.sheets import (
    Hand,
    Pool,
    degrade,
    draw_convention,
    draw_ease,
    draw_pen,
    draw_times,
    drawn_hands,
    layout,
    make_sheet,
    need,
    write_all,
)
from veedor.simulate.sheets.devices import Family

Pixels = NDArray[np.uint8]
FORM = layout("column", 4)
TEMPLATE = FORM.template
REGISTRAR = Registrar([(TEMPLATE, None)])
KINDS = ("ordinary", "mostly zeros", "few strokes")
PER_HAND = 9
"""Sheets of one drawn hand."""


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


def _values(kind: str, rng: np.random.Generator) -> dict[str, int | str]:
    if kind == "ordinary":
        votes = rng.multinomial(rng.integers(120, 240), rng.dirichlet([3, 3, 2, 2]))
        blank, null = rng.integers(0, 9, 2)
        more: dict[str, int | str] = {"delegate": "".join(str(d) for d in rng.integers(0, 10, 8))}
        more |= draw_times(rng)
    else:
        votes = rng.integers(0, 3, 4) * (rng.random(4) < (0.3 if kind == "mostly zeros" else 1))
        blank, null, more = 0, 0, {}
    found = more | {f"votes-{i + 1}": int(v) for i, v in enumerate(votes)}
    if kind == "few strokes":
        return {k: v for k, v in found.items() if v}
    found |= {"valid": int(votes.sum()), "blank": int(blank), "null": int(null)}
    return found | {"cast": int(votes.sum() + blank + null)}


def sheets(count: int, keep: int, rng: np.random.Generator) -> Iterator[Made]:
    """Different sheets of one form, several in each hand; no image of a digit stands twice.

    First in the hands of NIST's test writers, as far as their digits go, then in drawn ones.

    Parameters
    ----------
    keep : so many of the first pictures are kept
    """
    made = 0
    for one in _of_nist(rng):
        if made == count:
            return
        yield _scan(*one, rng, made < keep)
        made += 1
    hands = drawn_hands(-(-count // PER_HAND), seed=int(rng.integers(10**6)))
    while made < count:
        hand = hands[made // PER_HAND]
        kind = KINDS[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
        yield _scan(kind, hand, _values(kind, rng), rng, made < keep)
        made += 1


def _of_nist(rng: np.random.Generator) -> Iterator[tuple[str, Hand, dict[str, int | str]]]:
    """Ordinary sheets without the delegate's number, until no writer has digits enough."""
    try:
        pool = Pool.of_nist(load_digits().of("test"))
    except SourceError:
        return
    while True:
        values = _values("ordinary", rng)
        values.pop("delegate")
        marks = write_all(TEMPLATE, values, draw_convention(rng, ()))
        hand = pool.choose(need(marks, TEMPLATE.ids), rng)
        if hand is None:
            return
        yield "ordinary", hand, values


def _scan(
    kind: str, hand: Hand, values: dict[str, int | str], rng: np.random.Generator, keep: bool
) -> Made:
    convention = draw_convention(rng, () if hand.id.startswith("nist") else TEMPLATE.fillers)
    # What the pool foresaw is what is written: zeros before a number would take more digits.
    if hand.id.startswith("nist"):
        convention = type(convention)()
    sheet = make_sheet(
        FORM, write_all(TEMPLATE, values, convention), hand, rng, station="100001", delegate=hand,
        pen=draw_pen(rng), ease=draw_ease(rng),
    )  # fmt: skip
    family: Family = "scan" if rng.random() < 0.7 else "photo"
    found = degrade(sheet.page, family, rng)
    file = found.encoded() if keep else None
    return Made(kind, hand.id, family, file, found.matrix, printed(found.pixels))


def printed(pixels: Pixels) -> Inkprint | None:
    """The inkprint of a picture; None where no form is found."""
    at = REGISTRAR.register(pixels)
    if at is None:
        return None
    cells = cut_cells(pixels, at, TEMPLATE)
    return inkprint(cells, pixels=pixels, registration=at, template=TEMPLATE)


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


def pasted(source: Made, target: Made, boxes: NDArray[np.int64], onto: NDArray[np.int64]) -> Pixels:
    """The target's picture with boxes of the source's over some of its own, by whole pixels."""
    margin = 0.8 if len(boxes) > 1 else 0.2
    corners = []
    for made, places in ((source, boxes), (target, onto)):
        cells = TEMPLATE.cells[places]
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
