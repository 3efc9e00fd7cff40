"""Departures of people and papers from the plan: accounts, duties, custody, hashes, clocks."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from veedor.simulate.election import Election
from veedor.simulate.hosts import BY_ID
from veedor.simulate.night import STEPS, Incident, Night, Session
from veedor.simulate.papers import instant
from veedor.simulate.planted import Departed, Planted

OUTSIDE = "192.0.2.41"
"""An address of which the plan knows nothing."""
AHEAD = -247.0
"""Seconds by which the perimeter's clock is ahead when it is wrong."""


def other_hash(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """At the last milestone the application is not what was frozen."""
    last = max(h.at for h in night.hashes)
    other = hashlib.sha256(f"{night.seed}/another build".encode()).hexdigest()
    hashes = tuple(
        dataclasses.replace(h, sha256=other) if (h.item, h.at) == ("application", last) else h
        for h in night.hashes
    )
    frozen = next(h.sha256 for h in night.hashes if h.item == "application")
    planted = Planted(
        check="infrastructure.freeze",
        what="The hash of the application differs from the frozen one.",
        hosts=("primary",),
        start=last,
        end=last,
        values={"item": "application", "frozen": frozen, "found": other},
    )
    return dataclasses.replace(night, hashes=hashes), [planted]


def shared_account(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """One account in two sessions at once, from two addresses; its password is changed."""
    jump, start = BY_ID["jump"].address, night.stop + 600
    first = Session("primary", "support", jump, start, start + 1500, ("/usr/sbin/ss -tn",))
    second = Session("primary", "support", OUTSIDE, start + 300, start + 1200, (), "support")
    apart = tuple(
        s for s in night.sessions
        if s.account != "support" or s.end < start - 60 or s.start > start + 1560
    )  # fmt: skip
    planted = Planted(
        check="infrastructure.access",
        what="An account is used from two addresses at once, and its password is changed.",
        hosts=("primary",),
        addresses=(jump, OUTSIDE),
        start=second.start,
        end=second.end,
        values={"account": "support", "password_changed": "support"},
    )
    return dataclasses.replace(night, sessions=(*apart, first, second)), [planted]


def two_duties(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """One person transcribes some sheets twice; another approves what he transcribed."""
    n = max(len(night.station) // 200, 4)
    rows = rng.choice(len(night.station), 2 * n, replace=False)
    actors, planted = night.actors.copy(), []
    cases = (("tr07", rows[:n], (2, 3)), ("tr12", rows[n:], (3, 4)))
    for account, mine, columns in cases:
        for column in columns:
            actors[mine, column] = account
        times = night.steps[mine][:, list(columns)]
        planted.append(
            Planted(
                check="infrastructure.duties",
                what="One account takes two steps that no one person may take together.",
                stations=tuple(night.codes(mine)),
                start=float(times.min()),
                end=float(times.max()),
                values={"account": account, "steps": [STEPS[c] for c in columns]},
            )
        )
    return dataclasses.replace(night, actors=actors), planted


def broken_custody(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """Of some sheets, two steps are in the wrong order, one is missing, or two coincide."""
    n = max(len(night.station) // 300, 3)
    who = night.actors
    able = np.flatnonzero((who[:, 2] != who[:, 3]) & (who[:, 3] != who[:, 4]))
    rows = rng.choice(able, 3 * n, replace=False).reshape(3, n)
    steps = night.steps.copy()
    steps[rows[0], 0], steps[rows[0], 1] = night.steps[rows[0], 1], night.steps[rows[0], 0]
    steps[rows[1], 4] = -1
    steps[rows[2], 3] = steps[rows[2], 2]
    words = (
        ("order", "The opening is recorded before the reception.", (0, 1)),
        ("missing", "The approval is missing.", (4,)),
        ("overlapping", "Both transcriptions are recorded at one instant.", (2, 3)),
    )
    planted = [
        Planted(
            check="custody.chain",
            what=text,
            stations=tuple(night.codes(mine)),
            start=float(night.steps[mine].min()),
            end=float(night.steps[mine].max()),
            values={"kind": kind, "steps": [STEPS[c] for c in columns]},
        )
        for mine, (kind, text, columns) in zip(rows, words, strict=True)
    ]
    return dataclasses.replace(night, steps=steps), planted


def wrong_clock(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """The perimeter's clock is off by minutes."""
    planted = Planted(
        check="infrastructure.clock-skew",
        what="The clock of a host is off by minutes.",
        hosts=("perimeter",),
        start=night.start,
        end=night.end,
        values={"seconds": AHEAD},
    )
    return dataclasses.replace(night, skew={**night.skew, "perimeter": AHEAD}), [planted]


def unrecorded_restart(night: Night, election: Election, rng: np.random.Generator) -> Departed:
    """The application is restarted after the stop, and no document mentions it."""
    at = night.stop + 1700
    text = "The application of the count is restarted."
    incident = Incident("application-restart", at, text, documented=False)
    planted = Planted(
        check="infrastructure.undocumented",
        what="No document mentions that the application was restarted.",
        hosts=("primary",),
        start=at,
        end=at + 45,
        values={"events": [incident.id], "at": instant(at).isoformat()},
    )
    return dataclasses.replace(night, incidents=(*night.incidents, incident)), [planted]
