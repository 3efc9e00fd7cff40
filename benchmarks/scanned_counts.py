"""What checks of scans say of simulated elections, counted beside what was planted in them."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.nights import interval
from veedor.audit.findings import Fact
from veedor.audit.plan import applicable, chosen, read
from veedor.audit.run import run_checks
from veedor.case.loading import load_case
from veedor.simulate import load, write_case
from veedor.simulate.sheets.plan import SheetPlan

CHECKS = (
    "images.reading",
    "images.duplicate",
    "handwriting.same-writer",
    "handwriting.delegate",
    "sheets.blank-not-zero",
)
HONEST, DRILL = "sheets-honest", "sheets-drill"
FAMILIES = ("scan", "photo")
OFFICIAL = "official"
"""The simulator's name of the official count."""


@dataclass(frozen=True, slots=True)
class Way:
    """A finding, and the rows of it, in which something planted would stand.

    Attributes
    ----------
    what : what such a row says; empty where all rows say the same
    questions : whether the finding, or one of those under it, can question sheets at all
    """

    check: str
    subject: str
    what: str = ""
    questions: bool = True

    def __str__(self) -> str:
        """As a table says it."""
        subject = f" ({self.subject})" if self.subject else ""
        return f"`{self.check}`{subject}" + (f": {self.what}" if self.what else "")


ONE_HAND = Way("handwriting.same-writer", "")
DELEGATE = Way("handwriting.delegate", "own-sheet", "one hand, ten times", questions=False)
INK, PATCH, CODE = (Way("images.duplicate", how) for how in ("ink", "patch", "code"))
OTHER_CODE = Way("images.reading", "", "other code", questions=False)
DISAGREES = Way("images.reading", OFFICIAL, "disagrees")
WRITTEN_OVER = Way("images.reading", OFFICIAL, "written over or struck")
EMPTY = Way("sheets.blank-not-zero", "scans")

SOUGHT: dict[str, tuple[Way, ...]] = {
    "one-hand": (ONE_HAND,),
    "one-odd": (ONE_HAND,),
    "other-pen": (ONE_HAND,),
    "same-pen": (ONE_HAND,),
    "clerk-names": (ONE_HAND,),
    "delegate-writes": (DELEGATE,),
    "reused-image": (INK,),
    "copied-field": (PATCH,),
    "copied-digit": (PATCH,),
    "swapped-images": (CODE, OTHER_CODE),
    "mistyped": (DISAGREES,),
    "alter_between_counts": (DISAGREES,),
    "slip": (DISAGREES,),
    "altered": (WRITTEN_OVER,),
    "empty-rivals": (EMPTY,),
}
"""What is planted -> where it would stand. A slip is the one that clerks make in any election."""
CENTRES = ("one-hand", "one-odd", "other-pen", "same-pen", "clerk-names")
"""What is planted in a whole centre, which is named where two of its sheets are."""
INNOCENT = ("same-pen", "clerk-names")
"""Which no check must name."""
CORRECTED = ("overwritten", "struck", "unreadable")
"""Boxes that look altered, whoever altered them."""

Listed = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Told:
    """What one finding says of stations.

    Attributes
    ----------
    listed : what a row says -> station and field of the rows; no field where rows name none
    questioned : stations of which it questions the sheet
    """

    subject: str
    status: str
    descriptive: bool = False
    listed: Mapping[str, Listed] = field(default_factory=dict)
    questioned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plant:
    """One thing that was planted.

    Attributes
    ----------
    stations : those where it is to be found
    fields : station -> names of the fields that were changed, where the truth tells them
    source : station of the sheet that lent its picture; empty where none did
    """

    kind: str
    stations: tuple[str, ...]
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """What the checks said of one election, and what is true of it, as in truth.json."""

    facts: Mapping[str, Sequence[Told]]
    truth: Mapping[str, Any]

    @property
    def stations(self) -> frozenset[str]:
        """All of them."""
        return frozenset(sheet["station"] for sheet in self.truth["sheets"]["sheets"])

    def listed(self, way: Way) -> Listed:
        """Station and field of the rows."""
        return next(f for f in self._under(way) if f.subject == way.subject).listed.get(
            way.what, frozenset()
        )

    def questioned(self, way: Way) -> frozenset[str]:
        """The stations of the sheets that the finding questions, or one of those under it."""
        found = frozenset[str]().union(*(fact.questioned for fact in self._under(way)))
        if found and not way.questions:
            raise ValueError(f"{way} questions sheets, and is said to question none")
        return found

    def _under(self, way: Way) -> list[Told]:
        own = [
            fact
            for fact in self.facts[way.check]
            if fact.subject == way.subject
            or (way.subject and fact.subject.startswith(f"{way.subject}."))
        ]
        if all(fact.subject != way.subject for fact in own):
            raise ValueError(f"there is no finding {way}")
        return own

    def plants(self) -> list[Plant]:
        """What was planted among the sheets, the tampering, and slips in the official count.

        Raises
        ------
        ValueError
            It is nothing of `SOUGHT`.
        """
        options = self.truth["options"]
        changed: dict[str, set[str]] = {}
        for entry in self.truth["sheets"]["transcription"]:
            changed.setdefault(entry["station"], set()).update(names(entry["field"], options))
        plants = []
        for entry in self.truth["tampering"]:
            own = tuple(s for s in entry["stations"] if s in changed)
            fields = {s: frozenset(changed[s]) for s in own}
            plants.append(Plant(entry["kind"], own, fields))
        for entry in self.truth["sheets"]["planted"]:
            kind, values = entry["kind"], entry["values"]
            own = tuple(s for s in entry["stations"] if s != values.get("odd"))
            some = names(values["field"], options) if "field" in values else frozenset()
            if kind == "empty-rivals":
                some = frozenset(options) - {values["option"]}
            told = dict.fromkeys(own, some) if some else {}
            plants.append(Plant(kind, own, told, values.get("source", "")))
        if unknown := {p.kind for p in plants} - set(SOUGHT):
            raise ValueError(f"nothing is said of what must find {', '.join(sorted(unknown))}")
        why = {s for p in plants if DISAGREES in SOUGHT[p.kind] for s in p.stations}
        slips = [s for s in changed if s not in why]
        return plants + [Plant("slip", (s,), {s: frozenset(changed[s])}) for s in slips]


