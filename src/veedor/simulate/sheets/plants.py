"""What can be planted among honest sheets, each with what is true about it.

Some plants change nothing that a sheet says (who wrote it, with which pen), some change the sheet,
some which picture stands for a station, some the transcription. Where a sheet is changed, the
official count says what the changed sheet says, and an earlier count what it said before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from veedor.errors import VeedorError
from veedor.simulate.election import Ints
from veedor.simulate.sheets.content import EMPTY, number, overwrite, spell
from veedor.simulate.sheets.devices import draw_device
from veedor.simulate.sheets.drafts import Copy, Draft, Guest
from veedor.simulate.sheets.pens import draw_ease, draw_pen

FEWEST = 3
"""Sheets that a centre needs for telling one hand from several."""
BEST = 3
"""Sheets of one hand for which one of NIST's writers has digits enough."""


@dataclass(slots=True)
class Desk:
    """All drafts, the official count that goes with them, and what was planted so far.

    Attributes
    ----------
    official : (S, K + 2) votes for options, blank, null: changed by plants
    declared : (S, 2) valid votes and votes cast, as the sheets state them
    swapped : rows whose pictures stand for each other in the index
    taken : centres in which something is planted
    """

    drafts: list[Draft]
    official: Ints
    declared: Ints
    options: tuple[str, ...]
    rng: np.random.Generator
    swapped: list[tuple[int, int]] = field(default_factory=list)
    planted: list[dict[str, Any]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    def centres(self, count: int, fewest: int = FEWEST, best: int = BEST) -> list[list[Draft]]:
        """Centres in which nothing is planted yet, those of about `best` sheets first."""
        groups: dict[int, list[Draft]] = {}
        for draft in self.drafts:
            if draft.centre not in self.taken:
                groups.setdefault(draft.centre, []).append(draft)
        able = [g for g in groups.values() if len(g) >= fewest]
        shuffled = [able[i] for i in self.rng.permutation(len(able))]
        found = sorted(shuffled, key=lambda g: abs(len(g) - best))[:count]
        if len(found) < count:
            raise VeedorError(
                f"the election has no {count} more centres with {fewest} sheets to plant in",
                remedy="Take more stations, or plant less.",
            )
        self.taken.update(g[0].centre for g in found)
        return found

    def sheets(self, count: int, able: Callable[[Draft], bool] = lambda _: True) -> list[Draft]:
        """Sheets of as many centres in which nothing is planted yet."""
        free = [d for d in self.drafts if d.centre not in self.taken and able(d)]
        found: list[Draft] = []
        for i in self.rng.permutation(len(free)):
            if len(found) < count and free[i].centre not in self.taken:
                found.append(free[i])
                self.taken.add(free[i].centre)
        if len(found) < count:
            raise VeedorError(
                f"the election has no {count} more sheets to plant in",
                remedy="Take more stations, or plant less.",
            )
        return found

    def note(self, kind: str, drafts: Sequence[Draft], **values: Any) -> None:
        """Remember what was planted, and on which sheets."""
        stations = [d.station for d in drafts]
        self.planted.append({"kind": kind, "stations": stations, "values": values})

    def column(self, name: str) -> int | None:
        """The column of the official count that a field of a form goes into."""
        if name in ("blank", "null"):
            return len(self.options) + ("blank", "null").index(name)
        known = {f"votes-{i + 1}": i for i in range(len(self.options))}
        return known.get(name)


def one_hand(desk: Desk, count: int) -> None:
    """Every sheet of a centre by one hand, with one pen, on one scanner."""
    for group in desk.centres(count):
        _by_one(group)
        for draft in group:
            draft.pen = group[0].pen
        desk.note("one-hand", group)


def one_odd(desk: Desk, count: int) -> None:
    """Every sheet of a centre by one hand but one, all with one pen, on one scanner."""
    for group in desk.centres(count, best=BEST + 1):
        odd = group[int(desk.rng.integers(len(group)))]
        _by_one([d for d in group if d is not odd])
        for draft in group:
            draft.pen = group[0].pen
        desk.note("one-odd", group, odd=odd.station)


def same_pen(desk: Desk, count: int) -> None:
    """Honest: another hand on each sheet of a centre, with one pen, one ease, on one scanner."""
    for group in desk.centres(count):
        for draft in group:
            draft.pen, draft.ease = group[0].pen, group[0].ease
        desk.note("same-pen", group)


def other_pen(desk: Desk, count: int) -> None:
    """Every sheet of a centre by one hand, each with a pen of its own, every other one by photo."""
    for group in desk.centres(count):
        _by_one(group)
        for i, draft in enumerate(group):
            draft.pen, draft.ease = draw_pen(desk.rng), draw_ease(desk.rng)
            two_tones = draft.layout.bitonal and i % 2 == 0
            family: Any = ("scan", "photo")[i % 2]
            draft.device = draw_device(family, desk.rng, two_tones=two_tones)
        desk.note("other-pen", group)


def clerk_names(desk: Desk, count: int) -> None:
    """Honest: one person writes all names on each sheet of a centre; digits are untouched."""
    for group in desk.centres(count, 2):
        for draft in group:
            draft.one_scribe = True
        desk.note("clerk-names", group)


def delegate_writes(desk: Desk, count: int) -> None:
    """The hand of the delegate's row also writes the votes for options."""
    for draft in desk.sheets(count):
        fields = [f for f in draft.layout.template.ids if desk.column(f) is not None]
        for name in fields:
            for box in range(len(draft.marks[name])):
                draft.guests[name, box] = Guest(draft.delegate)
        desk.note("delegate-writes", [draft], fields=fields)


def altered(desk: Desk, count: int) -> None:
    """A digit of one option's votes changed upwards after signature: another hand, another pen."""
    able = [d for d in desk.drafts if _alterable(d, desk)]
    chosen = desk.sheets(count, lambda d: any(d is a for a in able))
    for draft in chosen:
        name, box, digit = _pick(_alterable(draft, desk), desk.rng)
        before = number(draft.marks[name])
        added = draft.marks[name][box].digit is None
        draft.marks[name] = overwrite(draft.marks[name], box, digit)
        draft.fixed = True
        draft.guests[name, box] = Guest(f"intruder at {draft.station}", draw_pen(desk.rng), False)
        _transcribe(desk, draft, name)
        desk.note("altered", [draft], field=name, box=box, before=before,
                  after=number(draft.marks[name]), added=added)  # fmt: skip


def _alterable(draft: Draft, desk: Desk) -> list[tuple[str, int, int]]:
    """Field, box and digit of changes that a pen can make and that add votes."""
    turns = {0: (6, 8, 9), 1: (4, 7, 9), 3: (8,), 5: (6, 8), 6: (8,), 7: (9,)}
    found = []
    for name in draft.layout.template.ids:
        column = desk.column(name)
        if column is None or column >= len(desk.options):
            continue
        row = draft.marks[name]
        value = number(row)
        if value is None or any(m.kind not in ("digit", "empty") for m in row):
            continue
        last = len(row) - 1
        for box, mark in enumerate(row[:-1]):
            if mark.digit in turns and row[box].kind == "digit" and value >= 10 ** (last - box):
                found += [(name, box, d) for d in turns[mark.digit]]
            elif mark.kind == "empty" and row[box + 1].kind == "digit":
                found.append((name, box, 1))
    return found


def copied_digit(desk: Desk, count: int) -> None:
    """The picture of a digit laid over an empty box before another number of the same sheet."""
    chosen = desk.sheets(count, lambda d: bool(_copyable(d, desk)))
    for draft in chosen:
        name, box, (from_field, from_box) = _pick(_copyable(draft, desk), desk.rng)
        before = number(draft.marks[name])
        draft.fixed = True
        draft.copies.append(Copy(draft.row, from_field, from_box, name, box))
        digit = draft.marks[from_field][from_box].digit
        after = int(f"{digit}{before}")
        column = desk.column(name)
        if column is not None:
            desk.official[draft.row, column] = after
        desk.note("copied-digit", [draft], field=name, box=box, from_field=from_field,
                  from_box=from_box, before=before, after=after)  # fmt: skip


def _copyable(draft: Draft, desk: Desk) -> list[tuple[str, int, tuple[str, int]]]:
    """Empty boxes before a number of votes, each with a box of its size that holds a 1 or 2."""
    cells = {f.id: f.cells for f in draft.layout.template.fields}
    found = []
    for name, row in draft.marks.items():
        column = desk.column(name)
        if column is None or column >= len(desk.options) or row[1].kind != "digit":
            continue
        if row[0].kind != "empty":
            continue
        size = cells[name][0][2:]
        for other, marks in draft.marks.items():
            if other == name or draft.layout.template.field(other).by == "delegate":
                continue
            found += [
                (name, 0, (other, i))
                for i, mark in enumerate(marks)
                if mark.kind == "digit" and mark.digit in (1, 2)
                and np.allclose(cells[other][i][2:], size)
            ]  # fmt: skip
    return found


def copied_field(desk: Desk, count: int) -> None:
    """The picture of one option's number laid over that of another sheet of the centre."""
    for group in desk.centres(count, 2):
        one, other = group[0], group[1]
        column = int(np.argmax(desk.official[one.row, : len(desk.options)]))
        name = f"votes-{column + 1}"
        before, after = number(other.marks[name]), number(one.marks[name])
        one.fixed = other.fixed = True
        for box in range(len(one.marks[name])):
            other.copies.append(Copy(one.row, name, box, name, box))
        desk.official[other.row, column] = after or 0
        desk.note("copied-field", [other], field=name, source=one.station, before=before,
                  after=after)  # fmt: skip


def reused(desk: Desk, count: int) -> None:
    """The picture of one sheet stands for another station too, with that station's code."""
    for group in desk.centres(count, 2):
        one, other = group[0], group[1]
        other.shows = one.row
        desk.official[other.row] = desk.official[one.row]
        desk.declared[other.row] = desk.declared[one.row]
        desk.note("reused-image", [other], source=one.station)


def swapped(desk: Desk, count: int) -> None:
    """Innocent: the index names for each of two stations the picture of the other."""
    for group in desk.centres(count, 2):
        pair = group[:2]
        desk.swapped.append((pair[0].row, pair[1].row))
        desk.note("swapped-images", pair)


def mistyped(desk: Desk, count: int) -> None:
    """Innocent: the official count has another digit than the sheet, up as often as down."""
    options = len(desk.options)
    for draft in desk.sheets(count):
        column = int(desk.rng.choice(np.flatnonzero(desk.official[draft.row, :options] >= 0)))
        before = int(desk.official[draft.row, column])
        text = str(before)
        at = int(desk.rng.integers(len(text)))
        wrong = (int(text[at]) + int(desk.rng.integers(1, 10))) % 10
        after = int(f"{text[:at]}{wrong}{text[at + 1 :]}")
        desk.official[draft.row, column] = after
        desk.note("mistyped", [draft], field=f"votes-{column + 1}", before=before, after=after)


def empty_rivals(desk: Desk, count: int) -> None:
    """All valid votes for one option, and its rivals' boxes left empty instead of 0."""
    options = len(desk.options)
    for draft in desk.sheets(count):
        total = int(desk.official[draft.row, :options].sum())
        first = int(np.argmax(desk.official[draft.row, :options]))
        for i in range(options):
            name = f"votes-{i + 1}"
            boxes = len(draft.marks[name])
            value = total if i == first else 0
            draft.values[name] = value
            full = spell(total, boxes, draft.convention)
            draft.marks[name] = full if i == first else (EMPTY,) * boxes
            desk.official[draft.row, i] = value
        draft.fixed = True
        desk.note("empty-rivals", [draft], option=desk.options[first], votes=total)


def _by_one(group: Sequence[Draft]) -> None:
    for draft in group:
        draft.writer = f"one of centre {group[0].centre}"


def _transcribe(desk: Desk, draft: Draft, name: str) -> None:
    """Let the official count say what the sheet says."""
    column, value = desk.column(name), number(draft.marks[name])
    if column is not None and value is not None:
        desk.official[draft.row, column] = value


def _pick(choices: Sequence[Any], rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(len(choices)))]


KINDS: Mapping[str, Callable[[Desk, int], None]] = {
    "one-hand": one_hand,
    "one-odd": one_odd,
    "same-pen": same_pen,
    "other-pen": other_pen,
    "clerk-names": clerk_names,
    "delegate-writes": delegate_writes,
    "altered": altered,
    "copied-digit": copied_digit,
    "copied-field": copied_field,
    "reused-image": reused,
    "swapped-images": swapped,
    "mistyped": mistyped,
    "empty-rivals": empty_rivals,
}
"""Kind -> what plants it in as many centres or sheets."""


def plant(desk: Desk, plants: Sequence[Mapping[str, Any]]) -> None:
    """Plant each kind in as many places.

    Raises
    ------
    VeedorError
        There is no such kind, or the election has no room for it.
    """
    for entry in plants:
        if entry.get("kind") not in KINDS:
            raise VeedorError(
                f"{entry.get('kind')!r} is nothing that can be planted among sheets",
                place="sheets.plants",
                remedy=f"Use one of {', '.join(KINDS)}.",
            )
        KINDS[entry["kind"]](desk, int(entry.get("number", 1)))
