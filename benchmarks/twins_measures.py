"""How many copies of sheets and pieces are found among others, and what is found wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.twins_material import Material
from benchmarks.twins_sheets import CHANGES, KINDS, Made
from veedor.images.inklayers import same_ink
from veedor.images.inkprint import Inkprint
from veedor.images.mutual import Features, features, mutual
from veedor.images.patches import glyphs_of, reused
from veedor.images.template import Template
from veedor.images.twins import SAME_PARTS, Scanned, find_twins

__all__ = ["copied", "different", "pages", "pieces"]

Result = dict[str, Any]


def filed(prints: Sequence[Inkprint | None], template: Template) -> list[Scanned]:
    """Scans of different stations."""
    return [
        Scanned(i, i, f"{i}", None, template.id, one)
        for i, one in enumerate(prints)
        if one is not None
    ]


def different(material: Material) -> Result:
    """What is found among sheets of which none is a copy."""
    made, template = material.made(), material.setting.template
    found = find_twins(filed([one.print for one in made], template), {template.id: template})
    kinds = Counter(p.how + (" (lead)" if p.detail.startswith("lead") else "") for p in found.pairs)
    hands = Counter(one.hand for one in made if one.print is not None)
    return {
        "sheets": len(made),
        "registered": hands.total(),
        "hands": len(hands),
        "nist": sum(hand.startswith("nist") for hand in hands),
        "nist_sheets": sum(n for hand, n in hands.items() if hand.startswith("nist")),
        "pairs": hands.total() * (hands.total() - 1) // 2,
        "by_one_hand": sum(n * (n - 1) // 2 for n in hands.values()),
        "boxes": sum(len(one.print.boxes) for one in made if one.print is not None),
        "found": {how: kinds.get(how, 0) for how in ("ink", "patch", "patch (lead)")},
        "details": [p.detail for p in found.pairs][:20],
        "kinds": list(_kinds(made, set(found.sparse))),
    }


def _kinds(made: Sequence[Made], sparse: set[int]) -> Iterator[Result]:
    for kind in KINDS:
        prints = {i: m.print for i, m in enumerate(made) if m.kind == kind and m.print is not None}
        if prints:
            inked = float(np.mean([len(one.boxes) for one in prints.values()]))
            hits = len(prints.keys() - sparse)
            yield {"kind": kind, "inked": inked, "hits": hits, "trials": len(prints)}


def copied(material: Material, change: str, count: int) -> Result:
    """So many sheets, changed, looked for among all sheets."""
    made, chosen = material.made(), material.copied(count)
    again = material.copies(change, count)
    prints = [*(one.print for one in made), *again]
    places = [i for i, one in enumerate(prints) if one is not None]
    known = [one for one in prints if one is not None]
    found = same_ink(known, material.setting.template.owner)
    pairs = {(places[p.a], places[p.b]) for p in found.pairs}
    wanted = {(i, len(made) + k) for k, i in enumerate(chosen) if again[k] is not None}
    return {
        "hits": len(wanted & pairs),
        "trials": len(wanted),
        "unregistered": len(chosen) - len(wanted),
        "wrong": len(pairs - wanted),
    }


def pages(material: Material, count: int) -> list[Result]:
    """Copies and different sheets laid on each other without a form."""
    rng = material.setting.rng("pages")
    able = [one for one in material.made() if one.file is not None and one.kind == "ordinary"]
    chosen = [able[i] for i in rng.permutation(len(able))[: count + 2]]
    known = [features(one.pixels) for one in chosen]
    change = CHANGES["all of these"]
    again = [features(change(one.pixels, 2.0)) for one in chosen[:-2]]
    told = sum(_one_sheet(known[i], other, known[-2:]) for i, other in enumerate(again))
    pairs = list(combinations(range(len(again)), 2))
    some = [pairs[i] for i in rng.permutation(len(pairs))[: 5 * len(again)]]
    wrong = sum(_one_sheet(known[i], known[j], known[-2:]) for i, j in some)
    return [
        {"pair": "the same sheet, all of these changes", "hits": told, "trials": len(again)},
        {"pair": "two different sheets", "hits": wrong, "trials": len(some)},
    ]


def _one_sheet(one: Features, other: Features, controls: Sequence[Features]) -> bool:
    both = (mutual(one, other, controls), mutual(other, one, controls))
    return all(found is not None and found.score >= SAME_PARTS for found in both)


def pieces(material: Material, what: str, then: str, count: int) -> list[Result]:
    """Pieces pasted onto other sheets, so many rounds of them looked for each by itself among all
    sheets: by the number of written boxes, how many are told, told with leads, and on which no form
    was found.

    `others` is the mean number of other pairs of sheets that a round told.
    """
    made, template = material.made(), material.setting.template
    base = material.base()
    place = {id(one): i for i, one in enumerate(made)}
    at = [place[id(one)] for one in base]
    done = material.pasted(what, then, count)
    told: list[tuple[int, str]] = []
    others: list[int] = []
    for number in range(1 + max((one.round for one in done), default=-1)):
        planted = [one for one in done if one.round == number]
        prints: list[Inkprint | None] = [one.print for one in made]
        for one in planted:
            prints[at[one.target]] = one.print
        rng = material.setting.rng("reused", what, then, number)
        found = reused(glyphs_of(prints, [template.owner] * len(prints)), rng)
        strictest = sorted(found, key=lambda pair: pair.level == "strict")
        levels = {(pair.a, pair.b): pair.level for pair in strictest}
        for one in planted:
            ends = sorted((at[one.source], at[one.target]))
            level = "unregistered" if one.print is None else levels.pop((ends[0], ends[1]), "")
            told.append((one.boxes, level))
        others.append(len(levels))
    return [
        {
            "boxes": boxes,
            "hits": told.count((boxes, "strict")),
            "with_leads": told.count((boxes, "strict")) + told.count((boxes, "lead")),
            "trials": sum(one[0] == boxes and one[1] != "unregistered" for one in told),
            "unregistered": told.count((boxes, "unregistered")),
            "others": float(np.mean(others)),
        }
        for boxes in sorted({one[0] for one in told})
    ]
