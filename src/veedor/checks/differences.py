"""What differs between two records of the same sheets: the numbers, the rows and the words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.case.tables import votes_columns
from veedor.checks.base import Context
from veedor.checks.paired import Ints, Pair, Standing, same_source
from veedor.contest import margin_points
from veedor.stats.binomial import sign_test
from veedor.stats.slips import KINDS

SLIP_WORDS = {
    "all-zero": "only zeros in one record",
    "neighbour-swap": "neighbouring lines exchanged",
    "swap": "other lines exchanged",
    "shift": "lines shifted by one",
    "transposed-digits": "digits transposed",
    "one-digit": "one digit different",
    "lost-digit": "a digit left out or added",
    "other-row": "the numbers of another station",
}


def cannot_differ(pair: Pair, context: Context, other: str) -> str:
    """Why the comparison could not have shown anything; empty where it could."""
    if same_source(context.counts, context.case.official, other):
        return "Both counts are read from the same cells of one file, so they cannot differ."
    if len(pair.sid) and not (pair.first > 0).any() and not (pair.second > 0).any():
        return "Both counts hold no number but zero on every common sheet."
    return ""


def comparison(
    pair: Pair, standing: Standing, lead: Ints, names: Columns, context: Context
) -> dict[str, Any]:
    """The statistic of two records of the same sheets, official first.

    `lead` (n) is the change of the lead on each sheet; `names` are the regions' names.
    """
    change = pair.change
    zero = pair.slips.kind == KINDS.index("all-zero")
    moved = int(lead.sum())
    return {
        "common": len(pair.sid),
        "changed": int(pair.changed.sum()),
        "changed_votes": int((change[:, : pair.options] != 0).any(axis=1).sum()),
        "changed_by_option": by_option(pair),
        "lead": _lead(lead, standing),
        "lead_votes": moved,
        "lead_points": round(100.0 * moved / standing.basis, 6),
        "lead_points_common": _margin_change(pair, standing, context),
        "slips": [{"slip": kind, "stations": pair.slips.count(kind)} for kind in KINDS[1:]],
        "one_line": int(((change != 0).sum(axis=1) == 1).sum()),
        "same_total": int((pair.slips.same_total & pair.changed).sum()),
        "zeros": {
            "stations": int(zero.sum()),
            "in_second": int((zero & (np.maximum(pair.second, 0).sum(axis=1) == 0)).sum()),
            "votes": {
                name: int(v) for name, v in zip(pair.names, change[zero].sum(axis=0), strict=True)
            },
            "lead_votes": int(lead[zero].sum()),
        },
        "one_sided": int(pair.one_sided.sum()),
        "by_region": by_region(pair, lead, names),
        "by_size": by_size(pair, lead),
    }


def _lead(lead: Ints, standing: Standing) -> dict[str, Any]:
    """Between which options the lead is, and on how many sheets it rose and fell."""
    up, down = int((lead > 0).sum()), int((lead < 0).sum())
    return {
        "winner": standing.winner,
        "runner_up": standing.runner_up,
        "up": up,
        "down": down,
        "p": float(sign_test(up, down)),
    }


def _margin_change(pair: Pair, standing: Standing, context: Context) -> float:
    """First margin less second margin over the common sheets, in points."""
    known = (pair.first >= 0) & (pair.second >= 0)
    margins = []
    for record in (pair.first, pair.second):
        sums = [int(v) for v in np.where(known, record, 0).sum(axis=0)]
        spoilt = dict(zip(pair.names[pair.options :], sums[pair.options :], strict=True))
        margins.append(
            margin_points(
                context.case.contest_rule,
                sums[: pair.options],
                spoilt.get("blank", 0),
                spoilt.get("null", 0),
                (standing.winner, standing.runner_up),
            )
        )
    return round(margins[0] - margins[1], 6)


def by_option(pair: Pair) -> list[dict[str, Any]]:
    """What changed on each line: sheets, votes net and gross, up and down, and the sign tests."""
    change = pair.change
    alone = change[~pair.slips.explained]
    up, down = (change > 0).sum(axis=0), (change < 0).sum(axis=0)
    up_alone, down_alone = (alone > 0).sum(axis=0), (alone < 0).sum(axis=0)
    p, p_alone = sign_test(up, down), sign_test(up_alone, down_alone)
    return [
        {
            "option": name,
            "stations": int(up[i] + down[i]),
            "net": int(change[:, i].sum()),
            "gross": int(np.abs(change[:, i]).sum()),
            "up": int(up[i]),
            "down": int(down[i]),
            "p": float(p[i]),
            "unexplained_up": int(up_alone[i]),
            "unexplained_down": int(down_alone[i]),
            "unexplained_p": float(p_alone[i]),
        }
        for i, name in enumerate(pair.names)
    ]


def by_region(pair: Pair, lead: Ints, names: Columns) -> list[dict[str, Any]]:
    """Sheets, changed sheets and the effect on the lead in each region, most sheets first."""
    name = dict(zip(names["region"].tolist(), names["place"].tolist(), strict=True))
    codes, inverse = np.unique(pair.region, return_inverse=True)
    size = len(codes)
    sheets = np.bincount(inverse, minlength=size)
    changed = np.bincount(inverse[pair.changed], minlength=size)
    leads = np.bincount(inverse, weights=lead, minlength=size)
    return [
        {
            "place": name.get(int(codes[i])),
            "stations": int(sheets[i]),
            "changed": int(changed[i]),
            "changed_points": 100.0 * float(changed[i] / sheets[i]),
            "lead_votes": round(leads[i]),
        }
        for i in np.lexsort((codes, -sheets))
    ]


def by_size(pair: Pair, lead: Ints) -> list[dict[str, Any]]:
    """The same by quarter of the sheets' size: their votes, in the record that has more."""
    size = np.maximum(np.maximum(pair.first, 0).sum(axis=1), np.maximum(pair.second, 0).sum(axis=1))
    if not len(size):
        return []
    cuts = np.unique(np.quantile(size, [0.25, 0.5, 0.75], method="lower"))
    quarter = np.searchsorted(cuts, size, side="left")
    found = []
    for code in np.unique(quarter):
        inside = quarter == code
        found.append(
            {
                "from": int(size[inside].min()),
                "to": int(size[inside].max()),
                "stations": int(inside.sum()),
                "changed": int(pair.changed[inside].sum()),
                "changed_points": 100.0 * float(pair.changed[inside].mean()),
                "lead_votes": int(lead[inside].sum()),
            }
        )
    return found


