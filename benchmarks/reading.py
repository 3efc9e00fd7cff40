"""How well digits, fields and sheets are read, on writers, forms and machines kept apart.

Single glyphs of writers whom the reader did not learn from; then filled sheets of the same writers
as scans, photographs and faxes, through everything that happens to a scan. Intervals are over
writers, for errors come by writers.

Usage: python -m benchmarks.reading [--split SPLIT] [--sheets N] [--seed N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from training.measures import Rate

from benchmarks.reading_glyphs import all_of
from benchmarks.reading_scans import Misread, rates, together
from benchmarks.reading_sheets import HELD_OUT, SLIPS, TRAINED, sheets
from veedor.checks.transcripts import BORNE_OUT_MOST, MISREAD, MISREAD_MOST
from veedor.handwriting.digits import SPLITS, load_digits
from veedor.images.reader import Reader
from veedor.images.sheet import CLASSES

CONDITIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "scan": (TRAINED, "scan"),
    "photo": (TRAINED, "photo"),
    "scan, other forms": (HELD_OUT, "scan"),
    "photo, other forms": (HELD_OUT, "photo"),
    "fax": ((*TRAINED, *HELD_OUT), "fax"),
}
ROWS = (
    ("read", "sheets read"),
    ("unregistered", "no form found"),
    ("unreadable", "refused by the quality gate"),
    ("found", "fields found, of sheets read"),
    ("digits", "clean digits"),
    ("digit right", "right"),
    ("digit sure", "read with p of 0.99 or more"),
    ("sure wrong", "wrong among these"),
    ("nothing as 0", "empty boxes and fillers read as 0"),
    ("0 as nothing", "zeros read as empty or filler"),
    ("altered", "struck or overwritten boxes"),
    ("altered found", "found"),
    ("altered false", "clean digits taken for one"),
    ("fields", "counts that state a number"),
    ("field right", "clean ones read right by their boxes"),
    ("field joint right", "the same with the form's sums"),
    ("field sure", "read with p of 0.99 or more"),
    ("field sure wrong", "wrong among these"),
    ("right agrees", "right transcription: agrees"),
    ("right flagged", "right transcription: flagged as disagreeing"),
    ("wrong accepted", "wrong transcription: accepted as agreeing"),
    ("wrong flagged", "wrong transcription: flagged"),
)


def percent(value: float) -> str:
    """With digits enough for small rates."""
    return f"{value:.3%}" if 0 < value < 0.02 or 0.98 < value < 1 else f"{value:.1%}"


def shown(value: Rate | float | int) -> str:
    """A rate with its interval, a share, or a count."""
    if isinstance(value, Rate):
        if np.isnan(value.value):
            return "-"
        return f"{percent(value.value)} ({percent(value.low)} to {percent(value.high)})"
    return f"{value:,}" if isinstance(value, int) else percent(value)


def bar_part(glyphs: dict[str, Any], scans: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What was to be reached, and whether the estimate reaches it."""
    plain, nothing = glyphs["NIST"], [glyphs[g]["zero"] for g in ("good", "usable")]
    found: list[tuple[str, Rate | float, float, bool]] = [
        ("digits right, as NIST gives them", plain["right"], 0.995, True),
        ("their calibration error", plain["calibration error (ECE, 15 bins)"], 0.005, False),
        ("wrong among the surest 95 %", plain["wrong among the surest 95.0%"], 0.0005, False),
    ]
    for grade in ("good", "usable"):
        rate = glyphs[grade]["altered"]["found at 1 % of false alarms here"]
        found.append((f"altered boxes found at 1 % false alarms, {grade} scan", rate, 0.88, True))
    found += [
        (
            "empty or filled out, read as 0",
            max(n["nothing read as 0"] for n in nothing),
            0.01,
            False,
        ),
        (
            "0 read as empty or filled out",
            max(n["0 read as nothing"] for n in nothing),
            0.01,
            False,
        ),
    ]
    for name, one in scans.items():
        accepted, flagged = one["wrong accepted"], one["right flagged"]
        found.append((f"wrong transcription accepted, {name}", accepted, 0.002, False))
        found.append((f"right transcription flagged, {name}", flagged, 0.02, False))
    yield "## What was to be reached\n"
    yield "By the estimate; where none of n was wrong, the share may be as high as 3/n.\n"
    yield "| | measured | bar | |"
    yield "|---|---|---|---|"
    for name, rate, bar, least in found:
        value = rate.value if isinstance(rate, Rate) else rate
        met = value >= bar if least else value <= bar
        sign = "at least" if least else "at most"
        yield (
            f"| {name} | {shown(rate)} | {sign} {100 * bar:g} % |"
            f" {'met' if met else '**not met**'} |"
        )
    yield ""


