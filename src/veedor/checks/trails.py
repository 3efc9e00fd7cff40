"""Trails of custody as arrays: every handover, the steps of each trail, and the ledger of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks.base import Columns, Context
from veedor.checks.instants import stamp, stamped, times, wall
from veedor.checks.lateness import rounded
from veedor.engine.accounts import impersonal, joined

Floats = NDArray[np.float64]

MOST_DRAWN = 40
"""Trails that the ledger shows."""


@dataclass(frozen=True, slots=True)
class Legs:
    """Every handover of every trail, in order of time: trail by trail, at one instant by row.

    Those without an instant come last.

    Attributes
    ----------
    trail, column, line : int64 (m)
        The trail, the step, and the line of handovers that this one continues: a bundle's, under
        whatever number.
    t : float64 (m)
    actor, taker, seal, bundle : object (m), None where not recorded
    """

    trail: NDArray[np.int64]
    column: NDArray[np.int64]
    line: NDArray[np.int64]
    t: Floats
    actor: NDArray[Any]
    taker: NDArray[Any]
    seal: NDArray[Any]
    bundle: NDArray[Any]

    @classmethod
    def of(
        cls, rows: Columns, trail: NDArray[np.int64], column: NDArray[np.int64], context: Context
    ) -> Legs:
        """The rows of `custody` as legs of those trails."""
        t = times(rows)
        order = np.lexsort((column, rows["row"].astype(np.int64), t, trail))
        found = {n: rows[n][order] for n in ("actor", "taker", "seal", "bundle")}
        for name in ("actor", "taker"):
            found[name] = joined(found[name], context.plan)
        line = _lines(trail[order].tolist(), found["bundle"].tolist())
        return cls(trail[order], column[order], line, t[order], **found)

    def several_bundles(self) -> int:
        """How many trails name more than one bundle."""
        return len(_several(self.trail.tolist(), self.bundle.tolist()))

    def links(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Trails of successive handovers, and of those whose giver is not the taker before."""
        held: dict[int, Any] = {}
        compared, broken = [], []
        legs = zip(*(v.tolist() for v in (self.trail, self.line, self.t, self.actor, self.taker)),
                   strict=True)  # fmt: skip
        for trail, line, t, giver, taker in legs:
            if t != t:
                continue
            before = held.get(line)
            if before is not None and giver is not None:
                compared.append(trail)
                if giver != before:
                    broken.append(trail)
            if taker is not None:
                held[line] = taker
        return np.array(compared, dtype=np.int64), np.array(broken, dtype=np.int64)

    def seals(self) -> dict[tuple[int, int], list[tuple[int, bool]]]:
        """Pairs of steps that follow one another with a seal: trails, and whether it differs."""
        last: dict[int, tuple[int, Any]] = {}
        found: dict[tuple[int, int], list[tuple[int, bool]]] = {}
        legs = zip(*(v.tolist() for v in (self.trail, self.line, self.column, self.seal)),
                   strict=True)  # fmt: skip
        for trail, line, column, seal in legs:
            if seal is None:
                continue
            if line in last:
                before, other = last[line]
                pair = (min(before, column), max(before, column))
                found.setdefault(pair, []).append((trail, seal != other))
            last[line] = (column, seal)
        return dict(sorted(found.items()))


def _lines(trail: Sequence[int], bundle: Sequence[Any]) -> NDArray[np.int64]:
    """int64 (m): the line of handovers of each leg.

    A bundle that begins where another ends for good is the same one under a new number. A leg that
    names none, on a trail of several, may be of any: no line goes on over it.
    """
    several = _several(trail, bundle)
    places: list[tuple[int, int, Any]] = []
    for n, (i, name) in enumerate(zip(trail, bundle, strict=True)):
        since = places[-1][1] if places and places[-1][0] == i else 0
        if i not in several:
            places.append((i, 0, None))
        else:
            places.append((i, n + 1 if name is None else since, name))
    last = {(i, name): n for n, (i, _, name) in enumerate(places)}
    line: dict[tuple[int, int, Any], int] = {}
    for n, place in enumerate(places):
        if place not in line:
            before = places[n - 1] if n else (-1, 0, None)
            named = before[:2] == place[:2] and before[2] is not None
            line[place] = line[before] if named and last[before[0], before[2]] < n else n
    return np.array([line[place] for place in places], dtype=np.int64)


