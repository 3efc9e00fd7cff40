"""What a count records of sheets beside what is read on the pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.case.tables import DOUBT, cell
from veedor.checks.base import Evidence
from veedor.checks.recorded import known
from veedor.stats.exact import unequal_chances_tail

__all__ = [
    "AGREE",
    "ALTERED",
    "BORNE_OUT_MOST",
    "MISREAD",
    "MISREAD_MOST",
    "SURE",
    "Alone",
    "Fields",
    "by_reading",
    "named_otherwise",
    "own_scans",
]

AGREE = 0.99
"""A field agrees where the recorded number has at least this probability on the scan."""
SURE = 0.9
"""A field disagrees where the number read has at least this one, and the recorded one at most
DOUBT."""
ALTERED = 0.5
"""A box is taken for struck or written over from this probability on."""
MISREAD, MISREAD_MOST = 3.0, 5.0
"""Disagreements by reading alone for each one that the probabilities of the boxes lead one to
expect (`rest`), and the upper limit of that, at 95 %. These know how digits are mistaken, and not
that ink was cut off with a line, that a digit reached into the next box, or that a box was written
over unnoticed. Measured with right transcriptions on simulated pictures by writers kept apart: on
1,261 of them 39 sheets with a disagreement where 21.7 were expected, 1.8 times as many (1.3 to
2.5); on forms and kinds of picture not learnt from 2.0 times (1.3 to 3.0), and on one of these
alone, 3.0 times (1.2 to 6.1); with networks before these 3.1 times in all (1.9 to 4.7). The larger
of all together stand, for the same writers wrote many of these sheets and real ones differ more.
`make reading` measures it anew (docs/reading-digits.md)."""
BORNE_OUT_MOST = 0.41
"""Stations on whose sheets a disagreement by reading alone is borne out, for each on whose sheets
the boxes of fields in sums that can be told lead one to expect any disagreement; the upper limit,
at 95 %, of all kinds of picture together: there were 2 such fields, both by fax, where 17.8 such
sheets were expected. Who writes a digit oddly does so in a row and in the total."""
NO_VOTES = ("registered", "declared_valid", "declared_cast")

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def named_otherwise(scans: ir.Table) -> ir.BooleanValue:
    """Whether the printed code of a scan names another station than the case does."""
    station = (scans.code_sid == scans.sid).fill_null(False)
    text = (scans.code == scans.station).fill_null(False)
    return scans.code.notnull() & ~(station | text)


def own_scans(evidence: Evidence) -> ir.Table:
    """Scans that were read, of known stations, whose code names no other; `alone` where it is the
    only such one of its station.
    """
    scans = evidence.scans()
    own = scans.filter(scans.status == "read", scans.sid.notnull(), ~named_otherwise(scans))
    times = own.group_by(sid_times=own.sid).agg(times=own.count())
    joined = own.join(times, [("sid", "sid_times")])
    return joined.mutate(alone=joined.times == 1)


def compared(evidence: Evidence, count: str) -> ir.Table:
    """The fields that were read and that a count records, one row each."""
    own = own_scans(evidence).select("alone", scan_own="scan", sid_own="sid")
    rows = evidence.compared()
    rows = rows.filter(rows["count"] == count).rename(
        scan_a="scan", field_a="field", p_recorded="p"
    )
    read = evidence.readings().drop("sid")
    joined = rows.join(read, [("scan_a", "scan"), ("field_a", "field")])
    joined = joined.join(own, [("scan_a", "scan_own")])
    sheets = evidence.sheets(count)
    region = cell(evidence.case.region_level)
    places = sheets.filter(sheets.counted).select(sid_sheet="sid", region=region)
    joined = joined.join(places, [("sid_own", "sid_sheet")])
    return joined.select(
        *("scan", "cell_of", "transcribed", "p_recorded", "state", "value", "text", "p"),
        *("joint", "p_joint", "rest", "altered", "alone", "region"),
        sid="sid_own",
        field="field_a",
        holds=joined.holds.cast("int64").fill_null(-1),
    )


def are_votes(fields: NDArray[Any]) -> Mask:
    """bool (n): fields that are votes, and no total of any."""
    return np.asarray(~np.isin(fields.astype(str), NO_VOTES), dtype=np.bool_)


def cancels(scan: NDArray[np.int64], more: NDArray[np.int64]) -> Mask:
    """bool (n): on the scan of each field the differences `more` (n) of all fields come to zero."""
    scans, at = np.unique(scan, return_inverse=True)
    total = np.zeros(len(scans), dtype=np.int64)
    np.add.at(total, at, more)
    return np.asarray(total[at] == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Fields that a count records and that were read on a scan, n of them.

    Attributes
    ----------
    sid, scan, recorded : int64 (n)
    field, cell_of, text, state : object (n)
    value : float64 (n), NaN where no number was read
    p, p_recorded, rest, altered : float64 (n); NaN where there is none
    p_agree : float64 (n), of the recorded number, with the sums of the form where they tell more
    alone : bool (n), no other scan of the station was read
    agree, disagree, unsure : bool (n), one of them each
    empty : bool (n), agrees in that zero is recorded and nothing is written
    by_sums : bool (n), agrees by the sums of the form alone: its own boxes leave it open
    confirmed : bool (n), disagrees, and is borne out: the sums of the form that it stands in hold
        with what was read there, or it is `balanced`
    told : bool (n), a sum of the form that it stands in can be told
    balanced : bool (n), disagrees with others of its scan, and what the record has more in some of
        them it has less in others, so that its total is theirs
    """

    sid: NDArray[np.int64]
    scan: NDArray[np.int64]
    region: NDArray[np.int64]
    recorded: NDArray[np.int64]
    field: NDArray[np.object_]
    cell_of: NDArray[np.object_]
    text: NDArray[np.object_]
    state: NDArray[np.object_]
    value: Floats
    p: Floats
    p_recorded: Floats
    p_agree: Floats
    rest: Floats
    altered: Floats
    alone: Mask
    agree: Mask
    disagree: Mask
    empty: Mask
    by_sums: Mask
    confirmed: Mask
    told: Mask
    balanced: Mask

    @property
    def unsure(self) -> Mask:
        """bool (n): reading cannot tell."""
        return ~(self.agree | self.disagree)

    @classmethod
    def of(cls, rows: Columns) -> Fields:
        """Judge each field by the thresholds of this module."""
        recorded = rows["transcribed"].astype(np.int64)
        value, joint = known(rows["value"]), known(rows["joint"])
        p, p_joint = known(rows["p"]), known(rows["p_joint"])
        p_recorded, altered = known(rows["p_recorded"]), known(rows["altered"])
        state = rows["state"]
        same = value == recorded
        by_sums = (joint == recorded) & (p_joint >= AGREE) & (p_recorded > DOUBT)
        by_sums &= same | (p < SURE)
        empty = (recorded == 0) & np.isin(state, ("empty", "filler")) & (p >= AGREE)
        clear = same & (p_recorded >= AGREE)
        agree = clear | by_sums | empty
        lone = np.isin(state, ("number", "filler", "empty")) & (altered < ALTERED) & (p >= SURE)
        other = np.where(np.isnan(value), state == "empty", value != recorded)
        disagree = lone & other.astype(bool) & (p_recorded <= DOUBT) & ~agree
        holds = (known(rows["holds"]) == 1) & ((joint == value) | (state == "empty"))
        read = np.where(np.isnan(value), 0, value).astype(np.int64)
        more = np.where(disagree & are_votes(rows["field"]), recorded - read, 0)
        balanced = disagree & (more != 0) & cancels(rows["scan"].astype(np.int64), more)
        return cls(
            sid=rows["sid"].astype(np.int64),
            scan=rows["scan"].astype(np.int64),
            region=rows["region"].astype(np.int64),
            recorded=recorded,
            field=rows["field"],
            cell_of=rows["cell_of"],
            text=rows["text"],
            state=state,
            value=value,
            p=p,
            p_recorded=p_recorded,
            p_agree=np.fmax(p_recorded, np.where(joint == recorded, p_joint, np.nan)),
            rest=known(rows["rest"]),
            altered=altered,
            alone=rows["alone"].astype(bool),
            agree=agree,
            disagree=disagree,
            empty=empty & ~same,
            by_sums=by_sums & ~clear & ~empty,
            confirmed=disagree & holds | balanced,
            told=known(rows["holds"]) >= 0,
            balanced=balanced,
        )

    @property
    def able(self) -> Mask:
        """bool (n): could have come out as disagreeing."""
        return np.asarray((self.p >= SURE) & (self.altered < ALTERED) & ~np.isnan(self.rest))

    @property
    def could_mislead(self) -> Floats:
        """float64 (m): of fields that could have come out as disagreeing, the probability that
        reading alone would have brought it about, were the recorded numbers those of the sheets; by
        the boxes' own probabilities, which `MISREAD` sets right.
        """
        return np.asarray(np.clip(self.rest[self.able], 0.0, 1.0))

    @property
    def read(self) -> NDArray[np.int64]:
        """int64 (n): what stands on the sheet as far as it can be told; -1 where it cannot."""
        number = np.where(np.isnan(self.value), 0, self.value).astype(np.int64)
        return np.where(self.agree, self.recorded, np.where(self.disagree, number, -1))

    def matrix(self, names: Sequence[str]) -> tuple[NDArray[np.int64], ...]:
        """Sheets with one scan, (m, names) recorded and read, -1 where there is none.

        Returns
        -------
        Station numbers (m), regions (m), recorded, read.
        """
        use = self.alone & np.isin(self.field, names)
        sid, first, row = np.unique(self.sid[use], return_index=True, return_inverse=True)
        place = {name: i for i, name in enumerate(names)}
        column = np.array([place[f] for f in self.field[use]], dtype=np.int64)
        recorded = np.full((len(sid), len(names)), -1, dtype=np.int64)
        read = recorded.copy()
        recorded[row, column], read[row, column] = self.recorded[use], self.read[use]
        return sid, self.region[use][first], recorded, read


