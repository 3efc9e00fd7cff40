"""Sheets by hands that the project draws, their inkprints, and what people do to pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from veedor.images.cells import cut_cells
from veedor.images.inkprint import Inkprint, inkprint
from veedor.images.registration import Registrar
from veedor.images.template import Template
from veedor.simulate.sheets import (
    Convention,
    Hand,
    degrade,
    draw_ease,
    draw_pen,
    draw_times,
    layout,
    make_sheet,
    write_all,
)

FORM = layout("column", 4)
REGISTRAR = Registrar([(FORM.template, None)])


@dataclass(frozen=True)
class Made:
    """A scan, the map from its form, and its inkprint (None: no form was found)."""

    pixels: np.ndarray
    matrix: np.ndarray
    print: Inkprint | None


def values(rng: np.random.Generator) -> dict[str, int | str]:
    """Numbers of an ordinary sheet of `FORM`."""
    votes = rng.multinomial(rng.integers(150, 240), rng.dirichlet([3, 3, 2, 2]))
    blank, null = rng.integers(0, 9, 2)
    found: dict[str, int | str] = {f"votes-{i + 1}": int(v) for i, v in enumerate(votes)}
    found |= {"valid": int(votes.sum()), "blank": int(blank), "null": int(null)}
    found |= {"cast": int(votes.sum() + blank + null)}
    found["delegate"] = "".join(str(d) for d in rng.integers(0, 10, 8))
    return {k: v for k, v in (found | draw_times(rng)).items() if k in FORM.template.ids}


def scan(
    hand: Hand,
    rng: np.random.Generator,
    *,
    numbers: dict[str, int | str] | None = None,
    family: str = "scan",
) -> Made:
    """A sheet in one hand, scanned."""
    marks = write_all(FORM.template, values(rng) if numbers is None else numbers, Convention())
    sheet = make_sheet(
        FORM, marks, hand, rng, station="100001", delegate=hand, pen=draw_pen(rng),
        ease=draw_ease(rng),
    )  # fmt: skip
    found = degrade(sheet.page, family, rng)  # type: ignore[arg-type]
    return Made(found.pixels, found.matrix, printed(found.pixels))


def printed(pixels: np.ndarray, template: Template = FORM.template) -> Inkprint | None:
    """The inkprint of a picture."""
    at = REGISTRAR.register(pixels)
    if at is None:
        return None
    cells = cut_cells(pixels, at, template)
    return inkprint(cells, pixels=pixels, registration=at, template=template)


def jpeg(pixels: np.ndarray, quality: int = 40) -> np.ndarray:
    """Compressed, and read again."""
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def smaller(pixels: np.ndarray) -> np.ndarray:
    """At 0.6 of its size."""
    return cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def turned(pixels: np.ndarray, angle: float = 2.0) -> np.ndarray:
    """Turned by some degrees."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    return cv2.warpAffine(pixels, matrix, (width, height), borderValue=(250, 250, 250))


def cropped(pixels: np.ndarray) -> np.ndarray:
    """Without 1.2 % of its width on each side."""
    margin = round(0.012 * pixels.shape[1])
    return np.ascontiguousarray(pixels[margin:-margin, margin:-margin])


def all_of_it(pixels: np.ndarray) -> np.ndarray:
    """Turned, cropped, reduced and compressed."""
    return jpeg(smaller(cropped(turned(pixels))))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG q40": jpeg,
    "0.6 of its size": smaller,
    "turned by 2 degrees": turned,
    "cropped": cropped,
    "all of these": all_of_it,
}


def pasted(source: Made, target: Made, field: str, onto: str, margin: float = 0.8) -> np.ndarray:
    """The target's picture with a field of the source's over one of its own, by whole pixels."""
    corners = []
    for made, name in ((source, field), (target, onto)):
        cells = FORM.template.field(name).cells
        low = cells[:, :2].min(axis=0) - margin
        high = (cells[:, :2] + cells[:, 2:]).max(axis=0) + margin
        box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        corners.append(cv2.perspectiveTransform(box[None], made.matrix)[0])
    left, top = np.ceil(corners[0].min(axis=0)).astype(int)
    right, bottom = np.floor(corners[0].max(axis=0)).astype(int)
    span = corners[0].max(axis=0) - corners[0].min(axis=0)
    x, y = np.round(corners[1].mean(axis=0) - span / 2).astype(int)
    result = target.pixels.copy()
    result[y : y + bottom - top, x : x + right - left] = source.pixels[top:bottom, left:right]
    return result
