"""Alarms of the checks of scans on simulated elections, and what they find of what was planted.

Honest elections and drills are written with pictures of all sheets, by scanner and by telephone,
and read as an audit reads them. Of the checks only those of scans are run. An alarm is the status
`observed`. What a finding lists (in its rows) and what it questions are counted apart, alike for
stations with a plant and for others.

Usage: python -m benchmarks.scanned [--honest N] [--drills N] [--split SPLIT] [--seed N]
    [--markdown FILE]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.scanned_counts import (
    CENTRES,
    CHECKS,
    DELEGATE,
    DRILL,
    EMPTY,
    FAMILIES,
    HONEST,
    INNOCENT,
    ONE_HAND,
    PATCH,
    SOUGHT,
    WRITTEN_OVER,
    Audited,
    Finding,
    Found,
    alarms,
    audited,
    found_of,
)
from veedor.handwriting.digits import SPLITS


def page(
    honest: Mapping[str, Finding],
    found: Found,
    args: argparse.Namespace,
    stations: tuple[int, int],
) -> str:
    """The page of the docs; `stations` of an honest election and of a drill."""
    code = {kind: f"`{kind}`" for kind in SOUGHT}
    lines = [
        "# Alarms on simulated elections with scans",
        "",
        f"Made by `make scanned` on elections, {args.honest} honest (`{HONEST}`, {stations[0]}"
        f" stations each) and {args.drills} altered (drills, `{DRILL}`, {stations[1]}), seeds from"
        f" {args.seed}, in the hands of NIST's writers of the split `{args.split}` (and of drawn"
        f" ones where these have no digits left), pictured by {' and '.join(FAMILIES)}, and read as"
        f" an audit reads them. {len(CHECKS)} checks are run, and none of the others: "
        + ", ".join(f"`{check}`" for check in CHECKS)
        + ". Intervals are exact, 95 %, as if each trial stood alone; elections share writers, and"
        " stations of a centre hang together. Real sheets differ in more ways than the simulator"
        " knows."
        + (
            " **The comparer of hands and the reader learnt from these writers: what is said of"
            " hands and of reading is too good.** The other splits have too few writers for a hand"
            " of its own on every sheet."
            if args.split == "train"
            else ""
        ),
        "",
        "## Honest elections",
        "",
        "An alarm is the status *observed*; of `images.reading`, where a sheet is questioned whose"
        " numbers the official count has right. A dash: the finding questions no sheet, tells"
        " nothing (*void*, *not-applicable*), or is of a count that may truly differ from the"
        " sheets.",
        "",
        "| finding | status | alarms | interval |",
        "|---|---|---:|---|",
    ]
    for name, one in sorted(honest.items()):
        statuses = ", ".join(f"{status} {n}" for status, n in sorted(one.statuses.items()))
        lines.append(f"| {name} | {statuses} | {one.alarms.cells()} |")
    lines += [
        "",
        "## Drills: what was planted",
        "",
        "By stations. *Listed*: the station stands in the rows of the finding, whatever its status,"
        " and with a field that was changed where the rows name fields and something was changed;"
        f" of `{PATCH.check}` a lead is enough, which questions no sheet; of `{DELEGATE.check}`,"
        " which lists all that it compares, a ratio of ten at least is needed."
        " *Questioned*: its sheet is among those that the finding questions, for whatever field;"
        f" of `{EMPTY.check}`, a finding on one of the options. A dash: the finding questions no"
        " sheet, ever. "
        + " and ".join(code[kind] for kind in INNOCENT)
        + " are innocent, and ought not to be named. What each kind is, [sheets](sheets.md) says;"
        " `slip` is none that was planted, but a clerk's in the official count, which honest"
        " elections have too. On a sheet of `empty-rivals` no zero stands beside the empty fields:"
        f" it is no sheet by which `{EMPTY.check}` could tell an option's finding.",
        "",
        "| planted | finding | listed | interval | questioned | interval |",
        "|---|---|---:|---|---:|---|",
    ]
    for kind, ways in SOUGHT.items():
        for way in ways:
            if (kind, way) in found.planted:
                cells = found.planted[kind, way].cells()
                lines.append(f"| {code[kind]} | {way} | {cells} |")
    lines += [
        "",
        f"The same by centres, of `{ONE_HAND.check}`: centres of which two sheets at least are"
        " listed, and questioned.",
        "",
        "| planted | listed | interval | questioned | interval |",
        "|---|---:|---|---:|---|",
    ]
    for kind in CENTRES:
        if kind in found.centres:
            lines.append(f"| {code[kind]} | {found.centres[kind].cells()} |")
    lines += [
        "",
        "## Drills: the other stations",
        "",
        "Stations where nothing was planted that the check is meant for, whatever else was there."
        " Taken out are, with the stations that lent a picture:",
        "",
    ]
    for check, kinds in found.meant.items():
        lines.append(f"* of `{check}`: {', '.join(code[kind] for kind in kinds)}")
    lines += [
        "",
        "The odd sheet of `one-odd` stays, and so do the innocent kinds. Others are listed by any"
        " field; what is questioned is of the whole finding, as above.",
        "",
        "| finding | listed | interval | questioned | interval |",
        "|---|---:|---|---:|---|",
    ]
    lines += [f"| {way} | {one.cells()} |" for way, one in found.others.items()]
    lines += [
        "",
        f"Of {found.corrected.of} fields that are listed there as {WRITTEN_OVER.what},"
        f" {found.corrected.seen} hold such a figure: whoever fills in a sheet corrects figures,"
        " too, and no row says who did.",
    ]
    return "\n".join([*lines, ""])


def _size(elections: Sequence[Audited]) -> int:
    return max((len(one.stations) for one in elections), default=0)


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--honest", type=int, default=20)
    parser.add_argument("--drills", type=int, default=10)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()

    def some(scenario: str, number: int) -> list[Audited]:
        found = []
        for seed in range(args.seed, args.seed + number):
            found.append(audited(scenario, seed, args.split))
            said = Counter(
                f.status for facts in found[-1].facts.values() for f in facts
            ).most_common()
            print(f"{scenario}, seed {seed}: {dict(said)}", flush=True)
        return found

    drills, honest = some(DRILL, args.drills), some(HONEST, args.honest)
    text = page(alarms(honest), found_of(drills), args, (_size(honest), _size(drills)))
    print(text)
    if args.markdown:
        args.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
