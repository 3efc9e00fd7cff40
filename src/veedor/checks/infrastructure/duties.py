"""One login in steps of a sheet that no one person may take together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import combinations
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.engine.accounts import impersonal, joined, one_login


class Duties(Check):
    """For each sheet, ask who took which step: one login in two, or somebody outside their duties.

    Steps are those of the logs of the count and of the custody trails. Logins that the case says
    belong to one person count as one. Incompatible sets of steps and the duties of each login are
    of the case. Logins declared as shared, and accounts of systems, are nobody's own: what they
    took is counted apart. A set of steps is judged where some sheet has logins of somebody's own in
    two of them, duties where some login that has them by the case took a step.

    Statistic
    ---------
    incompatible : array of {duties, sheets, both, same, people, shared_or_system}
        For each set of steps: sheets on which at least one of them has a known login; those with
        two different steps of it by known logins (`both`); those on which one login, or one
        person's logins, took two (`same`), and by how many; sheets on which a shared login or an
        account of a system took two, and no other did.
    outside : array of {login, step, sheets, duties}
        Steps taken by a declared login that its duties do not include.
    with_duties : int
        Declared logins with duties that took a step.
    unjudged : array of array of text
        Sets of steps of which no sheet has logins of somebody's own in two.
    absent : array of {step, near}
        Steps of the sets that no record has with a login, and the recorded one with the nearest
        name.
    unknown : int
        Logins that took steps and that the case does not declare.
    stations : int
        Sheets with one login in incompatible steps.

    Uncertainty
    -----------
    None: counts of records. A login is not a person: people may share one, and one person may have
    several that the case does not join.

    Source
    ------
    Separation of duties, NIST SP 800-53, AC-5; double entry by different people in results
    management, ACE Electoral Knowledge Network.
    """

    title = "Incompatible duties"
    asks = "Did one login take steps of a sheet that no one person may take together?"
    rule = "The steps that check one another are taken by different people."
    kind = "control"
    needs = ("operators",)
    sentences = {
        "observed": "{sentence}",
        "not-observed": "{sentence}",
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "shared",
            "Several people used one login.",
            "Shared logins and systems' accounts took two such steps on"
            " {shared_or_system:sheet, which is|sheets, which are} not counted.",
        ),
        Benign(
            "few",
            "A small office had too few people at that hour.",
            "{people:login|logins} took incompatible steps; the one with most did so on"
            " {most:sheet|sheets}.",
        ),
        Benign("correction", "A supervisor corrected a mistake, as the procedure allows."),
    )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Sets of steps that cannot be judged."""
        left = len(statistic.get("unjudged", ()))
        return say("{left:set|sets} of steps cannot be judged", left=left) if left else ""

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Who took which step of which sheet."""
        events, custody = evidence.events(), evidence.custody()
        steps = events.select(sid="sid", step="stage", actor="actor").union(
            custody.select("sid", "step", "actor")
        )
        known = steps.filter(steps.sid.notnull(), steps.actor.notnull(), steps.step.notnull())
        return {"steps": known.distinct()}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all sheets."""
        rows = measured["steps"]
        users = {u.id: u for u in context.plan.users}
        who = joined(rows["actor"], context.plan)
        own = ~np.isin(rows["actor"], list(impersonal(context.plan, rows["actor"].tolist())))
        sets = [set(i.duties) for i in context.plan.incompatible]
        found = [_set(duties, rows, who, own) for duties in sets]
        outside = _outside(rows, context)
        sids = np.unique(np.concatenate([f["sid"] for f in found] or [np.zeros(0, np.int64)]))
        people = np.concatenate([f["who"] for f in found] or [np.zeros(0, object)])
        statistic = {
            "incompatible": [
                {k: v for k, v in f.items() if k not in ("sid", "who", "own")} for f in found
            ],
            "outside": outside,
            "with_duties": len(
                {a for a in rows["actor"].tolist() if a in users and users[a].duties}
            ),
            "unjudged": [f["duties"] for f in found if not f["own"]],
            "absent": list(_absent(sets, rows)),
            "unknown": len({a for a in rows["actor"].tolist() if a not in users}) if users else 0,
            "stations": len(sids),
        }
        status: Status = "observed" if len(sids) or outside else "not-observed"
        judged = not statistic["unjudged"] and (sets or statistic["with_duties"])
        if status != "observed" and not judged:
            status = "not-determinable"
        names, counts = np.unique(people.astype(str), return_counts=True)
        shared = sum(f["shared_or_system"] for f in found)
        login = one_login(context.plan)
        concerned = rows["sid"].astype(np.int64)
        keep = np.isin(concerned, sids)
        yield self.fact(
            status,
            statistic,
            words={
                "sentence": _sentence(statistic, login, any(u.duties for u in users.values())),
            },
            explanations=self.explain(
                shared={"shared_or_system": shared},
                few={"people": len(names), "most": int(counts.max(initial=0))},
            ),
            rows={
                "sid": concerned[keep],
                "step": rows["step"][keep],
                "login": rows["actor"][keep],
            }
            if keep.any()
            else None,
            questioned=sids if len(sids) else None,
        )


