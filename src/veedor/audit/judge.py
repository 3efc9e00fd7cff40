"""Judgement: what the facts mean together, and for the outcome under the contest's own rule.

Facts are made by the checks; here and only here they are corrected for being many, and measured
against the rule: remove the questioned sheets, replace them, give every vote on them to one side
or the other, and the share of them that would have to be false.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from veedor.audit.files import probability
from veedor.audit.findings import (
    BreakEven,
    ChangesUnder,
    Fact,
    Finding,
    Materiality,
    OutcomeSummary,
    Part,
    Questioned,
    Robustness,
    Unresolved,
)
from veedor.contest import (
    Rule,
    Treatment,
    best,
    break_even,
    fewest_sheets,
    margin_points,
    remove,
    replace,
    share_false,
    slack,
    statement,
    worst,
)
from veedor.engine.evidence import Evidence, OfficialSheets, OpenVotes
from veedor.engine.verbs import collect
from veedor.stats.multiplicity import benjamini_yekutieli

REPLICATES = 200

WHAT_IF = ("remove", "replace")
BOUNDS = ("worst", "best")


def generator(seed: int, *names: str) -> np.random.Generator:
    """A random generator that depends on the seed and the names alone."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 16, 4)]
    return np.random.default_rng([seed, *words])


@dataclass(frozen=True)
class Judge:
    """The official sheets and the rule against which facts are measured."""

    rule: Rule
    options: tuple[str, ...]
    sheets: OfficialSheets
    levels: tuple[str, ...]
    history: NDArray[np.float64] | None
    registered: int | None
    seed: int
    contest: str
    open_votes: OpenVotes

    @classmethod
    def of(cls, evidence: Evidence, seed: int) -> Judge:
        """The judge of a case's evidence."""
        sheets = evidence.official_sheets
        known = sheets.counted & ~np.isnan(sheets.registered)
        registered = int(sheets.registered[known].sum()) if known.any() else None
        levels = tuple(reversed(evidence.case.geography))
        start = levels.index(evidence.case.sibling_level)
        return cls(
            rule=evidence.case.contest_rule,
            options=evidence.case.option_ids,
            sheets=sheets,
            levels=levels[start:],
            history=_history(evidence, sheets),
            registered=registered,
            seed=seed,
            contest=evidence.case.id,
            open_votes=evidence.open_votes,
        )

    def materiality(
        self, fact: Fact, name: str
    ) -> tuple[Questioned | None, list[Materiality], Robustness | None]:
        """The questioned sheets and each treatment of them; nothing where a fact questions none."""
        if fact.questioned is None or fact.status not in ("observed", "not-determinable"):
            return None, [], None
        return self.treat(np.asarray(fact.questioned, dtype=np.int64), name)

    def treat(
        self, sids: NDArray[np.int64], name: str
    ) -> tuple[Questioned, list[Materiality], Robustness | None]:
        """Each treatment of the sheets of those stations; `name` seeds the simulated one."""
        mask = np.zeros(len(self.sheets.sid), dtype=bool)
        mask[self.sheets.rows(sids)] = True
        votes = self.sheets.votes[mask].sum(axis=0)
        questioned = Questioned(
            stations=int(mask.sum()),
            valid=int(votes.sum()),
            votes={o: int(v) for o, v in zip(self.options, votes, strict=True)},
        )
        if not mask.any():
            return questioned, [], None
        s = self.sheets
        common = (s.blank, s.null, self.registered)
        removed = remove(self.rule, s.votes, mask, *common)
        replaced = replace(
            self.rule,
            s.votes,
            mask,
            cells=[s.cells[level] for level in self.levels],
            history=self.history,
            rng=generator(self.seed, "replace", name, self.contest),
            replicates=REPLICATES,
            blank=s.blank,
            null=s.null,
            registered=self.registered,
        )
        sides = [
            worst(self.rule, s.votes, mask, *common),
            best(self.rule, s.votes, mask, *common),
        ]
        treatments = [removed, replaced, *sides]
        result = [self._written(t, mask) for t in treatments]
        result += self._share_false(mask)
        return questioned, result, cast(Robustness, statement(treatments))

    def _written(self, treatment: Treatment, mask: NDArray[np.bool_]) -> Materiality:
        details = {k: _plain(v) for k, v in treatment.details.items() if k != "votes"}
        if isinstance(votes := treatment.details.get("votes"), tuple):
            spoilt = (int(self.sheets.blank.sum()), int(self.sheets.null.sum()))
            if treatment.treatment == "remove":
                spoilt = (int(self.sheets.blank[~mask].sum()), int(self.sheets.null[~mask].sum()))
            after = self.rule.decide(votes, *spoilt, self.registered)
            details["decided_by"] = after.decided_by
        if isinstance(details.get("matched"), list):
            details["matched"] = dict(zip(self.levels, details["matched"], strict=True))
        if treatment.replicates:
            details["replicates"] = treatment.replicates
        return Materiality(
            treatment=treatment.treatment,
            margin_points=_rounded(treatment.margin_points),
            winner=treatment.winner,
            outcome_changes=treatment.outcome_changes,
            low=_rounded(treatment.low),
            high=_rounded(treatment.high),
            details=details,
        )

    def _share_false(self, mask: NDArray[np.bool_]) -> list[Materiality]:
        s = self.sheets
        shares = share_false(self.rule, s.votes, mask, s.blank, s.null, self.registered)
        written = []
        for way in ("removed", "switched"):
            share = getattr(shares, way)
            written.append(
                Materiality(
                    treatment=f"share-false-{way}",
                    margin_points=None,
                    winner=None,
                    outcome_changes=share is not None,
                    share=_rounded(float(share)) if share is not None else None,
                )
            )
        return written

    def outcome(self, count: str, findings: Sequence[Finding]) -> OutcomeSummary:
        """The outcome that the official sheets give, and under which treatments it would change."""
        s = self.sheets
        votes = [int(v) for v in s.votes.sum(axis=0)]
        blank, null = int(s.blank.sum()), int(s.null.sum())
        outcome = self.rule.decide(votes, blank, null, self.registered)
        margins = slack(self.rule, votes, blank, null, self.registered)
        even = break_even(self.rule, votes, blank, null, self.registered)
        fewest = fewest_sheets(self.rule, s.votes, s.blank, s.null, self.registered)
        changes = [
            ChangesUnder(finding=f.id, treatment=m.treatment, margin_points=m.margin_points)
            for f in findings
            for m in f.materiality
            if m.outcome_changes and m.treatment in (*WHAT_IF, *BOUNDS)
        ]
        spoken = [f.robustness for f in findings if f.robustness]
        open_votes = self.unresolved()
        overall: Robustness = "robust"
        if outcome.decided_by == "no votes" or (
            open_votes is not None and any(m.outcome_changes for m in open_votes.materiality)
        ):
            overall = "not-determinable"
        elif "fragile" in spoken:
            overall = "fragile"
        elif "not-determinable" in spoken:
            overall = "not-determinable"
        return OutcomeSummary(
            count=count,
            rule=self.rule.describe(),
            winner=outcome.winner,
            decided_by=outcome.decided_by,
            runner_up=outcome.runner_up,
            sheets=int(s.counted.sum()),
            registered=self.registered,
            cast=sum(votes) + blank + null,
            valid=sum(votes),
            blank=blank,
            null=null,
            votes=dict(zip(self.options, votes, strict=True)),
            shares={
                o: round(float(100 * share), 4)
                for o, share in zip(self.options, outcome.shares, strict=True)
            },
            seats=(
                dict(zip(self.options, outcome.seats, strict=True))
                if outcome.seats is not None
                else None
            ),
            margin_points=_rounded(float(100 * outcome.margin)),
            slack_votes=_rounded(float(margins.value)),
            break_even=BreakEven(switched=even.switched, removed=even.removed, added=even.added),
            fewest_sheets=fewest.sheets,
            statement=overall,
            changes_under=changes,
            statement_by=_parts(findings),
            unresolved=open_votes,
        )

    def unresolved(self) -> Unresolved | None:
        """Votes that the official files leave open, and the outcome with all on one side."""
        open_votes = self.open_votes
        if open_votes.votes == 0:
            return None
        s = self.sheets
        votes = [int(v) for v in s.votes.sum(axis=0)]
        spoilt = (int(s.blank.sum()), int(s.null.sum()))
        now = self.rule.decide(votes, *spoilt, self.registered)
        sides = dict(zip(("best", "worst"), now.ranking[:2], strict=False))
        pair = (now.ranking[0], now.ranking[1]) if len(now.ranking) > 1 else None
        bounds = []
        for treatment, option in sides.items():
            more = list(votes)
            more[self.options.index(option)] += open_votes.votes
            after = self.rule.decide(more, *spoilt, self.registered)
            bounds.append(
                Materiality(
                    treatment=treatment,
                    margin_points=_rounded(margin_points(self.rule, more, *spoilt, pair)),
                    winner=after.winner,
                    outcome_changes=after.identity != now.identity,
                    details={"to": option, "votes": open_votes.votes},
                )
            )
        return Unresolved(
            set_aside=open_votes.set_aside,
            unreadable=open_votes.unreadable,
            not_counted=open_votes.not_counted,
            votes=open_votes.votes,
            materiality=bounds,
        )


