"""A hand count of a random sample of sheets against the outcome under the rule's own margins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Status
from veedor.case.sampling import Sample
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, subject
from veedor.checks.sampled import Draw, Frame, drawable, frame_query
from veedor.contest.assorter import Assorter, groups_of
from veedor.stats.risk import Terms, capital, joint, risk, weighted, without_replacement

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class RiskLimit(Check):
    """Bound the chance that the sample would look as good if the outcome were another one.

    The rule's outcome stands while its assertions do: not only that the first has more votes than
    the second, but that the lead is 10 points of the valid votes, where the law asks for that. For
    each assertion every sheet has one number, and the outcome is wrong only if for some assertion
    the sum over all sheets of what the ballots truly hold is not above zero. Each drawn sheet is
    a bet against that, at odds that are fair whatever the other sheets hold; one over the capital
    is the risk. It may be looked at after every sheet. Of alternatives (a majority or a lead) the
    mean of the capitals counts; of what must all hold, the weakest.

    What a sheet can hold at most is its registered voters (or the ballots it states, where more).
    A drawn sheet that was not found, or not read, is taken for the worst that it could be. What is
    confirmed is that the papers give this outcome: not that the papers are right.

    Statistic
    ---------
    selection : str
    frame, drawn, sheets, counted, missing : int
        Sheets of the frame; draws; different sheets among them; those with a hand count; those
        without, taken for the worst.
    limit, risk : float
        The risk limit, and the risk after all draws.
    met_after : int or null
        Draws after which the risk was first at most the limit.
    differing : int
        Counted sheets whose hand count differs from the report in any number.
    net : object
        Option (and blank, null) -> votes of the hand count less those reported, on them.
    assertions : array of {text, alternatives_to, margin, risk}
        For each: its margin in the reported votes, and its own risk.
    running : array of {draw, risk}
        The risk after each draw, where it changed by a tenth or more, and at the end.

    Uncertainty
    -----------
    The risk is itself the bound: over all samples, an outcome that is wrong is confirmed at risk
    limit r with a chance of at most r.

    Source
    ------
    P. Stark, ALPHA: audit that learns from previously hand-audited ballots, Annals of Applied
    Statistics 17 (2023); I. Waudby-Smith, P. Stark, A. Ramdas, RiLACS, E-Vote-ID (2021); P. Stark,
    Sets of half-average nulls generate risk-limiting audits: SHANGRLA (2020), for outcomes as
    assertions.
    """

    title = "Risk-limiting audit"
    asks = "Does the hand count of the sample leave room for another outcome?"
    rule = "An outcome is confirmed when a wrong one would have so good a sample too rarely."
    kind = "control"
    needs = ("hand-counts",)
    heading = "Risk-limiting audit: {heading}"
    sentences = {
        "observed": (
            "All {frame:sheet|sheets} were counted by hand, and by these counts the outcome is"
            " another one.{differ}"
        ),
        "not-observed": (
            "After {met_after:draw|draws} of sheets the risk that a wrong outcome would look so"
            " well confirmed was at most the limit of {limit_words}; after all {drawn} it is"
            " {risk_words}.{differ}{gone}"
        ),
        "not-determinable": "{why}{differ}{gone}",
    }
    benign = (
        Benign(
            "slips",
            "Sheets differ by slips of the pen or of counting, in no direction.",
            "{differing:counted sheet differs|counted sheets differ}; summed over them, the hand"
            " count changes the lead of the first over the second option by {lead:vote|votes}.",
        ),
        Benign(
            "missing",
            "A drawn sheet could not be found for a reason that has nothing to do with its votes.",
            "{missing:drawn sheet has|drawn sheets have} no hand count and count as the worst that"
            " they could be.",
        ),
        Benign(
            "bound",
            "A sheet holds more ballots than the voters on its list, since others may vote there.",
        ),
        Benign("ballots", "The ballots or sheets counted by hand are not those that were cast."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The frame of each sample, and its hand count."""
        samples = [s for s in evidence.plan.samples if s.hand_count]
        names = sorted({n for s in samples for n in (s.frame, s.hand_count) if n})
        return {name: frame_query(evidence, name) for name in names}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each sample with a hand count."""
        for sample in context.plan.samples:
            if sample.hand_count is not None:
                frame = Frame.of(measured[sample.frame], context.case)
                hand = Frame.of(measured[sample.hand_count], context.case)
                yield self._fact(sample, frame, hand, context)

    def _fact(self, sample: Sample, frame: Frame, hand: Frame, context: Context) -> Fact:
        counted = _Counted.of(frame, hand)
        options = (*context.options, "blank", "null")
        base: dict[str, Any] = {
            "selection": sample.selection,
            "frame": len(frame.sid),
            "drawn": sample.size or 0,
            "sheets": None,
            "counted": None,
            "missing": None,
            "limit": sample.risk_limit,
            "risk": 1.0,
            "met_after": None,
            "differing": 0,
            "net": {},
            "assertions": [],
            "running": [],
        }
        if sample.ceremony is None:
            return self._unknown(sample, base, NO_CEREMONY)
        rule = context.case.contest_rule
        groups = groups_of(rule, frame.votes)
        if groups is None:
            return self._unknown(sample, base, TIED)
        drawn, why = drawable(sample, frame, context.case)
        if drawn is None:
            return self._unknown(sample, base, IMPOSSIBLE.format(why))
        mine = np.unique(drawn.at)
        if over := int((counted.votes.sum(axis=1) > frame.ballots())[mine].sum()):
            return self._unknown(sample, base, OVER.format(over))
        differs = counted.known[mine] & (counted.votes[mine] != frame.votes[mine]).any(axis=1)
        net = (counted.votes[mine] - frame.votes[mine])[counted.known[mine]].sum(axis=0)
        found = _assess(groups, frame, counted, drawn)
        texts = rule.assertions(*_totals(frame))
        path = found.path
        met = np.flatnonzero(path <= sample.risk_limit)
        statistic = base | {
            "drawn": len(drawn.at),
            "sheets": len(mine),
            "counted": int(counted.known[mine].sum()),
            "missing": int((~counted.known[mine]).sum()),
            "risk": float(path[-1]),
            "met_after": int(met[0]) + 1 if len(met) else None,
            "differing": int(differs.sum()),
            "net": dict(zip(options, net.tolist(), strict=True)),
            "assertions": [
                {
                    "text": a.text,
                    "alternatives_to": [b.text for b in group if b is not a],
                    "margin": found.margins[i][j],
                    "risk": found.risks[i][j],
                }
                for i, group in enumerate(texts or ())
                for j, a in enumerate(group)
            ],
            "running": _running(path),
        }
        whole = statistic["counted"] == len(frame.sid)
        other = whole and _outcome(rule, counted.votes) != _outcome(rule, frame.votes)
        status: Status = "not-observed" if len(met) else "not-determinable"
        if other:
            status = "observed"
        first, second = _first_two(frame.votes)
        lead = int(net[first] - net[second])
        return self.fact(
            status,
            statistic,
            subject=subject(sample.id),
            words={
                "heading": sample.title,
                "limit_words": f"{100 * sample.risk_limit:g} %",
                "risk_words": _percent(statistic["risk"]),
                "differ": _differ(statistic, context.options[first], context.options[second], lead),
                "gone": _gone(statistic["missing"]),
                "why": (
                    f"After all {len(drawn.at):,} draws the risk is {_percent(statistic['risk'])},"
                    f" above the limit of {100 * sample.risk_limit:g} %: the sample does not tell"
                    " the reported outcome from another one."
                ),
            },
            explanations=self.explain(
                slips={"differing": statistic["differing"], "lead": lead},
                missing={"missing": statistic["missing"]},
            ),
            rows={
                "sid": frame.sid[mine],
                "counted": counted.known[mine],
                "differs": differs,
                **{
                    f"hand_less_reported_{name}": np.where(
                        counted.known[mine], counted.votes[mine, i] - frame.votes[mine, i], 0
                    )
                    for i, name in enumerate(options)
                },
            },
            parameters={"sample": sample.id, "weights": sample.weights},
            figures=(_figure(sample, path),),
        )

    def _unknown(self, sample: Sample, statistic: dict[str, Any], why: str) -> Fact:
        words = {"heading": sample.title, "why": why, "differ": "", "gone": ""}
        return self.fact("not-determinable", statistic, subject=subject(sample.id), words=words)


NO_CEREMONY = (
    "The case does not give the words of the ceremony from which the draw was made: which sheets"
    " chance chose, and in which order, is not known, and no risk can be told."
)
IMPOSSIBLE = "The draw cannot be repeated as the case declares it ({})."
TIED = "The reported votes are tied: there is no margin that a sample could confirm."
OVER = (
    "On {:,} drawn sheets the hand count has more ballots than the registered voters of the station"
    " and than the sheet reported: what a sheet can hold at most is not known, and no risk can be"
    " told."
)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The hand count at the positions of the frame: votes int64 (n, options + 2), known bool."""

    votes: Ints
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, frame: Frame, hand: Frame) -> _Counted:
        place = {int(s): i for i, s in enumerate(hand.sid.tolist())}
        at = np.array([place.get(int(s), -1) for s in frame.sid.tolist()], np.int64)
        known = at >= 0
        votes = np.zeros_like(frame.votes)
        votes[known] = hand.votes[at[known]]
        # A sheet that the authority left out of its totals has no votes, whatever it holds.
        votes[~frame.counted] = 0
        return cls(votes, known | ~frame.counted)


