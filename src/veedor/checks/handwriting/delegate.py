"""The digits in a delegate's row against those of the sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Interval
from veedor.checks import hand_rates, writers
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.copies import copies, shared
from veedor.checks.delegates import DRAWS, TEN, Both, Chance, chance_of, held, lenders_of, made_up
from veedor.handwriting.calibration import calibrations, condition_of
from veedor.handwriting.scorer import load_sources

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ALARM = 0.01
MADE = 100_000
"""Made-up pairs, about, from which to take what chance gives."""
TIMES = (2, 24)
"""Made-up centres for each real one, at least and at most; two tell how far they spread."""
FEWEST = 10
"""Centres with comparisons below which nothing tells what chance gives."""
SUBJECTS = {
    "own-sheet": "the digits of the same sheet",
    "other-sheets": "the digits of other sheets of the centre",
    "rows": "the delegates' rows of other sheets of the centre",
}
P_OF_ROWS = (
    "so many pairs that look like one hand, were each row of a centre one of a different centre"
)
SIGNATURE = (
    "No form of the case has digits in a delegate's row that could be compared: a signature shares"
    " no shapes with digits."
)


class Delegate(Check):
    """Compare the digits in a delegate's row with digits of the sheet, and of others.

    Some forms have a row of digits that a party's delegate fills in: a number of an identity card,
    say. Three findings hold it against the digits of the same sheet (`own-sheet`), of the other
    sheets of the centre (`other-sheets`), and the delegates' rows of these (`rows`). A row has few
    digits: about one comparison in ten is on the wrong side, so that no single one is a finding;
    counts of them, against those of rows and sheets of different centres, may be. On one sheet
    *the delegate wrote both* and *the clerk wrote both* cannot be told apart. Of sheets that share
    a whole picture the first one counts (images.duplicate).

    Statistic
    ---------
    rows, few_digits, broken, not_validated, copies : int
        Rows with digits; left out for too few of them; on scans on which strokes are in pieces; on
        scans of a condition not validated; sheets left out before, since an earlier one has the
        same picture.
    compared : int
        Pairs of a row and what it is held against.
    unmatched : int
        Pairs left out: no other centre has sheets of their form and grade that could stand for
        theirs, so that nothing tells how alike they look by chance.
    digits : float
        Digits of a pair: the median of the harmonic means.
    above : int
        Pairs that one hand explains at least ten times better than two.
    share : float
        Per cent of the pairs.
    centres, centres_above : int
        Centres with such pairs at all; those with one `above` at least.
    centres_expected : float
        As many by chance.
    background, expected, expected_low, expected_high, p : float
        Per cent of the pairs of made-up centres that are above; pairs that chance would give, and
        the middle 95 % of what may be seen; probability of at least as many.
    chance_pairs, times : int
        Pairs of made-up centres that were compared; made-up centres for each real one.
    looks : array of {form, grade, compared, unmatched, above, chance_pairs, background}
        The same by the form and grade of what the row is held against; `background` is null where
        nothing could be made up.
    condition : {condition, writers, digits, eer, cllr, cllr_min, on}
        What was measured at the nearest number of digits, and on what; see handwriting.same-writer.

    Uncertainty
    -----------
    Pairs of one centre are not independent: they share rows, sheets, a delegate, a clerk. So the
    p-value counts by centre. In made-up centres the rows are held against the sheets of another
    centre, of the same forms and grades and as large at least where ten such are (of `rows`, each
    row is of another centre); from each centre its own number of pairs above is drawn, or that of
    one of its made-up ones, of which as many count as centres can lend; p is the share of 9,999
    such elections, and of the real one, with at least as many. What is expected allows for one more
    made-up centre above. It supposes that centres are independent: a delegate or a clerk of several
    centres makes it too small or too large. It is never below 1 in 10,000. Pairs of one sheet share
    a pen and a scan, which those of different centres do not; shapes are measured without the pen,
    yet some of an excess may be that. Ratios are capped at 10. A digit that was misread is held
    against those of another class; ratios were calibrated with such, as simulated scans have them.

    Source
    ------
    As in handwriting.same-writer; E. Pitman, Significance tests which may be applied to samples
    from any populations, Supplement to the Journal of the Royal Statistical Society 4 (1937), for
    the p-value; ENFSI, Guideline for evaluative reporting in forensic science (2015), for the
    words.
    """

    title = "The delegates' rows against the sheets"
    asks = (
        "Do digits in the delegates' rows look like those of the sheets more often than by chance?"
    )
    rule = "A delegate writes in the delegate's row, and the table's officials in the rest."
    kind = "control"
    p_value_of = (
        "so many pairs that look like one hand, were each centre's rows held against another "
        "centre's sheets"
    )
    needs = ("glyphs",)
    coverage = ("few_digits", "broken", "not_validated", "copies", "unmatched")
    heading = "The delegates' rows against {against}"
    sentences = {
        "observed": "{sentence} Whether a delegate wrote both or an official did, the digits do not"
        " say.",
        "not-observed": "{sentence}",
        "not-determinable": "{why}",
    }
    benign = (
        Benign(
            "clerk-fills",
            "Whoever completes the sheet writes the delegate's number too, and the delegate signs.",
        ),
        Benign("one-delegate", "One delegate is accredited at several tables of the centre."),
        Benign("same-pen", "Row and sheet share a pen, a table and a scan."),
        Benign(
            "few-digits",
            "A row has few digits, and few digits look alike by chance.",
            "Half of the pairs have at most {digits:.0f} digits, at which {eer:.1f} % of all"
            " comparisons were on the wrong side ({on}).",
        ),
    )
    references = (
        "E. Pitman, Significance tests which may be applied to samples from any populations,"
        " Supplement to the Journal of the Royal Statistical Society 4 (1937)",
        "ENFSI, Guideline for evaluative reporting in forensic science (2015)",
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Sums of the shapes of digits, by sheet and by who should have written them; sheets."""
        found = writers.measured_digits(evidence)
        return {**{name: found[name] for name in ("digits", "sheets")}, **shared(evidence)}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """Rows against their own sheets, against other sheets, and against other rows."""
        known = calibrations()
        every = writers.read_sheets(measured)
        again = copies(every.scan, measured.get("twins"))
        every = every.at(~again)
        rows = every.delegate.total > 0
        graded = (condition_of(every.grade, every.grade) != "") & ~every.broken
        # Below half of what was validated no partner, however long, makes a validated pair.
        least = min(c.least for c in known.values()) // 2 + 1
        enough = every.delegate.total >= least
        counts = {
            "rows": int(rows.sum()),
            "few_digits": int((rows & ~enough).sum()),
            "broken": int((rows & enough & every.broken).sum()),
            "not_validated": int((rows & enough & ~graded & ~every.broken).sum()),
            "copies": int(again.sum()),
        }
        both = Both.of(every.at(graded), load_sources(), known)
        row = np.flatnonzero(both.sheets.delegate.total >= least)
        for subject, against in SUBJECTS.items():
            yield self._subject(subject, against, counts, both, row, context.rng)

    def _subject(
        self,
        subject: str,
        against: str,
        counts: Mapping[str, int],
        both: Both,
        row: Ints,
        rng: np.random.Generator,
    ) -> Fact:
        pairs = held(subject, both, row)
        found = _compared(subject, both, pairs[both.able(pairs)], rng)
        statistic = {**counts, **_statistic(both, found)}
        why = _too_little(statistic)
        status: Any = "not-determinable" if why else "not-observed"
        if not why and statistic["above"] and statistic["p"] <= ALARM:
            status = "observed"
        told = not why
        condition = statistic["condition"]
        return self.fact(
            status,
            statistic,
            subject=subject,
            words={
                "against": against,
                "why": why,
                "sentence": _sentence(statistic, against, found.chance) if told else "",
            },
            p_value=statistic["p"] if told else None,
            p_value_of=P_OF_ROWS if subject == "rows" else None,
            interval=Interval(
                of="expected",
                level=0.95,
                low=statistic["expected_low"],
                high=statistic["expected_high"],
                method="made-up centres, whole centres drawn",
            )
            if told
            else None,
            explanations=self.explain(
                few_digits={
                    "digits": statistic["digits"],
                    "eer": 100 * condition["eer"],
                    "on": hand_rates.where(condition["on"]),
                }
            )
            if status == "observed"
            else (),
            parameters={"ratio": 10, "alarm": ALARM, "draws": DRAWS},
            rows=_rows(both, found) if told else None,
        )


