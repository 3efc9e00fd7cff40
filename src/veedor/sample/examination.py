"""An examination of drawn sheets: who judges which, in which order, and every answer kept."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from veedor.case.announcement import ANNOUNCED
from veedor.case.sampling import Sample
from veedor.case.tables import RECORD_BEGINS
from veedor.errors import SourceError
from veedor.export.spreadsheet import cell
from veedor.stats.draws import seed_of, ticket

__all__ = ["Answers", "Examination", "codes_of", "images_of"]

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
PICTURES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
    ".gif": "image/gif", ".pdf": "application/pdf",
}  # fmt: skip
FIXED = ("entry", "at", "examiner", "station")
LAST = ("note", "votes_shown")
LONGEST = 2000
"""Characters of a note."""
SHOWN = ("at", "station")
UNVEILED = ("at", "examiner", "station", "picture")


@dataclass(frozen=True, slots=True)
class Examination:
    """What one examiner is to judge.

    Attributes
    ----------
    sample : the sample, with its questions
    examiner : by whom
    stations : official codes in the order in which this examiner sees them
    places : station -> level and name of each place that it lies in, where `drawn.csv` tells them
    """

    sample: Sample
    examiner: str
    stations: tuple[str, ...]
    places: Mapping[str, Sequence[tuple[str, str]]]

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
        if (folder / ANNOUNCED).exists() and not (folder / "sample.toml").exists():
            raise SourceError(
                "a draw is announced here and not made yet: there is no sheet to examine",
                place=str(folder / ANNOUNCED),
                remedy="Hold the ceremony, and give `veedor sample draw` its words (--ceremony).",
            )
        sample = _sample(folder / "sample.toml")
        rows = _sheets(folder / "drawn.csv")
        stations = _codes(rows)
        seed = seed_of(sample.ceremony or sample.id)
        if among:
            if examiner not in among:
                raise SourceError(
                    f"{examiner!r} is not among the examiners {', '.join(among)}",
                    place="--among",
                    remedy="Name all examiners, this one too.",
                )
            if each > len(set(among)):
                raise SourceError(
                    f"{each} examiners cannot see a sheet: {len(set(among))} are named",
                    place="--each",
                    remedy="Name more examiners with --among.",
                )
            stations = [s for s in stations if examiner in _of(seed, s, among, each)]
        order = sorted(stations, key=lambda s: ticket(seed, f"{examiner},{s}"))
        return cls(sample, examiner, tuple(order), _places(rows))


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


def _sheets(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, restkey="", restval=""))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"the file cannot be read ({error})",
            place=str(path),
            remedy="Name the folder that `veedor sample draw` wrote.",
        ) from error
    if not rows or "station" not in rows[0]:
        raise SourceError("no column `station`, or no row", place=str(path))
    return rows


def _codes(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(r["station"] for r in rows))


def _places(rows: Sequence[Mapping[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Station -> level and name of its places; of no file but as `veedor sample draw` writes it,
    for others may hold what an examiner is not to see.
    """
    heads = [head for head in rows[0] if head]
    if heads[:2] != ["draw", "station"] or heads[-1] != "chance":
        return {}
    return {r["station"]: [(h, r[h]) for h in heads[2:-1] if r[h]] for r in rows}


def codes_of(folder: Path) -> list[str]:
    """The codes of all sheets of the frame; none where its file is not there."""
    path = folder / "frame.csv"
    return _codes(_sheets(path)) if path.exists() else []


