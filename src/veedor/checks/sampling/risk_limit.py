"""A hand count of a random sample of sheets against the outcome under the rule's own margins."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Status
from veedor.case.sampling import Sample
from veedor.checks import announced as announcements
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, subject
from veedor.checks.sampled import Draw, Frame, drawable, frame_query
from veedor.contest import Rule
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

    What a sheet can hold at most is its registered voters (or the ballots it states, or the most
    that the case says of any station, where more).
    A drawn sheet that was not found, or of which a number that matters was not read, is taken for
    the worst that it could be. What is confirmed is that the papers give this outcome: not that
    the papers are right.

    Statistic
    ---------
    selection : str
    announcement : object or null
        Of a draw that was repeated: the `sha256` of its announcement as the sample names it, the
        `state` of it, what `differs` in it, and the form `words_like` that it gives the words.
    frame, drawn, sheets, counted, missing : int
        Sheets of the frame; draws; different sheets among them; those with a hand count; those
        without, taken for the worst.
    left_out, beyond : int
        Sheets of the frame that the authority left out of its totals: they count as without votes.
        Stations that other records name and the frame does not have. Of neither is anything told.
    limit, risk : float
        The risk limit, and the risk after all draws.
    met_after : int or null
        Draws after which the risk was first at most the limit.
    differing : int
        Counted sheets whose hand count differs from the report in any number that it has.
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
            " another one.{differ}{silent}{announced}"
        ),
        "not-observed": (
            "After {met_after:draw|draws} of sheets the risk that a wrong outcome would look so"
            " well confirmed was at most the limit of {limit_words}; after all {drawn} it is"
            " {risk_words}.{differ}{gone}{silent}{announced}"
        ),
        "not-determinable": "{why}{differ}{gone}{silent}{announced}",
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
        beyond = {
            f"beyond:{name}": evidence.stations()
            .anti_join(evidence.sheets(name), "sid")
            .select("sid")
            for name in sorted({s.frame for s in samples})
        }
        return {name: frame_query(evidence, name) for name in names} | beyond

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each sample with a hand count."""
        for sample in context.plan.samples:
            if sample.hand_count is not None:
                frame = Frame.of(measured[sample.frame], context.case)
                hand = Frame.of(measured[sample.hand_count], context.case)
                beyond = len(measured[f"beyond:{sample.frame}"]["sid"])
                yield self._fact(sample, frame, hand, beyond, context)

    def _fact(
        self, sample: Sample, frame: Frame, hand: Frame, beyond: int, context: Context
    ) -> Fact:
        rule = context.case.contest_rule
        groups = groups_of(rule, frame.votes, frame.voters())
        drawn, why = drawable(sample, frame, context.case)
        if drawn is None:
            return self._unknown(
                sample, frame, beyond, IMPOSSIBLE.format(why) if why else NO_CEREMONY
            )
        if context.case.extra_voters and sample.most_ballots is None:
            return self._unknown(sample, frame, beyond, NO_BOUND)
        if groups is None:
            return self._unknown(sample, frame, beyond, UNDECIDED)
        counted = _Counted.of(frame, hand, drawn, groups)
        ballots = frame.ballots(sample.most_ballots)
        if over := int((counted.votes.sum(axis=1) > ballots).sum()):
            return self._unknown(sample, frame, beyond, OVER.format(over))
        found = _assess(groups, frame, ballots, counted, drawn)
        options = (*context.options, "blank", "null")
        statistic = _statistic(sample, frame, counted, drawn, found, options)
        said = announcements.announced(sample, frame, context.case)
        statistic |= _left(frame, beyond) | {"announcement": said}
        whole = statistic["counted"] == len(frame.sid)
        status: Status = "not-determinable" if statistic["met_after"] is None else "not-observed"
        voters = frame.voters()
        if whole and _outcome(rule, counted.votes, voters) != _outcome(rule, frame.votes, voters):
            status = "observed"
        first, second = (context.options[i] for i in _first_two(frame.votes))
        lead = statistic["net"][first] - statistic["net"][second]
        return self.fact(
            status,
            statistic,
            subject=subject(sample.id),
            words={
                "heading": sample.title,
                "limit_words": f"{100 * sample.risk_limit:g} %",
                "risk_words": _percent(statistic["risk"]),
                "differ": _differ(statistic, first, second, lead),
                "gone": _gone(statistic["missing"]),
                "silent": _silent(statistic),
                "announced": f" {announcements.sentence(said)}",
                "why": _above(statistic),
            },
            explanations=self.explain(
                slips={"differing": statistic["differing"], "lead": lead},
                missing={"missing": statistic["missing"]},
            ),
            rows=_rows(frame, counted, np.unique(drawn.at), options),
            parameters={"sample": sample.id, "weights": sample.weights},
            figures=(_figure(sample, found.path),),
        )

    def _unknown(self, sample: Sample, frame: Frame, beyond: int, why: str) -> Fact:
        statistic: dict[str, Any] = {
            "selection": sample.selection,
            "frame": len(frame.sid),
            "drawn": sample.size or 0,
            **dict.fromkeys(("sheets", "counted", "missing", "met_after")),
            **_left(frame, beyond),
            "limit": sample.risk_limit,
            "risk": 1.0,
            "differing": 0,
            "net": {},
            "assertions": [],
            "running": [],
            "announcement": None,
        }
        words = {"heading": sample.title, "why": why, "differ": "", "gone": ""}
        words |= {"silent": _silent(statistic), "announced": ""}
        return self.fact("not-determinable", statistic, subject=subject(sample.id), words=words)


