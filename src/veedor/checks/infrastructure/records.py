"""How many sheets each system says it held at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.manifest import Event
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.instants import duration, seconds, shown, stamp, stamped, times
from veedor.checks.recorded import known, whole

SEVERAL = 4
"""Stamps of whole minutes, from which a record is taken to be written to the minute."""
KINDS = ("stop", "cut", "return", "end")


class Records(Check):
    """Ask each system of the case how many sheets it held at the events of the count.

    The systems are what the case has: the log of publications (sheets in the totals, and sheets
    received), the published counts, the log of each stage, successive exports. Numbers that others
    state without a record are not asked. The published count at the cut is set beside the log of
    the last stage sheet by sheet. No sheet is questioned for being in one of them only.

    Records are written to the second, or some to the minute. What is compared is the number at the
    end of the second (or minute) of the event: a log has the lines of it, and a statement made
    within it may lack up to as many sheets as some log has lines of it. Systems differ where these
    bounds do.

    Statistic
    ---------
    events : array of {event, at, answers, least, most, spread, certain}
        answers : array of {system, counts, sheets, at_least, at_most, as_of}: `as_of` is the
        instant of the record that answers; `counts` what it counts: `processed` (past the last
        step, and alone compared in `spread`), `received`, or the name of an earlier step. A log's
        lines count where their station is known. `spread` is the most less the least of the
        numbers, `certain` by how much they differ at least, within their bounds.
    stage : str or null
        The last step of the process that has a log: that of the `bridge`.
    bridge : {published, log, log_only, published_only, later, never, without_votes} or null
        At the cut: sheets of the published count; sheets that the log of the last stage had by
        then; those in the log only; those in the count only, of which the log has `later` and
        `never`; and published sheets on which no option has a vote.
    stages : array of {earlier, later, earlier_only, later_only}
        For each two steps of the process that follow on one another: sheets that only one of the
        two logs ever has, at any time.
    closest_after : float or null
        Seconds after the cut of the earliest line of a sheet in the count only.

    Uncertainty
    -----------
    None: each answer is a count of a record. A system that the case lacks is not asked.

    Source
    ------
    Reconciliation of the number of records between systems, as an audit of information systems
    begins with it.
    """

    title = "Sheets held by each system"
    asks = "Do the systems agree on how many sheets they held when the count stopped?"
    rule = (
        "Systems that hold one count state the same number of sheets at the same instant, but for"
        " what is on its way from one to the next."
    )
    kind = "discrepancy"
    needs = ("cut",)
    sentences = {
        "observed": (
            "At {at} the records of sheets past the last step differ by {differ}.{lacking} They"
            " state: {answers}.{bridge}"
        ),
        "not-observed": (
            "At {at} the records of sheets past the last step agree{within}. They state: {answers}."
            "{lacking}"
        ),
        "not-determinable": "Fewer than two systems of the case say how many sheets they held.",
    }
    benign = (
        Benign(
            "queue",
            "A sheet is processed before it is published: the log runs ahead of the publication.",
            "{told}",
        ),
        Benign(
            "seconds",
            "A publication takes some seconds, and is named by the second in which it began.",
            "{told}",
        ),
        Benign(
            "zeros",
            "A sheet was published before it was filled in.",
            "{without_votes:published sheet carries|published sheets carry} no vote for any"
            " option.",
        ),
        Benign("replica", "A server answered from a copy that lagged behind."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Publications; stamps by station and stage; the count published at the cut."""
        events = evidence.events()
        stamped = events.filter(events.t.notnull(), events.sid.notnull())
        publications = evidence.publications()
        queries = {
            "publications": publications.select(
                "source", "origin", "t", "sheets", "received", "row"
            ),
            "stamps": stamped.group_by("sid", "stage").agg(t=stamped.t.min()),
        }
        if name := evidence.snapshot_at_cut:
            queries["snapshot"] = evidence.sheets(name).select("sid", "valid")
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact on all events."""
        wanted = [e for kind in KINDS for e in context.case.events if e.kind == kind]
        events = [_event(e, measured, context) for e in wanted]
        bridge, rows = _bridge(measured, context)
        stages = list(_stages(measured["stamps"], context))
        cut = next((e for e in events if e["event"] == getattr(context.case.cut, "id", None)), None)
        statistic: dict[str, Any] = {
            "events": events,
            "bridge": bridge,
            "stage": context.stages[-1] if context.stages else None,
            "stages": [pair for pair, _ in stages],
            "closest_after": _closest(rows, context),
        }
        if cut is None or cut["spread"] is None:
            yield self.fact("not-determinable", statistic)
            return
        yield self.fact(
            "observed" if cut["certain"] else "not-observed",
            statistic,
            words=_words(cut, statistic),
            explanations=self.explain(**_tested(statistic)),
            rows=_with_stages(rows, stages),
        )


def _event(event: Event, measured: Mapping[str, Columns], context: Context) -> dict[str, Any]:
    at = seconds(event)
    answers = [] if at is None else _answers(at, measured, context)
    processed = [a for a in answers if a["counts"] == "processed"]
    held = [a["sheets"] for a in processed]
    several = len(held) > 1
    lows, highs = ([a[n] for a in processed] for n in ("at_least", "at_most"))
    return {
        "event": event.id,
        "at": stamp(at, context),
        "answers": answers,
        "least": min(held) if several else None,
        "most": max(held) if several else None,
        "spread": max(held) - min(held) if several else None,
        "certain": max(max(lows) - min(highs), 0) if several else None,
    }


def _answers(at: int, measured: Mapping[str, Columns], context: Context) -> list[dict[str, Any]]:
    """What each system held at an instant: what had passed the last step, or an earlier one."""
    rows = measured["publications"]
    t = times(rows)
    found: list[dict[str, Any]] = []
    names = {"log": "log of publications", "count": "published count", "series": "export"}
    resolution = {origin: _resolution(t[rows["origin"] == origin]) for origin in names}
    stamps = measured["stamps"]
    for origin, name in names.items():
        inside = np.flatnonzero((rows["origin"] == origin) & (t <= at))
        if not len(inside):
            continue
        last = inside[np.lexsort((rows["row"][inside], t[inside]))[-1]]
        for column, counts, label in (
            ("sheets", "processed", name),
            ("received", "received", f"{name}, received"),
        ):
            value = float(known(rows[column])[last])
            if not np.isnan(value):
                found.append(
                    {
                        "system": label,
                        "counts": counts,
                        "sheets": int(value),
                        "at_least": int(value),
                        "at_most": int(value) + _within(stamps, t[last], resolution[origin]),
                        "as_of": stamp(t[last], context),
                    }
                )
    until = at + max(resolution.values())
    for stage in context.stages:
        mine = times(stamps)[stamps["stage"] == stage]
        inside_log = mine[mine <= at]
        found.append(
            {
                "system": f"processing log, {stage}",
                "counts": "processed" if stage == context.stages[-1] else stage,
                "sheets": len(inside_log),
                "at_least": int((mine + _resolution(mine) <= until).sum()),
                "at_most": int((mine < until).sum()),
                "as_of": stamp(inside_log.max(), context) if len(inside_log) else None,
            }
        )
    return found


def _within(stamps: Columns, at: float, span: int) -> int:
    """The most sheets that the log of a step has within so many seconds from an instant on."""
    t = times(stamps)
    inside = stamps["stage"][(t >= at) & (t < at + span)].astype(str)
    return int(np.unique(inside, return_counts=True)[1].max(initial=0))


def _resolution(t: NDArray[np.float64]) -> int:
    """Seconds to which a record is written: a minute where all of several stamps are whole ones."""
    dated = t[~np.isnan(t)]
    return 60 if len(dated) >= SEVERAL and not (dated % 60).any() else 1


def _bridge(
    measured: Mapping[str, Columns], context: Context
) -> tuple[dict[str, Any] | None, dict[str, NDArray[Any]] | None]:
    """The published count at the cut beside the log, sheet by sheet."""
    at = seconds(context.case.cut)
    if "snapshot" not in measured or not context.stages or at is None:
        return None, None
    stamps = measured["stamps"]
    main = stamps["stage"] == context.stages[-1]
    sid, t = stamps["sid"][main].astype(np.int64), times(stamps)[main]
    snapshot = measured["snapshot"]
    published = snapshot["sid"].astype(np.int64)
    logged = sid[t <= at]
    log_only, published_only = np.setdiff1d(logged, published), np.setdiff1d(published, logged)
    empty = published[whole(snapshot["valid"]) == 0]
    later = np.isin(published_only, sid)
    sids = np.union1d(np.concatenate([log_only, published_only]), empty)
    order = np.argsort(sid)
    place = np.minimum(np.searchsorted(sid, sids, sorter=order), max(len(sid) - 1, 0))
    has = np.isin(sids, sid)
    line = np.full(len(sids), np.nan)
    line[has] = t[order[place[has]]]
    rows = {
        "sid": sids,
        "published": np.isin(sids, published),
        "in_log_by_then": np.isin(sids, logged),
        "without_votes": np.isin(sids, empty),
        "line_at": stamped(line, context),
        "seconds_after": line - at,
    }
    return {
        "published": len(published),
        "log": len(logged),
        "log_only": len(log_only),
        "published_only": len(published_only),
        "later": int(later.sum()),
        "never": int((~later).sum()),
        "without_votes": len(empty),
    }, rows


def _stages(
    stamps: Columns, context: Context
) -> Iterator[tuple[dict[str, Any], NDArray[np.int64]]]:
    """Steps that follow on one another, and the sheets that only one of their logs has."""
    sets = {
        stage: np.unique(stamps["sid"][stamps["stage"] == stage].astype(np.int64))
        for stage in context.stages
    }
    for earlier, later in pairwise(context.stages):
        first, second = sets[earlier], sets[later]
        yield (
            {
                "earlier": earlier,
                "later": later,
                "earlier_only": len(np.setdiff1d(first, second)),
                "later_only": len(np.setdiff1d(second, first)),
            },
            np.setxor1d(first, second),
        )


def _with_stages(
    rows: Mapping[str, NDArray[Any]] | None,
    stages: Sequence[tuple[Mapping[str, Any], NDArray[np.int64]]],
) -> Mapping[str, NDArray[Any]] | None:
    """The rows of the bridge, and after them the sheets that one of two successive logs lacks."""
    lacking: dict[int, list[str]] = {}
    for pair, sids in stages:
        for sid in sids.tolist():
            lacking.setdefault(sid, []).append(f"{pair['earlier']} / {pair['later']}")
    if not lacking:
        return rows
    if rows is None:
        sids = np.array(sorted(lacking), dtype=np.int64)
        told = np.array([", ".join(lacking[sid]) for sid in sids.tolist()], dtype=object)
        return {"sid": sids, "in_one_of": told}
    here = rows["sid"].astype(np.int64)
    more = np.setdiff1d(np.array(sorted(lacking), dtype=np.int64), here)
    fill = {"b": False, "f": np.nan}
    added = {
        n: np.concatenate([v, np.full(len(more), fill.get(v.dtype.kind), dtype=v.dtype)])
        for n, v in rows.items()
        if n != "sid"
    }
    every = np.concatenate([here, more])
    words = [", ".join(lacking.get(sid, ())) or None for sid in every.tolist()]
    return {"sid": every, **added, "in_one_of": np.array(words, dtype=object)}


def _closest(rows: Mapping[str, NDArray[Any]] | None, context: Context) -> float | None:
    if rows is None:
        return None
    after = rows["seconds_after"][rows["published"] & ~rows["in_log_by_then"]]
    after = after[~np.isnan(after)]
    return float(after.min()) if len(after) else None


def _since(as_of: str | None, at: str) -> str:
    """Of when an answer is, where it is not of the instant itself."""
    return "" if as_of in (None, at) else f" (as of {shown(as_of)})"


def _words(cut: Mapping[str, Any], statistic: Mapping[str, Any]) -> dict[str, Any]:
    said = "; ".join(
        f"{a['system']} {_held(a)}{_since(a['as_of'], cut['at'])}" for a in cut["answers"]
    )
    bridge, stage = statistic["bridge"], statistic["stage"]
    only = "" if bridge is None else _only(bridge, stage)
    differ = say("{certain:sheet|sheets}", certain=cut["certain"])
    return {
        "at": shown(cut["at"]),
        "answers": said,
        "differ": differ if cut["certain"] == cut["spread"] else f"at least {differ}",
        "within": " within the time to which they are written" if cut["spread"] else "",
        "lacking": _lacking(statistic["stages"]),
        "bridge": f" Sheet by sheet, {only}." if only else "",
    }


def _held(answer: Mapping[str, Any]) -> str:
    """How many sheets a system held, with the bounds where lines of that very second matter."""
    low, high = answer["at_least"], answer["at_most"]
    bounds = "" if low == high else f" (at least {low:,}, at most {high:,})"
    return f"{answer['sheets']:,}{bounds}"


def _only(bridge: Mapping[str, Any], stage: str) -> str:
    """Sheets of the published count or of the log of the last step alone, in words."""
    parts = []
    if bridge["log_only"]:
        parts.append(
            say(
                "{log_only:sheet is|sheets are} in the log of {stage} by then and not in the"
                " published count",
                **bridge,
                stage=stage,
            )
        )
    if bridge["published_only"]:
        parts.append(
            say(
                "{published_only:sheet is|sheets are} in the published count and not in the log of"
                " {stage} by then",
                **bridge,
                stage=stage,
            )
        )
    return ", and ".join(parts)


def _lacking(stages: Sequence[Mapping[str, Any]]) -> str:
    """Sheets that the log of a step has and that of the next one never has, in words."""
    return "".join(
        say(
            " {earlier_only:sheet|sheets} of the log of {earlier} {verb} at no time in that of"
            " {later}.",
            **pair,
            verb="is" if pair["earlier_only"] == 1 else "are",
        )
        for pair in stages
        if pair["earlier_only"]
    )


def _tested(statistic: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    bridge, stage = statistic["bridge"], statistic["stage"]
    if bridge is None:
        return {}
    queue = {n: bridge[n] for n in ("log_only",)}
    seconds = {n: bridge[n] for n in ("published_only", "later", "never")}
    return {
        "queue": queue
        | {
            "told": f"{_only(bridge | {'published_only': 0}, stage)}."
            if bridge["log_only"]
            else f"No sheet is in the log of {stage} by then and not in the published count."
        },
        "seconds": seconds | {"told": _later(bridge, stage, statistic["closest_after"])},
        "zeros": {"without_votes": bridge["without_votes"]},
    }


def _later(bridge: Mapping[str, Any], stage: str, closest: float | None) -> str:
    """Published sheets without a line of the last step by then, and those with one later."""
    if not bridge["published_only"]:
        return f"Every published sheet has a line of the log of {stage} by then."
    parts = ["{published_only:published sheet has|published sheets have} no line of the log of"]
    parts[0] += " {stage} by then"
    if bridge["later"]:
        parts.append("{later:has|have} one later, the first {closest} after the cut")
    if bridge["never"]:
        parts.append("{never:has|have} none at any time")
    about = {"stage": stage, "closest": "" if closest is None else duration(closest)}
    return say(f"{'; '.join(parts)}.", **bridge, **about)
