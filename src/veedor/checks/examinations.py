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
NOT_EXAMINED = "not examined"


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of examiners on one question, in their order.

    Attributes
    ----------
    at : int64 (m), positions in the frame
    who : int64 (m), places in `people`
    code : int64 (m), 0 not found, 1 found, -1 no answer or could not tell
    shown : int64 (m), 1 where the sheet's votes had been shown before, 0 not, -1 not said
    answer : as written (m), or None
    people : labels of examiners
    """

    at: Ints
    who: Ints
    code: Ints
    shown: Ints
    answer: NDArray[np.object_]
    people: list[str]

    def kept(self, mask: Mask) -> Entries:
        """Some of them."""
        at, who, code, shown = (v[mask] for v in (self.at, self.who, self.code, self.shown))
        return Entries(at, who, code, shown, self.answer[mask], self.people)

    def blind(self) -> Mask:
        """bool (m): it is said that the sheet's votes had not been shown to the examiner, and no
        earlier one says that they had.
        """
        seen: set[tuple[int, int]] = set()
        found = np.zeros(len(self.at), np.bool_)
        for i, (pair, shown) in enumerate(zip(self._pairs(), self.shown.tolist(), strict=True)):
            if shown == 1:
                seen.add(pair)
            found[i] = shown == 0 and pair not in seen
        return found

    def told(self) -> dict[str, int | None]:
        """How many were given, corrected others, and came after votes were shown."""
        blind = self.blind()
        last: dict[tuple[int, int], str | None] = {}
        sightless: dict[tuple[int, int], str | None] = {}
        again = changed = corrected = turned = 0
        for i, (pair, answer) in enumerate(zip(self._pairs(), self.answer.tolist(), strict=True)):
            again += pair in last
            changed += pair in last and last[pair] != answer
            if self.shown[i] == 1 and pair in sightless:
                corrected += 1
                turned += sightless[pair] != answer
            last[pair] = answer
            if blind[i]:
                sightless[pair] = answer
        after = self.shown == 1
        known = bool((self.shown >= 0).any())
        by = len(np.unique(self.who[after]))
        later = {"after_votes": int(after.sum()), "after_votes_by": by,
                 "after_votes_corrected": corrected, "after_votes_changed": turned}  # fmt: skip
        return {
            "given": len(self.at),
            "corrections": again,
            "changed": changed,
            "votes_not_said": int((self.shown < 0).sum()),
            **(later if known else dict.fromkeys(later)),
        }

    def standing(self) -> dict[int, str]:
        """Position in the frame -> the last answer of each examiner there, in words."""
        last = dict(zip(self._pairs(), self.answer.tolist(), strict=True))
        found: dict[int, list[str]] = {}
        for (at, who), answer in sorted(last.items(), key=lambda item: item[0]):
            found.setdefault(at, []).append(f"{self.people[who]}: {answer or 'no answer'}")
        return {at: "; ".join(lines) for at, lines in found.items()}

    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.at.tolist(), self.who.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Sheets:
    """Examined sheets of one sample, as one question has it.

    Attributes
    ----------
    entries : what was entered, in its order
    at : int64 (n), positions in the frame, rising
    state : int64 (n), FOUND, NOT_FOUND, SPLIT or UNDECIDED
    ratings : int64 (n, examiners), 0 not found, 1 found, -1 no answer or could not tell
    looked : bool (n, examiners), there is an entry
    unknown : rows whose station is not in the frame
    strange : rows whose answer is none of the form
    """

    entries: Entries
    at: Ints
    state: Ints
    ratings: Ints
    looked: Mask
    unknown: int
    strange: int

    @classmethod
    def of(cls, rows: Columns, sample: Sample, question: Question, frame: Frame) -> Sheets:
        """Those that `rows` of `examined` answer."""
        order = np.lexsort((rows["row"].astype(np.int64), rows["source"].astype(str)))
        rows = {n: v[order] for n, v in rows.items()}
        mine = (rows["sample"] == sample.id) & (rows["question"] == question.id)
        place = {int(s): i for i, s in enumerate(frame.sid.tolist())}
        at, who, codes, shown, answers, unknown, strange = [], [], [], [], [], 0, 0
        names = ("sid", "examiner", "source", "answer", "votes_shown")
        columns = (rows[n][mine].tolist() for n in names)
        for sid, examiner, source, answer, votes in zip(*columns, strict=True):
            position = None if sid is None or np.isnan(sid) else place.get(int(sid))
            if position is None:
                unknown += 1
                continue
            at.append(position)
            # Of a file that names nobody all answers are one examiner's.
            who.append(f"1 {examiner}" if examiner else f"2 source {source}")
            strange += answer is not None and answer not in question.answers
            codes.append(_code(question, answer))
            shown.append(-1 if votes is None or votes != votes else int(votes))
            answers.append(answer)
        people, column = np.unique(np.array(who, dtype=str), return_inverse=True)
        entries = Entries(
            np.array(at, np.int64), column.reshape(-1).astype(np.int64), np.array(codes, np.int64),
            np.array(shown, np.int64), np.array(answers, dtype=object),
            [name[2:] for name in people.tolist()],
        )  # fmt: skip
        return cls.settled(entries, unknown, strange)

    @classmethod
    def settled(cls, entries: Entries, unknown: int = 0, strange: int = 0) -> Sheets:
        """Sheets as these entries have them."""
        sheets, row = np.unique(entries.at, return_inverse=True)
        cell = row.reshape(-1), entries.who
        ratings = np.full((len(sheets), len(entries.people)), -1, np.int64)
        looked = np.zeros(ratings.shape, np.bool_)
        # The last answer of an examiner on a sheet stands: entries are kept in their order.
        ratings[cell] = entries.code
        looked[cell] = True
        yes, no = (ratings == 1).sum(axis=1), (ratings == 0).sum(axis=1)
        state = np.select(
            [(yes > 0) & (no > 0), yes > 0, no > 0], [SPLIT, FOUND, NOT_FOUND], UNDECIDED
        )
        return cls(entries, sheets, state.astype(np.int64), ratings, looked, unknown, strange)

    def count(self, state: int, own: Mask) -> int:
        """Sheets of a state among some of them."""
        return int((own & (self.state == state)).sum())

    def judged_twice(self, own: Mask) -> int:
        """Of some sheets those with two judgements at least."""
        return int((own & ((self.ratings >= 0).sum(axis=1) >= 2)).sum())

    def together(self, own: Mask) -> dict[str, int] | None:
        """Of some sheets those that two examiners or more looked at, by what came of it; None
        where there are none.
        """
        twice = own & (self.looked.sum(axis=1) >= 2)
        silent = (self.looked & (self.ratings < 0)).any(axis=1)
        settled = (self.state == FOUND) | (self.state == NOT_FOUND)
        found = {
            "sheets": twice,
            "agreed": twice & settled & ~silent,
            "differ": twice & (self.state == SPLIT),
            "some_could_not": twice & settled & silent,
            "none_could": twice & (self.state == UNDECIDED),
        }
        return {name: int(mask.sum()) for name, mask in found.items()} if twice.any() else None

    def blind(self, own: Mask) -> dict[str, int] | None:
        """Of some sheets, what is found on them by blind entries alone; None where no entry says
        whether votes were shown.
        """
        entries = self.entries.kept(np.isin(self.entries.at, self.at[own]))
        if not (entries.shown >= 0).any():
            return None
        found = Sheets.settled(entries.kept(entries.blind()))
        every = np.ones(len(found.at), np.bool_)
        states = {"found": FOUND, "not_found": NOT_FOUND, "found_by_some": SPLIT,
                  "undecided": UNDECIDED}  # fmt: skip
        return {
            "examined": len(found.at),
            **{name: found.count(state, every) for name, state in states.items()},
        }

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