def as_other(pair: Pair, standing: Standing, context: Context) -> dict[str, Any]:
    """The contest, had the second record stood on all common sheets."""
    rule = context.case.contest_rule
    sums = dict(standing.totals)
    columns = votes_columns(pair.options)
    registered = sums["registered"] or None
    before = rule.decide([sums[v] for v in columns], sums["blank"], sums["null"], registered)
    for name, net in zip(
        [*columns, *pair.names[pair.options :]], pair.change.sum(axis=0), strict=True
    ):
        sums[name] -= int(net)
    votes = [sums[v] for v in columns]
    after = rule.decide(votes, sums["blank"], sums["null"], registered)
    two = (standing.winner, standing.runner_up)
    return {
        "margin_points": round(margin_points(rule, votes, sums["blank"], sums["null"], two), 6),
        "winner": after.winner,
        "decided_by": after.decided_by,
        "outcome_changes": after.identity != before.identity,
    }


def changed_rows(pair: Pair, lead: Ints, other: str) -> dict[str, NDArray[Any]]:
    """The changed sheets: both records of each line, the slip, and the effect on the lead; those
    that move the lead or the votes most come first.
    """
    at = np.flatnonzero(pair.changed)
    gross = np.abs(pair.change[at]).sum(axis=1)
    at = at[np.lexsort((pair.sid[at], -gross, -np.abs(lead[at])))]
    rows: dict[str, NDArray[Any]] = {
        "sid": pair.sid[at],
        "slip": np.array(KINDS, dtype=object)[pair.slips.kind[at]],
        "lead_change": lead[at],
    }
    for i, name in enumerate(pair.names):
        rows[name] = pair.first[at, i]
        rows[f"{name} ({other})"] = pair.second[at, i]
    return rows


def slip_words(pair: Pair) -> dict[str, Any]:
    """How many changed sheets each slip explains, for a sentence."""
    parts = [f"{text} {pair.slips.count(kind):,}" for kind, text in SLIP_WORDS.items()]
    return {
        "changed": int(pair.changed.sum()),
        "explained": int(pair.slips.explained.sum()),
        "other": pair.slips.count("other"),
        "parts": ", ".join(parts),
    }


def size_words(
    statistic: Mapping[str, Any], standing: Standing, context: Context
) -> dict[str, Any]:
    """Whether large options rise and small ones fall, for a sentence."""
    names = {o.id: o.name for o in context.case.options}
    table = statistic["changed_by_option"][: len(context.options)]
    totals = [standing.totals[v] for v in votes_columns(len(table))]
    order = sorted(range(len(table)), key=lambda i: -totals[i])
    half = (len(table) + 1) // 2
    large, small = ([table[i] for i in part] for part in (order[:half], order[half:]))
    most = min(table, key=lambda row: float(row["p"]))
    return {
        "large": half,
        "large_up": sum(row["up"] > row["down"] for row in large),
        "small_down": sum(row["up"] < row["down"] for row in small),
        "small": len(small),
        "option": names[most["option"]],
        "up": most["up"],
        "down": most["down"],
    }


def lead_words(statistic: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """On how many sheets the lead rises and falls, for a sentence."""
    lead = statistic["lead"]
    names = words(statistic, context)
    return {
        "winner": names["winner"],
        "runner_up": names["runner_up"],
        "up": lead["up"],
        "down": lead["down"],
        "p": _p_words(lead["p"]),
    }


def words(statistic: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The names of the two leading options and what happens to the lead, for a sentence."""
    names = {o.id: o.name for o in context.case.options}
    moved = statistic["lead_votes"]
    how = "larger" if moved > 0 else "smaller"
    return {
        "winner": names[statistic["lead"]["winner"]],
        "runner_up": names[statistic["lead"]["runner_up"]],
        "lead_words": f"{abs(moved):,} votes {how}" if moved else "the same",
        "lead_up": statistic["lead"]["up"],
        "lead_down": statistic["lead"]["down"],
    }


def _p_words(p: float) -> str:
    return f"{p:.3g}" if p >= 1e-6 else "below 0.000001"
