"""What was stated about the count, side by side, and what the records say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.case.plan import Expectation, Statement
from veedor.checks import hosts
from veedor.checks.base import (
    Benign,
    Check,
    Columns,
    Context,
    Evidence,
    Fact,
    registry,
    say,
    subject,
)

Seen = tuple[Status, Mapping[str, Any]]


class Register(Check):
    """Set what parties, officials, vendors and auditors stated beside the findings of this audit.

    A statement is quoted as the case words it, with who made it and where. Where the case says what
    the records would show if it held, they are asked: it is corroborated where every finding that
    could be asked agrees, contradicted where one does not, and untested where none could be asked.
    A statement corroborated in this sense may still be wrong in what the records do not show. A
    refusal of access is recorded as such.

    A finding that is not determinable bears out no statement but one that it is so. Where a finding
    could not look at part of the records, its numbers may be higher than it says: one within an
    upper bound then bears nothing out, and one below a lower bound contradicts nothing. What is
    expected of a finding, or of a number, that this audit does not have is told in its row.

    Statistic
    ---------
    statements : array of {id, by, capacity, at, text, source, tag, verdict, shown, disputes,
        refusal, needs}
        `verdict` is corroborated, contradicted or untested; `shown` says which findings were asked
        and what they say, or why they cannot say it; `disputes` are statements that it contests;
        `needs` the evidence that could test it and that the case lacks.
    corroborated, contradicted, untested, refusals : int
    not_asked : int
        Statements of which some expectation names a finding, or a number of one, that this audit
        does not have.
    disputed : int
        Pairs of statements of which one contests the other.

    Uncertainty
    -----------
    That of the findings asked; each has its own.

    Source
    ------
    INTOSAI, ISSAI 100, on evidence and on the views of the audited; the sources of the statements.
    """

    title = "What was stated"
    asks = "Do the records of the case contradict something that was stated?"
    rule = "A statement on facts of the count agrees with the records of them."
    kind = "descriptive"
    needs = ("statements",)
    last = True
    heading = "What was stated on {heading}"
    sentences = {
        "observed": (
            "{total:statement|statements} by {makers}: the records contradict {contradicted},"
            " corroborate {corroborated} and leave {untested} untested.{more}"
        ),
        "not-observed": (
            "{total:statement|statements} by {makers}: the records contradict none, corroborate"
            " {corroborated} and leave {untested} untested.{more}"
        ),
        "not-determinable": (
            "{total:statement|statements} by {makers}: the records of the case test none of them."
            "{more}"
        ),
    }
    benign = (
        Benign(
            "about",
            "The statement was about something else than the records show: another system,"
            " another hour, another group of sheets.",
        ),
        Benign(
            "then",
            "It was right by what was known when it was made, and the records came later.",
        ),
        Benign("wording", "The case's summary of it is shorter than what was said."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Nothing: statements are of the case, and what tests them are findings."""
        return {}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each topic."""
        topics: dict[str, list[Statement]] = {}
        for one in context.plan.statements:
            topics.setdefault(one.topic, []).append(one)
        names = [_words(topic) for topic in topics]
        for topic, group in topics.items():
            words = _words(topic)
            plain = words if names.count(words) == 1 and words else topic
            yield self._topic(subject(plain), group, context)

    def _topic(self, slug: str, group: list[Statement], context: Context) -> Fact:
        makers = {one.id: one.by for one in context.plan.statements}
        rows = [_row(one, context.findings, makers) for one in group]
        count = {v: sum(r["verdict"] == v for r in rows) for v in VERDICTS}
        ids = {one.id for one in group}
        statistic = {
            "statements": rows,
            **count,
            "refusals": sum(one.refusal for one in group),
            "not_asked": sum(_lacks(one, context.findings) for one in group),
            "disputed": sum(len(ids & set(one.disputes)) for one in group),
        }
        status: Status = "not-observed" if count["corroborated"] else "not-determinable"
        if count["contradicted"]:
            status = "observed"
        return self.fact(
            status,
            statistic,
            subject=slug,
            words={
                "heading": group[0].topic,
                "total": len(rows),
                "makers": _makers(group),
                "more": _more(statistic),
            },
            explanations=self.explain(),
            rows={
                name: np.array([hosts.flat(row[name]) for row in rows], dtype=object)
                for name in COLUMNS
            },
            key="id",
        )


def _words(topic: str) -> str:
    """The words of a topic, as part of an id."""
    return "-".join(re.findall(r"[a-z0-9]+", topic.lower()))


MISSING = object()
UNTOLD: tuple[Status, ...] = ("not-determinable", "void", "not-applicable")
"""Statuses of findings that say nothing of what was asked."""
VERDICTS = ("corroborated", "contradicted", "untested")
COLUMNS = (
    *("id", "by", "capacity", "at", "text", "source", "tag", "verdict", "shown", "disputes"),
    *("refusal", "needs"),
)


def _row(one: Statement, findings: Mapping[str, Seen], makers: Mapping[str, str]) -> dict[str, Any]:
    asked = [_ask(expectation, findings) for expectation in one.expects]
    known = [(agrees, words) for agrees, words in asked if agrees is not None]
    verdict = "untested"
    if known:
        verdict = "corroborated" if all(agrees for agrees, _ in known) else "contradicted"
    return {
        "id": one.id,
        "by": one.by,
        "capacity": one.capacity,
        "at": one.at,
        "text": one.text,
        "source": one.source,
        "tag": one.tag,
        "verdict": verdict,
        "shown": "; ".join(words for _, words in asked) or None,
        "disputes": [f"{makers[other]} ({other})" for other in one.disputes],
        "refusal": one.refusal,
        "needs": one.needs or None,
    }


def _ask(expectation: Expectation, findings: Mapping[str, Seen]) -> tuple[bool | None, str]:
    """Whether a finding agrees with what is expected of it (None: it cannot say), and in words."""
    name = expectation.finding
    if name not in findings:
        return None, _unknown(name, findings)
    status, statistic = findings[name]
    if expectation.status:
        if status in UNTOLD:
            can = set(expectation.status) <= set(UNTOLD) and status in expectation.status
            return (True if can else None), f"{name} is {status}"
        return status in expectation.status, f"{name} is {status}"
    where = f"{name}, {expectation.statistic}"
    value = _value(statistic, str(expectation.statistic))
    if value is MISSING:
        return None, f"{name} has no number {expectation.statistic}{_near(expectation, statistic)}"
    if status in UNTOLD:
        return None, f"{name} is {status}"
    if value is None:
        return None, f"{where} is not known"
    low = expectation.at_least is None or value >= expectation.at_least
    high = expectation.at_most is None or value <= expectation.at_most
    words = f"{where} = {value:,.10g}"
    part = _partly(name, statistic, str(expectation.statistic))
    if part and ((high and expectation.at_most is not None) or not low):
        return None if high else False, f"{words}, and {part}"
    return low and high, words


def _lacks(one: Statement, findings: Mapping[str, Seen]) -> bool:
    """Whether something is expected of a finding, or a number, that this audit does not have."""
    return any(
        e.finding not in findings
        or (e.statistic is not None and _value(findings[e.finding][1], e.statistic) is MISSING)
        for e in one.expects
    )


def _unknown(name: str, findings: Mapping[str, Seen]) -> str:
    """What is said of a finding that this audit does not have."""
    near = get_close_matches(name, sorted({*findings, *registry()}), n=1)
    hint = f" (there is {near[0]})" if near and near[0] != name else ""
    if _check(name) is None:
        return f"there is no check {name}{hint}"
    return f"this audit has no finding {name}{hint}"


def _near(expectation: Expectation, statistic: Mapping[str, Any]) -> str:
    """The number of a finding whose name is nearest, where one is near."""
    names = [k for k, v in statistic.items() if isinstance(v, bool | int | float | np.number)]
    near = get_close_matches(str(expectation.statistic), names, n=1)
    return f" (it has {near[0]})" if near else ""


def _partly(name: str, statistic: Mapping[str, Any], path: str) -> str:
    """What a finding could not look at, in words; empty where nothing, or where it is asked."""
    check = _check(name)
    return "" if check is None or path in check.coverage else check.unseen(statistic)


def _check(name: str) -> Check | None:
    """The check that makes a finding; None where there is none."""
    return next((c for i, c in registry().items() if name == i or name.startswith(f"{i}.")), None)


def _value(statistic: Any, path: str) -> Any:
    """The number at a dotted path of a statistic, lists by position: None where it is null, and
    `MISSING` where there is none.
    """
    for part in path.split("."):
        if isinstance(statistic, Mapping) and part in statistic:
            statistic = statistic[part]
        elif isinstance(statistic, list) and part.isdigit() and int(part) < len(statistic):
            statistic = statistic[int(part)]
        else:
            return MISSING
    if isinstance(statistic, bool | int | float | np.number):
        return float(statistic)
    return None if statistic is None else MISSING


def _makers(group: list[Statement]) -> str:
    names = list(dict.fromkeys(one.by for one in group))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _more(statistic: Mapping[str, Any]) -> str:
    parts = ""
    if statistic["not_asked"]:
        parts += say(
            " {not_asked:expects|expect} something of a finding, or of a number, that this audit"
            " does not have.",
            **statistic,
        )
    if statistic["disputed"]:
        verb = "contests" if statistic["disputed"] == 1 else "contest"
        parts += f" {statistic['disputed']} of them {verb} another."
    if statistic["refusals"]:
        verb = "refuses" if statistic["refusals"] == 1 else "refuse"
        parts += f" {statistic['refusals']} {verb} access to evidence."
    return parts