@dataclass(frozen=True, slots=True)
class Alone:
    """What reading alone would bring about, were all recorded numbers those of the sheets.

    Attributes
    ----------
    fields : float, disagreements to be expected
    sheets : int, stations with a disagreement, each once
    expected : float, such stations to be expected
    p : float, the probability of at least as many as there are, at most
    p_confirmed : float, that of as many with one that the form's sums bear out, at most
    """

    fields: float
    sheets: int
    expected: float
    p: float
    p_confirmed: float


def by_reading(fields: Fields) -> Alone:
    """Weigh the disagreements by the stations on whose sheets they are.

    Who writes a digit oddly does so in several fields, and a poor scan is poor in all: of the
    fields of one station an error in one makes another likelier. A station therefore counts once,
    however many of its fields disagree, and on however many of its scans. That one of its fields
    at least is misread has no greater probability than if they were misread each by itself (for
    events that favour one another, P(none) is at least the product), which is what is taken. The
    probability of so many stations takes errors of reading to be as frequent as they may be
    (`MISREAD_MOST`, `BORNE_OUT_MOST`), and stations as independent.
    """
    sid, rest = fields.sid[fields.able], fields.could_mislead
    sheets = len(np.unique(fields.sid[fields.disagree]))
    confirmed = len(np.unique(fields.sid[fields.confirmed]))
    most = chances_of_sheets(sid, MISREAD_MOST * rest)
    borne_out = BORNE_OUT_MOST * chances_of_sheets(sid, rest)
    return Alone(
        fields=float(np.minimum(MISREAD * rest, 1.0).sum()),
        sheets=sheets,
        expected=float(chances_of_sheets(sid, MISREAD * rest).sum()),
        p=unequal_chances_tail(sheets, most) if len(most) else float(sheets == 0),
        p_confirmed=unequal_chances_tail(confirmed, borne_out)
        if len(most)
        else float(confirmed == 0),
    )