NO_CEREMONY = (
    "The case does not give the words of the ceremony from which the draw was made: which sheets"
    " chance chose, and in which order, is not known, and no risk can be told."
)
IMPOSSIBLE = "The draw cannot be repeated as the case declares it ({})."
UNDECIDED = (
    "The reported votes decide nothing (a tie, or a quorum of voters whose number is not known):"
    " there is no margin that a sample could confirm."
)
NO_BOUND = (
    "The law lets others vote at a station than its registered voters, and the case does not give"
    " the most ballots that a station can have had: what a sheet can hold at most is not known, and"
    " no risk can be told."
)
OVER = (
    "On {:,} drawn sheets the hand count has more ballots than the registered voters of the"
    " station, than the sheet reported and than the case says of any: what a sheet can hold at most"
    " is not known, and no risk can be told."
)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The hand count of drawn sheets, at the positions of the frame.

    Attributes
    ----------
    votes : int64 (n, options + 2), zero where not known
    known : bool (n), drawn sheets with a hand count of all that an assertion hangs on
    change : int64 (n, options + 2), hand count less report, zero where either has no number
    """

    votes: Ints
    known: NDArray[np.bool_]
    change: Ints

    @classmethod
    def of(
        cls, frame: Frame, hand: Frame, drawn: Draw, groups: Sequence[Sequence[Assorter]]
    ) -> _Counted:
        matters = np.any([one.coefficients for group in groups for one in group], axis=0)
        # A cell that nobody could read is not a zero: a rival's votes may be what it holds.
        read = hand.counted & (hand.read | ~matters).all(axis=1)
        place = {int(s): i for i, s in enumerate(hand.sid.tolist())}
        votes, known = np.zeros_like(frame.votes), np.zeros(len(frame.sid), np.bool_)
        change = np.zeros_like(frame.votes)
        for i in np.unique(drawn.at).tolist():
            at = place.get(int(frame.sid[i]))
            # A sheet that the authority left out of its totals has no votes, whatever it holds.
            known[i] = not frame.counted[i] or (at is not None and read[at])
            if at is not None and frame.counted[i] and known[i]:
                votes[i] = hand.votes[at]
                change[i] = np.where(hand.read[at], votes[i] - frame.votes[i], 0)
        return cls(votes, known, change)


@dataclass(frozen=True, slots=True)
class _Risks:
    """Risk after each draw, float64 (m), and what the outcome rests on with the risk of each."""

    path: Floats
    assertions: list[dict[str, Any]]


def _assess(
    groups: Sequence[Sequence[Assorter]],
    frame: Frame,
    ballots: Ints,
    counted: _Counted,
    drawn: Draw,
) -> _Risks:
    path = np.zeros(len(drawn.at))
    assertions = []
    for group in groups:
        logs = []
        for one in group:
            reported = one.values(frame.votes)
            log = capital(terms(one, reported, ballots, counted.votes, counted.known, drawn))
            logs.append(log)
            assertions.append(
                {
                    "text": one.text,
                    "alternatives_to": [other.text for other in group if other is not one],
                    "margin": (int(reported.sum()) + one.constant) / one.scale,
                    "risk": float(risk(log)[-1]),
                }
            )
        path = np.maximum(path, risk(joint(logs)))
    return _Risks(path, assertions)


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


def _statistic(
    sample: Sample,
    frame: Frame,
    counted: _Counted,
    drawn: Draw,
    found: _Risks,
    options: Sequence[str],
) -> dict[str, Any]:
    mine = np.unique(drawn.at)
    known = counted.known[mine]
    change = counted.change[mine]
    met = np.flatnonzero(found.path <= sample.risk_limit)
    return {
        "selection": sample.selection,
        "frame": len(frame.sid),
        "drawn": len(drawn.at),
        "sheets": len(mine),
        "counted": int(known.sum()),
        "missing": int((~known).sum()),
        "limit": sample.risk_limit,
        "risk": float(found.path[-1]),
        "met_after": int(met[0]) + 1 if len(met) else None,
        "differing": int(change.any(axis=1).sum()),
        "net": dict(zip(options, change.sum(axis=0).tolist(), strict=True)),
        "assertions": found.assertions,
        "running": _running(found.path),
    }


def _rows(
    frame: Frame, counted: _Counted, mine: Ints, options: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The drawn sheets, with the votes of the hand count less those reported."""
    change = counted.change[mine]
    return {
        "sid": frame.sid[mine],
        "counted": counted.known[mine],
        "differs": np.any(change, axis=1),
        **{f"hand_less_reported_{name}": change[:, i] for i, name in enumerate(options)},
    }


