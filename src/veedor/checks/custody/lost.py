"""Sheets whose originals were lost, and what survives of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Explanation, Status
from veedor.case.tables import votes_columns
from veedor.checks import paired
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.paired import UNREAD

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Lost(Check):
    """For each list of lost or destroyed sheets: the votes on them, and the other records that
    survive.

    A record is a sheet of any other count of the case with at least one number. It is independent
    where that count is a copy made by others. A preliminary count is by the same authority: its
    photographs may be what the lost sheets were replaced with in the official count, and then agree
    with it whatever the sheets said. A sheet without an independent record can be neither confirmed
    nor contradicted.

    Statistic
    ---------
    listed : int
        Sheets on the list that are in any count of the case.
    stations, valid : int, votes : object by option
        Of those in the official count.
    with_record, without_record : int
        Official sheets of the list that another count holds, and those that none does.
    independent_record, without_independent_record : int
        Official sheets of the list that a copy made by others holds, and those that none does.
    valid_with_record, valid_without_record, valid_without_independent_record : int;
    votes_without_record, votes_without_independent_record : object by option
    changed_against_record, cells_against_record : int
        Sheets, and cells, on which some record differs from the official number.
    records : array of {count, role, stations, valid, changed, cells, net}
        The sheets that each other count holds, with their official votes; those that differ, their
        cells, and votes net by option (official less record).
    without_record_places : int
        Polling centres with a sheet that has no record.
    unmatched : int
        Codes on the list that no count has (at most 50 are told).

    Uncertainty
    -----------
    None: sums. What the lost sheets said is not estimated.

    Source
    ------
    The lists that the case quotes.
    """

    title = "Lost sheets and what survives of them"
    asks = "How many votes are on lost sheets, and on how many of them does no record survive?"
    rule = "The original of every sheet is kept until the outcome is beyond challenge."
    kind = "control"
    needs = ("lost",)
    heading = "{heading}"
    sentences = {
        "not-determinable": (
            "This list holds {stations:official sheet|official sheets} with"
            " {valid:valid vote|valid votes}. Independent copies in the case hold"
            " {independent_record} of them. Another count, be it of the same authority and not"
            " known to be independent, holds {with_record}; none holds {without_record}. The"
            " {without_independent_record} without an independent record, with"
            " {valid_without_independent_record:valid vote|valid votes}, can be neither confirmed"
            " nor contradicted."
        ),
        "observed": (
            "This list holds {stations:official sheet|official sheets} with"
            " {valid:valid vote|valid votes}. Independent copies hold every one of them; some other"
            " record differs on {changed_against_record}."
        ),
        "not-observed": (
            "This list holds {stations:official sheet|official sheets} with"
            " {valid:valid vote|valid votes}. Independent copies hold every one of them, and every"
            " other record has the same number in every cell."
        ),
        "not-applicable": "None of the sheets on this list is in the official count.",
    }
    benign = (
        Benign(
            "after",
            "The sheets were lost after they had been counted, and the count agrees with what was"
            " published before.",
            "Of {with_record:sheet|sheets} that another count holds, {same:has|have} the same"
            " number in every cell and {changed:differs|differ}. That agreement says what was"
            " published before, and confirms a number only on {independent:sheet|sheets} that an"
            " independent copy holds: a count of the same authority may be what the lost sheets"
            " were replaced with.",
        ),
        Benign(
            "unchanged",
            "The votes stand as they were cast: evidence that is not available is not a changed"
            " vote.",
        ),
        Benign(
            "copies",
            "Copies in the hands of parties, observers or jurors survive outside the case.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The members of each list of lost sheets, and every count's record of them."""
        names = [name for name, info in evidence.lists.items() if info.lost]
        queries = {f"list:{name}": evidence.list_members(name) for name in names}
        members = [queries[f"list:{name}"] for name in names]
        wanted = members[0].union(*members[1:], distinct=True) if len(members) > 1 else members[0]
        lines = [*evidence.votes_columns, "blank", "null"]
        for count in evidence.counts:
            sheets = paired.recorded(evidence, count)
            kept = sheets.semi_join(wanted, "sid")
            centre = f"cell_{evidence.case.geography[-1]}"
            queries[f"count:{count}"] = kept.select(
                "sid",
                centre=kept[centre],
                registered=kept.registered.fill_null(0),
                **{n: kept[n].fill_null(UNREAD) for n in lines},
            )
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each list of lost sheets."""
        for key in measured:
            kind, _, name = key.partition(":")
            if kind == "list":
                yield self._list(name, measured, context)

    def _list(self, name: str, measured: Mapping[str, Columns], context: Context) -> Fact:
        info = context.lists[name]
        official = measured[f"count:{context.case.official}"]
        listed = measured[f"list:{name}"]["sid"]
        inside = np.isin(official["sid"], listed)
        sids = official["sid"][inside].astype(np.int64)
        votes = _votes(official, len(context.options))[inside]
        records = []
        recorded = np.zeros(len(sids), dtype=np.bool_)
        independent = recorded.copy()
        differs = np.zeros((len(sids), len(context.options) + 2), dtype=np.bool_)
        for count, record in measured.items():
            other = count.removeprefix("count:")
            if not count.startswith("count:") or other == context.case.official:
                continue
            row, held, differ = _record(other, official, inside, record, context)
            records.append(row)
            recorded |= held
            independent |= held & (context.counts[other].role == "copy")
            differs |= differ
        changed: Mask = np.asarray(differs.any(axis=1))
        statistic = {
            "listed": len(listed),
            "stations": len(sids),
            "valid": int(votes.sum()),
            "votes": _by_option(votes, context),
            "with_record": int(recorded.sum()),
            "without_record": int((~recorded).sum()),
            "independent_record": int(independent.sum()),
            "without_independent_record": int((~independent).sum()),
            "valid_with_record": int(votes[recorded].sum()),
            "valid_without_record": int(votes[~recorded].sum()),
            "valid_without_independent_record": int(votes[~independent].sum()),
            "votes_without_record": _by_option(votes[~recorded], context),
            "votes_without_independent_record": _by_option(votes[~independent], context),
            "changed_against_record": int(changed.sum()),
            "cells_against_record": int(differs.sum()),
            "records": records,
            "without_record_places": len(np.unique(official["centre"][inside][~recorded])),
            "unmatched": len(info.unmatched),
        }
        status = _status(independent, changed)
        order = np.lexsort((sids, -votes.sum(axis=1), recorded, independent))
        return self.fact(
            status,
            statistic,
            subject=name,
            words={"heading": info.title},
            explanations=self._explanations(statistic) if len(sids) else (),
            questioned=_questioned(status, sids, independent, changed),
            rows={
                "sid": sids[order],
                "recorded": recorded[order],
                "independent": independent[order],
                "differs": changed[order],
                "registered": official["registered"][inside][order],
                **{o: votes[order, i] for i, o in enumerate(context.options)},
            }
            if len(sids)
            else None,
        )

    def _explanations(self, statistic: Mapping[str, Any]) -> tuple[Explanation, ...]:
        held, changed = statistic["with_record"], statistic["changed_against_record"]
        if not held:
            return self.explain()
        return self.explain(
            after={
                "with_record": held,
                "same": held - changed,
                "changed": changed,
                "independent": statistic["independent_record"],
            }
        )


def _votes(rows: Columns, options: int) -> Ints:
    """int64 (n, options): votes, 0 where not read."""
    columns = [rows[v].astype(np.int64) for v in votes_columns(options)]
    return np.maximum(np.stack(columns, axis=1), 0)


def _by_option(votes: Ints, context: Context) -> dict[str, int]:
    return {o: int(v) for o, v in zip(context.options, votes.sum(axis=0), strict=True)}


def _record(
    other: str, official: Columns, inside: Mask, record: Columns, context: Context
) -> tuple[dict[str, Any], Mask, Mask]:
    """What one other count holds of the lost sheets (m of them).

    Returns its row of the statistic; bool (m): it holds the sheet; bool (m, options + 2): it
    differs in the votes for an option, blank or null votes.
    """
    lines = [*votes_columns(len(context.options)), "blank", "null"]
    sids = official["sid"][inside]
    held = np.isin(sids, record["sid"])
    at = np.searchsorted(record["sid"], sids[held])
    ours = np.stack([official[n][inside].astype(np.int64) for n in lines], axis=1)
    theirs = np.full_like(ours, UNREAD)
    theirs[held] = np.stack([record[n].astype(np.int64)[at] for n in lines], axis=1)
    known = (ours >= 0) & (theirs >= 0)
    differ = known & (ours != theirs)
    options = len(context.options)
    net = np.where(known, ours - theirs, 0)[:, :options]
    row = {
        "count": other,
        "role": context.counts[other].role,
        "stations": int(held.sum()),
        "valid": int(np.maximum(ours[held, :options], 0).sum()),
        "changed": int(differ.any(axis=1).sum()),
        "cells": int(differ.sum()),
        "net": _by_option(net, context),
    }
    return row, held, differ


def _status(independent: Mask, changed: Mask) -> Status:
    if not len(independent):
        return "not-applicable"
    if not independent.all():
        return "not-determinable"
    return "observed" if changed.any() else "not-observed"


def _questioned(status: str, sids: Ints, independent: Mask, changed: Mask) -> Ints | None:
    """Sheets without an independent record; where all have one, those that differ from a record."""
    if status == "not-determinable":
        return sids[~independent]
    return sids[changed] if status == "observed" else None
