"""Copies of sheets and pieces of them: what is found, what is found wrongly, and how long it takes.

Sheets are simulated, in the hands of NIST's test writers and in drawn ones. See `twins_sheets`.
Each stage keeps what it made in a folder; of a run that was cut, the next one makes the rest.

Usage: python -m benchmarks.twins [--stages STAGE ...] [--sheets N] [--copies N] [--pieces N]
    [--held-out N] [--markdown FILE] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import twins_measures, twins_time
from benchmarks.stages import Stages
from benchmarks.twins_material import Lacking, Material
from benchmarks.twins_sheets import CHANGES, THEN, Setting
from veedor.stats.exact import proportion_interval

STAGES = ("sheets", "different", "copies", "pages", "pieces", "time")
MAIN = Setting("column", ("scan", "photo"), 21)
HELD_OUT = (
    Setting("bubbles", ("scan", "photo"), 31),
    Setting("ledger", ("scan", "photo"), 32),
    Setting("column", ("fax",), 33),
)
"""Forms and a family of pictures on which no threshold of this search was chosen."""
LEAST_KEPT = 200
"""Sheets, at least, whose picture is kept."""
PAGES = 60
"""Sheets, at most, that are laid on each other without a form."""
LARGE, GLYPHS = 35_000, 2_000_000
"""Sheets and digits of the runs whose time is told."""
Result = Any


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many sheets, copies of them, and pieces of each kind; `pages` sheets without a form."""

    sheets: int
    copies: int
    pieces: int
    pages: int = 0

    @property
    def keep(self) -> int:
        """Sheets whose picture is kept: copies are of these, pieces are pasted among these."""
        return min(max(2 * self.copies, LEAST_KEPT), self.sheets)


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of one setting; None for what is lacking."""

    setting: Setting
    sizes: Sizes
    different: Result
    copies: dict[str, Result]
    pages: Result
    pieces: dict[tuple[str, str], Result]


@dataclass(slots=True)
class Bench:
    """Runs the stages.

    Attributes
    ----------
    lacking : stages that were not wanted and of which something is not there
    """

    stages: Stages
    lacking: set[str] = field(default_factory=set)

    def get(self, stage: str, module: str, make: Callable[[], Any], **given: Any) -> Result:
        """A result, or None."""
        try:
            found = self.stages.result(stage, module, make, **given)
        except Lacking as error:
            self.lacking.add(str(error))
            return None
        if found is None:
            self.lacking.add(stage)
            return None
        return found["result"]

    def measured(self, setting: Setting, sizes: Sizes) -> Measured:
        """Everything about the sheets of a setting."""
        material = Material(self.stages, setting, sizes.sheets, sizes.keep)
        about, module = material.given, twins_measures.__name__
        copied, pasted, laid = sizes.copies, sizes.pieces, sizes.pages
        return Measured(
            setting,
            sizes,
            self.get("different", module, lambda: twins_measures.different(material), **about),
            {
                change: self.get(
                    "copies", module,
                    lambda change=change: twins_measures.copied(material, change, copied),
                    change=change, count=copied, **about,
                )
                for change in CHANGES
            },
            self.get(
                "pages", module, lambda: twins_measures.pages(material, laid), count=laid, **about
            ) if laid else (),
            {
                (what, then): self.get(
                    "pieces", module,
                    lambda what=what, then=then: twins_measures.pieces(
                        material, what, then, pasted
                    ),
                    what=what, then=then, count=pasted, **about,
                )
                for what in ("field", "box") for then in (THEN if pasted else ())
            },
        )  # fmt: skip

    def timed(self, what: str, number: int) -> Result:
        """Time and memory of a run of its own."""
        module = twins_time.__name__
        return self.get("time", module, lambda: twins_time.timed(what, number),
                        what=what, number=number, cores=os.cpu_count())  # fmt: skip


# Words and tables


def of(hits: int, trials: int) -> list[str]:
    """Two cells: how many of how many, and the share with its limits."""
    if not trials:
        return ["0 of 0", ""]
    low, high = proportion_interval(np.array([hits]), np.array([trials]))
    share = f"{100 * hits / trials:.1f} % ({100 * low[0]:.1f} to {100 * high[0]:.1f})"
    return [f"{hits:,} of {trials:,}", share]


def most(hits: int, trials: int) -> float:
    """The upper 95 % limit of a share."""
    return float(proportion_interval(np.array([hits]), np.array([trials]), 0.9)[1][0])


def table(heads: tuple[str, ...], rows: Iterator[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def honest(found: Result) -> list[str]:
    """What was found among sheets of which none is a copy."""
    wrong = found["found"]
    return [
        f"{found['sheets']:,} different sheets of one form, {found['registered']:,} of them"
        f" registered, by {found['hands']} hands ({found['nist']} of NIST's test writers with"
        f" {found['nist_sheets']} sheets, the others drawn): {found['pairs']:,} pairs,"
        f" {found['by_one_hand']:,} of them by one hand; {found['boxes']:,} written boxes.",
        "",
        "False pairs: " + ", ".join(f"{n} {how}" for how, n in wrong.items())
        + f". At most {most(wrong['ink'], found['pairs']):.1e} of pairs are told by their ink, at"
        " 95 %.",
    ]  # fmt: skip


def sparse(found: Result) -> Iterator[list[str]]:
    """Kinds of sheets, and how many could be compared."""
    for row in found["kinds"]:
        yield [row["kind"], f"{row['inked']:.1f}", *of(row["hits"], row["trials"])]


def copies(found: dict[str, Result]) -> Iterator[list[str]]:
    """Changes, and the copies found after them."""
    for change, row in found.items():
        yield [change, *of(row["hits"], row["trials"]), str(row["unregistered"]), str(row["wrong"])]


def pieces(found: dict[tuple[str, str], Result]) -> Iterator[list[str]]:
    """Pieces by their kind, their written boxes, and what was done afterwards."""
    for (what, then), rows in found.items():
        for row in rows:
            yield [what, str(row["boxes"]), then, *_piece(row)]


def _piece(row: Result) -> list[str]:
    return [
        *of(row["hits"], row["trials"]), f"{row['with_leads']} of {row['trials']}",
        str(row["unregistered"]), f"{row['others']:.1f}",
    ]  # fmt: skip


PIECE_HEADS = ("found", "share", "with leads", "without a form", "other finds")


def single(found: dict[tuple[str, str], Result]) -> str:
    """What becomes of single boxes, in a sentence."""
    rows = {then: rows for (what, then), rows in found.items() if what == "box"}
    parts = [
        f"{sum(r['hits'] for r in some)} of {sum(r['trials'] for r in some)} after {then}"
        for then, some in rows.items()
    ]
    return ", ".join(parts)


# Held out


def held_out(all_of: list[Measured]) -> list[str]:
    """What holds of forms and pictures on which nothing was chosen."""
    return [
        "## Forms and pictures on which nothing was chosen",
        "",
        "The forms `bubbles` and `ledger`, and pictures as fax machines give them: no threshold of"
        " this search was chosen on them. Digits are again of NIST's test writers, as far as they"
        " go, and of other drawn hands than above. A first run on sixty sheets of each told six"
        " leads on two sheets: a fold, and a line that a fax machine lost, across the empty boxes"
        " of a field. Since then ink lower than 2 mm is searched no more, dashes and such lines.",
        "",
        *table(("form", "pictures", "sheets", "registered", "pairs", "false: ink", "patch",
                "patch (lead)"), (_false(one) for one in all_of)),
        "",
        *table(("form", "pictures", "change", "found", "share", "without a form", "false pairs"),
               ([*_where(one), *row] for one in all_of for row in copies(one.copies))),
        "",
        "Fields of one to four written boxes together. Nothing is pasted between faxes, each of"
        " which has a resolution of its own.",
        "",
        *table(("form", "pictures", "piece", "then", *PIECE_HEADS),
               ([*_where(one), *row] for one in all_of for row in _together(one))),
        "",
    ]  # fmt: skip


def _where(one: Measured) -> list[str]:
    return [f"`{one.setting.form}`", ", ".join(dict.fromkeys(one.setting.families))]


def _false(one: Measured) -> list[str]:
    found = one.different
    numbers = (found["sheets"], found["registered"], found["pairs"], *found["found"].values())
    return [*_where(one), *(f"{n:,}" for n in numbers)]


def _together(one: Measured) -> Iterator[list[str]]:
    for (what, then), rows in one.pieces.items():
        names = ("hits", "trials", "with_leads", "unregistered")
        whole = {name: sum(row[name] for row in rows) for name in names}
        yield [what, then, *_piece(whole | {"others": rows[0]["others"] if rows else 0.0})]


# The page


def time_rows(sheets: Result, glyphs: Result) -> Iterator[list[str]]:
    """Searches, with their time and memory."""
    yield [f"({LARGE:,} sheets, made up)", f"{sheets['making']:.0f} s", "",
           f"{sheets['held']:.1f} GiB"]  # fmt: skip
    yield ["their ink", f"{sheets['ink']:.0f} s", f"{sheets['ink_pairs']} pairs",
           f"{sheets['ink_peak']:.1f} GiB"]  # fmt: skip
    yield [f"their pieces, {sheets['boxes']:,} boxes", f"{sheets['pieces']:.0f} s",
           f"{sheets['finds']} finds", f"{sheets['peak']:.1f} GiB"]  # fmt: skip
    share = 100 * glyphs["nearest"] / glyphs["copied"]
    yield [f"neighbours of {GLYPHS:,} digits", f"{glyphs['seconds']:.0f} s",
           f"{share:.1f} % of {glyphs['copied']:,} copies are the nearest",
           f"{glyphs['peak']:.1f} GiB"]  # fmt: skip


def page(main: Measured, others: list[Measured], sheets: Result, glyphs: Result) -> str:
    """The page, in Markdown."""
    return "\n".join([
        "# Re-used images: what is found, and what is found wrongly",
        "",
        "Made by `make twins`. All sheets are simulated; nothing here is a measurement on real"
        " scans. In brackets exact 95 % limits. Thresholds were set on sheets of other seeds: among"
        " 2,000 of these, two sheets of eight zeros had a correlation of 0.88 and were told as one;"
        " since then sheets with fewer than twelve written boxes are told by their private parts,"
        " or by a correlation of at least 0.95.",
        "",
        "## Different sheets",
        "",
        *honest(main.different),
        "",
        *table(("sheets", "boxes written, mean", "compared", "share"), sparse(main.different)),
        "",
        "## Copies of whole sheets",
        "",
        f"Each change on {main.sizes.copies} sheets; their copies are looked for among all sheets."
        " Without a form: copies on which no form was found, which are not in the share.",
        "",
        *table(("change", "found", "share", "without a form", "false pairs"), copies(main.copies)),
        "",
        "Scans on which no form is found, laid on each other with two further scans that tell what"
        " is print:",
        "",
        *table(("pair", "told as one sheet", "share"),
               ([row["pair"], *of(row["hits"], row["trials"])] for row in main.pages)),
        "",
        "## Pieces",
        "",
        "Fields of scanned sheets of NIST's writers, and single boxes, pasted by whole pixels onto"
        " another of them, twenty at a time, and looked for among all sheets. The boxes are those"
        " of the piece that are written in. Other finds: pairs of sheets, a round, that share"
        " nothing.",
        "",
        *table(("piece", "boxes", "then", *PIECE_HEADS), pieces(main.pieces)),
        "",
        f"**A single box that was copied is mostly not told**: {single(main.pieces)}. A plain"
        " stroke or a round zero has its like in the same hand, and what is as near by chance must"
        " not be told. What is told is a field, or an unusual figure. Among more sheets more"
        " figures come near by chance, so that fewer single boxes are to be expected there.",
        "",
        *(held_out(others) if others else ()),
        "## Time",
        "",
        f"Processor time, on all of {os.cpu_count()} cores together, with made-up ink; the most"
        " memory of the process until then, in which the sheets' ink lies from the first row on.",
        "",
        *table(("search", "time", "result", "most memory"), time_rows(sheets, glyphs)),
        "",
        f"Python {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}.",
        "",
    ])  # fmt: skip


def main() -> None:
    """Run the stages that are wanted, and write the page once nothing is lacking."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--sheets", type=int, default=2_000)
    parser.add_argument("--copies", type=int, default=200, help="sheets that are copied")
    parser.add_argument("--pieces", type=int, default=100, help="pieces of each kind")
    parser.add_argument("--held-out", type=int, default=200,
                        help="sheets of each form on which nothing was chosen")  # fmt: skip
    parser.add_argument("--folder", type=Path, default=Path("out/twins"))
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    bench = Bench(Stages(given.folder, given.stages, lambda line: print(line, flush=True)))
    pages_ = min(given.copies, PAGES)
    found = bench.measured(MAIN, Sizes(given.sheets, given.copies, given.pieces, pages_))
    others = []
    for setting in HELD_OUT if given.held_out else ():
        pasted = 0 if setting.families == ("fax",) else min(given.pieces, 60)
        sizes = Sizes(given.held_out, min(given.copies, given.held_out // 4), pasted)
        others.append(bench.measured(setting, sizes))
    sheets, glyphs = bench.timed("sheets", LARGE), bench.timed("glyphs", GLYPHS)
    if bench.lacking:
        parser.exit(0, f"no page: stages not there: {', '.join(sorted(bench.lacking))}\n")
    text = page(found, others, sheets, glyphs)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
