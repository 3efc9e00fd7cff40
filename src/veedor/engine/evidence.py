"""The evidence of a case as tables: what `measure` asks, and what only the audit reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Case, Source
from veedor.case.plan import Plan
from veedor.case.tables import cell, votes_columns
from veedor.engine.instants import ClockInfo
from veedor.engine.machines import LogInfo
from veedor.engine.shelf import Shelf
from veedor.engine.verbs import collect, rows


@dataclass(frozen=True, slots=True)
class CountInfo:
    """One count of the case and what it recorded.

    `fields` are the names of the canonical columns that the count fills; `zero_kept` says that an
    empty cell and a written zero are told apart.
    """

    id: str
    role: str
    source: Source
    fields: frozenset[str]
    stations: int
    set_aside: int
    empty_kept: bool


@dataclass(frozen=True, slots=True)
class ListInfo:
    """A list of stations that somebody named, or a union of such lists."""

    id: str
    title: str
    claim: str | None
    reference: str | None
    lost: bool
    members: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfficialSheets:
    """The official count as arrays, ordered by station number.

    Attributes
    ----------
    sid : int64 (n)
    votes : int64 (n, options)
        An unreadable cell is 0 here; `unreadable` says on how many sheets that happened.
    blank, null : int64 (n)
    registered : float64 (n), NaN where not recorded
    counted : bool (n)
        Sheets that the authority put in its totals; the others carry zero in `votes`.
    cells : mapping from level to int64 (n)
    """

    sid: NDArray[np.int64]
    votes: NDArray[np.int64]
    blank: NDArray[np.int64]
    null: NDArray[np.int64]
    registered: NDArray[np.float64]
    counted: NDArray[np.bool_]
    cells: Mapping[str, NDArray[np.int64]]

    def rows(self, sids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions of those stations, leaving out any that the official count lacks."""
        unique = np.unique(sids)
        at = np.searchsorted(self.sid, unique)
        at = np.minimum(at, max(len(self.sid) - 1, 0))
        return at[self.sid[at] == unique] if len(self.sid) else at[:0]


@dataclass(frozen=True, slots=True)
class OpenVotes:
    """Votes of the official count that its files do not settle.

    `set_aside`, `unreadable` and `not_counted` count stations (a row without a code counts as one);
    `votes` is the most that could hang on all of them.
    """

    set_aside: int
    unreadable: int
    not_counted: int
    votes: int


def snapshot_at_cut(case: Case, counts: Mapping[str, CountInfo]) -> str | None:
    """The published count that held the early sheets: the last one up to the cut."""
    if case.cut is None:
        return None
    at = {
        c.id: c.source.at
        for c in counts.values()
        if c.source.at is not None and c.id != case.official and c.source.at <= case.cut.at
    }
    return max(at, key=lambda name: at[name]) if at else None


def _some(name: str) -> Callable[[Evidence], bool]:
    return lambda evidence: rows(evidence.con.table(name)) > 0


TIMES: dict[str, Callable[[Evidence], bool]] = {
    "cut": lambda evidence: evidence.case.cut is not None,
    "early": lambda evidence: evidence.early_known,
    "log": lambda evidence: bool(evidence.stages) and _some("events")(evidence),
    "instants": lambda evidence: bool(evidence.clocks),
    "publications": _some("publications"),
    "states": _some("states"),
    "arrivals": _some("arrivals"),
    "exports": _some("exports"),
    "order": lambda evidence: (
        evidence.early_known or TIMES["log"](evidence) or TIMES["exports"](evidence)
    ),
}
"""Needs of the checks that look at time -> whether the case has that evidence."""