def reading_table(found: dict[str, dict[str, Rate]]) -> Iterator[str]:
    yield "| | as NIST gives them | drawn anew, good scan | drawn anew, usable scan |"
    yield "|---|---|---|---|"
    plain, good, usable = found["NIST"], found["good"]["reading"], found["usable"]["reading"]
    for name in plain:
        cells = [shown(column[name]) for column in (plain, good, usable)]  # type: ignore[index]
        if "ECE" in name:
            cells = [
                f"{r.value:.4f} ({r.low:.4f} to {r.high:.4f})"
                for r in (plain[name], good[name], usable[name])  # type: ignore[index]
            ]
        yield f"| {name} | {' | '.join(cells)} |"


def confusion_table(table: dict[str, dict[str, float]]) -> Iterator[str]:
    columns = ("right digit", "other digit", *CLASSES[10:])
    yield f"| stands there | {' | '.join(columns)} | boxes |"
    yield "|---|" + "---:|" * (len(columns) + 1)
    for name, shares in table.items():
        cells = [percent(shares[c]) if shares[c] else "" for c in columns]
        yield f"| {name} | {' | '.join(cells)} | {shares['count']:,} |"


def glyph_part(found: dict[str, Any]) -> Iterator[str]:
    spread = found["spread"]
    yield "## Single digits\n"
    yield from reading_table(found)
    yield (
        f"\nOf {spread['writers']} writers, {spread['without']:.0%} have no error as NIST gives"
        f" their digits; a tenth have more than {spread['p90']:.1%}, the worst"
        f" {spread['worst']:.1%}."
    )
    for grade in ("good", "usable"):
        yield f"\n## What is no clean digit, drawn, on {grade} scans\n"
        yield from confusion_table(found[grade]["confusion"])
        zero = found[grade]["zero"]
        yield (
            f"\nEmpty boxes and fillers read as 0: {percent(zero['nothing read as 0'])}; zeros read"
            f" as one of them: {percent(zero['0 read as nothing'])}.\n"
        )
        yield "| altered boxes | share |"
        yield "|---|---|"
        for name, rate in found[grade]["altered"].items():
            yield f"| {name} | {shown(rate)} |"


