"""Sheets that experts examined: what they found, and what that says of the sheets they did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.case.sampling import WITHOUT_REPLACEMENT, Question, Sample, Totals
from veedor.checks import announced as announcements
from veedor.checks import unveiled as private
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, subject
from veedor.checks.examinations import (
    FOUND,
    IMPOSSIBLE,
    LEVEL,
    SPLIT,
    STATES,
    UNDECIDED,
    Rate,
    Sheets,
    as_said,
    rate_of,
    unexamined,
)
from veedor.checks.sampled import Draw, Frame, drawable, frame_query
from veedor.stats.agreement import Agreement, agreement
from veedor.stats.exact import proportion_interval


class Examined(Check):
    """State what examiners found on each sheet of a sample, and of which sheets that tells.

    A sheet has the thing asked about where all examiners who could tell say so; sheets on which
    only some do are counted apart. A rate of the sheets that nobody looked at is given only where
    the sheets were drawn at random. Of a targeted sample none is: the sheets were picked for what
    they look like, and the others were not; nor where it is not stated how they were chosen.

    Totals of an examination whose answers are not at hand are told as what they are, a claim: of
    these nothing is determined.

    A draw with a public ceremony is repeated: drawn sheets that were not examined, and examined
    ones that were not drawn, are told, and the latter are left out of the rate. Drawn sheets that
    were not examined, or of which no examiner could tell, are taken once for having the thing and
    once for not having it, and the limits are the widest of the two. Where nothing can repeat the
    draw, as many sheets as are said to be drawn must be accounted for; where that cannot be done
    no rate is given. An answer that the form does not have is no answer.

    Statistic
    ---------
    selection : str
    repeatable : bool
        The draw was repeated from the words of a ceremony.
    announcement : object or null
        Of a draw that was repeated: the `sha256` of its announcement as the sample names it, the
        `state` of it, what `differs` in it, and the form `words_like` that it gives the words.
    frame, drawn, examined, unexamined, undecided, outside, unknown, strange : int
        Sheets of the frame; drawn ones; examined ones; drawn ones that were not; examined ones of
        which no examiner could tell; examined ones that were not drawn; rows whose station is not
        in the frame; rows whose answer is none of the form.
    decided, found, found_by_some : int
        Examined sheets with an answer (of the draw, where it is repeated); those on which all who
        could tell found it; those on which some did and some did not.
    rate, low, high : float or null, per cent of the frame's sheets
    frame_low, frame_high : int or null
        The same in sheets.
    effective : float or null
        The simple random sample that would be as precise.
    share : float or null, per cent of the decided sheets (not of the frame)
    as_if_low, as_if_high : float or null
        Limits that a reader would compute who took a targeted sample for a random one. They say
        nothing of the other sheets, and stand here only to be told from what does.
    refused : str
        Why no rate of the frame is given; empty where one is.
    fewest_sheets : int or null
        Fewest sheets on which the outcome rests (of `outcome.slack`).
    examiners, judged_twice : int
    agreement : object or null
        Equal pairs, Krippendorff's alpha and Gwet's AC1, with limits by bootstrap over sheets.
    published : array of {found, examined, share, as_if_low, as_if_high, source}
        Totals of examinations whose rows are not at hand.
    unveiled : object or null
        Showings of pictures on which names, signatures and fingerprints were not veiled, the sheets
        of these, the first and the last, and the same by examiner; sources of them that are
        `missing`; examiners who answered and are `unrecorded`, there being no record of theirs; and
        those whose record is `late`: an answer is, or may be, from before it began. Null where no
        record of them is at hand.

    Uncertainty
    -----------
    95 % limits: hypergeometric for a simple draw; Korn and Graubard's, with the variance between
    centres (or between sheets within strata), for the others.

    Source
    ------
    W. Cochran, Sampling Techniques (1977); E. Korn and B. Graubard, Survey Methodology 24 (1998);
    K. Krippendorff (2011); K. Gwet (2008); IFAC, ISA 530, on what a sample may be projected to.
    """

    title = "Sheets examined by experts"
    asks = "Did those who examined a sample of sheets find the thing asked about?"
    rule = "What is found on examined sheets is told of other sheets only where chance chose them."
    kind = "descriptive"
    needs = ("examined",)
    last = True
    heading = "{heading}"
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "examiner",
            "Examiners see the thing differently, so that it hangs on who looked.",
            "{judged_twice} sheets were judged by two examiners or more; they agree on"
            " {equal} % of pairs (alpha {alpha}, AC1 {ac1}).",
        ),
        Benign(
            "draw",
            "Other sheets were examined than those that chance chose.",
            "Repeated from the words of the ceremony, the draw gives {drawn} sheets: {unexamined}"
            " of them were not examined, and {outside} others were.",
        ),
        Benign(
            "unexamined",
            "The sheets that could not be examined differ from those that were.",
            "{open} drawn sheets have no answer. Taken for having the thing or for not having it,"
            " the limits reach from {low} to {high} %.",
        ),
        Benign(
            "harmless",
            "The thing asked about is lawful, or does not touch the votes, where it was found.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The answers, and the frame of each sample that has questions."""
        frames = {s.frame for s in evidence.plan.samples if s.questions}
        return {
            "answers": evidence.examined().select(
                "sample", "sid", "question", "answer", "examiner", "t", "source", "row"
            ),
            "showings": evidence.showings().select("sample", "station", "examiner", "t", "source"),
            **{f"frame:{name}": frame_query(evidence, name) for name in sorted(frames)},
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each question of each sample."""
        for sample in context.plan.samples:
            if not sample.questions:
                continue
            frame = Frame.of(measured[f"frame:{sample.frame}"], context.case)
            drawn, why = drawable(sample, frame, context.case)
            shown = private.unveiled(measured["showings"], measured["answers"], sample, context)
            said = announcements.announced(sample, frame, context.case) if drawn else None
            beside = {"unveiled": shown, "announcement": said}
            for question in sample.questions:
                sheets = Sheets.of(measured["answers"], sample, question, frame)
                rate = Rate(refused=IMPOSSIBLE.format(why)) if why else None
                yield self._fact(sample, question, sheets, frame, drawn, rate, beside, context)

    def _fact(
        self,
        sample: Sample,
        question: Question,
        sheets: Sheets,
        frame: Frame,
        drawn: Draw | None,
        rate: Rate | None,
        beside: Mapping[str, Any],
        context: Context,
    ) -> Fact:
        said = drawn
        if drawn is None and sample.selection in WITHOUT_REPLACEMENT and len(sheets.at):
            said, why = as_said(sample, frame, sheets)
            rate = rate or (Rate(refused=why) if why else None)
        own = sheets.of_draw(drawn)
        rate = rate or rate_of(sample, said, sheets, len(frame.sid))
        agreed = agreement(sheets.ratings, context.rng, LEVEL) if sheets.judged_twice else None
        slack = context.findings.get("outcome.slack", (None, {}))[1]
        found = int((own & (sheets.state == FOUND)).sum())
        decided = int((own & (sheets.state != UNDECIDED)).sum())
        published = [_published(t) for t in sample.totals if t.question == question.id]
        statistic: dict[str, Any] = {
            "selection": sample.selection,
            "repeatable": drawn is not None,
            "frame": len(frame.sid),
            "drawn": sample.size if drawn is None else len(np.unique(drawn.at)),
            "examined": len(sheets.at),
            "unexamined": unexamined(sample, said, sheets),
            "undecided": int((own & (sheets.state == UNDECIDED)).sum()),
            "outside": int((~own).sum()),
            "unknown": sheets.unknown,
            "strange": sheets.strange,
            "decided": decided,
            "found": found,
            "found_by_some": int((own & (sheets.state == SPLIT)).sum()),
            **rate.numbers(len(frame.sid)),
            "share": 100.0 * found / decided if decided else None,
            **_as_if(found, decided, rate),
            "refused": rate.refused,
            "fewest_sheets": slack.get("fewest_sheets"),
            "examiners": sheets.ratings.shape[1],
            "judged_twice": sheets.judged_twice,
            "agreement": None if agreed is None else _agreement(agreed),
            "published": published,
            **beside,
        }
        status: Status = "observed" if found else "not-observed" if decided else "not-determinable"
        mine = sheets.at[own & (sheets.state == FOUND)]
        return self.fact(
            status,
            statistic,
            subject=subject(f"{sample.id}-{question.id}"),
            words={
                "heading": f"{sample.title}: {question.text}",
                "sentence": _sentence(sample, statistic),
            },
            interval=rate.interval(),
            explanations=self.explain(**_tested(statistic, agreed)),
            rows={
                "sid": frame.sid[sheets.at],
                "state": np.array([STATES[s] for s in sheets.state.tolist()], dtype=object),
                "of_the_draw": own,
                "judgements": (sheets.ratings >= 0).sum(axis=1),
            },
            questioned=frame.sid[mine] if question.questions_votes else None,
            parameters={"level": LEVEL, "sample": sample.id, "question": question.id},
        )


def _as_if(found: int, decided: int, rate: Rate) -> dict[str, float | None]:
    if rate.value is not None or not decided:
        return {"as_if_low": None, "as_if_high": None}
    low, high = proportion_interval(np.array([found]), np.array([decided]), LEVEL)
    return {"as_if_low": 100.0 * float(low[0]), "as_if_high": 100.0 * float(high[0])}


def _published(totals: Totals) -> dict[str, Any]:
    low, high = proportion_interval(np.array([totals.found]), np.array([totals.examined]), LEVEL)
    return {
        "found": totals.found,
        "examined": totals.examined,
        "share": 100.0 * totals.found / totals.examined,
        "as_if_low": 100.0 * float(low[0]),
        "as_if_high": 100.0 * float(high[0]),
        "source": totals.source,
    }


def _agreement(found: Agreement) -> dict[str, Any]:
    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    return {
        "sheets": found.units,
        "judgements": found.judgements,
        "equal": 100.0 * found.observed,
        **{
            name: plain(getattr(found, name))
            for name in ("alpha", "alpha_low", "alpha_high", "ac1", "ac1_low", "ac1_high")
        },
    }


def _tested(s: Mapping[str, Any], agreed: Agreement | None) -> dict[str, Mapping[str, Any]]:
    """The benign explanations that the sample itself can test, with what came of it."""
    tested: dict[str, Mapping[str, Any]] = {}
    if agreed is not None:
        tested["examiner"] = {
            "judged_twice": s["judged_twice"],
            "equal": f"{100 * agreed.observed:.1f}",
            "alpha": "not defined" if np.isnan(agreed.alpha) else f"{agreed.alpha:.2f}",
            "ac1": "not defined" if np.isnan(agreed.ac1) else f"{agreed.ac1:.2f}",
        }
    if s["repeatable"]:
        tested["draw"] = {n: s[n] for n in ("drawn", "unexamined", "outside")}
        if s["low"] is not None:
            tested["unexamined"] = {
                "open": s["unexamined"] + s["undecided"] + s["found_by_some"],
                "low": f"{s['low']:.2f}",
                "high": f"{s['high']:.2f}",
            }
    return tested


def _sentence(sample: Sample, s: Mapping[str, Any]) -> str:
    parts = []
    if s["examined"]:
        parts.append(
            f"Of {s['decided']:,} examined sheets with an answer, it was found on {s['found']:,}"
            f"{_split(s)}."
        )
    if s["strange"]:
        parts.append(f"{s['strange']:,} entries have an answer that is none of the form.")
    parts += [
        f"Published: found on {one['found']:,} of {one['examined']:,} examined sheets"
        f" ({one['share']:.1f} %; {one['source']})."
        for one in s["published"]
    ]
    if not s["examined"]:
        parts.append(
            "The answers themselves are not at hand: what was published is told, and cannot be"
            " traced to sheets."
            if parts
            else "No answer of an examiner is at hand."
        )
    if s["rate"] is not None:
        parts.append(
            f"{_how(sample, s)}: {s['rate']:.2f} % of the {s['frame']:,} sheets of the frame, with"
            f" 95 % limits from {s['low']:.2f} to {s['high']:.2f} %"
            f" ({s['frame_low']:,} to {s['frame_high']:,} sheets)."
        )
        parts.append(_outcome(s))
    elif s["refused"]:
        why = f" ({sample.criterion})" if sample.criterion else ""
        parts.append(f"No rate of other sheets follows: {s['refused']}{why}.")
    if s["announcement"]:
        parts.append(announcements.sentence(s["announcement"]))
    if s["examined"] or s["unveiled"]:
        parts.append(private.sentence(s["unveiled"]))
    return " ".join(p for p in parts if p)


def _split(s: Mapping[str, Any]) -> str:
    if not s["found_by_some"]:
        return ""
    return f", and on {s['found_by_some']:,} more by some examiners and not by others"


def _how(sample: Sample, s: Mapping[str, Any]) -> str:
    if sample.selection == "census":
        return "All sheets were to be examined"
    if s["repeatable"]:
        return "The sheets were drawn at random, and the draw was repeated"
    return "If the sheets were drawn as it is said, which nothing at hand can repeat"


def _outcome(s: Mapping[str, Any]) -> str:
    fewest = s["fewest_sheets"]
    if fewest is None:
        return ""
    if s["frame_high"] < fewest:
        return (
            f"That is fewer than the {fewest:,} sheets, picked for the purpose, on which the"
            " outcome rests at the least."
        )
    return (
        f"The outcome rests on {fewest:,} sheets at the least, picked for the purpose: whether so"
        " many with the thing could change it hangs on their votes."
    )