def names(name: str, options: Sequence[str]) -> frozenset[str]:
    """A field as the form calls it, and as a count does."""
    known = {f"votes-{i}": option for i, option in enumerate(options, 1)}
    known |= {"valid": "declared_valid", "cast": "declared_cast"}
    return frozenset({name, known.get(name, name)})


def audited(scenario: str, seed: int, split: str) -> Audited:
    """Write an election with its sheets, and run the checks of scans on it."""
    made = load(scenario)
    election, truth = made.make(seed, None)
    plan = replace(made.sheets or SheetPlan(), split=split, families=FAMILIES)
    with tempfile.TemporaryDirectory(prefix="veedor-scanned-") as name:
        folder = Path(name)
        path = write_case(
            election, folder / "case", title=scenario, id=scenario, seed=seed, truth=truth,
            sheets=plan,
        )  # fmt: skip
        known = json.loads(path.with_name("truth.json").read_text("utf-8"))
        evidence, _ = read(load_case(path), folder, jobs=1)
        runs, others = applicable(evidence, chosen(CHECKS))
        facts = {one.check: [Told("", "not-applicable", descriptive=True)] for one in others}
        for one in run_checks(evidence, runs, seed):
            numbers = sorted(set(_numbers(one.fact)))
            codes = evidence.describe(np.array(numbers, np.int64))["station"]
            station = dict(zip(numbers, map(str, codes), strict=True))
            facts.setdefault(one.check.id, []).append(told(one.check.id, one.fact, station))
        evidence.con.disconnect()
    said = Audited(facts, known)
    said.plants()  # What cannot be counted is told before more elections are written.
    return said


def _numbers(fact: Fact) -> Iterator[int]:
    if fact.questioned is not None:
        yield from fact.questioned.tolist()
    if fact.rows is not None:
        yield from (sid for sid in np.asarray(fact.rows["sid"]).tolist() if sid >= 0)


def told(check: str, fact: Fact, station: Mapping[int, str]) -> Told:
    """The stations that a finding lists and questions, by their codes."""
    listed: dict[str, set[tuple[str, str]]] = {}
    for own, what, fields in _rows(check, fact, station):
        listed.setdefault(what, set()).update((s, f) for s in own for f in fields)
    some = () if fact.questioned is None else fact.questioned.tolist()
    return Told(
        fact.subject,
        fact.status,
        fact.kind == "descriptive",
        {what: frozenset(found) for what, found in listed.items()},
        frozenset(station[sid] for sid in some),
    )


def _rows(
    check: str, fact: Fact, station: Mapping[int, str]
) -> Iterator[tuple[list[str], str, list[str]]]:
    """The stations of each row, what it says, and its fields (one empty name where none is)."""
    columns = {name: np.asarray(column).tolist() for name, column in (fact.rows or {}).items()}
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        own = [station[row["sid"]]] if row["sid"] >= 0 else []
        what, fields = "", [""]
        if check == "images.reading":
            what = row.get("what") or (OTHER_CODE.what if row["other_code"] == 1 else "not read")
            fields = [str(row.get("field", ""))]
        elif check == "images.duplicate":
            own.append(str(row["other"]))
            if fact.subject == "patch":
                fields = re.findall(r"box(?:es)? [\d, ]+ of ([^\s;]+)", str(row["shared"])) or [""]
        elif check == "handwriting.delegate":
            what = DELEGATE.what if row["log10_ratio"] >= 1 - 1e-9 else "compared"
        elif "empty_options" in row:
            fields = str(row["empty_options"]).split(", ")
        yield own, what, fields