def _several(trail: Sequence[int], bundle: Sequence[Any]) -> set[int]:
    """Trails that name more than one bundle."""
    named = {(i, b) for i, b in zip(trail, bundle, strict=True) if b is not None}
    return {i for i, n in Counter(i for i, _ in named).items() if n > 1}


@dataclass(frozen=True, slots=True)
class Trails:
    """n trails of k steps.

    Attributes
    ----------
    steps : tuple of str
    sid, row : int64 (n); `sid` is -1 where the station is not known
    source : object (n)
    t : float64 (n, k)
        UTC seconds of a step's first stamp, NaN where there is no readable one.
    written : bool (n, k)
        There is a stamp, readable or not.
    fine : bool (n, k)
        The trail's source stamps the step with seconds.
    logins : object (n, k)
        Set of those who took the step.
    impersonal : set of str
        Logins that are nobody's own.
    """

    steps: tuple[str, ...]
    legs: Legs
    sid: NDArray[np.int64]
    row: NDArray[np.int64]
    source: NDArray[Any]
    t: Floats
    written: NDArray[np.bool_]
    fine: NDArray[np.bool_]
    logins: NDArray[Any]
    impersonal: frozenset[str]

    @classmethod
    def of(cls, rows: Columns, context: Context) -> Trails:
        """The trails in the rows of `custody`."""
        steps = _steps(rows, context)
        at, size = _trails(rows, context)
        places = {name: i for i, name in enumerate(steps)}
        column = np.array(
            [-1 if s is None else places[str(s)] for s in rows["step"].tolist()], np.int64
        )
        sid = np.full(size, -1, dtype=np.int64)
        row = np.zeros(size, dtype=np.int64)
        source = np.full(size, None, dtype=object)
        known = np.array([-1 if v is None or v != v else int(v) for v in rows["sid"].tolist()])
        order = np.argsort(-rows["row"].astype(np.int64), kind="stable")
        sid[at[order]], row[at[order]] = known[order], rows["row"].astype(np.int64)[order]
        source[at[order]] = rows["source"][order]
        some = np.flatnonzero(column >= 0)
        stepped = {name: values[some] for name, values in rows.items()}
        legs = Legs.of(stepped, at[some], column[some], context)
        shape = size, len(steps)
        t = np.full(shape, np.inf)
        np.fmin.at(t, (legs.trail, legs.column), legs.t)
        written = np.zeros(shape, dtype=np.bool_)
        stamped_ = np.array([v is not None for v in stepped["raw"].tolist()], dtype=np.bool_)
        written[at[some][stamped_], column[some][stamped_]] = True
        return cls(
            steps,
            legs,
            sid,
            row,
            source,
            np.where(np.isfinite(t), t, np.nan),
            written,
            _fine(legs, source, shape),
            _logins(legs, shape),
            impersonal(context.plan, {*rows["actor"].tolist()} - {None}),
        )

    @property
    def size(self) -> int:
        """How many trails there are."""
        return len(self.sid)

    def step(self, name: str, context: Context) -> dict[str, Any]:
        """How often a step was stamped, and by how many people."""
        i = self.steps.index(name)
        t = self.t[:, i]
        dated = t[~np.isnan(t)]
        return {
            "step": name,
            "stamped": len(dated),
            "missing": int((~self.written[:, i]).sum()),
            "unread": int((self.written[:, i] & np.isnan(t)).sum()),
            "first": stamp(dated.min(), context) if len(dated) else None,
            "last": stamp(dated.max(), context) if len(dated) else None,
            "people": len(set().union(*self.logins[:, i].tolist())),
            "to_the_second": bool(self.fine[:, i].any()),
        }

    def pairs(self, prescribed: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """Each pair of steps: how often stamped in that order, and how far apart."""
        names = list(prescribed)
        names += [
            (a, b)
            for i, a in enumerate(self.steps)
            for b in self.steps[i + 1 :]
            if (a, b) not in names and (b, a) not in names
        ]
        for earlier, later in names:
            gap = self.gap(earlier, later)
            known = gap[~np.isnan(gap)]
            yield {
                "earlier": earlier,
                "later": later,
                "both": len(known),
                "reversed": int((known < 0).sum()),
                "same": int((known == 0).sum()),
                "at_once": int(self.at_once(earlier, later).sum()),
                "least_seconds": rounded(float(known.min())) if len(known) else None,
                "median_seconds": rounded(float(np.median(known))) if len(known) else None,
                "prescribed": (earlier, later) in prescribed,
            }

    def gap(self, earlier: str, later: str) -> Floats:
        """float64 (n): seconds from one step to another, NaN where one has no stamp."""
        return np.asarray(self.t[:, self.steps.index(later)] - self.t[:, self.steps.index(earlier)])

    def at_once(self, earlier: str, later: str) -> NDArray[np.bool_]:
        """bool (n): both steps have the same stamp, and their source stamps both with seconds."""
        i, j = self.steps.index(earlier), self.steps.index(later)
        return np.asarray(self.fine[:, i] & self.fine[:, j] & (self.t[:, i] == self.t[:, j]))

    def people(self, apart: Sequence[set[str]]) -> Iterator[dict[str, Any]]:
        """Pairs of steps with logins recorded: how often one login took both."""
        for i, first in enumerate(self.steps):
            for second in self.steps[i + 1 :]:
                both, same, common = self.same(first, second)
                if both.any():
                    yield {
                        "first": first,
                        "second": second,
                        "both": int(both.sum()),
                        "same": int(same.sum()),
                        "shared_or_system": int((common & ~same).sum()),
                        "incompatible": any({first, second} <= duties for duties in apart),
                    }

    def same(self, first: str, second: str) -> tuple[NDArray[np.bool_], ...]:
        """bool (n), thrice: both steps name a login; one of somebody's own took both; any did."""
        columns = [self.logins[:, self.steps.index(s)].tolist() for s in (first, second)]
        taken = [(bool(a and b), a & b) for a, b in zip(*columns, strict=True)]
        return (
            np.array([both for both, _ in taken], dtype=np.bool_),
            np.array([bool(common - self.impersonal) for _, common in taken], dtype=np.bool_),
            np.array([bool(common) for _, common in taken], dtype=np.bool_),
        )

    def departing(
        self, prescribed: Sequence[tuple[str, str]], people: Sequence[Mapping[str, Any]]
    ) -> dict[str, NDArray[np.bool_]]:
        """For each way to depart from what is prescribed, bool (n): trails that do."""
        ways = ("reversed", "at_once", "missing", "logins", "links", "seals")
        found = {name: np.zeros(self.size, dtype=np.bool_) for name in ways}
        for earlier, later in prescribed:
            found["reversed"] |= np.nan_to_num(self.gap(earlier, later), nan=1.0) < 0
            found["at_once"] |= self.at_once(earlier, later)
        for name in {step for pair in prescribed for step in pair}:
            missing = ~self.written[:, self.steps.index(name)]
            if not missing.all():
                found["missing"] |= missing
        for pair in people:
            if pair["incompatible"]:
                found["logins"] |= self.same(pair["first"], pair["second"])[1]
        found["links"][self.legs.links()[1]] = True
        for seal, trails in self.seals():
            if seal["usual"]:
                found["seals"][trails] = True
        return found

    def handovers(self) -> dict[str, int]:
        """Successive handovers, and those whose giver is not the taker before."""
        compared, broken = self.legs.links()
        return {"links": len(compared), "broken": len(broken)}

    def seals(self) -> Iterator[tuple[dict[str, Any], list[int]]]:
        """Pairs of steps that follow one another with a seal; the trails on which it differs."""
        for (i, j), compared in self.legs.seals().items():
            trails = [trail for trail, differs in compared if differs]
            usual = len(trails) * 2 < len(compared)
            yield (
                {
                    "first": self.steps[i],
                    "second": self.steps[j],
                    "both": len(compared),
                    "changed": len(trails),
                    "usual": usual,
                    "changes_on_most": not usual,
                },
                trails,
            )

    def tested(self, pairs: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """What the benign explanations came to."""
        prescribed = [p for p in pairs if p["prescribed"]]
        gaps = [self.gap(p["earlier"], p["later"]) for p in prescribed]
        short = sum(int(((g < 0) & (g >= -60)).sum()) for g in gaps)
        common: list[tuple[int, str]] = [(0, "no step")]
        shared = total = 0
        for i, name in enumerate(self.steps):
            t = self.t[:, i]
            counts = np.unique(t[~np.isnan(t)], return_counts=True)[1]
            total += int(counts.sum())
            shared += int(counts[counts >= 10].sum())
            common.append((int(counts.max(initial=0)), name))
        most, step = max(common, key=lambda pair: pair[0])
        return {
            "batch": {"most": most, "step": step, "share": 100.0 * shared / max(total, 1)},
            "resolution": {
                "equal": sum(p["same"] for p in prescribed),
                "reversed": sum(p["reversed"] for p in prescribed),
                "short": short,
            },
            "unprescribed": {
                "prescribed": len(prescribed),
                "pairs": len(pairs),
                "others": sum(p["reversed"] > 0 for p in pairs if not p["prescribed"]),
            },
        }

    def rows(
        self, departed: NDArray[np.bool_], order: NDArray[np.int64], context: Context
    ) -> dict[str, NDArray[Any]]:
        """Every trail with its stamps, those that depart first; unknown stations are left out."""
        order = order[self.sid[order] >= 0]
        return {
            "sid": self.sid[order],
            "source": self.source[order],
            "row": self.row[order],
            "departs": departed[order],
            **{name: stamped(self.t[order, i], context) for i, name in enumerate(self.steps)},
        }

    def figures(
        self,
        departed: NDArray[np.bool_],
        order: NDArray[np.int64],
        prescribed: Sequence[tuple[str, str]],
        context: Context,
    ) -> Sequence[Figure]:
        """The ledger: one line a trail, its steps along time."""
        some = [i for i in order.tolist() if not np.isnan(self.t[i]).all()][:MOST_DRAWN]
        if not some:
            return ()
        table: dict[str, list[Any]] = {n: [] for n in ("label", "x", "step", "state")}
        for i in some:
            late = {
                b
                for a, b in prescribed
                if self.t[i, self.steps.index(b)] < self.t[i, self.steps.index(a)]
            }
            for j, step in enumerate(self.steps):
                if not self.written[:, j].any():
                    continue
                values = (
                    f"{self.source[i]}, row {self.row[i]}",
                    None if np.isnan(self.t[i, j]) else wall(self.t[i, j], context),
                    step,
                    "out of order" if step in late else "",
                )
                for column, value in zip(table.values(), values, strict=True):
                    column.append(value)
        shown = int(departed[some].sum())
        return (
            Figure(
                id="custody.chain",
                chart="ledger",
                rows={n: np.array(v, dtype=object) for n, v in table.items()},
                alt=f"Steps of {len(some)} of {self.size} trails along time; {shown} of those shown"
                f" depart from the prescribed order ({int(departed.sum())} of all).",
                labels={
                    "title": "Trails of custody, those that depart from the order first",
                    "x": "",
                    "step": "step",
                    "none": "no record",
                },
            ),
        )


def _steps(rows: Columns, context: Context) -> tuple[str, ...]:
    """The steps that are recorded, in the order in which the case lists them."""
    listed = [step.id for s in context.case.sources if s.kind == "custody" for step in s.steps]
    seen = sorted({str(v) for v in rows["step"].tolist() if v is not None})
    listed += [s for p in context.plan.custody.order for s in p]
    return tuple(dict.fromkeys([s for s in listed if s in seen] + seen))


def _trails(rows: Columns, context: Context) -> tuple[NDArray[np.int64], int]:
    """int64 (rows): the trail of each row; how many there are.

    Where the station is not stated, the bundle says what belongs together.
    """
    wide = {s.id for s in context.case.sources if s.kind == "custody" and s.steps}
    key = [
        (str(source), "row", str(row))
        if source in wide
        else (str(source), *(("bundle", str(bundle)) if station is None else ("", str(station))))
        for source, row, station, bundle in zip(
            *(rows[n].tolist() for n in ("source", "row", "station", "bundle")), strict=True
        )
    ]
    places = {k: i for i, k in enumerate(dict.fromkeys(sorted(key)))}
    return np.array([places[k] for k in key], dtype=np.int64), len(places)


def _fine(legs: Legs, source: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """bool (n, k): the trail's source stamps the step with seconds, be it once."""
    seconds = np.nan_to_num(legs.t) % 60 > 0
    of = source[legs.trail]
    fine = np.zeros(shape, dtype=np.bool_)
    for name in dict.fromkeys(source.tolist()):
        columns = np.unique(legs.column[seconds & (of == name)])
        fine[np.ix_(source == name, columns)] = True
    return fine


def _logins(legs: Legs, shape: tuple[int, int]) -> NDArray[Any]:
    """object (n, k): the set of logins that took each step of each trail."""
    found = np.full(shape, frozenset(), dtype=object)
    for i, j, login in zip(
        legs.trail.tolist(), legs.column.tolist(), legs.actor.tolist(), strict=True
    ):
        if login is not None:
            found[i, j] = found[i, j] | {login}
    return found
