"""Successive exports of a running count: whether a station, once in, stays as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact


class Exports(Check):
    """Follow each station through the successive exports of a running count.

    A station changes where two exports that hold it differ in a number of votes, valid, blank or
    null. It is withdrawn where an export later than its last one exists, and interrupted where it
    is missing from an export between its first and its last. No sheet is questioned by it.

    Statistic
    ---------
    exports, stations : int
        Exports, and different stations that stand in one of them.
    changed, withdrawn, interrupted : int
        Stations, as above; one station can be several of them.
    withdrawn_in_official : int
        Withdrawn stations that the official count has.
    backward : int
        Successive exports of which the later holds fewer sheets.
    by_export : array of {at, sheets, valid}
        What each export held, in order of time; `at` in ISO 8601 on the wall clock of the case.

    Uncertainty
    -----------
    None: the exports are compared whole. What happened between two exports is not seen.

    Source
    ------
    A publication is a promise: a correction carries a notice. Comparison cell by cell.
    """

    title = "Stations in successive exports"
    asks = "Does a station that an export of the running count held stay in it, with its numbers?"
    rule = "A published sheet changes only with a notice that says which, when and why."
    kind = "discrepancy"
    needs = ("exports",)
    sentences = {
        "observed": (
            "Of the {stations:station|stations} in {exports:export|exports}, {changed} changed,"
            " {withdrawn} were withdrawn for good and {interrupted} were missing for a while."
        ),
        "not-observed": (
            "Each of the {stations:station|stations} in {exports:export|exports} stayed, with its"
            " numbers, from its first export to the last."
        ),
        "void": "There are fewer than two exports, and nothing to compare.",
    }
    benign = (
        Benign(
            "returned",
            "A sheet was taken back for correction and entered again.",
            "{both} of the {changed:changed station|changed stations} were missing from an export"
            " in between.",
        ),
        Benign("notice", "The change was announced, in a notice that is not among the evidence."),
        Benign("archive", "The export was archived while the authority was writing it."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """One row a station; one row an export."""
        exports, official = evidence.exports(), evidence.sheets()
        runs = evidence.publications()
        return {
            "stations": exports.select(
                "station",
                "t",
                "last_t",
                "versions",
                "exports",
                official=exports.sid.isin(official.sid).fill_null(False),
            ),
            "exports": runs.filter(runs.origin == "series").select("t", "local", "sheets", "valid"),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact over all exports."""
        stations, exports = measured["stations"], measured["exports"]
        order = np.argsort(exports["t"], kind="stable")
        at = exports["t"][order].astype(np.int64)
        first, last = (stations[n].astype(np.int64) for n in ("t", "last_t"))
        between = np.searchsorted(at, last, side="right") - np.searchsorted(at, first)
        changed = stations["versions"] > 1
        withdrawn = last < at.max(initial=0)
        interrupted = stations["exports"] < between
        sheets = exports["sheets"][order].astype(np.int64)
        statistic: dict[str, Any] = {
            "exports": len(at),
            "stations": len(first),
            "changed": int(changed.sum()),
            "withdrawn": int(withdrawn.sum()),
            "interrupted": int(interrupted.sum()),
            "withdrawn_in_official": int((withdrawn & stations["official"].astype(bool)).sum()),
            "backward": int((np.diff(sheets) < 0).sum()),
            "by_export": [
                {"at": clock(exports["local"][i]), "sheets": int(exports["sheets"][i]),
                 "valid": int(exports["valid"][i])}
                for i in order
            ],
        }  # fmt: skip
        touched = changed | withdrawn | interrupted
        observed = bool(touched.any())
        yield self.fact(
            "void" if len(at) < 2 else "observed" if observed else "not-observed",
            statistic,
            explanations=self.explain(
                returned={
                    "both": int((changed & interrupted).sum()),
                    "changed": int(changed.sum()),
                }
            )
            if observed and len(at) > 1
            else (),
            rows={
                "station": stations["station"][touched],
                "changed": changed[touched],
                "withdrawn": withdrawn[touched],
                "interrupted": interrupted[touched],
                "versions": stations["versions"][touched],
                "exports": stations["exports"][touched],
            }
            if observed
            else None,
            key="station",
        )


def clock(local: np.int64 | NDArray[np.int64]) -> str:
    """A wall clock in seconds since 1970 as ISO 8601 text."""
    return str(np.datetime64(int(local), "s"))
