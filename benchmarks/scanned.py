"""Alarms of the checks of scans on simulated elections, and what they find of what was planted.

Honest elections and drills are written with pictures of all sheets, by scanner and by telephone,
and audited as an audit does it. An alarm is the status `observed`.

Usage: python -m benchmarks.scanned [--honest N] [--drills N] [--split SPLIT] [--seed N]
    [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.nights import interval
from veedor.audit.findings import Fact
from veedor.audit.plan import applicable, chosen, read
from veedor.audit.run import run_checks
from veedor.case.loading import load_case
from veedor.handwriting.digits import SPLITS
from veedor.simulate import load, write_case
from veedor.simulate.sheets.plan import SheetPlan

CHECKS = (
    "images.reading",
    "images.duplicate",
    "handwriting.same-writer",
    "handwriting.delegate",
    "sheets.blank-not-zero",
)
HONEST, DRILL = "sheets-honest", "sheets-drill"
FAMILIES = ("scan", "photo")
SOUGHT: dict[str, tuple[str, str]] = {
    "one-hand": ("handwriting.same-writer", "questioned"),
    "other-pen": ("handwriting.same-writer", "questioned"),
    "one-odd": ("handwriting.same-writer", "questioned"),
    "same-pen": ("handwriting.same-writer", "questioned"),
    "clerk-names": ("handwriting.same-writer", "questioned"),
    "delegate-writes": ("handwriting.delegate", "questioned"),
    "reused-image": ("images.duplicate", "questioned"),
    "copied-field": ("images.duplicate", "questioned"),
    "copied-digit": ("images.duplicate", "questioned"),
    "swapped-images": ("images.reading", "other code"),
    "mistyped": ("images.reading", "disagrees"),
    "altered": ("images.reading", "written over or struck"),
}
"""What is planted -> the check that is meant for it, and what of its findings must name it."""
SEVERAL = ("one-hand", "one-odd", "other-pen")
"""Found where two sheets of the centre are named; the others, where one is."""
INNOCENT = ("same-pen", "clerk-names")
"""Which no check must name."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What the checks said of one election, and what is true of it.

    Attributes
    ----------
    facts : check -> its findings
    named : check, part of its findings -> official codes of the stations
    truth : of the sheets, as in truth.json
    official : the official count
    """

    facts: Mapping[str, Sequence[Fact]]
    named: Mapping[tuple[str, str], frozenset[str]]
    truth: Mapping[str, Any]
    official: str


def audited(scenario: str, seed: int, split: str) -> Audited:
    """Write an election with its sheets, and run the checks of scans on it."""
    made = load(scenario)
    election, truth = made.make(seed, None)
    plan = replace(made.sheets or SheetPlan(), split=split, families=FAMILIES)
    with tempfile.TemporaryDirectory(prefix="veedor-scanned-") as name:
        folder = Path(name)
        path = write_case(
            election, folder / "case", title=scenario, id=scenario, seed=seed, truth=truth,
            sheets=plan,
        )  # fmt: skip
        told = json.loads(path.with_name("truth.json").read_text("utf-8"))["sheets"]
        case = load_case(path)
        evidence, _ = read(case, folder, jobs=1)
        runs, _ = applicable(evidence, chosen(CHECKS))
        facts: dict[str, list[Fact]] = {}
        sids: dict[tuple[str, str], list[int]] = {}
        for one in run_checks(evidence, runs, seed):
            check, fact = one.check.id, one.fact
            facts.setdefault(check, []).append(fact)
            if check == "images.reading" and fact.subject not in ("", case.official):
                continue
            for part, some in _parts(fact):
                sids.setdefault((check, part), []).extend(some)
        named = {}
        for key, some in sids.items():
            rows = evidence.describe(np.unique(np.array([s for s in some if s >= 0], np.int64)))
            named[key] = frozenset(map(str, rows["station"]))
        evidence.con.disconnect()
    return Audited(facts, named, told, case.official)


def _parts(fact: Fact) -> Iterable[tuple[str, list[int]]]:
    """Station numbers in the parts of a finding: what it questions, its rows, their kinds."""
    if fact.questioned is not None:
        yield "questioned", fact.questioned.tolist()
    if fact.status not in ("observed", "not-determinable") or not fact.rows:
        return
    sid = np.asarray(fact.rows["sid"], dtype=np.int64)
    yield "rows", sid.tolist()
    for what in np.unique(fact.rows.get("what", np.array([], dtype=object)).astype(str)).tolist():
        yield what, sid[fact.rows["what"] == what].tolist()
    if "other_code" in fact.rows:
        yield "other code", sid[np.asarray(fact.rows["other_code"]) == 1].tolist()


@dataclass(slots=True)
class Tally:
    """How often something was so, of how many times."""

    seen: int = 0
    of: int = 0

    def add(self, seen: int, of: int = 1) -> None:
        """Count it."""
        self.seen += seen
        self.of += of

    def cells(self) -> str:
        """Two cells of a table."""
        low, high = interval(self.seen, self.of)
        return f"{self.seen} of {self.of} | {low:.1%} to {high:.1%}"


def alarms(elections: Iterable[Audited]) -> dict[str, Tally]:
    """Check and subject -> honest elections on which something is observed that is not so.

    Descriptions accuse nobody and are left out, and so are counts but the official one, in which
    numbers may truly differ from the sheets. What that one records otherwise than its sheet is an
    alarm where the sheet has the number that was recorded.
    """
    found: dict[str, Tally] = {}
    for one in elections:
        truth = {entry["station"] for entry in one.truth["transcription"]}
        wrong = one.named.get(("images.reading", "questioned"), frozenset()) - truth
        for check, facts in one.facts.items():
            for fact in facts:
                reading = check == "images.reading"
                if (
                    fact.kind == "descriptive"
                    or fact.status in ("not-applicable", "void")
                    or (reading and fact.subject != one.official)
                ):
                    continue
                key = f"`{check}`" + (f" ({fact.subject})" if fact.subject else "")
                seen = fact.status == "observed" and (bool(wrong) or not reading)
                found.setdefault(key, Tally()).add(int(seen))
    return found


def found_of(elections: Iterable[Audited]) -> tuple[dict[str, Tally], dict[str, Tally]]:
    """Kind of plant -> how many were found; check -> stations it names in which nothing is planted
    that it could be meant for, of all such.
    """
    planted: dict[str, Tally] = {}
    innocent: dict[str, Tally] = {}
    for one in elections:
        meant: dict[str, set[str]] = {}
        for plant in one.truth["planted"]:
            kind, values = plant["kind"], plant["values"]
            if kind not in SOUGHT:
                continue
            check, part = SOUGHT[kind]
            stations = set(plant["stations"]) - {values.get("odd")}
            named = stations & one.named.get((check, part), frozenset())
            planted.setdefault(kind, Tally()).add(len(named) >= (2 if kind in SEVERAL else 1))
            if kind not in INNOCENT:
                meant.setdefault(check, set()).update(stations, {values.get("source", "")})
        meant.setdefault("images.reading", set()).update(
            entry["station"] for entry in one.truth["transcription"]
        )
        # Whose picture is filed under another station is read as that one's.
        copies = meant.setdefault("images.duplicate", set())
        copies.update(
            name
            for plant in one.truth["planted"]
            if plant["kind"] == "swapped-images"
            for name in plant["stations"]
        )
        everyone = {sheet["station"] for sheet in one.truth["sheets"]}
        for check in CHECKS[:-1]:
            free = everyone - meant.get(check, set()) - copies
            named = free & one.named.get((check, "questioned"), frozenset())
            innocent.setdefault(check, Tally()).add(len(named), len(free))
    return planted, innocent


def page(
    honest: Mapping[str, Tally],
    planted: Mapping[str, Tally],
    innocent: Mapping[str, Tally],
    args: argparse.Namespace,
) -> str:
    """The page of the docs."""
    lines = [
        "# Alarms on simulated elections with scans",
        "",
        f"Made by `make scanned`: {args.honest} honest elections (`{HONEST}`) and {args.drills}"
        f" drills (`{DRILL}`) of 160 stations each, seeds from {args.seed}, in the hands of NIST's"
        f" writers of the split `{args.split}` (and of drawn ones where these have no digits left),"
        f" pictured by {' and '.join(FAMILIES)}, and audited whole. An alarm is the status"
        " *observed*. Intervals are exact, 95 %, as if each trial stood alone; elections share"
        " writers. Real sheets differ in more ways than the simulator knows."
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
        "Of `images.reading`, an alarm questions a sheet whose numbers the official count has"
        " right.",
        "",
        "| check | alarms | interval |",
        "|---|---:|---|",
    ]
    lines += [f"| {name} | {one.cells()} |" for name, one in sorted(honest.items())]
    lines += [
        "",
        "## Drills: what was planted",
        "",
        "Found is what the check meant for it names: two sheets of a centre in one hand, the sheet"
        " with a copied picture among the questioned ones, a number that disagrees. "
        + " and ".join(f"`{kind}`" for kind in INNOCENT)
        + " are innocent, and ought not to be named. What each is, [sheets](sheets.md) says.",
        "",
        "| planted | check | named | interval |",
        "|---|---|---:|---|",
    ]
    lines += [f"| {kind} | `{SOUGHT[kind][0]}` | {one.cells()} |" for kind, one in planted.items()]
    lines += [
        "",
        "## Drills: sheets in which nothing of the kind was planted",
        "",
        "| check | questioned | interval |",
        "|---|---:|---|",
    ]
    lines += [f"| `{check}` | {one.cells()} |" for check, one in innocent.items()]
    return "\n".join([*lines, ""])


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

    planted, innocent = found_of(some(DRILL, args.drills))
    text = page(alarms(some(HONEST, args.honest)), planted, innocent, args)
    print(text)
    if args.markdown:
        args.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
