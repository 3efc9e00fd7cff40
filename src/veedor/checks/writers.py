"""Digits on scans as checks of hands measure them, and what centres of sheets say of hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.case.tables import cell, embedding_columns
from veedor.checks.recorded import votes, whole, winners
from veedor.engine.evidence import Evidence
from veedor.handwriting.background import mixed_centres
from veedor.handwriting.calibration import Calibration, condition_of, verbal
from veedor.handwriting.centre import judge_centres
from veedor.handwriting.halves import Look
from veedor.handwriting.scorer import CLASSES, DIM, Digits, Writing, centred
from veedor.handwriting.strokes import UNBROKEN
from veedor.stats.plda import Sources

__all__ = [
    "Judged",
    "Sheets",
    "alike",
    "judge",
    "looks",
    "measured_digits",
    "read_sheets",
    "support",
    "won_centres",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BANDS = (20, 30)
"""Digits from which on a sheet stands for others in made-up centres that have as many at least: the
fewer digits, the less a ratio can say."""
ENOUGH = 20
"""Centres that a band of digits must be on, at the least, to stand alone."""
FEWER = 5
"""Made-up centres for each one that is made up of sheets of one region."""


def support(llr: Floats) -> NDArray[np.object_]:
    """What ratios say in words, and for which side: a small one is no weak support for one hand."""
    words = [verbal(r) for r in llr.tolist()]
    sides = ["for one hand" if r > 0 else "against one hand" for r in llr.tolist()]
    return np.array(
        [w if w == "no support" else f"{w}, {s}" for w, s in zip(words, sides, strict=True)],
        dtype=object,
    )


def measured_digits(evidence: Evidence) -> Mapping[str, ir.Table]:
    """Sums of the digits' shapes and wholeness, by sheet, who should write them, digit, and whether
    the box's number is odd; sheets; votes.

    Of several scans of a station the first one counts.
    """
    scans = evidence.scans()
    read = scans.filter(scans.status == "read", scans.sid.notnull())
    first = read.group_by("sid").agg(scan=read.scan.min())
    names = embedding_columns(DIM)
    glyphs = evidence.glyphs().join(first, ["sid", "scan"])
    kept = glyphs.select("sid", "by", "digit", "unbroken", *names, half=glyphs.box % 2)
    digits = kept.group_by("sid", "by", "digit", "half").agg(
        n=kept.count(), **{name: kept[name].sum() for name in ("unbroken", *names)}
    )
    case, stations = evidence.case, evidence.stations()
    places = stations.select(
        "sid",
        "station",
        centre=stations[cell(case.sibling_level)],
        region=stations[cell(case.region_level)],
    )
    grades = scans.select("scan", "grade", "template")
    sheets = evidence.sheets()
    return {
        "digits": digits,
        "sheets": first.join(grades, "scan").join(places, "sid"),
        "votes": sheets.filter(sheets.counted).select(
            "sid", *evidence.votes_columns, centre=sheets[cell(case.sibling_level)]
        ),
    }


@dataclass(frozen=True, slots=True)
class Sheets:
    """Scanned sheets, ordered by station.

    Attributes
    ----------
    sid, scan, centre, region : int64 (n)
    station, grade, form : text (n); the form is the template's id
    clerk, delegate : digits that each should have written, by the form
    even, odd : those of the clerk in even and odd boxes
    unbroken : float64 (n), mean over all digits of the share of ink in one piece; 1 without digits
    """

    sid: Ints
    scan: Ints
    centre: Ints
    region: Ints
    station: NDArray[Any]
    grade: NDArray[np.str_]
    form: NDArray[np.str_]
    clerk: Digits
    delegate: Digits
    even: Digits
    odd: Digits
    unbroken: Floats

    def at(self, index: Ints | NDArray[np.bool_]) -> Sheets:
        """Some of them."""
        return Sheets(
            sid=self.sid[index],
            scan=self.scan[index],
            centre=self.centre[index],
            region=self.region[index],
            station=self.station[index],
            grade=self.grade[index],
            form=self.form[index],
            clerk=self.clerk.at(index),
            delegate=self.delegate.at(index),
            even=self.even.at(index),
            odd=self.odd.at(index),
            unbroken=self.unbroken[index],
        )

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Sheets whose strokes are in pieces: hands cannot be compared on them."""
        return np.asarray(self.unbroken < UNBROKEN, dtype=np.bool_)


