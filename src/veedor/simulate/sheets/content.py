"""What is written in the boxes of a form: digits, and what people write instead of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.template import FormField, Template

Ints = NDArray[np.int64]
Values = dict[str, int | str | None]
"""Field id -> a number, figures as they stand (a time, say), or None for an empty field."""
Filler = Literal["dash", "dot", "cross", "line"]
Class = Literal["digit", "empty", "filler", "struck", "overwritten", "unreadable"]
LETTERS: dict[str, str] = {
    "empty": "_", "filler": "-", "struck": "x", "overwritten": "#", "unreadable": "?",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """What one box holds.

    Attributes
    ----------
    kind : digit, or one of the other classes of `veedor.images.sheet.CLASSES`
    digit : the one meant; None for none
    under : the one that was written first, of a box that was written over or struck
    beside : the new digit of a struck box stands beside it (above, in small)
    second : another digit in the same box, of an unreadable one
    filler : which mark stands for no digit
    """

    kind: Class
    digit: int | None = None
    under: int | None = None
    beside: bool = False
    second: int | None = None
    filler: Filler | None = None

    @property
    def letter(self) -> str:
        """As in `FieldReading.text`."""
        return str(self.digit) if self.kind == "digit" else LETTERS[self.kind]

    def digits(self) -> tuple[int, ...]:
        """Every digit that is written."""
        first = None if self.kind == "struck" and not self.beside else self.digit
        return tuple(d for d in (self.under, first, self.second) if d is not None)


EMPTY = Mark("empty")


@dataclass(frozen=True, slots=True)
class Convention:
    """How whoever fills a sheet writes what has fewer digits than boxes.

    Attributes
    ----------
    lead : in the boxes before the first digit
    nought : a field with no votes: one 0, all boxes 0, fillers, or left empty
    filler : the mark
    """

    lead: Literal["empty", "zeros", "filler"] = "empty"
    nought: Literal["zero", "zeros", "filler", "empty"] = "zero"
    filler: Filler = "dash"


def draw_convention(rng: np.random.Generator, fillers: Sequence[str]) -> Convention:
    """A convention as people have them, by what the form allows."""
    lead = str(rng.choice(["empty", "zeros", "filler"], p=[0.6, 0.25, 0.15]))
    if lead == "filler" and not fillers:
        lead = "empty"
    nought = {"zeros": "zeros", "filler": "filler"}.get(lead, "zero")
    if nought == "zero" and rng.random() < 0.15:
        nought = "zeros"
    filler = str(rng.choice(list(fillers))) if fillers else "dash"
    return Convention(lead, nought, filler)  # type: ignore[arg-type]


def spell(value: int | None, digits: int, convention: Convention) -> tuple[Mark, ...]:
    """A number in boxes; None leaves them empty.

    Raises
    ------
    VeedorError
        The number has more digits than there are boxes.
    """
    if value is None:
        return (EMPTY,) * digits
    text = str(int(value))
    if value < 0 or len(text) > digits:
        raise VeedorError(
            f"{value} does not go into {digits} boxes", remedy="Use a layout with more boxes."
        )
    filler = Mark("filler", filler=convention.filler)
    if value == 0 and convention.nought != "zero":
        whole = {"zeros": Mark("digit", 0), "filler": filler, "empty": EMPTY}[convention.nought]
        return (whole,) * digits
    lead = {"empty": EMPTY, "zeros": Mark("digit", 0), "filler": filler}[convention.lead]
    return (*[lead] * (digits - len(text)), *(Mark("digit", int(c)) for c in text))


def figures(text: str) -> tuple[Mark, ...]:
    """Digits as they stand, one a box; a space is an empty box."""
    return tuple(EMPTY if c == " " else Mark("digit", int(c)) for c in text)


def write_all(
    template: Template, values: Mapping[str, int | str | None], convention: Convention
) -> dict[str, tuple[Mark, ...]]:
    """The boxes of every field; a field without a value stays empty.

    Parameters
    ----------
    values : field id -> a number, figures as they stand (a time, say), or None
    """
    known = set(template.ids)
    if odd := sorted(set(values) - known):
        raise VeedorError(
            f"the form {template.id} has no field {odd[0]!r}",
            remedy=f"Its fields are {', '.join(template.ids)}.",
        )
    return {f.id: _write(f, values.get(f.id), convention) for f in template.fields}


def _write(field: FormField, value: int | str | None, convention: Convention) -> tuple[Mark, ...]:
    if not isinstance(value, str):
        return spell(value, field.digits, convention)
    if len(value) != field.digits:
        raise VeedorError(
            f"{value!r} has {len(value)} figures and {field.id} {field.digits} boxes",
            remedy="Give a figure (or a space) for each box.",
        )
    return figures(value)


@dataclass(frozen=True, slots=True)
class Slips:
    """How often somebody corrects, for each box with a digit."""

    overwritten: float = 0.006
    struck: float = 0.003
    double: float = 0.0015


def correct(
    marks: Mapping[str, tuple[Mark, ...]], rng: np.random.Generator, slips: Slips | None = None
) -> dict[str, tuple[Mark, ...]]:
    """The same numbers with corrections: the number meant stays what it was."""
    slips = slips or Slips()
    found = {}
    for name, row in marks.items():
        chance = rng.random(len(row))
        other = rng.integers(1, 10, len(row))
        found[name] = tuple(
            _corrected(mark, float(c), int(o), slips)
            for mark, c, o in zip(row, chance, other, strict=True)
        )
    return found


def _corrected(mark: Mark, chance: float, other: int, slips: Slips) -> Mark:
    if mark.kind != "digit" or mark.digit is None:
        return mark
    wrong = (mark.digit + other) % 10
    if chance < slips.overwritten:
        return Mark("overwritten", mark.digit, under=wrong)
    if chance < slips.overwritten + slips.struck:
        return Mark("struck", mark.digit, under=wrong, beside=True)
    if chance < slips.overwritten + slips.struck + slips.double:
        return Mark("unreadable", mark.digit, second=wrong)
    return mark


def overwrite(row: tuple[Mark, ...], box: int, digit: int) -> tuple[Mark, ...]:
    """A digit (or an empty box) turned into another one."""
    old = row[box]
    new = Mark("digit", digit) if old.digit is None else Mark("overwritten", digit, under=old.digit)
    return (*row[:box], new, *row[box + 1 :])


def number(row: Sequence[Mark]) -> int | None:
    """The number meant; None where nothing but empty boxes and fillers stands."""
    text = "".join(str(m.digit) for m in row if m.digit is not None)
    return int(text) if text else None


def need(marks: Mapping[str, Sequence[Mark]], fields: Sequence[str]) -> Ints:
    """(10,) how many images of each digit those fields take."""
    written = [d for name in fields for mark in marks[name] for d in mark.digits()]
    return np.bincount(np.array(written, dtype=np.int64), minlength=10)


def draw_times(rng: np.random.Generator) -> dict[str, str]:
    """When a table opened and closed, to the minute."""
    opened = 8 * 60 + int(rng.integers(-25, 85))
    closed = 16 * 60 + int(rng.integers(5, 225))
    return {
        name: f"{at // 60:02d}{at % 60:02d}"
        for name, at in (("opened", opened), ("closed", closed))
    }


def values_for(
    template: Template,
    votes: Sequence[int] | Ints,
    rng: np.random.Generator,
    *,
    blank: int = 0,
    null: int = 0,
    valid: int | None = None,
    cast: int | None = None,
    registered: int | None = None,
    slip: float = 0.0,
) -> Values:
    """What goes into each field of a form, from the votes of any election.

    Times, the second contest and the delegate's number are drawn.

    Parameters
    ----------
    votes : (options,) votes for each
    valid, cast : as the sheet states them; the right sums when left out
    registered : as many as cast, and a few more, when left out
    slip : probability of a slip in each total that is left out
    """
    right = int(sum(int(v) for v in votes))
    valid = _slipped(right, rng, slip) if valid is None else valid
    cast = _slipped(right + blank + null, rng, slip) if cast is None else cast
    registered = cast + int(rng.integers(0, 60)) if registered is None else registered
    found: Values = {f"votes-{i + 1}": int(v) for i, v in enumerate(votes)}
    found |= {"blank": blank, "null": null, "valid": valid, "cast": cast}
    found |= {"registered": registered, "received": registered + int(rng.integers(0, 12))}
    found |= {**draw_times(rng), **_second(votes, right + blank + null, rng)}
    known = set(template.ids)
    found = {name: value for name, value in found.items() if name in known}
    for field in template.fields:
        if field.by == "delegate":
            found[field.id] = "".join(str(d) for d in rng.integers(0, 10, field.digits))
    return found


def _slipped(total: int, rng: np.random.Generator, slip: float) -> int:
    """A sum with a slip in it: a carry forgotten, a unit too many."""
    if rng.random() >= slip:
        return total
    return max(total + int(rng.choice([-100, -10, -2, -1, 1, 2, 10, 100])), 0)


def _second(votes: Sequence[int] | Ints, total: int, rng: np.random.Generator) -> Values:
    """Another contest on the same sheet: the same voters, about the same shares."""
    weights = np.asarray(votes, dtype=np.float64)
    shares = rng.dirichlet(weights / max(weights.sum(), 1) * 20 + 0.5)
    null, blank = (int(rng.binomial(total, p)) for p in (0.05, 0.08))
    valid = max(total - null - blank, 0)
    drawn = rng.multinomial(valid, shares)
    found: Values = {f"second-votes-{i + 1}": int(v) for i, v in enumerate(drawn)}
    return found | {"second-valid": valid, "second-blank": blank, "second-null": null,
                    "second-cast": valid + blank + null}  # fmt: skip
