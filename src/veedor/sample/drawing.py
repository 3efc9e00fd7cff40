"""A draw on disk: the frame, the drawn sheets, and the entry for the case file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from veedor.case.manifest import Case
from veedor.case.sampling import Sample
from veedor.checks.sampled import Frame, draw, weights_of
from veedor.errors import CaseError
from veedor.export.spreadsheet import cell
from veedor.stats.draws import composed, seed_of

__all__ = ["Drawn", "announce", "write_draw"]

ANNOUNCED = "announced.toml"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn: draws, different sheets, the seed, and the SHA-256 of the frame's file."""

    draws: int
    sheets: int
    seed: str
    frame: str


def announce(sample: Sample, frame: Frame, case: Case, out: Path) -> str:
    """Write `frame.csv`, from which will be drawn, and `announced.toml`, how many and how; give the
    SHA-256 of the frame.

    Both are to be published before the ceremony. CaseError where others are there already, where
    the sample cannot be drawn from this frame, or where a code cannot be written as it is: the draw
    hangs on it.
    """
    _as_announced(sample, out)
    published = _write_frame(sample, frame, case, out)
    (out / ANNOUNCED).write_bytes(_announcement(sample))
    return published


def _announcement(sample: Sample) -> bytes:
    return _entry(sample.model_copy(update={"ceremony": None})).encode("utf-8")


def _as_announced(sample: Sample, out: Path) -> None:
    """Refuse another draw than the one that was announced in this folder."""
    path = out / ANNOUNCED
    if path.exists() and path.read_bytes() != _announcement(sample):
        raise CaseError(
            "another draw was announced here: another size, or another way to draw",
            place=str(path),
            remedy="Give the options as they were announced, or draw into another folder.",
        )


def _write_frame(sample: Sample, frame: Frame, case: Case, out: Path) -> str:
    """Write `frame.csv`, by official code with all that the draw hangs on, and give its SHA-256."""
    text = _frame(sample, frame, case)
    path = out / "frame.csv"
    if path.exists() and path.read_bytes() != text:
        raise CaseError(
            "another frame is there, which may have been published",
            place=str(path),
            remedy="Draw into another folder, or restore the count as it was.",
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def write_draw(sample: Sample, frame: Frame, case: Case, out: Path) -> Drawn:
    """Write `frame.csv`, `drawn.csv` and `sample.toml`, and say what was drawn.

    CaseError as in `announce`, and where something else was announced there.
    """
    _as_announced(sample, out)
    drawn = draw(sample, frame, case)
    places = list(case.geography)
    drawn_text = _csv(
        ("draw", "station", *places, "chance"),
        (
            (
                k,
                frame.station[i],
                *(frame.paths[p][i].rpartition(" / ")[2] for p in places),
                f"{chance:.12g}",
            )
            for k, (i, chance) in enumerate(
                zip(drawn.at.tolist(), drawn.chance.tolist(), strict=True), 1
            )
        ),
    )
    published = _write_frame(sample, frame, case, out)
    (out / "drawn.csv").write_bytes(drawn_text)
    (out / "sample.toml").write_text(_entry(sample), encoding="utf-8", newline="\n")
    return Drawn(
        draws=len(drawn.at),
        sheets=len(set(drawn.at.tolist())),
        seed=seed_of(sample.ceremony or ""),
        frame=published,
    )


def _frame(sample: Sample, frame: Frame, case: Case) -> bytes:
    codes = [composed(code) for code in frame.station]
    if odd := next((code for code in codes if cell(code) != code), None):
        raise CaseError(
            f"the station's code {odd!r} would be a formula, or change, in a spreadsheet",
            place=f"the count {sample.frame!r}",
            remedy="Take such characters off the codes with `strip` of the source.",
        )
    weights = weights_of(sample, frame, case) if sample.selection == "proportional" else None
    level = sample.strata or sample.clusters
    return _csv(
        ("station", *((level,) if level else ()), *(("weight",) if weights else ())),
        (
            (
                codes[i],
                *((composed(frame.paths[level][i]),) if level else ()),
                *((weights[i],) if weights else ()),
            )
            for i in sorted(range(len(codes)), key=codes.__getitem__)
        ),
    )


def _csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([cell(v) if isinstance(v, str) else v for v in row] for row in rows)
    return text.getvalue().encode()


def _entry(sample: Sample) -> str:
    """The sample as TOML; JSON strings and numbers are TOML too."""
    about = sample.model_dump(exclude_defaults=True)
    lines = ["[[samples]]"]
    lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in about.items()]
    lines += [
        "",
        "# What examiners are asked; one entry for each question of their form.",
        "# [[samples.questions]]",
        '# id = "one-hand"',
        '# text = "One person filled in the sheets of the centre"',
        "",
    ]
    return "\n".join(lines)
