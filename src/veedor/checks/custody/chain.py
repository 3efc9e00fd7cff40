"""The chain of custody: every handover, who, when and where, in the prescribed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import stamp, stamped, times, wall
from veedor.checks.lateness import rounded

Floats = NDArray[np.float64]
MOST_DRAWN = 40
"""Trails that the ledger shows."""


class Chain(Check):
    """Follow each sheet's trail of custody: its steps, their instants, people and seals.

    A trail is one row of a record that holds a whole trail, or all the rows of a station in a
    record with one row a handover. Only the order that the case says is prescribed can be departed
    from; the order of every other pair of steps is told, and judged by nobody: a stamp of storage
    before that of transcription may be the normal order of work.

    Statistic
    ---------
    trails, stations : int
    steps : array of {step, stamped, missing, unread, first, last, people}
        `missing` trails without a stamp of the step, though the file has a column for it; `unread`
        of the others those whose stamp is no instant; a step that no trail has is `missing` in all.
    order : array of {earlier, later, both, reversed, same, least_seconds, median_seconds,
        prescribed}
        For each pair of steps, in the case's order: trails with both stamps; those in which the
        later step's stamp precedes the earlier one's, or equals it; the least and the median time
        between them; whether the case prescribes that order.
    people : array of {first, second, both, same, incompatible}
        Pairs of steps of which people are recorded: trails with both, and with the same person in
        both; whether the case says that no one person may take them both.
    handovers : {links, broken}
        Where a trail says who gave and who took: successive handovers, and those whose giver is not
        the taker before.
    seals : array of {first, second, both, changed, usual}
        Pairs of neighbouring steps that state a seal: trails with both, those on which it differs,
        and whether most trails keep it, so that a change is a departure. A seal broken by opening
        and set anew differs on most.
    to_the_second : bool
        Some stamps have seconds, so that equal stamps are one instant.
    departures : int
        Trails with a prescribed order reversed (or, with stamps to the second, both at one
        instant), a prescribed step missing though others have it, one person in incompatible
        steps, a broken link, or a seal changed where most trails keep it.

    Uncertainty
    -----------
    None: counts of a record. Stamps are those of the record's clock, to its resolution.

    Source
    ------
    ACE Electoral Knowledge Network, Results Management Systems, on the chain of custody; ISO/IEC
    27037:2012 on the record of handovers.
    """

    title = "Chain of custody"
    asks = "Do the trails of custody depart from the prescribed order, or miss a step?"
    rule = "Every handover of a sheet is recorded, who, when and where, in the prescribed order."
    kind = "control"
    needs = ("custody",)
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "batch",
            "Steps are stamped when a batch is entered, not when the sheet is handed over.",
            "The commonest stamp of a step stands on {most} trails at once ({step});"
            " {share:.1f} % of all stamps are shared by at least ten trails.",
        ),
        Benign(
            "resolution",
            "Two steps within a minute have equal stamps, or reversed ones, on a clock of minutes.",
            "{equal} prescribed pairs have equal stamps; of {reversed} reversed ones, {short} are"
            " reversed by no more than a minute.",
        ),
        Benign(
            "unprescribed",
            "The order of work was another one than the reader expects, and lawful.",
            "The case prescribes {prescribed} of {pairs} pairs of steps; {others} pairs that it"
            " does not prescribe have stamps in another order than that in which it lists them.",
        ),
        Benign("clocks", "The steps were stamped by machines whose clocks differ."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The steps of every trail."""
        return {
            "custody": evidence.custody().select(
                "sid", "station", "bundle", "step", "t", "raw", "actor", "taker", "seal",
                "source", "row",
            )
        }  # fmt: skip

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all trails."""
        trails = Trails.of(measured["custody"], context)
        prescribed = [p for p in context.plan.custody.order if set(p) <= set(trails.steps)]
        pairs = list(trails.pairs(prescribed))
        people = list(trails.people([set(i.duties) for i in context.plan.incompatible]))
        needed = {step for pair in prescribed for step in pair}
        departed = trails.departed(prescribed, needed, people)
        statistic = {
            "trails": trails.size,
            "stations": len(np.unique(trails.sid[trails.sid >= 0])),
            "steps": [trails.step(name, context) for name in trails.steps],
            "order": pairs,
            "people": people,
            "handovers": trails.handovers(),
            "seals": trails.seals(),
            "to_the_second": trails.to_the_second,
            "departures": int(departed.sum()),
        }
        status: Status = "observed" if departed.any() else "not-observed"
        if not prescribed and not departed.any():
            status = "not-determinable"
        shown = np.lexsort((trails.row, ~departed))
        yield self.fact(
            status,
            statistic,
            words={"sentence": _sentence(status, statistic)},
            explanations=self.explain(**trails.tested(pairs)),
            rows=trails.rows(departed, shown, context),
            key="row",
            questioned=np.unique(trails.sid[departed & (trails.sid >= 0)])
            if departed.any()
            else None,
            figures=trails.figures(departed, shown, prescribed, context),
            parameters={"prescribed": [list(p) for p in prescribed]},
        )


@dataclass(frozen=True, slots=True)
class Trails:
    """n trails of k steps.

    Attributes
    ----------
    steps : tuple of str
    sid, row : int64 (n); `sid` is -1 where the station is not known
    source : object (n)
    t : float64 (n, k)
        UTC seconds, NaN where there is no readable stamp.
    written : bool (n, k)
        There is a stamp, readable or not.
    actor, taker, seal : object (n, k), None where not recorded
    """

    steps: tuple[str, ...]
    sid: NDArray[np.int64]
    row: NDArray[np.int64]
    source: NDArray[Any]
    t: Floats
    written: NDArray[np.bool_]
    actor: NDArray[Any]
    taker: NDArray[Any]
    seal: NDArray[Any]

    @classmethod
    def of(cls, rows: Columns, context: Context) -> Trails:
        """The trails in the rows of `custody`; a step that one has twice counts once."""
        wide = {s.id for s in context.case.sources if s.kind == "custody" and s.steps}
        listed = [step.id for s in context.case.sources if s.kind == "custody" for step in s.steps]
        seen = sorted({str(v) for v in rows["step"].tolist() if v is not None})
        listed += [s for p in context.plan.custody.order for s in p]
        steps = tuple(dict.fromkeys([s for s in listed if s in seen] + seen))
        key = [
            (str(source), str(row) if source in wide else f"{station}\x1f{bundle}")
            for source, row, station, bundle in zip(
                *(rows[n].tolist() for n in ("source", "row", "station", "bundle")), strict=True
            )
        ]
        places = {k: i for i, k in enumerate(dict.fromkeys(sorted(key)))}
        at = np.array([places[k] for k in key], dtype=np.int64)
        column = np.array(
            [-1 if s is None else steps.index(str(s)) for s in rows["step"].tolist()], np.int64
        )
        size, width = len(places), len(steps)
        t = times(rows)
        found: dict[str, NDArray[Any]] = {
            "t": np.full((size, width), np.nan),
            "written": np.zeros((size, width), dtype=np.bool_),
            **{n: np.full((size, width), None, dtype=object) for n in ("actor", "taker", "seal")},
        }
        keep = np.flatnonzero(column >= 0)
        # A step that a trail has twice is taken at its first stamp.
        keep = keep[np.argsort(np.where(np.isnan(t[keep]), np.inf, t[keep]), kind="stable")[::-1]]
        found["t"][at[keep], column[keep]] = t[keep]
        found["written"][at[keep], column[keep]] = [v is not None for v in rows["raw"][keep]]
        person = {u.id: u.person for u in context.plan.users if u.person}
        for name in ("actor", "taker", "seal"):
            words = rows[name][keep]
            if name != "seal":  # Logins that the case says are of one person are one person.
                words = np.array([person.get(v, v) for v in words.tolist()], dtype=object)
            found[name][at[keep], column[keep]] = words
        sid = np.full(size, -1, dtype=np.int64)
        row = np.zeros(size, dtype=np.int64)
        source = np.full(size, None, dtype=object)
        known = np.array([-1 if v is None or v != v else int(v) for v in rows["sid"].tolist()])
        order = np.argsort(-rows["row"].astype(np.int64), kind="stable")
        sid[at[order]], row[at[order]] = known[order], rows["row"].astype(np.int64)[order]
        source[at[order]] = rows["source"][order]
        return cls(steps, sid, row, source, **found)

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
            "people": len({v for v in self.actor[:, i].tolist() if v is not None}),
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
                "least_seconds": rounded(float(known.min())) if len(known) else None,
                "median_seconds": rounded(float(np.median(known))) if len(known) else None,
                "prescribed": (earlier, later) in prescribed,
            }

    def gap(self, earlier: str, later: str) -> Floats:
        """float64 (n): seconds from one step to another, NaN where one has no stamp."""
        return np.asarray(self.t[:, self.steps.index(later)] - self.t[:, self.steps.index(earlier)])

    def people(self, apart: Sequence[set[str]]) -> Iterator[dict[str, Any]]:
        """Pairs of steps with people recorded: how often one person took both."""
        for i, first in enumerate(self.steps):
            for second in self.steps[i + 1 :]:
                same, both = self.same(first, second)
                if both.any():
                    yield {
                        "first": first,
                        "second": second,
                        "both": int(both.sum()),
                        "same": int(same.sum()),
                        "incompatible": any({first, second} <= duties for duties in apart),
                    }

    def same(self, first: str, second: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """bool (n) twice: one person took both steps; both steps name a person."""
        a, b = (self.actor[:, self.steps.index(s)] for s in (first, second))
        both = np.array([x is not None and y is not None for x, y in zip(a, b, strict=True)], bool)
        return both & (a == b), both

    def departed(
        self,
        prescribed: Sequence[tuple[str, str]],
        needed: set[str],
        people: Sequence[Mapping[str, Any]],
    ) -> NDArray[np.bool_]:
        """bool (n): trails that depart from what is prescribed."""
        found = np.zeros(self.size, dtype=np.bool_)
        for earlier, later in prescribed:
            gap = self.gap(earlier, later)
            found |= np.nan_to_num(gap, nan=1.0) < 0
            if self.to_the_second:
                found |= gap == 0
        for name in needed:
            missing = ~self.written[:, self.steps.index(name)]
            if not missing.all():
                found |= missing
        for pair in people:
            if pair["incompatible"]:
                found |= self.same(pair["first"], pair["second"])[0]
        for pair, changed in self._seals():
            if pair["usual"]:
                found |= changed
        return found | self._broken()[0]

    @property
    def to_the_second(self) -> bool:
        """Whether some stamps have seconds."""
        return bool((np.nan_to_num(self.t) % 60 > 0).any())

    def handovers(self) -> dict[str, int]:
        """Successive handovers, and those whose giver is not the taker before."""
        broken, links = self._broken(), self._broken()[1]
        return {"links": int(links.sum()), "broken": int(broken[0].sum())}

    def _broken(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        return self._succeeding(self.taker, self.actor)

    def seals(self) -> list[dict[str, Any]]:
        """Pairs of neighbouring steps that state a seal, and how often it differs."""
        return [pair for pair, _ in self._seals()]

    def _seals(self) -> Iterator[tuple[dict[str, Any], NDArray[np.bool_]]]:
        filled = np.array([[v is not None for v in row] for row in self.seal.tolist()], bool)
        stated = [i for i in range(len(self.steps)) if self.size and filled[:, i].any()]
        for i, j in pairwise(stated):
            both = filled[:, i] & filled[:, j]
            changed = both & (self.seal[:, i] != self.seal[:, j])
            yield (
                {
                    "first": self.steps[i],
                    "second": self.steps[j],
                    "both": int(both.sum()),
                    "changed": int(changed.sum()),
                    "usual": bool(changed.sum() * 2 < both.sum()),
                },
                changed,
            )

    def _succeeding(
        self, before: NDArray[Any], after: NDArray[Any]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """bool (n), int64 (n): a word differs from the one before it in time; how many compared."""
        differs = np.zeros(self.size, dtype=np.bool_)
        compared = np.zeros(self.size, dtype=np.int64)
        filled = np.array([[v is not None for v in row] for row in before.tolist()], bool)
        if not filled.any():
            return differs, compared
        for i in range(self.size):
            order = np.argsort(np.where(np.isnan(self.t[i]), np.inf, self.t[i]), kind="stable")
            last = None
            for j in order[~np.isnan(self.t[i][order])]:
                if last is not None and after[i, j] is not None:
                    compared[i] += 1
                    differs[i] |= after[i, j] != last
                last = before[i, j] if before[i, j] is not None else last
        return differs, compared

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


def _sentence(status: str, statistic: Mapping[str, Any]) -> str:
    pairs = statistic["order"]
    prescribed = [p for p in pairs if p["prescribed"]]
    wrong = [p for p in prescribed if p["reversed"]]
    others = sorted((p for p in pairs if not p["prescribed"] and p["reversed"]),
                    key=lambda p: -p["reversed"])  # fmt: skip
    parts = [f"{statistic['trails']:,} trails of {statistic['stations']:,} stations were followed."]
    if not prescribed:
        parts.append("The case prescribes no order of their steps, so that none can be reversed.")
    elif wrong:
        listed = "; ".join(f"{p['later']} before {p['earlier']} {p['reversed']:,}" for p in wrong)
        parts.append(f"A prescribed order is reversed: {listed}.")
    else:
        parts.append(
            f"None of the {len(prescribed)} prescribed pairs of steps is reversed"
            f" ({min(p['both'] for p in prescribed):,} trails or more each)."
        )
    if status == "observed":
        parts.append(
            f"{statistic['departures']:,} trails depart in some way from what is prescribed."
        )
    never = [s["step"] for s in statistic["steps"] if s["stamped"] == 0]
    if never:
        parts.append(f"No trail has a stamp of {', '.join(never)}.")
    apart = [p for p in statistic["people"] if p["incompatible"]]
    if apart:
        parts.append(
            "One person in steps that the case keeps apart: "
            + "; ".join(f"{p['first']} and {p['second']} {p['same']:,}" for p in apart)
            + "."
        )
    if others:
        listed = "; ".join(
            f"{p['later']} before {p['earlier']} {p['reversed']:,}" for p in others[:3]
        )
        parts.append(f"Pairs whose order is not prescribed: {listed}.")
    return " ".join(parts)
