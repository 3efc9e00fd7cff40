"""Fields read on scans beside what a count records: numbers, rows, pictures, figure and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Picture
from veedor.checks import differences
from veedor.checks.base import Context, say
from veedor.checks.transcripts import ALTERED, Fields, by_reading

__all__ = ["drawn_of", "figures", "pictures", "rows", "statistic", "told"]

SAMPLE = 30
"""Agreeing fields that are drawn for a person to look at: if all are right, at most one in ten of
all agreements is wrong, at 95 %."""
FIRST = 16
"""Scans that disagree of which the parts come before those of the sample."""

CALLED = {
    "blank": "the number of blank votes",
    "null": "the number of null votes",
    "declared_valid": "the stated number of valid votes",
    "declared_cast": "the stated number of votes cast",
}
"""Fields that are no option, in words."""

Ints = NDArray[np.int64]


def statistic(fields: Fields) -> dict[str, Any]:
    """How the fields of one count compare, as `images.reading` documents it."""
    n = max(len(fields.sid), 1)
    disagree = int(fields.disagree.sum())
    altered = fields.unsure & ((fields.altered >= ALTERED) | (fields.state == "struck"))
    agreeing = fields.agree & ~fields.empty
    alone = by_reading(fields)
    numbers = {
        "fields": len(fields.sid),
        "agree": int(fields.agree.sum()),
        "disagree": disagree,
        "unsure": int(fields.unsure.sum()),
    }
    return {
        **numbers,
        **{f"{k}_points": 100.0 * numbers[k] / n for k in ("agree", "disagree", "unsure")},
        "agree_by_sums": int(fields.by_sums.sum()),
        "empty_as_zero": int(fields.empty.sum()),
        "altered": int(altered.sum()),
        "doubtful": int((fields.unsure & ~altered).sum()),
        "expected": alone.fields,
        "sheets_disagree": alone.sheets,
        "sheets_expected": alone.expected,
        "confirmed": int(fields.confirmed.sum()),
        "balanced": int(fields.balanced.sum()),
        "sheets_confirmed": len(np.unique(fields.sid[fields.confirmed])),
        "p_reading": alone.p,
        "p_confirmed": alone.p_confirmed,
        "expected_agreeing": float((1 - fields.p_agree[agreeing]).sum()),
        "by_field": _by_field(fields),
    }


def _by_field(fields: Fields) -> list[dict[str, Any]]:
    change = np.where(fields.disagree, fields.recorded - fields.read, 0)
    found = []
    for name in sorted(set(fields.field.tolist())):
        own = fields.field == name
        found.append(
            {
                "field": name,
                "fields": int(own.sum()),
                "agree": int((own & fields.agree).sum()),
                "disagree": int((own & fields.disagree).sum()),
                "unsure": int((own & fields.unsure).sum()),
                "up": int((change[own] > 0).sum()),
                "down": int((change[own] < 0).sum()),
                "net": int(change[own].sum()),
            }
        )
    return found


def drawn_of(fields: Fields, context: Context) -> Ints:
    """Positions of agreeing fields drawn for a person to look at."""
    at = np.flatnonzero(fields.agree)
    return np.sort(context.rng.choice(at, size=min(SAMPLE, len(at)), replace=False))


def rows(fields: Fields, drawn: Ints) -> dict[str, NDArray[Any]]:
    """Fields that disagree, those that are borne out first; then those altered or drawn to be
    looked at.
    """
    differ = np.flatnonzero(fields.disagree)
    size = np.abs(fields.recorded - fields.read)[differ]
    firm = fields.confirmed[differ]
    differ = differ[
        np.lexsort((fields.field[differ].astype(str), fields.sid[differ], -size, ~firm))
    ]
    altered = np.flatnonzero(fields.unsure & (fields.altered >= ALTERED))
    at = np.concatenate([differ, altered, drawn])
    what = ["disagrees"] * len(differ) + ["written over or struck"] * len(altered)
    what += [f"agrees{_how_agrees(fields, int(i))}, drawn to be looked at" for i in drawn]
    return {
        "sid": fields.sid[at],
        "what": np.array(what, dtype=object),
        "field": fields.field[at],
        "recorded": fields.recorded[at],
        "read": fields.value[at],
        "boxes": fields.text[at],
        "p": fields.p[at],
        "p_recorded": fields.p_recorded[at],
        "confirmed": fields.confirmed[at].astype(np.int64),
        "scan": fields.scan[at],
    }


def _how_agrees(fields: Fields, i: int) -> str:
    """What the agreement of a field stands on, where it is not its own boxes."""
    return " by the sums of the form alone" if fields.by_sums[i] else ""


def pictures(fields: Fields, drawn: Ints, name: str) -> tuple[Picture, ...]:
    """The rows of the form that disagree, those that are borne out first and with most votes, and
    some of those drawn before the rest.
    """
    change = np.where(fields.disagree, np.abs(fields.recorded - fields.read), 0)
    scans = np.unique(fields.scan[fields.disagree]).tolist()
    weight = {s: int(change[fields.scan == s].sum()) for s in scans}
    firm = set(fields.scan[fields.confirmed].tolist())
    made, agreed = [], []
    for scan in sorted(weight, key=lambda s: (s not in firm, -weight[s], s)):
        at = np.flatnonzero((fields.scan == scan) & fields.disagree)
        words = "; ".join(_said(fields, int(i)) for i in at)
        made.append(Picture(scan, tuple(fields.cell_of[at]), f"{name} and the scan: {words}."))
    for i in drawn:
        words = (
            f"Drawn to be looked at, {name} and the scan agree{_how_agrees(fields, int(i))}:"
            f" {_said(fields, int(i))}."
        )
        agreed.append(Picture(int(fields.scan[i]), (str(fields.cell_of[i]),), words))
    return (*made[:FIRST], *agreed, *made[FIRST:])


def called(field: str) -> str:
    """A field of a count in words."""
    return CALLED.get(field, field)


def _said(fields: Fields, i: int) -> str:
    value = fields.value[i]
    read = "nothing" if np.isnan(value) else f"{int(value):,}"
    recorded = f"{called(fields.field[i])} is recorded as {fields.recorded[i]:,}"
    if fields.by_sums[i]:
        return (
            f"{recorded}; its boxes leave it open ({read} with probability {fields.p[i]:.2f}), and"
            f" the sums of the form say {fields.recorded[i]:,}"
        )
    return f"{recorded} and read as {read}"


def told(
    name: str, s: Mapping[str, Any], context: Context, *, lead: bool, many: bool, rest: str
) -> str:
    """The finding on one count in words; with which way the `lead` moves, if that can be told; with
    the `rest` that can be said where the disagreements are not so `many` that reading alone does
    not explain them.
    """
    if not s["fields"]:
        return f"No field that {name} records was found on a scan."
    text = say(
        "Of {fields} fields that {name} records, {agree} agree with the scans ({agree_points:.2f}"
        " %), {by_sums}{disagree} disagree, and of {unsure} reading cannot tell"
        " ({unsure_points:.2f} %). ",
        name=name,
        by_sums=say("{agree_by_sums} of them by the sums of the form alone, ", **_plain(s))
        if s["agree_by_sums"]
        else "",
        **_plain(s),
    )
    if s["disagree"]:
        text += say(
            "The disagreements are on {sheets_disagree:sheet|sheets}; errors of reading alone would"
            " lead one to expect some on {sheets_expected:.1f}. {confirmed:of these fields is|of"
            " these fields are} borne out, on {sheets_confirmed:sheet|sheets}: the sums of the form"
            " hold with the number read, or what the record has more in one field it has less in"
            " others.",
            **_plain(s),
        )
        if not many:
            text += f" So many disagreements may come from errors of reading alone; {rest}"
    else:
        text += say(
            "Errors of reading alone would lead one to expect some on {sheets_expected:.1f}"
            " sheets.",
            **_plain(s),
        )
    if lead:
        text += say(
            " On the scans the lead of {winner} over {runner_up} is {how}: it is recorded as larger"
            " on {up:sheet|sheets} and as smaller on {down}.",
            how=_how(s["lead_votes"]),
            **(s["lead"] | differences.words(s, context)),
        )
    return text


def _plain(s: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in s.items() if not isinstance(v, list | dict)}


def _how(votes: int) -> str:
    """The lead on the scans against that of the record, in words."""
    if not votes:
        return "the same"
    return f"{abs(votes):,} {'vote' if abs(votes) == 1 else 'votes'} " + (
        "smaller" if votes > 0 else "larger"
    )


def figures(count: str, name: str, s: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Where fields disagree, by field; none where none does."""
    if not s["disagree"]:
        return ()
    table = s["by_field"]
    labels = [f"{called(row['field'])} ({row['fields']:,} fields)" for row in table]
    shares = [100.0 * row["disagree"] / row["fields"] for row in table]
    return (
        Figure(
            id=f"images.reading.{count}",
            chart="bars",
            rows={"label": np.array(labels, dtype=object), "value": np.array(shares)},
            alt="Share of fields that disagree with the scans: "
            + "; ".join(f"{n}: {v:.2f} %" for n, v in zip(labels, shares, strict=True)),
            labels={"title": f"{name} against the scans", "x": "per cent of the fields", "y": ""},
        ),
    )
