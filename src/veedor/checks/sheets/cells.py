"""Which cells of the counts are not whole numbers, and the votes that hang on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.recorded import known, shared_words, whole

NUMBERS = ("negative", "fractional", "separated")
"""States of cells that hold a number, though not plainly a whole one: shown as written."""


class Cells(Check):
    """List the cells that should hold a whole number and do not, by count, field and state.

    One finding for each count. A word that the case explains (illegible, no data, no sheet) is what
    the authority says of the cell: such cells are listed apart. Empty cells belong to
    `sheets.blank-not-zero`. A cell that is no number adds nothing to any sum.

    Statistic
    ---------
    stations : int
        Sheets of the count.
    cells, sheets : int
        Cells that are negative, fractional, separated (such as 1.000 or 12,345, which may be
        thousands or decimals) or an unexplained word; sheets that have one.
    explained, explained_sheets : int
        Cells with a word whose meaning the case gives; sheets that have one.
    unreadable : int
        Sheets with an option's, the blank or the null votes' cell of either kind.
    unreadable_valid, unreadable_registered : int
        Votes for options that can be read on them; their registered voters, where recorded.
    by_field : array of {field, state, cells, sheets}

    Uncertainty
    -----------
    None: a list of cells.

    Source
    ------
    The contracts of the canonical tables: votes are whole numbers, zero or more.
    """

    title = "Cells that are not whole numbers"
    asks = "Which cells that should hold a number of votes or voters hold something else?"
    rule = "Votes and voters are whole numbers, zero or more."
    kind = "irregularity"
    heading = "Cells that are not whole numbers: {name}"
    sentences = {
        "observed": (
            "{cells:cell|cells} on {sheets} of {stations} sheets {cells_are} negative, fractional,"
            " written with a separator or a word that the case does not explain{and_words};"
            " {unreadable:sheet has|sheets have} a number of votes that cannot be read."
        ),
        "not-observed": (
            "Every filled cell of {stations:sheet|sheets} is a whole number{or_words}."
        ),
        "not-determinable": (
            "{explained:cell holds|cells hold} a word that the case explains; {unreadable} of"
            " {stations} sheets have a number of votes that cannot be read, with"
            " {unreadable_registered} registered voters."
        ),
        "void": "The count has no sheet.",
    }
    benign = (
        Benign(
            "file-form",
            "The file writes numbers in a way of its own, with separators or signs.",
            "The cells hold {texts:different text|different texts}; the most common one stands"
            " {most:time|times}.",
        ),
        Benign(
            "authority-words",
            "The authority writes a word where the sheet cannot be read or did not arrive.",
            "{explained} of {all} such cells hold a word that the case explains.",
        ),
        Benign("keying", "A slip of the keyboard when the sheet was transcribed."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The cells that are no whole number, and what their sheets hold besides."""
        cells = evidence.cells()
        queries = {"cells": cells.filter(cells.state != "empty")}
        for name in evidence.counts:
            sheets = evidence.sheets(name)
            named = cells.filter(cells["count"] == name, cells.state != "empty")
            queries[f"sheets:{name}"] = sheets.semi_join(named, "sid").select(
                "sid", "valid", "registered", "counted"
            )
            queries[f"size:{name}"] = sheets.agg(stations=sheets.count())
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each count."""
        cells = measured["cells"]
        for name in context.counts:
            at = (
                np.flatnonzero(cells["count"] == name)
                if len(cells["count"])
                else np.empty(0, dtype=np.int64)
            )
            mine = {k: v[at] for k, v in cells.items()}
            stations = int(whole(measured[f"size:{name}"]["stations"])[0])
            yield self._count(name, mine, measured[f"sheets:{name}"], stations, context)

    def _count(
        self, name: str, cells: Columns, sheets: Columns, stations: int, context: Context
    ) -> Fact:
        sid = whole(cells["sid"])
        broken = ~np.isin(cells["state"].astype(str), _meanings(name, context))
        fields = [*context.options, "blank", "null"]
        vote = np.isin(cells["field"].astype(str), fields)
        unreadable = np.unique(sid[vote])
        hanging = np.isin(sheets["sid"], unreadable)
        registered = np.nan_to_num(known(sheets["registered"]))
        statistic = {
            "stations": stations,
            "cells": int(broken.sum()),
            "sheets": len(np.unique(sid[broken])),
            "explained": int((~broken).sum()),
            "explained_sheets": len(np.unique(sid[~broken])),
            "unreadable": len(unreadable),
            "unreadable_valid": int(whole(sheets["valid"])[hanging].sum()),
            "unreadable_registered": int(registered[hanging].sum()),
            "by_field": _by_field(cells, sid),
        }
        status: Any = (
            "void"
            if not stations
            else "observed"
            if broken.any()
            else "not-determinable"
            if len(unreadable)
            else "not-observed"
        )
        order = np.lexsort((cells["field"].astype(str), sid, ~broken))
        raw = _shown(cells)
        return self.fact(
            status,
            statistic,
            subject=name,
            words={"name": context.counts[name].source.title or name, **_words(statistic)},
            explanations=self._explained(raw, broken) if len(sid) else (),
            questioned=unreadable if name == context.case.official and len(unreadable) else None,
            rows={
                "sid": sid[order],
                "cell": np.array(
                    [
                        f"{r}/{c}"
                        for r, c in zip(cells["row"][order], cells["column"][order], strict=True)
                    ],
                    dtype=object,
                ),
                "field": cells["field"][order],
                "state": cells["state"][order],
                "raw": raw[order],
            },
            key="cell",
        )

    def _explained(self, raw: NDArray[Any], broken: NDArray[np.bool_]) -> Any:
        tested: dict[str, Mapping[str, Any]] = {
            "authority_words": {"explained": int((~broken).sum()), "all": len(broken)}
        }
        if broken.any():
            _, counts = np.unique(raw[broken].astype(str), return_counts=True)
            tested["file_form"] = {"texts": len(counts), "most": int(counts.max())}
        return self.explain(**tested)


def _meanings(name: str, context: Context) -> list[str]:
    """What the case says that words in the cells of a count mean; no other state is explained."""
    return sorted(set(context.counts[name].source.words.values()))


def _words(statistic: Mapping[str, Any]) -> dict[str, str]:
    explained = statistic["explained"]
    said = f"{explained:,} {'word' if explained == 1 else 'words'} that the case explains"
    hold = "cell holds" if explained == 1 else "cells hold"
    return {
        "cells_are": "is" if statistic["cells"] == 1 else "are",
        "or_words": f", or one of {said}" if explained else "",
        "and_words": f", and {explained:,} {hold} an explained word" if explained else "",
    }


def _by_field(cells: Columns, sid: NDArray[np.int64]) -> list[dict[str, Any]]:
    if not len(sid):
        return []
    pairs = np.stack([cells["field"].astype(str), cells["state"].astype(str)], axis=1)
    kinds, number = np.unique(pairs, axis=0, return_inverse=True)
    number = number.reshape(-1)
    found = []
    for i, (field, state) in enumerate(kinds.tolist()):
        own = number == i
        found.append(
            {
                "field": field,
                "state": state,
                "cells": int(own.sum()),
                "sheets": len(np.unique(sid[own])),
            }
        )
    return found


def _shown(cells: Columns) -> NDArray[Any]:
    """Numbers as written; a word only where it stands on several sheets, lest it name somebody."""
    number = np.isin(cells["state"].astype(str), NUMBERS)
    shown: NDArray[Any] = np.where(number, cells["raw"], shared_words(cells["raw"]))
    return shown.astype(object)
