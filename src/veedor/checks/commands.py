"""Commands and changes near the moves of clients, those that may explain them first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.checks import hosts
from veedor.checks.base import Columns, Context
from veedor.checks.hosts import MICRO
from veedor.checks.recorded import known

NEAR = 1800
"""Seconds around a move in which a command may have to do with it."""
CHANGES = ("configuration", "service", "credential", "account")
"""Kinds of log lines that tell of something changed; a command with privilege may only look."""
SHOWN = 3
"""Commands that a sentence lists."""


def near(
    rows: Columns,
    moves: Mapping[str, NDArray[np.float64]],
    ports: Mapping[str, Sequence[int]],
    context: Context,
) -> list[dict[str, Any]]:
    """Commands within half an hour of a move: those that name a destination first, then those
    that name a port of one, changes, and others; of each, those before the first move first, and
    the nearest to it first.

    Parameters
    ----------
    rows : `us`, `host`, `actor`, `object`, `message`, `kind`, `source`, `row`
    moves : destination -> microseconds of UTC at which clients moved there, rising
    ports : destination -> ports at which it was called
    """
    us = known(rows["us"])
    at = np.unique(np.concatenate([np.empty(0), *moves.values()]))
    if not len(at) or not len(us):
        return []
    named = {end: _named(_names(end, context)) for end in moves}
    called = {end: _called(ports.get(end, ())) for end in moves}
    firsts = {end: float(found[0]) for end, found in moves.items()}
    found = []
    for i in np.flatnonzero(_distance(us, at) <= NEAR * MICRO).tolist():
        words = " ".join(str(rows[n][i]) for n in ("object", "message") if rows[n][i] is not None)
        ends = [end for end, pattern in named.items() if pattern.search(words)]
        by_port = [end for end, pattern in called.items() if pattern.search(words)]
        some = ends or by_port or firsts
        first = min((firsts[end] for end in some), key=lambda v: (abs(us[i] - v), v))
        found.append(
            {
                "at": hosts.stamp(us[i], context),
                "host": rows["host"][i],
                "account": rows["actor"][i],
                "command": rows["object"][i],
                "kind": rows["kind"][i],
                "names": ", ".join(sorted(ends)) or None,
                "port_of": None if ends else ", ".join(sorted(by_port)) or None,
                "seconds": round((us[i] - first) / MICRO),
                "source": rows["source"][i],
                "row": int(rows["row"][i]),
            }
        )
    return sorted(found, key=_order)


def _order(one: Mapping[str, Any]) -> tuple[Any, ...]:
    grounds = (one["names"], one["port_of"], one["kind"] in CHANGES, True)
    rank = next(i for i, ground in enumerate(grounds) if ground)
    return rank, one["seconds"] > 0, abs(one["seconds"]), str(one["source"]), one["row"]


def _distance(us: NDArray[np.float64], moves: NDArray[np.float64]) -> NDArray[np.float64]:
    at = np.searchsorted(moves, us)
    before, after = np.maximum(at - 1, 0), np.minimum(at, len(moves) - 1)
    return np.minimum(np.abs(us - moves[before]), np.abs(us - moves[after]))


def _names(end: str, context: Context) -> list[str]:
    """A destination as a command may write it."""
    about = [h for h in context.plan.hosts if h.id == end]
    return [end, *(name for h in about for name in (*h.addresses, *h.names))]


def _named(names: Iterable[str]) -> re.Pattern[str]:
    """One of some names as a word of its own."""
    either = "|".join(map(re.escape, names))
    return re.compile(rf"(?<![\w.:-])(?:{either})(?![\w-]|\.\w)", re.IGNORECASE)


def _called(ports: Sequence[int]) -> re.Pattern[str]:
    """One of some ports after a colon or the word; nothing, where there are none."""
    numbers = "|".join(map(str, ports)) or r"(?!)"
    return re.compile(rf"(?::|\bport[ =])(?:{numbers})(?!\w)", re.IGNORECASE)


def listed(commands: Sequence[Mapping[str, Any]]) -> str:
    """The first few for a sentence, with how far each is from the first move."""
    return "; ".join(map(_words, commands[:SHOWN]))


def _words(one: Mapping[str, Any]) -> str:
    who = f" by {one['account']}" if one["account"] else ""
    what = one["command"] or one["kind"]
    seconds = one["seconds"]
    when = "after" if seconds > 0 else "before"
    where = (
        f" to {one['names']}, which it names"
        if one["names"]
        else f" to {one['port_of']}, whose port it names"
        if one["port_of"]
        else ""
    )
    return (
        f"{hosts.shown(one['at'])} on {one['host']}{who}: {what} ({abs(seconds):,} s {when} the"
        f" first move{where})"
    )
