"""Sheets of one polling centre that one hand completed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Explanation, Interval
from veedor.checks import hand_rates, one_hand, one_hand_drawn, writers
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise, say
from veedor.checks.copies import copies, shared
from veedor.checks.one_hand import ADMITTED, Hits
from veedor.checks.writers import Judged, Sheets
from veedor.handwriting.background import ALARM, Rarity
from veedor.handwriting.calibration import calibrations
from veedor.handwriting.halves import looks_of
from veedor.handwriting.scorer import load_sources

MADE = 50_000
"""Made-up centres, at most, but for elections of more than a quarter as many."""
EACH = 250
"""Made-up centres for each real one, up to MADE: enough to tell a single one in one hand from
chance among some 45 to 250 centres. Among more of them it takes several (`fewest`)."""
FEWEST = 20
"""Centres below which nothing tells how often chance makes a centre look so."""
THIN = 15
"""Digits a sheet, by the median, below which honest and one-handed centres look much the same."""

PAIRS = (
    "Of {pairs:pair|pairs} of sheets of one centre, {pairs_above} lie beyond a ratio of 100 before"
    " the cap; pairs of different centres lead one to expect {chance}. Those of the centres above"
    " are in the evidence, each with its ratio."
)


class SameWriter(Check):
    """Compare the digits on the sheets of each polling centre: one hand, or as many as sheets?

    The digits that a reader is sure of are described by their shape (never by pen, ink or size),
    and the sheets of a centre are explained by as many hands as sheets, by one hand, by one hand
    and one odd sheet, or by one pair of one hand. The likelihood ratio of a centre is that of one
    hand on several sheets (a pair, all but one, or all, equally likely beforehand) against as many
    hands as sheets. A *hit* is a centre whose ratio is at least `threshold`: 100, or more where
    centres made up of sheets of different centres would reach that more than once on average.
    It says that sheets look alike in their digits. It does not say who wrote them, nor that any
    rule was broken: the same hand on several sheets is lawful in many places.

    Not every sheet of such a centre is questioned. The likeliest sharing out among hands takes a
    sheet into a hand for any ratio above 1, so that an innocent one may be taken in on no evidence.
    Questioned are those whose digits are at least ten times more probable in the hand of the others
    that stay in it than in a hand of their own: ENFSI's scale calls less than that weak. Of sheets
    that share a whole picture (images.duplicate) the first one counts, for they are one sheet.

    A second finding (`pairs`) holds the likelihood ratio of every pair of sheets in those centres.

    Statistic
    ---------
    sheets, copies, few_digits, broken, not_validated : int
        Scanned sheets with digits; left out since an earlier one has the same picture; left out for
        fewer digits than were validated; left out since their strokes are in pieces, more than was
        admitted where ratios were calibrated (a fax breaks a fine pen up into dots); left out
        since their scans are of a condition that was not validated, or did not stand the test of
        halves.
    looks : array of {form, grade, sheets, digits, eer, measured, refused}
        The test of halves: digits in even boxes of a sheet against those in its odd boxes, and
        against odd boxes of other centres' sheets; the equal error rate, and what was measured at
        so many digits on known writers. A form and grade is refused where hands are confused half
        as often again, beyond chance.
    alone : int
        Sheets whose centre has no other one to compare, or for whose forms and grades of scan no
        centre can be made up of others' sheets.
    centres, compared, pairs : int
        Centres judged, their sheets, and pairs of sheets within them.
    digits, digits_low, digits_high : float
        Digits a sheet: median, and the middle 80 %.
    threshold : float
        Log10 of the ratio from which a centre is a hit, before the cap: a line between centres,
        and not what is said of any of them.
    hits, one_hand, questioned, pairs_above : int
        Centres at or above it; those among them of which one hand is the likeliest explanation of
        all sheets; their sheets that join a hand by a ratio of ten at least; pairs of sheets within
        centres with a ratio of at least 100 before the cap.
    expected, expected_low, expected_high : float
        Hits that chance makes among as many centres, by made-up centres; the middle 95 % of what
        may be seen.
    beyond : int
        Centres above every made-up one.
    fewest : int
        Centres all in one hand and above every made-up one that it takes to be told from chance
        here, at half of all centres' sizes; fewer, or single pairs of sheets, are not. Null where
        no number of them is told.
    p : float
        Probability of at least as many hits, or of as many centres beyond, whichever is less,
        doubled since both were looked at. Never below 2 in made + 1: no less can be told.
    again : float
        Pairs as alike as those of the hits that would meet in one centre if all sheets were dealt
        anew to the centres: the likest pair of all does so with a chance of about the sheets of a
        centre less one over all sheets less one. `p` allows for them, so that in a small election
        no single centre is found.
    made : int
        Made-up centres.
    background : float
        Per cent of made-up centres at or above the threshold. Where it is 0, fewer than 1 in made
        are.
    expected_pairs : float
        Pairs with a ratio of at least 100, before the cap, that chance makes among as many pairs.
    expected_region : float
        Expected hits by made-up centres of one region each.
    hits_left : int
        Hits that are left if every pair within centres is lowered by `shift`.
    shift : float
        Log10 by which the median pair within centres lies above that of sheets of different
        centres: what sheets of a centre share (pen, scanner, school), or one hand on most sheets.
    cap : float
        Greatest log10 of a ratio that is reported, by the writers on whom it was measured.
    conditions : array of {condition, centres, writers, digits, eer, cllr, cllr_min, on}
        What was measured at the nearest number of digits, on writers of NIST on simulated scans,
        and on what: rates on the very writers from whom the calibration was taken flatter. Those on
        writers kept apart are in docs/handwriting.md.
    winners : array of {option, centres, hits, share, low, high}
        Hits by the option that won the centre: the control. `winners_p` is the probability of such
        uneven shares if hits knew nothing of who won.

    Uncertainty
    -----------
    The expected number of hits and its interval come from the election's own sheets, mixed over
    centres, and hold where sheets of one centre share nothing but the hand; `expected_region` and
    `shift` say how far they do. Likelihood ratios answer "one hand or different hands of this
    election's writers". They were calibrated on writers of one form in one sitting each (United
    States, 1990s), on simulated sheets with any pens; no published work validates ratios of hands
    from digits alone over several sittings. Ratios are capped by the number of those writers, and
    at 10 where sheets have fewer than 20 digits (their harmonic mean). Not tested: disguised or
    imitated writing, twins, one copybook. Where sheets were picked because they look alike, the
    numbers are no rate.

    Somebody who completed sheets in several centres makes sheets of different centres alike, too.
    Centres made up of them then look like one hand, the threshold rises, and fewer centres are
    found than there are: that costs power, and no innocent centre. How many made-up centres that
    are, nothing here tells.

    A digit that was misread is held against those of another class. Scores were calibrated on
    simulated scans of grade good with the class as it was read, so that what misreading does there
    is in the ratios; on scans that are read worse it does more. The page on handwriting has how
    much. A score of a pair with a poorer scan is worth as much as one of good scans, or less, by
    what pairs with such scans and digits worn without a form showed (`shrunk`, in the manifest).

    The made-up centres are like the real ones in their number of sheets, and in form, grade and
    (coarsely, where there are enough) number of digits of each. Where sheets of a centre have about
    as many digits as one another, and those of other centres another number, `expected` may be too
    small.

    Source
    ------
    S. Ioffe, Probabilistic linear discriminant analysis, ECCV 2006; N. Brummer and E. de Villiers,
    The speaker partitioning problem, Odyssey 2010; M. Bulacu and L. Schomaker, Text-independent
    writer identification and verification, IEEE PAMI 29 (2007), for the features; ENFSI, Guideline
    for evaluative reporting in forensic science (2015), for the words.
    """

    title = "One hand on several sheets of a centre"
    asks = (
        "Do sheets of one polling centre look more alike in their digits than those of different"
        " centres?"
    )
    rule = (
        "Each table's own officials complete its sheet, unless the electoral rule lets others do."
    )
    kind = "control"
    p_value_of = "so many such centres, or so many of them above every made-up one"
    needs = ("glyphs",)
    coverage = ("copies", "few_digits", "broken", "not_validated", "alone")
    heading = "{heading}"
    sentences = {
        "observed": "{sentence} Who wrote them, and whether the rule allows it, this does not say.",
        "not-observed": "{sentence}",
        "not-determinable": "{why}",
    }
    benign = (
        Benign(
            "lawful-clerk",
            "The electoral rule or custom lets one clerk, notary or head of the centre complete the"
            " sheets of several tables.",
        ),
        Benign("one-literate", "One juror who writes well helps at several tables."),
        Benign(
            "school-hand",
            "People of one place learnt to write from one copybook.",
            "Centres made up of sheets of one region each lead one to expect {chance}; there are"
            " {hits}.",
        ),
        Benign(
            "pen-and-scanner",
            "The sheets of a centre share a pen, a table and a scanner.",
            "Half of all pairs within centres lie {shift:.2f} above pairs of different centres, in"
            " log10; if all of that is pen and scanner, {left} of {hits:such centre|such centres}"
            " {left:is|are} left.",
        ),
        Benign(
            "one-picture",
            "One picture, or parts of it, stands for two stations.",
            "Of sheets with one picture the first was compared: {copies:copy was|copies were} left"
            " out. Of {hits:such centre|such centres}, {twins:has|have} two sheets that share a"
            " piece of a picture or a code (images.duplicate).",
        ),
        Benign(
            "reading",
            "Poor scans make digits alike, or digits were misread.",
            "Of {hits:such centre|such centres}, {good:has|have} scans of grade good only; so"
            " {all_good:has|have} of {centres:centre|centres}.",
        ),
        Benign(
            "everywhere",
            "It is a habit of the officials that has nothing to do with who won.",
            "Of the centres that {option} won, {share:.2f} % look so, of those that others won"
            " {others:.2f} %; so uneven shares have the probability {p:.3g} if the looks of sheets"
            " know nothing of who won.",
        ),
        Benign(
            "touring-clerk",
            "One clerk or helper went from centre to centre and completed sheets in each.",
        ),
    )
    references = (
        "S. Ioffe, Probabilistic linear discriminant analysis, ECCV 2006",
        "N. Brummer and E. de Villiers, The speaker partitioning problem, Odyssey 2010",
        "ENFSI, Guideline for evaluative reporting in forensic science (2015)",
    )
    promise = Promise(alarm="p-value")

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Sums of the shapes of digits; sheets; votes; and pairs of scans that share a picture."""
        return {**writers.measured_digits(evidence), **shared(evidence)}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """The centres, and the pairs in those whose sheets look alike."""
        known = calibrations()
        every = writers.read_sheets(measured)
        every = every.at(every.clerk.total > 0)
        again = copies(every.scan, measured.get("twins"))
        there, every = len(every.sid), every.at(~again)
        least = min(c.least for c in known.values())
        few = every.clerk.total < least
        broken = every.broken & ~few
        model = load_sources()
        tried = every.at(~every.broken)
        looks = looks_of(
            (tried.even, tried.odd), tried.form, tried.grade, tried.centre, model, known,
            context.rng,
        )  # fmt: skip
        fit = writers.comparable(every, every.clerk, least) & ~writers.refused(every, looks)
        sheets = every.at(fit)
        counts = {
            "sheets": there,
            "copies": int(again.sum()),
            "few_digits": int(few.sum()),
            "broken": int(broken.sum()),
            "not_validated": int((~few & ~broken & ~fit).sum()),
            "looks": [asdict(look) for look in looks],
        }
        writing = writers.writing_of(sheets.clerk, sheets, model)
        judged = writers.judge(sheets, writing, model, known, context.rng, wanted=_wanted)
        found = one_hand.find_hits(sheets, writing, judged, known)
        yield from self._facts(counts, sheets, judged, found, measured, context)

    def _facts(
        self,
        counts: Mapping[str, Any],
        sheets: Sheets,
        judged: Judged,
        found: Hits,
        measured: Mapping[str, Columns],
        context: Context,
    ) -> Iterable[Fact]:
        won = one_hand.by_winner(judged, found.hits, measured, context)
        statistic = {**counts, **one_hand.numbers(sheets, judged, found), **won}
        why, sentence = _too_little(statistic), ""
        if not why:
            ratio = one_hand.said(sheets, judged, found)
            sentence = _sentence(statistic, ratio, found.chance)
            why = _not_told(sentence, found.chance)
        status: Any = "not-determinable" if why else "not-observed"
        if not why and len(found.hits) and found.chance.p <= ALARM:
            status = "observed"
        elif status == "not-observed":
            sentence += _would_tell(found.chance)
        told = status in ("observed", "not-observed")
        yield self.fact(
            status,
            statistic,
            words={
                "heading": self.title,
                "why": why,
                "sentence": sentence,
            },
            p_value=found.chance.p if told else None,
            interval=Interval(
                of="expected",
                level=0.95,
                low=found.chance.expected.low,
                high=found.chance.expected.high,
                method="negative binomial, from made-up centres of other centres' sheets",
            )
            if told
            else None,
            explanations=self._explained(statistic, sheets, judged, found, measured)
            if status == "observed"
            else (),
            parameters={
                "least_ratio": 100,
                "questioned_ratio": 10,
                "admitted": ADMITTED,
                "alarm": ALARM,
                "cap": "writers",
            },
            rows=one_hand.sheet_rows(sheets, judged, found),
            questioned=np.sort(sheets.sid[found.alike]) if status == "observed" else None,
            figures=one_hand_drawn.figures(self.id, judged, statistic) if told else (),
            pictures=one_hand_drawn.pictures(sheets, found) if status == "observed" else (),
        )
        yield self.fact(
            status,
            {"pairs": statistic["pairs"], "pairs_above": statistic["pairs_above"],
             "expected_pairs": statistic["expected_pairs"]},
            subject="pairs",
            words={
                "heading": "Pairs of sheets in those centres",
                "why": why,
                "sentence": say(
                    PAIRS,
                    pairs=statistic["pairs"],
                    pairs_above=statistic["pairs_above"],
                    chance=hand_rates.chance(
                        statistic["expected_pairs"], len(judged.mixed_pairs), "pair"
                    ),
                ),
            },
            kind="descriptive",
            rows=one_hand.pair_rows(sheets, judged, found),
        )  # fmt: skip

    def _explained(
        self,
        statistic: Mapping[str, Any],
        sheets: Sheets,
        judged: Judged,
        found: Hits,
        measured: Mapping[str, Columns],
    ) -> tuple[Explanation, ...]:
        hits = len(found.hits)
        good = judged.condition == "good"
        tested: dict[str, Mapping[str, Any]] = {
            "school_hand": {
                "expected": statistic["expected_region"],
                "chance": hand_rates.chance(found.region, len(judged.near), "centre"),
                "hits": hits,
            },
            "pen_and_scanner": {
                "shift": statistic["shift"],
                "left": statistic["hits_left"],
                "hits": hits,
            },
            "reading": {
                "hits": hits,
                "good": int(good[found.hits].sum()),
                "all_good": int(good.sum()),
                "centres": len(good),
            },
        }
        if (scans := measured.get("twins")) is not None:
            twins = one_hand.with_twins(sheets, judged, found, scans)
            tested["one_picture"] = {"hits": hits, "twins": twins, "copies": statistic["copies"]}
        largest = max(statistic["winners"], key=lambda w: w["centres"], default=None)
        if largest and len(statistic["winners"]) > 1:
            rest = [w for w in statistic["winners"] if w is not largest]
            tested["everywhere"] = {
                "option": largest["option"],
                "share": largest["share"],
                "others": 100 * sum(w["hits"] for w in rest) / sum(w["centres"] for w in rest),
                "p": statistic["winners_p"],
            }
        return self.explain(**tested)


