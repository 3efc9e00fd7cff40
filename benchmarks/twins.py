"""Copies of sheets and pieces of them: what is found, what is found wrongly, and how long it takes.

Sheets are simulated, in the hands of NIST's test writers and in drawn ones. See `twins_sheets`.

Usage: python -m benchmarks.twins [--sheets N] [--copies N] [--pieces N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from benchmarks.twins_sheets import (
    CHANGES,
    KINDS,
    TEMPLATE,
    Made,
    jpeg,
    pasted,
    printed,
    sheets,
    smaller,
)
from veedor.images.inklayers import same_ink
from veedor.images.inkprint import HEIGHT, WIDTH, Inkprint
from veedor.images.mutual import Features, features, mutual
from veedor.images.neighbours import neighbours
from veedor.images.patches import DIMENSIONS, Reused, glyphs_of, reused
from veedor.images.twins import SAME_PARTS, Scanned, find_twins
from veedor.stats.exact import proportion_interval

OWNER = TEMPLATE.owner
MAPPED = {TEMPLATE.id: TEMPLATE}
LARGE, GLYPHS = 35_000, 2_000_000
"""Sheets and digits of the runs whose time is told."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: words, and how many of how many."""

    words: tuple[str, ...]
    hits: int
    trials: int

    def cells(self) -> list[str]:
        if not self.trials:
            return [*self.words, "0 of 0", ""]
        low, high = proportion_interval(np.array([self.hits]), np.array([self.trials]))
        share = f"{100 * self.hits / self.trials:.1f} %"
        limits = f"({100 * low[0]:.1f} to {100 * high[0]:.1f})"
        return [*self.words, f"{self.hits:,} of {self.trials:,}", f"{share} {limits}"]


def filed(prints: Sequence[Inkprint | None], first: int = 0) -> list[Scanned]:
    """Scans of different stations."""
    return [
        Scanned(first + i, first + i, f"{first + i}", None, TEMPLATE.id, one)
        for i, one in enumerate(prints)
        if one is not None
    ]


# Different sheets


