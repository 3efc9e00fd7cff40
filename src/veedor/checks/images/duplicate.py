"""Whether scans of different sheets are, in whole or in part, one picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Picture, Status
from veedor.checks.base import Benign, Check, Columns, Context, Evidence, Fact, say
from veedor.checks.recorded import votes
from veedor.checks.scan_pairs import NOWHERE, Pairs, Scans

Mask = NDArray[np.bool_]

SHOWN = 8
"""Pairs of which both pictures are named."""
SINGLE = " A single figure that was copied is mostly not told: only fields and unusual figures are."
OTHER_CODE = "The printed code names another station than the one under which the scan is filed."
PIECE = re.compile(r"box(?:es)? [\d, ]+ of (\S+) = box(?:es)? [\d, ]+ of (\S+);")

KINDS = {
    "file": "One file as the scan of several stations",
    "ink": "One sheet's writing as the scan of several stations",
    "patch": "Figures that stand, as one picture, in several places",
    "code": "Printed codes that name other stations than those under which scans are filed",
}


class Duplicate(Check):
    """Pair the scans that share what two sheets do not share.

    Four findings, by what is shared. `file`: the same bytes. `ink`: the same writing in the boxes
    or in private parts, once the form is laid on both, whatever compression, size, rotation or crop
    did to the picture. `patch`: single figures or fields that are the same picture in two places.
    `code`: one printed code on scans of several stations, or a code that names another station than
    the one under which the scan is filed.

    Two scans of one station are told apart and observe nothing, for a sheet is often scanned twice;
    but figures that are one picture are counted also within a sheet.
    A pair of figures counts where at most 0.00001 pairs as near are expected by chance among all
    figures of the case; up to 0.001 it is a *lead*, which questions no sheet. A scan with too
    little ink is not compared by its ink.

    Statistic
    ---------
    scans, comparable, not_comparable : int
        Scans of which there is a picture; those that could be compared in this respect, and those
        that could not.
    pairs : int
        Pairs of scans of different stations; of `patch`, also pairs of places within one. Of
        several scans with one file or one code, each is paired with the first.
    stations, groups, largest, valid : int
        Stations in these pairs; groups of stations that hang together, and stations in the largest;
        votes of the stations in the official count.
    same_station, unknown_station : int
        Pairs of two scans of one station (or two places on one scan), which of `patch` are in the
        number of pairs too; pairs with a scan of no station of the case.
    leads : int
        Of `patch`: pairs that are leads alone.
    other_code, crossed : int
        Of `code`: scans whose code names another station; pairs of stations whose scans name each
        other.
    score_low, score_high : float
        Lowest and highest correlation of the pairs; null where there are none.
    same_votes, other_votes : int
        Pairs of stations for which the official count has the same votes, and others.

    Uncertainty
    -----------
    None for files and codes. The shares found and the false pairs of the other two are measured on
    simulated sheets: see the page on re-used images. A correlation is no probability. Not told, for
    the most part: a single figure that was copied. Plain figures of one hand are as near to each
    other as a copy, once scaled and compressed, is to what it was taken from. Among some hundred
    sheets `patch` tells one such figure in twenty, and one in three as a lead; among more, fewer
    are to be expected. Of fields of two figures or three it tells four in five.

    Source
    ------
    A. Desolneux, L. Moisan and J.-M. Morel, Meaningful alignments, International Journal of
    Computer Vision 40 (2000), for telling what is shared by how often chance would give it.
    """

    title = "One picture as the scan of several sheets"
    asks = "Is the scan of one sheet, or a part of it, used for another?"
    rule = "Each station has its own sheet, and its scan shows that sheet."
    kind = "irregularity"
    needs = ("twins",)
    coverage = ("scans", "comparable", "not_comparable")
    heading = "{heading}"
    sentences = {
        "observed": "{sentence}",
        "not-observed": "{sentence}",
        "not-determinable": "None of {scans:scan|scans} could be compared in this respect.",
        "void": "There are fewer than two scans to compare.",
    }
    benign = (
        Benign(
            "filed",
            "One scan was filed or uploaded for another station by mistake, and the count was taken"
            " from the right sheet.",
            "Of {pairs:pair|pairs} of stations in the official count, {other_votes:has|have}"
            " different votes there, so that one of the two was not taken from this picture;"
            " {same_votes:has|have} the same.",
        ),
        Benign(
            "printed",
            "The printed code tells which station the sheet is of.",
            "Of {scans:scan|scans} in these pairs, the code names the station under which the scan"
            " is filed on {own}, another one on {other}; on {none} no code was read.",
        ),
        Benign("again", "The sheet of one table serves two stations that were merged on the day."),
        Benign(
            "stamp",
            "Figures were stamped, or printed on the form beforehand.",
        ),
        Benign(
            "empty",
            "Sheets on which nearly nothing is written are alike.",
            "Scans with too little ink to be told from others are not compared:"
            " {not_comparable} of {scans_all}.",
        ),
    )
    references = (
        "A. Desolneux, L. Moisan and J.-M. Morel, Meaningful alignments, International Journal of"
        " Computer Vision 40 (2000) 7-23.",
    )

    def measure(self, evidence: Evidence) -> Mapping[str, ir.Table]:
        """The scans, the pairs, and the official votes."""
        scans = evidence.scans()
        there = scans.filter(scans.sha256.notnull())
        official = evidence.sheets()
        return {
            "scans": there.select(
                "scan",
                sid=there.sid.fill_null(NOWHERE),
                code_sid=there.code_sid.fill_null(NOWHERE),
                code=there.code.fill_null(""),
                station=there.station.fill_null(""),
                comparable=there.comparable.fill_null(False),
                file=there.file.fill_null(""),
            ),
            "pairs": evidence.twins(),
            "official": official.select(
                "sid", "valid", **{v: official[v].fill_null(0) for v in evidence.votes_columns}
            ),
        }

    def assess(self, measured: Mapping[str, Columns], context: Context) -> Iterable[Fact]:
        """One fact for each kind of what is shared."""
        scans = Scans.of(measured["scans"])
        for how, heading in KINDS.items():
            pairs = Pairs.of(measured["pairs"], how, scans)
            if how == "code":
                pairs = pairs.with_other_codes(scans)
            yield self._fact(how, heading, scans, pairs, measured["official"], context)

    def _fact(
        self,
        how: str,
        heading: str,
        scans: Scans,
        pairs: Pairs,
        official: Columns,
        context: Context,
    ) -> Fact:
        told = pairs.where(pairs.strict & (pairs.known if how == "patch" else pairs.apart))
        able = {"file": len(scans.scan), "code": int(scans.coded.sum())}.get(
            how, int(scans.comparable.sum())
        )
        named = scans.sid[scans.elsewhere] if how == "code" else scans.sid[:0]
        stations = np.unique(np.concatenate([told.a, told.b, named]))
        groups = told.groups()
        alike, known = _same_votes(told, official, context)
        statistic: dict[str, Any] = {
            "scans": len(scans.scan),
            "comparable": able,
            "not_comparable": len(scans.scan) - able,
            "pairs": len(told.a),
            "stations": len(stations),
            "groups": len(groups),
            "largest": max(groups, default=0),
            "valid": int(official["valid"][np.isin(official["sid"], stations)].sum()),
            "same_station": int((pairs.strict & pairs.known & ~pairs.apart).sum()),
            "unknown_station": int((~pairs.known).sum()),
            "score_low": float(told.score.min()) if len(told.a) else None,
            "score_high": float(told.score.max()) if len(told.a) else None,
            "same_votes": alike,
            "other_votes": known - alike,
        }
        if how == "patch":
            statistic["leads"] = int((~pairs.strict).sum())
        if how == "code":
            other = scans.elsewhere
            statistic |= {"other_code": int(other.sum()), "crossed": _crossed(scans, other)}
        status: Status = "not-observed" if able else "not-determinable"
        if len(scans.scan) < 2:
            status = "void"
        elif len(told.a) or statistic.get("other_code"):
            status = "observed"
        observed = status == "observed"
        return self.fact(
            status,
            statistic,
            subject=how,
            words={"heading": heading, "sentence": _sentence(how, statistic)},
            explanations=self._explanations(scans, told, statistic) if observed else (),
            rows=_rows(pairs, scans) if ((pairs.a >= 0) | (pairs.b >= 0)).any() else None,
            questioned=stations[np.isin(stations, official["sid"])] if observed else None,
            pictures=_pictures(how, told) if observed else (),
        )

    def _explanations(self, scans: Scans, told: Pairs, statistic: Mapping[str, Any]) -> Any:
        at = np.unique(np.concatenate([told.scan_a, told.scan_b]))
        here = np.isin(scans.scan, at)
        none = int((here & ~scans.coded).sum())
        other = int((here & scans.elsewhere).sum())
        return self.explain(
            filed={
                "pairs": statistic["same_votes"] + statistic["other_votes"],
                "same_votes": statistic["same_votes"],
                "other_votes": statistic["other_votes"],
            },
            printed={
                "scans": int(here.sum()),
                "own": int(here.sum()) - none - other,
                "other": other,
                "none": none,
            },
            empty={
                "not_comparable": int((~scans.comparable).sum()),
                "scans_all": len(scans.scan),
            },
        )

    def unseen(self, statistic: Mapping[str, Any]) -> str:
        """Scans that could not be compared in this respect, and what is mostly not told."""
        lacking = statistic["not_comparable"]
        text = SINGLE if "leads" in statistic else ""
        if lacking:
            scans = statistic["scans"]
            text = f"{lacking:,} of {scans:,} scans could not be compared in this respect.{text}"
        return text.strip()


def _same_votes(pairs: Pairs, official: Columns, context: Context) -> tuple[int, int]:
    """Pairs of stations with the same votes in the official count, of those that it has both of."""
    numbers = votes(official, len(context.options)).tolist()
    held = dict(zip(official["sid"].tolist(), numbers, strict=True))
    found = {(min(p), max(p)) for p in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)}
    known = [(held[a], held[b]) for a, b in found if a != b and a in held and b in held]
    return sum(one == other for one, other in known), len(known)


def _crossed(scans: Scans, other: Mask) -> int:
    """Pairs of stations, each of which a scan of the other one names."""
    named = set(zip(scans.sid[other].tolist(), scans.code_sid[other].tolist(), strict=True))
    return sum((b, a) in named for a, b in named if a < b)


def _sentence(how: str, statistic: Mapping[str, Any]) -> str:
    pairs, stations, able = (statistic[n] for n in ("pairs", "stations", "comparable"))
    if how == "code":
        if not pairs and not statistic["other_code"]:
            return f"The printed code of {able:,} scans names the station of none but their own."
        return (
            f"The printed code of {statistic['other_code']:,} of {able:,} scans names another"
            f" station than the one under which it is filed; {stations:,} stations are concerned."
        )
    what = {
        "file": "the same file",
        "ink": "the same writing",
        "patch": "a figure or field that is the same picture",
    }[how]
    more = ""
    if statistic["same_station"] and how != "patch":
        more = say(" {same:further pair is|further pairs are} of two scans of one station.",
                   same=statistic["same_station"])  # fmt: skip
    if statistic.get("leads"):
        more += say(" {leads:more is|more are} near enough to be looked at, and no further.",
                    leads=statistic["leads"])  # fmt: skip
    if how == "patch":
        more += SINGLE
    if not pairs:
        return f"Among {able:,} scans no two of different stations have {what}.{more}"
    kind = "of places" if how == "patch" else "of different stations"
    return (
        f"Among {able:,} scans, {pairs:,} {'pair' if pairs == 1 else 'pairs'} {kind} have {what},"
        f" at {stations:,} stations with {statistic['valid']:,} valid votes.{more}"
    )


def _rows(pairs: Pairs, scans: Scans) -> dict[str, NDArray[Any]]:
    """One row a pair with a known station, the nearest first."""
    pairs = pairs.where((pairs.a >= 0) | (pairs.b >= 0))
    pairs = pairs.where(np.lexsort((pairs.scan_b, pairs.scan_a, -pairs.score, ~pairs.strict)))
    turned = pairs.a < 0
    one, other = scans.at(pairs.scan_a), scans.at(pairs.scan_b)
    one, other = np.where(turned, other, one), np.where(turned, one, other)
    files = scans.file[other].copy()
    # A scan whose code names another station is a pair with no other scan.
    files[pairs.of_code] = None
    return {
        "sid": np.where(turned, pairs.b, pairs.a),
        "other": scans.name_of(pairs, other),
        "file": scans.file[one],
        "other_file": files,
        "score": pairs.score,
        "lead": ~pairs.strict,
        "shared": np.array([_shared(text) for text in pairs.detail], dtype=object),
    }


def _shared(detail: object) -> str:
    """What a pair shares, without the word that says how sure that is."""
    return re.sub(r"^(strict|lead): ", "", str(detail))


def _pictures(how: str, told: Pairs) -> tuple[Picture, ...]:
    """Both pictures of the first pairs; one where a pair is of one scan."""
    order = np.lexsort((told.scan_b, told.scan_a, -told.score))[:SHOWN]
    shown = []
    for k in order:
        found = PIECE.search(str(told.detail[k])) if how == "patch" else None
        fields = found.groups() if found else ()
        ends = (int(told.scan_a[k]), int(told.scan_b[k]))
        shared = _shared(told.detail[k])
        if told.of_code[k]:
            shown.append(Picture(ends[0], (), OTHER_CODE))
        elif ends[0] == ends[1]:
            parts = tuple(dict.fromkeys(fields))
            shown.append(Picture(ends[0], parts, f"Twice on this scan: {shared}."))
        else:
            caption = f"One of two scans that share: {shared}."
            shown += [Picture(n, fields[i : i + 1], caption) for i, n in enumerate(ends)]
    return tuple(shown)