def _parts(findings: Sequence[Finding]) -> list[Part]:
    """The statement taken apart: records, lists and controls, what-if treatments and bounds."""
    parts = []
    for source in ("records", "lists", "controls"):
        own = [f for f in findings if f.materiality and f.origin == source]
        for name, treatments in (("what-if", WHAT_IF), ("bound", BOUNDS)):
            changing = [
                f.id
                for f in own
                if any(m.outcome_changes and m.treatment in treatments for m in f.materiality)
            ]
            parts.append(
                Part(
                    source=cast(Any, source),
                    treatments=cast(Any, name),
                    statement="fragile" if changing else "robust",
                    findings=changing,
                )
            )
    return parts


def adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected over all checks at once; None stays None."""
    known = [i for i, p in enumerate(p_values) if p is not None]
    adjusted = benjamini_yekutieli(np.array([p_values[i] for i in known], dtype=np.float64))
    result: list[float | None] = [None] * len(p_values)
    for i, value in zip(known, adjusted, strict=True):
        result[i] = probability(float(value))
    return result


def _history(evidence: Evidence, sheets: OfficialSheets) -> NDArray[np.float64] | None:
    """Shares of the earlier election per sheet (NaN where none), only if all options have one."""
    if evidence.history_level is None:
        return None
    columns = collect(evidence.history())
    shares = np.stack(
        [columns[f"h{i}"].astype(np.float64) for i in range(evidence.options)], axis=1
    )
    if np.isnan(shares).all(axis=0).any():
        return None
    cells = sheets.cells[evidence.history_level]
    table = np.full((int(cells.max(initial=0)) + 1, evidence.options), np.nan)
    inside = columns["cell"] < len(table)
    table[columns["cell"][inside]] = shares[inside]
    return table[cells]


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 6)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6)
    return value