def honest(made: Sequence[Made]) -> list[str]:
    """What is found among sheets of which none is a copy."""
    found = find_twins(filed([one.print for one in made]), MAPPED)
    kinds = Counter(p.how + (" (lead)" if p.detail.startswith("lead") else "") for p in found.pairs)
    known = [one for one in made if one.print is not None]
    pairs = len(known) * (len(known) - 1) // 2
    hands = Counter(one.hand for one in known)
    alike = sum(n * (n - 1) // 2 for n in hands.values())
    nist = [hand for hand in hands if hand.startswith("nist")]
    glyphs = sum(len(one.print.boxes) for one in known if one.print is not None)
    return [
        f"{len(made):,} different sheets of one form, {len(known):,} of them registered, by"
        f" {len(hands)} hands ({len(nist)} of NIST's test writers with"
        f" {sum(hands[h] for h in nist)} sheets, the others drawn): {pairs:,} pairs, {alike:,} of"
        f" them by one hand; {glyphs:,} written boxes.",
        "",
        "False pairs: " + ", ".join(
            f"{kinds.get(how, 0)} {how}" for how in ("ink", "patch", "patch (lead)")
        ) + f". At most {_most(kinds.get('ink', 0), pairs):.1e} of pairs are told by their ink, at"
        " 95 %.",
        "",
        *_table(("sheets", "boxes written, mean", "compared", "share"),
                list(_sparse(made, found.sparse))),
    ]  # fmt: skip


def _most(hits: int, trials: int) -> float:
    return float(proportion_interval(np.array([hits]), np.array([trials]), 0.9)[1][0])


def _sparse(made: Sequence[Made], sparse: Sequence[int]) -> Iterator[list[str]]:
    for kind in KINDS:
        at = [i for i, one in enumerate(made) if one.kind == kind and one.print is not None]
        if not at:
            continue
        inked = np.mean([len(one.boxes) for i in at if (one := made[i].print) is not None])
        row = Row((kind, f"{inked:.1f}"), len(set(at) - set(sparse)), len(at))
        yield row.cells()


# Copies


def copies(made: Sequence[Made], count: int, rng: np.random.Generator) -> Iterator[list[str]]:
    """Each change on so many sheets, searched among all sheets."""
    able = [i for i, one in enumerate(made) if one.file is not None and one.print is not None]
    chosen = [able[i] for i in rng.permutation(len(able))[:count]]
    originals = [one.print for one in made]
    for name, change in CHANGES.items():
        again = [printed(change(made[i].pixels, 2 * float(rng.choice([-1, 1])))) for i in chosen]
        prints = [*originals, *again]
        places = [i for i, one in enumerate(prints) if one is not None]
        found = same_ink([one for one in prints if one is not None], OWNER)
        pairs = {(places[p.a], places[p.b]) for p in found.pairs}
        wanted = {(i, len(made) + k) for k, i in enumerate(chosen) if again[k] is not None}
        both = Row((name,), len(wanted & pairs), len(wanted)).cells()
        yield [*both, f"{len(chosen) - len(wanted)}", f"{len(pairs - wanted)}"]


def unregistered(made: Sequence[Made], count: int, rng: np.random.Generator) -> Iterator[Row]:
    """Copies and different sheets laid on each other without a form."""
    able = [one for one in made if one.file is not None and one.kind == "ordinary"]
    chosen = [able[i] for i in rng.permutation(len(able))[: count + 2]]
    known = [features(one.pixels) for one in chosen]
    change = CHANGES["all of these"]
    again = [features(change(one.pixels, 2.0)) for one in chosen[:count]]
    told = sum(_one_sheet(known[i], again[i], known[-2:]) for i in range(count))
    yield Row(("the same sheet, all of these changes",), told, count)
    pairs = list(combinations(range(count), 2))
    some = [pairs[i] for i in rng.permutation(len(pairs))[: 5 * count]]
    wrong = sum(_one_sheet(known[i], known[j], known[-2:]) for i, j in some)
    yield Row(("two different sheets",), wrong, len(some))


def _one_sheet(one: Features, other: Features, controls: Sequence[Features]) -> bool:
    both = (mutual(one, other, controls), mutual(other, one, controls))
    return all(found is not None and found.score >= SAME_PARTS for found in both)


# Pieces


def pieces(made: Sequence[Made], count: int, rng: np.random.Generator) -> Iterator[list[str]]:
    """Fields and single boxes pasted onto other sheets, a tenth of them at a time."""
    nist = [one for one in made if one.hand.startswith("nist") and one.print is not None]
    base = nist if len(nist) > 50 else [one for one in made if one.print is not None][:200]
    base = [one for one in base if one.file is not None and one.family == "scan"]
    for what in ("field", "box"):
        for name, quality, small in (("JPEG of quality 85", 85, False),
                                     ("0.6 of its size, quality 40", 40, True)):  # fmt: skip
            done = [
                d for _ in range(-(-count // 20)) for d in _paste(base, what, quality, small, rng)
            ]
            for boxes in sorted({d[0] for d in done}):
                some = [d for d in done if d[0] == boxes]
                strict, told = sum(d[1] == "strict" for d in some), sum(d[1] != "" for d in some)
                counted = Row((what, str(boxes), name), strict, len(some)).cells()
                yield [*counted, f"{told} of {len(some)}", f"{sum(d[2] for d in some):.0f}"]


def _paste(
    base: Sequence[Made], what: str, quality: int, small: bool, rng: np.random.Generator
) -> list[tuple[int, str, float]]:
    """Written boxes of each piece, how it was told, and its share of other finds."""
    prints: list[Inkprint | None] = [one.print for one in base]
    votes = [f for f, name in enumerate(TEMPLATE.ids) if name.startswith("votes") or name == "cast"]
    order, planted = rng.permutation(len(base))[:40], {}
    for source, target in zip(order[::2].tolist(), order[1::2].tolist(), strict=True):
        one, other = (np.flatnonzero(np.equal(OWNER, f)) for f in rng.choice(votes, 2))
        if what == "box":
            one, other = one[-1:], other[-1:]
        written = np.isin(one, base[source].print.boxes)  # type: ignore[union-attr]
        if not written.any():
            continue
        pixels = jpeg(pasted(base[source], base[target], one, other), quality)
        if small:
            pixels = jpeg(smaller(pixels), quality)
        prints[target] = printed(pixels)
        planted[frozenset((source, target))] = int(written.sum())
    found = reused(glyphs_of(prints, [OWNER] * len(prints)), rng)
    wrong = [one for one in found if frozenset((one.a, one.b)) not in planted]
    return [
        (boxes, _told(found, pair), len(wrong) / len(planted)) for pair, boxes in planted.items()
    ]


def _told(found: Sequence[Reused], pair: frozenset[int]) -> str:
    levels = {one.level for one in found if frozenset((one.a, one.b)) == pair}
    return "strict" if "strict" in levels else "lead" if levels else ""


# Time


def timed(what: str) -> str:
    """Seconds and memory of one run of its own."""
    command = [sys.executable, "-m", "benchmarks.twins", "--time", what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _time_sheets() -> str:
    """All pairs of made-up sheets: boxes of random blots, as many as sheets have."""
    rng = np.random.default_rng(5)
    start = time.process_time()
    prints = [_blots(rng) for _ in range(LARGE)]
    made = time.process_time()
    found = same_ink(prints, OWNER)
    ink = time.process_time()
    glyphs = glyphs_of(prints, [OWNER] * len(prints))
    finds = reused(glyphs, rng)
    end = time.process_time()
    return (
        f"| {LARGE:,} sheets: ink | {ink - made:.0f} s | {len(found.pairs)} pairs |  |\n"
        f"| the same: pieces, {len(glyphs.sheet):,} boxes | {end - ink:.0f} s |"
        f" {len(finds)} finds | {_peak():.1f} GB |\n"
        f"| (making them up) | {made - start:.0f} s |  |  |"
    )


def _time_glyphs() -> str:
    """Neighbours among made-up descriptors of digits, in ten clouds of as many directions."""
    rng = np.random.default_rng(6)
    weights = (0.12 / np.arange(1, DIMENSIONS + 1) ** 0.7).astype(np.float32)
    middles = rng.normal(size=(3000, DIMENSIONS)).astype(np.float32) * weights * 3
    points = middles[rng.integers(0, 3000, GLYPHS)]
    points += rng.standard_normal((GLYPHS, DIMENSIONS), dtype=np.float32) * weights
    copied = rng.permutation(GLYPHS)[:2000].reshape(2, -1)
    noise = rng.standard_normal((1000, DIMENSIONS), dtype=np.float32) * weights
    points[copied[1]] = points[copied[0]] + 0.05 * noise
    start = time.process_time()
    found = neighbours(points, rng)
    seconds = time.process_time() - start
    share = float((found.place[copied[0], 0] == copied[1]).mean())
    return (
        f"| neighbours of {GLYPHS:,} digits | {seconds:.0f} s |"
        f" {100 * share:.1f} % of 1,000 copies are the nearest | {_peak():.1f} GB |"
    )


def _blots(rng: np.random.Generator) -> Inkprint:
    """Strokes of random ends in most of the form's boxes."""
    boxes = np.flatnonzero(rng.random(len(OWNER)) < 0.8).astype(np.int16)
    ink = np.zeros((len(boxes), HEIGHT, WIDTH), dtype=np.uint8)
    ends = rng.uniform((6, 4), (WIDTH - 6, HEIGHT - 4), (len(boxes), 4, 2))
    for picture, line in zip(ink, np.round(ends * 2**8).astype(np.int32), strict=True):
        cv2.polylines(picture, [line], False, 255, 2, cv2.LINE_AA, shift=8)
    side = int(TEMPLATE.page.height // 4), int(TEMPLATE.page.width // 4)
    private = rng.integers(0, 8, side).astype(np.uint8)
    return Inkprint(boxes, ink, private, np.zeros((0, 0), np.uint8))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


# The page


def page(count: int, copied: int, pasted_: int) -> str:
    """The page, in Markdown."""
    rng = np.random.default_rng(21)
    made = list(sheets(count, max(2 * copied, 300), rng))
    lines = [
        "# Re-used images: what is found, and what is found wrongly",
        "",
        "Made by `make twins`. All sheets are simulated; nothing here is a measurement on real"
        " scans. In brackets exact 95 % limits. Thresholds were set on sheets of other seeds: among"
        " 2,000 of these, two sheets of eight zeros had a correlation of 0.88 and were told as one;"
        " since then sheets with fewer than twelve written boxes are told by their private parts,"
        " or by a correlation of at least 0.95.",
        "",
        "## Different sheets",
        "",
        *honest(made),
        "",
        "## Copies of whole sheets",
        "",
        f"Each change on {copied} sheets; their copies are looked for among all sheets. Without a"
        " form: copies on which no form was found, which are not in the share.",
        "",
        *_table(("change", "found", "share", "without a form", "false pairs"),
                list(copies(made, copied, rng))),
        "",
        "Scans on which no form is found, laid on each other with two further scans that tell what"
        " is print:",
        "",
        *_table(("pair", "told as one sheet", "share"),
                [row.cells() for row in unregistered(made, min(copied, 60), rng)]),
        "",
        "## Pieces",
        "",
        "Fields of scanned sheets of NIST's writers, and single boxes, pasted by whole pixels onto"
        " another of them, twenty at a time. The boxes are those of the piece that are written in.",
        "",
        *_table(("piece", "boxes", "then", "found", "share", "with leads", "other finds"),
                list(pieces(made, pasted_, rng))),
        "",
        "A plain stroke or a round zero has its like, so that a single box is mostly not told. What"
        " is told is a field, or an unusual figure.",
        "",
        "## Time",
        "",
        f"Processor time, on all of {os.cpu_count()} cores together, with made-up ink.",
        "",
        "| search | time | result | most memory |",
        "|---|---|---|---|",
        timed("sheets"),
        timed("glyphs"),
        "",
        f"Python {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sheets", type=int, default=2_000)
    parser.add_argument("--copies", type=int, default=200, help="sheets that are copied")
    parser.add_argument("--pieces", type=int, default=100, help="pieces of each kind")
    parser.add_argument("--time", choices=("sheets", "glyphs"), help="one timed run alone")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    if given.time:
        print(_time_sheets() if given.time == "sheets" else _time_glyphs())
        return
    text = page(given.sheets, given.copies, given.pieces)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
