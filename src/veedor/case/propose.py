"""A case file proposed for data files that nobody has described: guesses, each marked as one."""

from __future__ import annotations

import datetime as dt
import fnmatch
import glob
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from veedor.case.proof import counted
from veedor.case.recognise import Recognised, recognise
from veedor.case.sample import Sample, take
from veedor.errors import CaseError

HEAD = """\
# Proposed by `veedor case new`. Every line marked GUESS was told from names and contents:
# read it against the publisher's documentation, correct it, and delete the mark.
# Then: veedor case check {out}
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The text of a case file, and what was recognised, in a few lines."""

    text: str
    summary: list[str]


def propose(paths: Sequence[Path], out: Path, *, today: dt.date | None = None) -> Proposal:
    """Propose a case file at `out` for data files, of which the first is the official count.

    Raises
    ------
    SourceError
        Where a file cannot be read.
    CaseError
        Where the first file has no column that could hold votes.
    """
    samples = [take(Path(path)) for path in paths]
    known = [recognise(sample) for sample in samples]
    official, first = samples[0], known[0]
    if not first.options:
        raise CaseError(
            "no column looks like the votes of an option: whole numbers that are neither codes"
            " nor totals",
            place=str(official.path),
            remedy=f"Its columns are {', '.join(official.names[:30])}. Give the file with the"
            " sheets first, one row per station and one column per option.",
        )
    ids = _identifiers(first.options)
    lines = _contest(official, first, ids, out, today or dt.date.today())
    names: list[str] = []
    for number, (sample, guess) in enumerate(zip(samples, known, strict=True)):
        name = _unique(_slug(_stem(sample.path)) or "source", names)
        names.append(name)
        block = _source(sample, guess, name, number, ids, first, out)
        same = set(first.options) <= set(sample.names)
        lines += block if same else _commented(block, set(first.options) - set(sample.names))
    return Proposal("\n".join(lines) + "\n", _summary(official, first))


def _contest(
    sample: Sample, guess: Recognised, ids: dict[str, str], out: Path, today: dt.date
) -> list[str]:
    stem = _stem(sample.path)
    lines = [
        HEAD.format(out=out.as_posix()),
        "format = 1",
        f"id = {_text(_slug(stem) or 'case')}",
        f"title = {_text(stem)}  # GUESS: from the name of the file",
        'contest = "contest"  # GUESS: president, mayor, deputies ...',
        f"date = {_date(stem, today).isoformat()}  # GUESS: the day of the vote",
        'timezone = "UTC"  # GUESS: a name such as America/La_Paz',
        'official = "official"',
        "",
        "# GUESS: from the outermost level to the polling centre",
        f"geography = [{', '.join(_text(level) for level in guess.geography)}]",
        "",
        "[rule]",
        'kind = "plurality"  # GUESS: or absolute-majority, majority-or-lead, referendum ...',
        "",
    ]
    for column in guess.options:
        lines += ["[[options]]", f"id = {_text(ids[column])}", f"name = {_text(column)}", ""]
    return lines


def _source(
    sample: Sample,
    guess: Recognised,
    name: str,
    number: int,
    ids: dict[str, str],
    first: Recognised,
    out: Path,
) -> list[str]:
    lines = ["[[sources]]", f"id = {_text(name)}", 'kind = "count"']
    if number == 0:
        lines += ['count = "official"', 'role = "official"  # GUESS: the first file given']
    else:
        lines += [f"count = {_text(name)}", 'role = "preliminary"  # GUESS: or "copy"']
    lines += [*_form(sample, out), *_mapping(sample, guess)]
    columns = [c for c in first.options if c in sample.names]
    lines += ["", f"[sources.options]  # GUESS: {counted(len(columns), 'column')} of votes"]
    lines += [f"{_text(ids[column])} = {_text(column)}" for column in columns]
    geography = {k: v for k, v in guess.geography.items() if k in first.geography}
    if geography:
        lines += ["", "[sources.geography]  # GUESS"]
        lines += [f"{_text(level)} = {_text(column)}" for level, column in geography.items()]
    if guess.words:
        lines += ["", "[sources.words]  # GUESS: words in cells of numbers, and what they mean"]
        lines += [f"{_text(word)} = {_text(_meaning(word))}" for word in guess.words]
    return [*lines, ""]


