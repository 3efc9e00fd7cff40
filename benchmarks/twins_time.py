"""Time and memory of the search for re-used images, each run in a process of its own.

Usage: python -m benchmarks.twins_time sheets|glyphs NUMBER
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np

from veedor.images.inklayers import same_ink
from veedor.images.inkprint import HEIGHT, WIDTH, Inkprint
from veedor.images.neighbours import neighbours
from veedor.images.patches import DIMENSIONS, glyphs_of, reused
from veedor.simulate.sheets.layouts import layout

__all__ = ["timed"]

TEMPLATE = layout("column", 4).template
OWNER = TEMPLATE.owner
COPIED = 1_000


def timed(what: str, number: int) -> dict[str, Any]:
    """What a run of its own printed."""
    command = [sys.executable, "-m", "benchmarks.twins_time", what, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def of_sheets(number: int) -> dict[str, Any]:
    """All pairs of made-up sheets: boxes of random blots, as many as sheets have."""
    rng = np.random.default_rng(5)
    start = time.process_time()
    prints = [_blots(rng) for _ in range(number)]
    made, held = time.process_time(), _peak()
    found = same_ink(prints, OWNER)
    ink, ink_peak = time.process_time(), _peak()
    glyphs = glyphs_of(prints, [OWNER] * len(prints))
    finds = reused(glyphs, rng)
    end = time.process_time()
    return {
        "making": made - start, "held": held, "ink": ink - made, "ink_pairs": len(found.pairs),
        "ink_peak": ink_peak, "pieces": end - ink, "boxes": len(glyphs.sheet),
        "finds": len(finds), "peak": _peak(),
    }  # fmt: skip


def of_glyphs(number: int) -> dict[str, Any]:
    """Neighbours among made-up descriptors of digits, in 3,000 clouds, some of them twice."""
    rng = np.random.default_rng(6)
    weights = (0.12 / np.arange(1, DIMENSIONS + 1) ** 0.7).astype(np.float32)
    middles = rng.normal(size=(3000, DIMENSIONS)).astype(np.float32) * weights * 3
    points = middles[rng.integers(0, 3000, number)]
    points += rng.standard_normal((number, DIMENSIONS), dtype=np.float32) * weights
    copied = rng.permutation(number)[: 2 * COPIED].reshape(2, -1)
    noise = rng.standard_normal((copied.shape[1], DIMENSIONS), dtype=np.float32) * weights
    points[copied[1]] = points[copied[0]] + 0.05 * noise
    held, start = _peak(), time.process_time()
    nearest = np.empty(number, dtype=np.int32)
    for at, found in neighbours(points, rng):
        nearest[at] = found.place[:, 0]
    return {
        "seconds": time.process_time() - start,
        "nearest": int((nearest[copied[0]] == copied[1]).sum()),
        "copied": copied.shape[1],
        "held": held,
        "peak": _peak(),
    }


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
    """Gibibytes, the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    print(json.dumps({"sheets": of_sheets, "glyphs": of_glyphs}[sys.argv[1]](int(sys.argv[2]))))
