"""The chain of custody: every handover, who, when and where, in the prescribed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.trails import Trails
from veedor.engine.accounts import one_login


class Chain(Check):
    """Follow each sheet's trail of custody: its steps, their instants, logins and seals.

    A trail is one row of a record that holds a whole trail, or all the rows of a station in a
    record with one row a handover, whatever the bundles in which it travelled. Only the order that
    the case says is prescribed can be departed from; the order of every other pair of steps is
    told, and judged by nobody: a stamp of storage before that of transcription may be the normal
    order of work. A step that a trail has several times stands at its first stamp; handovers and
    seals are compared from each to the next. Handovers at one instant are taken in the order that
    fits, if any does, and broken is what is broken in every order. Rows with neither a station nor
    a bundle are of no trail.

    A pair of steps that no trail has with two readable stamps cannot be judged; where the case
    prescribes such a pair, nothing is said not to depart.

    Statistic
    ---------
    trails, stations : int
    several_bundles : int
        Trails whose handovers name more than one bundle.
    without_id : int
        Rows with neither a station nor a bundle.
    stamps, unread : int
        Stamps of all steps of all trails, and those that are no instant.
    absent : array of {step, recorded, near}
        Prescribed steps of which no trail has a stamp; whether the records name the step at all,
        and if not the recorded step with the nearest name.
    unjudged : array of {earlier, later}
        Prescribed pairs of steps of which no trail has two readable stamps.
    crowded : int
        Handovers that share an instant with more than five others of their trail: whose order is
        not looked for, and which are compared with none.
    steps : array of {step, stamped, missing, unread, first, last, people, to_the_second}
        `missing` trails without a stamp of the step, though the file has a column for it; `unread`
        of the others those whose stamp is no instant; a step that no trail has is `missing` in all.
        `people` counts logins, those that the case says are of one person once. `to_the_second`
        says that some source stamps the step with seconds.
    order : array of {earlier, later, both, reversed, same, at_once, least_seconds, median_seconds,
        prescribed}
        For each pair of steps, in the case's order: trails with both stamps; those in which the
        later step's stamp precedes the earlier one's, or equals it; of the equal ones those at one
        instant, as their source stamps both steps with seconds; the least and the median time
        between them; whether the case prescribes that order.
    people : array of {first, second, both, same, shared_or_system, incompatible}
        Pairs of steps of which logins are recorded: trails with both; those with the same login (or
        two of one person) in both; those where only a login declared as shared, or an account of a
        system, is in both; whether the case says that no one person may take them both.
    handovers : {links, broken}
        Where a trail says who gave and who took: successive handovers, and those whose giver is not
        the taker before.
    seals : array of {first, second, both, changed, usual, changes_on_most}
        Pairs of steps with a seal that follow one another: how often, and how often the seal
        differs; whether most keep it (`usual`), so that a change is a departure. A seal broken by
        opening and set anew differs on at least half (`changes_on_most`), which is told alone.
    departures : int
        Trails that depart in any of these ways.
    departing : {reversed, at_once, missing, logins, links, seals}
        Trails with a prescribed order reversed; with both its steps at one instant; with a
        prescribed step missing though others have it; with one login in incompatible steps; with a
        broken link; with a seal changed where most keep it.

    Uncertainty
    -----------
    None: counts of a record. Stamps are those of the record's clock, to its resolution. A login is
    not a person.

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
    coverage = ("unread", "without_id", "crowded", "stamps")
    benign = (
        Benign(
            "batch",
            "Steps are stamped when a batch is entered, not when the sheet is handed over.",
            "The commonest stamp of a step stands on {most:trail|trails} at once ({step});"
            " {share:.1f} % of all stamps are shared by at least ten trails.",
        ),
        Benign(
            "resolution",
            "Two steps within a minute have equal stamps, or reversed ones, on a clock of minutes.",
            "{equal:time|times} two prescribed steps have equal stamps; of {reversed:time|times}"
            " that they are reversed, {short:is|are} by no more than a minute.",
        ),
        Benign(
            "unprescribed",
            "The order of work was another one than the reader expects, and lawful.",
            "The case prescribes the order of {prescribed:pair|pairs} of steps; of"
            " {rest:other|others}, {others:has|have} stamps in another order than that in which the"
            " case lists them.",
        ),
        Benign("clocks", "The steps were stamped by machines whose clocks differ."),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Stamps and rows that could not be used."""
        left = sum(statistic.get(n, 0) for n in ("unread", "without_id", "crowded"))
        return (
            say("{left:stamp or row|stamps or rows} could not be used", left=left) if left else ""
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
        prescribed = context.plan.custody.order
        people = list(trails.people([set(i.duties) for i in context.plan.incompatible]))
        ways = trails.ways(prescribed, people)
        departed = trails.departed(ways)
        pairs = list(trails.pairs(prescribed))
        statistic: dict[str, Any] = {
            "trails": trails.size,
            "stations": len(np.unique(trails.sid[trails.sid >= 0])),
            "several_bundles": trails.legs.several_bundles(),
            "without_id": trails.without_id,
            "stamps": int(trails.written.sum()),
            "unread": int((trails.written & np.isnan(trails.t)).sum()),
            "absent": list(_absent(trails, prescribed)),
            "unjudged": [
                {n: p[n] for n in ("earlier", "later")}
                for p in pairs
                if p["prescribed"] and not p["both"]
            ],
            "crowded": int(trails.legs.crowded.sum()),
            "steps": [trails.step(name, context) for name in trails.steps],
            "order": pairs,
            "people": people,
            "handovers": trails.handovers(),
            "seals": [pair for pair, _ in trails.seals()],
            "departures": int(departed.sum()),
            "departing": {name: len(found) for name, found in ways.items()},
        }
        status: Status = "not-observed" if _judged(statistic) else "not-determinable"
        if departed.any():
            status = "observed"
        shown = np.lexsort((trails.row, ~departed))
        yield self.fact(
            status,
            statistic,
            words={"sentence": _sentence(statistic, status, one_login(context.plan))},
            explanations=self.explain(**trails.tested(pairs)),
            rows=trails.rows(ways, shown, context),
            key="row",
            questioned=np.unique(trails.sid[departed & (trails.sid >= 0)])
            if departed.any()
            else None,
            figures=trails.figures(departed, shown, prescribed, context),
            parameters={"prescribed": [list(p) for p in prescribed]},
        )


def _absent(trails: Trails, prescribed: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Prescribed steps of which no trail has a stamp."""
    names = list(dict.fromkeys(step for pair in prescribed for step in pair))
    others = sorted(trails.recorded - set(names)) or sorted(trails.recorded)
    for name in names:
        if not trails.written[:, trails.steps.index(name)].any():
            recorded = name in trails.recorded
            near = [] if recorded else get_close_matches(name, others, n=1)
            yield {"step": name, "recorded": recorded, "near": near[0] if near else None}


def _judged(statistic: Mapping[str, Any]) -> bool:
    """Whether every prescribed pair could be judged on some trail, or else, where the case
    prescribes none, handovers or logins could.
    """
    if statistic["unjudged"]:
        return False
    return bool(
        any(p["prescribed"] for p in statistic["order"])
        or statistic["handovers"]["links"]
        or any(p["incompatible"] for p in statistic["people"])
    )


def _sentence(statistic: Mapping[str, Any], status: Status, login: str) -> str:
    """What was observed, then what was asked and not found, then what could not be judged."""
    if statistic["departures"]:
        first = (
            "Of {trails:trail|trails} of {stations:station|stations},"
            " {departures:departs|depart} in some way from what is prescribed."
        )
    elif status == "not-observed":
        first = (
            "Of {trails:trail|trails} of {stations:station|stations}, none departs from what is"
            " prescribed."
            if any(p["prescribed"] for p in statistic["order"])
            else "Of {trails:trail|trails} of {stations:station|stations}, none departs in its"
            " handovers or logins."
        )
    else:
        first = (
            "On {trails:trail|trails} of {stations:station|stations}, what is prescribed could not"
            " be judged, or not all of it."
        )
    parts = [say(first, **statistic)]
    parts += _order_departed(statistic)
    parts += _people_departed(statistic, login)
    parts += _of_seals(statistic)
    parts += _order_kept(statistic)
    parts += _people_apart(statistic, login)
    parts += _coverage(statistic)
    return " ".join(parts)


def _order_departed(statistic: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on the order of steps that is reversed, and on steps that are missing."""
    prescribed = [p for p in statistic["order"] if p["prescribed"]]
    if wrong := [p for p in prescribed if p["reversed"]]:
        yield f"A prescribed order is reversed: {_reversed(wrong)}."
    if level := [p for p in prescribed if p["at_once"]]:
        listed = "; ".join(f"{p['later']} with {p['earlier']} {p['at_once']:,}" for p in level)
        yield f"Two prescribed steps are at one instant, to the second: {listed}."
    needed = {step for p in prescribed for step in (p["earlier"], p["later"])}
    lacking = [
        s for s in statistic["steps"] if 0 < s["missing"] < statistic["trails"]
        and s["step"] in needed
    ]  # fmt: skip
    if lacking:
        listed = "; ".join(f"{s['step']} {s['missing']:,}" for s in lacking)
        yield f"A prescribed step is missing: {listed}."


def _people_departed(statistic: Mapping[str, Any], login: str) -> Iterator[str]:
    """Sentences on logins in steps kept apart, and on handovers by another than the taker."""
    apart = [p for p in statistic["people"] if p["incompatible"] and p["same"]]
    if apart:
        listed = "; ".join(f"{p['first']} and {p['second']} {p['same']:,}" for p in apart)
        yield f"{_capital(login)} in steps that the case keeps apart: {listed}."
    if statistic["handovers"]["broken"]:
        yield say(
            "Of {links:successive handover|successive handovers}, {broken:is|are} by another than"
            " the taker before, on {trails:trail|trails}.",
            **statistic["handovers"],
            trails=statistic["departing"]["links"],
        )


def _of_seals(statistic: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on seals that differ from one step to the next."""
    for usual, text in (
        (True, "The seal differs from the one before where most trails keep it"),
        (False, "The seal changes on most trails, which is told and held against none"),
    ):
        some = [p for p in statistic["seals"] if p["changed"] and p["usual"] == usual]
        if some:
            listed = "; ".join(
                f"{p['first']} to {p['second']} {p['changed']:,} of {p['both']:,}" for p in some
            )
            yield f"{text}: {listed}."


def _order_kept(statistic: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on the order that is not reversed, and on the order that nobody prescribes."""
    prescribed = [p for p in statistic["order"] if p["prescribed"]]
    kept = [p for p in prescribed if p["both"] and not p["reversed"]]
    if not prescribed:
        yield "The case prescribes no order of their steps, so that none can be reversed."
    elif kept:
        yield say(
            "No trail reverses {kept} of {pairs:prescribed pair|prescribed pairs} of steps (at"
            " least {both:trail has|trails have} both stamps of each).",
            kept=len(kept),
            pairs=len(prescribed),
            both=min(p["both"] for p in kept),
        )
    others = sorted(
        (p for p in statistic["order"] if not p["prescribed"] and p["reversed"]),
        key=lambda p: -p["reversed"],
    )
    if others:
        yield f"Pairs whose order is not prescribed: {_reversed(others[:3])}."


def _people_apart(statistic: Mapping[str, Any], login: str) -> Iterator[str]:
    """Sentences on steps kept apart that no one login took, and on logins that are nobody's."""
    apart = [p for p in statistic["people"] if p["incompatible"]]
    if none := [p for p in apart if not p["same"]]:
        listed = "; ".join(f"{p['first']} and {p['second']} {p['both']:,}" for p in none)
        yield f"No trail has {login} in both of (trails with logins in both): {listed}."
    if others := sum(p["shared_or_system"] for p in apart):
        yield say(
            "A shared login or a system's account is in both {others:time|times}, not counted"
            " there.",
            others=others,
        )
    links, broken = (statistic["handovers"][n] for n in ("links", "broken"))
    if not links:
        yield "No two successive handovers with readable stamps say who gave and who took."
    elif not broken:
        yield say(
            "In {links:successive handover|successive handovers} the giver is the taker before.",
            links=links,
        )


def _coverage(statistic: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on what could not be judged, and why."""
    for one in statistic["absent"]:
        name, near = one["step"], one["near"]
        if one["recorded"]:
            yield f"No trail has a stamp of {name}, which the case prescribes."
        else:
            hint = f" (a step {near} is recorded)" if near else ""
            yield f"No trail has a step {name} that the case prescribes{hint}."
    if statistic["unjudged"]:
        listed = "; ".join(f"{p['earlier']} before {p['later']}" for p in statistic["unjudged"])
        yield f"Not judged, as no trail has a readable stamp of both: {listed}."
    if statistic["unread"]:
        yield say(
            "{unread} of {stamps:stamp|stamps} cannot be read as instants; the source's"
            " `instant_format` says how they are written.",
            **statistic,
        )
    if statistic["crowded"]:
        yield say(
            "{crowded:handover is|handovers are} at an instant of so many of the same trail that"
            " their order is not looked for, and compared with none.",
            **statistic,
        )
    if statistic["without_id"]:
        yield say(
            "{without_id:row names|rows name} neither a station nor a bundle, and"
            " {verb} of no trail.",
            verb="is" if statistic["without_id"] == 1 else "are",
            **statistic,
        )
    if statistic["several_bundles"]:
        yield say("{several_bundles:trail names|trails name} more than one bundle.", **statistic)


def _reversed(pairs: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{p['later']} before {p['earlier']} {p['reversed']:,}" for p in pairs)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