def _form(sample: Sample, out: Path) -> list[str]:
    doubts = f"  # GUESS: {'; '.join(sample.doubts)}" if sample.doubts else ""
    lines = [f"file = {_text(_relative(sample.path, out))}", f"format = {_text(sample.format)}"]
    if sample.member:
        lines += [f"member = {_text(sample.member)}{doubts}"]
    if sample.sheet:
        lines += [f"sheet = {_text(sample.sheet)}{doubts}"]
    if sample.format == "delimited":
        lines += [f"encoding = {_text(sample.encoding)}  # GUESS"]
        lines += [f"separator = {_text(sample.separator)}  # GUESS"]
    if sample.header > 1:
        lines += [f"header = {sample.header}  # GUESS: the line with the column names"]
    return lines


def _mapping(sample: Sample, guess: Recognised) -> list[str]:
    unique = (
        "tells the rows apart that were looked at"
        if guess.key_unique
        else "does NOT tell the rows apart: mend it"
    )
    lines = [f"key = {_columns(guess.key)}  # GUESS: {unique}"]
    if guess.strip:
        lines += [f"strip = {_text(guess.strip)}"]
    for name, columns in guess.numbers.items():
        value = _columns(columns) if name in ("registered", "blank", "null") else _text(columns[0])
        lines += [f"{name} = {value}  # GUESS"]
    lines += [f"{name} = {_text(column)}  # GUESS" for name, column in sorted(guess.single.items())]
    if guess.rest:
        lines += ["# Not recognised, and so not used. A column of votes among them is lost votes:"]
        lines += ["# move it to [sources.options] and add the option."]
        lines += ["ignore = ["]
        lines += [f"  {_text(_pattern(column))}," for column in guess.rest]
        lines += ["]"]
    return lines


def _commented(block: Sequence[str], lacking: set[str]) -> list[str]:
    """A source that does not fit, for the user to complete."""
    names = ", ".join(_text(column) for column in sorted(lacking)[:5])
    why = f"# This file lacks columns of the first ({names}): map its own, or drop it."
    return [why, *(f"# {line}" if line else "#" for line in block), ""]


def _summary(sample: Sample, guess: Recognised) -> list[str]:
    lines = [
        f"{sample.path.name}: {counted(len(sample.rows), 'row')} looked at"
        + (f", {sample.encoding}, separator {sample.separator!r}" * (sample.format == "delimited"))
        + f", header in line {sample.header}",
        f"key: {' + '.join(guess.key)}" + ("" if guess.key_unique else " (rows repeat it)"),
        f"options: {', '.join(guess.options)}",
        f"geography: {', '.join(f'{k} = {v}' for k, v in guess.geography.items())}",
    ]
    lines += [f"{name}: {', '.join(columns)}" for name, columns in guess.numbers.items()]
    if guess.rest:
        lines += [f"not recognised: {', '.join(guess.rest)}"]
    return lines


def _identifiers(columns: Sequence[str]) -> dict[str, str]:
    """An id for each column of votes, in the letters that ids may have."""
    ids: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        ids[column] = _unique(_slug(column) or f"option-{number}", list(ids.values()))
    return ids


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._+]+", "-", plain).strip("-._+")


def _unique(name: str, taken: Sequence[str]) -> str:
    number = 2
    found = name
    while found in taken:
        found = f"{name}-{number}"
        number += 1
    return found


def _stem(path: Path) -> str:
    return path.name.split(".")[0] or path.name


def _date(stem: str, today: dt.date) -> dt.date:
    """A day or a year in the name of the file, or today."""
    if found := re.search(r"(19|20)\d\d[-._]?(0[1-9]|1[0-2])[-._]?(0[1-9]|[12]\d|3[01])", stem):
        digits = re.sub(r"\D", "", found[0])
        try:
            return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        except ValueError:  # the 31st of a shorter month
            return dt.date(int(digits[:4]), int(digits[4:6]), 1)
    if year := re.search(r"(?<!\d)(19|20)\d\d(?!\d)", stem):
        return dt.date(int(year[0]), 1, 1)
    return today


def _relative(path: Path, out: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), out.resolve().parent)).as_posix()
    except ValueError:  # another drive of Windows
        return path.resolve().as_posix()


def _meaning(word: str) -> str:
    folded = word.casefold()
    if "ileg" in folded or "illeg" in folded:
        return "illegible"
    return "no-sheet" if "acta" in folded or "sheet" in folded else "no-data"


def _pattern(column: str) -> str:
    pattern = glob.escape(column)
    return pattern if fnmatch.fnmatchcase(column, pattern) else column


def _columns(columns: Sequence[str]) -> str:
    texts = [_text(column) for column in columns]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _text(value: str) -> str:
    """A TOML string: JSON's, but that a delete character is escaped too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
