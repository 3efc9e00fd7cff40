"""How well hands are told apart by their digits, on writers of whom nothing was learnt.

Sheets of known writers in one and in several conditions; centres in one hand, with one odd sheet
and with as many hands as sheets; one such centre among 200 honest ones. Intervals are over writers,
for two trials of one writer are not independent.

Usage: python -m benchmarks.handwriting [--split SPLIT] [--runs N] [--seed N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from benchmarks.handwriting_centres import (
    DIGITS,
    FEW,
    LEVELS,
    MADE,
    PLACES,
    SEVERAL,
    SHEETS,
    Centre,
    Planted,
    Small,
    centre_rates,
    planted,
    seconds,
    sheets_of_four,
    small,
)
from benchmarks.handwriting_labels import CONDITION, Misread, label_table, misread
from benchmarks.handwriting_rates import CONDITIONS, Row, Seen, looks, rows, seen
from veedor.handwriting.calibration import calibrations, load_manifest
from veedor.handwriting.digits import SPLITS, Digits, load_digits
from veedor.handwriting.features import describe
from veedor.handwriting.halves import Look
from veedor.handwriting.strokes import UNBROKEN
from veedor.images.reader import Reader
from veedor.stats.exact import proportion_interval

BARS = {True: (0.035, 0.12), False: (0.05, 0.21)}
"""With 30 digits: greatest equal error rate and Cllr, with one pen and scan, and with several."""
BAR_CENTRE = 0.06
"""Greatest equal error rate of a centre of four, one hand against one odd sheet."""


def bar_table(found: Iterable[Row], centres: Iterable[Centre]) -> list[str]:
    """What was to be reached, and whether it was."""

    def said(value: float, bar: float) -> str:
        return "met" if value <= bar else "**not met**"

    lines = [
        "| sheets, 30 digits | chosen | EER | bar | | Cllr | bar | | Cllr as said | |",
        "|" + "---|" * 10,
    ]
    for r in found:
        if r.digits != 30:
            continue
        error, cost = BARS[r.condition.startswith("one pen")]
        lines.append(
            f"| {r.condition} | {r.mode} | {100 * r.all.eer:.1f} % | {100 * error:.1f} % |"
            f" {said(r.all.eer, error)} | {r.all.cllr:.3f} | {cost} | {said(r.all.cllr, cost)} |"
            f" {r.said:.3f} | {said(r.said, cost)} |"
        )
    lines += [
        f"| {c.propositions} | | {100 * c.all.eer:.1f} % | {100 * BAR_CENTRE:.0f} % |"
        f" {said(c.all.eer, BAR_CENTRE)} | | | | | |"
        for c in centres
        if "odd" in c.propositions
    ]
    return lines


def rate_table(found: Iterable[Row]) -> list[str]:
    """Rows of a table, condition by condition."""
    lines = [
        "| sheets | chosen | digits | writers | EER | Cllr | least | different above 1 / 10 / 100 |"
        " same below 1 / 0.1 / 0.01 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in found:
        above = " / ".join(f"{100 * m.different_above:.2f}" for m in r.misleading)
        below = " / ".join(f"{100 * m.same_below:.2f}" for m in r.misleading)
        eer, cost = r.limits.eer, r.limits.cllr
        lines.append(
            f"| {r.condition} | {r.mode} | {r.digits} | {r.writers} | {100 * r.all.eer:.1f} %"
            f" ({100 * eer[0]:.1f} to {100 * eer[1]:.1f}) | {r.all.cllr:.3f} ({cost[0]:.3f} to"
            f" {cost[1]:.3f}) | {r.all.cllr_min:.3f} | {above} % | {below} % |"
        )
    return lines


def centre_table(found: Iterable[Centre]) -> list[str]:
    """Rows of a table of propositions about centres."""
    lines = ["| propositions | centres | EER | Cllr | least |", "|---|---|---|---|---|"]
    lines += [
        f"| {c.propositions} | {c.centres} | {100 * c.all.eer:.1f} % ({100 * c.low:.1f} to"
        f" {100 * c.high:.1f}) | {c.all.cllr:.3f} | {c.all.cllr_min:.3f} |"
        for c in found
    ]
    return lines


def planted_lines(found: Planted) -> list[str]:
    """What became of the centre in one hand, and of chance."""
    runs, honest = found.runs, found.honest
    first = np.mean([r.rank == 1 for r in runs])
    alarm = [np.mean([r.p <= 0.01 for r in group]) for group in (runs, honest)]
    inside = np.mean([r.low <= r.hits <= r.high for r in honest])
    mean = np.mean([r.expected for r in honest])
    likely = f"{mean:.2f} are" if mean else f"fewer than 1 in {MADE:,} centres is"
    return [
        f"* {len(runs)} elections of {PLACES} honest centres and one in one hand: it ranks first in"
        f" {first:.0%}, last at rank {max(r.rank for r in runs)}; it is above the threshold in"
        f" {np.mean([r.found for r in runs]):.0%}, and such centres are `observed` (p at most 0.01)"
        f" in {alarm[0]:.0%}.",
        f"* The same elections without it: {np.mean([r.hits for r in honest]):.2f} such centres a"
        f" run where {likely} expected; the number lies in its 95 % interval"
        f" in {inside:.0%}; they are `observed` in {alarm[1]:.0%}. At a threshold that"
        f" admits {SEVERAL:.0f} by chance there are {np.mean([r.several for r in honest]):.1f} a"
        f" run, in the interval in {np.mean([r.several_inside for r in honest]):.0%}.",
    ]


def small_lines(found: Iterable[Small]) -> list[str]:
    """What chance does in small elections."""
    lines = []
    for one in found:
        alarms = []
        for level, number in zip(LEVELS, one.alarms, strict=True):
            low, high = (
                float(v[0]) for v in proportion_interval(np.array([number]), np.array([one.runs]))
            )
            alarms.append(
                f"p at most {level:g} in {number / one.runs:.1%} ({100 * low:.1f} to"
                f" {100 * high:.1f})"
            )
        lines.append(
            f"* {one.runs} honest elections of {FEW} centres of {one.each} sheets, no hand twice:"
            f" the median pair within centres lies {one.shift:+.3f} ({one.low:+.3f} to"
            f" {one.high:+.3f}) from that of different centres, in log10; {', '.join(alarms)}."
        )
    return lines


def milliseconds(digits: Digits) -> float:
    """For describing one glyph."""
    from training import pens

    depth = pens.depths(digits.image[:2000])
    glyphs = pens.render_all(depth, [pens.plain()] * len(depth), np.random.default_rng(0))
    start = time.process_time()
    describe(glyphs)
    return 1000 * (time.process_time() - start) / len(glyphs)


def look_table(found: Iterable[tuple[str, Look]]) -> list[str]:
    """Rows of a table of forms and grades put to the test of halves."""
    lines = [
        "| sheets | form | grade | tested | digits of a half | their EER | measured | refused |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {c} | {k.form} | {k.grade} | {k.sheets} | {k.digits:.0f} | {100 * (k.eer or 0):.1f} %"
        f" | {100 * (k.measured or 0):.1f} % | {'yes' if k.refused else 'no'} |"
        for c, k in found
        if k.eer is not None
    ]
    return lines


def seen_table(found: Iterable[Seen]) -> list[str]:
    """Rows of a table of what became of sheets."""
    lines = [
        "| sheets | written | not read | in pieces | of grade good | digits read without doubt | of"
        " these, wrongly |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {s.condition} | {s.written} | {s.lost} | {s.broken} | {s.good} | {100 * s.sure:.1f} % |"
        f" {100 * s.wrong:.2f} % |"
        for s in found
    ]
    return lines


LABELS = (
    "On forms, digits stand under the class that was read, as in an audit; elsewhere, under the"
    f" true one. Here so many labels of the sheets (`{CONDITION}`) were changed to another class,"
    " any alike, and the same pairs compared again. In brackets, the middle 95 % of pairs."
)


def page(
    found: list[Row],
    became: list[str],
    tested: list[str],
    labels: list[Misread],
    centres: list[Centre],
    alone: Planted,
    few: list[Small],
    args: argparse.Namespace,
    digits: Digits,
) -> str:
    """The page."""
    made = load_manifest()
    took, pairs = seconds()
    names = ("numpy", "onnxruntime", "opencv-python-headless")
    writers = {n: c.writers for n, c in calibrations().items()}
    parts = [
        "# Telling hands apart by their digits",
        "",
        "Written by `make handwriting`. " + __doc__.split("\n\n")[1].replace("\n", " "),
        "",
        f"Writers: split `{args.split}` of NIST's digits, {len(np.unique(digits.writer))} of them,"
        " each with one form filled in one sitting with one pen, in the United States of the"
        " 1990s; pairs of two writers are of one of NIST's series. **No number here is of real"
        " sheets, of several sittings, or of hands that imitate.** The network and the model of"
        f" hands learnt from the split `train` (`{made['command']}`); ratios were calibrated on"
        f" `calibration`: {', '.join(f'{n} {w} writers' for n, w in writers.items())} (by code of"
        f" the hash `{made['calibration_code_sha256'][:12]}`). Digits on forms were read by the"
        f" reader of the graph `{Reader.load().manifest['graph_sha256'][:12]}`.",
        "",
        "What was to be reached, and whether the estimate reaches it; *as said*, the cost of the"
        " ratios that a check says, which the cap keeps from going beyond the number of writers:",
        "",
        *bar_table(found, centres),
        "",
        "## Two sheets",
        "",
        "EER: error rate where both kinds are equally frequent. Cllr: cost of the ratios in bits, 1"
        " for no evidence; least: the cost of the best ratios in the same order. `far`: first"
        " against second half of the form; `rand`: random halves; `tally`: digits as often as on"
        " tally sheets. In brackets, 95 % limits by bootstrap over writers. The ratios are those"
        " before the cap. What differs, and the calibration used: "
        + "; ".join(f"{k} ({f'`{v}`' if v else 'by grade'})" for k, v in CONDITIONS.items())
        + ".",
        "",
        *rate_table(found),
        "",
        "Sheets on forms go through all that an audit does to a scan. A fax breaks the strokes of a"
        " fine pen up into dots, and another sheet of the same hand looks otherwise. So sheets are"
        f" not compared whose digits have less than {UNBROKEN:.0%} of their ink in one piece, on"
        " average. That rule was made after faxes of writers of `test` had been looked at; the"
        " share was set on faxes of `train` and on scans and photographs of `calibration`.",
        "",
        *became,
        "",
        "The check `handwriting.same-writer` puts every form and grade to a test first, on the"
        " election's own sheets: the digits in every other box of a sheet against the rest of them,"
        " and against those of other centres' sheets. Where these halves are confused half as often"
        " again as measured, beyond chance, such scans are left out as not validated.",
        "",
        *tested,
        "",
        "## Digits misread",
        "",
        LABELS,
        "",
        *label_table(labels),
        "",
        "## Centres",
        "",
        f"{SHEETS} sheets of {DIGITS} digits, pens and scans by turns of two conditions.",
        "",
        *centre_table(centres),
        "",
        *planted_lines(alone),
        *small_lines(few),
        "",
        "## Time",
        "",
        f"{milliseconds(digits):.2f} ms to describe a glyph; {took:.0f} s to judge 5,000 centres of"
        f" 7 sheets ({pairs:,} pairs, every centre as a whole and without each sheet), one thread.",
        "",
        f"Machine: {platform.machine()}, Python {platform.python_version()}, "
        + ", ".join(f"{n} {version(n)}" for n in names)
        + f". Seed {args.seed}.",
        "",
    ]
    return "\n".join(parts)


def main() -> None:
    """Measure, print, and write the page where one is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("out/writer"))
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    digits = load_digits().of(args.split)
    found = []
    for row in rows(digits, args.seed, args.cache):
        found.append(row)
        print(rate_table([row])[-1], flush=True)
    four = sheets_of_four(digits, args.seed)
    centres = centre_rates(four, args.seed)
    print(*centre_table(centres), sep="\n", flush=True)
    alone = planted(four, args.seed, runs=args.runs)
    print(json.dumps(planted_lines(alone), indent=1), flush=True)
    few = [small(four, each, args.seed, runs=5 * args.runs) for each in (2, 3)]
    print(*small_lines(few), sep="\n", flush=True)
    tested = look_table(looks(digits, args.seed, args.cache))
    print(*tested, sep="\n", flush=True)
    labels = list(misread(digits, args.seed))
    print(*label_table(labels), sep="\n", flush=True)
    became = seen_table(seen(digits, args.seed, args.cache))
    print(*became, sep="\n", flush=True)
    text = page(found, became, tested, labels, centres, alone, few, args, digits)
    if args.markdown:
        args.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
