"""Within a polling centre, does the order of its sheets tell anything of the lead on them?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Figure, Interval, Status
from veedor.checks import lateness, paired, within
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, Promise
from veedor.checks.lateness import Stream, rounded
from veedor.checks.paired import Ints
from veedor.stats.sequential import Stream as Capital
from veedor.stats.sequential import stream as bet_on

Floats = NDArray[np.float64]

LEVEL = 0.05
REPLICATES = 1000
MOST_DRAWS = 60_000_000
"""Random numbers that the permutation test may draw; very large counts get fewer orders."""
BETS = {
    "any": "any of these",
    "up": "later sheets have a higher lead",
    "down": "later sheets have a lower lead",
    "shape": "later sheets are otherwise unlike",
}
DRAWN = 250
"""Points of a line in the figure."""


class Exchangeability(Check):
    """Test that the sheets of one polling centre were processed in an order that has nothing to do
    with the lead on them, whatever the order in which centres report.

    Two findings. `stream`, where sheets have instants: one bets on the rank of each sheet's lead,
    in points, among the sheets of its centre processed so far, at odds that are fair if every order
    within every centre is equally likely; the capital is a running measure of evidence that may be
    read at any moment. `cut`, where something tells what was published before the cut: late against
    early sheets of the same centre, with random orders within centres as the reference. Sheets
    alone in their centre give nothing, and centres that were wholly late give nothing at the cut.
    Sheets altered early and late alike are not seen.

    The levels and spreads of centres, and which of them report late, do not matter. A station of
    another size does: it holds other voters (the last table, those who registered last), and its
    share is less precise. Both tests are therefore repeated among sheets of one centre whose lists
    of voters are alike (`centre-and-size`: by tenths of the longest list of the centre).

    Statistic
    ---------
    stream: sheets, informing, centres, alone, unstamped : int
        Sheets with an instant; those that follow another of their centre; centres with such;
        centres with one sheet; sheets without an instant, which have no place in the order.
    greatest : float
        The greatest capital, from 1, of the bet on any departure. `peak_at`, `peak_per_cent`: when,
        and after how many of the sheets with an instant.
    at_cut, at_end : float or null
        The capital then.
    since_cut : {sheets, greatest, p_value} or null
        What a stake laid at the cut, spread over the bets as the capital then was, grew to.
    capital : array of {group, bet, informing, greatest, at, at_end, p_value}
        For sheets of the centre and of the centre and size; bets on a higher lead of later sheets,
        on a lower one, on other departures of their ranks, and on any of these.
    cut: effect_points : float
        Margin of the late sheets of centres with both, less what the early sheets of their own
        centre predict; `low` and `high`; `votes`, the same as votes of lead; `national_points`, of
        all valid votes; `slack_votes`, the votes by which the outcome's clause holds.
    p_value, p_normal, z, replicates
        Permutation test, and that by the exact variance of a linear statistic over all orders.
    without_one : [low, high]
        The effect with any one centre left out.
    centres, early, late : int
        Centres with early and late sheets, and their sheets. late_only, early_only: {centres,
        sheets, valid} of the others.
    groups : array of {group, centres, early, late, effect_points, low, high, votes,
        national_points, z, p_normal, p_value}
    by_size, by_class, by_region : array of {..., the same without p_value}
        Within quarters of registered voters, classes of place and regions.
    finished : {the same} or null
        Without the sheets that the process did not finish.
    order : {first_to_last_points, low, high, late_place, early_place, implied_points} or null
        How much the lead differs from the first to the last station of a centre in order of their
        codes, where the whole centre was early; the mean place (0 first, 1 last) of late and early
        sheets in split centres; what the two together imply for the effect.

    Uncertainty
    -----------
    stream: one over the greatest capital is a p-value however often one looks (Ville's inequality),
    exact for every election; ties in lead or instant are broken by chance. cut: exact up to the
    random choice of orders. Interval: ratio over centres, linearised; on simulated honest elections
    of 1,200 stations, with few split centres, it covers in 93 of 100. On 400 of these where remote
    places report late and 400 plain ones the permutation test gave p <= 0.05 in 4.8 and 4.5 %, the
    stream in 3.8 and 3.3 %; where votes were moved on half of the late sheets, in 100 and 47 %.

    Source
    ------
    V. Vovk, I. Nouretdinov, A. Gammerman, Testing exchangeability on-line (ICML 2003); V. Fedorova
    and others, Plug-in martingales for testing exchangeability on-line (ICML 2012); V. Vovk,
    Testing randomness online, Statistical Science 36 (2021); E. Pitman, Significance tests which
    may be applied to samples from any populations (1937).
    """

    title = "Order of the sheets within polling centres"
    asks = "Within a polling centre, does the order of processing tell anything of the lead?"
    rule = "Which sheet of a polling centre is processed first has no reason to depend on its lead."
    kind = "anomaly"
    needs = ("order",)
    heading = "{heading}"
    promise = Promise(alarm="p-value", honest=("plain", "rural-late"), tampered={"moved-late": 0.9})
    sentences = {
        "any": "{said}",
        "void": "All sheets of each polling centre have the same lead: no order could show.",
        "not-determinable": "No polling centre has {lacking}.",
        "not-applicable": "Nothing in the case tells in which order sheets came.",
    }
    benign = (
        Benign(
            "size",
            "Smaller or larger stations of a centre report at other times, and hold other voters.",
            "Among sheets of one centre with lists of voters of like length: {matched}.",
        ),
        Benign(
            "number",
            "Voters are split over the stations of a centre by name, by age or by the date of their"
            " registration, and stations report in that order.",
            "In centres that were wholly early the lead differs by {slope} ({span}) from the first"
            " to the last station. Late sheets of other centres stand at {late_place} of that way,"
            " early ones at {early_place}, which would make {implied} of the effect.",
        ),
        Benign(
            "held-back",
            "Sheets with a remark or an error take longer, and differ.",
            "Without {unfinished:sheet|sheets} that the process did not finish: {finished}.",
        ),
        Benign(
            "one-place",
            "A few places with many stations that reported in an order of their own.",
            "With any one centre left out the effect is {low} to {high} points. {classes}",
        ),
        Benign("corrected", "Sheets that came late were corrected by somebody who had more time."),
    )
    references = (
        "V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (Springer 2005)",
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The sheets with their time, where anything tells it, and the official totals."""
        if evidence.early_known or any(map(evidence.has, ("log", "exports"))):
            return {**lateness.measure(evidence), "places": paired.places(evidence)}
        return {"totals": paired.totals(evidence)}

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on the stream, one on the cut, as far as there is evidence of each."""
        if "timed" not in measured:
            yield self.fact("not-applicable", {}, words={"heading": self.title})
            return
        sheets = Stream.of(measured, context)
        if sheets is None:
            words = {"heading": self.title, "lacking": "a sheet with votes"}
            yield self.fact("not-determinable", {"sheets": 0}, words=words)
            return
        if (~np.isnan(sheets.t)).any() or not sheets.known:
            yield self._stream(sheets, context)
        if sheets.known:
            yield self._cut(sheets, measured["places"], context)

    def _stream(self, sheets: Stream, context: Context) -> Fact:
        groups = within.size_groups(sheets, context)
        at = np.flatnonzero(~np.isnan(sheets.t))
        at = at[np.lexsort((context.rng.random(len(at)), sheets.t[at]))]
        lead = 100.0 * sheets.lead[at] / sheets.valid[at]
        found = {name: bet_on(lead, codes[at], context.rng) for name, codes in groups.items()}
        main = found["centre"]
        words = {
            "heading": "Order of processing within polling centres, sheet by sheet",
            "lacking": "two sheets with an instant",
        }
        statistic = _stream_statistic(sheets, at, groups, found, context)
        status: Status = "observed" if main.p() <= LEVEL else "not-observed"
        if not len(main.ranks.at):
            status = "not-determinable"
        elif _alike(lead, groups["centre"][at]):
            status = "void"
        known = status in ("observed", "not-observed")
        return self.fact(
            status,
            statistic,
            subject="stream",
            words=words | ({"said": _stream_words(statistic)} if known else {}),
            p_value=main.p() if known else None,
            p_value_of="the order of leads within polling centres, sheet by sheet",
            explanations=self.explain(size={"matched": _capital_words(found["centre-and-size"])})
            if known
            else (),
            parameters={"level": LEVEL, "bets": list(BETS)},
            rows=_stream_rows(sheets, at, main) if known else None,
            figures=(_figure(sheets, at, main, context),) if known else (),
        )

    def _cut(self, sheets: Stream, places: Columns, context: Context) -> Fact:
        groups = within.size_groups(sheets, context)
        replicates = min(REPLICATES, max(99, MOST_DRAWS // max(len(sheets.sid), 1)))
        found = {
            name: within.contrast(sheets, codes, slice(None), context.rng, replicates)
            for name, codes in groups.items()
        }
        main = found["centre"]
        words = {
            "heading": "Late against early sheets of the same polling centre",
            "lacking": "both early and late sheets",
        }
        regions = dict(zip(places["region"].tolist(), places["place"].tolist(), strict=True))
        region = sheets.cells[context.case.region_level]
        statistic = within.statistic(sheets, groups, found, region, regions)
        if main.p is None or np.isnan(main.z):
            status: Status = "not-determinable" if main.p is None else "void"
            return self.fact(status, statistic, subject="cut", words=words)
        low, high = statistic["low"], statistic["high"]
        return self.fact(
            "observed" if main.p <= LEVEL else "not-observed",
            statistic,
            subject="cut",
            words=words | {"said": within.sentence(statistic)},
            p_value=main.p,
            p_value_of="the difference between late and early sheets of the same polling centre",
            interval=None
            if low is None
            else Interval(
                of="effect_points",
                level=0.95,
                low=low,
                high=high,
                method="ratio over polling centres, linearised",
            ),
            explanations=self.explain(**within.tested(statistic)),
            parameters={"level": LEVEL, "replicates": main.replicates},
        )


def _alike(values: Floats, group: Ints) -> bool:
    order = np.lexsort((values, group))
    same = group[order][1:] == group[order][:-1]
    return not (np.diff(values[order])[same] > 0).any()


def _stream_statistic(
    sheets: Stream,
    at: Ints,
    groups: Mapping[str, Ints],
    found: Mapping[str, Capital],
    context: Context,
) -> dict[str, Any]:
    main = found["centre"]
    peak, height = main.peak()
    path = main.log10["any"]
    ranked = sheets.t[at][main.ranks.at]
    cut = context.case.cut
    before = int((ranked <= cut.at.timestamp()).sum()) if cut else 0
    return {
        "sheets": len(at),
        "informing": len(path),
        "centres": len(np.unique(groups["centre"][at][main.ranks.at])),
        "alone": int((np.bincount(groups["centre"][at]) == 1).sum()),
        "unstamped": len(sheets.sid) - len(at),
        "greatest": rounded(10.0**height),
        "peak_at": _clock(ranked[peak], context) if peak >= 0 else None,
        "peak_per_cent": rounded(100.0 * (main.ranks.at[peak] + 1) / len(at), 2)
        if peak >= 0
        else None,
        "at_cut": rounded(10.0 ** path[before - 1]) if before else None,
        "at_end": rounded(10.0 ** path[-1]) if len(path) else None,
        "since_cut": _since(path, before) if cut else None,
        "capital": [
            {
                "group": name,
                "bet": bet,
                "informing": len(one.ranks.at),
                "greatest": rounded(10.0 ** one.peak(bet)[1]),
                "at": _clock(sheets.t[at][one.ranks.at][one.peak(bet)[0]], context)
                if one.peak(bet)[0] >= 0
                else None,
                "at_end": rounded(10.0 ** one.log10[bet][-1]) if len(one.ranks.at) else None,
                "p_value": float(f"{one.p(bet):.6g}"),
            }
            for name, one in found.items()
            for bet in BETS
        ],
    }


def _since(path: Floats, before: int) -> dict[str, Any] | None:
    """What a stake laid at the cut, spread as the capital then was, grew to."""
    if before >= len(path):
        return None
    growth = 10.0 ** float(path[before:].max() - (path[before - 1] if before else 0.0))
    return {
        "sheets": len(path) - before,
        "greatest": rounded(max(growth, 1.0)),
        "p_value": float(f"{min(1.0, 1.0 / growth):.6g}"),
    }


def _clock(seconds: float, context: Context) -> str:
    return dt.datetime.fromtimestamp(int(seconds), context.case.zone).isoformat()


def _stream_words(statistic: Mapping[str, Any]) -> str:
    greatest = statistic["greatest"]
    when, since = statistic["peak_at"], statistic["since_cut"]
    return (
        f"Of {statistic['sheets']:,} sheets in order of processing, {statistic['informing']:,}"
        " follow another of their polling centre. A stake of 1 on any link between that order and"
        f" the lead, at odds that are fair without one, grew to {_stake(greatest)} at most"
        + (f" (at {when[:16].replace('T', ' ')})" if when else "")
        + f" and was {_stake(statistic['at_end'])} in the end; 20 is reached by chance in at most"
        " one election in 20."
        + (f" Laid at the cut, it grew to {_stake(since['greatest'])}." if since else "")
    )


def _stake(value: float) -> str:
    """What a stake grew to, for a sentence."""
    return f"{value:,.2f}" if value < 1e6 else f"10 to the {np.log10(value):.0f}"


def _capital_words(found: Capital) -> str:
    return (
        f"the same stake grew to {_stake(10.0 ** found.peak()[1])} at most over"
        f" {len(found.ranks.at):,} sheets"
    )


def _stream_rows(sheets: Stream, at: Ints, found: Capital) -> Columns:
    """The sheets that inform, in order of processing, and the capital after each."""
    which = at[found.ranks.at]
    return {
        "sid": sheets.sid[which],
        "t": sheets.t[which].astype(np.int64),
        "lead_points": np.round(100.0 * sheets.lead[which] / sheets.valid[which], 6),
        "rank_low": np.round(found.ranks.low, 6),
        "rank_high": np.round(found.ranks.high, 6),
        "log10_capital": np.round(found.log10["any"], 6),
    }


def _figure(sheets: Stream, at: Ints, found: Capital, context: Context) -> Figure:
    """Lines over the sheets in order, not over the clock: most sheets come within a few hours."""
    when = sheets.t[at]
    progress = 100.0 * (found.ranks.at + 1) / len(at)
    x: list[float] = []
    y: list[float] = []
    series: list[str] = []
    for bet, label in BETS.items():
        path = found.log10[bet]
        some = np.linspace(0, len(path) - 1, min(DRAWN, len(path))).astype(np.int64)
        some = np.unique(np.append(some, max(found.peak(bet)[0], 0)))
        x += np.round(progress[some], 3).tolist()
        y += np.round(path[some], 4).tolist()
        series += [label] * len(some)
    event = [""] * len(x)
    cut = context.case.cut
    if cut is not None:
        passed = when <= cut.at.timestamp()
        before = int(passed[found.ranks.at].sum())
        x.append(round(100.0 * float(passed.mean()), 3))
        y.append(round(float(found.log10["any"][before - 1]), 4) if before else 0.0)
        series.append(BETS["any"])
        event.append(f"{cut.kind or 'cut'} {_clock(cut.at.timestamp(), context)[11:16]}")
    peak, height = found.peak()
    place = f", after {progress[peak]:.0f} per cent of the sheets" if peak >= 0 else ""
    return Figure(
        id="trend.exchangeability",
        chart="lines",
        rows={
            "x": np.array(x),
            "y": np.array(y),
            "series": np.array(series, dtype=object),
            "event": np.array(event, dtype=object),
            "reference": np.full(len(x), np.log10(1 / LEVEL)),
        },
        alt="Capital of bets that the order of a centre's sheets tells of the lead, in powers of"
        f" ten, over the sheets in order of processing. The greatest is 10 to the {height:.2f}"
        f"{place}; by chance 10 to the 1.30 is reached in at most one election in 20.",
        labels={
            "title": "Bets on the order of sheets within polling centres",
            "x": "sheets in order of processing, per cent",
            "y": "log10 of capital (dashed: 20 times the stake)",
            "series": "bet that",
        },
    )