@dataclass(frozen=True, slots=True)
class _Risks:
    """Risk after each draw, float64 (m); risk and margin in votes of each assertion by group."""

    path: Floats
    risks: list[list[float]]
    margins: list[list[float]]


def _assess(
    groups: Sequence[Sequence[Assorter]], frame: Frame, counted: _Counted, drawn: Draw
) -> _Risks:
    ballots = frame.ballots()
    path = np.zeros(len(drawn.at))
    risks, margins = [], []
    for group in groups:
        logs, own, margin = [], [], []
        for one in group:
            reported = one.values(frame.votes)
            margin.append((int(reported.sum()) + one.constant) / one.scale)
            log = capital(terms(one, reported, ballots, counted.votes, counted.known, drawn))
            logs.append(log)
            own.append(float(risk(log)[-1]))
        path = np.maximum(path, risk(joint(logs)))
        risks.append(own)
        margins.append(margin)
    return _Risks(path, risks, margins)


def terms(
    one: Assorter,
    reported: Ints,
    ballots: Ints,
    votes: Ints,
    known: NDArray[np.bool_],
    drawn: Draw,
) -> Terms:
    """The bets of one assertion on the drawn sheets.

    A simple draw is a comparison: what is bet on is the overstatement of each sheet.
    """
    floor = one.least(ballots)
    truth = np.where(known, one.values(votes), floor)
    if drawn.replaced:
        return weighted(
            truth[drawn.at], floor[drawn.at], drawn.chance, int(floor.sum()), one.constant
        )
    floor = reported - int((reported - floor).max())
    return without_replacement(
        truth[drawn.at], floor[drawn.at], len(reported), int(floor.sum()), one.constant
    )


