"""Successive publications of one running count against one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks import paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.differences import by_option
from veedor.checks.paired import Pair, same_source


class Republished(Check):
    """Follow each sheet from one publication of a running count to the next.

    One finding over all publications, in the order of their instants. A sheet is followed by its
    station; one that the publication lists without any number is not in it. A change of a
    preliminary number does not by itself question the official sheet, so none is questioned here.

    Statistic
    ---------
    publications : int
    common, changed, withdrawn, added : int
        Sums over the successive pairs: sheets in both, in both with another number, in the earlier
        only, in the later only.
    sheets : int
        Different sheets that changed or were withdrawn.
    pairs : array of {earlier, later, common, changed, withdrawn, added, zeros, filled}
        `zeros`: common sheets with only zeros in both; `filled`: those with only zeros in the
        earlier and votes in the later.
    changed_by_option : array of {option, stations, net, gross, up, down}
        Later less earlier, summed over the pairs.
    later_is_official, earlier_is_official : int
        Changed sheets whose later, or earlier, number for every line is the official one.
    withdrawn_in_official : int
        Withdrawn sheets that the official count has.

    Uncertainty
    -----------
    None: the publications are compared whole.

    Source
    ------
    A publication is a promise: a correction carries a notice. Comparison cell by cell.
    """

    title = "Published sheets between publications"
    asks = "Does a sheet that was once published keep its numbers in the next publication?"
    rule = "A published sheet changes only with a notice that says which, when and why."
    kind = "discrepancy"
    needs = ("snapshots",)
    sentences = {
        "observed": (
            "Over {publications} publications, {changed} published sheets changed and {withdrawn}"
            " were withdrawn, of {common} that were carried over."
        ),
        "not-observed": (
            "Over {publications} publications, all {common} published sheets were carried over"
            " unchanged, and none was withdrawn."
        ),
        "not-determinable": "No sheet with numbers is in two successive publications.",
        "void": "Every pair of successive publications is read from one file.",
    }
    benign = (
        Benign(
            "filled",
            "A sheet was first published with zeros only, before it was typed, and then filled.",
            "Of the {changed} changes, {filled} fill a sheet that had only zeros.",
        ),
        Benign(
            "corrected",
            "The change is a correction towards what the official count then says.",
            "The later number is the official one on {later} of the {changed} changed sheets, the"
            " earlier one on {earlier}.",
        ),
        Benign(
            "notice",
            "The change was announced, in a notice that is not among the evidence.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Each publication beside the next, the sheets that only one of two has, and the official
        numbers.
        """
        queries: dict[str, ir.Table] = {}
        names = evidence.snapshots()
        official = paired.recorded(evidence, evidence.official)
        for earlier, later in pairwise(names):
            key = f"{earlier}>{later}"
            one, two = (paired.recorded(evidence, n).select("sid") for n in (earlier, later))
            queries[f"pair:{key}"] = paired.pairs(evidence, later, earlier)
            queries[f"withdrawn:{key}"] = one.anti_join(two, "sid")
            queries[f"added:{key}"] = two.anti_join(one, "sid")
        lines = ["blank", "null"]
        queries["official"] = official.select(
            "sid",
            **{n: official[n].fill_null(paired.UNREAD) for n in [*evidence.votes_columns, *lines]},
        )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact over all publications."""
        steps = [
            _Step.of(key.removeprefix("pair:"), measured, context)
            for key in measured
            if key.startswith("pair:")
        ]
        common = sum(len(s.pair.sid) for s in steps)
        withdrawn = np.concatenate([s.withdrawn for s in steps])
        changed = sum(int(s.pair.changed.sum()) for s in steps)
        statistic = self._statistic(steps, withdrawn, measured["official"], context)
        if all(same_source(context.counts, s.earlier, s.later) for s in steps):
            status = "void"
        elif changed or len(withdrawn):
            status = "observed"
        else:
            status = "not-observed" if common else "not-determinable"
        observed = status == "observed"
        yield self.fact(
            status,  # type: ignore[arg-type]
            statistic,
            explanations=self.explain(
                filled={
                    "changed": changed,
                    "filled": sum(p["filled"] for p in statistic["pairs"]),
                },
                corrected={
                    "changed": changed,
                    "later": statistic["later_is_official"],
                    "earlier": statistic["earlier_is_official"],
                },
            )
            if observed
            else (),
            rows=_rows(steps) if observed else None,
        )

    def _statistic(
        self,
        steps: list[_Step],
        withdrawn: NDArray[np.int64],
        official: Columns,
        context: Context,
    ) -> dict[str, Any]:
        pairs = [s.summary() for s in steps]
        touched = [s.pair.sid[s.pair.changed] for s in steps]
        later, earlier = (sum(s.agrees(official, side) for s in steps) for side in (0, 1))
        return {
            "publications": len(steps) + 1,
            **{
                name: sum(p[name] for p in pairs)
                for name in ("common", "changed", "withdrawn", "added")
            },
            "sheets": len(np.unique(np.concatenate([*touched, withdrawn]))),
            "pairs": pairs,
            "changed_by_option": _options(steps),
            "later_is_official": later,
            "earlier_is_official": earlier,
            "withdrawn_in_official": int(np.isin(withdrawn, official["sid"]).sum()),
        }


@dataclass(frozen=True, slots=True)
class _Step:
    """From one publication to the next; `pair.first` is the later one."""

    earlier: str
    later: str
    pair: Pair
    withdrawn: NDArray[np.int64]
    added: NDArray[np.int64]

    @classmethod
    def of(cls, key: str, measured: Mapping[str, Columns], context: Context) -> _Step:
        earlier, later = key.split(">")
        return cls(
            earlier,
            later,
            Pair.of(measured[f"pair:{key}"], context),
            measured[f"withdrawn:{key}"]["sid"].astype(np.int64),
            measured[f"added:{key}"]["sid"].astype(np.int64),
        )

    def summary(self) -> dict[str, Any]:
        """The numbers of this step."""
        before = np.maximum(self.pair.second, 0).sum(axis=1) == 0
        after = np.maximum(self.pair.first, 0).sum(axis=1) == 0
        return {
            "earlier": self.earlier,
            "later": self.later,
            "common": len(self.pair.sid),
            "changed": int(self.pair.changed.sum()),
            "withdrawn": len(self.withdrawn),
            "added": len(self.added),
            "zeros": int((before & after).sum()),
            "filled": int((before & ~after).sum()),
        }

    def agrees(self, official: Columns, side: int) -> int:
        """Changed sheets on which the later (0) or earlier (1) record is the official one."""
        at = np.flatnonzero(self.pair.changed)
        record = (self.pair.first, self.pair.second)[side][at]
        columns = [f"v{i}" for i in range(self.pair.options)]
        columns += list(self.pair.names[self.pair.options :])
        where = np.searchsorted(official["sid"], self.pair.sid[at])
        inside = np.isin(self.pair.sid[at], official["sid"])
        numbers = np.stack([official[c] for c in columns], axis=1)[where[inside]]
        known = (numbers >= 0) & (record[inside] >= 0)
        return int((~known | (numbers == record[inside])).all(axis=1).sum())


def _options(steps: list[_Step]) -> list[dict[str, Any]]:
    """Sums over the steps, line by line."""
    found: dict[str, dict[str, Any]] = {}
    keys = ("stations", "net", "gross", "up", "down")
    for step in steps:
        for row in by_option(step.pair):
            empty = {"option": row["option"], **dict.fromkeys(keys, 0)}
            line = found.setdefault(row["option"], empty)
            for key in keys:
                line[key] += row[key]
    return list(found.values())


def _rows(steps: list[_Step]) -> dict[str, NDArray[Any]]:
    """One row for each change and each withdrawal, in the order of the publications."""
    sids, whats, earliers, laters, grosses = [], [], [], [], []
    for step in steps:
        at = np.flatnonzero(step.pair.changed)
        gross = np.abs(step.pair.change[at]).sum(axis=1)
        order = np.lexsort((step.pair.sid[at], -gross))
        sids += [step.pair.sid[at][order], step.withdrawn]
        grosses += [gross[order], np.zeros(len(step.withdrawn), dtype=np.int64)]
        whats += ["changed"] * len(at) + ["withdrawn"] * len(step.withdrawn)
        earliers += [step.earlier] * (len(at) + len(step.withdrawn))
        laters += [step.later] * (len(at) + len(step.withdrawn))
    return {
        "sid": np.concatenate(sids),
        "what": np.array(whats, dtype=object),
        "earlier": np.array(earliers, dtype=object),
        "later": np.array(laters, dtype=object),
        "votes_changed": np.concatenate(grosses),
    }
