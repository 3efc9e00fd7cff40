"""One login in steps of a sheet that no one person may take together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.engine.accounts import impersonal, joined, one_login


class Duties(Check):
    """For each sheet, ask who took which step: one login in two, or somebody outside their duties.

    Steps are those of the logs of the count and of the custody trails. Logins that the case says
    belong to one person count as one. Incompatible sets of steps and the duties of each login are
    of the case. Logins declared as shared, and accounts of systems, are nobody's own: what they
    took is counted apart.

    Statistic
    ---------
    incompatible : array of {duties, sheets, both, same, people, shared_or_system}
        For each set of steps: sheets on which at least one of them has a known login; those with
        two different steps of it by known logins (`both`); those on which one login, or one
        person's logins, took two (`same`), and by how many; sheets on which a shared login or an
        account of a system took two, and no other did.
    outside : array of {login, step, sheets, duties}
        Steps taken by a declared login that its duties do not include.
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
        "not-observed": (
            "No sheet has {login} in steps that the case keeps apart, and no declared login took"
            " a step outside its duties ({both} sheets have logins in two such steps).{apart}"
        ),
        "not-determinable": "{sentence}",
    }
    benign = (
        Benign(
            "shared",
            "Several people used one login.",
            "Shared logins and systems' accounts took two such steps on {shared_or_system} sheets,"
            " which are not counted.",
        ),
        Benign(
            "few",
            "A small office had too few people at that hour.",
            "{people} logins took incompatible steps; the one with most did so on {most} sheets.",
        ),
        Benign("correction", "A supervisor corrected a mistake, as the procedure allows."),
    )

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
                {k: v for k, v in f.items() if k not in ("sid", "who")} for f in found
            ],
            "outside": outside,
            "unknown": len({a for a in rows["actor"].tolist() if a not in users}) if users else 0,
            "stations": len(sids),
        }
        status: Status = "observed" if len(sids) or outside else "not-observed"
        if not sets and not any(u.duties for u in users.values()):
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
                "sentence": _sentence(status, statistic, login),
                "login": login,
                "apart": _apart(shared),
                "both": sum(f["both"] for f in found),
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


def _apart(shared: int) -> str:
    """A sentence on what nobody's own logins did."""
    if not shared:
        return ""
    return (
        f" On {shared:,} sheets a shared login or an account of a system took two such steps, which"
        " tells of no one person."
    )


def _sentence(status: str, statistic: Mapping[str, Any], login: str) -> str:
    if status == "not-determinable":
        return (
            "The records tell who took which step, and the case says neither which steps are"
            " incompatible nor what the duties of a login are."
        )
    parts = [
        f"On {f['same']:,} of {f['both']:,} sheets {login} took two of the steps"
        f" {', '.join(f['duties'])} ({f['people']:,} in all)."
        for f in statistic["incompatible"]
        if f["same"]
    ]
    if statistic["outside"]:
        sheets = sum(o["sheets"] for o in statistic["outside"])
        logins = len({o["login"] for o in statistic["outside"]})
        parts.append(
            f"{logins:,} declared {'login' if logins == 1 else 'logins'} took steps outside their"
            f" duties, on {sheets:,} sheets."
        )
    return " ".join(parts) + _apart(sum(f["shared_or_system"] for f in statistic["incompatible"]))
