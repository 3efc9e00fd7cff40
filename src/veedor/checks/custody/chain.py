"""The chain of custody: every handover, who, when and where, in the prescribed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.trails import Trails
from veedor.engine.accounts import one_login


class Chain(Check):
    """Follow each sheet's trail of custody: its steps, their instants, logins and seals.

    A trail is one row of a record that holds a whole trail, or all the rows of a station in a
    record with one row a handover, whatever the bundles in which it travelled. Only the order that
    the case says is prescribed can be departed from; the order of every other pair of steps is
    told, and judged by nobody: a stamp of storage before that of transcription may be the normal
    order of work. A step that a trail has several times stands at its first stamp; handovers and
    seals are compared from each to the next.

    Statistic
    ---------
    trails, stations : int
    several_bundles : int
        Trails whose handovers name more than one bundle.
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
        people = list(trails.people([set(i.duties) for i in context.plan.incompatible]))
        ways = trails.departing(prescribed, people)
        departed = np.logical_or.reduce(list(ways.values()))
        pairs = list(trails.pairs(prescribed))
        statistic: dict[str, Any] = {
            "trails": trails.size,
            "stations": len(np.unique(trails.sid[trails.sid >= 0])),
            "several_bundles": trails.legs.several_bundles(),
            "steps": [trails.step(name, context) for name in trails.steps],
            "order": pairs,
            "people": people,
            "handovers": trails.handovers(),
            "seals": [pair for pair, _ in trails.seals()],
            "departures": int(departed.sum()),
            "departing": {name: int(found.sum()) for name, found in ways.items()},
        }
        status: Status = "not-observed" if _judged(statistic) else "not-determinable"
        if departed.any():
            status = "observed"
        shown = np.lexsort((trails.row, ~departed))
        yield self.fact(
            status,
            statistic,
            words={"sentence": _sentence(statistic, one_login(context.plan))},
            explanations=self.explain(**trails.tested(pairs)),
            rows=trails.rows(departed, shown, context),
            key="row",
            questioned=np.unique(trails.sid[departed & (trails.sid >= 0)])
            if departed.any()
            else None,
            figures=trails.figures(departed, shown, prescribed, context),
            parameters={"prescribed": [list(p) for p in prescribed]},
        )


def _judged(statistic: Mapping[str, Any]) -> bool:
    """Whether anything that a trail could depart from was recorded, and can be read."""
    prescribed = [p for p in statistic["order"] if p["prescribed"]]
    unread = any(step["unread"] for step in statistic["steps"])
    if unread and any(not p["both"] for p in prescribed):
        return False
    return bool(
        prescribed
        or statistic["handovers"]["links"]
        or any(p["incompatible"] for p in statistic["people"])
    )


def _sentence(statistic: Mapping[str, Any], login: str) -> str:
    parts = [f"{statistic['trails']:,} trails of {statistic['stations']:,} stations were followed."]
    if statistic["departures"]:
        parts.append(
            f"{statistic['departures']:,} trails depart in some way from what is prescribed."
        )
    if unread := sum(step["unread"] for step in statistic["steps"]):
        parts.append(
            f"{unread:,} stamps cannot be read as instants; the source's `instant_format` says how"
            " they are written."
        )
    parts += _of_order(statistic)
    parts += _of_people(statistic, login)
    parts += _of_seals(statistic)
    if statistic["several_bundles"]:
        parts.append(f"{statistic['several_bundles']:,} trails name more than one bundle.")
    others = sorted(
        (p for p in statistic["order"] if not p["prescribed"] and p["reversed"]),
        key=lambda p: -p["reversed"],
    )
    if others:
        parts.append(f"Pairs whose order is not prescribed: {_reversed(others[:3])}.")
    return " ".join(parts)


def _reversed(pairs: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{p['later']} before {p['earlier']} {p['reversed']:,}" for p in pairs)


def _of_order(statistic: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on the order of steps, and on those that are missing."""
    prescribed = [p for p in statistic["order"] if p["prescribed"]]
    wrong = [p for p in prescribed if p["reversed"]]
    if not prescribed:
        yield "The case prescribes no order of their steps, so that none can be reversed."
    elif wrong:
        yield f"A prescribed order is reversed: {_reversed(wrong)}."
    else:
        yield (
            f"None of the {len(prescribed)} prescribed pairs of steps is reversed"
            f" ({min(p['both'] for p in prescribed):,} trails or more each)."
        )
    level = [p for p in prescribed if p["at_once"]]
    if level:
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
    never = [s["step"] for s in statistic["steps"] if s["stamped"] == 0]
    if never:
        yield f"No trail has a stamp of {', '.join(never)}."


def _of_people(statistic: Mapping[str, Any], login: str) -> Iterator[str]:
    """Sentences on logins in steps kept apart, and on who handed over to whom."""
    apart = [p for p in statistic["people"] if p["incompatible"]]
    if apart:
        listed = "; ".join(f"{p['first']} and {p['second']} {p['same']:,}" for p in apart)
        others = sum(p["shared_or_system"] for p in apart)
        yield f"{login[0].upper()}{login[1:]} in steps that the case keeps apart: {listed}." + (
            f" A shared login or a system's account is in both {others:,} times, not counted there."
            if others
            else ""
        )
    links, broken = (statistic["handovers"][n] for n in ("links", "broken"))
    if broken:
        yield (
            f"{broken:,} of {links:,} successive handovers are by another than the taker before,"
            f" on {statistic['departing']['links']:,} trails."
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
