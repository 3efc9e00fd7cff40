"""Trails of custody as arrays: the steps of each trail, how it departs, and the ledger of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure
from veedor.checks.base import Columns, Context
from veedor.checks.handovers import Floats, Legs
from veedor.checks.instants import stamp, stamped, wall
from veedor.checks.lateness import rounded
from veedor.engine.accounts import impersonal

MOST_DRAWN = 40
"""Trails that the ledger shows."""
WAYS = {
    "reversed": "reversed",
    "at_once": "at_once",
    "missing": "missing",
    "logins": "same_login",
    "links": "broken_handover",
    "seals": "changed_seal",
}
"""Ways to depart from what is prescribed, and the column of the rows that tells how."""
Ways = Mapping[str, Mapping[int, Sequence[str]]]
"""Way -> trail -> how, in words."""


@dataclass(frozen=True, slots=True)
class Trails:
    """n trails of k steps.

    Attributes
    ----------
    steps : tuple of str
        Those that are recorded, and those that the case prescribes.
    recorded : set of str
    without_id : int
        Rows with neither a station nor a bundle: they belong to no trail.
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
    recorded: frozenset[str]
    without_id: int
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
        at, size = _trails(rows, context)
        with_id = at >= 0
        rows, at = {n: v[with_id] for n, v in rows.items()}, at[with_id]
        recorded = frozenset(str(v) for v in rows["step"].tolist() if v is not None)
        steps = _steps(recorded, context)
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
            recorded,
            int((~with_id).sum()),
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
            if (a, b) not in names and (b, a) not in names and {a, b} <= self.recorded
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

    def ways(
        self, prescribed: Sequence[tuple[str, str]], people: Sequence[Mapping[str, Any]]
    ) -> Ways:
        """The trails that depart from what is prescribed, way by way, and how each does."""
        found: dict[str, dict[int, list[str]]] = {name: {} for name in WAYS}

        def tell(way: str, trails: Any, text: str) -> None:
            for i in np.flatnonzero(trails).tolist():
                found[way].setdefault(i, []).append(text)

        for earlier, later in prescribed:
            wrong = np.nan_to_num(self.gap(earlier, later), nan=1.0) < 0
            tell("reversed", wrong, f"{later} before {earlier}")
            tell("at_once", self.at_once(earlier, later), f"{later} with {earlier}")
        for name in dict.fromkeys(step for pair in prescribed for step in pair):
            missing = ~self.written[:, self.steps.index(name)]
            if not missing.all():
                tell("missing", missing, name)
        for pair in people:
            if pair["incompatible"]:
                first, second = pair["first"], pair["second"]
                for i in np.flatnonzero(self.same(first, second)[1]).tolist():
                    both = (self.logins[i, self.steps.index(s)] for s in (first, second))
                    own = frozenset.intersection(*both) - self.impersonal
                    text = f"{first} and {second}: {', '.join(sorted(own))}"
                    found["logins"].setdefault(i, []).append(text)
        for before, leg, broken in self.legs.links():
            if broken:
                text = (
                    f"{self._leg(leg)} by {self.legs.actor[leg]}, taken before by"
                    f" {self.legs.taker[before]} ({self._leg(before)})"
                )
                found["links"].setdefault(int(self.legs.trail[leg]), []).append(text)
        for seal, changed in self.seals():
            for before, leg in changed if seal["usual"] else ():
                text = (
                    f"{self._leg(before)} {self.legs.seal[before]}, {self._leg(leg)}"
                    f" {self.legs.seal[leg]}"
                )
                found["seals"].setdefault(int(self.legs.trail[leg]), []).append(text)
        return found

    def _leg(self, leg: int) -> str:
        return self.steps[int(self.legs.column[leg])]

    def departed(self, ways: Ways) -> NDArray[np.bool_]:
        """bool (n): trails that depart in any of these ways."""
        found = np.zeros(self.size, dtype=np.bool_)
        for trails in ways.values():
            found[list(trails)] = True
        return found

    def handovers(self) -> dict[str, int]:
        """Successive handovers, and those whose giver is not the taker before."""
        broken = [broken for _, _, broken in self.legs.links()]
        return {"links": len(broken), "broken": sum(broken)}

    def seals(self) -> Iterator[tuple[dict[str, Any], list[tuple[int, int]]]]:
        """Pairs of steps that follow one another with a seal; the legs between which it differs."""
        for (i, j), compared in self.legs.seals().items():
            changed = [(before, leg) for before, leg, differs in compared if differs]
            usual = len(changed) * 2 < len(compared)
            yield (
                {
                    "first": self.steps[i],
                    "second": self.steps[j],
                    "both": len(compared),
                    "changed": len(changed),
                    "usual": usual,
                    "changes_on_most": not usual,
                },
                changed,
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
                "rest": len(pairs) - len(prescribed),
                "others": sum(p["reversed"] > 0 for p in pairs if not p["prescribed"]),
            },
        }

    def rows(
        self, ways: Ways, order: NDArray[np.int64], context: Context
    ) -> dict[str, NDArray[Any]]:
        """Every trail with its stamps and how it departs, those that do first; unknown stations are
        left out.
        """
        order = order[self.sid[order] >= 0]
        told = {
            column: np.array(
                ["; ".join(ways[way].get(i, ())) or None for i in order.tolist()], dtype=object
            )
            for way, column in WAYS.items()
        }
        fixed = {
            "sid": self.sid[order],
            "source": self.source[order],
            "row": self.row[order],
            "departs": self.departed(ways)[order],
            **told,
        }
        steps = {
            f"step {name}" if name in fixed else name: stamped(self.t[order, i], context)
            for i, name in enumerate(self.steps)
        }
        return fixed | steps

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


def _steps(recorded: frozenset[str], context: Context) -> tuple[str, ...]:
    """The steps that are recorded or prescribed, in the order in which the case lists them."""
    listed = [step.id for s in context.case.sources if s.kind == "custody" for step in s.steps]
    prescribed = [s for p in context.plan.custody.order for s in p]
    known = recorded | set(prescribed)
    return tuple(dict.fromkeys([s for s in listed + prescribed if s in known] + sorted(recorded)))


def _trails(rows: Columns, context: Context) -> tuple[NDArray[np.int64], int]:
    """int64 (rows): the trail of each row, -1 where it has no id; how many trails there are.

    Where the station is not stated, the bundle says what belongs together.
    """
    wide = {s.id for s in context.case.sources if s.kind == "custody" and s.steps}
    names = [rows[n].tolist() for n in ("source", "row", "station", "bundle")]
    key = [_key(*row, wide=wide) for row in zip(*names, strict=True)]
    places = {k: i for i, k in enumerate(dict.fromkeys(sorted(k for k in key if k)))}
    return np.array([places.get(k, -1) for k in key], dtype=np.int64), len(places)


def _key(source: Any, row: Any, station: Any, bundle: Any, *, wide: set[str]) -> tuple[str, ...]:
    """What tells one trail from another; empty for a row of none."""
    if source in wide:
        return str(source), "row", str(row)
    if station is not None:
        return str(source), "", str(station)
    return () if bundle is None else (str(source), "bundle", str(bundle))


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
