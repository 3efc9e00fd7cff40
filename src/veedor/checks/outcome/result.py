"""Who won, by the sheets and the contest's own rule, and whether that is what was announced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis.expr.types as ir
import numpy as np

from veedor.audit.findings import Figure, Status
from veedor.case.manifest import Announced
from veedor.case.tables import cell
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.contest import Outcome

BY = {
    "plurality": "the most votes",
    "majority": "an absolute majority",
    "lead": "the share and the lead that the rule requires",
    "threshold": "the share that the rule requires",
}

MOST_POINTS = 8_000
"""Dots in one picture; beyond that, density is drawn or the map is left out."""


class Result(Check):
    """Add up the sheets of the official count and apply the contest's rule.

    Statistic
    ---------
    sheets, registered, cast, valid, blank, null : int
        Sums over the sheets that the authority counted; `cast` is valid + blank + null.
    votes, shares : objects by option
        Votes, and percentage points of the rule's basis.
    margin_points, turnout_points : float or null
        Winner less runner-up; cast over registered.
    winner, decided_by, runner_up
        Under the contest's own rule.
    not_counted : int
        Sheets in the count that the authority left out of its totals.
    differences : array of {what, announced, sheets, difference}
        Announced totals that the sheets do not give; empty where all agree or none is known.

    Uncertainty
    -----------
    None: a sum.

    Source
    ------
    The contest's rule, as the case quotes it; exact arithmetic.
    """

    title = "The outcome by the sheets"
    asks = "What outcome do the sheets give under the contest's own rule, and was it announced so?"
    rule = "The announced totals are the sum of the sheets."
    kind = "descriptive"
    heading = "The outcome that the sheets give"
    sentences = {
        "observed": (
            "The sheets give {outcome}; {differing} of the announced totals differ from their sum."
        ),
        "not-observed": ("The sheets give {outcome}; every announced total agrees with their sum."),
        "not-determinable": (
            "The sheets give {outcome}; the case has no announced totals to compare it with."
        ),
    }
    benign = (
        Benign(
            "revision",
            "The announcement was made before the last sheets were in, or the file was revised"
            " after it.",
        ),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Totals, and votes by region and by polling centre with its position."""
        t = evidence.sheets()
        levels = evidence.case.geography
        stations = evidence.stations()
        stations = stations.select(
            "sid", "latitude", "longitude", name=levels[-1], place=evidence.case.region_level
        )
        counted = t.filter(t.counted)
        region = cell(evidence.case.region_level)
        places = counted.join(stations, "sid")
        centre = cell(levels[-1])
        return {
            "totals": t.agg(
                sheets=t.counted.cast("int64").sum(),
                rows=t.count(),
                **{
                    n: t.counted.ifelse(t[n], 0).fill_null(0).sum()
                    for n in ("registered", "cast", "valid", "blank", "null")
                },
                **{v: t.counted.ifelse(t[v], 0).fill_null(0).sum() for v in evidence.votes_columns},
            ),
            "regions": places.group_by(region=places[region]).agg(
                place=places.place.min(),
                stations=places.count(),
                valid=places.valid.sum(),
                **{v: places[v].fill_null(0).sum() for v in evidence.votes_columns},
            ),
            "centres": places.group_by(centre=places[centre]).agg(
                sid=places.sid.min(),
                stations=places.count(),
                name=places.name.min(),
                place=places.place.min(),
                located=places.latitude.count(),
                latitude=places.latitude.sum(),
                longitude=places.longitude.sum(),
                valid=places.valid.sum(),
                cast=places["cast"].sum(),
                registered=places.registered.fill_null(0).sum(),
                **{v: places[v].fill_null(0).sum() for v in evidence.votes_columns},
            ),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact: the outcome, with the announced totals beside it."""
        totals = {k: int(v[0]) for k, v in measured["totals"].items()}
        votes = {o: totals[f"v{i}"] for i, o in enumerate(context.options)}
        registered = totals["registered"] or None
        outcome = context.case.contest_rule.decide(
            list(votes.values()), totals["blank"], totals["null"], registered
        )
        official = context.counts[context.case.official]
        sums: dict[str, int | None] = {
            "sheets": totals["sheets"],
            "registered": registered if "registered" in official.fields else None,
            "cast": totals["cast"],
            "valid": totals["valid"],
            "blank": totals["blank"] if "blank" in official.fields else None,
            "null": totals["null"] if "null" in official.fields else None,
        }
        differences = list(_differences(context, {**sums, **votes}))
        announced = [a for a in context.case.announced if _national(a, context)]
        shares = {
            o: round(float(100 * s), 6)
            for o, s in zip(context.options, outcome.shares, strict=True)
        }
        turnout = 100 * totals["cast"] / registered if registered and sums["registered"] else None
        statistic = {
            **sums,
            "votes": votes,
            "shares": shares,
            "margin_points": round(float(100 * outcome.margin), 6),
            "turnout_points": turnout,
            "winner": outcome.winner,
            "decided_by": outcome.decided_by,
            "runner_up": outcome.runner_up,
            "seats": (
                None
                if outcome.seats is None
                else dict(zip(context.options, outcome.seats, strict=True))
            ),
            "not_counted": totals["rows"] - totals["sheets"],
            "differences": differences,
        }
        status: Status = (
            "observed" if differences else "not-observed" if announced else "not-determinable"
        )
        rows = measured["regions"]
        yield self.fact(
            status,
            statistic,
            words={"outcome": _sentence(outcome, context), "differing": len(differences)},
            explanations=self.explain(),
            key="region",
            rows={
                "region": rows["place"],
                "stations": rows["stations"],
                "valid": rows["valid"],
                **{o: rows[f"v{i}"] for i, o in enumerate(context.options)},
            },
            figures=tuple(_figures(measured, context, shares)),
        )


def _national(entry: Announced, context: Context) -> bool:
    return entry.count == context.case.official and not entry.path


def _differences(context: Context, sums: Mapping[str, int | None]) -> Iterable[dict[str, object]]:
    for entry in context.case.announced:
        if not _national(entry, context):
            continue
        for what, value in entry.totals.items():
            if sums.get(what) != value:
                mine = sums.get(what)
                yield {
                    "what": what,
                    "announced": value,
                    "sheets": mine,
                    "difference": None if mine is None else mine - value,
                }


def _sentence(outcome: Outcome, context: Context) -> str:
    names = {o.id: o.name for o in context.case.options}
    if outcome.winner:
        return f"{names[outcome.winner]} as the winner, by {BY.get(outcome.decided_by, 'the rule')}"
    if outcome.through:
        return f"a run-off between {' and '.join(names[o] for o in outcome.through)}"
    if outcome.seats is not None:
        return "the distribution of seats below"
    return f"no winner: {outcome.decided_by}"


def _figures(
    measured: Mapping[str, Columns], context: Context, shares: Mapping[str, float]
) -> Iterable[Figure]:
    options = {o.id: o for o in context.case.options}
    order = sorted(shares, key=lambda o: -shares[o])
    yield Figure(
        id="outcome.result.shares",
        chart="bars",
        rows={
            "label": np.array([options[o].name for o in order], dtype=object),
            "value": np.array([shares[o] for o in order]),
        },
        alt="Share of the votes by option: "
        + ", ".join(f"{options[o].name} {shares[o]:.2f} %" for o in order[:4]),
        labels={"title": "Share of the votes", "x": "per cent", "y": ""},
    )
    if len(order) > 1:
        yield from _places(measured["centres"], context, order[0], order[1])


def _places(rows: Columns, context: Context, first: str, second: str) -> Iterable[Figure]:
    """Margin on the map, and turnout against the share, by the innermost place."""
    place = context.case.geography[-1]
    index = {o: i for i, o in enumerate(context.options)}
    valid = rows["valid"].astype(np.float64)
    votes = {o: rows[f"v{index[o]}"].astype(np.float64) for o in (first, second)}
    some = valid > 0
    margin = 100 * (votes[first] - votes[second]) / np.where(some, valid, 1)
    located = some & (rows["located"] > 0)
    many = np.where(located, rows["located"], 1)
    if 1 < located.sum() <= MOST_POINTS:
        yield Figure(
            id="outcome.result.map",
            chart="map",
            rows={
                "lon": (rows["longitude"].astype(np.float64) / many)[located],
                "lat": (rows["latitude"].astype(np.float64) / many)[located],
                "value": np.round(margin[located], 2),
                "size": valid[located],
                "name": rows["name"][located],
                "region": rows["place"][located],
            },
            alt=f"Map of {int(located.sum()):,} places ({place}), coloured by the share of {first}"
            f" less the share of {second} in percentage points.",
            labels={
                "title": f"Share of {first} less share of {second}, by {place}",
                "value": "points",
                "size": "valid votes",
            },
        )
    registered = rows["registered"].astype(np.float64)
    shown = some & (registered > 0)
    turnout = 100 * rows["cast"] / np.where(shown, registered, 1)
    if 1 < shown.sum() <= MOST_POINTS:
        yield Figure(
            id="outcome.result.turnout",
            chart="scatter",
            rows={
                "x": np.round(turnout[shown], 2),
                "y": np.round(100 * votes[first][shown] / valid[shown], 2),
                "size": valid[shown],
                "name": rows["name"][shown],
                "region": rows["place"][shown],
            },
            alt=f"Turnout against the share of {first} in {int(shown.sum()):,} places ({place}):"
            " one dot a place. A description; many things tie the two together.",
            labels={
                "title": f"Turnout and share of {first}, by {place}",
                "x": "turnout, per cent of registered",
                "y": f"share of {first}, per cent",
                "size": "valid votes",
            },
        )
    elif shown.any():
        yield _density(turnout[shown], 100 * votes[first][shown] / valid[shown], first, place)


def _density(turnout: np.ndarray, share: np.ndarray, first: str, place: str) -> Figure:
    edges = np.linspace(0, 100, 51)
    counts, _, _ = np.histogram2d(np.clip(turnout, 0, 100), share, bins=(edges, edges))
    x, y = np.nonzero(counts)
    return Figure(
        id="outcome.result.turnout",
        chart="heatmap",
        rows={
            "x": edges[x],
            "x2": edges[x + 1],
            "y": edges[y],
            "y2": edges[y + 1],
            "count": counts[x, y].astype(np.int64),
        },
        alt=f"Density of turnout against the share of {first} over {len(turnout):,} places"
        f" ({place}), in cells of two points. A description; many things tie the two together.",
        labels={
            "title": f"Turnout and share of {first}, by {place}",
            "x": "turnout, per cent of registered",
            "y": f"share of {first}, per cent",
            "count": "places",
        },
    )