def chances_of_sheets(sid: NDArray[np.int64], chances: Floats) -> Floats:
    """float64 (stations): that one field at least of a station errs, if each (m) errs by itself."""
    stations, at = np.unique(sid, return_inverse=True)
    none = np.ones(len(stations))
    np.multiply.at(none, at, 1.0 - np.clip(chances, 0.0, 1.0))
    return 1.0 - none


def tally(table: ir.Table, *by: str) -> ir.Table:
    """How many rows of each kind a table has."""
    return table.group_by([table[name] for name in by]).agg(n=table.count())


def coverage(evidence: Evidence) -> ir.Table:
    """Each counted official sheet: how many scans it has, and how many of them were read."""
    scans, own = evidence.scans(), own_scans(evidence)
    there = scans.filter(scans.sid.notnull(), scans.status != "missing")
    times = there.group_by(sid_scans=there.sid).agg(scans=there.count())
    read = own.group_by(sid_read=own.sid).agg(read=own.count())
    sheets = evidence.sheets()
    joined = sheets.filter(sheets.counted).left_join(times, [("sid", "sid_scans")])
    joined = joined.left_join(read, [("sid", "sid_read")])
    return joined.select(
        "sid",
        "valid",
        scans=joined.scans.fill_null(0),
        read=ibis.coalesce(joined["read"], 0),
    )
