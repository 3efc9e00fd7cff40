"""An examination of drawn sheets: who judges which, in which order, and every answer kept."""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from veedor.case.sampling import Sample
from veedor.errors import SourceError
from veedor.stats.draws import seed_of, ticket

__all__ = ["Answers", "Examination", "images_of"]

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
PICTURES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
    ".gif": "image/gif", ".pdf": "application/pdf",
}  # fmt: skip
FIXED = ("entry", "at", "examiner", "station")
LAST = ("note", "votes_shown")


@dataclass(frozen=True, slots=True)
class Examination:
    """What one examiner is to judge.

    Attributes
    ----------
    sample : the sample, with its questions
    examiner : by whom
    stations : official codes in the order in which this examiner sees them
    """

    sample: Sample
    examiner: str
    stations: tuple[str, ...]

    @classmethod
    def open(
        cls, folder: Path, examiner: str, among: Sequence[str] = (), each: int = 2
    ) -> Examination:
        """Read the folder that `veedor sample draw` wrote.

        Parameters
        ----------
        among : examiners between whom the sheets are shared; without any, this one sees them all
        each : how many of them see each sheet

        Raises
        ------
        SourceError
            Where a file is missing or is not what it should be, or the sample asks nothing.
        """
        if not NAME.match(examiner):
            raise SourceError(
                f"the examiner {examiner!r} is no name for a file",
                place="--as",
                remedy="Use letters, digits, points and hyphens: it need not be a person's name.",
            )
        sample = _sample(folder / "sample.toml")
        stations = _drawn(folder / "drawn.csv")
        seed = seed_of(sample.ceremony or sample.id)
        if among:
            if examiner not in among:
                raise SourceError(
                    f"{examiner!r} is not among the examiners {', '.join(among)}",
                    place="--among",
                    remedy="Name all examiners, this one too.",
                )
            stations = [s for s in stations if examiner in _of(seed, s, among, each)]
        order = sorted(stations, key=lambda s: ticket(seed, f"{examiner},{s}"))
        return cls(sample, examiner, tuple(order))


def _of(seed: str, station: str, among: Sequence[str], each: int) -> list[str]:
    """The examiners of a sheet: those with the lowest tickets for it."""
    return sorted(set(among), key=lambda name: ticket(seed, f"{station},{name}"))[:each]


def _sample(path: Path) -> Sample:
    try:
        entries = tomllib.loads(path.read_text("utf-8"))["samples"]
        (sample,) = (Sample.model_validate(e) for e in entries)
    except OSError as error:
        raise SourceError(
            f"the file cannot be read ({error.strerror})",
            place=str(path),
            remedy="Name the folder that `veedor sample draw` wrote.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, ValueError) as error:
        text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise SourceError(
            f"not one entry of [[samples]] ({text})", place=str(path), remedy="Mend the file."
        ) from error
    if not sample.questions:
        raise SourceError(
            "the sample asks no question",
            place=str(path),
            remedy="Add [[samples.questions]] with an id and a text for each question of the form.",
        )
    taken = {*FIXED, *LAST} & {q.id for q in sample.questions}
    if taken:
        raise SourceError(
            f"a question has the id {sorted(taken)[0]!r}, which is a column of the answers",
            place=str(path),
            remedy="Give the question another id.",
        )
    return sample


def _drawn(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"the file cannot be read ({error})",
            place=str(path),
            remedy="Name the folder that `veedor sample draw` wrote.",
        ) from error
    if not rows or "station" not in rows[0]:
        raise SourceError("no column `station`, or no row", place=str(path))
    return list(dict.fromkeys(str(r["station"]) for r in rows))


class Answers:
    """The answers of one examiner: a file to which entries are added, and none is ever changed.

    A second entry on a sheet corrects the first, and both stay.
    """

    def __init__(self, folder: Path, examination: Examination) -> None:
        self.path = folder / f"answers-{examination.examiner}.csv"
        self._examination = examination
        self._questions = [q.id for q in examination.sample.questions]
        self.entries = self._read()

    @property
    def heads(self) -> list[str]:
        """The columns of the file."""
        return [*FIXED, *self._questions, *LAST]

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            entries = list(reader)
        if list(reader.fieldnames or ()) != self.heads:
            raise SourceError(
                "these answers are to other questions than the sample asks now",
                place=str(self.path),
                remedy="Keep the file under another name, and the questions as they were put.",
            )
        return entries

    def judged(self) -> dict[str, dict[str, str]]:
        """Station -> the last entry on it."""
        return {entry["station"]: entry for entry in self.entries}

    def next(self) -> str | None:
        """The first sheet of the order without an entry; None when all have one."""
        done = self.judged()
        return next((s for s in self._examination.stations if s not in done), None)

    def add(
        self, station: str, answers: Mapping[str, str], note: str, votes_shown: bool
    ) -> dict[str, str]:
        """Add an entry; it is on the disk when this returns.

        ValueError where the station is none of this examiner's, or a question has no answer that
        its form allows.
        """
        if station not in self._examination.stations:
            raise ValueError(f"{station!r} is not a sheet of this examination")
        for question in self._examination.sample.questions:
            if answers.get(question.id) not in question.answers:
                raise ValueError(f"no answer to: {question.text}")
        entry = {
            "entry": str(len(self.entries) + 1),
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "examiner": self._examination.examiner,
            "station": station,
            **{q: answers[q] for q in self._questions},
            "note": " ".join(note.split()),
            "votes_shown": "yes" if votes_shown else "no",
        }
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self.heads, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(entry)
            file.flush()
            os.fsync(file.fileno())
        self.entries.append(entry)
        return entry


def images_of(folder: Path, stations: Sequence[str]) -> dict[str, list[Path]]:
    """Station -> its pictures: files named by its code, or by it and a hyphen and more."""
    wanted = set(stations)
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES or not path.is_file():
            continue
        stem = path.stem
        while stem not in wanted and "-" in stem:
            stem = stem.rpartition("-")[0]
        if stem in wanted:
            found.setdefault(stem, []).append(path)
    return found
