"""A sample of sheets as it was declared: its frame, and its draw repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Case
from veedor.case.sampling import Sample
from veedor.checks.base import Columns, Evidence
from veedor.checks.recorded import known, votes, whole
from veedor.contest.assorter import ballots_of, groups_of, risk_weights
from veedor.errors import CaseError
from veedor.stats import draws
from veedor.stats.survey import Sampled

__all__ = ["Draw", "Frame", "as_drawn", "draw", "drawable", "frame_query", "weights_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def frame_query(evidence: Evidence, count: str) -> ir.Table:
    """The sheets of a count with their codes and places: one row a sheet."""
    sheets = evidence.sheets(count)
    stations = evidence.stations().select("sid", "station", *evidence.case.geography)
    kept = sheets.select("sid", "registered", "blank", "null", "counted", *evidence.votes_columns)
    return kept.join(stations, "sid")


@dataclass(frozen=True, slots=True)
class Frame:
    """The units that a sample was drawn from.

    Attributes
    ----------
    sid : int64 (n)
    station : official codes (n)
    paths : level -> the path of names down to it, for each unit
    votes : int64 (n, options + 2), by option, then blank and null votes; zero where not counted
    read : bool (n, options + 2), cells that hold a whole number
    counted : bool (n), sheets that the authority put in its totals
    registered : float64 (n), NaN where not recorded
    """

    sid: Ints
    station: list[str]
    paths: dict[str, list[str]]
    votes: Ints
    read: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    registered: Floats

    @classmethod
    def of(cls, rows: Columns, case: Case) -> Frame:
        """From the rows of `frame_query`."""
        paths: dict[str, list[str]] = {}
        above = [""] * len(rows["sid"])
        for level in case.geography:
            names = [str(v or "") for v in rows[level].tolist()]
            above = [f"{a} / {n}" if a else n for a, n in zip(above, names, strict=True)]
            paths[level] = above
        table = votes(rows, len(case.options))
        more = [whole(rows[n]) for n in ("blank", "null")]
        cells = [rows[n] for n in (*(f"v{i}" for i in range(len(case.options))), "blank", "null")]
        counted = rows["counted"].astype(bool)
        return cls(
            sid=rows["sid"].astype(np.int64),
            station=[str(v) for v in rows["station"].tolist()],
            paths=paths,
            votes=np.where(counted[:, None], np.column_stack([table, *more]), 0),
            read=~np.isnan(np.column_stack([known(c) for c in cells])),
            counted=counted,
            registered=known(rows["registered"]),
        )

    def voters(self) -> int | None:
        """Registered voters of the counted sheets; None where no sheet tells."""
        told = self.registered[self.counted & ~np.isnan(self.registered)]
        return int(told.sum()) if len(told) else None

    def ballots(self, most: int | None = None) -> Ints:
        """int64 (n): the most ballots that each sheet can hold; see `ballots_of`.

        Parameters
        ----------
        most : what any station can have had, where its registered voters are no bound
        """
        found: Ints = np.maximum(ballots_of(self.votes, self.registered), most or 0)
        return found


@dataclass(frozen=True, slots=True)
class Draw:
    """Units of a frame in the order of the draw.

    Attributes
    ----------
    at : int64 (m), positions in the frame; a unit drawn twice stands twice
    chance : float64 (m)
        Of being in the sample; with replacement, of being taken by one draw.
    stratum, cluster : int64 (m)
    left : float64 (m), see `Sampled`
    """

    at: Ints
    chance: Floats
    stratum: Ints
    cluster: Ints
    left: Floats
    replaced: bool

    def sampled(self, found: NDArray[np.bool_], kept: NDArray[np.bool_]) -> Sampled:
        """The draws `kept`, with what was found on each of all draws."""
        return Sampled(
            found[kept],
            1.0 / self.chance[kept],
            self.stratum[kept],
            self.cluster[kept],
            self.left[kept],
        )


def draw(sample: Sample, frame: Frame, case: Case) -> Draw:
    """Repeat the draw that the sample declares.

    Raises
    ------
    CaseError
        Where what the sample says cannot be drawn from its frame.
    """
    if sample.ceremony is None or sample.size is None:
        raise ValueError(f"the sample {sample.id!r} states no ceremony, and cannot be repeated")
    try:
        return _draw(sample, sample.size, draws.seed_of(sample.ceremony), frame, case)
    except ValueError as error:
        raise CaseError(
            str(error),
            place=f"{case.path}: samples ({sample.id})",
            remedy="Correct the size of the sample, or its frame.",
        ) from error


def drawable(sample: Sample, frame: Frame, case: Case) -> tuple[Draw | None, str]:
    """The draw repeated, or None and why it cannot be (empty where no ceremony is stated)."""
    if sample.ceremony is None:
        return None, ""
    try:
        return draw(sample, frame, case), ""
    except CaseError as error:
        return None, error.message


def _draw(sample: Sample, size: int, seed: str, frame: Frame, case: Case) -> Draw:
    names = frame.station
    if sample.selection == "proportional":
        weights = weights_of(sample, frame, case)
        at = draws.proportional(names, weights, size, seed)
        chance = np.array(weights, np.float64)[at] / sum(weights)
        each, none = np.arange(len(at), dtype=np.int64), np.zeros(len(at), np.int64)
        return Draw(at, chance, none, each, np.ones(len(at)), replaced=True)
    if sample.selection == "stratified":
        stratum = frame.paths[sample.strata or ""]
        at = draws.stratified(names, stratum, draws.allocate(Counter(stratum), size), seed)
    elif sample.selection == "clustered":
        cluster = frame.paths[sample.clusters or ""]
        at = draws.clustered(names, cluster, size, seed, sample.within)
    else:
        at = draws.simple(names, size, seed)
    return as_drawn(sample, frame, at)


def as_drawn(sample: Sample, frame: Frame, at: Ints) -> Draw:
    """Units at some positions of the frame as drawn without replacement, in the way that the sample
    declares: with the chance that each then had.

    Clusters whose sheets are not all there are taken for drawn in two stages.
    """
    n, none = len(at), np.zeros(len(at), np.int64)
    if sample.selection == "stratified":
        code, taken, units = _parts(frame.paths[sample.strata or ""], at)
        return Draw(at, taken / units, code, at, 1.0 - taken / units, replaced=False)
    if sample.selection == "clustered":
        places = frame.paths[sample.clusters or ""]
        code, taken, units = _parts(places, at)
        first = len(np.unique(code)) / len(set(places))
        left = 1.0 - first if (taken == units).all() else 1.0
        return Draw(at, first * taken / units, none, code, np.full(n, left), replaced=False)
    share = n / max(len(frame.station), 1)
    return Draw(at, np.full(n, share), none, at, np.full(n, 1.0 - share), replaced=False)


def _parts(places: Sequence[str], at: Ints) -> tuple[Ints, Floats, Floats]:
    """For each of some units its place as a number, how many units are of it, and of how many."""
    mine = [places[i] for i in at.tolist()]
    units, taken = Counter(places), Counter(mine)
    code = np.unique(np.array(mine, dtype=str), return_inverse=True)[1].reshape(-1)
    held = np.array([(taken[p], units[p]) for p in mine], np.float64).reshape(-1, 2)
    return code.astype(np.int64), held[:, 0], held[:, 1]


def weights_of(sample: Sample, frame: Frame, case: Case) -> list[int]:
    """Whole weights of a proportional draw; ValueError where they are not known."""
    if sample.weights == "risk":
        groups = groups_of(case.contest_rule, frame.votes, frame.voters())
        weights = risk_weights(groups, frame.votes, frame.ballots(sample.most_ballots))
        return [int(w) for w in weights.tolist()]
    if np.isnan(frame.registered).any():
        missing = frame.station[int(np.flatnonzero(np.isnan(frame.registered))[0])]
        raise ValueError(f"the station {missing} has no registered voters to weigh it by")
    return [int(w) for w in frame.registered.tolist()]
