"""Hashes of software, databases and images against those that were frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Status
from veedor.case.plan import Freeze
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.instants import stamp, times


class Frozen(Check):
    """Compare every hash that was taken with the freeze in force for its item at that instant.

    A freeze holds from its instant until the next freeze of the same item: one that names a host
    takes the place of a general one on that host, and a later general one that of all before it. A
    hash of which no host is stated is compared with the general freeze, or where there is none
    with that of any host; one equal to any freeze that holds somewhere is equal to that one. That
    none differs is said only where every freeze was compared with a hash.

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
    undated : int
        Hashes of frozen items without an instant that could be read: they are compared with none.
    uncompared : int
        Hashes of frozen items taken since the first freeze of the item, where no freeze of it
        holds, such as on a host that has none.
    equal_to_none : int
        Of the last two, those that are equal to no freeze of their item.

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
    sentences = {"any": "{sentence}"}
    coverage = ("unchecked", "undated", "uncompared")
    benign = (
        Benign(
            "change",
            "An authorised change was made, and the item frozen anew.",
            "{refrozen:freeze replaces|freezes replace} an earlier one of the same item; {later} of"
            " the differing hashes are equal to a later freeze of it.",
        ),
        Benign(
            "running",
            "The item changes by its nature while the count runs, such as a database with data.",
        ),
        Benign("tool", "The hash was taken of another file, or of the same one packed otherwise."),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Freezes and hashes that could be compared with none."""
        left = sum(statistic.get(n, 0) for n in self.coverage)
        return (
            say("{left:hash or freeze|hashes or freezes} could be compared with none", left=left)
            if left
            else ""
        )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Every hash taken."""
        return {"hashes": evidence.hashes().select("item", "sha256", "host", "t", "source", "row")}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all freezes."""
        taken = measured["hashes"]
        freezes = sorted(context.plan.freezes, key=lambda f: (f.item, f.at))
        t = times(taken)
        held = _held(freezes, taken)
        items, different, later = [], np.zeros(len(taken["item"]), bool), 0
        for i, freeze in enumerate(freezes):
            equal = held[i] & (taken["sha256"] == freeze.sha256)
            items.append(_item(freeze, held[i], equal, t, context))
            different |= held[i] & ~equal
            hashes = {f.sha256 for f in freezes[i + 1 :] if f.item == freeze.item}
            later += int(np.isin(taken["sha256"][held[i] & ~equal].astype(str), list(hashes)).sum())
        statistic: dict[str, Any] = {
            "items": items,
            "different": sum(i["different"] > 0 for i in items),
            "unchecked": sum(i["taken"] == 0 for i in items),
            **_alone(freezes, taken, t, held),
        }
        status: Status = "observed" if statistic["different"] else "not-observed"
        if status != "observed" and statistic["unchecked"]:
            status = "not-determinable"
        refrozen = len(freezes) - len({(f.item, f.host) for f in freezes})
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": _sentence(statistic, int(held.any(axis=0).sum()) if len(held) else 0)
            },
            explanations=self.explain(change={"refrozen": refrozen, "later": later}),
            rows={
                **{n: taken[n] for n in ("row", "source", "item", "host", "sha256")},
                "taken_at": np.array([stamp(at, context) for at in t], dtype=object),
                "differs": different,
            },
            key="row",
        )


def _held(freezes: Sequence[Freeze], taken: Columns) -> NDArray[np.bool_]:
    """bool (freezes, n): the freezes with which each hash is compared."""
    held = np.zeros((len(freezes), len(taken["item"])), dtype=np.bool_)
    rows = zip(times(taken), *(taken[n].tolist() for n in ("item", "sha256", "host")), strict=True)
    for j, (t, item, sha256, host) in enumerate(rows):
        before = [i for i, f in enumerate(freezes) if f.item == item and f.at.timestamp() <= t]
        force = _in_force(freezes, before)
        if host is not None:
            found = [force[host]] if host in force else [force[None]] if None in force else []
        else:
            equal = [i for i in force.values() if freezes[i].sha256 == sha256]
            found = equal or ([force[None]] if None in force else list(force.values()))
        held[found, j] = True
    return held


def _in_force(freezes: Sequence[Freeze], before: Sequence[int]) -> dict[str | None, int]:
    """The freeze that holds on each host, and (None) on all others, of some of one item."""
    force: dict[str | None, int] = {}
    for i in sorted(before, key=lambda i: (freezes[i].at, freezes[i].host is not None)):
        if freezes[i].host is None:
            force = {}
        force[freezes[i].host] = i
    return force


def _alone(
    freezes: Sequence[Freeze], taken: Columns, t: NDArray[np.float64], held: NDArray[np.bool_]
) -> dict[str, int]:
    """Hashes that are compared with no freeze: of items that nobody froze, without an instant,
    and where no freeze of the item holds; and those of the last two that equal none of it.
    """
    first: dict[str, float] = {}
    hashes: dict[str, set[str]] = {}
    for f in freezes:
        first[f.item] = min(first.get(f.item, f.at.timestamp()), f.at.timestamp())
        hashes.setdefault(f.item, set()).add(f.sha256)
    found = dict.fromkeys(("unfrozen", "undated", "uncompared", "equal_to_none"), 0)
    rows = zip(taken["item"].tolist(), taken["sha256"].tolist(), t.tolist(), strict=True)
    for j, (item, sha256, at) in enumerate(rows):
        if item not in first:
            found["unfrozen"] += 1
        elif at != at or (at >= first[item] and not held[:, j].any()):
            found["undated" if at != at else "uncompared"] += 1
            found["equal_to_none"] += sha256 not in hashes[item]
    return found


def _sentence(statistic: Mapping[str, Any], hashes: int) -> str:
    """What differs, how many freezes were compared, and which hashes with none."""
    items, unchecked = statistic["items"], statistic["unchecked"]
    about = {"freezes": len(items), "compared": len(items) - unchecked, "hashes": hashes}
    parts = []
    if statistic["different"]:
        first = "Of {freezes:frozen hash|frozen hashes}, {different:differs|differ} from one taken"
        first += " later: {listed}."
        if unchecked:
            first += " {unchecked:freeze was|freezes were} compared with none."
    elif not about["compared"]:
        first = (
            "No hash is known to have been taken, while a freeze held, of anything that the case"
            " says was frozen ({freezes:freeze|freezes})."
        )
    elif unchecked:
        first = (
            "{compared} of {freezes:freeze|freezes} {verb} compared with a hash, and none differs"
            " ({hashes:hash|hashes}); {unchecked:was|were} compared with none."
        )
    else:
        first = (
            "No hash differs from the freeze in force: {freezes:freeze was|freezes were} compared,"
            " with {hashes:hash|hashes}."
        )
    listed = "; ".join(
        f"{i['item']} (frozen at {i['milestone'] or i['at']}, another hash from"
        f" {i['first_different']})"
        for i in items
        if i["different"]
    )
    verb = "was" if about["compared"] == 1 else "were"
    parts.append(say(first, **statistic, **about, listed=listed, verb=verb))
    if statistic["undated"]:
        parts.append(
            say(
                "{undated:hash of a frozen item states|hashes of frozen items state} no instant"
                " that could be read, and cannot be placed in time.",
                **statistic,
            )
        )
    if statistic["uncompared"]:
        parts.append(
            say(
                "{uncompared:hash of a frozen item was|hashes of frozen items were} taken where no"
                " freeze of it holds, and {verb} compared with none.",
                **statistic,
                verb="is" if statistic["uncompared"] == 1 else "are",
            )
        )
    if statistic["equal_to_none"]:
        parts.append(
            say(
                "{equal_to_none:of them is|of them are} equal to no freeze of the item.",
                **statistic,
            )
        )
    return " ".join(parts)


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