def read_sheets(measured: Mapping[str, Columns]) -> Sheets:
    """The measured rows as arrays."""
    rows, digits = measured["sheets"], measured["digits"]
    sid = whole(rows["sid"])
    by = digits["by"] == "delegate"
    second = whole(digits["half"]) == 1
    even, odd = (_digits(digits, ~by & half, sid) for half in (~second, second))
    return Sheets(
        sid=sid,
        scan=whole(rows["scan"]),
        centre=whole(rows["centre"]),
        region=whole(rows["region"]),
        station=rows["station"],
        grade=_text(rows["grade"]),
        form=_text(rows["template"]),
        clerk=Digits(even.counts + odd.counts, even.sums + odd.sums),
        delegate=_digits(digits, by, sid),
        even=even,
        odd=odd,
        unbroken=_unbroken(digits, sid),
    )


def _unbroken(rows: Columns, sid: Ints) -> Floats:
    at = np.searchsorted(sid, whole(rows["sid"]))
    share, number = (
        np.bincount(at, weights=whole(rows[name]), minlength=len(sid)) for name in ("unbroken", "n")
    )
    return np.where(number > 0, share / (1000 * np.maximum(number, 1)), 1.0)


def _text(values: NDArray[Any]) -> NDArray[np.str_]:
    return np.array(["" if v is None else str(v) for v in values], dtype=np.str_)


def _digits(rows: Columns, chosen: NDArray[np.bool_], sid: Ints) -> Digits:
    counts = np.zeros((len(sid), CLASSES), dtype=np.int64)
    sums = np.zeros((len(sid), CLASSES, DIM))
    at, digit = np.searchsorted(sid, whole(rows["sid"])[chosen]), whole(rows["digit"])[chosen]
    np.add.at(counts, (at, digit), whole(rows["n"])[chosen])
    shapes = np.stack([whole(rows[name])[chosen] for name in embedding_columns(DIM)], axis=1)
    np.add.at(sums, (at, digit), shapes / 1000)
    return Digits(counts, sums)


def won_centres(measured: Mapping[str, Columns], options: int) -> tuple[Ints, Ints]:
    """Centres of the official count and the option that won each, -1 where none did."""
    rows = measured["votes"]
    centres, at = np.unique(whole(rows["centre"]), return_inverse=True)
    total = np.zeros((len(centres), options), dtype=np.int64)
    np.add.at(total, at, votes(rows, options))
    return centres, winners(total)


@dataclass(frozen=True, slots=True)
class Judged:
    """Centres that were judged, those of one condition after those of another.

    Attributes
    ----------
    centre : int64 (centres), their cells
    members : positions of the sheets of each
    condition : text (centres)
    some, one, odd : float64 (centres), as in `Centres`
    pairs : int64 (pairs, 2), positions of two sheets
    of : int64 (pairs), position of the centre
    llr, digits : float64 (pairs)
    mixed : float64 (made-up centres), what `some` is among sheets of different centres
    mixed_pairs : float64 (pairs), their pairs' log likelihood ratios
    near : float64, as `mixed`, of sheets of different centres of one region
    """

    centre: Ints
    members: tuple[Ints, ...]
    condition: NDArray[np.str_]
    some: Floats
    one: Floats
    odd: Floats
    pairs: Ints
    of: Ints
    llr: Floats
    digits: Floats
    mixed: Floats
    mixed_pairs: Floats
    near: Floats


def looks(sheets: Sheets) -> Ints:
    """int64 (sheets): form and grade of scan, as one number."""
    looks = np.char.add(np.char.add(sheets.grade, " "), sheets.form)
    return np.unique(looks, return_inverse=True)[1].astype(np.int64)


def alike(sheets: Sheets) -> Ints:
    """int64 (sheets): form, grade and, in BANDS, number of the clerk's digits, as one number.

    Bands of a form and grade that fewer than ENOUGH centres have are one with their neighbour.
    """
    look, found, first = looks(sheets), np.zeros(len(sheets.sid), dtype=np.int64), 0
    for one in np.unique(look):
        at = np.flatnonzero(look == one)
        digits, centre, cuts = sheets.clerk.total[at], sheets.centre[at], list(BANDS)
        while cuts:
            band = np.searchsorted(cuts, digits, side="right")
            there = np.unique(band).tolist()
            held = [len(np.unique(centre[band == b])) for b in there]
            if min(held) >= ENOUGH:
                break
            cuts.pop(min(there[int(np.argmin(held))], len(cuts) - 1))
        found[at] = first + np.searchsorted(cuts, digits, side="right")
        first += len(cuts) + 1
    return found


