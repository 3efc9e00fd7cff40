"""A sample of sheets as it was declared: its frame, and its draw repeated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Case
from veedor.case.sampling import Sample
from veedor.checks.base import Columns, Evidence
from veedor.checks.recorded import known, votes, whole
from veedor.contest.assorter import ballots_of, risk_weights
from veedor.errors import CaseError
from veedor.stats import draws
from veedor.stats.survey import Sampled

__all__ = ["Draw", "Frame", "draw", "drawable", "frame_query", "unrepeated"]

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
    counted : bool (n), sheets that the authority put in its totals
    registered : float64 (n), NaN where not recorded
    """

    sid: Ints
    station: list[str]
    paths: dict[str, list[str]]
    votes: Ints
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
        counted = rows["counted"].astype(bool)
        return cls(
            sid=rows["sid"].astype(np.int64),
            station=[str(v) for v in rows["station"].tolist()],
            paths=paths,
            votes=np.where(counted[:, None], np.column_stack([table, *more]), 0),
            counted=counted,
            registered=known(rows["registered"]),
        )

    def ballots(self) -> Ints:
        """int64 (n): the most ballots that each sheet can hold; see `ballots_of`."""
        return ballots_of(self.votes, self.registered)


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
        return _plain(at, chance, np.ones(len(at)), replaced=True)
    if sample.selection == "stratified":
        stratum = frame.paths[sample.strata or ""]
        sizes = draws.allocate(Counter(stratum), size)
        at = draws.stratified(names, stratum, sizes, seed)
        units = Counter(stratum)
        mine = [stratum[i] for i in at.tolist()]
        chance = np.array([sizes[h] / units[h] for h in mine], np.float64)
        codes = np.unique(mine, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return Draw(at, chance, codes, at, 1.0 - chance, replaced=False)
    if sample.selection == "clustered":
        cluster = frame.paths[sample.clusters or ""]
        at = draws.clustered(names, cluster, size, seed, sample.within)
        units = Counter(cluster)
        mine = [cluster[i] for i in at.tolist()]
        first = size / len(units)
        whole = np.array([units[c] for c in mine], np.float64)
        taken = whole if sample.within is None else np.minimum(whole, sample.within)
        codes = np.unique(mine, return_inverse=True)[1].reshape(-1).astype(np.int64)
        left = 1.0 - first if sample.within is None else 1.0
        return Draw(
            at,
            first * taken / whole,
            np.zeros(len(at), np.int64),
            codes,
            np.full(len(at), left),
            replaced=False,
        )
    at = draws.simple(names, size, seed)
    share = size / len(names)
    return _plain(at, np.full(size, share), np.full(size, 1.0 - share), replaced=False)


def _plain(at: Ints, chance: Floats, left: Floats, *, replaced: bool) -> Draw:
    own = np.arange(len(at), dtype=np.int64) if replaced else at
    return Draw(at, chance, np.zeros(len(at), np.int64), own, left, replaced)


def weights_of(sample: Sample, frame: Frame, case: Case) -> list[int]:
    """Whole weights of a proportional draw; ValueError where they are not known."""
    if sample.weights == "risk":
        weights = risk_weights(case.contest_rule, frame.votes, frame.ballots())
        return [int(w) for w in weights.tolist()]
    if np.isnan(frame.registered).any():
        missing = frame.station[int(np.flatnonzero(np.isnan(frame.registered))[0])]
        raise ValueError(f"the station {missing} has no registered voters to weigh it by")
    return [int(w) for w in frame.registered.tolist()]


def unrepeated(sample: Sample, frame: Frame, at: Ints) -> Draw | None:
    """Examined units as the draw that the sample says they are, where no ceremony repeats it.

    None where units were drawn with replacement: which of them more than once is not known.
    """
    n = len(at)
    if sample.selection == "stratified":
        stratum = frame.paths[sample.strata or ""]
        units, mine = Counter(stratum), [stratum[i] for i in at.tolist()]
        taken = Counter(mine)
        chance = np.array([taken[h] / units[h] for h in mine], np.float64)
        codes = np.unique(mine, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return Draw(at, chance, codes, at, 1.0 - chance, replaced=False)
    if sample.selection == "clustered":
        cluster = frame.paths[sample.clusters or ""]
        units, mine = Counter(cluster), [cluster[i] for i in at.tolist()]
        taken = Counter(mine)
        first = len(taken) / len(units)
        chance = np.array([first * taken[c] / units[c] for c in mine], np.float64)
        codes = np.unique(mine, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return Draw(at, chance, np.zeros(n, np.int64), codes, np.ones(n), replaced=False)
    if sample.selection == "simple":
        share = n / max(len(frame.station), 1)
        return _plain(at, np.full(n, share), np.full(n, 1.0 - share), replaced=False)
    return None