def _not_told(sentence: str, chance: Rarity) -> str:
    """Why centres that look so alike are not told from chance; empty where they are, or chance
    makes as many.
    """
    if chance.p <= ALARM:
        return ""
    if chance.fewest is None:
        return f"{sentence} No number of such centres could be told from chance here."
    if not chance.beyond:
        return ""
    return say(
        "{sentence} {beyond:of these centres lies|of these centres lie} above every made-up one,"
        " and cannot be told from chance{so}.",
        sentence=sentence,
        beyond=chance.beyond,
        so=f", as {chance.fewest} or more could" if chance.fewest > chance.beyond else "",
    )


def _would_tell(chance: Rarity) -> str:
    """How many centres it would have taken."""
    if chance.fewest == 1:
        return " One centre all in one hand would have been told from chance."
    return (
        f" It would have taken {chance.fewest} centres, each all in one hand, to tell them from"
        " chance."
    )


def _sentence(statistic: Mapping[str, Any], ratio: float, chance: Rarity) -> str:
    """What was found, with no greater ratio than was measured, and what chance gives."""
    made = statistic["made"]
    return say(
        "In {hits} of {centres:centre|centres} the digits of several sheets look alike: at least"
        " {ratio:,.0f} times more probable if one hand wrote them than if each sheet had its own."
        " Sheets of different centres, mixed, lead one to expect {chance} ({expected_low:.0f} to"
        " {expected_high:.0f}); as many by chance {rare}.",
        ratio=ratio,
        chance=hand_rates.chance(statistic["expected"], made, "centre"),
        rare=hand_rates.rarity(chance.p, chance.least, f"{made:,} made-up centres"),
        **{k: v for k, v in statistic.items() if not isinstance(v, list | dict)},
    )


def _wanted(centres: int) -> int:
    """How many centres to make up of others' sheets."""
    return 0 if centres < FEWEST else max(min(EACH * centres, MADE), 4 * centres)


def _too_little(statistic: Mapping[str, Any]) -> str:
    """Why nothing can be determined; empty where it can."""
    if not statistic["centres"]:
        return (
            "No centre has two scanned sheets with digits enough to compare:"
            f" {statistic['few_digits']} sheets have too few, on {statistic['broken']} the strokes"
            f" are in pieces, {statistic['not_validated']} scans are of a condition in which it was"
            f" not measured what a comparison is worth, and {statistic['alone']} sheets stand"
            " alone."
        )
    if statistic["centres"] < FEWEST:
        return (
            f"With {statistic['centres']} centres to compare, nothing tells how often chance alone"
            f" makes sheets of a centre look alike; the ratios of its pairs are in the evidence."
        )
    if statistic["digits"] < THIN:
        return (
            f"Half of the sheets have fewer than {THIN} digits that were read without doubt: one"
            f" hand and several look too much alike."
        )
    return ""
