"""Hashes of software, databases and images against those that were frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.case.plan import Freeze
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.instants import stamp, times


class Frozen(Check):
    """Compare every hash that was taken with the freeze in force for its item at that instant.

    A freeze holds from its instant until the next freeze of the same item. Where it names a host,
    only hashes taken on that host (or on none named) are compared with it.

    Statistic
    ---------
    items : array of {item, milestone, at, host, taken, equal, different, first_different,
        last_equal}
        For each freeze: hashes taken while it held, those equal to it and those not; the first
        instant at which another was seen, and the last at which the frozen one was.
    different, unchecked : int
        Freezes with a hash that differs, and those of which no hash was ever taken.
    unfrozen : int
        Hashes of items that nobody froze.

    Uncertainty
    -----------
    None: hashes are equal or not. Between two hashes an item may have changed and changed back.

    Source
    ------
    Comparison with a reference hash, ISO/IEC 27037:2012; NIST FIPS 180-4 (SHA-256).
    """

    title = "Frozen software, databases and images"
    asks = "Was a piece of software, a database or an image other than the frozen one in use?"
    rule = "What was frozen at a milestone is what runs until the next milestone."
    kind = "control"
    needs = ("freezes",)
    sentences = {
        "observed": (
            "Of {freezes} frozen hashes, {different} differ from one taken later: {listed}."
            " {unchecked} were never compared."
        ),
        "not-observed": (
            "Every hash taken while a freeze held is equal to it ({taken} hashes of {freezes}"
            " freezes). {unchecked} freezes were never compared."
        ),
        "not-determinable": (
            "No hash was taken of anything that the case says was frozen ({freezes} freezes)."
        ),
    }
    benign = (
        Benign(
            "change",
            "An authorised change was made, and the item frozen anew.",
            "{refrozen} freezes replace an earlier one of their item; {later} of the differing"
            " hashes are equal to a later freeze of it.",
        ),
        Benign(
            "running",
            "The item changes by its nature while the count runs, such as a database with data.",
        ),
        Benign("tool", "The hash was taken of another file, or of the same one packed otherwise."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every hash taken."""
        return {"hashes": evidence.hashes().select("item", "sha256", "host", "t", "source", "row")}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all freezes."""
        taken = measured["hashes"]
        freezes = sorted(context.plan.freezes, key=lambda f: (f.item, f.at))
        items, different, later = [], np.zeros(len(taken["item"]), bool), 0
        for i, freeze in enumerate(freezes):
            after = next(
                (f for f in freezes[i + 1 :] if (f.item, f.host) == (freeze.item, freeze.host)),
                None,
            )
            held = _held(freeze, after, taken)
            equal = held & (taken["sha256"] == freeze.sha256)
            items.append(_item(freeze, held, equal, times(taken), context))
            different |= held & ~equal
            hashes = {f.sha256 for f in freezes[i + 1 :] if f.item == freeze.item}
            later += int(np.isin(taken["sha256"][held & ~equal].astype(str), list(hashes)).sum())
        known = {f.item for f in freezes}
        statistic: dict[str, Any] = {
            "items": items,
            "different": sum(i["different"] > 0 for i in items),
            "unchecked": sum(i["taken"] == 0 for i in items),
            "unfrozen": sum(item not in known for item in taken["item"].tolist()),
        }
        status: Status = "observed" if statistic["different"] else "not-observed"
        if all(i["taken"] == 0 for i in items):
            status = "not-determinable"
        refrozen = len(freezes) - len({(f.item, f.host) for f in freezes})
        yield self.fact(
            status,
            statistic,
            words={
                "freezes": len(freezes),
                "taken": sum(i["taken"] for i in items),
                "listed": "; ".join(
                    f"{i['item']} (frozen at {i['milestone'] or i['at']}, another hash from"
                    f" {i['first_different']})"
                    for i in items
                    if i["different"]
                ),
            },
            explanations=self.explain(change={"refrozen": refrozen, "later": later}),
            rows={
                **{n: taken[n] for n in ("row", "source", "item", "host", "sha256")},
                "taken_at": np.array([stamp(t, context) for t in times(taken)], dtype=object),
                "differs": different,
            },
            key="row",
        )


def _held(freeze: Freeze, after: Freeze | None, taken: Columns) -> Any:
    """bool (n): hashes of the item that were taken while the freeze held."""
    t = times(taken)
    held = (taken["item"] == freeze.item) & (t >= freeze.at.timestamp())
    if after is not None:
        held &= t < after.at.timestamp()
    if freeze.host is not None:
        held &= np.array([h is None or h == freeze.host for h in taken["host"].tolist()], bool)
    return held


def _item(freeze: Freeze, held: Any, equal: Any, t: Any, context: Context) -> dict[str, Any]:
    other = t[held & ~equal]
    return {
        "item": freeze.item,
        "milestone": freeze.milestone,
        "at": freeze.at.isoformat(),
        "host": freeze.host,
        "taken": int(held.sum()),
        "equal": int(equal.sum()),
        "different": len(other),
        "first_different": stamp(other.min(), context) if len(other) else None,
        "last_equal": stamp(t[equal].max(), context) if equal.any() else None,
    }
