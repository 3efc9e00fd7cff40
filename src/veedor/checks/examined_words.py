"""What is said of sheets that experts examined: how many, by which draw, and what stays open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from veedor.case.sampling import Question, Sample
from veedor.checks import announced as announcements
from veedor.checks.base import say
from veedor.stats.agreement import Agreement

__all__ = ["pairs", "sentence"]


def sentence(sample: Sample, question: Question, s: Mapping[str, Any], veil: str) -> str:
    """The finding on one question, by its statistic.

    Parameters
    ----------
    veil : the sentence on unveiled showings, where it is told with this question
    """
    parts = []
    if s["examined"]:
        parts += [*_draw(s), *_counts(sample, question, s)]
    if s["strange"]:
        parts.append(
            say("{n:entry has|entries have} an answer that is none of the form.", n=s["strange"])
        )
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
    if s["entries"]:
        parts += _entries(s["entries"], s["blind"])
    if s["low"] is not None:
        rate = f"{s['rate_least']:.2f}"
        if s["rate"] is None:
            rate += f" to {s['rate_most']:.2f}"
        parts.append(
            f"{_how(sample, s)}: {rate} % of the {s['frame']:,} sheets of the frame, with"
            f" 95 % limits from {s['low']:.2f} to {s['high']:.2f} %"
            f" ({s['frame_low']:,} to {s['frame_high']:,} sheets)."
        )
        parts.append(_outcome(s))
    elif s["refused"]:
        why = f" ({sample.criterion})" if sample.criterion else ""
        parts.append(f"No rate of other sheets follows: {s['refused']}{why}.")
    if s["draw"]:
        parts.append(_repeat(s["draw"]))
    if s["announcement"]:
        parts.append(announcements.sentence(s["announcement"]))
    parts.append(veil)
    return " ".join(p for p in parts if p)


def pairs(agreed: Agreement | None) -> str:
    """How far examiners agree where two could tell."""
    if agreed is None:
        return ""
    alpha, ac1 = ("not defined" if np.isnan(v) else f"{v:.2f}" for v in (agreed.alpha, agreed.ac1))
    return (
        f" Where two could tell, {100 * agreed.observed:.1f} % of pairs are equal (alpha {alpha},"
        f" AC1 {ac1})."
    )


def _draw(s: Mapping[str, Any]) -> Iterable[str]:
    """How the examined sheets and the drawn ones are not the same."""
    if s["drawn"] and s["unexamined"]:
        yield say(
            "Not examined: {n} of {of:drawn sheet|drawn sheets} ({share:.1f} %).",
            n=s["unexamined"], of=s["drawn"], share=100.0 * s["unexamined"] / s["drawn"],
        )  # fmt: skip
    if s["outside"]:
        yield say(
            "Not drawn: {n} of {of:examined sheet|examined sheets}, left out of what follows."
            " Either other sheets were examined than those drawn, or the words in the sample's"
            " file are not those of the draw.",
            n=s["outside"], of=s["examined"],
        )  # fmt: skip


def _counts(sample: Sample, question: Question, s: Mapping[str, Any]) -> Iterable[str]:
    """On how many sheets it was found, and how many are open."""
    n = s["decided"] + s["undecided"] + s["unexamined"]
    known = s["repeatable"] or s["low"] is not None
    kind = "of the frame" if sample.selection == "census" else "drawn" if known else "examined"
    of = f"{n:,} sheets {kind}"
    yield (
        f"“{question.text.rstrip('. ')}” ({question.id}): found on {s['found']:,} of {of}, and"
        f" not found on {s['not_found']:,}."
    )
    if s["open"]:
        parts = (
            ("found_by_some", "on {n:sheet|sheets} examiners differ"),
            ("unexamined", "{n:sheet was|sheets were} not examined"),
            ("undecided", "{n:sheet|sheets} could not be told"),
        )
        told = ", ".join(say(words, n=s[name]) for name, words in parts if s[name])
        least, most = s["found"], s["found"] + s["open"]
        yield (
            f"Open: {told}. As these are taken, it is on {least:,} to {most:,} of {of}"
            f" ({100 * least / n:.2f} to {100 * most / n:.2f} %)."
        )


def _entries(s: Mapping[str, Any], blind: Mapping[str, Any] | None) -> Iterable[str]:
    """How many entries are corrections, and how many came after votes were shown."""
    if s["corrections"]:
        yield say(
            "{n:entry follows|entries follow} another of the same examiner on the sheet, and"
            " {changed:changes|change} the answer.",
            n=s["corrections"], changed=s["changed"],
        )  # fmt: skip
    if blind is None:
        yield "Whether votes were shown before an answer is not on file."
        return
    if s["votes_not_said"]:
        yield say(
            "Of {n:entry|entries} it is not said whether votes were shown before.",
            n=s["votes_not_said"],
        )
    if not s["after_votes"]:
        yield "No answer is said to be given after the votes of its sheet were shown."
        return
    yield say(
        "{n:answer was|answers were} given after the votes of the sheet were shown, by"
        " {by:examiner|examiners}: {corrected:corrects|correct} a blind one, and"
        " {changed:changes|change} it.",
        n=s["after_votes"], by=s["after_votes_by"], corrected=s["after_votes_corrected"],
        changed=s["after_votes_changed"],
    )  # fmt: skip
    yield say(
        "By blind entries alone it is found on {found} of {examined:sheet|sheets}, and not found on"
        " {not_found}; on {found_by_some:sheet|sheets} examiners differ, and {undecided} could not"
        " be told.",
        **blind,
    )


def _how(sample: Sample, s: Mapping[str, Any]) -> str:
    """How the sheets came to be examined."""
    if sample.selection == "census":
        return "All sheets were to be examined"
    if s["outside"]:
        return "By the draw that the words in the sample's file give"
    if s["repeatable"]:
        return "The sheets were drawn at random, and the draw was repeated"
    return "If the sheets were drawn as it is said, which nothing at hand can repeat"


def _repeat(draw: Mapping[str, Any]) -> str:
    """All that one needs to repeat the draw."""
    plain = ("words", "seed", "frame", "frame_sha256", "selection", "size")
    more = "".join(f", {name} {value}" for name, value in draw.items() if name not in plain)
    return (
        f"To repeat the draw: the words in the sample's file, “{draw['words']}”, give the seed"
        f" {draw['seed']}; the frame has the SHA-256 {draw['frame_sha256'] or 'of no file'}; the"
        f" draw is {draw['selection']}, size {draw['size']:,}{more}."
    )


def _outcome(s: Mapping[str, Any]) -> str:
    """What the limits mean for what the outcome rests on."""
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