MACHINES: dict[str, Callable[[Evidence], bool]] = {
    "declared-hosts": lambda evidence: bool(evidence.plan.hosts),
    "declared-groups": lambda evidence: bool(evidence.plan.groups),
    "flows": _some("flows"),
    "log-lines": _some("log_lines"),
    "machines": lambda evidence: MACHINES["flows"](evidence) or MACHINES["log-lines"](evidence),
    "log-evidence": lambda evidence: (
        bool(evidence.plan.withheld) or MACHINES["log-lines"](evidence)
    ),
    "seen-hosts": lambda evidence: _some("addresses")(evidence),
    "custody": _some("custody"),
    "freezes": lambda evidence: bool(evidence.plan.freezes),
    "documents": lambda evidence: bool(evidence.plan.documents),
    "statements": lambda evidence: bool(evidence.plan.statements),
    "examined": lambda evidence: any(s.questions for s in evidence.plan.samples),
    "hand-counts": lambda evidence: any(s.hand_count for s in evidence.plan.samples),
    "operators": lambda evidence: any(
        rows(table.filter(table.actor.notnull(), table.sid.notnull())) > 0
        for table in (evidence.events(), evidence.custody(), evidence.log_lines())
    ),
}
"""Needs of the checks of infrastructure, custody, statements and samples."""

PICTURES: dict[str, Callable[[Evidence], bool]] = {
    **{name: _some(name) for name in ("scans", "readings", "glyphs")},
    "twins": lambda evidence: rows(evidence.con.table("scans")) > 1,
}
"""Needs of the checks of pictures and of handwriting."""