def scan_part(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "\n## Whole sheets\n"
    yield (
        f"Filled sheets of the same writers through registration, cutting, reading and decoding."
        f" Corrections are more frequent than on real ones: {SLIPS.overwritten:.0%} of the boxes"
        f" written over, {SLIPS.struck:.0%} struck, {SLIPS.double:.1%} with two digits. *Other"
        f" forms* ({', '.join(HELD_OUT)}) and the fax were never used for training or tuning; the"
        f" reader never saw any of these sheets. A wrong transcription has one digit mistyped;"
        f" agreement is that of the check `images.reading`. Where none of n was wrong, drawing"
        f" writers anew says 0; the share may then be as high as 3/n.\n"
    )
    names = list(found)
    yield f"| | {' | '.join(names)} |"
    yield "|---|" + "---|" * len(names)
    yield (
        "| sheets (writers) | "
        + " | ".join(f"{found[n]['sheets']} ({found[n]['writers']})" for n in names)
        + " |"
    )
    for key, title in ROWS:
        yield f"| {title} | " + " | ".join(shown(found[n][key]) for n in names) + " |"


def misread_part(found: dict[str, Misread]) -> Iterator[str]:
    """Disagreements with right transcriptions, by family."""
    new = [one for name, one in found.items() if "other forms" in name or name == "fax"]
    everything = dict(found)
    if 1 < len(new) < len(found):
        everything["not learnt from"] = together(new)
    if len(found) > 1:
        everything["together"] = together(found.values())
    yield "\n## Disagreements by reading alone\n"
    yield (
        "What the check `images.reading` calls a disagreement though the transcription is right,"
        " beside as many as the boxes' own probabilities lead one to expect. Errors come by sheets,"
        " so that the ratio is of sheets, with its exact Poisson limits of 95 %. The check expects"
        f" {MISREAD:g} times as many as the boxes' probabilities say, and calls so many sheets"
        f" improbable by {MISREAD_MOST:g} times as many; so many with a field that is borne out, by"
        f" {BORNE_OUT_MOST:g} times as many. *Borne out* is a field where the form's sums hold with"
        " the number read, or of which the differences on its sheet cancel out. Empty fields stand"
        " beside a transcription of 0. *Not learnt from*: other forms, and the fax.\n"
    )
    yield f"| | {' | '.join(everything)} |"
    yield "|---|" + "---|" * len(everything)
    rows: tuple[tuple[str, Callable[[Misread], str]], ...] = (
        ("fields that could disagree", lambda m: f"{m.able:,}"),
        ("disagree", lambda m: f"{m.fields}"),
        ("expected by their boxes", lambda m: f"{m.fields_expected:.2f}"),
        ("borne out", lambda m: f"{m.confirmed}"),
        ("sheets on which some disagree", lambda m: f"{m.sheets}"),
        ("such sheets expected", lambda m: f"{m.sheets_expected:.2f}"),
        ("of them, by fields whose sums can be told", lambda m: f"{m.sheets_told:.2f}"),
        ("times as many as expected", lambda m: _times(m.ratio)),
    )
    for title, told in rows:
        yield f"| {title} | " + " | ".join(told(one) for one in everything.values()) + " |"


def _times(ratio: Rate) -> str:
    if np.isnan(ratio.value):
        return "-"
    return f"{ratio.value:.1f} ({ratio.low:.1f} to {ratio.high:.1f})"


def page(
    glyphs: dict[str, Any], scans: dict[str, Any], split: str, most: int, reader: Reader
) -> str:
    """The page of results."""
    manifest = reader.manifest
    head = (
        f"# Reading digits{': writers kept to the end' if split == 'reserve' else ''}\n\n"
        f"Made by `make {'reserve' if split == 'reserve' else 'reading'}` (`--sheets {most}`) on"
        f" the `{split}` writers, none of whom the"
        f" reader was trained or calibrated on. Networks: {manifest['command']}, graph"
        f" `{manifest['graph_sha256'][:12]}`. Intervals are 95 %, by drawing whole writers anew."
        " The sheets and the wear are simulated: real ones differ in more ways than were simulated."
        f"\n\n{platform.python_implementation()} {platform.python_version()}, onnxruntime"
        f" {version('onnxruntime')}, opencv {cv2.__version__}.\n\n"
    )
    body = [*bar_part(glyphs, scans), *glyph_part(glyphs)]
    if scans:
        body += scan_part(scans)
        body += misread_part({name: one["misread"] for name, one in scans.items()})
    return head + "\n".join(body) + "\n"


def _plain(value: Rate | Misread) -> Any:
    """A rate as its value and limits, a record as its numbers by name."""
    return [value.value, value.low, value.high] if isinstance(value, Rate) else asdict(value)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--sheets", type=int, default=74, help="of each layout and family, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--conditions", nargs="*", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    digits, reader = load_digits().of(args.split), Reader.load()
    glyphs = all_of(digits, reader, np.random.default_rng((args.seed, 1)))
    scans = {}
    for k, name in enumerate(CONDITIONS):
        if name not in args.conditions:
            continue
        began = time.perf_counter()
        layouts, family = CONDITIONS[name]
        rng = np.random.default_rng((args.seed, 2, k))
        some = list(sheets(digits, layouts, (family,), rng, reader, most=args.sheets))
        scans[name] = rates(some, rng)
        each = (time.perf_counter() - began) / len(some)
        print(f"{name}: {len(some)} sheets, {each:.1f} s each", file=sys.stderr)
    text = page(glyphs, scans, args.split, args.sheets, reader)
    if args.markdown:
        args.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)
    if args.json:
        plain = {"glyphs": glyphs, "scans": scans}
        args.json.write_text(json.dumps(plain, default=_plain))
    return 0


if __name__ == "__main__":
    sys.exit(main())