def _totals(frame: Frame) -> tuple[list[int], int, int]:
    total = [int(v) for v in frame.votes.sum(axis=0).tolist()]
    return total[:-2], total[-2], total[-1]


def _outcome(rule: Any, votes: Ints) -> Any:
    total = [int(v) for v in votes.sum(axis=0).tolist()]
    return rule.decide(total[:-2], total[-2], total[-1]).identity


def _first_two(votes: Ints) -> tuple[int, int]:
    order = np.argsort(-votes[:, :-2].sum(axis=0), kind="stable")
    return int(order[0]), int(order[min(1, len(order) - 1)])


def _running(path: Floats) -> list[dict[str, float]]:
    kept, last = [], 1.0
    for i, value in enumerate(path.tolist()):
        if value <= 0.9 * last or i == len(path) - 1:
            kept.append({"draw": i + 1, "risk": value})
            last = value
    return kept


def _percent(share: float) -> str:
    return "below 0.01 %" if share < 1e-4 else f"{100 * share:.2g} %"


def _differ(s: Mapping[str, Any], first: str, second: str, lead: int) -> str:
    if not s["differing"]:
        return f" The hand counts of {s['counted']:,} sheets are those reported."
    return (
        f" Of {s['counted']:,} sheets counted by hand {s['differing']:,} differ from the report;"
        f" on them the lead of {first} over {second} changes by {lead:+,} votes."
    )


def _gone(missing: int) -> str:
    if not missing:
        return ""
    return f" {missing:,} drawn sheets have no hand count and are taken for the worst."


def _figure(sample: Sample, path: Floats) -> Figure:
    at = np.unique(np.linspace(0, len(path) - 1, min(len(path), 200)).astype(np.int64))
    y = 100.0 * path[at]
    return Figure(
        id=f"sampling.risk-limit.{subject(sample.id)}",
        chart="lines",
        rows={
            "x": (at + 1).astype(np.float64),
            "y": y,
            "series": np.array(["risk"] * len(at), dtype=object),
        },
        labels={
            "title": "The risk of confirming a wrong outcome, draw by draw",
            "x": "draws",
            "y": "risk, %",
        },
        alt=(
            f"The risk after each draw falls from {y[0]:.3g} % to {y[-1]:.3g} % over"
            f" {len(path):,} draws; the limit is {100 * sample.risk_limit:g} %."
        ),
    )
