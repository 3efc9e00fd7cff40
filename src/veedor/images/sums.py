"""Reads the fields of a form together, by what the form itself says must add up.

The model: with probability CONSISTENT all sums of a form hold, else a sum is off by one of some
hundred plausible slips. Given that, the boxes of each field tell of its value as they do alone.
Marginals are exact unless more than WIDTH partial sums must be kept at once: a forward and a
backward pass over the fields (Rabiner 1989, section III), whose state is what has been added up in
the sums still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONSISTENT", "COST_CAP", "EMPTY", "UNKNOWN", "Candidates", "cost_of_sums", "jointly"]

EMPTY, UNKNOWN = -1, -2
"""Instead of a value: nothing was written; something was, and its value is none of those listed."""
CONSISTENT = 0.6
"""Prior that all sums of a form hold. Not 1: two in five real forms have an innocent slip."""
SLIPS = 100
"""A sum that does not hold is off by one of about so many amounts."""
VACUOUS = 1e-3
"""Weight of a sum of which a term has no value: as of one among a thousand totals."""
WIDTH = 4096
COST_CAP = 50.0
"""Nats; a reading with no consistent one among its candidates costs at least so much."""
_NOT_STATED = 10**12


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one field may say.

    Attributes
    ----------
    value : (k,) int64, EMPTY and UNKNOWN among them
    p : (k,) float64, adding up to at most 1
    """

    value: NDArray[np.int64]
    p: Floats


Floats = NDArray[np.float64]
Term = tuple[int, tuple[int, ...]]
"""The position of a total, and those of its parts."""


def _amounts(value: NDArray[np.int64], total: bool) -> NDArray[np.int64]:
    """What candidates add to a sum's balance; an empty part adds nothing."""
    known = np.where(value >= 0, -value if total else value, 0)
    lost = (value == UNKNOWN) | ((value == EMPTY) & total)
    return np.where(lost, _NOT_STATED, known)


def _weight(balance: NDArray[np.int64], sums: int, hard: bool) -> Floats:
    """The weight of what a sum came to."""
    holds = CONSISTENT ** (1 / sums)
    off = 0.0 if hard else (1 - holds) / SLIPS
    weight = np.where(balance == 0, 1.0 if hard else holds, off)
    return np.where(balance > _NOT_STATED // 2, 1.0 if hard else VACUOUS, weight)


@dataclass(frozen=True, slots=True)
class _Step:
    """One field added: which candidate takes which state to which, and with what weight."""

    field: int
    parent: NDArray[np.int64]
    candidate: NDArray[np.int64]
    child: NDArray[np.int64]
    weight: Floats


def _order(terms: Sequence[Term]) -> list[int]:
    """The fields of sums, so that each sum is closed soon after it was begun."""
    order: list[int] = []
    for total, parts in terms:
        order += [f for f in (*parts, total) if f not in order]
    return order


def _grouped(states: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Different rows of (n, sums), and for each row which of them it is."""
    if not states.shape[1]:
        return states[:1], np.zeros(len(states), np.int64)
    found, inverse = np.unique(states, axis=0, return_inverse=True)
    return found, inverse.reshape(-1)


def _forward(
    fields: Sequence[Candidates], terms: Sequence[Term], hard: bool
) -> tuple[list[_Step], Floats, float]:
    """All steps, the mass of the last states, and the weight of the best path.

    Returns
    -------
    steps, (states,) mass scaled to add up to 1, log of the greatest weight of one path
    """
    order = _order(terms)
    last = [max(order.index(f) for f in (total, *parts)) for total, parts in terms]
    states = np.zeros((1, len(terms)), np.int64)
    mass, best, scale = np.ones(1), np.ones(1), 0.0
    steps: list[_Step] = []
    for at, field in enumerate(order):
        some = fields[field]
        parent = np.repeat(np.arange(len(states)), len(some.value))
        candidate = np.tile(np.arange(len(some.value)), len(states))
        after, weight = states[parent], some.p[candidate]
        for k, (total, parts) in enumerate(terms):
            if field == total or field in parts:
                after[:, k] += _amounts(some.value, field == total)[candidate]
            if last[k] == at:
                weight = weight * _weight(after[:, k], len(terms), hard)
                after[:, k] = 0
        kept = weight > 0
        parent, candidate, weight = parent[kept], candidate[kept], weight[kept]
        if not len(weight):
            return steps, np.zeros(0), -np.inf
        states, child = _grouped(after[kept])
        flow, top = mass[parent] * weight, np.zeros(len(states))
        np.maximum.at(top, child, best[parent] * weight)
        total_mass = np.bincount(child, flow, len(states))
        if len(states) > WIDTH:
            keep = np.sort(np.argsort(-total_mass, kind="stable")[:WIDTH])
            new = np.full(len(states), -1)
            new[keep] = np.arange(WIDTH)
            on = new[child] >= 0
            parent, candidate, weight = parent[on], candidate[on], weight[on]
            child = new[child][on]
            states, total_mass, top = states[keep], total_mass[keep], top[keep]
        steps.append(_Step(field, parent, candidate, child, weight))
        mass = total_mass / total_mass.sum()
        scale += float(np.log(top.max()))
        best = top / top.max()
    return steps, mass, scale


def jointly(fields: Sequence[Candidates], terms: Sequence[Term]) -> dict[int, Floats]:
    """For each field of a sum, the probabilities of its candidates given all fields.

    Parameters
    ----------
    fields : of the form, in its order
    terms : the form's sums by positions of fields

    Returns
    -------
    Position of a field -> (k,) float64, adding up to 1.
    """
    if not terms:
        return {}
    steps, mass, _ = _forward(fields, terms, hard=False)
    forward: list[Floats] = [np.ones(1)]
    for step in steps:
        now = np.bincount(step.child, forward[-1][step.parent] * step.weight)
        forward.append(np.asarray(now / now.sum(), np.float64))
    back: Floats = np.ones(len(mass))
    marginals = {}
    for step, before in zip(reversed(steps), reversed(forward[:-1]), strict=True):
        ahead = step.weight * back[step.child]
        share = np.bincount(
            step.candidate, before[step.parent] * ahead, len(fields[step.field].value)
        )
        marginals[step.field] = share / share.sum()
        reach = np.bincount(step.parent, ahead, len(before))
        back = np.asarray(reach / reach.max(), np.float64)
    return marginals


def cost_of_sums(fields: Sequence[Candidates], terms: Sequence[Term]) -> float | None:
    """Nats by which the best reading that obeys all sums is less probable than the best of all.

    A field whose own best is no value stays without one. None where no sum has all its values.
    """
    own = [int(some.value[some.p.argmax()]) for some in fields]
    told = [
        (total, parts)
        for total, parts in terms
        if own[total] >= 0 and all(own[f] != UNKNOWN for f in parts)
    ]
    if not told:
        return None
    order = _order(told)
    choice = []
    for some, value in zip(fields, own, strict=True):
        kept = some.value == UNKNOWN if value == UNKNOWN else some.value != UNKNOWN
        choice.append(Candidates(some.value[kept], some.p[kept]))
    # A total that was written stays written: leaving it out would satisfy any sum.
    for total, _ in told:
        kept = choice[total].value >= 0
        choice[total] = Candidates(choice[total].value[kept], choice[total].p[kept])
    _, _, best = _forward(choice, told, hard=True)
    alone = sum(float(np.log(choice[f].p.max())) for f in order)
    return float(min(max(alone - best, 0.0), COST_CAP))
