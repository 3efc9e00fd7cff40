"""Whether the drawn sheets on disk are those that the words draw from the frame beside them."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from veedor.case.announcement import ANNOUNCED, beside
from veedor.case.sampling import RANDOM, Sample
from veedor.errors import SourceError
from veedor.stats import draws

__all__ = ["compare"]

Rows = Sequence[Mapping[str, str]]
REMEDY = "Restore {} as they were written; the same draw can be made anew in another folder."


def compare(folder: Path, sample: Sample) -> str:
    """Repeat the draw of a folder by the words of the sample and the frame, and compare it.

    Returns
    -------
    Why it was not compared; empty where `drawn.csv` is the draw.

    Raises
    ------
    SourceError
        Where `drawn.csv` has other sheets, or the frame is not the one that was announced.
    """
    if sample.ceremony is None or sample.selection not in RANDOM:
        return "sample.toml states no words to repeat a draw by"
    path = folder / "frame.csv"
    if not path.exists():
        return "no frame.csv lies beside it"
    there = beside(folder / "sample.toml")
    if there is not None and there.said is not None:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if sha256 != there.said.frame_sha256:
            raise SourceError(
                "not the frame that was announced: its SHA-256 is another",
                place=str(path),
                remedy=f"Restore frame.csv and {ANNOUNCED} as they were published.",
            )
    level = sample.strata or sample.clusters
    wanted = [level] if level else ["weight"] if sample.weights else []
    frame = _rows(path)
    if missing := [name for name in ("station", *wanted) if name not in frame[0]]:
        return f"frame.csv has no column `{missing[0]}`"
    if level and any("\\" in row[level] or row[level].startswith("'") for row in frame):
        return f"frame.csv does not write all names of `{level}` as they are"
    try:
        expected = _draw(sample, sample.ceremony, frame, level)
    except ValueError as error:
        raise SourceError(
            f"what sample.toml tells of cannot be drawn from this frame: {error}",
            place=str(path),
            remedy=REMEDY.format("frame.csv and sample.toml"),
        ) from error
    drawn = [draws.composed(row["station"]) for row in _rows(folder / "drawn.csv")]
    # Strata stand in the order of their names, of which the frame may write another form.
    if sample.selection == "stratified" and sorted(drawn) == sorted(expected):
        return ""
    for k, (code, right) in enumerate(zip_longest(drawn, expected), 1):
        if code != right:
            raise SourceError(
                f"not what the words of sample.toml draw from frame.csv: row {k}"
                f" (line {k + 1}) has {_called(code)}, and the draw {_called(right)}",
                place=str(folder / "drawn.csv"),
                remedy=REMEDY.format("drawn.csv, frame.csv and sample.toml"),
            )
    return ""


def _called(code: str | None) -> str:
    return "no sheet" if code is None else f"the sheet {code!r}"


def _draw(sample: Sample, ceremony: str, frame: Rows, level: str | None) -> list[str]:
    names, seed, size = [row["station"] for row in frame], draws.seed_of(ceremony), sample.size or 0
    if sample.selection == "proportional":
        weights = [int(row["weight"]) for row in frame]
        at = draws.proportional(names, weights, size, seed)
    elif sample.selection == "simple" or level is None:
        at = draws.simple(names, size, seed)
    else:
        places = [row[level] for row in frame]
        if sample.selection == "stratified":
            at = draws.stratified(names, places, draws.allocate(Counter(places), size), seed)
        else:
            at = draws.clustered(names, places, size, seed, sample.within)
    return [draws.composed(names[i]) for i in at.tolist()]


def _rows(path: Path) -> Rows:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"the file cannot be read ({error})", place=str(path)) from error
    if not rows:
        raise SourceError("the file has no row", place=str(path))
    return rows