class Answers:
    """The answers of one examiner: a file to which entries are added, and none is ever changed.

    A second entry on a sheet corrects the first, and both stay. Of which sheets the votes were
    shown stands in a file of its own, which outlasts the page; so does every showing of a picture
    whose private parts are not veiled.
    """

    def __init__(self, folder: Path, examination: Examination) -> None:
        self.path = folder / f"answers-{examination.examiner}.csv"
        self._shown_path = folder / f"shown-{examination.examiner}.csv"
        self.unveiled_path = folder / f"unveiled-{examination.examiner}.csv"
        self._examination = examination
        self._questions = [q.id for q in examination.sample.questions]
        self.entries = self._read()
        shown = _rows(
            self._shown_path, list(SHOWN), "this does not tell of which sheets votes were shown"
        )
        self.shown = {r["station"] for r in shown}
        unveiled = _rows(
            self.unveiled_path, list(UNVEILED), "this does not tell which pictures were unveiled"
        )
        if not unveiled:
            # Says whose record it is, and of which answers it cannot tell: those from before it.
            self._unveiled(RECORD_BEGINS, "")

    @property
    def heads(self) -> list[str]:
        """The columns of the file."""
        return [*FIXED, *self._questions, *LAST]

    def _read(self) -> list[dict[str, str]]:
        return _rows(
            self.path, self.heads, "these are answers to other questions than the sample asks now"
        )

    def judged(self) -> dict[str, dict[str, str]]:
        """Station -> the last entry on it."""
        return {entry["station"]: entry for entry in self.entries}

    @property
    def done(self) -> int:
        """Sheets of this examination that have an entry."""
        return len(self.judged().keys() & set(self._examination.stations))

    def show(self, station: str) -> None:
        """Keep that the votes of a sheet were shown."""
        if station not in self.shown:
            _append(self._shown_path, SHOWN, {"at": _now(), "station": station})
            self.shown.add(station)

    def unveil(self, station: str, picture: int) -> None:
        """Keep that a picture of a sheet, by its number from 1, is shown as it is: each time."""
        self._unveiled(station, str(picture))

    def _unveiled(self, station: str, picture: str) -> None:
        entry = {"at": _now(), "examiner": self._examination.examiner, "station": station}
        _append(self.unveiled_path, UNVEILED, entry | {"picture": picture})

    def left(self) -> list[tuple[int, str]]:
        """The sheets without an entry, each with its number in the order."""
        done = self.judged()
        return [(k, s) for k, s in enumerate(self._examination.stations, 1) if s not in done]

    def next(self, after: str | None = None) -> str | None:
        """The first sheet of the order without an entry; None when all have one.

        Parameters
        ----------
        after : a sheet, of which the next one is wanted; from the beginning again after the last
        """
        order, done = self._examination.stations, self.judged()
        begin = 0 if after is None else order.index(after) + 1
        turned = (*order[begin:], *order[:begin])
        return next((s for s in turned if s not in done and s != after), None)

    def add(self, station: str, answers: Mapping[str, str], note: str) -> dict[str, str]:
        """Add an entry; it is on the disk when this returns. Where the last one on this sheet says
        the same, that one stands and none is added.

        ValueError where the station is none of this examiner's, a question has no answer that its
        form allows, or the note is too long.
        """
        if station not in self._examination.stations:
            raise ValueError(f"{station!r} is not a sheet of this examination")
        for question in self._examination.sample.questions:
            if answers.get(question.id) not in question.answers:
                raise ValueError(f"no answer to: {question.text}")
        note = " ".join(note.split())
        if len(note) > LONGEST:
            raise ValueError(f"the note has {len(note):,} characters, and {LONGEST:,} at the most")
        self.entries = self._read()
        said = {
            "examiner": self._examination.examiner,
            "station": station,
            **{q: answers[q] for q in self._questions},
            "note": cell(note),
            "votes_shown": "yes" if station in self.shown else "no",
        }
        before = self.judged().get(station)
        if before is not None and before.items() >= said.items():
            return before
        entry = {"entry": str(len(self.entries) + 1), "at": _now(), **said}
        _append(self.path, self.heads, entry)
        self.entries.append(entry)
        return entry


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _append(path: Path, heads: Sequence[str], *entries: Mapping[str, str]) -> None:
    """Add lines to a file of entries; they are on the disk when this returns."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, heads, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(entries)
        file.flush()
        os.fsync(file.fileno())


def _rows(path: Path, heads: list[str], wrong: str) -> list[dict[str, str]]:
    """The entries of a file; none where it is not there. SourceError where it is not whole."""
    if not path.exists():
        return []
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the file cannot be read ({error})", place=str(path)) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = list(reader)
    if list(reader.fieldnames or ()) != heads:
        raise SourceError(
            wrong,
            place=str(path),
            remedy="Keep the file under another name, and the questions as they were put.",
        )
    if not text.endswith("\n") or any(None in r or None in r.values() for r in rows):
        raise SourceError(
            "an entry is not whole: the machine may have stopped while it was written",
            place=str(path),
            remedy="Keep a copy of the file, and take the broken line out of it.",
        )
    return rows


def images_of(
    folder: Path, stations: Sequence[str], frame: Sequence[str] = ()
) -> dict[str, list[Path]]:
    """Station -> its pictures: files named by its code, or by it and a hyphen and more.

    Parameters
    ----------
    frame : codes of other sheets too, so that no picture of one is taken for another's
    """
    wanted, every = set(stations), {*stations, *frame}
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES or not path.is_file():
            continue
        stem = path.stem
        while stem not in every and "-" in stem:
            stem = stem.rpartition("-")[0]
        if stem in wanted:
            found.setdefault(stem, []).append(path)
    return found
