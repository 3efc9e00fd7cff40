"""Announced totals against the sum of the sheets, at every level of geography."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Announced
from veedor.case.tables import votes_columns
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact

SUMS = ("sheets", "registered", "cast", "valid", "blank", "null")


class Totals(Check):
    """Add up the sheets of each place for which the authority announced totals.

    One finding for each count with announced totals. A place is known by its whole path of names,
    as the case writes them.

    Statistic
    ---------
    entries, numbers : int
        Announced places (the whole is one of them), and announced numbers compared with a sum.
    differing : int
        Announced numbers that are not the sum of the sheets.
    differences : array of {place, what, announced, sheets, difference}
        Sum of the sheets less announced; largest first.
    not_comparable : array of {place, what, why}
        Announced numbers for which there is no sum: the place is not in the count, or the count
        does not record it.
    levels : array of {level, entries, numbers, differing}
        By the level of geography of the place; `whole` is the whole contest.
    set_aside, not_counted : int
        Rows of the count that are in no sum, because their station has no code or several rows;
        sheets that the authority left out.
    regions : array of {place, sheets, valid, votes}
        Sums by region, most sheets first.

    Uncertainty
    -----------
    None: a sum.

    Source
    ------
    The announcements that the case quotes; addition.
    """

    title = "Announced totals against the sum of the sheets"
    asks = "Are the announced totals the sum of the sheets, at every level of geography?"
    rule = "A total is the sum of its sheets."
    kind = "discrepancy"
    needs = ("announced",)
    heading = "Announced totals of {name}"
    sentences = {
        "observed": (
            "{differing} of {numbers} announced totals, for {entries:place|places}, are not"
            " the sum of their sheets; the largest difference is {largest}."
        ),
        "not-observed": (
            "All {numbers} announced totals, for {entries:place|places}, are the sum of their"
            " sheets."
        ),
        "not-determinable": ("None of the announced totals can be compared with a sum of sheets."),
    }
    benign = (
        Benign(
            "set-aside",
            "Some rows of the file are in no sum here, because their station has no code or stands"
            " several times with other numbers.",
            "{set_aside} rows are set aside, with {set_aside_valid} votes for options;"
            " {not_counted} further sheets were left out by the authority itself.",
        ),
        Benign(
            "revision",
            "The announcement was made before the last sheets were in, or the file was revised"
            " after it.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Sums of each count by the path of every depth announced, and by region."""
        queries: dict[str, ir.Table] = {}
        levels = evidence.case.geography
        stations = evidence.stations().select("sid", *levels)
        region = levels.index(evidence.case.region_level) + 1
        aside = evidence.set_aside()
        for count in _announced(evidence.case.announced, evidence.counts):
            sheets = evidence.sheets(count)
            counted = sheets.filter(sheets.counted).join(stations, "sid")
            entries = [a for a in evidence.case.announced if a.count == count]
            for depth in sorted({region, *(len(a.path) for a in entries)}):
                columns = [*SUMS[1:], *evidence.votes_columns]
                sums = {n: counted[n].fill_null(0).sum().fill_null(0) for n in columns}
                sums["sheets"] = counted.count()
                by = counted.group_by(list(levels[:depth])) if depth else counted
                queries[f"{count}:{depth}"] = by.agg(**sums)
            own = aside.filter(aside["count"] == count)
            queries[f"{count}:left"] = sheets.agg(
                not_counted=(~sheets.counted).cast("int64").sum().fill_null(0)
            )
            queries[f"{count}:aside"] = own.agg(
                rows=own.count(), valid=own.valid.fill_null(0).sum().fill_null(0)
            )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each count with announced totals."""
        for count in _announced(context.case.announced, context.counts):
            yield self._count(count, measured, context)

    def _count(self, count: str, measured: Mapping[str, Columns], context: Context) -> Fact:
        entries = [a for a in context.case.announced if a.count == count]
        compared = [row for entry in entries for row in _compare(entry, count, measured, context)]
        known = [row for row in compared if row["sheets"] is not None]
        differences = sorted(
            (row for row in known if row["difference"]),
            key=lambda row: (-abs(row["difference"]), row["place"], row["what"]),
        )
        aside = measured[f"{count}:aside"]
        statistic: dict[str, Any] = {
            "entries": len(entries),
            "numbers": len(known),
            "differing": len(differences),
            "differences": [{k: v for k, v in r.items() if k != "depth"} for r in differences],
            "not_comparable": [
                {"place": r["place"], "what": r["what"], "why": r["why"]}
                for r in compared
                if r["sheets"] is None
            ],
            "levels": _levels(entries, known, context),
            "set_aside": int(aside["rows"][0]),
            "not_counted": int(measured[f"{count}:left"]["not_counted"][0]),
            "regions": _regions(count, measured, context),
        }
        for row in statistic["differences"]:
            row.pop("why")
        largest = differences[0] if differences else None
        return self.fact(
            "observed" if differences else "not-observed" if known else "not-determinable",
            statistic,
            subject=count,
            words={
                "name": context.counts[count].source.title or count,
                "largest": (
                    f"{largest['difference']:+,} ({largest['what']}, {largest['place']})"
                    if largest
                    else ""
                ),
            },
            explanations=self.explain(
                set_aside={
                    "set_aside": statistic["set_aside"],
                    "set_aside_valid": int(aside["valid"][0]),
                    "not_counted": statistic["not_counted"],
                }
            )
            if differences
            else (),
            rows=_rows(differences) if differences else None,
            key="place",
        )


def _announced(entries: Iterable[Announced], counts: Mapping[str, Any]) -> list[str]:
    """Counts of the case with announced totals, in the order of the counts."""
    named = {entry.count for entry in entries}
    return [count for count in counts if count in named]


def _compare(
    entry: Announced, count: str, measured: Mapping[str, Columns], context: Context
) -> Iterator[dict[str, Any]]:
    """Each announced number of one place beside the sum of its sheets."""
    depth = len(entry.path)
    table = measured[f"{count}:{depth}"]
    inside = np.ones(len(table["sheets"]), dtype=np.bool_)
    for level, name in zip(context.case.geography, entry.path, strict=False):
        inside &= table[level] == name
    columns = dict(zip(context.options, votes_columns(len(context.options)), strict=True))
    fields = {*context.counts[count].fields, "sheets", "valid", "cast"}
    place = " / ".join(entry.path) or "the whole"
    for what, announced in entry.totals.items():
        column = columns.get(what, what)
        recorded = what in columns or what in fields
        found = int(table[column][inside].sum()) if recorded and inside.any() else None
        yield {
            "place": place,
            "depth": depth,
            "what": what,
            "announced": announced,
            "sheets": found,
            "difference": None if found is None else found - announced,
            "why": (
                ""
                if found is not None
                else "the count does not record it"
                if not recorded
                else "no sheet of the count is there"
            ),
        }


def _levels(
    entries: list[Announced], known: list[dict[str, Any]], context: Context
) -> list[dict[str, Any]]:
    found = []
    for depth in sorted({len(entry.path) for entry in entries}):
        own = [row for row in known if row["depth"] == depth]
        found.append(
            {
                "level": context.case.geography[depth - 1] if depth else "whole",
                "entries": sum(len(entry.path) == depth for entry in entries),
                "numbers": len(own),
                "differing": sum(bool(row["difference"]) for row in own),
            }
        )
    return found


def _regions(count: str, measured: Mapping[str, Columns], context: Context) -> list[dict[str, Any]]:
    levels = context.case.geography
    depth = levels.index(context.case.region_level) + 1
    table = measured[f"{count}:{depth}"]
    paths = [" / ".join(path) for path in zip(*(table[n] for n in levels[:depth]), strict=True)]
    order = sorted(range(len(paths)), key=lambda i: (-int(table["sheets"][i]), paths[i]))
    return [
        {
            "place": paths[i],
            "sheets": int(table["sheets"][i]),
            "valid": int(table["valid"][i]),
            "votes": {o: int(table[f"v{k}"][i]) for k, o in enumerate(context.options)},
        }
        for i in order
    ]


def _rows(differences: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    return {
        "place": np.array([row["place"] for row in differences], dtype=object),
        "what": np.array([row["what"] for row in differences], dtype=object),
        **{
            key: np.array([row[key] for row in differences], dtype=np.int64)
            for key in ("announced", "sheets", "difference")
        },
    }
