"""A draw on disk: the frame, what was announced, the drawn sheets, the entry of the case file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from veedor.case.announcement import ANNOUNCED, OPTIONS, Announcement
from veedor.case.manifest import Case
from veedor.case.sampling import Sample
from veedor.checks.announced import csv_bytes, frame_bytes
from veedor.checks.sampled import Frame, draw
from veedor.errors import CaseError
from veedor.stats.draws import composed, seed_of

__all__ = ["Drawn", "Published", "announce", "source_entries", "write_draw"]

DRAWN, ENTRY = "drawn.csv", "sample.toml"
NOTHING = "Nothing was written."


SHOWN = 'votes_shown = "votes_shown"'


@dataclass(frozen=True, slots=True)
class Published:
    """What is to be published: the announcement, and the SHA-256 of its file and the frame's."""

    said: Announcement
    announced: str
    frame: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn: draws, different sheets, the seed, and the SHA-256 of the frame's file.

    Attributes
    ----------
    questions : ids of what sample.toml asks
    announced : SHA-256 of the announcement in the folder; None where nothing was announced there
    written, kept : files that were written, and those that stay as they were
    """

    draws: int
    sheets: int
    seed: str
    frame: str
    questions: tuple[str, ...]
    announced: str | None
    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def announce(
    sample: Sample, frame: Frame, case: Case, out: Path, words_like: str | None = None
) -> Published:
    """Write `frame.csv`, from which will be drawn, and `announced.toml`, how many and how.

    Both are to be published before the ceremony. An announcement that is there stays as it is, for
    it may be published.

    Parameters
    ----------
    words_like : form of the ceremony's words, see `Announcement`

    Raises
    ------
    CaseError
        Where another draw was announced there or one was made, where the sample cannot be drawn
        from this frame, or where a code cannot be written as it is: the draw hangs on it.
    """
    text = frame_bytes(sample, frame, case)
    said = Announcement.of(sample, len(frame.sid), hashlib.sha256(text).hexdigest(), words_like)
    there = _announced(out)
    if there is None and (made := _made(out)) is not None:
        raise CaseError(
            "sheets were drawn here already: nothing can be announced of that draw any more",
            place=str(made),
            remedy="Announce into another folder, and hold another ceremony.",
        )
    if there is not None:
        _the_same(said, there, out)
    draw(sample.model_copy(update={"ceremony": "to see that it can be drawn"}), frame, case)
    _write_frame(text, out)
    if there is None:
        (out / ANNOUNCED).write_bytes(said.text().encode("utf-8"))
    sha256 = hashlib.sha256((out / ANNOUNCED).read_bytes()).hexdigest()
    return Published(said, sha256, said.frame_sha256)


def _announced(out: Path) -> Announcement | None:
    """What was announced in this folder; CaseError where its file does not tell."""
    path = out / ANNOUNCED
    if not path.exists():
        return None
    try:
        return Announcement.parse(path.read_bytes())
    except ValueError as error:
        told = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            told = ": ".join([*map(str, first["loc"]), first["msg"]])
        raise CaseError(
            f"not an announcement of a draw ({told})",
            place=str(path),
            remedy="Restore the file as it was published, or announce into another folder.",
        ) from error


def _the_same(said: Announcement, there: Announcement, out: Path) -> None:
    """Refuse another draw than the one that was announced in this folder."""
    if names := said.differing(there):
        was, now = (getattr(one, names[0]) for one in (there, said))
        raise CaseError(
            f"another draw was announced here: {names[0]} is {_called(was)} there, and"
            f" {_called(now)} here",
            place=str(out / ANNOUNCED),
            remedy="Give the options as they were announced, or restore the count as it was."
            " Another draw needs an announcement of its own, in another folder.",
        )


def _made(out: Path) -> Path | None:
    """What tells that a draw was made in this folder; None where nothing does."""
    return next((p for name in (DRAWN, ENTRY) if (p := out / name).exists()), None)


def _called(value: object) -> str:
    return "not given" if value is None else repr(value)


def _in_form(words: str, there: Announcement, out: Path) -> None:
    """Refuse words that do not have the form that was announced, or that are not the first."""
    if not there.fits(words):
        raise CaseError(
            f"the words {words!r} do not have the form that was announced, {there.words_like!r}",
            place=str(out / ANNOUNCED),
            remedy="Write what was thrown in that form: each # is one digit, and the rest stands as"
            " it is, spaces too.",
        )
    if (made := _made(out)) is None:
        return
    first = _words(out / ENTRY)
    if first is None or composed(first) != composed(words):
        told = "words that sample.toml does not tell" if first is None else f"the words {first!r}"
        raise CaseError(
            f"the draw that was announced here was made, with {told}",
            place=str(made),
            remedy="A ceremony is held once: give its words. Another draw needs an announcement of"
            " its own, in another folder.",
        )


def _words(path: Path) -> str | None:
    """The words with which was drawn, by the entry for the case file; None where it is not told."""
    try:
        (entry,) = tomllib.loads(path.read_text("utf-8"))["samples"]
        return str(entry["ceremony"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_frame(text: bytes, out: Path) -> bool:
    """Write `frame.csv`, by official code with all that the draw hangs on; False if it is there."""
    path = out / "frame.csv"
    if path.exists() and path.read_bytes() != text:
        raise CaseError(
            "another frame is there, which may have been published",
            place=str(path),
            remedy="Draw into another folder, or restore the count as it was.",
        )
    out.mkdir(parents=True, exist_ok=True)
    return _write(path, text)


def _write(path: Path, text: bytes) -> bool:
    """Write a file; False where it was the same already."""
    if path.exists() and path.read_bytes() == text:
        return False
    path.write_bytes(text)
    return True


def _there(sample: Sample, path: Path) -> Sample | None:
    """The entry for the case file that is there and of this draw, and so stays as it is.

    CaseError where it is of another draw and somebody added to it, or the words were others.
    """
    if not path.exists():
        return None
    try:
        text = path.read_text("utf-8")
        (about,) = tomllib.loads(text)["samples"]
        there = Sample.model_validate(about)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CaseError(
            "not one entry of [[samples]], so that its draw is not known",
            place=str(path),
            remedy=f"Mend the file, or draw into another folder. {NOTHING}",
        ) from error
    if composed(there.ceremony or "") != composed(sample.ceremony or ""):
        raise CaseError(
            f"this draw was made, with {_words_of(there)}",
            place=str(path),
            remedy=f"A ceremony is held once: give its words, or another folder. {NOTHING}",
        )
    names = (*OPTIONS, "frame", "announced")
    differs = [name for name in names if getattr(there, name) != getattr(sample, name)]
    if differs and text != _entry(there):
        was, now = (_called(getattr(one, differs[0])) for one in (there, sample))
        raise CaseError(
            f"the entry is of another draw, and was added to: {differs[0]} is {was} there, and"
            f" {now} here",
            place=str(path),
            remedy=f"Give the same options, or draw into another folder. {NOTHING}",
        )
    return None if differs else there


def _words_of(sample: Sample) -> str:
    return "no words" if sample.ceremony is None else f"the words {sample.ceremony!r}"


def write_draw(
    sample: Sample, frame: Frame, case: Case, out: Path, words_like: str | None = None
) -> Drawn:
    """Write `frame.csv`, `drawn.csv` and `sample.toml`, and say what was drawn.

    Where a draw was announced there it is this one or none, with words of the announced form. Once
    made it is made with no others. A `sample.toml` of this draw stays as it is, with its questions.

    Parameters
    ----------
    words_like : form of the words; that of the announcement where left out

    Raises
    ------
    CaseError
        As in `announce`, where the words are not those that were announced, and where a
        `sample.toml` is there with other words, or of another draw and added to.
    """
    text = frame_bytes(sample, frame, case)
    published = hashlib.sha256(text).hexdigest()
    if (there := _announced(out)) is not None:
        form = there.words_like if words_like is None else words_like
        _the_same(Announcement.of(sample, len(frame.sid), published, form), there, out)
        _in_form(sample.ceremony or "", there, out)
        sha256 = hashlib.sha256((out / ANNOUNCED).read_bytes()).hexdigest()
        sample = sample.model_copy(update={"announced": sha256})
    elif words_like is not None:
        raise CaseError(
            "no draw was announced here, and so no form of the words",
            place=str(out / ANNOUNCED),
            remedy="Announce first, without the words; or draw without a form.",
        )
    kept = _there(sample, out / ENTRY)
    drawn = draw(sample, frame, case)
    places = list(case.geography)
    drawn_text = csv_bytes(
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
    new = {
        out / "frame.csv": _write_frame(text, out),
        out / DRAWN: _write(out / DRAWN, drawn_text),
        out / ENTRY: kept is None and _write(out / ENTRY, _entry(sample).encode("utf-8")),
    }
    return Drawn(
        draws=len(drawn.at),
        sheets=len(set(drawn.at.tolist())),
        seed=seed_of(sample.ceremony or ""),
        frame=published,
        questions=tuple(q.id for q in kept.questions) if kept is not None else (),
        announced=sample.announced,
        written=tuple(path for path, is_new in new.items() if is_new),
        kept=tuple(path for path, is_new in new.items() if not is_new),
    )


def source_entries(
    sample: str, folder: str, examiners: Sequence[str], questions: Sequence[str]
) -> str:
    """Entries of the case file for what examiners answered and were shown unveiled, as TOML.

    Parameters
    ----------
    sample : its id
    folder : of the sample, as the case file names it
    """
    asked = ", ".join(f"{json.dumps(q)} = {json.dumps(q)}" for q in questions)
    lines = []
    for name in examiners:
        for kind, file, more in (
            ("examined", "answers", (f"answers = {{ {asked} }}", SHOWN, 'ignore = ["*"]')),
            ("showings", "unveiled", ('ignore = ["picture"]',)),
        ):
            lines += [
                "[[sources]]",
                f"id = {json.dumps(f'{sample}-{file}-{name}')}",
                f'kind = "{kind}"',
                f"file = {json.dumps(f'{folder}/{file}-{name}.csv', ensure_ascii=False)}",
                'format = "delimited"',
                'key = "station"',
                f"sample = {json.dumps(sample)}",
                'actor = "examiner"',
                'instant = "at"',
                *more,
                "",
            ]
    return "\n".join(lines).rstrip("\n")


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
