"""Lay templates on simulated scans whose true place is known, and write how near they come.

For each layout and family of pictures: sheets, the share of fields whose boxes all lie within two
pixels at 200 dots an inch (0.25 mm) of their true place, those within one millimetre, fields and
sheets refused, fields accepted more than a millimetre off, and sheets taken for a form that they
are not, when their own was not among the templates.

Usage: python -m benchmarks.registration [--sheets N] [--seed N] [--out docs/images.md]
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import veedor
from veedor.images.registration import Registrar
from veedor.simulate import sheets
from veedor.simulate.sheets import Layout, Scan

OPTIONS = (3, 4, 5, 8)
"""Numbers of options: forms of one layout that are nearly alike."""
PIXEL = 25.4 / 200
FAMILIES = ("scan", "photo", "fax")
START, END = "<!-- measured -->", "<!-- end -->"
"""The lines of the page between which the table is written."""


@dataclass(slots=True)
class Tally:
    """What was counted of one layout and family."""

    sheets: int = 0
    refused: int = 0
    mistaken: int = 0
    foreign: int = 0
    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    """Of fields found, millimetres: the corner that is farthest off."""
    unfound: int = 0


def scan(form: Layout, family: str, seed: int) -> Scan:
    """A filled sheet of a form, as a device of the family gives it."""
    rng = np.random.default_rng([seed, sum(map(ord, form.name)), len(form.template.fields)])
    values: dict[str, int | str | None] = {}
    for f in form.template.fields:
        digits = min(f.digits, 3) if f.kind == "count" else f.digits
        values[f.id] = "".join(str(d) for d in rng.integers(0, 10, digits)).zfill(f.digits)
    marks = sheets.write_all(
        form.template, values, sheets.draw_convention(rng, form.template.fillers)
    )
    one, other = sheets.drawn_hands(2, seed)
    sheet = sheets.make_sheet(
        form, marks, one, rng, station="100123", delegate=other, pen=sheets.draw_pen(rng),
        ease=sheets.draw_ease(rng),
    )  # fmt: skip
    return sheets.degrade(sheet.page, family, rng, two_tones=form.bitonal)  # type: ignore[arg-type]


def corners(form: Layout, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(boxes, 4, 2) true corners in pixels."""
    x, y, w, h = form.template.cells.T
    at = np.stack([np.stack(p, -1) for p in ((x, y), (x + w, y), (x + w, y + h), (x, y + h))], 1)
    return np.asarray(cv2.perspectiveTransform(at.reshape(1, -1, 2), matrix)).reshape(-1, 4, 2)


def measure(
    tally: Tally, form: Layout, picture: Scan, registrar: Registrar, others: Registrar
) -> None:
    """Register one scan with its own template among all, and again without it."""
    pixels = picture.pixels
    start = time.process_time()
    found = registrar.register(pixels)
    tally.seconds.append(time.process_time() - start)
    tally.sheets += 1
    tally.foreign += others.register(pixels) is not None
    if found is None:
        tally.refused += 1
        return
    if found.template != form.template.id:
        tally.mistaken += 1
        return
    scale = np.sqrt(abs(np.linalg.det(picture.matrix[:2, :2])))
    apart = np.hypot(*np.moveaxis(found.boxes - corners(form, picture.matrix), -1, 0)) / scale
    worst = np.zeros(len(form.template.fields))
    np.maximum.at(worst, form.template.owner, apart.max(axis=1))
    tally.errors += worst[found.found].tolist()
    tally.unfound += int((~found.found).sum())


def row(name: str, family: str, tally: Tally) -> str:
    """A line of the table."""
    errors = np.array(tally.errors)
    fields = len(errors) + tally.unfound
    within = (errors <= 2 * PIXEL).sum() / max(fields, 1)
    wrong = int((errors > 1.0).sum())
    worst = np.quantile(errors, 0.99) / PIXEL if len(errors) else np.nan
    return (
        f"| {name} | {family} | {tally.sheets} | {tally.refused} | {fields} | {tally.unfound} |"
        f" {100 * within:.2f} % | {worst:.2f} | {wrong} | {tally.mistaken} | {tally.foreign} |"
        f" {1000 * np.median(tally.seconds):.0f} |"
    )


HEAD = """\
| layout | family | sheets | refused | fields | not found | within 2 px | 99th, px | off | mistaken\
 | foreign | ms |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def run(names: Sequence[str], count: int, seed: int) -> list[str]:
    """All layouts and families."""
    forms = [sheets.layout(name, options) for name in sheets.LAYOUTS for options in OPTIONS]
    lines = [HEAD]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for form in forms:
            if form.template.blank:
                pixels = sheets.blank(form)
                cv2.imwrite(str(folder / form.template.blank), pixels[..., ::-1])
        known = {form.template.id: (form.template, folder) for form in forms}
        for layout in names:
            mine = [form for form in forms if form.name == layout]
            near = [known[form.template.id] for form in mine]
            every = Registrar(near)
            others = [Registrar([one for one in near if one is not own]) for own in near]
            for family in FAMILIES:
                tally = Tally()
                for number in range(count):
                    kind = number % len(mine)
                    # Its own template with the three most like it; then those three alone.
                    picture = scan(mine[kind], family, seed + number)
                    measure(tally, mine[kind], picture, every, others[kind])
                lines.append(row(layout, family, tally))
                print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--layouts", default=",".join(sheets.LAYOUTS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    print(HEAD)
    lines = run(given.layouts.split(","), given.sheets, given.seed)
    text = "\n".join(
        [
            *lines,
            "",
            f"veedor {veedor.__version__}, OpenCV {cv2.__version__}, Python"
            f" {platform.python_version()}, {platform.machine()}, one thread; seed {given.seed}.",
        ]
    )
    if given.out:
        before, after = given.out.read_text(encoding="utf-8").split(START)
        after = after[after.index(END) :]
        given.out.write_text(f"{before}{START}\n{text}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
