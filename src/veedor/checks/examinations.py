"""Examined sheets of a sample as one question has them, and the rate of the frame that follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Interval
from veedor.case.sampling import Question, Sample
from veedor.checks.base import Columns
from veedor.checks.sampled import Draw, Frame, as_drawn
from veedor.stats.survey import estimate, hypergeometric_interval

LEVEL = 0.95
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

FOUND, NOT_FOUND, SPLIT, UNDECIDED = range(4)
STATES = ("found", "not found", "examiners differ", "undecided")


@dataclass(frozen=True, slots=True)
class Sheets:
    """Examined sheets of one sample, as one question has it.

    Attributes
    ----------
    at : int64 (n), positions in the frame, rising
    state : int64 (n), FOUND, NOT_FOUND, SPLIT or UNDECIDED
    ratings : int64 (n, examiners), 0 not found, 1 found, -1 no answer or could not tell
    unknown : rows whose station is not in the frame
    strange : rows whose answer is none of the form
    judged_twice : sheets with two judgements at least
    """

    at: Ints
    state: Ints
    ratings: Ints
    unknown: int
    strange: int
    judged_twice: int

    @classmethod
    def of(cls, rows: Columns, sample: Sample, question: Question, frame: Frame) -> Sheets:
        """Those that `rows` of `examined` answer."""
        order = np.lexsort((rows["row"].astype(np.int64), rows["source"].astype(str)))
        rows = {n: v[order] for n, v in rows.items()}
        mine = (rows["sample"] == sample.id) & (rows["question"] == question.id)
        place = {int(s): i for i, s in enumerate(frame.sid.tolist())}
        at, who, answers, unknown, strange = [], [], [], 0, 0
        columns = (rows[n][mine].tolist() for n in ("sid", "examiner", "source", "answer"))
        for sid, examiner, source, answer in zip(*columns, strict=True):
            position = None if sid is None or np.isnan(sid) else place.get(int(sid))
            if position is None:
                unknown += 1
                continue
            at.append(position)
            # Of a file that names nobody all answers are one examiner's.
            who.append(f"examiner {examiner}" if examiner else f"source {source}")
            strange += answer is not None and answer not in question.answers
            answers.append(_code(question, answer))
        sheets, row = np.unique(np.array(at, np.int64), return_inverse=True)
        examiners, column = np.unique(np.array(who, dtype=str), return_inverse=True)
        ratings = np.full((len(sheets), len(examiners)), -1, np.int64)
        # The last answer of an examiner on a sheet stands: entries are kept in their order.
        ratings[row.reshape(-1), column.reshape(-1)] = answers
        yes, no = (ratings == 1).sum(axis=1), (ratings == 0).sum(axis=1)
        state = np.select(
            [(yes > 0) & (no > 0), yes > 0, no > 0], [SPLIT, FOUND, NOT_FOUND], UNDECIDED
        )
        twice = int((yes + no >= 2).sum())
        return cls(sheets, state.astype(np.int64), ratings, unknown, strange, twice)

    def of_draw(self, drawn: Draw | None) -> Mask:
        """bool (n): the sheet is one of the draw, where that is known."""
        if drawn is None:
            return np.ones(len(self.at), np.bool_)
        return np.isin(self.at, drawn.at)


def _code(question: Question, answer: str | None) -> int:
    if answer not in question.answers or answer in question.unknown:
        return -1
    return int(answer in question.found)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of the frame in shares, or why there is none.

    Attributes
    ----------
    value : None where sheets are open: there is a least and a most instead
    least, most : with every open sheet taken for not having the thing, and for having it
    low, high : limits of the least and of the most
    """

    value: float | None = None
    least: float | None = None
    most: float | None = None
    low: float | None = None
    high: float | None = None
    sheets: tuple[int, int] | None = None
    effective: float | None = None
    method: str = ""
    refused: str = ""

    def numbers(self, frame: int) -> dict[str, Any]:
        """In per cent and in sheets of a frame of so many, as the statistic has it."""
        names = ("rate", "rate_least", "rate_most", "low", "high", "frame_low", "frame_high",
                 "effective")  # fmt: skip
        if self.least is None or self.most is None or self.low is None or self.high is None:
            return dict.fromkeys(names)
        low, high = self.sheets or (
            int(np.floor(self.low * frame)),
            int(np.ceil(self.high * frame)),
        )
        effective = self.effective
        return {
            "rate": None if self.value is None else 100.0 * self.value,
            "rate_least": 100.0 * self.least,
            "rate_most": 100.0 * self.most,
            "low": 100.0 * self.low,
            "high": 100.0 * self.high,
            "frame_low": low,
            "frame_high": high,
            "effective": effective if effective is not None and np.isfinite(effective) else None,
        }

    def interval(self) -> Interval | None:
        """The limits, where there are any."""
        if self.low is None or self.high is None:
            return None
        return Interval(
            of="rate", level=LEVEL, low=100.0 * self.low, high=100.0 * self.high, method=self.method
        )


