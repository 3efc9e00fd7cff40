"""Drafts: what will stand on each sheet of an election, by whom and with what, before it is drawn.

Who writes is a label until every draft is known: then each label gets a hand with enough digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from veedor.simulate.election import Election, Ints, generator
from veedor.simulate.sheets.content import (
    Convention,
    Mark,
    Slips,
    Values,
    correct,
    draw_convention,
    values_for,
    write_all,
)
from veedor.simulate.sheets.devices import Device, draw_device
from veedor.simulate.sheets.drawn import DrawnHand
from veedor.simulate.sheets.forms import Layout
from veedor.simulate.sheets.hands import Hand, Pool
from veedor.simulate.sheets.layouts import layout
from veedor.simulate.sheets.pens import Ease, Pen, draw_ease, draw_pen
from veedor.simulate.sheets.plan import SheetPlan
from veedor.simulate.truth import Truth, fields_of


@dataclass(frozen=True, slots=True)
class Guest:
    """Who writes in a box in place of clerk or delegate, as `render.Other` has it."""

    label: str
    pen: Pen | None = None
    all: bool = True


@dataclass(frozen=True, slots=True)
class Copy:
    """A box whose picture is laid over another box of the same size, here or on another sheet."""

    source: int
    source_field: str
    source_box: int
    field: str
    box: int


@dataclass(slots=True)
class Draft:
    """One sheet to be drawn.

    Attributes
    ----------
    row : number of the station in the election
    writer, delegate : labels; sheets with one label are of one hand
    marks : field id -> what its boxes hold
    guests : field and box -> who else writes there
    copies : boxes that get the picture of another box
    fixed : what stands in its boxes was planted
    shows : row of the sheet whose picture this is, under its own code; None: its own
    """

    row: int
    station: str
    centre: int
    layout: Layout
    values: Values
    convention: Convention
    pen: Pen
    ease: Ease
    device: Device
    writer: str
    delegate: str
    marks: dict[str, tuple[Mark, ...]] = field(default_factory=dict)
    guests: dict[tuple[str, int], Guest] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    shows: int | None = None
    one_scribe: bool = False
    stamped: bool = False
    fixed: bool = False

    def needs(self) -> dict[str, Ints]:
        """Label -> (10,) images of each digit that it takes."""
        found: dict[str, Ints] = {}
        if self.shows is not None:
            return found
        for f in self.layout.template.fields:
            base = self.delegate if f.by == "delegate" else self.writer
            for box, mark in enumerate(self.marks[f.id]):
                guest = self.guests.get((f.id, box))
                digits = list(mark.digits())
                for place, digit in enumerate(digits):
                    below = place == 0 and mark.under is not None
                    own = guest is None or (below and not guest.all)
                    label = base if own or guest is None else guest.label
                    found.setdefault(label, np.zeros(10, dtype=np.int64))[digit] += 1
        return found


def paper(election: Election, truths: Sequence[Truth]) -> Ints:
    """(S, K + 2): what the sheets themselves say of each option, blank and null ballots.

    That is what was in the box, with whatever was tampered with at the station.
    """
    found = fields_of(election.box)
    for truth in truths:
        if truth.both_counts or election.preliminary is None:
            found[truth.index] = np.maximum(found[truth.index] + truth.change, 0)
    return found


def draft_all(election: Election, plan: SheetPlan, truths: Sequence[Truth]) -> list[Draft]:
    """An honest draft of every sheet: within a centre, another hand for each."""
    says = paper(election, truths)
    centres = [_Centre(election, plan, c) for c in range(election.places.centres)]
    return [
        _draft(election, plan, centres[int(election.places.centre[row])], row, says[row])
        for row in range(election.stations)
    ]


class _Centre:
    """What the sheets of a centre share: the form, the machine, and in some the pen."""

    def __init__(self, election: Election, plan: SheetPlan, number: int) -> None:
        rng = generator(election.seed, "sheets", "centre", number)
        self.number = number
        name = str(rng.choice(np.array(plan.layouts)))
        self.layout = layout(name, len(election.options))
        family: Any = str(rng.choice(np.array(plan.families)))
        self.device = draw_device(family, rng, two_tones=self.layout.bitonal)
        pen = draw_pen(rng)
        self.pen = pen if rng.random() < plan.shared_pen else None


def _draft(election: Election, plan: SheetPlan, centre: _Centre, row: int, says: Ints) -> Draft:
    station = str(election.places.station[row])
    rng = generator(election.seed, "sheets", "draft", station)
    form = centre.layout
    found = Draft(
        row=row,
        station=station,
        centre=centre.number,
        layout=form,
        values=values_for(
            form.template,
            says[:-2],
            rng,
            blank=int(says[-2]),
            null=int(says[-1]),
            valid=int(election.declared_valid[row]),
            cast=int(election.declared_cast[row]),
            registered=int(election.places.registered[row]),
        ),
        convention=draw_convention(rng, form.template.fillers),
        pen=draw_pen(rng),
        ease=draw_ease(rng),
        device=centre.device,
        writer=f"clerk of {station}",
        delegate=f"delegate at {station}",
        stamped=bool(rng.random() < plan.stamps),
    )
    found.pen = centre.pen or found.pen
    slips = Slips(plan.corrections, plan.corrections / 2, plan.corrections / 4)
    found.marks = correct(write_all(form.template, found.values, found.convention), rng, slips)
    return found


def assign(
    drafts: Sequence[Draft], pool: Pool | None, seed: int
) -> tuple[dict[str, Hand], tuple[str, ...]]:
    """A hand for every label, different ones within a centre.

    Labels of several sheets choose first, then those with most digits. Where no writer of the pool
    has enough left, zeros before the first digit are left out; then a drawn hand steps in.

    Returns
    -------
    Label -> hand, and the labels for which a drawn hand stepped in although there is a pool.
    """
    rng = generator(seed, "sheets", "hands")
    of: dict[str, list[Draft]] = {}
    for draft in drafts:
        for label in draft.needs():
            of.setdefault(label, []).append(draft)
    order = sorted(of, key=lambda name: (len(of[name]) == 1, -_need(name, of).sum(), name))
    within: dict[int, set[str]] = {}
    found: dict[str, Hand] = {}
    drawn: list[str] = []
    for label in order:
        avoid = set().union(*(within.get(d.centre, set()) for d in of[label]))
        hand = None
        if pool is not None:
            hand = pool.choose(_need(label, of), rng, avoid=avoid)
            if hand is None and _simplified(of[label]):
                hand = pool.choose(_need(label, of), rng, avoid=avoid)
        if hand is None:
            drawn.append(label)
            hand = DrawnHand(len(drawn), seed)
        found[label] = hand
        for draft in of[label]:
            within.setdefault(draft.centre, set()).add(hand.id)
    return found, tuple(drawn) if pool is not None else ()


def _need(label: str, of: Mapping[str, Sequence[Draft]]) -> Ints:
    total = np.zeros(10, dtype=np.int64)
    for draft in of[label]:
        total += draft.needs()[label]
    return total


def _simplified(drafts: Sequence[Draft]) -> bool:
    """Leave zeros before the first digit out, where nothing was planted; whether that was done."""
    ways = [(d, (d.convention.lead, d.convention.nought)) for d in drafts if not d.fixed]
    free = [d for d, way in ways if "zeros" in way]
    for draft in free:
        draft.convention = Convention("empty", "zero", draft.convention.filler)
        draft.marks = write_all(draft.layout.template, draft.values, draft.convention)
    return bool(free)