def _totals(votes: Ints) -> tuple[list[int], int, int]:
    *options, blank, null = (int(v) for v in votes.sum(axis=0).tolist())
    return options, blank, null


def _outcome(rule: Rule, votes: Ints, voters: int | None) -> Hashable:
    return rule.decide(*_totals(votes), voters).identity


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


def _above(s: Mapping[str, Any]) -> str:
    return (
        f"After all {s['drawn']:,} draws the risk is {_percent(s['risk'])}, above the limit of"
        f" {100 * s['limit']:g} %: the sample does not tell the reported outcome from another one."
    )


def _differ(s: Mapping[str, Any], first: str, second: str, lead: int) -> str:
    if not s["differing"]:
        return f" The hand counts of {s['counted']:,} sheets are those reported."
    return (
        f" Of {_number(s['counted'], 'sheet')} counted by hand {s['differing']:,}"
        f" {'differs' if s['differing'] == 1 else 'differ'} from the report;"
        f" on them the lead of {first} over {second} changes by {lead:+,} votes."
    )


def _gone(missing: int) -> str:
    if not missing:
        return ""
    verbs = ("has", "is") if missing == 1 else ("have", "are")
    return (
        f" {_number(missing, 'drawn sheet')} {verbs[0]} no hand count, or none that could be read,"
        f" and {verbs[1]} taken for the worst."
    )


def _left(frame: Frame, beyond: int) -> dict[str, int]:
    return {"left_out": int((~frame.counted).sum()), "beyond": beyond}


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _silent(s: Mapping[str, Any]) -> str:
    """Of which ballots nothing is told."""
    parts = []
    if s["left_out"]:
        parts.append(f"{_number(s['left_out'], 'sheet')} of the frame outside the totals")
    if s["beyond"]:
        parts.append(f"{_number(s['beyond'], 'station')} of other records outside the frame")
    return f" Nothing is told of {' and of '.join(parts)}." if parts else ""


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