REFUSED = {
    "targeted": (
        "the sheets were picked for what was known or thought of them, so that those not picked"
        " are not like them"
    ),
    "not-stated": "it is not stated how the sheets were chosen",
    "unknown-draw": (
        "the sheets were drawn with replacement by weight, and which of them more than once is"
        " not known without the words of the ceremony"
    ),
    "none": "no sheet was examined",
    "open": "on no drawn sheet is it settled",
    "hidden": "the rows of the examination are not at hand",
}
MORE = (
    "more {} were examined than the {:,} that are said to be drawn, and which of them chance chose"
    " is not known without the words of the ceremony"
)
FEWER = (
    "fewer {} were examined than the {:,} that are said to be drawn, and which are missing is not"
    " known without the words of the ceremony"
)
WITHIN = (
    "not as many sheets were examined in each place as are said to be drawn there, and which of"
    " them are missing is not known without the words of the ceremony"
)
IMPOSSIBLE = "the draw cannot be repeated as the case declares it ({})"


def as_said(sample: Sample, frame: Frame, sheets: Sheets) -> tuple[Draw | None, str]:
    """The draw that nothing can repeat, as it is said to have been, and why it was not so.

    Of a simple draw the sheets that are missing may be any; of whole places they are known.
    """
    at, size = sheets.at, sample.size or 0
    if sample.selection == "clustered":
        places = frame.paths[sample.clusters or ""]
        taken, units = Counter(places[i] for i in at.tolist()), Counter(places)
        if len(taken) != size:
            return None, (MORE if len(taken) > size else FEWER).format("places", size)
        if sample.within is None:
            at = np.flatnonzero([p in taken for p in places]).astype(np.int64)
        elif any(n != min(sample.within, units[p]) for p, n in taken.items()):
            return None, WITHIN
    elif len(at) > size:
        return None, MORE.format("sheets", size)
    elif size > (len(at) if sample.selection == "stratified" else len(frame.sid)):
        return None, FEWER.format("sheets", size)
    return as_drawn(sample, frame, at), ""


def unexamined(sample: Sample, drawn: Draw | None, sheets: Sheets, frame: int) -> int:
    """Drawn sheets that were not examined; of a draw that nothing can repeat, how many are lacking
    at the least; of a census, those of the frame.
    """
    if sample.selection == "census":
        return frame - len(sheets.at)
    missing = 0 if drawn is None else len(np.setdiff1d(drawn.at, sheets.at))
    if drawn is not None and sample.selection == "simple":
        missing += (sample.size or 0) - len(drawn.at)
    return missing


def rate_of(sample: Sample, drawn: Draw | None, sheets: Sheets, frame: int) -> Rate:
    """The rate of a frame of so many sheets, by how the sample was chosen."""
    if sample.selection in ("targeted", "not-stated"):
        return Rate(refused=REFUSED[sample.selection])
    if not len(sheets.at):
        return Rate(refused=REFUSED["hidden" if sample.totals else "none"])
    if sample.selection == "census":
        found, split, open_ = (int((sheets.state == s).sum()) for s in (FOUND, SPLIT, UNDECIDED))
        rest = frame - len(sheets.at) + open_ + split
        least, most = found / frame, (found + rest) / frame
        value = None if rest else least
        bounds = (found, found + rest)
        return Rate(value, least, most, least, most, bounds, None, "all sheets examined")
    if drawn is None:
        return Rate(refused=REFUSED["unknown-draw"])
    state = np.full(frame, UNDECIDED, np.int64)
    state[sheets.at] = sheets.state
    states = state[drawn.at]
    sure = (states == FOUND) | (states == NOT_FOUND)
    if not sure.any():
        return Rate(refused=REFUSED["open"])
    if sample.selection == "simple":
        n, found = sample.size or len(states), int((states == FOUND).sum())
        open_ = n - int(sure.sum())
        low = hypergeometric_interval(found, n, frame, LEVEL)[0]
        high = hypergeometric_interval(found + open_, n, frame, LEVEL)[1]
        least, most = found / n, (found + open_) / n
        value, effective = (None, None) if open_ else (least, float(n))
        return Rate(
            value, least, most, low / frame, high / frame, (low, high), effective,
            "exact (hypergeometric)",
        )  # fmt: skip
    every = np.ones(len(states), np.bool_)
    fewest = estimate(drawn.sampled(states == FOUND, every), LEVEL)
    largest = estimate(drawn.sampled((states == FOUND) | ~sure, every), LEVEL)
    assert fewest is not None
    assert largest is not None
    value, effective = (fewest.value, fewest.effective) if sure.all() else (None, None)
    return Rate(
        value, fewest.value, largest.value, fewest.low, largest.high, None, effective,
        "Korn and Graubard, design-based",
    )  # fmt: skip
