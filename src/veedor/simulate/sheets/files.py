"""Sheets of a simulated election as files of a case: pictures, index, templates, truth."""

from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.csv

from veedor.errors import SourceError
from veedor.handwriting.digits import load_digits
from veedor.simulate.document import toml
from veedor.simulate.election import Election, Sheets, generator
from veedor.simulate.sheets.devices import Scan, degrade
from veedor.simulate.sheets.drafts import Draft, assign, draft_all
from veedor.simulate.sheets.forms import Layout, blank
from veedor.simulate.sheets.hands import Hand, Pool
from veedor.simulate.sheets.plan import SheetPlan
from veedor.simulate.sheets.plants import Desk, plant
from veedor.simulate.sheets.render import Other, make_sheet, recode, stamp_over
from veedor.simulate.sheets.truth import BoxTruth, Pixels, Sheet, SheetTruth
from veedor.simulate.truth import Truth, fields_of

IMAGES, INDEX = "scans.zip", "scans.csv"
EPOCH = (2031, 5, 4, 18, 0, 0)
"""When every picture was packed: files are the same each time."""


@dataclass(frozen=True, slots=True)
class Stack:
    """All sheets of an election before they are drawn.

    Attributes
    ----------
    election : with the official count that goes with the sheets
    notes : on the hands, for whoever reads the case
    """

    election: Election
    plan: SheetPlan
    drafts: tuple[Draft, ...]
    hands: Mapping[str, Hand]
    swapped: tuple[tuple[int, int], ...]
    planted: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


def prepare(election: Election, plan: SheetPlan, truths: Sequence[Truth] = ()) -> Stack:
    """Draft every sheet, plant what the plan says, and give each its hand.

    Raises
    ------
    SourceError
        The plan asks for NIST's digits, and they are not to be had.
    """
    drafts = draft_all(election, plan, truths)
    rng = generator(election.seed, "sheets", "plants")
    declared = np.column_stack([election.declared_valid, election.declared_cast])
    desk = Desk(drafts, fields_of(election.official), declared, election.options, rng)
    touched = np.concatenate([t.index for t in truths]) if truths else np.zeros(0, dtype=np.int64)
    desk.taken = {int(c) for c in election.places.centre[touched]}
    plant(desk, plan.plants)
    official = Sheets(
        np.ascontiguousarray(desk.official[:, :-2]), desk.official[:, -2], desk.official[:, -1]
    )
    pool, notes = _pool(plan)
    hands, drawn = assign(drafts, pool, election.seed)
    if drawn:
        notes.append(
            f"{len(drawn)} of {len(hands)} hands are drawn by the project: NIST's writers of the"
            f" split {plan.split} ran out of digits."
        )
    counted = dataclasses.replace(
        election,
        official=official,
        declared_valid=desk.declared[:, 0],
        declared_cast=desk.declared[:, 1],
    )
    return Stack(
        counted, plan, tuple(drafts), hands, tuple(desk.swapped), tuple(desk.planted), tuple(notes)
    )


def _pool(plan: SheetPlan) -> tuple[Pool | None, list[str]]:
    if plan.hands == "drawn":
        return None, ["The digits of the sheets are drawn by the project."]
    try:
        digits = load_digits()
    except SourceError:
        if plan.hands == "nist":
            raise
        text = "The digits of the sheets are drawn by the project: those of NIST are not at hand."
        return None, [text]
    split: Any = plan.split
    text = f"The digits of the sheets are those of NIST's writers of the split {plan.split}."
    return Pool.of_nist(digits.of(split)), [text]


