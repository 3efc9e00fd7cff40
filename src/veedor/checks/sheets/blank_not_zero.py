"""Whether the rival of a sheet's winner has an empty field where others have a written zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Interval
from veedor.checks.recorded import known, votes, whole, winners
from veedor.checks.transcripts import own_scans
from veedor.stats.exact import unequal_chances_tail
from veedor.stats.strata import mantel_haenszel

SCANS = "scans:"
"""Stands for the scans among the names of counts, none of which has a colon."""
READ = 0.9
"""A field of a scan counts where its number, or its being empty, has at least this probability."""
NUMBERS = ("telling", "observed", "expected", "sd", "p", "odds_ratio", "p_control")
ALARM = 0.05
"""The p-value from which a rival's fields are empty beyond the habit of the sheet's writer."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fields:
    """Fields of n sheets by k options: left empty; without votes (empty or a written zero).

    `telling` (n): some of its fields without votes are empty and others hold a zero.
    """

    empty: NDArray[np.bool_]
    nothing: NDArray[np.bool_]
    won: NDArray[np.int64]
    telling: NDArray[np.bool_]


class BlankNotZero(Check):
    """Ask, for every option in turn, whether its main rival's field is left empty more than others.

    Only fields without votes can be empty or zero. On a sheet with some of each, a writer's habit
    makes every such field as likely empty as another: empties for many options are the control. A
    finding sums that up for the sheets of a count (no subject, or the count's name) and for the
    scans (subject `scans`), of which only fields read without doubt take part and one filled out
    with a dash or a dot is neither empty nor zero; who won their sheets is what the official count
    says, for not every field of a scan is read. One more for each option (`OPTION` or
    `COUNT.OPTION`) is about the sheets that the option won and about the field of its main rival
    there: the main contender with most votes in all besides the option. A habit that goes with the
    line of the form is the same on sheets that others won: these are the second control.

    Statistic
    ---------
    stations, with_empty, all_empty : int
        Counted sheets; those with an option's field left empty; with all left empty (left out).
    fields : array
        Without an option: {option, empty, zero}. With one, for every other option on the sheets
        that it won: {option, empty, zero, telling, observed, expected, sd, p, odds_ratio,
        p_control}.
    rival : str or null
        The main rival; for it: telling (sheets on which its field has no votes and a comparison is
        possible), observed, expected and sd (empties of its field on them), p (at least so many,
        within sheets), odds_ratio and p_control (against sheets that others won, at the same
        numbers of empty fields and of fields without votes).

    Uncertainty
    -----------
    Exact distribution of a sum of unequal chances (within sheets); Mantel-Haenszel against other
    sheets, one-sided. The finding's p-value is the larger of the two: both must agree.

    Source
    ------
    Comparison within sheets: W. G. Cochran, The comparison of percentages in matched samples,
    Biometrika 37 (1950).
    """

    title = "Fields left empty instead of a written zero"
    asks = "Where an option won, is its rival's field left empty more often than other fields are?"
    rule = "An option without votes has a zero written in its field, whoever won the sheet."
    kind = "anomaly"
    p_value_of = (
        "the difference between the rival's field and the others, within sheets and against "
        "other sheets (the larger of two), not of how many fields are empty"
    )
    needs = ("empty-kept",)
    heading = "{heading}"
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "habit",
            "The writer of the sheet leaves fields empty where others write zero.",
            "On the {telling} sheets that can tell, a field without votes is empty in {share:.1f} %"
            " of the cases, whoever it belongs to.",
        ),
        Benign(
            "line",
            "Some lines of the form are left empty more often than others, whoever wins.",
            "The odds of an empty field for {rival} are {odds} times those on sheets that others"
            " won.",
        ),
        Benign("no-support", "The rival had no candidate, delegate or support at these stations."),
        Benign("transcription", "The transcription kept no difference between empty and zero."),
        Benign("faint", "A zero was written so faintly that it is lost on the scan."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Votes and empty fields of every counted sheet, for counts that keep them apart."""
        queries = {}
        cells = evidence.cells()
        names = evidence.votes_columns
        for name, info in evidence.counts.items():
            if not info.empty_kept:
                continue
            own = cells.filter(cells["count"] == name, cells.state == "empty")
            empty = own.group_by(sid_empty=own.sid).agg(
                **{
                    f"e{i}": (own.field == option).cast("int64").sum()
                    for i, option in enumerate(evidence.case.option_ids)
                }
            )
            sheets = evidence.sheets(name)
            joined = sheets.filter(sheets.counted).left_join(empty, [("sid", "sid_empty")])
            queries[name] = joined.select(
                "sid",
                *names,
                "registered",
                "valid",
                **{
                    f"e{i}": (joined[v].isnull() & (joined[f"e{i}"].fill_null(0) > 0)).cast("int64")
                    for i, v in enumerate(names)
                },
            )
        if evidence.has("readings"):
            queries[SCANS] = _read(evidence)
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """For each count, what is empty; then each option and its main rival."""
        for name, rows in measured.items():
            options = len(context.options)
            matrix = votes(rows, options)
            empty = np.stack([whole(rows[f"e{i}"]) > 0 for i in range(options)], axis=1)
            written = "z" if name == SCANS else "v"
            zero = np.stack([known(rows[f"{written}{i}"]) == 0 for i in range(options)], axis=1)
            zero &= ~empty
            yield self._count(name, empty, zero, rows, context)
            fields = _fields(empty, zero, winners(matrix))
            if not (fields.empty.any() and zero.any()):
                continue
            totals = matrix.sum(axis=0)
            for number, option in enumerate(context.options):
                touched = fields.empty[fields.won == number].any()
                if touched or option in context.main_options:
                    yield self._option(name, number, fields, totals, rows, context)

    def _count(
        self,
        name: str,
        empty: NDArray[np.bool_],
        zero: NDArray[np.bool_],
        rows: Columns,
        context: Context,
    ) -> Fact:
        throughout = empty.all(axis=1)
        empties, zeros = int(empty[~throughout].sum()), int(zero.sum())
        sheets = f"{len(empty):,} sheets"
        statistic = {
            "stations": len(empty),
            "with_empty": int(empty.any(axis=1).sum()),
            "all_empty": int(throughout.sum()),
            "fields": [
                {"option": o, "empty": int(empty[:, i].sum()), "zero": int(zero[:, i].sum())}
                for i, o in enumerate(context.options)
            ],
        }
        if not len(empty):
            status, sentence = "not-determinable", f"No counted sheet is in {_called(name)}."
        elif not empties or not zeros:
            status, lacking = "void", "is empty" if not empties else "holds a written zero"
            apart = f" ({throughout.sum():,} empty throughout)" if throughout.any() else ""
            sentence = f"No option's field {lacking} on any of {sheets}{apart}"
            sentence += ": an empty field and a zero are not told apart, and nothing is tested."
        else:
            status = "observed"
            sentence = (
                f"On {statistic['with_empty']:,} of {sheets} an option's field is left empty:"
                f" {int(empty.sum()):,} fields in all, while {zeros:,} hold a written zero;"
                f" {statistic['all_empty']:,} sheets are empty throughout."
            )
        words = {
            "heading": f"Fields left empty on the sheets of {_called(name)}",
            "sentence": sentence,
        }
        return self.fact(
            status,  # type: ignore[arg-type]
            statistic,
            subject="" if name == context.case.official else name.strip(":"),
            kind="descriptive",
            words=words,
            rows=_empties(empty, zero, rows, context) if status == "observed" else None,
        )

    def _option(
        self,
        name: str,
        number: int,
        fields: _Fields,
        totals: NDArray[np.int64],
        rows: Columns,
        context: Context,
    ) -> Fact:
        option, official = context.options[number], name == context.case.official
        others = [i for i in range(len(context.options)) if i != number]
        against = {i: _against(fields, number, i, context) for i in others}
        main = [i for i in others if context.options[i] in context.main_options] or others
        rival = max(main, key=lambda i: int(totals[i]), default=None)
        mine = fields.won == number
        statistic: dict[str, Any] = {
            "stations": int(mine.sum()),
            "with_empty": int((mine & fields.empty.any(axis=1)).sum()),
            "rival": None if rival is None else context.options[rival],
            **dict.fromkeys(NUMBERS),
            "fields": [{"option": context.options[i], **against[i]} for i in others],
        }
        statistic |= {} if rival is None else {k: against[rival][k] for k in NUMBERS}
        p = _both(statistic)
        status: Any = "not-determinable"
        if p is not None:
            status = "observed" if p <= ALARM else "not-observed"
        left = np.zeros(len(mine), dtype=bool) if rival is None else fields.empty[:, rival]
        at = np.flatnonzero(mine & fields.telling & left)
        at = at[np.lexsort((rows["sid"][at], -whole(rows["valid"])[at]))]
        return self.fact(
            status,
            statistic,
            subject=option if official else f"{name.strip(':')}.{option}",
            words=_words(option, name, statistic),
            p_value=p,
            interval=_interval(statistic),
            explanations=self._explained(fields, statistic) if status == "observed" else (),
            parameters={"alarm": ALARM},
            questioned=np.sort(rows["sid"][at])
            if (official or name == SCANS) and status == "observed"
            else None,
            rows={
                "sid": rows["sid"][at],
                "registered": known(rows["registered"])[at],
                "valid": whole(rows["valid"])[at],
                "empty_fields": fields.empty[at].sum(axis=1),
                "fields_without_votes": fields.nothing[at].sum(axis=1),
            },
        )

    def _explained(self, fields: _Fields, statistic: Mapping[str, Any]) -> Any:
        tell = fields.telling
        share = float(fields.empty[tell].sum() / fields.nothing[tell].sum())
        tested: dict[str, Mapping[str, Any]] = {
            "habit": {"telling": int(tell.sum()), "share": 100 * share}
        }
        if statistic["odds_ratio"] is not None:
            tested["line"] = {"rival": statistic["rival"], "odds": statistic["odds_ratio"]}
        return self.explain(**tested)


def _empties(
    empty: NDArray[np.bool_], zero: NDArray[np.bool_], rows: Columns, context: Context
) -> Columns:
    """The sheets with an empty field, those with most first: whose fields, and written zeros."""
    at = np.flatnonzero(empty.any(axis=1))
    at = at[np.lexsort((rows["sid"][at], -empty[at].sum(axis=1)))]
    names = np.array(context.options, dtype=object)
    return {
        "sid": rows["sid"][at],
        "valid": whole(rows["valid"])[at],
        "empty_fields": empty[at].sum(axis=1),
        "empty_options": np.array([", ".join(names[row]) for row in empty[at]], dtype=object),
        "written_zeros": zero[at].sum(axis=1),
    }


def _called(name: str) -> str:
    """A count, or the scans, in words."""
    return "the scans" if name == SCANS else name


def _read(evidence: Evidence) -> ir.Table:
    """The counted sheets of which one scan was read: the votes that the official count records, and
    by what stands on the scan which fields hold a number (`z`) and which are empty (`e`); neither
    where reading is in doubt.
    """
    own = own_scans(evidence)
    own = own.filter(own.alone).select(scan_own="scan", sid_own="sid")
    readings = evidence.readings().drop("sid")
    fields = readings.filter(readings.p >= READ).join(own, [("scan", "scan_own")])
    found = fields.group_by(sid_read=fields.sid_own).agg(
        **{
            f"{name}{i}": part
            for i, option in enumerate(evidence.case.option_ids)
            for name, part in (
                ("z", ((fields.field == option) & (fields.state == "number")).ifelse(
                    fields.value, ibis.null("int64")).max()),
                ("e", ((fields.field == option) & (fields.state == "empty")).cast("int64").max()),
            )
        }
    )  # fmt: skip
    sheets = evidence.sheets()
    counted = sheets.filter(sheets.counted)
    counted = counted.select("sid", *evidence.votes_columns, "registered", "valid")
    return counted.join(found, [("sid", "sid_read")]).drop("sid_read")


def _fields(empty: NDArray[np.bool_], zero: NDArray[np.bool_], won: NDArray[np.int64]) -> _Fields:
    """Fields of sheets that are not empty throughout."""
    written = (~empty).any(axis=1, keepdims=True)
    nothing, left = (empty | zero) & written, empty & written
    empties = left.sum(axis=1)
    return _Fields(left, nothing, won, (empties > 0) & (empties < nothing.sum(axis=1)))


def _against(fields: _Fields, winner: int, option: int, context: Context) -> dict[str, Any]:
    """An option's empties on sheets that another won: within sheets, and against other sheets."""
    mine = fields.won == winner
    asked = fields.telling & fields.nothing[:, option]
    own = mine & asked
    empties, nothing = fields.empty.sum(axis=1), fields.nothing.sum(axis=1)
    chances = empties[own] / nothing[own]
    observed = int(fields.empty[own, option].sum())
    control = mantel_haenszel(
        fields.empty[asked, option],
        mine[asked],
        empties[asked] * (fields.empty.shape[1] + 1) + nothing[asked],
        context.rng,
        draws=1_999,
    )
    p = unequal_chances_tail(observed, chances) if own.any() else None
    p_control = control.p
    if p_control is not None:
        p_control = p_control / 2 if control.marked > control.expected else 1 - p_control / 2
    return {
        "empty": int((mine & fields.empty[:, option]).sum()),
        "zero": int((mine & fields.nothing[:, option] & ~fields.empty[:, option]).sum()),
        "telling": int(own.sum()),
        "observed": observed,
        "expected": float(chances.sum()),
        "sd": float(np.sqrt((chances * (1 - chances)).sum())),
        "p": p,
        "odds_ratio": control.odds_ratio,
        "p_control": p_control,
    }


def _both(statistic: Mapping[str, Any]) -> float | None:
    """The larger of the two p-values; that within sheets where there is no other sheet."""
    p = statistic["p"]
    return None if p is None else float(max(p, statistic["p_control"] or 0.0))


def _interval(statistic: Mapping[str, Any]) -> Interval | None:
    if not statistic["telling"]:
        return None
    mean, reach = statistic["expected"], 1.96 * statistic["sd"]
    ends = {"low": max(mean - reach, 0.0), "high": min(mean + reach, statistic["telling"])}
    return Interval(of="expected", level=0.95, method="normal, within sheets", **ends)


def _words(option: str, name: str, s: Mapping[str, Any]) -> dict[str, str]:
    if not s["stations"]:
        sentence = f"{option} won no sheet, so that there is none to look at."
    elif not s["telling"]:
        sentence = (
            f"None of {s['stations']:,} sheets that {option} won can tell: that needs one on which"
            f" its main rival ({s['rival'] or 'there is none'}) has no votes, and of all fields"
            " without votes some are empty and some hold a zero."
        )
    else:
        sentence = (
            f"On {s['telling']:,} sheets that {option} won, where the field of {s['rival']} has no"
            f" votes and some such fields are empty and others zero, it is empty on"
            f" {s['observed']:,}; were each as likely, {s['expected']:.1f} (p = {s['p']:.2g})."
        )
    heading = f"Empty fields of the rival where {option} won ({_called(name)})"
    return {"heading": heading, "sentence": sentence}