def writing_of(digits: Digits, sheets: Sheets, model: Sources) -> Writing:
    """Digits about the class means of all sheets of the same form and grade of scan."""
    return centred(digits, looks(sheets), model)


def judge(
    sheets: Sheets,
    writing: Writing,
    model: Sources,
    calibrations: Mapping[str, Calibration],
    rng: np.random.Generator,
    *,
    wanted: Callable[[int], int],
) -> Judged:
    """Every centre with two sheets at least, and made-up ones of sheets of different centres.

    A made-up centre has sheets that are `alike` those of a real one; real ones to which no other
    centres' sheets compare are not judged.

    Parameters
    ----------
    wanted : made-up centres that are wanted, by the number of real ones
    """
    centre, at = np.unique(sheets.centre, return_inverse=True)
    order = np.argsort(at, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(at, minlength=len(centre)))[:-1])
    several = [(c, m) for c, m in zip(centre.tolist(), members, strict=False) if len(m) > 1]
    real = [m for _, m in several]
    rounds = -(-wanted(len(real)) // max(len(real), 1))
    look = looks(sheets)
    made, like = mixed_centres(sheets.centre, alike(sheets), real, rounds, rng)
    both = np.column_stack([look, sheets.region])
    inside = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    near, near_like = mixed_centres(sheets.centre, inside, real, -(-rounds // FEWER), rng)
    able = (np.bincount(like, minlength=len(real)) > 0) | (rounds == 0)
    poor = np.array([(sheets.grade[m] != "good").any() for m in real], dtype=bool)
    parts = []
    for name, chosen in (("good", ~poor), ("usable", poor)):
        if not (chosen & able).any() or name not in calibrations:
            continue
        kept = [several[i] for i in np.flatnonzero(chosen & able).tolist()]
        mixed = [made[i] for i in np.flatnonzero(chosen[like]).tolist()]
        close = [near[i] for i in np.flatnonzero(chosen[near_like]).tolist()]
        parts.append(_judged(name, kept, mixed, close, writing, model, calibrations[name]))
    return _together(parts)


def _judged(
    name: str,
    real: Sequence[tuple[int, Ints]],
    made: Sequence[Ints],
    near: Sequence[Ints],
    writing: Writing,
    model: Sources,
    calibration: Calibration,
) -> Judged:
    members = tuple(m for _, m in real)
    found = judge_centres(writing, members, model, calibration)
    mixed = judge_centres(writing, made, model, calibration)
    return Judged(
        centre=np.array([c for c, _ in real], dtype=np.int64),
        members=members,
        condition=np.full(len(real), name),
        some=found.some,
        one=found.one,
        odd=found.odd,
        pairs=found.pairs,
        of=found.centre,
        llr=found.llr,
        digits=found.digits,
        mixed=mixed.some,
        mixed_pairs=mixed.llr,
        near=judge_centres(writing, near, model, calibration).some,
    )


def _together(parts: Sequence[Judged]) -> Judged:
    none = np.empty(0)
    if not parts:
        whole_ = np.empty(0, dtype=np.int64)
        text = np.empty(0, dtype=np.str_)
        pairs = np.empty((0, 2), dtype=np.int64)
        return Judged(whole_, (), text, none, none, none, pairs, whole_, *[none] * 5)
    before = np.cumsum([0, *(len(p.centre) for p in parts)])
    joined = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in Judged.__slots__
        if name not in ("members", "of")
    }
    return Judged(
        members=tuple(m for p in parts for m in p.members),
        of=np.concatenate([p.of + b for p, b in zip(parts, before[:-1], strict=True)]),
        **joined,
    )


def refused(sheets: Sheets, looks: Sequence[Look]) -> NDArray[np.bool_]:
    """Sheets whose form and grade did not stand the test of two halves."""
    found = np.zeros(len(sheets.sid), dtype=bool)
    for look in looks:
        found |= look.refused & (sheets.form == look.form) & (sheets.grade == look.grade)
    return found


def comparable(sheets: Sheets, digits: Digits, least: int) -> NDArray[np.bool_]:
    """Sheets with digits enough, in whole strokes, on a scan of a validated grade."""
    known = condition_of(sheets.grade, sheets.grade) != ""
    found: NDArray[np.bool_] = known & (digits.total >= least) & ~sheets.broken
    return found
