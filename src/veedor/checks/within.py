"""Late against early sheets of the same polling centre, and what else tells them apart there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Context
from veedor.checks.lateness import Stream, points, rounded, span
from veedor.checks.paired import Ints, Mask
from veedor.stats.ratio import cluster_ratio
from veedor.stats.sequential import Contrast, late_contrast

Floats = NDArray[np.float64]


def size_groups(sheets: Stream, context: Context) -> dict[str, Ints]:
    """Codes of the centre, and of the centre and tenth of its longest list of voters."""
    centre = np.unique(sheets.cells[context.case.sibling_level], return_inverse=True)[1]
    registered = np.maximum(np.nan_to_num(sheets.registered), 0.0)
    longest = np.zeros(int(centre.max(initial=-1)) + 1)
    np.maximum.at(longest, centre, registered)
    tenth = np.ceil(10.0 * registered / np.maximum(longest, 1.0)[centre])
    return {"centre": centre, "centre-and-size": centre * 11 + tenth.astype(np.int64)}


def contrast(
    sheets: Stream,
    codes: Ints,
    some: Mask | slice = slice(None),
    rng: np.random.Generator | None = None,
    replicates: int = 0,
) -> Contrast:
    """Late against early sheets of the same code, among some sheets, in points of the lead."""
    return late_contrast(
        np.asarray(100.0 * sheets.lead[some], dtype=np.float64),
        sheets.valid[some].astype(np.float64),
        codes[some],
        sheets.late[some],
        rng,
        replicates,
    )


def summary(found: Contrast, sheets: Stream) -> dict[str, Any]:
    """The effect in points, in votes and in national points."""
    votes = found.top / 100.0
    return {
        "centres": found.groups,
        "early": found.early,
        "late": found.late,
        "effect_points": rounded(found.ratio.value),
        "low": rounded(found.ratio.low),
        "high": rounded(found.ratio.high),
        "votes": rounded(votes, 1),
        "national_points": rounded(100.0 * votes / sheets.total),
        "z": rounded(found.z),
        "p_normal": rounded(found.p_normal),
    }


def statistic(
    sheets: Stream,
    groups: Mapping[str, Ints],
    found: Mapping[str, Contrast],
    region: Ints,
    regions: Mapping[int, str],
) -> dict[str, Any]:
    """The effect, and the effect among sheets that are alike in something else."""
    main, centre = found["centre"], groups["centre"]
    lates = np.bincount(centre, sheets.late)[centre]
    everyone = np.bincount(centre)[centre]
    unfinished = np.array([s is not None for s in sheets.state.tolist()], dtype=bool)
    return {
        **summary(main, sheets),
        "slack_votes": rounded(sheets.slack, 1),
        "p_value": main.p,
        "replicates": main.replicates,
        "without_one": [rounded(value) for value in main.without],
        "late_only": _lone(sheets, centre, lates == everyone),
        "early_only": _lone(sheets, centre, lates == 0),
        "groups": [
            {"group": name, **summary(one, sheets), "p_value": one.p} for name, one in found.items()
        ],
        "by_size": _each("registered", *_quarters(sheets.registered), centre, sheets),
        "by_class": _each("place_class", *_classes(sheets), centre, sheets),
        "by_region": _each("region", region, regions, centre, sheets),
        "finished": {
            "left_out": int(unfinished.sum()),
            **summary(contrast(sheets, centre, ~unfinished), sheets),
        }
        if unfinished.any()
        else None,
        "order": _order(sheets, centre, lates, everyone),
    }


def _lone(sheets: Stream, centre: Ints, some: Mask) -> dict[str, int]:
    return {
        "centres": len(np.unique(centre[some])),
        "sheets": int(some.sum()),
        "valid": int(sheets.valid[some].sum()),
    }


def _quarters(registered: Floats) -> tuple[Ints, dict[int, str]]:
    """Quarters of registered voters over all sheets, and their ends; -1 where not known."""
    some = ~np.isnan(registered)
    if not some.any():
        return np.full(len(registered), -1), {}
    cuts = np.unique(np.quantile(registered[some], [0.25, 0.5, 0.75], method="lower"))
    quarter = np.where(some, np.searchsorted(cuts, registered), -1).astype(np.int64)
    return quarter, {
        q: f"{registered[quarter == q].min():,.0f} to {registered[quarter == q].max():,.0f}"
        for q in np.unique(quarter[some]).tolist()
    }


def _classes(sheets: Stream) -> tuple[Ints, dict[int, str]]:
    words = np.array(["" if w is None else str(w) for w in sheets.place_class.tolist()])
    names, codes = np.unique(words, return_inverse=True)
    return codes.astype(np.int64), {i: n for i, n in enumerate(names.tolist()) if n}


def _each(
    key: str, codes: Ints, names: Mapping[int, Any], centre: Ints, sheets: Stream
) -> list[dict[str, Any]]:
    """The contrast among the sheets of each code that has early and late ones of one centre."""
    found = [
        (name, contrast(sheets, centre, codes == code)) for code, name in sorted(names.items())
    ]
    return [{key: name, **summary(one, sheets)} for name, one in found if one.groups]


def _order(sheets: Stream, centre: Ints, lates: Ints, everyone: Ints) -> dict[str, Any] | None:
    """The lead along the stations of a centre in order of their codes, where all were early."""
    clear = (lates == 0) & (everyone > 1)
    split = (lates > 0) & (lates < everyone)
    if not clear.any() or not split.any():
        return None
    place = _places(sheets.sid, centre)
    valid = sheets.valid.astype(np.float64)
    whole = np.bincount(centre, valid)
    share = 100.0 * sheets.lead / valid
    x, y = (v - (np.bincount(centre, v * valid) / whole)[centre] for v in (place, share))
    top, bottom = (
        np.bincount(centre, v * clear).astype(np.float64) for v in (valid * x * y, valid * x * x)
    )
    some = np.bincount(centre, clear) > 0
    slope = cluster_ratio(top[some], bottom[some])
    moved = late_contrast(place * valid, valid, centre, sheets.late).ratio.value
    late, early = (
        float(np.average(place[of], weights=valid[of]))
        for of in (split & sheets.late, split & ~sheets.late)
    )
    return {
        "first_to_last_points": rounded(slope.value),
        "low": rounded(slope.low),
        "high": rounded(slope.high),
        "late_place": rounded(late),
        "early_place": rounded(early),
        "implied_points": rounded(slope.value * moved),
    }


def _places(sid: Ints, centre: Ints) -> Floats:
    """Where each station stands among those of its centre by code: 0 the first, 1 the last."""
    rank = np.lexsort((sid, centre))
    first = np.flatnonzero(np.diff(centre[rank], prepend=-1))
    members = np.diff(np.append(first, len(rank)))
    place = np.empty(len(centre))
    place[rank] = np.arange(len(rank)) - np.repeat(first, members)
    return np.asarray(place / np.maximum(np.bincount(centre) - 1, 1)[centre])


def sentence(statistic: Mapping[str, Any]) -> str:
    """The effect in words."""
    lone = statistic["late_only"]
    return (
        f"In {statistic['centres']:,} polling centres with sheets on both sides of the cut, the"
        f" margin of the {statistic['late']:,} late sheets less what the {statistic['early']:,}"
        f" early ones of their own centre predict is {points(statistic['effect_points'])}"
        f" ({span(statistic['low'], statistic['high'])}):"
        f" {statistic['votes']:,.0f} votes of lead, {points(statistic['national_points'], 4)} of"
        f" the whole count, beside {statistic['slack_votes']:,.0f} votes of slack. Random orders"
        f" within centres give as much with a chance of {statistic['p_value']:.3f}."
        f" {lone['sheets']:,} sheets lie in centres that were wholly late and cannot be judged"
        " this way."
    ).replace("-", "\u2212")


def tested(statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the benign explanations of the check came to."""
    low, high = statistic["without_one"]
    matched = statistic["groups"][1]
    tested: dict[str, Mapping[str, Any]] = {"size": {"matched": _part(matched)}}
    if low is not None:
        classes = "; ".join(f"{r['place_class']} {_part(r)}" for r in statistic["by_class"])
        tested["one_place"] = {
            "low": round(low, 2),
            "high": round(high, 2),
            "classes": f"By class of place: {classes}." if classes else "",
        }
    if order := statistic["order"]:
        tested["number"] = {
            "slope": points(order["first_to_last_points"]),
            "span": span(order["low"], order["high"]),
            "late_place": order["late_place"],
            "early_place": order["early_place"],
            "implied": points(order["implied_points"]),
        }
    if finished := statistic["finished"]:
        tested["held_back"] = {"unfinished": finished["left_out"], "finished": _part(finished)}
    return tested


def _part(part: Mapping[str, Any]) -> str:
    if part["effect_points"] is None:
        return "nothing can be compared"
    return f"{points(part['effect_points'])} ({span(part['low'], part['high'])})"
