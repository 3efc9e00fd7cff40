"""Whether every source speaks of the same stations, with the same lists and places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from veedor.case.tables import cell
from veedor.checks.aside import by_reason, rows_of, told
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact
from veedor.checks.recorded import known, whole

ONE_FILE = " Both counts are columns of one file: their stations are one list."


class Universe(Check):
    """Compare the stations of every source with those of the official count.

    The finding without a subject is about the official count: rows that could not be one sheet of
    one station, and stations that only other sources know. One more finding follows for each
    other count, named after it: stations in one of the two only, lists of voters and places that
    differ. No model is fitted before the stations that it uses are known.

    Statistic
    ---------
    stations : int
        Sheets of the count, one for each station.
    set_aside : array of {why, rows, stations, least, most}
        Rows that are not among them: `no-code`, `repeated` (the same again, read once) or
        `conflicting` (the station's rows differ, none is read). `least` and `most` are the valid
        votes at stake: of every such station the row with fewest and with most.
    For the official count: registers_only : int (stations that registers of stations name and no
    count has); counts_only : int (stations that other counts have and it has not); lists : array of
    {list, unmatched}; registered_unknown, registered_zero : int; no_history : int or
    null (stations in places without a match in the earlier election); not_counted : int.
    For another count: common : int; missing, missing_valid, missing_share : stations that it lacks,
    their official votes, and their share in per cent of the official stations; extra, extra_valid :
    stations that the official count lacks, their votes; registered_compared, registered_differ,
    registered_net, registered_gross : stations whose lists were compared and differ, and voters,
    as official less this count; place_differs : int; not_counted : int.

    Uncertainty
    -----------
    None: sets of official codes are compared exactly.

    Source
    ------
    The identity of the stations in all records of one election.
    """

    title = "The same stations in every source"
    asks = "Do all sources name the same stations, with the same registered voters and places?"
    rule = "Every station has one sheet, one list and one place, the same in every record."
    kind = "discrepancy"
    heading = "{heading}"
    sentences = {"any": "{sentence}"}
    benign = (
        Benign(
            "not-yet",
            "A preliminary count stops before all sheets are in.",
            "The count is {role}; it has {common} of"
            " {stations:official station|official stations}.",
        ),
        Benign(
            "same-row-twice",
            "A row was exported twice.",
            "{repeated} of the {rows} rows set aside repeat another row in every field.",
        ),
        Benign(
            "register-updated",
            "The list of voters was corrected between the two publications.",
            "{differ} of {compared} lists differ, by {net} voters net.",
        ),
        Benign("renamed", "A place is written in another way, or was moved before the vote."),
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """Rows set aside; totals and differing stations of each pair of counts."""
        official = evidence.sheets()
        queries: dict[str, ir.Table] = {"aside": evidence.set_aside()}
        queries["official"] = official.agg(
            stations=official.count(),
            not_counted=(~official.counted).cast("int64").sum().fill_null(0),
            registered_unknown=official.registered.isnull().cast("int64").sum().fill_null(0),
            registered_zero=(official.registered == 0).cast("int64").sum().fill_null(0),
        )
        if evidence.has("history"):
            queries["history"] = _without_history(evidence, official)
        seen = ibis.union(
            *[evidence.sheets(c).select("sid") for c in evidence.counts],
            evidence.sheets().select("sid"),
            distinct=True,
        )
        stations = evidence.stations()
        aside = evidence.set_aside()
        unseen = stations.anti_join(seen, "sid").anti_join(
            aside.filter(aside.station.notnull()).select("station").distinct(), "station"
        )
        queries["registers"] = unseen.select("sid")
        for name in evidence.counts:
            if name != evidence.official:
                queries[f"count:{name}"] = _paired(evidence, name)
        return queries

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """The official count first, then each other count against it."""
        pairs = {k[6:]: v for k, v in measured.items() if k.startswith("count:")}
        yield self._official(measured, pairs, context)
        for name, rows in pairs.items():
            yield self._other(name, rows, measured["aside"], measured["official"], context)

    def _official(
        self, measured: Mapping[str, Columns], pairs: Mapping[str, Columns], context: Context
    ) -> Fact:
        numbers = {k: int(whole(v)[0]) for k, v in measured["official"].items()}
        name = context.case.official
        aside = by_reason(measured["aside"], name)
        foreign = [r["sid"][~r["in_official"].astype(bool)] for r in pairs.values()]
        unseen = measured["registers"]["sid"]
        extra = np.unique(np.concatenate(foreign)) if foreign else np.empty(0, dtype=np.int64)
        statistic: dict[str, Any] = {
            "stations": numbers["stations"],
            "set_aside": aside,
            "registers_only": len(unseen),
            "counts_only": len(extra),
            "lists": [
                {"list": k, "unmatched": len(v.unmatched)}
                for k, v in context.lists.items()
                if not v.members
            ],
            "registered_unknown": numbers["registered_unknown"],
            "registered_zero": numbers["registered_zero"],
            "no_history": len(measured["history"]["sid"]) if "history" in measured else None,
            "not_counted": numbers["not_counted"],
        }
        rows = sum(e["rows"] for e in aside)
        unmatched = sum(e["unmatched"] for e in statistic["lists"])
        beyond = len(unseen) + len(extra) + unmatched
        sentence = (
            f"The official count has {numbers['stations']:,} stations; {told(aside)}"
            f" {len(unseen):,} stations stand in registers only, {len(extra):,} in other counts"
            f" only, and {unmatched:,} codes on named lists are not known to any source."
        )
        observed = rows > 0 or beyond > 0
        return self.fact(
            "observed"
            if observed
            else "not-observed"
            if numbers["stations"]
            else "not-determinable",
            statistic,
            words={"heading": "The stations of the official count", "sentence": sentence},
            explanations=self._official_explained(aside) if observed else (),
            rows=rows_of(measured["aside"], name),
            key="row",
        )

    def _official_explained(self, aside: list[dict[str, Any]]) -> Any:
        rows = {e["why"]: e["rows"] for e in aside}
        if not rows:
            return self.explain()
        return self.explain(
            same_row_twice={"rows": sum(rows.values()), "repeated": rows.get("repeated", 0)}
        )

    def _other(
        self, name: str, rows: Columns, aside: Columns, official: Columns, context: Context
    ) -> Fact:
        here, there = rows["in_count"].astype(bool), rows["in_official"].astype(bool)
        mine, theirs = known(rows["registered"]), known(rows["registered_official"])
        both = here & there
        compared = both & ~np.isnan(mine) & ~np.isnan(theirs)
        gap = np.where(compared, theirs - mine, 0.0)
        differ = gap != 0
        moved = both & rows["place_differs"].astype(bool)
        stations = int(whole(official["stations"])[0])
        kept = by_reason(aside, name)
        missing, extra = there & ~here, here & ~there
        statistic = {
            "stations": int(here.sum()),
            "set_aside": kept,
            "common": int(both.sum()),
            "missing": int(missing.sum()),
            "missing_valid": int(whole(rows["valid_official"])[missing].sum()),
            "missing_share": 100 * int(missing.sum()) / stations if stations else None,
            "extra": int(extra.sum()),
            "extra_valid": int(whole(rows["valid"])[extra].sum()),
            "registered_compared": int(compared.sum()),
            "registered_differ": int(differ.sum()),
            "registered_net": int(gap.sum()),
            "registered_gross": int(np.abs(gap).sum()),
            "place_differs": int(moved.sum()),
            "not_counted": int((here & ~rows["counted"].astype(bool)).sum()),
        }
        partial = context.counts[name].role == "preliminary"
        disagree = extra.any() or differ.any() or moved.any() or bool(kept)
        observed = bool(disagree or (missing.any() and not partial))
        what = np.flatnonzero(extra | differ | moved | missing)
        kind = np.select(
            [extra[what], differ[what], moved[what]],
            ["not in the official count", "registered differs", "place differs"],
            "not in this count",
        ).astype(object)
        order = np.lexsort((rows["sid"][what], kind == "not in this count"))
        what, kind = what[order], kind[order]
        title = context.counts[name].source.title or name
        same_file = len({_origin(context, c) for c in (name, context.case.official)}) == 1
        return self.fact(
            "observed"
            if observed
            else "not-determinable"
            if not both.any()
            else "void"
            if same_file
            else "not-observed",
            statistic,
            subject=name,
            words={
                "heading": f"The stations of {title} against the official count",
                "sentence": _sentence(statistic) + ONE_FILE * same_file,
            },
            explanations=self.explain(
                not_yet={
                    "role": context.counts[name].role,
                    "common": int(both.sum()),
                    "stations": stations,
                },
                register_updated={
                    "differ": int(differ.sum()),
                    "compared": int(compared.sum()),
                    "net": int(gap.sum()),
                },
            ),
            rows={
                "sid": rows["sid"][what],
                "what": kind,
                "registered": mine[what],
                "registered_official": theirs[what],
                "valid": known(rows["valid"])[what],
                "valid_official": known(rows["valid_official"])[what],
            },
        )


def _paired(evidence: Evidence, name: str) -> ir.Table:
    """Each station of either count, with what both say of it."""
    columns = ["sid", "registered", "valid", "counted", "place_differs"]
    mine = evidence.sheets(name).select(*columns)
    theirs = evidence.sheets().select(
        sid_official="sid", registered_official="registered", valid_official="valid"
    )
    joined = mine.outer_join(theirs, mine.sid == theirs.sid_official)
    return joined.select(
        sid=ibis.coalesce(joined.sid, joined.sid_official),
        in_count=joined.sid.notnull(),
        in_official=joined.sid_official.notnull(),
        registered="registered",
        registered_official="registered_official",
        valid="valid",
        valid_official="valid_official",
        counted=joined.counted.fill_null(True),
        place_differs=joined.place_differs.fill_null(False),
    )


def _without_history(evidence: Evidence, official: ir.Table) -> ir.Table:
    """Official stations in a place that the earlier election does not have."""
    level = cell(evidence.history_level or evidence.case.geography[-1])
    places = evidence.history().select(place="cell").distinct()
    return official.anti_join(places, official[level] == places.place).select("sid")


def _origin(context: Context, count: str) -> tuple[Any, ...]:
    source = context.counts[count].source
    return source.file, source.member, source.sheet, source.key


def _sentence(s: Mapping[str, Any]) -> str:
    share = f" ({s['missing_share']:.2f} %)" if s["missing_share"] is not None else ""
    return (
        f"The count has {s['common']:,} of the official stations; {s['missing']:,}{share} are not"
        f" in it, with {s['missing_valid']:,} official votes, and {s['extra']:,} of its stations"
        f" are not in the official count. {s['registered_differ']:,} of"
        f" {s['registered_compared']:,} numbers of registered voters differ"
        f" ({s['registered_net']:+,} net) and {s['place_differs']:,} stations are placed elsewhere;"
        f" {told(s['set_aside'])}"
    )