@dataclass(frozen=True, slots=True)
class _Compared:
    """Pairs that could be compared.

    Attributes
    ----------
    pairs : int64 (n, 2), what a row is held against, and the row
    llr : float64 (n), capped
    of : int64 (n), the place of the row's centre among those with pairs
    made, made_above : int64 (n), times that the pair was compared in a made-up centre, and above
    unmatched : int64 (m, 2), pairs left out, for none could be made up in their place
    any : float64, made-up centres with one pair above, as many as there are real ones
    chance : by whole centres
    times : made-up centres for each real one
    """

    pairs: Ints
    llr: Floats
    of: Ints
    made: Ints
    made_above: Ints
    unmatched: Ints
    any: float
    chance: Chance
    times: int

    @property
    def above(self) -> NDArray[np.bool_]:
        """The pairs that one hand explains ten times better."""
        return np.array(self.llr >= TEN - 1e-9, dtype=np.bool_)


def _compared(subject: str, both: Both, pairs: Ints, rng: np.random.Generator) -> _Compared:
    """The pairs, and as many in made-up centres several times over."""
    llr = both.ratios(pairs)
    centres, of = np.unique(both.centre[pairs[:, 1]], return_inverse=True)
    times = int(np.clip(MADE // max(len(pairs), 1), *TIMES)) if len(centres) >= FEWEST else 0
    number, high = (np.zeros((len(centres), times)) for _ in range(2))
    made, made_above = (np.zeros(len(pairs), dtype=np.int64) for _ in range(2))
    for k in range(times):
        other, fine = made_up(subject, both, pairs, rng)
        at = np.flatnonzero(fine)
        able, above = both.above(other[at])
        made[at] += able
        made_above[at] += above
        number[:, k] = np.bincount(of[at], weights=able, minlength=len(centres))
        high[:, k] = np.bincount(of[at], weights=above, minlength=len(centres))
    kept = (made > 0) | (times == 0)
    if not made.any():
        some = (pairs[kept], llr[kept], of[kept], made[kept], made_above[kept], pairs[~kept])
        return _Compared(*some, 0.0, Chance(0, 0, 0, 1.0), times)
    lenders = lenders_of(both, pairs, of)
    own, place = np.unique(of[kept], return_inverse=True)
    number, high, size = number[own], high[own], np.bincount(place)
    seen = np.bincount(place[llr[kept] >= TEN - 1e-9], minlength=len(own))
    # A made-up centre with pairs that cannot be compared counts as if all could.
    share = high.sum(axis=1, keepdims=True) / number.sum(axis=1, keepdims=True)
    likely: Floats = np.where(number > 0, high / np.maximum(number, 1.0), share)
    chance = chance_of(seen, likely * size[:, None], size, lenders[own], rng)
    some = (pairs[kept], llr[kept], place, made[kept], made_above[kept], pairs[~kept])
    return _Compared(*some, float((high > 0).mean(axis=1).sum()), chance, times)


def _statistic(both: Both, found: _Compared) -> dict[str, Any]:
    compared, above, made = len(found.llr), found.above, int(found.made.sum())
    digits = float(np.median(both.digits(found.pairs))) if compared else 0.0
    usable = both.condition(found.pairs) == "usable"
    name = "usable" if compared and usable.mean() > 0.5 else "good"
    chance = found.chance
    return {
        "compared": compared,
        "unmatched": len(found.unmatched),
        "digits": digits,
        "above": int(above.sum()),
        "share": 100 * float(above.sum()) / max(compared, 1),
        "centres": int(found.of.max(initial=-1)) + 1,
        "centres_above": len(np.unique(found.of[above])),
        "centres_expected": found.any,
        "background": 100 * float(found.made_above.sum()) / max(made, 1),
        "expected": chance.mean,
        # Whole comparisons are seen, never a part of one.
        "expected_low": float(np.floor(chance.low)),
        "expected_high": float(np.ceil(chance.high)),
        "p": chance.p,
        "chance_pairs": made,
        "times": found.times,
        "looks": _looks(both, found),
        "condition": {
            "condition": name,
            **hand_rates.rates(both.known[name], digits),
        },
    }


def _looks(both: Both, found: _Compared) -> list[dict[str, Any]]:
    """What was compared, and what chance gives, by the form and grade of what a row is against."""
    sheet = np.concatenate([found.pairs, found.unmatched])[:, 0] % max(both.number, 1)
    text = np.stack([both.sheets.form[sheet], both.sheets.grade[sheet]])
    n = len(found.pairs)
    told = []
    for one, other in sorted({(str(form), str(grade)) for form, grade in text.T}):
        at = (text[0] == one) & (text[1] == other)
        mine = at[:n]
        made = int(found.made[mine].sum())
        told.append(
            {
                "form": one,
                "grade": other,
                "compared": int(mine.sum()),
                "unmatched": int(at[n:].sum()),
                "above": int(found.above[mine].sum()),
                "chance_pairs": made,
                "background": 100 * float(found.made_above[mine].sum()) / made if made else None,
            }
        )
    return told


def _rows(both: Both, found: _Compared) -> Columns:
    """The pairs: the row's station, what it was held against, and the ratio."""
    row, other = found.pairs[:, 1] % both.number, found.pairs[:, 0]
    return {
        "sid": both.sheets.sid[row],
        "other": both.sheets.station[other % both.number],
        "digits": both.digits(found.pairs),
        "log10_ratio": found.llr / TEN,
        "support": writers.support(found.llr),
    }


def _sentence(statistic: Mapping[str, Any], against: str, chance: Chance) -> str:
    """What was found, and what chance gives."""
    expected = hand_rates.chance(chance.mean, statistic["chance_pairs"], "comparison")
    return say(
        "In {above} of {compared:comparison|comparisons} of a delegate's row with {against}, in"
        " {centres_above} of {centres:centre|centres}, the digits are at least ten times more"
        " probable if one hand wrote both than if two did; rows and sheets of different centres"
        " lead one to expect {likely} ({expected_low:.0f} to {expected_high:.0f}). As many by"
        " chance, drawn by whole centres, {rare}.",
        against=against,
        likely=expected,
        rare=hand_rates.rarity(chance.p, chance.least, "so many draws"),
        **{k: v for k, v in statistic.items() if not isinstance(v, list | dict)},
    )


def _too_little(statistic: Mapping[str, Any]) -> str:
    """Why nothing can be determined; empty where it can."""
    if not statistic["rows"]:
        return SIGNATURE
    if not statistic["compared"] and not statistic["unmatched"]:
        return (
            f"None of {statistic['rows']} delegates' rows has digits enough beside others to"
            " compare."
        )
    if not statistic["compared"]:
        return (
            "No two centres have scans of one form and grade, so that nothing tells how alike rows"
            " and sheets look by chance."
        )
    if statistic["centres"] < FEWEST:
        return (
            f"With rows to compare in {statistic['centres']} centres, nothing tells how alike rows"
            " and sheets look by chance."
        )
    return ""