def _set(duties: set[str], rows: Columns, who: Any, own: Any) -> dict[str, Any]:
    """The sheets on which one login took two steps of a set."""
    some = np.isin(rows["step"].astype(str), sorted(duties))
    sid, step = rows["sid"][some].astype(np.int64), rows["step"][some]
    by_sheet: dict[int, dict[str, set[tuple[str, bool]]]] = {}
    for s, name, one, personal in zip(
        sid.tolist(), step.tolist(), who[some].tolist(), own[some].tolist(), strict=True
    ):
        by_sheet.setdefault(s, {}).setdefault(name, set()).add((one, personal))
    both = {s: steps for s, steps in by_sheet.items() if len(steps) > 1}
    pairs = [
        (s, *one)
        for s, steps in both.items()
        for one in sorted(set().union(*(a & b for a, b in combinations(steps.values(), 2))))
    ]
    mine = [(s, one) for s, one, personal in pairs if personal]
    sids = {s for s, _ in mine}
    return {
        "duties": sorted(duties),
        "sheets": len(by_sheet),
        "both": len(both),
        "same": len(sids),
        "people": len({one for _, one in mine}),
        "shared_or_system": len({s for s, _, _ in pairs} - sids),
        "sid": np.array(sorted(sids), dtype=np.int64),
        "who": np.array([one for _, one in mine], dtype=object),
        "own": sum(
            sum(any(personal for _, personal in who) for who in steps.values()) > 1
            for steps in both.values()
        ),
    }


def _outside(rows: Columns, context: Context) -> list[dict[str, Any]]:
    """Steps that a declared login took and that are none of its duties."""
    duties = {u.id: set(u.duties) for u in context.plan.users if u.duties}
    counts: dict[tuple[str, str], int] = {}
    for actor, step in zip(rows["actor"].tolist(), rows["step"].tolist(), strict=True):
        if actor in duties and step not in duties[actor]:
            counts[actor, step] = counts.get((actor, step), 0) + 1
    return [
        {"login": a, "step": s, "sheets": n, "duties": sorted(duties[a])}
        for (a, s), n in sorted(counts.items())
    ]


def _absent(sets: Iterable[set[str]], rows: Columns) -> Iterator[dict[str, Any]]:
    """Steps that the case keeps apart and that no record has with a login."""
    seen = {str(v) for v in rows["step"].tolist()}
    wanted = set().union(*sets)
    for step in sorted(wanted - seen):
        near = get_close_matches(step, sorted(seen - wanted) or sorted(seen), n=1)
        yield {"step": step, "near": near[0] if near else None}


def _sentence(statistic: Mapping[str, Any], login: str, duties: bool) -> str:
    """What was observed, then what was asked and not found, then what could not be judged."""
    sets = statistic["incompatible"]
    if not sets and not duties:
        return (
            "The records tell who took which step, and the case says neither which steps are"
            " incompatible nor what the duties of a login are."
        )
    parts = [
        say(
            "On {same} of {both:sheet|sheets} {login} took two of the steps {listed}"
            " ({people} in all).",
            **f,
            login=login,
            listed=", ".join(f["duties"]),
        )
        for f in sets
        if f["same"]
    ]
    outside, asked = statistic["outside"], statistic["with_duties"]
    if outside:
        parts.append(
            say(
                "{logins:declared login|declared logins} took steps outside their duties, on"
                " {sheets:sheet|sheets}.",
                logins=len({o["login"] for o in outside}),
                sheets=sum(o["sheets"] for o in outside),
            )
        )
    none = [f for f in sets if not f["same"] and f["duties"] not in statistic["unjudged"]]
    if none:
        parts.append(
            say(
                "No sheet has {login} in steps that the case keeps apart"
                " ({both:sheet has|sheets have} logins in two such steps).",
                login=login,
                both=sum(f["both"] for f in none),
            )
            if len(none) == len(sets)
            else say(
                "No sheet has {login} in two of {listed}.",
                login=login,
                listed="; of ".join(", ".join(f["duties"]) for f in none),
            )
        )
    if asked and not outside:
        parts.append(
            say(
                "No step is outside the duties of the {asked:declared login|declared logins} that"
                " took any.",
                asked=asked,
            )
        )
    parts += _unjudged(statistic, duties)
    return " ".join(parts)


def _unjudged(statistic: Mapping[str, Any], duties: bool) -> Iterator[str]:
    """Sentences on what could not be judged, and on what nobody's own logins did."""
    if shared := sum(f["shared_or_system"] for f in statistic["incompatible"]):
        yield say(
            "On {shared:sheet|sheets} a shared login or an account of a system took two such"
            " steps, which tells of no one person.",
            shared=shared,
        )
    for steps in statistic["unjudged"]:
        yield (
            f"No sheet has logins of somebody's own in two of the steps {', '.join(steps)}: whether"
            " one person took them cannot be told."
        )
    for one in statistic["absent"]:
        hint = f" (a step {one['near']} is recorded)" if one["near"] else ""
        yield f"No record has a step {one['step']} with a login{hint}."
    if duties and not statistic["with_duties"]:
        yield (
            "No login with declared duties took a step on record, so that none outside them could"
            " be seen."
        )