@dataclass
class Evidence:
    """The canonical tables of one case; see `veedor.case.tables` for their columns."""

    case: Case
    con: ibis.BaseBackend
    counts: dict[str, CountInfo]
    lists: dict[str, ListInfo]
    history_level: str | None = None
    history_election: str | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Optional source -> why it could not be had."""
    clocks: dict[str, ClockInfo] = field(default_factory=dict)
    """Source with instants -> what its clock is."""
    stages: tuple[str, ...] = ()
    """Stages of the process of which a log with a usable clock exists, in order."""
    plan: Plan = field(default_factory=Plan)
    """The declared side, with the hosts of inventories."""
    machines: dict[str, LogInfo] = field(default_factory=dict)
    """Source of flows or log lines -> how well it could be read."""
    trails: dict[str, ClockInfo] = field(default_factory=dict)
    """Source of custody or hashes (and step, after a point) -> what its clock is."""
    shelf: Shelf = field(default_factory=Shelf)
    """The scans at hand: where the picture of each lies."""
    early_known: bool = False
    """Something tells which sheets were published before the cut."""

    @property
    def official(self) -> str:
        """The count that decides the outcome."""
        return self.case.official

    @property
    def options(self) -> int:
        """How many options are on the ballot."""
        return len(self.case.options)

    @property
    def votes_columns(self) -> list[str]:
        """Names of the votes columns, in ballot order."""
        return votes_columns(self.options)

    def sheets(self, count: str | None = None) -> ir.Table:
        """The sheets of a count (the official one when none is named)."""
        return self.con.table(f"sheets_{_code(self.counts, count or self.official)}")

    def stations(self) -> ir.Table:
        """Every station whose code was seen in any source."""
        return self.con.table("stations")

    def cells(self) -> ir.Table:
        """Cells that are not whole numbers of votes."""
        return self.con.table("cells")

    def set_aside(self) -> ir.Table:
        """Rows kept out of `sheets`, with the reason."""
        return self.con.table("set_aside")

    def history(self) -> ir.Table:
        """The earlier election by place; only where `has('history')`."""
        return self.con.table("history")

    @property
    def snapshot_at_cut(self) -> str | None:
        """The published count that held the early sheets, where the case has one."""
        return snapshot_at_cut(self.case, self.counts)

    def timed(self) -> ir.Table:
        """The counted official sheets with their time and place; see `TIMED`."""
        return self.con.table("timed")

    def events(self) -> ir.Table:
        """Lines of processing logs; see `EVENTS`."""
        return self.con.table("events")

    def publications(self) -> ir.Table:
        """Publications of running counts; see `PUBLICATIONS`."""
        return self.con.table("publications")

    def states(self) -> ir.Table:
        """Sheets that a process did not finish; see `STATES`."""
        return self.con.table("states")

    def arrivals(self) -> ir.Table:
        """Between which publications each sheet first appeared; see `ARRIVALS`."""
        return self.con.table("arrivals")

    def exports(self) -> ir.Table:
        """Stations in successive exports of a running count; see `EXPORTS`."""
        return self.con.table("exports")

    def hosts(self) -> ir.Table:
        """Declared hosts and groups of clients; see `HOSTS`."""
        return self.con.table("hosts")

    def addresses(self) -> ir.Table:
        """What each address that was seen is by the plan; see `ADDRESSES`."""
        return self.con.table("addresses")

    def presented(self) -> ir.Table:
        """Keys that machines presented; see `PRESENTED`."""
        return self.con.table("presented")

    def flows(self) -> ir.Table:
        """Connections that sensors saw; see `FLOWS`."""
        return self.con.table("flows")

    def log_lines(self) -> ir.Table:
        """Lines of machines' logs; see `LOG_LINES`."""
        return self.con.table("log_lines")

    def custody(self) -> ir.Table:
        """Steps of custody trails; see `CUSTODY`."""
        return self.con.table("custody")

    def hashes(self) -> ir.Table:
        """Hashes taken; see `HASHES`."""
        return self.con.table("hashes")

    def examined(self) -> ir.Table:
        """Answers of examiners; see `EXAMINED`."""
        return self.con.table("examined")

    def showings(self) -> ir.Table:
        """Pictures shown to examiners without a veil; see `SHOWINGS`."""
        return self.con.table("showings")

    def scans(self) -> ir.Table:
        """Scans that the case names; see `SCANS`."""
        return self.con.table("scans")

    def readings(self) -> ir.Table:
        """Fields as read on scans; see `READINGS`."""
        return self.con.table("readings")

    def compared(self) -> ir.Table:
        """What counts record of fields that were read; see `COMPARED`."""
        return self.con.table("compared")

    def glyphs(self) -> ir.Table:
        """Digits on scans, by the shape of their writing; see `GLYPHS`."""
        return self.con.table("glyphs")

    def twins(self) -> ir.Table:
        """Pairs of scans that share what two sheets do not; see `TWINS`."""
        return self.con.table("twins")

    def list_members(self, list_id: str) -> ir.Table:
        """The station numbers on a list (a station on two lists of a union once)."""
        info = self.lists[list_id]
        table = self.con.table("lists")
        wanted = info.members or (list_id,)
        return table.filter(table.list_id.isin(wanted)).select("sid").distinct()

    def by_role(self, role: str) -> list[str]:
        """Counts of a role, in the case's order."""
        return [c.id for c in self.counts.values() if c.role == role and c.id != self.official]

    def snapshots(self) -> list[str]:
        """Counts that are publications of one running count, in order of their instants."""
        dated = [c for c in self.counts.values() if c.source.at and c.id != self.official]
        return [c.id for c in sorted(dated, key=lambda c: c.source.at or 0)]

    def has(self, need: str) -> bool:
        """Whether the case has a kind of evidence; see `veedor.checks.base.NEEDS`."""
        official = self.counts[self.official]
        if need in ("registered", "blank", "null", "declared_valid", "declared_cast", "reason"):
            return need in official.fields
        if need == "invalid":
            return bool({"blank", "null"} & official.fields)
        if need == "declared":
            return bool({"declared_valid", "declared_cast"} & official.fields)
        if need == "coordinates":
            return "latitude" in official.fields or any(
                s.latitude for s in self.case.sources if s.kind == "stations"
            )
        if need == "preliminary":
            return bool(self.by_role("preliminary"))
        if need == "copy":
            return bool(self.by_role("copy"))
        if need == "snapshots":
            return len(self.snapshots()) > 1
        if need == "second-count":
            return len(self.counts) > 1
        if need == "history":
            return self.history_level is not None
        if need in TIMES:
            return TIMES[need](self)
        if need in MACHINES:
            return MACHINES[need](self)
        if need in PICTURES:
            return PICTURES[need](self)
        if need == "lists":
            return bool(self.lists)
        if need == "lost":
            return any(info.lost for info in self.lists.values())
        if need == "announced":
            return bool(self.case.announced)
        if need == "empty-kept":
            return any(info.empty_kept for info in self.counts.values()) or self.has("readings")
        if need == "reason-any":
            return any("reason" in info.fields for info in self.counts.values())
        raise KeyError(need)

    @cached_property
    def official_sheets(self) -> OfficialSheets:
        """The official count as arrays, for judging; sheets not counted carry zero votes."""
        levels = self.case.geography
        columns = collect(
            self.sheets().select(
                "sid",
                *(cell(level) for level in levels),
                *self.votes_columns,
                "blank",
                "null",
                "registered",
                "counted",
            )
        )
        counted = columns["counted"].astype(bool)
        votes = np.stack([_whole(columns[v]) for v in self.votes_columns], axis=1)
        votes[~counted] = 0
        return OfficialSheets(
            sid=columns["sid"],
            votes=votes,
            blank=np.where(counted, _whole(columns["blank"]), 0),
            null=np.where(counted, _whole(columns["null"]), 0),
            registered=_float(columns["registered"]),
            counted=counted,
            cells={level: columns[cell(level)] for level in levels},
        )

    @cached_property
    def open_votes(self) -> OpenVotes:
        """What the official files leave open: rows set aside, unreadable cells, sheets left out.

        A station set aside could have its highest version (or its registered voters, where a
        version cannot be read); an unreadable sheet its registered voters less the votes read (or
        the largest list of the case, where it has none); a sheet that was not counted its own
        valid votes.
        """
        t, official = self.sheets(), self.official
        sheets = collect(t.select("sid", "registered", "cast", "valid", "counted"))
        registered = _float(sheets["registered"])
        most = int(np.nanmax(registered, initial=0.0)) if (~np.isnan(registered)).any() else 0
        counted = sheets["counted"].astype(bool)
        cells = self.cells()
        options = list(self.case.option_ids)
        wrong = cells.filter(
            (cells["count"] == official) & cells.field.isin(options) & (cells.state != "empty")
        )
        unreadable = np.isin(sheets["sid"], collect(wrong.select("sid").distinct())["sid"])
        room = np.where(np.isnan(registered), most, registered) - sheets["cast"]
        hidden = np.maximum(room, 0)[unreadable & counted].sum()
        aside = self.set_aside()
        rows = collect(
            aside.filter((aside["count"] == official) & (aside.why != "repeated")).select(
                "row", "station", "valid", "registered", "unreadable"
            )
        )
        votes = int(hidden) + int(sheets["valid"][~counted].sum())
        stations: dict[str, int] = {}
        for i, row in enumerate(rows["row"]):
            code = rows["station"][i] or f"row {row}"
            listed = rows["registered"][i]
            known = listed is not None and not np.isnan(float(listed))
            value = int(rows["valid"][i])
            if rows["unreadable"][i]:
                value = max(value, int(listed) if known else most)
            stations[code] = max(stations.get(code, 0), value)
        return OpenVotes(
            set_aside=len(stations),
            unreadable=int((unreadable & counted).sum()),
            not_counted=int((~counted).sum()),
            votes=votes + sum(stations.values()),
        )

    @cached_property
    def station_names(self) -> dict[str, NDArray[Any]]:
        """Official code and place of every station, at the position of its number."""
        return collect(self.stations().select("sid", "station", *self.case.geography))

    def describe(self, sids: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Official code and geography of stations, for the evidence files; None where a number is
        negative, which stands for a station that is not known.
        """
        names = {k: v for k, v in self.station_names.items() if k != "sid"}
        known = sids >= 0
        if known.all():
            return {k: v[sids] for k, v in names.items()}
        found = {k: np.full(len(sids), None, dtype=object) for k in names}
        for k, v in names.items():
            found[k][known] = v[sids[known]]
        return found


def _code(counts: Mapping[str, CountInfo], count: str) -> int:
    return list(counts).index(count)


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    return np.nan_to_num(_float(values), nan=0.0).astype(np.int64)


def _float(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype == object:
        return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    return values.astype(np.float64)