def write_sheets(stack: Stack, directory: Path) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Draw the sheets and write them.

    Returns
    -------
    Names of the files, the source for the case file, and what is true, for `truth.json`.
    """
    layouts = {d.layout.template.id: d.layout for d in stack.drafts}
    names = [IMAGES, INDEX]
    for form in layouts.values():
        names += _template(form, directory, stack.plan.dpi)
    documents = _draw_all(stack, directory)
    source = _source(stack, [f"{id}.toml" for id in layouts])
    return names, source, _truth(stack, documents)


def _template(form: Layout, directory: Path, dpi: float) -> list[str]:
    template = form.template
    document = template.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    path = directory / f"{template.id}.toml"
    path.write_text(toml({"format": 1, **document}), encoding="utf-8", newline="\n")
    if template.blank is None:
        return [path.name]
    picture = cv2.imencode(".png", blank(form, dpi)[..., ::-1])[1]
    (directory / template.blank).write_bytes(bytes(picture))
    return [path.name, template.blank]


def _draw_all(stack: Stack, directory: Path) -> list[dict[str, Any]]:
    """Write the pictures and their index; what is true of each sheet."""
    shown = _file_names(stack)
    rows: list[dict[str, str]] = [{} for _ in stack.drafts]
    documents = []
    artist = _Artist(stack)
    with zipfile.ZipFile(directory / IMAGES, "w", zipfile.ZIP_STORED) as archive:
        for draft in stack.drafts:
            truth, scan = artist.draw(draft)
            data = scan.encoded()
            row = shown[draft.row]
            name = f"{stack.drafts[row].station}{scan.suffix}"
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
            rows[row] = {"station": stack.drafts[row].station, "file": name,
                         "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
            documents.append(_document(truth, scan, draft, name))
    table = pa.table({key: [row[key] for row in rows] for key in rows[0]})
    options = pa.csv.WriteOptions(quoting_style="needed")
    pa.csv.write_csv(table, directory / INDEX, write_options=options)
    return documents


def _file_names(stack: Stack) -> list[int]:
    """For each sheet, the row of the index in which its picture stands."""
    found = list(range(len(stack.drafts)))
    for one, other in stack.swapped:
        found[one], found[other] = other, one
    return found


class _Artist:
    """Draws the sheets in their order, and keeps those whose pictures are used again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        again = {d.shows for d in stack.drafts} | {c.source for d in stack.drafts for c in d.copies}
        self._again = again
        self._kept: dict[int, Sheet] = {}

    def draw(self, draft: Draft) -> tuple[SheetTruth, Scan]:
        """One sheet as its file shows it."""
        rng = generator(self._stack.election.seed, "sheets", "draw", draft.station)
        dpi = self._stack.plan.dpi
        sheet = self._sheet(draft, rng.spawn(1)[0])
        page, truth = sheet.page, sheet.truth
        for copy in draft.copies:
            source = sheet if copy.source == draft.row else self._kept[copy.source]
            truth = _copied(truth, source.truth, copy.source_field, copy.source_box, copy.field,
                            copy.box)  # fmt: skip
            cells = [draft.layout.template.field(f).cells[b] for f, b in (
                (copy.source_field, copy.source_box), (copy.field, copy.box))]  # fmt: skip
            _paste(source.page, cells[0], page, cells[1], dpi / 25.4)
        if draft.stamped and draft.shows is None:
            stamp_over(page, rng, dpi)
        if draft.row in self._again:
            self._kept[draft.row] = dataclasses.replace(sheet, truth=truth)
        return truth, degrade(page, draft.device.family, rng, dpi=dpi, device=draft.device)

    def _sheet(self, draft: Draft, rng: np.random.Generator) -> Sheet:
        hands = self._stack.hands
        if draft.shows is not None:
            kept = self._kept[draft.shows]
            page = kept.page.copy()
            recode(page, draft.layout, draft.station, self._stack.plan.dpi)
            truth = dataclasses.replace(kept.truth, station=draft.station)
            return dataclasses.replace(kept, page=page, truth=truth)
        others = {
            place: Other(hands[guest.label], guest.pen, guest.all)
            for place, guest in draft.guests.items()
        }
        return make_sheet(
            draft.layout, draft.marks, hands[draft.writer], rng, station=draft.station,
            delegate=hands[draft.delegate], pen=draft.pen, ease=draft.ease, others=others,
            one_scribe=draft.one_scribe, dpi=self._stack.plan.dpi,
        )  # fmt: skip


def _paste(source: Pixels, a: Any, target: Pixels, b: Any, scale: float) -> None:
    """Lay the inside of one box over that of another, in place."""
    inset = 0.35
    width, height = (round((side - 2 * inset) * scale) for side in a[2:])
    (x0, y0), (x1, y1) = ((round((c[0] + inset) * scale), round((c[1] + inset) * scale))
                          for c in (a, b))  # fmt: skip
    target[y1 : y1 + height, x1 : x1 + width] = source[y0 : y0 + height, x0 : x0 + width]


def _copied(
    truth: SheetTruth, source: SheetTruth, from_field: str, from_box: int, to_field: str, box: int
) -> SheetTruth:
    """What is true of a sheet once a box has the picture of another."""
    taken: BoxTruth = source.field(from_field).boxes[from_box]
    fields = list(truth.fields)
    at = [f.field for f in fields].index(to_field)
    boxes = list(fields[at].boxes)
    boxes[box] = taken
    letter = source.field(from_field).text[from_box]
    text = fields[at].text
    text = f"{text[:box]}{letter}{text[box + 1 :]}"
    figures = "".join(str(b.digit) for b in boxes if b.digit is not None)
    value = int(figures) if figures else None
    fields[at] = dataclasses.replace(fields[at], value=value, text=text, boxes=tuple(boxes))
    return dataclasses.replace(truth, fields=tuple(fields))


def _document(truth: SheetTruth, scan: Scan, draft: Draft, name: str) -> dict[str, Any]:
    found = truth.document()
    found |= {
        "file": name,
        "family": scan.family,
        "two_tones": draft.device.two_tones,
        "quality": scan.quality,
        "matrix": [[round(float(v), 9) for v in row] for row in scan.matrix],
        "stamped": draft.stamped,
    }
    return found


def _source(stack: Stack, templates: list[str]) -> dict[str, Any]:
    known = {f for d in stack.drafts for f in d.layout.template.ids}
    options = {o: f"votes-{i + 1}" for i, o in enumerate(stack.election.options)}
    named = {"blank": "blank", "null": "null", "declared_valid": "valid", "declared_cast": "cast",
             "registered": "registered"}  # fmt: skip
    return {
        "id": "scans",
        "kind": "scans",
        "format": "delimited",
        "file": INDEX,
        "key": ["station"],
        "fields": {"file": "file", "sha256": "sha256"},
        "images": IMAGES,
        "templates": templates,
        "options": options,
        **{key: field for key, field in named.items() if field in known},
    }


def _truth(stack: Stack, documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "hands": list(stack.notes),
        "split": stack.plan.split,
        "dpi": stack.plan.dpi,
        "planted": list(stack.planted),
        "transcription": _transcription(stack, documents),
        "sheets": documents,
    }


def _transcription(stack: Stack, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the official count differs from what the sheet of that station says."""
    official = fields_of(stack.election.official)
    names = [*(f"votes-{i + 1}" for i in range(len(stack.election.options))), "blank", "null"]
    found = []
    for row, document in enumerate(documents):
        for column, name in enumerate(names):
            says, counted = document["values"][name] or 0, int(official[row, column])
            if says != counted:
                found.append({"station": document["station"], "field": name, "sheet": says,
                              "official": counted})  # fmt: skip
    return found
