"""Sheets that experts examined: what they found, and what that says of the sheets they did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Status
from veedor.case.sampling import WITHOUT_REPLACEMENT, Question, Sample, Totals
from veedor.checks import announced as announcements
from veedor.checks import examined_words
from veedor.checks import unveiled as private
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, subject
from veedor.checks.examinations import (
    FOUND,
    IMPOSSIBLE,
    LEVEL,
    NOT_EXAMINED,
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

    Where it is found on no sheet, that it is not observed is said only if examiners differ on none
    and less than half of the sheets are open.

    Totals of an examination whose answers are not at hand are told as what they are, a claim: of
    these nothing is determined.

    A draw with a public ceremony is repeated: drawn sheets that were not examined, and examined
    ones that were not drawn, are told first, and the latter are left out of all that follows.
    Drawn sheets that were not examined, of which no examiner could tell, or on which examiners
    differ are open. Each is taken once for having the thing and once for not having it: that gives
    a least and a most rate, and the limits are those of the two. A single rate stands only where
    no sheet is open. Where nothing can repeat the draw, as many sheets as are said to be drawn
    must be accounted for; where that cannot be done no rate is given. An answer that the form does
    not have is no answer.

    Statistic
    ---------
    selection : str
    repeatable : bool
        The draw was repeated from the words of a ceremony.
    draw : object or null
        What anybody needs to repeat the draw: the `words` of the ceremony in the sample's file, the
        `seed` that they give, the `frame` and its `frame_sha256`, as of `frame.csv` (null where no
        such file can be written), the `selection`, the `size`, and the other options of the draw.
        Null where no ceremony is stated.
    announcement : object or null
        Of a draw that was repeated: the `sha256` of its announcement as the sample names it, the
        `state` of it, what `differs` in it, and the form `words_like` that it gives the words.
        The options and the frame are compared, and the form of the words in the sample's file; not
        the words with those that were said.
    frame, drawn, examined, unexamined, undecided, outside, unknown, strange : int
        Sheets of the frame; drawn ones; examined ones; drawn ones that were not; examined ones of
        which no examiner could tell; examined ones that were not drawn; rows whose station is not
        in the frame; rows whose answer is none of the form.
    decided, found, not_found, found_by_some : int
        Examined sheets of which an examiner could tell (of the draw, where it is repeated); those
        on which all who could tell found it; on which none did; on which some did and some not.
    open : int
        `found_by_some`, `unexamined` and `undecided` together.
    rate : float or null, per cent of the frame's sheets
        Null where sheets are open.
    rate_least, rate_most : float or null, per cent of the frame's sheets
        With every open sheet taken for not having the thing, and for having it.
    low, high : float or null, per cent of the frame's sheets
        The lower limit of `rate_least` and the upper one of `rate_most`.
    frame_low, frame_high : int or null
        The same in sheets.
    effective : float or null
        The simple random sample that would be as precise; null where sheets are open.
    share, share_any : float or null, per cent of the decided sheets (not of the frame)
        Those on which all who could tell found it, and on which any did.
    as_if_low, as_if_high : float or null
        Limits of these that a reader would compute who took a targeted sample for a random one.
        They say nothing of the other sheets, and stand here only to be told from what does.
    refused : str
        Why no rate of the frame is given; empty where one is.
    fewest_sheets : int or null
        Fewest sheets on which the outcome rests (of `outcome.slack`); null where the question is
        not of what puts the votes in question.
    examiners, judged_twice : int
        Those who examined; sheets (of the draw, where it is repeated) of which two could tell.
    together : object or null
        Of these sheets, those that two examiners or more looked at (`sheets`): on which all could
        tell and `agreed`; on which they `differ`; on which `some_could_not` tell, and the others
        agree; on which `none_could`.
    agreement : object or null
        Of the sheets `judged_twice`: equal pairs, Krippendorff's alpha and Gwet's AC1, with limits
        by bootstrap over sheets; null where nothing varies.
    entries : object or null
        Entries on sheets (of the draw, where it is repeated): all that were `given`; `corrections`,
        which follow another of the same examiner on the sheet; those of these that `changed` the
        answer; `after_votes`, given after the votes of the sheet had been shown to the examiner,
        and `after_votes_by` how many examiners; those of them that follow a blind one
        (`after_votes_corrected`), and that have another answer (`after_votes_changed`);
        `votes_not_said`, of which nothing tells whether votes had been shown. Null for what no
        entry tells.
    blind : object or null
        What is found by blind entries alone, given before the examiner was shown the votes of the
        sheet: of each examiner the last one on it. Sheets `examined` so, and of these those
        `found`, `not_found`, `found_by_some` and `undecided`, as above. Null where no entry tells.
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
            "Of {sheets:sheet|sheets} that two examiners or more looked at: on {agreed} all could"
            " tell and agreed, on {differ} they differ, on {some_could_not} some could not tell, on"
            " {none_could} none could.{pairs}",
        ),
        Benign(
            "draw",
            "Other sheets were examined than those that chance chose.",
            "Repeated from the words of the ceremony, the draw gives {drawn:sheet|sheets}. Not"
            " examined of these: {unexamined}. Examined though not of these: {outside}.",
        ),
        Benign(
            "unexamined",
            "The sheets that are open differ from the others: those that were not examined, those"
            " of which nobody could tell and those on which examiners differ.",
            "{open:sheet is|sheets are} open. Taken for having the thing or for not having it, the"
            " limits reach from {low} to {high} %.",
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
                "sample",
                "sid",
                "question",
                "answer",
                "examiner",
                "votes_shown",
                "t",
                "source",
                "row",
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
            how = announcements.repeating(sample, frame, context.case) if drawn else None
            beside = {"unveiled": shown, "announcement": said, "draw": how}
            veil = private.sentence(shown)
            for question in sample.questions:
                sheets = Sheets.of(measured["answers"], sample, question, frame)
                rate = Rate(refused=IMPOSSIBLE.format(why)) if why else None
                once = veil if len(sheets.at) or shown else ""
                veil = "" if once else veil
                yield self._fact(
                    sample, question, sheets, frame, drawn, rate, beside, once, context
                )

    def _fact(
        self,
        sample: Sample,
        question: Question,
        sheets: Sheets,
        frame: Frame,
        drawn: Draw | None,
        rate: Rate | None,
        beside: Mapping[str, Any],
        veil: str,
        context: Context,
    ) -> Fact:
        said = drawn
        if drawn is None and sample.selection in WITHOUT_REPLACEMENT and len(sheets.at):
            said, why = as_said(sample, frame, sheets)
            rate = rate or (Rate(refused=why) if why else None)
        own = sheets.of_draw(drawn)
        rate = rate or rate_of(sample, said, sheets, len(frame.sid))
        twice = sheets.judged_twice(own)
        agreed = agreement(sheets.ratings[own], context.rng, LEVEL) if twice else None
        entries = sheets.entries.kept(np.isin(sheets.entries.at, sheets.at[own]))
        slack = context.findings.get("outcome.slack", (None, {}))[1]
        found, split, undecided = (sheets.count(s, own) for s in (FOUND, SPLIT, UNDECIDED))
        decided = int(own.sum()) - undecided
        missing = unexamined(sample, said, sheets, len(frame.sid))
        published = [_published(t) for t in sample.totals if t.question == question.id]
        statistic: dict[str, Any] = {
            "selection": sample.selection,
            "repeatable": drawn is not None,
            "frame": len(frame.sid),
            "drawn": _drawn(sample, drawn, said),
            "examined": len(sheets.at),
            "unexamined": missing,
            "undecided": undecided,
            "outside": int((~own).sum()),
            "unknown": sheets.unknown,
            "strange": sheets.strange,
            "decided": decided,
            "found": found,
            "not_found": decided - found - split,
            "found_by_some": split,
            "open": split + undecided + missing,
            **rate.numbers(len(frame.sid)),
            "share": 100.0 * found / decided if decided else None,
            "share_any": 100.0 * (found + split) / decided if decided else None,
            **_as_if(found, found + split, decided, rate),
            "refused": rate.refused,
            "fewest_sheets": slack.get("fewest_sheets") if question.questions_votes else None,
            "examiners": sheets.ratings.shape[1],
            "judged_twice": twice,
            "together": sheets.together(own),
            "agreement": None if agreed is None else _agreement(agreed),
            "entries": entries.told() if len(entries.at) else None,
            "blind": sheets.blind(own),
            "published": published,
            **beside,
        }
        settled = (
            decided and not split and 2 * (undecided + missing) < decided + undecided + missing
        )
        status: Status = "observed" if found else "not-observed" if settled else "not-determinable"
        mine = sheets.at[own & (sheets.state == FOUND)]
        lacking = np.setdiff1d([] if drawn is None else drawn.at, sheets.at).astype(np.int64)
        answers = sheets.entries.standing()
        states = [STATES[s] for s in sheets.state.tolist()] + [NOT_EXAMINED] * len(lacking)
        blank = np.zeros(len(lacking), np.int64)
        return self.fact(
            status,
            statistic,
            subject=subject(f"{sample.id}-{question.id}"),
            words={
                "heading": f"{sample.title}: {question.text}",
                "sentence": examined_words.sentence(sample, question, statistic, veil),
            },
            interval=rate.interval(),
            explanations=self.explain(**_tested(statistic, agreed)),
            rows={
                "sid": frame.sid[np.concatenate([sheets.at, lacking])],
                "state": np.array(states, dtype=object),
                "of_the_draw": np.concatenate([own, blank == 0]),
                "judgements": np.concatenate([(sheets.ratings >= 0).sum(axis=1), blank]),
                "answers": np.array(
                    [answers[i] for i in sheets.at.tolist()] + [""] * len(lacking), dtype=object
                ),
            },
            questioned=frame.sid[mine] if question.questions_votes else None,
            parameters={"level": LEVEL, "sample": sample.id, "question": question.id},
        )


def _drawn(sample: Sample, drawn: Draw | None, said: Draw | None) -> int | None:
    """Sheets of the draw; of a simple one that nothing can repeat, those said to be drawn."""
    if said is None or (drawn is None and sample.selection == "simple"):
        return sample.size
    return len(np.unique(said.at))


def _as_if(by_all: int, by_any: int, decided: int, rate: Rate) -> dict[str, float | None]:
    if rate.low is not None or not decided:
        return {"as_if_low": None, "as_if_high": None}
    low, high = proportion_interval(np.array([by_all, by_any]), np.array([decided] * 2), LEVEL)
    return {"as_if_low": 100.0 * float(low[0]), "as_if_high": 100.0 * float(high[1])}


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
    if s["together"]:
        tested["examiner"] = {**s["together"], "pairs": examined_words.pairs(agreed)}
    if s["repeatable"]:
        tested["draw"] = {n: s[n] for n in ("drawn", "unexamined", "outside")}
        if s["low"] is not None:
            tested["unexamined"] = {
                "open": s["open"],
                "low": f"{s['low']:.2f}",
                "high": f"{s['high']:.2f}",
            }
    return tested