@dataclass(slots=True)
class Tally:
    """How often something was so, of how many times."""

    seen: int = 0
    of: int = 0

    def add(self, seen: int, of: int = 1) -> None:
        """Count it."""
        self.seen += seen
        self.of += of

    def cells(self) -> str:
        """Two cells of a table."""
        if not self.of:
            return "– | –"
        low, high = interval(self.seen, self.of)
        return f"{self.seen} of {self.of} | {low:.1%} to {high:.1%}"


@dataclass(slots=True)
class Named:
    """How often something is listed, and how often questioned; that not where it cannot be."""

    listed: Tally = field(default_factory=Tally)
    questioned: Tally = field(default_factory=Tally)

    def add(self, listed: int, questioned: int, of: int, *, questions: bool) -> None:
        """Count it."""
        self.listed.add(listed, of)
        if questions:
            self.questioned.add(questioned, of)

    def cells(self) -> str:
        """Four cells of a table."""
        return f"{self.listed.cells()} | {self.questioned.cells()}"


@dataclass(slots=True)
class Finding:
    """How a finding came out on honest elections; an alarm where something is observed that is not
    so, counted where it could be one.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    alarms: Tally = field(default_factory=Tally)


def alarms(elections: Iterable[Audited]) -> dict[str, Finding]:
    """Check and subject -> how the finding came out.

    Descriptions accuse nobody and can be no alarm, nor can counts but the official one, in which
    numbers may truly differ from the sheets. What that one records otherwise than its sheet is an
    alarm where the sheet has the number that was recorded.
    """
    found: dict[str, Finding] = {}
    for one in elections:
        truth = {entry["station"] for entry in one.truth["sheets"]["transcription"]}
        for check, facts in one.facts.items():
            for fact in facts:
                finding = found.setdefault(str(Way(check, fact.subject)), Finding())
                finding.statuses[fact.status] += 1
                reading = check == "images.reading"
                if (
                    fact.descriptive
                    or fact.status in ("not-applicable", "void")
                    or (reading and fact.subject != OFFICIAL)
                ):
                    continue
                wrong = bool(fact.questioned - truth) or not reading
                finding.alarms.add(fact.status == "observed" and wrong)
    return found


@dataclass(slots=True)
class Found:
    """What is listed and questioned in drills.

    Attributes
    ----------
    planted : kind and way -> stations where it was planted
    centres : kind -> centres, named where two sheets are
    others : way -> stations where nothing was planted that its check is meant for
    meant : check -> kinds that it is meant for, which are taken out of the others
    corrected : fields of the others that are listed as written over or struck, and are so
    """

    planted: dict[tuple[str, Way], Named] = field(default_factory=dict)
    centres: dict[str, Named] = field(default_factory=dict)
    others: dict[Way, Named] = field(default_factory=dict)
    meant: dict[str, tuple[str, ...]] = field(default_factory=dict)
    corrected: Tally = field(default_factory=Tally)


def found_of(elections: Iterable[Audited]) -> Found:
    """Count what is listed and questioned, alike where something was planted and where not."""
    found = Found()
    for check in CHECKS:
        kinds = (k for k, ways in SOUGHT.items() if any(w.check == check for w in ways))
        found.meant[check] = tuple(k for k in kinds if k not in INNOCENT)
    ways = dict.fromkeys(way for some in SOUGHT.values() for way in some)
    for one in elections:
        plants = one.plants()
        listed = {way: one.listed(way) for way in ways}
        questioned = {way: one.questioned(way) for way in ways}
        for plant in plants:
            for way in SOUGHT[plant.kind]:
                seen = {s for s in plant.stations if _stands(s, plant, listed[way])}
                asked = questioned[way] & set(plant.stations)
                found.planted.setdefault((plant.kind, way), Named()).add(
                    len(seen), len(asked), len(plant.stations), questions=way.questions
                )
                if plant.kind in CENTRES:
                    found.centres.setdefault(plant.kind, Named()).add(
                        len(seen) >= 2, len(asked) >= 2, 1, questions=way.questions
                    )
        for way in ways:
            out = {
                s
                for p in plants
                if p.kind in found.meant[way.check]
                for s in (*p.stations, p.source)
            }
            free = one.stations - out
            found.others.setdefault(way, Named()).add(
                len(free & {s for s, _ in listed[way]}),
                len(free & questioned[way]),
                len(free),
                questions=way.questions,
            )
            if way == WRITTEN_OVER:
                fields = {(s, name) for s, name in listed[way] if s in free}
                found.corrected.add(len(fields & _corrected(one)), len(fields))
    return found


def _stands(station: str, plant: Plant, listed: Listed) -> bool:
    """Whether a station is listed, by one of the changed fields where rows and truth name any."""
    fields = plant.fields.get(station)
    return any(s == station and (not f or fields is None or f in fields) for s, f in listed)


def _corrected(one: Audited) -> set[tuple[str, str]]:
    """Station and field, by each of its names, with a box that looks altered."""
    return {
        (sheet["station"], name)
        for sheet in one.truth["sheets"]["sheets"]
        for box in sheet["altered"]
        if box["label"] in CORRECTED
        for name in names(box["field"], one.truth["options"])
    }
